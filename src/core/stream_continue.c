/* SPDX-License-Identifier: Apache-2.0 */
/* Continuations of streams (stream_continue.h). The table:
 *
 *   root     the stream that all began with       no   1 for the first continuation, without a gap
 *   streamId <root>~2 for no 1, as a rule; the next number that no stream has
 *
 * One that was deleted by SQL counts no more: the next one takes its place. */
#include "core/stream_continue.h"

#include <stdio.h>
#include <string.h>

#include "core/control.h"
#include "core/db_start.h"

static const char *const table = "CREATE TABLE IF NOT EXISTS _trib_continue(root TEXT NOT NULL, no INTEGER NOT NULL, "
                                 "streamId TEXT NOT NULL UNIQUE, PRIMARY KEY(root, no)) WITHOUT ROWID";

static trib_code make_table(void *ctx, trib_handle *handle, trib_error *err) {
    (void)ctx;
    return trib_db_start_run(handle, table, NULL, 0, NULL, NULL, err);
}

trib_code trib_stream_continue_prepare(trib_app *app, const trib_tenant *streams, trib_error *err) {
    return trib_db_start(app, streams, make_table, NULL, err);
}

/* ---- where a stream stands ---- */

typedef struct place {
    trib_arena *arena;
    trib_str root;
    int64_t no;
} place;

