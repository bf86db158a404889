/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that send; see senders.h. A thread that is begun stays until the end: it keeps its connections. */
#include "core/senders.h"

#include <stdlib.h>
#include <string.h>

struct trib_senders {
    trib_app *app;
    const trib_env *env;
    trib_mutex *lock;
    trib_cond *cond;
    trib_list waiting;                     /* trib_send_task.link */
    const char *sending[TRIB_SENDERS_MAX]; /* by thread: for whom; NULL: nobody */
    _Atomic bool stop;
    uint32_t idle, thread_count;
    trib_thread *threads[TRIB_SENDERS_MAX];
    struct trib_sender_place {
        trib_senders *senders;
        uint32_t at;
        char owner[TRIB_DB_ID_BYTES + 1]; /* a copy: the task may be gone when its thread looks again */
    } places[TRIB_SENDERS_MAX];
};

/* Lock held: the first whose owner has not got its share of the threads. */
static trib_send_task *take(trib_senders *senders) {
    TRIB_LIST_EACH(link, &senders->waiting) {
        trib_send_task *task = TRIB_LIST_ITEM(link, trib_send_task, link);
        uint32_t of_owner = 0;
        for (uint32_t i = 0; i < senders->thread_count; i++)
            of_owner += senders->sending[i] && strcmp(senders->sending[i], task->owner) == 0;
        if (of_owner >= TRIB_SENDERS_PER_OWNER) continue;
        trib_list_remove(link);
        return task;
    }
    return NULL;
}

static void thread_main(void *arg) {
    struct trib_sender_place *place = arg;
    trib_senders *senders = place->senders;
    trib_outbound *outbound = &senders->app->outbound;
    void *session = outbound->session_new ? outbound->session_new(outbound->ctx) : NULL;
    trib_mutex_lock(senders->env, senders->lock);
    while (!atomic_load(&senders->stop)) {
        trib_send_task *task = take(senders);
        if (!task) {
            senders->idle++;
            trib_cond_wait(senders->env, senders->cond, senders->lock, -1);
            senders->idle--;
            continue;
        }
        size_t n = strlen(task->owner);
        if (n > TRIB_DB_ID_BYTES) n = TRIB_DB_ID_BYTES;
        memcpy(place->owner, task->owner, n);
        place->owner[n] = '\0';
        senders->sending[place->at] = place->owner;
        trib_mutex_unlock(senders->env, senders->lock);
        task->run(task, session, &senders->stop);
        trib_mutex_lock(senders->env, senders->lock);
        senders->sending[place->at] = NULL;
        trib_cond_broadcast(senders->env, senders->cond); /* another one of this owner may go */
    }
    trib_mutex_unlock(senders->env, senders->lock);
    if (session) outbound->session_free(outbound->ctx, session);
}

void trib_senders_add(trib_senders *senders, trib_send_task *task) {
    const trib_env *env = senders->env;
    trib_mutex_lock(env, senders->lock);
    trib_list_push_back(&senders->waiting, &task->link);
    uint32_t at = senders->thread_count;
    if (senders->idle == 0 && at < TRIB_SENDERS_MAX && !atomic_load(&senders->stop)) {
        senders->places[at] = (struct trib_sender_place){.senders = senders, .at = at};
        senders->threads[at] = env->thread_start(env->ctx, "trib-hook", thread_main, &senders->places[at]);
        if (senders->threads[at]) senders->thread_count++;
    }
    trib_cond_broadcast(env, senders->cond);
    trib_mutex_unlock(env, senders->lock);
}

trib_code trib_senders_new(trib_app *app, trib_senders **ret, trib_error *err) {
    trib_senders *senders = calloc(1, sizeof *senders);
    if (!senders) return trib_error_set(err, TRIB_NOMEM, NULL);
    senders->app = app;
    senders->env = app->env;
    trib_list_init(&senders->waiting);
    senders->lock = trib_mutex_new(app->env);
    senders->cond = trib_cond_new(app->env);
    if (!senders->lock || !senders->cond) {
        trib_senders_free(senders);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    *ret = senders;
    return TRIB_OK;
}

void trib_senders_stop(trib_senders *senders) {
    if (!senders || !senders->lock || !senders->cond) return;
    const trib_env *env = senders->env;
    trib_mutex_lock(env, senders->lock);
    atomic_store(&senders->stop, true);
    trib_cond_broadcast(env, senders->cond);
    uint32_t count = senders->thread_count;
    senders->thread_count = 0;
    trib_mutex_unlock(env, senders->lock);
    for (uint32_t i = 0; i < count; i++) env->thread_join(env->ctx, senders->threads[i]);
}

void trib_senders_free(trib_senders *senders) {
    if (!senders) return;
    trib_senders_stop(senders);
    trib_cond_free(senders->env, senders->cond);
    trib_mutex_free(senders->env, senders->lock);
    free(senders);
}

int64_t trib_send_backoff_ms(const trib_env *env, int64_t n, int64_t most_ms, unsigned chance_percent) {
    int64_t wait_ms = TRIB_SEND_BACKOFF_MIN_MS;
    uint32_t random = 0;
    for (int64_t i = 1; i < n && wait_ms < most_ms; i++) wait_ms *= 2;
    if (wait_ms > most_ms) wait_ms = most_ms;
    int64_t chance_ms = wait_ms * (int64_t)chance_percent / 100;
    (void)trib_env_random(env, &random, sizeof random);
    return wait_ms - chance_ms + (int64_t)(random % (uint32_t)(chance_ms + 1));
}
