/* SPDX-License-Identifier: Apache-2.0 */
/* Archived streams, for those who read them, and back into the database (archive.h). */
#include <string.h>

#include "core/archive_int.h"

static trib_code not_as_archived(const trib_archive *archive, const trib_archive_row *row, const char *what,
                                 trib_error *err) {
    trib_code code = trib_error_set(err, TRIB_CHAIN_BROKEN,
                                    "the archived stream %.*s cannot be read: its object %.*s %s; restore the object "
                                    "from a copy, `trib archive verify` finds others",
                                    TRIB_STR_ARG(row->stream_id), TRIB_STR_ARG(row->key), what);
    trib_log_event(trib_archive_app(archive)->log, TRIB_LOG_ERROR, "archive_damaged",
                   TRIB_LOG_S("stream", row->stream_id), TRIB_LOG_S("key", row->key), TRIB_LOG_C("why", what));
    return code;
}

trib_code trib_archive_read(trib_archive *archive, const trib_archive_row *row, trib_buf *ret, trib_error *err) {
    const trib_objects *objects = trib_archive_objects(archive);
    uint8_t digest[TRIB_SHA256_BYTES];
    bool found = false;
    trib_code code = objects->get(objects->ctx, row->key, ret, &found, err);
    if (code != TRIB_OK) return code;
    if (!found) return not_as_archived(archive, row, "is not there", err);
    if (ret->len != row->size) return not_as_archived(archive, row, "has another size", err);
    code = trib_crypto_sha256(trib_buf_str(ret), digest);
    if (code != TRIB_OK) return trib_error_set(err, code, NULL);
    if (memcmp(digest, row->sha256, sizeof digest) != 0) return not_as_archived(archive, row, "has other bytes", err);
    return TRIB_OK;
}

trib_code trib_archive_find_object(trib_stream_txn *txn, trib_str id, trib_archive_row *ret, trib_error *err) {
    bool found = false;
    trib_code code = trib_archive_find(txn, id, ret, &found, err);
    if (code == TRIB_OK && (!found || ret->state != TRIB_ARCHIVE_ARCHIVED))
        code = trib_error_set(err, TRIB_INTERNAL, "a stream is archived, and the archive does not know it");
    return code;
}

trib_code trib_archive_load(trib_stream_txn *txn, const trib_archive_row *row, trib_buf *text, trib_stream *ret,
                            trib_error *err) {
    trib_code code = trib_archive_read(txn->app->archive, row, text, err);
    return code == TRIB_OK ? trib_archive_read_stream(txn, row, trib_buf_str(text), ret, err) : code;
}

trib_code trib_archive_submit_for(trib_app *app, trib_archive_task *task, trib_error *err) {
    if (app->archive) return trib_archive_submit(app->archive, task, err);
    return trib_error_set(err, TRIB_INTERNAL,
                          "the stream is archived, and this server has no archive; set archive to where it is");
}

void trib_archive_describe(const trib_app *app, const trib_archive_row *row, trib_stream *s) {
    s->type = row->type.len ? trib_deal_registry_get(app->stream_types, row->type) : NULL;
    int status = s->type ? trib_deal_status_find(s->type, row->status) : -1;
    s->state.status = status;
    if (status < 0) s->type = NULL; /* the type's file has changed since: it says nothing about this stream */
}

trib_code trib_archive_read_stream(trib_stream_txn *txn, const trib_archive_row *row, trib_str text, trib_stream *ret,
                                   trib_error *err) {
    *ret = (trib_stream){.id = row->stream_id,
                         .exists = true,
                         .is_closed = true,
                         .is_archived = true,
                         .version = row->version,
                         .folded = row->version,
                         .base_version = row->base_version};
    memcpy(ret->head, row->head, sizeof ret->head);
    memcpy(ret->base_head, row->base_head, sizeof ret->base_head);
    return trib_stream_read_events(txn, text, ret, err);
}

/* ---- back ---- */

typedef struct restore {
    trib_str id;
    trib_archive_row row;
    trib_stream stream;
} restore;

static trib_code find_archived(trib_stream_txn *txn, void *ctx, trib_error *err) {
    restore *r = ctx;
    bool found = false;
    trib_code code = trib_archive_find(txn, r->id, &r->row, &found, err);
    if (code == TRIB_OK && (!found || r->row.state != TRIB_ARCHIVE_ARCHIVED))
        return trib_error_set(err, TRIB_STREAM_NOT_FOUND, "there is no archived stream \"%.*s\"", TRIB_STR_ARG(r->id));
    return code;
}

