/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: what is accepted, and a catalogue of forgeries, each of which must be refused. Our key is the one
 * of RFC 8037 appendix A. */
#include "wire/jwt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/hash.h"
#include "wire/base64.h"

#define HEADER "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}"
#define RW     "{\"id\":\"shop\",\"a\":\"rw\"}"
#define NOW_S  INT64_C(1800000000)

typedef struct fixture {
    trib_ed25519_key *ours, *strangers;
    trib_jwt_key key;
    trib_jwt_policy policy;
    trib_arena arena;
    trib_buf token;
    trib_jwt_claims claims;
    trib_error err;
} fixture;

static const char seed_1[] = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"; /* RFC 8037 A.1 */
static const char pub_1[] = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    char seed[48];
    size_t n;
    assert_true(trib_base64_decode(TRIB_BASE64_URL, TRIB_BASE64_CANONICAL, trib_str_c(seed_1), seed, &n));
    assert_int_equal(trib_ed25519_key_new(trib_str_make(seed, n), &f->ours, NULL), TRIB_OK);
    memset(seed, 7, sizeof seed);
    assert_int_equal(trib_ed25519_key_new(trib_str_make(seed, 32), &f->strangers, NULL), TRIB_OK);
    f->key = (trib_jwt_key){.pub = trib_ed25519_key_get_pub(f->ours)};
    f->policy = (trib_jwt_policy){.keys = &f->key, .key_count = 1, .now_ms = NOW_S * 1000};
    trib_arena_init(&f->arena, TRIB_JWT_ARENA_BYTES);
    trib_buf_init(&f->token, 65536);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    trib_ed25519_key_free(f->ours);
    trib_ed25519_key_free(f->strangers);
    trib_arena_deinit(&f->arena);
    trib_buf_deinit(&f->token);
    free(f);
    return 0;
}

static void add64(trib_buf *out, trib_str bytes) {
    trib_base64_encode_buf(TRIB_BASE64_URL, false, bytes.ptr, bytes.len, out);
}

/* Replaces f->token by header.payload.signature, whatever header and payload say. */
static trib_str forge(fixture *f, const trib_ed25519_key *key, trib_str header, trib_str payload) {
    uint8_t sig[64];
    trib_buf_clear(&f->token);
    add64(&f->token, header);
    trib_buf_add_char(&f->token, '.');
    add64(&f->token, payload);
    assert_int_equal(trib_ed25519_sign(key, trib_buf_str(&f->token), sig), TRIB_OK);
    trib_buf_add_char(&f->token, '.');
    add64(&f->token, trib_str_make((const char *)sig, sizeof sig));
    return trib_buf_str(&f->token);
}

static trib_code verify(fixture *f, trib_str token) {
    trib_arena_reset(&f->arena);
    f->claims = (trib_jwt_claims){0};
    f->err = (trib_error){0};
    return trib_jwt_verify(&f->policy, token, &f->arena, &f->claims, &f->err);
}

static trib_code verify_signed(fixture *f, const char *header, const char *payload) {
    return verify(f, forge(f, f->ours, trib_str_c(header), trib_str_c(payload)));
}

static void id_and_access_are_read(void **state) {
    fixture *f = *state;
    assert_int_equal(verify_signed(f, HEADER, "{\"id\":\"shop\",\"a\":\"ro\",\"gen\":7,\"iat\":5,\"other\":{\"x\":1}}"),
                     TRIB_OK);
    assert_true(f->claims.has_id && f->claims.has_gen && f->claims.has_iat);
    assert_false(f->claims.has_p || f->claims.has_exp || f->claims.has_nbf);
    assert_true(trib_str_eq_c(f->claims.id, "shop"));
    assert_int_equal(f->claims.a, TRIB_JWT_ACCESS_RO);
    assert_int_equal(f->claims.gen, 7);
    assert_int_equal(f->claims.iat_s, 5);
    assert_int_equal(verify_signed(f, HEADER, RW), TRIB_OK);
    assert_int_equal(f->claims.a, TRIB_JWT_ACCESS_RW);
    assert_int_equal(verify_signed(f, "{\"alg\":\"EdDSA\"}", "{\"id\":\"shop\",\"a\":\"roa\"}"), TRIB_OK);
    assert_int_equal(f->claims.a, TRIB_JWT_ACCESS_ROA);
}

