/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a connection when all are in use: in order, with an end, and never in the way of the store's own work;
 * and what a connection notes before its snapshot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/db_int.h"
#include "support/store_test.h"

static const char id_a[] = "00112233445566778899aabbccddeeff";

typedef struct wait {
    trib_handle_waiter waiter; /* first */
    int calls;
    trib_code code;
} wait;

typedef struct fixture {
    trib_env_test env;
    trib_store *store;
    trib_db *db;
    trib_handle *lent[TRIB_HANDLES_PER_DB_MAX];
    char folder[300];
    trib_session_vars vars;
} fixture;

static void granted(trib_handle_waiter *w, trib_code code) {
    wait *a = (wait *)(void *)w;
    a->calls++;
    a->code = code;
}

/* A database all of whose connections are lent. */
static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    trib_env_test_init(&f->env, false, 7);
    trib_test_folder_make(f->folder, sizeof f->folder);
    trib_store_config config = {.data_dir = f->folder, .inline_sync = true, .checkpoint_log_bytes = 4096};
    assert_int_equal(trib_store_new(&config, &f->env.env, NULL, &f->store, NULL), TRIB_OK);
    assert_int_equal(trib_store_db_get(f->store, trib_str_c(id_a), NULL, &f->db, NULL), TRIB_OK);
    for (int i = 0; i < TRIB_HANDLES_PER_DB_MAX; i++)
        assert_int_equal(trib_handle_take(f->db, &f->lent[i], NULL), TRIB_OK);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    for (int i = 0; i < TRIB_HANDLES_PER_DB_MAX; i++) trib_handle_give(f->lent[i]);
    trib_db_unref(f->db);
    trib_store_free(f->store);
    store_test_remove_folder(f->folder);
    free(f);
    return 0;
}

static void start_waiting(fixture *f, wait *w) {
    trib_handle *h = NULL;
    *w = (wait){.waiter.granted = granted};
    assert_int_equal(trib_handle_wait(f->db, &w->waiter, &h, NULL), TRIB_AGAIN);
    assert_null(h);
}

static void give(fixture *f, int i) {
    trib_handle_give(f->lent[i]);
    f->lent[i] = NULL;
}

static void exec(fixture *f, trib_handle *h, const char *sql, bool turn) {
    int rc;
    assert_int_equal(trib_handle_enter(h, TRIB_ACCESS_WRITE, &f->vars, NULL), TRIB_OK);
    assert_int_equal(store_test_exec(h, sql, turn, NULL, 0, &rc), TRIB_OK);
    trib_handle_leave(h);
}

static void those_who_wait_are_served_in_order(void **state) {
    fixture *f = *state;
    wait w[3];
    trib_handle *h = NULL;
    assert_int_equal(trib_handle_take(f->db, &h, NULL), TRIB_TOO_MANY_REQUESTS); /* does not wait */
    for (int i = 0; i < 3; i++) start_waiting(f, &w[i]);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(w[i].calls, 0);
        give(f, i);
        assert_int_equal(w[i].calls, 1);
        assert_int_equal(w[i].code, TRIB_OK);
        assert_non_null(w[i].waiter.handle);
        f->lent[i] = w[i].waiter.handle;
        exec(f, f->lent[i], "SELECT 1", false);
    }
    assert_int_equal(f->db->handle_count, TRIB_HANDLES_PER_DB_MAX);
    assert_int_equal(f->db->handle_waiters, 0);
}

static void lent_handle_was_rolled_back_first(void **state) {
    fixture *f = *state;
    wait w;
    exec(f, f->lent[0], "CREATE TABLE t(x)", true);
    exec(f, f->lent[0], "BEGIN IMMEDIATE", true);
    exec(f, f->lent[0], "INSERT INTO t VALUES (1)", true);
    start_waiting(f, &w);
    give(f, 0);
    f->lent[0] = w.waiter.handle;
    assert_true(trib_handle_autocommit(f->lent[0]));
    exec(f, f->lent[0], "INSERT INTO t VALUES (2)", true);
}

