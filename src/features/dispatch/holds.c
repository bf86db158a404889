/* SPDX-License-Identifier: Apache-2.0 */
/* Who need not be asked now: workers who were not idle when they were asked, and deals that are being looked after. In
 * memory, by the id of the tenant; all of it is forgotten when there is too much, which costs questions in vain. */
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "features/dispatch/dispatch_int.h"

typedef struct hold {
    trib_list link;
    int64_t until_ms;
    bool is_firm;                             /* nothing ends it before */
    char worker[DISPATCH_ROLE_MAX_BYTES + 1]; /* "": any */
    size_t point_len;
    char point[];
} hold;

typedef struct owner {
    trib_list holds;
    char id[TRIB_DB_ID_BYTES + 1];
} owner;

static const trib_str all_points = {"\2", 1}; /* as of dispatch_owed_key */

struct dispatch_holds {
    const trib_env *env;
    trib_mutex *lock;
    trib_map owners;
    size_t count;
    _Atomic size_t owner_count; /* as in the map, to be read without the lock */
};

trib_code dispatch_holds_new(const trib_env *env, dispatch_holds **ret, trib_error *err) {
    trib_hash_key seed;
    dispatch_holds *holds = calloc(1, sizeof *holds);
    if (holds) holds->lock = trib_mutex_new(env);
    if (!holds || !holds->lock || !trib_env_random(env, &seed, sizeof seed)) {
        if (holds) trib_mutex_free(env, holds->lock);
        free(holds);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    holds->env = env;
    trib_map_init(&holds->owners, TRIB_MAP_BORROW_KEYS, seed);
    *ret = holds;
    return TRIB_OK;
}

static void owner_free(dispatch_holds *holds, owner *o) {
    for (trib_list *link; (link = trib_list_take_first(&o->holds)) != NULL; holds->count--)
        free(TRIB_LIST_ITEM(link, hold, link));
    free(o);
}

static void forget_all(dispatch_holds *holds) {
    size_t cursor = 0;
    void *value;
    while (trib_map_next(&holds->owners, &cursor, NULL, &value)) owner_free(holds, value);
    trib_hash_key seed = holds->owners.seed;
    trib_map_deinit(&holds->owners);
    trib_map_init(&holds->owners, TRIB_MAP_BORROW_KEYS, seed);
}

void dispatch_holds_free(dispatch_holds *holds) {
    if (!holds) return;
    forget_all(holds);
    trib_map_deinit(&holds->owners);
    trib_mutex_free(holds->env, holds->lock);
    free(holds);
}

static owner *owner_of(dispatch_holds *holds, trib_str id) {
    owner *o = trib_map_get(&holds->owners, id);
    if (o || id.len > TRIB_DB_ID_BYTES) return o;
    o = calloc(1, sizeof *o);
    if (!o) return NULL;
    trib_list_init(&o->holds);
    memcpy(o->id, id.ptr, id.len);
    if (trib_map_set(&holds->owners, trib_str_c(o->id), o, NULL) == TRIB_OK) return o;
    free(o);
    return NULL;
}

static hold *find(const owner *o, trib_str point) {
    TRIB_LIST_EACH(link, &o->holds) {
        hold *h = TRIB_LIST_ITEM(link, hold, link);
        if (trib_str_eq(trib_str_make(h->point, h->point_len), point)) return h;
    }
    return NULL;
}

static hold *add(dispatch_holds *holds, owner *o, trib_str point) {
    hold *h = calloc(1, sizeof *h + point.len);
    if (!h) return NULL;
    h->point_len = point.len;
    if (point.len) memcpy(h->point, point.ptr, point.len);
    trib_list_init(&h->link);
    trib_list_push_back(&o->holds, &h->link);
    holds->count++;
    return h;
}

static void set(hold *h, trib_str worker, int64_t until_ms, bool is_firm) {
    h->until_ms = until_ms;
    h->is_firm = is_firm;
    worker = trib_str_sub(worker, 0, DISPATCH_ROLE_MAX_BYTES);
    if (worker.len) memcpy(h->worker, worker.ptr, worker.len);
    h->worker[worker.len] = '\0';
}

static void hold_new(dispatch_holds *holds, trib_str id, trib_str point, trib_str worker, int64_t until_ms,
                     bool is_firm) {
    trib_mutex_lock(holds->env, holds->lock);
    if (holds->count >= DISPATCH_HOLDS_MAX || holds->owners.count >= DISPATCH_HOLDS_MAX) forget_all(holds);
    owner *o = owner_of(holds, id);
    hold *h = o ? find(o, point) : NULL;
    if (o && !h) h = add(holds, o, point);
    if (h) set(h, worker, until_ms, is_firm);
    atomic_store(&holds->owner_count, holds->owners.count);
    trib_mutex_unlock(holds->env, holds->lock);
}

void dispatch_hold(dispatch_holds *holds, trib_str id, trib_str point, trib_str worker, int64_t until_ms) {
    hold_new(holds, id, point, worker, until_ms, false);
}

void dispatch_hold_firmly(dispatch_holds *holds, trib_str id, int64_t until_ms) {
    hold_new(holds, id, all_points, (trib_str){0}, until_ms, true);
}

void dispatch_hold_on(dispatch_holds *holds, trib_str id, trib_str point, trib_str worker, int64_t until_ms) {
    trib_mutex_lock(holds->env, holds->lock);
    owner *o = trib_map_get(&holds->owners, id);
    hold *h = o ? find(o, point) : NULL;
    if (h) set(h, worker, until_ms, false);
    trib_mutex_unlock(holds->env, holds->lock);
}

/* Those that are firm stay. */
static void end_holds(dispatch_holds *holds, owner *o, int64_t now_ms) {
    TRIB_LIST_EACH_SAFE(link, &o->holds) {
        hold *h = TRIB_LIST_ITEM(link, hold, link);
        if (h->is_firm && h->until_ms > now_ms) continue;
        trib_list_remove(link);
        holds->count--;
        free(h);
    }
    if (trib_list_is_empty(&o->holds)) {
        (void)trib_map_take(&holds->owners, trib_str_c(o->id));
        free(o);
    }
}

bool dispatch_holds_end(dispatch_holds *holds, trib_str id) {
    if (atomic_load(&holds->owner_count) == 0) return false; /* every tenant that writes is asked for */
    trib_mutex_lock(holds->env, holds->lock);
    owner *o = trib_map_get(&holds->owners, id);
    bool any = o != NULL;
    if (o) end_holds(holds, o, trib_env_mono_ns(holds->env) / 1000000);
    atomic_store(&holds->owner_count, holds->owners.count);
    trib_mutex_unlock(holds->env, holds->lock);
    return any;
}

static bool holds_now(const hold *h, trib_str worker, int64_t now_ms) {
    return h && now_ms < h->until_ms && (!h->worker[0] || trib_str_eq_c(worker, h->worker));
}

bool dispatch_is_held(dispatch_holds *holds, trib_str id, trib_str point, trib_str worker, int64_t now_ms) {
    trib_mutex_lock(holds->env, holds->lock);
    const owner *o = trib_map_get(&holds->owners, id);
    bool held = o && (holds_now(find(o, point), worker, now_ms) || holds_now(find(o, all_points), worker, now_ms));
    trib_mutex_unlock(holds->env, holds->lock);
    return held;
}

/* No id of a point begins so. */
trib_str dispatch_owed_key(trib_str point, char space[DISPATCH_OWED_KEY_BYTES]) {
    point = trib_str_sub(point, 0, TRIB_MOTION_POINT_MAX_BYTES);
    space[0] = '\1';
    if (point.len) memcpy(space + 1, point.ptr, point.len);
    return trib_str_make(space, point.len + 1);
}