static void permissions_are_read(void **state) {
    fixture *f = *state;
    assert_int_equal(verify_signed(f, HEADER,
                                   "{\"p\":{\"ro\":{\"ns\":[\"a\",\"b\"],\"tags\":[\"g\"]},\"ddl\":{\"ns\":[\"s\"]},"
                                   "\"rw\":null,\"future\":{\"ns\":[\"c\"]}}}"),
                     TRIB_OK);
    assert_true(f->claims.has_p);
    assert_false(f->claims.has_id);
    const trib_jwt_scope *ro = &f->claims.p[TRIB_JWT_RIGHT_RO];
    assert_int_equal(ro->ns_count, 2);
    assert_true(trib_str_eq_c(ro->ns[0], "a") && trib_str_eq_c(ro->ns[1], "b"));
    assert_int_equal(ro->tag_count, 1);
    assert_true(trib_str_eq_c(ro->tags[0], "g"));
    assert_int_equal(f->claims.p[TRIB_JWT_RIGHT_DDL].ns_count, 1);
    assert_int_equal(f->claims.p[TRIB_JWT_RIGHT_RW].ns_count, 0);
}

/* RFC 8037 A.4: its payload is no JSON, so the answer must be that and not a bad signature */
static void the_signature_of_rfc_8037_verifies(void **state) {
    fixture *f = *state;
    assert_int_equal(
        verify(f, TRIB_STR("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
                           "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")),
        TRIB_AUTH_JWT_INVALID);
    assert_non_null(strstr(f->err.message, "not JSON"));
}

static void forged_headers_are_refused(void **state) {
    fixture *f = *state;
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"NONE\"}",
        "{\"alg\":\"nOnE\"}",
        "{\"alg\":\"\"}",
        "{\"alg\":null}",
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":\"ES256\"}",
        "{\"alg\":\"PS512\"}",
        "{\"alg\":\"EDDSA\"}",
        "{\"alg\":\"eddsa\"}",
        "{\"alg\":\"Ed25519\"}",
        "{\"alg\":\"EdDSA \"}",
        "{\"alg\":\"EdDSA\\u0000\"}",
        "{\"alg\":[\"EdDSA\"]}",
        "{\"alg\":true}",
        "{}",
        "{\"typ\":\"JWT\"}",
        "{\"Alg\":\"EdDSA\"}",
        "[\"EdDSA\"]",
        "\"EdDSA\"",
        "null",
        "",
        "{\"alg\":\"EdDSA\",\"alg\":\"none\"}",
        "{\"alg\":\"none\",\"alg\":\"EdDSA\"}",
        "{\"alg\":\"none\",\"\\u0061lg\":\"EdDSA\"}",
        "{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\"}",
        "{\"alg\":\"EdDSA\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"EdDSA\",\"crit\":[]}",
        "{\"alg\":\"EdDSA\",\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hc\"}}",
        "{\"alg\":\"EdDSA\",\"jku\":\"https://evil.example/keys\"}",
        "{\"alg\":\"EdDSA\",\"x5u\":\"https://evil.example/c\"}",
        "{\"alg\":\"EdDSA\",\"x5c\":[\"AA\"]}",
        "{\"alg\":\"EdDSA\",\"b64\":false}",
        "{\"alg\":\"EdDSA\",\"cty\":\"JWT\"}",
        "{\"alg\":\"EdDSA\",\"enc\":\"A256GCM\"}",
        "{\"alg\":\"EdDSA\",\"zip\":\"DEF\"}",
        "{\"alg\":\"EdDSA\",\"typ\":\"JWE\"}",
        "{\"alg\":\"EdDSA\",\"typ\":1}",
        "{\"alg\":\"EdDSA\",\"kid\":1}",
        "{\"alg\":\"EdDSA\",\"kid\":null}",
        "{\"alg\":\"EdDSA\"} x",
        "{\"alg\":\"EdDSA\",}",
        "{'alg':'EdDSA'}",
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        if (verify_signed(f, headers[i], RW) != TRIB_AUTH_JWT_INVALID) fail_msg("accepted: %s", headers[i]);
    }
}

