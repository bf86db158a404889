/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, waiting, draining and stopping; see serve.h. Order of the end: listeners and connections, workers and
 * store, loops; so that every job finds the loop that it comes home to. */
#include "server/serve.h"

#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/control.h"
#include "core/metrics.h"
#include "core/session.h"
#include "io/env_native.h"
#include "io/listener.h"
#include "io/systemd.h"
#include "net/server.h"
#include "server/certs.h"
#include "server/modules.h"
#include "server/objects.h"
#include "server/outbound.h"
#include "server/process.h"
#include "server/server_file.h"
#include "server/stream_types.h"
#include "wire/jwt.h"

enum {
    URL_BYTES = 192,
    WORKERS_MIN = 4,
    HEAPS_MAX = 4,
    OWN_MEMORY_BYTES = 128 << 10, /* blocks from here on are mapped one by one */
    HEAP_SPARE_BYTES = 4 << 20,   /* free memory at the end of a heap that it keeps */
    KEY_FILE_MAX_BYTES = 16 << 10
};

struct trib_serving {
    const trib_config *config;
    const trib_env *env;
    trib_log log;
    trib_app app;
    trib_server *server;
    char user_url[URL_BYTES], admin_url[URL_BYTES];
    char client_url[URL_BYTES]; /* what clients are told unless public_url is set */
    bool app_started, opened, announced, as_service;
    trib_certs certs;
    char *imported_keys; /* text of auth_jwt_key_file */
    trib_deal_registry stream_types;
    trib_archive_store archive_store;
    int64_t told_ns; /* when the watchdog last heard from us */
    atomic_bool drained;
    sigset_t signals;
    /* the tick thread */
    trib_thread *ticker;
    trib_mutex *mutex;
    trib_cond *wake;
    bool end;
};

static void write_stderr(void *ctx, trib_log_level level, const char *line, size_t len) {
    (void)ctx;
    (void)level;
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, line, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return; /* nobody to tell */
        line += n;
        len -= (size_t)n;
    }
}

/* ---- the tick thread ---- */

static void tick(void *arg) {
    trib_serving *serving = arg;
    trib_mutex_lock(serving->env, serving->mutex);
    while (!serving->end) {
        trib_cond_wait(serving->env, serving->wake, serving->mutex, (int64_t)TRIB_SERVE_TICK_MS * 1000000);
        trib_mutex_unlock(serving->env, serving->mutex);
        trib_app_tick(&serving->app);
        trib_mutex_lock(serving->env, serving->mutex);
    }
    trib_mutex_unlock(serving->env, serving->mutex);
}

static trib_code start_ticker(trib_serving *serving, trib_error *err) {
    const trib_env *env = serving->env;
    serving->mutex = trib_mutex_new(env);
    serving->wake = trib_cond_new(env);
    if (serving->mutex && serving->wake) serving->ticker = env->thread_start(env->ctx, "trib-tick", tick, serving);
    return serving->ticker ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, "the clock thread could not be started");
}

static void stop_ticker(trib_serving *serving) {
    const trib_env *env = serving->env;
    if (serving->ticker) {
        trib_mutex_lock(env, serving->mutex);
        serving->end = true;
        env->cond_signal(env->ctx, serving->wake);
        trib_mutex_unlock(env, serving->mutex);
        env->thread_join(env->ctx, serving->ticker);
    }
    serving->ticker = NULL;
    if (serving->wake) env->cond_free(env->ctx, serving->wake);
    trib_mutex_free(env, serving->mutex);
    serving->wake = NULL;
    serving->mutex = NULL;
}

/* ---- start ---- */

/* Those that this process may use: taskset and containers leave it fewer than the machine has. */
static uint32_t cores(void) {
    cpu_set_t allowed;
    long n = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > TRIB_SERVER_LOOPS_MAX ? TRIB_SERVER_LOOPS_MAX : (uint32_t)n;
}

static void fill_settings(const trib_serve_options *options, trib_settings *settings) {
    const trib_config *config = options->config;
    uint32_t workers = cores() * 2 < WORKERS_MIN ? WORKERS_MIN : cores() * 2;
    *settings = (trib_settings){
        .data_dir = config->data,
        .no_auth = config->no_auth,
        .auto_create_tenants = options->auto_create_tenants,
        .tenant_domain = config->tenant_domain,
        .public_url = config->public_url,
        .admin_key = config->admin_key,
        .worker_threads = config->workers ? config->workers : workers,
        .open_databases = config->open_databases,
        .session_idle_ms = config->session_idle,
        .slow_statement_ms = config->slow_statement_ms,
        .delete_grace_ms = config->delete_grace,
        .scrub_every_ms = config->scrub_every,
        .scrub_bytes_per_s = config->scrub_rate,
        .max_response_bytes = config->max_response,
        .max_row_bytes = config->max_row,
        .max_import_bytes = config->max_import,
        .max_batch_steps = config->max_batch_steps,
        .archive_after_ms = config->archive_after,
        .webhook_private = config->webhook_private,
        .test_hooks = config->test_hooks,
    };
}

