/* SPDX-License-Identifier: Apache-2.0 */
/* A database as it is at one moment, page by page: what a fork and an export copy. Its database stays in use.
 *
 * The work of a db_job calls read until it says done, and hands a chunk over in between; the read transaction that it
 * opens lives until the log is too long (TRIB_COPY_LOG_MAX_BYTES), and never waits for a peer: `add` writes to disk. */
#ifndef TRIB_CORE_SNAPSHOT_H
#define TRIB_CORE_SNAPSHOT_H

#include "core/db_job.h"

typedef struct trib_snapshot {
    bool begun;
    int64_t page, page_count; /* pages that were given, and that there are */
} trib_snapshot;

/* Gives about max_bytes of pages to `add`; {0} begins at the first one. A database that was never written has none.
 * Errors: those of reading and of add; AGAIN: reads are held back for a moment. Thread: inside. */
trib_code trib_snapshot_read(trib_snapshot *snapshot, trib_handle *handle, size_t max_bytes,
                             trib_code (*add)(void *ctx, trib_str page, trib_error *err), void *ctx, bool *ret_done,
                             trib_error *err);

#endif
