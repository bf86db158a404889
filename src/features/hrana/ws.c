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
static void update_reading(hrana_ws *c) {
    bool paused = is_full(c) || c->greeting;
    if (paused == c->paused || c->ws->gone) return;
    c->paused = paused;
    trib_ws_set_reading(c->ws, !paused);
}

static hrana_ws_request *request_new(hrana_ws *c, trib_buf *bytes) {
    hrana_ws_request *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    trib_list_init(&r->link);
    trib_arena_init(&r->arena, TRIB_HRANA_WS_ARENA_MAX_BYTES);
    r->bytes = *bytes;
    trib_buf_init(bytes, 0);
    c->pending++;
    return r;
}

static void charge(hrana_ws *c, hrana_ws_request *r) {
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
    update_reading(c);
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

static void close_protocol(hrana_ws *c, uint16_t code, const char *why) {
    trib_ws_close(c->ws, code, trib_str_c(why));
}

static void socket_free(hrana_ws *c) {
    trib_ws *ws = c->ws;
    trib_session_close(ws->app->sessions, c->texts);
    free(c);
    trib_ws_release(ws);
}

static bool works(const hrana_ws *c) {
    TRIB_LIST_EACH(link, &c->sessions) {
        if (hrana_ws_session_works(TRIB_LIST_ITEM(link, hrana_ws_session, link))) return true;
    }
    return false;
}

void hrana_ws_settle(hrana_ws *c) {
    if (c->ws->gone && c->jobs == 0 && !c->greeting && trib_list_is_empty(&c->sessions)) {
        socket_free(c);
    } else if (c->draining && !c->ws->closing && !works(c)) {
        close_protocol(c, TRIB_WS_CLOSE_GOING_AWAY, "the server is shutting down");
    }
}

static void on_closed(trib_ws *ws, uint16_t close_code) {
    hrana_ws *c = ws->feature;
    (void)close_code;
    c->jobs++; /* keeps the socket while its sessions end */
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

/* The protocol's code for a token that is not there, and its words before the reason. */
static void rephrase(const trib_error *from, trib_error *ret) {
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
        rephrase(err, &told);
        send_hello(c, &told);
        close_protocol(c, TRIB_WS_CLOSE_POLICY, told.message);
        return;
    }
    c->state = HRANA_WS_READY;
    trib_ws_set_max_message(ws, TRIB_HRANA_BODY_MAX_BYTES);
    trib_ws_set_timer(ws, TRIB_HRANA_WS_RECHECK_MS);
    send_hello(c, NULL);
    update_reading(c);
}

static void on_hello(hrana_ws *c, const hrana_client_msg *msg) {
    if (c->state != HRANA_WS_NEW && c->version < 2) {
        close_protocol(c, TRIB_WS_CLOSE_POLICY,
                       "A repeated hello message is only supported in protocol version hrana2 and higher");
        return;
    }
    if (c->state == HRANA_WS_NEW) c->state = HRANA_WS_HELLO;
    c->greeting = true;
    trib_ws_authenticate(c->ws, msg->jwt, on_authenticated);
    if (c->greeting) update_reading(c);
}

static void on_due(trib_ws *ws) {
    hrana_ws *c = ws->feature;
    trib_error err, told;
    if (c->state != HRANA_WS_READY) {
        close_protocol(c, TRIB_WS_CLOSE_POLICY, "no hello message came in time");
    } else if (trib_ws_recheck(ws, &err) == TRIB_OK) {
        trib_ws_set_timer(ws, TRIB_HRANA_WS_RECHECK_MS);
    } else {
        rephrase(&err, &told);
        close_protocol(c, TRIB_WS_CLOSE_POLICY, told.message);
    }
}

/* ---- requests that need no job ---- */

/* What a protocol version has. NULL: this request. */
static const char *missing_in(int version, const hrana_client_msg *msg, int *ret_since) {
    hrana_msg_type type = msg->type;
    bool cursor = type == HRANA_MSG_OPEN_CURSOR || type == HRANA_MSG_CLOSE_CURSOR || type == HRANA_MSG_FETCH_CURSOR;
    const char *name = type == HRANA_MSG_REQUEST ? hrana_request_name(msg->request.type) : "a cursor";
    *ret_since = 1;
    if (cursor || (type == HRANA_MSG_REQUEST && msg->request.type == HRANA_GET_AUTOCOMMIT)) *ret_since = 3;
    else if (type == HRANA_MSG_REQUEST && msg->request.type != HRANA_EXECUTE && msg->request.type != HRANA_BATCH)
        *ret_since = 2;
    return version < *ret_since ? name : NULL;
}

/* A statement keeps its own copy of a stored text: the client may drop or replace it while the statement waits. */
static trib_code resolve_text(hrana_ws *c, hrana_ws_request *r, hrana_stmt *stmt, trib_error *err) {
    trib_str text;
    if (!stmt->has_sql_id) return TRIB_OK;
    trib_code code = trib_session_get_sql(c->texts, stmt->sql_id, &text, err);
    if (code != TRIB_OK) return code;
    stmt->sql = trib_arena_dup(&r->arena, text);
    stmt->has_sql = true;
    return r->arena.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code resolve_texts(hrana_ws *c, hrana_ws_request *r, trib_error *err) {
    hrana_batch *batch = &r->msg.request.batch;
    trib_code code = resolve_text(c, r, &r->msg.request.stmt, err);
    for (size_t i = 0; i < batch->count && code == TRIB_OK; i++) code = resolve_text(c, r, &batch->steps[i].stmt, err);
    return code;
}

/* Owns: r. */
static void refuse(hrana_ws *c, hrana_ws_request *r, trib_code code, const trib_error *err) {
    if (code == TRIB_PROTOCOL) {
        hrana_ws_request_free(c, r);
        close_protocol(c, TRIB_WS_CLOSE_POLICY, err->message);
    } else {
        hrana_ws_answer_error(c, r, err);
    }
}

static void on_store(hrana_ws *c, hrana_ws_request *r) {
    const hrana_stmt *stmt = &r->msg.request.stmt;
    trib_error err;
    trib_code code = TRIB_OK;
    if (r->msg.request.type == HRANA_STORE_SQL) code = trib_session_store_sql(c->texts, stmt->sql_id, stmt->sql, &err);
    else trib_session_close_sql(c->texts, stmt->sql_id);
    if (code == TRIB_OK) hrana_ws_answer_ok(c, r);
    else refuse(c, r, code, &err);
}

static void on_open_stream(hrana_ws *c, hrana_ws_request *r) {
    trib_error err;
    trib_code code;
    if (hrana_ws_session_find(c, r->msg.stream_id))
        code = trib_error_set(&err, TRIB_PROTOCOL, "Stream %d already exists", (int)r->msg.stream_id);
    else code = hrana_ws_session_open(c, r->msg.stream_id, &err);
    if (code != TRIB_OK && code != TRIB_PROTOCOL) c->open_failed = true;
    if (code == TRIB_OK) hrana_ws_answer_ok(c, r);
    else refuse(c, r, code, &err);
}

/* `.close_ws` and `.close_tcp`, with --test-hooks: how suites of clients see a connection break. True: it does. */
static bool is_hook(hrana_ws *c, const hrana_stmt *stmt) {
    if (!stmt->has_sql) return false;
    if (trib_str_eq_c(stmt->sql, ".close_ws")) trib_ws_close(c->ws, TRIB_WS_CLOSE_NORMAL, TRIB_STR(".close_ws"));
    else if (trib_str_eq_c(stmt->sql, ".close_tcp")) trib_ws_abort(c->ws);
    else return false;
    return true;
}

static bool has_hook(hrana_ws *c, const hrana_request *request) {
    if (!c->ws->app->settings.test_hooks) return false;
    if (is_hook(c, &request->stmt)) return true;
    for (size_t i = 0; i < request->batch.count; i++) {
        if (is_hook(c, &request->batch.steps[i].stmt)) return true;
    }
    return false;
}

/* ---- requests of a session ---- */

/* The session that a request is for. Errors: PROTOCOL; STREAM_NOT_OPEN for one whose opening was refused. */
static trib_code find_session(hrana_ws *c, const hrana_client_msg *msg, hrana_ws_session **ret, trib_error *err) {
    bool by_cursor = msg->type == HRANA_MSG_CLOSE_CURSOR || msg->type == HRANA_MSG_FETCH_CURSOR;
    hrana_ws_session *s =
        by_cursor ? hrana_ws_session_of_cursor(c, msg->cursor_id) : hrana_ws_session_find(c, msg->stream_id);
    *ret = s;
    if (s && !by_cursor && s->has_cursor && msg->type != HRANA_MSG_CLOSE_STREAM) {
        return trib_error_set(err, TRIB_PROTOCOL, "Stream %d already has an open cursor; close it first",
                              (int)msg->stream_id);
    }
    if (s && msg->type == HRANA_MSG_OPEN_CURSOR && hrana_ws_session_of_cursor(c, msg->cursor_id))
        return trib_error_set(err, TRIB_PROTOCOL, "Cursor %d already exists", (int)msg->cursor_id);
    if (s) return TRIB_OK;
    if (c->open_failed) return trib_error_set(err, TRIB_STREAM_NOT_OPEN, NULL);
    if (by_cursor) return trib_error_set(err, TRIB_PROTOCOL, "Cursor %d not found", (int)msg->cursor_id);
    return trib_error_set(err, TRIB_PROTOCOL, "Stream %d not found", (int)msg->stream_id);
}

static void on_session_request(hrana_ws *c, hrana_ws_request *r) {
    hrana_ws_session *s;
    trib_error err;
    hrana_msg_type type = r->msg.type;
    trib_code code = find_session(c, &r->msg, &s, &err);
    if (code == TRIB_STREAM_NOT_OPEN && (type == HRANA_MSG_CLOSE_STREAM || type == HRANA_MSG_CLOSE_CURSOR)) {
        hrana_ws_answer_ok(c, r); /* closing what could not be opened is fine */
        return;
    }
    if (code == TRIB_OK) code = resolve_texts(c, r, &err);
    if (code != TRIB_OK) {
        refuse(c, r, code, &err);
        return;
    }
    if (has_hook(c, &r->msg.request)) {
        hrana_ws_request_free(c, r);
        return;
    }
    charge(c, r);
    if (type == HRANA_MSG_CLOSE_STREAM) s->named = false;
    if (type == HRANA_MSG_OPEN_CURSOR) s->has_cursor = true;
    if (type == HRANA_MSG_OPEN_CURSOR) s->cursor_id = r->msg.cursor_id;
    if (type == HRANA_MSG_CLOSE_CURSOR) s->has_cursor = false;
    hrana_ws_session_push(s, r);
    update_reading(c);
}

static void on_request(hrana_ws *c, hrana_ws_request *r) {
    trib_error err;
    int since;
    const char *missing = missing_in(c->version, &r->msg, &since);
    if (missing) {
        trib_error_set(&err, TRIB_PROTOCOL, "%s is only supported in protocol version hrana%d and higher", missing,
                       since);
        refuse(c, r, TRIB_PROTOCOL, &err);
        return;
    }
    bool closes = r->msg.type == HRANA_MSG_CLOSE_STREAM || r->msg.type == HRANA_MSG_CLOSE_CURSOR;
    if (!closes && trib_ws_recheck(c->ws, &err) != TRIB_OK) {
        trib_error told;
        rephrase(&err, &told);
        if (r->msg.type == HRANA_MSG_OPEN_STREAM) c->open_failed = true;
        hrana_ws_answer_error(c, r, &told);
    } else if (r->msg.type == HRANA_MSG_OPEN_STREAM) {
        on_open_stream(c, r);
    } else if (r->msg.type == HRANA_MSG_REQUEST &&
               (r->msg.request.type == HRANA_STORE_SQL || r->msg.request.type == HRANA_CLOSE_SQL)) {
        on_store(c, r);
    } else {
        on_session_request(c, r);
    }
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
    close_protocol(c, close_code, why);
}

static void on_message(trib_ws *ws, bool is_text, trib_buf *bytes) {
    hrana_ws *c = ws->feature;
    trib_error err;
    if (is_text != c->codec->is_text) {
        char why[100];
        snprintf(why, sizeof why, "Received a %s WebSocket message, which is not supported in this encoding",
                 c->codec->name);
        close_protocol(c, TRIB_WS_CLOSE_UNSUPPORTED, why);
        return;
    }
    hrana_ws_request *r = request_new(c, bytes);
    if (!r) {
        close_protocol(c, TRIB_WS_CLOSE_INTERNAL, trib_code_meaning(TRIB_NOMEM));
        return;
    }
    trib_code code = c->codec->decode(&r->arena, trib_buf_str(&r->bytes), &r->msg, &err);
    if (code != TRIB_OK) {
        hrana_ws_request_free(c, r);
        unreadable(c, code, &err);
    } else if (r->msg.type == HRANA_MSG_HELLO) {
        on_hello(c, &r->msg);
        hrana_ws_request_free(c, r);
    } else if (c->state != HRANA_WS_READY) {
        hrana_ws_request_free(c, r);
        close_protocol(c, TRIB_WS_CLOSE_POLICY, "Received a request before hello message");
    } else {
        on_request(c, r);
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
