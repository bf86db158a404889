/* SPDX-License-Identifier: Apache-2.0 */
/* Query plans for people; see plan.h.
 *
 * A hint is made from what the plan says (SCAN orders, USE TEMP B-TREE FOR ORDER BY, AUTOMATIC INDEX) and from the
 * comparisons that the statement's words show: columns compared with = come first in an index, then those of ORDER BY
 * or one that is compared with < or >. */
#include "cli/plan.h"

#include <stdio.h>
#include <string.h>

#include "base/sql_text.h"
#include "cli/rows.h"
#include "wire/sql_write.h"

/* ---- the tree ---- */

static int64_t number_at(const trib_sql_rows *rows, size_t row, size_t col) {
    const trib_value *value = &rows->values[row * rows->col_count + col];
    return value->type == TRIB_VALUE_INTEGER ? value->integer : 0;
}

static trib_str detail_of(const trib_sql_rows *rows, size_t row) {
    const trib_value *value = &rows->values[row * rows->col_count + 3];
    return value->type == TRIB_VALUE_TEXT ? value->bytes : (trib_str){0};
}

static bool has_sibling_behind(const trib_sql_rows *rows, size_t row) {
    for (size_t i = row + 1; i < rows->row_count; i++) {
        if (number_at(rows, i, 1) == number_at(rows, row, 1)) return true;
    }
    return false;
}

/* The children of `parent` that stand behind row `from`. lead: what stands before them on their lines. */
static void write_children(trib_buf *buf, const trib_sql_rows *rows, int64_t parent, const char *lead, unsigned depth) {
    char deeper[TRIB_PLAN_DEPTH_MAX * 8];
    if (depth == TRIB_PLAN_DEPTH_MAX) return;
    for (size_t row = 0; row < rows->row_count; row++) {
        if (number_at(rows, row, 1) != parent) continue;
        bool more = has_sibling_behind(rows, row);
        trib_buf_add_c(buf, lead);
        trib_buf_add_c(buf, more ? "├─ " : "└─ ");
        trib_rows_add_safe(buf, detail_of(rows, row));
        trib_buf_add_char(buf, '\n');
        snprintf(deeper, sizeof deeper, "%s%s", lead, more ? "│  " : "   ");
        /* a row that names itself as its parent would never end */
        if (number_at(rows, row, 0) != parent) write_children(buf, rows, number_at(rows, row, 0), deeper, depth + 1);
    }
}

void trib_plan_write_tree(trib_buf *buf, const trib_sql_rows *rows) {
    if (rows->col_count < 4) return;
    trib_buf_add_c(buf, "QUERY PLAN\n");
    write_children(buf, rows, 0, "", 0);
}

/* ---- what the statement compares ---- */

typedef struct columns {
    trib_str items[TRIB_PLAN_COLUMNS_MAX];
    size_t count;
} columns;

/* What the words say about one table. */
typedef struct wishes {
    columns equal, range, order;
    bool has_or;        /* the conditions are alternatives: one index does not serve them */
    bool order_is_ours; /* every term of ORDER BY (or GROUP BY) is a column of this table */
    bool descending[TRIB_PLAN_COLUMNS_MAX];
} wishes;

typedef struct reading {
    const trib_catalog_ref *refs;
    size_t ref_count, me; /* of refs: the table that is asked about */
    bool with_joins;      /* conditions that compare with another table's column count too */
    const char *order;    /* "ORDER" or "GROUP" */
    wishes *out;
} reading;

static void add_column(columns *list, trib_str name) {
    for (size_t i = 0; i < list->count; i++) {
        if (trib_str_ieq(list->items[i], name)) return;
    }
    if (list->count < TRIB_PLAN_COLUMNS_MAX) list->items[list->count++] = name;
}

enum { LOOK_AHEAD = 9 }; /* a.b >= c.d and what is behind it */

/* Tokens from a place on; END behind the last. */
static void look_ahead(trib_str rest, trib_sql_token tokens[LOOK_AHEAD]) {
    for (size_t i = 0; i < LOOK_AHEAD; i++) tokens[i] = trib_sql_next(&rest);
}

static bool is_name(trib_sql_token token) {
    return token.type == TRIB_SQL_WORD || (token.type == TRIB_SQL_QUOTED && token.text.ptr[0] != '\'');
}

/* The table of refs whose column stands at tokens[0] ([alias .] column); *ret_used tokens belong to it. SIZE_MAX: it is
 * none. */
