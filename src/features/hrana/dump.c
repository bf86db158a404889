/* SPDX-License-Identifier: Apache-2.0 */
/* GET /dump: the database as SQL text, which makes an equal one in a fresh file.
 *
 *   PRAGMA foreign_keys=OFF;
 *   BEGIN TRANSACTION;
 *   CREATE TABLE IF NOT EXISTS ...; INSERT INTO ...       table by table, in the order in which they were made
 *   PRAGMA writable_schema=ON; INSERT INTO sqlite_schema  virtual tables; their shadow tables are dumped like others
 *   DELETE FROM sqlite_sequence; INSERT ...
 *   CREATE INDEX ...; CREATE VIEW ...; CREATE TRIGGER ...  behind the rows: cheaper, and no trigger fires
 *   COMMIT;
 *
 * All of it is read in one transaction. Only one statement is open at a time: the place in sqlite_schema is kept as a
 * rowid, so the job holds a chunk, a row and the texts of one object, however large the database is.
 *
 * A dump that fails midway ends without COMMIT and with a broken connection, so that neither a program nor SQLite takes
 * it for whole. */
#include <stdio.h>

#include "features/hrana/dump_int.h"
#include "features/hrana/hrana_int.h"
#include "wire/url.h"
#include "wire/sql_write.h"

enum {
    /* A row of TRIB_SQL_VALUE_MAX_BYTES (store) takes twice that as hexadecimal digits; with room for the chunk before
     * it. A row past it fails the dump: it is no bound for attackers, theirs is SQLite's. */
    DUMP_OUT_MAX_BYTES = 16 << 20,
    DUMP_TEXT_MAX_BYTES = 8 << 20 /* a name or a statement of sqlite_schema */
};

typedef enum dump_phase { DUMP_BEGIN, DUMP_TABLES, DUMP_ROWS, DUMP_SEQUENCE, DUMP_OBJECTS, DUMP_END } dump_phase;

typedef struct hrana_dump {
    dump_phase phase;
    dump_phase behind_rows; /* where it goes on when the rows are written */
    bool all_rowids;        /* asked for: each row says its rowid */
    bool writable_schema, autoincrement;
    int64_t schema_rowid; /* of the object that was taken last */
    size_t kind;          /* of object_kinds */
    trib_buf name, table, sql;
    /* the table whose rows are read */
    trib_buf columns;                      /* "a","b" */
    trib_buf select, insert, insert_rowid; /* INSERT INTO "t" VALUES(    INSERT INTO "t"(rowid,"a","b") VALUES( */
    bool has_rowid;                        /* it is the first column of `select` */
    int64_t next_rowid;                    /* what the next row gets by itself; 0: nobody knows */
} hrana_dump;

static const char *const object_kinds[] = {"index", "view", "trigger"};
enum { OBJECT_KINDS = sizeof object_kinds / sizeof object_kinds[0] };

static const char *const rowid_names[] = {"rowid", "_rowid_", "oid"};
enum { ROWID_NAMES = sizeof rowid_names / sizeof rowid_names[0] };

static bool keep(trib_buf *to, trib_value value) {
    trib_buf_clear(to);
    if (value.type == TRIB_VALUE_TEXT) trib_buf_add(to, value.bytes);
    return !to->failed;
}

/* ---- queries ---- */

/* Prepares and binds. */
static trib_code query(hrana_exec *x, trib_handle *handle, trib_str sql, const trib_arg *args, size_t count,
                       trib_stmt **ret, trib_error *err) {
    *ret = NULL;
    trib_code code = trib_db_job_take_pending(&x->job, err);
    if (code == TRIB_OK && trib_db_job_is_cancelled(&x->job)) code = trib_error_set(err, TRIB_CANCELLED, NULL);
    if (code == TRIB_OK) code = trib_stmt_prepare(handle, sql, ret, err);
    if (code == TRIB_OK) code = trib_stmt_bind(*ret, args, count, err);
    if (code != TRIB_OK) {
        trib_stmt_free(*ret);
        *ret = NULL;
    }
    return code;
}

static trib_arg text_arg(trib_str text) {
    return (trib_arg){.value = {.type = TRIB_VALUE_TEXT, .bytes = text}};
}

