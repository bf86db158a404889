/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions and their links, as they are stored in the database of their tenant; made with its first subscription.
 *
 *   _trib_ds_sub   a subscription and its state. home: the tenant's id. A database that was forked or imported brings
 *                  the rows of another one, which are none here: who had them in mind did not mean this tenant
 *   _trib_ds_link  a stream that it is linked to. acked: up to where it is done; told: up to where the wake at hand has
 *                  said that there is something; pending: there may be something behind acked */
#include <stdio.h>
#include <string.h>

#include "features/durable/glob.h"
#include "features/durable/sub_int.h"

const char *const durable_sub_tables[DURABLE_SUB_TABLES] = {
    "CREATE TABLE IF NOT EXISTS _trib_ds_sub("
    "id INTEGER PRIMARY KEY, home TEXT NOT NULL, name TEXT NOT NULL, pattern TEXT, url TEXT, wake_stream TEXT, "
    "description TEXT, config TEXT NOT NULL, lease_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL, "
    "generation INTEGER NOT NULL, wake TEXT, holder TEXT, next_ms INTEGER, until_ms INTEGER, "
    "failures INTEGER NOT NULL, last_error TEXT, UNIQUE(home, name)) STRICT",
    "CREATE TABLE IF NOT EXISTS _trib_ds_link("
    "sub INTEGER NOT NULL, path TEXT NOT NULL, explicit INTEGER NOT NULL, globbed INTEGER NOT NULL, "
    "acked INTEGER NOT NULL, told INTEGER, pending INTEGER NOT NULL, PRIMARY KEY(sub, path)) STRICT, WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS _trib_ds_link_path ON _trib_ds_link(path)",
    "CREATE INDEX IF NOT EXISTS _trib_ds_link_pending ON _trib_ds_link(sub, path) WHERE pending = 1",
};

#define COLUMNS                                                                                                        \
    "id, name, pattern, url, wake_stream, description, config, lease_ms, created_ms, generation, wake, holder, "       \
    "next_ms, until_ms, failures, last_error"
/* A stream of a link that is there; ?2 is the time. */
#define LIVE_STREAM "_trib_ds_stream s ON s.path = l.path AND s.gone = 0 AND (s.dies_ms IS NULL OR s.dies_ms > ?2)"

static trib_arg maybe(int64_t value) {
    return value < 0 ? (trib_arg){.value = {.type = TRIB_VALUE_NULL}} : trib_stream_integer(value);
}

static trib_code run(durable_ask *ask, const char *sql, const trib_arg *args, size_t count, trib_error *err) {
    return trib_stmt_run(ask->handle, sql, args, count, NULL, NULL, err);
}

static int64_t integer_at(const trib_stmt *stmt, int col) {
    trib_value value = trib_stmt_col_value(stmt, col);
    return value.type == TRIB_VALUE_INTEGER ? value.integer : -1;
}

static trib_code take_integer(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = integer_at(stmt, 0);
    return TRIB_OK;
}

/* -1: no row. */
static trib_code ask_integer(durable_ask *ask, const char *sql, const trib_arg *args, size_t count, int64_t *ret,
                             trib_error *err) {
    *ret = -1;
    return trib_stmt_run(ask->handle, sql, args, count, take_integer, ret, err);
}

/* ---- subscriptions ---- */

typedef struct taking {
    trib_arena *arena;
    durable_sub *to;
    size_t count, max;
} taking;

static trib_str text_at(trib_arena *arena, const trib_stmt *stmt, int col) {
    trib_value value = trib_stmt_col_value(stmt, col);
    return value.type == TRIB_VALUE_TEXT ? trib_arena_dup(arena, value.bytes) : (trib_str){0};
}

