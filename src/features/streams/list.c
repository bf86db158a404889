/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/streams: the streams of who asks, by id, filtered by type, status and opcode; of any tenant for who may see
 * all. Those whose events came by SQL are brought up to date first, some at a time. One that cannot be (it is too
 * large, or broken) is shown as it was, and says so. */
#include <string.h>

#include "core/control.h"
#include "features/streams/streams_int.h"

typedef struct list {
    trib_str type, status, after;
    trib_str tenant_id; /* whose streams; empty: all */
    bool has_opcode;
    int64_t opcode;
} list;

/* In memory of its own: one that is too large must not take it from the others. */
static trib_code fold_one(streams_ask *ask, trib_str id, trib_error *err) {
    trib_stream_txn txn = ask->txn;
    trib_arena arena;
    trib_stream s;
    trib_arena_init(&arena, TRIB_STREAM_ARENA_MAX_BYTES);
    txn.arena = &arena;
    trib_code code = trib_stream_load(&txn, id, &s, err);
    if (code == TRIB_OK && arena.failed) code = TRIB_RESPONSE_TOO_LARGE;
    bool stays = code == TRIB_RESPONSE_TOO_LARGE || code == TRIB_CHAIN_BROKEN;
    if (code == TRIB_OK) code = trib_stream_store_fold(&txn, &s, err);
    trib_arena_deinit(&arena);
    return stays ? TRIB_OK : code;
}

static trib_code fold_some(streams_ask *ask, trib_error *err) {
    trib_arg args[] = {trib_stream_integer(STREAMS_FOLDS_MAX), trib_stream_integer(sizeof(trib_stream_event)),
                       trib_stream_integer(TRIB_STREAM_ARENA_MAX_BYTES)};
    trib_str *ids;
    size_t count;
    trib_code code = trib_stream_find_ids(&ask->txn,
                                          "SELECT streamId FROM _trib_stream WHERE folded < version AND count > 0 AND "
                                          "bytes + count * ?2 < ?3 LIMIT ?1",
                                          args, 3, STREAMS_FOLDS_MAX, &ids, &count, err);
    if (code != TRIB_OK || count == 0) return code;
    if (!ask->txn.writes) {
        ask->txn.writes = true;
        return TRIB_AGAIN;
    }
    for (size_t i = 0; code == TRIB_OK && i < count; i++) code = fold_one(ask, ids[i], err);
    return code;
}

typedef struct list_rows {
    trib_json_writer *w;
    uint64_t count, limit;
    trib_buf last;
} list_rows;

static void write_member(trib_json_writer *w, const char *key, trib_value value) {
    trib_jw_key_c(w, key);
    if (value.type == TRIB_VALUE_TEXT) trib_jw_str(w, value.bytes);
    else if (value.type == TRIB_VALUE_INTEGER) trib_jw_i64(w, value.integer);
    else trib_jw_null(w);
}

static trib_code take_stream(void *ctx, const trib_stmt *stmt, trib_error *err) {
    static const char *const members[] = {"streamId", "type", "status", "version", "events", "openedMs", "closedMs"};
    list_rows *rows = ctx;
    (void)err;
    if (rows->count++ == rows->limit) return TRIB_OK; /* only that there are more */
    trib_jw_object_begin(rows->w);
    for (int i = 0; i < (int)(sizeof members / sizeof *members); i++)
        write_member(rows->w, members[i], trib_stmt_col_value(stmt, i));
    if (trib_stmt_col_value(stmt, (int)(sizeof members / sizeof *members)).integer)
        trib_jw_member_bool(rows->w, "behind", true);
    trib_jw_object_end(rows->w);
    trib_buf_clear(&rows->last);
    trib_buf_add(&rows->last, trib_stmt_col_value(stmt, 0).bytes);
    return TRIB_OK;
}

#define FILTERS                                                                                                        \
    " AND deleted_ms IS NULL AND (?2 IS NULL OR type = ?2) AND (?3 IS NULL OR status = ?3) AND (?6 IS NULL OR EXISTS " \
    "(SELECT 1 FROM events e WHERE e.streamId = s.streamId AND e.opcode = ?6)) "

#define BEHIND "folded < version AND count > 0 "
static const char all_sql[] =
    "SELECT streamId, type, status, version, version - base_version, opened_ms, closed_ms, " BEHIND
    "FROM _trib_stream s WHERE streamId > ?1" FILTERS "ORDER BY streamId LIMIT ?4";
