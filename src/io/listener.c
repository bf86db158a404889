/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets; see listener.h.
 *
 *   listener ─┬ lane 0 ── loop 0: accepts, picks the lane with the fewest connections, posts the socket there
 *             ├ lane 1 ── loop 1
 *             └ ...
 *
 * End: close_task (loop 0) stops accepting and posts one drain task to each lane; a lane is gone when its last
 *      connection is;
 * the last part (lanes and the poll handle) posts done_task, which frees everything. Sockets on their way to a lane
 * were posted before its drain task, so the drain task sees them. */
#include "io/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/listener_int.h"

enum {
    ACCEPT_BATCH = 64,               /* accepted in one go before other sockets get their turn */
    ACCEPT_RETRY_MS = 100,           /* pause when the process has no descriptor left */
    KERNEL_UNSENT_BYTES = 128 * 1024 /* of a connection, that wait inside of the kernel: a peer that does not read */
};

/* ---- connections come and go ---- */

static void part_gone(trib_listener *listener) {
    if (atomic_fetch_sub(&listener->parts, 1) == 1) trib_loop_post(listener->lanes[0].loop, &listener->done_task);
}

static void lane_check_gone(trib_listener_lane *lane) {
    if (!lane->draining || lane->conns || lane->gone) return;
    lane->gone = true;
    trib_loop_timer_clear(lane->loop, &lane->grace);
    part_gone(lane->listener);
}

void trib_listener_forget(trib_conn *conn) {
    trib_listener_lane *lane = conn->lane;
    if (conn->prev) conn->prev->next = conn->next;
    else lane->conns = conn->next;
    if (conn->next) conn->next->prev = conn->prev;
    free(conn);
    atomic_fetch_sub_explicit(&lane->open, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&lane->listener->open, 1, memory_order_relaxed);
    lane_check_gone(lane);
}

static void adopt(trib_conn *conn) {
    trib_listener_lane *lane = conn->lane;
    conn->next = lane->conns;
    if (conn->next) conn->next->prev = conn;
    lane->conns = conn;
    trib_conn_adopt(conn);
}

static void on_adopt(trib_task *task) {
    adopt(TRIB_OWNER_OF(task, trib_conn, adopt));
}

static trib_listener_lane *emptiest_lane(trib_listener *listener) {
    trib_listener_lane *best = &listener->lanes[0];
    unsigned fewest = atomic_load_explicit(&best->open, memory_order_relaxed);
    for (uint32_t i = 1; i < listener->lane_count; i++) {
        unsigned open = atomic_load_explicit(&listener->lanes[i].open, memory_order_relaxed);
        if (open >= fewest) continue;
        fewest = open;
        best = &listener->lanes[i];
    }
    return best;
}

static void set_peer(trib_conn *conn, const struct sockaddr_storage *peer) {
    conn->peer_family = peer->ss_family;
    if (peer->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)peer;
        memcpy(conn->peer_ip, &v4->sin_addr, sizeof v4->sin_addr);
        conn->peer_port = ntohs(v4->sin_port);
    } else if (peer->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)peer;
        memcpy(conn->peer_ip, &v6->sin6_addr, sizeof v6->sin6_addr);
        conn->peer_port = ntohs(v6->sin6_port);
    }
}

/* The kernel would take megabytes of an answer for a peer that may never read them; each connection of an attacker who
 * asks for much and reads little would cost us the making of all that. What it takes is enough for any path: bytes on
 * the way are not counted. */
static void set_tcp(int fd) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &(int){KERNEL_UNSENT_BYTES}, sizeof(int));
}

