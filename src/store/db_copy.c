/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of database files; see db_copy.h. */
#include "store/db_copy.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/sql_text.h"
#include "store/libsql_text.h"
#include "store/policy.h"

enum { STEP_PAGES = 256, PAGE_BYTES = 4096, COLUMNS_MAX = 8 };

static trib_code sql_error(sqlite3 *sqlite, int rc, const char *path, trib_error *err) {
    if ((rc & 0xff) == SQLITE_NOMEM) return trib_error_set(err, TRIB_NOMEM, NULL);
    if ((rc & 0xff) == SQLITE_NOTADB)
        return trib_error_set(err, TRIB_IMPORT_REFUSED,
                              "%s is not a SQLite database, or it is encrypted; decrypt it with the program that made "
                              "it, or import a dump of it",
                              path);
    trib_error_set(err, TRIB_SQL_ERROR, "SQLite cannot use %s: %s", path,
                   sqlite ? sqlite3_errmsg(sqlite) : sqlite3_errstr(rc));
    if (err) snprintf(err->text_code, sizeof err->text_code, "SQLITE_%s", trib_sqlite_base_name(rc));
    return TRIB_SQL_ERROR;
}

static int open_file(const char *path, int flags, sqlite3 **ret) {
    int rc = sqlite3_open_v2(path, ret, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_extended_result_codes(*ret, 1);
    if (rc == SQLITE_OK) rc = sqlite3_busy_timeout(*ret, TRIB_DB_COPY_BUSY_MS);
    if (rc == SQLITE_OK) rc = sqlite3_db_config(*ret, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return rc;
}

/* ---- take ---- */

/* All pages of the snapshot that `source` holds. */
static int copy_pages(sqlite3 *source, sqlite3 *target, trib_copy_progress progress) {
    sqlite3_backup *backup = sqlite3_backup_init(target, "main", source, "main");
    if (!backup) return sqlite3_extended_errcode(target);
    int64_t page_bytes = trib_sqlite_number(source, "PRAGMA page_size");
    int rc;
    do {
        rc = sqlite3_backup_step(backup, STEP_PAGES);
        int64_t all = sqlite3_backup_pagecount(backup), left = sqlite3_backup_remaining(backup);
        if (progress.tell) progress.tell(progress.ctx, (all - left) * page_bytes, all * page_bytes);
    } while (rc == SQLITE_OK);
    int end = sqlite3_backup_finish(backup);
    return rc == SQLITE_DONE ? end : rc;
}

trib_code trib_db_copy_take(const char *from, const char *to, trib_copy_progress progress, trib_error *err) {
    sqlite3 *source = NULL, *target = NULL;
    const char *who = from;
    int rc = open_file(from, SQLITE_OPEN_READONLY, &source);
    /* a schema that this SQLite cannot read is looked at in fit, which says what to do */
    if (rc == SQLITE_OK) rc = sqlite3_exec(source, "PRAGMA writable_schema=ON", NULL, NULL, NULL);
    /* one moment: writers of the file cannot make the copy begin again */
    if (rc == SQLITE_OK) rc = sqlite3_exec(source, "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);
    sqlite3 *failed = source;
    if (rc == SQLITE_OK) {
        who = to;
        rc = open_file(to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &target);
        if (rc == SQLITE_OK) rc = sqlite3_exec(target, "PRAGMA synchronous=OFF", NULL, NULL, NULL);
        if (rc == SQLITE_OK) rc = copy_pages(source, target, progress);
        failed = target;
    }
    trib_code code = rc == SQLITE_OK ? TRIB_OK : sql_error(failed, rc, who, err);
    (void)sqlite3_close(target);
    (void)sqlite3_close(source);
    return code;
}

/* ---- fit: the schema ---- */

/* SQL function: the text of a CREATE TABLE as SQLite can read it; any other text as it is. */
static void plain_text(sqlite3_context *context, int count, sqlite3_value **args) {
    trib_buf text;
    size_t mark_at;
    (void)count;
    const char *sql = (const char *)sqlite3_value_text(args[0]);
    trib_buf_init(&text, 2 * TRIB_SQL_VALUE_MAX_BYTES);
    if (!sql || trib_libsql_random_rowid(trib_str_make(sql, (size_t)sqlite3_value_bytes(args[0])), &text, &mark_at) !=
                    TRIB_RANDOM_ROWID)
        sqlite3_result_value(context, args[0]);
    else if (text.failed) sqlite3_result_error_nomem(context);
    else sqlite3_result_text64(context, text.ptr, text.len, SQLITE_TRANSIENT, SQLITE_UTF8);
    trib_buf_deinit(&text);
}

/* CREATE TABLE t(...) RANDOM ROWID: libSQL keeps the two words, and SQLite cannot read a schema with them. The table
 * keeps the property by the mark of libsql_text.h. writable_schema is on. */
static int mark_random_rowid(sqlite3 *sqlite) {
    int rc = sqlite3_create_function_v2(sqlite, "trib_plain", 1, SQLITE_UTF8, NULL, plain_text, NULL, NULL, NULL);
    if (rc != SQLITE_OK) return rc;
    return sqlite3_exec(
        sqlite, "UPDATE sqlite_schema SET sql = trib_plain(sql) WHERE type = 'table' AND sql <> trib_plain(sql)", NULL,
        NULL, NULL);
}

static bool is_vector_index(trib_str sql) {
    for (;;) {
        trib_sql_token token = trib_sql_next(&sql);
        if (token.type == TRIB_SQL_END) return false;
        if (trib_sql_is_word(token, "libsql_vector_idx")) return true;
    }
}

typedef struct found {
    trib_buf drops; /* statements that take vector indexes away */
    trib_buf *notes;
} found;

static void add_quoted(trib_buf *sql, trib_str name, const char *suffix) {
    trib_buf_add_char(sql, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"') trib_buf_add_char(sql, '"');
        trib_buf_add_char(sql, name.ptr[i]);
    }
    trib_buf_add_c(sql, suffix);
    trib_buf_add_char(sql, '"');
}

static void look_at(found *f, trib_str type, trib_str name, trib_str table, trib_str sql) {
    if (!trib_str_eq_c(type, "index") || !is_vector_index(sql)) return;
    trib_buf_add_c(&f->drops, "DROP INDEX IF EXISTS ");
    add_quoted(&f->drops, name, "");
    trib_buf_add_c(&f->drops, ";DROP TABLE IF EXISTS ");
    add_quoted(&f->drops, name, "_shadow");
    trib_buf_add_c(&f->drops, ";DROP TABLE IF EXISTS libsql_vector_meta_shadow;");
    trib_buf_printf(f->notes, "the vector index \"%.*s\" of the table \"%.*s\" is left out; the vectors stay\n",
                    TRIB_STR_ARG(name), TRIB_STR_ARG(table));
}

static trib_str column(sqlite3_stmt *stmt, int at) {
    const void *bytes = sqlite3_column_blob(stmt, at);
    return trib_str_make(bytes ? bytes : "", (size_t)sqlite3_column_bytes(stmt, at));
}

static int look_at_schema(sqlite3 *sqlite, found *f) {
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(sqlite, "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL", -1,
                                &stmt, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        look_at(f, column(stmt, 0), column(stmt, 1), column(stmt, 2), column(stmt, 3));
        rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static trib_code fit_schema(const char *path, found *f, trib_error *err) {
    sqlite3 *sqlite = NULL;
    int rc = open_file(path, SQLITE_OPEN_READWRITE, &sqlite);
    if (rc == SQLITE_OK) rc = sqlite3_exec(sqlite, "PRAGMA writable_schema=ON", NULL, NULL, NULL);
    if (rc == SQLITE_OK) rc = look_at_schema(sqlite, f);
    if (rc == SQLITE_OK) rc = mark_random_rowid(sqlite);
    trib_code code = rc == SQLITE_OK ? TRIB_OK : sql_error(sqlite, rc, path, err);
    (void)sqlite3_close(sqlite);
    if (code != TRIB_OK) return code;
    return f->drops.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

/* ---- fit: the file ---- */

static int run_drops(sqlite3 *sqlite, found *f) {
    trib_buf_add_char(&f->drops, '\0');
    return f->drops.failed ? SQLITE_NOMEM : sqlite3_exec(sqlite, f->drops.ptr, NULL, NULL, NULL);
}

static trib_code make_fit(sqlite3 *sqlite, const char *path, found *f, int64_t *ret_bytes, trib_error *err) {
    int rc = sqlite3_exec(sqlite, "PRAGMA synchronous=OFF", NULL, NULL, NULL);
    /* the schema is read here: what is wrong with it is said now. Leaving WAL takes the log in and removes it */
    if (rc == SQLITE_OK) rc = sqlite3_exec(sqlite, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_exec(sqlite, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
    if (rc != SQLITE_OK) return sql_error(sqlite, rc, path, err);
    sqlite3_stmt *stmt = NULL;
    rc = sqlite3_prepare_v2(sqlite, "PRAGMA encoding", -1, &stmt, NULL);
    bool utf8 = rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW && trib_str_eq_c(column(stmt, 0), "UTF-8");
    sqlite3_finalize(stmt);
    if (!utf8)
        return trib_error_set(
            err, TRIB_IMPORT_REFUSED,
            "the texts of the database are UTF-16, and only UTF-8 is served here; import a dump of it: "
            "sqlite3 FILE .dump | trib import sql - TENANT");
    if (f->drops.len) rc = run_drops(sqlite, f);
    int64_t page_bytes = trib_sqlite_number(sqlite, "PRAGMA page_size");
    if (rc == SQLITE_OK && page_bytes != PAGE_BYTES && trib_sqlite_number(sqlite, "PRAGMA page_count") > 0) {
        rc = sqlite3_exec(sqlite, "PRAGMA page_size=4096; VACUUM", NULL, NULL, NULL);
        trib_buf_printf(
            f->notes,
            "pages of %lld bytes became pages of 4,096; rowids of tables without INTEGER PRIMARY KEY may be "
            "others\n",
            (long long)page_bytes);
    }
    if (rc != SQLITE_OK) return sql_error(sqlite, rc, path, err);
    *ret_bytes = trib_sqlite_number(sqlite, "PRAGMA page_count") * PAGE_BYTES;
    return TRIB_OK;
}

trib_code trib_db_copy_fit(const char *path, trib_buf *notes, int64_t *ret_bytes, trib_error *err) {
    found f = {.notes = notes};
    sqlite3 *sqlite = NULL;
    trib_buf_init(&f.drops, 1 << 20);
    trib_code code = fit_schema(path, &f, err);
    if (code == TRIB_OK) {
        int rc = open_file(path, SQLITE_OPEN_READWRITE, &sqlite);
        code = rc == SQLITE_OK ? make_fit(sqlite, path, &f, ret_bytes, err) : sql_error(sqlite, rc, path, err);
        (void)sqlite3_close(sqlite);
    }
    trib_buf_deinit(&f.drops);
    return code;
}

/* ---- small queries ---- */

trib_code trib_db_copy_query(const char *path, const char *sql,
                             trib_code (*row)(void *ctx, const trib_str *values, size_t count, trib_error *err),
                             void *ctx, trib_error *err) {
    sqlite3 *sqlite = NULL;
    sqlite3_stmt *stmt = NULL;
    trib_code code = TRIB_OK;
    int rc = open_file(path, SQLITE_OPEN_READWRITE, &sqlite);
    if (rc == SQLITE_OK) rc = sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL);
    int count = stmt ? sqlite3_column_count(stmt) : 0;
    while (rc == SQLITE_OK && code == TRIB_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        trib_str values[COLUMNS_MAX] = {{0}};
        for (int i = 0; i < count && i < COLUMNS_MAX; i++) {
            if (sqlite3_column_type(stmt, i) != SQLITE_NULL) values[i] = column(stmt, i);
        }
        code = row(ctx, values, (size_t)(count < COLUMNS_MAX ? count : COLUMNS_MAX), err);
        rc = SQLITE_OK;
    }
    if (code == TRIB_OK && rc != SQLITE_DONE) code = sql_error(sqlite, rc, path, err);
    sqlite3_finalize(stmt);
    (void)sqlite3_close(sqlite);
    return code;
}
