/* SPDX-License-Identifier: Apache-2.0 */
/* GET and HEAD: what stands from an offset on, or what a stream is. */
#include <string.h>

#include "base/time.h"
#include "features/durable/durable_int.h"

static void describe_head(durable_ask *ask, const durable_stream *s) {
    char at[TRIB_TIME_ISO_BYTES];
    ask->status = 200;
    durable_header_offset(ask, s->tail);
    durable_header(ask, "Cache-Control", "no-store");
    if (s->closed) durable_header(ask, "Stream-Closed", "true");
    if (s->ttl_s >= 0) durable_header(ask, "Stream-TTL", "%lld", (long long)s->ttl_s);
    if (s->expires_ms < 0) return;
    trib_time_to_iso(s->expires_ms, at);
    durable_header(ask, "Stream-Expires-At", "%s", at);
}

/* Where this read begins. A live reader that was here before goes on where it was. */
static trib_code begin_at(const durable_ask *ask, const durable_stream *s, uint64_t *ret, trib_error *err) {
    *ret = ask->position;
    if (ask->read_any) return TRIB_OK;
    switch (ask->head.from) {
    case DURABLE_FROM_START: *ret = 0; return TRIB_OK;
    case DURABLE_FROM_NOW: *ret = s->tail; return TRIB_OK;
    case DURABLE_FROM_POSITION: break;
    }
    *ret = ask->head.position;
    if (*ret <= s->tail) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST,
                          "the offset is behind the end of the stream: it is one of another stream, or of one that was "
                          "here before");
}

trib_code durable_read_begin(durable_ask *ask, const durable_stream *s, uint64_t *ret_from, trib_error *err) {
    memcpy(ask->type, s->type.ptr, s->type.len);
    ask->type[s->type.len] = '\0';
    ask->json_mode = s->json;
    ask->text_mode = durable_media_is_text(s->type);
    ask->tail = s->tail;
    ask->closed = s->closed;
    if (!ask->head.is_head) return begin_at(ask, s, ret_from, err);
    describe_head(ask, s);
    *ret_from = s->tail;
    return TRIB_OK;
}

trib_code durable_read(durable_ask *ask, trib_error *err) {
    durable_stream s;
    uint64_t from = 0;
    trib_code code = durable_open(ask, ask->head.path, &s, err);
    if (code == TRIB_OK) code = durable_read_begin(ask, &s, &from, err);
    if (code != TRIB_OK || ask->head.is_head) return code;
    if (s.ttl_s >= 0 && ask->now_ms - s.touched_ms > s.ttl_s * 1000 / 16) ask->touch_id = s.id;
    size_t limit = ask->head.live == DURABLE_LIVE_SSE ? DURABLE_SSE_READ_BYTES : DURABLE_READ_BYTES;
    uint64_t end = from;
    if (from < s.tail) code = durable_pieces_read(ask, &s, from, limit, &end, err);
    if (code != TRIB_OK) return code;
    ask->position = end;
    if (!ask->streaming) durable_answer_describe(ask, &s, from);
    return code;
}
