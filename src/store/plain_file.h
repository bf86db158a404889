/* SPDX-License-Identifier: Apache-2.0 */
/* A database file by itself, for `trib shell FILE`: a backup, an export, a file of another program. Plain SQLite with
 * its own locks: no turn, no gate, no policy, because its owner sits in front of it. Never a file of a running server,
 * whose locks other processes do not see (server/local_file.h looks). */
#ifndef TRIB_STORE_PLAIN_FILE_H
#define TRIB_STORE_PLAIN_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/value.h"

enum { TRIB_PLAIN_BUSY_MS = 5000 }; /* how long another process's lock is waited for */

typedef struct trib_plain_file trib_plain_file;

/* A result; lives in the arena that execute was given. */
typedef struct trib_plain_rows {
    size_t col_count, row_count;
    trib_str *cols;
    trib_value *values; /* row_count * col_count */
    int64_t affected_rows;
} trib_plain_rows;

/* Opens a file that exists; only for reading where its rights allow no more. Foreign keys are enforced, as by a server.
 * Owns: *ret by trib_plain_file_close. Errors: SQL_ERROR with SQLite's code (CANTOPEN, NOTADB), NOMEM. Thread: one. */
trib_code trib_plain_file_open(const char *path, trib_plain_file **ret, trib_error *err);
/* Opens a file of a stopped server to read it as it is: nothing is changed, the log stays where it is and as it is. The
 * caller holds the data folder's lock. Owns, errors: as above. */
trib_code trib_plain_file_look(const char *path, trib_plain_file **ret, trib_error *err);
/* Rolls back what is open. Takes NULL. */
void trib_plain_file_close(trib_plain_file *file);
/* is_cancelled(ctx) is asked while statements run; true ends one with CANCELLED. NULL: none. */
void trib_plain_file_set_cancel(trib_plain_file *file, bool (*is_cancelled)(void *ctx), void *ctx);
/* Runs one statement to its end; blanks and comments give no rows. args: positional.
 * Errors: SQL_ERROR with SQLite's message and code; CANCELLED; NOMEM, also when the rows are more than the arena takes.
 */
trib_code trib_plain_file_execute(trib_plain_file *file, trib_str sql, const trib_value *args, size_t arg_count,
                                  trib_arena *arena, trib_plain_rows *ret, trib_error *err);

#endif
