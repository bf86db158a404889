/* SPDX-License-Identifier: Apache-2.0 */
/* Statements: prepare, bind, step, counts, the cache, libSQL's own forms of BEGIN, errors of the protocol. */
#include "unit/store/store_support.h"

static trib_stmt *prepare(store_fixture *f, const char *sql) {
    trib_stmt *stmt = NULL;
    trib_code code = trib_stmt_prepare(&f->handle, trib_str_c(sql), &stmt, &f->err);
    if (code != TRIB_OK) fail_msg("%s: %s", sql, f->err.message);
    return stmt;
}

static trib_stmt_counts run_counts(store_fixture *f, const char *sql) {
    trib_stmt *stmt = prepare(f, sql);
    bool row = true;
    while (row)
        if (trib_stmt_step(stmt, &row, &f->err) != TRIB_OK) fail_msg("%s: %s", sql, f->err.message);
    trib_stmt_counts counts;
    trib_stmt_get_counts(stmt, &counts);
    trib_stmt_free(stmt);
    return counts;
}

static trib_arg arg_int(const char *name, int64_t value) {
    return (trib_arg){.name = trib_str_c(name), .value = {.type = TRIB_VALUE_INTEGER, .integer = value}};
}

static void values_of_every_type_come_back_as_they_were_bound(void **state) {
    store_fixture *f = *state;
    trib_stmt *stmt = prepare(f, "SELECT ?, ?, ?, ?, ?, ?, ?");
    trib_arg args[7] = {
        {.value = {.type = TRIB_VALUE_NULL}},
        {.value = {.type = TRIB_VALUE_INTEGER, .integer = INT64_MIN}},
        {.value = {.type = TRIB_VALUE_REAL, .real = 0.5}},
        {.value = {.type = TRIB_VALUE_TEXT, .bytes = TRIB_STR("a\0b")}},
        {.value = {.type = TRIB_VALUE_BLOB, .bytes = TRIB_STR("\xff\x00\x01")}},
        {.value = {.type = TRIB_VALUE_TEXT}},
        {.value = {.type = TRIB_VALUE_BLOB}},
    };
    assert_int_equal(trib_stmt_bind(stmt, args, 7, &f->err), TRIB_OK);
    bool row = false;
    assert_int_equal(trib_stmt_step(stmt, &row, &f->err), TRIB_OK);
    assert_true(row);
    for (int i = 0; i < 7; i++) {
        trib_value got = trib_stmt_col_value(stmt, i);
        assert_int_equal(got.type, args[i].value.type);
        if (got.type == TRIB_VALUE_INTEGER) assert_true(got.integer == INT64_MIN);
        if (got.type >= TRIB_VALUE_TEXT) assert_true(trib_str_eq(got.bytes, args[i].value.bytes));
    }
    trib_stmt_free(stmt);
}

