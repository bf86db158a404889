/* SPDX-License-Identifier: Apache-2.0 */
/* Growing byte buffer that was told its maximum. Appending past it, or without memory, sets `failed`, drops the bytes
 * and goes on safely: builders check once at the end. */
#ifndef TRIB_BASE_BUF_H
#define TRIB_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

typedef struct trib_buf {
    char *ptr;
    size_t len, cap;
    size_t max_bytes;
    bool failed;
} trib_buf;

void trib_buf_init(trib_buf *buf, size_t max_bytes);
void trib_buf_deinit(trib_buf *buf);
/* Empties it, keeps the memory and clears `failed`. */
void trib_buf_clear(trib_buf *buf);

/* The slow part of trib_buf_reserve. */
bool trib_buf_grow(trib_buf *buf, size_t n);
/* Room for n more bytes; false (and failed) if that is past the maximum or memory. */
static inline bool trib_buf_reserve(trib_buf *buf, size_t n) {
    return (!buf->failed && buf->cap - buf->len >= n) || trib_buf_grow(buf, n);
}
static inline void trib_buf_add_bytes(trib_buf *buf, const void *bytes, size_t n) {
    if (n == 0 || !trib_buf_reserve(buf, n)) return;
    memcpy(buf->ptr + buf->len, bytes, n);
    buf->len += n;
}
static inline void trib_buf_add(trib_buf *buf, trib_str s) {
    trib_buf_add_bytes(buf, s.ptr, s.len);
}
static inline void trib_buf_add_char(trib_buf *buf, char c) {
    if (trib_buf_reserve(buf, 1))
        buf->ptr[buf->len++] = c; // NOLINT(clang-analyzer-core.NullDereference): room is not NULL
}
void trib_buf_add_c(trib_buf *buf, const char *text);
void trib_buf_add_u64(trib_buf *buf, uint64_t value);
void trib_buf_add_i64(trib_buf *buf, int64_t value);
void trib_buf_printf(trib_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes. */
void trib_buf_consume(trib_buf *buf, size_t n);
/* Everything written so far; borrowed until the next change. */
trib_str trib_buf_str(const trib_buf *buf);
/* Moves the contents out, leaving an empty buffer with the same maximum. Owns: the caller frees *ret_ptr. */
size_t trib_buf_take(trib_buf *buf, char **ret_ptr);

#endif
