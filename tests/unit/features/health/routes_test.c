/* SPDX-License-Identifier: Apache-2.0 */
/* The answers of /health, /version and /metrics, and who may ask for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/app.h"
#include "core/metrics.h"
#include "features/health/health.h"

static struct {
    int status;
    char type[80], body[2048];
} sent;

static void take(trib_http_request *request, const trib_http_answer *answer) {
    (void)request;
    sent.status = answer->status;
    trib_str body = answer->body ? trib_buf_str(answer->body) : (trib_str){0};
    snprintf(sent.type, sizeof sent.type, "%s", answer->content_type ? answer->content_type : "");
    snprintf(sent.body, sizeof sent.body, "%.*s", TRIB_STR_ARG(body));
}

static bool draining;

static const trib_route *ask(const char *path) {
    trib_error err;
    trib_app app = {.http = {.send = take}, .version = "9.9"};
    atomic_store(&app.draining, draining);
    trib_arena arena;
    trib_arena_init(&arena, 1 << 16);
    assert_int_equal(trib_metrics_new(&app.metrics, &err), TRIB_OK);
    trib_counter_add(trib_metrics_add_counter(app.metrics, "seen", "Help", NULL), 4);
    trib_http_request request = {.app = &app, .arena = &arena};
    const trib_route *found = NULL;
    for (size_t i = 0; i < trib_health_module.route_count; i++) {
        if (strcmp(trib_health_module.routes[i].path, path) == 0) found = &trib_health_module.routes[i];
    }
    assert_non_null(found);
    found->handle(&request);
    trib_metrics_free(app.metrics);
    trib_arena_deinit(&arena);
    return found;
}

static void health_is_200_and_empty_for_anybody(void **state) {
    (void)state;
    const trib_route *route = ask("/health");
    assert_int_equal(route->auth, TRIB_AUTH_NONE);
    assert_int_equal(sent.status, 200);
    assert_string_equal(sent.body, "");
}

static void health_says_when_the_server_ends(void **state) {
    (void)state;
    draining = true;
    ask("/health");
    draining = false;
    assert_int_equal(sent.status, 503);
    assert_non_null(strstr(sent.body, "\"code\":\"SHUTTING_DOWN\""));
}

static void version_is_text(void **state) {
    (void)state;
    ask("/version");
    assert_string_equal(sent.type, "text/plain");
    assert_string_equal(sent.body, "tributary 9.9\n");
}

static void metrics_are_for_operators_only(void **state) {
    (void)state;
    const trib_route *route = ask("/metrics");
    assert_int_equal(route->auth, TRIB_AUTH_ADMIN);
    assert_int_equal(route->listeners, TRIB_LISTENER_ADMIN);
    assert_non_null(strstr(sent.type, "application/openmetrics-text"));
    assert_non_null(strstr(sent.body, "seen_total 4\n"));
    assert_non_null(strstr(sent.body, "# EOF\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_is_200_and_empty_for_anybody),
        cmocka_unit_test(health_says_when_the_server_ends),
        cmocka_unit_test(version_is_text),
        cmocka_unit_test(metrics_are_for_operators_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
