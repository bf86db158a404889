/* SPDX-License-Identifier: Apache-2.0 */
/* Claims that wait for events, and the look at the log that wakes them.
 *
 *   loop: claim found nothing -> waiters        tick: head of the log has moved, or a second is over -> wake
 *   loop: woken -> the claim runs once more           (a job of one small read finds the head)
 *
 * No thread and no connection to the database is held while a claim waits. Nothing is looked at while nobody waits, or
 * nothing is committed. */
#include <string.h>

#include "features/consumers/consumers_int.h"

/* ---- waiters ---- */

/* Its time has come, or its peer is gone; on the loop. */
static void woken(trib_waiter *waiter) {
    consumers_ask *ask = TRIB_LIST_ITEM(waiter, consumers_ask, waiter);
    const trib_app *app = ask->module->app;
    trib_error err;
    if (ask->http->cancelled) {
        trib_error_set(&err, TRIB_CANCELLED, NULL);
        consumers_ask_refuse(ask, &err);
    } else if (trib_env_mono_ns(app->env) >= ask->until_ns || atomic_load(&app->draining)) {
        consumers_ask_answer(ask);
    } else {
        consumers_ask_submit(ask);
    }
}

bool consumers_wait(consumers_ask *ask) {
    consumers_module *m = ask->module;
    int64_t now_ns = trib_env_mono_ns(m->app->env);
    if (now_ns >= ask->until_ns || atomic_load(&m->app->draining)) return false;
    ask->look_ns = now_ns + (int64_t)CONSUMERS_LOOK_MS * 1000000;
    ask->waiter.http = ask->http;
    ask->waiter.woken = woken;
    return trib_waiters_add(&m->waiters, &ask->waiter);
}

typedef struct moment {
    int64_t now_ns, head;
    bool draining;
} moment;

/* A trib_waiters_wake's question; ctx is a moment. */
static bool is_time(trib_waiter *waiter, const void *ctx) {
    const consumers_ask *ask = TRIB_LIST_ITEM(waiter, consumers_ask, waiter);
    const moment *at = ctx;
    return at->head != ask->seen || at->now_ns >= ask->look_ns || at->now_ns >= ask->until_ns || at->draining;
}

/* ---- the look at the log ---- */

static consumers_module *of_watch(trib_db_job *job) {
    return (consumers_module *)(void *)((char *)job - offsetof(consumers_module, watch));
}

static trib_code take_seen(void *ctx, const trib_stmt *stmt, trib_error *err) {
    int64_t *to = ctx;
    (void)err;
    for (int i = 0; i < trib_stmt_col_count(stmt); i++) to[i] = trib_stmt_col_value(stmt, i).integer;
    return TRIB_OK;
}

static trib_code look(void *ctx, trib_error *err) {
    consumers_module *m = ctx;
    static const char brief[] = "SELECT coalesce(max(pos), 0) FROM _trib_ev";
    static const char whole[] = "SELECT h.pos, count(*), coalesce(max(h.pos - c.pos), 0), coalesce(sum(c.parked), 0) "
                                "FROM (SELECT coalesce(max(pos), 0) AS pos FROM _trib_ev) h LEFT JOIN _trib_cursor c";
    memset(m->seen, 0, sizeof m->seen);
    return trib_stmt_run(m->watch_txn.handle, m->watch_stats ? whole : brief, NULL, 0, take_seen, m->seen, err);
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    consumers_module *m = of_watch(job);
    return trib_stream_txn_run(&m->watch_txn, job, handle, look, m, err);
}

static void watched(trib_db_job *job) {
    consumers_module *m = of_watch(job);
    m->watching = false;
    trib_arena_deinit(&m->watch_arena);
    if (job->code != TRIB_OK) {
        atomic_store(&m->news, true);
        return;
    }
    atomic_store(&m->head, m->seen[0]);
    if (!m->watch_stats) return;
    atomic_store(&m->lag, m->seen[2] > 0 ? m->seen[2] : 0);
    atomic_store(&m->parked, m->seen[3]);
}

static void watch(consumers_module *m, bool stats) {
    trib_control *control = m->app->control;
    memset(&m->watch, 0, sizeof m->watch);
    m->watch_stats = stats;
    trib_arena_init(&m->watch_arena, 64 * 1024);
    m->watch_txn = (trib_stream_txn){.app = m->app, .arena = &m->watch_arena};
    m->watch.app = m->app;
    m->watch.tenant = m->tenant;
    m->watch.access = TRIB_ACCESS_SYSTEM;
    m->watch.work = work;
    m->watch.finished = watched;
    m->watch.job.home = trib_control_take_home(control);
    m->watching = true;
    atomic_store(&m->news, false);
    if (stats) atomic_store(&m->stats_news, false);
    if (trib_db_job_submit(&m->watch, NULL) == TRIB_OK) return;
    trib_control_give_home(control);
    trib_arena_deinit(&m->watch_arena);
    m->watching = false;
    atomic_store(&m->news, true);
}

void consumers_heard(void *module) {
    consumers_module *m = module;
    atomic_store(&m->news, true);
    atomic_store(&m->stats_news, true);
}

void consumers_tick(void *module) {
    consumers_module *m = module;
    int64_t now_ns = trib_env_mono_ns(m->app->env);
    bool waited_for = trib_waiters_count(&m->waiters) > 0;
    const moment now = {.now_ns = now_ns, .head = atomic_load(&m->head), .draining = atomic_load(&m->app->draining)};
    if (waited_for) trib_waiters_wake(&m->waiters, CONSUMERS_WAKES_MAX, is_time, &now);
    consumers_hooks_tick(m->hooks);
    consumers_orphans_tick(m);
    if (m->watching || now_ns < m->watch_ns || atomic_load(&m->app->draining)) return;
    bool stats = now_ns >= m->stats_ns && atomic_load(&m->stats_news) && atomic_load(&m->subs) > 0;
    bool brief = atomic_load(&m->news) && (waited_for || !consumers_hooks_is_empty(m->hooks));
    if (!stats && !brief) return;
    if (stats) m->stats_ns = now_ns + (int64_t)CONSUMERS_STATS_MS * 1000000;
    m->watch_ns = now_ns + (int64_t)CONSUMERS_WATCH_MS * 1000000;
    watch(m, stats);
}
