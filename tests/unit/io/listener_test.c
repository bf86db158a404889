/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of listeners: addresses, many connections, limits, drain. */
#include "conn_test.h"

enum { MANY = 1000 };

static void a_thousand_connections_are_served_and_shared_evenly(void **state) {
    (void)state;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < 8192 ? files.rlim_max : 8192;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < 2 * MANY + 100) skip();
    server s;
    server_start(&s, &echo_handler, (trib_conn_limits){0});
    int *fds = calloc(MANY, sizeof *fds);
    assert_non_null(fds);
    for (int i = 0; i < MANY; i++) fds[i] = client_to(&s);
    await(&s.opened, MANY);
    char text[16];
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "hello %d", i);
        client_send(fds[i], text, strlen(text));
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "hello %d", i);
        client_expect(fds[i], text);
    }
    trib_listener_stats stats;
    trib_listener_get_stats(s.listener, &stats);
    assert_int_equal(stats.accepted, MANY);
    assert_int_equal(stats.open, MANY);
    assert_int_equal(stats.refused, 0);
    assert_int_equal(s.loop_opened[0], MANY / LOOPS);
    assert_int_equal(s.loop_opened[1], MANY / LOOPS);
    for (int i = 0; i < MANY; i++) close(fds[i]);
    await(&s.closed, MANY);
    free(fds);
    server_stop(&s, 1000);
}

static void too_many_connections_are_refused_and_counted(void **state) {
    (void)state;
    server s;
    server_start_at(&s, "127.0.0.1:0", &echo_handler, (trib_conn_limits){0}, 3);
    int fds[5];
    for (int i = 0; i < 5; i++) fds[i] = client_to(&s);
    client_expect_end(fds[3]);
    client_expect_end(fds[4]);
    client_send(fds[2], "x", 1);
    client_expect(fds[2], "x");
    trib_listener_stats stats;
    trib_listener_get_stats(s.listener, &stats);
    assert_int_equal(stats.refused, 2);
    close(fds[0]);
    await(&s.closed, 1); /* its place is free again after on_close; the next connect may be refused once more */
    for (int fd = -1;;) {
        fd = client_to(&s);
        char byte;
        if (send(fd, "y", 1, MSG_NOSIGNAL) == 1 && client_read(fd, &byte, 1) == 1) {
            close(fd);
            break;
        }
        close(fd);
    }
    for (int i = 1; i < 5; i++) close(fds[i]);
    server_stop(&s, 1000);
}

static void open_and_note_peer(trib_conn *conn) {
    server *s = server_of(conn);
    trib_str peer = trib_conn_peer(conn, s->peer);
    if (peer.len != strlen(s->peer)) abort();
    note_open(conn);
}

static const trib_conn_handler peer_handler = {.on_open = open_and_note_peer, .on_data = echo, .on_close = note_close};

static void port_zero_reports_the_port_in_use_and_peers_have_names(void **state) {
    (void)state;
    server s;
    server_start(&s, &peer_handler, (trib_conn_limits){0});
    char text[64];
    snprintf(text, sizeof text, "127.0.0.1:%u", (unsigned)trib_listener_port(s.listener));
    assert_int_not_equal(trib_listener_port(s.listener), 0);
    assert_string_equal(trib_listener_address(s.listener), text);
    int fd = client_to(&s);
    await(&s.opened, 1);
    struct sockaddr_in own;
    socklen_t len = sizeof own;
    getsockname(fd, (struct sockaddr *)&own, &len);
    snprintf(text, sizeof text, "127.0.0.1:%u", (unsigned)ntohs(own.sin_port));
    assert_string_equal(s.peer, text);
    close(fd);
    server_stop(&s, 1000);
}

static void ipv6_is_served(void **state) {
    (void)state;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        if (fd >= 0) close(fd);
        skip(); /* this machine has no IPv6 */
    }
    server s;
    server_start_at(&s, "[::1]:0", &peer_handler, (trib_conn_limits){0}, 0);
    at.sin6_port = htons(trib_listener_port(s.listener));
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    client_set_timeouts(fd);
    client_send(fd, "six", 3);
    client_expect(fd, "six");
    assert_memory_equal(s.peer, "[::1]:", 6);
    close(fd);
    server_stop(&s, 1000);
}

