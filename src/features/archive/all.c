/* SPDX-License-Identifier: Apache-2.0 */
/* Many streams: all that have ended, what has stopped, and whether the objects are what their rows say. */
#include <string.h>

#include "core/stream_continue.h"
#include "features/archive/archive_int.h"

static void member_u64(trib_json_writer *w, const char *key, uint64_t value) {
    trib_jw_key_c(w, key);
    trib_jw_u64(w, value);
}

typedef struct ids {
    trib_arena *arena;
    trib_str *at;
    size_t count, most;
} ids;

static trib_code make_ids(archive_ask *ask, size_t most, ids *ret, trib_error *err) {
    *ret = (ids){.arena = &ask->arena, .most = most, .at = trib_arena_zalloc(&ask->arena, most, sizeof *ret->at)};
    return ret->at ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

static trib_code select_ids(trib_stream_txn *txn, const char *sql, trib_str after, ids *to, trib_error *err) {
    trib_arg args[] = {trib_stream_text(after.ptr ? after : TRIB_STR("")), trib_stream_integer((int64_t)to->most)};
    return trib_stream_find_ids(txn, sql, args, 2, to->most, &to->at, &to->count, err);
}

/* The place to go on from, where a page was full. */
static void write_next(archive_ask *ask, const ids *seen, size_t used) {
    trib_jw_key_c(&ask->w, "next");
    if (used && (used < seen->count || seen->count == seen->most)) trib_jw_str(&ask->w, seen->at[used - 1]);
    else trib_jw_null(&ask->w);
}

/* ---- all that have ended ---- */

typedef struct batch {
    archive_ask *ask;
    ids seen;
    uint64_t asked;
} batch;

static trib_code mark_all(trib_stream_txn *txn, void *ctx, trib_error *err) {
    batch *b = ctx;
    trib_code code = select_ids(txn,
                                "SELECT s.streamId FROM _trib_stream s WHERE s.count > 0 AND s.streamId > ?1 AND NOT "
                                "EXISTS (SELECT 1 FROM _trib_archive a WHERE a.streamId = s.streamId) ORDER BY "
                                "s.streamId LIMIT ?2",
                                b->ask->after, &b->seen, err);
    b->asked = 0;
    for (size_t i = 0; code == TRIB_OK && i < b->seen.count; i++) {
        trib_stream s;
        code = trib_stream_load(txn, b->seen.at[i], &s, err);
        if (code == TRIB_RESPONSE_TOO_LARGE) {
            code = TRIB_OK;
            continue;
        }
        if (code == TRIB_OK && s.count && s.folded < s.version) code = trib_stream_store_fold(txn, &s, err);
        if (code != TRIB_OK || !trib_archive_has_ended(&s)) continue;
        code = trib_archive_ask(txn, &s, err);
        b->asked++;
    }
    return code;
}

static trib_code ask_for_all(archive_ask *ask, trib_error *err) {
    batch b = {.ask = ask};
    if (ask->who.tenant_id.len)
        return trib_error_set(err, TRIB_FORBIDDEN,
                              "all streams are archived by who may see all: name the database streams");
    b.seen.most = ask->limit ? ask->limit : ARCHIVE_ASK_MAX;
    trib_code code = trib_archive_txn(ask->module->archive, &ask->who, true, mark_all, &b, err);
    if (code != TRIB_OK) return code;
    if (b.asked) trib_archive_wake(ask->module->archive);
    ask->status = b.asked ? 202 : 200;
    trib_jw_object_begin(&ask->w);
    member_u64(&ask->w, "asked", b.asked);
    write_next(ask, &b.seen, b.seen.count);
    trib_jw_object_end(&ask->w);
    return TRIB_OK;
}

void archive_handle_ask_all(trib_http_request *http) {
    archive_start(http, true, ask_for_all);
}

/* ---- status ---- */

static trib_code write_stopped(void *ctx, const trib_stmt *stmt, trib_error *err) {
    archive_ask *ask = ctx;
    static const char *const members[] = {"streamId", "key", "why"};
    (void)err;
    trib_jw_object_begin(&ask->w);
    for (int i = 0; i < 3; i++) trib_jw_member_str(&ask->w, members[i], trib_stmt_col_value(stmt, i).bytes);
    trib_jw_object_end(&ask->w);
    return TRIB_OK;
}

static trib_code list_troubles(trib_stream_txn *txn, void *ctx, trib_error *err) {
    archive_ask *ask = ctx;
    trib_arg most = trib_stream_integer(ARCHIVE_SHOWN_MAX);
    trib_code code = TRIB_OK;
    for (int todo = 2; code == TRIB_OK && todo >= 1; todo--) {
        trib_jw_key_c(&ask->w, todo == 2 ? "stopped" : "waiting");
        trib_jw_array_begin(&ask->w);
        code = trib_stmt_run(txn->handle,
                             todo == 2 ? "SELECT streamId, key, why FROM _trib_archive WHERE todo = 2 LIMIT ?1"
                                       : "SELECT streamId, key, why FROM _trib_archive WHERE todo = 1 LIMIT ?1",
                             &most, 1, write_stopped, ask, err);
        trib_jw_array_end(&ask->w);
    }
    return code;
}

static trib_code status(archive_ask *ask, trib_error *err) {
    trib_archive_counts counts = trib_archive_count(ask->module->archive);
    trib_jw_object_begin(&ask->w);
    trib_jw_member_str(&ask->w, "where", trib_str_c(trib_archive_objects(ask->module->archive)->where));
    member_u64(&ask->w, "backlog", counts.waiting);
    member_u64(&ask->w, "alarms", counts.stopped);
    trib_code code = trib_archive_txn(ask->module->archive, &ask->who, false, list_troubles, ask, err);
    trib_jw_object_end(&ask->w);
    return code;
}

void archive_handle_status(trib_http_request *http) {
    archive_start(http, false, status);
}

/* ---- verify: every object against its row ---- */

static trib_code page_of_archived(trib_stream_txn *txn, void *ctx, trib_error *err) {
    batch *b = ctx;
    return select_ids(txn,
                      "SELECT streamId FROM _trib_archive WHERE state IN (3, 4) AND streamId > ?1 ORDER BY streamId "
                      "LIMIT ?2",
                      b->ask->after, &b->seen, err);
}

typedef struct one {
    trib_str id;
    trib_archive_row row;
    bool found;
    trib_stream_links links;
} one;

static trib_code find_one(trib_stream_txn *txn, void *ctx, trib_error *err) {
    one *o = ctx;
    trib_code code = trib_stream_find_links(txn, o->id, &o->links, err);
    return code == TRIB_OK ? trib_archive_find(txn, o->id, &o->row, &o->found, err) : code;
}

/* *ret_why stays empty where all is well. Errors: the database's; the store's, when it is not to be reached. */
static trib_code look_at(archive_ask *ask, trib_str id, uint64_t *bytes, trib_error *ret_why, trib_str *ret_key,
                         trib_error *err) {
    one o = {.id = id};
    trib_arena arena;
    trib_buf text;
    trib_stream s;
    trib_arena_init(&arena, TRIB_ARCHIVE_ARENA_MAX_BYTES);
    trib_buf_init(&text, TRIB_ARCHIVE_BODY_MAX_BYTES);
    trib_stream_txn who = {.app = ask->http->app, .arena = &arena};
    *ret_why = (trib_error){0};
    trib_code code = trib_archive_txn(ask->module->archive, &who, false, find_one, &o, err);
    if (code == TRIB_OK && o.found) {
        trib_code found = trib_archive_read(ask->module->archive, &o.row, &text, ret_why);
        *bytes += text.len;
        if (found == TRIB_OK) found = trib_archive_read_stream(&who, &o.row, trib_buf_str(&text), &s, ret_why);
        if (found == TRIB_OK) found = trib_stream_check_origin(&arena, &s, &o.links, ret_why);
        if (found != TRIB_OK && found != TRIB_CHAIN_BROKEN && found != TRIB_BAD_JSON) {
            code = found;
            if (err) *err = *ret_why;
        } else if (found == TRIB_OK) *ret_why = (trib_error){0};
        *ret_key = trib_arena_dup(&ask->arena, o.row.key);
    }
    trib_buf_deinit(&text);
    trib_arena_deinit(&arena);
    return code;
}

static trib_code verify(archive_ask *ask, trib_error *err) {
    batch b = {.ask = ask};
    size_t used = 0, problems = 0;
    uint64_t bytes = 0;
    b.seen.most = ask->limit && ask->limit < ARCHIVE_VERIFY_MAX ? ask->limit : ARCHIVE_VERIFY_MAX;
    trib_code code = trib_archive_txn(ask->module->archive, &ask->who, false, page_of_archived, &b, err);
    if (code != TRIB_OK) return code;
    trib_jw_object_begin(&ask->w);
    trib_jw_key_c(&ask->w, "problems");
    trib_jw_array_begin(&ask->w);
    while (code == TRIB_OK && used < b.seen.count && bytes < ARCHIVE_VERIFY_BYTES && problems < ARCHIVE_SHOWN_MAX) {
        trib_str id = b.seen.at[used++], key = {0};
        trib_error why;
        code = look_at(ask, id, &bytes, &why, &key, err);
        if (code != TRIB_OK || why.code == TRIB_OK) continue;
        problems++;
        trib_jw_object_begin(&ask->w);
        trib_jw_member_str(&ask->w, "streamId", id);
        trib_jw_member_str(&ask->w, "key", key);
        trib_jw_member_str(&ask->w, "why", trib_str_c(why.message));
        trib_jw_object_end(&ask->w);
    }
    trib_jw_array_end(&ask->w);
    member_u64(&ask->w, "checked", used);
    member_u64(&ask->w, "bytes", bytes);
    write_next(ask, &b.seen, used);
    trib_jw_object_end(&ask->w);
    return code;
}

void archive_handle_verify(trib_http_request *http) {
    archive_start(http, false, verify);
}

/* ---- objects that no stream has ---- */

typedef struct listing {
    archive_ask *ask;
    ids keys;
    trib_str *unknown;
    size_t unknown_count;
} listing;

static bool take_key(void *ctx, trib_str key, uint64_t size) {
    listing *l = ctx;
    (void)size;
    l->keys.at[l->keys.count++] = trib_arena_dup(l->keys.arena, key);
    return l->keys.count < l->keys.most && !l->keys.arena->failed;
}

static trib_code note_key(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)stmt, (void)err;
    *(bool *)ctx = true;
    return TRIB_OK;
}

