/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of POST /pull-updates, which @tursodatabase/sync pulls pages with (src/wire/proto/pull.proto). The
 * answer is a header and then pages, each behind its length. */
#ifndef TRIB_WIRE_PB_PULL_H
#define TRIB_WIRE_PB_PULL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

typedef enum trib_pull_encoding { TRIB_PULL_RAW = 0, TRIB_PULL_ZSTD = 1 } trib_pull_encoding;

/* Absent fields are 0; absent bytes have ptr NULL. Enums are as they were sent: a newer client may know more of
 * them. */
typedef struct trib_pull_req {
    uint32_t encoding;        /* trib_pull_encoding */
    trib_str server_revision; /* to be served; empty: the newest */
    trib_str client_revision; /* that the client has; empty: none */
    uint32_t long_poll_timeout_ms;
    trib_str server_pages_selector; /* a RoaringBitmap of the pages that are wanted; absent: all */
    trib_str client_pages;          /* a RoaringBitmap of the pages that the client has */
    trib_str server_query_selector; /* pages that this query touches; empty: no such restriction */
    uint32_t stream_kind;           /* 0 pages, 1 mvcc */
} trib_pull_req;

/* Owns: the arena has everything; an empty body is a message too. Errors: BAD_REQUEST, NOMEM. */
trib_code trib_pull_decode(trib_arena *arena, trib_str body, trib_pull_req *ret, trib_error *err);

typedef struct trib_pull_header {
    trib_str server_revision; /* an opaque text */
    uint64_t db_pages;
    trib_pull_encoding encoding;
    int32_t zstd_level; /* ZSTD: 0 is left out */
    bool replace_base;  /* what the client has is to be thrown away */
} trib_pull_header;

void trib_pull_write_header(trib_buf *out, const trib_pull_header *header);
/* page_id counts from 0; `page` is in the header's encoding. */
void trib_pull_write_page(trib_buf *out, uint64_t page_id, trib_str page);

#endif
