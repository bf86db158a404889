/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets which: compared with every way to do it, on small cases at random. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "features/dispatch/match.h"

static uint64_t dice_state = 1;

static unsigned dice(unsigned n) {
    dice_state = dice_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(dice_state >> 33) % n;
}

/* ---- every way ---- */

enum { SMALL = 6 };

typedef struct best {
    const dispatch_edge *edges;
    size_t edge_count, jobs;
    unsigned served; /* bits; the first job is the highest */
    double cost;
} best;

static void try_all(best *b, size_t job, unsigned taken, unsigned served, double cost) {
    if (job == b->jobs) {
        if (served > b->served || (served == b->served && cost < b->cost)) {
            b->served = served;
            b->cost = cost;
        }
        return;
    }
    try_all(b, job + 1, taken, served, cost);
    for (size_t i = 0; i < b->edge_count; i++)
        if (b->edges[i].job == job && !(taken & (1U << b->edges[i].worker)))
            try_all(b, job + 1, taken | (1U << b->edges[i].worker), served | (1U << (b->jobs - 1 - job)),
                    cost + b->edges[i].m);
}

static void serves_the_first_ones_and_walks_least(void **state) {
    (void)state;
    for (int run = 0; run < 5000; run++) {
        dispatch_edge edges[SMALL * SMALL];
        int worker_of[DISPATCH_MATCH_JOBS_MAX];
        size_t jobs = 1 + dice(SMALL), workers = 1 + dice(SMALL), count = 0;
        for (size_t j = 0; j < jobs; j++)
            for (size_t w = 0; w < workers; w++)
                if (dice(3)) edges[count++] = (dispatch_edge){j, w, (double)dice(run % 2 ? 5 : 1000)};
        best b = {.edges = edges, .edge_count = count, .jobs = jobs, .cost = HUGE_VAL};
        try_all(&b, 0, 0, 0, 0);
        dispatch_match(edges, count, jobs, workers, worker_of);
        unsigned served = 0, taken = 0;
        double cost = 0;
        for (size_t j = 0; j < jobs; j++) {
            if (worker_of[j] < 0) continue;
            assert_false(taken & (1U << worker_of[j])); /* nobody twice */
            taken |= 1U << worker_of[j];
            served |= 1U << (jobs - 1 - j);
            size_t i = 0;
            while (i < count && !(edges[i].job == j && (int)edges[i].worker == worker_of[j])) i++;
            assert_true(i < count); /* only who can */
            cost += edges[i].m;
        }
        assert_int_equal(served, b.served);
        if (served) assert_true(fabs(cost - b.cost) < 1e-3);
    }
}

/* One street: the nearest worker of both jobs is the same; the greedy choice would send the other one far. */
static void gives_up_the_nearest_for_the_sake_of_all(void **state) {
    (void)state;
    const dispatch_edge edges[] = {{0, 0, 100}, {0, 1, 110}, {1, 0, 50}, {1, 1, 5000}};
    int worker_of[DISPATCH_MATCH_JOBS_MAX];
    dispatch_match(edges, 4, 2, 2, worker_of);
    assert_int_equal(worker_of[0], 1);
    assert_int_equal(worker_of[1], 0);
}

static void the_oldest_comes_first_where_there_is_one_worker(void **state) {
    (void)state;
    const dispatch_edge edges[] = {{0, 0, 9000}, {1, 0, 1}};
    int worker_of[DISPATCH_MATCH_JOBS_MAX];
    dispatch_match(edges, 2, 2, 1, worker_of);
    assert_int_equal(worker_of[0], 0);
    assert_int_equal(worker_of[1], -1);
}

static void takes_as_many_as_it_may(void **state) {
    (void)state;
    static dispatch_edge edges[DISPATCH_MATCH_WORKERS_MAX];
    int worker_of[DISPATCH_MATCH_JOBS_MAX];
    for (size_t i = 0; i < DISPATCH_MATCH_WORKERS_MAX; i++)
        edges[i] = (dispatch_edge){i % DISPATCH_MATCH_JOBS_MAX, (i * 7 + i / 64) % DISPATCH_MATCH_WORKERS_MAX,
                                   (double)dice(20000)};
    dispatch_match(edges, DISPATCH_MATCH_WORKERS_MAX, DISPATCH_MATCH_JOBS_MAX, DISPATCH_MATCH_WORKERS_MAX, worker_of);
    for (size_t j = 0; j < DISPATCH_MATCH_JOBS_MAX; j++) assert_true(worker_of[j] >= 0);
    dispatch_match(NULL, 0, 3, 0, worker_of);
    assert_int_equal(worker_of[2], -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_the_first_ones_and_walks_least),
        cmocka_unit_test(gives_up_the_nearest_for_the_sake_of_all),
        cmocka_unit_test(the_oldest_comes_first_where_there_is_one_worker),
        cmocka_unit_test(takes_as_many_as_it_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
