/* SPDX-License-Identifier: Apache-2.0 */
/* How messages are read and answers written: one table of functions per encoding. The executor runs a request and calls
 * these as results appear; nothing but a codec knows the encoding.
 *
 *   decode_pipeline -> requests: envelope->begin, [result | batch | describe | autocommit], envelope->end  or ->error
 *   decode_cursor   -> cursor_first, entry.begin, entry.row ..., entry.end, step_error ..., cursor_last
 *
 * What a request's answer is wrapped in differs between HTTP and WebSocket, its contents do not: the envelope is a
 * table of its own. All of them append to x->out through x->w (JSON) or x->pw (protobuf); failure sticks in the buffer.
 * What is written after a statement may have committed must fit TRIB_HRANA_RESULT_END_BYTES. */
#ifndef TRIB_FEATURES_HRANA_CODEC_H
#define TRIB_FEATURES_HRANA_CODEC_H

#include "features/hrana/hrana_int.h"

/* What a statement's rows are written as. */
struct hrana_sink {
    size_t chunk_bytes; /* hand over (AGAIN with job.chunk) once the output is so long; 0: never */
    void (*begin)(hrana_exec *x, const trib_stmt *stmt);
    void (*row)(hrana_exec *x, const trib_stmt *stmt);
    void (*end)(hrana_exec *x, const trib_stmt *stmt);
};

struct hrana_envelope {
    /* Up to where the result of a request of this type stands, and behind it. */
    void (*begin)(hrana_exec *x, hrana_request_type type);
    void (*end)(hrana_exec *x);
    /* The whole answer of one that failed. */
    void (*error)(hrana_exec *x, const trib_error *err);
};

struct hrana_codec {
    const char *pipeline_type, *cursor_type; /* Content-Type */

    /* Everything lives in the arena or borrows from `body`. Errors: BAD_JSON, PROTOCOL, BATON_INVALID, NOMEM. */
    trib_code (*decode_pipeline)(trib_arena *arena, trib_str body, hrana_pipeline *ret, trib_error *err);
    trib_code (*decode_cursor)(trib_arena *arena, trib_str body, trib_str *ret_baton, hrana_batch *ret,
                               trib_error *err);

    /* The body of a pipeline's answer; requests' answers stand between. baton "": none. */
    void (*pipeline_begin)(hrana_exec *x);
    void (*pipeline_end)(hrana_exec *x, const char *baton);
    const hrana_envelope *http;

    hrana_sink result; /* of execute, or of step x->step of x->batch */
    void (*batch_begin)(hrana_exec *x);
    void (*batch_skip)(hrana_exec *x); /* a step that has no result: skipped or failed */
    void (*batch_end)(hrana_exec *x);  /* x->step_state and x->step_errors say what failed */
    void (*describe)(hrana_exec *x, const trib_stmt *stmt);
    void (*autocommit)(hrana_exec *x, bool is_autocommit);

    /* A cursor: with x->entries_nested entries are elements of something that is open, otherwise each stands for
     * itself. */
    void (*cursor_first)(hrana_exec *x, const char *baton);
    hrana_sink entry;
    void (*step_error)(hrana_exec *x, const trib_error *err);
    void (*cursor_error)(hrana_exec *x, const trib_error *err);
    void (*cursor_last)(hrana_exec *x); /* the end mark, where the encoding has one */
};

extern const hrana_codec hrana_codec_json;  /* codec_json.c */
extern const hrana_codec hrana_codec_pb;    /* codec_pb.c */
extern const hrana_codec hrana_codec_proxy; /* codec_proxy.c: batches and describe only */

/* ---- encode_json.c: pieces of JSON ---- */
void hrana_encode_cols(trib_json_writer *w, const trib_stmt *stmt);
void hrana_encode_row(trib_json_writer *w, const trib_stmt *stmt);
void hrana_encode_counts(trib_json_writer *w, const trib_stmt *stmt);
void hrana_encode_error(trib_json_writer *w, const trib_error *err);
void hrana_encode_describe(trib_json_writer *w, const trib_stmt *stmt);

/* ---- codec_json.c ----
 * {"type":"execute","result": or {"type":"sequence": up to where the result stands; an object is open behind it. */
void hrana_json_response_begin(hrana_exec *x, hrana_request_type type);

/* ---- codec_pb.c: what only a WebSocket has, a frame each; x->message_id is the request's ---- */
extern const hrana_envelope hrana_pb_ws_envelope;
/* err NULL: hello_ok. */
void hrana_pb_hello(trib_buf *out, const trib_error *err);
/* An empty answer to OPEN_STREAM, CLOSE_STREAM, OPEN_CURSOR, CLOSE_CURSOR. */
void hrana_pb_response_ok(trib_buf *out, int32_t request_id, hrana_msg_type type);
void hrana_pb_response_error(trib_buf *out, int32_t request_id, const trib_error *err);
/* The answer to FETCH_CURSOR; `entries` as written with x->entries_nested. */
void hrana_pb_fetched(trib_buf *out, int32_t request_id, trib_str entries, bool done);

#endif