/* The first value of the first row as an integer. */
static trib_code query_int(hrana_exec *x, trib_handle *handle, trib_str sql, const trib_arg *args, size_t count,
                           int64_t *ret, trib_error *err) {
    trib_stmt *stmt;
    bool row = false;
    trib_code code = query(x, handle, sql, args, count, &stmt, err);
    if (code == TRIB_OK) code = trib_stmt_step(stmt, &row, err);
    if (code == TRIB_OK && row) {
        trib_value value = trib_stmt_col_value(stmt, 0);
        *ret = value.type == TRIB_VALUE_INTEGER ? value.integer : 0;
    }
    trib_stmt_free(stmt);
    return code;
}

/* The object of this type behind d->schema_rowid; *ret_found false: there is none. */
static trib_code next_object(hrana_exec *x, trib_handle *handle, const char *type, bool *ret_found, trib_error *err) {
    hrana_dump *d = x->dump;
    trib_arg args[2] = {text_arg(trib_str_c(type)),
                        {.value = {.type = TRIB_VALUE_INTEGER, .integer = d->schema_rowid}}};
    trib_stmt *stmt;
    bool row = false, kept = true;
    trib_code code = query(x, handle,
                           TRIB_STR("SELECT rowid, name, tbl_name, sql FROM sqlite_schema WHERE type=?1 AND rowid>?2 "
                                    "AND sql IS NOT NULL ORDER BY rowid LIMIT 1"),
                           args, 2, &stmt, err);
    if (code == TRIB_OK) code = trib_stmt_step(stmt, &row, err);
    if (code == TRIB_OK && row) {
        d->schema_rowid = trib_stmt_col_value(stmt, 0).integer;
        kept = keep(&d->name, trib_stmt_col_value(stmt, 1)) && keep(&d->table, trib_stmt_col_value(stmt, 2)) &&
               keep(&d->sql, trib_stmt_col_value(stmt, 3));
    }
    trib_stmt_free(stmt);
    if (code == TRIB_OK && !kept) code = trib_error_set(err, TRIB_NOMEM, NULL);
    *ret_found = row;
    return code;
}

/* ---- one table ---- */

/* Lists the columns that rows are given with, and strikes the names of the rowid that they take. */
static trib_code list_columns(hrana_exec *x, trib_handle *handle, bool free_names[ROWID_NAMES], trib_error *err) {
    hrana_dump *d = x->dump;
    trib_arg arg = text_arg(trib_buf_str(&d->name));
    trib_stmt *stmt;
    bool row = false;
    trib_buf_clear(&d->columns);
    trib_code code =
        query(x, handle, TRIB_STR("SELECT name, hidden FROM pragma_table_xinfo(?1) ORDER BY cid"), &arg, 1, &stmt, err);
    while (code == TRIB_OK && (code = trib_stmt_step(stmt, &row, err)) == TRIB_OK && row) {
        trib_str name = trib_stmt_col_value(stmt, 0).bytes;
        for (size_t i = 0; i < ROWID_NAMES; i++)
            if (trib_str_ieq_c(name, rowid_names[i])) free_names[i] = false;
        if (trib_stmt_col_value(stmt, 1).integer != 0) continue; /* generated: nobody can insert it */
        if (d->columns.len) trib_buf_add_char(&d->columns, ',');
        trib_sql_write_name(&d->columns, name);
    }
    trib_stmt_free(stmt);
    return code;
}

/* Rows whose rowid only a column shows need not say it again, and some tables have none. */
static trib_code needs_rowid(hrana_exec *x, trib_handle *handle, bool *ret, trib_error *err) {
    trib_arg arg = text_arg(trib_buf_str(&x->dump->name));
    int64_t without = 0;
    trib_code code =
        query_int(x, handle,
                  TRIB_STR("SELECT EXISTS(SELECT 1 FROM pragma_table_list(?1) WHERE schema='main' AND wr) OR "
                           "((SELECT count(*)=1 AND max(upper(type))='INTEGER' FROM pragma_table_xinfo(?1) WHERE pk) "
                           "AND NOT EXISTS(SELECT 1 FROM pragma_index_list(?1) WHERE origin='pk'))"),
                  &arg, 1, &without, err);
    *ret = without == 0;
    return code;
}

