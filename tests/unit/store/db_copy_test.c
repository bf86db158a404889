/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of database files: with their log, made fit, and what cannot be served is named. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/db_copy.h"
#include "store/plain_file.h"

static char folder[64], from[96], to[96];
static trib_buf notes;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/trib-copy-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(from, sizeof from, "%s/from.db", folder);
    snprintf(to, sizeof to, "%s/to.db", folder);
    trib_buf_init(&notes, 4096);
    fclose(fopen(from, "w"));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    trib_buf_deinit(&notes);
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
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

/* Several statements, with blanks behind the semicolons between them. */
static void make(const char *const *sql) {
    trib_plain_file *file = NULL;
    assert_int_equal(trib_plain_file_open(from, &file, NULL), TRIB_OK);
    for (; *sql; sql++) on(file, *sql);
    trib_plain_file_close(file);
}

static int64_t in_copy(const char *sql) {
    trib_plain_file *file = NULL;
    assert_int_equal(trib_plain_file_open(to, &file, NULL), TRIB_OK);
    int64_t value = on(file, sql);
    trib_plain_file_close(file);
    return value;
}

static const trib_copy_progress none;

static trib_code copy(int64_t *ret_bytes, trib_error *err) {
    trib_code code = trib_db_copy_take(from, to, none, err);
    return code == TRIB_OK ? trib_db_copy_fit(to, &notes, ret_bytes, err) : code;
}

static void a_file_in_use_is_copied_with_its_log(void **state) {
    (void)state;
    trib_plain_file *file = NULL;
    int64_t bytes = 0;
    char wal[128];
    assert_int_equal(trib_plain_file_open(from, &file, NULL), TRIB_OK);
    on(file, "PRAGMA journal_mode=WAL");
    on(file, "CREATE TABLE t(a)");
    on(file, "INSERT INTO t VALUES (41)");
    on(file, "BEGIN");
    on(file, "INSERT INTO t VALUES (1)"); /* not committed */
    assert_int_equal(copy(&bytes, NULL), TRIB_OK);
    trib_plain_file_close(file);
    assert_int_equal(in_copy("SELECT sum(a) FROM t"), 41);
    snprintf(wal, sizeof wal, "%s-wal", to);
    assert_int_not_equal(access(wal, F_OK), 0);
    assert_int_equal(bytes, 8192);
    assert_int_equal(notes.len, 0);
}

static void other_pages_become_ours_and_it_is_said(void **state) {
    (void)state;
    int64_t bytes = 0;
    make((const char *const[]){"PRAGMA page_size=512", "CREATE TABLE t(a INTEGER PRIMARY KEY)",
                               "INSERT INTO t VALUES (7)", NULL});
    assert_int_equal(copy(&bytes, NULL), TRIB_OK);
    assert_int_equal(in_copy("PRAGMA page_size"), 4096);
    assert_int_equal(in_copy("SELECT a FROM t"), 7);
    assert_int_equal(bytes % 4096, 0);
    assert_int_not_equal(trib_str_find(trib_buf_str(&notes), '5'), SIZE_MAX);
}

static void what_cannot_be_served_is_named(void **state) {
    (void)state;
    int64_t bytes = 0;
    trib_error err;
    make((const char *const[]){"PRAGMA encoding='UTF-16'", "CREATE TABLE t(a)", NULL});
    assert_int_equal(copy(&bytes, &err), TRIB_IMPORT_REFUSED);
    teardown(NULL);
    setup(NULL);
    FILE *file = fopen(from, "w");
    for (int i = 0; i < 500; i++) fputs("no database ", file);
    fclose(file);
    assert_int_equal(copy(&bytes, &err), TRIB_IMPORT_REFUSED);
}

