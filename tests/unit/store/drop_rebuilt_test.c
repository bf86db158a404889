/* SPDX-License-Identifier: Apache-2.0 */
/* DROP TABLE while `__new_t` stands beside t: rows that refer to t stay; every other DROP TABLE is SQLite's. */
#include "unit/store/store_support.h"

static void make(store_fixture *f) {
    expect_ok(f, "PRAGMA foreign_keys=ON");
    expect_ok(f, "CREATE TABLE \"s t\"(id INTEGER PRIMARY KEY, a TEXT); INSERT INTO \"s t\" VALUES(1, '5');"
                 "CREATE TABLE c(s REFERENCES \"s t\"(id) ON DELETE CASCADE); INSERT INTO c VALUES(1);"
                 "CREATE TABLE n(s REFERENCES \"s t\"(id) ON DELETE SET NULL); INSERT INTO n VALUES(1);"
                 "CREATE TABLE r(s REFERENCES \"s t\"(id)); INSERT INTO r VALUES(1)");
}

static void rebuild(store_fixture *f, const char *drop) {
    expect_ok(f, "CREATE TABLE \"__new_s t\"(id INTEGER PRIMARY KEY, a INT)");
    expect_ok(f, "INSERT INTO \"__new_s t\" SELECT * FROM \"s t\"");
    expect_ok(f, drop);
    expect_ok(f, "ALTER TABLE \"__new_s t\" RENAME TO \"s t\"");
}

static void rows_that_refer_to_it_outlive_a_rebuild(void **state) {
    store_fixture *f = *state;
    static const char *const drops[] = {"DROP TABLE \"s t\"", "drop table if exists main.[S T];",
                                        "/* x */ DROP TABLE `s t`"};
    make(f);
    for (size_t i = 0; i < sizeof drops / sizeof drops[0]; i++) {
        rebuild(f, drops[i]);
        expect_rows(f, "SELECT c.s, n.s, r.s, t.a, typeof(t.a) FROM c, n, r, \"s t\" t", "1|1|1|5|integer");
    }
    expect_rows(f, "PRAGMA foreign_key_check", "");
    expect_rows(f, "PRAGMA foreign_keys", "1");
    expect_error(f, "INSERT INTO c VALUES(9)", TRIB_SQL_ERROR, "FOREIGN KEY constraint failed");
    expect_ok(f, "DELETE FROM r; DELETE FROM \"s t\"");
    expect_rows(f, "SELECT count(*) FROM c", "0");
}

static void inside_a_transaction_too_and_a_rollback_takes_it_back(void **state) {
    store_fixture *f = *state;
    make(f);
    expect_ok(f, "BEGIN");
    rebuild(f, "DROP TABLE \"s t\"");
    expect_ok(f, "ROLLBACK");
    expect_rows(f, "SELECT typeof(a) FROM \"s t\"", "text");
    expect_ok(f, "BEGIN");
    rebuild(f, "DROP TABLE \"s t\"");
    expect_ok(f, "COMMIT");
    expect_rows(f, "SELECT c.s, n.s, typeof(a) FROM c, n, \"s t\"", "1|1|integer");
}

static void any_other_drop_deletes_what_refers_to_it(void **state) {
    store_fixture *f = *state;
    make(f);
    expect_ok(f, "CREATE TABLE \"__new_c\"(x); CREATE VIEW \"__new_v\" AS SELECT 1");
    expect_error(f, "DROP TABLE \"s t\"", TRIB_SQL_ERROR, "FOREIGN KEY constraint failed");
    expect_ok(f, "DELETE FROM r");
    expect_ok(f, "DROP TABLE \"s t\"");
    expect_rows(f, "SELECT (SELECT count(*) FROM c), (SELECT s FROM n)", "0|null");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        store_test(rows_that_refer_to_it_outlive_a_rebuild),
        store_test(inside_a_transaction_too_and_a_rollback_takes_it_back),
        store_test(any_other_drop_deletes_what_refers_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
