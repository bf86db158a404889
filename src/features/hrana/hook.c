/* SPDX-License-Identifier: Apache-2.0 */
/* With --test-hooks the SQL texts `.close_ws` and `.close_tcp` break the connection: how suites of clients see that
 * happen. The request that holds one does nothing else. Over HTTP there is no WebSocket to close, so there `.close_ws`
 * is a syntax error like any other. */
#include "core/app.h"
#include "features/hrana/hrana_int.h"

static hrana_hook of_stmt(const hrana_stmt *stmt) {
    if (!stmt->has_sql) return HRANA_HOOK_NONE;
    if (trib_str_eq_c(stmt->sql, ".close_ws")) return HRANA_HOOK_CLOSE_WS;
    return trib_str_eq_c(stmt->sql, ".close_tcp") ? HRANA_HOOK_CLOSE_TCP : HRANA_HOOK_NONE;
}

static hrana_hook of_batch(const hrana_batch *batch) {
    hrana_hook hook = HRANA_HOOK_NONE;
    for (size_t i = 0; i < batch->count && hook == HRANA_HOOK_NONE; i++) hook = of_stmt(&batch->steps[i].stmt);
    return hook;
}

hrana_hook hrana_hook_of(const trib_app *app, const hrana_request *request) {
    if (!app->settings.test_hooks) return HRANA_HOOK_NONE;
    hrana_hook hook = of_stmt(&request->stmt);
    return hook == HRANA_HOOK_NONE ? of_batch(&request->batch) : hook;
}

bool hrana_hook_drops(const hrana_exec *x) {
    const trib_app *app = x->http->app;
    if (!app->settings.test_hooks) return false;
    for (size_t i = 0; i < x->pipeline.count; i++) {
        if (hrana_hook_of(app, &x->pipeline.requests[i]) == HRANA_HOOK_CLOSE_TCP) return true;
    }
    return x->decoded && of_batch(x->decoded) == HRANA_HOOK_CLOSE_TCP;
}
