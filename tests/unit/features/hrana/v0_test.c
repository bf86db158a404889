/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP v0 against the real store: the forms of values, results and errors, and what a failure undoes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "features/hrana/hrana_int.h"
#include "support/ask_test.h"

static int run(const char *statements) {
    char body[4096];
    snprintf(body, sizeof body, "{\"statements\":[%s]}", statements);
    return ask(&a, hrana_handle_v0, body);
}

static void values_are_plain_json_both_ways(void **state) {
    (void)state;
    assert_int_equal(run("{\"q\":\"SELECT ? AS i, ? AS r, ? AS w, ? AS t, ? AS n, ? AS yes, ? AS b\",\"params\":"
                         "[-9223372036854775808,1.5,46.0,\"x'\",null,true,{\"base64\":\"AQIDBA==\"}]}"),
                     200);
    assert_string_equal(a.content_type, "application/json");
    ask_has(&a, "[{\"results\":{\"columns\":[\"i\",\"r\",\"w\",\"t\",\"n\",\"yes\",\"b\"],\"rows\":"
                "[[-9223372036854775808,1.5,46.0,\"x'\",null,1,{\"base64\":\"AQIDBA\"}]],\"rows_read\":1,"
                "\"rows_written\":0,\"query_duration_ms\":");
    assert_int_equal(run("\"SELECT 1e400, -1e400, -0.0, 1e300, 0.25, '', x''\""), 200);
    ask_has(&a, "\"rows\":[[null,null,-0.0,1e+300,0.25,\"\",{\"base64\":\"\"}]]");
}

static void parameters_may_be_named_with_or_without_their_prefix(void **state) {
    (void)state;
    assert_int_equal(run("{\"q\":\"SELECT :a, @b, $c\",\"params\":{\":a\":1,\"b\":2,\"$c\":3}}"), 200);
    ask_has(&a, "\"rows\":[[1,2,3]]");
    assert_int_equal(run("{\"q\":\"SELECT :a\",\"params\":{\":b\":1}}"), 200);
    ask_has(&a, "[{\"error\":\"");
    assert_int_equal(run("{\"q\":\"SELECT 5\",\"params\":null},{\"q\":\"SELECT 6\",\"params\":[]}"), 200);
    ask_has(&a, "\"rows\":[[6]]");
}

static void statements_run_in_order_until_one_fails(void **state) {
    (void)state;
    assert_int_equal(run("\"CREATE TABLE t(x UNIQUE)\",\"INSERT INTO t VALUES (1),(2)\",\"INSERT INTO t VALUES (1)\","
                         "\"INSERT INTO t VALUES (3)\",\"SELECT 1\""),
                     200);
    ask_has(&a, "[{\"results\":{\"columns\":[],\"rows\":[],\"rows_read\":0,\"rows_written\":0,");
    ask_has(&a, "\"rows_written\":2,");
    ask_has(&a, "},{\"error\":\"SQLite error: UNIQUE constraint failed: t.x\"},null,null]");
    assert_int_equal(run("\"SELECT x FROM t\""), 200);
    ask_has(&a, "\"rows\":[[1],[2]]"); /* no transaction was asked for: what ran stays */
}

static void a_failure_inside_a_transaction_rolls_it_back(void **state) {
    (void)state;
    assert_int_equal(run("\"CREATE TABLE u(x UNIQUE)\""), 200);
    assert_int_equal(run("\"BEGIN\",\"INSERT INTO u VALUES (1)\",\"INSERT INTO u VALUES (1)\",\"COMMIT\""), 200);
    ask_has(&a, "UNIQUE constraint failed");
    assert_int_equal(run("\"BEGIN IMMEDIATE\",\"INSERT INTO u SELECT 70+count(*) FROM u\",\"COMMIT\","
                         "\"SELECT x FROM u\""),
                     200);
    ask_has(&a, "\"rows\":[[70]]");
    assert_int_equal(trib_sessions_count(a.app.app.sessions), 0);
}

static void a_request_that_is_no_list_runs_nothing(void **state) {
    (void)state;
    static const struct {
        const char *statements, *message;
    } rows[] = {
        {"\"CREATE TABLE z(x)\",\"BEGIN\"", "Query error: interactive transaction not allowed in HTTP queries"},
        {"\"CREATE TABLE z(x)\",\"SAVEPOINT a\"", "interactive transaction not allowed"},
        {"\"CREATE TABLE z(x)\",\"SAVEPOINT a\",\"RELEASE a\"", "RELEASE and ROLLBACK TO are not supported"},
        {"\"CREATE TABLE z(x)\",\"SELECT 1; SELECT 2\"", "more than one statement"},
        {"\"CREATE TABLE z(x)\",7", "a statement is a string or an object"},
        {"\"CREATE TABLE z(x)\",{\"q\":\"SELECT ?\",\"params\":[[1]]}", "a parameter is null"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(run(rows[i].statements), 400);
        ask_has(&a, rows[i].message);
        ask_has(&a, "{\"error\":\"");
    }
    assert_int_equal(run("\"SELECT 40+count(*) FROM sqlite_schema WHERE name='z'\""), 200);
    ask_has(&a, "[[40]]");
    assert_int_equal(run(""), 200);
    assert_string_equal(a.body, "[]");
}

static void a_blocked_tenant_is_told_so(void **state) {
    (void)state;
    trib_tenant_set(a.tenant, TRIB_TENANT_BLOCK_WRITES, true);
    assert_int_equal(run("\"CREATE TABLE r(x)\""), 200);
    ask_has(&a, "[{\"error\":\"");
    assert_int_equal(run("\"SELECT 40+count(*) FROM sqlite_schema\""), 200);
    ask_has(&a, "[[40]]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ASK_TEST(values_are_plain_json_both_ways),
        ASK_TEST(parameters_may_be_named_with_or_without_their_prefix),
        ASK_TEST(statements_run_in_order_until_one_fails),
        ASK_TEST(a_failure_inside_a_transaction_rolls_it_back),
        ASK_TEST(a_request_that_is_no_list_runs_nothing),
        ASK_TEST(a_blocked_tenant_is_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
