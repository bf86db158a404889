/* SPDX-License-Identifier: Apache-2.0 */
/* The hostile-SQL catalogue: each row would run for seconds to hours, or take the machine's memory, in stock SQLite.
 * Here each ends within its time and the database's memory, and the connection works on. The margin is wide because
 * sanitizers and shared machines are slow; what is proved is that nothing runs on uninterrupted. */
#include "store/stmt_cache.h"
#include "unit/store/store_support.h"

enum { TIMEOUT_MS = 100, MARGIN_MS = 4000 };

#define NUMBERS(n) "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<" #n ") SELECT x FROM c)"

static const struct {
    const char *name, *setup, *sql;
} catalogue[] = {
    {"recursive CTE without end", NULL,
     "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT max(x) FROM c"},
    {"recursive CTE that grows", NULL,
     "WITH RECURSIVE c(x) AS (SELECT 1 UNION SELECT x+1 FROM c UNION SELECT -x FROM c) SELECT x FROM c"},
    {"cross join", NULL, "SELECT count(*) FROM " NUMBERS(3000) " a, " NUMBERS(3000) " b, " NUMBERS(3000) " c"},
    {"huge sort", NULL, "SELECT x FROM " NUMBERS(100000000) " ORDER BY random()"},
    {"sort of wide rows", NULL, "SELECT x, randomblob(10000) FROM " NUMBERS(1000000) " ORDER BY 2"},
    {"huge DISTINCT", NULL, "SELECT DISTINCT randomblob(16) FROM " NUMBERS(100000000)},
    {"huge GROUP BY", NULL, "SELECT count(*) FROM (SELECT 1 FROM " NUMBERS(100000000) " GROUP BY random())"},
    {"instr on long texts", NULL,
     "SELECT instr(hex(zeroblob(2500000)), hex(zeroblob(1200000))||'1') FROM " NUMBERS(1000000) " WHERE x<0"},
    {"instr by the million", NULL, "SELECT count(instr(hex(zeroblob(100000)), 'x'||x)) FROM " NUMBERS(1000000)},
    {"instr of continuation bytes", NULL,
     "SELECT instr(CAST(hex(zeroblob(2000000)) AS TEXT), CAST(x'8080' AS TEXT)) FROM " NUMBERS(100000) " WHERE x<0"},
    {"LIKE with one long piece", NULL,
     "SELECT count(*) FROM " NUMBERS(
         1000000) " WHERE hex(zeroblob(2500000)) LIKE '%'||substr(hex(zeroblob(490)),1,980)||'1%'"},
    {"LIKE with many wildcards", NULL,
     "SELECT count(*) FROM " NUMBERS(
         1000000) " WHERE hex(zeroblob(2500000)) LIKE '%'||replace(hex(zeroblob(240)),'00','0%')||'1'"},
    {"LIKE with underscores", NULL,
     "SELECT count(*) FROM " NUMBERS(
         1000000) " WHERE hex(zeroblob(2500000)) LIKE '%'||replace(hex(zeroblob(450)),'00','__')||'1%'"},
    {"GLOB with sets", NULL,
     "SELECT count(*) FROM " NUMBERS(
         1000000) " WHERE hex(zeroblob(2500000)) GLOB '*'||replace(hex(zeroblob(180)),'00','[0-9]')||'1*'"},
    {"a LIKE pattern past the limit", NULL, "SELECT 'x' LIKE hex(zeroblob(1000))"},
    {"replace of a long piece", NULL,
     "SELECT count(replace(hex(zeroblob(2500000)), hex(zeroblob(1200000))||'1', 'x')) FROM " NUMBERS(1000000)},
    {"replace that explodes", NULL, "SELECT length(replace(hex(zeroblob(1000000)), '0', hex(zeroblob(1000))))"},
    {"trim with a large set", NULL,
     "SELECT length(trim(hex(zeroblob(2000000)), replace(hex(zeroblob(200000)), '0', 'x')||'0'))"},
    {"printf width", NULL, "SELECT length(printf('%2000000000d', 1))"},
    {"printf precision", NULL, "SELECT length(printf('%.99999999f', 1.5))"},
    {"printf many widths", NULL,
     "SELECT count(printf('%*d%*d%*d', x+1000000, 1, 1000000, 1, 1000000, 1)) FROM " NUMBERS(1000000)},
    {"randomblob fill", NULL, "SELECT sum(length(randomblob(6000000))) FROM " NUMBERS(1000000)},
    {"randomblob too big", NULL, "SELECT randomblob(2000000000)"},
    {"zeroblob too big", NULL, "SELECT zeroblob(2147483647)"},
    {"hex of hex", NULL, "SELECT count(hex(hex(zeroblob(1500000)))) FROM " NUMBERS(1000000)},
    {"quote", NULL, "SELECT count(quote(zeroblob(2900000))) FROM " NUMBERS(1000000)},
    {"concatenation", NULL, "SELECT count(a||a) FROM (SELECT hex(zeroblob(1400000)) AS a FROM " NUMBERS(1000000) ")"},
    {"group_concat", NULL, "SELECT group_concat(hex(randomblob(1000)), hex(randomblob(1000))) FROM " NUMBERS(1000000)},
    {"window of group_concat", NULL,
     "SELECT max(length(g)) FROM (SELECT group_concat(hex(zeroblob(500))) OVER (ORDER BY x ROWS 1000 PRECEDING) AS g "
     "FROM " NUMBERS(1000000) ")"},
    {"window frames", NULL,
     "SELECT sum(s) FROM (SELECT max(x) OVER (ORDER BY x ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING EXCLUDE "
     "TIES) s FROM " NUMBERS(100000) ")"},
    {"json parse", NULL,
     "SELECT count(json_extract('['||substr(replace(hex(zeroblob(1000000)),'00','1,'),1,1999999)||']', '$[5]')) "
     "FROM " NUMBERS(1000000)},
    {"json_each of a large array", NULL,
     "SELECT count(*) FROM json_each('['||substr(replace(hex(zeroblob(1000000)),'00','1,'),1,1999999)||']') "
     "a, " NUMBERS(1000000)},
    {"json nesting", NULL, "SELECT json(replace(hex(zeroblob(1000000)),'0','['))"},
    {"json path of a million keys", NULL,
     "SELECT length(json_set('{}', '$'||replace(hex(zeroblob(1000000)),'00','.a'), 1))"},
    {"json path of a million indexes", NULL,
     "SELECT length(json_insert('[]', '$'||replace(hex(zeroblob(1000000)),'00','[0]'), 1))"},
    {"json_patch", NULL,
     "SELECT length(json_patch(j, j)) FROM (SELECT json_group_object('k'||x, 1) AS j FROM " NUMBERS(100000) ")"},
    {"json_patch nesting", NULL,
     "SELECT length(json_patch('{}', "
     "replace(hex(zeroblob(900)),'00','{\"a\":')||'1'||replace(hex(zeroblob(900)),'00','}')))"},
    {"a chain of CTEs", NULL, NULL},
    {"a chain of views", NULL, NULL},
    {"a chain of triggers", NULL, NULL},
    {"a chain of cascades", NULL, NULL},
    {"unhex with a large set", NULL,
     "SELECT unhex(replace(hex(zeroblob(2000000)),'0','x'), replace(hex(zeroblob(900000)),'0','y')||'x')"},
    {"view bomb",
     "CREATE VIEW v0 AS SELECT 1 a; CREATE VIEW v1 AS SELECT x.a FROM v0 x, v0 y; CREATE VIEW v2 AS SELECT x.a FROM v1 "
     "x, v1 y;"
     "CREATE VIEW v3 AS SELECT x.a FROM v2 x, v2 y; CREATE VIEW v4 AS SELECT x.a FROM v3 x, v3 y; CREATE VIEW v5 AS "
     "SELECT x.a FROM v4 x, v4 y;"
     "CREATE VIEW v6 AS SELECT DISTINCT x.a FROM v5 x, v5 y; CREATE VIEW v7 AS SELECT DISTINCT x.a FROM v6 x, v6 y;"
     "CREATE VIEW v8 AS SELECT DISTINCT x.a FROM v7 x, v7 y; CREATE VIEW v9 AS SELECT DISTINCT x.a FROM v8 x, v8 y;"
     "CREATE VIEW va AS SELECT DISTINCT x.a FROM v9 x, v9 y; CREATE VIEW vb AS SELECT DISTINCT x.a FROM va x, va y;"
     "CREATE VIEW vc AS SELECT DISTINCT x.a FROM vb x, vb y; CREATE VIEW vd AS SELECT DISTINCT x.a FROM vc x, vc y;"
     "CREATE VIEW ve AS SELECT DISTINCT x.a FROM vd x, vd y; CREATE VIEW vf AS SELECT DISTINCT x.a FROM ve x, ve y",
     "SELECT count(*) FROM vf x, vf y"},
    {"trigger recursion",
     "CREATE TABLE t(x); CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO t VALUES(new.x+1); END; PRAGMA "
     "recursive_triggers=1",
     "INSERT INTO t VALUES(1)"},
    {"triggers that double",
     "CREATE TABLE d(x); CREATE TRIGGER td AFTER INSERT ON d WHEN new.x<90 BEGIN INSERT INTO d VALUES(new.x+1); INSERT "
     "INTO d VALUES(new.x+1); END; PRAGMA recursive_triggers=1",
     "INSERT INTO d VALUES(1)"},
    {"cascades",
     "CREATE TABLE n(id INTEGER PRIMARY KEY, p REFERENCES n ON DELETE CASCADE); PRAGMA foreign_keys=1; INSERT INTO n "
     "SELECT x, CASE x WHEN 1 THEN NULL ELSE 1 END FROM " NUMBERS(20000),
     "DELETE FROM n WHERE id=1"},
    {"fill", "CREATE TABLE f(x)", "INSERT INTO f SELECT randomblob(5000) FROM " NUMBERS(10000000)},
    {"update of everything", "CREATE TABLE u(x); INSERT INTO u SELECT x FROM " NUMBERS(30000),
     "UPDATE u SET x=(SELECT sum(b.x) FROM u b WHERE b.x<>u.x)"},
    {"index on an expression", "CREATE TABLE e(x); INSERT INTO e SELECT x FROM " NUMBERS(20000),
     "CREATE INDEX ei ON e(hex(zeroblob(100000+x)))"},
    {"FTS5 of one large text", "CREATE VIRTUAL TABLE ft USING fts5(b, tokenize='trigram')",
     "INSERT INTO ft SELECT hex(randomblob(2900000)) FROM " NUMBERS(100)},
    {"FTS5 phrases",
     "CREATE VIRTUAL TABLE fp USING fts5(b); INSERT INTO fp SELECT replace(hex(zeroblob(20000)),'0','a ') "
     "FROM " NUMBERS(20),
     "SELECT count(*) FROM fp, " NUMBERS(100000) " WHERE fp MATCH '\"a a a a a a a a a a a a b\" OR NEAR(a a a a, 5)'"},
    {"rtree", "CREATE VIRTUAL TABLE rt USING rtree(id,a,b)",
     "INSERT INTO rt SELECT x, x, x+1000 FROM " NUMBERS(10000000)},
    {"straight code with large values", NULL,
     "SELECT length(a||1)+length(a||2)+length(a||3)+length(a||4)+length(a||5)+length(a||6)+length(a||7)+length(a||8) "
     "FROM (SELECT hex(zeroblob(2900000)) AS a FROM " NUMBERS(1000000) ")"},
    {"deep expression", NULL, NULL},
    {"five hundred UNIONs", NULL, NULL},
    {"deep parentheses", NULL, NULL},
    {"a wide join", NULL, NULL},
    {"a long IN list", NULL, NULL},
};

