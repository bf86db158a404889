/* SPDX-License-Identifier: Apache-2.0 */
/* Writing side of a connection; see conn.h.
 *
 * The usual write is one system call and no memory. What the kernel refuses goes into a list of chunks; small writes
 * join the last one. The list goes out in turns, one connection after the other, because over loopback and in large
 * socket buffers the kernel would take megabytes at once while everybody else of the loop waits for that copy:
 *
 *   write --at most TURN_BYTES--> socket        the rest: chunks, and the connection stands in the loop's ring
 *   turn  --at most TURN_BYTES, and TRIB_LOOP_BULK_BYTES of all connections in one iteration--> socket
 *             all taken  -> to the end of the ring
 *             kernel full -> libuv holds a small part (`in_flight`); when that is gone, to the end of the ring
 *
 * Everything that leaves for the socket passes through send_now, send_turn and wait_for_room, and everything that ends
 * it through trib_conn_flushed. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/conn_int.h"

enum {
    CHUNK_BYTES = 4096,
    GATHERED_MAX = 8, /* chunks of one system call */
    TURN_BYTES = 64 * 1024,
    WAITING_BYTES = 16 * 1024 /* what libuv holds while the kernel is full */
};

static void chunk_free(conn_chunk *chunk) {
    if (chunk->moved) free(chunk->bytes);
    free(chunk);
}

static conn_chunk *chunk_push(trib_conn *conn, size_t inline_bytes) {
    conn_chunk *chunk = malloc(sizeof *chunk + inline_bytes);
    if (!chunk) return NULL;
    *chunk = (conn_chunk){.bytes = (char *)(chunk + 1), .cap = inline_bytes};
    if (conn->out_tail) conn->out_tail->next = chunk;
    else conn->out = chunk;
    conn->out_tail = chunk;
    return chunk;
}

/* A chunk that libuv holds must not change. */
static bool tail_is_open(const trib_conn *conn) {
    uint32_t index = 0;
    for (const conn_chunk *c = conn->out; c && index <= conn->in_flight; c = c->next) index++;
    return conn->out_tail && index > conn->in_flight && !conn->out_tail->moved;
}

static bool queue_copy(trib_conn *conn, const char *bytes, size_t n) {
    if (n == 0) return true;
    if (tail_is_open(conn)) {
        conn_chunk *tail = conn->out_tail;
        size_t fits = tail->cap - tail->to < n ? tail->cap - tail->to : n;
        memcpy(tail->bytes + tail->to, bytes, fits);
        tail->to += fits;
        conn->unsent_bytes += fits;
        bytes += fits;
        n -= fits;
        if (n == 0) return true;
    }
    conn_chunk *chunk = chunk_push(conn, n > CHUNK_BYTES ? n : CHUNK_BYTES);
    if (!chunk) return false;
    memcpy(chunk->bytes, bytes, n);
    chunk->to = n;
    conn->unsent_bytes += n;
    return true;
}

/* The front of the queue, at most so many bytes of it. */
static unsigned gather(const trib_conn *conn, uv_buf_t bufs[GATHERED_MAX], size_t most, size_t *ret_bytes) {
    unsigned n = 0;
    size_t room = most;
    for (conn_chunk *c = conn->out; c && n < GATHERED_MAX && room; c = c->next) {
        size_t part = c->to - c->from < room ? c->to - c->from : room;
        bufs[n++] = uv_buf_init(c->bytes + c->from, (unsigned)part);
        room -= part;
    }
    *ret_bytes = most - room;
    return n;
}

static void chunks_sent(trib_conn *conn, size_t sent) {
    conn->unsent_bytes -= sent;
    for (conn_chunk *first; sent && (first = conn->out) != NULL;) {
        size_t part = first->to - first->from < sent ? first->to - first->from : sent;
        first->from += part;
        sent -= part;
        if (first->from < first->to) break;
        conn->out = first->next;
        if (!conn->out) conn->out_tail = NULL;
        chunk_free(first);
    }
}

static void send_turn(trib_defer *defer);

static void send_queued(trib_conn *conn) {
    if (conn->in_flight || !conn->out || conn->state == CONN_CLOSED) return;
    conn->turn.run = send_turn;
    trib_loop_defer(conn->loop, &conn->turn);
}

/* Bytes of the queue are gone: what waited for that. */
static void progressed(trib_conn *conn) {
    trib_conn_touch(conn);
    send_queued(conn);
    if (conn->unsent_bytes == 0) trib_conn_flushed(conn);
    if (conn->blocked && conn->unsent_bytes <= trib_conn_get_limits(conn)->unsent_high_bytes / 2) {
        conn->blocked = false;
        if (conn->state == CONN_OPEN && conn->handler->on_drained) conn->handler->on_drained(conn);
    }
}

