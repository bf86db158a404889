/* SPDX-License-Identifier: Apache-2.0 */
/* Hash map from strings to pointers: tenants by name, sessions by id. Open addressing in a power-of-two table, keyed by
 * a secret seed so that a peer that chooses the keys cannot make them collide.
 *
 *   slots  [ hash key value | - | hash key value | hash key value | - | ... ]      at most 3/4 full
 *             ^ home = hash & (cap-1); a taken home sends the entry to the next free slot
 *
 * Removing shifts later entries back, so there are no tombstones and a map that lives for months does not slow down. */
#ifndef TRIB_BASE_MAP_H
#define TRIB_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"

typedef enum trib_map_keys {
    TRIB_MAP_BORROW_KEYS, /* the bytes live at least as long as the entry, usually inside the value */
    TRIB_MAP_COPY_KEYS
} trib_map_keys;

typedef struct trib_map_slot {
    uint64_t hash; /* 0: free */
    trib_str key;
    void *value;
} trib_map_slot;

typedef struct trib_map {
    trib_map_slot *slots;
    size_t cap, count; /* count: entries in it, for the reader */
    trib_hash_key seed;
    trib_map_keys keys;
} trib_map;

/* Nothing is allocated before the first set. seed: random, see trib_env_random.
 * Thread: one at a time, or under the caller's lock. */
void trib_map_init(trib_map *map, trib_map_keys keys, trib_hash_key seed);
/* Frees the table and copied keys. Owns: values are the caller's. */
void trib_map_deinit(trib_map *map);

/* The value, or NULL. */
void *trib_map_get(const trib_map *map, trib_str key);
/* Puts value (not NULL) under key, replacing what was there; *ret_old (may be NULL) is that or NULL. A borrowing map
 * borrows the new key from then on. Errors: NOMEM, the map is unchanged then. */
trib_code trib_map_set(trib_map *map, trib_str key, void *value, void **ret_old);
/* Removes the entry and returns its value, or NULL if there was none. Never fails for lack of memory. */
void *trib_map_take(trib_map *map, trib_str key);
/* Room for `count` entries in all, so that the sets up to there cannot fail in a borrowing map. Errors: NOMEM. */
trib_code trib_map_reserve(trib_map *map, size_t count);

/* Walks all entries in no order: start with *cursor = 0, stop at false. ret_key and ret_value may be NULL. The map must
 * not change in between. */
bool trib_map_next(const trib_map *map, size_t *cursor, trib_str *ret_key, void **ret_value);

#endif
