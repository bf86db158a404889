/* SPDX-License-Identifier: Apache-2.0 */
/* Row changes that are noted and done again: whatever a tenant's schema has, the second database ends equal to the
 * first, and what could not be done again is refused before anything is promised. */
#include "unit/store/store_support.h"

#include "store/redo_int.h"

/* ---- two databases ---- */

static int add_row(void *ctx, int count, char **values, char **names) {
    trib_buf *buf = ctx;
    for (int i = 0; i < count; i++) trib_buf_printf(buf, "%s=%s|", names[i], values[i] ? values[i] : "NULL");
    trib_buf_add_char(buf, '\n');
    return 0;
}

static int add_table(void *ctx, int count, char **values, char **names) {
    (void)count, (void)names;
    trib_buf *list = ctx;
    trib_buf_add_bytes(list, values[0], strlen(values[0]) + 1);
    return 0;
}

/* Every row of every table as text, the hidden tables of virtual ones too. */
static void look(store_fixture *f, trib_buf *ret) {
    trib_buf tables;
    trib_buf_init(&tables, 1 << 20);
    sqlite3_exec(
        f->handle.sqlite,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_trib%' ESCAPE '\\' ORDER BY 1",
        add_table, &tables, NULL);
    for (size_t at = 0; at < tables.len; at += strlen(tables.ptr + at) + 1) {
        char sql[400];
        trib_buf_printf(ret, "-- %s\n", tables.ptr + at);
        snprintf(sql, sizeof sql, "SELECT _rowid_, * FROM \"%s\" ORDER BY 1", tables.ptr + at);
        if (sqlite3_exec(f->handle.sqlite, sql, add_row, ret, NULL) == SQLITE_OK) continue;
        snprintf(sql, sizeof sql, "SELECT * FROM \"%s\" ORDER BY 1", tables.ptr + at);
        sqlite3_exec(f->handle.sqlite, sql, add_row, ret, NULL);
    }
    trib_buf_deinit(&tables);
}

static void expect_equal(const char *name, store_fixture *a, store_fixture *b) {
    trib_buf one, other;
    trib_buf_init(&one, 8 << 20);
    trib_buf_init(&other, 8 << 20);
    look(a, &one);
    look(b, &other);
    trib_buf_add_char(&one, '\0');
    trib_buf_add_char(&other, '\0');
    if (strcmp(one.ptr, other.ptr) != 0) fail_msg("%s:\n%s\nbut again:\n%s", name, one.ptr, other.ptr);
    trib_buf_deinit(&one);
    trib_buf_deinit(&other);
}

static void prepare_again(store_fixture *f, int on) {
    static const int ids[] = {SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_FKEY};
    for (size_t i = 0; i < 3; i++) sqlite3_db_config(f->handle.sqlite, ids[i], on, NULL);
}

static trib_code note(store_fixture *f, const char *change, trib_buf *ret) {
    expect_ok(f, "BEGIN IMMEDIATE");
    fixture_access(f, TRIB_ACCESS_SYSTEM);
    assert_int_equal(trib_redo_begin(&f->handle, &f->err), TRIB_OK);
    trib_code code = run_into(f, change, NULL, 0);
    if (code != TRIB_OK) trib_redo_end(&f->handle);
    else code = trib_redo_take(&f->handle, ret, &f->err);
    fixture_access(f, TRIB_ACCESS_WRITE);
    return code;
}

static trib_code again(store_fixture *f, const trib_buf *redo) {
    prepare_again(f, 0);
    fixture_access(f, TRIB_ACCESS_SYSTEM);
    expect_ok(f, "BEGIN IMMEDIATE");
    trib_code code = trib_redo_apply(&f->handle, trib_buf_str(redo), &f->err);
    trib_error kept = f->err;
    expect_ok(f, code == TRIB_OK ? "COMMIT" : "ROLLBACK");
    f->err = kept;
    fixture_access(f, TRIB_ACCESS_WRITE);
    prepare_again(f, 1);
    return code;
}

static void fixture_end(store_fixture *f) {
    trib_redo_end(&f->handle);
    trib_redo_free(f->handle.redo);
    fixture_deinit(f);
}

/* ---- whatever a schema has ---- */

