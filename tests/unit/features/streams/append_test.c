/* SPDX-License-Identifier: Apache-2.0 */
/* Appends that race: one winner a version, every event once, no gap. (What is allowed:
 * tests/integration/streams_test.sh.) */
#include "unit/features/streams/streams_test.h"

enum { WRITERS = 16, ROUNDS = 6 };

static int setup(void **state) {
    return streams_setup(state) == 0 && start_module(NULL) == TRIB_OK ? 0 : -1;
}

static void one_of_many_writers_wins_a_version(void **state) {
    (void)state;
    static http_test h[WRITERS];
    char body[200];
    for (int round = 0; round < ROUNDS; round++) {
        int won = 0;
        snprintf(body, sizeof body, "{\"expected\":%d,\"events\":[{\"opcode\":9}]}", round);
        for (int i = 0; i < WRITERS; i++) ask(&h[i], streams_handle_append, "s", body);
        for (int i = 0; i < WRITERS; i++) {
            http_test_wait(&t, &h[i]);
            if (h[i].status == 201) won++;
            else assert_int_equal(h[i].status, 409);
            http_test_end(&h[i]);
        }
        assert_int_equal(won, 1);
    }
    expect(streams_handle_verify, "s", "", "{\"ok\":true,\"events\":6,\"version\":6}");
}

static void writers_that_expect_nothing_all_get_a_number_of_their_own(void **state) {
    (void)state;
    static http_test h[WRITERS];
    unsigned long seen = 0, first;
    for (int i = 0; i < WRITERS; i++) ask(&h[i], streams_handle_append, "s", "{\"events\":[{\"opcode\":9}]}");
    for (int i = 0; i < WRITERS; i++) {
        const char *answer = http_test_wait(&t, &h[i]);
        assert_memory_equal(answer, "{\"first\":", 9);
        first = strtoul(answer + 9, NULL, 10);
        assert_in_range(first, 1, WRITERS);
        assert_false(seen & 1UL << first);
        seen |= 1UL << first;
        http_test_end(&h[i]);
    }
    expect(streams_handle_verify, "s", "", "{\"ok\":true,\"events\":16,\"version\":16}");
}

static void an_append_with_a_wrong_event_leaves_nothing(void **state) {
    (void)state;
    expect(streams_handle_append, "s",
           "{\"events\":[{\"opcode\":501,\"nodeId\":\"s\",\"delta\":1,\"payload\":{\"customer\":\"a\",\"restaurant\":"
           "\"b\","
           "\"items\":[{\"qty\":1,\"price\":1}]}},{\"opcode\":503}]}",
           "events[1]");
    expect(streams_handle_events, "s", "", "[]");
    expect(streams_handle_append, "s", "{\"events\":[{\"id\":\"x\",\"opcode\":9},{\"id\":\"x\",\"opcode\":9}]}",
           "an event of this id exists");
    expect(streams_handle_events, "s", "", "[]");
}

static void times_of_the_server_do_not_go_back_in_a_stream(void **state) {
    (void)state;
    expect(streams_handle_append, "s",
           "{\"events\":[{\"opcode\":9,\"ts\":\"2999-01-01T00:00:00.000Z\"},{\"opcode\":9}]}", "\"last\":2");
    expect(streams_handle_append, "s", "{\"events\":[{\"opcode\":9}]}", "\"last\":3");
    expect(streams_handle_state, "s", "", "\"version\":3");
    http_test h;
    ask(&h, streams_handle_events, "s", "");
    const char *at = http_test_wait(&t, &h);
    for (int i = 0; i < 3; i++) assert_non_null(at = strstr(at + 1, "\"ts\":\"2999-01-01T00:00:00.000Z\""));
    http_test_end(&h);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, streams_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_of_many_writers_wins_a_version),
        TEST(writers_that_expect_nothing_all_get_a_number_of_their_own),
        TEST(an_append_with_a_wrong_event_leaves_nothing),
        TEST(times_of_the_server_do_not_go_back_in_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
