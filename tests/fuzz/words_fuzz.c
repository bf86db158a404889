// SPDX-License-Identifier: Apache-2.0
// Fuzz target of the words of a text.
// rooms: base
//
// Words stand in the text in order, are well-formed UTF-8 and within their bound, and to search for a word finds that
// word: what a word has become becomes itself.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = malloc(size + 1);
    trib_word word, again;
    size_t at = 0, before = 0;
    if (!copy) return 0;
    memcpy(copy, data, size);
    while (trib_words_next(trib_str_make(copy, size), &at, &word)) {
        size_t from = 0;
        if (word.begin < before || word.end <= word.begin || word.end > at || at > size) abort();
        if (word.len == 0 || word.len > TRIB_WORD_MAX_BYTES) abort();
        if (!trib_str_utf8_valid(trib_str_make(word.text, word.len))) abort();
        before = word.end;
        if (word.len > TRIB_WORD_MAX_BYTES / 3) continue; /* it may have been cut */
        if (!trib_words_next(trib_str_make(word.text, word.len), &from, &again)) abort();
        if (again.len != word.len || memcmp(again.text, word.text, word.len) != 0) abort();
    }
    if (at != size) abort();
    free(copy);
    return 0;
}
