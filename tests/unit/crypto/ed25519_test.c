/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519: published vectors, PEM in and out, forged signatures, and every allocation of OpenSSL failing in turn. */
#include "crypto/ed25519.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Allocations of OpenSSL until one fails; <0: none does. */
static long fail_after = -1;

static bool fails_now(void) {
    return fail_after >= 0 && fail_after-- == 0;
}

static void *counting_malloc(size_t n, const char *file, int line) {
    (void)file, (void)line;
    return fails_now() ? NULL : malloc(n);
}

static void *counting_realloc(void *p, size_t n, const char *file, int line) {
    (void)file, (void)line;
    return fails_now() ? NULL : realloc(p, n);
}

static void counting_free(void *p, const char *file, int line) {
    (void)file, (void)line;
    free(p);
}

static trib_str unhex(const char *hex, char *out) {
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        out[i] = (char)strtol(pair, NULL, 16);
    }
    return trib_str_make(out, n);
}

/* RFC 8032 §7.1, TEST 1 to 3 */
static const struct vector {
    const char *name, *seed, *pub, *message, *sig;
} vectors[] = {
    {"TEST 1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"TEST 2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"TEST 3", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

static void signs_and_verifies_the_vectors_of_rfc_8032(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        char seed[32], pub_bytes[32], message[8], sig[64];
        uint8_t raw[32], made[64], seed_back[32];
        trib_ed25519_key *key = NULL;
        trib_ed25519_pub *pub = NULL;
        trib_error err;
        print_message("%s\n", vectors[i].name);
        assert_int_equal(trib_ed25519_key_new(unhex(vectors[i].seed, seed), &key, &err), TRIB_OK);
        assert_int_equal(trib_ed25519_pub_new(unhex(vectors[i].pub, pub_bytes), &pub, &err), TRIB_OK);
        trib_str text = unhex(vectors[i].message, message), want = unhex(vectors[i].sig, sig);
        trib_ed25519_pub_get_raw(trib_ed25519_key_get_pub(key), raw);
        assert_memory_equal(raw, pub_bytes, 32);
        assert_int_equal(trib_ed25519_sign(key, text, made), TRIB_OK);
        assert_memory_equal(made, want.ptr, 64);
        assert_int_equal(trib_ed25519_verify(pub, text, want), TRIB_OK);
        assert_int_equal(trib_ed25519_key_get_seed(key, seed_back), TRIB_OK);
        assert_memory_equal(seed_back, seed, 32);
        trib_ed25519_key_free(key);
        trib_ed25519_pub_free(pub);
    }
}

static void every_flipped_bit_of_a_signature_is_refused(void **state) {
    (void)state;
    char pub_bytes[32], sig[64];
    trib_ed25519_pub *pub = NULL;
    assert_int_equal(trib_ed25519_pub_new(unhex(vectors[1].pub, pub_bytes), &pub, NULL), TRIB_OK);
    trib_str good = unhex(vectors[1].sig, sig);
    for (size_t bit = 0; bit < 512; bit++) {
        sig[bit / 8] ^= (char)(1 << bit % 8);
        assert_int_equal(trib_ed25519_verify(pub, TRIB_STR("\x72"), good), TRIB_UNAUTHORIZED);
        sig[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_int_equal(trib_ed25519_verify(pub, TRIB_STR("\x72"), good), TRIB_OK);
    assert_int_equal(trib_ed25519_verify(pub, TRIB_STR("\x73"), good), TRIB_UNAUTHORIZED);
    assert_int_equal(trib_ed25519_verify(pub, TRIB_STR("\x72"), trib_str_make(sig, 63)), TRIB_UNAUTHORIZED);
    assert_int_equal(trib_ed25519_verify(pub, TRIB_STR("\x72"), (trib_str){0}), TRIB_UNAUTHORIZED);
    assert_int_equal(ERR_peek_error(), 0);
    trib_ed25519_pub_free(pub);
}

/* S + L is the same number modulo the group order: a second signature for the same message, RFC 8032 §5.1.7 */
static void a_signature_with_s_plus_the_group_order_is_refused(void **state) {
    (void)state;
    char pub_bytes[32], sig[64], order[32];
    trib_ed25519_pub *pub = NULL;
    assert_int_equal(trib_ed25519_pub_new(unhex(vectors[0].pub, pub_bytes), &pub, NULL), TRIB_OK);
    trib_str text = unhex(vectors[0].sig, sig);
    unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order);
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)(unsigned char)sig[32 + i] + (unsigned)(unsigned char)order[i];
        sig[32 + i] = (char)(unsigned char)carry;
        carry >>= 8;
    }
    assert_int_equal(carry, 0);
    assert_int_equal(trib_ed25519_verify(pub, (trib_str){0}, text), TRIB_UNAUTHORIZED);
    trib_ed25519_pub_free(pub);
}

