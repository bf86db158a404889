/* SPDX-License-Identifier: Apache-2.0 */
/* Answers in JSON.
 *
 *   pipeline   {"base_url":null,"results":[ok|error ...],"baton":"..."}
 *   ok         {"type":"ok","response":{"type":"execute","result":RESULT}}      error  {"type":"error","error":ERROR}
 *   statement  {"cols":[...],"rows":[...],"affected_row_count":0,...}
 *   batch      {"step_results":[...],"step_errors":[...],"replication_index":null}, both as long as the batch
 *   cursor     a line each: {"baton":"...","base_url":null}
 *              {"type":"step_begin","step":0,"cols":[...]}  {"type":"row","row":[...]} ...  {"type":"step_end",...}
 *              {"type":"step_error","step":1,"error":ERROR}
 *              {"type":"replication_index","replication_index":null}   the end, or:
 *              {"type":"error","error":ERROR}                          the request failed on the way */
#include "features/hrana/codec.h"

static void key_error(hrana_exec *x, const trib_error *err) {
    trib_jw_key(&x->w, TRIB_STR("error"));
    hrana_encode_error(&x->w, err);
}

/* ---- pipelines ---- */

void hrana_json_response_begin(hrana_exec *x, hrana_request_type type) {
    trib_jw_object_begin(&x->w);
    trib_jw_key(&x->w, TRIB_STR("type"));
    trib_jw_str_c(&x->w, hrana_request_name(type));
    if (type == HRANA_EXECUTE || type == HRANA_BATCH || type == HRANA_DESCRIBE) trib_jw_key(&x->w, TRIB_STR("result"));
}

static void ok_begin(hrana_exec *x, hrana_request_type type) {
    trib_jw_object_begin(&x->w);
    trib_jw_member_str(&x->w, "type", TRIB_STR("ok"));
    trib_jw_key(&x->w, TRIB_STR("response"));
    hrana_json_response_begin(x, type);
}

static void ok_end(hrana_exec *x) {
    trib_jw_object_end(&x->w);
    trib_jw_object_end(&x->w);
}

static void request_error(hrana_exec *x, const trib_error *err) {
    trib_jw_object_begin(&x->w);
    trib_jw_member_str(&x->w, "type", TRIB_STR("error"));
    key_error(x, err);
    trib_jw_object_end(&x->w);
}

static const hrana_envelope http_envelope = {ok_begin, ok_end, request_error};

static void pipeline_begin(hrana_exec *x) {
    trib_jw_init(&x->w, &x->out);
    trib_jw_object_begin(&x->w);
    trib_jw_member_null(&x->w, "base_url");
    trib_jw_key(&x->w, TRIB_STR("results"));
    trib_jw_array_begin(&x->w);
}

static void pipeline_end(hrana_exec *x, const char *baton) {
    trib_jw_array_end(&x->w);
    trib_jw_key(&x->w, TRIB_STR("baton"));
    if (baton[0]) trib_jw_str_c(&x->w, baton);
    else trib_jw_null(&x->w);
    trib_jw_object_end(&x->w);
}

static void result_begin(hrana_exec *x, const trib_stmt *stmt) {
    trib_jw_object_begin(&x->w);
    hrana_encode_cols(&x->w, stmt);
    trib_jw_key(&x->w, TRIB_STR("rows"));
    trib_jw_array_begin(&x->w);
}

static void result_row(hrana_exec *x, const trib_stmt *stmt) {
    hrana_encode_row(&x->w, stmt);
}

static void result_end(hrana_exec *x, const trib_stmt *stmt) {
    trib_jw_array_end(&x->w);
    hrana_encode_counts(&x->w, stmt);
    trib_jw_object_end(&x->w);
}

static void batch_begin(hrana_exec *x) {
    trib_jw_object_begin(&x->w);
    trib_jw_key(&x->w, TRIB_STR("step_results"));
    trib_jw_array_begin(&x->w);
}

