/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and columns; see catalog.h. */
#include "cli/catalog.h"

#include "base/sql_text.h"

void trib_catalog_init(trib_catalog *catalog) {
    *catalog = (trib_catalog){0};
    trib_arena_init(&catalog->arena, TRIB_CATALOG_ARENA_BYTES);
}

void trib_catalog_deinit(trib_catalog *catalog) {
    trib_arena_deinit(&catalog->arena);
}

/* ---- filling ---- */

static trib_str text_at(const trib_sql_rows *rows, size_t row, size_t col) {
    const trib_value *value = &rows->values[row * rows->col_count + col];
    return value->type == TRIB_VALUE_TEXT ? value->bytes : (trib_str){0};
}

/* Rows from `from` on that are of the same table. */
static size_t rows_of_table(const trib_sql_rows *rows, size_t from) {
    size_t to = from + 1;
    while (to < rows->row_count && trib_str_eq(text_at(rows, to, 0), text_at(rows, from, 0))) to++;
    return to - from;
}

static void set_tables(trib_catalog *catalog, const trib_sql_rows *rows) {
    if (rows->col_count != 3) return;
    catalog->tables = trib_arena_zalloc(&catalog->arena, rows->row_count, sizeof *catalog->tables);
    for (size_t row = 0, n; catalog->tables && row < rows->row_count; row += n) {
        n = rows_of_table(rows, row);
        trib_catalog_table table = {.is_view = trib_str_eq_c(text_at(rows, row, 1), "view"), .col_count = n};
        table.name = trib_arena_dup(&catalog->arena, text_at(rows, row, 0));
        table.cols = trib_arena_zalloc(&catalog->arena, n, sizeof *table.cols);
        for (size_t i = 0; table.cols && i < n; i++)
            table.cols[i] = trib_arena_dup(&catalog->arena, text_at(rows, row + i, 2));
        if (catalog->arena.failed) return;
        catalog->tables[catalog->table_count++] = table;
    }
}

static void set_indexes(trib_catalog *catalog, const trib_sql_rows *rows) {
    if (rows->col_count != 3) return;
    catalog->indexes = trib_arena_zalloc(&catalog->arena, rows->row_count, sizeof *catalog->indexes);
    for (size_t row = 0; catalog->indexes && row < rows->row_count; row++) {
        trib_catalog_index index = {.table = trib_arena_dup(&catalog->arena, text_at(rows, row, 0)),
                                    .name = trib_arena_dup(&catalog->arena, text_at(rows, row, 1)),
                                    .cols = trib_arena_dup(&catalog->arena, text_at(rows, row, 2))};
        if (catalog->arena.failed) return;
        catalog->indexes[catalog->index_count++] = index;
    }
}

void trib_catalog_set(trib_catalog *catalog, const trib_sql_rows *columns, const trib_sql_rows *indexes) {
    trib_arena_reset(&catalog->arena);
    catalog->table_count = catalog->index_count = 0;
    set_tables(catalog, columns);
    if (indexes) set_indexes(catalog, indexes);
}

/* ---- looking up ---- */

const trib_catalog_table *trib_catalog_find(const trib_catalog *catalog, trib_str name) {
    for (size_t i = 0; i < catalog->table_count; i++) {
        if (trib_str_ieq(catalog->tables[i].name, name)) return &catalog->tables[i];
    }
    return NULL;
}

bool trib_catalog_has_column(const trib_catalog_table *table, trib_str name) {
    for (size_t i = 0; i < table->col_count; i++) {
        if (trib_str_ieq(table->cols[i], name)) return true;
    }
    return false;
}

/* ---- tables of a text ---- */

static bool is_one_of(trib_sql_token token, const char *const *words) {
    for (; *words; words++) {
        if (trib_sql_is_word(token, *words)) return true;
    }
    return false;
}

static bool is_name(trib_sql_token token) {
    return token.type == TRIB_SQL_WORD || (token.type == TRIB_SQL_QUOTED && token.text.ptr[0] != '\'');
}

/* Words that end the list behind FROM, and so cannot be aliases. */
static const char *const after_from[] = {"WHERE", "GROUP",     "ORDER",     "LIMIT", "HAVING", "WINDOW",
                                         "UNION", "EXCEPT",    "INTERSECT", "SET",   "VALUES", "SELECT",
                                         "ON",    "RETURNING", "DO",        NULL};
/* Words between two tables. */
static const char *const between[] = {"JOIN",    "LEFT",  "RIGHT", "FULL",    "INNER", "OUTER",   "CROSS",
                                      "NATURAL", "USING", "AS",    "INDEXED", "NOT",   "DEFAULT", NULL};
static const char *const before_table[] = {"FROM", "JOIN", "INTO", "UPDATE", NULL};

/* [schema .] name [[AS] alias], whose first token is `token`; *rest moves behind it. */
static bool read_ref(const trib_catalog *catalog, trib_sql_token token, trib_str *rest, trib_catalog_ref *ret) {
    trib_str ahead = *rest;
    trib_sql_token next = trib_sql_next(&ahead);
    if (trib_sql_is_punct(next, '.')) {
        token = trib_sql_next(&ahead);
        *rest = ahead;
        next = trib_sql_next(&ahead);
    }
    if (!is_name(token)) return false;
    *ret = (trib_catalog_ref){.table = trib_catalog_find(catalog, trib_sql_unquoted(token))};
    if (!ret->table) return false;
    ret->alias = ret->table->name;
    bool as = trib_sql_is_word(next, "AS");
    if (as) next = trib_sql_next(&ahead);
    if (!is_name(next) || (!as && (is_one_of(next, after_from) || is_one_of(next, between)))) return true;
    ret->alias = trib_sql_unquoted(next);
    *rest = ahead;
    return true;
}

size_t trib_catalog_refs(const trib_catalog *catalog, trib_str sql, trib_catalog_ref ret[TRIB_CATALOG_REFS_MAX]) {
    size_t count = 0;
    bool in_from = false, expected = false;
    while (count < TRIB_CATALOG_REFS_MAX) {
        trib_sql_token token = trib_sql_next(&sql);
        if (token.type == TRIB_SQL_END) break;
        if (expected && is_name(token)) {
            expected = false;
            if (read_ref(catalog, token, &sql, &ret[count])) count++;
        } else if (is_one_of(token, before_table)) {
            expected = in_from = true;
        } else if (is_one_of(token, after_from)) {
            expected = in_from = false;
        } else if (in_from && trib_sql_is_punct(token, ',')) {
            expected = true;
        }
    }
    return count;
}