static trib_code take_sub(void *ctx, const trib_stmt *stmt, trib_error *err) {
    taking *t = ctx;
    if (t->count == t->max) return TRIB_OK;
    t->to[t->count++] = (durable_sub){.id = integer_at(stmt, 0),
                                      .name = text_at(t->arena, stmt, 1),
                                      .pattern = text_at(t->arena, stmt, 2),
                                      .url = text_at(t->arena, stmt, 3),
                                      .wake_stream = text_at(t->arena, stmt, 4),
                                      .description = text_at(t->arena, stmt, 5),
                                      .config = text_at(t->arena, stmt, 6),
                                      .lease_ms = integer_at(stmt, 7),
                                      .created_ms = integer_at(stmt, 8),
                                      .generation = integer_at(stmt, 9),
                                      .wake = text_at(t->arena, stmt, 10),
                                      .holder = text_at(t->arena, stmt, 11),
                                      .next_ms = integer_at(stmt, 12),
                                      .until_ms = integer_at(stmt, 13),
                                      .failures = integer_at(stmt, 14),
                                      .last_error = text_at(t->arena, stmt, 15)};
    return t->arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

trib_code durable_sub_load(durable_ask *ask, trib_str name, durable_sub *ret, trib_error *err) {
    taking t = {&ask->arena, ret, 0, 1};
    trib_arg args[] = {trib_stream_text(trib_str_c(ask->tenant->id)), trib_stream_text(name)};
    trib_code code = TRIB_OK;
    if (ask->has_subs)
        code = trib_stmt_run(ask->handle, "SELECT " COLUMNS " FROM _trib_ds_sub WHERE home = ?1 AND name = ?2", args, 2,
                             take_sub, &t, err);
    if (code != TRIB_OK || t.count == 1) return code;
    return trib_error_set(err, TRIB_SUBSCRIPTION_NOT_FOUND, "there is no subscription \"%.*s\" here",
                          TRIB_STR_ARG(trib_str_sub(name, 0, trib_str_utf8_prefix(trib_str_sub(name, 0, 150)))));
}

trib_code durable_sub_load_all(durable_ask *ask, durable_sub **ret, size_t *ret_count, trib_error *err) {
    taking t = {&ask->arena, NULL, 0, DURABLE_SUBS_PER_TENANT_MAX};
    trib_arg arg = trib_stream_text(trib_str_c(ask->tenant->id));
    *ret_count = 0;
    if (!ask->has_subs) return TRIB_OK;
    t.to = trib_arena_alloc(&ask->arena, t.max * sizeof *t.to);
    if (!t.to) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = trib_stmt_run(ask->handle, "SELECT " COLUMNS " FROM _trib_ds_sub WHERE home = ?1 ORDER BY name",
                                   &arg, 1, take_sub, &t, err);
    *ret = t.to;
    *ret_count = t.count;
    return code;
}

trib_code durable_sub_insert(durable_ask *ask, const durable_call *call, durable_sub *ret, trib_error *err) {
    int64_t count, last;
    trib_arg home = trib_stream_text(trib_str_c(ask->tenant->id));
    trib_code code = ask_integer(ask, "SELECT count(*) FROM _trib_ds_sub WHERE home = ?1", &home, 1, &count, err);
    if (code == TRIB_OK && count >= DURABLE_SUBS_PER_TENANT_MAX)
        return trib_error_set(err, TRIB_TOO_MANY_REQUESTS, "a tenant has at most %d subscriptions; delete one",
                              DURABLE_SUBS_PER_TENANT_MAX);
    if (code == TRIB_OK) /* of the database that this one is a copy of */
        code = run(ask, "DELETE FROM _trib_ds_link WHERE sub IN (SELECT id FROM _trib_ds_sub WHERE home <> ?1)", &home,
                   1, err);
    if (code == TRIB_OK) code = run(ask, "DELETE FROM _trib_ds_sub WHERE home <> ?1", &home, 1, err);
    if (code == TRIB_OK) code = ask_integer(ask, "SELECT max(id) FROM _trib_ds_sub", NULL, 0, &last, err);
    if (code != TRIB_OK) return code;
    *ret = (durable_sub){.id = last < 0 ? 1 : last + 1,
                         .name = call->name,
                         .pattern = call->pattern,
                         .url = call->url,
                         .wake_stream = call->wake_stream,
                         .description = call->description,
                         .config = trib_str_c(call->config),
                         .lease_ms = call->lease_ms,
                         .created_ms = ask->now_ms,
                         .next_ms = -1,
                         .until_ms = -1};
    trib_arg args[] = {trib_stream_integer(ret->id),       home,
                       trib_stream_text(ret->name),        trib_stream_text(ret->pattern),
                       trib_stream_text(ret->url),         trib_stream_text(ret->wake_stream),
                       trib_stream_text(ret->description), trib_stream_text(ret->config),
                       trib_stream_integer(ret->lease_ms), trib_stream_integer(ret->created_ms)};
    return run(ask,
               "INSERT INTO _trib_ds_sub(id, home, name, pattern, url, wake_stream, description, config, lease_ms, "
               "created_ms, generation, failures) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0)",
               args, sizeof args / sizeof *args, err);
}

trib_code durable_sub_save(durable_ask *ask, durable_sub *sub, trib_error *err) {
    if (!sub->changed) return TRIB_OK;
    sub->changed = false;
    trib_arg args[] = {trib_stream_integer(sub->id),
                       trib_stream_integer(sub->generation),
                       trib_stream_text(sub->wake),
                       trib_stream_text(sub->holder),
                       maybe(sub->next_ms),
                       maybe(sub->until_ms),
                       trib_stream_integer(sub->failures),
                       trib_stream_text(sub->last_error)};
    return run(ask,
               "UPDATE _trib_ds_sub SET generation = ?2, wake = ?3, holder = ?4, next_ms = ?5, until_ms = ?6, "
               "failures = ?7, last_error = ?8 WHERE id = ?1",
               args, sizeof args / sizeof *args, err);
}

trib_code durable_sub_delete(durable_ask *ask, const durable_sub *sub, trib_error *err) {
    trib_arg arg = trib_stream_integer(sub->id);
    trib_code code = run(ask, "DELETE FROM _trib_ds_link WHERE sub = ?1", &arg, 1, err);
    return code == TRIB_OK ? run(ask, "DELETE FROM _trib_ds_sub WHERE id = ?1", &arg, 1, err) : code;
}

/* ---- links ---- */

trib_code durable_link_add(durable_ask *ask, const durable_sub *sub, trib_str path, bool is_explicit, trib_error *err) {
    int64_t count = 0;
    durable_stream s;
    trib_arg id = trib_stream_integer(sub->id);
    trib_code code = TRIB_OK;
    if (is_explicit)
        code =
            ask_integer(ask, "SELECT count(*) FROM _trib_ds_link WHERE sub = ?1 AND explicit = 1", &id, 1, &count, err);
    if (code == TRIB_OK && count >= DURABLE_SUB_EXPLICIT_MAX)
        return trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                              "a subscription names at most %d streams; use a \"pattern\" for more",
                              DURABLE_SUB_EXPLICIT_MAX);
    if (code == TRIB_OK) code = durable_load(ask, path, &s, err);
    if (code != TRIB_OK) return code;
    bool globbed = sub->pattern.ptr && durable_glob_match(sub->pattern, path);
    trib_arg args[] = {id, trib_stream_text(path), trib_stream_integer(is_explicit), trib_stream_integer(globbed),
                       trib_stream_integer(s.exists && !s.gone ? (int64_t)s.tail : 0)};
    return run(ask,
               "INSERT INTO _trib_ds_link(sub, path, explicit, globbed, acked, pending) VALUES (?1, ?2, ?3, ?4, ?5, 0) "
               "ON CONFLICT(sub, path) DO UPDATE SET explicit = max(explicit, excluded.explicit)",
               args, 5, err);
}

