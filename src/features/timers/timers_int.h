/* SPDX-License-Identifier: Apache-2.0 */
/* Private to features/timers.
 *
 *   tick.c: a job on `streams`, when it is time        fire.c: what it does in its transaction; remind.c
 *           (the tick's thread)                                  (a worker)
 *                 └ behind it: commands, runs.c */
#ifndef TRIB_FEATURES_TIMERS_TIMERS_INT_H
#define TRIB_FEATURES_TIMERS_TIMERS_INT_H

#include "core/app.h"
#include "core/control.h"
#include "core/db_job.h"
#include "core/metrics.h"
#include "core/stream_timer.h"
#include "features/timers/timers.h"

enum {
    TIMERS_POLL_MS = 500,            /* between two looks while the streams change: how late a timer may be */
    TIMERS_LOOK_MS = 60 * 1000,      /* and while they do not */
    TIMERS_RETRY_MS = 2000,          /* after a failure of the database */
    TIMERS_FIRE_MAX = 16,            /* of one transaction, which keeps the turn that all deals share */
    TIMERS_FOLD_MAX = 32,            /* streams that came by SQL, of one transaction */
    TIMERS_DUE_COUNTED = 10000,      /* as far as the gauge counts */
    TIMERS_JUMP_MS = 60 * 1000,      /* a wall clock that is so far ahead of the monotonic one has jumped ... */
    TIMERS_GRACE_MS = 60 * 1000,     /* ... and must stay there for so long before timers go by it: a clock that is set
                                   * wrong for a moment must not cancel every order */
    TIMERS_ARENA_BYTES = 96 << 20,   /* one stream at a time */
    TIMERS_RUN_RETRY_MS = 15 * 1000, /* before a command that has failed is tried again; doubled each time ... */
    TIMERS_RUN_RETRY_MAX_MS =
        15 * 60 * 1000,       /* ... up to this: a tenant's database may be blocked, or out of service */
    TIMERS_RUN_TRIES_MAX = 12 /* about two hours; then the opcode is written alone, and says so */
};
#define TIMERS_RETRY_WORD "retry " /* outcome of a timer whose command is tried again, before the count */

typedef struct timers_due {
    trib_str stream_id, name, action;
    int64_t generation, opcode;
    int tries;  /* of its command */
    bool alone; /* without its command */
} timers_due;

typedef enum timers_run_state {
    TIMERS_RUN_FREE,
    TIMERS_RUN_WANTED,    /* the round's */
    TIMERS_RUN_UNDER_WAY, /* the performer's */
    TIMERS_RUN_ENDED
} timers_run_state;

/* A timer that is done as a command. */
typedef struct timers_run {
    trib_stream_timer_run run; /* first */
    struct timers_module *module;
    const trib_stream_performer *performer;
    _Atomic int state;
    int tries;
    trib_error err; /* ENDED */
    bool in_round;  /* it had ended when the round began, which concludes it */
} timers_run;

typedef struct timers_round {
    uint32_t folded, fired, refused, unknown; /* unknown: actions that no module knows */
    uint32_t wanted;                          /* commands that begin behind the round */
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
    bool under_way, has_told;
    int64_t not_before_ns, look_ns;
    int64_t next_ms;                    /* when the next timer is due, as of the last round */
    int64_t last_wall_ms, last_mono_ns; /* of the last tick; 0: none yet */
    int64_t grace_until_ns;             /* the clock has jumped ahead: nothing fires before */

    /* the round's, on a worker between submission and finished */
    trib_db_job job;
    trib_stream_txn txn;
    trib_arena arena, one; /* one: of the stream at hand */
    int64_t now_ms;
    char after[TRIB_STREAM_ID_MAX_BYTES + 1]; /* folds go on behind this stream */
    timers_round round;
    timers_run runs[TRIB_STREAM_TIMERS_RUNNING];
} timers_module;

/* fire.c: a transaction's work; sets module->round. Errors: AGAIN, and those of the database. */
trib_code timers_fire_round(void *module, trib_error *err);
/* One timer, in a savepoint. Errors: those of the database. */
trib_code timers_fire_one(timers_module *m, const timers_due *due, trib_error *err);
/* Failures that are the stream's own and will be there the next time, too. */
bool timers_is_refusal(trib_code code);
/* An event by the platform; payload empty: none. `op` may be NULL. Errors: as trib_stream_append. */
trib_code timers_append(trib_stream_txn *txn, trib_stream *s, const trib_deal_op *op, int64_t opcode, trib_str payload,
                        trib_error *err);

/* remind.c: a trib_stream_action_fn. */
trib_code timers_remind_payment(void *ctx, trib_stream_txn *txn, trib_stream *s, trib_str name, trib_error *err);

/* ---- runs.c ---- */

/* In the round. */
void timers_runs_begin_round(timers_module *m);
/* A command is under way for this timer, or was when the round began. */
bool timers_run_is(const timers_module *m, trib_str stream_id, trib_str name);
size_t timers_runs_count(const timers_module *m);
/* False: as many as there may be are under way. */
bool timers_run_want(timers_module *m, const timers_due *due, const trib_deal_type *type);
/* Those that have ended: those that failed are tried later, or fire alone. Writes if some have failed. */
trib_code timers_runs_conclude(timers_module *m, trib_error *err);
bool timers_runs_have_failed(const timers_module *m);
/* Behind the round: begins what it wants. Thread: the tick's. */
void timers_runs_end_round(timers_module *m, bool committed);

/* tick.c. Thread: the tick's. */
void timers_tick(void *module);

#endif
