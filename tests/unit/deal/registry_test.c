/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deal/registry.c and registry_write.c: built-in types, files that add and replace, which type an event
 * opens. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "deal/registry.h"

#define FILE_OF(name, opcode)                                                                                          \
    "{\"type\": \"" name "\", \"roles\": {\"a\": \"\"}, \"statuses\": {\"s\": \"\"}, \"final\": [\"s\"],"              \
    "\"opcodes\": [{\"opcode\": " opcode ", \"name\": \"ONE\", \"roles\": [\"a\"], \"moves\": [{\"from\": \"start\","  \
    "\"to\": \"s\"}]}]}"

static void the_built_in_types_are_right_and_in_order(void **state) {
    static const char *const names[] = {"food", "ride", "grocery", "parcel", "service", "rental"};
    trib_deal_registry registry;
    (void)state;
    assert_int_equal(trib_deal_builtin_count, 6);
    for (size_t i = 0; i < trib_deal_builtin_count; i++) {
        trib_arena arena;
        trib_deal_problems problems;
        const trib_deal_type *type = NULL;
        trib_error err = {0};
        trib_arena_init(&arena, TRIB_DEAL_TYPE_ARENA_BYTES);
        if (trib_deal_type_read(&arena, trib_str_c(trib_deal_builtins[i].text), &problems, &type, &err) != TRIB_OK)
            fail_msg("%s:%s", trib_deal_builtins[i].name, err.message);
        assert_true(trib_str_eq_c(type->name, trib_deal_builtins[i].name));
        trib_arena_deinit(&arena);
    }
    assert_int_equal(trib_deal_registry_init(&registry, NULL), TRIB_OK);
    assert_int_equal(registry.count, 6);
    for (size_t i = 0; i < 6; i++) assert_true(trib_str_eq_c(registry.entries[i]->type->name, names[i]));
    trib_deal_registry_deinit(&registry);
}

static void files_add_and_replace_types(void **state) {
    trib_deal_registry registry;
    trib_error err = {0};
    trib_buf problems;
    (void)state;
    trib_buf_init(&problems, 1 << 16);
    assert_int_equal(trib_deal_registry_init(&registry, NULL), TRIB_OK);
    assert_int_equal(trib_deal_registry_add(&registry, TRIB_STR("a.json"), TRIB_STR(FILE_OF("food", "7")), NULL, NULL),
                     TRIB_OK);
    assert_int_equal(registry.count, 6);
    assert_int_equal(trib_deal_registry_get(&registry, TRIB_STR("food"))->op_count, 1);
    assert_int_equal(trib_deal_registry_add(&registry, TRIB_STR("b.json"), TRIB_STR(FILE_OF("new", "8")), NULL, NULL),
                     TRIB_OK);
    assert_int_equal(registry.count, 7);
    assert_true(trib_str_eq_c(registry.entries[6]->source, "b.json"));
    /* two files of one type: which would count? */
    assert_int_equal(
        trib_deal_registry_add(&registry, TRIB_STR("c.json"), TRIB_STR(FILE_OF("food", "9")), &problems, &err),
        TRIB_STREAM_TYPE_INVALID);
    assert_non_null(strstr(err.message, "another file; remove one of them: a.json"));
    /* a wrong file leaves what is there */
    assert_int_equal(trib_deal_registry_add(&registry, TRIB_STR("d.json"), TRIB_STR("{\"type\": \"ride\",\n \"x\": 1}"),
                                            &problems, &err),
                     TRIB_STREAM_TYPE_INVALID);
    assert_int_equal(trib_deal_registry_get(&registry, TRIB_STR("ride"))->op_count, 14);
    trib_buf_add_char(&problems, 0);
    assert_non_null(strstr(problems.ptr, "d.json:2:2: a stream type has no member \"x\""));
    assert_null(trib_deal_registry_get(&registry, TRIB_STR("nothing")));
    trib_buf_deinit(&problems);
    trib_deal_registry_deinit(&registry);
}

