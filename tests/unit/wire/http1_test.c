/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies, framing, pipelining and limits of the HTTP/1.1 parser; the catalogue of request smuggling. */
#include "wire/http1.h"

#include "support/http1_rows.h"

static const http1_run REQUEST = {.max_body_bytes = 1000};
static const http1_run RESPONSE = {.is_response = true, .closes = true, .max_body_bytes = 1000};

#define POST               "POST / HTTP/1.1\r\nHost: h\r\n"
#define WITH(header, rest) POST header "\r\n\r\n" rest
#define CHUNKED(rest)      WITH("Transfer-Encoding: chunked", rest)
#define CHUNKED_HEAD       "POST / 1.1 keep {Host: h|Transfer-Encoding: chunked}"
#define LENGTH_HEAD(n)     "POST / 1.1 keep {Host: h|Content-Length: " n "}"
#define NEXT               "GET /n HTTP/1.1\r\nHost: h\r\n\r\n"
#define NEXT_SEEN          "GET /n 1.1 keep {Host: h} []\n"

static void content_length_bodies(void **state) {
    (void)state;
    static const http1_row rows[] = {
        HTTP1_ROW("9112 6.2 body and next request", WITH("Content-Length: 5", "hello" NEXT),
                  LENGTH_HEAD("5") " [hello]\n" NEXT_SEEN, NULL),
        HTTP1_ROW("zero", WITH("Content-Length: 0", NEXT), LENGTH_HEAD("0") " []\n" NEXT_SEEN, NULL),
        HTTP1_ROW("9112 6.3 no length is no body", WITH("a: b", NEXT), "POST / 1.1 keep {Host: h|a: b} []\n" NEXT_SEEN,
                  NULL),
        HTTP1_ROW("leading zeros", WITH("Content-Length: 0003", "abc"), LENGTH_HEAD("0003") " [abc]\n", NULL),
        HTTP1_ROW("white space around is not part of it", WITH("Content-Length:  3\t ", "abc"),
                  LENGTH_HEAD("3") " [abc]\n", NULL),
        HTTP1_ROW("body of a GET", "GET / HTTP/1.0\r\nContent-Length: 1\r\n\r\nx",
                  "GET / 1.0 close {Content-Length: 1} [x]\n", NULL),
        HTTP1_ROW("half a body", WITH("Content-Length: 5", "hel"), LENGTH_HEAD("5") "~0", NULL),
        HTTP1_ROW("over the limit", WITH("Content-Length: 1001", ""), LENGTH_HEAD("1001") "!BODY_TOO_LARGE", NULL),
        HTTP1_ROW("9112 2.2 CRLF behind a body", WITH("Content-Length: 1", "x\r\n" NEXT),
                  LENGTH_HEAD("1") " [x]\n" NEXT_SEEN, NULL),
    };
    HTTP1_CHECK(REQUEST, rows);
}

