/* SPDX-License-Identifier: Apache-2.0 */
/* The n-th allocation of a WebSocket's life fails, for every n: of the reader and writer of frames, of what decodes
 * messages, and on the loop of a Hrana WebSocket with streams, stored texts, a cursor and a long message. The peer is
 * told or the socket ends, never silence (a lost answer hangs this test); nothing leaks (LeakSanitizer). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <wslay/wslay.h>

#include "features/hrana/ws_int.h"
#include "support/alloc_fail.h"
#include "support/ws_app_test.h"
#include "support/ws_frame.h"

int __real_wslay_frame_context_init(wslay_frame_context_ptr *ctx, const struct wslay_frame_callbacks *callbacks,
                                    void *user_data);
int __wrap_wslay_frame_context_init(wslay_frame_context_ptr *ctx, const struct wslay_frame_callbacks *callbacks,
                                    void *user_data);

/* wslay allocates in its own library, where nothing is wrapped. */
int __wrap_wslay_frame_context_init(wslay_frame_context_ptr *ctx, const struct wslay_frame_callbacks *callbacks,
                                    void *user_data) {
    return alloc_fail_next() ? WSLAY_ERR_NOMEM : __real_wslay_frame_context_init(ctx, callbacks, user_data);
}

/* Runs `life` with every allocation failing in turn, once and with all after it, until none is met; returns how many
 * there are. */
static uint64_t every_allocation(void (*life)(bool *ret_fine)) {
    uint64_t n = 0;
    for (bool struck = true; struck;) {
        n++;
        for (int sticky = 0; sticky < 2; sticky++) {
            bool fine = false;
            alloc_fail_at(n, sticky);
            life(&fine);
            struck = alloc_fail_struck();
            alloc_fail_at(0, false);
            if (!struck) assert_true(fine);
        }
    }
    return n - 1;
}

/* ---- frames ---- */

static unsigned char frames[70000];
static size_t frames_bytes;

/* A text in three fragments with a ping between them, and a long one. */
static void make_frames(void) {
    static char text[60000];
    memset(text, 'x', sizeof text);
    frames_bytes = ws_frame_write((ws_frame){.opcode = 1, .masked = true}, "one", 3, frames);
    frames_bytes +=
        ws_frame_write((ws_frame){.fin = true, .opcode = 9, .masked = true}, "ping", 4, frames + frames_bytes);
    frames_bytes += ws_frame_write((ws_frame){.masked = true}, "two", 3, frames + frames_bytes);
    frames_bytes += ws_frame_write((ws_frame){.fin = true, .masked = true}, "three", 5, frames + frames_bytes);
    frames_bytes +=
        ws_frame_write((ws_frame){.fin = true, .opcode = 1, .masked = true}, text, sizeof text, frames + frames_bytes);
}

static void read_and_write(bool *ret_fine) {
    trib_ws_reader reader;
    trib_buf out, message;
    trib_error err;
    size_t used, messages = 0;
    trib_str in = trib_str_make((const char *)frames, frames_bytes);
    trib_ws_reader_init(&reader, true, 1 << 20);
    trib_buf_init(&out, 1 << 20);
    for (;;) {
        trib_ws_event event = trib_ws_reader_next(&reader, trib_str_sub(in, 0, 1000), &used, &err);
        in = trib_str_sub(in, used, in.len);
        if (event == TRIB_WS_ERROR) {
            assert_int_equal(reader.close_code, TRIB_WS_CLOSE_INTERNAL);
            assert_int_equal(err.code, TRIB_NOMEM);
            assert_int_equal(trib_ws_reader_next(&reader, in, &used, &err), TRIB_WS_ERROR); /* it sticks */
            break;
        }
        if (event == TRIB_WS_PING) trib_ws_write(&out, TRIB_WS_OP_PONG, reader.payload);
        if (event == TRIB_WS_MESSAGE) {
            messages++;
            trib_ws_reader_take(&reader, &message);
            trib_ws_write(&out, TRIB_WS_OP_TEXT, trib_buf_str(&message));
            trib_buf_deinit(&message);
        }
        if (event == TRIB_WS_NEED && !in.len) break;
    }
    trib_ws_write_close(&out, TRIB_WS_CLOSE_NORMAL, TRIB_STR("end"));
    *ret_fine = messages == 2 && !out.failed;
    trib_ws_reader_deinit(&reader);
    trib_buf_deinit(&out);
}

static void frames_are_read_and_written_or_refused(void **state) {
    (void)state;
    make_frames();
    assert_true(every_allocation(read_and_write) > 8);
}

/* ---- messages ---- */

