/* SPDX-License-Identifier: Apache-2.0 */
/* The growing buffer: contents, its maximum, the sticky failure, and realloc failing. The source is included for
 * that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static bool no_memory;

static void *test_realloc_(void *p, size_t n) {
    return no_memory ? NULL : realloc(p, n);
}

#define realloc(p, n) test_realloc_(p, n)
#include "base/buf.c" /* NOLINT */
#undef realloc

#include <cmocka.h>

static void all_kinds_are_appended_in_order(void **state) {
    (void)state;
    trib_buf buf;
    trib_buf_init(&buf, 1000);
    trib_buf_add(&buf, TRIB_STR("a"));
    trib_buf_add(&buf, (trib_str){0});
    trib_buf_add_c(&buf, "b");
    trib_buf_add_char(&buf, 'c');
    trib_buf_add_bytes(&buf, "\0d", 2);
    trib_buf_add_u64(&buf, UINT64_MAX);
    trib_buf_add_i64(&buf, INT64_MIN);
    trib_buf_add_i64(&buf, 0);
    trib_buf_printf(&buf, "%d%s", 7, "e");
    static const char want[] = "abc\0d18446744073709551615-922337203685477580807e";
    assert_false(buf.failed);
    assert_int_equal(buf.len, sizeof want - 1);
    assert_memory_equal(buf.ptr, want, sizeof want - 1);
    trib_buf_consume(&buf, 3);
    assert_memory_equal(buf.ptr, "\0d", 2);
    trib_buf_consume(&buf, 9999);
    assert_int_equal(buf.len, 0);
    trib_buf_deinit(&buf);
    trib_buf_deinit(NULL);
}

static void the_maximum_is_exact_and_failure_sticks_until_clear(void **state) {
    (void)state;
    char bytes[1000];
    trib_buf buf;
    memset(bytes, 'x', sizeof bytes);
    trib_buf_init(&buf, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) trib_buf_add_char(&buf, 'x');
    assert_false(buf.failed);
    assert_memory_equal(buf.ptr, bytes, sizeof bytes);
    trib_buf_add_char(&buf, 'y');
    assert_true(buf.failed);
    assert_int_equal(buf.len, sizeof bytes);
    trib_buf_clear(&buf);
    assert_false(buf.failed);
    volatile size_t huge = SIZE_MAX; /* hidden from the compiler, which would warn */
    trib_buf_add_bytes(&buf, bytes, huge);
    assert_true(buf.failed);
    trib_buf_add_char(&buf, 'z');
    assert_int_equal(buf.len, 0);
    trib_buf_deinit(&buf);
}

static void without_memory_the_contents_stay(void **state) {
    (void)state;
    trib_buf buf;
    trib_buf_init(&buf, 1 << 20);
    trib_buf_add_c(&buf, "kept");
    no_memory = true;
    assert_false(trib_buf_reserve(&buf, 5000));
    no_memory = false;
    assert_true(buf.failed);
    assert_true(trib_str_eq_c(trib_buf_str(&buf), "kept"));
    trib_buf_deinit(&buf);
}

static void taking_moves_the_bytes_out(void **state) {
    (void)state;
    trib_buf buf;
    char *bytes;
    trib_buf_init(&buf, 100);
    trib_buf_add_c(&buf, "moved");
    assert_int_equal(trib_buf_take(&buf, &bytes), 5);
    assert_memory_equal(bytes, "moved", 5);
    assert_int_equal(buf.len + buf.cap, 0);
    free(bytes);
    trib_buf_add_c(&buf, "again");
    assert_true(trib_str_eq_c(trib_buf_str(&buf), "again"));
    trib_buf_deinit(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_are_appended_in_order),
        cmocka_unit_test(the_maximum_is_exact_and_failure_sticks_until_clear),
        cmocka_unit_test(without_memory_the_contents_stay),
        cmocka_unit_test(taking_moves_the_bytes_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
