/* SPDX-License-Identifier: Apache-2.0 */
/* Hrana's answers in protobuf, read by the generated decoder and told in the JSON that the JSON codec would have
 * written: two codecs say the same when these texts are equal. What a decoder must refuse is an error. */
#ifndef TRIB_TESTS_SUPPORT_HRANA_PB_H
#define TRIB_TESTS_SUPPORT_HRANA_PB_H

#include <stdbool.h>
#include <string.h>

#include <trib_proto/hrana.pb-c.h>

#include "wire/json.h"
#include "wire/pb.h"
#include "wire/pb_int.h"

static inline void hrana_pb_text(trib_json_writer *w, const char *key, protobuf_c_boolean sent,
                                 ProtobufCBinaryData text) {
    trib_jw_key_c(w, key);
    if (sent) trib_jw_str(w, trib_pb_str(text));
    else trib_jw_null(w);
}

static inline void hrana_pb_value(trib_json_writer *w, const Trib__Hrana__Value *value) {
    trib_jw_object_begin(w);
    switch ((int)value->value_case) {
    case TRIB__HRANA__VALUE__VALUE_NONE: trib_jw_member_str(w, "type", TRIB_STR("null")); break;
    case TRIB__HRANA__VALUE__VALUE_INTEGER:
        trib_jw_member_str(w, "type", TRIB_STR("integer"));
        trib_jw_key_c(w, "value");
        trib_jw_i64_string(w, value->integer);
        break;
    case TRIB__HRANA__VALUE__VALUE_REAL:
        trib_jw_member_str(w, "type", TRIB_STR("float"));
        trib_jw_key_c(w, "value");
        trib_jw_f64(w, value->real);
        break;
    case TRIB__HRANA__VALUE__VALUE_TEXT:
        trib_jw_member_str(w, "type", TRIB_STR("text"));
        hrana_pb_text(w, "value", true, value->text);
        break;
    case TRIB__HRANA__VALUE__VALUE_BLOB:
        trib_jw_member_str(w, "type", TRIB_STR("blob"));
        trib_jw_key_c(w, "base64");
        trib_jw_base64(w, value->blob.data, value->blob.len);
        break;
    default: trib_jw_member_str(w, "type", TRIB_STR("unknown"));
    }
    trib_jw_object_end(w);
}

static inline void hrana_pb_cols(trib_json_writer *w, size_t count, Trib__Hrana__Col *const *cols) {
    trib_jw_key_c(w, "cols");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < count; i++) {
        trib_jw_object_begin(w);
        hrana_pb_text(w, "name", cols[i]->has_name, cols[i]->name);
        hrana_pb_text(w, "decltype", cols[i]->has_decltype, cols[i]->decltype);
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
}

static inline void hrana_pb_row(trib_json_writer *w, const Trib__Hrana__Row *row) {
    trib_jw_array_begin(w);
    for (size_t i = 0; i < row->n_values; i++) hrana_pb_value(w, row->values[i]);
    trib_jw_array_end(w);
}

static inline void hrana_pb_error(trib_json_writer *w, const Trib__Hrana__Error *error) {
    trib_jw_object_begin(w);
    hrana_pb_text(w, "message", error->has_message, error->message);
    hrana_pb_text(w, "code", error->has_code, error->code);
    trib_jw_object_end(w);
}

static inline void hrana_pb_rowid(trib_json_writer *w, protobuf_c_boolean sent, int64_t rowid) {
    trib_jw_key_c(w, "last_insert_rowid");
    if (sent) trib_jw_i64_string(w, rowid);
    else trib_jw_null(w);
}

static inline void hrana_pb_result(trib_json_writer *w, const Trib__Hrana__StmtResult *result) {
    trib_jw_object_begin(w);
    hrana_pb_cols(w, result->n_cols, result->cols);
    trib_jw_key_c(w, "rows");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < result->n_rows; i++) hrana_pb_row(w, result->rows[i]);
    trib_jw_array_end(w);
    trib_jw_key_c(w, "affected_row_count");
    trib_jw_u64(w, result->affected_row_count);
    hrana_pb_rowid(w, result->has_last_insert_rowid, result->last_insert_rowid);
    trib_jw_member_null(w, "replication_index");
    trib_jw_key_c(w, "rows_read");
    trib_jw_u64(w, result->rows_read);
    trib_jw_key_c(w, "rows_written");
    trib_jw_u64(w, result->rows_written);
    trib_jw_object_end(w);
}

/* A sparse map as the array of `steps` elements that JSON has. Keys must rise. */
static inline void hrana_pb_batch(trib_json_writer *w, const Trib__Hrana__BatchResult *result, size_t steps) {
    size_t at = 0;
    trib_jw_object_begin(w);
    trib_jw_key_c(w, "step_results");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < steps; i++) {
        if (at < result->n_step_results && result->step_results[at]->key == i)
            hrana_pb_result(w, result->step_results[at++]->value);
        else trib_jw_null(w);
    }
    trib_jw_array_end(w);
    if (at != result->n_step_results) w->buf->failed = true;
    at = 0;
    trib_jw_key_c(w, "step_errors");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < steps; i++) {
        if (at < result->n_step_errors && result->step_errors[at]->key == i)
            hrana_pb_error(w, result->step_errors[at++]->value);
        else trib_jw_null(w);
    }
    trib_jw_array_end(w);
    if (at != result->n_step_errors) w->buf->failed = true;
    trib_jw_member_null(w, "replication_index");
    trib_jw_object_end(w);
}

