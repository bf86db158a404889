/* SPDX-License-Identifier: Apache-2.0 */
/* Timers that are commands of another module: begun once, tried again later where a tenant is in the way, written alone
 * where the command is refused, and as many at once as there is room for. */
#include "unit/features/timers/timers_test.h"

enum { KEPT_MAX = 64 };

/* A performer that keeps what it is given until the test says how it ends. */
static struct {
    trib_stream_timer_run *runs[KEPT_MAX];
    int begun, kept, refuse;
} stub;

static bool does(void *ctx, const trib_deal_type *type, int32_t opcode) {
    (void)ctx;
    return trib_str_eq_c(type->name, "food") && opcode == 504;
}

static trib_code begin(void *ctx, trib_stream_timer_run *run, trib_error *err) {
    (void)ctx;
    if (stub.refuse-- > 0) return trib_error_set(err, TRIB_TOO_MANY_REQUESTS, NULL);
    stub.runs[stub.kept++] = run;
    stub.begun++;
    return TRIB_OK;
}

static void join(void) {
    const trib_stream_performer performer = {.does = does, .begin = begin};
    memset(&stub, 0, sizeof stub);
    assert_true(trib_stream_timers_add_performer(&t.app, &performer));
}

/* The one that came first ends so. With OK the stub has written what a command would. */
static void end_first(trib_code code) {
    trib_stream_timer_run *run = stub.runs[0];
    trib_error err = {.code = code};
    char statement[800];
    memmove(stub.runs, stub.runs + 1, (size_t)--stub.kept * sizeof *stub.runs);
    if (code == TRIB_OK) {
        snprintf(statement, sizeof statement,
                 "INSERT INTO events VALUES ('%s-2', '%s', 504, '%s', NULL, 0, NULL, '2026')", run->stream_id,
                 run->stream_id, run->stream_id);
        sql(statement);
    }
    trib_control_give_home(t.app.control); /* nothing comes home */
    run->done(run, &err);
}

static const char cancels[] = "SELECT count(*) FROM events WHERE opcode = 504";

static void a_timer_that_somebody_does_as_a_command_is_begun_once(void **state) {
    (void)state;
    join();
    place("o");
    tick();
    pass_ms(121 * MINUTE);
    tick();
    tick();
    assert_int_equal(stub.begun, 1);
    assert_string_equal(stub.runs[0]->stream_id, "o");
    assert_string_equal(stub.runs[0]->name, "not-accepted");
    assert_string_equal(stub.runs[0]->type, "food");
    assert_string_equal(look(cancels), "0");
    end_first(TRIB_OK);
    tick();
    pass_ms(60 * MINUTE);
    tick();
    assert_int_equal(stub.begun, 1);
    assert_int_equal(timers_runs_count(m), 0);
    assert_string_equal(look(cancels), "1");
}

static void one_that_fails_is_tried_again_later_and_written_alone_in_the_end(void **state) {
    (void)state;
    join();
    place("o");
    tick();
    pass_ms(121 * MINUTE);
    for (int i = 1; i <= TIMERS_RUN_TRIES_MAX; i++) {
        tick();
        assert_int_equal(stub.begun, i);
        end_first(TRIB_TRANSACTION_BUSY);
        tick();
        assert_int_equal(stub.begun, i);
        assert_string_equal(look(cancels), i < TIMERS_RUN_TRIES_MAX ? "0" : "1");
        pass_ms(TIMERS_RUN_RETRY_MAX_MS);
    }
    tick();
    assert_int_equal(stub.begun, TIMERS_RUN_TRIES_MAX);
    assert_string_equal(look("SELECT status FROM _trib_stream"), "cancelling");
}

static void one_that_is_refused_is_written_alone_at_once(void **state) {
    (void)state;
    join();
    place("o");
    tick();
    pass_ms(121 * MINUTE);
    tick();
    end_first(TRIB_TABLES_MISSING);
    tick();
    assert_string_equal(look(cancels), "1");
    assert_int_equal(stub.begun, 1);
}

static void one_that_cannot_begin_is_tried_again(void **state) {
    (void)state;
    join();
    stub.refuse = 1;
    place("o");
    tick();
    pass_ms(121 * MINUTE);
    tick();
    tick();
    assert_int_equal(stub.begun, 0);
    pass_ms(TIMERS_RUN_RETRY_MS);
    tick();
    assert_int_equal(stub.begun, 1);
    end_first(TRIB_OK);
    tick();
    assert_string_equal(look(cancels), "1");
}

static void there_are_never_more_than_there_is_room_for_and_others_go_on(void **state) {
    (void)state;
    char id[16];
    join();
    for (int i = 0; i < TRIB_STREAM_TIMERS_RUNNING + 3; i++) {
        snprintf(id, sizeof id, "o%02d", i);
        place(id);
    }
    tick();
    pass_ms(121 * MINUTE);
    tick();
    assert_int_equal(stub.begun, TRIB_STREAM_TIMERS_RUNNING);
    assert_string_equal(look("SELECT count(*) FROM events WHERE opcode = 208"), "11");
    while (stub.kept) {
        end_first(TRIB_OK);
        tick();
    }
    assert_int_equal(stub.begun, TRIB_STREAM_TIMERS_RUNNING + 3);
    assert_string_equal(look(cancels), "11");
}

static void what_was_under_way_when_the_server_stopped_is_begun_again(void **state) {
    (void)state;
    join();
    place("o");
    tick();
    pass_ms(121 * MINUTE);
    tick();
    int64_t offset = atomic_load(&t.env.offset_ns);
    end_first(TRIB_SHUTTING_DOWN);
    restart();
    join();
    atomic_store(&t.env.offset_ns, offset);
    tick();
    assert_int_equal(stub.begun, 1);
    end_first(TRIB_OK);
    tick();
    assert_string_equal(look(cancels), "1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_timer_that_somebody_does_as_a_command_is_begun_once),
        TEST(one_that_fails_is_tried_again_later_and_written_alone_in_the_end),
        TEST(one_that_is_refused_is_written_alone_at_once),
        TEST(one_that_cannot_begin_is_tried_again),
        TEST(there_are_never_more_than_there_is_room_for_and_others_go_on),
        TEST(what_was_under_way_when_the_server_stopped_is_begun_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
