/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the service manager's protocols, with this process as the service and a socket as the manager. */
#include "io/systemd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const names[] = {"user", "admin"};

static void set_env(const char *name, const char *value) {
    if (value) setenv(name, value, 1);
    else unsetenv(name);
}

static trib_code get(const char *pid, const char *fds, const char *fd_names, int got[2], trib_error *err) {
    char own[32];
    snprintf(own, sizeof own, "%d", (int)getpid());
    set_env("LISTEN_PID", pid ? pid : own);
    set_env("LISTEN_FDS", fds);
    set_env("LISTEN_FDNAMES", fd_names);
    return trib_systemd_get_sockets(names, 2, got, err);
}

static void sockets_are_found_by_their_names(void **state) {
    static const struct {
        const char *pid, *fds, *names;
        int user, admin;
    } rows[] = {
        {NULL, "2", "admin:user", 4, 3},   {NULL, "1", "user", 3, 0},
        {NULL, "1", "admin", 0, 3},        {NULL, "2", NULL, 3, 4}, /* no names: in order */
        {NULL, NULL, NULL, 0, 0},          {NULL, "0", "", 0, 0},
        {NULL, "two", "user:admin", 0, 0}, {"1", "2", "user:admin", 0, 0}, /* meant for a parent */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int got[2] = {-1, -1};
        trib_error err;
        assert_int_equal(get(rows[i].pid, rows[i].fds, rows[i].names, got, &err), TRIB_OK);
        assert_int_equal(got[0], rows[i].user);
        assert_int_equal(got[1], rows[i].admin);
    }
}

static void a_socket_that_nobody_asked_for_is_an_error_with_the_cure(void **state) {
    static const struct {
        const char *fds, *names, *word;
    } rows[] = {
        {"1", "trib.socket", "FileDescriptorName="},
        {"2", "user", "name \"\""},
        {"2", "user:user", "two sockets with the name \"user\""},
        {"3", NULL, "name \"\""},
        {"17", NULL, "at most 16"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int got[2];
        trib_error err = {0};
        assert_int_equal(get(NULL, rows[i].fds, rows[i].names, got, &err), TRIB_CONFIG);
        if (!strstr(err.message, rows[i].word)) fail_msg("%s", err.message);
    }
}

/* Sends `state` to a manager at this address; what it got, or "". */
static void notify(const char *address, bool abstract, const char *message, char *got, size_t cap) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t n = strlen(address);
    memcpy(at.sun_path, address, n);
    if (abstract) at.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + !abstract);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, bytes), 0);
    set_env("NOTIFY_SOCKET", address);
    bool sent = message ? trib_systemd_notify(message) : trib_systemd_notify_reloading(1234567);
    ssize_t len = recv(fd, got, cap - 1, 0);
    got[len > 0 ? len : 0] = '\0';
    assert_int_equal(sent, len > 0);
    close(fd);
}

static void the_manager_hears_what_it_is_told(void **state) {
    char path[] = "/tmp/trib-sd-XXXXXX", address[64], got[128];
    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(address, sizeof address, "%s/notify", path);
    notify(address, false, "READY=1", got, sizeof got);
    assert_string_equal(got, "READY=1");
    unlink(address);
    notify(address, false, NULL, got, sizeof got);
    assert_string_equal(got, "RELOADING=1\nMONOTONIC_USEC=1234");
    unlink(address);
    rmdir(path);
    snprintf(address, sizeof address, "@trib-sd-test-%d", (int)getpid());
    notify(address, true, "STOPPING=1", got, sizeof got);
    assert_string_equal(got, "STOPPING=1");
}

static void without_a_manager_nothing_happens(void **state) {
    static const char *const none[] = {NULL, "", "/", "relative", "/nowhere/notify"};
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        set_env("NOTIFY_SOCKET", none[i]);
        assert_false(trib_systemd_notify("READY=1"));
    }
    char longest[300];
    memset(longest, 'x', sizeof longest);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    set_env("NOTIFY_SOCKET", longest);
    assert_false(trib_systemd_notify("READY=1"));
}

static void the_watchdog_is_asked_for_by_process(void **state) {
    char own[32];
    (void)state;
    snprintf(own, sizeof own, "%d", (int)getpid());
    set_env("WATCHDOG_USEC", "30000000");
    set_env("WATCHDOG_PID", own);
    assert_int_equal(trib_systemd_watchdog_ms(), 30000);
    set_env("WATCHDOG_PID", NULL);
    assert_int_equal(trib_systemd_watchdog_ms(), 30000);
    set_env("WATCHDOG_PID", "1");
    assert_int_equal(trib_systemd_watchdog_ms(), 0);
    set_env("WATCHDOG_PID", own);
    set_env("WATCHDOG_USEC", NULL);
    assert_int_equal(trib_systemd_watchdog_ms(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_are_found_by_their_names),
        cmocka_unit_test(a_socket_that_nobody_asked_for_is_an_error_with_the_cure),
        cmocka_unit_test(the_manager_hears_what_it_is_told),
        cmocka_unit_test(without_a_manager_nothing_happens),
        cmocka_unit_test(the_watchdog_is_asked_for_by_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
