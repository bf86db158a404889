/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that send: nobody takes more than his share, an end waits for nothing but what is under way, and waits after
 * failures grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/senders.h"
#include "support/env_test.h"

enum { TASKS = 6 };

typedef struct slow_task {
    trib_send_task task; /* first */
    _Atomic bool begun, over;
} slow_task;

static trib_env_test env;
static trib_app app;
static trib_senders *senders;
static _Atomic bool go;

static int setup(void **state) {
    (void)state;
    trib_env_test_init(&env, true, 1);
    memset(&app, 0, sizeof app);
    app.env = &env.env;
    atomic_store(&go, false);
    return trib_senders_new(&app, &senders, NULL) == TRIB_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    atomic_store(&go, true);
    trib_senders_free(senders);
    return 0;
}

static void rest(void) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void wait_for_go(trib_send_task *task, void *session, const _Atomic bool *stop) {
    slow_task *slow = (slow_task *)(void *)task;
    (void)session;
    atomic_store(&slow->begun, true);
    while (!atomic_load(&go) && !atomic_load(stop)) rest();
    atomic_store(&slow->over, true);
}

static void add(slow_task *task, const char *owner) {
    task->task = (trib_send_task){.owner = owner, .run = wait_for_go};
    trib_senders_add(senders, &task->task);
}

static void an_owner_has_at_most_his_share_and_others_pass(void **state) {
    (void)state;
    slow_task slow[TASKS] = {0}, other = {0};
    for (int i = 0; i < TASKS; i++) add(&slow[i], "a");
    add(&other, "b");
    while (!atomic_load(&other.begun)) rest();
    while (!atomic_load(&slow[TRIB_SENDERS_PER_OWNER - 1].begun)) rest();
    for (int i = TRIB_SENDERS_PER_OWNER; i < TASKS; i++) assert_false(slow[i].begun);
    atomic_store(&go, true);
    for (int i = 0; i < TASKS; i++)
        while (!atomic_load(&slow[i].over)) rest();
}

static void an_end_is_told_to_what_runs_and_begins_nothing(void **state) {
    (void)state;
    slow_task slow[TASKS] = {0}, late = {0};
    for (int i = 0; i < TASKS; i++) add(&slow[i], "a");
    while (!atomic_load(&slow[0].begun)) rest();
    trib_senders_stop(senders);
    assert_true(slow[0].over);
    assert_false(slow[TASKS - 1].begun);
    add(&late, "b");
    trib_senders_stop(senders);
    assert_false(late.begun);
}

static void waits_grow_and_have_chance_in_them(void **state) {
    (void)state;
    enum { MOST_MS = 300000 };
    int64_t last = 0;
    for (int64_t n = 1; n <= 12; n++) {
        int64_t ms = trib_send_backoff_ms(&env.env, n, MOST_MS, 50),
                most = (int64_t)TRIB_SEND_BACKOFF_MIN_MS << (n - 1);
        if (most > MOST_MS) most = MOST_MS;
        assert_in_range(ms, most / 2, most);
        if (n < 8) assert_true(ms >= last);
        last = ms;
    }
    assert_true(trib_send_backoff_ms(&env.env, 1000000, MOST_MS, 50) <= MOST_MS);
    assert_int_equal(trib_send_backoff_ms(&env.env, 3, 60000, 0), 4000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_owner_has_at_most_his_share_and_others_pass, setup, teardown),
        cmocka_unit_test_setup_teardown(an_end_is_told_to_what_runs_and_begins_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(waits_grow_and_have_chance_in_them, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
