/* SPDX-License-Identifier: Apache-2.0 */
/* SQL texts as SQLite's tokenizer splits them, so that nobody here disagrees with it about what is text, comment or
 * name: for the store, which looks at statements before SQLite does, and for the shell. Pure. */
#ifndef TRIB_BASE_SQL_TEXT_H
#define TRIB_BASE_SQL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

typedef enum trib_sql_token_type {
    TRIB_SQL_END,  /* no more tokens */
    TRIB_SQL_WORD, /* keyword or bare name */
    TRIB_SQL_NUMBER,
    TRIB_SQL_QUOTED, /* 'text', "name", `name`, [name]; with its quotes */
    TRIB_SQL_PUNCT   /* one character, ; included; also anything illegal */
} trib_sql_token_type;

typedef struct trib_sql_token {
    trib_sql_token_type type;
    trib_str text;
} trib_sql_token;

/* Skips blanks and comments, returns the next token of *rest and advances *rest behind it. */
trib_sql_token trib_sql_next(trib_str *rest);
bool trib_sql_is_word(trib_sql_token token, const char *word);
bool trib_sql_is_punct(trib_sql_token token, char c);
/* Only blanks, comments and semicolons. */
bool trib_sql_is_blank(trib_str sql);
/* Without the blanks, comments and semicolons that stand before the first statement; empty: nothing else was there. */
trib_str trib_sql_without_lead(trib_str sql);
/* Length of the first statement with its semicolon; all of it if there is none. The semicolons inside CREATE TRIGGER
 * ... BEGIN ... END do not count. Never shorter than what SQLite takes as one well-formed statement. */
size_t trib_sql_first_len(trib_str sql);
/* The same, but 0 while the statement is not whole: no semicolon yet, or a text, name or comment still open. */
size_t trib_sql_whole_len(trib_str sql);
/* A name without its quotes; doubled quotes inside stay. */
trib_str trib_sql_unquoted(trib_sql_token token);
/* A name as SQLite understands it, doubled quotes made single, with a NUL behind it. `out` must have room for the token
 * and one byte more. Returns its length. */
size_t trib_sql_name_copy(trib_sql_token token, char *out);
/* Whether two tokens name the same thing, however each is quoted (ASCII case ignored). */
bool trib_sql_same_name(trib_sql_token a, trib_sql_token b);
/* Whether the token is a bare or quoted name that starts with `prefix` (ASCII case ignored, quotes removed). */
bool trib_sql_name_starts(trib_sql_token token, trib_str prefix);

#endif
