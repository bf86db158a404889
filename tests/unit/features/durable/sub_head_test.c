/* SPDX-License-Identifier: Apache-2.0 */
/* Where webhooks may go, and what a PUT of a subscription may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "features/durable/sub_int.h"

static void hosts_are_names_of_the_public_internet(void **state) {
    static const struct {
        const char *url;
        bool fine, local;
    } rows[] = {
        {"https://example.com/h", true, true},
        {"https://a.b.example.com:8443/h?x=1", true, true},
        {"http://example.com/h", false, false},
        {"http://localhost:80/", false, true},
        {"http://127.0.0.1:9/", false, true},
        {"http://127.9.9.9/", false, true},
        {"http://10.0.0.1/hook", false, false},
        {"https://10.0.0.1/hook", false, false},
        {"https://127.0.0.1/", false, false},
        {"https://localhost/", false, false},
        {"https://a.localhost/", false, false},
        {"https://169.254.169.254/latest", false, false},
        {"https://2130706433/", false, false},
        {"https://0x7f.1/", false, false},
        {"https://0177.0.0.1/", false, false},
        {"https://[::1]/", false, false},
        {"http://[::1]/", false, false},
        {"http://127.0.0.1.example.com/", false, false},
        {"http://127.example.com/", false, false},
        {"https://8.8.8.8/", false, false},
        {"ftp://example.com/", false, false},
        {"https://user@example.com/", false, false},
        {"example.com", false, false},
        {"", false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int local = 0; local < 2; local++) {
            trib_error err;
            trib_code code = durable_check_url(trib_str_c(rows[i].url), local, &err);
            bool want = local ? rows[i].local : rows[i].fine;
            if ((code == TRIB_OK) != want) fail_msg("%s, local %d", rows[i].url, local);
            if (code != TRIB_OK) assert_int_equal(code, TRIB_WEBHOOK_URL_REJECTED);
        }
    }
}

static trib_app app;

/* The hash of a PUT, or NULL. */
static const char *put(const char *body) {
    static char config[65];
    trib_arena arena;
    durable_call call = {0};
    trib_error err;
    trib_arena_init(&arena, 1 << 20);
    trib_http_request http = {
        .app = &app, .arena = &arena, .body = trib_str_c(body), .path_params = {TRIB_STR("s")}, .path_param_count = 1};
    trib_code code = durable_call_put(&http, &call, &err);
    memcpy(config, call.config, sizeof config);
    trib_arena_deinit(&arena);
    return code == TRIB_OK ? config : NULL;
}

#define HOOK "\"type\":\"webhook\",\"webhook\":{\"url\":\"https://e.com/\"}"
#define PULL "\"type\":\"pull-wake\",\"wake_stream\":\"w\""

static void what_a_put_says_is_checked(void **state) {
    static const char *const fine[] = {"{" HOOK ",\"pattern\":\"a/*\"}", "{" PULL ",\"streams\":[\"a\"]}",
                                       "{" PULL ",\"pattern\":\"a\",\"lease_ttl_ms\":600000,\"webhook\":null}"};
    static const char *const bad[] = {"",
                                      "[]",
                                      "{" HOOK "}",
                                      "{" PULL ",\"streams\":[]}",
                                      "{" PULL ",\"streams\":[1]}",
                                      "{" PULL ",\"streams\":\"a\"}",
                                      "{" PULL ",\"streams\":[\"__ds/x\"]}",
                                      "{" PULL ",\"pattern\":\"\"}",
                                      "{\"type\":\"other\",\"pattern\":\"a\"}",
                                      "{\"type\":\"pull-wake\",\"pattern\":\"a\"}",
                                      "{\"type\":\"webhook\",\"pattern\":\"a\"}",
                                      "{" HOOK ",\"pattern\":\"a\",\"wake_stream\":\"w\"}",
                                      "{" PULL ",\"pattern\":\"a\",\"webhook\":{\"url\":\"https://e.com/\"}}",
                                      "{" PULL ",\"pattern\":\"a\",\"lease_ttl_ms\":999}",
                                      "{" PULL ",\"pattern\":\"a\",\"lease_ttl_ms\":1.5}",
                                      "{" PULL ",\"pattern\":\"a\",\"lease_ttl_ms\":600001}",
                                      "{" PULL ",\"pattern\":\"a\",\"filter\":{}}",
                                      "{\"type\":\"pull-wake\",\"wake_stream\":\"deals/1\",\"pattern\":\"a\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        if (!put(fine[i])) fail_msg("%s", fine[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (put(bad[i])) fail_msg("%s", bad[i]);
}

static void the_same_settings_have_the_same_hash(void **state) {
    char first[65];
    (void)state;
    memcpy(first, put("{" PULL ",\"streams\":[\"a\",\"b\"]}"), sizeof first);
    assert_string_equal(first, put("{" PULL ",\"lease_ttl_ms\":30000,\"streams\":[\"/b/\",\"a\",\"b\"]}"));
    assert_string_not_equal(first, put("{" PULL ",\"streams\":[\"a\"]}"));
    assert_string_not_equal(first, put("{" PULL ",\"streams\":[\"a\",\"b\"],\"description\":\"x\"}"));
    assert_string_not_equal(first, put("{" PULL ",\"streams\":[\"a\",\"b\"],\"lease_ttl_ms\":1000}"));
    assert_string_not_equal(first, put("{" PULL ",\"streams\":[\"b\"],\"pattern\":\"a\"}"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_names_of_the_public_internet),
        cmocka_unit_test(what_a_put_says_is_checked),
        cmocka_unit_test(the_same_settings_have_the_same_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
