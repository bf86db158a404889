/* SPDX-License-Identifier: Apache-2.0 */
/* Route look-up: exact paths, patterns, methods, listeners; wrong tables are refused at start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "net/router.h"

static void handle(trib_http_request *request) {
    (void)request;
}

#define USER  TRIB_LISTENER_USER
#define ADMIN TRIB_LISTENER_ADMIN
#define BOTH  (TRIB_LISTENER_USER | TRIB_LISTENER_ADMIN)

static const trib_route table[] = {
    {"GET", "/health", BOTH, TRIB_AUTH_NONE, 0, handle, "h"},
    {"GET", "/v2", USER, TRIB_AUTH_NONE, 0, handle, "probe"},
    {"POST", "/v2/pipeline", USER, TRIB_AUTH_TENANT, 0, handle, "p"},
    {"POST", "/", USER, TRIB_AUTH_TENANT, 0, handle, "root"},
    {"POST", "/v1/namespaces/:name/create", ADMIN, TRIB_AUTH_ADMIN, 0, handle, "c"},
    {"POST", "/v1/namespaces/:name/fork/:to", ADMIN, TRIB_AUTH_ADMIN, 0, handle, "f"},
    {"DELETE", "/v1/namespaces/:name", ADMIN, TRIB_AUTH_ADMIN, 0, handle, "d"},
    {"GET", "/v1/namespaces/:name", ADMIN, TRIB_AUTH_ADMIN, 0, handle, "g"},
    {"GET", "/v1/namespaces/all", ADMIN, TRIB_AUTH_ADMIN, 0, handle, "all"},
    {"GET", "/v1/stream/*", USER, TRIB_AUTH_TENANT, 0, handle, "rest"},
    {"GET", "/v1/stream/:a/:b", USER, TRIB_AUTH_TENANT, 0, handle, "two"},
};
static const trib_module module = {.name = "t", .routes = table, .route_count = sizeof table / sizeof *table};
static const trib_module *const modules[] = {&module};

static trib_router *make(void) {
    trib_router *router;
    trib_error err;
    assert_int_equal(trib_router_new(modules, 1, &router, &err), TRIB_OK);
    return router;
}

static void each_request_finds_its_route(void **state) {
    (void)state;
    static const struct {
        unsigned listener;
        const char *method, *path, *want; /* the summary, or the code */
        trib_code code;
        const char *params;
    } rows[] = {
        {USER, "GET", "/health", "h", TRIB_OK, ""},
        {ADMIN, "HEAD", "/health", "h", TRIB_OK, ""},
        {USER, "POST", "/health", NULL, TRIB_METHOD_NOT_ALLOWED, ""},
        {USER, "get", "/health", NULL, TRIB_METHOD_NOT_ALLOWED, ""},
        {USER, "GET", "/healthy", NULL, TRIB_NOT_FOUND, ""},
        {USER, "GET", "/healt", NULL, TRIB_NOT_FOUND, ""},
        {USER, "GET", "/health/", NULL, TRIB_NOT_FOUND, ""},
        {USER, "POST", "/v2/pipeline", "p", TRIB_OK, ""},
        {USER, "GET", "/v2", "probe", TRIB_OK, ""},
        {ADMIN, "POST", "/v2/pipeline", NULL, TRIB_NOT_FOUND, ""},
        {USER, "POST", "/", "root", TRIB_OK, ""},
        {ADMIN, "POST", "/v1/namespaces/acme/create", "c", TRIB_OK, "acme,"},
        {ADMIN, "POST", "/v1/namespaces/acme/fork/b2", "f", TRIB_OK, "acme,b2,"},
        {ADMIN, "DELETE", "/v1/namespaces/acme", "d", TRIB_OK, "acme,"},
        {ADMIN, "HEAD", "/v1/namespaces/acme", "g", TRIB_OK, "acme,"},
        {ADMIN, "GET", "/v1/namespaces/all", "all", TRIB_OK, ""},
        {ADMIN, "DELETE", "/v1/namespaces/all", "d", TRIB_OK, "all,"},
        {ADMIN, "PUT", "/v1/namespaces/acme", NULL, TRIB_METHOD_NOT_ALLOWED, ""},
        {ADMIN, "POST", "/v1/namespaces//create", NULL, TRIB_NOT_FOUND, ""},
        {USER, "POST", "/v1/namespaces/acme/create", NULL, TRIB_NOT_FOUND, ""},
        {USER, "GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o", NULL, TRIB_NOT_FOUND, ""},
        {USER, "GET", "/v1/stream/a", "rest", TRIB_OK, "a,"},
        {USER, "HEAD", "/v1/stream/a/b/c", "rest", TRIB_OK, "a/b/c,"},
        {USER, "GET", "/v1/stream/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o", "rest", TRIB_OK, "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o,"},
        {USER, "GET", "/v1/stream/a/b", "two", TRIB_OK, "a,b,"},
        {USER, "GET", "/v1/stream/a/", "rest", TRIB_OK, "a/,"},
        {USER, "GET", "/v1/stream/", NULL, TRIB_NOT_FOUND, ""},
        {USER, "GET", "/v1/stream", NULL, TRIB_NOT_FOUND, ""},
        {USER, "GET", "/v1/streams/a", NULL, TRIB_NOT_FOUND, ""},
        {USER, "PUT", "/v1/stream/a/b/c", NULL, TRIB_METHOD_NOT_ALLOWED, ""},
    };
    trib_router *router = make();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_route_match match;
        trib_error err;
        char params[64] = "";
        trib_code code = trib_router_find(router, rows[i].listener, trib_str_c(rows[i].method),
                                          trib_str_c(rows[i].path), &match, &err);
        if (code != rows[i].code) print_error("%s %s\n", rows[i].method, rows[i].path);
        assert_int_equal(code, rows[i].code);
        if (code) continue;
        assert_string_equal(match.route->summary, rows[i].want);
        assert_ptr_equal(trib_router_at(router, match.route_index), match.route);
        for (unsigned k = 0; k < match.param_count; k++) {
            size_t at = strlen(params);
            snprintf(params + at, sizeof params - at, "%.*s,", TRIB_STR_ARG(match.params[k]));
        }
        assert_string_equal(params, rows[i].params);
    }
    trib_router_free(router);
}

