/* SPDX-License-Identifier: Apache-2.0 */
/* Starts and stops the parts of the running server in order; see app.h. */
#include "core/app.h"

#include <stdio.h>
#include <string.h>

#include "core/archive.h"
#include "core/auth.h"
#include "core/commands.h"
#include "core/control.h"
#include "core/metrics.h"
#include "core/motion_write.h"
#include "core/outbox.h"
#include "core/scrub.h"
#include "core/senders.h"
#include "core/session.h"

static double read_tenants(void *ctx) {
    const trib_app *app = ctx;
    return app->control ? (double)trib_control_count(app->control) : 0;
}

static double read_sessions(void *ctx) {
    const trib_app *app = ctx;
    return app->sessions ? (double)trib_sessions_count(app->sessions) : 0;
}

static double read_moving(void *ctx) {
    const trib_app *app = ctx;
    return app->motion ? (double)trib_motion_count(app->motion) : 0;
}

static double read_stuck(void *ctx) {
    const trib_app *app = ctx;
    return app->workers ? (double)trib_workers_count_stuck(app->workers) : 0;
}

static const char *const sync_kinds[TRIB_APP_SYNCS] = {"streams", "discovery", "control", "tenants"};

static void add_sync_metrics(trib_app *app) {
    char labels[48];
    for (size_t i = 0; i < TRIB_APP_SYNCS; i++) {
        snprintf(labels, sizeof labels, "database=\"%s\"", sync_kinds[i]);
        app->counters.syncs[i] =
            trib_metrics_add_counter(app->metrics, "trib_syncs", "Syncs of logs to the disk that went well", labels);
    }
    for (size_t i = 0; i < TRIB_APP_SYNCS; i++) {
        snprintf(labels, sizeof labels, "database=\"%s\"", sync_kinds[i]);
        app->counters.synced_commits[i] =
            trib_metrics_add_counter(app->metrics, "trib_synced_commits", "Commits that these made durable", labels);
    }
    for (size_t i = 0; i < TRIB_APP_SYNCS; i++) {
        snprintf(labels, sizeof labels, "database=\"%s\"", sync_kinds[i]);
        app->counters.sync_seconds[i] =
            trib_metrics_add_histogram(app->metrics, "trib_sync_seconds", "How long the disk took for each", labels);
    }
}

static void count_sync(void *ctx, const char *db_id, uint64_t commits, int64_t took_ns) {
    const trib_app *app = ctx;
    size_t i = 0;
    while (i < TRIB_APP_SYNC_TENANTS && strcmp(db_id, sync_kinds[i]) != 0) i++;
    if (!app->counters.syncs[i]) return;
    trib_counter_add(app->counters.syncs[i], 1);
    trib_counter_add(app->counters.synced_commits[i], commits);
    trib_histogram_add_us(app->counters.sync_seconds[i], (uint64_t)took_ns / 1000);
}

/* Of all tenants together: a label per tenant would be a series per tenant, and there may be 220,000. */
static void add_metrics(trib_app *app) {
    trib_metrics *m = app->metrics;
    app->counters = (trib_app_counters){
        .requests = trib_metrics_add_counter(m, "trib_tenant_requests", "Pipelines and cursors run for tenants", NULL),
        .rows_read = trib_metrics_add_counter(m, "trib_rows_read", "Rows read by tenants' statements", NULL),
        .rows_written = trib_metrics_add_counter(
            m, "trib_rows_written", "Rows changed by tenants' INSERT, UPDATE and DELETE, triggers apart", NULL)};
    add_sync_metrics(app);
    trib_mistakes_init(&app->mistakes, m);
    trib_metrics_add_gauge(m, "trib_tenants", "Tenants, with the system databases", NULL, read_tenants, app);
    trib_metrics_add_gauge(m, "trib_sessions", "Sessions that a baton can find", NULL, read_sessions, app);
    trib_metrics_add_gauge(m, "trib_moving_points", "Points whose position is known in memory", NULL, read_moving, app);
    trib_metrics_add_gauge(m, "trib_workers_stuck", "Workers in one job for more than 50 ms", NULL, read_stuck, app);
}

