/* SPDX-License-Identifier: Apache-2.0 */
/* A WebSocket without a socket over app_test.h: a feature's handler is given messages, what it sends is kept, and the
 * peer reads, or does not. As over a real one, no message is given while reading is off. */
#ifndef TRIB_TESTS_SUPPORT_WS_APP_TEST_H
#define TRIB_TESTS_SUPPORT_WS_APP_TEST_H

#include "core/ws.h"
#include "support/app_test.h"

enum { WS_TEST_MESSAGES_MAX = 1024 };

typedef struct ws_test {
    trib_ws ws;    /* first */
    http_test ask; /* the request that asks for it; the connection's `conn` is this struct */
    app_test *app;
    trib_str inbox[WS_TEST_MESSAGES_MAX]; /* borrowed: said, not given yet */
    trib_buf outbox[WS_TEST_MESSAGES_MAX];
    size_t said, given, sent, heard;
    bool binary;  /* what is said is */
    bool reading; /* the feature's wish */
    bool full;    /* the peer takes nothing: no credit */
    bool accepted, aborted, released;
    uint16_t close_code; /* of trib_ws_close; 0: not called */
    char close_reason[256];
    size_t max_message_bytes;
    uint32_t timer_ms;
    int holds; /* 0 again, once a job is home */
} ws_test;

static inline ws_test *ws_test_of(const trib_ws *ws) {
    union {
        const trib_ws *in;
        ws_test *out;
    } both = {.in = ws}; /* ws is its first member */
    return both.out;
}

static inline trib_ws *ws_test_accept(trib_http_request *request, const trib_ws_handler *handler, size_t max_bytes) {
    ws_test *w = request->conn;
    w->reading = true;
    w->max_message_bytes = max_bytes;
    w->ws.app = request->app;
    w->ws.home = request->home;
    w->ws.handler = handler;
    w->ws.id = TRIB_STR("test");
    w->accepted = trib_ws_who_new(TRIB_STR("/ali"), TRIB_STR("localhost"), (trib_str){0}, (trib_str){0}, (trib_str){0},
                                  TRIB_AUTH_NONE, TRIB_LISTENER_USER, &w->ws.who, NULL) == TRIB_OK;
    if (w->accepted) return &w->ws;
    w->ask.answered = true; /* as a refusal is */
    return NULL;
}

static inline bool ws_test_has_credit(const trib_ws *ws) {
    const ws_test *w = ws_test_of(ws);
    return !w->full || ws->gone;
}

static inline bool ws_test_send(trib_ws *ws, bool is_text, trib_buf *bytes) {
    ws_test *w = ws_test_of(ws);
    bool dropped = ws->closing || w->aborted || w->sent == WS_TEST_MESSAGES_MAX;
    if (bytes->failed) w->aborted = ws->closing = true; /* as net does: broken off */
    else if (!dropped && is_text != w->binary) {
        w->outbox[w->sent++] = *bytes;
        trib_buf_init(bytes, bytes->max_bytes);
    }
    trib_buf_clear(bytes);
    return ws_test_has_credit(ws);
}

static inline bool ws_test_send_bytes(trib_ws *ws, bool is_text, trib_str bytes) {
    trib_buf copy;
    trib_buf_init(&copy, bytes.len);
    trib_buf_add(&copy, bytes);
    return ws_test_send(ws, is_text, &copy);
}

static inline void ws_test_hold(trib_ws *ws, bool on) {
    ws_test_of(ws)->holds += on ? 1 : -1;
}

static inline void ws_test_close(trib_ws *ws, uint16_t code, trib_str reason) {
    ws_test *w = ws_test_of(ws);
    if (ws->closing) return;
    ws->closing = true;
    w->close_code = code;
    snprintf(w->close_reason, sizeof w->close_reason, "%.*s", TRIB_STR_ARG(reason));
}

static inline void ws_test_abort(trib_ws *ws) {
    ws_test_of(ws)->aborted = ws->closing = true;
}

static inline void ws_test_set_reading(trib_ws *ws, bool on) {
    ws_test_of(ws)->reading = on;
}

static inline void ws_test_set_max(trib_ws *ws, size_t max_message_bytes) {
    ws_test_of(ws)->max_message_bytes = max_message_bytes;
}

static inline void ws_test_set_timer(trib_ws *ws, uint32_t delay_ms) {
    ws_test_of(ws)->timer_ms = delay_ms;
}

static inline void ws_test_release(trib_ws *ws) {
    trib_auth_release(ws->app->auth, ws->tenant, ws->principal);
    trib_ws_who_free(ws->who);
    ws_test_of(ws)->released = true;
}

