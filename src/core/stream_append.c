/* SPDX-License-Identifier: Apache-2.0 */
/* More events for a stream, and the memory of Idempotency-Keys (stream.h).
 *
 *   version as expected? -> each event allowed by the type, in order -> rows, with who wrote them -> folded anew:
 *   members, status */
#include <string.h>

#include "base/ids.h"
#include "base/time.h"
#include "core/stream.h"
#include "deal/continuation.h"

static trib_value text_value(trib_str text) {
    if (!text.ptr) return (trib_value){.type = TRIB_VALUE_NULL};
    return (trib_value){.type = TRIB_VALUE_TEXT, .bytes = text};
}

/* Who wrote an event, as its row says. */
static trib_str actor_of(const trib_stream_txn *txn, const trib_stream_draft *draft) {
    if (draft && draft->by_platform) return TRIB_STR("platform");
    return txn->tenant_id.len ? txn->tenant_id : TRIB_STR("streams");
}

static trib_code check_expected(const trib_stream_append_ask *a, const trib_stream *s, trib_error *err) {
    bool exists = s->count > 0, fits = true;
    if (a->expected == TRIB_STREAM_EXPECT_NONE) fits = !exists;
    if (a->expected == TRIB_STREAM_EXPECT_EXISTS) fits = exists;
    if (a->expected == TRIB_STREAM_EXPECT_VERSION) fits = a->expected_version == s->version;
    if (fits) return TRIB_OK;
    return trib_error_set(err, TRIB_VERSION_CONFLICT,
                          "the stream is at version %llu; read what came meanwhile and decide again",
                          (unsigned long long)s->version);
}

/* The asker's part in the stream. In its first event: the part that the event itself gives. */
static trib_code find_roles(trib_stream_txn *txn, const trib_stream *s, const trib_deal_event *event, uint32_t *ret,
                            trib_error *err) {
    trib_deal_state opened;
    const trib_deal_state *state = &s->state;
    *ret = 0;
    if (state->version == 0) {
        trib_deal_event trusted = *event;
        trusted.actor.is_trusted = true;
        trib_code code = trib_deal_state_copy(state, txn->arena, &opened, err);
        if (code == TRIB_OK) code = trib_deal_replay(s->type, &opened, &trusted, err);
        if (code != TRIB_OK) return code;
        state = &opened;
    }
    for (size_t i = 0; i < s->type->role_count; i++)
        if (trib_str_eq(state->role_tenants[i], txn->tenant_name)) *ret |= (uint32_t)1 << i;
    return TRIB_OK;
}

/* The first event says what kind of stream it is. */
static trib_code find_type(trib_stream_txn *txn, trib_stream *s, const trib_deal_event *event, trib_error *err) {
    s->type = trib_deal_registry_opened_by(txn->app->stream_types, event->opcode, event->payload);
    if (s->type) trib_deal_state_init(&s->state, txn->arena);
    else if (txn->tenant_id.len > 0 && event->opcode != TRIB_DEAL_CONTINUES)
        return trib_error_set(err, TRIB_BAD_EVENT,
                              "no stream type begins with opcode %lld; `trib stream types` shows those that there are",
                              (long long)event->opcode);
    return TRIB_OK;
}

static trib_code check_event(trib_stream_txn *txn, trib_stream *s, size_t index, const trib_stream_draft *draft,
                             trib_error *err) {
    trib_deal_event event;
    trib_deal_refusal refusal;
    trib_error why;
    bool by_member = txn->tenant_id.len > 0 && !draft->by_platform;
    trib_code code = TRIB_OK;
    trib_stream_deal_event(txn->arena, draft->values, &event);
    if (event.opcode == TRIB_DEAL_CONTINUES && !draft->by_platform)
        return trib_error_set(err, TRIB_BAD_EVENT, "events[%zu]: opcode %d is the server's own, for continuations",
                              index, TRIB_DEAL_CONTINUES);
    if (s->count == 0 && index == 0) code = find_type(txn, s, &event, err);
    if (code != TRIB_OK || !s->type) return code; /* without a type: a stream of the gateway's own, without rules */
    event.actor = (trib_deal_actor){.tenant = txn->tenant_name, .is_trusted = !by_member};
    if (by_member) code = find_roles(txn, s, &event, &event.actor.roles, err);
    if (code != TRIB_OK) return code;
    if (by_member && event.actor.roles == 0)
        return trib_error_set(err, TRIB_FORBIDDEN, "the event does not name tenant \"%.*s\" in any role of the stream",
                              TRIB_STR_ARG(txn->tenant_name));
    code = trib_deal_apply(s->type, &s->state, &event, &refusal, &why);
    return code == TRIB_OK ? code : trib_error_set(err, code, "events[%zu]: %s", index, why.message);
}

