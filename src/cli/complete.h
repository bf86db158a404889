/* SPDX-License-Identifier: Apache-2.0 */
/* What TAB offers at a place of a text: pure, so files and tenants come from the caller.
 *
 *   SELECT o.st|         word "st", columns of the table behind o
 *   .import rows.c|      word "rows.c", files */
#ifndef TRIB_CLI_COMPLETE_H
#define TRIB_CLI_COMPLETE_H

#include "cli/catalog.h"

enum { TRIB_COMPLETE_MAX = 500 /* offered at once; more would only scroll by */ };

typedef enum trib_complete_kind {
    TRIB_COMPLETE_NOTHING,
    TRIB_COMPLETE_SQL, /* keywords, tables, columns: by the words before */
    TRIB_COMPLETE_TABLE,
    TRIB_COMPLETE_DOT, /* commands with a dot */
    TRIB_COMPLETE_MODE,
    TRIB_COMPLETE_SWITCH, /* on, off */
    TRIB_COMPLETE_FILE,
    TRIB_COMPLETE_TENANT,
    TRIB_COMPLETE_TARGET /* a tenant or a file */
} trib_complete_kind;

typedef struct trib_complete {
    trib_arena *arena; /* of the offers */
    trib_complete_kind kind;
    trib_str word;   /* what is replaced: the end of the text */
    trib_str before; /* the statement up to the word */
    trib_str items[TRIB_COMPLETE_MAX];
    size_t count;
    bool keep_open; /* no blank behind a single offer: a folder, a table before its column */
} trib_complete;

/* Looks at the text before the cursor: everything that was typed of the statement or command. */
void trib_complete_init(trib_complete *complete, trib_arena *arena, trib_str text);
/* Offers `item` if it begins with the word (letter case does not count) and is not there yet. */
void trib_complete_offer(trib_complete *complete, trib_str item);
/* Offers what needs no asking: everything but files and tenants. dots: the names of commands, with their dot. */
void trib_complete_offer_words(trib_complete *complete, const trib_catalog *catalog, const char *const *dots,
                               size_t dot_count);
/* What all offers begin with, in the first one's letters; empty without offers. */
trib_str trib_complete_common(const trib_complete *complete);
/* Brings the offers into order, for a list. */
void trib_complete_sort(trib_complete *complete);

#endif
