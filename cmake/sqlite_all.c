/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's amalgamation, and behind it two doors that its interface lacks (store/sqlite_seam.h declares them). They need
 * SQLite's private structures, so they live in its translation unit. */
#include "sqlite3.c"

/* changes() and total_changes() of a connection: a session's values follow it from connection to connection. */
void trib_sqlite_set_changes(sqlite3 *db, sqlite3_int64 changes, sqlite3_int64 total_changes);
void trib_sqlite_set_changes(sqlite3 *db, sqlite3_int64 changes, sqlite3_int64 total_changes) {
    db->nChange = changes;
    db->nTotalChange = total_changes;
}

/* Tells the planner that the function `name` of this connection is LIKE or GLOB, so that `x LIKE 'abc%'` still finds an
 * index after sqlite3_create_function replaced the built-in. Its user data must begin with the three wildcards. */
int trib_sqlite_mark_like(sqlite3 *db, const char *name, int arg_count, int case_sensitive);
int trib_sqlite_mark_like(sqlite3 *db, const char *name, int arg_count, int case_sensitive) {
    FuncDef *def = sqlite3FindFunction(db, name, arg_count, SQLITE_UTF8, 0);
    if (!def || !def->pUserData) return SQLITE_ERROR;
    def->funcFlags |= SQLITE_FUNC_LIKE | (case_sensitive ? SQLITE_FUNC_CASE : 0);
    return SQLITE_OK;
}
