/* SPDX-License-Identifier: Apache-2.0 */
/* WebSockets; see ws_conn.h and core/ws.h.
 *
 *   OPEN --trib_ws_close--> close frame sent, waits for the peer's (TRIB_WS_CLOSE_TIMEOUT_MS) --> transport closes
 *     |---- the peer's close frame: answered --------------------------------------------------------^
 *     |---- a broken frame: close frame with the reason ---------------------------------------------^
 *     `---- abort, lost, no pong
 *
 * Frames that are written inside one call go out in one write. An idle WebSocket keeps no buffer: what it costs is this
 * struct, the HTTP connection's and the socket's. */
#include "net/ws_conn.h"

#include <stdlib.h>
#include <string.h>

#include "net/http_int.h"
#include "wire/http1_write.h"
#include "wire/ws_handshake.h"

enum {
    JOIN_BYTES = 16 * 1024, /* up to here copying beats a second write */
    KEEP_OUT_BYTES = 1024,  /* what an idle one may keep of the buffer that it wrote with */
    DUE_SLACK_MS = 100,     /* the transport's clock is read once an iteration: its deadline may come that early */
    ID_BYTES = TRIB_HTTP_REQUEST_ID_MAX_BYTES
};

/* What the one deadline of the transport stands for. */
typedef enum ws_due { DUE_TIMER, DUE_MESSAGE, DUE_CLOSE, DUE_COUNT } ws_due;

struct trib_ws_conn {
    trib_ws ws; /* first */
    trib_http_conn *http;
    trib_ws_reader reader;
    int64_t due_ms[DUE_COUNT]; /* 0: none */
    uint64_t received_bytes;
    uint16_t close_code;
    bool reading; /* the feature wants messages */
    bool in_input, held, close_sent, pinged, wants_credit;
    char id_text[ID_BYTES];
};

static trib_ws_conn *conn_of(const trib_ws *ws) {
    union {
        const trib_ws *in;
        trib_ws_conn *out;
    } both = {.in = ws}; /* ws is its first member */
    return both.out;
}

static bool is_over(const trib_ws_conn *conn) {
    return conn->http->state == HTTP_CLOSING || conn->http->state == HTTP_GONE;
}

static size_t unsent(const trib_ws_conn *conn) {
    return conn->http->out.len + conn->http->transport->unsent(conn->http->transport_ctx);
}

static bool has_credit(const trib_ws *ws) {
    const trib_ws_conn *conn = conn_of(ws);
    return is_over(conn) || unsent(conn) < TRIB_WS_UNSENT_MAX_BYTES;
}

/* A peer that sends and never reads must not fill our memory with answers; after our close frame only its own
 * counts. */
static bool may_read(const trib_ws_conn *conn) {
    if (is_over(conn)) return false;
    return conn->close_sent || (conn->reading && unsent(conn) < TRIB_WS_UNSENT_MAX_BYTES);
}

static void update_reading(trib_ws_conn *conn) {
    trib_http_conn *http = conn->http;
    bool on = may_read(conn);
    if (is_over(conn) || conn->in_input || http->paused == !on) return;
    http->paused = !on;
    http->transport->set_reading(http->transport_ctx, on);
}

/* ---- time ---- */

static int64_t now_ms(const trib_ws_conn *conn) {
    return trib_env_mono_ns(conn->ws.app->env) / 1000000;
}

static void arm(trib_ws_conn *conn) {
    int64_t first = 0;
    if (is_over(conn)) return;
    for (int i = 0; i < DUE_COUNT; i++) {
        if (conn->due_ms[i] && (!first || conn->due_ms[i] < first)) first = conn->due_ms[i];
    }
    int64_t left = first ? first - now_ms(conn) : 0;
    if (first && left < 1) left = 1;
    conn->http->transport->set_deadline(conn->http->transport_ctx, (uint32_t)left);
}

static void set_due(trib_ws_conn *conn, ws_due which, uint32_t delay_ms) {
    if (!delay_ms && !conn->due_ms[which]) return;
    conn->due_ms[which] = delay_ms ? now_ms(conn) + delay_ms : 0;
    arm(conn);
}

/* ---- writing ---- */

static void flush(trib_ws_conn *conn) {
    trib_http_flush(conn->http);
    if (conn->http->out.len == 0 && conn->http->out.cap > KEEP_OUT_BYTES) trib_buf_deinit(&conn->http->out);
}

static void flush_soon(trib_ws_conn *conn) {
    if ((conn->in_input || conn->held) && conn->http->out.len < TRIB_WS_UNSENT_MAX_BYTES && !conn->http->out.failed)
        return;
    flush(conn);
}

