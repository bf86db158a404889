/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/wire/json_where.c: each value of a tree is found where it stands in the text. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "wire/json_where.h"

static const trib_json *parse(trib_arena *arena, const char *text) {
    const trib_json *root = NULL;
    trib_arena_init(arena, 1 << 20);
    assert_int_equal(trib_json_parse(arena, trib_str_c(text), &root, NULL), TRIB_OK);
    return root;
}

static void values_are_found_by_line_and_column(void **state) {
    static const char text[] =
        "{\n  \"a\": [1, {\"b\" : \"x\\\"]\"}, []],\n  \"\xC3\xA4\": {\"c\": true}, \"d\\u0041\":null\n}";
    trib_arena arena;
    const trib_json *root = parse(&arena, text), *a = trib_json_get(root, "a"), *ae = trib_json_get(root, "\xC3\xA4");
    const struct {
        const trib_json *value;
        bool key;
        uint32_t line, column;
    } rows[] = {
        {root, false, 1, 1},
        {root, true, 1, 1},
        {a, true, 2, 3},
        {a, false, 2, 8},
        {trib_json_at(a, 0), false, 2, 9},
        {trib_json_at(a, 1), false, 2, 12},
        {trib_json_at(a, 1), true, 2, 12},
        {trib_json_get(trib_json_at(a, 1), "b"), false, 2, 19},
        {trib_json_at(a, 2), false, 2, 28},
        {trib_json_get(ae, "c"), false, 3, 14},
        {trib_json_get(root, "dA"), true, 3, 21},
        {trib_json_get(root, "dA"), false, 3, 31},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_json_place place = {0};
        assert_true(rows[i].key ? trib_json_place_of_key(TRIB_STR(text), root, rows[i].value, &place)
                                : trib_json_place_of(TRIB_STR(text), root, rows[i].value, &place));
        assert_int_equal(place.line, rows[i].line);
        assert_int_equal(place.column, rows[i].column);
    }
    trib_arena_deinit(&arena);
}

static void what_is_not_in_the_tree_has_no_place(void **state) {
    trib_arena arena;
    const trib_json *root = parse(&arena, "[1,2]");
    trib_json other = {0};
    trib_json_place place = {.line = 7};
    (void)state;
    assert_false(trib_json_place_of(TRIB_STR("[1,2]"), root, &other, &place));
    assert_false(trib_json_place_of(TRIB_STR("[1,2]"), root, NULL, &place));
    assert_false(trib_json_place_of(TRIB_STR(""), NULL, root, &place));
    assert_int_equal(place.line, 7);
    trib_arena_deinit(&arena);
}

static void a_byte_past_the_end_is_the_end(void **state) {
    trib_json_place place = trib_json_place_at(TRIB_STR("ab\ncd"), 100);
    (void)state;
    assert_int_equal(place.offset, 5);
    assert_int_equal(place.line, 2);
    assert_int_equal(place.column, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_by_line_and_column),
        cmocka_unit_test(what_is_not_in_the_tree_has_no_place),
        cmocka_unit_test(a_byte_past_the_end_is_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
