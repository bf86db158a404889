/* SPDX-License-Identifier: Apache-2.0 */
/* Which appends of a producer are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "features/durable/producer.h"

typedef struct row {
    const char *name;
    durable_producer state;
    uint64_t epoch, seq;
    durable_fence want;
    uint64_t expected;
} row;

static const row rows[] = {
    {"the first append", {false, 0, 0}, 0, 0, DURABLE_FENCE_NEW, 0},
    {"the first in a later epoch", {false, 0, 0}, 7, 0, DURABLE_FENCE_NEW, 0},
    {"a first that is not the first", {false, 0, 0}, 0, 1, DURABLE_FENCE_GAP, 0},
    {"the next", {true, 0, 4}, 0, 5, DURABLE_FENCE_NEW, 5},
    {"the last once more", {true, 0, 4}, 0, 4, DURABLE_FENCE_DUPLICATE, 0},
    {"an older one once more", {true, 0, 4}, 0, 0, DURABLE_FENCE_DUPLICATE, 0},
    {"one is missing", {true, 0, 4}, 0, 6, DURABLE_FENCE_GAP, 5},
    {"a new epoch", {true, 0, 4}, 1, 0, DURABLE_FENCE_NEW, 0},
    {"epochs may be left out", {true, 0, 4}, 9, 0, DURABLE_FENCE_NEW, 0},
    {"a new epoch that does not begin", {true, 0, 4}, 1, 5, DURABLE_FENCE_NOT_ZERO, 0},
    {"an old epoch", {true, 2, 0}, 1, 1, DURABLE_FENCE_STALE, 0},
    {"an old epoch that begins", {true, 2, 0}, 1, 0, DURABLE_FENCE_STALE, 0},
    {"the end of counting",
     {true, 0, DURABLE_COUNT_MAX - 1},
     0,
     DURABLE_COUNT_MAX,
     DURABLE_FENCE_NEW,
     DURABLE_COUNT_MAX},
};

static void each_number_of_an_epoch_is_taken_once_and_in_order(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const row *r = &rows[i];
        uint64_t expected = 99;
        durable_fence got = durable_fence_judge(&r->state, r->epoch, r->seq, &expected);
        if (got != r->want) fail_msg("%s: %d instead of %d", r->name, (int)got, (int)r->want);
        if (expected != r->expected) fail_msg("%s: expected %llu", r->name, (unsigned long long)expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_number_of_an_epoch_is_taken_once_and_in_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
