/* SPDX-License-Identifier: Apache-2.0 */
/* An app with streams and subscriptions, for their tests: SQL as the server itself, requests as who may see everything,
 * or as a tenant. */
#ifndef TRIB_TESTS_CONSUMERS_TEST_H
#define TRIB_TESTS_CONSUMERS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/db_start.h"
#include "features/consumers/consumers_int.h"
#include "features/streams/streams.h"
#include "support/app_test.h"

static app_test t;
static void *streams_state;
static consumers_module *module;
static const char *asked_name;
static void (*asked)(trib_http_request *);
static char answer[1 << 20];
static int status;

static inline trib_tenant *tenant_of(const char *name) {
    trib_tenant *tenant = trib_control_find(t.app.control, trib_str_c(name));
    assert_non_null(tenant);
    trib_tenant_unref(tenant);
    return tenant;
}

static inline trib_code run_sql(void *ctx, trib_handle *handle, trib_error *err) {
    return trib_db_start_run(handle, ctx, NULL, 0, NULL, NULL, err);
}

/* One statement, past all rules for clients. */
static inline void sql(const char *text) {
    trib_error err;
    if (trib_db_start(&t.app, tenant_of("streams"), run_sql, (void *)(uintptr_t)text, &err) != TRIB_OK)
        fail_msg("%s: %s", text, err.message);
}

static inline trib_code take_number(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

static inline trib_code run_number(void *ctx, trib_handle *handle, trib_error *err) {
    void **args = ctx;
    return trib_db_start_run(handle, args[0], NULL, 0, take_number, args[1], err);
}

static inline int64_t number(const char *text) {
    int64_t value = -1;
    void *args[] = {(void *)(uintptr_t)text, &value};
    assert_int_equal(trib_db_start(&t.app, tenant_of("streams"), run_number, args, NULL), TRIB_OK);
    return value;
}

static inline void start_modules(void) {
    trib_error err = {0};
    void *state = NULL;
    if (trib_streams_module.start(&t.app, &streams_state, &err) != TRIB_OK) fail_msg("%s", err.message);
    if (trib_consumers_module.start(&t.app, &state, &err) != TRIB_OK) fail_msg("%s", err.message);
    module = state;
}

/* What is under way when the server ends has ended before the modules do. */
static inline void stop_app(void) {
    consumers_module *m = module;
    app_test_stop(&t);
    t.app.env = &t.env.env;
    trib_consumers_module.stop(m);
    trib_streams_module.stop(streams_state);
    module = NULL;
}

static inline int consumers_setup(void **state) {
    (void)state;
    if (app_test_start(&t, true, NULL) != TRIB_OK) return -1;
    start_modules();
    return 0;
}

static inline int consumers_teardown(void **state) {
    (void)state;
    stop_app();
    app_test_cleanup(&t);
    return 0;
}

/* The server ends as it is, and a new one begins on its folder. */
static inline void restart(void) {
    stop_app();
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    start_modules();
}

static inline void ask_with_name(trib_http_request *request) {
    request->path_params[0] = trib_str_c(asked_name);
    request->path_param_count = asked_name ? 1 : 0;
    request->module_state = module;
    asked(request);
}

static inline void ask_begin(http_test *h, const char *who, void (*handle)(trib_http_request *), const char *name,
                             const char *body) {
    static trib_principal principal;
    app_test_principal(&principal, 1);
    asked = handle;
    asked_name = name;
    http_test_begin(&t, h, ask_with_name, tenant_of(who), &principal, body);
}

/* The answer is in `answer` and `status`. */
static inline const char *ask_as(const char *who, void (*handle)(trib_http_request *), const char *name,
                                 const char *body) {
    http_test h;
    ask_begin(&h, who, handle, name, body);
    snprintf(answer, sizeof answer, "%s", http_test_wait(&t, &h));
    status = h.status;
    http_test_end(&h);
    return answer;
}

static inline const char *ask(void (*handle)(trib_http_request *), const char *name, const char *body) {
    return ask_as("streams", handle, name, body);
}

#define EXPECT(handle, name, body, text)                                                                               \
    do {                                                                                                               \
        ask(handle, name, body);                                                                                       \
        if (!strstr(answer, text)) fail_msg("wanted %s, got %s", text, answer);                                        \
    } while (0)

/* `count` events of a stream, opcode 9. */
static inline void events(const char *stream, int count) {
    static int serial;
    char text[200];
    for (int i = 0; i < count; i++) {
        snprintf(text, sizeof text, "INSERT INTO events VALUES ('e%d', '%s', 9, NULL, NULL, 0, NULL, '2026')", serial++,
                 stream);
        sql(text);
    }
}

/* The positions that the answer hands out: " 1 4". */
static inline const char *positions(void) {
    static char out[4096];
    size_t n = 0;
    out[0] = '\0';
    for (const char *at = answer; (at = strstr(at, "\"pos\":")) && n + 30 < sizeof out;) {
        at += strlen("\"pos\":");
        n += (size_t)snprintf(out + n, sizeof out - n, " %ld", strtol(at, NULL, 10));
    }
    return out;
}

/* "17.3" of the first event that the last claim gave. */
static inline const char *first_lease(void) {
    static char out[64];
    const char *at = strstr(answer, "\"lease\":\"");
    if (!at) fail_msg("no lease in %s", answer);
    else snprintf(out, sizeof out, "%.*s", (int)strcspn(at + 9, "\""), at + 9);
    return out;
}

static inline const char *claim(const char *name, int max) {
    char body[40];
    snprintf(body, sizeof body, "{\"max\":%d}", max);
    ask(consumers_handle_claim, name, body);
    assert_int_equal(status, 200);
    return positions();
}

static inline void settle_lease(void (*handle)(trib_http_request *), const char *name, const char *lease,
                                const char *more) {
    char body[300];
    snprintf(body, sizeof body, "{\"leases\":[\"%s\"]%s}", lease, more);
    ask(handle, name, body);
}

static inline void pass_ms(int64_t ms) {
    atomic_fetch_add(&t.env.offset_ns, ms * 1000000);
}

#define CONSUMERS_TEST(name) cmocka_unit_test_setup_teardown(name, consumers_setup, consumers_teardown)

#endif