static void chunked_bodies(void **state) {
    (void)state;
    static const http1_row rows[] = {
        HTTP1_ROW("9112 7.1 one chunk and next request", CHUNKED("5\r\nhello\r\n0\r\n\r\n" NEXT),
                  CHUNKED_HEAD " [hello]\n" NEXT_SEEN, NULL),
        HTTP1_ROW("many chunks", CHUNKED("1\r\na\r\n2\r\nbc\r\n00a\r\n0123456789\r\n0\r\n\r\n"),
                  CHUNKED_HEAD " [abc0123456789]\n", NULL),
        HTTP1_ROW("hex in both cases", CHUNKED("A\r\n0123456789\r\nb\r\n0123456789a\r\n000\r\n\r\n"),
                  CHUNKED_HEAD " [01234567890123456789a]\n", NULL),
        HTTP1_ROW("empty", CHUNKED("0\r\n\r\n" NEXT), CHUNKED_HEAD " []\n" NEXT_SEEN, NULL),
        HTTP1_ROW("CRLF as data", CHUNKED("4\r\n\r\n\r\n\r\n0\r\n\r\n"), CHUNKED_HEAD " [\r\n\r\n]\n", NULL),
        HTTP1_ROW("9112 7.1.1 extensions are ignored", CHUNKED("1;a=b;c=\"d e\"\r\nx\r\n0;z\r\n\r\n"),
                  CHUNKED_HEAD " [x]\n", NULL),
        HTTP1_ROW("9112 7.1.2 trailers are dropped",
                  CHUNKED("1\r\nx\r\n0\r\nHost: evil\r\nContent-Length: 9\r\n\r\n" NEXT),
                  CHUNKED_HEAD " [x]\n" NEXT_SEEN, NULL),
        HTTP1_ROW("coding in any case", WITH("transfer-encoding: CHUNKED", "0\r\n\r\n"),
                  "POST / 1.1 keep {Host: h|transfer-encoding: CHUNKED} []\n", NULL),
        HTTP1_ROW("half a chunk", CHUNKED("5\r\nhe"), CHUNKED_HEAD "~0", NULL),
        HTTP1_ROW("half a size line", CHUNKED("1\r\nx\r\n5;a"), CHUNKED_HEAD "~3", NULL),
        HTTP1_ROW("no last CRLF", CHUNKED("0\r\n"), CHUNKED_HEAD "~0", NULL),
        HTTP1_ROW("no size", CHUNKED("\r\nx\r\n"), CHUNKED_HEAD "!BAD_HTTP", "hexadecimal"),
        HTTP1_ROW("only an extension", CHUNKED(";a\r\nx\r\n"), CHUNKED_HEAD "!BAD_HTTP", "hexadecimal"),
        HTTP1_ROW("0x10", CHUNKED("0x10\r\n0123456789abcdef\r\n0\r\n\r\n"), CHUNKED_HEAD "!BAD_HTTP", "hexadecimal"),
        HTTP1_ROW("negative", CHUNKED("-1\r\nx\r\n"), CHUNKED_HEAD "!BAD_HTTP", "hexadecimal"),
        HTTP1_ROW("plus", CHUNKED("+1\r\nx\r\n"), CHUNKED_HEAD "!BAD_HTTP", "hexadecimal"),
        HTTP1_ROW("space before the size", CHUNKED(" 1\r\nx\r\n"), CHUNKED_HEAD "!BAD_HTTP", "hexadecimal"),
        HTTP1_ROW("space behind the size", CHUNKED("1 \r\nx\r\n"), CHUNKED_HEAD "!BAD_HTTP", "hexadecimal"),
        HTTP1_ROW("tab behind the size", CHUNKED("1\t;a\r\nx\r\n"), CHUNKED_HEAD "!BAD_HTTP", "hexadecimal"),
        HTTP1_ROW("underscore", CHUNKED("1_0\r\nx\r\n"), CHUNKED_HEAD "!BAD_HTTP", "hexadecimal"),
        HTTP1_ROW("letter behind the size", CHUNKED("5g\r\nhello\r\n"), CHUNKED_HEAD "!BAD_HTTP", "hexadecimal"),
        HTTP1_ROW("16 digits, too large", CHUNKED("ffffffffffffffff\r\n"), CHUNKED_HEAD "!BODY_TOO_LARGE", NULL),
        HTTP1_ROW("17 digits overflow", CHUNKED("10000000000000001\r\nx\r\n0\r\n\r\n"), CHUNKED_HEAD "!BAD_HTTP",
                  "hexadecimal"),
        HTTP1_ROW("size without CR", CHUNKED("1\nx\r\n0\r\n\r\n"), CHUNKED_HEAD "!BAD_HTTP", "CR LF"),
        HTTP1_ROW("bare LF in an extension", CHUNKED("1;a\nb\r\nx\r\n"), CHUNKED_HEAD "!BAD_HTTP", "CR LF"),
        HTTP1_ROW("bare CR in an extension", CHUNKED("1;a\rb\r\nx\r\n"), CHUNKED_HEAD "!BAD_HTTP", "hexadecimal"),
        HTTP1_ROW("NUL in an extension", CHUNKED("1;a\0\r\nx\r\n"), CHUNKED_HEAD "!BAD_HTTP", "hexadecimal"),
        HTTP1_ROW("no CRLF behind the data", CHUNKED("1\r\nx0\r\n\r\n"), CHUNKED_HEAD "!BAD_HTTP", "longer"),
        HTTP1_ROW("bare LF behind the data", CHUNKED("1\r\nx\n0\r\n\r\n"), CHUNKED_HEAD "!BAD_HTTP", "longer"),
        HTTP1_ROW("bare CR behind the data", CHUNKED("1\r\nx\r0\r\n\r\n"), CHUNKED_HEAD "!BAD_HTTP", "longer"),
        HTTP1_ROW("last chunk ends with LF", CHUNKED("0\r\n\n"), CHUNKED_HEAD "!BAD_HTTP", "CR LF"),
        HTTP1_ROW("request straight behind the last size", CHUNKED("0\r\n" NEXT), CHUNKED_HEAD "!BAD_HTTP",
                  "white space"),
        HTTP1_ROW("folded trailer", CHUNKED("0\r\na: b\r\n c\r\n\r\n"), CHUNKED_HEAD "!BAD_HTTP", "folded"),
        HTTP1_ROW("NUL in a trailer", CHUNKED("0\r\na: \0\r\n\r\n"), CHUNKED_HEAD "!BAD_HTTP", "control"),
        HTTP1_ROW("chunk at the limit", CHUNKED("3e8\r\n"), CHUNKED_HEAD "~0", NULL),
        HTTP1_ROW("chunk over the limit", CHUNKED("3e9\r\n"), CHUNKED_HEAD "!BODY_TOO_LARGE", NULL),
    };
    HTTP1_CHECK(REQUEST, rows);
}