/* Of the events that bring none: the clock's, but never below what the stream has. */
static trib_code next_ts(trib_stream_txn *txn, trib_str last, trib_value *ret, trib_error *err) {
    char now[TRIB_TIME_ISO_BYTES];
    trib_time_to_iso(trib_env_wall_ms(txn->app->env), now);
    trib_str ts = trib_str_c(now);
    *ret = text_value(trib_arena_dup(txn->arena, trib_str_cmp(ts, last) < 0 ? last : ts));
    return ret->type == TRIB_VALUE_NULL ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

/* By time: rows of the same moment stand on the same pages of the index, so a commit of many writes few. */
static trib_code make_id(trib_stream_txn *txn, trib_value *ret, trib_error *err) {
    trib_id id;
    char hex[TRIB_ID_HEX_BYTES];
    trib_code code = trib_id_by_time(txn->app->env, &id, err);
    if (code != TRIB_OK) return code;
    trib_id_to_hex(id, hex);
    *ret = text_value(trib_arena_printf(txn->arena, "evt-%s", hex));
    return ret->type == TRIB_VALUE_NULL ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code insert(trib_stream_txn *txn, const trib_stream_draft *draft, trib_error *err) {
    trib_arg args[TRIB_STREAM_COLUMNS];
    for (int i = 0; i < TRIB_STREAM_COLUMNS; i++) args[i] = (trib_arg){.value = draft->values[i]};
    trib_code code = trib_stmt_run(txn->handle, "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", args,
                                   TRIB_STREAM_COLUMNS, NULL, NULL, err);
    if (code != TRIB_OK) return code;
    trib_arg actor[] = {args[TRIB_STREAM_COL_ID], trib_stream_text(actor_of(txn, draft))};
    return trib_stmt_run(txn->handle, "UPDATE _trib_ev SET actor = ?2 WHERE id = ?1", actor, 2, NULL, NULL, err);
}

static trib_code write_event(trib_stream_txn *txn, trib_stream *s, size_t index, trib_stream_draft *draft,
                             trib_str *last_ts, trib_error *err) {
    trib_value *ts = &draft->values[TRIB_STREAM_COL_TS], *id = &draft->values[TRIB_STREAM_COL_ID];
    trib_code code = TRIB_OK;
    draft->values[TRIB_STREAM_COL_STREAM] = text_value(s->id);
    if (id->type == TRIB_VALUE_NULL) code = make_id(txn, id, err);
    if (code == TRIB_OK && ts->type == TRIB_VALUE_NULL) code = next_ts(txn, *last_ts, ts, err);
    if (code == TRIB_OK && trib_str_cmp(ts->bytes, *last_ts) > 0) *last_ts = ts->bytes;
    if (code == TRIB_OK) code = check_event(txn, s, index, draft, err);
    return code == TRIB_OK ? insert(txn, draft, err) : code;
}

trib_code trib_stream_check_new_id(trib_str id, trib_error *err) {
    bool fits = id.len > 0 && id.len <= TRIB_STREAM_ID_MAX_BYTES && !trib_str_eq_c(id, ".") &&
                !trib_str_eq_c(id, "..") && !trib_str_eq_c(id, "live");
    for (size_t i = 0; i < id.len; i++) fits = fits && id.ptr[i] != '/' && (uint8_t)id.ptr[i] >= 32 && id.ptr[i] != 127;
    if (fits) return TRIB_OK;
    return trib_error_set(
        err, TRIB_BAD_REQUEST,
        "a stream has an id of 1 to %d bytes, without '/' and control characters, that is not \"live\", "
        "\".\" or \"..\"; take another one",
        TRIB_STREAM_ID_MAX_BYTES);
}

/* As it was stored. `before`: the stream without what was appended, with a state of its own. */
static trib_code store(trib_stream_txn *txn, trib_stream *s, const trib_stream *before, trib_error *err) {
    *s = *before;
    trib_code code = trib_stream_load_more(txn, s, err);
    if (code == TRIB_OK) code = trib_stream_store_more(txn, s, before, err);
    if (code == TRIB_OK) s->folded = s->version;
    return code;
}

trib_code trib_stream_append(trib_stream_txn *txn, trib_stream *s, const trib_stream_append_ask *ask, trib_error *err) {
    trib_str last_ts = {0};
    trib_stream before = *s;
    if (s->is_closed)
        return trib_error_set(err, TRIB_STREAM_CLOSED,
                              "the stream is closed; POST .../continue opens the one that takes what comes later");
    trib_code code = s->exists ? TRIB_OK : trib_stream_check_new_id(s->id, err);
    if (code == TRIB_OK) code = check_expected(ask, s, err);
    if (code == TRIB_OK && s->count > 0 && s->type)
        code = trib_deal_state_copy(&s->state, txn->arena, &before.state, err);
    for (size_t i = 0; i < s->count; i++) {
        trib_value ts = s->events[i].values[TRIB_STREAM_COL_TS];
        if (ts.type == TRIB_VALUE_TEXT && trib_str_cmp(ts.bytes, last_ts) > 0) last_ts = ts.bytes;
    }
    for (size_t i = 0; code == TRIB_OK && i < ask->count; i++) {
        trib_stream_draft draft = ask->events[i];
        code = write_event(txn, s, i, &draft, &last_ts, err);
    }
    return code == TRIB_OK ? store(txn, s, &before, err) : code;
}

/* ---- Idempotency-Keys ---- */

typedef struct key_rows {
    trib_stream_txn *txn;
    const uint8_t *request;
    trib_str response;
    bool found, same;
} key_rows;

static trib_code take_key(void *ctx, const trib_stmt *stmt, trib_error *err) {
    key_rows *rows = ctx;
    trib_str request = trib_stmt_col_value(stmt, 0).bytes;
    rows->found = true;
    rows->same = trib_str_eq(request, trib_str_make((const char *)rows->request, TRIB_SHA256_BYTES));
    rows->response = trib_arena_dup(rows->txn->arena, trib_stmt_col_value(stmt, 1).bytes);
    return rows->response.ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

trib_code trib_stream_take_key(const trib_http_request *http, trib_str whole, trib_str *ret_key,
                               uint8_t ret_request[TRIB_SHA256_BYTES], trib_error *err) {
    trib_str key = trib_http_header(http, "idempotency-key");
    if (key.len > TRIB_STREAM_KEY_MAX_BYTES)
        return trib_error_set(err, TRIB_BAD_REQUEST, "an Idempotency-Key has at most %d bytes",
                              TRIB_STREAM_KEY_MAX_BYTES);
    *ret_key = trib_arena_dup(http->arena, key);
    if (!ret_key->ptr || !whole.ptr) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = trib_crypto_sha256(whole, ret_request);
    return code == TRIB_OK ? code : trib_error_set(err, code, NULL);
}

trib_code trib_stream_recall(trib_stream_txn *txn, trib_str key, const uint8_t request[TRIB_SHA256_BYTES],
                             trib_str *ret_response, bool *ret_found, trib_error *err) {
    key_rows rows = {.txn = txn, .request = request};
    trib_arg args[] = {trib_stream_text(actor_of(txn, NULL)), trib_stream_text(key)};
    trib_code code =
        trib_stmt_run(txn->handle, "SELECT request, response FROM _trib_idem WHERE actor = ?1 AND key = ?2", args, 2,
                      take_key, &rows, err);
    *ret_found = rows.found;
    *ret_response = rows.response;
    if (code != TRIB_OK || !rows.found || rows.same) return code;
    return trib_error_set(err, TRIB_IDEMPOTENCY_MISMATCH,
                          "this Idempotency-Key came with another request before; take a new key for a new request");
}

trib_code trib_stream_remember(trib_stream_txn *txn, trib_str stream_id, trib_str key,
                               const uint8_t request[TRIB_SHA256_BYTES], trib_str response, trib_error *err) {
    trib_arg args[] = {
        trib_stream_text(actor_of(txn, NULL)),
        trib_stream_text(key),
        trib_stream_text(stream_id),
        {.value = {.type = TRIB_VALUE_BLOB, .bytes = trib_str_make((const char *)request, TRIB_SHA256_BYTES)}},
        trib_stream_text(response)};
    return trib_stmt_run(txn->handle, "INSERT INTO _trib_idem VALUES (?1, ?2, ?3, ?4, ?5)", args, 5, NULL, NULL, err);
}
