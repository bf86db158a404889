/* SPDX-License-Identifier: Apache-2.0 */
/* What a consumer does: claim, ack, nack, and what becomes of parked events. */
#include <stdio.h>
#include <stdlib.h>

#include "features/consumers/consumers_int.h"
#include "wire/url.h"

void consumers_event_write(const consumers_event *event, trib_json_writer *w) {
    trib_jw_member_i64(w, "pos", event->pos);
    trib_jw_member_i64(w, "seq", event->seq);
    trib_jw_member_i64(w, "atMs", event->at_ms);
    trib_jw_key_c(w, "event");
    trib_stream_write_event(w, event->values);
}

/* ---- claim ---- */

typedef struct claim_ask {
    int64_t max, wait_ms;
} claim_ask;

static void write_batch(const consumers_sub *sub, const consumers_batch *batch, trib_json_writer *w) {
    trib_jw_object_begin(w);
    trib_jw_key_c(w, "events");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < batch->count; i++) {
        char lease[48];
        snprintf(lease, sizeof lease, "%lld.%lld", (long long)batch->events[i].pos,
                 (long long)batch->events[i].generation);
        trib_jw_object_begin(w);
        trib_jw_key_c(w, "lease");
        trib_jw_str_c(w, lease);
        trib_jw_member_i64(w, "tries", batch->events[i].tries);
        consumers_event_write(&batch->events[i], w);
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
    trib_jw_member_i64(w, "leaseMs", sub->lease_ms);
    trib_jw_member_bool(w, "stalled", batch->is_stalled);
    trib_jw_object_end(w);
}

static trib_code claim(consumers_ask *ask, trib_error *err) {
    const claim_ask *c = ask->own;
    consumers_sub sub;
    consumers_batch batch;
    trib_json_writer w;
    trib_code code = consumers_sub_load(&ask->txn, ask->txn.tenant_id, ask->name, &sub, err);
    if (code == TRIB_OK && sub.url.ptr)
        code = trib_error_set(err, TRIB_BAD_REQUEST,
                              "the events of this subscription go to its webhook; make another one to claim them");
    if (code == TRIB_OK) code = consumers_claim(&ask->txn, &sub, (size_t)c->max, &batch, err);
    if (code != TRIB_OK) return code;
    ask->empty = batch.count == 0;
    if (batch.count && ask->module->handed) trib_counter_add(ask->module->handed, batch.count);
    trib_jw_init(&w, &ask->out);
    write_batch(&sub, &batch, &w);
    return TRIB_OK;
}

static void again(consumers_ask *ask) {
    ask->txn.writes = false; /* a claim that comes back from waiting looks first, as the first one did */
}

void consumers_handle_claim(trib_http_request *http) {
    static const char *const known[] = {"max", "waitMs", NULL};
    trib_error err;
    const trib_json *body = NULL;
    consumers_ask *ask = consumers_ask_new(http, true, &err);
    if (!ask) return;
    claim_ask *c = trib_arena_zalloc(http->arena, 1, sizeof *c);
    trib_code code = c ? consumers_ask_json(ask, known, &body, &err) : trib_error_set(&err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) {
        c->max = 1;
        code = consumers_ask_number(body, "max", 1, CONSUMERS_CLAIM_MAX, &c->max, &err);
    }
    if (code == TRIB_OK) code = consumers_ask_number(body, "waitMs", 0, CONSUMERS_WAIT_MAX_MS, &c->wait_ms, &err);
    if (code != TRIB_OK) {
        consumers_ask_refuse(ask, &err);
        return;
    }
    ask->own = c;
    ask->until_ns = trib_env_mono_ns(http->app->env) + c->wait_ms * 1000000;
    ask->body = claim;
    ask->after = again;
    consumers_ask_submit(ask);
}

/* ---- ack, nack ---- */

typedef struct settle_ask {
    consumers_settlement all; /* of each of them; but pos and generation */
    struct lease {
        int64_t pos, generation;
        trib_str text;
    } * leases;
    size_t count;
} settle_ask;

static bool parse_lease(trib_str text, struct lease *ret) {
    size_t dot = trib_str_find(text, '.');
    ret->text = text;
    return dot != SIZE_MAX && trib_str_i64(trib_str_sub(text, 0, dot), &ret->pos) &&
           trib_str_i64(trib_str_sub(text, dot + 1, text.len), &ret->generation);
}

