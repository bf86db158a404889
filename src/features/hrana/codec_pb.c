/* SPDX-License-Identifier: Apache-2.0 */
/* Answers in protobuf (docs/reference/libsql.md; the fields are in src/wire/proto/hrana.proto). Numbers without
 * presence are left out when they are 0, as proto3 has it. Fields stand in the order of their numbers, but for the
 * baton of a pipeline, which is known last.
 *
 *   pipeline   results StreamResult{ok StreamResponse{execute ExecuteResp{result StmtResult}}} ..., baton
 *   cursor     each behind its length: CursorRespBody, CursorEntry ...; nothing marks the end but the end
 *   WebSocket  a frame each: ServerMsg{response_ok ResponseOkMsg{request_id, execute ExecuteResp{...}}} */
#include "features/hrana/codec.h"
#include "wire/pb_hrana.h"

/* ---- values and rows ---- */

/* A number that has no presence. */
static void add_u64(trib_pb_writer *w, uint32_t field, uint64_t value) {
    if (value) trib_pw_u64(w, field, value);
}

static void add_value(trib_pb_writer *w, trib_value value) {
    trib_pw_open(w, 1); /* of Row */
    switch (value.type) {
    case TRIB_VALUE_NULL: trib_pw_empty(w, 1); break;
    case TRIB_VALUE_INTEGER: trib_pw_s64(w, 2, value.integer); break;
    case TRIB_VALUE_REAL: trib_pw_f64(w, 3, value.real); break;
    case TRIB_VALUE_TEXT: trib_pw_str(w, 4, value.bytes); break;
    case TRIB_VALUE_BLOB: trib_pw_bytes(w, 5, value.bytes); break;
    }
    trib_pw_close(w);
}

static void add_row(trib_pb_writer *w, uint32_t field, const trib_stmt *stmt) {
    int count = trib_stmt_col_count(stmt);
    trib_pw_open(w, field);
    for (int i = 0; i < count; i++) add_value(w, trib_stmt_col_value(stmt, i));
    trib_pw_close(w);
}

static void add_cols(trib_pb_writer *w, uint32_t field, const trib_stmt *stmt) {
    int count = trib_stmt_col_count(stmt);
    for (int i = 0; i < count; i++) {
        trib_str decltype = trib_stmt_col_decltype(stmt, i);
        trib_pw_open(w, field);
        trib_pw_str(w, 1, trib_stmt_col_name(stmt, i));
        if (decltype.len) trib_pw_str(w, 2, decltype);
        trib_pw_close(w);
    }
}

static void add_error(trib_pb_writer *w, uint32_t field, const trib_error *err) {
    trib_pw_open(w, field);
    trib_pw_str(w, 1, trib_str_c(err->message));
    trib_pw_str(w, 2, trib_str_c(trib_error_wire_code(err)));
    trib_pw_close(w);
}

/* ---- what a request's answer is wrapped in ---- */

static void http_begin(hrana_exec *x, hrana_request_type type) {
    static const unsigned char fields[] = {
        [HRANA_CLOSE] = 1,    [HRANA_EXECUTE] = 2,   [HRANA_BATCH] = 3,     [HRANA_SEQUENCE] = 4,
        [HRANA_DESCRIBE] = 5, [HRANA_STORE_SQL] = 6, [HRANA_CLOSE_SQL] = 7, [HRANA_GET_AUTOCOMMIT] = 8,
    };
    trib_pw_open(&x->pw, 3); /* StreamResult */
    trib_pw_open(&x->pw, 1); /* StreamResponse */
    trib_pw_open(&x->pw, fields[type]);
}

static void http_end(hrana_exec *x) {
    trib_pw_close(&x->pw);
    trib_pw_close(&x->pw);
    trib_pw_close(&x->pw);
}

static void http_error(hrana_exec *x, const trib_error *err) {
    trib_pw_open(&x->pw, 3);
    add_error(&x->pw, 2, err);
    trib_pw_close(&x->pw);
}

static const hrana_envelope http_envelope = {http_begin, http_end, http_error};

