/* SPDX-License-Identifier: Apache-2.0 */
/* ALTER COLUMN by writing the text in sqlite_schema; see libsql_alter.h.
 *
 *   old text --tokens--> new text --both in scratch databases--> same shape? --> written, schema cookie raised
 *
 * The scratch databases are in memory and hold the table, with its indexes, once as it is and once as it shall be. The
 * new text is taken only if SQLite accepts it there, and if nothing that decides how rows and keys lie in the file is
 * another: columns, their order, PRIMARY KEY, UNIQUE, generated columns, WITHOUT ROWID, STRICT. What may be another:
 *
 *   default     rows that are older than their column (ADD COLUMN) hold no value for it and would show the new default;
 *               they are written out first, so that existing rows stay as they are
 *   collation   indexes are built again, also when the type changes, on which expressions in indexes may depend
 *   type        values stay as they are; in a STRICT table they must fit, and SQLite checks and converts each of them
 *
 * sqlite_schema is writable, and the mode DEFENSIVE off, only while this file's own statements run. */
#include "store/libsql_alter.h"

#include <stdlib.h>
#include <string.h>

#include "store/functions.h"
#include "store/libsql_text.h"
#include "store/sqlite_seam.h"

enum { SHAPE_BYTES_MAX = 4 << 20 }; /* of what is compared: 2,000 columns in each of 64 indexes */

typedef struct plan {
    trib_handle *handle;
    trib_alter_column request;
    char *table, *column; /* plain names, as the client spelled them */
    char *name;           /* the table's, as the schema spells it */
    char *old_sql;
    trib_buf new_sql; /* with a NUL */
    bool strict;
    bool spell_out;      /* rows get the old default written into them */
    bool rebuild, check; /* indexes; values of a STRICT table */
} plan;

static void plan_deinit(plan *p) {
    free(p->table);
    free(p->column);
    free(p->name);
    free(p->old_sql);
    trib_buf_deinit(&p->new_sql);
}

/* ---- errors ---- */

static trib_code sql_error(trib_error *err) {
    if (!err) return TRIB_SQL_ERROR;
    err->detail = SQLITE_ERROR;
    memcpy(err->text_code, "SQLITE_ERROR", sizeof "SQLITE_ERROR");
    return TRIB_SQL_ERROR;
}

static trib_code refuse(const plan *p, trib_error *err, const char *why) {
    trib_error_set(err, TRIB_SQL_ERROR, "SQLite error: error in altering column \"%.64s\" of table %.64s: %s",
                   p->column, p->table, why);
    return sql_error(err);
}

static trib_code nomem(trib_error *err) {
    return trib_error_set(err, TRIB_NOMEM, NULL);
}

/* ---- the texts ---- */

static char *plain_name(trib_sql_token token) {
    char *name = malloc(token.text.len + 1);
    if (name) trib_sql_name_copy(token, name);
    return name;
}

static char *copy_text(sqlite3_stmt *stmt, int col) {
    const char *text = (const char *)sqlite3_column_text(stmt, col);
    return text ? strdup(text) : NULL;
}

