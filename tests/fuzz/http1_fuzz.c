/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the HTTP/1.1 parser with its split-independence oracle: the same bytes in one piece, a byte at a time and cut
 * at places that the input chooses must give the same events, heads, bodies, error and leftover.
 *
 *   input: [mode] [cut length] x 7 [bytes of the connection ...]
 *   mode:  bit 0 response, 1 answer to HEAD, 2 the peer closes, 3 body thrown away, 4 small body limit */
// rooms: wire base
#include <stdio.h>

#include "../support/http1_transcript.h"

enum { CUTS = 7 };

typedef struct pieces {
    const uint8_t *lengths;
    size_t next;
} pieces;

static size_t cut_piece(void *ctx) {
    pieces *p = ctx;
    return 1u + p->lengths[p->next++ % CUTS];
}

static size_t one_byte(void *ctx) {
    (void)ctx;
    return 1;
}

static void must_equal(const char *how, const trib_buf *whole, const trib_buf *parts) {
    if (trib_str_eq(trib_buf_str(whole), trib_buf_str(parts))) return;
    fprintf(stderr, "%s differs:\nwhole: %.*s\nparts: %.*s\n", how, TRIB_STR_ARG(trib_buf_str(whole)),
            TRIB_STR_ARG(trib_buf_str(parts)));
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 + CUTS) return 0;
    http1_run run = {
        .is_response = data[0] & 1,
        .answers_head = data[0] & 2,
        .closes = data[0] & 4,
        .discards = data[0] & 8,
        .max_body_bytes = data[0] & 16 ? 8 : 1 << 20,
    };
    trib_str bytes = trib_str_make((const char *)data + 1 + CUTS, size - 1 - CUTS);
    trib_buf whole, parts;
    trib_buf_init(&whole, SIZE_MAX / 2);
    trib_buf_init(&parts, SIZE_MAX / 2);
    http1_transcript(&run, bytes, &whole, NULL);

    pieces cuts = {data + 1, 0};
    run.next_piece = cut_piece;
    run.ctx = &cuts;
    http1_transcript(&run, bytes, &parts, NULL);
    must_equal("cut", &whole, &parts);

    trib_buf_clear(&parts);
    run.next_piece = one_byte;
    http1_transcript(&run, bytes, &parts, NULL);
    must_equal("a byte at a time", &whole, &parts);

    trib_buf_deinit(&whole);
    trib_buf_deinit(&parts);
    return 0;
}
