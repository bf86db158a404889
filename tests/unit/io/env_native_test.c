/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the native environment. */
#include "io/env_native.h"

#include <pthread.h>
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_go_forward),
        cmocka_unit_test(random_fills_every_byte),
        cmocka_unit_test(threads_meet_through_mutex_and_condition),
        cmocka_unit_test(a_wait_without_a_signal_times_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
