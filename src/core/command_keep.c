/* SPDX-License-Identifier: Apache-2.0 */
/* What commands leave behind (commands.h): intents that are done with are removed by the next command, or after a while
 * by a job of their own; what is owed is done soon, also if nobody asks for that database. All of it may stop anywhere:
 * it is found again at the next start. */
#include <stdlib.h>
#include <string.h>

#include "core/command_int.h"
#include "core/commands.h"
#include "core/control.h"

enum { MEND_EVERY_MS = 100 /* a database whose disk is full is asked again so often */ };

/* ---- removing ---- */

typedef struct remove_job {
    trib_db_job job; /* first */
    trib_commands *commands;
    trib_intent *list[COMMAND_REMOVE_MAX];
    size_t count;
} remove_job;

static trib_code remove_work(trib_db_job *base, trib_handle *handle, trib_error *err) {
    remove_job *job = (remove_job *)(void *)base;
    trib_code code = trib_db_job_take_pending(base, err);
    if (code == TRIB_OK) code = trib_command_exec(handle, "BEGIN IMMEDIATE", err);
    if (code == TRIB_OK) code = trib_intents_delete_rows(handle, job->list, job->count, err);
    command_point(base->app, TRIB_COMMAND_POINT_REMOVING);
    if (code == TRIB_OK) code = trib_command_exec(handle, "COMMIT", err);
    if (code == TRIB_OK) command_point(base->app, TRIB_COMMAND_POINT_REMOVED);
    return code;
}

static void remove_finished(trib_db_job *base) {
    remove_job *job = (remove_job *)(void *)base;
    trib_commands *commands = job->commands;
    trib_intents_removed(commands, job->list, job->count, base->code == TRIB_OK);
    free(job);
    atomic_store(&commands->removing, false);
}

static void start_removing(trib_commands *commands) {
    trib_app *app = commands->app;
    if (atomic_load(&commands->removing)) return;
    remove_job *job = calloc(1, sizeof *job);
    if (!job) return;
    int64_t before_ns = trib_env_mono_ns(app->env) - (int64_t)COMMAND_REMOVE_IDLE_MS * 1000000;
    job->commands = commands;
    job->count = trib_intents_take_done(commands, before_ns, job->list);
    job->job.app = app;
    job->job.tenant = commands->streams;
    job->job.access = TRIB_ACCESS_SYSTEM;
    job->job.work = remove_work;
    job->job.finished = remove_finished;
    bool moved = job->count > 0;
    if (moved) {
        atomic_store(&commands->removing, true);
        job->job.job.home = trib_control_take_home(app->control);
        moved = trib_db_job_submit(&job->job, NULL) == TRIB_OK;
        if (!moved) {
            trib_control_give_home(app->control);
            trib_intents_removed(commands, job->list, job->count, false);
            atomic_store(&commands->removing, false);
        }
    }
    if (!moved) free(job);
}

/* ---- doing what is owed ---- */

static trib_job_verdict mend_run(trib_job *job) {
    trib_commands *commands = (trib_commands *)(void *)((char *)job - offsetof(trib_commands, mend_job));
    trib_db *db = NULL;
    trib_error err;
    trib_code code = trib_store_db_get(commands->app->store, trib_str_c(commands->mend_id), NULL, &db, &err);
    if (code == TRIB_OK) trib_db_unref(db); /* to open it is to mend it */
    return TRIB_JOB_DONE;
}

static void mend_done(trib_job *job) {
    trib_commands *commands = (trib_commands *)(void *)((char *)job - offsetof(trib_commands, mend_job));
    atomic_store(&commands->mending, false);
}

/* The first that is owed something, behind the one that had its chance last. */
static bool choose(trib_commands *commands) {
    const trib_intent *first = NULL, *next = NULL;
    bool seen = false;
    trib_mutex_lock(commands->app->env, commands->lock);
    TRIB_LIST_EACH(link, &commands->intents) {
        const trib_intent *intent = TRIB_LIST_ITEM(link, trib_intent, link);
        if (intent->state != INTENT_OWED) continue;
        bool last = strcmp(intent->db_id, commands->mend_id) == 0;
        if (!first) first = intent;
        if (seen && !last && !next) next = intent;
        seen = seen || last;
    }
    if (!next) next = first;
    if (next) memcpy(commands->mend_id, next->db_id, sizeof commands->mend_id);
    trib_mutex_unlock(commands->app->env, commands->lock);
    return next != NULL;
}