trib_code durable_link_remove(durable_ask *ask, const durable_sub *sub, trib_str path, trib_error *err) {
    trib_arg args[] = {trib_stream_integer(sub->id), trib_stream_text(path)};
    trib_code code =
        run(ask, "UPDATE _trib_ds_link SET explicit = 0 WHERE sub = ?1 AND path = ?2 AND globbed = 1", args, 2, err);
    return code == TRIB_OK
               ? run(ask, "DELETE FROM _trib_ds_link WHERE sub = ?1 AND path = ?2 AND globbed = 0", args, 2, err)
               : code;
}

typedef struct backfill {
    durable_ask *ask;
    const durable_sub *sub;
    trib_str prefix;
    bool over;
} backfill;

static trib_code take_stream(void *ctx, const trib_stmt *stmt, trib_error *err) {
    backfill *b = ctx;
    trib_str path = trib_stmt_col_value(stmt, 0).bytes;
    if (!trib_str_starts(path, b->prefix)) {
        b->over = true;
        return TRIB_CANCELLED; /* ends the statement; it is no failure */
    }
    if (!durable_glob_match(b->sub->pattern, path)) return TRIB_OK;
    trib_arg args[] = {trib_stream_integer(b->sub->id), trib_stream_text(path),
                       trib_stream_integer(integer_at(stmt, 1))};
    return run(b->ask,
               "INSERT INTO _trib_ds_link(sub, path, explicit, globbed, acked, pending) VALUES (?1, ?2, 0, 1, ?3, 0) "
               "ON CONFLICT(sub, path) DO UPDATE SET globbed = 1",
               args, 3, err);
}

