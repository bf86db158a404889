/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of SQLite's log as replicas push them (https://sqlite.org/walformat.html#walfmt), read into whole pages. Pure.
 *
 *   page number | size after, or 0 inside a transaction | salts | checksums | 4096 bytes of the page */
#ifndef TRIB_FEATURES_REPLICA_FRAMES_H
#define TRIB_FEATURES_REPLICA_FRAMES_H

#include "base/arena.h"
#include "base/error.h"
#include "store/pages.h"

enum { REPLICA_FRAME_HEADER_BYTES = 24, REPLICA_FRAME_BYTES = REPLICA_FRAME_HEADER_BYTES + TRIB_PAGE_BYTES };

typedef struct replica_frames {
    size_t count;           /* frames */
    trib_page_bytes *pages; /* the newest of each page, ascending; they borrow from the body */
    size_t page_count;
    uint32_t size_after; /* 0: the last transaction is not whole yet; `pages` is empty then */
} replica_frames;

/* The pages of all frames of `body`, if the last one ends a transaction. Frames whose checksums are not all 0 must
 * continue one another. Owns: the array is the arena's. Errors: BAD_REQUEST, NOMEM. */
trib_code replica_frames_read(trib_arena *arena, trib_str body, replica_frames *ret, trib_error *err);

#endif
