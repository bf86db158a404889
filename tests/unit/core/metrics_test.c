/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: the page is OpenMetrics text, values are exact, running out of room is harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/metrics.h"

static char *page(const trib_metrics *metrics) {
    trib_buf buf;
    char *text;
    trib_buf_init(&buf, TRIB_METRICS_TEXT_MAX);
    trib_metrics_write(metrics, &buf);
    trib_buf_add_char(&buf, '\0');
    assert_false(buf.failed);
    trib_buf_take(&buf, &text);
    return text;
}

static double seven(void *ctx) {
    (void)ctx;
    return 7.5;
}

static void the_page_has_each_family_once_with_its_rows(void **state) {
    (void)state;
    trib_metrics *metrics;
    trib_error err;
    assert_int_equal(trib_metrics_new(&metrics, &err), TRIB_OK);
    trib_counter *a = trib_metrics_add_counter(metrics, "x", "Help", "k=\"a\"");
    trib_counter *b = trib_metrics_add_counter(metrics, "x", "Help", "k=\"b\"");
    trib_metrics_add_gauge(metrics, "g", "Gauge", NULL, seven, NULL);
    trib_counter_add(a, 2);
    trib_counter_add(a, 3);
    trib_counter_add(b, 1);
    char *text = page(metrics);
    assert_string_equal(text, "# TYPE x counter\n# HELP x Help\nx_total{k=\"a\"} 5\nx_total{k=\"b\"} 1\n"
                              "# TYPE g gauge\n# HELP g Gauge\ng 7.5\n# EOF\n");
    free(text);
    trib_metrics_free(metrics);
}

static void a_histogram_counts_up_to_each_edge(void **state) {
    (void)state;
    trib_metrics *metrics;
    trib_error err;
    assert_int_equal(trib_metrics_new(&metrics, &err), TRIB_OK);
    trib_histogram *h = trib_metrics_add_histogram(metrics, "h", "Help", "r=\"1\"");
    trib_histogram_add_us(h, 0);
    trib_histogram_add_us(h, 100);
    trib_histogram_add_us(h, 101);
    trib_histogram_add_us(h, UINT64_C(3600000000));
    char *text = page(metrics);
    assert_non_null(strstr(text, "h_bucket{r=\"1\",le=\"0.0001\"} 2\n"));
    assert_non_null(strstr(text, "h_bucket{r=\"1\",le=\"0.0002\"} 3\n"));
    assert_non_null(strstr(text, "h_bucket{r=\"1\",le=\"1.6384\"} 3\n"));
    assert_non_null(strstr(text, "h_bucket{r=\"1\",le=\"+Inf\"} 4\n"));
    assert_non_null(strstr(text, "h_sum{r=\"1\"} 3600.000201\n"));
    assert_non_null(strstr(text, "h_count{r=\"1\"} 4\n"));
    free(text);
    trib_metrics_free(metrics);
}

static void too_many_series_still_count_but_do_not_show(void **state) {
    (void)state;
    trib_metrics *metrics;
    trib_error err;
    assert_int_equal(trib_metrics_new(&metrics, &err), TRIB_OK);
    for (int i = 0; i < TRIB_METRICS_MAX; i++) trib_metrics_add_counter(metrics, "x", "Help", NULL);
    trib_counter *lost = trib_metrics_add_counter(metrics, "lost", "Help", NULL);
    trib_counter_add(lost, 1);
    char *text = page(metrics);
    assert_null(strstr(text, "lost"));
    free(text);
    trib_metrics_free(metrics);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_has_each_family_once_with_its_rows),
        cmocka_unit_test(a_histogram_counts_up_to_each_edge),
        cmocka_unit_test(too_many_series_still_count_but_do_not_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