static void take_socket(trib_listener *listener, int fd, const struct sockaddr_storage *peer) {
    trib_conn *conn = NULL;
    if (atomic_load_explicit(&listener->open, memory_order_relaxed) < listener->max_connections) {
        conn = calloc(1, sizeof *conn);
    }
    if (!conn) {
        atomic_fetch_add_explicit(&listener->refused, 1, memory_order_relaxed);
        close(fd);
        return;
    }
    if (!listener->unix_socket) set_tcp(fd);
    trib_listener_lane *lane = emptiest_lane(listener);
    conn->fd = fd;
    conn->lane = lane;
    conn->loop = lane->loop;
    conn->handler = listener->handler;
    conn->unix_socket = listener->unix_socket;
    set_peer(conn, peer);
    atomic_fetch_add_explicit(&listener->accepted, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&listener->open, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&lane->open, 1, memory_order_relaxed);
    if (lane == &listener->lanes[0]) {
        adopt(conn);
    } else {
        conn->adopt.run = on_adopt;
        trib_loop_post(lane->loop, &conn->adopt);
    }
}

static void on_acceptable(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    trib_listener *listener = poll->data;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
        socklen_t len = sizeof peer;
        int fd = accept4(listener->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take_socket(listener, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* The socket stays ready, so polling on would spin. Who waits in the backlog is served a moment later. */
            atomic_fetch_add_explicit(&listener->stalled, 1, memory_order_relaxed);
            uv_poll_stop(poll);
            trib_loop_timer_set(listener->lanes[0].loop, &listener->retry, ACCEPT_RETRY_MS);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        }
        /* anything else is the fate of one connection (accept(2) hands over its network errors) */
    }
}

static void on_retry(trib_timer *timer) {
    trib_listener *listener = TRIB_OWNER_OF(timer, trib_listener, retry);
    uv_poll_start(&listener->poll, UV_READABLE, on_acceptable);
}

static void on_open_task(trib_task *task) {
    trib_listener *listener = TRIB_OWNER_OF(task, trib_listener, open_task);
    uv_poll_init(&listener->lanes[0].loop->uv, &listener->poll, listener->fd);
    listener->poll.data = listener;
    uv_poll_start(&listener->poll, UV_READABLE, on_acceptable);
}

/* ---- opening ---- */

static trib_code cannot(trib_error *err, const char *address, int os_error) {
    const char *fix = "check the address";
    if (os_error == EADDRINUSE) fix = "stop the program that uses it, or choose another port (0: any free one)";
    if (os_error == EACCES) fix = "ports below 1024 and foreign folders need rights that this process does not have";
    if (os_error == EADDRNOTAVAIL) fix = "this machine has no such address; 127.0.0.1 or 0.0.0.0 always exist";
    if (os_error == ENOENT) fix = "the folder of the socket does not exist; make it first";
    trib_code code = trib_error_set(err, TRIB_IO, "cannot listen on %s: %s; %s", address, strerror(os_error), fix);
    if (err) err->detail = os_error;
    return code;
}

/* A socket file whose server died refuses connections; only then it is ours to remove. */
static bool remove_stale_socket(const struct sockaddr_storage *at, socklen_t len) {
    const struct sockaddr_un *un = (const void *)at;
    struct stat info;
    if (lstat(un->sun_path, &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    bool dead = connect(fd, (const struct sockaddr *)at, len) != 0 && errno == ECONNREFUSED;
    close(fd);
    return dead && unlink(un->sun_path) == 0;
}

static int bind_socket(int fd, const struct sockaddr_storage *at, socklen_t len) {
    const struct sockaddr *address = (const struct sockaddr *)at;
    if (at->ss_family != AF_UNIX) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, address, len) == 0) return 0;
    if (errno != EADDRINUSE || at->ss_family != AF_UNIX) return errno;
    if (!remove_stale_socket(at, len)) return EADDRINUSE;
    return bind(fd, address, len) == 0 ? 0 : errno;
}

