/* SPDX-License-Identifier: Apache-2.0 */
/* Dumps of a tenant, restored by the SQLite library: the fresh database equals one that plain SQLite made of the same
 * script, row by row with types and rowids. One snapshot, bounded chunks, and no whole dump where something failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "features/hrana/hrana_int.h"
#include "support/ask_test.h"
#include "wire/json.h"

/* ---- both sides ---- */

static void script(const char *sql) {
    trib_buf body;
    trib_json_writer w;
    trib_buf_init(&body, 1 << 20);
    trib_jw_init(&w, &body);
    trib_buf_add_c(&body, "{\"requests\":[{\"type\":\"sequence\",\"sql\":");
    trib_jw_str_c(&w, sql);
    trib_buf_add_c(&body, "},{\"type\":\"close\"}]}");
    trib_buf_add_char(&body, '\0');
    assert_int_equal(ask(&a, hrana_handle_pipeline, body.ptr), 200);
    ask_has_not(&a, "\"type\":\"error\"");
    trib_buf_deinit(&body);
}

static void run(sqlite3 *sqlite, const char *sql) {
    char *message = NULL;
    if (sqlite3_exec(sqlite, sql, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s in %.2000s", message, sql);
}

static sqlite3 *fresh(const char *sql) {
    sqlite3 *sqlite = NULL;
    assert_int_equal(sqlite3_open(":memory:", &sqlite), SQLITE_OK);
    run(sqlite, sql);
    return sqlite;
}

static const char *dump(void) {
    assert_int_equal(ask(&a, hrana_handle_dump, ""), 200);
    assert_string_equal(a.content_type, "text/plain");
    assert_false(a.aborted);
    assert_int_equal(strncmp(a.body, "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n", 44), 0);
    assert_string_equal(a.body + a.body_len - 8, "COMMIT;\n");
    assert_int_equal(strlen(a.body), a.body_len);
    return a.body;
}

/* ---- what equal means ---- */

static bool same_value(sqlite3_stmt *x, sqlite3_stmt *y, int col) {
    int type = sqlite3_column_type(x, col);
    if (type != sqlite3_column_type(y, col)) return false;
    if (type == SQLITE_FLOAT) {
        double p = sqlite3_column_double(x, col), q = sqlite3_column_double(y, col);
        return memcmp(&p, &q, sizeof p) == 0;
    }
    if (type == SQLITE_INTEGER) return sqlite3_column_int64(x, col) == sqlite3_column_int64(y, col);
    const void *p = sqlite3_column_blob(x, col), *q = sqlite3_column_blob(y, col);
    int n = sqlite3_column_bytes(x, col);
    return n == sqlite3_column_bytes(y, col) && (n == 0 || memcmp(p, q, (size_t)n) == 0);
}

/* Returns the number of rows. */
static int assert_same(sqlite3 *x, sqlite3 *y, const char *sql) {
    sqlite3_stmt *p = NULL, *q = NULL;
    int rows = 0, rc;
    if (sqlite3_prepare_v2(x, sql, -1, &p, NULL) || sqlite3_prepare_v2(y, sql, -1, &q, NULL))
        fail_msg("%s: %s, %s", sql, sqlite3_errmsg(x), sqlite3_errmsg(y));
    while ((rc = sqlite3_step(p)) == SQLITE_ROW) {
        if (sqlite3_step(q) != SQLITE_ROW) fail_msg("%s: row %d is missing", sql, rows);
        for (int i = 0; i < sqlite3_column_count(p); i++) {
            if (!same_value(p, q, i))
                fail_msg("%s: row %d column %d: %s, %s", sql, rows, i, (const char *)sqlite3_column_text(p, i),
                         (const char *)sqlite3_column_text(q, i));
        }
        rows++;
    }
    assert_int_equal(rc, SQLITE_DONE);
    if (sqlite3_step(q) != SQLITE_DONE) fail_msg("%s: more than %d rows", sql, rows);
    sqlite3_finalize(p);
    sqlite3_finalize(q);
    return rows;
}

/* Schema, rows with their types and rowids, sequences, versions. */
static void assert_equal_databases(sqlite3 *x, sqlite3 *y) {
    sqlite3_stmt *tables = NULL;
    assert_same(x, y, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name");
    assert_same(x, y, "PRAGMA user_version");
    assert_same(x, y, "PRAGMA application_id");
    assert_same(x, y, "PRAGMA integrity_check");
    sqlite3_prepare_v2(x, "SELECT name, wr FROM pragma_table_list WHERE schema='main' AND type IN ('table','shadow')",
                       -1, &tables, NULL);
    int count = 0;
    for (; sqlite3_step(tables) == SQLITE_ROW; count++) {
        const char *name = (const char *)sqlite3_column_text(tables, 0);
        char *sql = sqlite3_column_int(tables, 1) ? sqlite3_mprintf("SELECT * FROM \"%w\"", name)
                                                  : sqlite3_mprintf("SELECT *, rowid FROM \"%w\" ORDER BY rowid", name);
        if (strcmp(name, "sqlite_schema") != 0) assert_same(x, y, sql);
        sqlite3_free(sql);
    }
    sqlite3_finalize(tables);
    assert_true(count > 0);
}

/* The tenant runs the script, and what its dump restores is what plain SQLite makes of it. */
static void comes_back(const char *sql) {
    script(sql);
    sqlite3 *plain = fresh("PRAGMA foreign_keys=ON"), *restored = fresh(dump());
    run(plain, sql);
    assert_true(sqlite3_get_autocommit(restored));
    sqlite3_close(restored);
    /* virtual tables are known from the next opening on: written to a file, opened again */
    char path[300];
    snprintf(path, sizeof path, "%s/restored.db", a.app.folder);
    remove(path);
    assert_int_equal(sqlite3_open(path, &restored), SQLITE_OK);
    run(restored, a.body);
    sqlite3_close(restored);
    assert_int_equal(sqlite3_open(path, &restored), SQLITE_OK);
    assert_equal_databases(plain, restored);
    sqlite3_close(plain);
    sqlite3_close(restored);
    remove(path);
}

/* ---- tests ---- */

static void an_empty_database_comes_back(void **state) {
    (void)state;
    assert_string_equal(dump(), "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCOMMIT;\n");
}

static void every_kind_of_value_comes_back(void **state) {
    (void)state;
    comes_back("CREATE TABLE v(a, i INTEGER, r REAL, t TEXT, b BLOB, n NUMERIC);"
               "INSERT INTO v VALUES(NULL, 9223372036854775807, 1e999, '', x'', 1.0);"
               "INSERT INTO v VALUES(-9223372036854775807 - 1, -1, -1e999, 'it''s; -- no', x'00ff', '12x');"
               "INSERT INTO v VALUES(-0.0, 1.5, 3, 'a'||char(0)||'b', 'text', 1e300);"
               "INSERT INTO v VALUES(CAST(x'fffe' AS TEXT), 'x', 0.1, 'one' || char(13,10) || 'two', x'0a', 5e-324);"
               "INSERT INTO v VALUES(0.1 + 0.2, 7, 12.37, '\\n' || char(10), zeroblob(1000), 1e15);");
}

static void names_of_all_kinds_come_back(void **state) {
    (void)state;
    comes_back(
        "CREATE TABLE \"a \"\"quoted\"\" 'name'\"(\"select\", \"x'y\" DEFAULT 'd''d', [br ack], `tick`);"
        "INSERT INTO \"a \"\"quoted\"\" 'name'\" VALUES(1,2,3,4);"
        "CREATE INDEX \"in'dex\" ON \"a \"\"quoted\"\" 'name'\"(\"x'y\");"
        "CREATE TABLE \"gr\xc3\xbc\xc3\x9f\"(\"\xc3\xa9\"); INSERT INTO \"gr\xc3\xbc\xc3\x9f\" VALUES('\xe2\x82\xac');"
        "CREATE TABLE \"order\"(\"group\"); INSERT INTO \"order\" VALUES(1);"
        "CREATE TABLE rowids(rowid, _rowid_); INSERT INTO rowids(rowid, _rowid_, oid) VALUES(1,2,50);"
        "CREATE TABLE bytecodes(a);");
}

static void rowids_come_back(void **state) {
    (void)state;
    comes_back("CREATE TABLE r(a); INSERT INTO r VALUES('x'),('y'),('z'); DELETE FROM r WHERE rowid=2;"
               "INSERT INTO r(rowid,a) VALUES(-5,'minus'),(0,'zero'),(9223372036854775807,'last');"
               "CREATE TABLE c(a, b); CREATE INDEX ci ON c(b, a);"
               "INSERT INTO c VALUES(1,9),(2,8),(3,7); INSERT INTO c(rowid,a,b) VALUES(70,1,1);"
               "CREATE TABLE k(a INTEGER PRIMARY KEY, b); INSERT INTO k VALUES(7,'x'),(3,'y');"
               "CREATE TABLE d(a INTEGER PRIMARY KEY DESC, b); INSERT INTO d VALUES(7,'x'),(3,'y');"
               "INSERT INTO d(rowid,a,b) VALUES(33,1,'z');"
               "CREATE TABLE w(a, b, PRIMARY KEY(b, a)) WITHOUT ROWID; INSERT INTO w VALUES(2,1),(1,2);");
    ask_has(&a, "INSERT INTO \"r\"(rowid,\"a\") VALUES(3,'z');\n");
    ask_has(&a, "INSERT INTO \"c\" VALUES(3,7);\nINSERT INTO \"c\"(rowid,\"a\",\"b\") VALUES(70,1,1);\n");
}

static void every_row_says_its_rowid_when_asked(void **state) {
    (void)state;
    script("CREATE TABLE r(a); INSERT INTO r VALUES('x');");
    ask_test_forget(&a);
    http_test *h = &a.last;
    memset(h, 0, sizeof *h);
    trib_arena_init(&h->arena, 1 << 20);
    trib_buf_init(&h->body, 1 << 20);
    h->request = (trib_http_request){.app = &a.app.app,
                                     .home = &a.app.home,
                                     .arena = &h->arena,
                                     .query = TRIB_STR("preserve_row_ids=true"),
                                     .tenant = a.tenant,
                                     .principal = &a.me};
    hrana_handle_dump(&h->request);
    a.body = (char *)(uintptr_t)http_test_wait(&a.app, h);
    ask_has(&a, "INSERT INTO \"r\"(rowid,\"a\") VALUES(1,'x');\n");
}

static void generated_columns_and_sequences_come_back(void **state) {
    (void)state;
    comes_back("CREATE TABLE g(a, v AS (a*2), b, s AS (a||b) STORED, CHECK(a > 0));"
               "INSERT INTO g VALUES(1,'x'),(2,'y');"
               "CREATE TABLE s(a INTEGER PRIMARY KEY AUTOINCREMENT, b); INSERT INTO s VALUES(5,'x'),(90,'y');"
               "DELETE FROM s WHERE a=90; CREATE TABLE s2(a INTEGER PRIMARY KEY AUTOINCREMENT);"
               "CREATE TABLE st(a INT, b TEXT, c ANY) STRICT; INSERT INTO st VALUES(1,'x','007'),(2,'y',x'00');"
               "PRAGMA user_version=42; PRAGMA application_id=77;");
    ask_has(&a, "DELETE FROM sqlite_sequence;\nINSERT INTO sqlite_sequence VALUES('s',90);\n");
}

static void a_sequence_without_its_tables_does_no_harm(void **state) {
    (void)state;
    script("CREATE TABLE s(a INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO s VALUES(5); DROP TABLE s;");
    sqlite3 *restored = fresh(dump());
    ask_has_not(&a, "sqlite_sequence");
    sqlite3_close(restored);
}

static void views_triggers_indexes_and_foreign_keys_come_back(void **state) {
    (void)state;
    comes_back("CREATE TABLE child(a REFERENCES parent(a) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, b);"
               "CREATE TABLE log(x);"
               "CREATE VIEW early AS SELECT * FROM child JOIN parent USING(a) -- of both\n;"
               "CREATE TABLE parent(a PRIMARY KEY, b UNIQUE COLLATE NOCASE);"
               "CREATE TRIGGER t1 AFTER INSERT ON child BEGIN INSERT INTO log VALUES('child; ' || new.a); END;"
               "CREATE TRIGGER t2 INSTEAD OF INSERT ON early BEGIN SELECT 1; DELETE FROM log; END;"
               "CREATE INDEX i1 ON child(b) WHERE b > 1; CREATE UNIQUE INDEX i2 ON parent(lower(b) DESC);"
               "BEGIN; INSERT INTO child VALUES(1,2),(2,3); INSERT INTO parent VALUES(1,'One'),(2,'Two'); COMMIT;"
               "CREATE TABLE selfish(a PRIMARY KEY, p REFERENCES selfish); INSERT INTO selfish VALUES(1,2),(2,1);");
    ask_has(&a, "CREATE VIEW early AS SELECT * FROM child JOIN parent USING(a)");
}

static void virtual_tables_come_back_with_their_shadows(void **state) {
    (void)state;
    comes_back(
        "CREATE VIRTUAL TABLE \"f'ts\" USING fts5(title, body, tokenize='porter unicode61');"
        "INSERT INTO \"f'ts\" VALUES('one','the quick brown foxes'),('two','it''s\njumping');"
        "CREATE TABLE doc(t); INSERT INTO doc(rowid,t) VALUES(10,'alpha'),(20,'beta');"
        "CREATE VIRTUAL TABLE ext USING fts5(t, content='doc', content_rowid='rowid');"
        "INSERT INTO ext(ext) VALUES('rebuild');"
        "CREATE VIRTUAL TABLE bare USING fts5(t, content=''); INSERT INTO bare(rowid,t) VALUES(3,'gamma');"
        "CREATE VIRTUAL TABLE voc USING fts5vocab(ext, 'row');"
        "CREATE VIRTUAL TABLE box USING rtree(id, x0, x1); INSERT INTO box VALUES(1,0.5,2.5),(2,3,4);"
        "CREATE TRIGGER doc_ai AFTER INSERT ON doc BEGIN INSERT INTO ext(rowid,t) VALUES(new.rowid,new.t); END;");
    char path[300];
    snprintf(path, sizeof path, "%s/fts.db", a.app.folder);
    sqlite3 *restored = NULL, *expected = fresh("CREATE TABLE e(a,b,c,d,f); INSERT INTO e VALUES(1,20,3,2,'beta')");
    assert_int_equal(sqlite3_open(path, &restored), SQLITE_OK);
    run(restored, a.body);
    sqlite3_close(restored);
    assert_int_equal(sqlite3_open(path, &restored), SQLITE_OK);
    run(restored, "CREATE TABLE e AS SELECT (SELECT rowid FROM \"f'ts\"('fox')) AS a, (SELECT rowid FROM ext('beta')) "
                  "AS b, (SELECT rowid FROM bare('gamma')) AS c, (SELECT id FROM box WHERE x0>1) AS d, "
                  "(SELECT t FROM ext WHERE ext MATCH 'beta') AS f;"
                  "INSERT INTO doc VALUES('delta'); INSERT INTO ext(ext) VALUES('integrity-check');");
    assert_int_equal(assert_same(restored, expected, "SELECT * FROM e"), 1);
    sqlite3_close(restored);
    sqlite3_close(expected);
}

static void the_servers_own_tables_are_not_in_it(void **state) {
    (void)state;
    script("CREATE TABLE mine(a INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO mine VALUES(1);");
    trib_db *db;
    trib_handle *handle;
    trib_session_vars vars = {0};
    trib_turn_waiter turn = {0};
    trib_error err;
    assert_int_equal(trib_store_db_get(a.app.app.store, trib_str_c(a.tenant->id), NULL, &db, &err), TRIB_OK);
    assert_int_equal(trib_handle_take(db, &handle, &err), TRIB_OK);
    assert_int_equal(trib_handle_enter(handle, TRIB_ACCESS_SYSTEM, &vars, &err), TRIB_OK);
    trib_str left = TRIB_STR("CREATE TABLE _trib_x(a INTEGER PRIMARY KEY AUTOINCREMENT, b);"
                             "INSERT INTO _trib_x VALUES(7,'secret'); CREATE INDEX secret_i ON _trib_x(b);"
                             "CREATE TRIGGER _trib_t AFTER INSERT ON mine BEGIN INSERT INTO _trib_x VALUES(9,1); END;");
    for (;;) {
        trib_str rest = left;
        trib_stmt *stmt = NULL;
        bool row = true;
        assert_int_equal(trib_stmt_prepare_next(handle, &rest, &stmt, &err), TRIB_OK);
        if (!stmt) break;
        trib_code code = TRIB_OK;
        while (row && (code = trib_stmt_step(stmt, &row, &err)) == TRIB_OK) {}
        trib_stmt_free(stmt);
        if (code == TRIB_AGAIN) assert_int_equal(trib_turn_wait(handle, &turn, &err), TRIB_OK);
        else assert_int_equal(code, TRIB_OK);
        if (code == TRIB_OK) left = rest;
    }
    trib_handle_leave(handle);
    trib_handle_give(handle);
    trib_db_unref(db);
    dump();
    ask_has(&a, "INSERT INTO sqlite_sequence VALUES('mine',1);\n");
    ask_has_not(&a, "_trib_");
    ask_has_not(&a, "secret");
}

#define MANY_ROWS                                                                                                      \
    "CREATE TABLE m(a INTEGER PRIMARY KEY, b); WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT "    \
    "20000) INSERT INTO m SELECT n, 'row ' || n FROM c;"

static void a_large_dump_comes_in_bounded_chunks(void **state) {
    (void)state;
    comes_back(MANY_ROWS);
    assert_true(a.last.chunks > 5);
    assert_true(a.last.largest_chunk < TRIB_HRANA_CHUNK_BYTES + 1024);
}

static void many_small_objects_come_in_chunks_too(void **state) {
    (void)state;
    trib_buf sql;
    trib_buf_init(&sql, 1 << 20);
    for (int i = 0; i < 1500; i++) trib_buf_printf(&sql, "CREATE TABLE t%d(a, b, c CHECK(c > 0), d);", i);
    trib_buf_add_char(&sql, '\0');
    script(sql.ptr);
    dump();
    assert_true(a.last.chunks > 0);
    assert_true(a.last.largest_chunk < TRIB_HRANA_CHUNK_BYTES + 1024);
    trib_buf_deinit(&sql);
}

static void begin_held(http_test *h) {
    http_test_begin(&a.app, h, hrana_handle_dump, a.tenant, &a.me, "");
    h->hold = true;
    while (!h->chunks) app_test_pump(&a.app);
}

static void what_is_written_meanwhile_is_not_in_it(void **state) {
    (void)state;
    http_test h;
    script(MANY_ROWS "CREATE TABLE z(a); INSERT INTO z VALUES('before');");
    begin_held(&h);
    script("DELETE FROM m WHERE a > 10000; INSERT INTO z VALUES('after'); CREATE TABLE zz(a); DROP TABLE IF EXISTS q;");
    h.hold = false;
    h.on_credit(&h.request);
    http_test_wait(&a.app, &h);
    assert_false(h.aborted);
    assert_non_null(strstr(h.body.ptr, "INSERT INTO \"m\" VALUES(20000,'row 20000');\n"));
    assert_non_null(strstr(h.body.ptr, "before"));
    assert_null(strstr(h.body.ptr, "after"));
    assert_null(strstr(h.body.ptr, "zz"));
    http_test_end(&h);
}

static void a_snapshot_that_is_too_old_leaves_no_whole_dump(void **state) {
    (void)state;
    http_test h;
    script(MANY_ROWS);
    begin_held(&h);
    a.app.env.offset_ns += (TRIB_READ_TXN_MAX_MS + 1000) * INT64_C(1000000);
    trib_store_tick(a.app.app.store);
    h.hold = false;
    h.on_credit(&h.request);
    http_test_wait(&a.app, &h);
    assert_true(h.aborted);
    assert_null(strstr(h.body.ptr, "COMMIT"));
    assert_non_null(strstr(h.body.ptr, "\nROLLBACK; -- due to errors: SNAPSHOT_TOO_OLD\n"));
    sqlite3 *restored = fresh("SELECT 1");
    run(restored, h.body.ptr);
    assert_true(sqlite3_get_autocommit(restored));
    sqlite3 *nothing = fresh("SELECT 1");
    assert_int_equal(assert_same(restored, nothing, "SELECT * FROM sqlite_schema"), 0);
    sqlite3_close(restored);
    sqlite3_close(nothing);
    http_test_end(&h);
}

static void a_peer_that_leaves_ends_it(void **state) {
    (void)state;
    http_test h;
    script(MANY_ROWS);
    begin_held(&h);
    http_test_leave(&h);
    http_test_wait(&a.app, &h);
    assert_true(h.aborted);
    assert_null(strstr(h.body.ptr, "COMMIT"));
    http_test_end(&h);
    assert_int_equal(trib_sessions_count(a.app.app.sessions), 0);
    script("INSERT INTO m VALUES(0,'free')");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ASK_TEST(an_empty_database_comes_back),
        ASK_TEST(every_kind_of_value_comes_back),
        ASK_TEST(names_of_all_kinds_come_back),
        ASK_TEST(rowids_come_back),
        ASK_TEST(every_row_says_its_rowid_when_asked),
        ASK_TEST(generated_columns_and_sequences_come_back),
        ASK_TEST(a_sequence_without_its_tables_does_no_harm),
        ASK_TEST(views_triggers_indexes_and_foreign_keys_come_back),
        ASK_TEST(virtual_tables_come_back_with_their_shadows),
        ASK_TEST(the_servers_own_tables_are_not_in_it),
        ASK_TEST(a_large_dump_comes_in_bounded_chunks),
        ASK_TEST(many_small_objects_come_in_chunks_too),
        ASK_TEST(what_is_written_meanwhile_is_not_in_it),
        ASK_TEST(a_snapshot_that_is_too_old_leaves_no_whole_dump),
        ASK_TEST(a_peer_that_leaves_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
