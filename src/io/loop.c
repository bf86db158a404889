/* SPDX-License-Identifier: Apache-2.0 */
/* An event loop over libuv; see loop.h.
 *
 * Posting is one compare-and-swap onto a stack whose owner takes it as a whole (so no ABA), turns it round and runs it.
 * Only who pushes onto the empty stack wakes the loop: a batch of any size costs one wake-up. */
#include "io/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/loop_int.h"

enum { SLICE_NS = 100 * 1000 /* the shortest that Linux takes */ };

/* Never 0 on the C libraries of Linux, where a pthread_t is the address of the thread's block. */
static uintptr_t this_thread(void) {
    return (uintptr_t)uv_thread_self();
}

static trib_loop *loop_of(const uv_handle_t *handle) {
    return handle->loop->data;
}

/* Not uv_async: in libuv 1.44 its receiver spins while a sender is between two steps. One at low priority, put off its
 * core right there by the wake that it sent, may stay so for milliseconds, while the loop spins in its place. */
static void wake_up(trib_loop *loop) {
    (void)!write(loop->wake_fd, &(uint64_t){1}, sizeof(uint64_t)); /* it fails only when full, hence awake */
}

/* Runs a stack of tasks from its bottom. */
static void run_stack(trib_task *newest) {
    trib_task *oldest = NULL;
    while (newest) {
        trib_task *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        trib_task *next = oldest->next; /* run may free the task */
        oldest->run(oldest);
        oldest = next;
    }
}

static void run_posted(trib_loop *loop) {
    run_stack(atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire));
}

static void run_lasts(trib_loop *loop) {
    while (loop->lasts) {
        trib_task *newest = loop->lasts;
        loop->lasts = NULL;
        run_stack(newest);
    }
}

static void on_before_sleep(uv_prepare_t *handle) {
    trib_loop *loop = loop_of((uv_handle_t *)handle);
    loop->bulk_left_bytes = TRIB_LOOP_BULK_BYTES;
    run_lasts(loop);
}

/* Before closed connections are freed, so that what a connection left here runs while it still counts as open. */
static void on_after_sockets(uv_check_t *handle) {
    run_lasts(loop_of((uv_handle_t *)handle));
}

static void on_wake(uv_poll_t *wake, int status, int events) {
    trib_loop *loop = loop_of((uv_handle_t *)wake);
    uint64_t times;
    (void)status;
    (void)events;
    (void)!read(loop->wake_fd, &times, sizeof times); /* first: what is posted from here on wakes again */
    run_posted(loop);
    if (atomic_load_explicit(&loop->stop, memory_order_acquire)) uv_stop(&loop->uv);
}

static void on_tick(uv_timer_t *tick);

/* Sleeps until the wheel's next event; does nothing if `tick` goes off early enough already. */
static void arm_tick(trib_loop *loop) {
    int64_t due = trib_wheel_next_ms(&loop->wheel);
    if (due >= loop->tick_due_ms) return;
    int64_t delay = due - (int64_t)uv_now(&loop->uv);
    loop->tick_due_ms = due;
    uv_timer_start(&loop->tick, on_tick, delay > 0 ? (uint64_t)delay : 0, 0);
}

static void on_tick(uv_timer_t *tick) {
    trib_loop *loop = loop_of((uv_handle_t *)tick);
    loop->tick_due_ms = INT64_MAX;
    trib_wheel_advance(&loop->wheel, (int64_t)uv_now(&loop->uv));
    arm_tick(loop);
}

static void on_again(uv_idle_t *again) {
    trib_loop *loop = loop_of((uv_handle_t *)again);
    /* Only what is queued now: what queues itself again waits for the next iteration, so that sockets get their
     * turn. */
    trib_defer mark = {.prev = loop->deferred.prev, .next = &loop->deferred};
    loop->deferred.prev->next = &mark;
    loop->deferred.prev = &mark;
    while (loop->deferred.next != &mark) {
        trib_defer *defer = loop->deferred.next;
        trib_loop_undefer(loop, defer);
        defer->run(defer);
    }
    trib_loop_undefer(loop, &mark);
    if (loop->deferred.next == &loop->deferred) uv_idle_stop(&loop->again);
}

void trib_loop_defer(trib_loop *loop, trib_defer *defer) {
    if (defer->next) return;
    if (loop->deferred.next == &loop->deferred) uv_idle_start(&loop->again, on_again);
    defer->next = &loop->deferred;
    defer->prev = loop->deferred.prev;
    defer->prev->next = defer;
    loop->deferred.prev = defer;
}

void trib_loop_undefer(trib_loop *loop, trib_defer *defer) {
    (void)loop; /* an empty ring stops the idle handle by itself */
    if (!defer->next) return;
    defer->prev->next = defer->next;
    defer->next->prev = defer->prev;
    defer->prev = defer->next = NULL;
}

/* libuv's error. */
static int wake_init(trib_loop *loop) {
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0) return -errno;
    int failed = uv_poll_init(&loop->uv, &loop->wake, loop->wake_fd);
    if (!failed) failed = uv_poll_start(&loop->wake, UV_READABLE, on_wake);
    if (failed) close(loop->wake_fd);
    return failed;
}

