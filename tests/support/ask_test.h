/* SPDX-License-Identifier: Apache-2.0 */
/* One tenant, one handler after the other, whole answers: what tests of a face that keeps nothing between two requests
 * need. */
#ifndef TRIB_TESTS_SUPPORT_ASK_TEST_H
#define TRIB_TESTS_SUPPORT_ASK_TEST_H

#include "support/app_test.h"

typedef struct ask_test {
    app_test app;
    trib_tenant *tenant;
    trib_principal me;
    int status;
    bool aborted;
    char content_type[64];
    char *body; /* NUL behind it; until the next request */
    size_t body_len;
    http_test last;
} ask_test;

static inline int ask_test_begin(ask_test *a) {
    if (app_test_start_with_tenant(&a->app, "ali", &a->tenant) != TRIB_OK) return -1;
    app_test_principal(&a->me, 1);
    return 0;
}

static inline void ask_test_forget(ask_test *a) {
    if (a->body) http_test_end(&a->last);
    a->body = NULL;
}

static inline int ask_test_end(ask_test *a) {
    ask_test_forget(a);
    app_test_end_with_tenant(&a->app, a->tenant);
    return 0;
}

/* The status; the rest of the answer is in `a`. */
static inline int ask(ask_test *a, void (*handle)(trib_http_request *), const char *body) {
    ask_test_forget(a);
    http_test_begin(&a->app, &a->last, handle, a->tenant, &a->me, body);
    http_test_wait(&a->app, &a->last);
    a->body = a->last.body.ptr;
    a->body_len = a->last.body.len - 1;
    a->aborted = a->last.aborted;
    memcpy(a->content_type, a->last.content_type, sizeof a->content_type);
    a->status = a->last.status;
    return a->status;
}

static inline void ask_has(const ask_test *a, const char *text) {
    if (!strstr(a->body, text)) fail_msg("no %s in %s", text, a->body);
}

static inline void ask_has_not(const ask_test *a, const char *text) {
    if (strstr(a->body, text)) fail_msg("%s in %s", text, a->body);
}

/* What a test program of this kind needs once. */
static ask_test a;

static inline int ask_setup(void **state) {
    (void)state;
    return ask_test_begin(&a);
}

static inline int ask_teardown(void **state) {
    (void)state;
    return ask_test_end(&a);
}

#define ASK_TEST(f) cmocka_unit_test_setup_teardown(f, ask_setup, ask_teardown)

#endif
