/* SPDX-License-Identifier: Apache-2.0 */
/* The writing side of an HTTP connection: answers, streams, refusals, CORS. Small answers are joined with their heads,
 * and the answers to pipelined requests with each other, so that they cost one write. */
#include <assert.h>
#include <string.h>

#include "net/http_int.h"
#include "wire/http1_write.h"

enum {
    JOIN_BODY_BYTES = 16 * 1024, /* up to here copying beats a second write */
    ALLOW_MAX_BYTES = 256,
    PREFLIGHT_HEADERS_MAX_BYTES = 1024, /* of headers that a preflight asks for and gets repeated */
};

/* What web pages send to us by name; a preflight that asks for others gets those. '*' would not cover authorization. */
#define CORS_ALLOW_HEADERS                                                                                             \
    "authorization, content-type, x-turso-encryption-key, x-namespace, x-namespace-bin, x-request-id, "                \
    "x-libsql-client-version"
#define CORS_ORIGIN "access-control-allow-origin: *\r\n"
#define CORS_EXPOSE "access-control-expose-headers: x-request-id, retry-after\r\n"

void trib_http_flush(trib_http_conn *conn) {
    if (conn->out.failed) {
        /* half an answer must not be followed by another one */
        trib_buf_clear(&conn->out);
        if (conn->state != HTTP_GONE) conn->transport->abort(conn->transport_ctx, TRIB_NOMEM);
        return;
    }
    if (conn->out.len == 0) return;
    if (conn->state == HTTP_GONE) trib_buf_clear(&conn->out);
    else conn->transport->write(conn->transport_ctx, &conn->out);
}

/* The peer said where it comes from: any origin may read user answers, credentials are never ambient (no cookies). */
static bool wants_cors(const trib_http_conn *conn) {
    return conn->listener == TRIB_LISTENER_USER && conn->request.method.ptr &&
           trib_http1_known_get(&conn->parser.head, TRIB_HTTP1_ORIGIN).ptr;
}

static int meant_status(const trib_http_answer *answer) {
    return answer->meant_status ? answer->meant_status : answer->status;
}

/* Everything of the head but its end. */
static void write_head(trib_http_conn *conn, const trib_http_answer *answer) {
    trib_buf *out = &conn->out;
    int minor = conn->request.method.ptr ? conn->parser.head.minor_version : 1;
    if (answer->close || conn->draining) conn->must_close = true;
    trib_http1_begin_response(out, answer->status, trib_http_hub_date(conn->hub));
    if (answer->content_type) {
        trib_buf_add(out, TRIB_STR("Content-Type: "));
        trib_buf_add_c(out, answer->content_type);
        trib_buf_add(out, TRIB_STR("\r\n"));
    }
    trib_buf_add(out, TRIB_STR("x-request-id: "));
    trib_buf_add(out, conn->request.request_id);
    trib_buf_add(out, TRIB_STR("\r\n"));
    if (wants_cors(conn)) trib_buf_add(out, TRIB_STR(CORS_ORIGIN CORS_EXPOSE));
    trib_buf_add(out, answer->extra_headers);
    trib_http1_add_connection(out, !conn->must_close, minor);
    conn->answer_status = meant_status(answer);
    conn->bodiless = trib_str_eq_c(conn->request.method, "HEAD");
}

/* What was answered before is sent, as far as it goes at once. */
static void break_off(trib_http_conn *conn) {
    conn->must_close = true;
    trib_http_flush(conn);
    if (conn->state != HTTP_GONE) conn->transport->abort(conn->transport_ctx, TRIB_CANCELLED);
    if (conn->state != HTTP_GONE) conn->state = HTTP_CLOSING;
    trib_http_conn_finish(conn);
}

