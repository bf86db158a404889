/* SPDX-License-Identifier: Apache-2.0 */
/* What a transaction does to the rows of a database, written down while it happens, and done again later on the same
 * state: the part of a command that a database still owes after a crash (ARCHITECTURE.md, "Commands").
 *
 *   begin -> statements: each row that changes is noted, those of triggers, foreign keys and virtual tables too
 *         -> take: the bytes -> COMMIT
 *   later, on the state from before that COMMIT:  apply, with triggers and foreign keys off
 *
 * It is made of SQLite's preupdate hook and not of its session extension, which loses rows with NULL in their key,
 * cannot record tables with generated columns and cannot apply two rows that swap unique values
 * (docs/decisions/0012). */
#ifndef TRIB_STORE_REDO_H
#define TRIB_STORE_REDO_H

#include "store/store.h"

enum { TRIB_REDO_MAX_BYTES = 1 << 20 /* of one transaction: it goes through the database that all deals share */ };

/* From here on the changes of this connection are noted, until take or end. Errors: NOMEM. Thread: inside. */
trib_code trib_redo_begin(trib_handle *handle, trib_error *err);
/* Ends the noting. Appends what was noted to *ret: nothing, if no row changed. Afterwards COMMIT can fail only for want
 * of disk or memory.
 * Errors: COMMAND_REFUSED (what changed cannot be done again: a schema, a table that hides its rowid),
 *         COMMAND_TOO_LARGE, SQL_ERROR (a foreign key), NOMEM. Thread: inside, in the transaction. */
trib_code trib_redo_take(trib_handle *handle, trib_buf *ret, trib_error *err);
/* Ends the noting, what was noted is lost. Nothing if none is under way. Thread: inside. */
void trib_redo_end(trib_handle *handle);

/* Does it again, in the open write transaction of a handle of trib_db_mend.
 * Errors: COMMAND_CONFLICT (a row is not as it was), and the store's. Thread: inside. */
trib_code trib_redo_apply(trib_handle *handle, trib_str redo, trib_error *err);

#endif
