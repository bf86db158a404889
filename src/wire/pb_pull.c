/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of /pull-updates; see pb_pull.h. */
#include "wire/pb_pull.h"

#include <trib_proto/pull.pb-c.h>

#include "wire/pb_int.h"
#include "wire/pb_write.h"
#include "wire/zstd.h"

bool trib_pb_pull_read(trib_arena *arena, trib_str body, trib_pull_request *ret) {
    *ret = (trib_pull_request){.encoding = 0};
    ProtobufCMessage *message = trib_pb_unpack(arena, &trib__pull__pull_updates_req__descriptor, body);
    if (!message) return false;
    const Trib__Pull__PullUpdatesReq *m = (const Trib__Pull__PullUpdatesReq *)(const void *)message;
    ret->encoding = m->has_encoding ? m->encoding : 0;
    if (m->has_server_revision) ret->server_revision = trib_pb_str(m->server_revision);
    if (m->has_client_revision) ret->client_revision = trib_pb_str(m->client_revision);
    ret->long_poll_timeout_ms = m->has_long_poll_timeout_ms ? m->long_poll_timeout_ms : 0;
    ret->has_pages = m->has_server_pages_selector && m->server_pages_selector.len > 0;
    if (ret->has_pages) ret->server_pages = trib_pb_str(m->server_pages_selector);
    ret->stream_kind = m->has_stream_kind ? m->stream_kind : 0;
    return true;
}

void trib_pb_pull_write_header(trib_buf *to, trib_str revision, uint64_t pages, bool zstd) {
    trib_pb_writer w;
    trib_pw_init(&w, to);
    trib_pw_open(&w, 0);
    trib_pw_bytes(&w, 1, revision);
    trib_pw_u64(&w, 2, pages);
    if (zstd) {
        trib_pw_open(&w, 4);
        trib_pw_i64(&w, 1, TRIB_ZSTD_LEVEL);
        trib_pw_close(&w);
    } else {
        trib_pw_empty(&w, 3);
    }
    trib_pw_close(&w);
}

void trib_pb_pull_write_page(trib_buf *to, uint64_t page_id, trib_str bytes) {
    trib_pb_writer w;
    trib_pw_init(&w, to);
    trib_pw_open(&w, 0);
    trib_pw_u64(&w, 1, page_id);
    trib_pw_bytes(&w, 2, bytes);
    trib_pw_close(&w);
}
