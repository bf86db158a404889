/* SPDX-License-Identifier: Apache-2.0 */
/* One stream: archive it, say how far that is, put it back. */
#include <stdio.h>

#include "features/archive/archive_int.h"

void archive_member_hex(trib_json_writer *w, const char *key, const uint8_t bytes[TRIB_SHA256_BYTES]) {
    char hex[2 * TRIB_SHA256_BYTES + 1];
    for (size_t i = 0; i < TRIB_SHA256_BYTES; i++) snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    trib_jw_member_str(w, key, trib_str_c(hex));
}

static void write_row(archive_ask *ask, const trib_archive_row *row) {
    trib_json_writer *w = &ask->w;
    bool is_there = row->state == TRIB_ARCHIVE_ARCHIVED || row->state == TRIB_ARCHIVE_RESTORED;
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "streamId", row->stream_id);
    trib_jw_member_str(w, "state", trib_str_c(trib_archive_state_text(row->state)));
    trib_jw_member_str(w, "key", row->key);
    if (is_there) {
        trib_jw_member_i64(w, "version", (int64_t)row->version);
        trib_jw_member_i64(w, "events", (int64_t)row->count);
        trib_jw_member_i64(w, "size", (int64_t)row->size);
        archive_member_hex(w, "sha256", row->sha256);
        archive_member_hex(w, "head", row->head);
        trib_jw_member_i64(w, "archivedMs", row->archived_ms);
    } else {
        trib_jw_member_i64(w, "tries", row->tries);
        if (row->why.len) trib_jw_member_str(w, "why", row->why);
    }
    trib_jw_object_end(w);
}

/* ---- show ---- */

typedef struct found {
    archive_ask *ask;
    trib_archive_row row;
    bool is_asked; /* now */
} found;

static trib_code open_stream(trib_stream_txn *txn, archive_ask *ask, trib_stream *s, trib_error *err) {
    trib_code code = trib_stream_open(txn, ask->stream_id, s, err);
    return code == TRIB_OK && s->count == 0 && !s->is_archived ? trib_stream_not_found(ask->stream_id, err) : code;
}

static trib_code find(trib_stream_txn *txn, void *ctx, trib_error *err) {
    found *f = ctx;
    trib_stream s;
    bool is_known = false;
    trib_code code = open_stream(txn, f->ask, &s, err);
    if (code == TRIB_OK) code = trib_archive_find(txn, f->ask->stream_id, &f->row, &is_known, err);
    if (code == TRIB_OK && !is_known)
        return trib_error_set(err, TRIB_NOT_FOUND, "nobody has asked for the stream to be archived");
    return code;
}

static trib_code show(archive_ask *ask, trib_error *err) {
    found f = {.ask = ask};
    trib_code code = trib_archive_txn(ask->module->archive, &ask->who, false, find, &f, err);
    if (code == TRIB_OK) write_row(ask, &f.row);
    return code;
}

void archive_handle_show(trib_http_request *http) {
    archive_start(http, false, show);
}

/* ---- archive ---- */

/* As for closing one: a member may where the deal has ended. */
static trib_code mark(trib_stream_txn *txn, void *ctx, trib_error *err) {
    found *f = ctx;
    trib_stream s;
    bool is_known = false;
    f->is_asked = false;
    trib_code code = open_stream(txn, f->ask, &s, err);
    if (code != TRIB_OK) return code;
    if (!s.is_archived && txn->tenant_id.len && !trib_archive_has_ended(&s))
        return trib_error_set(err, TRIB_BAD_TRANSITION,
                              "the stream goes on; a member archives it when it is closed or has ended");
    if (!s.is_archived) code = trib_archive_ask(txn, &s, err);
    f->is_asked = !s.is_archived;
    return code == TRIB_OK ? trib_archive_find(txn, f->ask->stream_id, &f->row, &is_known, err) : code;
}

static trib_code ask_for_it(archive_ask *ask, trib_error *err) {
    found f = {.ask = ask};
    trib_code code = trib_archive_txn(ask->module->archive, &ask->who, true, mark, &f, err);
    if (code != TRIB_OK) return code;
    if (f.is_asked) trib_archive_wake(ask->module->archive);
    ask->status = f.is_asked ? 202 : 200;
    write_row(ask, &f.row);
    return TRIB_OK;
}

void archive_handle_ask(trib_http_request *http) {
    archive_start(http, true, ask_for_it);
}

/* ---- back ---- */

static trib_code put_back(archive_ask *ask, trib_error *err) {
    if (ask->who.tenant_id.len)
        return trib_error_set(err, TRIB_FORBIDDEN,
                              "a stream is restored by who may see all: name the database streams");
    trib_code code = trib_archive_restore(ask->module->archive, ask->stream_id, err);
    if (code != TRIB_OK) return code;
    trib_arena_reset(&ask->arena);
    return show(ask, err);
}

void archive_handle_restore(trib_http_request *http) {
    archive_start(http, true, put_back);
}
