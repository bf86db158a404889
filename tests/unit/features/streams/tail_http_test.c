/* SPDX-License-Identifier: Apache-2.0 */
/* Long polls, and what a request for a tail may ask. */
#include "unit/features/streams/streams_test.h"

static int setup(void **state) {
    return streams_setup(state) == 0 && start_module(NULL) == TRIB_OK ? 0 : -1;
}

/* The whole answer to a request whose time is over at once. */
static void expect_now(const char *query, int status, const char *text) {
    http_test h;
    follow(&h, "s", query);
    const char *answer = http_test_wait(&t, &h);
    if (h.status != status || !strstr(answer, text)) fail_msg("%s: %d %s", query, h.status, answer);
    http_test_end(&h);
}

static void a_long_poll_answers_what_is_there_or_what_comes(void **state) {
    (void)state;
    http_test h;
    follow(&h, "s", "live=long-poll");
    expect(streams_handle_append, "s", "{\"events\":[{\"id\":\"a\",\"opcode\":9}]}", "\"version\":1");
    assert_memory_equal(http_test_wait(&t, &h), "[{\"id\":\"a\"", 10);
    assert_non_null(strstr(h.extra_headers, "Stream-Next-Offset: 1\r\nStream-Up-To-Date: true"));
    http_test_end(&h);
    expect_now("live=long-poll&offset=0", 200, "[{\"id\":\"a\"");
    expect_now("live=long-poll&offset=1&timeout=0", 204, "");
    expect_now("live=long-poll&offset=now&timeout=0", 204, "");
}

static void a_closed_stream_keeps_no_long_poll_waiting(void **state) {
    (void)state;
    http_test h;
    expect(streams_handle_append, "s", "{\"events\":[{\"opcode\":9}]}", "\"version\":1");
    expect(streams_handle_close, "s", "{}", "\"closed\":true");
    follow(&h, "s", "live=long-poll&offset=1");
    http_test_wait(&t, &h);
    assert_int_equal(h.status, 204);
    assert_non_null(strstr(h.extra_headers, "Stream-Closed: true"));
    http_test_end(&h);
}

/* The whole answer to a request that comes to its end by itself. */
static void expect_end(const char *query, int status, const char *header, const char *text) {
    http_test h;
    follow(&h, "s", query);
    const char *answer = http_test_wait(&t, &h);
    if (h.status != status || !strstr(h.extra_headers, header) || !strstr(answer, text))
        fail_msg("%s: %d %s%s", query, h.status, h.extra_headers, answer);
    http_test_end(&h);
}

static void the_end_of_a_stream_names_the_one_that_continues_it(void **state) {
    (void)state;
    expect(streams_handle_append, "s", "{\"events\":[{\"opcode\":9}]}", "\"version\":1");
    expect(streams_handle_close, "s", "{}", "\"closed\":true");
    expect_end("live=sse", 200, "", "event: closed\ndata: {\"offset\":1}\n");
    expect(streams_handle_continue, "s", "{}", "\"s~2\"");
    expect_end("live=sse", 200, "", "event: closed\ndata: {\"offset\":1,\"continuedBy\":\"s~2\"}\n");
    expect_end("live=sse&offset=1", 204, "Stream-Continued-By: s~2\r\n", "");
    expect_end("live=long-poll", 200, "Stream-Closed: true\r\nStream-Continued-By: s~2\r\n", "[{");
    expect_end("live=long-poll&offset=1", 204, "Stream-Closed: true\r\nStream-Continued-By: s~2\r\n", "");
}

static void what_makes_no_sense_is_refused(void **state) {
    (void)state;
    expect_now("live=push", 400, "sse or long-poll");
    expect_now("live=sse&offset=x", 400, "offset");
    expect_now("live=sse&offset=-1", 400, "offset");
    expect_now("live=sse&offset=7", 400, "the offset 7 is not in the stream");
    expect_now("live=long-poll&timeout=61", 400, "timeout");
}

static void a_peer_that_goes_away_ends_its_tail(void **state) {
    (void)state;
    http_test h;
    follow(&h, "s", "live=sse");
    until(&h, "retry");
    leave(&h);
    follow(&h, "s", "live=sse"); /* while it reads */
    leave(&h);
    follow(&h, "s", "live=long-poll");
    leave(&h);
    expect(streams_handle_append, "s", "{\"events\":[{\"opcode\":9}]}", "\"version\":1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_long_poll_answers_what_is_there_or_what_comes, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(a_closed_stream_keeps_no_long_poll_waiting, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(the_end_of_a_stream_names_the_one_that_continues_it, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(what_makes_no_sense_is_refused, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(a_peer_that_goes_away_ends_its_tail, setup, streams_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
