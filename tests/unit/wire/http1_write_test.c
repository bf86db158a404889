/* SPDX-License-Identifier: Apache-2.0 */
/* What the HTTP/1.1 writer writes, what it refuses, and that the parser reads it back. */
#include "wire/http1_write.h"

#include "support/http1_rows.h"

static void assert_text(const trib_buf *buf, const char *expect) {
    assert_false(buf->failed);
    trib_str text = trib_buf_str(buf);
    if (!trib_str_eq_c(text, expect)) fail_msg("got %.*s", TRIB_STR_ARG(text));
}

static void a_response_with_length_is_written_and_read_back(void **state) {
    (void)state;
    trib_buf out;
    trib_buf_init(&out, 4096);
    trib_http1_begin_response(&out, 200, TRIB_STR("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_int_equal(trib_http1_add_header(&out, TRIB_STR("Content-Type"), TRIB_STR("application/json"), NULL),
                     TRIB_OK);
    trib_http1_add_connection(&out, true, 1);
    trib_http1_end_head_length(&out, 2);
    trib_buf_add_c(&out, "{}");
    assert_text(&out, "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: application/json\r\n"
                      "Content-Length: 2\r\n\r\n{}");
    http1_check_run("read back", (http1_run){.is_response = true, .max_body_bytes = 2}, trib_buf_str(&out),
                    "200 OK 1.1 keep {Date: Sun, 06 Nov 1994 08:49:37 GMT|Content-Type: application/json|"
                    "Content-Length: 2} [{}]\n",
                    NULL);
    trib_buf_deinit(&out);
}

static void a_chunked_response_is_written_and_read_back(void **state) {
    (void)state;
    trib_buf out;
    trib_buf_init(&out, 4096);
    trib_http1_begin_response(&out, 413, TRIB_STR(""));
    trib_http1_add_connection(&out, false, 1);
    trib_http1_end_head_chunked(&out);
    trib_http1_add_chunk(&out, TRIB_STR("0123456789abcdef0"));
    trib_http1_add_chunk(&out, TRIB_STR(""));
    size_t at = trib_http1_open_chunk(&out);
    trib_http1_close_chunk(&out, at);
    at = trib_http1_open_chunk(&out);
    trib_buf_add_c(&out, "xyz");
    trib_http1_close_chunk(&out, at);
    trib_http1_end_chunks(&out);
    assert_text(&out, "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "00000011\r\n0123456789abcdef0\r\n00000003\r\nxyz\r\n0\r\n\r\n");
    http1_check_run("read back", (http1_run){.is_response = true, .max_body_bytes = 20}, trib_buf_str(&out),
                    "413 Content Too Large 1.1 close {Connection: close|Transfer-Encoding: chunked} "
                    "[0123456789abcdef0xyz]\n",
                    NULL);
    trib_buf_deinit(&out);
}

static void a_request_is_written_and_read_back(void **state) {
    (void)state;
    trib_buf out;
    trib_buf_init(&out, 4096);
    assert_int_equal(
        trib_http1_begin_request(&out, TRIB_STR("POST"), TRIB_STR("/v2/pipeline?a=b"), TRIB_STR("[::1]:8080"), NULL),
        TRIB_OK);
    trib_http1_end_head_length(&out, 1);
    trib_buf_add_c(&out, "x");
    assert_int_equal(trib_http1_begin_request(&out, TRIB_STR("OPTIONS"), TRIB_STR("*"), TRIB_STR("h"), NULL), TRIB_OK);
    trib_http1_add_upgrade(&out, "websocket");
    trib_http1_end_head_bare(&out);
    http1_check_run("read back", (http1_run){.max_body_bytes = 1}, trib_buf_str(&out),
                    "POST /v2/pipeline?a=b 1.1 keep {Host: [::1]:8080|Content-Length: 1} [x]\n"
                    "OPTIONS * 1.1 keep upgrade {Host: h|Connection: upgrade|Upgrade: websocket} []\n",
                    NULL);
    trib_buf_deinit(&out);
}

static void connection_is_said_only_where_it_differs(void **state) {
    (void)state;
    static const char *const expect[2][2] = {{"Connection: close\r\n", "Connection: close\r\n"},
                                             {"Connection: keep-alive\r\n", ""}};
    for (int keep = 0; keep < 2; keep++) {
        for (int minor = 0; minor < 2; minor++) {
            trib_buf out;
            trib_buf_init(&out, 100);
            trib_http1_add_connection(&out, keep, minor);
            assert_text(&out, expect[keep][minor]);
            trib_buf_deinit(&out);
        }
    }
}

static void injection_is_refused_and_poisons_the_buffer(void **state) {
    (void)state;
    static const struct {
        trib_str name, value;
    } rows[] = {
        {{"a", 1}, {"b\r\nSet-Cookie: c", 15}},
        {{"a", 1}, {"b\nc", 3}},
        {{"a", 1}, {"b\rc", 3}},
        {{"a", 1}, {"b\0c", 3}},
        {{"a\r\nb", 4}, {"c", 1}},
        {{"a:", 2}, {"b", 1}},
        {{"a b", 3}, {"c", 1}},
        {{"", 0}, {"b", 1}},
        {{"Content-length", 14}, {"5", 1}},
        {{"transfer-Encoding", 17}, {"chunked", 7}},
        {{"connection", 10}, {"close", 5}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_buf out;
        trib_error err;
        trib_buf_init(&out, 100);
        assert_int_equal(trib_http1_add_header(&out, rows[i].name, rows[i].value, &err), TRIB_BAD_REQUEST);
        assert_true(out.failed);
        assert_int_equal(out.len, 0);
        trib_http1_end_head_bare(&out);
        assert_int_equal(out.len, 0);
        trib_buf_deinit(&out);
    }
}

static void bad_request_lines_are_refused(void **state) {
    (void)state;
    static const struct {
        trib_str method, target, host;
    } rows[] = {
        {{"GE T", 4}, {"/", 1}, {"h", 1}},   {{"", 0}, {"/", 1}, {"h", 1}},
        {{"GET", 3}, {"", 0}, {"h", 1}},     {{"GET", 3}, {"a", 1}, {"h", 1}},
        {{"GET", 3}, {"/a b", 4}, {"h", 1}}, {{"GET", 3}, {"/\r\nX: y", 7}, {"h", 1}},
        {{"GET", 3}, {"*", 1}, {"h", 1}},    {{"GET", 3}, {"/", 1}, {"h\r\nX: y", 7}},
        {{"GET", 3}, {"/", 1}, {"h/x", 3}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_buf out;
        trib_buf_init(&out, 100);
        assert_int_equal(trib_http1_begin_request(&out, rows[i].method, rows[i].target, rows[i].host, NULL),
                         TRIB_BAD_REQUEST);
        assert_true(out.failed);
        assert_int_equal(out.len, 0);
        trib_buf_deinit(&out);
    }
}

static void a_status_or_date_that_is_none_poisons_the_buffer(void **state) {
    (void)state;
    static const int statuses[] = {0, 99, 600, -1};
    trib_buf out;
    trib_buf_init(&out, 100);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        trib_http1_begin_response(&out, statuses[i], TRIB_STR(""));
        assert_true(out.failed);
        trib_buf_clear(&out);
    }
    trib_http1_begin_response(&out, 200, TRIB_STR("x\r\ny: z"));
    assert_true(out.failed);
    trib_buf_deinit(&out);
}

static void a_full_buffer_is_noticed_and_not_overrun(void **state) {
    (void)state;
    enum { BEFORE = 600, MESSAGE = 82 };
    for (size_t room = 0; room <= MESSAGE; room++) {
        trib_buf out;
        trib_buf_init(&out, BEFORE + room);
        http1_fill(&out, 'f', BEFORE);
        trib_http1_begin_response(&out, 204, TRIB_STR("d"));
        trib_http1_end_head_chunked(&out);
        trib_http1_add_chunk(&out, TRIB_STR("x"));
        trib_http1_end_chunks(&out);
        assert_int_equal(out.failed, room < MESSAGE);
        assert_true(out.len <= BEFORE + room);
        trib_buf_deinit(&out);
    }
}

static void every_error_has_a_reason_phrase(void **state) {
    (void)state;
    for (int code = 0; code < TRIB_CODE_COUNT; code++)
        if (trib_http1_reason(trib_code_http((trib_code)code))[0] == '\0')
            fail_msg("%d has no reason phrase", trib_code_http((trib_code)code));
    assert_string_equal(trib_http1_reason(299), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_response_with_length_is_written_and_read_back),
        cmocka_unit_test(a_chunked_response_is_written_and_read_back),
        cmocka_unit_test(a_request_is_written_and_read_back),
        cmocka_unit_test(connection_is_said_only_where_it_differs),
        cmocka_unit_test(injection_is_refused_and_poisons_the_buffer),
        cmocka_unit_test(bad_request_lines_are_refused),
        cmocka_unit_test(a_status_or_date_that_is_none_poisons_the_buffer),
        cmocka_unit_test(a_full_buffer_is_noticed_and_not_overrun),
        cmocka_unit_test(every_error_has_a_reason_phrase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
