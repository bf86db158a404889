/* SPDX-License-Identifier: Apache-2.0 */
/* Pipelines against the real store: results, errors, sessions and batons, two sessions that want the same turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "features/hrana/hrana_int.h"
#include "support/app_test.h"

static app_test t;
static trib_tenant *tenant;
static trib_principal me, other;

static int setup(void **state) {
    (void)state;
    if (app_test_start_with_tenant(&t, "ali", &tenant) != TRIB_OK) return -1;
    app_test_principal(&me, 1);
    app_test_principal(&other, 2);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    app_test_end_with_tenant(&t, tenant);
    return 0;
}

/* One pipeline to its end; the body stays until the next call. */
static char last_body[1 << 16];
static char last_baton[TRIB_BATON_BYTES];

static int pipeline_as(trib_principal *who, const char *baton, const char *requests) {
    static char body[1 << 16];
    http_test h;
    if (baton) snprintf(body, sizeof body, "{\"baton\":\"%s\",\"requests\":[%s]}", baton, requests);
    else snprintf(body, sizeof body, "{\"requests\":[%s]}", requests);
    http_test_begin(&t, &h, hrana_handle_pipeline, tenant, who, body);
    snprintf(last_body, sizeof last_body, "%s", http_test_wait(&t, &h));
    int status = h.status;
    http_test_end(&h);
    const char *at = strstr(last_body, "\"baton\":\"");
    last_baton[0] = '\0';
    if (at) snprintf(last_baton, sizeof last_baton, "%.27s", at + 9);
    return status;
}

static int pipeline(const char *baton, const char *requests) {
    return pipeline_as(&me, baton, requests);
}

#define EXEC(sql) "{\"type\":\"execute\",\"stmt\":{\"sql\":\"" sql "\"}}"
#define CLOSE     "{\"type\":\"close\"}"

static void assert_has(const char *text) {
    if (!strstr(last_body, text)) fail_msg("no %s in %s", text, last_body);
}

static void assert_has_not(const char *text) {
    if (strstr(last_body, text)) fail_msg("%s in %s", text, last_body);
}

static void values_come_back_in_their_exact_form(void **state) {
    (void)state;
    assert_int_equal(pipeline(NULL, EXEC("SELECT 9223372036854775807, 1.5, 'x', x'010203', NULL") "," CLOSE), 200);
    assert_has("[{\"type\":\"integer\",\"value\":\"9223372036854775807\"},{\"type\":\"float\",\"value\":1.5},"
               "{\"type\":\"text\",\"value\":\"x\"},{\"type\":\"blob\",\"base64\":\"AQID\"},{\"type\":\"null\"}]");
    assert_has("\"baton\":null");
}

static void a_failed_request_does_not_stop_the_next(void **state) {
    (void)state;
    assert_int_equal(pipeline(NULL, EXEC("SELECT * FROM nowhere") "," EXEC("SELECT 'still here'") "," CLOSE), 200);
    assert_has("no such table: nowhere");
    assert_has("\"type\":\"error\"");
    assert_has("still here");
}

static void a_baton_carries_a_transaction_and_works_once(void **state) {
    (void)state;
    char first[TRIB_BATON_BYTES];
    assert_int_equal(pipeline(NULL, EXEC("CREATE TABLE a(x)") "," EXEC("BEGIN") "," EXEC("INSERT INTO a VALUES (1)")),
                     200);
    snprintf(first, sizeof first, "%s", last_baton);
    assert_int_equal(pipeline(first, EXEC("SELECT count(*) FROM a") ",{\"type\":\"get_autocommit\"}"), 200);
    assert_has("\"is_autocommit\":false");
    assert_has("\"value\":\"1\"");
    assert_string_not_equal(first, last_baton);
    char second[TRIB_BATON_BYTES];
    snprintf(second, sizeof second, "%s", last_baton);
    assert_int_equal(pipeline(first, EXEC("SELECT 1")), 400);
    assert_has("BATON_REUSED");
    assert_int_equal(pipeline(second, EXEC("ROLLBACK") "," EXEC("SELECT count(*) AS n FROM a") "," CLOSE), 200);
    assert_has("\"value\":\"0\"");
}

