/* SPDX-License-Identifier: Apache-2.0 */
/* The sync threads: none of the tasks waits behind another while a thread has nothing to do, and all of them are run
 * before the end. Of a pool without threads only when its tasks run; the order that it draws by lot is met by
 * tests/fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/pool.h"
#include "support/env_test.h"

static trib_env_test env;

static int setup(void **state) {
    (void)state;
    trib_env_test_init(&env, true, 1);
    return 0;
}

/* A task that may wait, for five seconds at most, until another one has run. */
typedef struct linked_task {
    trib_task task;
    struct linked_task *waits_for;
    trib_mutex *lock;
    trib_cond *cond;
    bool ran, alone; /* alone: the other one did not run meanwhile */
} linked_task;

static void run_linked(trib_task *base) {
    linked_task *t = (linked_task *)(void *)base;
    trib_mutex_lock(&env.env, t->lock);
    for (int i = 0; t->waits_for && !t->waits_for->ran && i < 250; i++)
        trib_cond_wait(&env.env, t->cond, t->lock, 20000000);
    t->alone = t->waits_for && !t->waits_for->ran;
    t->ran = true;
    trib_cond_broadcast(&env.env, t->cond);
    trib_mutex_unlock(&env.env, t->lock);
}

static void wait_for(linked_task *t) {
    trib_mutex_lock(&env.env, t->lock);
    while (!t->ran) trib_cond_wait(&env.env, t->cond, t->lock, -1);
    trib_mutex_unlock(&env.env, t->lock);
}

/* As when a task posts itself again and its thread finds another one first. `first` wakes nobody, and the one thread
 * that `second` wakes takes `first`, which waits until `second` runs beside it. */
static void a_task_does_not_wait_for_one_whose_poster_has_woken_nobody(void **state) {
    (void)state;
    trib_pool *pool;
    assert_int_equal(trib_pool_new(&env.env, 2, &pool, NULL), TRIB_OK);
    trib_mutex *lock = trib_mutex_new(&env.env);
    trib_cond *cond = trib_cond_new(&env.env);
    linked_task second = {.task.run = run_linked, .lock = lock, .cond = cond};
    linked_task first = {.task.run = run_linked, .waits_for = &second, .lock = lock, .cond = cond};
    linked_task warm = {.task.run = run_linked, .lock = lock, .cond = cond};
    trib_pool_post(pool, &warm.task);
    wait_for(&warm);
    trib_pool_post_again(pool, &first.task);
    trib_pool_post(pool, &second.task);
    wait_for(&first);
    assert_false(first.alone);
    assert_true(second.ran);
    trib_pool_free(pool);
    trib_cond_free(&env.env, cond);
    trib_mutex_free(&env.env, lock);
}

static void what_is_queued_runs_before_the_end(void **state) {
    (void)state;
    trib_pool *pool;
    trib_mutex *lock = trib_mutex_new(&env.env);
    trib_cond *cond = trib_cond_new(&env.env);
    linked_task tasks[20];
    assert_int_equal(trib_pool_new(&env.env, 3, &pool, NULL), TRIB_OK);
    assert_false(trib_pool_inline(pool));
    for (int i = 0; i < 20; i++) {
        tasks[i] = (linked_task){.task.run = run_linked, .lock = lock, .cond = cond};
        trib_pool_post(pool, &tasks[i].task);
    }
    trib_pool_free(pool);
    for (int i = 0; i < 20; i++) assert_true(tasks[i].ran);
    trib_cond_free(&env.env, cond);
    trib_mutex_free(&env.env, lock);
}

static void an_inline_pool_runs_on_the_caller(void **state) {
    (void)state;
    trib_pool *pool;
    trib_mutex *lock = trib_mutex_new(&env.env);
    trib_cond *cond = trib_cond_new(&env.env);
    linked_task task = {.task.run = run_linked, .lock = lock, .cond = cond};
    assert_int_equal(trib_pool_new(&env.env, 0, &pool, NULL), TRIB_OK);
    assert_true(trib_pool_inline(pool));
    trib_pool_post(pool, &task.task);
    assert_false(task.ran);
    trib_pool_run_pending(pool);
    assert_true(task.ran);
    trib_pool_free(pool);
    trib_cond_free(&env.env, cond);
    trib_mutex_free(&env.env, lock);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_task_does_not_wait_for_one_whose_poster_has_woken_nobody, setup),
        cmocka_unit_test_setup(what_is_queued_runs_before_the_end, setup),
        cmocka_unit_test_setup(an_inline_pool_runs_on_the_caller, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
