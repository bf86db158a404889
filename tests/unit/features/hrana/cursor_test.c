/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors against the real store: the entries, chunks with and without credit, peers that leave, transactions that are
 * taken away between two chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "features/hrana/hrana_int.h"
#include "support/app_test.h"

static app_test t;
static trib_tenant *tenant;
static trib_principal me;

static int setup(void **state) {
    (void)state;
    if (app_test_start_with_tenant(&t, "ali", &tenant) != TRIB_OK) return -1;
    app_test_principal(&me, 1);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    app_test_end_with_tenant(&t, tenant);
    return 0;
}

#define STEP(sql)    "{\"stmt\":{\"sql\":\"" sql "\"}}"
#define CURSOR(list) "{\"batch\":{\"steps\":[" list "]}}"
#define NUMBERS(n)   "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT " #n ") SELECT n FROM c"
#define NUMBERS_END  "{\"type\":\"replication_index\",\"replication_index\":null}\n"

static void begin(http_test *h, bool hold, const char *body) {
    http_test_begin(&t, h, hrana_handle_cursor, tenant, &me, body);
    h->hold = hold;
}

/* Until the peer has got a chunk and gives no credit for the next one. */
static void until_starved(http_test *h) {
    while (!h->chunks) app_test_pump(&t);
}

static void give_credit(http_test *h) {
    h->hold = false;
    h->on_credit(&h->request);
}

static char last_body[1 << 16];

static int pipeline(const char *body) {
    http_test h;
    http_test_begin(&t, &h, hrana_handle_pipeline, tenant, &me, body);
    snprintf(last_body, sizeof last_body, "%s", http_test_wait(&t, &h));
    int status = h.status;
    http_test_end(&h);
    return status;
}

#define EXEC(sql) "{\"type\":\"execute\",\"stmt\":{\"sql\":\"" sql "\"}}"
#define RUN(sql)  "{\"requests\":[" EXEC(sql) ",{\"type\":\"close\"}]}"

static size_t count_lines(const char *text, const char *prefix) {
    size_t n = 0, len = strlen(prefix);
    for (const char *line = text; line; line = strchr(line, '\n')) { /* strstr would be checked to the end, each time */
        if (*line == '\n') line++;
        n += strncmp(line, prefix, len) == 0;
    }
    return n;
}

static void assert_ends(const http_test *h, const char *end) {
    size_t n = strlen(end);
    assert_true(h->body.len - 1 >= n);
    assert_string_equal(h->body.ptr + h->body.len - 1 - n, end);
}

static void a_short_cursor_is_one_message_in_the_form_of_the_protocol(void **state) {
    (void)state;
    http_test h;
    begin(&h, true,
          CURSOR(STEP("SELECT 1 AS a") "," STEP("SELECT nope") ",{\"stmt\":{\"sql\":\"SELECT 2\"},"
                                                               "\"condition\":{\"type\":\"ok\",\"step\":1}}"));
    const char *body = http_test_wait(&t, &h);
    assert_int_equal(h.status, 200);
    assert_string_equal(h.content_type, "text/plain");
    assert_int_equal(h.chunks, 0);
    assert_int_equal(strncmp(body, "{\"baton\":\"", 10), 0);
    assert_non_null(strstr(body, "\",\"base_url\":null}\n"
                                 "{\"type\":\"step_begin\",\"step\":0,\"cols\":[{\"name\":\"a\",\"decltype\":null}]}\n"
                                 "{\"type\":\"row\",\"row\":[{\"type\":\"integer\",\"value\":\"1\"}]}\n"
                                 "{\"type\":\"step_end\",\"affected_row_count\":0,\"last_insert_rowid\":null,"));
    assert_int_equal(count_lines(body, "{\"type\":\"step_error\",\"step\":1,\"error\":{"), 1);
    assert_int_equal(count_lines(body, "{\"type\":\"step_begin\",\"step\":2"), 0);
    assert_ends(&h, NUMBERS_END);
    http_test_end(&h);
}

