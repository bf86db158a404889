/* SPDX-License-Identifier: Apache-2.0 */
/* Nack and what becomes of parked events; acks of several leases; a claim that waits. */
#include "unit/features/consumers/consumers_test.h"

static void put(const char *name, const char *body) {
    ask(consumers_handle_put, name, body);
    assert_int_equal(status, 201);
}

static void nack(const char *lease, const char *more) {
    settle_lease(consumers_handle_nack, "s", lease, more);
    if (status != 200) fail_msg("%s", answer);
}

static void a_retry_waits_for_its_delay_and_ends_as_parked(void **state) {
    (void)state;
    put("s", "{\"maxRetries\":1}");
    events("a", 2);
    assert_string_equal(claim("s", 1), " 1");
    nack(first_lease(), ",\"action\":\"retry\",\"delayMs\":5000");
    assert_string_equal(claim("s", 1), "");
    pass_ms(5000);
    assert_string_equal(claim("s", 1), " 1");
    nack(first_lease(), ",\"action\":\"retry\",\"reason\":\"no paper\"");
    assert_string_equal(claim("s", 1), " 2");
    EXPECT(consumers_handle_parked, "s", "", "\"reason\":\"no paper\"");
}

static void a_skipped_event_is_done(void **state) {
    (void)state;
    put("s", "{}");
    events("a", 2);
    assert_string_equal(claim("s", 1), " 1");
    nack(first_lease(), ",\"action\":\"skip\"");
    assert_string_equal(claim("s", 1), " 2");
    EXPECT(consumers_handle_get, "s", "", "\"parked\":0");
}

static void a_replayed_event_comes_alone_in_its_stream_and_then_the_stream_goes_on(void **state) {
    (void)state;
    put("s", "{}");
    events("a", 3);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(strlen(claim("s", 1)), 2);
        nack(first_lease(), ",\"action\":\"park\"");
    }
    char third[64];
    assert_string_equal(claim("s", 1), " 3");
    snprintf(third, sizeof third, "%s", first_lease());
    EXPECT(consumers_handle_replay, "s", "{}", "{\"replaying\":2}");
    assert_string_equal(claim("s", 9), ""); /* 3 is out */
    settle_lease(consumers_handle_ack, "s", third, "");
    events("a", 1); /* 4 */
    assert_string_equal(claim("s", 9), " 1");
    settle_lease(consumers_handle_ack, "s", first_lease(), "");
    EXPECT(consumers_handle_get, "s", "", "\"parked\":1");
    const char *next = claim("s", 9);
    if (strcmp(next, " 2") != 0 && strcmp(next, " 4") != 0) fail_msg("%s", next);
    settle_lease(consumers_handle_ack, "s", first_lease(), "");
    next = claim("s", 9);
    if (strcmp(next, " 2") != 0 && strcmp(next, " 4") != 0) fail_msg("%s", next);
    settle_lease(consumers_handle_ack, "s", first_lease(), "");
    assert_string_equal(claim("s", 9), "");
    EXPECT(consumers_handle_get, "s", "", "\"parked\":0");
    assert_int_equal(number("SELECT count(*) FROM _trib_flight"), 0);
}

static void only_the_positions_that_are_named_are_replayed(void **state) {
    (void)state;
    put("s", "{}");
    events("a", 1);
    events("b", 1);
    assert_string_equal(claim("s", 2), " 1 2");
    nack("1.1", ",\"action\":\"park\"");
    nack("2.1", ",\"action\":\"park\"");
    EXPECT(consumers_handle_replay, "s", "{\"positions\":[2,77]}", "{\"replaying\":1}");
    assert_string_equal(claim("s", 9), " 2");
    nack(first_lease(), ",\"action\":\"park\",\"reason\":\"again\"");
    EXPECT(consumers_handle_get, "s", "", "\"parked\":2,\"toReplay\":0");
}

static void a_parked_event_whose_stream_is_gone_is_shown_without_it(void **state) {
    (void)state;
    put("s", "{}");
    events("a", 1);
    claim("s", 1);
    nack(first_lease(), ",\"action\":\"park\"");
    sql("DELETE FROM events");
    EXPECT(consumers_handle_parked, "s", "", "\"event\":null");
    EXPECT(consumers_handle_replay, "s", "{}", "{\"replaying\":1}");
    assert_string_equal(claim("s", 1), "");
    EXPECT(consumers_handle_get, "s", "", "\"parked\":0,\"toReplay\":0");
}

static void of_several_leases_those_that_hold_are_done(void **state) {
    (void)state;
    put("s", "{}");
    events("a", 1);
    events("b", 1);
    assert_string_equal(claim("s", 2), " 1 2");
    ask(consumers_handle_ack, "s", "{\"leases\":[\"1.1\",\"2.9\",\"2.1\"]}");
    assert_int_equal(status, 409);
    assert_non_null(strstr(answer, "1 of 3 leases had ended (2.9)"));
    EXPECT(consumers_handle_get, "s", "", "\"inFlight\":0");
}

static void nothing_new_is_handed_out_while_too_many_are_parked(void **state) {
    (void)state;
    char text[100];
    put("s", "{}");
    events("a", 1);
    snprintf(text, sizeof text, "UPDATE _trib_cursor SET parked = %d", CONSUMERS_PARKED_MAX);
    sql(text);
    assert_string_equal(claim("s", 1), "");
    assert_non_null(strstr(answer, "\"stalled\":true"));
}

static void a_claim_waits_until_an_event_comes(void **state) {
    (void)state;
    http_test h;
    put("s", "{}");
    ask_begin(&h, "streams", consumers_handle_claim, "s", "{\"waitMs\":30000}");
    while (trib_waiters_count(&module->waiters) == 0) app_test_pump(&t);
    assert_false(h.answered);
    events("a", 1);
    while (trib_list_is_empty(&t.posted)) { /* the look at the log, then who waits */
        trib_app_tick(&t.app);
        usleep(500);
    }
    const char *body = http_test_wait(&t, &h);
    if (!strstr(body, "\"lease\":\"1.1\"")) fail_msg("%s", body);
    http_test_end(&h);
}

static void who_leaves_while_a_claim_waits_takes_nothing(void **state) {
    (void)state;
    http_test h;
    put("s", "{}");
    ask_begin(&h, "streams", consumers_handle_claim, "s", "{\"waitMs\":30000}");
    while (trib_waiters_count(&module->waiters) == 0) app_test_pump(&t);
    http_test_leave(&h);
    assert_true(h.answered);
    assert_int_equal(trib_waiters_count(&module->waiters), 0);
    http_test_end(&h);
    events("a", 1);
    assert_string_equal(claim("s", 1), " 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONSUMERS_TEST(a_retry_waits_for_its_delay_and_ends_as_parked),
        CONSUMERS_TEST(a_skipped_event_is_done),
        CONSUMERS_TEST(a_replayed_event_comes_alone_in_its_stream_and_then_the_stream_goes_on),
        CONSUMERS_TEST(only_the_positions_that_are_named_are_replayed),
        CONSUMERS_TEST(a_parked_event_whose_stream_is_gone_is_shown_without_it),
        CONSUMERS_TEST(of_several_leases_those_that_hold_are_done),
        CONSUMERS_TEST(nothing_new_is_handed_out_while_too_many_are_parked),
        CONSUMERS_TEST(a_claim_waits_until_an_event_comes),
        CONSUMERS_TEST(who_leaves_while_a_claim_waits_takes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