static trib_code compare_keys(trib_stream_txn *txn, void *ctx, trib_error *err) {
    listing *l = ctx;
    trib_code code = TRIB_OK;
    l->unknown_count = 0;
    for (size_t i = 0; code == TRIB_OK && i < l->keys.count; i++) {
        trib_arg key = trib_stream_text(l->keys.at[i]);
        bool known = false;
        code = trib_stmt_run(txn->handle, "SELECT 1 FROM _trib_archive WHERE key = ?1", &key, 1, note_key, &known, err);
        if (!known) l->unknown[l->unknown_count++] = l->keys.at[i];
    }
    return code;
}

static trib_code unknown(archive_ask *ask, trib_error *err) {
    const trib_objects *objects = trib_archive_objects(ask->module->archive);
    listing l = {.ask = ask};
    trib_code code = make_ids(ask, ask->limit ? ask->limit : ARCHIVE_ASK_MAX, &l.keys, err);
    l.unknown = trib_arena_zalloc(&ask->arena, l.keys.most, sizeof *l.unknown);
    if (code == TRIB_OK && !l.unknown) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) code = objects->list(objects->ctx, ask->after, take_key, &l, err);
    if (code == TRIB_OK) code = trib_archive_txn(ask->module->archive, &ask->who, false, compare_keys, &l, err);
    if (code != TRIB_OK) return code;
    trib_jw_object_begin(&ask->w);
    trib_jw_key_c(&ask->w, "unknown");
    trib_jw_array_begin(&ask->w);
    for (size_t i = 0; i < l.unknown_count; i++) trib_jw_str(&ask->w, l.unknown[i]);
    trib_jw_array_end(&ask->w);
    member_u64(&ask->w, "objects", l.keys.count);
    write_next(ask, &l.keys, l.keys.count);
    trib_jw_object_end(&ask->w);
    return TRIB_OK;
}

void archive_handle_unknown(trib_http_request *http) {
    archive_start(http, false, unknown);
}