/* Schemas that SQLite walks by recursion; *ret the statement that does it. The process must survive. */
static void chain(store_fixture *f, const char *name, char *ret, size_t ret_bytes) {
    bool views = strstr(name, "views"), triggers = strstr(name, "triggers"), cascades = strstr(name, "cascades");
    int levels = cascades ? 1000 : triggers ? 4000 : 10000; /* making them takes SQLite quadratic time */
    expect_ok(f,
              cascades ? "PRAGMA foreign_keys=1; BEGIN; CREATE TABLE c0(a PRIMARY KEY)" : "BEGIN; CREATE TABLE c0(a)");
    f->db.account.limit_bytes = 512 << 20;
    /* Plain SQLite, as the schema of a client that took its time would be. */
    for (int i = 1; i <= levels; i++) {
        char sql[256];
        if (views) snprintf(sql, sizeof sql, "CREATE VIEW c%d AS SELECT a FROM c%d", i, i - 1);
        if (triggers)
            snprintf(sql, sizeof sql,
                     "CREATE TABLE c%d(a); CREATE TRIGGER x%d AFTER INSERT ON c%d BEGIN INSERT INTO c%d VALUES(1); END",
                     i, i, i - 1, i);
        if (cascades)
            snprintf(sql, sizeof sql, "CREATE TABLE c%d(a PRIMARY KEY REFERENCES c%d(a) ON DELETE CASCADE)", i, i - 1);
        assert_int_equal(sqlite3_exec(f->handle.sqlite, sql, NULL, NULL, NULL), SQLITE_OK);
    }
    snprintf(ret, ret_bytes,
             views      ? "SELECT * FROM c%d"
             : triggers ? "INSERT INTO c0 VALUES(1)"
                        : "DELETE FROM c0",
             levels);
}

