/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/wire/pb_pull.c: bytes made by hand from the tables of the protocol. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "wire/pb_pull.h"

static void a_request_with_every_field(void **state) {
    (void)state;
    trib_arena arena;
    trib_pull_req req;
    trib_error err;
    trib_arena_init(&arena, 1 << 16);
    assert_int_equal(trib_pull_decode(&arena,
                                      TRIB_STR("\x08\x01\x12\x02s1\x1a\x02"
                                               "c1\x20\x88\x27\x2a\x02\x3a\x30\x32\x00\x3a\x01q\x40\x01"),
                                      &req, &err),
                     TRIB_OK);
    assert_int_equal(req.encoding, TRIB_PULL_ZSTD);
    assert_true(trib_str_eq_c(req.server_revision, "s1") && trib_str_eq_c(req.client_revision, "c1"));
    assert_int_equal(req.long_poll_timeout_ms, 5000);
    assert_true(trib_str_eq_c(req.server_pages_selector, ":0"));
    assert_true(req.client_pages.ptr && req.client_pages.len == 0); /* sent, and empty */
    assert_true(trib_str_eq_c(req.server_query_selector, "q"));
    assert_int_equal(req.stream_kind, 1);
    assert_int_equal(trib_pull_decode(&arena, (trib_str){0}, &req, &err), TRIB_OK);
    assert_true(req.encoding == TRIB_PULL_RAW && !req.client_revision.ptr && !req.server_pages_selector.ptr);
    assert_int_equal(trib_pull_decode(&arena, TRIB_STR("\x12\x09s"), &req, &err), TRIB_BAD_REQUEST);
    assert_non_null(strstr(err.message, "PullUpdatesReq"));
    trib_arena_deinit(&arena);
    trib_arena_init(&arena, 64);
    assert_int_equal(trib_pull_decode(&arena, TRIB_STR("\x12\x01s"), &req, &err), TRIB_NOMEM);
    trib_arena_deinit(&arena);
}

static void an_answer_is_a_header_and_pages(void **state) {
    static const char want[] = "\x09\x0a\x03r:7\x10\x02\x1a\x00"
                               "\x05\x12\x03pg0"
                               "\x07\x08\x01\x12\x03pg1";
    static const char compressed[] = "\x0a\x0a\x00\x10\x01\x22\x02\x08\x03\x30\x01";
    (void)state;
    trib_buf out;
    trib_buf_init(&out, 4096);
    trib_pull_write_header(&out, &(trib_pull_header){.server_revision = TRIB_STR("r:7"), .db_pages = 2});
    trib_pull_write_page(&out, 0, TRIB_STR("pg0"));
    trib_pull_write_page(&out, 1, TRIB_STR("pg1"));
    assert_int_equal(out.len, sizeof want - 1);
    assert_memory_equal(out.ptr, want, sizeof want - 1);
    trib_buf_clear(&out);
    trib_pull_write_header(
        &out, &(trib_pull_header){.db_pages = 1, .encoding = TRIB_PULL_ZSTD, .zstd_level = 3, .replace_base = true});
    assert_int_equal(out.len, sizeof compressed - 1);
    assert_memory_equal(out.ptr, compressed, sizeof compressed - 1);
    trib_buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_with_every_field),
        cmocka_unit_test(an_answer_is_a_header_and_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
