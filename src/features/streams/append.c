/* SPDX-License-Identifier: Apache-2.0 */
/* POST /api/streams/:id/events: some events, all or nothing.
 *
 *   body -> append (on the loop) -> transaction: same key before? -> version as expected? -> each event allowed by the
 *   type, in order -> rows; actor, members, status, the answer by its key -> commit -> 201
 *
 * An event that came by the same Idempotency-Key before is answered with the first answer: nothing is written twice. */
#include <stdio.h>
#include <string.h>

#include "features/streams/streams_int.h"

typedef struct append {
    trib_stream_append_ask ask;
    trib_str key; /* empty: none */
    uint8_t request[TRIB_SHA256_BYTES];
} append;

/* ---- the body ---- */

static trib_code wrong_member(size_t index, const char *member, const char *must, trib_error *err) {
    return trib_error_set(err, TRIB_BAD_REQUEST, "events[%zu].%s must be %s", index, member, must);
}

static trib_value text_value(trib_str text) {
    if (!text.ptr) return (trib_value){.type = TRIB_VALUE_NULL};
    return (trib_value){.type = TRIB_VALUE_TEXT, .bytes = text};
}

static trib_code parse_text(const trib_json *event, size_t index, const char *member, trib_value *ret,
                            trib_error *err) {
    trib_str text = {0};
    const trib_json *value = trib_json_get(event, member);
    if (!trib_json_absent(value) && !trib_json_str(value, &text)) return wrong_member(index, member, "text", err);
    if (text.len > TRIB_STREAM_ID_MAX_BYTES)
        return trib_error_set(err, TRIB_BAD_REQUEST, "events[%zu].%s has more than %d bytes", index, member,
                              TRIB_STREAM_ID_MAX_BYTES);
    *ret = text_value(text);
    return TRIB_OK;
}

