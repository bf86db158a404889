/* SPDX-License-Identifier: Apache-2.0 */
/* Memory is charged to the database that asked for it, bounded, and paid back to the last byte. */
#include "unit/store/store_support.h"

static void closing_pays_everything_back(void **state) {
    (void)state;
    store_fixture f;
    fixture_init(&f);
    expect_ok(&f, "CREATE TABLE t(x); INSERT INTO t VALUES(randomblob(100000)); SELECT hex(x) FROM t; CREATE VIRTUAL "
                  "TABLE v USING"
                  " fts5(a); INSERT INTO v VALUES('some words'); SELECT * FROM v WHERE v MATCH 'words'");
    assert_true(atomic_load(&f.db.account.used_bytes) > 10000);
    int64_t left = 0;
    trib_stmt_leave(&f.handle);
    trib_stmt_cache_free(f.handle.cache);
    trib_policy_detach(&f.handle);
    left = atomic_load(&f.db.account.used_bytes);
    sqlite3_close(f.handle.sqlite);
    assert_true(atomic_load(&f.db.account.used_bytes) <= 0 && left > 0);
    assert_true(atomic_load(&f.db.account.used_bytes) == 0);
}

static void a_statement_past_the_limit_fails_and_the_next_one_works(void **state) {
    store_fixture *f = *state;
    f->db.account.limit_bytes = 8 << 20;
    static const char *const hogs[] = {
        "SELECT group_concat(hex(randomblob(1000))) FROM (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c "
        "WHERE x<100000) SELECT x FROM c ORDER BY 1-x)",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<1000000) SELECT x, randomblob(500) FROM "
        "c ORDER BY 2",
        "WITH RECURSIVE c(x) AS (SELECT randomblob(100) UNION SELECT randomblob(100) FROM c) SELECT count(*) FROM c",
        "SELECT zeroblob(5000000)||zeroblob(5000000)||hex(zeroblob(2900000))",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<1000000) SELECT json_group_array(x) FROM "
        "c",
    };
    for (size_t i = 0; i < sizeof hogs / sizeof hogs[0]; i++) {
        trib_code code = run_into(f, hogs[i], NULL, 0);
        if (code != TRIB_NOMEM && strcmp(f->err.text_code, "SQLITE_TOOBIG") != 0)
            fail_msg("%s: %s %s", hogs[i], trib_code_name(code), f->err.message);
        assert_true(atomic_load(&f->db.account.used_bytes) <= f->db.account.limit_bytes);
        expect_rows(f, "SELECT 1+1", "2");
    }
    expect_error(f, hogs[1], TRIB_NOMEM, "more memory than this database may use (8388608 bytes)");
    assert_true(atomic_load(&f->db.account.used_bytes) < 1 << 20);
}

static void a_write_without_memory_leaves_the_database_as_it_was(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(x); INSERT INTO t VALUES(1)");
    f->db.account.limit_bytes = 6 << 20;
    expect_error(f,
                 "INSERT INTO t WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<100000) "
                 "SELECT randomblob(300) FROM c ORDER BY 1",
                 TRIB_NOMEM, "memory");
    expect_rows(f, "SELECT count(*) FROM t; PRAGMA integrity_check", "ok");
    expect_rows(f, "SELECT count(*) FROM t", "1");
}

static void no_account_means_the_process_pays(void **state) {
    store_fixture *f = *state;
    int64_t before = atomic_load(&f->db.account.used_bytes);
    trib_policy_set_account(NULL);
    void *block = sqlite3_malloc(100000);
    assert_non_null(block);
    assert_true(atomic_load(&f->db.account.used_bytes) == before);
    trib_policy_set_account(&f->db.account);
    block = sqlite3_realloc(block, 200000); /* stays with who took it */
    assert_true(atomic_load(&f->db.account.used_bytes) == before);
    sqlite3_free(block);
    block = sqlite3_malloc(1000);
    assert_true(atomic_load(&f->db.account.used_bytes) >= before + 1000);
    trib_policy_set_account(NULL);
    sqlite3_free(block);
    assert_true(atomic_load(&f->db.account.used_bytes) == before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_pays_everything_back),
        store_test(a_statement_past_the_limit_fails_and_the_next_one_works),
        store_test(a_write_without_memory_leaves_the_database_as_it_was),
        store_test(no_account_means_the_process_pays),
    };
    return cmocka_run_group_tests_name("store/memory", tests, NULL, NULL);
}