#define ASK(id, request) "{\"type\":\"request\",\"request_id\":" #id ",\"request\":{" request "}}"
#define OPEN(id, stream) ASK(id, "\"type\":\"open_stream\",\"stream_id\":" #stream)
#define EXECUTE(id, stream, sql)                                                                                       \
    ASK(id, "\"type\":\"execute\",\"stream_id\":" #stream ",\"stmt\":{\"sql\":\"" sql "\"}")

static const char batch[] =
    ASK(9, "\"type\":\"batch\",\"stream_id\":1,\"batch\":{\"steps\":["
           "{\"stmt\":{\"sql\":\"SELECT ?\\u0041\",\"args\":[{\"type\":\"blob\",\"base64\":\"AAEC\"}]}},"
           "{\"condition\":{\"type\":\"and\",\"conds\":[{\"type\":\"ok\",\"step\":0}]},"
           "\"stmt\":{\"sql\":\"SELECT :a\",\"named_args\":[{\"name\":\"a\",\"value\":{\"type\":\"null\"}}]}}]}");
/* execute on stream 1 of "S" with an integer, in protobuf */
static const char execute_pb[] = "\x12\x11\x08\x07\x22\x0d\x08\x01\x12\x09\x0a\x01S\x1a\x02\x10\x0e\x28\x01";

static void decode(const hrana_ws_codec *codec, trib_str text, bool *ret_fine) {
    trib_arena arena;
    hrana_client_msg msg;
    trib_error err;
    trib_arena_init(&arena, 1 << 20);
    trib_code code = codec->decode(&arena, text, &msg, &err);
    if (code != TRIB_OK) assert_int_equal(code, TRIB_NOMEM);
    *ret_fine = code == TRIB_OK;
    trib_arena_deinit(&arena);
}

static void decode_json(bool *ret_fine) {
    decode(&hrana_ws_json, trib_str_c(batch), ret_fine);
}

static void decode_pb(bool *ret_fine) {
    decode(&hrana_ws_pb, trib_str_make(execute_pb, sizeof execute_pb - 1), ret_fine);
}

static void messages_are_decoded_or_there_is_no_memory(void **state) {
    (void)state;
    assert_true(every_allocation(decode_json) > 0);
    assert_true(every_allocation(decode_pb) > 0);
}

/* ---- a socket ---- */

static app_test t;
static ws_test w;
static char token[2048], hello[2200], long_message[100000];

static const char *const script[] = {
    hello,
    OPEN(1, 1),
    OPEN(2, 2),
    EXECUTE(3, 1, "SELECT 'one row'"),
    ASK(4, "\"type\":\"store_sql\",\"sql_id\":1,\"sql\":\"SELECT 'stored'\""),
    ASK(5, "\"type\":\"execute\",\"stream_id\":2,\"stmt\":{\"sql_id\":1}"),
    EXECUTE(6, 1, "wrong"),
    batch,
    long_message,
    ASK(7, "\"type\":\"open_cursor\",\"stream_id\":2,\"cursor_id\":1,\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"WITH "
           "RECURSIVE "
           "c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT 3000) SELECT hex(n) FROM c\"}}]}"),
    ASK(8, "\"type\":\"fetch_cursor\",\"cursor_id\":1,\"max_count\":100"),
    ASK(9, "\"type\":\"fetch_cursor\",\"cursor_id\":1,\"max_count\":10000"),
    ASK(10, "\"type\":\"close_cursor\",\"cursor_id\":1"),
    ASK(11, "\"type\":\"close_sql\",\"sql_id\":1"),
    hello,
    ASK(12, "\"type\":\"close_stream\",\"stream_id\":1"),
};

static void make_long_message(void) {
    int n =
        snprintf(long_message, sizeof long_message,
                 "{\"type\":\"request\",\"request_id\":20,\"request\":{\"type\":\"execute\",\"stream_id\":1,\"stmt\":"
                 "{\"sql\":\"SELECT length(?)\",\"args\":[{\"type\":\"text\",\"value\":\"");
    memset(long_message + n, 'x', 70000);
    snprintf(long_message + n + 70000, 100, "\"}]}}}");
}

static void life(bool *ret_fine) {
    size_t answers = 0;
    ws_test_open(&t, &w, hrana_ws_accept, 1);
    for (size_t i = 0; w.accepted && !w.ws.closing && i < sizeof script / sizeof *script; i++) {
        ws_test_say(&w, script[i]);
        answers += ws_test_hear(&w).len > 0;
    }
    if (!w.accepted) assert_true(w.ask.answered);
    *ret_fine = answers == sizeof script / sizeof *script && !w.ws.closing;
    if (!w.released) ws_test_leave(&w);
}

static void a_socket_answers_or_ends(void **state) {
    (void)state;
    trib_tenant *tenant;
    assert_int_equal(app_test_start_with_tenant(&t, "ali", &tenant), TRIB_OK);
    ws_test_token(&t, "ali", true, 0, token, sizeof token);
    snprintf(hello, sizeof hello, "{\"type\":\"hello\",\"jwt\":\"%s\"}", token);
    make_long_message();
    uint64_t n = every_allocation(life);
    print_message("%d allocations on the loop\n", (int)n);
    assert_true(n > 40);
    app_test_end_with_tenant(&t, tenant);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_read_and_written_or_refused),
        cmocka_unit_test(messages_are_decoded_or_there_is_no_memory),
        cmocka_unit_test(a_socket_answers_or_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
