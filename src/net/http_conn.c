/* SPDX-License-Identifier: Apache-2.0 */
/* The reading side of an HTTP connection: bytes to requests; see http_conn.h for the way and http_int.h for the
 * states. */
#include "net/http_conn.h"

#include <stdlib.h>
#include <string.h>

#include "net/http_int.h"
#include "net/ws_conn.h"
#include "wire/http1_write.h"
#include "wire/url.h"

enum {
    /* What stays allocated on an idle connection: 10,000 of them must not keep 10,000 large bodies. */
    KEEP_BODY_BYTES = 16 * 1024,
    OUT_MAX_BYTES = 64 << 20, /* one callback's output; answers above it were refused by their features */
};

static bool state_reads(http_state state) {
    switch (state) {
#define X(name, reads)                                                                                                 \
    case HTTP_##name: return reads;
        HTTP_STATE_TABLE(X)
#undef X
    }
    return false;
}

/* A client that pipelines and never reads answers must not fill our memory with them. */
static bool may_read(const trib_http_conn *conn) {
    return state_reads(conn->state) && conn->transport->unsent(conn->transport_ctx) < TRIB_HTTP_UNSENT_MAX_BYTES;
}

static void set_deadline(trib_http_conn *conn, uint32_t timeout_ms) {
    conn->transport->set_deadline(conn->transport_ctx, timeout_ms);
}

void trib_http_conn_set_idle_timeout(trib_http_conn *conn, uint32_t timeout_ms) {
    if (conn->idle_timeout_ms == timeout_ms) return;
    conn->idle_timeout_ms = timeout_ms;
    conn->transport->set_idle_timeout(conn->transport_ctx, timeout_ms);
}

static void set_reading(trib_http_conn *conn, bool on) {
    if (conn->paused != on) return;
    conn->paused = !on;
    conn->transport->set_reading(conn->transport_ctx, on);
}

trib_http_conn *trib_http_conn_new(trib_http_hub *hub, trib_listener_kind listener,
                                   const trib_http_transport *transport, void *transport_ctx) {
    trib_http_conn *conn = calloc(1, sizeof *conn);
    if (!conn) return NULL;
    conn->hub = hub;
    conn->listener = listener;
    conn->transport = transport;
    conn->transport_ctx = transport_ctx;
    atomic_fetch_add_explicit(&hub->live, 1, memory_order_relaxed);
    trib_http1_parser_init(&conn->parser, false);
    trib_arena_init(&conn->arena, TRIB_HTTP_ARENA_MAX_BYTES);
    trib_buf_init(&conn->out, OUT_MAX_BYTES);
    trib_http_conn_set_idle_timeout(conn, TRIB_HTTP_IDLE_TIMEOUT_MS);
    if (hub->stats) {
        trib_counter_add(hub->stats->connections, 1);
        atomic_fetch_add_explicit(&hub->stats->open_connections, 1, memory_order_relaxed);
    }
    return conn;
}

void trib_http_conn_try_free(trib_http_conn *conn) {
    if (conn->state != HTTP_GONE || conn->owes) return;
    trib_http1_parser_deinit(&conn->parser);
    trib_arena_deinit(&conn->arena);
    trib_auth_memo_deinit(&conn->memo);
    trib_buf_deinit(&conn->body);
    trib_buf_deinit(&conn->out);
    atomic_fetch_sub(&conn->hub->live, 1);
    free(conn);
}

/* ---- a request's life ---- */

/* Everything that an answer needs, also one to bytes that are no request. */
static void begin_request(trib_http_conn *conn) {
    if (conn->request.conn) return;
    conn->started_ns = trib_env_mono_ns(conn->hub->app->env);
    conn->request = (trib_http_request){.app = conn->hub->app,
                                        .home = conn->hub->home,
                                        .arena = &conn->arena,
                                        .listener = conn->listener,
                                        .conn = conn};
    conn->request.request_id = trib_http_hub_request_id(conn->hub, (trib_str){0}, conn->id_text);
}

