/* SPDX-License-Identifier: Apache-2.0 */
/* What the connection tests share: a listener on two loops, counters that its handlers keep, and blocking client
 * sockets. */
#ifndef TRIB_TESTS_IO_CONN_TEST_H
#define TRIB_TESTS_IO_CONN_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "io/conn.h"
#include "io/env_native.h"
#include "io/listener.h"

enum { LOOPS = 2, WAIT_S = 20 };

typedef struct server {
    trib_loop *loops[LOOPS];
    trib_listener *listener;
    sem_t closed_sem;
    /* kept by handlers */
    atomic_int opened, closed, drained, eofs, timeouts, blocked, loop_opened[LOOPS];
    atomic_int last_why, last_timeout, write_failed;
    atomic_size_t produced;
    _Atomic(trib_conn *) conn; /* the newest */
    char peer[TRIB_CONN_PEER_BYTES];
} server;

static inline server *server_of(trib_conn *conn) {
    return trib_conn_listener_user(conn);
}

static inline void note_open(trib_conn *conn) {
    server *s = server_of(conn);
    for (int i = 0; i < LOOPS; i++) {
        if (trib_conn_loop(conn) == s->loops[i]) atomic_fetch_add(&s->loop_opened[i], 1);
    }
    if (!trib_loop_is_current(trib_conn_loop(conn))) abort();
    atomic_store(&s->conn, conn);
    atomic_fetch_add(&s->opened, 1);
}

static inline void note_close(trib_conn *conn, trib_code why) {
    server *s = server_of(conn);
    atomic_store(&s->last_why, (int)why);
    atomic_fetch_add(&s->closed, 1);
}

static inline size_t echo(trib_conn *conn, trib_str bytes) {
    trib_conn_write(conn, bytes);
    return bytes.len;
}

static const trib_conn_handler echo_handler = {.on_open = note_open, .on_data = echo, .on_close = note_close};

/* What byte `at` of a long stream is. */
static inline char pattern(size_t at) {
    return (char)('a' + at * 7 % 26 + at / 65536 % 3);
}

/* Uses whole lines only and answers each in brackets; "pause" stops reading, "close" closes, "end" sends our FIN. */
static inline size_t lines(trib_conn *conn, trib_str bytes) {
    size_t used = 0, at;
    while ((at = trib_str_find(trib_str_sub(bytes, used, bytes.len), '\n')) != SIZE_MAX) {
        trib_str line = trib_str_sub(bytes, used, used + at);
        used += at + 1;
        trib_str parts[] = {TRIB_STR("["), line, TRIB_STR(""), TRIB_STR("]")};
        trib_conn_writev(conn, parts, 4);
        if (trib_str_eq_c(line, "pause")) {
            trib_conn_read_pause(conn);
            break;
        }
        if (trib_str_eq_c(line, "turn")) { /* pauses and resumes inside: the rest must be shown again */
            trib_conn_read_pause(conn);
            trib_conn_read_resume(conn);
            break;
        }
        if (trib_str_eq_c(line, "close")) trib_conn_close(conn);
        if (trib_str_eq_c(line, "abort")) trib_conn_abort(conn, TRIB_FORBIDDEN);
        if (trib_str_eq_c(line, "end")) trib_conn_shutdown(conn);
        if (trib_conn_closing(conn)) break;
    }
    return used;
}

static inline void note_eof(trib_conn *conn) {
    atomic_fetch_add(&server_of(conn)->eofs, 1);
    trib_conn_write(conn, TRIB_STR("<eof>"));
    trib_conn_close(conn);
}

typedef struct order {
    trib_task task;
    trib_conn *conn;
    void (*act)(trib_conn *conn);
    sem_t done;
} order;

static inline void obey(trib_task *task) {
    order *o = (order *)(void *)((char *)task - offsetof(order, task));
    o->act(o->conn);
    sem_post(&o->done);
}

