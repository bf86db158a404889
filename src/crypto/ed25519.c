/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519 over OpenSSL's EVP; see ed25519.h. PEM is read block by block with the generic reader instead of
 * PEM_read_bio_PUBKEY, because that one silently steps over blocks of other kinds: a private key or a certificate in a
 * key file is a mistake that must be said, not skipped. */
#include "crypto/ed25519.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

struct trib_ed25519_pub {
    EVP_PKEY *pkey;
    uint8_t raw[TRIB_ED25519_KEY_BYTES];
};

struct trib_ed25519_key {
    EVP_PKEY *pkey;
    trib_ed25519_pub *pub;
};

static trib_code no_memory(trib_error *err) {
    ERR_clear_error();
    return trib_error_set(err, TRIB_NOMEM, NULL);
}

/* Was lack of memory among the reasons? Empties the queue: decoders put their own reasons on top of the first one. */
static bool out_of_memory(void) {
    bool found = false;
    for (unsigned long reason = ERR_get_error(); reason; reason = ERR_get_error()) {
        if (ERR_GET_REASON(reason) == ERR_R_MALLOC_FAILURE) found = true;
    }
    return found;
}

/* Public keys ------------------------------------------------------------------------------------------------------ */

/* The encodings of the points whose order divides 8, with the sign bit cleared, non-canonical ones (y = p, y = p + 1)
 * included. Under such a key a signature that was made once verifies for one message in eight or for all. */
static bool is_small_order(const uint8_t raw[TRIB_ED25519_KEY_BYTES]) {
    static const uint8_t points[][TRIB_ED25519_KEY_BYTES] = {
        {0}, /* order 4 */
        {1}, /* neutral element */
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, /* -1 */
        {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, /* p */
        {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, /* p + 1 */
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
         0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05}, /* order 8 */
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
         0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a}, /* order 8 */
    };
    uint8_t y[TRIB_ED25519_KEY_BYTES];
    memcpy(y, raw, sizeof y);
    y[TRIB_ED25519_KEY_BYTES - 1] &= 0x7f;
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        if (memcmp(y, points[i], sizeof y) == 0) return true;
    }
    return false;
}

trib_code trib_ed25519_pub_new(trib_str raw, trib_ed25519_pub **ret, trib_error *err) {
    const uint8_t *bytes = (const uint8_t *)raw.ptr;
    if (raw.len != TRIB_ED25519_KEY_BYTES) {
        return trib_error_set(err, TRIB_CONFIG,
                              "an Ed25519 public key has 32 bytes, this one has %zu; give the raw key or a "
                              "PEM block \"PUBLIC KEY\"",
                              raw.len);
    }
    if (is_small_order(bytes)) {
        return trib_error_set(err, TRIB_CONFIG,
                              "this Ed25519 public key is a point of small order, under which anybody can "
                              "sign; make a new key pair");
    }
    trib_ed25519_pub *pub = calloc(1, sizeof *pub);
    if (!pub) return no_memory(err);
    pub->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, raw.len);
    if (!pub->pkey) {
        free(pub);
        return no_memory(err);
    }
    memcpy(pub->raw, bytes, raw.len);
    *ret = pub;
    return TRIB_OK;
}

void trib_ed25519_pub_free(trib_ed25519_pub *pub) {
    if (!pub) return;
    EVP_PKEY_free(pub->pkey);
    free(pub);
}

void trib_ed25519_pub_get_raw(const trib_ed25519_pub *pub, uint8_t ret_raw[TRIB_ED25519_KEY_BYTES]) {
    memcpy(ret_raw, pub->raw, sizeof pub->raw);
}

trib_code trib_ed25519_verify(const trib_ed25519_pub *pub, trib_str message, trib_str sig) {
    if (sig.len != TRIB_ED25519_SIG_BYTES) return TRIB_UNAUTHORIZED;
    const unsigned char *text = (const unsigned char *)(message.ptr ? message.ptr : "");
    trib_code code = TRIB_NOMEM;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pub->pkey) == 1) {
        int rc = EVP_DigestVerify(ctx, (const unsigned char *)sig.ptr, sig.len, text, message.len);
        if (rc == 1) code = TRIB_OK;
        else if (!out_of_memory()) code = TRIB_UNAUTHORIZED;
    }
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return code;
}

/* PEM -------------------------------------------------------------------------------------------------------------- */

typedef struct pem_block {
    char *name, *header;
    unsigned char *der;
    long der_len;
} pem_block;

static void block_deinit(pem_block *block) {
    OPENSSL_free(block->name);
    OPENSSL_free(block->header);
    if (block->der) OPENSSL_clear_free(block->der, (size_t)block->der_len);
    *block = (pem_block){0};
}

