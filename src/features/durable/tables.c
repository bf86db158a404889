/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of durable streams, in the database of their tenant; made with its first stream.
 *
 *   _trib_ds_stream    a stream. path NULL: removed, its parts go in slices; gone: removed or too old, and needed by
 *                      forks (source: what it is a fork of, up to fork_position)
 *   _trib_ds_part      an append: where it begins, how much it is (bytes or messages), and the bytes
 *   _trib_ds_producer  who has written, and up to which (epoch, seq)
 *
 * Clients' SQL cannot see them (store/policy.h). */
#include <string.h>

#include "features/durable/durable_int.h"

static const char *const tables[] = {
    "CREATE TABLE IF NOT EXISTS _trib_ds_stream("
    "id INTEGER PRIMARY KEY, path TEXT UNIQUE, type TEXT NOT NULL, tail INTEGER NOT NULL, closed INTEGER NOT NULL, "
    "gone INTEGER NOT NULL, created_ms INTEGER NOT NULL, touched_ms INTEGER NOT NULL, ttl_s INTEGER, "
    "expires_ms INTEGER, dies_ms INTEGER, seq TEXT, source INTEGER, fork_position INTEGER NOT NULL, "
    "depth INTEGER NOT NULL) STRICT",
    "CREATE INDEX IF NOT EXISTS _trib_ds_stream_source ON _trib_ds_stream(source) WHERE source IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS _trib_ds_stream_dies ON _trib_ds_stream(dies_ms) WHERE dies_ms IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS _trib_ds_stream_removed ON _trib_ds_stream(id) WHERE path IS NULL",
    "CREATE TABLE IF NOT EXISTS _trib_ds_part("
    "stream INTEGER NOT NULL, position INTEGER NOT NULL, length INTEGER NOT NULL, data BLOB NOT NULL, "
    "PRIMARY KEY(stream, position)) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS _trib_ds_producer("
    "stream INTEGER NOT NULL, producer TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, "
    "PRIMARY KEY(stream, producer)) STRICT, WITHOUT ROWID",
};

#define COLUMNS                                                                                                        \
    "id, type, tail, closed, gone, created_ms, touched_ms, ttl_s, expires_ms, dies_ms, seq, source, fork_position, "   \
    "depth"

static trib_arg maybe(int64_t value, int64_t none) {
    return value == none ? (trib_arg){.value = {.type = TRIB_VALUE_NULL}} : trib_stream_integer(value);
}

static trib_code run(durable_ask *ask, const char *sql, const trib_arg *args, size_t count, trib_error *err) {
    return trib_stmt_run(ask->handle, sql, args, count, NULL, NULL, err);
}

static trib_code take_integer(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    trib_value value = trib_stmt_col_value(stmt, 0);
    if (value.type == TRIB_VALUE_INTEGER) *(int64_t *)ctx = value.integer;
    return TRIB_OK;
}

static trib_code ask_integer(durable_ask *ask, const char *sql, const trib_arg *args, size_t count, int64_t *ret,
                             trib_error *err) {
    *ret = 0;
    return trib_stmt_run(ask->handle, sql, args, count, take_integer, ret, err);
}

/* The row of sqlite_schema is one that `made` makes. SQLite keeps the text from the name on. */
static bool is_one_of(const char *const *made, size_t count, trib_str name, trib_str sql) {
    for (size_t i = 0; i < count; i++) {
        static const char words[] = " IF NOT EXISTS ";
        trib_str kind = trib_str_c(made[i]), rest = kind;
        while (!trib_str_starts(rest, trib_str_c(words))) rest = trib_str_sub(rest, 1, rest.len);
        kind.len -= rest.len;
        rest = trib_str_sub(rest, sizeof words - 1, rest.len);
        if (!trib_str_starts(rest, name)) continue;
        if (sql.len == kind.len + 1 + rest.len && trib_str_starts(sql, kind) && trib_str_ends(sql, rest)) return true;
    }
    return false;
}

typedef struct objects {
    size_t tables, subs;
} objects;

static trib_code take_object(void *ctx, const trib_stmt *stmt, trib_error *err) {
    objects *count = ctx;
    trib_str name = trib_stmt_col_value(stmt, 0).bytes;
    trib_value sql = trib_stmt_col_value(stmt, 1);
    if (sql.type == TRIB_VALUE_NULL) return TRIB_OK; /* the index of a UNIQUE */
    bool of_stream = is_one_of(tables, sizeof tables / sizeof *tables, name, sql.bytes);
    bool of_sub = !of_stream && is_one_of(durable_sub_tables, DURABLE_SUB_TABLES, name, sql.bytes);
    if (!of_stream && !of_sub)
        return trib_error_set(err, TRIB_INTERNAL,
                              "the database came with tables or triggers of its own under names that begin with "
                              "_trib_ds_; import it without them");
    count->tables += of_stream;
    count->subs += of_sub;
    return TRIB_OK;
}

