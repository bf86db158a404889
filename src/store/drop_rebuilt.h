/* SPDX-License-Identifier: Apache-2.0 */
/* DROP TABLE in the middle of a rebuild: SQLite's way to change a table that ALTER TABLE cannot change is
 *
 *   PRAGMA foreign_keys=OFF; CREATE TABLE __new_t ...; INSERT INTO __new_t SELECT ... FROM t; DROP TABLE t;
 *   ALTER TABLE __new_t RENAME TO t; PRAGMA foreign_keys=ON
 *
 * drizzle's push and the migrations that it writes do it like this, a call each. Over a network each call may be a
 * session of its own (and inside a transaction the pragma does nothing), so that DROP TABLE deletes or detaches every
 * row that refers to t. While `__new_t` stands beside t, it therefore drops t alone (decision 0010). */
#ifndef TRIB_STORE_DROP_REBUILT_H
#define TRIB_STORE_DROP_REBUILT_H

#include "base/str.h"
#include "store/sqlite_seam.h"

enum { TRIB_REBUILT_NAME_BYTES = 256 }; /* of a longer name the copy would be large for nothing: no tool makes such */

/* Whether `sql` is DROP TABLE [IF EXISTS] [main.]t, foreign keys are on, and there is a table `__new_t`.
 * Thread: the handle's. */
bool trib_drop_is_rebuilt(sqlite3 *sqlite, trib_str sql);
/* Steps a DROP TABLE as if foreign keys were off. Returns what sqlite3_step does. */
int trib_drop_step_alone(sqlite3 *sqlite, sqlite3_stmt *drop);

#endif
