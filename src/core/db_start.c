/* SPDX-License-Identifier: Apache-2.0 */
/* See db_start.h: the store's way of a job (open, handle, enter, leave, gate), walked on the calling thread. */
#include "core/db_start.h"

/* A checkpoint of what the last stop has left may have the turn. It ends within milliseconds on a thread of its own,
 * and this one has nothing else to do. The bound stops a start that would hang. */
enum { TURN_WAIT_MS = 30 * 1000 };

/* What this thread waits for: another one says it. */
typedef struct blocking {
    const trib_env *env;
    trib_mutex *lock;
    trib_cond *cond;
    bool said;
    trib_code code;
} blocking;

static bool blocking_init(blocking *b, const trib_env *env) {
    *b = (blocking){.env = env, .lock = trib_mutex_new(env), .cond = trib_cond_new(env)};
    return b->lock && b->cond;
}

static void blocking_deinit(blocking *b) {
    trib_cond_free(b->env, b->cond);
    trib_mutex_free(b->env, b->lock);
}

static void say(blocking *b, trib_code code) {
    trib_mutex_lock(b->env, b->lock);
    b->said = true;
    b->code = code;
    trib_cond_signal(b->env, b->cond);
    trib_mutex_unlock(b->env, b->lock);
}

/* timeout_ms < 0: none. False: it is over. */
static bool listen_for(blocking *b, int64_t timeout_ms) {
    int64_t until_ns = trib_env_mono_ns(b->env) + timeout_ms * 1000000;
    trib_mutex_lock(b->env, b->lock);
    while (!b->said) {
        int64_t left_ns = timeout_ms < 0 ? -1 : until_ns - trib_env_mono_ns(b->env);
        if (timeout_ms >= 0 && left_ns <= 0) break;
        trib_cond_wait(b->env, b->cond, b->lock, left_ns);
    }
    bool said = b->said;
    trib_mutex_unlock(b->env, b->lock);
    return said;
}

/* ---- the turn ---- */

typedef struct turn_wait {
    trib_turn_waiter waiter; /* first */
    blocking blocking;
} turn_wait;

static void granted(trib_turn_waiter *waiter, trib_code code) {
    say(&((turn_wait *)(void *)waiter)->blocking, code);
}

static trib_code wait_turn(trib_handle *handle, trib_error *err) {
    turn_wait wait = {.waiter = {.granted = granted}};
    trib_code code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (blocking_init(&wait.blocking, trib_handle_env(handle))) code = trib_turn_wait(handle, &wait.waiter, err);
    if (code == TRIB_AGAIN && !listen_for(&wait.blocking, TURN_WAIT_MS) && trib_turn_cancel(handle, &wait.waiter)) {
        code = trib_error_set(err, TRIB_INTERNAL, "a database of the server is in use while the server starts");
    } else if (code == TRIB_AGAIN) {
        (void)listen_for(&wait.blocking, -1); /* it is being granted */
        code = wait.blocking.code == TRIB_OK ? TRIB_OK : trib_error_set(err, wait.blocking.code, NULL);
    }
    blocking_deinit(&wait.blocking);
    return code;
}

trib_code trib_db_start_run(trib_handle *handle, const char *sql, const trib_arg *args, size_t arg_count,
                            trib_code (*row)(void *, const trib_stmt *, trib_error *), void *ctx, trib_error *err) {
    trib_code code = trib_stmt_run(handle, sql, args, arg_count, row, ctx, err);
    if (code != TRIB_AGAIN) return code;
    code = wait_turn(handle, err);
    return code == TRIB_OK ? trib_stmt_run(handle, sql, args, arg_count, row, ctx, err) : code;
}

trib_code trib_db_start_run_all(trib_handle *handle, const char *const *sql, size_t count, trib_error *err) {
    trib_code code = TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && i < count; i++)
        code = trib_db_start_run(handle, sql[i], NULL, 0, NULL, NULL, err);
    return code;
}

/* ---- until it is durable ---- */

typedef struct gate_wait {
    trib_gate_waiter waiter; /* first */
    blocking blocking;
} gate_wait;

static void resolved(trib_gate_waiter *waiter, trib_code code) {
    say(&((gate_wait *)(void *)waiter)->blocking, code);
}

static trib_code wait_durable(const trib_env *env, trib_db *db, uint64_t ticket, trib_error *err) {
    gate_wait wait = {.waiter = {.resolved = resolved}};
    trib_code code = TRIB_NOMEM;
    if (blocking_init(&wait.blocking, env)) code = trib_gate_wait(db, ticket, &wait.waiter);
    if (code == TRIB_AGAIN) {
        (void)listen_for(&wait.blocking, -1);
        code = wait.blocking.code;
    }
    blocking_deinit(&wait.blocking);
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
