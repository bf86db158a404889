/* SPDX-License-Identifier: Apache-2.0 */
/* What the connections of a loop share: date, request ids, counters, the access log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_int.h"

trib_code trib_http_hub_init(trib_http_hub *hub, trib_error *err) {
    uint64_t random;
    if (!trib_env_random(hub->app->env, &random, sizeof random))
        return trib_error_set(err, TRIB_INTERNAL, "the system gives no randomness, so there are no request ids");
    snprintf(hub->id_prefix, sizeof hub->id_prefix, "%012llx", (unsigned long long)(random >> 16));
    hub->next_id = 0;
    hub->date_second = -1;
    return TRIB_OK;
}

trib_str trib_http_hub_date(trib_http_hub *hub) {
    int64_t now_ms = trib_env_wall_ms(hub->app->env);
    if (now_ms / 1000 != hub->date_second) {
        hub->date_second = now_ms / 1000;
        trib_time_to_http(now_ms, hub->date);
    }
    return trib_str_make(hub->date, TRIB_TIME_HTTP_BYTES - 1);
}

/* Ids go into logs, headers and JSON: only characters that need no escaping anywhere. */
static bool is_sane_id(trib_str id) {
    if (id.len == 0 || id.len > TRIB_HTTP_REQUEST_ID_MAX_BYTES) return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && c != '-' && c != '_' && c != '.' && c != ':') return false;
    }
    return true;
}

trib_str trib_http_hub_request_id(trib_http_hub *hub, trib_str given, char out[40]) {
    if (is_sane_id(given)) return given;
    /* random per loop and counted from there: unique without asking for randomness each time */
    char digits[16];
    size_t n = strlen(hub->id_prefix), first = sizeof digits;
    for (uint64_t id = ++hub->next_id; id; id >>= 4) digits[--first] = "0123456789abcdef"[id & 15];
    memcpy(out, hub->id_prefix, n);
    out[n++] = '-';
    memcpy(out + n, digits + first, sizeof digits - first);
    return trib_str_make(out, n + sizeof digits - first);
}

void trib_http_hub_record(trib_http_hub *hub, const trib_http_conn *conn) {
    int64_t took_us = (trib_env_mono_ns(hub->app->env) - conn->started_ns) / 1000;
    const trib_http_request *request = &conn->request;
    if (hub->stats) {
        int status_class = conn->answer_status / 100;
        trib_counter_add(hub->stats->by_class[status_class >= 1 && status_class <= 5 ? status_class : 0], 1);
        trib_histogram *histogram =
            request->route ? hub->stats->by_route[conn->match.route_index] : hub->stats->unrouted;
        trib_histogram_add_us(histogram, took_us > 0 ? (uint64_t)took_us : 0);
    }
    /* what the server could not do is for its operator, whatever the level */
    trib_log_level level = conn->answer_status >= 500 ? TRIB_LOG_WARN : TRIB_LOG_DEBUG;
    if (!trib_log_wants(hub->app->log, level)) return; /* saves putting the fields together */
    trib_log_event(hub->app->log, level, "request", TRIB_LOG_S("request_id", request->request_id),
                   TRIB_LOG_S("method", request->method), TRIB_LOG_S("path", conn->full_path),
                   TRIB_LOG_I("status", conn->answer_status), TRIB_LOG_U("answer_bytes", conn->answer_bytes),
                   TRIB_LOG_I("took_us", took_us), TRIB_LOG_B("cancelled", request->cancelled));
}

static double read_open(void *ctx) {
    trib_http_stats *stats = ctx;
    return (double)atomic_load_explicit(&stats->open_connections, memory_order_relaxed);
}

trib_code trib_http_stats_init(trib_http_stats *stats, trib_metrics *metrics, const trib_router *router,
                               trib_error *err) {
    *stats = (trib_http_stats){0};
    size_t count = trib_router_count(router);
    stats->by_route = calloc(count + 1, sizeof *stats->by_route);
    if (!stats->by_route) return trib_error_set(err, TRIB_NOMEM, NULL);
    char labels[160];
    for (int i = 0; i < 6; i++) {
        if (i == 0) snprintf(labels, sizeof labels, "class=\"none\"");
        else snprintf(labels, sizeof labels, "class=\"%dxx\"", i);
        stats->by_class[i] =
            trib_metrics_add_counter(metrics, "trib_http_requests", "Requests answered, by status", labels);
    }
    for (size_t i = 0; i < count; i++) {
        const trib_route *route = trib_router_at(router, i);
        snprintf(labels, sizeof labels, "route=\"%s %s\"", route->method, route->path);
        stats->by_route[i] = trib_metrics_add_histogram(metrics, "trib_http_request_seconds",
                                                        "Time from head to answer, by route", labels);
    }
    stats->unrouted = trib_metrics_add_histogram(metrics, "trib_http_request_seconds",
                                                 "Time from head to answer, by route", "route=\"\"");
    stats->connections = trib_metrics_add_counter(metrics, "trib_http_connections", "Connections accepted", NULL);
    trib_metrics_add_gauge(metrics, "trib_http_connections_open", "Connections open now", NULL, read_open, stats);
    return TRIB_OK;
}

void trib_http_stats_deinit(trib_http_stats *stats) {
    if (stats) free(stats->by_route);
}
