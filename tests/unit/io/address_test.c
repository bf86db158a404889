/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of addresses as text. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "io/listener_int.h"

static void addresses_that_cannot_be_read_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *address, *why;
    } rows[] = {
        {"", "no port"},
        {"8080", "no port"},
        {":8080", "not an IP address"},
        {"localhost:8080", "not an IP address"},
        {"127.0.0.1:", "the port is not"},
        {"127.0.0.1:65536", "the port is not"},
        {"127.0.0.1:-1", "the port is not"},
        {"::1:8080", "brackets"},
        {"[127.0.0.1]:80", "not an IP address"},
        {"[::1:80", "not an IP address"},
        {"unix:", "empty"},
        {"unix:/no/such/folder/012345678901234567890123456789012345678901234567890123456789"
         "0123456789012345678901234567890123456789",
         "107"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sockaddr_storage at;
        socklen_t len = 0;
        trib_error err = {0};
        assert_int_equal(trib_address_parse(rows[i].address, &at, &len, &err), TRIB_CONFIG);
        if (!strstr(err.message, rows[i].why)) fail_msg("%s: %s", rows[i].address, err.message);
        assert_int_equal(len, 0);
    }
}

static void good_addresses_become_what_they_say(void **state) {
    (void)state;
    struct sockaddr_storage at;
    socklen_t len;
    const struct sockaddr_in *v4 = (const void *)&at;
    const struct sockaddr_in6 *v6 = (const void *)&at;
    const struct sockaddr_un *un = (const void *)&at;
    assert_int_equal(trib_address_parse("10.1.2.3:65535", &at, &len, NULL), TRIB_OK);
    assert_int_equal(at.ss_family, AF_INET);
    assert_int_equal(len, sizeof *v4);
    assert_int_equal(ntohs(v4->sin_port), 65535);
    assert_int_equal(ntohl(v4->sin_addr.s_addr), 0x0a010203);
    assert_int_equal(trib_address_parse("[2001:db8::7]:0", &at, &len, NULL), TRIB_OK);
    assert_int_equal(at.ss_family, AF_INET6);
    assert_int_equal(len, sizeof *v6);
    assert_int_equal(v6->sin6_port, 0);
    assert_int_equal(v6->sin6_addr.s6_addr[15], 7);
    assert_int_equal(trib_address_parse("unix:a:b", &at, &len, NULL), TRIB_OK);
    assert_int_equal(at.ss_family, AF_UNIX);
    assert_string_equal(un->sun_path, "a:b");
}

static void addresses_are_shown_as_people_write_them(void **state) {
    (void)state;
    static const struct {
        int family;
        uint8_t ip[16];
        const char *text;
    } rows[] = {
        {AF_INET, {127, 0, 0, 1}, "127.0.0.1:80"},
        {AF_INET6, {[15] = 1}, "[::1]:80"},
        {AF_INET6, {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 9}, "10.0.0.9:80"}, /* IPv4 through an IPv6 socket */
        {AF_UNIX, {0}, "unix"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[TRIB_CONN_PEER_BYTES];
        assert_int_equal(trib_address_text(rows[i].family, rows[i].ip, 80, text, sizeof text), strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
    }
    char small[6];
    assert_int_equal(trib_address_text(AF_INET, rows[0].ip, 80, small, sizeof small), 5); /* cut, never past the end */
    assert_string_equal(small, "127.0");
}

static void a_wildcard_is_reached_through_the_loopback(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"0.0.0.0:8080", "127.0.0.1:8080"}, {"[::]:8080", "[::1]:8080"},          {"10.0.0.0:80", "10.0.0.0:80"},
        {"[::1]:8080", "[::1]:8080"},       {"127.0.0.1:8080", "127.0.0.1:8080"}, {"unix:/a/b", "unix:/a/b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[64];
        trib_address_to_reach(rows[i][0], text, sizeof text);
        assert_string_equal(text, rows[i][1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_that_cannot_be_read_are_refused),
        cmocka_unit_test(good_addresses_become_what_they_say),
        cmocka_unit_test(addresses_are_shown_as_people_write_them),
        cmocka_unit_test(a_wildcard_is_reached_through_the_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
