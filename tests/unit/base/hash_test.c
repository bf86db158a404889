/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4 against the vectors of its authors: key 00..0f, input 00, 00 01, 00 01 02, ... */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const trib_hash_key key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

static void matches_the_published_vectors(void **state) {
    (void)state;
    static const struct {
        size_t len;
        uint64_t want;
    } rows[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)}, {1, UINT64_C(0x74f839c593dc67fd)},  {7, UINT64_C(0xab0200f58b01d137)},
        {8, UINT64_C(0x93f5f5799a932462)}, {15, UINT64_C(0xa129ca6149be45e5)},
    };
    unsigned char input[16];
    for (unsigned char i = 0; i < 16; i++) input[i] = i;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(trib_hash_bytes(key, input, rows[i].len) == rows[i].want);
    }
}

static void another_key_gives_another_hash(void **state) {
    (void)state;
    trib_hash_key other = {key.k0 ^ 1, key.k1}, third = {key.k0, key.k1 ^ 1};
    assert_true(trib_hash_str(key, TRIB_STR("tenant")) != trib_hash_str(other, TRIB_STR("tenant")));
    assert_true(trib_hash_str(key, TRIB_STR("tenant")) != trib_hash_str(third, TRIB_STR("tenant")));
    assert_true(trib_hash_str(key, (trib_str){0}) == trib_hash_str(key, TRIB_STR("")));
}

static void trailing_zeros_count(void **state) {
    (void)state;
    assert_true(trib_hash_bytes(key, "a\0", 1) != trib_hash_bytes(key, "a\0", 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_the_published_vectors),
        cmocka_unit_test(another_key_gives_another_hash),
        cmocka_unit_test(trailing_zeros_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
