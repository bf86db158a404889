/* SPDX-License-Identifier: Apache-2.0 */
/* What clients do wrong is recognised by its form, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/mistakes.h"

static const struct {
    const char *name, *path;
    trib_code code;
    bool admin, upgrade;
    trib_mistake is;
} rows[] = {
    {"the slash is lost", "/v2/pipeline", TRIB_TENANT_MISSING, false, false, TRIB_MISTAKE_SLASH},
    {"path and header disagree", "/acme/v2/pipeline", TRIB_TENANT_AMBIGUOUS, false, false, TRIB_MISTAKE_TWICE},
    {"no version", "/acme/pipeline", TRIB_NOT_FOUND, false, false, TRIB_MISTAKE_PATH},
    {"no version, no tenant", "/execute", TRIB_NOT_FOUND, false, false, TRIB_MISTAKE_PATH},
    {"a version that is none", "/acme/v9/pipeline", TRIB_NOT_FOUND, false, false, TRIB_MISTAKE_PATH},
    {"a version of today", "/acme/v3/execute", TRIB_NOT_FOUND, false, false, TRIB_MISTAKE_COUNT},
    {"a table of that name", "/acme/pipelines", TRIB_NOT_FOUND, false, false, TRIB_MISTAKE_COUNT},
    {"a web socket", "/acme/", TRIB_NOT_FOUND, false, true, TRIB_MISTAKE_WEBSOCKET},
    {"a web socket where a GET is not taken", "/acme/", TRIB_METHOD_NOT_ALLOWED, false, true, TRIB_MISTAKE_WEBSOCKET},
    {"a replica", "/wal_log.ReplicationLog/Hello", TRIB_NOT_FOUND, false, false, TRIB_MISTAKE_REPLICA},
    {"sync", "/acme/sync/0/1/2", TRIB_NOT_FOUND, false, false, TRIB_MISTAKE_REPLICA},
    {"the admin API among clients", "/v1/namespaces/acme", TRIB_NOT_FOUND, false, false, TRIB_MISTAKE_ADMIN},
    {"data among operators", "/acme/v2/pipeline", TRIB_NOT_FOUND, true, false, TRIB_MISTAKE_TENANT},
    {"any other path", "/favicon.ico", TRIB_NOT_FOUND, false, false, TRIB_MISTAKE_COUNT},
    {"no path", "", TRIB_NOT_FOUND, false, false, TRIB_MISTAKE_COUNT},
    {"a token that is not valid", "/v2/pipeline", TRIB_AUTH_JWT_INVALID, false, false, TRIB_MISTAKE_COUNT},
};

static void each_form_is_recognised(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_error err = {.code = rows[i].code};
        trib_mistake is = trib_mistake_of_request(&err, rows[i].admin, trib_str_c(rows[i].path), rows[i].upgrade);
        if (is != rows[i].is) fail_msg("%s: %s", rows[i].name, trib_mistake_id(is));
    }
    assert_int_equal(trib_mistake_of_bytes(trib_str_make("\x16\x03\x01\x02", 4)), TRIB_MISTAKE_TLS);
    assert_int_equal(trib_mistake_of_bytes(TRIB_STR("GET")), TRIB_MISTAKE_COUNT);
    assert_int_equal(trib_mistake_of_bytes((trib_str){0}), TRIB_MISTAKE_COUNT);
}

static void they_are_counted_with_the_time_of_the_last(void **state) {
    (void)state;
    trib_mistakes mistakes = {.counters = {NULL}};
    trib_metrics *metrics = NULL;
    trib_buf page;
    trib_mistakes_note(&mistakes, TRIB_MISTAKE_SLASH, 1); /* before the start: nothing */
    assert_int_equal(trib_metrics_new(&metrics, NULL), TRIB_OK);
    trib_mistakes_init(&mistakes, metrics);
    trib_mistakes_note(&mistakes, TRIB_MISTAKE_SLASH, 5);
    trib_mistakes_note(&mistakes, TRIB_MISTAKE_SLASH, 7);
    trib_mistakes_note(&mistakes, TRIB_MISTAKE_COUNT, 9);
    assert_int_equal(mistakes.last_ms[TRIB_MISTAKE_SLASH], 7);
    trib_buf_init(&page, TRIB_METRICS_TEXT_MAX);
    trib_metrics_write(metrics, &page);
    trib_buf_add_char(&page, '\0');
    assert_non_null(strstr(page.ptr, "trib_client_mistakes_total{mistake=\"url-without-slash\"} 2\n"));
    assert_non_null(strstr(page.ptr, "trib_client_mistakes_total{mistake=\"tls-on-plain\"} 0\n"));
    trib_buf_deinit(&page);
    trib_metrics_free(metrics);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_recognised),
        cmocka_unit_test(they_are_counted_with_the_time_of_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
