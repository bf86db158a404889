/* SPDX-License-Identifier: Apache-2.0 */
/* The table _trib_archive (archive.h): a row for each stream that was asked to be archived, for ever.
 *
 *   todo   1: waits or is under way; 2: stopped; NULL: nothing is to be done */
#include <stdio.h>
#include <string.h>

#include "core/archive_int.h"
#include "core/db_start.h"

const char *trib_archive_state_text(trib_archive_state state) {
    static const char *const texts[] = {
#define X(name, text) [TRIB_ARCHIVE_##name] = text,
        TRIB_ARCHIVE_STATES(X)
#undef X
    };
    return texts[state];
}

/* ---- keys ---- */

enum { KEY_PLAIN_MAX_BYTES = 200, KEY_HEAD_BYTES = 100 };

static bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
}

static void add_coded(trib_str id, size_t most, trib_buf *out) {
    size_t begin = out->len;
    for (size_t i = 0; i < id.len && out->len - begin < most; i++) {
        if (is_unreserved(id.ptr[i])) trib_buf_add_char(out, id.ptr[i]);
        else trib_buf_printf(out, "~%02X", (unsigned char)id.ptr[i]);
    }
}

/* A key that would be too long ends in "~~" and a hash: no other key does. */
trib_code trib_archive_key(trib_str id, trib_buf *out, trib_error *err) {
    uint8_t digest[TRIB_SHA256_BYTES];
    size_t coded = id.len;
    for (size_t i = 0; i < id.len; i++) coded += is_unreserved(id.ptr[i]) ? 0 : 2;
    add_coded(id, coded > KEY_PLAIN_MAX_BYTES ? KEY_HEAD_BYTES : SIZE_MAX, out);
    if (coded > KEY_PLAIN_MAX_BYTES) {
        trib_buf_add_c(out, "~~");
        trib_code code = trib_crypto_sha256(id, digest);
        if (code != TRIB_OK) return trib_error_set(err, code, NULL);
        for (size_t i = 0; i < sizeof digest; i++) trib_buf_printf(out, "%02x", digest[i]);
    }
    trib_buf_add_c(out, ".json");
    return out->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

/* ---- the table ---- */

/* The last: after a start nobody holds a lease, and what has failed is tried again at once. */
static const char *const tables[] = {
    "CREATE TABLE IF NOT EXISTS _trib_archive("
    "streamId TEXT PRIMARY KEY NOT NULL, state INTEGER NOT NULL, todo INTEGER, generation INTEGER NOT NULL, "
    "lease_ms INTEGER NOT NULL, next_ms INTEGER NOT NULL, tries INTEGER NOT NULL, key TEXT NOT NULL, "
    "version INTEGER NOT NULL, head BLOB NOT NULL, base_version INTEGER NOT NULL, base_head BLOB NOT NULL, "
    "count INTEGER NOT NULL, size INTEGER NOT NULL, sha256 BLOB NOT NULL, type TEXT, status TEXT, "
    "last_at_ms INTEGER NOT NULL, asked_ms INTEGER NOT NULL, archived_ms INTEGER NOT NULL, why TEXT) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS _trib_archive_todo ON _trib_archive(todo, next_ms) WHERE todo IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS _trib_archive_key ON _trib_archive(key)",
    "CREATE INDEX IF NOT EXISTS _trib_archive_live ON _trib_stream(streamId) WHERE count > 0",
    "UPDATE _trib_archive SET lease_ms = 0, next_ms = 0 WHERE todo = 1",
};

trib_code trib_archive_make_tables(trib_handle *handle, trib_error *err) {
    trib_code code = trib_db_start_run(handle, "BEGIN IMMEDIATE", NULL, 0, NULL, NULL, err);
    if (code == TRIB_OK) code = trib_db_start_run_all(handle, tables, sizeof tables / sizeof *tables, err);
    return code == TRIB_OK ? trib_db_start_run(handle, "COMMIT", NULL, 0, NULL, NULL, err) : code;
}

/* ---- one row ---- */

typedef struct found_row {
    trib_arena *arena;
    trib_archive_row *row;
    bool found;
} found_row;

static bool take_bytes(const trib_stmt *stmt, int col, uint8_t ret[TRIB_SHA256_BYTES]) {
    trib_str bytes = trib_stmt_col_value(stmt, col).bytes;
    if (bytes.len != TRIB_SHA256_BYTES) return false;
    memcpy(ret, bytes.ptr, TRIB_SHA256_BYTES);
    return true;
}

static trib_code take_row(void *ctx, const trib_stmt *stmt, trib_error *err) {
    found_row *to = ctx;
    trib_archive_row *row = to->row;
    trib_str *const texts[] = {&row->key, &row->type, &row->status, &row->why};
    int64_t *const numbers[] = {&row->generation, &row->lease_ms,    &row->next_ms,   &row->tries,
                                &row->asked_ms,   &row->archived_ms, &row->last_at_ms};
    uint64_t *const counts[] = {&row->version, &row->base_version, &row->count, &row->size};
    int col = 0;
    to->found = true;
    row->state = (trib_archive_state)trib_stmt_col_value(stmt, col++).integer;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++, col++) {
        trib_value value = trib_stmt_col_value(stmt, col);
        *texts[i] = value.type == TRIB_VALUE_TEXT ? trib_arena_dup(to->arena, value.bytes) : (trib_str){0};
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        *numbers[i] = trib_stmt_col_value(stmt, col++).integer;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        *counts[i] = (uint64_t)trib_stmt_col_value(stmt, col++).integer;
    bool ok = take_bytes(stmt, col, row->head) && take_bytes(stmt, col + 1, row->base_head) &&
              take_bytes(stmt, col + 2, row->sha256);
    if (!ok || row->state > TRIB_ARCHIVE_RESTORED)
        return trib_error_set(err, TRIB_INTERNAL, "a row of the archive has another shape");
    return to->arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

trib_code trib_archive_find(trib_stream_txn *txn, trib_str stream_id, trib_archive_row *ret, bool *ret_found,
                            trib_error *err) {
    trib_arg id = trib_stream_text(stream_id);
    found_row to = {.arena = txn->arena, .row = ret};
    *ret = (trib_archive_row){.stream_id = stream_id};
    trib_code code = trib_stmt_run(
        txn->handle,
        "SELECT state, key, type, status, why, generation, lease_ms, next_ms, tries, asked_ms, archived_ms, "
        "last_at_ms, version, base_version, count, size, head, base_head, sha256 FROM _trib_archive "
        "WHERE streamId = ?1",
        &id, 1, take_row, &to, err);
    *ret_found = to.found;
    return code;
}

/* ---- asking ---- */

bool trib_archive_has_ended(const trib_stream *s) {
    return s->count > 0 && (s->is_closed || (s->type && trib_deal_is_final(s->type, &s->state)));
}

trib_code trib_archive_ask(trib_stream_txn *txn, const trib_stream *s, trib_error *err) {
    trib_buf key;
    int64_t now_ms = trib_env_wall_ms(txn->app->env);
    trib_buf_init(&key, TRIB_OBJECT_KEY_MAX_BYTES);
    trib_code code = trib_archive_key(s->id, &key, err);
    trib_arg args[] = {trib_stream_text(s->id), trib_stream_text(trib_buf_str(&key)), trib_stream_integer(now_ms),
                       trib_stream_integer(TRIB_ARCHIVE_WAITING), trib_stream_integer(TRIB_ARCHIVE_ARCHIVING)};
    if (code == TRIB_OK)
        code = trib_stmt_run(txn->handle,
                             "UPDATE _trib_stream SET closed_ms = coalesce(closed_ms, ?3) WHERE streamId = ?1", args, 3,
                             NULL, NULL, err);
    /* one that waits is tried now; one that is under way goes on */
    if (code == TRIB_OK)
        code = trib_stmt_run(txn->handle,
                             "INSERT INTO _trib_archive VALUES (?1, ?4, 1, 0, 0, 0, 0, ?2, 0, zeroblob(32), 0, "
                             "zeroblob(32), 0, 0, zeroblob(32), NULL, NULL, 0, ?3, 0, NULL) ON CONFLICT(streamId) DO "
                             "UPDATE SET state = ?4, todo = 1, lease_ms = 0, next_ms = 0, tries = 0, why = NULL "
                             "WHERE state <> ?5",
                             args, 5, NULL, NULL, err);
    trib_buf_deinit(&key);
    return code;
}

/* ---- by the threads that archive ---- */

static trib_arg blob(const uint8_t bytes[TRIB_SHA256_BYTES]) {
    return (trib_arg){
        .value = {.type = TRIB_VALUE_BLOB, .bytes = trib_str_make((const char *)bytes, TRIB_SHA256_BYTES)}};
}

trib_code trib_archive_claim_row(trib_stream_txn *txn, trib_archive_row *row, const trib_stream *s, trib_error *err) {
    trib_str none = {0};
    row->generation++;
    row->state = TRIB_ARCHIVE_ARCHIVING;
    row->version = s->version;
    row->base_version = s->base_version;
    row->count = s->count;
    row->type = s->type ? s->type->name : none;
    row->status = s->type ? trib_deal_status_name(s->type, s->state.status) : none;
    row->last_at_ms = s->events[s->count - 1].at_ms;
    memcpy(row->head, s->head, sizeof row->head);
    memcpy(row->base_head, s->base_head, sizeof row->base_head);
    trib_arg args[] = {trib_stream_text(s->id),
                       trib_stream_integer(row->state),
                       trib_stream_integer(row->generation),
                       trib_stream_integer(trib_env_wall_ms(txn->app->env) + TRIB_ARCHIVE_LEASE_MS),
                       trib_stream_integer((int64_t)row->version),
                       blob(row->head),
                       trib_stream_integer((int64_t)row->base_version),
                       blob(row->base_head),
                       trib_stream_integer((int64_t)row->count),
                       trib_stream_text(row->type),
                       trib_stream_text(row->status),
                       trib_stream_integer(row->last_at_ms)};
    return trib_stmt_run(txn->handle,
                         "UPDATE _trib_archive SET state = ?2, generation = ?3, lease_ms = ?4, version = ?5, head = "
                         "?6, base_version = ?7, base_head = ?8, count = ?9, type = ?10, status = ?11, last_at_ms = "
                         "?12 WHERE streamId = ?1",
                         args, sizeof args / sizeof *args, NULL, NULL, err);
}

trib_code trib_archive_fail_row(trib_stream_txn *txn, const trib_archive_row *row, bool alarm, const char *why,
                                trib_error *err) {
    int64_t shift = row->tries < 16 ? row->tries : 16, pause_ms = (int64_t)TRIB_ARCHIVE_RETRY_MS << shift;
    if (pause_ms > TRIB_ARCHIVE_RETRY_MAX_MS) pause_ms = TRIB_ARCHIVE_RETRY_MAX_MS;
    trib_arg args[] = {trib_stream_text(row->stream_id),
                       trib_stream_integer(row->generation),
                       trib_stream_integer(alarm ? TRIB_ARCHIVE_STOPPED : TRIB_ARCHIVE_WAITING),
                       trib_stream_integer(alarm ? 2 : 1),
                       trib_stream_integer(trib_env_wall_ms(txn->app->env) + pause_ms),
                       trib_stream_text(trib_str_c(why))};
    return trib_stmt_run(txn->handle,
                         "UPDATE _trib_archive SET state = ?3, todo = ?4, lease_ms = 0, next_ms = ?5, "
                         "tries = tries + 1, why = ?6 WHERE streamId = ?1 AND generation = ?2",
                         args, sizeof args / sizeof *args, NULL, NULL, err);
}

trib_code trib_archive_finish_row(trib_stream_txn *txn, const trib_archive_row *row, trib_error *err) {
    trib_arg args[] = {trib_stream_text(row->stream_id),
                       trib_stream_integer(row->generation),
                       trib_stream_integer(TRIB_ARCHIVE_ARCHIVED),
                       trib_stream_integer((int64_t)row->size),
                       blob(row->sha256),
                       trib_stream_integer(trib_env_wall_ms(txn->app->env))};
    return trib_stmt_run(txn->handle,
                         "UPDATE _trib_archive SET state = ?3, todo = NULL, lease_ms = 0, size = ?4, sha256 = ?5, "
                         "archived_ms = ?6, why = NULL WHERE streamId = ?1 AND generation = ?2",
                         args, sizeof args / sizeof *args, NULL, NULL, err);
}
