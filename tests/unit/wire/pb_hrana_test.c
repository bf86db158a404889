/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/wire/pb_hrana.c: bytes made by hand from the tables of the protocol, and what must be refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "wire/pb_hrana.h"
#include "wire/pb_write.h"

enum { ARENA_BYTES = 1 << 20 };
static trib_arena arena;
static trib_error err;

static int setup(void **state) {
    (void)state;
    trib_arena_init(&arena, ARENA_BYTES);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    trib_arena_deinit(&arena);
    return 0;
}

static hrana_pipeline pipeline(trib_str body) {
    hrana_pipeline got = {0};
    if (trib_hrana_pb_decode_pipeline(&arena, body, &got, &err) != TRIB_OK) fail_msg("%s", err.message);
    return got;
}

static hrana_client_msg client_msg(trib_str frame) {
    hrana_client_msg got;
    if (trib_hrana_pb_decode_client_msg(&arena, frame, &got, &err) != TRIB_OK) fail_msg("%s", err.message);
    return got;
}

static void an_execute_with_every_type_of_value(void **state) {
    (void)state;
    /* baton "b"; execute{stmt{sql "S", 5 args, want_rows false}} */
    static const char body[] = "\x0a\x01"
                               "b\x12\x28\x12\x26\x0a\x24\x0a\x01S"
                               "\x1a\x02\x0a\x00"                             /* null */
                               "\x1a\x02\x10\x03"                             /* -2 */
                               "\x1a\x09\x19\x00\x00\x00\x00\x00\x00\x04\xc0" /* -2.5 */
                               "\x1a\x05\x22\x03"
                               "a\0b"             /* text */
                               "\x1a\x03\x2a\x01" /* blob */
                               "\xff\x28\x00";
    hrana_pipeline got = pipeline(trib_str_make(body, sizeof body - 1));
    assert_true(trib_str_eq_c(got.baton, "b"));
    assert_int_equal(got.count, 1);
    const hrana_stmt *stmt = &got.requests[0].stmt;
    assert_int_equal(got.requests[0].type, HRANA_EXECUTE);
    assert_true(stmt->has_sql && !stmt->has_sql_id && !stmt->want_rows && stmt->has_positional && !stmt->has_named);
    assert_true(trib_str_eq_c(stmt->sql, "S"));
    assert_int_equal(stmt->arg_count, 5);
    assert_int_equal(stmt->args[0].value.type, TRIB_VALUE_NULL);
    assert_int_equal(stmt->args[1].value.integer, -2);
    assert_true(stmt->args[2].value.type == TRIB_VALUE_REAL && stmt->args[2].value.real == -2.5);
    assert_true(trib_str_eq(stmt->args[3].value.bytes, TRIB_STR("a\0b")));
    assert_int_equal(stmt->args[4].value.type, TRIB_VALUE_BLOB);
    assert_true(trib_str_eq_c(stmt->args[4].value.bytes, "\xff"));
}

static void defaults_are_those_of_proto3(void **state) {
    (void)state;
    /* store_sql{} : id 0, empty text; close_sql{}; execute{stmt{sql_id 0, named_args{name "a", value text ""}}} */
    hrana_pipeline got =
        pipeline(TRIB_STR("\x12\x02\x32\x00\x12\x02\x3a\x00\x12\x0f\x12\x0d\x0a\x0b\x10\x00\x22\x07\x0a\x01"
                          "a\x12\x02\x22\x00"));
    assert_null(got.baton.ptr);
    assert_int_equal(got.count, 3);
    assert_int_equal(got.requests[0].type, HRANA_STORE_SQL);
    assert_true(got.requests[0].stmt.has_sql && got.requests[0].stmt.has_sql_id && got.requests[0].stmt.sql_id == 0);
    assert_int_equal(got.requests[1].type, HRANA_CLOSE_SQL);
    const hrana_stmt *stmt = &got.requests[2].stmt;
    assert_true(stmt->has_sql_id && stmt->want_rows && stmt->has_named && stmt->args[0].value.bytes.ptr);
    assert_true(trib_str_eq_c(stmt->args[0].name, "a"));
    assert_int_equal(pipeline((trib_str){0}).count, 0);
}

