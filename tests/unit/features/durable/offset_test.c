/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets, cursors, numbers and media types of the durable streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "features/durable/offset.h"

static void offsets_sort_as_text_and_come_back(void **state) {
    static const uint64_t positions[] = {
        0, 1, 9, 10, 11, 99, 100, 12345678, UINT64_C(4294967296), DURABLE_POSITION_MAX};
    char before[DURABLE_OFFSET_BYTES] = "", text[DURABLE_OFFSET_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof positions / sizeof *positions; i++) {
        uint64_t back = 7;
        durable_offset_write(positions[i], text);
        assert_true(strcmp(before, text) < 0);
        assert_true(durable_offset_read(trib_str_c(text), &back));
        assert_true(back == positions[i]);
        memcpy(before, text, sizeof text);
    }
    durable_offset_write(0, text);
    assert_string_equal(text, "0000000000000000_0000000000000000");
}

static void what_is_no_offset_is_refused(void **state) {
    static const char *const bad[] = {"",
                                      "0",
                                      "-1",
                                      "now",
                                      "0000000000000000_000000000000000",
                                      "0000000000000000_00000000000000000",
                                      "0000000000000000,0000000000000000",
                                      "000000000000000a_0000000000000000",
                                      "0000000000000000_+000000000000001",
                                      "0000000000000000_ 000000000000001",
                                      "0000000000000000_000000000000000\n"};
    uint64_t position = 42;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (durable_offset_read(trib_str_c(bad[i]), &position)) fail_msg("taken: %s", bad[i]);
    }
    assert_int_equal(position, 42);
    /* of a generation that is not there yet: behind everything */
    assert_true(durable_offset_read(TRIB_STR("0000000000000001_0000000000000000"), &position));
    assert_true(position == DURABLE_POSITION_MAX);
}

static void numbers_have_one_spelling(void **state) {
    static const char *const bad[] = {
        "", "-1", "+1", "01", "00", "1.0", "1e3", " 1", "1 ", "abc", "18446744073709551616", "101"};
    uint64_t value = 42;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (durable_number_read(trib_str_c(bad[i]), 100, &value)) fail_msg("taken: %s", bad[i]);
    }
    assert_int_equal(value, 42);
    assert_true(durable_number_read(TRIB_STR("0"), 100, &value));
    assert_int_equal(value, 0);
    assert_true(durable_number_read(TRIB_STR("100"), 100, &value));
    assert_int_equal(value, 100);
}

static void media_types_are_compared_without_case_and_parameters(void **state) {
    (void)state;
    assert_true(durable_media_same(TRIB_STR("Application/JSON; charset=utf-8"), TRIB_STR("application/json")));
    assert_false(durable_media_same(TRIB_STR("text/plain"), TRIB_STR("text/html")));
    assert_true(durable_media_is_json(TRIB_STR("APPLICATION/JSON ;x=y")));
    assert_false(durable_media_is_json(TRIB_STR("application/json-seq")));
    assert_true(durable_media_is_text(TRIB_STR("text/csv")));
    assert_true(durable_media_is_text(TRIB_STR("application/json")));
    assert_false(durable_media_is_text(TRIB_STR("image/png")));
    assert_int_equal(durable_media_type(TRIB_STR("text")).len, 0);
    assert_int_equal(durable_media_type(TRIB_STR("/plain")).len, 0);
    assert_int_equal(durable_media_type(TRIB_STR("text/")).len, 0);
    assert_int_equal(durable_media_type(TRIB_STR("text/pl ain")).len, 0);
    assert_int_equal(durable_media_type(TRIB_STR("text/pl\x01in")).len, 0);
}

static void a_cursor_only_grows(void **state) {
    const int64_t at = INT64_C(1728432000000) + 20000 * INT64_C(1000); /* interval 1,000 */
    (void)state;
    assert_true(durable_cursor(at, 0, 5) == 1000);
    assert_true(durable_cursor(at + 19999, 999, 5) == 1000);
    assert_true(durable_cursor(at + 20000, 0, 5) == 1001);
    assert_true(durable_cursor(at, 1000, 0) == 1001);
    for (uint32_t random = 0; random < 1000; random++) assert_true(durable_cursor(at, 5000, random) > 5000);
    assert_true(durable_cursor(0, 0, 0) == 1); /* a clock that is wrong */
}

static void if_none_match_is_a_list(void **state) {
    trib_str tag = TRIB_STR("\"1-a:0:5:end\"");
    (void)state;
    assert_true(durable_etag_listed(TRIB_STR("\"1-a:0:5:end\""), tag));
    assert_true(durable_etag_listed(TRIB_STR("\"x\", W/\"1-a:0:5:end\""), tag));
    assert_true(durable_etag_listed(TRIB_STR("*"), tag));
    assert_false(durable_etag_listed(TRIB_STR("\"1-a:0:5\""), tag));
    assert_false(durable_etag_listed(TRIB_STR(""), tag));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_sort_as_text_and_come_back),
        cmocka_unit_test(what_is_no_offset_is_refused),
        cmocka_unit_test(numbers_have_one_spelling),
        cmocka_unit_test(media_types_are_compared_without_case_and_parameters),
        cmocka_unit_test(a_cursor_only_grows),
        cmocka_unit_test(if_none_match_is_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
