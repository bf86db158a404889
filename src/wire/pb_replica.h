/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of wal_log.ReplicationLog, which embedded replicas pull frames with (src/wire/proto/replication.proto):
 * what is inside of gRPC-web's frames (wire/grpcweb.h). */
#ifndef TRIB_WIRE_PB_REPLICA_H
#define TRIB_WIRE_PB_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

/* LogOffset. An offset of 0 is not sent. Errors: BAD_REQUEST, NOMEM. */
typedef struct trib_replica_offset {
    uint64_t next_offset; /* the first frame that is wanted */
    uint32_t wal_flavor;  /* 0 SQLite, 1 libSQL */
} trib_replica_offset;
trib_code trib_replica_decode_offset(trib_arena *arena, trib_str message, trib_replica_offset *ret, trib_error *err);
/* HelloRequest; absent: version 0. Errors: BAD_REQUEST, NOMEM. */
trib_code trib_replica_decode_hello(trib_arena *arena, trib_str message, uint64_t *ret_version, trib_error *err);

/* HelloResponse. The texts are UUIDs in their usual form. */
typedef struct trib_replica_hello {
    trib_str generation_id, log_id, session_token;
    bool has_index; /* false: the log is empty */
    uint64_t current_replication_index;
    bool block_reads, block_writes;
    trib_str block_reason; /* empty: none */
} trib_replica_hello;
void trib_replica_write_hello(trib_buf *out, const trib_replica_hello *hello);

/* How frames are numbered. A page map counts frames from 1 in its epoch, and does not count the pages of a file that
 * was there before; these take the numbers below 2^32, each its own, so that every page has one, numbers only grow, and
 * an answer can end behind any of them. */
#define TRIB_REPLICA_FRAMES_FROM (UINT64_C(1) << 32)
/* Of a page whose last change is frame `map_frame_no` of the map; 0: none in this epoch. */
static inline uint64_t trib_replica_frame_of(uint64_t map_frame_no, uint32_t page) {
    return map_frame_no ? TRIB_REPLICA_FRAMES_FROM + map_frame_no : page - 1;
}
/* Of the newest commit of a database of so many pages (more than 0). */
static inline uint64_t trib_replica_newest_frame(uint64_t map_frame_no, uint32_t page_count) {
    return trib_replica_frame_of(map_frame_no, page_count);
}

enum {
    TRIB_REPLICA_FRAME_HEAD_BYTES = 24,
    TRIB_REPLICA_FRAME_MESSAGE_BYTES = 3 + 24 + 4096,    /* a Frame of 4096 bytes, whatever is in it */
    TRIB_REPLICA_FRAME_ELEMENT_BYTES = 3 + 3 + 24 + 4096 /* the same as an element of Frames */
};
typedef struct trib_replica_frame {
    uint64_t frame_no;   /* from 0 */
    uint32_t page_no;    /* from 1 */
    uint32_t size_after; /* pages of the database if the frame ends a transaction; else 0 */
    trib_str page;
} trib_replica_frame;
/* A Frame. As an element of Frames (BatchLogEntries), whose message is nothing else; otherwise (LogEntries, Snapshot)
 * as a message of its own. */
void trib_replica_write_frame(trib_buf *out, const trib_replica_frame *frame, bool element);

#endif
