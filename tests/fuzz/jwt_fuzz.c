/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens. The first byte chooses: 0 the rest is a token as a peer sends it; 1 the rest is a payload that we sign, so
 * that the claims parser is reached; 2 the rest is a header with a good signature; 3 the rest is a key text. A token
 * that verifies must be made again from its claims and verify with the same ones. */
// rooms: wire crypto base
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/base64.h"
#include "wire/jwt.h"

#define NOW_S INT64_C(1800000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) abort();
}

static void sign(const trib_ed25519_key *key, trib_str header, trib_str payload, trib_buf *out) {
    uint8_t sig[TRIB_ED25519_SIG_BYTES];
    trib_base64_encode_buf(TRIB_BASE64_URL, false, header.ptr, header.len, out);
    trib_buf_add_char(out, '.');
    trib_base64_encode_buf(TRIB_BASE64_URL, false, payload.ptr, payload.len, out);
    require(trib_ed25519_sign(key, trib_buf_str(out), sig) == TRIB_OK);
    trib_buf_add_char(out, '.');
    trib_base64_encode_buf(TRIB_BASE64_URL, false, sig, sizeof sig, out);
}

static void same_scope(const trib_jwt_scope *a, const trib_jwt_scope *b) {
    require(a->ns_count == b->ns_count && a->tag_count == b->tag_count);
    for (size_t i = 0; i < a->ns_count; i++) require(trib_str_eq(a->ns[i], b->ns[i]));
    for (size_t i = 0; i < a->tag_count; i++) require(trib_str_eq(a->tags[i], b->tags[i]));
}

static void same_claims(const trib_jwt_claims *a, const trib_jwt_claims *b) {
    require(a->has_id == b->has_id && a->has_p == b->has_p && a->has_exp == b->has_exp && a->has_nbf == b->has_nbf);
    require(a->has_iat == b->has_iat && a->has_gen == b->has_gen && a->a == b->a && trib_str_eq(a->id, b->id));
    require(a->exp_s == b->exp_s && a->nbf_s == b->nbf_s && a->iat_s == b->iat_s && a->gen == b->gen);
    for (size_t i = 0; i < TRIB_JWT_RIGHT_COUNT; i++) same_scope(&a->p[i], &b->p[i]);
}

static void check_token(const trib_ed25519_key *key, trib_str token, bool signed_by_us) {
    trib_jwt_key ours = {.pub = trib_ed25519_key_get_pub(key)};
    trib_jwt_policy policy = {.keys = &ours, .key_count = 1, .now_ms = NOW_S * 1000};
    trib_arena arena;
    trib_jwt_claims claims = {0}, again = {0};
    trib_buf out;
    trib_arena_init(&arena, 2 * TRIB_JWT_ARENA_BYTES);
    trib_buf_init(&out, TRIB_JWT_MAX_BYTES);
    trib_code code = trib_jwt_verify(&policy, token, &arena, &claims, NULL);
    require(code != TRIB_NOMEM);
    require(code != TRIB_OK || signed_by_us);
    if (code == TRIB_OK) {
        code = trib_jwt_create(&claims, (trib_str){0}, key, &out, NULL);
        /* escapes may make the second one longer than the limit */
        require(code == TRIB_OK || (code == TRIB_BAD_REQUEST && token.len > TRIB_JWT_MAX_BYTES / 8));
        if (code == TRIB_OK) {
            require(trib_jwt_verify(&policy, trib_buf_str(&out), &arena, &again, NULL) == TRIB_OK);
            same_claims(&claims, &again);
        }
    }
    trib_buf_deinit(&out);
    trib_arena_deinit(&arena);
}

static void check_key_text(trib_str text) {
    trib_ed25519_pub *pubs[4];
    size_t count = 0;
    if (trib_jwt_keys_from_text(text, 4, pubs, &count, NULL) == TRIB_OK) require(count >= 1 && count <= 4);
    for (size_t i = 0; i < count; i++) trib_ed25519_pub_free(pubs[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char seed[TRIB_ED25519_KEY_BYTES] = "jwt_fuzz signs with this seed..";
    if (size == 0) return 0;
    trib_str rest = trib_str_make((const char *)data + 1, size - 1);
    trib_ed25519_key *key = NULL;
    trib_buf token;
    require(trib_ed25519_key_new(trib_str_make(seed, sizeof seed), &key, NULL) == TRIB_OK);
    trib_buf_init(&token, 1 << 20);
    switch (data[0] % 4) {
    case 0: check_token(key, rest, false); break;
    case 1:
        sign(key, TRIB_STR("{\"alg\":\"EdDSA\"}"), rest, &token);
        check_token(key, trib_buf_str(&token), true);
        break;
    case 2:
        sign(key, rest, TRIB_STR("{\"id\":\"a\",\"a\":\"rw\"}"), &token);
        check_token(key, trib_buf_str(&token), true);
        break;
    case 3: check_key_text(rest); break;
    }
    trib_buf_deinit(&token);
    trib_ed25519_key_free(key);
    return 0;
}
