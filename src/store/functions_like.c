/* SPDX-License-Identifier: Apache-2.0 */
/* LIKE and GLOB with a look at the clock. The built-ins try a pattern's piece at every place of the text, |text| x
 * |piece| steps in one machine step: 6 MB x 1,000 would be many seconds without a progress callback.
 *
 *   pattern   %  abc  %  d_f          text   x x a b c y y d e f
 *                ^star_pattern                ^star_text
 *
 * The pattern is walked once; behind each % the place is remembered, and on a mismatch the text behind it is tried one
 * character further on. Only the last % has to be remembered: if the rest fits behind a later place, it fits. */
#include <stdlib.h>
#include <string.h>

#include "store/functions.h"
#include "store/sqlite_seam.h"

/* Begins with what SQLite's planner reads (sqlite_seam.h): the three wildcards and whether case is ignored. */
typedef struct like_kind {
    unsigned char all, one, set, fold_case;
    trib_policy *policy;
} like_kind;

typedef struct matcher {
    uint32_t all, one, set, escape; /* 0: there is none */
    bool fold_case;
    trib_policy *policy;
    uint64_t work;
    bool stopped;
} matcher;

typedef const unsigned char *bytes;

/* SQLite's reading of UTF-8: lone continuation bytes are characters, overlong forms and surrogates become U+FFFD. The
 * text ends with a NUL. */
static uint32_t take_char(bytes *at) {
    uint32_t c = *(*at)++;
    if (c < 0xc0) return c;
    c = c < 0xe0 ? c & 0x1f : c < 0xf0 ? c & 0x0f : c < 0xf8 ? c & 0x07 : c < 0xfc ? c & 0x03 : c < 0xfe ? c & 0x01 : 0;
    while ((**at & 0xc0) == 0x80) c = (c << 6) + (*(*at)++ & 0x3f);
    if (c < 0x80 || (c & 0xfffff800) == 0xd800 || (c & 0xfffffffe) == 0xfffe) return 0xfffd;
    return c;
}

static uint32_t fold(uint32_t c) {
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* GLOB's [abc], [a-z], [^x]; *pattern stands behind the bracket and is moved behind the closing one. */
static bool match_set(bytes *pattern, uint32_t c) {
    bool seen = false, invert = false;
    uint32_t before = 0, p = take_char(pattern);
    if (p == '^') {
        invert = true;
        p = take_char(pattern);
    }
    if (p == ']') {
        seen = c == ']';
        p = take_char(pattern);
    }
    while (p && p != ']') {
        if (p == '-' && (*pattern)[0] != ']' && (*pattern)[0] != 0 && before > 0) {
            p = take_char(pattern);
            seen = seen || (c >= before && c <= p);
            before = 0;
        } else {
            seen = seen || c == p;
            before = p;
        }
        p = take_char(pattern);
    }
    return p && seen != invert;
}

/* One character of text (not its end) against one item of the pattern (not its end, not `all`); moves both. */
static bool match_one(const matcher *m, bytes *pattern, bytes *text) {
    uint32_t p = take_char(pattern);
    if (m->set && p == m->set) return match_set(pattern, take_char(text));
    if (m->escape && p == m->escape) {
        p = take_char(pattern);
        if (p == 0) return false;
    } else if (m->one && p == m->one) {
        take_char(text);
        return true;
    }
    uint32_t c = take_char(text);
    return c == p || (m->fold_case && c < 0x80 && p < 0x80 && fold(c) == fold(p));
}

/* Moves text to where a pattern that starts with a plain ASCII character may begin: most places fall here. */
static bytes skip_ahead(matcher *m, bytes pattern, bytes text) {
    unsigned char p = *pattern;
    if (p >= 0x80 || p == 0 || p == m->one || p == m->set || p == m->escape) return text;
    unsigned char other = p;
    if (m->fold_case && p >= 'a' && p <= 'z') other = (unsigned char)(p - 32);
    if (m->fold_case && p >= 'A' && p <= 'Z') other = (unsigned char)(p + 32);
    bytes at = text;
    while (*at && *at != p && *at != other) at++;
    m->work += (uint64_t)(at - text) >> 3;
    return at;
}

static bool match(matcher *m, bytes pattern, bytes text) {
    bytes star_pattern = NULL, star_text = NULL;
    for (;;) {
        if (!trib_policy_work(m->policy, &m->work, 1)) {
            m->stopped = true;
            return false;
        }
        if (m->all && *pattern == m->all) {
            while (*pattern == m->all) pattern++;
            if (*pattern == 0) return true;
            star_pattern = pattern;
            star_text = text = skip_ahead(m, pattern, text);
            continue;
        }
        if (*text == 0) return *pattern == 0;
        if (*pattern != 0 && match_one(m, &pattern, &text)) continue;
        if (!star_pattern) return false;
        take_char(&star_text);
        pattern = star_pattern;
        star_text = text = skip_ahead(m, pattern, star_text);
    }
}

/* The escape character; 0 with an error set if it is not one character. */
static uint32_t take_escape(sqlite3_context *ctx, sqlite3_value *value) {
    bytes text = sqlite3_value_text(value);
    if (!text) return 0;
    uint32_t c = take_char(&text);
    if (c == 0 || *text != 0) {
        sqlite3_result_error(ctx, "ESCAPE expression must be a single character", -1);
        return 0;
    }
    return c;
}

static void fn_like(sqlite3_context *ctx, int count, sqlite3_value **values) {
    const like_kind *kind = sqlite3_user_data(ctx);
    if (sqlite3_value_type(values[0]) == SQLITE_BLOB || sqlite3_value_type(values[1]) == SQLITE_BLOB) {
        sqlite3_result_int(ctx, 0); /* as built with SQLITE_LIKE_DOESNT_MATCH_BLOBS */
        return;
    }
    if (sqlite3_value_bytes(values[0]) > TRIB_SQL_LIKE_PATTERN_MAX) {
        sqlite3_result_error(ctx, "LIKE or GLOB pattern too complex", -1);
        return;
    }
    matcher m = {.all = kind->all,
                 .one = kind->one,
                 .set = kind->set,
                 .fold_case = kind->fold_case != 0,
                 .policy = kind->policy};
    if (count == 3) {
        m.escape = take_escape(ctx, values[2]);
        if (m.escape == 0) return;
        if (m.escape == m.all) m.all = 0;
        if (m.escape == m.one) m.one = 0;
    }
    bytes pattern = sqlite3_value_text(values[0]), text = sqlite3_value_text(values[1]);
    if (!pattern || !text) return;
    bool fits = match(&m, pattern, text);
    if (m.stopped) trib_functions_stop(ctx);
    else sqlite3_result_int(ctx, fits);
}

int trib_functions_register_like(trib_handle *handle) {
    static const struct {
        const char *name;
        int args;
        like_kind kind;
    } functions[] = {
        {"like", 2, {'%', '_', 0, 1, NULL}},
        {"like", 3, {'%', '_', 0, 1, NULL}},
        {"glob", 2, {'*', '?', '[', 0, NULL}},
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        like_kind *kind = malloc(sizeof *kind);
        if (!kind) return SQLITE_NOMEM;
        *kind = functions[i].kind;
        kind->policy = handle->policy;
        int rc = sqlite3_create_function_v2(handle->sqlite, functions[i].name, functions[i].args,
                                            SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, kind, fn_like, NULL,
                                            NULL, free);
        if (rc == SQLITE_OK)
            rc = trib_sqlite_mark_like(handle->sqlite, functions[i].name, functions[i].args, !kind->fold_case);
        if (rc != SQLITE_OK) return rc;
    }
    return SQLITE_OK;
}
