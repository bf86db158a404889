/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/streams/live: a WebSocket that follows many streams (tails_int.h).
 *
 *   --> {"type":"subscribe","streamId":"ord-1","offset":7}
 *   <-- {"type":"subscribed","streamId","offset","version"}
 *   <-- {"type":"events","streamId","first","last","events"} ...
 *   <-- {"type":"closed","streamId","offset","continuedBy"}, or {"type":"ended","streamId","offset","code","message"}
 *   --> {"type":"unsubscribe","streamId":"ord-1"}
 *   <-- {"type":"unsubscribed","streamId","offset"}
 *   <-- {"type":"error","streamId","code","message"}        what was asked cannot be done
 *
 * A socket whose peer does not read is shown nothing more; when there is room, each of its tails goes on from the
 * database where it stopped. */
#include <stdlib.h>
#include <string.h>

#include "core/ws.h"
#include "features/streams/tails_int.h"

enum { ANSWER_MAX_BYTES = 8192, MESSAGE_ARENA_BYTES = 64 * 1024 };

typedef struct live_socket {
    trib_ws *ws;
    streams_module *module;
    trib_list tails; /* socket_tail.link */
    size_t count;
    bool closed;
} live_socket;

typedef struct socket_tail {
    streams_tail tail; /* first */
    live_socket *socket;
    trib_list link;
    char id[TRIB_STREAM_ID_MAX_BYTES];
} socket_tail;

static socket_tail *of(const streams_tail *tail) {
    union {
        const streams_tail *in;
        socket_tail *out;
    } both = {.in = tail}; /* it is its first member */
    return both.out;
}

/* ---- what is said ---- */

typedef struct said {
    trib_buf out;
    trib_json_writer w;
} said;

static void say_begin(said *s, const char *type, trib_str id) {
    trib_buf_init(&s->out, ANSWER_MAX_BYTES);
    trib_jw_init(&s->w, &s->out);
    trib_jw_object_begin(&s->w);
    trib_jw_member_str(&s->w, "type", trib_str_c(type));
    if (id.ptr) trib_jw_member_str(&s->w, "streamId", id);
}

static void say_error(said *s, const trib_error *err) {
    trib_jw_member_str(&s->w, "code", trib_str_c(trib_error_wire_code(err)));
    trib_jw_member_str(&s->w, "message", trib_str_c(err->message));
}

static void say_end(said *s, live_socket *socket) {
    trib_jw_object_end(&s->w);
    trib_ws_send(socket->ws, true, &s->out);
    trib_buf_deinit(&s->out);
}

static void refuse(live_socket *socket, trib_str id, const trib_error *err) {
    said s;
    say_begin(&s, "error", id);
    say_error(&s, err);
    say_end(&s, socket);
}

/* ---- a tail ---- */

static void opened(streams_tail *tail, const streams_news *news) {
    said s;
    say_begin(&s, "subscribed", tail->id);
    trib_jw_member_i64(&s.w, "offset", (int64_t)tail->seq);
    trib_jw_member_i64(&s.w, "version", (int64_t)news->version);
    say_end(&s, of(tail)->socket);
}

static bool has_room(const streams_tail *tail) {
    return trib_ws_has_credit(of(tail)->socket->ws);
}

static bool show(streams_tail *tail, const streams_news *news, size_t from) {
    trib_ws *ws = of(tail)->socket->ws;
    trib_buf part;
    if (from == 0) return trib_ws_send_bytes(ws, true, trib_buf_str(&news->ws));
    trib_buf_init(&part, news->ws.max_bytes);
    streams_news_write_ws(news, from, &part);
    bool credit = trib_ws_send(ws, true, &part);
    trib_buf_deinit(&part);
    return credit;
}

static void beat(streams_tail *tail, int64_t now_ns) {
    (void)tail, (void)now_ns; /* net pings */
}

static void settle(live_socket *socket) {
    if (!socket->closed || socket->count > 0) return;
    trib_ws_release(socket->ws);
    free(socket);
}

static void ended(streams_tail *tail, streams_tail_end why, const trib_error *err) {
    static const char *const types[STREAMS_TAIL_ENDS] = {[STREAMS_END_CLOSED] = "closed",
                                                         [STREAMS_END_DELETED] = "ended",
                                                         [STREAMS_END_REFUSED] = "ended",
                                                         [STREAMS_END_FAILED] = "ended",
                                                         [STREAMS_END_LEFT] = "unsubscribed"};
    socket_tail *t = of(tail);
    live_socket *socket = t->socket;
    trib_str next = streams_tail_next(tail);
    trib_list_remove(&t->link);
    socket->count--;
    if (!socket->closed && !tail->is_open && types[why] && why != STREAMS_END_LEFT && why != STREAMS_END_CLOSED) {
        refuse(socket, tail->id, err);
    } else if (!socket->closed && types[why]) {
        said s;
        say_begin(&s, types[why], tail->id);
        trib_jw_member_i64(&s.w, "offset", (int64_t)tail->seq);
        if (strcmp(types[why], "ended") == 0) say_error(&s, err);
        else if (why == STREAMS_END_CLOSED && next.len) trib_jw_member_str(&s.w, "continuedBy", next);
        say_end(&s, socket);
    }
    free(t);
    settle(socket);
}

static const streams_tail_ops ops = {
    .kind = STREAMS_TAIL_SOCKET, .opened = opened, .has_room = has_room, .show = show, .beat = beat, .ended = ended};

/* ---- messages ---- */

static socket_tail *find(live_socket *socket, trib_str id) {
    TRIB_LIST_EACH(link, &socket->tails) {
        socket_tail *t = TRIB_LIST_ITEM(link, socket_tail, link);
        if (trib_str_eq(t->tail.id, id)) return t;
    }
    return NULL;
}