/* Statements that are too long to be written down. */
static char *generated(store_fixture *f, const char *name) {
    enum { ROOM = 1000000 };
    char *sql = malloc(ROOM);
    size_t n = 0;
    if (strcmp(name, "a chain of CTEs") == 0) {
        n = (size_t)snprintf(sql, ROOM, "WITH c0(a) AS (SELECT 1)");
        for (int i = 1; i < 20000; i++)
            n += (size_t)snprintf(sql + n, ROOM - n, ",c%d AS (SELECT * FROM c%d)", i, i - 1);
        snprintf(sql + n, ROOM - n, "SELECT * FROM c19999");
        return sql;
    }
    if (strstr(name, "a chain of")) {
        chain(f, name, sql, ROOM);
        return sql;
    }
    bool deep = strcmp(name, "deep expression") == 0, unions = strcmp(name, "five hundred UNIONs") == 0;
    bool parens = strcmp(name, "deep parentheses") == 0, join = strcmp(name, "a wide join") == 0;
    n += (size_t)snprintf(sql + n, ROOM - n, join ? "SELECT count(*) FROM json_each('[1,2,3]') t0" : "SELECT 1");
    if (!deep && !unions && !parens && !join) n += (size_t)snprintf(sql + n, ROOM - n, " WHERE 1 IN (0");
    for (int i = 1; i < (deep ? 100000 : unions ? 500 : join ? 60 : 100000); i++) {
        if (deep) n += (size_t)snprintf(sql + n, ROOM - n, "+1");
        if (unions) n += (size_t)snprintf(sql + n, ROOM - n, " UNION SELECT %d", i);
        if (parens) sql[n++] = '(';
        if (join) n += (size_t)snprintf(sql + n, ROOM - n, ", json_each('[1,2,3]') t%d", i);
        if (!deep && !unions && !parens && !join) n += (size_t)snprintf(sql + n, ROOM - n, ",%d+0", i % 1000);
        sql[n] = '\0';
    }
    if (!deep && !unions && !parens && !join) snprintf(sql + n, ROOM - n, ")");
    return sql;
}