static void connection_that_is_ended_makes_room_for_the_first_in_the_queue(void **state) {
    fixture *f = *state;
    wait w[2];
    start_waiting(f, &w[0]);
    start_waiting(f, &w[1]);
    trib_handle_disconnect(f->lent[0]); /* as after a reset that failed */
    give(f, 0);
    assert_int_equal(w[0].calls, 1);
    assert_int_equal(w[0].code, TRIB_OK);
    f->lent[0] = w[0].waiter.handle;
    assert_non_null(f->lent[0]);
    exec(f, f->lent[0], "CREATE TABLE t(x)", true);
    assert_int_equal(w[1].calls, 0);
    assert_int_equal(f->db->handle_count, TRIB_HANDLES_PER_DB_MAX);
    give(f, 1);
    f->lent[1] = w[1].waiter.handle;
}

static void checkpoint_neither_starves_nor_adds_connections(void **state) {
    fixture *f = *state;
    wait w;
    start_waiting(f, &w);
    exec(f, f->lent[0], "CREATE TABLE t(x)", true);
    for (int i = 0; i < 3; i++) {
        f->env.offset_ns += 1000000000;
        exec(f, f->lent[0], "INSERT INTO t VALUES (randomblob(10000))", true);
        trib_store_run_pending(f->store);
        trib_store_tick(f->store);
        trib_store_run_pending(f->store);
        assert_int_equal(atomic_load(&f->db->log.bytes), 0); /* it ran, although all are lent */
        assert_int_equal(f->db->handle_count, TRIB_HANDLES_PER_DB_MAX);
    }
    assert_int_equal(w.calls, 0); /* what the checkpoint used is not lent on */
    give(f, 0);
    assert_int_equal(w.calls, 1);
    f->lent[0] = w.waiter.handle;
}

static void waiting_ends_after_its_time(void **state) {
    fixture *f = *state;
    wait w[2];
    start_waiting(f, &w[0]);
    f->env.offset_ns += (int64_t)(TRIB_HANDLE_WAIT_MS / 2) * 1000000;
    start_waiting(f, &w[1]);
    f->env.offset_ns += (int64_t)(TRIB_HANDLE_WAIT_MS / 2) * 1000000;
    trib_store_tick(f->store);
    assert_int_equal(w[0].calls, 1);
    assert_int_equal(w[0].code, TRIB_TOO_MANY_REQUESTS);
    assert_null(w[0].waiter.handle);
    assert_int_equal(w[1].calls, 0);
    f->env.offset_ns += (int64_t)(TRIB_HANDLE_WAIT_MS / 2) * 1000000;
    trib_store_tick(f->store);
    assert_int_equal(w[1].code, TRIB_TOO_MANY_REQUESTS);
    assert_int_equal(f->db->handle_waiters, 0);
}

static void queue_has_a_bound(void **state) {
    fixture *f = *state;
    static wait w[TRIB_HANDLE_QUEUE_MAX];
    wait last = {.waiter.granted = granted};
    trib_handle *h = NULL;
    trib_error err = {0};
    for (int i = 0; i < TRIB_HANDLE_QUEUE_MAX; i++) start_waiting(f, &w[i]);
    assert_int_equal(trib_handle_wait(f->db, &last.waiter, &h, &err), TRIB_TOO_MANY_REQUESTS);
    assert_true(err.message[0]);
    f->env.offset_ns += (int64_t)TRIB_HANDLE_WAIT_MS * 1000000;
    trib_store_tick(f->store);
    assert_int_equal(w[TRIB_HANDLE_QUEUE_MAX - 1].calls, 1);
    assert_int_equal(last.calls, 0);
}

