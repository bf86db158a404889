/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v3/cursor: a batch whose rows come as newline-delimited JSON: first the baton, then one entry a line.
 *
 *   {"baton":"...","base_url":null}
 *   {"type":"step_begin","step":0,"cols":[...]}   {"type":"row","row":[...]} ...   {"type":"step_end",...}
 *   {"type":"step_error","step":1,"error":{...}}  {"type":"replication_index","replication_index":null}
 *
 *   {"type":"error","error":{...}}                the request failed on the way; the last line then
 *
 * A short answer is one message, a longer one goes out while it is made (stream.c). */
#include "features/hrana/hrana_int.h"

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
        if (!x->running && x->out.len >= TRIB_HRANA_CHUNK_BYTES) return hrana_chunk(x);
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
    hrana_pack_whole(x);
    return TRIB_OK;
}

/* ---- on the loop ---- */

static void handed(trib_db_job *job) {
    hrana_stream_hand_over((hrana_exec *)(void *)job);
}

/* The rest of a stream. What failed before a commit was durable must not be seen; the reason must. */
static void finish_stream(hrana_exec *x) {
    trib_sessions *sessions = x->http->app->sessions;
    char baton[TRIB_BATON_BYTES];
    trib_code code = x->job.code;
    bool gone = code == TRIB_CANCELLED;
    if (code == TRIB_OK || (gone && x->by_baton)) (void)trib_session_release(sessions, x->job.session, baton, NULL);
    else trib_session_close(sessions, x->job.session);
    if (code != TRIB_OK) hrana_pack_drop(x);
    if (code != TRIB_OK && !gone) {
        entry_begin(x, "error");
        trib_jw_key(&x->w, TRIB_STR("error"));
        hrana_encode_error(&x->w, &x->job.err);
        entry_end(x);
    }
    hrana_stream_end(x, gone);
}

static void finished(trib_db_job *job) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    char baton[TRIB_BATON_BYTES];
    if (x->streaming) finish_stream(x);
    else if (hrana_exec_settle(x, true, baton)) hrana_exec_answer(x, "text/plain");
}

/* The first line. The next baton exists from here on, but the session is busy until the end. */
static trib_code write_first_line(hrana_exec *x, trib_error *err) {
    char baton[TRIB_BATON_BYTES];
    trib_code code = trib_session_announce(x->http->app->sessions, x->job.session, baton, err);
    if (code != TRIB_OK) return code;
    trib_buf_printf(&x->out, "{\"baton\":\"%s\",\"base_url\":null}\n", baton);
    return x->out.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code decode(hrana_exec *x, trib_error *err) {
    x->decoded = trib_arena_zalloc(x->arena, 1, sizeof *x->decoded);
    if (!x->decoded) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = hrana_decode_cursor(x->arena, x->http->body, &x->baton, x->decoded, err);
    return code == TRIB_OK ? hrana_batch_check(x, x->decoded, err) : code;
}

static trib_code begin(hrana_exec *x, trib_error *err) {
    trib_code code = hrana_batch_begin(x, x->decoded, err);
    if (code == TRIB_OK) code = hrana_exec_open(x, x->baton, err);
    if (code == TRIB_OK) code = write_first_line(x, err);
    x->job.handed = handed;
    return code;
}

void hrana_handle_cursor(trib_http_request *http) {
    static const hrana_way way = {decode, begin, work, finished, NULL};
    hrana_exec_serve(http, &way);
}
