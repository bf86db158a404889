/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs on a database; see db_job.h for the way they go. */
#include "core/db_job.h"

#include <string.h>

#include "core/auth.h"
#include "core/metrics.h"
#include "core/outbox.h"
#include "core/session.h"

enum phase { PHASE_OPEN, PHASE_HANDLE, PHASE_ENTER, PHASE_RESERVED };

static trib_db_job *of_turn(trib_turn_waiter *waiter) {
    return (trib_db_job *)(void *)((char *)waiter - offsetof(trib_db_job, turn));
}

static trib_db_job *of_wait(trib_handle_waiter *waiter) {
    return (trib_db_job *)(void *)((char *)waiter - offsetof(trib_db_job, wait));
}

static trib_db_job *of_gate(trib_gate_waiter *waiter) {
    return (trib_db_job *)(void *)((char *)waiter - offsetof(trib_db_job, gate));
}

static void on_granted(trib_turn_waiter *waiter, trib_code code) {
    trib_db_job *job = of_turn(waiter);
    if (code != TRIB_OK) job->pending = trib_error_set(&job->pending_err, code, NULL);
    trib_job_resume(&job->job);
}

static void on_handle(trib_handle_waiter *waiter, trib_code code) {
    trib_db_job *job = of_wait(waiter);
    job->wait_code = code;
    trib_job_resume(&job->job);
}

/* ---- the gates ---- */

static void note_writes(trib_db_job *job, const trib_handle_tickets *tickets) {
    job->wrote = job->wrote || trib_handle_has_written(job->handle);
    if (job->first == 0) job->first = tickets->first;
}

/* What of the answer depends on whom; before leave. Its own commits stand first and alone: a later one of somebody else
 * may be lost without them. */
static void note_gates(trib_db_job *job) {
    trib_handle_tickets tickets;
    trib_handle_get_tickets(job->handle, &tickets);
    note_writes(job, &tickets);
    job->need_at = job->need_count = 0;
    if (tickets.own) job->needs[job->need_count++] = (trib_gate_need){job->db, tickets.own};
    if (tickets.seen) job->needs[job->need_count++] = (trib_gate_need){job->db, tickets.seen};
    job->own_need_count = job->need_count;
    job->need_count += trib_handle_take_needs(job->handle, job->needs + job->need_count);
}

/* Leaves to wait, with answers of earlier statements in hand. Before leave. */
static void note_parked(trib_db_job *job) {
    trib_handle_tickets tickets;
    trib_handle_get_tickets(job->handle, &tickets);
    note_writes(job, &tickets);
    job->parked = trib_handle_ticket(job->handle);
}

/* Why the answer cannot be given: NOT_COMMITTED says that the request may be sent again, which is so only if none of
 * the job's own commits has happened. */
static trib_code why_not(const trib_db_job *job, trib_code code) {
    trib_code first = trib_gate_look(job->db, job->first);
    bool happened = job->first && (first == TRIB_OK || first == TRIB_COMMIT_OUTCOME_UNKNOWN);
    return happened ? TRIB_COMMIT_OUTCOME_UNKNOWN : code;
}

/* What it had in hand when it left to wait was undone meanwhile by a failed sync: the ticket that it has at its end is
 * of the time after that and says nothing of it. OK: not (as far as one can tell: while the commit is open, nothing has
 * failed, and the ticket at the end covers it). */
static trib_code lost_while_parked(const trib_db_job *job) {
    trib_code code = trib_gate_look(job->db, job->parked);
    return code == TRIB_OK || code == TRIB_AGAIN ? TRIB_OK : why_not(job, code);
}

static void unref_needs(trib_db_job *job, size_t until) {
    for (; job->need_at < until; job->need_at++)
        if (job->need_at >= job->own_need_count) trib_db_unref(job->needs[job->need_at].db);
}

/* The gate at need_at has spoken. */
static trib_code pass_gate(trib_db_job *job, trib_code code) {
    unref_needs(job, job->need_at + 1);
    if (code == TRIB_OK) return code;
    unref_needs(job, job->need_count);
    return why_not(job, code);
}

/* AGAIN: it waits, and another thread may have changed the job already. */
static trib_code pass_gates(trib_db_job *job) {
    trib_code code = TRIB_OK;
    while (code == TRIB_OK && job->need_at < job->need_count) {
        code = trib_gate_wait(job->needs[job->need_at].db, job->needs[job->need_at].ticket, &job->gate);
        if (code != TRIB_AGAIN) code = pass_gate(job, code);
    }
    return code;
}