/* What a statement takes from others; unlike time, it does not depend on what else the machine does. */
static int64_t cpu_ms(void) {
    struct timespec at;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static void everything_in_the_catalogue_ends_in_time_and_memory(void **state) {
    (void)state;
    const char *only = getenv("TRIB_HOSTILE_ONLY");
    for (size_t i = 0; i < sizeof catalogue / sizeof catalogue[0]; i++) {
        if (only && !strstr(catalogue[i].name, only)) continue;
        store_fixture f;
        fixture_init(&f);
        if (catalogue[i].setup) expect_ok(&f, catalogue[i].setup);
        char *long_sql = catalogue[i].sql ? NULL : generated(&f, catalogue[i].name);
        f.db.settings.statement_timeout_ms = strstr(catalogue[i].name, "chain") ? 10 * TIMEOUT_MS : TIMEOUT_MS;
        int64_t before = cpu_ms();
        trib_code code = run_into(&f, long_sql ? long_sql : catalogue[i].sql, NULL, 0);
        int64_t ms = cpu_ms() - before;
        free(long_sql);
        printf("  %5lld ms  %-20s %s\n", (long long)ms, trib_code_name(code), catalogue[i].name);
        if (ms > TIMEOUT_MS + MARGIN_MS) fail_msg("%s: %lld ms", catalogue[i].name, (long long)ms);
        if (code != TRIB_OK && code != TRIB_STATEMENT_TIMEOUT && code != TRIB_NOMEM && code != TRIB_SQL_ERROR &&
            code != TRIB_SQL_DENIED && code != TRIB_SQL_INPUT_ERROR && code != TRIB_SQL_PARSE_ERROR)
            fail_msg("%s: %s %s", catalogue[i].name, trib_code_name(code), f.err.message);
        assert_true(atomic_load(&f.db.account.used_bytes) <= f.db.account.limit_bytes);
        f.db.settings.statement_timeout_ms = 0;
        expect_rows(&f, "SELECT 1+1", "2");
        fixture_deinit(&f);
    }
}

static void crafted_jsonb_cannot_end_the_process(void **state) {
    store_fixture *f = *state;
    enum { LEVELS = 1000000, BYTES = LEVELS * 5 };
    unsigned char *blob = malloc(BYTES);
    for (uint32_t i = 0; i < LEVELS; i++) {
        uint32_t size = BYTES - (i + 1) * 5;
        unsigned char head[5] = {0xeb, (unsigned char)(size >> 24), (unsigned char)(size >> 16),
                                 (unsigned char)(size >> 8), (unsigned char)size};
        memcpy(blob + i * 5, head, 5);
    }
    static const char *const sqls[] = {
        "SELECT json(?)",
        "SELECT jsonb(?)",
        "SELECT value FROM json_each(?)",
        "SELECT value FROM json_tree(?)",
        "SELECT json_patch(?1,?1)",
        "SELECT json_patch('{}', ?)",
        "SELECT json_group_array(?)",
        "SELECT jsonb_group_array(?)",
        "SELECT json_group_object('a',?)",
        "SELECT json_array(?)",
        "SELECT json_object('a',?)",
        "SELECT json_quote(?)",
        "SELECT json_pretty(?)",
        "SELECT ? -> '$[0]'",
        "SELECT ? ->> '$[0][0][0]'",
        "SELECT json_extract(?, '$', '$[0]')",
        "SELECT json_set('{}','$.a',?)",
        "SELECT jsonb_set(?,'$[0][0]',1)",
        "SELECT json_remove(?, '$[0][0]')",
        "SELECT json_type(?, '$[0]')",
        "SELECT json_valid(?, 8)",
        "SELECT json_array_length(?)",
        "SELECT json_insert('[]','$[0]',?)",
        "SELECT json_replace(?, '$[0]', 1)",
        "SELECT json_error_position(?)",
        "SELECT jsonb_array(?)",
        "SELECT jsonb_object('a',?)",
        "SELECT jsonb_extract(?,'$[0]')",
        "SELECT json_group_array(?) OVER ()",
        "SELECT json_valid(?)",
        "SELECT jsonb_patch(?1,?1)",
        "SELECT jsonb_group_object('x', ?)",
    };
    for (size_t i = 0; i < sizeof sqls / sizeof sqls[0]; i++) {
        trib_stmt *stmt = NULL;
        bool row;
        assert_int_equal(trib_stmt_prepare(&f->handle, trib_str_c(sqls[i]), &stmt, &f->err), TRIB_OK);
        trib_arg arg = {.value = {.type = TRIB_VALUE_BLOB, .bytes = {(const char *)blob, BYTES}}};
        assert_int_equal(trib_stmt_bind(stmt, &arg, 1, &f->err), TRIB_OK);
        if (trib_stmt_step(stmt, &row, &f->err) == TRIB_OK) fail_msg("%s: passed", sqls[i]);
        if (!strstr(f->err.message, "malformed JSON")) fail_msg("%s: %s", sqls[i], f->err.message);
        trib_stmt_free(stmt);
    }
    free(blob);
    expect_rows(f, "SELECT json_group_array(value) FROM json_each(jsonb('[1,[2,{\"a\":3}]]'))", "[1,[2,{\"a\":3}]]");
    expect_rows(f, "SELECT count(*) FROM json_tree('[1,[2]]')", "4");
    expect_rows(
        f, "SELECT json(replace(hex(zeroblob(900)),'00','[')||replace(hex(zeroblob(900)),'00',']')) LIKE '[[[%'", "1");
}

/* As many texts as a client likes, none twice: what is kept of them is bounded. */
static void ten_thousand_prepared_statements_cost_what_the_cache_may(void **state) {
    store_fixture *f = *state;
    enum { TEXTS = 10000 };
    expect_ok(f, "CREATE TABLE p(a,b,c)");
    int64_t before = atomic_load(&f->db.account.used_bytes);
    for (int i = 0; i < TEXTS; i++) {
        char sql[100];
        trib_stmt *stmt = NULL;
        snprintf(sql, sizeof sql, "SELECT a, b, c FROM p WHERE a=%d ORDER BY b", i);
        assert_int_equal(trib_stmt_prepare(&f->handle, trib_str_c(sql), &stmt, &f->err), TRIB_OK);
        trib_stmt_free(stmt);
    }
    int64_t kept = atomic_load(&f->db.account.used_bytes) - before;
    if (kept > 2 * TRIB_STMT_CACHE_BYTES) fail_msg("%lld bytes are kept", (long long)kept);
}

/* Whatever this SQLite knows, with every kind of argument: it ends, no other setting moves, nothing leaves the file. */
static void every_pragma_is_judged(void **state) {
    store_fixture *f = *state;
    char names[8192];
    static const char *const args[] = {"", "=1", "=0", "(1)", "=-1", "='x'", "=DELETE", "(9223372036854775807)"};
    int known = 0, refused = 0;
    assert_int_equal(run_into(f, "SELECT group_concat(name) FROM pragma_pragma_list", names, sizeof names), TRIB_OK);
    for (char *save = NULL, *name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save), known++) {
        for (size_t i = 0; i < sizeof args / sizeof args[0]; i++) {
            char sql[200];
            snprintf(sql, sizeof sql, "PRAGMA %s%s", name, args[i]);
            trib_code code = run_into(f, sql, NULL, 0);
            trib_pragma_class cls = trib_pragma_class_of(trib_str_c(name), args[i][0] != '\0');
            if ((code == TRIB_SQL_PARSE_ERROR) != (cls == TRIB_PRAGMA_REFUSED))
                fail_msg("%s: %s %s", sql, trib_code_name(code), f->err.message);
            refused += cls == TRIB_PRAGMA_REFUSED;
        }
        assert_int_equal(trib_policy_reset(&f->handle, &f->err), TRIB_OK);
    }
    assert_in_range(known, 50, 200);
    assert_in_range(refused, 50, 2000);
    expect_rows(f, "PRAGMA foreign_keys", "1");
    expect_rows(f, "PRAGMA query_only", "0");
    expect_rows(f, "SELECT count(*) FROM sqlite_temp_schema", "0");
    expect_rows(f, "SELECT 1+1", "2");
}

