/* SPDX-License-Identifier: Apache-2.0 */
/* The server on real loopback sockets: start, answer, jobs that come home, drain. Also home.c, which only a loop can
 * run. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/auth.h"
#include "io/env_native.h"
#include "net/server.h"

static int someone;

trib_code trib_auth_resolve(trib_auth *auth, const trib_auth_query *query, trib_tenant **ret_tenant,
                            trib_principal **ret_principal, trib_str *ret_path_rest, trib_error *err) {
    (void)auth;
    (void)ret_tenant;
    (void)err;
    *ret_principal = (trib_principal *)(void *)&someone;
    *ret_path_rest = query->path;
    return TRIB_OK;
}

trib_code trib_auth_resolve_async(trib_auth *auth, trib_auth_wait *wait, trib_error *err) {
    (void)auth;
    (void)wait;
    return trib_error_set(err, TRIB_INTERNAL, NULL);
}

void trib_auth_memo_deinit(trib_auth_memo *memo) {
    (void)memo;
}

void trib_auth_release(trib_auth *auth, trib_tenant *tenant, trib_principal *principal) {
    (void)auth;
    (void)tenant;
    (void)principal;
}

/* ---- a module whose work is done by another thread ---- */

typedef struct slow_job {
    trib_job job; /* first */
    trib_http_request *request;
} slow_job;

static _Atomic(slow_job *) parked;
static int starts, stops;

static void come_home(trib_job *job) {
    slow_job *slow = (slow_job *)(void *)job;
    trib_http_answer_text(slow->request, 200, "text/plain", TRIB_STR("from a worker"));
    free(slow);
}

static void handle_slow(trib_http_request *request) {
    slow_job *slow = calloc(1, sizeof *slow);
    assert_non_null(slow);
    slow->job.done = come_home;
    slow->job.home = request->home;
    slow->request = request;
    atomic_store(&parked, slow);
}

static void handle_fast(trib_http_request *request) {
    trib_http_answer_text(request, 200, "text/plain", TRIB_STR("fast"));
}

static trib_code module_start(trib_app *app, void **ret_state, trib_error *err) {
    (void)app;
    (void)err;
    starts++;
    *ret_state = &starts;
    return TRIB_OK;
}

static void module_stop(void *module_state) {
    assert_ptr_equal(module_state, &starts);
    stops++;
}

static const trib_route routes[] = {
    {"GET", "/health", TRIB_LISTENER_USER | TRIB_LISTENER_ADMIN, TRIB_AUTH_NONE, 0, handle_fast, ""},
    {"GET", "/dump", TRIB_LISTENER_USER, TRIB_AUTH_NONE, 0, handle_slow, ""},
};
static const trib_module module = {
    .name = "test", .routes = routes, .route_count = 2, .start = module_start, .stop = module_stop};
static const trib_module *const modules[] = {&module};

/* ---- harness ---- */

typedef struct harness {
    trib_app app;
    trib_server *server;
    atomic_bool drained;
} harness;

static trib_code open_server(harness *h, const char *admin, trib_error *err) {
    *h = (harness){.app = {.env = trib_env_native(), .version = "test"}};
    starts = stops = 0;
    atomic_store(&parked, NULL);
    trib_server_config config = {
        .loop_count = 2, .listen = "127.0.0.1:0", .admin_listen = admin, .modules = modules, .module_count = 1};
    assert_int_equal(trib_server_new(&h->app, &config, &h->server, err), TRIB_OK);
    return trib_server_open(h->server, err);
}

static void note_drained(void *ctx) {
    harness *h = ctx;
    atomic_store(&h->drained, true);
}

static void wait_until_gone(harness *h) {
    while (!atomic_load(&h->drained) || !trib_server_is_idle(h->server)) usleep(1000);
    trib_server_free(h->server);
    assert_int_equal(stops, 1);
}

