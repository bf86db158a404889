/* SPDX-License-Identifier: Apache-2.0 */
/* Live reads: requests that wait for the next append to their stream.
 *
 *   join -> read -> nothing new -> waiting --append: its bytes come along--> home loop: sent from memory
 *             ^                       └-----time over--------------------->  204, or a sign of life
 *             └--- something was appended meanwhile, or does not join on
 *
 * A reader is in the list of its stream before it reads, so that no append falls between its read and its wait. All
 * that write to durable streams go through this process, and tell when they are durable: who waits holds no thread, no
 * connection of the database, and is not looked at until its time is over. */
#include <stdlib.h>
#include <string.h>

#include "core/auth.h"
#include "core/control.h"
#include "core/metrics.h"
#include "features/durable/durable_int.h"

enum {
    SLOTS = 256, /* of time; longer than the longest wait */
    KEY_MAX_BYTES = TRIB_DB_ID_BYTES + 1 + DURABLE_PATH_MAX_BYTES
};
#define SLOT_NS INT64_C(250000000)
#define MS_NS   INT64_C(1000000)

typedef struct durable_entry {
    trib_list readers;
    size_t key_len;
    char key[];
} durable_entry;

typedef struct tenant_count {
    uint32_t readers;
    char id[TRIB_DB_ID_BYTES + 1];
} tenant_count;

struct durable_module {
    trib_app *app;
    durable_checked *checked;
    durable_rounds *rounds;
    struct trib_counter *counters[DURABLE_COUNTS];
    trib_tenant *deals; /* the system database `streams`; the registry's */
    trib_mutex *lock;
    trib_map entries;         /* by tenant and path: durable_entry */
    trib_map tenants;         /* by id: tenant_count */
    _Atomic uint32_t readers; /* written under lock */
    int64_t slot;             /* up to where time was looked at */
    trib_list slots[SLOTS];
};

/* ---- news ---- */

static void news_unref(durable_news *news) {
    if (!news || atomic_fetch_sub(&news->refs, 1) != 1) return;
    trib_buf_deinit(&news->raw);
    trib_buf_deinit(&news->sse);
    free(news);
}

static void encode(const durable_ask *ask, trib_str raw, trib_buf *out) {
    if (ask->json_mode) {
        trib_buf_add(out, TRIB_STR("event: data\ndata:["));
        trib_buf_add(out, raw);
        trib_buf_add(out, TRIB_STR("]\n\n"));
    } else if (ask->text_mode) {
        durable_event_text(raw, out);
    } else {
        durable_event_base64(raw, out);
    }
}

/* NULL: those who wait read for themselves. */
static durable_news *news_of(const durable_ask *ask) {
    if (ask->op != DURABLE_APPEND) return NULL;
    durable_news *news = calloc(1, sizeof *news);
    if (!news) return NULL;
    atomic_init(&news->refs, 1);
    news->position = ask->told_from;
    news->end = ask->told_to;
    news->closed = ask->closed;
    trib_buf_init(&news->raw, DURABLE_BODY_MAX_BYTES * 2);
    trib_buf_init(&news->sse, DURABLE_BODY_MAX_BYTES);
    if (news->end == news->position) return news;
    if (ask->json_mode) durable_messages_add(trib_buf_str(&ask->messages), 0, ask->units, SIZE_MAX, &news->raw);
    else trib_buf_add(&news->raw, ask->bytes);
    if (news->raw.len <= DURABLE_SSE_READ_BYTES) encode(ask, trib_buf_str(&news->raw), &news->sse);
    if (!news->raw.failed && !news->sse.failed) return news;
    news_unref(news);
    return NULL;
}

/* ---- the module ---- */

static size_t write_key(const durable_ask *ask, char key[KEY_MAX_BYTES]) {
    size_t n = strlen(ask->tenant->id);
    memcpy(key, ask->tenant->id, n);
    key[n++] = '/';
    memcpy(key + n, ask->head.path.ptr, ask->head.path.len);
    return n + ask->head.path.len;
}

/* Under the lock. */
static void post(durable_ask *ask) {
    ask->waiting = false;
    ask->posted = true;
    trib_list_remove(&ask->in_slot);
    ask->http->home->post(ask->http->home, &ask->wake);
}

