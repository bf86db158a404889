/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the system database `discovery`, and the triggers that keep its indexes, whoever writes.
 *
 *   nodes, points   what is public of all tenants, as applications read and write them: the tenant's columns with
 *                   workspaceId, its name, in front
 *   _trib_place     R*Tree over the points that are open and have a place; beside latitude and longitude the kind,
 *                   which is the number that _trib_kind gives the node's type. nearest() walks it (store/nearest.h)
 *   _trib_search    FTS5 over titles, the texts in payloads, and types, with the tokenizer `trib`
 *   _trib_applied   how far each tenant's outbox has come (outbox.c)
 *
 * The indexes are keyed by rowids; a REPLACE that gives a row another one fires the triggers of DELETE here
 * (recursive_triggers, store/policy.c). */
#include <stdio.h>

#include "core/db_start.h"
#include "core/stream.h"
#include "features/discovery/discovery_int.h"

/* BOOLEAN is numeric; who writes the word means it too. */
#define OPEN(row)                                                                                                      \
    "(" row ".openNow IN (1, 'true') AND typeof(" row ".lat) IN ('real', 'integer') AND typeof(" row                   \
    ".lng) IN ('real', 'integer') AND " row ".lat BETWEEN -90 AND 90 AND " row ".lng BETWEEN -180 AND 180)"
/* An enum cannot be spelled into a string; schema_test.c compares. */
#define KINDS_MAX     "16000"
#define KIND_STEP     "1024"
#define KIND_OF(type) "coalesce((SELECT min(n, " KINDS_MAX ") FROM _trib_kind WHERE name = " type "), 0) * " KIND_STEP
#define NEW_KIND(type)                                                                                                 \
    "INSERT INTO _trib_kind(name) SELECT " type " WHERE " type " IS NOT NULL "                                         \
    "AND NOT EXISTS (SELECT 1 FROM _trib_kind WHERE name = " type "); "
#define PLACE(row)                                                                                                     \
    "INSERT INTO _trib_place SELECT " row ".rowid, " row ".lat, " row ".lat, " row ".lng, " row ".lng, k, k FROM "     \
    "(SELECT " KIND_OF("(SELECT nodeType FROM nodes WHERE workspaceId = " row ".workspaceId AND id = " row             \
                       ".nodeId)") " AS k) WHERE " OPEN(row) "; "
#define UNPLACE(row) "DELETE FROM _trib_place WHERE n = " row ".rowid; "
/* All points of a node whose type is not what it was. */
#define PLACE_ALL(row)                                                                                                 \
    "DELETE FROM _trib_place WHERE n IN (SELECT rowid FROM points WHERE workspaceId = " row ".workspaceId AND "        \
    "nodeId = " row ".id); "                                                                                           \
    "INSERT INTO _trib_place SELECT p.rowid, p.lat, p.lat, p.lng, p.lng, k, k FROM points p, (SELECT " KIND_OF(        \
        "(SELECT nodeType FROM nodes WHERE workspaceId = " row ".workspaceId AND id = " row                            \
        ".id)") " AS k) "                                                                                              \
                "WHERE p.workspaceId = " row ".workspaceId AND p.nodeId = " row ".id AND " OPEN("p") "; "
/* Every text in the payload; one that is no JSON is a text. */
#define BODY(row)                                                                                                      \
    "CASE WHEN json_valid(" row ".payload) THEN (SELECT group_concat(atom, ' ') FROM json_tree(" row ".payload) "      \
    "WHERE type = 'text') ELSE " row ".payload END"
#define INDEX(row)                                                                                                     \
    "INSERT INTO _trib_search(rowid, title, body, kind) VALUES (" row ".rowid, " row                                   \
    ".title, " BODY(row) ", " row ".nodeType); "
#define UNINDEX(row) "DELETE FROM _trib_search WHERE rowid = " row ".rowid; "

