/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the end of the plain part of a JSON string; shared by reader and writer.
 *
 * Plain bytes need no escape: everything but '"', '\' and control characters (RFC 8259 §7). Sixteen bytes a step with
 * SSE2, else eight with integer arithmetic, the tail byte by byte: nothing past `end` is ever read. */
#ifndef TRIB_WIRE_JSON_SCAN_H
#define TRIB_WIRE_JSON_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline bool trib_json_byte_plain(unsigned char c) {
    return c >= 0x20 && c != '"' && c != '\\';
}

/* The first byte in [at, end) that is not plain, or end. *ret_high gets a non-zero value if a byte before it is
 * >= 0x80, and is otherwise left alone. */
static inline const char *trib_json_scan_tail(const char *at, const char *end, unsigned *ret_high) {
    for (; at < end; at++) {
        unsigned char c = (unsigned char)*at;
        if (!trib_json_byte_plain(c)) return at;
        *ret_high |= c & 0x80U;
    }
    return at;
}

/* Eight bytes a step. A subtraction may flag a byte above a real hit, so a flagged word is read byte by byte. */
static inline const char *trib_json_scan_swar(const char *at, const char *end, unsigned *ret_high) {
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');
        uint64_t hit = ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((word - ones * 0x20) & ~word);
        if (hit & tops) return trib_json_scan_tail(at, at + 8, ret_high);
        *ret_high |= (word & tops) != 0;
        at += 8;
    }
    return trib_json_scan_tail(at, end, ret_high);
}

#ifdef __SSE2__
static inline const char *trib_json_scan(const char *at, const char *end, unsigned *ret_high) {
    const __m128i quotes = _mm_set1_epi8('"'), slashes = _mm_set1_epi8('\\'), last_control = _mm_set1_epi8(0x1F);
    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(bytes, quotes), _mm_cmpeq_epi8(bytes, slashes));
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_max_epu8(bytes, last_control), last_control));
        unsigned hits = (unsigned)_mm_movemask_epi8(hit), high = (unsigned)_mm_movemask_epi8(bytes);
        if (hits) {
            *ret_high |= high & (hits ^ (hits - 1)) >> 1;
            return at + __builtin_ctz(hits);
        }
        *ret_high |= high;
        at += 16;
    }
    return trib_json_scan_tail(at, end, ret_high);
}
#else
static inline const char *trib_json_scan(const char *at, const char *end, unsigned *ret_high) {
    return trib_json_scan_swar(at, end, ret_high);
}
#endif

#endif
