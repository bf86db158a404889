// SPDX-License-Identifier: Apache-2.0
// Fuzz target of pushed frames. The input is stretched, so that a few bytes make several frames.
// rooms: features store core deal schema query wire crypto base
//
// What is accepted has each page once, in order, inside of the size that the last frame tells.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "features/replica/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAMES = 8 };

static void check(const replica_frames *frames) {
    for (size_t i = 0; i < frames->page_count; i++) {
        const trib_page_bytes *page = &frames->pages[i];
        if (page->page == 0 || page->page > frames->size_after || (i > 0 && page[-1].page >= page->page)) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    trib_arena arena;
    replica_frames frames;
    size_t n = size / REPLICA_FRAME_HEADER_BYTES;
    if (n > FRAMES) n = FRAMES;
    size_t rest = size - n * REPLICA_FRAME_HEADER_BYTES;
    size_t bytes = n * REPLICA_FRAME_BYTES + (rest % 2);
    char *body = calloc(1, bytes + 1);
    if (!body) return 0;
    for (size_t i = 0; i < n; i++)
        memcpy(body + i * REPLICA_FRAME_BYTES, data + i * REPLICA_FRAME_HEADER_BYTES, REPLICA_FRAME_HEADER_BYTES);
    trib_arena_init(&arena, 1 << 20);
    if (replica_frames_read(&arena, trib_str_make(body, bytes), &frames, NULL) == TRIB_OK) check(&frames);
    trib_arena_deinit(&arena);
    free(body);
    return 0;
}