/* Subscriptions of a tenant that is not noted are of the database that this one is a copy of. */
static void set_has(durable_ask *ask, unsigned has) {
    ask->has_tables = has & DURABLE_HAS_STREAMS;
    ask->has_subs = (has & DURABLE_HAS_SUBS) && durable_rounds_knows(durable_module_rounds(ask->module), ask->tenant);
}

/* A database that was imported may hold anything under these names, and what we run on them no policy holds back. */
trib_code durable_tables_check(durable_ask *ask, trib_error *err) {
    int64_t version;
    objects count = {0};
    unsigned has = 0;
    trib_str id = trib_str_c(ask->tenant->id);
    trib_code code = ask_integer(ask, "PRAGMA schema_version", NULL, 0, &version, err);
    if (code != TRIB_OK) return code;
    if (durable_checked_get(durable_module_checked(ask->module), id, version, &has)) {
        set_has(ask, has);
        return code;
    }
    code = trib_stmt_run(ask->handle,
                         "SELECT name, sql FROM sqlite_schema WHERE lower(substr(name, 1, 9)) = '_trib_ds_' OR "
                         "lower(substr(tbl_name, 1, 9)) = '_trib_ds_'",
                         NULL, 0, take_object, &count, err);
    if (code != TRIB_OK) return code;
    if (count.tables == sizeof tables / sizeof *tables) has |= DURABLE_HAS_STREAMS;
    if (count.subs == DURABLE_SUB_TABLES && has) has |= DURABLE_HAS_SUBS;
    if (count.tables + count.subs > 0 &&
        has != (count.subs ? DURABLE_HAS_STREAMS | DURABLE_HAS_SUBS : DURABLE_HAS_STREAMS))
        return trib_error_set(err, TRIB_INTERNAL, "the tables of the durable streams are not complete");
    durable_checked_set(durable_module_checked(ask->module), id, version, has);
    set_has(ask, has);
    return code;
}

trib_code durable_tables_make(durable_ask *ask, trib_error *err) {
    trib_code code = TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && !ask->has_tables && i < sizeof tables / sizeof *tables; i++)
        code = run(ask, tables[i], NULL, 0, err);
    ask->has_tables = code == TRIB_OK;
    return code;
}

trib_code durable_sub_tables_make(durable_ask *ask, trib_error *err) {
    trib_code code = TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && !ask->has_subs && i < DURABLE_SUB_TABLES; i++)
        code = run(ask, durable_sub_tables[i], NULL, 0, err);
    ask->has_subs = code == TRIB_OK;
    return code;
}

/* ---- a stream ---- */

typedef struct taking {
    trib_arena *arena;
    durable_stream *to;
} taking;

static int64_t integer_at(const trib_stmt *stmt, int col, int64_t none) {
    trib_value value = trib_stmt_col_value(stmt, col);
    return value.type == TRIB_VALUE_INTEGER ? value.integer : none;
}

