/* SPDX-License-Identifier: Apache-2.0 */
/* Two doors into SQLite that its public interface lacks; cmake/sqlite_all.c builds them into our SQLite. With the system's
 * SQLite (-DTRIB_SYSTEM_SQLITE=ON) they do nothing: changes() then answers for the connection, and LIKE finds no index. */
#ifndef TRIB_STORE_SQLITE_SEAM_H
#define TRIB_STORE_SQLITE_SEAM_H

#include <sqlite3.h>

#ifdef TRIB_SQLITE_SEAM
void trib_sqlite_set_changes(sqlite3 *db, sqlite3_int64 changes, sqlite3_int64 total_changes);
int trib_sqlite_mark_like(sqlite3 *db, const char *name, int arg_count, int case_sensitive);
#else
static inline void trib_sqlite_set_changes(sqlite3 *db, sqlite3_int64 changes, sqlite3_int64 total_changes) {
    (void)db, (void)changes, (void)total_changes;
}
static inline int trib_sqlite_mark_like(sqlite3 *db, const char *name, int arg_count, int case_sensitive) {
    (void)db, (void)name, (void)arg_count, (void)case_sensitive;
    return SQLITE_OK;
}
#endif

#endif
