/* SPDX-License-Identifier: Apache-2.0 */
/* Heavy work steps back for urgent work, but not for ever; on a virtual clock that waits move. */
#include "base/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/env_test.h"

enum { US = 1000 };

static trib_env_test env;
static trib_pace pace;
static trib_pace_lane lane;

static int setup(void **state) {
    (void)state;
    trib_env_test_init(&env, false, 1);
    assert_int_equal(trib_pace_init(&pace, &env.env, NULL), TRIB_OK);
    lane = (trib_pace_lane){.pace = &pace};
    return 0;
}

static int teardown(void **state) {
    (void)state;
    trib_pace_deinit(&pace);
    return 0;
}

static void only_heavy_work_gives_way_and_only_to_urgent_work(void **state) {
    (void)state;
    assert_false(trib_pace_must_give_way(NULL));
    assert_false(trib_pace_must_give_way(&lane));
    trib_pace_add_urgent(&pace, 2);
    assert_false(trib_pace_must_give_way(&lane));
    atomic_store(&lane.heavy, true);
    assert_true(trib_pace_must_give_way(&lane));
    trib_pace_sub_urgent(&pace, 2);
    assert_false(trib_pace_must_give_way(&lane));
}

static void it_is_held_back_for_a_bounded_time_and_then_runs_for_a_while(void **state) {
    (void)state;
    int64_t runs_until_ns = 0, begin_ns = env.offset_ns;
    atomic_store(&lane.heavy, true);
    trib_pace_add_urgent(&pace, 1);
    (void)trib_pace_give_way(&lane, &runs_until_ns);
    int64_t waited_ns = env.offset_ns - begin_ns;
    assert_in_range(waited_ns, TRIB_PACE_WAIT_US * US, (TRIB_PACE_WAIT_US + TRIB_PACE_LOOK_US) * US);
    begin_ns = env.offset_ns;
    (void)trib_pace_give_way(&lane, &runs_until_ns);
    assert_int_equal(env.offset_ns, begin_ns);
    env.offset_ns += TRIB_PACE_RUN_US * US;
    (void)trib_pace_give_way(&lane, &runs_until_ns);
    assert_true(env.offset_ns - begin_ns > TRIB_PACE_WAIT_US * US);
}

static void it_does_not_wait_when_nothing_is_urgent(void **state) {
    (void)state;
    int64_t runs_until_ns = 0, begin_ns = env.offset_ns;
    atomic_store(&lane.heavy, true);
    (void)trib_pace_give_way(&lane, &runs_until_ns);
    assert_int_equal(env.offset_ns, begin_ns);
}

static int yields;

static void count_yield(void *ctx) {
    (void)ctx;
    yields++;
}

static void heavy_work_yields_its_core_now_and_then(void **state) {
    (void)state;
    int64_t yields_ns = 0;
    env.env.thread_yield = count_yield;
    yields = 0;
    trib_pace_yield(&lane, &yields_ns);
    assert_int_equal(yields, 1);
    env.offset_ns += TRIB_PACE_YIELD_US * US - 1;
    trib_pace_yield(&lane, &yields_ns);
    assert_int_equal(yields, 1);
    env.offset_ns++;
    trib_pace_yield(&lane, &yields_ns);
    assert_int_equal(yields, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_heavy_work_gives_way_and_only_to_urgent_work, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_held_back_for_a_bounded_time_and_then_runs_for_a_while, setup, teardown),
        cmocka_unit_test_setup_teardown(it_does_not_wait_when_nothing_is_urgent, setup, teardown),
        cmocka_unit_test_setup_teardown(heavy_work_yields_its_core_now_and_then, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
