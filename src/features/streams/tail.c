/* SPDX-License-Identifier: Apache-2.0 */
/* One reader's place in a stream; see tails_int.h for its states.
 *
 *   begin --> READING --nothing newer has come--> LIVE --news that follow seq--> shown, LIVE
 *               ^  |                               |  \--news that begin later-----> READING
 *               |  `--no room for more--> RESTING <'
 *               `------- there is room -----'
 *
 * It ends by streams_tail_finish from any of them; a read that is under way is waited for. */
#include <stdlib.h>
#include <string.h>

#include "core/auth.h"
#include "features/streams/tails_int.h"

/* A read that is under way; gone when it is home. */
typedef struct streams_read {
    trib_db_job job; /* first */
    streams_tail *tail;
    trib_stream_txn txn;
    streams_news_ask ask;
    trib_arena arena;
    streams_news *news;
    trib_archive_row row; /* of a stream whose events are in an object: a thread of the archive fetches them */
    trib_archive_task fetch;
    bool is_fetching;
} streams_read;

static bool is_of_tenant(const streams_tail *tail) {
    return tail->tenant != tail->module->tenant;
}

static trib_code check_rights(const streams_tail *tail, int64_t now_ms, trib_error *err) {
    return trib_may(tail->principal, tail->tenant, TRIB_ACTION_READ, now_ms, err);
}

trib_str streams_tail_next(const streams_tail *tail) {
    const streams_news *news = tail->at_hand;
    return news && news->is_closed && !news->is_deleted ? news->continued_by : (trib_str){0};
}

/* ---- the end ---- */

static void settle(streams_tail *tail) {
    if (!tail->is_over || tail->read || tail->is_busy) return;
    trib_counter_add(tail->module->counts->ended[tail->why], 1);
    tail->ops->ended(tail, tail->why, &tail->err);
}

void streams_tail_finish(streams_tail *tail, streams_tail_end why, const trib_error *err) {
    if (tail->is_over) return;
    tail->is_over = true;
    tail->why = why;
    if (err) tail->err = *err;
    streams_hub_remove(tail->module->hub, tail);
    if (tail->read && !tail->read->is_fetching) trib_db_job_cancel(&tail->read->job);
    settle(tail);
}

/* ---- reading ---- */

static trib_code body(void *ctx, trib_error *err) {
    streams_read *read = ctx;
    streams_news_unref(read->news);
    read->news = NULL;
    return streams_news_read(&read->txn, &read->ask, &read->news, err);
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    streams_read *read = (streams_read *)(void *)job;
    return trib_stream_txn_run(&read->txn, job, handle, body, read, err);
}

static void read_came(streams_tail *tail, trib_code code, const trib_error *err, const streams_news *news);

/* The news at hand were shown. The tail may be gone after it. */
static void end_hearing(streams_tail *tail) {
    tail->is_busy = false;
    if (tail->is_over && !tail->read) {
        settle(tail);
        return;
    }
    tail->at_hand = NULL;
}

static void come_home(streams_read *read, trib_code code, const trib_error *err) {
    streams_tail *tail = read->tail;
    tail->read = NULL;
    tail->is_busy = true;
    tail->at_hand = read->news;
    if (!tail->is_over) read_came(tail, code, err, read->news);
    end_hearing(tail);
    streams_news_unref(read->news);
    trib_arena_deinit(&read->arena);
    free(read);
}

static streams_read *of_task(trib_archive_task *task) {
    return TRIB_LIST_ITEM(task, streams_read, fetch);
}

static void fetch(trib_archive_task *task) {
    streams_read *read = of_task(task);
    trib_stream s;
    trib_buf text;
    trib_buf_init(&text, TRIB_ARCHIVE_BODY_MAX_BYTES);
    trib_code code = trib_archive_load(&read->txn, &read->row, &text, &s, &task->err);
    if (code == TRIB_OK) code = streams_news_take(read->news, &read->ask, &s, &task->err);
    trib_buf_deinit(&text);
    task->code = code;
}

static void fetched(trib_job *job) {
    streams_read *read = of_task((trib_archive_task *)(void *)job);
    come_home(read, read->fetch.code, &read->fetch.err);
}

static void finished(trib_db_job *job) {
    streams_read *read = (streams_read *)(void *)job;
    trib_code code = job->code;
    trib_error err = job->err;
    if (code == TRIB_OK && !read->tail->is_over && read->news->is_elsewhere) {
        read->fetch = (trib_archive_task){.job = {.home = read->tail->home, .done = fetched}, .run = fetch};
        read->is_fetching = true;
        code = trib_archive_submit_for(read->txn.app, &read->fetch, &err);
        if (code == TRIB_OK) return;
    }
    come_home(read, code, &err);
}

