/* SPDX-License-Identifier: Apache-2.0 */
/* A cursor of a WebSocket: a batch whose entries are fetched, so many at a time.
 *
 *   open_cursor ....... kept; nothing runs yet
 *   fetch_cursor ------ entries at hand? answered. Else the job starts, or goes on, until it has TRIB_HRANA_CHUNK_BYTES
 *                       more (handed), or all (finished)
 *   close_cursor ------ a job that rests is told that its work is over; the session's transaction stays
 *
 * Between two chunks the job rests without a thread, its statement open; the time of a read transaction bounds that. A
 * short answer leaves no statement open at all: it is made at the first fetch. */
#include <stdio.h>

#include "features/hrana/ws_int.h"

/* Entries of one answer: as many as were asked for, of what is at hand. */
static void answer_fetch(hrana_ws_session *s) {
    hrana_ws *c = s->owner;
    hrana_ws_request *cursor = s->cursor, *r = s->running;
    trib_str rest = trib_str_sub(trib_buf_str(&cursor->entries), cursor->entries_at, cursor->entries.len);
    trib_str taken = trib_str_make(rest.ptr, 0);
    uint32_t wanted = r->msg.max_count < TRIB_HRANA_WS_FETCH_MAX ? r->msg.max_count : TRIB_HRANA_WS_FETCH_MAX;
    for (uint32_t i = 0; i < wanted && taken.len < rest.len; i++) {
        bool skip;
        size_t n = c->codec->split(trib_str_sub(rest, taken.len, rest.len), &skip);
        if (skip) break;
        taken.len += n;
    }
    cursor->entries_at += taken.len;
    rest = trib_str_sub(rest, taken.len, rest.len);
    bool skip = false;
    if (rest.len) (void)c->codec->split(rest, &skip);
    bool done = cursor->finished && (rest.len == 0 || skip);
    trib_buf out;
    trib_buf_init(&out, taken.len + 2 * (size_t)wanted + 256);
    c->codec->fetched(&out, r->msg.request_id, taken, done);
    s->running = NULL;
    hrana_ws_send(c, &out);
    trib_buf_deinit(&out);
    hrana_ws_request_free(c, r);
}

/* What the job has made is moved to where fetches take it from. */
static void take_entries(hrana_ws_request *cursor) {
    trib_buf_deinit(&cursor->entries);
    cursor->entries = cursor->x.out;
    cursor->entries_at = 0;
    trib_buf_init(&cursor->x.out, cursor->entries.max_bytes);
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    hrana_ws_request *cursor = (hrana_ws_request *)(void *)job;
    if (!cursor->closing) return hrana_run_cursor(&cursor->x, handle, err);
    trib_stmt_free(cursor->x.running);
    cursor->x.running = NULL;
    return TRIB_OK;
}

static void handed(trib_db_job *job) {
    hrana_ws_request *cursor = (hrana_ws_request *)(void *)job;
    hrana_ws_session *s = cursor->session;
    cursor->resting = true;
    take_entries(cursor);
    answer_fetch(s);
    hrana_ws_session_advance(s);
    hrana_ws_settle(s->owner);
}

static void close_now(hrana_ws_session *s) {
    hrana_ws_request *cursor = s->cursor;
    s->cursor = NULL;
    if (cursor) hrana_ws_request_free(s->owner, cursor);
}

static void finished(trib_db_job *job) {
    hrana_ws_request *cursor = (hrana_ws_request *)(void *)job, *r;
    hrana_ws_session *s = cursor->session;
    hrana_ws *c = s->owner;
    cursor->finished = true;
    if (cursor->closing || s->over) {
        r = s->running;
        close_now(s);
        if (r && !s->over && r->msg.type == HRANA_MSG_CLOSE_CURSOR) {
            s->running = NULL;
            hrana_ws_answer_ok(c, r);
        }
        hrana_ws_session_came_home(s);
        return;
    }
    /* what failed before a commit was durable must not be seen; the reason must */
    trib_error err = job->err;
    trib_code code = job->code;
    if (code == TRIB_OK && cursor->x.out.failed) code = hrana_output_full(&cursor->x, &err);
    if (code != TRIB_OK) {
        trib_buf_clear(&cursor->x.out);
        cursor->x.codec->cursor_error(&cursor->x, &err);
    }
    take_entries(cursor);
    answer_fetch(s);
    hrana_ws_session_came_home(s);
}

void hrana_ws_cursor_open(hrana_ws_session *s, hrana_ws_request *r) {
    trib_error err;
    hrana_ws_exec_init(s, r);
    r->x.entries_nested = s->owner->codec->nested;
    r->x.job.work = work;
    r->x.job.handed = handed;
    r->x.job.finished = finished;
    trib_buf_init(&r->entries, r->x.out.max_bytes);
    trib_code code = hrana_batch_check(&r->x, &r->msg.request.batch, &err);
    if (code == TRIB_OK) code = hrana_batch_begin(&r->x, &r->msg.request.batch, &err);
    if (code != TRIB_OK) {
        hrana_ws_answer_error(s->owner, r, &err);
        return;
    }
    s->cursor = r;
    trib_buf out;
    trib_buf_init(&out, 256);
    s->owner->codec->response_ok(&out, r->msg.request_id, HRANA_MSG_OPEN_CURSOR);
    hrana_ws_send(s->owner, &out);
    trib_buf_deinit(&out);
}

/* The first fetch, or one that finds nothing at hand. */
static void produce(hrana_ws_session *s) {
    hrana_ws_request *cursor = s->cursor, *r = s->running;
    trib_error err;
    if (cursor->started) {
        cursor->resting = false;
        trib_db_job_continue(&cursor->x.job);
        return;
    }
    cursor->started = true;
    if (trib_db_job_submit(&cursor->x.job, &err) == TRIB_OK) {
        s->busy = true;
        s->owner->jobs++;
        return;
    }
    cursor->started = false;
    s->running = NULL;
    hrana_ws_answer_error(s->owner, r, &err);
}

void hrana_ws_cursor_fetch(hrana_ws_session *s) {
    hrana_ws_request *cursor = s->cursor, *r = s->running;
    if (!cursor) { /* its open_cursor was answered with an error */
        trib_error err;
        trib_error_set(&err, TRIB_STREAM_NOT_OPEN, "Cursor %d is not open", (int)r->msg.cursor_id);
        snprintf(err.text_code, sizeof err.text_code, "CURSOR_NOT_OPEN");
        s->running = NULL;
        hrana_ws_answer_error(s->owner, r, &err);
    } else if (cursor->finished || cursor->entries_at < cursor->entries.len || r->msg.max_count == 0) {
        answer_fetch(s);
    } else {
        produce(s);
    }
}

bool hrana_ws_cursor_close(hrana_ws_session *s) {
    hrana_ws_request *cursor = s->cursor;
    if (cursor && cursor->resting) {
        cursor->resting = false;
        cursor->closing = true;
        trib_db_job_continue(&cursor->x.job);
        return false;
    }
    close_now(s);
    return true;
}