/* `resolved` of a gate: AGAIN while it waits at the next one. */
static trib_code go_on(trib_db_job *job, trib_code code) {
    code = pass_gate(job, code);
    return code == TRIB_OK ? pass_gates(job) : code;
}

static void on_resolved(trib_gate_waiter *waiter, trib_code code) {
    trib_db_job *job = of_gate(waiter);
    code = go_on(job, code);
    if (code == TRIB_AGAIN) return;
    if (code != TRIB_OK) job->code = trib_error_set(&job->err, code, NULL);
    trib_job_post_home(&job->job);
}

trib_code trib_db_job_take_pending(trib_db_job *job, trib_error *err) {
    trib_code code = job->pending;
    if (code != TRIB_OK && err) *err = job->pending_err;
    job->pending = TRIB_OK;
    return code;
}

bool trib_db_job_is_cancelled(const trib_db_job *job) {
    return atomic_load(&job->job.cancelled);
}

static trib_code open_db(trib_db_job *job) {
    if (trib_db_job_is_cancelled(job)) return trib_error_set(&job->err, TRIB_CANCELLED, NULL);
    if (atomic_load(&job->tenant->deleted)) {
        return trib_error_set(&job->err, TRIB_TENANT_NOT_FOUND, "tenant \"%s\" was deleted", job->tenant->name);
    }
    trib_db_settings settings = trib_tenant_db_settings(job->tenant);
    return trib_store_db_get(job->app->store, trib_str_c(job->tenant->id), &settings, &job->db, &job->err);
}

/* The session's own if it keeps one, else a clean one. AGAIN: it will be called again when one is free. */
static trib_code take_handle(trib_db_job *job) {
    trib_session *session = job->session;
    if (trib_db_job_is_cancelled(job)) {
        trib_handle_give(job->wait.handle);
        job->wait.handle = NULL;
        return trib_error_set(&job->err, TRIB_CANCELLED, NULL);
    }
    if (session && session->handle) {
        job->handle = session->handle;
        session->handle = NULL;
        return TRIB_OK;
    }
    job->handle = job->wait.handle; /* what was waited for */
    job->wait.handle = NULL;
    if (job->handle) return TRIB_OK;
    if (job->wait_code == TRIB_TOO_MANY_REQUESTS) {
        return trib_error_set(&job->err, TRIB_TOO_MANY_REQUESTS,
                              "all %d connections of this database were in use for %d s; "
                              "end transactions sooner",
                              TRIB_HANDLES_PER_DB_MAX, TRIB_HANDLE_WAIT_MS / 1000);
    }
    if (job->wait_code != TRIB_OK) return trib_error_set(&job->err, job->wait_code, NULL);
    job->wait.granted = on_handle;
    atomic_store(&job->waits_in, job->db);
    trib_code code = trib_handle_wait(job->db, &job->wait, &job->handle, &job->err);
    /* whoever cancels may have looked for it in the queue before it stood there */
    if (code == TRIB_AGAIN && trib_db_job_is_cancelled(job) && trib_handle_withdraw(job->db, &job->wait))
        return trib_error_set(&job->err, TRIB_CANCELLED, NULL);
    return code;
}

/* The handle goes back to its session while it carries state, else to the store. */
static void put_handle(trib_db_job *job, bool stateful) {
    if (!job->handle) return;
    if (job->session && stateful && !job->close_session) job->session->handle = job->handle;
    else trib_handle_give(job->handle);
    job->handle = NULL;
}

/* Calls work until it is finished (OK) or must wait: for the turn (AGAIN), or with a chunk (`chunk` is set then), or
 * for the turn without this handle (`parting`). */
static trib_code work_until_wait(trib_db_job *job) {
    for (;;) {
        job->code = job->work(job, job->handle, &job->err);
        if (job->code != TRIB_AGAIN) return TRIB_OK;
        if (job->chunk) return TRIB_AGAIN;
        job->parting = !job->has_parted && trib_handle_may_part(job->handle);
        if (job->parting) return TRIB_AGAIN;
        job->turn.granted = on_granted;
        atomic_store(&job->waits_in, job->db);
        trib_code code = trib_turn_wait(job->handle, &job->turn, &job->pending_err);
        if (code == TRIB_AGAIN) return code;
        job->pending = code; /* OK: the turn is ours; else the queue is full and the statement fails */
    }
}

