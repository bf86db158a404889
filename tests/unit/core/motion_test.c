/* SPDX-License-Identifier: Apache-2.0 */
/* Positions in memory: the nearest of those that are not silent, bounds, and what is due to be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/geo.h"
#include "core/motion.h"
#include "support/env_test.h"

enum { TENANTS = 40, POINTS = 3000 };

static trib_env_test env;
static trib_motion *motion;
static trib_tenant tenants[TENANTS];

static int setup(void **state) {
    (void)state;
    trib_env_test_init(&env, false, 7);
    for (int i = 0; i < TENANTS; i++) {
        memset(&tenants[i], 0, sizeof tenants[i]);
        snprintf(tenants[i].id, sizeof tenants[i].id, "%032d", i);
        atomic_store(&tenants[i].refs, 1);
    }
    return trib_motion_new(&env.env, &motion, NULL) == TRIB_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    trib_motion_free(motion);
    for (int i = 0; i < TENANTS; i++) assert_int_equal(tenants[i].refs, 1);
    return 0;
}

static void pass_ms(int64_t ms) {
    atomic_fetch_add(&env.offset_ns, ms * 1000000);
}

static trib_code ping(int tenant, const char *point, double lat, double lng) {
    return trib_motion_ping(motion, &tenants[tenant], trib_str_c(point), lat, lng, NULL);
}

static uint64_t seed = 88172645463325252u;
static double between(double from, double to) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return from + (to - from) * (double)(seed >> 11) / 9007199254740992.0;
}

static void draw(double *lat, double *lng) {
    switch ((int)between(0, 5)) {
    case 0: *lat = between(88, 90), *lng = between(-180, 180); break;
    case 1: *lat = between(-20, 20), *lng = between(179, 180) * (between(0, 2) < 1 ? 1 : -1); break;
    case 2: *lat = between(25, 25.3), *lng = between(55, 55.4); break;
    case 3: *lat = between(0, 2) < 1 ? 90 : -90, *lng = between(0, 2) < 1 ? 180 : -180; break;
    default: *lat = between(-90, 90), *lng = between(-180, 180);
    }
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void the_nearest_are_those_of_a_look_at_everybody(void **state) {
    (void)state;
    static double at[POINTS][2], all[POINTS];
    static trib_motion_found found[TRIB_MOTION_FOUND_MAX];
    for (int round = 0; round < 3; round++) { /* they move */
        for (int i = 0; i < POINTS; i++) {
            char name[20];
            snprintf(name, sizeof name, "p%d", i);
            draw(&at[i][0], &at[i][1]);
            assert_int_equal(ping(i % TENANTS, name, at[i][0], at[i][1]), TRIB_OK);
        }
        for (int n = 0; n < 500; n++) {
            double lat, lng, max_m = n % 2 ? -1 : between(0, 500000);
            size_t k = 1 + (size_t)between(0, n % 20 ? 10 : 99), count = 0;
            draw(&lat, &lng);
            for (int i = 0; i < POINTS; i++) {
                double m = trib_geo_distance_m(lat, lng, at[i][0], at[i][1]);
                if (max_m < 0 || m <= max_m) all[count++] = m;
            }
            qsort(all, count, sizeof *all, compare);
            size_t got = trib_motion_nearest(motion, lat, lng, max_m, k, found);
            assert_int_equal(got, count < k ? count : k);
            for (size_t i = 0; i < got; i++) assert_true(found[i].distance_m == all[i]);
            trib_motion_found_release(found, got);
        }
    }
    assert_int_equal(trib_motion_count(motion), POINTS);
}

static void who_is_silent_is_not_found_and_then_forgotten(void **state) {
    (void)state;
    trib_motion_found found[2];
    ping(0, "", 1, 2);
    pass_ms(TRIB_MOTION_SILENT_MS);
    ping(1, "x", 1, 2.1);
    assert_int_equal(trib_motion_nearest(motion, 1, 2, -1, 2, found), 2);
    assert_ptr_equal(found[0].tenant, &tenants[0]);
    assert_string_equal(found[1].point, "x");
    assert_int_equal(found[0].age_ms, TRIB_MOTION_SILENT_MS);
    trib_motion_found_release(found, 2);
    pass_ms(1);
    assert_int_equal(trib_motion_nearest(motion, 1, 2, -1, 2, found), 1);
    assert_ptr_equal(found[0].tenant, &tenants[1]);
    trib_motion_found_release(found, 1);
    assert_false(trib_motion_get(motion, &tenants[0], TRIB_STR(""), found));
    assert_true(trib_motion_get(motion, &tenants[1], TRIB_STR("x"), found));
    assert_true(found[0].lng == 2.1);
    while (trib_motion_take_due(motion, true, found)) {
        trib_motion_wrote(motion, found, TRIB_OK);
        trib_tenant_unref(found->tenant);
    }
    pass_ms(TRIB_MOTION_FORGET_MS);
    trib_motion_tick(motion);
    assert_int_equal(trib_motion_count(motion), 0);
}

