/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the timing wheel, on a clock that the test turns. */
#include "io/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { TIMERS = 400, BASE_MS = 123457 };

typedef struct probe {
    trib_timer timer; /* first: the callback casts back */
    int64_t due_ms, fired_ms;
    int fired;
} probe;

/* One wheel and its clock a test; cmocka's state carries it. */
typedef struct bench {
    trib_wheel wheel;
    int64_t now_ms;
    probe probes[TIMERS];
} bench;

static bench *current; /* for callbacks, which get the timer alone; set by every test */

static void note(trib_timer *timer) {
    probe *p = (probe *)(void *)timer;
    p->fired++;
    p->fired_ms = current->now_ms;
}

static void start(bench *b) {
    memset(b, 0, sizeof *b);
    b->now_ms = BASE_MS;
    trib_wheel_init(&b->wheel, b->now_ms);
    for (int i = 0; i < TIMERS; i++) trib_timer_init(&b->probes[i].timer, note);
    current = b;
}

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void every_timer_fires_once_at_its_tick_for_any_distance(void **state) {
    (void)state;
    static bench b;
    start(&b);
    uint64_t seed = 4711;
    for (int i = 0; i < TIMERS; i++) {
        unsigned bits = (unsigned)(next_random(&seed) % 34); /* from now to half a year */
        b.probes[i].due_ms = b.now_ms + (int64_t)(next_random(&seed) & ((UINT64_C(1) << bits) - 1));
        trib_wheel_set(&b.wheel, &b.probes[i].timer, b.probes[i].due_ms);
    }
    /* sleep exactly as long as the wheel says, as a loop does */
    for (int64_t next; (next = trib_wheel_next_ms(&b.wheel)) != INT64_MAX;) {
        assert_true(next > b.now_ms);
        b.now_ms = next;
        trib_wheel_advance(&b.wheel, b.now_ms);
    }
    for (int i = 0; i < TIMERS; i++) {
        assert_int_equal(b.probes[i].fired, 1);
        int64_t late = b.probes[i].fired_ms - b.probes[i].due_ms;
        assert_in_range(late, 0, TRIB_WHEEL_TICK_MS);
        assert_false(trib_timer_pending(&b.probes[i].timer));
    }
}

static void a_random_life_agrees_with_a_plain_list(void **state) {
    (void)state;
    static bench b;
    start(&b);
    uint64_t seed = 99;
    bool armed[TIMERS] = {false};
    for (int step = 0; step < 20000; step++) {
        int i = (int)(next_random(&seed) % TIMERS);
        probe *p = &b.probes[i];
        switch (next_random(&seed) % 4) {
        case 0:
        case 1:
            p->due_ms = b.now_ms + (int64_t)(next_random(&seed) % 100000);
            trib_wheel_set(&b.wheel, &p->timer, p->due_ms);
            armed[i] = true;
            break;
        case 2:
            trib_wheel_clear(&b.wheel, &p->timer);
            armed[i] = false;
            break;
        default:
            b.now_ms += (int64_t)(next_random(&seed) % 700);
            trib_wheel_advance(&b.wheel, b.now_ms);
            for (int k = 0; k < TIMERS; k++) {
                if (armed[k] && b.probes[k].due_ms + TRIB_WHEEL_TICK_MS <= b.now_ms) {
                    assert_int_equal(b.probes[k].fired, 1);
                }
                if (b.probes[k].fired) {
                    assert_true(armed[k] && b.probes[k].due_ms <= b.now_ms);
                    armed[k] = false;
                    b.probes[k].fired = 0;
                }
            }
        }
    }
}

static void clear_neighbours(trib_timer *timer) {
    note(timer);
    for (int i = 0; i < TIMERS; i++) trib_wheel_clear(&current->wheel, &current->probes[i].timer);
}

static void a_callback_may_clear_timers_of_its_own_tick(void **state) {
    (void)state;
    static bench b;
    start(&b);
    for (int i = 0; i < 5; i++) {
        b.probes[i].timer.fire = clear_neighbours;
        trib_wheel_set(&b.wheel, &b.probes[i].timer, b.now_ms + 100);
    }
    b.now_ms += 1000;
    trib_wheel_advance(&b.wheel, b.now_ms);
    int fired = 0;
    for (int i = 0; i < 5; i++) fired += b.probes[i].fired;
    assert_int_equal(fired, 1);
    assert_true(trib_wheel_next_ms(&b.wheel) == INT64_MAX);
}

static void set_again(trib_timer *timer) {
    note(timer);
    probe *p = (probe *)(void *)timer;
    if (p->fired < 3) trib_wheel_set(&current->wheel, timer, current->now_ms + 50);
}

static void a_callback_may_arm_itself_again(void **state) {
    (void)state;
    static bench b;
    start(&b);
    b.probes[0].timer.fire = set_again;
    trib_wheel_set(&b.wheel, &b.probes[0].timer, b.now_ms - 5); /* the past fires at the next tick, not in set */
    assert_int_equal(b.probes[0].fired, 0);
    for (int i = 0; i < 100; i++) {
        b.now_ms += 7;
        trib_wheel_advance(&b.wheel, b.now_ms);
    }
    assert_int_equal(b.probes[0].fired, 3);
}

static void a_clock_that_stands_or_jumps_does_no_harm(void **state) {
    (void)state;
    static bench b;
    start(&b);
    trib_wheel_set(&b.wheel, &b.probes[0].timer, INT64_MAX); /* cut to a year */
    trib_wheel_set(&b.wheel, &b.probes[1].timer, b.now_ms + 10);
    trib_wheel_advance(&b.wheel, b.now_ms);
    trib_wheel_advance(&b.wheel, b.now_ms - 1000000);
    assert_int_equal(b.probes[1].fired, 0);
    b.now_ms += TRIB_WHEEL_MAX_MS + TRIB_WHEEL_TICK_MS;
    trib_wheel_advance(&b.wheel, b.now_ms);
    assert_int_equal(b.probes[0].fired, 1);
    assert_int_equal(b.probes[1].fired, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_timer_fires_once_at_its_tick_for_any_distance),
        cmocka_unit_test(a_random_life_agrees_with_a_plain_list),
        cmocka_unit_test(a_callback_may_clear_timers_of_its_own_tick),
        cmocka_unit_test(a_callback_may_arm_itself_again),
        cmocka_unit_test(a_clock_that_stands_or_jumps_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