static void a_long_cursor_comes_in_bounded_chunks_and_loses_no_row(void **state) {
    (void)state;
    http_test h;
    char expected[80];
    begin(&h, false, CURSOR(STEP(NUMBERS(50000)) "," STEP("SELECT 'last'")));
    const char *body = http_test_wait(&t, &h);
    assert_int_equal(h.status, 200);
    assert_false(h.aborted);
    assert_true(h.chunks > 20);
    assert_true(h.largest_chunk < TRIB_HRANA_CHUNK_BYTES + 1024);
    const char *at = strchr(body, '\n') + 1;
    at = strchr(at, '\n') + 1; /* baton, step_begin */
    for (int i = 1; i <= 50000; i++) {
        int n = snprintf(expected, sizeof expected,
                         "{\"type\":\"row\",\"row\":[{\"type\":\"integer\",\"value\":\"%d\"}]}\n", i);
        if (strncmp(at, expected, (size_t)n) != 0) fail_msg("row %d is %.80s", i, at);
        at += n;
    }
    assert_int_equal(count_lines(at, "{\"type\":\"step_end\""), 2);
    assert_non_null(strstr(at, "last"));
    assert_ends(&h, NUMBERS_END);
    http_test_end(&h);
}

static void many_short_steps_come_in_chunks_too(void **state) {
    (void)state;
    http_test h;
    trib_buf body;
    trib_buf_init(&body, 1 << 20);
    trib_buf_add_c(&body, "{\"batch\":{\"steps\":[");
    for (int i = 0; i < 2000; i++) trib_buf_printf(&body, "%s" STEP("SELECT %d"), i ? "," : "", i);
    trib_buf_add_c(&body, "]}}");
    trib_buf_add_char(&body, '\0');
    begin(&h, false, body.ptr);
    const char *text = http_test_wait(&t, &h);
    assert_true(h.chunks > 3);
    assert_int_equal(count_lines(text, "{\"type\":\"step_end\""), 2000);
    assert_ends(&h, NUMBERS_END);
    http_test_end(&h);
    trib_buf_deinit(&body);
}

static void readers_without_credit_hold_no_worker(void **state) {
    (void)state;
    http_test slow[6];
    for (int i = 0; i < 6; i++) begin(&slow[i], true, CURSOR(STEP(NUMBERS(20000))));
    for (int i = 0; i < 6; i++) until_starved(&slow[i]);
    /* more of them than workers, and than the tenant may run at once */
    assert_int_equal(pipeline(RUN("SELECT 'served'")), 200);
    assert_non_null(strstr(last_body, "served"));
    for (int i = 0; i < 6; i++) {
        assert_int_equal(slow[i].chunks, 1);
        give_credit(&slow[i]);
    }
    for (int i = 0; i < 6; i++) {
        assert_int_equal(count_lines(http_test_wait(&t, &slow[i]), "{\"type\":\"row\""), 20000);
        http_test_end(&slow[i]);
    }
}

static void the_baton_is_busy_until_the_last_chunk_and_works_then(void **state) {
    (void)state;
    http_test h;
    char body[256], baton[TRIB_BATON_BYTES];
    begin(&h, true, CURSOR(STEP("BEGIN") "," STEP(NUMBERS(20000))));
    until_starved(&h);
    snprintf(baton, sizeof baton, "%.27s", h.body.ptr + 10);
    snprintf(body, sizeof body, "{\"baton\":\"%s\",\"requests\":[{\"type\":\"get_autocommit\"}]}", baton);
    assert_int_equal(pipeline(body), 400);
    assert_non_null(strstr(last_body, "BATON_REUSED"));
    give_credit(&h);
    http_test_wait(&t, &h);
    http_test_end(&h);
    assert_int_equal(pipeline(body), 200);
    assert_non_null(strstr(last_body, "\"is_autocommit\":false"));
}

