/* SPDX-License-Identifier: Apache-2.0 */
/* One look at the log, for all tails; see tails_int.h. It walks over the new rows of all streams in the order in which
 * they were written, reads events only of streams that are followed, and counts the others.
 *
 *   rows of _trib_ev behind `pos`  ─┐
 *   _trib_tail_mark behind `mark`  ─┴─> streams that changed --followed?--> one streams_news each, of one snapshot
 *
 * An event says itself that its stream has changed. That one was closed or deleted is written down by a trigger, so
 * that it is heard of whoever did it. */
#include <stdlib.h>

#include "core/db_start.h"
#include "features/streams/tails_int.h"
#include "store/pages.h"

static const char *const tables[] = {
    "CREATE TABLE IF NOT EXISTS _trib_tail_mark(no INTEGER PRIMARY KEY AUTOINCREMENT, streamId TEXT NOT NULL)",
    "CREATE TRIGGER IF NOT EXISTS _trib_tail_marked AFTER UPDATE OF closed_ms, deleted_ms ON _trib_stream "
    "WHEN NEW.closed_ms IS NOT OLD.closed_ms OR NEW.deleted_ms IS NOT OLD.deleted_ms BEGIN "
    "INSERT INTO _trib_tail_mark(streamId) VALUES (NEW.streamId); "
    "DELETE FROM _trib_tail_mark WHERE no <= (SELECT max(no) FROM _trib_tail_mark) - 1000; END",
};
_Static_assert(STREAMS_MARKS_KEPT == 1000, "as the trigger has it");

typedef struct look_topic {
    trib_str id;
    uint64_t after; /* events behind it are new; UINT64_MAX: none is */
    bool by_tenants;
} look_topic;

struct streams_look {
    streams_pump *pump;
    int64_t pos, mark;
    size_t rows, marks;
    bool lost;
    trib_map seen; /* id -> look_topic */
    look_topic topics[2 * STREAMS_PUMP_EVENTS];
    size_t topic_count;
    struct {
        trib_str type; /* in the arena */
        uint64_t events;
    } types[TRIB_DEAL_TYPES_MAX + 1];
    size_t type_count;
};

static void free_news(trib_list *list) {
    for (trib_list *link; (link = trib_list_take_first(list));)
        streams_news_unref(TRIB_LIST_ITEM(link, streams_news, link));
}

/* The stream has changed; NULL without memory or where nobody follows it. */
static look_topic *touch(struct streams_look *look, trib_str id) {
    look_topic *topic = trib_map_get(&look->seen, id);
    bool by_tenants;
    if (topic) return topic;
    if (!streams_hub_follows(look->pump->hub, id, &by_tenants)) return NULL;
    topic = &look->topics[look->topic_count];
    *topic = (look_topic){.id = trib_arena_dup(&look->pump->arena, id), .after = UINT64_MAX, .by_tenants = by_tenants};
    if (!topic->id.ptr || trib_map_set(&look->seen, topic->id, topic, NULL) != TRIB_OK) {
        look->pump->arena.failed = true;
        return NULL;
    }
    look->topic_count++;
    return topic;
}

static void count_type(struct streams_look *look, trib_str type) {
    size_t i = 0;
    while (i < look->type_count && !trib_str_eq(look->types[i].type, type)) i++;
    if (i == sizeof look->types / sizeof *look->types) return;
    if (i == look->type_count) {
        look->types[i].type = trib_arena_dup(&look->pump->arena, type);
        look->types[i].events = 0;
        look->type_count++;
    }
    look->types[i].events++;
}

