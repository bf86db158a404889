/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/wire/json_read.c: what is JSON and what is not, limits, exact numbers, memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "wire/json.h"

enum { PLENTY = 64 << 20 };

/* Parses a copy of exactly text.len bytes, so that the sanitizer sees any read past the end. */
static trib_code parse_code(trib_str text, bool unique, trib_error *err) {
    trib_arena arena;
    const trib_json *root = NULL;
    char *copy = malloc(text.len ? text.len : 1);
    if (text.len) memcpy(copy, text.ptr, text.len);
    trib_arena_init(&arena, PLENTY);
    trib_str exact = trib_str_make(copy, text.len);
    trib_code code =
        unique ? trib_json_parse_unique(&arena, exact, &root, err) : trib_json_parse(&arena, exact, &root, err);
    assert_true((code == TRIB_OK) == (root != NULL));
    trib_arena_deinit(&arena);
    free(copy);
    return code;
}

static void well_formed_texts_are_read(void **state) {
    static const trib_str texts[] = {
        TRIB_STR("null"),
        TRIB_STR("true"),
        TRIB_STR("false"),
        TRIB_STR("0"),
        TRIB_STR("-0"),
        TRIB_STR("7"),
        TRIB_STR("-1.5e+10"),
        TRIB_STR("0.0"),
        TRIB_STR("0e0"),
        TRIB_STR("1E-2"),
        TRIB_STR("1e400"),
        TRIB_STR("\"\""),
        TRIB_STR("[]"),
        TRIB_STR("{}"),
        TRIB_STR(" \t\r\n[ \n] \r"),
        TRIB_STR("[1,2,3]"),
        TRIB_STR("[[],[[]],{}]"),
        TRIB_STR("{\"\":0}"),
        TRIB_STR("{\"a\":1,\"a\":2}"),
        TRIB_STR("{ \"a\" : [ 1 , { \"b\" : null } ] }"),
        TRIB_STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\""),
        TRIB_STR("\"\\u0000\""),
        TRIB_STR("\"\\uD83D\\uDE00\""),
        TRIB_STR("\"\\uFFFF\""),
        TRIB_STR("\"\x7F\""),
        TRIB_STR("\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""),
        TRIB_STR("\"\xEF\xBB\xBF\""),
        TRIB_STR("\"\xF4\x8F\xBF\xBF\""),
        TRIB_STR("\"// no comment\""),
        TRIB_STR("123456789012345678901234567890"),
        TRIB_STR("\"a string that is longer than sixteen bytes \\n\""),
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        trib_error err = {0};
        if (parse_code(texts[i], false, &err) != TRIB_OK)
            fail_msg("refused %.*s: %s", TRIB_STR_ARG(texts[i]), err.message);
    }
}

typedef struct bad_row {
    trib_str text;
    int offset;
    const char *says;
} bad_row;

#define ROW(lit, offset, says)                                                                                         \
    { TRIB_STR(lit), offset, says }

