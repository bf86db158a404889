/* SPDX-License-Identifier: Apache-2.0 */
/* Data folders of sqld: both layouts, what the logs hold, a sqld that runs, and that nothing in them changes. */
#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/sqld_folder.h"
#include "store/plain_file.h"

static char root[64], sqld[96], scratch[96];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}

static int setup(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/trib-sqld-XXXXXX");
    if (!mkdtemp(root)) return -1;
    snprintf(sqld, sizeof sqld, "%s/sqld", root);
    snprintf(scratch, sizeof scratch, "%s/scratch", root);
    return mkdir(sqld, 0700) | mkdir(scratch, 0700);
}

static int teardown(void **state) {
    (void)state;
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void in_sqld(const char *name, char ret[PATH_MAX]) {
    snprintf(ret, PATH_MAX, "%s/%s", sqld, name);
}

static void folder(const char *name) {
    char path[PATH_MAX];
    in_sqld(name, path);
    assert_int_equal(mkdir(path, 0700), 0);
}

static int64_t on(trib_plain_file *file, const char *sql) {
    trib_plain_rows rows = {0};
    trib_arena arena;
    trib_error err;
    trib_arena_init(&arena, 1 << 20);
    if (trib_plain_file_execute(file, trib_str_c(sql), NULL, 0, &arena, &rows, &err) != TRIB_OK)
        fail_msg("%s: %s", sql, err.message);
    int64_t value = rows.row_count ? rows.values[0].integer : -1;
    trib_arena_deinit(&arena);
    return value;
}

static trib_plain_file *open_at(const char *path) {
    trib_plain_file *file = NULL;
    FILE *empty = fopen(path, "ae");
    fclose(empty);
    assert_int_equal(trib_plain_file_open(path, &file, NULL), TRIB_OK);
    return file;
}

static void database(const char *name, const char *const *sql) {
    char path[PATH_MAX];
    in_sqld(name, path);
    trib_plain_file *file = open_at(path);
    for (; *sql; sql++) on(file, *sql);
    trib_plain_file_close(file);
}

static const char *const table[] = {"PRAGMA journal_mode=WAL", "CREATE TABLE t(a)", "INSERT INTO t VALUES (41)", NULL};
static const char *const metastore[] = {
    "CREATE TABLE namespace_configs (namespace TEXT NOT NULL PRIMARY KEY, config BLOB NOT NULL)",
    "INSERT INTO namespace_configs VALUES ('acme', x'1001208010'), ('gone', x''), ('odd', x'ff')", NULL};

static const trib_copy_progress none;

static void namespaces_come_from_folders_and_metastore(void **state) {
    (void)state;
    trib_sqld_folder f;
    folder("dbs");
    folder("dbs/acme");
    folder("dbs/default");
    folder("dbs/left");
    folder("dbs/empty");
    folder("metastore");
    database("dbs/acme/data", table);
    database("dbs/default/data", table);
    database("dbs/left/data", table);
    database("metastore/data", metastore);
    assert_int_equal(trib_sqld_folder_open(&f, sqld, scratch, NULL), TRIB_OK);
    assert_int_equal(f.count, 5);
    const char *names[] = {"acme", "default", "gone", "left", "odd"};
    for (size_t i = 0; i < 5; i++) assert_true(trib_str_eq_c(f.items[i].name, names[i]));
    assert_true(f.items[0].has_config && f.items[0].config.block_writes && f.items[0].config.max_db_pages == 2048);
    assert_true(f.items[0].bytes == 8192 && f.items[0].path);
    assert_false(f.items[1].unlisted); /* sqld makes it by itself */
    assert_null(f.items[2].path);
    assert_true(f.items[3].unlisted);
    assert_true(f.items[4].bad_config);
    trib_sqld_folder_close(&f);
}

static void without_a_metastore_every_folder_counts(void **state) {
    (void)state;
    trib_sqld_folder f;
    folder("dbs");
    folder("dbs/left");
    database("dbs/left/data", table);
    assert_int_equal(trib_sqld_folder_open(&f, sqld, scratch, NULL), TRIB_OK);
    assert_true(f.count == 1 && !f.items[0].unlisted);
    trib_sqld_folder_close(&f);
}

static void the_older_layout_is_one_database(void **state) {
    (void)state;
    trib_sqld_folder f;
    database("data", table);
    assert_int_equal(trib_sqld_folder_open(&f, sqld, scratch, NULL), TRIB_OK);
    assert_int_equal(f.count, 1);
    assert_true(trib_str_eq_c(f.items[0].name, "default"));
    trib_sqld_folder_close(&f);
}

static int count_entries(void) {
    int count = 0;
    DIR *dir = opendir(sqld);
    while (readdir(dir)) count++;
    closedir(dir);
    return count;
}

static void a_copy_has_what_the_log_holds_and_nothing_changes(void **state) {
    (void)state;
    char live[96], data[128], command[640], copy[128];
    trib_sqld_folder f;
    struct stat before, after;
    int64_t bytes = 0;
    trib_buf notes;
    snprintf(live, sizeof live, "%s/live", root);
    snprintf(copy, sizeof copy, "%s/copy", scratch);
    snprintf(data, sizeof data, "%s/data", sqld);
    trib_plain_file *file = open_at(live);
    for (const char *const *sql = table; *sql; sql++) on(file, *sql);
    /* a database whose program was killed: its log is full, and no wal-index is there */
    snprintf(command, sizeof command, "cp %s %s && cp %s-wal %s-wal", live, data, live, data);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): names of our own
    trib_plain_file_close(file);
    stat(data, &before);
    int entries = count_entries();
    assert_int_equal(trib_sqld_folder_open(&f, sqld, scratch, NULL), TRIB_OK);
    assert_int_equal(trib_sqld_folder_copy(&f.items[0], copy, none, NULL), TRIB_OK);
    trib_buf_init(&notes, 4096);
    assert_int_equal(trib_db_copy_fit(copy, &notes, &bytes, NULL), TRIB_OK);
    file = open_at(copy);
    assert_int_equal(on(file, "SELECT a FROM t"), 41);
    trib_plain_file_close(file);
    stat(data, &after);
    assert_int_equal(count_entries(), entries);
    assert_true(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec && before.st_size == after.st_size);
    trib_buf_deinit(&notes);
    trib_sqld_folder_close(&f);
}