/* The next block into *block. AGAIN: there is none any more. CONFIG: it is broken, or of another kind than `want`. */
static trib_code read_block(BIO *bio, const char *want, pem_block *block, trib_error *err) {
    ERR_clear_error();
    if (PEM_read_bio(bio, &block->name, &block->header, &block->der, &block->der_len) != 1) {
        unsigned long reason = ERR_peek_last_error();
        if (out_of_memory()) return no_memory(err);
        ERR_clear_error();
        if (ERR_GET_LIB(reason) == ERR_LIB_PEM && ERR_GET_REASON(reason) == PEM_R_NO_START_LINE) return TRIB_AGAIN;
        return trib_error_set(err, TRIB_CONFIG,
                              "a PEM block in the key text is broken; copy the whole block from "
                              "-----BEGIN to -----END");
    }
    if (strcmp(block->name, want) != 0 || block->header[0] != '\0') {
        trib_code code = trib_error_set(err, TRIB_CONFIG,
                                        "the key text has a PEM block \"%.40s\" where only \"%s\" without "
                                        "headers belongs; remove it or convert it",
                                        block->name, want);
        block_deinit(block);
        return code;
    }
    return TRIB_OK;
}

static trib_code not_ed25519(trib_error *err) {
    if (out_of_memory()) return no_memory(err);
    ERR_clear_error();
    return trib_error_set(err, TRIB_CONFIG,
                          "the PEM block holds no Ed25519 key; make one with "
                          "`openssl genpkey -algorithm ed25519`");
}

static trib_code open_pem(trib_str pem, BIO **ret, trib_error *err) {
    if (pem.len == 0 || pem.len > TRIB_ED25519_PEM_MAX_BYTES) {
        return trib_error_set(err, TRIB_CONFIG, "a key text has 1 to %d bytes, this one has %zu",
                              (int)TRIB_ED25519_PEM_MAX_BYTES, pem.len);
    }
    *ret = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    return *ret ? TRIB_OK : no_memory(err);
}

static trib_code pub_from_der(const pem_block *block, trib_ed25519_pub **ret, trib_error *err) {
    uint8_t raw[TRIB_ED25519_KEY_BYTES];
    size_t raw_len = sizeof raw;
    const unsigned char *at = block->der;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, block->der_len);
    bool ok = pkey && at == block->der + block->der_len && EVP_PKEY_get_id(pkey) == EVP_PKEY_ED25519 &&
              EVP_PKEY_get_raw_public_key(pkey, raw, &raw_len) == 1 && raw_len == sizeof raw;
    EVP_PKEY_free(pkey);
    if (!ok) return not_ed25519(err);
    return trib_ed25519_pub_new(trib_str_make((const char *)raw, sizeof raw), ret, err);
}

trib_code trib_ed25519_pub_from_pem(trib_str pem, size_t max, trib_ed25519_pub **ret_keys, size_t *ret_count,
                                    trib_error *err) {
    BIO *bio = NULL;
    trib_ed25519_pub *keys[TRIB_ED25519_PEM_MAX_KEYS];
    size_t count = 0;
    if (max > TRIB_ED25519_PEM_MAX_KEYS) max = TRIB_ED25519_PEM_MAX_KEYS;
    trib_code code = open_pem(pem, &bio, err);
    while (code == TRIB_OK) {
        pem_block block = {0};
        code = read_block(bio, "PUBLIC KEY", &block, err);
        if (code) break;
        if (count == max)
            code = trib_error_set(err, TRIB_CONFIG, "the key text has more than %zu keys; remove old ones", max);
        else code = pub_from_der(&block, &keys[count], err);
        block_deinit(&block);
        if (!code) count++;
    }
    BIO_free(bio);
    if (code == TRIB_AGAIN && count == 0) {
        code = trib_error_set(err, TRIB_CONFIG,
                              "the key text has no PEM block \"PUBLIC KEY\"; export one with "
                              "`openssl pkey -pubout`");
    }
    if (code != TRIB_AGAIN) {
        for (size_t i = 0; i < count; i++) trib_ed25519_pub_free(keys[i]);
        return code;
    }
    memcpy(ret_keys, keys, count * sizeof keys[0]);
    *ret_count = count;
    return TRIB_OK;
}

/* Moves what was written to bio into out; `ok` is whether writing worked. */
static trib_code flush_pem(BIO *bio, bool ok, trib_buf *out, trib_error *err) {
    char *text = NULL;
    long len = ok ? BIO_get_mem_data(bio, &text) : 0;
    if (len > 0) trib_buf_add_bytes(out, text, (size_t)len);
    bool done = len > 0 && !out->failed;
    if (len > 0) OPENSSL_cleanse(text, (size_t)len);
    BIO_free(bio);
    return done ? TRIB_OK : no_memory(err);
}

trib_code trib_ed25519_pub_to_pem(const trib_ed25519_pub *pub, trib_buf *out, trib_error *err) {
    BIO *bio = BIO_new(BIO_s_mem());
    return flush_pem(bio, bio && PEM_write_bio_PUBKEY(bio, pub->pkey) == 1, out, err);
}

/* Private keys ----------------------------------------------------------------------------------------------------- */