static void every_request_has_its_number(void **state) {
    static const hrana_request_type types[] = {HRANA_CLOSE,    HRANA_EXECUTE,   HRANA_BATCH,     HRANA_SEQUENCE,
                                               HRANA_DESCRIBE, HRANA_STORE_SQL, HRANA_CLOSE_SQL, HRANA_GET_AUTOCOMMIT};
    (void)state;
    for (unsigned char n = 1; n <= 8; n++) {
        trib_buf body;
        trib_pb_writer w;
        trib_buf_init(&body, 64);
        trib_pw_init(&w, &body);
        trib_pw_open(&w, 2);
        trib_pw_open(&w, n);
        if (n == 2) trib_pw_open(&w, 1);
        if (n == 2 || n == 4 || n == 5) trib_pw_str(&w, 1, TRIB_STR("SELECT 1"));
        while (w.depth) trib_pw_close(&w);
        assert_int_equal(pipeline(trib_buf_str(&body)).requests[0].type, types[n - 1]);
        trib_buf_deinit(&body);
    }
}

/* not(not(...(ok 0))), as the condition of step 1. */
static trib_code nested(unsigned levels, hrana_batch *ret) {
    trib_buf inner, outer;
    trib_pb_writer w;
    trib_str baton;
    trib_buf_init(&inner, 4096);
    trib_buf_init(&outer, 4096);
    trib_pw_init(&w, &inner);
    trib_pw_u64(&w, 1, 0);
    for (unsigned i = 0; i < levels; i++) {
        trib_buf_clear(&outer);
        trib_pw_init(&w, &outer);
        trib_pw_bytes(&w, 3, trib_buf_str(&inner));
        trib_buf_clear(&inner);
        trib_buf_add(&inner, trib_buf_str(&outer));
    }
    trib_buf_clear(&outer);
    trib_pw_init(&w, &outer);
    trib_pw_open(&w, 2);
    for (int step = 0; step < 2; step++) {
        trib_pw_open(&w, 1);
        if (step) trib_pw_bytes(&w, 1, trib_buf_str(&inner));
        trib_pw_open(&w, 2);
        trib_pw_str(&w, 1, TRIB_STR("SELECT 1"));
        trib_pw_close(&w);
        trib_pw_close(&w);
    }
    trib_pw_close(&w);
    assert_false(inner.failed || outer.failed);
    trib_code code = trib_hrana_pb_decode_cursor(&arena, trib_buf_str(&outer), &baton, ret, &err);
    trib_buf_deinit(&inner);
    trib_buf_deinit(&outer);
    return code;
}

static void conditions_nest_as_deeply_as_the_limit_and_no_deeper(void **state) {
    (void)state;
    hrana_batch batch = {0};
    if (nested(TRIB_HRANA_COND_DEPTH_MAX, &batch) != TRIB_OK) fail_msg("%s", err.message);
    assert_null(batch.steps[0].condition);
    unsigned levels = 0;
    const hrana_cond *at = batch.steps[1].condition;
    for (; at->type == HRANA_COND_NOT; at = at->first) levels++;
    assert_int_equal(levels, TRIB_HRANA_COND_DEPTH_MAX);
    assert_true(at->type == HRANA_COND_OK && at->step == 0);
    assert_int_equal(nested(TRIB_HRANA_COND_DEPTH_MAX + 1, &batch), TRIB_PROTOCOL);
    assert_non_null(strstr(err.message, "too deeply"));
}