static void make_url(const trib_serving *serving, trib_listener_kind kind, const char *address, char out[URL_BYTES]) {
    const char *scheme = trib_certs_get(&serving->certs, kind) ? "https" : "http";
    if (!address) out[0] = '\0';
    else if (strncmp(address, "unix:", 5) == 0) snprintf(out, URL_BYTES, "%s", address);
    else snprintf(out, URL_BYTES, "%s://%s/", scheme, address);
}

/* Clients are told the URL that the user listener really has; admin requests, which ask for it, come only
 * afterwards. */
static void on_listening(void *ctx, trib_listener_kind kind, const char *address) {
    trib_serving *serving = ctx;
    make_url(serving, kind, address, kind == TRIB_LISTENER_USER ? serving->user_url : serving->admin_url);
    if (kind == TRIB_LISTENER_USER && !serving->app.settings.public_url && strncmp(address, "unix:", 5) != 0) {
        char near[URL_BYTES];
        trib_address_to_reach(address, near, sizeof near);
        make_url(serving, kind, near, serving->client_url);
        serving->app.settings.public_url = serving->client_url;
    }
}

/* The commands on this machine find the URLs and the admin key in the data folder. */
static trib_code announce(trib_serving *serving, trib_error *err) {
    trib_server_file file = {.pid = getpid()};
    const char *key = serving->app.settings.admin_key;
    snprintf(file.url, sizeof file.url, "%s", serving->user_url);
    snprintf(file.admin_url, sizeof file.admin_url, "%s", serving->admin_url);
    snprintf(file.admin_key, sizeof file.admin_key, "%s", key && !serving->config->no_auth ? key : "");
    snprintf(file.version, sizeof file.version, "%s", TRIB_VERSION);
    trib_tls *user = trib_certs_get(&serving->certs, TRIB_LISTENER_USER);
    trib_tls *admin = trib_certs_get(&serving->certs, TRIB_LISTENER_ADMIN);
    if (user) trib_tls_get_pin(user, file.tls_pin);
    if (admin) trib_tls_get_pin(admin, file.admin_tls_pin);
    trib_code code = trib_server_file_write(serving->config->data, &file, err);
    if (code == TRIB_OK) serving->announced = true;
    return code;
}

/* *ret_fds: the user's and the admin's socket, 0 where there is none. */
static trib_code take_sockets(const trib_serving *serving, int ret_fds[2], trib_error *err) {
    static const char *const names[] = {"user", "admin"};
    ret_fds[0] = ret_fds[1] = 0;
    if (!serving->as_service) return TRIB_OK;
    trib_code code = trib_systemd_get_sockets(names, 2, ret_fds, err);
    if (code == TRIB_OK && (ret_fds[0] || ret_fds[1]) && serving->config->no_auth)
        return trib_error_set(err, TRIB_CONFIG,
                              "no_auth cannot be combined with a socket unit, whose address others may reach; leave it "
                              "out and make tokens with `trib token create`");
    return code;
}

/* The public keys of whoever else signs tokens: read once, a new file wants a new start. */
static trib_code read_keys(trib_serving *serving, trib_error *err) {
    trib_ed25519_pub *keys[TRIB_IMPORTED_KEYS_MAX] = {0};
    const char *path = serving->config->auth_jwt_key_file;
    size_t count = 0, n = 0;
    trib_error why = {0};
    if (!path) return TRIB_OK;
    FILE *file = fopen(path, "re");
    if (!file)
        return trib_error_set(err, TRIB_CONFIG, "auth_jwt_key_file: %s cannot be opened: %s", path, strerror(errno));
    serving->imported_keys = calloc(1, KEY_FILE_MAX_BYTES + 1);
    if (serving->imported_keys) n = fread(serving->imported_keys, 1, KEY_FILE_MAX_BYTES, file);
    fclose(file);
    if (!serving->imported_keys) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code =
        trib_jwt_keys_from_text(trib_str_make(serving->imported_keys, n), TRIB_IMPORTED_KEYS_MAX, keys, &count, &why);
    for (size_t i = 0; i < count; i++) trib_ed25519_pub_free(keys[i]);
    if (code == TRIB_OK) return code;
    return trib_error_set(err, code,
                          "auth_jwt_key_file: %s must have up to %d Ed25519 public keys in PEM, or one as 32 bytes in "
                          "URL-safe Base64: %s",
                          path, TRIB_IMPORTED_KEYS_MAX, why.message);
}

