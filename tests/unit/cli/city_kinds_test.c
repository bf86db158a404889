/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of a city: each is JSON, and who is named in it is there by then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/city.h"

static city_person people[5] = {
    {.name = "b"}, {.name = "s"}, {.name = "w", .lat = 25.1, .lng = 55.2}, {.name = "p"}, {.name = "c"}};

static void is_json(const city_deal *deal, const city_step *step, trib_buf *out) {
    trib_arena arena;
    trib_error err;
    const trib_json *body = NULL;
    trib_arena_init(&arena, 1 << 20);
    trib_buf_clear(out);
    assert_true(city_write_body(deal, step, out));
    assert_int_equal(trib_json_parse_unique(&arena, trib_buf_str(out), &body, &err), TRIB_OK);
    assert_true(trib_json_is(body, TRIB_JSON_OBJECT));
    assert_null(memchr(out->ptr, '%', out->len));
    trib_arena_deinit(&arena);
}

/* A worker who is not taken yet would be NULL, and the write would crash. */
static void every_request_is_json_and_names_only_who_is_there(void **state) {
    trib_buf out;
    (void)state;
    trib_buf_init(&out, 4096);
    for (size_t k = 0; k < CITY_KINDS; k++) {
        const city_kind *kind = &city_kinds[k];
        city_deal deal = {.kind = kind, .buyer = &people[0], .courier = &people[4]};
        snprintf(deal.id, sizeof deal.id, "%s-1", kind->prefix);
        if (kind->seller_sql) deal.seller = &people[1];
        assert_true(kind->step_count <= CITY_STEPS_MAX);
        for (deal.step = 0; deal.step < kind->step_count; deal.step++) {
            const city_step *step = city_step_of(&deal);
            if (step->need == CITY_TAKES_DRIVER) deal.driver = &people[2];
            if (step->need == CITY_TAKES_PICKER) deal.picker = &people[3];
            assert_true(step->who != CITY_SELLER || deal.seller);
            assert_true(step->who != CITY_DRIVER || deal.driver);
            assert_true(step->who != CITY_PICKER || deal.picker);
            is_json(&deal, step, &out);
            if (step->need == CITY_FREES_DRIVER) deal.driver = NULL;
            if (step->need == CITY_FREES_PICKER) deal.picker = NULL;
        }
        assert_null(deal.driver); /* whoever was taken is free again */
        assert_null(deal.picker);
    }
    trib_buf_deinit(&out);
}

static void what_is_scarce_is_ordered_and_cancelled_by_other_requests(void **state) {
    city_deal deal = {.kind = &city_kinds[0], .seller = &people[1], .scarce = true, .id = "ord-1"};
    trib_buf out;
    (void)state;
    trib_buf_init(&out, 4096);
    is_json(&deal, city_step_of(&deal), &out);
    assert_non_null(memmem(out.ptr, out.len, "truffle", 7));
    deal.step = 1;
    assert_string_equal(city_step_of(&deal)->action, "pay");
    deal.cancelled = true;
    assert_string_equal(city_step_of(&deal)->action, "cancel");
    is_json(&deal, city_step_of(&deal), &out);
    trib_buf_deinit(&out);
}

static void days_follow_each_other(void **state) {
    char day[16];
    (void)state;
    city_day(0, day);
    assert_string_equal(day, "2026-01-01");
    city_day(31, day);
    assert_string_equal(day, "2026-02-01");
    city_day(365, day);
    assert_string_equal(day, "2027-01-01");
}

static void a_driver_comes_to_where_he_wants(void **state) {
    city_person driver = {.lat = 25.2, .lng = 55.2, .to_lat = 25.21, .to_lng = 55.19};
    int steps = 1;
    (void)state;
    while (!city_drive(&driver) && steps < 1000) steps++;
    assert_int_equal(steps, 29); /* 0.01414 degrees of 0.0005 each */
    assert_true(driver.lat > 25.2099 && driver.lng < 55.1901);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_is_json_and_names_only_who_is_there),
        cmocka_unit_test(what_is_scarce_is_ordered_and_cancelled_by_other_requests),
        cmocka_unit_test(days_follow_each_other),
        cmocka_unit_test(a_driver_comes_to_where_he_wants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
