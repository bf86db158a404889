/* SPDX-License-Identifier: Apache-2.0 */
/* What was seen of one stream in one snapshot; see tails_int.h. The forms are made once, where the rows are read, and
 * each tail sends the same bytes.
 *
 *   json   {...},{...},{...}
 *   sse    id: 7\ndata: {...}\n\n id: 8\ndata: ...          (WHATWG HTML, "Server-sent events")
 *   ws     {"type":"events","streamId":"ord-1","first":7,"last":9,"events":[{...},{...},{...}]}
 *   at     where each event begins in json and sse: a tail that has some of them already is sent the rest */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "features/streams/tails_int.h"

/* One event's JSON may be as long as an answer; a form holds it, and frames. */
enum { FORM_MAX_BYTES = STREAMS_ANSWER_MAX_BYTES + 4096 };

typedef struct news_place {
    size_t json, sse;
} news_place;

static streams_news *news_new(trib_str id) {
    streams_news *news = calloc(1, sizeof *news);
    if (!news) return NULL;
    atomic_store(&news->refs, 1);
    trib_list_init(&news->link);
    news->id = trib_str_make(news->id_text, id.len < sizeof news->id_text ? id.len : sizeof news->id_text);
    if (id.len) memcpy(news->id_text, id.ptr, news->id.len);
    trib_buf_init(&news->json, FORM_MAX_BYTES);
    trib_buf_init(&news->sse, FORM_MAX_BYTES);
    trib_buf_init(&news->ws, FORM_MAX_BYTES);
    trib_buf_init(&news->at, FORM_MAX_BYTES);
    return news;
}

streams_news *streams_news_ref(streams_news *news) {
    atomic_fetch_add_explicit(&news->refs, 1, memory_order_relaxed);
    return news;
}

void streams_news_unref(streams_news *news) {
    if (!news || atomic_fetch_sub(&news->refs, 1) != 1) return;
    trib_buf_deinit(&news->json);
    trib_buf_deinit(&news->sse);
    trib_buf_deinit(&news->ws);
    trib_buf_deinit(&news->at);
    free(news->members);
    free(news);
}

/* ---- reading ---- */

typedef struct news_rows {
    streams_news *news;
    size_t max_bytes;
    bool full;
} news_rows;

