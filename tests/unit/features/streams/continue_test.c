/* SPDX-License-Identifier: Apache-2.0 */
/* Continuations of closed streams that no archive has. (Archived ones, members, HTTP:
 * tests/integration/archive_test.sh.) */
#include "core/stream_continue.h"
#include "unit/features/streams/streams_test.h"

static int setup(void **state) {
    return streams_setup(state) == 0 && start_module(NULL) == TRIB_OK ? 0 : -1;
}

static void make_closed(const char *id) {
    expect(streams_handle_append, id, "{\"events\":[{\"opcode\":9},{\"opcode\":9}]}", "\"version\":2");
    expect(streams_handle_close, id, "{}", "\"closed\":true");
}

static void an_open_stream_takes_what_comes_itself(void **state) {
    (void)state;
    expect(streams_handle_continue, "s", "{}", "STREAM_NOT_FOUND");
    expect(streams_handle_append, "s", "{\"events\":[{\"opcode\":9}]}", "\"version\":1");
    expect(streams_handle_continue, "s", "{}", "{\"streamId\":\"s\",\"continues\":null,\"version\":1}");
}

static void a_closed_one_is_continued_once_and_again_behind_its_end(void **state) {
    (void)state;
    make_closed("s");
    expect(streams_handle_append, "s", "{\"events\":[{\"opcode\":9}]}", "/continue");
    expect(streams_handle_continue, "s", "{}", "{\"streamId\":\"s~2\",\"continues\":\"s\",\"version\":1}");
    expect(streams_handle_continue, "s", "{}", "{\"streamId\":\"s~2\",\"continues\":\"s\",\"version\":1}");
    expect(streams_handle_append, "s~2", "{\"events\":[{\"opcode\":9}]}", "\"version\":2");
    expect(streams_handle_close, "s~2", "{}", "\"closed\":true");
    expect(streams_handle_continue, "s", "{}", "{\"streamId\":\"s~3\",\"continues\":\"s~2\",\"version\":1}");
    expect(streams_handle_continue, "s~2", "{}", "{\"streamId\":\"s~3\",\"continues\":\"s~2\",\"version\":1}");
    expect(streams_handle_verify, "s~2", "",
           "{\"ok\":true,\"events\":2,\"version\":2,\"continues\":\"s\",\"continuedBy\":\"s~3\"}");
}

static void an_id_that_somebody_has_taken_is_not_used(void **state) {
    (void)state;
    expect(streams_handle_append, "s~2", "{\"events\":[{\"opcode\":9}]}", "\"version\":1");
    make_closed("s");
    expect(streams_handle_continue, "s", "{}", "{\"streamId\":\"s~3\",\"continues\":\"s\",\"version\":1}");
    expect(streams_handle_verify, "s~2", "", "{\"ok\":true,\"events\":1,\"version\":1}");
}

static void an_id_without_room_for_a_number_is_told(void **state) {
    char id[TRIB_STREAM_ID_MAX_BYTES + 1];
    (void)state;
    memset(id, 'x', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    make_closed(id);
    expect(streams_handle_continue, id, "{}", "there is no id for a continuation");
}

static void a_link_that_does_not_hold_is_found(void **state) {
    (void)state;
    make_closed("s");
    expect(streams_handle_continue, "s", "{}", "\"s~2\"");
    assert_int_equal(sql("UPDATE _trib_stream SET head = randomblob(32) WHERE streamId = 's'", NULL), TRIB_OK);
    expect(streams_handle_verify, "s~2", "", "{\"ok\":false");
    expect(streams_handle_verify, "s~2", "", "with another head");
    make_closed("t");
    assert_int_equal(sql("INSERT INTO _trib_continue VALUES ('s', 2, 't')", NULL), TRIB_OK);
    expect(streams_handle_verify, "t", "", "its first event does not say so");
}

static void the_servers_event_is_written_by_nobody_else(void **state) {
    (void)state;
    expect(streams_handle_append, "s", "{\"events\":[{\"opcode\":1000000,\"payload\":{}}]}", "BAD_EVENT");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_open_stream_takes_what_comes_itself, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(a_closed_one_is_continued_once_and_again_behind_its_end, setup,
                                        streams_teardown),
        cmocka_unit_test_setup_teardown(an_id_that_somebody_has_taken_is_not_used, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(an_id_without_room_for_a_number_is_told, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(a_link_that_does_not_hold_is_found, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(the_servers_event_is_written_by_nobody_else, setup, streams_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
