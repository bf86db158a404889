/* SPDX-License-Identifier: Apache-2.0 */
/* An event loop: one thread, its sockets and timers, and a door through which other threads hand it work.
 *
 *   any thread --trib_loop_post--> [task queue] --one wake-up a batch--> loop thread: task->run(task)
 *
 * Life: new; start (own thread) or run (this thread); stop from anywhere; join; free. */
#ifndef TRIB_IO_LOOP_H
#define TRIB_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/error.h"
#include "io/wheel.h"

typedef struct trib_loop trib_loop;

/* A piece of work, part of the caller's own object. The receiver owns it from post on: `run` may free it. */
typedef struct trib_task trib_task;
struct trib_task {
    void (*run)(trib_task *task);
    trib_task *next; /* private */
};

/* name: of the thread, at most 15 bytes, copied.
 * Owns: *ret is the caller's (trib_loop_free). `env` is borrowed for the loop's life. Errors: NOMEM, IO (err->detail
 *       errno). */
trib_code trib_loop_new(const trib_env *env, const char *name, trib_loop **ret, trib_error *err);
/* Runs the loop on a thread of its own until trib_loop_stop. Errors: NOMEM when no thread could be started. */
trib_code trib_loop_start(trib_loop *loop, trib_error *err);
/* Runs the loop on the calling thread until trib_loop_stop. */
void trib_loop_run(trib_loop *loop);
/* Makes run return after the callback that is running. Does not close sockets: close listeners first. Thread: any. */
void trib_loop_stop(trib_loop *loop);
/* Waits for the thread of trib_loop_start; nothing if there is none. Thread: not the loop's own. */
void trib_loop_join(trib_loop *loop);
/* Joins, runs what was posted and not yet run, and frees. Connections and listeners must be closed; nobody may post any
 * more. Takes NULL. */
void trib_loop_free(trib_loop *loop);

/* Queues `task`; it runs on the loop's thread, exactly once (at the latest inside trib_loop_free). Tasks of one thread
 * keep their order. Never blocks, never fails. Thread: any. */
void trib_loop_post(trib_loop *loop, trib_task *task);

/* As trib_loop_post, but `task` runs after everything that is due now and before the loop sleeps: the place for what
 * can be done once for many events. Thread: the loop's. */
void trib_loop_run_last(trib_loop *loop, trib_task *task);

/* Milliseconds of a clock that never jumps, read once an iteration. Thread: the loop's. */
int64_t trib_loop_now_ms(const trib_loop *loop);
/* True on the thread that runs the loop now. Thread: any. */
bool trib_loop_is_current(const trib_loop *loop);
const trib_env *trib_loop_env(const trib_loop *loop);

/* Fires `timer` once, delay_ms from now or up to a tick (4 ms) later; re-arms it if it was armed. Its owner keeps it
 * alive until it fired or was cleared. Call trib_timer_init on it before. Thread: the loop's. */
void trib_loop_timer_set(trib_loop *loop, trib_timer *timer, int64_t delay_ms);
void trib_loop_timer_clear(trib_loop *loop, trib_timer *timer);

#endif
