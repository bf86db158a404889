/* SPDX-License-Identifier: Apache-2.0 */
/* Noting row changes (redo.h).
 *
 *   change := op(1) | name length(1) name | key before(8) | key after(8) | [old values] | [new values]
 *   values := count(2) { type(1) [integer or real(8) | length(4) bytes] }
 *
 * The hook must not call SQLite for anything but the row itself, so it notes what it is given, and redo_apply.c finds
 * out which value belongs to which column. SQLite gives no key where a table is WITHOUT ROWID (it says 0): there the
 * old values are noted too, for those of the primary key. What could not be told apart later is refused by take. */
#include "store/redo_int.h"

#include <stdlib.h>
#include <string.h>

/* ---- the hook ---- */

static void add_u(trib_buf *buf, uint64_t value, size_t bytes) {
    uint8_t out[8];
    for (size_t i = 0; i < bytes; i++) out[i] = (uint8_t)(value >> (8 * i));
    trib_buf_add_bytes(buf, out, bytes);
}

static void add_bytes(trib_buf *buf, const void *bytes, int n) {
    add_u(buf, (uint64_t)n, 4);
    trib_buf_add_bytes(buf, bytes, (size_t)n);
}

static void add_value(trib_buf *buf, sqlite3_value *value) {
    uint64_t bits = 0;
    double real;
    int type = sqlite3_value_type(value);
    trib_buf_add_char(buf, (char)type);
    switch (type) {
    case SQLITE_INTEGER: add_u(buf, (uint64_t)sqlite3_value_int64(value), 8); break;
    case SQLITE_FLOAT:
        real = sqlite3_value_double(value);
        memcpy(&bits, &real, sizeof bits);
        add_u(buf, bits, 8);
        break;
    case SQLITE_TEXT: {
        const void *text = sqlite3_value_text(value);
        add_bytes(buf, text, sqlite3_value_bytes(value));
        if (!text) buf->failed = true;
        break;
    }
    case SQLITE_BLOB: {
        const void *blob = sqlite3_value_blob(value);
        add_bytes(buf, blob, sqlite3_value_bytes(value));
        break;
    }
    default: break;
    }
}

/* A column that is stored nowhere has no value: those are numbered behind the others, or between them. */
static void add_values(trib_redo *redo, sqlite3 *sqlite, int (*get)(sqlite3 *, int, sqlite3_value **)) {
    int count = sqlite3_preupdate_count(sqlite);
    add_u(&redo->changes, (uint64_t)count, 2);
    for (int i = 0; i < count; i++) {
        sqlite3_value *value = NULL;
        int rc = get(sqlite, i, &value);
        if (rc == SQLITE_RANGE) trib_buf_add_char(&redo->changes, REDO_ABSENT);
        else if (rc != SQLITE_OK || !value) redo->changes.failed = true;
        else add_value(&redo->changes, value);
    }
}

static void note_table(trib_redo *redo, const char *name) {
    size_t len = strlen(name);
    if (redo->last && strcmp(redo->last, name) == 0) return;
    for (size_t i = 0; i < redo->table_count; i++) {
        redo->last = redo->tables[i].name;
        if (strcmp(redo->last, name) != 0) continue;
        redo->tables[i].used = true;
        return;
    }
    if (redo->table_count == REDO_TABLES_MAX || len >= REDO_NAME_BYTES) {
        redo->refused = "it changes more tables than a command may, or one with a very long name";
        return;
    }
    redo_table *table = &redo->tables[redo->table_count++];
    memcpy(table->name, name, len + 1);
    table->checked = false;
    table->used = true;
    redo->last = table->name;
}

static void on_change(void *ctx, sqlite3 *sqlite, int op, char const *schema, char const *table, sqlite3_int64 before,
                      sqlite3_int64 after) {
    trib_redo *redo = ctx;
    trib_buf *buf = &redo->changes;
    if (strcmp(schema, "main") != 0 || redo->refused || buf->failed) return;
    if (sqlite3_preupdate_blobwrite(sqlite) >= 0) redo->refused = "it writes into a blob in place";
    else if (strcmp(table, "sqlite_schema") == 0 || strcmp(table, "sqlite_master") == 0)
        redo->refused = "it changes the schema";
    if (!redo->refused) note_table(redo, table);
    if (redo->refused) return;
    size_t len = strlen(table);
    add_u(buf, (uint64_t)op, 1);
    add_u(buf, len, 1);
    trib_buf_add_bytes(buf, table, len);
    add_u(buf, (uint64_t)before, 8);
    add_u(buf, (uint64_t)after, 8);
    if (op != SQLITE_INSERT && before == 0 && after == 0) add_values(redo, sqlite, sqlite3_preupdate_old);
    if (op != SQLITE_DELETE) add_values(redo, sqlite, sqlite3_preupdate_new);
}

