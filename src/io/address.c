/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as text: "127.0.0.1:8080", "[::1]:8080", "unix:/path". Names are not resolved: a listener must know what it
 * binds, and a look-up could block. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "io/listener_int.h"

static trib_code refuse(trib_error *err, const char *text, const char *why) {
    return trib_error_set(
        err, TRIB_CONFIG,
        "cannot listen on \"%s\": %s; write 127.0.0.1:8080, [::1]:8080, 0.0.0.0:8080 (all interfaces) "
        "or unix:/path/to/socket",
        text, why);
}

static trib_code parse_unix(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len, trib_error *err) {
    const char *path = text + strlen("unix:");
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len == 0) return refuse(err, text, "the path is empty");
    if (len >= sizeof at.sun_path)
        return refuse(err, text, "the path is longer than the 107 bytes that the system allows");
    memcpy(at.sun_path, path, len + 1);
    memcpy(ret, &at, sizeof at);
    *ret_len = (socklen_t)sizeof at;
    return TRIB_OK;
}

trib_code trib_address_parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len, trib_error *err) {
    trib_str all = trib_str_c(text);
    if (trib_str_starts(all, TRIB_STR("unix:"))) return parse_unix(text, ret, ret_len, err);

    const char *colon = strrchr(text, ':');
    if (!colon) return refuse(err, text, "there is no port");
    trib_str host = {text, (size_t)(colon - text)};
    uint64_t port;
    if (!trib_str_u64(trib_str_c(colon + 1), &port) || port > 65535) {
        return refuse(err, text, "the port is not a number from 0 to 65535");
    }
    bool brackets = host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    if (brackets) host = trib_str_sub(host, 1, host.len - 1);
    char ip[INET6_ADDRSTRLEN];
    if (host.len == 0 || host.len >= sizeof ip)
        return refuse(err, text, "the part before the port is not an IP address");
    memcpy(ip, host.ptr, host.len);
    ip[host.len] = '\0';

    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    if (!brackets && inet_pton(AF_INET, ip, &v4.sin_addr) == 1) {
        memcpy(ret, &v4, sizeof v4);
        *ret_len = (socklen_t)sizeof v4;
    } else if (brackets && inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1) {
        memcpy(ret, &v6, sizeof v6);
        *ret_len = (socklen_t)sizeof v6;
    } else {
        return refuse(err, text, "the part before the port is not an IP address (IPv6 goes in brackets)");
    }
    return TRIB_OK;
}

size_t trib_address_text(int family, const uint8_t *ip, uint16_t port, char *text, size_t cap) {
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char name[INET6_ADDRSTRLEN] = "?";
    int n;
    if (family == AF_INET6 && memcmp(ip, mapped, sizeof mapped) == 0) {
        /* an IPv4 peer of an IPv6 socket: show it as it calls itself */
        family = AF_INET;
        ip += sizeof mapped;
    }
    if (family == AF_INET) {
        inet_ntop(AF_INET, ip, name, sizeof name);
        n = snprintf(text, cap, "%s:%u", name, (unsigned)port);
    } else if (family == AF_INET6) {
        inet_ntop(AF_INET6, ip, name, sizeof name);
        n = snprintf(text, cap, "[%s]:%u", name, (unsigned)port);
    } else {
        n = snprintf(text, cap, "unix");
    }
    return n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
}

void trib_address_to_reach(const char *address, char *text, size_t cap) {
    static const char *const any[][2] = {{"0.0.0.0:", "127.0.0.1:"}, {"[::]:", "[::1]:"}};
    for (size_t i = 0; i < sizeof any / sizeof *any; i++) {
        size_t n = strlen(any[i][0]);
        if (strncmp(address, any[i][0], n) != 0) continue;
        snprintf(text, cap, "%s%s", any[i][1], address + n);
        return;
    }
    snprintf(text, cap, "%s", address);
}
