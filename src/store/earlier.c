/* SPDX-License-Identifier: Apache-2.0 */
/* What earlier processes have left. A process that was killed may have left commits that are in the page cache only,
 * and map files whose names are; who opens a database must not show them before they are durable. One sync of the whole
 * file system, when the store begins, makes that true for all databases at once: otherwise each first use of a tenant
 * after a start waits for two syncs of its own.
 *
 *   store begins -> sync_all, on a sync thread -> earlier_durable     first open of a database: no sync
 *                                                 not yet, or failed: it syncs its own, as each later open does
 *
 * Tenants' files are under <data>/db; the few system databases have folders of their own and sync themselves. */
#include <stdio.h>

#include "store/db_int.h"

enum { SLOT_DIGITS = 5 /* hex digits of an id: TRIB_WRITTEN_SLOTS */ };

static void sync_earlier(trib_task *task) {
    trib_store *store = (trib_store *)(void *)((char *)task - offsetof(trib_store, earlier_task));
    char path[TRIB_PATH_MAX_BYTES];
    snprintf(path, sizeof path, "%s/db", store->data_dir);
    bool skips = (store->faults & TRIB_FAULT_NO_EARLIER_SYNC) != 0;
    int e = skips ? 0 : store->disk->sync_all(store->disk->ctx, path);
    if (e == 0) atomic_store(&store->earlier_durable, true);
}

void trib_earlier_begin(trib_store *store) {
    store->earlier_task.run = sync_earlier;
    if (store->disk->sync_all) trib_pool_post(store->pool, &store->earlier_task);
}

/* SIZE_MAX: a system database. */
static size_t slot_of(const char *id) {
    size_t slot = 0;
    for (int i = 0; i < SLOT_DIGITS; i++) {
        bool digit = id[i] >= '0' && id[i] <= '9', letter = id[i] >= 'a' && id[i] <= 'f';
        if (!digit && !letter) return SIZE_MAX;
        slot = slot << 4 | (size_t)(digit ? id[i] - '0' : id[i] - 'a' + 10);
    }
    return slot;
}

bool trib_earlier_take(trib_store *store, const char *id) {
    size_t slot = slot_of(id);
    if (slot == SIZE_MAX) return false;
    uint8_t bit = (uint8_t)(1U << (slot % 8));
    trib_mutex_lock(store->env, store->lock);
    bool is_first = !(store->written[slot / 8] & bit);
    store->written[slot / 8] |= bit;
    trib_mutex_unlock(store->env, store->lock);
    return is_first && atomic_load(&store->earlier_durable);
}
