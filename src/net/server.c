/* SPDX-License-Identifier: Apache-2.0 */
/* Loops, listeners and routes put together; see server.h. Also the few lines that put an HTTP connection on a
 * socket. */
#include "net/server.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "io/conn.h"
#include "io/listener.h"
#include "net/home.h"
#include "net/http_conn.h"
#include "net/router.h"
#include "net/ws_conn.h"

enum {
    /* The connection says stop at TRIB_HTTP_UNSENT_MAX_BYTES, so it must always hear when that has drained. */
    UNSENT_HIGH_BYTES = TRIB_HTTP_UNSENT_MAX_BYTES / 2,
    NOT_TLS_MAX_BYTES = 2048,
    UNSENT_MAX_BYTES = 64 << 20, /* one answer of the largest size and its neighbours; see TRIB_CONN_UNSENT_MAX_BYTES */
};

typedef struct server_lane {
    trib_loop *loop;
    trib_task ask;
    atomic_bool asked; /* a question that the loop has not come to */
    trib_loop_home home;
    trib_http_hub hub;
} server_lane;

typedef struct server_listener {
    trib_server *server;
    trib_listener_kind kind;
    trib_listener *listener;
    trib_tls *tls;
    int fd;
    atomic_bool told; /* that somebody speaks plain HTTP where TLS is */
    trib_buf not_tls; /* what such a peer is answered */
    char address[TRIB_LISTENER_ADDRESS_BYTES + 8];
} server_listener;

struct trib_server {
    trib_app *app;
    trib_server_config config;
    trib_router *router;
    trib_http_stats stats;
    bool stats_ready;
    void **module_states;
    size_t started_modules;
    server_listener user, admin;
    trib_mutex *mutex; /* guards the two below */
    trib_cond *changed;
    unsigned listeners_open;
    void (*drained)(void *ctx);
    void *drained_ctx;
    uint32_t lane_count, running;
    server_lane lanes[TRIB_SERVER_LOOPS_MAX];
};

/* ---- an HTTP connection on a socket ---- */

static void sock_write(void *ctx, trib_buf *bytes) {
    trib_conn_write_buf(ctx, bytes);
}

static size_t sock_unsent(void *ctx) {
    return trib_conn_unsent_bytes(ctx);
}

static void sock_set_reading(void *ctx, bool on) {
    if (on) trib_conn_read_resume(ctx);
    else trib_conn_read_pause(ctx);
}

static void sock_close(void *ctx) {
    trib_conn_close(ctx);
}

static void sock_abort(void *ctx, trib_code why) {
    trib_conn_abort(ctx, why);
}

static void sock_set_idle_timeout(void *ctx, uint32_t timeout_ms) {
    trib_conn_set_idle_timeout(ctx, timeout_ms);
}

static void sock_set_deadline(void *ctx, uint32_t timeout_ms) {
    trib_conn_set_deadline(ctx, timeout_ms);
}

static const trib_http_transport socket_transport = {
    .write = sock_write,
    .unsent = sock_unsent,
    .set_reading = sock_set_reading,
    .close = sock_close,
    .abort = sock_abort,
    .set_idle_timeout = sock_set_idle_timeout,
    .set_deadline = sock_set_deadline,
};

static void on_open(trib_conn *conn) {
    server_listener *from = trib_conn_listener_user(conn);
    trib_server *server = from->server;
    trib_http_conn *http = NULL;
    for (uint32_t i = 0; i < server->lane_count; i++) {
        if (server->lanes[i].loop == trib_conn_loop(conn))
            http = trib_http_conn_new(&server->lanes[i].hub, from->kind, &socket_transport, conn);
    }
    trib_conn_set_user(conn, http);
    if (!http) trib_conn_abort(conn, TRIB_NOMEM);
}

