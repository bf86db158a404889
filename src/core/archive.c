/* SPDX-License-Identifier: Apache-2.0 */
/* The archive's threads (archive.h).
 *
 *   archivers   take ids from a short list; who finds it empty fills it from _trib_archive, one at a time, after it has
 *               looked for streams that have ended long enough
 *   readers     take tasks in order
 *
 * Everything shared is under one lock; nothing blocks while it is held. */
#include "core/archive.h"

#include <stdlib.h>
#include <string.h>

#include "core/archive_int.h"
#include "core/control.h"
#include "core/db_job.h"
#include "core/db_start.h"
#include "core/metrics.h"

struct trib_archive {
    trib_app *app;
    trib_tenant *streams; /* the system database; the registry's */
    trib_mutex *writing;  /* held while one of its transactions writes: appends do not wait for more than one */
    trib_mutex *lock;
    trib_cond *changed; /* everything below */
    trib_thread *threads[TRIB_ARCHIVE_THREADS + TRIB_ARCHIVE_READERS];
    bool started, stopping, stopped;
    _Atomic bool ticked;

    trib_list tasks; /* trib_archive_task.link */
    uint32_t task_count;

    char *ids[TRIB_ARCHIVE_PAGE]; /* to be archived */
    uint32_t id_count, busy;      /* busy: archivers at work, or looking */
    bool looking, woken;
    int64_t look_ns, not_before_ns; /* the next look; and never before */
    int64_t sweep_ns;               /* the next page of the sweep */
    trib_buf swept;                 /* up to which id; by who looks */
    trib_archive_counts counts;
    struct trib_counter *archived, *bytes, *failed;
    int64_t next_line_ns; /* trib_archive_may_log */
    uint64_t unlogged;
};

static void lock(trib_archive *a) {
    trib_mutex_lock(a->app->env, a->lock);
}
static void unlock(trib_archive *a) {
    trib_mutex_unlock(a->app->env, a->lock);
}
static int64_t now_ns(const trib_archive *a) {
    return trib_env_mono_ns(a->app->env);
}

trib_app *trib_archive_app(const trib_archive *archive) {
    return archive->app;
}

const trib_objects *trib_archive_objects(const trib_archive *archive) {
    return &archive->app->objects;
}

static void start_threads(trib_archive *a);

/* ---- one transaction, waited for ---- */

typedef struct waited {
    trib_db_job job; /* first */
    trib_archive *archive;
    trib_stream_txn txn;
    trib_archive_body *body;
    void *ctx;
    bool done;
} waited;

static trib_code call_body(void *ctx, trib_error *err) {
    waited *w = ctx;
    return w->body(&w->txn, w->ctx, err);
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    waited *w = (waited *)(void *)job;
    return trib_stream_txn_run(&w->txn, job, handle, call_body, w, err);
}

static void finished(trib_db_job *job) {
    waited *w = (waited *)(void *)job;
    trib_archive *a = w->archive;
    lock(a);
    w->done = true;
    trib_cond_broadcast(a->app->env, a->changed);
    unlock(a);
}

trib_code trib_archive_txn(trib_archive *a, const trib_stream_txn *who, bool writes, trib_archive_body *body, void *ctx,
                           trib_error *err) {
    waited *w = calloc(1, sizeof *w);
    if (!w) return trib_error_set(err, TRIB_NOMEM, NULL);
    w->archive = a;
    w->txn = *who;
    w->txn.app = a->app;
    w->txn.writes = writes;
    w->txn.begun = false;
    w->txn.keeps_arena = true;
    w->body = body;
    w->ctx = ctx;
    w->job.app = a->app;
    w->job.tenant = a->streams;
    w->job.access = TRIB_ACCESS_SYSTEM;
    w->job.work = work;
    w->job.finished = finished;
    if (writes) trib_mutex_lock(a->app->env, a->writing);
    trib_code code = trib_db_job_submit(&w->job, err);
    if (code == TRIB_OK) {
        lock(a);
        while (!w->done) trib_cond_wait(a->app->env, a->changed, a->lock, -1);
        unlock(a);
        code = w->job.code;
        if (code != TRIB_OK && err) *err = w->job.err;
    }
    if (writes) trib_mutex_unlock(a->app->env, a->writing);
    free(w);
    return code;
}

/* ---- readers ---- */

trib_code trib_archive_submit(trib_archive *a, trib_archive_task *task, trib_error *err) {
    trib_code code = TRIB_OK;
    lock(a);
    if (a->stopping) code = trib_error_set(err, TRIB_SHUTTING_DOWN, NULL);
    else if (a->task_count >= TRIB_ARCHIVE_TASKS_MAX)
        code = trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                              "too many requests wait for the archive; its object store may be slow: try again later");
    else {
        a->task_count++;
        trib_list_init(&task->link);
        trib_list_push_back(&a->tasks, &task->link);
        start_threads(a);
        trib_cond_broadcast(a->app->env, a->changed);
    }
    unlock(a);
    return code;
}

