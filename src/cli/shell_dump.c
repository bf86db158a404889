/* SPDX-License-Identifier: Apache-2.0 */
/* .dump: SQL that makes the database, or one table, again. It is read by queries, so it works on servers and files
 * alike, in one read transaction, a page of rows at a time.
 *
 *   PRAGMA foreign_keys=OFF; BEGIN;
 *   tables, each with its rows  ->  virtual tables with theirs  ->  indexes, views, triggers  ->  sqlite_sequence
 *   COMMIT;
 *
 * Values come back to the bit: texts travel as blobs (a text may hold what JSON cannot say), reals as SQLite's quote()
 * writes them. Rowids are kept where the table has no INTEGER PRIMARY KEY of its own, because full-text tables refer to
 * them. */
#include <inttypes.h>
#include <string.h>

#include "base/sql_text.h"
#include "cli/shell_int.h"
#include "wire/sql_write.h"

enum {
    PAGE_ROWS = 500,
    PAGE_ROWS_MIN = 1,
    INSERT_BYTES = 64 * 1024, /* of rows in one INSERT: few round trips when it is run, and far from 1 MiB */
    DUMP_ARENA = 64 << 20,
    KEYS_MAX = 64
};

typedef struct dump {
    trib_shell *sh;
    trib_arena arena; /* of the schema, for the whole dump */
    trib_buf out;     /* of one INSERT, or a piece */
    trib_buf query;
} dump;

/* A table as its rows are read. */
typedef struct source {
    trib_str name;
    trib_str *cols;
    size_t col_count;
    trib_str keys[KEYS_MAX]; /* what pages go by */
    size_t key_count;        /* 0: by OFFSET */
    trib_str rowid;          /* a name of the rowid that is kept; empty: none */
} source;

static const trib_str no_table = {0};

/* ---- asking and writing ---- */

static trib_code ask(dump *d, trib_str sql, const trib_value *args, size_t arg_count, trib_sql_rows *ret,
                     trib_error *err) {
    const trib_sql_stmt stmt = {sql, args, arg_count};
    return trib_shell_execute(d->sh, &stmt, ret, err);
}

/* Rows that stay: copies in the dump's arena. */
static trib_code ask_kept(dump *d, const char *sql, trib_str arg, trib_sql_rows *ret, trib_error *err) {
    const trib_value value = {.type = TRIB_VALUE_TEXT, .bytes = arg};
    const trib_sql_stmt stmt = {trib_str_c(sql), &value, arg.ptr ? 1 : 0};
    return trib_link_execute(&d->sh->link, &stmt, &d->arena, ret, err);
}

static trib_code write_out(dump *d, trib_error *err) {
    trib_str text = trib_buf_str(&d->out);
    bool ok = !d->out.failed && fwrite(text.ptr ? text.ptr : "", 1, text.len, d->sh->out) == text.len;
    bool failed = d->out.failed;
    trib_buf_clear(&d->out);
    if (failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    if (trib_interrupt_is_pending(&d->sh->interrupt))
        return trib_error_set(err, TRIB_CANCELLED, "the dump was cancelled; what was written is not whole");
    return ok ? TRIB_OK : trib_error_set(err, TRIB_IO, "the dump cannot be written; is the disk full?");
}

static trib_code write_text(dump *d, trib_str text, trib_error *err) {
    trib_buf_add(&d->out, text);
    return write_out(d, err);
}

/* A statement of the schema and its semicolon. Behind a comment to the line's end that needs a line of its own. */
static trib_code write_statement(dump *d, trib_str sql, trib_error *err) {
    trib_buf_add(&d->out, sql);
    trib_buf_add_c(&d->out, memmem(sql.ptr ? sql.ptr : "", sql.len, "--", 2) ? "\n;\n" : ";\n");
    return write_out(d, err);
}

/* ---- values ---- */

/* A pair of the query: typeof(x), and the value as select_value asks for it. */
static void add_literal(trib_buf *out, const trib_value *type, const trib_value *value) {
    trib_value literal = *value;
    bool is_text = trib_str_eq_c(type->bytes, "text"), is_real = trib_str_eq_c(type->bytes, "real");
    if (is_text) literal.type = TRIB_VALUE_TEXT;
    if (is_real && value->type == TRIB_VALUE_TEXT) trib_buf_add(out, value->bytes); /* as quote() wrote it */
    else trib_sql_write_value(out, literal);
}

static void select_value(trib_buf *sql, trib_str name) {
    trib_buf_add_c(sql, "typeof(");
    trib_sql_write_name(sql, name);
    trib_buf_add_c(sql, "),CASE typeof(");
    trib_sql_write_name(sql, name);
    trib_buf_add_c(sql, ") WHEN 'text' THEN CAST(");
    trib_sql_write_name(sql, name);
    trib_buf_add_c(sql, " AS BLOB) WHEN 'real' THEN quote(");
    trib_sql_write_name(sql, name);
    trib_buf_add_c(sql, ") ELSE ");
    trib_sql_write_name(sql, name);
    trib_buf_add_c(sql, " END");
}

/* ---- rows ---- */

static void add_names(trib_buf *sql, const trib_str *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (i) trib_buf_add_char(sql, ',');
        trib_sql_write_name(sql, names[i]);
    }
}

