/* SPDX-License-Identifier: Apache-2.0 */
/* Strict binding (stmt.h): each parameter gets exactly one value. Named arguments are matched through a sorted index,
 * because a client may send 32,766 of them and a search for each would be a billion steps. */
#include <stdlib.h>
#include <string.h>

#include "store/stmt_cache.h"

static trib_code bind_error(trib_stmt *stmt, int rc, trib_error *err) {
    if (rc == SQLITE_TOOBIG)
        return trib_error_set(err, TRIB_ROW_TOO_LARGE, "an argument is larger than %d bytes; store it in parts",
                              TRIB_SQL_VALUE_MAX_BYTES);
    return trib_sqlite_error(stmt->handle, rc, err);
}

/* Zero-copy: the caller keeps the bytes until the statement is freed. */
static int bind_value(sqlite3_stmt *sqlite, int index, const trib_value *value) {
    const char *bytes;
    switch (value->type) {
    case TRIB_VALUE_NULL: return sqlite3_bind_null(sqlite, index);
    case TRIB_VALUE_INTEGER: return sqlite3_bind_int64(sqlite, index, value->integer);
    case TRIB_VALUE_REAL: return sqlite3_bind_double(sqlite, index, value->real);
    case TRIB_VALUE_TEXT:
        bytes = value->bytes.ptr ? value->bytes.ptr : ""; /* NULL would bind NULL */
        return sqlite3_bind_text64(sqlite, index, bytes, value->bytes.len, SQLITE_STATIC, SQLITE_UTF8);
    case TRIB_VALUE_BLOB:
        bytes = value->bytes.ptr ? value->bytes.ptr : "";
        return sqlite3_bind_blob64(sqlite, index, bytes, value->bytes.len, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

static bool is_prefix(char c) {
    return c == ':' || c == '@' || c == '$' || c == '?';
}

static trib_str bare(trib_str name) {
    return name.len > 0 && is_prefix(name.ptr[0]) ? trib_str_sub(name, 1, name.len) : name;
}

/* :a and @a are two parameters with one bare name: whoever names the prefix means that one. */
static bool matches(trib_str arg, trib_str param) {
    return arg.len > 0 && is_prefix(arg.ptr[0]) ? trib_str_eq(arg, param) : trib_str_eq(arg, bare(param));
}

static int compare_args(const void *a, const void *b) {
    const trib_arg *x = *(const trib_arg *const *)a, *y = *(const trib_arg *const *)b;
    int order = trib_str_cmp(bare(x->name), bare(y->name));
    if (order != 0) return order;
    return x < y ? -1 : x > y;
}

static const trib_arg *find_arg(const trib_arg *const *sorted, size_t count, trib_str param) {
    trib_str name = bare(param);
    size_t low = 0, high = count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (trib_str_cmp(bare(sorted[mid]->name), name) < 0) low = mid + 1;
        else high = mid;
    }
    for (; low < count && trib_str_eq(bare(sorted[low]->name), name); low++)
        if (matches(sorted[low]->name, param)) return sorted[low];
    return NULL;
}

static trib_code missing(int index, trib_str name, trib_error *err) {
    if (name.len == 0) return trib_error_set(err, TRIB_ARGS_INVALID, "value for parameter %d not found", index);
    return trib_error_set(err, TRIB_ARGS_INVALID, "value for parameter %.*s not found",
                          TRIB_STR_ARG(trib_str_sub(name, 0, 128)));
}

static trib_code bind_named(trib_stmt *stmt, const trib_arg *args, size_t count, int params, trib_error *err) {
    const trib_arg **sorted = malloc(count * sizeof *sorted);
    if (!sorted) return trib_error_set(err, TRIB_NOMEM, NULL);
    for (size_t i = 0; i < count; i++) sorted[i] = &args[i];
    qsort(sorted, count, sizeof *sorted, compare_args);
    trib_code code = TRIB_OK;
    for (int i = 1; i <= params && code == TRIB_OK; i++) {
        trib_str name = trib_stmt_param_name(stmt, i);
        const trib_arg *arg = name.len > 0 ? find_arg(sorted, count, name) : NULL;
        if (!arg) {
            code = missing(i, name, err);
            break;
        }
        int rc = bind_value(stmt->sqlite, i, &arg->value);
        if (rc != SQLITE_OK) code = bind_error(stmt, rc, err);
    }
    free(sorted);
    return code;
}

trib_code trib_stmt_bind(trib_stmt *stmt, const trib_arg *args, size_t count, trib_error *err) {
    if (stmt->closed) return TRIB_OK; /* the next step says why */
    size_t named = 0;
    for (size_t i = 0; i < count; i++) named += args[i].name.len > 0;
    if (named > 0 && named < count) return trib_error_set(err, TRIB_ARGS_BOTH, NULL);
    int params = trib_stmt_param_count(stmt);
    if (count > (size_t)params)
        return trib_error_set(err, TRIB_ARGS_INVALID, "too many parameters, expected %d found %zu", params, count);
    if (named > 0) return bind_named(stmt, args, count, params, err);
    if (count < (size_t)params) return missing((int)count + 1, trib_stmt_param_name(stmt, (int)count + 1), err);
    for (int i = 1; i <= params; i++) {
        int rc = bind_value(stmt->sqlite, i, &args[i - 1].value);
        if (rc != SQLITE_OK) return bind_error(stmt, rc, err);
    }
    return TRIB_OK;
}
