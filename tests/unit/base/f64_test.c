/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/base/f64.c: doubles read correctly rounded, written as JavaScript does, and come back as they
 * were. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/f64.h"

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void tokens_become_the_nearest_double(void **state) {
    static const struct {
        const char *token;
        double value;
    } rows[] = {
        {"0", 0.0},
        {"-0", -0.0},
        {"-0.0e5", -0.0},
        {"0e999999999999", 0.0},
        {"1", 1.0},
        {"-1.5", -1.5},
        {"0.1", 0.1},
        {"1e22", 1e22},
        {"1e23", 1e23},
        {"123456789012345678", 123456789012345678.0},
        {"9007199254740993", 9007199254740992.0},
        {"9007199254740993.0000000000000000000001", 9007199254740994.0},
        {"1.7976931348623157e308", 1.7976931348623157e308},
        {"2.2250738585072011e-308", 2.2250738585072011e-308},
        {"2.2250738585072014E-308", 2.2250738585072014e-308},
        {"5e-324", 5e-324},
        {"2.4703282292062328e-324", 5e-324},
        {"2.4703282292062327e-324", 0.0},
        {"1e-400", 0.0},
        {"1e-99999999999999999999", 0.0},
        {"0.000000000000000000000000000001e30", 1.0},
        {"100000000000000000000000000000000e-32", 1.0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double value = 77;
        assert_true(trib_f64_parse(trib_str_c(rows[i].token), &value));
        if (bits_of(value) != bits_of(rows[i].value)) fail_msg("%s is read as %.17g", rows[i].token, value);
    }
}

static void numbers_past_the_range_are_refused(void **state) {
    static const char *const tokens[] = {"1e309", "-1e400", "1.7976931348623159e308", "1e99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        double value = 77;
        assert_false(trib_f64_parse(trib_str_c(tokens[i]), &value));
        assert_true(value == 77);
    }
}

/* The half-way point between 2^53 and its neighbour, with the deciding digit thousands of places away. */
static void digits_that_are_cut_still_decide_the_rounding(void **state) {
    enum { PLACES = 3000 };
    char *token = malloc(PLACES + 40);
    double value;
    (void)state;
    int n = snprintf(token, 40, "9007199254740993.");
    memset(token + n, '0', PLACES);
    assert_true(trib_f64_parse(trib_str_make(token, (size_t)n + PLACES), &value));
    assert_true(value == 9007199254740992.0);
    token[n + PLACES - 1] = '1';
    assert_true(trib_f64_parse(trib_str_make(token, (size_t)n + PLACES), &value));
    assert_true(value == 9007199254740994.0);
    free(token);
}

static void doubles_are_laid_out_as_javascript_does(void **state) {
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "0"},
        {46, "46"},
        {-46, "-46"},
        {0.1, "0.1"},
        {-1.5, "-1.5"},
        {33.51, "33.51"},
        {36.27651, "36.27651"},
        {0.001, "0.001"},
        {0.000001, "0.000001"},
        {0.0000015, "0.0000015"},
        {1e-7, "1e-7"},
        {1.5e-7, "1.5e-7"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {100.0 / 3, "33.333333333333336"},
        {123456.789, "123456.789"},
        {1234567.891, "1234567.891"},
        {9007199254740991.0, "9007199254740991"},
        {9007199254740992.0, "9007199254740992"},
        {9007199254740994.0, "9007199254740994"},
        {1e20, "100000000000000000000"},
        {123456789012345680000.0, "123456789012345680000"},
        {1e21, "1e+21"},
        {1.5e300, "1.5e+300"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {-1e-323, "-1e-323"},
        {4294967296.5, "4294967296.5"},
        {(double)INFINITY, "Infinity"},
        {-(double)INFINITY, "-Infinity"},
        {(double)NAN, "NaN"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[TRIB_F64_BYTES];
        trib_str text = {out, trib_f64_format(rows[i].value, out)};
        if (!trib_str_eq_c(text, rows[i].text)) fail_msg("%s is written as %.*s", rows[i].text, TRIB_STR_ARG(text));
    }
}

static uint64_t next_random(uint64_t *seed) {
    uint64_t z = *seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static void check_round_trip(double value) {
    char out[TRIB_F64_BYTES];
    double back = 77;
    trib_str text = {out, trib_f64_format(value, out)};
    assert_true(text.len <= sizeof out);
    assert_true(trib_f64_parse(text, &back));
    if (bits_of(back) != bits_of(value)) fail_msg("%.17g came back as %.17g", value, back);
}

static void any_double_comes_back_as_it_was(void **state) {
    uint64_t seed = 1;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = next_random(&seed);
        double any, coordinate = (double)(int64_t)(next_random(&seed) % 3600000000U) / 1e7 - 180;
        memcpy(&any, &bits, sizeof any);
        if ((bits >> 52 & 0x7FF) != 0x7FF) check_round_trip(any);
        if (coordinate != 0) check_round_trip(coordinate);
    }
    /* powers of two, where the neighbours are not equally far */
    double power = 4.9406564584124654e-324;
    for (int i = -1074; i < 1023; i++, power *= 2) {
        check_round_trip(power);
        check_round_trip(-power);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_become_the_nearest_double),
        cmocka_unit_test(numbers_past_the_range_are_refused),
        cmocka_unit_test(digits_that_are_cut_still_decide_the_rounding),
        cmocka_unit_test(doubles_are_laid_out_as_javascript_does),
        cmocka_unit_test(any_double_comes_back_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
