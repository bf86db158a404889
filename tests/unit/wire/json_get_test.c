/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/wire/json_get.c: look-ups are safe on anything, and the last member of a name counts. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "wire/json.h"

static const trib_json *parse(trib_arena *arena, const char *text) {
    const trib_json *root = NULL;
    trib_arena_init(arena, 1 << 20);
    assert_int_equal(trib_json_parse(arena, trib_str_c(text), &root, NULL), TRIB_OK);
    return root;
}

static void members_are_found_and_the_last_of_a_name_counts(void **state) {
    trib_arena arena;
    const trib_json *root = parse(&arena, "{\"a\":1,\"ab\":2,\"\":3,\"a\":4,\"\\u0062\":5,\"nul\\u0000x\":6}");
    int64_t value = 0;
    (void)state;
    assert_true(trib_json_i64(trib_json_get(root, "a"), &value) && value == 4);
    assert_true(trib_json_i64(trib_json_get(root, "ab"), &value) && value == 2);
    assert_true(trib_json_i64(trib_json_get(root, ""), &value) && value == 3);
    assert_true(trib_json_i64(trib_json_get(root, "b"), &value) && value == 5);
    assert_true(trib_json_i64(trib_json_get_str(root, TRIB_STR("nul\0x")), &value) && value == 6);
    assert_null(trib_json_get(root, "nul"));
    assert_null(trib_json_get(root, "c"));
    assert_int_equal(trib_json_count(root), 6);
    trib_arena_deinit(&arena);
}

static void children_come_in_order(void **state) {
    trib_arena arena;
    const trib_json *root = parse(&arena, "[10,\"x\",[20],null]");
    int64_t value = 0;
    (void)state;
    assert_true(trib_json_is(trib_json_first(root), TRIB_JSON_NUMBER));
    assert_true(trib_json_is(trib_json_next(trib_json_first(root)), TRIB_JSON_STRING));
    assert_true(trib_json_i64(trib_json_at(trib_json_at(root, 2), 0), &value) && value == 20);
    assert_true(trib_json_is_null(trib_json_at(root, 3)));
    assert_null(trib_json_at(root, 4));
    assert_null(trib_json_next(trib_json_at(root, 3)));
    trib_arena_deinit(&arena);
}

static void wrong_kinds_and_absent_members_answer_false_and_touch_nothing(void **state) {
    trib_arena arena;
    const trib_json *root = parse(&arena, "[null,true,1.5,\"s\",[],{}]");
    (void)state;
    for (size_t i = 0; i <= 6; i++) {
        const trib_json *v = trib_json_at(root, i);
        trib_str s = TRIB_STR("kept");
        bool b = true;
        int64_t n = 7;
        double d = 7;
        assert_int_equal(trib_json_str(v, &s), i == 3);
        assert_int_equal(trib_json_bool(v, &b), i == 1);
        assert_int_equal(trib_json_i64(v, &n), 0);
        assert_int_equal(trib_json_f64(v, &d), i == 2);
        assert_true(trib_str_eq_c(s, i == 3 ? "s" : "kept") && b && n == 7 && (i == 2 ? d == 1.5 : d == 7));
        assert_int_equal(trib_json_is_null(v), i == 0);
        assert_int_equal(trib_json_absent(v), i == 0 || i == 6);
        assert_null(trib_json_get(v, "x"));
        assert_null(trib_json_first(v));
        assert_int_equal(trib_json_count(v), 0);
        assert_false(trib_json_number_token(v, &s) && i != 2);
    }
    assert_null(trib_json_next(NULL));
    trib_arena_deinit(&arena);
}

static void kinds_have_words_for_messages(void **state) {
    trib_arena arena;
    static const char *const words[] = {"null",     "true or false", "a number", "a string",
                                        "an array", "an object",     "nothing"};
    const trib_json *root = parse(&arena, "[null,true,1.5,\"s\",[],{}]");
    (void)state;
    for (size_t i = 0; i < 7; i++) assert_string_equal(trib_json_kind_text(trib_json_at(root, i)), words[i]);
    trib_arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_and_the_last_of_a_name_counts),
        cmocka_unit_test(children_come_in_order),
        cmocka_unit_test(wrong_kinds_and_absent_members_answer_false_and_touch_nothing),
        cmocka_unit_test(kinds_have_words_for_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
