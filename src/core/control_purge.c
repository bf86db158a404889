/* SPDX-License-Identifier: Apache-2.0 */
/* The end of deleted tenants.
 *
 *   deleted --grace over--> PURGE: the row goes, its id is in `removal`, durable --> a worker removes the files
 *                                                                                     └ in use: again a little later
 *
 * A stop anywhere in between is finished at the next start (control_load.c). One purge is under way at a time, so that
 * a thousand of them that fall due together do not stand in front of everybody else's changes. */
#include <stdio.h>
#include <stdlib.h>

#include "core/control_int.h"

typedef struct removal {
    trib_list link; /* control->removals, while no worker has it */
    trib_job job;
    trib_control *control;
    trib_tenant *tenant; /* whose queue is used */
    char id[TRIB_DB_ID_BYTES + 1];
    int64_t not_before_ns;
    trib_code code;
    trib_error err;
    bool told; /* the log knows that it waits */
} removal;

/* ---- jobs that come home to the tick ---- */

static void came_home(trib_home *home, trib_job *job) {
    trib_control *control = home->ctx;
    trib_control_lock(control);
    trib_list_init(&job->link);
    trib_list_push_back(&control->came_home, &job->link);
    trib_cond_signal(control->app->env, control->tick_cond);
    trib_control_unlock(control);
}

/* Lock held, and not while a job ends. */
static void end_jobs(trib_control *control) {
    for (trib_list *link; (link = trib_list_take_first(&control->came_home));) {
        trib_job *job = TRIB_LIST_ITEM(link, trib_job, link);
        control->tick_jobs--;
        trib_control_unlock(control);
        job->done(job);
        trib_control_lock(control);
    }
}

bool trib_control_purge_init(trib_control *control) {
    trib_list_init(&control->came_home);
    trib_list_init(&control->removals);
    control->tick_home = (trib_home){.ctx = control, .post = came_home};
    control->tick_cond = trib_cond_new(control->app->env);
    return control->tick_cond != NULL;
}

trib_home *trib_control_take_home(trib_control *control) {
    trib_control_lock(control);
    control->tick_jobs++;
    trib_control_unlock(control);
    return &control->tick_home;
}

void trib_control_give_home(trib_control *control) {
    trib_control_lock(control);
    control->tick_jobs--;
    trib_control_unlock(control);
}

static void removal_free(removal *r) {
    trib_tenant_unref(r->tenant);
    free(r);
}

void trib_control_purge_deinit(trib_control *control) {
    if (!control->tick_cond || !control->lock) {
        trib_cond_free(control->app->env, control->tick_cond);
        return;
    }
    trib_control_lock(control);
    while (control->tick_jobs > 0) { /* a sync thread has the last word on a purge */
        if (trib_list_is_empty(&control->came_home))
            trib_cond_wait(control->app->env, control->tick_cond, control->lock, -1);
        end_jobs(control);
    }
    trib_control_unlock(control);
    TRIB_LIST_EACH_SAFE(link, &control->removals)
    removal_free(TRIB_LIST_ITEM(link, removal, link));
    trib_cond_free(control->app->env, control->tick_cond);
}

/* ---- files ---- */

static removal *removal_of(trib_job *job) {
    return (removal *)(void *)((char *)job - offsetof(removal, job));
}

static trib_job_verdict removal_run(trib_job *job) {
    removal *r = removal_of(job);
    r->code = trib_store_db_delete(r->control->app->store, trib_str_c(r->id), &r->err);
    return TRIB_JOB_DONE;
}

/* Back into the list, for later. */
static void removal_wait(removal *r) {
    trib_control *control = r->control;
    r->not_before_ns = trib_env_mono_ns(control->app->env) + (int64_t)TRIB_CONTROL_RETRY_MS * 1000000;
    trib_control_lock(control);
    trib_list_push_back(&control->removals, &r->link);
    trib_control_unlock(control);
}

