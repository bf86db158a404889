/* SPDX-License-Identifier: Apache-2.0 */
/* Borrowed strings: comparison, slices, numbers at their limits, UTF-8. */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void comparisons_go_by_bytes_and_length(void **state) {
    (void)state;
    assert_true(trib_str_eq((trib_str){0}, TRIB_STR("")));
    assert_true(trib_str_eq_c(TRIB_STR("ab"), "ab"));
    assert_false(trib_str_eq(TRIB_STR("ab"), TRIB_STR("abc")));
    assert_true(trib_str_ieq_c(TRIB_STR("Content-TYPE"), "content-type"));
    assert_false(trib_str_ieq(TRIB_STR("@"), TRIB_STR("`"))); /* 32 apart, but no letters */
    assert_false(trib_str_ieq(TRIB_STR("a"), TRIB_STR("ab")));
    assert_true(trib_str_cmp(TRIB_STR("a"), TRIB_STR("b")) < 0);
    assert_true(trib_str_cmp(TRIB_STR("ab"), TRIB_STR("a")) > 0);
    assert_true(trib_str_cmp(TRIB_STR("\x80"), TRIB_STR("a")) > 0);
    assert_int_equal(trib_str_cmp((trib_str){0}, (trib_str){0}), 0);
    assert_true(trib_str_starts(TRIB_STR("abc"), TRIB_STR("ab")));
    assert_true(trib_str_starts(TRIB_STR("abc"), (trib_str){0}));
    assert_false(trib_str_starts(TRIB_STR("a"), TRIB_STR("ab")));
    assert_true(trib_str_ends(TRIB_STR("abc"), TRIB_STR("bc")));
    assert_false(trib_str_ends(TRIB_STR("c"), TRIB_STR("bc")));
    assert_true(trib_str_eq_secret(TRIB_STR("abc"), TRIB_STR("abc")));
    assert_false(trib_str_eq_secret(TRIB_STR("abc"), TRIB_STR("abd")));
    assert_false(trib_str_eq_secret(TRIB_STR("abc"), TRIB_STR("ab")));
}

static void slices_never_leave_the_string(void **state) {
    (void)state;
    trib_str s = TRIB_STR("hello");
    assert_true(trib_str_eq_c(trib_str_sub(s, 1, 3), "el"));
    assert_true(trib_str_eq_c(trib_str_sub(s, 3, 99), "lo"));
    assert_int_equal(trib_str_sub(s, 9, 99).len, 0);
    assert_int_equal(trib_str_sub(s, 3, 2).len, 0);
    assert_int_equal(trib_str_find(s, 'l'), 2);
    assert_true(trib_str_find(s, 'x') == SIZE_MAX);
    assert_true(trib_str_find((trib_str){0}, 'x') == SIZE_MAX);
    assert_true(trib_str_eq_c(trib_str_trim(TRIB_STR(" \t a b\t ")), "a b"));
    assert_int_equal(trib_str_trim(TRIB_STR(" \t ")).len, 0);
    assert_true(trib_str_eq_c(trib_str_trim(TRIB_STR("\na\r")), "\na\r"));
    assert_int_equal(trib_str_c(NULL).len, 0);
}

static void numbers_are_whole_and_in_range(void **state) {
    (void)state;
    uint64_t u = 5;
    int64_t i = 5;
    assert_true(trib_str_u64(TRIB_STR("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_true(trib_str_u64(TRIB_STR("007"), &u) && u == 7);
    assert_true(trib_str_i64(TRIB_STR("9223372036854775807"), &i) && i == INT64_MAX);
    assert_true(trib_str_i64(TRIB_STR("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_true(trib_str_i64(TRIB_STR("-0"), &i) && i == 0);
    u = 5;
    i = 5;
    static const char *const bad_u[] = {
        "", "-1", "+1", " 1", "1 ", "0x1", "1.0", "18446744073709551616", "99999999999999999999"};
    static const char *const bad_i[] = {"", "-", "--1", "+1", "9223372036854775808", "-9223372036854775809", "1e3"};
    for (size_t k = 0; k < sizeof bad_u / sizeof bad_u[0]; k++) assert_false(trib_str_u64(trib_str_c(bad_u[k]), &u));
    for (size_t k = 0; k < sizeof bad_i / sizeof bad_i[0]; k++) assert_false(trib_str_i64(trib_str_c(bad_i[k]), &i));
    assert_true(u == 5 && i == 5);
}

/* Encodes c without looking whether it may be encoded. */
static size_t encode(uint32_t c, char out[4]) {
    if (c < 0x80) return (size_t)(out[0] = (char)c, 1);
    if (c < 0x800) return (size_t)(out[0] = (char)(0xc0 | c >> 6), out[1] = (char)(0x80 | (c & 63)), 2);
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 63)), out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18), out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63)), out[3] = (char)(0x80 | (c & 63));
    return 4;
}

static void every_code_point_but_the_surrogates_is_utf8(void **state) {
    (void)state;
    for (uint32_t c = 0; c <= 0x11ffff; c++) {
        char text[4];
        size_t n = encode(c, text);
        bool want = c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
        if (trib_str_utf8_valid(trib_str_make(text, n)) != want) fail_msg("U+%04x", c);
        if (n > 1) assert_false(trib_str_utf8_valid(trib_str_make(text, n - 1)));
    }
}

static void broken_utf8_is_found_at_every_place(void **state) {
    (void)state;
    static const char *const bad[] = {
        "\x80", "\xc0\x80", "\xc1\xbf",  "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x88\x80\x80\x80",
        "\xff", "\xc3(",    "\xe2\x82(", "\xf0\x9f\x90("};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (size_t at = 0; at <= 24; at++) { /* within, at the end of and behind the eight-byte steps */
            char text[40];
            memset(text, 'a', sizeof text);
            memcpy(text + at, bad[i], strlen(bad[i]));
            assert_false(trib_str_utf8_valid(trib_str_make(text, at + strlen(bad[i]))));
            assert_int_equal(trib_str_utf8_prefix(trib_str_make(text, at + strlen(bad[i]))), at);
            assert_false(trib_str_utf8_valid(trib_str_make(text, sizeof text)));
        }
    }
    assert_true(trib_str_utf8_valid((trib_str){0}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons_go_by_bytes_and_length),
        cmocka_unit_test(slices_never_leave_the_string),
        cmocka_unit_test(numbers_are_whole_and_in_range),
        cmocka_unit_test(every_code_point_but_the_surrogates_is_utf8),
        cmocka_unit_test(broken_utf8_is_found_at_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
