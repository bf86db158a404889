/* SPDX-License-Identifier: Apache-2.0 */
/* SQL text into a file: however it is cut, with lines in errors, and nothing but a whole dump is taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/plain_file.h"
#include "store/sql_load.h"

static char path[64];
static const trib_sql_load_bounds *bounds;

static int setup(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/trib-load-XXXXXX");
    int fd = mkstemp(path);
    close(fd);
    return fd >= 0 ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    return unlink(path);
}

/* In pieces of `piece` bytes. */
static trib_code load(const char *text, size_t piece, trib_error *err) {
    trib_sql_load *into = NULL;
    trib_code code = trib_sql_load_open(path, bounds, &into, err);
    for (size_t at = 0, len = strlen(text); code == TRIB_OK && at < len; at += piece)
        code = trib_sql_load_feed(into, trib_str_make(text + at, piece < len - at ? piece : len - at), err);
    if (code == TRIB_OK) code = trib_sql_load_finish(into, err);
    trib_sql_load_close(into);
    return code;
}

static int64_t number(const char *sql) {
    trib_plain_file *file = NULL;
    trib_plain_rows rows = {0};
    trib_arena arena;
    trib_arena_init(&arena, 1 << 20);
    assert_int_equal(trib_plain_file_open(path, &file, NULL), TRIB_OK);
    assert_int_equal(trib_plain_file_execute(file, trib_str_c(sql), NULL, 0, &arena, &rows, NULL), TRIB_OK);
    int64_t value = rows.row_count ? rows.values[0].integer : -1;
    trib_plain_file_close(file);
    trib_arena_deinit(&arena);
    return value;
}

static const char dump[] =
    "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a, b TEXT); -- a; comment\n"
    "INSERT INTO t VALUES(1,'a;\nb''c');\nINSERT INTO t VALUES(2,X'00');\n/* more; */\n"
    "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET b = 'x'; DELETE FROM t WHERE a = 9; END;\n"
    "PRAGMA user_version=5;\nPRAGMA journal_mode=WAL;\nCOMMIT;\n";

static void the_cuts_of_the_text_do_not_matter(void **state) {
    (void)state;
    for (size_t piece = 1; piece < 40; piece += 3) {
        teardown(NULL);
        assert_int_equal(setup(NULL), 0);
        trib_error err;
        if (load(dump, piece, &err) != TRIB_OK) fail_msg("%zu: %s", piece, err.message);
        assert_int_equal(number("SELECT count(*) * 100 + sum(a) FROM t"), 203);
        assert_int_equal(number("SELECT length(b) FROM t WHERE a = 1"), 6);
        assert_int_equal(number("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"), 1);
        assert_int_equal(number("PRAGMA user_version"), 5);
    }
}

static void statements_need_no_transaction_and_no_last_semicolon(void **state) {
    (void)state;
    assert_int_equal(
        load("CREATE TABLE t(a);SAVEPOINT s;INSERT INTO t VALUES(1);ROLLBACK TO s;INSERT INTO t VALUES(2)", 7, NULL),
        TRIB_OK);
    assert_int_equal(number("SELECT sum(a) FROM t"), 2);
}

static void an_error_has_the_line_where_its_statement_begins(void **state) {
    (void)state;
    trib_error err;
    assert_int_equal(load("CREATE TABLE t(a);\n\n-- x\n\nINSERT\nINTO\nmissing VALUES (1);\n", 9, &err),
                     TRIB_SQL_ERROR);
    assert_non_null(strstr(err.message, "line 5: SQLite error: no such table: missing"));
    teardown(NULL);
    setup(NULL);
    assert_int_equal(load("CREATE TABLE t(a);\nINSERT INTO t VALUES (1);\nINSERT INTO missing", 9, &err),
                     TRIB_SQL_ERROR);
    assert_non_null(strstr(err.message, "line 3: "));
}

