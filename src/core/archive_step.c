/* SPDX-License-Identifier: Apache-2.0 */
/* One stream's way into its object (archive.h): claim -> put -> read back -> done. Whatever fails in between leaves the
 * stream in the database; what comes after a crash begins anew with the claim. */
#include <string.h>

#include "core/archive_int.h"
#include "wire/sigv4.h"

enum { READS = 3 /* of what was put, before it is said to be another object: an answer may have been damaged */ };

typedef struct step {
    trib_archive *archive;
    trib_app *app;
    trib_stream_txn who;
    trib_arena arena;
    trib_str id;
    trib_archive_row row;
    trib_stream stream;
    bool claimed, alarm;
    trib_buf body;
    char sha256[2 * TRIB_SHA256_BYTES + 1], head[2 * TRIB_SHA256_BYTES + 1];
    const char *why;
} step;

/* ---- claim ---- */

static trib_code forget(trib_stream_txn *txn, trib_str id, trib_error *err) {
    trib_arg arg = trib_stream_text(id);
    return trib_stmt_run(txn->handle, "DELETE FROM _trib_archive WHERE streamId = ?1", &arg, 1, NULL, NULL, err);
}

static trib_code claim(trib_stream_txn *txn, void *ctx, trib_error *err) {
    step *st = ctx;
    bool found = false;
    int64_t now_ms = trib_env_wall_ms(txn->app->env);
    st->claimed = false;
    trib_code code = trib_archive_find(txn, st->id, &st->row, &found, err);
    if (code != TRIB_OK || !found || st->row.lease_ms > now_ms || st->row.next_ms > now_ms) return code;
    if (st->row.state != TRIB_ARCHIVE_WAITING && st->row.state != TRIB_ARCHIVE_ARCHIVING) return TRIB_OK;
    code = trib_stream_load(txn, st->id, &st->stream, err);
    if (code == TRIB_RESPONSE_TOO_LARGE) { /* it is in the database as before, and stays there */
        st->alarm = true;
        return trib_archive_fail_row(txn, &st->row, true, "the stream is too large to be archived", err);
    }
    if (code != TRIB_OK) return code;
    if (st->stream.count == 0) return forget(txn, st->id, err); /* somebody has deleted it by SQL */
    if (st->stream.folded < st->stream.version) code = trib_stream_store_fold(txn, &st->stream, err);
    if (code == TRIB_OK) code = trib_archive_claim_row(txn, &st->row, &st->stream, err);
    st->claimed = code == TRIB_OK;
    return code;
}

/* ---- the body ---- */

/* What is put must lead to the head by itself. It does not where a text is no UTF-8, or a number is infinite: JSON has
 * neither. Such a stream stays in the database. */
static trib_code make_body(step *st, trib_error *err) {
    trib_stream again = st->stream;
    trib_error why;
    trib_stream_write_events(&st->stream, &st->body);
    if (st->body.failed) {
        st->alarm = true;
        return trib_error_set(err, TRIB_RESPONSE_TOO_LARGE, "the stream is too large for one object");
    }
    trib_code code = trib_stream_read_events(&st->who, trib_buf_str(&st->body), &again, &why);
    if (code == TRIB_CHAIN_BROKEN || code == TRIB_BAD_JSON || code == TRIB_RESPONSE_TOO_LARGE) {
        st->alarm = true;
        return trib_error_set(err, code,
                              "the events cannot be written as JSON without a loss, or are not those that "
                              "came; `verify` of the stream says more: %s",
                              why.message);
    }
    if (code != TRIB_OK) return trib_error_set(err, code, NULL);
    st->row.size = st->body.len;
    code = trib_crypto_sha256(trib_buf_str(&st->body), st->row.sha256);
    if (code == TRIB_OK) code = trib_sigv4_payload_hash(trib_buf_str(&st->body), st->sha256, err);
    return code == TRIB_OK ? code : trib_error_set(err, code, NULL);
}

