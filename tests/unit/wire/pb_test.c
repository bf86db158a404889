/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/wire/pb.c: varints and messages behind their lengths, cut anywhere; decoding within an arena's
 * budget. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include <trib_proto/hrana.pb-c.h>

#include "wire/pb.h"
#include "wire/pb_int.h"

static void varints_are_taken_whole_or_not(void **state) {
    static const struct {
        trib_str bytes;
        uint64_t value;
        bool ok;
    } rows[] = {
        {TRIB_STR("\x00"), 0, true},
        {TRIB_STR("\x7f"), 127, true},
        {TRIB_STR("\x80\x01"), 128, true},
        {TRIB_STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), UINT64_MAX, true},
        {TRIB_STR("\x81\x80\x00"), 1, true}, /* longer than it needs to be: decoders take it */
        {TRIB_STR(""), 0, false},
        {TRIB_STR("\x80"), 0, false},
        {TRIB_STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), 0, false},
        {TRIB_STR("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), 0, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_str rest = rows[i].bytes;
        uint64_t value = 42;
        assert_int_equal(trib_pb_take_varint(&rest, &value), rows[i].ok);
        assert_int_equal(rest.len, rows[i].ok ? 0 : rows[i].bytes.len);
        assert_true(value == (rows[i].ok ? rows[i].value : 42));
    }
}

static void messages_come_one_after_another_however_the_stream_is_cut(void **state) {
    static const char stream[] = "\x02"
                                 "ab\x00\x01"
                                 "c";
    (void)state;
    for (size_t cut = 0; cut < sizeof stream; cut++) {
        trib_str rest = trib_str_make(stream, cut), message;
        size_t whole = 0;
        while (trib_pb_take_message(&rest, &message)) whole++;
        assert_int_equal(whole, (cut >= 3) + (cut >= 4) + (cut >= 6));
        assert_int_equal(rest.len, cut - (cut >= 6 ? 6 : cut >= 4 ? 4 : cut >= 3 ? 3 : 0));
    }
    trib_str huge = TRIB_STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01xyz"), message;
    assert_false(trib_pb_take_message(&huge, &message));
}

static void a_message_lives_in_the_arena(void **state) {
    (void)state;
    trib_arena arena;
    trib_arena_init(&arena, 1 << 16);
    const ProtobufCMessage *message = trib_pb_unpack(&arena, &trib__hrana__stmt__descriptor,
                                                     TRIB_STR("\x0a\x03x\0y\x1a\x02\x10\x03\x28\x00\xba\x3e\x01z"));
    assert_non_null(message);
    const Trib__Hrana__Stmt *stmt = (const void *)message;
    assert_true(trib_str_eq(trib_pb_str(stmt->sql), TRIB_STR("x\0y")));
    assert_int_equal(stmt->n_args, 1);
    assert_int_equal(stmt->args[0]->integer, -2);
    assert_true(stmt->has_want_rows && !stmt->want_rows);
    assert_false(stmt->has_sql_id);
    assert_non_null(trib_pb_unpack(&arena, &trib__hrana__stmt__descriptor, (trib_str){0}));
    trib_arena_deinit(&arena);
}

static void malformed_bytes_are_told_from_a_spent_budget(void **state) {
    (void)state;
    trib_arena arena;
    trib_arena_init(&arena, 1 << 16);
    assert_null(trib_pb_unpack(&arena, &trib__hrana__stmt__descriptor, TRIB_STR("\x0a\x05x")));
    assert_false(arena.failed);
    char many[8192];
    for (size_t i = 0; i < sizeof many; i += 2) memcpy(many + i, "\x1a\x00", 2);
    assert_null(trib_pb_unpack(&arena, &trib__hrana__stmt__descriptor, trib_str_make(many, sizeof many)));
    assert_true(arena.failed);
    assert_null(trib_pb_unpack(&arena, &trib__hrana__stmt__descriptor, TRIB_STR("")));
    trib_arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints_are_taken_whole_or_not),
        cmocka_unit_test(messages_come_one_after_another_however_the_stream_is_cut),
        cmocka_unit_test(a_message_lives_in_the_arena),
        cmocka_unit_test(malformed_bytes_are_told_from_a_spent_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
