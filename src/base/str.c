/* SPDX-License-Identifier: Apache-2.0 */
/* Borrowed strings; see str.h. */
#include "base/str.h"

#include <string.h>

trib_str trib_str_c(const char *text) {
    return (trib_str){text, text ? strlen(text) : 0};
}

trib_str trib_str_make(const char *ptr, size_t len) {
    return (trib_str){ptr, len};
}

bool trib_str_eq(trib_str a, trib_str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool trib_str_eq_c(trib_str a, const char *b) {
    return trib_str_eq(a, trib_str_c(b));
}

static unsigned char lower(char c) {
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

bool trib_str_ieq(trib_str a, trib_str b) {
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) return false;
    }
    return true;
}

bool trib_str_ieq_c(trib_str a, const char *b) {
    return trib_str_ieq(a, trib_str_c(b));
}

int trib_str_cmp(trib_str a, trib_str b) {
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.ptr, b.ptr, n) : 0;
    if (order != 0) return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool trib_str_starts(trib_str s, trib_str prefix) {
    return s.len >= prefix.len && trib_str_eq(trib_str_sub(s, 0, prefix.len), prefix);
}

bool trib_str_ends(trib_str s, trib_str suffix) {
    return s.len >= suffix.len && trib_str_eq(trib_str_sub(s, s.len - suffix.len, s.len), suffix);
}

size_t trib_str_find(trib_str s, char c) {
    const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return at ? (size_t)(at - s.ptr) : SIZE_MAX;
}

trib_str trib_str_sub(trib_str s, size_t from, size_t to) {
    if (to > s.len) to = s.len;
    if (from >= to) return (trib_str){s.ptr, 0};
    return (trib_str){s.ptr + from, to - from};
}

trib_str trib_str_trim(trib_str s) {
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) s = trib_str_sub(s, 1, s.len);
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) s.len--;
    return s;
}

bool trib_str_u64(trib_str s, uint64_t *ret) {
    uint64_t value = 0;
    if (s.len == 0) return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') return false;
        unsigned digit = (unsigned)(s.ptr[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

bool trib_str_i64(trib_str s, int64_t *ret) {
    bool negative = s.len && s.ptr[0] == '-';
    uint64_t magnitude;
    if (!trib_str_u64(negative ? trib_str_sub(s, 1, s.len) : s, &magnitude)) return false;
    if (negative) {
        if (magnitude > (uint64_t)INT64_MAX + 1) return false;
        *ret = magnitude == (uint64_t)INT64_MAX + 1 ? INT64_MIN : -(int64_t)magnitude;
        return true;
    }
    if (magnitude > INT64_MAX) return false;
    *ret = (int64_t)magnitude;
    return true;
}

/* Length of the well-formed sequence at p (n bytes left), 0 if there is none. RFC 3629 §4. */
static size_t utf8_sequence(const unsigned char *p, size_t n) {
    unsigned char low = 0x80, high = 0xBF;
    size_t len;
    if (p[0] < 0x80) return 1;
    if (p[0] >= 0xC2 && p[0] <= 0xDF) len = 2;
    else if (p[0] >= 0xE0 && p[0] <= 0xEF) len = 3;
    else if (p[0] >= 0xF0 && p[0] <= 0xF4) len = 4;
    else return 0;
    if (n < len) return 0;
    if (p[0] == 0xE0) low = 0xA0;
    if (p[0] == 0xED) high = 0x9F;
    if (p[0] == 0xF0) low = 0x90;
    if (p[0] == 0xF4) high = 0x8F;
    if (p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
    }
    return len;
}

size_t trib_str_utf8_prefix(trib_str s) {
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t i = 0;
    while (i < s.len) {
        /* eight ASCII bytes at a time: nearly all real text */
        uint64_t eight;
        if (s.len - i >= 8) {
            memcpy(&eight, p + i, 8);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += 8;
                continue;
            }
        }
        size_t n = utf8_sequence(p + i, s.len - i);
        if (n == 0) return i;
        i += n;
    }
    return i;
}

bool trib_str_utf8_valid(trib_str s) {
    return trib_str_utf8_prefix(s) == s.len;
}

bool trib_str_eq_secret(trib_str a, trib_str b) {
    unsigned char differ = 0;
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++) differ |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
    return differ == 0;
}
