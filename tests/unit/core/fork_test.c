/* SPDX-License-Identifier: Apache-2.0 */
/* Forks: the data of one moment, while the source is written; what does not come to its end leaves nothing. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/fork.h"
#include "support/app_test.h"

#define SERIES(n) "WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c WHERE x < " #n ") "

static app_test t;
static trib_tenant *ali;
static trib_db *db;
static trib_handle *writer;
static trib_session_vars vars;

static int setup(void **state) {
    (void)state;
    if (app_test_start_with_tenant(&t, "ali", &ali) != TRIB_OK) return -1;
    memset(&vars, 0, sizeof vars);
    if (trib_store_db_get(t.app.store, trib_str_c(ali->id), NULL, &db, NULL) != TRIB_OK) return -1;
    return trib_handle_take(db, &writer, NULL) == TRIB_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    trib_handle_give(writer);
    trib_db_unref(db);
    app_test_end_with_tenant(&t, ali);
    return 0;
}

static trib_code try_on(trib_handle *handle, const char *sql, int64_t *ret, trib_error *err) {
    trib_stmt *stmt = NULL;
    bool row = false;
    assert_int_equal(trib_handle_enter(handle, TRIB_ACCESS_WRITE, &vars, NULL), TRIB_OK);
    trib_code code = trib_stmt_prepare(handle, trib_str_c(sql), &stmt, err);
    while (code == TRIB_OK && (code = trib_stmt_step(stmt, &row, err)) == TRIB_OK && row)
        *ret = trib_stmt_col_value(stmt, 0).integer;
    trib_stmt_free(stmt);
    trib_handle_leave(handle);
    return code;
}

/* Runs it to its end; the first column of the last row, 0 without one. A checkpoint may have the turn for a moment. */
static int64_t run_on(trib_handle *handle, const char *sql) {
    int64_t value = 0;
    trib_error err;
    trib_code code;
    while ((code = try_on(handle, sql, &value, &err)) == TRIB_AGAIN) usleep(1000);
    if (code != TRIB_OK) fprintf(stderr, "%s: %d %s\n", sql, code, err.message);
    assert_int_equal(code, TRIB_OK);
    return value;
}

static int64_t number_in(const char *name, const char *sql) {
    trib_tenant *tenant = trib_control_find(t.app.control, trib_str_c(name));
    trib_handle *handle = NULL;
    trib_db *other = NULL;
    assert_non_null(tenant);
    assert_int_equal(trib_store_db_get(t.app.store, trib_str_c(tenant->id), NULL, &other, NULL), TRIB_OK);
    assert_int_equal(trib_handle_take(other, &handle, NULL), TRIB_OK);
    int64_t value = run_on(handle, sql);
    trib_handle_give(handle);
    trib_db_unref(other);
    trib_tenant_unref(tenant);
    return value;
}

static bool finished;

static void on_finished(trib_fork *fork) {
    (void)fork;
    finished = true;
}

static trib_code begin(trib_fork *fork, const char *name, trib_error *err) {
    *fork = (trib_fork){.app = &t.app, .source = ali, .home = &t.home, .finished = on_finished};
    snprintf(fork->name, sizeof fork->name, "%s", name);
    finished = false;
    return trib_fork_submit(fork, err);
}

static trib_code fork_to(const char *name, trib_error *err) {
    trib_fork fork;
    trib_code code = begin(&fork, name, err);
    if (code != TRIB_OK) return code;
    while (!finished) app_test_pump(&t);
    trib_tenant_unref(fork.tenant);
    if (err) *err = fork.err;
    return fork.code;
}

static int files;

static int count_file(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st;
    (void)at;
    if (type == FTW_F && strstr(path, ".db") && !strstr(path, ".db-wal") && strstr(path, "/db/")) files++;
    return 0;
}

/* Databases of tenants, whole and half ones. */
static int count_files(void) {
    files = 0;
    nftw(t.folder, count_file, 16, FTW_PHYS);
    return files;
}

