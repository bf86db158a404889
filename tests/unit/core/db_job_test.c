/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs on a database: what they count, chunks, and cancelling at every place where a job can be. The way through waits,
 * losses and expiry is tested in tests/unit/features/hrana. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/metrics.h"
#include "store/db_int.h"
#include "support/app_test.h"

static app_test t;
static trib_tenant *tenant;

static int setup(void **state) {
    (void)state;
    if (app_test_start_with_tenant(&t, "ali", &tenant) != TRIB_OK) return -1;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    app_test_end_with_tenant(&t, tenant);
    return 0;
}

#define ENDLESS "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT count(*) FROM c"

typedef struct sql_job {
    trib_db_job job; /* first */
    const char *sql[4];
    int at;
    int rows_per_chunk; /* 0: one piece */
    int rows, chunks;
    trib_stmt *stmt;
    trib_tenant *tenant;
    _Atomic bool inside;
    bool finished, stopped_inside;
    bool lenient;                        /* a statement that fails is part of the answer, as in a batch */
    void (*behind)(trib_handle *handle); /* after the last statement */
    _Atomic bool worked;
} sql_job;

static trib_code sql_work(trib_db_job *base, trib_handle *handle, trib_error *err) {
    sql_job *job = (sql_job *)(void *)base;
    for (; job->at < 4 && job->sql[job->at]; job->at++) {
        bool row = true;
        trib_code code = trib_db_job_take_pending(base, err);
        if (code == TRIB_OK && !job->stmt)
            code = trib_stmt_prepare(handle, trib_str_c(job->sql[job->at]), &job->stmt, err);
        atomic_store(&job->inside, true);
        while (code == TRIB_OK) {
            code = trib_stmt_step(job->stmt, &row, err);
            if (code != TRIB_OK || !row) break;
            job->rows++;
            if (!job->rows_per_chunk || job->rows % job->rows_per_chunk) continue;
            base->chunk = true;
            return TRIB_AGAIN;
        }
        trib_stmt_free(job->stmt);
        job->stmt = NULL;
        if (code != TRIB_OK) return job->lenient && code != TRIB_AGAIN ? TRIB_OK : code;
    }
    if (job->behind) job->behind(handle);
    atomic_store(&job->worked, true);
    return TRIB_OK;
}

static void sql_handed(trib_db_job *base) {
    ((sql_job *)(void *)base)->chunks++;
}

static void sql_stop(trib_db_job *base, trib_handle *handle) {
    sql_job *job = (sql_job *)(void *)base;
    job->stopped_inside = handle != NULL;
    if (handle) trib_stmt_free(job->stmt);
    else trib_stmt_drop(job->stmt);
    job->stmt = NULL;
}

static void sql_finished(trib_db_job *base) {
    ((sql_job *)(void *)base)->finished = true;
}

static void start_for(sql_job *job, trib_session *session, trib_tenant *of) {
    job->job.app = &t.app;
    job->job.tenant = of;
    job->job.session = session;
    job->job.access = TRIB_ACCESS_WRITE;
    job->job.work = sql_work;
    job->job.handed = sql_handed;
    job->job.stop = sql_stop;
    job->job.finished = sql_finished;
    job->job.job.home = &t.home;
    assert_int_equal(trib_db_job_submit(&job->job, NULL), TRIB_OK);
}

static void start(sql_job *job, trib_session *session) {
    start_for(job, session, tenant);
}

static trib_code await(sql_job *job) {
    while (!job->finished) app_test_pump(&t);
    return job->job.code;
}

static trib_code run(const char *sql) {
    sql_job job = {.sql = {sql}};
    start(&job, NULL);
    return await(&job);
}

static trib_db_stats stats(void) {
    trib_db *db = NULL;
    trib_db_stats ret;
    assert_int_equal(trib_store_db_get(t.app.store, trib_str_c(tenant->id), NULL, &db, NULL), TRIB_OK);
    trib_db_get_stats(db, &ret);
    trib_db_unref(db);
    return ret;
}

