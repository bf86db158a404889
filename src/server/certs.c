/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates while the server runs; see certs.h. */
#include "server/certs.h"

#include "base/time.h"

static void log_pair(const trib_certs *certs, const struct trib_certs_pair *pair, const char *event) {
    char until[TRIB_TIME_ISO_BYTES];
    int64_t expires_ms = trib_tls_expires_ms(pair->tls);
    trib_time_to_iso(expires_ms, until);
    bool soon = expires_ms - trib_env_wall_ms(certs->env) < TRIB_CERTS_WARN_MS;
    trib_log_event(certs->log, soon ? TRIB_LOG_WARN : TRIB_LOG_INFO, event, TRIB_LOG_C("listener", pair->listener),
                   TRIB_LOG_C("expires", until), TRIB_LOG_B("expires_soon", soon));
}

static double read_expiry(void *ctx) {
    return (double)trib_tls_expires_ms(ctx) / 1000;
}

static void add_series(trib_certs *certs, trib_metrics *metrics) {
    static const char *const labels[TRIB_CERTS_LISTENERS][3] = {
        {"listener=\"user\"", "listener=\"user\",result=\"ok\"", "listener=\"user\",result=\"failed\""},
        {"listener=\"admin\"", "listener=\"admin\",result=\"ok\"", "listener=\"admin\",result=\"failed\""}};
    for (size_t i = 0; i < TRIB_CERTS_LISTENERS; i++) {
        if (!certs->pairs[i].tls) continue;
        trib_metrics_add_gauge(metrics, "trib_tls_certificate_expires_seconds",
                               "End of the certificate in force, in seconds since 1970", labels[i][0], read_expiry,
                               certs->pairs[i].tls);
    }
    for (size_t i = 0; i < TRIB_CERTS_LISTENERS; i++) {
        static const char *const name = "trib_tls_reloads", *const help = "Certificates loaded again while running";
        if (!certs->pairs[i].tls) continue;
        certs->pairs[i].loaded = trib_metrics_add_counter(metrics, name, help, labels[i][1]);
        certs->pairs[i].failed = trib_metrics_add_counter(metrics, name, help, labels[i][2]);
    }
}

trib_code trib_certs_init(trib_certs *certs, const trib_config *config, const trib_env *env, trib_log *log,
                          trib_metrics *metrics, trib_error *err) {
    const char *const files[TRIB_CERTS_LISTENERS][2] = {{config->tls_cert, config->tls_key},
                                                        {config->admin_tls_cert, config->admin_tls_key}};
    *certs = (trib_certs){.env = env, .log = log, .pairs = {{.listener = "user"}, {.listener = "admin"}}};
    for (size_t i = 0; i < TRIB_CERTS_LISTENERS; i++) {
        if (!files[i][0]) continue;
        trib_code code = trib_tls_new(env, files[i][0], files[i][1], &certs->pairs[i].tls, err);
        if (code != TRIB_OK) return code;
        log_pair(certs, &certs->pairs[i], "certificate");
    }
    add_series(certs, metrics);
    return TRIB_OK;
}

void trib_certs_deinit(trib_certs *certs) {
    for (size_t i = 0; i < TRIB_CERTS_LISTENERS; i++) {
        trib_tls_free(certs->pairs[i].tls);
        certs->pairs[i].tls = NULL;
    }
}

trib_tls *trib_certs_get(const trib_certs *certs, trib_listener_kind kind) {
    return certs->pairs[kind == TRIB_LISTENER_USER ? 0 : 1].tls;
}

static bool reload(trib_certs *certs, struct trib_certs_pair *pair) {
    trib_error err;
    if (trib_tls_reload(pair->tls, &err) == TRIB_OK) {
        trib_counter_add(pair->loaded, 1);
        log_pair(certs, pair, "certificate_reloaded");
        return true;
    }
    trib_counter_add(pair->failed, 1);
    trib_log_event(certs->log, TRIB_LOG_WARN, "certificate_kept", TRIB_LOG_C("listener", pair->listener),
                   TRIB_LOG_C("why", err.message));
    return false;
}

bool trib_certs_reload(trib_certs *certs) {
    bool all = true;
    for (size_t i = 0; i < TRIB_CERTS_LISTENERS; i++) {
        if (certs->pairs[i].tls && !reload(certs, &certs->pairs[i])) all = false;
    }
    return all;
}

bool trib_certs_poll(trib_certs *certs) {
    int64_t now_ns = trib_env_mono_ns(certs->env);
    bool any = false;
    if (now_ns - certs->polled_ns < (int64_t)TRIB_CERTS_POLL_MS * 1000000) return false;
    certs->polled_ns = now_ns;
    for (size_t i = 0; i < TRIB_CERTS_LISTENERS; i++) {
        struct trib_certs_pair *pair = &certs->pairs[i];
        if (pair->tls && trib_tls_is_due(pair->tls) && reload(certs, pair)) any = true;
    }
    return any;
}
