/* SPDX-License-Identifier: Apache-2.0 */
/* Streams and their timers in an app whose clock the test moves: place() a stream, pass_ms(), tick(), look(). */
#ifndef TESTS_UNIT_FEATURES_TIMERS_TIMERS_TEST_H
#define TESTS_UNIT_FEATURES_TIMERS_TIMERS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/db_start.h"
#include "features/streams/streams.h"
#include "features/timers/timers_int.h"
#include "support/app_test.h"

enum { MINUTE = 60 * 1000 };

static app_test t;
static void *streams_state;
static timers_module *m;
static _Atomic int64_t jump_ms; /* of the wall clock alone */
static char text[8192];

static int64_t jumping_wall(void *ctx) {
    return env_test_wall(ctx) + atomic_load(&jump_ms);
}

static void start_modules(void) {
    void *state = NULL;
    t.env.env.wall_ms = jumping_wall;
    assert_int_equal(trib_streams_module.start(&t.app, &streams_state, NULL), TRIB_OK);
    assert_int_equal(trib_timers_module.start(&t.app, &state, NULL), TRIB_OK);
    m = state;
}

static void stop_app(void) {
    app_test_stop(&t);
    trib_timers_module.stop(m);
    trib_streams_module.stop(streams_state);
}

static int setup(void **state) {
    (void)state;
    atomic_store(&jump_ms, 0);
    if (app_test_start(&t, true, NULL) != TRIB_OK) return -1;
    start_modules();
    return 0;
}

static __attribute__((unused)) int teardown(void **state) {
    (void)state;
    stop_app();
    app_test_cleanup(&t);
    return 0;
}

static __attribute__((unused)) void restart(void) {
    stop_app();
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    start_modules();
}

static trib_code run_sql(void *ctx, trib_handle *handle, trib_error *err) {
    return trib_db_start_run(handle, ctx, NULL, 0, NULL, NULL, err);
}

static trib_tenant *streams_tenant(void) {
    trib_tenant *tenant = trib_control_find(t.app.control, TRIB_STR("streams"));
    trib_tenant_unref(tenant);
    return tenant;
}

static void sql(const char *statement) {
    trib_error err;
    if (trib_db_start(&t.app, streams_tenant(), run_sql, (void *)(uintptr_t)statement, &err) != TRIB_OK)
        fail_msg("%s: %s", statement, err.message);
}

static trib_code take_text(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)ctx, (void)err;
    size_t n = strlen(text);
    trib_value value = trib_stmt_col_value(stmt, 0);
    if (value.type == TRIB_VALUE_INTEGER)
        snprintf(text + n, sizeof text - n, "%s%lld", n ? " " : "", (long long)value.integer);
    else snprintf(text + n, sizeof text - n, "%s%.*s", n ? " " : "", TRIB_STR_ARG(value.bytes));
    return TRIB_OK;
}

static trib_code run_ask(void *ctx, trib_handle *handle, trib_error *err) {
    return trib_db_start_run(handle, ctx, NULL, 0, take_text, NULL, err);
}

/* The first column of all rows. */
static const char *look(const char *statement) {
    text[0] = '\0';
    assert_int_equal(trib_db_start(&t.app, streams_tenant(), run_ask, (void *)(uintptr_t)statement, NULL), TRIB_OK);
    return text;
}

static void pass_ms(int64_t ms) {
    atomic_fetch_add(&t.env.offset_ns, ms * 1000000);
}

/* Rounds until there is nothing left to do. */
static void tick(void) {
    m->not_before_ns = 0;
    atomic_store(&m->news, true); /* a commit is told of a moment after it is answered */
    do {
        trib_app_tick(&t.app);
        if (m->under_way) usleep(500);
    } while (m->under_way || m->round.more);
}

static __attribute__((unused)) void place(const char *id) {
    char statement[400];
    snprintf(statement, sizeof statement,
             "INSERT INTO events VALUES ('%s-1', '%s', 501, '%s', NULL, 5, "
             "'{\"customer\":\"ali\",\"restaurant\":\"bab\",\"items\":[{\"qty\":1,\"price\":5}]}', '2026')",
             id, id, id);
    sql(statement);
}

#endif
