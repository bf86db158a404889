/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of the durable streams. */
#include "features/durable/sub_int.h"

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

/* Paths of the protocol itself, before those of streams. */
#define SUBS "/v1/stream/__ds/subscriptions"

static const trib_route routes[] = {
    {"GET", "/v1/stream/__ds/jwks.json", TRIB_LISTENER_USER, TRIB_AUTH_OWN_KEY, 0, durable_handle_jwks,
     "the public keys that webhooks of subscriptions are signed with; for anybody"},
    {"GET", SUBS, TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, durable_handle_sub_list,
     "the subscriptions to durable streams"},
    {"PUT", SUBS "/:id", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, DURABLE_SUB_BODY_MAX_BYTES, durable_handle_sub_put,
     "make a subscription: a webhook, or workers that claim"},
    {"GET", SUBS "/:id", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, durable_handle_sub_get,
     "what it is, and up to where its streams are acknowledged"},
    {"DELETE", SUBS "/:id", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, DURABLE_SUB_BODY_MAX_BYTES, durable_handle_sub_delete,
     "forget it"},
    {"POST", SUBS "/:id/streams", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, DURABLE_SUB_BODY_MAX_BYTES,
     durable_handle_sub_link, "link streams by name"},
    {"DELETE", SUBS "/:id/streams/*", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, DURABLE_SUB_BODY_MAX_BYTES,
     durable_handle_sub_unlink, "no longer by name"},
    {"POST", SUBS "/:id/claim", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, DURABLE_SUB_BODY_MAX_BYTES,
     durable_handle_sub_claim, "work on what is pending, with a lease"},
    {"POST", SUBS "/:id/callback", TRIB_LISTENER_USER, TRIB_AUTH_OWN_KEY, DURABLE_SUB_BODY_MAX_BYTES,
     durable_handle_sub_callback, "of who got a webhook: acknowledge, end, or need more time; with the wake's token"},
    {"POST", SUBS "/:id/ack", TRIB_LISTENER_USER, TRIB_AUTH_OWN_KEY, DURABLE_SUB_BODY_MAX_BYTES, durable_handle_sub_ack,
     "of who has claimed: acknowledge, end, or need more time; with the claim's token"},
    {"POST", SUBS "/:id/release", TRIB_LISTENER_USER, TRIB_AUTH_OWN_KEY, DURABLE_SUB_BODY_MAX_BYTES,
     durable_handle_sub_release, "give a claim back"},
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
