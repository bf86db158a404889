/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions by their calls, against a receiver that is a function: what wakes, what is sent again, what a lease and
 * its end mean, and what the next process does with what was not acknowledged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/db_start.h"
#include "features/durable/sub_int.h"
#include "support/app_test.h"

static app_test t;
static void *module;
static char answer[1 << 16], token[100];
static int status;

/* ---- the receiver ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int sent, answer_status; /* 0: nobody is there */
static const char *answer_body;
static char got[1 << 15];

static trib_code fake_send(void *ctx, void *session, const trib_outbound_request *request, int *ret_status,
                           trib_error *err) {
    (void)ctx, (void)session;
    pthread_mutex_lock(&lock);
    sent++;
    snprintf(got, sizeof got, "%.*s", TRIB_STR_ARG(request->body));
    trib_buf_add_c(request->answer, answer_body);
    *ret_status = answer_status;
    pthread_mutex_unlock(&lock);
    return *ret_status ? TRIB_OK : trib_error_set(err, TRIB_CONNECT, "nobody is there");
}

static void receive(int with_status, const char *body) {
    pthread_mutex_lock(&lock);
    answer_status = with_status;
    answer_body = body;
    pthread_mutex_unlock(&lock);
}

static int count_sent(void) {
    pthread_mutex_lock(&lock);
    int n = sent;
    pthread_mutex_unlock(&lock);
    return n;
}

/* ---- requests ---- */

static trib_str header(const trib_http_request *request, const char *name) {
    (void)request;
    if (strcmp(name, "content-type") == 0) return TRIB_STR("application/json");
    return strcmp(name, "authorization") == 0 && token[0] ? trib_str_c(token) : (trib_str){0};
}

static const trib_route *asked;
static trib_str params[2];

static void handle(trib_http_request *request) {
    request->route = asked;
    request->method = trib_str_c(asked->method);
    request->path_params[0] = params[0];
    request->path_params[1] = params[1];
    request->path_param_count = params[1].ptr ? 2 : params[0].ptr ? 1 : 0;
    request->module_state = module;
    asked->handle(request);
}

static int call(const char *method, const char *path, const char *first, const char *second, const char *body) {
    http_test h;
    trib_principal principal;
    asked = NULL;
    for (size_t i = 0; i < trib_durable_module.route_count; i++) {
        const trib_route *route = &trib_durable_module.routes[i];
        if (strcmp(route->method, method) == 0 && strcmp(route->path, path) == 0) asked = route;
    }
    assert_non_null(asked);
    params[0] = trib_str_c(first);
    params[1] = trib_str_c(second);
    app_test_principal(&principal, 1);
    trib_tenant *tenant = trib_control_find(t.app.control, TRIB_STR("a"));
    http_test_begin(&t, &h, handle, tenant, &principal, body);
    snprintf(answer, sizeof answer, "%s", http_test_wait(&t, &h));
    status = h.status;
    http_test_end(&h);
    trib_tenant_unref(tenant);
    return status;
}

#define SUBS "/v1/stream/__ds/subscriptions"

static int put(const char *id, const char *body) {
    return call("PUT", SUBS "/:id", id, NULL, body);
}
static int get(const char *id) {
    return call("GET", SUBS "/:id", id, NULL, "");
}
static int stream(const char *path, const char *body) {
    return call("PUT", "/v1/stream/*", path, NULL, body);
}
static int append(const char *path, const char *body) {
    return call("POST", "/v1/stream/*", path, NULL, body);
}
static int claim(const char *id) {
    return call("POST", SUBS "/:id/claim", id, NULL, "{\"worker\":\"w1\"}");
}

/* A text member of `from`, static. */
static const char *text_of(const char *from, const char *member) {
    static char out[4][200];
    static int at;
    char key[60];
    snprintf(key, sizeof key, "\"%s\":\"", member);
    const char *value = strstr(from, key);
    if (!value) fail_msg("no %s in %s", member, from);
    at = (at + 1) % 4;
    value += strlen(key);
    snprintf(out[at], sizeof out[at], "%.*s", (int)strcspn(value, "\""), value);
    return out[at];
}

