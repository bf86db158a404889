/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the buckets of latencies. */
#include "base/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void every_value_is_known_to_two_per_cent(void **state) {
    (void)state;
    for (uint64_t ns = 1; ns < UINT64_C(1) << 40; ns += ns / 7 + 1) {
        size_t bucket = trib_latency_bucket(ns);
        assert_true(bucket < TRIB_LATENCY_BUCKETS);
        uint64_t top = trib_latency_bucket_top(bucket);
        assert_true(top >= ns);
        assert_true((double)(top - ns) <= (double)ns * 0.02);
        assert_true(bucket == 0 || trib_latency_bucket_top(bucket - 1) < ns);
    }
}

static void percents_are_those_of_the_values(void **state) {
    trib_latency *l = calloc(1, sizeof *l);
    (void)state;
    assert_non_null(l);
    assert_true(trib_latency_us(l, 99) < 0.001);
    for (uint64_t us = 1; us <= 1000; us++) trib_latency_add(l, us * 1000);
    assert_true(trib_latency_us(l, 50) > 490 && trib_latency_us(l, 50) < 512);
    assert_true(trib_latency_us(l, 99) > 980 && trib_latency_us(l, 99) <= 1000);
    assert_true(trib_latency_us(l, 100) > 999);
    assert_true(trib_latency_mean_us(l) > 500 && trib_latency_mean_us(l) < 501);
    assert_int_equal(l->max_ns, 1000000);
    free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_known_to_two_per_cent),
        cmocka_unit_test(percents_are_those_of_the_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
