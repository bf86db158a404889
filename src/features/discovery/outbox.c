/* SPDX-License-Identifier: Apache-2.0 */
/* A tenant's side of publishing: triggers on its tables nodes and points write what may be public into _trib_outbox, in
 * the commit that changes it.
 *
 *   _trib_outbox   one row for each node that is published and for each point, as it was when it changed last in a way
 *                  that the public is told of (not: a driver's position alone, or stock that is still enough); `gone`
 *                  for those that are no more, until discovery has heard of it. A change takes the next number (seq),
 *                  and the row before goes.
 *
 * So the table is both the queue (what is behind a number) and the state (all of it): to rebuild is to read it from 0,
 * and gives what the changes one by one have given. A point is public while its node is; readers join the two.
 *
 * The triggers name no other table of the tenant and no function that is not SQLite's own: migrations that rebuild a
 * table go on working, and so do replicas that write offline. */
#include <stdio.h>
#include <string.h>

#include "core/stream.h"
#include "features/discovery/outbox_int.h"

enum { NODES, POINTS, TABLES, TRIGGERS = 6, SQL_BYTES = 6000 };

static const char *const table_names[TABLES] = {"nodes", "points"};
static const char *const columns[TABLES][DISCOVERY_POINT_COLUMNS + 1] = {
    {"id", "parentId", "nodeType", "title", "createdAt", "payload", NULL},
    {"id", "nodeId", "qty", "price", "currency", "availability", "locationText", "lat", "lng", "openNow", NULL}};

static const char make_sql[] = "CREATE TABLE IF NOT EXISTS _trib_outbox(seq INTEGER PRIMARY KEY, kind INTEGER NOT "
                               "NULL, id, gone INTEGER NOT NULL, "
                               "parentId, nodeType, title, createdAt, payload, nodeId, qty, price, currency, "
                               "availability, locationText, lat, lng, "
                               "openNow)";
/* Compared with what is there as the triggers are: tables of an older version get it, too. */
#define GONE_INDEX "CREATE INDEX _trib_outbox_gone ON _trib_outbox(seq) WHERE gone AND kind >= 0"
static const char *const index_sql[] = {
    GONE_INDEX,
    "CREATE INDEX IF NOT EXISTS _trib_outbox_of ON _trib_outbox(kind, id)",
    "CREATE INDEX IF NOT EXISTS _trib_outbox_points ON _trib_outbox(nodeId) WHERE kind = 1",
};

/* ---- statements ---- */

static trib_code run(trib_handle *handle, const char *sql, trib_error *err) {
    return trib_stmt_run(handle, sql, NULL, 0, NULL, NULL, err);
}

typedef struct shape {
    bool has[TABLES][DISCOVERY_POINT_COLUMNS];
} shape;

static trib_code take_column(void *ctx, const trib_stmt *stmt, trib_error *err) {
    shape *s = ctx;
    trib_str name = trib_stmt_col_value(stmt, 1).bytes;
    int table = (int)trib_stmt_col_value(stmt, 0).integer;
    (void)err;
    for (int i = 0; columns[table][i]; i++)
        if (trib_str_ieq_c(name, columns[table][i])) s->has[table][i] = true;
    return TRIB_OK;
}

static trib_code read_shape(trib_handle *handle, shape *ret, trib_error *err) {
    memset(ret, 0, sizeof *ret);
    return trib_stmt_run(handle,
                         "SELECT 0, name FROM pragma_table_info('nodes') UNION ALL "
                         "SELECT 1, name FROM pragma_table_info('points')",
                         NULL, 0, take_column, ret, err);
}

/* A row of the outbox from a row of the table, `row` NEW or a name of the table; what the table lacks is NULL. */
static void add_values(trib_buf *sql, const shape *s, int table, const char *row) {
    int other = table == NODES ? DISCOVERY_POINT_COLUMNS - 1 : DISCOVERY_NODE_COLUMNS - 1;
    trib_buf_printf(sql, "%d, %s.id, 0", table, row);
    for (int i = 1; table == POINTS && i <= other; i++) trib_buf_add_c(sql, ", NULL");
    for (int i = 1; columns[table][i]; i++) {
        if (s->has[table][i]) trib_buf_printf(sql, ", %s.%s", row, columns[table][i]);
        else trib_buf_add_c(sql, ", NULL");
    }
    for (int i = 1; table == NODES && i <= other; i++) trib_buf_add_c(sql, ", NULL");
}

