/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the WebSocket reader with its split-independence oracle: the same bytes in one piece, a byte at a time and cut
 * at places that the input chooses must give the same events. What the reader calls text must be UTF-8.
 *
 *   input: [mode] [cut length] x 7 [bytes of the connection ...]      mode: bit 0 from a server, 1 small messages */
// rooms: wire base
#include <stdio.h>
#include <stdlib.h>

#include "wire/ws.h"

enum { CUTS = 7, SMALL_BYTES = 16 };

static void note(trib_buf *out, trib_ws_event event, const trib_ws_reader *r) {
    trib_buf_printf(out, "%d %u %d %zu:", (int)event, r->close_code, (int)r->is_text, r->payload.len);
    if (event == TRIB_WS_ERROR) return;
    trib_buf_add(out, r->payload);
    bool text = (event == TRIB_WS_MESSAGE && r->is_text) || event == TRIB_WS_CLOSE;
    if (text && !trib_str_utf8_valid(r->payload)) abort();
    if (event != TRIB_WS_MESSAGE && r->payload.len > TRIB_WS_CONTROL_MAX_BYTES) abort();
}

static void run(uint8_t mode, trib_str bytes, const uint8_t *cuts, bool single, trib_buf *out) {
    trib_ws_reader r;
    size_t next = 0;
    trib_ws_reader_init(&r, !(mode & 1), mode & 2 ? SMALL_BYTES : 1 << 20);
    while (bytes.len) {
        size_t n = single ? 1 : cuts ? 1u + cuts[next++ % CUTS] : bytes.len;
        trib_str piece = trib_str_sub(bytes, 0, n);
        bytes = trib_str_sub(bytes, piece.len, bytes.len);
        for (;;) {
            trib_error err;
            size_t used;
            trib_ws_event event = trib_ws_reader_next(&r, piece, &used, &err);
            if (event == TRIB_WS_NEED && used != piece.len) abort();
            if (event == TRIB_WS_NEED) break;
            note(out, event, &r);
            if (event == TRIB_WS_ERROR) goto out;
            piece = trib_str_sub(piece, used, piece.len);
        }
    }
    trib_buf_printf(out, "%d", (int)trib_ws_reader_is_partial(&r));
out:
    trib_ws_reader_deinit(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 + CUTS) return 0;
    trib_str bytes = trib_str_make((const char *)data + 1 + CUTS, size - 1 - CUTS);
    trib_buf whole, parts;
    trib_buf_init(&whole, SIZE_MAX / 2);
    trib_buf_init(&parts, SIZE_MAX / 2);
    run(data[0], bytes, NULL, false, &whole);
    run(data[0], bytes, data + 1, false, &parts);
    if (!trib_str_eq(trib_buf_str(&whole), trib_buf_str(&parts))) abort();
    trib_buf_clear(&parts);
    run(data[0], bytes, NULL, true, &parts);
    if (!trib_str_eq(trib_buf_str(&whole), trib_buf_str(&parts))) abort();
    trib_buf_deinit(&whole);
    trib_buf_deinit(&parts);
    return 0;
}