/* The table as the schema has it; *ret_kind: "table", "view", "shadow", "virtual". */
static trib_code find_table(plan *p, char ret_kind[16], trib_error *err) {
    static const char sql[] =
        "SELECT s.name, s.sql, l.type, l.strict FROM main.sqlite_schema s, pragma_table_list(s.name) l "
        "WHERE l.schema = 'main' AND l.name = s.name AND s.type IN ('table', 'view') "
        "AND s.name = ?1 COLLATE NOCASE";
    sqlite3 *sqlite = p->handle->sqlite;
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_bind_text(stmt, 1, p->table, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
    trib_code code = TRIB_OK;
    if (rc == SQLITE_ROW) {
        p->name = copy_text(stmt, 0);
        p->old_sql = copy_text(stmt, 1);
        p->strict = sqlite3_column_int(stmt, 3) != 0;
        sqlite3_snprintf(16, ret_kind, "%s", sqlite3_column_text(stmt, 2));
        if (!p->name || !p->old_sql) code = nomem(err);
    } else if (rc == SQLITE_DONE) {
        trib_error_set(err, TRIB_SQL_ERROR, "SQLite error: no such table: %.64s", p->table);
        code = sql_error(err);
    } else {
        code = trib_sqlite_error(p->handle, rc, err);
    }
    sqlite3_finalize(stmt);
    return code;
}

/* The new definition in the place of the old one. */
static trib_code write_text(plan *p, trib_error *err) {
    trib_str old = trib_str_c(p->old_sql), definition = p->request.definition, rest = definition;
    size_t from, to;
    if (!trib_libsql_find_column(old, p->request.column, &from, &to)) {
        trib_error_set(err, TRIB_SQL_ERROR, "SQLite error: no such column: \"%.64s\"", p->column);
        return sql_error(err);
    }
    trib_sql_token name = trib_sql_next(&rest);
    if (!trib_sql_same_name(name, p->request.column)) {
        trib_error_set(err, TRIB_SQL_ERROR,
                       "SQLite error: UPDATE cannot also rename column: \"%.64s\" to %.*s. Use ALTER TABLE RENAME "
                       "instead",
                       p->column, TRIB_STR_ARG(trib_str_sub(name.text, 0, 64)));
        return sql_error(err);
    }
    const char *fixed = trib_libsql_fixed_constraint(trib_str_sub(old, from, to));
    if (!fixed) fixed = trib_libsql_fixed_constraint(definition);
    if (fixed) {
        char why[80];
        sqlite3_snprintf(sizeof why, why, "%s constraint cannot be altered; make a new table and copy the rows", fixed);
        return refuse(p, err, why);
    }
    trib_buf_add(&p->new_sql, trib_str_sub(old, 0, from));
    trib_buf_add(&p->new_sql, definition);
    trib_buf_add(&p->new_sql, trib_str_sub(old, to, old.len));
    trib_buf_add_char(&p->new_sql, '\0');
    return p->new_sql.failed ? nomem(err) : TRIB_OK;
}

/* ---- the scratch databases ---- */

/* What SQLite answers to a query with the table's name, appended to `out` as text. */
static int tell(sqlite3 *scratch, const char *query, const plan *p, trib_buf *out) {
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(scratch, query, -1, &stmt, NULL);
    if (rc == SQLITE_OK) sqlite3_bind_text(stmt, 1, p->name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && sqlite3_bind_parameter_count(stmt) > 1)
        sqlite3_bind_text(stmt, 2, p->column, -1, SQLITE_STATIC);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            const char *text = (const char *)sqlite3_column_text(stmt, i);
            trib_buf_add_c(out, text ? text : "\x01"); /* NULL is not the empty text */
            trib_buf_add_char(out, '\x02');
        }
        rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Runs the one statement that `sql` must be. */
static int run_one(sqlite3 *sqlite, const char *sql) {
    sqlite3_stmt *stmt = NULL;
    const char *tail = "";
    int rc = sqlite3_prepare_v2(sqlite, sql, -1, &stmt, &tail);
    if (rc == SQLITE_OK && !trib_sql_is_blank(trib_str_c(tail))) rc = SQLITE_MISUSE;
    if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int copy_indexes(const plan *p, sqlite3 *scratch) {
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(p->handle->sqlite,
                                "SELECT sql FROM main.sqlite_schema WHERE type = 'index' AND tbl_name = ?1 COLLATE "
                                "NOCASE AND sql IS NOT NULL ORDER BY rowid",
                                -1, &stmt, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_bind_text(stmt, 1, p->name, -1, SQLITE_STATIC);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = run_one(scratch, (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

typedef struct shape {
    sqlite3 *sqlite;
    trib_buf layout;     /* what must stay */
    trib_buf keys;       /* collations of all indexes */
    trib_buf type, dflt; /* of the column */
} shape;

static void shape_init(shape *s) {
    *s = (shape){.sqlite = NULL};
    trib_buf_init(&s->layout, SHAPE_BYTES_MAX);
    trib_buf_init(&s->keys, SHAPE_BYTES_MAX);
    trib_buf_init(&s->type, SHAPE_BYTES_MAX);
    trib_buf_init(&s->dflt, SHAPE_BYTES_MAX);
}

static void shape_deinit(shape *s) {
    sqlite3_close(s->sqlite);
    trib_buf_deinit(&s->layout);
    trib_buf_deinit(&s->keys);
    trib_buf_deinit(&s->type);
    trib_buf_deinit(&s->dflt);
}

/* Makes the table of `sql`, with its indexes, in a new scratch database, and notes what it is like. */
static int shape_make(shape *s, const plan *p, const char *sql) {
    int rc =
        sqlite3_open_v2(":memory:", &s->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY, NULL);
    if (rc != SQLITE_OK) return rc;
    trib_handle scratch = {
        .sqlite = s->sqlite, .db = p->handle->db, .env = p->handle->env, .policy = p->handle->policy};
    sqlite3_extended_result_codes(s->sqlite, 1);
    rc = trib_functions_register(&scratch);
    if (rc == SQLITE_OK) rc = run_one(s->sqlite, sql);
    if (rc == SQLITE_OK)
        rc = tell(s->sqlite, "SELECT lower(name), pk, hidden FROM pragma_table_xinfo(?1) ORDER BY cid", p, &s->layout);
    if (rc == SQLITE_OK)
        rc = tell(s->sqlite, "SELECT type, ncol, wr, strict FROM pragma_table_list WHERE name = ?1", p, &s->layout);
    if (rc == SQLITE_OK)
        rc = tell(s->sqlite, "SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1)", p, &s->layout);
    if (rc == SQLITE_OK) /* a table without rowid is an index itself, which cannot be built again */
        rc = tell(
            s->sqlite,
            "SELECT x.seqno, x.cid, x.\"desc\", x.coll FROM pragma_index_list(?1) l, pragma_index_xinfo(l.name) x, "
            "pragma_table_list t WHERE l.origin = 'pk' AND t.name = ?1 AND t.wr",
            p, &s->layout);
    if (rc == SQLITE_OK) rc = copy_indexes(p, s->sqlite);
    if (rc == SQLITE_OK)
        rc = tell(s->sqlite, "SELECT l.name, x.cid, x.coll FROM pragma_index_list(?1) l, pragma_index_xinfo(l.name) x",
                  p, &s->keys);
    static const char of_column[] = "SELECT %s FROM pragma_table_xinfo(?1) WHERE name = ?2 COLLATE NOCASE";
    char query[sizeof of_column + 16];
    sqlite3_snprintf(sizeof query, query, of_column, "type");
    if (rc == SQLITE_OK) rc = tell(s->sqlite, query, p, &s->type);
    sqlite3_snprintf(sizeof query, query, of_column, "dflt_value");
    if (rc == SQLITE_OK) rc = tell(s->sqlite, query, p, &s->dflt);
    bool failed = s->layout.failed || s->keys.failed || s->type.failed || s->dflt.failed;
    return rc == SQLITE_OK && failed ? SQLITE_NOMEM : rc;
}

static bool same(const trib_buf *a, const trib_buf *b) {
    return trib_str_eq(trib_buf_str(a), trib_buf_str(b));
}

static void compare(plan *p, const shape *was, const shape *will) {
    bool type = !same(&was->type, &will->type), dflt = !same(&was->dflt, &will->dflt);
    bool has_default = !trib_str_eq_c(trib_buf_str(&was->dflt), "\x01\x02");
    p->spell_out = dflt || (type && has_default);
    p->rebuild = was->keys.len > 0 && (type || !same(&was->keys, &will->keys));
    p->check = p->strict && type;
}

static trib_code verify(plan *p, trib_error *err) {
    shape was, will;
    trib_code code = TRIB_OK;
    shape_init(&was);
    shape_init(&will);
    int rc = shape_make(&was, p, p->old_sql);
    if (rc == SQLITE_OK) {
        rc = shape_make(&will, p, p->new_sql.ptr);
        if (rc != SQLITE_OK && rc != SQLITE_NOMEM) code = refuse(p, err, sqlite3_errmsg(will.sqlite));
    } else if (rc != SQLITE_NOMEM) {
        code = refuse(p, err, "this table is made with something that cannot be checked");
    }
    if (rc == SQLITE_NOMEM) code = nomem(err);
    if (code == TRIB_OK && !same(&was.layout, &will.layout))
        code = refuse(p, err, "this would change how its rows are stored; make a new table and copy the rows");
    if (code == TRIB_OK) compare(p, &was, &will);
    shape_deinit(&was);
    shape_deinit(&will);
    return code;
}

static trib_code make_plan(plan *p, trib_handle *handle, trib_str sql, trib_error *err) {
    char kind[16] = "";
    *p = (plan){.handle = handle};
    trib_buf_init(&p->new_sql, 2 * TRIB_SQL_MAX_BYTES);
    if (trib_libsql_alter_column(sql, &p->request, err) != TRIB_ALTER_COLUMN)
        return err ? err->code : TRIB_SQL_PARSE_ERROR;
    p->table = plain_name(p->request.table);
    p->column = plain_name(p->request.column);
    if (!p->table || !p->column) return nomem(err);
    trib_str schema = trib_sql_unquoted(p->request.schema);
    if (schema.len > 0 && !trib_str_ieq_c(schema, "main")) {
        trib_error_set(err, TRIB_SQL_ERROR, "SQLite error: no such table: %.*s.%.64s",
                       TRIB_STR_ARG(trib_str_sub(schema, 0, 64)), p->table);
        return sql_error(err);
    }
    if (trib_sql_name_starts(p->request.table, TRIB_STR("sqlite_")))
        return refuse(p, err, "tables of SQLite may not be altered");
    trib_code code = find_table(p, kind, err);
    if (code != TRIB_OK) return code;
    if (strcmp(kind, "table") != 0) return refuse(p, err, "only ordinary tables can be altered");
    code = write_text(p, err);
    return code == TRIB_OK ? verify(p, err) : code;
}

trib_code trib_libsql_alter_check(trib_handle *handle, trib_str sql, trib_error *err) {
    plan p;
    trib_error own;
    if (handle->access == TRIB_ACCESS_READ) return trib_policy_readonly_error(err);
    trib_access access = handle->access;
    handle->access = TRIB_ACCESS_SYSTEM; /* the schema is read for the client, not by it */
    trib_code code = make_plan(&p, handle, sql, err ? err : &own);
    handle->access = access;
    plan_deinit(&p);
    return code;
}

/* ---- doing it ---- */

static int run_named(sqlite3 *sqlite, const char *format, const char *a, const char *b) {
    char *sql = sqlite3_mprintf(format, a, b, b);
    if (!sql) return SQLITE_NOMEM;
    int rc = sqlite3_exec(sqlite, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    return rc;
}

static int write_schema(const plan *p) {
    sqlite3 *sqlite = p->handle->sqlite;
    sqlite3_stmt *stmt = NULL;
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
    int rc = sqlite3_prepare_v2(sqlite, "UPDATE main.sqlite_schema SET sql = ?1 WHERE type = 'table' AND name = ?2", -1,
                                &stmt, NULL);
    if (rc == SQLITE_OK) sqlite3_bind_text(stmt, 1, p->new_sql.ptr, (int)p->new_sql.len - 1, SQLITE_STATIC);
    if (rc == SQLITE_OK) sqlite3_bind_text(stmt, 2, p->name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_DONE) rc = SQLITE_OK;
    sqlite3_finalize(stmt);
    stmt = NULL;
    sqlite3_int64 version = 0;
    if (rc == SQLITE_OK) rc = sqlite3_prepare_v2(sqlite, "PRAGMA main.schema_version", -1, &stmt, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) version = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    if (rc == SQLITE_ROW) { /* which makes every connection, this one too, read the schema again */
        char sql[64];
        sqlite3_snprintf(sizeof sql, sql, "PRAGMA main.schema_version=%d", (int)((uint32_t)version + 1));
        rc = sqlite3_exec(sqlite, sql, NULL, NULL, NULL);
    }
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0, NULL);
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return rc;
}

/* Writes each row anew with the values that it shows, without triggers and foreign keys: nothing changes for them. */
static int touch_rows(const plan *p, const char *format) {
    sqlite3 *sqlite = p->handle->sqlite;
    int keys = 0;
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_ENABLE_FKEY, -1, &keys);
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_ENABLE_FKEY, 0, NULL);
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    int rc = run_named(sqlite, format, p->name, p->column);
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
    sqlite3_db_config(sqlite, SQLITE_DBCONFIG_ENABLE_FKEY, keys, NULL);
    return rc;
}

static int apply(const plan *p) {
    sqlite3 *sqlite = p->handle->sqlite;
    int rc = SQLITE_OK;
    /* OR IGNORE: rows that break a constraint that came later hold a value of their own already */
    if (p->spell_out) rc = touch_rows(p, "UPDATE OR IGNORE main.\"%w\" SET \"%w\" = \"%w\"");
    if (rc == SQLITE_OK) rc = write_schema(p);
    if (rc == SQLITE_OK) rc = run_named(sqlite, "SELECT 1 FROM main.\"%w\" LIMIT 0", p->name, "");
    if ((rc & 0xff) == SQLITE_CORRUPT) rc = SQLITE_ERROR; /* the new text, which goes again: not the file */
    if (rc == SQLITE_OK && p->check) rc = touch_rows(p, "UPDATE main.\"%w\" SET \"%w\" = \"%w\"");
    if (rc == SQLITE_OK && p->rebuild) rc = run_named(sqlite, "REINDEX main.\"%w\"", p->name, "");
    return rc;
}

static trib_code run(trib_handle *handle, trib_str sql, int *ret_rc, trib_error *err) {
    sqlite3 *sqlite = handle->sqlite;
    plan p = {.handle = NULL};
    bool alone = sqlite3_get_autocommit(sqlite) != 0;
    *ret_rc = sqlite3_exec(sqlite, "SAVEPOINT _trib_alter", NULL, NULL, NULL);
    if (*ret_rc != SQLITE_OK) return trib_sqlite_error(handle, *ret_rc, err);
    trib_code code = make_plan(&p, handle, sql, err);
    if (code == TRIB_OK) {
        *ret_rc = apply(&p);
        if (*ret_rc == SQLITE_OK) *ret_rc = sqlite3_exec(sqlite, "RELEASE _trib_alter", NULL, NULL, NULL);
        if (*ret_rc != SQLITE_OK) code = trib_sqlite_error(handle, *ret_rc, err);
    } else {
        *ret_rc = SQLITE_ERROR;
    }
    plan_deinit(&p);
    if (code == TRIB_OK || sqlite3_get_autocommit(sqlite)) return code;
    (void)sqlite3_exec(sqlite, alone ? "ROLLBACK" : "ROLLBACK TO _trib_alter", NULL, NULL, NULL);
    if (!alone) (void)sqlite3_exec(sqlite, "RELEASE _trib_alter", NULL, NULL, NULL);
    return code;
}

trib_code trib_libsql_alter_run(trib_handle *handle, trib_str sql, int *ret_rc, trib_error *err) {
    trib_error own;
    trib_access access = handle->access;
    sqlite3_int64 changes = sqlite3_changes64(handle->sqlite), total = sqlite3_total_changes64(handle->sqlite);
    handle->access = TRIB_ACCESS_SYSTEM; /* what the client may do was asked before; now the store writes the schema */
    trib_code code = run(handle, sql, ret_rc, err ? err : &own);
    handle->access = access;
    trib_sqlite_set_changes(handle->sqlite, changes, total);
    return code;
}
