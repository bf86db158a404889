/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of the durable streams. */
#include "features/durable/durable_int.h"

static void handle_create(trib_http_request *http) {
    trib_error err;
    durable_head head = {0};
    if (durable_head_create(http, &head, &err) != TRIB_OK) durable_refuse(http, &err);
    else durable_ask_start(http, DURABLE_CREATE, &head, durable_create);
}

static void handle_append(trib_http_request *http) {
    trib_error err;
    durable_head head = {0};
    if (durable_head_append(http, &head, &err) != TRIB_OK) durable_refuse(http, &err);
    else durable_ask_start(http, DURABLE_APPEND, &head, durable_append);
}

static void handle_remove(trib_http_request *http) {
    trib_error err;
    durable_head head = {0};
    if (durable_head_path(http, &head, &err) != TRIB_OK) durable_refuse(http, &err);
    else durable_ask_start(http, DURABLE_REMOVE, &head, durable_remove);
}

static void handle_read(trib_http_request *http) {
    trib_error err;
    durable_head head = {0};
    if (durable_head_read(http, &head, &err) != TRIB_OK) durable_refuse(http, &err);
    else
        durable_ask_start(http, DURABLE_READ, &head,
                          durable_path_is_deal(head.path) ? durable_read_deal : durable_read);
}

static const trib_route routes[] = {
    {"PUT", "/v1/stream/*", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, DURABLE_BODY_READ_BYTES, handle_create,
     "make a durable stream, or a fork of one"},
    {"POST", "/v1/stream/*", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, DURABLE_BODY_READ_BYTES, handle_append,
     "append to it, close it"},
    {"GET", "/v1/stream/*", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, handle_read,
     "read from an offset on; live=long-poll or sse waits for more"},
    {"DELETE", "/v1/stream/*", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, DURABLE_BODY_READ_BYTES, handle_remove,
     "remove it"},
};

const trib_module trib_durable_module = {.name = "durable",
                                         .routes = routes,
                                         .route_count = sizeof routes / sizeof routes[0],
                                         .start = durable_live_start,
                                         .stop = durable_live_stop};
