/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors of a Hrana WebSocket: entries as they are asked for, several jobs' worth of them, errors, closing early. */
#include "ws_talk.h"

#define NUMBERS(n) "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT " #n ") SELECT n, hex(n) FROM c"
#define CURSOR(id, sql)                                                                                                \
    ASK(id, "\"type\":\"open_cursor\",\"stream_id\":1,\"cursor_id\":5,\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"" sql \
            "\"}}]}")
#define FETCH(id, n) ASK(id, "\"type\":\"fetch_cursor\",\"cursor_id\":5,\"max_count\":" #n)
#define CLOSE(id)    ASK(id, "\"type\":\"close_cursor\",\"cursor_id\":5")

static size_t count(trib_str text, const char *what) {
    size_t n = 0;
    for (const char *at = text.ptr; (at = memmem(at, (size_t)(text.ptr + text.len - at), what, strlen(what))); at++)
        n++;
    return n;
}

static void entries_come_as_many_as_are_asked_for(void **state) {
    (void)state;
    greet(HRANA3);
    asks(CURSOR(2, NUMBERS(5)), "\"open_cursor\"");
    ws_test_say(&w, FETCH(3, 3));
    trib_str got = ws_test_hear(&w);
    assert_int_equal(count(got, "\"step_begin\""), 1);
    assert_int_equal(count(got, "{\"type\":\"row\""), 2);
    assert_int_equal(count(got, "\"done\":false"), 1);
    asks(FETCH(4, 0), "\"entries\":[],\"done\":false");
    ws_test_say(&w, FETCH(5, 100));
    got = ws_test_hear(&w);
    assert_int_equal(count(got, "{\"type\":\"row\""), 3);
    assert_int_equal(count(got, "\"step_end\""), 1);
    assert_int_equal(count(got, "\"done\":true"), 1);
    asks(FETCH(6, 1), "\"entries\":[],\"done\":true");
    asks(CLOSE(7), "\"close_cursor\"");
    asks(EXECUTE(8, 1, "SELECT 'free again'"), "free again");
    ws_test_leave(&w);
}

static void a_long_result_comes_in_many_fetches_and_all_of_it(void **state) {
    (void)state;
    size_t rows = 0;
    greet(HRANA3);
    asks(CURSOR(2, NUMBERS(20000)), "\"open_cursor\"");
    for (bool done = false; !done;) {
        ws_test_say(&w, FETCH(3, 700));
        trib_str got = ws_test_hear(&w);
        assert_true(got.len > 0);
        rows += count(got, "{\"type\":\"row\"");
        done = count(got, "\"done\":true") == 1;
    }
    assert_int_equal(rows, 20000);
    ws_test_leave(&w);
}

static void a_cursor_that_is_closed_early_lets_its_transaction_go_on(void **state) {
    (void)state;
    greet(HRANA3);
    asks(EXECUTE(2, 1, "BEGIN"), "\"response_ok\"");
    asks(EXECUTE(3, 1, "CREATE TABLE a (x)"), "\"response_ok\"");
    asks(CURSOR(4, NUMBERS(100000)), "\"open_cursor\"");
    asks(FETCH(5, 10), "\"done\":false");
    asks(CLOSE(6), "\"close_cursor\"");
    asks(EXECUTE(7, 1, "COMMIT"), "\"response_ok\"");
    asks(EXECUTE(8, 1, "SELECT 'there: ' || count(*) FROM a"), "there: 0");
    ws_test_leave(&w);
}

static void a_failed_statement_is_an_entry(void **state) {
    (void)state;
    greet(HRANA3);
    asks(CURSOR(2, "SELECT * FROM missing"), "\"open_cursor\"");
    asks(FETCH(3, 10), "\"step_error\"");
    ws_test_leave(&w);
}

static void a_stream_with_a_cursor_takes_nothing_else(void **state) {
    (void)state;
    greet(HRANA3);
    asks(CURSOR(2, NUMBERS(5)), "\"open_cursor\"");
    ws_test_say(&w, EXECUTE(3, 1, "SELECT 1"));
    is_closed(TRIB_WS_CLOSE_POLICY, "already has an open cursor");
    ws_test_leave(&w);
    greet(HRANA3);
    ws_test_say(&w, FETCH(2, 1));
    is_closed(TRIB_WS_CLOSE_POLICY, "Cursor 5 not found");
    ws_test_leave(&w);
}

static void a_socket_that_goes_ends_a_cursor_wherever_it_is(void **state) {
    (void)state;
    greet(HRANA3);
    asks(CURSOR(2, NUMBERS(100000)), "\"open_cursor\"");
    ws_test_leave(&w); /* not begun */
    greet(HRANA3);
    asks(CURSOR(2, NUMBERS(100000)), "\"open_cursor\"");
    asks(FETCH(3, 10), "\"done\":false");
    ws_test_leave(&w); /* at rest */
    greet(HRANA3);
    asks(CURSOR(2, NUMBERS(100000)), "\"open_cursor\"");
    ws_test_say(&w, FETCH(3, 10));
    ws_test_leave(&w); /* at work */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(entries_come_as_many_as_are_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_result_comes_in_many_fetches_and_all_of_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cursor_that_is_closed_early_lets_its_transaction_go_on, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_statement_is_an_entry, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_with_a_cursor_takes_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_that_goes_ends_a_cursor_wherever_it_is, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
