/* SPDX-License-Identifier: Apache-2.0 */
/* Who follows which stream, and how news come to them; see tails_int.h.
 *
 *   sync thread   heard(): dirty; no pump under way? --> submit
 *   worker        looked(): for each news, for each lane that follows the stream --> the lane's inbox, the lane posted
 *   loop          lane_run(): the inbox in order, each news to each tail of its topic, STREAMS_LANE_SLICE at a time
 *
 * `lock` guards topics, tenants, inboxes and the state of the pump. What a lane shows (its topics and their tails)
 * belongs to its loop alone. A topic is in the hub before its first tail reads, so that a pump which did not know it
 * saw an older snapshot than that read does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "features/streams/tails_int.h"

/* A stream that some lanes follow. */
typedef struct hub_topic {
    uint64_t lanes; /* bit i: lanes[i] has it */
    size_t tails, by_tenants;
    size_t id_len;
    char id[];
} hub_topic;

typedef struct hub_tenant {
    size_t tails;
    char id[TRIB_DB_ID_BYTES + 1];
} hub_tenant;

/* The same stream in one lane. */
struct streams_topic {
    trib_list tails; /* streams_tail.in_topic: those that were shown the news at hand are at its end */
    bool busy;       /* is being shown some: not freed under its feet */
    trib_str id;
    char id_text[];
};

typedef struct lane_entry {
    trib_list link;
    streams_news *news;
} lane_entry;

struct streams_lane {
    trib_job job;
    streams_hub *hub;
    trib_home *home;
    size_t index;
    /* under the hub's lock */
    trib_list inbox; /* lane_entry.link */
    size_t inbox_count;
    bool posted, lost, beat, drain;
    /* the loop's own */
    trib_list todo, tails; /* lane_entry.link; streams_tail.in_lane */
    trib_map topics;
    uint64_t shown_no;
    bool shows; /* the first of todo is under way */
};

struct streams_hub {
    streams_module *module;
    const trib_env *env;
    trib_mutex *lock;
    trib_cond *rested;
    streams_pump pump;
    bool is_pumping, dirty, ends;
    bool more; /* the look before did not see all */
    int64_t looked_ns, beat_ns;
    trib_map topics, tenants;
    size_t tails;
    streams_lane *lanes[STREAMS_LANES_MAX];
    size_t lane_count;
};

static void lock(streams_hub *hub) {
    trib_mutex_lock(hub->env, hub->lock);
}

static void unlock(streams_hub *hub) {
    trib_mutex_unlock(hub->env, hub->lock);
}

/* ---- the pump ---- */

/* Lock held. */
static void pump_if_due(streams_hub *hub) {
    if (hub->is_pumping || hub->ends || !hub->dirty) return;
    int64_t since_ns = trib_env_mono_ns(hub->env) - hub->looked_ns;
    if (hub->tails == 0 && !hub->more && since_ns < STREAMS_CENSUS_MS * INT64_C(1000000)) return;
    hub->dirty = false;
    hub->is_pumping = true;
    trib_error ignored;
    if (streams_pump_submit(&hub->pump, &ignored) == TRIB_OK) return;
    hub->is_pumping = false;
    hub->dirty = true; /* the ticker tries again */
}

static void heard(void *ctx) {
    streams_hub *hub = ctx;
    lock(hub);
    hub->dirty = true;
    if (hub->tails > 0) pump_if_due(hub);
    unlock(hub);
}

/* Lock held. */
static void post(streams_lane *lane) {
    if (lane->posted) return;
    lane->posted = true;
    lane->home->post(lane->home, &lane->job);
}

/* Lock held. */
static void give(streams_lane *lane, streams_news *news) {
    lane_entry *entry = lane->inbox_count < STREAMS_LANE_NEWS_MAX ? malloc(sizeof *entry) : NULL;
    if (entry) {
        entry->news = streams_news_ref(news);
        trib_list_push_back(&lane->inbox, &entry->link);
        lane->inbox_count++;
    } else {
        lane->lost = true; /* its tails read */
    }
    post(lane);
}

static void looked(streams_pump *pump) {
    streams_hub *hub = pump->hub;
    lock(hub);
    for (trib_list *link; (link = trib_list_take_first(&pump->news));) {
        streams_news *news = TRIB_LIST_ITEM(link, streams_news, link);
        const hub_topic *topic = trib_map_get(&hub->topics, news->id);
        for (size_t i = 0; topic && i < hub->lane_count; i++)
            if (topic->lanes >> i & 1) give(hub->lanes[i], news);
        streams_news_unref(news);
    }
    for (size_t i = 0; pump->lost && i < hub->lane_count; i++) {
        hub->lanes[i]->lost = true;
        post(hub->lanes[i]);
    }
    hub->looked_ns = trib_env_mono_ns(hub->env);
    trib_counter_add(hub->module->counts->looks, 1);
    hub->is_pumping = false;
    bool good = pump->job.code == TRIB_OK;
    hub->more = good && pump->more;
    if (!good || pump->more) hub->dirty = true;
    if (good) pump_if_due(hub); /* a failed one waits for the ticker */
    if (!hub->is_pumping) trib_cond_broadcast(hub->env, hub->rested);
    unlock(hub);
}

