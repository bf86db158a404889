/* SPDX-License-Identifier: Apache-2.0 */
/* Which tenants have a round to make, and what is sent for them.
 *
 *   nudge (an append, a call, a webhook's end), or a time that has come -> ready -> round, a job on the tenant
 *     -> durable: webhooks go to the threads of core/senders.h, readers of wake streams are woken -> when to look again
 *
 * The tenants that have subscriptions, or had some, are a list in the database `streams`: it is written before the
 * first subscription is made, so that all of them get a round after a start, and nobody else's database is opened. One
 * round at a time of a tenant. All of this is memory: what a round finds out stands in the tenant's database. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/control.h"
#include "core/db_start.h"
#include "features/durable/sub_int.h"

enum { PAGE = 512 }; /* tenants that are listed at once at the start */

struct durable_home {
    durable_rounds *rounds;
    trib_list ready;                                                 /* linked: has a round to make */
    char id[TRIB_DB_ID_BYTES + 1], name[TRIB_TENANT_NAME_BYTES + 1]; /* name: as last heard of, "" unknown */
    int64_t due_ns;
    bool running, again;
    trib_list deliveries; /* durable_delivery.link: being sent, or sent and not settled */
    /* of the round under way: its own */
    trib_tenant *tenant;
    durable_round round;
    const durable_sent *settled[DURABLE_SUBS_PER_TENANT_MAX];
    int64_t busy[DURABLE_SUBS_PER_TENANT_MAX];
};
typedef struct durable_home durable_home;

struct durable_rounds {
    durable_module *module;
    trib_app *app;
    trib_mutex *lock;
    trib_map homes; /* by id */
    trib_list ready;
    uint32_t running;
    int64_t look_ns;
};

static void lock(durable_rounds *rounds) {
    trib_mutex_lock(rounds->app->env, rounds->lock);
}
static void unlock(durable_rounds *rounds) {
    trib_mutex_unlock(rounds->app->env, rounds->lock);
}

static durable_home *find(durable_rounds *rounds, const char *id) {
    return trib_map_get(&rounds->homes, trib_str_c(id));
}

/* Lock held. */
static void make_ready(durable_home *home) {
    if (home->running) home->again = true;
    else if (!trib_list_is_linked(&home->ready)) trib_list_push_back(&home->rounds->ready, &home->ready);
}

/* ---- webhooks ---- */

static void send_one(trib_send_task *task, void *session, const _Atomic bool *stop) {
    durable_delivery *d = (durable_delivery *)(void *)task;
    durable_home *home = d->home;
    durable_delivery_send(d, session, stop);
    lock(home->rounds);
    d->sent.is_over = true;
    make_ready(home);
    unlock(home->rounds);
}

/* ---- a round ---- */

static trib_code body(durable_ask *ask, trib_error *err) {
    return durable_round_run(ask->round, err);
}

/* What was written to wake streams, for those who read them live. */
static void tell(durable_ask *ask, durable_round *round) {
    TRIB_LIST_EACH(link, &round->announcements) {
        durable_announcement *a = TRIB_LIST_ITEM(link, durable_announcement, link);
        ask->head.path = a->path;
        ask->told_from = a->from;
        ask->told_to = a->to;
        ask->json_mode = a->json;
        ask->text_mode = a->text;
        ask->bytes = trib_buf_str(&a->raw);
        ask->units = a->to - a->from;
        trib_buf_clear(&ask->messages);
        trib_buf_add(&ask->messages, ask->bytes);
        durable_live_tell(ask);
        durable_module_count(ask->module, DURABLE_COUNT_ANNOUNCED, 1);
    }
}

static void send_all(durable_home *home, durable_round *round) {
    durable_delivery *fresh[DURABLE_ROUND_SENDS_MAX];
    size_t count = round->delivery_count;
    memcpy(fresh, round->deliveries, count * sizeof *fresh);
    round->delivery_count = 0;
    lock(home->rounds);
    for (size_t i = 0; i < count; i++) {
        fresh[i]->home = home;
        fresh[i]->task = (trib_send_task){.owner = home->id, .run = send_one};
        trib_list_push_back(&home->deliveries, &fresh[i]->link);
    }
    unlock(home->rounds);
    for (size_t i = 0; i < count; i++) trib_senders_add(home->rounds->app->senders, &fresh[i]->task);
}