static void what_tenants_do_is_counted_and_outlives_the_open_database(void **state) {
    (void)state;
    trib_counter requests = {0}, rows_read = {0}, rows_written = {0};
    t.app.counters = (trib_app_counters){.requests = &requests, .rows_read = &rows_read, .rows_written = &rows_written};
    assert_int_equal(run("CREATE TABLE a(x)"), TRIB_OK);
    assert_int_equal(run("INSERT INTO a VALUES (1),(2),(3)"), TRIB_OK);
    assert_int_equal(run("SELECT * FROM a"), TRIB_OK);
    uint64_t read = atomic_load(&tenant->rows_read);
    assert_true(read >= 3);
    assert_int_equal(atomic_load(&tenant->rows_written), 3);
    assert_int_equal(atomic_load(&tenant->requests), 3);
    t.env.offset_ns += INT64_C(120000) * 1000000;
    for (int i = 0; i < 20; i++) trib_store_tick(t.app.store); /* closed for being idle: its own counts are gone */
    assert_int_equal(stats().rows_written, 0);
    assert_int_equal(run("UPDATE a SET x = 1 WHERE x = 2"), TRIB_OK);
    assert_int_equal(atomic_load(&tenant->rows_written), 4);
    assert_true(atomic_load(&tenant->rows_read) >= read);
    assert_int_equal(atomic_load(&requests.value), 4);
    assert_int_equal(atomic_load(&rows_written.value), 4);
    assert_int_equal(atomic_load(&rows_read.value), atomic_load(&tenant->rows_read));
    t.app.counters = (trib_app_counters){.requests = NULL};
}

static void chunks_are_handed_over_one_by_one(void **state) {
    (void)state;
    sql_job job = {.sql = {"SELECT value FROM json_each('[1,2,3,4,5,6,7]')"}, .rows_per_chunk = 2};
    start(&job, NULL);
    for (int i = 1; i <= 3; i++) {
        while (job.chunks < i) app_test_pump(&t);
        assert_int_equal(job.rows, 2 * i);
        trib_db_job_continue(&job.job);
    }
    assert_int_equal(await(&job), TRIB_OK);
    assert_int_equal(job.rows, 7);
    assert_int_equal(job.chunks, 3);
}

static void a_running_statement_is_interrupted(void **state) {
    (void)state;
    sql_job job = {.sql = {ENDLESS}};
    start(&job, NULL);
    while (!atomic_load(&job.inside)) sched_yield();
    trib_db_job_cancel(&job.job);
    trib_db_job_cancel(&job.job);
    assert_int_equal(await(&job), TRIB_CANCELLED);
    assert_int_equal(run("SELECT 1"), TRIB_OK);
}

static void an_abandoned_write_is_rolled_back(void **state) {
    (void)state;
    assert_int_equal(run("CREATE TABLE w(x)"), TRIB_OK);
    sql_job job = {
        .sql = {"INSERT INTO w WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT n FROM c"}};
    start(&job, NULL);
    while (!atomic_load(&job.inside)) sched_yield();
    usleep(20000); /* so that there are rows to roll back */
    trib_db_job_cancel(&job.job);
    assert_int_equal(await(&job), TRIB_CANCELLED);
    sql_job count = {.sql = {"SELECT 1 FROM w"}};
    start(&count, NULL);
    assert_int_equal(await(&count), TRIB_OK);
    assert_int_equal(count.rows, 0);
}

static void a_place_in_the_queue_for_the_turn_is_given_up(void **state) {
    (void)state;
    trib_principal me;
    trib_session *session = NULL;
    app_test_principal(&me, 1);
    assert_int_equal(run("CREATE TABLE q(x)"), TRIB_OK);
    assert_int_equal(trib_session_new(t.app.sessions, tenant, &me, &session, NULL), TRIB_OK);
    sql_job owner = {.sql = {"BEGIN IMMEDIATE"}};
    start(&owner, session);
    assert_int_equal(await(&owner), TRIB_OK);
    sql_job first = {.sql = {"INSERT INTO q VALUES (1)"}}, second = {.sql = {"INSERT INTO q VALUES (2)"}};
    start(&first, NULL);
    start(&second, NULL);
    while (stats().turn_waiters < 2) sched_yield();
    trib_db_job_cancel(&first.job);
    assert_int_equal(await(&first), TRIB_CANCELLED);
    assert_int_equal(stats().turn_waiters, 1);
    sql_job commit = {.sql = {"COMMIT"}};
    start(&commit, session);
    assert_int_equal(await(&commit), TRIB_OK);
    assert_int_equal(await(&second), TRIB_OK);
    sql_job count = {.sql = {"SELECT x FROM q"}};
    start(&count, NULL);
    assert_int_equal(await(&count), TRIB_OK);
    assert_int_equal(count.rows, 1);
    trib_session_close(t.app.sessions, session);
}

/* More writers than a database may have connections wait for one turn. Nor may they hang when there is no connection to
 * be had at the moment that the turn is. */
