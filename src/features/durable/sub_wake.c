/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a subscription, and what requests do to it: bodies of transactions on the tenant's database. */
#include <stdio.h>
#include <string.h>

#include "base/ids.h"
#include "base/time.h"
#include "features/durable/keys.h"
#include "features/durable/sub_int.h"

/* ---- the state ---- */

trib_code durable_wake_begin(durable_ask *ask, durable_sub *sub, trib_error *err) {
    trib_id id;
    char hex[TRIB_ID_HEX_BYTES];
    trib_code code = trib_id_random(ask->job.app->env, &id, err);
    if (code != TRIB_OK) return code;
    trib_id_to_hex(id, hex);
    sub->wake = trib_arena_printf(&ask->arena, "w_%.32s", hex);
    if (!sub->wake.ptr) return trib_error_set(err, TRIB_NOMEM, NULL);
    sub->generation++;
    sub->holder = (trib_str){0};
    sub->next_ms = ask->now_ms;
    sub->until_ms = -1;
    sub->changed = true;
    return TRIB_OK;
}

void durable_wake_end(durable_sub *sub) {
    sub->wake = sub->holder = (trib_str){0};
    sub->next_ms = sub->until_ms = -1;
    sub->changed = true;
}

void durable_wake_give_up(const durable_ask *ask, durable_sub *sub) {
    durable_wake_end(sub);
    sub->next_ms = ask->now_ms + DURABLE_REST_MS;
}

/* Its time is over: as if it had been let go. */
static void end_if_over(const durable_ask *ask, durable_sub *sub) {
    if (sub->wake.ptr && sub->until_ms >= 0 && sub->until_ms <= ask->now_ms) durable_wake_end(sub);
}

/* ---- answers ---- */

static void say_json(durable_ask *ask, int status) {
    static const char type[] = "application/json";
    memcpy(ask->type, type, sizeof type);
    ask->status = status;
    durable_header(ask, "Cache-Control", "no-store");
}

static void member_or_null(trib_json_writer *w, const char *name, trib_str value) {
    if (value.ptr) trib_jw_member_str(w, name, value);
    else trib_jw_member_null(w, name);
}

static trib_code write_signing(durable_ask *ask, trib_json_writer *w, trib_error *err) {
    char kid[DURABLE_KID_BYTES];
    trib_buf url;
    trib_code code = durable_keys_kid(ask->job.app, trib_str_c(ask->tenant->id), kid, err);
    if (code != TRIB_OK) return code;
    trib_buf_init(&url, 4096);
    durable_sub_url(ask->job.app, ask->tenant->name, &url);
    trib_buf_add_c(&url, "jwks.json");
    trib_jw_key_c(w, "signing");
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "alg", TRIB_STR("ed25519"));
    trib_jw_member_str(w, "kid", trib_str_c(kid));
    trib_jw_member_str(w, "jwks_url", trib_buf_str(&url));
    trib_jw_object_end(w);
    trib_buf_deinit(&url);
    return TRIB_OK;
}

static trib_code write_sub(durable_ask *ask, const durable_sub *sub, bool links, trib_json_writer *w, trib_error *err) {
    char at[TRIB_TIME_ISO_BYTES];
    trib_code code = TRIB_OK;
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "id", sub->name);
    trib_jw_member_str(w, "subscription_id", sub->name);
    trib_jw_member_str(w, "type", sub->url.ptr ? TRIB_STR("webhook") : TRIB_STR("pull-wake"));
    member_or_null(w, "pattern", sub->pattern);
    if (links) code = durable_link_write(ask, sub, false, false, w, err);
    if (code == TRIB_OK && sub->url.ptr) {
        trib_jw_key_c(w, "webhook");
        trib_jw_object_begin(w);
        trib_jw_member_str(w, "url", sub->url);
        code = write_signing(ask, w, err);
        trib_jw_object_end(w);
    }
    member_or_null(w, "wake_stream", sub->wake_stream);
    trib_jw_member_i64(w, "lease_ttl_ms", sub->lease_ms);
    trib_time_to_iso(sub->created_ms, at);
    trib_jw_member_str(w, "created_at", trib_str_c(at));
    trib_jw_member_str(w, "status", sub->failures > 0 ? TRIB_STR("failed") : TRIB_STR("active"));
    member_or_null(w, "description", sub->description);
    trib_jw_member_i64(w, "generation", sub->generation);
    if (sub->holder.ptr) trib_jw_member_str(w, "current_holder", sub->holder);
    if (sub->failures > 0) {
        trib_jw_member_i64(w, "failures", sub->failures);
        member_or_null(w, "last_error", sub->last_error);
    }
    trib_jw_object_end(w);
    return code;
}

static trib_code answer_sub(durable_ask *ask, const durable_sub *sub, int status, trib_error *err) {
    trib_json_writer w;
    trib_jw_init(&w, &ask->out);
    say_json(ask, status);
    return write_sub(ask, sub, true, &w, err);
}