static const bad_row bad_texts[] = {
    ROW("", 0, "expected a value, but the text ends"),
    ROW("  ", 2, "expected a value"),
    ROW("tru", 0, "expected a value"),
    ROW("True", 0, "found 'T'"),
    ROW("nulL", 0, "expected a value"),
    ROW("NaN", 0, "expected a value"),
    ROW("-Infinity", 1, "expected a digit"),
    ROW("undefined", 0, "expected a value"),
    ROW("'a'", 0, "found '''"),
    ROW("1 2", 2, "nothing more"),
    ROW("{}}", 2, "nothing more"),
    ROW("[]\0", 2, "nothing more"),
    ROW("null,", 4, "nothing more"),
    ROW("\xEF\xBB\xBFnull", 0, "byte 0xEF"),
    ROW("\0", 0, "byte 0x00"),
    ROW("\x0Bnull", 0, "byte 0x0B"),
    ROW("\xC2\xA0null", 0, "byte 0xC2"),
    ROW("/* */1", 0, "found '/'"),
    ROW("1//", 1, "nothing more"),
    /* numbers */
    ROW("01", 0, "start with 0"),
    ROW("-01", 1, "start with 0"),
    ROW("00", 0, "start with 0"),
    ROW("+1", 0, "found '+'"),
    ROW("-", 1, "a digit"),
    ROW("--1", 1, "a digit"),
    ROW(".5", 0, "expected a value"),
    ROW("1.", 2, "after the decimal point"),
    ROW("1.e5", 2, "after the decimal point"),
    ROW("1e", 2, "exponent"),
    ROW("1e+", 3, "exponent"),
    ROW("1.5e5.5", 5, "nothing more"),
    ROW("0x10", 1, "nothing more"),
    ROW("1_000", 1, "nothing more"),
    ROW("[1a]", 2, "',' or ']'"),
    /* arrays */
    ROW("[", 1, "expected a value"),
    ROW("[1", 2, "',' or ']'"),
    ROW("[1,", 3, "expected a value"),
    ROW("[1,]", 3, "expected a value"),
    ROW("[,1]", 1, "expected a value"),
    ROW("[1,,2]", 3, "expected a value"),
    ROW("[1 2]", 3, "',' or ']'"),
    ROW("[1}", 2, "',' or ']'"),
    ROW("]", 0, "expected a value"),
    /* objects */
    ROW("{", 1, "member name"),
    ROW("{\"a\"", 4, "':'"),
    ROW("{\"a\":", 5, "expected a value"),
    ROW("{\"a\":}", 5, "expected a value"),
    ROW("{\"a\":1", 6, "',' or '}'"),
    ROW("{\"a\":1,", 7, "member name"),
    ROW("{\"a\":1,}", 7, "member name"),
    ROW("{,}", 1, "member name"),
    ROW("{a:1}", 1, "member name"),
    ROW("{1:1}", 1, "member name"),
    ROW("{\"a\" 1}", 5, "':'"),
    ROW("{\"a\"::1}", 5, "expected a value"),
    ROW("{\"a\":1 \"b\":2}", 7, "',' or '}'"),
    ROW("{\"a\":1]", 6, "',' or '}'"),
    /* strings */
    ROW("\"", 1, "at the end of a string"),
    ROW("\"abc", 4, "at the end of a string"),
    ROW("\"abc\\", 5, "after a backslash"),
    ROW("\"abc\\\"", 6, "at the end of a string"),
    ROW("\"\\a\"", 2, "after a backslash"),
    ROW("\"\\u12\"", 5, "hexadecimal"),
    ROW("\"\\u12G4\"", 5, "hexadecimal"),
    ROW("\"\\u", 3, "hexadecimal"),
    ROW("\"\\uD800\"", 1, "high surrogate"),
    ROW("\"\\uD800x\"", 1, "high surrogate"),
    ROW("\"\\uD800\\n\"", 1, "high surrogate"),
    ROW("\"\\uD800\\u0041\"", 1, "high surrogate"),
    ROW("\"\\uDC00\"", 1, "low surrogate"),
    ROW("\"a\nb\"", 2, "control character"),
    ROW("\"a\0b\"", 2, "control character"),
    ROW("\"\\n\x1F\"", 3, "control character"),
    /* UTF-8: stray continuation, cut off, overlong, surrogate, past U+10FFFF; also behind an escape and in a key */
    ROW("\"\x80\"", 1, "not valid UTF-8"),
    ROW("\"\xC3\"", 1, "not valid UTF-8"),
    ROW("\"\xE2\x82\"", 1, "not valid UTF-8"),
    ROW("\"\xC0\xAF\"", 1, "not valid UTF-8"),
    ROW("\"\xED\xA0\x80\"", 1, "not valid UTF-8"),
    ROW("\"\xF4\x90\x80\x80\"", 1, "not valid UTF-8"),
    ROW("\"\\n\xFF\"", 1, "not valid UTF-8"),
    ROW("{\"\xFF\":1}", 2, "not valid UTF-8"),
    ROW("\"sixteen bytes and more, then \xFF\"", 1, "not valid UTF-8"),
    ROW("\xFF", 0, "byte 0xFF"),
};

