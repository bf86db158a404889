/* SPDX-License-Identifier: Apache-2.0 */
/* What a city reads of a page of metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/city.h"

static void is(double is, double wanted) {
    if (is < wanted - 0.0001 || is > wanted + 0.0001) fail_msg("%g is not %g", is, wanted);
}

static void families_are_added_up_and_one_label_is_found(void **state) {
    city_metrics m;
    (void)state;
    city_metrics_read(TRIB_STR("# TYPE trib_syncs counter\n# HELP trib_syncs 5\n"
                               "trib_syncs_total{database=\"streams\"} 5\n"
                               "trib_syncs_total{database=\"tenants\"} 7\n"
                               "trib_synced_commits_total{database=\"streams\"} 12\n"
                               "trib_stream_events_total{type=\"food\"} 100\n"
                               "trib_stream_events_total{type=\"a ride\"} 20\n"
                               "trib_stream_database_bytes 4096\n"
                               "trib_process_cpu_seconds 1.5\n"
                               "trib_syncs_total 3\n"
                               "trib_process_resident_bytes\n"
                               "trib_archive_backlog nothing\n"
                               "# EOF\n"),
                      &m);
    is(m.syncs, 5);
    is(m.all_syncs, 15);
    is(m.commits, 12);
    is(m.events, 120);
    is(m.database_bytes, 4096);
    is(m.cpu_seconds, 1.5);
    is(m.rss_bytes, 0);
    is(m.backlog, 0);
}

static void a_page_may_end_anywhere(void **state) {
    static const char page[] = "trib_syncs_total{database=\"streams\"} 5\ntrib_stream_database_bytes 4096";
    city_metrics m;
    (void)state;
    for (size_t len = 0; len < sizeof page; len++) city_metrics_read(trib_str_make(page, len), &m);
    city_metrics_read(trib_str_make(page, sizeof page - 1), &m);
    is(m.database_bytes, 4096);
}

static void a_number_is_a_number(void **state) {
    static const char *const others[] = {"", "x", "1x", "-", ".", "nan", "0x10", " 1"};
    double number = 0;
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(city_number(trib_str_c(others[i]), &number));
    assert_true(city_number(TRIB_STR("2.5e1"), &number));
    is(number, 25);
    assert_true(city_number(TRIB_STR("-3"), &number));
    is(number, -3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_are_added_up_and_one_label_is_found),
        cmocka_unit_test(a_page_may_end_anywhere),
        cmocka_unit_test(a_number_is_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
