/* SPDX-License-Identifier: Apache-2.0 */
/* The tables and triggers of the shared log, and what the chain notices. */
#include "unit/features/streams/streams_test.h"

#define EVENTS                                                                                                         \
    "CREATE TABLE events(id TEXT PRIMARY KEY, streamId TEXT, opcode INTEGER, nodeId TEXT, pointId TEXT, delta REAL, "  \
    "payload TEXT, ts TEXT)"

static void start_with_events(void) {
    assert_int_equal(start_module(NULL), TRIB_OK);
    assert_int_equal(
        sql("INSERT INTO events VALUES ('a1','a',9,NULL,NULL,1,'{}','2'), ('b1','b',9,NULL,NULL,1,'{}','1'), "
            "('a2','a',9,'n','p',2,NULL,'1'), ('a3','a',9,NULL,NULL,-0.5,'{}','3')",
            NULL),
        TRIB_OK);
    expect(streams_handle_verify, "a", "", "{\"ok\":true,\"events\":3,\"version\":3}");
}

static void events_of_an_application_are_taken_over_in_their_order(void **state) {
    (void)state;
    assert_int_equal(sql(EVENTS, NULL), TRIB_OK);
    assert_int_equal(
        sql("INSERT INTO events VALUES ('z','a',1,NULL,NULL,1.0,'{}','9'), ('y','a',2,NULL,NULL,0,'{}','8')", NULL),
        TRIB_OK);
    assert_int_equal(start_module(NULL), TRIB_OK);
    expect(streams_handle_events, "a", "",
           "[{\"id\":\"z\",\"streamId\":\"a\",\"opcode\":1,\"nodeId\":null,\"pointId\":null,\"delta\":1,");
    expect(streams_handle_verify, "a", "", "{\"ok\":true,\"events\":2,\"version\":2}");
    stop_module();
    assert_int_equal(start_module(NULL), TRIB_OK); /* changes nothing */
    expect(streams_handle_verify, "a", "", "{\"ok\":true,\"events\":2,\"version\":2}");
}

static void a_table_of_another_shape_is_left_alone(void **state) {
    (void)state;
    trib_error err;
    assert_int_equal(sql("CREATE TABLE events(id, what)", NULL), TRIB_OK);
    assert_int_equal(start_module(&err), TRIB_CONFIG);
    assert_non_null(strstr(err.message, "2 columns"));
    assert_int_equal(sql("INSERT INTO events VALUES (1, 2)", NULL), TRIB_OK);
}

static void a_format_of_a_later_version_is_left_alone(void **state) {
    (void)state;
    trib_error err;
    assert_int_equal(sql("CREATE TABLE _trib_format(version)", NULL), TRIB_OK);
    assert_int_equal(sql("INSERT INTO _trib_format VALUES (99)", NULL), TRIB_OK);
    assert_int_equal(start_module(&err), TRIB_CONFIG);
    assert_non_null(strstr(err.message, "format 99"));
}

#define NAMED(id) "INSERT INTO events(id, streamId, opcode) VALUES (hex(randomblob(8)), " id ", 9)"

static void a_stream_that_no_url_can_name_does_not_begin(void **state) {
    static const char *const wrong[] = {NAMED("''"),
                                        NAMED("'a/b'"),
                                        NAMED("'live'"),
                                        NAMED("'..'"),
                                        NAMED("'a' || char(9)"),
                                        NAMED("'a' || char(127) || 'b'"),
                                        NAMED("printf('%.201c', 'x')")};
    static const char *const right[] = {
        NAMED("'a b'"),     NAMED("'live2'"), NAMED("'a%2Fb'"), NAMED("'\xc3\xa4'"), NAMED("printf('%.200c', 'x')"),
        NAMED("'old/one'"), NAMED("'live'")};
    trib_error err;
    (void)state;
    assert_int_equal(start_module(NULL), TRIB_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(sql(wrong[i], &err), TRIB_SQL_ERROR);
        if (!strstr(err.message, "no URL could name it")) fail_msg("%s: %s", wrong[i], err.message);
    }
    /* those of an earlier version go on */
    assert_int_equal(sql("DROP TRIGGER _trib_event_name", NULL), TRIB_OK);
    assert_int_equal(sql(NAMED("'old/one'"), NULL), TRIB_OK);
    assert_int_equal(sql(NAMED("'live'"), NULL), TRIB_OK);
    stop_module();
    assert_int_equal(start_module(NULL), TRIB_OK);
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        if (sql(right[i], &err) != TRIB_OK) fail_msg("%s: %s", right[i], err.message);
    assert_int_equal(sql(wrong[1], NULL), TRIB_SQL_ERROR);
}

static void one_that_cannot_be_brought_up_to_date_hides_no_other(void **state) {
    (void)state;
    start_with_events();
    assert_int_equal(sql("INSERT INTO events(id, streamId, opcode) VALUES ('c1', 'c', 9), ('d1', 'd', 9)", NULL),
                     TRIB_OK);
    assert_int_equal(sql("UPDATE _trib_stream SET count = 2 WHERE streamId = 'b'", NULL), TRIB_OK); /* broken */
    assert_int_equal(sql("UPDATE _trib_stream SET bytes = 1 << 30 WHERE streamId = 'c'", NULL),
                     TRIB_OK); /* too large */
    expect(streams_handle_list, "any", "", "{\"streams\":[{\"streamId\":\"a\"");
    expect(streams_handle_list, "any", "", "\"closedMs\":null,\"behind\":true},{\"streamId\":\"c\"");
    expect(streams_handle_list, "any", "", "\"closedMs\":null,\"behind\":true},{\"streamId\":\"d\"");
    expect(streams_handle_list, "any", "", "\"closedMs\":null},{\"streamId\":\"b\"");
    expect(streams_handle_list, "any", "", "\"closedMs\":null}],\"next\":null}");
}

