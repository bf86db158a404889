/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of searches: in turn, one a job, one offer a worker; what goes with what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/db_start.h"
#include "features/dispatch/dispatch_int.h"
#include "features/streams/streams.h"
#include "support/app_test.h"

static app_test t;
static void *streams_state;
static trib_tenant *streams;

static int setup(void **state) {
    (void)state;
    if (app_test_start(&t, true, NULL) != TRIB_OK) return -1;
    if (trib_streams_module.start(&t.app, &streams_state, NULL) != TRIB_OK) return -1;
    if (trib_control_find_system(t.app.control, "streams", &streams, NULL) != TRIB_OK) return -1;
    return dispatch_tables_prepare(&t.app, streams, NULL) == TRIB_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    app_test_stop(&t);
    trib_streams_module.stop(streams_state);
    app_test_cleanup(&t);
    return 0;
}

/* ---- inside a handle ---- */

typedef void (*body_fn)(trib_stream_txn *txn);

static trib_code run_body(void *ctx, trib_handle *handle, trib_error *err) {
    trib_arena arena;
    trib_arena_init(&arena, 1 << 20);
    trib_stream_txn txn = {.app = &t.app, .handle = handle, .arena = &arena, .writes = true};
    trib_code code = trib_db_start_run(handle, "BEGIN IMMEDIATE", NULL, 0, NULL, NULL, err);
    assert_int_equal(code, TRIB_OK);
    (*(body_fn *)ctx)(&txn);
    code = trib_db_start_run(handle, "COMMIT", NULL, 0, NULL, NULL, err);
    trib_arena_deinit(&arena);
    return code;
}

static void inside(body_fn body) {
    assert_int_equal(trib_db_start(&t.app, streams, run_body, &body, NULL), TRIB_OK);
}

static bool add(trib_stream_txn *txn, const char *deal, const char *asker, trib_code want) {
    dispatch_row row = {.deal_id = trib_str_c(deal),
                        .role = TRIB_STR("driver"),
                        .worker = TRIB_STR("driver"),
                        .body = TRIB_STR("{\"fee\":3}"),
                        .asker = asker ? trib_str_c(asker) : (trib_str){0},
                        .since_ms = 5,
                        .offer_ms = 1000,
                        .is_placed = true,
                        .has_place = true,
                        .lat = 25.5,
                        .lng = -55.5,
                        .max_m = 100};
    bool duplicate = false;
    trib_error err;
    assert_int_equal(dispatch_row_add(txn, &row, &duplicate, &err), want);
    return duplicate;
}

static int64_t count(trib_stream_txn *txn, const char *sql) {
    int64_t n = 0;
    assert_int_equal(dispatch_get_integer(txn, sql, NULL, 0, &n, NULL), TRIB_OK);
    return n;
}

static void a_row_comes_back_as_it_was(trib_stream_txn *txn) {
    dispatch_row row;
    assert_false(add(txn, "ord-1", NULL, TRIB_OK));
    assert_true(add(txn, "ord-1", NULL, TRIB_OK)); /* the same job */
    assert_int_equal(count(txn, "SELECT count(*) FROM _trib_dispatch"), 1);
    assert_int_equal(dispatch_row_load(txn, 1, &row, NULL), TRIB_OK);
    assert_true(row.found && row.is_placed && row.has_place && !row.automatic);
    assert_true(row.lat > 25.4 && row.lng < -55.4 && row.max_m > 99);
    assert_true(trib_str_eq_c(row.deal_id, "ord-1") && trib_str_eq_c(row.body, "{\"fee\":3}"));
    assert_int_equal(row.tenant_id.len, 0);
    assert_int_equal(dispatch_row_load(txn, 2, &row, NULL), TRIB_OK);
    assert_false(row.found);
}