static trib_code parse_leases(consumers_ask *ask, const trib_json *body, settle_ask *ret, trib_error *err) {
    const trib_json *list = trib_json_get(body, "leases");
    trib_str text;
    ret->count = trib_json_count(list);
    bool ok = trib_json_is(list, TRIB_JSON_ARRAY) && ret->count > 0 && ret->count <= CONSUMERS_CLAIM_MAX;
    ret->leases = ok ? trib_arena_zalloc(ask->http->arena, ret->count, sizeof *ret->leases) : NULL;
    if (ok && !ret->leases) return trib_error_set(err, TRIB_NOMEM, NULL);
    size_t i = 0;
    for (const trib_json *v = ok ? trib_json_first(list) : NULL; ok && v; v = trib_json_next(v))
        ok = trib_json_str(v, &text) && parse_lease(text, &ret->leases[i++]);
    return ok ? TRIB_OK
              : trib_error_set(err, TRIB_BAD_REQUEST,
                               "\"leases\" must be an array of 1 to %d leases, as the claim gave them",
                               CONSUMERS_CLAIM_MAX);
}

/* Those that were held are done; the answer names the others. */
static void answer_lost(consumers_ask *ask, size_t held, size_t count, trib_str lost) {
    trib_error err;
    trib_error_set(&err, TRIB_LEASE_LOST,
                   "%zu of %zu leases had ended (%.*s%s): their events were handed out again, or will be; nothing was "
                   "changed for these%s",
                   count - held, count, (int)trib_str_sub(lost, 0, 120).len, lost.ptr, lost.len > 120 ? " ..." : "",
                   held ? ", and the others are done" : "");
    ask->status = trib_code_http(TRIB_LEASE_LOST);
    trib_http_error_body(&ask->out, &err, ask->http->request_id);
}

static void count_settled(const consumers_ask *ask, const settle_ask *s, size_t held) {
    const consumers_module *m = ask->module;
    struct trib_counter *counters[] = {m->acked, m->retried, m->parked_now, m->acked};
    if (counters[s->all.verdict] && held) trib_counter_add(counters[s->all.verdict], held);
    if (m->lost && held < s->count) trib_counter_add(m->lost, s->count - held);
}

static trib_code settle(consumers_ask *ask, trib_error *err) {
    const settle_ask *s = ask->own;
    consumers_sub sub;
    trib_buf lost;
    size_t held = 0;
    trib_code code = consumers_sub_load(&ask->txn, ask->txn.tenant_id, ask->name, &sub, err);
    if (code != TRIB_OK) return code;
    int64_t parked = sub.parked;
    trib_buf_init(&lost, 64 * 1024);
    for (size_t i = 0; code == TRIB_OK && i < s->count; i++) {
        consumers_settlement one = s->all;
        bool is_held;
        one.pos = s->leases[i].pos;
        one.generation = s->leases[i].generation;
        code = consumers_settle(&ask->txn, &sub, &one, &is_held, err);
        if (code == TRIB_OK && !is_held)
            trib_buf_printf(&lost, "%s%.*s", lost.len ? ", " : "", TRIB_STR_ARG(s->leases[i].text));
        held += code == TRIB_OK && is_held;
    }
    if (code == TRIB_OK && sub.parked != parked) code = consumers_sub_save(&ask->txn, &sub, err);
    if (code == TRIB_OK) {
        count_settled(ask, s, held);
        ask->status = 200;
        if (held < s->count) answer_lost(ask, held, s->count, trib_buf_str(&lost));
        else trib_buf_printf(&ask->out, "{\"done\":%zu}", held);
    }
    trib_buf_deinit(&lost);
    return code;
}

static void settle_handle(trib_http_request *http, const char *const *known,
                          trib_code (*parse)(const trib_json *body, consumers_settlement *ret, trib_error *err)) {
    trib_error err;
    const trib_json *body = NULL;
    consumers_ask *ask = consumers_ask_new(http, true, &err);
    if (!ask) return;
    settle_ask *s = trib_arena_zalloc(http->arena, 1, sizeof *s);
    trib_code code = s ? consumers_ask_json(ask, known, &body, &err) : trib_error_set(&err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) code = parse_leases(ask, body, s, &err);
    if (code == TRIB_OK && parse) code = parse(body, &s->all, &err);
    if (code != TRIB_OK) {
        consumers_ask_refuse(ask, &err);
        return;
    }
    ask->own = s;
    ask->txn.writes = true;
    ask->body = settle;
    consumers_ask_submit(ask);
}

void consumers_handle_ack(trib_http_request *http) {
    static const char *const known[] = {"leases", NULL};
    settle_handle(http, known, NULL);
}

