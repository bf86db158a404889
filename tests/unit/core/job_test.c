/* SPDX-License-Identifier: Apache-2.0 */
/* Workers and tenant queues: order, fairness, the bound per tenant, waiting and resuming, stand-ins for stuck
 * workers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/job.h"
#include "support/env_test.h"

static trib_env_test env;

/* A home that counts what comes back; `done` runs on the poster's thread under its lock. */
typedef struct test_home {
    trib_home home;
    trib_mutex *lock;
    trib_cond *cond;
    int count;
} test_home;

static void home_post(trib_home *home, trib_job *job) {
    test_home *own = (test_home *)(void *)home;
    trib_mutex_lock(&env.env, own->lock);
    job->done(job);
    own->count++;
    trib_cond_broadcast(&env.env, own->cond);
    trib_mutex_unlock(&env.env, own->lock);
}

static void home_init(test_home *home) {
    *home = (test_home){.home = {.post = home_post}};
    home->lock = trib_mutex_new(&env.env);
    home->cond = trib_cond_new(&env.env);
}

static void home_wait(test_home *home, int count) {
    trib_mutex_lock(&env.env, home->lock);
    while (home->count < count) trib_cond_wait(&env.env, home->cond, home->lock, -1);
    trib_mutex_unlock(&env.env, home->lock);
}

static void home_deinit(test_home *home) {
    trib_cond_free(&env.env, home->cond);
    trib_mutex_free(&env.env, home->lock);
}

typedef struct test_job {
    trib_job job; /* first */
    int tag, runs;
    bool resume_early;
    _Atomic bool *hold; /* run spins until it is false */
    _Atomic int *inside, *most;
} test_job;

static int finished_tags[128], finished_count;

static void record(trib_job *base) {
    finished_tags[finished_count++] = ((test_job *)(void *)base)->tag;
}

static trib_job_verdict run_plain(trib_job *base) {
    test_job *job = (test_job *)(void *)base;
    job->runs++;
    if (job->inside) {
        int now = atomic_fetch_add(job->inside, 1) + 1;
        if (now > atomic_load(job->most)) atomic_store(job->most, now);
    }
    while (job->hold && atomic_load(job->hold)) sched_yield();
    if (job->inside) atomic_fetch_sub(job->inside, 1);
    return TRIB_JOB_DONE;
}

static trib_job_verdict run_wait_once(trib_job *base) {
    test_job *job = (test_job *)(void *)base;
    if (job->runs++) return TRIB_JOB_DONE;
    if (job->resume_early) trib_job_resume(base);
    return TRIB_JOB_WAIT;
}

static test_job make(test_home *home, trib_work_queue *queue, int tag, trib_job_verdict (*run)(trib_job *)) {
    return (test_job){.job = {.run = run, .done = record, .home = &home->home, .queue = queue}, .tag = tag};
}

static int setup(void **state) {
    (void)state;
    trib_env_test_init(&env, true, 1);
    finished_count = 0;
    return 0;
}

static void jobs_of_one_tenant_run_in_order(void **state) {
    (void)state;
    trib_workers *workers;
    test_home home;
    test_job jobs[20];
    home_init(&home);
    assert_int_equal(trib_workers_new(&env.env, 1, &workers, NULL), TRIB_OK);
    trib_work_queue *queue = trib_work_queue_new(workers);
    for (int i = 0; i < 20; i++) {
        jobs[i] = make(&home, queue, i, run_plain);
        assert_int_equal(trib_job_submit(&jobs[i].job, NULL), TRIB_OK);
    }
    home_wait(&home, 20);
    for (int i = 0; i < 20; i++) assert_int_equal(finished_tags[i], i);
    trib_workers_stop(workers);
    trib_work_queue_free(queue);
    trib_workers_free(workers);
    home_deinit(&home);
}

static void a_busy_tenant_lets_others_in_between(void **state) {
    (void)state;
    trib_workers *workers;
    test_home home;
    test_job busy[10], other;
    _Atomic bool hold = true;
    home_init(&home);
    assert_int_equal(trib_workers_new(&env.env, 1, &workers, NULL), TRIB_OK);
    trib_work_queue *a = trib_work_queue_new(workers), *b = trib_work_queue_new(workers);
    for (int i = 0; i < 10; i++) {
        busy[i] = make(&home, a, i, run_plain);
        if (i == 0) busy[i].hold = &hold;
        assert_int_equal(trib_job_submit(&busy[i].job, NULL), TRIB_OK);
    }
    other = make(&home, b, 99, run_plain);
    assert_int_equal(trib_job_submit(&other.job, NULL), TRIB_OK);
    atomic_store(&hold, false);
    home_wait(&home, 11);
    int at = 0;
    while (finished_tags[at] != 99) at++;
    assert_true(at <= 2);
    trib_workers_stop(workers);
    trib_work_queue_free(a);
    trib_work_queue_free(b);
    trib_workers_free(workers);
    home_deinit(&home);
}

