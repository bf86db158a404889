/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a database that does not exist yet, written from the first byte to the last: a fork, an import.
 *
 *   open --> add ... add --> (check) --> finish (on a sync thread: sync, put in place, sync the folder) --> free
 *
 * Until finish has put it in place the database does not exist; what a crash leaves is <id>.db.tmp, which
 * trib_store_db_delete removes. The first open of the database gives it a page map, with a new epoch. */
#ifndef TRIB_STORE_DB_WRITER_H
#define TRIB_STORE_DB_WRITER_H

#include "store/sql_load.h"
#include "store/store.h"

typedef struct trib_db_writer trib_db_writer;

/* id: 32 hex digits that no database has. Owns: *ret by trib_db_writer_free. Errors: IO, DISK_FULL, NOMEM, INTERNAL
 * (id).
 * Thread: one at a time, a worker. */
trib_code trib_db_writer_open(trib_store *store, trib_str id, trib_db_writer **ret, trib_error *err);
/* Appends. After an error only free. Errors: IO, DISK_FULL. */
trib_code trib_db_writer_add(trib_db_writer *writer, trib_str bytes, trib_error *err);
/* Instead of add: the file is made by SQL text, which is fed to *ret_load until end, also after an error. bounds->vfs
 * is the writer's business. Errors: as trib_sql_load_open. */
trib_code trib_db_writer_begin_sql(trib_db_writer *writer, const trib_sql_load_bounds *bounds, trib_sql_load **ret_load,
                                   trib_error *err);
/* whole: the text came to its end. Errors: as trib_sql_load_finish. */
trib_code trib_db_writer_end_sql(trib_db_writer *writer, trib_sql_load *load, bool whole, trib_error *err);
/* What was written comes from elsewhere: is it a whole SQLite database that the store can serve? Reads all of it, which
 * takes a time that grows with its size. Errors: IMPORT_REFUSED with what is wrong, IO, NOMEM. Thread: a worker. */
trib_code trib_db_writer_check(trib_db_writer *writer, trib_error *err);
/* `finished` is called once, on a sync thread; must only post. OK: the database is there, also after a power cut. The
 * writer must not be touched before. */
void trib_db_writer_finish(trib_db_writer *writer, void (*finished)(void *ctx, trib_code code, const trib_error *err),
                           void *ctx);
/* Without a finish that worked, what was written goes. Takes NULL. */
void trib_db_writer_free(trib_db_writer *writer);
/* The same, but the file stays, for trib_store_db_delete. Takes NULL. */
void trib_db_writer_leave(trib_db_writer *writer);

#endif