static void read_for_others(void *arg) {
    trib_archive *a = arg;
    lock(a);
    for (;;) {
        while (!a->stopping && trib_list_is_empty(&a->tasks)) trib_cond_wait(a->app->env, a->changed, a->lock, -1);
        trib_list *first = trib_list_take_first(&a->tasks);
        if (!first) break;
        trib_archive_task *task = TRIB_LIST_ITEM(first, trib_archive_task, link);
        bool ending = a->stopping;
        a->task_count--;
        unlock(a);
        task->code = TRIB_OK;
        if (ending) task->code = trib_error_set(&task->err, TRIB_SHUTTING_DOWN, NULL);
        else task->run(task);
        task->job.home->post(task->job.home, &task->job); /* it is gone */
        lock(a);
    }
    unlock(a);
}

/* ---- archivers ---- */

typedef struct look {
    trib_archive *archive;
    int64_t now_ms, next_ms; /* when the first of those that rest is to be tried; 0: none rests */
    char *ids[TRIB_ARCHIVE_PAGE];
    uint32_t count;
    trib_archive_counts counts;
} look;

static trib_code take_id(void *ctx, const trib_stmt *stmt, trib_error *err) {
    look *l = ctx;
    trib_str id = trib_stmt_col_value(stmt, 0).bytes;
    char *copy = malloc(id.len + 1);
    if (!copy) return trib_error_set(err, TRIB_NOMEM, NULL);
    memcpy(copy, id.ptr, id.len);
    copy[id.len] = '\0';
    l->ids[l->count++] = copy;
    return TRIB_OK;
}

static trib_code take_count(void *ctx, const trib_stmt *stmt, trib_error *err) {
    look *l = ctx;
    (void)err;
    uint64_t count = (uint64_t)trib_stmt_col_value(stmt, 1).integer;
    if (trib_stmt_col_value(stmt, 0).integer == 1) l->counts.waiting = count;
    else l->counts.stopped = count;
    return TRIB_OK;
}

static trib_code take_next(void *ctx, const trib_stmt *stmt, trib_error *err) {
    look *l = ctx;
    (void)err;
    l->next_ms = trib_stmt_col_value(stmt, 0).integer; /* NULL: 0 */
    return TRIB_OK;
}

static trib_code look_body(trib_stream_txn *txn, void *ctx, trib_error *err) {
    look *l = ctx;
    trib_arg args[] = {trib_stream_integer(l->now_ms), trib_stream_integer(TRIB_ARCHIVE_PAGE)};
    trib_code code = trib_stmt_run(txn->handle,
                                   "SELECT streamId FROM _trib_archive WHERE todo = 1 AND next_ms <= ?1 AND lease_ms "
                                   "<= ?1 ORDER BY next_ms LIMIT ?2",
                                   args, 2, take_id, l, err);
    if (code == TRIB_OK)
        code =
            trib_stmt_run(txn->handle, "SELECT todo, count(*) FROM _trib_archive WHERE todo IS NOT NULL GROUP BY todo",
                          NULL, 0, take_count, l, err);
    if (code == TRIB_OK)
        code = trib_stmt_run(txn->handle,
                             "SELECT min(max(next_ms, lease_ms)) FROM _trib_archive WHERE todo = 1 AND (next_ms > ?1 "
                             "OR lease_ms > ?1)",
                             args, 1, take_next, l, err);
    return code;
}

/* One page of the sweep, if it is time; the next pages follow at once. */
static void sweep(trib_archive *a, int64_t *ret_next_ns) {
    int64_t older_ms = a->app->settings.archive_after_ms, now = now_ns(a);
    uint64_t asked = 0;
    trib_error err;
    if (older_ms == 0) {
        *ret_next_ns = INT64_MAX;
        return;
    }
    int64_t every_ms = older_ms / 4 < TRIB_ARCHIVE_SWEEP_MAX_MS ? older_ms / 4 : TRIB_ARCHIVE_SWEEP_MAX_MS;
    if (every_ms < TRIB_ARCHIVE_RETRY_MS) every_ms = TRIB_ARCHIVE_RETRY_MS;
    if (now >= a->sweep_ns) {
        trib_code code = trib_archive_sweep(a, &a->swept, older_ms, &asked, &err);
        if (code != TRIB_OK && code != TRIB_SHUTTING_DOWN)
            trib_log_event(a->app->log, TRIB_LOG_WARN, "archive_sweep_failed", TRIB_LOG_ERR(&err));
        a->sweep_ns = now + (code == TRIB_OK && a->swept.len ? 0 : every_ms * 1000000);
    }
    *ret_next_ns = a->sweep_ns;
}

