/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs and workers: a unit of work for one tenant's database, run by a pool of threads that takes ready tenants in
 * turn.
 *
 *   home loop --submit--> tenant queue --> worker: run() -> WAIT (turn, gate: no thread is held) ... DONE --post-->
 *   home: done()
 *
 * A job moves: after trib_job_submit the sender must not touch it until `done`, which runs exactly once on the home
 * loop. */
#ifndef TRIB_CORE_JOB_H
#define TRIB_CORE_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/error.h"
#include "base/list.h"
#include "store/store.h"

typedef struct trib_job trib_job;
typedef struct trib_home trib_home;
typedef struct trib_workers trib_workers;
typedef struct trib_work_queue trib_work_queue;

/* Where a job comes home to: filled by net (a loop) or by tests (a list). It outlives the workers. The optional three
 * let wakes be shared, which cost more than a small statement: they go together. */
struct trib_home {
    void *ctx;
    /* The home then calls job->done(job) on its own thread. Thread: any. */
    void (*post)(trib_home *home, trib_job *job);
    /* As post, but true: the caller still owes the home a wake. Optional. Thread: any. */
    bool (*push)(trib_home *home, trib_job *job);
    void (*wake)(trib_home *home);
    /* Calls trib_workers_wake(workers) before the home's thread sleeps; false: that cannot be said (another thread), or
     * enough has been put off already. Thread: any. */
    bool (*wake_later)(trib_home *home, trib_workers *workers);
};

typedef enum trib_job_verdict {
    TRIB_JOB_DONE, /* finished: post it home */
    /* moved on: somebody else posts it home (trib_job_post_home) or queues it again (trib_job_requeue); the worker must
     * not touch it any more */
    TRIB_JOB_GONE,
    TRIB_JOB_WAIT /* somebody will call trib_job_resume: the turn, the gate, credit */
} trib_job_verdict;

struct trib_job {
    trib_job_verdict (*run)(trib_job *job);
    void (*done)(trib_job *job);
    trib_home *home;        /* NULL: done runs on the worker, for work that nobody waits for */
    trib_work_queue *queue; /* the tenant's; set by the submitter */
    _Atomic bool cancelled; /* set by the home when the peer is gone; run looks at it at safe points */
    /* private to core/job.c */
    trib_list link;
    int64_t queued_ns;
    bool counted; /* in its queue's in_flight; whoever has the job now may look */
    _Atomic int state;
    _Atomic(void *) worker; /* the one that runs it, or ran it last */
};

enum {
    TRIB_WORKERS_MAX = 64,
    TRIB_TENANT_RUNNING_MAX = 4,  /* statements of one tenant at once: a tenant cannot take every worker */
    TRIB_TENANT_QUEUE_MAX = 4096, /* jobs waiting per tenant; then TOO_MANY_REQUESTS: memory */
    /* The same once more than so many wait and the first has waited for so long, or the last would have to at the pace
     * of the queue: one that only grows serves nobody in time, and goes on to do so after the overload has ended. */
    TRIB_TENANT_QUEUE_FREE = 64,
    TRIB_TENANT_QUEUE_MS = 250,
    TRIB_STUCK_STATEMENT_MS = 50,     /* a worker that sits longer in one job gets a stand-in */
    TRIB_STUCK_BACKGROUND_CPU_MS = 5, /* of processor time since then put its thread at nice 19 */
    TRIB_STUCK_WORKERS_MAX = 16, /* stand-ins; past it a statement of the heaviest tenant is interrupted each tick */
    TRIB_STUCK_CPU_MS = 50,      /* of processor time since then make it one that may be interrupted; less may be the */
    TRIB_STUCK_WAIT_MS = 1000,   /* fault of a slow disk or a busy machine, and is waited for so long */
    /* A tenant is heavy, and gives way to others (base/pace.h), while it keeps more than this part of a worker busy
     * ... */
    TRIB_HEAVY_WINDOW_MS = 10, /* looked at so often at most */
    TRIB_HEAVY_PERCENT = 40,
    TRIB_HEAVY_OF_MOST_PERCENT = 25 /* ... and at least this part of what the one that uses most does */
};

trib_code trib_workers_new(const trib_env *env, uint32_t threads, trib_workers **ret, trib_error *err);
/* Runs what is queued, then ends the threads; later submits answer SHUTTING_DOWN. */
void trib_workers_stop(trib_workers *workers);
/* After stop and after every queue is freed. */
void trib_workers_free(trib_workers *workers);
/* Sees to it that a worker is on its way to what is queued. Thread: any. */
void trib_workers_wake(trib_workers *workers);
/* Stand-ins for stuck workers; called about every 20 ms. Thread: any one. */
void trib_workers_tick(trib_workers *workers);
/* How many are in one job for more than TRIB_STUCK_STATEMENT_MS. Thread: any. */
uint32_t trib_workers_count_stuck(trib_workers *workers);
/* Requests of tenants that are not heavy, between submission and home. Thread: any. */
uint32_t trib_workers_count_urgent(trib_workers *workers);

/* The queue of one tenant; made with the tenant, and freed with it, when no job waits in it. */
trib_work_queue *trib_work_queue_new(trib_workers *workers);
void trib_work_queue_free(trib_work_queue *queue);
/* All tenants wait for what is done here, so it is never heavy. Before its first job. */
void trib_work_queue_set_shared(trib_work_queue *queue);
/* True: a job would be refused. As it was at the last submission or start of a job; for refusing work before it is
 * decoded. Thread: any. */
bool trib_work_queue_is_full(const trib_work_queue *queue);
/* What is_full's refusal says: TOO_MANY_REQUESTS. */
trib_code trib_work_queue_full_error(trib_error *err);
/* It uses more than its share now and gives way to others. Thread: any. */
bool trib_work_queue_is_heavy(const trib_work_queue *queue);

/* OK: the job has moved. TOO_MANY_REQUESTS, SHUTTING_DOWN: it has not. Thread: any. */
trib_code trib_job_submit(trib_job *job, trib_error *err);
/* Queues a waiting job again, ahead of its tenant's queue (it holds the turn). Thread: any. A resume that comes before
 * run has answered WAIT is not lost. */
void trib_job_resume(trib_job *job);
/* Ends a job whose run answered GONE. Thread: any. */
void trib_job_post_home(trib_job *job);
/* Queues a job whose run answered GONE again, behind its tenant's others. Thread: any. */
void trib_job_requeue(trib_job *job);
/* Marks it cancelled and interrupts the statement that it runs, if any; run then ends it at its next safe point. The
 * job must not have ended at home. Thread: its home's. */
void trib_job_cancel(trib_job *job);

/* What the current worker's thread runs may be stopped from outside: the handle it is inside of, or NULL. Afterwards
 * run looks at `cancelled` once more. Thread: the worker. */
void trib_worker_set_handle(trib_job *job, trib_handle *handle);

#endif
