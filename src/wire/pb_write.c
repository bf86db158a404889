/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol Buffers, the writer; see pb_write.h. */
#include "wire/pb_write.h"

#include <assert.h>
#include <string.h>

#include "wire/pb.h"

typedef enum wire_type { VARINT = 0, FIXED64 = 1, BYTES = 2 } wire_type;

static char *put_varint(char *to, uint64_t value) {
    for (; value > 0x7f; value >>= 7) *to++ = (char)(value | 0x80);
    *to++ = (char)value;
    return to;
}

/* A tag and up to a varint and `more` bytes behind it; NULL: no room. */
static char *put_tag(trib_buf *buf, uint32_t field, wire_type type, size_t more) {
    if (!trib_buf_reserve(buf, 2 * TRIB_PB_VARINT_BYTES + more)) return NULL;
    return put_varint(buf->ptr + buf->len, (uint64_t)field << 3 | type);
}

static void end_at(trib_buf *buf, const char *end) {
    buf->len = (size_t)(end - buf->ptr);
}

void trib_pw_init(trib_pb_writer *w, trib_buf *buf) {
    w->buf = buf;
    w->depth = 0;
}

void trib_pw_open(trib_pb_writer *w, uint32_t field) {
    assert(w->depth < TRIB_PW_DEPTH_MAX && "messages nested more deeply than any of ours");
    if (w->depth == TRIB_PW_DEPTH_MAX) {
        w->buf->failed = true;
        return;
    }
    if (trib_buf_reserve(w->buf, TRIB_PB_VARINT_BYTES + 1)) {
        char *to = w->buf->ptr + w->buf->len;
        if (field) to = put_varint(to, (uint64_t)field << 3 | BYTES);
        end_at(w->buf, to + 1);
    }
    w->open[w->depth++] = w->buf->len;
}

void trib_pw_close(trib_pb_writer *w) {
    assert(w->depth > 0 && "an end without its begin");
    if (w->depth == 0 || w->buf->failed) {
        w->buf->failed = true;
        if (w->depth) w->depth--;
        return;
    }
    char length[TRIB_PB_VARINT_BYTES];
    size_t begin = w->open[--w->depth], len = w->buf->len - begin;
    size_t extra = (size_t)(put_varint(length, len) - length) - 1;
    if (extra > 0) {
        if (!trib_buf_reserve(w->buf, extra)) return;
        memmove(w->buf->ptr + begin + extra, w->buf->ptr + begin, len);
        w->buf->len += extra;
    }
    memcpy(w->buf->ptr + begin - 1, length, extra + 1);
}

void trib_pw_empty(trib_pb_writer *w, uint32_t field) {
    char *to = put_tag(w->buf, field, BYTES, 0);
    if (!to) return;
    *to++ = 0;
    end_at(w->buf, to);
}

void trib_pw_u64(trib_pb_writer *w, uint32_t field, uint64_t value) {
    char *to = put_tag(w->buf, field, VARINT, 0);
    if (to) end_at(w->buf, put_varint(to, value));
}

void trib_pw_s64(trib_pb_writer *w, uint32_t field, int64_t value) {
    trib_pw_u64(w, field, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

void trib_pw_f64(trib_pb_writer *w, uint32_t field, double value) {
    char *to = put_tag(w->buf, field, FIXED64, sizeof value);
    uint64_t bits;
    if (!to) return;
    memcpy(&bits, &value, sizeof bits);
    end_at(w->buf, trib_put_le(to, bits, sizeof bits));
}

void trib_pw_begin_bytes(trib_pb_writer *w, uint32_t field, size_t len) {
    char *to = put_tag(w->buf, field, BYTES, len);
    if (to) end_at(w->buf, put_varint(to, len));
}

void trib_pw_bytes(trib_pb_writer *w, uint32_t field, trib_str bytes) {
    trib_pw_begin_bytes(w, field, bytes.len);
    trib_buf_add(w->buf, bytes);
}

void trib_pw_str(trib_pb_writer *w, uint32_t field, trib_str text) {
    if (trib_str_utf8_valid(text)) {
        trib_pw_bytes(w, field, text);
        return;
    }
    trib_pw_open(w, field);
    while (text.len > 0) {
        size_t n = trib_str_utf8_prefix(text);
        trib_buf_add(w->buf, trib_str_sub(text, 0, n));
        if (n == text.len) break;
        trib_buf_add(w->buf, TRIB_STR("\xEF\xBF\xBD"));
        text = trib_str_sub(text, n + 1, text.len);
    }
    trib_pw_close(w);
}