static streams_read *read_new(streams_tail *tail) {
    streams_read *read = calloc(1, sizeof *read);
    if (!read) return NULL;
    read->tail = tail;
    trib_arena_init(&read->arena, TRIB_STREAM_ARENA_MAX_BYTES);
    read->txn = (trib_stream_txn){.app = tail->module->app, .arena = &read->arena};
    if (is_of_tenant(tail)) read->txn.tenant_id = trib_str_c(tail->tenant->id);
    read->ask = (streams_news_ask){.id = tail->id,
                                   .after = tail->seq,
                                   .from_end = tail->from_end,
                                   .admit = is_of_tenant(tail),
                                   .max_bytes = STREAMS_READ_BYTES,
                                   .max_events = STREAMS_READ_EVENTS,
                                   .row = &read->row};
    read->job.app = tail->module->app;
    read->job.tenant = tail->module->tenant;
    read->job.access = TRIB_ACCESS_SYSTEM;
    read->job.job.home = tail->home;
    read->job.work = work;
    read->job.finished = finished;
    return read;
}

static trib_code submit_read(streams_tail *tail, trib_error *err) {
    streams_read *read = read_new(tail);
    trib_code code = read ? trib_db_job_submit(&read->job, err) : trib_error_set(err, TRIB_NOMEM, NULL);
    if (code != TRIB_OK) {
        free(read);
        return code;
    }
    tail->read = read;
    tail->state = STREAMS_TAIL_READING;
    tail->read_again = tail->retry = false;
    tail->read_until = 0;
    trib_counter_add(tail->module->counts->reads, 1);
    return code;
}

static void rest(streams_tail *tail, bool retry) {
    tail->state = STREAMS_TAIL_RESTING;
    tail->retry = retry;
}

static bool has_room(streams_tail *tail) {
    if (tail->ops->has_room && !tail->ops->has_room(tail)) tail->has_no_room = true;
    return !tail->has_no_room;
}

static void start_read(streams_tail *tail) {
    trib_error ignored;
    if (!has_room(tail)) rest(tail, false);
    else if (submit_read(tail, &ignored) != TRIB_OK) rest(tail, true);
}

/* ---- what is shown ---- */

/* The stream has ended, and all of it was shown. */
static bool is_at_end(streams_tail *tail, const streams_news *news) {
    if (!news->is_closed || tail->seq < news->version || news->is_deleted) return false;
    streams_tail_finish(tail, STREAMS_END_CLOSED, NULL);
    return true;
}

static void show(streams_tail *tail, const streams_news *news, size_t from) {
    if (!tail->ops->show(tail, news, from)) tail->has_no_room = true;
    trib_counter_add(tail->module->counts->shown[tail->ops->kind], news->count - from);
    tail->seq = news->last;
}

static trib_code check_begin(const streams_tail *tail, const streams_news *news, trib_error *err) {
    if (tail->from_end || tail->seq <= news->version) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST,
                          "the offset %llu is not in the stream, which has %llu events; read it from 0",
                          (unsigned long long)tail->seq, (unsigned long long)news->version);
}

/* After a read: LIVE, once nothing newer than what it saw is known. */
static void go_live(streams_tail *tail, const streams_news *news) {
    bool behind = tail->seq < news->version || tail->read_again || tail->read_until > news->version;
    if (tail->has_no_room) rest(tail, false);
    else if (behind) start_read(tail);
    else tail->state = STREAMS_TAIL_LIVE;
}

static void show_read(streams_tail *tail, const streams_news *news) {
    tail->known_version = news->version;
    tail->saw_deleted = news->is_deleted;
    if (tail->from_end) tail->seq = news->version;
    tail->from_end = false;
    if (!tail->is_open) tail->ops->opened(tail, news);
    tail->is_open = true;
    if (tail->is_over) return;
    if (news->count > 0) show(tail, news, 0);
    else if (tail->seq < news->version) tail->seq = news->version; /* what was between is deleted */
    if (tail->is_over || is_at_end(tail, news)) return;
    go_live(tail, news);
}