static void binding_is_strict(void **state) {
    store_fixture *f = *state;
    static const struct {
        const char *sql, *a, *b;
        int count;
        trib_code want;
        const char *message;
    } rows[] = {
        {"SELECT ?", NULL, NULL, 0, TRIB_ARGS_INVALID, "value for parameter 1 not found"},
        {"SELECT :x", NULL, NULL, 0, TRIB_ARGS_INVALID, "value for parameter :x not found"},
        {"SELECT ?2", "", NULL, 1, TRIB_ARGS_INVALID, "value for parameter ?2 not found"},
        {"SELECT ?2", "", "", 2, TRIB_OK, ""},
        {"SELECT 1", "", NULL, 1, TRIB_ARGS_INVALID, "too many parameters, expected 0 found 1"},
        {"SELECT ?", "", "", 2, TRIB_ARGS_INVALID, "too many parameters, expected 1 found 2"},
        {"SELECT :a, :b", "a", "", 2, TRIB_ARGS_BOTH, ""},
        {"SELECT :a, :b", "b", "a", 2, TRIB_OK, ""},
        {"SELECT :a, @b", ":a", "@b", 2, TRIB_OK, ""},
        {"SELECT $a", "a", NULL, 1, TRIB_OK, ""},
        {"SELECT :a", "@a", NULL, 1, TRIB_ARGS_INVALID, "value for parameter :a not found"},
        {"SELECT :a, ?", "a", "b", 2, TRIB_ARGS_INVALID, "value for parameter 2 not found"},
        {"SELECT :a, :b", "a", "c", 2, TRIB_ARGS_INVALID, "value for parameter :b not found"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_stmt *stmt = prepare(f, rows[i].sql);
        trib_arg args[2] = {arg_int(rows[i].a, 1), arg_int(rows[i].b, 2)};
        trib_code code = trib_stmt_bind(stmt, args, (size_t)rows[i].count, &f->err);
        if (code != rows[i].want) fail_msg("row %zu: %s", i, trib_code_name(code));
        if (code != TRIB_OK) assert_non_null(strstr(f->err.message, rows[i].message));
        trib_stmt_free(stmt);
    }
}

static void named_arguments_reach_the_parameter_of_their_name(void **state) {
    store_fixture *f = *state;
    trib_stmt *stmt = prepare(f, "SELECT :b - :a");
    trib_arg args[2] = {arg_int("a", 1), arg_int(":b", 10)};
    bool row = false;
    assert_int_equal(trib_stmt_bind(stmt, args, 2, &f->err), TRIB_OK);
    assert_int_equal(trib_stmt_step(stmt, &row, &f->err), TRIB_OK);
    assert_int_equal(trib_stmt_col_value(stmt, 0).integer, 9);
    trib_stmt_free(stmt);
}

static void counts_follow_the_kind_of_statement(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE log(v);"
                 "CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES(1),(2),(3); END;");
    static const struct {
        const char *sql;
        int64_t affected, rowid; /* rowid -1: none */
    } rows[] = {
        {"INSERT INTO t VALUES(7,1),(9,2)", 2, 9},
        {"SELECT * FROM t", 0, -1},
        {"UPDATE t SET v=v+1", 2, -1},
        {"REPLACE INTO t VALUES(9,5)", 1, 9},
        {"INSERT INTO t VALUES(9,6) ON CONFLICT(id) DO UPDATE SET v=excluded.v", 1, 9},
        {"WITH x AS (SELECT 20 AS a) INSERT INTO t SELECT a, a FROM x", 1, 20},
        {"WITH x AS (SELECT 20 AS a) UPDATE t SET v=0 WHERE id IN (SELECT a FROM x)", 1, -1},
        {"WITH x AS (SELECT 20 AS a) DELETE FROM t WHERE id IN (SELECT a FROM x)", 1, -1},
        {"EXPLAIN DELETE FROM t", 0, -1},
        {"DELETE FROM t RETURNING id", 2, -1},
        {"DELETE FROM t", 0, -1},
        {"CREATE TABLE other(x)", 0, -1},
        {"/* c */ ; -- d\n INSERT INTO t VALUES(1,1);;", 1, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_stmt_counts counts = run_counts(f, rows[i].sql);
        if (counts.affected_rows != rows[i].affected)
            fail_msg("%s: %lld", rows[i].sql, (long long)counts.affected_rows);
        assert_int_equal(counts.has_last_insert_rowid, rows[i].rowid >= 0);
        if (rows[i].rowid >= 0) assert_int_equal(counts.last_insert_rowid, rows[i].rowid);
        assert_int_equal(counts.rows_written, rows[i].affected);
    }
    assert_int_equal(f->db.rows_written, 12);
}

static void exactly_one_statement_is_taken(void **state) {
    store_fixture *f = *state;
    static const struct {
        const char *sql;
        trib_code want;
    } rows[] = {
        {"", TRIB_SQL_NO_STATEMENT},
        {"-- nothing", TRIB_SQL_NO_STATEMENT},
        {" -- nothing\n/* at all */ ; ;", TRIB_SQL_NO_STATEMENT},
        {"SELECT 1; SELECT 2", TRIB_SQL_MANY_STATEMENTS},
        {"SELECT 1; -- end\n;;", TRIB_OK},
        {";SELECT 1", TRIB_OK},
        {"BEGIN READONLY; SELECT 1", TRIB_SQL_MANY_STATEMENTS},
        {"PRAGMA foreign_keys=1; SELECT 1", TRIB_SQL_MANY_STATEMENTS},
        {"PRAGMA journal_mode=1; SELECT 1", TRIB_SQL_MANY_STATEMENTS},
        {"CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END;", TRIB_OK},
    };
    expect_ok(f, "CREATE TABLE t(x)");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_stmt *stmt = NULL;
        trib_code code = trib_stmt_prepare(&f->handle, trib_str_c(rows[i].sql), &stmt, &f->err);
        if (code != rows[i].want) fail_msg("%s: %s", rows[i].sql, trib_code_name(code));
        trib_stmt_free(stmt);
    }
    trib_stmt *stmt = NULL;
    assert_int_equal(trib_stmt_prepare(&f->handle, TRIB_STR("SELECT 1\0; DROP"), &stmt, &f->err), TRIB_SQL_PARSE_ERROR);
}

static void a_long_script_is_not_copied_for_each_statement(void **state) {
    store_fixture *f = *state;
    enum { COUNT = 20000 };
    char *sql = malloc(COUNT * 9 + 1);
    for (int i = 0; i < COUNT; i++) memcpy(sql + i * 9, "SELECT 1;", 9);
    trib_str rest = {sql, COUNT * 9};
    int found = 0;
    for (trib_stmt *stmt;; found++) {
        assert_int_equal(trib_stmt_prepare_next(&f->handle, &rest, &stmt, &f->err), TRIB_OK);
        if (!stmt) break;
        trib_stmt_free(stmt);
    }
    assert_int_equal(found, COUNT);
    free(sql);
}

