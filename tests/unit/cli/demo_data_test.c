/* SPDX-License-Identifier: Apache-2.0 */
/* The demo's tables agree with each other: what the steps write is what the counters and the stream are compared
 * with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/demo.h"

static void the_targets_make_twenty_one_rows_and_discovery_hears_of_two(void **state) {
    uint64_t news = 0, total = 0;
    (void)state;
    for (unsigned s = 0; s < demo_step_count; s++) news += demo_steps[s].news.sql != NULL;
    assert_int_equal(news, demo_targets[DEMO_DISCOVERY].writes);
    for (int db = 0; db < DEMO_DBS; db++) total += demo_targets[db].writes;
    assert_int_equal(total, 21);
    assert_int_equal(DEMO_PINGS, 200);
}

static void steps_are_one_to_ten_in_order(void **state) {
    (void)state;
    for (unsigned s = 0; s < demo_step_count; s++) assert_int_equal(demo_steps[s].number, (int)s + 1);
}

static void is_text(const trib_json *value, const char *wanted) {
    trib_str text = {0};
    assert_true(trib_json_str(value, &text));
    assert_true(trib_str_eq_c(text, wanted));
}

/* Each request is JSON and gives its events the next ids and the times of the table. */
static void requests_bring_the_ids_and_times_of_the_expected_stream(void **state) {
    size_t at = 0;
    (void)state;
    for (unsigned s = 0; s < demo_step_count; s++) {
        const demo_post *post = &demo_steps[s].post;
        const trib_json *body = NULL;
        trib_arena arena;
        trib_error err;
        if (!post->path) continue;
        trib_arena_init(&arena, 1 << 16);
        assert_int_equal(trib_json_parse(&arena, trib_str_c(post->body), &body, &err), TRIB_OK);
        const trib_json *ids = trib_json_get(body, "eventIds"), *times = trib_json_get(body, "ts");
        assert_int_equal(trib_json_count(ids), trib_json_count(times));
        for (size_t i = 0; i < trib_json_count(ids); i++, at++) {
            char id[32], time[48];
            assert_true(at < DEMO_EVENTS);
            snprintf(id, sizeof id, "evt-5001-%02zu", at + 1);
            snprintf(time, sizeof time, "2026-02-20T%s.000Z", demo_events[at].time);
            is_text(trib_json_at(ids, i), id);
            is_text(trib_json_at(times, i), time);
        }
        trib_arena_deinit(&arena);
    }
    assert_int_equal(at, DEMO_EVENTS);
}

static void statements_have_as_many_arguments_as_parameters(void **state) {
    (void)state;
    for (unsigned c = 0; c < demo_setup_count; c++) {
        for (unsigned i = 0; i < demo_setup[c].count; i++) {
            const demo_stmt *stmt = &demo_setup[c].stmts[i];
            unsigned marks = 0;
            for (const char *p = stmt->sql; *p; p++) marks += *p == '?';
            assert_int_equal(marks, stmt->arg_count);
        }
    }
}

static void money_is_neither_made_nor_lost(void **state) {
    double paid = 0, out = 0;
    (void)state;
    for (int i = 0; i < DEMO_EVENTS; i++) {
        if (demo_events[i].opcode == 203) paid += demo_events[i].delta;
        if (demo_events[i].opcode == 401 || demo_events[i].opcode == 402) out += demo_events[i].delta;
    }
    assert_true(paid > 45.99 && paid < 46.01 && out > 45.99 && out < 46.01);
}

static void the_way_begins_near_its_start_and_ends_exactly_at_its_end(void **state) {
    (void)state;
    demo_place first = demo_on_the_way(demo_place_shop, demo_place_customer, 1, DEMO_PINGS_TO_CUSTOMER);
    demo_place last =
        demo_on_the_way(demo_place_shop, demo_place_customer, DEMO_PINGS_TO_CUSTOMER, DEMO_PINGS_TO_CUSTOMER);
    assert_true(first.lat < demo_place_shop.lat && first.lat > demo_place_shop.lat - 0.01);
    assert_memory_equal(&last, &demo_place_customer, sizeof last);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_targets_make_twenty_one_rows_and_discovery_hears_of_two),
        cmocka_unit_test(steps_are_one_to_ten_in_order),
        cmocka_unit_test(requests_bring_the_ids_and_times_of_the_expected_stream),
        cmocka_unit_test(statements_have_as_many_arguments_as_parameters),
        cmocka_unit_test(money_is_neither_made_nor_lost),
        cmocka_unit_test(the_way_begins_near_its_start_and_ends_exactly_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
