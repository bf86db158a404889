/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v3/cursor: a batch whose rows come as newline-delimited JSON: first the baton, then one entry a line.
 *
 *   {"baton":"...","base_url":null}
 *   {"type":"step_begin","step":0,"cols":[...]}   {"type":"row","row":[...]} ...   {"type":"step_end",...}
 *   {"type":"step_error","step":1,"error":{...}}  {"type":"replication_index","replication_index":null}
 *
 *   {"type":"error","error":{...}}                the request failed on the way; the last line then
 *
 * A short answer is one message. A longer one goes out while it is made, in chunks of TRIB_HRANA_CHUNK_BYTES; between
 * two of them the job rests without a thread, its statement open, until the connection has room:
 *
 *   worker: rows --chunk--> gate --> loop: sent --room?--> continue ... finished: the rest, the end
 *                                      └ none: `starved`, until on_credit */
#include <string.h>

#include "features/hrana/hrana_int.h"

enum { FIRST_LINE_MAX_BYTES = 128 };

static void entry_begin(hrana_exec *x, const char *type) {
    trib_jw_init(&x->w, &x->out);
    trib_jw_object_begin(&x->w);
    trib_jw_key(&x->w, TRIB_STR("type"));
    trib_jw_str_c(&x->w, type);
}

static void entry_end(hrana_exec *x) {
    trib_jw_object_end(&x->w);
    trib_buf_add_char(&x->out, '\n');
}

static void cursor_begin(hrana_exec *x, const trib_stmt *stmt) {
    entry_begin(x, "step_begin");
    trib_jw_member_i64(&x->w, "step", (int64_t)x->step);
    hrana_encode_cols(&x->w, stmt);
    entry_end(x);
}

static void cursor_row(hrana_exec *x, const trib_stmt *stmt) {
    entry_begin(x, "row");
    trib_jw_key(&x->w, TRIB_STR("row"));
    hrana_encode_row(&x->w, stmt);
    entry_end(x);
}

static void cursor_end(hrana_exec *x, const trib_stmt *stmt) {
    entry_begin(x, "step_end");
    hrana_encode_counts(&x->w, stmt);
    entry_end(x);
}

static const hrana_sink cursor_sink = {TRIB_HRANA_CHUNK_BYTES, cursor_begin, cursor_row, cursor_end};

static void cursor_error(hrana_exec *x, const trib_error *err) {
    entry_begin(x, "step_error");
    trib_jw_member_i64(&x->w, "step", (int64_t)x->step);
    trib_jw_key(&x->w, TRIB_STR("error"));
    hrana_encode_error(&x->w, err);
    entry_end(x);
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    for (; x->step < x->batch->count; x->step++) {
        const hrana_step *step = &x->batch->steps[x->step];
        trib_error failure;
        if (x->out.failed && !x->running) return hrana_output_full(x, err);
        if (!x->running && x->out.len >= TRIB_HRANA_CHUNK_BYTES) {
            job->chunk = true;
            return TRIB_AGAIN;
        }
        if (!x->running && !hrana_cond_true(x, handle, step->condition)) continue;
        trib_code code = hrana_run_stmt(x, handle, &step->stmt, &cursor_sink, true, &failure);
        if (code == TRIB_AGAIN) return code;
        if (hrana_is_fatal(code)) {
            *err = failure;
            return code;
        }
        if (code == TRIB_OK) {
            x->step_state[x->step] = HRANA_STEP_OK;
            continue;
        }
        hrana_batch_failed(x, &failure);
        cursor_error(x, &failure);
    }
    entry_begin(x, "replication_index");
    trib_jw_member_null(&x->w, "replication_index");
    entry_end(x);
    return TRIB_OK;
}

/* ---- on the loop ---- */

static void write_first_line(trib_buf *buf, const char *baton) {
    const char *quote = baton[0] ? "\"" : "";
    trib_buf_printf(buf, "{\"baton\":%s%s%s,\"base_url\":null}\n", quote, baton[0] ? baton : "null", quote);
}