/* The texts to read and write the rows with; rowid NULL: it is not to be had, or a column has it. */
static void write_texts(hrana_dump *d, const char *rowid) {
    trib_str name = trib_buf_str(&d->name), columns = trib_buf_str(&d->columns);
    trib_buf_clear(&d->insert);
    trib_buf_add_c(&d->insert, "INSERT INTO ");
    trib_sql_write_name(&d->insert, name);
    trib_buf_clear(&d->insert_rowid);
    trib_buf_add(&d->insert_rowid, trib_buf_str(&d->insert));
    trib_buf_add_c(&d->insert, " VALUES(");
    trib_buf_clear(&d->select);
    trib_buf_add_c(&d->select, "SELECT ");
    if (rowid) {
        trib_buf_printf(&d->insert_rowid, "(%s,", rowid);
        trib_buf_add(&d->insert_rowid, columns);
        trib_buf_add_c(&d->insert_rowid, ") VALUES(");
        trib_buf_printf(&d->select, "%s,", rowid);
    }
    trib_buf_add(&d->select, columns);
    trib_buf_add_c(&d->select, " FROM ");
    trib_sql_write_name(&d->select, name);
    /* an index that has all columns would be read in its own order */
    if (rowid) trib_buf_printf(&d->select, " NOT INDEXED ORDER BY %s", rowid);
}

