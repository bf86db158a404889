/* SPDX-License-Identifier: Apache-2.0 */
/* Reading side of a connection; see conn.h.
 *
 *   the loop's read buffer: [ kept bytes | fresh bytes ... ] -> on_data -> the unused tail goes into a block of its own
 *
 * The kept bytes are laid in front before every read, so on_data always sees one run of bytes and reads stay large. A
 * connection without an unfinished message keeps nothing.
 *
 * Pausing is lazy: the socket stays watched until bytes really come, because taking it out of epoll and back would cost
 * two system calls for every request that waits for a worker, and an aborted request would go unnoticed. */
#include <stdlib.h>
#include <string.h>

#include "io/conn_int.h"

/* gcc -fanalyzer loses sight of memory that an object beyond a function owns; LeakSanitizer watches instead. */
#if defined TRIB_ANALYZE && !defined __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

enum { KEPT_STEP_BYTES = 256 };

_Static_assert((int)TRIB_CONN_READ_MAX_BYTES <= (int)TRIB_LOOP_READ_BYTES,
               "kept bytes must fit into the loop's read buffer");

static void keep(trib_conn *conn, const char *bytes, size_t n) {
    if (n == 0) {
        free(conn->kept);
        conn->kept = NULL;
        conn->kept_bytes = conn->kept_cap = 0;
        return;
    }
    if (n > conn->kept_cap) {
        size_t cap = (n + KEPT_STEP_BYTES - 1) / KEPT_STEP_BYTES * KEPT_STEP_BYTES;
        char *grown = realloc(conn->kept, cap);
        if (!grown) {
            trib_conn_abort(conn, TRIB_NOMEM);
            return;
        }
        conn->kept = grown;
        conn->kept_cap = (uint32_t)cap;
    }
    memcpy(conn->kept, bytes, n);
    conn->kept_bytes = (uint32_t)n;
}

static void show_eof(trib_conn *conn) {
    if (conn->eof_shown) return;
    conn->eof_shown = true;
    if (conn->handler->on_eof) conn->handler->on_eof(conn);
    else trib_conn_close(conn);
}

void trib_conn_deliver(trib_conn *conn, size_t n) {
    trib_str left = {conn->loop->read_bytes, n};
    conn->delivering = true;
    size_t used;
    do {
        conn->again = false;
        used = conn->handler->on_data(conn, left);
        if (used > left.len) used = left.len;
        left = trib_str_sub(left, used, left.len);
        /* again: reading was resumed from inside; only progress earns another round */
    } while (conn->again && used && left.len && conn->state == CONN_OPEN && !conn->paused);
    conn->delivering = false;
    if (conn->state != CONN_OPEN) return;
    /* a full buffer of which nothing is used would stay full for ever */
    if (left.len >= trib_conn_get_limits(conn)->read_max_bytes && !conn->paused) {
        trib_conn_abort(conn, TRIB_BODY_TOO_LARGE);
        return;
    }
    if (left.len || conn->kept) keep(conn, left.ptr, left.len);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
    (void)suggested;
    trib_conn *conn = handle->data;
    char *bytes = conn->loop->read_bytes;
    if (conn->state != CONN_OPEN) {
        *ret = uv_buf_init(bytes, TRIB_LOOP_READ_BYTES);
        return;
    }
    if (conn->tls) {
        trib_conn_tls_alloc(conn, ret);
        return;
    }
    if (conn->kept_bytes) memcpy(bytes, conn->kept, conn->kept_bytes);
    size_t room = TRIB_LOOP_READ_BYTES - conn->kept_bytes;
    uint32_t max = trib_conn_get_limits(conn)->read_max_bytes;
    /* what is kept may never pass the limit, also if nothing is used or reading is paused */
    if (room > max - conn->kept_bytes) room = max - conn->kept_bytes;
    *ret = uv_buf_init(bytes + conn->kept_bytes, (unsigned)room);
}

void trib_conn_read_stop(trib_conn *conn) {
    conn->read_stopped = true;
    uv_read_stop(&conn->uv.stream);
}

/* Bytes that the handler must see before the end. */
static bool holds_bytes(const trib_conn *conn) {
    bool any = conn->kept_bytes || (conn->tls && trib_conn_tls_waits(conn));
    return any && (conn->paused || conn->redeliver.next);
}

