/* SPDX-License-Identifier: Apache-2.0 */
/* Borrowed strings that carry their length. A trib_str never owns its bytes and is not NUL-terminated. */
#ifndef TRIB_BASE_STR_H
#define TRIB_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct trib_str {
    const char *ptr; /* may be NULL only when len is 0 */
    size_t len;
} trib_str;

/* A trib_str over a string literal, usable in initialisers. */
#define TRIB_STR(lit) ((trib_str){(lit), sizeof(lit) - 1})

/* For printf: "%.*s" with TRIB_STR_ARG(s). */
#define TRIB_STR_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

/* The bytes of a NUL-terminated string; NULL gives the empty string. */
trib_str trib_str_c(const char *text);
trib_str trib_str_make(const char *ptr, size_t len);

bool trib_str_eq(trib_str a, trib_str b);
bool trib_str_eq_c(trib_str a, const char *b);
/* ASCII only: header names, SQL keywords. */
bool trib_str_ieq(trib_str a, trib_str b);
bool trib_str_ieq_c(trib_str a, const char *b);
/* Byte order; <0, 0, >0. */
int trib_str_cmp(trib_str a, trib_str b);
bool trib_str_starts(trib_str s, trib_str prefix);
bool trib_str_ends(trib_str s, trib_str suffix);
/* Index of the first `c`, or SIZE_MAX. */
size_t trib_str_find(trib_str s, char c);
/* s[from, to), clamped to s. */
trib_str trib_str_sub(trib_str s, size_t from, size_t to);
/* Without ASCII spaces and tabs at both ends. */
trib_str trib_str_trim(trib_str s);

/* Whole-string decimal; false on empty, junk or overflow; *ret untouched then. No sign for u64. */
bool trib_str_u64(trib_str s, uint64_t *ret);
bool trib_str_i64(trib_str s, int64_t *ret);

enum { TRIB_U64_DIGITS = 20 };
/* The decimal digits of a number, written to the end of `space`, where the text lies. */
static inline trib_str trib_str_of_u64(uint64_t value, char space[TRIB_U64_DIGITS]) {
    size_t at = TRIB_U64_DIGITS;
    do {
        space[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return (trib_str){space + at, TRIB_U64_DIGITS - at};
}

/* True when the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool trib_str_utf8_valid(trib_str s);
/* Length of the longest prefix that is well-formed UTF-8. */
size_t trib_str_utf8_prefix(trib_str s);

/* Compares secrets in time that depends on the lengths only. */
bool trib_str_eq_secret(trib_str a, trib_str b);

#endif
