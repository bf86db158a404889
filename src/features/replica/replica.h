/* SPDX-License-Identifier: Apache-2.0 */
/* The faces for replicas: V2 over HTTP (/info, /export, /sync), V1 over gRPC-web (wal_log.ReplicationLog),
 * /pull-updates. README.md says what each serves. */
#ifndef TRIB_FEATURES_REPLICA_H
#define TRIB_FEATURES_REPLICA_H

#include "core/http.h"

extern const trib_module trib_replica_module;

#endif
