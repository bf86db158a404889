/* SPDX-License-Identifier: Apache-2.0 */
/* What only reads one stream (its events, its state, whether its chain holds), and closing it. */
#include <stdlib.h>
#include <string.h>

#include "features/streams/tails_int.h"

/* ---- events ---- */

/* A peer that has this version already. */
static bool is_known(const streams_ask *ask) {
    trib_str etag = trib_str_c(ask->headers), known = trib_str_c(ask->own);
    etag = trib_str_sub(etag, strlen("ETag: "), trib_str_find(etag, '\r'));
    return known.len > 0 && ask->limit == 0 && ask->after == 0 && trib_str_eq(etag, known);
}

static trib_code show_events(streams_ask *ask, const trib_stream *s, trib_error *err) {
    trib_json_writer w;
    uint64_t shown = 0, last = s->version;
    (void)err;
    trib_jw_init(&w, &ask->out);
    trib_jw_array_begin(&w);
    for (size_t i = 0; i < s->count; i++) {
        if (s->events[i].seq <= ask->after) continue;
        if (ask->limit != 0 && shown == ask->limit) {
            last = shown > 0 ? s->events[i - 1].seq : ask->after;
            break;
        }
        trib_stream_write_event(&w, s->events[i].values);
        shown++;
    }
    if (s->exists) streams_ask_describe(ask, s, last);
    trib_jw_array_end(&w);
    return TRIB_OK;
}

static trib_code read_events(streams_ask *ask, trib_error *err) {
    trib_stream s;
    trib_code code = trib_stream_open(&ask->txn, ask->stream_id, &s, err);
    if (code == TRIB_OK) code = streams_ask_find_links(ask, ask->stream_id, err);
    if (code != TRIB_OK) return code;
    if (s.exists) streams_ask_describe(ask, &s, s.version);
    bool is_whole = ask->limit == 0 && ask->after == 0;
    if (s.exists && is_known(ask)) ask->status = 304;
    else if (s.is_archived) return streams_ask_archived(ask, &s, is_whole ? NULL : show_events, err);
    else return show_events(ask, &s, err);
    return TRIB_OK;
}

/* ?live= in a request for it; HEAD has no body that could go on. */
static bool is_live(trib_http_request *http, trib_query *query, trib_str *ret) {
    trib_error ignored;
    if (trib_str_eq_c(http->method, "HEAD") || trib_query_parse(http->arena, http->query, query, &ignored) != TRIB_OK)
        return false;
    const trib_str *live = trib_query_get(query, "live");
    if (live) *ret = *live;
    return live != NULL;
}

void streams_handle_events(trib_http_request *http) {
    trib_error err;
    trib_query query;
    trib_str live;
    if (is_live(http, &query, &live)) {
        streams_handle_live(http, live, &query);
        return;
    }
    streams_ask *ask = streams_ask_new(http, &err);
    if (!ask) return;
    trib_str known = trib_arena_dup(http->arena, trib_http_header(http, "if-none-match"));
    trib_code code = known.ptr ? streams_ask_page(ask, &err) : trib_error_set(&err, TRIB_NOMEM, NULL);
    if (code != TRIB_OK) {
        streams_ask_refuse(ask, &err);
        return;
    }
    ask->own = (void *)(uintptr_t)known.ptr;
    ask->body = read_events;
    streams_ask_submit(ask);
}

/* ---- state ---- */

static trib_code must_exist(streams_ask *ask, const trib_stream *s, trib_error *err) {
    return s->count > 0 || s->is_archived ? TRIB_OK : trib_stream_not_found(ask->stream_id, err);
}

static trib_code show_state(streams_ask *ask, const trib_stream *s, trib_error *err) {
    trib_json_writer w;
    (void)err;
    trib_jw_init(&w, &ask->out);
    if (s->type) {
        trib_deal_state_write(s->type, &s->state, &w);
        return TRIB_OK;
    }
    trib_jw_object_begin(&w);
    trib_jw_member_null(&w, "type");
    trib_jw_member_i64(&w, "version", (int64_t)s->version);
    trib_jw_object_end(&w);
    return TRIB_OK;
}

static trib_code read_state(streams_ask *ask, trib_error *err) {
    trib_stream s;
    trib_code code = trib_stream_open(&ask->txn, ask->stream_id, &s, err);
    if (code == TRIB_OK) code = must_exist(ask, &s, err);
    if (code == TRIB_OK) code = streams_ask_find_links(ask, ask->stream_id, err);
    if (code != TRIB_OK) return code;
    if (s.is_archived) return streams_ask_archived(ask, &s, show_state, err);
    streams_ask_describe(ask, &s, s.version);
    return show_state(ask, &s, err);
}

static void start(trib_http_request *http, trib_code (*body)(streams_ask *, trib_error *)) {
    trib_error err;
    streams_ask *ask = streams_ask_new(http, &err);
    if (!ask) return;
    ask->body = body;
    streams_ask_submit(ask);
}

void streams_handle_state(trib_http_request *http) {
    start(http, read_state);
}

/* ---- verify ---- */

static trib_deal_row row_of(const trib_stream_event *event) {
    const trib_value *v = event->values;
    trib_str text[TRIB_STREAM_COLUMNS] = {0};
    for (int i = 0; i < TRIB_STREAM_COLUMNS; i++)
        if (v[i].type == TRIB_VALUE_TEXT) text[i] = v[i].bytes;
    return (trib_deal_row){.id = text[0],
                           .stream_id = text[1],
                           .opcode = v[2].type == TRIB_VALUE_INTEGER ? v[2].integer : 0,
                           .node_id = text[3],
                           .point_id = text[4],
                           .delta = v[5].type == TRIB_VALUE_REAL ? v[5].real : 0,
                           .delta_is_null = v[5].type == TRIB_VALUE_NULL,
                           .payload = text[6],
                           .ts = text[7]};
}

