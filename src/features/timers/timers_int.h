/* SPDX-License-Identifier: Apache-2.0 */
/* Private to features/timers.
 *
 *   tick.c: a job on `streams`, when it is time        fire.c: what it does in its transaction
 *           (the tick's thread)                                  (a worker) */
#ifndef TRIB_FEATURES_TIMERS_TIMERS_INT_H
#define TRIB_FEATURES_TIMERS_TIMERS_INT_H

#include "core/app.h"
#include "core/control.h"
#include "core/db_job.h"
#include "core/metrics.h"
#include "core/stream_timer.h"
#include "features/timers/timers.h"

enum {
    TIMERS_POLL_MS = 500,         /* between two looks while the streams change: how late a timer may be */
    TIMERS_LOOK_MS = 60 * 1000,   /* and while they do not */
    TIMERS_RETRY_MS = 2000,       /* after a failure of the database */
    TIMERS_FIRE_MAX = 16,         /* of one transaction, which keeps the turn that all deals share */
    TIMERS_FOLD_MAX = 32,         /* streams that came by SQL, of one transaction */
    TIMERS_DUE_COUNTED = 10000,   /* as far as the gauge counts */
    TIMERS_JUMP_MS = 60 * 1000,   /* a wall clock that is so far ahead of the monotonic one has jumped ... */
    TIMERS_GRACE_MS = 60 * 1000,  /* ... and must stay there for so long before timers go by it: a clock that is set
                                   * wrong for a moment must not cancel every order */
    TIMERS_ARENA_BYTES = 96 << 20 /* one stream at a time */
};

typedef struct timers_round {
    uint32_t folded, fired, refused, unknown; /* unknown: actions that no module knows */
    uint64_t due_left;
    int64_t next_ms; /* when the next one is due */
    bool more;       /* there was more to do than one transaction does */
} timers_round;

/* One for the process. */
typedef struct timers_module {
    trib_app *app;
    trib_tenant *tenant; /* `streams`; the registry's */
    trib_stream_timers timers;
    struct trib_counter *fired, *refused, *unknown, *folded;
    _Atomic uint64_t due; /* of the last round */
    _Atomic bool news;    /* the streams have changed since the last round began */

    /* the tick's */
    bool under_way;
    int64_t not_before_ns, look_ns;
    int64_t next_ms;                    /* when the next timer is due, as of the last round */
    int64_t last_wall_ms, last_mono_ns; /* of the last tick; 0: none yet */
    int64_t grace_until_ns;             /* the clock has jumped ahead: nothing fires before */

    /* the round's, on a worker between submission and finished */
    trib_db_job job;
    trib_stream_txn txn;
    trib_arena arena, one; /* one: of the stream at hand */
    bool begun;
    int64_t now_ms;
    char after[TRIB_STREAM_ID_MAX_BYTES + 1]; /* folds go on behind this stream */
    timers_round round;
} timers_module;

/* fire.c: a transaction's work; sets module->round. Errors: AGAIN, and those of the database. */
trib_code timers_fire_round(void *module, trib_error *err);

/* tick.c. Thread: the tick's. */
void timers_tick(void *module);

#endif
