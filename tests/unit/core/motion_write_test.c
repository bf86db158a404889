/* SPDX-License-Identifier: Apache-2.0 */
/* Positions come into the tenants' databases, by ticks and at the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/db_start.h"
#include "core/motion_write.h"
#include "support/app_test.h"

static app_test t;
static trib_tenant *rami;

static trib_code take(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(double *)ctx = trib_stmt_col_value(stmt, 0).real;
    return TRIB_OK;
}

typedef struct test_sql {
    const char *text;
    double value;
} test_sql;

static trib_code run_sql(void *ctx, trib_handle *handle, trib_error *err) {
    test_sql *sql = ctx;
    return trib_db_start_run(handle, sql->text, NULL, 0, take, &sql->value, err);
}

static double sql(const char *text) {
    trib_error err = {0};
    test_sql sql = {.text = text};
    if (trib_db_start(&t.app, rami, run_sql, &sql, &err) != TRIB_OK) fail_msg("%s: %s", text, err.message);
    return sql.value;
}

static int setup(void **state) {
    (void)state;
    if (app_test_start_with_tenant(&t, "rami", &rami) != TRIB_OK) return -1;
    sql("CREATE TABLE nodes(id TEXT PRIMARY KEY, nodeType TEXT)");
    sql("CREATE TABLE points(id TEXT PRIMARY KEY, nodeId TEXT, lat REAL, lng REAL)");
    sql("INSERT INTO nodes VALUES ('rami', 'driver'), ('x', 'shop')");
    sql("INSERT INTO points VALUES ('a', 'x', 0, 0), ('pt', 'rami', 0, 0)");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    app_test_end_with_tenant(&t, rami);
    return 0;
}

static trib_code ping(const char *point, double lat, double lng) {
    return trib_motion_ping(t.app.motion, rami, trib_str_c(point), lat, lng, NULL);
}

static void positions_come_into_the_database_by_ticks(void **state) {
    (void)state;
    assert_int_equal(ping("", 1.5, 2), TRIB_OK);
    assert_int_equal(ping("a", 3.5, 4), TRIB_OK);
    for (int i = 0; i < 2000 && (sql("SELECT lat FROM points WHERE id = 'pt'") != 1.5 ||
                                 sql("SELECT lat FROM points WHERE id = 'a'") != 3.5);
         i++)
        trib_app_tick(&t.app);
    assert_true(sql("SELECT lng FROM points WHERE id = 'pt'") == 2);
    assert_true(sql("SELECT lng FROM points WHERE id = 'a'") == 4);
}

/* Pings that name no point, a second apart, until that one has come to a position of them. */
static bool comes_to(const char *point) {
    static double lat;
    char text[80];
    lat += 0.5;
    snprintf(text, sizeof text, "SELECT lat FROM points WHERE id = '%s'", point);
    for (int i = 0; i < 2000; i++) {
        if (ping("", lat, 1) != TRIB_OK) return false;
        trib_app_tick(&t.app);
        if (sql(text) == lat) return true;
        atomic_fetch_add(&t.env.offset_ns, 1000000000);
    }
    return false;
}

static void who_does_not_say_which_is_the_driver_or_the_picker_or_the_courier(void **state) {
    (void)state;
    sql("DELETE FROM points WHERE id = 'pt'");
    sql("INSERT INTO nodes VALUES ('k', 'courier'), ('p', 'picker')");
    sql("INSERT INTO points VALUES ('k1', 'k', 0, 0)");
    assert_true(comes_to("k1"));
    sql("INSERT INTO points VALUES ('p1', 'p', 0, 0)");
    assert_true(comes_to("p1"));
    sql("INSERT INTO points VALUES ('pt', 'rami', 0, 0), ('p0', 'p', 0, 0)");
    assert_true(comes_to("pt"));
    assert_true(sql("SELECT max(lat) FROM points WHERE id IN ('a', 'p0')") == 0);
}

static void who_has_no_such_point_is_told_with_a_later_ping(void **state) {
    (void)state;
    assert_int_equal(ping("none", 1, 1), TRIB_OK);
    trib_code code = TRIB_OK;
    for (int i = 0; i < 100000 && code == TRIB_OK; i++) {
        trib_app_tick(&t.app);
        code = ping("none", 1, 1);
    }
    assert_int_equal(code, TRIB_NOT_FOUND);
}

static void what_was_not_written_is_at_the_end(void **state) {
    (void)state;
    char id[TRIB_DB_ID_BYTES + 1];
    memcpy(id, rami->id, sizeof id);
    for (int i = 0; i <= 50; i++) assert_int_equal(ping("pt", i, i + 0.5), TRIB_OK);
    trib_tenant_unref(rami);
    app_test_stop(&t);
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    rami = trib_control_find(t.app.control, TRIB_STR("rami"));
    assert_true(sql("SELECT lng FROM points WHERE id = 'pt'") == 50.5);
}

static void a_trigger_of_the_tenant_has_the_rights_of_the_tenant(void **state) {
    (void)state;
    sql("CREATE TABLE _trib_secret(x REAL)");
    sql("CREATE TRIGGER mine AFTER UPDATE ON points BEGIN INSERT INTO _trib_secret VALUES (1); END");
    assert_int_equal(ping("pt", 9, 9), TRIB_OK);
    for (int i = 0; i < 200; i++) trib_app_tick(&t.app);
    trib_workers_stop(t.app.workers);
    assert_true(sql("SELECT count(*) + 0.0 FROM _trib_secret") == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(positions_come_into_the_database_by_ticks),
        TEST(who_does_not_say_which_is_the_driver_or_the_picker_or_the_courier),
        TEST(who_has_no_such_point_is_told_with_a_later_ping),
        TEST(what_was_not_written_is_at_the_end),
        TEST(a_trigger_of_the_tenant_has_the_rights_of_the_tenant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