static void post_all(trib_list *slot) {
    TRIB_LIST_EACH_SAFE(link, slot) post(TRIB_LIST_ITEM(link, durable_ask, in_slot));
}

static void tick(void *ctx) {
    durable_module *module = ctx;
    durable_rounds_tick(module->rounds);
    int64_t now = trib_env_mono_ns(module->app->env) / SLOT_NS;
    bool all = atomic_load(&module->app->draining);
    trib_mutex_lock(module->app->env, module->lock);
    if (all || now - module->slot >= SLOTS) {
        for (size_t i = 0; i < SLOTS; i++) post_all(&module->slots[i]);
        module->slot = now;
    }
    while (module->slot < now) post_all(&module->slots[++module->slot % SLOTS]);
    trib_mutex_unlock(module->app->env, module->lock);
}

static double read_live(void *ctx) {
    return (double)atomic_load(&((durable_module *)ctx)->readers);
}
static double read_homes(void *ctx) {
    return (double)durable_rounds_count(((durable_module *)ctx)->rounds);
}

/* Of all tenants together: their names and paths are not ours. */
static void add_metrics(durable_module *module) {
    static const char *const names[DURABLE_COUNTS] = {
        [DURABLE_COUNT_CLAIMED] = "what=\"claimed\"",   [DURABLE_COUNT_ACKED] = "what=\"acknowledged\"",
        [DURABLE_COUNT_FENCED] = "what=\"fenced\"",     [DURABLE_COUNT_SENT] = "what=\"sent\"",
        [DURABLE_COUNT_FAILED] = "what=\"not_sent\"",   [DURABLE_COUNT_ANNOUNCED] = "what=\"announced\"",
        [DURABLE_COUNT_EXPIRED] = "what=\"lease_over\""};
    trib_metrics *metrics = module->app->metrics;
    if (!metrics) return;
    for (size_t i = 0; i < DURABLE_COUNTS; i++)
        if (names[i])
            module->counters[i] =
                trib_metrics_add_counter(metrics, "trib_durable_wakes",
                                         "Wakes of subscriptions to durable streams, by what became of them", names[i]);
    trib_metrics_add_gauge(metrics, "trib_durable_live_reads", "Live reads of durable streams that are open", NULL,
                           read_live, module);
    trib_metrics_add_gauge(metrics, "trib_durable_subscribers",
                           "Tenants that have had subscriptions to durable streams", NULL, read_homes, module);
}

trib_code durable_live_start(trib_app *app, void **ret_state, trib_error *err) {
    trib_hash_key seed;
    durable_module *module = calloc(1, sizeof *module);
    bool fine = module && trib_env_random(app->env, &seed, sizeof seed);
    if (fine) {
        module->app = app;
        module->slot = trib_env_mono_ns(app->env) / SLOT_NS;
        (void)trib_control_find_system(app->control, "streams", &module->deals, NULL);
        trib_map_init(&module->entries, TRIB_MAP_BORROW_KEYS, seed);
        trib_map_init(&module->tenants, TRIB_MAP_BORROW_KEYS, seed);
        for (size_t i = 0; i < SLOTS; i++) trib_list_init(&module->slots[i]);
        module->checked = durable_checked_new(app->env);
        module->lock = trib_mutex_new(app->env);
    }
    trib_code code = TRIB_OK;
    if (!fine || !module->lock || !module->checked || !module->deals) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) code = durable_rounds_new(module, app, module->deals, &module->rounds, err);
    if (code == TRIB_OK) add_metrics(module);
    if (code == TRIB_OK && !trib_app_add_ticker(app, tick, module))
        code = trib_error_set(err, TRIB_INTERNAL, "there are more modules that tick than there is room for");
    if (code != TRIB_OK) {
        durable_live_stop(module);
        return code;
    }
    *ret_state = module;
    return TRIB_OK;
}

void durable_live_stop(void *state) {
    durable_module *module = state;
    if (!module) return;
    if (module->lock) trib_mutex_free(module->app->env, module->lock);
    durable_rounds_free(module->rounds);
    durable_checked_free(module->checked);
    trib_map_deinit(&module->entries);
    trib_map_deinit(&module->tenants);
    free(module);
}

durable_checked *durable_module_checked(const durable_module *module) {
    return module->checked;
}

