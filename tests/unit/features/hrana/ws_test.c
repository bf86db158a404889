/* SPDX-License-Identifier: Apache-2.0 */
/* A Hrana WebSocket's own messages: hello and the tokens it brings, what breaks the protocol, long messages, the end of
 * the server and of the socket. */
#include "ws_talk.h"

static char token[2048], hello[2200];

static const char *hello_with(const char *jwt) {
    snprintf(hello, sizeof hello, "{\"type\":\"hello\",\"jwt\":\"%s\"}", jwt);
    return hello;
}

static const char *hello_as(bool may_write, int64_t exp_s) {
    ws_test_token(&t, "ali", may_write, exp_s, token, sizeof token);
    return hello_with(token);
}

static void a_socket_must_say_hello_first_and_in_time(void **state) {
    (void)state;
    ws_test_open(&t, &w, hrana_ws_accept, HRANA3);
    assert_int_equal(w.timer_ms, TRIB_HRANA_WS_HELLO_MS);
    assert_int_equal(w.max_message_bytes, TRIB_HRANA_WS_HELLO_MAX_BYTES);
    w.ws.handler->due(&w.ws);
    is_closed(TRIB_WS_CLOSE_POLICY, "no hello message came in time");
    ws_test_leave(&w);
    ws_test_open(&t, &w, hrana_ws_accept, HRANA3);
    ws_test_say(&w, OPEN(1, 1));
    is_closed(TRIB_WS_CLOSE_POLICY, "before hello");
    ws_test_leave(&w);
}

static void a_good_hello_gives_room_for_requests_and_a_bad_one_ends_the_socket(void **state) {
    (void)state;
    ws_test_open(&t, &w, hrana_ws_accept, HRANA3);
    asks(hello_as(true, 0), "{\"type\":\"hello_ok\"}");
    assert_int_equal(w.max_message_bytes, TRIB_HRANA_BODY_MAX_BYTES);
    assert_int_equal(w.timer_ms, TRIB_HRANA_WS_RECHECK_MS);
    ws_test_leave(&w);
    ws_test_open(&t, &w, hrana_ws_accept, HRANA3);
    asks(hello_with("a.b.c"), "\"code\":\"AUTH_JWT_INVALID\"");
    is_closed(TRIB_WS_CLOSE_POLICY, "Authentication failed: ");
    ws_test_leave(&w);
    ws_test_open(&t, &w, hrana_ws_accept, HRANA3);
    asks("{\"type\":\"hello\"}", "\"code\":\"AUTH_JWT_MISSING\"");
    ws_test_leave(&w);
}

static void a_second_hello_changes_the_rights_of_streams_that_are_open(void **state) {
    (void)state;
    greet(HRANA2);
    asks(EXECUTE(2, 1, "CREATE TABLE a (x)"), "\"request_id\":2,");
    asks(hello_as(false, 0), "hello_ok");
    asks(EXECUTE(3, 1, "INSERT INTO a VALUES (1)"), "SQLITE_READONLY");
    asks(hello_as(true, 0), "hello_ok");
    asks(EXECUTE(4, 1, "INSERT INTO a VALUES (1)"), "\"affected_row_count\":1");
    ws_test_leave(&w);
}

static void hrana1_knows_no_second_hello(void **state) {
    (void)state;
    greet(HRANA1);
    ws_test_say(&w, hello_as(true, 0));
    is_closed(TRIB_WS_CLOSE_POLICY, "only supported in protocol version hrana2");
    ws_test_leave(&w);
}

static void a_second_hello_with_a_token_of_another_tenant_ends_the_socket(void **state) {
    (void)state;
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "rami", NULL), TRIB_OK);
    greet(HRANA3);
    ws_test_token(&t, "rami", true, 0, token, sizeof token);
    asks(hello_with(token), "hello_error");
    is_closed(TRIB_WS_CLOSE_POLICY, "");
    ws_test_leave(&w);
}

/* What the token allowed ends with it while the socket is open: at the next request, or when it is looked at again. */
static void a_token_that_is_revoked_while_the_socket_is_open_opens_nothing_more(void **state) {
    (void)state;
    greet(HRANA3);
    asks(EXECUTE(2, 1, "SELECT 1"), "\"response_ok\"");
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_REVOKE, "ali", NULL), TRIB_OK);
    asks(EXECUTE(3, 1, "SELECT 1"), "\"response_error\"");
    asks(hello_as(true, 0), "hello_ok");
    asks(EXECUTE(4, 1, "SELECT 1"), "\"response_ok\"");
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_REVOKE, "ali", NULL), TRIB_OK);
    w.ws.handler->due(&w.ws);
    is_closed(TRIB_WS_CLOSE_POLICY, "Authentication failed: ");
    ws_test_leave(&w);
}

