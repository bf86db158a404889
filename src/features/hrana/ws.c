/* SPDX-License-Identifier: Apache-2.0 */
/* Hrana over WebSocket: GET / with an upgrade, also below a tenant's path. Versions 1 to 3 by subprotocol.
 *
 *   NEW --hello--> HELLO --good token--> READY --request...            a later hello brings a fresh token
 *                    `- bad token: hello_error, close 1008
 *
 * What breaks the protocol ends the socket with the message as the reason: 1003 the wrong kind of message, 1007 one
 * that cannot be read, 1008 the rest. What a statement does wrong is answered. The token's rights are asked for with
 * every request, and every TRIB_HRANA_WS_RECHECK_MS. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "features/hrana/ws_int.h"

enum { ANSWER_MAX_BYTES = 16 * 1024 /* an error is a message of at most TRIB_ERROR_MESSAGE_BYTES, escaped */ };

static const char *const protocols[] = {"hrana3-protobuf", "hrana3", "hrana2", "hrana1"};
static const int versions[] = {3, 3, 2, 1};
static const hrana_ws_codec *const codecs[] = {&hrana_ws_pb, &hrana_ws_json, &hrana_ws_json, &hrana_ws_json};
enum { PROTOCOL_COUNT = 4, PROTOCOL_DEFAULT = PROTOCOL_COUNT - 1 };

/* ---- requests ---- */

static bool is_full(const hrana_ws *c) {
    return c->pending >= TRIB_HRANA_WS_PENDING_MAX || c->pending_bytes >= TRIB_HRANA_WS_PENDING_MAX_BYTES;
}

/* Nothing is refused for being sent too fast: it waits in the peer's socket. */
void hrana_ws_update_reading(hrana_ws *c) {
    bool paused = is_full(c) || c->greeting || c->undecoded;
    if (paused == c->paused || c->ws->gone) return;
    c->paused = paused;
    trib_ws_set_reading(c->ws, !paused);
}

static hrana_ws_request *request_new(hrana_ws *c, trib_buf *bytes) {
    hrana_ws_request *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    trib_list_init(&r->link);
    r->socket = c;
    r->codec = c->codec;
    trib_arena_init(&r->arena, TRIB_HRANA_WS_ARENA_MAX_BYTES);
    r->bytes = *bytes;
    trib_buf_init(bytes, 0);
    c->pending++;
    return r;
}

void hrana_ws_charge(hrana_ws *c, hrana_ws_request *r) {
    c->pending_bytes -= r->charged_bytes;
    r->charged_bytes = r->bytes.cap + r->arena.used_bytes;
    c->pending_bytes += r->charged_bytes;
}

void hrana_ws_request_free(hrana_ws *c, hrana_ws_request *r) {
    c->pending--;
    c->pending_bytes -= r->charged_bytes;
    hrana_exec_deinit(&r->x);
    trib_buf_deinit(&r->entries);
    trib_buf_deinit(&r->bytes);
    trib_arena_deinit(&r->arena);
    free(r);
    hrana_ws_update_reading(c);
}

void hrana_ws_send(hrana_ws *c, trib_buf *out) {
    (void)trib_ws_send(c->ws, c->codec->is_text, out);
}

void hrana_ws_answer_ok(hrana_ws *c, hrana_ws_request *r) {
    hrana_exec *x = &r->x;
    hrana_exec_deinit(x);
    trib_buf_init(&x->out, ANSWER_MAX_BYTES);
    if (r->msg.type == HRANA_MSG_REQUEST) { /* STORE_SQL, CLOSE_SQL */
        x->w.buf = x->pw.buf = &x->out;
        x->message_id = r->msg.request_id;
        c->codec->envelope->begin(x, r->msg.request.type);
        c->codec->envelope->end(x);
    } else {
        c->codec->response_ok(&x->out, r->msg.request_id, r->msg.type);
    }
    hrana_ws_send(c, &x->out);
    hrana_ws_request_free(c, r);
}

void hrana_ws_answer_error(hrana_ws *c, hrana_ws_request *r, const trib_error *err) {
    trib_buf out;
    trib_buf_init(&out, ANSWER_MAX_BYTES);
    c->codec->response_error(&out, r->msg.request_id, err);
    hrana_ws_send(c, &out);
    trib_buf_deinit(&out);
    hrana_ws_request_free(c, r);
}

/* ---- ends ---- */

void hrana_ws_close(hrana_ws *c, uint16_t code, const char *why) {
    trib_ws_close(c->ws, code, trib_str_c(why));
}

static void socket_free(hrana_ws *c) {
    trib_ws *ws = c->ws;
    trib_session_close(ws->app->sessions, c->texts);
    free(c);
    trib_ws_release(ws);
}

static bool works(const hrana_ws *c) {
    if (c->undecoded) return true;
    TRIB_LIST_EACH(link, &c->sessions) {
        if (hrana_ws_session_works(TRIB_LIST_ITEM(link, hrana_ws_session, link))) return true;
    }
    return false;
}

