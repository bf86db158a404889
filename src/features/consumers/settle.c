/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a lease: acknowledged, to be tried again, parked or skipped. A lease is a position and the generation of
 * the claim that gave it; once it is over, or the event was handed out again, it ends nothing any more. */
#include "features/consumers/consumers_int.h"

typedef struct one_row {
    trib_arena *arena;
    consumers_row row;
    bool found;
} one_row;

static trib_code take_row(void *ctx, const trib_stmt *stmt, trib_error *err) {
    one_row *to = ctx;
    consumers_row_take(to->arena, stmt, &to->row);
    to->found = true;
    return to->arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code done(trib_stream_txn *txn, consumers_sub *sub, const consumers_row *row, trib_error *err) {
    if (row->replay) {
        trib_arg args[] = {trib_stream_integer(sub->id), trib_stream_integer(row->pos)};
        trib_code code = trib_stmt_run(txn->handle, "DELETE FROM _trib_parked WHERE sub = ?1 AND pos = ?2", args, 2,
                                       NULL, NULL, err);
        if (code != TRIB_OK) return code;
        sub->parked--;
    }
    return consumers_release(txn, sub, row, err);
}

static trib_code again(trib_stream_txn *txn, consumers_sub *sub, const consumers_row *row,
                       const consumers_settlement *s, trib_error *err) {
    if (!s->keeps && !s->undone && row->tries > sub->max_retries) return consumers_park(txn, sub, row, s->reason, err);
    trib_arg args[] = {trib_stream_integer(sub->id), trib_stream_text(row->stream_id),
                       trib_stream_integer(trib_env_wall_ms(txn->app->env) + s->delay_ms),
                       trib_stream_integer(row->tries - (s->undone ? 1 : 0))};
    return trib_stmt_run(txn->handle,
                         "UPDATE _trib_flight SET generation = 0, due_ms = ?3, tries = ?4 WHERE sub = ?1 AND "
                         "streamId = ?2",
                         args, 4, NULL, NULL, err);
}

trib_code consumers_settle(trib_stream_txn *txn, consumers_sub *sub, const consumers_settlement *s, bool *ret_held,
                           trib_error *err) {
    one_row found = {.arena = txn->arena};
    trib_arg args[] = {trib_stream_integer(sub->id), trib_stream_integer(s->pos), trib_stream_integer(s->generation),
                       trib_stream_integer(trib_env_wall_ms(txn->app->env))};
    *ret_held = false;
    if (s->generation <= 0) return TRIB_OK;
    trib_code code = trib_stmt_run(txn->handle,
                                   "SELECT " CONSUMERS_ROW_COLUMNS " FROM _trib_flight WHERE sub = ?1 AND pos = ?2 "
                                   "AND generation = ?3 AND due_ms > ?4",
                                   args, 4, take_row, &found, err);
    if (code != TRIB_OK || !found.found) return code;
    *ret_held = true;
    switch (s->verdict) {
    case CONSUMERS_ACK:
    case CONSUMERS_SKIP: return done(txn, sub, &found.row, err);
    case CONSUMERS_RETRY: return again(txn, sub, &found.row, s, err);
    case CONSUMERS_PARK: return consumers_park(txn, sub, &found.row, s->reason, err);
    }
    return TRIB_OK;
}
