/* SPDX-License-Identifier: Apache-2.0 */
/* A stream connection (TCP or unix socket) that a listener accepted. It lives on one loop; every function here is for
 * that loop's thread only.
 *
 *   socket -> one read of the loop's shared buffer -> on_data(bytes) -> how many were used; the rest is kept and shown
 *   again trib_conn_write -> straight to the kernel -> what it does not take is queued -> on_drained
 *
 * A connection at rest owns no buffers. What a peer can make us keep is bounded: bytes not yet used
 * (limits.read_max_bytes), bytes not yet sent (limits.unsent_max_bytes), time without progress
 * (limits.idle_timeout_ms). */
#ifndef TRIB_IO_CONN_H
#define TRIB_IO_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "io/loop.h"

typedef struct trib_conn trib_conn;

enum {
    TRIB_CONN_READ_MAX_BYTES = 64 * 1024,     /* unused bytes kept for a peer: stops a request that never ends */
    TRIB_CONN_UNSENT_HIGH_BYTES = 256 * 1024, /* above it the writer should pause until on_drained */
    TRIB_CONN_UNSENT_MAX_BYTES =
        16 * 1024 * 1024,                  /* a write on top of more than this closes: stops a peer that never reads */
    TRIB_CONN_IDLE_TIMEOUT_MS = 60 * 1000, /* no byte moved for so long: stops hoarded connections */
    TRIB_CONN_HANDSHAKE_TIMEOUT_MS = 15 * 1000, /* from accept to the end of the TLS handshake: stops slow-loris */
    TRIB_CONN_HANDSHAKE_DRAIN_MS = 1000,        /* what of that is left when the listener closes */
    TRIB_CONN_HANDSHAKE_MAX_BYTES = 32 * 1024,  /* of a TLS handshake: stops an endless one */
    TRIB_CONN_LINGER_MS = 2 * 1000,             /* after our last byte, time for the peer to close first */
    TRIB_CONN_DISCARD_MAX_BYTES =
        1024 * 1024,          /* thrown away while closing: stops an endless upload to a dead request */
    TRIB_CONN_PARTS_MAX = 8,  /* pieces of one trib_conn_writev */
    TRIB_CONN_PEER_BYTES = 64 /* enough for any trib_conn_peer text */
};

/* 0 means the constant above. */
typedef struct trib_conn_limits {
    uint32_t idle_timeout_ms;
    uint32_t handshake_timeout_ms;
    uint32_t read_max_bytes; /* at most TRIB_CONN_READ_MAX_BYTES */
    size_t unsent_high_bytes;
    size_t unsent_max_bytes;
} trib_conn_limits;

typedef enum trib_conn_timeout {
    TRIB_CONN_TIMEOUT_IDLE,    /* no byte moved for the idle timeout */
    TRIB_CONN_TIMEOUT_DEADLINE /* the time of trib_conn_set_deadline came; it is cleared now */
} trib_conn_timeout;

/* What a protocol does with its connections. All run on the connection's loop; none after on_close. Optional ones may
 * be NULL. Any of them may write, pause, close or abort the connection. */
