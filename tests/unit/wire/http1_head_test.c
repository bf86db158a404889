/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of HTTP/1.1 messages: every rule as a row, with the section it comes from. */
#include "support/http1_rows.h"

static const http1_run REQUEST = {.max_body_bytes = 1000};
static const http1_run RESPONSE = {.is_response = true, .closes = true, .max_body_bytes = 1000};

#define GET          "GET / HTTP/1.1\r\nHost: h\r\n"
#define WITH(header) GET header "\r\n\r\n"

static void request_line_rules(void **state) {
    (void)state;
    static const http1_row rows[] = {
        HTTP1_ROW("plain", GET "\r\n", "GET / 1.1 keep {Host: h} []\n", NULL),
        HTTP1_ROW("1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n", "GET / 1.0 close {} []\n", NULL),
        HTTP1_ROW("9112 2.2 one empty line first", "\r\n" GET "\r\n", "GET / 1.1 keep {Host: h} []\n", NULL),
        HTTP1_ROW("two empty lines first", "\r\n\r\n" GET "\r\n", "!BAD_HTTP", "request line"),
        HTTP1_ROW("9110 9.1 any token is a method", "x!#$%&'*+-.^_`|~9 / HTTP/1.0\r\n\r\n",
                  "x!#$%&'*+-.^_`|~9 / 1.0 close {} []\n", NULL),
        HTTP1_ROW("method with a separator", "GE(T / HTTP/1.1\r\n", "!BAD_HTTP", "request line"),
        HTTP1_ROW("no method", " / HTTP/1.1\r\n", "!BAD_HTTP", "request line"),
        HTTP1_ROW("9112 3 method longer than any", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456 / HTTP/1.1\r\n",
                  "!NOT_IMPLEMENTED_HTTP", "method"),
        HTTP1_ROW("longest method", "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345 / HTTP/1.0\r\n\r\n",
                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345 / 1.0 close {} []\n", NULL),
        HTTP1_ROW("9112 3.2.3 CONNECT", "CONNECT h:443 HTTP/1.1\r\n", "!NOT_IMPLEMENTED_HTTP", "method"),
        HTTP1_ROW("9112 3 two spaces", "GET  / HTTP/1.1\r\n", "!BAD_HTTP", NULL),
        HTTP1_ROW("space in the target", "GET /a b HTTP/1.1\r\n", "!BAD_HTTP", "version"),
        HTTP1_ROW("tab instead of space", "GET\t/ HTTP/1.1\r\n", "!BAD_HTTP", "request line"),
        HTTP1_ROW("no target", "GET HTTP/1.1\r\n", "!BAD_HTTP", "request line"),
        HTTP1_ROW("trailing space", "GET / HTTP/1.1 \r\n", "!BAD_HTTP", "version"),
        HTTP1_ROW("NUL in the target", "GET /\0 HTTP/1.1\r\n", "!BAD_HTTP", "target"),
        HTTP1_ROW("non-ASCII target", "GET /\xc3\xa9 HTTP/1.1\r\n", "!BAD_HTTP", "target"),
        HTTP1_ROW("9112 3.2 fragment", "GET /a#b HTTP/1.1\r\n", "!BAD_HTTP", "target"),
        HTTP1_ROW("relative target", "GET a HTTP/1.1\r\n", "!BAD_HTTP", "target"),
        HTTP1_ROW("query", "GET /a?b=c/%20;{x|y} HTTP/1.0\r\n\r\n", "GET /a?b=c/%20;{x|y} 1.0 close {} []\n", NULL),
        HTTP1_ROW("9112 3.2.2 absolute-form", "GET HTTP://H:8/a?b HTTP/1.1\r\nHost: h:8\r\n\r\n",
                  "GET HTTP://H:8/a?b->/a?b 1.1 keep {Host: h:8} []\n", NULL),
        HTTP1_ROW("absolute-form without path", "GET https://h HTTP/1.1\r\nHost: h\r\n\r\n",
                  "GET https://h->/ 1.1 keep {Host: h} []\n", NULL),
        HTTP1_ROW("absolute-form, other Host", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "!BAD_HTTP",
                  "different hosts"),
        HTTP1_ROW("absolute-form, no Host in 1.0", "GET http://a/ HTTP/1.0\r\n\r\n", "!BAD_HTTP", "different hosts"),
        HTTP1_ROW("absolute-form with user", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "!BAD_HTTP", "target"),
        HTTP1_ROW("absolute-form, query without path", "GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n", "!BAD_HTTP",
                  "target"),
        HTTP1_ROW("absolute-form, other scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "!BAD_HTTP", "target"),
        HTTP1_ROW("absolute-form, no host", "GET http:///a HTTP/1.1\r\nHost: \r\n\r\n", "!BAD_HTTP", "target"),
        HTTP1_ROW("9112 3.2.4 asterisk", "OPTIONS * HTTP/1.0\r\n\r\n", "OPTIONS * 1.0 close {} []\n", NULL),
        HTTP1_ROW("asterisk with GET", "GET * HTTP/1.1\r\n", "!BAD_HTTP", "OPTIONS"),
        HTTP1_ROW("9112 2.3 version 2.0", "PRI * HTTP/2.0\r\n", "!HTTP_VERSION", NULL),
        HTTP1_ROW("version 1.2", "GET / HTTP/1.2\r\n", "!HTTP_VERSION", NULL),
        HTTP1_ROW("version 0.9", "GET / HTTP/0.9\r\n", "!HTTP_VERSION", NULL),
        HTTP1_ROW("lower-case version", "GET / http/1.1\r\n", "!BAD_HTTP", "version"),
        HTTP1_ROW("version 1.10", "GET / HTTP/1.10\r\n", "!BAD_HTTP", "version"),
        HTTP1_ROW("0.9 request", "GET /\r\n", "!BAD_HTTP", "request line"),
        HTTP1_ROW("9112 2.2 bare LF", "GET / HTTP/1.1\nHost: h\n\n", "!BAD_HTTP", "CR LF"),
        HTTP1_ROW("bare CR", "GET / HTTP/1.1\rHost: h\r\n", "!BAD_HTTP", "version"),
        HTTP1_ROW("CR CR LF", "GET / HTTP/1.1\r\r\n", "!BAD_HTTP", "version"),
        HTTP1_ROW("lone LF", "\n", "!BAD_HTTP", "CR LF"),
        HTTP1_ROW("TLS hello", "\x16\x03\x01\x02\x00\x01\n", "!BAD_HTTP", "CR LF"),
        HTTP1_ROW("nothing", "", "", NULL),
        HTTP1_ROW("half a line", "GET / HT", "~8", NULL),
        HTTP1_ROW("half a head", GET "a: b\r\n", "~31", NULL),
    };
    HTTP1_CHECK(REQUEST, rows);
}

static void field_rules(void **state) {
    (void)state;
    static const http1_row rows[] = {
        HTTP1_ROW("9112 5.1 white space around a value", WITH("a: \t b c \t "), "GET / 1.1 keep {Host: h|a: b c} []\n",
                  NULL),
        HTTP1_ROW("no white space", WITH("a:b"), "GET / 1.1 keep {Host: h|a: b} []\n", NULL),
        HTTP1_ROW("empty value", WITH("a:"), "GET / 1.1 keep {Host: h|a: } []\n", NULL),
        HTTP1_ROW("blank value", WITH("a: \t"), "GET / 1.1 keep {Host: h|a: } []\n", NULL),
        HTTP1_ROW("colon in the value", WITH("a: b:c"), "GET / 1.1 keep {Host: h|a: b:c} []\n", NULL),
        HTTP1_ROW("9110 5.5 obs-text", WITH("a: \xff\x80\xa0"), "GET / 1.1 keep {Host: h|a: \xff\x80\xa0} []\n", NULL),
        HTTP1_ROW("tab inside a long value", WITH("a: 123456789\t0123456789"),
                  "GET / 1.1 keep {Host: h|a: 123456789\t0123456789} []\n", NULL),
        HTTP1_ROW("9110 5.3 repeated header", WITH("a: 1\r\nA: 2"), "GET / 1.1 keep {Host: h|a: 1|A: 2} []\n", NULL),
        HTTP1_ROW("9112 5.1 space before the colon", WITH("a : b"), "!BAD_HTTP", "followed by white space"),
        HTTP1_ROW("tab before the colon", WITH("a\t: b"), "!BAD_HTTP", "followed by white space"),
        HTTP1_ROW("9112 5.2 folded", WITH("a: b\r\n c"), "!BAD_HTTP", "folded"),
        HTTP1_ROW("folded with a tab", WITH("a: b\r\n\tc"), "!BAD_HTTP", "folded"),
        HTTP1_ROW("9112 2.2 blank before the first header", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", "!BAD_HTTP",
                  "folded"),
        HTTP1_ROW("no colon", WITH("abc"), "!BAD_HTTP", "NAME: VALUE"),
        HTTP1_ROW("no name", WITH(": b"), "!BAD_HTTP", "NAME: VALUE"),
        HTTP1_ROW("separator in a name", WITH("a@b: c"), "!BAD_HTTP", "NAME: VALUE"),
        HTTP1_ROW("non-ASCII name", WITH("\xc3\xa9: c"), "!BAD_HTTP", "NAME: VALUE"),
        HTTP1_ROW("NUL in a name", WITH("a\0b: c"), "!BAD_HTTP", "NAME: VALUE"),
        HTTP1_ROW("9110 5.5 NUL in a value", WITH("a: b\0c"), "!BAD_HTTP", "control character"),
        HTTP1_ROW("NUL in a long value",
                  WITH("a: 12345678\0"
                       "12345678"),
                  "!BAD_HTTP", "control character"),
        HTTP1_ROW("bare CR in a value", WITH("a: b\rc: d"), "!BAD_HTTP", "control character"),
        HTTP1_ROW("CR at the value's end", WITH("a: b\r"), "!BAD_HTTP", "control character"),
        HTTP1_ROW("DEL in a value", WITH("a: b\x7f"), "!BAD_HTTP", "control character"),
        HTTP1_ROW("DEL in a long value",
                  WITH("a: 1234567\x7f"
                       "2345678"),
                  "!BAD_HTTP", "control character"),
        HTTP1_ROW("vertical tab", WITH("a: \vb"), "!BAD_HTTP", "control character"),
        HTTP1_ROW("bare LF between headers", GET "a: b\nc: d\r\n\r\n", "!BAD_HTTP", "CR LF"),
        HTTP1_ROW("head ends with bare LF", GET "\n", "!BAD_HTTP", "CR LF"),
        HTTP1_ROW("9112 3.2 Host missing", "GET / HTTP/1.1\r\na: b\r\n\r\n", "!BAD_HTTP", "Host header is missing"),
        HTTP1_ROW("two Hosts", WITH("Host: h"), "!BAD_HTTP", "more than once"),
        HTTP1_ROW("two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: h\r\nhost: h\r\n\r\n", "!BAD_HTTP", "more than once"),
        HTTP1_ROW("empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / 1.1 keep {Host: } []\n", NULL),
        HTTP1_ROW("IPv6 Host", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET / 1.1 keep {Host: [::1]:80} []\n",
                  NULL),
        HTTP1_ROW("space in Host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "!BAD_HTTP", "host name"),
        HTTP1_ROW("path in Host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "!BAD_HTTP", "host name"),
        HTTP1_ROW("user in Host", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "!BAD_HTTP", "host name"),
        HTTP1_ROW("two Authorizations", WITH("Authorization: a\r\nauthorization: b"), "!BAD_HTTP", "authorization"),
        HTTP1_ROW("two namespaces", WITH("x-namespace: a\r\nX-Namespace: b"), "!BAD_HTTP", "x-namespace"),
    };
    HTTP1_CHECK(REQUEST, rows);
}

static void every_control_character_is_refused_at_every_place_of_a_value(void **state) {
    (void)state;
    char value[20];
    for (size_t at = 0; at < sizeof value; at++) {
        for (int c = 0; c < 256; c++) {
            memset(value, 'v', sizeof value);
            value[at] = (char)c;
            bool good = (c >= 0x20 && c != 0x7f) || c == '\t';
            assert_int_equal(trib_http1_is_field_text(trib_str_make(value, sizeof value)), good);
        }
    }
}

static void connection_and_flags(void **state) {
    (void)state;
    static const http1_row rows[] = {
        HTTP1_ROW("9112 9.3 close", WITH("Connection: close"), "GET / 1.1 close {Host: h|Connection: close} []\n",
                  NULL),
        HTTP1_ROW("close in a list", WITH("connection: x ,\tCLOSE"),
                  "GET / 1.1 close {Host: h|connection: x ,\tCLOSE} []\n", NULL),
        HTTP1_ROW("close in a second line", WITH("connection: x\r\nConnection: close"),
                  "GET / 1.1 close {Host: h|connection: x|Connection: close} []\n", NULL),
        HTTP1_ROW("close is not a prefix", WITH("Connection: closed"),
                  "GET / 1.1 keep {Host: h|Connection: closed} []\n", NULL),
        HTTP1_ROW("close beats keep-alive", WITH("Connection: keep-alive, close"),
                  "GET / 1.1 close {Host: h|Connection: keep-alive, close} []\n", NULL),
        HTTP1_ROW("1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
                  "GET / 1.0 keep {Connection: Keep-Alive} []\n", NULL),
        HTTP1_ROW("9110 7.8 upgrade", WITH("Connection: keep-alive, Upgrade\r\nUpgrade: websocket"),
                  "GET / 1.1 keep upgrade {Host: h|Connection: keep-alive, Upgrade|Upgrade: websocket} []\n", NULL),
        HTTP1_ROW("upgrade without Connection", WITH("Upgrade: websocket"),
                  "GET / 1.1 keep {Host: h|Upgrade: websocket} []\n", NULL),
        HTTP1_ROW("upgrade without Upgrade", WITH("Connection: upgrade"),
                  "GET / 1.1 keep {Host: h|Connection: upgrade} []\n", NULL),
        HTTP1_ROW("9110 10.1.1 expect", WITH("Expect: 100-Continue"),
                  "GET / 1.1 keep 100 {Host: h|Expect: 100-Continue} []\n", NULL),
        HTTP1_ROW("expect in 1.0 is ignored", "GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
                  "GET / 1.0 close {Expect: 100-continue} []\n", NULL),
        HTTP1_ROW("upgrade in 1.0 is ignored", "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
                  "GET / 1.0 close {Connection: upgrade|Upgrade: x} []\n", NULL),
    };
    HTTP1_CHECK(REQUEST, rows);
}

static void status_line_rules(void **state) {
    (void)state;
    static const http1_row rows[] = {
        HTTP1_ROW("9112 4 plain", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                  "200 OK 1.1 keep {Content-Length: 0} []\n", NULL),
        HTTP1_ROW("empty reason", "HTTP/1.1 204 \r\n\r\n", "204  1.1 keep {} []\n", NULL),
        HTTP1_ROW("long reason", "HTTP/1.0 404 No, \xc3\xa9!\r\n\r\n", "404 No, \xc3\xa9! 1.0 close {} []\n", NULL),
        HTTP1_ROW("no space behind the status", "HTTP/1.1 200\r\n\r\n", "!BAD_HTTP", "status line"),
        HTTP1_ROW("two digits", "HTTP/1.1 20 OK\r\n\r\n", "!BAD_HTTP", "status line"),
        HTTP1_ROW("four digits", "HTTP/1.1 2000 OK\r\n\r\n", "!BAD_HTTP", "status line"),
        HTTP1_ROW("below 100", "HTTP/1.1 099 OK\r\n\r\n", "!BAD_HTTP", "status line"),
        HTTP1_ROW("above 599", "HTTP/1.1 600 OK\r\n\r\n", "!BAD_HTTP", "status line"),
        HTTP1_ROW("control character in the reason", "HTTP/1.1 200 a\x01\r\n\r\n", "!BAD_HTTP", "status line"),
        HTTP1_ROW("short line", "HTTP\r\n\r\n", "!BAD_HTTP", "version"),
        HTTP1_ROW("other version", "HTTP/2.0 200 OK\r\n\r\n", "!HTTP_VERSION", NULL),
        HTTP1_ROW("no empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", "!BAD_HTTP", "version"),
        HTTP1_ROW("9112 5.2 folded", "HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n", "!BAD_HTTP", "folded"),
        HTTP1_ROW("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "!BAD_HTTP",
                  "more than once"),
        HTTP1_ROW("nothing, then closed", "", "", NULL),
        HTTP1_ROW("closed in the head", "HTTP/1.1 200 OK\r\n", "!BAD_HTTP", "closed inside"),
        HTTP1_ROW("closed in the first line", "HTTP", "!BAD_HTTP", "closed inside"),
    };
    HTTP1_CHECK(RESPONSE, rows);
}

/* A request of exactly `head_bytes` with the last byte of its empty line. */
static void add_head_of(trib_buf *in, size_t head_bytes) {
    trib_buf_add_c(in, "GET / HTTP/1.0\r\na: ");
    http1_fill(in, 'v', head_bytes - in->len - 4);
    trib_buf_add_c(in, "\r\n\r\n");
    assert_int_equal(in->len, head_bytes);
}

static const char *first_answer(const trib_buf *in, char *place, size_t size, bool bytewise) {
    trib_buf out;
    trib_buf_init(&out, SIZE_MAX / 2);
    size_t piece = bytewise ? 1 : SIZE_MAX;
    http1_run run = {.max_body_bytes = 10, .next_piece = http1_fixed_piece, .ctx = &piece};
    http1_transcript(&run, trib_buf_str(in), &out, NULL);
    snprintf(place, size, "%.*s", (int)(out.len < 8 ? out.len : 8), out.ptr);
    trib_buf_deinit(&out);
    return place;
}

static void limits_hold_to_the_byte(void **state) {
    (void)state;
    char place[16];
    for (int bytewise = 0; bytewise < 2; bytewise++) {
        for (size_t over = 0; over < 2; over++) {
            trib_buf in;
            trib_buf_init(&in, SIZE_MAX / 2);
            add_head_of(&in, TRIB_HTTP1_MAX_HEAD_BYTES + over);
            assert_string_equal(first_answer(&in, place, sizeof place, bytewise), over ? "!HEADERS" : "GET / 1.");

            trib_buf_clear(&in);
            trib_buf_add_c(&in, "GET /");
            http1_fill(&in, 't', TRIB_HTTP1_MAX_TARGET_BYTES - 1 + over);
            trib_buf_add_c(&in, " HTTP/1.0\r\n\r\n");
            assert_string_equal(first_answer(&in, place, sizeof place, bytewise), over ? "!URI_TOO" : "GET /ttt");

            trib_buf_clear(&in);
            trib_buf_add_c(&in, "GET / HTTP/1.0\r\n");
            for (size_t i = 0; i < TRIB_HTTP1_MAX_HEADERS + over; i++) trib_buf_add_c(&in, "a:b\r\n");
            trib_buf_add_c(&in, "\r\n");
            assert_string_equal(first_answer(&in, place, sizeof place, bytewise), over ? "!HEADERS" : "GET / 1.");
            trib_buf_deinit(&in);
        }
    }
}

static void a_line_without_end_is_refused_before_it_is_kept(void **state) {
    (void)state;
    char place[16];
    trib_buf in;
    trib_buf_init(&in, SIZE_MAX / 2);
    trib_buf_add_c(&in, "GET /");
    http1_fill(&in, 't', 8300);
    assert_string_equal(first_answer(&in, place, sizeof place, false), "!URI_TOO");
    trib_buf_clear(&in);
    trib_buf_add_c(&in, "GET / HTTP/1.1\r\na: ");
    http1_fill(&in, 'v', TRIB_HTTP1_MAX_HEAD_BYTES);
    assert_string_equal(first_answer(&in, place, sizeof place, false), "!HEADERS");
    trib_buf_deinit(&in);
}

static void known_headers_are_found_in_any_case(void **state) {
    (void)state;
    static const char *const names[] = {
#define X(id, name, once) name,
        TRIB_HTTP1_KNOWN_TABLE(X)
#undef X
    };
    for (size_t k = 0; k < TRIB_HTTP1_KNOWN_COUNT; k++) {
        trib_http1_parser p;
        trib_http1_parser_init(&p, true);
        trib_buf in;
        trib_buf_init(&in, 4096);
        trib_buf_printf(&in, "HTTP/1.1 304 x\r\nother: o\r\n%s: 12\r\n\r\n", names[k]);
        if (k == TRIB_HTTP1_TRANSFER_ENCODING) {
            trib_buf_clear(&in);
            trib_buf_printf(&in, "HTTP/1.1 304 x\r\nother: o\r\n%s: chunked\r\n\r\n", names[k]);
        }
        /* every other letter of the name in upper case */
        for (size_t i = 26; in.ptr[i] != ':'; i++)
            if (i % 2 == 0 && in.ptr[i] >= 'a' && in.ptr[i] <= 'z') in.ptr[i] = (char)(in.ptr[i] - 32);
        size_t used;
        trib_error err;
        assert_int_equal(trib_http1_parser_next(&p, trib_buf_str(&in), &used, &err), TRIB_HTTP1_HEAD);
        for (size_t j = 0; j < TRIB_HTTP1_KNOWN_COUNT; j++) {
            trib_str value = trib_http1_known_get(&p.head, (trib_http1_known)j);
            if (j == k) {
                assert_true(trib_str_eq_c(value, k == TRIB_HTTP1_TRANSFER_ENCODING ? "chunked" : "12"));
            } else {
                assert_null(value.ptr);
            }
        }
        assert_true(
            trib_str_eq(trib_http1_header(&p.head, names[k]), trib_http1_known_get(&p.head, (trib_http1_known)k)));
        assert_true(trib_str_eq_c(trib_http1_header(&p.head, "OTHER"), "o"));
        assert_null(trib_http1_header(&p.head, "others").ptr);
        trib_buf_deinit(&in);
        trib_http1_parser_deinit(&p);
    }
}

static void an_empty_header_is_not_an_absent_one(void **state) {
    (void)state;
    trib_http1_parser p;
    trib_http1_parser_init(&p, false);
    size_t used;
    trib_error err;
    trib_str in = TRIB_STR(WITH("origin:"));
    assert_int_equal(trib_http1_parser_next(&p, in, &used, &err), TRIB_HTTP1_HEAD);
    assert_non_null(trib_http1_known_get(&p.head, TRIB_HTTP1_ORIGIN).ptr);
    assert_int_equal(trib_http1_known_get(&p.head, TRIB_HTTP1_ORIGIN).len, 0);
    trib_http1_parser_deinit(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_line_rules),
        cmocka_unit_test(field_rules),
        cmocka_unit_test(every_control_character_is_refused_at_every_place_of_a_value),
        cmocka_unit_test(connection_and_flags),
        cmocka_unit_test(status_line_rules),
        cmocka_unit_test(limits_hold_to_the_byte),
        cmocka_unit_test(a_line_without_end_is_refused_before_it_is_kept),
        cmocka_unit_test(known_headers_are_found_in_any_case),
        cmocka_unit_test(an_empty_header_is_not_an_absent_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
