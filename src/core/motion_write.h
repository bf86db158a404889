/* SPDX-License-Identifier: Apache-2.0 */
/* Brings the positions of core/motion.h into the tenants' own databases: the newest of each point, a second or more
 * after the one before, a few at a time. What the process had not written when it was killed is gone; the next ping
 * brings it.
 *
 *   tick -> due positions -> a job each: UPDATE points SET lat, lng -> finished -> trib_motion_wrote
 *
 * It is an ordinary write of the tenant: its triggers fire, its replicas and its blocks see it. */
#ifndef TRIB_CORE_MOTION_WRITE_H
#define TRIB_CORE_MOTION_WRITE_H

#include "core/app.h"
#include "core/motion.h"

typedef struct trib_motion_writer trib_motion_writer;

enum {
    TRIB_MOTION_WRITES_MAX = 16,     /* at once */
    TRIB_MOTION_WRITES_PER_TICK = 4, /* 200 a second: each may open a database and syncs it; others have work, too */
    TRIB_MOTION_FLUSH_MS = 3000      /* at the end of the process, for what is not written yet */
};

/* Errors: NOMEM. */
trib_code trib_motion_writer_new(trib_app *app, trib_motion_writer **ret, trib_error *err);
/* Takes NULL. */
void trib_motion_writer_free(trib_motion_writer *writer);
/* Every 20 ms. Thread: the ticks'. */
void trib_motion_writer_tick(trib_motion_writer *writer);
/* Writes all that is due, on this thread. Takes NULL. Thread: the one that stops the server, when there are no ticks
 * any more. */
void trib_motion_writer_flush(trib_motion_writer *writer);

#endif