/* Their outcome is in the database. */
static void drop_settled(durable_home *home) {
    lock(home->rounds);
    TRIB_LIST_EACH_SAFE(link, &home->deliveries) {
        durable_delivery *d = TRIB_LIST_ITEM(link, durable_delivery, link);
        bool is_settled = false;
        for (size_t i = 0; i < home->round.settled_count; i++) is_settled = is_settled || home->settled[i] == &d->sent;
        if (!is_settled) continue;
        trib_list_remove(link);
        durable_delivery_free(d);
    }
    unlock(home->rounds);
}

/* Lock not held; due_ns of a round that could not be made. */
static void end_round(durable_home *home, int64_t due_ns) {
    durable_rounds *rounds = home->rounds;
    trib_tenant_unref(home->tenant);
    home->tenant = NULL;
    durable_round_deinit(&home->round);
    lock(rounds);
    home->running = false;
    home->due_ns = due_ns;
    rounds->running--;
    if (home->again) make_ready(home);
    home->again = false;
    unlock(rounds);
}

static int64_t after_ms(const durable_rounds *rounds, int64_t ms) {
    return trib_env_mono_ns(rounds->app->env) + ms * 1000000;
}

/* The tick's. */
static void finished(trib_db_job *job) {
    durable_ask *ask = (durable_ask *)(void *)job;
    durable_round *round = ask->round;
    durable_home *home = (durable_home *)(void *)((char *)round - offsetof(durable_home, round));
    int64_t due_ns = after_ms(home->rounds, DURABLE_ROUND_RETRY_MS);
    if (job->code == TRIB_OK) {
        int64_t now_ms = trib_env_wall_ms(home->rounds->app->env), wait_ms = round->due_ms - now_ms;
        due_ns = round->due_ms == INT64_MAX ? INT64_MAX : after_ms(home->rounds, wait_ms > 0 ? wait_ms : 0);
        tell(ask, round);
        durable_module_count(ask->module, DURABLE_COUNT_SENT, round->ok);
        durable_module_count(ask->module, DURABLE_COUNT_FAILED, round->failed);
        durable_module_count(ask->module, DURABLE_COUNT_EXPIRED, round->expired);
        drop_settled(home);
        send_all(home, round);
    }
    end_round(home, due_ns);
    durable_ask_free(ask);
}

/* The tenant, if it is there; a reference. By its name as it was last, else by a walk over all. */
static trib_tenant *tenant_of(durable_home *home) {
    trib_control *control = home->rounds->app->control;
    trib_tenant *tenant = home->name[0] ? trib_control_find(control, trib_str_c(home->name)) : NULL;
    if (tenant && strcmp(tenant->id, home->id) == 0) return tenant;
    trib_tenant_unref(tenant);
    return trib_control_find_id(control, trib_str_c(home->id));
}

