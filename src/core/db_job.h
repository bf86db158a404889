/* SPDX-License-Identifier: Apache-2.0 */
/* A job on a tenant's database, with the waiting done for the feature: opens the database, lends the session's or a
 * clean handle, lets `work` run inside it, parks when a statement needs the turn, and comes home only when everything
 * that it saw or wrote is durable.
 *
 *   open -> handle -> enter -> work ----------> leave -> gate -> finished (home loop)
 *             | all      ^        | AGAIN
 *             ├ in use   ├- turn -┤  (no thread is held)
 *             └<- turn <-+--------┤  (nor a handle: the first time, while nothing binds the job to this one)
 *                        └ credit ┘  AGAIN with `chunk`: leave -> gate -> handed (home loop) ... trib_db_job_continue
 *
 * trib_db_job_cancel ends it from any of these places: a running statement is interrupted, a wait is given up. */
#ifndef TRIB_CORE_DB_JOB_H
#define TRIB_CORE_DB_JOB_H

#include "core/app.h"
#include "core/http.h"
#include "core/job.h"
#include "core/tenant.h"
#include "store/stmt.h"
#include "store/store.h"

typedef struct trib_session trib_session;
typedef struct trib_db_job trib_db_job;

struct trib_db_job {
    trib_job job; /* first */
    /* set by the caller before trib_db_job_submit */
    trib_app *app;
    trib_tenant *tenant;   /* a reference is taken */
    trib_session *session; /* NULL: a session that lasts as long as the job. Otherwise acquired (session.h) */
    bool close_session;    /* may be set by work: the session ends with this job */
    trib_access access;
    /* A reference is taken: who asks, for ATTACH, and for what the session has attached. NULL: nobody may */
    trib_principal *principal;
    /* Inside the handle, on a worker. OK: finished. AGAIN: the statement at hand needs the turn; work is called again
     * when it is there, or with `pending` set when it will not be. Reading first does not use the turn up; a write by
     * itself, and the end of a transaction, do. AGAIN after `chunk` was set: what was produced goes to `handed`, and
     * work is called again after trib_db_job_continue; it may keep a statement that has begun. Any other code:
     * finished, the job failed. */
    trib_code (*work)(trib_db_job *job, trib_handle *handle, trib_error *err);
    /* Only for jobs that hand over chunks. Home loop: what work has produced so far is durable and may be shown; the
     * job rests until trib_db_job_continue. */
    void (*handed)(trib_db_job *job);
    /* May be NULL. Work will not be called again (cancelled, or a chunk's commit is not durable): let go of statements.
     * `handle` is NULL when there is no way in any more; then only trib_stmt_drop. On a worker. */
    void (*stop)(trib_db_job *job, trib_handle *handle);
    /* Home loop, exactly once. code: OK, work's failure, CANCELLED, or why the commit is not durable: then nothing that
     * work has produced (since the last chunk) may be shown. NOT_COMMITTED: nothing that it has written has happened;
     * COMMIT_OUTCOME_UNKNOWN: some of it has, or nobody can say. */
    void (*finished)(trib_db_job *job);
    bool chunk;
    bool unpublished; /* what it writes is never for discovery: no look at the outbox afterwards */

    /* What the next statement must fail with instead of running: the transaction was taken away (enter), or the turn
     * was not to be had. work takes it with trib_db_job_take_pending. */
    trib_code pending;
    trib_error pending_err;

    trib_code code;
    trib_error err;

    /* private */
    int phase;
    trib_code doomed;            /* a chunk's commit is not durable */
    bool parting;                /* gives its handle back before it waits for the turn */
    bool has_parted;             /* once is enough: after that it keeps its place in the queue and its handle */
    bool handing;                /* on its way home with a chunk */
    bool resting;                /* at home, waits for trib_db_job_continue; home loop only */
    _Atomic(trib_db *) waits_in; /* where it may stand in a queue; set before it does */
    trib_db *db;
    trib_handle *handle;
    trib_session_vars vars;
    trib_handle_waiter wait;
    trib_code wait_code;
    trib_turn_waiter turn;
    trib_gate_waiter gate;
    /* its own database's (what it has committed, what it has seen since), then those of what it has read beside it; the
     * answer passes one after the other */
    trib_gate_need needs[2 + TRIB_ATTACHED_MAX];
    size_t need_count, own_need_count, need_at;
    uint64_t first;  /* the ticket of its first commit; 0: it has made none */
    uint64_t parked; /* the ticket that it had when it left to wait; 0: it did not */
    bool wrote;
    trib_attacher attacher;
};

/* Errors: TOO_MANY_REQUESTS, SHUTTING_DOWN: nothing has moved, `finished` will not be called. Thread: a loop. */
trib_code trib_db_job_submit(trib_db_job *job, trib_error *err);
/* The same for a request whose `feature` begins with the job: sets app and home, and the peer's end cancels the job.
 * `finished` sets http->on_cancel to NULL before anything else; after an error it is NULL. */
trib_code trib_db_job_submit_for(trib_db_job *job, trib_http_request *http, trib_error *err);
/* After `handed`: goes on. Thread: the home loop. */
void trib_db_job_continue(trib_db_job *job);
/* The peer is gone: the job ends soon, with CANCELLED unless it was past its work. Idempotent. Thread: the home loop,
 * before `finished`. */
void trib_db_job_cancel(trib_db_job *job);
/* True once it was cancelled: for work, between statements. Thread: the worker. */
bool trib_db_job_is_cancelled(const trib_db_job *job);
/* The pending failure, once; OK if there is none. */
trib_code trib_db_job_take_pending(trib_db_job *job, trib_error *err);

#endif