static void a_baton_is_worth_nothing_to_others(void **state) {
    (void)state;
    assert_int_equal(pipeline(NULL, EXEC("BEGIN")), 200);
    char baton[TRIB_BATON_BYTES];
    snprintf(baton, sizeof baton, "%s", last_baton);
    assert_int_equal(pipeline_as(&other, baton, EXEC("SELECT 1")), 400);
    assert_has("BATON_INVALID");
    assert_int_equal(pipeline("AAAAAAAAAAAAAAAAAAAAAAAAAAA", EXEC("SELECT 1")), 400);
    assert_has("BATON_INVALID");
    assert_int_equal(pipeline("", EXEC("SELECT 1")), 400);
    assert_has("BATON_INVALID");
    assert_int_equal(pipeline(baton, CLOSE), 200);
}

static void an_expired_session_is_named_as_such(void **state) {
    (void)state;
    assert_int_equal(pipeline(NULL, EXEC("CREATE TABLE e(x)") "," EXEC("BEGIN IMMEDIATE")), 200);
    char baton[TRIB_BATON_BYTES];
    snprintf(baton, sizeof baton, "%s", last_baton);
    t.env.offset_ns += INT64_C(61000) * 1000000;
    trib_sessions_tick(t.app.sessions);
    assert_int_equal(pipeline(baton, EXEC("SELECT 1")), 400);
    assert_has("STREAM_EXPIRED");
    /* and its transaction is gone: another writer gets the turn */
    assert_int_equal(pipeline(NULL, EXEC("INSERT INTO e VALUES (1)") "," CLOSE), 200);
    assert_has("\"affected_row_count\":1");
}

static void a_session_keeps_its_rowid_without_a_transaction(void **state) {
    (void)state;
    assert_int_equal(pipeline(NULL, EXEC("CREATE TABLE r(x)") "," EXEC("INSERT INTO r VALUES (1),(2),(3)")), 200);
    char baton[TRIB_BATON_BYTES];
    snprintf(baton, sizeof baton, "%s", last_baton);
    assert_int_equal(pipeline(NULL, EXEC("INSERT INTO r VALUES (4)") "," CLOSE), 200);
    assert_int_equal(pipeline(baton, EXEC("SELECT last_insert_rowid() + 100, changes() + 200") "," CLOSE), 200);
    assert_has("\"value\":\"103\"");
    assert_has("\"value\":\"203\"");
}

static void batch_conditions_guard_steps(void **state) {
    (void)state;
    assert_int_equal(
        pipeline(NULL, "{\"type\":\"batch\",\"batch\":{\"steps\":["
                       "{\"stmt\":{\"sql\":\"CREATE TABLE b(x UNIQUE)\"}},"
                       "{\"stmt\":{\"sql\":\"INSERT INTO b VALUES (1)\"},\"condition\":{\"type\":\"ok\",\"step\":0}},"
                       "{\"stmt\":{\"sql\":\"INSERT INTO b VALUES (1)\"}},"
                       "{\"stmt\":{\"sql\":\"SELECT 'skipped'\"},\"condition\":{\"type\":\"ok\",\"step\":2}},"
                       "{\"stmt\":{\"sql\":\"SELECT 'reached'\"},\"condition\":{\"type\":\"error\",\"step\":2}},"
                       "{\"stmt\":{\"sql\":\"SELECT 'auto'\"},\"condition\":{\"type\":\"is_autocommit\"}}]}}," CLOSE),
        200);
    assert_has("UNIQUE constraint failed: b.x");
    assert_has_not("skipped");
    assert_has("reached");
    assert_has("auto");
    assert_has("\"step_errors\":[null,null,{");
}

static void sequences_stored_sql_and_describe_work(void **state) {
    (void)state;
    assert_int_equal(pipeline(NULL,
                              "{\"type\":\"sequence\",\"sql\":\"CREATE TABLE s(a INTEGER, b TEXT); INSERT INTO s "
                              "VALUES (1,'x'); -- end\"},"
                              "{\"type\":\"store_sql\",\"sql_id\":1,\"sql\":\"SELECT a, b FROM s WHERE a = :a\"},"
                              "{\"type\":\"describe\",\"sql_id\":1},"
                              "{\"type\":\"execute\",\"stmt\":{\"sql_id\":1,\"named_args\":[{\"name\":\"a\",\"value\":"
                              "{\"type\":\"integer\",\"value\":\"1\"}}]}},"
                              "{\"type\":\"close_sql\",\"sql_id\":1},{\"type\":\"close_sql\",\"sql_id\":99}," CLOSE),
                     200);
    assert_has("\"params\":[{\"name\":\":a\"}]");
    assert_has("{\"name\":\"a\",\"decltype\":\"INTEGER\"}");
    assert_has("\"is_readonly\":true");
    assert_has("{\"type\":\"text\",\"value\":\"x\"}");
    assert_has_not("\"type\":\"error\"");
}

