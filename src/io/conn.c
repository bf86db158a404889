/* SPDX-License-Identifier: Apache-2.0 */
/* Life, end and timeouts of a connection; see conn.h. Reading is in conn_read.c, writing in conn_write.c.
 *
 * Timeouts cost nothing while bytes move: activity only notes the time, and the connection's one timer looks at the
 * notes when it fires and goes to sleep for what is left. */
#include "io/conn.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/conn_int.h"
#include "io/listener_int.h"

static void on_timer(trib_timer *timer);

static trib_conn *conn_of_timer(trib_timer *timer) {
    return TRIB_OWNER_OF(timer, trib_conn, timer);
}

const trib_conn_limits *trib_conn_get_limits(const trib_conn *conn) {
    return &conn->lane->listener->limits;
}

static int64_t next_due_ms(const trib_conn *conn) {
    int64_t due = conn->idle_timeout_ms ? conn->active_ms + conn->idle_timeout_ms : INT64_MAX;
    return due < conn->deadline_ms ? due : conn->deadline_ms;
}

static void arm(trib_conn *conn) {
    int64_t due = next_due_ms(conn);
    if (due == INT64_MAX) trib_loop_timer_clear(conn->loop, &conn->timer);
    else trib_loop_timer_set(conn->loop, &conn->timer, due - trib_loop_now_ms(conn->loop));
}

static void time_out(trib_conn *conn, trib_conn_timeout which) {
    bool shown = conn->state == CONN_OPEN && conn->opened;
    if (conn->state == CONN_LINGERING)
        trib_conn_abort(conn, TRIB_OK); /* all was sent; the peer is just slow to close */
    else if (shown && conn->handler->on_timeout) conn->handler->on_timeout(conn, which);
    else trib_conn_abort(conn, TRIB_REQUEST_TIMEOUT);
}

static void on_timer(trib_timer *timer) {
    trib_conn *conn = conn_of_timer(timer);
    int64_t now = trib_loop_now_ms(conn->loop);
    /* A long write makes progress without a callback; the length of libuv's queue tells. */
    size_t unsent = uv_stream_get_write_queue_size(&conn->uv.stream);
    if (unsent < conn->seen_unsent_bytes) conn->active_ms = now;
    conn->seen_unsent_bytes = unsent;

    if (conn->deadline_ms <= now) {
        conn->deadline_ms = INT64_MAX;
        time_out(conn, TRIB_CONN_TIMEOUT_DEADLINE);
    } else if (conn->idle_timeout_ms && conn->active_ms + conn->idle_timeout_ms <= now) {
        conn->active_ms = now;
        time_out(conn, TRIB_CONN_TIMEOUT_IDLE);
    }
    if (conn->state != CONN_CLOSED) arm(conn);
}

void trib_conn_set_idle_timeout(trib_conn *conn, uint32_t timeout_ms) {
    if (conn->state == CONN_CLOSED) return;
    conn->idle_timeout_ms = timeout_ms;
    trib_conn_touch(conn);
    arm(conn);
}

void trib_conn_set_deadline(trib_conn *conn, uint32_t timeout_ms) {
    if (conn->state != CONN_OPEN) return;
    if (timeout_ms == 0) {
        conn->deadline_ms = INT64_MAX; /* the timer may fire early once; it looks again */
        return;
    }
    conn->deadline_ms = trib_loop_now_ms(conn->loop) + timeout_ms;
    arm(conn);
}

/* ---- beginning and end ---- */

static void on_closed(uv_handle_t *handle) {
    trib_conn *conn = handle->data;
    if (conn->opened && conn->handler->on_close) conn->handler->on_close(conn, conn->why);
    trib_conn_tls_deinit(conn);
    trib_conn_read_deinit(conn);
    trib_conn_write_deinit(conn);
    trib_listener_forget(conn);
}

void trib_conn_set_open(trib_conn *conn) {
    conn->opened = true;
    conn->deadline_ms = INT64_MAX;
    if (conn->handler->on_open) conn->handler->on_open(conn);
    if (conn->lane->draining) trib_conn_drain(conn);
}

void trib_conn_drain(trib_conn *conn) {
    if (conn->state != CONN_OPEN) return;
    if (!conn->opened) {
        int64_t due = trib_loop_now_ms(conn->loop) + TRIB_CONN_HANDSHAKE_DRAIN_MS;
        if (due < conn->deadline_ms) conn->deadline_ms = due;
        arm(conn);
    } else if (conn->handler->on_drain) {
        conn->handler->on_drain(conn);
    } else {
        trib_conn_close(conn);
    }
}

