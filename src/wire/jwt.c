/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens: the reading half; see jwt.h (jwt_create.c writes them). Before the signature is known to be good only
 * the header is parsed, and that is small; the payload of a forger is never looked at. */
#include "wire/jwt.h"

#include "wire/base64.h"
#include "wire/jwt_int.h"
#include "wire/json.h"

const char *const trib_jwt_right_names[TRIB_JWT_RIGHT_COUNT] = {
    [TRIB_JWT_RIGHT_RO] = "ro",   [TRIB_JWT_RIGHT_RW] = "rw",   [TRIB_JWT_RIGHT_ROA] = "roa",
    [TRIB_JWT_RIGHT_RWA] = "rwa", [TRIB_JWT_RIGHT_DDL] = "ddl",
};

const char *const trib_jwt_access_names[4] = {
    [TRIB_JWT_ACCESS_NONE] = NULL,
    [TRIB_JWT_ACCESS_RO] = "ro",
    [TRIB_JWT_ACCESS_RW] = "rw",
    [TRIB_JWT_ACCESS_ROA] = "roa",
};

typedef struct token_parts {
    trib_str header, payload, sig; /* still Base64 */
    trib_str input;                /* what is signed: header, dot, payload */
} token_parts;

static trib_code invalid(trib_error *err, const char *reason) {
    return trib_error_set(err, TRIB_AUTH_JWT_INVALID, "the token is invalid: %s", reason);
}

/* Exactly three parts, none empty. A fourth would be an encrypted token (RFC 7516 §3) or a forger's try. */
static trib_code split(trib_str token, token_parts *ret, trib_error *err) {
    if (token.len == 0) return invalid(err, "it is empty");
    if (token.len > TRIB_JWT_MAX_BYTES) return invalid(err, "it is longer than 8192 bytes");
    size_t first = trib_str_find(token, '.');
    if (first == SIZE_MAX) return invalid(err, "it does not have three parts separated by dots");
    trib_str rest = trib_str_sub(token, first + 1, token.len);
    size_t second = trib_str_find(rest, '.');
    if (second == SIZE_MAX) return invalid(err, "it does not have three parts separated by dots");
    *ret = (token_parts){
        .header = trib_str_sub(token, 0, first),
        .payload = trib_str_sub(rest, 0, second),
        .sig = trib_str_sub(rest, second + 1, rest.len),
        .input = trib_str_sub(token, 0, first + 1 + second),
    };
    if (trib_str_find(ret->sig, '.') != SIZE_MAX) return invalid(err, "it has more than three parts");
    if (ret->header.len == 0 || ret->payload.len == 0 || ret->sig.len == 0)
        return invalid(err, "one of its parts is empty");
    if (ret->header.len > TRIB_JWT_MAX_HEADER_BYTES) return invalid(err, "its header is longer than 1024 bytes");
    return TRIB_OK;
}

