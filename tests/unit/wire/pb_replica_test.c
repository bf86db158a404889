/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/wire/pb_replica.c: bytes made by hand from the tables of the protocol. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "wire/pb_replica.h"

static void offsets_and_handshakes(void **state) {
    (void)state;
    trib_arena arena;
    trib_replica_offset offset;
    uint64_t version = 9;
    trib_error err;
    trib_arena_init(&arena, 1 << 16);
    assert_int_equal(trib_replica_decode_offset(&arena, TRIB_STR("\x08\x80\x08\x10\x01"), &offset, &err), TRIB_OK);
    assert_true(offset.next_offset == 1024 && offset.wal_flavor == 1);
    assert_int_equal(trib_replica_decode_offset(&arena, (trib_str){0}, &offset, &err), TRIB_OK);
    assert_true(offset.next_offset == 0 && offset.wal_flavor == 0);
    assert_int_equal(trib_replica_decode_offset(&arena, TRIB_STR("\x08"), &offset, &err), TRIB_BAD_REQUEST);
    assert_int_equal(trib_replica_decode_hello(&arena, TRIB_STR("\x08\x01"), &version, &err), TRIB_OK);
    assert_int_equal(version, 1);
    assert_int_equal(trib_replica_decode_hello(&arena, TRIB_STR(""), &version, &err), TRIB_OK);
    assert_int_equal(version, 0);
    trib_arena_deinit(&arena);
}

static void a_hello_names_the_log(void **state) {
    static const char want[] = "\x0a\x01g\x1a\x01l\x22\x01t\x28\x00\x32\x08\x10\x01\x1a\x04paid";
    static const char empty[] = "\x0a\x01g\x1a\x01l\x22\x01t\x32\x00";
    (void)state;
    trib_buf out;
    trib_buf_init(&out, 4096);
    trib_replica_hello hello = {.generation_id = TRIB_STR("g"),
                                .log_id = TRIB_STR("l"),
                                .session_token = TRIB_STR("t"),
                                .has_index = true,
                                .block_writes = true,
                                .block_reason = TRIB_STR("paid")};
    trib_replica_write_hello(&out, &hello);
    assert_int_equal(out.len, sizeof want - 1);
    assert_memory_equal(out.ptr, want, sizeof want - 1);
    trib_buf_clear(&out);
    hello.has_index = hello.block_writes = false;
    hello.block_reason.len = 0;
    trib_replica_write_hello(&out, &hello);
    assert_int_equal(out.len, sizeof empty - 1);
    assert_memory_equal(out.ptr, empty, sizeof empty - 1);
    trib_buf_deinit(&out);
}

static void a_frame_has_a_head_and_a_page(void **state) {
    static const char message[] = "\x0a\x1a"
                                  "\x05\x01\0\0\0\0\0\0"
                                  "\0\0\0\0\0\0\0\0"
                                  "\x02\0\0\0\x03\0\0\0"
                                  "pg";
    (void)state;
    trib_buf out;
    trib_replica_frame frame = {.frame_no = 0x105, .page_no = 2, .size_after = 3, .page = TRIB_STR("pg")};
    trib_buf_init(&out, 4096);
    trib_replica_write_frame(&out, &frame, false);
    assert_int_equal(out.len, sizeof message - 1);
    assert_memory_equal(out.ptr, message, sizeof message - 1);
    trib_buf_clear(&out);
    trib_replica_write_frame(&out, &frame, true);
    assert_int_equal(out.len, sizeof message + 1);
    assert_memory_equal(out.ptr, "\x0a\x1c", 2);
    assert_memory_equal(out.ptr + 2, message, sizeof message - 1);
    trib_buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_and_handshakes),
        cmocka_unit_test(a_hello_names_the_log),
        cmocka_unit_test(a_frame_has_a_head_and_a_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