static void malformed_texts_are_refused_with_place_and_reason(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_texts / sizeof bad_texts[0]; i++) {
        const bad_row *row = &bad_texts[i];
        trib_error err = {0};
        trib_code code = parse_code(row->text, false, &err);
        if (code != TRIB_BAD_JSON || err.detail != row->offset || !strstr(err.message, row->says)) {
            fail_msg("row %zu, %.*s: %s (offset %d)", i, TRIB_STR_ARG(row->text), err.message, err.detail);
        }
    }
}

static void every_prefix_of_a_document_is_refused(void **state) {
    trib_str text =
        TRIB_STR("{\"a\":[1,-2.5e3,true,null,\"x\\u00e9\\n\xC3\xA9\"],\"b\":{\"c\":\"longer than sixteen bytes\"}}");
    (void)state;
    assert_int_equal(parse_code(text, false, NULL), TRIB_OK);
    for (size_t n = 0; n < text.len; n++) {
        assert_int_equal(parse_code(trib_str_sub(text, 0, n), false, NULL), TRIB_BAD_JSON);
    }
}

static void only_64_levels_may_be_nested(void **state) {
    char text[400] = "";
    (void)state;
    for (int object = 0; object <= 1; object++) {
        for (int depth = TRIB_JSON_MAX_DEPTH; depth <= TRIB_JSON_MAX_DEPTH + 1; depth++) {
            trib_buf buf;
            trib_buf_init(&buf, 4096);
            trib_error err = {0};
            for (int i = 0; i < depth; i++) trib_buf_add_c(&buf, object ? "{\"\":" : "[");
            if (object) trib_buf_add_c(&buf, "0");
            for (int i = 0; i < depth; i++) trib_buf_add_c(&buf, object ? "}" : "]");
            bool fits = depth == TRIB_JSON_MAX_DEPTH;
            assert_int_equal(parse_code(trib_buf_str(&buf), false, &err), fits ? TRIB_OK : TRIB_BAD_JSON);
            if (!fits) assert_non_null(strstr(err.message, "64 deep"));
            trib_buf_deinit(&buf);
        }
    }
    memset(text, '[', sizeof text);
    assert_int_equal(parse_code(trib_str_make(text, sizeof text), false, NULL), TRIB_BAD_JSON);
}

static void add_members(trib_buf *buf, int n) {
    trib_buf_add_c(buf, "{");
    for (int i = 0; i < n; i++) trib_buf_printf(buf, "%s\"k%d\":%d", i ? "," : "", i, i);
    trib_buf_add_c(buf, "}");
}

static void an_object_may_have_10000_members(void **state) {
    trib_buf buf;
    (void)state;
    trib_buf_init(&buf, PLENTY);
    add_members(&buf, TRIB_JSON_MAX_OBJECT_KEYS);
    assert_int_equal(parse_code(trib_buf_str(&buf), true, NULL), TRIB_OK);
    trib_buf_clear(&buf);
    add_members(&buf, TRIB_JSON_MAX_OBJECT_KEYS + 1);
    assert_int_equal(parse_code(trib_buf_str(&buf), false, NULL), TRIB_BAD_JSON);
    trib_buf_deinit(&buf);
}

