/* SPDX-License-Identifier: Apache-2.0 */
/* Coarse timers by the ten thousand: setting and clearing one costs a few instructions, and the wheel knows when it
 * must be looked at next, so an idle loop sleeps. No clock and no OS in here: whoever owns the wheel tells it the
 * time. */
#ifndef TRIB_IO_WHEEL_H
#define TRIB_IO_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    TRIB_WHEEL_TICK_MS = 4, /* a timer fires at the first tick at or after its time, never before */
    TRIB_WHEEL_LEVELS = 6,
    TRIB_WHEEL_SLOTS = 64
};

/* Longest time ahead; longer ones are cut to it. One year. */
#define TRIB_WHEEL_MAX_MS (INT64_C(365) * 24 * 3600 * 1000)

typedef struct trib_timer trib_timer;
struct trib_timer {
    void (*fire)(trib_timer *timer); /* set by the owner; may set, clear and free any timer, this one too */
    /* private */
    trib_timer *prev, *next;
    uint64_t due_tick;
    uint8_t level, slot;
};

typedef struct trib_wheel {
    uint64_t tick;                    /* everything up to here has fired */
    int64_t base_ms;                  /* the time of tick 0 */
    uint64_t busy[TRIB_WHEEL_LEVELS]; /* bit s: slots[level][s] is not empty */
    trib_timer *slots[TRIB_WHEEL_LEVELS][TRIB_WHEEL_SLOTS];
    trib_timer *firing; /* taken out of a slot, not yet looked at */
} trib_wheel;

/* Clears `timer`'s links; call it once before the first set. */
void trib_timer_init(trib_timer *timer, void (*fire)(trib_timer *timer));
bool trib_timer_pending(const trib_timer *timer);

void trib_wheel_init(trib_wheel *wheel, int64_t now_ms);
/* Arms or re-arms. A time that has passed fires at the next tick, never inside this call. Thread: the wheel's. */
void trib_wheel_set(trib_wheel *wheel, trib_timer *timer, int64_t due_ms);
/* Not armed: nothing. After it `fire` will not be called. */
void trib_wheel_clear(trib_wheel *wheel, trib_timer *timer);
/* When advance has something to do next; INT64_MAX if no timer is armed. May be early by a cascade, never late. */
int64_t trib_wheel_next_ms(const trib_wheel *wheel);
/* Fires everything that is due, in tick order. */
void trib_wheel_advance(trib_wheel *wheel, int64_t now_ms);

#endif
