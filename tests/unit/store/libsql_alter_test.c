/* SPDX-License-Identifier: Apache-2.0 */
/* ALTER COLUMN: what it writes, what it refuses, that existing rows stay as they are, and that it is all or nothing. */
#include "unit/store/store_support.h"

#define SCHEMA "SELECT sql FROM sqlite_schema WHERE name='t'"

static void the_definition_is_replaced_and_new_rows_obey_it(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT /* c */, \"b c\" INT DEFAULT 5, CHECK (a<>'no'));"
                 "CREATE TABLE p(q PRIMARY KEY); INSERT INTO t(a) VALUES(NULL)");
    expect_ok(f, "ALTER TABLE t ALTER COLUMN a TO a VARCHAR(10) NOT NULL CHECK (length(a) > 1) REFERENCES p(q)");
    expect_rows(f, SCHEMA,
                "CREATE TABLE t(id INTEGER PRIMARY KEY, a VARCHAR(10) NOT NULL CHECK (length(a) > 1) REFERENCES p(q) "
                "/* c */, \"b c\" INT DEFAULT 5, CHECK (a<>'no'))");
    expect_ok(f, "ALTER TABLE main.[t] ALTER COLUMN `B C` TO \"b c\" REAL;");
    expect_rows(f, "SELECT a, \"b c\" FROM t", "null|5");
    expect_rows(f, "SELECT name, type, \"notnull\", dflt_value FROM pragma_table_info('t')",
                "id|INTEGER|0|null;a|VARCHAR(10)|1|null;b c|REAL|0|null");
    expect_error(f, "INSERT INTO t(a) VALUES(NULL)", TRIB_SQL_ERROR, "NOT NULL constraint failed: t.a");
    expect_error(f, "INSERT INTO t(a) VALUES('x')", TRIB_SQL_ERROR, "CHECK constraint failed");
    expect_rows(f, "PRAGMA foreign_key_list(t)", "0|0|p|a|q|NO ACTION|NO ACTION|NONE");
    expect_rows(f, "SELECT changes(), total_changes(), last_insert_rowid()", "0|1|1");
}

static void what_would_change_the_storage_is_refused_by_name(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(id INTEGER, a TEXT UNIQUE, b INT, g AS (b+1), PRIMARY KEY(id));"
                 "CREATE TABLE w(k TEXT, v, PRIMARY KEY(k)) WITHOUT ROWID; CREATE VIEW v AS SELECT a FROM t;"
                 "CREATE TABLE s(a INT) STRICT; CREATE VIRTUAL TABLE f USING fts5(x)");
    static const struct {
        const char *sql, *message;
    } rows[] = {
        {"ALTER TABLE nope ALTER COLUMN a TO a INT", "no such table: nope"},
        {"ALTER TABLE temp.t ALTER COLUMN a TO a INT", "no such table: temp.t"},
        {"ALTER TABLE t ALTER COLUMN nope TO nope INT", "no such column: \"nope\""},
        {"ALTER TABLE t ALTER COLUMN rowid TO rowid INT", "no such column: \"rowid\""},
        {"ALTER TABLE t ALTER COLUMN b TO c INT",
         "UPDATE cannot also rename column: \"b\" to c. Use ALTER TABLE RENAME"},
        {"ALTER TABLE t ALTER COLUMN a TO a TEXT", "altering column \"a\" of table t: UNIQUE constraint cannot be"},
        {"ALTER TABLE t ALTER COLUMN b TO b INT UNIQUE", "\"b\" of table t: UNIQUE constraint cannot be altered"},
        {"ALTER TABLE t ALTER COLUMN b TO b INTEGER PRIMARY KEY", "PRIMARY KEY constraint cannot be altered"},
        {"ALTER TABLE t ALTER COLUMN b TO b AS (1)", "GENERATED constraint cannot be altered"},
        {"ALTER TABLE t ALTER COLUMN g TO g INT", "GENERATED constraint cannot be altered"},
        {"ALTER TABLE t ALTER COLUMN id TO id TEXT", "this would change how its rows are stored"},
        {"ALTER TABLE w ALTER COLUMN k TO k TEXT COLLATE nocase", "this would change how its rows are stored"},
        {"ALTER TABLE t ALTER COLUMN b TO b INT CHECK (nosuch > 1)", "\"b\" of table t: no such column: nosuch"},
        {"ALTER TABLE t ALTER COLUMN b TO b INT COLLATE nosuch", "no such collation sequence: nosuch"},
        {"ALTER TABLE t ALTER COLUMN b TO b INT DEFAULT (a)", "is not constant"},
        {"ALTER TABLE t ALTER COLUMN b TO b INT FOREIGN KEY (b) REFERENCES t(a)", "syntax error"},
        {"ALTER TABLE s ALTER COLUMN a TO a VARCHAR", "unknown datatype"},
        {"ALTER TABLE v ALTER COLUMN a TO a INT", "only ordinary tables"},
        {"ALTER TABLE f ALTER COLUMN x TO x INT", "only ordinary tables"},
        {"ALTER TABLE f_content ALTER COLUMN c0 TO c0 INT", "only ordinary tables"},
        {"ALTER TABLE sqlite_schema ALTER COLUMN sql TO sql INT", "tables of SQLite may not be altered"},
    };
    char before[4096], after[4096];
    run_into(f, "SELECT group_concat(sql) FROM sqlite_schema", before, sizeof before);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_error(f, rows[i].sql, TRIB_SQL_ERROR, rows[i].message);
    expect_error(f, "ALTER TABLE t ALTER COLUMN b TO b INT, x INT", TRIB_SQL_PARSE_ERROR, "near \",\": syntax error");
    expect_error(f, "ALTER TABLE t ALTER COLUMN b TO b INT); DROP TABLE t", TRIB_SQL_PARSE_ERROR, "near \")\"");
    expect_error(f, "ALTER TABLE _trib_x ALTER COLUMN b TO b", TRIB_SQL_DENIED, "reserved");
    run_into(f, "SELECT group_concat(sql) FROM sqlite_schema", after, sizeof after);
    assert_string_equal(before, after);
    expect_error(f, "UPDATE sqlite_schema SET sql=''", TRIB_SQL_ERROR, "may not be modified");
}

