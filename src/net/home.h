/* SPDX-License-Identifier: Apache-2.0 */
/* A loop as the home of jobs: workers post finished jobs from any thread, the loop calls their `done`.
 *
 *   worker --post--> [jobs] --one task a batch--> loop: done, done, done
 *   loop: submit, submit, submit --once, before it sleeps--> trib_workers_wake */
#ifndef TRIB_NET_HOME_H
#define TRIB_NET_HOME_H

#include <stdbool.h>

#include "base/env.h"
#include "base/list.h"
#include "core/job.h"
#include "io/loop.h"

enum {
    TRIB_HOME_PUT_OFF_MAX = 32 /* submits of one round that wake nobody: a worker starts while the loop still reads */
};

typedef struct trib_loop_home {
    trib_home home; /* give &home to jobs */
    /* private */
    const trib_env *env;
    trib_loop *loop;
    trib_mutex *mutex;
    trib_list jobs; /* by trib_job.link, which is free once a job is done */
    bool woken;
    trib_task task;
    /* the loop's thread only */
    trib_task wake_task;
    trib_workers *wake_workers; /* whom wake_task wakes; NULL: it is not queued */
    uint32_t put_off;           /* submits that wait for it */
} trib_loop_home;

/* Errors: NOMEM. Owns: `loop` is borrowed and must run, or be freed, before the home ends. */
trib_code trib_loop_home_init(trib_loop_home *home, const trib_env *env, trib_loop *loop, trib_error *err);
/* Nothing may be on its way home. Takes one that was never initialised (zeroed). */
void trib_loop_home_deinit(trib_loop_home *home);

#endif
