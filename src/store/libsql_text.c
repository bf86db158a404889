/* SPDX-License-Identifier: Apache-2.0 */
/* libSQL's grammar by tokens; see libsql_text.h. */
#include "store/libsql_text.h"

static bool at_end(trib_sql_token token) {
    return token.type == TRIB_SQL_END || trib_sql_is_punct(token, ';');
}

static bool is_name(trib_sql_token token) {
    return token.type == TRIB_SQL_WORD || token.type == TRIB_SQL_QUOTED;
}

/* +1, -1 or 0: how a token changes the depth of parentheses. */
static int nesting(trib_sql_token token) {
    return trib_sql_is_punct(token, '(') ? 1 : trib_sql_is_punct(token, ')') ? -1 : 0;
}

/* ---- ALTER COLUMN ---- */

static trib_alter_found wrong(trib_sql_token token, trib_error *err) {
    if (at_end(token))
        trib_error_set(err, TRIB_SQL_PARSE_ERROR,
                       "SQL string could not be parsed: incomplete input; the form is ALTER TABLE t ALTER COLUMN c TO "
                       "c TYPE [constraints]");
    else
        trib_error_set(err, TRIB_SQL_PARSE_ERROR,
                       "SQL string could not be parsed: near \"%.*s\": syntax error; the form is ALTER TABLE t ALTER "
                       "COLUMN c TO c TYPE [constraints]",
                       TRIB_STR_ARG(trib_str_sub(token.text, 0, 64)));
    return TRIB_ALTER_WRONG;
}

/* What follows TO, up to the end of the statement: one column, with its name in front. */
static trib_alter_found take_definition(trib_str rest, trib_alter_column *ret, trib_error *err) {
    trib_sql_token token = trib_sql_next(&rest);
    const char *from = token.text.ptr, *to = from;
    int depth = 0;
    if (!is_name(token)) return wrong(token, err);
    for (; !at_end(token); token = trib_sql_next(&rest)) {
        depth += nesting(token);
        if (depth < 0 || (depth == 0 && trib_sql_is_punct(token, ','))) return wrong(token, err);
        to = token.text.ptr + token.text.len;
    }
    if (depth > 0) return wrong(token, err);
    ret->definition = trib_str_make(from, (size_t)(to - from));
    return TRIB_ALTER_COLUMN;
}

trib_alter_found trib_libsql_alter_column(trib_str sql, trib_alter_column *ret, trib_error *err) {
    trib_sql_token token = trib_sql_next(&sql);
    *ret = (trib_alter_column){.schema = {TRIB_SQL_END, {NULL, 0}}};
    if (!trib_sql_is_word(token, "ALTER") || !trib_sql_is_word(trib_sql_next(&sql), "TABLE")) return TRIB_ALTER_OTHER;
    ret->table = trib_sql_next(&sql);
    token = trib_sql_next(&sql);
    if (trib_sql_is_punct(token, '.')) {
        ret->schema = ret->table;
        ret->table = trib_sql_next(&sql);
        token = trib_sql_next(&sql);
    }
    if (!trib_sql_is_word(token, "ALTER") || !is_name(ret->table)) return TRIB_ALTER_OTHER;
    token = trib_sql_next(&sql);
    if (!trib_sql_is_word(token, "COLUMN")) return wrong(token, err);
    ret->column = trib_sql_next(&sql);
    if (!is_name(ret->column)) return wrong(ret->column, err);
    token = trib_sql_next(&sql);
    if (!trib_sql_is_word(token, "TO")) return wrong(token, err);
    return take_definition(sql, ret, err);
}

const char *trib_libsql_fixed_constraint(trib_str definition) {
    int depth = 0;
    trib_sql_next(&definition); /* its name */
    for (trib_sql_token token; (token = trib_sql_next(&definition)).type != TRIB_SQL_END;) {
        depth += nesting(token);
        if (depth > 0) continue;
        if (trib_sql_is_word(token, "UNIQUE")) return "UNIQUE";
        if (trib_sql_is_word(token, "PRIMARY")) return "PRIMARY KEY";
        if (trib_sql_is_word(token, "AS")) return "GENERATED";
    }
    return NULL;
}

/* ---- CREATE TABLE ---- */

