/* SPDX-License-Identifier: Apache-2.0 */
/* What a tenant that takes no writes answers to each kind of request, and what happens to a session whose client has
 * left. The rest of exec.c is tested through pipeline_test.c and cursor_test.c. */
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

static char last_body[1 << 16];

static int ask(void (*handle)(trib_http_request *), const char *body) {
    http_test h;
    http_test_begin(&t, &h, handle, tenant, &me, body);
    snprintf(last_body, sizeof last_body, "%s", http_test_wait(&t, &h));
    int status = h.status;
    http_test_end(&h);
    return status;
}

static void assert_has(const char *text) {
    if (!strstr(last_body, text)) fail_msg("no %s in %s", text, last_body);
}

#define STMT(sql)     "\"stmt\":{\"sql\":\"" sql "\"}"
#define EXEC(sql)     "{\"type\":\"execute\"," STMT(sql) "}"
#define PIPE(list)    "{\"requests\":[" list "]}"
#define CLOSE         "{\"type\":\"close\"}"
#define BLOCKED_ERROR "{\"message\":\"Operation was blocked: unpaid since June\",\"code\":\"BLOCKED\"}"

static void a_blocked_write_is_told_why_and_reads_go_on(void **state) {
    (void)state;
    static const char *const writes[] = {
        EXEC("INSERT INTO b VALUES (1)"),
        EXEC("BEGIN IMMEDIATE"),
        EXEC("CREATE TABLE c(x)"),
        "{\"type\":\"sequence\",\"sql\":\"SELECT 1; DELETE FROM b\"}",
        "{\"type\":\"describe\",\"sql\":\"INSERT INTO b VALUES (1)\"}",
        "{\"type\":\"batch\",\"batch\":{\"steps\":[{" STMT("INSERT INTO b VALUES (1)") "}]}}",
    };
    char body[512];
    assert_int_equal(ask(hrana_handle_pipeline, PIPE(EXEC("CREATE TABLE b(x)") "," CLOSE)), 200);
    assert_int_equal(trib_tenant_set_reason(tenant, TRIB_STR("unpaid since June"), NULL), TRIB_OK);
    trib_tenant_set(tenant, TRIB_TENANT_BLOCK_WRITES, true);
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        snprintf(body, sizeof body, PIPE("%s," EXEC("SELECT count(*) + 40 FROM b") "," CLOSE), writes[i]);
        assert_int_equal(ask(hrana_handle_pipeline, body), 200);
        assert_has(BLOCKED_ERROR);
        assert_has("\"value\":\"40\"");
    }
    assert_int_equal(ask(hrana_handle_cursor, "{\"batch\":{\"steps\":[{" STMT("DELETE FROM b") "}]}}"), 200);
    assert_has("{\"type\":\"step_error\",\"step\":0,\"error\":" BLOCKED_ERROR "}");
    trib_tenant_set(tenant, TRIB_TENANT_BLOCK_WRITES, false);
    assert_int_equal(ask(hrana_handle_pipeline, PIPE(EXEC("INSERT INTO b VALUES (1)") "," CLOSE)), 200);
    assert_has("\"affected_row_count\":1");
}

static void a_reader_hears_of_its_right_not_of_a_block(void **state) {
    (void)state;
    me.everything = false;
    assert_int_equal(ask(hrana_handle_pipeline, PIPE(EXEC("CREATE TABLE r(x)") "," CLOSE)), 200);
    assert_has("\"code\":\"SQLITE_READONLY\"");
}

static void a_new_session_ends_when_its_client_leaves(void **state) {
    (void)state;
    http_test h;
    assert_int_equal(ask(hrana_handle_pipeline, PIPE(EXEC("CREATE TABLE l(x)") "," CLOSE)), 200);
    http_test_begin(&t, &h, hrana_handle_pipeline, tenant, &me,
                    PIPE(EXEC("BEGIN IMMEDIATE") "," EXEC("INSERT INTO l VALUES (1)") "," EXEC(
                        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT count(*) FROM c")));
    usleep(20000); /* most likely inside the last statement; the test holds wherever it is */
    http_test_leave(&h);
    http_test_wait(&t, &h);
    assert_int_equal(h.status, 499);
    assert_null(h.request.on_cancel);
    http_test_end(&h);
    assert_int_equal(trib_sessions_count(t.app.sessions), 0);
    assert_int_equal(
        ask(hrana_handle_pipeline, PIPE(EXEC("INSERT INTO l SELECT 60 + count(*) FROM l RETURNING x") "," CLOSE)), 200);
    assert_has("\"value\":\"60\"");
}

static void the_session_of_a_baton_lives_on_until_it_is_idle_for_too_long(void **state) {
    (void)state;
    http_test h;
    char body[512], baton[TRIB_BATON_BYTES];
    assert_int_equal(ask(hrana_handle_pipeline, PIPE(EXEC("SELECT 1"))), 200);
    snprintf(baton, sizeof baton, "%.27s", strstr(last_body, "\"baton\":\"") + 9);
    snprintf(body, sizeof body, "{\"baton\":\"%s\",\"requests\":[%s]}", baton,
             EXEC("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT count(*) FROM c"));
    http_test_begin(&t, &h, hrana_handle_pipeline, tenant, &me, body);
    http_test_leave(&h);
    http_test_wait(&t, &h);
    http_test_end(&h);
    assert_int_equal(trib_sessions_count(t.app.sessions), 1);
    assert_int_equal(ask(hrana_handle_pipeline, body), 400);
    assert_has("BATON_REUSED");
    t.env.offset_ns += INT64_C(61000) * 1000000;
    trib_sessions_tick(t.app.sessions);
    assert_int_equal(trib_sessions_count(t.app.sessions), 0);
    assert_int_equal(ask(hrana_handle_pipeline, body), 400);
    assert_has("STREAM_EXPIRED");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_blocked_write_is_told_why_and_reads_go_on),
        TEST(a_reader_hears_of_its_right_not_of_a_block),
        TEST(a_new_session_ends_when_its_client_leaves),
        TEST(the_session_of_a_baton_lives_on_until_it_is_idle_for_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
