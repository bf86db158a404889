/* SPDX-License-Identifier: Apache-2.0 */
/* libSQL's grammar by tokens: quotes, comments, nesting, and what is left to SQLite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/libsql_text.h"

#define TEST(f) cmocka_unit_test(f)

static void alter_column_is_told_from_other_statements(void **state) {
    (void)state;
    static const struct {
        const char *sql;
        trib_alter_found want;
        const char *definition;
    } rows[] = {
        {"ALTER TABLE t ALTER COLUMN a TO a INT", TRIB_ALTER_COLUMN, "a INT"},
        {"alter table [t] /* x */ alter column \"a b\" to \"a b\" text -- end", TRIB_ALTER_COLUMN, "\"a b\" text"},
        {"ALTER TABLE main.t ALTER COLUMN a TO a DEC(1,2) CHECK (a IN (1,2)) ; SELECT 1", TRIB_ALTER_COLUMN,
         "a DEC(1,2) CHECK (a IN (1,2))"},
        {"ALTER TABLE t ALTER COLUMN a TO a", TRIB_ALTER_COLUMN, "a"},
        {"ALTER TABLE t ALTER COLUMN a TO a /* in */ INT /* behind */", TRIB_ALTER_COLUMN, "a /* in */ INT"},
        {"ALTER TABLE t RENAME COLUMN a TO b", TRIB_ALTER_OTHER, NULL},
        {"ALTER TABLE t ADD COLUMN alter_column", TRIB_ALTER_OTHER, NULL},
        {"ALTER INDEX t ALTER COLUMN a TO a", TRIB_ALTER_OTHER, NULL},
        {"SELECT 'ALTER TABLE t ALTER COLUMN a TO a'", TRIB_ALTER_OTHER, NULL},
        {"ALTER TABLE t ALTER a TO a INT", TRIB_ALTER_WRONG, NULL},
        {"ALTER TABLE t ALTER COLUMN a TO", TRIB_ALTER_WRONG, NULL},
        {"ALTER TABLE t ALTER COLUMN a INT", TRIB_ALTER_WRONG, NULL},
        {"ALTER TABLE t ALTER COLUMN 5 TO a INT", TRIB_ALTER_WRONG, NULL},
        {"ALTER TABLE t ALTER COLUMN a TO a INT, b INT", TRIB_ALTER_WRONG, NULL},
        {"ALTER TABLE t ALTER COLUMN a TO a INT)", TRIB_ALTER_WRONG, NULL},
        {"ALTER TABLE t ALTER COLUMN a TO a INT CHECK (a", TRIB_ALTER_WRONG, NULL},
        {"ALTER TABLE t ALTER COLUMN a TO a INT CHECK (a;)", TRIB_ALTER_WRONG, NULL},
        {"ALTER", TRIB_ALTER_OTHER, NULL},
        {"", TRIB_ALTER_OTHER, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_alter_column got;
        trib_error err;
        trib_alter_found found = trib_libsql_alter_column(trib_str_c(rows[i].sql), &got, &err);
        if (found != rows[i].want) fail_msg("%s: %d", rows[i].sql, (int)found);
        if (rows[i].definition && !trib_str_eq_c(got.definition, rows[i].definition))
            fail_msg("%s: '%.*s'", rows[i].sql, TRIB_STR_ARG(got.definition));
    }
}