static void start_mending(trib_commands *commands) {
    trib_app *app = commands->app;
    int64_t now_ns = trib_env_mono_ns(app->env);
    if (atomic_load(&commands->mending) || now_ns < commands->mend_not_before_ns || !choose(commands)) return;
    commands->mend_not_before_ns = now_ns + (int64_t)MEND_EVERY_MS * 1000000;
    atomic_store(&commands->mending, true);
    commands->mend_job = (trib_job){.run = mend_run,
                                    .done = mend_done,
                                    .home = trib_control_take_home(app->control),
                                    .queue = commands->streams->queue};
    if (trib_job_submit(&commands->mend_job, NULL) == TRIB_OK) return;
    trib_control_give_home(app->control);
    atomic_store(&commands->mending, false);
}

void trib_commands_tick(trib_commands *commands) {
    if (!commands) return;
    trib_commands_expire(commands);
    trib_intents_look(commands);
    start_removing(commands);
    start_mending(commands);
}

/* ---- begin and end ---- */

static double read_open(void *ctx) {
    const trib_app *app = ctx;
    return app->commands ? (double)trib_commands_count_intents(app->commands) : 0;
}

static void add_metrics(trib_commands *commands, trib_metrics *m) {
    commands->done = trib_metrics_add_counter(m, "trib_commands", "Commands over several databases", "result=\"ok\"");
    commands->failed =
        trib_metrics_add_counter(m, "trib_commands", "Commands over several databases", "result=\"failed\"");
    commands->owed = trib_metrics_add_counter(m, "trib_command_parts_late",
                                              "Parts of commands that a database could not commit at once", NULL);
    commands->conflicts = trib_metrics_add_counter(
        m, "trib_command_conflicts", "Parts of commands that did not fit the database that owed them", NULL);
    trib_metrics_add_gauge(m, "trib_command_intents", "Parts of commands that are not removed from streams yet", NULL,
                           read_open, commands->app);
}

trib_code trib_commands_open(trib_app *app, trib_commands **ret, trib_error *err) {
    trib_commands *commands = calloc(1, sizeof *commands);
    if (!commands) return trib_error_set(err, TRIB_NOMEM, NULL);
    commands->app = app;
    trib_list_init(&commands->intents);
    trib_list_init(&commands->runs);
    commands->lock = trib_mutex_new(app->env);
    commands->idle = trib_cond_new(app->env);
    commands->streams = trib_control_find(app->control, TRIB_STR("streams"));
    trib_code code =
        commands->lock && commands->idle && commands->streams ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) code = trib_intents_load(commands, err);
    if (code != TRIB_OK) {
        trib_commands_free(commands);
        return code;
    }
    if (app->metrics) add_metrics(commands, app->metrics);
    commands->mender = (trib_mender){.ctx = commands, .owes = trib_intents_owes, .mend = trib_intents_mend};
    trib_store_set_mender(app->store, &commands->mender);
    *ret = commands;
    return TRIB_OK;
}

void trib_commands_stop(trib_commands *commands) {
    if (!commands) return;
    TRIB_LIST_EACH(link, &commands->intents) {
        trib_intent *intent = TRIB_LIST_ITEM(link, trib_intent, link);
        trib_db_unref(intent->db);
        intent->db = NULL;
        if (intent->state == INTENT_COMMITTED) intent->state = INTENT_OWED; /* the next start looks */
    }
    trib_tenant_unref(commands->streams);
    commands->streams = NULL;
}

void trib_commands_free(trib_commands *commands) {
    if (!commands) return;
    TRIB_LIST_EACH_SAFE(link, &commands->intents) free(TRIB_LIST_ITEM(link, trib_intent, link));
    trib_tenant_unref(commands->streams);
    trib_cond_free(commands->app->env, commands->idle);
    trib_mutex_free(commands->app->env, commands->lock);
    free(commands);
}
