/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of subscriptions: stable, of one tenant each, published also after a rotation; tokens open what they were made
 * for and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/ed25519.h"
#include "features/durable/keys.h"
#include "support/app_test.h"
#include "wire/base64.h"
#include "wire/json.h"

static app_test t;
#define A TRIB_STR("00000000000000000000000000000001")
#define B TRIB_STR("00000000000000000000000000000002")

static int setup(void **state) {
    (void)state;
    return app_test_start(&t, true, NULL) == TRIB_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    app_test_stop(&t);
    app_test_cleanup(&t);
    return 0;
}

/* Whether a receiver that reads the tenant's key set takes the signature of `body`. */
static bool verifies(trib_str tenant, const char *header, trib_str body) {
    trib_buf set, message;
    trib_arena arena;
    const trib_json *root = NULL;
    char kid[60], sig64[100];
    bool fine = false;
    assert_memory_equal(header, "t=1700000000,kid=", 17);
    snprintf(kid, sizeof kid, "%.*s", (int)strcspn(header + 17, ","), header + 17);
    snprintf(sig64, sizeof sig64, "%s", strstr(header, ",ed25519=") + 9);
    trib_arena_init(&arena, 1 << 20);
    trib_buf_init(&set, 1 << 16);
    trib_buf_init(&message, 1 << 16);
    trib_buf_add_c(&message, "1700000000.");
    trib_buf_add(&message, body);
    assert_int_equal(durable_keys_publish(&t.app, tenant, &set, NULL), TRIB_OK);
    assert_int_equal(trib_json_parse(&arena, trib_buf_str(&set), &root, NULL), TRIB_OK);
    const trib_json *keys = trib_json_get(root, "keys");
    for (const trib_json *key = trib_json_first(keys); key; key = trib_json_next(key)) {
        trib_str name = {0}, x = {0};
        char raw[64], sig[128];
        size_t n = 0, sig_n = 0;
        trib_ed25519_pub *pub = NULL;
        assert_true(trib_json_str(trib_json_get(key, "kid"), &name) && trib_json_str(trib_json_get(key, "x"), &x));
        assert_true(trib_base64_decode(TRIB_BASE64_URL, TRIB_BASE64_LENIENT, x, raw, &n));
        assert_true(trib_base64_decode(TRIB_BASE64_URL, TRIB_BASE64_LENIENT, trib_str_c(sig64), sig, &sig_n));
        assert_int_equal(trib_ed25519_pub_new(trib_str_make(raw, n), &pub, NULL), TRIB_OK);
        fine = fine || (trib_str_eq_c(name, kid) &&
                        trib_ed25519_verify(pub, trib_buf_str(&message), trib_str_make(sig, sig_n)) == TRIB_OK);
        trib_ed25519_pub_free(pub);
    }
    trib_buf_deinit(&set);
    trib_buf_deinit(&message);
    trib_arena_deinit(&arena);
    return fine;
}

static void sign(trib_str tenant, trib_str body, char ret[300]) {
    trib_buf out;
    trib_buf_init(&out, 299);
    assert_int_equal(durable_keys_sign(&t.app, tenant, 1700000000, body, &out, NULL), TRIB_OK);
    snprintf(ret, 300, "%.*s", TRIB_STR_ARG(trib_buf_str(&out)));
    trib_buf_deinit(&out);
}

static void a_signature_is_that_of_one_tenant_and_one_body(void **state) {
    (void)state;
    char header[300];
    sign(A, TRIB_STR("{\"a\":1}"), header);
    assert_true(verifies(A, header, TRIB_STR("{\"a\":1}")));
    assert_false(verifies(A, header, TRIB_STR("{\"a\":2}")));
    assert_false(verifies(B, header, TRIB_STR("{\"a\":1}")));
}

static void earlier_keys_stay_published_and_later_ones_sign(void **state) {
    (void)state;
    char header[300], kid[DURABLE_KID_BYTES], later[DURABLE_KID_BYTES], again[DURABLE_KID_BYTES];
    assert_int_equal(durable_keys_kid(&t.app, A, kid, NULL), TRIB_OK);
    sign(A, TRIB_STR("x"), header);
    app_test_stop(&t);
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    assert_int_equal(durable_keys_kid(&t.app, A, again, NULL), TRIB_OK);
    assert_string_equal(kid, again);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_ROTATE_KEY, "", NULL), TRIB_OK);
    assert_int_equal(durable_keys_kid(&t.app, A, later, NULL), TRIB_OK);
    assert_string_not_equal(kid, later);
    assert_true(verifies(A, header, TRIB_STR("x")));
}

static void a_token_opens_one_subscription_and_tells_its_generation(void **state) {
    (void)state;
    char token[DURABLE_TOKEN_BYTES], other[DURABLE_TOKEN_BYTES];
    int64_t generation = 0;
    assert_int_equal(durable_keys_token(&t.app, A, TRIB_STR("s"), 7, token, NULL), TRIB_OK);
    assert_true(durable_keys_token_read(&t.app, A, TRIB_STR("s"), trib_str_c(token), &generation));
    assert_int_equal(generation, 7);
    assert_false(durable_keys_token_read(&t.app, B, TRIB_STR("s"), trib_str_c(token), &generation));
    assert_false(durable_keys_token_read(&t.app, A, TRIB_STR("r"), trib_str_c(token), &generation));
    snprintf(other, sizeof other, "dst_8%s", strchr(token + 4, '_'));
    assert_false(durable_keys_token_read(&t.app, A, TRIB_STR("s"), trib_str_c(other), &generation));
    for (size_t n = 0; n < strlen(token); n++)
        assert_false(durable_keys_token_read(&t.app, A, TRIB_STR("s"), trib_str_make(token, n), &generation));
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_ROTATE_KEY, "", NULL), TRIB_OK);
    assert_true(durable_keys_token_read(&t.app, A, TRIB_STR("s"), trib_str_c(token), &generation));
    trib_control_op op = {.type = TRIB_CONTROL_ROTATE_KEY, .drop_all = true};
    assert_int_equal(app_test_run(&t, &op, "", NULL), TRIB_OK);
    assert_false(durable_keys_token_read(&t.app, A, TRIB_STR("s"), trib_str_c(token), &generation));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_signature_is_that_of_one_tenant_and_one_body, setup, teardown),
        cmocka_unit_test_setup_teardown(earlier_keys_stay_published_and_later_ones_sign, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_opens_one_subscription_and_tells_its_generation, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