void hrana_ws_settle(hrana_ws *c) {
    if (c->ws->gone && c->jobs == 0 && !c->greeting && trib_list_is_empty(&c->sessions)) {
        socket_free(c);
    } else if (c->draining && !c->ws->closing && !works(c)) {
        hrana_ws_close(c, TRIB_WS_CLOSE_GOING_AWAY, "the server is shutting down");
    }
}

static void on_closed(trib_ws *ws, uint16_t close_code) {
    hrana_ws *c = ws->feature;
    (void)close_code;
    c->jobs++; /* keeps the socket while its sessions end */
    if (c->undecoded && !c->decoding) hrana_ws_request_free(c, c->undecoded);
    if (!c->decoding) c->undecoded = NULL;
    TRIB_LIST_EACH_SAFE(link, &c->sessions) {
        hrana_ws_session_abandon(TRIB_LIST_ITEM(link, hrana_ws_session, link));
    }
    c->jobs--;
    hrana_ws_settle(c);
}

static void on_drain(trib_ws *ws) {
    hrana_ws *c = ws->feature;
    c->draining = true;
    hrana_ws_settle(c);
}

/* ---- hello ---- */

void hrana_ws_rephrase(const trib_error *from, trib_error *ret) {
    *ret = *from;
    bool missing = from->code == TRIB_AUTH_HEADER_NOT_FOUND;
    if (missing) snprintf(ret->text_code, sizeof ret->text_code, "AUTH_JWT_MISSING");
    if (trib_code_http(from->code) != 401) return;
    snprintf(ret->message, sizeof ret->message, "Authentication failed: %.400s",
             missing ? "the hello message has no jwt; `trib token create TENANT` makes one" : from->message);
}

static void send_hello(hrana_ws *c, const trib_error *err) {
    trib_buf out;
    trib_buf_init(&out, ANSWER_MAX_BYTES);
    c->codec->hello(&out, err);
    hrana_ws_send(c, &out);
    trib_buf_deinit(&out);
}

static void on_authenticated(trib_ws *ws, trib_code code, const trib_error *err) {
    hrana_ws *c = ws->feature;
    trib_error said;
    c->greeting = c->paused = false; /* reading is on again */
    if (ws->gone) {
        hrana_ws_settle(c);
        return;
    }
    if (code == TRIB_OK && !c->texts) {
        code = trib_session_new(ws->app->sessions, ws->tenant, ws->principal, &c->texts, &said);
        err = &said;
    }
    if (code != TRIB_OK) {
        trib_error told;
        hrana_ws_rephrase(err, &told);
        send_hello(c, &told);
        hrana_ws_close(c, TRIB_WS_CLOSE_POLICY, told.message);
        return;
    }
    c->state = HRANA_WS_READY;
    trib_ws_set_max_message(ws, TRIB_HRANA_BODY_MAX_BYTES);
    trib_ws_set_timer(ws, TRIB_HRANA_WS_RECHECK_MS);
    send_hello(c, NULL);
    hrana_ws_update_reading(c);
}

static void on_hello(hrana_ws *c, const hrana_client_msg *msg) {
    if (c->state != HRANA_WS_NEW && c->version < 2) {
        hrana_ws_close(c, TRIB_WS_CLOSE_POLICY,
                       "A repeated hello message is only supported in protocol version hrana2 and higher");
        return;
    }
    if (c->state == HRANA_WS_NEW) c->state = HRANA_WS_HELLO;
    c->greeting = true;
    trib_ws_authenticate(c->ws, msg->jwt, on_authenticated);
    if (c->greeting) hrana_ws_update_reading(c);
}

/* ---- messages ---- */

static void unreadable(hrana_ws *c, trib_code code, const trib_error *err) {
    char why[TRIB_ERROR_MESSAGE_BYTES];
    bool syntax = code == TRIB_BAD_JSON || strncmp(err->message, "Cannot deserialize", 18) == 0 ||
                  strncmp(err->message, "Could not decode", 16) == 0;
    if (code == TRIB_BAD_JSON)
        snprintf(why, sizeof why, "Cannot deserialize client message from JSON: %.400s", err->message);
    else snprintf(why, sizeof why, "%s", err->message);
    uint16_t close_code = code == TRIB_NOMEM ? TRIB_WS_CLOSE_TOO_BIG
                          : syntax           ? TRIB_WS_CLOSE_BAD_DATA
                                             : TRIB_WS_CLOSE_POLICY;
    hrana_ws_close(c, close_code, why);
}

/* Owns: r. */
static void on_decoded(hrana_ws *c, hrana_ws_request *r, trib_code code, const trib_error *err) {
    if (code != TRIB_OK) {
        hrana_ws_request_free(c, r);
        unreadable(c, code, err);
    } else if (r->msg.type == HRANA_MSG_HELLO) {
        on_hello(c, &r->msg);
        hrana_ws_request_free(c, r);
    } else if (c->state != HRANA_WS_READY) {
        hrana_ws_request_free(c, r);
        hrana_ws_close(c, TRIB_WS_CLOSE_POLICY, "Received a request before hello message");
    } else {
        hrana_ws_on_request(c, r);
    }
}