static void end_request(trib_http_conn *conn) {
    if (!conn->request.conn) return;
    trib_http_hub_record(conn->hub, conn);
    if (conn->request.tenant || conn->request.principal)
        trib_auth_release(conn->hub->app->auth, conn->request.tenant, conn->request.principal);
    conn->request = (trib_http_request){0};
    conn->match.route = NULL;
    conn->full_path = (trib_str){0};
    conn->on_credit = NULL;
    conn->answer_bytes = 0;
    conn->answer_status = 0;
    conn->body_seen = 0;
    conn->refused = conn->wants_credit = conn->chunked = conn->bodiless = false;
    trib_arena_reset(&conn->arena);
    if (conn->body.cap > KEEP_BODY_BYTES) trib_buf_deinit(&conn->body);
    else trib_buf_clear(&conn->body);
}

void trib_http_conn_hand_over(trib_http_conn *conn, trib_ws_conn *ws) {
    conn->answer_status = 101;
    trib_http_hub_record(conn->hub, conn);
    conn->request = (trib_http_request){0};
    conn->match.route = NULL;
    conn->full_path = (trib_str){0};
    conn->state = HTTP_SOCKET;
    conn->ws = ws;
    conn->owes = true;
    trib_arena_reset(&conn->arena);
    trib_buf_deinit(&conn->body);
    trib_http1_parser_deinit(&conn->parser);
    trib_auth_memo_deinit(&conn->memo);
}

void trib_http_conn_close(trib_http_conn *conn) {
    if (conn->state == HTTP_CLOSING || conn->state == HTTP_GONE) return;
    trib_http_flush(conn);
    conn->state = HTTP_CLOSING;
    set_deadline(conn, 0);
    trib_http_conn_set_idle_timeout(conn, TRIB_HTTP_WRITE_TIMEOUT_MS);
    conn->transport->close(conn->transport_ctx);
}

void trib_http_conn_finish(trib_http_conn *conn) {
    end_request(conn);
    if (conn->state == HTTP_GONE) {
        trib_http_conn_try_free(conn);
        return;
    }
    if (conn->state == HTTP_CLOSING) return;
    if (conn->must_close) {
        trib_http_conn_close(conn);
        return;
    }
    conn->state = HTTP_IDLE;
    if (conn->in_input) return;
    trib_http_flush(conn);
    trib_http_conn_set_idle_timeout(conn, TRIB_HTTP_IDLE_TIMEOUT_MS);
    if (conn->draining) set_deadline(conn, TRIB_HTTP_DRAIN_IDLE_MS); /* its head was written before the drain began */
    if (may_read(conn)) set_reading(conn, true);
}

/* ---- the head ---- */

static trib_str known(const trib_http_conn *conn, trib_http1_known id) {
    return trib_http1_known_get(&conn->parser.head, id);
}

/* Answers now and closes when the body is not worth reading (or the client waits before sending it), else once it is
 * read. */
static void refuse_head(trib_http_conn *conn, const trib_error *err) {
    const trib_http1_head *head = &conn->parser.head;
    trib_app *app = conn->hub->app;
    trib_mistakes_note(&app->mistakes,
                       trib_mistake_of_request(err, conn->listener == TRIB_LISTENER_ADMIN, conn->full_path,
                                               known(conn, TRIB_HTTP1_UPGRADE).len > 0),
                       trib_env_wall_ms(app->env));
    conn->refusal = *err;
    bool too_much = head->framing == TRIB_HTTP1_LENGTH && head->content_length > TRIB_HTTP_DISCARD_MAX_BYTES;
    if (too_much || (head->expect_continue && head->framing != TRIB_HTTP1_NO_BODY)) {
        conn->must_close = true;
        trib_http_refuse(conn, &conn->refusal);
        return;
    }
    conn->refused = true;
    conn->state = HTTP_BODY;
    trib_http1_parser_set_body(&conn->parser, NULL, TRIB_HTTP_DISCARD_MAX_BYTES);
}

/* Only hosts that a browser cannot be tricked into: a name that somebody else's DNS points at us would let any web page
 * speak to an admin listener that asks for no key (DNS rebinding). */
