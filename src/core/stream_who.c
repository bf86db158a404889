/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks about streams by HTTP (stream.h). */
#include "core/auth.h"
#include "core/stream.h"
#include "core/tenant.h"

trib_code trib_stream_name_asker(trib_http_request *http, const trib_tenant *streams, trib_stream_txn *txn,
                                 bool *ret_may_write, trib_error *err) {
    int64_t now_ms = trib_env_wall_ms(http->app->env);
    trib_code code = trib_may(http->principal, http->tenant, TRIB_ACTION_READ, now_ms, err);
    if (code != TRIB_OK) return code;
    *ret_may_write = trib_may(http->principal, http->tenant, TRIB_ACTION_WRITE, now_ms, NULL) == TRIB_OK;
    if (http->tenant == streams) return TRIB_OK;
    if (http->tenant->system)
        return trib_error_set(err, TRIB_BAD_REQUEST, "the database \"%s\" has no streams; name a tenant, or streams",
                              http->tenant->name);
    txn->tenant_id = trib_str_c(http->tenant->id);
    txn->tenant_name = trib_arena_dup(http->arena, trib_str_c(http->tenant->name));
    return txn->tenant_name.ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}
