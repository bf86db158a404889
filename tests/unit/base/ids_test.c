/* SPDX-License-Identifier: Apache-2.0 */
/* Ids: one spelling each, never zero, never without randomness. */
#include "base/ids.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "fake_env.h"

static void random_ids_come_from_the_environment_and_differ(void **state) {
    (void)state;
    fake_env fake;
    trib_id a, b;
    char hex[TRIB_ID_HEX_BYTES];
    fake_env_init(&fake);
    fake.next = 0xa1;
    assert_int_equal(trib_id_random(&fake.env, &a, NULL), TRIB_OK);
    assert_int_equal(trib_id_random(&fake.env, &b, NULL), TRIB_OK);
    assert_false(trib_id_eq(a, b));
    trib_id_to_hex(a, hex);
    assert_string_equal(hex, "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1");
}

static void ids_by_time_sort_by_the_clock(void **state) {
    (void)state;
    fake_env fake;
    trib_id id;
    char early[TRIB_ID_HEX_BYTES], late[TRIB_ID_HEX_BYTES];
    fake_env_init(&fake);
    fake.next = 0xff;
    fake.wall_ms = 0x0123456789ab;
    assert_int_equal(trib_id_by_time(&fake.env, &id, NULL), TRIB_OK);
    trib_id_to_hex(id, early);
    assert_string_equal(early, "0123456789abffffffffffffffffffff");
    fake.next = 1;
    fake.wall_ms++;
    assert_int_equal(trib_id_by_time(&fake.env, &id, NULL), TRIB_OK);
    trib_id_to_hex(id, late);
    assert_true(strcmp(early, late) < 0);
}

static void without_randomness_there_is_no_id(void **state) {
    (void)state;
    fake_env fake;
    trib_id id = {{9}};
    trib_error err;
    fake_env_init(&fake);
    fake.no_randomness = true;
    assert_int_equal(trib_id_random(&fake.env, &id, &err), TRIB_INTERNAL);
    assert_int_equal(trib_id_random_uuid(&fake.env, &id, NULL), TRIB_INTERNAL);
    assert_int_equal(trib_id_by_time(&fake.env, &id, NULL), TRIB_INTERNAL);
    fake.no_randomness = false;
    fake.next = 0;
    assert_int_equal(trib_id_random(&fake.env, &id, &err), TRIB_INTERNAL);
    assert_int_equal(id.bytes[0], 9);
}

static void hex_has_exactly_one_spelling(void **state) {
    (void)state;
    trib_id id = {{7}};
    char hex[TRIB_ID_HEX_BYTES];
    const char *good = "0123456789abcdef0123456789abcdef";
    assert_true(trib_id_from_hex(trib_str_c(good), &id));
    trib_id_to_hex(id, hex);
    assert_string_equal(hex, good);
    static const char *const bad[] = {
        "",
        "0123456789abcdef0123456789abcde",
        "0123456789abcdef0123456789abcdef0",
        "0123456789ABCDEF0123456789abcdef",
        "0123456789abcdef0123456789abcdeg",
        "00000000000000000000000000000000",
        "../../etc/passwd/0123456789abcde",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(trib_id_from_hex(trib_str_c(bad[i]), &id));
    assert_int_equal(id.bytes[0], 0x01);
}

static void uuids_have_version_four_and_come_back(void **state) {
    (void)state;
    fake_env fake;
    trib_id id, back;
    char text[TRIB_ID_UUID_BYTES];
    fake_env_init(&fake);
    assert_int_equal(trib_id_random_uuid(&fake.env, &id, NULL), TRIB_OK);
    trib_id_to_uuid(id, text);
    assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    assert_true(trib_id_from_uuid(trib_str_c(text), &back));
    assert_true(trib_id_eq(id, back));
    assert_true(trib_id_from_uuid(TRIB_STR("FFFFFFFF-FFFF-4FFF-BFFF-FFFFFFFFFFFF"), &back));
    static const char *const bad[] = {
        "",
        "ffffffffffff-4fff-bfff-ffff-ffffffff",
        "{fffffff-ffff-4fff-bfff-fffffffffff}",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-4fff-bfff-fffffffffffg",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(trib_id_from_uuid(trib_str_c(bad[i]), &back));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_ids_come_from_the_environment_and_differ),
        cmocka_unit_test(ids_by_time_sort_by_the_clock),
        cmocka_unit_test(without_randomness_there_is_no_id),
        cmocka_unit_test(hex_has_exactly_one_spelling),
        cmocka_unit_test(uuids_have_version_four_and_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
