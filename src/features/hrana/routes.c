/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of the Hrana face over HTTP. */
#include "features/hrana/hrana.h"
#include "features/hrana/ws_int.h"

/* Any 2xx tells a client that the version is spoken here; the text is what sqld answers. */
static void handle_probe(trib_http_request *http) {
    trib_http_answer_text(http, 200, "text/plain", TRIB_STR("Hello, this is HTTP API v2 (Hrana over HTTP)"));
}

static void handle_probe_v1(trib_http_request *http) {
    trib_http_answer_text(http, 200, "text/plain", TRIB_STR("Hello, this is HTTP API v1"));
}

/* Where WebSockets begin; otherwise there is nothing to get. */
static void handle_root(trib_http_request *http) {
    trib_error err;
    if (trib_ws_is_asked(http)) {
        hrana_ws_accept(http);
        return;
    }
    trib_error_set(&err, TRIB_NOT_FOUND, NULL);
    trib_http_answer_error(http, &err);
}

static const trib_route routes[] = {
    {"GET", "/", TRIB_LISTENER_USER, TRIB_AUTH_NONE, 0, handle_root, "Hrana over WebSocket (hrana1, hrana2, hrana3)"},
    {"POST", "/", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, TRIB_HRANA_BODY_MAX_BYTES, hrana_handle_v0,
     "run a list of statements (HTTP v0, JSON)"},
    {"GET", "/v1", TRIB_LISTENER_USER, TRIB_AUTH_NONE, 0, handle_probe_v1, "HTTP v1 is spoken here"},
    {"POST", "/v1/execute", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, TRIB_HRANA_BODY_MAX_BYTES, hrana_handle_v1_execute,
     "run one statement without a session (HTTP v1, JSON)"},
    {"POST", "/v1/batch", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, TRIB_HRANA_BODY_MAX_BYTES, hrana_handle_v1_batch,
     "run one batch without a session (HTTP v1, JSON)"},
    {"GET", "/v2", TRIB_LISTENER_USER, TRIB_AUTH_NONE, 0, handle_probe, "Hrana 2 is spoken here"},
    {"GET", "/v3", TRIB_LISTENER_USER, TRIB_AUTH_NONE, 0, handle_probe, "Hrana 3 is spoken here"},
    {"GET", "/v3-protobuf", TRIB_LISTENER_USER, TRIB_AUTH_NONE, 0, handle_probe, "Hrana 3 is spoken here in protobuf"},
    {"POST", "/v2/pipeline", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, TRIB_HRANA_BODY_MAX_BYTES, hrana_handle_pipeline,
     "run requests of a session (Hrana 2, JSON)"},
    {"POST", "/v3/pipeline", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, TRIB_HRANA_BODY_MAX_BYTES, hrana_handle_pipeline,
     "run requests of a session (Hrana 3, JSON)"},
    {"POST", "/v3/cursor", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, TRIB_HRANA_BODY_MAX_BYTES, hrana_handle_cursor,
     "run a batch and read its rows line by line (Hrana 3, JSON)"},
    {"POST", "/v3-protobuf/pipeline", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, TRIB_HRANA_BODY_MAX_BYTES,
     hrana_handle_pipeline_pb, "run requests of a session (Hrana 3, protobuf)"},
    {"POST", "/v3-protobuf/cursor", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, TRIB_HRANA_BODY_MAX_BYTES,
     hrana_handle_cursor_pb, "run a batch and read its rows one by one (Hrana 3, protobuf)"},
    {"POST", "/proxy.Proxy/Execute", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, TRIB_HRANA_BODY_MAX_BYTES,
     hrana_handle_proxy_execute, "statements of a replica that speaks V1 (gRPC-web)"},
    {"POST", "/proxy.Proxy/Describe", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, TRIB_HRANA_BODY_MAX_BYTES,
     hrana_handle_proxy_describe, "columns and parameters of a statement of its (V1)"},
    {"POST", "/proxy.Proxy/Disconnect", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, TRIB_HRANA_BODY_MAX_BYTES,
     hrana_handle_proxy_disconnect, "its connection has ended (V1)"},
    {"GET", "/dump", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, hrana_handle_dump, "the whole database as SQL text"},
};

const trib_module trib_hrana_module = {
    .name = "hrana", .routes = routes, .route_count = sizeof routes / sizeof routes[0]};