/* ---- making, reading and removing ---- */

static trib_code make(durable_ask *ask, const durable_call *call, trib_error *err) {
    durable_sub sub;
    trib_code code = durable_sub_insert(ask, call, &sub, err);
    for (size_t i = 0; code == TRIB_OK && i < call->stream_count; i++)
        code = durable_link_add(ask, &sub, call->streams[i], true, err);
    if (code == TRIB_OK) code = durable_link_backfill(ask, &sub, err);
    return code == TRIB_OK ? answer_sub(ask, &sub, 201, err) : code;
}

trib_code durable_sub_put(durable_ask *ask, trib_error *err) {
    const durable_call *call = ask->head.call;
    durable_sub sub;
    trib_error why;
    trib_code code = durable_tables_make(ask, err);
    if (code == TRIB_OK) code = durable_sub_tables_make(ask, err);
    if (code != TRIB_OK) return code;
    code = durable_sub_load(ask, call->name, &sub, &why);
    if (code == TRIB_SUBSCRIPTION_NOT_FOUND) return make(ask, call, err);
    if (code != TRIB_OK) return trib_error_set(err, code, "%s", why.message);
    if (trib_str_eq_c(sub.config, call->config)) return answer_sub(ask, &sub, 200, err);
    return trib_error_set(err, TRIB_SUBSCRIPTION_EXISTS,
                          "there is a subscription with this id that says something else; delete it first, or take "
                          "another id");
}

trib_code durable_sub_get(durable_ask *ask, trib_error *err) {
    durable_sub sub;
    trib_code code = durable_sub_load(ask, ask->head.call->name, &sub, err);
    return code == TRIB_OK ? answer_sub(ask, &sub, 200, err) : code;
}

trib_code durable_sub_list(durable_ask *ask, trib_error *err) {
    durable_sub *subs = NULL;
    size_t count = 0;
    trib_json_writer w;
    trib_code code = durable_sub_load_all(ask, &subs, &count, err);
    trib_jw_init(&w, &ask->out);
    trib_jw_object_begin(&w);
    trib_jw_key_c(&w, "subscriptions");
    trib_jw_array_begin(&w);
    for (size_t i = 0; code == TRIB_OK && i < count; i++) code = write_sub(ask, &subs[i], false, &w, err);
    trib_jw_array_end(&w);
    trib_jw_object_end(&w);
    say_json(ask, 200);
    return code;
}

/* What is not there is as good as removed. */
trib_code durable_sub_remove(durable_ask *ask, trib_error *err) {
    durable_sub sub;
    trib_error why;
    trib_code code = durable_sub_load(ask, ask->head.call->name, &sub, &why);
    ask->status = 204;
    if (code == TRIB_SUBSCRIPTION_NOT_FOUND) return TRIB_OK;
    return code == TRIB_OK ? durable_sub_delete(ask, &sub, err) : trib_error_set(err, code, "%s", why.message);
}

trib_code durable_sub_link(durable_ask *ask, trib_error *err) {
    const durable_call *call = ask->head.call;
    durable_sub sub;
    trib_code code = durable_sub_load(ask, call->name, &sub, err);
    for (size_t i = 0; code == TRIB_OK && i < call->stream_count; i++)
        code = durable_link_add(ask, &sub, call->streams[i], true, err);
    ask->status = 204;
    return code;
}

trib_code durable_sub_unlink(durable_ask *ask, trib_error *err) {
    const durable_call *call = ask->head.call;
    durable_sub sub;
    trib_code code = durable_sub_load(ask, call->name, &sub, err);
    ask->status = 204;
    return code == TRIB_OK ? durable_link_remove(ask, &sub, call->stream, err) : code;
}

/* ---- claiming and acknowledging ---- */

static trib_code need_type(const durable_sub *sub, bool hook, trib_error *err) {
    if ((sub->url.ptr != NULL) == hook) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST,
                          hook ? "this is no subscription with a webhook: its workers claim, ack and release"
                               : "this subscription has a webhook, which is called; nobody claims it");
}

static trib_code answer_claim(durable_ask *ask, const durable_sub *sub, trib_error *err) {
    char token[DURABLE_TOKEN_BYTES];
    trib_json_writer w;
    trib_code code =
        durable_keys_token(ask->job.app, trib_str_c(ask->tenant->id), sub->name, sub->generation, token, err);
    if (code != TRIB_OK) return code;
    trib_jw_init(&w, &ask->out);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "wake_id", sub->wake);
    trib_jw_member_i64(&w, "generation", sub->generation);
    trib_jw_member_str(&w, "token", trib_str_c(token));
    code = durable_link_write(ask, sub, true, true, &w, err);
    trib_jw_member_i64(&w, "lease_ttl_ms", sub->lease_ms);
    trib_jw_object_end(&w);
    say_json(ask, 200);
    return code;
}