static void unix_sockets_are_served_and_stale_ones_replaced(void **state) {
    (void)state;
    char folder[] = "/tmp/trib-io-XXXXXX", path[64], address[80];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/sock", folder);
    snprintf(address, sizeof address, "unix:%s", path);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, path, strlen(path));
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&at, sizeof at), 0);
    close(stale); /* the file stays, as after a crash */

    server s;
    server_start_at(&s, address, &peer_handler, (trib_conn_limits){0}, 0);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    client_set_timeouts(fd);
    client_send(fd, "local", 5);
    client_expect(fd, "local");
    assert_string_equal(s.peer, "unix");
    assert_string_equal(trib_listener_address(s.listener), address);

    trib_listener_config second = {.address = address, .loops = s.loops, .loop_count = 1, .handler = &echo_handler};
    trib_listener *none = NULL;
    trib_error err = {0};
    assert_int_equal(trib_listener_open(&second, &none, &err), TRIB_IO); /* a live server keeps its socket */
    assert_int_equal(err.detail, EADDRINUSE);
    close(fd);
    server_stop(&s, 1000);
    struct stat info;
    assert_int_not_equal(stat(path, &info), 0); /* and removes it at its end */
    rmdir(folder);
}

static void a_port_in_use_says_what_to_do(void **state) {
    (void)state;
    server s;
    server_start(&s, &echo_handler, (trib_conn_limits){0});
    trib_listener_config second = {
        .address = trib_listener_address(s.listener), .loops = s.loops, .loop_count = 1, .handler = &echo_handler};
    trib_listener *none = NULL;
    trib_error err = {0};
    assert_int_equal(trib_listener_open(&second, &none, &err), TRIB_IO);
    assert_non_null(strstr(err.message, trib_listener_address(s.listener)));
    assert_non_null(strstr(err.message, "choose another port"));
    assert_null(none);
    server_stop(&s, 1000);
}

static void an_address_that_cannot_be_read_opens_nothing(void **state) {
    (void)state;
    trib_loop *loop;
    assert_int_equal(trib_loop_new(trib_env_native(), "x", &loop, NULL), TRIB_OK);
    trib_listener_config config = {
        .address = "localhost:8080", .loops = &loop, .loop_count = 1, .handler = &echo_handler};
    trib_listener *none = NULL;
    trib_error err = {0};
    assert_int_equal(trib_listener_open(&config, &none, &err), TRIB_CONFIG);
    assert_null(none);
    trib_loop_free(loop);
}

/* ---- sockets that somebody else has bound ---- */

static int bound_socket(uint16_t *ret_port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd > 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    getsockname(fd, (struct sockaddr *)&at, &len);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static void a_given_socket_is_served_and_outlives_the_listener_with_who_waits_in_it(void **state) {
    (void)state;
    server s;
    uint16_t port;
    int fd = bound_socket(&port);
    assert_int_equal(listen(fd, 8), 0);
    server_start_with(&s, (trib_listener_config){.fd = dup(fd), .handler = &echo_handler});
    assert_int_equal(trib_listener_port(s.listener), port);
    int client = client_to(&s);
    client_send(client, "one", 3);
    client_expect(client, "one");
    close(client);
    server_stop(&s, 1000);
    /* between two servers: a connection waits in the socket, which is still open here */
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof at), 0);
    client_set_timeouts(client);
    client_send(client, "two", 3);
    server_start_with(&s, (trib_listener_config){.fd = dup(fd), .handler = &echo_handler});
    client_expect(client, "two");
    close(client);
    server_stop(&s, 1000);
    close(fd);
}

