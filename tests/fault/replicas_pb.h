/* SPDX-License-Identifier: Apache-2.0 */
/* As much of protobuf as the replicas of the torture need; written for them, not taken from the server. */
#ifndef TRIB_TESTS_FAULT_REPLICAS_PB_H
#define TRIB_TESTS_FAULT_REPLICAS_PB_H

#include "fault/replicas.h"

static inline void add_byte(text *to, unsigned v) {
    text_add(to, "%c", ' ');
    to->ptr[to->len - 1] = (char)v;
}

static inline void add_varint(text *to, unsigned field, uint64_t v) {
    if (field) add_byte(to, field << 3);
    for (; v >= 128; v >>= 7) add_byte(to, (unsigned)(v & 127) | 128);
    add_byte(to, (unsigned)v);
}

static inline void add_bytes(text *to, unsigned field, const char *bytes, size_t n) {
    add_byte(to, field << 3 | 2);
    add_varint(to, 0, n);
    for (size_t i = 0; i < n; i++) add_byte(to, (unsigned char)bytes[i]);
}

typedef struct cursor {
    const uint8_t *p, *end;
    bool bad;
} cursor;

static inline uint64_t take_varint(cursor *c) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && c->p < c->end; shift += 7) {
        uint8_t b = *c->p++;
        v |= (uint64_t)(b & 127) << shift;
        if (b < 128) return v;
    }
    c->bad = true;
    return 0;
}

static inline cursor take_bytes(cursor *c) {
    uint64_t n = take_varint(c);
    if (n > (size_t)(c->end - c->p)) {
        c->bad = true;
        n = 0;
    }
    cursor inner = {c->p, c->p + n, false};
    c->p += n;
    return inner;
}

#endif
