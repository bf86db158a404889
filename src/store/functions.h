/* SPDX-License-Identifier: Apache-2.0 */
/* Our versions of SQLite's built-in functions; functions.c says why. */
#ifndef TRIB_STORE_FUNCTIONS_H
#define TRIB_STORE_FUNCTIONS_H

#include "store/policy.h"

/* json_patch compares every key with every key, unhex every character with every character of its second argument:
 * bytes times bytes, about a second of work at most. */
#define TRIB_SQL_PRODUCT_MAX (UINT64_C(1) << 32)

/* A path of json_set and its kin: SQLite recurses for each level that it makes, without a bound of its own. Past half
 * of it JSONB is looked at too: below, it cannot nest deep enough to matter. */
enum { TRIB_SQL_JSON_PATH_MAX = 2000 };

/* What the values of one _trib_link may take in all, above one value of the largest size: stops a call with a hundred
 * of those. */
enum { TRIB_SQL_LINK_EXTRA = 1 << 20 };

/* Registers everything on the handle's connection; its policy must be there. SQLite's code. */
int trib_functions_register(trib_handle *handle);
/* functions_like.c: LIKE and GLOB. */
int trib_functions_register_like(trib_handle *handle);
/* functions_log.c: _trib_link. */
int trib_functions_register_log(trib_handle *handle);
/* functions_fts.c: the tokenizer `trib`, on any connection; policy NULL: nobody can stop it. */
int trib_functions_register_fts(sqlite3 *sqlite, trib_policy *policy);
/* functions_geo.c: trib_distance_m and _trib_near. */
int trib_functions_register_geo(trib_handle *handle);
/* data_version.c: the table pragma_data_version. */
int trib_functions_register_data_version(trib_handle *handle);
/* Ends the call: the statement's time is over, or somebody interrupted it. */
void trib_functions_stop(sqlite3_context *ctx);

#endif
