/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket frames as a test wants them, right or wrong. */
#ifndef TRIB_TESTS_SUPPORT_WS_FRAME_H
#define TRIB_TESTS_SUPPORT_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { WS_FRAME_HEAD_MAX_BYTES = 14 };

typedef struct ws_frame {
    bool fin;
    uint8_t rsv, opcode; /* rsv: 0..7 */
    bool masked;
    int length_form; /* 0: the shortest; 2 or 8: a 16 or 64 bit length whatever it is */
} ws_frame;

/* Writes the frame to out, which has room for WS_FRAME_HEAD_MAX_BYTES + n bytes; returns its length. */
static inline size_t ws_frame_write(ws_frame f, const void *payload, size_t n, unsigned char *out) {
    static const unsigned char key[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t at = 0, more = f.length_form ? (size_t)f.length_form : n > 65535 ? 8 : n > 125 ? 2 : 0;
    out[at++] = (unsigned char)((f.fin ? 0x80 : 0) | (f.rsv & 7) << 4 | (f.opcode & 15));
    out[at++] = (unsigned char)((f.masked ? 0x80 : 0) | (more == 8 ? 127 : more == 2 ? 126 : (unsigned)n));
    for (size_t i = 0; i < more; i++) out[at++] = (unsigned char)((uint64_t)n >> (8 * (more - 1 - i)));
    if (f.masked) memcpy(out + at, key, 4);
    if (f.masked) at += 4;
    for (size_t i = 0; i < n; i++)
        out[at + i] = (unsigned char)(((const unsigned char *)payload)[i] ^ (f.masked ? key[i % 4] : 0));
    return at + n;
}

#endif
