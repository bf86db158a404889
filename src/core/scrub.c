/* SPDX-License-Identifier: Apache-2.0 */
/* The scrub; see scrub.h. The tick thread drives it; a worker has the piece between submit and finished, and touches
 * nothing but `check` and what `work` says. Everything that others ask for is in `status`, under the lock. */
#include "core/scrub.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/control_int.h"
#include "core/metrics.h"
#include "store/quarantine.h"

enum {
    PAGE_OF_NAMES = 256,
    STATE_MAX_BYTES = 4096,
    BUSY_RETRY_MS = 1000 /* a tenant whose queue is full */
};
static const char state_name[] = "scrub.state";

struct trib_scrub {
    trib_app *app;
    trib_mutex *lock;
    trib_scrub_status status; /* under lock */
    bool stopping;            /* under lock */

    /* the tick thread's */
    char after[TRIB_TENANT_NAME_BYTES + 1]; /* names up to here are done */
    trib_tenant *page[PAGE_OF_NAMES];
    size_t page_count, page_at;
    trib_tenant *only; /* one tenant instead of all */
    bool self_done;    /* the registry's own database, before the first name */
    trib_tenant *now;
    bool under_way;
    int64_t not_before_ns, saved_ns, scheduled_ns;
    uint64_t piece_bytes; /* of the piece that has come home */

    /* the worker's while a piece is under way */
    trib_db_job job;
    trib_db_check check;
    struct trib_counter *databases, *bytes, *damaged;
};

static void lock(trib_scrub *s) {
    trib_mutex_lock(s->app->env, s->lock);
}
static void unlock(trib_scrub *s) {
    trib_mutex_unlock(s->app->env, s->lock);
}

/* ---- the state on disk ---- */

/* Best effort: without it a restart begins anew. */
static void save(trib_scrub *s) {
    trib_buf text;
    trib_buf_init(&text, STATE_MAX_BYTES);
    lock(s);
    bool goes_on = s->status.running && s->status.all;
    trib_buf_printf(&text, "full_ms %" PRId64 "\nbegan_ms %" PRId64 "\n", s->status.full_ms, s->status.began_ms);
    if (goes_on)
        trib_buf_printf(&text,
                        "running %s\nrate %" PRIu64 "\ndatabases %" PRIu64 "\nbytes %" PRIu64 "\ndamaged %" PRIu64 "\n",
                        s->status.scheduled ? "scheduled" : "asked", s->status.bytes_per_s, s->status.databases,
                        s->status.bytes, s->status.damaged);
    if (goes_on && s->after[0]) trib_buf_printf(&text, "after %s\n", s->after);
    unlock(s);
    if (!text.failed) (void)trib_store_note_set(s->app->store, state_name, trib_buf_str(&text), NULL);
    trib_buf_deinit(&text);
    s->saved_ns = trib_env_mono_ns(s->app->env);
}

static void take_line(trib_scrub *s, trib_str key, trib_str value) {
    trib_scrub_status *st = &s->status;
    uint64_t number = 0;
    bool is_number = trib_str_u64(value, &number) && number <= INT64_MAX;
    if (trib_str_eq_c(key, "running")) {
        st->running = st->all = true;
        st->scheduled = trib_str_eq_c(value, "scheduled");
    } else if (trib_str_eq_c(key, "after") && value.len <= TRIB_TENANT_NAME_BYTES) {
        snprintf(s->after, sizeof s->after, "%.*s", TRIB_STR_ARG(value));
    } else if (is_number) {
        if (trib_str_eq_c(key, "full_ms")) st->full_ms = (int64_t)number;
        if (trib_str_eq_c(key, "began_ms")) st->began_ms = (int64_t)number;
        if (trib_str_eq_c(key, "rate")) st->bytes_per_s = number;
        if (trib_str_eq_c(key, "databases")) st->databases = number;
        if (trib_str_eq_c(key, "bytes")) st->bytes = number;
        if (trib_str_eq_c(key, "damaged")) st->damaged = number;
    }
}

