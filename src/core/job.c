/* SPDX-License-Identifier: Apache-2.0 */
/* Workers over tenant queues; see job.h.
 *
 *   ready:  [tenant A] -> [tenant C] -> ...      tenants that have jobs and a free place, taken from the front
 *   tenant: [job][job][job]   running: 2 of 4    one job is taken, then the tenant goes to the back
 *
 * One lock guards all of it: a job costs two short visits, and the figures of docs/benchmarks.md say that this is not
 * where the time goes; waking threads is. So wakes are shared in both directions:
 *
 *   to workers   one is woken at a time; when it arrives and leaves work behind, it wakes the next. A loop that submits
 *                puts even that off until it has read all of its sockets (trib_home.wake_later).
 *   to homes     a worker that finds a next job pushes the finished one home quietly and owes the wake. It may only do
 *                so while another worker is on its way, who pays all debts on arrival: if the next job turns out long,
 *                the answer waits for one switch of threads, not for that job.
 *
 * A job's own state is an atomic, because a resume may come while its worker is still on the way out:
 *
 *   QUEUED -> RUNNING -> (run says WAIT) -> WAITING -> QUEUED
 *                 \-> RESUMED (resume came first) -> the worker runs it again at once
 *
 * A worker that sits in one job is stuck: a stand-in takes its place, and if it computes its thread goes to the
 * background. Afterwards it waits in reserve, or ends where the system does not let its priority up again; the next
 * tick starts a fresh one.
 *
 * Locks, always in this order: a worker's guard -> a database's lock (inside trib_handle_interrupt) -> the pool's lock
 * (the store resumes jobs under the database's lock). */
#include "core/job.h"

#include <assert.h>
#include <stdlib.h>

enum job_state { JOB_QUEUED = 0, JOB_RUNNING, JOB_WAITING, JOB_RESUMED };

enum { OWED_MAX = 8 /* homes with an owed wake; past it wakes are paid at once */ };

typedef struct worker {
    trib_workers *pool;
    trib_thread *thread;    /* NULL: this place is free */
    trib_job *job;          /* what runs now */
    trib_work_queue *queue; /* its tenant's */
    int64_t since_ns;       /* when it began */
    int64_t cpu_from_ns;    /* its thread's processor time when it was first seen to be overdue; 0: it was not */
    bool stuck;             /* counted in pool->stuck */
    bool chosen;            /* this job was told to stop because too many are stuck */
    bool background;        /* its thread runs at low priority */
    bool ended;             /* its thread is over, or about to be, and is only to be joined */
    trib_mutex *guard;      /* of the two below */
    bool heavy;             /* counted in pool->heavy: its job is a heavy tenant's */
    int64_t used_from_ns;   /* what it ran before was counted as its queue's use */
    int64_t runs_until_ns;  /* of trib_pace_give_way, before a job */
    int64_t yields_ns;      /* of trib_pace_yield, the same */
    trib_job *inside;       /* the job that is inside of `handle` */
    trib_handle *handle;
} worker;

struct trib_workers {
    const trib_env *env;
    trib_mutex *lock;
    trib_cond *work;       /* something is ready, or the end has come */
    trib_list ready;       /* trib_work_queue.link */
    trib_list ready_heavy; /* the same, of heavy tenants */
    trib_list used;        /* trib_work_queue.use_link: those whose use is not 0 */
    trib_pace pace;
    int64_t used_until_ns; /* the last tick */
    uint32_t heavy;        /* workers that run a heavy tenant's job and are not stuck */
    bool may_come_back;    /* a thread in the background can leave it again */
    bool contended;        /* heavy tenants are not alone: their jobs run in the background */
    uint32_t base;         /* threads that are meant to run */
    uint32_t active;       /* workers that run a job and are not stuck */
    uint32_t stuck;
    uint32_t waiting; /* workers in cond_wait */
    bool waking;      /* one of those was signalled and has not arrived yet */
    trib_home *owed[OWED_MAX];
    uint32_t owed_count;
    uint32_t count; /* places in use, from the front */
    uint32_t live;  /* threads that have not ended */
    bool stopping;
    worker workers[TRIB_WORKERS_MAX + TRIB_STUCK_WORKERS_MAX];
};