static void on_written(uv_write_t *write, int status) {
    trib_conn *conn = write->handle->data;
    size_t sent = conn->in_flight_bytes;
    conn->in_flight = 0;
    conn->in_flight_bytes = 0;
    chunks_sent(conn, sent);
    if (conn->state == CONN_CLOSED) return;
    if (status < 0) trib_conn_abort(conn, TRIB_CANCELLED);
    else progressed(conn);
}

static void wait_for_room(trib_conn *conn) {
    uv_buf_t bufs[GATHERED_MAX];
    conn->in_flight = gather(conn, bufs, WAITING_BYTES, &conn->in_flight_bytes);
    int failed = uv_write(&conn->write, &conn->uv.stream, bufs, conn->in_flight, on_written);
    if (!failed) return;
    conn->in_flight = 0;
    conn->in_flight_bytes = 0;
    trib_conn_abort(conn, failed == UV_ENOMEM ? TRIB_NOMEM : TRIB_CANCELLED);
}

/* This connection's turn. */
static void send_turn(trib_defer *defer) {
    trib_conn *conn = TRIB_OWNER_OF(defer, trib_conn, turn);
    size_t left = conn->loop->bulk_left_bytes, offered;
    uv_buf_t bufs[GATHERED_MAX];
    if (conn->in_flight || !conn->out) return;
    if (left == 0) {
        send_queued(conn);
        return;
    }
    unsigned n = gather(conn, bufs, left < TURN_BYTES ? left : TURN_BYTES, &offered);
    int sent = uv_try_write(&conn->uv.stream, bufs, n);
    if (sent == UV_EAGAIN) sent = 0;
    if (sent < 0) {
        trib_conn_abort(conn, TRIB_CANCELLED);
        return;
    }
    conn->loop->bulk_left_bytes -= (size_t)sent;
    chunks_sent(conn, (size_t)sent);
    if ((size_t)sent < offered) wait_for_room(conn);
    if (sent > 0 && conn->state != CONN_CLOSED) progressed(conn);
}

/* Gives the kernel what it takes of a turn's bytes without waiting; false: the connection is lost. */
static bool send_now(trib_conn *conn, const uv_buf_t *bufs, unsigned count, size_t *ret_sent) {
    uv_buf_t turn[TRIB_CONN_PARTS_MAX];
    unsigned n = 0;
    size_t room = TURN_BYTES;
    for (; n < count && room; n++) {
        turn[n] = uv_buf_init(bufs[n].base, (unsigned)(bufs[n].len < room ? bufs[n].len : room));
        room -= turn[n].len;
    }
    int sent = uv_try_write(&conn->uv.stream, turn, n);
    if (sent == UV_EAGAIN) sent = 0;
    if (sent < 0) {
        trib_conn_abort(conn, TRIB_CANCELLED);
        return false;
    }
    trib_conn_touch(conn);
    *ret_sent = (size_t)sent;
    return true;
}

/* What every write starts with. */
static trib_code check_writable(trib_conn *conn) {
    if (conn->state != CONN_OPEN || conn->fin_wanted) return TRIB_CANCELLED;
    if (conn->unsent_bytes > trib_conn_get_limits(conn)->unsent_max_bytes) {
        trib_conn_abort(conn, TRIB_OVERLOADED);
        return TRIB_OVERLOADED;
    }
    return TRIB_OK;
}

/* May there be one, and how much of it goes at once. */
static trib_code write_begin(trib_conn *conn, const uv_buf_t *bufs, unsigned count, size_t *ret_sent) {
    *ret_sent = 0;
    trib_code code = check_writable(conn);
    if (code != TRIB_OK) return code;
    if (!conn->out && !send_now(conn, bufs, count, ret_sent)) return TRIB_CANCELLED;
    return TRIB_OK;
}

static trib_code write_end(trib_conn *conn, bool queued) {
    if (!queued) {
        trib_conn_abort(conn, TRIB_NOMEM);
        return TRIB_NOMEM;
    }
    if (conn->unsent_bytes > trib_conn_get_limits(conn)->unsent_high_bytes) conn->blocked = true;
    send_queued(conn);
    return conn->state == CONN_OPEN ? TRIB_OK : TRIB_CANCELLED;
}