static void scripts_run_statement_by_statement(void **state) {
    store_fixture *f = *state;
    expect_rows(f,
                "CREATE TABLE t(x); INSERT INTO t VALUES(1); -- c\n BEGIN READONLY; COMMIT; PRAGMA foreign_keys=on;"
                "CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE t SET x=x+1; END; INSERT INTO t VALUES(5);"
                "SELECT x FROM t ORDER BY x; ;",
                "2;6");
}

static void errors_carry_the_codes_of_the_protocol(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, c UNIQUE, n NOT NULL DEFAULT 1, CHECK(n>0));"
                 "CREATE TABLE k(r REFERENCES t(id)); INSERT INTO t(c) VALUES(1); PRAGMA foreign_keys=1");
    static const struct {
        const char *sql;
        trib_code want;
        const char *text, *message;
        int detail;
    } rows[] = {
        {"INSERT INTO t(c) VALUES(1)", TRIB_SQL_ERROR, "SQLITE_CONSTRAINT",
         "SQLite error: UNIQUE constraint failed: t.c", SQLITE_CONSTRAINT_UNIQUE},
        {"INSERT INTO t(id) VALUES(1)", TRIB_SQL_ERROR, "SQLITE_CONSTRAINT",
         "SQLite error: UNIQUE constraint failed: t.id", SQLITE_CONSTRAINT_PRIMARYKEY},
        {"INSERT INTO k VALUES(77)", TRIB_SQL_ERROR, "SQLITE_CONSTRAINT", "SQLite error: FOREIGN KEY constraint failed",
         SQLITE_CONSTRAINT_FOREIGNKEY},
        {"INSERT INTO t(n) VALUES(0)", TRIB_SQL_ERROR, "SQLITE_CONSTRAINT",
         "SQLite error: CHECK constraint failed: n>0", SQLITE_CONSTRAINT_CHECK},
        {"SELECT * FROM missing", TRIB_SQL_ERROR, "SQLITE_ERROR", "SQLite error: no such table: missing", SQLITE_ERROR},
        {"SELECT nope FROM t", TRIB_SQL_INPUT_ERROR, "", "SQL input error: no such column: nope (at offset 7)", 7},
        {"  SELEC 1", TRIB_SQL_INPUT_ERROR, "", "SQL input error: near \"SELEC\": syntax error (at offset 2)", 2},
        {"SELECT (", TRIB_SQL_PARSE_ERROR, "", "incomplete input", 0},
        {"SELECT 1 FROM t WHERE", TRIB_SQL_PARSE_ERROR, "", "incomplete input", 0},
        {"COMMIT", TRIB_SQL_ERROR, "SQLITE_ERROR", "cannot commit - no transaction is active", SQLITE_ERROR},
        {"SELECT abs(-9223372036854775808)", TRIB_SQL_ERROR, "SQLITE_ERROR", "integer overflow", SQLITE_ERROR},
        {"SELECT zeroblob(100000000)", TRIB_SQL_ERROR, "SQLITE_TOOBIG", "too big", SQLITE_TOOBIG},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect_error(f, rows[i].sql, rows[i].want, rows[i].message);
        assert_string_equal(f->err.text_code, rows[i].text);
        assert_int_equal(f->err.detail, rows[i].detail);
    }
}

static void a_statement_that_waits_for_the_turn_has_done_nothing(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(x)");
    trib_stmt *stmt = prepare(f, "INSERT INTO t VALUES(1)");
    f->db.before_step = TRIB_AGAIN;
    bool row = false;
    assert_int_equal(trib_stmt_step(stmt, &row, &f->err), TRIB_AGAIN);
    assert_int_equal(trib_stmt_step(stmt, &row, &f->err), TRIB_AGAIN);
    expect_rows(f, "SELECT count(*) FROM t", "0");
    f->db.before_step = TRIB_OK;
    assert_int_equal(trib_stmt_step(stmt, &row, &f->err), TRIB_OK);
    trib_stmt_free(stmt);
    expect_rows(f, "SELECT count(*) FROM t", "1");
}

