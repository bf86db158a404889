/* SPDX-License-Identifier: Apache-2.0 */
/* Our versions of built-ins give the same answers as the built-ins, fast where those are slow. */
#include "unit/store/store_support.h"

/* xorshift: the same texts on every run. */
static uint32_t next_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Short texts of few letters, so that they match often; wildcards, multi-byte characters and broken UTF-8 among
 * them. */
static void random_text(uint32_t *state, char *out, int max_pieces) {
    static const char *const pieces[] = {"a",
                                         "b",
                                         "A",
                                         "B",
                                         "%",
                                         "_",
                                         "*",
                                         "?",
                                         "[",
                                         "]",
                                         "^",
                                         "-",
                                         "\\",
                                         "\xc3\xa4",
                                         "\xe2\x82\xac",
                                         "\x80",
                                         "\xc3",
                                         "\xf0\x9f\x98\x80",
                                         "a",
                                         "a",
                                         "b",
                                         "\xff",
                                         "\xed\xa0\x80",
                                         "c"};
    int n = (int)(next_random(state) % (uint32_t)(max_pieces + 1));
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        const char *piece = pieces[next_random(state) % (sizeof pieces / sizeof pieces[0])];
        memcpy(out + at, piece, strlen(piece));
        at += strlen(piece);
    }
    out[at] = '\0';
}

static void value_of(sqlite3 *sqlite, const char *sql, const char *const *texts, char *ret, size_t ret_bytes) {
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL), SQLITE_OK);
    for (int i = 0; i < sqlite3_bind_parameter_count(stmt); i++) {
        if (texts[i]) sqlite3_bind_text(stmt, i + 1, texts[i], -1, SQLITE_STATIC);
    }
    int rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW) snprintf(ret, ret_bytes, "error: %s", sqlite3_errmsg(sqlite));
    else snprintf(ret, ret_bytes, "%d:%s", sqlite3_column_type(stmt, 0), (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
}

static void replaced_functions_answer_as_the_built_ins(void **state) {
    store_fixture *f = *state;
    static const char *const sqls[] = {
        "SELECT ?1 LIKE ?2",
        "SELECT ?1 LIKE ?2 ESCAPE ?3",
        "SELECT ?1 GLOB ?2",
        "SELECT instr(?1, ?2)",
        "SELECT instr(CAST(?1 AS BLOB), CAST(?2 AS BLOB))",
        "SELECT instr(CAST(?1 AS BLOB), ?2)",
        "SELECT instr(?1, 1)",
        "SELECT hex(replace(?1, ?2, ?3))",
        "SELECT hex(trim(?1, ?2))",
        "SELECT hex(ltrim(?1, ?2))",
        "SELECT hex(rtrim(?1, ?2))",
        "SELECT typeof(replace(12345, ?2, ?3)), length(?1)",
    };
    sqlite3 *plain;
    assert_int_equal(sqlite3_open(":memory:", &plain), SQLITE_OK);
    uint32_t seed = 12345;
    int matched = 0;
    for (int i = 0; i < 60000; i++) {
        char a[128], b[128], c[128], got[512], want[512];
        random_text(&seed, a, 12);
        random_text(&seed, b, next_random(&seed) % 4 ? 3 : 8);
        random_text(&seed, c, 1);
        const char *texts[3] = {a, b, c};
        if (next_random(&seed) % 50 == 0) texts[next_random(&seed) % 3] = NULL;
        const char *sql = sqls[next_random(&seed) % (sizeof sqls / sizeof sqls[0])];
        value_of(plain, sql, texts, want, sizeof want);
        value_of(f->handle.sqlite, sql, texts, got, sizeof got);
        if (strcmp(got, want) != 0) fail_msg("%s with '%s' '%s' '%s': got %s, want %s", sql, a, b, c, got, want);
        matched += strcmp(want, "1:1") == 0;
    }
    assert_true(matched > 1000); /* the texts are not all misses */
    sqlite3_close(plain);
}

/* What SQLite's own tests and manual say, as text of the first value. */
static void guarded_functions_answer_as_the_built_ins(void **state) {
    store_fixture *f = *state;
    sqlite3 *plain;
    assert_int_equal(sqlite3_open(":memory:", &plain), SQLITE_OK);
    static const char *const sqls[] = {
        "SELECT length(?1)",
        "SELECT hex(?1)",
        "SELECT unhex('41 42', ' ')",
        "SELECT unhex('4142')",
        "SELECT quote(?1)",
        "SELECT upper(?1)||lower(?1)",
        "SELECT substr(?1, 2)||substr(?1, -3, 2)||substring(?1,1,1)",
        "SELECT printf('%s-%5d-%.2f', ?1, 42, 3.14159)",
        "SELECT format('%q', ?1)",
        "SELECT concat_ws(',', ?1, 1, NULL, 2)",
        "SELECT trim(' x ')||ltrim(' x ')||rtrim(' x ')",
        "SELECT json('{\"a\": [1, 2]}')",
        "SELECT json_extract('{\"a\":[1,{\"b\":2}]}', '$.a[1].b')",
        "SELECT '{\"a\":[1,2]}' -> '$.a'",
        "SELECT '{\"a\":[1,2]}' ->> '$.a[0]'",
        "SELECT json_set('{\"a\":1}', '$.b', json('[1]'))",
        "SELECT json_patch('{\"a\":1,\"b\":2}', '{\"b\":null,\"c\":{\"d\":3}}')",
        "SELECT json_array(1, json('{}'), ?1)",
        "SELECT json_object('k', json_array(1))",
        "SELECT json_group_array(json('{}'))",
        "SELECT json_type('[1]', '$[0]')",
        "SELECT json_valid('{')",
        "SELECT json(jsonb('[1,2]'))",
        "SELECT json_array_length('[1,2,3]')",
        "SELECT json_quote(json('[1]'))",
        "SELECT json_remove('[1,2,3]', '$[1]')",
        "SELECT json_pretty('[1]')",
        "SELECT json_extract('[1', '$')",
        "SELECT length(zeroblob(5))",
        "SELECT json_error_position('[1')",
    };
    const char *texts[3] = {"h\xc3\xa4llo 'w", NULL, NULL};
    for (size_t i = 0; i < sizeof sqls / sizeof sqls[0]; i++) {
        char got[512], want[512];
        value_of(plain, sqls[i], texts, want, sizeof want);
        value_of(f->handle.sqlite, sqls[i], texts, got, sizeof got);
        if (strcmp(got, want) != 0) fail_msg("%s: got %s, want %s", sqls[i], got, want);
    }
    sqlite3_close(plain);
}

static void replaced_functions_stay_usable_in_schemas_and_indexes(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(a TEXT CHECK(a NOT LIKE 'x%' AND instr(a,'y')=0), b AS (replace(a,'1','2')) STORED);"
                 "CREATE INDEX i ON t(trim(a,'.')); CREATE VIEW v AS SELECT a GLOB 'a*' AS g, length(a) AS n FROM t;"
                 "INSERT INTO t(a) VALUES('a1..'),('b1')");
    expect_error(f, "INSERT INTO t(a) VALUES('xx')", TRIB_SQL_ERROR, "CHECK constraint failed");
    expect_rows(f, "SELECT g, n FROM v", "1|4;0|2");
    expect_rows(f, "SELECT b FROM t WHERE trim(a,'.')='a1'", "a2..");
}

