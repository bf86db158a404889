/* SPDX-License-Identifier: Apache-2.0 */
/* Forks of tenants; see fork.h. */
#include "core/fork.h"

#include <stdio.h>
#include <string.h>

#include "base/ids.h"
#include "core/control_int.h"

static trib_fork *of_copy(trib_db_job *job) {
    return (trib_fork *)(void *)((char *)job - offsetof(trib_fork, copy));
}

/* fork->code and err are set. Files that are there, or may be, go. */
static void end(trib_fork *fork) {
    trib_control *control = fork->app->control;
    trib_tenant *source = fork->source;
    trib_db_writer_free(fork->writer);
    fork->writer = NULL;
    if (fork->code != TRIB_OK) trib_control_remove_later(control, source, fork->id);
    trib_control_give_fork(control);
    fork->finished(fork);
    trib_tenant_unref(source);
}

static void end_with(trib_fork *fork, trib_code code, const trib_error *err) {
    fork->code = code;
    fork->err = *err;
    end(fork);
}

/* ---- the registry ---- */

static trib_code change(trib_fork *fork, trib_control_op_type type, void (*finished)(trib_control_op *),
                        trib_error *err) {
    memset(&fork->op, 0, sizeof fork->op);
    fork->op.type = type;
    memcpy(fork->op.name, fork->name, sizeof fork->name);
    fork->op.id = trib_str_c(fork->id);
    fork->op.like = fork->source;
    fork->op.home = fork->home;
    fork->op.finished = finished;
    fork->op.owner = fork;
    return trib_control_submit(fork->app->control, &fork->op, err);
}

static void created(trib_control_op *op) {
    trib_fork *fork = op->owner;
    fork->tenant = op->tenant;
    end_with(fork, op->code, &op->err);
}

/* ---- the files ---- */

static void on_placed(trib_job *job) {
    trib_fork *fork = (trib_fork *)(void *)((char *)job - offsetof(trib_fork, placed));
    trib_error err;
    if (fork->code == TRIB_OK && fork->cancelled) fork->code = trib_error_set(&fork->err, TRIB_CANCELLED, NULL);
    if (fork->code != TRIB_OK) {
        end(fork);
        return;
    }
    trib_code code = change(fork, TRIB_CONTROL_CREATE, created, &err);
    if (code != TRIB_OK) end_with(fork, code, &err);
}

/* On a sync thread. */
static void placed(void *ctx, trib_code code, const trib_error *err) {
    trib_fork *fork = ctx;
    fork->code = code;
    if (code != TRIB_OK) fork->err = *err;
    fork->placed.done = on_placed;
    fork->home->post(fork->home, &fork->placed);
}

/* ---- the copy, on a worker ---- */

static trib_code add_page(void *ctx, trib_str page, trib_error *err) {
    trib_fork *fork = ctx;
    return trib_db_writer_add(fork->writer, page, err);
}

static trib_code copy_work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    trib_fork *fork = of_copy(job);
    bool done = false;
    trib_code code = trib_db_job_take_pending(job, err);
    if (code == TRIB_OK && !fork->writer)
        code = trib_db_writer_open(fork->app->store, trib_str_c(fork->id), &fork->writer, err);
    if (code == TRIB_OK)
        code = trib_snapshot_read(&fork->snapshot, handle, TRIB_FORK_CHUNK_BYTES, add_page, fork, &done, err);
    if (code != TRIB_OK) return code;
    job->chunk = !done;
    return job->chunk ? TRIB_AGAIN : TRIB_OK;
}

static void copy_handed(trib_db_job *job) {
    trib_db_job_continue(job);
}

static void copied(trib_db_job *job) {
    trib_fork *fork = of_copy(job);
    fork->copying = false;
    if (job->code == TRIB_SNAPSHOT_TOO_OLD)
        trib_error_set(&job->err, job->code,
                       "the tenant was written faster than it could be copied; fork it at a quieter time");
    if (job->code != TRIB_OK) end_with(fork, job->code, &job->err);
    else trib_db_writer_finish(fork->writer, placed, fork);
}

static void announced(trib_control_op *op) {
    trib_fork *fork = op->owner;
    trib_error err;
    trib_code code = op->code;
    if (code == TRIB_OK && fork->cancelled) code = trib_error_set(&op->err, TRIB_CANCELLED, NULL);
    if (code != TRIB_OK) {
        end_with(fork, code, &op->err);
        return;
    }
    memset(&fork->copy, 0, sizeof fork->copy);
    fork->copy.app = fork->app;
    fork->copy.tenant = fork->source;
    fork->copy.access = TRIB_ACCESS_SYSTEM;
    fork->copy.job.home = fork->home;
    fork->copy.work = copy_work;
    fork->copy.handed = copy_handed;
    fork->copy.finished = copied;
    fork->copying = true;
    code = trib_db_job_submit(&fork->copy, &err);
    if (code == TRIB_OK) return;
    fork->copying = false;
    end_with(fork, code, &err);
}

void trib_fork_cancel(trib_fork *fork) {
    fork->cancelled = true;
    if (fork->copying) trib_db_job_cancel(&fork->copy);
}

trib_code trib_fork_submit(trib_fork *fork, trib_error *err) {
    trib_id id;
    char hex[TRIB_ID_HEX_BYTES];
    trib_control *control = fork->app->control;
    if (fork->source->system)
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"%s\" is a database of the server itself and cannot be forked",
                              fork->source->name);
    trib_code code = trib_id_random(fork->app->env, &id, err);
    if (code != TRIB_OK) return code;
    if (!trib_control_take_fork(control))
        return trib_error_set(err, TRIB_TOO_MANY_REQUESTS, "%d forks are under way; try again when one has ended",
                              TRIB_FORKS_MAX);
    trib_id_to_hex(id, hex);
    snprintf(fork->id, sizeof fork->id, "%s", hex);
    fork->tenant = NULL;
    fork->writer = NULL;
    fork->code = TRIB_OK;
    fork->copying = fork->cancelled = false;
    fork->snapshot = (trib_snapshot){0};
    trib_tenant_ref(fork->source);
    code = change(fork, TRIB_CONTROL_FILES, announced, err);
    if (code == TRIB_OK) return code;
    trib_tenant_unref(fork->source);
    trib_control_give_fork(control);
    return code;
}