#define NEXT "(SELECT coalesce(max(seq), 0) + 1 FROM _trib_outbox)"
#define IS_SHOWN(row)                                                                                                  \
    "coalesce(CASE WHEN json_valid(" row ".payload) THEN json_extract(" row ".payload, '$.published') END, 0) IS TRUE"

/* Behind the insert of a newer row: the ones before go. */
static void add_forget(trib_buf *sql, int table, const char *row) {
    trib_buf_printf(sql,
                    "; DELETE FROM _trib_outbox WHERE kind = %d AND id IS %s.id AND seq < (SELECT max(seq) FROM "
                    "_trib_outbox WHERE kind = %d AND id IS %s.id)",
                    table, row, table, row);
}

/* It is not to be seen any more, if it was. */
static void add_gone(trib_buf *sql, int table, const char *row, const char *when) {
    trib_buf_printf(
        sql,
        "INSERT INTO _trib_outbox(seq, kind, id, gone, nodeId) SELECT " NEXT ", %d, %s.id, 1, (SELECT nodeId "
        "FROM _trib_outbox WHERE kind = %d AND id IS %s.id) WHERE %s AND EXISTS (SELECT 1 FROM _trib_outbox "
        "WHERE kind = %d AND id IS %s.id AND NOT gone)",
        table, row, table, row, when, table, row);
    add_forget(sql, table, row);
}

static void add_shown(trib_buf *sql, const shape *s, int table, const char *when) {
    trib_buf_add_c(sql, "INSERT INTO _trib_outbox SELECT " NEXT ", ");
    add_values(sql, s, table, "NEW");
    trib_buf_printf(sql, " WHERE %s", when);
    add_forget(sql, table, "NEW");
}

/* Stock as the public is told of it: 0 none, 1 little, 2 enough. */
static void add_stock(trib_buf *sql, const char *row) {
    trib_buf_printf(
        sql,
        "CASE WHEN %s.qty IS NULL THEN NULL WHEN %s.qty <= 0 THEN 0 WHEN %s.qty <= coalesce((SELECT CASE WHEN "
        "json_valid(payload) THEN json_extract(payload, '$.lowStock') END FROM _trib_outbox WHERE kind = 0 "
        "AND id IS %s.nodeId), 0) THEN 1 ELSE 2 END",
        row, row, row, row);
}

/* Whether an update of a point is one that the public is told of. */
static void add_point_changed(trib_buf *sql, const shape *s) {
    trib_buf_add_c(sql, "(OLD.id IS NOT NEW.id");
    for (int i = 1; columns[POINTS][i]; i++) {
        const char *name = columns[POINTS][i];
        bool often = strcmp(name, "qty") == 0 || strcmp(name, "lat") == 0 || strcmp(name, "lng") == 0;
        if (s->has[POINTS][i] && !often) trib_buf_printf(sql, " OR OLD.%s IS NOT NEW.%s", name, name);
    }
    if (s->has[POINTS][2]) {
        trib_buf_add_c(sql, " OR (OLD.qty IS NOT NEW.qty AND (");
        add_stock(sql, "OLD");
        trib_buf_add_c(sql, ") IS NOT (");
        add_stock(sql, "NEW");
        trib_buf_add_c(sql, "))");
    }
    /* who moves for a living tells it elsewhere, and many times a minute */
    if (s->has[POINTS][7] && s->has[POINTS][8])
        trib_buf_add_c(
            sql, " OR ((OLD.lat IS NOT NEW.lat OR OLD.lng IS NOT NEW.lng) AND NOT EXISTS (SELECT 1 FROM "
                 "_trib_outbox WHERE kind = 0 AND id IS NEW.nodeId AND nodeType IN ('driver', 'picker', 'courier')))");
    trib_buf_add_c(sql, ")");
}