/* As an object, or as the JSON text that the column has. */
static trib_code parse_payload(trib_arena *arena, const trib_json *event, size_t index, trib_value *ret,
                               trib_error *err) {
    const trib_json *value = trib_json_get(event, "payload"), *ignored;
    trib_json_writer w;
    trib_str text = {0};
    trib_buf buf;
    *ret = (trib_value){.type = TRIB_VALUE_NULL};
    if (trib_json_absent(value)) return TRIB_OK;
    if (trib_json_str(value, &text)) {
        if (trib_json_parse(arena, text, &ignored, NULL) != TRIB_OK)
            return wrong_member(index, "payload", "an object, or JSON as text", err);
    } else {
        if (!trib_json_is(value, TRIB_JSON_OBJECT))
            return wrong_member(index, "payload", "an object, or JSON as text", err);
        trib_buf_init(&buf, STREAMS_BODY_MAX_BYTES * 2);
        trib_jw_init(&w, &buf);
        trib_jw_value(&w, value);
        text = trib_arena_dup(arena, trib_buf_str(&buf));
        bool failed = buf.failed;
        trib_buf_deinit(&buf);
        if (failed || !text.ptr) return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    *ret = text_value(text);
    return TRIB_OK;
}

static trib_code parse_event(streams_ask *ask, const trib_json *event, size_t index, trib_stream_draft *ret,
                             trib_error *err) {
    static const char *const members[] = {"id", "opcode", "nodeId", "pointId", "delta", "payload", "ts", NULL};
    int64_t opcode;
    double delta = 0;
    if (!trib_json_is(event, TRIB_JSON_OBJECT))
        return trib_error_set(err, TRIB_BAD_REQUEST, "events[%zu] must be an object", index);
    for (const trib_json *m = trib_json_first(event); m; m = trib_json_next(m)) {
        size_t i = 0;
        while (members[i] && !trib_str_eq_c(m->key, members[i])) i++;
        if (!members[i])
            return trib_error_set(err, TRIB_BAD_REQUEST, "events[%zu] has a member \"%.*s\", which no event has", index,
                                  TRIB_STR_ARG(trib_str_sub(m->key, 0, 64)));
    }
    if (!trib_json_i64(trib_json_get(event, "opcode"), &opcode))
        return wrong_member(index, "opcode", "an integer", err);
    const trib_json *number = trib_json_get(event, "delta");
    if (!trib_json_absent(number) && !trib_json_f64(number, &delta))
        return wrong_member(index, "delta", "a number", err);
    ret->values[TRIB_STREAM_COL_OPCODE] = (trib_value){.type = TRIB_VALUE_INTEGER, .integer = opcode};
    ret->values[TRIB_STREAM_COL_DELTA] = (trib_value){.type = TRIB_VALUE_REAL, .real = delta};
    trib_code code = parse_text(event, index, "id", &ret->values[TRIB_STREAM_COL_ID], err);
    if (code == TRIB_OK) code = parse_text(event, index, "nodeId", &ret->values[TRIB_STREAM_COL_NODE], err);
    if (code == TRIB_OK) code = parse_text(event, index, "pointId", &ret->values[TRIB_STREAM_COL_POINT], err);
    if (code == TRIB_OK) code = parse_text(event, index, "ts", &ret->values[TRIB_STREAM_COL_TS], err);
    if (code == TRIB_OK)
        code = parse_payload(ask->http->arena, event, index, &ret->values[TRIB_STREAM_COL_PAYLOAD], err);
    return code;
}

static trib_code parse_expected(const trib_json *value, append *ret, trib_error *err) {
    static const char *const words[] = {
        [TRIB_STREAM_EXPECT_ANY] = "any", [TRIB_STREAM_EXPECT_NONE] = "none", [TRIB_STREAM_EXPECT_EXISTS] = "exists"};
    trib_str word;
    int64_t version;
    ret->ask.expected = TRIB_STREAM_EXPECT_ANY;
    if (trib_json_absent(value)) return TRIB_OK;
    if (trib_json_i64(value, &version) && version >= 0) {
        ret->ask.expected = TRIB_STREAM_EXPECT_VERSION;
        ret->ask.expected_version = (uint64_t)version;
        return TRIB_OK;
    }
    for (size_t i = 0; trib_json_str(value, &word) && i < sizeof words / sizeof *words; i++) {
        ret->ask.expected = (trib_stream_expected)i;
        if (trib_str_eq_c(word, words[i])) return TRIB_OK;
    }
    return trib_error_set(err, TRIB_BAD_REQUEST,
                          "\"expected\" must be the stream's version, \"none\", \"exists\" or \"any\"");
}

static trib_code parse_body(streams_ask *ask, append *ret, trib_error *err) {
    trib_http_request *http = ask->http;
    const trib_json *body;
    trib_code code = trib_json_parse(http->arena, http->body, &body, err);
    if (code != TRIB_OK) return code;
    const trib_json *list = trib_json_get(body, "events");
    ret->ask.count = trib_json_count(list);
    if (!trib_json_is(list, TRIB_JSON_ARRAY) || ret->ask.count == 0 || ret->ask.count > TRIB_STREAM_EVENTS_MAX)
        return trib_error_set(err, TRIB_BAD_REQUEST, "the body must be {\"events\": [...]} with 1 to %d events",
                              TRIB_STREAM_EVENTS_MAX);
    code = parse_expected(trib_json_get(body, "expected"), ret, err);
    if (code != TRIB_OK) return code;
    trib_stream_draft *events = trib_arena_zalloc(http->arena, ret->ask.count, sizeof *events);
    ret->ask.events = events;
    if (!events) return trib_error_set(err, TRIB_NOMEM, NULL);
    size_t i = 0;
    for (const trib_json *event = trib_json_first(list); code == TRIB_OK && event; event = trib_json_next(event), i++)
        code = parse_event(ask, event, i, &events[i], err);
    return code;
}

static trib_code parse_key(streams_ask *ask, append *ret, trib_error *err) {
    trib_http_request *http = ask->http;
    trib_str whole = trib_arena_printf(http->arena, "%zu:%.*s%.*s", ask->stream_id.len, TRIB_STR_ARG(ask->stream_id),
                                       TRIB_STR_ARG(http->body));
    return trib_stream_take_key(http, whole, &ret->key, ret->request, err);
}

/* ---- the transaction ---- */

static trib_code take_pos(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

static void write_answer(trib_buf *out, uint64_t first, uint64_t last, int64_t pos, bool duplicate) {
    trib_buf_printf(out, "{\"first\":%llu,\"last\":%llu,\"version\":%llu,\"pos\":%lld,\"duplicate\":%s}",
                    (unsigned long long)first, (unsigned long long)last, (unsigned long long)last, (long long)pos,
                    duplicate ? "true" : "false");
}

/* What comes again with the key is the same answer with `duplicate`. */
static trib_code finish(streams_ask *ask, const append *a, const trib_stream *s, trib_error *err) {
    int64_t pos = 0;
    trib_buf again;
    trib_arg id = trib_stream_text(s->id);
    uint64_t first = s->version - a->ask.count + 1;
    trib_code code = trib_stmt_run(ask->txn.handle, "SELECT max(pos) FROM _trib_ev WHERE streamId = ?1", &id, 1,
                                   take_pos, &pos, err);
    if (code != TRIB_OK) return code;
    write_answer(&ask->out, first, s->version, pos, false);
    ask->status = 201;
    if (a->key.len == 0) return TRIB_OK;
    trib_buf_init(&again, 1024);
    write_answer(&again, first, s->version, pos, true);
    code = again.failed ? trib_error_set(err, TRIB_NOMEM, NULL)
                        : trib_stream_remember(&ask->txn, s->id, a->key, a->request, trib_buf_str(&again), err);
    trib_buf_deinit(&again);
    return code;
}

/* A stream that has no events yet has no members: who opens it becomes one by the event. */
static trib_code load_for_append(streams_ask *ask, trib_stream *ret, trib_error *err) {
    trib_code code = trib_stream_load(&ask->txn, ask->stream_id, ret, err);
    if (code != TRIB_OK || (ret->count == 0 && !ret->is_archived)) return code;
    return trib_stream_admit(&ask->txn, ret, err);
}

static trib_code append_events(streams_ask *ask, trib_error *err) {
    const append *a = ask->own;
    trib_stream s;
    trib_str response;
    bool found = false;
    trib_code code = a->key.len ? trib_stream_recall(&ask->txn, a->key, a->request, &response, &found, err) : TRIB_OK;
    if (code == TRIB_OK && found) {
        ask->status = 200;
        trib_buf_add(&ask->out, response);
        return TRIB_OK;
    }
    if (code == TRIB_OK) code = load_for_append(ask, &s, err);
    if (code == TRIB_OK) code = trib_stream_append(&ask->txn, &s, &a->ask, err);
    if (code == TRIB_OK) code = finish(ask, a, &s, err);
    if (code == TRIB_OK) streams_ask_describe(ask, &s, s.version);
    return code;
}

void streams_handle_append(trib_http_request *http) {
    trib_error err;
    streams_ask *ask = streams_ask_new(http, &err);
    append *a = ask ? trib_arena_zalloc(http->arena, 1, sizeof *a) : NULL;
    if (!ask) return;
    trib_code code = a ? streams_check_write(ask, &err) : trib_error_set(&err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) code = parse_body(ask, a, &err);
    if (code == TRIB_OK) code = parse_key(ask, a, &err);
    if (code != TRIB_OK) {
        streams_ask_refuse(ask, &err);
        return;
    }
    ask->own = a;
    ask->txn.writes = true;
    ask->body = append_events;
    streams_ask_submit(ask);
}
