/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP connection on a list instead of a socket, with an authentication that obeys the test. */
#ifndef TRIB_TESTS_UNIT_NET_HTTP_LOOPBACK_H
#define TRIB_TESTS_UNIT_NET_HTTP_LOOPBACK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/asan.h"
#include "core/metrics.h"
#include "net/http_int.h"
#include "net/ws_conn.h"
#include "support/env_test.h"

typedef struct loopback {
    trib_env_test env;
    trib_app app;
    trib_router *router;
    trib_home home;
    trib_metrics *metrics;
    trib_http_stats stats;
    trib_http_hub hub;
    trib_http_conn *conn;
    trib_buf in, out; /* shown to the connection; written by it */
    bool reading, closing, aborted, told;
    bool stuck; /* the peer takes nothing: everything written stays unsent */
    uint32_t idle_ms, deadline_ms;
} loopback;

/* What the authentication of this file does, and what it saw. */
typedef struct test_auth {
    trib_code code; /* TRIB_AGAIN: through a worker, which then answers again_code */
    trib_code again_code;
    trib_auth_wait *waiting;
    char path[128], authorization[64];
    int resolved, released;
} test_auth;
static test_auth auth;

static int the_tenant, the_principal;

static trib_code auth_answer(trib_code code, const trib_auth_query *query, trib_tenant **ret_tenant,
                             trib_principal **ret_principal, trib_error *err) {
    if (code) return trib_error_set(err, code, NULL);
    auth.resolved++;
    if (query->auth_class == TRIB_AUTH_TENANT) *ret_tenant = (trib_tenant *)(void *)&the_tenant;
    *ret_principal = (trib_principal *)(void *)&the_principal;
    return TRIB_OK;
}

trib_code trib_auth_resolve(trib_auth *unused, const trib_auth_query *query, trib_tenant **ret_tenant,
                            trib_principal **ret_principal, trib_str *ret_path_rest, trib_error *err) {
    (void)unused;
    *ret_path_rest = query->path;
    snprintf(auth.path, sizeof auth.path, "%.*s", TRIB_STR_ARG(query->path));
    snprintf(auth.authorization, sizeof auth.authorization, "%.*s", TRIB_STR_ARG(query->authorization));
    return auth_answer(auth.code, query, ret_tenant, ret_principal, err);
}

trib_code trib_auth_resolve_async(trib_auth *unused, trib_auth_wait *wait, trib_error *err) {
    (void)unused;
    (void)err;
    auth.waiting = wait;
    return TRIB_OK;
}

void trib_auth_memo_deinit(trib_auth_memo *memo) {
    (void)memo;
}

void trib_auth_release(trib_auth *unused, trib_tenant *tenant, trib_principal *principal) {
    (void)unused;
    (void)tenant;
    (void)principal;
    auth.released++;
}

/* The worker of TRIB_AGAIN is done. */
static inline void auth_come_home(void) {
    trib_auth_wait *wait = auth.waiting;
    auth.waiting = NULL;
    wait->code = auth_answer(auth.again_code, &wait->query, &wait->tenant, &wait->principal, &wait->err);
    wait->resolved(wait);
}

static inline void loop_write(void *ctx, trib_buf *bytes) {
    loopback *l = ctx;
    trib_buf_add(&l->out, trib_buf_str(bytes));
    trib_buf_clear(bytes);
}
static inline size_t loop_unsent(void *ctx) {
    loopback *l = ctx;
    return l->stuck ? l->out.len : 0;
}
static inline void loop_set_reading(void *ctx, bool on) {
    loopback *l = ctx;
    l->reading = on;
}
static inline void loop_close(void *ctx) {
    loopback *l = ctx;
    l->closing = true;
}
static inline void loop_abort(void *ctx, trib_code why) {
    loopback *l = ctx;
    (void)why;
    l->aborted = true;
}
static inline void loop_set_idle(void *ctx, uint32_t ms) {
    loopback *l = ctx;
    l->idle_ms = ms;
}
static inline void loop_set_deadline(void *ctx, uint32_t ms) {
    loopback *l = ctx;
    l->deadline_ms = ms;
}

static const trib_http_transport loop_transport = {loop_write, loop_unsent,   loop_set_reading, loop_close,
                                                   loop_abort, loop_set_idle, loop_set_deadline};

/* Shows the bytes like a socket: what was not used comes again, while reading is on. They lie in memory that is gone
 * after the call, so that a sanitizer sees who kept a pointer into it. */
static inline void loop_pump(loopback *l) {
    while (l->reading && l->in.len && !l->closing && !l->aborted) {
        char *shown = malloc(l->in.len);
        assert_non_null(shown);
        memcpy(shown, l->in.ptr, l->in.len);
        size_t used = trib_http_conn_input(l->conn, trib_str_make(shown, l->in.len));
        free(shown);
        trib_buf_consume(&l->in, used);
        if (!used) break;
    }
}
static inline void loop_feed(loopback *l, const char *text) {
    trib_buf_add_c(&l->in, text);
    loop_pump(l);
}
static inline void loop_start(loopback *l, const trib_module *module, trib_listener_kind kind) {
    static const trib_module *modules[1];
    trib_error err;
    *l = (loopback){.reading = true};
    auth = (test_auth){0};
    modules[0] = module;
    trib_env_test_init(&l->env, false, 7);
    l->app = (trib_app){.env = &l->env.env, .http = trib_http_conn_ops, .ws = trib_ws_conn_ops, .version = "test"};
    trib_buf_init(&l->in, 1 << 20);
    trib_buf_init(&l->out, 8 << 20);
    assert_int_equal(trib_router_new(modules, 1, &l->router, &err), TRIB_OK);
    assert_int_equal(trib_metrics_new(&l->metrics, &err), TRIB_OK);
    assert_int_equal(trib_http_stats_init(&l->stats, l->metrics, l->router, &err), TRIB_OK);
    l->hub = (trib_http_hub){.app = &l->app, .router = l->router, .stats = &l->stats, .home = &l->home};
    assert_int_equal(trib_http_hub_init(&l->hub, &err), TRIB_OK);
    l->conn = trib_http_conn_new(&l->hub, kind, &loop_transport, l);
    assert_non_null(l->conn);
}
/* The socket is gone, if it was not told yet. */
static inline void loop_lose(loopback *l) {
    if (!l->told) trib_http_conn_closed(l->conn);
    l->told = true;
}
static inline void loop_end(loopback *l) {
    loop_lose(l);
    assert_int_equal(l->hub.live, 0);
    assert_int_equal(auth.released, auth.resolved);
    trib_http_stats_deinit(&l->stats);
    trib_metrics_free(l->metrics);
    trib_router_free(l->router);
    trib_buf_deinit(&l->in);
    trib_buf_deinit(&l->out);
}
static inline const char *loop_text(loopback *l) {
    trib_buf_add_char(&l->out, '\0');
    l->out.len--;
    return l->out.ptr;
}
static inline bool loop_has(loopback *l, const char *part) {
    return strstr(loop_text(l), part) != NULL;
}
static inline int loop_count(loopback *l, const char *part) {
    int n = 0;
    for (const char *at = loop_text(l); (at = strstr(at, part)); at += strlen(part)) n++;
    return n;
}

#endif
