/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens: the writing half; see jwt.h. A token that this makes passes trib_jwt_verify until it expires; what
 * would not pass is refused here, where somebody can still mend it. */
#include "wire/base64.h"
#include "wire/json.h"
#include "wire/jwt_int.h"

static trib_code refused(trib_error *err, const char *reason) {
    return trib_error_set(err, TRIB_BAD_REQUEST, "this token cannot be made: %s", reason);
}

static bool is_name(trib_str name) {
    return name.len > 0 && trib_str_utf8_valid(name);
}

static bool is_time(int64_t seconds) {
    return seconds >= 0 && seconds <= TRIB_JWT_MAX_TIME_S;
}

static trib_code check_names(const trib_str *names, size_t count, trib_error *err) {
    if (count > TRIB_JWT_MAX_NAMES)
        return refused(err, "a list of names has more than 256 entries; use tags for groups");
    for (size_t i = 0; i < count; i++) {
        if (!is_name(names[i])) return refused(err, "a name is empty or not UTF-8");
    }
    return TRIB_OK;
}

static trib_code check_claims(const trib_jwt_claims *claims, trib_str kid, trib_error *err) {
    if (!claims->has_id && !claims->has_p) return refused(err, "it needs a tenant (id) or permissions (p)");
    if (claims->has_id && !is_name(claims->id)) return refused(err, "the tenant is empty or not UTF-8");
    if (!claims->has_p && claims->a == TRIB_JWT_ACCESS_NONE) return refused(err, "it needs an access: ro or rw");
    if (!trib_str_utf8_valid(kid)) return refused(err, "the kid is not UTF-8");
    bool times_fit = (!claims->has_exp || is_time(claims->exp_s)) && (!claims->has_nbf || is_time(claims->nbf_s)) &&
                     (!claims->has_iat || is_time(claims->iat_s)) && (!claims->has_gen || claims->gen >= 0);
    if (!times_fit) return refused(err, "a time is not within 0 to 2^53 seconds, or the generation is negative");
    for (size_t i = 0; claims->has_p && i < TRIB_JWT_RIGHT_COUNT; i++) {
        trib_code code = check_names(claims->p[i].ns, claims->p[i].ns_count, err);
        if (!code) code = check_names(claims->p[i].tags, claims->p[i].tag_count, err);
        if (code) return code;
    }
    return TRIB_OK;
}

static void write_names(trib_json_writer *w, const char *key, const trib_str *names, size_t count) {
    if (count == 0) return;
    trib_jw_key_c(w, key);
    trib_jw_array_begin(w);
    for (size_t i = 0; i < count; i++) trib_jw_str(w, names[i]);
    trib_jw_array_end(w);
}

static void write_rights(trib_json_writer *w, const trib_jwt_claims *claims) {
    trib_jw_key_c(w, "p");
    trib_jw_object_begin(w);
    for (size_t i = 0; i < TRIB_JWT_RIGHT_COUNT; i++) {
        const trib_jwt_scope *scope = &claims->p[i];
        if (scope->ns_count + scope->tag_count == 0) continue;
        trib_jw_key_c(w, trib_jwt_right_names[i]);
        trib_jw_object_begin(w);
        write_names(w, "ns", scope->ns, scope->ns_count);
        write_names(w, "tags", scope->tags, scope->tag_count);
        trib_jw_object_end(w);
    }
    trib_jw_object_end(w);
}

static void write_payload(const trib_jwt_claims *claims, trib_buf *out) {
    trib_json_writer w;
    trib_jw_init(&w, out);
    trib_jw_object_begin(&w);
    if (claims->has_id) trib_jw_member_str(&w, "id", claims->id);
    if (claims->a) trib_jw_member_str(&w, "a", trib_str_c(trib_jwt_access_names[claims->a]));
    if (claims->has_p) write_rights(&w, claims);
    if (claims->has_iat) trib_jw_member_i64(&w, "iat", claims->iat_s);
    if (claims->has_nbf) trib_jw_member_i64(&w, "nbf", claims->nbf_s);
    if (claims->has_exp) trib_jw_member_i64(&w, "exp", claims->exp_s);
    if (claims->has_gen) trib_jw_member_i64(&w, "gen", claims->gen);
    trib_jw_object_end(&w);
}

static void write_header(trib_str kid, trib_buf *out) {
    trib_json_writer w;
    trib_jw_init(&w, out);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "alg", TRIB_STR("EdDSA"));
    trib_jw_member_str(&w, "typ", TRIB_STR("JWT"));
    if (kid.len) trib_jw_member_str(&w, "kid", kid);
    trib_jw_object_end(&w);
}

/* Appends header and payload, still without signature; sticks in `out` like every builder. */
static void write_input(const trib_jwt_claims *claims, trib_str kid, trib_buf *json, trib_buf *token) {
    write_header(kid, json);
    trib_base64_encode_buf(TRIB_BASE64_URL, false, json->ptr, json->len, token);
    size_t header_len = token->len;
    if (header_len > TRIB_JWT_MAX_HEADER_BYTES) token->failed = true;
    bool failed = json->failed;
    trib_buf_clear(json);
    trib_buf_add_char(token, '.');
    write_payload(claims, json);
    trib_base64_encode_buf(TRIB_BASE64_URL, false, json->ptr, json->len, token);
    json->failed |= failed;
}

trib_code trib_jwt_create(const trib_jwt_claims *claims, trib_str kid, const trib_ed25519_key *key, trib_buf *out,
                          trib_error *err) {
    trib_buf json, token;
    uint8_t sig[TRIB_ED25519_SIG_BYTES];
    trib_code code = check_claims(claims, kid, err);
    if (code) return code;
    /* the whole token is taken at once, so that growing can only fail for lack of memory; what does not fit is too long
     * */
    trib_buf_init(&json, TRIB_JWT_MAX_BYTES);
    trib_buf_init(&token, TRIB_JWT_MAX_BYTES);
    bool memory = trib_buf_reserve(&json, TRIB_JWT_MAX_BYTES) && trib_buf_reserve(&token, TRIB_JWT_MAX_BYTES);
    if (!memory) {
        code = trib_error_set(err, TRIB_NOMEM, NULL);
        goto out;
    }
    write_input(claims, kid, &json, &token);
    if (!token.failed && !json.failed) {
        code = trib_ed25519_sign(key, trib_buf_str(&token), sig);
        if (code) {
            trib_error_set(err, code, NULL);
            goto out;
        }
        trib_buf_add_char(&token, '.');
        trib_base64_encode_buf(TRIB_BASE64_URL, false, sig, sizeof sig, &token);
    }
    if (token.failed || json.failed) {
        code = refused(err, "it would be longer than 8192 bytes (kid: 1024); use tags instead of long lists of names");
        goto out;
    }
    trib_buf_add(out, trib_buf_str(&token));
    if (out->failed) code = trib_error_set(err, TRIB_NOMEM, NULL);
out:
    trib_buf_deinit(&json);
    trib_buf_deinit(&token);
    return code;
}
