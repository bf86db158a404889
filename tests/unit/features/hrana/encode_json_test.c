/* SPDX-License-Identifier: Apache-2.0 */
/* Results as JSON, byte for byte: clients check types, presence and order of nothing but all of the members. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "features/hrana/codec.h"
#include "support/app_test.h"

static app_test t;
static trib_db *db;
static trib_handle *handle;
static trib_session_vars vars;

static int setup(void **state) {
    (void)state;
    if (app_test_start(&t, true, NULL) != TRIB_OK) return -1;
    if (trib_store_db_get(t.app.store, TRIB_STR("discovery"), NULL, &db, NULL) != TRIB_OK) return -1;
    if (trib_handle_take(db, &handle, NULL) != TRIB_OK) return -1;
    return trib_handle_enter(handle, TRIB_ACCESS_WRITE, &vars, NULL) == TRIB_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    trib_handle_leave(handle);
    trib_handle_give(handle);
    trib_db_unref(db);
    app_test_stop(&t);
    app_test_cleanup(&t);
    return 0;
}

static trib_stmt *prepare(const char *sql) {
    trib_stmt *stmt = NULL;
    trib_error err;
    if (trib_stmt_prepare(handle, trib_str_c(sql), &stmt, &err) != TRIB_OK) fail_msg("%s: %s", sql, err.message);
    return stmt;
}

static bool step(trib_stmt *stmt) {
    trib_error err;
    bool row = false;
    if (trib_stmt_step(stmt, &row, &err) != TRIB_OK) fail_msg("%s", err.message);
    return row;
}

static void run(const char *sql) {
    trib_stmt *stmt = prepare(sql);
    while (step(stmt)) {}
    trib_stmt_free(stmt);
}

/* What `encode` writes for a statement, inside an object if it writes members. */
static void expect(trib_stmt *stmt, void (*encode)(trib_json_writer *, const trib_stmt *), bool members,
                   const char *want) {
    trib_buf buf;
    trib_json_writer w;
    trib_buf_init(&buf, 1 << 20);
    trib_jw_init(&w, &buf);
    if (members) trib_jw_object_begin(&w);
    encode(&w, stmt);
    if (members) trib_jw_object_end(&w);
    assert_true(trib_jw_done(&w) && !buf.failed);
    if (!trib_str_eq_c(trib_buf_str(&buf), want)) fail_msg("%.*s\nwant %s", TRIB_STR_ARG(trib_buf_str(&buf)), want);
    trib_buf_deinit(&buf);
}

static void every_type_has_its_form(void **state) {
    (void)state;
    static const struct {
        const char *sql, *want;
    } rows[] = {
        {"SELECT NULL", "[{\"type\":\"null\"}]"},
        {"SELECT 0, -1", "[{\"type\":\"integer\",\"value\":\"0\"},{\"type\":\"integer\",\"value\":\"-1\"}]"},
        {"SELECT -9223372036854775807-1", "[{\"type\":\"integer\",\"value\":\"-9223372036854775808\"}]"},
        {"SELECT 9223372036854775807", "[{\"type\":\"integer\",\"value\":\"9223372036854775807\"}]"},
        {"SELECT 1.0, 0.1, 1e300",
         "[{\"type\":\"float\",\"value\":1},{\"type\":\"float\",\"value\":0.1},{\"type\":\"float\","
         "\"value\":1e+300}]"},
        {"SELECT 9e999, -9e999", "[{\"type\":\"float\",\"value\":null},{\"type\":\"float\",\"value\":null}]"},
        {"SELECT '', 'a\"b\\c'", "[{\"type\":\"text\",\"value\":\"\"},{\"type\":\"text\",\"value\":\"a\\\"b\\\\c\"}]"},
        {"SELECT char(0,10,228)", "[{\"type\":\"text\",\"value\":\"\\u0000\\n\xc3\xa4\"}]"},
        {"SELECT CAST(x'61ff62' AS TEXT)", "[{\"type\":\"text\",\"value\":\"a\xef\xbf\xbd"
                                           "b\"}]"},
        {"SELECT x'', x'01', x'0102', x'010203', x'fbff'",
         "[{\"type\":\"blob\",\"base64\":\"\"},{\"type\":\"blob\",\"base64\":\"AQ\"},{\"type\":\"blob\",\"base64\":"
         "\"AQI\"},"
         "{\"type\":\"blob\",\"base64\":\"AQID\"},{\"type\":\"blob\",\"base64\":\"+/8\"}]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_stmt *stmt = prepare(rows[i].sql);
        assert_true(step(stmt));
        expect(stmt, hrana_encode_row, false, rows[i].want);
        trib_stmt_free(stmt);
    }
}

static void columns_have_names_and_null_where_no_type_was_declared(void **state) {
    (void)state;
    run("CREATE TABLE c(a INTEGER, b, \"c d\" VARCHAR(9))");
    trib_stmt *stmt = prepare("SELECT a, b, \"c d\", a+1, 2 AS \"quote\"\"d\" FROM c");
    expect(stmt, hrana_encode_cols, true,
           "{\"cols\":[{\"name\":\"a\",\"decltype\":\"INTEGER\"},{\"name\":\"b\",\"decltype\":null},"
           "{\"name\":\"c d\",\"decltype\":\"VARCHAR(9)\"},{\"name\":\"a+1\",\"decltype\":null},"
           "{\"name\":\"quote\\\"d\",\"decltype\":null}]}");
    trib_stmt_free(stmt);
    stmt = prepare("BEGIN");
    expect(stmt, hrana_encode_cols, true, "{\"cols\":[]}");
    trib_stmt_free(stmt);
}

static void counts_are_numbers_and_the_rowid_a_string_or_null(void **state) {
    (void)state;
    static const struct {
        const char *sql, *want;
    } rows[] = {
        {"INSERT INTO n VALUES(5),(9223372036854775807)",
         "{\"affected_row_count\":2,\"last_insert_rowid\":\"9223372036854775807\",\"replication_index\":null,\"rows_"
         "read\":0,"
         "\"rows_written\":2}"},
        {"UPDATE n SET a=6 WHERE a=5",
         "{\"affected_row_count\":1,\"last_insert_rowid\":null,\"replication_index\":null,"
         "\"rows_read\":0,\"rows_written\":1}"},
        {"DELETE FROM n WHERE a=6", "{\"affected_row_count\":1,\"last_insert_rowid\":null,\"replication_index\":null,"
                                    "\"rows_read\":0,\"rows_written\":1}"},
        {"SELECT 1", "{\"affected_row_count\":0,\"last_insert_rowid\":null,\"replication_index\":null,\"rows_read\":1,"
                     "\"rows_written\":0}"},
    };
    run("CREATE TABLE n(a INTEGER PRIMARY KEY)");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_stmt *stmt = prepare(rows[i].sql);
        while (step(stmt)) {}
        expect(stmt, hrana_encode_counts, true, rows[i].want);
        trib_stmt_free(stmt);
    }
}

