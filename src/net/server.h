/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: loops, listeners (user, admin) and the modules' routes, put together.
 *
 *   trib_server_new     loops (not running yet), so that homes exist
 *   trib_server_open    modules start, routes are compiled, ports are bound, loops run
 *   trib_server_drain   stops accepting; requests in flight, and those that come on kept connections within a moment,
 *                       are answered with `Connection: close`; `drained` in the end
 *   trib_server_free    modules stop, loops end
 *
 * Every connection lives on one loop; jobs come home to the loop of the connection they answer. */
#ifndef TRIB_NET_SERVER_H
#define TRIB_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "core/app.h"
#include "core/http.h"
#include "core/metrics.h"
#include "io/loop.h"
#include "io/tls.h"

enum { TRIB_SERVER_LOOPS_MAX = 32 };

typedef struct trib_server trib_server;

typedef struct trib_server_config {
    uint32_t loop_count;            /* 1 to TRIB_SERVER_LOOPS_MAX */
    const char *listen;             /* as io/listener.h reads it; NULL: no user listener */
    const char *admin_listen;       /* NULL: none */
    int listen_fd, admin_listen_fd; /* > 0: a socket that listens already, instead of the address; owned from open on */
    trib_tls *tls, *admin_tls;      /* NULL: plain; borrowed until free */
    uint32_t max_connections;       /* of each listener; 0: io's default */
    const trib_module *const *modules;
    size_t module_count;
    trib_metrics *metrics; /* may be NULL */
    /* The listener of this kind has its port; the user's comes first, and the admin's does not exist then. May be
     * NULL. */
    void (*on_listening)(void *ctx, trib_listener_kind kind, const char *address);
    void *on_listening_ctx;
} trib_server_config;

/* Makes the loops and sets app->http. `config` is copied, what it points to is borrowed.
 * Owns: *ret is the caller's. Errors: NOMEM, IO, INTERNAL. Thread: main. */
trib_code trib_server_new(trib_app *app, const trib_server_config *config, trib_server **ret, trib_error *err);
/* Errors: those of the modules' starts and of trib_router_new; CONFIG, IO for addresses. After an error only free. */
trib_code trib_server_open(trib_server *server, trib_error *err);
/* Requests that are still in flight after grace_ms are cut. `drained` runs once, on a loop's thread. Thread: any; once,
 * and only after open succeeded. */
void trib_server_drain(trib_server *server, uint32_t grace_ms, void (*drained)(void *ctx), void *ctx);
/* True when no connection exists any more, not even one that is closed and whose job has not come home. Thread: any. */
bool trib_server_is_idle(const trib_server *server);
/* When drained and idle, or when open failed or was never called. Not from a loop. Takes NULL. */
void trib_server_free(trib_server *server);

/* "127.0.0.1:8080" or "unix:/path" with the port in use; NULL if there is no such listener. */
const char *trib_server_address(const trib_server *server, trib_listener_kind kind);
/* Asks every loop for a sign of life. False: one has not answered the question before. Thread: one at a time, between
 * open and free. */
bool trib_server_is_alive(trib_server *server);
/* The first loop: for the timers and signals of the process. */
trib_loop *trib_server_loop(trib_server *server);
/* Where jobs without a connection may come home to. */
trib_home *trib_server_home(trib_server *server);

#endif
