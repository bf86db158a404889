/* SPDX-License-Identifier: Apache-2.0 */
/* The sync threads: a bounded pool that runs short tasks which wait for a disk (syncs, checkpoints, recoveries), one
 * after the other.
 * Inline: no threads, trib_pool_run_pending does the work on the caller's thread, in an order drawn by lot. */
#ifndef TRIB_STORE_POOL_H
#define TRIB_STORE_POOL_H

#include "base/env.h"

typedef struct trib_pool trib_pool;
typedef struct trib_task trib_task;

struct trib_task {
    void (*run)(trib_task *task); /* may free or post the task again */
    trib_task *next;              /* private to the pool */
};

/* threads 0: inline. Errors: NOMEM, INTERNAL (no thread could be started). */
trib_code trib_pool_new(const trib_env *env, uint32_t threads, trib_pool **ret, trib_error *err);
/* Runs everything that is queued, then ends the threads. Takes NULL. */
void trib_pool_free(trib_pool *pool);
/* task: the poster's memory; must not be queued already. Thread: any. */
void trib_pool_post(trib_pool *pool, trib_task *task);
/* The same from the run of a task, as the last that it does: this thread comes back for it, so no other is woken. If it
 * finds another task first, it wakes one for what is left. */
void trib_pool_post_again(trib_pool *pool, trib_task *task);
/* Runs queued tasks until there are none; for inline pools. */
void trib_pool_run_pending(trib_pool *pool);
bool trib_pool_inline(const trib_pool *pool);

#endif