struct trib_work_queue {
    trib_workers *pool;
    trib_list jobs;
    trib_list link; /* in pool->ready when it has jobs and fewer than TRIB_TENANT_RUNNING_MAX run */
    uint32_t queued, running;
    uint32_t in_flight; /* jobs between submission and home that do not wait for their own tenant */
    _Atomic bool full;  /* trib_work_queue_is_full */
    int64_t taken_ns;   /* when the last job was taken */
    int64_t step_ns;    /* from one job taken to the next while others waited; of the last dozen */
    trib_pace_lane lane;
    trib_list use_link;
    int64_t used_ns, use_permille; /* since the last tick; of one worker, on average */
    bool shared;                   /* trib_work_queue_set_shared */
    bool orphan;                   /* its tenant is gone; the last worker frees it */
};

static void lock(trib_workers *pool) {
    trib_mutex_lock(pool->env, pool->lock);
}

static void unlock(trib_workers *pool) {
    trib_mutex_unlock(pool->env, pool->lock);
}

bool trib_work_queue_is_heavy(const trib_work_queue *queue) {
    return atomic_load_explicit(&queue->lane.heavy, memory_order_relaxed);
}

/* Puts the queue where it belongs now. Lock held. */
static void queue_settle(trib_work_queue *queue) {
    bool runnable = queue->queued > 0 && queue->running < TRIB_TENANT_RUNNING_MAX;
    trib_list *ready = trib_work_queue_is_heavy(queue) ? &queue->pool->ready_heavy : &queue->pool->ready;
    if (!runnable) trib_list_remove(&queue->link);
    else if (!trib_list_is_linked(&queue->link)) trib_list_push_back(ready, &queue->link);
}

/* Lock held. */
static void count_in(trib_job *job) {
    if (job->counted) return;
    job->counted = true;
    job->queue->in_flight++;
    if (!trib_work_queue_is_heavy(job->queue)) trib_pace_add_urgent(&job->queue->pool->pace, 1);
}

/* `counted` was taken from the job before. Lock held. */
static void count_out(trib_work_queue *queue, bool counted) {
    if (!counted) return;
    queue->in_flight--;
    if (!trib_work_queue_is_heavy(queue)) trib_pace_sub_urgent(&queue->pool->pace, 1);
}

/* Others go first, and heavy tenants never take every worker. Lock held. */
static bool has_ready(const trib_workers *pool) {
    if (!trib_list_is_empty(&pool->ready)) return true;
    return pool->heavy < (pool->base + 1) / 2 && !trib_list_is_empty(&pool->ready_heavy);
}

/* True: the caller must signal `work`, best after unlocking, or the woken one only runs into the lock. Lock held. */
static bool wake_claim(trib_workers *pool) {
    if (pool->waking || !pool->waiting || pool->active >= pool->base || !has_ready(pool)) return false;
    pool->waking = true;
    return true;
}

static void wake(trib_workers *pool) {
    trib_cond_signal(pool->env, pool->work);
}

/* Lock held. */
static bool queue_is_full(trib_work_queue *queue, int64_t now_ns) {
    bool full = queue->queued >= TRIB_TENANT_QUEUE_MAX;
    if (!full && queue->queued >= TRIB_TENANT_QUEUE_FREE) {
        const trib_job *first = TRIB_LIST_ITEM(queue->jobs.next, trib_job, link);
        int64_t limit_ns = (int64_t)TRIB_TENANT_QUEUE_MS * 1000000;
        full = now_ns - first->queued_ns > limit_ns || queue->step_ns > limit_ns / queue->queued;
    }
    atomic_store_explicit(&queue->full, full, memory_order_relaxed);
    return full;
}

/* Lock held. */
static void queue_push(trib_job *job, bool front) {
    trib_work_queue *queue = job->queue;
    atomic_store(&job->state, JOB_QUEUED);
    job->queued_ns = trib_env_mono_ns(queue->pool->env);
    count_in(job);
    if (front) trib_list_push_front(&queue->jobs, &job->link);
    else trib_list_push_back(&queue->jobs, &job->link);
    queue->queued++;
    queue_settle(queue);
}