static void allow_lists_what_the_path_takes(void **state) {
    (void)state;
    trib_router *router = make();
    trib_buf buf;
    trib_buf_init(&buf, 200);
    trib_router_allow(router, ADMIN, TRIB_STR("/v1/namespaces/acme"), &buf);
    assert_true(trib_str_eq_c(trib_buf_str(&buf), "DELETE, GET, HEAD, OPTIONS"));
    trib_buf_clear(&buf);
    trib_router_allow(router, USER, TRIB_STR("/nothing"), &buf);
    assert_true(trib_str_eq_c(trib_buf_str(&buf), "OPTIONS"));
    trib_buf_deinit(&buf);
    trib_router_free(router);
}

static void wrong_tables_are_refused_with_the_route_named(void **state) {
    (void)state;
    static const struct {
        trib_route routes[2];
        const char *want;
    } rows[] = {
        {{{"GET", "health", USER, TRIB_AUTH_NONE, 0, handle, ""}, {"GET", "/v2", USER, TRIB_AUTH_NONE, 0, handle, ""}},
         "does not start with"},
        {{{"GET", "/acme", USER, TRIB_AUTH_NONE, 0, handle, ""}, {"GET", "/v2", USER, TRIB_AUTH_NONE, 0, handle, ""}},
         "a tenant could have"},
        {{{"GET", "/v2", USER, TRIB_AUTH_NONE, 0, NULL, ""}, {"GET", "/v3", USER, TRIB_AUTH_NONE, 0, handle, ""}},
         "handler"},
        {{{"GET", "/v2", USER, TRIB_AUTH_NONE, 0, handle, ""}, {"GET", "/v2", BOTH, TRIB_AUTH_NONE, 0, handle, ""}},
         "two modules serve GET /v2"},
        {{{"GET", "/v2/:a/:b/:c/:d/:e", USER, TRIB_AUTH_NONE, 0, handle, ""},
          {"GET", "/v3", USER, TRIB_AUTH_NONE, 0, handle, ""}},
         "too many parameters"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_module wrong = {.name = "wrong", .routes = rows[i].routes, .route_count = 2};
        const trib_module *const list[] = {&wrong};
        trib_router *router = NULL;
        trib_error err;
        assert_int_equal(trib_router_new(list, 1, &router, &err), TRIB_INTERNAL);
        assert_null(router);
        assert_non_null(strstr(err.message, rows[i].want));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_finds_its_route),
        cmocka_unit_test(allow_lists_what_the_path_takes),
        cmocka_unit_test(wrong_tables_are_refused_with_the_route_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
