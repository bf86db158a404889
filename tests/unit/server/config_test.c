/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: the order of the sources, suggestions, values of every type, what must fit together, secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "server/config.h"

static void a_stronger_source_wins_and_is_remembered(void **state) {
    (void)state;
    trib_config config;
    trib_error err;
    char *const environment[] = {"PATH=/bin", "TRIB_LISTEN=127.0.0.1:3", "TRIB_DATA=from-env", "TRIB_TOKEN=t", NULL};
    assert_int_equal(trib_config_init(&config, &err), TRIB_OK);
    trib_str file = TRIB_STR("# comment\n\n  listen = 127.0.0.1:2 \r\ndata=\"from file\"\nworkers = 5\n");
    assert_int_equal(trib_config_add_file(&config, "f", file, &err), TRIB_OK);
    assert_int_equal(trib_config_add_environment(&config, environment, &err), TRIB_OK);
    assert_int_equal(trib_config_add_flag(&config, TRIB_STR("listen"), "127.0.0.1:4", &err), TRIB_OK);
    assert_int_equal(trib_config_finish(&config, &err), TRIB_OK);
    assert_string_equal(config.listen, "127.0.0.1:4");
    assert_string_equal(config.data, "from-env");
    assert_int_equal(config.workers, 5);
    assert_string_equal(config.admin_listen, "127.0.0.1:8081");
    assert_int_equal(trib_config_get_origin(&config, TRIB_CONFIG_ID_listen), TRIB_CONFIG_FROM_FLAG);
    assert_int_equal(trib_config_get_origin(&config, TRIB_CONFIG_ID_data), TRIB_CONFIG_FROM_ENVIRONMENT);
    assert_int_equal(trib_config_get_origin(&config, TRIB_CONFIG_ID_workers), TRIB_CONFIG_FROM_FILE);
    assert_int_equal(trib_config_get_origin(&config, TRIB_CONFIG_ID_loops), TRIB_CONFIG_FROM_DEFAULT);
    trib_config_deinit(&config);
}

static void the_defaults_and_the_examples_of_every_row_are_valid(void **state) {
    (void)state;
    for (size_t id = 0; id <= TRIB_CONFIG_COUNT_OF_ROWS; id++) {
        trib_config config;
        trib_error err;
        char flag[TRIB_CONFIG_NAME_BYTES];
        bool is_switch;
        assert_int_equal(trib_config_init(&config, &err), TRIB_OK);
        if (id < TRIB_CONFIG_COUNT_OF_ROWS) {
            trib_config_flag_name(id, flag);
            assert_true(trib_config_knows_flag(trib_str_c(flag), &is_switch));
            assert_int_equal(trib_config_add_flag(&config, trib_str_c(flag), trib_config_row_at(id)->example, &err),
                             TRIB_OK);
        }
        if (id >= TRIB_CONFIG_ID_tls_cert && id <= TRIB_CONFIG_ID_admin_tls_key) { /* alone they make no sense */
            assert_int_equal(trib_config_finish(&config, &err), TRIB_CONFIG);
            trib_config_flag_name((id - TRIB_CONFIG_ID_tls_cert) % 2 ? id - 1 : id + 1, flag);
            assert_int_equal(trib_config_add_flag(&config, trib_str_c(flag), "other.pem", &err), TRIB_OK);
        }
        if (trib_config_finish(&config, &err)) fail_msg("%s", err.message);
        trib_config_deinit(&config);
    }
}

static void wrong_lines_say_where_and_what_was_meant(void **state) {
    (void)state;
    static const struct {
        const char *file, *want;
    } rows[] = {
        {"a = 1\nlisen = 2\n", "f:1: there is no setting a"},
        {"lisen = 2\n", "did you mean listen?"},
        {"admin-listen = 127.0.0.1:1\n", "did you mean admin_listen?"},
        {"listen\n", "f:1: a line must be `key = value`"},
        {"loops = 1\nloops = 2\n", "f:2: loops is set a second time, first in line 1"},
        {"\xff = 1\n", "not a settings file"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_config config;
        trib_error err;
        assert_int_equal(trib_config_init(&config, &err), TRIB_OK);
        assert_int_equal(trib_config_add_file(&config, "f", trib_str_c(rows[i].file), &err), TRIB_CONFIG);
        if (!strstr(err.message, rows[i].want)) fail_msg("%s: %s", rows[i].file, err.message);
        trib_config_deinit(&config);
    }
}

static void unknown_flags_and_variables_are_errors_with_a_suggestion(void **state) {
    (void)state;
    trib_config config;
    trib_error err;
    char *const environment[] = {"TRIB_ADMIN_LISTN=x", NULL}, *const for_others[] = {"TRIB_BIN=x", "TRIB_TEST_X=1",
                                                                                     NULL};
    assert_int_equal(trib_config_init(&config, &err), TRIB_OK);
    assert_int_equal(trib_config_add_flag(&config, TRIB_STR("no-aut"), NULL, &err), TRIB_USAGE);
    assert_non_null(strstr(err.message, "did you mean no-auth?"));
    assert_int_equal(trib_config_add_flag(&config, TRIB_STR("zzzzzz"), NULL, &err), TRIB_USAGE);
    assert_null(strstr(err.message, "did you mean"));
    assert_int_equal(trib_config_add_flag(&config, TRIB_STR("listen"), NULL, &err), TRIB_USAGE);
    assert_int_equal(trib_config_add_environment(&config, environment, &err), TRIB_CONFIG);
    assert_non_null(strstr(err.message, "did you mean TRIB_ADMIN_LISTEN?"));
    assert_int_equal(trib_config_add_environment(&config, for_others, &err), TRIB_OK);
    trib_config_deinit(&config);
}

static void values_that_do_not_fit_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *flag, *value, *want; /* want NULL: accepted */
    } rows[] = {
        {"loops", "two", "is not a whole number"},
        {"loops", "4294967296", "is not a whole number"},
        {"session-idle", "60", "a time with a unit"},
        {"session-idle", "5m", NULL},
        {"max-row", "5 parsecs", "a size"},
        {"log-level", "loud", "debug, info, warn or error"},
        {"log-format", "xml", "text or json"},
        {"no-auth", "maybe", "true or false"},
        {"listen", "8080", "is not an address"},
        {"public-url", "https://db.example.com", "must end with a slash"},
        {"public-url", "https://db.example.com/", NULL},
        {"data", "", "data is empty"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_config config;
        trib_error err;
        assert_int_equal(trib_config_init(&config, &err), TRIB_OK);
        assert_int_equal(trib_config_add_flag(&config, trib_str_c(rows[i].flag), rows[i].value, &err), TRIB_OK);
        assert_int_equal(trib_config_finish(&config, &err), rows[i].want ? TRIB_CONFIG : TRIB_OK);
        if (rows[i].want && !strstr(err.message, rows[i].want)) fail_msg("%s: %s", rows[i].value, err.message);
        trib_config_deinit(&config);
    }
}