/* CREATE [TEMP] TABLE [IF NOT EXISTS] [schema .] name ( : to behind the parenthesis; false: it is something else. */
static bool skip_head(trib_str *rest) {
    if (!trib_sql_is_word(trib_sql_next(rest), "CREATE")) return false;
    trib_sql_token token = trib_sql_next(rest);
    if (trib_sql_is_word(token, "TEMP") || trib_sql_is_word(token, "TEMPORARY")) token = trib_sql_next(rest);
    if (!trib_sql_is_word(token, "TABLE")) return false;
    token = trib_sql_next(rest);
    trib_str behind = *rest;
    if (trib_sql_is_word(token, "IF") && trib_sql_is_word(trib_sql_next(&behind), "NOT") &&
        trib_sql_is_word(trib_sql_next(&behind), "EXISTS")) {
        token = trib_sql_next(&behind);
        *rest = behind;
    }
    if (!is_name(token)) return false;
    token = trib_sql_next(rest);
    if (trib_sql_is_punct(token, '.')) {
        if (!is_name(trib_sql_next(rest))) return false;
        token = trib_sql_next(rest);
    }
    return trib_sql_is_punct(token, '(');
}

static bool begins_constraint(trib_sql_token token) {
    static const char *const words[] = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (trib_sql_is_word(token, words[i])) return true;
    return false;
}

bool trib_libsql_find_column(trib_str create, trib_sql_token column, size_t *ret_from, size_t *ret_to) {
    trib_str rest = create;
    if (!skip_head(&rest)) return false;
    for (;;) {
        trib_sql_token token = trib_sql_next(&rest);
        bool here = is_name(token) && trib_sql_same_name(token, column);
        size_t from = (size_t)(token.text.ptr - create.ptr), to = from;
        int depth = 0;
        if (begins_constraint(token)) return false; /* the columns have ended */
        for (;; token = trib_sql_next(&rest)) {
            if (token.type == TRIB_SQL_END) return false;
            if (depth == 0 && (trib_sql_is_punct(token, ',') || trib_sql_is_punct(token, ')'))) break;
            depth += nesting(token);
            to = (size_t)(token.text.ptr + token.text.len - create.ptr);
        }
        if (here) {
            *ret_from = from;
            *ret_to = to;
            return true;
        }
        if (trib_sql_is_punct(token, ')')) return false;
    }
}

/* Behind the parenthesis that closes the one before *rest. */
static bool skip_body(trib_str *rest, bool *ret_autoincrement) {
    int depth = 1;
    *ret_autoincrement = false;
    while (depth > 0) {
        trib_sql_token token = trib_sql_next(rest);
        if (at_end(token)) return false;
        depth += nesting(token);
        if (trib_sql_is_word(token, "AUTOINCREMENT")) *ret_autoincrement = true;
    }
    return true;
}

/* The options behind the columns: from, to: "RANDOM ROWID" and one comma beside it. */
static bool find_random(trib_str rest, const char **ret_from, const char **ret_to) {
    const char *comma = NULL;
    trib_sql_token token = trib_sql_next(&rest);
    for (; !at_end(token); token = trib_sql_next(&rest)) {
        if (trib_sql_is_word(token, "RANDOM")) {
            trib_str behind = rest;
            trib_sql_token rowid = trib_sql_next(&behind);
            if (!trib_sql_is_word(rowid, "ROWID")) return false;
            *ret_from = comma ? comma : token.text.ptr;
            *ret_to = behind.ptr;
            token = trib_sql_next(&behind);
            if (!comma && trib_sql_is_punct(token, ',')) *ret_to = behind.ptr;
            return true;
        }
        comma = trib_sql_is_punct(token, ',') ? token.text.ptr : NULL;
    }
    return false;
}

trib_random_found trib_libsql_random_rowid(trib_str sql, trib_buf *out, size_t *ret_mark_at) {
    trib_str rest = sql;
    const char *from, *to;
    bool autoincrement;
    if (!skip_head(&rest)) return TRIB_RANDOM_NOT;
    size_t open = sql.len - rest.len;
    if (!skip_body(&rest, &autoincrement) || !find_random(rest, &from, &to)) return TRIB_RANDOM_NOT;
    if (autoincrement) return TRIB_RANDOM_AUTOINCREMENT;
    trib_buf_add(out, trib_str_sub(sql, 0, open));
    trib_buf_add_c(out, TRIB_RANDOM_ROWID_MARK);
    trib_buf_add(out, trib_str_sub(sql, open, (size_t)(from - sql.ptr)));
    trib_buf_add(out, trib_str_sub(sql, (size_t)(to - sql.ptr), sql.len));
    *ret_mark_at = open;
    return TRIB_RANDOM_ROWID;
}
