/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of a file of JSON, whatever way the bytes were cut. */
#include "cli/json_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void read_all(const char *text, size_t step, trib_buf *out) {
    trib_json_rows rows;
    trib_str rest = trib_str_c(text);
    trib_error err;
    bool ended = false;
    trib_json_rows_init(&rows);
    while (!ended) {
        trib_str piece = trib_str_sub(rest, 0, step);
        size_t used = 0;
        bool ready = false;
        ended = piece.len == 0;
        if (trib_json_rows_feed(&rows, piece, &used, &ready, &err) != TRIB_OK) {
            trib_buf_printf(out, "!%.30s\n", err.message);
            break;
        }
        rest = trib_str_sub(rest, used, rest.len);
        if (ready) trib_buf_printf(out, "%d:%.*s\n", (int)rows.line, TRIB_STR_ARG(trib_buf_str(&rows.text)));
    }
    trib_buf_add_char(out, '\0');
    trib_json_rows_deinit(&rows);
}

static void objects_do_not_depend_on_how_the_bytes_were_cut(void **state) {
    static const struct {
        const char *text, *objects;
    } rows[] = {
        {"{\"a\":1}\n{\"a\":2}\n", "1:{\"a\":1}\n2:{\"a\":2}\n"},
        {"[{\"a\":1},\n {\"a\":[1,{\"b\":2}]}]\n", "1:{\"a\":1}\n2:{\"a\":[1,{\"b\":2}]}\n"},
        {"{\"a\":\"}{][\\\"}\"}", "1:{\"a\":\"}{][\\\"}\"}\n"},
        {"\n\n{\n\"a\":1\n}{}", "3:{\n\"a\":1\n}\n5:{}\n"},
        {"[]", ""},
        {"", ""},
        {" \n", ""},
        {"[{}", "1:{}\n!line 1: the array is not close\n"},
        {"{\"a\":", "!line 1: an object begins here \n"},
        {"[1]", "!line 1: an object is wanted he\n"},
        {"[{} {}]", "1:{}\n!line 1: an object is wanted he\n"},
        {"{} [{}]", "1:{}\n!line 1: an object is wanted he\n"},
        {"[[{}]]", "!line 1: an object is wanted he\n"},
        {"[{}]\n{}", "1:{}\n!line 2: an object is wanted he\n"},
        {"a,b\n1,2\n", "!line 1: an object is wanted he\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t step = 1; step <= strlen(rows[i].text) + 1; step++) {
            trib_buf out;
            trib_buf_init(&out, 4096);
            read_all(rows[i].text, step, &out);
            if (strcmp(out.ptr, rows[i].objects) != 0) fail_msg("row %zu by %zu:\n%s", i, step, out.ptr);
            trib_buf_deinit(&out);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(objects_do_not_depend_on_how_the_bytes_were_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
