/* SPDX-License-Identifier: Apache-2.0 */
/* libSQL's additions to the grammar, found by tokens before SQLite sees the text. Pure: no SQLite, no schema.
 *
 *   ALTER TABLE t ALTER COLUMN c TO c TEXT NOT NULL   taken apart here, run by libsql_alter.c
 *   CREATE TABLE t(x) RANDOM ROWID                    becomes CREATE TABLE t(<the mark> x): an ordinary statement
 *
 * The mark is a comment, so that any SQLite opens the file, and it stands right behind the first parenthesis, because
 * SQLite keeps what is there through every ALTER TABLE. cmake/sqlite_all.c looks for the same bytes. */
#ifndef TRIB_STORE_LIBSQL_TEXT_H
#define TRIB_STORE_LIBSQL_TEXT_H

#include "base/buf.h"
#include "base/error.h"
#include "base/sql_text.h"

#define TRIB_RANDOM_ROWID_MARK "/* RANDOM ROWID */"

typedef struct trib_alter_column {
    trib_sql_token schema; /* TRIB_SQL_END: none was said */
    trib_sql_token table, column;
    trib_str definition; /* from the name to its last token: no comment and no semicolon behind it */
} trib_alter_column;

typedef enum trib_alter_found {
    TRIB_ALTER_OTHER, /* another kind of ALTER, or something that SQLite will refuse */
    TRIB_ALTER_COLUMN,
    TRIB_ALTER_WRONG /* begins as ALTER COLUMN; *err says what is wrong */
} trib_alter_found;

/* Takes the first statement of `sql` apart. */
trib_alter_found trib_libsql_alter_column(trib_str sql, trib_alter_column *ret, trib_error *err);

/* The words of a column definition, outside of parentheses, that change how rows are stored: "UNIQUE", "PRIMARY KEY",
 * "GENERATED"; NULL: none. */
const char *trib_libsql_fixed_constraint(trib_str definition);

/* Where the definition of `column` stands in the text of a CREATE TABLE as sqlite_schema has it. False: it is not
 * there. */
bool trib_libsql_find_column(trib_str create, trib_sql_token column, size_t *ret_from, size_t *ret_to);

typedef enum trib_random_found {
    TRIB_RANDOM_NOT,
    TRIB_RANDOM_ROWID,        /* *out holds the text for SQLite */
    TRIB_RANDOM_AUTOINCREMENT /* both were asked for, which cannot be */
} trib_random_found;

/* CREATE TABLE ... (...) [options,] RANDOM ROWID: writes the statement with the mark instead of the two words. *out may
 * have failed (NOMEM). mark_at: where in it the mark begins. */
trib_random_found trib_libsql_random_rowid(trib_str sql, trib_buf *out, size_t *ret_mark_at);

#endif