/* Those that are not among the first are linked with their next append, from the end that they have until then: the
 * same but for what GET shows. */
trib_code durable_link_backfill(durable_ask *ask, const durable_sub *sub, trib_error *err) {
    if (!sub->pattern.ptr) return TRIB_OK;
    backfill b = {.ask = ask, .sub = sub, .prefix = durable_glob_prefix(sub->pattern)};
    trib_arg args[] = {trib_stream_text(b.prefix), trib_stream_integer(ask->now_ms),
                       trib_stream_integer(DURABLE_SUB_BACKFILL_MAX)};
    trib_code code = trib_stmt_run(ask->handle,
                                   "SELECT path, tail FROM _trib_ds_stream WHERE path >= ?1 AND gone = 0 AND "
                                   "(dies_ms IS NULL OR dies_ms > ?2) ORDER BY path LIMIT ?3",
                                   args, 3, take_stream, &b, err);
    return code == TRIB_CANCELLED && b.over ? TRIB_OK : code;
}

/* ---- what appends do ---- */

typedef struct noting {
    durable_ask *ask;
    trib_str path;
    uint64_t before;
} noting;

static trib_code take_pattern(void *ctx, const trib_stmt *stmt, trib_error *err) {
    noting *n = ctx;
    if (!durable_glob_match(trib_stmt_col_value(stmt, 1).bytes, n->path)) return TRIB_OK;
    n->ask->nudges = true;
    trib_arg args[] = {trib_stream_integer(integer_at(stmt, 0)), trib_stream_text(n->path),
                       trib_stream_integer((int64_t)n->before)};
    return run(n->ask,
               "INSERT INTO _trib_ds_link(sub, path, explicit, globbed, acked, pending) VALUES (?1, ?2, 0, 1, ?3, 1) "
               "ON CONFLICT(sub, path) DO UPDATE SET globbed = 1, pending = 1",
               args, 3, err);
}

/* Nothing of a wake stream wakes the subscription that it belongs to: that would never end. */
trib_code durable_link_note(durable_ask *ask, trib_str path, uint64_t before, trib_error *err) {
    noting n = {.ask = ask, .path = path, .before = before};
    int64_t found;
    trib_arg args[] = {trib_stream_text(path), trib_stream_text(trib_str_c(ask->tenant->id))};
    trib_code code = ask_integer(ask,
                                 "SELECT 1 FROM _trib_ds_link WHERE path = ?1 AND pending = 0 AND sub IN (SELECT id "
                                 "FROM _trib_ds_sub WHERE home = ?2 AND wake_stream IS NOT ?1) LIMIT 1",
                                 args, 2, &found, err);
    if (code == TRIB_OK && found == 1) {
        ask->nudges = true;
        code = run(ask,
                   "UPDATE _trib_ds_link SET pending = 1 WHERE path = ?1 AND pending = 0 AND sub IN (SELECT id FROM "
                   "_trib_ds_sub WHERE home = ?2 AND wake_stream IS NOT ?1)",
                   args, 2, err);
    }
    if (code != TRIB_OK) return code;
    return trib_stmt_run(ask->handle,
                         "SELECT id, pattern FROM _trib_ds_sub s WHERE home = ?2 AND pattern IS NOT NULL AND "
                         "wake_stream IS NOT ?1 AND NOT EXISTS "
                         "(SELECT 1 FROM _trib_ds_link l WHERE l.sub = s.id AND l.path = ?1)",
                         args, 2, take_pattern, &n, err);
}