static trib_code take_stream(void *ctx, const trib_stmt *stmt, trib_error *err) {
    taking *t = ctx;
    durable_stream *s = t->to;
    trib_value seq = trib_stmt_col_value(stmt, 10);
    s->exists = true;
    s->id = integer_at(stmt, 0, 0);
    s->type = trib_arena_dup(t->arena, trib_stmt_col_value(stmt, 1).bytes);
    s->tail = (uint64_t)integer_at(stmt, 2, 0);
    s->closed = integer_at(stmt, 3, 0) != 0;
    s->gone = integer_at(stmt, 4, 0) != 0;
    s->created_ms = integer_at(stmt, 5, 0);
    s->touched_ms = integer_at(stmt, 6, 0);
    s->ttl_s = integer_at(stmt, 7, -1);
    s->expires_ms = integer_at(stmt, 8, -1);
    s->dies_ms = integer_at(stmt, 9, -1);
    s->seq = seq.type == TRIB_VALUE_TEXT ? trib_arena_dup(t->arena, seq.bytes) : (trib_str){0};
    s->source = integer_at(stmt, 11, 0);
    s->fork_position = (uint64_t)integer_at(stmt, 12, 0);
    s->depth = integer_at(stmt, 13, 0);
    s->json = durable_media_is_json(s->type);
    return t->arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

trib_code durable_load_by_id(durable_ask *ask, int64_t id, durable_stream *ret, trib_error *err) {
    trib_arg arg = trib_stream_integer(id);
    *ret = (durable_stream){0};
    taking t = {&ask->arena, ret};
    return trib_stmt_run(ask->handle, "SELECT " COLUMNS " FROM _trib_ds_stream WHERE id = ?1", &arg, 1, take_stream, &t,
                         err);
}

/* Forks that need what it has. */
static trib_code has_forks(durable_ask *ask, int64_t id, bool *ret, trib_error *err) {
    int64_t found;
    trib_arg arg = trib_stream_integer(id);
    trib_code code = ask_integer(ask, "SELECT 1 FROM _trib_ds_stream WHERE source = ?1 LIMIT 1", &arg, 1, &found, err);
    *ret = found != 0;
    return code;
}

trib_code durable_load(durable_ask *ask, trib_str path, durable_stream *ret, trib_error *err) {
    trib_arg arg = trib_stream_text(path);
    *ret = (durable_stream){0};
    taking t = {&ask->arena, ret};
    if (!ask->has_tables) return TRIB_OK;
    trib_code code = trib_stmt_run(ask->handle, "SELECT " COLUMNS " FROM _trib_ds_stream WHERE path = ?1", &arg, 1,
                                   take_stream, &t, err);
    if (code != TRIB_OK) return code;
    if (!ret->exists || ret->gone || ret->dies_ms < 0 || ret->dies_ms > ask->now_ms) return code;
    /* its time is over: the next PUT removes it, unless forks need it */
    code = has_forks(ask, ret->id, &ret->gone, err);
    ret->exists = ret->gone;
    return code;
}

trib_code durable_open(durable_ask *ask, trib_str path, durable_stream *ret, trib_error *err) {
    trib_code code = durable_load(ask, path, ret, err);
    if (code != TRIB_OK) return code;
    trib_str shown = trib_str_sub(path, 0, 200);
    shown.len = trib_str_utf8_prefix(shown);
    if (!ret->exists)
        return trib_error_set(err, TRIB_STREAM_NOT_FOUND, "there is no stream at \"%.*s\"", TRIB_STR_ARG(shown));
    if (ret->gone)
        return trib_error_set(err, TRIB_STREAM_GONE,
                              "the stream at \"%.*s\" was removed; forks of it keep its path until they go, too",
                              TRIB_STR_ARG(shown));
    return code;
}

/* A sixteenth more than was asked for: so a read has to write down that there was one only so often, and no stream dies
 * before its time. */
int64_t durable_dies_ms(const durable_stream *s, int64_t now_ms) {
    if (s->ttl_s < 0) return s->expires_ms;
    return now_ms + s->ttl_s * 1000 + s->ttl_s * 1000 / 16;
}

/* An id is one more than the greatest one, so there are no more streams than that says; only behind the bound they are
 * counted. */
static trib_code check_room(durable_ask *ask, int64_t last_id, trib_error *err) {
    int64_t count;
    if (last_id < DURABLE_STREAMS_MAX) return TRIB_OK;
    trib_code code = ask_integer(ask, "SELECT count(*) FROM _trib_ds_stream", NULL, 0, &count, err);
    if (code != TRIB_OK || count < DURABLE_STREAMS_MAX) return code;
    return trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                          "a tenant has at most %d durable streams; remove some, let them end by Stream-TTL, or use "
                          "another tenant for more",
                          DURABLE_STREAMS_MAX);
}

trib_code durable_insert(durable_ask *ask, trib_str path, durable_stream *ret, trib_error *err) {
    trib_code code = ask_integer(ask, "SELECT max(id) FROM _trib_ds_stream", NULL, 0, &ret->id, err);
    if (code == TRIB_OK) code = check_room(ask, ret->id, err);
    if (code == TRIB_OK && ask->has_subs && ret->tail > 0) code = durable_link_made(ask, path, ret->tail, err);
    ret->id++;
    ret->created_ms = ret->touched_ms = ask->now_ms;
    ret->dies_ms = durable_dies_ms(ret, ask->now_ms);
    trib_arg args[] = {trib_stream_integer(ret->id),
                       trib_stream_text(path),
                       trib_stream_text(ret->type),
                       trib_stream_integer((int64_t)ret->tail),
                       trib_stream_integer(ret->closed),
                       trib_stream_integer(ret->created_ms),
                       maybe(ret->ttl_s, -1),
                       maybe(ret->expires_ms, -1),
                       maybe(ret->dies_ms, -1),
                       maybe(ret->source, 0),
                       trib_stream_integer((int64_t)ret->fork_position),
                       trib_stream_integer(ret->depth)};
    if (code != TRIB_OK) return code;
    return run(ask,
               "INSERT INTO _trib_ds_stream(id, path, type, tail, closed, gone, created_ms, touched_ms, ttl_s, "
               "expires_ms, dies_ms, source, fork_position, depth) "
               "VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
               args, sizeof args / sizeof *args, err);
}