void trib_conn_adopt(trib_conn *conn) {
    uv_loop_t *uv = &conn->loop->uv;
    int failed;
    if (conn->unix_socket) {
        failed = uv_pipe_init(uv, &conn->uv.pipe, 0);
        conn->uv.handle.data = conn;
        if (!failed) failed = uv_pipe_open(&conn->uv.pipe, conn->fd);
    } else {
        failed = uv_tcp_init(uv, &conn->uv.tcp);
        conn->uv.handle.data = conn;
        if (!failed) failed = uv_tcp_open(&conn->uv.tcp, conn->fd);
    }
    if (failed) close(conn->fd);
    conn->fd = -1;
    trib_timer_init(&conn->timer, on_timer);
    conn->deadline_ms = INT64_MAX;
    conn->idle_timeout_ms = trib_conn_get_limits(conn)->idle_timeout_ms;
    trib_conn_touch(conn);
    arm(conn);
    if (!conn->lane->listener->tls) {
        trib_conn_set_open(conn);
    } else {
        trib_conn_set_deadline(conn, trib_conn_get_limits(conn)->handshake_timeout_ms);
        if (conn->lane->draining) trib_conn_drain(conn);
        if (trib_conn_tls_init(conn) != TRIB_OK) trib_conn_abort(conn, TRIB_NOMEM);
    }
    if (failed) trib_conn_abort(conn, TRIB_IO);
    if (conn->state == CONN_OPEN) trib_conn_read_start(conn);
}

/* A peer that takes nothing would leave what we have sent with the kernel for minutes after our close; a reset frees it
 * at once, and tells the peer. */
static void reset_on_close(trib_conn *conn) {
    uv_os_fd_t fd;
    if (conn->unix_socket || uv_fileno(&conn->uv.handle, &fd) != 0) return;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1, .l_linger = 0}, sizeof(struct linger));
}

void trib_conn_abort(trib_conn *conn, trib_code why) {
    if (conn->state == CONN_CLOSED) return;
    if (conn->unsent_bytes > 0) reset_on_close(conn);
    conn->state = CONN_CLOSED;
    conn->why = why;
    trib_loop_timer_clear(conn->loop, &conn->timer);
    trib_loop_undefer(conn->loop, &conn->redeliver);
    trib_loop_undefer(conn->loop, &conn->more);
    trib_loop_undefer(conn->loop, &conn->turn);
    uv_close(&conn->uv.handle, on_closed);
}

void trib_conn_close(trib_conn *conn) {
    if (conn->state != CONN_OPEN) return;
    if (conn->tls) trib_conn_tls_end(conn);
    if (conn->state != CONN_OPEN) return;
    conn->state = CONN_FLUSHING;
    conn->deadline_ms = INT64_MAX;
    if (!conn->idle_timeout_ms) trib_conn_set_idle_timeout(conn, TRIB_CONN_IDLE_TIMEOUT_MS);
    trib_loop_undefer(conn->loop, &conn->redeliver);
    trib_loop_undefer(conn->loop, &conn->more);
    /* A peer may send its whole body before it reads our refusal, so its bytes are taken and thrown away. */
    trib_conn_read_start(conn);
    if (conn->state == CONN_FLUSHING && conn->unsent_bytes == 0) trib_conn_flushed(conn);
}

/* Closing a socket that has unread input makes the kernel send a reset, and a reset can overtake our last answer. So we
 * send our end, and wait a moment for the peer's. */
void trib_conn_linger(trib_conn *conn) {
    conn->state = CONN_LINGERING;
    if (conn->eof) {
        trib_conn_abort(conn, TRIB_OK);
        return;
    }
    conn->deadline_ms = trib_loop_now_ms(conn->loop) + TRIB_CONN_LINGER_MS;
    arm(conn);
}

bool trib_conn_closing(const trib_conn *conn) {
    return conn->state != CONN_OPEN;
}

/* ---- who ---- */

void trib_conn_set_user(trib_conn *conn, void *user) {
    conn->user = user;
}

void *trib_conn_user(const trib_conn *conn) {
    return conn->user;
}

void *trib_conn_listener_user(const trib_conn *conn) {
    return conn->lane->listener->user;
}

trib_loop *trib_conn_loop(const trib_conn *conn) {
    return conn->loop;
}

trib_str trib_conn_peer(const trib_conn *conn, char text[TRIB_CONN_PEER_BYTES]) {
    size_t len = trib_address_text(conn->peer_family, conn->peer_ip, conn->peer_port, text, TRIB_CONN_PEER_BYTES);
    return trib_str_make(text, len);
}
