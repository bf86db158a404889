/* SPDX-License-Identifier: Apache-2.0 */
/* A list of listeners under one lock; see commits.h. The lock is held while one hears, so that whoever removes a
 * listener knows that nobody is inside it. */
#include "core/commits.h"

#include <stdio.h>
#include <string.h>

trib_code trib_commits_init(trib_commits *commits, const trib_env *env, trib_error *err) {
    memset(commits, 0, sizeof *commits);
    commits->env = env;
    commits->lock = trib_mutex_new(env);
    return commits->lock ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

void trib_commits_deinit(trib_commits *commits) {
    if (commits->lock) trib_mutex_free(commits->env, commits->lock);
    commits->lock = NULL;
}

bool trib_commits_add(trib_commits *commits, const char *db_id, void (*heard)(void *ctx), void *ctx) {
    bool added = false;
    trib_mutex_lock(commits->env, commits->lock);
    for (size_t i = 0; i < TRIB_COMMITS_LISTENERS_MAX && !added; i++) {
        if (commits->listeners[i].heard) continue;
        snprintf(commits->listeners[i].db_id, sizeof commits->listeners[i].db_id, "%s", db_id);
        commits->listeners[i].heard = heard;
        commits->listeners[i].ctx = ctx;
        atomic_fetch_add(&commits->count, 1);
        added = true;
    }
    trib_mutex_unlock(commits->env, commits->lock);
    return added;
}

void trib_commits_remove(trib_commits *commits, const void *ctx) {
    if (!commits->lock) return;
    trib_mutex_lock(commits->env, commits->lock);
    for (size_t i = 0; i < TRIB_COMMITS_LISTENERS_MAX; i++) {
        if (!commits->listeners[i].heard || commits->listeners[i].ctx != ctx) continue;
        commits->listeners[i].heard = NULL;
        atomic_fetch_sub(&commits->count, 1);
    }
    trib_mutex_unlock(commits->env, commits->lock);
}

void trib_commits_tell(void *ctx, const char *db_id, uint64_t commit_no) {
    trib_commits *commits = ctx;
    (void)commit_no;
    if (atomic_load_explicit(&commits->count, memory_order_relaxed) == 0) return;
    trib_mutex_lock(commits->env, commits->lock);
    for (size_t i = 0; i < TRIB_COMMITS_LISTENERS_MAX; i++) {
        if (commits->listeners[i].heard && strcmp(commits->listeners[i].db_id, db_id) == 0)
            commits->listeners[i].heard(commits->listeners[i].ctx);
    }
    trib_mutex_unlock(commits->env, commits->lock);
}
