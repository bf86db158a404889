/* SPDX-License-Identifier: Apache-2.0 */
/* Findings in a file of a stream type; see problems.h. */
#include "deal/problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/json_where.h"

enum { TEXT_BYTES = 400 };

void trib_deal_problems_init(trib_deal_problems *problems, trib_arena *arena, trib_str source) {
    *problems = (trib_deal_problems){.arena = arena, .source = source};
}

static void add(trib_deal_problems *problems, trib_json_place place, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
static void add(trib_deal_problems *problems, trib_json_place place, const char *format, va_list args) {
    char text[TEXT_BYTES];
    problems->total++;
    if (problems->count == TRIB_DEAL_PROBLEMS_MAX) return;
    int n = vsnprintf(text, sizeof text, format, args);
    if (n < 0) return;
    trib_str all = trib_str_make(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
    all.len = trib_str_utf8_prefix(all); /* a cut may have gone through a character */
    problems->items[problems->count++] =
        (trib_deal_problem){.line = place.line, .column = place.column, .text = trib_arena_dup(problems->arena, all)};
}

void trib_deal_problems_add(trib_deal_problems *problems, const trib_json *at, const char *format, ...) {
    va_list args;
    trib_json_place place = {.line = 1, .column = 1};
    if (problems->count < TRIB_DEAL_PROBLEMS_MAX)
        (void)trib_json_place_of(problems->source, problems->root, at, &place);
    va_start(args, format);
    add(problems, place, format, args);
    va_end(args);
}

void trib_deal_problems_add_key(trib_deal_problems *problems, const trib_json *member, const char *format, ...) {
    va_list args;
    trib_json_place place = {.line = 1, .column = 1};
    if (problems->count < TRIB_DEAL_PROBLEMS_MAX)
        (void)trib_json_place_of_key(problems->source, problems->root, member, &place);
    va_start(args, format);
    add(problems, place, format, args);
    va_end(args);
}

void trib_deal_problems_add_at(trib_deal_problems *problems, size_t offset, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add(problems, trib_json_place_at(problems->source, offset), format, args);
    va_end(args);
}

static int by_place(const void *a, const void *b) {
    const trib_deal_problem *x = a, *y = b;
    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    return (x->column > y->column) - (x->column < y->column);
}

void trib_deal_problems_sort(trib_deal_problems *problems) {
    qsort(problems->items, problems->count, sizeof *problems->items, by_place);
}
