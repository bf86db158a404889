/* SPDX-License-Identifier: Apache-2.0 */
/* WebSockets without sockets: the handshake, messages and answers, limits, pings, closing from both sides, tokens that
 * come in a message. The carrier is http_loopback.h. */
#include "http_loopback.h"
#include "support/ws_frame.h"

#define ASK                                                                                                            \
    "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"      \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

enum { MESSAGE_MAX = 1 << 20 };

static trib_ws *ws;
static char seen[4096]; /* what the handler heard: "text:hello closed:1000" */
static bool holds;      /* keeps the WebSocket when it is closed */

static void hear(const char *what, trib_str detail) {
    size_t n = strlen(seen);
    snprintf(seen + n, sizeof seen - n, "%s%s:%.*s", n ? " " : "", what, TRIB_STR_ARG(trib_str_sub(detail, 0, 40)));
}

static void on_authenticated(trib_ws *who, trib_code code, const trib_error *err) {
    (void)err;
    hear("auth", trib_str_c(trib_code_name(code)));
    if (who->gone) trib_ws_release(who);
}

/* "echo", "big", "close", "abort", "pause", "token": what the peer wants to see. */
static void on_message(trib_ws *from, bool is_text, trib_buf *bytes) {
    trib_str text = trib_buf_str(bytes);
    hear(is_text ? "text" : "binary", text);
    if (trib_str_eq_c(text, "close")) trib_ws_close(from, 4001, TRIB_STR("as you wish"));
    if (trib_str_eq_c(text, "abort")) trib_ws_abort(from);
    if (trib_str_eq_c(text, "pause")) trib_ws_set_reading(from, false);
    if (trib_str_eq_c(text, "token")) trib_ws_authenticate(from, TRIB_STR("abc"), on_authenticated);
    if (trib_str_eq_c(text, "timer")) trib_ws_set_timer(from, 1000);
    if (trib_str_eq_c(text, "big")) {
        trib_buf big;
        trib_buf_init(&big, MESSAGE_MAX);
        (void)trib_buf_reserve(&big, 300000);
        memset(big.ptr, 'x', big.len = 300000);
        hear("room", trib_str_c(trib_ws_send(from, true, &big) ? "yes" : "no"));
        trib_buf_deinit(&big);
    }
    if (trib_str_eq_c(text, "echo")) trib_ws_send(from, is_text, bytes);
}

static void on_credit(trib_ws *from) {
    (void)from;
    hear("credit", (trib_str){0});
}

static void on_due(trib_ws *from) {
    (void)from;
    hear("due", (trib_str){0});
}

static void on_closed(trib_ws *from, uint16_t code) {
    char text[8];
    snprintf(text, sizeof text, "%u", code);
    hear("closed", trib_str_c(text));
    if (!holds) trib_ws_release(from);
}

static const char *const protocols[] = {"v2", "v1"};
static const trib_ws_handler handler = {.protocols = protocols,
                                        .protocol_count = 2,
                                        .message = on_message,
                                        .credit = on_credit,
                                        .due = on_due,
                                        .closed = on_closed};

static void accept_chat(trib_http_request *request) {
    if (!trib_ws_is_asked(request)) {
        trib_http_answer_text(request, 200, "text/plain", TRIB_STR("not asked"));
        return;
    }
    ws = trib_ws_accept(request, &handler, MESSAGE_MAX);
}

static const trib_route routes[] = {
    {"GET", "/", TRIB_LISTENER_USER, TRIB_AUTH_NONE, 0, accept_chat, ""},
    {"GET", "/dump", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, accept_chat, ""},
};
static const trib_module module = {.name = "test", .routes = routes, .route_count = 2};

static void start(loopback *l) {
    seen[0] = '\0';
    ws = NULL;
    holds = false;
    loop_start(l, &module, TRIB_LISTENER_USER);
}

/* Up to the first frame. */
static void open_chat(loopback *l) {
    start(l);
    loop_feed(l, ASK "\r\n");
    assert_non_null(ws);
    assert_true(loop_has(l, "HTTP/1.1 101 "));
    trib_buf_clear(&l->out);
}