static void like_and_glob_still_find_an_index(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(a TEXT COLLATE NOCASE, b TEXT); CREATE INDEX ia ON t(a); CREATE INDEX ib ON t(b)");
    char got[512];
    assert_int_equal(run_into(f, "EXPLAIN QUERY PLAN SELECT * FROM t WHERE a LIKE 'abc%'", got, sizeof got), TRIB_OK);
    assert_non_null(strstr(got, "SEARCH t USING INDEX ia"));
    assert_int_equal(run_into(f, "EXPLAIN QUERY PLAN SELECT * FROM t WHERE b GLOB 'abc*'", got, sizeof got), TRIB_OK);
    assert_non_null(strstr(got, "SEARCH t USING INDEX ib"));
    assert_int_equal(run_into(f, "EXPLAIN QUERY PLAN SELECT * FROM t WHERE b LIKE 'abc%'", got, sizeof got), TRIB_OK);
    assert_non_null(strstr(got, "SCAN"));
    expect_rows(f, "INSERT INTO t VALUES('ABCd','abcd'),('x','y'); SELECT count(*) FROM t WHERE a LIKE 'abc%'", "1");
    expect_rows(f, "SELECT count(*) FROM t WHERE b GLOB 'abc*'", "1");
}

static void long_texts_are_searched_in_linear_time(void **state) {
    store_fixture *f = *state;
    f->db.settings.statement_timeout_ms = 5000; /* each would take minutes with the built-in */
    expect_rows(
        f, "WITH s(h, n) AS (SELECT hex(zeroblob(2500000)), hex(zeroblob(1200000))||'1') SELECT instr(h, n) FROM s",
        "0");
    expect_rows(f,
                "WITH s(h, n) AS (SELECT hex(zeroblob(2500000)), hex(zeroblob(1200000))||'1')"
                "SELECT length(replace(h, n, 'x')) FROM s",
                "5000000");
}

static void product_costs_are_bounded(void **state) {
    store_fixture *f = *state;
    expect_error(f, "SELECT unhex(hex(zeroblob(2000000)), hex(zeroblob(2000000)))", TRIB_SQL_ERROR,
                 "too large to be combined");
    expect_error(
        f,
        "WITH j(x) AS (SELECT json_group_object('k'||value, 1) FROM ("
        "WITH RECURSIVE c(value) AS (SELECT 1 UNION ALL SELECT value+1 FROM c WHERE value<60000) SELECT value FROM c))"
        "SELECT length(json_patch(x, x)) FROM j",
        TRIB_SQL_ERROR, "too large to be combined");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        store_test(replaced_functions_answer_as_the_built_ins),
        store_test(guarded_functions_answer_as_the_built_ins),
        store_test(replaced_functions_stay_usable_in_schemas_and_indexes),
        store_test(like_and_glob_still_find_an_index),
        store_test(long_texts_are_searched_in_linear_time),
        store_test(product_costs_are_bounded),
    };
    return cmocka_run_group_tests_name("store/functions", tests, NULL, NULL);
}