/* A job without a statement (get_autocommit) has nobody to tell: the session's next one is told. */
static void keep_pending(trib_db_job *job) {
    if (!job->session) return;
    job->session->lost = job->pending;
    job->session->lost_err = job->pending_err;
}

/* Kept with the tenant: the database's own counts end when it is closed for being idle. */
static void count_rows(const trib_db_job *job, uint64_t read, uint64_t written) {
    const trib_app *app = job->app;
    if (job->access == TRIB_ACCESS_SYSTEM) return; /* the server's own work is not the tenant's */
    atomic_fetch_add_explicit(&job->tenant->rows_read, read, memory_order_relaxed);
    atomic_fetch_add_explicit(&job->tenant->rows_written, written, memory_order_relaxed);
    if (!app->counters.rows_read) return;
    trib_counter_add(app->counters.rows_read, read);
    trib_counter_add(app->counters.rows_written, written);
}

static void leave(trib_db_job *job) {
    uint64_t rows_read, rows_written;
    trib_worker_set_handle(&job->job, NULL);
    trib_handle_take_rows(job->handle, &rows_read, &rows_written);
    count_rows(job, rows_read, rows_written);
    trib_handle_leave(job->handle);
}

static trib_job_verdict finish(trib_db_job *job) {
    bool stateful = trib_handle_stateful(job->handle);
    note_gates(job);
    trib_code lost = lost_while_parked(job);
    if (lost != TRIB_OK) job->code = trib_error_set(&job->err, lost, NULL);
    leave(job);
    keep_pending(job);
    put_handle(job, stateful);
    job->gate.resolved = on_resolved;
    trib_code code = pass_gates(job);
    if (code == TRIB_AGAIN) return TRIB_JOB_GONE;
    if (code != TRIB_OK) job->code = trib_error_set(&job->err, code, NULL);
    return TRIB_JOB_DONE;
}

/* ---- chunks ---- */

static void on_chunk_resolved(trib_gate_waiter *waiter, trib_code code) {
    trib_db_job *job = of_gate(waiter);
    code = go_on(job, code);
    if (code == TRIB_AGAIN) return;
    job->doomed = code;
    if (code == TRIB_OK) trib_job_post_home(&job->job);
    else trib_job_requeue(&job->job);
}

/* The handle stays with the job, outside, until the loop asks for more. false: the job is doomed instead. */
static bool hand_over(trib_db_job *job) {
    note_gates(job);
    job->chunk = false;
    leave(job);
    job->handing = true;
    job->gate.resolved = on_chunk_resolved;
    trib_code code = pass_gates(job);
    if (code == TRIB_AGAIN) return true; /* it may be home already */
    job->doomed = code;
    if (code == TRIB_OK) trib_job_post_home(&job->job);
    return code == TRIB_OK;
}

/* ---- waiting for the turn without a handle ---- */

/* AGAIN: it waits, and another thread may have changed the job already. */
static trib_code part(trib_db_job *job) {
    note_parked(job);
    leave(job);
    trib_handle_give(job->handle);
    job->handle = NULL;
    job->parting = false;
    job->has_parted = true;
    job->phase = PHASE_RESERVED;
    job->turn.granted = on_granted;
    atomic_store(&job->waits_in, job->db);
    trib_code code = trib_turn_reserve(job->db, &job->turn);
    /* whoever cancels may have looked for it in the queue before it stood there */
    if (code == TRIB_AGAIN && trib_db_job_is_cancelled(job) && trib_turn_withdraw(job->db, &job->turn)) return TRIB_OK;
    return code;
}

/* Nobody waits for a connection while the turn is kept for him: those who have the connections may want it. */
static void use_reserved(trib_db_job *job) {
    trib_handle *handle = NULL;
    job->phase = PHASE_HANDLE;
    if (trib_db_job_is_cancelled(job) || trib_handle_take(job->db, &handle, NULL) != TRIB_OK) {
        trib_turn_pass(job->db, &job->turn);
        return;
    }
    trib_turn_adopt(handle, &job->turn);
    job->wait.handle = handle;
}

/* ---- attached databases ---- */

static trib_db_job *of_attacher(trib_attacher *attacher) {
    return (trib_db_job *)(void *)((char *)attacher - offsetof(trib_db_job, attacher));
}

static void release_tenant(void *tenant) {
    trib_tenant_unref(tenant);
}