static void who_was_deleted_is_not_found(void **state) {
    (void)state;
    trib_motion_found found[1];
    ping(0, "", 1, 2);
    atomic_store(&tenants[0].deleted, true);
    assert_int_equal(trib_motion_nearest(motion, 1, 2, -1, 1, found), 0);
}

static void the_newest_position_is_written_once_a_second(void **state) {
    (void)state;
    trib_motion_found what;
    for (int i = 0; i < 10; i++) ping(0, "p", i, i);
    assert_true(trib_motion_take_due(motion, false, &what));
    assert_true(what.lat == 9);
    assert_false(trib_motion_take_due(motion, true, &what)); /* under way */
    ping(0, "p", 20, 20);
    assert_false(trib_motion_take_due(motion, true, &what));
    trib_motion_wrote(motion, &what, TRIB_OK);
    trib_tenant_unref(what.tenant);
    assert_false(trib_motion_take_due(motion, false, &what));
    pass_ms(TRIB_MOTION_WRITE_MS);
    assert_true(trib_motion_take_due(motion, false, &what));
    assert_true(what.lat == 20);
    trib_motion_wrote(motion, &what, TRIB_TOO_MANY_REQUESTS); /* again, later */
    trib_tenant_unref(what.tenant);
    pass_ms(2 * TRIB_MOTION_WRITE_MS);
    assert_true(trib_motion_take_due(motion, false, &what));
    trib_motion_wrote(motion, &what, TRIB_OK);
    trib_tenant_unref(what.tenant);
    assert_false(trib_motion_take_due(motion, true, &what));
}

static void a_point_that_is_none_is_refused_until_it_is_forgotten(void **state) {
    (void)state;
    trib_motion_found what;
    assert_int_equal(ping(0, "none", 1, 1), TRIB_OK);
    assert_true(trib_motion_take_due(motion, false, &what));
    trib_motion_wrote(motion, &what, TRIB_NOT_FOUND);
    trib_tenant_unref(what.tenant);
    assert_int_equal(ping(0, "none", 1, 1), TRIB_NOT_FOUND);
    assert_int_equal(trib_motion_nearest(motion, 1, 1, -1, 1, &what), 0);
    assert_int_equal(ping(0, "other", 1, 1), TRIB_OK);
    pass_ms(TRIB_MOTION_FORGET_MS);
    trib_motion_tick(motion);
    assert_int_equal(ping(0, "none", 1, 1), TRIB_OK);
}

static void bounds_hold(void **state) {
    (void)state;
    char name[TRIB_MOTION_POINT_MAX_BYTES + 2];
    memset(name, 'p', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_int_equal(ping(0, name, 1, 1), TRIB_BAD_REQUEST);
    assert_int_equal(ping(0, name + 1, 1, 1), TRIB_OK);
    assert_int_equal(ping(0, "", 90.5, 1), TRIB_BAD_REQUEST);
    assert_int_equal(ping(0, "", 1, -181), TRIB_BAD_REQUEST);
    for (int i = 1; i < TRIB_MOTION_POINTS_OF_TENANT_MAX; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(ping(0, name, 1, 1), TRIB_OK);
    }
    assert_int_equal(ping(0, "more", 1, 1), TRIB_TOO_MANY_REQUESTS);
    assert_int_equal(ping(1, "more", 1, 1), TRIB_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_nearest_are_those_of_a_look_at_everybody),
        TEST(who_is_silent_is_not_found_and_then_forgotten),
        TEST(who_was_deleted_is_not_found),
        TEST(the_newest_position_is_written_once_a_second),
        TEST(a_point_that_is_none_is_refused_until_it_is_forgotten),
        TEST(bounds_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
