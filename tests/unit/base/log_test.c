/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: both formats, what a peer may try to smuggle in, secrets, and lines that are too long. */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_env.h"

typedef struct fixture {
    fake_env fake;
    trib_log log;
    char line[TRIB_LOG_LINE_BYTES + 1];
    size_t len, calls;
} fixture;

static void catch_line(void *ctx, trib_log_level level, const char *line, size_t len) {
    fixture *f = ctx;
    (void)level;
    memcpy(f->line, line, len);
    f->line[len] = '\0';
    f->len = len;
    f->calls++;
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    fake_env_init(&f->fake);
    f->fake.wall_ms = 1500;
    trib_log_init(&f->log, &f->fake.env, TRIB_LOG_INFO, TRIB_LOG_TEXT, catch_line, f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    free(*state);
    return 0;
}

static void every_field_type_is_written_in_both_formats(void **state) {
    fixture *f = *state;
    trib_error err;
    trib_id id = {{0xab, [15] = 1}};
    trib_error_set(&err, TRIB_FORBIDDEN, "no \"way\"");
    for (int i = 0; i < 2; i++) {
        f->log.format = i ? TRIB_LOG_JSON : TRIB_LOG_TEXT;
        trib_log_event(&f->log, TRIB_LOG_WARN, "refused", TRIB_LOG_S("tenant", TRIB_STR("a b")),
                       TRIB_LOG_C("peer", "[::1]:80"), TRIB_LOG_C("path", "/v2/x"), TRIB_LOG_I("i", INT64_MIN),
                       TRIB_LOG_U("u", UINT64_MAX), TRIB_LOG_B("ok", false), TRIB_LOG_ID("db", id), TRIB_LOG_ERR(&err),
                       TRIB_LOG_ERR(NULL), TRIB_LOG_SECRET("token"), TRIB_LOG_C("none", NULL));
        assert_string_equal(
            f->line, i ? "{\"time\":\"1970-01-01T00:00:01.500Z\",\"level\":\"warn\",\"event\":\"refused\","
                         "\"tenant\":\"a b\",\"peer\":\"[::1]:80\",\"path\":\"/v2/x\",\"i\":-9223372036854775808,"
                         "\"u\":18446744073709551615,\"ok\":false,\"db\":\"ab000000000000000000000000000001\","
                         "\"code\":\"FORBIDDEN\",\"message\":\"no \\\"way\\\"\",\"token\":\"***\",\"none\":\"\"}\n"
                       : "1970-01-01T00:00:01.500Z WARN refused tenant=\"a b\" peer=\"[::1]:80\" path=/v2/x "
                         "i=-9223372036854775808 u=18446744073709551615 ok=false db=ab000000000000000000000000000001 "
                         "code=FORBIDDEN message=\"no \\\"way\\\"\" token=\"***\" none=\"\"\n");
    }
    assert_int_equal(f->calls, 2);
}

static void what_a_peer_sent_cannot_make_a_line_or_steer_a_terminal(void **state) {
    fixture *f = *state;
    static const struct {
        const char *sent, *want;
    } rows[] = {
        {"x\n1970 INFO fake", "\"x\\n1970 INFO fake\""},
        {"\r\t\x1b[2J\x7f", "\"\\u000d\\u0009\\u001b[2J\\u007f\""},
        {"\xc2\x9b"
         "31m",
         "\"\\u009b31m\""}, /* C1: CSI in one character */
        {"\xe2\x80\xae"
         "gpj.exe",
         "\"\\u202egpj.exe\""}, /* right to left override */
        {"\xe2\x80\xa8x", "\"\\u2028x\""},
        {"\xff\xc3(\xed\xa0\x80", "\"\\ufffd\\ufffd(\\ufffd\\ufffd\\ufffd\""},
        {"caf\xc3\xa9 \xf0\x9f\x90\x98", "\"caf\xc3\xa9 \xf0\x9f\x90\x98\""},
        {"a\\\"b", "\"a\\\\\\\"b\""},
        {"x level=error", "\"x level=error\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char want[256];
        f->log.format = TRIB_LOG_TEXT;
        trib_log_event(&f->log, TRIB_LOG_INFO, "e", TRIB_LOG_C("v", rows[i].sent));
        snprintf(want, sizeof want, "1970-01-01T00:00:01.500Z INFO e v=%s\n", rows[i].want);
        assert_string_equal(f->line, want);
        f->log.format = TRIB_LOG_JSON;
        trib_log_event(&f->log, TRIB_LOG_INFO, "e", TRIB_LOG_C("v", rows[i].sent), TRIB_LOG_END);
        snprintf(want, sizeof want,
                 "{\"time\":\"1970-01-01T00:00:01.500Z\",\"level\":\"info\",\"event\":\"e\",\"v\":%s}\n", rows[i].want);
        assert_string_equal(f->line, want);
    }
    trib_log_event(&f->log, TRIB_LOG_INFO, "e", TRIB_LOG_S("v", trib_str_make("a\0b", 3)));
    assert_non_null(strstr(f->line, "\"a\\u0000b\""));
}

static bool evaluated;

static trib_str expensive(void) {
    evaluated = true;
    return TRIB_STR("x");
}

static void events_below_the_level_cost_nothing_and_no_log_is_no_output(void **state) {
    fixture *f = *state;
    trib_log_event(&f->log, TRIB_LOG_DEBUG, "e", TRIB_LOG_S("v", expensive()));
    trib_log_event((trib_log *)NULL, TRIB_LOG_ERROR, "e", TRIB_LOG_S("v", expensive()));
    assert_false(evaluated);
    assert_int_equal(f->calls, 0);
    trib_log_write(NULL, TRIB_LOG_ERROR, "e", &TRIB_LOG_END);
    f->log.level = TRIB_LOG_DEBUG;
    trib_log_event(&f->log, TRIB_LOG_DEBUG, "bare");
    assert_string_equal(f->line, "1970-01-01T00:00:01.500Z DEBUG bare\n");
    f->log.sink = NULL;
    trib_log_event(&f->log, TRIB_LOG_ERROR, "e");
    assert_int_equal(f->calls, 1);
}

static void long_values_and_lines_are_cut_where_they_stay_well_formed(void **state) {
    fixture *f = *state;
    static char big[TRIB_LOG_VALUE_BYTES + 8];
    memset(big, 'x', sizeof big);
    memcpy(big + TRIB_LOG_VALUE_BYTES - 1, "\xc3\xa9", 2); /* a character across the cut */
    trib_str value = trib_str_make(big, sizeof big);
    f->log.format = TRIB_LOG_JSON;
    trib_log_event(&f->log, TRIB_LOG_INFO, "e", TRIB_LOG_S("v", value));
    assert_true(trib_str_utf8_valid(trib_str_make(f->line, f->len)));
    assert_true(trib_str_ends(trib_str_c(f->line), TRIB_STR("x...\"}\n")));
    memset(big, 1, sizeof big); /* each byte becomes six */
    for (int i = 0; i < 2; i++) {
        f->log.format = i ? TRIB_LOG_JSON : TRIB_LOG_TEXT;
        trib_log_event(&f->log, TRIB_LOG_INFO, "e", TRIB_LOG_S("a", value), TRIB_LOG_S("b", value), TRIB_LOG_I("c", 7));
        assert_in_range(f->len, TRIB_LOG_VALUE_BYTES * 6, TRIB_LOG_LINE_BYTES);
        const char *end = i ? "...\",\"c\":7,\"cut\":true}\n" : "...\" c=7 cut=true\n";
        assert_true(trib_str_ends(trib_str_c(f->line), trib_str_c(end)));
        assert_null(strstr(f->line, "b="));
    }
}

static void levels_have_names(void **state) {
    (void)state;
    trib_log_level level = TRIB_LOG_INFO;
    for (trib_log_level i = TRIB_LOG_DEBUG; i <= TRIB_LOG_ERROR; i++) {
        assert_true(trib_log_level_from_text(trib_str_c(trib_log_level_text(i)), &level));
        assert_int_equal(level, i);
    }
    assert_false(trib_log_level_from_text(TRIB_STR("loud"), &level));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_field_type_is_written_in_both_formats),
        TEST(what_a_peer_sent_cannot_make_a_line_or_steer_a_terminal),
        TEST(events_below_the_level_cost_nothing_and_no_log_is_no_output),
        TEST(long_values_and_lines_are_cut_where_they_stay_well_formed),
        TEST(levels_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