static void a_given_unix_socket_keeps_its_file(void **state) {
    (void)state;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    server s;
    char folder[] = "/tmp/trib-io-XXXXXX", want[128];
    assert_non_null(mkdtemp(folder));
    snprintf(at.sun_path, sizeof at.sun_path, "%s/sock", folder);
    snprintf(want, sizeof want, "unix:%s", at.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    server_start_with(&s, (trib_listener_config){.fd = fd, .handler = &echo_handler});
    assert_string_equal(trib_listener_address(s.listener), want);
    server_stop(&s, 1000);
    assert_int_equal(access(at.sun_path, F_OK), 0);
    unlink(at.sun_path);
    rmdir(folder);
}

static void a_given_descriptor_that_does_not_listen_is_refused(void **state) {
    (void)state;
    uint16_t port;
    int fds[2] = {bound_socket(&port), dup(0)};
    trib_loop *loop;
    assert_int_equal(trib_loop_new(trib_env_native(), "loop", &loop, NULL), TRIB_OK);
    for (int i = 0; i < 2; i++) {
        trib_listener_config config = {.fd = fds[i], .loops = &loop, .loop_count = 1, .handler = &echo_handler};
        trib_listener *listener;
        trib_error err = {0};
        assert_int_equal(trib_listener_open(&config, &listener, &err), TRIB_CONFIG);
        assert_non_null(strstr(err.message, "is not a listening stream socket"));
        close(fds[i]);
    }
    trib_loop_free(loop);
}

/* ---- drain ---- */

/* "busy" connections wait for the grace time, others close. */
static void on_drain(trib_conn *conn) {
    atomic_fetch_add(&server_of(conn)->drained, 1);
    if (!trib_conn_user(conn)) trib_conn_close(conn);
}

static size_t become_busy(trib_conn *conn, trib_str bytes) {
    trib_conn_set_user(conn, conn);
    trib_conn_write(conn, TRIB_STR("ok"));
    return bytes.len;
}

static const trib_conn_handler drain_handler = {
    .on_open = note_open, .on_data = become_busy, .on_drain = on_drain, .on_close = note_close};

static void drain_lets_the_idle_go_and_ends_the_busy_after_the_grace_time(void **state) {
    (void)state;
    server s;
    server_start(&s, &drain_handler, (trib_conn_limits){0});
    int idle = client_to(&s), busy = client_to(&s);
    client_send(busy, "work", 4);
    client_expect(busy, "ok");
    await(&s.opened, 2);
    trib_listener_close(s.listener, 300, on_listener_closed, &s);
    client_expect_end(idle);
    close(idle);
    await(&s.drained, 2);
    char byte;
    assert_true(client_read(busy, &byte, 1) <= 0); /* aborted when the time was over */
    while (sem_wait(&s.closed_sem) != 0) continue;
    assert_int_equal(s.last_why, TRIB_SHUTTING_DOWN);
    close(busy);
    for (int i = 0; i < LOOPS; i++) trib_loop_stop(s.loops[i]);
    for (int i = 0; i < LOOPS; i++) trib_loop_free(s.loops[i]);
    assert_int_equal(s.opened, s.closed);
    sem_destroy(&s.closed_sem);
}

static void a_listener_without_connections_closes_at_once(void **state) {
    (void)state;
    server s;
    server_start(&s, &echo_handler, (trib_conn_limits){0});
    server_stop(&s, 3600 * 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_connections_are_served_and_shared_evenly),
        cmocka_unit_test(too_many_connections_are_refused_and_counted),
        cmocka_unit_test(port_zero_reports_the_port_in_use_and_peers_have_names),
        cmocka_unit_test(ipv6_is_served),
        cmocka_unit_test(unix_sockets_are_served_and_stale_ones_replaced),
        cmocka_unit_test(a_port_in_use_says_what_to_do),
        cmocka_unit_test(an_address_that_cannot_be_read_opens_nothing),
        cmocka_unit_test(a_given_socket_is_served_and_outlives_the_listener_with_who_waits_in_it),
        cmocka_unit_test(a_given_unix_socket_keeps_its_file),
        cmocka_unit_test(a_given_descriptor_that_does_not_listen_is_refused),
        cmocka_unit_test(drain_lets_the_idle_go_and_ends_the_busy_after_the_grace_time),
        cmocka_unit_test(a_listener_without_connections_closes_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