static bool is_literal_host(trib_str host) {
    if (host.len == 0 || host.ptr[0] == '[') return true;
    size_t colon = trib_str_find(host, ':');
    if (colon != SIZE_MAX) host = trib_str_sub(host, 0, colon);
    if (trib_str_ieq_c(host, "localhost")) return true;
    for (size_t i = 0; i < host.len; i++) {
        if (host.ptr[i] != '.' && (host.ptr[i] < '0' || host.ptr[i] > '9')) return false;
    }
    return true;
}

/* The admin listener never answers pages of other origins. */
static trib_code check_admin_origin(const trib_http_conn *conn, trib_error *err) {
    if (conn->listener != TRIB_LISTENER_ADMIN) return TRIB_OK;
    trib_str host = known(conn, TRIB_HTTP1_HOST), origin = known(conn, TRIB_HTTP1_ORIGIN);
    if (!conn->hub->app->settings.admin_key && !is_literal_host(host))
        return trib_error_set(
            err, TRIB_FORBIDDEN,
            "the admin listener has no key, so it only answers to its address or localhost; set an admin key");
    if (!origin.ptr) return TRIB_OK;
    for (size_t i = 0; i + 3 <= origin.len; i++) {
        if (memcmp(origin.ptr + i, "://", 3) != 0) continue;
        if (trib_str_ieq(trib_str_sub(origin, i + 3, origin.len), host)) return TRIB_OK;
    }
    return trib_error_set(err, TRIB_FORBIDDEN, "the admin listener does not answer web pages of other origins");
}

static void fill_request(trib_http_conn *conn, const trib_target *target) {
    trib_http_request *request = &conn->request;
    request->method = conn->parser.head.method;
    request->path = target->path;
    request->query = target->query;
    request->host = target->authority.len ? target->authority : known(conn, TRIB_HTTP1_HOST);
    request->content_type = known(conn, TRIB_HTTP1_CONTENT_TYPE);
    request->accept_encoding = known(conn, TRIB_HTTP1_ACCEPT_ENCODING);
    trib_str given = known(conn, TRIB_HTTP1_X_REQUEST_ID);
    if (given.ptr) request->request_id = trib_http_hub_request_id(conn->hub, given, conn->id_text);
    conn->full_path = target->path;
}

/* The principal is known: the body may come. */
static void accept_head(trib_http_conn *conn) {
    const trib_route *route = conn->match.route;
    const trib_http1_head *head = &conn->parser.head;
    conn->request.module_state = conn->hub->module_states ? conn->hub->module_states[conn->match.module_index] : NULL;
    conn->state = HTTP_BODY;
    conn->body.max_bytes = route->max_body_bytes;
    trib_http1_parser_set_body(&conn->parser, &conn->body, route->max_body_bytes);
    bool fits = head->framing == TRIB_HTTP1_CHUNKED || head->content_length <= route->max_body_bytes;
    if (head->expect_continue && head->framing != TRIB_HTTP1_NO_BODY && fits)
        trib_buf_add(&conn->out, TRIB_HTTP1_CONTINUE);
}

static void on_resolved(trib_auth_wait *wait) {
    trib_http_conn *conn = wait->owner;
    trib_code code = wait->code;
    trib_error err = wait->err;
    conn->owes = false;
    if (code == TRIB_OK) {
        conn->request.tenant = wait->tenant;
        conn->request.principal = wait->principal;
    }
    conn->wait = NULL;
    free(wait);
    if (conn->state != HTTP_AUTH) {
        trib_http_conn_finish(conn);
        return;
    }
    trib_http_conn_set_idle_timeout(conn, TRIB_HTTP_IDLE_TIMEOUT_MS);
    if (code) refuse_head(conn, &err);
    else accept_head(conn);
    if (conn->state != HTTP_BODY) return;
    trib_http_flush(conn);
    set_reading(conn, true);
}

