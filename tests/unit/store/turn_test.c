/* SPDX-License-Identifier: Apache-2.0 */
/* The turn: its queue's bound, owners that are inside when their time is over, reads held back and the ends of
 * transactions that are not, and who is told at the end. Order, cancelling and stealing from idle owners are in
 * store_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/db_int.h"
#include "support/store_test.h"

static const char id_a[] = "00112233445566778899aabbccddeeff";

typedef struct fixture {
    trib_env_test env;
    trib_store *store;
    trib_db *db;
    trib_handle *a, *b;
    char folder[300];
    trib_session_vars vars;
} fixture;

static trib_code exec(trib_handle *h, const char *sql, bool turn) {
    int rc;
    return store_test_exec(h, sql, turn, NULL, 0, &rc);
}

/* Two handles, both entered; a table. */
static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    trib_env_test_init(&f->env, false, 7);
    trib_test_folder_make(f->folder, sizeof f->folder);
    trib_store_config config = {.data_dir = f->folder, .inline_sync = true};
    assert_int_equal(trib_store_new(&config, &f->env.env, NULL, &f->store, NULL), TRIB_OK);
    assert_int_equal(trib_store_db_get(f->store, trib_str_c(id_a), NULL, &f->db, NULL), TRIB_OK);
    assert_int_equal(trib_handle_take(f->db, &f->a, NULL), TRIB_OK);
    assert_int_equal(trib_handle_take(f->db, &f->b, NULL), TRIB_OK);
    assert_int_equal(trib_handle_enter(f->a, TRIB_ACCESS_WRITE, &f->vars, NULL), TRIB_OK);
    assert_int_equal(exec(f->a, "CREATE TABLE t(x)", true), TRIB_OK);
    assert_int_equal(trib_handle_enter(f->b, TRIB_ACCESS_WRITE, &f->vars, NULL), TRIB_OK);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    if (f->a->entered) trib_handle_leave(f->a);
    if (f->b->entered) trib_handle_leave(f->b);
    trib_handle_give(f->a);
    trib_handle_give(f->b);
    trib_db_unref(f->db);
    trib_store_free(f->store);
    store_test_remove_folder(f->folder);
    free(f);
    return 0;
}

static void queue_has_a_bound(void **state) {
    fixture *f = *state;
    static store_test_wait w[TRIB_TURN_QUEUE_MAX + 1];
    trib_error err = {0};
    assert_int_equal(exec(f->a, "BEGIN IMMEDIATE", true), TRIB_OK);
    for (int i = 0; i <= TRIB_TURN_QUEUE_MAX; i++) {
        store_test_wait_init(&w[i]);
        trib_code want = i < TRIB_TURN_QUEUE_MAX ? TRIB_AGAIN : TRIB_TRANSACTION_BUSY;
        assert_int_equal(trib_turn_wait(f->b, &w[i].turn, &err), want);
    }
    assert_true(err.message[0]);
    for (int i = 0; i < TRIB_TURN_QUEUE_MAX; i++) assert_true(trib_turn_cancel(f->b, &w[i].turn));
    assert_int_equal(f->db->turn_waiters, 0);
    assert_int_equal(exec(f->a, "COMMIT", false), TRIB_OK);
    assert_int_equal(exec(f->b, "INSERT INTO t VALUES (1)", true), TRIB_OK);
}

/* b gets the turn that a has. */
static void hand_over(fixture *f, store_test_wait *w) {
    trib_error err = {0};
    store_test_wait_init(w);
    assert_int_equal(exec(f->a, "BEGIN IMMEDIATE", true), TRIB_OK);
    assert_int_equal(trib_turn_wait(f->b, &w->turn, &err), TRIB_AGAIN);
    assert_int_equal(exec(f->a, "COMMIT", false), TRIB_OK);
    assert_int_equal(w->calls, 1);
    assert_int_equal(w->code, TRIB_OK);
}

/* Work that begins with a look would otherwise wait again, and two of that kind for ever. */
static void who_waited_for_the_turn_may_read_first(void **state) {
    fixture *f = *state;
    store_test_wait w;
    hand_over(f, &w);
    for (int i = 0; i < 3; i++) assert_int_equal(exec(f->b, "SELECT x FROM t", false), TRIB_OK);
    assert_int_equal(exec(f->a, "INSERT INTO t VALUES (1)", true), TRIB_AGAIN);
    assert_int_equal(exec(f->b, "INSERT INTO t VALUES (2)", true), TRIB_OK);
    assert_int_equal(exec(f->a, "INSERT INTO t VALUES (1)", true), TRIB_OK);
    /* the same in a transaction, whose COMMIT needs no turn of its own */
    hand_over(f, &w);
    assert_int_equal(exec(f->b, "BEGIN", false), TRIB_OK);
    assert_int_equal(exec(f->b, "SELECT x FROM t", false), TRIB_OK);
    assert_int_equal(exec(f->b, "INSERT INTO t VALUES (3)", true), TRIB_OK);
    assert_int_equal(exec(f->b, "SELECT x FROM t", false), TRIB_OK);
    assert_int_equal(exec(f->a, "INSERT INTO t VALUES (1)", true), TRIB_AGAIN);
    assert_int_equal(exec(f->b, "COMMIT", false), TRIB_OK);
    assert_int_equal(exec(f->a, "INSERT INTO t VALUES (1)", true), TRIB_OK);
}