static void a_tenant_never_runs_more_than_its_share(void **state) {
    (void)state;
    trib_workers *workers;
    test_home home;
    test_job jobs[16];
    _Atomic bool hold = true;
    _Atomic int inside = 0, most = 0;
    home_init(&home);
    assert_int_equal(trib_workers_new(&env.env, 8, &workers, NULL), TRIB_OK);
    trib_work_queue *queue = trib_work_queue_new(workers);
    for (int i = 0; i < 16; i++) {
        jobs[i] = make(&home, queue, i, run_plain);
        jobs[i].hold = &hold;
        jobs[i].inside = &inside;
        jobs[i].most = &most;
        assert_int_equal(trib_job_submit(&jobs[i].job, NULL), TRIB_OK);
    }
    while (atomic_load(&inside) < TRIB_TENANT_RUNNING_MAX) sched_yield();
    atomic_store(&hold, false);
    home_wait(&home, 16);
    assert_int_equal(atomic_load(&most), TRIB_TENANT_RUNNING_MAX);
    trib_workers_stop(workers);
    trib_work_queue_free(queue);
    trib_workers_free(workers);
    home_deinit(&home);
}

static void a_waiting_job_holds_no_thread_and_goes_on_when_resumed(void **state) {
    (void)state;
    trib_workers *workers;
    test_home home;
    home_init(&home);
    assert_int_equal(trib_workers_new(&env.env, 1, &workers, NULL), TRIB_OK);
    trib_work_queue *queue = trib_work_queue_new(workers);
    test_job waits = make(&home, queue, 1, run_wait_once), other = make(&home, queue, 2, run_plain);
    assert_int_equal(trib_job_submit(&waits.job, NULL), TRIB_OK);
    assert_int_equal(trib_job_submit(&other.job, NULL), TRIB_OK);
    home_wait(&home, 1);
    assert_int_equal(finished_tags[0], 2);
    trib_job_resume(&waits.job);
    home_wait(&home, 2);
    assert_int_equal(waits.runs, 2);
    trib_workers_stop(workers);
    trib_work_queue_free(queue);
    trib_workers_free(workers);
    home_deinit(&home);
}

static void a_resume_before_the_wait_is_not_lost(void **state) {
    (void)state;
    trib_workers *workers;
    test_home home;
    home_init(&home);
    assert_int_equal(trib_workers_new(&env.env, 2, &workers, NULL), TRIB_OK);
    trib_work_queue *queue = trib_work_queue_new(workers);
    test_job job = make(&home, queue, 1, run_wait_once);
    job.resume_early = true;
    assert_int_equal(trib_job_submit(&job.job, NULL), TRIB_OK);
    home_wait(&home, 1);
    assert_int_equal(job.runs, 2);
    trib_workers_stop(workers);
    trib_work_queue_free(queue);
    trib_workers_free(workers);
    home_deinit(&home);
}

/* ---- shared wakes ---- */

/* A home as a loop is one: jobs lie in a list until somebody wakes it; then they are done on the waker's thread. */
typedef struct lazy_home {
    test_home base; /* first */
    trib_list jobs;
    bool woken;
    bool puts_off; /* wake_later says yes */
    int put_off;
} lazy_home;

static bool lazy_push(trib_home *home, trib_job *job) {
    lazy_home *own = (lazy_home *)(void *)home;
    trib_mutex_lock(&env.env, own->base.lock);
    trib_list_push_back(&own->jobs, &job->link);
    bool owed = !own->woken;
    own->woken = true;
    trib_mutex_unlock(&env.env, own->base.lock);
    return owed;
}

static void lazy_wake(trib_home *home) {
    lazy_home *own = (lazy_home *)(void *)home;
    trib_mutex_lock(&env.env, own->base.lock);
    own->woken = false;
    for (trib_list *link; (link = trib_list_take_first(&own->jobs));) {
        trib_job *job = TRIB_LIST_ITEM(link, trib_job, link);
        job->done(job);
        own->base.count++;
    }
    trib_cond_broadcast(&env.env, own->base.cond);
    trib_mutex_unlock(&env.env, own->base.lock);
}

