/* SPDX-License-Identifier: Apache-2.0 */
/* What a client does with a compressed answer, with zlib's own reader of gzip. */
#ifndef TRIB_TESTS_SUPPORT_GUNZIP_H
#define TRIB_TESTS_SUPPORT_GUNZIP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <zlib.h>

#include "base/buf.h"

/* Appends what can be decoded of `bytes`; *ret_whole: the stream's end was there, its checksum right, and nothing
 * behind it. False: these bytes are no beginning of a gzip stream. */
static inline bool gunzip(trib_str bytes, trib_buf *out, bool *ret_whole) {
    z_stream z;
    int rc = Z_OK;
    memset(&z, 0, sizeof z);
    *ret_whole = false;
    if (inflateInit2(&z, 15 + 16) != Z_OK) return false;
    z.next_in = (Bytef *)(uintptr_t)bytes.ptr;
    z.avail_in = (uInt)bytes.len;
    do {
        if (!trib_buf_reserve(out, 4096)) break;
        z.next_out = (Bytef *)out->ptr + out->len;
        z.avail_out = (uInt)(out->cap - out->len);
        rc = inflate(&z, Z_SYNC_FLUSH);
        out->len = out->cap - z.avail_out;
    } while (rc == Z_OK && z.avail_out == 0);
    *ret_whole = rc == Z_STREAM_END && z.avail_in == 0;
    (void)inflateEnd(&z);
    return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR;
}

#endif
