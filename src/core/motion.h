/* SPDX-License-Identifier: Apache-2.0 */
/* Who is where right now: the newest position of everybody who tells one (POST /api/motion), in memory alone. Dispatch
 * asks it for the nearest; features/motion writes the positions into the tenants' own databases, some time later.
 *
 *   ping -> entry (tenant, point) -> fine cell (0.05 degrees) -> coarse cell (2 degrees)
 *             └ due: queue of entries whose newest position is not written yet, the oldest first
 *
 * Somebody who is silent for TRIB_MOTION_SILENT_MS is not found any more, and is forgotten when it is
 * TRIB_MOTION_FORGET_MS. About 250 bytes a point. Thread: any, unless said otherwise; nothing here waits for anything
 * but a short lock. */
#ifndef TRIB_CORE_MOTION_H
#define TRIB_CORE_MOTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/error.h"
#include "base/str.h"
#include "core/tenant.h"

typedef struct trib_motion trib_motion;

enum {
    TRIB_MOTION_SILENT_MS = 30000,
    TRIB_MOTION_FORGET_MS = 300000,
    TRIB_MOTION_WRITE_MS = 1000,            /* between two writes of a point at least */
    TRIB_MOTION_POINT_MAX_BYTES = 200,      /* of a point's id */
    TRIB_MOTION_POINTS_MAX = 500000,        /* in memory: 125 MB */
    TRIB_MOTION_POINTS_OF_TENANT_MAX = 100, /* one tenant's token must not fill it */
    TRIB_MOTION_FOUND_MAX = 100             /* of one question */
};

/* Errors: NOMEM. */
trib_code trib_motion_new(const trib_env *env, trib_motion **ret, trib_error *err);
/* Takes NULL. */
void trib_motion_free(trib_motion *motion);

/* The newest position of a point of the tenant; `point` empty: the one that the tenant has. Errors: BAD_REQUEST (no
 * place on earth, an id that is too long), NOT_FOUND (the tenant has no such point, as of trib_motion_wrote),
 * TOO_MANY_REQUESTS (of the tenant, or in all), NOMEM. Owns: keeps a reference to the tenant. */
trib_code trib_motion_ping(trib_motion *motion, trib_tenant *tenant, trib_str point, double lat, double lng,
                           trib_error *err);

typedef struct trib_motion_found {
    trib_tenant *tenant; /* a reference */
    char point[TRIB_MOTION_POINT_MAX_BYTES + 1];
    double lat, lng, distance_m;
    int64_t age_ms; /* since it was heard */
} trib_motion_found;

/* The up to `max` nearest within max_m (negative: any distance) that are not silent, the nearest first. Returns how
 * many. Owns: the caller gives the tenants back (trib_motion_found_release). */
size_t trib_motion_nearest(trib_motion *motion, double lat, double lng, double max_m, size_t max,
                           trib_motion_found *ret);
/* Only those that `wants` takes, which runs under a lock: it must be quick, and must not call motion. */
size_t trib_motion_nearest_of(trib_motion *motion, double lat, double lng, double max_m, size_t max,
                              bool (*wants)(void *ctx, const trib_tenant *tenant, trib_str point), void *ctx,
                              trib_motion_found *ret);
void trib_motion_found_release(trib_motion_found *found, size_t count);
/* The position of one point; false: it is silent, or unknown. No reference is taken: ret->tenant is NULL. */
bool trib_motion_get(trib_motion *motion, const trib_tenant *tenant, trib_str point, trib_motion_found *ret);
size_t trib_motion_count(trib_motion *motion);

/* ---- for who writes them ---- */

/* The next position that is due, taken off the queue; false: none is. all: also those that were written just now.
 * The rest of ret as of trib_motion_nearest. */
bool trib_motion_take_due(trib_motion *motion, bool all, trib_motion_found *ret);
/* It was written (OK), could not be (it is tried again), or there is no such point (NOT_FOUND). */
void trib_motion_wrote(trib_motion *motion, const trib_motion_found *what, trib_code code);
/* Forgets some of those that are silent for long; call it now and then. */
void trib_motion_tick(trib_motion *motion);

#endif
