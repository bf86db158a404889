/* SPDX-License-Identifier: Apache-2.0 */
/* Derived keys, signatures and tokens; see keys.h. */
#include "features/durable/keys.h"

#include <stdio.h>
#include <string.h>

#include "core/control.h"
#include "crypto/ed25519.h"
#include "crypto/hash.h"
#include "features/durable/offset.h"
#include "wire/base64.h"
#include "wire/json.h"

#define TOKEN_PREFIX "dst_"

enum { B64_BYTES = 44, TEXT_MAX_BYTES = 2048 };

/* 32 bytes in the alphabet of URLs: 43 characters and a NUL. */
static void write_b64(const uint8_t *bytes, char ret[B64_BYTES]) {
    ret[trib_base64_encode(TRIB_BASE64_URL, false, bytes, 32, ret)] = '\0';
}

/* A secret of one purpose, from the n-th of the server's keys. */
static trib_code derive(const trib_control_keys *keys, size_t n, const char *purpose, trib_str of,
                        uint8_t ret[TRIB_SHA256_BYTES]) {
    uint8_t seed[TRIB_ED25519_KEY_BYTES];
    char text[160];
    int len = snprintf(text, sizeof text, "tributary durable streams: %s\n%.*s", purpose, TRIB_STR_ARG(of));
    if (len < 0 || (size_t)len >= sizeof text) return TRIB_INTERNAL;
    trib_code code = trib_ed25519_key_get_seed(keys->keys[n], seed);
    if (code == TRIB_OK)
        code = trib_crypto_hmac_sha256(trib_str_make((const char *)seed, sizeof seed), trib_str_make(text, (size_t)len),
                                       ret);
    trib_crypto_wipe(seed, sizeof seed);
    return code;
}

static trib_code key_of(const trib_control_keys *keys, size_t n, trib_str tenant_id, trib_ed25519_key **ret) {
    uint8_t seed[TRIB_SHA256_BYTES];
    trib_code code = derive(keys, n, "webhooks", tenant_id, seed);
    if (code == TRIB_OK) code = trib_ed25519_key_new(trib_str_make((const char *)seed, sizeof seed), ret, NULL);
    trib_crypto_wipe(seed, sizeof seed);
    return code;
}