/* The next job of the tenant whose turn it is, NULL if nothing is ready. Lock held. */
static trib_job *take_ready(trib_workers *pool) {
    trib_list *link = trib_list_take_first(&pool->ready);
    if (!link && has_ready(pool)) link = trib_list_take_first(&pool->ready_heavy);
    if (!link) return NULL;
    trib_work_queue *queue = TRIB_LIST_ITEM(link, trib_work_queue, link);
    trib_list *first = trib_list_take_first(&queue->jobs);
    trib_job *job = TRIB_LIST_ITEM(first, trib_job, link);
    queue->queued--;
    queue->running++;
    pool->active++;
    queue_settle(queue);
    return job;
}

static void post_home(trib_job *job) {
    if (job->home) job->home->post(job->home, job);
    else job->done(job);
}

/* As trib_job_post_home, but quietly where that can be: then the home to which a wake is owed, else NULL. */
static trib_home *push_home(trib_job *job) {
    trib_home *home = job->home;
    if (home && home->push) return home->push(home, job) ? home : NULL;
    post_home(job);
    return NULL;
}

void trib_job_post_home(trib_job *job) {
    trib_workers *pool = job->queue->pool;
    lock(pool);
    count_out(job->queue, job->counted);
    job->counted = false;
    unlock(pool);
    post_home(job);
}

/* Runs one job until it is done or really waits. The job is not touched after it went home or became WAITING. Answers
 * the home to which a wake is owed, or NULL. *ret_counted: the caller must count it out. */
static trib_home *run_job(trib_job *job, bool *ret_counted) {
    *ret_counted = false;
    for (;;) {
        atomic_store(&job->state, JOB_RUNNING);
        trib_job_verdict verdict = job->run(job);
        if (verdict == TRIB_JOB_GONE) return NULL;
        *ret_counted = job->counted;
        job->counted = false;
        if (verdict == TRIB_JOB_DONE) return push_home(job);
        int expected = JOB_RUNNING;
        if (atomic_compare_exchange_strong(&job->state, &expected, JOB_WAITING)) return NULL;
        assert(expected == JOB_RESUMED);
        job->counted = *ret_counted;
        *ret_counted = false;
    }
}

/* Wakes every home that is owed it. Lock held on entry and exit, not in between. */
static void pay_owed(trib_workers *pool) {
    trib_home *owed[OWED_MAX];
    uint32_t count = pool->owed_count;
    if (!count) return;
    for (uint32_t i = 0; i < count; i++) owed[i] = pool->owed[i];
    pool->owed_count = 0;
    unlock(pool);
    for (uint32_t i = 0; i < count; i++) owed[i]->wake(owed[i]);
    lock(pool);
}

/* Lock held, as above. */
static void owe(trib_workers *pool, trib_home *home) {
    if (pool->owed_count == OWED_MAX) pay_owed(pool);
    pool->owed[pool->owed_count++] = home; /* a home owes at most one wake, so it is not in there twice */
}

/* What the worker has run since it was last counted. Lock held. */
static void count_use(worker *w, int64_t now_ns) {
    trib_work_queue *queue = w->queue;
    if (now_ns <= w->used_from_ns) return;
    queue->used_ns += now_ns - w->used_from_ns;
    w->used_from_ns = now_ns;
    if (atomic_load_explicit(&queue->full, memory_order_relaxed)) queue_is_full(queue, now_ns);
    if (!trib_list_is_linked(&queue->use_link)) trib_list_push_back(&queue->pool->used, &queue->use_link);
}

static void free_queue(trib_work_queue *queue) {
    trib_list_remove(&queue->use_link);
    free(queue);
}

/* A heavy tenant's job, while there are others. Lock held. */
static bool runs_in_background(const worker *self, const trib_work_queue *queue) {
    return self->pool->contended && self->pool->may_come_back && trib_work_queue_is_heavy(queue);
}

/* How fast the queue moves. Lock held. */
static void note_taken(trib_work_queue *queue, const trib_job *job, int64_t now_ns) {
    if (job->queued_ns <= queue->taken_ns) queue->step_ns += (now_ns - queue->taken_ns - queue->step_ns) / 8;
    queue->taken_ns = now_ns;
}