static void ws_begin(hrana_exec *x, hrana_request_type type) {
    static const unsigned char fields[] = {
        [HRANA_EXECUTE] = 4,    [HRANA_BATCH] = 5,      [HRANA_SEQUENCE] = 9,        [HRANA_DESCRIBE] = 10,
        [HRANA_STORE_SQL] = 11, [HRANA_CLOSE_SQL] = 12, [HRANA_GET_AUTOCOMMIT] = 13,
    };
    trib_pw_open(&x->pw, 3);
    if (x->message_id) trib_pw_i64(&x->pw, 1, x->message_id);
    trib_pw_open(&x->pw, fields[type]);
}

static void ws_end(hrana_exec *x) {
    trib_pw_close(&x->pw);
    trib_pw_close(&x->pw);
}

static void ws_error(hrana_exec *x, const trib_error *err) {
    hrana_pb_response_error(&x->out, x->message_id, err);
}

const hrana_envelope hrana_pb_ws_envelope = {ws_begin, ws_end, ws_error};

void hrana_pb_hello(trib_buf *out, const trib_error *err) {
    trib_pb_writer w;
    trib_pw_init(&w, out);
    if (!err) {
        trib_pw_empty(&w, 1);
        return;
    }
    trib_pw_open(&w, 2);
    add_error(&w, 1, err);
    trib_pw_close(&w);
}

void hrana_pb_response_ok(trib_buf *out, int32_t request_id, hrana_msg_type type) {
    static const unsigned char fields[] = {
        [HRANA_MSG_OPEN_STREAM] = 2,
        [HRANA_MSG_CLOSE_STREAM] = 3,
        [HRANA_MSG_OPEN_CURSOR] = 6,
        [HRANA_MSG_CLOSE_CURSOR] = 7,
    };
    trib_pb_writer w;
    trib_pw_init(&w, out);
    trib_pw_open(&w, 3);
    if (request_id) trib_pw_i64(&w, 1, request_id);
    trib_pw_empty(&w, fields[type]);
    trib_pw_close(&w);
}

void hrana_pb_response_error(trib_buf *out, int32_t request_id, const trib_error *err) {
    trib_pb_writer w;
    trib_pw_init(&w, out);
    trib_pw_open(&w, 4);
    if (request_id) trib_pw_i64(&w, 1, request_id);
    add_error(&w, 2, err);
    trib_pw_close(&w);
}

void hrana_pb_fetched(trib_buf *out, int32_t request_id, trib_str entries, bool done) {
    trib_pb_writer w;
    trib_pw_init(&w, out);
    trib_pw_open(&w, 3);
    if (request_id) trib_pw_i64(&w, 1, request_id);
    trib_pw_open(&w, 8);
    trib_buf_add(out, entries);
    if (done) trib_pw_u64(&w, 2, 1);
    trib_pw_close(&w);
    trib_pw_close(&w);
}

/* ---- pipelines ---- */

static void pipeline_begin(hrana_exec *x) {
    trib_pw_init(&x->pw, &x->out);
}

static void pipeline_end(hrana_exec *x, const char *baton) {
    if (baton[0]) trib_pw_str(&x->pw, 1, trib_str_c(baton));
}

/* A step's result is the value of an entry of a map. */
static void result_begin(hrana_exec *x, const trib_stmt *stmt) {
    trib_pw_open(&x->pw, 1); /* of ExecuteResp, or BatchResult */
    if (x->batch) {
        add_u64(&x->pw, 1, x->step);
        trib_pw_open(&x->pw, 2);
    }
    add_cols(&x->pw, 1, stmt);
}

static void result_row(hrana_exec *x, const trib_stmt *stmt) {
    add_row(&x->pw, 2, stmt);
}

static void result_end(hrana_exec *x, const trib_stmt *stmt) {
    trib_stmt_counts counts;
    trib_stmt_get_counts(stmt, &counts);
    add_u64(&x->pw, 3, (uint64_t)counts.affected_rows);
    if (counts.has_last_insert_rowid) trib_pw_s64(&x->pw, 4, counts.last_insert_rowid);
    add_u64(&x->pw, 6, counts.rows_read);
    add_u64(&x->pw, 7, counts.rows_written);
    if (x->batch) trib_pw_close(&x->pw);
    trib_pw_close(&x->pw);
}

