/* SPDX-License-Identifier: Apache-2.0 */
/* RoaringBitmaps of every kind of container, written as the format's description says, and bytes that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/roaring.h"

static bool has(const char *bytes, size_t n, uint32_t value) {
    trib_roaring set;
    assert_true(trib_roaring_read(trib_str_make(bytes, n), &set));
    return trib_roaring_has(&set, value);
}

/* {1, 5, 65536 + 7}: two arrays, with offsets */
static const char arrays[] = "\x3a\x30\0\0\x02\0\0\0\0\0\x01\0\x01\0\0\0\x18\0\0\0\x1c\0\0\0\x01\0\x05\0\x07\0";
/* {10..19, 100}: one container of two runs, no offsets */
static const char runs[] = "\x3b\x30\0\0\x01\0\0\x0a\0\x02\0\x0a\0\x09\0\x64\0\0\0";

static void values_are_found_in_arrays_and_runs(void **state) {
    (void)state;
    const size_t n = sizeof arrays - 1, m = sizeof runs - 1;
    assert_true(has(arrays, n, 1) && has(arrays, n, 5) && has(arrays, n, 65543));
    assert_false(has(arrays, n, 0) || has(arrays, n, 7) || has(arrays, n, 65537) || has(arrays, n, 131072 + 1));
    assert_true(has(runs, m, 10) && has(runs, m, 19) && has(runs, m, 100));
    assert_false(has(runs, m, 9) || has(runs, m, 20) || has(runs, m, 101));
    assert_false(has("", 0, 0));
}

static void values_are_found_in_bits(void **state) {
    (void)state;
    static char bytes[4 + 4 + 4 + 4 + 8192] = "\x3a\x30\0\0\x01\0\0\0\0\0\xff\x1f\x10\0\0\0";
    memset(bytes + 16, 0xff, 1024); /* 0..8191 */
    assert_true(has(bytes, sizeof bytes, 0) && has(bytes, sizeof bytes, 8191));
    assert_false(has(bytes, sizeof bytes, 8192));
}

static void bytes_that_end_too_early_or_lie_are_refused(void **state) {
    (void)state;
    trib_roaring set;
    for (size_t n = 1; n < sizeof arrays - 1; n++) assert_false(trib_roaring_read(trib_str_make(arrays, n), &set));
    for (size_t n = 1; n < sizeof runs - 1; n++) assert_false(trib_roaring_read(trib_str_make(runs, n), &set));
    char wrong[sizeof arrays];
    memcpy(wrong, arrays, sizeof arrays);
    wrong[12] = 0; /* the second key is the first one again */
    assert_false(trib_roaring_read(trib_str_make(wrong, sizeof arrays - 1), &set));
    assert_false(trib_roaring_read(trib_str_make("\x3a\x30\0\0\xff\xff\xff\xff", 8), &set));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_in_arrays_and_runs),
        cmocka_unit_test(values_are_found_in_bits),
        cmocka_unit_test(bytes_that_end_too_early_or_lie_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