/* wakes: this worker has claimed a wake. Lock held on entry and exit. */
static void worker_run_one(worker *self, trib_job *job, bool wakes) {
    trib_workers *pool = self->pool;
    trib_work_queue *queue = job->queue;
    self->job = job;
    self->queue = queue;
    self->chosen = false;
    self->cpu_from_ns = 0;
    atomic_store(&job->worker, self);
    self->heavy = trib_work_queue_is_heavy(queue);
    pool->heavy += self->heavy;
    if (runs_in_background(self, queue) && !self->background)
        self->background = pool->env->thread_set_background(pool->env->ctx, self->thread, true);
    bool counted, gives_way = trib_pace_must_give_way(&queue->lane) && pool->base > 1;
    bool yields = self->heavy && pool->contended; /* thousands of short jobs are as bad as a long one */
    int64_t began_ns = trib_env_mono_ns(pool->env);
    note_taken(queue, job, began_ns);
    self->since_ns = self->used_from_ns = gives_way ? INT64_MAX : began_ns;
    unlock(pool);
    if (wakes) wake(pool);
    if (gives_way) {
        (void)trib_pace_give_way(&queue->lane, &self->runs_until_ns);
        lock(pool);
        self->since_ns = self->used_from_ns = trib_env_mono_ns(pool->env);
        unlock(pool);
    }
    if (yields) trib_pace_yield(&queue->lane, &self->yields_ns);
    trib_home *home = run_job(job, &counted);
    int64_t now_ns = trib_env_mono_ns(pool->env);
    lock(pool);
    count_use(self, now_ns);
    count_out(queue, counted);
    self->job = NULL;
    self->queue = NULL;
    if (self->stuck) {
        self->stuck = false;
        pool->stuck--;
    } else {
        pool->active--;
        pool->heavy -= self->heavy;
    }
    queue->running--;
    if (queue->orphan && queue->running == 0) free_queue(queue);
    else queue_settle(queue);
    if (home) owe(pool, home);
}

/* Lock held. */
static void come_back(worker *self) {
    const trib_env *env = self->pool->env;
    self->background = !env->thread_set_background(env->ctx, self->thread, false);
}

/* Nothing but a heavy tenant's job is there to be taken next: no need to come back in between. Lock held. */
static bool next_is_heavy(const trib_workers *pool) {
    return pool->contended && pool->may_come_back && pool->active < pool->base && trib_list_is_empty(&pool->ready) &&
           has_ready(pool);
}

/* A thread that cannot leave the background must not serve other tenants: it ends, a fresh one is started by the next
 * tick. The last one stays, slow as it is. Lock held. */
static bool must_retire(worker *self) {
    trib_workers *pool = self->pool;
    if (!self->background) return false;
    come_back(self);
    return self->background && !pool->stopping && pool->live > 1;
}

static void worker_main(void *arg) {
    worker *self = arg;
    trib_workers *pool = self->pool;
    lock(pool);
    for (;;) {
        /* a worker that comes back from being stuck waits while its stand-in has its place */
        trib_job *job = pool->active < pool->base ? take_ready(pool) : NULL;
        bool wakes = wake_claim(pool);
        if (!job || !pool->waking) pay_owed(pool);
        if (job) {
            if (self->background && !runs_in_background(self, job->queue)) come_back(self);
            worker_run_one(self, job, wakes);
            if (self->background && next_is_heavy(pool)) continue;
            if (must_retire(self)) {
                pay_owed(pool);
                break;
            }
            continue;
        }
        /* the debts were paid without the lock, so look again */
        if (pool->active < pool->base && has_ready(pool)) continue;
        if (pool->stopping && trib_list_is_empty(&pool->ready) && trib_list_is_empty(&pool->ready_heavy)) break;
        pool->waiting++;
        trib_cond_wait(pool->env, pool->work, pool->lock, -1);
        pool->waiting--;
        pool->waking = false;
        pay_owed(pool);
    }
    self->ended = true;
    pool->live--;
    trib_cond_signal(pool->env, pool->work);
    unlock(pool);
}

/* A place without a thread; NULL: none is left, or no memory. Lock held. */
static worker *free_place(trib_workers *pool) {
    for (uint32_t i = 0; i < pool->count; i++) {
        worker *w = &pool->workers[i];
        if (w->thread && !w->ended) continue;
        if (w->thread) pool->env->thread_join(pool->env->ctx, w->thread); /* it takes no lock any more */
        w->thread = NULL;
        w->ended = w->background = false;
        return w;
    }
    if (pool->count == sizeof pool->workers / sizeof pool->workers[0]) return NULL;
    worker *w = &pool->workers[pool->count];
    *w = (worker){.pool = pool, .guard = trib_mutex_new(pool->env)};
    if (!w->guard) return NULL;
    pool->count++;
    return w;
}