static void on_credit(trib_http_request *http) {
    hrana_exec *x = http->feature;
    if (http->cancelled) {
        trib_db_job_cancel(&x->job);
        return;
    }
    if (!x->starved) return;
    x->starved = false;
    trib_db_job_continue(&x->job);
}

/* The next baton exists from the first line on, but the session is busy until the end. */
static trib_code begin_stream(hrana_exec *x, trib_error *err) {
    char baton[TRIB_BATON_BYTES];
    trib_code code = trib_session_announce(x->http->app->sessions, x->job.session, baton, err);
    if (code != TRIB_OK) return code;
    trib_buf line;
    trib_buf_init(&line, FIRST_LINE_MAX_BYTES);
    write_first_line(&line, baton);
    code = line.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
    if (code == TRIB_OK) {
        trib_http_answer head = {.status = 200, .content_type = "text/plain", .body = &line};
        trib_http_stream_begin(x->http, &head, on_credit);
        x->streaming = true;
    }
    trib_buf_deinit(&line);
    return code;
}

static void handed(trib_db_job *job) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    trib_error err;
    if (!x->streaming && begin_stream(x, &err) != TRIB_OK) {
        trib_db_job_cancel(job); /* answered by finished */
        return;
    }
    x->starved = !trib_http_stream_chunk(x->http, &x->out);
    if (!x->starved) trib_db_job_continue(job);
}

/* The rest of a stream. What failed before a commit was durable must not be seen; the reason must. */
static void finish_stream(hrana_exec *x) {
    trib_http_request *http = x->http;
    trib_sessions *sessions = http->app->sessions;
    char baton[TRIB_BATON_BYTES];
    trib_code code = x->job.code;
    bool gone = code == TRIB_CANCELLED;
    http->on_cancel = NULL;
    if (code == TRIB_OK || (gone && x->by_baton)) (void)trib_session_release(sessions, x->job.session, baton, NULL);
    else trib_session_close(sessions, x->job.session);
    if (code != TRIB_OK) {
        trib_buf_clear(&x->out);
        entry_begin(x, "error");
        trib_jw_key(&x->w, TRIB_STR("error"));
        hrana_encode_error(&x->w, &x->job.err);
        entry_end(x);
    }
    if (!gone) (void)trib_http_stream_chunk(http, &x->out);
    trib_http_stream_end(http, gone);
    hrana_exec_free(x);
}

static void finished(trib_db_job *job) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    char baton[TRIB_BATON_BYTES];
    if (x->streaming) {
        finish_stream(x);
        return;
    }
    if (!hrana_exec_settle(x, true, baton)) return;
    trib_buf body;
    trib_buf_init(&body, x->out.max_bytes + FIRST_LINE_MAX_BYTES);
    trib_buf_reserve(&body, x->out.len + FIRST_LINE_MAX_BYTES);
    write_first_line(&body, baton);
    trib_buf_add(&body, trib_buf_str(&x->out));
    if (body.failed) {
        trib_error err;
        trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_http_answer_error(x->http, &err);
    } else {
        trib_http_answer answer = {.status = 200, .content_type = "text/plain", .body = &body};
        trib_http_answer_send(x->http, &answer);
    }
    trib_buf_deinit(&body);
    hrana_exec_free(x);
}

void hrana_handle_cursor(trib_http_request *http) {
    trib_error err;
    trib_str baton;
    hrana_batch *batch = trib_arena_zalloc(http->arena, 1, sizeof *batch);
    hrana_exec *x = hrana_exec_new(http);
    if (!x) return;
    trib_code code = batch ? hrana_decode_cursor(http->arena, http->body, &baton, batch, &err)
                           : trib_error_set(&err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) code = hrana_batch_check(x, batch, &err);
    if (code == TRIB_OK) code = hrana_batch_begin(x, batch, &err);
    if (code != TRIB_OK) {
        hrana_exec_fail(x, &err);
        return;
    }
    x->job.handed = handed;
    hrana_exec_submit(x, baton, work, finished);
}
