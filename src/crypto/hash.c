/* SPDX-License-Identifier: Apache-2.0 */
/* Digests and randomness; see crypto/hash.h. OpenSSL leaves its reasons in a queue per thread; every failing path here
 * empties it, so that a later, unrelated call cannot read a stale one. */
#include "crypto/hash.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

/* The one way in which hashing bytes in memory fails. */
static trib_code failed(void) {
    ERR_clear_error();
    return TRIB_NOMEM;
}

static trib_code digest_of(const EVP_MD *how, trib_str data, uint8_t *ret_digest, size_t n) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (EVP_Digest(data.ptr ? data.ptr : "", data.len, digest, NULL, how, NULL) != 1) return failed();
    memcpy(ret_digest, digest, n);
    return TRIB_OK;
}

trib_code trib_crypto_sha256(trib_str data, uint8_t ret_digest[TRIB_SHA256_BYTES]) {
    return digest_of(EVP_sha256(), data, ret_digest, TRIB_SHA256_BYTES);
}

trib_code trib_crypto_sha1(trib_str data, uint8_t ret_digest[TRIB_SHA1_BYTES]) {
    return digest_of(EVP_sha1(), data, ret_digest, TRIB_SHA1_BYTES);
}

trib_code trib_crypto_hmac_sha256(trib_str key, trib_str data, uint8_t ret_mac[TRIB_SHA256_BYTES]) {
    uint8_t mac[TRIB_SHA256_BYTES];
    unsigned mac_len = 0;
    if (key.len > INT_MAX) return TRIB_BAD_REQUEST;
    /* HMAC() takes a NULL key for "the key of the last call", so an empty key needs a pointer. */
    const char *key_ptr = key.ptr ? key.ptr : "";
    const unsigned char *data_ptr = (const unsigned char *)(data.ptr ? data.ptr : "");
    if (!HMAC(EVP_sha256(), key_ptr, (int)key.len, data_ptr, data.len, mac, &mac_len)) return failed();
    memcpy(ret_mac, mac, sizeof mac);
    return TRIB_OK;
}

bool trib_crypto_random(void *out, size_t n) {
    unsigned char *at = out;
    size_t left = n;
    while (left) {
        int part = left > INT_MAX ? INT_MAX : (int)left;
        if (RAND_bytes(at, part) != 1) {
            ERR_clear_error();
            memset(out, 0, n);
            return false;
        }
        at += part;
        left -= (size_t)part;
    }
    return true;
}

bool trib_crypto_eq(trib_str a, trib_str b) {
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}

void trib_crypto_wipe(void *p, size_t n) {
    if (n) OPENSSL_cleanse(p, n);
}
