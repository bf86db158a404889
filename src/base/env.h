/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that code must ask the outside for: clocks, randomness, threads, locks. The native one is in
 * io/env_native.h; a simulated one runs everything on one thread and a virtual clock. Rooms that may not call the OS
 * get a trib_env. */
#ifndef TRIB_BASE_ENV_H
#define TRIB_BASE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct trib_mutex trib_mutex;
typedef struct trib_cond trib_cond;
typedef struct trib_thread trib_thread;

typedef struct trib_env {
    void *ctx;
    /* Nanoseconds of a clock that never jumps. */
    int64_t (*mono_ns)(void *ctx);
    /* Milliseconds since 1970-01-01T00:00:00Z. */
    int64_t (*wall_ms)(void *ctx);
    /* Cryptographic randomness. false: none to be had; the caller must fail. */
    bool (*random)(void *ctx, void *out, size_t n);

    /* Locks. new returns NULL without memory. Mutexes are not recursive. */
    trib_mutex *(*mutex_new)(void *ctx);
    void (*mutex_free)(void *ctx, trib_mutex *m);
    void (*mutex_lock)(void *ctx, trib_mutex *m);
    void (*mutex_unlock)(void *ctx, trib_mutex *m);
    trib_cond *(*cond_new)(void *ctx);
    void (*cond_free)(void *ctx, trib_cond *c);
    /* timeout_ns < 0: no timeout. false: timed out. Spurious wake-ups are allowed. */
    bool (*cond_wait)(void *ctx, trib_cond *c, trib_mutex *m, int64_t timeout_ns);
    void (*cond_signal)(void *ctx, trib_cond *c);
    void (*cond_broadcast)(void *ctx, trib_cond *c);

    /* A thread that runs main(arg). name: at most 15 bytes. NULL: could not be started. */
    trib_thread *(*thread_start)(void *ctx, const char *name, void (*main)(void *arg), void *arg);
    /* Waits for its end and frees it. */
    void (*thread_join)(void *ctx, trib_thread *t);
    /* Puts a thread that runs to nice 19 (stuck statements), or back to normal. false: the OS did not do it; many
     * systems let an ordinary user only go down. Thread: any. */
    bool (*thread_set_background)(void *ctx, trib_thread *t, bool background);
    /* Will the OS let a thread come back from nice 19? Optional; NULL: no. */
    bool (*thread_may_come_back)(void *ctx);
    /* The processor time that a thread which runs has used. Optional; NULL: not known. Thread: any. */
    int64_t (*thread_cpu_ns)(void *ctx, trib_thread *t);
    /* Lets other threads that wait for this core go first, if there are any. Optional. */
    void (*thread_yield)(void *ctx);
} trib_env;

static inline int64_t trib_env_mono_ns(const trib_env *env) {
    return env->mono_ns(env->ctx);
}
static inline int64_t trib_env_wall_ms(const trib_env *env) {
    return env->wall_ms(env->ctx);
}
static inline bool trib_env_random(const trib_env *env, void *out, size_t n) {
    return env->random(env->ctx, out, n);
}
static inline void trib_env_yield(const trib_env *env) {
    if (env->thread_yield) env->thread_yield(env->ctx);
}
static inline trib_mutex *trib_mutex_new(const trib_env *env) {
    return env->mutex_new(env->ctx);
}
static inline void trib_mutex_free(const trib_env *env, trib_mutex *m) {
    if (m) env->mutex_free(env->ctx, m);
}
static inline void trib_mutex_lock(const trib_env *env, trib_mutex *m) {
    env->mutex_lock(env->ctx, m);
}
static inline void trib_mutex_unlock(const trib_env *env, trib_mutex *m) {
    env->mutex_unlock(env->ctx, m);
}
static inline trib_cond *trib_cond_new(const trib_env *env) {
    return env->cond_new(env->ctx);
}
static inline void trib_cond_free(const trib_env *env, trib_cond *c) {
    if (c) env->cond_free(env->ctx, c);
}
static inline bool trib_cond_wait(const trib_env *env, trib_cond *c, trib_mutex *m, int64_t timeout_ns) {
    return env->cond_wait(env->ctx, c, m, timeout_ns);
}
static inline void trib_cond_signal(const trib_env *env, trib_cond *c) {
    env->cond_signal(env->ctx, c);
}
static inline void trib_cond_broadcast(const trib_env *env, trib_cond *c) {
    env->cond_broadcast(env->ctx, c);
}

#endif
