/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as text: JSON as JavaScript writes it, CSV, and tables that data cannot break out of. */
#include "cli/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define N                                                                                                              \
    { .type = TRIB_VALUE_NULL }
#define I(number)                                                                                                      \
    { .type = TRIB_VALUE_INTEGER, .integer = (number) }
#define R(number)                                                                                                      \
    { .type = TRIB_VALUE_REAL, .real = (number) }
#define T(text)                                                                                                        \
    {                                                                                                                  \
        .type = TRIB_VALUE_TEXT, .bytes = { text, sizeof(text) - 1 }                                                   \
    }
#define B(text)                                                                                                        \
    {                                                                                                                  \
        .type = TRIB_VALUE_BLOB, .bytes = { text, sizeof(text) - 1 }                                                   \
    }

static void check(trib_rows_format format, size_t col_count, const char *const *names, trib_value *values, size_t rows,
                  const char *wanted) {
    trib_str cols[8];
    trib_buf buf;
    for (size_t i = 0; i < col_count; i++) cols[i] = trib_str_c(names[i]);
    trib_sql_rows set = {.col_count = col_count, .row_count = rows, .cols = cols, .values = values};
    trib_buf_init(&buf, 65536);
    trib_rows_write(&buf, &set, format);
    trib_buf_add_char(&buf, '\0');
    assert_false(buf.failed);
    assert_string_equal(buf.ptr, wanted);
    trib_buf_deinit(&buf);
}

static void numbers_look_as_javascript_prints_them(void **state) {
    (void)state;
    static const struct {
        trib_value value;
        const char *json;
    } rows[] = {
        {R(46.0), "46"},
        {R(-2.0), "-2"},
        {R(0.0), "0"},
        {R(-0.0), "0"},
        {R(25.2640), "25.264"},
        {R(1e21), "1e+21"},
        {R(1e20), "100000000000000000000"},
        {R(0.1), "0.1"},
        {R(1e-7), "1e-7"},
        {I(501), "501"},
        {I(INT64_MIN), "-9223372036854775808"},
    };
    const char *const names[] = {"v"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char wanted[80];
        trib_value value = rows[i].value;
        snprintf(wanted, sizeof wanted, "[{\"v\":%s}]\n", rows[i].json);
        check(TRIB_ROWS_JSON, 1, names, &value, 1, wanted);
    }
}

static void json_keeps_the_order_of_columns_and_payload_stays_a_string(void **state) {
    (void)state;
    const char *const names[] = {"ts", "id", "payload", "pointId"};
    trib_value values[] = {T("12:30"), T("e1"), T("{\"a\":\"\xc3\xa9\"}"), N, T("12:31"), T("e2"), T("\n"), T("")};
    check(TRIB_ROWS_JSON, 4, names, values, 2,
          "[{\"ts\":\"12:30\",\"id\":\"e1\",\"payload\":\"{\\\"a\\\":\\\"\xc3\xa9\\\"}\",\"pointId\":null},"
          "{\"ts\":\"12:31\",\"id\":\"e2\",\"payload\":\"\\n\",\"pointId\":\"\"}]\n");
}

static void no_rows_are_an_empty_array(void **state) {
    (void)state;
    const char *const names[] = {"a"};
    check(TRIB_ROWS_JSON, 1, names, NULL, 0, "[]\n");
    check(TRIB_ROWS_CSV, 1, names, NULL, 0, "a\n");
}

static void csv_quotes_what_must_be_quoted_and_tells_null_from_empty(void **state) {
    (void)state;
    const char *const names[] = {"a,b", "c"};
    trib_value values[] = {T("x\"y"), N, T(""), T("l1\nl2"), R(46.0), B("\x01\x02\x03")};
    check(TRIB_ROWS_CSV, 2, names, values, 3, "\"a,b\",c\n\"x\"\"y\",\n\"\",\"l1\nl2\"\n46,AQID\n");
}

static void tables_align_by_characters_and_numbers_to_the_right(void **state) {
    (void)state;
    const char *const names[] = {"name", "n", "x"};
    trib_value values[] = {T("\xc3\xa9t\xc3\xa9"), I(5), N, T("longer"), R(12.5), B("\x0a\xff")};
    check(TRIB_ROWS_TABLE, 3, names, values, 2,
          "name    n     x\n"
          "------  ----  -------\n"
          "\xc3\xa9t\xc3\xa9        5  NULL\n"
          "longer  12.5  x'0aff'\n");
}