/* Another process, since a process does not see its own locks. */
static pid_t hold(const char *path) {
    int ready[2];
    char c;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        trib_plain_file *file = NULL;
        if (trib_plain_file_open(path, &file, NULL) != TRIB_OK || write(ready[1], "x", 1) != 1) _exit(1);
        for (;;) pause();
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void a_sqld_that_runs_is_noticed(void **state) {
    (void)state;
    char path[PATH_MAX];
    trib_sqld_folder f;
    trib_error err;
    folder("dbs");
    folder("dbs/acme");
    database("dbs/acme/data", table);
    in_sqld("dbs/acme/data", path);
    pid_t pid = hold(path);
    assert_int_equal(trib_sqld_folder_open(&f, sqld, scratch, &err), TRIB_IMPORT_REFUSED);
    assert_non_null(strstr(err.message, "stop sqld first"));
    trib_sqld_folder_close(&f);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(trib_sqld_folder_open(&f, sqld, scratch, NULL), TRIB_OK);
    trib_sqld_folder_close(&f);
}

static void other_folders_are_told_apart(void **state) {
    (void)state;
    trib_sqld_folder f;
    trib_error err;
    assert_int_equal(trib_sqld_folder_open(&f, "/nonexistent", scratch, NULL), TRIB_NOT_FOUND);
    trib_sqld_folder_close(&f);
    assert_int_equal(trib_sqld_folder_open(&f, sqld, scratch, &err), TRIB_NOT_FOUND);
    assert_non_null(strstr(err.message, "--db-path"));
    trib_sqld_folder_close(&f);
    database("data", table);
    folder("wals");
    assert_int_equal(trib_sqld_folder_open(&f, sqld, scratch, &err), TRIB_IMPORT_REFUSED);
    assert_non_null(strstr(err.message, "libSQL's own log"));
    trib_sqld_folder_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(namespaces_come_from_folders_and_metastore, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_metastore_every_folder_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(the_older_layout_is_one_database, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_has_what_the_log_holds_and_nothing_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_sqld_that_runs_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(other_folders_are_told_apart, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
