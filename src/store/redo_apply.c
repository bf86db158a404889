/* SPDX-License-Identifier: Apache-2.0 */
/* Doing row changes again (redo.h): an update is a delete and an insert of the same key. Each must meet the state that
 * it met the first time; if a row is missing or there already, the database is not the one that promised it. */
#include <stdlib.h>
#include <string.h>

#include "store/redo_int.h"

/* ---- tables ---- */

void trib_redo_shape_deinit(redo_shape *shape) {
    for (size_t i = 0; i < shape->count; i++) free(shape->columns[i].name);
    free(shape->columns);
    *shape = (redo_shape){.columns = NULL};
}

static char *copy_text(trib_str text) {
    char *copy = malloc(text.len + 1);
    if (!copy) return NULL;
    if (text.len) memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static trib_code take_column(void *ctx, const trib_stmt *stmt, trib_error *err) {
    redo_shape *shape = ctx;
    if (shape->count == shape->cap) {
        size_t cap = shape->cap ? 2 * shape->cap : 16;
        redo_column *more = realloc(shape->columns, cap * sizeof *more);
        if (!more) return trib_error_set(err, TRIB_NOMEM, NULL);
        shape->columns = more;
        shape->cap = cap;
    }
    int64_t hidden = trib_stmt_col_value(stmt, 1).integer;
    redo_column *column = &shape->columns[shape->count];
    *column = (redo_column){.name = copy_text(trib_stmt_col_value(stmt, 0).bytes),
                            .is_virtual = hidden == 2,
                            .is_generated = hidden == 2 || hidden == 3,
                            .key = (int)trib_stmt_col_value(stmt, 2).integer};
    if (!column->name) return trib_error_set(err, TRIB_NOMEM, NULL);
    shape->count++;
    return TRIB_OK;
}

static trib_code take_kind(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    ((redo_shape *)ctx)->without_rowid = trib_stmt_col_value(stmt, 0).integer != 0;
    return TRIB_OK;
}

static bool has_column(const redo_shape *shape, const char *name) {
    for (size_t i = 0; i < shape->count; i++)
        if (trib_str_ieq_c(trib_str_c(shape->columns[i].name), name)) return true;
    return false;
}

static void find_rowid(redo_shape *shape) {
    static const char *const names[] = {"_rowid_", "rowid", "oid"};
    for (size_t i = 0; i < 3 && !shape->rowid_name; i++)
        if (!has_column(shape, names[i])) shape->rowid_name = names[i];
    size_t keys = 0, key_at = 0, virtual_at = SIZE_MAX;
    for (size_t i = shape->count; i-- > 0;) {
        if (shape->columns[i].key) {
            keys++;
            key_at = i;
        }
        if (shape->columns[i].is_virtual) virtual_at = i;
    }
    shape->key_is_shifted = !shape->without_rowid && keys == 1 && virtual_at < key_at;
}

trib_code trib_redo_shape_load(trib_handle *handle, trib_str table, redo_shape *ret, trib_error *err) {
    trib_arg name = {.value = {.type = TRIB_VALUE_TEXT, .bytes = table}};
    *ret = (redo_shape){.columns = NULL};
    trib_code code = trib_stmt_run(
        handle, "SELECT name, hidden, pk FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid", &name, 1,
        take_column, ret, err);
    if (code == TRIB_OK)
        code = trib_stmt_run(handle, "SELECT wr FROM pragma_table_list(?1) WHERE schema = 'main'", &name, 1, take_kind,
                             ret, err);
    if (code == TRIB_OK && ret->count == 0)
        code = trib_error_set(err, TRIB_COMMAND_CONFLICT, "there is no table %.*s any more", TRIB_STR_ARG(table));
    if (code == TRIB_OK) find_rowid(ret);
    else trib_redo_shape_deinit(ret);
    return code;
}

/* ---- reading what was noted ---- */

typedef struct reader {
    trib_str rest;
    bool broken;
} reader;

static uint64_t read_u(reader *r, size_t bytes) {
    uint64_t value = 0;
    if (r->rest.len < bytes) {
        r->broken = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++) value |= (uint64_t)(uint8_t)r->rest.ptr[i] << (8 * i);
    r->rest = trib_str_sub(r->rest, bytes, r->rest.len);
    return value;
}

static trib_str read_bytes(reader *r, size_t n) {
    if (r->rest.len < n) {
        r->broken = true;
        return (trib_str){0};
    }
    trib_str bytes = trib_str_sub(r->rest, 0, n);
    r->rest = trib_str_sub(r->rest, n, r->rest.len);
    return bytes;
}

typedef struct row {
    trib_value *values;
    bool *absent;
    size_t count;
} row;

static void read_value(reader *r, row *to, size_t i) {
    trib_value *value = &to->values[i];
    uint64_t bits;
    int type = (int)read_u(r, 1);
    to->absent[i] = type == REDO_ABSENT;
    switch (type) {
    case SQLITE_INTEGER: *value = (trib_value){.type = TRIB_VALUE_INTEGER, .integer = (int64_t)read_u(r, 8)}; break;
    case SQLITE_FLOAT:
        bits = read_u(r, 8);
        value->type = TRIB_VALUE_REAL;
        memcpy(&value->real, &bits, sizeof bits);
        break;
    case SQLITE_TEXT:
    case SQLITE_BLOB:
        value->type = type == SQLITE_TEXT ? TRIB_VALUE_TEXT : TRIB_VALUE_BLOB;
        value->bytes = read_bytes(r, (size_t)read_u(r, 4));
        break;
    default: *value = (trib_value){.type = TRIB_VALUE_NULL};
    }
}

static void row_deinit(row *r) {
    free(r->values);
    free(r->absent);
    *r = (row){.values = NULL};
}

static trib_code read_row(reader *r, row *ret, trib_error *err) {
    size_t count = (size_t)read_u(r, 2);
    *ret = (row){.values = calloc(count + 1, sizeof *ret->values), .absent = calloc(count + 1, 1), .count = count};
    if (!ret->values || !ret->absent) return trib_error_set(err, TRIB_NOMEM, NULL);
    for (size_t i = 0; i < count; i++) read_value(r, ret, i);
    return TRIB_OK;
}

/* ---- doing it ---- */

typedef struct change {
    int op;
    trib_str table;
    int64_t before, after;
    row old_row, new_row;
} change;

typedef struct applying {
    trib_handle *handle;
    trib_str table; /* that `shape` is of */
    redo_shape shape;
    trib_buf sql;
    trib_arg *args;
    size_t arg_count;
} applying;

static trib_code conflict(const change *c, const char *what, trib_error *err) {
    return trib_error_set(err, TRIB_COMMAND_CONFLICT, "table %.*s: %s", TRIB_STR_ARG(c->table), what);
}

static void add_name(trib_buf *sql, trib_str name) {
    trib_buf_add_char(sql, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"') trib_buf_add_char(sql, '"');
        trib_buf_add_char(sql, name.ptr[i]);
    }
    trib_buf_add_char(sql, '"');
}

static void add_arg(applying *a, trib_value value) {
    a->args[a->arg_count++] = (trib_arg){.value = value};
}

/* The value of a column. by_column: the row has one for each column; else for each that is stored, in that order. */
static bool find_value(const redo_shape *shape, const row *r, bool by_column, size_t column, trib_value *ret) {
    size_t at = column;
    if (!by_column)
        for (size_t i = at = 0; i < column; i++) at += !shape->columns[i].is_virtual;
    if (at >= r->count || r->absent[at]) return false;
    *ret = r->values[at];
    return true;
}

/* *what_if: what it means when SQLite refuses it as it stands, or not exactly one row changes. */
static trib_code run(applying *a, const change *c, const char *what_if, trib_error *err) {
    trib_stmt *stmt = NULL;
    trib_stmt_counts counts = {0};
    bool has_row = false;
    trib_error why = {0};
    if (a->sql.failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = trib_stmt_prepare(a->handle, trib_buf_str(&a->sql), &stmt, &why);
    if (code == TRIB_OK) code = trib_stmt_bind(stmt, a->args, a->arg_count, &why);
    if (code == TRIB_OK) code = trib_stmt_step(stmt, &has_row, &why);
    if (code == TRIB_OK) trib_stmt_get_counts(stmt, &counts);
    trib_stmt_free(stmt);
    bool refused = code == TRIB_SQL_ERROR && (why.detail & 0xff) != SQLITE_IOERR && (why.detail & 0xff) != SQLITE_BUSY;
    if (refused || code == TRIB_SQL_INPUT_ERROR) return conflict(c, why.message, err);
    if (code == TRIB_OK && counts.affected_rows != 1) return conflict(c, what_if, err);
    if (code != TRIB_OK && err) *err = why;
    return code;
}

static trib_code delete_row(applying *a, const change *c, trib_error *err) {
    const redo_shape *shape = &a->shape;
    trib_buf_clear(&a->sql);
    a->arg_count = 0;
    trib_buf_add_c(&a->sql, "DELETE FROM main.");
    add_name(&a->sql, c->table);
    trib_buf_add_c(&a->sql, " WHERE ");
    if (!shape->without_rowid) {
        trib_buf_printf(&a->sql, "%s = ?", shape->rowid_name);
        add_arg(a, (trib_value){.type = TRIB_VALUE_INTEGER, .integer = c->before});
        return run(a, c, "a row that was to be changed is not there", err);
    }
    for (size_t i = 0; i < shape->count; i++) {
        trib_value value;
        if (!shape->columns[i].key) continue;
        if (!find_value(shape, &c->old_row, true, i, &value)) return conflict(c, "its columns are others now", err);
        if (a->arg_count > 0) trib_buf_add_c(&a->sql, " AND ");
        add_name(&a->sql, trib_str_c(shape->columns[i].name));
        trib_buf_add_c(&a->sql, " IS ?");
        add_arg(a, value);
    }
    return run(a, c, "a row that was to be changed is not there", err);
}

static trib_code insert_row(applying *a, const change *c, trib_error *err) {
    const redo_shape *shape = &a->shape;
    bool by_column = shape->without_rowid && c->op == SQLITE_INSERT;
    trib_buf_clear(&a->sql);
    a->arg_count = 0;
    trib_buf_add_c(&a->sql, "INSERT INTO main.");
    add_name(&a->sql, c->table);
    trib_buf_add_char(&a->sql, '(');
    for (size_t i = 0; i < shape->count; i++) {
        trib_value value;
        if (shape->columns[i].is_generated) continue;
        if (!find_value(shape, &c->new_row, by_column, i, &value))
            return conflict(c, "its columns are others now", err);
        if (a->arg_count > 0) trib_buf_add_char(&a->sql, ',');
        add_name(&a->sql, trib_str_c(shape->columns[i].name));
        add_arg(a, value);
    }
    if (!shape->without_rowid) {
        if (a->arg_count > 0) trib_buf_add_char(&a->sql, ',');
        trib_buf_add_c(&a->sql, shape->rowid_name);
        add_arg(a, (trib_value){.type = TRIB_VALUE_INTEGER, .integer = c->after});
    }
    trib_buf_add_c(&a->sql, ") VALUES (?");
    for (size_t i = 1; i < a->arg_count; i++) trib_buf_add_c(&a->sql, ",?");
    trib_buf_add_char(&a->sql, ')');
    return run(a, c, "a row could not be put in", err);
}

static trib_code use_table(applying *a, trib_str table, trib_error *err) {
    if (a->table.ptr && trib_str_eq(a->table, table)) return TRIB_OK;
    trib_redo_shape_deinit(&a->shape);
    free(a->args);
    a->args = NULL;
    a->table = table;
    trib_code code = trib_redo_shape_load(a->handle, table, &a->shape, err);
    if (code != TRIB_OK) return code;
    a->args = calloc(a->shape.count + 1, sizeof *a->args);
    return a->args ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

static trib_code apply_change(applying *a, reader *r, trib_error *err) {
    change c = {.op = (int)read_u(r, 1)};
    c.table = read_bytes(r, (size_t)read_u(r, 1));
    c.before = (int64_t)read_u(r, 8);
    c.after = (int64_t)read_u(r, 8);
    trib_code code = TRIB_OK;
    if (c.op != SQLITE_INSERT && c.before == 0 && c.after == 0) code = read_row(r, &c.old_row, err);
    if (code == TRIB_OK && c.op != SQLITE_DELETE) code = read_row(r, &c.new_row, err);
    if (code == TRIB_OK && r->broken) code = conflict(&c, "what was noted of it is cut short", err);
    if (code == TRIB_OK) code = use_table(a, c.table, err);
    if (code == TRIB_OK && c.op != SQLITE_INSERT) code = delete_row(a, &c, err);
    if (code == TRIB_OK && c.op != SQLITE_DELETE) code = insert_row(a, &c, err);
    row_deinit(&c.old_row);
    row_deinit(&c.new_row);
    return code;
}

trib_code trib_redo_apply(trib_handle *handle, trib_str redo, trib_error *err) {
    reader r = {.rest = redo};
    applying a = {.handle = handle};
    trib_code code = TRIB_OK;
    trib_buf_init(&a.sql, TRIB_SQL_MAX_BYTES);
    while (code == TRIB_OK && r.rest.len > 0) code = apply_change(&a, &r, err);
    trib_redo_shape_deinit(&a.shape);
    trib_buf_deinit(&a.sql);
    free(a.args);
    return code;
}