static trib_code put(step *st, bool *ret_made, trib_error *err) {
    const trib_objects *objects = trib_archive_objects(st->archive);
    char digits[TRIB_U64_DIGITS];
    for (size_t i = 0; i < sizeof st->row.head; i++) {
        static const char hex[] = "0123456789abcdef";
        st->head[2 * i] = hex[st->row.head[i] >> 4];
        st->head[2 * i + 1] = hex[st->row.head[i] & 15];
    }
    const trib_object object = {.key = st->row.key,
                                .bytes = trib_buf_str(&st->body),
                                .sha256 = st->sha256,
                                .notes = {{"sha256", trib_str_c(st->sha256)},
                                          {"head", trib_str_c(st->head)},
                                          {"count", trib_str_of_u64(st->row.count, digits)}},
                                .note_count = 3};
    return objects->put(objects->ctx, &object, ret_made, err);
}

/* ---- reading it back ---- */

static trib_code read_once(step *st, bool *ret_same, trib_error *err) {
    const trib_objects *objects = trib_archive_objects(st->archive);
    bool found = false;
    trib_buf back;
    trib_buf_init(&back, st->body.len + 1); /* one more: a longer object is another one */
    trib_code code = objects->get(objects->ctx, st->row.key, &back, &found, err);
    if (code == TRIB_RESPONSE_TOO_LARGE) code = TRIB_OK, found = true; /* and other bytes */
    if (code == TRIB_OK && !found)
        code = trib_error_set(err, TRIB_REMOTE, "the object store took the object and does not have it");
    *ret_same = code == TRIB_OK && trib_str_eq(trib_buf_str(&back), trib_buf_str(&st->body));
    trib_buf_deinit(&back);
    return code;
}

static trib_code read_back(step *st, bool made, trib_error *err) {
    bool same = false;
    trib_code code = TRIB_OK;
    for (int i = 0; code == TRIB_OK && !same && i < READS; i++) code = read_once(st, &same, err);
    if (code != TRIB_OK || same) return code;
    st->alarm = true;
    return trib_error_set(
        err, TRIB_CHAIN_BROKEN,
        "the object %.*s has other bytes than the stream%s; look at it, move it away, and ask for the "
        "archive again",
        TRIB_STR_ARG(st->row.key),
        made ? ", though it was written just now" : " and was there before; nothing is overwritten");
}

/* ---- done ---- */

/* With a count of 0 first, the trigger of the events does nothing: not a dozen statements for each event, nor members
 * and what the stream amounts to, which stay. So the rows beside the events go here. */
static const char *const delete_events_sql[] = {
    "UPDATE _trib_stream SET count = 0, bytes = 0, deleted_ms = NULL, base_version = ?2, base_head = ?3, "
    "folded = version, type = ?4, status = ?5 WHERE streamId = ?1",
    "DELETE FROM events WHERE streamId = ?1",
    "DELETE FROM _trib_ev WHERE streamId = ?1",
    "DELETE FROM _trib_idem WHERE streamId = ?1",
};

static trib_code delete_events(trib_stream_txn *txn, const trib_archive_row *row, trib_error *err) {
    trib_arg args[] = {trib_stream_text(row->stream_id),
                       trib_stream_integer((int64_t)row->base_version),
                       {.value = {.type = TRIB_VALUE_BLOB,
                                  .bytes = trib_str_make((const char *)row->base_head, sizeof row->base_head)}},
                       trib_stream_text(row->type),
                       trib_stream_text(row->status)};
    trib_code code = TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && i < sizeof delete_events_sql / sizeof *delete_events_sql; i++)
        code = trib_stmt_run(txn->handle, delete_events_sql[i], args, i == 0 ? 5 : 1, NULL, NULL, err);
    return code;
}

