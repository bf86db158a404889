/* SPDX-License-Identifier: Apache-2.0 */
/* POST /api/streams/:id/events: some events, all or nothing.
 *
 *   body -> append (on the loop) -> transaction: same key before? -> version as expected? -> each event allowed by the
 *   type, in order -> rows; actor, members, status, the answer by its key -> commit -> 201
 *
 * An event that came by the same Idempotency-Key before is answered with the first answer: nothing is written twice. */
#include <stdio.h>
#include <string.h>

#include "base/ids.h"
#include "base/time.h"
#include "features/streams/streams_int.h"

typedef enum expected_kind { EXPECT_ANY, EXPECT_NONE, EXPECT_EXISTS, EXPECT_VERSION } expected_kind;

typedef struct append {
    expected_kind expected;
    uint64_t expected_version;
    trib_value (*events)[STREAMS_COLUMNS]; /* ts NULL: the server's */
    size_t count;
    trib_str key; /* empty: none */
    uint8_t request[TRIB_SHA256_BYTES];
    bool found; /* the key was there */
    trib_str response;
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
    if (text.len > STREAMS_ID_MAX_BYTES)
        return trib_error_set(err, TRIB_BAD_REQUEST, "events[%zu].%s has more than %d bytes", index, member,
                              STREAMS_ID_MAX_BYTES);
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

static trib_code parse_event(streams_ask *ask, const trib_json *event, size_t index, trib_value ret[STREAMS_COLUMNS],
                             trib_error *err) {
    static const char *const members[] = {"id", "opcode", "nodeId", "pointId", "delta", "payload", "ts", NULL};
    trib_arena *arena = ask->http->arena;
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
    ret[1] = text_value(ask->stream_id);
    ret[2] = (trib_value){.type = TRIB_VALUE_INTEGER, .integer = opcode};
    ret[5] = (trib_value){.type = TRIB_VALUE_REAL, .real = delta};
    trib_code code = parse_text(event, index, "id", &ret[0], err);
    if (code == TRIB_OK) code = parse_text(event, index, "nodeId", &ret[3], err);
    if (code == TRIB_OK) code = parse_text(event, index, "pointId", &ret[4], err);
    if (code == TRIB_OK) code = parse_text(event, index, "ts", &ret[7], err);
    if (code == TRIB_OK) code = parse_payload(arena, event, index, &ret[6], err);
    if (code != TRIB_OK || ret[0].type == TRIB_VALUE_TEXT) return code;
    trib_id id;
    char hex[TRIB_ID_HEX_BYTES];
    code = trib_id_random(ask->http->app->env, &id, err);
    if (code != TRIB_OK) return code;
    trib_id_to_hex(id, hex);
    ret[0] = text_value(trib_arena_printf(arena, "evt-%s", hex));
    return TRIB_OK;
}

static trib_code parse_expected(const trib_json *value, append *ret, trib_error *err) {
    static const char *const words[] = {[EXPECT_ANY] = "any", [EXPECT_NONE] = "none", [EXPECT_EXISTS] = "exists"};
    trib_str word;
    int64_t version;
    ret->expected = EXPECT_ANY;
    if (trib_json_absent(value)) return TRIB_OK;
    if (trib_json_i64(value, &version) && version >= 0) {
        ret->expected = EXPECT_VERSION;
        ret->expected_version = (uint64_t)version;
        return TRIB_OK;
    }
    for (size_t i = 0; trib_json_str(value, &word) && i < sizeof words / sizeof *words; i++) {
        ret->expected = (expected_kind)i;
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
    ret->count = trib_json_count(list);
    if (!trib_json_is(list, TRIB_JSON_ARRAY) || ret->count == 0 || ret->count > STREAMS_EVENTS_MAX)
        return trib_error_set(err, TRIB_BAD_REQUEST, "the body must be {\"events\": [...]} with 1 to %d events",
                              STREAMS_EVENTS_MAX);
    code = parse_expected(trib_json_get(body, "expected"), ret, err);
    if (code != TRIB_OK) return code;
    ret->events = trib_arena_zalloc(http->arena, ret->count, sizeof *ret->events);
    if (!ret->events) return trib_error_set(err, TRIB_NOMEM, NULL);
    size_t i = 0;
    for (const trib_json *event = trib_json_first(list); code == TRIB_OK && event; event = trib_json_next(event), i++)
        code = parse_event(ask, event, i, ret->events[i], err);
    return code;
}

static trib_code parse_key(streams_ask *ask, append *ret, trib_error *err) {
    trib_http_request *http = ask->http;
    trib_str key = trib_http_header(http, "idempotency-key");
    if (key.len > STREAMS_KEY_MAX_BYTES)
        return trib_error_set(err, TRIB_BAD_REQUEST, "an Idempotency-Key has at most %d bytes", STREAMS_KEY_MAX_BYTES);
    ret->key = trib_arena_dup(http->arena, key);
    trib_str whole = trib_arena_printf(http->arena, "%zu:%.*s%.*s", ask->stream_id.len, TRIB_STR_ARG(ask->stream_id),
                                       TRIB_STR_ARG(http->body));
    if (!ret->key.ptr || !whole.ptr) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = trib_crypto_sha256(whole, ret->request);
    return code == TRIB_OK ? code : trib_error_set(err, code, NULL);
}

/* ---- the transaction ---- */

static trib_str actor_of(const streams_ask *ask) {
    return ask->tenant_id.len ? ask->tenant_id : TRIB_STR("streams");
}

typedef struct key_rows {
    streams_ask *ask;
    append *a;
    bool same;
} key_rows;

static trib_code take_key(void *ctx, const trib_stmt *stmt, trib_error *err) {
    key_rows *rows = ctx;
    (void)err;
    trib_str request = trib_stmt_col_value(stmt, 0).bytes;
    rows->a->found = true;
    rows->same = trib_str_eq(request, trib_str_make((const char *)rows->a->request, sizeof rows->a->request));
    rows->a->response = trib_arena_dup(&rows->ask->arena, trib_stmt_col_value(stmt, 1).bytes);
    return TRIB_OK;
}

static trib_code look_up_key(streams_ask *ask, trib_handle *handle, append *a, trib_error *err) {
    key_rows rows = {ask, a, false};
    a->found = false;
    if (a->key.len == 0) return TRIB_OK;
    trib_arg args[] = {streams_text(actor_of(ask)), streams_text(a->key)};
    trib_code code = trib_stmt_run(handle, "SELECT request, response FROM _trib_idem WHERE actor = ?1 AND key = ?2",
                                   args, 2, take_key, &rows, err);
    if (code == TRIB_OK && a->found && !rows.same)
        return trib_error_set(
            err, TRIB_IDEMPOTENCY_MISMATCH,
            "this Idempotency-Key came with another request before; take a new key for a new request");
    return code;
}

static trib_code check_expected(const append *a, const streams_loaded *s, trib_error *err) {
    bool exists = s->count > 0, fits = true;
    if (a->expected == EXPECT_NONE) fits = !exists;
    if (a->expected == EXPECT_EXISTS) fits = exists;
    if (a->expected == EXPECT_VERSION) fits = a->expected_version == s->version;
    if (fits) return TRIB_OK;
    return trib_error_set(err, TRIB_VERSION_CONFLICT,
                          "the stream is at version %llu; read what came meanwhile and decide again",
                          (unsigned long long)s->version);
}

/* The asker's part in the stream. In its first event: the part that the event itself gives. */
static trib_code find_roles(streams_ask *ask, const streams_loaded *s, const trib_deal_event *event, uint32_t *ret,
                            trib_error *err) {
    trib_deal_state opened;
    const trib_deal_state *state = &s->state;
    *ret = 0;
    if (state->version == 0) {
        trib_deal_event trusted = *event;
        trusted.actor.is_trusted = true;
        trib_code code = trib_deal_state_copy(state, &ask->arena, &opened, err);
        if (code == TRIB_OK) code = trib_deal_replay(s->type, &opened, &trusted, err);
        if (code != TRIB_OK) return code;
        state = &opened;
    }
    for (size_t i = 0; i < s->type->role_count; i++)
        if (trib_str_eq(state->role_tenants[i], ask->tenant_name)) *ret |= (uint32_t)1 << i;
    return TRIB_OK;
}

static trib_code check_event(streams_ask *ask, streams_loaded *s, size_t index, const trib_value *values,
                             trib_error *err) {
    trib_deal_event event;
    trib_deal_refusal refusal;
    trib_error why;
    bool is_member = ask->tenant_id.len > 0;
    streams_deal_event(ask, values, &event);
    if (s->count == 0 && index == 0) {
        s->type = trib_deal_registry_opened_by(ask->module->registry, event.opcode, event.payload);
        if (s->type) trib_deal_state_init(&s->state, &ask->arena);
        else if (is_member)
            return trib_error_set(
                err, TRIB_BAD_EVENT,
                "no stream type begins with opcode %lld; `trib stream types` shows those that there are",
                (long long)event.opcode);
    }
    if (!s->type) return TRIB_OK; /* a stream of the gateway's own, without rules */
    event.actor = (trib_deal_actor){.tenant = ask->tenant_name, .is_trusted = !is_member};
    trib_code code = is_member ? find_roles(ask, s, &event, &event.actor.roles, err) : TRIB_OK;
    if (code == TRIB_OK && is_member && event.actor.roles == 0)
        return trib_error_set(err, TRIB_FORBIDDEN, "the event does not name tenant \"%.*s\" in any role of the stream",
                              TRIB_STR_ARG(ask->tenant_name));
    if (code == TRIB_OK) code = trib_deal_apply(s->type, &s->state, &event, &refusal, &why);
    else return code;
    if (code == TRIB_OK) return code;
    return trib_error_set(err, code, "events[%zu]: %s", index, why.message);
}

/* Of the events that bring none: the clock's, but never below what the stream has. */
static trib_code next_ts(streams_ask *ask, trib_str last, trib_value *ret, trib_error *err) {
    char now[TRIB_TIME_ISO_BYTES];
    trib_time_to_iso(trib_env_wall_ms(ask->http->app->env), now);
    trib_str ts = trib_str_c(now);
    *ret = text_value(trib_arena_dup(&ask->arena, trib_str_cmp(ts, last) < 0 ? last : ts));
    return ret->type == TRIB_VALUE_NULL ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code insert(streams_ask *ask, trib_handle *handle, const trib_value *values, trib_error *err) {
    trib_arg args[STREAMS_COLUMNS];
    for (int i = 0; i < STREAMS_COLUMNS; i++) args[i] = (trib_arg){.value = values[i]};
    trib_code code = trib_stmt_run(handle, "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", args,
                                   STREAMS_COLUMNS, NULL, NULL, err);
    if (code != TRIB_OK) return code;
    trib_arg actor[] = {args[0], streams_text(actor_of(ask))};
    return trib_stmt_run(handle, "UPDATE _trib_ev SET actor = ?2 WHERE id = ?1", actor, 2, NULL, NULL, err);
}

static trib_code write_events(streams_ask *ask, trib_handle *handle, const append *a, streams_loaded *s,
                              trib_error *err) {
    trib_str last = {0};
    trib_code code = TRIB_OK;
    for (size_t i = 0; i < s->count; i++) {
        trib_value ts = s->events[i].values[7];
        if (ts.type == TRIB_VALUE_TEXT && trib_str_cmp(ts.bytes, last) > 0) last = ts.bytes;
    }
    for (size_t i = 0; code == TRIB_OK && i < a->count; i++) {
        trib_value values[STREAMS_COLUMNS];
        memcpy(values, a->events[i], sizeof values);
        if (values[7].type == TRIB_VALUE_NULL) code = next_ts(ask, last, &values[7], err);
        if (code == TRIB_OK && trib_str_cmp(values[7].bytes, last) > 0) last = values[7].bytes;
        if (code == TRIB_OK) code = check_event(ask, s, i, values, err);
        if (code == TRIB_OK) code = insert(ask, handle, values, err);
    }
    return code;
}

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
static trib_code finish(streams_ask *ask, trib_handle *handle, const append *a, uint64_t before, trib_error *err) {
    int64_t pos = 0;
    trib_buf again;
    trib_arg id = streams_text(ask->stream_id);
    trib_code code =
        trib_stmt_run(handle, "SELECT max(pos) FROM _trib_ev WHERE streamId = ?1", &id, 1, take_pos, &pos, err);
    if (code != TRIB_OK) return code;
    write_answer(&ask->out, before + 1, before + a->count, pos, false);
    ask->status = 201;
    if (a->key.len == 0) return TRIB_OK;
    trib_buf_init(&again, 1024);
    write_answer(&again, before + 1, before + a->count, pos, true);
    trib_arg args[] = {
        streams_text(actor_of(ask)),
        streams_text(a->key),
        id,
        {.value = {.type = TRIB_VALUE_BLOB, .bytes = trib_str_make((const char *)a->request, sizeof a->request)}},
        streams_text(trib_buf_str(&again))};
    code = again.failed
               ? trib_error_set(err, TRIB_NOMEM, NULL)
               : trib_stmt_run(handle, "INSERT INTO _trib_idem VALUES (?1, ?2, ?3, ?4, ?5)", args, 5, NULL, NULL, err);
    trib_buf_deinit(&again);
    return code;
}

/* A stream that has no events yet has no members: who opens it becomes one by the event. */
static trib_code load_for_append(streams_ask *ask, trib_handle *handle, streams_loaded *ret, trib_error *err) {
    trib_code code = streams_load_any(ask, handle, ask->stream_id, ret, err);
    if (code != TRIB_OK || ret->count == 0) return code;
    return streams_admit(ask, handle, ret, err);
}

static trib_code append_events(streams_ask *ask, trib_handle *handle, trib_error *err) {
    append *a = ask->own;
    streams_loaded s;
    trib_code code = look_up_key(ask, handle, a, err);
    if (code == TRIB_OK && a->found) {
        ask->status = 200;
        trib_buf_add(&ask->out, a->response);
        return TRIB_OK;
    }
    if (code == TRIB_OK) code = load_for_append(ask, handle, &s, err);
    if (code != TRIB_OK) return code;
    if (s.is_closed)
        return trib_error_set(err, TRIB_STREAM_CLOSED, "the stream is closed; begin another one that refers to it");
    uint64_t before = s.version;
    code = check_expected(a, &s, err);
    if (code == TRIB_OK) code = write_events(ask, handle, a, &s, err);
    if (code == TRIB_OK) code = streams_load_any(ask, handle, ask->stream_id, &s, err); /* as it was stored */
    if (code == TRIB_OK) code = streams_store_fold(ask, handle, ask->stream_id, &s, err);
    if (code == TRIB_OK) code = finish(ask, handle, a, before, err);
    if (code == TRIB_OK) streams_ask_describe(ask, &s);
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
    ask->writes = true;
    ask->body = append_events;
    streams_ask_submit(ask);
}
