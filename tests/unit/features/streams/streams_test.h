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
#include "features/streams/streams_int.h"
#include "support/app_test.h"

static app_test t;
static void *module;
static const char *asked_id;
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
    asked(request);
}

/* Begins a request about a stream; http_test_wait has the answer. */
static inline void ask(http_test *h, void (*handle)(trib_http_request *), const char *id, const char *body) {
    static trib_principal principal;
    app_test_principal(&principal, 1);
    asked = handle;
    asked_id = id;
    http_test_begin(&t, h, ask_with_id, streams_tenant(), &principal, body);
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
