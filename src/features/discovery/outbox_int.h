/* SPDX-License-Identifier: Apache-2.0 */
/* Between outbox.c (a tenant's side) and carrier.c (the way to discovery). */
#ifndef TRIB_FEATURES_DISCOVERY_OUTBOX_INT_H
#define TRIB_FEATURES_DISCOVERY_OUTBOX_INT_H

#include "features/discovery/discovery_int.h"

enum {
    DISCOVERY_BATCH_ROWS = 1000,          /* of a tenant's outbox at once; a node brings its points with it */
    DISCOVERY_PRUNE_MIN = 64,             /* rows of what is gone are removed so many at a time, at least ... */
    DISCOVERY_PRUNE_ROWS = 1000,          /* ... and at most, since it is a write beside the tenant's own */
    DISCOVERY_BATCH_MAX_BYTES = 32 << 20, /* of what they hold: a node with more cannot be published */
    DISCOVERY_SLOTS = 8                   /* tenants that are read at the same time, and applied in one commit */
};

/* The columns that are public, in the order of discovery's tables behind workspaceId. */
enum { DISCOVERY_NODE_COLUMNS = 6, DISCOVERY_POINT_COLUMNS = 10, DISCOVERY_COLUMNS_MAX = DISCOVERY_POINT_COLUMNS };

typedef struct discovery_change {
    struct discovery_change *next;
    bool is_point, gone;
    trib_arg values[DISCOVERY_COLUMNS_MAX]; /* [0]: the id */
} discovery_change;

typedef struct discovery_batch {
    trib_arena arena;
    discovery_change *first, *last;
    int64_t seq; /* how far it goes */
    int gone;    /* changes that are not to be seen any more */
    bool more;
} discovery_batch;

/* outbox.c. In the tenant's database, on a worker, with the server's rights. Each is called again after AGAIN. */

/* Sees to the triggers, which write the outbox from then on; what is there already is written into it now.
 * *ret_publishes false: the tenant has no tables nodes and points to publish from. */
trib_code discovery_outbox_install(trib_handle *handle, bool *ret_publishes, trib_error *err);
/* Takes triggers and outbox away, if they are there. */
trib_code discovery_outbox_remove(trib_handle *handle, trib_error *err);
/* What comes behind `after`. Owns: batch->arena is initialised by the caller. */
trib_code discovery_outbox_read(trib_handle *handle, int64_t after, discovery_batch *batch, trib_error *err);

/* Removes rows of what is gone that discovery has heard of, up to number `carried`, which is durable there; where there
 * are few of them they stay for now. *ret_more: there may be more. */
trib_code discovery_outbox_prune(trib_handle *handle, int64_t carried, bool *ret_more, trib_error *err);

/* carrier.c. Errors: NOMEM, and the database's. */
trib_code discovery_carrier_new(discovery_module *module, discovery_carrier **ret, trib_error *err);
void discovery_carrier_free(discovery_carrier *carrier);
/* True while something is under way or marked. */
bool discovery_carrier_is_busy(discovery_carrier *carrier);
/* All tenants are asked for everything anew, in the next rounds. Thread: any. */
void discovery_carrier_sweep(discovery_carrier *carrier);
void discovery_handle_rebuild(trib_http_request *http);

#endif
