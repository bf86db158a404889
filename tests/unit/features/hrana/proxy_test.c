/* SPDX-License-Identifier: Apache-2.0 */
/* proxy.Proxy against the real store: programs and their results, sessions that clients name, what Describe says. Real
 * clients run in tests/compat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <trib_proto/proxy.pb-c.h>

#include "features/hrana/hrana_int.h"
#include "support/ask_test.h"
#include "support/grpc_test.h"
#include "wire/pb_int.h"
#include "wire/pb_write.h"

typedef Trib__Proxy__ExecuteResults results;
typedef Trib__Proxy__DescribeResult description;

static grpc_test calls[3];
static trib_arena arena;
static const char *const one = "7c0a3b0e-0000-4000-8000-000000000001";
static const char *const two = "7c0a3b0e-0000-4000-8000-000000000002";

static int setup(void **state) {
    trib_arena_init(&arena, 64 << 20);
    return ask_setup(state);
}

static int teardown(void **state) {
    trib_arena_deinit(&arena);
    return ask_teardown(state);
}

/* ---- calls ---- */

static void begin_as(grpc_test *g, void (*handle)(trib_http_request *), trib_principal *me, trib_buf *message) {
    grpc_begin(&a.app, g, handle, a.tenant, me, NULL, trib_buf_str(message));
    trib_buf_deinit(message);
}

/* Steps of SQL; one that begins with '?' runs only if the one before it went well, with '!' only in autocommit. */
static void program(trib_buf *message, const char *client, const char *const *sql) {
    trib_pb_writer w;
    trib_buf_init(message, 4096);
    trib_pw_init(&w, message);
    trib_pw_str(&w, 1, trib_str_c(client));
    trib_pw_open(&w, 2);
    for (unsigned i = 0; sql[i]; i++) {
        bool after = sql[i][0] == '?', idle = sql[i][0] == '!';
        trib_pw_open(&w, 1);
        if (after || idle) trib_pw_open(&w, 1);
        if (after) {
            trib_pw_open(&w, 1);
            trib_pw_u64(&w, 1, i - 1);
            trib_pw_close(&w);
        }
        if (idle) trib_pw_empty(&w, 6);
        if (after || idle) trib_pw_close(&w);
        trib_pw_open(&w, 2);
        trib_pw_str(&w, 1, trib_str_c(sql[i] + (after || idle)));
        trib_pw_close(&w);
        trib_pw_close(&w);
    }
    trib_pw_close(&w);
}

static void begin(grpc_test *g, trib_principal *me, const char *client, const char *const *sql) {
    trib_buf message;
    program(&message, client, sql);
    begin_as(g, hrana_handle_proxy_execute, me, &message);
}

static const results *end(grpc_test *g) {
    trib_str message;
    assert_int_equal(grpc_wait(&a.app, g), 0);
    assert_true(grpc_next(g, &message));
    message = trib_arena_dup(&arena, message);
    http_test_end(&g->http);
    const results *got = (const void *)trib_pb_unpack(&arena, &trib__proxy__execute_results__descriptor, message);
    assert_non_null(got);
    return got;
}

#define STEPS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const results *run_as(trib_principal *me, const char *client, const char *const *sql) {
    begin(&calls[0], me, client, sql);
    return end(&calls[0]);
}

static const results *run(const char *const *sql) {
    return run_as(&a.me, one, sql);
}

/* The error of a step, "" for none. */
static const char *error_of(const results *r, size_t step) {
    assert_true(step < r->n_results);
    if (r->results[step]->result_case != TRIB__PROXY__QUERY_RESULT__RESULT_ERROR) return "";
    ProtobufCBinaryData text = r->results[step]->error->message;
    return trib_arena_printf(&arena, "%.*s", (int)text.len, (const char *)text.data).ptr;
}

static int64_t integer(const results *r, size_t step) {
    assert_string_equal(error_of(r, step), "");
    const Trib__Proxy__ResultRows *rows = r->results[step]->row;
    assert_int_equal(rows->n_rows, 1);
    trib_str data = trib_pb_str(rows->rows[0]->values[0]->data);
    assert_true(data.len == 12 && data.ptr[0] == 1);
    int64_t value;
    memcpy(&value, data.ptr + 4, sizeof value);
    return value;
}

static int64_t count(void) {
    return integer(run_as(&a.me, "of the counter", STEPS("SELECT count(*) FROM t")), 0);
}