#define FTS                                                                                                            \
    "CREATE TABLE doc(id INTEGER PRIMARY KEY, body TEXT);"                                                             \
    "CREATE VIRTUAL TABLE find USING fts5(body, content='doc', content_rowid='id');"                                   \
    "CREATE TRIGGER doc_in AFTER INSERT ON doc BEGIN INSERT INTO find(rowid, body) VALUES(new.id, new.body); END;"     \
    "CREATE TRIGGER doc_out AFTER DELETE ON doc BEGIN INSERT INTO find(find, rowid, body) "                            \
    "VALUES('delete', old.id, old.body); END;"                                                                         \
    "INSERT INTO doc VALUES(1, 'chicken shawarma'), (2, 'laban');"

static const struct {
    const char *name, *schema, *change;
} cases[] = {
    {"plain", "CREATE TABLE a(id TEXT PRIMARY KEY, n); INSERT INTO a VALUES('x', 1), ('y', 2), ('z', 3)",
     "INSERT INTO a VALUES('v', 1.5); UPDATE a SET n = x'00ff' WHERE id = 'x'; DELETE FROM a WHERE id = 'y'"},
    {"no key", "CREATE TABLE a(x, y); INSERT INTO a VALUES(1, 1), (1, 1), (1, 1)",
     "DELETE FROM a WHERE rowid = 2; UPDATE a SET y = 5 WHERE rowid = 3; INSERT INTO a VALUES(1, 1)"},
    {"NULL in the key", "CREATE TABLE a(id TEXT PRIMARY KEY, n); INSERT INTO a VALUES(NULL, 1), (NULL, 2)",
     "UPDATE a SET n = 9 WHERE n = 1; DELETE FROM a WHERE n = 2; INSERT INTO a VALUES(NULL, 3)"},
    {"without rowid",
     "CREATE TABLE a(x, k1 INTEGER, k2 TEXT COLLATE NOCASE, y, PRIMARY KEY(k2, k1)) WITHOUT ROWID;"
     "INSERT INTO a VALUES(1, 1, 'a', 2), (3, 2, 'b', 4), (5, 3, 'c', 6)",
     "UPDATE a SET y = 'new' WHERE k1 = 1; UPDATE a SET k2 = 'z', x = 7 WHERE k1 = 2; DELETE FROM a WHERE k1 = 3;"
     "INSERT INTO a VALUES(8, 8, 'h', 8); REPLACE INTO a VALUES(0, 1, 'A', 0)"},
    {"generated",
     "CREATE TABLE a(id INTEGER PRIMARY KEY, v AS (p * 2) VIRTUAL, p INT, s AS (p + 1) STORED, r REAL);"
     "CREATE INDEX ai ON a(v); INSERT INTO a(id, p, r) VALUES(1, 1, 1), (2, 2, 2)",
     "UPDATE a SET p = 10 WHERE id = 1; INSERT INTO a(p, r) VALUES(3, 5); DELETE FROM a WHERE id = 2"},
    {"generated, no rowid",
     "CREATE TABLE a(v AS (p * 2) VIRTUAL, k TEXT, p INT, s AS (p + 1) STORED, q, PRIMARY KEY(k))"
     "WITHOUT ROWID; INSERT INTO a(k, p, q) VALUES('a', 1, 'A'), ('b', 2, 'B')",
     "UPDATE a SET p = 10 WHERE k = 'a'; UPDATE a SET k = 'z' WHERE k = 'b'; INSERT INTO a(k, p, q) VALUES('c', 3, 1)"},
    {"triggers",
     "CREATE TABLE a(x); CREATE TABLE log(n, at DEFAULT (random()));"
     "CREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO log(n) VALUES(new.x); "
     "UPDATE a SET x = x + 1 WHERE rowid = new.rowid; DELETE FROM log WHERE n = 3; END",
     "INSERT INTO a VALUES(1); INSERT INTO a VALUES(3); INSERT INTO a VALUES(4)"},
    {"a trigger that empties a table",
     "CREATE TABLE a(x); CREATE TABLE b(y); INSERT INTO b VALUES(1), (2);"
     "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; END",
     "INSERT INTO a VALUES(1)"},
    {"all rows at once", "CREATE TABLE a(x); INSERT INTO a VALUES(1), (2), (3)",
     "DELETE FROM a; INSERT INTO a VALUES(9)"},
    {"copied as a whole", "CREATE TABLE a(x); CREATE TABLE b(x); INSERT INTO a VALUES(1), (2), (3)",
     "INSERT INTO b SELECT * FROM a"},
    {"foreign keys",
     "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p ON DELETE CASCADE);"
     "CREATE TABLE n(p REFERENCES p ON DELETE SET NULL ON UPDATE CASCADE);"
     "INSERT INTO p VALUES(1), (2), (3); INSERT INTO c VALUES(1), (2); INSERT INTO n VALUES(1), (3)",
     "DELETE FROM p WHERE id = 1; UPDATE p SET id = 30 WHERE id = 3"},
    {"swapped", "CREATE TABLE a(id INTEGER PRIMARY KEY, u UNIQUE); INSERT INTO a VALUES(1, 'a'), (2, 'b')",
     "UPDATE a SET u = NULL WHERE id = 1; UPDATE a SET u = 'a' WHERE id = 2; UPDATE a SET u = 'b' WHERE id = 1"},
    {"replace",
     "CREATE TABLE a(id INTEGER PRIMARY KEY, u UNIQUE, w UNIQUE);"
     "INSERT INTO a VALUES(1, 'a', 'x'), (2, 'b', 'y'), (3, 'c', 'z')",
     "REPLACE INTO a VALUES(4, 'a', 'y'); REPLACE INTO a VALUES(3, 'q', 'q');"
     "INSERT INTO a VALUES(4, 'k', 'l') ON CONFLICT(id) DO UPDATE SET u = excluded.u;"
     "UPDATE OR REPLACE a SET u = 'k' WHERE id = 3"},
    {"rowids", "CREATE TABLE a(id INTEGER PRIMARY KEY, x); INSERT INTO a VALUES(0, 'o'), (-5, 'm'), (7, 's')",
     "UPDATE a SET id = 100 WHERE id = 0; UPDATE a SET id = 0 WHERE id = 7; DELETE FROM a WHERE id = 0;"
     "UPDATE a SET x = 'mm' WHERE id = -5; INSERT INTO a VALUES(0, 'again'); UPDATE a SET x = 'z' WHERE id = 0"},
    {"autoincrement", "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, x); INSERT INTO a(x) VALUES(1)",
     "INSERT INTO a(x) VALUES(2), (3); DELETE FROM a WHERE x = 3"},
    {"names", "CREATE TABLE \"o\"\"d t\"(\"a \"\"b\", rowid, [select]); INSERT INTO \"o\"\"d t\" VALUES(1, 2, 3)",
     "UPDATE \"o\"\"d t\" SET rowid = 5; INSERT INTO \"o\"\"d t\" VALUES(1, 1, 1)"},
    {"checks", "CREATE TABLE a(x CHECK (x > 0) NOT NULL, y DEFAULT 7) STRICT", ""},
    {"fts5",
     "CREATE VIRTUAL TABLE find USING fts5(title, body); INSERT INTO find VALUES('a', 'one two'), ('b', 'three')",
     "INSERT INTO find VALUES('c', 'four two'); UPDATE find SET body = 'five' WHERE title = 'b';"
     "DELETE FROM find WHERE title = 'a'"},
    {"fts5 by triggers", FTS, "INSERT INTO doc VALUES(3, 'grilled chicken'); DELETE FROM doc WHERE id = 2"},
    {"fts5 merged", FTS,
     "INSERT INTO doc VALUES(5, 'x'); INSERT INTO find(find) VALUES('optimize');"
     "INSERT INTO find(find) VALUES('rebuild')"},
    {"rtree",
     "CREATE VIRTUAL TABLE r USING rtree(id, x0, x1, +name); INSERT INTO r VALUES(1, 0, 1, 'a'), (2, 5, 6, 'b')",
     "INSERT INTO r VALUES(3, 2, 3, 'c'); DELETE FROM r WHERE id = 1; UPDATE r SET x1 = 9 WHERE id = 2"},
    {"values", "CREATE TABLE a(x, t TEXT, r REAL, i INTEGER, b BLOB)",
     "INSERT INTO a VALUES(9223372036854775807, '', 1e300, '12', x''), (NULL, 'a' || char(0) || 'b', -0.0, 2.5, "
     "'text'),"
     "(1.0, 1, 5, 5.0, zeroblob(3000))"},
};