static void load(trib_scrub *s) {
    trib_buf text;
    bool found = false;
    trib_buf_init(&text, STATE_MAX_BYTES);
    trib_code code = trib_store_note_get(s->app->store, state_name, &text, &found, NULL);
    trib_str rest = code == TRIB_OK && found ? trib_buf_str(&text) : (trib_str){0};
    while (rest.len) {
        size_t end = trib_str_find(rest, '\n');
        trib_str line = trib_str_sub(rest, 0, end == SIZE_MAX ? rest.len : end);
        size_t space = trib_str_find(line, ' ');
        rest = trib_str_sub(rest, line.len + 1, rest.len);
        if (space != SIZE_MAX) take_line(s, trib_str_sub(line, 0, space), trib_str_sub(line, space + 1, line.len));
    }
    trib_buf_deinit(&text);
    s->self_done = s->after[0] != '\0';
    if (s->status.began_ms) return;
    s->status.began_ms = trib_env_wall_ms(s->app->env); /* a new folder is not checked in its first minute */
    save(s); /* who is only ever killed must come to the end of the time, too */
}

/* ---- start and end ---- */

static double read_running(void *ctx) {
    trib_scrub *s = ctx;
    lock(s);
    bool running = s->status.running;
    unlock(s);
    return running;
}

static double read_full(void *ctx) {
    trib_scrub *s = ctx;
    lock(s);
    int64_t full_ms = s->status.full_ms;
    unlock(s);
    return (double)full_ms / 1000;
}

static double read_quarantined(void *ctx) {
    const trib_scrub *s = ctx;
    return s->app->store ? (double)trib_store_count_quarantined(s->app->store) : 0;
}

static void add_metrics(trib_scrub *s) {
    trib_metrics *m = s->app->metrics;
    if (!m) return;
    s->databases = trib_metrics_add_counter(m, "trib_scrub_databases", "Databases that a scrub has checked", NULL);
    s->bytes = trib_metrics_add_counter(m, "trib_scrub_read_bytes", "Bytes that scrubs have read, about", NULL);
    s->damaged = trib_metrics_add_counter(m, "trib_scrub_damaged", "Databases that a scrub found damaged", NULL);
    trib_metrics_add_gauge(m, "trib_scrub_running", "1 while a scrub is under way", NULL, read_running, s);
    trib_metrics_add_gauge(m, "trib_scrub_full_timestamp_seconds",
                           "When the last scrub of all databases ended; 0: never", NULL, read_full, s);
    trib_metrics_add_gauge(m, "trib_databases_quarantined", "Databases that were taken out of service since the start",
                           NULL, read_quarantined, s);
}

static void count(struct trib_counter *counter, uint64_t n) {
    if (counter && n) trib_counter_add(counter, n);
}

trib_code trib_scrub_new(trib_app *app, trib_scrub **ret, trib_error *err) {
    trib_scrub *s = calloc(1, sizeof *s);
    if (!s) return trib_error_set(err, TRIB_NOMEM, NULL);
    s->app = app;
    s->lock = trib_mutex_new(app->env);
    if (!s->lock) {
        free(s);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    load(s);
    add_metrics(s);
    *ret = s;
    return TRIB_OK;
}

static void drop_page(trib_scrub *s) {
    while (s->page_at < s->page_count) trib_tenant_unref(s->page[s->page_at++]);
    s->page_at = s->page_count = 0;
}

void trib_scrub_free(trib_scrub *s) {
    if (!s) return;
    save(s);
    drop_page(s);
    trib_tenant_unref(s->now);
    trib_tenant_unref(s->only);
    trib_mutex_free(s->app->env, s->lock);
    free(s);
}

trib_code trib_scrub_start(trib_scrub *s, trib_tenant *tenant, trib_str after, uint64_t bytes_per_s, trib_error *err) {
    lock(s);
    bool running = s->status.running;
    if (!running) { /* nothing is under way: the tick touches none of this */
        int64_t full_ms = s->status.full_ms;
        s->status = (trib_scrub_status){.running = true,
                                        .all = tenant == NULL,
                                        .bytes_per_s = bytes_per_s,
                                        .began_ms = trib_env_wall_ms(s->app->env),
                                        .full_ms = full_ms};
        snprintf(s->after, sizeof s->after, "%.*s", (int)trib_str_sub(after, 0, TRIB_TENANT_NAME_BYTES).len,
                 after.ptr ? after.ptr : "");
        s->self_done = s->after[0] != '\0';
        s->only = trib_tenant_ref(tenant);
        s->stopping = false;
        s->not_before_ns = 0;
    }
    unlock(s);
    return running ? trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                                    "a scrub is under way; `trib scrub --status` shows it, `trib scrub --stop` ends it")
                   : TRIB_OK;
}

