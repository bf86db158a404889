/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/wire/json_write.c: commas, escapes, numbers, misuse, full buffers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "wire/json.h"

static void assert_text(const trib_buf *buf, trib_str want) {
    assert_false(buf->failed);
    if (!trib_str_eq(trib_buf_str(buf), want)) fail_msg("wrote %.*s", TRIB_STR_ARG(trib_buf_str(buf)));
}

static void write_everything(trib_json_writer *w) {
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "s", TRIB_STR("x"));
    trib_jw_key_c(w, "list");
    trib_jw_array_begin(w);
    trib_jw_i64(w, INT64_MIN);
    trib_jw_i64(w, INT64_MAX);
    trib_jw_u64(w, UINT64_MAX);
    trib_jw_i64_string(w, INT64_MIN);
    trib_jw_i64_string(w, 0);
    trib_jw_f64(w, 46);
    trib_jw_f64(w, -0.0);
    trib_jw_f64_js(w, -0.0);
    trib_jw_f64(w, 0.5);
    trib_jw_f64(w, (double)NAN);
    trib_jw_f64_js(w, -(double)INFINITY);
    trib_jw_array_begin(w);
    trib_jw_array_end(w);
    trib_jw_object_begin(w);
    trib_jw_object_end(w);
    trib_jw_bool(w, true);
    trib_jw_base64(w, "\x01\x02\x03\x04", 4);
    trib_jw_base64(w, NULL, 0);
    trib_jw_raw(w, TRIB_STR("{\"raw\":1}"));
    trib_jw_array_end(w);
    trib_jw_member_i64(w, "i", -7);
    trib_jw_member_bool(w, "b", false);
    trib_jw_member_null(w, "n");
    trib_jw_key(w, TRIB_STR("quo\"te"));
    trib_jw_str_c(w, "");
    trib_jw_object_end(w);
}

static const char everything[] = "{\"s\":\"x\",\"list\":[-9223372036854775808,9223372036854775807,18446744073709551615,"
                                 "\"-9223372036854775808\",\"0\","
                                 "46,-0.0,0,0.5,null,null,[],{},true,\"AQIDBA\",\"\",{\"raw\":1}],\"i\":-7,\"b\":false,"
                                 "\"n\":null,\"quo\\\"te\":\"\"}";

static void commas_and_colons_come_by_themselves(void **state) {
    trib_buf buf;
    trib_json_writer w;
    (void)state;
    trib_buf_init(&buf, 4096);
    trib_jw_init(&w, &buf);
    assert_false(trib_jw_done(&w));
    write_everything(&w);
    assert_true(trib_jw_done(&w));
    assert_text(&buf, TRIB_STR(everything));
    trib_buf_deinit(&buf);
}

