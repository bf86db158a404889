/* SPDX-License-Identifier: Apache-2.0 */
/* A trib_env for tests.
 *
 * trib_env_test_threads: pthreads and the real clock, plus an offset that a test may move.
 * trib_env_test_inline: no threads at all: locks only check that they are used correctly, time moves when the test says
 * so,
 *                        randomness comes from a seed, so that every run is the same. */
#ifndef TRIB_TESTS_SUPPORT_ENV_TEST_H
#define TRIB_TESTS_SUPPORT_ENV_TEST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/env.h"

typedef struct trib_env_test {
    trib_env env;
    bool threads;
    _Atomic int64_t offset_ns; /* added to the clock; the whole clock when inline */
    _Atomic uint64_t seed;
    _Atomic int lowered, started; /* threads put to the background; threads started */
} trib_env_test;

static inline int64_t env_test_mono(void *ctx) {
    trib_env_test *t = ctx;
    int64_t ns = t->offset_ns;
    if (t->threads) {
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        ns += (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
    }
    return ns;
}

static inline int64_t env_test_wall(void *ctx) {
    return 1700000000000 + env_test_mono(ctx) / 1000000;
}

#define ENV_TEST_STEP UINT64_C(0x9e3779b97f4a7c15)

/* splitmix64 */
static inline uint64_t env_test_next(uint64_t *state) {
    uint64_t z = (*state += ENV_TEST_STEP);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline bool env_test_random(void *ctx, void *out, size_t n) {
    uint64_t state = atomic_fetch_add(&((trib_env_test *)ctx)->seed, n * ENV_TEST_STEP);
    for (size_t i = 0; i < n; i++) ((unsigned char *)out)[i] = (unsigned char)env_test_next(&state);
    return true;
}

typedef struct env_test_lock {
    pthread_mutex_t mutex;
    bool held;
} env_test_lock;

static inline trib_mutex *env_test_mutex_new(void *ctx) {
    (void)ctx;
    env_test_lock *l = calloc(1, sizeof *l);
    if (l) pthread_mutex_init(&l->mutex, NULL);
    return (trib_mutex *)(void *)l;
}

static inline void env_test_mutex_free(void *ctx, trib_mutex *m) {
    (void)ctx;
    pthread_mutex_destroy(&((env_test_lock *)(void *)m)->mutex);
    free(m);
}

static inline void env_test_lock_it(void *ctx, trib_mutex *m) {
    env_test_lock *l = (env_test_lock *)(void *)m;
    if (((trib_env_test *)ctx)->threads) {
        pthread_mutex_lock(&l->mutex);
    } else if (l->held) {
        fprintf(stderr, "a lock was taken twice on one thread\n");
        abort();
    }
    l->held = true;
}

static inline void env_test_unlock_it(void *ctx, trib_mutex *m) {
    env_test_lock *l = (env_test_lock *)(void *)m;
    if (!l->held) {
        fprintf(stderr, "a lock was released that nobody holds\n");
        abort();
    }
    l->held = false;
    if (((trib_env_test *)ctx)->threads) pthread_mutex_unlock(&l->mutex);
}

static inline trib_cond *env_test_cond_new(void *ctx) {
    (void)ctx;
    pthread_cond_t *c = calloc(1, sizeof *c);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (c) pthread_cond_init(c, &attr);
    return (trib_cond *)(void *)c;
}

static inline void env_test_cond_free(void *ctx, trib_cond *c) {
    (void)ctx;
    pthread_cond_destroy((pthread_cond_t *)(void *)c);
    free(c);
}

static inline bool env_test_cond_wait(void *ctx, trib_cond *c, trib_mutex *m, int64_t timeout_ns) {
    trib_env_test *t = ctx;
    env_test_lock *l = (env_test_lock *)(void *)m;
    if (!t->threads) {
        if (timeout_ns < 0) {
            fprintf(stderr, "a wait without end on the only thread\n");
            abort();
        }
        t->offset_ns += timeout_ns;
        return false;
    }
    l->held = false;
    int rc;
    if (timeout_ns < 0) {
        rc = pthread_cond_wait((pthread_cond_t *)(void *)c, &l->mutex);
    } else {
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        int64_t ns = ts.tv_nsec + timeout_ns;
        ts.tv_sec += ns / 1000000000;
        ts.tv_nsec = ns % 1000000000;
        rc = pthread_cond_timedwait((pthread_cond_t *)(void *)c, &l->mutex, &ts);
    }
    l->held = true;
    return rc == 0;
}

static inline void env_test_cond_signal(void *ctx, trib_cond *c) {
    (void)ctx;
    pthread_cond_signal((pthread_cond_t *)(void *)c);
}

static inline void env_test_cond_broadcast(void *ctx, trib_cond *c) {
    (void)ctx;
    pthread_cond_broadcast((pthread_cond_t *)(void *)c);
}

typedef struct env_test_thread {
    pthread_t id;
    void (*main)(void *arg);
    void *arg;
} env_test_thread;

static inline void *env_test_thread_main(void *p) {
    env_test_thread *t = p;
    t->main(t->arg);
    return NULL;
}

static inline trib_thread *env_test_thread_start(void *ctx, const char *name, void (*main)(void *arg), void *arg) {
    (void)name;
    env_test_thread *t = ((trib_env_test *)ctx)->threads ? calloc(1, sizeof *t) : NULL;
    if (!t) return NULL;
    t->main = main;
    t->arg = arg;
    atomic_fetch_add(&((trib_env_test *)ctx)->started, 1);
    if (pthread_create(&t->id, NULL, env_test_thread_main, t) != 0) {
        free(t);
        return NULL;
    }
    return (trib_thread *)(void *)t;
}

static inline void env_test_thread_join(void *ctx, trib_thread *thread) {
    (void)ctx;
    env_test_thread *t = (env_test_thread *)(void *)thread;
    pthread_join(t->id, NULL);
    free(t);
}

/* As for an ordinary user: down is allowed, up is not. */
static inline bool env_test_background(void *ctx, trib_thread *thread, bool background) {
    (void)thread;
    if (background) atomic_fetch_add(&((trib_env_test *)ctx)->lowered, 1);
    return background;
}

static inline void trib_env_test_init(trib_env_test *t, bool threads, uint64_t seed) {
    memset(t, 0, sizeof *t);
    t->threads = threads;
    t->seed = seed;
    t->offset_ns = threads ? 0 : 1000000000;
    t->env = (trib_env){
        .ctx = t,
        .mono_ns = env_test_mono,
        .wall_ms = env_test_wall,
        .random = env_test_random,
        .mutex_new = env_test_mutex_new,
        .mutex_free = env_test_mutex_free,
        .mutex_lock = env_test_lock_it,
        .mutex_unlock = env_test_unlock_it,
        .cond_new = env_test_cond_new,
        .cond_free = env_test_cond_free,
        .cond_wait = env_test_cond_wait,
        .cond_signal = env_test_cond_signal,
        .cond_broadcast = env_test_cond_broadcast,
        .thread_start = env_test_thread_start,
        .thread_join = env_test_thread_join,
        .thread_set_background = env_test_background,
    };
}

/* A fresh, empty folder below the build's temporary folder; remove it with trib_test_folder_remove. */
static inline void trib_test_folder_make(char *ret, size_t size) {
    const char *tmp = getenv("TMPDIR");
    snprintf(ret, size, "%s/trib-test-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(ret)) {
        perror("mkdtemp");
        abort();
    }
}

#endif