static void a_sequence_stops_at_its_first_failure(void **state) {
    (void)state;
    assert_int_equal(
        pipeline(NULL, "{\"type\":\"sequence\",\"sql\":\"CREATE TABLE q(a); INSERT INTO nowhere VALUES (1); "
                       "CREATE TABLE never(a)\"}," EXEC("SELECT group_concat(name) FROM sqlite_schema") "," CLOSE),
        200);
    assert_has("no such table: nowhere");
    assert_has("\"value\":\"q\"");
}

static void requests_after_close_break_the_protocol(void **state) {
    (void)state;
    assert_int_equal(pipeline(NULL, CLOSE "," EXEC("SELECT 1")), 400);
    assert_has("Stream for this baton was closed");
}

static void a_writer_waits_for_the_turn_and_then_goes_on(void **state) {
    (void)state;
    http_test waiting;
    assert_int_equal(
        pipeline(NULL, EXEC("CREATE TABLE w(x)") "," EXEC("BEGIN IMMEDIATE") "," EXEC("INSERT INTO w VALUES (1)")),
        200);
    char baton[TRIB_BATON_BYTES];
    snprintf(baton, sizeof baton, "%s", last_baton);
    http_test_begin(&t, &waiting, hrana_handle_pipeline, tenant, &me,
                    "{\"requests\":[" EXEC("SELECT 'before'") "," EXEC("INSERT INTO w VALUES (2)") "," EXEC(
                        "SELECT count(*) FROM w") "," CLOSE "]}");
    assert_int_equal(pipeline(NULL, EXEC("SELECT count(*) FROM w") "," CLOSE), 200);
    assert_has("\"value\":\"0\"");
    assert_false(waiting.answered);
    assert_int_equal(pipeline(baton, EXEC("COMMIT") "," CLOSE), 200);
    const char *body = http_test_wait(&t, &waiting);
    assert_non_null(strstr(body, "before"));
    assert_non_null(strstr(body, "\"value\":\"2\""));
    http_test_end(&waiting);
}

static void an_overdue_transaction_loses_the_turn_and_is_told(void **state) {
    (void)state;
    http_test waiting;
    assert_int_equal(
        pipeline(NULL, EXEC("CREATE TABLE o(x)") "," EXEC("BEGIN IMMEDIATE") "," EXEC("INSERT INTO o VALUES (1)")),
        200);
    char baton[TRIB_BATON_BYTES];
    snprintf(baton, sizeof baton, "%s", last_baton);
    http_test_begin(&t, &waiting, hrana_handle_pipeline, tenant, &me,
                    "{\"requests\":[" EXEC("INSERT INTO o VALUES (2)") "," CLOSE "]}");
    for (int i = 0; i < 2000 && !waiting.answered; i++) {
        t.env.offset_ns += INT64_C(100) * 1000000;
        trib_store_tick(t.app.store);
        trib_mutex_lock(&t.env.env, t.lock);
        bool home = !trib_list_is_empty(&t.posted);
        trib_mutex_unlock(&t.env.env, t.lock);
        if (home) app_test_pump(&t);
        else usleep(1000);
    }
    assert_true(waiting.answered);
    assert_non_null(strstr(waiting.body.ptr, "\"affected_row_count\":1"));
    http_test_end(&waiting);
    assert_int_equal(pipeline(baton, EXEC("INSERT INTO o VALUES (3)") "," EXEC("SELECT count(*) FROM o") "," CLOSE),
                     200);
    assert_has("TRANSACTION_TIMEOUT");
    assert_has("\"value\":\"1\"");
}

static void a_reader_may_not_write(void **state) {
    (void)state;
    assert_int_equal(pipeline(NULL, EXEC("CREATE TABLE ro(x)") "," CLOSE), 200);
    trib_tenant_set(tenant, TRIB_TENANT_BLOCK_WRITES, true);
    assert_int_equal(pipeline(NULL, EXEC("INSERT INTO ro VALUES (1)") "," EXEC("SELECT count(*) FROM ro") "," CLOSE),
                     200);
    assert_has("\"type\":\"error\"");
    assert_has("\"value\":\"0\"");
    trib_tenant_set(tenant, TRIB_TENANT_BLOCK_WRITES, false);
}