static void a_part_of_a_stream_cannot_be_deleted(void **state) {
    (void)state;
    start_with_events();
    assert_int_equal(sql("DELETE FROM events WHERE id = 'a2'", NULL), TRIB_SQL_ERROR);
    assert_int_equal(sql("DELETE FROM events WHERE ts = '1'", NULL), TRIB_SQL_ERROR);
    expect(streams_handle_verify, "a", "", "{\"ok\":true,\"events\":3,\"version\":3}");
    assert_int_equal(sql("DELETE FROM events WHERE streamId = 'a'", NULL), TRIB_OK);
    expect(streams_handle_verify, "a", "", "STREAM_NOT_FOUND");
    expect(streams_handle_verify, "b", "", "\"ok\":true");
    assert_int_equal(sql("INSERT INTO events VALUES ('a4','a',9,NULL,NULL,1,'{}','2')", NULL), TRIB_OK);
    expect(streams_handle_verify, "a", "", "{\"ok\":true,\"events\":1,\"version\":4}");
}

static void a_database_of_format_1_gets_the_trigger_of_today(void **state) {
    (void)state;
    start_with_events();
    assert_int_equal(sql("DROP TRIGGER _trib_event_out", NULL), TRIB_OK);
    assert_int_equal(sql("UPDATE _trib_format SET version = 1", NULL), TRIB_OK);
    stop_module();
    assert_int_equal(start_module(NULL), TRIB_OK);
    assert_int_equal(sql("DELETE FROM events WHERE id = 'a2'", NULL), TRIB_SQL_ERROR);
    assert_int_equal(sql("DELETE FROM events WHERE streamId = 'a'", NULL), TRIB_OK);
    expect(streams_handle_verify, "a", "", "STREAM_NOT_FOUND");
    stop_module();
    assert_int_equal(start_module(NULL), TRIB_OK);
}

static void what_is_changed_behind_the_triggers_is_noticed(void **state) {
    (void)state;
    start_with_events();
    assert_int_equal(sql("DROP TRIGGER _trib_event_fixed", NULL), TRIB_OK);
    assert_int_equal(sql("UPDATE events SET delta = 3 WHERE id = 'a2'", NULL), TRIB_OK);
    expect(streams_handle_verify, "a", "", "\"ok\":false,\"events\":3,\"version\":3,\"why\":");
    assert_int_equal(sql("UPDATE events SET delta = 2 WHERE id = 'a2'", NULL), TRIB_OK);
    expect(streams_handle_verify, "a", "", "\"ok\":true");
    /* the link made good too: the next one tells */
    assert_int_equal(sql("UPDATE events SET delta = 3 WHERE id = 'a2'", NULL), TRIB_OK);
    assert_int_equal(
        sql("UPDATE _trib_ev SET link = (SELECT _trib_link(v.link, 2, e.id, e.streamId, e.opcode, e.nodeId, "
            "e.pointId, e.delta, e.payload, e.ts) FROM _trib_ev v, events e WHERE v.id = 'a1' AND e.id = 'a2') "
            "WHERE id = 'a2'",
            NULL),
        TRIB_OK);
    expect(streams_handle_verify, "a", "", "\"ok\":false");
}

static void an_event_that_vanished_is_noticed(void **state) {
    (void)state;
    start_with_events();
    assert_int_equal(sql("DROP TRIGGER _trib_event_out", NULL), TRIB_OK);
    assert_int_equal(sql("DELETE FROM events WHERE id = 'a2'", NULL), TRIB_OK);
    expect(streams_handle_verify, "a", "", "\"ok\":false,\"events\":3,\"version\":3,\"why\":\"the stream has fewer");
    expect(streams_handle_events, "a", "", "CHAIN_BROKEN");
}

static void events_that_change_places_are_noticed(void **state) {
    (void)state;
    start_with_events();
    assert_int_equal(sql("UPDATE _trib_ev SET seq = -seq WHERE streamId = 'a'", NULL), TRIB_OK);
    assert_int_equal(
        sql("UPDATE _trib_ev SET seq = CASE seq WHEN -2 THEN 3 WHEN -3 THEN 2 ELSE 1 END WHERE streamId = 'a'", NULL),
        TRIB_OK);
    expect(streams_handle_verify, "a", "", "\"ok\":false");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, streams_setup, streams_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(events_of_an_application_are_taken_over_in_their_order),
        TEST(a_table_of_another_shape_is_left_alone),
        TEST(a_format_of_a_later_version_is_left_alone),
        TEST(a_stream_that_no_url_can_name_does_not_begin),
        TEST(one_that_cannot_be_brought_up_to_date_hides_no_other),
        TEST(a_part_of_a_stream_cannot_be_deleted),
        TEST(a_database_of_format_1_gets_the_trigger_of_today),
        TEST(what_is_changed_behind_the_triggers_is_noticed),
        TEST(an_event_that_vanished_is_noticed),
        TEST(events_that_change_places_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