/* OK: on_resolved follows. */
static trib_code authenticate_later(trib_http_conn *conn, const trib_auth_query *query, trib_error *err) {
    conn->wait = calloc(1, sizeof *conn->wait);
    if (!conn->wait) return trib_error_set(err, TRIB_NOMEM, NULL);
    conn->wait->query = *query;
    conn->wait->home = conn->hub->home;
    conn->wait->resolved = on_resolved;
    conn->wait->owner = conn;
    conn->state = HTTP_AUTH;
    conn->owes = true;
    trib_http_conn_set_idle_timeout(conn, 0);
    trib_code code = trib_auth_resolve_async(conn->hub->app->auth, conn->wait, err);
    if (code == TRIB_OK) return TRIB_OK;
    conn->owes = false;
    free(conn->wait);
    conn->wait = NULL;
    trib_http_conn_set_idle_timeout(conn, TRIB_HTTP_IDLE_TIMEOUT_MS);
    return code;
}

/* gRPC clients send theirs under another name. */
static trib_str authorization(const trib_http_conn *conn) {
    trib_str given = known(conn, TRIB_HTTP1_AUTHORIZATION);
    return given.ptr ? given : known(conn, TRIB_HTTP1_X_AUTHORIZATION);
}

static void authenticate(trib_http_conn *conn) {
    trib_auth_query query = {.auth_class = conn->match.route->auth,
                             .listener = conn->listener,
                             .path = conn->full_path,
                             .host = conn->request.host,
                             .x_namespace = known(conn, TRIB_HTTP1_X_NAMESPACE),
                             .x_namespace_bin = known(conn, TRIB_HTTP1_X_NAMESPACE_BIN),
                             .authorization = authorization(conn),
                             .now_ms = trib_env_wall_ms(conn->hub->app->env),
                             .memo = &conn->memo};
    trib_error err;
    trib_str rest;
    trib_code code =
        trib_auth_resolve(conn->hub->app->auth, &query, &conn->request.tenant, &conn->request.principal, &rest, &err);
    if (code == TRIB_AGAIN) {
        code = authenticate_later(conn, &query, &err);
        if (code == TRIB_OK) return;
    }
    if (code) refuse_head(conn, &err);
    else accept_head(conn);
}

/* An encoded slash is a slash where a star takes the rest of the path, and nowhere else: it would part a name in
 * two. */
static trib_code check_slash(const trib_http_conn *conn, size_t slash_at, trib_code found, trib_error *err) {
    const trib_route_match *match = &conn->match;
    if (slash_at == SIZE_MAX) return found;
    if (found == TRIB_OK && trib_str_ends(trib_str_c(match->route->path), TRIB_STR("/*")) &&
        conn->full_path.ptr + slash_at >= match->params[match->param_count - 1].ptr)
        return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST,
                          "the path has an encoded '/' (%%2F), which no name here may have; write it as '/'");
}

/* The order matters: nothing is said about a tenant before its principal is known, and no body is kept before that. */
static void on_head(trib_http_conn *conn) {
    trib_error err;
    trib_target target = {0};
    begin_request(conn);
    if (conn->head_armed || conn->draining) set_deadline(conn, 0);
    conn->head_armed = false;
    conn->must_close = !conn->parser.head.keep_alive;
    trib_code code = trib_http1_parser_keep_head(&conn->parser, &err);
    if (!code) code = trib_target_parse(&conn->arena, conn->parser.head.target, &target, &err);
    if (!code) {
        fill_request(conn, &target);
        code = check_admin_origin(conn, &err);
    }
    if (!code && trib_str_eq_c(conn->request.method, "OPTIONS")) {
        conn->state = HTTP_BODY;
        trib_http1_parser_set_body(&conn->parser, NULL, TRIB_HTTP_DISCARD_MAX_BYTES);
        return;
    }
    if (!code) {
        trib_auth_split_path(conn->full_path, &conn->request.tenant_named, &conn->request.path);
        code = trib_router_find(conn->hub->router, conn->listener, conn->request.method, conn->request.path,
                                &conn->match, &err);
        code = check_slash(conn, target.slash_at, code, &err);
    }
    if (code) {
        refuse_head(conn, &err);
        return;
    }
    conn->request.route = conn->match.route;
    conn->request.path_param_count = conn->match.param_count;
    memcpy(conn->request.path_params, conn->match.params, sizeof conn->match.params);
    authenticate(conn);
}