static void tls_needs_both_files_and_no_unix_socket(void **state) {
    (void)state;
    static const struct {
        const char *file, *want; /* want NULL: accepted */
    } rows[] = {
        {"tls_cert = c\ntls_key = k\n", NULL},
        {"tls_cert = c\ntls_key = k\nadmin_tls_cert = c\nadmin_tls_key = k\n", NULL},
        {"tls_cert = c\n", "tls_cert is set without tls_key"},
        {"tls_cert = c\nadmin_tls_key = k\n", "tls_cert is set without tls_key"},
        {"admin_tls_key = k\n", "admin_tls_key is set without admin_tls_cert"},
        {"tls_cert = c\ntls_key = k\nlisten = unix:/tmp/x\n", "listen is a unix socket"},
        {"tls_cert = c\ntls_key = k\nadmin_listen = unix:/tmp/x\n", NULL},
        {"admin_tls_cert = c\nadmin_tls_key = k\nadmin_listen = unix:/tmp/x\n", "admin_listen is a unix socket"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_config config;
        trib_error err;
        assert_int_equal(trib_config_init(&config, &err), TRIB_OK);
        assert_int_equal(trib_config_add_file(&config, "f", trib_str_c(rows[i].file), &err), TRIB_OK);
        assert_int_equal(trib_config_finish(&config, &err), rows[i].want ? TRIB_CONFIG : TRIB_OK);
        if (rows[i].want && !strstr(err.message, rows[i].want)) fail_msg("%zu: %s", i, err.message);
        trib_config_deinit(&config);
    }
}

static void no_auth_is_only_for_listeners_that_nobody_else_reaches(void **state) {
    (void)state;
    static const struct {
        const char *listen, *admin;
        bool fine;
    } rows[] = {
        {"127.0.0.1:0", "127.0.0.1:0", true},
        {"[::1]:0", "unix:/tmp/x", true},
        {"127.0.0.1:0", "", true},
        {"0.0.0.0:8080", "127.0.0.1:0", false},
        {"127.0.0.1:0", "10.0.0.1:1", false},
        {"[::]:80", "127.0.0.1:0", false},
        {"1270.0.0.1:80", "127.0.0.1:0", false},
        {"", "", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_config config;
        trib_error err;
        assert_int_equal(trib_config_init(&config, &err), TRIB_OK);
        assert_int_equal(trib_config_add_flag(&config, TRIB_STR("no-auth"), NULL, &err), TRIB_OK);
        assert_int_equal(trib_config_add_flag(&config, TRIB_STR("listen"), rows[i].listen, &err), TRIB_OK);
        assert_int_equal(trib_config_add_flag(&config, TRIB_STR("admin-listen"), rows[i].admin, &err), TRIB_OK);
        assert_int_equal(trib_config_finish(&config, &err) == TRIB_OK, rows[i].fine);
        trib_config_deinit(&config);
    }
}

static void secrets_never_show(void **state) {
    (void)state;
    trib_config config;
    trib_error err;
    assert_int_equal(trib_config_init(&config, &err), TRIB_OK);
    assert_string_equal(trib_config_text(&config, TRIB_CONFIG_ID_admin_key), "");
    assert_int_equal(trib_config_add_flag(&config, TRIB_STR("admin-key"), "hunter2", &err), TRIB_OK);
    assert_int_equal(trib_config_finish(&config, &err), TRIB_OK);
    assert_string_equal(config.admin_key, "hunter2");
    assert_null(strstr(trib_config_text(&config, TRIB_CONFIG_ID_admin_key), "hunter"));
    trib_config_deinit(&config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stronger_source_wins_and_is_remembered),
        cmocka_unit_test(the_defaults_and_the_examples_of_every_row_are_valid),
        cmocka_unit_test(wrong_lines_say_where_and_what_was_meant),
        cmocka_unit_test(unknown_flags_and_variables_are_errors_with_a_suggestion),
        cmocka_unit_test(values_that_do_not_fit_are_refused),
        cmocka_unit_test(tls_needs_both_files_and_no_unix_socket),
        cmocka_unit_test(no_auth_is_only_for_listeners_that_nobody_else_reaches),
        cmocka_unit_test(secrets_never_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