static const char *const tables[] = {
    "CREATE TABLE IF NOT EXISTS _trib_format(version INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS nodes (workspaceId TEXT NOT NULL, id TEXT NOT NULL, parentId TEXT, "
    "nodeType TEXT NOT NULL, title TEXT, createdAt TEXT, payload TEXT, PRIMARY KEY (workspaceId, id))",
    "CREATE TABLE IF NOT EXISTS points (workspaceId TEXT NOT NULL, id TEXT NOT NULL, nodeId TEXT NOT NULL, qty REAL, "
    "price REAL, currency TEXT, availability TEXT, locationText TEXT, lat REAL, lng REAL, openNow BOOLEAN, "
    "PRIMARY KEY (workspaceId, id))",
    /* tables of applications may have other keys */
    "CREATE UNIQUE INDEX IF NOT EXISTS _trib_nodes_key ON nodes(workspaceId, id)",
    "CREATE UNIQUE INDEX IF NOT EXISTS _trib_points_key ON points(workspaceId, id)",
    "CREATE INDEX _trib_points_of ON points(workspaceId, nodeId)",
    "CREATE INDEX _trib_points_at ON points(workspaceId) WHERE lat IS NOT NULL",
    "CREATE TABLE _trib_kind(n INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE VIRTUAL TABLE _trib_place USING rtree(n, lat0, lat1, lng0, lng1, kind0, kind1)",
    "CREATE VIRTUAL TABLE _trib_search USING fts5(title, body, kind, tokenize = 'trib', content = '', "
    "contentless_delete = 1)",
    "CREATE TABLE _trib_applied(tenantId TEXT PRIMARY KEY NOT NULL, workspaceId TEXT NOT NULL, seq INTEGER NOT NULL) "
    "WITHOUT ROWID",
};

static const char *const triggers[] = {
    "CREATE TRIGGER _trib_point_in AFTER INSERT ON points BEGIN " PLACE("NEW") "END",
    "CREATE TRIGGER _trib_point_out AFTER DELETE ON points BEGIN " UNPLACE("OLD") "END",
    "CREATE TRIGGER _trib_point_moved AFTER UPDATE ON points WHEN NEW.lat IS NOT OLD.lat OR NEW.lng IS NOT OLD.lng OR "
    "NEW.openNow IS NOT OLD.openNow OR NEW.nodeId IS NOT OLD.nodeId OR NEW.workspaceId IS NOT OLD.workspaceId OR "
    "NEW.rowid IS NOT OLD.rowid BEGIN " UNPLACE("OLD") PLACE("NEW") "END",

    "CREATE TRIGGER _trib_node_in AFTER INSERT ON nodes BEGIN " NEW_KIND("NEW.nodeType") INDEX("NEW")
        PLACE_ALL("NEW") "END",
    "CREATE TRIGGER _trib_node_out AFTER DELETE ON nodes BEGIN " UNINDEX("OLD") PLACE_ALL("OLD") "END",
    "CREATE TRIGGER _trib_node_changed AFTER UPDATE ON nodes BEGIN " NEW_KIND("NEW.nodeType") UNINDEX("OLD")
        INDEX("NEW") "END",
    "CREATE TRIGGER _trib_node_other AFTER UPDATE ON nodes WHEN NEW.nodeType IS NOT OLD.nodeType OR NEW.id IS NOT "
    "OLD.id "
    "OR NEW.workspaceId IS NOT OLD.workspaceId BEGIN " NEW_KIND("NEW.nodeType") PLACE_ALL("OLD") PLACE_ALL("NEW") "END",
};

/* Rows of before, which an application brought by SQL. */
static const char *const take_over[] = {
    "INSERT INTO _trib_kind(name) SELECT DISTINCT nodeType FROM nodes WHERE nodeType IS NOT NULL",
    "INSERT INTO _trib_search(rowid, title, body, kind) SELECT r.rowid, r.title, " BODY(
        "r") ", r.nodeType FROM nodes r",
    "INSERT INTO _trib_place SELECT p.rowid, p.lat, p.lat, p.lng, p.lng, k, k FROM (SELECT p.rowid, p.*, " KIND_OF(
        "(SELECT nodeType FROM nodes WHERE workspaceId = p.workspaceId AND id = p.nodeId)") " AS k FROM points p) p "
                                                                                            "WHERE " OPEN("p"),
};

