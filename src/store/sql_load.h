/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a database file from SQL text that comes in pieces: a dump. Statement by statement, in memory that does not
 * grow with the text; the file is nobody's until the end, so what fails leaves nothing that anybody has seen.
 *
 *   open --> feed ... feed --> finish --> close
 */
#ifndef TRIB_STORE_SQL_LOAD_H
#define TRIB_STORE_SQL_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

enum {
    TRIB_SQL_LOAD_STATEMENT_MAX_BYTES = 64 << 20 /* kept in memory: a row of 6 MiB as hexadecimal digits, and more */
};

typedef struct trib_sql_load trib_sql_load;

/* For text that nobody vouches for. */
typedef struct trib_sql_load_bounds {
    const char *vfs;    /* NULL: SQLite's own */
    uint64_t max_bytes; /* of the file; 0: any */
    /* Asked while statements run, may be NULL: true ends them with CANCELLED. */
    bool (*must_stop)(void *ctx);
    void *ctx;
} trib_sql_load_bounds;

/* path: no file yet, or an empty one. bounds: copied; NULL: none. Owns: *ret by trib_sql_load_close. Errors: SQL_ERROR,
 * NOMEM. Thread: one at a time. */
trib_code trib_sql_load_open(const char *path, const trib_sql_load_bounds *bounds, trib_sql_load **ret,
                             trib_error *err);
/* Runs the statements that are whole by now. After an error only close.
 * Errors: SQL_ERROR with the line of the text where the statement begins; SQL_DENIED (another file, as ATTACH opens);
 *         IMPORT_REFUSED (ROLLBACK: a dump that says so is not whole); BODY_TOO_LARGE (one statement), NOMEM. */
trib_code trib_sql_load_feed(trib_sql_load *load, trib_str text, trib_error *err);
/* Runs the last statement, also without its semicolon. Errors: as feed; IMPORT_REFUSED when a transaction that the text
 * began is still open, since it was cut off then. */
trib_code trib_sql_load_finish(trib_sql_load *load, trib_error *err);
int64_t trib_sql_load_statements(const trib_sql_load *load);
/* Takes NULL. The file stays. */
void trib_sql_load_close(trib_sql_load *load);

#endif
