/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds of one database that protect others: the turn, the log, syncs; each bites at its number and not before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/store_folder_test.h"

static void a_system_database_yields_its_turn_sooner(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_db_set_settings(db, &(trib_db_settings){.system = true});
    trib_handle *a = take(db), *b = take(db);
    store_test_wait w;
    store_test_wait_init(&w);
    enter(f, a);
    assert_int_equal(exec(a, "CREATE TABLE t(x)", true), TRIB_OK);
    assert_int_equal(exec(a, "BEGIN IMMEDIATE", true), TRIB_OK);
    trib_handle_leave(a);
    enter(f, b);
    assert_int_equal(exec(b, "INSERT INTO t VALUES (2)", true), TRIB_AGAIN);
    assert_int_equal(trib_turn_wait(b, &w.turn, NULL), TRIB_AGAIN);
    f->env.offset_ns += (int64_t)(TRIB_TXN_STEAL_MS_SYSTEM - 1) * 1000000;
    trib_store_tick(f->store);
    assert_int_equal(w.calls, 0);
    f->env.offset_ns += 1000000;
    trib_store_tick(f->store);
    assert_int_equal(w.calls, 1);
    assert_int_equal(exec(b, "INSERT INTO t VALUES (2)", true), TRIB_OK);
    trib_handle_leave(b);
    trib_handle_give(a);
    trib_handle_give(b);
    trib_db_unref(db);
}

/* What the log is said to be is set by hand: to write so much would take long. */
static void read_transactions_live_shorter_beside_a_long_log(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *a = take(db);
    trib_error err = {0};
    enter(f, a);
    assert_int_equal(exec(a, "CREATE TABLE t(x)", true), TRIB_OK);
    assert_int_equal(exec(a, "BEGIN", false), TRIB_OK);
    assert_int_equal(number(a, "SELECT count(*) FROM t"), 0);
    trib_handle_leave(a);
    uint64_t bytes = atomic_load(&db->log.bytes);
    f->env.offset_ns += (int64_t)(TRIB_READ_TXN_TIGHT_MS + 1) * 1000000;
    atomic_store(&db->log.bytes, TRIB_LOG_TIGHT_BYTES); /* not over it yet */
    trib_turn_end_old_reads(db);
    enter(f, a);
    trib_handle_leave(a);
    atomic_store(&db->log.bytes, TRIB_LOG_TIGHT_BYTES + 1);
    trib_turn_end_old_reads(db);
    atomic_store(&db->log.bytes, bytes);
    assert_int_equal(trib_handle_enter(a, TRIB_ACCESS_WRITE, &f->vars, &err), TRIB_SNAPSHOT_TOO_OLD);
    trib_handle_give(a);
    trib_db_unref(db);
}

static void a_full_log_refuses_writes_and_no_reads(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *a = take(db), *b = take(db);
    enter(f, a);
    assert_int_equal(exec(a, "CREATE TABLE t(x)", true), TRIB_OK);
    assert_int_equal(exec(a, "BEGIN IMMEDIATE", true), TRIB_OK);
    assert_int_equal(exec(a, "INSERT INTO t VALUES (1)", true), TRIB_OK);
    uint64_t bytes = atomic_load(&db->log.bytes);
    atomic_store(&db->log.bytes, TRIB_LOG_MAX_BYTES);
    assert_int_equal(exec(a, "INSERT INTO t VALUES (2)", true), TRIB_OK); /* what has begun may end */
    assert_int_equal(exec(a, "COMMIT", true), TRIB_OK);
    atomic_store(&db->log.bytes, TRIB_LOG_MAX_BYTES);
    assert_int_equal(exec(a, "INSERT INTO t VALUES (3)", true), TRIB_TOO_MANY_REQUESTS);
    enter(f, b);
    assert_int_equal(number(b, "SELECT count(*) FROM t"), 2);
    trib_handle_leave(b);
    atomic_store(&db->log.bytes, bytes);
    assert_int_equal(exec(a, "INSERT INTO t VALUES (4)", true), TRIB_OK); /* the turn was given back */
    trib_handle_leave(a);
    trib_handle_give(a);
    trib_handle_give(b);
    trib_db_unref(db);
}

static const sqlite3_io_methods *plain_methods;
static int syncs;

static int counted_sync(sqlite3_file *file, int flags) {
    syncs++;
    return plain_methods->xSync(file, flags);
}

/* However many commits come before it begins: one covers them all, and no other is posted beside it. */
static void one_sync_of_a_database_is_under_way_for_all_its_commits(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *h = take(db);
    store_test_wait waits[20];
    enter(f, h);
    assert_int_equal(exec(h, "CREATE TABLE t(x)", true), TRIB_OK);
    trib_store_run_pending(f->store);
    sqlite3_io_methods counted = *db->sync_file->pMethods;
    plain_methods = db->sync_file->pMethods;
    counted.xSync = counted_sync;
    db->sync_file->pMethods = &counted;
    syncs = 0;
    for (int i = 0; i < 20; i++) {
        store_test_wait_init(&waits[i]);
        assert_int_equal(exec(h, "INSERT INTO t VALUES (1)", true), TRIB_OK);
        assert_int_equal(trib_gate_wait(db, trib_handle_ticket(h), &waits[i].gate), TRIB_AGAIN);
    }
    trib_store_run_pending(f->store);
    for (int i = 0; i < 20; i++) assert_int_equal(waits[i].calls, 1);
    assert_int_equal(syncs, 1);
    assert_false(db->log.sync_in_flight);
    db->sync_file->pMethods = plain_methods;
    trib_handle_leave(h);
    trib_handle_give(h);
    trib_db_unref(db);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_system_database_yields_its_turn_sooner),
        T(read_transactions_live_shorter_beside_a_long_log),
        T(a_full_log_refuses_writes_and_no_reads),
        T(one_sync_of_a_database_is_under_way_for_all_its_commits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