static void abort_now(trib_ws_conn *conn, trib_code why) {
    trib_http_conn *http = conn->http;
    if (is_over(conn)) return;
    http->state = HTTP_CLOSING;
    trib_buf_clear(&http->out);
    http->transport->abort(http->transport_ctx, why);
}

/* What a send ends with: may there be another one? */
static bool say_credit(trib_ws_conn *conn) {
    if (has_credit(&conn->ws)) return true;
    conn->wants_credit = true;
    update_reading(conn);
    return false;
}

static bool ws_send_bytes(trib_ws *ws, bool is_text, trib_str bytes) {
    trib_ws_conn *conn = conn_of(ws);
    if (is_over(conn) || conn->close_sent) return true;
    trib_ws_write(&conn->http->out, is_text ? TRIB_WS_OP_TEXT : TRIB_WS_OP_BINARY, bytes);
    flush_soon(conn);
    return say_credit(conn);
}

static bool ws_send(trib_ws *ws, bool is_text, trib_buf *bytes) {
    trib_ws_conn *conn = conn_of(ws);
    trib_http_conn *http = conn->http;
    bool credit = true;
    if (bytes->failed && !is_over(conn) && !conn->close_sent) {
        abort_now(conn, TRIB_NOMEM);
    } else if (bytes->len <= JOIN_BYTES || is_over(conn) || conn->close_sent) {
        credit = ws_send_bytes(ws, is_text, trib_buf_str(bytes));
    } else {
        trib_ws_write_head(&http->out, is_text ? TRIB_WS_OP_TEXT : TRIB_WS_OP_BINARY, bytes->len);
        flush(conn);
        http->transport->write(http->transport_ctx, bytes);
        credit = say_credit(conn);
    }
    trib_buf_clear(bytes);
    return credit;
}

static void ws_hold(trib_ws *ws, bool on) {
    trib_ws_conn *conn = conn_of(ws);
    conn->held = on;
    if (!on && !conn->in_input) flush(conn);
}

/* The last frame that we send. */
static void send_close(trib_ws_conn *conn, uint16_t code, trib_str reason) {
    if (conn->close_sent) return;
    conn->close_sent = conn->ws.closing = true;
    conn->close_code = code;
    trib_ws_write_close(&conn->http->out, code, reason);
}

static void end(trib_ws_conn *conn) {
    conn->ws.closing = true;
    trib_http_conn_close(conn->http);
}

static void ws_close(trib_ws *ws, uint16_t code, trib_str reason) {
    trib_ws_conn *conn = conn_of(ws);
    if (is_over(conn) || conn->close_sent) return;
    send_close(conn, code, reason);
    flush_soon(conn);
    conn->due_ms[DUE_TIMER] = conn->due_ms[DUE_MESSAGE] = 0;
    set_due(conn, DUE_CLOSE, TRIB_WS_CLOSE_TIMEOUT_MS);
    update_reading(conn);
}

static void ws_abort(trib_ws *ws) {
    abort_now(conn_of(ws), TRIB_CANCELLED);
}

/* ---- reading ---- */

static void on_message(trib_ws_conn *conn) {
    trib_buf message;
    if (conn->close_sent) return;
    trib_ws_reader_take(&conn->reader, &message);
    conn->ws.handler->message(&conn->ws, conn->reader.is_text, &message);
    trib_buf_deinit(&message);
}

static void on_event(trib_ws_conn *conn, trib_ws_event event, const trib_error *err) {
    switch (event) {
    case TRIB_WS_NEED:
    case TRIB_WS_PONG: break;
    case TRIB_WS_MESSAGE: on_message(conn); break;
    case TRIB_WS_PING:
        if (!conn->close_sent) trib_ws_write(&conn->http->out, TRIB_WS_OP_PONG, conn->reader.payload);
        break;
    case TRIB_WS_CLOSE:
        send_close(conn, conn->reader.close_code, (trib_str){0});
        end(conn);
        break;
    case TRIB_WS_ERROR:
        send_close(conn, conn->reader.close_code, trib_str_c(err->message));
        end(conn);
        break;
    }
}