/* What it was when it was claimed, or nothing is done: it begins anew. */
static trib_code finish(trib_stream_txn *txn, void *ctx, trib_error *err) {
    step *st = ctx;
    trib_archive_row now;
    trib_stream s;
    bool found = false;
    trib_code code = trib_archive_find(txn, st->id, &now, &found, err);
    if (code != TRIB_OK) return code;
    if (!found || now.generation != st->row.generation || now.state != TRIB_ARCHIVE_ARCHIVING)
        return trib_error_set(err, TRIB_CANCELLED, "another one archives the stream");
    code = trib_stream_load(txn, st->id, &s, err);
    if (code != TRIB_OK) return code;
    if (s.count != st->row.count || s.version != st->row.version || !s.is_closed ||
        memcmp(s.head, st->row.head, sizeof s.head) != 0)
        return trib_error_set(err, TRIB_VERSION_CONFLICT, "the stream has changed while it was archived");
    code = delete_events(txn, &st->row, err);
    return code == TRIB_OK ? trib_archive_finish_row(txn, &st->row, err) : code;
}

static trib_code fail(trib_stream_txn *txn, void *ctx, trib_error *err) {
    step *st = ctx;
    return trib_archive_fail_row(txn, &st->row, st->alarm, st->why, err);
}

/* ---- the whole way ---- */

static trib_code walk(step *st, trib_error *err) {
    bool made = false;
    trib_code code = trib_archive_txn(st->archive, &st->who, true, claim, st, err);
    if (code != TRIB_OK || !st->claimed) return code;
    code = make_body(st, err);
    if (code == TRIB_OK) code = put(st, &made, err);
    if (code == TRIB_OK) code = read_back(st, made, err);
    return code == TRIB_OK ? trib_archive_txn(st->archive, &st->who, true, finish, st, err) : code;
}

static trib_archive_end judge(step *st, trib_code code, const trib_error *err) {
    if (code == TRIB_OK)
        return st->claimed ? TRIB_ARCHIVE_END_DONE : st->alarm ? TRIB_ARCHIVE_END_ALARM : TRIB_ARCHIVE_END_NONE;
    if (code == TRIB_SHUTTING_DOWN || (code == TRIB_CANCELLED && atomic_load(&st->app->draining)))
        return TRIB_ARCHIVE_END_LEAVING;
    uint64_t more = 0;
    if (st->alarm) {
        trib_log_event(st->app->log, TRIB_LOG_ERROR, "archive_stopped", TRIB_LOG_S("stream", st->id),
                       TRIB_LOG_ERR(err));
    } else if (trib_archive_may_log(st->archive, &more)) {
        trib_log_event(st->app->log, TRIB_LOG_WARN, "archive_failed", TRIB_LOG_S("stream", st->id),
                       TRIB_LOG_U("others_since", more), TRIB_LOG_ERR(err));
    }
    st->why = err->message;
    if (st->claimed) {
        trib_error ignored;
        trib_arena_reset(&st->arena); /* the row's texts are not needed, but its id and generation are */
        (void)trib_archive_txn(st->archive, &st->who, true, fail, st, &ignored);
    }
    return st->alarm ? TRIB_ARCHIVE_END_ALARM : TRIB_ARCHIVE_END_LATER;
}

trib_archive_end trib_archive_step(trib_archive *archive, trib_str stream_id, uint64_t *ret_bytes) {
    step st = {.archive = archive, .app = trib_archive_app(archive), .id = stream_id};
    trib_error err = {0};
    trib_arena_init(&st.arena, TRIB_ARCHIVE_ARENA_MAX_BYTES);
    trib_buf_init(&st.body, TRIB_ARCHIVE_BODY_MAX_BYTES);
    st.who = (trib_stream_txn){.app = st.app, .arena = &st.arena};
    trib_archive_end end = judge(&st, walk(&st, &err), &err);
    *ret_bytes = st.body.len;
    trib_buf_deinit(&st.body);
    trib_arena_deinit(&st.arena);
    return end;
}
