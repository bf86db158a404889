/* SPDX-License-Identifier: Apache-2.0 */
/* The scrub over a running core: it comes to every database, keeps its pace, goes on after a restart, counts what it
 * finds, and comes by itself when it is due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/scrub.h"
#include "store/files.h"
#include "support/app_test.h"

static app_test t;
static trib_tenant *ali;
static trib_scrub_status status;

static void fill(trib_tenant *tenant) {
    trib_db *db = NULL;
    trib_handle *handle = NULL;
    trib_session_vars vars = {0};
    assert_int_equal(trib_store_db_get(t.app.store, trib_str_c(tenant->id), NULL, &db, NULL), TRIB_OK);
    assert_int_equal(trib_handle_take(db, &handle, NULL), TRIB_OK);
    assert_int_equal(trib_handle_enter(handle, TRIB_ACCESS_WRITE, &vars, NULL), TRIB_OK);
    static const char *const sql[] = {"CREATE TABLE n(a)",
                                      "WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c WHERE x < 500)"
                                      " INSERT INTO n SELECT randomblob(1000) FROM c"};
    for (size_t i = 0; i < 2; i++) {
        trib_stmt *stmt = NULL;
        bool row = true;
        trib_error err;
        trib_code code = TRIB_AGAIN;
        assert_int_equal(trib_stmt_prepare(handle, trib_str_c(sql[i]), &stmt, NULL), TRIB_OK);
        while (code == TRIB_AGAIN || (code == TRIB_OK && row)) code = trib_stmt_step(stmt, &row, &err);
        assert_int_equal(code, TRIB_OK);
        trib_stmt_free(stmt);
    }
    trib_handle_leave(handle);
    trib_handle_give(handle);
    trib_db_unref(db);
}

static int setup(void **state) {
    (void)state;
    if (app_test_start_with_tenant(&t, "ali", &ali) != TRIB_OK) return -1;
    fill(ali);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    app_test_end_with_tenant(&t, ali);
    return 0;
}

/* Ticks until it has ended; false: not within so many. */
static bool ends_within(int ticks) {
    for (int i = 0; i < ticks; i++) {
        trib_app_tick(&t.app);
        trib_scrub_get(t.app.scrub, &status);
        if (!status.running) return true;
        usleep(1000);
    }
    return false;
}

static void restart(void) {
    trib_tenant_unref(ali);
    app_test_stop(&t);
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    ali = trib_control_find(t.app.control, TRIB_STR("ali"));
    assert_non_null(ali);
}

static void all_databases_are_checked(void **state) {
    (void)state;
    assert_int_equal(trib_scrub_start(t.app.scrub, NULL, (trib_str){0}, 0, NULL), TRIB_OK);
    assert_int_equal(trib_scrub_start(t.app.scrub, NULL, (trib_str){0}, 0, NULL), TRIB_TOO_MANY_REQUESTS);
    assert_true(ends_within(10000));
    assert_int_equal(status.databases, 4); /* control, ali, discovery, streams */
    assert_true(status.bytes > 500000);
    assert_int_equal(status.damaged + status.told + status.skipped + status.failed, 0);
    assert_true(status.full_ms > 0 && status.all && !status.stopped);
    assert_int_equal(ali->requests, 0); /* nothing of it counts as the tenant's own */
    assert_int_equal(ali->rows_read, 0);
}

static void one_database_is_checked_alone(void **state) {
    (void)state;
    assert_int_equal(trib_scrub_start(t.app.scrub, ali, (trib_str){0}, 0, NULL), TRIB_OK);
    assert_true(ends_within(10000));
    assert_int_equal(status.databases, 1);
    assert_string_equal(status.tenant, "ali");
    assert_int_equal(status.full_ms, 0);
    assert_int_equal(trib_scrub_start(t.app.scrub, NULL, TRIB_STR("ali"), 0, NULL), TRIB_OK);
    assert_true(ends_within(10000));
    assert_int_equal(status.databases, 2); /* those behind it */
}

static void a_pace_makes_it_rest_and_a_restart_goes_on(void **state) {
    (void)state;
    assert_int_equal(trib_scrub_start(t.app.scrub, NULL, (trib_str){0}, 1024, NULL), TRIB_OK);
    assert_false(ends_within(300)); /* control alone takes 40 s at this pace */
    assert_int_equal(status.bytes_per_s, 1024);
    uint64_t databases = status.databases;
    restart();
    trib_scrub_get(t.app.scrub, &status);
    assert_true(status.running && status.all);
    assert_int_equal(status.bytes_per_s, 1024);
    assert_int_equal(status.databases, databases);
    trib_scrub_stop(t.app.scrub);
    assert_true(ends_within(100));
    assert_true(status.stopped);
    assert_int_equal(status.full_ms, 0);
    restart();
    trib_scrub_get(t.app.scrub, &status);
    assert_false(status.running);
}

static void damage_is_counted_and_the_rest_is_checked(void **state) {
    (void)state;
    char junk[4096];
    trib_paths paths;
    memset(junk, 0x5a, sizeof junk);
    restart(); /* all in its file */
    assert_int_equal(trib_paths_make(t.folder, trib_str_c(ali->id), &paths, NULL), TRIB_OK);
    int fd = open(paths.db, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, junk, sizeof junk, 40L * 4096), (ssize_t)sizeof junk);
    close(fd);
    assert_int_equal(trib_scrub_start(t.app.scrub, NULL, (trib_str){0}, 0, NULL), TRIB_OK);
    assert_true(ends_within(10000));
    assert_int_equal(status.damaged, 1);
    assert_int_equal(status.databases, 4);
    assert_int_equal(status.finding_count, 1);
    assert_string_equal(status.findings[0].tenant, "ali");
    assert_string_equal(status.findings[0].kind, "damaged");
    /* what is out of service already is no new finding */
    assert_int_equal(trib_scrub_start(t.app.scrub, NULL, (trib_str){0}, 0, NULL), TRIB_OK);
    assert_true(ends_within(10000));
    assert_int_equal(status.damaged + status.failed, 0);
    assert_int_equal(status.databases, 3);
}

static void it_comes_by_itself_when_it_is_due(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) trib_app_tick(&t.app);
    trib_scrub_get(t.app.scrub, &status);
    assert_false(status.running); /* 0: only when asked */
    t.app.settings.scrub_every_ms = 1;
    for (int i = 0; i < 2000 && !status.scheduled; i++) {
        usleep(1000);
        trib_app_tick(&t.app);
        trib_scrub_get(t.app.scrub, &status);
    }
    assert_true(status.scheduled);
    t.app.settings.scrub_every_ms = 0;
    assert_true(ends_within(10000));
    assert_int_equal(status.databases, 4);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(all_databases_are_checked),
        T(one_database_is_checked_alone),
        T(a_pace_makes_it_rest_and_a_restart_goes_on),
        T(damage_is_counted_and_the_rest_is_checked),
        T(it_comes_by_itself_when_it_is_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
