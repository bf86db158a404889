/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of transactions that are pushed in several requests, until the last one comes. In memory only: nothing of them
 * has been accepted, and a client whose baton is not known any more is told so. */
#ifndef TRIB_FEATURES_REPLICA_STASH_H
#define TRIB_FEATURES_REPLICA_STASH_H

#include "core/http.h"
#include "core/tenant.h"

enum {
    REPLICA_STASHES_MAX = 16,           /* pushes under way at once: memory */
    REPLICA_STASH_MAX_BYTES = 20 << 20, /* of one transaction: 5,000 frames */
    REPLICA_STASH_MS = 60000,           /* then it is forgotten */
    REPLICA_BATON_BYTES = 33
};

typedef struct replica_stash replica_stash;
replica_stash *replica_stash_new(const trib_env *env);
void replica_stash_free(replica_stash *stash);
/* Keeps frames start.. of a tenant's push, and names them. Errors: TOO_MANY_REQUESTS, NOMEM, BODY_TOO_LARGE. Thread:
 * any, also take. */
trib_code replica_stash_put(replica_stash *stash, const trib_tenant *tenant, uint32_t generation, uint64_t start,
                            trib_str frames, char ret_baton[REPLICA_BATON_BYTES], trib_error *err);
/* Takes them out, if they are this tenant's and end before `next`; *ret_start: of the first. Errors: BAD_REQUEST. */
trib_code replica_stash_take(replica_stash *stash, const trib_tenant *tenant, uint32_t generation, uint64_t next,
                             trib_str baton, trib_buf *ret, uint64_t *ret_start, trib_error *err);
/* The module's. */
replica_stash *trib_replica_stash(const trib_http_request *http);

#endif
