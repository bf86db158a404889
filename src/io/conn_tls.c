/* SPDX-License-Identifier: Apache-2.0 */
/* TLS between a connection's socket and its handler. A connection without it never comes here.
 *
 *   socket -> loop->tls_bytes -> [OpenSSL] -> loop->read_bytes -> on_data        as for a plain connection
 *   trib_conn_write -> [OpenSSL] -> trib_conn_write_raw -> socket, or its queue
 *
 * OpenSSL reads from and writes to us by two functions (a BIO): the bytes of one socket read at a time, and straight to
 * the kernel, so nothing is copied for it and a connection at rest holds no bytes. on_open comes when the handshake is
 * done, so a handler never meets a peer that cannot finish one.
 *
 * Bounds: a handshake has limits of bytes and time; while reading is paused, at most one socket read of ciphertext is
 * kept, and the socket is not read; what OpenSSL keeps is one record (16 KiB). */
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "io/conn_int.h"
#include "io/listener_int.h"
#include "io/tls_int.h"

struct conn_tls {
    SSL *ssl;
    const char *in; /* ciphertext that OpenSSL has not taken yet, during one call */
    size_t in_bytes;
    char *kept; /* ciphertext that waits while reading is paused */
    size_t kept_bytes;
    uint32_t handshake_bytes;
    bool ended;  /* close_notify came */
    bool broken; /* OpenSSL refused to go on: it may not be asked again */
};

enum { RECORD_HANDSHAKE = 22 }; /* the first byte of every TLS connection (RFC 8446 §5.1) */

/* ---- what OpenSSL calls ---- */

static int bio_read(BIO *bio, char *out, int room) {
    conn_tls *tls = ((trib_conn *)BIO_get_data(bio))->tls;
    BIO_clear_retry_flags(bio);
    if (tls->in_bytes == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = tls->in_bytes < (size_t)room ? tls->in_bytes : (size_t)room;
    memcpy(out, tls->in, n);
    tls->in += n;
    tls->in_bytes -= n;
    return (int)n;
}

static int bio_write(BIO *bio, const char *bytes, int n) {
    BIO_clear_retry_flags(bio);
    return trib_conn_write_raw(BIO_get_data(bio), bytes, (size_t)n) ? n : -1;
}

static long bio_ctrl(BIO *bio, int what, long num, void *ptr) {
    (void)bio;
    (void)num;
    (void)ptr;
    return what == BIO_CTRL_FLUSH;
}

BIO_METHOD *trib_conn_tls_method_new(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "trib connection");
    if (!method) return NULL;
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
    return method;
}

/* ---- life ---- */

trib_code trib_conn_tls_init(trib_conn *conn) {
    trib_loop *loop = conn->loop;
    if (!loop->tls_bytes) loop->tls_bytes = malloc(TRIB_LOOP_TLS_BYTES);
    conn_tls *tls = conn->tls = calloc(1, sizeof *tls);
    if (!tls || !loop->tls_bytes) return TRIB_NOMEM;
    trib_tls *from = conn->lane->listener->tls;
    tls->ssl = trib_tls_session_new(from);
    BIO *bio = tls->ssl ? BIO_new(trib_tls_method(from)) : NULL;
    if (!bio) return TRIB_NOMEM;
    BIO_set_data(bio, conn);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_accept_state(tls->ssl);
    return TRIB_OK;
}

void trib_conn_tls_deinit(trib_conn *conn) {
    if (!conn->tls) return;
    SSL_free(conn->tls->ssl);
    free(conn->tls->kept);
    free(conn->tls);
    conn->tls = NULL;
}

/* ---- reading ---- */

