/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/wire/tenant_name.c: which names a tenant may have, and the label of a host name. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "wire/tenant_name.h"

static void names_of_the_allowed_syntax_are_valid(void **state) {
    static const char *const names[] = {
        "ali",       "bab-hara", "rami",
        "a",         "0",        "7up",
        "a_b",       "a-",       "a_",
        "v22",       "healthy",  "streams",
        "discovery", "control",  "a123456789012345678901234567890123456789012345678901234567890123"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_true(trib_tenant_name_valid(trib_str_c(names[i])));
}

static void other_names_are_refused_with_what_is_allowed(void **state) {
    static const trib_str names[] = {
        TRIB_STR(""),
        TRIB_STR("-a"),
        TRIB_STR("_a"),
        TRIB_STR("Ali"),
        TRIB_STR("a.b"),
        TRIB_STR("."),
        TRIB_STR(".."),
        TRIB_STR("a/b"),
        TRIB_STR("../a"),
        TRIB_STR("a\0"),
        TRIB_STR("\0"),
        TRIB_STR("a b"),
        TRIB_STR(" a"),
        TRIB_STR("a "),
        TRIB_STR("a\n"),
        TRIB_STR("a%20"),
        TRIB_STR("\xC3\xA9"),
        TRIB_STR("a\xFF"),
        TRIB_STR("a:b"),
        TRIB_STR("a\\b"),
        TRIB_STR("wal_log.ReplicationLog"),
        TRIB_STR("proxy.Proxy"),
        TRIB_STR("a1234567890123456789012345678901234567890123456789012345678901234"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        trib_error err = {0};
        assert_int_equal(trib_tenant_name_check(names[i], &err), TRIB_TENANT_NAME_INVALID);
        assert_non_null(strstr(err.message, "1 to 64 lower-case letters"));
        assert_true(trib_str_utf8_valid(trib_str_c(err.message)));
    }
}

static void words_of_the_server_are_refused(void **state) {
    static const char *const words[] = {
        "health", "version", "metrics", "v1",   "v2",           "v3",    "v3-protobuf", "dev",   "api",     "console",
        "dump",   "info",    "export",  "sync", "pull-updates", "admin", "beta",        "proxy", "wal_log", "default"};
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        trib_error err = {0};
        assert_true(trib_tenant_name_reserved(trib_str_c(words[i])));
        assert_int_equal(trib_tenant_name_check(trib_str_c(words[i]), &err), TRIB_TENANT_NAME_INVALID);
        assert_non_null(strstr(err.message, words[i]));
    }
    assert_false(trib_tenant_name_reserved(TRIB_STR("ali")));
}

static void system_databases_are_known(void **state) {
    (void)state;
    assert_true(trib_tenant_name_system(TRIB_STR("control")));
    assert_true(trib_tenant_name_system(TRIB_STR("streams")));
    assert_true(trib_tenant_name_system(TRIB_STR("discovery")));
    assert_false(trib_tenant_name_system(TRIB_STR("stream")));
}

static void the_label_in_front_of_the_domain_is_found(void **state) {
    static const struct {
        const char *host, *domain, *label; /* label NULL: none */
    } rows[] = {
        {"ali.example.com", "example.com", "ali"},
        {"ali.example.com:8080", "example.com", "ali"},
        {"ALI.Example.COM", "example.com", "ali"},
        {"ali.example.com.", "example.com", "ali"},
        {"db-org.example.com", "example.com", "db-org"},
        {"ali.localhost:9", "localhost", "ali"},
        {"example.com", "example.com", NULL},
        {".example.com", "example.com", NULL},
        {"a.b.example.com", "example.com", NULL},
        {"ali.example.org", "example.com", NULL},
        {"aliexample.com", "example.com", NULL},
        {"ali.xexample.com", "example.com", NULL},
        {"127.0.0.1:80", "example.com", NULL},
        {"[::1]:80", "example.com", NULL},
        {"", "example.com", NULL},
        {"ali.example.com", "", NULL},
        {"a1234567890123456789012345678901234567890123456789012345678901234.example.com", "example.com", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[TRIB_TENANT_NAME_MAX_BYTES];
        trib_str label = {0};
        bool found = trib_tenant_host_label(trib_str_c(rows[i].host), trib_str_c(rows[i].domain), out, &label);
        assert_int_equal(found, rows[i].label != NULL);
        if (found) assert_true(trib_str_eq_c(label, rows[i].label));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_the_allowed_syntax_are_valid),
        cmocka_unit_test(other_names_are_refused_with_what_is_allowed),
        cmocka_unit_test(words_of_the_server_are_refused),
        cmocka_unit_test(system_databases_are_known),
        cmocka_unit_test(the_label_in_front_of_the_domain_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