static void nothing_can_be_put_into_temporary_tables(void **state) {
    store_fixture *f = *state;
    static const char *const sqls[] = {
        "CREATE TEMP TABLE x AS SELECT randomblob(1000000)",
        "CREATE TABLE temp.x(a)",
        "CREATE TEMP VIEW x AS SELECT 1",
        "CREATE VIRTUAL TABLE temp.x USING fts5(a)",
        "CREATE TEMP TRIGGER x AFTER INSERT ON main.t BEGIN SELECT 1; END",
        "EXPLAIN CREATE TEMP TABLE x(a)",
    };
    expect_ok(f, "CREATE TABLE t(a)");
    for (size_t i = 0; i < sizeof sqls / sizeof sqls[0]; i++) expect_error(f, sqls[i], TRIB_SQL_PARSE_ERROR, "TEMP");
    expect_rows(f, "SELECT count(*) FROM sqlite_temp_schema", "0");
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_in_the_catalogue_ends_in_time_and_memory),
        store_test(crafted_jsonb_cannot_end_the_process),
        store_test(ten_thousand_prepared_statements_cost_what_the_cache_may),
        store_test(every_pragma_is_judged),
        store_test(nothing_can_be_put_into_temporary_tables),
    };
    return cmocka_run_group_tests_name("store/hostile", tests, NULL, NULL);
}