/* Without the lock; only one looks at a time. */
static void look_around(trib_archive *a) {
    look l = {.archive = a, .now_ms = trib_env_wall_ms(a->app->env)};
    trib_arena arena;
    trib_error err;
    int64_t next_ns;
    trib_arena_init(&arena, TRIB_ARCHIVE_ARENA_MAX_BYTES);
    sweep(a, &next_ns);
    trib_stream_txn who = {.app = a->app, .arena = &arena};
    trib_code code = trib_archive_txn(a, &who, false, look_body, &l, &err);
    trib_arena_deinit(&arena);
    if (code == TRIB_OK && l.next_ms > l.now_ms) {
        int64_t rest_ns = now_ns(a) + (l.next_ms - l.now_ms) * 1000000;
        if (rest_ns < next_ns) next_ns = rest_ns;
    }
    if (code != TRIB_OK) next_ns = now_ns(a) + TRIB_ARCHIVE_RETRY_MS * 1000000;
    lock(a);
    if (code == TRIB_OK) a->counts = l.counts;
    while (l.count) a->ids[a->id_count++] = l.ids[--l.count]; /* the list was empty, and nobody else fills it */
    a->look_ns = a->id_count == TRIB_ARCHIVE_PAGE ? 0 : next_ns;
    unlock(a);
}

bool trib_archive_may_log(trib_archive *a, uint64_t *ret_more) {
    lock(a);
    int64_t now = now_ns(a);
    bool may = now >= a->next_line_ns;
    *ret_more = a->unlogged;
    a->unlogged = may ? 0 : a->unlogged + 1;
    if (may) a->next_line_ns = now + (int64_t)TRIB_ARCHIVE_LOG_MS * 1000000;
    unlock(a);
    return may;
}

static void account(trib_archive *a, trib_archive_end end, uint64_t bytes) {
    if (end == TRIB_ARCHIVE_END_DONE && a->archived) {
        trib_counter_add(a->archived, 1);
        trib_counter_add(a->bytes, bytes);
    }
    if (end != TRIB_ARCHIVE_END_LATER && end != TRIB_ARCHIVE_END_ALARM) return;
    if (a->failed) trib_counter_add(a->failed, 1);
    /* a look must tell when it is tried again, and how many are stopped */
    a->woken = true;
    a->not_before_ns = now_ns(a) + TRIB_ARCHIVE_RETRY_MS * 1000000;
}

static void archive_one(trib_archive *a, char *id) {
    uint64_t bytes = 0;
    trib_archive_end end = trib_archive_step(a, trib_str_c(id), &bytes);
    free(id);
    lock(a);
    account(a, end, bytes);
    a->busy--;
    if (a->id_count == 0 && a->busy == 0) a->woken = true; /* the counts have changed */
    trib_cond_broadcast(a->app->env, a->changed);
    unlock(a);
}

static void archive_streams(void *arg) {
    trib_archive *a = arg;
    lock(a);
    while (!a->stopping) {
        int64_t now = now_ns(a), at = a->woken ? a->not_before_ns : a->look_ns;
        if (at < a->not_before_ns) at = a->not_before_ns;
        if (a->id_count) {
            char *id = a->ids[--a->id_count];
            a->busy++;
            unlock(a);
            archive_one(a, id);
            lock(a);
        } else if (!a->looking && now >= at) {
            a->looking = true;
            a->woken = false;
            unlock(a);
            look_around(a);
            lock(a);
            a->looking = false;
            trib_cond_broadcast(a->app->env, a->changed);
        } else {
            trib_cond_wait(a->app->env, a->changed, a->lock, a->looking || at == INT64_MAX ? -1 : at - now);
        }
    }
    unlock(a);
}

void trib_archive_wake(trib_archive *a) {
    lock(a);
    a->woken = true;
    start_threads(a);
    trib_cond_broadcast(a->app->env, a->changed);
    unlock(a);
}

bool trib_archive_settle(trib_archive *a, int64_t timeout_ms) {
    int64_t until_ns = now_ns(a) + timeout_ms * 1000000;
    bool idle = false;
    trib_archive_wake(a);
    lock(a);
    while (!(idle = !a->woken && !a->looking && a->busy == 0 && a->id_count == 0)) {
        int64_t left_ns = until_ns - now_ns(a);
        if (left_ns <= 0) break;
        trib_cond_wait(a->app->env, a->changed, a->lock, left_ns);
    }
    unlock(a);
    return idle;
}

