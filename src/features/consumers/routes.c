/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of subscriptions, and the module's start. */
#include <stdlib.h>

#include "features/consumers/consumers_int.h"

static const trib_route routes[] = {
    {"GET", "/api/subscriptions", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, consumers_handle_list,
     "the subscriptions of the tenant"},
    {"PUT", "/api/subscriptions/:name", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, CONSUMERS_BODY_MAX_BYTES,
     consumers_handle_put, "make a subscription, or change it"},
    {"GET", "/api/subscriptions/:name", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, consumers_handle_get,
     "where it is, what is in flight and parked, how its webhook does"},
    {"DELETE", "/api/subscriptions/:name", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, consumers_handle_delete,
     "forget it, with its place"},
    {"POST", "/api/subscriptions/:name/claim", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, CONSUMERS_BODY_MAX_BYTES,
     consumers_handle_claim, "the next events, each with a lease"},
    {"POST", "/api/subscriptions/:name/ack", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, CONSUMERS_BODY_MAX_BYTES,
     consumers_handle_ack, "these events are done"},
    {"POST", "/api/subscriptions/:name/nack", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, CONSUMERS_BODY_MAX_BYTES,
     consumers_handle_nack, "these events are not: retry, park or skip them"},
    {"GET", "/api/subscriptions/:name/parked", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, consumers_handle_parked,
     "events that were given up"},
    {"POST", "/api/subscriptions/:name/replay", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, CONSUMERS_BODY_MAX_BYTES,
     consumers_handle_replay, "hand parked events out again"},
};

static double read_subs(void *ctx) {
    return (double)atomic_load(&((consumers_module *)ctx)->subs);
}
static double read_lag(void *ctx) {
    return (double)atomic_load(&((consumers_module *)ctx)->lag);
}
static double read_parked(void *ctx) {
    return (double)atomic_load(&((consumers_module *)ctx)->parked);
}

/* Of all subscriptions together: their names come from tenants. */
static void add_metrics(consumers_module *m) {
    trib_metrics *metrics = m->app->metrics;
    static const char events[] = "Events of subscriptions, by what became of them",
                      hooks[] = "Deliveries of webhooks, by outcome";
    if (!metrics) return;
    m->handed = trib_metrics_add_counter(metrics, "trib_consumers_events", events, "what=\"handed_out\"");
    m->acked = trib_metrics_add_counter(metrics, "trib_consumers_events", events, "what=\"acked\"");
    m->retried = trib_metrics_add_counter(metrics, "trib_consumers_events", events, "what=\"retried\"");
    m->parked_now = trib_metrics_add_counter(metrics, "trib_consumers_events", events, "what=\"parked\"");
    m->lost = trib_metrics_add_counter(metrics, "trib_consumers_events", events, "what=\"lease_lost\"");
    m->hook_ok = trib_metrics_add_counter(metrics, "trib_webhook_deliveries", hooks, "outcome=\"ok\"");
    m->hook_failed = trib_metrics_add_counter(metrics, "trib_webhook_deliveries", hooks, "outcome=\"failed\"");
    m->hook_gone = trib_metrics_add_counter(metrics, "trib_webhooks_disabled", "Webhooks that were given up", NULL);
    trib_metrics_add_gauge(metrics, "trib_consumers", "Subscriptions", NULL, read_subs, m);
    trib_metrics_add_gauge(metrics, "trib_consumers_lag_events",
                           "Events that the subscription which is furthest behind has not looked at", NULL, read_lag,
                           m);
    trib_metrics_add_gauge(metrics, "trib_consumers_parked_events", "Parked events of all subscriptions", NULL,
                           read_parked, m);
}

static void stop(void *state) {
    consumers_module *m = state;
    if (!m) return;
    trib_commits_remove(&m->app->commits, m);
    consumers_hooks_free(m->hooks);
    trib_waiters_deinit(&m->waiters);
    free(m);
}

static trib_code start(trib_app *app, void **ret_state, trib_error *err) {
    consumers_module *m = calloc(1, sizeof *m);
    if (!m) return trib_error_set(err, TRIB_NOMEM, NULL);
    m->app = app;
    trib_code code = trib_waiters_init(&m->waiters, app->env, CONSUMERS_WAITERS_MAX, err);
    if (code == TRIB_OK) code = trib_control_find_system(app->control, "streams", &m->tenant, err);
    if (code == TRIB_OK) code = consumers_prepare(app, m->tenant, err);
    if (code == TRIB_OK) code = consumers_hooks_new(m, err);
    if (code == TRIB_OK) {
        add_metrics(m);
        consumers_heard(m);
        if (!trib_commits_add(&app->commits, m->tenant->id, consumers_heard, m) ||
            !trib_app_add_ticker(app, consumers_tick, m))
            code = trib_error_set(err, TRIB_INTERNAL, "there are more modules that listen than there is room for");
    }
    if (code != TRIB_OK) {
        stop(m);
        return code;
    }
    *ret_state = m;
    return TRIB_OK;
}

const trib_module trib_consumers_module = {.name = "consumers",
                                           .routes = routes,
                                           .route_count = sizeof routes / sizeof routes[0],
                                           .start = start,
                                           .stop = stop};