/* ---- the body ---- */

static void dispatch(trib_http_conn *conn) {
    trib_http_request *request = &conn->request;
    request->body = conn->parser.body;
    /* what lies in the transport's buffer is gone when the input call returns, the handler may answer later */
    if (request->body.len && request->body.ptr != conn->body.ptr)
        request->body = trib_arena_dup(&conn->arena, request->body);
    if (conn->arena.failed) {
        trib_error err;
        trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_http_refuse(conn, &err);
        return;
    }
    conn->state = HTTP_HANDLING;
    conn->owes = true;
    request->route->handle(request);
    if (conn->state == HTTP_HANDLING) trib_http_conn_set_idle_timeout(conn, 0); /* the job has its own limits */
}

static void on_message(trib_http_conn *conn) {
    if (conn->body_seen) set_deadline(conn, 0);
    if (conn->refused) trib_http_refuse(conn, &conn->refusal);
    else if (!conn->match.route) trib_http_answer_options(conn);
    else dispatch(conn);
}

static void on_parse_error(trib_http_conn *conn, trib_str bytes, const trib_error *err) {
    trib_app *app = conn->hub->app;
    trib_mistakes_note(&app->mistakes, trib_mistake_of_bytes(bytes), trib_env_wall_ms(app->env));
    begin_request(conn);
    conn->must_close = true;
    /* a refused request whose body is not worth reading gets the reason of its refusal */
    bool only_long = conn->refused && err->code == TRIB_BODY_TOO_LARGE;
    trib_http_refuse(conn, only_long ? &conn->refusal : err);
}

/* Slow clients: a head has 15 s in all, a body as long as it keeps a pace. */
static void watch_pace(trib_http_conn *conn, size_t used, bool partial) {
    if (conn->state == HTTP_BODY) {
        bool first = conn->body_seen == 0;
        uint64_t before = conn->body_seen / TRIB_HTTP_BODY_STEP_BYTES;
        conn->body_seen += used + first;
        if (first || conn->body_seen / TRIB_HTTP_BODY_STEP_BYTES != before)
            set_deadline(conn, TRIB_HTTP_BODY_TIMEOUT_MS);
    } else if (partial && !conn->head_armed) {
        conn->head_armed = true;
        set_deadline(conn, TRIB_HTTP_HEAD_TIMEOUT_MS);
    }
}

size_t trib_http_conn_input(trib_http_conn *conn, trib_str bytes) {
    size_t total = 0;
    if (conn->state == HTTP_SOCKET) return trib_ws_conn_input(conn->ws, bytes);
    bool more = true;
    conn->in_input = true;
    while (more && may_read(conn)) {
        size_t used = 0;
        trib_error err;
        trib_str rest = trib_str_sub(bytes, total, bytes.len);
        switch (trib_http1_parser_next(&conn->parser, rest, &used, &err)) {
        case TRIB_HTTP1_NEED:
            total += used;
            watch_pace(conn, used, rest.len > used);
            more = false;
            break;
        case TRIB_HTTP1_HEAD: on_head(conn); break;
        case TRIB_HTTP1_MESSAGE:
            total += used;
            on_message(conn);
            break;
        case TRIB_HTTP1_ERROR: on_parse_error(conn, rest, &err); break;
        }
        if (conn->out.len >= TRIB_HTTP_UNSENT_MAX_BYTES) trib_http_flush(conn);
    }
    conn->in_input = false;
    if (conn->state == HTTP_SOCKET) return total + trib_ws_conn_input(conn->ws, trib_str_sub(bytes, total, bytes.len));
    trib_http_flush(conn);
    if (conn->state == HTTP_CLOSING || conn->state == HTTP_GONE) return bytes.len;
    if (conn->state == HTTP_IDLE) trib_http_conn_set_idle_timeout(conn, TRIB_HTTP_IDLE_TIMEOUT_MS);
    set_reading(conn, may_read(conn));
    return total;
}