durable_rounds *durable_module_rounds(const durable_module *module) {
    return module->rounds;
}

void durable_module_count(const durable_module *module, durable_counted what, uint64_t n) {
    if (module->counters[what] && n > 0) trib_counter_add(module->counters[what], n);
}

trib_tenant *durable_module_deals(const durable_module *module) {
    return module->deals;
}

/* ---- coming and going ---- */

static tenant_count *count_of(durable_module *module, const char *id) {
    tenant_count *count = trib_map_get(&module->tenants, trib_str_c(id));
    if (count) return count;
    count = calloc(1, sizeof *count);
    if (!count) return NULL;
    memcpy(count->id, id, strlen(id) + 1);
    if (trib_map_set(&module->tenants, trib_str_c(count->id), count, NULL) == TRIB_OK) return count;
    free(count);
    return NULL;
}

static durable_entry *entry_of(durable_module *module, trib_str key) {
    durable_entry *entry = trib_map_get(&module->entries, key);
    if (entry) return entry;
    entry = malloc(sizeof *entry + key.len);
    if (!entry) return NULL;
    trib_list_init(&entry->readers);
    entry->key_len = key.len;
    memcpy(entry->key, key.ptr, key.len);
    if (trib_map_set(&module->entries, trib_str_make(entry->key, key.len), entry, NULL) == TRIB_OK) return entry;
    free(entry);
    return NULL;
}

static void drop_if_empty(durable_module *module, durable_entry *entry, tenant_count *count) {
    if (entry && trib_list_is_empty(&entry->readers)) {
        trib_map_take(&module->entries, trib_str_make(entry->key, entry->key_len));
        free(entry);
    }
    if (count && count->readers == 0) {
        trib_map_take(&module->tenants, trib_str_c(count->id));
        free(count);
    }
}

trib_code durable_live_join(durable_ask *ask, trib_error *err) {
    char key[KEY_MAX_BYTES];
    durable_module *module = ask->module;
    size_t n = write_key(ask, key);
    trib_code code = TRIB_OK;
    trib_mutex_lock(module->app->env, module->lock);
    tenant_count *count = count_of(module, ask->tenant->id);
    durable_entry *entry = count ? entry_of(module, trib_str_make(key, n)) : NULL;
    if (!entry) {
        code = trib_error_set(err, TRIB_NOMEM, NULL);
    } else if (module->readers >= DURABLE_WAITERS_MAX || count->readers >= DURABLE_TENANT_WAITERS_MAX) {
        code = trib_error_set(err, TRIB_TOO_MANY_REQUESTS, "too many live reads of durable streams are open");
    } else {
        trib_list_push_back(&entry->readers, &ask->in_entry);
        ask->entry = entry;
        module->readers++;
        count->readers++;
    }
    if (code != TRIB_OK) drop_if_empty(module, entry, count);
    trib_mutex_unlock(module->app->env, module->lock);
    ask->until_ns = trib_env_mono_ns(module->app->env) +
                    MS_NS * (ask->head.live == DURABLE_LIVE_SSE ? DURABLE_SSE_LIFE_MS : ask->head.timeout_ms);
    return code;
}

void durable_live_leave(durable_ask *ask) {
    durable_module *module = ask->module;
    if (!ask->entry) return;
    trib_mutex_lock(module->app->env, module->lock);
    tenant_count *count = trib_map_get(&module->tenants, trib_str_c(ask->tenant->id));
    trib_list_remove(&ask->in_entry);
    trib_list_remove(&ask->in_slot);
    module->readers--;
    if (count) count->readers--;
    drop_if_empty(module, ask->entry, count);
    ask->entry = NULL;
    trib_mutex_unlock(module->app->env, module->lock);
    news_unref(ask->news);
    ask->news = NULL;
}

/* False: something was appended since the read. */
static bool wait(durable_ask *ask, int64_t until_ns) {
    durable_module *module = ask->module;
    trib_mutex_lock(module->app->env, module->lock);
    bool waits = !ask->dirty;
    ask->dirty = false;
    ask->waiting = waits;
    int64_t slot = until_ns / SLOT_NS + 1;
    if (slot <= module->slot) slot = module->slot + 1;
    if (waits) trib_list_push_back(&module->slots[slot % SLOTS], &ask->in_slot);
    trib_mutex_unlock(module->app->env, module->lock);
    return waits;
}

