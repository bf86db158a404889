/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions of tenants that are gone for good go, too: looked for at the start, and when a tenant was purged. Those
 * of one that was deleted and may come back stay. */
#include <string.h>

#include "features/consumers/consumers_int.h"

static consumers_orphans *of_job(trib_db_job *job) {
    return (consumers_orphans *)(void *)job;
}

static trib_code take_sub(void *ctx, const trib_stmt *stmt, trib_error *err) {
    consumers_orphans *o = ctx;
    (void)err;
    o->looked++;
    o->last = trib_stmt_col_value(stmt, 0).integer;
    if (!trib_control_knows_id(o->module->app->control, trib_stmt_col_value(stmt, 1).bytes))
        o->ids[o->count++] = o->last;
    return TRIB_OK;
}

static trib_code find_and_delete(void *ctx, trib_error *err) {
    consumers_orphans *o = ctx;
    trib_arg args[] = {trib_stream_integer(o->after), trib_stream_integer(CONSUMERS_ORPHANS_CHUNK)};
    o->looked = o->count = 0;
    trib_code code = trib_stmt_run(o->txn.handle,
                                   "SELECT id, owner FROM _trib_sub WHERE owner <> '' AND id > ?1 ORDER BY id LIMIT ?2",
                                   args, 2, take_sub, o, err);
    if (code != TRIB_OK || o->count == 0) return code;
    if (!o->txn.writes) {
        o->txn.writes = true;
        return TRIB_AGAIN;
    }
    for (size_t i = 0; code == TRIB_OK && i < o->count; i++) code = consumers_sub_delete(&o->txn, o->ids[i], err);
    return code;
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    consumers_orphans *o = of_job(job);
    return trib_stream_txn_run(&o->txn, job, handle, find_and_delete, o, err);
}

static void finished(trib_db_job *job) {
    consumers_orphans *o = of_job(job);
    consumers_module *m = o->module;
    o->under_way = false;
    trib_arena_deinit(&o->arena);
    if (job->code != TRIB_OK) {
        o->not_before_ns = trib_env_mono_ns(m->app->env) + (int64_t)CONSUMERS_STATS_MS * 1000000;
        return;
    }
    for (size_t i = 0; i < o->count; i++) consumers_hooks_remove(m->hooks, o->ids[i]);
    atomic_fetch_sub(&m->subs, o->count);
    if (o->count > 0)
        trib_log_event(m->app->log, TRIB_LOG_INFO, "subscriptions_of_purged_tenants_removed",
                       TRIB_LOG_U("count", o->count));
    bool more = o->looked == CONSUMERS_ORPHANS_CHUNK;
    o->after = more ? o->last : 0;
    if (!more) o->seen = o->wanted;
}

void consumers_orphans_tick(consumers_module *m) {
    consumers_orphans *o = &m->orphans;
    trib_control *control = m->app->control;
    uint64_t gone = trib_control_count_gone(control) + 1; /* 0 has not looked at all */
    if (o->under_way || o->seen == gone || trib_env_mono_ns(m->app->env) < o->not_before_ns ||
        atomic_load(&m->app->draining))
        return;
    if (o->after == 0) o->wanted = gone; /* what goes meanwhile is looked for in the next walk */
    memset(&o->job, 0, sizeof o->job);
    o->module = m;
    trib_arena_init(&o->arena, 64 * 1024);
    o->txn = (trib_stream_txn){.app = m->app, .arena = &o->arena};
    o->job.app = m->app;
    o->job.tenant = m->tenant;
    o->job.access = TRIB_ACCESS_SYSTEM;
    o->job.work = work;
    o->job.finished = finished;
    o->job.job.home = trib_control_take_home(control);
    o->under_way = true;
    if (trib_db_job_submit(&o->job, NULL) == TRIB_OK) return;
    trib_control_give_home(control);
    trib_arena_deinit(&o->arena);
    o->under_way = false;
}