trib_archive_counts trib_archive_count(const trib_archive *archive) {
    trib_archive *a = (trib_archive *)(uintptr_t)archive;
    lock(a);
    trib_archive_counts counts = a->counts;
    unlock(a);
    return counts;
}

/* ---- start and end ---- */

static double read_waiting(void *ctx) {
    return (double)trib_archive_count(ctx).waiting;
}

static double read_stopped(void *ctx) {
    return (double)trib_archive_count(ctx).stopped;
}

static void add_metrics(trib_archive *a) {
    trib_metrics *m = a->app->metrics;
    if (!m) return;
    a->archived = trib_metrics_add_counter(m, "trib_archive_streams", "Streams that were moved into objects", NULL);
    a->bytes = trib_metrics_add_counter(m, "trib_archive_bytes", "Bytes of these objects", NULL);
    a->failed = trib_metrics_add_counter(m, "trib_archive_failures", "Tries to archive a stream that failed", NULL);
    trib_metrics_add_gauge(m, "trib_archive_backlog", "Streams that wait to be archived, or are under way", NULL,
                           read_waiting, a);
    trib_metrics_add_gauge(m, "trib_archive_stopped", "Streams whose archiving has stopped until somebody looks", NULL,
                           read_stopped, a);
}

static trib_code make_tables(void *ctx, trib_handle *handle, trib_error *err) {
    (void)ctx;
    return trib_archive_make_tables(handle, err);
}

/* Not before there is something to do: until all modules have started, the turn of the database is theirs. Under the
 * lock. */
static void start_threads(trib_archive *a) {
    const trib_env *env = a->app->env;
    if (a->started || a->stopping) return;
    a->started = true;
    for (size_t i = 0; i < TRIB_ARCHIVE_THREADS + TRIB_ARCHIVE_READERS; i++) {
        bool reads = i >= TRIB_ARCHIVE_THREADS;
        a->threads[i] = env->thread_start(env->ctx, reads ? "trib-arc-read" : "trib-archive",
                                          reads ? read_for_others : archive_streams, a);
        if (a->threads[i]) continue;
        trib_log_event(a->app->log, TRIB_LOG_ERROR, "archive_without_threads", TRIB_LOG_U("started", i));
        return;
    }
}

static void tick(void *ctx) {
    trib_archive *a = ctx;
    if (atomic_exchange(&a->ticked, true)) return;
    lock(a);
    start_threads(a);
    unlock(a);
}

trib_code trib_archive_new(trib_app *app, trib_archive **ret, trib_error *err) {
    trib_archive *a = calloc(1, sizeof *a);
    if (!a) return trib_error_set(err, TRIB_NOMEM, NULL);
    a->app = app;
    trib_list_init(&a->tasks);
    trib_buf_init(&a->swept, TRIB_STREAM_ID_MAX_BYTES * 8);
    a->writing = trib_mutex_new(app->env);
    a->lock = trib_mutex_new(app->env);
    a->changed = trib_cond_new(app->env);
    trib_code code = a->writing && a->lock && a->changed ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) code = trib_control_find_system(app->control, "streams", &a->streams, err);
    if (code == TRIB_OK) code = trib_db_start(app, a->streams, make_tables, NULL, err);
    if (code == TRIB_OK && !trib_app_add_ticker(app, tick, a))
        code = trib_error_set(err, TRIB_INTERNAL, "there is no room for the archive's ticks");
    if (code == TRIB_OK) {
        add_metrics(a);
        *ret = a;
    } else trib_archive_free(a);
    return code;
}

void trib_archive_stop(trib_archive *a) {
    if (!a || a->stopped) return;
    const trib_env *env = a->app->env;
    a->stopped = true;
    if (a->app->objects.stop) a->app->objects.stop(a->app->objects.ctx);
    if (a->lock && a->changed) {
        lock(a);
        a->stopping = true;
        trib_cond_broadcast(env, a->changed);
        unlock(a);
    }
    for (size_t i = 0; i < TRIB_ARCHIVE_THREADS + TRIB_ARCHIVE_READERS; i++)
        if (a->threads[i]) env->thread_join(env->ctx, a->threads[i]);
}

void trib_archive_free(trib_archive *a) {
    if (!a) return;
    trib_archive_stop(a);
    while (a->id_count) free(a->ids[--a->id_count]);
    trib_buf_deinit(&a->swept);
    trib_cond_free(a->app->env, a->changed);
    trib_mutex_free(a->app->env, a->lock);
    trib_mutex_free(a->app->env, a->writing);
    free(a);
}
