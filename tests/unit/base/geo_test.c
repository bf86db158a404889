/* SPDX-License-Identifier: Apache-2.0 */
/* Distances against known ones, and boxes against the places in them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/geo.h"

static void near_equal(double got, double want, double off) {
    if (!(fabs(got - want) <= off)) fail_msg("got %.3f, wanted %.3f", got, want);
}

static void distances_are_those_of_the_sphere(void **state) {
    (void)state;
    double degree = TRIB_GEO_RADIUS_M * 0.017453292519943295;
    near_equal(trib_geo_distance_m(0, 0, 0, 0), 0, 0);
    near_equal(trib_geo_distance_m(0, 0, 1, 0), degree, 0.001);
    near_equal(trib_geo_distance_m(0, 179.5, 0, -179.5), degree, 0.001);
    near_equal(trib_geo_distance_m(90, 17, 90, -120), 0, 0.001);
    near_equal(trib_geo_distance_m(89, 0, 89, 180), 2 * degree, 0.001);
    near_equal(trib_geo_distance_m(0, 0, 0, 180), 180 * degree, 0.001);
    near_equal(trib_geo_distance_m(-90, 0, 90, 0), 180 * degree, 0.001);
    near_equal(trib_geo_distance_m(25.2650, 55.3320, 25.2640, 55.3310), 149.75, 0.5);
    near_equal(trib_geo_distance_m(48.8566, 2.3522, 35.6762, 139.6503), 9711700, 3000); /* Paris, Tokyo */
    near_equal(trib_geo_distance_m(10, 10, 10.000001, 10), 0.1112, 0.0001);
}

static void only_numbers_in_their_bounds_are_places(void **state) {
    (void)state;
    assert_true(trib_geo_is_place(-90, 180));
    assert_false(trib_geo_is_place(90.1, 0));
    assert_false(trib_geo_is_place(0, -180.1));
    assert_false(trib_geo_is_place((double)NAN, 0));
    assert_false(trib_geo_is_place(0, (double)INFINITY));
}

static uint64_t seed = 88172645463325252u;
static double between(double from, double to) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return from + (to - from) * (double)(seed >> 11) / 9007199254740992.0;
}

static void no_place_of_a_box_is_nearer_than_the_box(void **state) {
    (void)state;
    for (int i = 0; i < 3000; i++) {
        double lat1 = between(-90, 90), lng1 = between(-180, 180);
        double lat2 = fmin(90, lat1 + between(0, i % 3 ? 1 : 90)), lng2 = fmin(180, lng1 + between(0, i % 2 ? 2 : 300));
        trib_geo_from from = trib_geo_from_make(i % 7 ? between(-90, 90) : i % 2 ? 90 : -90, between(-180, 180));
        double box = trib_geo_box_distance_m(&from, lat1, lat2, lng1, lng2), least = (double)INFINITY;
        for (int k = 0; k < 21 * 21; k++) {
            double lat = lat1 + (lat2 - lat1) * (k / 21) / 20.0, lng = lng1 + (lng2 - lng1) * (k % 21) / 20.0;
            double d = trib_geo_distance_m(from.lat, from.lng, lat, lng);
            if (d < box) fail_msg("%f,%f is %f from a box that is %f away", lat, lng, d, box);
            least = fmin(least, d);
        }
        /* and the bound is no smaller than it must be: what is left is the mesh of the places that were tried */
        double mesh = TRIB_GEO_RADIUS_M * 0.0175 * fmax(lat2 - lat1, lng2 - lng1) / 20;
        if (least - box > mesh + 2) fail_msg("a box is said to be %f away, its nearest place is %f", box, least);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_are_those_of_the_sphere),
        cmocka_unit_test(only_numbers_in_their_bounds_are_places),
        cmocka_unit_test(no_place_of_a_box_is_nearer_than_the_box),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
