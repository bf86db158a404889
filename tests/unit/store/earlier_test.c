/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what a store does about files that an earlier process has left: one sync for all, or one for each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/db_int.h"
#include "support/sim_disk.h"
#include "support/store_test.h"

static const char first_id[] = "0123456789abcdef0123456789abcdef", second_id[] = "fedcba98765432100123456789abcdef";
static const char log_path[] = SIM_DISK_ROOT "/db/01/23/0123456789abcdef0123456789abcdef.db-wal";
static const char same_slot_id[] = "01234000000000000123456789abcdef";

typedef struct fixture {
    trib_env_test env;
    sim_disk *disk;
    trib_disk folders; /* that of the disk, but for sync_all */
    trib_store *store;
} fixture;

static int fail_to_sync(void *ctx, const char *path) {
    (void)ctx;
    (void)path;
    return 5; /* EIO */
}

static uint64_t folder_syncs;

static int count_folder_sync(void *ctx, const char *path) {
    folder_syncs++;
    return sim_disk_folders(ctx)->sync_folder(ctx, path);
}

static void begin(fixture *f) {
    trib_store_config config = {.data_dir = SIM_DISK_ROOT, .base_vfs = "sim", .disk = &f->folders, .inline_sync = true};
    trib_env_test_init(&f->env, false, 5);
    assert_int_equal(trib_store_new(&config, &f->env.env, NULL, &f->store, NULL), TRIB_OK);
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->disk = sim_disk_new("sim", 3);
    f->folders = *sim_disk_folders(f->disk);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    trib_store_free(f->store);
    sim_disk_free(f->disk);
    free(f);
    return 0;
}

static void each_database_once_when_all_is_durable(void **state) {
    fixture *f = *state;
    begin(f);
    assert_false(trib_earlier_take(f->store, first_id)); /* it came too early */
    trib_store_run_pending(f->store);
    assert_false(trib_earlier_take(f->store, first_id));
    assert_true(trib_earlier_take(f->store, second_id));
    assert_false(trib_earlier_take(f->store, second_id)); /* this process may have written it */
    assert_false(trib_earlier_take(f->store, same_slot_id));
    assert_false(trib_earlier_take(f->store, "streams"));
}

static void nothing_is_believed_of_a_sync_that_failed(void **state) {
    fixture *f = *state;
    f->folders.sync_all = fail_to_sync;
    begin(f);
    trib_store_run_pending(f->store);
    assert_false(trib_earlier_take(f->store, first_id));
}

static void a_disk_that_cannot_sync_all_is_no_fault(void **state) {
    fixture *f = *state;
    f->folders.sync_all = NULL;
    begin(f);
    trib_store_run_pending(f->store);
    assert_false(trib_earlier_take(f->store, first_id));
}

static void the_system_s_disk_syncs_a_file_system(void **state) {
    (void)state;
    const trib_disk *disk = trib_disk_native();
    assert_int_equal(disk->sync_all(disk->ctx, "."), 0);
    assert_int_not_equal(disk->sync_all(disk->ctx, "./is/not/there"), 0);
}

/* A database is opened: how many syncs of files and folders does that take? */
static uint64_t syncs_of_an_open(fixture *f, bool durable) {
    trib_db *db;
    begin(f);
    if (durable) trib_store_run_pending(f->store);
    f->folders.sync_folder = count_folder_sync;
    uint64_t before = sim_disk_syncs(f->disk) + folder_syncs;
    assert_int_equal(trib_store_db_get(f->store, trib_str_c(first_id), NULL, &db, NULL), TRIB_OK);
    uint64_t syncs = sim_disk_syncs(f->disk) + folder_syncs - before;
    trib_db_unref(db);
    trib_store_run_pending(f->store);
    trib_store_free(f->store);
    f->store = NULL;
    return syncs;
}

/* A process makes a database with a log, and is killed. */
static void leave_a_database(fixture *f) {
    trib_db *db;
    trib_handle *h;
    trib_session_vars vars = {0};
    int rc;
    begin(f);
    assert_int_equal(trib_store_db_get(f->store, trib_str_c(first_id), NULL, &db, NULL), TRIB_OK);
    assert_int_equal(trib_handle_take(db, &h, NULL), TRIB_OK);
    assert_int_equal(trib_handle_enter(h, TRIB_ACCESS_WRITE, &vars, NULL), TRIB_OK);
    assert_int_equal(store_test_exec(h, "CREATE TABLE t(x)", true, NULL, 0, &rc), TRIB_OK);
    trib_handle_leave(h);
    trib_store_run_pending(f->store);
    sim_disk_stop(f->disk); /* the process is killed, with a log */
    trib_handle_give(h);
    trib_db_unref(db);
    trib_store_free(f->store);
    sim_disk_resume(f->disk);
}

static void an_open_syncs_only_what_is_not_durable(void **state) {
    fixture *f = *state;
    leave_a_database(f);
    assert_int_equal(syncs_of_an_open(f, true), 0);
    assert_int_equal(syncs_of_an_open(f, false), 1); /* its folder; its log was emptied meanwhile */
}

/* So it is after an import, or where somebody has copied the file back. */
static void a_log_that_is_not_there_gets_a_durable_name(void **state) {
    fixture *f = *state;
    leave_a_database(f);
    (void)syncs_of_an_open(f, true); /* which ends with an empty log */
    sqlite3_vfs *vfs = sqlite3_vfs_find("sim");
    assert_int_equal(vfs->xDelete(vfs, log_path, 1), SQLITE_OK);
    assert_int_equal(syncs_of_an_open(f, true), 1);
    assert_int_equal(syncs_of_an_open(f, true), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_database_once_when_all_is_durable, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_believed_of_a_sync_that_failed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_disk_that_cannot_sync_all_is_no_fault, setup, teardown),
        cmocka_unit_test(the_system_s_disk_syncs_a_file_system),
        cmocka_unit_test_setup_teardown(an_open_syncs_only_what_is_not_durable, setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_that_is_not_there_gets_a_durable_name, setup, teardown),
    };
    if (trib_policy_init_process(NULL) != TRIB_OK) return 1; /* before the simulated disk wakes SQLite */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
