/* SPDX-License-Identifier: Apache-2.0 */
/* Databases whose tables were looked at; see checked.h. */
#include "features/durable/checked.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"

typedef struct seen {
    int64_t version;
    unsigned has;
    size_t id_len;
    char id[];
} seen;

struct durable_checked {
    const trib_env *env;
    trib_mutex *lock;
    trib_map by_id;
};

durable_checked *durable_checked_new(const trib_env *env) {
    trib_hash_key seed;
    durable_checked *checked = calloc(1, sizeof *checked);
    if (!checked) return NULL;
    checked->env = env;
    checked->lock = trib_env_random(env, &seed, sizeof seed) ? trib_mutex_new(env) : NULL;
    if (checked->lock) {
        trib_map_init(&checked->by_id, TRIB_MAP_BORROW_KEYS, seed);
        return checked;
    }
    free(checked);
    return NULL;
}

static void forget_all(durable_checked *checked) {
    size_t cursor = 0;
    trib_hash_key seed = checked->by_id.seed;
    void *value;
    while (trib_map_next(&checked->by_id, &cursor, NULL, &value)) free(value);
    trib_map_deinit(&checked->by_id);
    trib_map_init(&checked->by_id, TRIB_MAP_BORROW_KEYS, seed);
}

void durable_checked_free(durable_checked *checked) {
    if (!checked) return;
    forget_all(checked);
    trib_mutex_free(checked->env, checked->lock);
    free(checked);
}

bool durable_checked_get(durable_checked *checked, trib_str id, int64_t version, unsigned *ret_has) {
    trib_mutex_lock(checked->env, checked->lock);
    const seen *known = trib_map_get(&checked->by_id, id);
    bool fine = known && known->version == version;
    if (fine) *ret_has = known->has;
    trib_mutex_unlock(checked->env, checked->lock);
    return fine;
}

void durable_checked_set(durable_checked *checked, trib_str id, int64_t version, unsigned has) {
    trib_mutex_lock(checked->env, checked->lock);
    seen *known = trib_map_get(&checked->by_id, id);
    if (!known) {
        if (checked->by_id.count >= DURABLE_CHECKED_MAX) forget_all(checked);
        known = malloc(sizeof *known + id.len);
        if (known) memcpy(known->id, id.ptr, id.len);
        if (known && trib_map_set(&checked->by_id, trib_str_make(known->id, id.len), known, NULL) != TRIB_OK) {
            free(known);
            known = NULL;
        }
    }
    if (known) {
        known->version = version;
        known->has = has;
        known->id_len = id.len;
    }
    trib_mutex_unlock(checked->env, checked->lock);
}