static void the_second_database_ends_equal_to_the_first(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        store_fixture a, b;
        trib_buf redo;
        trib_buf_init(&redo, TRIB_REDO_MAX_BYTES);
        fixture_init(&a);
        fixture_init(&b);
        if (strcmp(cases[i].name, "checks") != 0) {
            expect_ok(&a, cases[i].schema);
            expect_ok(&b, cases[i].schema);
        }
        if (note(&a, cases[i].change, &redo) != TRIB_OK) fail_msg("%s: %s", cases[i].name, a.err.message);
        size_t noted = a.handle.redo->changes.len;
        expect_ok(&a, "COMMIT");
        assert_int_equal(a.handle.redo->changes.len, noted); /* COMMIT writes no rows any more */
        if (again(&b, &redo) != TRIB_OK) fail_msg("%s: %s", cases[i].name, b.err.message);
        if (strcmp(cases[i].name, "triggers") != 0 || redo.len > 0) expect_equal(cases[i].name, &a, &b);
        expect_rows(&b, "PRAGMA integrity_check", "ok");
        trib_buf_deinit(&redo);
        fixture_end(&a);
        fixture_end(&b);
    }
}

static void the_index_of_a_search_works_afterwards(void **state) {
    (void)state;
    store_fixture a, b;
    trib_buf redo;
    trib_buf_init(&redo, TRIB_REDO_MAX_BYTES);
    fixture_init(&a);
    fixture_init(&b);
    expect_ok(&a, FTS);
    expect_ok(&b, FTS);
    assert_int_equal(note(&a, "INSERT INTO doc VALUES(3, 'grilled chicken')", &redo), TRIB_OK);
    expect_ok(&a, "ROLLBACK");
    expect_rows(&a, "SELECT rowid FROM find('chicken')", "1");
    assert_int_equal(again(&b, &redo), TRIB_OK);
    expect_rows(&b, "SELECT rowid FROM find('chicken')", "1;3");
    expect_ok(&b, "INSERT INTO find(find) VALUES('integrity-check')");
    trib_buf_deinit(&redo);
    fixture_end(&a);
    fixture_end(&b);
}