static void tick(void *ctx) {
    streams_hub *hub = ctx;
    bool drain = atomic_load_explicit(&hub->module->app->draining, memory_order_relaxed);
    lock(hub);
    pump_if_due(hub);
    int64_t now_ns = trib_env_mono_ns(hub->env);
    bool beat = now_ns - hub->beat_ns >= STREAMS_BEAT_MS * INT64_C(1000000);
    if (beat) hub->beat_ns = now_ns;
    for (size_t i = 0; hub->tails > 0 && (beat || drain) && i < hub->lane_count; i++) {
        hub->lanes[i]->beat = hub->lanes[i]->beat || beat;
        hub->lanes[i]->drain = drain;
        post(hub->lanes[i]);
    }
    unlock(hub);
}

bool streams_hub_follows(streams_hub *hub, trib_str id, bool *ret_by_tenants) {
    lock(hub);
    const hub_topic *topic = trib_map_get(&hub->topics, id);
    *ret_by_tenants = topic && topic->by_tenants > 0;
    unlock(hub);
    return topic != NULL;
}

/* ---- a lane, on its loop ---- */

static streams_lane *lane_of(trib_job *job) {
    return TRIB_LIST_ITEM(job, streams_lane, job);
}

static void topic_settle(streams_lane *lane, streams_topic *topic) {
    if (topic->busy || !trib_list_is_empty(&topic->tails)) return;
    trib_map_take(&lane->topics, topic->id);
    free(topic);
}

/* The first news of todo to tails that were not shown them yet. False: the slice is used up. */
static bool show_first(streams_lane *lane, const streams_news *news, int64_t now_ms, size_t *left) {
    streams_topic *topic = trib_map_get(&lane->topics, news->id);
    bool all = false;
    if (!topic) return true;
    if (!lane->shows) lane->shown_no++;
    lane->shows = true;
    topic->busy = true;
    for (; !all && *left > 0; (*left)--) {
        trib_list *link = trib_list_first(&topic->tails);
        streams_tail *tail = link ? TRIB_LIST_ITEM(link, streams_tail, in_topic) : NULL;
        all = !tail || tail->shown_no == lane->shown_no;
        if (all) break;
        tail->shown_no = lane->shown_no;
        trib_list_remove(link);
        trib_list_push_back(&topic->tails, link);
        streams_tail_hear(tail, news, now_ms);
    }
    topic->busy = false;
    topic_settle(lane, topic);
    return all;
}

/* False: there is more. */
static bool show_todo(streams_lane *lane) {
    size_t left = STREAMS_LANE_SLICE;
    int64_t now_ms = trib_env_wall_ms(lane->hub->env);
    for (trib_list *link; (link = trib_list_first(&lane->todo));) {
        lane_entry *entry = TRIB_LIST_ITEM(link, lane_entry, link);
        if (!show_first(lane, entry->news, now_ms, &left)) return false;
        lane->shows = false;
        trib_list_remove(link);
        streams_news_unref(entry->news);
        free(entry);
    }
    return true;
}

static void beat_all(streams_lane *lane) {
    int64_t now_ms = trib_env_wall_ms(lane->hub->env), now_ns = trib_env_mono_ns(lane->hub->env);
    TRIB_LIST_EACH_SAFE(link, &lane->tails)
    streams_tail_beat(TRIB_LIST_ITEM(link, streams_tail, in_lane), now_ms, now_ns);
}

static void lane_run(trib_job *job) {
    streams_lane *lane = lane_of(job);
    streams_hub *hub = lane->hub;
    lock(hub);
    lane->posted = false;
    trib_list_splice_back(&lane->todo, &lane->inbox);
    lane->inbox_count = 0;
    bool lost = lane->lost, beat = lane->beat, drain = lane->drain;
    lane->lost = lane->beat = false;
    unlock(hub);
    if (lost) {
        TRIB_LIST_EACH_SAFE(link, &lane->tails)
        streams_tail_catch_up(TRIB_LIST_ITEM(link, streams_tail, in_lane));
    }
    bool all = show_todo(lane);
    if (beat) beat_all(lane);
    while (drain && !trib_list_is_empty(&lane->tails))
        streams_tail_finish(TRIB_LIST_ITEM(lane->tails.next, streams_tail, in_lane), STREAMS_END_DRAINED, NULL);
    if (all) return;
    lock(hub);
    post(lane); /* sockets get their turn in between */
    unlock(hub);
}