static trib_code parse_nack(const trib_json *body, consumers_settlement *ret, trib_error *err) {
    static const struct {
        const char *word;
        consumers_verdict verdict;
    } actions[] = {{"retry", CONSUMERS_RETRY}, {"park", CONSUMERS_PARK}, {"skip", CONSUMERS_SKIP}};
    trib_str word = {0};
    size_t i = 0;
    (void)trib_json_str(trib_json_get(body, "action"), &word);
    while (i < 3 && !trib_str_eq_c(word, actions[i].word)) i++;
    if (i == 3) return trib_error_set(err, TRIB_BAD_REQUEST, "\"action\" must be \"retry\", \"park\" or \"skip\"");
    ret->verdict = actions[i].verdict;
    const trib_json *reason = trib_json_get(body, "reason");
    if (!trib_json_absent(reason) &&
        (!trib_json_str(reason, &ret->reason) || ret->reason.len > CONSUMERS_REASON_MAX_BYTES))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"reason\" must be a text of at most %d bytes",
                              CONSUMERS_REASON_MAX_BYTES);
    return consumers_ask_number(body, "delayMs", 0, CONSUMERS_DELAY_MAX_MS, &ret->delay_ms, err);
}

void consumers_handle_nack(trib_http_request *http) {
    static const char *const known[] = {"leases", "action", "reason", "delayMs", NULL};
    settle_handle(http, known, parse_nack);
}

/* ---- parked events ---- */

typedef struct page {
    uint64_t after, limit;
} page;

typedef struct parked_rows {
    trib_json_writer *w;
    uint64_t count, limit;
    int64_t last;
} parked_rows;

static trib_code take_parked(void *ctx, const trib_stmt *stmt, trib_error *err) {
    parked_rows *to = ctx;
    trib_value values[TRIB_STREAM_COLUMNS];
    (void)err;
    if (to->count++ == to->limit) return TRIB_OK; /* only that there are more */
    to->last = trib_stmt_col_value(stmt, 0).integer;
    trib_jw_object_begin(to->w);
    trib_jw_member_i64(to->w, "pos", to->last);
    trib_jw_member_str(to->w, "streamId", trib_stmt_col_value(stmt, 1).bytes);
    trib_jw_member_i64(to->w, "tries", trib_stmt_col_value(stmt, 2).integer);
    trib_jw_member_str(to->w, "reason", trib_stmt_col_value(stmt, 3).bytes);
    trib_jw_member_i64(to->w, "parkedMs", trib_stmt_col_value(stmt, 4).integer);
    trib_jw_member_bool(to->w, "toReplay", trib_stmt_col_value(stmt, 5).integer != 0);
    for (int i = 0; i < TRIB_STREAM_COLUMNS; i++) values[i] = trib_stmt_col_value(stmt, 6 + i);
    trib_jw_key_c(to->w, "event");
    if (values[0].type == TRIB_VALUE_NULL) trib_jw_null(to->w); /* its stream is not there any more */
    else trib_stream_write_event(to->w, values);
    trib_jw_object_end(to->w);
    return TRIB_OK;
}

/* Events of streams that a tenant is no member of any more are not shown. */
static trib_code parked(consumers_ask *ask, trib_error *err) {
    const page *p = ask->own;
    consumers_sub sub;
    trib_json_writer w;
    parked_rows rows = {.w = &w, .limit = p->limit};
    trib_code code = consumers_sub_load(&ask->txn, ask->txn.tenant_id, ask->name, &sub, err);
    if (code != TRIB_OK) return code;
    trib_arg args[] = {trib_stream_integer(sub.id), trib_stream_integer((int64_t)p->after),
                       trib_stream_integer((int64_t)p->limit + 1), trib_stream_text(sub.owner)};
    trib_jw_init(&w, &ask->out);
    trib_jw_object_begin(&w);
    trib_jw_key_c(&w, "parked");
    trib_jw_array_begin(&w);
    code = trib_stmt_run(ask->txn.handle,
                         "SELECT p.pos, p.streamId, p.tries, p.reason, p.at_ms, p.again, e.* FROM _trib_parked p "
                         "LEFT JOIN _trib_ev v ON v.pos = p.pos LEFT JOIN events e ON e.id = v.id AND (?4 = '' OR "
                         "EXISTS (SELECT 1 FROM _trib_member m WHERE m.tenant = ?4 AND m.streamId = p.streamId)) "
                         "WHERE p.sub = ?1 AND p.pos > ?2 ORDER BY p.pos LIMIT ?3",
                         args, 4, take_parked, &rows, err);
    trib_jw_array_end(&w);
    if (rows.count > rows.limit) trib_jw_member_i64(&w, "next", rows.last);
    else trib_jw_member_null(&w, "next");
    trib_jw_object_end(&w);
    return code;
}

