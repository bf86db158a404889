/* SPDX-License-Identifier: Apache-2.0 */
/* The threads that send webhooks, of all features: sending blocks in the network, so it is done by neither loops nor
 * workers. There are as many as are needed at once, up to TRIB_SENDERS_MAX, and one tenant has at most
 * TRIB_SENDERS_PER_OWNER of them: endpoints that stall cost their owner, not others. */
#ifndef TRIB_CORE_SENDERS_H
#define TRIB_CORE_SENDERS_H

#include "base/list.h"
#include "core/app.h"

enum {
    TRIB_SENDERS_MAX = 16,          /* threads */
    TRIB_SENDERS_PER_OWNER = 2,     /* of them at once for one tenant: stalling ones must not take them all */
    TRIB_SEND_BACKOFF_MIN_MS = 1000 /* doubled with each failure */
};

typedef struct trib_send_task trib_send_task;
struct trib_send_task {
    const char *owner; /* the id of the tenant, "" for the server; lives as long as the task */
    /* Sends. `session` is for trib_outbound.send, as is `stop`: the server ends. The task is the caller's again from
     * the moment that `run` says so to others; the pool touches it no more after the call of `run` begins. */
    void (*run)(trib_send_task *task, void *session, const _Atomic bool *stop);
    trib_list link; /* private */
};

/* Errors: NOMEM. */
trib_code trib_senders_new(trib_app *app, trib_senders **ret, trib_error *err);
/* Ends what is under way (about a second) and waits for it; tasks that wait, or are added later, are not run. Takes
 * NULL, and a second call. */
void trib_senders_stop(trib_senders *senders);
void trib_senders_free(trib_senders *senders);
/* In the order given, but for owners that have their share. Thread: any. */
void trib_senders_add(trib_senders *senders, trib_send_task *task);

/* For how long to wait after the n-th failure in a row: 1 s, 2 s, 4 s ... up to `most_ms`; of this, the last
 * `chance_percent` are chance, so that what failed together does not come back together. Thread: any. */
int64_t trib_send_backoff_ms(const trib_env *env, int64_t n, int64_t most_ms, unsigned chance_percent);

#endif
