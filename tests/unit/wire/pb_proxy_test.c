/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/wire/pb_proxy.c: bytes made by hand from the tables of the protocol; answers are read back by the
 * generated decoder, which shares nothing with the writer. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include <trib_proto/proxy.pb-c.h>

#include "wire/pb_int.h"
#include "wire/pb_proxy.h"

static trib_arena arena;
static trib_error err;

static int setup(void **state) {
    (void)state;
    trib_arena_init(&arena, 1 << 20);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    trib_arena_deinit(&arena);
    return 0;
}

/* A step with one positional value of these bytes. */
static trib_code step_with(trib_str value, trib_proxy_req *ret) {
    trib_buf body;
    trib_pb_writer w;
    trib_buf_init(&body, 4096);
    trib_pw_init(&w, &body);
    trib_pw_open(&w, 2);
    trib_pw_open(&w, 1);
    trib_pw_open(&w, 2);
    trib_pw_str(&w, 1, TRIB_STR("S"));
    trib_pw_open(&w, 2);
    trib_pw_open(&w, 1);
    trib_pw_bytes(&w, 1, value);
    while (w.depth) trib_pw_close(&w);
    trib_code code = trib_proxy_decode_execute(&arena, trib_buf_str(&body), ret, &err);
    trib_buf_deinit(&body);
    return code;
}

static void a_program_is_a_batch(void **state) {
    /* client "id"; step 0 "A" named {:n: null}, rows skipped; step 1 if not(err 0) "B" */
    static const char body[] = "\x0a\x02id\x12\x2a"
                               "\x0a\x15\x12\x13\x0a\x01"
                               "A"
                               "\x1a\x0c\x0a\x02:n\x12\x06\x0a\x04\0\0\0\0\x20\x01"
                               "\x0a\x11\x0a\x08\x1a\x06\x0a\x04\x12\x02\x08\x00\x12\x05\x0a\x01"
                               "B\x12\x00";
    (void)state;
    trib_proxy_req req;
    if (trib_proxy_decode_execute(&arena, trib_str_make(body, sizeof body - 1), &req, &err) != TRIB_OK)
        fail_msg("%s", err.message);
    assert_true(trib_str_eq_c(req.client_id, "id"));
    assert_int_equal(req.program.count, 2);
    const hrana_stmt *first = &req.program.steps[0].stmt, *second = &req.program.steps[1].stmt;
    assert_true(trib_str_eq_c(first->sql, "A") && !first->want_rows && first->has_named && first->arg_count == 1);
    assert_true(trib_str_eq_c(first->args[0].name, ":n") && first->args[0].value.type == TRIB_VALUE_NULL);
    assert_true(trib_str_eq_c(second->sql, "B") && second->want_rows && !second->has_positional && !second->has_named);
    const hrana_cond *cond = req.program.steps[1].condition;
    assert_true(cond->type == HRANA_COND_NOT && cond->first->type == HRANA_COND_ERROR && cond->first->step == 0);
    assert_null(req.program.steps[0].condition);
}