/* ---- what is appended ---- */

trib_code durable_add(durable_ask *ask, durable_stream *s, trib_error *err) {
    trib_str bytes = s->json ? trib_buf_str(&ask->messages) : ask->bytes;
    trib_code code = TRIB_OK;
    if (ask->units > DURABLE_POSITION_MAX - s->tail)
        return trib_error_set(err, TRIB_BODY_TOO_LARGE, "the stream has reached the end of its offsets");
    if (ask->units > 0) {
        trib_arg part[] = {trib_stream_integer(s->id),
                           trib_stream_integer((int64_t)s->tail),
                           trib_stream_integer((int64_t)ask->units),
                           {.value = {.type = TRIB_VALUE_BLOB, .bytes = bytes}}};
        code =
            run(ask, "INSERT INTO _trib_ds_part(stream, position, length, data) VALUES (?1, ?2, ?3, ?4)", part, 4, err);
    }
    if (code != TRIB_OK) return code;
    ask->told_from = s->tail;
    ask->told_to = s->tail += ask->units;
    ask->tells = true;
    s->closed = s->closed || ask->head.closes;
    s->touched_ms = ask->now_ms;
    s->dies_ms = durable_dies_ms(s, ask->now_ms);
    if (ask->head.seq.ptr) s->seq = ask->head.seq;
    if (ask->has_subs && ask->units > 0) {
        code = durable_link_note(ask, ask->head.path, ask->told_from, err);
        if (code != TRIB_OK) return code;
    }
    trib_arg args[] = {trib_stream_integer(s->id),     trib_stream_integer((int64_t)s->tail),
                       trib_stream_integer(s->closed), trib_stream_integer(s->touched_ms),
                       maybe(s->dies_ms, -1),          trib_stream_text(s->seq)};
    return run(ask,
               "UPDATE _trib_ds_stream SET tail = ?2, closed = ?3, touched_ms = ?4, dies_ms = ?5, seq = ?6 WHERE id = "
               "?1",
               args, 6, err);
}

static trib_code take_producer(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    durable_producer *p = ctx;
    *p = (durable_producer){true, (uint64_t)integer_at(stmt, 0, 0), (uint64_t)integer_at(stmt, 1, 0)};
    return TRIB_OK;
}

trib_code durable_producer_load(durable_ask *ask, const durable_stream *s, durable_producer *ret, trib_error *err) {
    trib_arg args[] = {trib_stream_integer(s->id), trib_stream_text(ask->head.producer)};
    *ret = (durable_producer){0};
    return trib_stmt_run(ask->handle, "SELECT epoch, seq FROM _trib_ds_producer WHERE stream = ?1 AND producer = ?2",
                         args, 2, take_producer, ret, err);
}

trib_code durable_producer_store(durable_ask *ask, const durable_stream *s, trib_error *err) {
    trib_arg args[] = {trib_stream_integer(s->id), trib_stream_text(ask->head.producer),
                       trib_stream_integer((int64_t)ask->head.epoch),
                       trib_stream_integer((int64_t)ask->head.producer_seq)};
    return run(ask,
               "INSERT INTO _trib_ds_producer VALUES (?1, ?2, ?3, ?4) ON CONFLICT(stream, producer) "
               "DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq",
               args, 4, err);
}

/* ---- the end of streams ---- */

trib_code durable_kill(durable_ask *ask, durable_stream *s, trib_error *err) {
    bool needed = false;
    int64_t id = s->id, source = s->source;
    for (;;) {
        trib_arg arg = trib_stream_integer(id);
        trib_code code = has_forks(ask, id, &needed, err);
        if (code == TRIB_OK && ask->has_subs) code = durable_link_forget(ask, id, err);
        if (code != TRIB_OK) return code;
        code = run(ask,
                   needed ? "UPDATE _trib_ds_stream SET gone = 1, dies_ms = NULL WHERE id = ?1"
                          : "UPDATE _trib_ds_stream SET path = NULL, source = NULL, dies_ms = NULL WHERE id = ?1",
                   &arg, 1, err);
        if (code != TRIB_OK || needed || source == 0) return code;
        durable_stream before;
        code = durable_load_by_id(ask, source, &before, err);
        bool over = before.gone || (before.dies_ms >= 0 && before.dies_ms <= ask->now_ms);
        if (code != TRIB_OK || !before.exists || !over) return code;
        id = before.id;
        source = before.source;
    }
}

