/* SPDX-License-Identifier: Apache-2.0 */
/* A round: one transaction that looks at all subscriptions of a tenant.
 *
 *   what became of webhooks -> leases that are over -> wakes for what is pending -> wakes that are due: webhooks are
 *   taken to be sent when this is durable, wake streams are written to here -> when to look again */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "features/durable/keys.h"
#include "features/durable/sub_int.h"

/* ---- what became of webhooks ---- */

static void put_off(durable_ask *ask, durable_sub *sub, trib_str why) {
    sub->failures++;
    why.len = trib_str_utf8_prefix(why);
    sub->last_error = why;
    sub->until_ms = -1;
    sub->next_ms = ask->now_ms +
                   trib_send_backoff_ms(ask->job.app->env, sub->failures, DURABLE_RETRY_MAX_MS, DURABLE_RETRY_CHANCE);
    sub->changed = true;
}

static trib_code settle(durable_round *round, durable_sub *sub, const durable_sent *sent, trib_error *err) {
    durable_ask *ask = round->ask;
    round->ok += sent->ok;
    round->failed += !sent->ok && !sent->is_unsent;
    if (!sub->wake.ptr || !trib_str_eq_c(sub->wake, sent->wake)) return TRIB_OK; /* a callback was faster */
    if (sent->ok) {
        sub->failures = 0;
        sub->last_error = (trib_str){0};
        if (sub->until_ms < ask->now_ms + sub->lease_ms) sub->until_ms = ask->now_ms + sub->lease_ms;
        sub->changed = true;
        if (!sent->done) return TRIB_OK;
        durable_wake_end(sub);
        return durable_link_ack_told(ask, sub, err);
    }
    if (sub->until_ms != sent->until_ms) return TRIB_OK; /* who got it has called back, whatever the answer was */
    if (!sent->is_unsent) {
        put_off(ask, sub, trib_str_c(sent->why));
        return TRIB_OK;
    }
    sub->next_ms = ask->now_ms;
    sub->until_ms = -1;
    sub->changed = true;
    return TRIB_OK;
}

/* ---- wakes that are due ---- */

void durable_delivery_free(durable_delivery *delivery) {
    if (!delivery) return;
    trib_buf_deinit(&delivery->url);
    trib_buf_deinit(&delivery->body);
    free(delivery);
}

static trib_code write_message(durable_round *round, const durable_sub *sub, trib_buf *out, trib_error *err) {
    durable_ask *ask = round->ask;
    char token[DURABLE_TOKEN_BYTES];
    trib_buf url;
    trib_json_writer w;
    trib_code code =
        durable_keys_token(ask->job.app, trib_str_c(ask->tenant->id), sub->name, sub->generation, token, err);
    if (code != TRIB_OK) return code;
    trib_buf_init(&url, 8192);
    durable_sub_url(ask->job.app, round->tenant_name, &url);
    trib_buf_add_c(&url, "subscriptions/");
    trib_percent_encode(sub->name, &url);
    trib_buf_add_c(&url, "/callback");
    trib_jw_init(&w, out);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "subscription_id", sub->name);
    trib_jw_member_str(&w, "wake_id", sub->wake);
    trib_jw_member_i64(&w, "generation", sub->generation);
    code = durable_link_write(ask, sub, true, true, &w, err);
    trib_jw_member_str(&w, "callback_url", trib_buf_str(&url));
    trib_jw_member_str(&w, "callback_token", trib_str_c(token));
    trib_jw_object_end(&w);
    if (code == TRIB_OK && (out->failed || url.failed)) code = trib_error_set(err, TRIB_NOMEM, NULL);
    trib_buf_deinit(&url);
    return code;
}

static trib_code take_delivery(durable_round *round, durable_sub *sub, trib_error *err) {
    durable_ask *ask = round->ask;
    durable_delivery *d = calloc(1, sizeof *d);
    if (!d) return trib_error_set(err, TRIB_NOMEM, NULL);
    round->deliveries[round->delivery_count++] = d;
    trib_list_init(&d->link);
    d->app = ask->job.app;
    trib_buf_init(&d->url, DURABLE_SUB_URL_MAX_BYTES + 1);
    trib_buf_init(&d->body, DURABLE_SUB_OUT_MAX_BYTES);
    trib_buf_add(&d->url, sub->url);
    snprintf(d->owner, sizeof d->owner, "%s", ask->tenant->id);
    sub->next_ms = -1;
    sub->until_ms = ask->now_ms + sub->lease_ms;
    sub->changed = true;
    d->sent = (durable_sent){.sub = sub->id, .until_ms = sub->until_ms};
    snprintf(d->sent.wake, sizeof d->sent.wake, "%.*s", TRIB_STR_ARG(sub->wake));
    return d->url.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : write_message(round, sub, &d->body, err);
}