void trib_scrub_stop(trib_scrub *s) {
    lock(s);
    s->stopping = s->status.running;
    unlock(s);
}

void trib_scrub_get(trib_scrub *s, trib_scrub_status *ret) {
    lock(s);
    *ret = s->status;
    unlock(s);
}

/* The tick's: nothing is under way. */
static void end(trib_scrub *s, bool stopped) {
    drop_page(s);
    trib_tenant_unref(s->now);
    trib_tenant_unref(s->only);
    s->now = s->only = NULL;
    s->after[0] = '\0';
    s->self_done = false;
    lock(s);
    trib_scrub_status *st = &s->status;
    st->running = false;
    st->stopped = stopped;
    st->ended_ms = trib_env_wall_ms(s->app->env);
    if (st->all && !stopped) st->full_ms = st->ended_ms;
    s->stopping = false;
    trib_log_event(s->app->log, st->damaged ? TRIB_LOG_WARN : TRIB_LOG_INFO, "scrub_ended",
                   TRIB_LOG_U("databases", st->databases), TRIB_LOG_U("bytes", st->bytes),
                   TRIB_LOG_U("damaged", st->damaged), TRIB_LOG_U("told", st->told), TRIB_LOG_U("skipped", st->skipped),
                   TRIB_LOG_U("failed", st->failed), TRIB_LOG_I("stopped", stopped));
    unlock(s);
    save(s);
}

/* ---- one piece ---- */

static trib_scrub *of_job(trib_db_job *job) {
    return (trib_scrub *)(void *)((char *)job - offsetof(trib_scrub, job));
}

/* Lock held. */
static void add_finding(trib_scrub *s, const char *kind, const char *text) {
    trib_scrub_status *st = &s->status;
    if (st->finding_count == TRIB_SCRUB_FINDINGS_MAX) return;
    trib_scrub_finding *f = &st->findings[st->finding_count++];
    snprintf(f->tenant, sizeof f->tenant, "%s", st->tenant);
    snprintf(f->text, sizeof f->text, "%s", text);
    f->kind = kind;
    f->at_ms = trib_env_wall_ms(s->app->env);
}

/* Lock not held. */
static void tell(trib_scrub *s, const char *kind, uint64_t *counter, const char *text) {
    lock(s);
    ++*counter;
    add_finding(s, kind, text);
    unlock(s);
    trib_log_event(s->app->log, TRIB_LOG_WARN, "scrub_found", TRIB_LOG_C("tenant", s->status.tenant),
                   TRIB_LOG_C("kind", kind), TRIB_LOG_C("text", text));
}

/* On a worker: pieces of this database until it is one MiB, or its end. */
static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    trib_scrub *s = of_job(job);
    trib_code code = trib_db_job_take_pending(job, err);
    s->piece_bytes = 0;
    while (code == TRIB_OK && s->check.phase != TRIB_CHECK_DONE && s->piece_bytes < TRIB_CHECK_PIECE_BYTES) {
        code = trib_db_check_piece(handle, &s->check, err);
        s->piece_bytes += s->check.bytes;
        if (s->check.told) tell(s, "index", &s->status.told, s->check.text);
        if (s->check.skipped) tell(s, "skipped", &s->status.skipped, s->check.text);
        if (s->check.damaged) tell(s, "damaged", &s->status.damaged, s->check.text);
    }
    return code;
}

static void next_tenant(trib_scrub *s) {
    if (s->now && s->now != s->app->control->self && !s->only)
        snprintf(s->after, sizeof s->after, "%s", (const char *)s->now->name);
    trib_tenant_unref(s->now);
    s->now = NULL;
    s->check = (trib_db_check){0};
}