/* SELECT the values, then the keys, of the page behind the last keys. */
static trib_str make_query(dump *d, const source *s, bool first, size_t limit, uint64_t offset) {
    trib_buf *sql = &d->query;
    trib_buf_clear(sql);
    trib_buf_add_c(sql, "SELECT ");
    if (s->rowid.len) select_value(sql, s->rowid);
    for (size_t i = 0; i < s->col_count; i++) {
        if (i || s->rowid.len) trib_buf_add_char(sql, ',');
        select_value(sql, s->cols[i]);
    }
    if (s->key_count) trib_buf_add_char(sql, ',');
    add_names(sql, s->keys, s->key_count);
    trib_buf_add_c(sql, " FROM ");
    trib_sql_write_name(sql, s->name);
    if (s->key_count && !first) {
        trib_buf_add_c(sql, " WHERE (");
        add_names(sql, s->keys, s->key_count);
        trib_buf_add_c(sql, ")>(");
        for (size_t i = 0; i < s->key_count; i++) trib_buf_add_c(sql, i ? ",?" : "?");
        trib_buf_add_char(sql, ')');
    }
    if (s->key_count) {
        trib_buf_add_c(sql, " ORDER BY ");
        add_names(sql, s->keys, s->key_count);
    }
    trib_buf_printf(sql, " LIMIT %zu", limit);
    if (!s->key_count) trib_buf_printf(sql, " OFFSET %" PRIu64, offset);
    return trib_buf_str(sql);
}

static void begin_insert(dump *d, const source *s) {
    trib_buf_add_c(&d->out, "INSERT INTO ");
    trib_sql_write_name(&d->out, s->name);
    trib_buf_add_char(&d->out, '(');
    if (s->rowid.len) trib_sql_write_name(&d->out, s->rowid);
    if (s->rowid.len && s->col_count) trib_buf_add_char(&d->out, ',');
    add_names(&d->out, s->cols, s->col_count);
    trib_buf_add_c(&d->out, ") VALUES");
}

static trib_code write_page(dump *d, const source *s, const trib_sql_rows *rows, trib_error *err) {
    size_t values = s->col_count + (s->rowid.len ? 1 : 0);
    trib_code code = TRIB_OK;
    bool open = false;
    for (size_t row = 0; code == TRIB_OK && row < rows->row_count; row++) {
        const trib_value *pairs = rows->values + row * rows->col_count;
        if (!open) begin_insert(d, s);
        trib_buf_add_c(&d->out, open ? ",\n(" : "\n(");
        for (size_t i = 0; i < values; i++) {
            if (i) trib_buf_add_char(&d->out, ',');
            add_literal(&d->out, &pairs[2 * i], &pairs[2 * i + 1]);
        }
        trib_buf_add_char(&d->out, ')');
        open = d->out.len < INSERT_BYTES && row + 1 < rows->row_count;
        if (!open) trib_buf_add_c(&d->out, ";\n");
        if (!open) code = write_out(d, err);
    }
    return code;
}

