/* SPDX-License-Identifier: Apache-2.0 */
/* What is handed out when: order in a stream, filters, bounds, what vanished, and what a restart leaves. */
#include "unit/features/consumers/consumers_test.h"

static void put(const char *name, const char *body) {
    ask(consumers_handle_put, name, body);
    if (status != 201 && status != 200) fail_msg("%s", answer);
}

static void an_event_waits_for_the_one_before_it_in_its_stream_and_for_no_other(void **state) {
    (void)state;
    put("s", "{}");
    events("a", 3); /* 1 2 3 */
    events("b", 2); /* 4 5 */
    assert_string_equal(claim("s", 10), " 1 4");
    assert_string_equal(claim("s", 10), "");
    settle_lease(consumers_handle_ack, "s", "4.1", "");
    assert_string_equal(claim("s", 10), " 5");
    settle_lease(consumers_handle_ack, "s", "1.1", "");
    assert_string_equal(claim("s", 10), " 2");
    events("a", 1); /* 6 */
    settle_lease(consumers_handle_ack, "s", first_lease(), "");
    assert_string_equal(claim("s", 10), " 3");
    settle_lease(consumers_handle_ack, "s", first_lease(), "");
    assert_string_equal(claim("s", 10), " 6");
}

static void one_by_one_each_comes_once_in_the_order_of_the_log(void **state) {
    (void)state;
    char want[8];
    put("s", "{}");
    events("a", 1);
    events("b", 1);
    events("a", 2);
    for (int i = 1; i <= 4; i++) {
        snprintf(want, sizeof want, " %d", i);
        assert_string_equal(claim("s", 1), want);
        settle_lease(consumers_handle_ack, "s", first_lease(), "");
    }
    assert_string_equal(claim("s", 1), "");
}

static void a_lease_that_is_over_acknowledges_nothing(void **state) {
    (void)state;
    char late[64];
    put("s", "{\"leaseMs\":1000}");
    events("a", 2);
    assert_string_equal(claim("s", 1), " 1");
    snprintf(late, sizeof late, "%s", first_lease());
    pass_ms(1001);
    settle_lease(consumers_handle_ack, "s", late, ""); /* over, though nobody else has it yet */
    assert_int_equal(status, 409);
    assert_non_null(strstr(answer, "LEASE_LOST"));
    assert_string_equal(claim("s", 1), " 1");
    assert_non_null(strstr(answer, "\"tries\":2"));
    settle_lease(consumers_handle_ack, "s", late, ""); /* over, and somebody else has it */
    assert_int_equal(status, 409);
    assert_string_equal(claim("s", 1), "");
    assert_int_equal(number("SELECT generation FROM _trib_flight"), 2);
    settle_lease(consumers_handle_ack, "s", "1.2", "");
    assert_int_equal(status, 200);
    assert_string_equal(claim("s", 1), " 2");
}

static void what_was_claimed_and_acknowledged_outlives_a_restart(void **state) {
    (void)state;
    put("s", "{}");
    events("a", 2);
    events("b", 2);
    assert_string_equal(claim("s", 10), " 1 3");
    settle_lease(consumers_handle_ack, "s", "1.1", "");
    restart();
    assert_string_equal(claim("s", 10), " 2"); /* 3 is still out */
    settle_lease(consumers_handle_ack, "s", "3.1", "");
    assert_int_equal(status, 200);
    assert_string_equal(claim("s", 10), " 4");
}

static void after_all_tries_it_is_parked_and_the_stream_goes_on(void **state) {
    (void)state;
    put("s", "{\"leaseMs\":1000,\"maxRetries\":1}");
    events("a", 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(claim("s", 1), " 1");
        pass_ms(1001);
    }
    assert_string_equal(claim("s", 1), " 2");
    EXPECT(consumers_handle_parked, "s", "",
           "\"pos\":1,\"streamId\":\"a\",\"tries\":2,\"reason\":\"handed out as often");
    EXPECT(consumers_handle_get, "s", "", "\"parked\":1");
}

static void a_clock_that_goes_back_does_not_lengthen_leases(void **state) {
    (void)state;
    pass_ms(3600 * 1000);
    put("s", "{}");
    events("a", 1);
    assert_string_equal(claim("s", 1), " 1");
    pass_ms(-1800 * 1000);
    assert_string_equal(claim("s", 1), " 1");
}

static void filters_choose(void **state) {
    (void)state;
    put("op", "{\"opcodes\":[7,8]}");
    put("pre", "{\"prefix\":\"b-\"}");
    put("food", "{\"type\":\"food\"}");
    events("a-1", 2); /* 1 2 */
    sql("INSERT INTO events VALUES ('x', 'a-1', 8, NULL, NULL, 0, NULL, '2026')");
    events("b-1", 1); /* 4 */
    sql("INSERT INTO events VALUES ('y', 'o-1', 501, 'o-1', NULL, 5, "
        "'{\"customer\":\"ali\",\"restaurant\":\"bab\",\"items\":[{\"qty\":1,\"price\":5}]}', '2026')");
    assert_string_equal(claim("op", 10), " 3");
    assert_string_equal(claim("pre", 10), " 4");
    assert_string_equal(claim("food", 10), " 5");
    settle_lease(consumers_handle_ack, "op", first_lease(), "");
}

