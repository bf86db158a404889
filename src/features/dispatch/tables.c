/* SPDX-License-Identifier: Apache-2.0 */
/* Rows in the database `streams`:
 *
 *   _trib_dispatch          a job that somebody is looked for: waits (tenantId NULL), or is offered to one worker
 *   _trib_dispatch_passed   who is not offered it (again), until when
 *   _trib_dispatch_owed     workers whose offer was taken back and whose own row does not say so yet
 *   _trib_dispatch_look     streams that have changed while somebody is looked for (look.c)
 *   _trib_dispatch_given    how a job was looked for that somebody has got, if he may give it back
 *
 *   waits --offer: generation + 1--> offered --accept--> gone --given back--> waits
 *     ^------- declined, time over -----┘
 *
 * An offer and the worker's own row change in one command, so neither is ever there alone but for what is owed. The
 * unique index keeps a worker from having two. */
#include "core/db_start.h"
#include "features/dispatch/dispatch_int.h"

static const char *const tables[] = {
    "CREATE TABLE IF NOT EXISTS _trib_dispatch(no INTEGER PRIMARY KEY AUTOINCREMENT, streamId TEXT NOT NULL, "
    "role TEXT NOT NULL, worker TEXT NOT NULL, since_ms INTEGER NOT NULL, placed INTEGER NOT NULL, lat REAL, lng REAL, "
    "max_m REAL NOT NULL, auto INTEGER NOT NULL, offer_ms INTEGER NOT NULL, body TEXT NOT NULL, "
    "generation INTEGER NOT NULL DEFAULT 0, tenantId TEXT, point TEXT, until_ms INTEGER, asker TEXT, "
    "UNIQUE(streamId, role))",
    "CREATE INDEX IF NOT EXISTS _trib_dispatch_asker ON _trib_dispatch(asker) WHERE asker IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS _trib_dispatch_waits ON _trib_dispatch(no) WHERE tenantId IS NULL",
    "CREATE INDEX IF NOT EXISTS _trib_dispatch_until ON _trib_dispatch(until_ms) WHERE tenantId IS NOT NULL",
    "CREATE UNIQUE INDEX IF NOT EXISTS _trib_dispatch_offer ON _trib_dispatch(tenantId, point) "
    "WHERE tenantId IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS _trib_dispatch_passed(no INTEGER NOT NULL, tenantId TEXT NOT NULL, point TEXT NOT "
    "NULL, until_ms INTEGER NOT NULL, PRIMARY KEY(no, tenantId, point)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS _trib_dispatch_owed(tenantId TEXT NOT NULL, point TEXT NOT NULL, "
    "PRIMARY KEY(tenantId, point)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS _trib_dispatch_look(streamId TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS _trib_dispatch_given(streamId TEXT NOT NULL, role TEXT NOT NULL, no INTEGER NOT NULL, "
    "worker TEXT NOT NULL, placed INTEGER NOT NULL, lat REAL, lng REAL, max_m REAL NOT NULL, auto INTEGER NOT NULL, "
    "offer_ms INTEGER NOT NULL, body TEXT NOT NULL, generation INTEGER NOT NULL, asker TEXT, "
    "PRIMARY KEY(streamId, role)) WITHOUT ROWID",
    "CREATE TRIGGER IF NOT EXISTS _trib_dispatch_done AFTER DELETE ON _trib_dispatch BEGIN "
    "DELETE FROM _trib_dispatch_passed WHERE no = OLD.no; END",
    "CREATE TRIGGER IF NOT EXISTS _trib_dispatch_looked AFTER DELETE ON _trib_dispatch BEGIN "
    "DELETE FROM _trib_dispatch_look WHERE streamId = OLD.streamId AND NOT EXISTS "
    "(SELECT 1 FROM _trib_dispatch WHERE streamId = OLD.streamId); END",
    /* beside the change, whoever makes it: a request, a gateway, a timer */
    "CREATE TRIGGER IF NOT EXISTS _trib_dispatch_moved AFTER UPDATE OF status, closed_ms ON _trib_stream "
    "WHEN EXISTS (SELECT 1 FROM _trib_dispatch WHERE streamId = NEW.streamId) BEGIN "
    "INSERT OR IGNORE INTO _trib_dispatch_look VALUES (NEW.streamId); END",
    /* the events of its stream go: an offer ends first, so that its worker is not forgotten */
    "CREATE TRIGGER IF NOT EXISTS _trib_dispatch_out AFTER UPDATE OF count ON _trib_stream WHEN NEW.count = 0 BEGIN "
    "DELETE FROM _trib_dispatch WHERE streamId = NEW.streamId AND tenantId IS NULL; "
    "UPDATE _trib_dispatch SET until_ms = 0 WHERE streamId = NEW.streamId; END",
    "CREATE TRIGGER IF NOT EXISTS _trib_dispatch_forget AFTER UPDATE OF count ON _trib_stream WHEN NEW.count = 0 BEGIN "
    "DELETE FROM _trib_dispatch_given WHERE streamId = NEW.streamId; END",
};

