/* SPDX-License-Identifier: Apache-2.0 */
/* POST /api/streams/:id/continue: which stream takes what comes now. An open one takes it itself; behind closed ones a
 * continuation is opened (core/stream_continue.h), once. Where the last one is archived, its object is read for its
 * state first, and a transaction of its own opens what follows. */
#include "core/stream_continue.h"
#include "features/streams/streams_int.h"

typedef struct continuing {
    streams_ask *ask;
    const trib_stream *last; /* closed, with its state */
} continuing;

static void answer(streams_ask *ask, const trib_stream *s, const trib_stream_links *links, bool opened) {
    trib_json_writer w;
    ask->status = opened ? 201 : 200;
    streams_ask_link(ask, links);
    streams_ask_describe(ask, s, s->version);
    trib_jw_init(&w, &ask->out);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "streamId", s->id);
    if (links->origin.stream_id.len) trib_jw_member_str(&w, "continues", links->origin.stream_id);
    else trib_jw_member_null(&w, "continues");
    trib_jw_member_i64(&w, "version", (int64_t)s->version);
    trib_jw_object_end(&w);
}

static trib_code answer_open(streams_ask *ask, trib_stream_txn *txn, const trib_stream *s, bool opened,
                             trib_error *err) {
    trib_stream_links links;
    trib_code code = trib_stream_find_links(txn, s->id, &links, err);
    if (code == TRIB_OK) answer(ask, s, &links, opened);
    return code;
}

/* In a transaction that writes; another request may have opened it meanwhile. */
static trib_code open_next(trib_stream_txn *txn, void *ctx, trib_error *err) {
    const continuing *c = ctx;
    trib_stream next;
    trib_str last_id;
    trib_buf_clear(&c->ask->out);
    trib_code code = trib_stream_find_last(txn, c->last->id, &last_id, err);
    if (code != TRIB_OK) return code;
    bool opens = trib_str_eq(last_id, c->last->id);
    code = opens ? trib_stream_continue(txn, c->last, &next, err) : trib_stream_open(txn, last_id, &next, err);
    return code == TRIB_OK ? answer_open(c->ask, txn, &next, opens, err) : code;
}

/* On a thread of the archive. */
static trib_code continue_archived(streams_ask *ask, const trib_stream *last, trib_error *err) {
    continuing c = {.ask = ask, .last = last};
    return trib_archive_txn(ask->http->app->archive, &ask->txn, true, open_next, &c, err);
}

static trib_code continue_stream(streams_ask *ask, trib_error *err) {
    trib_stream s, last;
    trib_str last_id;
    trib_code code = trib_stream_open(&ask->txn, ask->stream_id, &s, err);
    if (code == TRIB_OK && s.count == 0 && !s.is_archived) return trib_stream_not_found(ask->stream_id, err);
    if (code == TRIB_OK) code = trib_stream_find_last(&ask->txn, ask->stream_id, &last_id, err);
    if (code == TRIB_OK) code = trib_stream_open(&ask->txn, last_id, &last, err);
    if (code != TRIB_OK) return code;
    if (!last.is_closed) return answer_open(ask, &ask->txn, &last, false, err);
    if (last.is_archived) return streams_ask_archived(ask, &last, continue_archived, err);
    continuing c = {.ask = ask, .last = &last};
    return open_next(&ask->txn, &c, err);
}

void streams_handle_continue(trib_http_request *http) {
    streams_ask_write(http, continue_stream);
}
