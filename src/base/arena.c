/* SPDX-License-Identifier: Apache-2.0 */
/* Bump allocator; see arena.h. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/asan.h"

enum { ALIGN = 16 };

struct trib_arena_chunk {
    trib_arena_chunk *next;
    size_t used, size; /* of data */
    _Alignas(ALIGN) unsigned char data[];
};

void trib_arena_init(trib_arena *arena, size_t budget_bytes) {
    *arena = (trib_arena){.budget_bytes = budget_bytes};
}

static void free_chunks(trib_arena *arena, const trib_arena_chunk *keep) {
    while (arena->head && arena->head != keep) {
        trib_arena_chunk *next = arena->head->next;
        free(arena->head);
        arena->head = next;
    }
}

/* The first chunk, if it is the usual small one: the next request needs it again. With AddressSanitizer none is kept,
 * so that it sees who uses memory of a request that is over. */
static trib_arena_chunk *reusable(const trib_arena *arena) {
    trib_arena_chunk *last = arena->head;
    while (last && last->next) last = last->next;
    return !TRIB_ASAN && last && last->size == TRIB_ARENA_CHUNK_BYTES - sizeof *last ? last : NULL;
}

void trib_arena_reset(trib_arena *arena) {
    trib_arena_chunk *kept = reusable(arena);
    free_chunks(arena, kept);
    arena->used_bytes = 0;
    arena->failed = false;
    if (!kept) return;
    kept->used = 0;
    arena->used_bytes = kept->size + sizeof *kept;
}

void trib_arena_deinit(trib_arena *arena) {
    if (!arena) return;
    free_chunks(arena, NULL);
    arena->used_bytes = 0;
    arena->failed = false;
}

static void *fail(trib_arena *arena) {
    arena->failed = true;
    return NULL;
}

/* Chunks double up to 64 KiB, so that a large request takes few mallocs and a small one stays small. */
static size_t next_chunk_bytes(const trib_arena *arena, size_t need) {
    size_t size = arena->head ? arena->head->size * 2 : TRIB_ARENA_CHUNK_BYTES - sizeof(trib_arena_chunk);
    if (size > 65536) size = 65536;
    return size < need ? need : size;
}

void *trib_arena_alloc(trib_arena *arena, size_t n) {
    if (arena->failed) return NULL;
    if (n > SIZE_MAX / 2) return fail(arena);
    n = (n + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
    trib_arena_chunk *chunk = arena->head;
    if (!chunk || chunk->size - chunk->used < n) {
        size_t size = next_chunk_bytes(arena, n);
        size_t left = arena->budget_bytes - arena->used_bytes;
        if (size + sizeof *chunk > left) size = n;
        if (size + sizeof *chunk > left) return fail(arena);
        chunk = malloc(sizeof *chunk + size);
        if (!chunk) return fail(arena);
        *chunk = (trib_arena_chunk){.next = arena->head, .size = size};
        arena->head = chunk;
        arena->used_bytes += size + sizeof *chunk;
    }
    void *at = chunk->data + chunk->used;
    chunk->used += n;
    return at;
}

void *trib_arena_zalloc(trib_arena *arena, size_t count, size_t size) {
    if (size && count > SIZE_MAX / size) return fail(arena);
    void *at = trib_arena_alloc(arena, count * size);
    if (at) memset(at, 0, count * size);
    return at;
}

trib_str trib_arena_dup(trib_arena *arena, trib_str s) {
    char *copy = trib_arena_alloc(arena, s.len + 1);
    if (!copy) return (trib_str){0};
    if (s.len) memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (trib_str){copy, s.len};
}

trib_str trib_arena_printf(trib_arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        fail(arena);
        return (trib_str){0};
    }
    char *text = trib_arena_alloc(arena, (size_t)n + 1);
    if (!text) return (trib_str){0};
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return (trib_str){text, (size_t)n};
}
