/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a connection, for conn*.c and listener.c.
 *
 *   OPEN -- trib_conn_close --> FLUSHING -- all sent --> LINGERING -- peer's end, or time --> CLOSED -- libuv is done
 *   --> freed
 *     |_____________________________________ abort, error, timeout _____________________________^ */
#ifndef TRIB_IO_CONN_INT_H
#define TRIB_IO_CONN_INT_H

#include <uv.h>

#include "io/conn.h"
#include "io/listener.h"
#include "io/loop_int.h"

typedef enum conn_state { CONN_OPEN, CONN_FLUSHING, CONN_LINGERING, CONN_CLOSED } conn_state;

/* Bytes that wait to be sent. `bytes` is the block behind the struct, or a block that was moved in. */
typedef struct conn_chunk conn_chunk;
struct conn_chunk {
    conn_chunk *next;
    char *bytes;
    size_t from, to, cap;
    bool moved; /* `bytes` is a block of its own */
};

typedef struct trib_listener_lane trib_listener_lane;
typedef struct conn_tls conn_tls; /* conn_tls.c */

struct trib_conn {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_write_t write;
    trib_task adopt; /* carries the accepted socket to its loop */
    int fd;          /* until it is adopted; -1 then */
    trib_listener_lane *lane;
    trib_loop *loop;
    const trib_conn_handler *handler;
    void *user;
    conn_tls *tls;          /* NULL: plain */
    trib_conn *prev, *next; /* all connections of the lane */

    trib_timer timer; /* due at the earlier of the two times below; moved lazily */
    int64_t active_ms;
    int64_t deadline_ms; /* INT64_MAX: none */
    uint32_t idle_timeout_ms;

    char *kept; /* bytes that on_data has not used */
    uint32_t kept_bytes, kept_cap;
    uint32_t discarded_bytes;
    trib_defer redeliver;
    trib_defer more; /* reading goes on when others had their turn */
    trib_defer turn; /* sending goes on when others had theirs */

    conn_chunk *out, *out_tail;
    size_t unsent_bytes;
    size_t seen_unsent_bytes; /* of libuv's queue, when the timer last looked: progress without a callback */
    uint32_t in_flight;       /* chunks that libuv holds: the kernel was full */
    size_t in_flight_bytes;   /* of these; the last one perhaps only in part */

    uint8_t state; /* conn_state */
    bool delivering, again;
    bool paused, read_stopped, eof, eof_shown;
    bool blocked, fin_wanted, fin_sent;
    bool opened; /* on_open was called: at once, or after the TLS handshake */
    bool unix_socket;
    trib_code why;
    uint16_t peer_port;
    uint16_t peer_family;
    uint8_t peer_ip[16];
};

/* Starts the life of an accepted socket on its loop. Owns: `conn` and its descriptor, also on failure. Thread:
 * conn->loop's. */
void trib_conn_adopt(trib_conn *conn);
/* The limits with defaults filled in. */
const trib_conn_limits *trib_conn_get_limits(const trib_conn *conn);
/* A byte moved. */
static inline void trib_conn_touch(trib_conn *conn) {
    conn->active_ms = trib_loop_now_ms(conn->loop);
}
/* Shows the connection to its handler. */
void trib_conn_set_open(trib_conn *conn);
/* The listener is closing. */
void trib_conn_drain(trib_conn *conn);
/* conn_read.c */
void trib_conn_read_start(trib_conn *conn);
void trib_conn_read_stop(trib_conn *conn);
void trib_conn_read_deinit(trib_conn *conn);
/* Shows the first n bytes of the loop's read buffer (of which kept_bytes are old) and keeps what is not used. */
void trib_conn_deliver(trib_conn *conn, size_t n);
/* The peer sends no more; reset: and takes no more. */
void trib_conn_read_ended(trib_conn *conn, bool reset);
/* conn_write.c */
void trib_conn_write_deinit(trib_conn *conn);
/* Bytes for the socket as they are, behind what is queued. False: the connection was aborted, or was before. */
bool trib_conn_write_raw(trib_conn *conn, const char *bytes, size_t n);
/* conn_tls.c, for connections whose listener has a certificate */
/* Errors: NOMEM. */
trib_code trib_conn_tls_init(trib_conn *conn);
void trib_conn_tls_deinit(trib_conn *conn);
/* Where the socket's next bytes go. */
void trib_conn_tls_alloc(trib_conn *conn, uv_buf_t *ret);
/* n bytes came there. */
void trib_conn_tls_received(trib_conn *conn, size_t n);
/* Goes on with what was kept while reading was paused. */
void trib_conn_tls_resume(trib_conn *conn);
bool trib_conn_tls_waits(const trib_conn *conn);
/* False: the connection was aborted. */
bool trib_conn_tls_write(trib_conn *conn, const char *bytes, size_t n);
/* Tells the peer that no more comes (close_notify), before the FIN. */
void trib_conn_tls_end(trib_conn *conn);
/* Everything was sent: does what waited for that. */
void trib_conn_flushed(trib_conn *conn);
/* After our FIN: waits for the peer's. */
void trib_conn_linger(trib_conn *conn);

#endif