static size_t column_at(const reading *r, const trib_sql_token *tokens, size_t *ret_used, trib_str *ret_name) {
    bool qualified = is_name(tokens[0]) && trib_sql_is_punct(tokens[1], '.') && is_name(tokens[2]);
    if (!is_name(tokens[0])) return SIZE_MAX;
    *ret_used = qualified ? 3 : 1;
    *ret_name = trib_sql_unquoted(tokens[qualified ? 2 : 0]);
    /* a call, not a column */
    if (trib_sql_is_punct(tokens[*ret_used], '(')) return SIZE_MAX;
    for (size_t i = 0; i < r->ref_count; i++) {
        if (qualified && !trib_str_ieq(r->refs[i].alias, trib_sql_unquoted(tokens[0]))) continue;
        if (trib_catalog_has_column(r->refs[i].table, *ret_name)) return i;
    }
    return SIZE_MAX;
}

/* 1: an equality at tokens[0], 2: a range, 0: neither; *ret_used tokens belong to it. */
static int comparison_at(const trib_sql_token *tokens, size_t *ret_used) {
    *ret_used = 1;
    if (trib_sql_is_punct(tokens[0], '=')) {
        if (trib_sql_is_punct(tokens[1], '=')) *ret_used = 2;
        return 1;
    }
    if (trib_sql_is_word(tokens[0], "IN")) return 1;
    if (trib_sql_is_word(tokens[0], "IS") && !trib_sql_is_word(tokens[1], "NOT")) return 1;
    if (trib_sql_is_word(tokens[0], "BETWEEN")) return 2;
    bool less = trib_sql_is_punct(tokens[0], '<'), more = trib_sql_is_punct(tokens[0], '>');
    if ((!less && !more) || trib_sql_is_punct(tokens[1], less ? '<' : '>') ||
        (less && trib_sql_is_punct(tokens[1], '>')))
        return 0;
    if (trib_sql_is_punct(tokens[1], '=')) *ret_used = 2;
    return 2;
}

/* The condition that begins with a column at tokens[0]. */
static void read_condition(const reading *r, const trib_sql_token *tokens) {
    trib_str name, other;
    size_t used, more, other_used;
    size_t table = column_at(r, tokens, &used, &name);
    if (table == SIZE_MAX) return;
    int kind = comparison_at(tokens + used, &more);
    if (kind == 0) return;
    size_t other_table = column_at(r, tokens + used + more, &other_used, &other);
    if (other_table != SIZE_MAX && other_table != table) {
        if (!r->with_joins) return;
        if (other_table == r->me) { /* b.x = a.y is a condition on a too */
            name = other;
            table = other_table;
        }
    }
    if (table == r->me) add_column(kind == 1 ? &r->out->equal : &r->out->range, name);
}

/* The terms behind ORDER BY or GROUP BY. */
static void read_order(const reading *r, trib_str rest) {
    trib_sql_token tokens[LOOK_AHEAD];
    wishes *out = r->out;
    out->order.count = 0;
    out->order_is_ours = true;
    for (;;) {
        trib_str name;
        size_t used = 0;
        look_ahead(rest, tokens);
        if (column_at(r, tokens, &used, &name) != r->me || out->order.count == TRIB_PLAN_COLUMNS_MAX) {
            out->order_is_ours = false;
            return;
        }
        for (size_t i = 0; i < used; i++) trib_sql_next(&rest);
        trib_sql_token next = trib_sql_next(&rest);
        bool down = trib_sql_is_word(next, "DESC");
        if (down || trib_sql_is_word(next, "ASC")) next = trib_sql_next(&rest);
        out->descending[out->order.count] = down;
        out->order.items[out->order.count++] = name;
        if (trib_sql_is_punct(next, ',')) continue;
        /* what else may stand there (COLLATE, NULLS LAST, + 1) changes the order */
        bool ends = next.type == TRIB_SQL_END || trib_sql_is_punct(next, ';') || trib_sql_is_punct(next, ')') ||
                    trib_sql_is_word(next, "LIMIT") || trib_sql_is_word(next, "ORDER") ||
                    trib_sql_is_word(next, "HAVING");
        out->order_is_ours = ends;
        return;
    }
}

static void read_wishes(const reading *r, trib_str sql) {
    bool in_condition = false;
    trib_sql_token before = {0};
    for (trib_str rest = sql;;) {
        trib_sql_token tokens[LOOK_AHEAD];
        trib_str here = rest;
        look_ahead(here, tokens);
        trib_sql_token token = trib_sql_next(&rest);
        if (token.type == TRIB_SQL_END) return;
        if (trib_sql_is_word(token, "WHERE") || trib_sql_is_word(token, "ON")) in_condition = true;
        bool ends = trib_sql_is_word(token, "SELECT") || trib_sql_is_word(token, "GROUP") ||
                    trib_sql_is_word(token, "ORDER") || trib_sql_is_word(token, "LIMIT") ||
                    trib_sql_is_word(token, "SET") || trib_sql_is_word(token, "RETURNING");
        if (ends) in_condition = false;
        if (in_condition && trib_sql_is_word(token, "OR")) r->out->has_or = true;
        if (in_condition && !trib_sql_is_punct(before, '.')) read_condition(r, tokens);
        if (trib_sql_is_word(token, r->order) && trib_sql_is_word(tokens[1], "BY")) {
            trib_sql_next(&rest);
            read_order(r, rest);
        }
        before = token;
    }
}