/* On the tick. */
static void finished(trib_db_job *job) {
    trib_scrub *s = of_job(job);
    bool again = job->code == TRIB_TOO_MANY_REQUESTS || job->code == TRIB_OVERLOADED;
    bool whole = job->code == TRIB_OK && s->check.phase == TRIB_CHECK_DONE;
    int64_t now_ns = trib_env_mono_ns(s->app->env);
    s->under_way = false;
    lock(s);
    uint64_t rate = s->status.bytes_per_s;
    s->status.bytes += s->piece_bytes;
    s->status.databases += whole || s->check.damaged;
    bool failed = job->code != TRIB_OK && !again && !s->check.damaged && !atomic_load(&s->now->deleted) &&
                  job->code != TRIB_DATABASE_QUARANTINED;
    if (failed) {
        s->status.failed++;
        add_finding(s, "failed", job->err.message);
    }
    unlock(s);
    count(s->bytes, s->piece_bytes);
    count(s->databases, whole || s->check.damaged);
    count(s->damaged, s->check.damaged);
    s->not_before_ns = now_ns + (again ? (int64_t)BUSY_RETRY_MS * 1000000 : 0);
    if (rate) s->not_before_ns += (int64_t)((double)s->piece_bytes / (double)rate * 1e9);
    if (job->code != TRIB_OK && !again) next_tenant(s); /* damaged, out of service already, deleted, unreadable */
    else if (whole) next_tenant(s);
    if (now_ns - s->saved_ns > (int64_t)TRIB_SCRUB_SAVE_MS * 1000000) save(s);
}

/* The next database in s->now; false: there is none. */
static bool find_next(trib_scrub *s) {
    trib_control *control = s->app->control;
    if (s->only) {
        lock(s);
        bool first = s->status.tenant[0] == '\0';
        unlock(s);
        s->now = first ? trib_tenant_ref(s->only) : NULL;
        return first;
    }
    if (!s->self_done) {
        s->self_done = true;
        s->now = trib_tenant_ref(control->self);
        return true;
    }
    if (s->page_at == s->page_count) {
        s->page_at = 0;
        s->page_count = trib_control_list(control, trib_str_c(s->after), PAGE_OF_NAMES, s->page);
    }
    if (s->page_at == s->page_count) return false;
    s->now = s->page[s->page_at++];
    return true;
}

static void submit(trib_scrub *s) {
    trib_control *control = s->app->control;
    memset(&s->job, 0, sizeof s->job);
    s->job.app = s->app;
    s->job.tenant = s->now;
    s->job.access = TRIB_ACCESS_SYSTEM;
    s->job.work = work;
    s->job.finished = finished;
    s->job.job.home = trib_control_take_home(control);
    s->under_way = true;
    s->piece_bytes = 0;
    if (trib_db_job_submit(&s->job, NULL) == TRIB_OK) return;
    trib_control_give_home(control);
    s->under_way = false;
    s->not_before_ns = trib_env_mono_ns(s->app->env) + (int64_t)BUSY_RETRY_MS * 1000000;
}

/* ---- the tick ---- */

static void look_at_schedule(trib_scrub *s) {
    int64_t now_ns = trib_env_mono_ns(s->app->env);
    if (!s->app->settings.scrub_every_ms || now_ns < s->scheduled_ns) return;
    s->scheduled_ns = now_ns + INT64_C(1000000000);
    lock(s);
    bool due = trib_env_wall_ms(s->app->env) - s->status.began_ms >= (int64_t)s->app->settings.scrub_every_ms;
    unlock(s);
    if (!due || trib_scrub_start(s, NULL, (trib_str){0}, s->app->settings.scrub_bytes_per_s, NULL) != TRIB_OK) return;
    lock(s);
    s->status.scheduled = true;
    unlock(s);
    save(s);
}

void trib_scrub_tick(trib_scrub *s) {
    if (!s || s->under_way) return;
    lock(s);
    bool running = s->status.running, stopping = s->stopping;
    unlock(s);
    if (!running) {
        look_at_schedule(s);
        return;
    }
    if (stopping || (!s->now && !find_next(s))) {
        end(s, stopping);
        return;
    }
    if (atomic_load(&s->now->deleted)) {
        next_tenant(s);
        return;
    }
    if (trib_env_mono_ns(s->app->env) < s->not_before_ns || atomic_load(&s->app->draining)) return;
    lock(s);
    snprintf(s->status.tenant, sizeof s->status.tenant, "%s", (const char *)s->now->name);
    unlock(s);
    submit(s);
}