static trib_code run(trib_stream_txn *txn, const char *sql, const trib_arg *args, size_t count, trib_error *err) {
    return trib_stmt_run(txn->handle, sql, args, count, NULL, NULL, err);
}

/* The triggers number and chain them as they did the first time. */
static trib_code insert_events(trib_stream_txn *txn, const restore *r, trib_error *err) {
    trib_code code = TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && i < r->stream.count; i++) {
        trib_arg args[TRIB_STREAM_COLUMNS];
        for (int c = 0; c < TRIB_STREAM_COLUMNS; c++) args[c] = (trib_arg){.value = r->stream.events[i].values[c]};
        code = run(txn, "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", args, TRIB_STREAM_COLUMNS, err);
    }
    return code;
}

static trib_code take_closed(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

static trib_code put_back(trib_stream_txn *txn, void *ctx, trib_error *err) {
    restore *r = ctx;
    trib_archive_row now;
    trib_stream s;
    bool found = false;
    int64_t closed_ms = 0;
    trib_code code = trib_archive_find(txn, r->id, &now, &found, err);
    if (code == TRIB_OK && (!found || now.state != TRIB_ARCHIVE_ARCHIVED || now.generation != r->row.generation))
        return trib_error_set(err, TRIB_VERSION_CONFLICT, "the stream has changed meanwhile; look at it again");
    trib_arg args[] = {
        trib_stream_text(r->id),
        trib_stream_integer((int64_t)r->row.base_version),
        {.value = {.type = TRIB_VALUE_BLOB,
                   .bytes = trib_str_make((const char *)r->row.base_head, sizeof r->row.base_head)}},
    };
    trib_arg came[] = {args[0], trib_stream_integer(r->row.last_at_ms)};
    trib_arg state[] = {args[0], trib_stream_integer(TRIB_ARCHIVE_RESTORED)};
    if (code == TRIB_OK)
        code = trib_stmt_run(txn->handle, "SELECT closed_ms FROM _trib_stream WHERE streamId = ?1", args, 1,
                             take_closed, &closed_ms, err);
    if (code == TRIB_OK)
        code = run(txn,
                   "UPDATE _trib_stream SET closed_ms = NULL, version = ?2, head = ?3 WHERE streamId = ?1 AND count "
                   "= 0",
                   args, 3, err);
    if (code == TRIB_OK) code = insert_events(txn, r, err);
    /* their order is the old one; when each came is not kept, only when the last did: whoever got the name of a member
     * later stays outside */
    if (code == TRIB_OK)
        code = run(txn, "UPDATE _trib_ev SET at_ms = ?2, actor = 'archive' WHERE streamId = ?1", came, 2, err);
    trib_arg closed[] = {args[0], trib_stream_integer(closed_ms)};
    if (code == TRIB_OK)
        code = run(txn, "UPDATE _trib_stream SET closed_ms = ?2, folded = version WHERE streamId = ?1", closed, 2, err);
    if (code == TRIB_OK) code = run(txn, "UPDATE _trib_archive SET state = ?2 WHERE streamId = ?1", state, 2, err);
    if (code == TRIB_OK) code = trib_stream_load(txn, r->id, &s, err);
    if (code == TRIB_OK && (s.version != r->row.version || memcmp(s.head, r->row.head, sizeof s.head) != 0))
        code = trib_error_set(err, TRIB_CHAIN_BROKEN, "the object's events do not lead to the stream's head");
    return code;
}

trib_code trib_archive_restore(trib_archive *archive, trib_str stream_id, trib_error *err) {
    restore r = {.id = stream_id};
    trib_arena arena;
    trib_buf text;
    trib_arena_init(&arena, TRIB_ARCHIVE_ARENA_MAX_BYTES);
    trib_buf_init(&text, TRIB_ARCHIVE_BODY_MAX_BYTES);
    trib_stream_txn who = {.app = trib_archive_app(archive), .arena = &arena};
    trib_code code = trib_archive_txn(archive, &who, false, find_archived, &r, err);
    if (code == TRIB_OK) code = trib_archive_read(archive, &r.row, &text, err);
    if (code == TRIB_OK) code = trib_archive_read_stream(&who, &r.row, trib_buf_str(&text), &r.stream, err);
    if (code == TRIB_OK) code = trib_archive_txn(archive, &who, true, put_back, &r, err);
    trib_buf_deinit(&text);
    trib_arena_deinit(&arena);
    return code;
}
