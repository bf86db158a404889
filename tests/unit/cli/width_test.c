/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of characters, without asking a locale. */
#include "cli/width.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void texts_take_the_cells_that_a_terminal_gives_them(void **state) {
    static const struct {
        const char *text;
        size_t cells;
    } rows[] = {
        {"", 0},
        {"abc", 3},
        {"\xc3\xa9t\xc3\xa9", 3},        /* é as one character */
        {"e\xcc\x81", 1},                /* e and a mark */
        {"\xe6\x97\xa5\xe6\x9c\xac", 4}, /* 日本 */
        {"\xed\x95\x9c", 2},             /* 한 */
        {"\xef\xbc\xa1", 2},             /* fullwidth A */
        {"\xef\xbd\xb1", 1},             /* halfwidth a */
        {"\xf0\x9f\x98\x80", 2},         /* a face */
        {"\xe2\x9c\x85", 2},             /* a picture among the symbols */
        {"\xe2\x9c\x93", 1},             /* a sign beside it */
        {"a\xe2\x80\x8b"
         "b",
         2},                             /* a space of no width */
        {"\xd7\xa9\xd6\xb8\xd7\x9c", 2}, /* Hebrew with a point */
        {"\xff\xfe", 2},                 /* malformed: one each */
        {"\xe6\x97", 2},                 /* cut off: one each */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t got = trib_width_text(trib_str_c(rows[i].text));
        if (got != rows[i].cells) fail_msg("row %zu: %zu cells, not %zu", i, got, rows[i].cells);
    }
}

static void characters_are_decoded_and_malformed_bytes_are_one_each(void **state) {
    size_t bytes = 0;
    (void)state;
    assert_int_equal(trib_width_char(TRIB_STR("x\xf0\x9f\x98\x80"), 1, &bytes), 0x1f600);
    assert_int_equal(bytes, 4);
    assert_int_equal(trib_width_char(TRIB_STR("\xc3\xa9"), 0, &bytes), 0xe9);
    assert_int_equal(bytes, 2);
    assert_int_equal(trib_width_char(TRIB_STR("\xed\xa0\x80"), 0, &bytes), 0xfffd); /* a surrogate */
    assert_int_equal(bytes, 1);
    assert_int_equal(trib_width_char(TRIB_STR("\xc0\x80"), 0, &bytes), 0xfffd); /* overlong */
    assert_int_equal(bytes, 1);
}

static void the_tables_are_in_order_so_that_every_edge_is_found(void **state) {
    /* the first and last character of every kind of range, and their neighbours */
    static const struct {
        uint32_t code_point;
        unsigned cells;
    } rows[] = {
        {0x2ff, 1},  {0x300, 0},   {0x36f, 0},   {0x370, 1},   {0x10ff, 1},  {0x1100, 2},  {0x115f, 2},  {0x1160, 0},
        {0x4dc0, 1}, {0x4e00, 2},  {0x9fff, 2},  {0xd7a3, 2},  {0xd7a4, 1},  {0xff00, 1},  {0xff01, 2},  {0xff60, 2},
        {0xff61, 1}, {0x1f600, 2}, {0x1f3fb, 0}, {0x1faff, 2}, {0x1fb00, 1}, {0x20000, 2}, {0x3fffd, 2}, {0xe0100, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned got = trib_width_cells(rows[i].code_point);
        if (got != rows[i].cells) fail_msg("U+%04X: %u cells, not %u", rows[i].code_point, got, rows[i].cells);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_take_the_cells_that_a_terminal_gives_them),
        cmocka_unit_test(characters_are_decoded_and_malformed_bytes_are_one_each),
        cmocka_unit_test(the_tables_are_in_order_so_that_every_edge_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
