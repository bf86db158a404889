/* SPDX-License-Identifier: Apache-2.0 */
/* ALTER TABLE t ALTER COLUMN c TO c ...: libSQL's way to change a column's type and constraints, on any SQLite. */
#ifndef TRIB_STORE_LIBSQL_ALTER_H
#define TRIB_STORE_LIBSQL_ALTER_H

#include "store/store_int.h"

/* Whether the statement could be done now; changes nothing. For prepare, so that describe tells what is wrong.
 * Errors: SQL_ERROR (SQLITE_ERROR), SQL_PARSE_ERROR, SQL_DENIED, NOMEM. Thread: inside. */
trib_code trib_libsql_alter_check(trib_handle *handle, trib_str sql, trib_error *err);

/* Does it, in a savepoint of its own: all of it or nothing. The handle has the turn and its policy is armed. changes()
 * stays as it was. *ret_rc: SQLite's code, for trib_handle_after_step. Errors: as above, and what SQLite says of rows
 * that a STRICT table cannot hold as the new type, the deadline, a full disk. Thread: inside. */
trib_code trib_libsql_alter_run(trib_handle *handle, trib_str sql, int *ret_rc, trib_error *err);

#endif
