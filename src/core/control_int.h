/* SPDX-License-Identifier: Apache-2.0 */
/* Private to control*.c. */
#ifndef TRIB_CORE_CONTROL_INT_H
#define TRIB_CORE_CONTROL_INT_H

#include <bsd/sys/tree.h>

#include "base/map.h"
#include "core/control.h"
#include "store/stmt.h"

RB_HEAD(trib_tenants, trib_tenant);

struct trib_control {
    trib_app *app;
    trib_mutex *lock;
    /* control_known.c: tenants that are not deleted */
    trib_map by_name, by_id;      /* trib_tenant; keys lie in them */
    struct trib_tenants in_order; /* of their names */
    trib_list creating;           /* trib_control_op.link: creates that have not reached by_name yet */
    trib_list deleted;            /* trib_tenant.link: those that can come back, by no order */
    _Atomic int64_t naming_ms; /* of the last name or token list: wall time, but never back and never twice for names */
    int64_t next_purge_ms;     /* not before: nothing of `deleted` is due */
    /* control_purge.c: what the tick has under way */
    trib_home tick_home; /* for jobs that come back to the tick */
    trib_list came_home; /* trib_job.link */
    trib_cond *tick_cond;
    uint32_t tick_jobs; /* under way */
    trib_control_op purge;
    bool purging;
    _Atomic uint64_t gone; /* tenants that were purged since the start */
    uint32_t forks;        /* under way */
    trib_list removals;    /* files that must go */
    trib_tenant *self;     /* the database `control` itself; in no map */
    trib_control_keys *keys;
    bool keys_changing; /* one change of the keys at a time, so that memory and file have them in the same order */
    _Atomic bool tenant_keys; /* some tenant has, or had, a jwt_key */
    char admin_key[72];
};

static inline void trib_control_lock(trib_control *control) {
    trib_mutex_lock(control->app->env, control->lock);
}
static inline void trib_control_unlock(trib_control *control) {
    trib_mutex_unlock(control->app->env, control->lock);
}

/* control_known.c. Lock held. Know: the caller's reference is the registry's; errors: NOMEM (nothing has changed),
 * which it does not meet where the same tenant was known a moment before. Forget: gives that reference back to the
 * caller. */
trib_code trib_control_know(trib_control *control, trib_tenant *tenant);
void trib_control_forget(trib_control *control, trib_tenant *tenant);

/* control_purge.c. Init: errors as trib_cond_new. Deinit waits for what is under way. */
bool trib_control_purge_init(trib_control *control);
void trib_control_purge_deinit(trib_control *control);

/* The keys that are in force after a change of them, in memory. */
trib_code trib_control_keys_change(trib_control *control, const trib_control_op *op, trib_error *err);
/* Appends keys of others from the text that one place has; setting: app->settings has it. Behind all keys of ours.
 * Errors: CONFIG, NOMEM. */
trib_code trib_control_keys_import(trib_control_keys *keys, trib_str text, bool setting, trib_error *err);
/* Appends a key; keys past the bound are left out. */
trib_code trib_control_keys_add(trib_control_keys *keys, trib_str kid, trib_str seed, trib_error *err);

#endif
