/* SPDX-License-Identifier: Apache-2.0 */
/* PRAGMA data_version, and the same as a table: a number that is another one whenever somebody has committed.
 *
 * SQLite's own counts what one connection notices of others. Here a connection serves many sessions: what it commits
 * for one would never count for the next, and a client that asks again and again whether something is new would never
 * hear of it. So ours is the number of the database's commits, the same whatever connection answers. It was noted
 * before the snapshot was opened (trib_handle_before_step). It may therefore be older than what is read, and a client
 * looks once more than it must; it is never newer, which would hide a commit from it. Own commits count too.
 *
 * A module of this name is taken by SQLite in place of its own pragma_data_version; stmt.c makes the statement out of
 * it. */
#include "store/functions.h"

#include <string.h>

typedef struct version_table {
    sqlite3_vtab base;
    trib_handle *handle;
} version_table;

typedef struct version_cursor {
    sqlite3_vtab_cursor base;
    bool done;
} version_cursor;

enum { COLUMN_VERSION, COLUMN_SCHEMA };

static int version_connect(sqlite3 *sqlite, void *aux, int argc, const char *const *argv, sqlite3_vtab **ret,
                           char **error) {
    (void)argc, (void)argv, (void)error;
    int rc = sqlite3_declare_vtab(sqlite, "CREATE TABLE x(data_version INTEGER, schema HIDDEN)");
    if (rc != SQLITE_OK) return rc;
    version_table *table = sqlite3_malloc(sizeof *table);
    if (!table) return SQLITE_NOMEM;
    memset(table, 0, sizeof *table);
    table->handle = aux;
    *ret = &table->base;
    return SQLITE_OK;
}

static int version_disconnect(sqlite3_vtab *table) {
    sqlite3_free(table);
    return SQLITE_OK;
}

/* pragma_data_version('main'): the argument is an equation of the hidden column; there is only one database. */
static int version_best_index(sqlite3_vtab *table, sqlite3_index_info *info) {
    (void)table;
    for (int i = 0; i < info->nConstraint; i++) {
        if (info->aConstraint[i].iColumn != COLUMN_SCHEMA || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        if (!info->aConstraint[i].usable) return SQLITE_CONSTRAINT;
        info->aConstraintUsage[i].argvIndex = 1;
        info->aConstraintUsage[i].omit = 1;
        break;
    }
    info->estimatedCost = 1;
    info->estimatedRows = 1;
    return SQLITE_OK;
}

static int version_open(sqlite3_vtab *table, sqlite3_vtab_cursor **ret) {
    (void)table;
    version_cursor *cursor = sqlite3_malloc(sizeof *cursor);
    if (!cursor) return SQLITE_NOMEM;
    memset(cursor, 0, sizeof *cursor);
    *ret = &cursor->base;
    return SQLITE_OK;
}

static int version_close(sqlite3_vtab_cursor *cursor) {
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int version_filter(sqlite3_vtab_cursor *cursor, int number, const char *text, int argc, sqlite3_value **argv) {
    (void)number, (void)text, (void)argc, (void)argv;
    ((version_cursor *)cursor)->done = false;
    return SQLITE_OK;
}

static int version_next(sqlite3_vtab_cursor *cursor) {
    ((version_cursor *)cursor)->done = true;
    return SQLITE_OK;
}

static int version_eof(sqlite3_vtab_cursor *cursor) {
    return ((version_cursor *)cursor)->done;
}

/* From 1, and 31 bits as SQLite's, which some clients keep in an int. */
static int version_column(sqlite3_vtab_cursor *cursor, sqlite3_context *ctx, int column) {
    const version_table *table = (const version_table *)cursor->pVtab;
    if (column == COLUMN_VERSION)
        sqlite3_result_int64(ctx, (sqlite3_int64)(table->handle->commits_before % INT32_MAX) + 1);
    return SQLITE_OK;
}

static int version_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *ret) {
    (void)cursor;
    *ret = 1;
    return SQLITE_OK;
}

int trib_functions_register_data_version(trib_handle *handle) {
    /* no xCreate: it is there without CREATE VIRTUAL TABLE, and cannot be made another time */
    static const sqlite3_module module = {
        .xConnect = version_connect,
        .xBestIndex = version_best_index,
        .xDisconnect = version_disconnect,
        .xOpen = version_open,
        .xClose = version_close,
        .xFilter = version_filter,
        .xNext = version_next,
        .xEof = version_eof,
        .xColumn = version_column,
        .xRowid = version_rowid,
    };
    return sqlite3_create_module_v2(handle->sqlite, "pragma_data_version", &module, handle, NULL);
}
