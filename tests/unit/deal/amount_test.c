/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deal/amount.c: amounts are exact, and what is not exact is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "deal/amount.h"
#include "wire/json.h"

static const struct {
    const char *text;
    unsigned decimals;
    int64_t amount;
    const char *js, *fixed;
} good[] = {
    {"46", 2, 4600, "46", "46.00"},
    {"46.0", 2, 4600, "46", "46.00"},
    {"46.00000", 2, 4600, "46", "46.00"},
    {"12.5", 2, 1250, "12.5", "12.50"},
    {"0.05", 2, 5, "0.05", "0.05"},
    {"-0.05", 2, -5, "-0.05", "-0.05"},
    {"-2", 6, -2000000, "-2", "-2.000000"},
    {"0.333", 6, 333000, "0.333", "0.333000"},
    {"0.000001", 6, 1, "0.000001", "0.000001"},
    {"1e-6", 6, 1, "0.000001", "0.000001"},
    {"4.6E1", 2, 4600, "46", "46.00"},
    {"1500", 0, 1500, "1500", "1500"},
    {"12.345", 3, 12345, "12.345", "12.345"},
    {"0", 2, 0, "0", "0.00"},
    {"-0.0", 2, 0, "0", "0.00"},
    {"0e99", 2, 0, "0", "0.00"},
    {"9999999999999.99", 2, TRIB_DEAL_AMOUNT_MAX, "9999999999999.99", "9999999999999.99"},
    {"-9999999999999.99", 2, -TRIB_DEAL_AMOUNT_MAX, "-9999999999999.99", "-9999999999999.99"},
};

static void decimals_are_read_and_written_exactly(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char out[TRIB_DEAL_AMOUNT_BYTES];
        int64_t amount = 77;
        assert_true(trib_deal_amount_parse(trib_str_c(good[i].text), good[i].decimals, &amount));
        assert_int_equal(amount, good[i].amount);
        size_t n = trib_deal_amount_format(amount, good[i].decimals, out);
        assert_true(trib_str_eq_c(trib_str_make(out, n), good[i].js));
        n = trib_deal_amount_format_fixed(amount, good[i].decimals, out);
        assert_true(trib_str_eq_c(trib_str_make(out, n), good[i].fixed));
    }
}

static void what_is_no_exact_amount_is_refused(void **state) {
    static const struct {
        const char *text;
        unsigned decimals;
    } bad[] = {{"", 2},
               {"-", 2},
               {".5", 2},
               {"5.", 2},
               {"1..2", 2},
               {"1.2.3", 2},
               {"46.005", 2},
               {"0.5", 0},
               {"1e", 2},
               {"1e+", 2},
               {"1e-3", 2},
               {"10000000000000", 2},
               {"1e300", 2},
               {"1e9999", 2},
               {"+1", 2},
               {" 1", 2},
               {"1 ", 2},
               {"abc", 2},
               {"1e2x", 2},
               {"--1", 2},
               {"NaN", 2},
               {"0x10", 2},
               {"1,5", 2},
               {"1e-400", 2},
               {"99999999999999999999", 0}};
    int64_t amount = 77;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(trib_deal_amount_parse(trib_str_c(bad[i].text), bad[i].decimals, &amount));
    char zeros[TRIB_DEAL_TOKEN_MAX_BYTES + 1];
    memset(zeros, '0', sizeof zeros);
    assert_false(trib_deal_amount_parse(trib_str_make(zeros, sizeof zeros), 2, &amount));
    assert_int_equal(amount, 77);
}

static void doubles_of_a_real_column_come_back_as_they_were_written(void **state) {
    uint64_t random = 88172645463325252U;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char out[TRIB_DEAL_AMOUNT_BYTES];
        int64_t back = 0;
        double value = 0;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        unsigned decimals = (unsigned)(random % (TRIB_DEAL_DECIMALS_MAX + 1));
        int64_t amount = (int64_t)(random >> 8) % (TRIB_DEAL_AMOUNT_MAX + 1);
        if (random & 128) amount = -amount;
        trib_str text = trib_str_make(out, trib_deal_amount_format(amount, decimals, out));
        assert_true(trib_deal_amount_parse(text, decimals, &back) && back == amount);
        assert_true(trib_f64_parse(text, &value));
        assert_true(trib_deal_amount_from_f64(value, decimals, &back));
        assert_int_equal(back, amount);
    }
}

static void doubles_that_are_no_amounts_are_refused(void **state) {
    int64_t amount = 77;
    (void)state;
    assert_false(trib_deal_amount_from_f64((double)NAN, 2, &amount));
    assert_false(trib_deal_amount_from_f64((double)INFINITY, 2, &amount));
    assert_false(trib_deal_amount_from_f64(1e17, 2, &amount));
    assert_false(trib_deal_amount_from_f64(0.1 + 0.2, 2, &amount)); /* 0.30000000000000004 */
    assert_int_equal(amount, 77);
}

static void quantity_times_price_is_rounded_half_away_from_zero(void **state) {
    static const struct {
        int64_t qty, price, want;
    } rows[] = {{2000000, 1800, 3600}, {333000, 1000, 333}, {333500, 1001, 334}, {500000, 1, 1},
                {499999, 1, 0},        {-500000, 1, -1},    {500000, -3, -2},    {0, TRIB_DEAL_AMOUNT_MAX, 0}};
    int64_t got = 0;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(trib_deal_amount_times(rows[i].qty, rows[i].price, &got));
        assert_int_equal(got, rows[i].want);
    }
    assert_false(trib_deal_amount_times(TRIB_DEAL_AMOUNT_MAX, TRIB_DEAL_AMOUNT_MAX, &got));
    assert_false(trib_deal_amount_times(2000000, TRIB_DEAL_AMOUNT_MAX - 1, &got));
}

static void sums_past_the_largest_amount_are_refused(void **state) {
    int64_t sum = 7;
    (void)state;
    assert_true(trib_deal_amount_add(TRIB_DEAL_AMOUNT_MAX - 1, 1, &sum) && sum == TRIB_DEAL_AMOUNT_MAX);
    assert_false(trib_deal_amount_add(TRIB_DEAL_AMOUNT_MAX, 1, &sum));
    assert_false(trib_deal_amount_add(-TRIB_DEAL_AMOUNT_MAX, -1, &sum));
    assert_false(trib_deal_amount_add(INT64_MAX, INT64_MAX, &sum));
    assert_int_equal(sum, TRIB_DEAL_AMOUNT_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_are_read_and_written_exactly),
        cmocka_unit_test(what_is_no_exact_amount_is_refused),
        cmocka_unit_test(doubles_of_a_real_column_come_back_as_they_were_written),
        cmocka_unit_test(doubles_that_are_no_amounts_are_refused),
        cmocka_unit_test(quantity_times_price_is_rounded_half_away_from_zero),
        cmocka_unit_test(sums_past_the_largest_amount_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