static void the_number_of_types_is_bounded(void **state) {
    trib_deal_registry registry;
    trib_error err = {0};
    (void)state;
    assert_int_equal(trib_deal_registry_init(&registry, NULL), TRIB_OK);
    for (int i = 0; registry.count < TRIB_DEAL_TYPES_MAX; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "{\"type\":\"t%d\",\"roles\":{\"a\":\"\"},\"statuses\":{\"s\":\"\"},\"final\":[\"s\"],\"opcodes\":[{"
                 "\"opcode\":1,\"name\":\"ONE\",\"roles\":\"any\",\"moves\":[{\"from\":\"start\",\"to\":\"s\"}]}]}",
                 i);
        assert_int_equal(trib_deal_registry_add(&registry, TRIB_STR("x"), trib_str_c(text), NULL, NULL), TRIB_OK);
    }
    assert_int_equal(trib_deal_registry_add(&registry, TRIB_STR("y"), TRIB_STR(FILE_OF("more", "9")), NULL, &err),
                     TRIB_STREAM_TYPE_INVALID);
    assert_non_null(strstr(err.message, "more than 256"));
    trib_deal_registry_deinit(&registry);
}

static void an_opening_event_names_its_type(void **state) {
    static const struct {
        int opcode;
        const char *payload, *type;
    } rows[] = {
        {501, "", "food"},
        {501, "{\"streamType\":\"parcel\"}", "parcel"},
        {501, "{\"streamType\":\"nothing\"}", NULL},
        {501, "{\"streamType\":7}", "food"},
        {501, "broken", "food"},
        {601, "{}", "ride"},
        {611, "{}", "service"},
        {611, "{\"streamType\":\"rental\"}", "rental"},
        {502, "{}", NULL}, /* opens nothing */
        {9999, "{}", NULL},
    };
    trib_deal_registry registry;
    (void)state;
    assert_int_equal(trib_deal_registry_init(&registry, NULL), TRIB_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const trib_deal_type *type =
            trib_deal_registry_opened_by(&registry, rows[i].opcode, trib_str_c(rows[i].payload));
        if (!type != !rows[i].type || (type && !trib_str_eq_c(type->name, rows[i].type)))
            fail_msg("row %zu: %.*s", i, type ? (int)type->name.len : 0, type ? type->name.ptr : "");
    }
    trib_deal_registry_deinit(&registry);
}

static void pages_have_every_type_and_opcode(void **state) {
    trib_deal_registry registry;
    trib_buf markdown, typescript;
    (void)state;
    trib_buf_init(&markdown, 1 << 20);
    trib_buf_init(&typescript, 1 << 20);
    assert_int_equal(trib_deal_registry_init(&registry, NULL), TRIB_OK);
    trib_deal_registry_markdown(&registry, &markdown);
    trib_deal_registry_typescript(&registry, &typescript);
    trib_buf_add_char(&markdown, 0);
    trib_buf_add_char(&typescript, 0);
    assert_false(markdown.failed || typescript.failed);
    for (size_t i = 0; i < registry.count; i++) {
        const trib_deal_type *type = registry.entries[i]->type;
        char text[128];
        snprintf(text, sizeof text, "\n## %.*s\n", TRIB_STR_ARG(type->name));
        const char *chapter = strstr(markdown.ptr, text);
        assert_non_null(chapter);
        for (size_t k = 0; k < type->op_count; k++) {
            snprintf(text, sizeof text, "\n| %d | %.*s | ", type->ops[k].opcode, TRIB_STR_ARG(type->ops[k].name));
            assert_non_null(strstr(chapter, text));
            snprintf(text, sizeof text, "  %.*s: %d,\n", TRIB_STR_ARG(type->ops[k].name), type->ops[k].opcode);
            assert_non_null(strstr(typescript.ptr, text));
        }
    }
    assert_non_null(strstr(typescript.ptr, "export type FoodStatus = \"placed\" | \"accepted\""));
    trib_buf_deinit(&markdown);
    trib_buf_deinit(&typescript);
    trib_deal_registry_deinit(&registry);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_built_in_types_are_right_and_in_order),
        cmocka_unit_test(files_add_and_replace_types),
        cmocka_unit_test(the_number_of_types_is_bounded),
        cmocka_unit_test(an_opening_event_names_its_type),
        cmocka_unit_test(pages_have_every_type_and_opcode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
