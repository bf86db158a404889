/* SPDX-License-Identifier: Apache-2.0 */
/* Statements on a lent handle: prepare (cached), bind strictly, step, read rows without copying. Everything here runs
 * on the worker that is inside the handle (store.h, trib_handle_enter). */
#ifndef TRIB_STORE_STMT_H
#define TRIB_STORE_STMT_H

#include "base/error.h"
#include "base/value.h"
#include "store/store.h"

typedef struct trib_stmt trib_stmt;

enum {
    TRIB_SQL_MAX_BYTES = 1 << 20, /* one statement's text: stops parser memory attacks */
    TRIB_STMT_ARGS_MAX = 32766    /* SQLite's own bound */
};

/* Prepares exactly one statement (trailing semicolons, white space and comments allowed).
 * `BEGIN [TRANSACTION] READONLY` (libSQL grammar) is a read transaction in which every write is refused.
 * Owns:   *ret is the caller's until trib_stmt_free; the text is copied where needed.
 * Errors: SQL_NO_STATEMENT, SQL_MANY_STATEMENTS, SQL_PARSE_ERROR (with unsupported statements), SQL_INPUT_ERROR (SQLite
 *         error with an offset), SQL_ERROR (text_code = SQLITE_<BASE>, detail = extended code), SQL_DENIED,
 *         STATEMENT_TIMEOUT, NOMEM. */
trib_code trib_stmt_prepare(trib_handle *handle, trib_str sql, trib_stmt **ret, trib_error *err);
/* For scripts: prepares the first statement of *sql and advances *sql behind it; *ret NULL when only blanks and
 * comments were left. */
trib_code trib_stmt_prepare_next(trib_handle *handle, trib_str *sql, trib_stmt **ret, trib_error *err);
/* The name of an extended code of a constraint, "SQLITE_CONSTRAINT_UNIQUE"; NULL: it says no more than its base code,
 * or is not of a constraint. Pure. */
const char *trib_sqlite_constraint_name(int extended_code);
/* Resets and returns it to the handle's cache. A statement that writes and was not stepped to its end is taken back, as
 * if it had failed; a transaction around it stays open. Releases the turn if no transaction is open any more. Takes
 * NULL. */
void trib_stmt_free(trib_stmt *stmt);
/* For an owner that cannot get inside the handle any more (the database is out of service): the statement ends with its
 * connection. Takes NULL. Thread: any. */
void trib_stmt_drop(trib_stmt *stmt);

/* Strict (reference §3): every parameter gets a value, no surplus, positional and named not together.
 * The bytes of the values must live until the statement is freed. Errors: ARGS_INVALID, ARGS_BOTH, NOMEM. */
trib_code trib_stmt_bind(trib_stmt *stmt, const trib_arg *args, size_t count, trib_error *err);

/* Runs to the next row. OK with *ret_row false: done.
 * AGAIN (first step only, nothing has happened): the statement needs the turn; trib_turn_wait, then step again.
 * Errors: SQL_ERROR (constraint, busy snapshot ...), STATEMENT_TIMEOUT, TRANSACTION_TIMEOUT, CANCELLED, DATABASE_FULL,
 *         DISK_FULL, NOT_COMMITTED, DATABASE_QUARANTINED, NOMEM, TOO_MANY_REQUESTS (log at its bound). */
trib_code trib_stmt_step(trib_stmt *stmt, bool *ret_row, trib_error *err);

/* Columns; valid from prepare on. Borrowed until free. decltype: empty if there is none. */
int trib_stmt_col_count(const trib_stmt *stmt);
trib_str trib_stmt_col_name(const trib_stmt *stmt, int col);
trib_str trib_stmt_col_decltype(const trib_stmt *stmt, int col);
/* The current row's value; bytes borrowed until the next step. */
trib_value trib_stmt_col_value(const trib_stmt *stmt, int col);

/* The program's own short statements: prepares, binds, steps to the end and frees. Each row is given to `row` (may be
 * NULL), which may end it with a failure. Errors: theirs; AGAIN: nothing has happened, the statement needs the turn. */
trib_code trib_stmt_run(trib_handle *handle, const char *sql, const trib_arg *args, size_t arg_count,
                        trib_code (*row)(void *ctx, const trib_stmt *stmt, trib_error *err), void *ctx,
                        trib_error *err);

/* After the last step. */
typedef struct trib_stmt_counts {
    int64_t affected_rows;      /* INSERT, UPDATE, DELETE; else 0 */
    bool has_last_insert_rowid; /* INSERT only */
    int64_t last_insert_rowid;
    uint64_t rows_read, rows_written;
} trib_stmt_counts;
void trib_stmt_get_counts(const trib_stmt *stmt, trib_stmt_counts *ret);

/* describe */
int trib_stmt_param_count(const trib_stmt *stmt);
trib_str trib_stmt_param_name(const trib_stmt *stmt, int index); /* 1-based, with prefix; empty for a bare ? */
bool trib_stmt_is_explain(const trib_stmt *stmt);
bool trib_stmt_is_readonly(
    const trib_stmt *stmt); /* from authorizer actions and the statement table, not sqlite3_stmt_readonly alone */

#endif