/* ATTACH asks for a name. */
static trib_code find_attached(trib_attacher *attacher, trib_str name, trib_attach_target *ret, trib_error *err) {
    const trib_db_job *job = of_attacher(attacher);
    const trib_app *app = job->app;
    trib_tenant *tenant = NULL;
    trib_code code = trib_auth_attach(app->auth, job->principal, name, trib_env_wall_ms(app->env), &tenant, err);
    if (code != TRIB_OK) return code;
    memcpy(ret->id, tenant->id, sizeof ret->id);
    ret->settings = trib_tenant_db_settings(tenant);
    ret->owner = tenant;
    ret->release = release_tenant;
    return TRIB_OK;
}

/* What the session has attached is asked for again each time: it may have been revoked, deleted or blocked since. */
static trib_code check_attached(const trib_db_job *job, trib_error *err) {
    const trib_tenant *tenant;
    for (size_t i = 0; (tenant = trib_handle_attached_at(job->handle, i)) != NULL; i++) {
        trib_error why = {.code = TRIB_FORBIDDEN};
        trib_code code = job->principal ? trib_may_attach(job->principal, tenant, trib_env_wall_ms(job->app->env), &why)
                                        : TRIB_FORBIDDEN;
        if (code != TRIB_OK)
            return trib_error_set(err, code,
                                  "%s (attached in this session, whose transaction, settings and attached databases "
                                  "have ended with that)",
                                  why.message);
    }
    return TRIB_OK;
}

static trib_code enter_attached(trib_db_job *job) {
    trib_error why;
    trib_code code = check_attached(job, &why);
    if (code != TRIB_OK) {
        if (job->pending == TRIB_OK) {
            job->pending = code;
            job->pending_err = why;
        }
        code = trib_handle_renew(job->handle, &job->err);
        if (code != TRIB_OK) trib_handle_leave(job->handle);
    }
    if (code == TRIB_OK) trib_handle_set_attacher(job->handle, job->principal ? &job->attacher : NULL);
    return code;
}

/* ---- the way ---- */

/* What the session lost while nobody was inside (its transaction, its connection) is told once, by the next statement;
 * the handle is clean then and is entered again. */
static trib_code enter(trib_db_job *job) {
    trib_session_vars *vars = job->session ? &job->session->vars : &job->vars;
    trib_error lost;
    vars->database_name = atomic_load(&job->tenant->name); /* each time: it may have been renamed */
    trib_code code = trib_handle_enter(job->handle, job->access, vars, &lost);
    if (code != TRIB_OK && job->pending == TRIB_OK) {
        job->pending = code;
        job->pending_err = lost;
    }
    if (code != TRIB_OK) code = trib_handle_enter(job->handle, job->access, vars, &job->err);
    return code == TRIB_OK ? enter_attached(job) : code;
}

/* No work any more: lets go of what it holds, inside the handle if there is a way in. */
static void stop_work(trib_db_job *job, trib_handle *handle) {
    if (job->stop) job->stop(job, handle);
}

static trib_job_verdict run(trib_job *base);

/* From the handle on: inside, work, outside again; until it is finished or waits. */
static trib_job_verdict run_inside(trib_db_job *job) {
    for (;;) {
        job->handing = false;
        trib_code code = enter(job);
        if (code != TRIB_OK) {
            job->code = code;
            stop_work(job, NULL);
            put_handle(job, false);
            return TRIB_JOB_DONE;
        }
        trib_worker_set_handle(&job->job, job->handle);
        if (job->doomed == TRIB_OK) job->doomed = lost_while_parked(job);
        if (job->doomed != TRIB_OK || trib_db_job_is_cancelled(job)) {
            stop_work(job, job->handle);
            job->code = trib_error_set(&job->err, job->doomed != TRIB_OK ? job->doomed : TRIB_CANCELLED, NULL);
            return finish(job);
        }
        if (work_until_wait(job) == TRIB_OK) return finish(job);
        if (job->chunk) {
            if (hand_over(job)) return TRIB_JOB_GONE;
            continue;
        }
        if (job->parting) return part(job) == TRIB_AGAIN ? TRIB_JOB_WAIT : run(&job->job);
        note_parked(job);
        leave(job);
        /* whoever cancels may have looked for it in the queue before it stood there */
        if (!trib_db_job_is_cancelled(job) || !trib_turn_withdraw(job->db, &job->turn)) return TRIB_JOB_WAIT;
    }
}