static void lane_free(streams_lane *lane) {
    trib_list_splice_back(&lane->todo, &lane->inbox);
    for (trib_list *link; (link = trib_list_take_first(&lane->todo));) {
        lane_entry *entry = TRIB_LIST_ITEM(link, lane_entry, link);
        streams_news_unref(entry->news);
        free(entry);
    }
    trib_map_deinit(&lane->topics);
    free(lane);
}

/* Lock held. NULL without memory. */
static streams_lane *find_lane(streams_hub *hub, trib_home *home) {
    for (size_t i = 0; i < hub->lane_count; i++)
        if (hub->lanes[i]->home == home) return hub->lanes[i];
    streams_lane *lane = hub->lane_count < STREAMS_LANES_MAX ? calloc(1, sizeof *lane) : NULL;
    if (!lane) return NULL;
    lane->hub = hub;
    lane->home = home;
    lane->index = hub->lane_count;
    lane->job.done = lane_run;
    lane->job.home = home;
    trib_list_init(&lane->inbox);
    trib_list_init(&lane->todo);
    trib_list_init(&lane->tails);
    trib_map_init(&lane->topics, TRIB_MAP_BORROW_KEYS, hub->pump.seed);
    hub->lanes[hub->lane_count++] = lane;
    return lane;
}

/* ---- tails come and go ---- */

static bool is_of_tenant(const streams_hub *hub, const streams_tail *tail) {
    return tail->tenant != hub->module->tenant;
}

/* Lock held. */
static trib_code check_room(streams_hub *hub, const hub_tenant *tenant, trib_error *err) {
    if (hub->tails >= STREAMS_TAILS_MAX)
        return trib_error_set(err, TRIB_TOO_MANY_REQUESTS, "%d streams are being followed, more the server does not do",
                              STREAMS_TAILS_MAX);
    if (tenant->tails >= STREAMS_TAILS_OF_TENANT_MAX)
        return trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                              "this tenant follows streams %d times already; several streams can share a WebSocket, "
                              "but each counts",
                              STREAMS_TAILS_OF_TENANT_MAX);
    return TRIB_OK;
}

/* Lock held. */
static hub_tenant *find_tenant(streams_hub *hub, const trib_tenant *of) {
    trib_str id = trib_str_c(of->id);
    hub_tenant *tenant = trib_map_get(&hub->tenants, id);
    if (tenant) return tenant;
    tenant = calloc(1, sizeof *tenant);
    if (!tenant) return NULL;
    snprintf(tenant->id, sizeof tenant->id, "%s", of->id);
    if (trib_map_set(&hub->tenants, trib_str_c(tenant->id), tenant, NULL) == TRIB_OK) return tenant;
    free(tenant);
    return NULL;
}

/* Lock held. */
static void forget_tenant(streams_hub *hub, hub_tenant *tenant) {
    if (!tenant || tenant->tails > 0) return;
    trib_map_take(&hub->tenants, trib_str_c(tenant->id));
    free(tenant);
}

/* Lock held. */
static hub_topic *find_topic(streams_hub *hub, trib_str id) {
    hub_topic *topic = trib_map_get(&hub->topics, id);
    if (topic) return topic;
    topic = calloc(1, sizeof *topic + id.len + 1);
    if (!topic) return NULL;
    topic->id_len = id.len;
    memcpy(topic->id, id.ptr, id.len);
    if (trib_map_set(&hub->topics, trib_str_make(topic->id, id.len), topic, NULL) == TRIB_OK) return topic;
    free(topic);
    return NULL;
}

/* Lock held. */
static void forget_topic(streams_hub *hub, hub_topic *topic) {
    if (!topic || topic->tails > 0) return;
    trib_map_take(&hub->topics, trib_str_make(topic->id, topic->id_len));
    free(topic);
}

static streams_topic *find_lane_topic(streams_lane *lane, trib_str id) {
    streams_topic *topic = trib_map_get(&lane->topics, id);
    if (topic) return topic;
    topic = calloc(1, sizeof *topic + id.len + 1);
    if (!topic) return NULL;
    memcpy(topic->id_text, id.ptr, id.len);
    topic->id = trib_str_make(topic->id_text, id.len);
    trib_list_init(&topic->tails);
    if (trib_map_set(&lane->topics, topic->id, topic, NULL) == TRIB_OK) return topic;
    free(topic);
    return NULL;
}