/* ---- long messages ----
 * They are decoded on a worker, in the tenant's queue; what is behind them waits in the socket, so that messages are
 * still taken in their order. Where the queue is full the message waits too: nobody knows its request yet, who could be
 * told. */

static trib_job_verdict decode_on_worker(trib_job *job) {
    hrana_ws_request *r = (hrana_ws_request *)(void *)job;
    r->x.job.code = r->codec->decode(&r->arena, trib_buf_str(&r->bytes), &r->msg, &r->x.job.err);
    return TRIB_JOB_DONE;
}

static void came_home(trib_job *job) {
    hrana_ws_request *r = (hrana_ws_request *)(void *)job;
    hrana_ws *c = r->socket;
    trib_error err = r->x.job.err;
    trib_code code = r->x.job.code;
    c->undecoded = NULL;
    c->decoding = false;
    if (c->ws->closing) hrana_ws_request_free(c, r);
    else on_decoded(c, r, code, &err);
    hrana_ws_update_reading(c);
    c->jobs--;
    hrana_ws_settle(c);
}

/* c->undecoded to a worker, or later again. */
static void decode_elsewhere(hrana_ws *c) {
    hrana_ws_request *r = c->undecoded;
    trib_error err;
    r->x.job.job.run = decode_on_worker;
    r->x.job.job.done = came_home;
    r->x.job.job.home = c->ws->home;
    r->x.job.job.queue = c->ws->tenant->queue;
    c->decoding = true;
    c->jobs++;
    trib_code code = trib_job_submit(&r->x.job.job, &err);
    if (code == TRIB_OK) return;
    c->decoding = false;
    c->jobs--;
    if (code == TRIB_TOO_MANY_REQUESTS) trib_ws_set_timer(c->ws, TRIB_HRANA_WS_RETRY_MS);
    else hrana_ws_close(c, TRIB_WS_CLOSE_GOING_AWAY, err.message);
}

static void on_message(trib_ws *ws, bool is_text, trib_buf *bytes) {
    hrana_ws *c = ws->feature;
    trib_error err;
    if (is_text != c->codec->is_text) {
        char why[100];
        snprintf(why, sizeof why, "Received a %s WebSocket message, which is not supported in this encoding",
                 c->codec->name);
        hrana_ws_close(c, TRIB_WS_CLOSE_UNSUPPORTED, why);
        return;
    }
    hrana_ws_request *r = request_new(c, bytes);
    if (!r) {
        hrana_ws_close(c, TRIB_WS_CLOSE_INTERNAL, trib_code_meaning(TRIB_NOMEM));
    } else if (r->bytes.len <= TRIB_HRANA_LOOP_BODY_MAX_BYTES) {
        on_decoded(c, r, c->codec->decode(&r->arena, trib_buf_str(&r->bytes), &r->msg, &err), &err);
    } else { /* after hello: before it no message may be as long */
        hrana_ws_charge(c, r);
        c->undecoded = r;
        decode_elsewhere(c);
        hrana_ws_update_reading(c);
    }
}

static void on_due(trib_ws *ws) {
    hrana_ws *c = ws->feature;
    trib_error err, told;
    if (c->state != HRANA_WS_READY) {
        hrana_ws_close(c, TRIB_WS_CLOSE_POLICY, "no hello message came in time");
    } else if (trib_ws_recheck(ws, &err) == TRIB_OK) {
        trib_ws_set_timer(ws, TRIB_HRANA_WS_RECHECK_MS);
        if (c->undecoded && !c->decoding) decode_elsewhere(c); /* which may set it again */
    } else {
        hrana_ws_rephrase(&err, &told);
        hrana_ws_close(c, TRIB_WS_CLOSE_POLICY, told.message);
    }
}

static void on_credit(trib_ws *ws) {
    hrana_ws *c = ws->feature;
    TRIB_LIST_EACH_SAFE(link, &c->sessions) {
        hrana_ws_session_advance(TRIB_LIST_ITEM(link, hrana_ws_session, link));
    }
    hrana_ws_settle(c);
}

static const trib_ws_handler handler = {.protocols = protocols,
                                        .protocol_count = PROTOCOL_COUNT,
                                        .message = on_message,
                                        .credit = on_credit,
                                        .due = on_due,
                                        .drain = on_drain,
                                        .closed = on_closed};

void hrana_ws_accept(trib_http_request *http) {
    trib_error err;
    hrana_ws *c = calloc(1, sizeof *c);
    if (!c) {
        trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_http_answer_error(http, &err);
        return;
    }
    trib_list_init(&c->sessions);
    c->ws = trib_ws_accept(http, &handler, TRIB_HRANA_WS_HELLO_MAX_BYTES);
    if (!c->ws) {
        free(c);
        return;
    }
    int index = c->ws->protocol < 0 ? PROTOCOL_DEFAULT : c->ws->protocol;
    c->version = versions[index];
    c->codec = codecs[index];
    c->ws->feature = c;
    trib_ws_set_timer(c->ws, TRIB_HRANA_WS_HELLO_MS);
}
