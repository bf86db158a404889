/* SPDX-License-Identifier: Apache-2.0 */
/* Dates at the edges of months, leap years and eras, both ways. */
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
    int64_t ms;
    const char *iso, *http;
} rows[] = {
    {0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
    {-1, "1969-12-31T23:59:59.999Z", "Wed, 31 Dec 1969 23:59:59 GMT"},
    {INT64_C(784111777000), "1994-11-06T08:49:37.000Z", "Sun, 06 Nov 1994 08:49:37 GMT"}, /* RFC 9110 §5.6.7 */
    {INT64_C(951782400000), "2000-02-29T00:00:00.000Z", "Tue, 29 Feb 2000 00:00:00 GMT"},
    {INT64_C(951868800000), "2000-03-01T00:00:00.000Z", "Wed, 01 Mar 2000 00:00:00 GMT"},
    {INT64_C(4107542400000), "2100-03-01T00:00:00.000Z", "Mon, 01 Mar 2100 00:00:00 GMT"},
    {INT64_C(1795271280123), "2026-11-21T14:28:00.123Z", "Sat, 21 Nov 2026 14:28:00 GMT"},
    {TRIB_TIME_MIN_MS, "0000-01-01T00:00:00.000Z", "Sat, 01 Jan 0000 00:00:00 GMT"},
    {TRIB_TIME_MAX_MS, "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 GMT"},
};

static void known_times_are_written_and_read(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char iso[TRIB_TIME_ISO_BYTES], http[TRIB_TIME_HTTP_BYTES];
        int64_t ms = 1;
        trib_time_to_iso(rows[i].ms, iso);
        trib_time_to_http(rows[i].ms, http);
        assert_string_equal(iso, rows[i].iso);
        assert_string_equal(http, rows[i].http);
        assert_true(trib_time_from_iso(trib_str_c(iso), &ms));
        assert_true(ms == rows[i].ms);
    }
}

static void times_past_four_digit_years_are_clamped(void **state) {
    (void)state;
    char iso[TRIB_TIME_ISO_BYTES];
    trib_time_to_iso(INT64_MAX, iso);
    assert_string_equal(iso, "9999-12-31T23:59:59.999Z");
    trib_time_to_iso(INT64_MIN, iso);
    assert_string_equal(iso, "0000-01-01T00:00:00.000Z");
}

static void every_day_of_four_centuries_follows_the_last(void **state) {
    (void)state;
    int64_t days = trib_time_days_from_date(1900, 1, 1);
    for (int64_t year = 1900; year < 2300; year++) {
        for (unsigned month = 1; month <= 12; month++) {
            for (unsigned day = 1; trib_time_date_exists(year, month, day); day++) {
                assert_true(trib_time_days_from_date(year, month, day) == days++);
            }
        }
    }
    assert_true(days == trib_time_days_from_date(2300, 1, 1));
}

static void other_forms_of_rfc_3339_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } forms[] = {
        {"1970-01-02", 86400000},         {"1970-01-01T00:00:01Z", 1000},
        {"1970-01-01 00:00:01.5Z", 1500}, {"1970-01-01t00:00:01.123456789z", 1123},
        {"1970-01-01T01:00:00+01:00", 0}, {"1969-12-31T18:30:00-05:30", 0},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        int64_t ms = -99;
        assert_true(trib_time_from_iso(trib_str_c(forms[i].text), &ms));
        assert_true(ms == forms[i].ms);
    }
}

static void what_is_no_time_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "1970",
        "1970-1-1",
        "1970-00-01",
        "1970-13-01",
        "1970-01-00",
        "1970-04-31",
        "1900-02-29",
        "2023-02-29",
        "1970-01-01T",
        "1970-01-01T00:00:00",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:60Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00ZZ",
        "1970-01-01T00:00:00+0100",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00Z",
        "-1970-01-01",
        "1970-01-01Z",
        "+970-01-01",
        " 1970-01-01",
        "1970-01-01T00:00:00,5Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t ms = 42;
        if (trib_time_from_iso(trib_str_c(bad[i]), &ms)) fail_msg("accepted %s", bad[i]);
        assert_true(ms == 42);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_times_are_written_and_read),
        cmocka_unit_test(times_past_four_digit_years_are_clamped),
        cmocka_unit_test(every_day_of_four_centuries_follows_the_last),
        cmocka_unit_test(other_forms_of_rfc_3339_are_read),
        cmocka_unit_test(what_is_no_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