static void only_what_may_write_asks_for_the_turn(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(x); CREATE INDEX i ON t(x); CREATE VIRTUAL TABLE ft USING fts5(b)");
    static const struct {
        const char *sql, *after;
        bool turn, readonly;
    } rows[] = {
        {"SELECT * FROM t", NULL, false, true},
        {"WITH x AS (SELECT 1) SELECT * FROM x", NULL, false, true},
        {"VALUES(1)", NULL, false, true},
        {"SELECT * FROM ft WHERE ft MATCH 'a'", NULL, false, true},
        {"EXPLAIN INSERT INTO t VALUES(1)", NULL, false, true},
        {"EXPLAIN QUERY PLAN DELETE FROM t", NULL, false, true},
        {"PRAGMA table_info(t)", NULL, false, true},
        {"PRAGMA foreign_keys=1", NULL, false, false},
        {"PRAGMA journal_mode=delete", NULL, false, true},
        {"BEGIN", "ROLLBACK", false, false},
        {"BEGIN DEFERRED TRANSACTION", "ROLLBACK", false, false},
        {"BEGIN TRANSACTION READONLY", "COMMIT", false, false},
        {"SAVEPOINT s", "RELEASE s", false, false},
        {"BEGIN IMMEDIATE", "COMMIT", true, false},
        {"BEGIN EXCLUSIVE TRANSACTION", "ROLLBACK", true, false},
        {"BEGIN CONCURRENT", "COMMIT", true, false},
        {"INSERT INTO t VALUES(1)", NULL, true, false},
        {"INSERT INTO ft VALUES('x')", NULL, true, false},
        {"WITH x AS (SELECT 1) DELETE FROM t", NULL, true, false},
        {"CREATE TABLE IF NOT EXISTS t(x)", NULL, true, false},
        {"CREATE TABLE u(x)", NULL, true, false},
        {"ALTER TABLE u ADD COLUMN y", NULL, true, false},
        {"REINDEX", NULL, true, false},
        {"PRAGMA user_version=5", NULL, true, false},
        {"PRAGMA user_version", NULL, false, true},
        {"DROP TABLE u", NULL, true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_stmt *stmt = prepare(f, rows[i].sql);
        if (trib_stmt_is_readonly(stmt) != rows[i].readonly) fail_msg("%s: readonly", rows[i].sql);
        int before = f->db.turns_asked;
        bool row = true;
        while (row)
            if (trib_stmt_step(stmt, &row, &f->err) != TRIB_OK) fail_msg("%s: %s", rows[i].sql, f->err.message);
        trib_stmt_free(stmt);
        if ((f->db.turns_asked > before) != rows[i].turn) fail_msg("%s: turn", rows[i].sql);
        if (rows[i].after) expect_ok(f, rows[i].after);
    }
}

static void a_readonly_transaction_refuses_writes_until_it_ends(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(x)");
    static const char *const begins[] = {"BEGIN TRANSACTION READONLY", "BEGIN READONLY",
                                         "begin readonly transaction ;"};
    for (size_t i = 0; i < 3; i++) {
        expect_ok(f, begins[i]);
        expect_rows(f, "SELECT count(*) FROM t", "0");
        expect_error(f, "INSERT INTO t VALUES(1)", TRIB_SQL_ERROR, "attempt to write a readonly database");
        assert_string_equal(f->err.text_code, "SQLITE_READONLY");
        expect_error(f, "PRAGMA user_version=9", TRIB_SQL_ERROR, "attempt to write a readonly database");
        expect_error(f, "CREATE TABLE u(x)", TRIB_SQL_ERROR, "attempt to write a readonly database");
        expect_ok(f, "SAVEPOINT s; RELEASE s");
        expect_error(f, "INSERT INTO t VALUES(1)", TRIB_SQL_ERROR, "readonly");
        expect_ok(f, i == 1 ? "ROLLBACK" : "COMMIT");
    }
    expect_ok(f, "INSERT INTO t VALUES(1)");
}

static void a_reader_cannot_write_in_any_way(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(x); CREATE VIEW v AS SELECT x FROM t; INSERT INTO t VALUES(4);"
                 "CREATE TRIGGER tr INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES(new.x); END;"
                 "CREATE VIRTUAL TABLE ft USING fts5(b)");
    fixture_access(f, TRIB_ACCESS_READ);
    static const char *const refused[] = {
        "INSERT INTO t VALUES(1)",
        "UPDATE t SET x=1",
        "DELETE FROM t",
        "REPLACE INTO t VALUES(1)",
        "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        "INSERT INTO v VALUES(1)",
        "CREATE TABLE u(x)",
        "CREATE INDEX i ON t(x)",
        "DROP TABLE t",
        "DROP VIEW v",
        "ALTER TABLE t ADD COLUMN y",
        "ALTER TABLE t RENAME TO z",
        "REINDEX t",
        "BEGIN IMMEDIATE",
        "BEGIN EXCLUSIVE",
        "PRAGMA user_version=3",
        "PRAGMA application_id=3",
        "INSERT INTO ft(ft) VALUES('rebuild')",
        "CREATE VIRTUAL TABLE f2 USING fts5(b)",
        "DROP TRIGGER tr",
        "CREATE TRIGGER t2 AFTER INSERT ON t BEGIN SELECT 1; END",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        expect_error(f, refused[i], TRIB_SQL_ERROR, "attempt to write a readonly database");
        assert_string_equal(f->err.text_code, "SQLITE_READONLY");
    }
    expect_rows(f, "BEGIN; SELECT x FROM t; COMMIT; BEGIN CONCURRENT; SELECT x FROM v; ROLLBACK; SELECT x FROM v", "4");
    assert_int_equal(f->db.turns_asked, 5);
}

