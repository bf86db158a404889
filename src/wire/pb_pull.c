/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of POST /pull-updates; see pb_pull.h. */
#include "wire/pb_pull.h"

#include <trib_proto/pull.pb-c.h>

#include "wire/pb_int.h"
#include "wire/pb_write.h"

trib_code trib_pull_decode(trib_arena *arena, trib_str body, trib_pull_req *ret, trib_error *err) {
    const void *message;
    trib_code code =
        trib_pb_unpack_as(arena, &trib__pull__pull_updates_req__descriptor, body, TRIB_BAD_REQUEST, &message, err);
    if (code != TRIB_OK) return code;
    const Trib__Pull__PullUpdatesReq *from = message;
    *ret = (trib_pull_req){
        .encoding = from->encoding,
        .server_revision = trib_pb_optional(from->has_server_revision, from->server_revision),
        .client_revision = trib_pb_optional(from->has_client_revision, from->client_revision),
        .long_poll_timeout_ms = from->long_poll_timeout_ms,
        .server_pages_selector = trib_pb_optional(from->has_server_pages_selector, from->server_pages_selector),
        .client_pages = trib_pb_optional(from->has_client_pages, from->client_pages),
        .server_query_selector = trib_pb_optional(from->has_server_query_selector, from->server_query_selector),
        .stream_kind = from->stream_kind};
    return TRIB_OK;
}

void trib_pull_write_header(trib_buf *out, const trib_pull_header *header) {
    trib_pb_writer w;
    trib_pw_init(&w, out);
    trib_pw_open(&w, 0);
    trib_pw_str(&w, 1, header->server_revision);
    trib_pw_u64(&w, 2, header->db_pages);
    if (header->encoding == TRIB_PULL_RAW) {
        trib_pw_empty(&w, 3);
    } else {
        trib_pw_open(&w, 4);
        if (header->zstd_level) trib_pw_i64(&w, 1, header->zstd_level);
        trib_pw_close(&w);
    }
    if (header->replace_base) trib_pw_u64(&w, 6, 1);
    trib_pw_close(&w);
}

void trib_pull_write_page(trib_buf *out, uint64_t page_id, trib_str page) {
    trib_pb_writer w;
    trib_pw_init(&w, out);
    trib_pw_open(&w, 0);
    if (page_id) trib_pw_u64(&w, 1, page_id);
    trib_pw_bytes(&w, 2, page);
    trib_pw_close(&w);
}
