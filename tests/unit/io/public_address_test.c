/* SPDX-License-Identifier: Apache-2.0 */
/* The edges of each network that is not public. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "io/public_address.h"

static bool is_public(const char *text) {
    struct sockaddr_storage at = {0};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) memcpy(&at, &v4, sizeof v4);
    else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) memcpy(&at, &v6, sizeof v6);
    else fail_msg("%s is no address", text);
    return trib_public_address((const struct sockaddr *)(const void *)&at);
}

static void addresses_that_are_somebodys_own_are_not_public(void **state) {
    (void)state;
    static const char *const own[] = {"0.0.0.0",
                                      "10.0.0.1",
                                      "10.255.255.255",
                                      "100.64.0.0",
                                      "100.127.255.255",
                                      "127.0.0.1",
                                      "127.255.255.255",
                                      "169.254.0.1",
                                      "169.254.169.254",
                                      "172.16.0.0",
                                      "172.31.255.255",
                                      "192.0.0.1",
                                      "192.168.0.1",
                                      "198.18.0.0",
                                      "198.19.255.255",
                                      "203.0.113.9",
                                      "224.0.0.1",
                                      "240.0.0.1",
                                      "255.255.255.255",
                                      "::",
                                      "::1",
                                      "::ffff:10.0.0.1",
                                      "::ffff:127.0.0.1",
                                      "64:ff9b::a00:1",
                                      "fe80::1",
                                      "fc00::1",
                                      "fd12:3456::1",
                                      "ff02::1",
                                      "2001:db8::1",
                                      "2002:a00:1::",
                                      "2002:7f00:1::",
                                      "2001::1",
                                      "4000::1",
                                      "3fff::1"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (is_public(own[i])) fail_msg("%s", own[i]);
}

static void their_neighbours_are(void **state) {
    (void)state;
    static const char *const all[] = {"1.1.1.1",        "9.255.255.255",   "11.0.0.0",        "100.63.255.255",
                                      "100.128.0.0",    "126.255.255.255", "128.0.0.0",       "169.253.255.255",
                                      "172.15.255.255", "172.32.0.0",      "192.167.255.255", "198.17.255.255",
                                      "198.20.0.0",     "223.255.255.255", "2606:4700::1",    "2a00::1",
                                      "::ffff:8.8.8.8", "2002:808:808::1", "2001:4860::1"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!is_public(all[i])) fail_msg("%s", all[i]);
}

static void other_families_are_not(void **state) {
    (void)state;
    struct sockaddr at = {.sa_family = AF_UNIX};
    assert_false(trib_public_address(&at));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_that_are_somebodys_own_are_not_public),
        cmocka_unit_test(their_neighbours_are),
        cmocka_unit_test(other_families_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