void consumers_handle_parked(trib_http_request *http) {
    trib_error err;
    trib_query query;
    consumers_ask *ask = consumers_ask_new(http, false, &err);
    if (!ask) return;
    page *p = trib_arena_zalloc(http->arena, 1, sizeof *p);
    trib_code code =
        p ? trib_query_parse(http->arena, http->query, &query, &err) : trib_error_set(&err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) {
        const trib_str *after = trib_query_get(&query, "after"), *limit = trib_query_get(&query, "limit");
        p->limit = 100;
        bool ok = (!after || (trib_str_u64(*after, &p->after) && p->after <= INT64_MAX)) &&
                  (!limit || (trib_str_u64(*limit, &p->limit) && p->limit > 0 && p->limit <= CONSUMERS_PAGE_MAX));
        if (!ok)
            code = trib_error_set(&err, TRIB_BAD_REQUEST,
                                  "\"after\" must be a position, \"limit\" a number from 1 to %d", CONSUMERS_PAGE_MAX);
    }
    if (code != TRIB_OK) {
        consumers_ask_refuse(ask, &err);
        return;
    }
    ask->own = p;
    ask->body = parked;
    consumers_ask_submit(ask);
}

typedef struct replay_ask {
    trib_str positions; /* JSON; ptr NULL: all */
} replay_ask;

static trib_code take_integer(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

static trib_code replay(consumers_ask *ask, trib_error *err) {
    const replay_ask *r = ask->own;
    consumers_sub sub;
    int64_t count = 0;
    trib_code code = consumers_sub_load(&ask->txn, ask->txn.tenant_id, ask->name, &sub, err);
    if (code != TRIB_OK) return code;
    trib_arg args[] = {trib_stream_integer(sub.id), trib_stream_text(r->positions)};
    code = trib_stmt_run(ask->txn.handle,
                         "UPDATE _trib_parked SET again = 1 WHERE sub = ?1 AND again = 0 AND (?2 IS NULL OR pos IN "
                         "(SELECT value FROM json_each(?2)))",
                         args, 2, NULL, NULL, err);
    if (code == TRIB_OK) code = trib_stmt_run(ask->txn.handle, "SELECT changes()", NULL, 0, take_integer, &count, err);
    trib_buf_printf(&ask->out, "{\"replaying\":%lld}", (long long)count);
    return code;
}

static trib_code parse_replay(consumers_ask *ask, replay_ask *ret, trib_error *err) {
    static const char *const known[] = {"positions", NULL};
    const trib_json *body, *list;
    trib_buf buf;
    trib_json_writer w;
    trib_code code = consumers_ask_json(ask, known, &body, err);
    if (code != TRIB_OK || trib_json_absent(list = trib_json_get(body, "positions"))) return code;
    bool ok = trib_json_is(list, TRIB_JSON_ARRAY) && trib_json_count(list) <= CONSUMERS_PAGE_MAX;
    int64_t pos;
    for (const trib_json *v = ok ? trib_json_first(list) : NULL; ok && v; v = trib_json_next(v))
        ok = trib_json_i64(v, &pos);
    if (!ok)
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"positions\" must be an array of at most %d positions",
                              CONSUMERS_PAGE_MAX);
    trib_buf_init(&buf, CONSUMERS_BODY_MAX_BYTES);
    trib_jw_init(&w, &buf);
    trib_jw_value(&w, list);
    ret->positions = trib_arena_dup(ask->http->arena, trib_buf_str(&buf));
    if (buf.failed || !ret->positions.ptr) code = trib_error_set(err, TRIB_NOMEM, NULL);
    trib_buf_deinit(&buf);
    return code;
}

void consumers_handle_replay(trib_http_request *http) {
    trib_error err;
    consumers_ask *ask = consumers_ask_new(http, true, &err);
    if (!ask) return;
    replay_ask *r = trib_arena_zalloc(http->arena, 1, sizeof *r);
    trib_code code = r ? parse_replay(ask, r, &err) : trib_error_set(&err, TRIB_NOMEM, NULL);
    if (code != TRIB_OK) {
        consumers_ask_refuse(ask, &err);
        return;
    }
    ask->own = r;
    ask->txn.writes = true;
    ask->body = replay;
    consumers_ask_submit(ask);
}
