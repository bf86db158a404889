/* SPDX-License-Identifier: Apache-2.0 */
/* Deals that change while somebody is looked for, and jobs that are given back: with the modules that take part, and
 * requests as they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/db_start.h"
#include "core/motion.h"
#include "features/deals/deals.h"
#include "features/dispatch/dispatch_int.h"
#include "features/streams/streams.h"
#include "support/app_test.h"

static app_test t;
static dispatch_module *m;
static const trib_module *const modules[] = {&trib_streams_module, &trib_deals_module, &trib_dispatch_module};
static void *states[3];
static const char *const names[] = {"ali", "rami", "sara"};
static char text[400];

static void start_modules(void) {
    for (int i = 0; i < 3; i++) assert_int_equal(modules[i]->start(&t.app, &states[i], NULL), TRIB_OK);
    m = states[2];
}

static void stop_app(void) {
    app_test_stop(&t);
    for (int i = 2; i >= 0; i--) modules[i]->stop(states[i]);
}

static trib_code take_text(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)ctx, (void)err;
    trib_value value = trib_stmt_col_value(stmt, 0);
    if (value.type == TRIB_VALUE_INTEGER) snprintf(text, sizeof text, "%lld", (long long)value.integer);
    else snprintf(text, sizeof text, "%.*s", TRIB_STR_ARG(value.bytes));
    return TRIB_OK;
}

static trib_code run_sql(void *ctx, trib_handle *handle, trib_error *err) {
    return trib_db_start_run(handle, ctx, NULL, 0, take_text, NULL, err);
}

/* The first column of the last row. */
static const char *sql(const char *name, const char *statement) {
    trib_tenant *tenant = trib_control_find(t.app.control, trib_str_c(name));
    trib_error err;
    text[0] = '\0';
    if (trib_db_start(&t.app, tenant, run_sql, (void *)(uintptr_t)statement, &err) != TRIB_OK)
        fail_msg("%s: %s", statement, err.message);
    trib_tenant_unref(tenant);
    return text;
}

static int setup(void **state) {
    (void)state;
    if (app_test_start(&t, true, NULL) != TRIB_OK) return -1;
    start_modules();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, names[i], NULL), TRIB_OK);
        sql(names[i], "CREATE TABLE nodes(id TEXT PRIMARY KEY, parentId TEXT, nodeType TEXT, title TEXT, createdAt "
                      "TEXT, payload TEXT)");
        sql(names[i], "CREATE TABLE points(id TEXT PRIMARY KEY, nodeId TEXT, qty REAL, price REAL, currency TEXT, "
                      "availability TEXT, locationText TEXT, lat REAL, lng REAL, openNow BOOLEAN)");
        if (i == 0) continue;
        sql(names[i], "INSERT INTO nodes(id, nodeType) VALUES ('d', 'driver')");
        sql(names[i], "INSERT INTO points(id, nodeId, availability, openNow) VALUES ('p', 'd', 'idle', true)");
    }
    return 0;
}

static int teardown(void **state) {
    (void)state;
    stop_app();
    app_test_cleanup(&t);
    return 0;
}

/* What a router finds: the route, what its module's start gave, and the segments of the path that have a name; NULL:
 * none. */
static const trib_route *asked_route;
static void *asked_state;
static const char *asked_params[2];

static void hand_over(trib_http_request *request) {
    request->route = asked_route;
    request->method = trib_str_c(asked_route->method);
    request->module_state = asked_state;
    for (int i = 0; i < 2; i++) request->path_params[i] = trib_str_c(asked_params[i]);
    request->path_param_count = 2;
    asked_route->handle(request);
}