/* One message at the end of the wake stream. */
static trib_code append_event(durable_round *round, durable_sub *sub, durable_stream *s, trib_str pending,
                              trib_error *err) {
    durable_ask *ask = round->ask;
    trib_json_writer w;
    durable_announcement *a = trib_arena_alloc(&ask->arena, sizeof *a);
    if (!a) return trib_error_set(err, TRIB_NOMEM, NULL);
    *a = (durable_announcement){.path = sub->wake_stream, .json = s->json, .text = durable_media_is_text(s->type)};
    trib_list_init(&a->link);
    trib_list_push_back(&round->announcements, &a->link);
    trib_buf_init(&a->raw, 8192);
    trib_jw_init(&w, &a->raw);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "type", TRIB_STR("wake"));
    trib_jw_member_str(&w, "subscription_id", sub->name);
    trib_jw_member_str(&w, "stream", pending);
    trib_jw_member_i64(&w, "generation", sub->generation);
    trib_jw_member_i64(&w, "ts", ask->now_ms);
    trib_jw_object_end(&w);
    if (!s->json) trib_buf_add_char(&a->raw, '\n');
    if (a->raw.failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    /* as if somebody had posted it: durable_add takes it from there */
    trib_buf_clear(&ask->messages);
    trib_buf_add(&ask->messages, trib_buf_str(&a->raw));
    ask->head = (durable_head){.path = sub->wake_stream};
    ask->bytes = trib_buf_str(&a->raw);
    ask->units = s->json ? 1 : a->raw.len;
    trib_code code = ask->messages.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : durable_add(ask, s, err);
    a->from = ask->told_from;
    a->to = ask->told_to;
    return code;
}

/* Workers learn of it by the wake stream; where there is none they may claim all the same, and it is tried again. */
static trib_code announce(durable_round *round, durable_sub *sub, trib_str pending, trib_error *err) {
    durable_stream s;
    trib_code code = durable_load(round->ask, sub->wake_stream, &s, err);
    if (code != TRIB_OK) return code;
    if (!s.exists || s.gone || s.closed) {
        put_off(round->ask, sub, TRIB_STR("the wake stream is not there, or it is closed; make it with PUT"));
        return TRIB_OK;
    }
    sub->failures = 0;
    sub->last_error = (trib_str){0};
    sub->next_ms = -1;
    sub->changed = true;
    return append_event(round, sub, &s, pending, err);
}

/* ---- a subscription ---- */

static bool is_busy(const durable_round *round, const durable_sub *sub) {
    for (size_t i = 0; i < round->busy_count; i++)
        if (round->busy[i] == sub->id) return true;
    return false;
}

static void look_at(durable_round *round, int64_t at_ms) {
    if (at_ms >= 0 && at_ms < round->due_ms) round->due_ms = at_ms;
}

static trib_code visit(durable_round *round, durable_sub *sub, trib_error *err) {
    durable_ask *ask = round->ask;
    trib_str pending = {0};
    if (sub->wake.ptr && sub->until_ms >= 0 && sub->until_ms <= ask->now_ms) {
        durable_wake_end(sub);
        round->expired++;
    }
    trib_code code = TRIB_OK;
    bool is_due = sub->wake.ptr && sub->next_ms >= 0 && sub->next_ms <= ask->now_ms;
    bool rests = !sub->wake.ptr && sub->next_ms > ask->now_ms;
    if ((!sub->wake.ptr && !rests) || is_due) code = durable_link_pending(ask, sub, &pending, err);
    if (code == TRIB_OK && !sub->wake.ptr && pending.ptr) {
        code = durable_wake_begin(ask, sub, err);
        is_due = true;
    }
    if (!sub->wake.ptr && !rests && sub->next_ms >= 0) { /* it has rested, and there is nothing any more */
        sub->next_ms = -1;
        sub->changed = true;
    }
    if (code != TRIB_OK) return code;
    if (is_due && !pending.ptr) { /* its streams are gone */
        durable_wake_end(sub);
        sub->failures = 0;
    } else if (is_due && !sub->url.ptr) {
        code = announce(round, sub, pending, err);
    } else if (is_due && round->may_send && round->delivery_count < DURABLE_ROUND_SENDS_MAX) {
        code = take_delivery(round, sub, err);
    }
    look_at(round, sub->next_ms);
    look_at(round, sub->until_ms);
    return code;
}

trib_code durable_round_run(durable_round *round, trib_error *err) {
    durable_ask *ask = round->ask;
    durable_sub *subs = NULL;
    size_t count = 0;
    durable_round_deinit(round); /* of a try that had to wait for the turn */
    round->due_ms = INT64_MAX;
    round->ok = round->failed = round->expired = 0;
    trib_code code = durable_sub_load_all(ask, &subs, &count, err);
    for (size_t i = 0; code == TRIB_OK && i < count; i++) {
        for (size_t k = 0; code == TRIB_OK && k < round->settled_count; k++)
            if (round->settled[k]->sub == subs[i].id) code = settle(round, &subs[i], round->settled[k], err);
        if (code == TRIB_OK && !is_busy(round, &subs[i])) code = visit(round, &subs[i], err);
        if (code == TRIB_OK) code = durable_sub_save(ask, &subs[i], err);
    }
    /* what was written to wake streams may have woken others */
    if (ask->nudges) round->due_ms = ask->now_ms;
    return code;
}

void durable_round_deinit(durable_round *round) {
    for (size_t i = 0; i < round->delivery_count; i++) durable_delivery_free(round->deliveries[i]);
    round->delivery_count = 0;
    TRIB_LIST_EACH_SAFE(link, &round->announcements) {
        durable_announcement *a = TRIB_LIST_ITEM(link, durable_announcement, link);
        trib_list_remove(link);
        trib_buf_deinit(&a->raw);
    }
}