static void constraints_that_decide_how_rows_are_stored_are_named(void **state) {
    (void)state;
    static const struct {
        const char *definition, *want;
    } rows[] = {
        {"a INT NOT NULL DEFAULT (1) CHECK (a > 0) REFERENCES x(y) ON DELETE SET NULL COLLATE nocase", NULL},
        {"a unique", "UNIQUE"},
        {"a INT CONSTRAINT k PRIMARY KEY", "PRIMARY KEY"},
        {"a INT AS (b + 1)", "GENERATED"},
        {"a INT GENERATED ALWAYS AS (b) STORED", "GENERATED"},
        {"\"unique\" TEXT DEFAULT 'primary as'", NULL},
        {"a TEXT DEFAULT (CAST(1 AS TEXT)) /* unique */", NULL},
        {"unique_id INT", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *got = trib_libsql_fixed_constraint(trib_str_c(rows[i].definition));
        if (!got != !rows[i].want || (got && strcmp(got, rows[i].want) != 0))
            fail_msg("%s: %s", rows[i].definition, got ? got : "none");
    }
}

static void a_columns_definition_is_found_whatever_stands_around_it(void **state) {
    (void)state;
    static const struct {
        const char *create, *column, *want; /* NULL: not there */
    } rows[] = {
        {"CREATE TABLE t(a INT, b TEXT DEFAULT 'x,y)' /* c */, c)", "b", "b TEXT DEFAULT 'x,y)'"},
        {"CREATE TABLE t(a INT, b DEC(1,2) CHECK (b IN (1,(2))))", "B", "b DEC(1,2) CHECK (b IN (1,(2)))"},
        {"CREATE TABLE \"a(b\" (/* RANDOM ROWID */ `x y` INT, z)", "[X Y]", "`x y` INT"},
        {"CREATE TABLE t(-- a, comment (\n a\n, b)", "a", "a"},
        {"CREATE TABLE t(\"q\"\"q\" INT)", "'q\"q'", "\"q\"\"q\" INT"},
        {"CREATE TABLE t(a, PRIMARY KEY(a), CHECK (b > 1))", "b", NULL},
        {"CREATE TABLE t(a, CONSTRAINT b UNIQUE (a))", "b", NULL},
        {"CREATE TABLE t(a, \"check\" INT)", "check", "\"check\" INT"},
        {"CREATE VIRTUAL TABLE t USING fts5(a)", "a", NULL},
        {"CREATE VIEW v(a) AS SELECT 1", "a", NULL},
        {"CREATE TABLE t(a INT", "a", NULL},
        {"CREATE TABLE t(", "a", NULL},
        {"", "a", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t from = 0, to = 0;
        trib_str create = trib_str_c(rows[i].create), column = trib_str_c(rows[i].column);
        bool found = trib_libsql_find_column(create, trib_sql_next(&column), &from, &to);
        if (found != (rows[i].want != NULL)) fail_msg("%s: %s", rows[i].create, found ? "found" : "not found");
        if (found && !trib_str_eq_c(trib_str_sub(create, from, to), rows[i].want))
            fail_msg("%s: '%.*s'", rows[i].create, TRIB_STR_ARG(trib_str_sub(create, from, to)));
    }
}

static void random_rowid_becomes_a_mark_behind_the_first_parenthesis(void **state) {
    (void)state;
    static const struct {
        const char *sql;
        trib_random_found want;
        const char *text;
    } rows[] = {
        {"CREATE TABLE t(a) RANDOM ROWID", TRIB_RANDOM_ROWID, "CREATE TABLE t(/* RANDOM ROWID */a) "},
        {"create table if not exists main.t (a) random /* x */ rowid;", TRIB_RANDOM_ROWID,
         "create table if not exists main.t (/* RANDOM ROWID */a) ;"},
        {"CREATE TABLE t(a INT) STRICT, RANDOM ROWID", TRIB_RANDOM_ROWID,
         "CREATE TABLE t(/* RANDOM ROWID */a INT) STRICT"},
        {"CREATE TABLE t(a INT) RANDOM ROWID, STRICT", TRIB_RANDOM_ROWID,
         "CREATE TABLE t(/* RANDOM ROWID */a INT)  STRICT"},
        {"CREATE TABLE t(a CHECK (a IN (')', 1))) RANDOM ROWID", TRIB_RANDOM_ROWID,
         "CREATE TABLE t(/* RANDOM ROWID */a CHECK (a IN (')', 1))) "},
        {"CREATE TABLE t(a INTEGER PRIMARY KEY AUTOINCREMENT) RANDOM ROWID", TRIB_RANDOM_AUTOINCREMENT, NULL},
        {"CREATE TABLE t(random, rowid)", TRIB_RANDOM_NOT, NULL},
        {"CREATE TABLE t(a) RANDOM", TRIB_RANDOM_NOT, NULL},
        {"CREATE TABLE t(a) RANDOM, ROWID", TRIB_RANDOM_NOT, NULL},
        {"CREATE TABLE t(a) \"RANDOM\" ROWID", TRIB_RANDOM_NOT, NULL},
        {"CREATE TABLE t AS SELECT (1) RANDOM ROWID", TRIB_RANDOM_NOT, NULL},
        {"CREATE TABLE IF(a) RANDOM ROWID", TRIB_RANDOM_ROWID, "CREATE TABLE IF(/* RANDOM ROWID */a) "},
        {"CREATE TABLE t(a); SELECT 1 RANDOM ROWID", TRIB_RANDOM_NOT, NULL},
        {"CREATE INDEX i ON t(a) RANDOM ROWID", TRIB_RANDOM_NOT, NULL},
        {"CREATE TABLE t(a RANDOM ROWID", TRIB_RANDOM_NOT, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_buf out;
        size_t at = 0;
        trib_buf_init(&out, 1000);
        trib_random_found found = trib_libsql_random_rowid(trib_str_c(rows[i].sql), &out, &at);
        if (found != rows[i].want) fail_msg("%s: %d", rows[i].sql, (int)found);
        if (rows[i].text && !trib_str_eq_c(trib_buf_str(&out), rows[i].text))
            fail_msg("%s: '%.*s'", rows[i].sql, TRIB_STR_ARG(trib_buf_str(&out)));
        if (rows[i].text) assert_memory_equal(out.ptr + at, TRIB_RANDOM_ROWID_MARK, sizeof TRIB_RANDOM_ROWID_MARK - 1);
        trib_buf_deinit(&out);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        TEST(alter_column_is_told_from_other_statements),
        TEST(constraints_that_decide_how_rows_are_stored_are_named),
        TEST(a_columns_definition_is_found_whatever_stands_around_it),
        TEST(random_rowid_becomes_a_mark_behind_the_first_parenthesis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