/* Lock held. false: the thread could not be started. */
static bool start_worker(trib_workers *pool) {
    worker *w = free_place(pool);
    if (!w) return false;
    w->thread = pool->env->thread_start(pool->env->ctx, "worker", worker_main, w);
    if (w->thread) pool->live++;
    return w->thread != NULL;
}

trib_code trib_workers_new(const trib_env *env, uint32_t threads, trib_workers **ret, trib_error *err) {
    trib_workers *pool = calloc(1, sizeof *pool);
    if (!pool) return trib_error_set(err, TRIB_NOMEM, NULL);
    pool->env = env;
    pool->base = threads < 1 ? 1 : threads > TRIB_WORKERS_MAX ? TRIB_WORKERS_MAX : threads;
    trib_list_init(&pool->ready);
    trib_list_init(&pool->ready_heavy);
    trib_list_init(&pool->used);
    pool->used_until_ns = trib_env_mono_ns(env);
    pool->may_come_back = env->thread_may_come_back && env->thread_may_come_back(env->ctx);
    pool->lock = trib_mutex_new(env);
    pool->work = trib_cond_new(env);
    bool ok = pool->lock && pool->work && trib_pace_init(&pool->pace, env, NULL) == TRIB_OK;
    if (ok) {
        lock(pool);
        for (uint32_t i = 0; ok && i < pool->base; i++) ok = start_worker(pool);
        unlock(pool);
    }
    if (!ok) {
        trib_workers_free(pool);
        return trib_error_set(err, TRIB_NOMEM,
                              "cannot start the worker threads: the system gives no memory or threads; "
                              "raise its limits or lower --workers");
    }
    *ret = pool;
    return TRIB_OK;
}

void trib_workers_stop(trib_workers *pool) {
    if (!pool || !pool->lock || !pool->work) return;
    lock(pool);
    pool->stopping = true;
    trib_cond_broadcast(pool->env, pool->work);
    unlock(pool);
    for (uint32_t i = 0; i < pool->count; i++) {
        if (pool->workers[i].thread) pool->env->thread_join(pool->env->ctx, pool->workers[i].thread);
        pool->workers[i].thread = NULL;
    }
}

void trib_workers_free(trib_workers *pool) {
    if (!pool) return;
    trib_workers_stop(pool);
    for (uint32_t i = 0; i < pool->count; i++) trib_mutex_free(pool->env, pool->workers[i].guard);
    trib_pace_deinit(&pool->pace);
    trib_cond_free(pool->env, pool->work);
    trib_mutex_free(pool->env, pool->lock);
    free(pool);
}

void trib_workers_wake(trib_workers *pool) {
    lock(pool);
    bool wakes = wake_claim(pool);
    unlock(pool);
    if (wakes) wake(pool);
}

/* ---- heavy tenants ---- */

/* Lock held. */
static void set_heavy(trib_work_queue *queue, bool heavy) {
    trib_pace *pace = &queue->pool->pace;
    if (trib_work_queue_is_heavy(queue) == heavy) return;
    atomic_store_explicit(&queue->lane.heavy, heavy, memory_order_relaxed);
    if (heavy) trib_pace_sub_urgent(pace, queue->in_flight);
    else trib_pace_add_urgent(pace, queue->in_flight);
    trib_list_remove(&queue->link);
    queue_settle(queue);
}

/* Averages each tenant's use over about four ticks and says who is heavy. Lock held. */
static void weigh_tenants(trib_workers *pool, int64_t now_ns) {
    int64_t most = 0, window_ns = now_ns - pool->used_until_ns;
    bool light = false, heavy = false;
    if (window_ns < TRIB_HEAVY_WINDOW_MS * 1000000) return;
    pool->used_until_ns = now_ns;
    for (uint32_t i = 0; i < pool->count; i++) {
        if (pool->workers[i].job) count_use(&pool->workers[i], now_ns);
    }
    TRIB_LIST_EACH(at, &pool->used) {
        trib_work_queue *queue = TRIB_LIST_ITEM(at, trib_work_queue, use_link);
        queue->use_permille = (queue->use_permille * 3 + queue->used_ns * 1000 / window_ns) / 4;
        queue->used_ns = 0;
        if (queue->use_permille > most && !queue->shared) most = queue->use_permille;
    }
    TRIB_LIST_EACH_SAFE(at, &pool->used) {
        trib_work_queue *queue = TRIB_LIST_ITEM(at, trib_work_queue, use_link);
        set_heavy(queue, !queue->shared && queue->use_permille > TRIB_HEAVY_PERCENT * 10 &&
                             queue->use_permille >= most * TRIB_HEAVY_OF_MOST_PERCENT / 100);
        if (trib_work_queue_is_heavy(queue)) heavy = true;
        else light = true;
        if (queue->use_permille == 0 && !trib_work_queue_is_heavy(queue)) trib_list_remove(at);
    }
    pool->contended = light && heavy;
}