static trib_code add_event(news_rows *rows, const trib_value values[TRIB_STREAM_COLUMNS], uint64_t seq,
                           trib_error *err) {
    streams_news *news = rows->news;
    trib_json_writer w;
    rows->full = news->count > 0 && news->json.len >= rows->max_bytes;
    if (rows->full) return trib_error_set(err, TRIB_CANCELLED, NULL); /* the rest another time */
    if (news->count > 0) trib_buf_add_char(&news->json, ',');
    news_place place = {news->json.len, news->sse.len};
    trib_buf_add_bytes(&news->at, &place, sizeof place);
    trib_jw_init(&w, &news->json);
    trib_stream_write_event(&w, values);
    trib_buf_printf(&news->sse, "id: %llu\ndata: ", (unsigned long long)seq);
    trib_buf_add(&news->sse, trib_str_sub(trib_buf_str(&news->json), place.json, news->json.len));
    trib_buf_add(&news->sse, TRIB_STR("\n\n"));
    if (news->count == 0) news->first = seq;
    news->last = seq;
    news->count++;
    if (news->json.failed || news->sse.failed || news->at.failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    return TRIB_OK;
}

static trib_code take_event(void *ctx, const trib_stmt *stmt, trib_error *err) {
    trib_value values[TRIB_STREAM_COLUMNS];
    for (int i = 0; i < TRIB_STREAM_COLUMNS; i++) values[i] = trib_stmt_col_value(stmt, i);
    return add_event(ctx, values, (uint64_t)trib_stmt_col_value(stmt, TRIB_STREAM_COLUMNS).integer, err);
}

static trib_code finish_events(const news_rows *rows, trib_code code, trib_error *err) {
    streams_news *news = rows->news;
    if (rows->full) code = TRIB_OK;
    if (code != TRIB_OK || news->count == 0) return code;
    streams_news_write_ws(news, 0, &news->ws);
    return news->ws.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code read_events(trib_stream_txn *txn, const streams_news_ask *ask, streams_news *news, trib_error *err) {
    news_rows rows = {.news = news, .max_bytes = ask->max_bytes};
    trib_arg args[] = {trib_stream_text(ask->id), trib_stream_integer((int64_t)ask->after),
                       trib_stream_integer((int64_t)ask->max_events)};
    trib_code code = trib_stmt_run(
        txn->handle,
        "SELECT e.id, e.streamId, e.opcode, e.nodeId, e.pointId, e.delta, e.payload, e.ts, v.seq "
        "FROM _trib_ev v JOIN events e ON e.id = v.id WHERE v.streamId = ?1 AND v.seq > ?2 ORDER BY v.seq LIMIT ?3",
        args, 3, take_event, &rows, err);
    return finish_events(&rows, code, err);
}

trib_code streams_news_take(streams_news *news, const streams_news_ask *ask, const trib_stream *s, trib_error *err) {
    uint64_t share = ask->row->size / STREAMS_READ_FETCHES;
    news_rows rows = {.news = news, .max_bytes = share > ask->max_bytes ? (size_t)share : ask->max_bytes};
    trib_code code = TRIB_OK;
    news->is_elsewhere = false;
    for (size_t i = 0; code == TRIB_OK && i < s->count; i++)
        if (s->events[i].seq > ask->after) code = add_event(&rows, s->events[i].values, s->events[i].seq, err);
    return finish_events(&rows, code, err);
}

static trib_code take_member(void *ctx, const trib_stmt *stmt, trib_error *err) {
    streams_news *news = ctx;
    void *more = realloc(news->members, (news->member_count + 1) * sizeof *news->members);
    if (!more) return trib_error_set(err, TRIB_NOMEM, NULL);
    news->members = more;
    snprintf(news->members[news->member_count++], sizeof *news->members, "%.*s",
             TRIB_STR_ARG(trib_stmt_col_value(stmt, 0).bytes));
    return TRIB_OK;
}

static trib_code read_members(trib_stream_txn *txn, trib_str id, streams_news *news, trib_error *err) {
    trib_arg arg = trib_stream_text(id);
    news->members_known = true;
    return trib_stmt_run(txn->handle, "SELECT DISTINCT tenant FROM _trib_member WHERE streamId = ?1", &arg, 1,
                         take_member, news, err);
}

/* Events that came by SQL may have changed who is a member, and nobody may have folded them yet. */
static trib_code look(trib_stream_txn *txn, const streams_news_ask *ask, trib_stream *s, trib_error *err) {
    bool whole;
    trib_code code = trib_stream_look(txn, ask->id, s, &whole, err);
    if (code == TRIB_OK && ask->admit) code = trib_stream_admit(txn, s, err);
    if (code != TRIB_OK || !ask->with_members || !whole) return code;
    if (txn->writes) return trib_stream_store_fold(txn, s, err);
    txn->writes = true;
    return TRIB_AGAIN;
}

/* What continues a closed stream. */
static trib_code read_next(trib_stream_txn *txn, streams_news *news, trib_error *err) {
    trib_str next;
    trib_code code = trib_stream_find_next(txn, news->id, &next, err);
    if (code != TRIB_OK || next.len == 0 || next.len > sizeof news->next_text) return code;
    memcpy(news->next_text, next.ptr, next.len);
    news->continued_by = trib_str_make(news->next_text, next.len);
    return code;
}

trib_code streams_news_read(trib_stream_txn *txn, const streams_news_ask *ask, streams_news **ret, trib_error *err) {
    trib_stream s;
    trib_code code = look(txn, ask, &s, err);
    streams_news *news = code == TRIB_OK ? news_new(ask->id) : NULL;
    if (code != TRIB_OK) return code;
    if (!news) return trib_error_set(err, TRIB_NOMEM, NULL);
    news->version = s.version;
    news->exists = s.exists;
    news->is_closed = s.is_closed;
    news->is_deleted = s.exists && s.count == 0 && !s.is_archived;
    for (size_t i = 0; i < sizeof s.head; i++) snprintf(news->etag + 2 * i, 3, "%02x", s.head[i]);
    if (!ask->from_end && ask->after < s.version) {
        news->is_elsewhere = s.is_archived;
        if (!s.is_archived) code = read_events(txn, ask, news, err);
        else if (ask->row) code = trib_archive_find_object(txn, ask->id, ask->row, err);
    }
    if (code == TRIB_OK && ask->with_members) code = read_members(txn, ask->id, news, err);
    if (code == TRIB_OK && news->is_closed) code = read_next(txn, news, err);
    if (code == TRIB_OK) *ret = news;
    else streams_news_unref(news);
    return code;
}

/* ---- forms ---- */

static news_place place_of(const streams_news *news, size_t from) {
    news_place place;
    memcpy(&place, news->at.ptr + from * sizeof place, sizeof place);
    return place;
}

trib_str streams_news_json(const streams_news *news, size_t from) {
    return trib_str_sub(trib_buf_str(&news->json), place_of(news, from).json, news->json.len);
}

trib_str streams_news_sse(const streams_news *news, size_t from) {
    return trib_str_sub(trib_buf_str(&news->sse), place_of(news, from).sse, news->sse.len);
}

void streams_news_write_ws(const streams_news *news, size_t from, trib_buf *out) {
    trib_json_writer w;
    trib_jw_init(&w, out);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "type", TRIB_STR("events"));
    trib_jw_member_str(&w, "streamId", news->id);
    trib_jw_member_i64(&w, "first", (int64_t)(news->first + from));
    trib_jw_member_i64(&w, "last", (int64_t)news->last);
    trib_jw_key_c(&w, "events");
    trib_jw_array_begin(&w);
    trib_jw_raw(&w, streams_news_json(news, from));
    trib_jw_array_end(&w);
    trib_jw_object_end(&w);
}

bool streams_news_has_member(const streams_news *news, const char *tenant_id) {
    for (size_t i = 0; i < news->member_count; i++)
        if (strcmp(news->members[i], tenant_id) == 0) return true;
    return false;
}