static void arrays_may_be_large(void **state) {
    trib_buf buf;
    trib_arena arena;
    const trib_json *root;
    (void)state;
    trib_buf_init(&buf, PLENTY);
    trib_arena_init(&arena, PLENTY);
    trib_buf_add_c(&buf, "[");
    for (int i = 0; i < 200000; i++) trib_buf_printf(&buf, "%s%d", i ? "," : "", i);
    trib_buf_add_c(&buf, "]");
    assert_int_equal(trib_json_parse(&arena, trib_buf_str(&buf), &root, NULL), TRIB_OK);
    assert_int_equal(trib_json_count(root), 200000);
    int64_t expected = 0, value;
    for (const trib_json *c = trib_json_first(root); c; c = trib_json_next(c)) {
        assert_true(trib_json_i64(c, &value));
        assert_int_equal(value, expected++);
    }
    assert_int_equal(expected, 200000);
    trib_arena_deinit(&arena);
    trib_buf_deinit(&buf);
}

static void a_document_of_too_many_values_is_refused_whatever_the_budget(void **state) {
    trib_arena arena;
    trib_error err = {0};
    const trib_json *root;
    size_t n = 2 * ((size_t)TRIB_JSON_MAX_VALUES + 2048);
    char *text = malloc(n);
    (void)state;
    for (size_t i = 0; i < n; i += 2) memcpy(text + i, i ? "1," : "[ ", 2);
    trib_arena_init(&arena, SIZE_MAX / 2);
    assert_int_equal(trib_json_parse(&arena, trib_str_make(text, n), &root, &err), TRIB_BAD_JSON);
    assert_non_null(strstr(err.message, "too many values"));
    trib_arena_deinit(&arena);
    free(text);
}

static void strings_decode_and_borrow_when_they_can(void **state) {
    trib_str text =
        TRIB_STR("[\"plain\",\"a\\u0000\\ud83d\\ude00\\/b\",\"a string of more than sixteen bytes\\tand more\"]");
    trib_arena arena;
    const trib_json *root;
    trib_str s;
    (void)state;
    trib_arena_init(&arena, PLENTY);
    assert_int_equal(trib_json_parse(&arena, text, &root, NULL), TRIB_OK);
    assert_true(trib_json_str(trib_json_at(root, 0), &s));
    assert_ptr_equal(s.ptr, text.ptr + 2);
    assert_int_equal(s.len, 5);
    assert_true(trib_json_str(trib_json_at(root, 1), &s));
    assert_true(trib_str_eq(s, TRIB_STR("a\0\xF0\x9F\x98\x80/b")));
    assert_true(trib_json_str(trib_json_at(root, 2), &s));
    assert_true(trib_str_eq(s, TRIB_STR("a string of more than sixteen bytes\tand more")));
    trib_arena_deinit(&arena);
}

static void a_huge_string_costs_only_its_decoded_bytes(void **state) {
    enum { BYTES = 8 << 20 };
    trib_arena arena;
    const trib_json *root;
    trib_str s;
    char *text = malloc(BYTES);
    (void)state;
    memset(text, 'x', BYTES);
    text[0] = text[BYTES - 1] = '"';
    trib_arena_init(&arena, 8192);
    assert_int_equal(trib_json_parse(&arena, trib_str_make(text, BYTES), &root, NULL), TRIB_OK);
    assert_true(trib_json_str(root, &s) && s.len == BYTES - 2);
    for (int i = 1; i < BYTES - 1; i++) text[i] = i & 1 ? '\\' : 'n';
    trib_arena_deinit(&arena);
    trib_arena_init(&arena, BYTES + 8192);
    assert_int_equal(trib_json_parse(&arena, trib_str_make(text, BYTES), &root, NULL), TRIB_OK);
    assert_true(trib_json_str(root, &s) && s.len == BYTES / 2 - 1 && s.ptr[s.len - 1] == '\n');
    trib_arena_deinit(&arena);
    free(text);
}