trib_code durable_kill_expired(durable_ask *ask, trib_error *err) {
    trib_code code = TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && i < DURABLE_EXPIRED_MAX; i++) {
        int64_t id;
        durable_stream s;
        trib_arg arg = trib_stream_integer(ask->now_ms);
        code = ask_integer(ask, "SELECT id FROM _trib_ds_stream WHERE dies_ms <= ?1 LIMIT 1", &arg, 1, &id, err);
        if (code != TRIB_OK || id == 0) return code;
        code = durable_load_by_id(ask, id, &s, err);
        if (code == TRIB_OK) code = durable_kill(ask, &s, err);
    }
    return code;
}

static trib_code find_removed(durable_ask *ask, int64_t *ret_id, trib_error *err) {
    return ask_integer(ask, "SELECT id FROM _trib_ds_stream WHERE path IS NULL LIMIT 1", NULL, 0, ret_id, err);
}

static trib_code sweep_slice(durable_ask *ask, trib_error *err) {
    int64_t id, part;
    trib_code code = find_removed(ask, &id, err);
    if (code != TRIB_OK || id == 0) return code; /* another one has swept meanwhile */
    trib_arg args[] = {trib_stream_integer(id), trib_stream_integer(DURABLE_SWEEP_PARTS)};
    code = ask_integer(ask, "SELECT 1 FROM _trib_ds_part WHERE stream = ?1 LIMIT 1", args, 1, &part, err);
    if (code == TRIB_OK && part)
        return run(ask,
                   "DELETE FROM _trib_ds_part WHERE stream = ?1 AND position IN "
                   "(SELECT position FROM _trib_ds_part WHERE stream = ?1 ORDER BY position LIMIT ?2)",
                   args, 2, err);
    if (code == TRIB_OK) code = run(ask, "DELETE FROM _trib_ds_producer WHERE stream = ?1", args, 1, err);
    return code == TRIB_OK ? run(ask, "DELETE FROM _trib_ds_stream WHERE id = ?1", args, 1, err) : code;
}

/* One turn, and one commit, for all of a slice. */
trib_code durable_sweep(durable_ask *ask, bool *ret_more, trib_error *err) {
    int64_t id;
    trib_error ignored;
    *ret_more = false;
    trib_code code = find_removed(ask, &id, err);
    if (code != TRIB_OK || id == 0) return code;
    code = run(ask, "BEGIN IMMEDIATE", NULL, 0, err);
    if (code != TRIB_OK) return code;
    code = sweep_slice(ask, err);
    if (code == TRIB_OK) code = run(ask, "COMMIT", NULL, 0, err);
    else (void)run(ask, "ROLLBACK", NULL, 0, &ignored);
    *ret_more = code == TRIB_OK;
    return code;
}

trib_code durable_touch(durable_ask *ask, trib_error *err) {
    trib_arg args[] = {trib_stream_integer(ask->touch_id), trib_stream_integer(ask->now_ms)};
    return run(ask,
               "UPDATE _trib_ds_stream SET touched_ms = ?2, dies_ms = ?2 + ttl_s * 1000 + ttl_s * 1000 / 16 "
               "WHERE id = ?1 AND path IS NOT NULL AND gone = 0 AND touched_ms < ?2 AND ttl_s IS NOT NULL",
               args, 2, err);
}

trib_code durable_length_at(durable_ask *ask, const durable_stream *s, uint64_t position, uint64_t *ret,
                            trib_error *err) {
    int64_t end = 0;
    durable_stream at = *s;
    uint64_t most = s->tail;
    while (position < at.fork_position && at.source != 0) {
        if (at.fork_position < most) most = at.fork_position;
        trib_code code = durable_load_by_id(ask, at.source, &at, err);
        if (code != TRIB_OK || !at.exists) return code;
    }
    trib_arg args[] = {trib_stream_integer(at.id), trib_stream_integer((int64_t)position)};
    trib_code code = ask_integer(ask,
                                 "SELECT position + length FROM _trib_ds_part WHERE stream = ?1 AND position <= ?2 "
                                 "ORDER BY position DESC LIMIT 1",
                                 args, 2, &end, err);
    if (code == TRIB_OK && (uint64_t)end > most) end = (int64_t)most;
    *ret = code == TRIB_OK && (uint64_t)end > position ? (uint64_t)end - position : 0;
    return code;
}