static void a_statement_cached_for_a_writer_is_not_lent_to_a_reader(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(x)");
    run_counts(f, "INSERT INTO t VALUES(1)");
    run_counts(f, "INSERT INTO t VALUES(1)");
    fixture_access(f, TRIB_ACCESS_READ);
    trib_stmt *stmt = NULL;
    assert_int_equal(trib_stmt_prepare(&f->handle, TRIB_STR("INSERT INTO t VALUES(1)"), &stmt, &f->err),
                     TRIB_SQL_ERROR);
}

static void the_same_text_can_be_in_use_twice_and_is_prepared_once(void **state) {
    store_fixture *f = *state;
    trib_stmt *a = prepare(f, "SELECT ?"), *b = prepare(f, "SELECT ?");
    assert_ptr_not_equal(a, b);
    trib_stmt_free(a);
    trib_stmt *c = prepare(f, "SELECT ?");
    assert_ptr_equal(a, c);
    trib_stmt_free(b);
    trib_stmt_free(c);
}

static void a_cached_statement_forgets_its_arguments(void **state) {
    store_fixture *f = *state;
    trib_stmt *stmt = prepare(f, "SELECT ?1");
    trib_arg arg = arg_int("", 5);
    bool row;
    assert_int_equal(trib_stmt_bind(stmt, &arg, 1, &f->err), TRIB_OK);
    assert_int_equal(trib_stmt_step(stmt, &row, &f->err), TRIB_OK);
    trib_stmt_free(stmt);
    stmt = prepare(f, "SELECT ?1");
    assert_int_equal(trib_stmt_step(stmt, &row, &f->err), TRIB_OK);
    assert_int_equal(trib_stmt_col_value(stmt, 0).type, TRIB_VALUE_NULL);
    trib_stmt_free(stmt);
}

static void ten_thousand_texts_keep_the_cache_small(void **state) {
    store_fixture *f = *state;
    int64_t before = atomic_load(&f->db.account.used_bytes);
    for (int i = 0; i < 10000; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "SELECT %d, sqlite_version()", i);
        run_counts(f, sql);
    }
    assert_true(atomic_load(&f->db.account.used_bytes) - before < 512 << 10);
}

static void a_statement_whose_connection_went_away_says_so(void **state) {
    store_fixture *f = *state;
    trib_stmt *stmt = prepare(f, "SELECT 1 UNION ALL SELECT 2");
    bool row;
    assert_int_equal(trib_stmt_step(stmt, &row, &f->err), TRIB_OK);
    trib_stmt_cache_free(f->handle.cache);
    assert_int_equal(trib_stmt_cache_new(&f->handle, &f->handle.cache, &f->err), TRIB_OK);
    assert_int_equal(trib_stmt_step(stmt, &row, &f->err), TRIB_NOT_COMMITTED);
    assert_int_equal(trib_stmt_col_count(stmt), 0);
    trib_stmt_free(stmt);
}

static void session_values_follow_the_session(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES(1),(5)");
    expect_rows(f, "SELECT last_insert_rowid(), changes(), total_changes()", "5|2|2");
    trib_stmt_leave(&f->handle);
    assert_int_equal(f->vars.last_insert_rowid, 5);
    trib_session_vars mine = f->vars;
    f->vars = (trib_session_vars){0};
    fixture_enter(f, TRIB_ACCESS_WRITE); /* another session on the same connection */
    expect_rows(f, "SELECT last_insert_rowid(), changes(), total_changes()", "0|0|0");
    expect_ok(f, "INSERT INTO t VALUES(100)");
    expect_rows(f, "SELECT last_insert_rowid(), changes(), total_changes()", "100|1|1");
    trib_stmt_leave(&f->handle);
    f->vars = mine;
    fixture_enter(f, TRIB_ACCESS_WRITE);
    expect_rows(f, "SELECT last_insert_rowid(), changes(), total_changes()", "5|2|2");
}

static void describe_tells_parameters_and_columns_without_running(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(a TEXT, b BIGINT)");
    trib_stmt *stmt = prepare(f, "SELECT a, b AS bee, 1+1 FROM t WHERE a=:a AND b=?2 AND a=@c AND b=$d AND a=?");
    assert_int_equal(trib_stmt_param_count(stmt), 5);
    static const char *const names[] = {":a", "?2", "@c", "$d", ""};
    for (int i = 0; i < 5; i++) assert_true(trib_str_eq_c(trib_stmt_param_name(stmt, i + 1), names[i]));
    assert_int_equal(trib_stmt_col_count(stmt), 3);
    assert_true(trib_str_eq_c(trib_stmt_col_name(stmt, 1), "bee"));
    assert_true(trib_str_eq_c(trib_stmt_col_decltype(stmt, 1), "BIGINT"));
    assert_true(trib_str_eq_c(trib_stmt_col_decltype(stmt, 2), ""));
    assert_false(trib_stmt_is_explain(stmt));
    trib_stmt_free(stmt);
    stmt = prepare(f, "EXPLAIN QUERY PLAN SELECT 1");
    assert_true(trib_stmt_is_explain(stmt));
    trib_stmt_free(stmt);
}

