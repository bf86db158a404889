/* SPDX-License-Identifier: Apache-2.0 */
/* Reading pushed frames; see frames.h. */
#include "features/replica/frames.h"

#include <stdlib.h>
#include <string.h>

static uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}
static uint32_t le32(const uint8_t *p) {
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | (uint32_t)p[0];
}

/* walformat.html#checksum_algorithm; the words are in the byte order of the machine that wrote the log. */
static void sum(bool big_end, const uint8_t *bytes, size_t n, uint32_t s[2]) {
    for (size_t i = 0; i + 8 <= n; i += 8) {
        s[0] += (big_end ? be32(bytes + i) : le32(bytes + i)) + s[1];
        s[1] += (big_end ? be32(bytes + i + 4) : le32(bytes + i + 4)) + s[0];
    }
}

/* The first frame follows one that is not here: it is believed, all others follow from it. */
static bool chain_holds(bool big_end, const uint8_t *frames, size_t count) {
    for (size_t i = 1; i < count; i++) {
        const uint8_t *before = frames + (i - 1) * REPLICA_FRAME_BYTES;
        const uint8_t *frame = frames + i * REPLICA_FRAME_BYTES;
        uint32_t s[2] = {be32(before + 16), be32(before + 20)};
        sum(big_end, frame, 8, s);
        sum(big_end, frame + REPLICA_FRAME_HEADER_BYTES, TRIB_PAGE_BYTES, s);
        if (s[0] != be32(frame + 16) || s[1] != be32(frame + 20)) return false;
    }
    return true;
}

static bool has_sums(const uint8_t *frames, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const uint8_t *frame = frames + i * REPLICA_FRAME_BYTES;
        if (be32(frame + 16) != 0 || be32(frame + 20) != 0) return true;
    }
    return false;
}

static int by_page(const void *a, const void *b) {
    const trib_page_bytes *x = a;
    const trib_page_bytes *y = b;
    if (x->page != y->page) return x->page < y->page ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes; /* they lie in the order of the frames */
}

trib_code replica_frames_read(trib_arena *arena, trib_str body, replica_frames *ret, trib_error *err) {
    const uint8_t *frames = (const uint8_t *)body.ptr;
    size_t count = body.len / REPLICA_FRAME_BYTES;
    *ret = (replica_frames){.count = count};
    if (count == 0 || body.len % REPLICA_FRAME_BYTES != 0)
        return trib_error_set(err, TRIB_BAD_REQUEST, "the body must be frames of %d bytes each", REPLICA_FRAME_BYTES);
    if (has_sums(frames, count) && !chain_holds(false, frames, count) && !chain_holds(true, frames, count))
        return trib_error_set(err, TRIB_BAD_REQUEST, "the checksums of the frames do not fit; nothing was changed");
    uint32_t size_after = be32(frames + (count - 1) * REPLICA_FRAME_BYTES + 4);
    if (size_after == 0) return TRIB_OK;
    trib_page_bytes *pages = trib_arena_alloc(arena, count * sizeof *pages);
    if (!pages) return trib_error_set(err, TRIB_NOMEM, NULL);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *frame = frames + i * REPLICA_FRAME_BYTES;
        pages[i] = (trib_page_bytes){.page = be32(frame), .bytes = frame + REPLICA_FRAME_HEADER_BYTES};
        if (pages[i].page == 0) return trib_error_set(err, TRIB_BAD_REQUEST, "a frame is of no page");
    }
    qsort(pages, count, sizeof *pages, by_page);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (pages[i].page > size_after) continue; /* the database got shorter behind it */
        if (kept > 0 && pages[kept - 1].page == pages[i].page) pages[kept - 1] = pages[i];
        else pages[kept++] = pages[i];
    }
    ret->pages = pages;
    ret->page_count = kept;
    ret->size_after = size_after;
    return TRIB_OK;
}