trib_code trib_app_start(trib_app *app, trib_error *err) {
    if (app->metrics) add_metrics(app);
    trib_store_config config = {.data_dir = app->settings.data_dir,
                                .base_vfs = app->settings.base_vfs,
                                .disk = app->settings.disk,
                                .max_open_dbs = app->settings.open_databases,
                                .on_commit = trib_commits_tell,
                                .on_commit_ctx = &app->commits,
                                .on_sync = count_sync,
                                .on_sync_ctx = app};
    trib_code code = app->stream_types ? TRIB_OK : trib_deal_registry_init(&app->built_in_types, err);
    if (!app->stream_types) app->stream_types = &app->built_in_types;
    if (code == TRIB_OK) code = trib_commits_init(&app->commits, app->env, err);
    if (code == TRIB_OK) code = trib_store_new(&config, app->env, app->log, &app->store, err);
    if (code == TRIB_OK) code = trib_workers_new(app->env, app->settings.worker_threads, &app->workers, err);
    if (code == TRIB_OK) code = trib_control_open(app, &app->control, err);
    if (code == TRIB_OK) code = trib_commands_open(app, &app->commands, err);
    if (code == TRIB_OK && !app->settings.admin_key && !app->settings.no_auth) {
        app->settings.admin_key = trib_control_admin_key(app->control);
    }
    if (code == TRIB_OK) code = trib_auth_new(app, &app->auth, err);
    if (code == TRIB_OK) code = trib_sessions_new(app, &app->sessions, err);
    if (code == TRIB_OK) code = trib_scrub_new(app, &app->scrub, err);
    if (code == TRIB_OK) code = trib_outbox_new(app->env, &app->outbox, err);
    if (code == TRIB_OK) code = trib_motion_new(app->env, &app->motion, err);
    if (code == TRIB_OK) code = trib_motion_writer_new(app, &app->motion_writer, err);
    if (code == TRIB_OK) code = trib_senders_new(app, &app->senders, err);
    if (code != TRIB_OK) trib_app_stop(app);
    return code;
}

void trib_app_stop(trib_app *app) {
    trib_archive_stop(app->archive); /* its threads wait for jobs of the workers */
    trib_commands_drain(app->commands);
    trib_senders_stop(app->senders);
    trib_workers_stop(app->workers);
    trib_motion_writer_flush(app->motion_writer);
    trib_sessions_free(app->sessions);
    trib_auth_free(app->auth);
    trib_commands_stop(app->commands);
    trib_control_close(app->control);
    trib_scrub_free(app->scrub);
    trib_motion_writer_free(app->motion_writer); /* control has ended its jobs */
    trib_motion_free(app->motion);
    trib_outbox_free(app->outbox);
    trib_senders_free(app->senders);
    trib_workers_free(app->workers);
    trib_store_free(app->store);
    trib_commands_free(app->commands);
    trib_commits_deinit(&app->commits);
    if (app->stream_types == &app->built_in_types) {
        trib_deal_registry_deinit(&app->built_in_types);
        app->stream_types = NULL;
    }
    app->workers = NULL;
    app->sessions = NULL;
    app->auth = NULL;
    app->control = NULL;
    app->scrub = NULL;
    app->commands = NULL;
    app->motion = NULL;
    app->outbox = NULL;
    app->motion_writer = NULL;
    app->senders = NULL;
    app->store = NULL;
}

void trib_app_tick(trib_app *app) {
    trib_workers_tick(app->workers);
    trib_sessions_tick(app->sessions);
    trib_control_tick(app->control);
    trib_commands_tick(app->commands);
    trib_scrub_tick(app->scrub);
    trib_motion_writer_tick(app->motion_writer);
    trib_store_tick(app->store);
    /* a timer that fires before the module of its action is there would be lost */
    if (atomic_load(&app->starting)) return;
    uint32_t count = atomic_load_explicit(&app->ticker_count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++) app->tickers[i].tick(app->tickers[i].ctx);
}

bool trib_app_add_ticker(trib_app *app, void (*tick)(void *ctx), void *ctx) {
    uint32_t count = atomic_load_explicit(&app->ticker_count, memory_order_relaxed);
    if (count == TRIB_APP_TICKERS_MAX) return false;
    app->tickers[count] = (trib_app_ticker){tick, ctx};
    atomic_store_explicit(&app->ticker_count, count + 1, memory_order_release); /* the ticks have begun */
    return true;
}