static void a_rollback_takes_it_back_and_a_reader_may_not(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(a TEXT)");
    expect_ok(f, "BEGIN; ALTER TABLE t ALTER COLUMN a TO a INT NOT NULL");
    expect_error(f, "INSERT INTO t VALUES(NULL)", TRIB_SQL_ERROR, "NOT NULL");
    expect_error(f, "ALTER TABLE t ALTER COLUMN a TO a INT UNIQUE", TRIB_SQL_ERROR, "UNIQUE");
    expect_ok(f, "ROLLBACK; INSERT INTO t VALUES(NULL)");
    expect_rows(f, SCHEMA, "CREATE TABLE t(a TEXT)");
    expect_ok(f, "BEGIN; SAVEPOINT s; ALTER TABLE t ALTER COLUMN a TO a INT; ROLLBACK TO s; COMMIT");
    expect_rows(f, SCHEMA, "CREATE TABLE t(a TEXT)");
    fixture_access(f, TRIB_ACCESS_READ);
    expect_error(f, "ALTER TABLE t ALTER COLUMN a TO a INT", TRIB_SQL_ERROR, "readonly");
    fixture_access(f, TRIB_ACCESS_WRITE);
    expect_ok(f, "BEGIN READONLY");
    expect_error(f, "ALTER TABLE t ALTER COLUMN a TO a INT", TRIB_SQL_ERROR, "readonly");
    expect_ok(f, "ROLLBACK; BEGIN; ALTER TABLE t ALTER COLUMN a TO a INT; COMMIT");
    expect_rows(f, SCHEMA, "CREATE TABLE t(a INT)");
    assert_true(f->db.schema_version >= 2);
}

static void rows_that_are_older_than_their_column_keep_the_old_default(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(a); INSERT INTO t VALUES(1),(2);"
                 "CREATE TABLE log(x); CREATE TRIGGER tr AFTER UPDATE ON t BEGIN INSERT INTO log VALUES(1); END;"
                 "ALTER TABLE t ADD COLUMN k DEFAULT 7; ALTER TABLE t ADD COLUMN n;"
                 "ALTER TABLE t ALTER COLUMN k TO k INT NOT NULL DEFAULT 8;"
                 "ALTER TABLE t ALTER COLUMN n TO n DEFAULT 'new'; INSERT INTO t(a) VALUES(3)");
    expect_rows(f, "SELECT a, k, n FROM t", "1|7|null;2|7|null;3|8|new");
    expect_rows(f, "SELECT count(*) FROM log", "0");
    expect_rows(f, "PRAGMA integrity_check", "ok");
}