static void ask(int module, const char *method, const char *path, const char *who, const char *id, const char *action,
                const char *body) {
    static trib_principal principal;
    trib_tenant *tenant = trib_control_find(t.app.control, trib_str_c(who));
    http_test h;
    asked_route = NULL;
    for (size_t i = 0; i < modules[module]->route_count; i++) {
        const trib_route *route = &modules[module]->routes[i];
        if (strcmp(route->path, path) == 0 && strcmp(route->method, method) == 0) asked_route = route;
    }
    assert_non_null(asked_route);
    asked_state = states[module];
    asked_params[0] = id;
    asked_params[1] = action;
    app_test_principal(&principal, 1);
    http_test_begin(&t, &h, hand_over, tenant, &principal, body);
    const char *answer = http_test_wait(&t, &h);
    if (h.status / 100 != 2) fail_msg("%s %s %s: %d %s", who, path, action ? action : "", h.status, answer);
    http_test_end(&h);
    trib_tenant_unref(tenant);
}

static void ride_does(const char *who, const char *action, const char *body) {
    ask(1, "POST", "/api/rides/:id/:action", who, "r1", action, body);
}

static void here(const char *who) {
    trib_tenant *tenant = trib_control_find(t.app.control, trib_str_c(who));
    assert_int_equal(trib_motion_ping(t.app.motion, tenant, TRIB_STR("p"), 25, 55, NULL), TRIB_OK);
    trib_tenant_unref(tenant);
}

/* Rounds and their commands, until it says so. */
static void until(const char *name, const char *statement, const char *want) {
    for (int i = 0; i < 8000 && strcmp(sql(name, statement), want) != 0; i++) {
        trib_app_tick(&t.app);
        usleep(500);
    }
    assert_string_equal(text, want);
}

static void pass_rounds(int count) {
    for (int i = 0; i < count * 20; i++) {
        m->not_before_ns = 0;
        trib_app_tick(&t.app);
        usleep(200);
    }
}

static const char point[] = "SELECT availability || openNow FROM points";

static void look_for_somebody(const char *at, const char *more) {
    char body[200];
    ask(1, "POST", "/api/rides", "ali", NULL, NULL, "{\"id\":\"r1\",\"from\":\"a\",\"to\":\"b\",\"fare\":10}");
    snprintf(body, sizeof body, "{\"streamId\":\"r1\",\"lat\":%s,\"lng\":55,\"offerSeconds\":600%s}", at, more);
    ask(2, "POST", "/api/dispatch", "ali", NULL, NULL, body);
    here("rami");
}

static void offer_to_rami(void) {
    look_for_somebody("25", "");
    until("rami", point, "offered1");
}

static void expect_nothing_left(void) {
    until("rami", point, "idle1");
    until("streams", "SELECT count(*) FROM _trib_dispatch_owed", "0");
    assert_string_equal(sql("streams", "SELECT count(*) FROM _trib_dispatch"), "0");
    assert_string_equal(sql("streams", "SELECT count(*) FROM _trib_dispatch_look"), "0");
}

/* His offer would be open for ten minutes, and no command of the deal has his database: a round finds out and tells
 * him. */
static void a_cancelled_deal_frees_who_is_offered_it(void **state) {
    (void)state;
    offer_to_rami();
    ride_does("ali", "cancel", "{\"reason\":\"late\"}");
    expect_nothing_left();
}

static void so_does_one_that_a_gateway_cancels(void **state) {
    (void)state;
    offer_to_rami();
    ask(0, "POST", "/api/streams/:id/events", "streams", "r1", NULL,
        "{\"events\":[{\"opcode\":604,\"delta\":0,\"payload\":{\"reason\":\"no\"}}]}");
    expect_nothing_left();
}

static void so_does_a_job_that_somebody_else_gets_by_name(void **state) {
    (void)state;
    offer_to_rami();
    ride_does("ali", "assign", "{\"driver\":\"sara\"}");
    expect_nothing_left();
    assert_string_equal(sql("sara", point), "en-route0");
}

static void so_does_a_search_that_is_stopped(void **state) {
    (void)state;
    offer_to_rami();
    ask(2, "DELETE", "/api/dispatch/:id", "ali", "r1", NULL, "");
    expect_nothing_left();
}