/* Writes the table's statement; its rows are next. */
static trib_code begin_table(hrana_exec *x, trib_handle *handle, trib_error *err) {
    hrana_dump *d = x->dump;
    bool free_names[ROWID_NAMES] = {true, true, true};
    hrana_dump_schema(&x->out, trib_buf_str(&d->sql));
    d->autoincrement = d->autoincrement || hrana_dump_is_autoincrement(trib_buf_str(&d->sql));
    trib_code code = needs_rowid(x, handle, &d->has_rowid, err);
    if (code == TRIB_OK) code = list_columns(x, handle, free_names, err);
    if (code != TRIB_OK) return code;
    size_t at = 0;
    while (at < ROWID_NAMES && !free_names[at]) at++;
    if (at == ROWID_NAMES) d->has_rowid = false; /* three columns hide it from everybody */
    write_texts(d, d->has_rowid ? rowid_names[at] : NULL);
    d->next_rowid = 1;
    d->phase = DUMP_ROWS;
    d->behind_rows = DUMP_TABLES;
    bool lost = d->columns.failed || d->select.failed || d->insert.failed || d->insert_rowid.failed;
    return lost ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code next_table(hrana_exec *x, trib_handle *handle, trib_error *err) {
    hrana_dump *d = x->dump;
    bool found;
    trib_code code = next_object(x, handle, "table", &found, err);
    if (code != TRIB_OK) return code;
    if (!found) {
        d->phase = DUMP_SEQUENCE;
        return TRIB_OK;
    }
    if (hrana_dump_is_internal(trib_buf_str(&d->name))) return TRIB_OK;
    if (hrana_dump_is_virtual(trib_buf_str(&d->sql))) {
        if (!d->writable_schema) trib_buf_add_c(&x->out, "PRAGMA writable_schema=ON;\n");
        d->writable_schema = true;
        hrana_dump_virtual(&x->out, trib_buf_str(&d->name), trib_buf_str(&d->sql));
        return TRIB_OK;
    }
    return begin_table(x, handle, err);
}

/* ---- rows ---- */

static void write_row(hrana_exec *x, const trib_stmt *stmt) {
    hrana_dump *d = x->dump;
    int count = trib_stmt_col_count(stmt), from = 0;
    const trib_buf *insert = &d->insert;
    if (d->has_rowid) {
        int64_t rowid = trib_stmt_col_value(stmt, 0).integer;
        if (d->all_rowids || d->next_rowid < 1 || rowid != d->next_rowid) insert = &d->insert_rowid;
        else from = 1;
        d->next_rowid = rowid >= 1 && rowid < INT64_MAX ? rowid + 1 : 0;
    }
    trib_buf_add(&x->out, trib_buf_str(insert));
    for (int i = from; i < count; i++) {
        if (i > from) trib_buf_add_char(&x->out, ',');
        trib_sql_write_value(&x->out, trib_stmt_col_value(stmt, i));
    }
    trib_buf_add_c(&x->out, ");\n");
}

static trib_code write_rows(hrana_exec *x, trib_handle *handle, trib_error *err) {
    trib_stmt *stmt = x->running;
    bool row = true;
    x->running = NULL;
    trib_code code = trib_db_job_take_pending(&x->job, err);
    if (code == TRIB_OK && !stmt) code = query(x, handle, trib_buf_str(&x->dump->select), NULL, 0, &stmt, err);
    while (code == TRIB_OK && x->out.len < TRIB_HRANA_CHUNK_BYTES) {
        code = trib_stmt_step(stmt, &row, err);
        if (code != TRIB_OK || !row) break;
        write_row(x, stmt);
        if (x->out.failed)
            code = trib_error_set(err, TRIB_ROW_TOO_LARGE, "a row of the table %.*s does not fit the server's memory",
                                  TRIB_STR_ARG(trib_str_sub(trib_buf_str(&x->dump->name), 0, 100)));
    }
    if (code == TRIB_OK && row) {
        x->running = stmt;
        return hrana_chunk(x);
    }
    trib_stmt_free(stmt);
    if (code == TRIB_OK) x->dump->phase = x->dump->behind_rows;
    return code;
}

/* ---- the rest ---- */

static trib_code begin(hrana_exec *x, trib_handle *handle, trib_error *err) {
    static const char *const pragmas[] = {"user_version", "application_id"};
    trib_stmt *stmt;
    bool row;
    trib_code code = query(x, handle, TRIB_STR("BEGIN READONLY"), NULL, 0, &stmt, err);
    if (code == TRIB_OK) code = trib_stmt_step(stmt, &row, err);
    trib_stmt_free(stmt);
    trib_buf_add_c(&x->out, "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n");
    for (size_t i = 0; code == TRIB_OK && i < sizeof pragmas / sizeof pragmas[0]; i++) {
        char sql[64];
        int64_t value = 0;
        int len = snprintf(sql, sizeof sql, "PRAGMA %s", pragmas[i]);
        code = query_int(x, handle, trib_str_make(sql, (size_t)len), NULL, 0, &value, err);
        if (code == TRIB_OK && value != 0) trib_buf_printf(&x->out, "PRAGMA %s=%lld;\n", pragmas[i], (long long)value);
    }
    x->dump->phase = DUMP_TABLES;
    return code;
}

/* The table is there as soon as a table with AUTOINCREMENT is, and has followed its rows. */
static void begin_sequence(hrana_exec *x) {
    hrana_dump *d = x->dump;
    d->schema_rowid = 0;
    d->phase = DUMP_OBJECTS;
    if (!d->autoincrement) return;
    d->phase = DUMP_ROWS;
    d->behind_rows = DUMP_OBJECTS;
    d->has_rowid = false;
    trib_buf_clear(&d->select);
    trib_buf_clear(&d->insert);
    trib_buf_add_c(&d->select, "SELECT name, seq FROM sqlite_sequence WHERE "
                               "lower(substr(coalesce(name,''),1,6))<>'_trib_' ORDER BY rowid");
    trib_buf_add_c(&d->insert, "INSERT INTO sqlite_sequence VALUES(");
    trib_buf_add_c(&x->out, "DELETE FROM sqlite_sequence;\n");
}

static trib_code write_object(hrana_exec *x, trib_handle *handle, trib_error *err) {
    hrana_dump *d = x->dump;
    bool found;
    trib_code code = next_object(x, handle, object_kinds[d->kind], &found, err);
    if (code != TRIB_OK) return code;
    if (!found) {
        d->schema_rowid = 0;
        if (++d->kind == OBJECT_KINDS) d->phase = DUMP_END;
        return TRIB_OK;
    }
    if (!hrana_dump_is_internal(trib_buf_str(&d->name)) && !hrana_dump_is_internal(trib_buf_str(&d->table)))
        hrana_dump_schema(&x->out, trib_buf_str(&d->sql));
    return TRIB_OK;
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    hrana_dump *d = x->dump;
    trib_code code = TRIB_OK;
    while (d->phase != DUMP_END && code == TRIB_OK) {
        if (x->out.failed) return hrana_output_full(x, err);
        if (!x->running && x->out.len >= TRIB_HRANA_CHUNK_BYTES) return hrana_chunk(x);
        switch (d->phase) {
        case DUMP_BEGIN: code = begin(x, handle, err); break;
        case DUMP_TABLES: code = next_table(x, handle, err); break;
        case DUMP_ROWS: code = write_rows(x, handle, err); break;
        case DUMP_SEQUENCE: begin_sequence(x); break;
        case DUMP_OBJECTS: code = write_object(x, handle, err); break;
        case DUMP_END: break;
        }
    }
    if (code != TRIB_OK) return code;
    job->close_session = true;
    if (d->writable_schema) trib_buf_add_c(&x->out, "PRAGMA writable_schema=OFF;\n");
    trib_buf_add_c(&x->out, "COMMIT;\n");
    if (x->out.failed) return hrana_output_full(x, err);
    hrana_pack_whole(x);
    return TRIB_OK;
}

/* ---- on the loop ---- */

static void for_texts(hrana_dump *d, void (*act)(trib_buf *)) {
    trib_buf *const texts[] = {&d->name, &d->table, &d->sql, &d->columns, &d->select, &d->insert, &d->insert_rowid};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) act(texts[i]);
}

