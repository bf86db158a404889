/* SPDX-License-Identifier: Apache-2.0 */
/* The log of slow statements; see slow.h. */
#include "core/slow.h"

void trib_slow_end(trib_slow *slow, const trib_app *app, const trib_tenant *tenant, trib_str request_id, trib_str sql,
                   const trib_stmt *stmt, trib_code code) {
    trib_stmt_counts counts = {0};
    uint32_t limit_ms = app->settings.slow_statement_ms;
    if (limit_ms == 0) return;
    slow->run_ns += trib_env_mono_ns(app->env) - slow->since_ns;
    if (code == TRIB_AGAIN) return;
    int64_t run_ms = slow->run_ns / 1000000;
    *slow = (trib_slow){0};
    if (run_ms < (int64_t)limit_ms) return;
    if (stmt) trib_stmt_get_counts(stmt, &counts);
    trib_log_event(app->log, TRIB_LOG_WARN, "slow_statement", TRIB_LOG_C("tenant", tenant->name),
                   TRIB_LOG_S("request_id", request_id), TRIB_LOG_I("duration_ms", run_ms),
                   TRIB_LOG_U("rows_read", counts.rows_read), TRIB_LOG_U("rows_written", counts.rows_written),
                   TRIB_LOG_C("code", code == TRIB_OK ? "OK" : trib_code_text(code)),
                   TRIB_LOG_S("sql", trib_str_sub(sql, 0, TRIB_SLOW_SQL_MAX_BYTES)));
}
