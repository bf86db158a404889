/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a file of a stream type: several findings in one run, each with its line and column.
 *
 *   food.json:12:18: there is no status "acepted" (did you mean accepted?); write one of "statuses" */
#ifndef TRIB_DEAL_PROBLEMS_H
#define TRIB_DEAL_PROBLEMS_H

#include "base/arena.h"
#include "base/error.h"
#include "wire/json.h"

enum { TRIB_DEAL_PROBLEMS_MAX = 20 }; /* kept; more are counted only: a file of nonsense gives no flood */

typedef struct trib_deal_problem {
    uint32_t line, column; /* from 1; columns are characters */
    trib_str text;         /* what, why, how to mend it */
} trib_deal_problem;

typedef struct trib_deal_problems {
    trib_deal_problem items[TRIB_DEAL_PROBLEMS_MAX]; /* in the order in which they were found, then sorted by place */
    size_t count;                                    /* in items */
    size_t total;                                    /* found */
    /* private */
    trib_arena *arena;
    trib_str source; /* text of the file */
    const trib_json *root;
} trib_deal_problems;

/* Borrows everything; the texts live in `arena`. */
void trib_deal_problems_init(trib_deal_problems *problems, trib_arena *arena, trib_str source);
/* Adds one at the value's place (NULL: at the start of the file). */
void trib_deal_problems_add(trib_deal_problems *problems, const trib_json *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same at the name of a member. */
void trib_deal_problems_add_key(trib_deal_problems *problems, const trib_json *member, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* At a byte of the file. */
void trib_deal_problems_add_at(trib_deal_problems *problems, size_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* By line and column. */
void trib_deal_problems_sort(trib_deal_problems *problems);

#endif