typedef struct trib_conn_handler {
    /* Optional. The place to set trib_conn_set_user. With TLS it comes after the handshake; a connection whose
     * handshake fails is never shown. */
    void (*on_open)(trib_conn *conn);
    /* Optional. The peer begins with letters where TLS is spoken, so instead of on_open: what to send it, as it is,
     * before the connection is closed. Borrowed. */
    trib_str (*on_not_tls)(trib_conn *conn);
    /* Bytes arrived. Returns how many of them were used; the rest is shown again, in front of the bytes that follow, or
     * after trib_conn_read_resume. `bytes` is borrowed for the call. Once read_max_bytes are kept, something must be
     * used. */
    size_t (*on_data)(trib_conn *conn, trib_str bytes);
    /* Optional. Unsent bytes fell to half of unsent_high_bytes after having been above it. */
    void (*on_drained)(trib_conn *conn);
    /* Optional (else trib_conn_close). The peer sends no more; it may still read. Comes after all bytes were shown, or
     * while reading is paused if none wait. */
    void (*on_eof)(trib_conn *conn);
    /* Optional (else trib_conn_abort with REQUEST_TIMEOUT). */
    void (*on_timeout)(trib_conn *conn, trib_conn_timeout which);
    /* Optional (else trib_conn_close). The listener is closing: end when the work in hand is done. */
    void (*on_drain)(trib_conn *conn);
    /* Exactly once for every on_open, never inside another call; the connection is gone when it returns.
     * OK: both sides ended it. CANCELLED: the peer broke it off. REQUEST_TIMEOUT, OVERLOADED (unsent_max_bytes),
     * BODY_TOO_LARGE (read_max_bytes), NOMEM, SHUTTING_DOWN, or what trib_conn_abort was given. */
    void (*on_close)(trib_conn *conn, trib_code why);
} trib_conn_handler;

/* ---- writing ---- */

/* Sends bytes; what the kernel does not take now is copied and sent later, in order. Errors: CANCELLED (closing or
 * closed, the bytes are dropped), OVERLOADED and NOMEM (the connection was aborted). The error needs no handling:
 * on_close follows. */
trib_code trib_conn_write(trib_conn *conn, trib_str bytes);
/* The same for up to TRIB_CONN_PARTS_MAX pieces in one system call: head and body without joining them. */
trib_code trib_conn_writev(trib_conn *conn, const trib_str *parts, size_t count);
/* The same without a copy: what could not be sent is moved out of `buf`. Owns: `buf` stays the caller's and is empty
 * afterwards; it kept its memory if all was sent. */
trib_code trib_conn_write_buf(trib_conn *conn, trib_buf *buf);
size_t trib_conn_unsent_bytes(const trib_conn *conn);
/* True from unsent_high_bytes until on_drained: stop producing. */
bool trib_conn_write_blocked(const trib_conn *conn);
/* Tells the peer, after all bytes, that no more follow; reading goes on. */
void trib_conn_shutdown(trib_conn *conn);

/* ---- reading ---- */

/* No on_data until resume. Costs nothing unless the peer goes on sending, and then at most read_max_bytes. */
void trib_conn_read_pause(trib_conn *conn);
/* Reads again; bytes that were kept are shown soon (also if reading was not paused), never inside this call. */
void trib_conn_read_resume(trib_conn *conn);

/* ---- end ---- */

/* Sends what is queued, then closes; input is thrown away from now on. No callback but on_close follows. */
void trib_conn_close(trib_conn *conn);
/* Closes now, dropping what is queued. `why` goes to on_close. */
void trib_conn_abort(trib_conn *conn, trib_code why);
/* True once close or abort was called, by whomever. */
bool trib_conn_closing(const trib_conn *conn);

/* ---- time ---- */

/* 0: none, as long as it is set so (a connection whose job runs). Counts from now. */
void trib_conn_set_idle_timeout(trib_conn *conn, uint32_t timeout_ms);
/* One more limit, whatever bytes move: a head or body that must have arrived by then. 0: none. Cheap to set. */
void trib_conn_set_deadline(trib_conn *conn, uint32_t timeout_ms);

/* ---- who ---- */

void trib_conn_set_user(trib_conn *conn, void *user);
void *trib_conn_user(const trib_conn *conn);
/* What the listener was given. */
void *trib_conn_listener_user(const trib_conn *conn);
trib_loop *trib_conn_loop(const trib_conn *conn);
/* "127.0.0.1:4711", "[::1]:4711" or "unix". Writes at most TRIB_CONN_PEER_BYTES into `text`, NUL-terminated. */
trib_str trib_conn_peer(const trib_conn *conn, char text[TRIB_CONN_PEER_BYTES]);

#endif
