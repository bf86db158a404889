/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of a Hrana WebSocket that are answered without a job, or refused before they get one. */
#include "ws_talk.h"

static void stored_texts_are_the_sockets_and_kept_by_what_waits(void **state) {
    (void)state;
    greet(HRANA2);
    asks(ASK(2, "\"type\":\"store_sql\",\"sql_id\":1,\"sql\":\"SELECT 'first'\""), "\"store_sql\"");
    /* the text is replaced before the statement that named it has run */
    ws_test_say(&w, ASK(3, "\"type\":\"execute\",\"stream_id\":1,\"stmt\":{\"sql_id\":1}"));
    ws_test_say(&w, ASK(4, "\"type\":\"close_sql\",\"sql_id\":1"));
    ws_test_say(&w, ASK(5, "\"type\":\"store_sql\",\"sql_id\":1,\"sql\":\"SELECT 'second'\""));
    hears("\"close_sql\"");
    hears("\"store_sql\"");
    hears("first");
    asks(OPEN(6, 2), "\"open_stream\"");
    asks(ASK(7, "\"type\":\"execute\",\"stream_id\":2,\"stmt\":{\"sql_id\":1}"), "second");
    ws_test_say(&w, ASK(8, "\"type\":\"execute\",\"stream_id\":2,\"stmt\":{\"sql_id\":9}"));
    is_closed(TRIB_WS_CLOSE_POLICY, "SQL text 9 not found");
    ws_test_leave(&w);
}

static void each_version_has_its_requests(void **state) {
    (void)state;
    static const struct {
        int protocol;
        const char *say, *why;
    } rows[] = {
        {HRANA1, ASK(2, "\"type\":\"sequence\",\"stream_id\":1,\"sql\":\"SELECT 1\""), "sequence is only supported in"},
        {HRANA1, ASK(2, "\"type\":\"store_sql\",\"sql_id\":1,\"sql\":\"SELECT 1\""), "hrana2 and higher"},
        {HRANA2, ASK(2, "\"type\":\"get_autocommit\",\"stream_id\":1"), "hrana3 and higher"},
        {HRANA2, ASK(2, "\"type\":\"open_cursor\",\"stream_id\":1,\"cursor_id\":1,\"batch\":{\"steps\":[]}"),
         "a cursor is only supported in"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        greet(rows[i].protocol);
        ws_test_say(&w, rows[i].say);
        is_closed(TRIB_WS_CLOSE_POLICY, rows[i].why);
        ws_test_leave(&w);
    }
    greet(HRANA3);
    asks(ASK(2, "\"type\":\"get_autocommit\",\"stream_id\":1"), "\"is_autocommit\":true");
    ws_test_leave(&w);
}

static void one_stream_too_many_is_refused_and_so_is_what_was_sent_behind_it(void **state) {
    (void)state;
    char open[200];
    ws_test_greet(&t, &w, hrana_ws_accept, HRANA3);
    for (int i = 0; i < TRIB_HRANA_WS_SESSIONS_MAX; i++) {
        snprintf(open, sizeof open,
                 "{\"type\":\"request\",\"request_id\":1,\"request\":{\"type\":\"open_stream\",\"stream_id\":%d}}", i);
        asks(open, "\"response_ok\"");
    }
    asks(OPEN(2, 1000), "TOO_MANY_REQUESTS");
    asks(EXECUTE(3, 1000, "SELECT 1"), "STREAM_NOT_OPEN");
    asks(ASK(4, "\"type\":\"close_stream\",\"stream_id\":1000"), "\"response_ok\"");
    asks(ASK(5, "\"type\":\"close_stream\",\"stream_id\":0"), "\"response_ok\"");
    asks(OPEN(6, 1000), "\"response_ok\"");
    ws_test_leave(&w);
}

static void a_socket_with_too_many_unanswered_requests_is_not_read(void **state) {
    (void)state;
    greet(HRANA3);
    w.full = true; /* the peer takes no answers, so nothing is begun */
    for (int i = 0; i < TRIB_HRANA_WS_PENDING_MAX + 10; i++) ws_test_say(&w, EXECUTE(2, 1, "SELECT 7"));
    assert_false(w.reading);
    assert_int_equal(w.said - w.given, 10);
    w.full = false;
    w.ws.handler->credit(&w.ws);
    for (int i = 0; i < TRIB_HRANA_WS_PENDING_MAX + 10; i++) hears("\"7\"");
    assert_true(w.reading);
    ws_test_leave(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stored_texts_are_the_sockets_and_kept_by_what_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(each_version_has_its_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(one_stream_too_many_is_refused_and_so_is_what_was_sent_behind_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_socket_with_too_many_unanswered_requests_is_not_read, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
