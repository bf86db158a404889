/* SPDX-License-Identifier: Apache-2.0 */
/* What a deal must remember and its events do not say, in the database `streams`, in the same transaction as they:
 *
 *   _trib_deals       currency of its prices, the seller's own node (who is paid)
 *   _trib_deals_job   who works for it: which of his points was claimed, what he gets
 *
 * It goes with the events of its stream. */
#include "core/db_start.h"
#include "features/deals/deals_int.h"

static const char *const tables[] = {
    "CREATE TABLE IF NOT EXISTS _trib_deals(streamId TEXT PRIMARY KEY NOT NULL, currency TEXT, sellerNode TEXT) "
    "WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS _trib_deals_job(streamId TEXT NOT NULL, role TEXT NOT NULL, tenant TEXT NOT NULL, "
    "point TEXT, fee INTEGER NOT NULL, PRIMARY KEY(streamId, role)) WITHOUT ROWID",
    "CREATE TRIGGER IF NOT EXISTS _trib_deals_out AFTER UPDATE OF count ON _trib_stream WHEN NEW.count = 0 BEGIN "
    "DELETE FROM _trib_deals WHERE streamId = NEW.streamId; "
    "DELETE FROM _trib_deals_job WHERE streamId = NEW.streamId; END",
};

static trib_code prepare(void *ctx, trib_handle *handle, trib_error *err) {
    (void)ctx;
    return trib_db_start_run_all(handle, tables, sizeof tables / sizeof *tables, err);
}

trib_code deals_facts_prepare(trib_app *app, const trib_tenant *streams, trib_error *err) {
    return trib_db_start(app, streams, prepare, NULL, err);
}

/* ---- reading ---- */

typedef struct rows {
    trib_arena *arena;
    const deals_vertical *vertical;
    deals_facts *facts;
} rows;

static trib_str text_at(const rows *to, const trib_stmt *stmt, int col) {
    trib_value value = trib_stmt_col_value(stmt, col);
    return value.type == TRIB_VALUE_TEXT ? trib_arena_dup(to->arena, value.bytes) : (trib_str){0};
}

static trib_code take_deal(void *ctx, const trib_stmt *stmt, trib_error *err) {
    rows *to = ctx;
    to->facts->currency = text_at(to, stmt, 0);
    to->facts->seller_node = text_at(to, stmt, 1);
    return to->arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static const deals_job *job_of(const deals_vertical *vertical, trib_str role) {
    for (size_t i = 0; i < vertical->action_count; i++)
        for (size_t k = 0; k < vertical->actions[i].step_count; k++) {
            const deals_job *job = vertical->actions[i].steps[k].job;
            if (job && trib_str_eq_c(role, job->role)) return job;
        }
    return NULL;
}

static trib_code take_worker(void *ctx, const trib_stmt *stmt, trib_error *err) {
    rows *to = ctx;
    const deals_job *job = job_of(to->vertical, trib_stmt_col_value(stmt, 0).bytes);
    if (!job || to->facts->worker_count == DEALS_JOBS_MAX) return TRIB_OK;
    to->facts->workers[to->facts->worker_count++] = (deals_worker){.job = job,
                                                                   .tenant = text_at(to, stmt, 1),
                                                                   .point = text_at(to, stmt, 2),
                                                                   .fee = trib_stmt_col_value(stmt, 3).integer};
    return to->arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

trib_code deals_facts_load(trib_stream_txn *txn, const deals_vertical *vertical, trib_str deal_id, deals_facts *ret,
                           trib_error *err) {
    trib_arg id = trib_stream_text(deal_id);
    rows to = {txn->arena, vertical, ret};
    *ret = (deals_facts){0};
    trib_code code = trib_stmt_run(txn->handle, "SELECT currency, sellerNode FROM _trib_deals WHERE streamId = ?1", &id,
                                   1, take_deal, &to, err);
    if (code != TRIB_OK) return code;
    return trib_stmt_run(txn->handle,
                         "SELECT role, tenant, point, fee FROM _trib_deals_job WHERE streamId = ?1 ORDER BY role", &id,
                         1, take_worker, &to, err);
}

const deals_worker *deals_facts_worker(const deals_facts *facts, const deals_job *job) {
    for (size_t i = 0; i < facts->worker_count; i++)
        if (facts->workers[i].job == job) return &facts->workers[i];
    return NULL;
}

/* ---- writing ---- */

static trib_str null_if_empty(trib_str text) {
    return text.len ? text : (trib_str){0};
}

trib_code deals_facts_store(trib_stream_txn *txn, trib_str deal_id, const deals_facts *facts, trib_error *err) {
    trib_arg args[] = {trib_stream_text(deal_id), trib_stream_text(null_if_empty(facts->currency)),
                       trib_stream_text(null_if_empty(facts->seller_node))};
    return trib_stmt_run(txn->handle, "INSERT OR REPLACE INTO _trib_deals VALUES (?1, ?2, ?3)", args, 3, NULL, NULL,
                         err);
}

trib_code deals_facts_store_worker(trib_stream_txn *txn, trib_str deal_id, const deals_worker *worker,
                                   trib_error *err) {
    trib_arg args[] = {trib_stream_text(deal_id), trib_stream_text(trib_str_c(worker->job->role)),
                       trib_stream_text(worker->tenant), trib_stream_text(null_if_empty(worker->point)),
                       trib_stream_integer(worker->fee)};
    return trib_stmt_run(txn->handle, "INSERT OR REPLACE INTO _trib_deals_job VALUES (?1, ?2, ?3, ?4, ?5)", args, 5,
                         NULL, NULL, err);
}
