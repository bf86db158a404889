/* SPDX-License-Identifier: Apache-2.0 */
/* Where a statement ends; see shell.h. The rule for triggers: after CREATE [TEMP] TRIGGER the statement ends at the
 * semicolon behind END that is itself behind a semicolon ("...; END;"). */
#include "cli/shell.h"

enum { WORDS_AT_START = 3 };

typedef struct scan {
    trib_str text;
    size_t at;
    unsigned words;       /* seen so far */
    bool create, trigger; /* CREATE ... TRIGGER at the beginning */
    bool after_semicolon; /* the last thing was a semicolon */
    bool after_end;       /* the last things were a semicolon and END */
} scan;

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* Skips what cannot hold a semicolon that counts; false when it is not closed. */
static bool skip_quoted(scan *s, char close) {
    for (s->at++; s->at < s->text.len; s->at++) {
        if (s->text.ptr[s->at] != close) continue;
        s->at++;
        return true; /* a doubled quote opens again at once */
    }
    return false;
}

static bool skip_comment(scan *s) {
    bool line = s->text.ptr[s->at] == '-';
    for (s->at += 2; s->at < s->text.len; s->at++) {
        if (line && s->text.ptr[s->at] == '\n') {
            s->at++;
            return true;
        }
        if (!line && s->text.ptr[s->at] == '/' && s->text.ptr[s->at - 1] == '*') {
            s->at++;
            return true;
        }
    }
    return false;
}

static void take_word(scan *s) {
    size_t from = s->at;
    while (s->at < s->text.len && is_word(s->text.ptr[s->at])) s->at++;
    trib_str word = trib_str_sub(s->text, from, s->at);
    if (s->words == 0) s->create = trib_str_ieq_c(word, "create");
    if (s->create && s->words < WORDS_AT_START && trib_str_ieq_c(word, "trigger")) s->trigger = true;
    s->after_end = s->after_semicolon && trib_str_ieq_c(word, "end");
    s->after_semicolon = false;
    s->words++;
}

static bool begins_comment(const scan *s) {
    if (s->at + 1 >= s->text.len) return false;
    char a = s->text.ptr[s->at], b = s->text.ptr[s->at + 1];
    return (a == '-' && b == '-') || (a == '/' && b == '*');
}

/* One token; 1: it ended a statement, -1: it is not complete. */
static int step(scan *s) {
    char c = s->text.ptr[s->at];
    if (begins_comment(s)) return skip_comment(s) ? 0 : -1;
    if (is_blank(c)) {
        s->at++;
        return 0;
    }
    if (is_word(c)) {
        take_word(s);
        return 0;
    }
    if (c == ';') {
        bool ends = !s->trigger || s->after_end;
        s->at++;
        s->after_semicolon = true;
        s->after_end = false;
        return ends ? 1 : 0;
    }
    s->after_semicolon = s->after_end = false;
    if (c == '\'' || c == '"' || c == '`' || c == '[') return skip_quoted(s, c == '[' ? ']' : c) ? 0 : -1;
    s->at++;
    return 0;
}

size_t trib_shell_statement_end(trib_str text) {
    scan s = {.text = text};
    while (s.at < text.len) {
        int verdict = step(&s);
        if (verdict > 0) return s.at;
        if (verdict < 0) return 0;
    }
    return 0;
}

bool trib_shell_is_blank(trib_str text) {
    scan s = {.text = text};
    while (s.at < text.len) {
        if (is_blank(text.ptr[s.at]) || text.ptr[s.at] == ';') s.at++;
        else if (begins_comment(&s)) skip_comment(&s);
        else return false;
    }
    return true;
}

trib_str trib_shell_take_word(trib_str *line) {
    size_t at = 0;
    while (at < line->len && is_blank(line->ptr[at])) at++;
    char quote = at < line->len && (line->ptr[at] == '"' || line->ptr[at] == '\'') ? line->ptr[at] : 0;
    if (quote) at++;
    size_t from = at;
    while (at < line->len && (quote ? line->ptr[at] != quote : !is_blank(line->ptr[at]))) at++;
    trib_str word = trib_str_sub(*line, from, at);
    if (quote && at < line->len) at++;
    *line = trib_str_sub(*line, at, line->len);
    return word;
}