static void forged_payloads_are_refused(void **state) {
    fixture *f = *state;
    static const char *const payloads[] = {
        "{}",
        "null",
        "[]",
        "\"x\"",
        "",
        "{\"a\":\"rw\"}",
        "{\"id\":\"shop\"}",
        "{\"id\":\"\",\"a\":\"rw\"}",
        "{\"id\":null,\"a\":\"rw\"}",
        "{\"id\":1,\"a\":\"rw\"}",
        "{\"id\":[\"shop\"],\"a\":\"rw\"}",
        "{\"id\":\"shop\",\"a\":null}",
        "{\"id\":\"shop\",\"a\":\"\"}",
        "{\"id\":\"shop\",\"a\":\"RW\"}",
        "{\"id\":\"shop\",\"a\":\"rw \"}",
        "{\"id\":\"shop\",\"a\":\"admin\"}",
        "{\"id\":\"shop\",\"a\":1}",
        "{\"id\":\"shop\",\"id\":\"bank\",\"a\":\"rw\"}",
        "{\"id\":\"shop\",\"a\":\"ro\",\"a\":\"rw\"}",
        "{\"id\":\"shop\",\"a\":\"ro\",\"\\u0061\":\"rw\"}",
        "{\"id\":\"shop\",\"a\":\"rw\",\"aud\":\"me\"}",
        "{\"id\":\"shop\",\"a\":\"rw\",\"aud\":[]}",
        "{\"id\":\"shop\",\"a\":\"rw\",\"aud\":null}",
        "{\"id\":\"shop\",\"a\":\"rw\",\"exp\":null}",
        "{\"id\":\"shop\",\"a\":\"rw\",\"exp\":\"1900000000\"}",
        "{\"id\":\"shop\",\"a\":\"rw\",\"exp\":1e400}",
        "{\"id\":\"shop\",\"a\":\"rw\",\"exp\":99999999999999999999}",
        "{\"id\":\"shop\",\"a\":\"rw\",\"exp\":-1}",
        "{\"id\":\"shop\",\"a\":\"rw\",\"exp\":1900000000,\"exp\":1}",
        "{\"id\":\"shop\",\"a\":\"rw\",\"nbf\":true}",
        "{\"id\":\"shop\",\"a\":\"rw\",\"gen\":1.5}",
        "{\"id\":\"shop\",\"a\":\"rw\",\"gen\":-1}",
        "{\"id\":\"shop\",\"a\":\"rw\",\"gen\":\"1\"}",
        "{\"id\":\"shop\",\"a\":\"rw\",\"p\":null}",
        "{\"p\":[]}",
        "{\"p\":\"rw\"}",
        "{\"p\":{\"rw\":[\"a\"]}}",
        "{\"p\":{\"rw\":{\"ns\":\"a\"}}}",
        "{\"p\":{\"rw\":{\"ns\":[1]}}}",
        "{\"p\":{\"rw\":{\"ns\":[\"\"]}}}",
        "{\"p\":{\"rw\":{\"ns\":{\"a\":1}}}}",
        "{\"p\":{\"rw\":{\"ns\":[\"a\"],\"tables\":[\"t\"]}}}",
        "{\"p\":{\"rw\":{\"ns\":[\"a\"],\"ns\":[\"b\"]}}}",
        "{\"p\":{\"rw\":{\"tags\":[null]}}}",
        "{\"id\":\"shop\",\"a\":\"rw\"}\n}",
        "{\"id\":\"\xff\",\"a\":\"rw\"}",
    };
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        if (verify_signed(f, HEADER, payloads[i]) != TRIB_AUTH_JWT_INVALID) fail_msg("accepted: %s", payloads[i]);
    }
}