void trib_conn_read_ended(trib_conn *conn, bool reset) {
    conn->eof = true;
    trib_conn_read_stop(conn);
    if (reset) {
        /* a reset after our end was sent and the peer had all it wanted is how some peers close */
        trib_conn_abort(conn, conn->state == CONN_LINGERING ? TRIB_OK : TRIB_CANCELLED);
    } else if (conn->state == CONN_LINGERING) {
        trib_conn_abort(conn, TRIB_OK);
    } else if (conn->state == CONN_OPEN && !conn->opened) {
        trib_conn_abort(conn, TRIB_CANCELLED); /* inside the handshake */
    } else if (conn->state == CONN_OPEN && !holds_bytes(conn)) {
        show_eof(conn);
    }
}

static void on_more(trib_defer *defer) {
    trib_conn *conn = TRIB_OWNER_OF(defer, trib_conn, more);
    if (conn->state == CONN_OPEN && conn->read_stopped && !conn->paused) trib_conn_read_start(conn);
}

/* libuv would read on, up to 2 MB, while others wait: a full buffer is what one connection gets before it is their
 * turn. */
static void let_others_read(trib_conn *conn) {
    if (conn->state != CONN_OPEN || conn->read_stopped || conn->paused) return;
    trib_conn_read_stop(conn);
    conn->more.run = on_more;
    trib_loop_defer(conn->loop, &conn->more);
}

static void take(trib_conn *conn, size_t got) {
    if (conn->tls) {
        trib_conn_tls_received(conn, got);
        return;
    }
    size_t n = conn->kept_bytes + got;
    if (conn->paused) {
        keep(conn, conn->loop->read_bytes, n);
        if (conn->state == CONN_OPEN) trib_conn_read_stop(conn);
        return;
    }
    trib_conn_deliver(conn, n);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf) {
    trib_conn *conn = stream->data;
    if (got == 0) return; /* a spurious wake-up */
    if (got == UV_ENOBUFS) {
        trib_conn_read_stop(conn); /* as much is kept as is allowed: on_redeliver, or what resumes, starts it again */
        return;
    }
    if (got < 0) {
        trib_conn_read_ended(conn, got != UV_EOF);
        return;
    }
    trib_conn_touch(conn);
    if (conn->state != CONN_OPEN) {
        conn->discarded_bytes += (uint32_t)got;
        if (conn->discarded_bytes > TRIB_CONN_DISCARD_MAX_BYTES) trib_conn_abort(conn, TRIB_OK);
        return;
    }
    take(conn, (size_t)got);
    if ((size_t)got == buf->len) let_others_read(conn);
}

void trib_conn_read_start(trib_conn *conn) {
    if (conn->eof) return;
    conn->read_stopped = false;
    int failed = uv_read_start(&conn->uv.stream, on_alloc, on_read);
    if (failed && failed != UV_EALREADY) trib_conn_abort(conn, TRIB_IO);
}

void trib_conn_read_pause(trib_conn *conn) {
    conn->paused = true;
}

/* Runs from the loop, so that resume never calls on_data from inside its caller. */
static void on_redeliver(trib_defer *defer) {
    trib_conn *conn = TRIB_OWNER_OF(defer, trib_conn, redeliver);
    if (conn->state != CONN_OPEN || conn->paused) return;
    if (conn->kept_bytes) {
        memcpy(conn->loop->read_bytes, conn->kept, conn->kept_bytes);
        trib_conn_deliver(conn, conn->kept_bytes);
    }
    if (conn->tls && conn->state == CONN_OPEN && !conn->paused) trib_conn_tls_resume(conn);
    /* the socket may have been looked at before this ran, and nothing more could be kept then */
    if (conn->state == CONN_OPEN && !conn->paused && conn->read_stopped) trib_conn_read_start(conn);
    if (conn->state == CONN_OPEN && conn->eof && !holds_bytes(conn)) show_eof(conn);
}

void trib_conn_read_resume(trib_conn *conn) {
    if (conn->state != CONN_OPEN) return;
    conn->paused = false;
    if (conn->read_stopped) trib_conn_read_start(conn);
    if (conn->state != CONN_OPEN) return;
    if (conn->delivering) {
        conn->again = true;
    } else if (conn->kept_bytes || (conn->eof && !conn->eof_shown) || (conn->tls && trib_conn_tls_waits(conn))) {
        conn->redeliver.run = on_redeliver;
        trib_loop_defer(conn->loop, &conn->redeliver);
    }
}

void trib_conn_read_deinit(trib_conn *conn) {
    free(conn->kept);
    conn->kept = NULL;
}