void durable_live_tell(durable_ask *ask) {
    char key[KEY_MAX_BYTES];
    durable_module *module = ask->module;
    trib_str name = trib_str_make(key, write_key(ask, key));
    trib_mutex_lock(module->app->env, module->lock);
    bool any = trib_map_get(&module->entries, name) != NULL;
    trib_mutex_unlock(module->app->env, module->lock);
    if (!any) return;
    durable_news *news = news_of(ask);
    trib_mutex_lock(module->app->env, module->lock);
    durable_entry *entry = trib_map_get(&module->entries, name);
    if (entry) {
        TRIB_LIST_EACH(link, &entry->readers) {
            durable_ask *reader = TRIB_LIST_ITEM(link, durable_ask, in_entry);
            if (!reader->waiting || !news) reader->dirty = true;
            if (!reader->waiting) continue;
            if (news) atomic_fetch_add(&news->refs, 1);
            reader->news = news;
            post(reader);
        }
    }
    trib_mutex_unlock(module->app->env, module->lock);
    news_unref(news);
}

/* ---- a reader, on its loop ---- */

static void end_stream(durable_ask *ask, bool aborted) {
    trib_http_request *http = ask->http;
    durable_live_leave(ask);
    http->on_cancel = NULL;
    durable_ask_free(ask);
    trib_http_stream_end(http, aborted);
}

/* A long poll is over without anything new. */
static void answer_nothing(durable_ask *ask) {
    trib_buf_clear(&ask->out);
    trib_buf_clear(&ask->headers);
    durable_answer_place(ask);
    durable_header(ask, "Cache-Control", "no-store");
    ask->status = 204;
    durable_answer(ask);
}

static void give_up(durable_ask *ask) {
    if (ask->streaming) end_stream(ask, true);
    else answer_nothing(ask);
}

void durable_live_failed(durable_ask *ask, const trib_error *err) {
    /* removed, or too much to do: the client comes again, and is told then */
    if (ask->streaming) end_stream(ask, ask->http->cancelled);
    else durable_answer_error(ask, err);
}

static bool may_go_on(const durable_ask *ask) {
    const trib_http_request *http = ask->http;
    return !http->cancelled && !atomic_load(&http->app->draining) &&
           trib_may(http->principal, http->tenant, TRIB_ACTION_READ, trib_env_wall_ms(http->app->env), NULL) == TRIB_OK;
}

static void rest(durable_ask *ask);

/* A connection that breaks while something is sent says so at once: whoever sends looks at `cancelled` afterwards. */
static void send_chunk(durable_ask *ask, trib_buf *chunk) {
    ask->sending = true;
    ask->no_credit = !trib_http_stream_chunk(ask->http, chunk);
    ask->sending = false;
}

static void on_credit(trib_http_request *http) {
    durable_ask *ask = http->feature;
    if (ask->sending) return;
    ask->no_credit = false;
    rest(ask);
}

static void on_cancel(trib_http_request *http) {
    durable_ask *ask = http->feature;
    durable_module *module = ask->module;
    if (ask->sending) return;
    trib_mutex_lock(module->app->env, module->lock);
    bool comes = ask->posted;
    ask->waiting = false;
    trib_list_remove(&ask->in_slot);
    trib_mutex_unlock(module->app->env, module->lock);
    if (!comes) give_up(ask); /* else `woken` sees it */
}

/* One piece and where it ends. `event` is the piece as an event; empty: there is none. */
static void send(durable_ask *ask, trib_str event) {
    char offset[DURABLE_OFFSET_BYTES];
    trib_buf chunk;
    bool at_end = ask->position == ask->tail;
    if (event.len == 0 && ask->read_any && !(at_end && ask->closed)) return;
    trib_buf_init(&chunk, DURABLE_OUT_MAX_BYTES);
    durable_offset_write(ask->position, offset);
    trib_buf_add(&chunk, event);
    durable_event_control(offset, durable_next_cursor(ask), at_end, at_end && ask->closed, &chunk);
    send_chunk(ask, &chunk);
    trib_buf_deinit(&chunk);
}

static void woken(trib_job *job);

