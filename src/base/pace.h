/* SPDX-License-Identifier: Apache-2.0 */
/* Work that can wait steps back while work that cannot is under way.
 *
 *   urgent   how many requests of tenants that use little are between submission and answer
 *   lane     one per tenant: is it heavy, that is, does it use more than its share?
 *
 * A heavy lane's work calls trib_pace_give_way again and again: while something urgent is under way it sleeps there,
 * for at most TRIB_PACE_WAIT_US, and then may run for TRIB_PACE_RUN_US whatever else there is. So heavy work neither
 * starves nor sits on the cores for which a small request, its sync and the kernel's threads behind it would have to
 * queue. The system's priorities alone do not do that: Linux weighs whole sessions against each other first
 * (autogroup), so a thread at nice 19 takes a core from the disk's threads as if it were at 0.
 *
 * Nothing is urgent yet while a request still lies in a socket, and the loop that would read it waits for a core: Linux
 * lets even a thread at nice 19 have what it is owed in one piece, until a tick of the clock 4 ms later. So heavy work
 * also yields its core every TRIB_PACE_YIELD_US; it costs a system call when nobody wants it. */
#ifndef TRIB_BASE_PACE_H
#define TRIB_BASE_PACE_H

#include <stdatomic.h>

#include "base/env.h"

enum {
    TRIB_PACE_WAIT_US = 2 * 1000, /* heavy work is held back so long at most: a busy server slows it down to a third */
    TRIB_PACE_LOOK_US = 500,      /* between two looks: nobody who finishes something urgent pays for a wake */
    TRIB_PACE_RUN_US = 1000,      /* then it may run so long */
    TRIB_PACE_YIELD_US = 250      /* heavy work that runs lets others have its core so often: the system may not */
};

typedef struct trib_pace {
    const trib_env *env;
    _Atomic uint32_t urgent;
    trib_mutex *mutex;
    trib_cond *never; /* only waited for, with a time limit */
} trib_pace;

typedef struct trib_pace_lane {
    trib_pace *pace;
    _Atomic bool heavy;
} trib_pace_lane;

/* Errors: NOMEM, with nothing to free. */
trib_code trib_pace_init(trib_pace *pace, const trib_env *env, trib_error *err);
void trib_pace_deinit(trib_pace *pace);

static inline void trib_pace_add_urgent(trib_pace *pace, uint32_t count) {
    atomic_fetch_add_explicit(&pace->urgent, count, memory_order_relaxed);
}
static inline void trib_pace_sub_urgent(trib_pace *pace, uint32_t count) {
    atomic_fetch_sub_explicit(&pace->urgent, count, memory_order_relaxed);
}
static inline bool trib_pace_is_heavy(const trib_pace_lane *lane) {
    return lane && atomic_load_explicit(&lane->heavy, memory_order_relaxed);
}
/* Should work of this lane (NULL: none) call give_way? Cheap: for every few machine steps. Thread: any. */
static inline bool trib_pace_must_give_way(const trib_pace_lane *lane) {
    return trib_pace_is_heavy(lane) && atomic_load_explicit(&lane->pace->urgent, memory_order_relaxed) > 0;
}
/* Heavy work that runs calls it for every few machine steps; *yields_ns belongs to the work, 0 at its start. */
void trib_pace_yield(const trib_pace_lane *lane, int64_t *yields_ns);
/* Sleeps as told above; never much longer than TRIB_PACE_WAIT_US. Returns how long, in ns: a time limit of the work is
 * not about that. *runs_until_ns belongs to the work, 0 at its start. Thread: one that may block. */
int64_t trib_pace_give_way(trib_pace_lane *lane, int64_t *runs_until_ns);

#endif