static void init_text(trib_buf *text) {
    trib_buf_init(text, DUMP_TEXT_MAX_BYTES);
}

static void handed(trib_db_job *job) {
    hrana_stream_hand_over((hrana_exec *)(void *)job);
}

static void finished(trib_db_job *job) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    char baton[TRIB_BATON_BYTES];
    bool failed = job->code != TRIB_OK;
    for_texts(x->dump, trib_buf_deinit);
    if (!x->streaming) {
        if (hrana_exec_settle(x, false, baton)) hrana_exec_answer(x, "text/plain");
        return;
    }
    trib_session_close(x->http->app->sessions, job->session);
    if (failed) {
        hrana_pack_drop(x);
        if (job->code != TRIB_CANCELLED)
            trib_buf_printf(&x->out, "ROLLBACK; -- due to errors: %s\n", trib_error_wire_code(&job->err));
    }
    hrana_stream_end(x, failed);
}

static trib_code read_query(trib_http_request *http, hrana_dump *d, trib_error *err) {
    trib_query params;
    trib_code code = trib_query_parse(http->arena, http->query, &params, err);
    if (code != TRIB_OK) return code;
    const trib_str *value = trib_query_get(&params, "preserve_row_ids");
    d->all_rowids = value && trib_str_eq_c(*value, "true");
    return TRIB_OK;
}

static hrana_dump *dump_new(trib_arena *arena) {
    hrana_dump *d = trib_arena_zalloc(arena, 1, sizeof *d);
    if (!d) return NULL;
    for_texts(d, init_text);
    return d;
}

void hrana_handle_dump(trib_http_request *http) {
    trib_error err;
    if (trib_str_eq_c(http->method, "HEAD")) { /* nobody would see what a job reads */
        trib_http_answer answer = {.status = 200, .content_type = "text/plain"};
        trib_http_stream_begin(http, &answer, NULL);
        trib_http_stream_end(http, false);
        return;
    }
    hrana_exec *x = hrana_exec_new(http);
    if (!x) return;
    x->dump = dump_new(http->arena);
    trib_code code = x->dump ? read_query(http, x->dump, &err) : trib_error_set(&err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) code = hrana_exec_open(x, (trib_str){0}, &err);
    if (code != TRIB_OK) {
        hrana_exec_fail(x, &err);
        return;
    }
    trib_buf_deinit(&x->out);
    trib_buf_init(&x->out, DUMP_OUT_MAX_BYTES);
    x->job.access = TRIB_ACCESS_READ;
    x->job.handed = handed;
    hrana_exec_submit(x, work, finished);
}