static void read_came(streams_tail *tail, trib_code code, const trib_error *err, const streams_news *news) {
    trib_error why;
    if (code == TRIB_OK && !tail->is_open && check_begin(tail, news, &why) != TRIB_OK) {
        streams_tail_finish(tail, STREAMS_END_REFUSED, &why);
    } else if (code == TRIB_OK && !has_room(tail)) {
        rest(tail, false); /* it is read again when there is room */
    } else if (code == TRIB_OK) {
        show_read(tail, news);
    } else if (tail->is_open && (trib_code_retry(code) || code == TRIB_COMMIT_OUTCOME_UNKNOWN)) {
        rest(tail, true); /* the database is busy, or recovers from a failed sync */
    } else {
        streams_tail_finish(tail, code == TRIB_STREAM_NOT_FOUND ? STREAMS_END_REFUSED : STREAMS_END_FAILED, err);
    }
}

/* Does the tail go on to see the stream, as the news have it? */
static bool may_see(streams_tail *tail, const streams_news *news, int64_t now_ms) {
    trib_error err;
    trib_code code = check_rights(tail, now_ms, &err);
    streams_tail_end why = STREAMS_END_REFUSED;
    if (code == TRIB_OK && news->is_deleted) {
        why = STREAMS_END_DELETED;
        code = trib_stream_not_found(tail->id, &err);
    } else if (code == TRIB_OK && is_of_tenant(tail) && news->members_known &&
               !streams_news_has_member(news, tail->tenant->id)) {
        code = trib_stream_not_found(tail->id, &err);
    }
    if (code != TRIB_OK) streams_tail_finish(tail, why, &err);
    return code == TRIB_OK;
}

static void hear(streams_tail *tail, const streams_news *news, int64_t now_ms) {
    if (news->version < tail->known_version || (news->is_deleted && tail->saw_deleted)) return; /* it has seen more */
    if (tail->state == STREAMS_TAIL_READING) {
        if (news->version > tail->read_until) tail->read_until = news->version;
        /* the read may have seen the stream before that, at the same version */
        tail->read_again = tail->read_again || news->is_closed || news->is_deleted || news->count == 0;
        return;
    }
    if (tail->state == STREAMS_TAIL_RESTING || !may_see(tail, news, now_ms)) return;
    tail->known_version = news->version;
    bool follows = news->count > 0 && news->last > tail->seq;
    if (follows && (news->first > tail->seq + 1 || !has_room(tail))) {
        start_read(tail); /* or rests, without room */
        return;
    }
    if (follows) show(tail, news, (size_t)(tail->seq + 1 - news->first));
    if (tail->is_over || is_at_end(tail, news)) return;
    if (tail->has_no_room) rest(tail, false);
    else if (tail->seq < news->version) start_read(tail);
}

void streams_tail_hear(streams_tail *tail, const streams_news *news, int64_t now_ms) {
    tail->is_busy = true;
    tail->at_hand = news;
    hear(tail, news, now_ms);
    end_hearing(tail);
}

void streams_tail_catch_up(streams_tail *tail) {
    if (tail->state == STREAMS_TAIL_READING) tail->read_again = true;
    else if (tail->state == STREAMS_TAIL_LIVE) start_read(tail);
}

void streams_tail_go_on(streams_tail *tail) {
    tail->has_no_room = false;
    if (!tail->is_over && tail->state == STREAMS_TAIL_RESTING) start_read(tail);
}

void streams_tail_beat(streams_tail *tail, int64_t now_ms, int64_t now_ns) {
    trib_error err;
    if (check_rights(tail, now_ms, &err) != TRIB_OK) {
        streams_tail_finish(tail, STREAMS_END_REFUSED, &err);
        return;
    }
    tail->is_busy = true;
    if (tail->has_no_room && tail->ops->has_room && tail->ops->has_room(tail)) streams_tail_go_on(tail);
    if (tail->state == STREAMS_TAIL_RESTING && tail->retry) start_read(tail);
    tail->ops->beat(tail, now_ns);
    tail->is_busy = false;
    settle(tail);
}

trib_code streams_tail_begin(streams_tail *tail, trib_error *err) {
    trib_list_init(&tail->in_topic);
    trib_list_init(&tail->in_lane);
    trib_str id, name;
    trib_code code = trib_stream_name_asker(tail->module->app, tail->principal, tail->tenant, &id, &name, err);
    if (code == TRIB_OK) code = streams_hub_add(tail->module->hub, tail, err);
    if (code != TRIB_OK) return code;
    code = submit_read(tail, err);
    if (code != TRIB_OK) streams_hub_remove(tail->module->hub, tail);
    return code;
}
