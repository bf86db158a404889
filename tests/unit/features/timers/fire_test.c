/* SPDX-License-Identifier: Apache-2.0 */
/* Timers on a clock that the test moves: fired once, in order, after a restart too; not by a clock that has jumped. */
#include "unit/features/timers/timers_test.h"

static const char opcodes[] = "SELECT opcode FROM events ORDER BY rowid";

static void a_stream_that_came_by_sql_gets_its_timers_and_they_fire_once(void **state) {
    (void)state;
    place("o");
    assert_string_equal(look("SELECT name FROM _trib_timer"), "");
    tick();
    assert_string_equal(look("SELECT name FROM _trib_timer ORDER BY due_ms"), "unpaid not-accepted");
    pass_ms(31 * MINUTE);
    tick();
    assert_string_equal(look("SELECT outcome FROM _trib_timer WHERE fired_ms IS NOT NULL"), "fired");
    assert_string_equal(look(opcodes), "501 208");
    pass_ms(90 * MINUTE);
    tick();
    assert_string_equal(look(opcodes), "501 208 504");
    assert_string_equal(look("SELECT status FROM _trib_stream"), "cancelling");
    assert_string_equal(look("SELECT actor FROM _trib_ev WHERE seq = 2"), "platform");
    pass_ms(600 * MINUTE);
    tick();
    assert_string_equal(look(opcodes), "501 208 504");
}

static void a_stream_that_leaves_its_status_is_left_alone(void **state) {
    (void)state;
    place("o");
    tick();
    sql("INSERT INTO events VALUES ('o-2', 'o', 301, 'o', NULL, 0, NULL, '2026')");
    pass_ms(180 * MINUTE); /* due by now, but the stream is folded first */
    tick();
    assert_string_equal(look(opcodes), "501 301");
    assert_string_equal(look("SELECT name FROM _trib_timer"), "");
}

static void what_fell_due_while_the_server_was_down_fires_in_order(void **state) {
    (void)state;
    place("late");
    tick();
    pass_ms(10 * MINUTE);
    place("later");
    tick();
    int64_t offset = atomic_load(&t.env.offset_ns);
    restart();
    atomic_store(&t.env.offset_ns, offset);
    pass_ms(24 * 60 * MINUTE);
    tick();
    assert_string_equal(look("SELECT streamId FROM events WHERE opcode = 504 ORDER BY rowid"), "late later");
    restart();
    atomic_store(&t.env.offset_ns, offset);
    pass_ms(25 * 60 * MINUTE);
    tick();
    assert_string_equal(look("SELECT count(*) FROM events WHERE opcode = 504"), "2");
}

static void a_clock_that_jumps_ahead_for_a_moment_fires_nothing(void **state) {
    (void)state;
    place("o");
    tick();
    atomic_store(&jump_ms, (int64_t)365 * 24 * 60 * MINUTE);
    tick();
    pass_ms(30 * 1000);
    tick();
    atomic_store(&jump_ms, 0);
    tick();
    assert_string_equal(look(opcodes), "501");
    atomic_store(&jump_ms, 180 * MINUTE); /* and one that stays there does */
    tick();
    assert_string_equal(look(opcodes), "501");
    pass_ms(61 * 1000);
    tick();
    assert_string_equal(look(opcodes), "501 208 504");
}

static void a_clock_that_goes_back_fires_nothing_twice(void **state) {
    (void)state;
    place("o");
    tick();
    pass_ms(121 * MINUTE);
    tick();
    assert_string_equal(look(opcodes), "501 208 504");
    atomic_store(&jump_ms, -200 * MINUTE);
    tick();
    pass_ms(200 * MINUTE);
    tick();
    assert_string_equal(look(opcodes), "501 208 504");
}

