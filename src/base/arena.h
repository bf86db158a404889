/* SPDX-License-Identifier: Apache-2.0 */
/* Bump allocator for one request or connection: many small pieces, freed together, never more than a budget.
 *
 *   chunk -> chunk -> chunk        each chunk: [header | used ....... | free]
 *
 * A failure (no memory, budget spent) sticks: later calls return NULL too, and the end checks once. */
#ifndef TRIB_BASE_ARENA_H
#define TRIB_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum { TRIB_ARENA_CHUNK_BYTES = 4096 /* the first chunk's, with its header; the next are larger */ };

typedef struct trib_arena_chunk trib_arena_chunk;

typedef struct trib_arena {
    trib_arena_chunk *head; /* newest chunk */
    size_t budget_bytes;    /* most that may be taken from malloc */
    size_t used_bytes;      /* taken from malloc */
    bool failed;
} trib_arena;

/* Nothing is allocated before the first use. */
void trib_arena_init(trib_arena *arena, size_t budget_bytes);
/* Frees everything but the first chunk (all of it in a build with AddressSanitizer); the arena can be used again with
 * the same budget. */
void trib_arena_reset(trib_arena *arena);
void trib_arena_deinit(trib_arena *arena);

/* Aligned for any type, contents undefined; NULL once failed. n may be 0.
 * Owns: the arena. Thread: one at a time. */
void *trib_arena_alloc(trib_arena *arena, size_t n);
/* count * size zeroed bytes, checked for overflow. */
void *trib_arena_zalloc(trib_arena *arena, size_t count, size_t size);
/* A copy with a NUL behind it; {NULL,0} once failed. */
trib_str trib_arena_dup(trib_arena *arena, trib_str s);
/* printf into the arena. */
trib_str trib_arena_printf(trib_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