static void tables_show_no_control_characters(void **state) {
    (void)state;
    const char *const names[] = {"a"};
    trib_value values[] = {T("\x1b[2J"),
                           T("\xc2\x9b"
                             "1m"),
                           T("\xe2\x80\xae"
                             "abc"),
                           T("\xff")};
    check(TRIB_ROWS_TABLE, 1, names, values, 4, "a\n----\n?[2J\n?1m\n?abc\n?\n");
}

static void long_cells_are_cut_with_a_mark(void **state) {
    (void)state;
    trib_str cols[] = {TRIB_STR("a")};
    trib_value values[] = {T("0123456789"), T("01234567")};
    trib_sql_rows set = {.col_count = 1, .row_count = 2, .cols = cols, .values = values};
    trib_buf buf;
    trib_buf_init(&buf, 4096);
    trib_rows_write_table(&buf, &set, TRIB_ROWS_TABLE, 8);
    trib_buf_add_char(&buf, '\0');
    assert_string_equal(buf.ptr, "a\n--------\n0123456\xe2\x80\xa6\n01234567\n");
    trib_buf_deinit(&buf);
}

static void boxes_align_by_the_cells_of_a_terminal(void **state) {
    (void)state;
    const char *const names[] = {"\xe6\x97\xa5", "n"};
    trib_value values[] = {T("e\xcc\x81"), I(12), T("\xf0\x9f\x98\x80z"), N};
    check(TRIB_ROWS_BOX, 2, names, values, 2,
          "┌─────┬──────┐\n"
          "│ \xe6\x97\xa5  │ n    │\n"
          "├─────┼──────┤\n"
          "│ e\xcc\x81   │   12 │\n"
          "│ \xf0\x9f\x98\x80z │ NULL │\n"
          "└─────┴──────┘\n");
}

static void wide_characters_are_cut_at_a_whole_one(void **state) {
    trib_str cols[] = {TRIB_STR("a")};
    trib_value values[] = {T("\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5")};
    trib_sql_rows set = {.col_count = 1, .row_count = 1, .cols = cols, .values = values};
    trib_buf buf;
    (void)state;
    trib_buf_init(&buf, 4096);
    trib_rows_write_table(&buf, &set, TRIB_ROWS_TABLE, 4);
    trib_buf_add_char(&buf, '\0');
    assert_string_equal(buf.ptr, "a\n---\n\xe6\x97\xa5\xe2\x80\xa6\n");
    trib_buf_deinit(&buf);
}

static void markdown_escapes_what_would_end_a_cell(void **state) {
    (void)state;
    const char *const names[] = {"t", "n"};
    trib_value values[] = {T("a|b\\"), I(1), T("l1\nl2"), N};
    check(TRIB_ROWS_MARKDOWN, 2, names, values, 2,
          "| t        |    n |\n"
          "|----------|-----:|\n"
          "| a\\|b\\\\   |    1 |\n"
          "| l1<br>l2 | NULL |\n");
}

static void lines_name_every_value(void **state) {
    (void)state;
    const char *const names[] = {"id", "name"};
    trib_value values[] = {I(1), T("x"), I(2), N};
    check(TRIB_ROWS_LINE, 2, names, values, 2, "  id = 1\nname = x\n\n  id = 2\nname = NULL\n");
    check(TRIB_ROWS_LINE, 2, names, NULL, 0, "");
}

static void formats_have_names(void **state) {
    trib_rows_format format = TRIB_ROWS_TABLE;
    (void)state;
    assert_true(trib_rows_format_from_text(TRIB_STR("csv"), &format));
    assert_int_equal(format, TRIB_ROWS_CSV);
    assert_false(trib_rows_format_from_text(TRIB_STR("xml"), &format));
    assert_int_equal(format, TRIB_ROWS_CSV);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_look_as_javascript_prints_them),
        cmocka_unit_test(json_keeps_the_order_of_columns_and_payload_stays_a_string),
        cmocka_unit_test(no_rows_are_an_empty_array),
        cmocka_unit_test(csv_quotes_what_must_be_quoted_and_tells_null_from_empty),
        cmocka_unit_test(tables_align_by_characters_and_numbers_to_the_right),
        cmocka_unit_test(tables_show_no_control_characters),
        cmocka_unit_test(long_cells_are_cut_with_a_mark),
        cmocka_unit_test(boxes_align_by_the_cells_of_a_terminal),
        cmocka_unit_test(wide_characters_are_cut_at_a_whole_one),
        cmocka_unit_test(markdown_escapes_what_would_end_a_cell),
        cmocka_unit_test(lines_name_every_value),
        cmocka_unit_test(formats_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
