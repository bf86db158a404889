/* SPDX-License-Identifier: Apache-2.0 */
/* A webhook's round: one transaction that says what became of the last batch, and takes the next one. */
#include <stdio.h>
#include <string.h>

#include "core/db_start.h"
#include "features/consumers/hook_int.h"

static int64_t backoff_ms(const trib_env *env, int64_t n) {
    return trib_send_backoff_ms(env, n, HOOK_BACKOFF_MAX_MS, HOOK_BACKOFF_CHANCE);
}

/* ---- what became of the last batch ---- */

/* The receiver does not want this event, whatever its state. */
static bool is_refusal(int status) {
    return status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
}

static trib_code settle_one(consumers_hook *hook, consumers_sub *sub, const hook_delivery *d, trib_error *err) {
    const trib_env *env = hook->txn.app->env;
    consumers_settlement s = {.pos = d->pos, .generation = d->generation, .verdict = CONSUMERS_ACK};
    bool held;
    if (d->outcome == HOOK_OK) {
        sub->failures = sub->failing_ms = 0;
        sub->last_error = (trib_str){0};
        sub->ok_ms = trib_env_wall_ms(env);
    } else {
        s.verdict = CONSUMERS_RETRY;
        s.undone = d->outcome == HOOK_UNSENT;
    }
    if (d->outcome == HOOK_FAILED) {
        sub->failures++;
        if (!sub->failing_ms) sub->failing_ms = trib_env_wall_ms(env);
        sub->last_error = trib_str_c(d->why);
        s.delay_ms = backoff_ms(env, d->tries);
        s.reason = trib_str_c(d->why);
        s.keeps = !is_refusal(d->status) && sub->failures >= d->tries; /* nothing has got through since it failed */
    }
    return consumers_settle(&hook->txn, sub, &s, &held, err);
}

static trib_code save_health(consumers_hook *hook, const consumers_sub *sub, trib_error *err) {
    trib_arg null = {.value = {.type = TRIB_VALUE_NULL}};
    trib_arg args[] = {trib_stream_integer(sub->id),
                       trib_stream_integer(sub->failures),
                       sub->failing_ms ? trib_stream_integer(sub->failing_ms) : null,
                       sub->ok_ms ? trib_stream_integer(sub->ok_ms) : null,
                       trib_stream_text(sub->last_error),
                       sub->disabled_ms ? trib_stream_integer(sub->disabled_ms) : null};
    return trib_stmt_run(hook->txn.handle,
                         "UPDATE _trib_sub SET failures = ?2, failing_ms = ?3, ok_ms = ?4, last_error = ?5, "
                         "disabled_ms = ?6 WHERE id = ?1",
                         args, 6, NULL, NULL, err);
}

static trib_code settle(consumers_hook *hook, consumers_sub *sub, trib_error *err) {
    int64_t now_ms = trib_env_wall_ms(hook->txn.app->env);
    trib_code code = TRIB_OK;
    bool is_gone = false;
    for (size_t i = 0; code == TRIB_OK && i < hook->count; i++) {
        code = settle_one(hook, sub, &hook->deliveries[i], err);
        is_gone = is_gone || (hook->deliveries[i].outcome == HOOK_FAILED && hook->deliveries[i].status == 410);
    }
    if (code != TRIB_OK || hook->count == 0) return code;
    hook->gave_up = is_gone || (sub->failing_ms && now_ms - sub->failing_ms > HOOK_GIVE_UP_MS);
    if (hook->gave_up) sub->disabled_ms = now_ms;
    code = save_health(hook, sub, err);
    return code == TRIB_OK ? consumers_sub_save(&hook->txn, sub, err) : code;
}

/* ---- the next one ---- */

static trib_code make_message(consumers_hook *hook, const consumers_sub *sub, const consumers_event *event,
                              trib_error *err) {
    hook_delivery *d = &hook->fresh[hook->fresh_count];
    trib_buf body;
    trib_json_writer w;
    *d = (hook_delivery){.pos = event->pos, .generation = event->generation, .tries = event->tries};
    trib_buf_init(&body, HOOK_KEPT_BYTES);
    trib_jw_init(&w, &body);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "type", TRIB_STR("stream.event"));
    trib_jw_member_i64(&w, "timestampMs", event->at_ms);
    trib_jw_key_c(&w, "data");
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "subscription", sub->name);
    consumers_event_write(event, &w);
    trib_jw_object_end(&w);
    trib_jw_object_end(&w);
    d->id = trib_arena_printf(&hook->kept, "msg_%lld_%lld", (long long)sub->id, (long long)event->pos);
    d->body = trib_arena_dup(&hook->kept, trib_buf_str(&body));
    bool failed = body.failed || hook->kept.failed;
    trib_buf_deinit(&body);
    if (failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    hook->fresh_count++;
    return TRIB_OK;
}