static void answer_send(trib_http_request *request, const trib_http_answer *answer) {
    trib_http_conn *conn = request->conn;
    assert(conn->state != HTTP_STREAMING);
    conn->owes = false;
    size_t body_bytes = answer->body ? answer->body->len : 0;
    conn->answer_bytes = body_bytes;
    if (conn->state == HTTP_GONE || conn->state == HTTP_CLOSING) {
        if (answer->body) trib_buf_clear(answer->body);
        conn->answer_status = meant_status(answer);
        trib_http_conn_finish(conn);
        return;
    }
    if (answer->drop) {
        break_off(conn);
        return;
    }
    if (answer->body && answer->body->failed) conn->out.failed = true;
    write_head(conn, answer);
    if (answer->status == 204 || answer->status == 304) trib_http1_end_head_bare(&conn->out);
    else trib_http1_end_head_length(&conn->out, body_bytes);
    if (body_bytes && !conn->bodiless && body_bytes <= JOIN_BODY_BYTES) {
        trib_buf_add(&conn->out, trib_buf_str(answer->body));
    } else if (body_bytes && !conn->bodiless && !conn->out.failed) {
        trib_http_flush(conn);
        conn->transport->write(conn->transport_ctx, answer->body);
    }
    if (answer->body) trib_buf_clear(answer->body);
    trib_http_conn_finish(conn);
}

/* ---- streams ---- */

static bool has_credit(const trib_http_conn *conn) {
    return conn->out.len + conn->transport->unsent(conn->transport_ctx) < TRIB_HTTP_UNSENT_MAX_BYTES;
}

static bool stream_bytes(trib_http_request *request, trib_str bytes) {
    trib_http_conn *conn = request->conn;
    assert(conn->state == HTTP_STREAMING || conn->state == HTTP_GONE || conn->state == HTTP_CLOSING);
    conn->answer_bytes += bytes.len;
    if (conn->state != HTTP_STREAMING || conn->bodiless) return true;
    if (conn->chunked) trib_http1_add_chunk(&conn->out, bytes);
    else trib_buf_add(&conn->out, bytes);
    if (!conn->in_input || !has_credit(conn)) trib_http_flush(conn);
    if (has_credit(conn)) return true;
    conn->wants_credit = true;
    conn->transport->set_deadline(conn->transport_ctx, TRIB_HTTP_CREDIT_TIMEOUT_MS);
    return false;
}

static bool stream_chunk(trib_http_request *request, trib_buf *chunk) {
    trib_http_conn *conn = request->conn;
    if (chunk->failed && conn->state == HTTP_STREAMING && !conn->bodiless) conn->out.failed = true;
    bool credit = stream_bytes(request, trib_buf_str(chunk));
    trib_buf_clear(chunk);
    return credit;
}

static void stream_begin(trib_http_request *request, const trib_http_answer *head,
                         void (*on_credit)(trib_http_request *)) {
    trib_http_conn *conn = request->conn;
    conn->on_credit = on_credit;
    if (conn->state == HTTP_HANDLING) {
        conn->state = HTTP_STREAMING;
        /* a 1.0 client knows no chunks: the end of the connection ends the body */
        conn->chunked = conn->parser.head.minor_version >= 1;
        if (!conn->chunked) conn->must_close = true;
        write_head(conn, head);
        if (conn->chunked) trib_http1_end_head_chunked(&conn->out);
        else trib_http1_end_head_bare(&conn->out);
        trib_http_conn_set_idle_timeout(conn, TRIB_HTTP_WRITE_TIMEOUT_MS);
        if (conn->peer_eof) conn->transport->set_deadline(conn->transport_ctx, 0); /* its answer has come in time */
    }
    conn->answer_status = head->status;
    if (head->body && head->body->len) stream_chunk(request, head->body);
    else if (!conn->in_input) trib_http_flush(conn);
}

