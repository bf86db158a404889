/* SPDX-License-Identifier: Apache-2.0 */
/* Successive shortest paths: each job in turn is added by the cheapest chain of changes that ends at a worker who is
 * free.
 *
 *   new job -> worker a (has job 1) -> job 1 goes to worker b (has job 2) -> job 2 goes to c, who is free
 *
 * A chain never leaves a job without a worker that had one, so the order of the jobs is kept; and adding the cheapest
 * chain to a cheapest assignment makes a cheapest one again, so there are no cycles that would be worth going
 * around. */
#include "features/dispatch/match.h"

#include <math.h>

typedef struct state {
    const dispatch_edge *edges;
    size_t edge_count, workers;
    int worker_of[DISPATCH_MATCH_JOBS_MAX];
    double cost_of[DISPATCH_MATCH_JOBS_MAX];             /* of a job's edge to its worker */
    int job_of[DISPATCH_MATCH_WORKERS_MAX];              /* -1: he is free */
    double far[DISPATCH_MATCH_WORKERS_MAX];              /* cost of the cheapest chain to him */
    const dispatch_edge *by[DISPATCH_MATCH_WORKERS_MAX]; /* its last step */
} state;

/* One look at each edge; false: nothing has become cheaper. */
static bool relax(state *s, size_t added) {
    bool changed = false;
    for (size_t i = 0; i < s->edge_count; i++) {
        const dispatch_edge *e = &s->edges[i];
        int from = e->job == added ? -1 : s->worker_of[e->job];
        if (e->job != added && (from < 0 || (size_t)from == e->worker)) continue;
        double cost = e->m + (from < 0 ? 0 : s->far[from] - s->cost_of[e->job]);
        if (cost >= s->far[e->worker] - 1e-6) continue;
        s->far[e->worker] = cost;
        s->by[e->worker] = e;
        changed = true;
    }
    return changed;
}

static void add(state *s, size_t job, size_t jobs) {
    for (size_t w = 0; w < s->workers; w++) {
        s->far[w] = HUGE_VAL;
        s->by[w] = NULL;
    }
    for (size_t round = 0; round <= jobs && relax(s, job); round++) {}
    int best = -1;
    for (size_t w = 0; w < s->workers; w++)
        if (s->job_of[w] < 0 && s->by[w] && (best < 0 || s->far[w] < s->far[best])) best = (int)w;
    for (size_t step = 0; best >= 0 && step <= jobs; step++) {
        const dispatch_edge *e = s->by[best];
        int before = s->worker_of[e->job];
        s->worker_of[e->job] = best;
        s->cost_of[e->job] = e->m;
        s->job_of[best] = (int)e->job;
        if (e->job == job) return;
        best = before;
    }
}

void dispatch_match(const dispatch_edge *edges, size_t edge_count, size_t jobs, size_t workers,
                    int ret_worker[DISPATCH_MATCH_JOBS_MAX]) {
    state s;
    s.edges = edges;
    s.edge_count = edge_count;
    s.workers = workers;
    for (size_t w = 0; w < workers; w++) s.job_of[w] = -1;
    for (size_t j = 0; j < jobs; j++) {
        s.worker_of[j] = -1;
        s.cost_of[j] = 0;
    }
    for (size_t j = 0; j < jobs; j++) add(&s, j, jobs);
    for (size_t j = 0; j < jobs; j++) ret_worker[j] = s.worker_of[j];
}
