/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of a WebSocket, decoded: answered here (stored SQL, open_stream, what is refused) or put into the queue of
 * their session. */
#include "features/hrana/ws_int.h"

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
        hrana_ws_close(c, TRIB_WS_CLOSE_POLICY, err->message);
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

/* How suites of clients see a connection break. True: it does. */
static bool has_hook(hrana_ws *c, const hrana_request *request) {
    switch (hrana_hook_of(c->ws->app, request)) {
    case HRANA_HOOK_NONE: return false;
    case HRANA_HOOK_CLOSE_WS: trib_ws_close(c->ws, TRIB_WS_CLOSE_NORMAL, TRIB_STR(".close_ws")); break;
    case HRANA_HOOK_CLOSE_TCP: trib_ws_abort(c->ws); break;
    }
    return true;
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
    hrana_ws_charge(c, r);
    if (type == HRANA_MSG_CLOSE_STREAM) s->named = false;
    if (type == HRANA_MSG_OPEN_CURSOR) s->has_cursor = true;
    if (type == HRANA_MSG_OPEN_CURSOR) s->cursor_id = r->msg.cursor_id;
    if (type == HRANA_MSG_CLOSE_CURSOR) s->has_cursor = false;
    hrana_ws_session_push(s, r);
    hrana_ws_update_reading(c);
}

void hrana_ws_on_request(hrana_ws *c, hrana_ws_request *r) {
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
        hrana_ws_rephrase(&err, &told);
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