/* Takes over pkey (NULL: no memory). */
static trib_code key_from_pkey(EVP_PKEY *pkey, trib_ed25519_key **ret, trib_error *err) {
    uint8_t raw[TRIB_ED25519_KEY_BYTES];
    size_t raw_len = sizeof raw;
    trib_ed25519_key *key = pkey ? calloc(1, sizeof *key) : NULL;
    if (!key || EVP_PKEY_get_raw_public_key(pkey, raw, &raw_len) != 1) {
        EVP_PKEY_free(pkey);
        free(key);
        return no_memory(err);
    }
    key->pkey = pkey;
    trib_code code = trib_ed25519_pub_new(trib_str_make((const char *)raw, sizeof raw), &key->pub, err);
    if (code) {
        trib_ed25519_key_free(key);
        return code;
    }
    *ret = key;
    return TRIB_OK;
}

trib_code trib_ed25519_key_new(trib_str seed, trib_ed25519_key **ret, trib_error *err) {
    if (seed.len != TRIB_ED25519_KEY_BYTES) {
        return trib_error_set(err, TRIB_CONFIG, "an Ed25519 private key has 32 bytes, this one has %zu", seed.len);
    }
    const unsigned char *bytes = (const unsigned char *)seed.ptr;
    return key_from_pkey(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, bytes, seed.len), ret, err);
}

trib_code trib_ed25519_key_new_random(trib_ed25519_key **ret, trib_error *err) {
    uint8_t seed[TRIB_ED25519_KEY_BYTES];
    if (RAND_priv_bytes(seed, sizeof seed) != 1) {
        ERR_clear_error();
        return trib_error_set(err, TRIB_INTERNAL,
                              "the system gave no randomness for a new key; check that the process may use "
                              "getrandom() or read /dev/urandom");
    }
    trib_code code = trib_ed25519_key_new(trib_str_make((const char *)seed, sizeof seed), ret, err);
    OPENSSL_cleanse(seed, sizeof seed);
    return code;
}

static trib_code key_from_der(const pem_block *block, trib_ed25519_key **ret, trib_error *err) {
    const unsigned char *at = block->der;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, block->der_len);
    EVP_PKEY *pkey = info && at == block->der + block->der_len ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    if (!pkey || EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519) {
        EVP_PKEY_free(pkey);
        return not_ed25519(err);
    }
    return key_from_pkey(pkey, ret, err);
}

trib_code trib_ed25519_key_from_pem(trib_str pem, trib_ed25519_key **ret, trib_error *err) {
    BIO *bio = NULL;
    pem_block block = {0}, second = {0};
    trib_code code = open_pem(pem, &bio, err);
    if (code) return code;
    code = read_block(bio, "PRIVATE KEY", &block, err);
    if (code == TRIB_AGAIN) {
        code = trib_error_set(err, TRIB_CONFIG,
                              "the key text has no PEM block \"PRIVATE KEY\"; make one with "
                              "`openssl genpkey -algorithm ed25519`");
    }
    if (!code) {
        trib_code more = read_block(bio, "PRIVATE KEY", &second, err);
        if (more == TRIB_OK)
            more = trib_error_set(err, TRIB_CONFIG, "the key text has more than one private key; keep one");
        if (more != TRIB_AGAIN) code = more;
    }
    if (!code) code = key_from_der(&block, ret, err);
    block_deinit(&block);
    block_deinit(&second);
    BIO_free(bio);
    return code;
}

trib_code trib_ed25519_key_to_pem(const trib_ed25519_key *key, trib_buf *out, trib_error *err) {
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio && PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1;
    return flush_pem(bio, ok, out, err);
}

trib_code trib_ed25519_key_get_seed(const trib_ed25519_key *key, uint8_t ret_seed[TRIB_ED25519_KEY_BYTES]) {
    size_t len = TRIB_ED25519_KEY_BYTES;
    if (EVP_PKEY_get_raw_private_key(key->pkey, ret_seed, &len) == 1) return TRIB_OK;
    ERR_clear_error();
    return TRIB_NOMEM;
}

const trib_ed25519_pub *trib_ed25519_key_get_pub(const trib_ed25519_key *key) {
    return key->pub;
}

void trib_ed25519_key_free(trib_ed25519_key *key) {
    if (!key) return;
    trib_ed25519_pub_free(key->pub);
    EVP_PKEY_free(key->pkey); /* wipes the private half */
    free(key);
}

trib_code trib_ed25519_sign(const trib_ed25519_key *key, trib_str message, uint8_t ret_sig[TRIB_ED25519_SIG_BYTES]) {
    uint8_t sig[TRIB_ED25519_SIG_BYTES];
    size_t sig_len = sizeof sig;
    const unsigned char *text = (const unsigned char *)(message.ptr ? message.ptr : "");
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pkey) == 1 &&
              EVP_DigestSign(ctx, sig, &sig_len, text, message.len) == 1 && sig_len == sizeof sig;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    if (!ok) return TRIB_NOMEM;
    memcpy(ret_sig, sig, sizeof sig);
    return TRIB_OK;
}
