/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens: JSON Web Tokens (RFC 7519) in compact form (RFC 7515 §7.1), signed with Ed25519 (RFC 8037).
 *
 *   base64url(header) . base64url(payload) . base64url(signature)      over everything before the second dot
 *
 * The key fixes the algorithm: `alg` must be exactly "EdDSA" and is never used to choose anything. Every value has one
 * spelling: canonical Base64, no duplicate members, exactly two dots. What the token does not say is denied. */
#ifndef TRIB_WIRE_JWT_H
#define TRIB_WIRE_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "crypto/ed25519.h"

enum {
    TRIB_JWT_MAX_BYTES = 8192,        /* whole token: bounds the work before a signature is known to be good */
    TRIB_JWT_MAX_HEADER_BYTES = 1024, /* its first part, the only one that is parsed before that */
    TRIB_JWT_MAX_NAMES = 256,         /* names in one list of `p`: every request walks them */
    TRIB_JWT_LEEWAY_S = 5,            /* clocks of issuer and server may differ that much */
    TRIB_JWT_ARENA_BYTES = 262144,    /* an arena budget that every token within the limits fits in */
    TRIB_JWT_NO_KEY = 1               /* err->detail: the token is well-formed, and signed by none of the keys */
};

/* What `a` says. */
typedef enum trib_jwt_access {
    TRIB_JWT_ACCESS_NONE, /* no `a` */
    TRIB_JWT_ACCESS_RO,
    TRIB_JWT_ACCESS_RW,
    TRIB_JWT_ACCESS_ROA /* read, and be attached for reading */
} trib_jwt_access;

/* The members of `p`. rw, rwa and ddl imply read; roa and rwa imply being attached: the caller's business. */
typedef enum trib_jwt_right {
    TRIB_JWT_RIGHT_RO,
    TRIB_JWT_RIGHT_RW,
    TRIB_JWT_RIGHT_ROA,
    TRIB_JWT_RIGHT_RWA,
    TRIB_JWT_RIGHT_DDL,
    TRIB_JWT_RIGHT_COUNT
} trib_jwt_right;

/* Whom a right is for: tenants by name, groups of tenants by tag. */
typedef struct trib_jwt_scope {
    const trib_str *ns, *tags;
    size_t ns_count, tag_count;
} trib_jwt_scope;

/* The claims we know; a verified token has `id` or `p` or both. If it has `p`, that alone counts and `id` and `a` mean
 * nothing (sqld's rule). Times are seconds since 1970. */
typedef struct trib_jwt_claims {
    bool has_id, has_p, has_exp, has_nbf, has_iat, has_gen;
    trib_str id; /* tenant, not empty, as written: not yet checked to be a tenant name */
    trib_jwt_access a;
    trib_jwt_scope p[TRIB_JWT_RIGHT_COUNT];
    int64_t exp_s, nbf_s, iat_s;
    int64_t
        gen; /* our own claim, compared by the caller: with id the tenant's epoch, with p the time of making in ms */
    size_t key_at; /* of the key in policy->keys that it is signed with */
} trib_jwt_claims;

/* A key that tokens may be signed with. kid empty: it has no name. */
typedef struct trib_jwt_key {
    trib_str kid;
    const trib_ed25519_pub *pub;
} trib_jwt_key;

typedef struct trib_jwt_policy {
    const trib_jwt_key *keys; /* a token is good if any of them verifies it */
    size_t key_count;
    int64_t now_ms;             /* wall clock */
    bool allow_missing_a_as_rw; /* sqld's reading of `id` without `a`; off: denied */
} trib_jwt_policy;

/* Checks a token: form, header, signature, then times and claims, in that order.
 * A `kid` in the header that equals the kid of configured keys restricts the check to those; any other is ignored.
 * Owns:   the slices in *ret live in the arena. policy and token are borrowed for the call.
 * Errors: AUTH_JWT_INVALID (malformed, wrong signature (detail: TRIB_JWT_NO_KEY), `aud`, neither `id` nor `p`, `id`
 *         without `a`), AUTH_JWT_EXPIRED, AUTH_JWT_IMMATURE (`nbf`), NOMEM. *ret is untouched then. The message never
 *         shows the token.
 * Thread: any. */
trib_code trib_jwt_verify(const trib_jwt_policy *policy, trib_str token, trib_arena *arena, trib_jwt_claims *ret,
                          trib_error *err);

/* Appends a token with these claims, signed with `key`; kid may be empty.
 * Errors: BAD_REQUEST (neither id nor p, id without a, an empty or non-UTF-8 name, a limit above), NOMEM (also
 *         when `out` is full, which sets out->failed). Nothing is appended then. Thread: any. */
trib_code trib_jwt_create(const trib_jwt_claims *claims, trib_str kid, const trib_ed25519_key *key, trib_buf *out,
                          trib_error *err);

/* Public keys as sqld takes them: one or several PEM blocks, or the raw 32 bytes as URL-safe Base64 without padding;
 * white space around the text is skipped.
 * Owns: ret_keys[0..*ret_count) are the caller's (trib_ed25519_pub_free). Errors: CONFIG, NOMEM. Thread: any. */
trib_code trib_jwt_keys_from_text(trib_str text, size_t max, trib_ed25519_pub **ret_keys, size_t *ret_count,
                                  trib_error *err);

#endif
