/* SPDX-License-Identifier: Apache-2.0 */
/* Tails of shared streams over the real store: what comes by SQL and by HTTP is heard of, in order, once; many readers
 * cost one read; a slow one goes on from the log; who may not see a stream any more is told no more of it. */
#include "unit/features/streams/streams_test.h"

enum { READERS = 50 };

static int setup(void **state) {
    return streams_setup(state) == 0 && start_module(NULL) == TRIB_OK ? 0 : -1;
}

static void append(const char *id, const char *body) {
    expect(streams_handle_append, id, body, "\"version\":");
}

static uint64_t count_of(trib_counter *counter) {
    return atomic_load(&counter->value);
}

static streams_counts *counts(void) {
    return ((streams_module *)module)->counts;
}

static void an_event_is_heard_of_whoever_wrote_it(void **state) {
    (void)state;
    http_test h;
    follow(&h, "s", "live=sse");
    append("s", "{\"events\":[{\"id\":\"a\",\"opcode\":9}]}");
    until(&h, "id: 1\ndata: {\"id\":\"a\"");
    assert_int_equal(sql("INSERT INTO events VALUES ('b', 's', 9, NULL, NULL, 0, NULL, 't')", NULL), TRIB_OK);
    until(&h, "id: 2\ndata: {\"id\":\"b\"");
    assert_int_equal(sql("INSERT INTO events VALUES ('c', 'other', 9, NULL, NULL, 0, NULL, 't')", NULL), TRIB_OK);
    append("s", "{\"events\":[{\"id\":\"d\",\"opcode\":9},{\"id\":\"e\",\"opcode\":9}]}");
    until(&h, "id: 4\n");
    assert_int_equal(count_in(&h, "id: "), 4);
    leave(&h);
}

static void many_readers_cost_one_read_of_the_database(void **state) {
    (void)state;
    static http_test h[READERS];
    append("s", "{\"events\":[{\"opcode\":9}]}");
    for (int i = 0; i < READERS; i++) follow(&h[i], "s", "live=sse");
    for (int i = 0; i < READERS; i++) until(&h[i], "id: 1\n");
    uint64_t none = count_of(&counts()->none); /* all counters are this one here: reads, looks and events */
    append("s", "{\"events\":[{\"opcode\":9}]}");
    for (int i = 0; i < READERS; i++) until(&h[i], "id: 2\n");
    assert_in_range(count_of(&counts()->none) - none, READERS + 1, READERS + 10); /* shown, looks, an event; no reads */
    for (int i = 0; i < READERS; i++) leave(&h[i]);
}

static void a_reader_without_room_goes_on_from_the_log(void **state) {
    (void)state;
    http_test slow, quick;
    follow(&slow, "s", "live=sse");
    follow(&quick, "s", "live=sse");
    append("s", "{\"events\":[{\"opcode\":9}]}");
    until(&slow, "id: 1\n");
    slow.hold = true;
    append("s", "{\"events\":[{\"opcode\":9}]}");
    until(&slow, "id: 2\n"); /* the one that filled it */
    for (int i = 3; i < 20; i++) append("s", "{\"events\":[{\"opcode\":9}]}");
    until(&quick, "id: 19\n");
    assert_int_equal(count_in(&slow, "id: "), 2);
    slow.hold = false;
    slow.on_credit(&slow.request);
    until(&slow, "id: 19\n");
    append("s", "{\"events\":[{\"opcode\":9}]}");
    until(&slow, "id: 20\n");
    until(&quick, "id: 20\n");
    assert_int_equal(count_in(&slow, "id: "), 20);
    assert_int_equal(count_in(&quick, "id: "), 20);
    leave(&slow);
    leave(&quick);
}

static void a_long_stream_is_read_in_parts(void **state) {
    (void)state;
    http_test h;
    assert_int_equal(sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1300) "
                         "INSERT INTO events SELECT 'e' || i, 's', 9, NULL, NULL, 0, NULL, 't' FROM n",
                         NULL),
                     TRIB_OK);
    follow(&h, "s", "live=sse&offset=10");
    until(&h, "id: 1300\n");
    assert_int_equal(count_in(&h, "id: "), 1290);
    assert_int_equal(count_in(&h, "id: 10\n"), 0);
    leave(&h);
}

static void more_than_one_look_can_take_comes_whole(void **state) {
    (void)state;
    http_test h;
    follow(&h, "s", "live=sse");
    until(&h, "retry");
    assert_int_equal(sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2600) "
                         "INSERT INTO events SELECT 'e' || i, 's', 9, NULL, NULL, 0, printf('%0500d', i), 't' FROM n",
                         NULL),
                     TRIB_OK);
    until(&h, "id: 2600\n");
    assert_int_equal(count_in(&h, "id: "), 2600);
    leave(&h);
}