static void begin_round(durable_home *home) {
    durable_rounds *rounds = home->rounds;
    trib_tenant *tenant = tenant_of(home);
    bool blocked = tenant && (trib_tenant_get(tenant, TRIB_TENANT_BLOCK_READS) ||
                              trib_tenant_get(tenant, TRIB_TENANT_BLOCK_WRITES));
    home->tenant = tenant;
    if (!tenant || blocked) { /* one that was deleted and comes back is seen with its next append */
        end_round(home, tenant ? after_ms(rounds, DURABLE_ROUND_ABSENT_MS) : INT64_MAX);
        return;
    }
    durable_ask *ask = durable_ask_new(rounds->module, NULL, tenant);
    if (!ask) {
        end_round(home, after_ms(rounds, DURABLE_ROUND_RETRY_MS));
        return;
    }
    ask->op = DURABLE_APPEND;
    ask->writes = true;
    ask->body = body;
    ask->round = &home->round;
    home->round.ask = ask;
    home->round.tenant_name = atomic_load(&tenant->name);
    home->round.may_send = !atomic_load(&rounds->app->draining);
    ask->job = (trib_db_job){.app = rounds->app,
                             .tenant = tenant,
                             .access = TRIB_ACCESS_SYSTEM,
                             .work = durable_ask_work,
                             .finished = finished,
                             .unpublished = true};
    ask->job.job.home = trib_control_take_home(rounds->app->control);
    if (trib_db_job_submit(&ask->job, NULL) == TRIB_OK) return;
    trib_control_give_home(rounds->app->control);
    durable_ask_free(ask);
    end_round(home, after_ms(rounds, DURABLE_ROUND_RETRY_MS));
}

/* Lock held: what is to be settled, and who is being sent for. */
static void prepare(durable_home *home) {
    durable_round *round = &home->round;
    round->settled = home->settled;
    round->busy = home->busy;
    round->settled_count = round->busy_count = 0;
    TRIB_LIST_EACH(link, &home->deliveries) {
        const durable_delivery *d = TRIB_LIST_ITEM(link, durable_delivery, link);
        if (d->sent.is_over && round->settled_count < DURABLE_SUBS_PER_TENANT_MAX)
            home->settled[round->settled_count++] = &d->sent;
        else if (!d->sent.is_over && round->busy_count < DURABLE_SUBS_PER_TENANT_MAX)
            home->busy[round->busy_count++] = d->sent.sub;
    }
    home->running = true;
    home->again = false;
    home->rounds->running++;
}

/* Lock held. */
static void look_at_times(durable_rounds *rounds, int64_t now_ns) {
    size_t cursor = 0;
    void *value;
    if (now_ns < rounds->look_ns) return;
    rounds->look_ns = now_ns + (int64_t)DURABLE_ROUND_LOOK_MS * 1000000;
    while (trib_map_next(&rounds->homes, &cursor, NULL, &value)) {
        durable_home *home = value;
        if (home->due_ns <= now_ns && !home->running) make_ready(home);
    }
}

void durable_rounds_tick(durable_rounds *rounds) {
    durable_home *due[DURABLE_ROUNDS_MAX];
    size_t count = 0;
    int64_t now_ns = trib_env_mono_ns(rounds->app->env);
    if (atomic_load(&rounds->app->draining)) return;
    lock(rounds);
    look_at_times(rounds, now_ns);
    while (rounds->running < DURABLE_ROUNDS_MAX) {
        trib_list *link = trib_list_take_first(&rounds->ready);
        if (!link) break;
        due[count] = TRIB_LIST_ITEM(link, durable_home, ready);
        prepare(due[count++]);
    }
    unlock(rounds);
    for (size_t i = 0; i < count; i++) begin_round(due[i]);
}

/* ---- who has subscriptions ---- */

bool durable_rounds_knows(durable_rounds *rounds, const trib_tenant *tenant) {
    lock(rounds);
    bool known = find(rounds, tenant->id) != NULL;
    unlock(rounds);
    return known;
}

size_t durable_rounds_count(durable_rounds *rounds) {
    lock(rounds);
    size_t count = rounds->homes.count;
    unlock(rounds);
    return count;
}

static trib_code add(durable_rounds *rounds, trib_str id, const char *name, trib_error *err) {
    durable_home *home = calloc(1, sizeof *home);
    if (!home) return trib_error_set(err, TRIB_NOMEM, NULL);
    home->rounds = rounds;
    home->due_ns = INT64_MAX;
    trib_list_init(&home->ready);
    trib_list_init(&home->deliveries);
    trib_list_init(&home->round.announcements);
    snprintf(home->id, sizeof home->id, "%.*s", TRIB_STR_ARG(id));
    snprintf(home->name, sizeof home->name, "%s", name);
    trib_code code = trib_map_set(&rounds->homes, trib_str_c(home->id), home, NULL);
    if (code != TRIB_OK) free(home);
    return code == TRIB_OK ? code : trib_error_set(err, code, NULL);
}

