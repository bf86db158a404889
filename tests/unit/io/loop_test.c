/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the event loop: posting, timers, deferred calls, end. */
#include "io/loop.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "io/env_native.h"
#include "io/loop_int.h"

enum { POSTERS = 8, POSTS = 5000 };

static trib_loop *new_loop(void) {
    trib_loop *loop = NULL;
    trib_error err = {0};
    assert_int_equal(trib_loop_new(trib_env_native(), "test-loop", &loop, &err), TRIB_OK);
    return loop;
}

typedef struct tally {
    trib_loop *loop;
    int last[POSTERS];
    int ran, out_of_order, wrong_thread; /* the loop's thread only */
} tally;

typedef struct numbered {
    trib_task task;
    tally *tally;
    int poster, number;
} numbered;

typedef struct poster {
    tally *tally;
    int index;
} poster;

static void count(trib_task *task) {
    numbered *n = TRIB_OWNER_OF(task, numbered, task);
    tally *t = n->tally;
    t->ran++;
    if (n->number != t->last[n->poster] + 1) t->out_of_order++;
    t->last[n->poster] = n->number;
    if (!trib_loop_is_current(t->loop)) t->wrong_thread++;
    free(n);
    if (t->ran == POSTERS * POSTS) trib_loop_stop(t->loop);
}

static void *post_many(void *arg) {
    poster *p = arg;
    for (int i = 1; i <= POSTS; i++) {
        numbered *n = malloc(sizeof *n);
        if (!n) abort();
        *n = (numbered){.task.run = count, .tally = p->tally, .poster = p->index, .number = i};
        trib_loop_post(p->tally->loop, &n->task);
    }
    return NULL;
}

static void tasks_of_many_threads_run_once_in_their_order_on_the_loop(void **state) {
    (void)state;
    tally t = {.loop = new_loop()};
    assert_int_equal(trib_loop_start(t.loop, NULL), TRIB_OK);
    pthread_t threads[POSTERS];
    poster posters[POSTERS];
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (poster){&t, i};
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    }
    for (int i = 0; i < POSTERS; i++) pthread_join(threads[i], NULL);
    trib_loop_join(t.loop);
    assert_int_equal(t.ran, POSTERS * POSTS);
    assert_int_equal(t.out_of_order, 0);
    assert_int_equal(t.wrong_thread, 0);
    assert_false(trib_loop_is_current(t.loop));
    trib_loop_free(t.loop);
}

typedef struct knock {
    trib_task task;
    sem_t heard;
} knock;

static void hear(trib_task *task) {
    sem_post(&TRIB_OWNER_OF(task, knock, task)->heard);
}

static void one_post_wakes_a_sleeping_loop_each_time(void **state) {
    (void)state;
    trib_loop *loop = new_loop();
    assert_int_equal(trib_loop_start(loop, NULL), TRIB_OK);
    knock k = {.task.run = hear};
    sem_init(&k.heard, 0, 0);
    for (int i = 0; i < 200; i++) {
        trib_loop_post(loop, &k.task);
        struct timespec limit;
        clock_gettime(CLOCK_REALTIME, &limit);
        limit.tv_sec += 20;
        assert_int_equal(sem_timedwait(&k.heard, &limit), 0);
    }
    sem_destroy(&k.heard);
    trib_loop_stop(loop);
    trib_loop_free(loop);
}

typedef struct chain {
    trib_task task;
    trib_loop *loop;
    int left;
} chain;

static void post_next(trib_task *task) {
    chain *c = TRIB_OWNER_OF(task, chain, task);
    if (c->left-- > 0) trib_loop_post(c->loop, task);
}

static void what_was_posted_before_free_runs_in_free(void **state) {
    (void)state;
    chain c = {.task.run = post_next, .loop = new_loop(), .left = 3};
    trib_loop_stop(c.loop);
    trib_loop_run(c.loop); /* stopped already: returns at once */
    trib_loop_post(c.loop, &c.task);
    assert_int_equal(c.left, 3);
    trib_loop_free(c.loop);
    assert_int_equal(c.left, -1);
}

typedef struct clock_probe {
    trib_timer timer;
    trib_loop *loop;
    int64_t due_ms;
    int early, fired, *left;
} clock_probe;