/* ---- RANDOM ROWID ---- */

/* Rowids in order would be 1, 2, 3 ... */
#define RANDOM(table) "SELECT min(rowid) > 1000000 AND count(*) = count(DISTINCT rowid) FROM " table

static void rowids_of_a_random_rowid_table_are_drawn_however_rows_come(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(a, b UNIQUE) RANDOM ROWID; INSERT INTO t VALUES(1,1),(2,2);"
                 "INSERT INTO t SELECT 3, 3 UNION SELECT 4, 4; INSERT INTO t DEFAULT VALUES;"
                 "INSERT INTO t VALUES(9,1) ON CONFLICT(b) DO UPDATE SET a=excluded.a; REPLACE INTO t VALUES(5,2)");
    expect_rows(f, RANDOM("t"), "1");
    expect_rows(f, "SELECT count(*), max(rowid) > 0, group_concat(a) IS NOT NULL FROM t", "5|1|1");
    char rowid[64], want[64];
    assert_int_equal(run_into(f, "INSERT INTO t VALUES(7,7) RETURNING rowid", rowid, sizeof rowid), TRIB_OK);
    assert_true(strlen(rowid) > 7);
    expect_rows(f, "SELECT last_insert_rowid()", rowid);
    snprintf(want, sizeof want, "SELECT rowid FROM t WHERE a=7");
    expect_rows(f, want, rowid);
    trib_stmt_counts counts = run_counts(f, "INSERT INTO t VALUES(8,8)");
    assert_true(counts.last_insert_rowid > 1000000 && counts.affected_rows == 1);
    expect_ok(f, "INSERT INTO t(rowid, a) VALUES(77, 'own'); CREATE TABLE log(x) RANDOM ROWID;"
                 "CREATE TRIGGER tr AFTER DELETE ON t BEGIN INSERT INTO log VALUES(old.a); END; DELETE FROM t");
    expect_rows(f, RANDOM("log"), "1");
    expect_ok(f, "CREATE TABLE s(a, b UNIQUE); INSERT INTO s VALUES(1,1),(2,2); INSERT INTO t SELECT * FROM s");
    expect_rows(f, RANDOM("t"), "1");
}

static void an_integer_key_is_drawn_too_and_autoincrement_is_refused(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, a) RANDOM ROWID; INSERT INTO t(a) VALUES(1),(2);"
                 "INSERT INTO t VALUES(NULL, 3); CREATE TABLE s(id INTEGER PRIMARY KEY, a); "
                 "INSERT INTO t SELECT NULL, 4");
    expect_rows(f, RANDOM("t"), "1");
    expect_ok(f, "INSERT INTO t VALUES(5, 5)");
    expect_rows(f, "SELECT min(id) FROM t", "5");
    expect_error(f, "CREATE TABLE x(id INTEGER PRIMARY KEY AUTOINCREMENT) RANDOM ROWID", TRIB_SQL_PARSE_ERROR,
                 "AUTOINCREMENT not allowed on RANDOM ROWID tables");
    expect_ok(f, "CREATE TABLE w(a PRIMARY KEY) WITHOUT ROWID, RANDOM ROWID; INSERT INTO w VALUES(1);"
                 "CREATE TABLE st(a INT) RANDOM ROWID, STRICT; INSERT INTO st VALUES(1)");
    expect_rows(f, RANDOM("st"), "1");
    expect_error(f, "INSERT INTO st VALUES('x')", TRIB_SQL_ERROR, "cannot store TEXT");
    expect_ok(f, "CREATE TABLE plain(a, random, rowid); INSERT INTO plain VALUES(1,1,1)");
    expect_rows(f, "SELECT _rowid_ FROM plain", "1");
}

static void the_mark_is_what_is_kept_and_every_change_of_the_table_keeps_it(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE IF NOT EXISTS main.t (a, b, c) random /* x */ rowid; INSERT INTO t(a) VALUES(0)");
    expect_rows(f, "SELECT sql FROM sqlite_schema", "CREATE TABLE t (/* RANDOM ROWID */a, b, c)");
    expect_ok(f, "ALTER TABLE t RENAME TO \"u v\"; ALTER TABLE \"u v\" RENAME COLUMN a TO first;"
                 "ALTER TABLE \"u v\" ADD COLUMN d DEFAULT 1; ALTER TABLE \"u v\" DROP COLUMN first;"
                 "ALTER TABLE \"u v\" DROP COLUMN d; ALTER TABLE \"u v\" ALTER COLUMN b TO b INT NOT NULL DEFAULT 0;"
                 "DELETE FROM \"u v\"; INSERT INTO \"u v\"(c) VALUES(1),(2)");
    expect_rows(f, RANDOM("\"u v\""), "1");
    expect_rows(f, "SELECT sql FROM sqlite_schema",
                "CREATE TABLE \"u v\" (/* RANDOM ROWID */b INT NOT NULL DEFAULT 0, c)");
    expect_ok(f, "DROP TABLE \"u v\"; CREATE TABLE \"u v\"(a); INSERT INTO \"u v\" VALUES(1)");
    expect_rows(f, "SELECT rowid FROM \"u v\"", "1");
    expect_ok(f, "CREATE TABLE again(/* RANDOM ROWID */ a); INSERT INTO again VALUES(1);" /* as a dump has it */
                 "CREATE TABLE no(a /* RANDOM ROWID */); INSERT INTO no VALUES(1)");
    expect_rows(f, RANDOM("again"), "1");
    expect_rows(f, "SELECT rowid FROM no", "1");
}

