/* SPDX-License-Identifier: Apache-2.0 */
/* Hrana messages from JSON: every request type and value form, and every refusal with its message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "features/hrana/hrana_int.h"

static trib_arena arena;

static int setup(void **state) {
    (void)state;
    trib_arena_init(&arena, 1 << 20);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    trib_arena_deinit(&arena);
    return 0;
}

static hrana_pipeline decode(const char *body) {
    hrana_pipeline pipeline = {0};
    trib_error err;
    trib_code code = hrana_decode_pipeline(&arena, trib_str_c(body), &pipeline, &err);
    if (code != TRIB_OK) fail_msg("%s: %s", trib_code_text(code), err.message);
    return pipeline;
}

static void every_request_type_is_decoded(void **state) {
    (void)state;
    hrana_pipeline p = decode("{\"baton\":\"abc\",\"requests\":["
                              "{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT 1\"}},"
                              "{\"type\":\"batch\",\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"A\"}}]}},"
                              "{\"type\":\"sequence\",\"sql\":\"A;B\"},"
                              "{\"type\":\"describe\",\"sql_id\":7},"
                              "{\"type\":\"store_sql\",\"sql_id\":-1,\"sql\":\"C\"},"
                              "{\"type\":\"close_sql\",\"sql_id\":3},"
                              "{\"type\":\"get_autocommit\"},"
                              "{\"type\":\"close\",\"unknown\":[1]}]}");
    assert_int_equal(p.count, 8);
    assert_true(trib_str_eq_c(p.baton, "abc"));
    for (size_t i = 0; i < p.count; i++) assert_int_equal(p.requests[i].type, i);
    assert_true(p.requests[0].stmt.want_rows);
    assert_int_equal(p.requests[1].batch.count, 1);
    assert_true(p.requests[3].stmt.has_sql_id);
    assert_int_equal(p.requests[3].stmt.sql_id, 7);
    assert_int_equal(p.requests[4].stmt.sql_id, -1);
}

static void every_value_form_is_exact(void **state) {
    (void)state;
    hrana_pipeline p =
        decode("{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"x\",\"sql_id\":null,\"args\":["
               "{\"type\":\"null\"},{\"type\":\"integer\",\"value\":\"-9223372036854775808\"},"
               "{\"type\":\"integer\",\"value\":\"9223372036854775807\"},{\"type\":\"float\",\"value\":1},"
               "{\"type\":\"float\",\"value\":-0.5},{\"type\":\"text\",\"value\":\"a\\u0000\\u00e9\"},"
               "{\"type\":\"blob\",\"base64\":\"AQID\"},{\"type\":\"blob\",\"base64\":\"AQ==\"},"
               "{\"type\":\"blob\",\"base64\":\"AQ\"},{\"type\":\"blob\",\"base64\":\"\"}]}}]}");
    const hrana_stmt *stmt = &p.requests[0].stmt;
    assert_int_equal(stmt->arg_count, 10);
    assert_int_equal(stmt->args[0].value.type, TRIB_VALUE_NULL);
    assert_true(stmt->args[1].value.integer == INT64_MIN);
    assert_true(stmt->args[2].value.integer == INT64_MAX);
    assert_int_equal(stmt->args[3].value.type, TRIB_VALUE_REAL);
    assert_true(stmt->args[4].value.real == -0.5);
    assert_int_equal(stmt->args[5].value.bytes.len, 4);
    assert_int_equal(stmt->args[6].value.bytes.len, 3);
    assert_int_equal(stmt->args[7].value.bytes.len, 1);
    assert_int_equal(stmt->args[8].value.bytes.len, 1);
    assert_int_equal(stmt->args[9].value.bytes.len, 0);
}

static void named_and_positional_arguments_are_told_apart(void **state) {
    (void)state;
    hrana_pipeline p = decode("{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"x\",\"want_rows\":false,"
                              "\"args\":[{\"type\":\"null\"}],"
                              "\"named_args\":[{\"name\":\":a\",\"value\":{\"type\":\"null\"}}]}}]}");
    const hrana_stmt *stmt = &p.requests[0].stmt;
    assert_true(stmt->has_positional && stmt->has_named && !stmt->want_rows);
    assert_int_equal(stmt->args[0].name.len, 0);
    assert_true(trib_str_eq_c(stmt->args[1].name, ":a"));
}

static void conditions_become_a_tree(void **state) {
    (void)state;
    hrana_batch batch = {0};
    trib_str baton;
    const char *body = "{\"baton\":null,\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"A\"},\"condition\":null},"
                       "{\"stmt\":{\"sql\":\"B\"},\"condition\":{\"type\":\"and\",\"conds\":["
                       "{\"type\":\"ok\",\"step\":0},{\"type\":\"not\",\"cond\":{\"type\":\"is_autocommit\"}},"
                       "{\"type\":\"or\",\"conds\":[]}]}}]}}";
    assert_int_equal(hrana_decode_cursor(&arena, trib_str_c(body), &baton, &batch, NULL), TRIB_OK);
    assert_int_equal(baton.len, 0);
    assert_null(batch.steps[0].condition);
    const hrana_cond *cond = batch.steps[1].condition;
    assert_int_equal(cond->type, HRANA_COND_AND);
    assert_int_equal(cond->first->type, HRANA_COND_OK);
    assert_int_equal(cond->first->next->first->type, HRANA_COND_IS_AUTOCOMMIT);
    assert_null(cond->first->next->next->first);
}

typedef struct refusal {
    const char *name, *body, *says;
    trib_code code;
} refusal;

#define EXECUTE(stmt) "{\"requests\":[{\"type\":\"execute\",\"stmt\":" stmt "}]}"
#define ARG(value)    EXECUTE("{\"sql\":\"x\",\"args\":[" value "]}")
#define BATCH(steps)  "{\"requests\":[{\"type\":\"batch\",\"batch\":{\"steps\":[" steps "]}}]}"

static const refusal refusals[] = {
    {"not JSON", "{", "", TRIB_BAD_JSON},
    {"not an object", "[]", "the body is an object", TRIB_PROTOCOL},
    {"no requests", "{\"baton\":null}", "\"requests\" is missing", TRIB_PROTOCOL},
    {"baton of another type", "{\"baton\":1,\"requests\":[]}", "\"baton\" is a string", TRIB_PROTOCOL},
    {"unknown request", "{\"requests\":[{\"type\":\"dance\"}]}", "StreamRequest type not recognized: \"dance\"",
     TRIB_PROTOCOL},
    {"request without a type", "{\"requests\":[{}]}", "needs a \"type\"", TRIB_PROTOCOL},
    {"no sql", EXECUTE("{}"), "Either `sql` or `sql_id` are required", TRIB_PROTOCOL},
    {"sql twice", EXECUTE("{\"sql\":\"x\",\"sql_id\":1}"), "but not both", TRIB_PROTOCOL},
    {"sql_id out of range", EXECUTE("{\"sql_id\":2147483648}"), "32-bit", TRIB_PROTOCOL},
    {"no stmt", "{\"requests\":[{\"type\":\"execute\"}]}", "\"stmt\" is an object", TRIB_PROTOCOL},
    {"integer as a number", ARG("{\"type\":\"integer\",\"value\":1}"), "decimal 64-bit", TRIB_PROTOCOL},
    {"integer past 64 bits", ARG("{\"type\":\"integer\",\"value\":\"9223372036854775808\"}"), "decimal 64-bit",
     TRIB_PROTOCOL},
    {"float as text", ARG("{\"type\":\"float\",\"value\":\"1\"}"), "finite number", TRIB_PROTOCOL},
    {"text as a number", ARG("{\"type\":\"text\",\"value\":1}"), "is a string", TRIB_PROTOCOL},
    {"blob that is no Base64", ARG("{\"type\":\"blob\",\"base64\":\"?\"}"), "not Base64", TRIB_PROTOCOL},
    {"unknown value", ARG("{\"type\":\"date\"}"), "Value type not recognized: \"date\"", TRIB_PROTOCOL},
    {"args no array", EXECUTE("{\"sql\":\"x\",\"args\":{}}"), "are arrays", TRIB_PROTOCOL},
    {"named argument without a name", EXECUTE("{\"sql\":\"x\",\"named_args\":[{\"value\":{\"type\":\"null\"}}]}"),
     "\"name\"", TRIB_PROTOCOL},
    {"condition on itself", BATCH("{\"stmt\":{\"sql\":\"A\"},\"condition\":{\"type\":\"ok\",\"step\":0}}"),
     "Invalid reference to step in a batch condition", TRIB_PROTOCOL},
    {"condition on a negative step", BATCH("{\"stmt\":{\"sql\":\"A\"},\"condition\":{\"type\":\"ok\",\"step\":-1}}"),
     "Invalid reference to step in a batch condition", TRIB_PROTOCOL},
    {"unknown condition", BATCH("{\"stmt\":{\"sql\":\"A\"},\"condition\":{\"type\":\"maybe\"}}"),
     "BatchCond type not recognized", TRIB_PROTOCOL},
    {"store_sql without sql", "{\"requests\":[{\"type\":\"store_sql\",\"sql_id\":1}]}", "\"sql\" is missing",
     TRIB_PROTOCOL},
    {"store_sql without an id", "{\"requests\":[{\"type\":\"store_sql\",\"sql\":\"x\"}]}", "\"sql_id\" is missing",
     TRIB_PROTOCOL},
};

static void every_deviation_is_refused_with_its_reason(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        hrana_pipeline pipeline;
        trib_error err;
        trib_code code = hrana_decode_pipeline(&arena, trib_str_c(refusals[i].body), &pipeline, &err);
        if (code != refusals[i].code || !strstr(err.message, refusals[i].says)) {
            fail_msg("%s: %s \"%s\"", refusals[i].name, trib_code_text(code), err.message);
        }
    }
}

static void conditions_nested_past_the_limit_are_refused(void **state) {
    (void)state;
    char body[8192];
    int at =
        snprintf(body, sizeof body,
                 "{\"requests\":[{\"type\":\"batch\",\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"A\"},\"condition\":");
    for (int i = 0; i < TRIB_HRANA_COND_DEPTH_MAX + 2; i++) {
        at += snprintf(body + at, sizeof body - (size_t)at, "{\"type\":\"not\",\"cond\":");
    }
    at += snprintf(body + at, sizeof body - (size_t)at, "{\"type\":\"is_autocommit\"}");
    for (int i = 0; i < TRIB_HRANA_COND_DEPTH_MAX + 2; i++) at += snprintf(body + at, sizeof body - (size_t)at, "}");
    snprintf(body + at, sizeof body - (size_t)at, "}]}}]}");
    hrana_pipeline pipeline;
    trib_error err;
    assert_int_equal(hrana_decode_pipeline(&arena, trib_str_c(body), &pipeline, &err), TRIB_PROTOCOL);
    assert_non_null(strstr(err.message, "nested too deeply"));
}

static void a_small_memory_budget_fails_cleanly(void **state) {
    (void)state;
    const char *body = ARG("{\"type\":\"blob\",\"base64\":\"AQIDBAUG\"}");
    for (size_t budget = 0; budget < 6000; budget += 64) {
        trib_arena small;
        hrana_pipeline pipeline;
        trib_error err;
        trib_arena_init(&small, budget);
        trib_code code = hrana_decode_pipeline(&small, trib_str_c(body), &pipeline, &err);
        assert_true(code == TRIB_OK || code == TRIB_NOMEM);
        trib_arena_deinit(&small);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_request_type_is_decoded, setup, teardown),
        cmocka_unit_test_setup_teardown(every_value_form_is_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(named_and_positional_arguments_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(conditions_become_a_tree, setup, teardown),
        cmocka_unit_test_setup_teardown(every_deviation_is_refused_with_its_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(conditions_nested_past_the_limit_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_small_memory_budget_fails_cleanly, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
