/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deal/schema.c and schema_write.c: what a schema lets pass, where it refuses, and its TypeScript. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "deal/schema.h"

typedef struct world {
    trib_arena arena;
    trib_deal_problems problems;
} world;

static const trib_json *parse(world *w, const char *text) {
    const trib_json *root = NULL;
    assert_int_equal(trib_json_parse_unique(&w->arena, trib_str_c(text), &root, NULL), TRIB_OK);
    return root;
}

/* The schema of a text; w->problems has what is wrong. */
static const trib_deal_schema *schema_of(world *w, const char *text) {
    const trib_deal_schema *schema = NULL;
    trib_arena_init(&w->arena, 8 << 20);
    trib_deal_problems_init(&w->problems, &w->arena, trib_str_c(text));
    w->problems.root = parse(w, text);
    trib_deal_schema_read(&w->arena, w->problems.root, &w->problems, &schema);
    assert_non_null(schema);
    return schema;
}

static void values_fit_or_are_refused_with_their_path(void **state) {
    static const struct {
        const char *schema, *value, *path, *message; /* path NULL: it fits */
    } rows[] = {
        {"{}", "[1,{}]", NULL, NULL},
        {"{\"type\":\"integer\"}", "3", NULL, NULL},
        {"{\"type\":\"integer\"}", "3.5", "$", "a whole number is wanted"},
        {"{\"type\":\"number\"}", "3", NULL, NULL},
        {"{\"type\":[\"string\",\"null\"]}", "null", NULL, NULL},
        {"{\"type\":[\"string\",\"null\"]}", "true", "$", "$ is true or false, but null or a string is wanted"},
        {"{\"minimum\":1,\"maximum\":2.5}", "2.5", NULL, NULL},
        {"{\"minimum\":1,\"maximum\":2.5}", "2.6", "$", "above 2.5"},
        {"{\"minimum\":1}", "0", "$", "below 1"},
        {"{\"minimum\":1}", "1e999", "$", "too large"},
        {"{\"minLength\":2,\"maxLength\":3}", "\"\xC3\xA4\xC3\xB6\"", NULL, NULL},
        {"{\"minLength\":2}", "\"\xC3\xA4\"", "$", "has 1 characters, at least 2"},
        {"{\"maxLength\":3}", "\"abcd\"", "$", "at most 3"},
        {"{\"minItems\":1}", "[]", "$", "has 0 elements"},
        {"{\"maxItems\":1}", "[1,2]", "$", "at most 1"},
        {"{\"enum\":[\"a\",1,null,true]}", "true", NULL, NULL},
        {"{\"enum\":[\"a\",1,null,true]}", "1.0", NULL, NULL},
        {"{\"enum\":[\"a\",1,null]}", "false", "$", "none of the values"},
        {"{\"items\":{\"items\":{\"type\":\"string\"}}}", "[[\"a\"],[\"b\",3]]", "$[1][1]", "a string is wanted"},
        {"{\"required\":[\"a\"]}", "{\"b\":1}", "$.a", "$.a is missing"},
        {"{\"properties\":{\"a\":{\"type\":\"object\",\"required\":[\"x\"]}}}", "{\"a\":{}}", "$.a.x", "is missing"},
        {"{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "{\"a\":1,\"b\":2}", "$.b", "not known"},
        {"{\"properties\":{\"a\":{}},\"additionalProperties\":true}", "{\"a\":1,\"b\":2}", NULL, NULL},
        {"{\"type\":\"object\",\"properties\":{\"a\":{}}}", NULL, NULL, NULL},
        {"{\"required\":[\"a\"]}", NULL, "$.a", "is missing"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        world w;
        char path[TRIB_DEAL_PATH_BYTES] = "x";
        trib_error err = {0};
        const trib_deal_schema *schema = schema_of(&w, rows[i].schema);
        assert_int_equal(w.problems.total, 0);
        const trib_json *value = rows[i].value ? parse(&w, rows[i].value) : NULL;
        trib_code code = trib_deal_schema_check(schema, value, path, &err);
        if (code != (rows[i].path ? TRIB_BAD_EVENT : TRIB_OK)) fail_msg("row %zu: %s", i, err.message);
        assert_string_equal(path, rows[i].path ? rows[i].path : "");
        if (rows[i].message && !strstr(err.message, rows[i].message)) fail_msg("row %zu: %s", i, err.message);
        trib_arena_deinit(&w.arena);
    }
}

static void wrong_schemas_are_told_by_column(void **state) {
    static const struct {
        const char *schema;
        uint32_t column;
        const char *text;
    } rows[] = {
        {"3", 1, "a schema must be an object"},
        {"{\"type\":\"strin\"}", 9, "\"type\" must be one of"},
        {"{\"type\":[]}", 9, "empty array"},
        {"{\"tpye\":\"string\"}", 2, "no keyword \"tpye\" here (did you mean type?)"},
        {"{\"pattern\":\"a*\"}", 2, "its cost is not bounded"},
        {"{\"properties\":[]}", 15, "must be an object"},
        {"{\"properties\":{\"a\":1}}", 20, "a schema must be an object"},
        {"{\"required\":\"a\"}", 13, "an array of property names"},
        {"{\"required\":[1]}", 14, "must hold strings"},
        {"{\"additionalProperties\":{}}", 25, "true or false"},
        {"{\"enum\":[]}", 9, "1 to 64 values"},
        {"{\"enum\":[[1]]}", 10, "may hold strings"},
        {"{\"minLength\":-1}", 14, "a whole number from 0"},
        {"{\"minimum\":\"1\"}", 12, "must be a number"},
        {"{\"minimum\":2,\"maximum\":1}", 1, "no number fits"},
        {"{\"minItems\":2,\"maxItems\":1}", 1, "nothing fits"},
        {"{\"description\":1}", 16, "must be a string"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        world w;
        (void)schema_of(&w, rows[i].schema);
        if (w.problems.total != 1 || w.problems.items[0].column != rows[i].column ||
            !strstr(w.problems.items[0].text.ptr, rows[i].text))
            fail_msg("row %zu: %zu problems, column %u: %s", i, w.problems.total, w.problems.items[0].column,
                     w.problems.count ? w.problems.items[0].text.ptr : "");
        trib_arena_deinit(&w.arena);
    }
}

static void depth_and_properties_are_bounded(void **state) {
    char text[4096] = "";
    size_t len = 0;
    world w;
    (void)state;
    for (int i = 0; i < TRIB_DEAL_SCHEMA_DEPTH_MAX + 1; i++) {
        memcpy(text + len, "{\"items\":", 9);
        len += 9;
    }
    memcpy(text + len, "{}", 2);
    len += 2;
    for (int i = 0; i < TRIB_DEAL_SCHEMA_DEPTH_MAX + 1; i++) text[len++] = '}';
    text[len] = 0;
    (void)schema_of(&w, text);
    assert_true(w.problems.total >= 1 && strstr(w.problems.items[0].text.ptr, "nested deeper"));
    trib_arena_deinit(&w.arena);

    trib_buf buf;
    trib_buf_init(&buf, 1 << 16);
    trib_buf_add_c(&buf, "{\"properties\":{");
    for (int i = 0; i <= TRIB_DEAL_SCHEMA_PROPERTIES_MAX; i++) trib_buf_printf(&buf, "%s\"p%d\":{}", i ? "," : "", i);
    trib_buf_add(&buf, TRIB_STR("}}\0"));
    (void)schema_of(&w, buf.ptr);
    assert_true(w.problems.total == 1 && strstr(w.problems.items[0].text.ptr, "more than 64 properties"));
    trib_arena_deinit(&w.arena);
    trib_buf_deinit(&buf);
}

static void a_long_path_is_cut_between_characters(void **state) {
    char value[600];
    char path[TRIB_DEAL_PATH_BYTES];
    world w;
    size_t len = 2;
    (void)state;
    const trib_deal_schema *schema = schema_of(&w, "{\"additionalProperties\":false}");
    memcpy(value, "{\"", 2);
    value[len++] = 'x'; /* so that the cut falls inside a character */
    for (int i = 0; i < 150; i++, len += 2) memcpy(value + len, "\xC3\xA4", 2);
    memcpy(value + len, "\":1}", 5);
    assert_int_equal(trib_deal_schema_check(schema, parse(&w, value), path, NULL), TRIB_BAD_EVENT);
    assert_true(strlen(path) >= TRIB_DEAL_PATH_BYTES - 4 && trib_str_utf8_valid(trib_str_c(path)));
    trib_arena_deinit(&w.arena);
}

static void schemas_become_types(void **state) {
    static const struct {
        const char *schema, *type;
    } rows[] = {
        {"{}", "unknown"},
        {"{\"type\":\"integer\"}", "number"},
        {"{\"type\":[\"string\",\"null\"]}", "null | string"},
        {"{\"type\":\"array\"}", "Array<unknown>"},
        {"{\"type\":\"array\",\"items\":{\"type\":\"boolean\"}}", "Array<boolean>"},
        {"{\"enum\":[\"a\",1,null]}", "\"a\" | 1 | null"},
        {"{\"type\":\"object\"}", "Record<string, unknown>"},
        {"{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":\"number\"},\"b-c\":{}}}",
         "{ a: number; \"b-c\"?: unknown; [key: string]: unknown }"},
        {"{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "{ a?: unknown }"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        world w;
        trib_buf out;
        trib_buf_init(&out, 4096);
        trib_deal_schema_typescript(schema_of(&w, rows[i].schema), &out);
        if (!trib_str_eq_c(trib_buf_str(&out), rows[i].type))
            fail_msg("row %zu: %.*s", i, TRIB_STR_ARG(trib_buf_str(&out)));
        trib_buf_deinit(&out);
        trib_arena_deinit(&w.arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_fit_or_are_refused_with_their_path),
        cmocka_unit_test(wrong_schemas_are_told_by_column),
        cmocka_unit_test(depth_and_properties_are_bounded),
        cmocka_unit_test(a_long_path_is_cut_between_characters),
        cmocka_unit_test(schemas_become_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