/* The address that the socket really has. */
static void read_address(trib_listener *listener) {
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof at;
    getsockname(listener->fd, (struct sockaddr *)&at, &len);
    listener->unix_socket = at.ss_family == AF_UNIX;
    if (listener->unix_socket) {
        const struct sockaddr_un *un = (const void *)&at;
        int path_max = (int)(sizeof un->sun_path);
        snprintf(listener->address, sizeof listener->address, "unix:%.*s", path_max, un->sun_path);
        return;
    }
    const struct sockaddr_in *v4 = (const void *)&at;
    const struct sockaddr_in6 *v6 = (const void *)&at;
    bool is_v4 = at.ss_family == AF_INET;
    in_port_t port;
    memcpy(&port, is_v4 ? (const void *)&v4->sin_port : (const void *)&v6->sin6_port, sizeof port);
    listener->port = ntohs(port);
    const void *ip = is_v4 ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr;
    trib_address_text(at.ss_family, ip, listener->port, listener->address, sizeof listener->address);
}

/* A socket that whoever started us has bound. */
static trib_code take_over(trib_listener *listener, int fd, trib_error *err) {
    int type = 0, listens = 0;
    socklen_t type_len = sizeof type, listens_len = sizeof listens;
    bool good = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 &&
                getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_len) == 0;
    if (!good || type != SOCK_STREAM || !listens)
        return trib_error_set(err, TRIB_CONFIG,
                              "descriptor %d, which the service manager gave, is not a listening stream socket; use "
                              "ListenStream= with Accept=no in the socket unit",
                              fd);
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    listener->fd = fd;
    listener->inherited = true;
    read_address(listener);
    return TRIB_OK;
}

static trib_code listen_on(trib_listener *listener, const char *address, uint32_t backlog, trib_error *err) {
    struct sockaddr_storage at = {0};
    socklen_t len = 0;
    trib_code code = trib_address_parse(address, &at, &len, err);
    if (code != TRIB_OK) return code;
    int fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return cannot(err, address, errno);
    int failed = bind_socket(fd, &at, len);
    if (!failed && listen(fd, (int)backlog) != 0) failed = errno;
    if (failed) {
        close(fd);
        return cannot(err, address, failed);
    }
    listener->fd = fd;
    read_address(listener);
    return TRIB_OK;
}

static void set_limits(trib_conn_limits *limits) {
    if (!limits->idle_timeout_ms) limits->idle_timeout_ms = TRIB_CONN_IDLE_TIMEOUT_MS;
    if (!limits->handshake_timeout_ms) limits->handshake_timeout_ms = TRIB_CONN_HANDSHAKE_TIMEOUT_MS;
    if (!limits->read_max_bytes || limits->read_max_bytes > TRIB_CONN_READ_MAX_BYTES) {
        limits->read_max_bytes = TRIB_CONN_READ_MAX_BYTES;
    }
    if (!limits->unsent_high_bytes) limits->unsent_high_bytes = TRIB_CONN_UNSENT_HIGH_BYTES;
    if (!limits->unsent_max_bytes) limits->unsent_max_bytes = TRIB_CONN_UNSENT_MAX_BYTES;
}

/* ---- closing ---- */

static void on_grace_over(trib_timer *timer) {
    trib_listener_lane *lane = TRIB_OWNER_OF(timer, trib_listener_lane, grace);
    /* abort only begins the end; nothing leaves the list inside this loop */
    for (trib_conn *conn = lane->conns; conn; conn = conn->next) trib_conn_abort(conn, TRIB_SHUTTING_DOWN);
}

static void on_drain_task(trib_task *task) {
    trib_listener_lane *lane = TRIB_OWNER_OF(task, trib_listener_lane, drain);
    lane->draining = true;
    for (trib_conn *conn = lane->conns; conn; conn = conn->next) trib_conn_drain(conn);
    trib_loop_timer_set(lane->loop, &lane->grace, lane->listener->grace_ms);
    lane_check_gone(lane);
}

static void on_poll_closed(uv_handle_t *handle) {
    trib_listener *listener = handle->data;
    close(listener->fd);
    part_gone(listener);
}

