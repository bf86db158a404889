/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait until there is something for them: claims, reads of offers.
 *
 *   loop: found nothing -> trib_waiters_add        anybody: trib_waiters_wake -> the request's home: woken
 *
 * No thread and no connection to the database is held while a request waits. One whose peer goes is woken, too: woken
 * looks at http->cancelled. */
#ifndef TRIB_CORE_WAITERS_H
#define TRIB_CORE_WAITERS_H

#include "base/list.h"
#include "core/http.h"
#include "core/job.h"

typedef struct trib_waiter trib_waiter;

typedef struct trib_waiters {
    const trib_env *env;
    trib_mutex *lock;
    trib_list list; /* trib_waiter.link; under lock, as is count */
    size_t count, max;
} trib_waiters;

/* A part of what a request keeps; http and woken are set by its owner. */
struct trib_waiter {
    trib_job job; /* carries it home */
    trib_list link;
    trib_waiters *in;
    trib_http_request *http;            /* its `feature` is the waiter's while it waits, on_cancel too */
    void (*woken)(trib_waiter *waiter); /* on the request's loop, once */
};

/* max: requests that may wait at once, for each holds memory and a socket. Errors: NOMEM. */
trib_code trib_waiters_init(trib_waiters *waiters, const trib_env *env, size_t max, trib_error *err);
/* Nobody waits any more. */
void trib_waiters_deinit(trib_waiters *waiters);
/* False: too many wait; nothing was done. Thread: the request's loop. */
bool trib_waiters_add(trib_waiters *waiters, trib_waiter *waiter);
/* Those that are meant, at most `max`, in the order in which they began to wait. is_meant runs under the lock.
 * Thread: any, as of the next. */
void trib_waiters_wake(trib_waiters *waiters, size_t max, bool (*is_meant)(trib_waiter *waiter, const void *ctx),
                       const void *ctx);
size_t trib_waiters_count(trib_waiters *waiters);

#endif
