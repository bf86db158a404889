/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of the replica faces. */
#include "features/replica/replica.h"
#include "features/replica/replica_int.h"

static const trib_route routes[] = {
    {"GET", "/info", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, replica_handle_info,
     "the generation of the tenant's replicas (V2)"},
    {"GET", "/export/:generation", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, replica_handle_export,
     "the database file, for a new replica (V2)"},
    {"GET", "/sync/:generation/:start/:end", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, replica_handle_sync,
     "what a replica does not have yet, as frames (V2)"},
    {"POST", "/sync/:generation/:start/:end", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, REPLICA_PUSH_BODY_MAX_BYTES,
     replica_handle_push, "what a replica has written offline, as frames (V2)"},
    {"POST", "/sync/:generation/:start/:end/:baton", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, REPLICA_PUSH_BODY_MAX_BYTES,
     replica_handle_push, "the next part of it"},
    {"POST", "/pull-updates", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, REPLICA_PULL_BODY_MAX_BYTES,
     replica_handle_pull_updates, "pages that changed since a revision (protobuf); may wait for the next commit"},
};

const trib_module trib_replica_module = {.name = "replica",
                                         .routes = routes,
                                         .route_count = sizeof routes / sizeof routes[0],
                                         .start = replica_polls_start,
                                         .stop = replica_polls_stop};
