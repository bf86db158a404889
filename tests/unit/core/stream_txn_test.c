/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions on the streams' database: what AGAIN leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/db_start.h"
#include "core/stream.h"
#include "store/db_int.h"
#include "support/app_test.h"

static app_test t;
static trib_tenant *rami;

static int setup(void **state) {
    (void)state;
    return app_test_start_with_tenant(&t, "rami", &rami) == TRIB_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    app_test_end_with_tenant(&t, rami);
    return 0;
}

typedef struct reader {
    trib_stream_txn txn;
    int runs;
} reader;
/* As a log that begins anew does. */
static void hold(trib_handle *handle, bool on) {
    trib_db *db = trib_handle_db(handle);
    trib_db_lock(db);
    if (on) trib_turn_hold_reads_locked(db);
    else trib_turn_release_reads_locked(db, TRIB_OK);
    trib_db_unlock(db);
}

/* Held back behind its BEGIN, before its first row. */
static trib_code read_first(void *ctx, trib_error *err) {
    reader *r = ctx;
    if (r->runs++ == 0) hold(r->txn.handle, true);
    return trib_stmt_run(r->txn.handle, "SELECT count(*) FROM t", NULL, 0, NULL, NULL, err);
}

static trib_code run_twice(void *ctx, trib_handle *handle, trib_error *err) {
    trib_arena arena;
    reader r = {.txn = {.app = &t.app, .arena = &arena}};
    trib_db_job job = {0};
    (void)ctx;
    trib_arena_init(&arena, 4096);
    trib_code code = trib_db_start_run(handle, "CREATE TABLE t(x)", NULL, 0, NULL, NULL, err);
    assert_int_equal(code, TRIB_OK);
    assert_int_equal(trib_stream_txn_run(&r.txn, &job, handle, read_first, &r, err), TRIB_AGAIN);
    hold(handle, false);
    code = trib_stream_txn_run(&r.txn, &job, handle, read_first, &r, err);
    trib_arena_deinit(&arena);
    assert_int_equal(r.runs, 2);
    return code;
}

static void a_read_that_is_held_back_begins_anew(void **state) {
    (void)state;
    trib_error err = {0};
    if (trib_db_start(&t.app, rami, run_twice, NULL, &err) != TRIB_OK) fail_msg("%s", err.message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_read_that_is_held_back_begins_anew, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
