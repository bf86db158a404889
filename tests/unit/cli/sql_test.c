/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a Hrana request, and reading results back exactly. */
#include "cli/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_body(trib_buf *body, const char *wanted) {
    trib_buf_add_char(body, '\0');
    assert_false(body->failed);
    assert_string_equal(body->ptr, wanted);
    trib_buf_deinit(body);
}

static void every_value_is_written_as_the_protocol_has_it(void **state) {
    (void)state;
    const trib_value args[] = {
        {.type = TRIB_VALUE_NULL},
        {.type = TRIB_VALUE_INTEGER, .integer = INT64_MAX},
        {.type = TRIB_VALUE_REAL, .real = 46.0},
        {.type = TRIB_VALUE_TEXT, .bytes = TRIB_STR("a\"b")},
        {.type = TRIB_VALUE_BLOB, .bytes = TRIB_STR("\x01\x02\x03\x04")},
    };
    const trib_sql_stmt stmt = {TRIB_STR("SELECT ?"), args, 5};
    trib_buf body;
    trib_buf_init(&body, 4096);
    trib_sql_write_execute(&body, NULL, true, &stmt);
    assert_body(&body, "{\"baton\":null,\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT ?\",\"args\":["
                       "{\"type\":\"null\"},{\"type\":\"integer\",\"value\":\"9223372036854775807\"},"
                       "{\"type\":\"float\",\"value\":46},{\"type\":\"text\",\"value\":\"a\\\"b\"},"
                       "{\"type\":\"blob\",\"base64\":\"AQIDBA\"}]}},{\"type\":\"close\"}]}");
}

static void a_session_goes_on_with_its_baton_and_is_not_closed(void **state) {
    (void)state;
    const trib_sql_stmt stmt = {.sql = TRIB_STR("BEGIN")};
    trib_buf body;
    trib_buf_init(&body, 4096);
    trib_sql_write_execute(&body, "b1", false, &stmt);
    assert_body(&body, "{\"baton\":\"b1\",\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"BEGIN\"}}]}");
}

static void a_batch_commits_only_if_every_step_worked(void **state) {
    (void)state;
    const trib_sql_stmt stmts[] = {{.sql = TRIB_STR("A")}, {.sql = TRIB_STR("B")}};
    trib_buf body;
    trib_buf_init(&body, 4096);
    trib_sql_write_batch(&body, stmts, 2);
    assert_body(&body, "{\"baton\":null,\"requests\":[{\"type\":\"batch\",\"batch\":{\"steps\":["
                       "{\"stmt\":{\"sql\":\"BEGIN IMMEDIATE\"}},"
                       "{\"condition\":{\"type\":\"ok\",\"step\":0},\"stmt\":{\"sql\":\"A\"}},"
                       "{\"condition\":{\"type\":\"ok\",\"step\":1},\"stmt\":{\"sql\":\"B\"}},"
                       "{\"condition\":{\"type\":\"ok\",\"step\":2},\"stmt\":{\"sql\":\"COMMIT\"}},"
                       "{\"condition\":{\"type\":\"not\",\"cond\":{\"type\":\"ok\",\"step\":3}},"
                       "\"stmt\":{\"sql\":\"ROLLBACK\"}}]}},{\"type\":\"close\"}]}");
}

static trib_code read(trib_arena *arena, const char *text, trib_sql_rows *ret, trib_error *err) {
    const trib_json *json = NULL;
    assert_int_equal(trib_json_parse(arena, trib_str_c(text), &json, err), TRIB_OK);
    return trib_sql_read_rows(json, arena, ret, err);
}

static void values_come_back_exactly(void **state) {
    (void)state;
    trib_arena arena;
    trib_sql_rows rows;
    trib_error err;
    trib_arena_init(&arena, 1 << 20);
    trib_code code =
        read(&arena,
             "{\"cols\":[{\"name\":\"a\"},{\"name\":null}],\"rows\":[[{\"type\":\"integer\",\"value\":"
             "\"-9223372036854775808\"},{\"type\":\"float\",\"value\":0.1}],[{\"type\":\"text\",\"value\":\"x\"},"
             "{\"type\":\"blob\",\"base64\":\"AQID\"}],[{\"type\":\"null\"},{\"type\":\"blob\",\"base64\":\"\"}],"
             "[{\"type\":\"float\",\"value\":null},{\"type\":\"float\",\"value\":46}]],\"affected_row_count\":7}",
             &rows, &err);
    assert_int_equal(code, TRIB_OK);
    assert_int_equal(rows.col_count, 2);
    assert_int_equal(rows.row_count, 4);
    assert_int_equal(rows.affected_rows, 7);
    assert_true(trib_str_eq_c(rows.cols[0], "a"));
    assert_true(rows.values[0].integer == INT64_MIN);
    assert_true(rows.values[1].real > 0.09 && rows.values[1].real < 0.11);
    assert_true(trib_str_eq_c(rows.values[2].bytes, "x"));
    assert_true(trib_str_eq_c(rows.values[3].bytes, "\x01\x02\x03"));
    assert_int_equal(rows.values[4].type, TRIB_VALUE_NULL);
    assert_int_equal(rows.values[5].bytes.len, 0);
    assert_int_equal(rows.values[6].type, TRIB_VALUE_NULL); /* an infinity */
    assert_int_equal(rows.values[7].type, TRIB_VALUE_REAL);
    trib_arena_deinit(&arena);
}

static void answers_that_are_no_results_are_refused(void **state) {
    static const char *const texts[] = {
        "{}",
        "{\"cols\":[],\"rows\":{}}",
        "{\"cols\":[{\"name\":\"a\"}],\"rows\":[[]]}",
        "{\"cols\":[{\"name\":\"a\"}],\"rows\":[[{\"type\":\"integer\",\"value\":1}]]}",
        "{\"cols\":[{\"name\":\"a\"}],\"rows\":[[{\"type\":\"blob\",\"base64\":\"*\"}]]}",
        "{\"cols\":[{\"name\":\"a\"}],\"rows\":[[{\"type\":\"other\"}]]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        trib_arena arena;
        trib_sql_rows rows;
        trib_error err;
        trib_arena_init(&arena, 1 << 20);
        assert_int_equal(read(&arena, texts[i], &rows, &err), TRIB_REMOTE);
        trib_arena_deinit(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_written_as_the_protocol_has_it),
        cmocka_unit_test(a_session_goes_on_with_its_baton_and_is_not_closed),
        cmocka_unit_test(a_batch_commits_only_if_every_step_worked),
        cmocka_unit_test(values_come_back_exactly),
        cmocka_unit_test(answers_that_are_no_results_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
