/* SPDX-License-Identifier: Apache-2.0 */
/* Durations and sizes; see units.h. */
#include "base/units.h"

#include <stddef.h>

typedef struct unit {
    const char *name;
    uint64_t factor;
} unit;

static const unit durations[] = {
    {"w", 604800000}, {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};

static const unit sizes[] = {
    {"", 1},
    {"b", 1},
    {"k", 1000},
    {"kb", 1000},
    {"kib", UINT64_C(1) << 10},
    {"m", 1000000},
    {"mb", 1000000},
    {"mib", UINT64_C(1) << 20},
    {"g", 1000000000},
    {"gb", 1000000000},
    {"gib", UINT64_C(1) << 30},
    {"t", UINT64_C(1000000000000)},
    {"tb", UINT64_C(1000000000000)},
    {"tib", UINT64_C(1) << 40},
};

enum { DURATION_COUNT = sizeof durations / sizeof durations[0], SIZE_COUNT = sizeof sizes / sizeof sizes[0] };

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The digits, or everything else, at the front of *text. */
static trib_str take_run(trib_str *text, bool digits) {
    size_t n = 0;
    while (n < text->len && is_digit(text->ptr[n]) == digits) n++;
    trib_str run = trib_str_sub(*text, 0, n);
    *text = trib_str_sub(*text, n, text->len);
    return run;
}

bool trib_units_duration_ms(trib_str text, int64_t *ret_ms) {
    uint64_t total = 0;
    size_t next = 0; /* units before this one are used up or smaller than the last */
    if (trib_str_eq_c(text, "0")) {
        *ret_ms = 0;
        return true;
    }
    if (text.len == 0) return false;
    while (text.len) {
        uint64_t number;
        if (!trib_str_u64(take_run(&text, true), &number)) return false;
        trib_str name = take_run(&text, false);
        while (next < DURATION_COUNT && !trib_str_eq_c(name, durations[next].name)) next++;
        if (next == DURATION_COUNT) return false;
        uint64_t factor = durations[next++].factor;
        if (number > (uint64_t)INT64_MAX / factor || number * factor > (uint64_t)INT64_MAX - total) return false;
        total += number * factor;
    }
    *ret_ms = (int64_t)total;
    return true;
}

bool trib_units_bytes(trib_str text, uint64_t *ret_bytes) {
    uint64_t number;
    if (!trib_str_u64(take_run(&text, true), &number)) return false;
    if (text.len > 1 && text.ptr[0] == ' ') text = trib_str_sub(text, 1, text.len);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        if (!trib_str_ieq_c(text, sizes[i].name)) continue;
        if (number > UINT64_MAX / sizes[i].factor) return false;
        *ret_bytes = number * sizes[i].factor;
        return true;
    }
    return false;
}
