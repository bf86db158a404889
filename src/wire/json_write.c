/* SPDX-License-Identifier: Apache-2.0 */
/* JSON writer; see json.h.
 *
 * Each call reserves once for all it will write and then stores directly. Text is copied in runs of bytes that need no
 * escape, found by the scan that the reader uses too. */
#include "wire/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "wire/base64.h"
#include "wire/json_scan.h"

/* ---- commas and nesting ---- */

static inline bool in_object(const trib_json_writer *w) {
    return w->depth > 0 && (w->object_bits >> (w->depth - 1) & 1);
}

/* Room for n bytes behind a comma; NULL once the buffer failed. */
static inline char *room(trib_buf *buf, size_t n) {
    if (buf->failed) return NULL;
    if (__builtin_expect(buf->cap - buf->len < n, 0) && !trib_buf_reserve(buf, n)) return NULL;
    return buf->ptr + buf->len;
}

/* Starts a value of at most n bytes: writes the comma, returns where the value goes. */
static inline char *begin_value(trib_json_writer *w, size_t n) {
    assert(in_object(w) == w->has_key && "a member needs a key, an element must not have one");
    assert((w->depth > 0 || !w->comma) && "a document has one root");
    char *at = room(w->buf, n + 1);
    if (at && w->comma) {
        *at++ = ',';
        w->buf->len++;
    }
    w->comma = true;
    w->has_key = false;
    return at;
}

static inline void put(trib_json_writer *w, const char *text, size_t n) {
    char *at = begin_value(w, n);
    if (!at) return;
    memcpy(at, text, n);
    w->buf->len += n;
}

void trib_jw_init(trib_json_writer *w, trib_buf *buf) {
    *w = (trib_json_writer){.buf = buf};
}

bool trib_jw_done(const trib_json_writer *w) {
    return w->depth == 0 && w->comma;
}

static void open_container(trib_json_writer *w, char bracket, bool object) {
    assert(w->depth < TRIB_JSON_MAX_DEPTH && "nested too deep");
    put(w, &bracket, 1);
    if (w->depth < TRIB_JSON_MAX_DEPTH) {
        uint64_t bit = UINT64_C(1) << w->depth;
        w->object_bits = object ? w->object_bits | bit : w->object_bits & ~bit;
        w->depth++;
    } else {
        w->buf->failed = true;
    }
    w->comma = false;
}

static void close_container(trib_json_writer *w, char bracket, bool object) {
    assert(w->depth > 0 && in_object(w) == object && !w->has_key && "an end that does not match its begin");
    if (w->depth == 0) {
        w->buf->failed = true;
        return;
    }
    (void)object;
    w->depth--;
    w->comma = true;
    trib_buf_add_char(w->buf, bracket);
}

void trib_jw_object_begin(trib_json_writer *w) {
    open_container(w, '{', true);
}

void trib_jw_object_end(trib_json_writer *w) {
    close_container(w, '}', true);
}

void trib_jw_array_begin(trib_json_writer *w) {
    open_container(w, '[', false);
}

void trib_jw_array_end(trib_json_writer *w) {
    close_container(w, ']', false);
}

/* ---- strings ---- */

/* The escape of one byte that is not plain; at most six characters. */
static char *put_escape(char *to, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    *to++ = '\\';
    switch (c) {
    case '"':
    case '\\': *to++ = (char)c; break;
    case '\b': *to++ = 'b'; break;
    case '\f': *to++ = 'f'; break;
    case '\n': *to++ = 'n'; break;
    case '\r': *to++ = 'r'; break;
    case '\t': *to++ = 't'; break;
    default:
        memcpy(to, "u00", 3);
        to[3] = hex[c >> 4];
        to[4] = hex[c & 15];
        to += 5;
        break;
    }
    return to;
}

/* What follows the opening quote, when the text is not all plain ASCII. */
static void add_escaped(trib_buf *buf, trib_str s) {
    const char *at = s.ptr, *end = s.ptr + s.len;
    while (at < end) {
        unsigned high = 0;
        const char *stop = trib_json_scan(at, end, &high);
        if (stop > at) trib_buf_add_bytes(buf, at, (size_t)(stop - at));
        at = stop;
        /* six characters and the closing quote */
        char *to = room(buf, 7);
        if (!to) return;
        while (at < end && !trib_json_byte_plain((unsigned char)*at) && (to = room(buf, 7))) {
            buf->len += (size_t)(put_escape(to, (unsigned char)*at++) - to);
        }
        if (!to) return;
    }
}

static void add_repaired(trib_buf *buf, trib_str s) {
    while (s.len > 0) {
        size_t n = trib_str_utf8_prefix(s);
        if (n > 0) add_escaped(buf, trib_str_sub(s, 0, n));
        s = trib_str_sub(s, n, s.len);
        if (s.len == 0) break;
        trib_buf_add(buf, TRIB_STR("\xEF\xBF\xBD"));
        s = trib_str_sub(s, 1, s.len);
    }
}

/* A quoted string at `at`, which has s.len + 2 bytes of room. */
static inline void add_string(trib_buf *buf, char *at, trib_str s) {
    unsigned high = 0;
    const char *stop = s.len ? trib_json_scan(s.ptr, s.ptr + s.len, &high) : s.ptr;
    size_t plain = (size_t)(stop - s.ptr);
    if (__builtin_expect(plain == s.len && (!high || trib_str_utf8_valid(s)), 1)) {
        at[0] = '"';
        if (plain) memcpy(at + 1, s.ptr, plain);
        at[plain + 1] = '"';
        buf->len += plain + 2;
        return;
    }
    trib_buf_add_char(buf, '"');
    if (trib_str_utf8_valid(s)) add_escaped(buf, s);
    else add_repaired(buf, s);
    trib_buf_add_char(buf, '"');
}

