/* SPDX-License-Identifier: Apache-2.0 */
/* Imports of tenants; see import.h. A job needs a queue: each step has one of its own, so that a check of many
 * gigabytes stands in nobody's way. */
#include "core/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "core/control_int.h"

static trib_import *of_job(trib_job *job) {
    return (trib_import *)(void *)((char *)job - offsetof(trib_import, job));
}

trib_code trib_import_new(trib_app *app, trib_str name, trib_import **ret, trib_error *err) {
    char hex[TRIB_ID_HEX_BYTES];
    trib_id id;
    if (name.len > TRIB_TENANT_NAME_BYTES)
        return trib_error_set(err, TRIB_TENANT_NAME_INVALID, "a tenant's name has at most %d characters",
                              TRIB_TENANT_NAME_BYTES);
    trib_code code = trib_id_random(app->env, &id, err);
    trib_import *import = code == TRIB_OK ? calloc(1, sizeof *import) : NULL;
    if (code != TRIB_OK) return code;
    if (!import) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_id_to_hex(id, hex);
    memcpy(import->id, hex, TRIB_DB_ID_BYTES);
    import->app = app;
    if (name.len) memcpy(import->name, name.ptr, name.len);
    *ret = import;
    return TRIB_OK;
}

void trib_import_free(trib_import *import) {
    if (!import) return;
    trib_db_writer_free(import->writer);
    free(import);
}

/* A file of many gigabytes takes long to unlink: a worker does it. It may then be open here for a moment longer. */
void trib_import_abandon(trib_import *import) {
    trib_control *control = import->app->control;
    trib_control_remove_later(control, control->self, import->id);
    trib_db_writer_leave(import->writer);
    free(import);
}

/* ---- steps ---- */

static void end(trib_import *import, trib_code code, const trib_error *err) {
    import->code = code;
    if (code != TRIB_OK) import->err = *err;
    import->done(import);
}

static trib_code submit(trib_import *import, trib_job_verdict (*run)(trib_job *), void (*done)(trib_job *),
                        trib_error *err) {
    import->queue = trib_work_queue_new(import->app->workers);
    if (!import->queue) return trib_error_set(err, TRIB_NOMEM, NULL);
    import->code = TRIB_OK;
    import->job = (trib_job){.run = run, .done = done, .home = import->home, .queue = import->queue};
    trib_code code = trib_job_submit(&import->job, err);
    if (code == TRIB_OK) return TRIB_OK;
    trib_work_queue_free(import->queue);
    import->queue = NULL;
    return code;
}

static void give_queue(trib_import *import) {
    trib_work_queue_free(import->queue);
    import->queue = NULL;
}

static trib_code change(trib_import *import, trib_control_op_type type, void (*finished)(trib_control_op *),
                        trib_error *err) {
    memset(&import->op, 0, sizeof import->op);
    import->op.type = type;
    memcpy(import->op.name, import->name, sizeof import->name);
    import->op.id = trib_str_c(import->id);
    import->op.home = import->home;
    import->op.finished = finished;
    import->op.owner = import;
    if (type == TRIB_CONTROL_CREATE) import->op.change = import->change;
    return trib_control_submit(import->app->control, &import->op, err);
}

static void changed(trib_control_op *op) {
    trib_import *import = op->owner;
    import->tenant = op->tenant;
    /* the file is in place, but nobody's */
    if (op->type == TRIB_CONTROL_CREATE && op->code != TRIB_OK)
        trib_control_remove_later(import->app->control, import->app->control->self, import->id);
    end(import, op->code, &op->err);
}

trib_code trib_import_begin(trib_import *import, trib_error *err) {
    return change(import, TRIB_CONTROL_FILES, changed, err);
}

/* ---- add ---- */

static trib_job_verdict add_run(trib_job *job) {
    trib_import *import = of_job(job);
    if (!import->writer)
        import->code = trib_db_writer_open(import->app->store, trib_str_c(import->id), &import->writer, &import->err);
    if (import->code == TRIB_OK) import->code = trib_db_writer_add(import->writer, import->chunk, &import->err);
    if (import->code == TRIB_OK) import->bytes += (int64_t)import->chunk.len;
    return TRIB_JOB_DONE;
}