static void random_rowid_may_be_in_the_words_of_libsql(void **state) {
    (void)state;
    static const char text[] = "BEGIN TRANSACTION;\nCREATE TABLE IF NOT EXISTS r(a) RANDOM ROWID;\n"
                               "INSERT INTO r VALUES(1);\nINSERT INTO r VALUES(2);\nCOMMIT;\n";
    assert_int_equal(load(text, 7, NULL), TRIB_OK);
    assert_int_equal(number("SELECT count(*) FROM r WHERE rowid > 1000000"), 2);
    assert_int_equal(number("SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%r(/* RANDOM ROWID */a)%'"), 1);
}

static void half_a_dump_is_refused_at_every_cut(void **state) {
    (void)state;
    trib_error err;
    char *commit = strstr(dump, "COMMIT");
    size_t least = (size_t)(strstr(dump, "CREATE TABLE") - dump);
    for (size_t len = least; len < (size_t)(commit - dump) + 6; len += 5) {
        char text[sizeof dump];
        memcpy(text, dump, len);
        text[len] = '\0';
        teardown(NULL);
        setup(NULL);
        assert_int_not_equal(load(text, 1000, &err), TRIB_OK);
    }
}

static void a_dump_that_undoes_itself_is_refused(void **state) {
    (void)state;
    trib_error err;
    assert_int_equal(load("BEGIN;\nCREATE TABLE t(a);\nROLLBACK; -- due to errors\n", 1000, &err), TRIB_IMPORT_REFUSED);
    assert_non_null(strstr(err.message, "line 3"));
}

static void a_dump_reaches_no_other_file(void **state) {
    (void)state;
    static const char *const texts[] = {"ATTACH '/tmp/trib-load-other' AS x", "VACUUM INTO '/tmp/trib-load-other'",
                                        "vacuum", "DETACH main"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(load(texts[i], 3, NULL), TRIB_SQL_DENIED);
    assert_int_not_equal(access("/tmp/trib-load-other", F_OK), 0);
}

static void a_long_statement_in_small_pieces_is_read_few_times(void **state) {
    (void)state;
    size_t len = 2 << 20;
    char *text = malloc(len + 64);
    int n = snprintf(text, 64, "CREATE TABLE t(a);INSERT INTO t VALUES('");
    memset(text + n, 'x', len);
    snprintf(text + (size_t)n + len, 8, "');");
    assert_int_equal(load(text, 512, NULL), TRIB_OK); /* looked at with each piece it would take minutes */
    assert_int_equal(number("SELECT length(a) FROM t"), len);
    free(text);
}

static bool stop_now(void *ctx) {
    (void)ctx;
    return true;
}

static void bounds_end_what_takes_too_much(void **state) {
    (void)state;
    static const trib_sql_load_bounds small = {.max_bytes = 64 << 10}, stopped = {.must_stop = stop_now};
    static const char endless[] = "CREATE TABLE t(a);WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
                                  "INSERT INTO t SELECT x FROM c;";
    trib_error err;
    bounds = &small;
    assert_int_equal(load(endless, 1000, &err), TRIB_DATABASE_FULL);
    assert_int_equal(load("SELECT zeroblob(100000000)", 1000, &err), TRIB_SQL_ERROR);
    teardown(NULL);
    setup(NULL);
    bounds = &stopped;
    assert_int_equal(load(endless, 1000, &err), TRIB_CANCELLED);
    bounds = NULL;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_cuts_of_the_text_do_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(statements_need_no_transaction_and_no_last_semicolon, setup, teardown),
        cmocka_unit_test_setup_teardown(an_error_has_the_line_where_its_statement_begins, setup, teardown),
        cmocka_unit_test_setup_teardown(random_rowid_may_be_in_the_words_of_libsql, setup, teardown),
        cmocka_unit_test_setup_teardown(half_a_dump_is_refused_at_every_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dump_that_undoes_itself_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dump_reaches_no_other_file, setup, teardown),
        cmocka_unit_test_setup_teardown(bounds_end_what_takes_too_much, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_statement_in_small_pieces_is_read_few_times, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
