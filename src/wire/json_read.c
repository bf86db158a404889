/* SPDX-License-Identifier: Apache-2.0 */
/* JSON reader; see json.h.
 *
 * One pass, no recursion: `stack` holds the open containers, step() reads one child of the innermost one or its end.
 * Nodes come from slabs, so that a value costs no call into the arena. UTF-8 is checked only where a string has bytes
 * >= 0x80: everywhere else such a byte is a syntax error anyway. */
#include "wire/json.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/json_scan.h"

/* The few functions that every byte goes through; inlined into one loop they keep their state in registers. */
#define HOT  static inline __attribute__((always_inline))
#define COLD static __attribute__((noinline, cold))

enum { FIRST_SLAB = 8, LAST_SLAB = 1024 };

typedef struct frame {
    trib_json *container;
    trib_json **link; /* where the next child is hung in */
} frame;

typedef struct parser {
    const char *at, *end, *begin;
    trib_json *slab, *slab_end;
    size_t slab_nodes, nodes;
    unsigned depth;
    bool unique;
    trib_arena *arena;
    trib_error *err;
    trib_code code;
    frame stack[TRIB_JSON_MAX_DEPTH];
} parser;

/* ---- failures (all cold) ---- */

COLD bool fail_at(parser *p, const char *at, const char *what) {
    size_t offset = (size_t)(at - p->begin);
    unsigned char c = at < p->end ? (unsigned char)*at : 0;
    char found[32];
    if (at >= p->end) snprintf(found, sizeof found, "but the text ends here");
    else if (c > 0x20 && c < 0x7F) snprintf(found, sizeof found, "found '%c'", c);
    else snprintf(found, sizeof found, "found byte 0x%02X", c);
    p->code = trib_error_set(p->err, TRIB_BAD_JSON, "invalid JSON at byte %zu: %s, %s", offset, what, found);
    if (p->err) p->err->detail = offset > INT_MAX ? INT_MAX : (int)offset;
    return false;
}

static bool fail(parser *p, const char *expected) {
    return fail_at(p, p->at, expected);
}

/* For what is not about the byte at hand: limits, bad characters inside a string, duplicates. */
COLD bool refuse_at(parser *p, const char *at, const char *why) {
    size_t offset = (size_t)(at - p->begin);
    p->code = trib_error_set(p->err, TRIB_BAD_JSON, "invalid JSON at byte %zu: %s", offset, why);
    if (p->err) p->err->detail = offset > INT_MAX ? INT_MAX : (int)offset;
    return false;
}

COLD bool no_memory(parser *p) {
    p->code = trib_error_set(p->err, TRIB_NOMEM,
                             "the JSON text needs more memory than this request may use; send less at once");
    return false;
}

/* ---- tokens ---- */

static inline bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The next byte that is not white space; NUL, which is never valid there, at the end. */
HOT char peek(parser *p) {
    const char *at = p->at;
    char c = '\0';
    if (at<p->end && * at> ' ') return *at;
    for (; at < p->end; at++) {
        c = *at;
        if (!is_space(c)) break;
        c = '\0';
    }
    p->at = at;
    return c;
}

static inline bool is_digit(const parser *p, const char *at) {
    return at < p->end && *at >= '0' && *at <= '9';
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Four hex digits at p->at. */
static bool read_hex4(parser *p, unsigned *ret) {
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = p->at < p->end ? hex_digit(*p->at) : -1;
        if (digit < 0) return fail(p, "expected four hexadecimal digits after \\u");
        value = value << 4 | (unsigned)digit;
        p->at++;
    }
    *ret = value;
    return true;
}

static char *put_utf8(char *out, unsigned c) {
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xC0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = (char)(0xE0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    } else {
        *out++ = (char)(0xF0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3F));
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    }
    return out;
}

