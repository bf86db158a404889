/* SPDX-License-Identifier: Apache-2.0 */
/* A job on a tenant's database, with the waiting done for the feature: opens the database, lends the session's or a
 * clean handle, lets `work` run inside it, parks when a statement needs the turn, and comes home only when everything
 * that it saw or wrote is durable.
 *
 *   open -> handle -> enter -> work ----------> leave -> gate -> finished (home loop)
 *             | all      ^        | AGAIN
 *             └ in use   └- turn -┘  (no thread is held) */
#ifndef TRIB_CORE_DB_JOB_H
#define TRIB_CORE_DB_JOB_H

#include "core/app.h"
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
    /* Inside the handle, on a worker. OK: finished. AGAIN: the statement at hand needs the turn; work is called again
     * when it is there, or with `pending` set when it will not be. Any other code: finished, the job failed. */
    trib_code (*work)(trib_db_job *job, trib_handle *handle, trib_error *err);
    /* Home loop, exactly once. code: OK, work's failure, or why the commit is not durable: then nothing that work has
     * produced may be shown. */
    void (*finished)(trib_db_job *job);

    /* What the next statement must fail with instead of running: the transaction was taken away (enter), or the turn
     * was not to be had. work takes it with trib_db_job_take_pending. */
    trib_code pending;
    trib_error pending_err;

    trib_code code;
    trib_error err;

    /* private */
    int phase;
    trib_db *db;
    trib_handle *handle;
    trib_session_vars vars;
    trib_handle_waiter wait;
    trib_code wait_code;
    trib_turn_waiter turn;
    trib_gate_waiter gate;
};

/* Errors: TOO_MANY_REQUESTS, SHUTTING_DOWN: nothing has moved, `finished` will not be called. Thread: a loop. */
trib_code trib_db_job_submit(trib_db_job *job, trib_error *err);
/* The pending failure, once; OK if there is none. */
trib_code trib_db_job_take_pending(trib_db_job *job, trib_error *err);

#endif