void trib_jw_str(trib_json_writer *w, trib_str s) {
    char *at = begin_value(w, s.len + 2);
    if (at) add_string(w->buf, at, s);
}

void trib_jw_str_c(trib_json_writer *w, const char *s) {
    trib_jw_str(w, trib_str_c(s));
}

void trib_jw_key(trib_json_writer *w, trib_str key) {
    assert(in_object(w) && !w->has_key && "a key belongs into an object, one before each value");
    char *at = room(w->buf, key.len + 4);
    if (at && w->comma) {
        *at++ = ',';
        w->buf->len++;
    }
    if (at) add_string(w->buf, at, key);
    trib_buf_add_char(w->buf, ':');
    w->comma = false;
    w->has_key = true;
}

void trib_jw_key_c(trib_json_writer *w, const char *key) {
    trib_jw_key(w, trib_str_c(key));
}

void trib_jw_base64(trib_json_writer *w, const void *bytes, size_t n) {
    size_t max = trib_base64_encoded_max(n);
    char *at = begin_value(w, max > SIZE_MAX - 8 ? SIZE_MAX - 8 : max + 2);
    if (!at) return;
    at[0] = '"';
    size_t written = n ? trib_base64_encode(TRIB_BASE64_STD, false, bytes, n, at + 1) : 0;
    at[written + 1] = '"';
    w->buf->len += written + 2;
}

/* ---- numbers and words ---- */

/* Decimal digits at the end of `space`; returns the first. */
static char *digits_back(char *end, uint64_t value) {
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return end;
}

static uint64_t magnitude_of(int64_t value) {
    return value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value;
}

void trib_jw_i64(trib_json_writer *w, int64_t value) {
    char space[24], *end = space + sizeof space, *at = digits_back(end, magnitude_of(value));
    if (value < 0) *--at = '-';
    put(w, at, (size_t)(end - at));
}

void trib_jw_u64(trib_json_writer *w, uint64_t value) {
    char space[24], *end = space + sizeof space, *at = digits_back(end, value);
    put(w, at, (size_t)(end - at));
}

void trib_jw_i64_string(trib_json_writer *w, int64_t value) {
    char space[24], *end = space + sizeof space, *at = end;
    *--at = '"';
    at = digits_back(at, magnitude_of(value));
    if (value < 0) *--at = '-';
    *--at = '"';
    put(w, at, (size_t)(end - at));
}

void trib_jw_bool(trib_json_writer *w, bool value) {
    put(w, value ? "true" : "false", value ? 4 : 5);
}

void trib_jw_null(trib_json_writer *w) {
    put(w, "null", 4);
}

void trib_jw_raw(trib_json_writer *w, trib_str json) {
    assert(json.len > 0 && "nothing is not a value");
    put(w, json.ptr, json.len);
}

static void write_f64(trib_json_writer *w, double value) {
    char space[TRIB_F64_BYTES];
    put(w, space, trib_f64_format(value, space));
}

void trib_jw_f64(trib_json_writer *w, double value) {
    if (!isfinite(value)) trib_jw_null(w);
    else if (value == 0 && signbit(value)) put(w, "-0.0", 4);
    else write_f64(w, value);
}

void trib_jw_f64_js(trib_json_writer *w, double value) {
    if (!isfinite(value)) trib_jw_null(w);
    else write_f64(w, value);
}

/* ---- trees ---- */

/* Recursion is bounded: the reader refuses trees deeper than TRIB_JSON_MAX_DEPTH. */
void trib_jw_value(trib_json_writer *w, const trib_json *value) {
    if (!value) {
        trib_jw_null(w);
        return;
    }
    switch ((trib_json_kind)value->kind) {
    case TRIB_JSON_NULL: trib_jw_null(w); return;
    case TRIB_JSON_BOOL: trib_jw_bool(w, value->is_true); return;
    case TRIB_JSON_NUMBER: put(w, value->u.number.token, value->count); return;
    case TRIB_JSON_STRING: trib_jw_str(w, value->u.str); return;
    case TRIB_JSON_ARRAY:
        trib_jw_array_begin(w);
        for (const trib_json *c = value->u.first; c; c = c->next) trib_jw_value(w, c);
        trib_jw_array_end(w);
        return;
    case TRIB_JSON_OBJECT:
        trib_jw_object_begin(w);
        for (const trib_json *c = value->u.first; c; c = c->next) {
            trib_jw_key(w, c->key);
            trib_jw_value(w, c);
        }
        trib_jw_object_end(w);
        return;
    }
}

void trib_jw_member_str(trib_json_writer *w, const char *key, trib_str s) {
    trib_jw_key_c(w, key);
    trib_jw_str(w, s);
}

void trib_jw_member_i64(trib_json_writer *w, const char *key, int64_t value) {
    trib_jw_key_c(w, key);
    trib_jw_i64(w, value);
}

void trib_jw_member_bool(trib_json_writer *w, const char *key, bool value) {
    trib_jw_key_c(w, key);
    trib_jw_bool(w, value);
}

void trib_jw_member_null(trib_json_writer *w, const char *key) {
    trib_jw_key_c(w, key);
    trib_jw_null(w);
}
