/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of a Hrana WebSocket: the order of their requests, streams beside each other, transactions, peers that do not
 * read, and what happens to work when the socket goes. */
#include "ws_talk.h"

#define SLOW(id, stream)                                                                                               \
    EXECUTE(id, stream,                                                                                                \
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT 300000) SELECT count(*) FROM c")
#define CLOSE(id, stream) ASK(id, "\"type\":\"close_stream\",\"stream_id\":" #stream)

static void requests_of_a_stream_run_in_their_order(void **state) {
    (void)state;
    greet(HRANA3);
    ws_test_say(&w, EXECUTE(2, 1, "CREATE TABLE a (x)"));
    ws_test_say(&w, EXECUTE(3, 1, "INSERT INTO a VALUES (1)"));
    ws_test_say(&w, EXECUTE(4, 1, "wrong"));
    ws_test_say(&w, EXECUTE(5, 1, "SELECT count(*) FROM a"));
    ws_test_say(&w, CLOSE(6, 1));
    hears("\"request_id\":2,");
    hears("\"request_id\":3,");
    hears("\"response_error\",\"request_id\":4,");
    hears("\"request_id\":5,");
    hears("\"request_id\":6,");
    ws_test_leave(&w);
}

static void streams_do_not_wait_for_each_other(void **state) {
    (void)state;
    greet(HRANA3);
    asks(OPEN(2, 2), "\"request_id\":2,");
    ws_test_say(&w, SLOW(3, 1));
    ws_test_say(&w, EXECUTE(4, 2, "SELECT 1"));
    hears("\"request_id\":4,");
    hears("\"request_id\":3,");
    ws_test_leave(&w);
}

static void closing_a_stream_ends_its_transaction_and_frees_its_number(void **state) {
    (void)state;
    greet(HRANA3);
    asks(EXECUTE(2, 1, "CREATE TABLE a (x)"), "\"response_ok\"");
    ws_test_say(&w, EXECUTE(3, 1, "BEGIN IMMEDIATE"));
    ws_test_say(&w, EXECUTE(4, 1, "INSERT INTO a VALUES (1)"));
    ws_test_say(&w, CLOSE(5, 1));
    ws_test_say(&w, OPEN(6, 1)); /* before the old one's work is over: the number is free once its close was read */
    ws_test_say(&w, EXECUTE(7, 1, "SELECT 'rows: ' || count(*) FROM a"));
    bool seen = false;
    for (int i = 0; i < 5; i++) {
        trib_str got = ws_test_hear(&w);
        seen = seen || memmem(got.ptr, got.len, "rows: 0", 7);
    }
    assert_true(seen);
    assert_int_equal(w.close_code, 0);
    ws_test_leave(&w);
}

static void work_of_a_socket_that_goes_is_interrupted_and_rolled_back(void **state) {
    (void)state;
    greet(HRANA3);
    asks(EXECUTE(2, 1, "CREATE TABLE a (x)"), "\"response_ok\"");
    asks(EXECUTE(3, 1, "BEGIN IMMEDIATE"), "\"response_ok\"");
    asks(EXECUTE(4, 1, "INSERT INTO a VALUES (1)"), "\"response_ok\"");
    ws_test_say(&w,
                EXECUTE(5, 1, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT count(*) FROM c"));
    ws_test_say(&w, EXECUTE(6, 1, "COMMIT"));
    ws_test_leave(&w); /* would never end otherwise */
    greet(HRANA3);
    asks(EXECUTE(2, 1, "SELECT 'rows: ' || count(*) FROM a"), "rows: 0");
    ws_test_leave(&w);
}

static void the_end_of_the_server_lets_work_in_hand_finish(void **state) {
    (void)state;
    greet(HRANA3);
    ws_test_say(&w, SLOW(2, 1));
    ws_test_say(&w, EXECUTE(3, 1, "SELECT 'queued'"));
    w.ws.handler->drain(&w.ws);
    hears("\"300000\"");
    hears("queued");
    is_closed(TRIB_WS_CLOSE_GOING_AWAY, "shutting down");
    ws_test_leave(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests_of_a_stream_run_in_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(streams_do_not_wait_for_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_a_stream_ends_its_transaction_and_frees_its_number, setup, teardown),
        cmocka_unit_test_setup_teardown(work_of_a_socket_that_goes_is_interrupted_and_rolled_back, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_of_the_server_lets_work_in_hand_finish, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
