/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of timers; see stream_timer.h. */
#include "core/stream_timer.h"

#include "core/db_start.h"

/* ---- the tables ---- */

static const char *const tables[] = {
    "CREATE TABLE IF NOT EXISTS _trib_timer("
    "streamId TEXT NOT NULL, name TEXT NOT NULL, generation INTEGER NOT NULL, due_ms INTEGER NOT NULL, "
    "opcode INTEGER NOT NULL, action TEXT NOT NULL, fired_ms INTEGER, outcome TEXT, "
    "PRIMARY KEY(streamId, name)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS _trib_timer_due ON _trib_timer(due_ms, streamId) WHERE fired_ms IS NULL",
    /* without those that were deleted, which stay behind for ever */
    "CREATE INDEX IF NOT EXISTS _trib_timer_unfolded ON _trib_stream(streamId) WHERE folded < version AND count > 0",
};

static trib_code note(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)stmt, (void)err;
    *(bool *)ctx = true;
    return TRIB_OK;
}

static trib_code prepare(void *ctx, trib_handle *handle, trib_error *err) {
    bool there = false;
    (void)ctx;
    trib_code code =
        trib_db_start_run(handle, "SELECT 1 FROM sqlite_schema WHERE name = '_trib_timer'", NULL, 0, note, &there, err);
    if (code != TRIB_OK || there) return code;
    code = trib_db_start_run(handle, "BEGIN IMMEDIATE", NULL, 0, NULL, NULL, err);
    if (code == TRIB_OK) code = trib_db_start_run_all(handle, tables, sizeof tables / sizeof *tables, err);
    if (code == TRIB_OK)
        code = trib_db_start_run(handle, "UPDATE _trib_stream SET folded = 0 WHERE count > 0 AND closed_ms IS NULL",
                                 NULL, 0, NULL, NULL, err);
    return code == TRIB_OK ? trib_db_start_run(handle, "COMMIT", NULL, 0, NULL, NULL, err) : code;
}

trib_code trib_stream_timers_prepare(trib_app *app, const trib_tenant *streams, trib_error *err) {
    return trib_db_start(app, streams, prepare, NULL, err);
}

bool trib_stream_timers_add_action(trib_app *app, const char *name, trib_stream_action_fn call, void *ctx) {
    trib_stream_timers *timers = app->stream_timers;
    if (!timers) return false;
    uint32_t count = atomic_load(&timers->action_count);
    if (count == TRIB_STREAM_ACTIONS_MAX) return false;
    timers->actions[count].name = name;
    timers->actions[count].call = call;
    timers->actions[count].ctx = ctx;
    atomic_store_explicit(&timers->action_count, count + 1, memory_order_release);
    return true;
}

bool trib_stream_timers_add_performer(trib_app *app, const trib_stream_performer *performer) {
    trib_stream_timers *timers = app->stream_timers;
    if (!timers) return true;
    uint32_t count = atomic_load(&timers->performer_count);
    if (count == TRIB_STREAM_PERFORMERS_MAX) return false;
    timers->performers[count] = *performer;
    atomic_store_explicit(&timers->performer_count, count + 1, memory_order_release);
    return true;
}

const trib_stream_performer *trib_stream_timers_performer(const trib_stream_timers *timers, const trib_deal_type *type,
                                                          int32_t opcode) {
    uint32_t count = atomic_load_explicit(&timers->performer_count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++)
        if (timers->performers[i].does(timers->performers[i].ctx, type, opcode)) return &timers->performers[i];
    return NULL;
}

/* ---- rows ---- */

trib_code trib_stream_timer_take(trib_stream_txn *txn, const trib_stream_timer_run *run, bool *ret_due,
                                 trib_error *err) {
    trib_arg args[] = {trib_stream_text(trib_str_c(run->stream_id)), trib_stream_text(trib_str_c(run->name)),
                       trib_stream_integer(run->generation), trib_stream_integer(trib_env_wall_ms(txn->app->env))};
    *ret_due = false;
    return trib_stmt_run(txn->handle,
                         "UPDATE _trib_timer SET fired_ms = ?4, outcome = 'fired' WHERE streamId = ?1 AND name = ?2 "
                         "AND generation = ?3 AND fired_ms IS NULL RETURNING 1",
                         args, 4, note, ret_due, err);
}

/* An event of the future (the clock went back since) counts as one of now: else its timers would come too late by as
 * much. */
static int64_t due_of(const trib_stream_txn *txn, const trib_stream *s, const trib_deal_timer *timer) {
    int64_t now_ms = trib_env_wall_ms(txn->app->env);
    return (s->status_at_ms < now_ms ? s->status_at_ms : now_ms) + timer->after_ms;
}

trib_code trib_stream_timers_set(trib_stream_txn *txn, const trib_stream *s, trib_error *err) {
    if (!txn->app->stream_timers) return TRIB_OK;
    bool runs = s->count > 0 && s->type && !s->is_closed && s->state.status != TRIB_DEAL_NO_STATUS;
    uint64_t generation = runs ? s->status_seq : 0;
    trib_arg args[6] = {trib_stream_text(s->id), trib_stream_integer((int64_t)generation)};
    trib_code code = trib_stmt_run(txn->handle, "DELETE FROM _trib_timer WHERE streamId = ?1 AND generation <> ?2",
                                   args, 2, NULL, NULL, err);
    const trib_deal_timer *timer = NULL;
    while (code == TRIB_OK && runs && (timer = trib_deal_timer_next(s->type, s->state.status, timer)) != NULL) {
        args[2] = trib_stream_text(timer->name);
        args[3] = trib_stream_integer(due_of(txn, s, timer));
        args[4] = trib_stream_integer(timer->opcode);
        args[5] = trib_stream_text(timer->action.ptr ? timer->action : TRIB_STR(""));
        /* a row of this generation stays as it is: it may have fired */
        code = trib_stmt_run(txn->handle,
                             "INSERT OR IGNORE INTO _trib_timer(streamId, generation, name, due_ms, opcode, action) "
                             "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                             args, 6, NULL, NULL, err);
    }
    return code;
}