static void lazy_post(trib_home *home, trib_job *job) {
    if (lazy_push(home, job)) lazy_wake(home);
}

static bool lazy_wake_later(trib_home *home, trib_workers *workers) {
    lazy_home *own = (lazy_home *)(void *)home;
    (void)workers;
    own->put_off += own->puts_off;
    return own->puts_off;
}

static void lazy_init(lazy_home *home) {
    home_init(&home->base);
    home->base.home =
        (trib_home){.post = lazy_post, .push = lazy_push, .wake = lazy_wake, .wake_later = lazy_wake_later};
    home->woken = home->puts_off = false;
    home->put_off = 0;
    trib_list_init(&home->jobs);
}

/* Behind short jobs every worker meets a long one. Were the wake for a short one left to a worker that then sits in its
 * long one, the home would never hear of it while those are held. */
static void an_answer_never_waits_for_the_next_job(void **state) {
    (void)state;
    enum { WORKERS = 3, SHORT = 12 };
    for (int round = 0; round < 60; round++) {
        int count = 1 + round % WORKERS;
        trib_workers *workers;
        lazy_home home;
        test_job jobs[SHORT + WORKERS];
        _Atomic bool hold = true;
        finished_count = 0;
        lazy_init(&home);
        assert_int_equal(trib_workers_new(&env.env, (uint32_t)count, &workers, NULL), TRIB_OK);
        trib_work_queue *queue = trib_work_queue_new(workers);
        for (int i = 0; i < SHORT + count; i++) {
            jobs[i] = make(&home.base, queue, i, run_plain);
            if (i >= SHORT) jobs[i].hold = &hold;
            assert_int_equal(trib_job_submit(&jobs[i].job, NULL), TRIB_OK);
        }
        home_wait(&home.base, SHORT);
        atomic_store(&hold, false);
        home_wait(&home.base, SHORT + count);
        trib_workers_stop(workers);
        trib_work_queue_free(queue);
        trib_workers_free(workers);
        home_deinit(&home.base);
    }
}

static void what_was_put_off_runs_when_the_home_says_so(void **state) {
    (void)state;
    trib_workers *workers;
    lazy_home home;
    test_job jobs[3];
    lazy_init(&home);
    home.puts_off = true;
    assert_int_equal(trib_workers_new(&env.env, 2, &workers, NULL), TRIB_OK);
    trib_work_queue *queue = trib_work_queue_new(workers);
    for (int i = 0; i < 3; i++) {
        jobs[i] = make(&home.base, queue, i, run_plain);
        assert_int_equal(trib_job_submit(&jobs[i].job, NULL), TRIB_OK);
    }
    assert_int_equal(home.put_off, 3);
    trib_workers_wake(workers);
    home_wait(&home.base, 3);
    trib_workers_stop(workers);
    trib_work_queue_free(queue);
    trib_workers_free(workers);
    home_deinit(&home.base);
}

static void a_stuck_worker_gets_a_stand_in(void **state) {
    (void)state;
    trib_workers *workers;
    test_home home;
    _Atomic bool hold = true;
    _Atomic int inside = 0, most = 0;
    home_init(&home);
    assert_int_equal(trib_workers_new(&env.env, 1, &workers, NULL), TRIB_OK);
    trib_work_queue *a = trib_work_queue_new(workers), *b = trib_work_queue_new(workers);
    test_job stuck = make(&home, a, 1, run_plain), other = make(&home, b, 2, run_plain);
    stuck.hold = &hold;
    stuck.inside = &inside;
    stuck.most = &most;
    assert_int_equal(trib_job_submit(&stuck.job, NULL), TRIB_OK);
    while (atomic_load(&inside) == 0) sched_yield();
    assert_int_equal(trib_job_submit(&other.job, NULL), TRIB_OK);
    env.offset_ns += (int64_t)(TRIB_STUCK_STATEMENT_MS + 10) * 1000000;
    trib_workers_tick(workers);
    home_wait(&home, 1);
    assert_int_equal(finished_tags[0], 2);
    atomic_store(&hold, false);
    home_wait(&home, 2);
    trib_workers_stop(workers);
    trib_work_queue_free(a);
    trib_work_queue_free(b);
    trib_workers_free(workers);
    home_deinit(&home);
}