static void lists_of_conditions(void **state) {
    (void)state;
    /* step 0; step 1 if and[error 0, is_autocommit]; or [] */
    trib_str baton;
    hrana_batch batch = {0};
    static const char body[] = "\x12\x23"
                               "\x0a\x05\x12\x03\x0a\x01"
                               "A"
                               "\x0a\x0f\x0a\x08\x22\x06\x0a\x02\x10\x00\x0a\x00\x12\x03\x0a\x01"
                               "B"
                               "\x0a\x09\x0a\x02\x2a\x00\x12\x03\x0a\x01"
                               "C";
    /* the second child of `and` is empty: no type */
    assert_int_equal(trib_hrana_pb_decode_cursor(&arena, trib_str_make(body, sizeof body - 1), &baton, &batch, &err),
                     TRIB_PROTOCOL);
    assert_string_equal(err.message, "BatchCond type not recognized");
    static const char good[] = "\x12\x25"
                               "\x0a\x05\x12\x03\x0a\x01"
                               "A"
                               "\x0a\x11\x0a\x0a\x22\x08\x0a\x02\x10\x00\x0a\x02\x32\x00\x12\x03\x0a\x01"
                               "B"
                               "\x0a\x09\x0a\x02\x2a\x00\x12\x03\x0a\x01"
                               "C";
    if (trib_hrana_pb_decode_cursor(&arena, trib_str_make(good, sizeof good - 1), &baton, &batch, &err) != TRIB_OK)
        fail_msg("%s", err.message);
    assert_int_equal(batch.count, 3);
    const hrana_cond *both = batch.steps[1].condition;
    assert_true(both->type == HRANA_COND_AND && both->first->type == HRANA_COND_ERROR && both->first->step == 0);
    assert_true(both->first->next->type == HRANA_COND_IS_AUTOCOMMIT && !both->first->next->next);
    assert_true(batch.steps[2].condition->type == HRANA_COND_OR && !batch.steps[2].condition->first);
}

static void what_breaks_the_protocol_is_told(void **state) {
    static const struct {
        trib_str body;
        const char *message;
    } rows[] = {
        {TRIB_STR("\x12"), "Could not decode client message from Protobuf: the bytes"},
        {TRIB_STR("\x12\x05\x12"), "Could not decode client message from Protobuf: the bytes"},
        {TRIB_STR("{\"requests\":[]}"), "Could not decode client message from Protobuf: the bytes"},
        {TRIB_STR("\x12\x00"), "StreamRequest type not recognized"},
        {TRIB_STR("\x12\x02\x4a\x00"), "StreamRequest type not recognized"},
        {TRIB_STR("\x12\x02\x12\x00"), "Either `sql` or `sql_id` are required"},
        {TRIB_STR("\x12\x06\x22\x04\x0a\x00\x10\x01"), "Either `sql` or `sql_id` are required, but not both"},
        {TRIB_STR("\x12\x09\x12\x07\x0a\x05\x0a\x01S\x1a\x00"), "Value type not recognized"},
        {TRIB_STR("\x12\x05\x22\x03\x0a\x01\xff"), "the SQL text is not UTF-8"},
        {TRIB_STR("\x12\x0c\x12\x0a\x0a\x08\x0a\x01S\x1a\x03\x22\x01\xff"), "a text is not UTF-8"},
        {TRIB_STR("\x12\x0b\x12\x09\x0a\x07\x0a\x01S\x22\x02\x12\x00"), "a named argument needs a name"},
        {TRIB_STR("\x12\x0c\x12\x0a\x0a\x08\x0a\x01S\x22\x03\x0a\x01"
                  "a"),
         "Value type not recognized"},
        {TRIB_STR("\x12\x0f\x1a\x0d\x0a\x0b\x0a\x09\x0a\x02\x08\x00\x12\x03\x0a\x01S"),
         "Invalid reference to step in a batch condition"},
        {TRIB_STR("\x0a\x00"), ""}, /* an empty baton */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        hrana_pipeline got = {0};
        trib_code code = trib_hrana_pb_decode_pipeline(&arena, rows[i].body, &got, &err);
        if (code == TRIB_OK || !strstr(err.message, rows[i].message)) fail_msg("%zu: %d %s", i, code, err.message);
        assert_int_equal(code, rows[i].message[0] ? TRIB_PROTOCOL : TRIB_BATON_INVALID);
    }
}

static void counts_and_memory_have_limits(void **state) {
    (void)state;
    static char many[2 * (TRIB_HRANA_REQUESTS_MAX + 1) + 2 * (TRIB_HRANA_REQUESTS_MAX + 1)];
    for (size_t i = 0; i < sizeof many; i += 4) memcpy(many + i, "\x12\x02\x0a\x00", 4);
    hrana_pipeline got = {0};
    assert_int_equal(trib_hrana_pb_decode_pipeline(&arena, trib_str_make(many, sizeof many), &got, &err),
                     TRIB_PROTOCOL);
    assert_non_null(strstr(err.message, "1001 requests"));
    assert_int_equal(pipeline(trib_str_make(many, sizeof many - 4)).count, TRIB_HRANA_REQUESTS_MAX);
    trib_arena small;
    trib_arena_init(&small, 8192);
    assert_int_equal(trib_hrana_pb_decode_pipeline(&small, trib_str_make(many, sizeof many), &got, &err), TRIB_NOMEM);
    trib_arena_deinit(&small);
}

