/* SPDX-License-Identifier: Apache-2.0 */
/* Who of many goes to which of many: pure. Jobs are served in their order, as many as can be; among all ways to serve
 * the same jobs it is one with the least distance in all. */
#ifndef TRIB_FEATURES_DISPATCH_MATCH_H
#define TRIB_FEATURES_DISPATCH_MATCH_H

#include <stdbool.h>
#include <stddef.h>

enum { DISPATCH_MATCH_JOBS_MAX = 64, DISPATCH_MATCH_WORKERS_MAX = 1024 };

/* A worker who could take a job. */
typedef struct dispatch_edge {
    size_t job, worker;
    double m;
} dispatch_edge;

/* *ret_worker[job]: his number, or -1. Jobs: 0 the first. Both counts at most as above; each pair at most once.
 * Cost: jobs * jobs * edges at worst. */
void dispatch_match(const dispatch_edge *edges, size_t edge_count, size_t jobs, size_t workers,
                    int ret_worker[DISPATCH_MATCH_JOBS_MAX]);

#endif