/* Logged once: a wrong URL in a busy client must not fill the disk. */
static trib_str on_not_tls(trib_conn *conn) {
    server_listener *from = trib_conn_listener_user(conn);
    trib_app *app = from->server->app;
    char peer[TRIB_CONN_PEER_BYTES];
    trib_mistakes_note(&app->mistakes, TRIB_MISTAKE_PLAIN, trib_env_wall_ms(app->env));
    if (!atomic_exchange(&from->told, true))
        trib_log_event(app->log, TRIB_LOG_WARN, "plain_http_on_tls_port", TRIB_LOG_C("listen", from->address),
                       TRIB_LOG_S("peer", trib_conn_peer(conn, peer)),
                       TRIB_LOG_C("fix", "give clients https:// URLs; this is logged once"));
    return trib_buf_str(&from->not_tls);
}

static size_t on_data(trib_conn *conn, trib_str bytes) {
    trib_http_conn *http = trib_conn_user(conn);
    return http ? trib_http_conn_input(http, bytes) : bytes.len;
}

static void on_drained(trib_conn *conn) {
    trib_http_conn *http = trib_conn_user(conn);
    if (http) trib_http_conn_drained(http);
}

static void on_eof(trib_conn *conn) {
    trib_http_conn *http = trib_conn_user(conn);
    if (http) trib_http_conn_eof(http);
}

static void on_timeout(trib_conn *conn, trib_conn_timeout which) {
    trib_http_conn *http = trib_conn_user(conn);
    if (!http) return;
    if (which == TRIB_CONN_TIMEOUT_DEADLINE) trib_http_conn_deadline(http);
    else trib_http_conn_timeout(http);
}

static void on_drain(trib_conn *conn) {
    trib_http_conn *http = trib_conn_user(conn);
    if (http) trib_http_conn_drain(http);
}

static void on_close(trib_conn *conn, trib_code why) {
    trib_http_conn *http = trib_conn_user(conn);
    (void)why;
    if (http) trib_http_conn_closed(http);
}

static const trib_conn_handler http_handler = {
    .on_open = on_open,
    .on_not_tls = on_not_tls,
    .on_data = on_data,
    .on_drained = on_drained,
    .on_eof = on_eof,
    .on_timeout = on_timeout,
    .on_drain = on_drain,
    .on_close = on_close,
};

/* ---- the server ---- */

static trib_code make_lane(trib_server *server, uint32_t index, trib_error *err) {
    server_lane *lane = &server->lanes[index];
    char name[16];
    snprintf(name, sizeof name, "trib-loop-%u", index % 1000);
    trib_code code = trib_loop_new(server->app->env, name, &lane->loop, err);
    if (code) return code;
    server->lane_count++;
    return trib_loop_home_init(&lane->home, server->app->env, lane->loop, err);
}

trib_code trib_server_new(trib_app *app, const trib_server_config *config, trib_server **ret, trib_error *err) {
    trib_server *server = calloc(1, sizeof *server);
    if (!server) return trib_error_set(err, TRIB_NOMEM, NULL);
    server->app = app;
    server->config = *config;
    server->user =
        (server_listener){.server = server, .kind = TRIB_LISTENER_USER, .tls = config->tls, .fd = config->listen_fd};
    server->admin = (server_listener){
        .server = server, .kind = TRIB_LISTENER_ADMIN, .tls = config->admin_tls, .fd = config->admin_listen_fd};
    server->mutex = trib_mutex_new(app->env);
    server->changed = trib_cond_new(app->env);
    uint32_t count = config->loop_count ? config->loop_count : 1;
    if (count > TRIB_SERVER_LOOPS_MAX) count = TRIB_SERVER_LOOPS_MAX;
    trib_code code = server->mutex && server->changed ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
    for (uint32_t i = 0; i < count && code == TRIB_OK; i++) code = make_lane(server, i, err);
    if (code) {
        trib_server_free(server);
        return code;
    }
    app->http = trib_http_conn_ops;
    app->ws = trib_ws_conn_ops;
    *ret = server;
    return TRIB_OK;
}

