/* SPDX-License-Identifier: Apache-2.0 */
/* Offers for TAB; see complete.h. */
#include "cli/complete.h"

#include <stdlib.h>
#include <string.h>

#include "base/sql_text.h"
#include "cli/rows.h"
#include "cli/shell.h"

static const char *const keywords[] = {
    "ABORT",
    "ADD",
    "ALL",
    "ALTER",
    "ANALYZE",
    "AND",
    "AS",
    "ASC",
    "BEGIN",
    "BETWEEN",
    "BY",
    "CASCADE",
    "CASE",
    "CAST",
    "CHECK",
    "COLLATE",
    "COLUMN",
    "COMMIT",
    "CONFLICT",
    "CONSTRAINT",
    "CREATE",
    "CROSS",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "DEFAULT",
    "DEFERRED",
    "DELETE",
    "DESC",
    "DISTINCT",
    "DO",
    "DROP",
    "ELSE",
    "END",
    "ESCAPE",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FILTER",
    "FOREIGN",
    "FROM",
    "FULL",
    "GLOB",
    "GROUP",
    "HAVING",
    "IF",
    "IMMEDIATE",
    "IN",
    "INDEX",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "ISNULL",
    "JOIN",
    "KEY",
    "LEFT",
    "LIKE",
    "LIMIT",
    "MATCH",
    "NATURAL",
    "NOT",
    "NOTHING",
    "NOTNULL",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "PRAGMA",
    "PRIMARY",
    "QUERY PLAN",
    "RECURSIVE",
    "REFERENCES",
    "REINDEX",
    "RELEASE",
    "RENAME",
    "REPLACE",
    "RESTRICT",
    "RETURNING",
    "RIGHT",
    "ROLLBACK",
    "ROWS",
    "SAVEPOINT",
    "SELECT",
    "SET",
    "STRICT",
    "TABLE",
    "THEN",
    "TO",
    "TRANSACTION",
    "TRIGGER",
    "TRUE",
    "UNION",
    "UNIQUE",
    "UPDATE",
    "USING",
    "VACUUM",
    "VALUES",
    "VIEW",
    "VIRTUAL",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
    "WITHOUT ROWID",
};

/* Behind these a table stands. */
static const char *const before_table[] = {"FROM", "JOIN", "INTO", "UPDATE", "TABLE", "REINDEX", "ANALYZE"};

/* What each word behind a command with a dot is; the last one repeats. */
static const struct {
    const char *name;
    trib_complete_kind first, then;
} dot_words[] = {
    {".schema", TRIB_COMPLETE_TABLE, TRIB_COMPLETE_NOTHING},   {".mode", TRIB_COMPLETE_MODE, TRIB_COMPLETE_NOTHING},
    {".explain", TRIB_COMPLETE_SQL, TRIB_COMPLETE_SQL},        {".timer", TRIB_COMPLETE_SWITCH, TRIB_COMPLETE_NOTHING},
    {".read", TRIB_COMPLETE_FILE, TRIB_COMPLETE_NOTHING},      {".import", TRIB_COMPLETE_FILE, TRIB_COMPLETE_TABLE},
    {".dump", TRIB_COMPLETE_TABLE, TRIB_COMPLETE_NOTHING},     {".output", TRIB_COMPLETE_FILE, TRIB_COMPLETE_NOTHING},
    {".connect", TRIB_COMPLETE_TARGET, TRIB_COMPLETE_NOTHING}, {".each", TRIB_COMPLETE_TENANT, TRIB_COMPLETE_SQL},
    {".help", TRIB_COMPLETE_DOT, TRIB_COMPLETE_NOTHING},
};

/* ---- where the cursor is ---- */

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           (unsigned char)c >= 0x80;
}