/* ---- stuck workers ---- */

static bool is_overdue(const worker *w, int64_t now_ns) {
    return w->job && now_ns - w->since_ns >= (int64_t)TRIB_STUCK_STATEMENT_MS * 1000000;
}

/* Has it used so much processor time since it was first seen to be overdue? One that has not waits for the disk, or for
 * a core like everybody. Where the system cannot tell: yes. Lock held. */
static bool has_computed(worker *w, int64_t ms) {
    const trib_env *env = w->pool->env;
    if (!env->thread_cpu_ns) return true;
    int64_t cpu_ns = env->thread_cpu_ns(env->ctx, w->thread);
    if (w->cpu_from_ns == 0) w->cpu_from_ns = cpu_ns;
    return cpu_ns - w->cpu_from_ns >= ms * 1000000;
}

/* Does it use what others need? Lock held. */
static bool is_to_blame(worker *w, int64_t now_ns) {
    return has_computed(w, TRIB_STUCK_CPU_MS) || now_ns - w->since_ns >= (int64_t)TRIB_STUCK_WAIT_MS * 1000000;
}

/* An overdue worker: its time counts from now on, and its thread goes to the background once it computes. One that only
 * waits stays: a short statement that was kept waiting for its core would wait at nice 19 for seconds. Lock held. */
static void note_overdue(worker *w) {
    if (!has_computed(w, TRIB_STUCK_BACKGROUND_CPU_MS) || w->background) return;
    w->background = w->pool->env->thread_set_background(w->pool->env->ctx, w->thread, true);
}

/* Of the tenant with the most overdue jobs, the one that runs longest. Lock held. */
static worker *choose_victim(trib_workers *pool, int64_t now_ns) {
    worker *victim = NULL;
    uint32_t weight = 0;
    for (uint32_t i = 0; i < pool->count; i++) {
        worker *w = &pool->workers[i];
        uint32_t same = 0;
        if (!is_overdue(w, now_ns) || !is_to_blame(w, now_ns) || w->chosen) continue;
        for (uint32_t j = 0; j < pool->count; j++) {
            same += is_overdue(&pool->workers[j], now_ns) && pool->workers[j].queue == w->queue;
        }
        if (victim && (same < weight || (same == weight && victim->since_ns <= w->since_ns))) continue;
        victim = w;
        weight = same;
    }
    return victim;
}

/* Interrupts `job` if this worker is inside a handle for it. No lock held. */
static void interrupt(worker *w, const trib_job *job, trib_code why) {
    trib_mutex_lock(w->pool->env, w->guard);
    if (w->inside == job && w->handle) trib_handle_interrupt(w->handle, why);
    trib_mutex_unlock(w->pool->env, w->guard);
}

void trib_workers_tick(trib_workers *pool) {
    int64_t now_ns = trib_env_mono_ns(pool->env);
    bool over = false;
    lock(pool);
    /* some C libraries lose a signal now and then (glibc bug 25847): a thing like that costs a tick, it hangs
     * nothing */
    pool->waking = false;
    if (wake_claim(pool)) wake(pool);
    pay_owed(pool);
    weigh_tenants(pool, now_ns);
    for (uint32_t i = 0; i < pool->count; i++) {
        worker *w = &pool->workers[i];
        if (!is_overdue(w, now_ns)) continue;
        note_overdue(w);
        if (w->stuck) continue;
        over = pool->stuck >= TRIB_STUCK_WORKERS_MAX;
        if (over) continue;
        w->stuck = true;
        pool->stuck++;
        pool->active--;
        pool->heavy -= w->heavy;
        if (pool->waiting) trib_cond_signal(pool->env, pool->work);
    }
    while (!pool->stopping && !pool->waiting && pool->live < pool->base + pool->stuck && start_worker(pool)) continue;
    worker *victim = over ? choose_victim(pool, now_ns) : NULL;
    const trib_job *job = victim ? victim->job : NULL;
    if (victim) victim->chosen = true;
    unlock(pool);
    if (victim) interrupt(victim, job, TRIB_STATEMENT_TIMEOUT);
}

