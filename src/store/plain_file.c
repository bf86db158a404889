/* SPDX-License-Identifier: Apache-2.0 */
/* A database file by itself; see plain_file.h. Rows are copied into the arena in blocks, because nobody knows how many
 * come, and put together at the end. */
#include "store/plain_file.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/policy.h"

enum { ROWS_PER_BLOCK = 256, CANCEL_OPS = 20000 /* machine steps between two looks; about a millisecond */ };

struct trib_plain_file {
    sqlite3 *sqlite;
    bool (*is_cancelled)(void *ctx);
    void *cancel_ctx;
};

typedef struct block {
    struct block *next;
    size_t rows;
    trib_value values[];
} block;

static trib_code sql_error(const trib_plain_file *file, int rc, trib_error *err) {
    if ((rc & 0xff) == SQLITE_NOMEM) return trib_error_set(err, TRIB_NOMEM, NULL);
    if ((rc & 0xff) == SQLITE_INTERRUPT) return trib_error_set(err, TRIB_CANCELLED, "the statement was cancelled");
    trib_error_set(err, TRIB_SQL_ERROR, "SQLite error: %s", sqlite3_errmsg(file->sqlite));
    if (err) snprintf(err->text_code, sizeof err->text_code, "SQLITE_%s", trib_sqlite_base_name(rc));
    return TRIB_SQL_ERROR;
}

