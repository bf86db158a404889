/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v3/cursor: a batch whose rows come as newline-delimited JSON: first the baton, then one entry a line.
 *
 *   {"baton":"...","base_url":null}
 *   {"type":"step_begin","step":0,"cols":[...]}   {"type":"row","row":[...]} ...   {"type":"step_end",...}
 *   {"type":"step_error","step":1,"error":{...}}  {"type":"replication_index","replication_index":null}
 *
 * The baton's line is written last and put in front, because the next baton exists only when the job has come home. */
#include <string.h>

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

static const hrana_sink cursor_sink = {cursor_begin, cursor_row, cursor_end};

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
        if (!hrana_cond_true(x, handle, step->condition)) continue;
        trib_code code = hrana_run_stmt(x, handle, &step->stmt, &cursor_sink, true, &failure);
        if (code == TRIB_AGAIN) return code;
        if (code == TRIB_PROTOCOL) {
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

static void finished(trib_db_job *job) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    char baton[TRIB_BATON_BYTES];
    if (!hrana_exec_settle(x, true, baton)) return;
    trib_buf body;
    trib_buf_init(&body, x->out.max_bytes + 256);
    trib_buf_reserve(&body, x->out.len + 128);
    const char *quote = baton[0] ? "\"" : "";
    trib_buf_printf(&body, "{\"baton\":%s%s%s,\"base_url\":null}\n", quote, baton[0] ? baton : "null", quote);
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
    if (code == TRIB_OK) code = hrana_batch_begin(x, batch, &err);
    if (code != TRIB_OK) {
        hrana_exec_free(x);
        trib_http_answer_error(http, &err);
        return;
    }
    hrana_exec_submit(x, baton, work, finished);
}