/* The keys of a page's last row, kept beyond it. */
static void keep_keys(dump *d, const source *s, const trib_sql_rows *rows, trib_arena *arena, trib_value *keys) {
    const trib_value *last = rows->values + rows->row_count * rows->col_count - s->key_count;
    (void)d;
    trib_arena_reset(arena);
    for (size_t i = 0; i < s->key_count; i++) {
        keys[i] = last[i];
        if (last[i].type == TRIB_VALUE_TEXT || last[i].type == TRIB_VALUE_BLOB)
            keys[i].bytes = trib_arena_dup(arena, last[i].bytes);
    }
}

static trib_code write_rows(dump *d, const source *s, trib_error *err) {
    trib_value keys[KEYS_MAX];
    trib_arena key_arena;
    size_t limit = PAGE_ROWS;
    uint64_t offset = 0;
    bool first = true;
    trib_code code = TRIB_OK;
    trib_arena_init(&key_arena, DUMP_ARENA);
    for (;;) {
        trib_sql_rows rows = {0};
        code = ask(d, make_query(d, s, first, limit, offset), keys, first ? 0 : s->key_count, &rows, err);
        bool too_large = code != TRIB_OK && trib_str_eq_c(trib_str_c(trib_error_wire_code(err)), "RESPONSE_TOO_LARGE");
        if (code != TRIB_OK && too_large && limit > PAGE_ROWS_MIN) {
            limit /= 8; /* wide rows: fewer at once */
            if (limit < PAGE_ROWS_MIN) limit = PAGE_ROWS_MIN;
            continue;
        }
        if (code != TRIB_OK || rows.row_count == 0) break;
        code = write_page(d, s, &rows, err);
        if (code != TRIB_OK || rows.row_count < limit) break;
        keep_keys(d, s, &rows, &key_arena, keys);
        if (key_arena.failed) code = trib_error_set(err, TRIB_NOMEM, NULL);
        if (code != TRIB_OK) break;
        offset += rows.row_count;
        first = false;
    }
    trib_arena_deinit(&key_arena);
    return code;
}

/* ---- tables ---- */

static bool has_column(const source *s, const char *name) {
    for (size_t i = 0; i < s->col_count; i++) {
        if (trib_str_ieq_c(s->cols[i], name)) return true;
    }
    return false;
}

/* A name of the rowid that no column hides. */
static trib_str rowid_name(const source *s) {
    static const char *const names[] = {"rowid", "_rowid_", "oid"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!has_column(s, names[i])) return trib_str_c(names[i]);
    }
    return (trib_str){0};
}

/* rows: name, hidden, pk, type of each column, in order; without_rowid: as pragma_table_list says. */
static trib_code look_at_table(dump *d, trib_str name, bool without_rowid, source *ret, trib_error *err) {
    trib_sql_rows rows;
    source s = {.name = name};
    trib_code code =
        ask_kept(d, "SELECT name, hidden, pk, upper(type) FROM pragma_table_xinfo(?) ORDER BY cid", name, &rows, err);
    if (code != TRIB_OK) return code;
    s.cols = trib_arena_zalloc(&d->arena, rows.row_count, sizeof *s.cols);
    if (!s.cols) return trib_error_set(err, TRIB_NOMEM, NULL);
    size_t pk_count = 0;
    bool integer_key = false;
    trib_str all[KEYS_MAX] = {{0}};
    for (size_t i = 0; i < rows.row_count; i++) {
        const trib_value *row = rows.values + i * rows.col_count;
        size_t pk = (size_t)row[2].integer;
        if (pk > pk_count) pk_count = pk;
        if (pk > 0 && pk <= KEYS_MAX) all[pk - 1] = row[0].bytes;
        if (pk == 1) integer_key = trib_str_eq_c(row[3].bytes, "INTEGER");
        /* generated columns and the hidden ones of virtual tables are not written */
        if (row[1].integer == 0) s.cols[s.col_count++] = row[0].bytes;
    }
    trib_str rowid = rowid_name(&s);
    if (without_rowid && pk_count > 0 && pk_count <= KEYS_MAX) {
        memcpy(s.keys, all, sizeof all);
        s.key_count = pk_count;
    } else if (!without_rowid && rowid.len) {
        s.keys[0] = rowid;
        s.key_count = 1;
        /* "INTEGER PRIMARY KEY DESC" looks the same and is no rowid: writing the rowid too does no harm there */
        if (!integer_key || pk_count != 1) s.rowid = rowid;
    }
    *ret = s;
    return TRIB_OK;
}

