/* SPDX-License-Identifier: Apache-2.0 */
/* A stream as it is now: its events, folded by the rules of its type, and who its members are.
 *
 * Events may come by plain SQL, which knows no types. So status and members are not kept by triggers but brought up to
 * date by whoever loads a stream next: `folded` says as of which version they are. A stream has few events (a food
 * order twelve), folding them takes microseconds. */
#include <string.h>

#include "core/control.h"
#include "features/streams/streams_int.h"

trib_arg streams_text(trib_str text) {
    trib_arg arg = {.value = {.type = text.ptr ? TRIB_VALUE_TEXT : TRIB_VALUE_NULL}};
    if (text.ptr) arg.value.bytes = text;
    return arg;
}

trib_arg streams_integer(int64_t integer) {
    return (trib_arg){.value = {.type = TRIB_VALUE_INTEGER, .integer = integer}};
}

trib_code streams_not_found(trib_str id, trib_error *err) {
    return trib_error_set(err, TRIB_STREAM_NOT_FOUND, "there is no stream \"%.*s\", or this tenant is no member of it",
                          TRIB_STR_ARG(trib_str_sub(id, 0, STREAMS_ID_MAX_BYTES)));
}

/* ---- rows ---- */

static bool is_set(const trib_stmt *stmt, int col) {
    return trib_stmt_col_value(stmt, col).type != TRIB_VALUE_NULL;
}

static trib_code take_head(void *ctx, const trib_stmt *stmt, trib_error *err) {
    streams_loaded *s = ctx;
    trib_str head = trib_stmt_col_value(stmt, 3).bytes, base = trib_stmt_col_value(stmt, 7).bytes;
    if (head.len != sizeof s->head || base.len != sizeof s->base_head)
        return trib_error_set(err, TRIB_INTERNAL, "a stream's head is no link of a chain");
    s->exists = true;
    s->version = (uint64_t)trib_stmt_col_value(stmt, 0).integer;
    s->base_version = (uint64_t)trib_stmt_col_value(stmt, 1).integer;
    s->folded = (uint64_t)trib_stmt_col_value(stmt, 2).integer;
    memcpy(s->head, head.ptr, sizeof s->head);
    memcpy(s->base_head, base.ptr, sizeof s->base_head);
    s->count = (size_t)trib_stmt_col_value(stmt, 4).integer;
    s->is_closed = is_set(stmt, 5);
    s->is_deleted = is_set(stmt, 6);
    return TRIB_OK;
}

typedef struct event_rows {
    trib_arena *arena;
    streams_loaded *to;
    size_t at;
} event_rows;

static trib_code take_event(void *ctx, const trib_stmt *stmt, trib_error *err) {
    event_rows *rows = ctx;
    if (rows->at == rows->to->count) return trib_error_set(err, TRIB_INTERNAL, "a stream has more events than it says");
    streams_event *event = &rows->to->events[rows->at++];
    for (int i = 0; i < STREAMS_COLUMNS; i++) {
        trib_value value = trib_stmt_col_value(stmt, i);
        if (value.type == TRIB_VALUE_TEXT || value.type == TRIB_VALUE_BLOB)
            value.bytes = trib_arena_dup(rows->arena, value.bytes);
        event->values[i] = value;
    }
    event->seq = (uint64_t)trib_stmt_col_value(stmt, STREAMS_COLUMNS).integer;
    event->at_ms = trib_stmt_col_value(stmt, STREAMS_COLUMNS + 1).integer;
    trib_str link = trib_stmt_col_value(stmt, STREAMS_COLUMNS + 2).bytes;
    if (link.len == sizeof event->link) memcpy(event->link, link.ptr, link.len);
    return rows->arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

/* ---- the state ---- */

static trib_str text_of(trib_value value) {
    return value.type == TRIB_VALUE_TEXT ? value.bytes : (trib_str){0};
}

void streams_deal_event(streams_ask *ask, const trib_value values[STREAMS_COLUMNS], trib_deal_event *ret) {
    trib_value delta = values[5];
    *ret = (trib_deal_event){.opcode = values[2].type == TRIB_VALUE_INTEGER ? values[2].integer : -1,
                             .node_id = text_of(values[3]),
                             .point_id = text_of(values[4]),
                             .payload = text_of(values[6]),
                             .actor = {.is_trusted = true}};
    if (delta.type == TRIB_VALUE_REAL) {
        char digits[TRIB_F64_BYTES];
        size_t len = trib_f64_format(delta.real, digits);
        ret->delta = trib_arena_dup(&ask->arena, trib_str_make(digits, len));
    } else if (delta.type == TRIB_VALUE_INTEGER) {
        ret->delta = trib_arena_printf(&ask->arena, "%lld", (long long)delta.integer);
    }
}

static trib_code fold(streams_ask *ask, streams_loaded *s, trib_error *err) {
    trib_deal_event event;
    if (s->count == 0) return TRIB_OK;
    streams_deal_event(ask, s->events[0].values, &event);
    s->type = trib_deal_registry_opened_by(ask->module->registry, event.opcode, event.payload);
    if (!s->type) return TRIB_OK;
    trib_deal_state_init(&s->state, &ask->arena);
    trib_code code = TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && i < s->count; i++) {
        streams_deal_event(ask, s->events[i].values, &event);
        code = trib_deal_replay(s->type, &s->state, &event, err);
    }
    return code;
}

