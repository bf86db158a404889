/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be done with an append that names its producer: each (epoch, seq) is taken once, in order, and an older
 * epoch not at all. Pure. */
#ifndef TRIB_FEATURES_DURABLE_PRODUCER_H
#define TRIB_FEATURES_DURABLE_PRODUCER_H

#include <stdbool.h>
#include <stdint.h>

/* The highest number that a JavaScript client can count to. */
#define DURABLE_COUNT_MAX ((UINT64_C(1) << 53) - 1)

typedef struct durable_producer {
    bool known; /* it has written to this stream before */
    uint64_t epoch, seq;
} durable_producer;

typedef enum durable_fence {
    DURABLE_FENCE_NEW,       /* take it; the producer is then at (epoch, seq) */
    DURABLE_FENCE_DUPLICATE, /* it is there already */
    DURABLE_FENCE_STALE,     /* somebody has begun a later epoch */
    DURABLE_FENCE_GAP,       /* one before it has not come; *ret_expected */
    DURABLE_FENCE_NOT_ZERO   /* an epoch begins with 0 */
} durable_fence;

durable_fence durable_fence_judge(const durable_producer *state, uint64_t epoch, uint64_t seq, uint64_t *ret_expected);

#endif
