/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean ...?": finds the known word that is nearest to a mistyped one. */
#ifndef TRIB_BASE_SUGGEST_H
#define TRIB_BASE_SUGGEST_H

#include <stddef.h>

#include "base/str.h"

enum { TRIB_SUGGEST_WORD_MAX = 48 }; /* longer words get no suggestion: the search is quadratic */

/* Edits (insert, delete, replace, swap of neighbours) from a to b, or SIZE_MAX if one of them is too long. */
size_t trib_suggest_distance(trib_str a, trib_str b);

/* Collects candidates: start with {0}, offer each, then look at `best`. */
typedef struct trib_suggest {
    trib_str word; /* what was typed */
    trib_str best; /* the nearest so far, empty if nothing is near enough to be meant; borrowed from a candidate */
    size_t distance;
} trib_suggest;
void trib_suggest_offer(trib_suggest *suggest, trib_str candidate);

#endif