/* A message that has begun must come on. */
static void watch_pace(trib_ws_conn *conn, size_t used) {
    uint64_t before = conn->received_bytes / TRIB_WS_MESSAGE_STEP_BYTES;
    conn->received_bytes += used;
    if (conn->close_sent) return;
    if (!trib_ws_reader_is_partial(&conn->reader)) set_due(conn, DUE_MESSAGE, 0);
    else if (!conn->due_ms[DUE_MESSAGE] || conn->received_bytes / TRIB_WS_MESSAGE_STEP_BYTES != before)
        set_due(conn, DUE_MESSAGE, TRIB_WS_MESSAGE_TIMEOUT_MS);
}

size_t trib_ws_conn_input(trib_ws_conn *conn, trib_str bytes) {
    size_t total = 0;
    trib_ws_event event = TRIB_WS_MESSAGE;
    conn->in_input = true;
    conn->pinged = false;
    while (event != TRIB_WS_NEED && may_read(conn)) {
        size_t used;
        trib_error err;
        event = trib_ws_reader_next(&conn->reader, trib_str_sub(bytes, total, bytes.len), &used, &err);
        total += used;
        on_event(conn, event, &err);
    }
    conn->in_input = false;
    flush(conn);
    if (is_over(conn)) return bytes.len;
    watch_pace(conn, total);
    update_reading(conn);
    return total;
}

static void ws_set_reading(trib_ws *ws, bool on) {
    trib_ws_conn *conn = conn_of(ws);
    conn->reading = on;
    update_reading(conn);
}

static void ws_set_max_message(trib_ws *ws, size_t max_message_bytes) {
    trib_ws_reader_set_max(&conn_of(ws)->reader, max_message_bytes);
}

static void ws_set_timer(trib_ws *ws, uint32_t delay_ms) {
    if (!ws->closing) set_due(conn_of(ws), DUE_TIMER, delay_ms);
}

/* ---- what happens to the socket ---- */

void trib_ws_conn_drained(trib_ws_conn *conn) {
    if (conn->wants_credit && has_credit(&conn->ws)) {
        conn->wants_credit = false;
        if (!conn->ws.closing && conn->ws.handler->credit) conn->ws.handler->credit(&conn->ws);
    }
    update_reading(conn);
}

void trib_ws_conn_eof(trib_ws_conn *conn) {
    conn->http->peer_eof = true;
    end(conn);
}

void trib_ws_conn_idle(trib_ws_conn *conn) {
    if (is_over(conn) || unsent(conn) > 0) {
        conn->http->transport->abort(conn->http->transport_ctx, TRIB_REQUEST_TIMEOUT);
    } else if (conn->close_sent || !conn->reading) {
        return; /* the closing has its own time; and a pong that we do not read proves nothing */
    } else if (conn->pinged) {
        abort_now(conn, TRIB_REQUEST_TIMEOUT);
    } else {
        conn->pinged = true;
        trib_ws_write(&conn->http->out, TRIB_WS_OP_PING, (trib_str){0});
        flush(conn);
    }
}

static void on_due(trib_ws_conn *conn, ws_due which) {
    switch (which) {
    case DUE_TIMER:
        if (conn->ws.handler->due) conn->ws.handler->due(&conn->ws);
        break;
    case DUE_MESSAGE:
        if (!may_read(conn)) {
            set_due(conn, DUE_MESSAGE, TRIB_WS_MESSAGE_TIMEOUT_MS); /* it is we who do not take it */
            break;
        }
        send_close(conn, TRIB_WS_CLOSE_POLICY, TRIB_STR("the message did not arrive in time; send it faster"));
        end(conn);
        break;
    case DUE_CLOSE:
    case DUE_COUNT: end(conn); break;
    }
}

void trib_ws_conn_deadline(trib_ws_conn *conn) {
    int64_t now = now_ms(conn) + DUE_SLACK_MS;
    for (int i = 0; i < DUE_COUNT && !is_over(conn); i++) {
        if (!conn->due_ms[i] || conn->due_ms[i] > now) continue;
        conn->due_ms[i] = 0;
        on_due(conn, (ws_due)i);
    }
    arm(conn);
}

void trib_ws_conn_drain(trib_ws_conn *conn) {
    if (conn->ws.closing) return;
    if (conn->ws.handler->drain) conn->ws.handler->drain(&conn->ws);
    else ws_close(&conn->ws, TRIB_WS_CLOSE_GOING_AWAY, TRIB_STR("the server is shutting down"));
}

void trib_ws_conn_closed(trib_ws_conn *conn) {
    conn->ws.gone = conn->ws.closing = true;
    trib_ws_reader_deinit(&conn->reader);
    conn->ws.handler->closed(&conn->ws, conn->close_code ? conn->close_code : TRIB_WS_CLOSE_ABNORMAL);
}

/* ---- beginning and end ---- */

