/* SPDX-License-Identifier: Apache-2.0 */
/* How many durable streams a tenant may have, asked by its routes: as many as there may be, and no more; one that is
 * removed makes room. The greatest id may say more than there are: rows are counted then, and those that were there
 * once do not count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/db_start.h"
#include "features/durable/durable_int.h"
#include "support/app_test.h"

static app_test t;
static trib_tenant *tenant;
static void *module;
static const char *method, *path;

static int setup(void **state) {
    (void)state;
    if (app_test_start_with_tenant(&t, "ali", &tenant) != TRIB_OK) return -1;
    return trib_durable_module.start(&t.app, &module, NULL) == TRIB_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    trib_durable_module.stop(module);
    t.app.ticker_count = 0;
    app_test_end_with_tenant(&t, tenant);
    return 0;
}

static void route(trib_http_request *http) {
    http->method = trib_str_c(method);
    http->path_params[0] = trib_str_c(path);
    http->path_param_count = 1;
    http->module_state = module;
    for (size_t i = 0; i < trib_durable_module.route_count; i++) {
        http->route = &trib_durable_module.routes[i];
        if (strcmp(http->route->path, "/v1/stream/*") == 0 && strcmp(http->route->method, method) == 0) break;
    }
    http->route->handle(http);
}

static void answers(const char *wanted_method, const char *wanted_path, int status, const char *text) {
    trib_principal principal;
    http_test h;
    app_test_principal(&principal, 1);
    method = wanted_method;
    path = wanted_path;
    http_test_begin(&t, &h, route, tenant, &principal, "");
    const char *answer = http_test_wait(&t, &h);
    if (h.status != status || !strstr(answer, text)) fail_msg("%s %s: %d %s", method, path, h.status, answer);
    http_test_end(&h);
}

static trib_code run_sql(void *ctx, trib_handle *handle, trib_error *err) {
    return trib_db_start_run(handle, ctx, NULL, 0, NULL, NULL, err);
}

/* One statement, past all rules for clients. */
static void add_rows(const char *sql) {
    assert_int_equal(trib_db_start(&t.app, tenant, run_sql, (void *)(uintptr_t)sql, NULL), TRIB_OK);
}

/* Streams as PUT makes them, with ids behind the first number, as many as the second says. */
#define MORE_ROWS                                                                                                      \
    "INSERT INTO _trib_ds_stream SELECT %d + n, 'more/' || n, 'text/plain', 0, 0, 0, 1, 1, NULL, NULL, NULL, NULL, "   \
    "NULL, 0, 0 FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < %d) SELECT n FROM c)"

static void a_tenant_has_so_many_streams_and_no_more(void **state) {
    char sql[400];
    (void)state;
    answers("PUT", "a", 201, "");
    snprintf(sql, sizeof sql, MORE_ROWS, 1, DURABLE_STREAMS_MAX - 2);
    add_rows(sql);
    answers("PUT", "b", 201, "");
    answers("PUT", "c", 429, "at most 100000 durable streams");
    answers("PUT", "b", 200, ""); /* what is there goes on */
    answers("DELETE", "a", 204, "");
    answers("PUT", "c", 201, "");
    answers("PUT", "a", 429, "TOO_MANY_REQUESTS");
}

static void those_that_were_there_once_do_not_count(void **state) {
    char sql[400];
    (void)state;
    answers("PUT", "a", 201, "");
    snprintf(sql, sizeof sql, MORE_ROWS, 3 * DURABLE_STREAMS_MAX, 2);
    add_rows(sql);
    answers("PUT", "b", 201, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tenant_has_so_many_streams_and_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(those_that_were_there_once_do_not_count, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
