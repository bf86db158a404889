/* SPDX-License-Identifier: Apache-2.0 */
/* Latencies in 64 buckets for every doubling, so that a value is known to 1.6 %, in a fixed 30 KB. A zeroed one is
 * empty. Thread: one at a time. */
#ifndef TRIB_BASE_LATENCY_H
#define TRIB_BASE_LATENCY_H

#include <stddef.h>
#include <stdint.h>

enum { TRIB_LATENCY_SUB_BITS = 6, TRIB_LATENCY_SUBS = 1 << TRIB_LATENCY_SUB_BITS };
enum { TRIB_LATENCY_BUCKETS = (64 - TRIB_LATENCY_SUB_BITS) * TRIB_LATENCY_SUBS };

typedef struct trib_latency {
    uint64_t buckets[TRIB_LATENCY_BUCKETS], count, sum_ns, max_ns;
} trib_latency;

static inline size_t trib_latency_bucket(uint64_t ns) {
    if (ns < TRIB_LATENCY_SUBS) return (size_t)ns;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - TRIB_LATENCY_SUB_BITS;
    return (size_t)(shift + 1) * TRIB_LATENCY_SUBS + (size_t)((ns >> shift) - TRIB_LATENCY_SUBS);
}

static inline uint64_t trib_latency_bucket_top(size_t bucket) {
    if (bucket < TRIB_LATENCY_SUBS) return bucket;
    unsigned shift = (unsigned)(bucket / TRIB_LATENCY_SUBS) - 1;
    return ((uint64_t)(bucket % TRIB_LATENCY_SUBS + TRIB_LATENCY_SUBS + 1) << shift) - 1;
}

static inline void trib_latency_add(trib_latency *l, uint64_t ns) {
    l->buckets[trib_latency_bucket(ns)]++;
    l->count++;
    l->sum_ns += ns;
    if (ns > l->max_ns) l->max_ns = ns;
}

/* So many per cent took no longer; 0 where there are none. */
static inline double trib_latency_us(const trib_latency *l, double percent) {
    uint64_t want = (uint64_t)((double)l->count * percent / 100.0), seen = 0;
    for (size_t i = 0; i < TRIB_LATENCY_BUCKETS; i++) {
        seen += l->buckets[i];
        if (seen <= want) continue;
        uint64_t top = trib_latency_bucket_top(i);
        return (double)(top < l->max_ns ? top : l->max_ns) / 1000.0;
    }
    return (double)l->max_ns / 1000.0;
}

static inline double trib_latency_mean_us(const trib_latency *l) {
    return l->count ? (double)l->sum_ns / (double)l->count / 1000.0 : 0;
}

#endif