static void public_keys_of_small_order_are_refused(void **state) {
    (void)state;
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    };
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        char raw[32];
        trib_ed25519_pub *pub = NULL;
        assert_int_equal(trib_ed25519_pub_new(unhex(points[i], raw), &pub, NULL), TRIB_CONFIG);
        assert_null(pub);
    }
}

/* RFC 8410 §10.1 and §10.3 */
static const char pub_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
                              "-----END PUBLIC KEY-----\n";
static const char key_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                              "-----END PRIVATE KEY-----\n";
/* A P-256 public key */
static const char ec_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                             "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8MZNbw3wkgf9dGWi/kiYfpv8stW+\n"
                             "pD5/fWDz6uGTIc/Qs6jMm025sDqRI38vkm7XKeyO52pPoB98RSsfVnt6gQ==\n"
                             "-----END PUBLIC KEY-----\n";

static void pem_of_rfc_8410_comes_in_and_goes_out_unchanged(void **state) {
    (void)state;
    trib_ed25519_key *key = NULL;
    trib_ed25519_pub *pub = NULL;
    size_t count = 0;
    trib_buf out;
    uint8_t a[32], b[32];
    trib_buf_init(&out, 4096);
    assert_int_equal(trib_ed25519_key_from_pem(trib_str_c(key_pem), &key, NULL), TRIB_OK);
    assert_int_equal(trib_ed25519_pub_from_pem(trib_str_c(pub_pem), 1, &pub, &count, NULL), TRIB_OK);
    assert_int_equal(count, 1);
    trib_ed25519_pub_get_raw(pub, a);
    trib_ed25519_pub_get_raw(trib_ed25519_key_get_pub(key), b);
    assert_memory_equal(a, b, 32);
    assert_int_equal(trib_ed25519_pub_to_pem(pub, &out, NULL), TRIB_OK);
    assert_true(trib_str_eq_c(trib_buf_str(&out), pub_pem));
    trib_buf_clear(&out);
    assert_int_equal(trib_ed25519_key_to_pem(key, &out, NULL), TRIB_OK);
    assert_true(trib_str_eq_c(trib_buf_str(&out), key_pem));
    trib_buf_deinit(&out);
    trib_ed25519_key_free(key);
    trib_ed25519_pub_free(pub);
}

static void several_pem_blocks_give_several_keys_in_order(void **state) {
    (void)state;
    trib_buf text;
    trib_ed25519_key *other = NULL;
    trib_ed25519_pub *pubs[3] = {0};
    size_t count = 0;
    uint8_t a[32], b[32];
    trib_buf_init(&text, 4096);
    assert_int_equal(trib_ed25519_key_new_random(&other, NULL), TRIB_OK);
    trib_buf_add_c(&text, "old key, until May\n");
    trib_buf_add_c(&text, pub_pem);
    trib_buf_add_c(&text, "\nnew key\n");
    assert_int_equal(trib_ed25519_pub_to_pem(trib_ed25519_key_get_pub(other), &text, NULL), TRIB_OK);
    assert_int_equal(trib_ed25519_pub_from_pem(trib_buf_str(&text), 3, pubs, &count, NULL), TRIB_OK);
    assert_int_equal(count, 2);
    trib_ed25519_pub_get_raw(pubs[1], a);
    trib_ed25519_pub_get_raw(trib_ed25519_key_get_pub(other), b);
    assert_memory_equal(a, b, 32);
    trib_ed25519_pub_free(pubs[0]);
    trib_ed25519_pub_free(pubs[1]);
    trib_error err;
    assert_int_equal(trib_ed25519_pub_from_pem(trib_buf_str(&text), 1, pubs, &count, &err), TRIB_CONFIG);
    assert_non_null(strstr(err.message, "more than 1"));
    trib_ed25519_key_free(other);
    trib_buf_deinit(&text);
}

