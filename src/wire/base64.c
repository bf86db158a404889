/* SPDX-License-Identifier: Apache-2.0 */
/* Base64; see base64.h. Three bytes are four characters of six bits:
 *
 *   aaaaaaaa bbbbbbbb cccccccc   ->   aaaaaa aabbbb bbbbcc cccccc
 *
 * A tail of one or two bytes leaves 4 or 2 unused bits in its last character. */
#include "wire/base64.h"

#include <stdint.h>

enum { BAD = 0x80 };

static const char alphabets[2][65] = {
    [TRIB_BASE64_STD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    [TRIB_BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

size_t trib_base64_encoded_max(size_t n) {
    if (n > SIZE_MAX / 4 * 3 - 3) return SIZE_MAX;
    return (n + 2) / 3 * 4;
}

size_t trib_base64_decoded_max(size_t n) {
    return n / 4 * 3 + 3;
}

size_t trib_base64_encode(trib_base64_alphabet alphabet, bool pad, const void *bytes, size_t n, char *out) {
    const char *chars = alphabets[alphabet];
    const unsigned char *in = bytes;
    char *start = out;
    for (; n >= 3; n -= 3, in += 3, out += 4) {
        unsigned v = (unsigned)in[0] << 16 | (unsigned)in[1] << 8 | in[2];
        out[0] = chars[v >> 18];
        out[1] = chars[v >> 12 & 63];
        out[2] = chars[v >> 6 & 63];
        out[3] = chars[v & 63];
    }
    if (n > 0) {
        unsigned v = (unsigned)in[0] << 16 | (n == 2 ? (unsigned)in[1] << 8 : 0);
        *out++ = chars[v >> 18];
        *out++ = chars[v >> 12 & 63];
        if (n == 2) *out++ = chars[v >> 6 & 63];
        if (pad) *out++ = '=';
        if (pad && n == 1) *out++ = '=';
    }
    return (size_t)(out - start);
}

void trib_base64_encode_buf(trib_base64_alphabet alphabet, bool pad, const void *bytes, size_t n, trib_buf *buf) {
    if (!trib_buf_reserve(buf, trib_base64_encoded_max(n)) || n == 0) return;
    buf->len += trib_base64_encode(alphabet, pad, bytes, n, buf->ptr + buf->len);
}

/* The six bits of a character, BAD if it is not of the alphabet. Without a table: 256 bytes of one would have to be
 * built twice and stay in the cache. */
static inline unsigned six_bits(unsigned char c, unsigned char c62, unsigned char c63) {
    if (c >= 'a' && c <= 'z') return c - 'a' + 26U;
    if (c >= 'A' && c <= 'Z') return c - 'A' + 0U;
    if (c >= '0' && c <= '9') return c - '0' + 52U;
    if (c == c62) return 62;
    if (c == c63) return 63;
    return BAD;
}

/* Drops the padding of a text whose length is a multiple of four; a wrong one is left and refused as a foreign
 * character. */
static trib_str without_padding(trib_str text) {
    if (text.len == 0 || text.len % 4 != 0) return text;
    for (int i = 0; i < 2 && text.ptr[text.len - 1] == '='; i++) text.len--;
    return text;
}

bool trib_base64_decode(trib_base64_alphabet alphabet, trib_base64_mode mode, trib_str text, void *out, size_t *ret_n) {
    const unsigned char c62 = (unsigned char)alphabets[alphabet][62], c63 = (unsigned char)alphabets[alphabet][63];
    unsigned char *to = out;
    if (mode == TRIB_BASE64_LENIENT) text = without_padding(text);
    const unsigned char *in = (const unsigned char *)text.ptr;
    size_t n = text.len;
    for (; n >= 4; n -= 4, in += 4, to += 3) {
        unsigned a = six_bits(in[0], c62, c63), b = six_bits(in[1], c62, c63);
        unsigned c = six_bits(in[2], c62, c63), d = six_bits(in[3], c62, c63);
        if ((a | b | c | d) & BAD) return false;
        unsigned v = a << 18 | b << 12 | c << 6 | d;
        to[0] = (unsigned char)(v >> 16);
        to[1] = (unsigned char)(v >> 8);
        to[2] = (unsigned char)v;
    }
    if (n == 1) return false;
    if (n > 1) {
        unsigned a = six_bits(in[0], c62, c63), b = six_bits(in[1], c62, c63);
        unsigned c = n == 3 ? six_bits(in[2], c62, c63) : 0;
        if ((a | b | c) & BAD) return false;
        unsigned unused = n == 3 ? c & 3 : b & 15;
        if (unused && mode == TRIB_BASE64_CANONICAL) return false;
        *to++ = (unsigned char)(a << 2 | b >> 4);
        if (n == 3) *to++ = (unsigned char)(b << 4 | c >> 2);
    }
    *ret_n = (size_t)(to - (unsigned char *)out);
    return true;
}

bool trib_base64_decode_arena(trib_base64_alphabet alphabet, trib_base64_mode mode, trib_str text, trib_arena *arena,
                              trib_str *ret) {
    size_t n;
    char *out = trib_arena_alloc(arena, trib_base64_decoded_max(text.len));
    if (!out || !trib_base64_decode(alphabet, mode, text, out, &n)) return false;
    *ret = (trib_str){out, n};
    return true;
}