trib_code durable_sub_claim(durable_ask *ask, trib_error *err) {
    durable_call *call = ask->head.call;
    durable_sub sub;
    trib_str pending;
    trib_code code = durable_sub_load(ask, call->name, &sub, err);
    if (code == TRIB_OK) code = need_type(&sub, false, err);
    if (code != TRIB_OK) return code;
    end_if_over(ask, &sub);
    if (sub.holder.ptr) {
        snprintf(call->holder, sizeof call->holder, "%.*s", TRIB_STR_ARG(sub.holder));
        call->held_generation = sub.generation;
        return trib_error_set(err, TRIB_ALREADY_CLAIMED, "somebody else works on it; wait for the next wake");
    }
    code = durable_link_pending(ask, &sub, &pending, err);
    if (code != TRIB_OK) return code;
    if (!pending.ptr)
        return trib_error_set(err, TRIB_NO_PENDING_WORK, "nothing has come that is not acknowledged; wait for a wake");
    if (!sub.wake.ptr) code = durable_wake_begin(ask, &sub, err);
    sub.holder = call->worker;
    sub.next_ms = -1;
    sub.until_ms = ask->now_ms + sub.lease_ms;
    sub.changed = true;
    ask->nudges = true; /* the end of the lease is a time to look at */
    ask->counted = DURABLE_COUNT_CLAIMED;
    if (code == TRIB_OK) code = durable_sub_save(ask, &sub, err);
    return code == TRIB_OK ? answer_claim(ask, &sub, err) : code;
}

/* The wake that the request is about is the one at hand. */
static trib_code load_held(durable_ask *ask, bool hook, durable_sub *ret, trib_error *err) {
    const durable_call *call = ask->head.call;
    trib_code code = durable_sub_load(ask, call->name, ret, err);
    if (code == TRIB_OK) code = need_type(ret, hook, err);
    if (code != TRIB_OK) return code;
    end_if_over(ask, ret);
    bool held = ret->wake.ptr && trib_str_eq(ret->wake, call->wake) && call->generation == ret->generation &&
                call->token_generation == ret->generation && (hook || ret->holder.ptr);
    if (held) return TRIB_OK;
    ask->counted = DURABLE_COUNT_FENCED;
    return trib_error_set(err, TRIB_FENCED, "this wake is over: it was done, or its lease has ended");
}

static trib_code settle(durable_ask *ask, bool hook, trib_error *err) {
    const durable_call *call = ask->head.call;
    durable_sub sub;
    trib_str pending = {0};
    trib_json_writer w;
    trib_code code = load_held(ask, hook, &sub, err);
    for (size_t i = 0; code == TRIB_OK && i < call->ack_count; i++)
        code = durable_link_ack(ask, &sub, &call->acks[i], err);
    if (code != TRIB_OK) return code;
    /* whoever calls back is there, whatever became of the delivery */
    sub.failures = 0;
    sub.last_error = (trib_str){0};
    sub.next_ms = -1;
    sub.until_ms = ask->now_ms + sub.lease_ms;
    sub.changed = true;
    if (call->done) {
        if (call->ack_count > 0) durable_wake_end(&sub);
        else durable_wake_give_up(ask, &sub);
        code = durable_link_pending(ask, &sub, &pending, err);
    }
    if (code == TRIB_OK) code = durable_sub_save(ask, &sub, err);
    trib_jw_init(&w, &ask->out);
    trib_jw_object_begin(&w);
    trib_jw_member_bool(&w, "ok", true);
    trib_jw_member_bool(&w, "next_wake", pending.ptr != NULL);
    trib_jw_object_end(&w);
    say_json(ask, 200);
    ask->nudges = true;
    ask->counted = DURABLE_COUNT_ACKED;
    return code;
}

trib_code durable_sub_callback(durable_ask *ask, trib_error *err) {
    return settle(ask, true, err);
}

trib_code durable_sub_ack(durable_ask *ask, trib_error *err) {
    return settle(ask, false, err);
}

trib_code durable_sub_release(durable_ask *ask, trib_error *err) {
    durable_sub sub;
    trib_code code = load_held(ask, false, &sub, err);
    if (code != TRIB_OK) return code;
    durable_wake_give_up(ask, &sub);
    ask->nudges = true;
    ask->status = 204;
    return durable_sub_save(ask, &sub, err);
}

trib_code durable_sub_register(durable_ask *ask, trib_error *err) {
    trib_arg arg = trib_stream_text(trib_str_c(ask->tenant->id));
    return trib_stmt_run(ask->handle, "INSERT OR IGNORE INTO _trib_durable_home(tenant) VALUES (?1)", &arg, 1, NULL,
                         NULL, err);
}