static const char own_sql[] =
    "SELECT DISTINCT s.streamId, type, status, version, version - base_version, opened_ms, closed_ms, " BEHIND
    "FROM _trib_member m JOIN _trib_stream s ON s.streamId = m.streamId "
    "WHERE m.tenant = ?5 AND m.streamId > ?1" FILTERS "ORDER BY m.streamId LIMIT ?4";

static trib_code read_list(streams_ask *ask, trib_error *err) {
    const list *l = ask->own;
    trib_json_writer w;
    trib_code code = fold_some(ask, err);
    if (code != TRIB_OK) return code;
    list_rows rows = {.w = &w, .limit = ask->limit};
    trib_buf_init(&rows.last, STREAMS_ANSWER_MAX_BYTES);
    trib_arg args[] = {trib_stream_text(l->after.ptr ? l->after : TRIB_STR("")),
                       trib_stream_text(l->type),
                       trib_stream_text(l->status),
                       trib_stream_integer((int64_t)ask->limit + 1),
                       trib_stream_text(l->tenant_id),
                       l->has_opcode ? trib_stream_integer(l->opcode) : trib_stream_text((trib_str){0})};
    trib_jw_init(&w, &ask->out);
    trib_jw_object_begin(&w);
    trib_jw_key_c(&w, "streams");
    trib_jw_array_begin(&w);
    code = trib_stmt_run(ask->txn.handle, l->tenant_id.len > 0 ? own_sql : all_sql, args, 6, take_stream, &rows, err);
    trib_jw_array_end(&w);
    trib_jw_key_c(&w, "next");
    if (rows.count > rows.limit) trib_jw_str(&w, trib_buf_str(&rows.last));
    else trib_jw_null(&w);
    trib_jw_object_end(&w);
    trib_buf_deinit(&rows.last);
    return code;
}

static trib_code parse_opcode(const trib_query *query, list *l, trib_error *err) {
    const trib_str *opcode = trib_query_get(query, "opcode");
    l->has_opcode = opcode != NULL;
    if (!opcode || trib_str_i64(*opcode, &l->opcode)) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST, "\"opcode\" must be a number");
}

/* Who names a tenant sees that tenant's streams; who names `streams` all, or those of ?tenant=. */
static trib_code find_tenant(streams_ask *ask, const trib_query *query, list *l, trib_error *err) {
    const trib_str *name = trib_query_get(query, "tenant");
    l->tenant_id = ask->txn.tenant_id;
    if (!name) return TRIB_OK;
    if (ask->txn.tenant_id.len > 0)
        return trib_error_set(
            err, TRIB_FORBIDDEN,
            "\"tenant\" is for who may see all streams, by the database streams; a tenant sees its own");
    trib_tenant *tenant = trib_control_find(ask->http->app->control, *name);
    if (!tenant)
        return trib_error_set(err, TRIB_TENANT_NOT_FOUND, "there is no tenant \"%.*s\"",
                              TRIB_STR_ARG(trib_str_sub(*name, 0, TRIB_TENANT_NAME_BYTES)));
    l->tenant_id = trib_arena_dup(ask->http->arena, trib_str_c(tenant->id));
    trib_tenant_unref(tenant);
    return l->tenant_id.ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

void streams_handle_list(trib_http_request *http) {
    trib_query query;
    trib_error err;
    streams_ask *ask = streams_ask_new(http, &err);
    if (!ask) return;
    list *l = trib_arena_zalloc(http->arena, 1, sizeof *l);
    trib_code code =
        l ? trib_query_parse(http->arena, http->query, &query, &err) : trib_error_set(&err, TRIB_NOMEM, NULL);
    ask->limit = STREAMS_PAGE_DEFAULT;
    if (code == TRIB_OK) {
        const trib_str *type = trib_query_get(&query, "type"), *status = trib_query_get(&query, "status"),
                       *after = trib_query_get(&query, "after");
        if (type) l->type = *type;
        if (status) l->status = *status;
        if (after) l->after = *after;
        code = streams_ask_limit(ask, &query, &err);
        if (code == TRIB_OK) code = parse_opcode(&query, l, &err);
        if (code == TRIB_OK) code = find_tenant(ask, &query, l, &err);
    }
    if (code != TRIB_OK) {
        streams_ask_refuse(ask, &err);
        return;
    }
    ask->own = l;
    ask->body = read_list;
    streams_ask_submit(ask);
}