static void look_at_dot(trib_complete *c, trib_str text) {
    size_t from = text.len;
    while (from > 0 && !memchr(" \t\n", text.ptr[from - 1], 3)) from--;
    c->word = trib_str_sub(text, from, text.len);
    c->before = trib_str_sub(text, 0, from);
    trib_str rest = c->before, name = trib_shell_take_word(&rest), word;
    if (!name.len) {
        c->kind = TRIB_COMPLETE_DOT;
        return;
    }
    bool first = true;
    while ((word = trib_shell_take_word(&rest)).len) first = first && trib_str_starts(word, TRIB_STR("--"));
    for (size_t i = 0; i < sizeof dot_words / sizeof *dot_words; i++) {
        if (trib_str_eq_c(name, dot_words[i].name)) c->kind = first ? dot_words[i].first : dot_words[i].then;
    }
}

/* The last token is a text or a comment that is still open: there is nothing to offer in it. */
static bool is_in_text(trib_str text) {
    trib_sql_token last = {0};
    for (trib_str rest = text;;) {
        trib_sql_token token = trib_sql_next(&rest);
        if (token.type == TRIB_SQL_END) break;
        last = token;
    }
    if (last.type != TRIB_SQL_QUOTED || last.text.ptr + last.text.len != text.ptr + text.len) return false;
    return last.text.ptr[0] == '\'' && (last.text.len == 1 || text.ptr[text.len - 1] != '\'');
}

void trib_complete_init(trib_complete *c, trib_arena *arena, trib_str text) {
    memset(c, 0, sizeof *c);
    c->arena = arena;
    if (text.len && text.ptr[0] == '.') look_at_dot(c, text);
    else c->kind = is_in_text(text) ? TRIB_COMPLETE_NOTHING : TRIB_COMPLETE_SQL;
    if (c->kind != TRIB_COMPLETE_SQL) return;
    size_t from = text.len;
    while (from > 0 && is_name_char(text.ptr[from - 1])) from--;
    c->word = trib_str_sub(text, from, text.len);
    c->before = trib_str_sub(text, 0, from);
}

/* ---- offers ---- */

/* Names come from a database or a folder that others may fill: none may steer the terminal. */
static bool is_safe(trib_str item) {
    trib_buf safe;
    trib_buf_init(&safe, item.len + 1);
    trib_rows_add_safe(&safe, item);
    bool same = trib_str_eq(trib_buf_str(&safe), item);
    trib_buf_deinit(&safe);
    return same;
}

void trib_complete_offer(trib_complete *c, trib_str item) {
    if (c->count == TRIB_COMPLETE_MAX || !trib_str_ieq(trib_str_sub(item, 0, c->word.len), c->word)) return;
    for (size_t i = 0; i < c->count; i++) {
        if (trib_str_eq(c->items[i], item)) return;
    }
    if (!is_safe(item)) return;
    trib_str copy = trib_arena_dup(c->arena, item);
    if (!c->arena->failed) c->items[c->count++] = copy;
}

/* A keyword in the letters that were begun. */
static void offer_keyword(trib_complete *c, const char *keyword) {
    char text[32];
    size_t n = strlen(keyword);
    bool small = c->word.len && c->word.ptr[0] >= 'a' && c->word.ptr[0] <= 'z';
    for (size_t i = 0; i < n && i < sizeof text; i++)
        text[i] = small && keyword[i] >= 'A' && keyword[i] <= 'Z' ? (char)(keyword[i] + 32) : keyword[i];
    trib_complete_offer(c, trib_str_make(text, n));
}

/* A name as SQL takes it: in quotes where it is no plain word. */
static void offer_name(trib_complete *c, trib_str name) {
    bool plain = name.len > 0 && !(name.ptr[0] >= '0' && name.ptr[0] <= '9');
    for (size_t i = 0; i < name.len; i++) plain = plain && is_name_char(name.ptr[i]);
    if (plain) {
        trib_complete_offer(c, name);
        return;
    }
    trib_str quoted = trib_arena_printf(c->arena, "\"%.*s\"", TRIB_STR_ARG(name));
    if (trib_str_find(name, '"') == SIZE_MAX && c->word.len == 0) trib_complete_offer(c, quoted);
}

static void offer_tables(trib_complete *c, const trib_catalog *catalog) {
    for (size_t i = 0; i < catalog->table_count; i++) offer_name(c, catalog->tables[i].name);
}

static void offer_columns(trib_complete *c, const trib_catalog_table *table) {
    for (size_t i = 0; i < table->col_count; i++) offer_name(c, table->cols[i]);
}

