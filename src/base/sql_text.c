/* SPDX-License-Identifier: Apache-2.0 */
/* The tokenizer of SQL texts; see sql_text.h. */
#include "base/sql_text.h"

#include <string.h>

static bool is_space(unsigned char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool is_digit(unsigned char c) {
    return c >= '0' && c <= '9';
}

/* SQLite's IdChar: letters, digits, _ $ and every byte of a multi-byte character. */
static bool is_name_char(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '$' || c >= 0x80;
}

static void drop(trib_str *s, size_t n) {
    s->ptr += n;
    s->len -= n;
}

static bool starts(trib_str s, const char *two) {
    return s.len >= 2 && s.ptr[0] == two[0] && s.ptr[1] == two[1];
}

/* One blank or comment; false if there is none. An unclosed comment reaches the end; "/" "*" as the last two bytes are
 * not a comment to SQLite. */
static bool skip_one(trib_str *rest) {
    if (rest->len > 0 && is_space((unsigned char)rest->ptr[0])) {
        drop(rest, 1);
        return true;
    }
    if (rest->len >= 3 && memcmp(rest->ptr, "\xef\xbb\xbf", 3) == 0) {
        drop(rest, 3);
        return true;
    }
    if (starts(*rest, "--")) {
        size_t n = trib_str_find(*rest, '\n');
        drop(rest, n == SIZE_MAX ? rest->len : n + 1);
        return true;
    }
    if (starts(*rest, "/*") && rest->len > 2) {
        size_t n = 3;
        while (n < rest->len && !(rest->ptr[n - 1] == '*' && rest->ptr[n] == '/')) n++;
        drop(rest, n < rest->len ? n + 1 : rest->len);
        return true;
    }
    return false;
}

/* Length of a quoted token; an unclosed one reaches the end. A doubled quote stands for itself, except in [ ]. */
static size_t quoted_len(trib_str s) {
    char close = s.ptr[0] == '[' ? ']' : s.ptr[0];
    size_t n = 1;
    while (n < s.len) {
        if (s.ptr[n++] != close) continue;
        if (close == ']' || n >= s.len || s.ptr[n] != close) return n;
        n++;
    }
    return n;
}

trib_sql_token trib_sql_next(trib_str *rest) {
    while (skip_one(rest)) {}
    trib_sql_token token = {TRIB_SQL_END, trib_str_make(rest->ptr, 0)};
    if (rest->len == 0) return token;
    unsigned char c = (unsigned char)rest->ptr[0];
    size_t n = 1;
    if (c == '\'' || c == '"' || c == '`' || c == '[') {
        token.type = TRIB_SQL_QUOTED;
        n = quoted_len(*rest);
    } else if (is_name_char(c)) {
        token.type = is_digit(c) ? TRIB_SQL_NUMBER : TRIB_SQL_WORD;
        while (n < rest->len && is_name_char((unsigned char)rest->ptr[n])) n++;
    } else {
        token.type = TRIB_SQL_PUNCT;
    }
    token.text.len = n;
    drop(rest, n);
    return token;
}

bool trib_sql_is_word(trib_sql_token token, const char *word) {
    return token.type == TRIB_SQL_WORD && trib_str_ieq_c(token.text, word);
}

bool trib_sql_is_punct(trib_sql_token token, char c) {
    return token.type == TRIB_SQL_PUNCT && token.text.ptr[0] == c;
}

bool trib_sql_is_blank(trib_str sql) {
    for (;;) {
        trib_sql_token token = trib_sql_next(&sql);
        if (token.type == TRIB_SQL_END) return true;
        if (!trib_sql_is_punct(token, ';')) return false;
    }
}

trib_str trib_sql_without_lead(trib_str sql) {
    trib_str at = sql;
    for (;;) {
        trib_sql_token token = trib_sql_next(&at);
        if (token.type == TRIB_SQL_END) return token.text; /* at the very end: SQLite must read the NUL there */
        if (!trib_sql_is_punct(token, ';')) return trib_str_sub(sql, (size_t)(token.text.ptr - sql.ptr), sql.len);
    }
}

/* [EXPLAIN [QUERY PLAN]] CREATE [TEMP] TRIGGER */
static bool is_trigger(trib_str sql) {
    trib_sql_token token = trib_sql_next(&sql);
    for (int i = 0; i < 3 && (trib_sql_is_word(token, "EXPLAIN") || trib_sql_is_word(token, "QUERY") ||
                              trib_sql_is_word(token, "PLAN"));
         i++)
        token = trib_sql_next(&sql);
    if (!trib_sql_is_word(token, "CREATE")) return false;
    token = trib_sql_next(&sql);
    if (trib_sql_is_word(token, "TEMP") || trib_sql_is_word(token, "TEMPORARY")) token = trib_sql_next(&sql);
    return trib_sql_is_word(token, "TRIGGER");
}

/* Where the first statement ends; *ret_closed: with a semicolon of its own. */
static size_t first_end(trib_str sql, bool *ret_closed) {
    trib_str rest = sql;
    bool trigger = is_trigger(sql);
    int closing = 0; /* 1: behind a semicolon of the trigger, 2: behind "; END" */
    for (;;) {
        trib_sql_token token = trib_sql_next(&rest);
        *ret_closed = token.type != TRIB_SQL_END;
        if (!*ret_closed) return sql.len;
        if (trib_sql_is_punct(token, ';')) {
            if (!trigger || closing == 2) return sql.len - rest.len;
            closing = 1;
        } else {
            closing = closing == 1 && trib_sql_is_word(token, "END") ? 2 : 0;
        }
    }
}

size_t trib_sql_first_len(trib_str sql) {
    bool closed;
    return first_end(sql, &closed);
}

size_t trib_sql_whole_len(trib_str sql) {
    bool closed;
    size_t end = first_end(sql, &closed);
    return closed ? end : 0;
}

trib_str trib_sql_unquoted(trib_sql_token token) {
    if (token.type != TRIB_SQL_QUOTED) return token.text;
    return trib_str_sub(token.text, 1, token.text.len > 1 ? token.text.len - 1 : 1);
}

bool trib_sql_name_starts(trib_sql_token token, trib_str prefix) {
    if (token.type != TRIB_SQL_WORD && token.type != TRIB_SQL_QUOTED) return false;
    return trib_str_ieq(trib_str_sub(trib_sql_unquoted(token), 0, prefix.len), prefix);
}

/* The next byte of a name that began with `quote` (0: bare), and how many bytes stand for it. */
static unsigned char name_byte(trib_str rest, char quote, size_t *ret_used) {
    bool doubled = quote && quote != '[' && rest.len > 1 && rest.ptr[0] == quote && rest.ptr[1] == quote;
    *ret_used = doubled ? 2 : 1;
    return (unsigned char)rest.ptr[0];
}

static char quote_of(trib_sql_token token) {
    return token.type == TRIB_SQL_QUOTED ? token.text.ptr[0] : '\0';
}

size_t trib_sql_name_copy(trib_sql_token token, char *out) {
    trib_str rest = trib_sql_unquoted(token);
    size_t len = 0, used;
    for (; rest.len > 0; rest = trib_str_sub(rest, used, rest.len))
        out[len++] = (char)name_byte(rest, quote_of(token), &used);
    out[len] = '\0';
    return len;
}

static unsigned char lower(unsigned char c) {
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

bool trib_sql_same_name(trib_sql_token a, trib_sql_token b) {
    trib_str x = trib_sql_unquoted(a), y = trib_sql_unquoted(b);
    size_t used_x, used_y;
    while (x.len > 0 && y.len > 0) {
        unsigned char c = name_byte(x, quote_of(a), &used_x), d = name_byte(y, quote_of(b), &used_y);
        if (lower(c) != lower(d)) return false;
        x = trib_str_sub(x, used_x, x.len);
        y = trib_str_sub(y, used_y, y.len);
    }
    return x.len == 0 && y.len == 0;
}
