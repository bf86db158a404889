/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait are woken on their home, once, also where their peer goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/waiters.h"
#include "support/env_test.h"

enum { ROOM = 2 };

typedef struct guest {
    trib_waiter waiter; /* first */
    trib_http_request http;
    int woken;
} guest;

static trib_env_test env;
static trib_waiters waiters;
static trib_home home;
static trib_job *posted[ROOM + 1];
static size_t posted_count;
static guest guests[ROOM + 1];

static void post(trib_home *to, trib_job *job) {
    assert_ptr_equal(to, &home);
    posted[posted_count++] = job;
}

static void come_home(void) {
    for (size_t i = 0; i < posted_count; i++) posted[i]->done(posted[i]);
    posted_count = 0;
}

static void note_woken(trib_waiter *waiter) {
    ((guest *)(void *)waiter)->woken++;
}

static int setup(void **state) {
    (void)state;
    trib_env_test_init(&env, false, 1);
    home = (trib_home){.post = post};
    posted_count = 0;
    for (size_t i = 0; i < ROOM + 1; i++) {
        guests[i] = (guest){.waiter = {.http = &guests[i].http, .woken = note_woken}};
        guests[i].http.home = &home;
    }
    return trib_waiters_init(&waiters, &env.env, ROOM, NULL) == TRIB_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    trib_waiters_deinit(&waiters);
    trib_waiters_deinit(&waiters);
    return 0;
}

static bool is_any(trib_waiter *waiter, const void *ctx) {
    (void)waiter, (void)ctx;
    return true;
}

static bool is_guest(trib_waiter *waiter, const void *ctx) {
    return waiter == ctx;
}

static void leave(guest *g) {
    g->http.cancelled = true;
    if (g->http.on_cancel) g->http.on_cancel(&g->http);
}

static void who_is_meant_is_woken_at_home_and_may_wait_again(void **state) {
    (void)state;
    assert_true(trib_waiters_add(&waiters, &guests[0].waiter));
    assert_true(trib_waiters_add(&waiters, &guests[1].waiter));
    trib_waiters_wake(&waiters, SIZE_MAX, is_guest, &guests[1]);
    assert_int_equal(guests[1].woken, 0);
    assert_int_equal(trib_waiters_count(&waiters), 1);
    come_home();
    assert_int_equal(guests[1].woken, 1);
    assert_int_equal(guests[0].woken, 0);
    assert_true(trib_waiters_add(&waiters, &guests[1].waiter));
    trib_waiters_wake(&waiters, 1, is_any, NULL); /* who has waited for longer */
    come_home();
    assert_int_equal(guests[0].woken, 1);
    assert_int_equal(guests[1].woken, 1);
}

static void no_more_wait_than_there_is_room_for(void **state) {
    (void)state;
    for (size_t i = 0; i < ROOM; i++) assert_true(trib_waiters_add(&waiters, &guests[i].waiter));
    assert_false(trib_waiters_add(&waiters, &guests[ROOM].waiter));
    assert_null(guests[ROOM].http.on_cancel);
    trib_waiters_wake(&waiters, SIZE_MAX, is_any, NULL);
    come_home();
    assert_int_equal(guests[ROOM].woken, 0);
    assert_true(trib_waiters_add(&waiters, &guests[ROOM].waiter));
}

static void a_peer_that_goes_wakes_its_request_once(void **state) {
    (void)state;
    assert_true(trib_waiters_add(&waiters, &guests[0].waiter));
    leave(&guests[0]);
    assert_int_equal(guests[0].woken, 1);
    trib_waiters_wake(&waiters, SIZE_MAX, is_any, NULL);
    assert_int_equal(posted_count, 0);
    /* woken already, and on its way */
    assert_true(trib_waiters_add(&waiters, &guests[1].waiter));
    trib_waiters_wake(&waiters, SIZE_MAX, is_any, NULL);
    leave(&guests[1]);
    assert_int_equal(guests[1].woken, 0);
    come_home();
    assert_int_equal(guests[1].woken, 1);
    assert_int_equal(trib_waiters_count(&waiters), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_is_meant_is_woken_at_home_and_may_wait_again, setup, teardown),
        cmocka_unit_test_setup_teardown(no_more_wait_than_there_is_room_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_peer_that_goes_wakes_its_request_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