static void it_begins_where_it_was_told_and_stays_there_when_put_again(void **state) {
    (void)state;
    events("a", 3);
    put("now", "{\"from\":\"now\"}");
    put("two", "{\"from\":2}");
    put("all", "{\"from\":\"beginning\"}");
    events("b", 1); /* 4 */
    assert_string_equal(claim("now", 10), " 4");
    assert_string_equal(claim("two", 10), " 3 4");
    assert_string_equal(claim("all", 10), " 1 4");
    put("two", "{\"from\":\"beginning\"}");
    assert_int_equal(status, 200);
    assert_string_equal(claim("two", 10), "");
}

static void streams_that_are_gone_are_passed_over(void **state) {
    (void)state;
    put("s", "{\"leaseMs\":1000}");
    events("a", 2); /* 1 2 */
    events("b", 2); /* 3 4 */
    events("c", 1); /* 5 */
    assert_string_equal(claim("s", 2), " 1 3");
    sql("DELETE FROM events WHERE streamId = 'a'");
    sql("DELETE FROM events WHERE streamId = 'c'");
    events("a", 1); /* 6: the stream goes on */
    pass_ms(1001);
    settle_lease(consumers_handle_ack, "s", "1.1", "");
    assert_int_equal(status, 409);
    assert_string_equal(claim("s", 10), " 3 6");
    settle_lease(consumers_handle_ack, "s", "3.2", "");
    assert_string_equal(claim("s", 10), " 4");
}

static void a_tenant_gets_streams_that_it_is_a_member_of(void **state) {
    (void)state;
    static const char *const names[] = {"ali", "bab", "eve"};
    for (int i = 0; i < 3; i++) assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, names[i], NULL), TRIB_OK);
    for (int i = 0; i < 3; i++) ask_as(names[i], consumers_handle_put, "mine", "{}");
    /* the clock of a test is behind the one that dates events; a member is who had the name then */
    sql("INSERT INTO events VALUES ('y', 'o-1', 501, 'o-1', NULL, 5, "
        "'{\"customer\":\"ali\",\"restaurant\":\"bab\",\"items\":[{\"qty\":1,\"price\":5}]}', '2026')");
    events("private", 1);
    ask_as("ali", consumers_handle_claim, "mine", "{\"max\":9}");
    assert_string_equal(positions(), " 1");
    ask_as("bab", consumers_handle_claim, "mine", "{\"max\":9}");
    assert_string_equal(positions(), " 1");
    ask_as("eve", consumers_handle_claim, "mine", "{\"max\":9}");
    assert_string_equal(positions(), "");
    ask_as("eve", consumers_handle_claim, "other", "{\"max\":9}");
    assert_int_equal(status, 404);
}

static void no_more_streams_are_out_than_may_be(void **state) {
    (void)state;
    char body[100];
    put("s", "{}");
    sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100) "
        "INSERT INTO events SELECT 'f' || i, 's' || i, 9, NULL, NULL, 0, NULL, '2026' FROM n");
    for (int i = 0; i < 12; i++) {
        snprintf(body, sizeof body, "{\"max\":%d}", CONSUMERS_CLAIM_MAX);
        ask(consumers_handle_claim, "s", body);
    }
    assert_int_equal(number("SELECT count(*) FROM _trib_flight"), CONSUMERS_FLIGHT_MAX);
    settle_lease(consumers_handle_ack, "s", "7.1", "");
    assert_string_equal(claim("s", 9), " 1001");
}

static void a_claim_that_finds_nothing_writes_nothing(void **state) {
    (void)state;
    put("s", "{\"opcodes\":[1]}");
    events("a", 5);
    int64_t generation = number("SELECT generation FROM _trib_cursor");
    for (int i = 0; i < 3; i++) assert_string_equal(claim("s", 10), "");
    assert_int_equal(number("SELECT generation FROM _trib_cursor"), generation);
    events("a", CONSUMERS_SCAN_SAVE);
    assert_string_equal(claim("s", 10), ""); /* enough to be worth a note */
    assert_int_equal(number("SELECT pos FROM _trib_cursor"), 5 + CONSUMERS_SCAN_SAVE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONSUMERS_TEST(an_event_waits_for_the_one_before_it_in_its_stream_and_for_no_other),
        CONSUMERS_TEST(one_by_one_each_comes_once_in_the_order_of_the_log),
        CONSUMERS_TEST(a_lease_that_is_over_acknowledges_nothing),
        CONSUMERS_TEST(what_was_claimed_and_acknowledged_outlives_a_restart),
        CONSUMERS_TEST(after_all_tries_it_is_parked_and_the_stream_goes_on),
        CONSUMERS_TEST(a_clock_that_goes_back_does_not_lengthen_leases),
        CONSUMERS_TEST(filters_choose),
        CONSUMERS_TEST(it_begins_where_it_was_told_and_stays_there_when_put_again),
        CONSUMERS_TEST(streams_that_are_gone_are_passed_over),
        CONSUMERS_TEST(a_tenant_gets_streams_that_it_is_a_member_of),
        CONSUMERS_TEST(no_more_streams_are_out_than_may_be),
        CONSUMERS_TEST(a_claim_that_finds_nothing_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