trib_code durable_rounds_add(durable_rounds *rounds, const trib_tenant *tenant, trib_error *err) {
    lock(rounds);
    trib_code code = find(rounds, tenant->id) ? TRIB_OK : add(rounds, trib_str_c(tenant->id), tenant->name, err);
    unlock(rounds);
    return code;
}

void durable_rounds_nudge(durable_rounds *rounds, const trib_tenant *tenant) {
    lock(rounds);
    durable_home *home = find(rounds, tenant->id);
    if (home && !home->running) snprintf(home->name, sizeof home->name, "%s", (const char *)atomic_load(&tenant->name));
    if (home) make_ready(home);
    unlock(rounds);
}

/* ---- start and end ---- */

static trib_code take_home(void *ctx, const trib_stmt *stmt, trib_error *err) {
    trib_str id = trib_stmt_col_value(stmt, 0).bytes;
    return id.len <= TRIB_DB_ID_BYTES ? add(ctx, id, "", err) : TRIB_OK;
}

static trib_code load(void *ctx, trib_handle *handle, trib_error *err) {
    trib_code code = trib_db_start_run(
        handle, "CREATE TABLE IF NOT EXISTS _trib_durable_home(tenant TEXT PRIMARY KEY) WITHOUT ROWID", NULL, 0, NULL,
        NULL, err);
    if (code != TRIB_OK) return code;
    return trib_db_start_run(handle, "SELECT tenant FROM _trib_durable_home", NULL, 0, take_home, ctx, err);
}

/* The names of those that are noted; each gets a round. */
static void name_all(durable_rounds *rounds) {
    trib_tenant *page[PAGE];
    char after[TRIB_TENANT_NAME_BYTES + 1] = "";
    for (size_t count = PAGE; rounds->homes.count > 0 && count == PAGE;) {
        count = trib_control_list(rounds->app->control, trib_str_c(after), PAGE, page);
        for (size_t i = 0; i < count; i++) {
            durable_home *home = find(rounds, page[i]->id);
            snprintf(after, sizeof after, "%s", (const char *)atomic_load(&page[i]->name));
            if (home) {
                snprintf(home->name, sizeof home->name, "%s", after);
                make_ready(home);
            }
            trib_tenant_unref(page[i]);
        }
    }
}

trib_code durable_rounds_new(durable_module *module, trib_app *app, const trib_tenant *streams, durable_rounds **ret,
                             trib_error *err) {
    trib_hash_key seed;
    durable_rounds *rounds = calloc(1, sizeof *rounds);
    if (!rounds || !trib_env_random(app->env, &seed, sizeof seed)) {
        free(rounds);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    rounds->module = module;
    rounds->app = app;
    trib_list_init(&rounds->ready);
    trib_map_init(&rounds->homes, TRIB_MAP_BORROW_KEYS, seed);
    rounds->lock = trib_mutex_new(app->env);
    trib_code code = rounds->lock ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) code = trib_db_start(app, streams, load, rounds, err);
    if (code != TRIB_OK) {
        durable_rounds_free(rounds);
        return code;
    }
    name_all(rounds);
    *ret = rounds;
    return TRIB_OK;
}

static void free_home(durable_home *home) {
    TRIB_LIST_EACH_SAFE(link, &home->deliveries) durable_delivery_free(TRIB_LIST_ITEM(link, durable_delivery, link));
    durable_round_deinit(&home->round);
    free(home);
}

void durable_rounds_free(durable_rounds *rounds) {
    size_t cursor = 0;
    void *value;
    if (!rounds) return;
    while (trib_map_next(&rounds->homes, &cursor, NULL, &value)) free_home(value);
    trib_map_deinit(&rounds->homes);
    if (rounds->lock) trib_mutex_free(rounds->app->env, rounds->lock);
    free(rounds);
}
