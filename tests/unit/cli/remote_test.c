/* SPDX-License-Identifier: Apache-2.0 */
/* URLs and secrets as people give them. */
#include "cli/remote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void urls_get_a_port_and_a_slash(void **state) {
    static const struct {
        const char *url, *path, *wanted, *socket;
    } rows[] = {
        {"http://127.0.0.1:8080", "", "http://127.0.0.1:8080/", ""},
        {"http://127.0.0.1:8080/", "ali/", "http://127.0.0.1:8080/ali/", ""},
        {"http://h/acme", "", "http://h:80/acme/", ""},
        {"libsql://db.example.com", "", "https://db.example.com:443/", ""},
        {"ws://h:1/", "", "http://h:1/", ""},
        {"http://[::1]:8080/", "x/", "http://[::1]:8080/x/", ""},
        {"unix:/run/trib.sock", "", "http://localhost/", "/run/trib.sock"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_remote remote;
        trib_error err;
        assert_int_equal(trib_remote_init(&remote, NULL, rows[i].url, rows[i].path, &err), TRIB_OK);
        assert_string_equal(remote.url, rows[i].wanted);
        assert_string_equal(remote.unix_socket, rows[i].socket);
    }
}

static void what_is_no_url_is_a_usage_error(void **state) {
    static const char *const urls[] = {"", "acme", "ftp://h/", "http://user:pw@h/"};
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        trib_remote remote;
        trib_error err;
        assert_int_equal(trib_remote_init(&remote, NULL, urls[i], "", &err), TRIB_USAGE);
        /* a password in the URL must not come back in the message */
        assert_null(strstr(err.message, ":pw@"));
    }
}

static void secrets_cannot_smuggle_header_lines(void **state) {
    trib_remote remote;
    trib_error err;
    (void)state;
    assert_int_equal(trib_remote_init(&remote, NULL, "http://h/", "", &err), TRIB_OK);
    assert_int_equal(trib_remote_set_token(&remote, "abc", &err), TRIB_OK);
    assert_string_equal(remote.authorization, "Bearer abc");
    assert_int_equal(trib_remote_set_admin_key(&remote, "k", &err), TRIB_OK);
    assert_string_equal(remote.authorization, "Basic k");
    assert_int_equal(trib_remote_set_token(&remote, "abc\r\nx: y", &err), TRIB_USAGE);
    assert_string_equal(remote.authorization, "");
    assert_int_equal(trib_remote_set_token(&remote, NULL, &err), TRIB_OK);
    assert_string_equal(remote.authorization, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_get_a_port_and_a_slash),
        cmocka_unit_test(what_is_no_url_is_a_usage_error),
        cmocka_unit_test(secrets_cannot_smuggle_header_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
