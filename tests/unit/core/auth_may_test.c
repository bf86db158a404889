/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that others have signed: which tenants each imported key opens, that a tenant's own key opens no other, and
 * how such tokens, which know nothing of our epochs, are revoked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/ed25519.h"
#include "support/app_test.h"
#include "wire/base64.h"

static app_test t;
static trib_auth_memo connection;
static trib_ed25519_key *issuer, *other;
static char issuer_text[64], other_text[64];

/* As sqld has them: 32 bytes in Base64. */
static void public_text(const trib_ed25519_key *key, char ret[64]) {
    uint8_t raw[TRIB_ED25519_KEY_BYTES];
    trib_ed25519_pub_get_raw(trib_ed25519_key_get_pub(key), raw);
    ret[trib_base64_encode(TRIB_BASE64_URL, false, raw, sizeof raw, ret)] = '\0';
}

static int setup(void **state) {
    (void)state;
    if (trib_ed25519_key_new_random(&issuer, NULL) || trib_ed25519_key_new_random(&other, NULL)) return -1;
    public_text(issuer, issuer_text);
    public_text(other, other_text);
    if (app_test_start(&t, true, NULL) != TRIB_OK) return -1;
    bool made = app_test_change(&t, TRIB_CONTROL_CREATE, "ali", NULL) == TRIB_OK &&
                app_test_change(&t, TRIB_CONTROL_CREATE, "rami", NULL) == TRIB_OK;
    return made ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    trib_auth_memo_deinit(&connection);
    app_test_stop(&t);
    app_test_cleanup(&t);
    trib_ed25519_key_free(issuer);
    trib_ed25519_key_free(other);
    return 0;
}

static void tenant_key(const char *name, const char *key) {
    trib_tenant_change change = {.has_jwt_key = true, .jwt_key = trib_str_c(key)};
    trib_control_op op = {.type = TRIB_CONTROL_SETTINGS, .change = &change};
    assert_int_equal(app_test_run(&t, &op, name, NULL), TRIB_OK);
}

static void old_tokens(const char *name) {
    trib_tenant_change change = {.given = 1U << TRIB_TENANT_OLD_TOKENS};
    change.values[TRIB_TENANT_OLD_TOKENS] = 1;
    trib_control_op op = {.type = TRIB_CONTROL_SETTINGS, .change = &change};
    assert_int_equal(app_test_run(&t, &op, name, NULL), TRIB_OK);
}

static void server_key(const char *key) {
    trib_control_op op = {.type = TRIB_CONTROL_IMPORT_KEYS, .imported = trib_str_c(key)};
    assert_int_equal(app_test_run(&t, &op, "", NULL), TRIB_OK);
}

static int64_t now_s(void) {
    return trib_env_wall_ms(t.app.env) / 1000;
}

static char bearer[2048];

static const char *token(const trib_ed25519_key *key, const trib_jwt_claims *claims) {
    trib_buf buf;
    trib_buf_init(&buf, sizeof bearer);
    assert_int_equal(trib_jwt_create(claims, TRIB_STR(""), key, &buf, NULL), TRIB_OK);
    snprintf(bearer, sizeof bearer, "Bearer %.*s", TRIB_STR_ARG(trib_buf_str(&buf)));
    trib_buf_deinit(&buf);
    return bearer;
}

/* iat_s 0: none. */
static const char *for_one(const trib_ed25519_key *key, const char *name, int64_t iat_s) {
    trib_jwt_claims claims = {
        .has_id = true, .id = trib_str_c(name), .a = TRIB_JWT_ACCESS_RW, .has_iat = iat_s != 0, .iat_s = iat_s};
    return token(key, &claims);
}

static const char *for_list(const trib_ed25519_key *key, const char *name, int64_t iat_s) {
    trib_str names[] = {trib_str_c("rami"), trib_str_c(name)};
    trib_jwt_claims claims = {.has_p = true, .has_iat = iat_s != 0, .iat_s = iat_s};
    claims.p[TRIB_JWT_RIGHT_RW] = (trib_jwt_scope){.ns = names, .ns_count = 2};
    return token(key, &claims);
}

/* What a request for this path is answered; twice on a connection that lives on, and once on a new one. */
static trib_code ask(const char *path, const char *authorization) {
    trib_code codes[3];
    for (int i = 0; i < 3; i++) {
        trib_tenant *tenant = NULL;
        trib_principal *principal = NULL;
        trib_str rest = {0};
        trib_error err = {0};
        trib_auth_query query = {.auth_class = TRIB_AUTH_TENANT,
                                 .listener = TRIB_LISTENER_USER,
                                 .path = trib_str_c(path),
                                 .authorization = trib_str_c(authorization),
                                 .now_ms = trib_env_wall_ms(t.app.env),
                                 .memo = i < 2 ? &connection : NULL};
        codes[i] = trib_auth_resolve(t.app.auth, &query, &tenant, &principal, &rest, &err);
        if (codes[i] == TRIB_OK) trib_auth_release(t.app.auth, tenant, principal);
    }
    assert_int_equal(codes[1], codes[0]);
    assert_int_equal(codes[2], codes[0]);
    return codes[0];
}

