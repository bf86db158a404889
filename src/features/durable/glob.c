/* SPDX-License-Identifier: Apache-2.0 */
/* Matching of patterns; see glob.h. Both levels go the same way: after a mismatch the last star takes one more; what
 * stands before it has matched at the earliest place and needs no second look. */
#include "features/durable/glob.h"

#include <stddef.h>

/* One segment; '*' is any text. */
static bool match_segment(trib_str pattern, trib_str text) {
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*') p++;
    return p == pattern.len;
}

/* The segment at `at`; at == path.len + 1 is behind the last one. */
static trib_str segment_at(trib_str path, size_t at) {
    size_t end = at;
    while (end < path.len && path.ptr[end] != '/') end++;
    return trib_str_sub(path, at, end);
}

bool durable_glob_match(trib_str pattern, trib_str path) {
    size_t p = 0, t = 0, stars = SIZE_MAX, from = 0;
    while (t <= path.len) {
        trib_str want = p <= pattern.len ? segment_at(pattern, p) : (trib_str){0};
        trib_str have = segment_at(path, t);
        if (p <= pattern.len && trib_str_eq_c(want, "**")) {
            stars = p;
            p += 3;
            from = t;
        } else if (p <= pattern.len && match_segment(want, have)) {
            p += want.len + 1;
            t += have.len + 1;
        } else if (stars != SIZE_MAX) {
            p = stars + 3;
            t = from += segment_at(path, from).len + 1;
        } else {
            return false;
        }
    }
    while (p <= pattern.len && trib_str_eq_c(segment_at(pattern, p), "**")) p += 3;
    return p > pattern.len;
}

trib_str durable_glob_prefix(trib_str pattern) {
    size_t n = trib_str_find(pattern, '*');
    if (n == SIZE_MAX) return pattern;
    /* two stars behind a slash match what stands before the slash, too */
    if (n > 0 && pattern.ptr[n - 1] == '/') n--;
    return trib_str_sub(pattern, 0, n);
}
