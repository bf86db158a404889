/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions on the database `streams`: who asks, begin, commit, and once more where something has to be written that
 * was to be read only (stream.h). */
#include <string.h>

#include "core/auth.h"
#include "core/stream.h"
#include "core/tenant.h"

static trib_code run(trib_stream_txn *txn, trib_code (*body)(void *ctx, trib_error *err), void *ctx, trib_error *err) {
    trib_code code = TRIB_OK;
    if (!txn->begun) {
        if (!txn->keeps_arena) trib_arena_reset(txn->arena);
        const char *begin = txn->writes ? "BEGIN IMMEDIATE" : "BEGIN";
        code = trib_stmt_run(txn->handle, begin, NULL, 0, NULL, NULL, err);
        if (code != TRIB_OK) return code; /* AGAIN: the turn is not there yet */
        txn->begun = true;
    }
    bool wrote = txn->writes;
    code = body(ctx, err);
    if (code == TRIB_OK && txn->arena->failed) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) return trib_stmt_run(txn->handle, "COMMIT", NULL, 0, NULL, NULL, err);
    trib_error ignored;
    (void)trib_stmt_run(txn->handle, "ROLLBACK", NULL, 0, NULL, NULL, &ignored);
    txn->begun = false;
    if (code != TRIB_AGAIN || wrote) return code;
    return run(txn, body, ctx, err); /* once: one that may write does not ask again */
}

trib_code trib_stream_txn_run(trib_stream_txn *txn, trib_db_job *job, trib_handle *handle,
                              trib_code (*body)(void *ctx, trib_error *err), void *ctx, trib_error *err) {
    trib_code code = trib_db_job_take_pending(job, err);
    txn->handle = handle;
    return code == TRIB_OK ? run(txn, body, ctx, err) : code;
}

trib_code trib_stream_name_asker(const trib_app *app, const trib_principal *principal, const trib_tenant *tenant,
                                 trib_str *ret_id, trib_str *ret_name, trib_error *err) {
    *ret_id = *ret_name = (trib_str){0};
    trib_code code = trib_may(principal, tenant, TRIB_ACTION_READ, trib_env_wall_ms(app->env), err);
    if (code != TRIB_OK || (tenant->system && trib_str_eq_c(TRIB_STR("streams"), tenant->id))) return code;
    if (tenant->system)
        return trib_error_set(err, TRIB_BAD_REQUEST, "the database \"%s\" has no streams; name a tenant, or streams",
                              tenant->name);
    *ret_id = trib_str_c(tenant->id);
    *ret_name = trib_str_c(tenant->name);
    return TRIB_OK;
}

trib_code trib_stream_txn_name_asker(trib_stream_txn *txn, const trib_http_request *http, bool *ret_may_write,
                                     trib_error *err) {
    trib_str name;
    trib_code code = trib_stream_name_asker(http->app, http->principal, http->tenant, &txn->tenant_id, &name, err);
    if (code != TRIB_OK) return code;
    *ret_may_write =
        trib_may(http->principal, http->tenant, TRIB_ACTION_WRITE, trib_env_wall_ms(http->app->env), NULL) == TRIB_OK;
    if (!name.ptr) return TRIB_OK;
    txn->tenant_name = trib_arena_dup(http->arena, name);
    return txn->tenant_name.ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}
