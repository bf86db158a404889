/* SPDX-License-Identifier: Apache-2.0 */
/* zstd; see zstd.h. */
#include "wire/zstd.h"

#include <stdlib.h>

#include <zstd.h>

struct trib_zstd {
    ZSTD_CCtx *context;
};

trib_zstd *trib_zstd_new(void) {
    trib_zstd *zstd = calloc(1, sizeof *zstd);
    if (zstd && !(zstd->context = ZSTD_createCCtx())) {
        free(zstd);
        return NULL;
    }
    return zstd;
}

void trib_zstd_free(trib_zstd *zstd) {
    if (!zstd) return;
    ZSTD_freeCCtx(zstd->context);
    free(zstd);
}

void trib_zstd_add(trib_zstd *zstd, trib_str bytes, trib_buf *to) {
    size_t most = ZSTD_compressBound(bytes.len);
    if (!trib_buf_reserve(to, most)) return;
    size_t n = ZSTD_compressCCtx(zstd->context, to->ptr + to->len, most, bytes.ptr, bytes.len, TRIB_ZSTD_LEVEL);
    if (ZSTD_isError(n)) to->failed = true;
    else to->len += n;
}
