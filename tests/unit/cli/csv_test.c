/* SPDX-License-Identifier: Apache-2.0 */
/* CSV: records, whatever way the bytes were cut; lines of errors; limits. */
#include "cli/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Every record as "LINE:field|field\n", a quoted field in quotes, an error as "!message". Fed `step` bytes at a
 * time. */
static void read_all(const char *text, size_t step, trib_buf *out) {
    trib_csv *csv = malloc(sizeof *csv);
    trib_str rest = trib_str_c(text);
    trib_error err;
    bool ended = false, ready;
    size_t used;
    assert_non_null(csv);
    trib_csv_init(csv);
    while (!ended) {
        trib_str piece = trib_str_sub(rest, 0, step);
        ended = piece.len == 0;
        ready = false;
        used = 0;
        if (trib_csv_feed(csv, piece, &used, &ready, &err) != TRIB_OK) {
            trib_buf_printf(out, "!%s\n", err.message);
            break;
        }
        rest = trib_str_sub(rest, used, rest.len);
        if (!ready) continue;
        trib_buf_printf(out, "%d:", (int)csv->line);
        for (size_t i = 0; i < csv->field_count; i++) {
            const char *quote = csv->fields[i].quoted ? "\"" : "";
            trib_buf_printf(out, "%s%s%.*s%s", i ? "|" : "", quote, TRIB_STR_ARG(trib_csv_field_text(csv, i)), quote);
        }
        trib_buf_add_char(out, '\n');
    }
    trib_buf_add_char(out, '\0');
    trib_csv_deinit(csv);
    free(csv);
}

static void records_do_not_depend_on_how_the_bytes_were_cut(void **state) {
    static const struct {
        const char *text, *records;
    } rows[] = {
        {"a,b\n1,2\n", "1:a|b\n2:1|2\n"},
        {"a,b\r\n1,2\r\n", "1:a|b\n2:1|2\n"},
        {"a,b\n1,2", "1:a|b\n2:1|2\n"}, /* no line break at the end */
        {"\xef\xbb\xbf"
         "a,b\n",
         "1:a|b\n"},
        {"\xef\xbb\xbf\"a\",b\n", "1:\"a\"|b\n"},
        {"\"x,y\",\"say \"\"hi\"\"\"\n", "1:\"x,y\"|\"say \"hi\"\"\n"},
        {"\"l1\nl2\",x\nnext,1\n", "1:\"l1\nl2\"|x\n3:next|1\n"},
        {"\"l1\r\nl2\"\r\n", "1:\"l1\r\nl2\"\n"},
        {",,\n", "1:||\n"},
        {"a,\n", "1:a|\n"},
        {"\"\",\n", "1:\"\"|\n"}, /* an empty text, and nothing */
        {"\n\na\n\n", "3:a\n"},
        {"\r\na\r\n", "2:a\n"},
        {"\"\"\n", "1:\"\"\n"},
        {"a\"b,c\n", "1:a\"b|c\n"}, /* a quote that does not begin a field is data */
        {" \"a\"\n", "1: \"a\"\n"},
        {"\"a\"b\n", "!line 1: something stands behind a closing quote; a quote inside a field is written twice\n"},
        {"x\ny,\"open\n\n", "1:x\n!line 2: a quote is opened here and never closed\n"},
        {"", ""},
        {"\xc3\xa9,\xe6\x97\xa5\n", "1:\xc3\xa9|\xe6\x97\xa5\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t step = 1; step <= strlen(rows[i].text) + 1; step++) {
            trib_buf out;
            trib_buf_init(&out, 4096);
            read_all(rows[i].text, step, &out);
            if (strcmp(out.ptr, rows[i].records) != 0) fail_msg("row %zu by %zu:\n%s", i, step, out.ptr);
            trib_buf_deinit(&out);
        }
    }
}

static void what_never_ends_is_refused(void **state) {
    trib_csv *csv = malloc(sizeof *csv);
    char *commas = malloc(TRIB_CSV_FIELDS_MAX + 1), block[4096];
    size_t used;
    bool ready;
    trib_error err;
    trib_code code = TRIB_OK;
    (void)state;
    assert_non_null(csv);
    assert_non_null(commas);
    memset(commas, ',', TRIB_CSV_FIELDS_MAX + 1);
    memset(block, 'x', sizeof block);
    trib_csv_init(csv);
    assert_int_equal(trib_csv_feed(csv, trib_str_make(commas, TRIB_CSV_FIELDS_MAX + 1), &used, &ready, &err),
                     TRIB_BAD_REQUEST);
    trib_csv_deinit(csv);
    trib_csv_init(csv);
    for (size_t i = 0; i <= TRIB_CSV_RECORD_BYTES / sizeof block && code == TRIB_OK; i++)
        code = trib_csv_feed(csv, trib_str_make(block, sizeof block), &used, &ready, &err);
    assert_int_equal(code, TRIB_BAD_REQUEST);
    trib_csv_deinit(csv);
    free(commas);
    free(csv);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_do_not_depend_on_how_the_bytes_were_cut),
        cmocka_unit_test(what_never_ends_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
