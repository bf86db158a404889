/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics registry; see metrics.h. OpenMetrics 1.0 text: https://prometheus.io/docs/specs/om/open_metrics_spec/ */
#include "core/metrics.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKET_US = 100, LABELS_MAX_BYTES = 200 };

typedef enum series_kind { SERIES_COUNTER, SERIES_HISTOGRAM, SERIES_GAUGE } series_kind;

typedef struct series {
    series_kind kind;
    const char *name, *help;
    char labels[LABELS_MAX_BYTES];
    trib_counter counter;
    trib_histogram histogram;
    double (*read)(void *ctx);
    void *ctx;
} series;

struct trib_metrics {
    size_t count;
    series *rows[TRIB_METRICS_MAX];
    trib_counter lost_counter; /* given out when there is no room: counted, never shown */
    trib_histogram lost_histogram;
};

trib_code trib_metrics_new(trib_metrics **ret, trib_error *err) {
    trib_metrics *metrics = calloc(1, sizeof *metrics);
    if (!metrics) return trib_error_set(err, TRIB_NOMEM, NULL);
    *ret = metrics;
    return TRIB_OK;
}

void trib_metrics_free(trib_metrics *metrics) {
    if (!metrics) return;
    for (size_t i = 0; i < metrics->count; i++) free(metrics->rows[i]);
    free(metrics);
}

static series *add(trib_metrics *metrics, series_kind kind, const char *name, const char *help, const char *labels) {
    if (metrics->count == TRIB_METRICS_MAX) return NULL;
    if (labels && strlen(labels) >= LABELS_MAX_BYTES) return NULL;
    series *row = calloc(1, sizeof *row);
    if (!row) return NULL;
    row->kind = kind;
    row->name = name;
    row->help = help;
    if (labels) memcpy(row->labels, labels, strlen(labels) + 1);
    metrics->rows[metrics->count++] = row;
    return row;
}

trib_counter *trib_metrics_add_counter(trib_metrics *metrics, const char *name, const char *help, const char *labels) {
    series *row = add(metrics, SERIES_COUNTER, name, help, labels);
    return row ? &row->counter : &metrics->lost_counter;
}

trib_histogram *trib_metrics_add_histogram(trib_metrics *metrics, const char *name, const char *help,
                                           const char *labels) {
    series *row = add(metrics, SERIES_HISTOGRAM, name, help, labels);
    return row ? &row->histogram : &metrics->lost_histogram;
}

void trib_metrics_add_gauge(trib_metrics *metrics, const char *name, const char *help, const char *labels,
                            double (*read)(void *ctx), void *ctx) {
    series *row = add(metrics, SERIES_GAUGE, name, help, labels);
    if (!row) return;
    row->read = read;
    row->ctx = ctx;
}

void trib_histogram_add_us(trib_histogram *histogram, uint64_t us) {
    unsigned bucket = 0;
    for (uint64_t edge = FIRST_BUCKET_US; us > edge && bucket + 1 < TRIB_HISTOGRAM_BUCKETS; edge *= 2) bucket++;
    atomic_fetch_add_explicit(&histogram->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, us, memory_order_relaxed);
}

static void write_braces(trib_buf *buf, const char *labels) {
    if (labels[0]) trib_buf_printf(buf, "{%s}", labels);
}

static void write_histogram(trib_buf *buf, const series *row) {
    uint64_t count = 0, edge = FIRST_BUCKET_US;
    for (unsigned i = 0; i < TRIB_HISTOGRAM_BUCKETS; i++, edge *= 2) {
        count += atomic_load_explicit(&row->histogram.buckets[i], memory_order_relaxed);
        trib_buf_printf(buf, "%s_bucket{%s%sle=\"", row->name, row->labels, row->labels[0] ? "," : "");
        if (i + 1 == TRIB_HISTOGRAM_BUCKETS) trib_buf_add_c(buf, "+Inf");
        else trib_buf_printf(buf, "%g", (double)edge / 1e6);
        trib_buf_printf(buf, "\"} %llu\n", (unsigned long long)count);
    }
    uint64_t sum_us = atomic_load_explicit(&row->histogram.sum_us, memory_order_relaxed);
    trib_buf_printf(buf, "%s_sum", row->name);
    write_braces(buf, row->labels);
    trib_buf_printf(buf, " %.6f\n%s_count", (double)sum_us / 1e6, row->name);
    write_braces(buf, row->labels);
    trib_buf_printf(buf, " %llu\n", (unsigned long long)count);
}

static void write_row(trib_buf *buf, const series *row) {
    switch (row->kind) {
    case SERIES_COUNTER:
        trib_buf_printf(buf, "%s_total", row->name);
        write_braces(buf, row->labels);
        trib_buf_printf(buf, " %llu\n",
                        (unsigned long long)atomic_load_explicit(&row->counter.value, memory_order_relaxed));
        break;
    case SERIES_HISTOGRAM: write_histogram(buf, row); break;
    case SERIES_GAUGE:
        trib_buf_add_c(buf, row->name);
        write_braces(buf, row->labels);
        trib_buf_printf(buf, " %.17g\n", row->read(row->ctx));
        break;
    }
}

void trib_metrics_write(const trib_metrics *metrics, trib_buf *buf) {
    static const char *const types[] = {
        [SERIES_COUNTER] = "counter", [SERIES_HISTOGRAM] = "histogram", [SERIES_GAUGE] = "gauge"};
    const char *family = "";
    for (size_t i = 0; i < metrics->count; i++) {
        const series *row = metrics->rows[i];
        if (strcmp(row->name, family) != 0) {
            trib_buf_printf(buf, "# TYPE %s %s\n# HELP %s %s\n", row->name, types[row->kind], row->name, row->help);
            family = row->name;
        }
        write_row(buf, row);
    }
    trib_buf_add_c(buf, "# EOF\n");
}
