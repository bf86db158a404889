/* SPDX-License-Identifier: Apache-2.0 */
/* A trib_env for the tests of this folder: a clock that stands and randomness that counts. Locks and threads are
 * absent. */
#ifndef TRIB_TESTS_UNIT_BASE_FAKE_ENV_H
#define TRIB_TESTS_UNIT_BASE_FAKE_ENV_H

#include <string.h>

#include "base/env.h"

typedef struct fake_env {
    trib_env env;
    int64_t wall_ms;
    unsigned char next; /* value of all random bytes of the next call, then one more */
    bool no_randomness;
} fake_env;

static inline int64_t fake_wall_ms(void *ctx) {
    return ((fake_env *)ctx)->wall_ms;
}

static inline bool fake_random(void *ctx, void *out, size_t n) {
    fake_env *fake = ctx;
    memset(out, fake->next++, n);
    return !fake->no_randomness;
}

static inline void fake_env_init(fake_env *fake) {
    *fake = (fake_env){.env = {.ctx = fake, .wall_ms = fake_wall_ms, .random = fake_random}, .next = 0xff};
}

#endif