/* Columns behind `alias.`; of all tables while FROM is still to come. */
static void offer_behind_dot(trib_complete *c, const trib_catalog *catalog, trib_str alias,
                             const trib_catalog_ref *refs, size_t count) {
    const trib_catalog_table *table = NULL;
    for (size_t i = 0; i < count && !table; i++) {
        if (trib_str_ieq(refs[i].alias, alias)) table = refs[i].table;
    }
    if (!table) table = trib_catalog_find(catalog, alias);
    if (table) offer_columns(c, table);
    for (size_t i = 0; !table && count == 0 && c->word.len && i < catalog->table_count; i++)
        offer_columns(c, &catalog->tables[i]);
}

static void offer_sql(trib_complete *c, const trib_catalog *catalog) {
    trib_catalog_ref refs[TRIB_CATALOG_REFS_MAX];
    trib_sql_token last = {0}, before_last = {0};
    for (trib_str rest = c->before;;) {
        trib_sql_token token = trib_sql_next(&rest);
        if (token.type == TRIB_SQL_END) break;
        before_last = last;
        last = token;
    }
    size_t count = trib_catalog_refs(catalog, c->before, refs);
    if (last.type == TRIB_SQL_PUNCT && trib_sql_is_punct(last, '.')) {
        offer_behind_dot(c, catalog, trib_sql_unquoted(before_last), refs, count);
        return;
    }
    for (size_t i = 0; i < sizeof before_table / sizeof *before_table; i++) {
        if (last.type != TRIB_SQL_WORD || !trib_sql_is_word(last, before_table[i])) continue;
        offer_tables(c, catalog);
        return;
    }
    for (size_t i = 0; i < count; i++) offer_columns(c, refs[i].table);
    /* the columns come before their table is named: SELECT na| */
    for (size_t i = 0; count == 0 && c->word.len && i < catalog->table_count; i++)
        offer_columns(c, &catalog->tables[i]);
    if (c->word.len) offer_tables(c, catalog);
    for (size_t i = 0; c->word.len && i < sizeof keywords / sizeof *keywords; i++) offer_keyword(c, keywords[i]);
}

void trib_complete_offer_words(trib_complete *c, const trib_catalog *catalog, const char *const *dots,
                               size_t dot_count) {
    switch (c->kind) {
    case TRIB_COMPLETE_NOTHING:
    case TRIB_COMPLETE_FILE:
    case TRIB_COMPLETE_TENANT:
    case TRIB_COMPLETE_TARGET: break;
    case TRIB_COMPLETE_SQL: offer_sql(c, catalog); break;
    case TRIB_COMPLETE_TABLE: offer_tables(c, catalog); break;
    case TRIB_COMPLETE_DOT:
        for (size_t i = 0; i < dot_count; i++) trib_complete_offer(c, trib_str_c(dots[i]));
        break;
    case TRIB_COMPLETE_MODE:
        for (size_t i = 0; trib_rows_format_name(i); i++) trib_complete_offer(c, trib_str_c(trib_rows_format_name(i)));
        break;
    case TRIB_COMPLETE_SWITCH:
        trib_complete_offer(c, TRIB_STR("on"));
        trib_complete_offer(c, TRIB_STR("off"));
        break;
    }
}

/* ---- choosing ---- */

trib_str trib_complete_common(const trib_complete *c) {
    if (c->count == 0) return (trib_str){0};
    size_t n = c->items[0].len;
    for (size_t i = 1; i < c->count; i++) {
        while (n > 0 && !trib_str_ieq(trib_str_sub(c->items[i], 0, n), trib_str_sub(c->items[0], 0, n))) n--;
    }
    /* not into a character of several bytes */
    while (n > 0 && n < c->items[0].len && ((unsigned char)c->items[0].ptr[n] & 0xc0) == 0x80) n--;
    return trib_str_sub(c->items[0], 0, n);
}

static int compare(const void *a, const void *b) {
    return trib_str_cmp(*(const trib_str *)a, *(const trib_str *)b);
}

void trib_complete_sort(trib_complete *c) {
    qsort(c->items, c->count, sizeof *c->items, compare);
}