static void writers_in_the_queue_hold_no_connections(void **state) {
    (void)state;
    enum { WRITERS = TRIB_HANDLES_PER_DB_MAX + 10 };
    static sql_job writers[WRITERS];
    trib_handle *handles[TRIB_HANDLES_PER_DB_MAX];
    trib_principal me;
    trib_session *session = NULL;
    trib_db *db = NULL;
    app_test_principal(&me, 1);
    assert_int_equal(run("CREATE TABLE q(x)"), TRIB_OK);
    assert_int_equal(trib_session_new(t.app.sessions, tenant, &me, &session, NULL), TRIB_OK);
    sql_job owner = {.sql = {"BEGIN IMMEDIATE"}};
    start(&owner, session);
    assert_int_equal(await(&owner), TRIB_OK);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (sql_job){.sql = {"INSERT INTO q VALUES (1)"}};
        start(&writers[i], NULL);
    }
    while (stats().turn_waiters < WRITERS) sched_yield();
    assert_in_range(stats().handles, 1, TRIB_TENANT_RUNNING_MAX + 1);
    sql_job early = {.sql = {"INSERT INTO nowhere VALUES (1)"}};
    start(&early, NULL);
    assert_int_equal(await(&early), TRIB_SQL_ERROR); /* what cannot run does not wait */

    assert_int_equal(trib_store_db_get(t.app.store, trib_str_c(tenant->id), NULL, &db, NULL), TRIB_OK);
    int taken = 0;
    while (trib_handle_take(db, &handles[taken], NULL) == TRIB_OK) taken++;
    assert_int_equal(taken, TRIB_HANDLES_PER_DB_MAX - 1);
    sql_job commit = {.sql = {"COMMIT"}};
    start(&commit, session);
    assert_int_equal(await(&commit), TRIB_OK);
    for (int i = 0; i < taken; i++) trib_handle_give(handles[i]);
    for (int i = 0; i < WRITERS; i++) assert_int_equal(await(&writers[i]), TRIB_OK);
    sql_job count = {.sql = {"SELECT x FROM q"}};
    start(&count, NULL);
    assert_int_equal(await(&count), TRIB_OK);
    assert_int_equal(count.rows, WRITERS);
    trib_db_unref(db);
    trib_session_close(t.app.sessions, session);
}

static void a_wait_for_a_connection_is_given_up(void **state) {
    (void)state;
    trib_handle *handles[TRIB_HANDLES_PER_DB_MAX];
    trib_db *db = NULL;
    assert_int_equal(run("CREATE TABLE c(x)"), TRIB_OK);
    assert_int_equal(trib_store_db_get(t.app.store, trib_str_c(tenant->id), NULL, &db, NULL), TRIB_OK);
    for (int i = 0; i < TRIB_HANDLES_PER_DB_MAX; i++)
        assert_int_equal(trib_handle_take(db, &handles[i], NULL), TRIB_OK);
    sql_job first = {.sql = {"SELECT 1"}}, second = {.sql = {"SELECT 1"}};
    start(&first, NULL);
    start(&second, NULL);
    usleep(20000); /* most likely both stand in the queue; the test holds wherever they are */
    trib_db_job_cancel(&first.job);
    assert_int_equal(await(&first), TRIB_CANCELLED);
    for (int i = 0; i < TRIB_HANDLES_PER_DB_MAX; i++) trib_handle_give(handles[i]);
    assert_int_equal(await(&second), TRIB_OK);
    trib_db_unref(db);
}

static void a_resting_job_lets_go_of_its_statement_inside_the_handle(void **state) {
    (void)state;
    sql_job job = {.sql = {"SELECT value FROM json_each('[1,2,3,4,5,6,7]')"}, .rows_per_chunk = 2};
    start(&job, NULL);
    while (!job.chunks) app_test_pump(&t);
    trib_db_job_cancel(&job.job);
    assert_int_equal(await(&job), TRIB_CANCELLED);
    assert_true(job.stopped_inside);
    assert_int_equal(job.chunks, 1);
    assert_int_equal(job.rows, 2);
}

