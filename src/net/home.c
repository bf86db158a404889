/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs come home to a loop; see home.h. */
#include "net/home.h"

/* A batch: what is posted while it runs wakes the loop again, so sockets get their turn in between. */
static void run_done(trib_task *task) {
    trib_loop_home *home = TRIB_LIST_ITEM(task, trib_loop_home, task);
    trib_list batch;
    trib_list_init(&batch);
    trib_mutex_lock(home->env, home->mutex);
    home->woken = false;
    trib_list_splice_back(&batch, &home->jobs);
    trib_mutex_unlock(home->env, home->mutex);
    for (trib_list *link; (link = trib_list_take_first(&batch));) {
        trib_job *job = TRIB_LIST_ITEM(link, trib_job, link);
        job->done(job);
    }
}

static bool push(trib_home *base, trib_job *job) {
    trib_loop_home *home = base->ctx;
    trib_mutex_lock(home->env, home->mutex);
    trib_list_push_back(&home->jobs, &job->link);
    bool owed = !home->woken;
    home->woken = true;
    trib_mutex_unlock(home->env, home->mutex);
    return owed;
}

static void wake(trib_home *base) {
    trib_loop_home *home = base->ctx;
    trib_loop_post(home->loop, &home->task);
}

static void post(trib_home *base, trib_job *job) {
    if (push(base, job)) wake(base);
}

static void wake_workers(trib_task *task) {
    trib_loop_home *home = TRIB_LIST_ITEM(task, trib_loop_home, wake_task);
    trib_workers *workers = home->wake_workers;
    home->wake_workers = NULL;
    home->put_off = 0;
    trib_workers_wake(workers);
}

static bool wake_later(trib_home *base, trib_workers *workers) {
    trib_loop_home *home = base->ctx;
    if (!trib_loop_is_current(home->loop)) return false;
    if (home->wake_workers && home->wake_workers != workers) return false;
    if (++home->put_off > TRIB_HOME_PUT_OFF_MAX) {
        home->put_off = 0;
        return false;
    }
    if (!home->wake_workers) trib_loop_run_last(home->loop, &home->wake_task);
    home->wake_workers = workers;
    return true;
}

trib_code trib_loop_home_init(trib_loop_home *home, const trib_env *env, trib_loop *loop, trib_error *err) {
    *home = (trib_loop_home){.home = {.ctx = home, .post = post, .push = push, .wake = wake, .wake_later = wake_later},
                             .env = env,
                             .loop = loop,
                             .task = {.run = run_done},
                             .wake_task = {.run = wake_workers}};
    trib_list_init(&home->jobs);
    home->mutex = trib_mutex_new(env);
    return home->mutex ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

void trib_loop_home_deinit(trib_loop_home *home) {
    if (home && home->env) trib_mutex_free(home->env, home->mutex);
}
