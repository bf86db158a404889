/* SPDX-License-Identifier: Apache-2.0 */
/* When timers are looked at: by a job on `streams`, when the streams have changed or the next timer is due, but for
 * TIMERS_POLL_MS between two; at once again while there is more to do. An idle server does nothing.
 *
 * Timers go by the wall clock, since they must survive a restart. A clock that goes back delays them; one that jumps
 * ahead must stay there for TIMERS_GRACE_MS first. Nothing fires twice either way. */
#include <stdlib.h>
#include <string.h>

#include "features/timers/timers_int.h"

static timers_module *of_job(trib_db_job *job) {
    return (timers_module *)(void *)((char *)job - offsetof(timers_module, job));
}

static void count(struct trib_counter *counter, uint64_t n) {
    if (counter && n) trib_counter_add(counter, n);
}

/* ---- a round ---- */

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    timers_module *m = of_job(job);
    return trib_stream_txn_run(&m->txn, job, handle, timers_fire_round, m, err);
}

static void finished(trib_db_job *job) {
    timers_module *m = of_job(job);
    int64_t wait_ms = m->round.more ? 0 : TIMERS_POLL_MS;
    m->under_way = false;
    trib_arena_deinit(&m->arena);
    trib_arena_deinit(&m->one);
    timers_runs_end_round(m, job->code == TRIB_OK);
    if (job->code != TRIB_OK || m->round.more) atomic_store(&m->news, true);
    if (job->code != TRIB_OK) {
        wait_ms = TIMERS_RETRY_MS;
    } else {
        m->next_ms = m->round.next_ms;
        count(m->fired, m->round.fired);
        count(m->refused, m->round.refused);
        count(m->unknown, m->round.unknown);
        count(m->folded, m->round.folded);
        atomic_store(&m->due, m->round.due_left);
    }
    if (job->code != TRIB_OK && job->code != TRIB_SHUTTING_DOWN && job->code != TRIB_CANCELLED)
        trib_log_event(m->app->log, TRIB_LOG_WARN, "timers_failed", TRIB_LOG_ERR(&job->err));
    m->not_before_ns = trib_env_mono_ns(m->app->env) + wait_ms * 1000000;
}

static void submit(timers_module *m) {
    trib_control *control = m->app->control;
    m->txn = (trib_stream_txn){.app = m->app, .arena = &m->arena};
    trib_arena_init(&m->arena, TRIB_STREAM_ARENA_MAX_BYTES);
    trib_arena_init(&m->one, TIMERS_ARENA_BYTES);
    memset(&m->job, 0, sizeof m->job);
    m->job.app = m->app;
    m->job.tenant = m->tenant;
    m->job.access = TRIB_ACCESS_SYSTEM;
    m->job.work = work;
    m->job.finished = finished;
    m->job.job.home = trib_control_take_home(control);
    m->under_way = true;
    atomic_store(&m->news, false);
    if (trib_db_job_submit(&m->job, NULL) == TRIB_OK) return;
    trib_control_give_home(control);
    m->under_way = false;
    atomic_store(&m->news, true);
    m->not_before_ns = trib_env_mono_ns(m->app->env) + (int64_t)TIMERS_RETRY_MS * 1000000;
}

/* False: not now, the clock is not to be believed yet. */
static bool look_at_clock(timers_module *m, int64_t now_ns, int64_t now_ms) {
    int64_t ahead_ms = now_ms - m->last_wall_ms - (now_ns - m->last_mono_ns) / 1000000;
    if (m->last_mono_ns && ahead_ms > TIMERS_JUMP_MS) {
        m->grace_until_ns = now_ns + (int64_t)TIMERS_GRACE_MS * 1000000;
        trib_log_event(m->app->log, TRIB_LOG_WARN, "clock_jumped", TRIB_LOG_I("ahead_ms", ahead_ms));
    } else if (m->last_mono_ns && ahead_ms < -TIMERS_JUMP_MS) {
        m->grace_until_ns = 0; /* it was set right again */
        trib_log_event(m->app->log, TRIB_LOG_WARN, "clock_jumped", TRIB_LOG_I("ahead_ms", ahead_ms));
    }
    m->last_wall_ms = now_ms;
    m->last_mono_ns = now_ns;
    return now_ns >= m->grace_until_ns;
}

