/* SPDX-License-Identifier: Apache-2.0 */
/* Who hears of durable commits. A listener is told of each commit of its database once that is durable, whoever wrote
 * it: SQL, HTTP, a replica. It learns no more than that there is something new, and reads the rest itself, by a job
 * (core/db_job.h), whose answer passes the gate as every other.
 *
 *   store (sync thread) --on_commit--> trib_commits_tell --> heard(ctx): sets a mark, submits a job */
#ifndef TRIB_CORE_COMMITS_H
#define TRIB_CORE_COMMITS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/env.h"
#include "base/error.h"
#include "store/store.h"

enum { TRIB_COMMITS_LISTENERS_MAX = 16 /* modules that listen; each is asked for every commit of any database */ };

typedef struct trib_commits {
    const trib_env *env;
    trib_mutex *lock;
    _Atomic uint32_t count;
    struct {
        char db_id[TRIB_DB_ID_BYTES + 1];
        void (*heard)(void *ctx);
        void *ctx;
    } listeners[TRIB_COMMITS_LISTENERS_MAX];
} trib_commits;

/* Errors: NOMEM. */
trib_code trib_commits_init(trib_commits *commits, const trib_env *env, trib_error *err);
/* Takes a zeroed one. Nobody tells any more. */
void trib_commits_deinit(trib_commits *commits);

/* heard runs on a sync thread of the store, under a lock of `commits`: it must be quick and must not call the store.
 * False: there is no room for more. Thread: any. */
bool trib_commits_add(trib_commits *commits, const char *db_id, void (*heard)(void *ctx), void *ctx);
/* All listeners with this ctx; when it returns nobody is inside their `heard`. Thread: any but inside heard. */
void trib_commits_remove(trib_commits *commits, const void *ctx);

/* As trib_store_config.on_commit; ctx is the trib_commits. */
void trib_commits_tell(void *ctx, const char *db_id, uint64_t commit_no);

#endif
