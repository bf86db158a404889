/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets. The first loop accepts and gives each connection to the loop that has the fewest, which balances a
 * handful of busy connections better than the kernel's hash over several listening sockets would. */
#ifndef TRIB_IO_LISTENER_H
#define TRIB_IO_LISTENER_H

#include <stdint.h>

#include "base/error.h"
#include "io/conn.h"
#include "io/loop.h"
#include "io/tls.h"

typedef struct trib_listener trib_listener;

enum {
    TRIB_LISTENER_BACKLOG = 1024,
    TRIB_LISTENER_MAX_CONNECTIONS = 20000, /* stops a flood from eating all descriptors; more are closed at once */
    TRIB_LISTENER_MAX_LOOPS = 64,
    TRIB_LISTENER_ADDRESS_BYTES = 128
};

typedef struct trib_listener_config {
    const char *address;     /* "127.0.0.1:8080", "[::]:8080", "unix:/run/trib.sock"; port 0: the system chooses */
    trib_loop *const *loops; /* the first one accepts; all must outlive the listener */
    uint32_t loop_count;
    const trib_conn_handler *handler; /* borrowed */
    void *user;                       /* for trib_conn_listener_user */
    uint32_t backlog;                 /* 0: the constant */
    uint32_t max_connections;         /* 0: the constant */
    trib_conn_limits limits;
    trib_tls *tls; /* NULL: plain; borrowed until the listener is closed */
    int fd;        /* > 0: a socket that listens already (systemd's), instead of `address`; it is the listener's now */
} trib_listener_config;

typedef struct trib_listener_stats {
    uint64_t accepted;
    uint64_t refused;           /* over max_connections, or without memory */
    uint64_t handshakes_failed; /* of TLS */
    uint64_t stalled;           /* times that accepting paused because the process had no descriptor left */
    uint32_t open;
} trib_listener_stats;

/* Binds and listens; connections come as soon as the loops run.
 * Owns: *ret ends with trib_listener_close only. Errors: CONFIG (the address cannot be read), IO (err->detail is the
 *       errno),
 * NOMEM. Thread: any. */
trib_code trib_listener_open(const trib_listener_config *config, trib_listener **ret, trib_error *err);
/* Stops accepting, calls on_drain for every connection, aborts those that are left after grace_ms, then calls `closed`
 * on the first loop's thread; the listener is gone then. The loops must run until then. Once. Thread: any. */
void trib_listener_close(trib_listener *listener, uint32_t grace_ms, void (*closed)(void *ctx), void *ctx);

/* The address with the port that is in use: "127.0.0.1:43211". Thread: any, until close. */
const char *trib_listener_address(const trib_listener *listener);
/* Where to connect to what listens on `address`: "0.0.0.0:80" -> "127.0.0.1:80", "[::]:80" -> "[::1]:80", others as
 * they are. Writes at most `cap` bytes with the NUL. Thread: any. */
void trib_address_to_reach(const char *address, char *text, size_t cap);
/* 0 for a unix socket. */
uint16_t trib_listener_port(const trib_listener *listener);
void trib_listener_get_stats(const trib_listener *listener, trib_listener_stats *ret);

#endif