/* Behind "\u". A lone surrogate has no UTF-8 form (RFC 3629 §3), so it is refused rather than replaced. */
static bool read_unicode_escape(parser *p, char **out) {
    const char *start = p->at - 2;
    unsigned c = 0, low = 0;
    if (!read_hex4(p, &c)) return false;
    if (c >= 0xDC00 && c <= 0xDFFF) return refuse_at(p, start, "a \\u low surrogate without its high surrogate");
    if (c >= 0xD800 && c <= 0xDBFF) {
        if (p->end - p->at < 2 || p->at[0] != '\\' || p->at[1] != 'u') {
            return refuse_at(p, start, "a \\u high surrogate without its low surrogate");
        }
        p->at += 2;
        if (!read_hex4(p, &low)) return false;
        if (low < 0xDC00 || low > 0xDFFF) return refuse_at(p, start, "a \\u high surrogate without its low surrogate");
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    *out = put_utf8(*out, c);
    return true;
}

/* p->at stands on the backslash. */
static bool read_escape(parser *p, char **out) {
    p->at++;
    char c = p->at < p->end ? *p->at : '\0';
    switch (c) {
    case '"':
    case '\\':
    case '/': break;
    case 'b': c = '\b'; break;
    case 'f': c = '\f'; break;
    case 'n': c = '\n'; break;
    case 'r': c = '\r'; break;
    case 't': c = '\t'; break;
    case 'u': p->at++; return read_unicode_escape(p, out);
    default: return fail(p, "expected one of \"\\/bfnrtu after a backslash");
    }
    p->at++;
    *(*out)++ = c;
    return true;
}

/* The closing quote of a string that has escapes; `at` stands on the first one. */
static const char *closing_quote(const char *at, const char *end) {
    unsigned high = 0;
    while (at < end && *at != '"') {
        if (*at == '\\') at++;
        if (at < end) at++;
        at = trib_json_scan(at < end ? at : end, end, &high);
    }
    return at;
}

/* The rest of a string from its first escape on. Decoded text is never longer than its escapes. */
static __attribute__((noinline)) bool read_escaped_string(parser *p, const char *start, trib_str *ret) {
    size_t plain = (size_t)(p->at - start);
    char *text = trib_arena_alloc(p->arena, (size_t)(closing_quote(p->at, p->end) - start));
    if (!text) return no_memory(p);
    char *out = text + plain;
    unsigned high = 0;
    memcpy(text, start, plain);
    while (p->at < p->end && *p->at == '\\') {
        if (!read_escape(p, &out)) return false;
        const char *stop = trib_json_scan(p->at, p->end, &high);
        memcpy(out, p->at, (size_t)(stop - p->at));
        out += stop - p->at;
        p->at = stop;
    }
    *ret = (trib_str){text, (size_t)(out - text)};
    return true;
}

/* p->at stands on the opening quote. */
HOT bool read_string(parser *p, trib_str *ret) {
    const char *start = ++p->at;
    unsigned high = 0;
    p->at = trib_json_scan(start, p->end, &high);
    trib_str s = {start, (size_t)(p->at - start)};
    if (p->at == p->end || __builtin_expect(*p->at != '"', 0)) {
        if (p->at < p->end && *p->at == '\\') {
            if (!read_escaped_string(p, start, &s)) return false;
            high = 1; /* the part behind an escape was not looked at here */
        }
        if (p->at == p->end) return fail(p, "expected '\"' at the end of a string");
        if (*p->at != '"') return fail(p, "a control character in a string must be written as an escape");
    }
    if (__builtin_expect(high != 0, 0) && !trib_str_utf8_valid(s)) {
        return refuse_at(p, start, "the string that starts here is not valid UTF-8");
    }
    p->at++;
    *ret = s;
    return true;
}

static bool read_fraction_and_exponent(parser *p) {
    const char *at = p->at;
    if (at < p->end && *at == '.') {
        at++;
        p->at = at;
        if (!is_digit(p, at)) return fail(p, "expected a digit after the decimal point");
        while (is_digit(p, at)) at++;
    }
    if (at < p->end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < p->end && (*at == '+' || *at == '-')) at++;
        p->at = at;
        if (!is_digit(p, at)) return fail(p, "expected a digit in the exponent");
        while (is_digit(p, at)) at++;
    }
    p->at = at;
    return true;
}

/* RFC 8259 §6. The value of a fraction is computed when somebody asks for it. */
static bool read_number(parser *p, trib_json *node) {
    const char *start = p->at, *at = start;
    bool negative = *at == '-';
    uint64_t magnitude = 0;
    if (negative) at++;
    const char *digits = at;
    for (; is_digit(p, at); at++) magnitude = magnitude * 10 + (uint64_t)(*at - '0');
    size_t n = (size_t)(at - digits);
    p->at = at;
    if (n == 0) return fail(p, "expected a digit after '-'");
    if (n > 1 && *digits == '0') return refuse_at(p, digits, "a number must not start with 0");
    bool integer = true;
    if (at < p->end && (*at == '.' || *at == 'e' || *at == 'E')) {
        if (!read_fraction_and_exponent(p)) return false;
        integer = false;
    }
    /* 19 digits never overflow 64 unsigned bits; 20 never fit 63 */
    if (n > 19 || magnitude > (uint64_t)INT64_MAX + negative) integer = false;
    node->kind = TRIB_JSON_NUMBER;
    node->is_integer = integer;
    node->count = (uint32_t)(p->at - start);
    node->u.number.token = start;
    node->u.number.integer = (int64_t)(negative ? (uint64_t)0 - magnitude : magnitude);
    return true;
}

static bool read_word(parser *p, const char *word, size_t n) {
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n) != 0) return fail(p, "expected a value");
    p->at += n;
    return true;
}

/* ---- nodes ---- */

static __attribute__((noinline)) bool new_slab(parser *p) {
    if (p->nodes >= TRIB_JSON_MAX_VALUES) return refuse_at(p, p->at, "the document has too many values; split it");
    p->slab_nodes = p->slab_nodes ? p->slab_nodes * 2 : FIRST_SLAB;
    if (p->slab_nodes > LAST_SLAB) p->slab_nodes = LAST_SLAB;
    p->slab = trib_arena_alloc(p->arena, p->slab_nodes * sizeof *p->slab);
    if (!p->slab) return no_memory(p);
    p->slab_end = p->slab + p->slab_nodes;
    p->nodes += p->slab_nodes;
    return true;
}