static void an_offer_is_one_workers_and_ends(trib_stream_txn *txn) {
    dispatch_row row, other;
    trib_error err;
    add(txn, "ord-1", NULL, TRIB_OK);
    add(txn, "ord-2", NULL, TRIB_OK);
    dispatch_row_load(txn, 1, &row, NULL);
    dispatch_row_load(txn, 2, &other, NULL);
    assert_int_equal(dispatch_row_offer(txn, &row, TRIB_STR("rami"), TRIB_STR("pt"), 100, NULL), TRIB_OK);
    assert_int_equal(dispatch_row_offer(txn, &other, TRIB_STR("rami"), TRIB_STR("pt"), 100, &err), TRIB_NOT_AVAILABLE);
    assert_int_equal(dispatch_row_offer(txn, &other, TRIB_STR("rami"), TRIB_STR("pt-2"), 100, NULL), TRIB_OK);
    dispatch_row_load(txn, 1, &row, NULL);
    assert_int_equal(row.generation, 1);
    assert_true(trib_str_eq_c(row.tenant_id, "rami") && row.until_ms == 100);
    assert_int_equal(dispatch_row_take_back(txn, &row, 500, true, NULL), TRIB_OK);
    assert_int_equal(count(txn, "SELECT count(*) FROM _trib_dispatch_owed WHERE tenantId = 'rami' AND point = 'pt'"),
                     1);
    assert_int_equal(count(txn, "SELECT until_ms FROM _trib_dispatch_passed WHERE no = 1"), 500);
    dispatch_row_load(txn, 1, &row, NULL);
    assert_int_equal(row.tenant_id.len, 0);
    assert_int_equal(dispatch_row_offer(txn, &row, TRIB_STR("sara"), TRIB_STR("pt"), 200, NULL), TRIB_OK);
    dispatch_row_load(txn, 1, &row, NULL);
    assert_int_equal(row.generation, 2); /* another offer than before */
    assert_int_equal(dispatch_row_delete(txn, 1, NULL), TRIB_OK);
    assert_int_equal(count(txn, "SELECT count(*) FROM _trib_dispatch_passed"), 0);
    assert_int_equal(count(txn, "SELECT count(*) FROM _trib_dispatch_owed"), 1); /* that one is owed all the same */
}

/* The stream's events go: what waits goes, an offer ends first. */
static void a_stream_that_goes_forgets_nobody(trib_stream_txn *txn) {
    dispatch_row row;
    add(txn, "ord-1", NULL, TRIB_OK);
    add(txn, "ord-2", NULL, TRIB_OK);
    dispatch_row_load(txn, 2, &row, NULL);
    assert_int_equal(dispatch_row_offer(txn, &row, TRIB_STR("rami"), TRIB_STR("pt"), 900, NULL), TRIB_OK);
    for (int i = 1; i <= 2; i++) {
        char sql[160];
        snprintf(sql, sizeof sql, "INSERT INTO events VALUES ('e%d', 'ord-%d', 1, NULL, NULL, 0, NULL, '2026')", i, i);
        assert_int_equal(dispatch_run(txn, sql, NULL, 0, NULL), TRIB_OK);
        snprintf(sql, sizeof sql, "DELETE FROM events WHERE streamId = 'ord-%d'", i);
        assert_int_equal(dispatch_run(txn, sql, NULL, 0, NULL), TRIB_OK);
    }
    assert_int_equal(count(txn, "SELECT count(*) FROM _trib_dispatch WHERE streamId = 'ord-1'"), 0);
    assert_int_equal(count(txn, "SELECT count(*) FROM _trib_dispatch WHERE streamId = 'ord-2' AND until_ms = 0"), 1);
}

