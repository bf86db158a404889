/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP v1 against the real store: results, statuses of failures, and that nothing outlives its request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "features/hrana/hrana_int.h"
#include "support/ask_test.h"

static int execute(const char *stmt) {
    char body[4096];
    snprintf(body, sizeof body, "{\"stmt\":%s}", stmt);
    return ask(&a, hrana_handle_v1_execute, body);
}

static int batch(const char *steps) {
    char body[4096];
    snprintf(body, sizeof body, "{\"batch\":{\"steps\":[%s]}}", steps);
    return ask(&a, hrana_handle_v1_batch, body);
}

#define SQL(sql)  "{\"sql\":\"" sql "\"}"
#define STEP(sql) "{\"stmt\":{\"sql\":\"" sql "\"}}"

static void a_statement_has_the_result_of_the_protocol(void **state) {
    (void)state;
    assert_int_equal(execute("{\"sql\":\"SELECT ?1 AS a, :b\",\"args\":[]}"), 400);
    ask_has(&a, "\"code\":\"ARGS_INVALID\"");
    assert_int_equal(execute("{\"sql\":\"SELECT :a AS a, 2.5\",\"named_args\":[{\"name\":\"a\",\"value\":"
                             "{\"type\":\"integer\",\"value\":\"9223372036854775807\"}}]}"),
                     200);
    assert_string_equal(a.content_type, "application/json");
    assert_int_equal(strncmp(a.body, "{\"result\":{\"cols\":[{\"name\":\"a\"", 29), 0);
    ask_has(&a, "\"rows\":[[{\"type\":\"integer\",\"value\":\"9223372036854775807\"},"
                "{\"type\":\"float\",\"value\":2.5}]],\"affected_row_count\":0,\"last_insert_rowid\":null");
    assert_string_equal(a.body + a.body_len - 2, "}}");
}

static void a_batch_has_results_and_errors_of_its_steps(void **state) {
    (void)state;
    assert_int_equal(batch(STEP("SELECT 1") "," STEP("SELECT nope") ",{\"condition\":{\"type\":\"ok\",\"step\":1},"
                                                                    "\"stmt\":{\"sql\":\"SELECT 3\"}}"),
                     200);
    assert_int_equal(strncmp(a.body, "{\"result\":{\"step_results\":[{\"cols\"", 34), 0);
    ask_has(&a, "},null,null],\"step_errors\":[null,{\"message\":\"SQL input error: no such column: nope");
    ask_has(&a, "},null],\"replication_index\":null}}");
    assert_int_equal(batch("{\"condition\":{\"type\":\"ok\",\"step\":0},\"stmt\":{\"sql\":\"SELECT 3\"}}"), 400);
    ask_has(&a, "Invalid reference to step in a batch condition");
}

static void every_kind_of_failure_has_the_status_of_version_1(void **state) {
    (void)state;
    static const struct {
        const char *stmt;
        int status;
        const char *code;
    } rows[] = {
        {SQL("SELECT nope"), 400, "\"code\":\"SQL_INPUT_ERROR\""},
        {SQL("SELECT * FROM nowhere"), 500, "\"code\":\"SQLITE_ERROR\""}, /* SQLite knows no place in the text */
        {SQL(""), 400, "\"code\":\"SQL_NO_STATEMENT\""},
        {SQL("SELECT 1; SELECT 2"), 400, "\"code\":\"SQL_MANY_STATEMENTS\""},
        {SQL("INSERT INTO k VALUES (1)"), 500, "\"code\":\"SQLITE_CONSTRAINT\""},
        {"{\"sql\":\"SELECT ?\",\"args\":[{\"type\":\"null\"}],\"named_args\":[{\"name\":\"a\",\"value\":{\"type\":"
         "\"null\"}}]}",
         501, "\"code\":\"ARGS_BOTH_POSITIONAL_AND_NAMED\""},
        {"{\"sql_id\":7}", 400, "SQL text 7 not found"},
        {"{}", 400, "Either `sql` or `sql_id` are required"},
        {"7", 400, "Cannot deserialize client message from JSON"},
    };
    assert_int_equal(execute(SQL("CREATE TABLE k(x UNIQUE)")), 200);
    assert_int_equal(execute(SQL("INSERT INTO k VALUES (1)")), 200);
    ask_has(&a, "\"affected_row_count\":1,\"last_insert_rowid\":\"1\"");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (execute(rows[i].stmt) != rows[i].status) fail_msg("%s is %d %s", rows[i].stmt, a.status, a.body);
        ask_has(&a, rows[i].code);
        ask_has(&a, "\"message\":\"");
    }
    assert_int_equal(ask(&a, hrana_handle_v1_execute, "{\"stmt\""), 400);
    ask_has(&a, "\"code\":\"BAD_JSON\"");
    assert_int_equal(batch("{\"stmt\":{\"sql_id\":7}}"), 400);
    ask_has(&a, "SQL text 7 not found");
}

static void a_transaction_that_is_left_open_is_rolled_back(void **state) {
    (void)state;
    assert_int_equal(execute(SQL("CREATE TABLE o(x)")), 200);
    assert_int_equal(batch(STEP("BEGIN IMMEDIATE") "," STEP("INSERT INTO o VALUES (1)")), 200);
    /* the turn is free and the row is gone */
    assert_int_equal(batch(STEP("BEGIN") "," STEP("INSERT INTO o SELECT 70+count(*) FROM o") "," STEP("COMMIT")), 200);
    assert_int_equal(execute(SQL("SELECT * FROM o")), 200);
    ask_has(&a, "\"rows\":[[{\"type\":\"integer\",\"value\":\"70\"}]]");
    assert_int_equal(trib_sessions_count(a.app.app.sessions), 0);
}

static void a_busy_turn_is_waited_for(void **state) {
    (void)state;
    http_test h[8];
    assert_int_equal(execute(SQL("CREATE TABLE w(x)")), 200);
    for (int i = 0; i < 8; i++)
        http_test_begin(&a.app, &h[i], i % 2 ? hrana_handle_v1_execute : hrana_handle_v1_batch, a.tenant, &a.me,
                        i % 2 ? "{\"stmt\":" SQL("INSERT INTO w VALUES (1)") "}"
                              : "{\"batch\":{\"steps\":[" STEP("INSERT INTO w VALUES (1)") "]}}");
    for (int i = 0; i < 8; i++) {
        http_test_wait(&a.app, &h[i]);
        assert_int_equal(h[i].status, 200);
        assert_non_null(strstr(h[i].body.ptr, "\"affected_row_count\":1"));
        http_test_end(&h[i]);
    }
    assert_int_equal(execute(SQL("SELECT 40+count(*) FROM w")), 200);
    ask_has(&a, "\"value\":\"48\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ASK_TEST(a_statement_has_the_result_of_the_protocol),
        ASK_TEST(a_batch_has_results_and_errors_of_its_steps),
        ASK_TEST(every_kind_of_failure_has_the_status_of_version_1),
        ASK_TEST(a_transaction_that_is_left_open_is_rolled_back),
        ASK_TEST(a_busy_turn_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
