/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait; see waiters.h. */
#include "core/waiters.h"

trib_code trib_waiters_init(trib_waiters *waiters, const trib_env *env, size_t max, trib_error *err) {
    *waiters = (trib_waiters){.env = env, .lock = trib_mutex_new(env), .max = max};
    trib_list_init(&waiters->list);
    return waiters->lock ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

void trib_waiters_deinit(trib_waiters *waiters) {
    if (waiters->lock) trib_mutex_free(waiters->env, waiters->lock);
    waiters->lock = NULL;
}

/* Lock held. */
static void take_out(trib_waiters *waiters, trib_waiter *waiter) {
    trib_list_remove(&waiter->link);
    waiters->count--;
}

static void nudged(trib_job *job) {
    trib_waiter *waiter = (trib_waiter *)(void *)job;
    waiter->http->on_cancel = NULL;
    waiter->woken(waiter);
}

static void on_cancel(trib_http_request *http) {
    trib_waiter *waiter = http->feature;
    trib_waiters *waiters = waiter->in;
    trib_mutex_lock(waiters->env, waiters->lock);
    bool waits = trib_list_is_linked(&waiter->link);
    if (waits) take_out(waiters, waiter);
    trib_mutex_unlock(waiters->env, waiters->lock);
    if (waits) nudged(&waiter->job); /* else it is on its way and sees that the peer is gone */
}

bool trib_waiters_add(trib_waiters *waiters, trib_waiter *waiter) {
    trib_http_request *http = waiter->http;
    trib_mutex_lock(waiters->env, waiters->lock);
    bool room = waiters->count < waiters->max;
    if (room) {
        waiter->job = (trib_job){.done = nudged};
        waiter->in = waiters;
        http->feature = waiter;
        http->on_cancel = on_cancel;
        trib_list_init(&waiter->link);
        trib_list_push_back(&waiters->list, &waiter->link);
        waiters->count++;
    }
    trib_mutex_unlock(waiters->env, waiters->lock);
    return room;
}

void trib_waiters_wake(trib_waiters *waiters, size_t max, bool (*is_meant)(trib_waiter *waiter, const void *ctx),
                       const void *ctx) {
    trib_mutex_lock(waiters->env, waiters->lock);
    TRIB_LIST_EACH_SAFE(link, &waiters->list) {
        trib_waiter *waiter = TRIB_LIST_ITEM(link, trib_waiter, link);
        if (max == 0) break;
        if (!is_meant(waiter, ctx)) continue;
        take_out(waiters, waiter);
        waiter->http->home->post(waiter->http->home, &waiter->job);
        max--;
    }
    trib_mutex_unlock(waiters->env, waiters->lock);
}

size_t trib_waiters_count(trib_waiters *waiters) {
    trib_mutex_lock(waiters->env, waiters->lock);
    size_t count = waiters->count;
    trib_mutex_unlock(waiters->env, waiters->lock);
    return count;
}