static void a_job_that_comes_back_has_its_place(trib_stream_txn *txn) {
    dispatch_row row;
    for (int i = 1; i <= 3; i++) {
        char deal[8];
        snprintf(deal, sizeof deal, "ord-%d", i);
        add(txn, deal, "bab", TRIB_OK);
    }
    dispatch_row_load(txn, 1, &row, NULL);
    assert_int_equal(dispatch_row_offer(txn, &row, TRIB_STR("rami"), TRIB_STR("pt"), 100, NULL), TRIB_OK);
    assert_int_equal(dispatch_row_give(txn, &row, true, NULL), TRIB_OK);
    dispatch_row_load(txn, 2, &row, NULL);
    assert_int_equal(dispatch_row_give(txn, &row, false, NULL), TRIB_OK);
    assert_int_equal(count(txn, "SELECT min(no) FROM _trib_dispatch"), 3);
    assert_int_equal(count(txn, "SELECT count(*) FROM _trib_dispatch_given"), 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(dispatch_row_come_back(txn, TRIB_STR("ord-1"), TRIB_STR("driver"), TRIB_STR("rami"), NULL),
                         TRIB_OK);
    assert_int_equal(dispatch_row_come_back(txn, TRIB_STR("ord-2"), TRIB_STR("driver"), TRIB_STR("rami"), NULL),
                     TRIB_OK);
    assert_int_equal(count(txn, "SELECT count(*) FROM _trib_dispatch"), 2);
    assert_int_equal(count(txn, "SELECT count(*) FROM _trib_dispatch_given"), 0);
    assert_int_equal(count(txn, "SELECT count(*) FROM _trib_dispatch WHERE no = 1 AND asker = 'bab'"), 1);
    dispatch_row_load(txn, 1, &row, NULL);
    assert_true(row.found && row.tenant_id.len == 0 && row.has_place && row.lat > 25.4 && row.since_ms > 5);
    assert_true(trib_str_eq_c(row.body, "{\"fee\":3}") && row.generation == 1);
    assert_int_equal(count(txn, "SELECT count(*) FROM _trib_dispatch_passed WHERE no = 1 AND tenantId = 'rami'"), 1);
}

static void a_search_that_is_withdrawn_owes_who_is_offered_it(trib_stream_txn *txn) {
    dispatch_row row;
    add(txn, "ord-1", NULL, TRIB_OK);
    add(txn, "ord-2", NULL, TRIB_OK);
    dispatch_row_load(txn, 1, &row, NULL);
    assert_int_equal(dispatch_row_offer(txn, &row, TRIB_STR("rami"), TRIB_STR("pt"), 100, NULL), TRIB_OK);
    for (int no = 1; no <= 2; no++) {
        dispatch_row_load(txn, no, &row, NULL);
        assert_int_equal(dispatch_row_withdraw(txn, &row, NULL), TRIB_OK);
    }
    assert_int_equal(count(txn, "SELECT count(*) FROM _trib_dispatch"), 0);
    assert_int_equal(count(txn, "SELECT count(*) FROM _trib_dispatch_owed WHERE tenantId = 'rami' AND point = 'pt'"),
                     1);
    assert_int_equal(count(txn, "SELECT count(*) FROM _trib_dispatch_owed"), 1);
}

static void one_tenant_has_its_share(trib_stream_txn *txn) {
    char sql[400];
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO "
             "_trib_dispatch(streamId, role, worker, since_ms, placed, max_m, auto, offer_ms, body, asker) SELECT i, "
             "'driver', 'driver', 0, 1, 1, 0, 1, '{}', 'flood' FROM n",
             DISPATCH_OF_TENANT_MAX);
    assert_int_equal(dispatch_run(txn, sql, NULL, 0, NULL), TRIB_OK);
    add(txn, "one-more", "flood", TRIB_TOO_MANY_REQUESTS);
    add(txn, "one-more", "another", TRIB_OK);
}

static void rows_come_back(void **state) {
    (void)state;
    inside(a_row_comes_back_as_it_was);
}
static void offers_end(void **state) {
    (void)state;
    inside(an_offer_is_one_workers_and_ends);
}
static void streams_go(void **state) {
    (void)state;
    inside(a_stream_that_goes_forgets_nobody);
}
static void come_back(void **state) {
    (void)state;
    inside(a_job_that_comes_back_has_its_place);
}
static void withdrawals(void **state) {
    (void)state;
    inside(a_search_that_is_withdrawn_owes_who_is_offered_it);
}
static void shares(void **state) {
    (void)state;
    inside(one_tenant_has_its_share);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(offers_end, setup, teardown),
        cmocka_unit_test_setup_teardown(streams_go, setup, teardown),
        cmocka_unit_test_setup_teardown(come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(withdrawals, setup, teardown),
        cmocka_unit_test_setup_teardown(shares, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
