/* SPDX-License-Identifier: Apache-2.0 */
/* A stream as it is now: its events, folded by the rules of its type, and who its members are (stream.h).
 *
 * Events may come by plain SQL, which knows no types. So status and members are not kept by triggers but brought up to
 * date by whoever loads a stream next: `folded` says as of which version they are. A stream has few events (a food
 * order twelve), folding them takes microseconds. */
#include <string.h>

#include "core/control.h"
#include "core/stream.h"
#include "core/stream_timer.h"

trib_arg trib_stream_text(trib_str text) {
    trib_arg arg = {.value = {.type = text.ptr ? TRIB_VALUE_TEXT : TRIB_VALUE_NULL}};
    if (text.ptr) arg.value.bytes = text;
    return arg;
}

trib_arg trib_stream_integer(int64_t integer) {
    return (trib_arg){.value = {.type = TRIB_VALUE_INTEGER, .integer = integer}};
}

trib_code trib_stream_check_id(trib_str id, trib_error *err) {
    if (id.len > 0 && id.len <= TRIB_STREAM_ID_MAX_BYTES) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST, "a stream's id has 1 to %d bytes", TRIB_STREAM_ID_MAX_BYTES);
}

trib_code trib_stream_not_found(trib_str id, trib_error *err) {
    return trib_error_set(err, TRIB_STREAM_NOT_FOUND, "there is no stream \"%.*s\", or this tenant is no member of it",
                          TRIB_STR_ARG(trib_str_sub(id, 0, TRIB_STREAM_ID_MAX_BYTES)));
}

typedef struct found_ids {
    trib_arena *arena;
    trib_str *ids;
    size_t count, max;
} found_ids;