/* `vfs` NULL: SQLite's own, with locks for other processes. */
static trib_code open_file(const char *path, const char *vfs, bool look, trib_plain_file **ret, trib_error *err) {
    trib_plain_file *file = calloc(1, sizeof *file);
    if (!file) return trib_error_set(err, TRIB_NOMEM, NULL);
    int rc = sqlite3_open_v2(path, &file->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs);
    if (rc == SQLITE_OK) rc = sqlite3_busy_timeout(file->sqlite, TRIB_PLAIN_BUSY_MS);
    if (rc == SQLITE_OK) rc = sqlite3_db_config(file->sqlite, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    /* closing the last connection would copy the log into the file and remove it */
    if (rc == SQLITE_OK && look) rc = sqlite3_db_config(file->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (rc == SQLITE_OK && look) rc = sqlite3_exec(file->sqlite, "PRAGMA query_only = 1", NULL, NULL, NULL);
    /* the file is looked at now, not with the first statement that somebody types */
    if (rc == SQLITE_OK) rc = sqlite3_exec(file->sqlite, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        *ret = file;
        return TRIB_OK;
    }
    trib_code code = sql_error(file, rc, err);
    trib_plain_file_close(file);
    return code;
}

trib_code trib_plain_file_open(const char *path, trib_plain_file **ret, trib_error *err) {
    return open_file(path, NULL, false, ret, err);
}

/* unix-excl keeps the wal-index in memory, so that no -shm file is made in the folder. */
trib_code trib_plain_file_look(const char *path, trib_plain_file **ret, trib_error *err) {
    return open_file(path, "unix-excl", true, ret, err);
}

void trib_plain_file_close(trib_plain_file *file) {
    if (!file) return;
    sqlite3_close(file->sqlite);
    free(file);
}

static int on_progress(void *arg) {
    trib_plain_file *file = arg;
    return file->is_cancelled && file->is_cancelled(file->cancel_ctx);
}

void trib_plain_file_set_cancel(trib_plain_file *file, bool (*is_cancelled)(void *ctx), void *ctx) {
    file->is_cancelled = is_cancelled;
    file->cancel_ctx = ctx;
    sqlite3_progress_handler(file->sqlite, is_cancelled ? CANCEL_OPS : 0, on_progress, file);
}

static int bind(sqlite3_stmt *stmt, int at, const trib_value *value) {
    switch (value->type) {
    case TRIB_VALUE_NULL: return sqlite3_bind_null(stmt, at);
    case TRIB_VALUE_INTEGER: return sqlite3_bind_int64(stmt, at, value->integer);
    case TRIB_VALUE_REAL: return sqlite3_bind_double(stmt, at, value->real);
    case TRIB_VALUE_TEXT:
        return sqlite3_bind_text64(stmt, at, value->bytes.ptr ? value->bytes.ptr : "", value->bytes.len, SQLITE_STATIC,
                                   SQLITE_UTF8);
    case TRIB_VALUE_BLOB:
        return sqlite3_bind_blob64(stmt, at, value->bytes.ptr ? value->bytes.ptr : "", value->bytes.len, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

/* The value, its bytes in the arena; a failure shows in the arena. */
static trib_value copy_value(sqlite3_stmt *stmt, int col, trib_arena *arena) {
    trib_value value = {.type = TRIB_VALUE_NULL};
    const void *bytes = NULL;
    switch (sqlite3_column_type(stmt, col)) {
    case SQLITE_INTEGER: return (trib_value){.type = TRIB_VALUE_INTEGER, .integer = sqlite3_column_int64(stmt, col)};
    case SQLITE_FLOAT: return (trib_value){.type = TRIB_VALUE_REAL, .real = sqlite3_column_double(stmt, col)};
    case SQLITE_TEXT:
        value.type = TRIB_VALUE_TEXT;
        bytes = sqlite3_column_text(stmt, col);
        break;
    case SQLITE_BLOB:
        value.type = TRIB_VALUE_BLOB;
        bytes = sqlite3_column_blob(stmt, col);
        break;
    default: return value;
    }
    value.bytes = trib_arena_dup(arena, trib_str_make(bytes, (size_t)sqlite3_column_bytes(stmt, col)));
    return value;
}

static void copy_names(sqlite3_stmt *stmt, trib_arena *arena, trib_plain_rows *out) {
    out->col_count = (size_t)sqlite3_column_count(stmt);
    out->cols = trib_arena_zalloc(arena, out->col_count, sizeof *out->cols);
    for (size_t i = 0; i < out->col_count && out->cols; i++) {
        const char *name = sqlite3_column_name(stmt, (int)i);
        out->cols[i] = trib_arena_dup(arena, trib_str_c(name ? name : ""));
    }
}

/* All rows, into *out. Returns SQLite's answer; SQLITE_NOMEM when the arena is full. */
static int step_all(sqlite3_stmt *stmt, trib_arena *arena, trib_plain_rows *out) {
    block *first = NULL, **last = &first, *now = NULL;
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (!now || now->rows == ROWS_PER_BLOCK) {
            now = trib_arena_alloc(arena, sizeof *now + ROWS_PER_BLOCK * out->col_count * sizeof(trib_value));
            if (!now) return SQLITE_NOMEM;
            *now = (block){.next = NULL};
            *last = now;
            last = &now->next;
        }
        trib_value *row = now->values + now->rows * out->col_count;
        for (size_t i = 0; i < out->col_count; i++) row[i] = copy_value(stmt, (int)i, arena);
        if (arena->failed) return SQLITE_NOMEM;
        now->rows++;
        out->row_count++;
    }
    out->values = trib_arena_zalloc(arena, out->row_count * out->col_count, sizeof *out->values);
    if (!out->values && out->row_count) return SQLITE_NOMEM;
    trib_value *to = out->values;
    for (; to && first; first = first->next) {
        memcpy(to, first->values, first->rows * out->col_count * sizeof *to);
        to += first->rows * out->col_count;
    }
    return rc;
}

trib_code trib_plain_file_execute(trib_plain_file *file, trib_str sql, const trib_value *args, size_t arg_count,
                                  trib_arena *arena, trib_plain_rows *ret, trib_error *err) {
    sqlite3_stmt *stmt = NULL;
    trib_plain_rows out = {0};
    if (sql.len > TRIB_SQL_MAX_BYTES)
        return trib_error_set(err, TRIB_SQL_PARSE_ERROR, "the statement is longer than %d bytes", TRIB_SQL_MAX_BYTES);
    int rc = sqlite3_prepare_v2(file->sqlite, sql.ptr ? sql.ptr : "", (int)sql.len, &stmt, NULL);
    if (rc == SQLITE_OK && !stmt) { /* nothing but blanks */
        *ret = out;
        return TRIB_OK;
    }
    for (size_t i = 0; i < arg_count && rc == SQLITE_OK; i++) rc = bind(stmt, (int)i + 1, &args[i]);
    if (rc == SQLITE_OK) {
        copy_names(stmt, arena, &out);
        rc = arena->failed ? SQLITE_NOMEM : step_all(stmt, arena, &out);
    }
    trib_code code = rc == SQLITE_DONE ? TRIB_OK : sql_error(file, rc, err);
    if (code == TRIB_OK && !sqlite3_stmt_readonly(stmt)) out.affected_rows = sqlite3_changes64(file->sqlite);
    sqlite3_finalize(stmt);
    if (code == TRIB_OK) *ret = out;
    return code;
}