static void a_job_cancelled_before_it_began_does_nothing(void **state) {
    (void)state;
    sql_job busy[TRIB_TENANT_RUNNING_MAX], late = {.sql = {"SELECT 1"}};
    for (int i = 0; i < TRIB_TENANT_RUNNING_MAX; i++) {
        busy[i] = (sql_job){.sql = {ENDLESS}};
        start(&busy[i], NULL);
    }
    start(&late, NULL);
    trib_db_job_cancel(&late.job);
    for (int i = 0; i < TRIB_TENANT_RUNNING_MAX; i++) trib_db_job_cancel(&busy[i].job);
    for (int i = 0; i < TRIB_TENANT_RUNNING_MAX; i++) assert_int_equal(await(&busy[i]), TRIB_CANCELLED);
    assert_int_equal(await(&late), TRIB_CANCELLED);
    assert_false(atomic_load(&late.inside));
}

/* Cancel at any moment of a job's life: it ends once, and whoever comes next is served. */
static void cancelling_at_any_moment_ends_the_job_once(void **state) {
    (void)state;
    trib_principal me;
    trib_session *session = NULL;
    app_test_principal(&me, 1);
    assert_int_equal(run("CREATE TABLE m(x)"), TRIB_OK);
    assert_int_equal(trib_session_new(t.app.sessions, tenant, &me, &session, NULL), TRIB_OK);
    uint64_t seed = 5;
    for (int i = 0; i < 300; i++) {
        sql_job owner = {.sql = {"BEGIN IMMEDIATE", "SELECT 1", "COMMIT"}};
        sql_job job = {.sql = {"INSERT INTO m VALUES (1) RETURNING x", "SELECT value FROM json_each('[1,2,3,4]')"},
                       .rows_per_chunk = 1};
        start(&owner, session);
        start(&job, NULL);
        uint64_t spins = env_test_next(&seed) % 20000;
        for (volatile uint64_t n = 0; n < spins; n++) continue;
        trib_db_job_cancel(&job.job);
        trib_code code = await(&job);
        assert_true(code == TRIB_CANCELLED || code == TRIB_OK);
        assert_null(job.stmt);
        assert_int_equal(await(&owner), TRIB_OK);
    }
    assert_int_equal(run("DELETE FROM m"), TRIB_OK);
    assert_int_equal(stats().turn_waiters, 0);
    trib_session_close(t.app.sessions, session);
}

enum { WORKERS = 2 }; /* of app_test.h */

static bool is_open_again(trib_db *db, uint16_t before) {
    trib_db_lock(db);
    bool open = db->incarnation != before && db->state == TRIB_DB_READY;
    trib_db_unlock(db);
    return open;
}

/* The answer of an earlier statement rests on a commit that a failed sync undoes while a later one waits for the turn,
 * and what happens to the later one is part of the answer. */
static void undo_while_a_job_waits(trib_tenant *other, trib_session *owners, trib_session *session) {
    trib_db *db = NULL;
    sql_job owner = {.sql = {"BEGIN IMMEDIATE"}};
    start(&owner, owners);
    while (await(&owner) == TRIB_NOT_COMMITTED) { /* the database is being opened anew */
        owner = (sql_job){.sql = {"BEGIN IMMEDIATE"}};
        start(&owner, owners);
    }
    assert_int_equal(owner.job.code, TRIB_OK);
    assert_int_equal(trib_store_db_get(t.app.store, trib_str_c(tenant->id), NULL, &db, NULL), TRIB_OK);
    atomic_store(&db->raised, trib_ticket(db->incarnation, db->durable_no + 1)); /* a commit that is not durable */
    sql_job job = {.sql = {"BEGIN", "SELECT 1", "INSERT INTO u VALUES (1)"}, .lenient = true};
    start(&job, session);
    while (stats().turn_waiters < 1) sched_yield();
    /* it goes on only when the database is open again: all workers have something else to do */
    sql_job busy[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        busy[i] = (sql_job){.sql = {ENDLESS}};
        start_for(&busy[i], NULL, other);
        while (!atomic_load(&busy[i].inside)) sched_yield();
    }
    uint16_t before = db->incarnation;
    trib_fail_begin(db);
    while (!is_open_again(db, before)) sched_yield();
    for (int i = 0; i < WORKERS; i++) trib_db_job_cancel(&busy[i].job);
    for (int i = 0; i < WORKERS; i++) assert_int_equal(await(&busy[i]), TRIB_CANCELLED);
    assert_int_equal(await(&job), TRIB_NOT_COMMITTED);
    assert_int_equal(job.rows, 1); /* it had its answer */
    trib_db_unref(db);
}

