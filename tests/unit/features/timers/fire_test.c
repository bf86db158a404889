/* SPDX-License-Identifier: Apache-2.0 */
/* Timers on a clock that the test moves: fired once, in order, after a restart too; not by a clock that has jumped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/db_start.h"
#include "features/streams/streams.h"
#include "features/timers/timers_int.h"
#include "support/app_test.h"

enum { MINUTE = 60 * 1000 };

static app_test t;
static void *streams_state;
static timers_module *m;
static _Atomic int64_t jump_ms; /* of the wall clock alone */
static char text[8192];

static int64_t jumping_wall(void *ctx) {
    return env_test_wall(ctx) + atomic_load(&jump_ms);
}

static void start_modules(void) {
    void *state = NULL;
    t.env.env.wall_ms = jumping_wall;
    assert_int_equal(trib_streams_module.start(&t.app, &streams_state, NULL), TRIB_OK);
    assert_int_equal(trib_timers_module.start(&t.app, &state, NULL), TRIB_OK);
    m = state;
}

static void stop_app(void) {
    app_test_stop(&t);
    trib_timers_module.stop(m);
    trib_streams_module.stop(streams_state);
}

static int setup(void **state) {
    (void)state;
    atomic_store(&jump_ms, 0);
    if (app_test_start(&t, true, NULL) != TRIB_OK) return -1;
    start_modules();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    stop_app();
    app_test_cleanup(&t);
    return 0;
}

static void restart(void) {
    stop_app();
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    start_modules();
}

static trib_code run_sql(void *ctx, trib_handle *handle, trib_error *err) {
    return trib_db_start_run(handle, ctx, NULL, 0, NULL, NULL, err);
}

static trib_tenant *streams_tenant(void) {
    trib_tenant *tenant = trib_control_find(t.app.control, TRIB_STR("streams"));
    trib_tenant_unref(tenant);
    return tenant;
}

static void sql(const char *statement) {
    trib_error err;
    if (trib_db_start(&t.app, streams_tenant(), run_sql, (void *)(uintptr_t)statement, &err) != TRIB_OK)
        fail_msg("%s: %s", statement, err.message);
}

static trib_code take_text(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)ctx, (void)err;
    size_t n = strlen(text);
    trib_value value = trib_stmt_col_value(stmt, 0);
    if (value.type == TRIB_VALUE_INTEGER)
        snprintf(text + n, sizeof text - n, "%s%lld", n ? " " : "", (long long)value.integer);
    else snprintf(text + n, sizeof text - n, "%s%.*s", n ? " " : "", TRIB_STR_ARG(value.bytes));
    return TRIB_OK;
}

static trib_code run_ask(void *ctx, trib_handle *handle, trib_error *err) {
    return trib_db_start_run(handle, ctx, NULL, 0, take_text, NULL, err);
}

/* The first column of all rows. */
static const char *look(const char *statement) {
    text[0] = '\0';
    assert_int_equal(trib_db_start(&t.app, streams_tenant(), run_ask, (void *)(uintptr_t)statement, NULL), TRIB_OK);
    return text;
}

static void pass_ms(int64_t ms) {
    atomic_fetch_add(&t.env.offset_ns, ms * 1000000);
}

/* Rounds until there is nothing left to do. */
static void tick(void) {
    m->not_before_ns = 0;
    atomic_store(&m->news, true); /* a commit is told of a moment after it is answered */
    do {
        trib_app_tick(&t.app);
        if (m->under_way) usleep(500);
    } while (m->under_way || m->round.more);
}

static void place(const char *id) {
    char statement[400];
    snprintf(statement, sizeof statement,
             "INSERT INTO events VALUES ('%s-1', '%s', 501, '%s', NULL, 5, "
             "'{\"customer\":\"ali\",\"restaurant\":\"bab\",\"items\":[{\"qty\":1,\"price\":5}]}', '2026')",
             id, id, id);
    sql(statement);
}

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
    assert_string_equal(look(opcodes), "501");
    pass_ms(90 * MINUTE);
    tick();
    assert_string_equal(look(opcodes), "501 504");
    assert_string_equal(look("SELECT status FROM _trib_stream"), "cancelling");
    assert_string_equal(look("SELECT actor FROM _trib_ev WHERE seq = 2"), "platform");
    pass_ms(600 * MINUTE);
    tick();
    assert_string_equal(look(opcodes), "501 504");
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
    assert_string_equal(look(opcodes), "501 504");
}

static void a_clock_that_goes_back_fires_nothing_twice(void **state) {
    (void)state;
    place("o");
    tick();
    pass_ms(121 * MINUTE);
    tick();
    assert_string_equal(look(opcodes), "501 504");
    atomic_store(&jump_ms, -200 * MINUTE);
    tick();
    pass_ms(200 * MINUTE);
    tick();
    assert_string_equal(look(opcodes), "501 504");
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
    assert_string_equal(look("SELECT count(*) FROM events"), "3");
}

static trib_code remind(void *ctx, trib_stream_txn *txn, trib_stream *s, trib_str timer, trib_error *err) {
    char *out = ctx;
    (void)txn, (void)err;
    snprintf(out, 80, "%.*s %.*s", TRIB_STR_ARG(s->id), TRIB_STR_ARG(timer));
    return TRIB_OK;
}

static void an_action_calls_whoever_offers_it(void **state) {
    (void)state;
    char out[80] = "";
    assert_true(trib_stream_timers_add_action(&t.app, "remind-payment", remind, out));
    place("o");
    tick();
    pass_ms(31 * MINUTE);
    tick();
    assert_string_equal(out, "o unpaid");
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
