/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of unfinished pushes; see stash.h. */
#include "features/replica/stash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "features/replica/frames.h"

typedef struct entry {
    bool used;
    char baton[REPLICA_BATON_BYTES];
    char tenant_id[TRIB_DB_ID_BYTES + 1];
    uint32_t generation;
    uint64_t start;
    int64_t until_ns;
    trib_buf frames;
} entry;

struct replica_stash {
    const trib_env *env;
    trib_mutex *lock;
    entry entries[REPLICA_STASHES_MAX];
};

replica_stash *replica_stash_new(const trib_env *env) {
    replica_stash *stash = calloc(1, sizeof *stash);
    if (!stash) return NULL;
    stash->env = env;
    stash->lock = trib_mutex_new(env);
    if (stash->lock) return stash;
    free(stash);
    return NULL;
}

static void drop(entry *e) {
    if (e->used) trib_buf_deinit(&e->frames);
    e->used = false;
}

void replica_stash_free(replica_stash *stash) {
    if (!stash) return;
    for (size_t i = 0; i < REPLICA_STASHES_MAX; i++) drop(&stash->entries[i]);
    trib_mutex_free(stash->env, stash->lock);
    free(stash);
}

/* A free place, or one whose time is over. Under the lock. */
static entry *find_place(replica_stash *stash) {
    int64_t now_ns = trib_env_mono_ns(stash->env);
    for (size_t i = 0; i < REPLICA_STASHES_MAX; i++) {
        entry *e = &stash->entries[i];
        if (e->used && now_ns >= e->until_ns) drop(e);
        if (!e->used) return e;
    }
    return NULL;
}

trib_code replica_stash_put(replica_stash *stash, const trib_tenant *tenant, uint32_t generation, uint64_t start,
                            trib_str frames, char ret_baton[REPLICA_BATON_BYTES], trib_error *err) {
    trib_id id;
    trib_code code = trib_id_random(stash->env, &id, err);
    if (code != TRIB_OK) return code;
    trib_id_to_hex(id, ret_baton);
    trib_mutex_lock(stash->env, stash->lock);
    entry *e = find_place(stash);
    if (!e) {
        code = trib_error_set(err, TRIB_TOO_MANY_REQUESTS, "%d pushes are under way; try again when one has ended",
                              REPLICA_STASHES_MAX);
    } else {
        e->generation = generation;
        e->start = start;
        e->until_ns = trib_env_mono_ns(stash->env) + REPLICA_STASH_MS * 1000000LL;
        snprintf(e->baton, sizeof e->baton, "%s", ret_baton);
        snprintf(e->tenant_id, sizeof e->tenant_id, "%s", tenant->id);
        trib_buf_init(&e->frames, REPLICA_STASH_MAX_BYTES);
        trib_buf_add(&e->frames, frames);
        e->used = true;
        if (e->frames.failed) {
            drop(e);
            code = trib_error_set(err, TRIB_BODY_TOO_LARGE, "a transaction that is pushed has at most %d bytes",
                                  REPLICA_STASH_MAX_BYTES);
        }
    }
    trib_mutex_unlock(stash->env, stash->lock);
    return code;
}

trib_code replica_stash_take(replica_stash *stash, const trib_tenant *tenant, uint32_t generation, uint64_t next,
                             trib_str baton, trib_buf *ret, uint64_t *ret_start, trib_error *err) {
    bool found = false;
    trib_mutex_lock(stash->env, stash->lock);
    for (size_t i = 0; i < REPLICA_STASHES_MAX && !found; i++) {
        entry *e = &stash->entries[i];
        found = e->used && trib_str_eq_c(baton, e->baton) && strcmp(e->tenant_id, tenant->id) == 0 &&
                e->generation == generation && e->start + e->frames.len / REPLICA_FRAME_BYTES == next;
        if (!found) continue;
        *ret_start = e->start;
        trib_buf_deinit(ret);
        *ret = e->frames;
        e->used = false;
    }
    trib_mutex_unlock(stash->env, stash->lock);
    if (found) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST,
                          "the first part of this push is not known any more; push it again from its first frame");
}
