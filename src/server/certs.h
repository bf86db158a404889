/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates of the two listeners while the server runs: loaded at the start, again on SIGHUP and when their
 * files change. A pair that cannot be used is logged with the reason, and the one before stays in force.
 *
 *   /metrics: trib_tls_certificate_expires_seconds{listener="user"}
 *             trib_tls_reloads_total{listener="user",result="failed"} */
#ifndef TRIB_SERVER_CERTS_H
#define TRIB_SERVER_CERTS_H

#include <stdbool.h>

#include "base/env.h"
#include "base/log.h"
#include "core/http.h"
#include "core/metrics.h"
#include "io/tls.h"
#include "server/config.h"

enum {
    TRIB_CERTS_LISTENERS = 2,
    TRIB_CERTS_POLL_MS = 1000,                    /* how often the files are looked at */
    TRIB_CERTS_WARN_MS = 7 * 24 * 60 * 60 * 1000, /* a certificate that ends sooner is worth a warning */
};

typedef struct trib_certs {
    /* private */
    const trib_env *env;
    trib_log *log;
    int64_t polled_ns;
    struct trib_certs_pair {
        const char *listener; /* its name in logs and metrics */
        trib_tls *tls;        /* NULL: the listener is plain */
        trib_counter *loaded, *failed;
    } pairs[TRIB_CERTS_LISTENERS];
} trib_certs;

/* Loads what the settings name and adds the series. `certs` may be anything before. `config` is needed for the call.
 * Owns: trib_certs_deinit, also after an error. Errors: CONFIG, NOMEM. Thread: main, as all others. */
trib_code trib_certs_init(trib_certs *certs, const trib_config *config, const trib_env *env, trib_log *log,
                          trib_metrics *metrics, trib_error *err);
/* After the listeners are closed and the series are not read any more. */
void trib_certs_deinit(trib_certs *certs);
/* NULL: plain. */
trib_tls *trib_certs_get(const trib_certs *certs, trib_listener_kind kind);
/* Loads the files again. False if there is a pair and it could not be used. */
bool trib_certs_reload(trib_certs *certs);
/* Call it often: looks at the files every TRIB_CERTS_POLL_MS and loads those that changed. True if one was loaded. */
bool trib_certs_poll(trib_certs *certs);

#endif
