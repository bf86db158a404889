/* SPDX-License-Identifier: Apache-2.0 */
/* Doors into SQLite that its public interface lacks; cmake/sqlite_all.c builds them into our SQLite. With the system's
 * SQLite (-DTRIB_SYSTEM_SQLITE=ON) they do nothing: changes() then answers for the connection, LIKE finds no index, and
 * built-ins on large values and deep JSONB are not looked at: not for untrusted clients. Nor does it draw rowids, so
 * RANDOM ROWID is refused. */
#ifndef TRIB_STORE_SQLITE_SEAM_H
#define TRIB_STORE_SQLITE_SEAM_H

#include <sqlite3.h>

#ifdef TRIB_SQLITE_SEAM
enum { TRIB_SQLITE_RANDOM_ROWID = 1 }; /* tables with the mark of libsql_text.h get random rowids */
#else
enum { TRIB_SQLITE_RANDOM_ROWID = 0 };
#endif

#ifdef TRIB_SQLITE_SEAM

/* changes() and total_changes() of a connection: a session's values follow it from connection to connection. */
void trib_sqlite_set_changes(sqlite3 *db, sqlite3_int64 changes, sqlite3_int64 total_changes);

/* Drops what the connection has in memory of a schema that another connection has changed; SQLite itself notices only
 * when a statement is stepped or does not compile. Opens no snapshot that stays. 0: what it knows now may be behind the
 * newest commit, because it is inside a transaction, which has its own snapshot, or because reading failed. */
int trib_sqlite_refresh_schema(sqlite3 *db);

/* Tells the planner that the function `name` of this connection is LIKE or GLOB, so that `x LIKE 'abc%'` still finds an
 * index after sqlite3_create_function replaced the built-in. Its user data must begin with the three wildcards. */
int trib_sqlite_mark_like(sqlite3 *db, const char *name, int arg_count, int case_sensitive);

/* Puts `call` in front of a scalar built-in, with all that the planner knows of it. call reaches the built-in through
 * trib_sqlite_call_builtin. SQLITE_NOTFOUND: there is no such built-in. Owns: destroy(app) runs in any case. */
int trib_sqlite_guard(sqlite3 *db, const char *name, int arg_count, void *app,
                      void (*call)(sqlite3_context *, int, sqlite3_value **), void (*destroy)(void *));
void trib_sqlite_call_builtin(sqlite3_context *ctx, const char *name, int count, sqlite3_value **values);

/* Whether a value is JSONB that nests deeper than 1,000. SQLite's limit holds for JSON text only: a crafted blob makes
 * it recurse until the stack ends, and the process with it. */
int trib_sqlite_json_is_deep(int count, sqlite3_value **values);
/* Puts that check in front of json_each, json_tree and the aggregates; functions.c does it for the others. */
int trib_sqlite_guard_json(sqlite3 *db);

#else

static inline void trib_sqlite_set_changes(sqlite3 *db, sqlite3_int64 changes, sqlite3_int64 total_changes) {
    (void)db, (void)changes, (void)total_changes;
}
static inline int trib_sqlite_refresh_schema(sqlite3 *db) {
    (void)db;
    return 1;
}
static inline int trib_sqlite_mark_like(sqlite3 *db, const char *name, int arg_count, int case_sensitive) {
    (void)db, (void)name, (void)arg_count, (void)case_sensitive;
    return SQLITE_OK;
}
static inline int trib_sqlite_guard(sqlite3 *db, const char *name, int arg_count, void *app,
                                    void (*call)(sqlite3_context *, int, sqlite3_value **), void (*destroy)(void *)) {
    (void)db, (void)name, (void)arg_count, (void)call;
    destroy(app);
    return SQLITE_OK;
}
static inline void trib_sqlite_call_builtin(sqlite3_context *ctx, const char *name, int count, sqlite3_value **values) {
    (void)ctx, (void)name, (void)count, (void)values;
}
static inline int trib_sqlite_json_is_deep(int count, sqlite3_value **values) {
    (void)count, (void)values;
    return 0;
}
static inline int trib_sqlite_guard_json(sqlite3 *db) {
    (void)db;
    return SQLITE_OK;
}

#endif

#endif
