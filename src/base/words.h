/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a text in any script, each in the form in which it is searched for: letters of one case, Latin, Greek
 * and Cyrillic ones without their diacritics, Arabic ones without harakat and tatweel and with one form of alef, ya and
 * ta marbuta, Hebrew ones without points, digits of all scripts as 0 to 9. The marks of Indic scripts stay, so that
 * Tamil and Hindi words stay whole. Where words are written without blanks (Chinese, Japanese, Korean, Thai ...) each
 * character is a word of its own, and a search for several is one for a phrase.
 *
 * `Crème brûlée` -> creme, brulee   `تَمْر` -> تمر   `தமிழ்நாடு` -> itself   `東京` -> 東, 京 */
#ifndef TRIB_BASE_WORDS_H
#define TRIB_BASE_WORDS_H

#include "base/str.h"

/* Of one word; the rest of a longer one is passed over: a term of the index is no place for a book without a blank. */
enum { TRIB_WORD_MAX_BYTES = 128 };

typedef struct trib_word {
    char text[TRIB_WORD_MAX_BYTES]; /* UTF-8 */
    size_t len;                     /* at least 1 */
    size_t begin, end;              /* where it stands in the text */
} trib_word;

/* The next word from *at on, which moves behind it; false: there is none, and *at is the end. Bytes that are not
 * well-formed UTF-8 stand between words. Takes time in proportion to the bytes that it passes. Pure. */
bool trib_words_next(trib_str text, size_t *at, trib_word *ret);

#endif
