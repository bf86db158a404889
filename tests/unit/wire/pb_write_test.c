/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/wire/pb_write.c: bytes made by hand from the encoding's rules, and messages long enough to be moved. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "wire/pb.h"
#include "wire/pb_write.h"

enum { MAX_BYTES = 1 << 20 };

static void assert_bytes(const trib_buf *buf, const char *want, size_t len) {
    assert_false(buf->failed);
    assert_int_equal(buf->len, len);
    assert_memory_equal(buf->ptr, want, len);
}
#define ASSERT_BYTES(buf, want) assert_bytes(buf, want, sizeof(want) - 1)

static void scalars_have_the_bytes_of_the_rules(void **state) {
    (void)state;
    trib_buf buf;
    trib_pb_writer w;
    trib_buf_init(&buf, MAX_BYTES);
    trib_pw_init(&w, &buf);
    trib_pw_u64(&w, 1, 150);
    ASSERT_BYTES(&buf, "\x08\x96\x01");
    trib_buf_clear(&buf);
    trib_pw_u64(&w, 16, UINT64_MAX);
    ASSERT_BYTES(&buf, "\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    trib_buf_clear(&buf);
    trib_pw_i64(&w, 1, -1);
    ASSERT_BYTES(&buf, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    trib_buf_clear(&buf);
    trib_pw_f64(&w, 3, -2.5);
    ASSERT_BYTES(&buf, "\x19\0\0\0\0\0\0\x04\xc0");
    trib_buf_clear(&buf);
    trib_pw_bytes(&w, 5, TRIB_STR("a\0b"));
    trib_pw_bytes(&w, 5, (trib_str){0});
    trib_pw_empty(&w, 2);
    ASSERT_BYTES(&buf, "\x2a\x03"
                       "a\0b\x2a\0\x12\0");
    trib_buf_deinit(&buf);
}

static void signed_numbers_alternate(void **state) {
    static const struct {
        int64_t value;
        const char *bytes;
    } rows[] = {{0, "\x10\x00"},
                {-1, "\x10\x01"},
                {1, "\x10\x02"},
                {-2, "\x10\x03"},
                {-65, "\x10\x81\x01"},
                {INT64_MAX, "\x10\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
                {INT64_MIN, "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"}};
    (void)state;
    trib_buf buf;
    trib_pb_writer w;
    trib_buf_init(&buf, MAX_BYTES);
    trib_pw_init(&w, &buf);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_buf_clear(&buf);
        trib_pw_s64(&w, 2, rows[i].value);
        assert_bytes(&buf, rows[i].bytes, rows[i].value ? strlen(rows[i].bytes) : 2);
    }
    trib_buf_deinit(&buf);
}

static void text_that_is_not_utf8_is_repaired(void **state) {
    (void)state;
    trib_buf buf;
    trib_pb_writer w;
    trib_buf_init(&buf, MAX_BYTES);
    trib_pw_init(&w, &buf);
    trib_pw_str(&w, 4, TRIB_STR("h\xc3\xa9"));
    trib_pw_str(&w, 4,
                TRIB_STR("\xff"
                         "a\xc3"));
    ASSERT_BYTES(&buf, "\x22\x03h\xc3\xa9\x22\x07\xef\xbf\xbd"
                       "a\xef\xbf\xbd");
    trib_buf_deinit(&buf);
}

/* The length of every message that is open is found right, whatever its number of bytes. */
static void nested_messages_have_their_lengths(void **state) {
    static const size_t sizes[] = {0, 1, 120, 123, 124, 125, 126, 127, 128, 16376, 16377, 16380, 16384, 70000};
    (void)state;
    char *text = malloc(70000);
    assert_non_null(text);
    memset(text, 'x', 70000);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        trib_buf buf;
        trib_pb_writer w;
        trib_str rest, message;
        uint64_t tag, number;
        trib_buf_init(&buf, MAX_BYTES);
        trib_pw_init(&w, &buf);
        trib_pw_open(&w, 0);
        trib_pw_open(&w, 3);
        trib_pw_bytes(&w, 1, trib_str_make(text, sizes[i]));
        trib_pw_u64(&w, 2, 7);
        trib_pw_close(&w);
        trib_pw_u64(&w, 4, 9);
        trib_pw_close(&w);
        assert_int_equal(w.depth, 0);
        rest = trib_buf_str(&buf);
        assert_true(trib_pb_take_message(&rest, &message));
        assert_int_equal(rest.len, 0);
        assert_true(trib_pb_take_varint(&message, &tag) && tag == (3 << 3 | 2));
        assert_true(trib_pb_take_message(&message, &rest));
        assert_true(trib_pb_take_varint(&message, &tag) && tag == 4 << 3);
        assert_true(trib_pb_take_varint(&message, &number) && number == 9);
        assert_int_equal(message.len, 0);
        assert_true(trib_pb_take_varint(&rest, &tag) && tag == (1 << 3 | 2));
        assert_true(trib_pb_take_message(&rest, &message));
        assert_int_equal(message.len, sizes[i]);
        assert_memory_equal(message.ptr, text, sizes[i]);
        assert_true(trib_pb_take_varint(&rest, &tag) && tag == 2 << 3);
        assert_true(trib_pb_take_varint(&rest, &number) && number == 7);
        assert_int_equal(rest.len, 0);
        trib_buf_deinit(&buf);
    }
    free(text);
}

/* Also at the very end, where only the longer length does not fit any more. */
static void a_full_buffer_fails_and_stays_safe(void **state) {
    (void)state;
    for (size_t max = 0; max < 300; max++) {
        trib_buf buf;
        trib_pb_writer w;
        trib_buf_init(&buf, max);
        trib_pw_init(&w, &buf);
        trib_pw_open(&w, 1);
        for (int i = 0; i < 50; i++) trib_pw_str(&w, 2, TRIB_STR("abc"));
        trib_pw_open(&w, 3);
        trib_pw_empty(&w, 1);
        trib_pw_close(&w);
        trib_pw_close(&w);
        assert_true(buf.failed || buf.len == 257);
        assert_true(buf.len <= max);
        assert_int_equal(w.depth, 0);
        if (max < 257) assert_true(buf.failed);
        trib_buf_deinit(&buf);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_have_the_bytes_of_the_rules), cmocka_unit_test(signed_numbers_alternate),
        cmocka_unit_test(text_that_is_not_utf8_is_repaired),   cmocka_unit_test(nested_messages_have_their_lengths),
        cmocka_unit_test(a_full_buffer_fails_and_stays_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
