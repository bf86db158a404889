/* SPDX-License-Identifier: Apache-2.0 */
/* What clients do wrong with URLs, recognised by its form in requests that are refused anyway: one counter a kind, with
 * the time of the last one. `trib doctor` asks for them, /metrics shows them. Nothing of the request is kept: paths and
 * peers come from outside, and a number cannot fill memory or tell a secret. */
#ifndef TRIB_CORE_MISTAKES_H
#define TRIB_CORE_MISTAKES_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/env.h"
#include "base/error.h"
#include "base/str.h"
#include "core/metrics.h"

/* X(name, id, meaning): the id is the metric's label and, behind "client-", doctor's */
#define TRIB_MISTAKE_TABLE(X)                                                                                          \
    X(SLASH, "url-without-slash", "names no tenant: libSQL's JavaScript client drops what follows the last slash")     \
    X(TWICE, "names-two-tenants", "path, host and x-namespace disagree")                                               \
    X(PATH, "path-without-version", "asks for /pipeline and the like without /vN")                                     \
    X(WEBSOCKET, "speaks-websocket", "asks to open a WebSocket where none is")                                         \
    X(REPLICA, "wants-replica", "asks for sync or replication")                                                        \
    X(ADMIN, "admin-path", "asks the user listener for the admin API")                                                 \
    X(TENANT, "data-on-admin", "asks the admin listener for a tenant's data")                                          \
    X(PLAIN, "plain-http-on-tls", "speaks plain HTTP to a listener with a certificate")                                \
    X(TLS, "tls-on-plain", "speaks TLS to a listener without one")

typedef enum trib_mistake {
#define X(name, id, meaning) TRIB_MISTAKE_##name,
    TRIB_MISTAKE_TABLE(X)
#undef X
        TRIB_MISTAKE_COUNT /* also: none of these */
} trib_mistake;
const char *trib_mistake_id(trib_mistake mistake);

typedef struct trib_mistakes {
    trib_counter *counters[TRIB_MISTAKE_COUNT]; /* NULL before init */
    _Atomic int64_t last_ms[TRIB_MISTAKE_COUNT];
} trib_mistakes;

/* At the start, before requests come. */
void trib_mistakes_init(trib_mistakes *mistakes, trib_metrics *metrics);
/* Thread: any. TRIB_MISTAKE_COUNT: nothing. */
void trib_mistakes_note(trib_mistakes *mistakes, trib_mistake mistake, int64_t now_ms);

/* Which one a refused request is. path: whole, with the tenant's part. upgrade: it asks for one. */
trib_mistake trib_mistake_of_request(const trib_error *err, bool admin_listener, trib_str path, bool upgrade);
/* Which one it is that the first bytes of a connection are no HTTP. */
trib_mistake trib_mistake_of_bytes(trib_str first);

#endif
