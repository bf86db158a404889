/* SPDX-License-Identifier: Apache-2.0 */
/* What a killed or cut process may leave in a log, made on purpose: cases that the power-cut harness meets once in
 * thousands of cuts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/db_int.h"
#include "support/sim_disk.h"
#include "support/store_test.h"

static const char db_id[] = "0123456789abcdef0123456789abcdef";
static const char wal_path[] = SIM_DISK_ROOT "/db/01/23/0123456789abcdef0123456789abcdef.db-wal";

typedef struct fixture {
    trib_env_test env;
    sim_disk *disk;
    trib_store *store;
    trib_db *db;
    trib_handle *h;
    trib_session_vars vars;
} fixture;

static void start(fixture *f) {
    trib_store_config config = {
        .data_dir = SIM_DISK_ROOT, .base_vfs = "sim", .disk = sim_disk_folders(f->disk), .inline_sync = true};
    trib_env_test_init(&f->env, false, 5);
    assert_int_equal(trib_store_new(&config, &f->env.env, NULL, &f->store, NULL), TRIB_OK);
    assert_int_equal(trib_store_db_get(f->store, trib_str_c(db_id), NULL, &f->db, NULL), TRIB_OK);
    assert_int_equal(trib_handle_take(f->db, &f->h, NULL), TRIB_OK);
}

static void end(fixture *f) {
    trib_handle_give(f->h);
    trib_db_unref(f->db);
    trib_store_free(f->store);
    assert_int_equal(sim_disk_open_files(f->disk), 0);
}

/* The process dies here. */
static void kill_it(fixture *f) {
    sim_disk_stop(f->disk);
    end(f);
    sim_disk_resume(f->disk);
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->disk = sim_disk_new("sim", 3);
    start(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    end(f);
    sim_disk_free(f->disk);
    free(f);
    return 0;
}

static void run(fixture *f, const char *sql) {
    int rc;
    assert_int_equal(trib_handle_enter(f->h, TRIB_ACCESS_WRITE, &f->vars, NULL), TRIB_OK);
    assert_int_equal(store_test_exec(f->h, sql, true, NULL, 0, &rc), TRIB_OK);
    trib_handle_leave(f->h);
}

static void assert_value(fixture *f, const char *sql, const char *want) {
    char text[64];
    int rc;
    assert_int_equal(trib_handle_enter(f->h, TRIB_ACCESS_READ, &f->vars, NULL), TRIB_OK);
    assert_int_equal(store_test_exec(f->h, sql, false, text, sizeof text, &rc), TRIB_OK);
    trib_handle_leave(f->h);
    assert_string_equal(text, want);
}

static void commit_behind_a_torn_one_stays_away_when_that_one_is_sent_again(void **state) {
    fixture *f = *state;
    run(f, "CREATE TABLE t(x)");
    run(f, "INSERT INTO t VALUES (0)");
    trib_store_run_pending(f->store);
    uint64_t durable = f->db->log.durable_end;
    run(f, "UPDATE t SET x = 1");
    run(f, "UPDATE t SET x = 2");
    kill_it(f);
    /* of the first lost commit a sector is torn; the second got to the disk whole */
    sqlite3_file *wal = NULL;
    assert_int_equal(trib_file_open(sqlite3_vfs_find("sim"), wal_path, 0, &wal, NULL), TRIB_OK);
    assert_int_equal(wal->pMethods->xWrite(wal, "torn", 4, (sqlite3_int64)durable + 100), SQLITE_OK);
    trib_file_close(wal);
    start(f);
    assert_value(f, "SELECT x FROM t", "0");
    run(f, "UPDATE t SET x = 1"); /* the client sends it again: the same page, the same bytes */
    trib_store_run_pending(f->store);
    kill_it(f);
    start(f);
    assert_value(f, "SELECT x FROM t", "1");
    assert_value(f, "PRAGMA integrity_check", "ok");
}

/* Starts, tells a client what sql shows, and loses its power at once: the same must be there again. */
static void next_process_keeps_what_it_shows(fixture *f, const char *sql) {
    char shown[64];
    int rc;
    start(f);
    assert_int_equal(trib_handle_enter(f->h, TRIB_ACCESS_READ, &f->vars, NULL), TRIB_OK);
    assert_int_equal(store_test_exec(f->h, sql, false, shown, sizeof shown, &rc), TRIB_OK);
    assert_int_equal(trib_gate_wait(f->db, trib_handle_ticket(f->h), NULL), TRIB_OK); /* told to a client */
    trib_handle_leave(f->h);
    sim_disk_stop(f->disk);
    end(f);
    sim_disk_power_cut(f->disk, SIM_KEEP_NONE);
    start(f);
    assert_value(f, sql, shown);
}

/* How much of the failed sync got to the disk differs from seed to seed. */
static void one_failed_sync(fixture *f, uint64_t seed) {
    end(f);
    sim_disk_free(f->disk);
    f->disk = sim_disk_new("sim", seed);
    start(f);
    run(f, "CREATE TABLE t(x)");
    run(f, "INSERT INTO t VALUES (0)");
    trib_store_run_pending(f->store);
    run(f, "UPDATE t SET x = 1");
    sim_disk_fail_sync_at(f->disk, 1, 1); /* and the process dies before it can cut back */
    trib_store_run_pending(f->store);
    assert_true(sim_disk_sync_failed(f->disk));
    kill_it(f);
    next_process_keeps_what_it_shows(f, "SELECT x FROM t");
}

static void commits_whose_sync_failed_are_not_shown_by_the_next_process(void **state) {
    for (uint64_t seed = 1; seed <= 16; seed++) one_failed_sync(*state, seed);
}

static void cut_back_to_nothing_holds_when_the_process_dies_in_it(void **state) {
    fixture *f = *state;
    for (uint64_t after = 1; after <= 12; after++) {
        for (uint64_t seed = 1; seed <= 8; seed++) {
            end(f);
            sim_disk_free(f->disk);
            f->disk = sim_disk_new("sim", seed);
            start(f);
            run(f, "CREATE TABLE t(x)");
            trib_store_run_pending(f->store);
            end(f); /* copies and empties the log */
            start(f);
            run(f, "INSERT INTO t VALUES (1)");
            sim_disk_fail_sync_at(f->disk, 1, after);
            trib_store_run_pending(f->store);
            kill_it(f);
            next_process_keeps_what_it_shows(f, "SELECT count(*) FROM t");
        }
    }
}

int main(void) {
    if (trib_policy_init_process(NULL) != TRIB_OK) return 2;
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(commit_behind_a_torn_one_stays_away_when_that_one_is_sent_again),
        T(cut_back_to_nothing_holds_when_the_process_dies_in_it),
        T(commits_whose_sync_failed_are_not_shown_by_the_next_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
