/* SPDX-License-Identifier: Apache-2.0 */
/* Who need not be asked now: for how long, for which work, until he is heard of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "features/dispatch/dispatch_int.h"
#include "support/env_test.h"

static trib_env_test env;
static dispatch_holds *holds;
static const trib_str rami = {"rami", 4}, point = {"pt", 2}, none = {"", 0};

static int setup(void **state) {
    (void)state;
    trib_env_test_init(&env, false, 1);
    return dispatch_holds_new(&env.env, &holds, NULL) == TRIB_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    dispatch_holds_free(holds);
    return 0;
}

static void holds_until_its_time(void **state) {
    (void)state;
    assert_false(dispatch_is_held(holds, rami, point, none, 0));
    dispatch_hold(holds, rami, point, (trib_str){0}, 100);
    assert_true(dispatch_is_held(holds, rami, point, none, 99));
    assert_false(dispatch_is_held(holds, rami, point, none, 100));
    assert_false(dispatch_is_held(holds, rami, none, none, 99)); /* another point */
    dispatch_hold(holds, rami, point, (trib_str){0}, 200);
    assert_true(dispatch_is_held(holds, rami, point, none, 150));
}

static void holds_for_one_kind_of_work(void **state) {
    (void)state;
    dispatch_hold(holds, rami, none, TRIB_STR("picker"), 100);
    assert_true(dispatch_is_held(holds, rami, none, TRIB_STR("picker"), 1));
    assert_false(dispatch_is_held(holds, rami, none, TRIB_STR("driver"), 1));
}

static void ends_when_he_is_heard_of(void **state) {
    (void)state;
    assert_false(dispatch_holds_end(holds, rami));
    dispatch_hold(holds, rami, point, (trib_str){0}, 100);
    dispatch_hold(holds, rami, none, (trib_str){0}, 100);
    assert_true(dispatch_holds_end(holds, rami));
    assert_false(dispatch_is_held(holds, rami, point, none, 1));
    assert_false(dispatch_is_held(holds, rami, none, none, 1));
}

static void a_firm_hold_ends_by_its_time_alone(void **state) {
    (void)state;
    int64_t now_ms = trib_env_mono_ns(&env.env) / 1000000;
    dispatch_hold(holds, rami, point, (trib_str){0}, now_ms + 200);
    dispatch_hold_firmly(holds, rami, now_ms + 100);
    assert_true(dispatch_holds_end(holds, rami));
    assert_true(dispatch_is_held(holds, rami, none, none, now_ms));
    assert_true(dispatch_is_held(holds, rami, point, TRIB_STR("driver"), now_ms));
    assert_false(dispatch_is_held(holds, rami, none, none, now_ms + 100));
    assert_false(dispatch_is_held(holds, rami, point, none, now_ms + 100));
}

static void who_is_heard_of_meanwhile_is_not_held_on(void **state) {
    (void)state;
    dispatch_hold(holds, rami, point, (trib_str){0}, 100);
    dispatch_hold_on(holds, rami, point, TRIB_STR("driver"), 200);
    assert_true(dispatch_is_held(holds, rami, point, TRIB_STR("driver"), 150));
    assert_false(dispatch_is_held(holds, rami, point, TRIB_STR("picker"), 150));
    assert_true(dispatch_holds_end(holds, rami));
    dispatch_hold_on(holds, rami, point, (trib_str){0}, 200);
    assert_false(dispatch_is_held(holds, rami, point, none, 150));
    dispatch_hold(holds, rami, none, (trib_str){0}, 100);
    dispatch_hold_on(holds, rami, point, (trib_str){0}, 200); /* another point */
    assert_false(dispatch_is_held(holds, rami, point, none, 150));
}

static void what_is_owed_is_apart_from_who_is_asked(void **state) {
    (void)state;
    char space[DISPATCH_OWED_KEY_BYTES], empty[DISPATCH_OWED_KEY_BYTES];
    trib_str key = dispatch_owed_key(point, space);
    dispatch_hold(holds, rami, point, (trib_str){0}, 100);
    assert_false(dispatch_is_held(holds, rami, key, none, 1));
    dispatch_hold(holds, rami, key, (trib_str){0}, 100);
    assert_true(dispatch_is_held(holds, rami, key, none, 1));
    assert_false(dispatch_is_held(holds, rami, dispatch_owed_key(none, empty), none, 1));
    assert_false(dispatch_is_held(holds, rami, none, none, 1));
}

static void forgets_rather_than_grow(void **state) {
    (void)state;
    char id[24];
    for (int i = 0; i < DISPATCH_HOLDS_MAX; i++) {
        snprintf(id, sizeof id, "t%d", i);
        dispatch_hold(holds, trib_str_c(id), none, (trib_str){0}, 100);
    }
    assert_true(dispatch_is_held(holds, TRIB_STR("t7"), none, none, 1));
    dispatch_hold(holds, rami, none, (trib_str){0}, 100);
    assert_true(dispatch_is_held(holds, rami, none, none, 1));
    assert_false(dispatch_is_held(holds, TRIB_STR("t7"), none, none, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(holds_until_its_time, setup, teardown),
        cmocka_unit_test_setup_teardown(holds_for_one_kind_of_work, setup, teardown),
        cmocka_unit_test_setup_teardown(ends_when_he_is_heard_of, setup, teardown),
        cmocka_unit_test_setup_teardown(a_firm_hold_ends_by_its_time_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_heard_of_meanwhile_is_not_held_on, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_owed_is_apart_from_who_is_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(forgets_rather_than_grow, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