static trib_job_verdict run(trib_job *base) {
    trib_db_job *job = (trib_db_job *)(void *)base;
    if (job->phase == PHASE_OPEN) {
        job->code = open_db(job);
        if (job->code != TRIB_OK) return TRIB_JOB_DONE;
        job->phase = PHASE_HANDLE;
    }
    if (job->phase == PHASE_RESERVED) use_reserved(job);
    if (job->phase == PHASE_HANDLE) {
        trib_code taken = take_handle(job); /* after AGAIN, another thread may have changed the job already */
        if (taken == TRIB_AGAIN) return TRIB_JOB_WAIT;
        job->code = taken;
        if (taken != TRIB_OK) return TRIB_JOB_DONE;
        if (job->session && !job->has_parted) {
            job->pending = job->session->lost;
            job->pending_err = job->session->lost_err;
        }
        job->phase = PHASE_ENTER;
    }
    return run_inside(job);
}

static void done(trib_job *base) {
    trib_db_job *job = (trib_db_job *)(void *)base;
    trib_tenant *tenant = job->tenant;
    if (job->handing) {
        job->resting = true;
        if (trib_db_job_is_cancelled(job)) trib_db_job_continue(job);
        else job->handed(job);
        return;
    }
    trib_db_unref(job->db);
    job->db = NULL;
    trib_principal *principal = job->principal;
    if (job->wrote && !job->unpublished && job->app->outbox && trib_tenant_get(tenant, TRIB_TENANT_PUBLISH))
        trib_outbox_mark(job->app->outbox, tenant);
    if (job->wrote && !job->unpublished && job->app->deal_jobs.dispatch)
        job->app->deal_jobs.freed(job->app->deal_jobs.dispatch, tenant);
    job->finished(job);
    trib_principal_unref(principal);
    trib_tenant_unref(tenant);
}

void trib_db_job_continue(trib_db_job *job) {
    job->resting = false;
    trib_job_requeue(&job->job);
}

void trib_db_job_cancel(trib_db_job *job) {
    if (trib_db_job_is_cancelled(job)) return;
    trib_job_cancel(&job->job);
    if (job->resting) {
        trib_db_job_continue(job);
        return;
    }
    trib_db *db = atomic_load(&job->waits_in);
    if (db && (trib_turn_withdraw(db, &job->turn) || trib_handle_withdraw(db, &job->wait))) trib_job_resume(&job->job);
}

trib_code trib_db_job_submit(trib_db_job *job, trib_error *err) {
    job->job.run = run;
    job->job.done = done;
    job->job.queue = job->tenant->queue;
    job->phase = PHASE_OPEN;
    job->pending = TRIB_OK;
    job->code = TRIB_OK;
    job->doomed = TRIB_OK;
    job->parked = job->first = 0;
    job->wrote = false;
    job->chunk = job->handing = job->resting = job->parting = job->has_parted = false;
    job->db = NULL;
    atomic_store(&job->waits_in, NULL);
    job->handle = NULL;
    job->wait = (trib_handle_waiter){0};
    job->wait_code = TRIB_OK;
    memset(&job->vars, 0, sizeof job->vars);
    job->attacher.find = find_attached;
    trib_tenant_ref(job->tenant);
    trib_principal *principal = trib_principal_ref(job->principal);
    trib_tenant *tenant = job->tenant;
    const trib_app *app = job->app;
    bool internal = job->access == TRIB_ACCESS_SYSTEM; /* the registry's own, a fork, a scrub */
    trib_code code = trib_job_submit(&job->job, err);
    if (code != TRIB_OK) {
        trib_principal_unref(principal);
        trib_tenant_unref(tenant);
        return code;
    }
    if (internal) return code;
    atomic_fetch_add_explicit(&tenant->requests, 1, memory_order_relaxed); /* the caller's reference keeps it */
    if (app->counters.requests) trib_counter_add(app->counters.requests, 1);
    return code;
}

static void on_cancel(trib_http_request *http) {
    trib_db_job_cancel(http->feature);
}

trib_code trib_db_job_submit_for(trib_db_job *job, trib_http_request *http, trib_error *err) {
    job->app = http->app;
    job->job.home = http->home;
    http->feature = job;
    http->on_cancel = on_cancel;
    trib_code code = trib_db_job_submit(job, err);
    if (code != TRIB_OK) http->on_cancel = NULL;
    return code;
}
