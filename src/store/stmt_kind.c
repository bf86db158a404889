/* SPDX-License-Identifier: Apache-2.0 */
/* The tokenizer and the table of first words; see stmt_kind.h. */
#include "store/stmt_kind.h"

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

size_t trib_sql_first_len(trib_str sql) {
    trib_str rest = sql;
    bool trigger = is_trigger(sql);
    int closing = 0; /* 1: behind a semicolon of the trigger, 2: behind "; END" */
    for (;;) {
        trib_sql_token token = trib_sql_next(&rest);
        if (token.type == TRIB_SQL_END) return sql.len;
        if (trib_sql_is_punct(token, ';')) {
            if (!trigger || closing == 2) return sql.len - rest.len;
            closing = 1;
        } else {
            closing = closing == 1 && trib_sql_is_word(token, "END") ? 2 : 0;
        }
    }
}

/* Without the quotes; doubled quotes inside stay, which no name that we look for has. */
static trib_str unquoted(trib_sql_token token) {
    if (token.type != TRIB_SQL_QUOTED) return token.text;
    return trib_str_sub(token.text, 1, token.text.len > 1 ? token.text.len - 1 : 1);
}

bool trib_sql_name_starts(trib_sql_token token, trib_str prefix) {
    if (token.type != TRIB_SQL_WORD && token.type != TRIB_SQL_QUOTED) return false;
    return trib_str_ieq(trib_str_sub(unquoted(token), 0, prefix.len), prefix);
}

static const struct {
    const char *word;
    trib_stmt_kind kind;
} first_words[] = {
    {"INSERT", TRIB_STMT_INSERT},   {"REPLACE", TRIB_STMT_INSERT},    {"UPDATE", TRIB_STMT_UPDATE},
    {"DELETE", TRIB_STMT_DELETE},   {"BEGIN", TRIB_STMT_BEGIN},       {"COMMIT", TRIB_STMT_COMMIT},
    {"END", TRIB_STMT_COMMIT},      {"ROLLBACK", TRIB_STMT_ROLLBACK}, {"SAVEPOINT", TRIB_STMT_SAVEPOINT},
    {"RELEASE", TRIB_STMT_RELEASE}, {"PRAGMA", TRIB_STMT_PRAGMA},     {"CREATE", TRIB_STMT_CREATE},
    {"ALTER", TRIB_STMT_ALTER},     {"DROP", TRIB_STMT_DROP},         {"REINDEX", TRIB_STMT_REINDEX},
    {"VACUUM", TRIB_STMT_VACUUM},   {"ANALYZE", TRIB_STMT_ANALYZE},   {"ATTACH", TRIB_STMT_ATTACH},
    {"DETACH", TRIB_STMT_DETACH},
};

static trib_stmt_kind kind_of_word(trib_sql_token token) {
    for (size_t i = 0; i < sizeof first_words / sizeof first_words[0]; i++)
        if (trib_sql_is_word(token, first_words[i].word)) return first_words[i].kind;
    return TRIB_STMT_OTHER;
}

static bool at_end(trib_sql_token token) {
    return token.type == TRIB_SQL_END || trib_sql_is_punct(token, ';');
}

/* BEGIN [mode] [TRANSACTION [name]] and libSQL's BEGIN [TRANSACTION] READONLY. What is neither stays DEFERRED, and
 * SQLite says what is wrong with it. */
static void look_at_begin(trib_stmt_head *head) {
    trib_str rest = head->rest;
    trib_sql_token token = trib_sql_next(&rest);
    trib_stmt_kind mode = TRIB_STMT_BEGIN;
    if (trib_sql_is_word(token, "IMMEDIATE") || trib_sql_is_word(token, "EXCLUSIVE")) {
        head->kind = TRIB_STMT_BEGIN_IMMEDIATE;
        return;
    }
    if (trib_sql_is_word(token, "CONCURRENT")) {
        mode = TRIB_STMT_BEGIN_IMMEDIATE;
        head->concurrent = true;
        token = trib_sql_next(&rest);
    } else if (trib_sql_is_word(token, "READONLY")) {
        mode = TRIB_STMT_BEGIN_READONLY;
        token = trib_sql_next(&rest);
    }
    if (trib_sql_is_word(token, "TRANSACTION")) {
        token = trib_sql_next(&rest);
        if (mode == TRIB_STMT_BEGIN && trib_sql_is_word(token, "READONLY")) {
            mode = TRIB_STMT_BEGIN_READONLY;
            token = trib_sql_next(&rest);
        }
    }
    if (!at_end(token)) return;
    head->kind = mode;
    head->rest = trib_str_make(token.text.ptr, (size_t)(rest.ptr + rest.len - token.text.ptr));
}

/* ROLLBACK [TRANSACTION [name]] [TO [SAVEPOINT] name] */
static void look_at_rollback(trib_stmt_head *head) {
    trib_str rest = head->rest;
    for (int i = 0; i < 3; i++) {
        trib_sql_token token = trib_sql_next(&rest);
        if (at_end(token)) return;
        if (trib_sql_is_word(token, "TO")) {
            head->kind = TRIB_STMT_ROLLBACK_TO;
            return;
        }
    }
}

/* PRAGMA [schema .] name [= value | (value)] */
static void look_at_pragma(trib_stmt_head *head) {
    trib_str rest = head->rest;
    trib_sql_token token = trib_sql_next(&rest);
    head->pragma = unquoted(token);
    if (!at_end(token)) token = trib_sql_next(&rest);
    if (trib_sql_is_punct(token, '.')) {
        head->pragma = unquoted(trib_sql_next(&rest));
        token = trib_sql_next(&rest);
    }
    head->pragma_arg = !at_end(token);
    while (!at_end(token)) token = trib_sql_next(&rest);
    head->rest = trib_str_make(token.text.ptr, (size_t)(rest.ptr + rest.len - token.text.ptr));
}

/* CREATE TEMP ... and CREATE TRIGGER temp.x ..., which SQLite's authorizer is told as one of the table's schema. */
static bool creates_temp(trib_str rest) {
    trib_sql_token token = trib_sql_next(&rest);
    if (trib_sql_is_word(token, "TEMP") || trib_sql_is_word(token, "TEMPORARY")) return true;
    for (int i = 0; i < 8 && !at_end(token); i++) { /* UNIQUE INDEX IF NOT EXISTS temp . x */
        bool temp = trib_str_ieq_c(unquoted(token), "temp");
        token = trib_sql_next(&rest);
        if (temp && trib_sql_is_punct(token, '.')) return true;
    }
    return false;
}

trib_stmt_head trib_stmt_head_of(trib_str sql) {
    trib_stmt_head head = {.kind = TRIB_STMT_OTHER};
    trib_sql_token token = trib_sql_next(&sql);
    while (trib_sql_is_punct(token, ';')) token = trib_sql_next(&sql);
    if (trib_sql_is_word(token, "EXPLAIN")) {
        head.explain = true;
        token = trib_sql_next(&sql);
        if (trib_sql_is_word(token, "QUERY")) {
            trib_sql_next(&sql);
            token = trib_sql_next(&sql);
        }
    }
    head.kind = kind_of_word(token);
    head.rest = sql;
    if (head.kind == TRIB_STMT_BEGIN) look_at_begin(&head);
    if (head.kind == TRIB_STMT_ROLLBACK) look_at_rollback(&head);
    if (head.kind == TRIB_STMT_PRAGMA) look_at_pragma(&head);
    if (head.kind == TRIB_STMT_CREATE) head.temp = creates_temp(sql);
    return head;
}