static trib_code parse_offset(const trib_json *value, streams_tail *tail, trib_error *err) {
    trib_str word;
    int64_t offset = 0;
    tail->from_end = trib_json_str(value, &word) && trib_str_eq_c(word, "now");
    if (trib_json_absent(value) || tail->from_end) return TRIB_OK;
    if (!trib_json_i64(value, &offset) || offset < 0)
        return trib_error_set(err, TRIB_BAD_REQUEST,
                              "\"offset\" must be the number of the last event that you have, 0 for all, or \"now\"");
    tail->seq = (uint64_t)offset;
    return TRIB_OK;
}

static trib_code subscribe(live_socket *socket, trib_str id, const trib_json *message, trib_error *err) {
    if (socket->count >= STREAMS_TAILS_OF_SOCKET_MAX)
        return trib_error_set(err, TRIB_TOO_MANY_REQUESTS, "a WebSocket follows at most %d streams; open another one",
                              STREAMS_TAILS_OF_SOCKET_MAX);
    if (find(socket, id)) return trib_error_set(err, TRIB_BAD_REQUEST, "this WebSocket follows the stream already");
    socket_tail *t = calloc(1, sizeof *t);
    if (!t) return trib_error_set(err, TRIB_NOMEM, NULL);
    memcpy(t->id, id.ptr, id.len);
    t->socket = socket;
    t->tail = (streams_tail){.ops = &ops,
                             .module = socket->module,
                             .home = socket->ws->home,
                             .tenant = socket->ws->tenant,
                             .principal = socket->ws->principal,
                             .id = trib_str_make(t->id, id.len)};
    trib_code code = parse_offset(trib_json_get(message, "offset"), &t->tail, err);
    if (code == TRIB_OK) code = streams_tail_begin(&t->tail, err);
    if (code != TRIB_OK) {
        free(t);
        return code;
    }
    trib_list_push_back(&socket->tails, &t->link);
    socket->count++;
    return code;
}

static trib_code unsubscribe(live_socket *socket, trib_str id, trib_error *err) {
    socket_tail *t = find(socket, id);
    if (!t) return trib_error_set(err, TRIB_BAD_REQUEST, "this WebSocket does not follow the stream");
    streams_tail_finish(&t->tail, STREAMS_END_LEFT, NULL);
    return TRIB_OK;
}

static trib_code take(live_socket *socket, trib_arena *arena, trib_str bytes, trib_str *ret_id, trib_error *err) {
    const trib_json *message;
    trib_str type = {0};
    trib_code code = trib_json_parse(arena, bytes, &message, err);
    if (code != TRIB_OK) return code;
    trib_json_str(trib_json_get(message, "type"), &type);
    if (!trib_json_str(trib_json_get(message, "streamId"), ret_id) || ret_id->len == 0 ||
        ret_id->len > TRIB_STREAM_ID_MAX_BYTES) {
        *ret_id = (trib_str){0};
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"streamId\" must be a stream's id of 1 to %d bytes",
                              TRIB_STREAM_ID_MAX_BYTES);
    }
    if (trib_str_eq_c(type, "subscribe")) return subscribe(socket, *ret_id, message, err);
    if (trib_str_eq_c(type, "unsubscribe")) return unsubscribe(socket, *ret_id, err);
    return trib_error_set(err, TRIB_BAD_REQUEST, "\"type\" must be subscribe or unsubscribe");
}

static void on_message(trib_ws *ws, bool is_text, trib_buf *bytes) {
    live_socket *socket = ws->feature;
    trib_arena arena;
    trib_error err;
    trib_str id = {0};
    if (!is_text) {
        trib_ws_close(ws, TRIB_WS_CLOSE_UNSUPPORTED, TRIB_STR("messages are JSON, as text"));
        return;
    }
    trib_arena_init(&arena, MESSAGE_ARENA_BYTES);
    if (take(socket, &arena, trib_buf_str(bytes), &id, &err) != TRIB_OK) refuse(socket, id, &err);
    trib_arena_deinit(&arena);
}

static void on_credit(trib_ws *ws) {
    live_socket *socket = ws->feature;
    TRIB_LIST_EACH_SAFE(link, &socket->tails)
    streams_tail_go_on(&TRIB_LIST_ITEM(link, socket_tail, link)->tail);
}

static void on_closed(trib_ws *ws, uint16_t close_code) {
    live_socket *socket = ws->feature;
    (void)close_code;
    socket->closed = true;
    socket->count++; /* so that it is there until all were told */
    TRIB_LIST_EACH_SAFE(link, &socket->tails)
    streams_tail_finish(&TRIB_LIST_ITEM(link, socket_tail, link)->tail, STREAMS_END_LEFT, NULL);
    socket->count--;
    settle(socket);
}

static const trib_ws_handler handler = {.message = on_message, .credit = on_credit, .closed = on_closed};

void streams_handle_socket(trib_http_request *http) {
    trib_error err;
    trib_tenant *tenant = http->tenant;
    streams_module *module = http->module_state;
    live_socket *socket = NULL;
    trib_str id, name;
    trib_code code = trib_stream_name_asker(http->app, http->principal, tenant, &id, &name, &err);
    if (code == TRIB_OK) socket = calloc(1, sizeof *socket);
    if (code == TRIB_OK && !socket) trib_error_set(&err, TRIB_NOMEM, NULL);
    if (!socket) {
        trib_http_answer_error(http, &err);
        return;
    }
    trib_list_init(&socket->tails);
    socket->module = module;
    socket->ws = trib_ws_accept(http, &handler, STREAMS_MESSAGE_MAX_BYTES);
    if (socket->ws) socket->ws->feature = socket;
    else free(socket);
}
