/* SPDX-License-Identifier: Apache-2.0 */
/* Handing out events: first those that wait to be handed out again, then new ones from the log.
 *
 *   parked ones that are wanted back -> rows       (one a stream)
 *   rows that are due: lease over, retry -> lease  (or parked, when they were tried too often)
 *   log behind the cursor -> fits the filter? its stream has no row? who asks may see it? -> row with a lease
 *
 * All of it begins in a read transaction, so that a claim that finds nothing takes no turn and writes nothing.
 * Positions are given inside of write transactions, of which there is one at a time: behind the cursor, none can appear
 * late. */
#include <string.h>

#include "features/consumers/consumers_int.h"

static trib_code run(const trib_stream_txn *txn, const char *sql, const trib_arg *args, size_t count, trib_error *err) {
    return trib_stmt_run(txn->handle, sql, args, count, NULL, NULL, err);
}

static trib_code need_write(trib_stream_txn *txn) {
    if (txn->writes) return TRIB_OK;
    txn->writes = true;
    return TRIB_AGAIN;
}

static trib_code take_integer(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

static trib_code ask(const trib_stream_txn *txn, const char *sql, const trib_arg *args, size_t count, int64_t *ret,
                     trib_error *err) {
    *ret = 0;
    return trib_stmt_run(txn->handle, sql, args, count, take_integer, ret, err);
}

void consumers_row_take(trib_arena *arena, const trib_stmt *stmt, consumers_row *ret) {
    *ret = (consumers_row){.stream_id = trib_arena_dup(arena, trib_stmt_col_value(stmt, 0).bytes),
                           .pos = trib_stmt_col_value(stmt, 1).integer,
                           .after = trib_stmt_col_value(stmt, 2).integer,
                           .generation = trib_stmt_col_value(stmt, 3).integer,
                           .due_ms = trib_stmt_col_value(stmt, 4).integer,
                           .tries = trib_stmt_col_value(stmt, 5).integer,
                           .replay = trib_stmt_col_value(stmt, 6).integer != 0};
}

/* ---- what fits ---- */

static bool fits(const consumers_sub *sub, trib_str stream_id, int64_t opcode) {
    bool found = sub->opcode_count == 0;
    for (size_t i = 0; i < sub->opcode_count && !found; i++) found = sub->opcode[i] == opcode;
    return found && (!sub->prefix.ptr || trib_str_starts(stream_id, sub->prefix));
}

typedef struct stream_look {
    trib_arena *arena;
    bool found, unfolded;
    trib_str type;
} stream_look;

static trib_code take_look(void *ctx, const trib_stmt *stmt, trib_error *err) {
    stream_look *look = ctx;
    (void)err;
    look->found = true;
    look->unfolded = trib_stmt_col_value(stmt, 0).integer != 0;
    look->type = trib_arena_dup(look->arena, trib_stmt_col_value(stmt, 1).bytes);
    return TRIB_OK;
}

/* In memory of its own: a stream that is too large must not end the claim. */
static trib_code fold(const trib_stream_txn *txn, trib_str stream_id, trib_error *err) {
    trib_arena arena;
    trib_stream s;
    trib_stream_txn one = *txn;
    trib_arena_init(&arena, CONSUMERS_FOLD_BYTES);
    one.arena = &arena;
    trib_code code = trib_stream_load(&one, stream_id, &s, err);
    if (code == TRIB_OK) code = trib_stream_store_fold(&one, &s, err);
    trib_arena_deinit(&arena);
    return code;
}

/* Whether the subscription's owner may see the stream, and its type is the one that is wanted. Both are known of folded
 * streams only. */
static trib_code is_wanted(trib_stream_txn *txn, const consumers_sub *sub, trib_str stream_id, uint32_t *folds,
                           bool *ret, trib_error *err) {
    *ret = true;
    if (!sub->type.ptr && sub->owner.len == 0) return TRIB_OK;
    stream_look look = {.arena = txn->arena};
    trib_arg args[] = {trib_stream_text(stream_id), trib_stream_text(sub->owner)};
    static const char sql[] = "SELECT folded < version, type FROM _trib_stream WHERE streamId = ?1";
    trib_code code = trib_stmt_run(txn->handle, sql, args, 1, take_look, &look, err);
    if (code == TRIB_OK && look.unfolded) {
        code = need_write(txn);
        if (code != TRIB_OK) return code;
        ++*folds;
        code = fold(txn, stream_id, err);
        if (code == TRIB_RESPONSE_TOO_LARGE || code == TRIB_CHAIN_BROKEN || code == TRIB_INTERNAL) {
            trib_log_event(txn->app->log, TRIB_LOG_WARN, "consumer_skips_stream", TRIB_LOG_S("stream", stream_id),
                           TRIB_LOG_ERR(err));
            *ret = false;
            return TRIB_OK;
        }
        if (code == TRIB_OK) code = trib_stmt_run(txn->handle, sql, args, 1, take_look, &look, err);
    }
    *ret = look.found && (!sub->type.ptr || trib_str_eq(look.type, sub->type));
    if (code != TRIB_OK || !*ret || sub->owner.len == 0) return code;
    int64_t is_member;
    code = ask(txn, "SELECT 1 FROM _trib_member WHERE streamId = ?1 AND tenant = ?2 LIMIT 1", args, 2, &is_member, err);
    *ret = is_member == 1;
    return code;
}

/* ---- rows ---- */

trib_code consumers_release(trib_stream_txn *txn, const consumers_sub *sub, const consumers_row *row, trib_error *err) {
    int64_t next;
    trib_arg args[] = {trib_stream_integer(sub->id), trib_stream_text(row->stream_id), trib_stream_integer(row->after),
                       trib_stream_integer(sub->cursor), trib_stream_text(sub->opcodes)};
    trib_code code = ask(txn,
                         "SELECT v.pos FROM _trib_ev v JOIN events e ON e.id = v.id WHERE v.streamId = ?2 AND v.seq > "
                         "coalesce((SELECT seq FROM _trib_ev WHERE pos = ?3), 0) AND v.pos > ?3 AND v.pos <= ?4 AND "
                         "(?5 IS NULL OR e.opcode IN (SELECT value FROM json_each(?5))) "
                         "ORDER BY v.seq LIMIT 1",
                         args, 5, &next, err);
    if (code != TRIB_OK) return code;
    if (next == 0) return run(txn, "DELETE FROM _trib_flight WHERE sub = ?1 AND streamId = ?2", args, 2, err);
    args[2] = trib_stream_integer(next);
    return run(txn,
               "UPDATE _trib_flight SET pos = ?3, after = ?3, generation = 0, due_ms = 0, tries = 0, replay = 0 "
               "WHERE sub = ?1 AND streamId = ?2",
               args, 3, err);
}

trib_code consumers_park(trib_stream_txn *txn, consumers_sub *sub, const consumers_row *row, trib_str reason,
                         trib_error *err) {
    trib_arg args[] = {trib_stream_integer(sub->id),
                       trib_stream_integer(row->pos),
                       trib_stream_text(row->stream_id),
                       trib_stream_integer(row->tries),
                       trib_stream_text(reason.ptr ? reason : TRIB_STR("")),
                       trib_stream_integer(trib_env_wall_ms(txn->app->env))};
    trib_code code = run(txn, "INSERT OR REPLACE INTO _trib_parked VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)", args, 6, err);
    if (code == TRIB_OK && !row->replay) sub->parked++;
    return code == TRIB_OK ? consumers_release(txn, sub, row, err) : code;
}

/* ---- events ---- */

static trib_code take_event(void *ctx, const trib_stmt *stmt, trib_error *err) {
    consumers_batch *batch = ((void **)ctx)[0];
    trib_arena *arena = ((void **)ctx)[1];
    consumers_event *event = &batch->events[batch->count];
    for (int i = 0; i < TRIB_STREAM_COLUMNS; i++) {
        trib_value value = trib_stmt_col_value(stmt, i);
        if (value.type == TRIB_VALUE_TEXT || value.type == TRIB_VALUE_BLOB) {
            batch->bytes += value.bytes.len;
            value.bytes = trib_arena_dup(arena, value.bytes);
        }
        event->values[i] = value;
    }
    event->seq = trib_stmt_col_value(stmt, TRIB_STREAM_COLUMNS).integer;
    event->at_ms = trib_stmt_col_value(stmt, TRIB_STREAM_COLUMNS + 1).integer;
    event->pos = trib_stmt_col_value(stmt, TRIB_STREAM_COLUMNS + 2).integer;
    return arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

/* Into the batch's next place; *ret false: it is not there any more. */
static trib_code load_event(trib_stream_txn *txn, consumers_batch *batch, int64_t pos, bool *ret, trib_error *err) {
    trib_arg arg = trib_stream_integer(pos);
    void *ctx[] = {batch, txn->arena};
    batch->events[batch->count].pos = 0;
    trib_code code =
        trib_stmt_run(txn->handle,
                      "SELECT e.id, e.streamId, e.opcode, e.nodeId, e.pointId, e.delta, e.payload, e.ts, "
                      "v.seq, v.at_ms, v.pos FROM _trib_ev v JOIN events e ON e.id = v.id WHERE v.pos = ?1",
                      &arg, 1, take_event, ctx, err);
    *ret = batch->events[batch->count].pos == pos;
    return code;
}

static bool is_full(const consumers_batch *batch) {
    return batch->count == batch->max || batch->bytes >= CONSUMERS_CLAIM_BYTES;
}

/* The row has its event, which is loaded: a lease for it. */
static trib_code lease(trib_stream_txn *txn, const consumers_sub *sub, const consumers_row *row, consumers_batch *batch,
                       trib_error *err) {
    consumers_event *event = &batch->events[batch->count];
    event->generation = sub->generation;
    event->tries = row->tries + 1;
    trib_arg args[] = {
        trib_stream_integer(sub->id),         trib_stream_text(row->stream_id),
        trib_stream_integer(row->pos),        trib_stream_integer(row->after),
        trib_stream_integer(sub->generation), trib_stream_integer(trib_env_wall_ms(txn->app->env) + sub->lease_ms),
        trib_stream_integer(event->tries),    trib_stream_integer(row->replay)};
    trib_code code =
        run(txn, "INSERT OR REPLACE INTO _trib_flight VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", args, 8, err);
    if (code == TRIB_OK) batch->count++;
    return code;
}

/* ---- once more ---- */

/* Rows for parked events that are wanted back, one a stream: while it is out, nothing else of its stream is. */
static trib_code queue_replays(trib_stream_txn *txn, const consumers_sub *sub, trib_error *err) {
    int64_t found;
    trib_arg args[] = {trib_stream_integer(sub->id), trib_stream_integer(sub->cursor),
                       trib_stream_integer(CONSUMERS_CLAIM_MAX)};
    if (sub->parked == 0) return TRIB_OK;
    trib_code code = ask(txn,
                         "SELECT 1 FROM _trib_parked p WHERE sub = ?1 AND again = 1 AND NOT EXISTS (SELECT 1 FROM "
                         "_trib_flight f WHERE f.sub = ?1 AND f.streamId = p.streamId) LIMIT 1",
                         args, 1, &found, err);
    if (code != TRIB_OK || !found) return code;
    code = need_write(txn);
    if (code != TRIB_OK) return code;
    return run(txn,
               "INSERT OR IGNORE INTO _trib_flight SELECT ?1, p.streamId, min(p.pos), coalesce((SELECT max(v.pos) FROM "
               "_trib_ev v WHERE v.streamId = p.streamId AND v.pos <= ?2), min(p.pos)), 0, 0, 0, 1 FROM _trib_parked p "
               "WHERE sub = ?1 AND again = 1 AND NOT EXISTS (SELECT 1 FROM _trib_flight f WHERE f.sub = ?1 AND "
               "f.streamId = p.streamId) GROUP BY p.streamId ORDER BY min(p.pos) LIMIT ?3",
               args, 3, err);
}

typedef struct due_rows {
    trib_arena *arena;
    consumers_row rows[CONSUMERS_CLAIM_MAX];
    size_t count;
} due_rows;

static trib_code take_due(void *ctx, const trib_stmt *stmt, trib_error *err) {
    due_rows *to = ctx;
    consumers_row_take(to->arena, stmt, &to->rows[to->count++]);
    return to->arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

/* A time that is further away than any can be was set by a clock that has gone back since. */
static trib_code find_due(trib_stream_txn *txn, const consumers_sub *sub, size_t most, due_rows *ret, trib_error *err) {
    int64_t now_ms = trib_env_wall_ms(txn->app->env);
    trib_arg args[] = {trib_stream_integer(sub->id), trib_stream_integer(now_ms),
                       trib_stream_integer(now_ms + sub->lease_ms),
                       trib_stream_integer(now_ms + CONSUMERS_DELAY_MAX_MS), trib_stream_integer((int64_t)most)};
    *ret = (due_rows){.arena = txn->arena};
    return trib_stmt_run(txn->handle,
                         "SELECT " CONSUMERS_ROW_COLUMNS " FROM _trib_flight WHERE sub = ?1 AND (due_ms <= ?2 OR "
                         "(generation > 0 AND due_ms > ?3) OR due_ms > ?4) ORDER BY pos LIMIT ?5",
                         args, 5, take_due, ret, err);
}

static trib_code hand_row(trib_stream_txn *txn, consumers_sub *sub, const consumers_row *row, consumers_batch *batch,
                          trib_error *err) {
    static const trib_str never = TRIB_STR("handed out as often as it may be, and never acknowledged");
    uint32_t folds = 0;
    bool there, wanted = true;
    /* whether a webhook has given up is for its deliveries to say */
    if (!sub->url.ptr && row->tries > sub->max_retries) return consumers_park(txn, sub, row, never, err);
    trib_code code = load_event(txn, batch, row->pos, &there, err);
    if (code == TRIB_OK && there) {
        trib_value opcode = batch->events[batch->count].values[TRIB_STREAM_COL_OPCODE];
        wanted = fits(sub, row->stream_id, opcode.integer);
        if (wanted) code = is_wanted(txn, sub, row->stream_id, &folds, &wanted, err);
    }
    if (code != TRIB_OK || (there && wanted)) return code == TRIB_OK ? lease(txn, sub, row, batch, err) : code;
    if (row->replay) { /* there is nothing left to be replayed */
        trib_arg args[] = {trib_stream_integer(sub->id), trib_stream_integer(row->pos)};
        code = run(txn, "DELETE FROM _trib_parked WHERE sub = ?1 AND pos = ?2", args, 2, err);
        sub->parked--;
    }
    return code == TRIB_OK ? consumers_release(txn, sub, row, err) : code;
}

static trib_code hand_due(trib_stream_txn *txn, consumers_sub *sub, consumers_batch *batch, trib_error *err) {
    due_rows *due = trib_arena_alloc(txn->arena, sizeof *due);
    if (!due) return trib_error_set(err, TRIB_NOMEM, NULL);
    /* a row that was given up makes room for the stream's next event, which the next round sees */
    for (int round = 0; round < 4 && !is_full(batch); round++) {
        trib_code code = find_due(txn, sub, batch->max - batch->count, due, err);
        if (code != TRIB_OK || due->count == 0) return code;
        code = need_write(txn);
        for (size_t i = 0; code == TRIB_OK && i < due->count && !is_full(batch); i++)
            code = hand_row(txn, sub, &due->rows[i], batch, err);
        if (code != TRIB_OK) return code;
    }
    return TRIB_OK;
}

/* ---- new ones ---- */

typedef struct log_row {
    int64_t pos, opcode;
    trib_str stream_id;
} log_row;

typedef struct log_rows {
    trib_arena *arena;
    log_row rows[CONSUMERS_SCAN_CHUNK];
    size_t count;
} log_rows;

static trib_code take_log(void *ctx, const trib_stmt *stmt, trib_error *err) {
    log_rows *to = ctx;
    log_row *row = &to->rows[to->count++];
    row->pos = trib_stmt_col_value(stmt, 0).integer;
    row->stream_id = trib_arena_dup(to->arena, trib_stmt_col_value(stmt, 1).bytes);
    row->opcode = trib_stmt_col_value(stmt, 2).integer;
    return row->stream_id.ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

typedef struct scan {
    trib_stream_txn *txn;
    consumers_sub *sub;
    consumers_batch *batch;
    int64_t flight;
    uint32_t looked, folds;
} scan;

static bool may_go_on(const scan *s) {
    return !is_full(s->batch) && s->flight < CONSUMERS_FLIGHT_MAX && s->looked < CONSUMERS_SCAN_MAX &&
           s->folds < CONSUMERS_FOLDS_MAX;
}

static trib_code look_at(scan *s, const log_row *row, trib_error *err) {
    int64_t is_out;
    bool wanted, there;
    if (!fits(s->sub, row->stream_id, row->opcode)) return TRIB_OK;
    trib_arg args[] = {trib_stream_integer(s->sub->id), trib_stream_text(row->stream_id)};
    trib_code code = ask(s->txn, "SELECT 1 FROM _trib_flight WHERE sub = ?1 AND streamId = ?2", args, 2, &is_out, err);
    if (code != TRIB_OK || is_out) return code; /* its row comes to it */
    code = is_wanted(s->txn, s->sub, row->stream_id, &s->folds, &wanted, err);
    if (code != TRIB_OK || !wanted) return code;
    code = need_write(s->txn);
    if (code == TRIB_OK) code = load_event(s->txn, s->batch, row->pos, &there, err);
    if (code != TRIB_OK || !there) return code;
    const consumers_row fresh = {.stream_id = row->stream_id, .pos = row->pos, .after = row->pos};
    code = lease(s->txn, s->sub, &fresh, s->batch, err);
    s->flight++;
    return code;
}

static trib_code hand_new(trib_stream_txn *txn, consumers_sub *sub, consumers_batch *batch, trib_error *err) {
    scan s = {.txn = txn, .sub = sub, .batch = batch};
    trib_arg args[] = {trib_stream_integer(sub->id), trib_stream_integer(CONSUMERS_SCAN_CHUNK)};
    log_rows *log = trib_arena_alloc(txn->arena, sizeof *log);
    if (!log) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = ask(txn, "SELECT count(*) FROM _trib_flight WHERE sub = ?1", args, 1, &s.flight, err);
    while (code == TRIB_OK && may_go_on(&s)) {
        *log = (log_rows){.arena = txn->arena};
        args[0] = trib_stream_integer(sub->cursor);
        code = trib_stmt_run(txn->handle,
                             "SELECT v.pos, v.streamId, e.opcode FROM _trib_ev v JOIN events e ON e.id = v.id "
                             "WHERE v.pos > ?1 ORDER BY v.pos LIMIT ?2",
                             args, 2, take_log, log, err);
        for (size_t i = 0; code == TRIB_OK && i < log->count && may_go_on(&s); i++) {
            code = look_at(&s, &log->rows[i], err);
            if (code != TRIB_OK) break;
            sub->cursor = log->rows[i].pos;
            s.looked++;
        }
        if (log->count < CONSUMERS_SCAN_CHUNK) break;
    }
    if (code == TRIB_OK && s.looked >= CONSUMERS_SCAN_SAVE) code = need_write(txn);
    return code;
}

trib_code consumers_claim(trib_stream_txn *txn, consumers_sub *sub, size_t max, consumers_batch *ret, trib_error *err) {
    *ret = (consumers_batch){.max = max, .is_stalled = sub->parked >= CONSUMERS_PARKED_MAX};
    ret->events = trib_arena_zalloc(txn->arena, max + 1, sizeof *ret->events);
    if (!ret->events) return trib_error_set(err, TRIB_NOMEM, NULL);
    sub->generation++; /* no lease of an earlier claim is like one of this */
    trib_code code = queue_replays(txn, sub, err);
    if (code == TRIB_OK) code = hand_due(txn, sub, ret, err);
    if (code == TRIB_OK && !ret->is_stalled) code = hand_new(txn, sub, ret, err);
    return code == TRIB_OK && txn->writes ? consumers_sub_save(txn, sub, err) : code;
}
