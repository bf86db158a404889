/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks: the server is the consumer, and posts each event to a URL.
 *
 *   tick: idle, time has come -> round, a job on `streams`: what became of the last batch, and a new one -> queue
 *   a thread of core/senders.h: sends the batch, one event after the other -> tick
 *
 * A round is one commit for up to HOOK_BATCH events.
 *
 * A failure puts the event off, longer each time, and after three in a row the webhook as a whole: then one event at a
 * time is tried. Events are parked for failures of their own: a 4xx, or others get through while it does not. An
 * endpoint that takes nothing keeps its events, until the webhook is given up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "features/consumers/hook_int.h"

static void lock(consumers_hooks *hooks) {
    trib_mutex_lock(hooks->module->app->env, hooks->lock);
}
static void unlock(consumers_hooks *hooks) {
    trib_mutex_unlock(hooks->module->app->env, hooks->lock);
}

static void count(struct trib_counter *counter, uint64_t n) {
    if (counter && n) trib_counter_add(counter, n);
}

/* ---- on a thread that sends ---- */

static void send_batch(consumers_hooks *hooks, consumers_hook *hook, void *session, const _Atomic bool *stop) {
    trib_app *app = hooks->module->app;
    int64_t until_ns = trib_env_mono_ns(app->env) + (int64_t)HOOK_BATCH_MS * 1000000;
    size_t failures = 0;
    for (size_t i = 0; i < hook->count; i++) {
        hook_delivery *d = &hook->deliveries[i];
        const consumers_message message = {
            .id = d->id, .body = d->body, .url = hook->url, .secret = hook->secret, .timeout_ms = HOOK_TIMEOUT_MS};
        trib_error err = {0};
        d->outcome = HOOK_UNSENT;
        if (failures >= HOOK_FAILURES_MAX || atomic_load(stop) || trib_env_mono_ns(app->env) > until_ns) continue;
        d->status = 0;
        trib_code code = consumers_hook_send(app, session, &message, stop, &d->status, &err);
        if (code == TRIB_CANCELLED) continue; /* the server ends: nobody knows whether it arrived */
        bool ok = code == TRIB_OK && d->status >= 200 && d->status < 300;
        d->outcome = ok ? HOOK_OK : HOOK_FAILED;
        if (code == TRIB_OK) snprintf(d->why, sizeof d->why, "HTTP status %d", d->status);
        else snprintf(d->why, sizeof d->why, "%.190s", err.message);
        if (ok) failures = 0;
        else failures = code == TRIB_OK ? failures + 1 : HOOK_FAILURES_MAX; /* nobody is there: no second try now */
    }
}

static void send_queued(trib_send_task *task, void *session, const _Atomic bool *stop) {
    consumers_hook *hook = TRIB_LIST_ITEM(task, consumers_hook, task);
    consumers_hooks *hooks = hook->hooks;
    lock(hooks);
    hook->state = HOOK_SENDING;
    unlock(hooks);
    send_batch(hooks, hook, session, stop);
    lock(hooks);
    hook->state = HOOK_SENT;
    hook->retrying = false;
    unlock(hooks);
}

/* ---- rounds ---- */

static consumers_hook *of_job(trib_db_job *job) {
    return (consumers_hook *)(void *)((char *)job - offsetof(consumers_hook, job));
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    consumers_hook *hook = of_job(job);
    return trib_stream_txn_run(&hook->txn, job, handle, consumers_hook_round, hook, err);
}

static void hook_free(consumers_hook *hook) {
    trib_arena_deinit(&hook->kept);
    free(hook);
}

static void count_outcomes(consumers_hook *hook) {
    consumers_module *m = hook->hooks->module;
    for (size_t i = 0; i < hook->count; i++) {
        if (hook->deliveries[i].outcome == HOOK_OK) count(m->hook_ok, 1);
        if (hook->deliveries[i].outcome == HOOK_FAILED) count(m->hook_failed, 1);
    }
    if (hook->gave_up) count(m->hook_gone, 1);
}