static trib_code start_modules(trib_server *server, trib_error *err) {
    const trib_server_config *config = &server->config;
    server->module_states = calloc(config->module_count + 1, sizeof *server->module_states);
    trib_code code = TRIB_OK;
    if (!server->module_states) return trib_error_set(err, TRIB_NOMEM, NULL);
    atomic_store(&server->app->starting, true);
    for (size_t i = 0; i < config->module_count && code == TRIB_OK; i++) {
        const trib_module *module = config->modules[i];
        if (module->start) code = module->start(server->app, &server->module_states[i], err);
        server->started_modules += code == TRIB_OK;
    }
    if (code == TRIB_OK) atomic_store(&server->app->starting, false);
    return code;
}

static trib_code make_hubs(trib_server *server, trib_error *err) {
    if (server->config.metrics) {
        trib_code code = trib_http_stats_init(&server->stats, server->config.metrics, server->router, err);
        if (code) return code;
        server->stats_ready = true;
    }
    for (uint32_t i = 0; i < server->lane_count; i++) {
        server_lane *lane = &server->lanes[i];
        lane->hub = (trib_http_hub){.app = server->app,
                                    .router = server->router,
                                    .module_states = server->module_states,
                                    .stats = server->stats_ready ? &server->stats : NULL,
                                    .home = &lane->home.home};
        trib_code code = trib_http_hub_init(&lane->hub, err);
        if (code) return code;
    }
    return TRIB_OK;
}