/* The texts are libSQL's own, as it writes them into the file after ALTER TABLE, too. */
static void random_rowids_come_along_by_their_mark(void **state) {
    (void)state;
    int64_t bytes = 0;
    make((const char *const[]){"PRAGMA journal_mode=WAL", "CREATE TABLE \"my t\"(a, b TEXT DEFAULT 'x', z)",
                               "CREATE TABLE s(id INTEGER PRIMARY KEY, v ANY) STRICT",
                               "CREATE TABLE fine(a DEFAULT 'RANDOM ROWID')", "CREATE TABLE type(x RANDOM ROWID)",
                               "INSERT INTO \"my t\"(rowid, a) VALUES (299590299453793300, 41)",
                               "PRAGMA writable_schema=ON",
                               "UPDATE sqlite_schema SET sql = sql || iif(name = 's', ',', '') || ' RANDOM  ROWID' "
                               "WHERE name IN ('my t', 's')",
                               NULL});
    assert_int_equal(copy(&bytes, NULL), TRIB_OK);
    assert_int_equal(notes.len, 0);
    in_copy("INSERT INTO \"my t\"(a) VALUES (1)");
    in_copy("INSERT INTO s(v) VALUES (1)");
    assert_int_equal(in_copy("SELECT sum(a) FROM \"my t\" WHERE b IS NOT 'y'"), 42);
    assert_int_equal(in_copy("SELECT rowid FROM \"my t\" WHERE a = 41"), 299590299453793300);
    assert_true(in_copy("SELECT rowid FROM \"my t\" WHERE a = 1") != 299590299453793301);
    assert_true(in_copy("SELECT id FROM s") > 1000000);
    assert_int_equal(in_copy("SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%(/* RANDOM ROWID */%'"), 2);
    in_copy("INSERT INTO type VALUES (1)");
    assert_int_equal(in_copy("SELECT rowid FROM type"), 1);
}

static void a_vector_index_is_left_out_and_its_table_is_not(void **state) {
    (void)state;
    int64_t bytes = 0;
    make((const char *const[]){"CREATE TABLE m(a, e)", "CREATE INDEX \"v\"\"x\" ON m(e)",
                               "CREATE TABLE \"v\"\"x_shadow\"(a)", "INSERT INTO m VALUES (1, x'00')",
                               "PRAGMA writable_schema=ON",
                               "UPDATE sqlite_schema SET sql = 'CREATE INDEX \"v\"\"x\" ON m(libsql_vector_idx(e))' "
                               "WHERE type = 'index'",
                               NULL});
    assert_int_equal(copy(&bytes, NULL), TRIB_OK);
    in_copy("INSERT INTO m VALUES (2, x'01')");
    assert_int_equal(in_copy("SELECT sum(a) FROM m"), 3);
    assert_int_equal(in_copy("SELECT count(*) FROM sqlite_schema"), 1);
}

static trib_code add_row(void *ctx, const trib_str *values, size_t count, trib_error *err) {
    (void)err;
    assert_int_equal(count, 3);
    assert_true(trib_str_eq_c(values[0], "x") && values[1].ptr == NULL && values[2].len == 2 && values[2].ptr[0] == 0);
    ++*(int *)ctx;
    return TRIB_OK;
}

static void rows_of_a_query_are_given_one_by_one(void **state) {
    (void)state;
    int rows = 0;
    assert_int_equal(
        trib_db_copy_query(from, "SELECT 'x', NULL, x'0001' UNION ALL SELECT 'x', NULL, x'0001'", add_row, &rows, NULL),
        TRIB_OK);
    assert_int_equal(rows, 2);
    assert_int_equal(trib_db_copy_query(from, "SELECT a FROM missing", add_row, &rows, NULL), TRIB_SQL_ERROR);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_in_use_is_copied_with_its_log, setup, teardown),
        cmocka_unit_test_setup_teardown(other_pages_become_ours_and_it_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_served_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(random_rowids_come_along_by_their_mark, setup, teardown),
        cmocka_unit_test_setup_teardown(a_vector_index_is_left_out_and_its_table_is_not, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_of_a_query_are_given_one_by_one, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