static inline void ws_test_ops(trib_app *app) {
    app->ws = (trib_ws_ops){.accept = ws_test_accept,
                            .send = ws_test_send,
                            .send_bytes = ws_test_send_bytes,
                            .hold = ws_test_hold,
                            .has_credit = ws_test_has_credit,
                            .close = ws_test_close,
                            .abort = ws_test_abort,
                            .set_reading = ws_test_set_reading,
                            .set_max_message = ws_test_set_max,
                            .set_timer = ws_test_set_timer,
                            .release = ws_test_release};
}

/* Asks `handle` for a WebSocket with the handler's protocol of this index. */
static inline void ws_test_open(app_test *t, ws_test *w, void (*handle)(trib_http_request *), int protocol) {
    memset(w, 0, sizeof *w);
    ws_test_ops(&t->app);
    w->app = t;
    w->ws.protocol = protocol;
    trib_buf_init(&w->ask.body, 1 << 16);
    w->ask.request = (trib_http_request){.app = &t->app, .home = &t->home, .conn = w};
    handle(&w->ask.request);
}

/* Gives what was said, as far as the feature reads. */
static inline void ws_test_deliver(ws_test *w) {
    while (w->given < w->said && w->reading && !w->ws.closing) {
        trib_buf bytes;
        trib_str text = w->inbox[w->given++];
        trib_buf_init(&bytes, text.len);
        trib_buf_add(&bytes, text);
        if (bytes.failed) ws_test_close(&w->ws, TRIB_WS_CLOSE_INTERNAL, TRIB_STR("no memory")); /* as net does */
        else w->ws.handler->message(&w->ws, !w->binary, &bytes);
        trib_buf_deinit(&bytes);
    }
}

/* Borrows the bytes until they are given. */
static inline void ws_test_say_bytes(ws_test *w, trib_str bytes) {
    if (w->said < WS_TEST_MESSAGES_MAX) w->inbox[w->said++] = bytes;
    ws_test_deliver(w);
}

static inline void ws_test_say(ws_test *w, const char *text) {
    ws_test_say_bytes(w, trib_str_c(text));
}

/* The next message of the feature, or "" if it has closed or broken the WebSocket off; lives until ws_test_leave. */
static inline trib_str ws_test_hear(ws_test *w) {
    while (w->heard == w->sent && !w->ws.closing) {
        app_test_pump(w->app);
        ws_test_deliver(w);
    }
    return w->heard < w->sent ? trib_buf_str(&w->outbox[w->heard++]) : TRIB_STR("");
}

/* The socket is gone; everything comes home. */
static inline void ws_test_leave(ws_test *w) {
    if (w->accepted && !w->released) {
        w->ws.gone = w->ws.closing = true;
        w->ws.handler->closed(&w->ws, TRIB_WS_CLOSE_ABNORMAL);
        while (!w->released) app_test_pump(w->app);
    }
    for (size_t i = 0; i < w->sent; i++) trib_buf_deinit(&w->outbox[i]);
    trib_buf_deinit(&w->ask.body);
}

/* ---- Hrana in JSON ---- */

/* A token of this tenant as it is now, read-only or not; exp_s: 0, or when it ends. */
static inline void ws_test_token(app_test *t, const char *tenant, bool may_write, int64_t exp_s, char *ret, size_t n) {
    trib_buf buf;
    trib_tenant *of = trib_control_find(t->app.control, trib_str_c(tenant));
    trib_control_keys *keys = trib_control_get_keys(t->app.control);
    trib_jwt_claims claims = {.has_id = true,
                              .id = trib_str_c(tenant),
                              .a = may_write ? TRIB_JWT_ACCESS_RW : TRIB_JWT_ACCESS_RO,
                              .has_exp = exp_s != 0,
                              .exp_s = exp_s,
                              .has_gen = true,
                              .gen = of ? (int64_t)atomic_load(&of->token_epoch) : 0};
    trib_buf_init(&buf, 4096);
    ret[0] = '\0';
    if (trib_jwt_create(&claims, trib_str_c(keys->kids[0]), keys->keys[0], &buf, NULL) == TRIB_OK)
        snprintf(ret, n, "%.*s", TRIB_STR_ARG(trib_buf_str(&buf)));
    trib_buf_deinit(&buf);
    trib_control_keys_release(keys);
    trib_tenant_unref(of);
}

/* Opens one and says hello with a fresh token that may do everything. */
static inline void ws_test_greet(app_test *t, ws_test *w, void (*handle)(trib_http_request *), int protocol) {
    static char token[2048], hello[2200];
    ws_test_open(t, w, handle, protocol);
    ws_test_token(t, "ali", true, 0, token, sizeof token);
    snprintf(hello, sizeof hello, "{\"type\":\"hello\",\"jwt\":\"%s\"}", token);
    ws_test_say(w, hello);
    (void)ws_test_hear(w);
}

#endif