trib_code trib_loop_new(const trib_env *env, const char *name, trib_loop **ret, trib_error *err) {
    trib_loop *loop = calloc(1, sizeof *loop);
    if (!loop) return trib_error_set(err, TRIB_NOMEM, NULL);
    loop->read_bytes = malloc(TRIB_LOOP_READ_BYTES);
    if (!loop->read_bytes) {
        free(loop);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    loop->env = env;
    loop->tick_due_ms = INT64_MAX;
    loop->bulk_left_bytes = TRIB_LOOP_BULK_BYTES;
    loop->deferred.prev = loop->deferred.next = &loop->deferred;
    memcpy(loop->name, name, strnlen(name, sizeof loop->name - 1));

    int failed = uv_loop_init(&loop->uv);
    if (!failed) {
        loop->uv.data = loop;
        failed = wake_init(loop);
        if (failed) uv_loop_close(&loop->uv);
    }
    if (failed) {
        free(loop->read_bytes);
        free(loop);
        trib_code code = trib_error_set(err, failed == UV_ENOMEM ? TRIB_NOMEM : TRIB_IO,
                                        "cannot make an event loop: %s; raise the limit of open files (ulimit -n)",
                                        uv_strerror(failed));
        if (err) err->detail = -failed;
        return code;
    }
    uv_timer_init(&loop->uv, &loop->tick);
    uv_idle_init(&loop->uv, &loop->again);
    uv_prepare_init(&loop->uv, &loop->before_sleep);
    uv_prepare_start(&loop->before_sleep, on_before_sleep);
    uv_check_init(&loop->uv, &loop->after_sockets);
    uv_check_start(&loop->after_sockets, on_after_sockets);
    trib_wheel_init(&loop->wheel, (int64_t)uv_now(&loop->uv));
    *ret = loop;
    return TRIB_OK;
}

/* Writing to a socket whose peer is gone must be an error code, not the death of the process. */
static void block_sigpipe(void) {
    sigset_t pipe_only;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, NULL);
}

void trib_loop_run(trib_loop *loop) {
    block_sigpipe();
    atomic_store_explicit(&loop->runner, this_thread(), memory_order_relaxed);
    uv_update_time(&loop->uv);
    if (!atomic_load_explicit(&loop->stop, memory_order_acquire)) uv_run(&loop->uv, UV_RUN_DEFAULT);
    atomic_store_explicit(&loop->runner, 0, memory_order_relaxed);
}

/* A loop works for microseconds at a time. With a short slice, Linux (from 6.12; others ignore it) lets it run as soon
 * as it wakes, instead of after what is left of the milliseconds of a worker that computes. */
static void ask_for_short_slices(void) {
    /* sched_setattr(2); the header that has it cannot be included together with the C library's */
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime_ns, deadline_ns, period_ns;
    } attr = {.size = sizeof attr, .nice = getpriority(PRIO_PROCESS, 0), .runtime_ns = SLICE_NS};
    (void)syscall(SYS_sched_setattr, 0, &attr, 0);
}

static void thread_main(void *arg) {
    ask_for_short_slices();
    trib_loop_run(arg);
}

trib_code trib_loop_start(trib_loop *loop, trib_error *err) {
    loop->thread = loop->env->thread_start(loop->env->ctx, loop->name, thread_main, loop);
    if (loop->thread) return TRIB_OK;
    return trib_error_set(err, TRIB_NOMEM,
                          "cannot start the thread %s: the system's limit of threads or memory is reached", loop->name);
}

void trib_loop_stop(trib_loop *loop) {
    atomic_store_explicit(&loop->stop, true, memory_order_release);
    wake_up(loop);
}

void trib_loop_join(trib_loop *loop) {
    if (!loop->thread) return;
    loop->env->thread_join(loop->env->ctx, loop->thread);
    loop->thread = NULL;
}

void trib_loop_free(trib_loop *loop) {
    if (!loop) return;
    trib_loop_join(loop);
    atomic_store_explicit(&loop->runner, this_thread(), memory_order_relaxed);
    /* A task may post again; what it closes needs iterations to say so. */
    while (atomic_load_explicit(&loop->posted, memory_order_relaxed) || loop->lasts) {
        run_posted(loop);
        run_lasts(loop);
    }
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->tick, NULL);
    uv_close((uv_handle_t *)&loop->again, NULL);
    uv_close((uv_handle_t *)&loop->before_sleep, NULL);
    uv_close((uv_handle_t *)&loop->after_sockets, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
    close(loop->wake_fd);
    free(loop->read_bytes);
    free(loop->tls_bytes);
    free(loop);
}

void trib_loop_post(trib_loop *loop, trib_task *task) {
    trib_task *head = atomic_load_explicit(&loop->posted, memory_order_relaxed);
    do {
        task->next = head;
    } while (
        !atomic_compare_exchange_weak_explicit(&loop->posted, &head, task, memory_order_release, memory_order_relaxed));
    if (!head) wake_up(loop);
}

void trib_loop_run_last(trib_loop *loop, trib_task *task) {
    task->next = loop->lasts;
    loop->lasts = task;
}

int64_t trib_loop_now_ms(const trib_loop *loop) {
    return (int64_t)uv_now(&loop->uv);
}

bool trib_loop_is_current(const trib_loop *loop) {
    return atomic_load_explicit(&loop->runner, memory_order_relaxed) == this_thread();
}

const trib_env *trib_loop_env(const trib_loop *loop) {
    return loop->env;
}

void trib_loop_timer_set(trib_loop *loop, trib_timer *timer, int64_t delay_ms) {
    int64_t now = (int64_t)uv_now(&loop->uv);
    if (delay_ms < 0) delay_ms = 0;
    if (delay_ms > TRIB_WHEEL_MAX_MS) delay_ms = TRIB_WHEEL_MAX_MS;
    trib_wheel_set(&loop->wheel, timer, now + delay_ms);
    arm_tick(loop);
}

void trib_loop_timer_clear(trib_loop *loop, trib_timer *timer) {
    trib_wheel_clear(&loop->wheel, timer);
}