bool trib_conn_write_raw(trib_conn *conn, const char *bytes, size_t n) {
    union {
        const char *in;
        char *out;
    } both = {.in = bytes}; /* as below */
    uv_buf_t whole = {.base = both.out, .len = n};
    size_t sent = 0;
    if (conn->state == CONN_CLOSED) return false;
    if (!conn->out && !send_now(conn, &whole, 1, &sent)) return false;
    return sent == n || write_end(conn, queue_copy(conn, bytes + sent, n - sent)) == TRIB_OK;
}

static trib_code write_tls(trib_conn *conn, const trib_str *parts, size_t count) {
    trib_code code = check_writable(conn);
    if (code != TRIB_OK) return code;
    for (size_t i = 0; i < count && code == TRIB_OK; i++) {
        if (!trib_conn_tls_write(conn, parts[i].ptr, parts[i].len)) code = TRIB_CANCELLED;
    }
    return code;
}

trib_code trib_conn_writev(trib_conn *conn, const trib_str *parts, size_t count) {
    if (conn->tls) return write_tls(conn, parts, count);
    uv_buf_t bufs[TRIB_CONN_PARTS_MAX];
    unsigned n = 0;
    size_t total = 0, sent;
    for (size_t i = 0; i < count && n < TRIB_CONN_PARTS_MAX; i++) {
        if (parts[i].len == 0) continue;
        union {
            const char *in;
            char *out; /* libuv has no const in uv_buf_t; it does not write there */
        } bytes = {.in = parts[i].ptr};
        bufs[n++] = (uv_buf_t){.base = bytes.out, .len = parts[i].len};
        total += parts[i].len;
    }
    if (n == 0) return TRIB_OK;
    trib_code code = write_begin(conn, bufs, n, &sent);
    if (code != TRIB_OK || sent == total) return code;
    bool queued = true;
    for (unsigned i = 0; i < n && queued; i++) {
        size_t skip = sent < bufs[i].len ? sent : bufs[i].len;
        sent -= skip;
        queued = queue_copy(conn, bufs[i].base + skip, bufs[i].len - skip);
    }
    return write_end(conn, queued);
}

trib_code trib_conn_write(trib_conn *conn, trib_str bytes) {
    return trib_conn_writev(conn, &bytes, 1);
}

trib_code trib_conn_write_buf(trib_conn *conn, trib_buf *buf) {
    if (buf->len == 0) return TRIB_OK;
    if (conn->tls) {
        trib_str bytes = trib_buf_str(buf);
        trib_code result = write_tls(conn, &bytes, 1);
        trib_buf_clear(buf);
        return result;
    }
    uv_buf_t whole = {.base = buf->ptr, .len = buf->len};
    size_t sent;
    trib_code code = write_begin(conn, &whole, 1, &sent);
    if (code != TRIB_OK || sent == buf->len) {
        trib_buf_clear(buf);
        return code;
    }
    conn_chunk *chunk = chunk_push(conn, 0);
    if (chunk) {
        chunk->moved = true;
        chunk->from = sent;
        chunk->to = chunk->cap = trib_buf_take(buf, &chunk->bytes);
        conn->unsent_bytes += chunk->to - sent;
    }
    trib_buf_clear(buf);
    return write_end(conn, chunk != NULL);
}

size_t trib_conn_unsent_bytes(const trib_conn *conn) {
    return conn->unsent_bytes;
}

bool trib_conn_write_blocked(const trib_conn *conn) {
    return conn->blocked;
}

static void send_fin(trib_conn *conn) {
    if (conn->fin_sent) return;
    conn->fin_sent = true;
    uv_os_fd_t fd;
    if (uv_fileno(&conn->uv.handle, &fd) == 0) shutdown(fd, SHUT_WR);
}

void trib_conn_flushed(trib_conn *conn) {
    if (conn->state == CONN_OPEN && conn->fin_wanted) send_fin(conn);
    if (conn->state == CONN_FLUSHING) {
        send_fin(conn);
        trib_conn_linger(conn);
    }
}

void trib_conn_shutdown(trib_conn *conn) {
    if (conn->state != CONN_OPEN || conn->fin_wanted) return;
    if (conn->tls) trib_conn_tls_end(conn);
    conn->fin_wanted = true;
    if (conn->unsent_bytes == 0) trib_conn_flushed(conn);
}

void trib_conn_write_deinit(trib_conn *conn) {
    while (conn->out) {
        conn_chunk *chunk = conn->out;
        conn->out = chunk->next;
        chunk_free(chunk);
    }
    conn->out_tail = NULL;
}