static trib_code prepare(void *ctx, trib_handle *handle, trib_error *err) {
    (void)ctx;
    return trib_db_start_run_all(handle, tables, sizeof tables / sizeof *tables, err);
}

trib_code dispatch_tables_prepare(trib_app *app, const trib_tenant *streams, trib_error *err) {
    return trib_db_start(app, streams, prepare, NULL, err);
}

trib_code dispatch_run(const trib_stream_txn *txn, const char *sql, const trib_arg *args, size_t count,
                       trib_error *err) {
    return trib_stmt_run(txn->handle, sql, args, count, NULL, NULL, err);
}

static trib_code take_integer(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

trib_code dispatch_get_integer(const trib_stream_txn *txn, const char *sql, const trib_arg *args, size_t count,
                               int64_t *ret, trib_error *err) {
    return trib_stmt_run(txn->handle, sql, args, count, take_integer, ret, err);
}

/* ---- reading ---- */

typedef struct rows {
    trib_arena *arena;
    dispatch_row *list;
    size_t count, max;
} rows;

static trib_str text_at(const rows *to, const trib_stmt *stmt, int col) {
    trib_value value = trib_stmt_col_value(stmt, col);
    return value.type == TRIB_VALUE_TEXT ? trib_arena_dup(to->arena, value.bytes) : (trib_str){0};
}

static double real_at(const trib_stmt *stmt, int col) {
    trib_value value = trib_stmt_col_value(stmt, col);
    return value.type == TRIB_VALUE_INTEGER ? (double)value.integer : value.real;
}

static trib_code take_row(void *ctx, const trib_stmt *stmt, trib_error *err) {
    rows *to = ctx;
    if (to->count == to->max) return TRIB_OK;
    to->list[to->count++] = (dispatch_row){.found = true,
                                           .no = trib_stmt_col_value(stmt, 0).integer,
                                           .deal_id = text_at(to, stmt, 1),
                                           .role = text_at(to, stmt, 2),
                                           .worker = text_at(to, stmt, 3),
                                           .since_ms = trib_stmt_col_value(stmt, 4).integer,
                                           .is_placed = trib_stmt_col_value(stmt, 5).integer != 0,
                                           .has_place = trib_stmt_col_value(stmt, 6).type != TRIB_VALUE_NULL,
                                           .lat = real_at(stmt, 6),
                                           .lng = real_at(stmt, 7),
                                           .max_m = real_at(stmt, 8),
                                           .automatic = trib_stmt_col_value(stmt, 9).integer != 0,
                                           .offer_ms = trib_stmt_col_value(stmt, 10).integer,
                                           .body = text_at(to, stmt, 11),
                                           .generation = trib_stmt_col_value(stmt, 12).integer,
                                           .tenant_id = text_at(to, stmt, 13),
                                           .point = text_at(to, stmt, 14),
                                           .until_ms = trib_stmt_col_value(stmt, 15).integer};
    return to->arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

trib_code dispatch_rows_load(trib_stream_txn *txn, const char *where, const trib_arg *args, size_t arg_count,
                             size_t max, dispatch_row *ret, size_t *ret_count, trib_error *err) {
    rows to = {.arena = txn->arena, .list = ret, .max = max};
    trib_buf buf;
    trib_buf_init(&buf, 1024);
    trib_buf_printf(&buf,
                    "SELECT no, streamId, role, worker, since_ms, placed, lat, lng, max_m, auto, offer_ms, body, "
                    "generation, tenantId, point, until_ms FROM _trib_dispatch WHERE %s LIMIT %zu",
                    where, max);
    trib_buf_add_char(&buf, '\0');
    trib_code code = buf.failed ? trib_error_set(err, TRIB_NOMEM, NULL)
                                : trib_stmt_run(txn->handle, buf.ptr, args, arg_count, take_row, &to, err);
    trib_buf_deinit(&buf);
    *ret_count = to.count;
    return code;
}

trib_code dispatch_row_load(trib_stream_txn *txn, int64_t no, dispatch_row *ret, trib_error *err) {
    trib_arg arg = trib_stream_integer(no);
    size_t count;
    *ret = (dispatch_row){.no = no};
    return dispatch_rows_load(txn, "no = ?1", &arg, 1, 1, ret, &count, err);
}

/* ---- writing ---- */

trib_code dispatch_row_delete(trib_stream_txn *txn, int64_t no, trib_error *err) {
    trib_arg arg = trib_stream_integer(no);
    return dispatch_run(txn, "DELETE FROM _trib_dispatch WHERE no = ?1", &arg, 1, err);
}

static trib_arg number(bool there, double value) {
    return (trib_arg){.value = {.type = there ? TRIB_VALUE_REAL : TRIB_VALUE_NULL, .real = value}};
}

static trib_code check_share(trib_stream_txn *txn, trib_str asker, trib_error *err) {
    trib_arg args[] = {trib_stream_text(asker), trib_stream_integer(DISPATCH_OF_TENANT_MAX)};
    int64_t count = 0;
    if (!asker.len) return TRIB_OK;
    trib_code code = dispatch_get_integer(
        txn, "SELECT count(*) FROM (SELECT 1 FROM _trib_dispatch WHERE asker = ?1 LIMIT ?2)", args, 2, &count, err);
    if (code != TRIB_OK || count < DISPATCH_OF_TENANT_MAX) return code;
    return trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                          "%d deals of this tenant wait for somebody already; try again later", DISPATCH_OF_TENANT_MAX);
}

trib_code dispatch_row_add(trib_stream_txn *txn, const dispatch_row *row, bool *ret_duplicate, trib_error *err) {
    trib_arg args[] = {trib_stream_text(row->deal_id),      trib_stream_text(row->role),
                       trib_stream_text(row->worker),       trib_stream_integer(row->since_ms),
                       trib_stream_integer(row->is_placed), number(row->has_place, row->lat),
                       number(row->has_place, row->lng),    number(true, row->max_m),
                       trib_stream_integer(row->automatic), trib_stream_integer(row->offer_ms),
                       trib_stream_text(row->body),         trib_stream_text(row->asker)};
    int64_t there = 0, first = 0, last = 0;
    trib_code code = dispatch_get_integer(txn, "SELECT 1 FROM _trib_dispatch WHERE streamId = ?1 AND role = ?2", args,
                                          2, &there, err);
    *ret_duplicate = there == 1;
    if (code != TRIB_OK || there) return code;
    /* numbers are given in turn: the span of those that are there bounds how many they are, without counting them */
    code = dispatch_get_integer(txn, "SELECT min(no) FROM _trib_dispatch", NULL, 0, &first, err);
    if (code == TRIB_OK) code = dispatch_get_integer(txn, "SELECT max(no) FROM _trib_dispatch", NULL, 0, &last, err);
    if (code == TRIB_OK && last - first >= DISPATCH_WAITING_MAX)
        code = dispatch_get_integer(txn, "SELECT count(*) FROM _trib_dispatch", NULL, 0, &there, err);
    if (code == TRIB_OK && there >= DISPATCH_WAITING_MAX)
        return trib_error_set(err, TRIB_TOO_MANY_REQUESTS, "%d deals wait for somebody already; try again later",
                              DISPATCH_WAITING_MAX);
    if (code == TRIB_OK) code = check_share(txn, row->asker, err);
    if (code != TRIB_OK) return code;
    return dispatch_run(txn,
                        "INSERT INTO _trib_dispatch(streamId, role, worker, since_ms, placed, lat, lng, max_m, auto, "
                        "offer_ms, body, asker) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                        args, 12, err);
}

trib_code dispatch_row_offer(trib_stream_txn *txn, const dispatch_row *row, trib_str tenant_id, trib_str point,
                             int64_t until_ms, trib_error *err) {
    trib_arg args[] = {trib_stream_integer(row->no), trib_stream_text(tenant_id),
                       trib_stream_text(point.ptr ? point : TRIB_STR("")), trib_stream_integer(until_ms)};
    int64_t there = 0;
    trib_code code = dispatch_get_integer(txn, "SELECT 1 FROM _trib_dispatch WHERE tenantId = ?1 AND point = ?2",
                                          args + 1, 2, &there, err);
    if (code != TRIB_OK) return code;
    if (there) return trib_error_set(err, TRIB_NOT_AVAILABLE, "this worker has an offer already");
    return dispatch_run(txn,
                        "UPDATE _trib_dispatch SET generation = generation + 1, tenantId = ?2, point = ?3, "
                        "until_ms = ?4 WHERE no = ?1",
                        args, 4, err);
}

trib_code dispatch_row_pass(trib_stream_txn *txn, int64_t no, trib_str tenant_id, trib_str point, int64_t until_ms,
                            trib_error *err) {
    trib_arg args[] = {trib_stream_integer(no), trib_stream_text(tenant_id),
                       trib_stream_text(point.ptr ? point : TRIB_STR("")), trib_stream_integer(until_ms)};
    return dispatch_run(txn, "INSERT OR REPLACE INTO _trib_dispatch_passed VALUES (?1, ?2, ?3, ?4)", args, 4, err);
}

static trib_code owe(trib_stream_txn *txn, const dispatch_row *row, trib_error *err) {
    trib_arg args[] = {trib_stream_text(row->tenant_id), trib_stream_text(row->point)};
    if (!row->tenant_id.len || !row->point.len) return TRIB_OK;
    return dispatch_run(txn, "INSERT OR IGNORE INTO _trib_dispatch_owed VALUES (?1, ?2)", args, 2, err);
}

trib_code dispatch_row_take_back(trib_stream_txn *txn, const dispatch_row *row, int64_t pass_ms, bool owes,
                                 trib_error *err) {
    trib_arg arg = trib_stream_integer(row->no);
    trib_code code = dispatch_run(
        txn, "UPDATE _trib_dispatch SET tenantId = NULL, point = NULL, until_ms = NULL WHERE no = ?1", &arg, 1, err);
    if (code == TRIB_OK) code = dispatch_row_pass(txn, row->no, row->tenant_id, row->point, pass_ms, err);
    return code == TRIB_OK && owes ? owe(txn, row, err) : code;
}

trib_code dispatch_row_withdraw(trib_stream_txn *txn, const dispatch_row *row, trib_error *err) {
    trib_code code = owe(txn, row, err);
    return code == TRIB_OK ? dispatch_row_delete(txn, row->no, err) : code;
}

trib_code dispatch_row_give(trib_stream_txn *txn, const dispatch_row *row, bool may_come_back, trib_error *err) {
    trib_arg arg = trib_stream_integer(row->no);
    trib_code code = TRIB_OK;
    if (may_come_back)
        code = dispatch_run(txn,
                            "INSERT OR REPLACE INTO _trib_dispatch_given(no, streamId, role, worker, placed, lat, lng, "
                            "max_m, auto, offer_ms, body, generation, asker) SELECT no, streamId, role, worker, "
                            "placed, lat, lng, max_m, auto, offer_ms, body, generation, asker FROM _trib_dispatch "
                            "WHERE no = ?1",
                            &arg, 1, err);
    return code == TRIB_OK ? dispatch_row_delete(txn, row->no, err) : code;
}

trib_code dispatch_row_come_back(trib_stream_txn *txn, trib_str deal_id, trib_str role, trib_str tenant_id,
                                 trib_error *err) {
    trib_arg args[] = {trib_stream_text(deal_id), trib_stream_text(role),
                       trib_stream_integer(trib_env_wall_ms(txn->app->env))};
    int64_t no = 0;
    trib_code code = dispatch_get_integer(txn, "SELECT no FROM _trib_dispatch_given WHERE streamId = ?1 AND role = ?2",
                                          args, 2, &no, err);
    if (code != TRIB_OK || !no) return code;
    code = dispatch_run(txn,
                        "INSERT OR IGNORE INTO _trib_dispatch(no, streamId, role, worker, placed, lat, lng, max_m, "
                        "auto, offer_ms, body, generation, asker, since_ms) SELECT no, streamId, role, worker, placed, "
                        "lat, lng, max_m, auto, offer_ms, body, generation, asker, ?3 FROM _trib_dispatch_given "
                        "WHERE streamId = ?1 AND role = ?2",
                        args, 3, err);
    if (code == TRIB_OK)
        code = dispatch_run(txn, "DELETE FROM _trib_dispatch_given WHERE streamId = ?1 AND role = ?2", args, 2, err);
    return code == TRIB_OK && tenant_id.len ? dispatch_row_pass(txn, no, tenant_id, (trib_str){0}, INT64_MAX, err)
                                            : code;
}