static inline void hrana_pb_describe(trib_json_writer *w, const Trib__Hrana__DescribeResult *result) {
    trib_jw_object_begin(w);
    trib_jw_key_c(w, "params");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < result->n_params; i++) {
        trib_jw_object_begin(w);
        hrana_pb_text(w, "name", result->params[i]->has_name, result->params[i]->name);
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
    hrana_pb_cols(w, result->n_cols, result->cols);
    trib_jw_member_bool(w, "is_explain", result->is_explain);
    trib_jw_member_bool(w, "is_readonly", result->is_readonly);
    trib_jw_object_end(w);
}

static inline void hrana_pb_response(trib_json_writer *w, const Trib__Hrana__StreamResponse *response, size_t steps) {
    static const char *const names[] = {"unknown",  "close",     "execute",   "batch",         "sequence",
                                        "describe", "store_sql", "close_sql", "get_autocommit"};
    size_t type = (size_t)response->response_case;
    trib_jw_object_begin(w);
    trib_jw_key_c(w, "type");
    trib_jw_str_c(w, names[type < sizeof names / sizeof names[0] ? type : 0]);
    switch ((int)response->response_case) {
    case TRIB__HRANA__STREAM_RESPONSE__RESPONSE_EXECUTE:
        trib_jw_key_c(w, "result");
        hrana_pb_result(w, response->execute->result);
        break;
    case TRIB__HRANA__STREAM_RESPONSE__RESPONSE_BATCH:
        trib_jw_key_c(w, "result");
        hrana_pb_batch(w, response->batch->result, steps);
        break;
    case TRIB__HRANA__STREAM_RESPONSE__RESPONSE_DESCRIBE:
        trib_jw_key_c(w, "result");
        hrana_pb_describe(w, response->describe->result);
        break;
    case TRIB__HRANA__STREAM_RESPONSE__RESPONSE_GET_AUTOCOMMIT:
        trib_jw_member_bool(w, "is_autocommit", response->get_autocommit->is_autocommit);
        break;
    default: break;
    }
    trib_jw_object_end(w);
}

/* The body of a pipeline's answer; `steps` of every batch in it. False: it is no such message. */
static inline bool hrana_pb_pipeline(trib_arena *arena, trib_str body, size_t steps, trib_buf *out) {
    trib_json_writer w;
    const ProtobufCMessage *message = trib_pb_unpack(arena, &trib__hrana__pipeline_resp_body__descriptor, body);
    if (!message) return false;
    const Trib__Hrana__PipelineRespBody *answer = (const void *)message;
    trib_jw_init(&w, out);
    trib_jw_object_begin(&w);
    trib_jw_member_null(&w, "base_url");
    trib_jw_key_c(&w, "results");
    trib_jw_array_begin(&w);
    for (size_t i = 0; i < answer->n_results; i++) {
        const Trib__Hrana__StreamResult *result = answer->results[i];
        trib_jw_object_begin(&w);
        if (result->result_case == TRIB__HRANA__STREAM_RESULT__RESULT_OK) {
            trib_jw_member_str(&w, "type", TRIB_STR("ok"));
            trib_jw_key_c(&w, "response");
            hrana_pb_response(&w, result->ok, steps);
        } else if (result->result_case == TRIB__HRANA__STREAM_RESULT__RESULT_ERROR) {
            trib_jw_member_str(&w, "type", TRIB_STR("error"));
            trib_jw_key_c(&w, "error");
            hrana_pb_error(&w, result->error);
        }
        trib_jw_object_end(&w);
    }
    trib_jw_array_end(&w);
    hrana_pb_text(&w, "baton", answer->has_baton, answer->baton);
    trib_jw_object_end(&w);
    return !out->failed;
}

/* A cursor's entry as its line; without what the last of JSON's step_end has more. False: no entry. */
static inline bool hrana_pb_entry(trib_arena *arena, trib_str bytes, trib_buf *out) {
    trib_json_writer w;
    const ProtobufCMessage *message = trib_pb_unpack(arena, &trib__hrana__cursor_entry__descriptor, bytes);
    if (!message) return false;
    const Trib__Hrana__CursorEntry *entry = (const void *)message;
    trib_jw_init(&w, out);
    trib_jw_object_begin(&w);
    trib_jw_key_c(&w, "type");
    switch ((int)entry->entry_case) {
    case TRIB__HRANA__CURSOR_ENTRY__ENTRY_STEP_BEGIN:
        trib_jw_str_c(&w, "step_begin");
        trib_jw_member_i64(&w, "step", entry->step_begin->step);
        hrana_pb_cols(&w, entry->step_begin->n_cols, entry->step_begin->cols);
        break;
    case TRIB__HRANA__CURSOR_ENTRY__ENTRY_ROW:
        trib_jw_str_c(&w, "row");
        trib_jw_key_c(&w, "row");
        hrana_pb_row(&w, entry->row);
        break;
    case TRIB__HRANA__CURSOR_ENTRY__ENTRY_STEP_END:
        trib_jw_str_c(&w, "step_end");
        trib_jw_key_c(&w, "affected_row_count");
        trib_jw_u64(&w, entry->step_end->affected_row_count);
        hrana_pb_rowid(&w, entry->step_end->has_last_insert_rowid, entry->step_end->last_insert_rowid);
        break;
    case TRIB__HRANA__CURSOR_ENTRY__ENTRY_STEP_ERROR:
        trib_jw_str_c(&w, "step_error");
        trib_jw_member_i64(&w, "step", entry->step_error->step);
        trib_jw_key_c(&w, "error");
        hrana_pb_error(&w, entry->step_error->error);
        break;
    case TRIB__HRANA__CURSOR_ENTRY__ENTRY_ERROR:
        trib_jw_str_c(&w, "error");
        trib_jw_key_c(&w, "error");
        hrana_pb_error(&w, entry->error);
        break;
    default: return false;
    }
    trib_jw_object_end(&w);
    return !out->failed;
}

#endif