static void who_only_read_with_the_turn_gives_it_back_as_it_leaves(void **state) {
    fixture *f = *state;
    store_test_wait w;
    hand_over(f, &w);
    assert_int_equal(exec(f->b, "SELECT x FROM t", false), TRIB_OK);
    trib_handle_leave(f->b);
    assert_int_equal(exec(f->a, "INSERT INTO t VALUES (1)", true), TRIB_OK);
}

static void overdue_owner_that_is_inside_ends_its_own_transaction(void **state) {
    fixture *f = *state;
    store_test_wait w;
    store_test_wait_init(&w);
    assert_int_equal(exec(f->a, "BEGIN IMMEDIATE", true), TRIB_OK);
    assert_int_equal(exec(f->a, "INSERT INTO t VALUES (1)", true), TRIB_OK);
    assert_int_equal(trib_turn_wait(f->b, &w.turn, NULL), TRIB_AGAIN);
    f->env.offset_ns += (int64_t)TRIB_TXN_STEAL_MS_DEFAULT * 1000000 - 1;
    trib_store_tick(f->store);
    assert_false(atomic_load(&f->a->interrupted));
    f->env.offset_ns += 1;
    trib_store_tick(f->store);
    assert_true(atomic_load(&f->a->interrupted)); /* nobody touches a handle that somebody is inside */
    assert_int_equal(w.calls, 0);
    assert_int_equal(exec(f->a, "INSERT INTO t VALUES (2)", true), TRIB_TRANSACTION_TIMEOUT);
    assert_true(trib_handle_autocommit(f->a));
    assert_int_equal(w.calls, 1);
    assert_int_equal(w.code, TRIB_OK);
    assert_int_equal(exec(f->b, "INSERT INTO t VALUES (3)", true), TRIB_OK);
    char text[20];
    int rc;
    assert_int_equal(store_test_exec(f->b, "SELECT group_concat(x) FROM t", false, text, sizeof text, &rc), TRIB_OK);
    assert_string_equal(text, "3");
}

static void held_reads_wait_and_open_transactions_do_not(void **state) {
    fixture *f = *state;
    store_test_wait w;
    store_test_wait_init(&w);
    assert_int_equal(exec(f->a, "BEGIN", false), TRIB_OK);
    assert_int_equal(exec(f->a, "SELECT * FROM t", false), TRIB_OK);
    trib_db_lock(f->db);
    trib_turn_hold_reads_locked(f->db);
    trib_db_unlock(f->db);
    assert_int_equal(exec(f->a, "SELECT * FROM t", false), TRIB_OK); /* its snapshot is open already */
    assert_int_equal(exec(f->b, "SELECT * FROM t", false), TRIB_AGAIN);
    assert_int_equal(trib_turn_wait(f->b, &w.turn, NULL), TRIB_AGAIN);
    assert_false(f->db->turn_taken); /* a read waits in a queue of its own */
    trib_db_lock(f->db);
    trib_turn_release_reads_locked(f->db, TRIB_OK);
    trib_db_unlock(f->db);
    assert_int_equal(w.calls, 1);
    assert_int_equal(w.code, TRIB_OK);
    assert_int_equal(exec(f->b, "SELECT * FROM t", false), TRIB_OK);
    assert_int_equal(exec(f->a, "COMMIT", false), TRIB_OK);
}

static trib_code run(trib_handle *h, const char *sql) {
    return trib_stmt_run(h, sql, NULL, 0, NULL, NULL, NULL);
}

static void hold(fixture *f, bool on) {
    trib_db_lock(f->db);
    if (on) trib_turn_hold_reads_locked(f->db);
    else trib_turn_release_reads_locked(f->db, TRIB_OK);
    trib_db_unlock(f->db);
}

/* It opens no snapshot; and who has to give a connection back cannot wait for its ROLLBACK. */
static void the_end_of_a_transaction_is_not_held_back(void **state) {
    static const char *const ends[] = {"ROLLBACK", "COMMIT"};
    fixture *f = *state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(run(f->b, "BEGIN"), TRIB_OK);
        hold(f, true);
        assert_int_equal(run(f->b, "SELECT * FROM t"), TRIB_AGAIN);
        assert_int_equal(run(f->b, ends[i]), TRIB_OK);
        assert_int_equal(run(f->b, "BEGIN"), TRIB_AGAIN);
        hold(f, false);
        assert_int_equal(run(f->b, "BEGIN"), TRIB_OK);
        assert_int_equal(run(f->b, "SELECT * FROM t"), TRIB_OK);
        assert_int_equal(run(f->b, ends[i]), TRIB_OK);
    }
}