static void add_trigger(trib_buf *sql, const shape *s, int number) {
    static const char *const events[] = {"INSERT", "UPDATE", "DELETE"};
    int table = number / 3, event = number % 3;
    trib_buf_printf(sql, "CREATE TRIGGER _trib_out_%d AFTER %s ON %s BEGIN ", number, events[event],
                    table_names[table]);
    if (event == 2) {
        add_gone(sql, table, "OLD", "1");
    } else if (table == NODES) {
        add_shown(sql, s, table, IS_SHOWN("NEW"));
        trib_buf_add_c(sql, "; ");
        add_gone(sql, table, "NEW", "NOT (" IS_SHOWN("NEW") ")");
    } else if (event == 0) {
        add_shown(sql, s, table, "1");
    } else {
        trib_buf_add_c(sql, "INSERT INTO _trib_outbox SELECT " NEXT ", ");
        add_values(sql, s, table, "NEW");
        trib_buf_add_c(sql, " WHERE ");
        add_point_changed(sql, s);
        add_forget(sql, table, "NEW");
    }
    if (event == 1) {
        trib_buf_add_c(sql, "; ");
        add_gone(sql, table, "OLD", "OLD.id IS NOT NEW.id");
    }
    trib_buf_add_c(sql, "; END");
}

/* ---- installing ---- */

typedef struct compare {
    const trib_buf *wanted; /* TRIGGERS of them, and the index */
    int same, seen;
} compare;

static trib_code take_trigger(void *ctx, const trib_stmt *stmt, trib_error *err) {
    compare *c = ctx;
    (void)err;
    c->seen++;
    for (int i = 0; i < TRIGGERS; i++)
        c->same += trib_str_eq(trib_stmt_col_value(stmt, 0).bytes, trib_buf_str(&c->wanted[i]));
    c->same += trib_str_eq_c(trib_stmt_col_value(stmt, 0).bytes, GONE_INDEX);
    return TRIB_OK;
}

static trib_code compare_triggers(trib_handle *handle, compare *c, trib_error *err) {
    return trib_stmt_run(
        handle,
        "SELECT sql FROM sqlite_schema WHERE (type = 'trigger' AND substr(name, 1, 10) = '_trib_out_') "
        "OR (type = 'index' AND name = '_trib_outbox_gone')",
        NULL, 0, take_trigger, c, err);
}

static trib_code drop_triggers(trib_handle *handle, trib_error *err) {
    trib_code code = TRIB_OK;
    for (int i = 0; code == TRIB_OK && i < TRIGGERS; i++) {
        char sql[60];
        snprintf(sql, sizeof sql, "DROP TRIGGER IF EXISTS _trib_out_%d", i);
        code = run(handle, sql, err);
    }
    return code == TRIB_OK ? run(handle, "DROP INDEX IF EXISTS _trib_outbox_gone", err) : code;
}

/* Everything as it is now, behind the numbers of before; and what was there and is no more. */
static trib_code write_all(trib_handle *handle, const shape *s, trib_error *err) {
    static const char *const after[] = {
        "INSERT INTO _trib_outbox(seq, kind, id, gone, nodeId) SELECT (SELECT max(seq) FROM _trib_outbox) + "
        "row_number() "
        "OVER (ORDER BY o.seq), o.kind, o.id, 1, o.nodeId FROM _trib_outbox o WHERE NOT o.gone AND NOT EXISTS (SELECT "
        "1 "
        "FROM _trib_outbox n WHERE n.kind = o.kind AND n.id IS o.id AND n.seq > o.seq) AND o.seq < (SELECT max(seq) "
        "FROM "
        "_trib_outbox WHERE kind = -1)",
        "DELETE FROM _trib_outbox WHERE seq < (SELECT max(seq) FROM _trib_outbox WHERE kind = -1)",
    };
    /* a row that only marks the place: kind -1. It stays: numbers never come again, also where there is nothing */
    trib_code code = run(handle, "INSERT INTO _trib_outbox(seq, kind, gone) VALUES (" NEXT ", -1, 1)", err);
    for (int table = 0; code == TRIB_OK && table < TABLES; table++) {
        trib_buf sql;
        trib_buf_init(&sql, SQL_BYTES);
        trib_buf_add_c(&sql,
                       "INSERT INTO _trib_outbox SELECT (SELECT max(seq) FROM _trib_outbox) + row_number() OVER (), ");
        add_values(&sql, s, table, "r");
        trib_buf_printf(&sql, " FROM %s r WHERE %s", table_names[table], table == NODES ? IS_SHOWN("r") : "1");
        trib_buf_add_char(&sql, '\0');
        code = sql.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : run(handle, sql.ptr, err);
        trib_buf_deinit(&sql);
    }
    for (size_t i = 0; code == TRIB_OK && i < sizeof after / sizeof *after; i++) code = run(handle, after[i], err);
    return code;
}

