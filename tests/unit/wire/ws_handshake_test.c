/* SPDX-License-Identifier: Apache-2.0 */
/* The opening handshake by RFC 6455 §4.2: the example of §1.3, and one request for each rule. */
#include "wire/ws_handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UP  "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"

static trib_http1_parser parser;
static char text[2048];

static const trib_http1_head *parse(const char *line, const char *headers) {
    size_t used;
    trib_error err;
    trib_http1_parser_deinit(&parser);
    trib_http1_parser_init(&parser, false);
    snprintf(text, sizeof text, "%s\r\nHost: x\r\n%s\r\n", line, headers);
    assert_int_equal(trib_http1_parser_next(&parser, trib_str_c(text), &used, &err), TRIB_HTTP1_HEAD);
    return &parser.head;
}

static void the_accept_value_is_that_of_the_specification(void **state) {
    (void)state;
    char accept[TRIB_WS_ACCEPT_BYTES];
    const trib_http1_head *head = parse("GET /chat HTTP/1.1", UP KEY V13);
    assert_true(trib_ws_handshake_asked(head));
    assert_int_equal(trib_ws_handshake_check(head, accept, NULL), TRIB_OK);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void each_rule_of_the_handshake_is_checked(void **state) {
    (void)state;
    static const struct {
        const char *name, *line, *headers;
        trib_code code;
    } rows[] = {
        {"POST", "POST / HTTP/1.1", UP KEY V13, TRIB_BAD_REQUEST},
        {"HTTP/1.0", "GET / HTTP/1.0", UP KEY V13, TRIB_BAD_REQUEST},
        {"no Connection", "GET / HTTP/1.1", "Upgrade: websocket\r\n" KEY V13, TRIB_BAD_REQUEST},
        {"no Upgrade", "GET / HTTP/1.1", "Connection: Upgrade\r\n" KEY V13, TRIB_BAD_REQUEST},
        {"another Upgrade", "GET / HTTP/1.1", "Connection: Upgrade\r\nUpgrade: h2c\r\n" KEY V13, TRIB_BAD_REQUEST},
        {"a body", "GET / HTTP/1.1", UP KEY V13 "Content-Length: 1\r\n", TRIB_BAD_REQUEST},
        {"no version", "GET / HTTP/1.1", UP KEY, TRIB_UPGRADE_REQUIRED},
        {"version 8", "GET / HTTP/1.1", UP KEY "Sec-WebSocket-Version: 8\r\n", TRIB_UPGRADE_REQUIRED},
        {"two versions", "GET / HTTP/1.1", UP KEY V13 V13, TRIB_UPGRADE_REQUIRED},
        {"no key", "GET / HTTP/1.1", UP V13, TRIB_BAD_REQUEST},
        {"two keys", "GET / HTTP/1.1", UP KEY KEY V13, TRIB_BAD_REQUEST},
        {"a short key", "GET / HTTP/1.1", UP "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n" V13, TRIB_BAD_REQUEST},
        {"18 bytes", "GET / HTTP/1.1", UP "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQab\r\n" V13, TRIB_BAD_REQUEST},
        {"no Base64", "GET / HTTP/1.1", UP "Sec-WebSocket-Key: !!!!IHNhbXBsZSBub25jZQ==\r\n" V13, TRIB_BAD_REQUEST},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char accept[TRIB_WS_ACCEPT_BYTES];
        trib_error err;
        trib_code code = trib_ws_handshake_check(parse(rows[i].line, rows[i].headers), accept, &err);
        if (code != rows[i].code) fail_msg("%s: %s", rows[i].name, trib_code_name(code));
    }
    assert_false(trib_ws_handshake_asked(parse("GET / HTTP/1.1", "")));
}

static void the_servers_preference_among_the_offered_subprotocols_wins(void **state) {
    (void)state;
    static const char *const spoken[] = {"hrana3", "hrana2", "hrana1"};
    static const struct {
        const char *headers;
        int index;
        trib_code code;
    } rows[] = {
        {"", -1, TRIB_OK},
        {"Sec-WebSocket-Protocol: hrana2,hrana1\r\n", 1, TRIB_OK},
        {"Sec-WebSocket-Protocol: hrana1 ,  hrana3\r\n", 0, TRIB_OK},
        {"Sec-WebSocket-Protocol: other\r\nsec-websocket-protocol: hrana1\r\n", 2, TRIB_OK},
        {"Sec-WebSocket-Protocol: other\r\n", -1, TRIB_BAD_REQUEST},
        {"Sec-WebSocket-Protocol: HRANA2\r\n", -1, TRIB_BAD_REQUEST},
        {"Sec-WebSocket-Protocol: hrana22\r\n", -1, TRIB_BAD_REQUEST},
        {"Sec-WebSocket-Protocol:\r\n", -1, TRIB_BAD_REQUEST},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int index = 9;
        trib_error err;
        trib_code code = trib_ws_handshake_choose(parse("GET / HTTP/1.1", rows[i].headers), spoken, 3, &index, &err);
        if (code != rows[i].code || index != rows[i].index) fail_msg("%s: %d", rows[i].headers, index);
    }
}

static int deinit(void **state) {
    (void)state;
    trib_http1_parser_deinit(&parser);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_accept_value_is_that_of_the_specification),
        cmocka_unit_test(each_rule_of_the_handshake_is_checked),
        cmocka_unit_test(the_servers_preference_among_the_offered_subprotocols_wins),
    };
    return cmocka_run_group_tests(tests, NULL, deinit);
}