/* Runs act(newest connection) on its loop and waits for it. */
static inline void on_loop(server *s, void (*act)(trib_conn *conn)) {
    order o = {.task.run = obey, .conn = atomic_load(&s->conn), .act = act};
    sem_init(&o.done, 0, 0);
    trib_loop_post(trib_conn_loop(o.conn), &o.task);
    while (sem_wait(&o.done) != 0) continue;
    sem_destroy(&o.done);
}

static inline void resume(trib_conn *conn) {
    trib_conn_write(conn, TRIB_STR("(resumed)"));
    trib_conn_read_resume(conn);
}

/* config: what is not about loops. */
static inline void server_start_with(server *s, trib_listener_config config) {
    memset(s, 0, sizeof *s);
    sem_init(&s->closed_sem, 0, 0);
    for (int i = 0; i < LOOPS; i++) {
        assert_int_equal(trib_loop_new(trib_env_native(), "loop", &s->loops[i], NULL), TRIB_OK);
    }
    config.loops = s->loops;
    config.loop_count = LOOPS;
    config.user = s;
    trib_error err = {0};
    trib_code code = trib_listener_open(&config, &s->listener, &err);
    if (code != TRIB_OK) fail_msg("%s", err.message);
    for (int i = 0; i < LOOPS; i++) assert_int_equal(trib_loop_start(s->loops[i], NULL), TRIB_OK);
}

static inline void server_start_at(server *s, const char *address, const trib_conn_handler *handler,
                                   trib_conn_limits limits, uint32_t max_connections) {
    server_start_with(
        s, (trib_listener_config){
               .address = address, .handler = handler, .limits = limits, .max_connections = max_connections});
}

static inline void server_start(server *s, const trib_conn_handler *handler, trib_conn_limits limits) {
    server_start_at(s, "127.0.0.1:0", handler, limits, 0);
}

static inline void on_listener_closed(void *ctx) {
    server *s = ctx;
    sem_post(&s->closed_sem);
}

static inline void server_stop(server *s, uint32_t grace_ms) {
    trib_listener_close(s->listener, grace_ms, on_listener_closed, s);
    while (sem_wait(&s->closed_sem) != 0) continue;
    for (int i = 0; i < LOOPS; i++) trib_loop_stop(s->loops[i]);
    for (int i = 0; i < LOOPS; i++) trib_loop_free(s->loops[i]);
    assert_int_equal(s->opened, s->closed); /* on_close exactly once for every on_open */
    sem_destroy(&s->closed_sem);
}

/* Waits until *counter reaches `want`; the test fails after WAIT_S. */
static inline void await(atomic_int *counter, int want) {
    for (int i = 0; i < WAIT_S * 1000 && atomic_load(counter) < want; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_in_range(atomic_load(counter), want, 1 << 30);
}

/* ---- a blocking client that gives up after WAIT_S ---- */

/* After connect: newer libuv uses io_uring, whose notices end calls that have a timeout with EINTR, and a connect that
 * was ended so cannot be called again. */
static inline void client_set_timeouts(int fd) {
    struct timeval timeout = {.tv_sec = WAIT_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
}

static inline int client_to(const server *s) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(trib_listener_port(s->listener)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    client_set_timeouts(fd);
    return fd;
}

static inline void client_send(int fd, const char *bytes, size_t n) {
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        assert_true(sent > 0);
        bytes += sent;
        n -= (size_t)sent;
    }
}

/* Reads exactly n bytes, or less at the peer's end; -1: the connection was reset. */
static inline ssize_t client_read(int fd, char *bytes, size_t n) {
    size_t at = 0;
    while (at < n) {
        ssize_t got = recv(fd, bytes + at, n - at, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) break;
        if (got < 0) return -1;
        at += (size_t)got;
    }
    return (ssize_t)at;
}

static inline void client_expect(int fd, const char *text) {
    char got[256] = {0};
    assert_int_equal(client_read(fd, got, strlen(text)), (ssize_t)strlen(text));
    assert_string_equal(got, text);
}

static inline void client_expect_end(int fd) {
    char byte;
    assert_int_equal(client_read(fd, &byte, 1), 0);
}

#endif