static void indexes_follow_a_new_collation_or_type(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(a TEXT, b); CREATE INDEX i ON t(a); CREATE INDEX e ON t(a || 'x') WHERE b > 1;"
                 "INSERT INTO t VALUES('B',2),('a',3),('A',4),('b',5)");
    expect_ok(f, "ALTER TABLE t ALTER COLUMN a TO a TEXT COLLATE NOCASE; ALTER TABLE t ALTER COLUMN b TO b INT");
    expect_rows(f, "PRAGMA integrity_check", "ok");
    expect_rows(f, "SELECT count(*) FROM t INDEXED BY i WHERE a = 'A'", "2");
    expect_ok(f, "CREATE UNIQUE INDEX u ON t(a, b)");
    expect_ok(f, "CREATE TABLE c(a TEXT); CREATE UNIQUE INDEX cu ON c(a); INSERT INTO c VALUES('x'),('X')");
    expect_error(f, "ALTER TABLE c ALTER COLUMN a TO a TEXT COLLATE nocase", TRIB_SQL_ERROR,
                 "UNIQUE constraint failed");
    expect_rows(f, "SELECT sql FROM sqlite_schema WHERE name='c'", "CREATE TABLE c(a TEXT)");
    expect_rows(f, "PRAGMA integrity_check", "ok");
}

static void values_of_a_strict_table_must_fit_the_new_type(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(a TEXT) STRICT; INSERT INTO t VALUES('1'),('2')");
    expect_ok(f, "ALTER TABLE t ALTER COLUMN a TO a INTEGER");
    expect_rows(f, "SELECT a, typeof(a) FROM t", "1|integer;2|integer");
    expect_ok(f, "ALTER TABLE t ALTER COLUMN a TO a TEXT; INSERT INTO t VALUES('x')");
    expect_error(f, "ALTER TABLE t ALTER COLUMN a TO a INTEGER", TRIB_SQL_ERROR, "cannot store TEXT value in INTEGER");
    expect_rows(f, "SELECT group_concat(a) FROM t", "1,2,x");
    expect_rows(f, "PRAGMA integrity_check", "ok");
}

static void views_triggers_and_foreign_keys_go_on_working(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE t(a INT, pid INT REFERENCES p(id));"
                 "CREATE VIEW v AS SELECT a FROM t; CREATE TABLE log(x);"
                 "CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES(new.a); END;"
                 "INSERT INTO p VALUES(1); INSERT INTO t VALUES(1,1)");
    expect_ok(f, "ALTER TABLE t ALTER COLUMN pid TO pid INT NOT NULL REFERENCES p(id) ON DELETE CASCADE;"
                 "ALTER TABLE t ALTER COLUMN a TO a TEXT; INSERT INTO t VALUES(5,1)");
    expect_error(f, "INSERT INTO t VALUES(5,2)", TRIB_SQL_ERROR, "FOREIGN KEY");
    expect_rows(f, "SELECT group_concat(a) FROM v", "1,5");
    expect_rows(f, "SELECT count(*) FROM log", "2");
    expect_ok(f, "DELETE FROM p");
    expect_rows(f, "SELECT count(*) FROM t", "0");
}

static void describe_knows_it_as_a_write_without_columns(void **state) {
    store_fixture *f = *state;
    trib_stmt *stmt = NULL;
    expect_ok(f, "CREATE TABLE t(a TEXT)");
    assert_int_equal(
        trib_stmt_prepare(&f->handle, TRIB_STR(" ; ALTER TABLE t ALTER COLUMN a TO a INT; -- x"), &stmt, &f->err),
        TRIB_OK);
    assert_false(trib_stmt_is_readonly(stmt));
    assert_int_equal(trib_stmt_col_count(stmt), 0);
    assert_int_equal(trib_stmt_param_count(stmt), 0);
    trib_stmt_free(stmt);
    expect_rows(f, SCHEMA, "CREATE TABLE t(a TEXT)");
    assert_int_equal(
        trib_stmt_prepare(&f->handle, TRIB_STR("ALTER TABLE t ALTER COLUMN a TO a INT; SELECT 1"), &stmt, &f->err),
        TRIB_SQL_MANY_STATEMENTS);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        store_test(the_definition_is_replaced_and_new_rows_obey_it),
        store_test(what_would_change_the_storage_is_refused_by_name),
        store_test(a_rollback_takes_it_back_and_a_reader_may_not),
        store_test(rows_that_are_older_than_their_column_keep_the_old_default),
        store_test(indexes_follow_a_new_collation_or_type),
        store_test(values_of_a_strict_table_must_fit_the_new_type),
        store_test(views_triggers_and_foreign_keys_go_on_working),
        store_test(describe_knows_it_as_a_write_without_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