static void feed_frame(loopback *l, uint8_t opcode, const char *payload) {
    unsigned char frame[256];
    ws_frame f = {.fin = true, .opcode = opcode, .masked = true};
    size_t n = ws_frame_write(f, payload, strlen(payload), frame);
    trib_buf_add_bytes(&l->in, frame, n);
    loop_pump(l);
}

static void assert_out(const loopback *l, const char *bytes, size_t n) {
    assert_int_equal(l->out.len, n);
    assert_memory_equal(l->out.ptr, bytes, n);
}

static void a_handshake_begins_a_websocket_and_what_is_wrong_with_it_is_answered(void **state) {
    (void)state;
    loopback l;
    static const struct {
        const char *request, *answer;
    } rows[] = {
        {ASK "\r\n", "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"},
        {ASK "\r\n", "HTTP/1.1 101 Switching Protocols\r\n"},
        {ASK "Sec-WebSocket-Protocol: v1, v2\r\n\r\n", "\r\nSec-WebSocket-Protocol: v2\r\n"},
        {ASK "Sec-WebSocket-Protocol: v9\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /chat HTTP/1.1\r\nHost: x\r\n\r\n", "not asked"},
        {"GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
         "8\r\n\r\n",
         "HTTP/1.1 426 "},
        {"GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
         "8\r\n\r\n",
         "\r\nsec-websocket-version: 13\r\n"},
        {"GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n", "HTTP/1.1 400 "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        start(&l);
        loop_feed(&l, rows[i].request);
        if (!loop_has(&l, rows[i].answer)) fail_msg("%s:\n%s", rows[i].request, loop_text(&l));
        loop_end(&l);
    }
}

static void what_is_sent_while_held_goes_out_together(void **state) {
    (void)state;
    loopback l;
    trib_buf one;
    open_chat(&l);
    trib_buf_init(&one, 100);
    trib_ws_hold(ws, true);
    for (int i = 0; i < 2; i++) {
        trib_buf_add_c(&one, "hi");
        trib_ws_send(ws, true, &one);
    }
    assert_int_equal(l.out.len, 0);
    trib_ws_hold(ws, false);
    assert_out(&l, "\x81\x02hi\x81\x02hi", 8);
    trib_buf_clear(&l.out);
    trib_ws_hold(ws, true);
    trib_ws_close(ws, TRIB_WS_CLOSE_NORMAL, (trib_str){0});
    trib_ws_hold(ws, false);
    assert_out(&l, "\x88\x02\x03\xe8", 4);
    trib_buf_deinit(&one);
    loop_end(&l);
}

static void messages_come_in_order_also_those_behind_the_handshake(void **state) {
    (void)state;
    loopback l;
    unsigned char frame[64];
    start(&l);
    trib_buf_add_c(&l.in, ASK "\r\n");
    trib_buf_add_bytes(&l.in, frame, ws_frame_write((ws_frame){true, 0, 1, true, 0}, "echo", 4, frame));
    trib_buf_add_bytes(&l.in, frame, ws_frame_write((ws_frame){true, 0, 9, true, 0}, "p", 1, frame));
    trib_buf_add_bytes(&l.in, frame, ws_frame_write((ws_frame){true, 0, 2, true, 0}, "echo", 4, frame));
    loop_pump(&l);
    assert_string_equal(seen, "text:echo binary:echo");
    const char *end = strstr(loop_text(&l), "\r\n\r\n");
    assert_non_null(end);
    assert_memory_equal(end + 4,
                        "\x81\x04"
                        "echo\x8a\x01p\x82\x04"
                        "echo",
                        15);
    loop_end(&l);
    assert_string_equal(seen, "text:echo binary:echo closed:1006");
}

static void the_peers_close_is_answered_with_its_code(void **state) {
    (void)state;
    loopback l;
    open_chat(&l);
    feed_frame(&l, 8,
               "\x03\xe8"
               "bye");
    assert_out(&l, "\x88\x02\x03\xe8", 4);
    assert_true(l.closing);
    loop_end(&l);
    assert_string_equal(seen, "closed:1000");
    open_chat(&l);
    feed_frame(&l, 8, "");
    assert_out(&l, "\x88\x00", 2);
    loop_end(&l);
    assert_string_equal(seen, "closed:1005");
}

static void our_close_waits_for_the_peers_and_no_message_comes_meanwhile(void **state) {
    (void)state;
    loopback l;
    open_chat(&l);
    feed_frame(&l, 1, "close");
    assert_out(&l,
               "\x88\x0d\x0f\xa1"
               "as you wish",
               15);
    assert_false(l.closing);
    assert_int_equal(l.deadline_ms, TRIB_WS_CLOSE_TIMEOUT_MS);
    feed_frame(&l, 1, "too late");
    feed_frame(&l, 9, "too late");
    assert_int_equal(l.out.len, 15);
    feed_frame(&l, 8, "\x0f\xa1");
    assert_true(l.closing);
    assert_int_equal(l.out.len, 15);
    loop_end(&l);
    assert_string_equal(seen, "text:close closed:4001");
    open_chat(&l);
    feed_frame(&l, 1, "close");
    l.env.offset_ns += (int64_t)TRIB_WS_CLOSE_TIMEOUT_MS * 1000000;
    trib_http_conn_deadline(l.conn); /* it never answers */
    assert_true(l.closing);
    loop_end(&l);
}

static void a_broken_frame_is_answered_with_a_close_and_its_reason(void **state) {
    (void)state;
    loopback l;
    open_chat(&l);
    trib_buf_add_bytes(&l.in, "\x81\x01x", 3);
    loop_pump(&l);
    assert_memory_equal(l.out.ptr + 2, "\x03\xea", 2);
    assert_true(loop_has(&l, "must be masked"));
    assert_true(l.closing);
    loop_end(&l);
    assert_string_equal(seen, "closed:1002");
}

static void a_feature_can_break_off_or_hold_back_its_peer(void **state) {
    (void)state;
    loopback l;
    open_chat(&l);
    feed_frame(&l, 1, "pause");
    assert_false(l.reading);
    feed_frame(&l, 1, "later");
    assert_string_equal(seen, "text:pause");
    trib_ws_set_reading(ws, true);
    assert_true(l.reading);
    loop_pump(&l);
    assert_string_equal(seen, "text:pause text:later");
    feed_frame(&l, 1, "abort");
    assert_true(l.aborted);
    assert_int_equal(l.out.len, 0);
    loop_end(&l);
}

static void a_peer_that_does_not_read_is_not_read_either_and_credit_tells_when_it_does(void **state) {
    (void)state;
    loopback l;
    open_chat(&l);
    l.stuck = true;
    feed_frame(&l, 1, "big");
    assert_string_equal(seen, "text:big room:no");
    assert_false(l.reading);
    feed_frame(&l, 1, "echo");
    assert_string_equal(seen, "text:big room:no");
    l.stuck = false;
    trib_http_conn_drained(l.conn);
    assert_true(l.reading);
    loop_pump(&l);
    assert_string_equal(seen, "text:big room:no credit: text:echo");
    loop_end(&l);
    open_chat(&l);
    l.stuck = true;
    feed_frame(&l, 1, "big");
    trib_http_conn_timeout(l.conn); /* no byte was taken for the idle timeout */
    assert_true(l.aborted);
    loop_end(&l);
}

static void a_silent_peer_is_pinged_and_given_up(void **state) {
    (void)state;
    loopback l;
    open_chat(&l);
    assert_int_equal(l.idle_ms, TRIB_WS_PING_MS);
    trib_http_conn_timeout(l.conn);
    assert_out(&l, "\x89\x00", 2);
    feed_frame(&l, 10, "");
    trib_http_conn_timeout(l.conn);
    assert_out(&l, "\x89\x00\x89\x00", 4);
    assert_false(l.aborted);
    trib_http_conn_timeout(l.conn);
    assert_true(l.aborted);
    loop_end(&l);
    assert_string_equal(seen, "closed:1006");
}

static void a_message_that_trickles_is_refused(void **state) {
    (void)state;
    loopback l;
    open_chat(&l);
    trib_buf_add_bytes(&l.in, "\x81\x8a\x01\x02\x03\x04slow", 10);
    loop_pump(&l);
    assert_int_equal(l.deadline_ms, TRIB_WS_MESSAGE_TIMEOUT_MS);
    l.env.offset_ns += INT64_C(21000) * 1000000;
    trib_http_conn_deadline(l.conn);
    assert_true(loop_has(&l, "did not arrive in time"));
    assert_true(l.closing);
    loop_end(&l);
    assert_string_equal(seen, "closed:1008");
}

static void timers_come_once_beside_the_other_deadlines(void **state) {
    (void)state;
    loopback l;
    open_chat(&l);
    feed_frame(&l, 1, "timer");
    assert_int_equal(l.deadline_ms, 1000);
    trib_buf_add_bytes(&l.in, "\x81\x8a\x01\x02\x03\x04slow", 10);
    loop_pump(&l);
    assert_int_equal(l.deadline_ms, 1000);
    l.env.offset_ns += INT64_C(1000) * 1000000;
    trib_http_conn_deadline(l.conn);
    assert_string_equal(seen, "text:timer due:");
    assert_int_equal(l.deadline_ms, TRIB_WS_MESSAGE_TIMEOUT_MS - 1000);
    loop_end(&l);
}

static void the_end_of_the_server_closes_with_1001(void **state) {
    (void)state;
    loopback l;
    open_chat(&l);
    trib_http_conn_drain(l.conn);
    assert_memory_equal(l.out.ptr + 2, "\x03\xe9", 2);
    loop_end(&l);
    assert_string_equal(seen, "closed:1001");
}

static void a_token_names_who_asks_at_once_or_after_a_worker(void **state) {
    (void)state;
    loopback l;
    open_chat(&l);
    auth.code = TRIB_AUTH_JWT_EXPIRED;
    feed_frame(&l, 1, "token");
    assert_string_equal(auth.authorization, "Bearer abc");
    assert_string_equal(auth.path, "/chat");
    assert_null(ws->tenant);
    auth.code = TRIB_AGAIN;
    feed_frame(&l, 1, "token");
    assert_false(l.reading);
    feed_frame(&l, 1, "behind it");
    auth_come_home();
    assert_true(l.reading);
    loop_pump(&l);
    assert_non_null(ws->tenant);
    assert_string_equal(seen, "text:token auth:AUTH_JWT_EXPIRED text:token auth:OK text:behind it");
    auth.code = TRIB_OK;
    assert_int_equal(trib_ws_recheck(ws, NULL), TRIB_OK);
    assert_string_equal(auth.authorization, "Bearer abc");
    auth.code = TRIB_AUTH_JWT_EXPIRED;
    assert_int_equal(trib_ws_recheck(ws, NULL), TRIB_AUTH_JWT_EXPIRED);
    assert_non_null(ws->tenant);
    loop_end(&l);
}

static void a_websocket_outlives_its_socket_until_it_is_released(void **state) {
    (void)state;
    loopback l;
    open_chat(&l);
    auth.code = TRIB_AGAIN;
    holds = true;
    feed_frame(&l, 1, "token");
    loop_lose(&l);
    assert_true(ws->gone);
    assert_int_equal(l.hub.live, 1);
    trib_ws_close(ws, 1000, (trib_str){0}); /* harmless */
    auth_come_home();
    assert_int_equal(l.hub.live, 0);
    assert_string_equal(seen, "text:token closed:1006 auth:OK");
    loop_end(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_begins_a_websocket_and_what_is_wrong_with_it_is_answered),
        cmocka_unit_test(what_is_sent_while_held_goes_out_together),
        cmocka_unit_test(messages_come_in_order_also_those_behind_the_handshake),
        cmocka_unit_test(the_peers_close_is_answered_with_its_code),
        cmocka_unit_test(our_close_waits_for_the_peers_and_no_message_comes_meanwhile),
        cmocka_unit_test(a_broken_frame_is_answered_with_a_close_and_its_reason),
        cmocka_unit_test(a_feature_can_break_off_or_hold_back_its_peer),
        cmocka_unit_test(a_peer_that_does_not_read_is_not_read_either_and_credit_tells_when_it_does),
        cmocka_unit_test(a_silent_peer_is_pinged_and_given_up),
        cmocka_unit_test(a_message_that_trickles_is_refused),
        cmocka_unit_test(timers_come_once_beside_the_other_deadlines),
        cmocka_unit_test(the_end_of_the_server_closes_with_1001),
        cmocka_unit_test(a_token_names_who_asks_at_once_or_after_a_worker),
        cmocka_unit_test(a_websocket_outlives_its_socket_until_it_is_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
