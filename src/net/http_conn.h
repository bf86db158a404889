/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/1.1 connection of the server, without its socket: bytes go in, requests are dispatched, answers come out in
 * order. server.c puts it on a socket (io/conn.h); tests put it on a list.
 *
 *   bytes -> wire/http1 -> target -> route -> auth ----> body -> route->handle(request) ... answer -> bytes
 *                                              └ a worker loads the tenant, the input waits
 *
 * One request of a connection is in flight at a time. What a client pipelines behind it stays in the transport, unread
 * past its bound. The states are in http_int.h. All functions: the hub's loop thread only. */
#ifndef TRIB_NET_HTTP_CONN_H
#define TRIB_NET_HTTP_CONN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/time.h"
#include "core/app.h"
#include "core/auth.h"
#include "core/http.h"
#include "core/metrics.h"
#include "net/router.h"

enum {
    TRIB_HTTP_HEAD_TIMEOUT_MS = 15 * 1000, /* first to last byte of a head: stops slow-loris */
    TRIB_HTTP_BODY_TIMEOUT_MS = 20 * 1000, /* for each TRIB_HTTP_BODY_STEP_BYTES of a body: stops a slow-loris body */
    TRIB_HTTP_BODY_STEP_BYTES = 16 * 1024,
    TRIB_HTTP_IDLE_TIMEOUT_MS =
        75 * 1000, /* between requests: stops hoarded connections; longer than clients keep theirs */
    TRIB_HTTP_WRITE_TIMEOUT_MS = 30 * 1000, /* without a byte taken: stops a peer that never reads */
    TRIB_HTTP_CREDIT_TIMEOUT_MS =
        30 * 1000, /* for half of TRIB_HTTP_UNSENT_MAX_BYTES: stops a reader that trickles while its job rests */
    TRIB_HTTP_HALF_CLOSED_MS =
        2 * 1000, /* a peer that sent its end gets its answer if it comes so soon; then it is gone */
    TRIB_HTTP_DRAIN_IDLE_MS =
        500, /* at the server's end, a kept connection waits so long for a request that may be on its way */
    TRIB_HTTP_DISCARD_MAX_BYTES =
        64 * 1024,                        /* body of a refused request that is read, so that the connection can go on */
    TRIB_HTTP_ARENA_MAX_BYTES = 64 << 20, /* what one request may take in its arena */
    TRIB_HTTP_REQUEST_ID_MAX_BYTES = 64,  /* a client's x-request-id; longer ones would bloat every log line */
};

typedef struct trib_http_conn trib_http_conn;

/* What carries the bytes: the functions of io/conn.h, one for one. `closed` (trib_http_conn_closed) follows close and
 * abort, never inside a call. */
typedef struct trib_http_transport {
    void (*write)(void *ctx, trib_buf *bytes); /* moved out; in order */
    size_t (*unsent)(void *ctx);
    void (*set_reading)(void *ctx, bool on); /* on: what was not used is shown again soon, never inside the call */
    void (*close)(void *ctx);                /* after everything is sent */
    void (*abort)(void *ctx, trib_code why);
    void (*set_idle_timeout)(void *ctx, uint32_t timeout_ms); /* without a byte moved; 0: none */
    void (*set_deadline)(void *ctx, uint32_t timeout_ms);     /* from now; 0: none */
} trib_http_transport;

/* Counters of the HTTP side, shared by all loops. */
typedef struct trib_http_stats {
    trib_counter *by_class[6]; /* answers by status / 100 */
    trib_counter *connections;
    trib_histogram **by_route; /* route_count, in the router's order */
    trib_histogram *unrouted;
    _Atomic int64_t open_connections;
} trib_http_stats;
/* Adds the series to the registry. `router` names the routes. Errors: NOMEM. Owns: trib_http_stats_deinit. */
trib_code trib_http_stats_init(trib_http_stats *stats, trib_metrics *metrics, const trib_router *router,
                               trib_error *err);
void trib_http_stats_deinit(trib_http_stats *stats);

/* What the connections of one loop share. */
typedef struct trib_http_hub {
    trib_app *app;
    const trib_router *router;
    void *const *module_states; /* by module index */
    trib_http_stats *stats;
    trib_home *home; /* the loop's */
    /* private */
    int64_t date_second;
    char date[TRIB_TIME_HTTP_BYTES];
    char id_prefix[17];
    uint64_t next_id;
    _Atomic uint32_t live; /* connections that are not freed */
} trib_http_hub;
/* Fields above `private` are set before. Errors: INTERNAL without randomness. */
trib_code trib_http_hub_init(trib_http_hub *hub, trib_error *err);

/* Owns: the connection ends itself with trib_http_conn_closed. NULL: no memory, close the socket. */
trib_http_conn *trib_http_conn_new(trib_http_hub *hub, trib_listener_kind listener,
                                   const trib_http_transport *transport, void *transport_ctx);
/* Bytes that were not used yet. Returns how many are used now. */
size_t trib_http_conn_input(trib_http_conn *conn, trib_str bytes);
/* Unsent bytes fell low. */
void trib_http_conn_drained(trib_http_conn *conn);
/* The peer sends no more. */
void trib_http_conn_eof(trib_http_conn *conn);
/* No byte moved for the idle timeout. */
void trib_http_conn_timeout(trib_http_conn *conn);
/* The deadline. */
void trib_http_conn_deadline(trib_http_conn *conn);
/* The server shuts down: finish the request in flight, or one that comes within TRIB_HTTP_DRAIN_IDLE_MS, then close. */
void trib_http_conn_drain(trib_http_conn *conn);
/* The socket is gone; the connection frees itself, now or when the answer it owes comes. */
void trib_http_conn_closed(trib_http_conn *conn);

/* What core/http.h forwards to. */
extern const trib_http_ops trib_http_conn_ops;

#endif
