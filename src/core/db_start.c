/* SPDX-License-Identifier: Apache-2.0 */
/* See db_start.h: the store's way of a job (open, handle, enter, leave, gate), walked on the calling thread. */
#include <stdatomic.h>

#include "core/db_start.h"

/* A checkpoint of what the last stop has left may have the turn. It ends within milliseconds on a thread of its own,
 * and this one has nothing else to do: it looks until the turn is its own. The bound stops a start that would hang. */
#define LOOKS_MAX UINT64_C(4000000000)

typedef struct turn_wait {
    trib_turn_waiter waiter; /* first */
    _Atomic int code;        /* AGAIN until it is granted */
} turn_wait;

static void granted(trib_turn_waiter *waiter, trib_code code) {
    atomic_store(&((turn_wait *)(void *)waiter)->code, (int)code);
}

static trib_code wait_turn(trib_handle *handle, trib_error *err) {
    turn_wait wait = {.waiter = {.granted = granted}, .code = TRIB_AGAIN};
    trib_code code = trib_turn_wait(handle, &wait.waiter, err);
    if (code != TRIB_AGAIN) return code;
    for (uint64_t i = 0; i < LOOKS_MAX && atomic_load(&wait.code) == TRIB_AGAIN; i++) {}
    if (atomic_load(&wait.code) == TRIB_AGAIN && trib_turn_cancel(handle, &wait.waiter))
        return trib_error_set(err, TRIB_INTERNAL, "a database of the server is in use while the server starts");
    while (atomic_load(&wait.code) == TRIB_AGAIN) {} /* it is being granted */
    code = (trib_code)atomic_load(&wait.code);
    return code == TRIB_OK ? code : trib_error_set(err, code, NULL);
}

trib_code trib_db_start_run(trib_handle *handle, const char *sql, const trib_arg *args, size_t arg_count,
                            trib_code (*row)(void *, const trib_stmt *, trib_error *), void *ctx, trib_error *err) {
    trib_code code = trib_stmt_run(handle, sql, args, arg_count, row, ctx, err);
    if (code != TRIB_AGAIN) return code;
    code = wait_turn(handle, err);
    return code == TRIB_OK ? trib_stmt_run(handle, sql, args, arg_count, row, ctx, err) : code;
}

/* ---- until it is durable ---- */

typedef struct blocking_wait {
    trib_gate_waiter waiter; /* first */
    const trib_env *env;
    trib_mutex *lock;
    trib_cond *cond;
    bool resolved;
    trib_code code;
} blocking_wait;

static void wake(trib_gate_waiter *waiter, trib_code code) {
    blocking_wait *wait = (blocking_wait *)(void *)waiter;
    trib_mutex_lock(wait->env, wait->lock);
    wait->resolved = true;
    wait->code = code;
    trib_cond_signal(wait->env, wait->cond);
    trib_mutex_unlock(wait->env, wait->lock);
}

static trib_code wait_durable(const trib_env *env, trib_db *db, uint64_t ticket, trib_error *err) {
    blocking_wait wait = {.waiter = {.resolved = wake}, .env = env};
    trib_code code = TRIB_NOMEM;
    wait.lock = trib_mutex_new(env);
    wait.cond = trib_cond_new(env);
    if (wait.lock && wait.cond) code = trib_gate_wait(db, ticket, &wait.waiter);
    if (code == TRIB_AGAIN) {
        trib_mutex_lock(env, wait.lock);
        while (!wait.resolved) trib_cond_wait(env, wait.cond, wait.lock, -1);
        trib_mutex_unlock(env, wait.lock);
        code = wait.code;
    }
    trib_cond_free(env, wait.cond);
    trib_mutex_free(env, wait.lock);
    return code == TRIB_OK ? code : trib_error_set(err, code, NULL);
}

trib_code trib_db_start(trib_app *app, const trib_tenant *tenant,
                        trib_code (*work)(void *, trib_handle *, trib_error *), void *ctx, trib_error *err) {
    trib_session_vars vars = {0};
    trib_handle *handle = NULL;
    trib_db *db = NULL;
    trib_db_settings settings = trib_tenant_db_settings(tenant);
    trib_code code = trib_store_db_get(app->store, trib_str_c(tenant->id), &settings, &db, err);
    if (code == TRIB_OK) code = trib_handle_take(db, &handle, err);
    if (code == TRIB_OK) {
        code = trib_handle_enter(handle, TRIB_ACCESS_SYSTEM, &vars, err);
        if (code == TRIB_OK) code = work(ctx, handle, err);
        uint64_t ticket = trib_handle_ticket(handle);
        trib_handle_leave(handle);
        trib_handle_give(handle);
        if (code == TRIB_OK) code = wait_durable(app->env, db, ticket, err);
    }
    trib_db_unref(db);
    return code;
}
