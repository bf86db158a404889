/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions on the database `streams`: who asks, begin, commit, and once more where something has to be written that
 * was to be read only (stream.h). */
#include <string.h>

#include "core/auth.h"
#include "core/stream.h"
#include "core/tenant.h"

trib_code trib_stream_txn_run(trib_stream_txn *txn, bool *begun, trib_code (*body)(void *ctx, trib_error *err),
                              void *ctx, trib_error *err) {
    trib_code code = TRIB_OK;
    if (!*begun) {
        trib_arena_reset(txn->arena);
        const char *begin = txn->writes ? "BEGIN IMMEDIATE" : "BEGIN";
        code = trib_stmt_run(txn->handle, begin, NULL, 0, NULL, NULL, err);
        if (code != TRIB_OK) return code; /* AGAIN: the turn is not there yet */
        *begun = true;
    }
    bool wrote = txn->writes;
    code = body(ctx, err);
    if (code == TRIB_OK && txn->arena->failed) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) return trib_stmt_run(txn->handle, "COMMIT", NULL, 0, NULL, NULL, err);
    trib_error ignored;
    (void)trib_stmt_run(txn->handle, "ROLLBACK", NULL, 0, NULL, NULL, &ignored);
    *begun = false;
    if (code != TRIB_AGAIN || wrote) return code;
    return trib_stream_txn_run(txn, begun, body, ctx, err); /* once: one that may write does not ask again */
}

/* Who names the database itself sees everything; who names a tenant sees that tenant's streams. */
trib_code trib_stream_txn_name_asker(trib_stream_txn *txn, const trib_http_request *http, bool *ret_may_write,
                                     trib_error *err) {
    int64_t now_ms = trib_env_wall_ms(http->app->env);
    const trib_tenant *tenant = http->tenant;
    trib_code code = trib_may(http->principal, tenant, TRIB_ACTION_READ, now_ms, err);
    if (code != TRIB_OK) return code;
    *ret_may_write = trib_may(http->principal, tenant, TRIB_ACTION_WRITE, now_ms, NULL) == TRIB_OK;
    if (tenant->system && trib_str_eq_c(TRIB_STR("streams"), tenant->id)) return TRIB_OK;
    if (tenant->system)
        return trib_error_set(err, TRIB_BAD_REQUEST, "the database \"%s\" has no streams; name a tenant, or streams",
                              tenant->name);
    txn->tenant_id = trib_str_c(tenant->id);
    txn->tenant_name = trib_arena_dup(http->arena, trib_str_c(tenant->name));
    return txn->tenant_name.ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}