uint32_t trib_workers_count_stuck(trib_workers *pool) {
    lock(pool);
    uint32_t stuck = pool->stuck;
    unlock(pool);
    return stuck;
}

uint32_t trib_workers_count_urgent(trib_workers *pool) {
    return atomic_load_explicit(&pool->pace.urgent, memory_order_relaxed);
}

/* ---- queues ---- */

trib_work_queue *trib_work_queue_new(trib_workers *workers) {
    trib_work_queue *queue = calloc(1, sizeof *queue);
    if (!queue) return NULL;
    queue->pool = workers;
    trib_list_init(&queue->jobs);
    trib_list_init(&queue->link);
    trib_list_init(&queue->use_link);
    queue->lane.pace = &workers->pace;
    return queue;
}

void trib_work_queue_set_shared(trib_work_queue *queue) {
    queue->shared = true;
}

void trib_work_queue_free(trib_work_queue *queue) {
    if (!queue) return;
    trib_workers *pool = queue->pool;
    lock(pool);
    assert(queue->queued == 0);
    queue->orphan = true;
    if (queue->running == 0) free_queue(queue);
    unlock(pool);
}

bool trib_work_queue_is_full(const trib_work_queue *queue) {
    return atomic_load_explicit(&queue->full, memory_order_relaxed);
}

trib_code trib_work_queue_full_error(trib_error *err) {
    return trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                          "this tenant has more requests waiting than are answered in time (%d at most, and none for "
                          "more than %d ms); send fewer at once or try again later",
                          TRIB_TENANT_QUEUE_MAX, TRIB_TENANT_QUEUE_MS);
}

trib_code trib_job_submit(trib_job *job, trib_error *err) {
    trib_work_queue *queue = job->queue;
    trib_workers *pool = queue->pool;
    trib_code code = TRIB_OK;
    job->counted = false;
    int64_t now_ns = trib_env_mono_ns(pool->env);
    bool later = job->home && job->home->wake_later && job->home->wake_later(job->home, pool);
    lock(pool);
    if (pool->stopping) code = TRIB_SHUTTING_DOWN;
    else if (queue_is_full(queue, now_ns)) code = TRIB_TOO_MANY_REQUESTS;
    else queue_push(job, false);
    bool wakes = !later && wake_claim(pool);
    unlock(pool);
    if (wakes) wake(pool);
    if (code == TRIB_TOO_MANY_REQUESTS) return trib_work_queue_full_error(err);
    return code == TRIB_OK ? code : trib_error_set(err, code, NULL);
}

void trib_job_resume(trib_job *job) {
    if (atomic_exchange(&job->state, JOB_RESUMED) != JOB_WAITING) return;
    trib_workers *pool = job->queue->pool;
    lock(pool);
    queue_push(job, true);
    bool wakes = wake_claim(pool);
    unlock(pool);
    if (wakes) wake(pool);
}

void trib_job_requeue(trib_job *job) {
    trib_workers *pool = job->queue->pool;
    lock(pool);
    queue_push(job, false);
    bool wakes = wake_claim(pool);
    unlock(pool);
    if (wakes) wake(pool);
}

/* Either this sees the handle that the worker has set, or the worker, which looks after setting it, sees the mark. */
void trib_job_cancel(trib_job *job) {
    atomic_store(&job->cancelled, true);
    worker *w = atomic_load(&job->worker);
    if (w) interrupt(w, job, TRIB_CANCELLED);
}

void trib_worker_set_handle(trib_job *job, trib_handle *handle) {
    worker *self = atomic_load(&job->worker);
    trib_mutex_lock(self->pool->env, self->guard);
    self->inside = handle ? job : NULL;
    if (self->handle) trib_handle_set_lane(self->handle, NULL);
    if (handle) trib_handle_set_lane(handle, &job->queue->lane);
    self->handle = handle;
    trib_mutex_unlock(self->pool->env, self->guard);
}
