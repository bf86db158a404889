/* SPDX-License-Identifier: Apache-2.0 */
/* Hierarchical timing wheel; see wheel.h.
 *
 * A tick number is read as six groups of six bits. A timer lives on the level of the highest group in which its due
 * tick differs from the current one, in the slot that this group names:
 *
 *   now  = 0 0 0 | 2 | 7 | 63        due = 0 0 0 | 2 | 9 | 5     differs first in group 1: level 1, slot 9
 *
 * So on every level all busy slots lie after the current one, and the next event is the lowest busy slot of the lowest
 * busy level. When time reaches a slot of a higher level, its timers fall to lower levels (a cascade); on level 0 they
 * fire. */
#include "io/wheel.h"

#include <stddef.h>
#include <string.h>

enum { GROUP_BITS = 6, NO_LEVEL = 255, LEVEL_FIRING = 254 };

#define MAX_TICK ((UINT64_C(1) << (GROUP_BITS * TRIB_WHEEL_LEVELS)) - 1)

void trib_timer_init(trib_timer *timer, void (*fire)(trib_timer *timer)) {
    *timer = (trib_timer){.fire = fire, .level = NO_LEVEL};
}

bool trib_timer_pending(const trib_timer *timer) {
    return timer->level != NO_LEVEL;
}

void trib_wheel_init(trib_wheel *wheel, int64_t now_ms) {
    memset(wheel, 0, sizeof *wheel);
    wheel->base_ms = now_ms;
}

static void push(trib_timer **head, trib_timer *timer) {
    timer->prev = NULL;
    timer->next = *head;
    if (*head) (*head)->prev = timer;
    *head = timer;
}

/* Needs due_tick > wheel->tick, so that the two differ in at least one bit. */
static void place(trib_wheel *wheel, trib_timer *timer) {
    unsigned top_bit = 63u - (unsigned)__builtin_clzll(timer->due_tick ^ wheel->tick);
    unsigned level = top_bit / GROUP_BITS;
    unsigned slot = (unsigned)(timer->due_tick >> (level * GROUP_BITS)) & (TRIB_WHEEL_SLOTS - 1);
    timer->level = (uint8_t)level;
    timer->slot = (uint8_t)slot;
    push(&wheel->slots[level][slot], timer);
    wheel->busy[level] |= UINT64_C(1) << slot;
}

void trib_wheel_clear(trib_wheel *wheel, trib_timer *timer) {
    if (timer->level == NO_LEVEL) return;
    trib_timer **head = timer->level == LEVEL_FIRING ? &wheel->firing : &wheel->slots[timer->level][timer->slot];
    if (timer->prev) timer->prev->next = timer->next;
    else *head = timer->next;
    if (timer->next) timer->next->prev = timer->prev;
    if (timer->level != LEVEL_FIRING && !*head) wheel->busy[timer->level] &= ~(UINT64_C(1) << timer->slot);
    timer->prev = timer->next = NULL;
    timer->level = NO_LEVEL;
}

void trib_wheel_set(trib_wheel *wheel, trib_timer *timer, int64_t due_ms) {
    trib_wheel_clear(wheel, timer);
    int64_t now_ms = wheel->base_ms + (int64_t)wheel->tick * TRIB_WHEEL_TICK_MS;
    if (due_ms > now_ms && due_ms - now_ms > TRIB_WHEEL_MAX_MS) due_ms = now_ms + TRIB_WHEEL_MAX_MS;
    uint64_t due = wheel->tick + 1;
    if (due_ms > now_ms) {
        /* rounded up: never early */
        due = ((uint64_t)(due_ms - wheel->base_ms) + TRIB_WHEEL_TICK_MS - 1) / TRIB_WHEEL_TICK_MS;
    }
    if (due > MAX_TICK) due = MAX_TICK;
    timer->due_tick = due;
    place(wheel, timer);
}

/* The next tick at which a slot must be opened; false if none is busy. */
static bool next_tick(const trib_wheel *wheel, uint64_t *ret_tick, unsigned *ret_level, unsigned *ret_slot) {
    for (unsigned level = 0; level < TRIB_WHEEL_LEVELS; level++) {
        if (!wheel->busy[level]) continue;
        unsigned slot = (unsigned)__builtin_ctzll(wheel->busy[level]);
        unsigned shift = level * GROUP_BITS;
        uint64_t above = wheel->tick >> (shift + GROUP_BITS) << (shift + GROUP_BITS);
        *ret_tick = above | (uint64_t)slot << shift;
        *ret_level = level;
        *ret_slot = slot;
        return true;
    }
    return false;
}

int64_t trib_wheel_next_ms(const trib_wheel *wheel) {
    uint64_t tick;
    unsigned level, slot;
    if (!next_tick(wheel, &tick, &level, &slot)) return INT64_MAX;
    return wheel->base_ms + (int64_t)tick * TRIB_WHEEL_TICK_MS;
}

void trib_wheel_advance(trib_wheel *wheel, int64_t now_ms) {
    if (now_ms < wheel->base_ms) return;
    uint64_t now_tick = (uint64_t)(now_ms - wheel->base_ms) / TRIB_WHEEL_TICK_MS;
    uint64_t tick;
    unsigned level, slot;
    while (next_tick(wheel, &tick, &level, &slot) && tick <= now_tick) {
        wheel->tick = tick;
        /* A callback may clear timers that wait here too: they stay in a list that clear knows. */
        wheel->firing = wheel->slots[level][slot];
        wheel->slots[level][slot] = NULL;
        wheel->busy[level] &= ~(UINT64_C(1) << slot);
        for (trib_timer *t = wheel->firing; t; t = t->next) t->level = LEVEL_FIRING;
        while (wheel->firing) {
            trib_timer *timer = wheel->firing;
            trib_wheel_clear(wheel, timer);
            if (timer->due_tick > tick) place(wheel, timer);
            else timer->fire(timer);
        }
    }
    /* Empty stretches are skipped, but not past a busy slot: its level was chosen against the old tick. */
    if (now_tick > wheel->tick && !next_tick(wheel, &tick, &level, &slot)) wheel->tick = now_tick;
}