static trib_code make(trib_handle *handle, const shape *s, const trib_buf *wanted, trib_error *err) {
    trib_code code = drop_triggers(handle, err);
    if (code == TRIB_OK) code = run(handle, make_sql, err);
    for (size_t i = 0; code == TRIB_OK && i < sizeof index_sql / sizeof *index_sql; i++)
        code = run(handle, index_sql[i], err);
    if (code == TRIB_OK) code = write_all(handle, s, err);
    for (int i = 0; code == TRIB_OK && i < TRIGGERS; i++) {
        char sql[SQL_BYTES];
        snprintf(sql, sizeof sql, "%.*s", TRIB_STR_ARG(trib_buf_str(&wanted[i])));
        code = run(handle, sql, err);
    }
    return code;
}

/* One transaction around `code_of`; AGAIN before it has begun. */
static trib_code end(trib_handle *handle, trib_code code, trib_error *err) {
    trib_error ignored;
    if (code == TRIB_OK) return run(handle, "COMMIT", err);
    (void)run(handle, "ROLLBACK", &ignored);
    return code;
}

trib_code discovery_outbox_install(trib_handle *handle, bool *ret_publishes, trib_error *err) {
    trib_buf wanted[TRIGGERS];
    shape s;
    bool failed = false;
    trib_code code = read_shape(handle, &s, err);
    *ret_publishes = s.has[NODES][0] && s.has[NODES][5] && s.has[POINTS][0] && s.has[POINTS][1];
    if (code != TRIB_OK || !*ret_publishes) return code;
    for (int i = 0; i < TRIGGERS; i++) {
        trib_buf_init(&wanted[i], SQL_BYTES - 1);
        add_trigger(&wanted[i], &s, i);
        failed = failed || wanted[i].failed;
    }
    compare c = {.wanted = wanted};
    code = failed ? trib_error_set(err, TRIB_NOMEM, NULL) : compare_triggers(handle, &c, err);
    if (code == TRIB_OK && (c.same != TRIGGERS + 1 || c.seen != TRIGGERS + 1)) {
        code = run(handle, "BEGIN IMMEDIATE", err);
        if (code == TRIB_OK) code = end(handle, make(handle, &s, wanted, err), err);
    }
    for (int i = 0; i < TRIGGERS; i++) trib_buf_deinit(&wanted[i]);
    return code;
}

trib_code discovery_outbox_remove(trib_handle *handle, trib_error *err) {
    compare c = {.wanted = NULL};
    trib_buf none[TRIGGERS];
    for (int i = 0; i < TRIGGERS; i++) trib_buf_init(&none[i], 1);
    c.wanted = none;
    trib_code code = compare_triggers(handle, &c, err);
    if (code == TRIB_OK && c.seen > 0) {
        code = run(handle, "BEGIN IMMEDIATE", err);
        if (code == TRIB_OK) {
            code = drop_triggers(handle, err);
            if (code == TRIB_OK) code = run(handle, "DROP TABLE IF EXISTS _trib_outbox", err);
            code = end(handle, code, err);
        }
    }
    for (int i = 0; i < TRIGGERS; i++) trib_buf_deinit(&none[i]);
    return code;
}

/* ---- pruning ---- */