static void quarantine_tells_both_queues(void **state) {
    fixture *f = *state;
    store_test_wait writer, reader;
    store_test_wait_init(&writer);
    store_test_wait_init(&reader);
    assert_int_equal(exec(f->a, "BEGIN IMMEDIATE", true), TRIB_OK);
    assert_int_equal(trib_turn_wait(f->b, &writer.turn, NULL), TRIB_AGAIN);
    trib_db_lock(f->db);
    trib_turn_hold_reads_locked(f->db);
    trib_db_unlock(f->db);
    assert_int_equal(exec(f->b, "SELECT * FROM t", false), TRIB_AGAIN);
    assert_int_equal(trib_turn_wait(f->b, &reader.turn, NULL), TRIB_AGAIN);
    trib_db_quarantine(f->db, TRIB_DAMAGE_MALFORMED, "a test");
    assert_int_equal(writer.code, TRIB_DATABASE_QUARANTINED);
    assert_int_equal(reader.code, TRIB_DATABASE_QUARANTINED);
    assert_int_equal(writer.calls + reader.calls, 2);
    assert_int_equal(f->db->turn_waiters, 0);
    assert_int_equal(trib_turn_wait(f->b, &writer.turn, NULL), TRIB_DATABASE_QUARANTINED);
}

/* b is given back while its owner waits; the turn is kept until a connection takes it. */
static void reserved_turn_waits_for_a_connection(void **state) {
    fixture *f = *state;
    store_test_wait first, second;
    store_test_wait_init(&first);
    store_test_wait_init(&second);
    assert_int_equal(trib_turn_reserve(f->db, &first.turn), TRIB_OK); /* nobody is in the way */
    assert_int_equal(exec(f->a, "BEGIN IMMEDIATE", true), TRIB_OK);
    assert_int_equal(trib_turn_reserve(f->db, &first.turn), TRIB_AGAIN);
    assert_int_equal(trib_turn_wait(f->b, &second.turn, NULL), TRIB_AGAIN);
    assert_int_equal(exec(f->a, "COMMIT", false), TRIB_OK);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 0);
    assert_int_equal(exec(f->a, "INSERT INTO t VALUES (1)", true), TRIB_AGAIN); /* it is nobody else's */
    trib_handle_leave(f->a);
    trib_turn_adopt(f->a, &second.turn); /* not its */
    assert_false(f->a->has_turn);
    trib_turn_adopt(f->a, &first.turn);
    assert_true(f->a->has_turn);
    trib_turn_pass(f->db, &first.turn); /* too late: the handle has it */
    assert_int_equal(trib_handle_enter(f->a, TRIB_ACCESS_WRITE, &f->vars, NULL), TRIB_OK);
    assert_int_equal(exec(f->a, "INSERT INTO t VALUES (2)", true), TRIB_OK);
    assert_int_equal(second.calls, 1);
    assert_int_equal(exec(f->b, "INSERT INTO t VALUES (3)", true), TRIB_OK);
}

static void reserved_turn_that_is_given_up_goes_to_the_next(void **state) {
    fixture *f = *state;
    store_test_wait first, second;
    store_test_wait_init(&first);
    store_test_wait_init(&second);
    assert_int_equal(exec(f->a, "BEGIN IMMEDIATE", true), TRIB_OK);
    assert_int_equal(trib_turn_reserve(f->db, &first.turn), TRIB_AGAIN);
    assert_int_equal(trib_turn_wait(f->b, &second.turn, NULL), TRIB_AGAIN);
    trib_turn_pass(f->db, &first.turn); /* it waits; withdraw is for that */
    assert_int_equal(exec(f->a, "COMMIT", false), TRIB_OK);
    assert_int_equal(first.calls, 1);
    trib_turn_pass(f->db, &first.turn);
    assert_int_equal(second.calls, 1);
    trib_turn_pass(f->db, &first.turn); /* again does no harm */
    assert_true(f->b->has_turn);
    assert_int_equal(exec(f->b, "INSERT INTO t VALUES (1)", true), TRIB_OK);
}

static void quarantine_voids_a_reserved_turn(void **state) {
    fixture *f = *state;
    store_test_wait w;
    store_test_wait_init(&w);
    assert_int_equal(exec(f->a, "BEGIN IMMEDIATE", true), TRIB_OK);
    assert_int_equal(trib_turn_reserve(f->db, &w.turn), TRIB_AGAIN);
    assert_int_equal(exec(f->a, "COMMIT", false), TRIB_OK);
    assert_int_equal(w.code, TRIB_OK);
    trib_db_quarantine(f->db, TRIB_DAMAGE_MALFORMED, "a test");
    trib_turn_pass(f->db, &w.turn);
    assert_int_equal(trib_turn_reserve(f->db, &w.turn), TRIB_OK); /* the usual way tells why */
    assert_int_equal(f->db->turn_waiters, 0);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(queue_has_a_bound),
        T(who_waited_for_the_turn_may_read_first),
        T(who_only_read_with_the_turn_gives_it_back_as_it_leaves),
        T(overdue_owner_that_is_inside_ends_its_own_transaction),
        T(held_reads_wait_and_open_transactions_do_not),
        T(the_end_of_a_transaction_is_not_held_back),
        T(quarantine_tells_both_queues),
        T(reserved_turn_waits_for_a_connection),
        T(reserved_turn_that_is_given_up_goes_to_the_next),
        T(quarantine_voids_a_reserved_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
