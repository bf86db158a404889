/* SPDX-License-Identifier: Apache-2.0 */
/* Long polls: requests that wait, without a thread, until their database has a newer commit or their time is over.
 *
 *   nothing new -> in the list --tick: newer? late?--> home loop: submitted again, or answered as it is
 *
 * The timer looks at each of them every 20 ms, which costs a lock and two comparisons; a waiting feed holds a reference
 * to its database and no connection of it. */
#include <stdlib.h>

#include "features/replica/replica_int.h"

struct replica_polls {
    trib_app *app;
    trib_mutex *lock;
    trib_list waiting; /* replica_feed.link */
    _Atomic uint32_t count;
    replica_stash *stash; /* the module has one state: this */
    char secret[REPLICA_SECRET_BYTES];
};

static replica_feed *of_link(trib_list *link) {
    return (replica_feed *)(void *)((char *)link - offsetof(replica_feed, link));
}

static bool is_over(const replica_polls *polls, const replica_feed *feed) {
    trib_db_point now;
    trib_db_get_point(feed->watched, &now);
    return now.epoch != feed->point.epoch || now.frame_no != feed->point.frame_no ||
           atomic_load(&polls->app->draining) || trib_env_mono_ns(polls->app->env) >= feed->poll_until_ns;
}

static void tick(void *ctx) {
    replica_polls *polls = ctx;
    trib_mutex_lock(polls->app->env, polls->lock);
    for (trib_list *at = polls->waiting.next; at != &polls->waiting;) {
        replica_feed *feed = of_link(at);
        at = at->next;
        if (!is_over(polls, feed)) continue;
        trib_list_remove(&feed->link);
        feed->http->home->post(feed->http->home, &feed->wake);
    }
    trib_mutex_unlock(polls->app->env, polls->lock);
}

trib_code replica_polls_start(trib_app *app, void **ret_state, trib_error *err) {
    replica_polls *polls = calloc(1, sizeof *polls);
    if (polls) {
        polls->app = app;
        trib_list_init(&polls->waiting);
    }
    if (polls) polls->lock = trib_mutex_new(app->env);
    if (polls) polls->stash = replica_stash_new(app->env);
    bool secret = polls && trib_env_random(app->env, polls->secret, sizeof polls->secret);
    if (!polls || !polls->lock || !polls->stash || !secret || !trib_app_add_ticker(app, tick, polls)) {
        replica_polls_stop(polls);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    *ret_state = polls;
    return TRIB_OK;
}

void replica_polls_stop(void *state) {
    replica_polls *polls = state;
    if (!polls) return;
    if (polls->lock) trib_mutex_free(polls->app->env, polls->lock);
    replica_stash_free(polls->stash);
    free(polls);
}

replica_stash *trib_replica_stash(const trib_http_request *http) {
    return ((replica_polls *)http->module_state)->stash;
}

trib_str trib_replica_secret(const trib_http_request *http) {
    const replica_polls *polls = http->module_state;
    return trib_str_make(polls->secret, sizeof polls->secret);
}

trib_code replica_poll_plan(replica_feed *feed, trib_error *err) {
    replica_polls *polls = feed->http->module_state;
    const trib_tenant *tenant = feed->http->tenant;
    trib_db_settings settings = trib_tenant_db_settings(tenant);
    if (atomic_fetch_add(&polls->count, 1) < REPLICA_POLLS_MAX) {
        trib_code code =
            trib_store_db_get(feed->job.app->store, trib_str_c(tenant->id), &settings, &feed->watched, err);
        if (code == TRIB_OK) return code;
    }
    atomic_fetch_sub(&polls->count, 1);
    return TRIB_OK; /* too many wait, or it cannot be opened once more: it asks again by itself */
}

/* On the loop: no reference, no place any more. */
static void end_wait(replica_feed *feed) {
    replica_polls *polls = feed->http->module_state;
    trib_db_unref(feed->watched);
    feed->watched = NULL;
    feed->poll_until_ns = 0;
    atomic_fetch_sub(&polls->count, 1);
}

static void woken(trib_job *job) {
    replica_feed *feed = (replica_feed *)(void *)((char *)job - offsetof(replica_feed, wake));
    trib_http_request *http = feed->http;
    trib_db_point now;
    trib_db_get_point(feed->watched, &now);
    bool newer = now.epoch != feed->point.epoch || now.frame_no != feed->point.frame_no;
    end_wait(feed);
    if (!newer || http->cancelled) {
        replica_feed_answer(feed);
        return;
    }
    replica_feed_reset(feed);
    replica_feed_submit(feed);
}

static void on_cancel(trib_http_request *http) {
    replica_feed *feed = http->feature;
    replica_polls *polls = http->module_state;
    trib_mutex_lock(polls->app->env, polls->lock);
    bool waits = trib_list_is_linked(&feed->link);
    if (waits) trib_list_remove(&feed->link);
    trib_mutex_unlock(polls->app->env, polls->lock);
    if (!waits) return; /* it is on its way home */
    end_wait(feed);
    replica_feed_answer(feed);
}

void replica_poll_wait(replica_feed *feed) {
    trib_http_request *http = feed->http;
    replica_polls *polls = http->module_state;
    if (http->cancelled) {
        end_wait(feed);
        replica_feed_answer(feed);
        return;
    }
    feed->wake.done = woken;
    feed->wake.home = http->home;
    http->on_cancel = on_cancel;
    trib_mutex_lock(polls->app->env, polls->lock);
    trib_list_push_back(&polls->waiting, &feed->link);
    trib_mutex_unlock(polls->app->env, polls->lock);
}
