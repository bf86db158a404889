/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of the health feature and their handlers; nothing here waits for a database. */
#include "core/app.h"
#include "core/metrics.h"
#include "features/health/health.h"

#define OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* 200 and empty, as sqld: load balancers and clients look at the status only. */
static void get_health(trib_http_request *request) {
    trib_error err;
    if (atomic_load(&request->app->draining)) {
        trib_error_set(&err, TRIB_SHUTTING_DOWN, NULL);
        trib_http_answer_error(request, &err);
        return;
    }
    trib_http_answer answer = {.status = 200};
    trib_http_answer_send(request, &answer);
}

static void get_version(trib_http_request *request) {
    trib_str text = trib_arena_printf(request->arena, "tributary %s\n", request->app->version);
    trib_http_answer_text(request, 200, "text/plain", text);
}

static void get_metrics(trib_http_request *request) {
    trib_buf body;
    trib_buf_init(&body, TRIB_METRICS_TEXT_MAX);
    trib_metrics_write(request->app->metrics, &body);
    if (body.failed) {
        trib_error err;
        trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_http_answer_error(request, &err);
    } else {
        trib_http_answer answer = {.status = 200, .content_type = OPENMETRICS_TYPE, .body = &body};
        trib_http_answer_send(request, &answer);
    }
    trib_buf_deinit(&body);
}

static const trib_route routes[] = {
    {.method = "GET",
     .path = "/health",
     .listeners = TRIB_LISTENER_USER | TRIB_LISTENER_ADMIN,
     .auth = TRIB_AUTH_NONE,
     .handle = get_health,
     .summary = "200 while the server takes requests, 503 while it ends"},
    {.method = "GET",
     .path = "/version",
     .listeners = TRIB_LISTENER_USER | TRIB_LISTENER_ADMIN,
     .auth = TRIB_AUTH_NONE,
     .handle = get_version,
     .summary = "name and version as text"},
    {.method = "GET",
     .path = "/metrics",
     .listeners = TRIB_LISTENER_ADMIN,
     .auth = TRIB_AUTH_ADMIN,
     .handle = get_metrics,
     .summary = "counters as OpenMetrics text"},
};

const trib_module trib_health_module = {
    .name = "health",
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
};