static void an_answer_past_its_limit_is_an_error_not_a_flood(void **state) {
    (void)state;
    t.app.settings.max_response_bytes = 4096;
    assert_int_equal(
        pipeline(
            NULL,
            EXEC("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT 100000) SELECT n FROM c") "," EXEC(
                "SELECT 'after'") "," CLOSE),
        200);
    assert_has("RESPONSE_TOO_LARGE");
    assert_has("after");
    assert_true(strlen(last_body) < 8192);
    t.app.settings.max_response_bytes = 0;
}

/* The statement has changed all its rows before the first of them is found too large. */
static void a_write_whose_rows_do_not_fit_has_not_happened(void **state) {
    (void)state;
    t.app.settings.max_response_bytes = 4096;
    t.app.settings.max_row_bytes = 1024;
    static const char *const writes[] = {
        EXEC("INSERT INTO big SELECT value FROM json_each('[5,6,7]') RETURNING hex(zeroblob(1000))"),
        EXEC("UPDATE big SET x=x+100 RETURNING hex(zeroblob(1000))"),
        EXEC("DELETE FROM big RETURNING hex(zeroblob(1000))"),
        EXEC("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT 100) INSERT INTO big SELECT n FROM c "
             "RETURNING hex(zeroblob(200))"),
    };
    assert_int_equal(pipeline(NULL, EXEC("CREATE TABLE big(x)") "," EXEC("INSERT INTO big VALUES (1),(2)") "," CLOSE),
                     200);
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        char requests[4096];
        snprintf(
            requests, sizeof requests,
            "%s," EXEC(
                "SELECT 'sum', sum(x), changes(), total_changes() FROM big") ",{\"type\":\"get_autocommit\"}," CLOSE,
            writes[i]);
        assert_int_equal(pipeline(NULL, requests), 200);
        assert_has("_TOO_LARGE");
        assert_has(
            "{\"type\":\"integer\",\"value\":\"3\"},{\"type\":\"integer\",\"value\":\"0\"},{\"type\":\"integer\","
            "\"value\":\"0\"}");
        /* inside a transaction only the statement goes */
        snprintf(
            requests, sizeof requests,
            EXEC("BEGIN") "," EXEC("INSERT INTO big VALUES (10)") ",%s,{\"type\":\"get_autocommit\"}," EXEC(
                "SELECT "
                "sum(x), "
                "changes(),"
                " total_"
                "changes() "
                "FROM big") "," EXEC("COMMIT") "," EXEC("SELECT 'kept' || sum(x) FROM big") "," EXEC("DELETE FROM "
                                                                                                     "big WHERE "
                                                                                                     "x=10") "," CLOSE,
            writes[i]);
        assert_int_equal(pipeline(NULL, requests), 200);
        assert_has("_TOO_LARGE");
        assert_has("\"is_autocommit\":false");
        assert_has(
            "{\"type\":\"integer\",\"value\":\"13\"},{\"type\":\"integer\",\"value\":\"0\"},{\"type\":\"integer\","
            "\"value\":\"1\"}");
        assert_has("kept13");
    }
    t.app.settings.max_response_bytes = 0;
    t.app.settings.max_row_bytes = 0;
}

/* COMMIT must not be lost for want of room behind a full answer, and what fails must not make it longer for ever. */
static void a_full_answer_still_lets_a_transaction_end(void **state) {
    (void)state;
    t.app.settings.max_response_bytes = 4096;
    t.app.settings.max_row_bytes = 4000;
    assert_int_equal(
        pipeline(
            NULL,
            EXEC("CREATE TABLE f(x)") "," EXEC("BEGIN") "," EXEC("SELECT hex(zeroblob(1650))") "," EXEC(
                "INSERT "
                "INTO f "
                "VALUES "
                "(1)") "," EXEC("INSERT INTO f VALUES (2)") "," EXEC("SELECT 'no room'") "," EXEC("COMMIT") "," CLOSE),
        200);
    assert_has("RESPONSE_TOO_LARGE");
    assert_has_not("no room\"");
    assert_int_equal(pipeline(NULL, EXEC("SELECT 'rows' || count(*) FROM f") "," CLOSE), 200);
    assert_has("rows2");
    t.app.settings.max_response_bytes = 0;
    t.app.settings.max_row_bytes = 0;
}