static void an_hmac_keyed_with_the_public_key_is_no_signature(void **state) {
    fixture *f = *state;
    uint8_t raw[32], mac[32], doubled[64];
    trib_ed25519_pub_get_raw(f->key.pub, raw);
    const trib_str keys[] = {trib_str_make((const char *)raw, 32), trib_str_c(pub_1), {0}};
    const char *const headers[] = {"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", HEADER};
    for (size_t i = 0; i < 6; i++) {
        trib_buf_clear(&f->token);
        add64(&f->token, trib_str_c(headers[i / 3]));
        trib_buf_add_char(&f->token, '.');
        add64(&f->token, TRIB_STR(RW));
        assert_int_equal(trib_crypto_hmac_sha256(keys[i % 3], trib_buf_str(&f->token), mac), TRIB_OK);
        memcpy(doubled, mac, 32);
        memcpy(doubled + 32, mac, 32);
        trib_buf_add_char(&f->token, '.');
        size_t input_len = f->token.len;
        add64(&f->token, trib_str_make((const char *)mac, 32));
        assert_int_equal(verify(f, trib_buf_str(&f->token)), TRIB_AUTH_JWT_INVALID);
        f->token.len = input_len;
        add64(&f->token, trib_str_make((const char *)doubled, 64));
        assert_int_equal(verify(f, trib_buf_str(&f->token)), TRIB_AUTH_JWT_INVALID);
    }
}

static void other_spellings_of_a_good_token_are_refused(void **state) {
    fixture *f = *state;
    trib_str good = trib_arena_dup(&f->arena, forge(f, f->ours, TRIB_STR(HEADER), TRIB_STR(RW)));
    char text[1024];
    memcpy(text, good.ptr, good.len);
    size_t n = good.len, dot = trib_str_find(good, '.');
    assert_int_equal(trib_jwt_verify(&f->policy, trib_str_make(text, n), &f->arena, &f->claims, NULL), TRIB_OK);
    const char *const tails[] = {".", "=", "==", " ", "\n", ".e30", "A", "..", "%3D"};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        memcpy(text + n, tails[i], strlen(tails[i]));
        if (verify(f, trib_str_make(text, n + strlen(tails[i]))) != TRIB_AUTH_JWT_INVALID)
            fail_msg("tail %s", tails[i]);
    }
    for (size_t cut = 0; cut < n; cut++) assert_int_equal(verify(f, trib_str_make(text, cut)), TRIB_AUTH_JWT_INVALID);
    const char *const fronts[] = {" ", ".", "Bearer "};
    for (size_t i = 0; i < sizeof fronts / sizeof fronts[0]; i++) {
        size_t front = strlen(fronts[i]);
        memcpy(text, fronts[i], front);
        memmove(text + front, f->token.ptr, n);
        assert_int_equal(verify(f, trib_str_make(text, n + front)), TRIB_AUTH_JWT_INVALID);
    }
    memcpy(text, f->token.ptr, n);
    for (size_t i = 0; i < n; i++) { /* every other character at every place, unused bits of the last one included */
        char kept = text[i];
        text[i] = kept == 'A' ? 'B' : 'A';
        assert_int_equal(verify(f, trib_str_make(text, n)), TRIB_AUTH_JWT_INVALID);
        text[i] = (char)(kept + 1);
        assert_int_equal(verify(f, trib_str_make(text, n)), TRIB_AUTH_JWT_INVALID);
        text[i] = '\0';
        assert_int_equal(verify(f, trib_str_make(text, n)), TRIB_AUTH_JWT_INVALID);
        text[i] = kept;
    }
    text[n - 1] = (char)(text[n - 1] + 1); /* 64 bytes leave four unused bits: same signature, other text */
    assert_int_equal(verify(f, trib_str_make(text, n)), TRIB_AUTH_JWT_INVALID);
    assert_non_null(strstr(f->err.message, "canonical"));
    text[n - 1] = (char)(text[n - 1] - 1);
    memmove(text + dot + 1, text + dot, n - dot); /* an empty part */
    assert_int_equal(verify(f, trib_str_make(text, n + 1)), TRIB_AUTH_JWT_INVALID);
}

