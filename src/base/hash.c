/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4 after Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012); see hash.h. Four words of state;
 * each eight bytes of input (little endian) are mixed in with two rounds, the end with four. The last word carries the
 * remaining bytes and, in its top byte, the length. */
#include "base/hash.h"

typedef struct sip {
    uint64_t v0, v1, v2, v3;
} sip;

static uint64_t rotate(uint64_t x, unsigned bits) {
    return (x << bits) | (x >> (64 - bits));
}

static void round_once(sip *s) {
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static void mix(sip *s, uint64_t word) {
    s->v3 ^= word;
    round_once(s);
    round_once(s);
    s->v0 ^= word;
}

/* Up to eight bytes as a little-endian number, whatever the machine. */
static uint64_t load(const unsigned char *p, size_t n) {
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++) word |= (uint64_t)p[i] << (8 * i);
    return word;
}

uint64_t trib_hash_bytes(trib_hash_key key, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    sip s = {
        key.k0 ^ UINT64_C(0x736f6d6570736575),
        key.k1 ^ UINT64_C(0x646f72616e646f6d),
        key.k0 ^ UINT64_C(0x6c7967656e657261),
        key.k1 ^ UINT64_C(0x7465646279746573),
    };
    size_t whole = n & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) mix(&s, load(p + i, 8));
    uint64_t last = (uint64_t)n << 56;
    if (n > whole) last |= load(p + whole, n - whole);
    mix(&s, last);
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++) round_once(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t trib_hash_str(trib_hash_key key, trib_str s) {
    return trib_hash_bytes(key, s.ptr, s.len);
}