static void an_answer_without_any_room_left_is_one_error(void **state) {
    (void)state;
    enum { REQUESTS = 900, ROOM = REQUESTS * 100 };
    t.app.settings.max_response_bytes = 4096;
    t.app.settings.max_row_bytes = 4096;
    char *requests = malloc(ROOM);
    size_t n = (size_t)snprintf(requests, ROOM, EXEC("CREATE TABLE IF NOT EXISTS o(x)"));
    for (int i = 0; i < REQUESTS; i++) n += (size_t)snprintf(requests + n, ROOM - n, "," EXEC("SELECT * FROM nowhere"));
    n += (size_t)snprintf(requests + n, ROOM - n, "," EXEC("INSERT INTO o VALUES (1)"));
    char *body = malloc(ROOM + 100);
    snprintf(body, ROOM + 100, "{\"requests\":[%s]}", requests);
    http_test h;
    http_test_begin(&t, &h, hrana_handle_pipeline, tenant, &me, body);
    const char *answer = http_test_wait(&t, &h);
    assert_int_equal(h.status, 413);
    assert_non_null(strstr(answer, "RESPONSE_TOO_LARGE"));
    http_test_end(&h);
    free(requests);
    free(body);
    t.app.settings.max_response_bytes = 0;
    t.app.settings.max_row_bytes = 0;
    /* nothing runs once the answer is lost */
    assert_int_equal(pipeline(NULL, EXEC("SELECT 'rows' || count(*) FROM o") "," CLOSE), 200);
    assert_has("rows0");
}

/* As libSQL does: a text without a statement is an error where one is needed, and a script of nothing is none. */
static void a_text_without_a_statement_is_named_as_such(void **state) {
    (void)state;
    static const char *const texts[] = {"", ";", "-- hi", "/* hi */", " ; ;; -- hi", "\\n\\t"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char requests[1024];
        snprintf(requests, sizeof requests,
                 "{\"type\":\"execute\",\"stmt\":{\"sql\":\"%s\"}},{\"type\":\"describe\",\"sql\":\"%s\"},"
                 "{\"type\":\"batch\",\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"%s\"}}]}},"
                 "{\"type\":\"sequence\",\"sql\":\"%s\"}," CLOSE,
                 texts[i], texts[i], texts[i], texts[i]);
        assert_int_equal(pipeline(NULL, requests), 200);
        static const char want[] =
            "{\"message\":\"SQL string does not contain any statement\",\"code\":\"SQL_NO_STATEMENT\"}";
        const char *at = last_body;
        int count = 0;
        for (; (at = strstr(at, want)) != NULL; at++) count++;
        if (count != 3) fail_msg("'%s': %s", texts[i], last_body);
        assert_has("{\"type\":\"ok\",\"response\":{\"type\":\"sequence\"}}");
    }
    assert_int_equal(pipeline(NULL, EXEC("-- hi\\nSELECT 'one' -- more") "," EXEC("; SELECT 'two';;") "," CLOSE), 200);
    assert_has("\"one\"");
    assert_has("\"two\"");
}

/* SQLite sets it before it finds the mistake; the connection goes to others all the same. */
static void a_setting_with_a_mistake_behind_it_stays_with_its_session(void **state) {
    (void)state;
    assert_int_equal(pipeline(NULL, EXEC("PRAGMA foreign_keys=0 x") "," EXEC("PRAGMA query_only=1 'x'") "," CLOSE),
                     200);
    assert_has("syntax error");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pipeline(NULL, EXEC("PRAGMA foreign_keys") "," EXEC("PRAGMA query_only") "," CLOSE), 200);
        assert_has("\"foreign_keys\",\"decltype\":null}],\"rows\":[[{\"type\":\"integer\",\"value\":\"1\"}]]");
        assert_has("\"query_only\",\"decltype\":null}],\"rows\":[[{\"type\":\"integer\",\"value\":\"0\"}]]");
    }
}

