/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager's protocols; see systemd.h. */
#include "io/systemd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"

enum {
    FIRST_FD = 3,         /* SD_LISTEN_FDS_START */
    SOCKETS_MAX = 16,     /* more than the names that anybody here knows: a mistake of the unit */
    STATE_MAX_BYTES = 256 /* of a message that is put together here */
};

/* The variable as a number; 0 where it is missing or none. */
static uint64_t number_of(const char *variable) {
    uint64_t value = 0;
    const char *text = getenv(variable);
    return text && trib_str_u64(trib_str_c(text), &value) ? value : 0;
}

/* ---- sockets ---- */

/* The next name of a list that is divided by colons. */
static trib_str next_name(trib_str *list) {
    size_t colon = trib_str_find(*list, ':');
    trib_str name = trib_str_sub(*list, 0, colon == SIZE_MAX ? list->len : colon);
    *list = trib_str_sub(*list, colon == SIZE_MAX ? list->len : colon + 1, list->len);
    return name;
}

static trib_code unknown(trib_str name, const char *const *names, size_t count, trib_error *err) {
    return trib_error_set(err, TRIB_CONFIG,
                          "the service manager gives a socket with the name \"%.*s\"; set FileDescriptorName= in its "
                          "socket unit to %s%s%s",
                          TRIB_STR_ARG(name), names[0], count > 1 ? " or " : "", count > 1 ? names[1] : "");
}

trib_code trib_systemd_get_sockets(const char *const *names, size_t count, int *ret_fds, trib_error *err) {
    uint64_t fds = number_of("LISTEN_FDS");
    const char *list = getenv("LISTEN_FDNAMES");
    trib_str left = trib_str_c(list ? list : "");
    for (size_t i = 0; i < count; i++) ret_fds[i] = 0;
    /* the variables may be inherited from a parent that they were meant for */
    if (number_of("LISTEN_PID") != (uint64_t)getpid()) return TRIB_OK;
    if (fds > SOCKETS_MAX)
        return trib_error_set(err, TRIB_CONFIG, "the service manager gives %llu sockets; at most %d are of use",
                              (unsigned long long)fds, SOCKETS_MAX);
    for (size_t n = 0; n < fds; n++) {
        trib_str name = list ? next_name(&left) : trib_str_c(n < count ? names[n] : "");
        size_t i = 0;
        while (i < count && !trib_str_eq_c(name, names[i])) i++;
        if (i == count) return unknown(name, names, count, err);
        if (ret_fds[i])
            return trib_error_set(err, TRIB_CONFIG,
                                  "the service manager gives two sockets with the name \"%s\"; keep one ListenStream= "
                                  "of each name ([::]:PORT takes IPv4 and IPv6)",
                                  names[i]);
        ret_fds[i] = FIRST_FD + (int)n;
    }
    return TRIB_OK;
}

/* ---- notices ---- */

bool trib_systemd_notify(const char *state) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    if (len < 2 || len >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@')) return false;
    memcpy(to.sun_path, path, len + 1);
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (path[0] == '@') to.sun_path[0] = '\0'; /* an abstract address has no NUL at its end */
    else bytes++;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    size_t n = strlen(state);
    bool sent = sendto(fd, state, n, MSG_NOSIGNAL, (const struct sockaddr *)&to, bytes) == (ssize_t)n;
    close(fd);
    return sent;
}

bool trib_systemd_notify_reloading(int64_t mono_ns) {
    char state[STATE_MAX_BYTES];
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(mono_ns / 1000));
    return trib_systemd_notify(state);
}

uint32_t trib_systemd_watchdog_ms(void) {
    uint64_t pid = number_of("WATCHDOG_PID"), ms = number_of("WATCHDOG_USEC") / 1000;
    if (pid && pid != (uint64_t)getpid()) return 0;
    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}