static void a_token_that_expires_while_the_socket_is_open_is_refreshed_by_a_hello(void **state) {
    (void)state;
    int64_t now_s = trib_env_wall_ms(t.app.env) / 1000;
    ws_test_open(&t, &w, hrana_ws_accept, HRANA3);
    asks(hello_as(true, now_s + 60), "hello_ok");
    asks(OPEN(1, 1), "\"response_ok\"");
    asks(EXECUTE(2, 1, "BEGIN"), "\"response_ok\"");
    t.env.offset_ns += INT64_C(120000000000);
    asks(EXECUTE(3, 1, "SELECT 1"), "\"AUTH_JWT_EXPIRED\"");
    asks(hello_as(true, now_s + 600), "hello_ok");
    asks(EXECUTE(4, 1, "COMMIT"), "\"response_ok\""); /* the transaction was not ended by it */
    t.env.offset_ns += INT64_C(3600000000000);
    w.ws.handler->due(&w.ws);
    is_closed(TRIB_WS_CLOSE_POLICY, "Authentication failed: ");
    ws_test_leave(&w);
}

static void what_breaks_the_protocol_closes_with_the_code_for_it(void **state) {
    (void)state;
    static const struct {
        const char *say;
        uint16_t code;
        const char *why;
    } rows[] = {
        {"nonsense", TRIB_WS_CLOSE_BAD_DATA, "Cannot deserialize client message from JSON"},
        {ASK(2, "\"type\":\"execute\",\"stream_id\":9,\"stmt\":{\"sql\":\"SELECT 1\"}"), TRIB_WS_CLOSE_POLICY,
         "Stream 9 not found"},
        {OPEN(2, 1), TRIB_WS_CLOSE_POLICY, "Stream 1 already exists"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        greet(HRANA3);
        ws_test_say(&w, rows[i].say);
        is_closed(rows[i].code, rows[i].why);
        ws_test_leave(&w);
    }
    greet(HRANA3);
    w.binary = true;
    ws_test_say(&w, OPEN(2, 2));
    is_closed(TRIB_WS_CLOSE_UNSUPPORTED, "Received a binary WebSocket message");
    ws_test_leave(&w);
}

/* ---- long messages ---- */

/* An execute whose text is so long; the caller frees. */
static char *long_execute(int id, size_t bytes) {
    char *text = malloc(bytes + 200);
    assert_non_null(text);
    int n = snprintf(text, 200,
                     "{\"type\":\"request\",\"request_id\":%d,\"request\":{\"type\":\"execute\",\"stream_id\":1,"
                     "\"stmt\":{\"sql\":\"SELECT length(?)\",\"args\":[{\"type\":\"text\",\"value\":\"",
                     id);
    memset(text + n, 'x', bytes);
    snprintf(text + n + bytes, 200 - (size_t)n, "\"}]}}}");
    return text;
}

static void a_long_message_is_decoded_elsewhere_and_what_is_behind_it_waits(void **state) {
    (void)state;
    char *text = long_execute(2, 200000);
    greet(HRANA3);
    const hrana_ws *c = w.ws.feature;
    ws_test_say(&w, text);
    assert_false(w.reading);
    assert_non_null(c->undecoded);
    assert_true(c->pending_bytes >= 200000); /* it counts from the beginning */
    ws_test_say(&w, ASK(3, "\"type\":\"store_sql\",\"sql_id\":1,\"sql\":\"SELECT 'behind'\""));
    ws_test_say(&w, ASK(4, "\"type\":\"execute\",\"stream_id\":1,\"stmt\":{\"sql_id\":1}"));
    assert_int_equal(w.given, w.said - 2);
    app_test_pump(&t);
    ws_test_deliver(&w);
    hears("\"request_id\":3,"); /* needs no job, but was not taken before the long one */
    hears("\"200000\"");
    hears("behind");
    assert_true(w.reading);
    assert_int_equal(c->pending_bytes, 0);
    ws_test_leave(&w);
    free(text);
}

static void a_message_at_the_bound_is_decoded_at_once(void **state) {
    (void)state;
    char *text = long_execute(2, 8000);
    greet(HRANA3);
    ws_test_say(&w, text);
    assert_true(w.reading);
    hears("\"8000\"");
    ws_test_leave(&w);
    free(text);
}

static void a_long_message_that_cannot_be_read_closes_with_the_reason(void **state) {
    (void)state;
    char *text = long_execute(2, 200000);
    text[150000] = '\n';
    greet(HRANA3);
    ws_test_say(&w, text);
    is_closed(TRIB_WS_CLOSE_BAD_DATA, "Cannot deserialize client message from JSON");
    ws_test_leave(&w);
    free(text);
}

static void a_socket_that_goes_while_its_message_is_decoded_ends_when_that_is_home(void **state) {
    (void)state;
    char *text = long_execute(2, 200000);
    greet(HRANA3);
    ws_test_say(&w, text);
    w.ws.gone = w.ws.closing = true;
    w.ws.handler->closed(&w.ws, TRIB_WS_CLOSE_ABNORMAL);
    assert_false(w.released);
    ws_test_leave(&w);
    assert_true(w.released);
    free(text);
}

/* ---- a queue without room ---- */

static trib_job fillers[TRIB_TENANT_QUEUE_MAX + 16];
static trib_mutex *stopper;
static size_t filled, emptied;
static atomic_uint standing;

static trib_job_verdict wait_for_stopper(trib_job *job) {
    atomic_fetch_add(&standing, 1);
    (void)job;
    trib_mutex_lock(t.app.env, stopper);
    trib_mutex_unlock(t.app.env, stopper);
    return TRIB_JOB_DONE;
}

static void count_home(trib_job *job) {
    (void)job;
    emptied++;
}

/* The tenant's workers stand still and its queue takes no more, until empty_queue. First the workers: what they take
 * later would leave room. */
static void fill_queue(void) {
    stopper = trib_mutex_new(t.app.env);
    trib_mutex_lock(t.app.env, stopper);
    atomic_store(&standing, 0);
    for (filled = emptied = 0;; filled++) {
        while (filled == APP_TEST_WORKERS && atomic_load(&standing) < APP_TEST_WORKERS) usleep(100);
        fillers[filled] =
            (trib_job){.run = wait_for_stopper, .done = count_home, .home = &t.home, .queue = tenant->queue};
        if (trib_job_submit(&fillers[filled], NULL) != TRIB_OK) return;
    }
}

static void empty_queue(void) {
    trib_mutex_unlock(t.app.env, stopper);
    while (emptied < filled) app_test_pump(&t);
    trib_mutex_free(t.app.env, stopper);
}

static void a_long_message_waits_for_room_in_its_tenants_queue(void **state) {
    (void)state;
    char *text = long_execute(2, 200000);
    greet(HRANA3);
    const hrana_ws *c = w.ws.feature;
    fill_queue();
    ws_test_say(&w, text);
    assert_true(c->undecoded && !c->decoding);
    assert_false(w.reading);
    assert_int_equal(w.timer_ms, TRIB_HRANA_WS_RETRY_MS);
    w.ws.handler->due(&w.ws);
    assert_true(c->undecoded && !c->decoding);
    assert_int_equal(w.timer_ms, TRIB_HRANA_WS_RETRY_MS);
    empty_queue();
    w.ws.handler->due(&w.ws);
    assert_true(c->decoding);
    assert_int_equal(w.timer_ms, TRIB_HRANA_WS_RECHECK_MS);
    hears("\"200000\"");
    ws_test_leave(&w);
    free(text);
}

static void a_socket_that_goes_while_its_message_waits_for_room_ends_at_once(void **state) {
    (void)state;
    char *text = long_execute(2, 200000);
    greet(HRANA3);
    ws_test_say(&w, ASK(3, "\"type\":\"close_stream\",\"stream_id\":1"));
    hears("\"request_id\":3,");
    fill_queue();
    ws_test_say(&w, text);
    w.ws.gone = w.ws.closing = true;
    w.ws.handler->closed(&w.ws, TRIB_WS_CLOSE_ABNORMAL);
    assert_true(w.released);
    empty_queue();
    ws_test_leave(&w);
    free(text);
}

static void the_end_of_the_server_waits_for_a_message_in_hand(void **state) {
    (void)state;
    char *text = long_execute(2, 200000);
    greet(HRANA3);
    ws_test_say(&w, text);
    w.ws.handler->drain(&w.ws);
    assert_int_equal(w.close_code, 0);
    hears("\"200000\"");
    is_closed(TRIB_WS_CLOSE_GOING_AWAY, "shutting down");
    ws_test_leave(&w);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_socket_must_say_hello_first_and_in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_good_hello_gives_room_for_requests_and_a_bad_one_ends_the_socket, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_second_hello_changes_the_rights_of_streams_that_are_open, setup, teardown),
        cmocka_unit_test_setup_teardown(hrana1_knows_no_second_hello, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_hello_with_a_token_of_another_tenant_ends_the_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_that_is_revoked_while_the_socket_is_open_opens_nothing_more, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_token_that_expires_while_the_socket_is_open_is_refreshed_by_a_hello, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_breaks_the_protocol_closes_with_the_code_for_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_message_is_decoded_elsewhere_and_what_is_behind_it_waits, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_message_at_the_bound_is_decoded_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_message_that_cannot_be_read_closes_with_the_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_that_goes_while_its_message_is_decoded_ends_when_that_is_home, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_long_message_waits_for_room_in_its_tenants_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_that_goes_while_its_message_waits_for_room_ends_at_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_end_of_the_server_waits_for_a_message_in_hand, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
