// SPDX-License-Identifier: Apache-2.0
// Fuzz target of the gzip writer: any bytes as an Accept-Encoding header; the same bytes cut into pieces, some of them
// taken back, come out of zlib's reader as they went in.
// rooms: wire base
#include <stdint.h>
#include <stdlib.h>

#include "support/gunzip.h"
#include "wire/gzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > INPUT_MAX) return 0;
    trib_str rest = trib_str_make((const char *)data, size);
    (void)trib_gzip_accepted(rest);
    trib_buf plain, packed, lost, out;
    trib_buf_init(&plain, 1 << 20);
    trib_buf_init(&packed, 1 << 20);
    trib_buf_init(&lost, 1 << 20);
    trib_buf_init(&out, 1 << 20);
    trib_gzip *gzip = trib_gzip_new();
    if (!gzip) abort();
    while (rest.len) {
        unsigned char what = (unsigned char)rest.ptr[0];
        trib_str piece = trib_str_sub(rest, 0, 1 + (size_t)what * what / 4);
        rest = trib_str_sub(rest, piece.len, rest.len);
        if (what % 5 == 0) {
            trib_gzip_add(gzip, piece, false, &lost);
            trib_gzip_drop(gzip);
            continue;
        }
        trib_gzip_add(gzip, piece, false, &packed);
        trib_gzip_keep(gzip);
        trib_buf_add(&plain, piece);
    }
    trib_gzip_add(gzip, (trib_str){0}, true, &packed);
    bool whole = false;
    if (packed.failed || !gunzip(trib_buf_str(&packed), &out, &whole) || !whole) abort();
    if (!trib_str_eq(trib_buf_str(&out), trib_buf_str(&plain))) abort();
    trib_gzip_free(gzip);
    trib_buf_deinit(&plain);
    trib_buf_deinit(&packed);
    trib_buf_deinit(&lost);
    trib_buf_deinit(&out);
    return 0;
}
