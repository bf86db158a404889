/* SPDX-License-Identifier: Apache-2.0 */
/* A running server inside this process: what `trib serve`, `trib dev` and `trib demo` start.
 *
 *   start   settings -> app -> loops and listeners -> URLs
 *   wait    until SIGTERM or SIGINT, loading certificates again when they change; then drain: nothing new is accepted,
 *           what is in flight is answered, at most drain_timeout; a second signal ends at once
 *   stop    the same drain without a signal
 *
 * Threads: main (start, wait, stop), "trib-tick" (trib_app_tick), the loops, the workers, the sync threads. */
#ifndef TRIB_SERVER_SERVE_H
#define TRIB_SERVER_SERVE_H

#include <stdbool.h>

#include "base/error.h"
#include "core/app.h"
#include "server/config.h"

enum {
    TRIB_SERVE_TICK_MS = 20,
    TRIB_SERVE_WATCH_MS = 250, /* how often wait looks at files and tells the watchdog */
    TRIB_SERVE_LATE_MS = 2000, /* after the drain, for jobs of cut requests to come home before the process just ends */
};

typedef struct trib_serving trib_serving;

typedef struct trib_serve_options {
    const trib_config *config; /* finished; borrowed until stop */
    bool auto_create_tenants;  /* trib dev: a tenant is made when it is first named; only with no_auth */
    bool as_service; /* trib serve: SIGHUP reloads, the service manager's sockets are taken, it is told what happens */
} trib_serve_options;

/* Starts everything; afterwards requests are answered. SIGTERM and SIGINT of the process are from now on taken by wait.
 * Owns: *ret is the caller's (trib_serve_stop). Errors: CONFIG, IO, DATA_FOLDER_LOCKED and those of the parts. Thread:
 *       main. */
trib_code trib_serve_start(const trib_serve_options *options, trib_serving **ret, trib_error *err);
/* "http://127.0.0.1:8080/" or "unix:/path"; NULL if there is no such listener. */
const char *trib_serve_url(const trib_serving *serving, trib_listener_kind kind);
trib_app *trib_serve_app(trib_serving *serving);
/* Waits for a signal, drains, stops. Returns true if all was answered; false if it was cut short by a second signal or
 * the time limit: the caller should then end the process without freeing anything else. Frees `serving` when true. */
bool trib_serve_wait(trib_serving *serving);
/* Drains and stops now. Result and ownership as of wait. */
bool trib_serve_stop(trib_serving *serving);

#endif
