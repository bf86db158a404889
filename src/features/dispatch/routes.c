/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of dispatch, and the module's start. */
#include <stdlib.h>

#include "core/stream_timer.h"
#include "features/dispatch/dispatch_int.h"

static const trib_route routes[] = {
    {"POST", "/api/dispatch", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, DISPATCH_BODY_MAX_BYTES, dispatch_handle_search,
     "look for somebody who does a job of a deal"},
    {"GET", "/api/dispatch/:id", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, dispatch_handle_show,
     "how far the search for a deal is"},
    {"DELETE", "/api/dispatch/:id", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, dispatch_handle_stop,
     "look for nobody any more"},
    {"GET", "/api/offers", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, dispatch_handle_offers,
     "the jobs that the tenant is offered now"},
    {"POST", "/api/offers/:id/accept", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, DISPATCH_BODY_MAX_BYTES,
     dispatch_handle_accept, "take the job"},
    {"POST", "/api/offers/:id/decline", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, DISPATCH_BODY_MAX_BYTES,
     dispatch_handle_decline, "leave the job to somebody else"},
};

static double read_waiting(void *ctx) {
    return (double)atomic_load(&((dispatch_module *)ctx)->waiting);
}
static double read_open(void *ctx) {
    return (double)atomic_load(&((dispatch_module *)ctx)->open);
}
static double read_oldest(void *ctx) {
    return (double)atomic_load(&((dispatch_module *)ctx)->oldest_ms) / 1000;
}

static void add_metrics(dispatch_module *m) {
    trib_metrics *metrics = m->app->metrics;
    static const char offers[] = "Offers of jobs, by what became of them";
    if (!metrics) return;
    m->offered = trib_metrics_add_counter(metrics, "trib_dispatch_offers", offers, "what=\"made\"");
    m->accepted = trib_metrics_add_counter(metrics, "trib_dispatch_offers", offers, "what=\"accepted\"");
    m->declined = trib_metrics_add_counter(metrics, "trib_dispatch_offers", offers, "what=\"declined\"");
    m->timed_out = trib_metrics_add_counter(metrics, "trib_dispatch_offers", offers, "what=\"timed_out\"");
    m->withdrawn = trib_metrics_add_counter(metrics, "trib_dispatch_withdrawn",
                                            "Searches that ended because the deal needs nobody any more", NULL);
    m->assigned = trib_metrics_add_counter(metrics, "trib_dispatch_assigned", "Jobs that somebody has got", NULL);
    m->waited_ms = trib_metrics_add_counter(metrics, "trib_dispatch_waited_milliseconds",
                                            "How long the jobs that somebody has got had waited, in all", NULL);
    trib_metrics_add_gauge(metrics, "trib_dispatch_waiting", "Jobs that wait for somebody", NULL, read_waiting, m);
    trib_metrics_add_gauge(metrics, "trib_dispatch_open_offers", "Offers that are not answered yet", NULL, read_open,
                           m);
    trib_metrics_add_gauge(metrics, "trib_dispatch_oldest_wait_seconds",
                           "How long the job that waits longest has waited", NULL, read_oldest, m);
}

static void stop(void *state) {
    dispatch_module *m = state;
    if (!m) return;
    if (m->app->deal_jobs.dispatch == m) m->app->deal_jobs.dispatch = NULL;
    dispatch_holds_free(m->holds);
    trib_waiters_deinit(&m->waiters);
    free(m);
}

static trib_code start(trib_app *app, void **ret_state, trib_error *err) {
    dispatch_module *m = calloc(1, sizeof *m);
    if (!m) return trib_error_set(err, TRIB_NOMEM, NULL);
    m->app = app;
    trib_code code = trib_waiters_init(&m->waiters, app->env, DISPATCH_WAITERS_MAX, err);
    if (code == TRIB_OK && !app->deal_jobs.deals)
        code = trib_error_set(err, TRIB_INTERNAL, "dispatch needs the module deals, which starts before it");
    if (code == TRIB_OK) code = dispatch_holds_new(app->env, &m->holds, err);
    if (code == TRIB_OK) code = trib_control_find_system(app->control, "streams", &m->tenant, err);
    if (code == TRIB_OK) code = dispatch_tables_prepare(app, m->tenant, err);
    if (code == TRIB_OK) {
        add_metrics(m);
        atomic_store(&m->news, true);
        (void)trib_stream_timers_add_action(app, "look-for-driver", dispatch_action, m);
        if (!trib_app_add_ticker(app, dispatch_tick, m))
            code = trib_error_set(err, TRIB_INTERNAL, "there are more modules that tick than there is room for");
    }
    if (code != TRIB_OK) {
        stop(m);
        return code;
    }
    app->deal_jobs.freed = dispatch_freed;
    app->deal_jobs.come_back = dispatch_come_back;
    app->deal_jobs.dispatch = m;
    *ret_state = m;
    return TRIB_OK;
}

const trib_module trib_dispatch_module = {.name = "dispatch",
                                          .routes = routes,
                                          .route_count = sizeof routes / sizeof routes[0],
                                          .start = start,
                                          .stop = stop};
