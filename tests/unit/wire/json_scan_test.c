/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/wire/json_scan.h: every way of scanning finds the same byte as looking at one after the other. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "wire/json_scan.h"

typedef const char *(*scan_fn)(const char *at, const char *end, unsigned *ret_high);

static size_t naive(const unsigned char *bytes, size_t n, int *high) {
    size_t i = 0;
    *high = 0;
    while (i < n && bytes[i] >= 0x20 && bytes[i] != '"' && bytes[i] != '\\') *high |= bytes[i++] >= 0x80;
    return i;
}

/* One special byte at every place of texts of every length up to 70, over plain fillers that border on the special
 * ones. */
static void check(scan_fn scan) {
    static const unsigned char fillers[] = {' ', '!', '#', '[', ']', '~', 0x7F, 0x80, 0xA2, 0xDC, 0xFF};
    static const unsigned char specials[] = {0, 1, 0x1F, 0x20, 0x21, '"', '\\', 0x80, 0xA2, 0xDC, 0xFF};
    for (size_t f = 0; f < sizeof fillers; f++) {
        for (size_t n = 0; n <= 70; n++) {
            for (size_t place = 0; place < n + 1; place++) {
                for (size_t s = 0; s < sizeof specials; s++) {
                    int want_high;
                    unsigned high = 0;
                    /* exact allocation: the sanitizer sees a read past the end */
                    unsigned char *text = malloc(n ? n : 1);
                    memset(text, fillers[f], n);
                    if (place < n) text[place] = specials[s];
                    size_t want = naive(text, n, &want_high);
                    const char *stop = scan((const char *)text, (const char *)text + n, &high);
                    assert_int_equal(stop - (const char *)text, want);
                    assert_int_equal(high != 0, want_high);
                    free(text);
                }
            }
        }
    }
}

static void the_chosen_scan_agrees_with_the_naive_one(void **state) {
    (void)state;
    check(trib_json_scan);
}

static void the_portable_scan_agrees_with_the_naive_one(void **state) {
    (void)state;
    check(trib_json_scan_swar);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chosen_scan_agrees_with_the_naive_one),
        cmocka_unit_test(the_portable_scan_agrees_with_the_naive_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