static void a_stream_that_is_closed_or_deleted_ends_its_tails(void **state) {
    (void)state;
    http_test h;
    append("s", "{\"events\":[{\"opcode\":9}]}");
    follow(&h, "s", "live=sse");
    until(&h, "id: 1\n");
    expect(streams_handle_close, "s", "{}", "\"closed\":true");
    until(&h, "event: closed\ndata: {\"offset\":1}");
    assert_true(h.answered && !h.aborted);
    http_test_end(&h);
    follow(&h, "s", "live=sse&offset=1"); /* as an EventSource comes back, which 204 stops */
    http_test_wait(&t, &h);
    assert_int_equal(h.status, 204);
    http_test_end(&h);

    append("d", "{\"events\":[{\"opcode\":9}]}");
    follow(&h, "d", "live=sse");
    until(&h, "id: 1\n");
    assert_int_equal(sql("DELETE FROM events WHERE streamId = 'd'", NULL), TRIB_OK);
    until(&h, "event: ended");
    until(&h, "STREAM_NOT_FOUND");
    http_test_end(&h);
}

static void a_stream_that_comes_back_goes_on_behind_its_old_number(void **state) {
    (void)state;
    http_test h;
    append("s", "{\"events\":[{\"opcode\":9},{\"opcode\":9}]}");
    assert_int_equal(sql("DELETE FROM events WHERE streamId = 's'", NULL), TRIB_OK);
    follow(&h, "s", "live=sse&offset=2");
    until(&h, "retry");
    append("s", "{\"events\":[{\"opcode\":9}]}");
    until(&h, "id: 3\n");
    leave(&h);
}

static void who_is_no_member_any_more_hears_no_more(void **state) {
    (void)state;
    http_test ali, rami, zaid;
    trib_principal all;
    trib_tenant *tenants[3];
    static const char *const names[] = {"ali", "rami", "zaid"};
    app_test_principal(&all, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, names[i], NULL), TRIB_OK);
        tenants[i] = trib_control_find(t.app.control, trib_str_c(names[i]));
    }
    append("s", "{\"events\":[{\"opcode\":501,\"nodeId\":\"s\",\"delta\":1,\"payload\":{\"customer\":\"ali\","
                "\"restaurant\":\"b\",\"items\":[{\"qty\":1,\"price\":1}]}},{\"opcode\":203,\"nodeId\":\"s\","
                "\"delta\":1},{\"opcode\":301,\"nodeId\":\"s\"},{\"opcode\":302,\"nodeId\":\"rami\",\"payload\":"
                "{\"driver\":\"rami\"}}]}");
    follow_as(&ali, tenants[0], &all, "s", "live=sse");
    follow_as(&rami, tenants[1], &all, "s", "live=sse");
    follow_as(&zaid, tenants[2], &all, "s", "live=sse");
    until(&ali, "id: 4\n");
    until(&rami, "id: 4\n");
    http_test_wait(&t, &zaid);
    assert_int_equal(zaid.status, 404);
    /* the driver is released, by SQL, which nobody has folded */
    assert_int_equal(sql("INSERT INTO events VALUES ('x', 's', 504, NULL, NULL, 0, NULL, 't'), "
                         "('y', 's', 309, NULL, NULL, 0, NULL, 't')",
                         NULL),
                     TRIB_OK);
    until(&ali, "id: 6\n");
    until(&rami, "event: ended");
    assert_int_equal(count_in(&rami, "id: 5\n"), 0);
    leave(&ali);
    leave(&rami);
    leave(&zaid);
    for (int i = 0; i < 3; i++) trib_tenant_unref(tenants[i]);
}

static void the_end_of_the_server_ends_them(void **state) {
    (void)state;
    http_test h;
    follow(&h, "s", "live=sse");
    until(&h, "retry");
    atomic_store(&t.app.draining, true);
    tick_streams();
    http_test_wait(&t, &h);
    assert_false(h.aborted);
    http_test_end(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_event_is_heard_of_whoever_wrote_it, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(many_readers_cost_one_read_of_the_database, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(a_reader_without_room_goes_on_from_the_log, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(a_long_stream_is_read_in_parts, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(more_than_one_look_can_take_comes_whole, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(a_stream_that_is_closed_or_deleted_ends_its_tails, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(a_stream_that_comes_back_goes_on_behind_its_old_number, setup,
                                        streams_teardown),
        cmocka_unit_test_setup_teardown(who_is_no_member_any_more_hears_no_more, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(the_end_of_the_server_ends_them, setup, streams_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
