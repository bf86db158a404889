/* SPDX-License-Identifier: Apache-2.0 */
/* Looks for streams that have ended and are not archived (archive.h): a page of those that have events, by id. Status
 * and type are those of the last fold; what came by SQL since then is folded first. */
#include <string.h>

#include "core/archive_int.h"

typedef struct page {
    trib_str after;
    int64_t before_ms; /* streams whose last event came before */
    trib_app *app;
    trib_arena *arena;
    trib_str due[TRIB_ARCHIVE_PAGE];
    size_t due_count, due_at, seen; /* due_at: those before have been asked for */
    trib_str last;
    uint64_t asked, now_asked; /* now_asked: by the transaction under way */
} page;

static trib_str text_at(const trib_stmt *stmt, int col) {
    trib_value value = trib_stmt_col_value(stmt, col);
    return value.type == TRIB_VALUE_TEXT ? value.bytes : (trib_str){0};
}

static bool may_have_ended(const page *p, const trib_stmt *stmt) {
    trib_str type_name = text_at(stmt, 1), status_name = text_at(stmt, 2);
    bool stale = trib_stmt_col_value(stmt, 3).integer != 0, closed = trib_stmt_col_value(stmt, 4).integer != 0;
    if (trib_stmt_col_value(stmt, 5).integer > p->before_ms) return false;
    if (stale || closed) return true;
    const trib_deal_type *type = trib_deal_registry_get(p->app->stream_types, type_name);
    int status = type ? trib_deal_status_find(type, status_name) : -1;
    if (status < 0) return false;
    const trib_deal_state state = {.version = 1, .status = status};
    return trib_deal_is_final(type, &state);
}

static trib_code take_stream(void *ctx, const trib_stmt *stmt, trib_error *err) {
    page *p = ctx;
    p->seen++;
    p->last = trib_arena_dup(p->arena, text_at(stmt, 0));
    if (may_have_ended(p, stmt)) p->due[p->due_count++] = p->last;
    return p->arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code find(trib_stream_txn *txn, void *ctx, trib_error *err) {
    page *p = ctx;
    trib_arg args[] = {trib_stream_text(p->after), trib_stream_integer(TRIB_ARCHIVE_PAGE)};
    p->seen = p->due_count = 0;
    /* from one stream that has events to the next, not over all that were ever archived */
    return trib_stmt_run(txn->handle,
                         "WITH RECURSIVE live(id) AS (SELECT min(streamId) FROM _trib_ev WHERE streamId > ?1 UNION ALL "
                         "SELECT (SELECT min(v.streamId) FROM _trib_ev v WHERE v.streamId > live.id) FROM live "
                         "WHERE live.id IS NOT NULL) "
                         "SELECT s.streamId, s.type, s.status, s.folded < s.version, s.closed_ms IS NOT NULL, "
                         "(SELECT v.at_ms FROM _trib_ev v WHERE v.streamId = s.streamId ORDER BY v.seq DESC LIMIT 1) "
                         "FROM live CROSS JOIN _trib_stream s ON s.streamId = live.id WHERE s.count > 0 AND NOT EXISTS "
                         "(SELECT 1 FROM _trib_archive a WHERE a.streamId = s.streamId) LIMIT ?2",
                         args, 2, take_stream, p, err);
}

/* Some of them, as they are now: an event may have come since. */
static trib_code ask_for(trib_stream_txn *txn, void *ctx, trib_error *err) {
    page *p = ctx;
    trib_code code = TRIB_OK;
    size_t end = p->due_at + TRIB_ARCHIVE_ASK < p->due_count ? p->due_at + TRIB_ARCHIVE_ASK : p->due_count;
    p->now_asked = 0;
    for (size_t i = p->due_at; code == TRIB_OK && i < end; i++) {
        trib_stream s;
        code = trib_stream_load(txn, p->due[i], &s, err);
        if (code == TRIB_RESPONSE_TOO_LARGE) {
            code = TRIB_OK;
            continue;
        }
        if (code == TRIB_OK && s.count && s.folded < s.version) code = trib_stream_store_fold(txn, &s, err);
        if (code != TRIB_OK || !trib_archive_has_ended(&s) || s.events[s.count - 1].at_ms > p->before_ms) continue;
        code = trib_archive_ask(txn, &s, err);
        p->now_asked++;
    }
    return code;
}

trib_code trib_archive_sweep(trib_archive *archive, trib_buf *after, int64_t older_ms, uint64_t *ret_asked,
                             trib_error *err) {
    trib_app *app = trib_archive_app(archive);
    trib_arena arena;
    trib_arena_init(&arena, TRIB_ARCHIVE_ARENA_MAX_BYTES);
    page *p = trib_arena_zalloc(&arena, 1, sizeof *p);
    trib_str from = trib_arena_dup(&arena, trib_buf_str(after));
    trib_stream_txn who = {.app = app, .arena = &arena};
    trib_code code = p && from.ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) {
        p->app = app;
        p->arena = &arena;
        p->after = from;
        p->before_ms = trib_env_wall_ms(app->env) - older_ms;
        code = trib_archive_txn(archive, &who, false, find, p, err);
    }
    while (code == TRIB_OK && p->due_at < p->due_count) {
        code = trib_archive_txn(archive, &who, true, ask_for, p, err);
        p->due_at += TRIB_ARCHIVE_ASK;
        p->asked += p->now_asked;
    }
    trib_buf_clear(after);
    if (code == TRIB_OK) {
        if (p->seen == TRIB_ARCHIVE_PAGE) trib_buf_add(after, p->last);
        *ret_asked = p->asked;
    }
    trib_arena_deinit(&arena);
    return code;
}