static void a_stuck_thread_goes_to_the_background_and_is_replaced_by_a_fresh_one(void **state) {
    (void)state;
    trib_workers *workers;
    test_home home;
    home_init(&home);
    assert_int_equal(trib_workers_new(&env.env, 1, &workers, NULL), TRIB_OK);
    trib_work_queue *a = trib_work_queue_new(workers), *b = trib_work_queue_new(workers);
    /* more rounds than there are places for threads: those that ended are used again */
    for (int round = 1; round <= 100; round++) {
        _Atomic bool hold = true;
        _Atomic int inside = 0, most = 0;
        finished_count = 0;
        test_job stuck = make(&home, a, 1, run_plain), other = make(&home, b, 2, run_plain);
        stuck.hold = &hold;
        stuck.inside = &inside;
        stuck.most = &most;
        assert_int_equal(trib_job_submit(&stuck.job, NULL), TRIB_OK);
        while (atomic_load(&inside) == 0) sched_yield();
        assert_int_equal(atomic_load(&env.lowered), round - 1);
        env.offset_ns += (int64_t)(TRIB_STUCK_STATEMENT_MS + 10) * 1000000;
        trib_workers_tick(workers);
        assert_int_equal(atomic_load(&env.lowered), round);
        assert_int_equal(trib_workers_count_stuck(workers), 1);
        assert_int_equal(trib_job_submit(&other.job, NULL), TRIB_OK);
        home_wait(&home, 2 * round - 1);
        assert_int_equal(finished_tags[0], 2);
        atomic_store(&hold, false);
        home_wait(&home, 2 * round);
        while (trib_workers_count_stuck(workers)) sched_yield();
    }
    /* the first one, and one for each that went to the background */
    assert_int_equal(atomic_load(&env.started), 101);
    trib_workers_stop(workers);
    trib_work_queue_free(a);
    trib_work_queue_free(b);
    trib_workers_free(workers);
    home_deinit(&home);
}

static _Atomic int64_t used_cpu_ns;

static int64_t tell_cpu(void *ctx, trib_thread *thread) {
    (void)ctx;
    (void)thread;
    return atomic_load(&used_cpu_ns);
}

/* At low priority a statement that was only kept waiting for a core would wait for seconds. */
static void a_stuck_thread_that_only_waits_keeps_its_priority(void **state) {
    (void)state;
    enum { FIRST_NS = 1000 };
    trib_workers *workers;
    test_home home;
    _Atomic bool hold = true;
    _Atomic int inside = 0, most = 0;
    home_init(&home);
    env.env.thread_cpu_ns = tell_cpu;
    atomic_store(&used_cpu_ns, FIRST_NS);
    assert_int_equal(trib_workers_new(&env.env, 1, &workers, NULL), TRIB_OK);
    trib_work_queue *a = trib_work_queue_new(workers);
    test_job stuck = make(&home, a, 1, run_plain);
    stuck.hold = &hold;
    stuck.inside = &inside;
    stuck.most = &most;
    assert_int_equal(trib_job_submit(&stuck.job, NULL), TRIB_OK);
    while (atomic_load(&inside) == 0) sched_yield();
    for (int i = 0; i < 3; i++) {
        env.offset_ns += (int64_t)(TRIB_STUCK_STATEMENT_MS + 10) * 1000000;
        trib_workers_tick(workers);
        assert_int_equal(trib_workers_count_stuck(workers), 1);
        assert_int_equal(atomic_load(&env.lowered), 0);
    }
    atomic_store(&used_cpu_ns, FIRST_NS + TRIB_STUCK_BACKGROUND_CPU_MS * INT64_C(1000000));
    for (int i = 0; i < 3; i++) {
        trib_workers_tick(workers);
        assert_int_equal(trib_workers_count_stuck(workers), 1);
        assert_int_equal(atomic_load(&env.lowered), 1);
    }
    atomic_store(&hold, false);
    home_wait(&home, 1);
    trib_workers_stop(workers);
    trib_work_queue_free(a);
    trib_workers_free(workers);
    home_deinit(&home);
}

/* ---- heavy tenants ---- */

/* Moves the clock and ticks until the averages have settled. */
static void let_weigh(trib_workers *workers) {
    for (int i = 0; i < 10; i++) {
        env.offset_ns += (int64_t)TRIB_HEAVY_WINDOW_MS * 1000000;
        trib_workers_tick(workers);
    }
}