static void errors_of_a_random_rowid_table_are_placed_in_the_text_of_the_client(void **state) {
    store_fixture *f = *state;
    expect_error(f, "CREATE TABLE t(a TEXT TEXT ()) RANDOM ROWID", TRIB_SQL_INPUT_ERROR, "(at offset 28)");
    expect_error(f, "CREATE TABLE t(a) RANDOM ROWID, nonsense", TRIB_SQL_ERROR, "unknown table option: nonsense");
    expect_error(f, "CREATE TABLE t(a) RANDOM", TRIB_SQL_ERROR, "unknown table option: RANDOM");
    expect_error(f, "CREATE TABLE t AS SELECT (1) RANDOM ROWID", TRIB_SQL_INPUT_ERROR, "syntax error");
    trib_stmt *stmt = NULL;
    assert_int_equal(
        trib_stmt_prepare(&f->handle, TRIB_STR("CREATE TABLE t(a) RANDOM ROWID; SELECT 1"), &stmt, &f->err),
        TRIB_SQL_MANY_STATEMENTS);
    assert_int_equal(trib_stmt_prepare(&f->handle, TRIB_STR("; CREATE TABLE t(a) RANDOM ROWID; -- x"), &stmt, &f->err),
                     TRIB_OK);
    trib_stmt_free(stmt);
    expect_rows(f, "SELECT count(*) FROM sqlite_schema", "0");
}

/* ---- savepoints ---- */

static void savepoints_nest_roll_back_and_end_transactions(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(x)");
    expect_ok(f, "SAVEPOINT a; INSERT INTO t VALUES(1); SAVEPOINT a; INSERT INTO t VALUES(2); ROLLBACK TO a; RELEASE a;"
                 "INSERT INTO t VALUES(3); RELEASE SAVEPOINT a");
    expect_rows(f, "SELECT group_concat(x) FROM t", "1,3");
    assert_true(sqlite3_get_autocommit(f->handle.sqlite));
    expect_ok(f, "BEGIN; SAVEPOINT \"x y\"; DELETE FROM t; ROLLBACK TRANSACTION TO SAVEPOINT \"X Y\";"
                 "INSERT INTO t VALUES(4); ROLLBACK TO [x y]; RELEASE 'x y'; COMMIT");
    expect_rows(f, "SELECT group_concat(x) FROM t", "1,3");
    expect_ok(f, "SAVEPOINT s; CREATE TABLE u(y); ROLLBACK TO s");
    expect_error(f, "SELECT * FROM u", TRIB_SQL_ERROR, "no such table: u");
    expect_ok(f, "COMMIT");
    expect_error(f, "RELEASE nope", TRIB_SQL_ERROR, "no such savepoint: nope");
    expect_error(f, "ROLLBACK TO nope", TRIB_SQL_ERROR, "no such savepoint: nope");
    fixture_access(f, TRIB_ACCESS_READ);
    expect_ok(f, "SAVEPOINT r; SELECT * FROM t; RELEASE r");
    expect_error(f, "SAVEPOINT r; DELETE FROM t", TRIB_SQL_ERROR, "readonly");
    expect_ok(f, "ROLLBACK");
}

/* ---- modules that tenants may use ---- */

static void full_text_tables_find_keep_and_lose_rows(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE VIRTUAL TABLE doc USING fts5(title, body, tokenize='porter unicode61');"
                 "INSERT INTO doc(rowid, title, body) VALUES(1,'Lamb','grilled meats'),(2,'Fish','fried trout')");
    expect_rows(f, "SELECT rowid, highlight(doc, 1, '[', ']') FROM doc('meat') ORDER BY rank", "1|grilled [meats]");
    expect_ok(f, "UPDATE doc SET body='raw meat' WHERE rowid=2; DELETE FROM doc WHERE rowid=1");
    expect_rows(f, "SELECT rowid, bm25(doc) < 0 FROM doc WHERE doc MATCH 'meat'", "2|1");
    expect_ok(f, "INSERT INTO doc(doc) VALUES('rebuild'); INSERT INTO doc(doc) VALUES('optimize');"
                 "INSERT INTO doc(doc, rank) VALUES('merge', 16); INSERT INTO doc(doc) VALUES('integrity-check');"
                 "CREATE VIRTUAL TABLE words USING fts5vocab('doc', 'row')");
    expect_rows(f, "SELECT group_concat(term, ' ') FROM words", "fish meat raw");
    expect_error(f, "DELETE FROM doc_data", TRIB_SQL_ERROR, "may not be modified");
    expect_ok(f, "CREATE TABLE post(id INTEGER PRIMARY KEY, text);"
                 "CREATE VIRTUAL TABLE post_text USING fts5(text, content='post', content_rowid='id');"
                 "INSERT INTO post VALUES(7,'hello world'); INSERT INTO post_text(post_text) VALUES('rebuild')");
    expect_rows(f, "SELECT rowid FROM post_text('world')", "7");
    expect_ok(f, "BEGIN; DROP TABLE words; DROP TABLE doc; ROLLBACK; DROP TABLE words; DROP TABLE doc");
    expect_rows(f, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'doc%'", "0");
}