static void batch_skip(hrana_exec *x) {
    trib_jw_null(&x->w);
}

static void batch_end(hrana_exec *x) {
    trib_jw_array_end(&x->w);
    trib_jw_key(&x->w, TRIB_STR("step_errors"));
    trib_jw_array_begin(&x->w);
    for (size_t i = 0; i < x->batch->count; i++) {
        const trib_error *failure = hrana_batch_error(x, i);
        if (failure) hrana_encode_error(&x->w, failure);
        else trib_jw_null(&x->w);
    }
    trib_jw_array_end(&x->w);
    trib_jw_key(&x->w, TRIB_STR("replication_index"));
    trib_jw_null(&x->w);
    trib_jw_object_end(&x->w);
}

static void describe(hrana_exec *x, const trib_stmt *stmt) {
    hrana_encode_describe(&x->w, stmt);
}

static void autocommit(hrana_exec *x, bool is_autocommit) {
    trib_jw_member_bool(&x->w, "is_autocommit", is_autocommit);
}

/* ---- cursors ---- */

static void cursor_first(hrana_exec *x, const char *baton) {
    trib_buf_printf(&x->out, "{\"baton\":\"%s\",\"base_url\":null}\n", baton);
}

static void entry_begin(hrana_exec *x, const char *type) {
    if (!x->entries_nested) trib_jw_init(&x->w, &x->out);
    trib_jw_object_begin(&x->w);
    trib_jw_key(&x->w, TRIB_STR("type"));
    trib_jw_str_c(&x->w, type);
}

static void entry_end(hrana_exec *x) {
    trib_jw_object_end(&x->w);
    if (!x->entries_nested) trib_buf_add_char(&x->out, '\n');
}

static void step_begin(hrana_exec *x, const trib_stmt *stmt) {
    entry_begin(x, "step_begin");
    trib_jw_member_i64(&x->w, "step", (int64_t)x->step);
    hrana_encode_cols(&x->w, stmt);
    entry_end(x);
}

static void row(hrana_exec *x, const trib_stmt *stmt) {
    entry_begin(x, "row");
    trib_jw_key(&x->w, TRIB_STR("row"));
    hrana_encode_row(&x->w, stmt);
    entry_end(x);
}

static void step_end(hrana_exec *x, const trib_stmt *stmt) {
    entry_begin(x, "step_end");
    hrana_encode_counts(&x->w, stmt);
    entry_end(x);
}

static void step_error(hrana_exec *x, const trib_error *err) {
    entry_begin(x, "step_error");
    trib_jw_member_i64(&x->w, "step", (int64_t)x->step);
    key_error(x, err);
    entry_end(x);
}

static void cursor_error(hrana_exec *x, const trib_error *err) {
    entry_begin(x, "error");
    key_error(x, err);
    entry_end(x);
}

/* Clients of the HTTP cursor wait for it; over WebSocket they do not know it. */
static void cursor_last(hrana_exec *x) {
    if (x->entries_nested) return;
    entry_begin(x, "replication_index");
    trib_jw_member_null(&x->w, "replication_index");
    entry_end(x);
}

const hrana_codec hrana_codec_json = {
    .pipeline_type = "application/json",
    .cursor_type = "text/plain",
    .decode_pipeline = hrana_decode_pipeline,
    .decode_cursor = hrana_decode_cursor,
    .pipeline_begin = pipeline_begin,
    .pipeline_end = pipeline_end,
    .http = &http_envelope,
    .result = {0, result_begin, result_row, result_end},
    .batch_begin = batch_begin,
    .batch_skip = batch_skip,
    .batch_end = batch_end,
    .describe = describe,
    .autocommit = autocommit,
    .cursor_first = cursor_first,
    .entry = {TRIB_HRANA_CHUNK_BYTES, step_begin, row, step_end},
    .step_error = step_error,
    .cursor_error = cursor_error,
    .cursor_last = cursor_last,
};