static void a_fork_has_the_data_of_its_moment(void **state) {
    (void)state;
    trib_fork fork;
    run_on(writer, "CREATE TABLE n(a INTEGER PRIMARY KEY, b BLOB)");
    run_on(writer, SERIES(10) "INSERT INTO n SELECT x, randomblob(4000) FROM c");
    for (int i = 0; i < 8; i++) run_on(writer, "INSERT INTO n(b) SELECT randomblob(4000) FROM n"); /* 10 MB */
    int64_t before = run_on(writer, "SELECT count(*) FROM n");
    trib_tenant_set(ali, TRIB_TENANT_MAX_BYTES, 64 << 20);
    trib_tenant_set(ali, TRIB_TENANT_BLOCK_READS, 1);
    assert_int_equal(begin(&fork, "copy", NULL), TRIB_OK);
    int rounds = 0;
    while (!finished) { /* the source is written between any two chunks */
        app_test_pump(&t);
        run_on(writer, "UPDATE n SET b = randomblob(4000) WHERE a % 100 = 1");
        run_on(writer, "INSERT INTO n(b) VALUES (zeroblob(100))");
        rounds++;
    }
    if (fork.code != TRIB_OK) fprintf(stderr, "%s\n", fork.err.message);
    assert_int_equal(fork.code, TRIB_OK);
    assert_true(rounds > 5);
    assert_int_equal(trib_tenant_get(fork.tenant, TRIB_TENANT_MAX_BYTES), 64 << 20);
    assert_int_equal(trib_tenant_get(fork.tenant, TRIB_TENANT_BLOCK_READS), 0);
    assert_int_not_equal(atomic_load(&fork.tenant->token_epoch), atomic_load(&ali->token_epoch));
    trib_tenant_unref(fork.tenant);
    int64_t had = number_in("copy", "SELECT count(*) FROM n WHERE length(b) = 4000");
    assert_int_equal(had, before);
    /* the inserted ones came one by one, and none after the snapshot */
    assert_true(number_in("copy", "SELECT count(*) FROM n WHERE length(b) = 100") < rounds);
    number_in("copy", "INSERT INTO n(b) VALUES ('own')");
    assert_int_equal(run_on(writer, "SELECT count(*) FROM n WHERE b = 'own'"), 0);
    assert_int_equal(number_in("copy", "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

static void a_fork_is_there_after_a_restart(void **state) {
    (void)state;
    run_on(writer, "CREATE TABLE n(a)");
    run_on(writer, "INSERT INTO n VALUES (41)");
    assert_int_equal(fork_to("copy", NULL), TRIB_OK);
    trib_handle_give(writer);
    trib_db_unref(db);
    trib_tenant_unref(ali);
    app_test_stop(&t);
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    ali = trib_control_find(t.app.control, TRIB_STR("ali"));
    assert_int_equal(trib_store_db_get(t.app.store, trib_str_c(ali->id), NULL, &db, NULL), TRIB_OK);
    assert_int_equal(trib_handle_take(db, &writer, NULL), TRIB_OK);
    assert_int_equal(number_in("copy", "SELECT a FROM n"), 41);
    assert_int_equal(run_on(writer, "SELECT a FROM n"), 41);
}

static void a_tenant_without_data_is_forked_too(void **state) {
    (void)state;
    assert_int_equal(fork_to("copy", NULL), TRIB_OK);
    assert_int_equal(number_in("copy", "SELECT count(*) FROM sqlite_schema"), 0);
    number_in("copy", "CREATE TABLE own(a)");
    assert_int_equal(run_on(writer, "SELECT count(*) FROM sqlite_schema"), 0);
}

static void names_are_checked_before_anything_is_copied(void **state) {
    (void)state;
    trib_error err;
    run_on(writer, "CREATE TABLE n(a)");
    assert_int_equal(fork_to("ali", &err), TRIB_TENANT_EXISTS);
    assert_int_equal(fork_to("No Name", &err), TRIB_TENANT_NAME_INVALID);
    assert_int_equal(fork_to("streams", &err), TRIB_TENANT_EXISTS);
    assert_int_equal(count_files(), 1);
}

/* What happens on the way to the copy's end. */
static void ends_without_a_trace(void (*meanwhile)(trib_fork *fork), trib_code wanted) {
    trib_fork fork;
    run_on(writer, "CREATE TABLE n(a INTEGER PRIMARY KEY, b BLOB)");
    run_on(writer, SERIES(2000) "INSERT INTO n(b) SELECT zeroblob(4000) FROM c"); /* 8 MB */
    assert_int_equal(begin(&fork, "copy", NULL), TRIB_OK);
    for (int i = 0; i < 4; i++) app_test_pump(&t); /* announced, some chunks */
    assert_int_equal(count_files(), 2);
    meanwhile(&fork);
    while (!finished) app_test_pump(&t);
    assert_int_equal(fork.code, wanted);
    assert_null(fork.tenant);
    for (int i = 0; i < 2000 && count_files() > 1; i++) {
        trib_control_tick(t.app.control);
        usleep(1000);
    }
    assert_int_equal(count_files(), 1);
    assert_int_equal(run_on(writer, "SELECT count(*) FROM n"), 2000);
}

static void cancel(trib_fork *fork) {
    trib_fork_cancel(fork);
}

static void a_cancelled_fork_leaves_nothing(void **state) {
    (void)state;
    ends_without_a_trace(cancel, TRIB_CANCELLED);
    assert_null(trib_control_find(t.app.control, TRIB_STR("copy")));
}

static void take_the_name(trib_fork *fork) {
    (void)fork;
    bool forked = finished;
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "copy", NULL), TRIB_OK);
    assert_false(forked);
}

static void a_name_that_is_taken_meanwhile_ends_the_fork(void **state) {
    (void)state;
    ends_without_a_trace(take_the_name, TRIB_TENANT_EXISTS);
    assert_int_equal(number_in("copy", "SELECT count(*) FROM sqlite_schema"), 0);
}

static void forks_at_once_are_bounded(void **state) {
    (void)state;
    trib_fork forks[TRIB_FORKS_MAX + 1];
    trib_error err;
    int ended = 0;
    run_on(writer, "CREATE TABLE n(a)");
    for (int i = 0; i < TRIB_FORKS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "copy%d", i);
        assert_int_equal(begin(&forks[i], name, NULL), TRIB_OK);
    }
    assert_int_equal(begin(&forks[TRIB_FORKS_MAX], "more", &err), TRIB_TOO_MANY_REQUESTS);
    while (ended < TRIB_FORKS_MAX) {
        app_test_pump(&t);
        ended += finished;
        finished = false;
    }
    for (int i = 0; i < TRIB_FORKS_MAX; i++) {
        assert_int_equal(forks[i].code, TRIB_OK);
        trib_tenant_unref(forks[i].tenant);
    }
    assert_int_equal(fork_to("more", &err), TRIB_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_fork_has_the_data_of_its_moment),   TEST(a_fork_is_there_after_a_restart),
        TEST(a_tenant_without_data_is_forked_too), TEST(names_are_checked_before_anything_is_copied),
        TEST(a_cancelled_fork_leaves_nothing),     TEST(a_name_that_is_taken_meanwhile_ends_the_fork),
        TEST(forks_at_once_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
