/* SPDX-License-Identifier: Apache-2.0 */
/* Which job of a deal somebody can be given now, and which comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/db_start.h"
#include "features/deals/deals_int.h"
#include "features/streams/streams.h"
#include "support/app_test.h"

static app_test t;
static void *streams_state, *deals_state;

static int setup(void **state) {
    (void)state;
    if (app_test_start(&t, true, NULL) != TRIB_OK) return -1;
    if (trib_streams_module.start(&t.app, &streams_state, NULL) != TRIB_OK) return -1;
    return trib_deals_module.start(&t.app, &deals_state, NULL) == TRIB_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    app_test_stop(&t);
    trib_deals_module.stop(deals_state);
    trib_streams_module.stop(streams_state);
    app_test_cleanup(&t);
    return 0;
}

/* A statement, or what the deals say of the deal "d": the job of this role that somebody can be given now, of an empty
 * one the first. */
typedef struct question {
    const char *statement;
    trib_str role;
    trib_deal_job job;
    trib_code code;
} question;

static trib_code run(void *ctx, trib_handle *handle, trib_error *err) {
    question *q = ctx;
    trib_arena arena;
    trib_stream s;
    trib_error why;
    if (q->statement) return trib_db_start_run(handle, q->statement, NULL, 0, NULL, NULL, err);
    trib_arena_init(&arena, 1 << 20);
    trib_stream_txn txn = {.app = &t.app, .handle = handle, .arena = &arena};
    trib_code code = trib_stream_load(&txn, TRIB_STR("d"), &s, err);
    if (code == TRIB_OK) q->code = t.app.deal_jobs.find(deals_state, &txn, &s, q->role, &q->job, &why);
    trib_arena_deinit(&arena);
    return code;
}

static void inside(question *q) {
    trib_tenant *streams = trib_control_find(t.app.control, TRIB_STR("streams"));
    trib_error err;
    if (trib_db_start(&t.app, streams, run, q, &err) != TRIB_OK) fail_msg("%s", err.message);
    trib_tenant_unref(streams);
}

static void event(int opcode, const char *node, const char *payload) {
    static int number;
    char statement[500];
    snprintf(statement, sizeof statement, "INSERT INTO events VALUES ('e%d', 'd', %d, %s, NULL, %d, '%s', '2026')",
             number++, opcode, node, opcode == 501 ? 5 : 0, payload);
    question q = {.statement = statement};
    inside(&q);
}

static void expect(const char *role, const char *found) {
    question q = {.role = trib_str_c(role)};
    inside(&q);
    if (found) assert_int_equal(q.code, TRIB_OK);
    else assert_int_equal(q.code, TRIB_BAD_TRANSITION);
    if (found) assert_string_equal(q.job.role, found);
}

static void a_job_that_is_done_is_nobody_elses(void **state) {
    (void)state;
    event(501, "'d'",
          "{\"streamType\":\"grocery\",\"customer\":\"ali\",\"store\":\"bab\",\"items\":[{\"id\":\"x\",\"qty\":1,"
          "\"price\":5}]}");
    expect("", NULL);
    event(301, "'d'", "{}");
    expect("", "picker");
    expect("driver", "driver");
    event(302, "'pia'", "{\"task\":\"picking\",\"picker\":\"pia\"}");
    expect("", "driver");
    expect("picker", NULL);
    event(303, "'d'", "{}");
    event(305, "'d'", "{\"task\":\"picking\"}");
    expect("", "driver");
    expect("picker", NULL);
}

static void a_ride_that_is_given_back_needs_a_driver_again(void **state) {
    question q = {.role = TRIB_STR("")};
    (void)state;
    event(601, "'d'", "{\"passenger\":\"ali\"}");
    inside(&q);
    assert_int_equal(q.code, TRIB_OK);
    assert_true(q.job.may_come_back && q.job.one_at_a_time);
    event(302, "'rami'", "{\"driver\":\"rami\"}");
    expect("", NULL);
    event(309, "'d'", "{}");
    expect("", "driver");
}

static void an_order_keeps_its_driver(void **state) {
    question q = {.role = TRIB_STR("")};
    (void)state;
    event(501, "'d'", "{\"customer\":\"ali\",\"restaurant\":\"bab\",\"items\":[{\"id\":\"x\",\"qty\":1,\"price\":5}]}");
    event(301, "'d'", "{}");
    inside(&q);
    assert_int_equal(q.code, TRIB_OK);
    assert_false(q.job.may_come_back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_that_is_done_is_nobody_elses, setup, teardown),
        cmocka_unit_test_setup_teardown(a_ride_that_is_given_back_needs_a_driver_again, setup, teardown),
        cmocka_unit_test_setup_teardown(an_order_keeps_its_driver, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
