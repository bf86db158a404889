/* SPDX-License-Identifier: Apache-2.0 */
/* Latencies in 64 buckets for every doubling, so that a value is known to 1.6 %, in a fixed 30 KB. */
#ifndef TRIB_BENCH_HISTOGRAM_H
#define TRIB_BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_SUB_BITS = 6, HISTOGRAM_SUBS = 1 << HISTOGRAM_SUB_BITS };
enum { HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS) * HISTOGRAM_SUBS };

typedef struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS], count, sum_ns, max_ns;
} histogram;

static inline size_t histogram_bucket(uint64_t ns) {
    if (ns < HISTOGRAM_SUBS) return (size_t)ns;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - HISTOGRAM_SUB_BITS;
    return (size_t)(shift + 1) * HISTOGRAM_SUBS + (size_t)((ns >> shift) - HISTOGRAM_SUBS);
}

static inline uint64_t histogram_bucket_top(size_t bucket) {
    if (bucket < HISTOGRAM_SUBS) return bucket;
    unsigned shift = (unsigned)(bucket / HISTOGRAM_SUBS) - 1;
    return ((uint64_t)(bucket % HISTOGRAM_SUBS + HISTOGRAM_SUBS + 1) << shift) - 1;
}

static inline void histogram_add(histogram *h, uint64_t ns) {
    h->buckets[histogram_bucket(ns)]++;
    h->count++;
    h->sum_ns += ns;
    if (ns > h->max_ns) h->max_ns = ns;
}

static inline double histogram_us(const histogram *h, double percent) {
    uint64_t want = (uint64_t)((double)h->count * percent / 100.0), seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen <= want) continue;
        uint64_t top = histogram_bucket_top(i);
        return (double)(top < h->max_ns ? top : h->max_ns) / 1000.0;
    }
    return (double)h->max_ns / 1000.0;
}

static inline double histogram_mean_us(const histogram *h) {
    return h->count ? (double)h->sum_ns / (double)h->count / 1000.0 : 0;
}

#endif
