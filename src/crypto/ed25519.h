/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519 signatures (RFC 8032, pure Ed25519) and their keys: raw 32 bytes, or PEM (RFC 8410). A key object keeps
 * OpenSSL's parsed form, so that verifying a token does not parse the key again. Key objects never change after they
 * are made. */
#ifndef TRIB_CRYPTO_ED25519_H
#define TRIB_CRYPTO_ED25519_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

enum {
    TRIB_ED25519_KEY_BYTES = 32, /* public key; private key ("seed") */
    TRIB_ED25519_SIG_BYTES = 64,
    TRIB_ED25519_PEM_MAX_BYTES = 65536, /* a key file larger than this is no key file; parsing stays cheap */
    TRIB_ED25519_PEM_MAX_KEYS = 64,     /* keys in one file: each one costs a verification per forged token */
};

typedef struct trib_ed25519_pub trib_ed25519_pub;
typedef struct trib_ed25519_key trib_ed25519_key;

/* Public keys ------------------------------------------------------------------------------------------------------ */

/* From 32 raw bytes. Keys of small order are refused: one signature would fit every message under them.
 * Owns: *ret is the caller's (trib_ed25519_pub_free). Errors: CONFIG (length, small order), NOMEM. Thread: any. */
trib_code trib_ed25519_pub_new(trib_str raw, trib_ed25519_pub **ret, trib_error *err);
/* From one or several PEM blocks "PUBLIC KEY" (SPKI), text around them is skipped as RFC 7468 §2 says. Any other kind
 * of block, and a key that is not Ed25519, refuses the whole text.
 * Owns: ret_keys[0..*ret_count) are the caller's; nothing is left on failure.
 * Errors: CONFIG (no block, more than `max`, malformed), NOMEM; libcrypto's decoders sometimes lose the reason, then
 *         lack of memory is CONFIG too. Thread: any. */
trib_code trib_ed25519_pub_from_pem(trib_str pem, size_t max, trib_ed25519_pub **ret_keys, size_t *ret_count,
                                    trib_error *err);
/* Appends one PEM block. Errors: NOMEM (also when the buffer is full). */
trib_code trib_ed25519_pub_to_pem(const trib_ed25519_pub *pub, trib_buf *out, trib_error *err);
void trib_ed25519_pub_get_raw(const trib_ed25519_pub *pub, uint8_t ret_raw[TRIB_ED25519_KEY_BYTES]);
void trib_ed25519_pub_free(trib_ed25519_pub *pub);

/* TRIB_OK: sig is the key's signature of the message. UNAUTHORIZED: it is not (also: not 64 bytes, or S not below the
 * group order, RFC 8032 §5.1.7). NOMEM: not known; libcrypto does not always tell lack of memory, then it is
 * UNAUTHORIZED too: closed, never open. Thread: any, several at once with the same key. */
trib_code trib_ed25519_verify(const trib_ed25519_pub *pub, trib_str message, trib_str sig);

/* Private keys ----------------------------------------------------------------------------------------------------- */

/* A new random key. Owns: *ret is the caller's (trib_ed25519_key_free). Errors: INTERNAL (no randomness), NOMEM. */
trib_code trib_ed25519_key_new_random(trib_ed25519_key **ret, trib_error *err);
/* From the 32-byte seed. Errors: CONFIG (length), NOMEM. */
trib_code trib_ed25519_key_new(trib_str seed, trib_ed25519_key **ret, trib_error *err);
/* From exactly one PEM block "PRIVATE KEY" (PKCS#8, not encrypted). Errors: CONFIG, NOMEM. */
trib_code trib_ed25519_key_from_pem(trib_str pem, trib_ed25519_key **ret, trib_error *err);
/* Appends one PEM block; the buffer then holds a secret (trib_crypto_wipe it). Errors: NOMEM. */
trib_code trib_ed25519_key_to_pem(const trib_ed25519_key *key, trib_buf *out, trib_error *err);
/* The seed: a secret. Errors: NOMEM. */
trib_code trib_ed25519_key_get_seed(const trib_ed25519_key *key, uint8_t ret_seed[TRIB_ED25519_KEY_BYTES]);
/* The public half; borrowed from the key. */
const trib_ed25519_pub *trib_ed25519_key_get_pub(const trib_ed25519_key *key);
/* Wipes it. */
void trib_ed25519_key_free(trib_ed25519_key *key);

/* Errors: NOMEM. Thread: any, several at once with the same key. */
trib_code trib_ed25519_sign(const trib_ed25519_key *key, trib_str message, uint8_t ret_sig[TRIB_ED25519_SIG_BYTES]);

#endif
