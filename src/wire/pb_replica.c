/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of wal_log.ReplicationLog; see pb_replica.h. */
#include "wire/pb_replica.h"

#include <trib_proto/replication.pb-c.h>

#include "wire/pb_int.h"
#include "wire/pb_write.h"

trib_code trib_replica_decode_offset(trib_arena *arena, trib_str message, trib_replica_offset *ret, trib_error *err) {
    const void *got;
    trib_code code =
        trib_pb_unpack_as(arena, &trib__replication__log_offset__descriptor, message, TRIB_BAD_REQUEST, &got, err);
    if (code != TRIB_OK) return code;
    const Trib__Replication__LogOffset *from = got;
    *ret = (trib_replica_offset){from->next_offset, from->wal_flavor};
    return TRIB_OK;
}

trib_code trib_replica_decode_hello(trib_arena *arena, trib_str message, uint64_t *ret_version, trib_error *err) {
    const void *got;
    trib_code code =
        trib_pb_unpack_as(arena, &trib__replication__hello_request__descriptor, message, TRIB_BAD_REQUEST, &got, err);
    if (code == TRIB_OK) *ret_version = ((const Trib__Replication__HelloRequest *)got)->handshake_version;
    return code;
}

void trib_replica_write_hello(trib_buf *out, const trib_replica_hello *hello) {
    trib_pb_writer w;
    trib_pw_init(&w, out);
    trib_pw_str(&w, 1, hello->generation_id);
    trib_pw_str(&w, 3, hello->log_id);
    trib_pw_bytes(&w, 4, hello->session_token);
    if (hello->has_index) trib_pw_u64(&w, 5, hello->current_replication_index);
    trib_pw_open(&w, 6);
    if (hello->block_reads) trib_pw_u64(&w, 1, 1);
    if (hello->block_writes) trib_pw_u64(&w, 2, 1);
    if (hello->block_reason.len) trib_pw_str(&w, 3, hello->block_reason);
    trib_pw_close(&w);
}

/* data: frame_no u64, checksum u64 (nobody verifies it: 0), page_no u32, size_after u32, little-endian; the page. */
void trib_replica_write_frame(trib_buf *out, const trib_replica_frame *frame, bool element) {
    char head[TRIB_REPLICA_FRAME_HEAD_BYTES], *to = head;
    trib_pb_writer w;
    to = trib_put_le(to, frame->frame_no, 8);
    to = trib_put_le(to, 0, 8);
    to = trib_put_le(to, frame->page_no, 4);
    to = trib_put_le(to, frame->size_after, 4);
    trib_pw_init(&w, out);
    if (element) trib_pw_open(&w, 1);
    trib_pw_begin_bytes(&w, 1, sizeof head + frame->page.len);
    trib_buf_add_bytes(out, head, sizeof head);
    trib_buf_add(out, frame->page);
    if (element) trib_pw_close(&w);
}
