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

static void post(trib_home *base, trib_job *job) {
    trib_loop_home *home = base->ctx;
    trib_mutex_lock(home->env, home->mutex);
    trib_list_push_back(&home->jobs, &job->link);
    bool wake = !home->woken;
    home->woken = true;
    trib_mutex_unlock(home->env, home->mutex);
    if (wake) trib_loop_post(home->loop, &home->task);
}

trib_code trib_loop_home_init(trib_loop_home *home, const trib_env *env, trib_loop *loop, trib_error *err) {
    *home = (trib_loop_home){.home = {.ctx = home, .post = post}, .env = env, .loop = loop, .task = {.run = run_done}};
    trib_list_init(&home->jobs);
    home->mutex = trib_mutex_new(env);
    return home->mutex ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

void trib_loop_home_deinit(trib_loop_home *home) {
    if (home && home->env) trib_mutex_free(home->env, home->mutex);
}