static void stream_end(trib_http_request *request, bool aborted) {
    trib_http_conn *conn = request->conn;
    conn->owes = false;
    if (conn->state == HTTP_STREAMING && conn->wants_credit) conn->transport->set_deadline(conn->transport_ctx, 0);
    if (conn->state == HTTP_STREAMING && aborted) {
        /* no last chunk: the client must see that something is missing */
        break_off(conn);
        return;
    } else if (conn->state == HTTP_STREAMING && conn->chunked && !conn->bodiless) {
        trib_http1_end_chunks(&conn->out);
    }
    trib_http_conn_finish(conn);
}

void trib_http_cancel(trib_http_conn *conn) {
    trib_http_request *request = &conn->request;
    if (request->cancelled) return;
    request->cancelled = true;
    /* both may answer, which ends the request and frees the connection */
    if (request->on_cancel) request->on_cancel(request);
    else if (conn->on_credit) conn->on_credit(request);
}

/* ---- answers of our own ---- */

void trib_http_refuse(trib_http_conn *conn, const trib_error *err) {
    trib_error copy = *err; /* it may lie in the connection */
    trib_buf body, extra;
    trib_http_answer answer = trib_http_error_answer(&conn->request, &copy, trib_code_http(copy.code), &body);
    trib_buf_init(&extra, ALLOW_MAX_BYTES);
    if (copy.code == TRIB_METHOD_NOT_ALLOWED) {
        trib_buf_add_c(&extra, "allow: ");
        trib_router_allow(conn->hub->router, conn->listener, conn->request.path, &extra);
        trib_buf_add_c(&extra, "\r\n");
        if (extra.failed) trib_buf_clear(&extra);
    }
    if (copy.code == TRIB_UPGRADE_REQUIRED) trib_buf_add_c(&extra, "sec-websocket-version: 13\r\n");
    if (trib_code_retry(copy.code)) trib_buf_add_c(&extra, "retry-after: 1\r\n");
    answer.extra_headers = trib_buf_str(&extra);
    answer_send(&conn->request, &answer);
    trib_buf_deinit(&body);
    trib_buf_deinit(&extra);
}

static bool is_header_list(trib_str text) {
    if (text.len == 0 || text.len > PREFLIGHT_HEADERS_MAX_BYTES) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != ',' && text.ptr[i] != ' ' && !trib_http1_is_token(trib_str_make(text.ptr + i, 1)))
            return false;
    }
    return true;
}

void trib_http_answer_options(trib_http_conn *conn) {
    trib_buf extra;
    trib_str tenant, path;
    trib_buf_init(&extra, ALLOW_MAX_BYTES + 2 * PREFLIGHT_HEADERS_MAX_BYTES);
    trib_auth_split_path(conn->full_path, &tenant, &path);
    trib_buf_add_c(&extra, "allow: ");
    trib_router_allow(conn->hub->router, conn->listener, path, &extra);
    trib_buf_add_c(&extra, "\r\n");
    if (wants_cors(conn)) {
        trib_str asked = trib_http1_header(&conn->parser.head, "access-control-request-headers");
        trib_buf_add_c(&extra, "access-control-allow-methods: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
                               "access-control-max-age: 86400\r\naccess-control-allow-headers: ");
        trib_buf_add(&extra, is_header_list(asked) ? asked : TRIB_STR(CORS_ALLOW_HEADERS));
        trib_buf_add_c(&extra, "\r\n");
    }
    trib_http_answer answer = {.status = 204, .extra_headers = trib_buf_str(&extra)};
    if (extra.failed) answer.extra_headers = (trib_str){0};
    answer_send(&conn->request, &answer);
    trib_buf_deinit(&extra);
}

static trib_str header(const trib_http_request *request, const char *name) {
    const trib_http_conn *conn = request->conn;
    return trib_http1_header(&conn->parser.head, name);
}

const trib_http_ops trib_http_conn_ops = {
    .header = header,
    .send = answer_send,
    .stream_begin = stream_begin,
    .stream_chunk = stream_chunk,
    .stream_bytes = stream_bytes,
    .stream_end = stream_end,
};
