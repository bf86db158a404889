/* SPDX-License-Identifier: Apache-2.0 */
/* What the shim does to files, seen from outside; what it promises to the store is in store_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "store/db_int.h"
#include "support/store_test.h"

enum { COMMITS = 150 };

static const char id[] = "00112233445566778899aabbccddeeff";

typedef struct fixture {
    trib_env_test env;
    trib_store *store;
    char folder[300];
    trib_session_vars vars;
    trib_db *db;
    trib_handle *handle;
} fixture;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    trib_error err = {0};
    trib_env_test_init(&f->env, false, 7);
    trib_test_folder_make(f->folder, sizeof f->folder);
    trib_store_config config = {.data_dir = f->folder, .inline_sync = true};
    if (trib_store_new(&config, &f->env.env, NULL, &f->store, &err) != TRIB_OK ||
        trib_store_db_get(f->store, trib_str_c(id), &(trib_db_settings){0}, &f->db, &err) != TRIB_OK ||
        trib_handle_take(f->db, &f->handle, &err) != TRIB_OK ||
        trib_handle_enter(f->handle, TRIB_ACCESS_WRITE, &f->vars, &err) != TRIB_OK)
        fail_msg("%s", err.message);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    trib_handle_leave(f->handle);
    trib_handle_give(f->handle);
    trib_db_unref(f->db);
    trib_store_free(f->store);
    store_test_remove_folder(f->folder);
    free(f);
    return 0;
}

static void commit(fixture *f, const char *sql) {
    int rc;
    assert_int_equal(store_test_exec(f->handle, sql, true, NULL, 0, &rc), TRIB_OK);
    trib_store_run_pending(f->store);
}

static uint64_t size_of(const char *path) {
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

static void copy(const char *from, const char *to) {
    uint8_t buffer[4096];
    size_t n;
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    while ((n = fread(buffer, 1, sizeof buffer, in)) > 0) assert_int_equal(fwrite(buffer, 1, n, out), n);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* What SQLite itself finds in a copy of the files as they are. */
static int64_t rows_in_copy(fixture *f) {
    char to[400], to_log[410];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    snprintf(to, sizeof to, "%s/copy.db", f->folder);
    snprintf(to_log, sizeof to_log, "%s-wal", to);
    copy(f->db->paths.db, to);
    copy(f->db->paths.wal, to_log);
    assert_int_equal(sqlite3_open(to, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM t", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t rows = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return rows;
}

static void log_grows_ahead_of_its_frames_by_zeroes_that_nobody_takes_for_frames(void **state) {
    fixture *f = *state;
    uint64_t size = 0;
    uint32_t grown = 0;
    commit(f, "CREATE TABLE t(x)");
    for (int i = 1; i <= COMMITS; i++) {
        commit(f, "INSERT INTO t VALUES (1)");
        uint64_t used = atomic_load(&f->db->log.bytes), now = size_of(f->db->paths.wal);
        assert_in_range(now, used, 2 * used + 2 * 4096);
        grown += now != size;
        size = now;
        if (i % 50 == 1) assert_int_equal(rows_in_copy(f), i);
    }
    assert_in_range(grown, 1, 12); /* not with each of the commits */
}

static void log_that_was_emptied_grows_again(void **state) {
    fixture *f = *state;
    bool complete = false;
    commit(f, "CREATE TABLE t(x)");
    commit(f, "INSERT INTO t VALUES (1)");
    f->handle->has_turn = true;
    assert_int_equal(trib_ckpt_run(f->handle, true, &complete, NULL), SQLITE_OK);
    f->handle->has_turn = false;
    assert_true(complete);
    assert_int_equal(size_of(f->db->paths.wal), 0);
    commit(f, "INSERT INTO t VALUES (2)");
    assert_in_range(size_of(f->db->paths.wal), atomic_load(&f->db->log.bytes) + 1, 5 * 4096);
    assert_int_equal(rows_in_copy(f), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(log_grows_ahead_of_its_frames_by_zeroes_that_nobody_takes_for_frames, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(log_that_was_emptied_grows_again, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