static trib_code dump_table(dump *d, trib_str name, trib_str sql, bool without_rowid, trib_error *err) {
    source s;
    trib_code code = look_at_table(d, name, without_rowid, &s, err);
    if (code == TRIB_OK && sql.len) code = write_statement(d, sql, err);
    return code == TRIB_OK ? write_rows(d, &s, err) : code;
}

/* ---- virtual tables: made by their statement, filled through it ---- */

static bool has_word(trib_str sql, const char *word) {
    for (;;) {
        trib_sql_token token = trib_sql_next(&sql);
        if (token.type == TRIB_SQL_END) return false;
        if (trib_sql_is_word(token, word)) return true;
    }
}

static trib_code dump_virtual(dump *d, trib_str name, trib_str sql, trib_error *err) {
    source s = {0};
    bool is_fts = has_word(sql, "fts5"), is_rtree = has_word(sql, "rtree") || has_word(sql, "rtree_i32");
    trib_code code = write_statement(d, sql, err);
    if (code != TRIB_OK) return code;
    if (is_fts && has_word(sql, "content")) {
        /* its rows are another table's: the index is made from them. content='' has none to make it from */
        trib_buf_add_c(&d->out, "INSERT INTO ");
        trib_sql_write_name(&d->out, name);
        trib_buf_add_char(&d->out, '(');
        trib_sql_write_name(&d->out, name);
        trib_buf_add_c(&d->out, ") VALUES('rebuild');\n");
        return write_out(d, err);
    }
    if (!is_fts && !is_rtree) return TRIB_OK; /* fts5vocab and others hold nothing of their own */
    code = look_at_table(d, name, !is_fts, &s, err);
    s.key_count = is_fts ? s.key_count : 0;
    if (code == TRIB_OK && is_rtree && s.col_count) {
        s.keys[0] = s.cols[0];
        s.key_count = 1;
        s.rowid = (trib_str){0};
    }
    return code == TRIB_OK ? write_rows(d, &s, err) : code;
}

/* ---- the schema ---- */

#define TABLES                                                                                                         \
    "SELECT m.name, m.sql, l.wr, l.type FROM sqlite_schema AS m JOIN pragma_table_list AS l ON l.schema = 'main' AND " \
    "l.name = m.name WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND l.type IN ('table', "     \
    "'virtual')"
#define OTHERS       "SELECT sql FROM sqlite_schema WHERE type IN ('index', 'view', 'trigger') AND sql IS NOT NULL"
#define OTHERS_ORDER " ORDER BY CASE type WHEN 'index' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, rowid"

static trib_code dump_tables(dump *d, trib_str only, trib_error *err) {
    trib_sql_rows rows;
    trib_code code =
        ask_kept(d, only.ptr ? TABLES " AND m.name = ? COLLATE NOCASE" : TABLES " ORDER BY m.rowid", only, &rows, err);
    if (code == TRIB_OK && rows.row_count == 0 && only.ptr)
        return trib_error_set(err, TRIB_NOT_FOUND, "there is no table %.*s; .tables lists those that are there",
                              TRIB_STR_ARG(trib_str_sub(only, 0, 100)));
    /* ordinary ones first: a full-text table may be made from the rows of one */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; code == TRIB_OK && i < rows.row_count; i++) {
            const trib_value *row = rows.values + i * rows.col_count;
            bool is_virtual = trib_str_eq_c(row[3].bytes, "virtual");
            if (is_virtual != (pass == 1)) continue;
            if (is_virtual) code = dump_virtual(d, row[0].bytes, row[1].bytes, err);
            else code = dump_table(d, row[0].bytes, row[1].bytes, row[2].integer != 0, err);
        }
    }
    return code;
}