static void values_are_little_endian(void **state) {
    (void)state;
    trib_proxy_req req;
    const trib_value *value;
    assert_int_equal(step_with(TRIB_STR("\x01\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff"), &req), TRIB_OK);
    value = &req.program.steps[0].stmt.args[0].value;
    assert_true(value->type == TRIB_VALUE_INTEGER && value->integer == -2);
    assert_int_equal(step_with(TRIB_STR("\x02\0\0\0\0\0\0\0\0\0\x04\xc0"), &req), TRIB_OK);
    value = &req.program.steps[0].stmt.args[0].value;
    assert_true(value->type == TRIB_VALUE_REAL && value->real == -2.5);
    assert_int_equal(step_with(TRIB_STR("\x03\0\0\0\x02\0\0\0\0\0\0\0hi"), &req), TRIB_OK);
    value = &req.program.steps[0].stmt.args[0].value;
    assert_true(value->type == TRIB_VALUE_TEXT && trib_str_eq_c(value->bytes, "hi"));
    assert_int_equal(step_with(TRIB_STR("\x04\0\0\0\x01\0\0\0\0\0\0\0\xff"), &req), TRIB_OK);
    assert_int_equal(req.program.steps[0].stmt.args[0].value.type, TRIB_VALUE_BLOB);
    static const trib_str bad[] = {
        TRIB_STR(""),
        TRIB_STR("\0\0\0"),
        TRIB_STR("\0\0\0\0\0"),
        TRIB_STR("\x01\0\0\0\x01"),
        TRIB_STR("\x01\0\0\0\x01\0\0\0\0\0\0\0\0"),
        TRIB_STR("\x05\0\0\0\x01\0\0\0\0\0\0\0"),
        TRIB_STR("\x03\0\0\0\x03\0\0\0\0\0\0\0hi"),
        TRIB_STR("\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\xffhi"),
        TRIB_STR("\x03\0\0\0\x01\0\0\0\0\0\0\0\xff"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (step_with(bad[i], &req) != TRIB_BAD_REQUEST) fail_msg("value %zu is taken", i);
}

static void what_is_malformed_is_refused(void **state) {
    static const struct {
        trib_str body;
        trib_code code;
    } rows[] = {
        {TRIB_STR("\x12"), TRIB_BAD_REQUEST},
        {TRIB_STR("\x12\x02\x0a\x00"), TRIB_BAD_REQUEST},                          /* no query */
        {TRIB_STR("\x12\x07\x0a\x05\x12\x03\x0a\x01\xff"), TRIB_BAD_REQUEST},      /* not UTF-8 */
        {TRIB_STR("\x12\x09\x0a\x07\x12\x05\x1a\x03\x0a\x01n"), TRIB_BAD_REQUEST}, /* a name, no value */
        {TRIB_STR("\x12\x06\x0a\x04\x0a\x00\x12\x00"), TRIB_BAD_REQUEST},          /* a condition without type */
        {TRIB_STR("\x12\x08\x0a\x06\x0a\x02\x0a\x00\x12\x00"), TRIB_PROTOCOL},     /* its own step */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_proxy_req req;
        trib_code code = trib_proxy_decode_execute(&arena, rows[i].body, &req, &err);
        if (code != rows[i].code) fail_msg("%zu: %d", i, code);
    }
}

static void the_small_requests(void **state) {
    (void)state;
    trib_proxy_req req;
    assert_int_equal(trib_proxy_decode_describe(&arena, TRIB_STR("\x0a\x02id\x12\x01S"), &req, &err), TRIB_OK);
    assert_true(trib_str_eq_c(req.client_id, "id") && trib_str_eq_c(req.stmt, "S"));
    assert_int_equal(trib_proxy_decode_describe(&arena, TRIB_STR("\x12\x01\xff"), &req, &err), TRIB_BAD_REQUEST);
    assert_int_equal(trib_proxy_decode_disconnect(&arena, TRIB_STR("\x0a\x02id"), &req, &err), TRIB_OK);
    assert_true(trib_str_eq_c(req.client_id, "id"));
    assert_int_equal(trib_proxy_decode_disconnect(&arena, TRIB_STR("\x0a\x05id"), &req, &err), TRIB_BAD_REQUEST);
}

static void results_are_read_back(void **state) {
    (void)state;
    trib_buf out;
    trib_pb_writer w;
    int64_t rowid = -7;
    uint64_t frame_no = 0;
    trib_buf_init(&out, 1 << 16);
    trib_pw_init(&w, &out);
    trib_proxy_write_error(&w, TRIB_PROXY_BUSY, TRIB_STR("no turn"), 5);
    trib_proxy_rows_begin(&w);
    trib_proxy_column(&w, TRIB_STR("a"), TRIB_STR("INTEGER"));
    trib_proxy_column(&w, TRIB_STR("b"), (trib_str){0});
    trib_proxy_row_begin(&w);
    trib_proxy_value(&w, (trib_value){.type = TRIB_VALUE_INTEGER, .integer = -2});
    trib_proxy_value(&w, (trib_value){.type = TRIB_VALUE_TEXT, .bytes = TRIB_STR("hi")});
    trib_proxy_row_end(&w);
    trib_proxy_rows_end(&w, 1, &rowid);
    trib_proxy_end(&w, TRIB_PROXY_IN_TRANSACTION, &frame_no);
    assert_true(w.depth == 0 && !out.failed);
    const Trib__Proxy__ExecuteResults *got =
        (const void *)trib_pb_unpack(&arena, &trib__proxy__execute_results__descriptor, trib_buf_str(&out));
    assert_non_null(got);
    assert_int_equal(got->n_results, 2);
    assert_true(got->state == 2 && got->has_current_frame_no && got->current_frame_no == 0);
    assert_true(got->results[0]->error->code == 1 && got->results[0]->error->extended_code == 5);
    assert_true(trib_str_eq_c(trib_pb_str(got->results[0]->error->message), "no turn"));
    const Trib__Proxy__ResultRows *rows = got->results[1]->row;
    assert_true(rows->n_columns == 2 && rows->columns[0]->has_decltype && !rows->columns[1]->has_decltype);
    assert_true(rows->affected_row_count == 1 && rows->last_insert_rowid == -7);
    assert_true(rows->n_rows == 1 && rows->rows[0]->n_values == 2);
    assert_true(trib_str_eq(trib_pb_str(rows->rows[0]->values[0]->data),
                            TRIB_STR("\x01\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff")));
    assert_true(trib_str_eq(trib_pb_str(rows->rows[0]->values[1]->data), TRIB_STR("\x03\0\0\0\x02\0\0\0\0\0\0\0hi")));
    trib_buf_deinit(&out);
}

static void a_description_is_read_back(void **state) {
    (void)state;
    trib_buf out;
    trib_pb_writer w;
    trib_buf_init(&out, 1 << 16);
    trib_pw_init(&w, &out);
    trib_proxy_describe_begin(&w);
    trib_proxy_column(&w, TRIB_STR("a"), TRIB_STR("TEXT"));
    trib_proxy_param(&w, TRIB_STR("_"));
    trib_proxy_param(&w, TRIB_STR(":a"));
    trib_proxy_describe_end(&w, 2);
    const Trib__Proxy__DescribeResult *got =
        (const void *)trib_pb_unpack(&arena, &trib__proxy__describe_result__descriptor, trib_buf_str(&out));
    assert_non_null(got);
    assert_int_equal(got->result_case, TRIB__PROXY__DESCRIBE_RESULT__RESULT_DESCRIPTION);
    assert_true(got->description->n_param_names == 2 && got->description->param_count == 2);
    assert_true(trib_str_eq_c(trib_pb_str(got->description->param_names[1]), ":a"));
    trib_buf_clear(&out);
    trib_pw_init(&w, &out);
    trib_proxy_describe_error(&w, TRIB_PROXY_SQL_ERROR, TRIB_STR("no"), 1);
    assert_true(trib_str_eq(trib_buf_str(&out), TRIB_STR("\x0a\x06\x12\x02no\x18\x01")));
    trib_buf_deinit(&out);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_program_is_a_batch), TEST(values_are_little_endian), TEST(what_is_malformed_is_refused),
        TEST(the_small_requests),   TEST(results_are_read_back),    TEST(a_description_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
