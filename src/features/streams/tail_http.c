/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/streams/:id?live=: a tail over HTTP (tails_int.h).
 *
 *   live=sse         text/event-stream (WHATWG HTML, "Server-sent events"): id is an event's number, data its object.
 *                    It ends with an event `closed` or `ended`. A client that comes back behind the last event of a
 *                    closed stream gets 204, which tells an EventSource to stop
 *   live=long-poll   the events behind `offset` as soon as there are some; 204 when the time is over */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "features/streams/tails_int.h"

/* A stream's id is three times as long in a header, and six times in JSON; so is a message. */
enum {
    HEADERS_MAX_BYTES = 3 * TRIB_STREAM_ID_MAX_BYTES + 512,
    FAREWELL_MAX_BYTES = 6 * (TRIB_ERROR_MESSAGE_BYTES + TRIB_STREAM_ID_MAX_BYTES) + 512
};

typedef struct http_tail {
    streams_tail tail; /* first */
    trib_http_request *http;
    bool begun; /* the head was sent */
    bool said;  /* something since the last beat */
    int64_t said_ns;
    int64_t wait_ns, until_ns; /* of a long poll */
    bool up_to_date, is_closed;
    uint64_t version;
    trib_buf body; /* a long poll's answer */
} http_tail;

static http_tail *of(streams_tail *tail) {
    return (http_tail *)(void *)tail;
}

static void http_tail_free(http_tail *t) {
    trib_buf_deinit(&t->body);
    free(t);
}

/* The answer to a request whose tail has come to its end, or never began. */
static void answer_error(http_tail *t, const trib_error *err) {
    trib_http_request *http = t->http;
    trib_error copy = *err;
    http_tail_free(t);
    trib_http_answer_error(http, &copy);
}

static void answer(http_tail *t) {
    trib_buf headers;
    trib_http_request *http = t->http;
    trib_buf_init(&headers, HEADERS_MAX_BYTES);
    trib_buf_printf(&headers, "Cache-Control: no-store\r\nX-Stream-Version: %llu\r\nStream-Next-Offset: %llu\r\n%s%s",
                    (unsigned long long)t->version, (unsigned long long)t->tail.seq,
                    t->up_to_date ? "Stream-Up-To-Date: true\r\n" : "", t->is_closed ? "Stream-Closed: true\r\n" : "");
    if (t->is_closed) streams_add_link(&headers, "Stream-Continued-By: ", streams_tail_next(&t->tail));
    if (headers.failed) {
        trib_error err;
        trib_buf_deinit(&headers);
        trib_error_set(&err, TRIB_NOMEM, NULL);
        answer_error(t, &err);
        return;
    }
    bool empty = t->body.len == 0 && !t->body.failed;
    trib_http_answer answer = {.status = empty ? 204 : 200,
                               .content_type = empty ? NULL : "application/json",
                               .body = &t->body,
                               .extra_headers = trib_buf_str(&headers)};
    trib_http_answer_send(http, &answer);
    trib_buf_deinit(&headers);
    http_tail_free(t);
}

/* ---- server-sent events ---- */

static void on_credit(trib_http_request *http) {
    streams_tail_go_on(http->feature);
}

static void sse_opened(streams_tail *tail, const streams_news *news) {
    http_tail *t = of(tail);
    trib_buf first;
    t->version = news->version;
    t->up_to_date = true;
    t->is_closed = news->is_closed;
    if (news->is_closed && !news->is_deleted && tail->seq >= news->version) return; /* 204, in ended */
    trib_buf_init(&first, 64);
    trib_buf_add(&first, TRIB_STR("retry: 1000\n\n"));
    trib_http_answer head = {.status = 200,
                             .content_type = "text/event-stream",
                             .body = &first,
                             .extra_headers = TRIB_STR("Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n")};
    t->begun = true;
    trib_http_stream_begin(t->http, &head, on_credit);
    trib_buf_deinit(&first);
}

static bool sse_show(streams_tail *tail, const streams_news *news, size_t from) {
    http_tail *t = of(tail);
    t->said = true;
    return trib_http_stream_bytes(t->http, streams_news_sse(news, from));
}

static void sse_beat(streams_tail *tail, int64_t now_ns) {
    http_tail *t = of(tail);
    if (t->said || t->said_ns == 0) t->said_ns = now_ns;
    t->said = false;
    if (!t->begun || tail->has_no_room || now_ns - t->said_ns < STREAMS_HEARTBEAT_MS * INT64_C(1000000)) return;
    t->said_ns = now_ns;
    if (!trib_http_stream_bytes(t->http, TRIB_STR(":\n\n"))) tail->has_no_room = true;
}

static void sse_farewell(http_tail *t, streams_tail_end why, const trib_error *err) {
    trib_buf out;
    trib_json_writer w;
    if (why == STREAMS_END_LEFT || why == STREAMS_END_DRAINED) return;
    trib_str next = streams_tail_next(&t->tail);
    trib_buf_init(&out, FAREWELL_MAX_BYTES);
    trib_buf_add_c(&out, why == STREAMS_END_CLOSED ? "event: closed\ndata: " : "event: ended\ndata: ");
    trib_jw_init(&w, &out);
    trib_jw_object_begin(&w);
    trib_jw_member_i64(&w, "offset", (int64_t)t->tail.seq);
    if (why == STREAMS_END_CLOSED && next.len) trib_jw_member_str(&w, "continuedBy", next);
    if (why != STREAMS_END_CLOSED) {
        trib_jw_member_str(&w, "code", trib_str_c(trib_error_wire_code(err)));
        trib_jw_member_str(&w, "message", trib_str_c(err->message));
    }
    trib_jw_object_end(&w);
    trib_buf_add_c(&out, "\n\n");
    if (!out.failed) trib_http_stream_bytes(t->http, trib_buf_str(&out));
    trib_buf_deinit(&out);
}