static trib_code decode_part(trib_str text, trib_arena *arena, trib_str *ret, trib_error *err) {
    if (trib_base64_decode_arena(TRIB_BASE64_URL, TRIB_BASE64_CANONICAL, text, arena, ret)) return TRIB_OK;
    if (arena->failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    return invalid(err, "a part is not canonical URL-safe Base64 without padding");
}

/* A part as a JSON object without duplicate members at any depth. */
static trib_code parse_part(trib_str text, trib_arena *arena, const trib_json **ret, trib_error *err) {
    trib_str bytes;
    const trib_json *value = NULL;
    trib_code code = decode_part(text, arena, &bytes, err);
    if (code) return code;
    code = trib_json_parse_unique(arena, bytes, &value, NULL);
    if (code == TRIB_NOMEM) return trib_error_set(err, TRIB_NOMEM, NULL);
    if (code) return invalid(err, "a part is not JSON, or has two members of the same name");
    if (!trib_json_is(value, TRIB_JSON_OBJECT)) return invalid(err, "a part is not a JSON object");
    *ret = value;
    return TRIB_OK;
}

/* Header members that would change what the token means or bring a key of the sender's choice. RFC 7515 §4.1, RFC 7516
 * §4.1, RFC 7797 §3. Others are ignored as RFC 7515 §4 asks. */
static const char *const refused_members[] = {
    "crit", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "b64", "cty", "enc", "zip", "epk", "p2s", "p2c",
};

static trib_code check_header(const trib_json *header, trib_str *ret_kid, trib_error *err) {
    trib_str alg, typ;
    if (!trib_json_str(trib_json_get(header, "alg"), &alg) || !trib_str_eq_c(alg, "EdDSA")) {
        return invalid(err, "its algorithm is not EdDSA, the only one accepted here");
    }
    for (size_t i = 0; i < sizeof refused_members / sizeof refused_members[0]; i++) {
        if (trib_json_get(header, refused_members[i])) {
            return trib_error_set(err, TRIB_AUTH_JWT_INVALID,
                                  "the token is invalid: the header member \"%s\" is not accepted "
                                  "here; keys are configured on the server",
                                  refused_members[i]);
        }
    }
    const trib_json *typ_value = trib_json_get(header, "typ");
    if (typ_value && (!trib_json_str(typ_value, &typ) || !trib_str_ieq_c(typ, "JWT"))) {
        return invalid(err, "its header says that it is no JWT");
    }
    const trib_json *kid_value = trib_json_get(header, "kid");
    if (kid_value && !trib_json_str(kid_value, ret_kid)) return invalid(err, "its kid is not a string");
    return TRIB_OK;
}

/* Does a configured key carry this kid? An empty kid names nothing. */
static bool knows_kid(const trib_jwt_policy *policy, trib_str kid) {
    for (size_t i = 0; kid.len && i < policy->key_count; i++) {
        if (trib_str_eq(policy->keys[i].kid, kid)) return true;
    }
    return false;
}

static trib_code check_signature(const trib_jwt_policy *policy, trib_str kid, trib_str input, trib_str sig,
                                 size_t *ret_key_at, trib_error *err) {
    bool by_kid = knows_kid(policy, kid), unknown = false;
    for (size_t i = 0; i < policy->key_count; i++) {
        if (by_kid && !trib_str_eq(policy->keys[i].kid, kid)) continue;
        trib_code code = trib_ed25519_verify(policy->keys[i].pub, input, sig);
        if (code == TRIB_OK) *ret_key_at = i;
        if (code == TRIB_OK) return TRIB_OK;
        if (code == TRIB_NOMEM) unknown = true;
    }
    if (unknown) return trib_error_set(err, TRIB_NOMEM, NULL);
    invalid(err, "its signature fits no key of this server; ask for a new token");
    if (err) err->detail = TRIB_JWT_NO_KEY;
    return TRIB_AUTH_JWT_INVALID;
}

/* NumericDate (RFC 7519 §2): seconds, fractions allowed. */
static bool read_seconds(const trib_json *value, bool round_up, int64_t *ret) {
    double seconds;
    if (!trib_json_f64(value, &seconds) || !(seconds >= 0 && seconds <= (double)TRIB_JWT_MAX_TIME_S)) return false;
    int64_t whole = (int64_t)seconds;
    *ret = whole + (round_up && (double)whole < seconds ? 1 : 0);
    return true;
}

/* An optional time claim: absent is fine, anything but a time is not (null neither: it would mean "for ever"). */
static trib_code read_time(const trib_json *payload, const char *name, bool round_up, bool *ret_has, int64_t *ret_s,
                           trib_error *err) {
    const trib_json *value = trib_json_get(payload, name);
    if (!value) return TRIB_OK;
    if (!read_seconds(value, round_up, ret_s)) {
        return trib_error_set(err, TRIB_AUTH_JWT_INVALID,
                              "the token is invalid: its claim \"%s\" is not a time in seconds", name);
    }
    *ret_has = true;
    return TRIB_OK;
}

/* Cutting exp and rounding nbf up never makes a token live longer than it says. */
static trib_code read_times(const trib_json *payload, int64_t now_ms, trib_jwt_claims *claims, trib_error *err) {
    trib_code code = read_time(payload, "exp", false, &claims->has_exp, &claims->exp_s, err);
    if (!code) code = read_time(payload, "nbf", true, &claims->has_nbf, &claims->nbf_s, err);
    if (!code) code = read_time(payload, "iat", false, &claims->has_iat, &claims->iat_s, err);
    if (code) return code;
    if (claims->has_exp && now_ms >= (claims->exp_s + TRIB_JWT_LEEWAY_S) * 1000) {
        return trib_error_set(err, TRIB_AUTH_JWT_EXPIRED, "the token has expired; ask for a new one");
    }
    if (claims->has_nbf && now_ms < (claims->nbf_s - TRIB_JWT_LEEWAY_S) * 1000) {
        return trib_error_set(err, TRIB_AUTH_JWT_IMMATURE,
                              "the token is not valid yet; check the clocks of issuer and server");
    }
    return TRIB_OK;
}

static trib_code read_id(const trib_json *payload, trib_jwt_claims *claims, trib_error *err) {
    const trib_json *id = trib_json_get(payload, "id"), *a = trib_json_get(payload, "a");
    trib_str access;
    if (id) {
        if (!trib_json_str(id, &claims->id) || claims->id.len == 0)
            return invalid(err, "its claim \"id\" is not a tenant");
        claims->has_id = true;
    }
    if (!a) return TRIB_OK;
    if (!trib_json_str(a, &access)) return invalid(err, "its claim \"a\" is not a string");
    for (trib_jwt_access i = TRIB_JWT_ACCESS_RO; i <= TRIB_JWT_ACCESS_ROA; i++) {
        if (trib_str_eq_c(access, trib_jwt_access_names[i])) claims->a = i;
    }
    return claims->a ? TRIB_OK : invalid(err, "its claim \"a\" is none of \"ro\", \"rw\", \"roa\"");
}

static trib_code read_names(const trib_json *list, trib_arena *arena, const trib_str **ret, size_t *ret_count,
                            trib_error *err) {
    if (trib_json_absent(list)) return TRIB_OK;
    size_t count = trib_json_count(list), i = 0;
    if (!trib_json_is(list, TRIB_JSON_ARRAY)) return invalid(err, "a list of names in \"p\" is not an array");
    if (count > TRIB_JWT_MAX_NAMES) return invalid(err, "a list of names in \"p\" has more than 256 entries");
    trib_str *names = trib_arena_zalloc(arena, count, sizeof *names);
    if (!names) return trib_error_set(err, TRIB_NOMEM, NULL);
    for (const trib_json *child = trib_json_first(list); child; child = trib_json_next(child), i++) {
        if (!trib_json_str(child, &names[i]) || names[i].len == 0) return invalid(err, "a name in \"p\" is not a name");
    }
    *ret = names;
    *ret_count = count;
    return TRIB_OK;
}

/* A member of a scope that we do not know may narrow it, so it is not skipped. An unknown right only grants what we do
 * not have, so that one is. */
static trib_code read_scope(const trib_json *value, trib_arena *arena, trib_jwt_scope *scope, trib_error *err) {
    if (trib_json_absent(value)) return TRIB_OK;
    if (!trib_json_is(value, TRIB_JSON_OBJECT)) return invalid(err, "a right in \"p\" is not an object");
    for (const trib_json *member = trib_json_first(value); member; member = trib_json_next(member)) {
        if (!trib_str_eq_c(member->key, "ns") && !trib_str_eq_c(member->key, "tags")) {
            return invalid(err, "a right in \"p\" has a member other than \"ns\" and \"tags\"");
        }
    }
    trib_code code = read_names(trib_json_get(value, "ns"), arena, &scope->ns, &scope->ns_count, err);
    if (code) return code;
    return read_names(trib_json_get(value, "tags"), arena, &scope->tags, &scope->tag_count, err);
}

static trib_code read_rights(const trib_json *payload, trib_arena *arena, trib_jwt_claims *claims, trib_error *err) {
    const trib_json *p = trib_json_get(payload, "p");
    if (!p) return TRIB_OK;
    if (!trib_json_is(p, TRIB_JSON_OBJECT)) return invalid(err, "its claim \"p\" is not an object");
    claims->has_p = true;
    for (size_t i = 0; i < TRIB_JWT_RIGHT_COUNT; i++) {
        trib_code code = read_scope(trib_json_get(p, trib_jwt_right_names[i]), arena, &claims->p[i], err);
        if (code) return code;
    }
    return TRIB_OK;
}

static trib_code read_claims(const trib_jwt_policy *policy, const trib_json *payload, trib_arena *arena,
                             trib_jwt_claims *claims, trib_error *err) {
    trib_code code = read_times(payload, policy->now_ms, claims, err);
    if (!code) code = read_id(payload, claims, err);
    if (!code) code = read_rights(payload, arena, claims, err);
    if (code) return code;
    if (trib_json_get(payload, "aud")) return invalid(err, "it names an audience (\"aud\"), and this server is none");
    const trib_json *gen = trib_json_get(payload, "gen");
    if (gen) {
        if (!trib_json_i64(gen, &claims->gen) || claims->gen < 0)
            return invalid(err, "its claim \"gen\" is not a number");
        claims->has_gen = true;
    }
    if (claims->has_p) return TRIB_OK;
    if (!claims->has_id) return invalid(err, "it names no tenant: it needs the claim \"id\" or \"p\"");
    if (claims->a) return TRIB_OK;
    if (!policy->allow_missing_a_as_rw)
        return invalid(err, "it has no claim \"a\" (\"ro\" or \"rw\"), so it allows nothing");
    claims->a = TRIB_JWT_ACCESS_RW;
    return TRIB_OK;
}

trib_code trib_jwt_verify(const trib_jwt_policy *policy, trib_str token, trib_arena *arena, trib_jwt_claims *ret,
                          trib_error *err) {
    token_parts parts;
    trib_str sig, kid = {0};
    const trib_json *header, *payload;
    trib_jwt_claims claims = {0};
    trib_code code = split(token, &parts, err);
    if (!code) code = parse_part(parts.header, arena, &header, err);
    if (!code) code = check_header(header, &kid, err);
    if (!code) code = decode_part(parts.sig, arena, &sig, err);
    if (!code) code = check_signature(policy, kid, parts.input, sig, &claims.key_at, err);
    if (!code) code = parse_part(parts.payload, arena, &payload, err);
    if (!code) code = read_claims(policy, payload, arena, &claims, err);
    if (code) return code;
    *ret = claims;
    return TRIB_OK;
}

/* The characters that editors and shells leave around a key. */
static trib_str trim_lines(trib_str s) {
    while (s.len && (s.ptr[0] == ' ' || (s.ptr[0] >= '\t' && s.ptr[0] <= '\r'))) s = trib_str_sub(s, 1, s.len);
    while (s.len && (s.ptr[s.len - 1] == ' ' || (s.ptr[s.len - 1] >= '\t' && s.ptr[s.len - 1] <= '\r'))) s.len--;
    return s;
}

trib_code trib_jwt_keys_from_text(trib_str text, size_t max, trib_ed25519_pub **ret_keys, size_t *ret_count,
                                  trib_error *err) {
    enum { RAW_CHARS = 43 }; /* 32 bytes in Base64 without padding */
    char raw[TRIB_ED25519_KEY_BYTES + 3];
    size_t raw_len;
    text = trim_lines(text);
    if (text.len != RAW_CHARS) return trib_ed25519_pub_from_pem(text, max, ret_keys, ret_count, err);
    if (max == 0 || !trib_base64_decode(TRIB_BASE64_URL, TRIB_BASE64_CANONICAL, text, raw, &raw_len)) {
        return trib_error_set(err, TRIB_CONFIG,
                              "the key is neither PEM nor 32 bytes in URL-safe Base64 without padding; check "
                              "that it was copied whole");
    }
    trib_code code = trib_ed25519_pub_new(trib_str_make(raw, raw_len), ret_keys, err);
    if (!code) *ret_count = 1;
    return code;
}