/* A browser, curl or a proxy that was given http:// for an https port would see nothing but a closed connection. */
static bool speaks_plainly(const trib_conn *conn) {
    char first = conn->tls->in[0];
    return conn->tls->handshake_bytes == 0 && first != RECORD_HANDSHAKE &&
           ((first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z'));
}

static void answer_plainly(trib_conn *conn) {
    trib_str answer = conn->handler->on_not_tls ? conn->handler->on_not_tls(conn) : (trib_str){0};
    conn->tls->broken = true;
    if (answer.len) trib_conn_write_raw(conn, answer.ptr, answer.len);
    trib_conn_close(conn);
}

/* True when the handshake is done and the handler lets the connection live. */
static bool shake_hands(trib_conn *conn) {
    conn_tls *tls = conn->tls;
    if (speaks_plainly(conn)) {
        answer_plainly(conn);
        return false;
    }
    tls->handshake_bytes += (uint32_t)tls->in_bytes;
    ERR_clear_error();
    int done = SSL_do_handshake(tls->ssl);
    if (conn->state != CONN_OPEN) return false;
    bool wants_more = done != 1 && SSL_get_error(tls->ssl, done) == SSL_ERROR_WANT_READ;
    if (wants_more && tls->handshake_bytes <= TRIB_CONN_HANDSHAKE_MAX_BYTES) return false;
    if (done != 1) {
        tls->broken = true;
        atomic_fetch_add_explicit(&conn->lane->listener->handshakes_failed, 1, memory_order_relaxed);
        trib_conn_close(conn); /* so that the alert, which has been written, arrives */
        return false;
    }
    trib_conn_set_open(conn);
    return conn->state == CONN_OPEN;
}

/* Fills the loop's read buffer behind the bytes that the handler left. *ret_n: bytes in it. SSL_ERROR_NONE: it is
 * full. */
static int decrypt(trib_conn *conn, size_t *ret_n) {
    char *bytes = conn->loop->read_bytes;
    size_t n = conn->kept_bytes, max = trib_conn_get_limits(conn)->read_max_bytes;
    int why = SSL_ERROR_NONE;
    if (n) memcpy(bytes, conn->kept, n);
    while (n < max && why == SSL_ERROR_NONE) {
        size_t got = 0;
        ERR_clear_error();
        if (SSL_read_ex(conn->tls->ssl, bytes + n, max - n, &got) != 1) why = SSL_get_error(conn->tls->ssl, 0);
        n += got;
    }
    *ret_n = n;
    return why;
}

static void pump(trib_conn *conn) {
    conn_tls *tls = conn->tls;
    while (conn->state == CONN_OPEN && !conn->paused && !tls->ended) {
        /* a peer can make OpenSSL answer (key updates) and never read it */
        if (conn->unsent_bytes > trib_conn_get_limits(conn)->unsent_max_bytes) {
            trib_conn_abort(conn, TRIB_OVERLOADED);
            return;
        }
        size_t n, before = conn->kept_bytes;
        int why = decrypt(conn, &n);
        if (conn->state == CONN_OPEN && n > before) trib_conn_deliver(conn, n);
        if (why == SSL_ERROR_NONE) continue;
        if (why == SSL_ERROR_WANT_READ) return;
        if (why == SSL_ERROR_ZERO_RETURN) {
            tls->ended = true;
            trib_conn_read_ended(conn, false);
        } else {
            tls->broken = true;
            trib_conn_abort(conn, TRIB_CANCELLED);
        }
    }
}

/* Keeps what nobody wanted, and lets the kernel hold what comes after it. */
static void keep_rest(trib_conn *conn, char *old) {
    conn_tls *tls = conn->tls;
    char *rest = NULL;
    if (tls->in_bytes && conn->state == CONN_OPEN && !tls->ended) {
        rest = malloc(tls->in_bytes);
        if (rest) memcpy(rest, tls->in, tls->in_bytes);
        else trib_conn_abort(conn, TRIB_NOMEM);
    }
    tls->kept = rest;
    tls->kept_bytes = rest ? tls->in_bytes : 0;
    tls->in_bytes = 0;
    free(old);
    if (rest) trib_conn_read_stop(conn);
}

static void run(trib_conn *conn, const char *bytes, size_t n) {
    char *old = conn->tls->kept;
    conn->tls->kept = NULL;
    conn->tls->in = bytes;
    conn->tls->in_bytes = n;
    if (conn->opened || shake_hands(conn)) pump(conn);
    keep_rest(conn, old);
}

void trib_conn_tls_alloc(trib_conn *conn, uv_buf_t *ret) {
    const conn_tls *tls = conn->tls;
    char *bytes = conn->loop->tls_bytes;
    if (tls->kept_bytes) memcpy(bytes, tls->kept, tls->kept_bytes);
    *ret = uv_buf_init(bytes + tls->kept_bytes, (unsigned)(TRIB_LOOP_TLS_BYTES - tls->kept_bytes));
}

void trib_conn_tls_received(trib_conn *conn, size_t n) {
    run(conn, conn->loop->tls_bytes, conn->tls->kept_bytes + n);
}

void trib_conn_tls_resume(trib_conn *conn) {
    run(conn, conn->tls->kept, conn->tls->kept_bytes);
}

bool trib_conn_tls_waits(const trib_conn *conn) {
    return conn->tls->kept_bytes || SSL_pending(conn->tls->ssl) > 0;
}

/* ---- writing ---- */

bool trib_conn_tls_write(trib_conn *conn, const char *bytes, size_t n) {
    size_t written;
    if (n == 0) return true;
    ERR_clear_error();
    if (SSL_write_ex(conn->tls->ssl, bytes, n, &written) == 1) return true;
    conn->tls->broken = true;
    trib_conn_abort(conn, TRIB_CANCELLED); /* nothing if it was aborted below */
    return false;
}

void trib_conn_tls_end(trib_conn *conn) {
    if (!conn->opened || conn->tls->broken) return;
    ERR_clear_error();
    SSL_shutdown(conn->tls->ssl); /* ours only; the peer's may come later or never */
    ERR_clear_error();
}
