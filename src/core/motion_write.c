/* SPDX-License-Identifier: Apache-2.0 */
/* Positions into databases; see motion_write.h. */
#include "core/motion_write.h"

#include <stdlib.h>
#include <string.h>

#include "core/control.h"
#include "core/db_start.h"

typedef struct position_write {
    trib_db_job job; /* first */
    trib_motion_writer *writer;
    trib_motion_found what;
    bool used;
} position_write;

struct trib_motion_writer {
    trib_app *app;
    position_write writes[TRIB_MOTION_WRITES_MAX]; /* the ticks' */
};

static const char named_sql[] = "UPDATE points SET lat = ?1, lng = ?2 WHERE id = ?3";
/* Who does not say which: the driver's, or else the picker's, or else the courier's. */
static const char own_sql[] =
    "UPDATE points SET lat = ?1, lng = ?2 WHERE id = (SELECT p.id FROM points p JOIN nodes n ON n.id = p.nodeId WHERE "
    "n.nodeType IN ('driver', 'picker', 'courier') ORDER BY n.nodeType = 'driver' DESC, n.nodeType = 'picker' DESC, "
    "p.id LIMIT 1)";

/* NOT_FOUND: the tenant has no such point, or no such tables. */
static trib_code write_position(trib_handle *handle, const trib_motion_found *what, trib_error *err) {
    trib_arg args[3] = {{.value = {.type = TRIB_VALUE_REAL, .real = what->lat}},
                        {.value = {.type = TRIB_VALUE_REAL, .real = what->lng}},
                        {.value = {.type = TRIB_VALUE_TEXT, .bytes = trib_str_c(what->point)}}};
    trib_stmt *stmt = NULL;
    trib_stmt_counts counts = {.affected_rows = 0};
    bool named = what->point[0], row = false;
    trib_code code = trib_stmt_prepare(handle, trib_str_c(named ? named_sql : own_sql), &stmt, err);
    bool no_tables = code == TRIB_SQL_INPUT_ERROR || code == TRIB_SQL_ERROR;
    if (code == TRIB_OK) code = trib_stmt_bind(stmt, args, named ? 3 : 2, err);
    if (code == TRIB_OK) code = trib_stmt_step(stmt, &row, err);
    if (code == TRIB_OK) trib_stmt_get_counts(stmt, &counts);
    trib_stmt_free(stmt);
    if (no_tables || (code == TRIB_OK && counts.affected_rows == 0)) return trib_error_set(err, TRIB_NOT_FOUND, NULL);
    return code;
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    position_write *write = (position_write *)(void *)job;
    trib_code code = trib_db_job_take_pending(job, err);
    return code == TRIB_OK ? write_position(handle, &write->what, err) : code;
}

static void end(position_write *write, trib_code code) {
    trib_motion_wrote(write->writer->app->motion, &write->what, code);
    trib_tenant_unref(write->what.tenant);
    write->used = false;
}

static void finished(trib_db_job *job) {
    end((position_write *)(void *)job, job->code);
}

static void submit(position_write *write) {
    trib_app *app = write->writer->app;
    memset(&write->job, 0, sizeof write->job);
    write->job.app = app;
    write->job.tenant = write->what.tenant;
    write->job.access = TRIB_ACCESS_WRITE; /* triggers of the tenant run in it */
    write->job.work = work;
    write->job.unpublished = true;
    write->job.finished = finished;
    write->job.job.home = trib_control_take_home(app->control);
    write->used = true;
    trib_code code = trib_db_job_submit(&write->job, NULL);
    if (code == TRIB_OK) return;
    trib_control_give_home(app->control);
    end(write, code);
}

void trib_motion_writer_tick(trib_motion_writer *writer) {
    trib_motion *motion = writer->app->motion;
    int left = TRIB_MOTION_WRITES_PER_TICK;
    trib_motion_tick(motion);
    for (int i = 0; i < TRIB_MOTION_WRITES_MAX && left > 0; i++) {
        position_write *write = &writer->writes[i];
        if (write->used) continue;
        if (!trib_motion_take_due(motion, false, &write->what)) return;
        write->writer = writer;
        submit(write);
        left--;
    }
}

typedef struct flush {
    trib_motion_found what;
    trib_session_vars vars; /* the handle keeps them until it is left */
} flush;

static void never_granted(trib_turn_waiter *waiter, trib_code code) {
    (void)waiter;
    (void)code;
}

/* As the tenant, not as the server, which it was entered as. */
static trib_code flush_one(void *ctx, trib_handle *handle, trib_error *err) {
    flush *f = ctx;
    trib_turn_waiter waiter = {.granted = never_granted};
    trib_handle_leave(handle);
    trib_code code = trib_handle_enter(handle, TRIB_ACCESS_WRITE, &f->vars, err);
    if (code == TRIB_OK) code = write_position(handle, &f->what, err);
    if (code != TRIB_AGAIN || trib_turn_wait(handle, &waiter, err) != TRIB_OK) return code;
    return write_position(handle, &f->what, err);
}

void trib_motion_writer_flush(trib_motion_writer *writer) {
    flush f = {.vars = {0}};
    if (!writer) return;
    trib_app *app = writer->app;
    int64_t until_ns = trib_env_mono_ns(app->env) + (int64_t)TRIB_MOTION_FLUSH_MS * 1000000;
    while (trib_env_mono_ns(app->env) < until_ns && trib_motion_take_due(app->motion, true, &f.what)) {
        bool gone = atomic_load(&f.what.tenant->deleted);
        trib_code code = gone ? TRIB_TENANT_NOT_FOUND : trib_db_start(app, f.what.tenant, flush_one, &f, NULL);
        /* what cannot be written now will not be: it is not tried a second time */
        trib_motion_wrote(app->motion, &f.what, code == TRIB_OK ? code : TRIB_TENANT_NOT_FOUND);
        trib_tenant_unref(f.what.tenant);
    }
}

trib_code trib_motion_writer_new(trib_app *app, trib_motion_writer **ret, trib_error *err) {
    trib_motion_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return trib_error_set(err, TRIB_NOMEM, NULL);
    writer->app = app;
    *ret = writer;
    return TRIB_OK;
}

void trib_motion_writer_free(trib_motion_writer *writer) {
    free(writer);
}
