/* SPDX-License-Identifier: Apache-2.0 */
/* The statements of a dump: each ends where it should. (Their values: wire/sql_write_test.c.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "features/hrana/dump_int.h"

static trib_buf out;

static int setup(void **state) {
    (void)state;
    trib_buf_init(&out, 1 << 20);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    trib_buf_deinit(&out);
    return 0;
}

static const char *text_of(trib_buf *buf) {
    trib_buf_add_char(buf, '\0');
    assert_false(buf->failed);
    return buf->ptr;
}

static void statements_end_where_they_should(void **state) {
    (void)state;
    static const struct {
        const char *sql, *dumped;
    } rows[] = {
        {"CREATE TABLE t(a)", "CREATE TABLE IF NOT EXISTS t(a);\n"},
        {"CREATE TABLE \"x'y\"(a DEFAULT ';')", "CREATE TABLE IF NOT EXISTS \"x'y\"(a DEFAULT ';');\n"},
        {"CREATE INDEX i ON t(a) -- all of it", "CREATE INDEX i ON t(a) -- all of it\n;\n"},
        {"CREATE INDEX i ON t(a) /* - */ -- x\n", "CREATE INDEX i ON t(a) /* - */ -- x\n;\n"},
        {"CREATE INDEX i ON t(a) -", "CREATE INDEX i ON t(a) -;\n"},
        {"CREATE VIEW v AS SELECT 1 /* not ended", "CREATE VIEW v AS SELECT 1;\n"},
        {"CREATE VIEW v AS SELECT '-- text'", "CREATE VIEW v AS SELECT '-- text';\n"},
        {"CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM u; END",
         "CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM u; END;\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_buf_clear(&out);
        hrana_dump_schema(&out, trib_str_c(rows[i].sql));
        assert_string_equal(text_of(&out), rows[i].dumped);
    }
    trib_buf_clear(&out);
    hrana_dump_virtual(&out, TRIB_STR("it's"), TRIB_STR("CREATE VIRTUAL TABLE \"it's\" USING fts5(a)"));
    assert_string_equal(text_of(&out),
                        "INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql) VALUES('table','it''s','it''s',0,"
                        "'CREATE VIRTUAL TABLE \"it''s\" USING fts5(a)');\n");
}

static void kinds_of_objects_are_told(void **state) {
    (void)state;
    assert_true(hrana_dump_is_virtual(TRIB_STR("CREATE VIRTUAL TABLE f USING fts5(a)")));
    assert_false(hrana_dump_is_virtual(TRIB_STR("CREATE TABLE f(a)")));
    assert_true(hrana_dump_is_autoincrement(TRIB_STR("CREATE TABLE t(a INTEGER PRIMARY KEY autoincrement)")));
    assert_false(hrana_dump_is_autoincrement(TRIB_STR("CREATE TABLE t(\"AUTOINCREMENT\" /* AUTOINCREMENT */)")));
    assert_true(hrana_dump_is_internal(TRIB_STR("SQLite_stat1")));
    assert_true(hrana_dump_is_internal(TRIB_STR("_TRIB_x")));
    assert_false(hrana_dump_is_internal(TRIB_STR("sqlite")));
    assert_false(hrana_dump_is_internal(TRIB_STR("trib_x")));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(statements_end_where_they_should),
        TEST(kinds_of_objects_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