static void describe_shows_the_schema_as_it_is_now(void **state) {
    (void)state;
    char baton[TRIB_BATON_BYTES];
    assert_int_equal(pipeline(NULL, EXEC("CREATE TABLE d(a)") "," EXEC("BEGIN") "," EXEC("SELECT * FROM d")), 200);
    snprintf(baton, sizeof baton, "%s", last_baton);
    /* another connection changes the schema, the first one has the statement in its cache */
    assert_int_equal(pipeline(baton, EXEC("COMMIT") "," EXEC("BEGIN")), 200);
    snprintf(baton, sizeof baton, "%s", last_baton);
    assert_int_equal(pipeline(NULL, EXEC("ALTER TABLE d ADD COLUMN b TEXT") "," CLOSE), 200);
    assert_int_equal(pipeline(baton, "{\"type\":\"describe\",\"sql\":\"SELECT * FROM d\"}," CLOSE), 200);
    assert_has("{\"name\":\"b\",\"decltype\":\"TEXT\"}");
}

static void a_schema_that_changed_during_a_transaction_is_known_behind_it(void **state) {
    (void)state;
    char baton[TRIB_BATON_BYTES];
    assert_int_equal(pipeline(NULL, EXEC("CREATE TABLE d(a)") "," EXEC("BEGIN") "," EXEC("SELECT * FROM d")), 200);
    snprintf(baton, sizeof baton, "%s", last_baton);
    assert_int_equal(pipeline(NULL, EXEC("CREATE TABLE e(a)") "," CLOSE), 200);
    /* inside its snapshot there is no e; a second CREATE fails while it is prepared, as on a connection of its own */
    assert_int_equal(
        pipeline(baton, EXEC("SELECT * FROM e") "," EXEC("COMMIT") "," EXEC("CREATE TABLE e(a)") "," CLOSE), 200);
    assert_has("no such table: e");
    assert_has("table e already exists (at offset 13)");
    assert_has("SQL_INPUT_ERROR");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void a_draining_server_lets_no_session_hold_a_turn(void **state) {
    (void)state;
    char idle[TRIB_BATON_BYTES];
    assert_int_equal(
        pipeline(NULL, EXEC("CREATE TABLE d(x)") "," EXEC("BEGIN IMMEDIATE") "," EXEC("INSERT INTO d VALUES (1)")),
        200);
    snprintf(idle, sizeof idle, "%s", last_baton);
    trib_sessions_drain(t.app.sessions);
    assert_int_equal(pipeline(idle, EXEC("COMMIT")), 503);
    assert_has("SHUTTING_DOWN");
    /* the turn is free, and the session of this request ends with it */
    assert_int_equal(pipeline(NULL, EXEC("BEGIN IMMEDIATE") "," EXEC("INSERT INTO d VALUES (2)")), 200);
    assert_has("\"baton\":null");
    assert_has_not("\"type\":\"error\"");
    assert_int_equal(pipeline(NULL, EXEC("INSERT INTO d VALUES (3)") "," EXEC("SELECT sum(x)+40 FROM d") "," CLOSE),
                     200);
    assert_has("\"value\":\"43\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(values_come_back_in_their_exact_form),
        TEST(a_failed_request_does_not_stop_the_next),
        TEST(a_baton_carries_a_transaction_and_works_once),
        TEST(a_baton_is_worth_nothing_to_others),
        TEST(an_expired_session_is_named_as_such),
        TEST(a_session_keeps_its_rowid_without_a_transaction),
        TEST(batch_conditions_guard_steps),
        TEST(sequences_stored_sql_and_describe_work),
        TEST(a_sequence_stops_at_its_first_failure),
        TEST(requests_after_close_break_the_protocol),
        TEST(a_writer_waits_for_the_turn_and_then_goes_on),
        TEST(an_overdue_transaction_loses_the_turn_and_is_told),
        TEST(a_reader_may_not_write),
        TEST(an_answer_past_its_limit_is_an_error_not_a_flood),
        TEST(a_write_whose_rows_do_not_fit_has_not_happened),
        TEST(a_full_answer_still_lets_a_transaction_end),
        TEST(an_answer_without_any_room_left_is_one_error),
        TEST(a_text_without_a_statement_is_named_as_such),
        TEST(a_setting_with_a_mistake_behind_it_stays_with_its_session),
        TEST(describe_shows_the_schema_as_it_is_now),
        TEST(a_schema_that_changed_during_a_transaction_is_known_behind_it),
        TEST(a_draining_server_lets_no_session_hold_a_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
