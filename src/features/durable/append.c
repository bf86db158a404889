/* SPDX-License-Identifier: Apache-2.0 */
/* POST: bytes or messages at the end of a stream, and its end. In this order: is it a repetition, or an old producer's?
 * is the stream open? does the append fit? */
#include "features/durable/durable_int.h"

trib_code durable_take_body(durable_ask *ask, bool json, trib_error *err) {
    trib_http_request *http = ask->http;
    if (ask->has_messages || http->body.len == 0) return TRIB_OK;
    ask->units = http->body.len;
    if (!json) return TRIB_OK;
    ask->has_messages = true;
    return durable_messages_split(&ask->json, http->body, &ask->messages, &ask->units, err);
}

static void describe(durable_ask *ask, const durable_stream *s, int status) {
    ask->status = status;
    durable_header_offset(ask, s->tail);
    if (s->closed) durable_header(ask, "Stream-Closed", "true");
}

static void describe_producer(durable_ask *ask, uint64_t epoch, uint64_t seq) {
    durable_header(ask, "Producer-Epoch", "%llu", (unsigned long long)epoch);
    durable_header(ask, "Producer-Seq", "%llu", (unsigned long long)seq);
}

/* *ret_done: it is answered, nothing is to be written. */
static trib_code fence(durable_ask *ask, const durable_stream *s, bool *ret_done, trib_error *err) {
    const durable_head *head = &ask->head;
    durable_producer state;
    uint64_t expected;
    *ret_done = false;
    if (head->producer.len == 0) return TRIB_OK;
    trib_code code = durable_producer_load(ask, s, &state, err);
    if (code != TRIB_OK) return code;
    switch (durable_fence_judge(&state, head->epoch, head->producer_seq, &expected)) {
    case DURABLE_FENCE_NEW: break;
    case DURABLE_FENCE_DUPLICATE:
        describe(ask, s, 204);
        describe_producer(ask, state.epoch, state.seq);
        *ret_done = true;
        break;
    case DURABLE_FENCE_STALE:
        durable_header(ask, "Producer-Epoch", "%llu", (unsigned long long)state.epoch);
        return trib_error_set(err, TRIB_PRODUCER_FENCED,
                              "this producer writes in epoch %llu by now; begin a later one, with Producer-Seq 0",
                              (unsigned long long)state.epoch);
    case DURABLE_FENCE_GAP:
        if (s->closed) break; /* nothing will come any more, which matters more */
        durable_header(ask, "Producer-Expected-Seq", "%llu", (unsigned long long)expected);
        durable_header(ask, "Producer-Received-Seq", "%llu", (unsigned long long)head->producer_seq);
        return trib_error_set(err, TRIB_PRODUCER_GAP, "Producer-Seq %llu is missing; send it before this one",
                              (unsigned long long)expected);
    case DURABLE_FENCE_NOT_ZERO:
        return trib_error_set(err, TRIB_BAD_REQUEST, "a new Producer-Epoch begins with Producer-Seq 0");
    }
    return TRIB_OK;
}

/* Of an open stream. */
static trib_code check_fit(durable_ask *ask, const durable_stream *s, trib_error *err) {
    const durable_head *head = &ask->head;
    if (ask->http->body.len > 0 && !durable_media_same(head->type, s->type))
        return trib_error_set(err, TRIB_CONTENT_TYPE_MISMATCH, "the stream has the Content-Type %.*s",
                              TRIB_STR_ARG(s->type));
    if (head->seq.ptr && s->seq.ptr && trib_str_cmp(head->seq, s->seq) <= 0)
        return trib_error_set(err, TRIB_VERSION_CONFLICT,
                              "Stream-Seq must be greater than that of the last append, in byte order");
    trib_code code = durable_take_body(ask, s->json, err);
    if (code == TRIB_OK && ask->http->body.len > 0 && ask->units == 0)
        return trib_error_set(err, TRIB_BAD_REQUEST, "an empty array holds no message to append");
    return code;
}

trib_code durable_append(durable_ask *ask, trib_error *err) {
    const durable_head *head = &ask->head;
    durable_stream s;
    bool done;
    trib_code code = durable_open(ask, head->path, &s, err);
    if (code == TRIB_OK) code = fence(ask, &s, &done, err);
    if (code != TRIB_OK || done) return code;
    if (s.closed) {
        describe(ask, &s, 204);
        if (ask->http->body.len == 0 && head->producer.len == 0) return TRIB_OK; /* to close it again is nothing */
        return trib_error_set(err, TRIB_STREAM_CLOSED, NULL);
    }
    code = check_fit(ask, &s, err);
    if (code == TRIB_OK && head->producer.len > 0) code = durable_producer_store(ask, &s, err);
    if (code == TRIB_OK) code = durable_add(ask, &s, err);
    if (code != TRIB_OK) return code;
    ask->json_mode = s.json;
    ask->text_mode = durable_media_is_text(s.type);
    ask->closed = s.closed;
    describe(ask, &s, head->producer.len > 0 && ask->units > 0 ? 200 : 204);
    if (head->producer.len > 0) describe_producer(ask, head->epoch, head->producer_seq);
    return code;
}