static trib_code dump_others(dump *d, trib_str only, trib_error *err) {
    trib_sql_rows rows;
    trib_code code = ask_kept(
        d, only.ptr ? OTHERS " AND tbl_name = ? COLLATE NOCASE" OTHERS_ORDER : OTHERS OTHERS_ORDER, only, &rows, err);
    for (size_t i = 0; code == TRIB_OK && i < rows.row_count; i++) {
        if (rows.values[i].type == TRIB_VALUE_TEXT) code = write_statement(d, rows.values[i].bytes, err);
    }
    return code;
}

/* What AUTOINCREMENT remembers, and whether ANALYZE was run. */
static trib_code dump_sequence(dump *d, trib_error *err) {
    trib_sql_rows rows;
    bool analyzed = false;
    source s;
    trib_code code = ask_kept(d, "SELECT name FROM sqlite_schema WHERE name IN ('sqlite_sequence', 'sqlite_stat1')",
                              no_table, &rows, err);
    for (size_t i = 0; code == TRIB_OK && i < rows.row_count; i++) {
        trib_str name = rows.values[i].bytes;
        analyzed = analyzed || trib_str_eq_c(name, "sqlite_stat1");
        if (!trib_str_eq_c(name, "sqlite_sequence")) continue;
        code = write_text(d, TRIB_STR("DELETE FROM \"sqlite_sequence\";\n"), err);
        if (code == TRIB_OK) code = look_at_table(d, name, false, &s, err);
        s.rowid = (trib_str){0};
        if (code == TRIB_OK) code = write_rows(d, &s, err);
    }
    return code == TRIB_OK && analyzed ? write_text(d, TRIB_STR("ANALYZE;\n"), err) : code;
}

/* Numbers in the file's head that applications keep there. */
static trib_code dump_head(dump *d, trib_error *err) {
    static const char *const names[] = {"user_version", "application_id"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char sql[64];
        trib_sql_rows rows;
        snprintf(sql, sizeof sql, "PRAGMA %s", names[i]);
        trib_code code = ask(d, trib_str_c(sql), NULL, 0, &rows, err);
        if (code != TRIB_OK) return code;
        if (rows.row_count != 1 || rows.values[0].integer == 0) continue;
        trib_buf_printf(&d->out, "PRAGMA %s=%" PRId64 ";\n", names[i], rows.values[0].integer);
    }
    return write_out(d, err);
}

static trib_code dump_all(dump *d, trib_str only, trib_error *err) {
    trib_code code = write_text(d, TRIB_STR("PRAGMA foreign_keys=OFF;\nBEGIN;\n"), err);
    if (code == TRIB_OK && !only.ptr) code = dump_head(d, err);
    if (code == TRIB_OK) code = dump_tables(d, only, err);
    if (code == TRIB_OK) code = dump_others(d, only, err);
    if (code == TRIB_OK && !only.ptr) code = dump_sequence(d, err);
    return code == TRIB_OK ? write_text(d, TRIB_STR("COMMIT;\n"), err) : code;
}

void trib_shell_dot_dump(trib_shell *sh, trib_str line) {
    dump d = {.sh = sh};
    trib_sql_rows rows;
    trib_error err, ignored;
    trib_str only = trib_shell_take_word(&line);
    if (!only.len) only = no_table;
    trib_arena_init(&d.arena, DUMP_ARENA);
    trib_buf_init(&d.out, TRIB_SHELL_ARENA_BYTES);
    trib_buf_init(&d.query, TRIB_SHELL_STATEMENT_MAX_BYTES);
    /* one snapshot for all queries; a savepoint also inside a transaction that was begun before */
    trib_code code = ask(&d, TRIB_STR("SAVEPOINT trib_dump"), NULL, 0, &rows, &err);
    bool begun = code == TRIB_OK;
    if (code == TRIB_OK) code = dump_all(&d, only, &err);
    if (begun) ask(&d, TRIB_STR("RELEASE trib_dump"), NULL, 0, &rows, &ignored);
    fflush(sh->out);
    if (code != TRIB_OK) {
        /* nobody may take the beginning for the whole: run, this undoes it */
        fputs("ROLLBACK; -- the dump is not whole\n", sh->out);
        fflush(sh->out);
        trib_shell_print_error(sh, &err);
    }
    trib_buf_deinit(&d.query);
    trib_buf_deinit(&d.out);
    trib_arena_deinit(&d.arena);
}
