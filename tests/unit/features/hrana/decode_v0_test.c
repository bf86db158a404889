/* SPDX-License-Identifier: Apache-2.0 */
/* The body of HTTP v0: every form of a statement and a parameter, every refusal, and no memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "features/hrana/hrana_int.h"

static trib_code decode(const char *body, size_t budget, trib_arena *arena, hrana_batch *ret, trib_error *err) {
    trib_arena_init(arena, budget);
    *ret = (hrana_batch){0};
    return hrana_decode_v0(arena, trib_str_c(body), ret, err);
}

static void every_form_of_a_statement_is_read(void **state) {
    (void)state;
    trib_arena arena;
    hrana_batch batch;
    trib_error err;
    const char *body = "{\"replication_index\":7,\"statements\":[\"SELECT 1;\",{\"q\":\"A\"},"
                       "{\"q\":\"B\",\"params\":[1,-2.5,\"t\",null,false,{\"base64\":\"AQ\"},18446744073709551615]},"
                       "{\"params\":{\":a\":1,\"b\":\"x\"},\"q\":\"C\"},\"BEGIN\",\"EXPLAIN COMMIT\",\"END -- done\"]}";
    assert_int_equal(decode(body, 1 << 20, &arena, &batch, &err), TRIB_OK);
    assert_int_equal(batch.count, 7);
    for (size_t i = 0; i < batch.count; i++) {
        assert_true(batch.steps[i].stmt.has_sql && batch.steps[i].stmt.want_rows);
        assert_null(batch.steps[i].condition);
    }
    assert_true(trib_str_eq_c(batch.steps[0].stmt.sql, "SELECT 1;"));
    const hrana_stmt *b = &batch.steps[2].stmt, *c = &batch.steps[3].stmt;
    assert_int_equal(b->arg_count, 7);
    assert_true(b->has_positional && !b->has_named);
    assert_int_equal(b->args[0].value.type, TRIB_VALUE_INTEGER);
    assert_true(b->args[1].value.type == TRIB_VALUE_REAL && b->args[1].value.real < -2.4);
    assert_true(trib_str_eq_c(b->args[2].value.bytes, "t"));
    assert_int_equal(b->args[3].value.type, TRIB_VALUE_NULL);
    assert_true(b->args[4].value.type == TRIB_VALUE_INTEGER && b->args[4].value.integer == 0);
    assert_true(b->args[5].value.type == TRIB_VALUE_BLOB && b->args[5].value.bytes.len == 1);
    assert_int_equal(b->args[6].value.type, TRIB_VALUE_REAL);
    assert_true(c->has_named && !c->has_positional && c->arg_count == 2);
    assert_true(trib_str_eq_c(c->args[0].name, ":a") && trib_str_eq_c(c->args[1].name, "b"));
    trib_arena_deinit(&arena);
}

static void whatever_deviates_is_refused_with_its_reason(void **state) {
    (void)state;
    static const struct {
        const char *body;
        trib_code code;
        const char *message;
    } rows[] = {
        {"", TRIB_BAD_JSON, ""},
        {"[]", TRIB_BAD_REQUEST, "the array \"statements\" is missing"},
        {"{\"statements\":{}}", TRIB_BAD_REQUEST, "the array \"statements\" is missing"},
        {"{\"statements\":[null]}", TRIB_BAD_REQUEST, "a statement is a string or an object"},
        {"{\"statements\":[{}]}", TRIB_BAD_REQUEST, "a statement needs a string \"q\""},
        {"{\"statements\":[{\"q\":\"A\",\"params\":1}]}", TRIB_BAD_REQUEST, "\"params\" is an array or an object"},
        {"{\"statements\":[{\"q\":\"A\",\"params\":{\"\":1}}]}", TRIB_BAD_REQUEST, "a named parameter needs a name"},
        {"{\"statements\":[{\"q\":\"A\",\"params\":[1e999]}]}", TRIB_BAD_REQUEST, "a parameter is null, a boolean"},
        {"{\"statements\":[{\"q\":\"A\",\"params\":[{}]}]}", TRIB_BAD_REQUEST, "is a blob"},
        {"{\"statements\":[{\"q\":\"A\",\"params\":[{\"base64\":\"!\"}]}]}", TRIB_BAD_REQUEST, "is not Base64"},
        {"{\"statements\":[\"A;B\"]}", TRIB_SQL_MANY_STATEMENTS, ""},
        {"{\"statements\":[\"ROLLBACK TO x\"]}", TRIB_BAD_REQUEST, "RELEASE and ROLLBACK TO"},
        {"{\"statements\":[\"COMMIT\",\"/* so */ BEGIN READONLY\"]}", TRIB_BAD_REQUEST, "interactive transaction"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_arena arena;
        hrana_batch batch;
        trib_error err;
        trib_code code = decode(rows[i].body, 1 << 20, &arena, &batch, &err);
        if (code != rows[i].code || !strstr(err.message, rows[i].message))
            fail_msg("%s: %s %s", rows[i].body, trib_code_text(code), err.message);
        trib_arena_deinit(&arena);
    }
}

static void too_many_statements_are_refused(void **state) {
    (void)state;
    trib_buf body;
    trib_arena arena;
    hrana_batch batch;
    trib_error err;
    trib_buf_init(&body, 1 << 20);
    trib_buf_add_c(&body, "{\"statements\":[\"A\"");
    for (int i = 0; i < TRIB_HRANA_STEPS_MAX; i++) trib_buf_add_c(&body, ",\"A\"");
    trib_buf_add_c(&body, "]}");
    trib_buf_add_char(&body, '\0');
    assert_int_equal(decode(body.ptr, 4 << 20, &arena, &batch, &err), TRIB_BAD_REQUEST);
    assert_non_null(strstr(err.message, "over the limit of 10000"));
    trib_arena_deinit(&arena);
    trib_buf_deinit(&body);
}

static void a_budget_that_is_spent_is_an_error(void **state) {
    (void)state;
    int failures = 0;
    trib_buf body;
    trib_buf_init(&body, 1 << 20);
    trib_buf_add_c(&body, "{\"statements\":[{\"q\":\"A\",\"params\":[1");
    for (int i = 0; i < 300; i++) trib_buf_add_c(&body, ",{\"base64\":\"AQIDAQIDAQIDAQIDAQIDAQID\"}");
    trib_buf_add_c(&body, "]}]}");
    trib_buf_add_char(&body, '\0');
    for (size_t budget = 1024;; budget += 4096) {
        trib_arena arena;
        hrana_batch batch;
        trib_error err;
        trib_code code = decode(body.ptr, budget, &arena, &batch, &err);
        trib_arena_deinit(&arena);
        if (code == TRIB_OK) break;
        assert_int_equal(code, TRIB_NOMEM);
        failures++;
    }
    assert_true(failures > 3);
    trib_buf_deinit(&body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_a_statement_is_read),
        cmocka_unit_test(whatever_deviates_is_refused_with_its_reason),
        cmocka_unit_test(too_many_statements_are_refused),
        cmocka_unit_test(a_budget_that_is_spent_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
