/* SPDX-License-Identifier: Apache-2.0 */
/* Optimal string alignment distance in three rows; see suggest.h. */
#include "base/suggest.h"

#include <string.h>

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t trib_suggest_distance(trib_str a, trib_str b) {
    size_t rows[3][TRIB_SUGGEST_WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    if (a.len > TRIB_SUGGEST_WORD_MAX || b.len > TRIB_SUGGEST_WORD_MAX) return SIZE_MAX;
    memset(rows, 0, sizeof rows);
    for (size_t k = 0; k <= b.len; k++) last[k] = k;
    for (size_t i = 1; i <= a.len; i++) {
        now[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            size_t replaced = last[k - 1] + (a.ptr[i - 1] != b.ptr[k - 1]);
            now[k] = least(replaced, least(last[k], now[k - 1]) + 1);
            bool swapped = i > 1 && k > 1 && a.ptr[i - 1] == b.ptr[k - 2] && a.ptr[i - 2] == b.ptr[k - 1];
            if (swapped) now[k] = least(now[k], before[k - 2] + 1);
        }
        size_t *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[b.len];
}

void trib_suggest_offer(trib_suggest *suggest, trib_str candidate) {
    size_t distance = trib_suggest_distance(suggest->word, candidate);
    /* one slip in three letters is a slip, more is another word; an end that is missing or too much is one, too */
    bool prefix = (suggest->word.len >= 3 && trib_str_starts(candidate, suggest->word)) ||
                  (candidate.len >= 3 && trib_str_starts(suggest->word, candidate));
    if (distance > 1 + suggest->word.len / 4 && !prefix) return;
    if (suggest->best.len && distance >= suggest->distance) return;
    suggest->best = candidate;
    suggest->distance = distance;
}