static trib_code take_id(void *ctx, const trib_stmt *stmt, trib_error *err) {
    found_ids *found = ctx;
    if (found->count == found->max) return TRIB_OK;
    trib_str *id = &found->ids[found->count++];
    *id = trib_arena_dup(found->arena, trib_stmt_col_value(stmt, 0).bytes);
    return id->ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

trib_code trib_stream_find_ids(trib_stream_txn *txn, const char *sql, const trib_arg *args, size_t arg_count,
                               size_t max, trib_str **ret, size_t *ret_count, trib_error *err) {
    found_ids found = {txn->arena, trib_arena_zalloc(txn->arena, max, sizeof *found.ids), 0, max};
    if (!found.ids) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = trib_stmt_run(txn->handle, sql, args, arg_count, take_id, &found, err);
    *ret = found.ids;
    *ret_count = found.count;
    return code;
}

/* ---- rows ---- */

static bool is_set(const trib_stmt *stmt, int col) {
    return trib_stmt_col_value(stmt, col).type != TRIB_VALUE_NULL;
}

static trib_code take_head(void *ctx, const trib_stmt *stmt, trib_error *err) {
    trib_stream *s = ctx;
    trib_str head = trib_stmt_col_value(stmt, 3).bytes, base = trib_stmt_col_value(stmt, 7).bytes;
    if (head.len != sizeof s->head || base.len != sizeof s->base_head)
        return trib_error_set(err, TRIB_CHAIN_BROKEN, "the stream's head is no link of a chain");
    s->exists = true;
    s->version = (uint64_t)trib_stmt_col_value(stmt, 0).integer;
    s->base_version = (uint64_t)trib_stmt_col_value(stmt, 1).integer;
    s->folded = (uint64_t)trib_stmt_col_value(stmt, 2).integer;
    memcpy(s->head, head.ptr, sizeof s->head);
    memcpy(s->base_head, base.ptr, sizeof s->base_head);
    s->count = (size_t)trib_stmt_col_value(stmt, 4).integer;
    s->is_closed = is_set(stmt, 5);
    s->is_deleted = is_set(stmt, 6);
    s->is_archived = s->count == 0 && !s->is_deleted;
    return TRIB_OK;
}

typedef struct event_rows {
    trib_arena *arena;
    trib_stream *to;
    size_t at;
} event_rows;

static trib_code take_event(void *ctx, const trib_stmt *stmt, trib_error *err) {
    event_rows *rows = ctx;
    if (rows->at == rows->to->count)
        return trib_error_set(err, TRIB_CHAIN_BROKEN, "the stream has more events than it says");
    trib_stream_event *event = &rows->to->events[rows->at++];
    for (int i = 0; i < TRIB_STREAM_COLUMNS; i++) {
        trib_value value = trib_stmt_col_value(stmt, i);
        if (value.type == TRIB_VALUE_TEXT || value.type == TRIB_VALUE_BLOB)
            value.bytes = trib_arena_dup(rows->arena, value.bytes);
        event->values[i] = value;
    }
    event->seq = (uint64_t)trib_stmt_col_value(stmt, TRIB_STREAM_COLUMNS).integer;
    event->at_ms = trib_stmt_col_value(stmt, TRIB_STREAM_COLUMNS + 1).integer;
    trib_str link = trib_stmt_col_value(stmt, TRIB_STREAM_COLUMNS + 2).bytes;
    if (link.len == sizeof event->link) memcpy(event->link, link.ptr, link.len);
    return rows->arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

/* ---- the state ---- */

static trib_str text_of(trib_value value) {
    return value.type == TRIB_VALUE_TEXT ? value.bytes : (trib_str){0};
}

void trib_stream_deal_event(trib_arena *arena, const trib_value values[TRIB_STREAM_COLUMNS], trib_deal_event *ret) {
    trib_value delta = values[5];
    *ret = (trib_deal_event){.opcode = values[2].type == TRIB_VALUE_INTEGER ? values[2].integer : -1,
                             .node_id = text_of(values[3]),
                             .point_id = text_of(values[4]),
                             .payload = text_of(values[6]),
                             .actor = {.is_trusted = true}};
    if (delta.type == TRIB_VALUE_REAL) {
        char digits[TRIB_F64_BYTES];
        size_t len = trib_f64_format(delta.real, digits);
        ret->delta = trib_arena_dup(arena, trib_str_make(digits, len));
    } else if (delta.type == TRIB_VALUE_INTEGER) {
        ret->delta = trib_arena_printf(arena, "%lld", (long long)delta.integer);
    }
}

/* A role that has another tenant than before, or the same one anew: the state's texts are not copied otherwise. */
static void note_roles(trib_stream *s, const trib_str before[TRIB_DEAL_ROLES_MAX], int64_t at_ms) {
    for (size_t i = 0; i < s->type->role_count; i++)
        if (s->state.role_tenants[i].ptr != before[i].ptr) s->role_ms[i] = at_ms;
}

/* From events[first] on; the state is that of the events before. */
static trib_code fold_from(trib_stream_txn *txn, trib_stream *s, size_t first, trib_error *err) {
    trib_str before[TRIB_DEAL_ROLES_MAX];
    trib_deal_event event;
    trib_code code = TRIB_OK;
    for (size_t i = first; code == TRIB_OK && i < s->count; i++) {
        int status = s->state.status;
        memcpy(before, s->state.role_tenants, sizeof before);
        trib_stream_deal_event(txn->arena, s->events[i].values, &event);
        code = trib_deal_replay(s->type, &s->state, &event, err);
        note_roles(s, before, s->events[i].at_ms);
        if (s->state.status == status) continue;
        s->status_seq = s->events[i].seq;
        s->status_at_ms = s->events[i].at_ms;
    }
    return code;
}

trib_code trib_stream_fold(trib_stream_txn *txn, trib_stream *s, trib_error *err) {
    trib_deal_event event;
    if (s->count == 0) return TRIB_OK;
    trib_stream_deal_event(txn->arena, s->events[0].values, &event);
    s->type = trib_deal_registry_opened_by(txn->app->stream_types, event.opcode, event.payload);
    if (!s->type) return TRIB_OK;
    trib_deal_state_init(&s->state, txn->arena);
    return fold_from(txn, s, 0, err);
}

static trib_code load_head(trib_stream_txn *txn, trib_str id, trib_stream *ret, trib_error *err) {
    trib_arg arg = trib_stream_text(id);
    *ret = (trib_stream){.id = id};
    return trib_stmt_run(txn->handle,
                         "SELECT version, base_version, folded, head, count, closed_ms, deleted_ms, base_head "
                         "FROM _trib_stream WHERE streamId = ?1",
                         &arg, 1, take_head, ret, err);
}

/* Those behind number `after`, from events[first] on. */
static trib_code load_events(trib_stream_txn *txn, trib_stream *ret, uint64_t after, size_t first, trib_error *err) {
    trib_arg args[] = {trib_stream_text(ret->id), trib_stream_integer((int64_t)after)};
    event_rows rows = {txn->arena, ret, first};
    ret->events = trib_arena_zalloc(txn->arena, ret->count, sizeof *ret->events);
    if (!ret->events)
        return trib_error_set(err, TRIB_RESPONSE_TOO_LARGE, "the stream is too large to be folded (%zu events)",
                              ret->count);
    trib_code code = trib_stmt_run(
        txn->handle,
        "SELECT e.id, e.streamId, e.opcode, e.nodeId, e.pointId, e.delta, e.payload, e.ts, v.seq, "
        "v.at_ms, v.link FROM _trib_ev v JOIN events e ON e.id = v.id WHERE v.streamId = ?1 AND v.seq > ?2 "
        "ORDER BY v.seq",
        args, 2, take_event, &rows, err);
    if (code == TRIB_OK && rows.at != ret->count)
        code = trib_error_set(err, TRIB_CHAIN_BROKEN, "the stream has fewer events than it says");
    return code;
}

static trib_code load_all(trib_stream_txn *txn, trib_stream *ret, trib_error *err) {
    trib_code code = load_events(txn, ret, 0, 0, err);
    return code == TRIB_OK ? trib_stream_fold(txn, ret, err) : code;
}

trib_code trib_stream_load_more(trib_stream_txn *txn, trib_stream *s, trib_error *err) {
    trib_stream before = *s, now;
    trib_code code = load_head(txn, before.id, &now, err);
    if (code != TRIB_OK || now.count < before.count || now.base_version != before.base_version || !before.type) {
        if (code == TRIB_OK) code = trib_stream_load(txn, before.id, s, err);
        return code;
    }
    s->version = now.version;
    s->folded = now.folded;
    s->count = now.count;
    s->is_closed = now.is_closed;
    memcpy(s->head, now.head, sizeof s->head);
    code = load_events(txn, s, before.version, before.count, err);
    if (code != TRIB_OK) return code;
    memcpy(s->events, before.events, before.count * sizeof *s->events);
    return fold_from(txn, s, before.count, err);
}

trib_code trib_stream_load(trib_stream_txn *txn, trib_str id, trib_stream *ret, trib_error *err) {
    trib_code code = load_head(txn, id, ret, err);
    return code == TRIB_OK && ret->count > 0 ? load_all(txn, ret, err) : code;
}

trib_code trib_stream_look(trib_stream_txn *txn, trib_str id, trib_stream *ret, bool *ret_whole, trib_error *err) {
    trib_code code = load_head(txn, id, ret, err);
    *ret_whole = code == TRIB_OK && ret->count > 0 && ret->folded < ret->version;
    return *ret_whole ? load_all(txn, ret, err) : code;
}

static const char *const columns[TRIB_STREAM_COLUMNS] = {"id",      "streamId", "opcode",  "nodeId",
                                                         "pointId", "delta",    "payload", "ts"};

/* As JSON.stringify writes the row that a client gets by SQL. */
void trib_stream_write_event(trib_json_writer *w, const trib_value values[TRIB_STREAM_COLUMNS]) {
    trib_jw_object_begin(w);
    for (size_t i = 0; i < TRIB_STREAM_COLUMNS; i++) {
        trib_jw_key_c(w, columns[i]);
        switch (values[i].type) {
        case TRIB_VALUE_NULL: trib_jw_null(w); break;
        case TRIB_VALUE_INTEGER: trib_jw_i64(w, values[i].integer); break;
        case TRIB_VALUE_REAL: trib_jw_f64_js(w, values[i].real); break;
        case TRIB_VALUE_TEXT: trib_jw_str(w, values[i].bytes); break;
        case TRIB_VALUE_BLOB: trib_jw_base64(w, values[i].bytes.ptr, values[i].bytes.len); break;
        }
    }
    trib_jw_object_end(w);
}

/* ---- members ---- */

/* The tenant that the name meant when the event came that gave it the role; another one that has it since is no
 * member, whatever comes later. */
static trib_code add_member(trib_stream_txn *txn, const trib_stream *s, size_t role, trib_error *err) {
    trib_tenant *tenant = trib_control_find(txn->app->control, s->state.role_tenants[role]);
    bool meant = tenant && !tenant->system && atomic_load(&tenant->named_ms) <= s->role_ms[role];
    trib_code code = TRIB_OK;
    if (meant) {
        trib_arg args[] = {trib_stream_text(trib_str_c(tenant->id)), trib_stream_text(s->id),
                           trib_stream_text(s->type->roles[role].name)};
        code = trib_stmt_run(txn->handle, "INSERT OR IGNORE INTO _trib_member VALUES (?1, ?2, ?3)", args, 3, NULL, NULL,
                             err);
    }
    trib_tenant_unref(tenant);
    return code;
}

static bool has_same_roles(const trib_stream *a, const trib_stream *b) {
    for (size_t i = 0; i < a->type->role_count; i++)
        if (!trib_str_eq(a->state.role_tenants[i], b->state.role_tenants[i])) return false;
    return true;
}

trib_code trib_stream_store_more(trib_stream_txn *txn, const trib_stream *s, const trib_stream *before,
                                 trib_error *err) {
    trib_str none = {0};
    trib_arg args[] = {trib_stream_text(s->id), trib_stream_integer((int64_t)s->version),
                       trib_stream_text(s->type ? s->type->name : none),
                       trib_stream_text(s->type ? trib_deal_status_name(s->type, s->state.status) : none)};
    bool known = before && before->type && before->type == s->type && before->folded == before->version;
    bool same_members = known && has_same_roles(s, before), same_timers = known && before->status_seq == s->status_seq;
    trib_code code =
        trib_stmt_run(txn->handle, "UPDATE _trib_stream SET folded = ?2, type = ?3, status = ?4 WHERE streamId = ?1",
                      args, 4, NULL, NULL, err);
    if (code == TRIB_OK && !same_members)
        code = trib_stmt_run(txn->handle, "DELETE FROM _trib_member WHERE streamId = ?1", args, 1, NULL, NULL, err);
    for (size_t i = 0; code == TRIB_OK && !same_members && s->type && i < s->type->role_count; i++)
        if (s->state.role_tenants[i].len) code = add_member(txn, s, i, err);
    return code == TRIB_OK && !same_timers ? trib_stream_timers_set(txn, s, err) : code;
}

trib_code trib_stream_store_fold(trib_stream_txn *txn, const trib_stream *s, trib_error *err) {
    return trib_stream_store_more(txn, s, NULL, err);
}

static trib_code note_row(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)stmt, (void)err;
    *(bool *)ctx = true;
    return TRIB_OK;
}

static trib_code find_member(trib_stream_txn *txn, trib_str id, trib_error *err) {
    bool is_member = false;
    trib_arg args[] = {trib_stream_text(txn->tenant_id), trib_stream_text(id)};
    trib_code code =
        trib_stmt_run(txn->handle, "SELECT 1 FROM _trib_member WHERE tenant = ?1 AND streamId = ?2 LIMIT 1", args, 2,
                      note_row, &is_member, err);
    return code == TRIB_OK && !is_member ? trib_stream_not_found(id, err) : code;
}

trib_code trib_stream_admit(trib_stream_txn *txn, const trib_stream *s, trib_error *err) {
    trib_code code = TRIB_OK;
    if (s->count > 0 && s->folded < s->version) {
        if (!txn->writes) {
            txn->writes = true;
            return TRIB_AGAIN;
        }
        code = trib_stream_store_fold(txn, s, err);
    }
    return code == TRIB_OK && txn->tenant_id.len ? find_member(txn, s->id, err) : code;
}

trib_code trib_stream_open(trib_stream_txn *txn, trib_str id, trib_stream *ret, trib_error *err) {
    trib_error unknown;
    trib_code code = trib_stream_load(txn, id, ret, err);
    if (code == TRIB_OK) return trib_stream_admit(txn, ret, err);
    /* what is wrong with a stream is for its members */
    if (code != TRIB_CHAIN_BROKEN || txn->tenant_id.len == 0) return code;
    trib_code member = find_member(txn, id, &unknown);
    if (member == TRIB_OK) return code;
    *err = unknown;
    return member;
}