static trib_code start(trib_serving *serving, const trib_serve_options *options, trib_error *err) {
    const trib_config *config = options->config;
    trib_app *app = &serving->app;
    trib_log_init(&serving->log, serving->env, config->log_level, config->log_format, write_stderr, NULL);
    *app = (trib_app){.env = serving->env, .log = &serving->log, .version = TRIB_VERSION};
    fill_settings(options, &app->settings);
    app->outbound = trib_outbound_of(config);
    int fds[2];
    trib_code code = trib_metrics_new(&app->metrics, err);
    if (!code) trib_process_add_metrics(app->metrics);
    if (!code) code = trib_archive_store_open(config, serving->env, &serving->archive_store, err);
    app->objects = serving->archive_store.objects;
    if (!code) code = take_sockets(serving, fds, err);
    if (!code) code = trib_certs_init(&serving->certs, config, serving->env, &serving->log, app->metrics, err);
    if (!code) code = read_keys(serving, err);
    app->settings.imported_keys = serving->imported_keys;
    if (!code) code = trib_stream_types_load(config->data, &serving->stream_types, NULL, err);
    app->stream_types = &serving->stream_types;
    if (!code) code = trib_app_start(app, err);
    if (code) return code;
    serving->app_started = true;
    trib_server_config server_config = {
        .loop_count = config->loops ? config->loops : cores(),
        .listen = config->listen,
        .admin_listen = config->admin_listen,
        .listen_fd = fds[0],
        .admin_listen_fd = fds[1],
        .tls = trib_certs_get(&serving->certs, TRIB_LISTENER_USER),
        .admin_tls = trib_certs_get(&serving->certs, TRIB_LISTENER_ADMIN),
        .max_connections = config->max_connections,
        .modules = trib_modules,
        .module_count = trib_module_count,
        .metrics = app->metrics,
        .on_listening = on_listening,
        .on_listening_ctx = serving,
    };
    code = trib_server_new(app, &server_config, &serving->server, err);
    if (!code) code = start_ticker(serving, err);
    if (!code) code = trib_server_open(serving->server, err);
    if (code) return code;
    serving->opened = true;
    return announce(serving, err);
}

/* Everything that start made, in the order that the comment at the top explains. */
static void end(trib_serving *serving) {
    stop_ticker(serving);
    if (serving->announced) trib_server_file_remove(serving->config->data);
    if (serving->app_started) trib_app_stop(&serving->app);
    trib_server_free(serving->server);
    trib_metrics_free(serving->app.metrics);
    trib_certs_deinit(&serving->certs);
    trib_deal_registry_deinit(&serving->stream_types);
    trib_archive_store_close(&serving->archive_store);
    free(serving->imported_keys);
    free(serving);
}

/* glibc would keep 8 heaps a core, each as large as its threads ever needed together: with a thousand databases open
 * that was half as much memory again as they use, and it grew for half an hour.
 *
 * Large blocks get memory of their own, always: after the first that is freed glibc would take larger and larger ones
 * from the heaps, and copy megabytes under a heap's lock when such a block grows. A thread at low priority that is put
 * off its core meanwhile would keep every other thread of that heap waiting. */
static void tune_heaps(void) {
#ifdef M_ARENA_MAX
    mallopt(M_ARENA_MAX, HEAPS_MAX);
    mallopt(M_MMAP_THRESHOLD, OWN_MEMORY_BYTES);
    mallopt(M_TRIM_THRESHOLD, HEAP_SPARE_BYTES);
#endif
}

