/* SPDX-License-Identifier: Apache-2.0 */
/* PRAGMA data_version tells the database's commits, not what one connection has noticed. */
#include "unit/store/store_support.h"

static void the_statement_and_the_table_tell_the_number_noted_before_the_snapshot(void **state) {
    store_fixture *f = *state;
    expect_rows(f, "PRAGMA data_version", "1");
    f->handle.commits_before = 41;
    expect_rows(f, "PRAGMA data_version", "42");
    expect_rows(f, "PRAGMA main.data_version", "42");
    expect_rows(f, "SELECT data_version FROM pragma_data_version", "42");
    expect_rows(f, "SELECT * FROM pragma_data_version('main')", "42");
    expect_rows(f, "SELECT d.data_version, t.x FROM (SELECT 7 AS x UNION ALL SELECT 8) t JOIN pragma_data_version d",
                "42|7;42|8");
}

static void it_joins_the_other_pragmas_as_programs_that_poll_ask(void **state) {
    store_fixture *f = *state;
    f->handle.commits_before = 4;
    expect_ok(f, "CREATE TABLE t(a)");
    expect_rows(f,
                "SELECT data_version d, schema_version s, TOTAL_CHANGES() c FROM pragma_data_version JOIN "
                "pragma_schema_version",
                "5|1|0");
}

static void the_number_stays_within_31_bits(void **state) {
    store_fixture *f = *state;
    f->handle.commits_before = INT32_MAX;
    expect_rows(f, "PRAGMA data_version", "1");
    f->handle.commits_before = (uint64_t)INT32_MAX - 1;
    expect_rows(f, "PRAGMA data_version", "2147483647");
}

static void it_can_be_neither_set_nor_made_nor_written(void **state) {
    store_fixture *f = *state;
    char before[64];
    run_into(f, "PRAGMA data_version", before, sizeof before);
    expect_rows(f, "PRAGMA data_version = 7", before);
    expect_rows(f, "PRAGMA data_version", before);
    expect_error(f, "CREATE VIRTUAL TABLE x USING pragma_data_version", TRIB_SQL_DENIED, "pragma_data_version");
    expect_error(f, "DELETE FROM pragma_data_version", TRIB_SQL_ERROR, "may not be modified");
    expect_error(f, "INSERT INTO pragma_data_version VALUES (1)", TRIB_SQL_ERROR, "may not be modified");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        store_test(the_statement_and_the_table_tell_the_number_noted_before_the_snapshot),
        store_test(it_joins_the_other_pragmas_as_programs_that_poll_ask),
        store_test(the_number_stays_within_31_bits),
        store_test(it_can_be_neither_set_nor_made_nor_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