/* ---- what happens to the socket ---- */

void trib_http_conn_drained(trib_http_conn *conn) {
    if (conn->state == HTTP_SOCKET) {
        trib_ws_conn_drained(conn->ws);
        return;
    }
    if (conn->state == HTTP_STREAMING && conn->wants_credit) {
        conn->wants_credit = false;
        set_deadline(conn, 0);
        conn->on_credit(&conn->request);
        return;
    }
    if (may_read(conn)) set_reading(conn, true);
}

/* The message that was on its way will never be whole. */
static void break_off(trib_http_conn *conn, trib_code code, const char *message) {
    trib_error err;
    begin_request(conn);
    conn->must_close = true;
    trib_error_set(&err, code, "%s", message);
    trib_http_refuse(conn, &err);
}

void trib_http_conn_eof(trib_http_conn *conn) {
    conn->peer_eof = conn->must_close = true;
    switch (conn->state) {
    case HTTP_IDLE:
        if (conn->head_armed) break_off(conn, TRIB_BAD_HTTP, "the connection was closed inside a request head");
        else trib_http_conn_close(conn);
        break;
    case HTTP_BODY: break_off(conn, TRIB_BAD_HTTP, "the connection was closed inside a request body"); break;
    case HTTP_AUTH:
    case HTTP_HANDLING:
        /* either a client that only closed its sending side, or one that is gone: one look cannot tell them apart */
        set_deadline(conn, TRIB_HTTP_HALF_CLOSED_MS);
        break;
    case HTTP_STREAMING: break; /* the next writes will show */
    case HTTP_SOCKET: trib_ws_conn_eof(conn->ws); break;
    case HTTP_CLOSING:
    case HTTP_GONE: break;
    }
}

void trib_http_conn_timeout(trib_http_conn *conn) {
    switch (conn->state) {
    case HTTP_IDLE:
        if (conn->head_armed)
            break_off(conn, TRIB_REQUEST_TIMEOUT, "the request head did not arrive in time; send it faster");
        else trib_http_conn_close(conn);
        break;
    case HTTP_BODY:
        break_off(conn, TRIB_REQUEST_TIMEOUT, "the request body did not arrive in time; send it faster");
        break;
    case HTTP_STREAMING:
        /* nothing lies here for the peer to take: the job is at work, and has limits of its own */
        if (conn->transport->unsent(conn->transport_ctx) == 0) break;
        conn->transport->abort(conn->transport_ctx, TRIB_REQUEST_TIMEOUT);
        break;
    case HTTP_SOCKET: trib_ws_conn_idle(conn->ws); break;
    case HTTP_AUTH:
    case HTTP_HANDLING:
    case HTTP_CLOSING: conn->transport->abort(conn->transport_ctx, TRIB_REQUEST_TIMEOUT); break;
    case HTTP_GONE: break;
    }
}

void trib_http_conn_deadline(trib_http_conn *conn) {
    if (conn->state == HTTP_SOCKET) trib_ws_conn_deadline(conn->ws);
    else trib_http_conn_timeout(conn);
}

void trib_http_conn_drain(trib_http_conn *conn) {
    conn->draining = true;
    if (conn->state == HTTP_SOCKET) trib_ws_conn_drain(conn->ws);
    /* closing at once would lose a request that the client has sent, and it cannot know whether to send it again */
    if (conn->state == HTTP_IDLE && !conn->head_armed) set_deadline(conn, TRIB_HTTP_DRAIN_IDLE_MS);
}

void trib_http_conn_closed(trib_http_conn *conn) {
    http_state before = conn->state;
    conn->state = HTTP_GONE;
    if (conn->hub->stats) atomic_fetch_sub_explicit(&conn->hub->stats->open_connections, 1, memory_order_relaxed);
    if (conn->ws) {
        trib_ws_conn_closed(conn->ws);
    } else if (!conn->owes) {
        conn->request.cancelled = true;
        end_request(conn);
        trib_http_conn_try_free(conn);
    } else if (before != HTTP_AUTH) {
        trib_http_cancel(conn);
    }
}