static bool ws_is_asked(const trib_http_request *request) {
    const trib_http_conn *http = request->conn;
    return trib_ws_handshake_asked(&http->parser.head);
}

static void write_head(trib_http_conn *http, const char *accept, const char *protocol) {
    trib_buf *out = &http->out;
    trib_http1_begin_response(out, 101, trib_http_hub_date(http->hub));
    trib_http1_add_upgrade(out, "websocket");
    trib_buf_add_c(out, "Sec-WebSocket-Accept: ");
    trib_buf_add_c(out, accept);
    if (protocol) {
        trib_buf_add_c(out, "\r\nSec-WebSocket-Protocol: ");
        trib_buf_add_c(out, protocol);
    }
    trib_buf_add_c(out, "\r\nx-request-id: ");
    trib_buf_add(out, http->request.request_id);
    trib_buf_add_c(out, "\r\n");
    trib_http1_end_head_bare(out);
}

/* NULL: *err says why. */
static trib_ws_conn *make(trib_http_conn *http, const trib_ws_handler *handler, size_t max_message_bytes,
                          trib_error *err) {
    trib_http_request *request = &http->request;
    const trib_http1_head *head = &http->parser.head;
    trib_ws_conn *conn = calloc(1, sizeof *conn);
    if (!conn) {
        (void)trib_error_set(err, TRIB_NOMEM, NULL);
        return NULL;
    }
    trib_code code = trib_ws_who_new(http->full_path, request->host, trib_http1_known_get(head, TRIB_HTTP1_X_NAMESPACE),
                                     trib_http1_known_get(head, TRIB_HTTP1_X_NAMESPACE_BIN),
                                     trib_http1_known_get(head, TRIB_HTTP1_AUTHORIZATION), http->match.route->auth,
                                     http->listener, &conn->ws.who, err);
    if (code != TRIB_OK) {
        free(conn);
        return NULL;
    }
    conn->http = http;
    conn->reading = true;
    conn->ws.app = http->hub->app;
    conn->ws.home = http->hub->home;
    conn->ws.handler = handler;
    conn->ws.module_state = request->module_state;
    memcpy(conn->id_text, request->request_id.ptr, request->request_id.len);
    conn->ws.id = trib_str_make(conn->id_text, request->request_id.len);
    conn->ws.tenant = request->tenant;
    conn->ws.principal = request->principal;
    trib_ws_reader_init(&conn->reader, true, max_message_bytes);
    return conn;
}

static trib_ws *ws_accept(trib_http_request *request, const trib_ws_handler *handler, size_t max_message_bytes) {
    trib_http_conn *http = request->conn;
    char accept[TRIB_WS_ACCEPT_BYTES];
    int protocol = -1;
    trib_error err;
    trib_code code = trib_ws_handshake_check(&http->parser.head, accept, &err);
    if (code == TRIB_OK)
        code =
            trib_ws_handshake_choose(&http->parser.head, handler->protocols, handler->protocol_count, &protocol, &err);
    if (code == TRIB_OK && http->draining) code = trib_error_set(&err, TRIB_SHUTTING_DOWN, NULL);
    trib_ws_conn *conn = code == TRIB_OK ? make(http, handler, max_message_bytes, &err) : NULL;
    if (!conn) {
        trib_http_refuse(http, &err);
        return NULL;
    }
    conn->ws.protocol = protocol;
    write_head(http, accept, protocol < 0 ? NULL : handler->protocols[protocol]);
    trib_http_conn_hand_over(http, conn);
    trib_http_conn_set_idle_timeout(http, TRIB_WS_PING_MS);
    return &conn->ws;
}

static void ws_release(trib_ws *ws) {
    trib_ws_conn *conn = conn_of(ws);
    trib_http_conn *http = conn->http;
    trib_auth_release(ws->app->auth, ws->tenant, ws->principal);
    trib_ws_who_free(ws->who);
    trib_ws_reader_deinit(&conn->reader);
    free(conn);
    http->ws = NULL;
    http->owes = false;
    trib_http_conn_try_free(http);
}

const trib_ws_ops trib_ws_conn_ops = {
    .accept = ws_accept,
    .is_asked = ws_is_asked,
    .send = ws_send,
    .send_bytes = ws_send_bytes,
    .hold = ws_hold,
    .has_credit = has_credit,
    .close = ws_close,
    .abort = ws_abort,
    .set_reading = ws_set_reading,
    .set_max_message = ws_set_max_message,
    .set_timer = ws_set_timer,
    .release = ws_release,
};