static trib_code take_count(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

trib_code discovery_outbox_prune(trib_handle *handle, int64_t carried, bool *ret_more, trib_error *err) {
    trib_arg args[] = {trib_stream_integer(carried), trib_stream_integer(DISCOVERY_PRUNE_ROWS)};
    int64_t count = 0;
    trib_code code = trib_stmt_run(handle,
                                   "SELECT count(*) FROM (SELECT 1 FROM _trib_outbox WHERE gone AND kind >= 0 AND "
                                   "seq <= ?1 LIMIT ?2)",
                                   args, 2, take_count, &count, err);
    *ret_more = count == DISCOVERY_PRUNE_ROWS;
    if (code != TRIB_OK || count < DISCOVERY_PRUNE_MIN) return code;
    /* the newest row stays: numbers never come again */
    return trib_stmt_run(handle,
                         "DELETE FROM _trib_outbox WHERE seq IN (SELECT seq FROM _trib_outbox WHERE gone AND kind >= 0 "
                         "AND seq <= ?1 ORDER BY seq LIMIT ?2) AND seq < (SELECT max(seq) FROM _trib_outbox)",
                         args, 2, NULL, NULL, err);
}

/* ---- reading ---- */

static bool copy_value(trib_arena *arena, trib_value value, trib_arg *ret) {
    bool bytes = value.type == TRIB_VALUE_TEXT || value.type == TRIB_VALUE_BLOB;
    if (bytes) value.bytes = trib_arena_dup(arena, value.bytes);
    *ret = (trib_arg){.value = value};
    return !bytes || value.bytes.ptr;
}

static trib_code take_change(void *ctx, const trib_stmt *stmt, trib_error *err) {
    discovery_batch *batch = ctx;
    discovery_change *c = trib_arena_zalloc(&batch->arena, 1, sizeof *c);
    bool ok = c != NULL;
    if (!c) return trib_error_set(err, TRIB_NOMEM, NULL);
    c->is_point = trib_stmt_col_value(stmt, 0).integer == POINTS;
    c->gone = trib_stmt_col_value(stmt, 1).integer != 0;
    batch->gone += c->gone;
    int count = c->is_point ? DISCOVERY_POINT_COLUMNS : DISCOVERY_NODE_COLUMNS, from = c->is_point ? 8 : 3;
    ok = copy_value(&batch->arena, trib_stmt_col_value(stmt, 2), &c->values[0]);
    for (int i = 1; ok && i < count; i++)
        ok = copy_value(&batch->arena, trib_stmt_col_value(stmt, from + i - 1), &c->values[i]);
    if (!ok) return trib_error_set(err, TRIB_NOMEM, NULL);
    if (batch->last) batch->last->next = c;
    else batch->first = c;
    batch->last = c;
    return TRIB_OK;
}

static trib_code take_end(void *ctx, const trib_stmt *stmt, trib_error *err) {
    discovery_batch *batch = ctx;
    (void)err;
    if (trib_stmt_col_value(stmt, 0).type == TRIB_VALUE_INTEGER) batch->seq = trib_stmt_col_value(stmt, 0).integer;
    batch->more = trib_stmt_col_value(stmt, 1).integer >= DISCOVERY_BATCH_ROWS;
    return TRIB_OK;
}

#define BATCH "(SELECT * FROM _trib_outbox WHERE seq > ?1 ORDER BY seq LIMIT ?2)"
static const char read_sql[] =
    "WITH b AS MATERIALIZED " BATCH
    " SELECT o.kind, o.gone OR (o.kind = 1 AND NOT EXISTS (SELECT 1 FROM _trib_outbox n "
    "WHERE n.kind = 0 AND n.id IS o.nodeId AND NOT n.gone)), CAST(o.id AS TEXT), CAST(o.parentId AS TEXT), o.nodeType, "
    "o.title, o.createdAt, o.payload, CAST(o.nodeId AS TEXT), o.qty, o.price, o.currency, "
    "CASE WHEN o.availability IS NOT 'in-stock' OR o.qty IS NULL THEN o.availability WHEN o.qty <= 0 THEN "
    "'out-of-stock' "
    "WHEN o.qty <= coalesce((SELECT CASE WHEN json_valid(n.payload) THEN json_extract(n.payload, '$.lowStock') END "
    "FROM "
    "_trib_outbox n WHERE n.kind = 0 AND n.id IS o.nodeId), 0) THEN 'low-stock' ELSE o.availability END, "
    "o.locationText, o.lat, o.lng, o.openNow FROM _trib_outbox o WHERE o.kind >= 0 AND o.seq IN (SELECT seq FROM b "
    "UNION "
    "SELECT p.seq FROM b JOIN _trib_outbox p ON p.kind = 1 AND p.nodeId IS b.id WHERE b.kind = 0) ORDER BY o.kind, "
    "o.seq";
static const char end_sql[] = "SELECT max(seq), count(*) FROM " BATCH;

trib_code discovery_outbox_read(trib_handle *handle, int64_t after, discovery_batch *batch, trib_error *err) {
    trib_arg args[] = {trib_stream_integer(after), trib_stream_integer(DISCOVERY_BATCH_ROWS)};
    batch->seq = after;
    trib_code code = run(handle, "BEGIN", err);
    if (code != TRIB_OK) return code;
    code = trib_stmt_run(handle, end_sql, args, 2, take_end, batch, err);
    if (code == TRIB_OK) code = trib_stmt_run(handle, read_sql, args, 2, take_change, batch, err);
    return end(handle, code, err);
}
