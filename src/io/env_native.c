/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of the real machine; see env_native.h.
 *
 * Condition variables are a counter and a futex, because the C library's cost a system call more for every wake (a
 * woken thread takes the mutex as if it were contended, so its unlock calls the kernel) and can lose a signal (glibc
 * bug 25847, up to 2.40):
 *
 *   wait    n = turn; unlock; sleep while turn == n; lock        signal    turn++; if somebody waits: wake one sleeper
 *
 * A waiter counts itself under the mutex, before it lets go of it. So a signaller that changed the guarded state under
 * the mutex either sees the waiter, or the waiter has seen the new state. Waits count on CLOCK_MONOTONIC: a jump of the
 * wall clock neither cuts them short nor prolongs them. */
#include "io/env_native.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "crypto/hash.h"

enum { BACKGROUND_NICE = 19, NICE_ZERO_LIMIT = 20, NAME_BYTES = 16 };

struct trib_mutex {
    pthread_mutex_t os;
};

struct trib_cond {
    _Atomic uint32_t turn; /* the futex; a wait that sleeps through 2^32 signals would miss one */
    _Atomic uint32_t waiters;
};

_Static_assert(sizeof(_Atomic uint32_t) == 4, "the kernel reads 32 bits");

struct trib_thread {
    pthread_t os;
    void (*main)(void *arg);
    void *arg;
    _Atomic pid_t id; /* the system's; 0 until it runs */
    char name[NAME_BYTES];
};

static int64_t mono_ns(void *ctx) {
    (void)ctx;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t wall_ms(void *ctx) {
    (void)ctx;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool random_bytes(void *ctx, void *out, size_t n) {
    (void)ctx;
    return trib_crypto_random(out, n);
}

static trib_mutex *mutex_new(void *ctx) {
    (void)ctx;
    trib_mutex *m = malloc(sizeof *m);
    if (!m) return NULL;
    if (pthread_mutex_init(&m->os, NULL) != 0) {
        free(m);
        return NULL;
    }
    return m;
}

static void mutex_free(void *ctx, trib_mutex *m) {
    (void)ctx;
    pthread_mutex_destroy(&m->os);
    free(m);
}

static void mutex_lock(void *ctx, trib_mutex *m) {
    (void)ctx;
    pthread_mutex_lock(&m->os);
}

static void mutex_unlock(void *ctx, trib_mutex *m) {
    (void)ctx;
    pthread_mutex_unlock(&m->os);
}

static trib_cond *cond_new(void *ctx) {
    (void)ctx;
    return calloc(1, sizeof(trib_cond));
}

static void cond_free(void *ctx, trib_cond *c) {
    (void)ctx;
    free(c);
}

static bool cond_wait(void *ctx, trib_cond *c, trib_mutex *m, int64_t timeout_ns) {
    struct timespec at, *until = NULL;
    if (timeout_ns >= 0) {
        int64_t now = mono_ns(ctx), ns = timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
        at = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
        until = &at;
    }
    uint32_t turn = atomic_load(&c->turn);
    atomic_fetch_add(&c->waiters, 1);
    pthread_mutex_unlock(&m->os);
    /* the bitset form takes a point in time and not a length, on CLOCK_MONOTONIC */
    long slept = syscall(SYS_futex, &c->turn, FUTEX_WAIT_BITSET_PRIVATE, turn, until, NULL, FUTEX_BITSET_MATCH_ANY);
    bool in_time = slept == 0 || errno != ETIMEDOUT;
    pthread_mutex_lock(&m->os);
    atomic_fetch_sub(&c->waiters, 1);
    return in_time;
}

static void cond_wake(trib_cond *c, int most) {
    atomic_fetch_add(&c->turn, 1);
    if (atomic_load(&c->waiters)) syscall(SYS_futex, &c->turn, FUTEX_WAKE_PRIVATE, most, NULL, NULL, 0);
}

static void cond_signal(void *ctx, trib_cond *c) {
    (void)ctx;
    cond_wake(c, 1);
}

static void cond_broadcast(void *ctx, trib_cond *c) {
    (void)ctx;
    cond_wake(c, INT_MAX);
}

static void *thread_main(void *arg) {
    trib_thread *t = arg;
    atomic_store(&t->id, gettid());
    if (t->name[0]) pthread_setname_np(pthread_self(), t->name);
    t->main(t->arg);
    return NULL;
}

/* A new thread inherits the mask, so it is set around pthread_create: not one moment is left in which a signal could
 * land on the new thread. */
static trib_thread *thread_start(void *ctx, const char *name, void (*main)(void *arg), void *arg) {
    (void)ctx;
    trib_thread *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->main = main;
    t->arg = arg;
    if (name) memcpy(t->name, name, strnlen(name, NAME_BYTES - 1));

    sigset_t process_signals, before;
    sigemptyset(&process_signals);
    sigaddset(&process_signals, SIGTERM);
    sigaddset(&process_signals, SIGINT);
    sigaddset(&process_signals, SIGHUP);
    sigaddset(&process_signals, SIGUSR1);
    sigaddset(&process_signals, SIGUSR2);
    sigaddset(&process_signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &process_signals, &before);
    int failed = pthread_create(&t->os, NULL, thread_main, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        free(t);
        return NULL;
    }
    return t;
}

static void thread_join(void *ctx, trib_thread *t) {
    (void)ctx;
    pthread_join(t->os, NULL);
    free(t);
}

/* On Linux, setpriority with the id of a thread is about that thread alone. Going back up needs a privilege or
 * RLIMIT_NICE. */
static bool thread_set_background(void *ctx, trib_thread *t, bool background) {
    (void)ctx;
    pid_t id = atomic_load(&t->id);
    return id != 0 && setpriority(PRIO_PROCESS, (id_t)id, background ? BACKGROUND_NICE : 0) == 0;
}

/* setpriority(2): down to nice 0 needs RLIMIT_NICE of 20, or the privilege. */
static bool thread_may_come_back(void *ctx) {
    (void)ctx;
    struct rlimit limit;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (getrlimit(RLIMIT_NICE, &limit) == 0 && limit.rlim_cur >= NICE_ZERO_LIMIT) return true;
    if (syscall(SYS_capget, &head, caps) != 0) return false;
    return caps[CAP_TO_INDEX(CAP_SYS_NICE)].effective & CAP_TO_MASK(CAP_SYS_NICE);
}

static int64_t thread_cpu_ns(void *ctx, trib_thread *t) {
    (void)ctx;
    clockid_t clock;
    struct timespec ts;
    if (pthread_getcpuclockid(t->os, &clock) != 0 || clock_gettime(clock, &ts) != 0) return 0;
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void thread_yield(void *ctx) {
    (void)ctx;
    sched_yield();
}

const trib_env *trib_env_native(void) {
    static const trib_env native = {
        .mono_ns = mono_ns,
        .wall_ms = wall_ms,
        .random = random_bytes,
        .mutex_new = mutex_new,
        .mutex_free = mutex_free,
        .mutex_lock = mutex_lock,
        .mutex_unlock = mutex_unlock,
        .cond_new = cond_new,
        .cond_free = cond_free,
        .cond_wait = cond_wait,
        .cond_signal = cond_signal,
        .cond_broadcast = cond_broadcast,
        .thread_start = thread_start,
        .thread_join = thread_join,
        .thread_set_background = thread_set_background,
        .thread_may_come_back = thread_may_come_back,
        .thread_cpu_ns = thread_cpu_ns,
        .thread_yield = thread_yield,
    };
    return &native;
}