/* The tick's. */
static void finished(trib_db_job *job) {
    consumers_hook *hook = of_job(job);
    consumers_hooks *hooks = hook->hooks;
    int64_t now_ns = trib_env_mono_ns(hooks->module->app->env), wait_ms = hook->wait_ms;
    trib_arena_deinit(&hook->arena); /* there may be thousands that have nothing to do */
    if (job->code == TRIB_OK) {
        count_outcomes(hook);
        memcpy(hook->deliveries, hook->fresh, hook->fresh_count * sizeof *hook->fresh);
        hook->count = hook->fresh_count;
        if (hook->gave_up)
            trib_log_event(hooks->module->app->log, TRIB_LOG_WARN, "webhook_disabled",
                           TRIB_LOG_I("subscription", hook->id));
    } else {
        wait_ms = HOOK_RETRY_MS; /* what became of the last batch is kept, and said then */
    }
    lock(hooks);
    hook->state = job->code == TRIB_OK && hook->count > 0 ? HOOK_QUEUED : HOOK_IDLE;
    hook->retrying = job->code != TRIB_OK;
    if (hook->retrying && hook->count > 0) hook->state = HOOK_SENT;
    hook->not_before_ns = now_ns + wait_ms * 1000000;
    bool sends = hook->state == HOOK_QUEUED;
    if (job->code == TRIB_OK && hook->is_over && hook->state == HOOK_IDLE) hook->removed = true;
    unlock(hooks);
    if (sends) trib_senders_add(hooks->module->app->senders, &hook->task);
}

static void submit(consumers_hook *hook) {
    trib_app *app = hook->hooks->module->app;
    trib_arena_init(&hook->arena, TRIB_STREAM_ARENA_MAX_BYTES);
    hook->txn = (trib_stream_txn){.app = app, .arena = &hook->arena, .writes = hook->count > 0};
    memset(&hook->job, 0, sizeof hook->job);
    hook->job.app = app;
    hook->job.tenant = hook->hooks->module->tenant;
    hook->job.access = TRIB_ACCESS_SYSTEM;
    hook->job.work = work;
    hook->job.finished = finished;
    hook->job.job.home = trib_control_take_home(app->control);
    if (trib_db_job_submit(&hook->job, NULL) == TRIB_OK) return;
    trib_control_give_home(app->control);
    trib_arena_deinit(&hook->arena);
    lock(hook->hooks);
    hook->state = hook->count > 0 ? HOOK_SENT : HOOK_IDLE;
    hook->retrying = true;
    hook->not_before_ns = trib_env_mono_ns(app->env) + (int64_t)HOOK_RETRY_MS * 1000000;
    unlock(hook->hooks);
}

/* Whether the tenant that it belongs to is there and may be read. */
static bool may_send(consumers_hook *hook) {
    trib_app *app = hook->hooks->module->app;
    if (!hook->owner[0]) return true;
    trib_tenant *tenant = trib_control_find(app->control, trib_str_c(hook->owner_name));
    if (tenant && strcmp(tenant->id, hook->owner) != 0) {
        trib_tenant_unref(tenant);
        tenant = NULL;
    }
    if (!tenant) tenant = trib_control_find_id(app->control, trib_str_c(hook->owner)); /* it was renamed */
    bool ok = tenant && !trib_tenant_get(tenant, TRIB_TENANT_BLOCK_READS);
    if (tenant) snprintf(hook->owner_name, sizeof hook->owner_name, "%s", (const char *)atomic_load(&tenant->name));
    trib_tenant_unref(tenant);
    return ok;
}

/* Whose tenant is not there, or blocked. */
static void rest(consumers_hook *hook, int64_t until_ns) {
    lock(hook->hooks);
    hook->state = HOOK_IDLE;
    hook->backs_off = true;
    hook->not_before_ns = until_ns;
    unlock(hook->hooks);
}