/* ---- advice ---- */

typedef struct advice {
    trib_buf *buf;
    const trib_sql_rows *rows;
    trib_str sql;
    const trib_catalog *catalog;
    trib_catalog_ref refs[TRIB_CATALOG_REFS_MAX];
    size_t ref_count;
    size_t written, begin; /* begin: where the hints start in buf */
} advice;

/* Appends a name as SQL takes it; `bare`: for the middle of another name. */
static void add_name(trib_buf *buf, trib_str name, bool bare) {
    bool plain = name.len > 0 && !(name.ptr[0] >= '0' && name.ptr[0] <= '9');
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        plain = plain && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_');
    }
    if (plain) {
        trib_buf_add(buf, name);
        return;
    }
    if (!bare) {
        trib_sql_write_name(buf, name);
        return;
    }
    for (size_t i = 0; i < name.len; i++)
        trib_buf_add_char(buf, name.ptr[i] == '"' || name.ptr[i] == ' ' ? '_' : name.ptr[i]);
}

/* Does an index begin with these columns already? Then SQLite knew of it and had its reasons. */
static bool is_indexed(const advice *a, trib_str table, const columns *list) {
    for (size_t i = 0; i < a->catalog->index_count; i++) {
        const trib_catalog_index *index = &a->catalog->indexes[i];
        if (!trib_str_ieq(index->table, table)) continue;
        trib_str rest = index->cols;
        size_t same = 0;
        while (same < list->count && rest.len) {
            size_t comma = trib_str_find(rest, ',');
            if (!trib_str_ieq(trib_str_sub(rest, 0, comma == SIZE_MAX ? rest.len : comma), list->items[same])) break;
            rest = trib_str_sub(rest, comma == SIZE_MAX ? rest.len : comma + 1, rest.len);
            same++;
        }
        if (same == list->count) return true;
    }
    return false;
}

/* "hint: WHY: CREATE INDEX t_a_b ON t (a, b DESC);", once. */
static void add_index(advice *a, trib_str table, const columns *list, const bool *descending, const char *why) {
    trib_buf line, name;
    if (list->count == 0 || is_indexed(a, table, list)) return;
    trib_buf_init(&line, 64 * 1024);
    trib_buf_init(&name, 16 * 1024);
    trib_buf_add_c(&line, "CREATE INDEX ");
    add_name(&name, table, true);
    for (size_t i = 0; i < list->count; i++) {
        trib_buf_add_char(&name, '_');
        add_name(&name, list->items[i], true);
    }
    add_name(&line, trib_buf_str(&name), false);
    trib_buf_add_c(&line, " ON ");
    add_name(&line, table, false);
    for (size_t i = 0; i < list->count; i++) {
        trib_buf_add_c(&line, i ? ", " : " (");
        add_name(&line, list->items[i], false);
        if (descending && descending[i]) trib_buf_add_c(&line, " DESC");
    }
    trib_buf_add_c(&line, ");");
    /* a name that would steer the terminal gets no advice: made safe it would be another name */
    trib_buf_clear(&name);
    trib_rows_add_safe(&name, trib_buf_str(&line));
    bool is_safe = trib_str_eq(trib_buf_str(&name), trib_buf_str(&line));
    trib_buf_add_char(&line, '\n');
    trib_str text = trib_buf_str(&line), sofar = trib_str_sub(trib_buf_str(a->buf), a->begin, a->buf->len);
    if (is_safe && text.len && !memmem(sofar.ptr ? sofar.ptr : "", sofar.len, text.ptr, text.len)) {
        trib_buf_printf(a->buf, "hint: %s: ", why);
        trib_buf_add(a->buf, text);
        a->written++;
    }
    trib_buf_deinit(&name);
    trib_buf_deinit(&line);
}

/* The wishes for refs[me]; first: it is the outermost loop, where a join's condition is of no use. */
static wishes wishes_of(const advice *a, size_t me, bool first, const char *order) {
    wishes out = {0};
    const reading r = {
        .refs = a->refs, .ref_count = a->ref_count, .me = me, .with_joins = !first, .order = order, .out = &out};
    read_wishes(&r, a->sql);
    return out;
}

static size_t ref_named(const advice *a, trib_str alias) {
    for (size_t i = 0; i < a->ref_count; i++) {
        if (trib_str_ieq(a->refs[i].alias, alias)) return i;
    }
    return SIZE_MAX;
}