static void a_program_has_a_result_for_each_step(void **state) {
    (void)state;
    const results *r = run(STEPS("CREATE TABLE t (a UNIQUE)", "?INSERT INTO t VALUES (7)", "INSERT INTO t VALUES (7)",
                                 "?INSERT INTO t VALUES (8)", "!SELECT a FROM t"));
    assert_int_equal(r->n_results, 5);
    assert_int_equal(r->results[1]->row->affected_row_count, 1);
    assert_int_equal(r->results[1]->row->last_insert_rowid, 1);
    assert_string_equal(error_of(r, 2), "SQLite error: UNIQUE constraint failed: t.a");
    assert_int_equal(r->results[2]->error->code, TRIB_PROXY_SQL_ERROR);
    assert_int_equal(r->results[2]->error->extended_code, 2067); /* SQLITE_CONSTRAINT_UNIQUE */
    assert_int_equal(r->results[3]->row->n_columns, 0);
    assert_int_equal(integer(r, 4), 7);
    assert_int_equal(r->state, TRIB_PROXY_AUTOCOMMIT);
    assert_true(r->has_current_frame_no && r->current_frame_no > UINT32_MAX);
}

static void a_transaction_belongs_to_the_client_that_began_it(void **state) {
    (void)state;
    trib_principal other;
    app_test_principal(&other, 2);
    run(STEPS("CREATE TABLE t (a)"));
    const results *r = run(STEPS("BEGIN IMMEDIATE", "INSERT INTO t VALUES (1)"));
    assert_int_equal(r->state, TRIB_PROXY_IN_TRANSACTION);
    assert_int_equal(integer(run(STEPS("SELECT count(*) FROM t")), 0), 1);
    assert_int_equal(count(), 0);
    assert_int_equal(run_as(&other, one, STEPS("SELECT 1"))->state, TRIB_PROXY_AUTOCOMMIT);
    assert_int_equal(run_as(&a.me, two, STEPS("SELECT 1"))->state, TRIB_PROXY_AUTOCOMMIT);
    assert_int_equal(run(STEPS("COMMIT"))->state, TRIB_PROXY_AUTOCOMMIT);
    assert_int_equal(count(), 1);
    assert_int_equal(trib_sessions_count(a.app.app.sessions), 0); /* nothing is kept for nothing */
}

static void call_with_client(grpc_test *g, void (*handle)(trib_http_request *), const char *client, const char *sql) {
    trib_buf message;
    trib_pb_writer w;
    trib_buf_init(&message, 4096);
    trib_pw_init(&w, &message);
    trib_pw_str(&w, 1, trib_str_c(client));
    if (sql) trib_pw_str(&w, 2, trib_str_c(sql));
    begin_as(g, handle, &a.me, &message);
}

static void a_disconnect_rolls_back(void **state) {
    (void)state;
    trib_str ack;
    run(STEPS("CREATE TABLE t (a)"));
    run(STEPS("BEGIN", "INSERT INTO t VALUES (1)"));
    for (int i = 0; i < 2; i++) { /* of one that is not there, too */
        call_with_client(&calls[0], hrana_handle_proxy_disconnect, one, NULL);
        assert_int_equal(grpc_wait(&a.app, &calls[0]), 0);
        assert_true(grpc_next(&calls[0], &ack) && ack.len == 0);
        http_test_end(&calls[0].http);
    }
    assert_int_equal(run(STEPS("SELECT 1"))->state, TRIB_PROXY_AUTOCOMMIT);
    run(STEPS("INSERT INTO t VALUES (2)"));
    assert_int_equal(count(), 1);
}

static void whoever_is_away_for_too_long_is_told_that_the_transaction_is_gone(void **state) {
    (void)state;
    run(STEPS("CREATE TABLE t (a)"));
    run(STEPS("BEGIN IMMEDIATE", "INSERT INTO t VALUES (1)"));
    a.app.env.offset_ns += (TRIB_SESSION_IDLE_MS_DEFAULT + 1) * 1000000LL;
    trib_sessions_tick(a.app.app.sessions);
    const results *r = run(STEPS("INSERT INTO t VALUES (2)", "?COMMIT"));
    assert_int_equal(r->results[0]->error->code, TRIB_PROXY_TIMEOUT);
    assert_int_equal(r->state, TRIB_PROXY_AUTOCOMMIT);
    assert_int_equal(count(), 0);
    assert_string_equal(error_of(run(STEPS("INSERT INTO t VALUES (3)")), 0), "");
    run(STEPS("BEGIN"));
    for (int i = 0; i < 2; i++) { /* the word is kept for as long again, then nothing */
        a.app.env.offset_ns += (TRIB_SESSION_IDLE_MS_DEFAULT + 1) * 1000000LL;
        trib_sessions_tick(a.app.app.sessions);
    }
    assert_int_equal(trib_sessions_count(a.app.app.sessions), 0);
}