trib_code streams_hub_add(streams_hub *hub, streams_tail *tail, trib_error *err) {
    lock(hub);
    hub_tenant *tenant = find_tenant(hub, tail->tenant);
    trib_code code = tenant ? check_room(hub, tenant, err) : trib_error_set(err, TRIB_NOMEM, NULL);
    streams_lane *lane = code == TRIB_OK ? find_lane(hub, tail->home) : NULL;
    hub_topic *topic = lane ? find_topic(hub, tail->id) : NULL;
    streams_topic *here = topic ? find_lane_topic(lane, tail->id) : NULL;
    if (code == TRIB_OK && !here) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) {
        topic->lanes |= UINT64_C(1) << lane->index;
        topic->tails++;
        topic->by_tenants += is_of_tenant(hub, tail);
        tenant->tails++;
        hub->tails++;
    } else {
        forget_tenant(hub, tenant);
        forget_topic(hub, topic);
    }
    unlock(hub);
    if (code != TRIB_OK || !here) return code;
    tail->lane = lane;
    tail->topic = here;
    tail->shown_no = lane->shown_no;
    trib_list_push_back(&here->tails, &tail->in_topic);
    trib_list_push_back(&lane->tails, &tail->in_lane);
    atomic_fetch_add_explicit(&hub->module->counts->open[tail->ops->kind], 1, memory_order_relaxed);
    return code;
}

void streams_hub_remove(streams_hub *hub, streams_tail *tail) {
    streams_lane *lane = tail->lane;
    if (!lane) return;
    tail->lane = NULL;
    trib_list_remove(&tail->in_topic);
    trib_list_remove(&tail->in_lane);
    bool last = trib_list_is_empty(&tail->topic->tails);
    atomic_fetch_sub_explicit(&hub->module->counts->open[tail->ops->kind], 1, memory_order_relaxed);
    lock(hub);
    hub_topic *topic = trib_map_get(&hub->topics, tail->id);
    hub_tenant *tenant = trib_map_get(&hub->tenants, trib_str_c(tail->tenant->id));
    topic->tails--;
    topic->by_tenants -= is_of_tenant(hub, tail);
    if (last) topic->lanes &= ~(UINT64_C(1) << lane->index);
    forget_topic(hub, topic);
    tenant->tails--;
    forget_tenant(hub, tenant);
    hub->tails--;
    unlock(hub);
    topic_settle(lane, tail->topic);
    tail->topic = NULL;
}

/* ---- beginning and end ---- */

trib_code streams_hub_new(streams_module *module, streams_hub **ret, trib_error *err) {
    streams_hub *hub = calloc(1, sizeof *hub);
    if (!hub) return trib_error_set(err, TRIB_NOMEM, NULL);
    hub->module = module;
    hub->env = module->app->env;
    hub->pump.hub = hub;
    hub->pump.looked = looked;
    trib_code code = streams_pump_init(&hub->pump, module, err);
    trib_map_init(&hub->topics, TRIB_MAP_BORROW_KEYS, hub->pump.seed);
    trib_map_init(&hub->tenants, TRIB_MAP_BORROW_KEYS, hub->pump.seed);
    hub->lock = trib_mutex_new(hub->env);
    hub->rested = trib_cond_new(hub->env);
    if (code == TRIB_OK && (!hub->lock || !hub->rested)) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK && (!trib_app_add_ticker(module->app, tick, hub) ||
                            !trib_commits_add(&module->app->commits, module->tenant->id, heard, hub)))
        code = trib_error_set(err, TRIB_INTERNAL, "too many modules want to hear of time and commits");
    if (code == TRIB_OK) *ret = hub;
    else streams_hub_free(hub);
    return code;
}

void streams_hub_free(streams_hub *hub) {
    if (!hub) return;
    trib_commits_remove(&hub->module->app->commits, hub);
    if (hub->lock && hub->rested) {
        lock(hub);
        hub->ends = true;
        /* without workers it will not come any more, and nobody has it */
        while (hub->is_pumping && hub->module->app->workers) trib_cond_wait(hub->env, hub->rested, hub->lock, -1);
        unlock(hub);
    }
    for (size_t i = 0; i < hub->lane_count; i++) lane_free(hub->lanes[i]);
    trib_map_deinit(&hub->topics);
    trib_map_deinit(&hub->tenants);
    streams_pump_deinit(&hub->pump);
    if (hub->rested) trib_cond_free(hub->env, hub->rested);
    if (hub->lock) trib_mutex_free(hub->env, hub->lock);
    free(hub);
}
