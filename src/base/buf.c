/* SPDX-License-Identifier: Apache-2.0 */
/* Growing byte buffer; see buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 256 };

void trib_buf_init(trib_buf *buf, size_t max_bytes) {
    *buf = (trib_buf){.max_bytes = max_bytes};
}

void trib_buf_deinit(trib_buf *buf) {
    if (!buf) return;
    free(buf->ptr);
    *buf = (trib_buf){.max_bytes = buf->max_bytes};
}

void trib_buf_clear(trib_buf *buf) {
    buf->len = 0;
    buf->failed = false;
}

bool trib_buf_grow(trib_buf *buf, size_t n) {
    if (buf->failed) return false;
    if (n > buf->max_bytes || buf->len > buf->max_bytes - n) {
        buf->failed = true;
        return false;
    }
    size_t cap = buf->cap ? buf->cap : FIRST_BYTES;
    if (cap > buf->max_bytes) cap = buf->max_bytes;
    while (cap < buf->len + n) cap = cap > buf->max_bytes / 2 ? buf->max_bytes : cap * 2;
    char *grown = realloc(buf->ptr, cap);
    if (!grown) {
        buf->failed = true;
        return false;
    }
    buf->ptr = grown;
    buf->cap = cap;
    return true;
}

void trib_buf_add_c(trib_buf *buf, const char *text) {
    trib_buf_add(buf, trib_str_c(text));
}

void trib_buf_add_u64(trib_buf *buf, uint64_t value) {
    char space[TRIB_U64_DIGITS];
    trib_buf_add(buf, trib_str_of_u64(value, space));
}

void trib_buf_add_i64(trib_buf *buf, int64_t value) {
    if (value < 0) trib_buf_add_char(buf, '-');
    trib_buf_add_u64(buf, value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value);
}

void trib_buf_printf(trib_buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        buf->failed = true;
        return;
    }
    /* one more byte for vsnprintf's NUL, which is not counted as content */
    if (!trib_buf_reserve(buf, (size_t)n + 1)) return;
    va_start(args, format);
    vsnprintf(buf->ptr + buf->len, (size_t)n + 1, format, args);
    va_end(args);
    buf->len += (size_t)n;
}

void trib_buf_consume(trib_buf *buf, size_t n) {
    if (n >= buf->len) {
        buf->len = 0;
        return;
    }
    memmove(buf->ptr, buf->ptr + n, buf->len - n);
    buf->len -= n;
}

trib_str trib_buf_str(const trib_buf *buf) {
    return (trib_str){buf->ptr, buf->len};
}

size_t trib_buf_take(trib_buf *buf, char **ret_ptr) {
    size_t len = buf->len;
    *ret_ptr = buf->ptr;
    *buf = (trib_buf){.max_bytes = buf->max_bytes};
    return len;
}
