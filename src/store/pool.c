/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of tasks and some threads. See pool.h. */
#include "store/pool.h"

#include <stdint.h>
#include <stdlib.h>

struct trib_pool {
    const trib_env *env;
    trib_mutex *lock;
    trib_cond *wake;
    trib_task *first, *last;
    bool stop;
    uint32_t thread_count;
    trib_thread **threads;
};

static trib_task *take_first(trib_pool *pool) {
    trib_task *task = pool->first;
    if (task) {
        pool->first = task->next;
        if (!pool->first) pool->last = NULL;
        task->next = NULL;
    }
    return task;
}

static void thread_main(void *arg) {
    trib_pool *pool = arg;
    trib_mutex_lock(pool->env, pool->lock);
    for (;;) {
        trib_task *task = take_first(pool);
        bool more = pool->first != NULL;
        if (task) {
            trib_mutex_unlock(pool->env, pool->lock);
            /* what is left may have been posted by one who meant to come back for it, and took this one instead */
            if (more) trib_cond_signal(pool->env, pool->wake);
            task->run(task);
            trib_mutex_lock(pool->env, pool->lock);
        } else if (pool->stop) {
            break;
        } else {
            trib_cond_wait(pool->env, pool->wake, pool->lock, -1);
        }
    }
    trib_mutex_unlock(pool->env, pool->lock);
}

trib_code trib_pool_new(const trib_env *env, uint32_t threads, trib_pool **ret, trib_error *err) {
    trib_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return trib_error_set(err, TRIB_NOMEM, NULL);
    pool->env = env;
    pool->lock = trib_mutex_new(env);
    pool->wake = trib_cond_new(env);
    pool->threads = calloc(threads ? threads : 1, sizeof(trib_thread *));
    if (!pool->lock || !pool->wake || !pool->threads) {
        trib_pool_free(pool);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    for (uint32_t i = 0; i < threads; i++) {
        trib_thread *t = env->thread_start(env->ctx, "trib-sync", thread_main, pool);
        if (!t) break; /* fewer threads are slower, not wrong */
        pool->threads[pool->thread_count++] = t;
    }
    if (threads && pool->thread_count == 0) {
        trib_pool_free(pool);
        return trib_error_set(err, TRIB_INTERNAL, "no sync thread could be started; raise the limit on threads");
    }
    *ret = pool;
    return TRIB_OK;
}

void trib_pool_free(trib_pool *pool) {
    if (!pool) return;
    if (pool->lock) {
        trib_mutex_lock(pool->env, pool->lock);
        pool->stop = true;
        if (pool->wake) trib_cond_broadcast(pool->env, pool->wake);
        trib_mutex_unlock(pool->env, pool->lock);
        for (uint32_t i = 0; i < pool->thread_count; i++) pool->env->thread_join(pool->env->ctx, pool->threads[i]);
        trib_pool_run_pending(pool);
    }
    trib_cond_free(pool->env, pool->wake);
    trib_mutex_free(pool->env, pool->lock);
    free(pool->threads);
    free(pool);
}

void trib_pool_post_again(trib_pool *pool, trib_task *task) {
    trib_mutex_lock(pool->env, pool->lock);
    task->next = NULL;
    if (pool->last) pool->last->next = task;
    else pool->first = task;
    pool->last = task;
    trib_mutex_unlock(pool->env, pool->lock);
}

void trib_pool_post(trib_pool *pool, trib_task *task) {
    trib_pool_post_again(pool, task);
    trib_cond_signal(pool->env, pool->wake); /* not sooner, or the woken one only runs into the lock */
}

/* Threads would finish the tasks in any order; so that tests meet all of them, an inline pool draws lots. */
static trib_task *take_any(trib_pool *pool) {
    uint8_t skip = 0;
    (void)trib_env_random(pool->env, &skip, sizeof skip);
    trib_task *before = NULL;
    trib_task *task = pool->first;
    for (skip &= 3; skip > 0 && task && task->next; skip--) {
        before = task;
        task = task->next;
    }
    if (!before) return take_first(pool);
    before->next = task->next;
    if (pool->last == task) pool->last = before;
    task->next = NULL;
    return task;
}

void trib_pool_run_pending(trib_pool *pool) {
    for (;;) {
        trib_mutex_lock(pool->env, pool->lock);
        trib_task *task = pool->thread_count ? take_first(pool) : take_any(pool);
        trib_mutex_unlock(pool->env, pool->lock);
        if (!task) return;
        task->run(task);
    }
}

bool trib_pool_inline(const trib_pool *pool) {
    return pool->thread_count == 0;
}