/* ---- begin, take, end ---- */

trib_code trib_redo_begin(trib_handle *handle, trib_error *err) {
    trib_redo *redo = handle->redo;
    uint64_t schema = atomic_load(trib_db_schema_version(handle->db));
    if (!redo) {
        redo = calloc(1, sizeof *redo);
        if (!redo) return trib_error_set(err, TRIB_NOMEM, NULL);
        trib_buf_init(&redo->changes, TRIB_REDO_MAX_BYTES);
        handle->redo = redo;
    }
    if (redo->schema != schema) redo->table_count = 0;
    redo->schema = schema;
    for (size_t i = 0; i < redo->table_count; i++) redo->tables[i].used = false;
    redo->last = NULL;
    redo->refused = NULL;
    trib_buf_clear(&redo->changes);
    handle->recording = true;
    (void)sqlite3_preupdate_hook(handle->sqlite, on_change, redo);
    return TRIB_OK;
}

void trib_redo_end(trib_handle *handle) {
    if (!handle->recording) return;
    handle->recording = false;
    if (handle->sqlite) (void)sqlite3_preupdate_hook(handle->sqlite, NULL, NULL);
}

size_t trib_redo_mark(const trib_handle *handle) {
    return handle->recording ? handle->redo->changes.len : 0;
}

void trib_redo_undone(trib_handle *handle, size_t mark) {
    if (handle->recording && handle->redo->changes.len != mark) handle->redo->refused = "a statement of it was undone";
}

void trib_redo_free(trib_redo *redo) {
    if (!redo) return;
    trib_buf_deinit(&redo->changes);
    free(redo);
}

/* Whether a row of it can be named later. */
static trib_code check_table(trib_handle *handle, redo_table *table, trib_error *err) {
    redo_shape shape;
    trib_code code = trib_redo_shape_load(handle, trib_str_c(table->name), &shape, err);
    if (code != TRIB_OK) return code;
    if (!shape.without_rowid && !shape.rowid_name)
        code = trib_error_set(err, TRIB_COMMAND_REFUSED,
                              "table %s has columns named rowid, oid and _rowid_, so a command cannot name its rows; "
                              "rename one of them",
                              table->name);
    else if (shape.key_is_shifted)
        code = trib_error_set(err, TRIB_COMMAND_REFUSED,
                              "table %s has a virtual generated column before its INTEGER PRIMARY KEY, which a command "
                              "cannot record; put it behind the key",
                              table->name);
    trib_redo_shape_deinit(&shape);
    table->checked = code == TRIB_OK;
    return code;
}

static trib_code finish(trib_handle *handle, trib_buf *ret, trib_error *err) {
    trib_redo *redo = handle->redo;
    int open_keys = 0, ignored = 0;
    /* FTS5 keeps terms in memory until a savepoint or COMMIT */
    int rc = sqlite3_exec(handle->sqlite, "SAVEPOINT _trib_redo; RELEASE _trib_redo", NULL, NULL, NULL);
    if (rc != SQLITE_OK) return trib_sqlite_error(handle, rc, err);
    (void)sqlite3_db_status(handle->sqlite, SQLITE_DBSTATUS_DEFERRED_FKS, &open_keys, &ignored, 0);
    if (open_keys > 0) return trib_error_set(err, TRIB_SQL_ERROR, "SQLite error: FOREIGN KEY constraint failed");
    if (handle->schema_changed) redo->refused = "it changes the schema";
    if (redo->refused)
        return trib_error_set(err, TRIB_COMMAND_REFUSED, "this cannot be part of a command: %s", redo->refused);
    if (redo->changes.failed)
        return trib_error_set(err, TRIB_COMMAND_TOO_LARGE,
                              "a command may change rows of %d bytes in one database, if there is memory for so much; "
                              "make it smaller",
                              TRIB_REDO_MAX_BYTES);
    trib_code code = TRIB_OK;
    for (size_t i = 0; i < redo->table_count && code == TRIB_OK; i++)
        if (redo->tables[i].used && !redo->tables[i].checked) code = check_table(handle, &redo->tables[i], err);
    if (code != TRIB_OK) return code;
    trib_buf_add(ret, trib_buf_str(&redo->changes));
    return ret->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

trib_code trib_redo_take(trib_handle *handle, trib_buf *ret, trib_error *err) {
    trib_code code = finish(handle, ret, err);
    trib_redo_end(handle);
    return code;
}