static void spatial_tables_answer_ranges(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE VIRTUAL TABLE area USING rtree(id, x0, x1, y0, y1, +name TEXT);"
                 "INSERT INTO area VALUES(1,0,1,0,1,'here'),(2,5,6,5,6,'there'); DELETE FROM area WHERE id=9;"
                 "CREATE VIRTUAL TABLE cell USING rtree_i32(id, a, b); INSERT INTO cell VALUES(1,-5,5)");
    expect_rows(f, "SELECT name FROM area WHERE x0 < 2 AND y1 > 0.5", "here");
    expect_ok(f, "UPDATE area SET x0=50, x1=60 WHERE id=1; DELETE FROM area WHERE id=2");
    expect_rows(f, "SELECT id, name, rtreecheck('area') FROM area WHERE x0 >= 50", "1|here|ok");
    expect_error(f, "DELETE FROM area_node", TRIB_SQL_ERROR, "may not be modified");
    expect_error(f, "INSERT INTO area VALUES(3,9,1,0,1,'')", TRIB_SQL_ERROR, "rtree constraint failed");
    expect_ok(f, "DROP TABLE area");
    expect_rows(f, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'area%'", "0");
}

static void json_is_read_changed_indexed_and_walked(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, j TEXT CHECK (json_valid(j)), n AS (j ->> '$.n'));"
                 "CREATE INDEX i ON t(n); INSERT INTO t(j) VALUES('{\"n\":2,\"l\":[1,\"x\"]}'),('{\"n\":1}')");
    expect_rows(f, "SELECT id FROM t WHERE n = 2", "1");
    expect_rows(f, "SELECT value FROM t, json_each(t.j, '$.l') WHERE t.id=1", "1;x");
    expect_rows(f, "SELECT json_group_array(n) FROM t", "[2,1]");
    expect_ok(f, "UPDATE t SET j = json_set(j, '$.n', 5) WHERE id=2");
    expect_rows(f, "SELECT n, json(jsonb(j)) FROM t WHERE id=2", "5|{\"n\":5}");
    expect_error(f, "INSERT INTO t(j) VALUES('{')", TRIB_SQL_ERROR, "malformed JSON");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        store_test(values_of_every_type_come_back_as_they_were_bound),
        store_test(binding_is_strict),
        store_test(named_arguments_reach_the_parameter_of_their_name),
        store_test(counts_follow_the_kind_of_statement),
        store_test(exactly_one_statement_is_taken),
        store_test(a_long_script_is_not_copied_for_each_statement),
        store_test(scripts_run_statement_by_statement),
        store_test(errors_carry_the_codes_of_the_protocol),
        store_test(a_statement_that_waits_for_the_turn_has_done_nothing),
        store_test(only_what_may_write_asks_for_the_turn),
        store_test(a_readonly_transaction_refuses_writes_until_it_ends),
        store_test(a_reader_cannot_write_in_any_way),
        store_test(a_statement_cached_for_a_writer_is_not_lent_to_a_reader),
        store_test(the_same_text_can_be_in_use_twice_and_is_prepared_once),
        store_test(a_cached_statement_forgets_its_arguments),
        store_test(ten_thousand_texts_keep_the_cache_small),
        store_test(a_statement_whose_connection_went_away_says_so),
        store_test(session_values_follow_the_session),
        store_test(describe_tells_parameters_and_columns_without_running),
        store_test(rowids_of_a_random_rowid_table_are_drawn_however_rows_come),
        store_test(an_integer_key_is_drawn_too_and_autoincrement_is_refused),
        store_test(the_mark_is_what_is_kept_and_every_change_of_the_table_keeps_it),
        store_test(errors_of_a_random_rowid_table_are_placed_in_the_text_of_the_client),
        store_test(savepoints_nest_roll_back_and_end_transactions),
        store_test(full_text_tables_find_keep_and_lose_rows),
        store_test(spatial_tables_answer_ranges),
        store_test(json_is_read_changed_indexed_and_walked),
    };
    return cmocka_run_group_tests_name("store/stmt", tests, NULL, NULL);
}