static void removal_done(trib_job *job) {
    removal *r = removal_of(job);
    if (r->code == TRIB_OK) {
        removal_free(r);
        return;
    }
    if (!r->told)
        trib_log_event(r->control->app->log, TRIB_LOG_WARN, "tenant_files_left", TRIB_LOG_C("id", r->id),
                       TRIB_LOG_ERR(&r->err));
    r->told = true;
    removal_wait(r);
}

void trib_control_remove_later(trib_control *control, trib_tenant *tenant, const char *id) {
    removal *r = calloc(1, sizeof *r);
    if (!r) return; /* the next start does it */
    trib_list_init(&r->link);
    r->control = control;
    r->tenant = trib_tenant_ref(tenant);
    snprintf(r->id, sizeof r->id, "%s", id);
    trib_control_lock(control);
    trib_list_push_back(&control->removals, &r->link);
    trib_control_unlock(control);
}

static void start_removals(trib_control *control) {
    int64_t now_ns = trib_env_mono_ns(control->app->env);
    trib_control_lock(control);
    TRIB_LIST_EACH_SAFE(link, &control->removals) {
        removal *r = TRIB_LIST_ITEM(link, removal, link);
        if (r->not_before_ns > now_ns) continue;
        trib_list_remove(&r->link);
        r->job.run = removal_run;
        r->job.done = removal_done;
        r->job.home = &control->tick_home;
        r->job.queue = r->tenant->queue;
        control->tick_jobs++;
        trib_control_unlock(control);
        bool moved = trib_job_submit(&r->job, NULL) == TRIB_OK;
        if (!moved) removal_wait(r);
        trib_control_lock(control);
        if (!moved) control->tick_jobs--;
        break; /* the list may have changed; the next tick goes on */
    }
    trib_control_unlock(control);
}

/* ---- rows ---- */

static void purged(trib_control_op *op) {
    trib_control *control = op->control;
    if (op->code == TRIB_OK) {
        trib_log_event(control->app->log, TRIB_LOG_INFO, "tenant_purged", TRIB_LOG_C("tenant", op->tenant->name),
                       TRIB_LOG_C("id", op->tenant->id));
        trib_control_remove_later(control, op->tenant, op->tenant->id);
    }
    trib_tenant_unref(op->tenant);
    trib_control_lock(control);
    control->purging = false;
    if (op->code != TRIB_OK) control->next_purge_ms = op->now_ms + TRIB_CONTROL_RETRY_MS;
    trib_control_unlock(control);
}

/* Lock held: the first that is due, and when to look again. */
static trib_tenant *find_due(trib_control *control, int64_t now_ms) {
    trib_tenant *due = NULL;
    int64_t next_ms = INT64_MAX;
    if (control->purging || now_ms < control->next_purge_ms) return NULL;
    TRIB_LIST_EACH(link, &control->deleted) {
        trib_tenant *tenant = TRIB_LIST_ITEM(link, trib_tenant, link);
        int64_t at_ms = atomic_load(&tenant->purge_ms);
        if (at_ms < next_ms) next_ms = at_ms;
        if (at_ms > now_ms || tenant->changing) continue;
        due = tenant;
        break;
    }
    control->next_purge_ms = due ? now_ms : next_ms;
    return due;
}

static void start_purge(trib_control *control) {
    trib_control_lock(control);
    trib_tenant *due = trib_tenant_ref(find_due(control, trib_env_wall_ms(control->app->env)));
    if (due) {
        control->purging = true;
        control->tick_jobs++;
    }
    trib_control_unlock(control);
    if (!due) return;
    control->purge = (trib_control_op){
        .type = TRIB_CONTROL_PURGE, .target = due, .home = &control->tick_home, .finished = purged, .now = true};
    trib_code code = trib_control_submit(control, &control->purge, NULL);
    trib_tenant_unref(due); /* the op has its own */
    if (code == TRIB_OK) return;
    trib_control_lock(control);
    control->purging = false;
    control->tick_jobs--;
    trib_control_unlock(control);
}

void trib_control_tick(trib_control *control) {
    trib_control_lock(control);
    end_jobs(control);
    bool files = !trib_list_is_empty(&control->removals);
    trib_control_unlock(control);
    if (files) start_removals(control);
    start_purge(control);
}
