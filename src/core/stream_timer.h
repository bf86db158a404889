/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of streams: what a type's `timers` say becomes rows in the database `streams`, whenever a stream is folded.
 *
 *   a stream comes into a status (event number n) -> a row for each timer of that status: due, generation n
 *   it leaves the status, or is closed            -> its rows go
 *   due (features/timers)                         -> opcode by the platform, or an action; the row stays, marked fired
 *
 * A generation fires once: the mark is in the transaction of what the timer does. */
#ifndef TRIB_CORE_STREAM_TIMER_H
#define TRIB_CORE_STREAM_TIMER_H

#include "core/stream.h"
#include "core/tenant.h"

enum { TRIB_STREAM_ACTIONS_MAX = 32 }; /* of the server: named by its modules, never by a peer */

/* What a timer with an action calls, inside the transaction that marks it as fired. `s` is loaded and folded. An error
 * takes back what it has written, and is noted as the timer's outcome. */
typedef trib_code (*trib_stream_action_fn)(void *ctx, trib_stream_txn *txn, trib_stream *s, trib_str timer,
                                           trib_error *err);

/* One for the process: app->stream_timers. */
typedef struct trib_stream_timers {
    struct {
        const char *name;
        trib_stream_action_fn call;
        void *ctx;
    } actions[TRIB_STREAM_ACTIONS_MAX];
    _Atomic uint32_t action_count; /* modules start one after the other */
} trib_stream_timers;

/* Makes the tables. Streams that were there before get their timers as if they were new: all of them are to be folded
 * again. Errors: as trib_db_start. Thread: the one that starts the server, after the module `streams` has started. */
trib_code trib_stream_timers_prepare(trib_app *app, const trib_tenant *streams, trib_error *err);
/* From a module's start: who is called for timers with this action. False: there is no room, or no timers. */
bool trib_stream_timers_add_action(trib_app *app, const char *name, trib_stream_action_fn call, void *ctx);

/* Makes the stream's rows fit its status; part of trib_stream_store_fold. Does nothing where no timers run. */
trib_code trib_stream_timers_set(trib_stream_txn *txn, const trib_stream *s, trib_error *err);

#endif
