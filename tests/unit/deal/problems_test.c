/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deal/problems.c: places, order and the bound. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "deal/problems.h"

static void problems_have_places_and_are_sorted_by_them(void **state) {
    static const char text[] = "{\"a\": 1,\n \"b\": [2]}";
    trib_arena arena;
    trib_deal_problems problems;
    (void)state;
    trib_arena_init(&arena, 1 << 20);
    trib_deal_problems_init(&problems, &arena, TRIB_STR(text));
    assert_int_equal(trib_json_parse(&arena, TRIB_STR(text), &problems.root, NULL), TRIB_OK);
    trib_deal_problems_add(&problems, trib_json_at(trib_json_get(problems.root, "b"), 0), "number %d", 1);
    trib_deal_problems_add_key(&problems, trib_json_get(problems.root, "b"), "number %d", 2);
    trib_deal_problems_add(&problems, trib_json_get(problems.root, "a"), "number %d", 3);
    trib_deal_problems_add_at(&problems, 1, "number %d", 4);
    trib_deal_problems_add(&problems, NULL, "number %d", 5);
    trib_deal_problems_sort(&problems);
    static const struct {
        uint32_t line, column;
        const char *text;
    } want[] = {{1, 1, "number 5"}, {1, 2, "number 4"}, {1, 7, "number 3"}, {2, 2, "number 2"}, {2, 8, "number 1"}};
    assert_int_equal(problems.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(problems.items[i].line, want[i].line);
        assert_int_equal(problems.items[i].column, want[i].column);
        assert_true(trib_str_eq_c(problems.items[i].text, want[i].text));
    }
    trib_arena_deinit(&arena);
}

static void a_flood_is_counted_but_not_kept(void **state) {
    trib_arena arena;
    trib_deal_problems problems;
    char long_text[600];
    (void)state;
    memset(long_text, 'x', sizeof long_text);
    memcpy(long_text + 398, "\xC3\xA4", 3); /* the cut falls inside it */
    trib_arena_init(&arena, 1 << 20);
    trib_deal_problems_init(&problems, &arena, TRIB_STR("{}"));
    for (int i = 0; i < 1000; i++) trib_deal_problems_add_at(&problems, 0, "%s", long_text);
    assert_int_equal(problems.count, TRIB_DEAL_PROBLEMS_MAX);
    assert_int_equal(problems.total, 1000);
    assert_true(problems.items[0].text.len < 400 && trib_str_utf8_valid(problems.items[0].text));
    trib_arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(problems_have_places_and_are_sorted_by_them),
        cmocka_unit_test(a_flood_is_counted_but_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
