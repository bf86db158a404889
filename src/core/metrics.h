/* SPDX-License-Identifier: Apache-2.0 */
/* Counters, gauges and histograms of the process, written as OpenMetrics text.
 *
 *   start:    trib_metrics_add_counter(m, "trib_http_requests", "Answered HTTP requests", "status=\"200\"") -> counter
 *   running:  trib_counter_add(counter, 1)                                       an atomic, any thread
 *   /metrics: trib_metrics_write(m, buf)
 *
 * Series are added while the server starts, on one thread; later only their values change. Rows of one family (same
 * name, different labels) must be added one after the other. */
#ifndef TRIB_CORE_METRICS_H
#define TRIB_CORE_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum {
    TRIB_METRICS_MAX = 4096,         /* series; labels must never come from a peer */
    TRIB_METRICS_TEXT_MAX = 4 << 20, /* of the written page */
    TRIB_HISTOGRAM_BUCKETS = 16,
};

typedef struct trib_metrics trib_metrics;

typedef struct trib_counter {
    _Atomic uint64_t value;
} trib_counter;

/* Durations in buckets of 100 µs, 200 µs, 400 µs ... 1.6 s, then all above. */
typedef struct trib_histogram {
    _Atomic uint64_t buckets[TRIB_HISTOGRAM_BUCKETS];
    _Atomic uint64_t sum_us;
} trib_histogram;

/* Errors: NOMEM. */
trib_code trib_metrics_new(trib_metrics **ret, trib_error *err);
void trib_metrics_free(trib_metrics *metrics);

/* name: without "_total", help: one sentence, labels: as OpenMetrics writes them between the braces, or NULL; static or
 * outliving the registry, labels are copied. Answers a value that is always usable: without memory, or past
 * TRIB_METRICS_MAX, one that counts but is not written. */
trib_counter *trib_metrics_add_counter(trib_metrics *metrics, const char *name, const char *help, const char *labels);
trib_histogram *trib_metrics_add_histogram(trib_metrics *metrics, const char *name, const char *help,
                                           const char *labels);
/* `read` is asked when the page is written. Thread of read: any. */
void trib_metrics_add_gauge(trib_metrics *metrics, const char *name, const char *help, const char *labels,
                            double (*read)(void *ctx), void *ctx);

static inline void trib_counter_add(trib_counter *counter, uint64_t n) {
    atomic_fetch_add_explicit(&counter->value, n, memory_order_relaxed);
}
void trib_histogram_add_us(trib_histogram *histogram, uint64_t us);

/* The page, ending in "# EOF". */
void trib_metrics_write(const trib_metrics *metrics, trib_buf *buf);

#endif
