/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the native environment. */
#include "io/env_native.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

static void clocks_go_forward(void **state) {
    (void)state;
    const trib_env *env = trib_env_native();
    int64_t a = trib_env_mono_ns(env);
    int64_t b = trib_env_mono_ns(env);
    assert_true(b >= a && a > 0);
    assert_true(trib_env_wall_ms(env) > INT64_C(1700000000000));
}

static void random_fills_every_byte(void **state) {
    (void)state;
    /* 64 draws leave no byte zero in all of them, but for 1 in 2^500 */
    uint8_t seen[600] = {0}, draw[600];
    for (int i = 0; i < 64; i++) {
        assert_true(trib_env_random(trib_env_native(), draw, sizeof draw));
        for (size_t at = 0; at < sizeof draw; at++) seen[at] |= draw[at];
    }
    for (size_t at = 0; at < sizeof seen; at++) assert_int_not_equal(seen[at], 0);
}

typedef struct meeting {
    const trib_env *env;
    trib_mutex *mutex;
    trib_cond *cond;
    int turn, rounds;
    char name[16];
    bool term_blocked;
    int nice;
} meeting;

static void partner(void *arg) {
    meeting *m = arg;
    pthread_getname_np(pthread_self(), m->name, sizeof m->name);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    m->term_blocked = sigismember(&mask, SIGTERM) == 1;
    trib_mutex_lock(m->env, m->mutex);
    for (int i = 0; i < m->rounds; i++) {
        while (m->turn != 1) trib_cond_wait(m->env, m->cond, m->mutex, -1);
        m->nice = getpriority(PRIO_PROCESS, 0);
        m->turn = 0;
        trib_cond_broadcast(m->env, m->cond);
    }
    trib_mutex_unlock(m->env, m->mutex);
}

static void threads_meet_through_mutex_and_condition(void **state) {
    (void)state;
    const trib_env *env = trib_env_native();
    meeting m = {.env = env, .mutex = trib_mutex_new(env), .cond = trib_cond_new(env), .rounds = 200, .nice = -1};
    int before = getpriority(PRIO_PROCESS, 0);
    trib_thread *t = env->thread_start(env->ctx, "partner-with-a-long-name", partner, &m);
    assert_non_null(t);
    trib_mutex_lock(env, m.mutex);
    for (int i = 0; i < m.rounds; i++) {
        /* it has answered once, so it runs */
        if (i == m.rounds - 1) assert_true(env->thread_set_background(env->ctx, t, true));
        m.turn = 1;
        trib_cond_signal(env, m.cond);
        while (m.turn != 0) trib_cond_wait(env, m.cond, m.mutex, INT64_C(10000000000));
    }
    trib_mutex_unlock(env, m.mutex);
    env->thread_join(env->ctx, t);
    assert_string_equal(m.name, "partner-with-a-");
    assert_true(m.term_blocked);
    assert_int_equal(m.nice, 19);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), before); /* only that thread went to the background */
    trib_cond_free(env, m.cond);
    trib_mutex_free(env, m.mutex);
}

static void a_wait_without_a_signal_times_out(void **state) {
    (void)state;
    const trib_env *env = trib_env_native();
    trib_mutex *mutex = trib_mutex_new(env);
    trib_cond *cond = trib_cond_new(env);
    trib_mutex_lock(env, mutex);
    int64_t start = trib_env_mono_ns(env);
    while (trib_cond_wait(env, cond, mutex, 2000000)) continue; /* spurious wake-ups are allowed */
    assert_true(trib_env_mono_ns(env) - start >= 2000000);
    trib_mutex_unlock(env, mutex);
    trib_cond_free(env, cond);
    trib_mutex_free(env, mutex);
}

/* ---- a queue that many threads fill and empty, each signal for one item ---- */

enum { CROWD = 4, ITEMS = 5000 };

typedef struct crowd {
    const trib_env *env;
    trib_mutex *mutex;
    trib_cond *filled;
    int waiting_items, taken, missed; /* guarded by mutex */
    bool end;
} crowd;

static void take_items(void *arg) {
    crowd *c = arg;
    trib_mutex_lock(c->env, c->mutex);
    while (c->waiting_items || !c->end) {
        if (c->waiting_items) {
            c->waiting_items--;
            c->taken++;
        } else if (!trib_cond_wait(c->env, c->filled, c->mutex, INT64_C(20000000000))) {
            c->missed++; /* 20 s without a signal: one was lost */
        }
    }
    trib_mutex_unlock(c->env, c->mutex);
}

static void put_items(void *arg) {
    crowd *c = arg;
    for (int i = 0; i < ITEMS; i++) {
        trib_mutex_lock(c->env, c->mutex);
        c->waiting_items++;
        trib_mutex_unlock(c->env, c->mutex);
        trib_cond_signal(c->env, c->filled); /* without the mutex, as the workers' pool does it */
        while (i % 64 == 0) {                /* let the takers fall asleep now and then */
            trib_mutex_lock(c->env, c->mutex);
            bool empty = c->waiting_items == 0;
            trib_mutex_unlock(c->env, c->mutex);
            if (empty) break;
            sched_yield();
        }
    }
}

static void no_signal_is_lost_between_many_threads(void **state) {
    (void)state;
    const trib_env *env = trib_env_native();
    crowd c = {.env = env, .mutex = trib_mutex_new(env), .filled = trib_cond_new(env)};
    trib_thread *takers[CROWD], *putters[CROWD];
    for (int i = 0; i < CROWD; i++) takers[i] = env->thread_start(env->ctx, "taker", take_items, &c);
    for (int i = 0; i < CROWD; i++) putters[i] = env->thread_start(env->ctx, "putter", put_items, &c);
    for (int i = 0; i < CROWD; i++) env->thread_join(env->ctx, putters[i]);
    trib_mutex_lock(env, c.mutex);
    c.end = true;
    trib_mutex_unlock(env, c.mutex);
    trib_cond_broadcast(env, c.filled);
    for (int i = 0; i < CROWD; i++) env->thread_join(env->ctx, takers[i]);
    assert_int_equal(c.taken, CROWD * ITEMS);
    assert_int_equal(c.missed, 0);
    trib_cond_free(env, c.filled);
    trib_mutex_free(env, c.mutex);
}

/* ---- the time of one thread ---- */

static void work_until_told(void *arg) {
    while (!atomic_load((atomic_bool *)arg)) continue;
}

static void processor_time_is_of_the_thread_that_uses_it(void **state) {
    (void)state;
    const trib_env *env = trib_env_native();
    atomic_bool end = false;
    trib_thread *t = env->thread_start(env->ctx, "works", work_until_told, &end);
    assert_non_null(t);
    int64_t first = env->thread_cpu_ns(env->ctx, t);
    int64_t until = trib_env_mono_ns(env) + INT64_C(10000000000);
    while (env->thread_cpu_ns(env->ctx, t) < first + 2000000 && trib_env_mono_ns(env) < until) sched_yield();
    assert_true(env->thread_cpu_ns(env->ctx, t) >= first + 2000000);
    atomic_store(&end, true);
    env->thread_join(env->ctx, t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_go_forward),
        cmocka_unit_test(random_fills_every_byte),
        cmocka_unit_test(threads_meet_through_mutex_and_condition),
        cmocka_unit_test(a_wait_without_a_signal_times_out),
        cmocka_unit_test(no_signal_is_lost_between_many_threads),
        cmocka_unit_test(processor_time_is_of_the_thread_that_uses_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