/* What the wake in `from` gave: settles it. */
static int settle(const char *action, const char *id, const char *from, const char *more) {
    char path[100], body[600];
    const char *generation = strstr(from, "\"generation\":");
    assert_non_null(generation);
    snprintf(token, sizeof token, "Bearer %s",
             text_of(from, strstr(from, "\"callback_token\"") ? "callback_token" : "token"));
    snprintf(path, sizeof path, SUBS "/:id/%s", action);
    snprintf(body, sizeof body, "{\"wake_id\":\"%s\",\"generation\":%ld%s}", text_of(from, "wake_id"),
             strtol(generation + 13, NULL, 10), more);
    call("POST", path, id, NULL, body);
    token[0] = '\0';
    return status;
}

#define OFFSET(n) "0000000000000000_000000000000000" n

static void pass_ms(int64_t ms) {
    atomic_fetch_add(&t.env.offset_ns, ms * 1000000);
}

static void tick(int times) {
    for (int i = 0; i < times; i++) {
        trib_app_tick(&t.app);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void tick_until_sent(int n) {
    for (int i = 0; i < 10000; i++) {
        if (count_sent() >= n) return;
        tick(1);
    }
    fail_msg("%d were sent, not %d", count_sent(), n);
}

/* Until GET has `text`. */
static void tick_until(const char *id, const char *text) {
    for (int i = 0; i < 3000; i++) {
        if (get(id) == 200 && strstr(answer, text)) return;
        tick(1);
    }
    fail_msg("wanted %s, got %s", text, answer);
}

/* ---- the server ---- */

static void start_module(void) {
    trib_error err;
    t.app.http.header = header;
    t.app.outbound.send = fake_send;
    t.app.settings.webhook_private = true;
    t.app.settings.public_url = "http://h/";
    if (trib_durable_module.start(&t.app, &module, &err) != TRIB_OK) fail_msg("%s", err.message);
}

static void stop_all(void) {
    app_test_stop(&t);
    t.app.env = &t.env.env;
    trib_durable_module.stop(module);
}

static int setup(void **state) {
    (void)state;
    sent = 0;
    receive(200, "{}");
    if (app_test_start(&t, true, NULL) != TRIB_OK) return -1;
    start_module();
    return app_test_change(&t, TRIB_CONTROL_CREATE, "a", NULL) == TRIB_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    stop_all();
    app_test_cleanup(&t);
    return 0;
}

static void restart(void) {
    int64_t offset_ns = atomic_load(&t.env.offset_ns);
    stop_all();
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    pass_ms(offset_ns / 1000000);
    start_module();
}

#define HOOK(more) "{\"type\":\"webhook\",\"webhook\":{\"url\":\"http://localhost/h\"},\"lease_ttl_ms\":60000," more "}"
#define PULL(more) "{\"type\":\"pull-wake\",\"wake_stream\":\"wake\",\"lease_ttl_ms\":60000," more "}"

/* ---- tests ---- */

static void done_acknowledges_what_the_webhook_said(void **state) {
    (void)state;
    receive(200, "{\"done\":true}");
    assert_int_equal(stream("events/old", "[1,2,3]"), 201);
    assert_int_equal(put("s", HOOK("\"pattern\":\"events/*\"")), 201);
    assert_non_null(strstr(answer, "{\"path\":\"events/old\",\"link_type\":\"glob\",\"acked_offset\":\"" OFFSET("3")));
    tick(20);
    assert_int_equal(count_sent(), 0); /* what was there before is not told */
    assert_int_equal(append("events/old", "4"), 204);
    tick_until("s", "\"acked_offset\":\"" OFFSET("4"));
    assert_non_null(strstr(got, "\"tail_offset\":\"" OFFSET("4") "\",\"has_pending\":true"));
    assert_non_null(strstr(got, "\"callback_url\":\"http://h/a/v1/stream/__ds/subscriptions/s/callback\""));
    assert_int_equal(stream("events/new", "[1,2]"), 201);
    tick_until("s", "{\"path\":\"events/new\",\"link_type\":\"glob\",\"acked_offset\":\"" OFFSET("2"));
    assert_int_equal(count_sent(), 2);
    assert_int_equal(append("other", "1"), 404);
    assert_int_equal(stream("other", "[1]"), 201);
    tick(30);
    assert_int_equal(count_sent(), 2);
}

static void a_callback_acknowledges_once_and_is_fenced_then(void **state) {
    char wake[sizeof got];
    (void)state;
    put("s", HOOK("\"pattern\":\"**\""));
    stream("x", "[1,2,3]");
    tick_until_sent(1);
    memcpy(wake, got, sizeof wake);
    assert_int_equal(settle("callback", "s", wake, ",\"acks\":[{\"stream\":\"x\",\"offset\":\"" OFFSET("4") "\"}]"),
                     409);
    assert_non_null(strstr(answer, "INVALID_OFFSET"));
    assert_int_equal(settle("callback", "s", wake, ",\"acks\":[{\"stream\":\"y\",\"offset\":\"" OFFSET("1") "\"}]"),
                     409);
    assert_int_equal(settle("callback", "s", wake, ",\"acks\":[{\"stream\":\"x\",\"offset\":\"" OFFSET("2") "\"}]"),
                     200);
    assert_string_equal(answer, "{\"ok\":true,\"next_wake\":false}");
    assert_int_equal(settle("callback", "s", wake, ",\"acks\":[{\"stream\":\"x\",\"offset\":\"" OFFSET("1") "\"}]"),
                     409);
    assert_int_equal(settle("callback", "s", wake, ",\"done\":true"), 200);
    assert_string_equal(answer, "{\"ok\":true,\"next_wake\":true}"); /* the third is not acknowledged */
    assert_int_equal(settle("callback", "s", wake, ",\"done\":true"), 409);
    assert_non_null(strstr(answer, "{\"error\":{\"code\":\"FENCED\""));
    tick_until_sent(2);
    assert_non_null(strstr(got, "\"generation\":2"));
    assert_string_not_equal(text_of(got, "wake_id"), text_of(wake, "wake_id"));
    assert_int_equal(settle("ack", "s", got, ""), 400); /* it has a webhook */
    assert_int_equal(settle("callback", "r", got, ""), 401);
    assert_non_null(strstr(answer, "TOKEN_INVALID"));
}

static void what_cannot_be_sent_is_sent_again_later(void **state) {
    char wake[60];
    (void)state;
    receive(500, "{\"done\":true}");
    put("s", HOOK("\"streams\":[\"x\"]"));
    stream("x", "[1]");
    tick_until("s", "\"status\":\"failed\"");
    assert_non_null(strstr(answer, "\"failures\":1,\"last_error\":\"HTTP status 500\""));
    snprintf(wake, sizeof wake, "%s", text_of(got, "wake_id"));
    tick(50);
    assert_int_equal(count_sent(), 1); /* a second has not passed */
    receive(0, "");
    pass_ms(1000);
    tick_until("s", "\"failures\":2,\"last_error\":\"nobody is there\"");
    receive(200, "{\"done\":true}");
    pass_ms(2000);
    tick_until("s", "\"acked_offset\":\"" OFFSET("1"));
    assert_string_equal(text_of(got, "wake_id"), wake);
    assert_non_null(strstr(answer, "\"status\":\"active\""));
    assert_int_equal(count_sent(), 3);
}

static void a_lease_that_is_over_wakes_anew(void **state) {
    char wake[sizeof got];
    (void)state;
    put("s", HOOK("\"streams\":[\"x\"]"));
    stream("x", "[1]");
    tick_until_sent(1);
    tick(50);
    assert_int_equal(count_sent(), 1);
    memcpy(wake, got, sizeof wake);
    pass_ms(45000);
    assert_int_equal(settle("callback", "s", wake, ""), 200); /* needs more time */
    pass_ms(45000);
    tick(50);
    assert_int_equal(count_sent(), 1);
    pass_ms(20000);
    assert_int_equal(settle("callback", "s", wake, ",\"done\":true"), 409);
    tick_until_sent(2);
    assert_non_null(strstr(got, "\"generation\":2"));
}

static void workers_claim_one_after_the_other(void **state) {
    char first[1 << 12];
    (void)state;
    stream("wake", "[]");
    assert_int_equal(put("s", PULL("\"pattern\":\"**\"")), 201);
    assert_int_equal(claim("s"), 409);
    assert_non_null(strstr(answer, "NO_PENDING_WORK"));
    stream("x", "[1,2]");
    for (int i = 0; i < 3000 && !strstr(answer, "\"subscription_id\":\"s\""); i++) {
        tick(1);
        call("GET", "/v1/stream/*", "wake", NULL, "");
    }
    assert_non_null(
        strstr(answer, "[{\"type\":\"wake\",\"subscription_id\":\"s\",\"stream\":\"x\",\"generation\":1,\"ts\":"));
    assert_int_equal(claim("s"), 200);
    snprintf(first, sizeof first, "%.4000s", answer);
    assert_int_equal(claim("s"), 409);
    assert_non_null(strstr(answer, "\"code\":\"ALREADY_CLAIMED\""));
    assert_non_null(strstr(answer, "\"current_holder\":\"w1\",\"generation\":1"));
    pass_ms(61000);
    assert_int_equal(claim("s"), 200); /* the lease was over */
    assert_non_null(strstr(answer, "\"generation\":2"));
    snprintf(got, sizeof got, "%.4000s", answer);
    assert_int_equal(settle("ack", "s", first, ",\"done\":true"), 409);
    assert_int_equal(settle("release", "s", got, ""), 204);
    assert_int_equal(settle("release", "s", got, ""), 409);
    assert_int_equal(claim("s"), 200);
    snprintf(got, sizeof got, "%.4000s", answer);
    assert_int_equal(
        settle("ack", "s", got, ",\"done\":true,\"acks\":[{\"stream\":\"x\",\"offset\":\"" OFFSET("2") "\"}]"), 200);
    assert_string_equal(answer, "{\"ok\":true,\"next_wake\":false}");
    tick(50);
    /* its own wake stream fits the pattern, and wakes nobody */
    assert_int_equal(claim("s"), 409);
}

static void what_was_acknowledged_is_not_told_again_by_the_next_process(void **state) {
    (void)state;
    put("s", HOOK("\"pattern\":\"**\""));
    stream("x", "[1]");
    tick_until_sent(1);
    assert_int_equal(
        settle("callback", "s", got, ",\"done\":true,\"acks\":[{\"stream\":\"x\",\"offset\":\"" OFFSET("1") "\"}]"),
        200);
    restart();
    tick(100);
    assert_int_equal(count_sent(), 1);
    append("x", "2");
    tick_until_sent(2); /* and nobody settles it */
    restart();
    pass_ms(61000);
    tick_until_sent(3);
    assert_non_null(strstr(got, "\"acked_offset\":\"" OFFSET("1") "\",\"tail_offset\":\"" OFFSET("2")));
    tick(50); /* what became of it is settled, and its lease begins */
    receive(500, "");
    pass_ms(61000);
    tick_until("s", "\"status\":\"failed\"");
    int n = count_sent();
    restart();
    get("s"); /* the schedule of what failed is kept, too */
    assert_non_null(strstr(answer, "\"failures\":1"));
    receive(200, "{\"done\":true}");
    pass_ms(61000);
    tick_until("s", "\"acked_offset\":\"" OFFSET("2"));
    assert_int_equal(count_sent(), n + 1);
}

static void streams_that_end_and_begin_anew_are_told_from_their_begin(void **state) {
    (void)state;
    receive(200, "{\"done\":true}");
    put("s", HOOK("\"pattern\":\"g/*\",\"streams\":[\"x\"]"));
    stream("x", "[1,2,3]");
    stream("g/y", "[1]");
    tick_until("s", OFFSET("3"));
    tick_until("s", "\"path\":\"g/y\"");
    assert_int_equal(call("DELETE", "/v1/stream/*", "x", NULL, ""), 204);
    assert_int_equal(call("DELETE", "/v1/stream/*", "g/y", NULL, ""), 204);
    get("s");
    assert_null(strstr(answer, "g/y"));
    assert_non_null(strstr(answer, "{\"path\":\"x\",\"link_type\":\"explicit\",\"acked_offset\":\"" OFFSET("0")));
    stream("x", "[1]");
    tick_until("s", "{\"path\":\"x\",\"link_type\":\"explicit\",\"acked_offset\":\"" OFFSET("1"));
}

static void links_by_name_come_and_go(void **state) {
    (void)state;
    stream("a/1", "[1,2]");
    put("s", HOOK("\"pattern\":\"a/*\""));
    assert_int_equal(call("POST", SUBS "/:id/streams", "s", NULL, "{\"streams\":[\"/a/1\",\"b\"]}"), 204);
    get("s");
    assert_non_null(strstr(answer, "{\"path\":\"a/1\",\"link_type\":\"explicit\",\"acked_offset\":\"" OFFSET("2")));
    assert_int_equal(call("DELETE", SUBS "/:id/streams/*", "s", "a/1", ""), 204);
    assert_int_equal(call("DELETE", SUBS "/:id/streams/*", "s", "b", ""), 204);
    assert_int_equal(call("DELETE", SUBS "/:id/streams/*", "s", "b", ""), 204);
    get("s");
    assert_non_null(
        strstr(answer, "\"streams\":[{\"path\":\"a/1\",\"link_type\":\"glob\",\"acked_offset\":\"" OFFSET("2") "\"}]"));
    assert_int_equal(call("POST", SUBS "/:id/streams", "none", NULL, "{\"streams\":[\"b\"]}"), 404);
    assert_int_equal(call("POST", SUBS "/:id/streams", "s", NULL, "{}"), 400);
}

static void a_subscription_is_made_once_and_deleted_for_good(void **state) {
    (void)state;
    assert_int_equal(get("s"), 404);
    assert_int_equal(put("s", HOOK("\"streams\":[\"x\"]")), 201);
    assert_int_equal(put("s", HOOK("\"streams\":[\"x\",\"x\"]")), 200);
    assert_int_equal(put("s", HOOK("\"streams\":[\"y\"]")), 409);
    assert_non_null(strstr(answer, "{\"error\":{\"code\":\"SUBSCRIPTION_ALREADY_EXISTS\""));
    assert_int_equal(call("GET", SUBS, NULL, NULL, ""), 200);
    assert_non_null(strstr(answer, "{\"subscriptions\":[{\"id\":\"s\""));
    stream("x", "[1]");
    tick_until_sent(1);
    assert_int_equal(call("DELETE", SUBS "/:id", "s", NULL, ""), 204);
    assert_int_equal(call("DELETE", SUBS "/:id", "s", NULL, ""), 204);
    assert_int_equal(settle("callback", "s", got, ",\"done\":true"), 404);
    assert_int_equal(put("s", HOOK("\"streams\":[\"y\"]")), 201);
    assert_int_equal(settle("callback", "s", got, ",\"done\":true"), 409);
    for (int i = 1; i < DURABLE_SUBS_PER_TENANT_MAX; i++) {
        char id[20];
        snprintf(id, sizeof id, "s%d", i);
        assert_int_equal(put(id, HOOK("\"streams\":[\"y\"]")), 201);
    }
    assert_int_equal(put("one-more", HOOK("\"streams\":[\"y\"]")), 429);
}

static trib_code move_away(void *ctx, trib_handle *handle, trib_error *err) {
    (void)ctx;
    return trib_db_start_run(handle, "UPDATE _trib_ds_sub SET home = 'another'", NULL, 0, NULL, NULL, err);
}

static void those_of_the_database_that_this_is_a_copy_of_are_none(void **state) {
    (void)state;
    put("s", HOOK("\"pattern\":\"**\""));
    trib_tenant *tenant = trib_control_find(t.app.control, TRIB_STR("a"));
    assert_int_equal(trib_db_start(&t.app, tenant, move_away, NULL, NULL), TRIB_OK);
    trib_tenant_unref(tenant);
    assert_int_equal(stream("x", "[1]"), 201);
    tick(50);
    assert_int_equal(count_sent(), 0);
    assert_int_equal(get("s"), 404);
    assert_int_equal(put("s", HOOK("\"pattern\":\"y\"")), 201);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(done_acknowledges_what_the_webhook_said),
        TEST(a_callback_acknowledges_once_and_is_fenced_then),
        TEST(what_cannot_be_sent_is_sent_again_later),
        TEST(a_lease_that_is_over_wakes_anew),
        TEST(workers_claim_one_after_the_other),
        TEST(what_was_acknowledged_is_not_told_again_by_the_next_process),
        TEST(streams_that_end_and_begin_anew_are_told_from_their_begin),
        TEST(links_by_name_come_and_go),
        TEST(a_subscription_is_made_once_and_deleted_for_good),
        TEST(those_of_the_database_that_this_is_a_copy_of_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
