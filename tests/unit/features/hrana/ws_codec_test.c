/* SPDX-License-Identifier: Apache-2.0 */
/* The messages that only a WebSocket has, byte for byte, in both encodings. */
#include "ws_talk.h"

static trib_buf out;

static void is_bytes(const char *want, size_t n) {
    if (out.len != n || memcmp(out.ptr, want, n) != 0) fail_msg("%.*s", TRIB_STR_ARG(trib_buf_str(&out)));
    trib_buf_clear(&out);
}

#define IS(text) is_bytes(text, sizeof text - 1)

static void json_says_what_the_protocol_says(void **state) {
    (void)state;
    trib_error err;
    trib_error_set(&err, TRIB_STREAM_NOT_OPEN, "not \"open\"");
    trib_buf_init(&out, 4096);
    hrana_ws_json.hello(&out, NULL);
    IS("{\"type\":\"hello_ok\"}");
    hrana_ws_json.hello(&out, &err);
    IS("{\"type\":\"hello_error\",\"error\":{\"message\":\"not \\\"open\\\"\",\"code\":\"STREAM_NOT_OPEN\"}}");
    hrana_ws_json.response_ok(&out, -3, HRANA_MSG_CLOSE_CURSOR);
    IS("{\"type\":\"response_ok\",\"request_id\":-3,\"response\":{\"type\":\"close_cursor\"}}");
    hrana_ws_json.response_error(&out, 7, &err);
    IS("{\"type\":\"response_error\",\"request_id\":7,\"error\":{\"message\":\"not \\\"open\\\"\",\"code\":"
       "\"STREAM_NOT_OPEN\"}}");
    hrana_ws_json.fetched(&out, 7, TRIB_STR("{\"a\":1}\n{\"b\":2}\n"), true);
    IS("{\"type\":\"response_ok\",\"request_id\":7,\"response\":{\"type\":\"fetch_cursor\",\"entries\":[{\"a\":1},{"
       "\"b\":2}],"
       "\"done\":true}}");
    hrana_ws_json.fetched(&out, 7, TRIB_STR(""), false);
    IS("{\"type\":\"response_ok\",\"request_id\":7,\"response\":{\"type\":\"fetch_cursor\",\"entries\":[],\"done\":"
       "false}}");
    trib_buf_deinit(&out);
}

static void protobuf_says_what_the_schema_says(void **state) {
    (void)state;
    trib_error err;
    trib_error_set(&err, TRIB_STREAM_NOT_OPEN, "no");
    trib_buf_init(&out, 4096);
    hrana_ws_pb.hello(&out, NULL);
    IS("\x0a\x00");
    hrana_ws_pb.response_ok(&out, 7, HRANA_MSG_CLOSE_CURSOR);
    IS("\x1a\x04\x08\x07\x3a\x00");
    hrana_ws_pb.response_error(&out, 7, &err);
    IS("\x22\x19\x08\x07\x12\x15\x0a\x02no\x12\x0fSTREAM_NOT_OPEN");
    hrana_ws_pb.fetched(&out, 7, TRIB_STR("\x0a\x02\x22\x00"), true);
    IS("\x1a\x0a\x08\x07\x42\x06\x0a\x02\x22\x00\x10\x01");
    trib_buf_deinit(&out);
}

static void entries_are_cut_one_by_one(void **state) {
    (void)state;
    bool skip;
    assert_int_equal(hrana_ws_json.split(TRIB_STR("{\"a\":1}\n{\"b\":2}\n"), &skip), 8);
    assert_false(skip);
    (void)hrana_ws_json.split(TRIB_STR("{\"type\":\"replication_index\",\"replication_index\":null}\n"), &skip);
    assert_true(skip);
    char long_entry[3 + 200 + 2] = {0x0a, (char)0xc8, 1};
    memset(long_entry + 3, 1, 200);
    assert_int_equal(hrana_ws_pb.split(trib_str_make(long_entry, sizeof long_entry), &skip), 203);
    assert_int_equal(hrana_ws_pb.split(TRIB_STR("\x0a\x02\x22\x00\x0a\x00"), &skip), 4);
    assert_int_equal(hrana_ws_pb.split(trib_str_make("\x0a\x09x", 3), &skip), 3); /* never beyond what is there */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_says_what_the_protocol_says),
        cmocka_unit_test(protobuf_says_what_the_schema_says),
        cmocka_unit_test(entries_are_cut_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