/* RFC 9112 §6.1, §6.3, §11.2: every message whose end two readers could see at different places. */
static void smuggling_is_refused(void **state) {
    (void)state;
    static const http1_row rows[] = {
        HTTP1_ROW("CL.TE", WITH("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nG"), "!BAD_HTTP",
                  "exclude"),
        HTTP1_ROW("TE.CL", WITH("Transfer-Encoding: chunked\r\nContent-Length: 4", "5c\r\n"), "!BAD_HTTP", "exclude"),
        HTTP1_ROW("TE.TE", WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: x", ""), "!BAD_HTTP",
                  "more than once"),
        HTTP1_ROW("TE twice", WITH("Transfer-Encoding: chunked\r\ntransfer-encoding: chunked", ""), "!BAD_HTTP",
                  "more than once"),
        HTTP1_ROW("chunked, identity", WITH("Transfer-Encoding: chunked, identity", ""), "!NOT_IMPLEMENTED_HTTP", NULL),
        HTTP1_ROW("identity, chunked", WITH("Transfer-Encoding: identity, chunked", ""), "!NOT_IMPLEMENTED_HTTP", NULL),
        HTTP1_ROW("gzip, chunked", WITH("Transfer-Encoding: gzip, chunked", ""), "!NOT_IMPLEMENTED_HTTP", NULL),
        HTTP1_ROW("chunked, chunked", WITH("Transfer-Encoding: chunked, chunked", ""), "!NOT_IMPLEMENTED_HTTP", NULL),
        HTTP1_ROW("xchunked", WITH("Transfer-Encoding: xchunked", ""), "!NOT_IMPLEMENTED_HTTP", NULL),
        HTTP1_ROW("chunkedx", WITH("Transfer-Encoding: chunkedx", ""), "!NOT_IMPLEMENTED_HTTP", NULL),
        HTTP1_ROW("quoted chunked", WITH("Transfer-Encoding: \"chunked\"", ""), "!NOT_IMPLEMENTED_HTTP", NULL),
        HTTP1_ROW("chunked;q=1", WITH("Transfer-Encoding: chunked;q=1", ""), "!NOT_IMPLEMENTED_HTTP", NULL),
        HTTP1_ROW("identity", WITH("Transfer-Encoding: identity", ""), "!NOT_IMPLEMENTED_HTTP", NULL),
        HTTP1_ROW("empty coding", WITH("Transfer-Encoding:", ""), "!NOT_IMPLEMENTED_HTTP", NULL),
        HTTP1_ROW("vertical tab before chunked", WITH("Transfer-Encoding: \vchunked", ""), "!BAD_HTTP", "control"),
        HTTP1_ROW("space before the colon", WITH("Transfer-Encoding : chunked", ""), "!BAD_HTTP", "white space"),
        HTTP1_ROW("folded coding", WITH("Transfer-Encoding:\r\n chunked", ""), "!BAD_HTTP", "folded"),
        HTTP1_ROW("header hidden behind a bare LF", WITH("a: b\nTransfer-Encoding: chunked", ""), "!BAD_HTTP", "CR LF"),
        HTTP1_ROW("header hidden behind a bare CR", WITH("a: b\rTransfer-Encoding: chunked", ""), "!BAD_HTTP",
                  "control"),
        HTTP1_ROW("leading blank hides a header", "POST / HTTP/1.1\r\n Transfer-Encoding: chunked\r\nHost: h\r\n\r\n",
                  "!BAD_HTTP", "folded"),
        HTTP1_ROW("TE in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "!BAD_HTTP", "HTTP/1.0"),
        HTTP1_ROW("two lengths", WITH("Content-Length: 5\r\nContent-Length: 6", "hello"), "!BAD_HTTP",
                  "more than once"),
        HTTP1_ROW("the same length twice", WITH("Content-Length: 5\r\ncontent-length: 5", "hello"), "!BAD_HTTP",
                  "more than once"),
        HTTP1_ROW("5, 5", WITH("Content-Length: 5, 5", "hello"), "!BAD_HTTP", "not a number"),
        HTTP1_ROW("5 5", WITH("Content-Length: 5 5", "hello"), "!BAD_HTTP", "not a number"),
        HTTP1_ROW("+5", WITH("Content-Length: +5", "hello"), "!BAD_HTTP", "not a number"),
        HTTP1_ROW("-5", WITH("Content-Length: -5", "hello"), "!BAD_HTTP", "not a number"),
        HTTP1_ROW("-0", WITH("Content-Length: -0", ""), "!BAD_HTTP", "not a number"),
        HTTP1_ROW("5.0", WITH("Content-Length: 5.0", "hello"), "!BAD_HTTP", "not a number"),
        HTTP1_ROW("0x5", WITH("Content-Length: 0x5", "hello"), "!BAD_HTTP", "not a number"),
        HTTP1_ROW("5_0", WITH("Content-Length: 5_0", "hello"), "!BAD_HTTP", "not a number"),
        HTTP1_ROW("quoted length", WITH("Content-Length: \"5\"", "hello"), "!BAD_HTTP", "not a number"),
        HTTP1_ROW("empty length", WITH("Content-Length:", ""), "!BAD_HTTP", "not a number"),
        HTTP1_ROW("length overflows", WITH("Content-Length: 18446744073709551621", "hello"), "!BAD_HTTP",
                  "not a number"),
        HTTP1_ROW("Unicode digit", WITH("Content-Length: \xd9\xa5", "hello"), "!BAD_HTTP", "not a number"),
        HTTP1_ROW("largest length", WITH("Content-Length: 18446744073709551615", ""),
                  LENGTH_HEAD("18446744073709551615") "!BODY_TOO_LARGE", NULL),
    };
    HTTP1_CHECK(REQUEST, rows);
}

static void responses_end_where_they_should(void **state) {
    (void)state;
    static const http1_row rows[] = {
        HTTP1_ROW("length, then the next",
                  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n",
                  "200 OK 1.1 keep {Content-Length: 2} [ab]\n404 N 1.1 keep {Content-Length: 0} []\n", NULL),
        HTTP1_ROW("chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
                  "200 OK 1.1 keep {Transfer-Encoding: chunked} [ab]\n", NULL),
        HTTP1_ROW("9112 6.3 until close", "HTTP/1.1 200 OK\r\n\r\nab\r\n\r\ncd", "200 OK 1.1 close {} [ab\r\n\r\ncd]\n",
                  NULL),
        HTTP1_ROW("until close, empty", "HTTP/1.0 200 OK\r\n\r\n", "200 OK 1.0 close {} []\n", NULL),
        HTTP1_ROW("9110 15.3.5 204 has no body",
                  "HTTP/1.1 204 N\r\nContent-Length: 3\r\n\r\nHTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n",
                  "204 N 1.1 keep {Content-Length: 3} []\n304 N 1.1 keep {Content-Length: 9} []\n", NULL),
        HTTP1_ROW(
            "9110 15.2 interim answers are skipped",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\na: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
            "200 OK 1.1 keep {Content-Length: 1} [x]\n", NULL),
        HTTP1_ROW("9110 15.2.2 switching protocols ends HTTP",
                  "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
                  "101 S 1.1 keep upgrade {Connection: upgrade|Upgrade: websocket} []\n~7", NULL),
        HTTP1_ROW("closed inside a length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na",
                  "200 OK 1.1 keep {Content-Length: 2}!BAD_HTTP", "closed inside"),
        HTTP1_ROW("closed inside chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
                  "200 OK 1.1 keep {Transfer-Encoding: chunked}!BAD_HTTP", "closed inside"),
        HTTP1_ROW("closed behind an interim answer", "HTTP/1.1 100 C\r\n\r\n", "", NULL),
        HTTP1_ROW("length and coding", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
                  "!BAD_HTTP", "exclude"),
        HTTP1_ROW("unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "!NOT_IMPLEMENTED_HTTP",
                  NULL),
    };
    HTTP1_CHECK(RESPONSE, rows);
}

static void the_answer_to_head_has_no_body_but_the_next_answer_has(void **state) {
    (void)state;
    http1_run run = RESPONSE;
    run.answers_head = true;
    static const http1_row rows[] = {
        HTTP1_ROW("length",
                  "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHTTP/1.1 200 "
                  "OK\r\nContent-Length: 1\r\n\r\nx",
                  "200 OK 1.1 keep {Content-Length: 2} []\n200 OK 1.1 keep {Content-Length: 1} [x]\n", NULL),
        HTTP1_ROW("chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                  "200 OK 1.1 keep {Transfer-Encoding: chunked} []\n", NULL),
        HTTP1_ROW("no framing", "HTTP/1.1 200 OK\r\n\r\n", "200 OK 1.1 keep {} []\n", NULL),
    };
    HTTP1_CHECK(run, rows);
}

static void interim_answers_without_end_are_refused(void **state) {
    (void)state;
    for (int over = 0; over < 2; over++) {
        trib_buf in;
        trib_buf_init(&in, SIZE_MAX / 2);
        for (int i = 0; i < TRIB_HTTP1_MAX_INTERIM + over; i++) trib_buf_add_c(&in, "HTTP/1.1 102 P\r\n\r\n");
        trib_buf_add_c(&in, "HTTP/1.1 204 N\r\n\r\n");
        http1_check_run("interim", RESPONSE, trib_buf_str(&in), over ? "!BAD_HTTP" : "204 N 1.1 keep {} []\n", NULL);
        trib_buf_deinit(&in);
    }
}

static void a_request_that_the_peer_abandons_is_an_error(void **state) {
    (void)state;
    http1_run run = REQUEST;
    run.closes = true;
    static const http1_row rows[] = {
        HTTP1_ROW("between requests", NEXT, NEXT_SEEN, NULL),
        HTTP1_ROW("in the head", NEXT "GET", NEXT_SEEN "!BAD_HTTP", "closed inside"),
        HTTP1_ROW("in the body", WITH("Content-Length: 2", "x"), LENGTH_HEAD("2") "!BAD_HTTP", "closed inside"),
    };
    HTTP1_CHECK(run, rows);
}

static void thrown_away_bodies_still_count(void **state) {
    (void)state;
    http1_run run = {.max_body_bytes = 5, .discards = true};
    static const http1_row rows[] = {
        HTTP1_ROW("length", WITH("Content-Length: 5", "hello" NEXT), LENGTH_HEAD("5") " []\n" NEXT_SEEN, NULL),
        HTTP1_ROW("chunks", CHUNKED("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), CHUNKED_HEAD " []\n", NULL),
        HTTP1_ROW("too many chunks", CHUNKED("3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"), CHUNKED_HEAD "!BODY_TOO_LARGE",
                  NULL),
    };
    HTTP1_CHECK(run, rows);
    run.is_response = run.closes = true;
    static const http1_row until_close[] = {
        HTTP1_ROW("at the limit", "HTTP/1.0 200 OK\r\n\r\nhello", "200 OK 1.0 close {} []\n", NULL),
        HTTP1_ROW("over it", "HTTP/1.0 200 OK\r\n\r\nhello!", "200 OK 1.0 close {}!BODY_TOO_LARGE", NULL),
    };
    HTTP1_CHECK(run, until_close);
}

static void chunk_overhead_is_limited(void **state) {
    (void)state;
    trib_buf in;
    trib_buf_init(&in, SIZE_MAX / 2);
    for (size_t over = 0; over < 2; over++) {
        /* one chunk line of exactly the limit */
        trib_buf_clear(&in);
        trib_buf_add_c(&in, CHUNKED("0;"));
        http1_fill(&in, 'e', TRIB_HTTP1_MAX_CHUNK_LINE_BYTES - 4 + over);
        trib_buf_add_c(&in, "\r\n\r\n");
        http1_check_run("chunk line", REQUEST, trib_buf_str(&in),
                        over ? CHUNKED_HEAD "!BAD_HTTP" : CHUNKED_HEAD " []\n", NULL);

        /* extensions of many chunks: 32 of 512 bytes are the limit */
        trib_buf_clear(&in);
        trib_buf_add_c(&in, CHUNKED(""));
        for (size_t i = 0; i < TRIB_HTTP1_MAX_CHUNK_EXT_BYTES / 512; i++) {
            trib_buf_add_c(&in, "1;");
            http1_fill(&in, 'e', 511);
            trib_buf_add_c(&in, "\r\nx\r\n");
        }
        trib_buf_add_c(&in, over ? "0;\r\n\r\n" : "0\r\n\r\n");
        http1_check_run("extensions", REQUEST, trib_buf_str(&in),
                        over ? CHUNKED_HEAD "!BAD_HTTP" : CHUNKED_HEAD " [xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx]\n", NULL);

        trib_buf_clear(&in);
        trib_buf_add_c(&in, CHUNKED("0\r\na:"));
        http1_fill(&in, 't', TRIB_HTTP1_MAX_TRAILER_BYTES - 6 + over);
        trib_buf_add_c(&in, "\r\n\r\n");
        http1_check_run("trailer", REQUEST, trib_buf_str(&in),
                        over ? CHUNKED_HEAD "!HEADERS_TOO_LARGE" : CHUNKED_HEAD " []\n", NULL);
    }
    /* extensions do not use up, nor enlarge, what trailers may have */
    trib_buf_clear(&in);
    trib_buf_add_c(&in, CHUNKED(""));
    for (size_t i = 0; i < 20; i++) {
        trib_buf_add_c(&in, "1;");
        http1_fill(&in, 'e', 511);
        trib_buf_add_c(&in, "\r\nx\r\n");
    }
    trib_buf_add_c(&in, "0\r\na:");
    size_t before = in.len;
    http1_fill(&in, 't', TRIB_HTTP1_MAX_TRAILER_BYTES - 6);
    trib_buf_add_c(&in, "\r\n\r\n");
    http1_check_run("both", REQUEST, trib_buf_str(&in), CHUNKED_HEAD " [xxxxxxxxxxxxxxxxxxxx]\n", NULL);
    in.len = before;
    http1_fill(&in, 't', TRIB_HTTP1_MAX_TRAILER_BYTES - 5);
    trib_buf_add_c(&in, "\r\n\r\n");
    http1_check_run("both, one more", REQUEST, trib_buf_str(&in), CHUNKED_HEAD "!HEADERS_TOO_LARGE", NULL);
    trib_buf_deinit(&in);
}

static void a_whole_body_is_borrowed_from_the_input(void **state) {
    (void)state;
    trib_http1_parser p;
    trib_http1_parser_init(&p, false);
    trib_buf body;
    trib_buf_init(&body, 100);
    trib_str in = TRIB_STR(WITH("Content-Length: 5", "hello"));
    size_t used;
    trib_error err;
    assert_int_equal(trib_http1_parser_next(&p, in, &used, &err), TRIB_HTTP1_HEAD);
    assert_int_equal(used, 0);
    trib_http1_parser_set_body(&p, &body, 100);
    assert_int_equal(trib_http1_parser_next(&p, in, &used, &err), TRIB_HTTP1_MESSAGE);
    assert_ptr_equal(p.body.ptr, in.ptr + in.len - 5);
    assert_int_equal(used, in.len);
    assert_null(body.ptr);
    assert_null(p.head_copy.ptr);
    trib_buf_deinit(&body);
    trib_http1_parser_deinit(&p);
}

static void no_body_is_taken_without_set_body(void **state) {
    (void)state;
    trib_http1_parser p;
    trib_http1_parser_init(&p, false);
    trib_str in = TRIB_STR(WITH("Content-Length: 1", "x"));
    size_t used;
    trib_error err;
    assert_int_equal(trib_http1_parser_next(&p, in, &used, &err), TRIB_HTTP1_HEAD);
    assert_int_equal(trib_http1_parser_next(&p, in, &used, &err), TRIB_HTTP1_ERROR);
    assert_int_equal(err.code, TRIB_BODY_TOO_LARGE);
    /* and an error stays */
    assert_int_equal(trib_http1_parser_next(&p, in, &used, &err), TRIB_HTTP1_ERROR);
    assert_int_equal(err.code, TRIB_BODY_TOO_LARGE);
    trib_http1_parser_deinit(&p);
}

static void a_full_body_buffer_is_too_large_and_not_out_of_memory(void **state) {
    (void)state;
    trib_http1_parser p;
    trib_http1_parser_init(&p, false);
    trib_buf body;
    trib_buf_init(&body, 4);
    trib_str in = TRIB_STR(CHUNKED("5\r\nhello\r\n"));
    size_t used;
    trib_error err;
    assert_int_equal(trib_http1_parser_next(&p, in, &used, &err), TRIB_HTTP1_HEAD);
    trib_http1_parser_set_body(&p, &body, 100);
    assert_int_equal(trib_http1_parser_next(&p, in, &used, &err), TRIB_HTTP1_ERROR);
    assert_int_equal(err.code, TRIB_BODY_TOO_LARGE);
    trib_buf_deinit(&body);
    trib_http1_parser_deinit(&p);
}

/* A caller that streams empties the buffer whenever more is needed; the limit still counts all of it. */
static void a_streaming_caller_may_empty_the_body_buffer(void **state) {
    (void)state;
    static const struct {
        const char *piece, *seen;
    } steps[] = {{CHUNKED("3\r\nab"), "ab"}, {"c\r\n3\r\nd", "cd"}, {"ef\r\n", "ef"}};
    trib_http1_parser p;
    trib_http1_parser_init(&p, false);
    trib_buf body;
    trib_buf_init(&body, 100);
    size_t used;
    trib_error err;
    assert_int_equal(trib_http1_parser_next(&p, trib_str_c(steps[0].piece), &used, &err), TRIB_HTTP1_HEAD);
    trib_http1_parser_set_body(&p, &body, 6);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(trib_http1_parser_next(&p, trib_str_c(steps[i].piece), &used, &err), TRIB_HTTP1_NEED);
        assert_int_equal(used, strlen(steps[i].piece));
        assert_true(trib_str_eq_c(trib_buf_str(&body), steps[i].seen));
        trib_buf_clear(&body);
        assert_true(trib_str_eq_c(p.head.method, "POST"));
    }
    assert_int_equal(trib_http1_parser_next(&p, trib_str_c("1\r\n"), &used, &err), TRIB_HTTP1_ERROR);
    assert_int_equal(err.code, TRIB_BODY_TOO_LARGE);
    trib_buf_deinit(&body);
    trib_http1_parser_deinit(&p);
}

static void a_kept_head_outlives_the_input(void **state) {
    (void)state;
    char in[] = "GET http://h HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
    trib_http1_parser p;
    trib_http1_parser_init(&p, false);
    size_t used;
    trib_error err;
    assert_int_equal(trib_http1_parser_next(&p, trib_str_c(in), &used, &err), TRIB_HTTP1_HEAD);
    assert_int_equal(trib_http1_parser_next(&p, trib_str_c(in), &used, &err), TRIB_HTTP1_MESSAGE);
    assert_int_equal(trib_http1_parser_keep_head(&p, &err), TRIB_OK);
    memset(in, 'x', sizeof in);
    assert_true(trib_str_eq_c(p.head.target, "http://h"));
    assert_true(trib_str_eq_c(p.head.path, "/"));
    assert_true(trib_str_eq_c(trib_http1_header(&p.head, "a"), "b"));
    trib_http1_parser_deinit(&p);
}

static void idle_is_only_between_messages(void **state) {
    (void)state;
    static const char text[] = WITH("Content-Length: 1", "x");
    trib_http1_parser p;
    trib_http1_parser_init(&p, false);
    size_t used;
    trib_error err;
    assert_true(trib_http1_parser_is_idle(&p));
    assert_int_equal(trib_http1_parser_next(&p, trib_str_make(NULL, 0), &used, &err), TRIB_HTTP1_NEED);
    assert_true(trib_http1_parser_is_idle(&p));
    assert_int_equal(trib_http1_parser_next(&p, trib_str_make(text, 1), &used, &err), TRIB_HTTP1_NEED);
    assert_false(trib_http1_parser_is_idle(&p));
    assert_int_equal(trib_http1_parser_next(&p, trib_str_c(text), &used, &err), TRIB_HTTP1_HEAD);
    assert_false(trib_http1_parser_is_idle(&p));
    trib_http1_parser_set_body(&p, NULL, 1);
    assert_int_equal(trib_http1_parser_next(&p, trib_str_c(text), &used, &err), TRIB_HTTP1_MESSAGE);
    assert_true(trib_http1_parser_is_idle(&p));
    trib_http1_parser_deinit(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_length_bodies),
        cmocka_unit_test(chunked_bodies),
        cmocka_unit_test(smuggling_is_refused),
        cmocka_unit_test(responses_end_where_they_should),
        cmocka_unit_test(the_answer_to_head_has_no_body_but_the_next_answer_has),
        cmocka_unit_test(interim_answers_without_end_are_refused),
        cmocka_unit_test(a_request_that_the_peer_abandons_is_an_error),
        cmocka_unit_test(thrown_away_bodies_still_count),
        cmocka_unit_test(chunk_overhead_is_limited),
        cmocka_unit_test(a_whole_body_is_borrowed_from_the_input),
        cmocka_unit_test(no_body_is_taken_without_set_body),
        cmocka_unit_test(a_full_body_buffer_is_too_large_and_not_out_of_memory),
        cmocka_unit_test(a_streaming_caller_may_empty_the_body_buffer),
        cmocka_unit_test(a_kept_head_outlives_the_input),
        cmocka_unit_test(idle_is_only_between_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