/* What is sent is sent: reads on, ends, or waits. */
static void rest(durable_ask *ask) {
    trib_http_request *http = ask->http;
    bool at_end = ask->position == ask->tail;
    http->feature = ask;
    http->on_cancel = on_cancel;
    if (!may_go_on(ask)) {
        if (ask->streaming) end_stream(ask, http->cancelled);
        else answer_nothing(ask);
        return;
    }
    if (ask->streaming && at_end && ask->closed && !ask->must_read) {
        end_stream(ask, false);
        return;
    }
    if (ask->no_credit) return; /* a slow reader is not read for */
    int64_t until = ask->until_ns, beat = trib_env_mono_ns(http->app->env) + MS_NS * DURABLE_SSE_BEAT_MS;
    if (ask->streaming && beat < until) until = beat;
    ask->wake.done = woken;
    ask->wake.home = http->home;
    if (at_end && !ask->must_read && wait(ask, until)) return;
    ask->must_read = false;
    durable_ask_submit(ask);
}

/* From memory, if it joins on to what the reader has. */
static void take_news(durable_ask *ask, const durable_news *news) {
    bool fits = news->position == ask->position && (!ask->streaming || news->raw.len <= DURABLE_SSE_READ_BYTES);
    if (news->end <= ask->position && !(news->closed && news->end == ask->position)) return; /* it has that */
    if (!fits) {
        ask->must_read = true;
        return;
    }
    ask->position = ask->tail = news->end;
    ask->closed = news->closed;
    if (ask->streaming) {
        send(ask, trib_buf_str(&news->sse));
        return;
    }
    trib_buf_clear(&ask->out);
    trib_buf_add(&ask->out, trib_buf_str(&news->raw));
}

static void answer_poll(durable_ask *ask) {
    trib_buf_clear(&ask->headers);
    durable_answer_place(ask);
    durable_header(ask, "Cache-Control", "no-store");
    ask->status = 200;
    durable_answer(ask);
}

static void woken(trib_job *job) {
    durable_ask *ask = TRIB_LIST_ITEM(job, durable_ask, wake);
    durable_module *module = ask->module;
    uint64_t before = ask->position;
    trib_mutex_lock(module->app->env, module->lock);
    durable_news *news = ask->news;
    bool dirty = ask->dirty;
    ask->posted = ask->dirty = false;
    ask->news = NULL;
    trib_mutex_unlock(module->app->env, module->lock);
    bool go_on = may_go_on(ask);
    if (go_on && news) take_news(ask, news);
    ask->must_read = ask->must_read || dirty;
    bool told = news != NULL || dirty;
    news_unref(news);
    if (!go_on) {
        if (ask->streaming) end_stream(ask, ask->http->cancelled);
        else answer_nothing(ask);
        return;
    }
    bool over = trib_env_mono_ns(module->app->env) >= ask->until_ns;
    if (!ask->streaming) {
        if (ask->position != before) answer_poll(ask);
        else if (ask->closed || (over && !ask->must_read)) answer_nothing(ask);
        else rest(ask);
        return;
    }
    if (over && !ask->must_read) {
        end_stream(ask, false);
        return;
    }
    if (!told) {
        trib_buf beat;
        trib_buf_init(&beat, 16);
        trib_buf_add(&beat, TRIB_STR(":\n\n"));
        send_chunk(ask, &beat);
        trib_buf_deinit(&beat);
    }
    rest(ask);
}

void durable_live_go_on(durable_ask *ask) {
    trib_buf event;
    bool first = !ask->read_any;
    if (ask->http->cancelled) {
        give_up(ask);
        return;
    }
    if (ask->head.live == DURABLE_LIVE_POLL) {
        ask->read_any = true;
        if (ask->out.len > 0) answer_poll(ask);
        else if (ask->closed || ask->position != ask->tail) answer_nothing(ask);
        else rest(ask);
        return;
    }
    if (first) durable_stream_begin(ask, on_credit);
    trib_buf_init(&event, DURABLE_OUT_MAX_BYTES);
    if (ask->out.len > 0) encode(ask, trib_buf_str(&ask->out), &event);
    if (event.failed) {
        trib_buf_deinit(&event);
        end_stream(ask, true);
        return;
    }
    send(ask, trib_buf_str(&event));
    ask->read_any = true;
    trib_buf_deinit(&event);
    trib_buf_clear(&ask->out);
    rest(ask);
}