trib_code trib_serve_start(const trib_serve_options *options, trib_serving **ret, trib_error *err) {
    trib_serving *serving = calloc(1, sizeof *serving);
    if (!serving) return trib_error_set(err, TRIB_NOMEM, NULL);
    serving->config = options->config;
    serving->env = trib_env_native();
    serving->as_service = options->as_service;
    tune_heaps();
    umask(0077); /* control.db holds the signing keys; whoever made the data folder may have left it open */
    /* before any thread exists, so that all inherit it: only sigtimedwait below takes these */
    sigemptyset(&serving->signals);
    sigaddset(&serving->signals, SIGTERM);
    sigaddset(&serving->signals, SIGINT);
    if (options->as_service) sigaddset(&serving->signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &serving->signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    trib_code code = start(serving, options, err);
    if (code) {
        end(serving);
        return code;
    }
    trib_log_event(&serving->log, TRIB_LOG_INFO, "ready", TRIB_LOG_C("listen", serving->user_url),
                   TRIB_LOG_C("admin", serving->admin_url), TRIB_LOG_C("data", serving->config->data));
    if (serving->as_service) trib_systemd_notify("READY=1");
    *ret = serving;
    return TRIB_OK;
}

const char *trib_serve_url(const trib_serving *serving, trib_listener_kind kind) {
    const char *url = kind == TRIB_LISTENER_USER ? serving->user_url : serving->admin_url;
    return url[0] ? url : NULL;
}

trib_app *trib_serve_app(trib_serving *serving) {
    return &serving->app;
}

/* ---- end ---- */

static void on_drained(void *ctx) {
    trib_serving *serving = ctx;
    atomic_store(&serving->drained, true);
}

/* A service manager that watches hears from us as long as every loop does its rounds. */
static void tell_watchdog(trib_serving *serving) {
    int64_t now_ns = trib_env_mono_ns(serving->env);
    int64_t every_ns = (int64_t)trib_systemd_watchdog_ms() * 1000000 / 3;
    if (!serving->as_service || !every_ns || now_ns - serving->told_ns < every_ns) return;
    serving->told_ns = now_ns;
    if (trib_server_is_alive(serving->server)) trib_systemd_notify("WATCHDOG=1");
    else trib_log_event(&serving->log, TRIB_LOG_WARN, "loop_stuck");
}

/* Commands on this machine must know the new key. */
static void announce_again(trib_serving *serving) {
    trib_error err;
    if (announce(serving, &err) == TRIB_OK) return;
    trib_log_event(&serving->log, TRIB_LOG_WARN, "announce_failed", TRIB_LOG_C("why", err.message));
}

static void reload(trib_serving *serving) {
    trib_systemd_notify_reloading(trib_env_mono_ns(serving->env));
    trib_log_event(&serving->log, TRIB_LOG_INFO, "reloading");
    bool all = trib_certs_reload(&serving->certs);
    announce_again(serving);
    trib_systemd_notify(all ? "READY=1\nSTATUS=" : "READY=1\nSTATUS=A certificate could not be loaded; see the log");
}

/* True if a signal came within timeout_ms. */
static bool take_signal(const trib_serving *serving, int timeout_ms, int *ret_signal) {
    struct timespec timeout = {.tv_sec = timeout_ms / 1000, .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
    int signal_no = sigtimedwait(&serving->signals, NULL, &timeout);
    if (signal_no <= 0) return false;
    *ret_signal = signal_no;
    return true;
}

bool trib_serve_stop(trib_serving *serving) {
    int64_t limit_ns =
        trib_env_mono_ns(serving->env) + ((int64_t)serving->config->drain_timeout + TRIB_SERVE_LATE_MS) * 1000000;
    int signal_no = 0;
    trib_log_event(&serving->log, TRIB_LOG_INFO, "draining", TRIB_LOG_U("timeout_ms", serving->config->drain_timeout));
    if (serving->as_service) trib_systemd_notify("STOPPING=1");
    atomic_store(&serving->app.draining, true);
    trib_server_drain(serving->server, serving->config->drain_timeout, on_drained, serving);
    trib_sessions_drain(serving->app.sessions);
    while (!atomic_load(&serving->drained) || !trib_server_is_idle(serving->server)) {
        tell_watchdog(serving);
        if (take_signal(serving, 5, &signal_no) && signal_no != SIGHUP) {
            trib_log_event(&serving->log, TRIB_LOG_WARN, "ended_by_second_signal", TRIB_LOG_I("signal", signal_no));
            return false;
        }
        if (trib_env_mono_ns(serving->env) < limit_ns) continue;
        trib_log_event(&serving->log, TRIB_LOG_WARN, "drain_timed_out");
        return false;
    }
    trib_log_event(&serving->log, TRIB_LOG_INFO, "stopped");
    end(serving);
    return true;
}

bool trib_serve_wait(trib_serving *serving) {
    int signal_no = 0;
    while (!take_signal(serving, TRIB_SERVE_WATCH_MS, &signal_no) || signal_no == SIGHUP) {
        if (signal_no == SIGHUP) reload(serving);
        else if (trib_certs_poll(&serving->certs)) announce_again(serving);
        signal_no = 0;
        tell_watchdog(serving);
    }
    trib_log_event(&serving->log, TRIB_LOG_INFO, "signal", TRIB_LOG_I("signal", signal_no));
    return trib_serve_stop(serving);
}