trib_code streams_load_any(streams_ask *ask, trib_handle *handle, trib_str id, streams_loaded *ret, trib_error *err) {
    trib_arg arg = streams_text(id);
    event_rows rows = {&ask->arena, ret, 0};
    *ret = (streams_loaded){0};
    trib_code code =
        trib_stmt_run(handle,
                      "SELECT version, base_version, folded, head, count, closed_ms, deleted_ms, base_head "
                      "FROM _trib_stream WHERE streamId = ?1",
                      &arg, 1, take_head, ret, err);
    if (code != TRIB_OK || ret->count == 0) return code;
    ret->events = trib_arena_zalloc(&ask->arena, ret->count, sizeof *ret->events);
    if (!ret->events)
        return trib_error_set(err, TRIB_RESPONSE_TOO_LARGE, "the stream is too large to be folded (%zu events)",
                              ret->count);
    code = trib_stmt_run(
        handle,
        "SELECT e.id, e.streamId, e.opcode, e.nodeId, e.pointId, e.delta, e.payload, e.ts, v.seq, "
        "v.at_ms, v.link FROM _trib_ev v JOIN events e ON e.id = v.id WHERE v.streamId = ?1 ORDER BY v.seq",
        &arg, 1, take_event, &rows, err);
    if (code == TRIB_OK && rows.at != ret->count)
        code = trib_error_set(err, TRIB_INTERNAL, "a stream has fewer events than it says");
    return code == TRIB_OK ? fold(ask, ret, err) : code;
}

/* ---- members ---- */

/* The tenant that the name meant when the stream's last event came; another one that has it since is no member. */
static trib_code add_member(streams_ask *ask, trib_handle *handle, trib_str id, const streams_loaded *s, size_t role,
                            trib_error *err) {
    trib_tenant *tenant = trib_control_find(ask->http->app->control, s->state.role_tenants[role]);
    bool meant = tenant && !tenant->system && atomic_load(&tenant->named_ms) <= s->events[s->count - 1].at_ms;
    trib_code code = TRIB_OK;
    if (meant) {
        trib_arg args[] = {streams_text(trib_str_c(tenant->id)), streams_text(id),
                           streams_text(s->type->roles[role].name)};
        code =
            trib_stmt_run(handle, "INSERT OR IGNORE INTO _trib_member VALUES (?1, ?2, ?3)", args, 3, NULL, NULL, err);
    }
    trib_tenant_unref(tenant);
    return code;
}

trib_code streams_store_fold(streams_ask *ask, trib_handle *handle, trib_str id, const streams_loaded *s,
                             trib_error *err) {
    trib_str none = {0};
    trib_arg args[] = {streams_text(id), streams_integer((int64_t)s->version),
                       streams_text(s->type ? s->type->name : none),
                       streams_text(s->type ? trib_deal_status_name(s->type, s->state.status) : none)};
    trib_code code =
        trib_stmt_run(handle, "UPDATE _trib_stream SET folded = ?2, type = ?3, status = ?4 WHERE streamId = ?1", args,
                      4, NULL, NULL, err);
    if (code == TRIB_OK)
        code = trib_stmt_run(handle, "DELETE FROM _trib_member WHERE streamId = ?1", args, 1, NULL, NULL, err);
    for (size_t i = 0; code == TRIB_OK && s->type && i < s->type->role_count; i++)
        if (s->state.role_tenants[i].len) code = add_member(ask, handle, id, s, i, err);
    return code;
}

static trib_code note_row(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)stmt, (void)err;
    *(bool *)ctx = true;
    return TRIB_OK;
}

trib_code streams_admit(streams_ask *ask, trib_handle *handle, const streams_loaded *s, trib_error *err) {
    bool is_member = false;
    trib_code code = TRIB_OK;
    if (s->count > 0 && s->folded < s->version) {
        if (!ask->writes) {
            ask->writes = true;
            return TRIB_AGAIN;
        }
        code = streams_store_fold(ask, handle, ask->stream_id, s, err);
    }
    if (code != TRIB_OK || ask->tenant_id.len == 0) return code;
    trib_arg args[] = {streams_text(ask->tenant_id), streams_text(ask->stream_id)};
    code = trib_stmt_run(handle, "SELECT 1 FROM _trib_member WHERE tenant = ?1 AND streamId = ?2 LIMIT 1", args, 2,
                         note_row, &is_member, err);
    return code == TRIB_OK && !is_member ? streams_not_found(ask->stream_id, err) : code;
}

trib_code streams_load(streams_ask *ask, trib_handle *handle, streams_loaded *ret, trib_error *err) {
    trib_code code = streams_load_any(ask, handle, ask->stream_id, ret, err);
    return code == TRIB_OK ? streams_admit(ask, handle, ret, err) : code;
}
