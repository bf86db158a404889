/* SPDX-License-Identifier: Apache-2.0 */
/* The n-th allocation of a compressed stream fails, for every n: there is no stream then, or its output says so, and
 * nothing leaks (LeakSanitizer). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/alloc_fail.h"
#include "wire/gzip.h"

enum { PIECES = 20 };

/* Whether the stream came to its end. */
static bool life(void) {
    static char bytes[30000];
    trib_buf out;
    trib_buf_init(&out, 1 << 20);
    uint32_t random = 1;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)((random = random * 1664525 + 1013904223) >> 24);
    trib_gzip *gzip = trib_gzip_new();
    for (int i = 0; gzip && i < PIECES; i++) {
        trib_gzip_keep(gzip);
        trib_gzip_add(gzip, trib_str_make(bytes, sizeof bytes), i == PIECES - 1, &out);
    }
    bool fine = gzip && !out.failed;
    trib_gzip_free(gzip);
    trib_buf_deinit(&out);
    return fine;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    uint64_t n = 1;
    for (;; n++) {
        alloc_fail_at(n, false);
        bool fine = life(), struck = alloc_fail_struck();
        alloc_fail_at(0, false);
        assert_int_equal(fine, !struck);
        if (!struck) break;
    }
    assert_true(n > 8); /* the state, zlib's five, growing output */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
