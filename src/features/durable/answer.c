/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the durable streams: the protocol's header fields, and what keeps a browser from running what a stream
 * holds. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "features/durable/sub_int.h"

/* A stream has whatever its writers send: no browser guesses its type, runs it, or embeds it with our rights. */
#define SAFE_HEADERS                                                                                                   \
    "X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: cross-origin\r\n"                                \
    "Content-Security-Policy: default-src 'none'; sandbox\r\n"
#define EXPOSE_HEADERS                                                                                                 \
    "access-control-expose-headers: stream-next-offset, stream-cursor, stream-up-to-date, stream-closed, stream-ttl, " \
    "stream-expires-at, stream-sse-data-encoding, producer-epoch, producer-seq, producer-expected-seq, "               \
    "producer-received-seq, etag, location\r\n"

enum { HEADER_BYTES = 256 };

void durable_header(durable_ask *ask, const char *name, const char *format, ...) {
    char value[HEADER_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    trib_buf_printf(&ask->headers, "%s: %s\r\n", name, value);
}

void durable_header_offset(durable_ask *ask, uint64_t position) {
    char offset[DURABLE_OFFSET_BYTES];
    durable_offset_write(position, offset);
    durable_header(ask, "Stream-Next-Offset", "%s", offset);
}

static void add_common(const trib_http_request *http, trib_buf *headers) {
    trib_buf_add(headers, TRIB_STR(SAFE_HEADERS));
    if (trib_http_header(http, "origin").ptr) trib_buf_add(headers, TRIB_STR(EXPOSE_HEADERS));
}

/* What is asked below __ds/ is answered in the form that the protocol gives errors there. */
static void reshape(const trib_http_request *http, const trib_error *err, const durable_call *call, trib_buf *body) {
    if (!trib_str_starts(trib_str_c(http->route->path), TRIB_STR("/v1/stream/__ds/"))) return;
    trib_buf_clear(body);
    durable_call_error_body(body, err, call, http->request_id);
}

void durable_refuse(trib_http_request *http, const trib_error *err) {
    trib_buf body, headers;
    trib_http_answer answer = trib_http_error_answer(http, err, trib_code_http(err->code), &body);
    reshape(http, err, NULL, &body);
    trib_buf_init(&headers, DURABLE_HEADERS_MAX_BYTES);
    add_common(http, &headers);
    if (trib_code_retry(err->code)) trib_buf_add(&headers, TRIB_STR("retry-after: 1\r\n"));
    if (err->code == TRIB_METHOD_NOT_ALLOWED) trib_buf_add(&headers, TRIB_STR("allow: GET, HEAD, OPTIONS\r\n"));
    if (!headers.failed) answer.extra_headers = trib_buf_str(&headers);
    trib_http_answer_send(http, &answer);
    trib_buf_deinit(&body);
    trib_buf_deinit(&headers);
}

void durable_answer_error(durable_ask *ask, const trib_error *err) {
    trib_error copy = *err;
    trib_http_request *http = ask->http;
    trib_buf body;
    trib_http_answer answer = trib_http_error_answer(http, &copy, trib_code_http(copy.code), &body);
    reshape(http, &copy, ask->head.call, &body);
    durable_live_leave(ask);
    add_common(http, &ask->headers);
    if (trib_code_retry(copy.code)) trib_buf_add(&ask->headers, TRIB_STR("retry-after: 1\r\n"));
    if (!ask->headers.failed) answer.extra_headers = trib_buf_str(&ask->headers);
    http->on_cancel = NULL;
    trib_http_answer_send(http, &answer);
    trib_buf_deinit(&body);
    durable_ask_free(ask);
}

void durable_answer(durable_ask *ask) {
    trib_http_request *http = ask->http;
    trib_error err;
    trib_buf body;
    bool array = ask->op == DURABLE_READ && !ask->head.is_head && ask->json_mode && ask->status == 200;
    trib_buf_init(&body, DURABLE_OUT_MAX_BYTES + 2);
    if (array) trib_buf_add_char(&body, '[');
    if (array) trib_buf_add(&body, trib_buf_str(&ask->out));
    if (array) trib_buf_add_char(&body, ']');
    add_common(http, &ask->headers);
    if (body.failed || ask->headers.failed) {
        trib_buf_deinit(&body);
        trib_buf_clear(&ask->headers);
        trib_error_set(&err, TRIB_NOMEM, NULL);
        durable_answer_error(ask, &err);
        return;
    }
    durable_live_leave(ask);
    bool typed = ask->type[0] && ask->status != 204 && ask->status != 304;
    trib_http_answer answer = {.status = ask->status,
                               .content_type = typed ? ask->type : NULL,
                               .body = array ? &body : &ask->out,
                               .extra_headers = trib_buf_str(&ask->headers)};
    http->on_cancel = NULL;
    trib_http_answer_send(http, &answer);
    trib_buf_deinit(&body);
    durable_ask_free(ask);
}

uint64_t durable_next_cursor(const durable_ask *ask) {
    uint32_t random = 0;
    const trib_env *env = ask->http->app->env;
    (void)trib_env_random(env, &random, sizeof random);
    return durable_cursor(trib_env_wall_ms(env), ask->head.cursor, random);
}

void durable_answer_place(durable_ask *ask) {
    bool at_end = ask->position == ask->tail;
    durable_header_offset(ask, ask->position);
    if (at_end) durable_header(ask, "Stream-Up-To-Date", "true");
    if (at_end && ask->closed) durable_header(ask, "Stream-Closed", "true");
    if (ask->head.live != DURABLE_LIVE_NOT)
        durable_header(ask, "Stream-Cursor", "%llu", (unsigned long long)durable_next_cursor(ask));
}

void durable_answer_describe(durable_ask *ask, const durable_stream *s, uint64_t from) {
    char etag[HEADER_BYTES];
    bool at_end = ask->position == ask->tail;
    ask->status = 200;
    durable_answer_place(ask);
    if (ask->head.from == DURABLE_FROM_NOW || ask->head.live != DURABLE_LIVE_NOT) {
        durable_header(ask, "Cache-Control", "no-store");
        return;
    }
    /* What stands before the end never changes; the end does. Whose it is, only the token says: no shared cache. */
    durable_header(ask, "Cache-Control", "%s",
                   at_end ? "private, no-cache" : "private, max-age=60, stale-while-revalidate=300");
    snprintf(etag, sizeof etag, "\"%llx-%llx:%llu:%llu%s\"", (unsigned long long)s->id,
             (unsigned long long)s->created_ms, (unsigned long long)from, (unsigned long long)ask->position,
             at_end ? ask->closed ? ":closed" : ":end" : "");
    durable_header(ask, "ETag", "%s", etag);
    if (!durable_etag_listed(ask->head.if_none_match, trib_str_c(etag))) return;
    ask->status = 304;
    trib_buf_clear(&ask->out);
}

void durable_stream_begin(durable_ask *ask, void (*on_credit)(trib_http_request *)) {
    trib_buf_clear(&ask->headers);
    trib_buf_add(&ask->headers, TRIB_STR("Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"));
    if (!ask->text_mode) durable_header(ask, "Stream-SSE-Data-Encoding", "base64");
    add_common(ask->http, &ask->headers);
    trib_http_answer head = {
        .status = 200, .content_type = "text/event-stream", .extra_headers = trib_buf_str(&ask->headers)};
    ask->streaming = true;
    trib_http_stream_begin(ask->http, &head, on_credit);
}
