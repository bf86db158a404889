/* SPDX-License-Identifier: Apache-2.0 */
/* The log of slow statements: who is in it, with what, and with how much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/slow.h"
#include "support/app_test.h"

static app_test t;
static trib_tenant *tenant;
static trib_log log_to_line;
static char line[TRIB_LOG_LINE_BYTES + 1];
static int lines;

static void take_line(void *ctx, trib_log_level level, const char *text, size_t len) {
    (void)ctx;
    (void)level;
    memcpy(line, text, len);
    line[len] = '\0';
    lines++;
}

static int setup(void **state) {
    (void)state;
    if (app_test_start_with_tenant(&t, "acme", &tenant) != TRIB_OK) return -1;
    trib_log_init(&log_to_line, &t.env.env, TRIB_LOG_WARN, TRIB_LOG_TEXT, take_line, NULL);
    t.app.log = &log_to_line;
    t.app.settings.slow_statement_ms = 100;
    lines = 0;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    t.app.log = NULL;
    app_test_end_with_tenant(&t, tenant);
    return 0;
}

static void run(trib_slow *slow, int64_t ms, const char *sql, trib_code code) {
    trib_slow_begin(slow, &t.app);
    t.env.offset_ns += ms * 1000000;
    trib_slow_end(slow, &t.app, tenant, TRIB_STR("r-1"), trib_str_c(sql), NULL, code);
}

static void a_slow_statement_has_one_line_a_quick_one_none(void **state) {
    (void)state;
    trib_slow slow = {0};
    run(&slow, 50, "SELECT 1", TRIB_OK);
    assert_int_equal(lines, 0);
    run(&slow, 120, "SELECT * FROM big", TRIB_OK);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(line, "slow_statement tenant=acme request_id=r-1 duration_ms=12"));
    assert_non_null(strstr(line, "SELECT * FROM big"));
    assert_non_null(strstr(line, "code=OK"));
    run(&slow, 150, "SELECT x", TRIB_STATEMENT_TIMEOUT);
    assert_non_null(strstr(line, "code=STATEMENT_TIMEOUT"));
}

static void pieces_count_together_and_waits_do_not(void **state) {
    (void)state;
    trib_slow slow = {0};
    run(&slow, 60, "SELECT 1", TRIB_AGAIN);
    t.env.offset_ns += INT64_C(10000000000); /* the turn, a slow reader */
    assert_int_equal(lines, 0);
    run(&slow, 60, "SELECT 1", TRIB_OK);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(line, "duration_ms=12"));
    run(&slow, 60, "SELECT 1", TRIB_OK); /* begins at nothing again */
    assert_int_equal(lines, 1);
}

static void long_text_is_cut(void **state) {
    (void)state;
    trib_slow slow = {0};
    char sql[3 * TRIB_SLOW_SQL_MAX_BYTES];
    memset(sql, 'x', sizeof sql - 1);
    sql[sizeof sql - 1] = '\0';
    run(&slow, 200, sql, TRIB_OK);
    assert_int_equal(strspn(strstr(line, "xxx"), "x"), TRIB_SLOW_SQL_MAX_BYTES);
}

static void nothing_is_logged_when_it_is_off(void **state) {
    (void)state;
    trib_slow slow = {0};
    t.app.settings.slow_statement_ms = 0;
    run(&slow, 100000, "SELECT 1", TRIB_OK);
    assert_int_equal(lines, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_slow_statement_has_one_line_a_quick_one_none),
        TEST(pieces_count_together_and_waits_do_not),
        TEST(long_text_is_cut),
        TEST(nothing_is_logged_when_it_is_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