trib_code durable_link_made(durable_ask *ask, trib_str path, uint64_t tail, trib_error *err) {
    trib_arg args[] = {trib_stream_text(path), trib_stream_integer((int64_t)tail)};
    return run(ask, "UPDATE _trib_ds_link SET acked = ?2 WHERE path = ?1 AND acked <> ?2", args, 2, err);
}

trib_code durable_link_forget(durable_ask *ask, int64_t stream, trib_error *err) {
    trib_arg arg = trib_stream_integer(stream);
    trib_code code = run(ask,
                         "DELETE FROM _trib_ds_link WHERE path = (SELECT path FROM _trib_ds_stream WHERE id = ?1) AND "
                         "explicit = 0",
                         &arg, 1, err);
    if (code != TRIB_OK) return code;
    return run(ask,
               "UPDATE _trib_ds_link SET acked = 0, told = NULL, pending = 0 WHERE path = "
               "(SELECT path FROM _trib_ds_stream WHERE id = ?1)",
               &arg, 1, err);
}

/* ---- what wakes do ---- */

typedef struct one_path {
    trib_arena *arena;
    trib_str path;
} one_path;

static trib_code take_path(void *ctx, const trib_stmt *stmt, trib_error *err) {
    one_path *to = ctx;
    to->path = text_at(to->arena, stmt, 0);
    return to->path.ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

trib_code durable_link_pending(durable_ask *ask, const durable_sub *sub, trib_str *ret_path, trib_error *err) {
    one_path to = {.arena = &ask->arena};
    trib_arg args[] = {trib_stream_integer(sub->id), trib_stream_integer(ask->now_ms)};
    trib_code code = trib_stmt_run(ask->handle,
                                   "SELECT l.path FROM _trib_ds_link l JOIN " LIVE_STREAM
                                   " WHERE l.sub = ?1 AND l.pending = 1 AND s.tail > l.acked LIMIT 1",
                                   args, 2, take_path, &to, err);
    *ret_path = to.path;
    return code;
}

typedef struct writing {
    trib_json_writer *w;
    bool whole;
    int64_t count;
} writing;

static trib_code take_link(void *ctx, const trib_stmt *stmt, trib_error *err) {
    writing *to = ctx;
    char offset[DURABLE_OFFSET_BYTES];
    (void)err;
    int64_t acked = integer_at(stmt, 2), tail = integer_at(stmt, 3);
    trib_jw_object_begin(to->w);
    trib_jw_member_str(to->w, "path", trib_stmt_col_value(stmt, 0).bytes);
    trib_jw_member_str(to->w, "link_type", integer_at(stmt, 1) == 1 ? TRIB_STR("explicit") : TRIB_STR("glob"));
    durable_offset_write((uint64_t)acked, offset);
    trib_jw_member_str(to->w, "acked_offset", trib_str_c(offset));
    if (to->whole) {
        durable_offset_write(tail > 0 ? (uint64_t)tail : 0, offset);
        trib_jw_member_str(to->w, "tail_offset", trib_str_c(offset));
        trib_jw_member_bool(to->w, "has_pending", tail > acked);
    }
    trib_jw_object_end(to->w);
    to->count++;
    return TRIB_OK;
}

#define LIST_LINKS(pending)                                                                                            \
    "SELECT l.path, l.explicit, l.acked, s.tail FROM _trib_ds_link l LEFT JOIN " LIVE_STREAM                           \
    " WHERE l.sub = ?1 AND l.pending = " pending " ORDER BY l.path LIMIT ?3"

/* What a wake says is what its end acknowledges: the same rows, in the same transaction. */
static trib_code note_told(durable_ask *ask, const durable_sub *sub, trib_error *err) {
    trib_arg args[] = {trib_stream_integer(sub->id), trib_stream_integer(ask->now_ms),
                       trib_stream_integer(DURABLE_SUB_SHOWN_MAX)};
    trib_code code = run(
        ask, "UPDATE _trib_ds_link SET told = NULL WHERE sub = ?1 AND pending = 1 AND told IS NOT NULL", args, 1, err);
    if (code != TRIB_OK) return code;
    return run(ask,
               "UPDATE _trib_ds_link SET told = (SELECT s.tail FROM _trib_ds_stream s WHERE s.path = "
               "_trib_ds_link.path AND s.gone = 0 AND (s.dies_ms IS NULL OR s.dies_ms > ?2)) "
               "WHERE sub = ?1 AND pending = 1 AND path IN "
               "(SELECT path FROM _trib_ds_link WHERE sub = ?1 AND pending = 1 ORDER BY path LIMIT ?3)",
               args, 3, err);
}

trib_code durable_link_write(durable_ask *ask, const durable_sub *sub, bool whole, bool tell, trib_json_writer *w,
                             trib_error *err) {
    writing to = {.w = w, .whole = whole};
    trib_arg args[] = {trib_stream_integer(sub->id), trib_stream_integer(ask->now_ms),
                       trib_stream_integer(DURABLE_SUB_SHOWN_MAX)};
    trib_jw_key_c(w, "streams");
    trib_jw_array_begin(w);
    trib_code code = trib_stmt_run(ask->handle, LIST_LINKS("1"), args, 3, take_link, &to, err);
    args[2] = trib_stream_integer(DURABLE_SUB_SHOWN_MAX - to.count);
    if (code == TRIB_OK) code = trib_stmt_run(ask->handle, LIST_LINKS("0"), args, 3, take_link, &to, err);
    trib_jw_array_end(w);
    return code == TRIB_OK && tell ? note_told(ask, sub, err) : code;
}

typedef struct place {
    int64_t acked, tail;
    bool found;
} place;

static trib_code take_place(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(place *)ctx = (place){integer_at(stmt, 0), integer_at(stmt, 1), true};
    return TRIB_OK;
}

trib_code durable_link_ack(durable_ask *ask, const durable_sub *sub, const durable_ack *ack, trib_error *err) {
    place at = {0};
    const char *why = NULL;
    trib_arg args[] = {trib_stream_integer(sub->id), trib_stream_integer(ask->now_ms), trib_stream_text(ack->path),
                       trib_stream_integer((int64_t)ack->position)};
    trib_code code = trib_stmt_run(ask->handle,
                                   "SELECT l.acked, s.tail FROM _trib_ds_link l LEFT JOIN " LIVE_STREAM
                                   " WHERE l.sub = ?1 AND l.path = ?3",
                                   args, 3, take_place, &at, err);
    if (code != TRIB_OK) return code;
    if (!at.found) why = "is not linked to the subscription";
    else if ((int64_t)ack->position < at.acked) why = "is acknowledged further than this already";
    else if ((int64_t)ack->position > at.tail) why = "does not reach as far";
    if (why)
        return trib_error_set(
            err, TRIB_INVALID_OFFSET, "the stream \"%.*s\" %s; nothing was acknowledged",
            TRIB_STR_ARG(trib_str_sub(ack->path, 0, trib_str_utf8_prefix(trib_str_sub(ack->path, 0, 150)))), why);
    trib_arg set[] = {trib_stream_integer(sub->id), trib_stream_text(ack->path),
                      trib_stream_integer((int64_t)ack->position),
                      trib_stream_integer(at.tail > (int64_t)ack->position)};
    return run(ask, "UPDATE _trib_ds_link SET acked = ?3, pending = ?4 WHERE sub = ?1 AND path = ?2", set, 4, err);
}

trib_code durable_link_ack_told(durable_ask *ask, const durable_sub *sub, trib_error *err) {
    trib_arg arg = trib_stream_integer(sub->id);
    return run(ask,
               "UPDATE _trib_ds_link SET acked = max(acked, told), told = NULL, pending = EXISTS (SELECT 1 FROM "
               "_trib_ds_stream s WHERE s.path = _trib_ds_link.path AND s.tail > max(acked, told)) "
               "WHERE sub = ?1 AND pending = 1 AND told IS NOT NULL",
               &arg, 1, err);
}