static void the_key_of_a_tenant_opens_that_one_and_no_other(void **state) {
    (void)state;
    assert_int_equal(ask("/ali/", for_one(issuer, "ali", 0)), TRIB_AUTH_JWT_INVALID);
    tenant_key("ali", issuer_text);
    assert_int_equal(ask("/ali/", for_one(issuer, "ali", 0)), TRIB_OK);
    assert_int_equal(ask("/ali/", for_list(issuer, "ali", 0)), TRIB_OK);
    assert_int_equal(ask("/rami/", for_list(issuer, "ali", now_s())), TRIB_AUTH_JWT_INVALID); /* which names both */
    assert_int_equal(ask("/rami/", for_one(issuer, "rami", now_s())), TRIB_AUTH_JWT_INVALID);
    assert_int_equal(ask("/ali/", for_one(issuer, "rami", now_s())), TRIB_TENANT_NOT_FOUND);
    assert_int_equal(ask("/streams/", for_one(issuer, "streams", now_s())), TRIB_AUTH_JWT_INVALID);
    assert_int_equal(ask("/v2/pipeline", for_one(issuer, "ali", 0)), TRIB_AUTH_JWT_INVALID); /* nothing names it */
    assert_int_equal(ask("/ali/", for_one(other, "ali", 0)), TRIB_AUTH_JWT_INVALID);
    /* the same key for two: each has its own */
    tenant_key("rami", issuer_text);
    assert_int_equal(ask("/rami/", for_list(issuer, "ali", 0)), TRIB_OK);
    assert_int_equal(ask("/ali/", for_list(issuer, "ali", 0)), TRIB_OK);
}

static void another_key_or_none_ends_the_tokens_of_the_first(void **state) {
    (void)state;
    tenant_key("ali", issuer_text);
    assert_int_equal(ask("/ali/", for_one(issuer, "ali", 0)), TRIB_OK);
    tenant_key("ali", other_text);
    assert_int_equal(ask("/ali/", for_one(issuer, "ali", 0)), TRIB_AUTH_JWT_INVALID);
    assert_int_equal(ask("/ali/", for_one(other, "ali", 0)), TRIB_OK);
    tenant_key("ali", "");
    assert_int_equal(ask("/ali/", for_one(other, "ali", 0)), TRIB_AUTH_JWT_INVALID);
}

static void the_key_of_all_opens_the_names_that_were_there_when_a_token_was_made(void **state) {
    (void)state;
    server_key(issuer_text);
    assert_int_equal(ask("/ali/", for_one(issuer, "ali", now_s())), TRIB_OK);
    assert_int_equal(ask("/v2/pipeline", for_one(issuer, "ali", now_s())), TRIB_OK);
    assert_int_equal(ask("/rami/", for_list(issuer, "ali", now_s())), TRIB_OK);
    /* a former tenant of the name may have been meant */
    assert_int_equal(ask("/ali/", for_one(issuer, "ali", now_s() - 60)), TRIB_AUTH_JWT_INVALID);
    assert_int_equal(ask("/ali/", for_one(issuer, "ali", 0)), TRIB_AUTH_JWT_INVALID);
    assert_int_equal(ask("/ali/", for_list(issuer, "ali", 0)), TRIB_TENANT_NOT_FOUND);
    old_tokens("ali");
    assert_int_equal(ask("/ali/", for_one(issuer, "ali", now_s() - 60)), TRIB_OK);
    assert_int_equal(ask("/ali/", for_list(issuer, "ali", 0)), TRIB_OK);
    /* nothing of the server itself, and "*" is a word of ours */
    assert_int_equal(ask("/streams/", for_one(issuer, "streams", now_s())), TRIB_TENANT_NOT_FOUND);
    assert_int_equal(ask("/ali/", for_list(issuer, "*", now_s())), TRIB_TENANT_NOT_FOUND);
    server_key("");
    assert_int_equal(ask("/ali/", for_one(issuer, "ali", now_s())), TRIB_AUTH_JWT_INVALID);
}

static void a_name_that_goes_to_another_tenant_takes_no_old_token_along(void **state) {
    (void)state;
    trib_control_op rename = {.type = TRIB_CONTROL_RENAME, .new_name = TRIB_STR("later")};
    server_key(issuer_text);
    old_tokens("ali");
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "ali", NULL), TRIB_OK);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "ali", NULL), TRIB_OK);
    assert_int_equal(ask("/ali/", for_one(issuer, "ali", now_s() - 60)), TRIB_AUTH_JWT_INVALID);
    old_tokens("ali");
    assert_int_equal(app_test_run(&t, &rename, "ali", NULL), TRIB_OK);
    assert_int_equal(ask("/later/", for_one(issuer, "later", now_s() - 60)), TRIB_AUTH_JWT_INVALID);
}