static void strings_are_escaped_and_bad_bytes_replaced(void **state) {
    static const struct {
        trib_str in, out;
    } rows[] = {
        {TRIB_STR(""), TRIB_STR("\"\"")},
        {TRIB_STR("plain text of more than sixteen bytes"), TRIB_STR("\"plain text of more than sixteen bytes\"")},
        {TRIB_STR("\"\\/\b\f\n\r\t"), TRIB_STR("\"\\\"\\\\/\\b\\f\\n\\r\\t\"")},
        {TRIB_STR("\0\x01\x1F\x7F"), TRIB_STR("\"\\u0000\\u0001\\u001f\x7F\"")},
        {TRIB_STR("a\nsixteen plain bytes and then\n\n."), TRIB_STR("\"a\\nsixteen plain bytes and then\\n\\n.\"")},
        {TRIB_STR("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), TRIB_STR("\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"")},
        {TRIB_STR("\xC3\xA9\n"), TRIB_STR("\"\xC3\xA9\\n\"")},
        {TRIB_STR("a\xFFz"), TRIB_STR("\"a\xEF\xBF\xBDz\"")},
        {TRIB_STR("\xC3"), TRIB_STR("\"\xEF\xBF\xBD\"")},
        {TRIB_STR("\xE2\x82\"\xC3\xA9"), TRIB_STR("\"\xEF\xBF\xBD\xEF\xBF\xBD\\\"\xC3\xA9\"")},
        {TRIB_STR("\xED\xA0\x80"), TRIB_STR("\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"")},
        {TRIB_STR("\xF0\x9F\x98\x80\xF0\x9F\x98"),
         TRIB_STR("\"\xF0\x9F\x98\x80\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_buf buf;
        trib_json_writer w;
        trib_buf_init(&buf, 4096);
        trib_jw_init(&w, &buf);
        trib_jw_str(&w, rows[i].in);
        assert_text(&buf, rows[i].out);
        trib_buf_deinit(&buf);
    }
}

/* Every byte at every place of a text: the reader gives back what was written. */
static void every_ascii_text_comes_back(void **state) {
    (void)state;
    for (size_t n = 1; n <= 40; n += 3) {
        for (int c = 0; c < 0x80; c++) {
            char text[40];
            trib_buf buf;
            trib_json_writer w;
            trib_arena arena;
            const trib_json *root;
            trib_str back;
            memset(text, 'x', n);
            text[(size_t)c * 7 % n] = (char)c;
            trib_buf_init(&buf, 4096);
            trib_arena_init(&arena, 8192);
            trib_jw_init(&w, &buf);
            trib_jw_str(&w, trib_str_make(text, n));
            assert_int_equal(trib_json_parse(&arena, trib_buf_str(&buf), &root, NULL), TRIB_OK);
            assert_true(trib_json_str(root, &back) && trib_str_eq(back, trib_str_make(text, n)));
            trib_arena_deinit(&arena);
            trib_buf_deinit(&buf);
        }
    }
}

static void a_parsed_tree_is_written_as_it_was_read(void **state) {
    trib_arena arena;
    trib_buf buf;
    trib_json_writer w;
    const trib_json *root;
    (void)state;
    trib_arena_init(&arena, 1 << 20);
    trib_buf_init(&buf, 4096);
    assert_int_equal(trib_json_parse(&arena, TRIB_STR(everything), &root, NULL), TRIB_OK);
    trib_jw_init(&w, &buf);
    trib_jw_value(&w, root);
    assert_true(trib_jw_done(&w));
    assert_text(&buf, TRIB_STR(everything));
    trib_buf_clear(&buf);
    trib_jw_init(&w, &buf);
    trib_jw_value(&w, NULL);
    assert_text(&buf, TRIB_STR("null"));
    trib_buf_deinit(&buf);
    trib_arena_deinit(&arena);
}

static void lines_of_json_share_a_buffer(void **state) {
    trib_buf buf;
    trib_json_writer w;
    (void)state;
    trib_buf_init(&buf, 4096);
    for (int i = 0; i < 2; i++) {
        trib_jw_init(&w, &buf);
        trib_jw_i64(&w, i);
        trib_buf_add_char(&buf, '\n');
    }
    assert_text(&buf, TRIB_STR("0\n1\n"));
    trib_buf_deinit(&buf);
}

/* Every maximum up to enough: the writer goes on safely, never writes past it, and says so at the end. (A buffer's
 * first piece is 256 bytes, so smaller maxima say nothing.) */
static void a_full_buffer_fails_once_and_safely(void **state) {
    enum { COPIES = 4, SLACK = 8 };
    size_t full = COPIES * (sizeof everything - 1);
    (void)state;
    for (size_t max = 256; max <= full + SLACK; max++) {
        trib_buf buf;
        trib_json_writer w;
        trib_buf_init(&buf, max);
        for (int i = 0; i < COPIES; i++) {
            trib_jw_init(&w, &buf);
            write_everything(&w);
            assert_true(trib_jw_done(&w));
        }
        assert_true(buf.len <= max);
        if (max < full) assert_true(buf.failed);
        if (max == full + SLACK) assert_false(buf.failed);
        if (!buf.failed) assert_int_equal(buf.len, full);
        trib_buf_deinit(&buf);
    }
}

static void writing_may_nest_64_levels(void **state) {
    trib_buf buf;
    trib_json_writer w;
    (void)state;
    trib_buf_init(&buf, 4096);
    trib_jw_init(&w, &buf);
    for (int i = 0; i < TRIB_JSON_MAX_DEPTH; i++) {
        if (i % 2) trib_jw_key_c(&w, "k");
        if (i % 2) trib_jw_array_begin(&w);
        else trib_jw_object_begin(&w);
    }
    for (int i = TRIB_JSON_MAX_DEPTH - 1; i >= 0; i--) {
        if (i % 2) trib_jw_array_end(&w);
        else trib_jw_object_end(&w);
    }
    assert_true(trib_jw_done(&w));
    assert_false(buf.failed);
    trib_buf_deinit(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_colons_come_by_themselves),
        cmocka_unit_test(strings_are_escaped_and_bad_bytes_replaced),
        cmocka_unit_test(every_ascii_text_comes_back),
        cmocka_unit_test(a_parsed_tree_is_written_as_it_was_read),
        cmocka_unit_test(lines_of_json_share_a_buffer),
        cmocka_unit_test(a_full_buffer_fails_once_and_safely),
        cmocka_unit_test(writing_may_nest_64_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
