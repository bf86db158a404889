/* SPDX-License-Identifier: Apache-2.0 */
/* SQL over Hrana 3 (JSON, /v3/pipeline), as a command sends it to one tenant's database: single statements, batches in
 * one transaction, and a session for the shell.
 *
 *   trib_sql_batch:  BEGIN IMMEDIATE; each statement if the one before worked; COMMIT; ROLLBACK if that did not work */
#ifndef TRIB_CLI_SQL_H
#define TRIB_CLI_SQL_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/value.h"
#include "cli/remote.h"

enum { TRIB_SQL_BODY_MAX_BYTES = 32 << 20, TRIB_SQL_BATCH_MAX = 64 };

typedef struct trib_sql_stmt {
    trib_str sql;
    const trib_value *args; /* positional */
    size_t arg_count;
} trib_sql_stmt;

/* Lives in the arena it was read into. */
typedef struct trib_sql_rows {
    size_t col_count, row_count;
    trib_str *cols;
    trib_value *values; /* row_count * col_count */
    int64_t affected_rows;
} trib_sql_rows;

/* The connection state of a shell; {0} at first. */
typedef struct trib_sql_session {
    char baton[256]; /* empty: none */
} trib_sql_session;

/* One statement. session NULL: the connection is closed behind it, else it goes on in the session.
 * Errors: REMOTE with the server's message and code (SQL errors too, text_code tells), and trib_remote_call's. */
trib_code trib_sql_execute(const trib_remote *db, trib_sql_session *session, const trib_sql_stmt *stmt,
                           trib_arena *arena, trib_sql_rows *ret, trib_error *err);
/* All or nothing. ret (may be NULL): count results. Errors: as above, of the first statement that failed; BAD_REQUEST
 * for more than TRIB_SQL_BATCH_MAX. */
trib_code trib_sql_batch(const trib_remote *db, const trib_sql_stmt *stmts, size_t count, trib_arena *arena,
                         trib_sql_rows *ret, trib_error *err);
/* Ends a session; failure does not matter. */
void trib_sql_session_close(const trib_remote *db, trib_sql_session *session, trib_arena *arena);

/* ---- the pure part, for tests ---- */

/* The request's body: a pipeline of one request. */
void trib_sql_write_execute(trib_buf *body, const char *baton, bool close, const trib_sql_stmt *stmt);
void trib_sql_write_batch(trib_buf *body, const trib_sql_stmt *stmts, size_t count);
/* A StmtResult. Errors: REMOTE when it is none. */
trib_code trib_sql_read_rows(const trib_json *result, trib_arena *arena, trib_sql_rows *ret, trib_error *err);

#endif