static void add_done(trib_job *job) {
    trib_import *import = of_job(job);
    give_queue(import);
    import->done(import);
}

trib_code trib_import_add(trib_import *import, trib_str bytes, trib_error *err) {
    import->chunk = bytes;
    return submit(import, add_run, add_done, err);
}

/* ---- load ---- */

static bool must_stop(void *ctx) {
    trib_import *import = ctx;
    const trib_app *app = import->app;
    return atomic_load(&import->cancelled) || atomic_load(&app->draining) ||
           trib_env_mono_ns(app->env) > import->until_ns;
}

static bool take_text(void *ctx, trib_str bytes) {
    trib_import *import = ctx;
    uint64_t most = import->app->settings.max_import_bytes;
    import->bytes += (int64_t)bytes.len;
    if (must_stop(import)) import->code = trib_error_set(&import->err, TRIB_CANCELLED, "the import was cancelled");
    else if (most && (uint64_t)import->bytes > most)
        import->code = trib_error_set(&import->err, TRIB_BODY_TOO_LARGE,
                                      "the dump is longer than %llu bytes; the setting max_import says so",
                                      (unsigned long long)most);
    else import->code = trib_sql_load_feed(import->load, bytes, &import->err);
    return import->code == TRIB_OK;
}

static trib_job_verdict load_run(trib_job *job) {
    trib_import *import = of_job(job);
    const trib_outbound *outbound = &import->app->outbound;
    trib_error err;
    const trib_sql_load_bounds bounds = {
        .max_bytes = import->app->settings.max_import_bytes, .must_stop = must_stop, .ctx = import};
    import->code = trib_db_writer_open(import->app->store, trib_str_c(import->id), &import->writer, &import->err);
    if (import->code == TRIB_OK)
        import->code = trib_db_writer_begin_sql(import->writer, &bounds, &import->load, &import->err);
    if (import->code != TRIB_OK) return TRIB_JOB_DONE;
    trib_code got = outbound->get(outbound->ctx, import->url, take_text, import, &err);
    /* where take_text ended it, the reason is there already */
    if (got != TRIB_OK && import->code == TRIB_OK) {
        import->code = got;
        import->err = err;
    }
    trib_code code = trib_db_writer_end_sql(import->writer, import->load, import->code == TRIB_OK, &err);
    if (code == TRIB_OK || import->code != TRIB_OK) return TRIB_JOB_DONE;
    import->code = code;
    import->err = err;
    return TRIB_JOB_DONE;
}

trib_code trib_import_load(trib_import *import, const char *url, trib_error *err) {
    if (!import->app->outbound.get) return trib_error_set(err, TRIB_BAD_REQUEST, "nothing is read from elsewhere here");
    import->url = url;
    import->until_ns = trib_env_mono_ns(import->app->env) + (int64_t)TRIB_IMPORT_LOAD_MS * 1000000;
    return submit(import, load_run, add_done, err);
}

/* ---- finish ---- */

static void on_placed(trib_job *job) {
    trib_import *import = of_job(job);
    trib_error err;
    if (import->code != TRIB_OK) {
        import->done(import);
        return;
    }
    trib_code code = change(import, TRIB_CONTROL_CREATE, changed, &err);
    if (code == TRIB_OK) return;
    trib_control_remove_later(import->app->control, import->app->control->self, import->id);
    end(import, code, &err);
}

/* On a sync thread. */
static void placed(void *ctx, trib_code code, const trib_error *err) {
    trib_import *import = ctx;
    import->code = code;
    if (code != TRIB_OK) import->err = *err;
    import->job.done = on_placed;
    import->home->post(import->home, &import->job);
}

static trib_job_verdict check_run(trib_job *job) {
    trib_import *import = of_job(job);
    import->code = trib_db_writer_check(import->writer, &import->err);
    return TRIB_JOB_DONE;
}

static void checked(trib_job *job) {
    trib_import *import = of_job(job);
    give_queue(import);
    if (import->code != TRIB_OK) import->done(import);
    else trib_db_writer_finish(import->writer, placed, import);
}

trib_code trib_import_finish(trib_import *import, trib_error *err) {
    if (import->writer) return submit(import, check_run, checked, err);
    return change(import, TRIB_CONTROL_CREATE, changed, err);
}