static void a_signature_with_s_plus_the_group_order_is_refused(void **state) {
    fixture *f = *state;
    static const unsigned char order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                            0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    char sig[72];
    size_t n;
    trib_str good = forge(f, f->ours, TRIB_STR(HEADER), TRIB_STR(RW));
    assert_int_equal(verify(f, good), TRIB_OK);
    trib_str text = trib_str_sub(good, good.len - 86, good.len);
    assert_true(trib_base64_decode(TRIB_BASE64_URL, TRIB_BASE64_CANONICAL, text, sig, &n));
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)(unsigned char)sig[32 + i] + order[i];
        sig[32 + i] = (char)(unsigned char)carry;
        carry >>= 8;
    }
    f->token.len -= 86;
    add64(&f->token, trib_str_make(sig, 64));
    assert_int_equal(verify(f, trib_buf_str(&f->token)), TRIB_AUTH_JWT_INVALID);
}

static void signatures_of_another_key_or_of_no_key_are_refused(void **state) {
    fixture *f = *state;
    assert_int_equal(verify(f, forge(f, f->strangers, TRIB_STR(HEADER), TRIB_STR(RW))), TRIB_AUTH_JWT_INVALID);
    f->policy.key_count = 0;
    assert_int_equal(verify_signed(f, HEADER, RW), TRIB_AUTH_JWT_INVALID);
}

static void any_of_several_keys_may_verify(void **state) {
    fixture *f = *state;
    const trib_jwt_key keys[] = {{.pub = trib_ed25519_key_get_pub(f->strangers)}, f->key};
    f->policy.keys = keys;
    f->policy.key_count = 2;
    assert_int_equal(verify_signed(f, HEADER, RW), TRIB_OK);
    assert_int_equal(verify(f, forge(f, f->strangers, TRIB_STR(HEADER), TRIB_STR(RW))), TRIB_OK);
}

static void kid_only_chooses_among_configured_keys(void **state) {
    fixture *f = *state;
    const trib_jwt_key keys[] = {{TRIB_STR("new"), f->key.pub},
                                 {TRIB_STR("old"), trib_ed25519_key_get_pub(f->strangers)}};
    f->policy.keys = keys;
    f->policy.key_count = 2;
    assert_int_equal(verify_signed(f, "{\"alg\":\"EdDSA\",\"kid\":\"new\"}", RW), TRIB_OK);
    assert_int_equal(verify_signed(f, "{\"alg\":\"EdDSA\",\"kid\":\"old\"}", RW), TRIB_AUTH_JWT_INVALID);
    static const char *const ignored[] = {"", "NEW", "../../etc/passwd", "new\\u0000", "' OR 1=1 --", "/dev/null"};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        trib_str header = trib_arena_printf(&f->arena, "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", ignored[i]);
        forge(f, f->ours, header, TRIB_STR(RW));
        assert_int_equal(verify(f, trib_buf_str(&f->token)), TRIB_OK);
    }
    forge(f, f->strangers, TRIB_STR("{\"alg\":\"EdDSA\",\"kid\":\"new\"}"), TRIB_STR(RW));
    assert_int_equal(verify(f, trib_buf_str(&f->token)), TRIB_AUTH_JWT_INVALID);
}