static void frames_of_a_websocket(void **state) {
    (void)state;
    hrana_client_msg msg = client_msg(TRIB_STR("\x0a\x05\x0a\x03jwt"));
    assert_true(msg.type == HRANA_MSG_HELLO && trib_str_eq_c(msg.jwt, "jwt"));
    assert_null(client_msg(TRIB_STR("\x0a\x00")).jwt.ptr);
    msg = client_msg(TRIB_STR("\x12\x06\x08\x07\x12\x02\x08\x09"));
    assert_true(msg.type == HRANA_MSG_OPEN_STREAM && msg.request_id == 7 && msg.stream_id == 9);
    msg = client_msg(TRIB_STR("\x12\x02\x1a\x00")); /* ids 0 are not sent */
    assert_true(msg.type == HRANA_MSG_CLOSE_STREAM && msg.request_id == 0 && msg.stream_id == 0);
    msg = client_msg(TRIB_STR("\x12\x0c\x08\x01\x22\x08\x08\x02\x12\x04\x0a\x02S1"));
    assert_true(msg.type == HRANA_MSG_REQUEST && msg.request.type == HRANA_EXECUTE && msg.stream_id == 2);
    assert_true(trib_str_eq_c(msg.request.stmt.sql, "S1"));
    msg = client_msg(TRIB_STR("\x12\x11\x08\x01\x32\x0d\x08\x02\x10\x03\x1a\x07\x0a\x05\x12\x03\x0a\x01S"));
    assert_true(msg.type == HRANA_MSG_OPEN_CURSOR && msg.stream_id == 2 && msg.cursor_id == 3);
    assert_int_equal(msg.request.batch.count, 1);
    msg = client_msg(TRIB_STR("\x12\x07\x42\x05\x08\x03\x10\x80\x01"));
    assert_true(msg.type == HRANA_MSG_FETCH_CURSOR && msg.cursor_id == 3 && msg.max_count == 128);
    msg = client_msg(TRIB_STR("\x12\x04\x3a\x02\x08\x03"));
    assert_true(msg.type == HRANA_MSG_CLOSE_CURSOR && msg.cursor_id == 3);
    msg = client_msg(TRIB_STR("\x12\x07\x4a\x05\x08\x02\x12\x01S"));
    assert_true(msg.request.type == HRANA_SEQUENCE && msg.stream_id == 2 && msg.request.stmt.has_sql);
    msg = client_msg(TRIB_STR("\x12\x06\x52\x04\x08\x02\x18\x05"));
    assert_true(msg.request.type == HRANA_DESCRIBE && msg.request.stmt.sql_id == 5);
    msg = client_msg(TRIB_STR("\x12\x07\x5a\x05\x08\x05\x12\x01S"));
    assert_true(msg.request.type == HRANA_STORE_SQL && msg.request.stmt.sql_id == 5);
    msg = client_msg(TRIB_STR("\x12\x04\x62\x02\x08\x05"));
    assert_true(msg.request.type == HRANA_CLOSE_SQL && msg.request.stmt.sql_id == 5);
    msg = client_msg(TRIB_STR("\x12\x04\x6a\x02\x08\x02"));
    assert_true(msg.request.type == HRANA_GET_AUTOCOMMIT && msg.stream_id == 2);
    assert_int_equal(trib_hrana_pb_decode_client_msg(&arena, TRIB_STR(""), &msg, &err), TRIB_PROTOCOL);
    assert_string_equal(err.message, "ClientMsg type not recognized");
    assert_int_equal(trib_hrana_pb_decode_client_msg(&arena, TRIB_STR("\x12\x02\x08\x01"), &msg, &err), TRIB_PROTOCOL);
    assert_string_equal(err.message, "Request type not recognized");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_execute_with_every_type_of_value),
        TEST(defaults_are_those_of_proto3),
        TEST(every_request_has_its_number),
        TEST(conditions_nest_as_deeply_as_the_limit_and_no_deeper),
        TEST(lists_of_conditions),
        TEST(what_breaks_the_protocol_is_told),
        TEST(counts_and_memory_have_limits),
        TEST(frames_of_a_websocket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