/* Errors: CHAIN_BROKEN; NOMEM. */
static trib_code check_chain(const trib_stream *s, trib_error *err) {
    trib_deal_chain chain;
    trib_code code = TRIB_OK;
    trib_deal_chain_init(&chain, trib_crypto_sha256, s->base_head, s->base_version);
    for (size_t i = 0; code == TRIB_OK && i < s->count; i++) {
        trib_deal_row row = row_of(&s->events[i]);
        code = trib_deal_chain_verify(&chain, &row, s->events[i].link, err);
        if (code == TRIB_OK && s->events[i].seq != chain.seq)
            code = trib_error_set(err, TRIB_CHAIN_BROKEN, "event %llu stands at number %llu",
                                  (unsigned long long)chain.seq, (unsigned long long)s->events[i].seq);
    }
    if (code == TRIB_OK && (chain.seq != s->version || memcmp(chain.head, s->head, sizeof s->head) != 0))
        code = trib_error_set(err, TRIB_CHAIN_BROKEN, "the last event is not the head of the chain");
    trib_deal_chain_deinit(&chain);
    return code;
}

static void write_verdict(streams_ask *ask, const trib_stream *s, trib_code chain, const trib_error *why) {
    trib_json_writer w;
    trib_jw_init(&w, &ask->out);
    trib_jw_object_begin(&w);
    trib_jw_member_bool(&w, "ok", chain == TRIB_OK);
    trib_jw_member_i64(&w, "events", (int64_t)s->count);
    trib_jw_member_i64(&w, "version", (int64_t)s->version);
    if (ask->neighbours.origin.stream_id.len) trib_jw_member_str(&w, "continues", ask->neighbours.origin.stream_id);
    if (ask->neighbours.continued_by.len) trib_jw_member_str(&w, "continuedBy", ask->neighbours.continued_by);
    if (chain != TRIB_OK) trib_jw_member_str(&w, "why", trib_str_c(why->message));
    trib_jw_object_end(&w);
}

static trib_code show_verify(streams_ask *ask, const trib_stream *s, trib_error *err) {
    trib_error why;
    trib_code chain = check_chain(s, &why);
    if (chain == TRIB_OK) chain = trib_stream_check_origin(&ask->arena, s, &ask->neighbours, &why);
    if (chain != TRIB_OK && chain != TRIB_CHAIN_BROKEN) return trib_error_set(err, chain, NULL);
    write_verdict(ask, s, chain, &why);
    return TRIB_OK;
}

static trib_code read_verify(streams_ask *ask, trib_error *err) {
    trib_stream s;
    trib_code code = trib_stream_open(&ask->txn, ask->stream_id, &s, err);
    if (code == TRIB_OK) code = must_exist(ask, &s, err);
    if (code == TRIB_OK) code = streams_ask_find_links(ask, ask->stream_id, err);
    if (code != TRIB_OK && code != TRIB_CHAIN_BROKEN) return code;
    if (code == TRIB_OK && s.is_archived) return streams_ask_archived(ask, &s, show_verify, err);
    streams_ask_describe(ask, &s, s.version);
    if (code == TRIB_OK) return show_verify(ask, &s, err);
    write_verdict(ask, &s, code, err); /* events are missing, or there are others: they cannot even be loaded */
    return TRIB_OK;
}

void streams_handle_verify(trib_http_request *http) {
    start(http, read_verify);
}

/* ---- close ---- */

static trib_code close_stream(streams_ask *ask, trib_error *err) {
    trib_stream s;
    trib_json_writer w;
    trib_code code = trib_stream_open(&ask->txn, ask->stream_id, &s, err);
    if (code == TRIB_OK) code = must_exist(ask, &s, err);
    if (code != TRIB_OK) return code;
    if (ask->txn.tenant_id.len && !s.is_closed && s.type && !trib_deal_is_final(s.type, &s.state))
        return trib_error_set(err, TRIB_BAD_TRANSITION,
                              "the stream's status is \"%.*s\", from which it goes on; a member closes it when it has "
                              "ended",
                              TRIB_STR_ARG(trib_deal_status_name(s.type, s.state.status)));
    trib_arg args[] = {trib_stream_text(ask->stream_id), trib_stream_integer(trib_env_wall_ms(ask->http->app->env))};
    code = trib_stmt_run(ask->txn.handle,
                         "UPDATE _trib_stream SET closed_ms = coalesce(closed_ms, ?2) WHERE streamId = ?1", args, 2,
                         NULL, NULL, err);
    if (code != TRIB_OK) return code;
    s.is_closed = true;
    streams_ask_describe(ask, &s, s.version);
    trib_jw_init(&w, &ask->out);
    trib_jw_object_begin(&w);
    trib_jw_member_bool(&w, "closed", true);
    trib_jw_member_i64(&w, "version", (int64_t)s.version);
    trib_jw_object_end(&w);
    return TRIB_OK;
}

trib_code streams_check_write(const streams_ask *ask, trib_error *err) {
    if (ask->may_write) return TRIB_OK;
    return trib_error_set(err, TRIB_FORBIDDEN, "the token may read only; a stream is written with one of access rw");
}

void streams_ask_write(trib_http_request *http, trib_code (*body)(streams_ask *ask, trib_error *err)) {
    trib_error err;
    streams_ask *ask = streams_ask_new(http, &err);
    if (!ask) return;
    if (streams_check_write(ask, &err) != TRIB_OK) {
        streams_ask_refuse(ask, &err);
        return;
    }
    ask->txn.writes = true;
    ask->body = body;
    streams_ask_submit(ask);
}

void streams_handle_close(trib_http_request *http) {
    streams_ask_write(http, close_stream);
}
