/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of streams: what a type's `timers` say becomes rows in the database `streams`, whenever a stream is folded.
 *
 *   a stream comes into a status (event number n) -> a row for each timer of that status: due, generation n
 *   it leaves the status, or is closed            -> its rows go
 *   due (features/timers)                         -> opcode by the platform, an action, or a command that begins with
 *                                                    the opcode; the row stays, marked fired
 *
 * A generation fires once: the mark is in the transaction of what the timer does. */
#ifndef TRIB_CORE_STREAM_TIMER_H
#define TRIB_CORE_STREAM_TIMER_H

#include "core/stream.h"
#include "core/tenant.h"

enum {
    TRIB_STREAM_ACTIONS_MAX = 32,   /* of the server: named by its modules, never by a peer */
    TRIB_STREAM_PERFORMERS_MAX = 8, /* the same */
    TRIB_STREAM_TIMERS_RUNNING = 8  /* commands of timers at once: they share turns with those of clients */
};

/* What a timer with an action calls, inside the transaction that marks it as fired. `s` is loaded and folded. An error
 * takes back what it has written, and is noted as the timer's outcome. */
typedef trib_code (*trib_stream_action_fn)(void *ctx, trib_stream_txn *txn, trib_stream *s, trib_str timer,
                                           trib_error *err);

/* A timer that is due, and what becomes of it where a module does its opcode as a command (core/command.h): the event
 * and all that belongs to it, rows of tenants included. Owned by who runs timers, while `done` has not been called. */
typedef struct trib_stream_timer_run trib_stream_timer_run;
struct trib_stream_timer_run {
    char stream_id[TRIB_STREAM_ID_MAX_BYTES + 1];
    char name[TRIB_DEAL_NAME_MAX_BYTES + 1], type[TRIB_DEAL_NAME_MAX_BYTES + 1];
    int64_t generation;
    int32_t opcode;
    trib_home *home; /* where the command comes home to */
    /* Exactly once, after `begin` has answered OK. Thread: that of home. */
    void (*done)(trib_stream_timer_run *run, const trib_error *err);
};
typedef struct trib_stream_performer {
    void *ctx;
    /* Whether it does this opcode of a type. Thread: any. */
    bool (*does)(void *ctx, const trib_deal_type *type, int32_t opcode);
    /* Begins; trib_stream_timer_take is part of its transaction. An error: nothing has begun. Thread: that of home. */
    trib_code (*begin)(void *ctx, trib_stream_timer_run *run, trib_error *err);
} trib_stream_performer;

/* One for the process: app->stream_timers. */
typedef struct trib_stream_timers {
    struct {
        const char *name;
        trib_stream_action_fn call;
        void *ctx;
    } actions[TRIB_STREAM_ACTIONS_MAX];
    trib_stream_performer performers[TRIB_STREAM_PERFORMERS_MAX];
    _Atomic uint32_t action_count, performer_count; /* modules start one after the other */
} trib_stream_timers;

/* Makes the tables. Streams that were there before get their timers as if they were new: all of them are to be folded
 * again. Errors: as trib_db_start. Thread: the one that starts the server, after the module `streams` has started. */
trib_code trib_stream_timers_prepare(trib_app *app, const trib_tenant *streams, trib_error *err);
/* From a module's start: who is called for timers with this action. False: there is no room, or no timers. */
bool trib_stream_timers_add_action(trib_app *app, const char *name, trib_stream_action_fn call, void *ctx);
/* From a module's start: a copy is taken. False: there is no room. Where no timers run it is not asked. */
bool trib_stream_timers_add_performer(trib_app *app, const trib_stream_performer *performer);
/* NULL: nobody does it; the opcode alone is written. Thread: any. */
const trib_stream_performer *trib_stream_timers_performer(const trib_stream_timers *timers, const trib_deal_type *type,
                                                          int32_t opcode);
/* In the command's transaction on `streams`, when the stream is folded: marks the timer as fired. *ret_due false: it
 * has fired, or the stream has left the status; then there is nothing to do. */
trib_code trib_stream_timer_take(trib_stream_txn *txn, const trib_stream_timer_run *run, bool *ret_due,
                                 trib_error *err);

/* Makes the stream's rows fit its status; part of trib_stream_store_fold. Does nothing where no timers run. */
trib_code trib_stream_timers_set(trib_stream_txn *txn, const trib_stream *s, trib_error *err);

#endif
