/* SPDX-License-Identifier: Apache-2.0 */
/* zstd, over libzstd: pages for clients that take them compressed. */
#ifndef TRIB_WIRE_ZSTD_H
#define TRIB_WIRE_ZSTD_H

#include "base/buf.h"
#include "base/str.h"

enum { TRIB_ZSTD_LEVEL = 1 }; /* 400 MB/s and more; a page gains little from higher ones */

typedef struct trib_zstd trib_zstd;
/* NULL: no memory. */
trib_zstd *trib_zstd_new(void);
void trib_zstd_free(trib_zstd *zstd);
/* Appends one whole frame. Failure is the buffer's. */
void trib_zstd_add(trib_zstd *zstd, trib_str bytes, trib_buf *to);

#endif
