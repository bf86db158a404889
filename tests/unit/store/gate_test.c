/* SPDX-License-Identifier: Apache-2.0 */
/* The gate alone: verdicts over cut-backs, and the order in which waiters are let go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/db_int.h"
#include "support/env_test.h"

typedef struct fixture {
    trib_env_test env;
    trib_store store;
    trib_db db;
    int resolved; /* so far */
} fixture;

typedef struct waiter {
    trib_gate_waiter gate; /* first */
    fixture *f;
    int place; /* 0: waits; else the how-manieth it was resolved as */
    trib_code code;
} waiter;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    trib_env_test_init(&f->env, false, 1);
    f->store.env = &f->env.env;
    f->db.store = &f->store;
    f->db.lock = trib_mutex_new(&f->env.env);
    f->db.incarnation = 3;
    f->db.appended_no = 20;
    f->db.durable_no = 10;
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    trib_mutex_free(&f->env.env, f->db.lock);
    free(f);
    return 0;
}

static void resolved(trib_gate_waiter *gate, trib_code code) {
    waiter *w = (waiter *)(void *)gate;
    assert_int_equal(w->place, 0);
    w->place = ++w->f->resolved;
    w->code = code;
}

static trib_code wait(fixture *f, waiter *w, uint64_t ticket) {
    *w = (waiter){.gate.resolved = resolved, .f = f};
    return trib_gate_wait(&f->db, ticket, &w->gate);
}

static void durable(fixture *f, uint64_t no) {
    trib_db_lock(&f->db);
    f->db.durable_no = no;
    trib_gate_waiter *list = trib_gate_collect_locked(&f->db);
    trib_db_unlock(&f->db);
    trib_gate_resolve(&f->db, list);
}

/* As finish() of fail.c does. */
static void cut_back(fixture *f, trib_code verdict) {
    trib_db_lock(&f->db);
    f->db.fail_durable[f->db.incarnation % TRIB_FAIL_RING] = f->db.durable_no;
    f->db.fail_code[f->db.incarnation % TRIB_FAIL_RING] = verdict;
    f->db.incarnation++;
    f->db.appended_no = f->db.durable_no;
    trib_gate_waiter *list = trib_gate_collect_locked(&f->db);
    trib_db_unlock(&f->db);
    trib_gate_resolve(&f->db, list);
}

static void durable_ticket_and_no_ticket_do_not_wait(void **state) {
    fixture *f = *state;
    assert_int_equal(trib_gate_wait(&f->db, 0, NULL), TRIB_OK);
    assert_int_equal(trib_gate_wait(&f->db, trib_ticket(3, 0), NULL), TRIB_OK);
    assert_int_equal(trib_gate_wait(&f->db, trib_ticket(3, 10), NULL), TRIB_OK);
    assert_int_equal(f->db.gate_waiters, 0);
}

static void a_sync_releases_what_it_covers_in_the_order_of_commits(void **state) {
    fixture *f = *state;
    static const uint64_t numbers[] = {14, 11, 20, 12, 14, 13};
    enum { COUNT = sizeof numbers / sizeof *numbers };
    waiter w[COUNT];
    for (int i = 0; i < COUNT; i++) assert_int_equal(wait(f, &w[i], trib_ticket(3, numbers[i])), TRIB_AGAIN);
    assert_int_equal(f->db.gate_waiters, COUNT);
    durable(f, 12);
    assert_int_equal(w[1].place, 1);
    assert_int_equal(w[3].place, 2);
    assert_int_equal(f->resolved, 2);
    durable(f, 19);
    assert_int_equal(w[5].place, 3);
    assert_int_equal(w[0].place, 4); /* among equals who came first */
    assert_int_equal(w[4].place, 5);
    assert_int_equal(w[2].place, 0);
    durable(f, 20);
    assert_int_equal(w[2].place, 6);
    for (int i = 0; i < COUNT; i++) assert_int_equal(w[i].code, TRIB_OK);
    assert_int_equal(f->db.gate_waiters, 0);
    assert_null(f->db.gate_first);
    assert_null(f->db.gate_last);
}

static void cut_back_refuses_what_was_not_durable(void **state) {
    fixture *f = *state;
    waiter a, b;
    assert_int_equal(wait(f, &a, trib_ticket(3, 11)), TRIB_AGAIN);
    assert_int_equal(wait(f, &b, trib_ticket(3, 20)), TRIB_AGAIN);
    cut_back(f, TRIB_NOT_COMMITTED);
    assert_int_equal(a.code, TRIB_NOT_COMMITTED);
    assert_int_equal(b.code, TRIB_NOT_COMMITTED);
    /* and whoever asks later hears the same, though the number 11 is given again and becomes durable */
    durable(f, 11);
    assert_int_equal(trib_gate_wait(&f->db, trib_ticket(3, 11), NULL), TRIB_NOT_COMMITTED);
    assert_int_equal(trib_gate_wait(&f->db, trib_ticket(3, 10), NULL), TRIB_OK);
    assert_int_equal(trib_gate_wait(&f->db, trib_ticket(4, 11), NULL), TRIB_OK);
}

static void tickets_older_than_the_memory_of_cut_backs_are_unknown(void **state) {
    fixture *f = *state;
    cut_back(f, TRIB_COMMIT_OUTCOME_UNKNOWN);
    assert_int_equal(trib_gate_wait(&f->db, trib_ticket(3, 15), NULL), TRIB_COMMIT_OUTCOME_UNKNOWN);
    for (int i = 1; i < TRIB_FAIL_RING; i++) cut_back(f, TRIB_NOT_COMMITTED);
    assert_int_equal(trib_gate_wait(&f->db, trib_ticket(3, 15), NULL), TRIB_COMMIT_OUTCOME_UNKNOWN);
    assert_int_equal(trib_gate_wait(&f->db, trib_ticket(3, 10), NULL), TRIB_OK);
    assert_int_equal(trib_gate_wait(&f->db, trib_ticket(4, 15), NULL), TRIB_NOT_COMMITTED);
    cut_back(f, TRIB_NOT_COMMITTED); /* one more than it remembers */
    assert_int_equal(trib_gate_wait(&f->db, trib_ticket(3, 10), NULL), TRIB_COMMIT_OUTCOME_UNKNOWN);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(durable_ticket_and_no_ticket_do_not_wait),
        T(a_sync_releases_what_it_covers_in_the_order_of_commits),
        T(cut_back_refuses_what_was_not_durable),
        T(tickets_older_than_the_memory_of_cut_backs_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