static void an_error_behind_the_first_chunk_is_told_in_its_step(void **state) {
    (void)state;
    http_test h;
    begin(&h, false,
          CURSOR(STEP(
              "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT 30000) "
              "SELECT CASE WHEN n = 25000 THEN abs(-9223372036854775807 - 1) ELSE n END FROM c") "," STEP("SELECT "
                                                                                                          "'after'")));
    const char *body = http_test_wait(&t, &h);
    assert_true(h.chunks > 3);
    assert_int_equal(count_lines(body, "{\"type\":\"row\""), 24999 + 1);
    assert_non_null(
        strstr(body, "{\"type\":\"step_error\",\"step\":0,\"error\":{\"message\":\"SQLite error: integer overflow"));
    assert_non_null(strstr(body, "after"));
    assert_ends(&h, NUMBERS_END);
    http_test_end(&h);
}

static void a_peer_that_vanishes_midway_gives_back_turn_and_handle(void **state) {
    (void)state;
    http_test h;
    assert_int_equal(pipeline(RUN("CREATE TABLE v(x)")), 200);
    begin(&h, true, CURSOR(STEP("BEGIN IMMEDIATE") "," STEP("INSERT INTO v VALUES (1)") "," STEP(NUMBERS(20000))));
    until_starved(&h);
    size_t sessions = trib_sessions_count(t.app.sessions);
    http_test_leave(&h);
    http_test_wait(&t, &h);
    assert_true(h.aborted);
    http_test_end(&h);
    assert_int_equal(trib_sessions_count(t.app.sessions), sessions - 1);
    /* nobody steals anything here (no tick): the turn must be free, and what was not committed gone */
    assert_int_equal(pipeline(RUN("INSERT INTO v SELECT count(*) FROM v RETURNING x + 70")), 200);
    assert_non_null(strstr(last_body, "\"value\":\"70\""));
}

static void a_transaction_taken_away_between_two_chunks_is_told(void **state) {
    (void)state;
    http_test h, other;
    assert_int_equal(pipeline(RUN("CREATE TABLE w(x)")), 200);
    begin(&h, true, CURSOR(STEP("BEGIN IMMEDIATE") "," STEP("INSERT INTO w VALUES (1)") "," STEP(NUMBERS(20000))));
    until_starved(&h);
    http_test_begin(&t, &other, hrana_handle_pipeline, tenant, &me, RUN("INSERT INTO w VALUES (2)"));
    t.env.offset_ns += INT64_C(6000) * 1000000;
    for (int i = 0; i < 5000 && !other.answered; i++) {
        trib_store_tick(t.app.store);
        trib_mutex_lock(&t.env.env, t.lock);
        bool home = !trib_list_is_empty(&t.posted);
        trib_mutex_unlock(&t.env.env, t.lock);
        if (home) app_test_pump(&t);
        else usleep(1000);
    }
    assert_true(other.answered);
    assert_non_null(strstr(other.body.ptr, "\"affected_row_count\":1"));
    http_test_end(&other);
    give_credit(&h);
    const char *body = http_test_wait(&t, &h);
    assert_non_null(strstr(body, "{\"type\":\"step_error\",\"step\":2,"));
    assert_non_null(strstr(body, "TRANSACTION_TIMEOUT"));
    assert_ends(&h, NUMBERS_END);
    http_test_end(&h);
}

/* The statement is its own transaction, and has changed everything before its first row: a mere reset would commit
 * it. */