/* A cached statement that was made before the noting began would empty the table without a word. */
static void statements_of_before_are_not_used(void **state) {
    store_fixture *f = *state;
    trib_buf redo;
    trib_buf_init(&redo, TRIB_REDO_MAX_BYTES);
    expect_ok(f, "CREATE TABLE a(x)");
    trib_arg none = {.value = {.type = TRIB_VALUE_NULL}};
    fixture_access(f, TRIB_ACCESS_SYSTEM);
    assert_int_equal(trib_stmt_run(&f->handle, "DELETE FROM a", &none, 0, NULL, NULL, &f->err), TRIB_OK);
    expect_ok(f, "INSERT INTO a VALUES(1), (2)");
    expect_ok(f, "BEGIN");
    assert_int_equal(trib_redo_begin(&f->handle, NULL), TRIB_OK);
    assert_int_equal(trib_stmt_run(&f->handle, "DELETE FROM a", &none, 0, NULL, NULL, &f->err), TRIB_OK);
    assert_int_equal(trib_redo_take(&f->handle, &redo, &f->err), TRIB_OK);
    assert_true(redo.len > 2 * 16);
    expect_ok(f, "COMMIT");
    trib_buf_deinit(&redo);
    trib_redo_free(f->handle.redo);
}

/* ---- what is refused ---- */

static const struct {
    const char *name, *schema, *change, *why;
    trib_code code;
} refused[] = {
    {"schema", "CREATE TABLE a(x)", "INSERT INTO a VALUES(1); CREATE TABLE b(y)", "changes the schema",
     TRIB_COMMAND_REFUSED},
    {"hidden rowid", "CREATE TABLE a(rowid, oid, _rowid_)", "INSERT INTO a VALUES(1, 2, 3)", "table a has columns",
     TRIB_COMMAND_REFUSED},
    {"shifted key", "CREATE TABLE a(v AS (x) VIRTUAL, id INTEGER PRIMARY KEY, x)", "INSERT INTO a(x) VALUES(1)",
     "virtual generated column", TRIB_COMMAND_REFUSED},
    {"rolled back to a savepoint", "CREATE TABLE a(x)",
     "SAVEPOINT s; INSERT INTO a VALUES(1); ROLLBACK TO s; RELEASE s; INSERT INTO a VALUES(2)", "was undone",
     TRIB_COMMAND_REFUSED},
    {"deferred foreign key",
     "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p DEFERRABLE INITIALLY "
     "DEFERRED)",
     "INSERT INTO c VALUES(7)", "FOREIGN KEY", TRIB_SQL_ERROR},
    {"too much", "CREATE TABLE a(x)", "INSERT INTO a VALUES(zeroblob(600000)), (zeroblob(600000))", "1048576 bytes",
     TRIB_COMMAND_TOO_LARGE},
};