static void statements_that_are_sent_at_once_run_one_after_another(void **state) {
    (void)state;
    run(STEPS("CREATE TABLE t (a)"));
    run(STEPS("BEGIN IMMEDIATE"));
    begin(&calls[0], &a.me, one, STEPS("INSERT INTO t VALUES (1)"));
    begin(&calls[1], &a.me, one, STEPS("INSERT INTO t VALUES (2)"));
    begin(&calls[2], &a.me, one, STEPS("INSERT INTO t VALUES (3)"));
    http_test_leave(&calls[2].http); /* while it waits */
    assert_true(calls[2].http.answered);
    http_test_end(&calls[2].http);
    assert_string_equal(error_of(end(&calls[0]), 0), "");
    const results *r = end(&calls[1]);
    assert_string_equal(error_of(r, 0), "");
    assert_int_equal(r->state, TRIB_PROXY_IN_TRANSACTION);
    run(STEPS("COMMIT"));
    assert_int_equal(count(), 2);
}

static void too_many_at_once_are_refused(void **state) {
    (void)state;
    static grpc_test crowd[TRIB_SESSION_WAITERS_MAX + 2];
    size_t refused = 0;
    run(STEPS("CREATE TABLE t (a)"));
    for (size_t i = 0; i < sizeof crowd / sizeof *crowd; i++)
        begin(&crowd[i], &a.me, one, STEPS("INSERT INTO t VALUES (1)"));
    for (size_t i = 0; i < sizeof crowd / sizeof *crowd; i++) {
        int status = grpc_wait(&a.app, &crowd[i]);
        assert_true(status == 0 || status == 8); /* RESOURCE_EXHAUSTED */
        refused += status == 8;
        http_test_end(&crowd[i].http);
    }
    assert_int_equal(refused, 1);
    assert_int_equal(count(), TRIB_SESSION_WAITERS_MAX + 1);
}

static const description *describe(const char *sql) {
    trib_str message;
    call_with_client(&calls[0], hrana_handle_proxy_describe, one, sql);
    assert_int_equal(grpc_wait(&a.app, &calls[0]), 0);
    assert_true(grpc_next(&calls[0], &message));
    message = trib_arena_dup(&arena, message);
    http_test_end(&calls[0].http);
    const description *got = (const void *)trib_pb_unpack(&arena, &trib__proxy__describe_result__descriptor, message);
    assert_non_null(got);
    return got;
}

static void describe_puts_a_name_before_the_first(void **state) {
    (void)state;
    const description *d = describe("SELECT :a AS x, @b");
    assert_int_equal(d->result_case, TRIB__PROXY__DESCRIBE_RESULT__RESULT_DESCRIPTION);
    assert_int_equal(d->description->param_count, 2);
    assert_int_equal(d->description->n_param_names, 3);
    assert_true(trib_str_eq_c(trib_pb_str(d->description->param_names[0]), "_"));
    assert_true(trib_str_eq_c(trib_pb_str(d->description->param_names[1]), ":a"));
    assert_true(trib_str_eq_c(trib_pb_str(d->description->param_names[2]), "@b"));
    assert_int_equal(d->description->n_column_descriptions, 2);
    assert_int_equal(describe("SELECT 1")->description->n_param_names, 0);
    d = describe("SELECT * FROM nowhere");
    assert_int_equal(d->result_case, TRIB__PROXY__DESCRIBE_RESULT__RESULT_ERROR);
    assert_int_equal(d->error->code, 1); /* SQLITE_ERROR, as clients take it */
    assert_true(trib_str_eq_c(trib_pb_str(d->error->message), "SQLite error: no such table: nowhere"));
    run(STEPS("BEGIN", "CREATE TABLE mine (a)"));
    assert_int_equal(describe("SELECT * FROM mine")->description->n_column_descriptions, 1);
}

static void a_client_without_a_name_is_refused(void **state) {
    (void)state;
    char longer[TRIB_SESSION_NAME_MAX_BYTES + 2];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    for (int i = 0; i < 2; i++) {
        begin(&calls[0], &a.me, i ? longer : "", STEPS("SELECT 1"));
        assert_int_equal(grpc_wait(&a.app, &calls[0]), 3);
        http_test_end(&calls[0].http);
    }
}

static void who_may_only_read_cannot_write(void **state) {
    (void)state;
    run(STEPS("CREATE TABLE t (a)"));
    trib_tenant_set(a.tenant, TRIB_TENANT_BLOCK_WRITES, 1);
    const results *r = run(STEPS("INSERT INTO t VALUES (1)", "SELECT count(*) FROM t"));
    assert_true(error_of(r, 0)[0] != '\0');
    assert_int_equal(integer(r, 1), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_program_has_a_result_for_each_step),
        TEST(a_transaction_belongs_to_the_client_that_began_it),
        TEST(a_disconnect_rolls_back),
        TEST(whoever_is_away_for_too_long_is_told_that_the_transaction_is_gone),
        TEST(statements_that_are_sent_at_once_run_one_after_another),
        TEST(too_many_at_once_are_refused),
        TEST(describe_puts_a_name_before_the_first),
        TEST(a_client_without_a_name_is_refused),
        TEST(who_may_only_read_cannot_write),
    };
    return cmocka_run_group_tests_name("features/hrana/proxy", tests, NULL, NULL);
}