/* RFC 7638: the hash of the members that make the key, in this order, without white space. */
static trib_code describe(const trib_ed25519_key *key, char ret_x[B64_BYTES], char ret_kid[DURABLE_KID_BYTES]) {
    uint8_t raw[TRIB_ED25519_KEY_BYTES], digest[TRIB_SHA256_BYTES];
    char text[128], print[B64_BYTES];
    trib_ed25519_pub_get_raw(trib_ed25519_key_get_pub(key), raw);
    write_b64(raw, ret_x);
    int n = snprintf(text, sizeof text, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", ret_x);
    trib_code code = trib_crypto_sha256(trib_str_make(text, (size_t)n), digest);
    if (code != TRIB_OK) return code;
    write_b64(digest, print);
    snprintf(ret_kid, DURABLE_KID_BYTES, "ds_%s", print);
    return TRIB_OK;
}

trib_code durable_keys_kid(trib_app *app, trib_str tenant_id, char ret[DURABLE_KID_BYTES], trib_error *err) {
    trib_ed25519_key *key = NULL;
    char x[B64_BYTES];
    trib_control_keys *keys = trib_control_get_keys(app->control);
    trib_code code = key_of(keys, 0, tenant_id, &key);
    trib_control_keys_release(keys);
    if (code == TRIB_OK) code = describe(key, x, ret);
    trib_ed25519_key_free(key);
    return code == TRIB_OK ? code : trib_error_set(err, code, NULL);
}

trib_code durable_keys_publish(trib_app *app, trib_str tenant_id, trib_buf *out, trib_error *err) {
    trib_json_writer w;
    trib_code code = TRIB_OK;
    trib_control_keys *keys = trib_control_get_keys(app->control);
    trib_jw_init(&w, out);
    trib_jw_object_begin(&w);
    trib_jw_key_c(&w, "keys");
    trib_jw_array_begin(&w);
    for (size_t i = 0; code == TRIB_OK && i < keys->count; i++) {
        trib_ed25519_key *key = NULL;
        char x[B64_BYTES], kid[DURABLE_KID_BYTES];
        code = key_of(keys, i, tenant_id, &key);
        if (code == TRIB_OK) code = describe(key, x, kid);
        trib_ed25519_key_free(key);
        if (code != TRIB_OK) break;
        trib_jw_object_begin(&w);
        trib_jw_member_str(&w, "kty", TRIB_STR("OKP"));
        trib_jw_member_str(&w, "crv", TRIB_STR("Ed25519"));
        trib_jw_member_str(&w, "kid", trib_str_c(kid));
        trib_jw_member_str(&w, "use", TRIB_STR("sig"));
        trib_jw_member_str(&w, "alg", TRIB_STR("EdDSA"));
        trib_jw_member_str(&w, "x", trib_str_c(x));
        trib_jw_object_end(&w);
    }
    trib_jw_array_end(&w);
    trib_jw_object_end(&w);
    trib_control_keys_release(keys);
    if (code == TRIB_OK && out->failed) code = TRIB_NOMEM;
    return code == TRIB_OK ? code : trib_error_set(err, code, NULL);
}

trib_code durable_keys_sign(trib_app *app, trib_str tenant_id, int64_t timestamp_s, trib_str body, trib_buf *out,
                            trib_error *err) {
    trib_ed25519_key *key = NULL;
    trib_buf text;
    uint8_t signature[TRIB_ED25519_SIG_BYTES];
    char x[B64_BYTES], kid[DURABLE_KID_BYTES];
    trib_control_keys *keys = trib_control_get_keys(app->control);
    trib_code code = key_of(keys, 0, tenant_id, &key);
    trib_control_keys_release(keys);
    if (code == TRIB_OK) code = describe(key, x, kid);
    trib_buf_init(&text, body.len + 32);
    trib_buf_printf(&text, "%lld.", (long long)timestamp_s);
    trib_buf_add(&text, body);
    if (code == TRIB_OK && text.failed) code = TRIB_NOMEM;
    if (code == TRIB_OK) code = trib_ed25519_sign(key, trib_buf_str(&text), signature);
    trib_buf_deinit(&text);
    trib_ed25519_key_free(key);
    if (code == TRIB_OK) {
        trib_buf_printf(out, "t=%lld,kid=%s,ed25519=", (long long)timestamp_s, kid);
        trib_base64_encode_buf(TRIB_BASE64_URL, false, signature, sizeof signature, out);
        if (out->failed) code = TRIB_NOMEM;
    }
    return code == TRIB_OK ? code : trib_error_set(err, code, NULL);
}

/* ---- tokens ---- */

static trib_code token_mac(const trib_control_keys *keys, size_t n, trib_str tenant_id, trib_str subscription,
                           int64_t generation, char ret[B64_BYTES]) {
    uint8_t secret[TRIB_SHA256_BYTES], mac[TRIB_SHA256_BYTES];
    trib_buf text;
    trib_code code = derive(keys, n, "tokens", TRIB_STR(""), secret);
    trib_buf_init(&text, TEXT_MAX_BYTES);
    trib_buf_printf(&text, "%.*s\n%lld\n", TRIB_STR_ARG(tenant_id), (long long)generation);
    trib_buf_add(&text, subscription);
    if (code == TRIB_OK && text.failed) code = TRIB_NOMEM;
    if (code == TRIB_OK)
        code = trib_crypto_hmac_sha256(trib_str_make((const char *)secret, sizeof secret), trib_buf_str(&text), mac);
    if (code == TRIB_OK) write_b64(mac, ret);
    trib_crypto_wipe(secret, sizeof secret);
    trib_buf_deinit(&text);
    return code;
}

trib_code durable_keys_token(trib_app *app, trib_str tenant_id, trib_str subscription, int64_t generation,
                             char ret[DURABLE_TOKEN_BYTES], trib_error *err) {
    char mac[B64_BYTES];
    trib_control_keys *keys = trib_control_get_keys(app->control);
    trib_code code = token_mac(keys, 0, tenant_id, subscription, generation, mac);
    trib_control_keys_release(keys);
    if (code != TRIB_OK) return trib_error_set(err, code, NULL);
    snprintf(ret, DURABLE_TOKEN_BYTES, TOKEN_PREFIX "%lld_%s", (long long)generation, mac);
    return TRIB_OK;
}

bool durable_keys_token_read(trib_app *app, trib_str tenant_id, trib_str subscription, trib_str token,
                             int64_t *ret_generation) {
    uint64_t generation;
    bool fine = false;
    if (!trib_str_starts(token, TRIB_STR(TOKEN_PREFIX)) || token.len >= DURABLE_TOKEN_BYTES) return false;
    trib_str rest = trib_str_sub(token, sizeof TOKEN_PREFIX - 1, token.len);
    size_t end = trib_str_find(rest, '_');
    if (end == SIZE_MAX || !durable_number_read(trib_str_sub(rest, 0, end), INT64_MAX, &generation)) return false;
    trib_str given = trib_str_sub(rest, end + 1, rest.len);
    trib_control_keys *keys = trib_control_get_keys(app->control);
    for (size_t i = 0; !fine && i < keys->count; i++) {
        char mac[B64_BYTES];
        if (token_mac(keys, i, tenant_id, subscription, (int64_t)generation, mac) != TRIB_OK) continue;
        fine = trib_str_eq_secret(given, trib_str_c(mac));
    }
    trib_control_keys_release(keys);
    *ret_generation = (int64_t)generation;
    return fine;
}