static void describe_has_every_array_and_both_booleans(void **state) {
    (void)state;
    run("CREATE TABLE d(a INTEGER)");
    static const struct {
        const char *sql, *want;
    } rows[] = {
        {"SELECT a FROM d WHERE a IN (?, :x, @y, $z, ?9)",
         "{\"params\":[{\"name\":null},{\"name\":\":x\"},{\"name\":\"@y\"},{\"name\":\"$z\"},{\"name\":null},{\"name\":"
         "null},"
         "{\"name\":null},{\"name\":null},{\"name\":\"?9\"}],\"cols\":[{\"name\":\"a\",\"decltype\":\"INTEGER\"}],"
         "\"is_explain\":false,\"is_readonly\":true}"},
        {"INSERT INTO d VALUES(1)", "{\"params\":[],\"cols\":[],\"is_explain\":false,\"is_readonly\":false}"},
        {"PRAGMA foreign_keys=0", "{\"params\":[],\"cols\":[],\"is_explain\":false,\"is_readonly\":false}"},
        {"COMMIT", "{\"params\":[],\"cols\":[],\"is_explain\":false,\"is_readonly\":false}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_stmt *stmt = prepare(rows[i].sql);
        expect(stmt, hrana_encode_describe, false, rows[i].want);
        trib_stmt_free(stmt);
    }
    trib_stmt *stmt = prepare("EXPLAIN DELETE FROM d");
    assert_true(trib_stmt_is_explain(stmt) && trib_stmt_is_readonly(stmt));
    trib_stmt_free(stmt);
}

static void a_failed_constraint_also_tells_which_kind(void **state) {
    (void)state;
    enum { CONSTRAINT_UNIQUE = 19 | 8 << 8, BUSY_SNAPSHOT = 5 | 2 << 8 };
    trib_buf buf;
    trib_json_writer w;
    trib_error err = {0};
    trib_buf_init(&buf, 1 << 16);
    trib_jw_init(&w, &buf);
    trib_error_set(&err, TRIB_SQL_ERROR, "m");
    snprintf(err.text_code, sizeof err.text_code, "SQLITE_CONSTRAINT");
    err.detail = CONSTRAINT_UNIQUE;
    hrana_encode_error(&w, &err);
    assert_true(trib_str_eq_c(trib_buf_str(&buf), "{\"message\":\"m\",\"code\":\"SQLITE_CONSTRAINT\","
                                                  "\"extended_code\":\"SQLITE_CONSTRAINT_UNIQUE\"}"));
    trib_buf_clear(&buf);
    trib_jw_init(&w, &buf);
    err.text_code[0] = '\0';
    err.detail = BUSY_SNAPSHOT;
    hrana_encode_error(&w, &err);
    assert_true(trib_str_find(trib_buf_str(&buf), 'x') == SIZE_MAX); /* no extended_code */
    trib_buf_deinit(&buf);
}

static void an_error_has_message_and_code(void **state) {
    (void)state;
    trib_buf buf;
    trib_json_writer w;
    trib_error err = {0};
    trib_buf_init(&buf, 1 << 16);
    trib_jw_init(&w, &buf);
    trib_error_set(&err, TRIB_SQL_ERROR, "SQLite error: a \"quoted\" name");
    snprintf(err.text_code, sizeof err.text_code, "SQLITE_CONSTRAINT");
    hrana_encode_error(&w, &err);
    assert_true(trib_str_eq_c(trib_buf_str(&buf),
                              "{\"message\":\"SQLite error: a \\\"quoted\\\" name\",\"code\":\"SQLITE_CONSTRAINT\"}"));
    trib_buf_clear(&buf);
    trib_jw_init(&w, &buf);
    trib_error_set(&err, TRIB_SQL_NO_STATEMENT, NULL);
    hrana_encode_error(&w, &err);
    assert_true(trib_str_eq_c(trib_buf_str(&buf), "{\"message\":\"SQL string does not contain any statement\",\"code\":"
                                                  "\"SQL_NO_STATEMENT\"}"));
    trib_buf_deinit(&buf);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_type_has_its_form),
        TEST(columns_have_names_and_null_where_no_type_was_declared),
        TEST(counts_are_numbers_and_the_rowid_a_string_or_null),
        TEST(describe_has_every_array_and_both_booleans),
        cmocka_unit_test(an_error_has_message_and_code),
        cmocka_unit_test(a_failed_constraint_also_tells_which_kind),
    };
    return cmocka_run_group_tests_name("features/hrana/encode_json", tests, NULL, NULL);
}