static void a_write_that_loses_the_turn_between_two_chunks_has_not_happened(void **state) {
    (void)state;
    http_test h, other;
    assert_int_equal(pipeline(RUN("CREATE TABLE rw(x)")), 200);
    begin(&h, true, CURSOR(STEP("INSERT INTO rw " NUMBERS(20000) " RETURNING x")));
    until_starved(&h);
    http_test_begin(&t, &other, hrana_handle_pipeline, tenant, &me, RUN("INSERT INTO rw VALUES (-1)"));
    t.env.offset_ns += INT64_C(6000) * 1000000;
    for (int i = 0; i < 5000 && !other.answered; i++) {
        trib_store_tick(t.app.store);
        trib_mutex_lock(&t.env.env, t.lock);
        bool home = !trib_list_is_empty(&t.posted);
        trib_mutex_unlock(&t.env.env, t.lock);
        if (home) app_test_pump(&t);
        else usleep(1000);
    }
    assert_true(other.answered);
    http_test_end(&other);
    give_credit(&h);
    const char *body = http_test_wait(&t, &h);
    assert_non_null(strstr(body, "{\"type\":\"step_error\",\"step\":0,"));
    assert_non_null(strstr(body, "TRANSACTION_TIMEOUT"));
    http_test_end(&h);
    assert_int_equal(pipeline(RUN("SELECT 'rows' || count(*) || 'sum' || sum(x) FROM rw")), 200);
    assert_non_null(strstr(last_body, "rows1sum-1"));
}

/* A reader that leaves in the middle has not seen the end: neither has the database. */
static void a_write_whose_reader_leaves_has_not_happened(void **state) {
    (void)state;
    http_test h;
    assert_int_equal(pipeline(RUN("CREATE TABLE lw(x)")), 200);
    begin(&h, true, CURSOR(STEP("INSERT INTO lw " NUMBERS(20000) " RETURNING x")));
    until_starved(&h);
    h.request.cancelled = true;
    h.on_credit(&h.request);
    (void)http_test_wait(&t, &h);
    http_test_end(&h);
    assert_int_equal(pipeline(RUN("SELECT 'rows' || count(*) FROM lw")), 200);
    assert_non_null(strstr(last_body, "rows0"));
}

static void time_at_rest_is_not_the_statements(void **state) {
    (void)state;
    http_test h;
    begin(&h, true, CURSOR(STEP(NUMBERS(20000))));
    until_starved(&h);
    t.env.offset_ns += INT64_C(3600) * 1000000000;
    give_credit(&h);
    assert_int_equal(count_lines(http_test_wait(&t, &h), "{\"type\":\"row\""), 20000);
    http_test_end(&h);
}

static void a_batch_past_the_servers_limit_is_refused(void **state) {
    (void)state;
    http_test h;
    t.app.settings.max_batch_steps = 2;
    begin(&h, false, CURSOR(STEP("SELECT 1") "," STEP("SELECT 2") "," STEP("SELECT 3")));
    const char *body = http_test_wait(&t, &h);
    assert_int_equal(h.status, 400);
    assert_non_null(strstr(body, "max_batch_steps"));
    http_test_end(&h);
    assert_int_equal(pipeline("{\"requests\":[{\"type\":\"batch\",\"batch\":{\"steps\":[" STEP("SELECT 1") "," STEP(
                         "SELECT 2") "," STEP("SELECT 3") "]}}]}"),
                     400);
    assert_non_null(strstr(last_body, "max_batch_steps"));
    assert_int_equal(pipeline("{\"requests\":[{\"type\":\"batch\",\"batch\":{\"steps\":[" STEP("SELECT 1") "," STEP(
                         "SELECT 2") "]}},{\"type\":\"close\"}]}"),
                     200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_short_cursor_is_one_message_in_the_form_of_the_protocol),
        TEST(a_long_cursor_comes_in_bounded_chunks_and_loses_no_row),
        TEST(many_short_steps_come_in_chunks_too),
        TEST(readers_without_credit_hold_no_worker),
        TEST(the_baton_is_busy_until_the_last_chunk_and_works_then),
        TEST(an_error_behind_the_first_chunk_is_told_in_its_step),
        TEST(a_peer_that_vanishes_midway_gives_back_turn_and_handle),
        TEST(a_transaction_taken_away_between_two_chunks_is_told),
        TEST(a_write_that_loses_the_turn_between_two_chunks_has_not_happened),
        TEST(a_write_whose_reader_leaves_has_not_happened),
        TEST(time_at_rest_is_not_the_statements),
        TEST(a_batch_past_the_servers_limit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