static const struct {
    const char *table, *column;
} wanted[] = {
    {"nodes", "workspaceId"},   {"nodes", "id"},
    {"nodes", "parentId"},      {"nodes", "nodeType"},
    {"nodes", "title"},         {"nodes", "createdAt"},
    {"nodes", "payload"},       {"points", "workspaceId"},
    {"points", "id"},           {"points", "nodeId"},
    {"points", "qty"},          {"points", "price"},
    {"points", "currency"},     {"points", "availability"},
    {"points", "locationText"}, {"points", "lat"},
    {"points", "lng"},          {"points", "openNow"},
};

static trib_code run(trib_handle *handle, const char *sql, trib_error *err) {
    return trib_db_start_run(handle, sql, NULL, 0, NULL, NULL, err);
}

static trib_code run_all(trib_handle *handle, const char *const *sql, size_t count, trib_error *err) {
    trib_code code = TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && i < count; i++) code = run(handle, sql[i], err);
    return code;
}
#define RUN_ALL(handle, list, err) run_all(handle, list, sizeof(list) / sizeof *(list), err)

static trib_code take_integer(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

static trib_code ask(trib_handle *handle, const char *sql, const trib_arg *args, size_t count, int64_t *ret,
                     trib_error *err) {
    *ret = 0;
    return trib_db_start_run(handle, sql, args, count, take_integer, ret, err);
}

/* Tables of an application keep what they have, and get what they lack. */
static trib_code add_columns(trib_handle *handle, trib_error *err) {
    trib_code code = TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && i < sizeof wanted / sizeof *wanted; i++) {
        trib_arg args[] = {trib_stream_text(trib_str_c(wanted[i].table)),
                           trib_stream_text(trib_str_c(wanted[i].column))};
        int64_t is_there, has_column;
        char sql[100];
        code = ask(handle, "SELECT count(*) FROM pragma_table_info(?1) WHERE name = ?2 COLLATE NOCASE", args, 2,
                   &has_column, err);
        if (code == TRIB_OK) code = ask(handle, "SELECT count(*) FROM pragma_table_info(?1)", args, 1, &is_there, err);
        if (code != TRIB_OK || has_column || !is_there) continue;
        snprintf(sql, sizeof sql, "ALTER TABLE %s ADD COLUMN %s", wanted[i].table, wanted[i].column);
        code = run(handle, sql, err);
    }
    return code;
}

static trib_code make(trib_handle *handle, trib_error *err) {
    trib_error why;
    trib_code code = run(handle, "BEGIN IMMEDIATE", err);
    if (code == TRIB_OK) code = add_columns(handle, &why);
    if (code == TRIB_OK) code = RUN_ALL(handle, tables, &why);
    if (code == TRIB_OK) code = RUN_ALL(handle, take_over, &why);
    if (code == TRIB_OK) code = RUN_ALL(handle, triggers, &why);
    if (code == TRIB_OK) code = run(handle, "INSERT INTO _trib_format VALUES (1)", &why);
    if (code == TRIB_OK) return run(handle, "COMMIT", err);
    if (code != TRIB_SQL_ERROR && code != TRIB_SQL_INPUT_ERROR) return err ? (*err = why, code) : code;
    return trib_error_set(err, TRIB_CONFIG,
                          "the tables nodes and points of the database discovery cannot be taken over (%s); each must "
                          "have columns workspaceId and id that name a row; change or rename them with the version of "
                          "trib that made them",
                          why.message);
}

static trib_code prepare(void *ctx, trib_handle *handle, trib_error *err) {
    int64_t has_format, version = 0;
    (void)ctx;
    trib_code code =
        ask(handle, "SELECT count(*) FROM sqlite_schema WHERE name = '_trib_format'", NULL, 0, &has_format, err);
    if (code == TRIB_OK && has_format) code = ask(handle, "SELECT version FROM _trib_format", NULL, 0, &version, err);
    if (code == TRIB_OK && version > DISCOVERY_FORMAT)
        return trib_error_set(err, TRIB_CONFIG,
                              "the database discovery was used by a newer version of trib (format %lld, this one knows "
                              "%d); start that version",
                              (long long)version, DISCOVERY_FORMAT);
    return code == TRIB_OK && version != DISCOVERY_FORMAT ? make(handle, err) : code;
}

trib_code discovery_prepare(trib_app *app, const trib_tenant *tenant, trib_error *err) {
    return trib_db_start(app, tenant, prepare, NULL, err);
}
