/* SPDX-License-Identifier: Apache-2.0 */
/* Words; see words.h. What a character is and becomes stands in words_table.h, sorted, and is found by halving. */
#include "base/words.h"

#include <string.h>

#include "base/words_table.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
enum { FOLDED_MAX = 3 };

/* One well-formed character at `at`; its length, or 0. Overlong forms and surrogates are none. */
static size_t decode(trib_str text, size_t at, uint32_t *ret) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text.ptr[at];
    size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (len == 0 || len > text.len - at) return 0;
    uint32_t c = len == 1 ? first : first & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        unsigned char next = (unsigned char)text.ptr[at + i];
        if ((next & 0xc0) != 0x80) return 0;
        c = c << 6 | (next & 0x3f);
    }
    if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return 0;
    *ret = c;
    return len;
}

static size_t encode(uint32_t c, char out[4]) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = len; i-- > 1; c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00U >> len & 0xf0) | c);
    return len;
}

/* 'T', 'M', 'A', 'D', or 0: between words. */
static char class_of(uint32_t c) {
    size_t from = 0, to = COUNT(words_classes);
    if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? 'T' : 0;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (c > words_classes[middle].last) from = middle + 1;
        else to = middle;
    }
    return from < COUNT(words_classes) && c >= words_classes[from].first ? words_classes[from].is : 0;
}

/* A step of 2 passes over the small letter between two capital ones. */
static bool fold_by_run(uint32_t c, uint32_t *ret) {
    size_t from = 0, to = COUNT(words_runs);
    while (from < to) { /* the first run that begins behind c */
        size_t middle = from + (to - from) / 2;
        if (c >= words_runs[middle].first) from = middle + 1;
        else to = middle;
    }
    if (from == 0) return false;
    const words_run *run = &words_runs[from - 1];
    if (c > run->last || (c - run->first) % run->step) return false;
    *ret = run->to + (c - run->first) / run->step * run->to_step;
    return true;
}

static size_t fold(uint32_t c, uint32_t out[FOLDED_MAX]) {
    size_t from = 0, to = COUNT(words_severals);
    out[0] = c;
    if (c < 0x80) {
        if (c >= 'A' && c <= 'Z') out[0] = c | 0x20;
        return 1;
    }
    if (fold_by_run(c, &out[0])) return 1;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (c > words_severals[middle].from) from = middle + 1;
        else to = middle;
    }
    if (from == COUNT(words_severals) || words_severals[from].from != c) return 1;
    memcpy(out, words_severals[from].to, sizeof words_severals[from].to);
    return out[2] ? 3 : 2;
}

/* A character that does not fit ends what is kept of the word. */
static void add(trib_word *word, uint32_t c, bool *full) {
    uint32_t folded[FOLDED_MAX];
    char bytes[4 * FOLDED_MAX];
    size_t count = fold(c, folded), len = 0;
    for (size_t i = 0; i < count; i++) len += encode(folded[i], bytes + len);
    *full = *full || len > sizeof word->text - word->len;
    if (*full) return;
    memcpy(word->text + word->len, bytes, len);
    word->len += len;
}

bool trib_words_next(trib_str text, size_t *at, trib_word *ret) {
    bool full = false, alone = false;
    ret->len = 0;
    while (*at < text.len) {
        uint32_t c = 0;
        size_t len = decode(text, *at, &c);
        char is = len ? class_of(c) : 0;
        bool open = ret->len > 0;
        if (open && (is == 0 || is == 'A' || (alone && is == 'T'))) return true;
        if (is == 'T' || is == 'M' || is == 'A') {
            if (!open) ret->begin = *at;
            alone = alone || is == 'A';
            add(ret, c, &full);
            ret->end = *at + len;
        }
        *at += len ? len : 1;
    }
    return ret->len > 0;
}
