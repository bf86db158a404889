/* SPDX-License-Identifier: Apache-2.0 */
/* Pushed frames: the newest of each page, only of whole transactions, and with checksums that fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "features/replica/frames.h"

enum { FRAMES = 4 };
static uint8_t body[FRAMES * REPLICA_FRAME_BYTES];

static void put(size_t i, uint8_t page, uint8_t size_after, uint8_t fill) {
    uint8_t *frame = body + i * REPLICA_FRAME_BYTES;
    memset(frame, 0, REPLICA_FRAME_HEADER_BYTES);
    frame[3] = page;
    frame[7] = size_after;
    memset(frame + REPLICA_FRAME_HEADER_BYTES, fill, TRIB_PAGE_BYTES);
}

static trib_code read_frames(trib_arena *arena, size_t count, replica_frames *ret) {
    trib_arena_init(arena, 1 << 20);
    return replica_frames_read(arena, trib_str_make((const char *)body, count * REPLICA_FRAME_BYTES), ret, NULL);
}

static void newest_version_of_each_page_is_taken(void **state) {
    (void)state;
    trib_arena arena;
    replica_frames frames;
    put(0, 3, 0, 'a');
    put(1, 1, 5, 'b');
    put(2, 3, 0, 'c');
    put(3, 4, 3, 'd'); /* behind the end */
    assert_int_equal(read_frames(&arena, 4, &frames), TRIB_OK);
    assert_int_equal(frames.count, 4);
    assert_int_equal(frames.size_after, 3);
    assert_int_equal(frames.page_count, 2);
    assert_int_equal(frames.pages[0].page, 1);
    assert_int_equal(frames.pages[1].page, 3);
    assert_int_equal(frames.pages[1].bytes[0], 'c');
    trib_arena_deinit(&arena);
}

static void transaction_without_end_gives_no_pages(void **state) {
    (void)state;
    trib_arena arena;
    replica_frames frames;
    put(0, 1, 2, 'a');
    put(1, 2, 0, 'b');
    assert_int_equal(read_frames(&arena, 2, &frames), TRIB_OK);
    assert_int_equal(frames.size_after, 0);
    assert_int_equal(frames.page_count, 0);
    trib_arena_deinit(&arena);
}

/* As SQLite does it on a machine that begins with the low byte. */
static void seal(size_t i, uint32_t s[2]) {
    uint8_t *frame = body + i * REPLICA_FRAME_BYTES;
    for (size_t part = 0; part < 2; part++) {
        const uint8_t *p = part ? frame + REPLICA_FRAME_HEADER_BYTES : frame;
        for (size_t at = 0; at < (part ? TRIB_PAGE_BYTES : 8); at += 8) {
            uint32_t word[2];
            memcpy(word, p + at, 8);
            s[0] += word[0] + s[1];
            s[1] += word[1] + s[0];
        }
    }
    for (int n = 0; n < 4; n++) {
        frame[16 + n] = (uint8_t)(s[0] >> (24 - 8 * n));
        frame[20 + n] = (uint8_t)(s[1] >> (24 - 8 * n));
    }
}

static void wrong_checksum_number_or_length_is_refused(void **state) {
    (void)state;
    trib_arena arena;
    replica_frames frames;
    uint32_t s[2] = {17, 4};
    for (uint8_t i = 0; i < 3; i++) {
        put(i, (uint8_t)(i + 1), i == 2 ? 3 : 0, (uint8_t)('a' + i));
        seal(i, s);
    }
    assert_int_equal(read_frames(&arena, 3, &frames), TRIB_OK);
    trib_arena_deinit(&arena);
    body[2 * REPLICA_FRAME_BYTES + 1000] ^= 1;
    assert_int_equal(read_frames(&arena, 3, &frames), TRIB_BAD_REQUEST);
    trib_arena_deinit(&arena);
    put(0, 0, 1, 'a');
    assert_int_equal(read_frames(&arena, 1, &frames), TRIB_BAD_REQUEST);
    trib_arena_deinit(&arena);
    assert_int_equal(read_frames(&arena, 0, &frames), TRIB_BAD_REQUEST);
    assert_int_equal(replica_frames_read(&arena, trib_str_make((const char *)body, 4119), &frames, NULL),
                     TRIB_BAD_REQUEST);
    trib_arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_version_of_each_page_is_taken),
        cmocka_unit_test(transaction_without_end_gives_no_pages),
        cmocka_unit_test(wrong_checksum_number_or_length_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
