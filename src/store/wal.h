/* SPDX-License-Identifier: Apache-2.0 */
/* The format of SQLite's -wal file (https://sqlite.org/walformat.html), read side: which commits does a log hold, which
 * pages did they change, where do they end. Pure functions over an open file of a VFS.
 *
 *   header 32 bytes | frame | frame | ...   frame: header 24 bytes (page, size after or 0, salts, checksum) + one page
 *
 * A frame is valid when its salts are the header's and its checksum continues the chain from the header; a commit is a
 * valid frame with a size. Everything behind the last commit does not exist. */
#ifndef TRIB_STORE_WAL_H
#define TRIB_STORE_WAL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { TRIB_WAL_HEADER_BYTES = 32, TRIB_WAL_FRAME_HEADER_BYTES = 24 };

typedef struct trib_wal_header {
    uint32_t page_bytes;
    uint32_t salt[2]; /* as numbers, most significant byte first in the file */
    uint32_t cksum[2];
    bool big_end; /* byte order of the checksum's words */
} trib_wal_header;

/* false: not a valid header, the log is empty then (SQLite decides the same). bytes: TRIB_WAL_HEADER_BYTES. */
bool trib_wal_header_parse(const uint8_t *bytes, trib_wal_header *ret);

static inline uint32_t trib_be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

/* Byte offset of frame `frame` (from 1). */
static inline uint64_t trib_wal_frame_offset(uint32_t page_bytes, uint32_t frame) {
    return TRIB_WAL_HEADER_BYTES + (uint64_t)(frame - 1) * (page_bytes + TRIB_WAL_FRAME_HEADER_BYTES);
}

typedef struct trib_wal_scan_result {
    bool has_header;
    trib_wal_header header;
    uint32_t frames; /* index of the last commit's frame; 0: none */
    uint32_t commits;
    uint64_t end;  /* byte behind the last commit; 0 without one */
    bool has_tail; /* behind it stand frames with this log's salts: of lost commits, or of one that never ended */
} trib_wal_scan_result;

/* Called for each valid commit in order, with the pages of its frames first_frame .. last_frame. A code but OK ends the
 * scan. */
typedef trib_code (*trib_wal_on_commit)(void *ctx, uint32_t first_frame, uint32_t last_frame, const uint32_t *pages,
                                        uint32_t size_after);

/* Errors: IO, NOMEM, or what on_commit (may be NULL) returned. */
trib_code trib_wal_scan(sqlite3_file *file, trib_wal_on_commit on_commit, void *ctx, trib_wal_scan_result *ret,
                        trib_error *err);

#endif
