/* SPDX-License-Identifier: Apache-2.0 */
/* One round of timers: streams that came by SQL are folded, so that their timers are there; then the timers that are
 * due fire, in the order in which they fell due.
 *
 *   a timer:  savepoint -> load, fold -> still there? -> append by the platform, or the action -> marked as fired
 *                                        │ no: nothing      └ refused: taken back, marked with why
 *                                        └ a command does it: behind the round (runs.c)
 *
 * The mark and the event are of one commit: after a stop in between, both are there or none is. */
#include <stdio.h>
#include <string.h>

#include "features/timers/timers_int.h"

typedef struct due_rows {
    timers_module *module;
    trib_arena *arena;
    timers_due rows[TIMERS_FIRE_MAX];
    size_t count;
} due_rows;

static trib_code take_due(void *ctx, const trib_stmt *stmt, trib_error *err) {
    due_rows *to = ctx;
    trib_str outcome = trib_stmt_col_value(stmt, 5).bytes;
    int64_t tries = 0;
    if (to->count == TIMERS_FIRE_MAX ||
        timers_run_is(to->module, trib_stmt_col_value(stmt, 0).bytes, trib_stmt_col_value(stmt, 1).bytes))
        return TRIB_OK;
    if (trib_str_starts(outcome, TRIB_STR(TIMERS_RETRY_WORD)))
        (void)trib_str_i64(trib_str_sub(outcome, sizeof TIMERS_RETRY_WORD - 1, outcome.len), &tries);
    timers_due *row = &to->rows[to->count++];
    *row = (timers_due){.stream_id = trib_arena_dup(to->arena, trib_stmt_col_value(stmt, 0).bytes),
                        .name = trib_arena_dup(to->arena, trib_stmt_col_value(stmt, 1).bytes),
                        .generation = trib_stmt_col_value(stmt, 2).integer,
                        .opcode = trib_stmt_col_value(stmt, 3).integer,
                        .action = trib_arena_dup(to->arena, trib_stmt_col_value(stmt, 4).bytes),
                        .tries = (int)tries};
    return to->arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code take_integer(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

static trib_code run(const timers_module *m, const char *sql, const trib_arg *args, size_t count, trib_error *err) {
    return trib_stmt_run(m->txn.handle, sql, args, count, NULL, NULL, err);
}

/* The stream as it is now, in an arena that holds nothing else. */
static trib_code load(timers_module *m, trib_stream_txn *one, trib_str id, trib_stream *ret, trib_error *err) {
    trib_arena_reset(&m->one);
    *one = m->txn;
    one->arena = &m->one;
    trib_code code = trib_stream_load(one, id, ret, err);
    if (code == TRIB_OK && ret->count > 0 && ret->folded < ret->version) code = trib_stream_store_fold(one, ret, err);
    return code;
}

/* Failures that are the stream's own and will be there the next time, too. */
bool timers_is_refusal(trib_code code) {
    static const trib_code refusals[] = {
        TRIB_BAD_TRANSITION, TRIB_BAD_EVENT,        TRIB_STREAM_CLOSED,      TRIB_VERSION_CONFLICT, TRIB_FORBIDDEN,
        TRIB_SQL_ERROR,      TRIB_BAD_REQUEST,      TRIB_RESPONSE_TOO_LARGE, TRIB_INTERNAL,         TRIB_CHAIN_BROKEN,
        TRIB_TABLES_MISSING, TRIB_STREAM_NOT_FOUND, TRIB_OUT_OF_STOCK,       TRIB_NOT_AVAILABLE};
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (code == refusals[i]) return true;
    return false;
}

/* ---- streams that came by SQL ---- */

typedef struct names {
    trib_arena *arena;
    trib_str rows[TIMERS_FOLD_MAX];
    size_t count;
} names;

static trib_code take_name(void *ctx, const trib_stmt *stmt, trib_error *err) {
    names *to = ctx;
    to->rows[to->count] = trib_arena_dup(to->arena, trib_stmt_col_value(stmt, 0).bytes);
    return to->rows[to->count++].ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

/* Behind the last one of the round before, so that those that cannot be folded do not stand before all others. */
static trib_code find_unfolded(timers_module *m, names *ret, trib_error *err) {
    trib_arg args[] = {trib_stream_text(trib_str_c(m->after)), trib_stream_integer(TIMERS_FOLD_MAX)};
    ret->arena = &m->arena;
    trib_code code = trib_stmt_run(m->txn.handle,
                                   "SELECT streamId FROM _trib_stream WHERE folded < version AND count > 0 AND "
                                   "streamId > ?1 ORDER BY streamId LIMIT ?2",
                                   args, 2, take_name, ret, err);
    if (code != TRIB_OK || ret->count > 0 || !m->after[0]) return code;
    m->after[0] = '\0';
    return find_unfolded(m, ret, err);
}

static trib_code fold_one(timers_module *m, trib_str id, trib_error *err) {
    trib_stream_txn one;
    trib_stream s;
    trib_error why;
    trib_code code = run(m, "SAVEPOINT one", NULL, 0, err);
    if (code != TRIB_OK) return code;
    code = load(m, &one, id, &s, &why);
    if (code == TRIB_OK) m->round.folded++;
    else if (!timers_is_refusal(code)) return trib_error_set(err, code, "%s", why.message);
    else code = run(m, "ROLLBACK TO one", NULL, 0, err);
    if (code == TRIB_OK) code = run(m, "RELEASE one", NULL, 0, err);
    snprintf(m->after, sizeof m->after, "%.*s", (int)trib_str_sub(id, 0, TRIB_STREAM_ID_MAX_BYTES).len, id.ptr);
    return code;
}

/* ---- timers ---- */

static trib_code call_action(timers_module *m, trib_stream_txn *txn, trib_stream *s, const timers_due *due,
                             trib_error *err) {
    uint32_t count = atomic_load_explicit(&m->timers.action_count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++)
        if (trib_str_eq_c(due->action, m->timers.actions[i].name))
            return m->timers.actions[i].call(m->timers.actions[i].ctx, txn, s, due->name, err);
    m->round.unknown++;
    return TRIB_OK;
}

trib_code timers_append(trib_stream_txn *txn, trib_stream *s, const trib_deal_op *op, int64_t opcode, trib_str payload,
                        trib_error *err) {
    trib_stream_draft draft = {.by_platform = true};
    draft.values[TRIB_STREAM_COL_OPCODE] = (trib_value){.type = TRIB_VALUE_INTEGER, .integer = opcode};
    draft.values[TRIB_STREAM_COL_DELTA] = (trib_value){.type = TRIB_VALUE_REAL, .real = 0};
    if (op && op->needs_node)
        draft.values[TRIB_STREAM_COL_NODE] = (trib_value){.type = TRIB_VALUE_TEXT, .bytes = s->id};
    if (payload.len) draft.values[TRIB_STREAM_COL_PAYLOAD] = (trib_value){.type = TRIB_VALUE_TEXT, .bytes = payload};
    const trib_stream_append_ask ask = {.expected = TRIB_STREAM_EXPECT_ANY, .events = &draft, .count = 1};
    return trib_stream_append(txn, s, &ask, err);
}

static trib_code mark(timers_module *m, const timers_due *due, const char *outcome, trib_error *err) {
    trib_arg args[] = {trib_stream_text(due->stream_id), trib_stream_text(due->name),
                       trib_stream_integer(due->generation), trib_stream_integer(m->now_ms),
                       trib_stream_text(trib_str_c(outcome))};
    return run(m,
               "UPDATE _trib_timer SET fired_ms = ?4, outcome = ?5 WHERE streamId = ?1 AND name = ?2 AND "
               "generation = ?3",
               args, 5, err);
}

/* After the fold: false where the stream has left the status meanwhile, or is not there any more. */
static trib_code still_due(timers_module *m, const timers_due *due, const trib_stream *s, bool *ret, trib_error *err) {
    int64_t found = 0;
    trib_arg args[] = {trib_stream_text(due->stream_id), trib_stream_text(due->name),
                       trib_stream_integer(due->generation)};
    *ret = false;
    if (s->count == 0 || s->is_closed || !s->type)
        return run(m, "DELETE FROM _trib_timer WHERE streamId = ?1", args, 1, err);
    trib_code code = trib_stmt_run(m->txn.handle,
                                   "SELECT 1 FROM _trib_timer WHERE streamId = ?1 AND name = ?2 AND generation = ?3 "
                                   "AND fired_ms IS NULL",
                                   args, 3, take_integer, &found, err);
    *ret = found == 1;
    return code;
}

/* A command that has no room now stays due. */
static bool is_for_command(timers_module *m, const timers_due *due, const trib_deal_type *type) {
    if (due->alone || due->action.len || !trib_stream_timers_performer(&m->timers, type, (int32_t)due->opcode))
        return false;
    m->round.wanted += timers_run_want(m, due, type);
    return true;
}

static trib_code try_one(timers_module *m, const timers_due *due, trib_error *err) {
    trib_stream_txn one;
    trib_stream s;
    bool is_due = false;
    trib_code code = load(m, &one, due->stream_id, &s, err);
    if (code == TRIB_OK) code = still_due(m, due, &s, &is_due, err);
    if (code != TRIB_OK || !is_due || is_for_command(m, due, s.type)) return code;
    if (due->action.len) code = call_action(m, &one, &s, due, err);
    else code = timers_append(&one, &s, trib_deal_op_get(s.type, due->opcode), due->opcode, (trib_str){0}, err);
    if (code == TRIB_OK) code = mark(m, due, "fired", err);
    if (code == TRIB_OK) m->round.fired++;
    return code;
}

trib_code timers_fire_one(timers_module *m, const timers_due *due, trib_error *err) {
    trib_error why;
    trib_code code = run(m, "SAVEPOINT one", NULL, 0, err);
    if (code != TRIB_OK) return code;
    code = try_one(m, due, &why);
    if (code != TRIB_OK && !timers_is_refusal(code)) return trib_error_set(err, code, "%s", why.message);
    if (code != TRIB_OK) {
        trib_log_event(m->app->log, TRIB_LOG_WARN, "timer_refused", TRIB_LOG_S("stream", due->stream_id),
                       TRIB_LOG_S("timer", due->name), TRIB_LOG_ERR(&why));
        m->round.refused++;
        code = run(m, "ROLLBACK TO one", NULL, 0, err);
        if (code == TRIB_OK) code = mark(m, due, trib_error_wire_code(&why), err);
    }
    return code == TRIB_OK ? run(m, "RELEASE one", NULL, 0, err) : code;
}

static trib_code find_due(timers_module *m, due_rows *ret, trib_error *err) {
    trib_arg args[] = {trib_stream_integer(m->now_ms),
                       trib_stream_integer(TIMERS_FIRE_MAX + TRIB_STREAM_TIMERS_RUNNING)};
    ret->arena = &m->arena;
    ret->module = m;
    return trib_stmt_run(m->txn.handle,
                         "SELECT streamId, name, generation, opcode, action, outcome FROM _trib_timer "
                         "WHERE fired_ms IS NULL AND due_ms <= ?1 ORDER BY due_ms, streamId LIMIT ?2",
                         args, 2, take_due, ret, err);
}

/* How many are left, and when the next one is due. */
static trib_code look_ahead(timers_module *m, trib_error *err) {
    int64_t left = 0, next_ms = 0;
    trib_arg args[] = {trib_stream_integer(m->now_ms), trib_stream_integer(TIMERS_DUE_COUNTED)};
    trib_code code = trib_stmt_run(m->txn.handle,
                                   "SELECT count(*) FROM (SELECT 1 FROM _trib_timer WHERE fired_ms IS NULL "
                                   "AND due_ms <= ?1 LIMIT ?2)",
                                   args, 2, take_integer, &left, err);
    if (code == TRIB_OK)
        code = trib_stmt_run(m->txn.handle, "SELECT min(due_ms) FROM _trib_timer WHERE fired_ms IS NULL", NULL, 0,
                             take_integer, &next_ms, err);
    size_t running = timers_runs_count(m);
    m->round.due_left = (uint64_t)left > running ? (uint64_t)left - running : 0;
    m->round.next_ms = next_ms ? next_ms : INT64_MAX;
    return code;
}

trib_code timers_fire_round(void *module, trib_error *err) {
    timers_module *m = module;
    names unfolded = {0};
    due_rows due = {0};
    m->round = (timers_round){0};
    timers_runs_begin_round(m);
    trib_code code = find_unfolded(m, &unfolded, err);
    if (code == TRIB_OK) code = find_due(m, &due, err);
    if (code == TRIB_OK && unfolded.count + due.count == 0 && !timers_runs_have_failed(m)) {
        code = timers_runs_conclude(m, err);
        return code == TRIB_OK ? look_ahead(m, err) : code;
    }
    if (code != TRIB_OK) return code;
    if (!m->txn.writes) {
        m->txn.writes = true;
        return TRIB_AGAIN;
    }
    for (size_t i = 0; code == TRIB_OK && i < unfolded.count; i++) code = fold_one(m, unfolded.rows[i], err);
    if (code == TRIB_OK) code = timers_runs_conclude(m, err);
    for (size_t i = 0; code == TRIB_OK && i < due.count; i++) code = timers_fire_one(m, &due.rows[i], err);
    if (code == TRIB_OK) code = look_ahead(m, err);
    /* where all that is left waits for room among the commands, one that ends says so */
    bool moved = m->round.fired + m->round.refused + m->round.wanted > 0;
    m->round.more = unfolded.count == TIMERS_FOLD_MAX || (m->round.due_left > 0 && moved);
    return code;
}
