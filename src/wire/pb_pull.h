/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of /pull-updates (src/wire/proto/pull.proto): read what clients ask, write what they get. Pure. */
#ifndef TRIB_WIRE_PB_PULL_H
#define TRIB_WIRE_PB_PULL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

typedef struct trib_pull_request {
    uint32_t encoding;                         /* 0 raw, 1 zstd */
    trib_str server_revision, client_revision; /* empty: the newest; none */
    uint32_t long_poll_timeout_ms;
    bool has_pages; /* server_pages is a selection, else all are wanted */
    trib_str server_pages;
    uint32_t stream_kind; /* 0 pages, 1 mvcc */
} trib_pull_request;

/* Everything lives in the arena or borrows from it. An empty body is a request of defaults. False: malformed, or, if
 * arena->failed, no memory. */
bool trib_pb_pull_read(trib_arena *arena, trib_str body, trib_pull_request *ret);
/* Behind its length. */
void trib_pb_pull_write_header(trib_buf *to, trib_str revision, uint64_t pages, bool zstd);
void trib_pb_pull_write_page(trib_buf *to, uint64_t page_id, trib_str bytes);

#endif