static trib_code take_row(void *ctx, const trib_stmt *stmt, trib_error *err) {
    struct streams_look *look = ctx;
    uint64_t seq = (uint64_t)trib_stmt_col_value(stmt, 2).integer;
    trib_value type = trib_stmt_col_value(stmt, 3);
    look->rows++;
    look->pos = trib_stmt_col_value(stmt, 0).integer;
    count_type(look, type.type == TRIB_VALUE_TEXT ? type.bytes : TRIB_STR(""));
    look_topic *topic = touch(look, trib_stmt_col_value(stmt, 1).bytes);
    if (topic && topic->after > seq - 1) topic->after = seq - 1;
    return look->pump->arena.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code take_mark(void *ctx, const trib_stmt *stmt, trib_error *err) {
    struct streams_look *look = ctx;
    int64_t no = trib_stmt_col_value(stmt, 0).integer;
    if (look->marks++ == 0 && no != look->mark + 1) look->lost = true;
    look->mark = no;
    touch(look, trib_stmt_col_value(stmt, 1).bytes);
    return look->pump->arena.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code read_news(struct streams_look *look, trib_error *err) {
    streams_pump *pump = look->pump;
    trib_code code = TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && i < look->topic_count; i++) {
        look_topic *topic = &look->topics[i];
        streams_news_ask ask = {.id = topic->id,
                                .after = topic->after,
                                .with_members = topic->by_tenants,
                                .max_bytes = STREAMS_NEWS_BYTES,
                                .max_events = STREAMS_PUMP_EVENTS};
        streams_news *news;
        code = streams_news_read(&pump->txn, &ask, &news, err);
        if (code == TRIB_OK) trib_list_push_back(&pump->news, &news->link);
    }
    return code;
}

static trib_code take_integer(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

/* How large the database is; now and then. */
static trib_code weigh(streams_pump *pump, trib_error *err) {
    streams_counts *counts = pump->module->counts;
    int64_t now_ns = trib_env_mono_ns(pump->module->app->env), pages = 0;
    trib_db_stats stats;
    if (now_ns < pump->weigh_ns) return TRIB_OK;
    pump->weigh_ns = now_ns + STREAMS_CENSUS_MS * INT64_C(1000000);
    trib_code code = trib_stmt_run(pump->txn.handle, "PRAGMA freelist_count", NULL, 0, take_integer, &pages, err);
    if (code != TRIB_OK) return code;
    trib_db_get_stats(trib_handle_db(pump->txn.handle), &stats);
    atomic_store(&counts->database_bytes, stats.database_bytes);
    atomic_store(&counts->log_bytes, stats.log_bytes);
    atomic_store(&counts->free_bytes, (uint64_t)pages * TRIB_PAGE_BYTES);
    return TRIB_OK;
}

static trib_code body(void *ctx, trib_error *err) {
    streams_pump *pump = ctx;
    struct streams_look *look = pump->look;
    *look = (struct streams_look){.pump = pump, .pos = pump->pos, .mark = pump->mark};
    free_news(&pump->news);
    trib_map_init(&look->seen, TRIB_MAP_BORROW_KEYS, pump->seed);
    trib_arg args[] = {trib_stream_integer(look->pos), trib_stream_integer(STREAMS_PUMP_EVENTS)};
    trib_code code = trib_stmt_run(pump->txn.handle,
                                   "SELECT v.pos, v.streamId, v.seq, s.type FROM _trib_ev v LEFT JOIN _trib_stream s "
                                   "ON s.streamId = v.streamId WHERE v.pos > ?1 ORDER BY v.pos LIMIT ?2",
                                   args, 2, take_row, look, err);
    args[0] = trib_stream_integer(look->mark);
    if (code == TRIB_OK)
        code = trib_stmt_run(pump->txn.handle,
                             "SELECT no, streamId FROM _trib_tail_mark WHERE no > ?1 ORDER BY no LIMIT ?2", args, 2,
                             take_mark, look, err);
    if (code == TRIB_OK) code = read_news(look, err);
    if (code == TRIB_OK) code = weigh(pump, err);
    trib_map_deinit(&look->seen);
    return code;
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    streams_pump *pump = (streams_pump *)(void *)job;
    return trib_stream_txn_run(&pump->txn, job, handle, body, pump, err);
}

static void finished(trib_db_job *job) {
    streams_pump *pump = (streams_pump *)(void *)job;
    const struct streams_look *look = pump->look;
    pump->more = pump->lost = false;
    if (job->code == TRIB_OK) {
        pump->pos = look->pos;
        pump->mark = look->mark;
        pump->more = look->rows == STREAMS_PUMP_EVENTS || look->marks == STREAMS_PUMP_EVENTS;
        pump->lost = look->lost;
        for (size_t i = 0; i < look->type_count; i++)
            streams_counts_add_events(pump->module->counts, look->types[i].type, look->types[i].events);
    } else {
        free_news(&pump->news);
    }
    trib_arena_reset(&pump->arena);
    pump->looked(pump);
}

trib_code streams_pump_submit(streams_pump *pump, trib_error *err) {
    pump->txn.begun = false;
    pump->txn.writes = false;
    return trib_db_job_submit(&pump->job, err);
}

/* ---- the beginning ---- */

static trib_code prepare(void *ctx, trib_handle *handle, trib_error *err) {
    streams_pump *pump = ctx;
    trib_code code = trib_db_start_run_all(handle, tables, sizeof tables / sizeof *tables, err);
    if (code == TRIB_OK)
        code = trib_db_start_run(handle, "SELECT coalesce(max(pos), 0) FROM _trib_ev", NULL, 0, take_integer,
                                 &pump->pos, err);
    if (code == TRIB_OK)
        code = trib_db_start_run(handle, "SELECT coalesce(max(no), 0) FROM _trib_tail_mark", NULL, 0, take_integer,
                                 &pump->mark, err);
    return code;
}

trib_code streams_pump_init(streams_pump *pump, streams_module *module, trib_error *err) {
    pump->module = module;
    trib_list_init(&pump->news);
    trib_arena_init(&pump->arena, TRIB_STREAM_ARENA_MAX_BYTES);
    pump->txn = (trib_stream_txn){.app = module->app, .arena = &pump->arena};
    pump->job.app = module->app;
    pump->job.tenant = module->tenant;
    pump->job.access = TRIB_ACCESS_SYSTEM;
    pump->job.work = work;
    pump->job.finished = finished;
    pump->look = calloc(1, sizeof *pump->look);
    if (!trib_env_random(module->app->env, &pump->seed, sizeof pump->seed))
        return trib_error_set(err, TRIB_INTERNAL, "no randomness for a table");
    if (!pump->look) return trib_error_set(err, TRIB_NOMEM, NULL);
    return trib_db_start(module->app, module->tenant, prepare, pump, err);
}

void streams_pump_deinit(streams_pump *pump) {
    if (!pump->look) return;
    free_news(&pump->news);
    trib_arena_deinit(&pump->arena);
    free(pump->look);
    pump->look = NULL;
}
