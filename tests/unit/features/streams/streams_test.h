/* SPDX-License-Identifier: Apache-2.0 */
/* An app with the module of the streams, for its tests: SQL as the server itself, requests as who may see
 * everything. */
#ifndef TRIB_TESTS_STREAMS_TEST_H
#define TRIB_TESTS_STREAMS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/db_start.h"
#include "features/streams/tails_int.h"
#include "support/app_test.h"

static app_test t;
static void *module;
static const char *asked_id;
static const char *asked_query;
static void (*asked)(trib_http_request *);

static inline trib_tenant *streams_tenant(void) {
    trib_tenant *tenant = trib_control_find(t.app.control, TRIB_STR("streams"));
    assert_non_null(tenant);
    trib_tenant_unref(tenant);
    return tenant;
}

static inline trib_code run_sql(void *ctx, trib_handle *handle, trib_error *err) {
    return trib_db_start_run(handle, ctx, NULL, 0, NULL, NULL, err);
}

/* One statement, past all rules for clients. */
static inline trib_code sql(const char *text, trib_error *err) {
    return trib_db_start(&t.app, streams_tenant(), run_sql, (void *)(uintptr_t)text, err);
}

static inline trib_code start_module(trib_error *err) {
    return trib_streams_module.start(&t.app, &module, err);
}

static inline void stop_module(void) {
    trib_streams_module.stop(module);
    module = NULL;
    t.app.ticker_count = 0;
}

/* The timer. */
static inline void tick_streams(void) {
    for (uint32_t i = 0; i < t.app.ticker_count; i++) t.app.tickers[i].tick(t.app.tickers[i].ctx);
}

static inline int streams_setup(void **state) {
    (void)state;
    return app_test_start(&t, true, NULL) == TRIB_OK ? 0 : -1;
}

static inline int streams_teardown(void **state) {
    (void)state;
    stop_module();
    app_test_stop(&t);
    app_test_cleanup(&t);
    return 0;
}

static inline void ask_with_id(trib_http_request *request) {
    request->path_params[0] = trib_str_c(asked_id);
    request->path_param_count = 1;
    request->module_state = module;
    request->method = TRIB_STR("GET");
    request->query = trib_str_c(asked_query);
    asked(request);
}

/* Begins a request about a stream; http_test_wait has the answer. */
static inline void ask(http_test *h, void (*handle)(trib_http_request *), const char *id, const char *body) {
    static trib_principal principal;
    app_test_principal(&principal, 1);
    asked_query = NULL;
    asked = handle;
    asked_id = id;
    http_test_begin(&t, h, ask_with_id, streams_tenant(), &principal, body);
}

/* Begins GET /api/streams/ID?QUERY, as the tenant. */
static inline void follow_as(http_test *h, trib_tenant *tenant, trib_principal *principal, const char *id,
                             const char *query) {
    asked_query = query;
    asked = streams_handle_events;
    asked_id = id;
    http_test_begin(&t, h, ask_with_id, tenant, principal, "");
}

static inline void follow(http_test *h, const char *id, const char *query) {
    static trib_principal principal;
    app_test_principal(&principal, 1);
    follow_as(h, streams_tenant(), &principal, id, query);
}

/* How often the text stands in what was sent so far. */
static inline int count_in(const http_test *h, const char *text) {
    int n = 0;
    trib_str rest = trib_buf_str(&h->body);
    for (const char *at; rest.len && (at = memmem(rest.ptr, rest.len, text, strlen(text))) != NULL; n++)
        rest = trib_str_sub(rest, (size_t)(at - rest.ptr) + 1, rest.len);
    return n;
}

/* Jobs come home until the text was sent. */
static inline void until(const http_test *h, const char *text) {
    while (count_in(h, text) == 0 && !h->answered) app_test_pump(&t);
    if (count_in(h, text) == 0) fail_msg("wanted %s, got %.*s", text, TRIB_STR_ARG(trib_buf_str(&h->body)));
}

/* The peer goes away, and what that ends comes home. */
static inline void leave(http_test *h) {
    if (!h->answered) http_test_leave(h);
    while (!h->answered) app_test_pump(&t);
    http_test_end(h);
}

/* The answer holds the text. */
static inline void expect(void (*handle)(trib_http_request *), const char *id, const char *body, const char *text) {
    http_test h;
    ask(&h, handle, id, body);
    const char *answer = http_test_wait(&t, &h);
    if (!strstr(answer, text)) fail_msg("%s: wanted %s, got %s", id, text, answer);
    http_test_end(&h);
}

#endif