static void pem_that_is_no_ed25519_public_key_is_refused_as_a_whole(void **state) {
    (void)state;
    const struct {
        const char *name, *first, *second;
    } rows[] = {
        {"empty", "", ""},
        {"no block", "hello\n", ""},
        {"a private key", key_pem, ""},
        {"a private key behind a good one", pub_pem, key_pem},
        {"another algorithm", ec_pem, ""},
        {"another algorithm behind a good one", pub_pem, ec_pem},
        {"cut", pub_pem, "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9"},
        {"junk inside", "-----BEGIN PUBLIC KEY-----\nMCow!!!!\n-----END PUBLIC KEY-----\n", ""},
        {"trailing bytes",
         "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuEAAAA=\n"
         "-----END PUBLIC KEY-----\n",
         ""},
        {"headers",
         "-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\n\n"
         "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n",
         ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_ed25519_pub *pubs[2] = {0};
        size_t count = 99;
        trib_buf text;
        trib_error err = {0};
        trib_buf_init(&text, 4096);
        trib_buf_add_c(&text, rows[i].first);
        trib_buf_add_c(&text, rows[i].second);
        print_message("%s\n", rows[i].name);
        assert_int_equal(trib_ed25519_pub_from_pem(trib_buf_str(&text), 2, pubs, &count, &err), TRIB_CONFIG);
        assert_int_equal(count, 99);
        assert_null(pubs[0]);
        assert_true(err.message[0] != '\0');
        assert_int_equal(ERR_peek_error(), 0);
        trib_buf_deinit(&text);
    }
}

static void private_pem_takes_exactly_one_ed25519_block(void **state) {
    (void)state;
    trib_ed25519_key *key = NULL;
    char two[sizeof key_pem * 2];
    memcpy(two, key_pem, sizeof key_pem - 1);
    memcpy(two + sizeof key_pem - 1, key_pem, sizeof key_pem);
    assert_int_equal(trib_ed25519_key_from_pem(trib_str_c(two), &key, NULL), TRIB_CONFIG);
    assert_int_equal(trib_ed25519_key_from_pem(trib_str_c(pub_pem), &key, NULL), TRIB_CONFIG);
    assert_int_equal(trib_ed25519_key_from_pem(TRIB_STR(""), &key, NULL), TRIB_CONFIG);
    assert_int_equal(trib_ed25519_key_new(TRIB_STR("short"), &key, NULL), TRIB_CONFIG);
    assert_null(key);
}

/* All operations on one key; the first failure ends it. *ret_parsed: how far the keys were read. */
static trib_code round_trip(bool *ret_parsed) {
    trib_ed25519_key *key = NULL;
    trib_ed25519_pub *pub = NULL;
    size_t count;
    uint8_t sig[64];
    trib_buf out;
    trib_buf_init(&out, 4096);
    *ret_parsed = false;
    trib_code code = trib_ed25519_key_from_pem(trib_str_c(key_pem), &key, NULL);
    if (!code) code = trib_ed25519_pub_from_pem(trib_str_c(pub_pem), 1, &pub, &count, NULL);
    if (!code) {
        *ret_parsed = true;
        code = trib_ed25519_sign(key, TRIB_STR("text"), sig);
    }
    if (!code) code = trib_ed25519_verify(pub, TRIB_STR("text"), trib_str_make((const char *)sig, sizeof sig));
    if (!code) code = trib_ed25519_pub_to_pem(pub, &out, NULL);
    if (!code) code = trib_ed25519_key_to_pem(key, &out, NULL);
    trib_ed25519_key_free(key);
    trib_ed25519_pub_free(pub);
    trib_buf_deinit(&out);
    return code;
}

static void a_forged_signature_is_refused_whatever_allocation_fails(void) {
    char pub_bytes[32], sig[64];
    trib_ed25519_pub *pub = NULL;
    assert_int_equal(trib_ed25519_pub_new(unhex(vectors[1].pub, pub_bytes), &pub, NULL), TRIB_OK);
    trib_str forged = unhex(vectors[1].sig, sig);
    for (bool failed = true; failed;) {
        static long i;
        fail_after = i++;
        assert_int_not_equal(trib_ed25519_verify(pub, TRIB_STR("other text"), forged), TRIB_OK);
        failed = fail_after < 0;
        fail_after = -1;
    }
    trib_ed25519_pub_free(pub);
}

static void any_failing_allocation_is_an_error_and_never_a_wrong_answer(void **state) {
    (void)state;
    bool parsed;
    assert_int_equal(round_trip(&parsed), TRIB_OK); /* OpenSSL loads its tables once, before allocations fail */
    long i = 0;
    for (; i < 10000; i += 7) {
        fail_after = i;
        trib_code code = round_trip(&parsed);
        bool failed = fail_after < 0;
        fail_after = -1;
        if (!failed) break;
        /* OpenSSL goes on without some caches, and does not always say why it gave up: closed in any case. */
        bool allowed = code == TRIB_OK || code == TRIB_NOMEM || code == (parsed ? TRIB_UNAUTHORIZED : TRIB_CONFIG);
        if (!allowed) fail_msg("allocation %ld: %s", i, trib_code_name(code));
    }
    print_message("every seventh of %ld allocations failed\n", i);
    a_forged_signature_is_refused_whatever_allocation_fails();
    assert_in_range(i, 10, 9999);
    assert_int_equal(round_trip(&parsed), TRIB_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_and_verifies_the_vectors_of_rfc_8032),
        cmocka_unit_test(every_flipped_bit_of_a_signature_is_refused),
        cmocka_unit_test(a_signature_with_s_plus_the_group_order_is_refused),
        cmocka_unit_test(public_keys_of_small_order_are_refused),
        cmocka_unit_test(pem_of_rfc_8410_comes_in_and_goes_out_unchanged),
        cmocka_unit_test(several_pem_blocks_give_several_keys_in_order),
        cmocka_unit_test(pem_that_is_no_ed25519_public_key_is_refused_as_a_whole),
        cmocka_unit_test(private_pem_takes_exactly_one_ed25519_block),
        cmocka_unit_test(any_failing_allocation_is_an_error_and_never_a_wrong_answer),
    };
    if (CRYPTO_set_mem_functions(counting_malloc, counting_realloc, counting_free) != 1) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