static void integers_are_exact_to_the_last_bit(void **state) {
    static const struct {
        const char *text;
        bool integer;
        int64_t value;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"9007199254740993", true, INT64_C(9007199254740993)},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"18446744073709551616", false, 0},
        {"18446744073709551617", false, 0},
        {"99999999999999999999", false, 0},
        {"1000000000000000000000000", false, 0},
        {"1.0", false, 0},
        {"1e3", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_arena arena;
        const trib_json *root;
        int64_t value = 77;
        trib_str token;
        trib_arena_init(&arena, 8192);
        assert_int_equal(trib_json_parse(&arena, trib_str_c(rows[i].text), &root, NULL), TRIB_OK);
        assert_int_equal(trib_json_i64(root, &value), rows[i].integer);
        assert_true(value == (rows[i].integer ? rows[i].value : 77));
        assert_true(trib_json_number_token(root, &token) && trib_str_eq_c(token, rows[i].text));
        trib_arena_deinit(&arena);
    }
}

static void duplicate_names_are_refused_where_asked(void **state) {
    static const char *const twice[] = {
        "{\"a\":1,\"a\":1}",
        "{\"x\":{\"b\":1,\"c\":2,\"b\":3}}",
        "[{\"\":1,\"\":2}]",
        "{\"a\":1,\"\\u0061\":2}",
    };
    static const char *const once[] = {"{}", "{\"a\":1,\"A\":2,\"aa\":3,\"\":4}", "[{\"a\":1},{\"a\":1}]",
                                       "{\"a\":{\"a\":1}}"};
    trib_error err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof twice / sizeof twice[0]; i++) {
        assert_int_equal(parse_code(trib_str_c(twice[i]), false, NULL), TRIB_OK);
        assert_int_equal(parse_code(trib_str_c(twice[i]), true, &err), TRIB_BAD_JSON);
        assert_non_null(strstr(err.message, "same name"));
    }
    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
        assert_int_equal(parse_code(trib_str_c(once[i]), true, NULL), TRIB_OK);
    }
}

/* Every budget from nothing to enough: TRIB_NOMEM and a failed arena, or the whole tree. */
static void every_arena_budget_ends_in_a_tree_or_out_of_memory(void **state) {
    trib_buf buf;
    bool done = false;
    (void)state;
    trib_buf_init(&buf, PLENTY);
    trib_buf_add_c(&buf, "[{\"k\":1,\"escaped\":\"a\\nb\"}");
    for (int i = 0; i < 300; i++) trib_buf_printf(&buf, ",{\"n\":%d,\"text\":\"x\\u00e9%d\"}", i, i);
    trib_buf_add_c(&buf, "]");
    for (size_t budget = 0; !done; budget += 97) {
        trib_arena arena;
        trib_error err = {0};
        const trib_json *root = NULL;
        trib_arena_init(&arena, budget);
        trib_code code = trib_json_parse_unique(&arena, trib_buf_str(&buf), &root, &err);
        assert_true(arena.used_bytes <= budget);
        if (code == TRIB_OK) {
            assert_int_equal(trib_json_count(root), 301);
            done = true;
        } else {
            assert_int_equal(code, TRIB_NOMEM);
            assert_true(arena.failed && root == NULL && err.code == TRIB_NOMEM);
            /* the failure sticks: even a small text is not read into a failed arena */
            assert_int_equal(trib_json_parse(&arena, TRIB_STR("1"), &root, NULL), TRIB_NOMEM);
        }
        trib_arena_deinit(&arena);
    }
    trib_buf_deinit(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_texts_are_read),
        cmocka_unit_test(malformed_texts_are_refused_with_place_and_reason),
        cmocka_unit_test(every_prefix_of_a_document_is_refused),
        cmocka_unit_test(only_64_levels_may_be_nested),
        cmocka_unit_test(an_object_may_have_10000_members),
        cmocka_unit_test(arrays_may_be_large),
        cmocka_unit_test(a_document_of_too_many_values_is_refused_whatever_the_budget),
        cmocka_unit_test(strings_decode_and_borrow_when_they_can),
        cmocka_unit_test(a_huge_string_costs_only_its_decoded_bytes),
        cmocka_unit_test(integers_are_exact_to_the_last_bit),
        cmocka_unit_test(duplicate_names_are_refused_where_asked),
        cmocka_unit_test(every_arena_budget_ends_in_a_tree_or_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