/* Once, when all modules have started: what a type asks for and this server does not do. */
static void tell_missing(timers_module *m) {
    const trib_deal_registry *types = m->app->stream_types;
    uint32_t count = atomic_load(&m->timers.action_count);
    m->has_told = true;
    for (size_t i = 0; types && i < types->count; i++) {
        const trib_deal_type *type = types->entries[i]->type;
        for (size_t k = 0; k < type->timer_count; k++) {
            const trib_deal_timer *timer = &type->timers[k];
            bool known = timer->action.len == 0;
            for (uint32_t n = 0; n < count; n++)
                known = known || trib_str_eq_c(timer->action, m->timers.actions[n].name);
            if (!known)
                trib_log_event(m->app->log, TRIB_LOG_WARN, "timer_action_missing", TRIB_LOG_S("type", type->name),
                               TRIB_LOG_S("timer", timer->name), TRIB_LOG_S("action", timer->action));
        }
    }
}

void timers_tick(void *module) {
    timers_module *m = module;
    int64_t now_ns = trib_env_mono_ns(m->app->env), now_ms = trib_env_wall_ms(m->app->env);
    bool believed = look_at_clock(m, now_ns, now_ms);
    if (!m->has_told) tell_missing(m);
    if (!believed || m->under_way || now_ns < m->not_before_ns || atomic_load(&m->app->draining)) return;
    if (!atomic_load(&m->news) && now_ms < m->next_ms && now_ns < m->look_ns) return;
    m->look_ns = now_ns + (int64_t)TIMERS_LOOK_MS * 1000000;
    m->now_ms = now_ms;
    submit(m);
}

/* ---- the module ---- */

/* A commit of `streams` is durable; on a sync thread. */
static void heard(void *ctx) {
    atomic_store(&((timers_module *)ctx)->news, true);
}

static double read_due(void *ctx) {
    return (double)atomic_load(&((timers_module *)ctx)->due);
}

static void add_metrics(timers_module *m) {
    trib_metrics *metrics = m->app->metrics;
    if (!metrics) return;
    m->fired = trib_metrics_add_counter(metrics, "trib_timers", "Timers of streams that fell due, by outcome",
                                        "outcome=\"fired\"");
    m->refused = trib_metrics_add_counter(metrics, "trib_timers", "Timers of streams that fell due, by outcome",
                                          "outcome=\"refused\"");
    m->unknown = trib_metrics_add_counter(metrics, "trib_timers", "Timers of streams that fell due, by outcome",
                                          "outcome=\"unknown_action\"");
    m->folded = trib_metrics_add_counter(metrics, "trib_timers_folded",
                                         "Streams that came by SQL and were brought up to date for their timers", NULL);
    trib_metrics_add_gauge(metrics, "trib_timers_due", "Timers that are due and have not fired yet", NULL, read_due, m);
}

static void stop(void *state) {
    timers_module *m = state;
    if (!m) return;
    trib_commits_remove(&m->app->commits, m);
    if (m->app->stream_timers == &m->timers) m->app->stream_timers = NULL;
    free(m);
}

static trib_code start(trib_app *app, void **ret_state, trib_error *err) {
    timers_module *m = calloc(1, sizeof *m);
    if (!m) return trib_error_set(err, TRIB_NOMEM, NULL);
    m->app = app;
    trib_code code = trib_control_find_system(app->control, "streams", &m->tenant, err);
    if (code == TRIB_OK) code = trib_stream_timers_prepare(app, m->tenant, err);
    if (code == TRIB_OK) {
        app->stream_timers = &m->timers;
        (void)trib_stream_timers_add_action(app, "remind-payment", timers_remind_payment, NULL);
        atomic_store(&m->news, true);
        add_metrics(m);
        if (!trib_commits_add(&app->commits, m->tenant->id, heard, m) || !trib_app_add_ticker(app, timers_tick, m))
            code = trib_error_set(err, TRIB_INTERNAL, "there are more modules that listen than there is room for");
    }
    if (code != TRIB_OK) {
        stop(m);
        return code;
    }
    *ret_state = m;
    return TRIB_OK;
}

const trib_module trib_timers_module = {.name = "timers", .start = start, .stop = stop};