static trib_code take_place(void *ctx, const trib_stmt *stmt, trib_error *err) {
    place *to = ctx;
    to->root = trib_arena_dup(to->arena, trib_stmt_col_value(stmt, 0).bytes);
    to->no = trib_stmt_col_value(stmt, 1).integer;
    return to->root.ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

/* A stream that continues none is the root, at number 0. */
static trib_code find_place(trib_stream_txn *txn, trib_str id, place *ret, trib_error *err) {
    trib_arg arg = trib_stream_text(id);
    *ret = (place){.arena = txn->arena, .root = id};
    return trib_stmt_run(txn->handle, "SELECT root, no FROM _trib_continue WHERE streamId = ?1", &arg, 1, take_place,
                         ret, err);
}

typedef struct found_text {
    trib_arena *arena;
    trib_str text;
} found_text;

static trib_code take_text(void *ctx, const trib_stmt *stmt, trib_error *err) {
    found_text *to = ctx;
    to->text = trib_arena_dup(to->arena, trib_stmt_col_value(stmt, 0).bytes);
    return to->text.ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

/* Empty: there is none. */
static trib_code find_at(trib_stream_txn *txn, const place *at, int64_t no, trib_str *ret, trib_error *err) {
    trib_arg args[] = {trib_stream_text(at->root), trib_stream_integer(no)};
    found_text found = {.arena = txn->arena};
    trib_code code = TRIB_OK;
    if (no == 0) found.text = at->root;
    else
        code = trib_stmt_run(txn->handle, "SELECT streamId FROM _trib_continue WHERE root = ?1 AND no = ?2", args, 2,
                             take_text, &found, err);
    *ret = found.text;
    return code;
}

trib_code trib_stream_find_last(trib_stream_txn *txn, trib_str id, trib_str *ret, trib_error *err) {
    place at;
    found_text found = {.arena = txn->arena};
    trib_code code = find_place(txn, id, &at, err);
    trib_arg root = trib_stream_text(at.root);
    if (code == TRIB_OK)
        code = trib_stmt_run(txn->handle,
                             "SELECT c.streamId FROM _trib_continue c JOIN _trib_stream s ON s.streamId = c.streamId "
                             "WHERE c.root = ?1 AND (s.count > 0 OR s.deleted_ms IS NULL) ORDER BY c.no DESC LIMIT 1",
                             &root, 1, take_text, &found, err);
    *ret = found.text.len ? found.text : at.root;
    return code;
}

static trib_code take_origin(void *ctx, const trib_stmt *stmt, trib_error *err) {
    trib_deal_origin *to = ctx;
    trib_str head = trib_stmt_col_value(stmt, 1).bytes;
    if (head.len != sizeof to->head) return trib_error_set(err, TRIB_CHAIN_BROKEN, "a head is no link of a chain");
    to->version = (uint64_t)trib_stmt_col_value(stmt, 0).integer;
    memcpy(to->head, head.ptr, sizeof to->head);
    return TRIB_OK;
}

trib_code trib_stream_find_next(trib_stream_txn *txn, trib_str id, trib_str *ret, trib_error *err) {
    place at;
    *ret = (trib_str){0};
    trib_code code = find_place(txn, id, &at, err);
    return code == TRIB_OK ? find_at(txn, &at, at.no + 1, ret, err) : code;
}

trib_code trib_stream_find_links(trib_stream_txn *txn, trib_str id, trib_stream_links *ret, trib_error *err) {
    place at;
    *ret = (trib_stream_links){0};
    trib_code code = find_place(txn, id, &at, err);
    if (code == TRIB_OK) code = find_at(txn, &at, at.no + 1, &ret->continued_by, err);
    if (code != TRIB_OK || at.no == 0) return code;
    code = find_at(txn, &at, at.no - 1, &ret->origin.stream_id, err);
    trib_arg origin = trib_stream_text(ret->origin.stream_id);
    if (code == TRIB_OK)
        code = trib_stmt_run(txn->handle, "SELECT version, head FROM _trib_stream WHERE streamId = ?1", &origin, 1,
                             take_origin, &ret->origin, err);
    return code;
}

trib_code trib_stream_check_origin(trib_arena *arena, const trib_stream *s, const trib_stream_links *links,
                                   trib_error *err) {
    const trib_deal_origin *now = &links->origin;
    trib_deal_origin said = {0};
    trib_deal_event first = {0};
    if (s->count > 0) trib_stream_deal_event(arena, s->events[0].values, &first);
    bool continues = trib_deal_continuation_read(arena, first.opcode, first.payload, &said);
    if (arena->failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    if (!now->stream_id.len) return TRIB_OK; /* what a gateway's event says of itself binds nobody */
    if (!continues || !trib_str_eq(said.stream_id, now->stream_id))
        return trib_error_set(err, TRIB_CHAIN_BROKEN, "it continues %.*s, and its first event does not say so",
                              TRIB_STR_ARG(now->stream_id));
    if (said.version == now->version && memcmp(said.head, now->head, sizeof now->head) == 0) return TRIB_OK;
    return trib_error_set(
        err, TRIB_CHAIN_BROKEN, "it continues %.*s at event %llu, and that stream ends at event %llu with another head",
        TRIB_STR_ARG(now->stream_id), (unsigned long long)said.version, (unsigned long long)now->version);
}

/* ---- opening one ---- */

static trib_code note_row(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)stmt, (void)err;
    *(bool *)ctx = true;
    return TRIB_OK;
}

static trib_code make_id(trib_stream_txn *txn, const place *at, trib_str *ret, trib_error *err) {
    trib_code code = TRIB_OK;
    for (int i = 0; code == TRIB_OK && i < TRIB_STREAM_CONTINUE_TRIES; i++) {
        bool taken = false;
        trib_str id = trib_arena_printf(txn->arena, "%.*s~%lld", TRIB_STR_ARG(at->root), (long long)at->no + 2 + i);
        trib_arg arg = trib_stream_text(id);
        if (!id.ptr) return trib_error_set(err, TRIB_NOMEM, NULL);
        if (id.len > TRIB_STREAM_ID_MAX_BYTES) break;
        code = trib_stmt_run(txn->handle, "SELECT 1 FROM _trib_stream WHERE streamId = ?1", &arg, 1, note_row, &taken,
                             err);
        *ret = id;
        if (!taken) return code;
    }
    if (code != TRIB_OK) return code;
    return trib_error_set(err, TRIB_BAD_REQUEST,
                          "there is no id for a continuation of \"%.*s\": an id has at most %d bytes, with a number "
                          "behind it; begin another stream that names this one",
                          TRIB_STR_ARG(at->root), TRIB_STREAM_ID_MAX_BYTES);
}

typedef struct named_members {
    trib_stream_txn *txn;
    const trib_deal_type *type;
    trib_deal_state *state;
} named_members;

/* Who was a member is one by its id: a tenant that has got the name since is none. */
static trib_code take_member(void *ctx, const trib_stmt *stmt, trib_error *err) {
    named_members *to = ctx;
    int role = trib_deal_role_find(to->type, trib_stmt_col_value(stmt, 1).bytes);
    trib_tenant *tenant = trib_control_find_id(to->txn->app->control, trib_stmt_col_value(stmt, 0).bytes);
    if (tenant && role >= 0) to->state->role_tenants[role] = trib_arena_dup(to->txn->arena, trib_str_c(tenant->name));
    trib_tenant_unref(tenant);
    return to->txn->arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code make_payload(trib_stream_txn *txn, const trib_stream *s, trib_str *ret, trib_error *err) {
    trib_deal_origin origin = {.stream_id = s->id, .version = s->version};
    trib_deal_state state = s->state;
    const trib_deal_type *type = s->type && s->state.status >= 0 ? s->type : NULL;
    named_members to = {.txn = txn, .type = type, .state = &state};
    trib_arg id = trib_stream_text(s->id);
    trib_buf text;
    trib_code code = TRIB_OK;
    memcpy(origin.head, s->head, sizeof origin.head);
    memset(state.role_tenants, 0, sizeof state.role_tenants);
    if (type)
        code = trib_stmt_run(txn->handle, "SELECT tenant, role FROM _trib_member WHERE streamId = ?1", &id, 1,
                             take_member, &to, err);
    if (code != TRIB_OK) return code;
    trib_buf_init(&text, TRIB_DEAL_CONTINUATION_MAX_BYTES);
    trib_deal_continuation_write(type, &state, &origin, &text);
    *ret = trib_arena_dup(txn->arena, trib_buf_str(&text));
    bool failed = text.failed || !ret->ptr;
    trib_buf_deinit(&text);
    return failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

trib_code trib_stream_continue(trib_stream_txn *txn, const trib_stream *s, trib_stream *ret, trib_error *err) {
    place at;
    trib_str id, payload;
    trib_code code = find_place(txn, s->id, &at, err);
    if (code == TRIB_OK) code = make_id(txn, &at, &id, err);
    if (code == TRIB_OK) code = make_payload(txn, s, &payload, err);
    if (code == TRIB_OK) code = trib_stream_load(txn, id, ret, err);
    if (code != TRIB_OK) return code;
    trib_stream_draft draft = {.by_platform = true};
    draft.values[TRIB_STREAM_COL_OPCODE] = (trib_value){.type = TRIB_VALUE_INTEGER, .integer = TRIB_DEAL_CONTINUES};
    draft.values[TRIB_STREAM_COL_NODE] = (trib_value){.type = TRIB_VALUE_TEXT, .bytes = s->id};
    draft.values[TRIB_STREAM_COL_DELTA] = (trib_value){.type = TRIB_VALUE_REAL};
    draft.values[TRIB_STREAM_COL_PAYLOAD] = (trib_value){.type = TRIB_VALUE_TEXT, .bytes = payload};
    const trib_stream_append_ask ask = {.expected = TRIB_STREAM_EXPECT_NONE, .events = &draft, .count = 1};
    trib_arg args[] = {trib_stream_text(at.root), trib_stream_integer(at.no + 1), trib_stream_text(id)};
    code = trib_stream_append(txn, ret, &ask, err);
    if (code != TRIB_OK) return code;
    return trib_stmt_run(txn->handle, "INSERT OR REPLACE INTO _trib_continue VALUES (?1, ?2, ?3)", args, 3, NULL, NULL,
                         err);
}