static void batch_begin(hrana_exec *x) {
    trib_pw_open(&x->pw, 1); /* of BatchResp */
}

/* Maps have no entry for what is not there. */
static void batch_skip(hrana_exec *x) {
    (void)x;
}

static void batch_end(hrana_exec *x) {
    for (size_t i = 0; i < x->batch->count; i++) {
        const trib_error *failure = hrana_batch_error(x, i);
        if (!failure) continue;
        trib_pw_open(&x->pw, 2);
        add_u64(&x->pw, 1, i);
        add_error(&x->pw, 2, failure);
        trib_pw_close(&x->pw);
    }
    trib_pw_close(&x->pw);
}

static void describe(hrana_exec *x, const trib_stmt *stmt) {
    int params = trib_stmt_param_count(stmt);
    trib_pw_open(&x->pw, 1); /* of DescribeResp */
    for (int i = 1; i <= params; i++) {
        trib_str name = trib_stmt_param_name(stmt, i);
        trib_pw_open(&x->pw, 1);
        if (name.len) trib_pw_str(&x->pw, 1, name);
        trib_pw_close(&x->pw);
    }
    add_cols(&x->pw, 2, stmt);
    add_u64(&x->pw, 3, trib_stmt_is_explain(stmt));
    add_u64(&x->pw, 4, trib_stmt_is_readonly(stmt));
    trib_pw_close(&x->pw);
}

static void autocommit(hrana_exec *x, bool is_autocommit) {
    add_u64(&x->pw, 1, is_autocommit);
}

/* ---- cursors ---- */

static void cursor_first(hrana_exec *x, const char *baton) {
    trib_pw_init(&x->pw, &x->out);
    trib_pw_open(&x->pw, 0);
    trib_pw_str(&x->pw, 1, trib_str_c(baton));
    trib_pw_close(&x->pw);
}

/* CursorEntry, as FetchCursorResp.entries or by itself. */
static void entry_open(hrana_exec *x) {
    trib_pw_open(&x->pw, x->entries_nested ? 1 : 0);
}

static void step_begin(hrana_exec *x, const trib_stmt *stmt) {
    entry_open(x);
    trib_pw_open(&x->pw, 1);
    add_u64(&x->pw, 1, x->step);
    add_cols(&x->pw, 2, stmt);
    trib_pw_close(&x->pw);
    trib_pw_close(&x->pw);
}

static void row(hrana_exec *x, const trib_stmt *stmt) {
    entry_open(x);
    add_row(&x->pw, 4, stmt);
    trib_pw_close(&x->pw);
}

/* The specification writes last_insert_rowid as sint64, but the one client that reads protobuf, hrana-client, reads
 * this field (and no other of them) as a plain varint: it gets the number that it understands. */
static void step_end(hrana_exec *x, const trib_stmt *stmt) {
    trib_stmt_counts counts;
    trib_stmt_get_counts(stmt, &counts);
    entry_open(x);
    trib_pw_open(&x->pw, 2);
    add_u64(&x->pw, 1, (uint64_t)counts.affected_rows);
    if (counts.has_last_insert_rowid) trib_pw_i64(&x->pw, 2, counts.last_insert_rowid);
    trib_pw_close(&x->pw);
    trib_pw_close(&x->pw);
}

static void step_error(hrana_exec *x, const trib_error *err) {
    entry_open(x);
    trib_pw_open(&x->pw, 3);
    add_u64(&x->pw, 1, x->step);
    add_error(&x->pw, 2, err);
    trib_pw_close(&x->pw);
    trib_pw_close(&x->pw);
}

static void cursor_error(hrana_exec *x, const trib_error *err) {
    entry_open(x);
    add_error(&x->pw, 5, err);
    trib_pw_close(&x->pw);
}

/* hrana-client refuses an entry with a replication index; it takes the end of the body for the end. */
static void cursor_last(hrana_exec *x) {
    (void)x;
}

const hrana_codec hrana_codec_pb = {
    .pipeline_type = "application/x-protobuf",
    .cursor_type = "application/octet-stream",
    .decode_pipeline = trib_hrana_pb_decode_pipeline,
    .decode_cursor = trib_hrana_pb_decode_cursor,
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