/* Two workers, one of them in a job of `a`, that therefore becomes heavy. */
typedef struct heavy_case {
    trib_workers *workers;
    trib_work_queue *a, *b;
    test_home home;
    test_job busy;
    _Atomic bool hold;
    _Atomic int inside, most;
} heavy_case;

static void heavy_begin(heavy_case *c) {
    *c = (heavy_case){.hold = true};
    home_init(&c->home);
    assert_int_equal(trib_workers_new(&env.env, 2, &c->workers, NULL), TRIB_OK);
    c->a = trib_work_queue_new(c->workers);
    c->b = trib_work_queue_new(c->workers);
    c->busy = make(&c->home, c->a, 1, run_plain);
    c->busy.hold = &c->hold;
    c->busy.inside = &c->inside;
    c->busy.most = &c->most;
    assert_int_equal(trib_job_submit(&c->busy.job, NULL), TRIB_OK);
    while (atomic_load(&c->inside) == 0) sched_yield();
}

static void heavy_end(heavy_case *c) {
    trib_workers_stop(c->workers);
    trib_work_queue_free(c->a);
    trib_work_queue_free(c->b);
    trib_workers_free(c->workers);
    home_deinit(&c->home);
}

static void who_keeps_a_worker_busy_becomes_heavy_and_light_again(void **state) {
    (void)state;
    heavy_case c;
    heavy_begin(&c);
    assert_false(trib_work_queue_is_heavy(c.a));
    assert_int_equal(trib_workers_count_urgent(c.workers), 1);
    let_weigh(c.workers);
    assert_true(trib_work_queue_is_heavy(c.a));
    assert_int_equal(trib_workers_count_urgent(c.workers), 0);
    atomic_store(&c.hold, false);
    home_wait(&c.home, 1);
    while (trib_work_queue_is_heavy(c.a)) let_weigh(c.workers); /* its worker may be on the way out yet */
    heavy_end(&c);
}

static void a_queue_that_serves_all_tenants_is_never_heavy(void **state) {
    (void)state;
    heavy_case c;
    heavy_begin(&c);
    trib_work_queue_set_shared(c.a);
    let_weigh(c.workers);
    assert_false(trib_work_queue_is_heavy(c.a));
    assert_int_equal(trib_workers_count_urgent(c.workers), 1);
    atomic_store(&c.hold, false);
    home_wait(&c.home, 1);
    heavy_end(&c);
}

/* Of two workers a heavy tenant gets one; the other is there for everybody else, who also goes first. */
static void a_heavy_tenant_leaves_workers_to_others(void **state) {
    (void)state;
    heavy_case c;
    test_job more[4], other;
    heavy_begin(&c);
    let_weigh(c.workers);
    /* it was also found to be stuck; a stand-in is there, and its jobs wait behind */
    for (int i = 0; i < 4; i++) {
        more[i] = make(&c.home, c.a, 10 + i, run_plain);
        more[i].hold = &c.hold;
        more[i].inside = &c.inside;
        more[i].most = &c.most;
        assert_int_equal(trib_job_submit(&more[i].job, NULL), TRIB_OK);
    }
    while (atomic_load(&c.inside) < 2) sched_yield();
    trib_workers_tick(c.workers); /* starts the stand-in: nobody waits any more */
    other = make(&c.home, c.b, 99, run_plain);
    assert_int_equal(trib_job_submit(&other.job, NULL), TRIB_OK);
    home_wait(&c.home, 1);
    assert_int_equal(finished_tags[0], 99);
    assert_int_equal(atomic_load(&c.inside), 2);
    atomic_store(&c.hold, false);
    home_wait(&c.home, 6);
    heavy_end(&c);
}