static void damage_and_recovery_tell_those_who_wait(void **state) {
    fixture *f = *state;
    wait w[2];
    trib_handle *h = NULL;
    exec(f, f->lent[0], "CREATE TABLE t(x)", true);
    start_waiting(f, &w[0]);
    trib_fail_begin(f->db);
    assert_int_equal(w[0].calls, 1);
    assert_int_equal(w[0].code, TRIB_NOT_COMMITTED);
    trib_store_run_pending(f->store);
    start_waiting(f, &w[1]); /* recovered; all are still lent, and what the recovery used comes on top */
    assert_int_equal(f->db->handle_count, TRIB_HANDLES_PER_DB_MAX + 1);
    give(f, 0);
    assert_int_equal(w[1].calls, 1);
    assert_int_equal(f->db->handle_count, TRIB_HANDLES_PER_DB_MAX);
    f->lent[0] = w[1].waiter.handle;
    start_waiting(f, &w[1]);
    trib_db_quarantine(f->db, TRIB_DAMAGE_MALFORMED, "a test");
    assert_int_equal(w[1].calls, 1);
    assert_int_equal(w[1].code, TRIB_DATABASE_QUARANTINED);
    assert_int_equal(trib_handle_wait(f->db, &w[1].waiter, &h, NULL), TRIB_DATABASE_QUARANTINED);
    assert_int_equal(w[1].calls, 1);
}

static void end_of_the_store_tells_those_who_wait(void **state) {
    fixture *f = *state;
    wait w;
    start_waiting(f, &w);
    trib_store_free(f->store); /* the lent ones are never given back */
    assert_int_equal(w.calls, 1);
    assert_int_equal(w.code, TRIB_SHUTTING_DOWN);
    memset(f->lent, 0, sizeof f->lent);
    f->store = NULL;
    f->db = NULL;
}

static int64_t version_on(fixture *f, trib_handle *h) {
    char text[32];
    int rc;
    assert_int_equal(trib_handle_enter(h, TRIB_ACCESS_READ, &f->vars, NULL), TRIB_OK);
    assert_int_equal(store_test_exec(h, "SELECT data_version FROM pragma_data_version", false, text, sizeof text, &rc),
                     TRIB_OK);
    trib_handle_leave(h);
    int64_t version = 0;
    assert_true(trib_str_i64(trib_str_c(text), &version));
    return version;
}

static void data_version_is_one_number_on_every_connection_and_rests_with_a_snapshot(void **state) {
    fixture *f = *state;
    trib_handle *a = f->lent[0], *b = f->lent[1], *reader = f->lent[2];
    exec(f, a, "CREATE TABLE t(x)", true);
    int64_t before = version_on(f, a);
    assert_int_equal(version_on(f, b), before);
    exec(f, reader, "BEGIN", false);
    exec(f, reader, "SELECT * FROM t", false);
    exec(f, a, "INSERT INTO t VALUES (1)", true);
    assert_int_equal(version_on(f, a), before + 1); /* SQLite's own would stand still on the one that commits */
    assert_int_equal(version_on(f, b), before + 1);
    assert_int_equal(version_on(f, reader), before); /* it does not see that commit */
    exec(f, a, "BEGIN IMMEDIATE", true);
    exec(f, a, "INSERT INTO t VALUES (2)", true);
    assert_int_equal(version_on(f, a), before + 1);
    exec(f, a, "ROLLBACK", true);
    assert_int_equal(version_on(f, b), before + 1);
    exec(f, reader, "COMMIT", false);
    assert_int_equal(version_on(f, reader), before + 1);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(those_who_wait_are_served_in_order),
        T(lent_handle_was_rolled_back_first),
        T(connection_that_is_ended_makes_room_for_the_first_in_the_queue),
        T(checkpoint_neither_starves_nor_adds_connections),
        T(waiting_ends_after_its_time),
        T(queue_has_a_bound),
        T(damage_and_recovery_tell_those_who_wait),
        T(end_of_the_store_tells_those_who_wait),
        T(data_version_is_one_number_on_every_connection_and_rests_with_a_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
