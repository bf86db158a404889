/* SPDX-License-Identifier: Apache-2.0 */
/* Fencing of producers; see producer.h. */
#include "features/durable/producer.h"

durable_fence durable_fence_judge(const durable_producer *state, uint64_t epoch, uint64_t seq, uint64_t *ret_expected) {
    *ret_expected = 0;
    if (!state->known) return seq == 0 ? DURABLE_FENCE_NEW : DURABLE_FENCE_GAP;
    if (epoch < state->epoch) return DURABLE_FENCE_STALE;
    if (epoch > state->epoch) return seq == 0 ? DURABLE_FENCE_NEW : DURABLE_FENCE_NOT_ZERO;
    if (seq <= state->seq) return DURABLE_FENCE_DUPLICATE;
    *ret_expected = state->seq + 1;
    return seq == *ret_expected ? DURABLE_FENCE_NEW : DURABLE_FENCE_GAP;
}
