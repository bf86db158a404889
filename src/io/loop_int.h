/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a loop, for the files of this room that talk to libuv themselves. */
#ifndef TRIB_IO_LOOP_INT_H
#define TRIB_IO_LOOP_INT_H

#include <stdatomic.h>
#include <stddef.h>
#include <uv.h>

#include "io/loop.h"

/* The object whose `member` a callback was given. */
#define TRIB_OWNER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

enum {
    TRIB_LOOP_READ_BYTES = 64 * 1024,  /* one buffer a loop for all reads: an idle connection needs none of its own */
    TRIB_LOOP_TLS_BYTES = 32 * 1024,   /* the same for what is still encrypted */
    TRIB_LOOP_BULK_BYTES = 256 * 1024, /* what one iteration sends of large answers, of all connections together */
};

/* Something that wants to be called again soon on the same loop, and can take that back. */
typedef struct trib_defer trib_defer;
struct trib_defer {
    void (*run)(trib_defer *defer);
    trib_defer *prev, *next; /* in the loop's ring while queued, else NULL */
};

struct trib_loop {
    uv_loop_t uv;
    uv_poll_t wake;  /* of wake_fd */
    int wake_fd;     /* an eventfd: who writes to it wakes the loop */
    uv_timer_t tick; /* the only libuv timer: sleeps until the wheel's next event */
    uv_idle_t again; /* runs while `deferred` is not empty */
    uv_prepare_t before_sleep;
    uv_check_t after_sockets;
    const trib_env *env;
    trib_thread *thread;
    char name[16];
    trib_wheel wheel;
    int64_t tick_due_ms;         /* what `tick` is armed for; INT64_MAX if not */
    trib_defer deferred;         /* head of the ring */
    trib_task *lasts;            /* newest first; the loop's thread only */
    char *read_bytes;            /* TRIB_LOOP_READ_BYTES; valid during one read callback */
    char *tls_bytes;             /* TRIB_LOOP_TLS_BYTES, the same; NULL until a TLS connection came */
    size_t bulk_left_bytes;      /* of TRIB_LOOP_BULK_BYTES in this iteration */
    _Atomic(trib_task *) posted; /* newest first */
    atomic_bool stop;
    atomic_uintptr_t runner; /* the thread that runs it; 0: none */
};

/* Calls defer->run once in the next iteration, before the loop sleeps again. Queued already: nothing. Thread: the
 * loop's. */
void trib_loop_defer(trib_loop *loop, trib_defer *defer);
void trib_loop_undefer(trib_loop *loop, trib_defer *defer);

#endif
