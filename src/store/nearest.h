/* SPDX-License-Identifier: Apache-2.0 */
/* The table-valued function nearest(lat, lng [, k [, max_m [, nodeType]]]) of the database `discovery`: open places,
 * the nearest first, by great-circle distance.
 *
 *   SELECT workspaceId, id, distance_m FROM nearest(25.2650, 55.3320, 5, 3000, 'driver') WHERE availability = 'idle'
 *
 * What it reads, and what keeps it: features/discovery/schema.c. In other databases it says that there is no such
 * table. */
#ifndef TRIB_STORE_NEAREST_H
#define TRIB_STORE_NEAREST_H

#include "store/policy.h"

enum {
    TRIB_NEAREST_DEFAULT = 10,
    TRIB_NEAREST_MAX = 1000, /* rows of one call, which are kept in memory: more are for a query of points */
    /* Kinds above it share one place in the index, and are told apart by their names: a float counts no further by
     * steps of TRIB_NEAREST_KIND_STEP. */
    TRIB_NEAREST_KINDS_MAX = 16000,
    TRIB_NEAREST_KIND_STEP = 1024 /* so far apart that the tree splits by kind before it splits by place */
};

/* SQLite's code. */
int trib_nearest_register(trib_handle *handle);

#endif
