/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, SHA-1, HMAC-SHA-256, random bytes and comparison of secrets, over OpenSSL's libcrypto. Only this room
 * includes OpenSSL. */
#ifndef TRIB_CRYPTO_HASH_H
#define TRIB_CRYPTO_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

enum { TRIB_SHA256_BYTES = 32, TRIB_SHA1_BYTES = 20 };

/* SHA-256 (FIPS 180-4). Errors: NOMEM. Thread: any. */
trib_code trib_crypto_sha256(trib_str data, uint8_t ret_digest[TRIB_SHA256_BYTES]);
/* SHA-1: only for the WebSocket handshake (RFC 6455 §4.2.2), which is no secret. Errors: NOMEM. Thread: any. */
trib_code trib_crypto_sha1(trib_str data, uint8_t ret_digest[TRIB_SHA1_BYTES]);
/* HMAC-SHA-256 (RFC 2104). Compare results with trib_crypto_eq only. Errors: NOMEM; BAD_REQUEST for a key over 2 GiB.
 * Thread: any. */
trib_code trib_crypto_hmac_sha256(trib_str key, trib_str data, uint8_t ret_mac[TRIB_SHA256_BYTES]);

/* Cryptographic randomness; the body of trib_env.random. false: none to be had, out is zeroed, the caller must fail.
 * Thread: any. */
bool trib_crypto_random(void *out, size_t n);

/* Equal bytes? Time depends on the lengths only. */
bool trib_crypto_eq(trib_str a, trib_str b);
/* Overwrites a secret in a way that the compiler keeps. p may be NULL when n is 0. */
void trib_crypto_wipe(void *p, size_t n);

#endif
