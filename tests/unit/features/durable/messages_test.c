/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of JSON streams, and events of event streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "features/durable/durable_int.h"

static char *text_of(trib_buf *buf) {
    trib_buf_add_char(buf, '\0');
    assert_false(buf->failed);
    return buf->ptr;
}

typedef struct row {
    const char *body, *lines;
    uint64_t count;
} row;

static void arrays_are_flattened_one_level(void **state) {
    static const row rows[] = {
        {"{\"a\":1}", "{\"a\":1}", 1},
        {"[1, 2,\n3]", "1\n2\n3", 3},
        {"[[1,2],[3]]", "[1,2]\n[3]", 2},
        {"[[[1]]]", "[[1]]", 1},
        {"[]", "", 0},
        {"[[]]", "[]", 1},
        {" \"a\\nb\" ", "\"a\\nb\"", 1},
        {"null", "null", 1},
        {"[12345678901234567890, 1e400]", "12345678901234567890\n1e400", 2},
        {"{\"a\" : [ 1 , 2 ]\n}", "{\"a\":[1,2]}", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_arena arena;
        trib_buf lines;
        trib_error err;
        uint64_t count = 99;
        trib_arena_init(&arena, 1 << 20);
        trib_buf_init(&lines, 1 << 20);
        assert_int_equal(durable_messages_split(&arena, trib_str_c(rows[i].body), &lines, &count, &err), TRIB_OK);
        assert_int_equal(count, rows[i].count);
        assert_string_equal(text_of(&lines), rows[i].lines);
        trib_buf_deinit(&lines);
        trib_arena_deinit(&arena);
    }
}

static void what_is_no_json_or_too_much_of_it_is_refused(void **state) {
    trib_arena arena;
    trib_buf lines, body;
    trib_error err;
    uint64_t count;
    (void)state;
    trib_arena_init(&arena, 64 << 10);
    trib_buf_init(&lines, 1 << 20);
    trib_buf_init(&body, 1 << 20);
    assert_int_equal(durable_messages_split(&arena, TRIB_STR("{ invalid }"), &lines, &count, &err), TRIB_BAD_JSON);
    assert_int_equal(durable_messages_split(&arena, TRIB_STR("1 2"), &lines, &count, &err), TRIB_BAD_JSON);
    trib_buf_add_char(&body, '[');
    for (int i = 0; i < 20000; i++) trib_buf_add(&body, TRIB_STR("1,"));
    trib_buf_add(&body, TRIB_STR("1]"));
    assert_int_equal(durable_messages_split(&arena, trib_buf_str(&body), &lines, &count, &err), TRIB_BODY_TOO_LARGE);
    trib_buf_deinit(&body);
    trib_buf_deinit(&lines);
    trib_arena_deinit(&arena);
}

static void messages_are_cut_where_they_are_parted(void **state) {
    trib_str lines = TRIB_STR("10\n20\n30\n40");
    trib_buf out;
    (void)state;
    trib_buf_init(&out, 1024);
    assert_int_equal(durable_messages_add(lines, 0, 4, 1024, &out), 4);
    assert_string_equal(text_of(&out), "10,20,30,40");
    trib_buf_clear(&out);
    assert_int_equal(durable_messages_add(lines, 1, 2, 1024, &out), 2);
    assert_int_equal(durable_messages_add(lines, 3, 9, 1024, &out), 1);
    assert_string_equal(text_of(&out), "20,30,40");
    trib_buf_clear(&out);
    assert_int_equal(durable_messages_add(lines, 0, 4, 5, &out), 2); /* "10,20" */
    assert_int_equal(durable_messages_add(lines, 2, 2, 5, &out), 0);
    assert_string_equal(text_of(&out), "10,20");
    trib_buf_clear(&out);
    assert_int_equal(durable_messages_add(lines, 0, 4, 1, &out), 1); /* one goes whatever its size */
    assert_string_equal(text_of(&out), "10");
    trib_buf_deinit(&out);
}

static void text_cannot_leave_its_event(void **state) {
    static const char *const rows[][2] = {
        {"one", "event: data\ndata:one\n\n"},
        {"a\nb", "event: data\ndata:a\ndata:b\n\n"},
        {"a\r\n\r\nevent: control\rdata: x", "event: data\ndata:a\ndata:\ndata:event: control\ndata:data: x\n\n"},
        {"a\n", "event: data\ndata:a\ndata:\n\n"},
        {" a", "event: data\ndata:  a\n\n"}, /* a reader drops one space */
        {"\r", "event: data\ndata:\ndata:\n\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_buf out;
        trib_buf_init(&out, 1024);
        durable_event_text(trib_str_c(rows[i][0]), &out);
        assert_string_equal(text_of(&out), rows[i][1]);
        trib_buf_deinit(&out);
    }
}

static void events_of_bytes_and_of_places_have_their_form(void **state) {
    trib_buf out;
    (void)state;
    trib_buf_init(&out, 1024);
    durable_event_base64(TRIB_STR("Hello"), &out);
    durable_event_control("0_5", 42, true, false, &out);
    durable_event_control("0_6", 42, false, false, &out);
    durable_event_control("0_7", 42, true, true, &out);
    assert_string_equal(text_of(&out), "event: data\ndata:SGVsbG8=\n\n"
                                       "event: control\ndata:{\"streamNextOffset\":\"0_5\",\"streamCursor\":\"42\","
                                       "\"upToDate\":true}\n\n"
                                       "event: control\ndata:{\"streamNextOffset\":\"0_6\",\"streamCursor\":\"42\"}\n\n"
                                       "event: control\ndata:{\"streamNextOffset\":\"0_7\",\"upToDate\":true,"
                                       "\"streamClosed\":true}\n\n");
    trib_buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_are_flattened_one_level),
        cmocka_unit_test(what_is_no_json_or_too_much_of_it_is_refused),
        cmocka_unit_test(messages_are_cut_where_they_are_parted),
        cmocka_unit_test(text_cannot_leave_its_event),
        cmocka_unit_test(events_of_bytes_and_of_places_have_their_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