static void a_search_ends_with_its_deal_where_nobody_is_near(void **state) {
    (void)state;
    look_for_somebody("26", ",\"maxDistance\":10");
    ride_does("ali", "cancel", "{}");
    until("streams", "SELECT count(*) FROM _trib_dispatch", "0");
}

static void a_stop_beside_it_changes_nothing(void **state) {
    (void)state;
    offer_to_rami();
    ride_does("ali", "cancel", "{}");
    stop_app();
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    start_modules();
    expect_nothing_left();
}

static void an_offer_outlives_what_does_not_matter(void **state) {
    (void)state;
    offer_to_rami();
    ride_does("ali", "comment", "{\"text\":\"a blue door\"}");
    assert_string_equal(sql("streams", "SELECT count(*) FROM _trib_dispatch_look"), "1");
    until("streams", "SELECT count(*) FROM _trib_dispatch_look", "0");
    pass_rounds(5);
    assert_string_equal(sql("rami", point), "offered1");
    assert_string_equal(sql("streams", "SELECT count(*) FROM _trib_dispatch WHERE tenantId IS NOT NULL"), "1");
}

static void a_worker_who_is_free_again_gets_what_waits(void **state) {
    (void)state;
    offer_to_rami();
    ask(1, "POST", "/api/rides", "ali", NULL, NULL, "{\"id\":\"r2\",\"from\":\"a\",\"to\":\"b\",\"fare\":10}");
    ask(2, "POST", "/api/dispatch", "ali", NULL, NULL, "{\"streamId\":\"r2\",\"lat\":25,\"lng\":55}");
    pass_rounds(5);
    ride_does("ali", "cancel", "{}");
    until("streams", "SELECT streamId FROM _trib_dispatch WHERE tenantId IS NOT NULL", "r2");
    until("rami", point, "offered1");
}

/* By itself, as it was asked for, and not for him who has given it back: he is the only one who is there, and stays
 * idle. */
static void a_job_that_is_given_back_is_looked_for_again(void **state) {
    (void)state;
    look_for_somebody("25", ",\"auto\":true");
    until("rami", point, "en-route0");
    assert_string_equal(sql("streams", "SELECT count(*) FROM _trib_dispatch"), "0");
    ride_does("rami", "release", "{\"reason\":\"flat tyre\"}");
    assert_string_equal(sql("rami", point), "idle1");
    assert_string_equal(sql("streams", "SELECT count(*) FROM _trib_dispatch"), "1");
    pass_rounds(10);
    assert_string_equal(sql("rami", point), "idle1");
    here("sara");
    until("sara", point, "en-route0");
    assert_string_equal(sql("streams", "SELECT count(*) FROM _trib_dispatch"), "0");
}

static void one_that_nobody_was_looked_for_waits_for_whoever_gives_it_away(void **state) {
    (void)state;
    ask(1, "POST", "/api/rides", "ali", NULL, NULL, "{\"id\":\"r1\",\"from\":\"a\",\"to\":\"b\",\"fare\":10}");
    ride_does("ali", "assign", "{\"driver\":\"rami\"}");
    ride_does("rami", "release", "{}");
    assert_string_equal(sql("streams", "SELECT count(*) FROM _trib_dispatch"), "0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_cancelled_deal_frees_who_is_offered_it, setup, teardown),
        cmocka_unit_test_setup_teardown(so_does_one_that_a_gateway_cancels, setup, teardown),
        cmocka_unit_test_setup_teardown(so_does_a_job_that_somebody_else_gets_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(so_does_a_search_that_is_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_search_ends_with_its_deal_where_nobody_is_near, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_beside_it_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(an_offer_outlives_what_does_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(a_worker_who_is_free_again_gets_what_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_job_that_is_given_back_is_looked_for_again, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_nobody_was_looked_for_waits_for_whoever_gives_it_away, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