static void a_timer_that_its_stream_refuses_is_marked_and_others_go_on(void **state) {
    (void)state;
    place("bad");
    place("good");
    tick();
    sql("UPDATE _trib_timer SET opcode = 503 WHERE streamId = 'bad' AND name = 'not-accepted'");
    pass_ms(121 * MINUTE);
    tick();
    assert_string_equal(look("SELECT outcome FROM _trib_timer WHERE streamId = 'bad' AND name = 'not-accepted'"),
                        "BAD_TRANSITION");
    assert_string_equal(look("SELECT streamId FROM events WHERE opcode = 504"), "good");
    tick();
    assert_string_equal(look("SELECT count(*) FROM events WHERE opcode <> 208"), "3");
}

static trib_code call(void *ctx, trib_stream_txn *txn, trib_stream *s, trib_str timer, trib_error *err) {
    char *out = ctx;
    (void)txn, (void)err;
    snprintf(out, 80, "%.*s %.*s", TRIB_STR_ARG(s->id), TRIB_STR_ARG(timer));
    return TRIB_OK;
}

static void an_action_calls_whoever_offers_it(void **state) {
    (void)state;
    char out[80] = "";
    assert_true(trib_stream_timers_add_action(&t.app, "look-for-driver", call, out));
    place("o");
    sql("INSERT INTO events VALUES ('o-2', 'o', 301, 'o', NULL, 0, NULL, '2026')");
    sql("INSERT INTO events VALUES ('o-3', 'o', 303, 'o', NULL, 0, NULL, '2026')");
    sql("INSERT INTO events VALUES ('o-4', 'o', 305, 'o', NULL, 0, NULL, '2026')");
    tick();
    pass_ms(31 * MINUTE);
    tick();
    assert_string_equal(out, "o not-picked-up");
}

static void a_deleted_stream_fires_nothing(void **state) {
    (void)state;
    place("o");
    tick();
    sql("DELETE FROM events");
    pass_ms(180 * MINUTE);
    tick();
    assert_string_equal(look(opcodes), "");
    assert_string_equal(look("SELECT count(*) FROM _trib_timer"), "0");
}

static void an_idle_server_asks_nothing_until_the_next_timer_is_due(void **state) {
    (void)state;
    place("o");
    tick();
    tick(); /* what it wrote itself */
    int64_t at_ns = m->look_ns;
    pass_ms(TIMERS_POLL_MS * 2);
    usleep(50000); /* a commit that is told of late */
    atomic_store(&m->news, false);
    trib_app_tick(&t.app);
    assert_false(m->under_way);
    assert_int_equal(m->look_ns, at_ns);
    pass_ms(TIMERS_LOOK_MS);
    trib_app_tick(&t.app);
    assert_true(m->under_way);
    tick();
}

static void more_are_due_than_one_round_takes(void **state) {
    (void)state;
    char id[16];
    for (int i = 0; i < TIMERS_FOLD_MAX + 10; i++) {
        snprintf(id, sizeof id, "o%02d", i);
        place(id);
    }
    tick();
    pass_ms(180 * MINUTE);
    tick();
    snprintf(id, sizeof id, "%d", TIMERS_FOLD_MAX + 10);
    assert_string_equal(look("SELECT count(*) FROM events WHERE opcode = 504"), id);
    assert_int_equal(atomic_load(&m->due), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_stream_that_came_by_sql_gets_its_timers_and_they_fire_once),
        TEST(a_stream_that_leaves_its_status_is_left_alone),
        TEST(what_fell_due_while_the_server_was_down_fires_in_order),
        TEST(a_clock_that_jumps_ahead_for_a_moment_fires_nothing),
        TEST(a_clock_that_goes_back_fires_nothing_twice),
        TEST(a_timer_that_its_stream_refuses_is_marked_and_others_go_on),
        TEST(an_action_calls_whoever_offers_it),
        TEST(a_deleted_stream_fires_nothing),
        TEST(an_idle_server_asks_nothing_until_the_next_timer_is_due),
        TEST(more_are_due_than_one_round_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