static void sse_ended(streams_tail *tail, streams_tail_end why, const trib_error *err) {
    http_tail *t = of(tail);
    trib_http_request *http = t->http;
    http->on_cancel = NULL;
    if (!t->begun && (why == STREAMS_END_REFUSED || why == STREAMS_END_FAILED || why == STREAMS_END_DELETED)) {
        answer_error(t, err);
    } else if (!t->begun) {
        answer(t);
    } else {
        sse_farewell(t, why, err);
        http_tail_free(t);
        trib_http_stream_end(http, why == STREAMS_END_LEFT);
    }
}

static const streams_tail_ops sse_ops = {
    .kind = STREAMS_TAIL_SSE, .opened = sse_opened, .show = sse_show, .beat = sse_beat, .ended = sse_ended};

/* ---- long polls ---- */

static void poll_opened(streams_tail *tail, const streams_news *news) {
    http_tail *t = of(tail);
    t->version = news->version;
    t->is_closed = news->is_closed;
    t->up_to_date = tail->seq >= news->version;
    if (news->count == 0 && t->wait_ns == 0) streams_tail_finish(tail, STREAMS_END_ANSWERED, NULL);
}

static bool poll_show(streams_tail *tail, const streams_news *news, size_t from) {
    http_tail *t = of(tail);
    t->version = news->version;
    t->up_to_date = news->last == news->version;
    t->is_closed = news->is_closed;
    trib_buf_add_char(&t->body, '[');
    trib_buf_add(&t->body, streams_news_json(news, from));
    trib_buf_add_char(&t->body, ']');
    streams_tail_finish(tail, STREAMS_END_ANSWERED, NULL);
    return true;
}

static void poll_beat(streams_tail *tail, int64_t now_ns) {
    if (now_ns >= of(tail)->until_ns) streams_tail_finish(tail, STREAMS_END_ANSWERED, NULL);
}

static void poll_ended(streams_tail *tail, streams_tail_end why, const trib_error *err) {
    http_tail *t = of(tail);
    t->http->on_cancel = NULL;
    if (why == STREAMS_END_CLOSED) t->is_closed = t->up_to_date = true;
    if (why == STREAMS_END_REFUSED || why == STREAMS_END_FAILED || why == STREAMS_END_DELETED) answer_error(t, err);
    else answer(t);
}

static const streams_tail_ops poll_ops = {
    .kind = STREAMS_TAIL_POLL, .opened = poll_opened, .show = poll_show, .beat = poll_beat, .ended = poll_ended};

/* ---- the request ---- */

static trib_code parse_offset(trib_str text, streams_tail *tail, trib_error *err) {
    tail->from_end = trib_str_eq_c(text, "now");
    if (tail->from_end || (trib_str_u64(text, &tail->seq) && tail->seq <= INT64_MAX)) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST,
                          "\"offset\" must be the number of the last event that you have, 0 for all, or \"now\"");
}

static trib_code parse(http_tail *t, const trib_query *query, trib_error *err) {
    const trib_str *offset = trib_query_get(query, "offset"), *timeout = trib_query_get(query, "timeout");
    trib_str last = trib_http_header(t->http, "last-event-id");
    uint64_t seconds = STREAMS_POLL_S;
    if (!offset) offset = trib_query_get(query, "after");
    if (t->tail.ops->kind == STREAMS_TAIL_SSE && last.len > 0) offset = &last;
    if (timeout && (!trib_str_u64(*timeout, &seconds) || seconds > STREAMS_POLL_MAX_S))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"timeout\" must be a number of seconds from 0 to %d",
                              STREAMS_POLL_MAX_S);
    t->wait_ns = (int64_t)seconds * 1000000000;
    t->until_ns = trib_env_mono_ns(t->http->app->env) + t->wait_ns;
    return offset ? parse_offset(*offset, &t->tail, err) : TRIB_OK;
}

static void on_cancel(trib_http_request *http) {
    streams_tail_finish(http->feature, STREAMS_END_LEFT, NULL);
}

void streams_handle_live(trib_http_request *http, trib_str live, const trib_query *query) {
    trib_error err;
    http_tail *t = calloc(1, sizeof *t);
    if (!t) {
        trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_http_answer_error(http, &err);
        return;
    }
    trib_code code = TRIB_OK;
    t->http = http;
    trib_buf_init(&t->body, STREAMS_ANSWER_MAX_BYTES);
    t->tail = (streams_tail){.ops = trib_str_eq_c(live, "sse") ? &sse_ops : &poll_ops,
                             .module = http->module_state,
                             .home = http->home,
                             .tenant = http->tenant,
                             .principal = http->principal,
                             .id = http->path_params[0]};
    if (!trib_str_eq_c(live, "sse") && !trib_str_eq_c(live, "long-poll"))
        code = trib_error_set(&err, TRIB_BAD_REQUEST, "\"live\" must be sse or long-poll");
    else code = trib_stream_check_id(t->tail.id, &err);
    if (code == TRIB_OK) code = parse(t, query, &err);
    http->feature = &t->tail;
    http->on_cancel = on_cancel;
    if (code == TRIB_OK) code = streams_tail_begin(&t->tail, &err);
    if (code == TRIB_OK) return;
    http->on_cancel = NULL;
    answer_error(t, &err);
}