/* Columns of ORDER BY (or GROUP BY) behind those that are compared with =, which have one value and so no order. */
static void hint_order(advice *a, const char *order, const char *why) {
    for (size_t me = 0; me < a->ref_count; me++) {
        wishes w = wishes_of(a, me, true, order);
        bool descending[TRIB_PLAN_COLUMNS_MAX] = {false}, all_down = true;
        if (!w.order_is_ours || w.order.count == 0 || w.has_or) continue;
        columns list = w.equal;
        for (size_t i = 0; i < w.order.count; i++) all_down = all_down && w.descending[i];
        for (size_t i = 0; i < w.order.count; i++) {
            size_t at = list.count;
            add_column(&list, w.order.items[i]);
            /* an index is read backwards as well: only mixed directions must be said */
            if (list.count > at) descending[at] = w.descending[i] && !all_down;
        }
        add_index(a, a->refs[me].table->name, &list, descending, why);
        return;
    }
}

static bool sorts(const advice *a) {
    for (size_t row = 0; row < a->rows->row_count; row++) {
        if (trib_str_eq_c(detail_of(a->rows, row), "USE TEMP B-TREE FOR ORDER BY")) return true;
    }
    return false;
}

static void hint_scan(advice *a, size_t row, trib_str alias) {
    size_t me = ref_named(a, alias);
    bool first = true;
    if (me == SIZE_MAX || a->refs[me].table->is_view) return;
    for (size_t i = 0; i < row; i++) {
        trib_str before = detail_of(a->rows, i);
        bool loops = trib_str_starts(before, TRIB_STR("SCAN ")) || trib_str_starts(before, TRIB_STR("SEARCH "));
        if (loops && number_at(a->rows, i, 1) == number_at(a->rows, row, 1)) first = false;
    }
    wishes w = wishes_of(a, me, first, "ORDER");
    trib_str table = a->refs[me].table->name;
    if (w.has_or) {
        for (size_t i = 0; i < w.equal.count; i++)
            add_index(a, table, &(columns){{w.equal.items[i]}, 1}, NULL, "each side of OR needs an index");
        return;
    }
    columns list = w.equal;
    /* what sorts gets the better index from hint_order */
    if (list.count && w.order_is_ours && w.order.count && sorts(a)) return;
    if (w.range.count) add_column(&list, w.range.items[0]);
    add_index(a, table, &list, NULL, "every row is read to find a few");
}

/* SEARCH b USING AUTOMATIC COVERING INDEX (x=? AND y>?): SQLite says itself what it misses. */
static void hint_automatic(advice *a, trib_str detail, trib_str alias) {
    size_t me = ref_named(a, alias);
    size_t open = trib_str_find(detail, '(');
    columns list = {0};
    if (me == SIZE_MAX || open == SIZE_MAX) return;
    trib_str rest = trib_str_sub(detail, open + 1, detail.len);
    for (;;) {
        trib_sql_token token = trib_sql_next(&rest);
        if (token.type == TRIB_SQL_END) break;
        if (!is_name(token) || trib_sql_is_word(token, "AND")) continue;
        trib_str name = trib_sql_unquoted(token);
        if (trib_catalog_has_column(a->refs[me].table, name)) add_column(&list, name);
    }
    add_index(a, a->refs[me].table->name, &list, NULL, "SQLite makes this index anew for each statement");
}

/* The word behind the first one: SCAN orders, SEARCH o USING ... */
static trib_str second_word(trib_str detail) {
    trib_sql_next(&detail);
    return trib_sql_unquoted(trib_sql_next(&detail));
}

size_t trib_plan_write_hints(trib_buf *buf, const trib_sql_rows *rows, trib_str sql, const trib_catalog *catalog) {
    advice a = {.buf = buf, .rows = rows, .sql = sql, .catalog = catalog, .begin = buf->len};
    if (rows->col_count < 4) return 0;
    a.ref_count = trib_catalog_refs(catalog, sql, a.refs);
    for (size_t row = 0; row < rows->row_count; row++) {
        trib_str detail = detail_of(rows, row);
        bool automatic = memmem(detail.ptr ? detail.ptr : "", detail.len, "USING AUTOMATIC", 15) != NULL;
        bool indexed = memmem(detail.ptr ? detail.ptr : "", detail.len, " USING ", 7) != NULL ||
                       memmem(detail.ptr ? detail.ptr : "", detail.len, " VIRTUAL TABLE", 14) != NULL;
        if (automatic) hint_automatic(&a, detail, second_word(detail));
        else if (!indexed && trib_str_starts(detail, TRIB_STR("SCAN "))) hint_scan(&a, row, second_word(detail));
        else if (trib_str_eq_c(detail, "USE TEMP B-TREE FOR ORDER BY"))
            hint_order(&a, "ORDER", "all rows are sorted for ORDER BY");
        else if (trib_str_eq_c(detail, "USE TEMP B-TREE FOR GROUP BY"))
            hint_order(&a, "GROUP", "all rows are sorted for GROUP BY");
    }
    return a.written;
}
