/* SPDX-License-Identifier: Apache-2.0 */
/* The table of first words; see stmt_kind.h. */
#include "store/stmt_kind.h"

#include <string.h>

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
    head->pragma = trib_sql_unquoted(token);
    if (!at_end(token)) token = trib_sql_next(&rest);
    if (trib_sql_is_punct(token, '.')) {
        head->pragma = trib_sql_unquoted(trib_sql_next(&rest));
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
        bool temp = trib_str_ieq_c(trib_sql_unquoted(token), "temp");
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