static void times_are_enforced_with_a_small_leeway(void **state) {
    fixture *f = *state;
    static const struct {
        const char *claim;
        trib_code want;
    } rows[] = {
        {"\"exp\":1800000001", TRIB_OK},
        {"\"exp\":1799999996", TRIB_OK},
        {"\"exp\":1799999995", TRIB_AUTH_JWT_EXPIRED},
        {"\"exp\":1799999995.9", TRIB_AUTH_JWT_EXPIRED},
        {"\"exp\":1.8e9", TRIB_OK},
        {"\"exp\":0", TRIB_AUTH_JWT_EXPIRED},
        {"\"exp\":9007199254740992", TRIB_OK},
        {"\"nbf\":1800000005", TRIB_OK},
        {"\"nbf\":1800000005.1", TRIB_AUTH_JWT_IMMATURE},
        {"\"nbf\":1800000006", TRIB_AUTH_JWT_IMMATURE},
        {"\"iat\":1900000000", TRIB_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_str payload = trib_arena_printf(&f->arena, "{\"id\":\"shop\",\"a\":\"rw\",%s}", rows[i].claim);
        forge(f, f->ours, TRIB_STR(HEADER), payload);
        trib_code code = verify(f, trib_buf_str(&f->token));
        if (code != rows[i].want) fail_msg("%s: %s", rows[i].claim, trib_code_name(code));
    }
    assert_int_equal(
        verify(f, forge(f, f->strangers, TRIB_STR(HEADER), TRIB_STR("{\"id\":\"s\",\"a\":\"rw\",\"exp\":1}"))),
        TRIB_AUTH_JWT_INVALID); /* a forger is not told about times */
}

static void missing_access_means_nothing_unless_asked_for(void **state) {
    fixture *f = *state;
    assert_int_equal(verify_signed(f, HEADER, "{\"id\":\"shop\"}"), TRIB_AUTH_JWT_INVALID);
    f->policy.allow_missing_a_as_rw = true;
    assert_int_equal(verify_signed(f, HEADER, "{\"id\":\"shop\"}"), TRIB_OK);
    assert_int_equal(f->claims.a, TRIB_JWT_ACCESS_RW);
    assert_int_equal(verify_signed(f, HEADER, "{}"), TRIB_AUTH_JWT_INVALID);
    assert_int_equal(verify_signed(f, HEADER, "{\"id\":\"shop\",\"a\":\"x\"}"), TRIB_AUTH_JWT_INVALID);
}

static void huge_tokens_headers_and_lists_are_refused(void **state) {
    fixture *f = *state;
    static char big[TRIB_JWT_MAX_BYTES];
    memset(big, ' ', sizeof big);
    memcpy(big, RW, sizeof RW - 1);
    assert_int_equal(verify(f, forge(f, f->ours, TRIB_STR(HEADER), trib_str_make(big, 6000))), TRIB_OK);
    assert_int_equal(verify(f, forge(f, f->ours, TRIB_STR(HEADER), trib_str_make(big, 6100))), TRIB_AUTH_JWT_INVALID);
    assert_non_null(strstr(f->err.message, "8192"));
    memset(big, ' ', sizeof big);
    memcpy(big, HEADER, sizeof HEADER - 1);
    assert_int_equal(verify(f, forge(f, f->ours, trib_str_make(big, 768), TRIB_STR(RW))), TRIB_OK);
    assert_int_equal(verify(f, forge(f, f->ours, trib_str_make(big, 769), TRIB_STR(RW))), TRIB_AUTH_JWT_INVALID);
    for (int count = TRIB_JWT_MAX_NAMES; count <= TRIB_JWT_MAX_NAMES + 1; count++) {
        trib_buf json;
        trib_buf_init(&json, 8192);
        trib_buf_add_c(&json, "{\"p\":{\"rw\":{\"ns\":[\"x\"");
        for (int i = 1; i < count; i++) trib_buf_add_c(&json, ",\"x\"");
        trib_buf_add_c(&json, "]}}}");
        trib_code want = count > TRIB_JWT_MAX_NAMES ? TRIB_AUTH_JWT_INVALID : TRIB_OK;
        assert_int_equal(verify(f, forge(f, f->ours, TRIB_STR(HEADER), trib_buf_str(&json))), want);
        trib_buf_deinit(&json);
    }
}

static void a_created_token_verifies_with_the_same_claims(void **state) {
    fixture *f = *state;
    const trib_str ns[] = {TRIB_STR("a\"b"), TRIB_STR("\xc3\xa4")}, tags[] = {TRIB_STR("g")};
    trib_jwt_claims claims = {.has_id = true,
                              .id = TRIB_STR("shop"),
                              .a = TRIB_JWT_ACCESS_RO,
                              .has_exp = true,
                              .exp_s = NOW_S + 60,
                              .has_nbf = true,
                              .nbf_s = NOW_S,
                              .has_iat = true,
                              .iat_s = NOW_S,
                              .has_gen = true,
                              .gen = INT64_MAX,
                              .has_p = true};
    claims.p[TRIB_JWT_RIGHT_ROA] = (trib_jwt_scope){ns, tags, 2, 1};
    trib_buf_add_c(&f->token, "Bearer ");
    assert_int_equal(trib_jwt_create(&claims, TRIB_STR("k1"), f->ours, &f->token, NULL), TRIB_OK);
    trib_str text = trib_buf_str(&f->token);
    assert_int_equal(verify(f, trib_str_sub(text, 7, text.len)), TRIB_OK);
    const trib_jwt_claims *got = &f->claims;
    assert_true(got->has_id && got->has_exp && got->has_nbf && got->has_iat && got->has_gen && got->has_p);
    assert_true(trib_str_eq(got->id, claims.id) && got->a == claims.a && got->gen == INT64_MAX);
    assert_int_equal(got->exp_s, claims.exp_s);
    assert_int_equal(got->p[TRIB_JWT_RIGHT_ROA].ns_count, 2);
    assert_true(trib_str_eq(got->p[TRIB_JWT_RIGHT_ROA].ns[0], ns[0]) &&
                trib_str_eq(got->p[TRIB_JWT_RIGHT_ROA].ns[1], ns[1]));
    assert_int_equal(got->p[TRIB_JWT_RIGHT_RW].ns_count, 0);
}

static void tokens_that_would_not_verify_are_not_made(void **state) {
    fixture *f = *state;
    static char long_name[TRIB_JWT_MAX_BYTES];
    memset(long_name, 'x', sizeof long_name);
    const trib_jwt_claims rows[] = {
        {0},
        {.has_id = true, .id = TRIB_STR("shop")},
        {.has_id = true, .id = TRIB_STR(""), .a = TRIB_JWT_ACCESS_RW},
        {.has_id = true, .id = TRIB_STR("\xff"), .a = TRIB_JWT_ACCESS_RW},
        {.has_id = true, .id = {long_name, sizeof long_name}, .a = TRIB_JWT_ACCESS_RW},
        {.has_id = true, .id = TRIB_STR("shop"), .a = TRIB_JWT_ACCESS_RW, .has_exp = true, .exp_s = -1},
        {.has_id = true, .id = TRIB_STR("shop"), .a = TRIB_JWT_ACCESS_RW, .has_gen = true, .gen = -1},
        {.has_id = true, .id = TRIB_STR("shop"), .a = TRIB_JWT_ACCESS_RW, .has_exp = true, .exp_s = INT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (trib_jwt_create(&rows[i], (trib_str){0}, f->ours, &f->token, &f->err) != TRIB_BAD_REQUEST)
            fail_msg("row %zu", i);
        assert_int_equal(f->token.len, 0);
    }
    const trib_jwt_claims good = {.has_id = true, .id = TRIB_STR("shop"), .a = TRIB_JWT_ACCESS_RW};
    trib_str long_kid = trib_str_make(long_name, 1000);
    assert_int_equal(trib_jwt_create(&good, long_kid, f->ours, &f->token, &f->err), TRIB_BAD_REQUEST);
}

static void a_small_arena_or_buffer_is_out_of_memory_and_nothing_worse(void **state) {
    fixture *f = *state;
    trib_str token = forge(f, f->ours, TRIB_STR(HEADER), TRIB_STR("{\"p\":{\"rw\":{\"ns\":[\"a\",\"b\"]}},\"gen\":1}"));
    size_t failures = 0;
    for (size_t budget = 0; budget < 8192; budget += 16) {
        trib_arena small;
        trib_arena_init(&small, budget);
        trib_code code = trib_jwt_verify(&f->policy, token, &small, &f->claims, NULL);
        assert_true(code == TRIB_OK || code == TRIB_NOMEM);
        failures += code == TRIB_NOMEM;
        trib_arena_deinit(&small);
    }
    assert_in_range(failures, 10, 511);
    const trib_jwt_claims good = {.has_id = true, .id = TRIB_STR("shop"), .a = TRIB_JWT_ACCESS_RW};
    trib_buf out;
    trib_buf_init(&out, 100);
    assert_int_equal(trib_jwt_create(&good, (trib_str){0}, f->ours, &out, &f->err), TRIB_NOMEM);
    assert_int_equal(out.len, 0);
    trib_buf_deinit(&out);
}

static void keys_come_as_pem_or_as_raw_base64(void **state) {
    fixture *f = *state;
    uint8_t a[32], b[32];
    trib_buf pem;
    trib_buf_init(&pem, 4096);
    assert_int_equal(trib_ed25519_pub_to_pem(f->key.pub, &pem, NULL), TRIB_OK);
    trib_str raw = trib_arena_printf(&f->arena, " %s\r\n", pub_1);
    const trib_str texts[] = {raw, trib_buf_str(&pem)};
    trib_ed25519_pub_get_raw(f->key.pub, a);
    for (size_t i = 0; i < 2; i++) {
        trib_ed25519_pub *pub = NULL;
        size_t count = 0;
        assert_int_equal(trib_jwt_keys_from_text(texts[i], 1, &pub, &count, &f->err), TRIB_OK);
        assert_int_equal(count, 1);
        trib_ed25519_pub_get_raw(pub, b);
        assert_memory_equal(a, b, 32);
        trib_ed25519_pub_free(pub);
    }
    static const char *const bad[] = {"",
                                      "x",
                                      "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                                      "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp",
                                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                      "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo="};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        trib_ed25519_pub *pub = NULL;
        size_t count = 0;
        assert_int_equal(trib_jwt_keys_from_text(trib_str_c(bad[i]), 1, &pub, &count, &f->err), TRIB_CONFIG);
    }
    trib_buf_deinit(&pem);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(id_and_access_are_read),
        TEST(permissions_are_read),
        TEST(the_signature_of_rfc_8037_verifies),
        TEST(forged_headers_are_refused),
        TEST(forged_payloads_are_refused),
        TEST(an_hmac_keyed_with_the_public_key_is_no_signature),
        TEST(other_spellings_of_a_good_token_are_refused),
        TEST(a_signature_with_s_plus_the_group_order_is_refused),
        TEST(signatures_of_another_key_or_of_no_key_are_refused),
        TEST(any_of_several_keys_may_verify),
        TEST(kid_only_chooses_among_configured_keys),
        TEST(times_are_enforced_with_a_small_leeway),
        TEST(missing_access_means_nothing_unless_asked_for),
        TEST(huge_tokens_headers_and_lists_are_refused),
        TEST(a_created_token_verifies_with_the_same_claims),
        TEST(tokens_that_would_not_verify_are_not_made),
        TEST(a_small_arena_or_buffer_is_out_of_memory_and_nothing_worse),
        TEST(keys_come_as_pem_or_as_raw_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
