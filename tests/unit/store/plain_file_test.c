/* SPDX-License-Identifier: Apache-2.0 */
/* A database file by itself: values, errors with SQLite's codes, many rows, transactions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/plain_file.h"

typedef struct fixture {
    char path[64];
    trib_plain_file *file;
    trib_arena arena;
    trib_plain_rows rows;
    trib_error err;
} fixture;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    snprintf(f->path, sizeof f->path, "/tmp/trib-plain-XXXXXX");
    int fd = mkstemp(f->path); /* empty: SQLite takes that for a new database */
    assert_true(fd >= 0);
    close(fd);
    trib_arena_init(&f->arena, 8 << 20);
    if (trib_plain_file_open(f->path, &f->file, &f->err) != TRIB_OK) fail_msg("%s", f->err.message);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    trib_plain_file_close(f->file);
    trib_arena_deinit(&f->arena);
    unlink(f->path);
    free(f);
    return 0;
}

static trib_code run(fixture *f, const char *sql) {
    return trib_plain_file_execute(f->file, trib_str_c(sql), NULL, 0, &f->arena, &f->rows, &f->err);
}

static void ok(fixture *f, const char *sql) {
    if (run(f, sql) != TRIB_OK) fail_msg("%s: %s", sql, f->err.message);
}

static void values_of_every_type_go_in_and_come_out(void **state) {
    fixture *f = *state;
    ok(f, "CREATE TABLE t(a, b, c, d, e)");
    const trib_value args[] = {
        {.type = TRIB_VALUE_INTEGER, .integer = INT64_MIN},
        {.type = TRIB_VALUE_REAL, .real = 0.5},
        {.type = TRIB_VALUE_TEXT, .bytes = TRIB_STR("x\0y")},
        {.type = TRIB_VALUE_BLOB, .bytes = {NULL, 0}},
        {.type = TRIB_VALUE_NULL},
    };
    assert_int_equal(trib_plain_file_execute(f->file, TRIB_STR("INSERT INTO t VALUES(?, ?, ?, ?, ?)"), args, 5,
                                             &f->arena, &f->rows, &f->err),
                     TRIB_OK);
    assert_int_equal(f->rows.affected_rows, 1);
    assert_int_equal(f->rows.col_count, 0);
    ok(f, "SELECT *, 'é' AS \"name of it\" FROM t");
    assert_int_equal(f->rows.row_count, 1);
    assert_int_equal(f->rows.col_count, 6);
    assert_int_equal(f->rows.affected_rows, 0);
    assert_true(trib_str_eq_c(f->rows.cols[5], "name of it"));
    assert_true(f->rows.values[0].integer == INT64_MIN);
    assert_true(f->rows.values[1].real > 0.49 && f->rows.values[1].real < 0.51);
    assert_true(trib_str_eq(f->rows.values[2].bytes, TRIB_STR("x\0y")));
    assert_int_equal(f->rows.values[3].type, TRIB_VALUE_BLOB);
    assert_int_equal(f->rows.values[3].bytes.len, 0);
    assert_int_equal(f->rows.values[4].type, TRIB_VALUE_NULL);
    assert_true(trib_str_eq_c(f->rows.values[5].bytes, "é"));
    ok(f, " -- nothing\n");
    assert_int_equal(f->rows.col_count, 0);
}

static void ten_thousand_rows_stay_in_order(void **state) {
    fixture *f = *state;
    ok(f, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 10000) SELECT n, -n FROM c");
    assert_int_equal(f->rows.row_count, 10000);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(f->rows.values[2 * i].integer, i + 1);
        assert_int_equal(f->rows.values[2 * i + 1].integer, -i - 1);
    }
}

static void more_rows_than_the_arena_takes_are_an_error_that_ends_nothing(void **state) {
    fixture *f = *state;
    assert_int_equal(run(f, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 20) "
                            "SELECT zeroblob(1000000) FROM c"),
                     TRIB_NOMEM);
    trib_arena_reset(&f->arena);
    ok(f, "SELECT 1");
    assert_int_equal(f->rows.values[0].integer, 1);
}

static void errors_have_sqlites_codes(void **state) {
    fixture *f = *state;
    ok(f, "CREATE TABLE p(id INTEGER PRIMARY KEY)");
    ok(f, "CREATE TABLE c(p REFERENCES p(id))");
    assert_int_equal(run(f, "SELECT * FROM missing"), TRIB_SQL_ERROR);
    assert_string_equal(f->err.text_code, "SQLITE_ERROR");
    assert_string_equal(f->err.message, "SQLite error: no such table: missing");
    assert_int_equal(run(f, "INSERT INTO c VALUES(7)"), TRIB_SQL_ERROR);
    assert_string_equal(f->err.text_code, "SQLITE_CONSTRAINT"); /* foreign keys are on */
    trib_plain_file *other = NULL;
    assert_int_equal(trib_plain_file_open("/nonexistent/x.db", &other, &f->err), TRIB_SQL_ERROR);
    assert_string_equal(f->err.text_code, "SQLITE_CANTOPEN");
    assert_null(other);
    assert_int_equal(trib_plain_file_open("/proc/self/exe", &other, &f->err), TRIB_SQL_ERROR);
    assert_string_equal(f->err.text_code, "SQLITE_NOTADB");
    assert_null(other);
}

static void what_was_not_committed_is_gone_after_the_end(void **state) {
    fixture *f = *state;
    ok(f, "CREATE TABLE t(a)");
    ok(f, "BEGIN");
    ok(f, "INSERT INTO t VALUES(1)");
    trib_plain_file_close(f->file);
    f->file = NULL;
    assert_int_equal(trib_plain_file_open(f->path, &f->file, &f->err), TRIB_OK);
    ok(f, "SELECT count(*) FROM t");
    assert_int_equal(f->rows.values[0].integer, 0);
}

static bool count_down(void *ctx) {
    return --*(int *)ctx <= 0;
}

static void a_statement_that_runs_for_ever_can_be_cancelled(void **state) {
    fixture *f = *state;
    int looks = 3;
    trib_plain_file_set_cancel(f->file, count_down, &looks);
    assert_int_equal(run(f, "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r"),
                     TRIB_CANCELLED);
    assert_int_equal(looks, 0);
    trib_plain_file_set_cancel(f->file, NULL, NULL);
    ok(f, "SELECT 1");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(values_of_every_type_go_in_and_come_out),
        T(ten_thousand_rows_stay_in_order),
        T(more_rows_than_the_arena_takes_are_an_error_that_ends_nothing),
        T(errors_have_sqlites_codes),
        T(what_was_not_committed_is_gone_after_the_end),
        T(a_statement_that_runs_for_ever_can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