static trib_code take_integer(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

/* Until the first event that was put off is due. */
static trib_code find_wait(consumers_hook *hook, const consumers_sub *sub, trib_error *err) {
    int64_t due_ms = 0, now_ms = trib_env_wall_ms(hook->txn.app->env);
    trib_arg arg = trib_stream_integer(sub->id);
    trib_code code = trib_stmt_run(hook->txn.handle, "SELECT coalesce(min(due_ms), 0) FROM _trib_flight WHERE sub = ?1",
                                   &arg, 1, take_integer, &due_ms, err);
    hook->wait_ms = HOOK_LOOK_MS;
    if (due_ms > now_ms && due_ms - now_ms < hook->wait_ms) hook->wait_ms = due_ms - now_ms;
    return code;
}

static trib_code claim(consumers_hook *hook, consumers_sub *sub, trib_error *err) {
    consumers_batch batch;
    bool is_down = sub->failures >= HOOK_FAILURES_MAX;
    bool has_failed = false;
    for (size_t i = 0; i < hook->count; i++) has_failed = has_failed || hook->deliveries[i].outcome == HOOK_FAILED;
    hook->backs_off = is_down;
    if (is_down && has_failed) { /* nothing at all for a while */
        hook->wait_ms = backoff_ms(hook->txn.app->env, sub->failures);
        return TRIB_OK;
    }
    sub->lease_ms = HOOK_LEASE_MS;
    trib_code code = consumers_claim(&hook->txn, sub, is_down ? 1 : HOOK_BATCH, &batch, err);
    if (code != TRIB_OK) return code;
    for (size_t i = 0; code == TRIB_OK && i < batch.count; i++) code = make_message(hook, sub, &batch.events[i], err);
    return code == TRIB_OK && batch.count == 0 ? find_wait(hook, sub, err) : code;
}

trib_code consumers_hook_round(void *ctx, trib_error *err) {
    consumers_hook *hook = ctx;
    consumers_sub sub;
    trib_error why;
    hook->fresh_count = 0;
    hook->is_over = hook->gave_up = hook->backs_off = false;
    hook->wait_ms = HOOK_RETRY_MS;
    trib_code code = consumers_sub_load_id(&hook->txn, hook->id, &sub, &why);
    if (code == TRIB_SUBSCRIPTION_NOT_FOUND) {
        hook->is_over = true;
        return TRIB_OK;
    }
    if (code != TRIB_OK) return trib_error_set(err, code, "%s", why.message);
    code = settle(hook, &sub, err);
    hook->is_over = !sub.url.ptr || sub.disabled_ms;
    if (code != TRIB_OK || hook->is_over || !hook->may_claim) return code;
    trib_arena_reset(&hook->kept);
    hook->url = trib_arena_dup(&hook->kept, sub.url);
    hook->secret = trib_arena_dup(&hook->kept, sub.secret);
    return claim(hook, &sub, err);
}

/* ---- at the start ---- */

static trib_code take_hook(void *ctx, const trib_stmt *stmt, trib_error *err) {
    consumers_hooks *hooks = ctx;
    return consumers_hooks_add(hooks, trib_stmt_col_value(stmt, 0).integer, trib_stmt_col_value(stmt, 1).bytes,
                               trib_stmt_col_value(stmt, 2).bytes, err);
}

static trib_code take_count(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    atomic_store((_Atomic uint64_t *)ctx, (uint64_t)trib_stmt_col_value(stmt, 0).integer);
    return TRIB_OK;
}

static trib_code load(void *ctx, trib_handle *handle, trib_error *err) {
    consumers_hooks *hooks = ctx;
    trib_code code =
        trib_db_start_run(handle, "SELECT count(*) FROM _trib_sub", NULL, 0, take_count, &hooks->module->subs, err);
    if (code != TRIB_OK) return code;
    return trib_db_start_run(handle,
                             "SELECT id, owner, owner_name FROM _trib_sub WHERE url IS NOT NULL AND "
                             "disabled_ms IS NULL",
                             NULL, 0, take_hook, hooks, err);
}

trib_code consumers_hooks_load(consumers_hooks *hooks, trib_error *err) {
    return trib_db_start(hooks->module->app, hooks->module->tenant, load, hooks, err);
}