static void a_tenant_with_its_own_key_is_not_opened_by_the_key_of_all(void **state) {
    (void)state;
    server_key(issuer_text);
    assert_int_equal(ask("/ali/", for_one(issuer, "ali", now_s())), TRIB_OK);
    tenant_key("ali", other_text);
    assert_int_equal(ask("/ali/", for_one(issuer, "ali", now_s())), TRIB_TENANT_NOT_FOUND);
    assert_int_equal(ask("/v2/pipeline", for_one(issuer, "ali", now_s())), TRIB_TENANT_NOT_FOUND);
    tenant_key("ali", issuer_text); /* the same one, now also its own */
    assert_int_equal(ask("/ali/", for_one(issuer, "ali", 0)), TRIB_OK);
}

static void our_own_tokens_go_on_beside_an_imported_key(void **state) {
    (void)state;
    trib_tenant *tenant = trib_control_find(t.app.control, TRIB_STR("ali"));
    trib_jwt_claims claims = {.has_id = true,
                              .id = TRIB_STR("ali"),
                              .a = TRIB_JWT_ACCESS_RW,
                              .has_gen = true,
                              .gen = atomic_load(&tenant->token_epoch)};
    trib_control_keys *keys = trib_control_get_keys(t.app.control);
    server_key(other_text);
    tenant_key("ali", issuer_text);
    assert_int_equal(ask("/ali/", token(keys->keys[0], &claims)), TRIB_OK);
    assert_int_equal(ask("/v2/pipeline", token(keys->keys[0], &claims)), TRIB_OK);
    claims.has_gen = false;
    assert_int_equal(ask("/ali/", token(keys->keys[0], &claims)), TRIB_AUTH_JWT_INVALID);
    /* and the epoch, which everybody can read in one of them, is no way around the rules */
    claims.has_gen = true;
    assert_int_equal(ask("/ali/", token(other, &claims)), TRIB_TENANT_NOT_FOUND);
    trib_control_keys_release(keys);
    trib_tenant_unref(tenant);
}

static void a_revocation_ends_what_was_made_before_it_or_says_no_time(void **state) {
    (void)state;
    tenant_key("ali", issuer_text);
    server_key(other_text);
    old_tokens("rami");
    assert_int_equal(ask("/ali/", for_list(issuer, "ali", 0)), TRIB_OK);
    assert_int_equal(ask("/rami/", for_one(other, "rami", 0)), TRIB_OK);
    int64_t before_s = now_s();
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_REVOKE, "ali", NULL), TRIB_OK);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_REVOKE, "rami", NULL), TRIB_OK);
    int64_t then_s = now_s();
    const trib_ed25519_key *const keys[] = {issuer, other};
    static const char *const names[] = {"ali", "rami"}, *const paths[] = {"/ali/", "/rami/"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(paths[i], for_list(keys[i], names[i], 0)), TRIB_AUTH_JWT_INVALID);
        assert_int_equal(ask(paths[i], for_one(keys[i], names[i], 0)), TRIB_AUTH_JWT_INVALID);
        assert_int_equal(ask(paths[i], for_one(keys[i], names[i], before_s - 1)), TRIB_AUTH_JWT_INVALID);
        assert_int_equal(ask(paths[i], for_one(keys[i], names[i], before_s)), TRIB_AUTH_JWT_INVALID);
        assert_int_equal(ask(paths[i], for_one(keys[i], names[i], then_s + 2)), TRIB_OK);
        /* a token from the future would outlive the next revocation */
        assert_int_equal(ask(paths[i], for_one(keys[i], names[i], then_s + 3600)), TRIB_AUTH_JWT_IMMATURE);
    }
}

static void keys_and_revocations_are_there_after_a_restart(void **state) {
    (void)state;
    tenant_key("ali", issuer_text);
    server_key(other_text);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_REVOKE, "rami", NULL), TRIB_OK);
    trib_auth_memo_deinit(&connection);
    app_test_stop(&t);
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    assert_int_equal(ask("/ali/", for_one(issuer, "ali", 0)), TRIB_OK);
    assert_int_equal(ask("/rami/", for_one(other, "rami", now_s() + 2)), TRIB_OK);
    old_tokens("rami");
    assert_int_equal(ask("/rami/", for_one(other, "rami", 0)), TRIB_AUTH_JWT_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_key_of_a_tenant_opens_that_one_and_no_other),
        TEST(another_key_or_none_ends_the_tokens_of_the_first),
        TEST(the_key_of_all_opens_the_names_that_were_there_when_a_token_was_made),
        TEST(a_name_that_goes_to_another_tenant_takes_no_old_token_along),
        TEST(a_tenant_with_its_own_key_is_not_opened_by_the_key_of_all),
        TEST(our_own_tokens_go_on_beside_an_imported_key),
        TEST(a_revocation_ends_what_was_made_before_it_or_says_no_time),
        TEST(keys_and_revocations_are_there_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
