/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the page map of a database that nobody has open: is it whole, and does it continue into its log? For
 * `trib doctor`; the store itself decides in map.c when it opens a database. */
#ifndef TRIB_STORE_MAP_LOOK_H
#define TRIB_STORE_MAP_LOOK_H

#include "base/error.h"
#include "base/str.h"

typedef enum trib_map_look {
    TRIB_MAP_LOOK_GOOD,   /* or there is none */
    TRIB_MAP_LOOK_STALE,  /* of another history than the log: a new epoch will begin */
    TRIB_MAP_LOOK_DAMAGED /* its checksum or size is wrong: likewise */
} trib_map_look;

/* Only while the caller holds the data folder's lock. Errors: IO, NOMEM, INTERNAL (no id). */
trib_code trib_map_look_at(const char *data_dir, trib_str id, trib_map_look *ret, trib_error *err);

#endif
