/* SPDX-License-Identifier: Apache-2.0 */
/* Durations and sizes: every unit, order, overflow. */
#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void durations_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"30d", INT64_C(2592000000)},
        {"12h", 43200000},
        {"15m", 900000},
        {"10s", 10000},
        {"500ms", 500},
        {"0", 0},
        {"0s", 0},
        {"2w1d30m", INT64_C(1209600000) + 86400000 + 1800000},
        {"1s1ms", 1001},
        {"9223372036854775807ms", INT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ms = -1;
        assert_true(trib_units_duration_ms(trib_str_c(rows[i].text), &ms));
        assert_true(ms == rows[i].ms);
    }
}

static void what_is_no_duration_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "30",
                                      "d",
                                      "-1d",
                                      "1.5h",
                                      "1 d",
                                      "1D",
                                      "1d1w",
                                      "1d1d",
                                      "1y",
                                      "never",
                                      "1d ",
                                      "1d2",
                                      "9223372036854775808ms",
                                      "106751991168d",
                                      "9223372036854775807ms1s",
                                      "9223372036854775s999ms"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t ms = 42;
        if (trib_units_duration_ms(trib_str_c(bad[i]), &ms)) fail_msg("accepted %s", bad[i]);
        assert_true(ms == 42);
    }
}

static void sizes_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {
        {"0", 0},
        {"17", 17},
        {"17b", 17},
        {"100MB", 100000000},
        {"256mb", 256000000},
        {"1GiB", 1073741824},
        {"1 gib", 1073741824},
        {"4k", 4000},
        {"4KiB", 4096},
        {"2T", UINT64_C(2000000000000)},
        {"1tib", UINT64_C(1099511627776)},
        {"3M", 3000000},
        {"18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t bytes = 1;
        assert_true(trib_units_bytes(trib_str_c(rows[i].text), &bytes));
        assert_true(bytes == rows[i].bytes);
    }
}

static void what_is_no_size_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",           "MB", "-1MB", "1.5GB", "1PB", "1 ", "1  MB", "1MB ", "1MBB", "1MiB1KiB", "18446744073709551616",
        "16777216TiB"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t bytes = 42;
        if (trib_units_bytes(trib_str_c(bad[i]), &bytes)) fail_msg("accepted %s", bad[i]);
        assert_true(bytes == 42);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(what_is_no_size_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
