/* SPDX-License-Identifier: Apache-2.0 */
/* sqld's settings of a namespace: every field, what newer versions add, and messages that are cut or wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wire/pb_sqld.h"

static trib_arena arena;

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

#define BYTES(text) trib_str_make(text, sizeof text - 1)

static const char whole[] = "\x08\x01\x10\x01\x1a\x06unpaid\x20\x80\x10\x2a\x03h:/\x32\x02id\x3a\x03key\x40\x3c\x48\x01"
                            "\x50\xe8\x07\x58\x01\x62\x03sch\x68\x02";

static void every_field_is_read(void **state) {
    (void)state;
    trib_sqld_config c;
    assert_true(trib_sqld_config_parse(&arena, BYTES(whole), &c));
    assert_true(c.block_reads && c.block_writes && c.allow_attach && c.shared_schema);
    assert_true(trib_str_eq_c(c.block_reason, "unpaid") && trib_str_eq_c(c.heartbeat_url, "h:/"));
    assert_true(trib_str_eq_c(c.bottomless_db_id, "id") && trib_str_eq_c(c.jwt_key, "key"));
    assert_true(trib_str_eq_c(c.shared_schema_name, "sch"));
    assert_int_equal(c.max_db_pages, 2048);
    assert_int_equal(c.txn_timeout_s, 60);
    assert_int_equal(c.max_row_size, 1000);
    assert_int_equal(c.durability_mode, 2);
}

static void an_empty_message_is_the_defaults(void **state) {
    (void)state;
    trib_sqld_config c;
    memset(&c, 0xff, sizeof c);
    assert_true(trib_sqld_config_parse(&arena, BYTES(""), &c));
    assert_false(c.block_reads || c.block_writes || c.block_reason.len || c.max_db_pages);
}

static void unknown_fields_are_passed_over_and_the_last_one_counts(void **state) {
    (void)state;
    trib_sqld_config c;
    assert_true(trib_sqld_config_parse(&arena,
                                       BYTES("\xf8\x01\x05\xf2\x01\x03xyz\xf9\x01"
                                             "12345678\xfd\x01"
                                             "1234\x08\x01\x08\x00\x20\x05\x20\x07"),
                                       &c));
    assert_false(c.block_reads);
    assert_int_equal(c.max_db_pages, 7);
    assert_true(trib_sqld_config_parse(&arena, BYTES("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), &c));
    assert_true(c.max_db_pages == UINT64_MAX);
}

static void what_is_no_such_message_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *name, *bytes;
        size_t len;
    } rows[] = {
        {"a key without a value", "\x08", 1},
        {"a text that is cut", "\x1a\x06unpa", 6},
        {"a length past the end", "\x1a\xff\xff\xff\xff\x0fx", 7},
        {"a number of eleven bytes", "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12},
        {"field number 0", "\x00\x01", 2},
        {"a group", "\x0b", 1},
        {"a text where a number belongs", "\x22\x01x", 3},
        {"a number where a text belongs", "\x18\x01", 2},
        {"a text that is not UTF-8", "\x1a\x01\xff", 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_sqld_config c = {.max_db_pages = 41};
        if (trib_sqld_config_parse(&arena, trib_str_make(rows[i].bytes, rows[i].len), &c)) fail_msg("%s", rows[i].name);
        assert_int_equal(c.max_db_pages, 41);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_read),
        cmocka_unit_test(an_empty_message_is_the_defaults),
        cmocka_unit_test(unknown_fields_are_passed_over_and_the_last_one_counts),
        cmocka_unit_test(what_is_no_such_message_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