static void on_close_task(trib_task *task) {
    trib_listener *listener = TRIB_OWNER_OF(task, trib_listener, close_task);
    trib_loop_timer_clear(listener->lanes[0].loop, &listener->retry);
    uv_poll_stop(&listener->poll);
    if (listener->unix_socket && !listener->inherited) unlink(listener->address + strlen("unix:"));
    uv_close((uv_handle_t *)&listener->poll, on_poll_closed);
    for (uint32_t i = 0; i < listener->lane_count; i++) {
        trib_loop_post(listener->lanes[i].loop, &listener->lanes[i].drain);
    }
}

static void on_done_task(trib_task *task) {
    trib_listener *listener = TRIB_OWNER_OF(task, trib_listener, done_task);
    void (*closed)(void *ctx) = listener->closed;
    void *ctx = listener->closed_ctx;
    free(listener);
    if (closed) closed(ctx);
}

trib_code trib_listener_open(const trib_listener_config *config, trib_listener **ret, trib_error *err) {
    uint32_t lanes = config->loop_count;
    if (lanes == 0 || lanes > TRIB_LISTENER_MAX_LOOPS) {
        return trib_error_set(err, TRIB_CONFIG, "a listener needs 1 to %d loops, not %u", TRIB_LISTENER_MAX_LOOPS,
                              lanes);
    }
    trib_listener *listener = calloc(1, sizeof *listener + lanes * sizeof listener->lanes[0]);
    if (!listener) return trib_error_set(err, TRIB_NOMEM, NULL);
    uint32_t backlog = config->backlog ? config->backlog : TRIB_LISTENER_BACKLOG;
    trib_code code =
        config->fd > 0 ? take_over(listener, config->fd, err) : listen_on(listener, config->address, backlog, err);
    if (code != TRIB_OK) {
        free(listener);
        return code;
    }
    listener->handler = config->handler;
    listener->user = config->user;
    listener->limits = config->limits;
    listener->tls = config->tls;
    set_limits(&listener->limits);
    listener->max_connections = config->max_connections ? config->max_connections : TRIB_LISTENER_MAX_CONNECTIONS;
    listener->lane_count = lanes;
    listener->open_task.run = on_open_task;
    listener->close_task.run = on_close_task;
    listener->done_task.run = on_done_task;
    atomic_init(&listener->parts, lanes + 1);
    trib_timer_init(&listener->retry, on_retry);
    for (uint32_t i = 0; i < lanes; i++) {
        trib_listener_lane *lane = &listener->lanes[i];
        lane->listener = listener;
        lane->loop = config->loops[i];
        lane->drain.run = on_drain_task;
        trib_timer_init(&lane->grace, on_grace_over);
    }
    *ret = listener;
    trib_loop_post(listener->lanes[0].loop, &listener->open_task);
    return TRIB_OK;
}

void trib_listener_close(trib_listener *listener, uint32_t grace_ms, void (*closed)(void *ctx), void *ctx) {
    listener->grace_ms = grace_ms;
    listener->closed = closed;
    listener->closed_ctx = ctx;
    trib_loop_post(listener->lanes[0].loop, &listener->close_task);
}

const char *trib_listener_address(const trib_listener *listener) {
    return listener->address;
}

uint16_t trib_listener_port(const trib_listener *listener) {
    return listener->port;
}

void trib_listener_get_stats(const trib_listener *listener, trib_listener_stats *ret) {
    *ret = (trib_listener_stats){
        .accepted = atomic_load_explicit(&listener->accepted, memory_order_relaxed),
        .refused = atomic_load_explicit(&listener->refused, memory_order_relaxed),
        .handshakes_failed = atomic_load_explicit(&listener->handshakes_failed, memory_order_relaxed),
        .stalled = atomic_load_explicit(&listener->stalled, memory_order_relaxed),
        .open = atomic_load_explicit(&listener->open, memory_order_relaxed),
    };
}
