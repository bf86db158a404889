/* SPDX-License-Identifier: Apache-2.0 */
/* Digests against published vectors, randomness, comparison of secrets. */
#include "crypto/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_hex_of(const uint8_t *digest, size_t n, const char *want) {
    char hex[2 * TRIB_SHA256_BYTES + 1];
    for (size_t i = 0; i < n; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(hex, want);
}

static void assert_hex(const uint8_t digest[TRIB_SHA256_BYTES], const char *want) {
    assert_hex_of(digest, TRIB_SHA256_BYTES, want);
}

/* FIPS 180-4 examples */
static void sha1_matches_the_published_vectors(void **state) {
    (void)state;
    uint8_t digest[TRIB_SHA1_BYTES];
    assert_int_equal(trib_crypto_sha1((trib_str){0}, digest), TRIB_OK);
    assert_hex_of(digest, sizeof digest, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assert_int_equal(trib_crypto_sha1(TRIB_STR("abc"), digest), TRIB_OK);
    assert_hex_of(digest, sizeof digest, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

/* FIPS 180-4 examples */
static void sha256_matches_the_published_vectors(void **state) {
    (void)state;
    uint8_t digest[TRIB_SHA256_BYTES];
    assert_int_equal(trib_crypto_sha256((trib_str){0}, digest), TRIB_OK);
    assert_hex(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_int_equal(trib_crypto_sha256(TRIB_STR("abc"), digest), TRIB_OK);
    assert_hex(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* RFC 4231 §4.2, §4.3, §4.7; the empty key and text are computed with another implementation */
static void hmac_matches_the_published_vectors(void **state) {
    (void)state;
    uint8_t mac[TRIB_SHA256_BYTES];
    char key[131];
    memset(key, 0x0b, sizeof key);
    assert_int_equal(trib_crypto_hmac_sha256(trib_str_make(key, 20), TRIB_STR("Hi There"), mac), TRIB_OK);
    assert_hex(mac, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_int_equal(trib_crypto_hmac_sha256(TRIB_STR("Jefe"), TRIB_STR("what do ya want for nothing?"), mac), TRIB_OK);
    assert_hex(mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    trib_str text = TRIB_STR("Test Using Larger Than Block-Size Key - Hash Key First");
    assert_int_equal(trib_crypto_hmac_sha256(trib_str_make(key, sizeof key), text, mac), TRIB_OK);
    assert_hex(mac, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hmac_with_an_empty_key_does_not_reuse_the_last_key(void **state) {
    (void)state;
    uint8_t mac[TRIB_SHA256_BYTES];
    assert_int_equal(trib_crypto_hmac_sha256(TRIB_STR("secret"), TRIB_STR("x"), mac), TRIB_OK);
    assert_int_equal(trib_crypto_hmac_sha256((trib_str){0}, (trib_str){0}, mac), TRIB_OK);
    assert_hex(mac, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void random_bytes_differ_and_fill_the_whole_length(void **state) {
    (void)state;
    unsigned char a[64] = {0}, b[64] = {0};
    assert_true(trib_crypto_random(a, sizeof a));
    assert_true(trib_crypto_random(b, sizeof b));
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a + 32, (unsigned char[32]){0}, 32);
    assert_true(trib_crypto_random(a, 0));
}

static void secrets_compare_by_content_and_length(void **state) {
    (void)state;
    assert_true(trib_crypto_eq(TRIB_STR("abc"), TRIB_STR("abc")));
    assert_false(trib_crypto_eq(TRIB_STR("abc"), TRIB_STR("abd")));
    assert_false(trib_crypto_eq(TRIB_STR("abc"), TRIB_STR("ab")));
    assert_true(trib_crypto_eq((trib_str){0}, TRIB_STR("")));
}

static void wiping_leaves_zeros(void **state) {
    (void)state;
    char secret[4] = "abc";
    trib_crypto_wipe(secret, sizeof secret);
    assert_memory_equal(secret, "\0\0\0\0", 4);
    trib_crypto_wipe(NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha1_matches_the_published_vectors),
        cmocka_unit_test(sha256_matches_the_published_vectors),
        cmocka_unit_test(hmac_matches_the_published_vectors),
        cmocka_unit_test(hmac_with_an_empty_key_does_not_reuse_the_last_key),
        cmocka_unit_test(random_bytes_differ_and_fill_the_whole_length),
        cmocka_unit_test(secrets_compare_by_content_and_length),
        cmocka_unit_test(wiping_leaves_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