static int connect_to(const char *address) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)strtoul(strchr(address, ':') + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    struct timeval limit = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

static void send_text(int fd, const char *text) {
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Reads until `until` has been seen (NULL: to the end). */
static void read_text(int fd, char *out, size_t cap, const char *until) {
    size_t n = 0;
    out[0] = '\0';
    while (n + 1 < cap && !(until && strstr(out, until))) {
        ssize_t got = recv(fd, out + n, cap - 1 - n, 0);
        if (got < 0 && errno == EINTR) continue; /* newer libuv uses io_uring, whose notices end waits with a timeout */
        assert_true(got >= 0);
        if (got == 0) break;
        n += (size_t)got;
        out[n] = '\0';
    }
    if (until) assert_non_null(strstr(out, until));
}

static void both_listeners_answer_and_the_modules_start_and_stop_once(void **state) {
    (void)state;
    harness h;
    trib_error err;
    char text[4096];
    assert_int_equal(open_server(&h, "127.0.0.1:0", &err), TRIB_OK);
    assert_int_equal(starts, 1);
    const char *addresses[] = {trib_server_address(h.server, TRIB_LISTENER_USER),
                               trib_server_address(h.server, TRIB_LISTENER_ADMIN)};
    for (int i = 0; i < 2; i++) {
        int fd = connect_to(addresses[i]);
        for (int k = 0; k < 3; k++) { /* kept alive */
            send_text(fd, "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
            read_text(fd, text, sizeof text, "\r\n\r\nfast");
        }
        close(fd);
    }
    trib_server_drain(h.server, 1000, note_drained, &h);
    wait_until_gone(&h);
}

static void a_job_comes_home_to_the_connection_that_asked(void **state) {
    (void)state;
    harness h;
    trib_error err;
    char text[4096];
    assert_int_equal(open_server(&h, NULL, &err), TRIB_OK);
    assert_null(trib_server_address(h.server, TRIB_LISTENER_ADMIN));
    int fd = connect_to(trib_server_address(h.server, TRIB_LISTENER_USER));
    for (int i = 0; i < 20; i++) {
        slow_job *slow;
        send_text(fd, "GET /dump HTTP/1.1\r\nHost: a\r\n\r\n");
        while (!(slow = atomic_exchange(&parked, NULL))) usleep(200);
        slow->job.home->post(slow->job.home, &slow->job);
        read_text(fd, text, sizeof text, "from a worker");
    }
    close(fd);
    trib_server_drain(h.server, 1000, note_drained, &h);
    wait_until_gone(&h);
}

static void a_drain_answers_what_is_in_flight_and_refuses_new_connections(void **state) {
    (void)state;
    harness h;
    trib_error err;
    char text[4096];
    slow_job *slow;
    assert_int_equal(open_server(&h, NULL, &err), TRIB_OK);
    const char *address = trib_server_address(h.server, TRIB_LISTENER_USER);
    int busy = connect_to(address), idle = connect_to(address);
    send_text(idle, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    read_text(idle, text, sizeof text, "fast");
    send_text(busy, "GET /dump HTTP/1.1\r\nHost: a\r\n\r\n");
    while (!(slow = atomic_exchange(&parked, NULL))) usleep(200);
    trib_server_drain(h.server, 10000, note_drained, &h);
    read_text(idle, text, sizeof text, NULL); /* to its end: closed although it would be kept alive */
    assert_string_equal(text, "");
    assert_false(atomic_load(&h.drained));
    slow->job.home->post(slow->job.home, &slow->job);
    read_text(busy, text, sizeof text, NULL);
    assert_non_null(strstr(text, "Connection: close\r\n"));
    assert_non_null(strstr(text, "from a worker"));
    close(busy);
    close(idle);
    wait_until_gone(&h);
}

static void a_request_that_outlives_the_drain_is_cut_and_freed_when_it_comes_home(void **state) {
    (void)state;
    harness h;
    trib_error err;
    slow_job *slow;
    assert_int_equal(open_server(&h, NULL, &err), TRIB_OK);
    int fd = connect_to(trib_server_address(h.server, TRIB_LISTENER_USER));
    send_text(fd, "GET /dump HTTP/1.1\r\nHost: a\r\n\r\n");
    while (!(slow = atomic_exchange(&parked, NULL))) usleep(200);
    trib_server_drain(h.server, 20, note_drained, &h);
    while (!atomic_load(&h.drained)) usleep(1000);
    assert_false(trib_server_is_idle(h.server));
    slow->job.home->post(slow->job.home, &slow->job);
    wait_until_gone(&h);
    close(fd);
}

static void a_port_that_cannot_be_bound_fails_and_frees_everything(void **state) {
    (void)state;
    harness h, other;
    trib_error err;
    assert_int_equal(open_server(&other, NULL, &err), TRIB_OK);
    assert_int_equal(open_server(&h, trib_server_address(other.server, TRIB_LISTENER_USER), &err), TRIB_IO);
    trib_server_free(h.server);
    assert_int_equal(stops, 1);
    stops = 0;
    trib_server_drain(other.server, 100, note_drained, &other);
    wait_until_gone(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_listeners_answer_and_the_modules_start_and_stop_once),
        cmocka_unit_test(a_job_comes_home_to_the_connection_that_asked),
        cmocka_unit_test(a_drain_answers_what_is_in_flight_and_refuses_new_connections),
        cmocka_unit_test(a_request_that_outlives_the_drain_is_cut_and_freed_when_it_comes_home),
        cmocka_unit_test(a_port_that_cannot_be_bound_fails_and_frees_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