static void what_cannot_be_done_again_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        store_fixture f;
        trib_buf redo;
        trib_buf_init(&redo, TRIB_REDO_MAX_BYTES);
        fixture_init(&f);
        expect_ok(&f, refused[i].schema);
        trib_code code = note(&f, refused[i].change, &redo);
        if (code != refused[i].code || !strstr(f.err.message, refused[i].why))
            fail_msg("%s: %s: %s", refused[i].name, trib_code_name(code), f.err.message);
        assert_int_equal(redo.len, 0);
        expect_ok(&f, "ROLLBACK");
        assert_int_equal(note(&f, "", &redo), TRIB_OK); /* the next one is not held for it */
        trib_buf_deinit(&redo);
        fixture_end(&f);
    }
}

/* A statement that fails half way leaves nothing behind in the database, but its rows were noted. */
static void a_statement_that_failed_half_way_is_not_forgotten(void **state) {
    store_fixture *f = *state;
    trib_buf redo;
    trib_buf_init(&redo, TRIB_REDO_MAX_BYTES);
    expect_ok(f, "CREATE TABLE a(x UNIQUE); BEGIN");
    fixture_access(f, TRIB_ACCESS_SYSTEM);
    assert_int_equal(trib_redo_begin(&f->handle, NULL), TRIB_OK);
    expect_error(f, "INSERT INTO a VALUES(1), (2), (1)", TRIB_SQL_ERROR, "UNIQUE");
    assert_int_equal(trib_redo_take(&f->handle, &redo, &f->err), TRIB_COMMAND_REFUSED);
    expect_ok(f, "ROLLBACK; BEGIN");
    assert_int_equal(trib_redo_begin(&f->handle, NULL), TRIB_OK);
    expect_ok(f, "INSERT INTO a VALUES(1)");
    expect_error(f, "INSERT INTO a VALUES(1)", TRIB_SQL_ERROR, "UNIQUE"); /* before any row */
    assert_int_equal(trib_redo_take(&f->handle, &redo, &f->err), TRIB_OK);
    expect_ok(f, "COMMIT");
    trib_buf_deinit(&redo);
    trib_redo_free(f->handle.redo);
}

/* ---- another state than it was noted on ---- */

static void another_state_is_a_conflict(void **state) {
    static const char *const others[] = {"DELETE FROM a WHERE id = 1", "INSERT INTO a VALUES(3, 'c')", "DROP TABLE a",
                                         "INSERT INTO a VALUES(9, 'B')", "ALTER TABLE a ADD COLUMN z"};
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        store_fixture a, b;
        trib_buf redo;
        trib_buf_init(&redo, TRIB_REDO_MAX_BYTES);
        fixture_init(&a);
        fixture_init(&b);
        const char *schema = "CREATE TABLE a(id INTEGER PRIMARY KEY, u UNIQUE); INSERT INTO a VALUES(1, 'a'), (2, 'b')";
        expect_ok(&a, schema);
        expect_ok(&b, schema);
        assert_int_equal(
            note(&a,
                 "UPDATE a SET u = 'A' WHERE id = 1; UPDATE a SET u = 'B' WHERE id = 2; INSERT INTO a VALUES(3, 'd')",
                 &redo),
            TRIB_OK);
        expect_ok(&a, "COMMIT");
        expect_ok(&b, others[i]);
        if (again(&b, &redo) != TRIB_COMMAND_CONFLICT) fail_msg("%s: %s", others[i], b.err.message);
        redo.len /= 2;
        assert_int_equal(again(&b, &redo), TRIB_COMMAND_CONFLICT);
        trib_buf_deinit(&redo);
        fixture_end(&a);
        fixture_end(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_database_ends_equal_to_the_first),
        cmocka_unit_test(the_index_of_a_search_works_afterwards),
        store_test(statements_of_before_are_not_used),
        cmocka_unit_test(what_cannot_be_done_again_is_refused),
        store_test(a_statement_that_failed_half_way_is_not_forgotten),
        cmocka_unit_test(another_state_is_a_conflict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
