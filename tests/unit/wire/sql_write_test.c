/* SPDX-License-Identifier: Apache-2.0 */
/* Values as SQL text, read back by SQLite itself: every one comes back bit for bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "wire/sql_write.h"

enum { RANDOM_DOUBLES = 30000 };

static sqlite3 *sqlite;
static trib_buf out;

static int setup(void **state) {
    (void)state;
    trib_buf_init(&out, 16 << 20);
    return sqlite3_open(":memory:", &sqlite) == SQLITE_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    trib_buf_deinit(&out);
    sqlite3_close(sqlite);
    return 0;
}

static const char *text_of(trib_buf *buf) {
    trib_buf_add_char(buf, '\0');
    assert_false(buf->failed);
    return buf->ptr;
}

static const char *written(trib_value value) {
    trib_buf_clear(&out);
    trib_sql_write_value(&out, value);
    return text_of(&out);
}

static trib_value text(const char *bytes, size_t len) {
    return (trib_value){.type = TRIB_VALUE_TEXT, .bytes = {bytes, len}};
}

static bool comes_back(trib_value value) {
    char *sql = sqlite3_mprintf("SELECT %s", written(value));
    sqlite3_stmt *stmt = NULL;
    bool same = sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW;
    int type = same ? sqlite3_column_type(stmt, 0) : 0;
    size_t len = value.bytes.len;
    double real = same ? sqlite3_column_double(stmt, 0) : 0;
    switch (value.type) {
    case TRIB_VALUE_NULL: same = same && type == SQLITE_NULL; break;
    case TRIB_VALUE_INTEGER:
        same = same && type == SQLITE_INTEGER && sqlite3_column_int64(stmt, 0) == value.integer;
        break;
    case TRIB_VALUE_REAL: same = same && type == SQLITE_FLOAT && memcmp(&real, &value.real, sizeof real) == 0; break;
    case TRIB_VALUE_TEXT:
    case TRIB_VALUE_BLOB:
        same = same && type == (value.type == TRIB_VALUE_TEXT ? SQLITE_TEXT : SQLITE_BLOB) &&
               (size_t)sqlite3_column_bytes(stmt, 0) == len &&
               (len == 0 || memcmp(sqlite3_column_blob(stmt, 0), value.bytes.ptr, len) == 0);
        break;
    }
    sqlite3_finalize(stmt);
    sqlite3_free(sql);
    if (!same) print_error("%s\n", out.ptr);
    return same;
}

static void integers_and_null_come_back(void **state) {
    (void)state;
    const int64_t integers[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MIN + 1, 1000000000000};
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++)
        assert_true(comes_back((trib_value){.type = TRIB_VALUE_INTEGER, .integer = integers[i]}));
    assert_true(comes_back((trib_value){.type = TRIB_VALUE_NULL}));
}

static bool real_comes_back(double value) {
    return comes_back((trib_value){.type = TRIB_VALUE_REAL, .real = value});
}

static void every_double_comes_back_bit_for_bit(void **state) {
    (void)state;
    const double doubles[] = {0.0,
                              -0.0,
                              1.0,
                              0.1,
                              -0.1,
                              12.37,
                              1e15,
                              1e16,
                              1e20,
                              1e22,
                              1e23,
                              1e300,
                              -1e300,
                              5e-324,
                              1e-323,
                              2.5e-310,
                              2.2250738585072014e-308,
                              1e-300,
                              1e-299,
                              (double)INFINITY,
                              -(double)INFINITY,
                              9007199254740993.0,
                              0x1.fffffffffffffp+1023,
                              4.35,
                              0.3,
                              123456789.123456789,
                              9.5e-7,
                              1.7976931348623157e308};
    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++) assert_true(real_comes_back(doubles[i]));
    assert_string_equal(written((trib_value){.type = TRIB_VALUE_REAL, .real = (double)NAN}), "NULL");
    assert_string_equal(written((trib_value){.type = TRIB_VALUE_REAL, .real = 46}), "46.0");
    uint64_t bits = 88172645463325252;
    for (int i = 0; i < RANDOM_DOUBLES; i++) {
        double value;
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) assert_true(real_comes_back(value));
        assert_true(real_comes_back((double)(bits % 100000000) / 100));
    }
}

#define BYTES(literal) text(literal, sizeof literal - 1)

static void every_text_comes_back_byte_for_byte(void **state) {
    (void)state;
    const trib_value texts[] = {
        BYTES(""),
        BYTES("a"),
        BYTES("it's"),
        BYTES("''"),
        BYTES("a\nb"),
        BYTES("a\r\nb"),
        BYTES("\r"),
        BYTES("\n\n'\r\r"),
        BYTES("\\n"),
        BYTES("\\n\n"),
        BYTES("\\\n"),
        BYTES("\\n\\012\n"),
        BYTES("\\r\\015\r"),
        BYTES("a\0b"),
        BYTES("\0"),
        BYTES("\xff\xfe"),
        BYTES("\xc3\xa9\n"),
        BYTES("end;\nnew"),
        BYTES("-- no comment"),
        BYTES("\xed\xa0\x80"),
        BYTES("\\\r\\\n"),
        BYTES("\\0\n12"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_true(comes_back(texts[i]));
        /* whoever reads by lines must not see a break that is data */
        assert_null(strpbrk(written(texts[i]), "\r\n"));
    }
    assert_string_equal(written(BYTES("a\nb")), "replace('a\\nb','\\n',char(10))");
}

static void every_blob_comes_back(void **state) {
    (void)state;
    char all[256];
    for (int i = 0; i < 256; i++) all[i] = (char)i;
    assert_true(comes_back((trib_value){.type = TRIB_VALUE_BLOB, .bytes = {all, sizeof all}}));
    assert_true(comes_back((trib_value){.type = TRIB_VALUE_BLOB, .bytes = {all, 0}}));
}

static void names_are_quoted(void **state) {
    (void)state;
    trib_sql_write_name(&out, TRIB_STR("a\"b c"));
    assert_string_equal(text_of(&out), "\"a\"\"b c\"");
}

static void a_buffer_that_is_full_stays_failed(void **state) {
    (void)state;
    trib_buf small;
    trib_buf_init(&small, 8);
    trib_sql_write_value(&small, BYTES("far too long a text for it"));
    trib_sql_write_value(&small, (trib_value){.type = TRIB_VALUE_BLOB, .bytes = {"123456789", 9}});
    assert_true(small.failed);
    trib_buf_deinit(&small);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(integers_and_null_come_back),
        TEST(every_double_comes_back_bit_for_bit),
        TEST(every_text_comes_back_byte_for_byte),
        TEST(every_blob_comes_back),
        TEST(names_are_quoted),
        TEST(a_buffer_that_is_full_stays_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
