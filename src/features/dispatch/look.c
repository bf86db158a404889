/* SPDX-License-Identifier: Apache-2.0 */
/* Deals that have changed while somebody is looked for: a trigger has noted them (tables.c), a round asks each whether
 * it still wants somebody. If not, the search ends, and who was offered the job is owed that he is idle again, as if
 * his time were over.
 *
 *   the deal's status changes -> _trib_dispatch_look -> wanted: nothing
 *                                                    └ not: its row goes; its worker: _trib_dispatch_owed */
#include "features/dispatch/dispatch_int.h"

/* Where memory does not suffice to say, it is: the end of its offer comes anyway. */
static trib_code is_wanted(trib_stream_txn *txn, const trib_stream *s, trib_str role, bool *ret, trib_error *err) {
    const trib_deal_jobs *jobs = &txn->app->deal_jobs;
    trib_deal_job job;
    trib_error why;
    trib_code code = jobs->find(jobs->deals, txn, s, role, &job, &why);
    *ret = code != TRIB_BAD_REQUEST && code != TRIB_BAD_TRANSITION && !(code == TRIB_OK && s->is_closed);
    if (code == TRIB_OK || !*ret || code == TRIB_NOMEM) return TRIB_OK;
    return trib_error_set(err, code, "%s", why.message);
}

/* A stream that is too long or broken holds up no other: its offers end when they are answered, or their time is
 * over. */
static trib_code load(trib_stream_txn *txn, trib_str id, trib_stream *s, bool *ret_known, trib_error *err) {
    trib_error why;
    trib_code code = trib_stream_load(txn, id, s, &why);
    *ret_known = code == TRIB_OK;
    if (code == TRIB_OK || code == TRIB_RESPONSE_TOO_LARGE || code == TRIB_CHAIN_BROKEN || code == TRIB_NOMEM)
        return TRIB_OK;
    return trib_error_set(err, code, "%s", why.message);
}

/* Each stream in an arena of its own: many long ones are too much for the round's. */
static trib_code look_at(dispatch_module *m, trib_str id, trib_error *err) {
    dispatch_row rows[DISPATCH_JOBS_MAX];
    trib_stream_txn txn = m->txn;
    trib_arena arena;
    trib_stream s;
    trib_arg arg = trib_stream_text(id);
    size_t count = 0;
    bool known = false;
    trib_arena_init(&arena, TRIB_STREAM_ARENA_MAX_BYTES);
    txn.arena = &arena;
    trib_code code = dispatch_rows_load(&m->txn, "streamId = ?1", &arg, 1, DISPATCH_JOBS_MAX, rows, &count, err);
    if (code == TRIB_OK && count) code = load(&txn, id, &s, &known, err);
    for (size_t i = 0; code == TRIB_OK && known && i < count; i++) {
        bool wanted;
        code = is_wanted(&txn, &s, rows[i].role, &wanted, err);
        if (code != TRIB_OK || wanted) continue;
        code = dispatch_row_withdraw(&m->txn, &rows[i], err);
        if (rows[i].tenant_id.len) (void)dispatch_holds_end(m->holds, rows[i].tenant_id);
        m->round.withdrawn++;
    }
    trib_arena_deinit(&arena);
    return code == TRIB_OK ? dispatch_run(&m->txn, "DELETE FROM _trib_dispatch_look WHERE streamId = ?1", &arg, 1, err)
                           : code;
}

trib_code dispatch_look(dispatch_module *m, trib_error *err) {
    trib_arg most = trib_stream_integer(DISPATCH_LOOK_MAX);
    trib_str *ids;
    size_t count;
    trib_code code = trib_stream_find_ids(&m->txn, "SELECT streamId FROM _trib_dispatch_look LIMIT ?1", &most, 1,
                                          DISPATCH_LOOK_MAX, &ids, &count, err);
    if (code == TRIB_OK && count && !m->txn.writes) {
        m->txn.writes = true;
        return TRIB_AGAIN;
    }
    for (size_t i = 0; code == TRIB_OK && i < count; i++) code = look_at(m, ids[i], err);
    m->round.more = m->round.more || (code == TRIB_OK && count == DISPATCH_LOOK_MAX);
    return code;
}