static void what_was_undone_while_a_job_waited_is_not_answered(void **state) {
    (void)state;
    trib_principal me;
    app_test_principal(&me, 1);
    assert_int_equal(run("CREATE TABLE u(x)"), TRIB_OK);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "rami", NULL), TRIB_OK);
    trib_tenant *other = trib_control_find(t.app.control, TRIB_STR("rami"));
    for (int i = 0; i < 3; i++) {
        trib_session *owners = NULL, *session = NULL;
        assert_int_equal(trib_session_new(t.app.sessions, tenant, &me, &owners, NULL), TRIB_OK);
        assert_int_equal(trib_session_new(t.app.sessions, tenant, &me, &session, NULL), TRIB_OK);
        undo_while_a_job_waits(other, owners, session);
        trib_session_close(t.app.sessions, owners);
        trib_session_close(t.app.sessions, session);
    }
    trib_tenant_unref(other);
}

/* Somebody else commits right behind the job's last statement. */
static void somebody_commits(trib_handle *handle) {
    trib_db *db = trib_handle_db(handle);
    trib_db_lock(db);
    atomic_store(&db->raised, atomic_load(&db->raised) + 1);
    trib_db_unlock(db);
}

/* As if the last own commit were not synced yet. */
static void own_is_late(trib_handle *handle) {
    somebody_commits(handle);
    handle->own_ticket = atomic_load(&trib_handle_db(handle)->raised);
}

/* And as if it were the only one. */
static void only_one_is_late(trib_handle *handle) {
    own_is_late(handle);
    handle->first_ticket = handle->own_ticket;
}

/* What is synced by then stays; what came last is lost. */
static trib_code lose_last(const char *first, const char *second, void (*behind)(trib_handle *handle)) {
    trib_db *db = NULL;
    sql_job job = {.sql = {first, second}, .behind = behind};
    assert_int_equal(trib_store_db_get(t.app.store, trib_str_c(tenant->id), NULL, &db, NULL), TRIB_OK);
    start(&job, NULL);
    while (!atomic_load(&job.worked)) sched_yield();
    uint64_t lost = atomic_load(&db->raised);
    while (trib_gate_look(db, lost - 1) != TRIB_OK) sched_yield();
    uint16_t before = db->incarnation;
    trib_fail_begin(db);
    while (!is_open_again(db, before)) sched_yield();
    trib_code code = await(&job);
    trib_db_unref(db);
    return code;
}

static void an_own_commit_that_is_durable_is_told_whatever_becomes_of_others(void **state) {
    (void)state;
    assert_int_equal(run("CREATE TABLE o(x)"), TRIB_OK);
    assert_int_equal(lose_last("INSERT INTO o VALUES (1)", NULL, somebody_commits), TRIB_OK);
    assert_int_equal(lose_last("SELECT count(*) FROM o", "INSERT INTO o VALUES (2)", somebody_commits), TRIB_OK);
    /* what it has read behind it cannot be told, and yet it has written */
    assert_int_equal(lose_last("INSERT INTO o VALUES (3)", "SELECT count(*) FROM o", somebody_commits),
                     TRIB_COMMIT_OUTCOME_UNKNOWN);
    assert_int_equal(lose_last("SELECT count(*) FROM o", NULL, somebody_commits), TRIB_NOT_COMMITTED);
}

static void a_job_whose_first_commit_has_happened_is_not_told_to_send_again(void **state) {
    (void)state;
    assert_int_equal(run("CREATE TABLE o(x)"), TRIB_OK);
    assert_int_equal(lose_last("INSERT INTO o VALUES (1)", "INSERT INTO o VALUES (2)", own_is_late),
                     TRIB_COMMIT_OUTCOME_UNKNOWN);
    assert_int_equal(lose_last("INSERT INTO o VALUES (3)", NULL, only_one_is_late), TRIB_NOT_COMMITTED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_tenants_do_is_counted_and_outlives_the_open_database),
        TEST(chunks_are_handed_over_one_by_one),
        TEST(a_running_statement_is_interrupted),
        TEST(an_abandoned_write_is_rolled_back),
        TEST(a_place_in_the_queue_for_the_turn_is_given_up),
        TEST(writers_in_the_queue_hold_no_connections),
        TEST(a_wait_for_a_connection_is_given_up),
        TEST(a_resting_job_lets_go_of_its_statement_inside_the_handle),
        TEST(a_job_cancelled_before_it_began_does_nothing),
        TEST(what_was_undone_while_a_job_waited_is_not_answered),
        TEST(an_own_commit_that_is_durable_is_told_whatever_becomes_of_others),
        TEST(a_job_whose_first_commit_has_happened_is_not_told_to_send_again),
        TEST(cancelling_at_any_moment_ends_the_job_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