static trib_code write_not_tls(server_listener *which, trib_error *err) {
    trib_error why;
    trib_buf body;
    trib_error_set(&why, TRIB_BAD_HTTP,
                   "this port speaks TLS, and the request came without it; write https:// (or wss://, libsql://) in "
                   "the URL instead of http://");
    trib_buf_init(&body, NOT_TLS_MAX_BYTES);
    trib_http_error_body(&body, &why, (trib_str){0});
    trib_buf_init(&which->not_tls, NOT_TLS_MAX_BYTES);
    trib_buf_printf(&which->not_tls,
                    "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n"
                    "Content-Length: %zu\r\n\r\n%.*s",
                    body.len, TRIB_STR_ARG(trib_buf_str(&body)));
    bool failed = body.failed || which->not_tls.failed;
    trib_buf_deinit(&body);
    return failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code open_listener(trib_server *server, server_listener *which, const char *address, trib_error *err) {
    if (!address && which->fd <= 0) return TRIB_OK;
    trib_code code = write_not_tls(which, err);
    if (code) return code;
    trib_loop *loops[TRIB_SERVER_LOOPS_MAX];
    for (uint32_t i = 0; i < server->lane_count; i++) loops[i] = server->lanes[i].loop;
    trib_listener_config config = {
        .address = address,
        .fd = which->fd,
        .tls = which->tls,
        .loops = loops,
        .loop_count = server->lane_count,
        .handler = &http_handler,
        .user = which,
        .max_connections = server->config.max_connections,
        .limits = {.idle_timeout_ms = TRIB_HTTP_IDLE_TIMEOUT_MS,
                   .unsent_high_bytes = UNSENT_HIGH_BYTES,
                   .unsent_max_bytes = UNSENT_MAX_BYTES},
    };
    code = trib_listener_open(&config, &which->listener, err);
    if (code) return code;
    server->listeners_open++;
    snprintf(which->address, sizeof which->address, "%s", trib_listener_address(which->listener));
    if (server->config.on_listening) {
        trib_listener_kind kind = which == &server->user ? TRIB_LISTENER_USER : TRIB_LISTENER_ADMIN;
        server->config.on_listening(server->config.on_listening_ctx, kind, which->address);
    }
    return TRIB_OK;
}

/* Loops run before the ports are bound, because a listener can only be closed by running loops. */
trib_code trib_server_open(trib_server *server, trib_error *err) {
    trib_code code = start_modules(server, err);
    if (!code) code = trib_router_new(server->config.modules, server->config.module_count, &server->router, err);
    if (!code) code = make_hubs(server, err);
    for (uint32_t i = 0; i < server->lane_count && !code; i++) {
        code = trib_loop_start(server->lanes[i].loop, err);
        if (!code) server->running++;
    }
    if (!code) code = open_listener(server, &server->user, server->config.listen, err);
    if (!code) code = open_listener(server, &server->admin, server->config.admin_listen, err);
    return code;
}

static void on_listener_closed(void *ctx) {
    trib_server *server = ctx;
    void (*drained)(void *ctx) = NULL;
    trib_mutex_lock(server->app->env, server->mutex);
    if (--server->listeners_open == 0) drained = server->drained;
    void *drained_ctx = server->drained_ctx;
    trib_cond_broadcast(server->app->env, server->changed);
    trib_mutex_unlock(server->app->env, server->mutex);
    if (drained) drained(drained_ctx);
}

void trib_server_drain(trib_server *server, uint32_t grace_ms, void (*drained)(void *ctx), void *ctx) {
    trib_listener *user = server->user.listener, *admin = server->admin.listener;
    server->user.listener = server->admin.listener = NULL;
    trib_mutex_lock(server->app->env, server->mutex);
    server->drained = drained;
    server->drained_ctx = ctx;
    server->listeners_open++; /* one more, so that `drained` comes once, also without any listener */
    trib_mutex_unlock(server->app->env, server->mutex);
    if (user) trib_listener_close(user, grace_ms, on_listener_closed, server);
    if (admin) trib_listener_close(admin, grace_ms, on_listener_closed, server);
    on_listener_closed(server);
}

bool trib_server_is_idle(const trib_server *server) {
    for (uint32_t i = 0; i < server->lane_count; i++) {
        if (atomic_load(&server->lanes[i].hub.live)) return false;
    }
    return true;
}

/* Only where open failed half-way are there listeners left. */
static void close_leftovers(trib_server *server) {
    const trib_env *env = server->app->env;
    if (!server->user.listener && !server->admin.listener) return;
    trib_server_drain(server, 0, NULL, NULL);
    trib_mutex_lock(env, server->mutex);
    while (server->listeners_open) trib_cond_wait(env, server->changed, server->mutex, -1);
    trib_mutex_unlock(env, server->mutex);
}

void trib_server_free(trib_server *server) {
    if (!server) return;
    const trib_env *env = server->app->env;
    close_leftovers(server);
    for (uint32_t i = 0; i < server->running; i++) trib_loop_stop(server->lanes[i].loop);
    for (uint32_t i = 0; i < server->running; i++) trib_loop_join(server->lanes[i].loop);
    for (size_t i = server->started_modules; i-- > 0;) {
        if (server->config.modules[i]->stop) server->config.modules[i]->stop(server->module_states[i]);
    }
    for (uint32_t i = 0; i < server->lane_count; i++) {
        trib_loop_free(server->lanes[i].loop);
        trib_loop_home_deinit(&server->lanes[i].home);
    }
    trib_router_free(server->router);
    if (server->stats_ready) trib_http_stats_deinit(&server->stats);
    trib_mutex_free(env, server->mutex);
    if (server->changed) env->cond_free(env->ctx, server->changed);
    trib_buf_deinit(&server->user.not_tls);
    trib_buf_deinit(&server->admin.not_tls);
    free(server->module_states);
    free(server);
}

const char *trib_server_address(const trib_server *server, trib_listener_kind kind) {
    const server_listener *which = kind == TRIB_LISTENER_USER ? &server->user : &server->admin;
    return which->address[0] ? which->address : NULL;
}

static void on_asked(trib_task *task) {
    atomic_store(&TRIB_LIST_ITEM(task, server_lane, ask)->asked, false);
}

bool trib_server_is_alive(trib_server *server) {
    bool alive = true;
    for (uint32_t i = 0; i < server->lane_count; i++) {
        server_lane *lane = &server->lanes[i];
        if (atomic_exchange(&lane->asked, true)) {
            alive = false;
            continue;
        }
        lane->ask.run = on_asked;
        trib_loop_post(lane->loop, &lane->ask);
    }
    return alive;
}

trib_loop *trib_server_loop(trib_server *server) {
    return server->lanes[0].loop;
}

trib_home *trib_server_home(trib_server *server) {
    return &server->lanes[0].home.home;
}
