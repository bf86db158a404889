/* SPDX-License-Identifier: Apache-2.0 */
/* A database file of another program, copied and made fit to become a tenant's: one file without a log beside it, pages
 * of 4,096 bytes, texts in UTF-8, nothing in its schema that SQLite cannot read. For commands; the server checks again.
 *
 *   FILE (in use or not) --take--> copy --fit--> one file to send
 */
#ifndef TRIB_STORE_DB_COPY_H
#define TRIB_STORE_DB_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum { TRIB_DB_COPY_BUSY_MS = 5000 /* how long another process's lock is waited for */ };

/* Called now and then with the bytes that are done; may be NULL. */
typedef struct trib_copy_progress {
    void (*tell)(void *ctx, int64_t done, int64_t total);
    void *ctx;
} trib_copy_progress;

/* Copies the database as it is at one moment, with SQLite's own locks, what is in its log included. `to`: no file yet.
 * Errors: SQL_ERROR (not a database, or busy), IMPORT_REFUSED, NOMEM. */
trib_code trib_db_copy_take(const char *from, const char *to, trib_copy_progress progress, trib_error *err);

/* Makes the file fit, in place: takes what is in its -wal in, sets the page size. Nobody else may have it open.
 * notes: a line for each thing that is not as before, appended. *ret_bytes: of the file; 0: an empty database.
 * Errors: IMPORT_REFUSED with what is in the way and how to mend it; SQL_ERROR, NOMEM. */
trib_code trib_db_copy_fit(const char *path, trib_buf *notes, int64_t *ret_bytes, trib_error *err);

/* Calls row for each row of a query on a file, which is opened for reading; values as texts, NULL for null; bytes of
 * blobs as they are. For small system tables. Errors: SQL_ERROR, those of row. */
trib_code trib_db_copy_query(const char *path, const char *sql,
                             trib_code (*row)(void *ctx, const trib_str *values, size_t count, trib_error *err),
                             void *ctx, trib_error *err);

#endif