/* Few may wait for long; many only for a while, and then new ones are refused until the queue moves. */
static void a_queue_that_stands_still_takes_no_more(void **state) {
    (void)state;
    enum { WAITING = TRIB_TENANT_QUEUE_FREE + 2 };
    trib_workers *workers;
    test_home home;
    test_job jobs[WAITING];
    _Atomic bool hold = true;
    _Atomic int inside = 0, most = 0;
    home_init(&home);
    assert_int_equal(trib_workers_new(&env.env, 1, &workers, NULL), TRIB_OK);
    trib_work_queue *queue = trib_work_queue_new(workers);
    for (int i = 0; i < WAITING; i++) jobs[i] = make(&home, queue, 0, run_plain);
    jobs[0].hold = &hold;
    jobs[0].inside = &inside;
    jobs[0].most = &most;
    assert_int_equal(trib_job_submit(&jobs[0].job, NULL), TRIB_OK);
    while (atomic_load(&inside) == 0) sched_yield();
    for (int i = 1; i < WAITING - 1; i++) {
        assert_int_equal(trib_job_submit(&jobs[i].job, NULL), TRIB_OK);
        if (i == 1) env.offset_ns += (int64_t)(TRIB_TENANT_QUEUE_MS + 1) * 1000000;
    }
    assert_false(trib_work_queue_is_full(queue));
    assert_int_equal(trib_job_submit(&jobs[WAITING - 1].job, NULL), TRIB_TOO_MANY_REQUESTS);
    assert_true(trib_work_queue_is_full(queue));
    atomic_store(&hold, false);
    home_wait(&home, WAITING - 1);
    while (trib_work_queue_is_full(queue)) sched_yield();
    assert_int_equal(trib_job_submit(&jobs[WAITING - 1].job, NULL), TRIB_OK);
    home_wait(&home, WAITING);
    trib_workers_stop(workers);
    trib_work_queue_free(queue);
    trib_workers_free(workers);
    home_deinit(&home);
}

/* Whatever way a job takes home, it is counted out once. */
static void nothing_stays_urgent_when_all_are_home(void **state) {
    (void)state;
    trib_workers *workers;
    test_home home;
    test_job jobs[3];
    home_init(&home);
    assert_int_equal(trib_workers_new(&env.env, 2, &workers, NULL), TRIB_OK);
    trib_work_queue *queue = trib_work_queue_new(workers);
    jobs[0] = make(&home, queue, 1, run_plain);
    jobs[1] = make(&home, queue, 2, run_wait_once);
    jobs[2] = make(&home, queue, 3, run_wait_once);
    jobs[2].resume_early = true;
    for (int i = 0; i < 3; i++) assert_int_equal(trib_job_submit(&jobs[i].job, NULL), TRIB_OK);
    home_wait(&home, 2);
    while (trib_workers_count_urgent(workers)) sched_yield();
    trib_job_resume(&jobs[1].job);
    home_wait(&home, 3);
    while (trib_workers_count_urgent(workers)) sched_yield();
    trib_workers_stop(workers);
    trib_work_queue_free(queue);
    trib_workers_free(workers);
    home_deinit(&home);
}

static void after_stop_a_job_is_refused(void **state) {
    (void)state;
    trib_workers *workers;
    test_home home;
    home_init(&home);
    assert_int_equal(trib_workers_new(&env.env, 1, &workers, NULL), TRIB_OK);
    trib_work_queue *queue = trib_work_queue_new(workers);
    test_job job = make(&home, queue, 1, run_plain);
    trib_workers_stop(workers);
    assert_int_equal(trib_job_submit(&job.job, NULL), TRIB_SHUTTING_DOWN);
    trib_work_queue_free(queue);
    trib_workers_free(workers);
    home_deinit(&home);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(jobs_of_one_tenant_run_in_order, setup),
        cmocka_unit_test_setup(a_busy_tenant_lets_others_in_between, setup),
        cmocka_unit_test_setup(a_tenant_never_runs_more_than_its_share, setup),
        cmocka_unit_test_setup(a_waiting_job_holds_no_thread_and_goes_on_when_resumed, setup),
        cmocka_unit_test_setup(a_resume_before_the_wait_is_not_lost, setup),
        cmocka_unit_test_setup(an_answer_never_waits_for_the_next_job, setup),
        cmocka_unit_test_setup(what_was_put_off_runs_when_the_home_says_so, setup),
        cmocka_unit_test_setup(a_stuck_worker_gets_a_stand_in, setup),
        cmocka_unit_test_setup(a_stuck_thread_goes_to_the_background_and_is_replaced_by_a_fresh_one, setup),
        cmocka_unit_test_setup(a_stuck_thread_that_only_waits_keeps_its_priority, setup),
        cmocka_unit_test_setup(who_keeps_a_worker_busy_becomes_heavy_and_light_again, setup),
        cmocka_unit_test_setup(a_queue_that_serves_all_tenants_is_never_heavy, setup),
        cmocka_unit_test_setup(a_heavy_tenant_leaves_workers_to_others, setup),
        cmocka_unit_test_setup(a_queue_that_stands_still_takes_no_more, setup),
        cmocka_unit_test_setup(nothing_stays_urgent_when_all_are_home, setup),
        cmocka_unit_test_setup(after_stop_a_job_is_refused, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