static void on_time(trib_timer *timer) {
    clock_probe *p = TRIB_OWNER_OF(timer, clock_probe, timer);
    p->fired++;
    if (trib_loop_now_ms(p->loop) < p->due_ms) p->early++;
    if (--*p->left == 0) trib_loop_stop(p->loop);
}

static void timers_fire_once_never_early_and_cleared_ones_never(void **state) {
    (void)state;
    trib_loop *loop = new_loop();
    clock_probe probes[20] = {0};
    int left = 10;
    for (int i = 0; i < 20; i++) {
        int64_t delay = (i * 7) % 45;
        probes[i] = (clock_probe){.loop = loop, .left = &left, .due_ms = trib_loop_now_ms(loop) + delay};
        trib_timer_init(&probes[i].timer, on_time);
        trib_loop_timer_set(loop, &probes[i].timer, i % 2 ? delay : 3600000);
        if (i % 2) trib_loop_timer_set(loop, &probes[i].timer, delay); /* setting again moves it */
    }
    for (int i = 0; i < 20; i += 2) trib_loop_timer_clear(loop, &probes[i].timer);
    trib_loop_run(loop);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(probes[i].fired, i % 2);
        assert_int_equal(probes[i].early, 0);
    }
    trib_loop_free(loop);
}

typedef struct later {
    trib_defer defer;
    trib_loop *loop;
    int runs, stop_after;
    trib_defer *cancel;
} later;

static void on_later(trib_defer *defer) {
    later *l = TRIB_OWNER_OF(defer, later, defer);
    l->runs++;
    if (l->cancel) trib_loop_undefer(l->loop, l->cancel);
    if (l->runs < l->stop_after) trib_loop_defer(l->loop, defer);
    else if (l->stop_after) trib_loop_stop(l->loop);
}

static void deferred_calls_can_repeat_and_be_taken_back(void **state) {
    (void)state;
    trib_loop *loop = new_loop();
    later third = {.defer.run = on_later, .loop = loop};
    later second = {.defer.run = on_later, .loop = loop, .stop_after = 4};
    later first = {.defer.run = on_later, .loop = loop, .cancel = &third.defer};
    trib_loop_defer(loop, &first.defer);
    trib_loop_defer(loop, &first.defer); /* queued already */
    trib_loop_defer(loop, &second.defer);
    trib_loop_defer(loop, &third.defer);
    trib_loop_run(loop);
    assert_int_equal(first.runs, 1);
    assert_int_equal(second.runs, 4);
    assert_int_equal(third.runs, 0);
    trib_loop_free(loop);
}

typedef struct late {
    trib_task task;
    trib_loop *loop;
    struct late *last; /* what this one puts off */
    int *order, at;
    bool stops;
} late;

static void note(trib_task *task) {
    late *l = TRIB_OWNER_OF(task, late, task);
    l->at = (*l->order)++;
    if (l->last) trib_loop_run_last(l->loop, &l->last->task);
    if (l->stops) trib_loop_stop(l->loop);
}

static void what_is_put_off_runs_after_all_that_was_due_and_before_sleep(void **state) {
    (void)state;
    trib_loop *loop = new_loop();
    int order = 0;
    late last[2], due[2];
    for (int i = 0; i < 2; i++) {
        last[i] = (late){.task.run = note, .loop = loop, .order = &order, .stops = i == 1};
        due[i] = (late){.task.run = note, .loop = loop, .last = &last[i], .order = &order};
        trib_loop_post(loop, &due[i].task);
    }
    trib_loop_run(loop); /* nothing else would ever wake it */
    assert_int_equal(due[0].at, 0);
    assert_int_equal(due[1].at, 1);
    assert_int_equal(last[0].at, 2);
    assert_int_equal(last[1].at, 3);
    trib_loop_run_last(loop, &last[0].task);
    trib_loop_free(loop);
    assert_int_equal(last[0].at, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_of_many_threads_run_once_in_their_order_on_the_loop),
        cmocka_unit_test(one_post_wakes_a_sleeping_loop_each_time),
        cmocka_unit_test(what_was_posted_before_free_runs_in_free),
        cmocka_unit_test(timers_fire_once_never_early_and_cleared_ones_never),
        cmocka_unit_test(deferred_calls_can_repeat_and_be_taken_back),
        cmocka_unit_test(what_is_put_off_runs_after_all_that_was_due_and_before_sleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
