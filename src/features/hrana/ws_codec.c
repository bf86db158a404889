/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of a WebSocket. In protobuf they are codec_pb.c's, one a binary frame; in JSON, one a text frame:
 *
 *   {"type":"hello_ok"}   {"type":"hello_error","error":ERROR}
 *   {"type":"response_ok","request_id":1,"response":{"type":"execute","result":RESULT}}
 *   {"type":"response_error","request_id":1,"error":ERROR}
 *
 * A cursor's entries are written a line each (codec_json.c), and put into the array of an answer as many as asked for.
 */
#include "features/hrana/ws_int.h"
#include "wire/pb_hrana.h"

static const char *const names[] = {
    [HRANA_MSG_OPEN_STREAM] = "open_stream",   [HRANA_MSG_CLOSE_STREAM] = "close_stream",
    [HRANA_MSG_OPEN_CURSOR] = "open_cursor",   [HRANA_MSG_CLOSE_CURSOR] = "close_cursor",
    [HRANA_MSG_FETCH_CURSOR] = "fetch_cursor",
};

/* Up to where the response's own members stand. */
static void open_response(trib_json_writer *w, trib_buf *out, int32_t request_id) {
    trib_jw_init(w, out);
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "type", TRIB_STR("response_ok"));
    trib_jw_member_i64(w, "request_id", request_id);
    trib_jw_key(w, TRIB_STR("response"));
}

static void begin(hrana_exec *x, hrana_request_type type) {
    open_response(&x->w, &x->out, x->message_id);
    hrana_json_response_begin(x, type);
}

static void end(hrana_exec *x) {
    trib_jw_object_end(&x->w);
    trib_jw_object_end(&x->w);
}

static void response_error(trib_buf *out, int32_t request_id, const trib_error *err) {
    trib_json_writer w;
    trib_jw_init(&w, out);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "type", TRIB_STR("response_error"));
    trib_jw_member_i64(&w, "request_id", request_id);
    trib_jw_key(&w, TRIB_STR("error"));
    hrana_encode_error(&w, err);
    trib_jw_object_end(&w);
}

static void error(hrana_exec *x, const trib_error *err) {
    response_error(&x->out, x->message_id, err);
}

static const hrana_envelope envelope = {begin, end, error};

static void hello(trib_buf *out, const trib_error *err) {
    trib_json_writer w;
    trib_jw_init(&w, out);
    trib_jw_object_begin(&w);
    trib_jw_key(&w, TRIB_STR("type"));
    trib_jw_str_c(&w, err ? "hello_error" : "hello_ok");
    if (err) trib_jw_key(&w, TRIB_STR("error"));
    if (err) hrana_encode_error(&w, err);
    trib_jw_object_end(&w);
}

static void response_ok(trib_buf *out, int32_t request_id, hrana_msg_type type) {
    trib_json_writer w;
    open_response(&w, out, request_id);
    trib_jw_object_begin(&w);
    trib_jw_key(&w, TRIB_STR("type"));
    trib_jw_str_c(&w, names[type]);
    trib_jw_object_end(&w);
    trib_jw_object_end(&w);
}

static void fetched(trib_buf *out, int32_t request_id, trib_str entries, bool done) {
    trib_json_writer w;
    open_response(&w, out, request_id);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "type", TRIB_STR("fetch_cursor"));
    trib_jw_key(&w, TRIB_STR("entries"));
    trib_jw_array_begin(&w);
    while (entries.len) {
        size_t line = trib_str_find(entries, '\n');
        trib_jw_raw(&w, trib_str_sub(entries, 0, line));
        entries = trib_str_sub(entries, line + 1, entries.len);
    }
    trib_jw_array_end(&w);
    trib_jw_member_bool(&w, "done", done);
    trib_jw_object_end(&w);
    trib_jw_object_end(&w);
}

/* The end mark of the HTTP cursor is none that clients know here. */
static size_t split(trib_str entries, bool *ret_skip) {
    *ret_skip = trib_str_starts(entries, TRIB_STR("{\"type\":\"replication_index\""));
    size_t line = trib_str_find(entries, '\n');
    return line == SIZE_MAX ? entries.len : line + 1;
}

const hrana_ws_codec hrana_ws_json = {
    .is_text = true,
    .name = "binary",
    .codec = &hrana_codec_json,
    .envelope = &envelope,
    .decode = hrana_decode_client_msg,
    .hello = hello,
    .response_ok = response_ok,
    .response_error = response_error,
    .fetched = fetched,
    .split = split,
};

/* ---- protobuf ---- */

/* An entry is a field of the answer: its tag (one byte), its length, its bytes. */
static size_t split_pb(trib_str entries, bool *ret_skip) {
    size_t at = 1, n = 0;
    *ret_skip = false;
    for (unsigned shift = 0; at < entries.len && shift < 35; shift += 7) {
        unsigned char c = (unsigned char)entries.ptr[at++];
        n |= (size_t)(c & 0x7f) << shift;
        if (c < 0x80) break;
    }
    return n < entries.len - at ? at + n : entries.len;
}

const hrana_ws_codec hrana_ws_pb = {
    .name = "text",
    .codec = &hrana_codec_pb,
    .envelope = &hrana_pb_ws_envelope,
    .decode = trib_hrana_pb_decode_client_msg,
    .hello = hrana_pb_hello,
    .response_ok = hrana_pb_response_ok,
    .response_error = hrana_pb_response_error,
    .fetched = hrana_pb_fetched,
    .nested = true,
    .split = split_pb,
};