static bool open_container(parser *p, trib_json *node, trib_json_kind kind) {
    if (p->depth == TRIB_JSON_MAX_DEPTH) return refuse_at(p, p->at, "arrays and objects are nested more than 64 deep");
    p->at++;
    node->kind = (unsigned char)kind;
    node->count = 0;
    node->u.first = NULL;
    p->stack[p->depth++] = (frame){node, &node->u.first};
    return true;
}

/* Reads a value into *ret; a container is only opened. */
HOT bool read_value(parser *p, trib_str key, trib_json **ret) {
    char c = peek(p);
    if (__builtin_expect(p->slab == p->slab_end, 0) && !new_slab(p)) return false;
    trib_json *node = p->slab++;
    node->key = key;
    node->next = NULL;
    *ret = node;
    switch (c) {
    case '"': node->kind = TRIB_JSON_STRING; return read_string(p, &node->u.str);
    case '{': return open_container(p, node, TRIB_JSON_OBJECT);
    case '[': return open_container(p, node, TRIB_JSON_ARRAY);
    case 't':
    case 'f':
        node->kind = TRIB_JSON_BOOL;
        node->is_true = c == 't';
        return c == 't' ? read_word(p, "true", 4) : read_word(p, "false", 5);
    case 'n': node->kind = TRIB_JSON_NULL; return read_word(p, "null", 4);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return read_number(p, node);
    default: return fail(p, "expected a value");
    }
}

/* ---- containers ---- */

static int compare_keys(const void *a, const void *b) {
    return trib_str_cmp((*(const trib_json *const *)a)->key, (*(const trib_json *const *)b)->key);
}

/* Sorted, not compared in pairs: 10,000 members would be 50 million comparisons. */
static bool check_unique(parser *p, const trib_json *object) {
    if (object->count < 2) return true;
    const trib_json **members = trib_arena_alloc(p->arena, object->count * sizeof *members);
    if (!members) return no_memory(p);
    size_t n = 0;
    for (const trib_json *m = object->u.first; m; m = m->next) members[n++] = m;
    qsort(members, n, sizeof *members, compare_keys);
    for (size_t i = 1; i < n; i++) {
        if (trib_str_eq(members[i - 1]->key, members[i]->key)) {
            return refuse_at(p, p->at, "the object that ends here has two members of the same name");
        }
    }
    return true;
}

static bool close_container(parser *p, const trib_json *container) {
    if (p->unique && container->kind == TRIB_JSON_OBJECT && !check_unique(p, container)) return false;
    p->at++;
    p->depth--;
    return true;
}

HOT bool read_key(parser *p, trib_str *ret) {
    if (peek(p) != '"') return fail(p, "expected a member name in quotes");
    if (!read_string(p, ret)) return false;
    if (peek(p) != ':') return fail(p, "expected ':' after a member name");
    p->at++;
    return true;
}

/* One child of the innermost container, or its end. */
HOT bool step(parser *p) {
    frame *top = &p->stack[p->depth - 1];
    trib_json *container = top->container, *child = NULL;
    bool object = container->kind == TRIB_JSON_OBJECT;
    trib_str key = {0};
    char c = peek(p);
    if (c == (object ? '}' : ']')) return close_container(p, container);
    if (container->count > 0) {
        if (c != ',') return fail(p, object ? "expected ',' or '}' after a member" : "expected ',' or ']'");
        p->at++;
    }
    if (object) {
        if (container->count == TRIB_JSON_MAX_OBJECT_KEYS) {
            return refuse_at(p, p->at, "an object has more than 10000 members");
        }
        if (!read_key(p, &key)) return false;
    }
    container->count++;
    if (!read_value(p, key, &child)) return false;
    *top->link = child;
    top->link = &child->next;
    return true;
}

static bool read_document(parser *p, trib_json **root) {
    if (!read_value(p, (trib_str){0}, root)) return false;
    while (p->depth > 0) {
        if (!step(p)) return false;
    }
    peek(p);
    return p->at == p->end || fail(p, "expected nothing more after the value");
}

static trib_code parse(trib_arena *arena, trib_str text, bool unique, const trib_json **ret, trib_error *err) {
    parser p;
    trib_json *root = NULL;
    /* not {0}: clearing the stack of frames would cost more than a small document */
    p.begin = p.at = text.len ? text.ptr : "";
    p.end = p.begin + text.len;
    p.slab = p.slab_end = NULL;
    p.slab_nodes = p.nodes = 0;
    p.depth = 0;
    p.unique = unique;
    p.arena = arena;
    p.err = err;
    p.code = TRIB_OK;
    if (text.len > UINT32_MAX) return trib_error_set(err, TRIB_BAD_JSON, "the text is larger than 4 GiB; split it");
    if (!read_document(&p, &root)) return p.code;
    *ret = root;
    return TRIB_OK;
}

trib_code trib_json_parse(trib_arena *arena, trib_str text, const trib_json **ret, trib_error *err) {
    return parse(arena, text, false, ret, err);
}

trib_code trib_json_parse_unique(trib_arena *arena, trib_str text, const trib_json **ret, trib_error *err) {
    return parse(arena, text, true, ret, err);
}
