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
    {"POST", "/wal_log.ReplicationLog/Hello", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, REPLICA_CALL_MAX_BYTES,
     replica_handle_hello, "where a replica begins (V1, gRPC-web)"},
    {"POST", "/wal_log.ReplicationLog/BatchLogEntries", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, REPLICA_CALL_MAX_BYTES,
     replica_handle_batch_log_entries, "frames that it does not have yet (V1)"},
    {"POST", "/wal_log.ReplicationLog/LogEntries", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, REPLICA_CALL_MAX_BYTES,
     replica_handle_log_entries, "the same one by one; may wait for the next commit (V1)"},
    {"POST", "/wal_log.ReplicationLog/Snapshot", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, REPLICA_CALL_MAX_BYTES,
     replica_handle_snapshot, "the database as frames, newest first (V1)"},
};

const trib_module trib_replica_module = {.name = "replica",
                                         .routes = routes,
                                         .route_count = sizeof routes / sizeof routes[0],
                                         .start = replica_polls_start,
                                         .stop = replica_polls_stop};