void consumers_hooks_tick(consumers_hooks *hooks) {
    trib_app *app = hooks->module->app;
    int64_t now_ns = trib_env_mono_ns(app->env), head = atomic_load(&hooks->module->head);
    bool draining = atomic_load(&app->draining);
    consumers_hook *due[HOOK_ROUNDS_MAX];
    size_t due_count = 0;
    lock(hooks);
    TRIB_LIST_EACH_SAFE(link, &hooks->all) {
        consumers_hook *hook = TRIB_LIST_ITEM(link, consumers_hook, link);
        bool rests = hook->state == HOOK_IDLE || hook->state == HOOK_SENT;
        if (rests && hook->removed) {
            trib_list_remove(link);
            hooks->count--;
            hook_free(hook);
            continue;
        }
        bool has_news = hook->state == HOOK_SENT || (head != hook->seen && !hook->backs_off);
        bool is_due = now_ns >= hook->not_before_ns || (has_news && !hook->retrying);
        if (!rests || !is_due || (draining && hook->state == HOOK_IDLE) || due_count == HOOK_ROUNDS_MAX) continue;
        hook->state = HOOK_ROUND;
        hook->seen = head;
        due[due_count++] = hook;
    }
    unlock(hooks);
    for (size_t i = 0; i < due_count; i++) {
        bool may = may_send(due[i]);
        due[i]->may_claim = !draining && may;
        if (may || due[i]->count > 0) submit(due[i]);
        else rest(due[i], now_ns + (int64_t)HOOK_ABSENT_MS * 1000000);
    }
}

/* ---- the list ---- */

trib_code consumers_hooks_add(consumers_hooks *hooks, int64_t id, trib_str owner, trib_str owner_name,
                              trib_error *err) {
    consumers_hook *hook = calloc(1, sizeof *hook);
    if (!hook) return trib_error_set(err, TRIB_NOMEM, NULL);
    hook->hooks = hooks;
    hook->task = (trib_send_task){.owner = hook->owner, .run = send_queued};
    hook->id = id;
    snprintf(hook->owner, sizeof hook->owner, "%.*s", (int)owner.len, owner.ptr ? owner.ptr : "");
    snprintf(hook->owner_name, sizeof hook->owner_name, "%.*s", (int)owner_name.len,
             owner_name.ptr ? owner_name.ptr : "");
    trib_arena_init(&hook->kept, HOOK_KEPT_BYTES);
    lock(hooks);
    hooks->count++;
    trib_list_push_back(&hooks->all, &hook->link);
    unlock(hooks);
    return TRIB_OK;
}

/* Goes when nothing of it is under way. */
void consumers_hooks_remove(consumers_hooks *hooks, int64_t id) {
    lock(hooks);
    TRIB_LIST_EACH(link, &hooks->all) {
        consumers_hook *hook = TRIB_LIST_ITEM(link, consumers_hook, link);
        if (hook->id == id) hook->removed = true;
    }
    unlock(hooks);
}

/* A replay has brought something that is at no new position. */
void consumers_hooks_wake(consumers_hooks *hooks, int64_t id) {
    lock(hooks);
    TRIB_LIST_EACH(link, &hooks->all) {
        consumers_hook *hook = TRIB_LIST_ITEM(link, consumers_hook, link);
        if (hook->id == id) hook->seen = -1;
    }
    unlock(hooks);
}

bool consumers_hooks_is_empty(consumers_hooks *hooks) {
    lock(hooks);
    bool is_empty = hooks->count == 0;
    unlock(hooks);
    return is_empty;
}

trib_code consumers_hooks_new(consumers_module *module, trib_error *err) {
    consumers_hooks *hooks = calloc(1, sizeof *hooks);
    if (!hooks) return trib_error_set(err, TRIB_NOMEM, NULL);
    hooks->module = module;
    trib_list_init(&hooks->all);
    hooks->lock = trib_mutex_new(module->app->env);
    module->hooks = hooks;
    if (!hooks->lock) return trib_error_set(err, TRIB_NOMEM, NULL);
    return consumers_hooks_load(hooks, err);
}

void consumers_hooks_free(consumers_hooks *hooks) {
    if (!hooks) return;
    const trib_env *env = hooks->module->app->env;
    TRIB_LIST_EACH_SAFE(link, &hooks->all) hook_free(TRIB_LIST_ITEM(link, consumers_hook, link));
    trib_mutex_free(env, hooks->lock);
    free(hooks);
}
