/* SPDX-License-Identifier: Apache-2.0 */
/* .import: rows of CSV, JSON or NDJSON into a table, as the file is read.
 *
 *   file -> 64 KiB -> record -> batch of at most 500 rows -> SAVEPOINT; INSERT ... VALUES (?,..),(?,..) ...; RELEASE
 *
 * A batch is all or nothing, also inside a transaction that was begun before. If one is refused, its rows are tried one
 * by one, only to find which it is; then the batch is undone and the row is named by number and line. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/csv.h"
#include "cli/json_rows.h"
#include "cli/shell_int.h"
#include "wire/sql_write.h"

enum {
    READ_BYTES = 64 * 1024,
    BATCH_ROWS = 500,
    BATCH_VALUES = 30000,   /* a statement takes 32,766 arguments */
    BATCH_BYTES = 4 << 20,  /* a request takes 16 MiB, and Base64 and JSON need room */
    BATCH_ARENA = 64 << 20, /* values of a batch, with the row that did not fit any more */
    COLUMNS_MAX = TRIB_CSV_FIELDS_MAX
};

typedef enum header { HEADER_GUESS, HEADER_YES, HEADER_NO } header;

typedef struct import {
    trib_shell *sh;
    trib_str table;
    trib_str path;
    bool is_json;
    header header;
    uint64_t skip;

    trib_arena names; /* of the table's columns and the header's */
    trib_arena shape; /* of the members of JSON rows, while they are the same */
    trib_str *table_cols;
    size_t table_col_count;
    trib_str *cols; /* of the batch */
    size_t col_count;

    trib_arena arena; /* of the batch's values */
    trib_value *values;
    uint64_t lines[BATCH_ROWS];
    size_t rows, bytes;

    uint64_t row;  /* of the file, the one that is read; a header is none */
    uint64_t done; /* rows that are in */
    trib_csv csv;
    trib_json_rows json;
    trib_buf sql;
} import;

/* ---- statements ---- */

static trib_code run(import *im, trib_str sql, const trib_value *args, size_t arg_count, trib_error *err) {
    const trib_sql_stmt stmt = {sql, args, arg_count};
    trib_sql_rows rows;
    return trib_shell_execute(im->sh, &stmt, &rows, err);
}

/* INSERT INTO "t" ("a","b") VALUES (?,?),(?,?) into im->sql. */
static trib_str make_insert(import *im, size_t rows) {
    trib_buf *sql = &im->sql;
    trib_buf_clear(sql);
    trib_buf_add_c(sql, "INSERT INTO ");
    trib_sql_write_name(sql, im->table);
    for (size_t i = 0; i < im->col_count; i++) {
        trib_buf_add_c(sql, i ? "," : " (");
        trib_sql_write_name(sql, im->cols[i]);
    }
    trib_buf_add_c(sql, ") VALUES ");
    for (size_t row = 0; row < rows; row++) {
        trib_buf_add_c(sql, row ? ",(" : "(");
        for (size_t i = 0; i < im->col_count; i++) trib_buf_add_c(sql, i ? ",?" : "?");
        trib_buf_add_char(sql, ')');
    }
    return trib_buf_str(sql);
}

/* Says which row is wrong and how to go on; keeps the code that it was refused with. */
static trib_code blame(import *im, uint64_t row, uint64_t line, trib_error *err) {
    trib_error cause = *err;
    trib_str message = trib_str_sub(trib_str_c(cause.message), 0, 240);
    trib_error_set(err, cause.code,
                   "row %" PRIu64 " (line %" PRIu64 ") was not taken: %.*s; %" PRIu64
                   " rows before it are in%s: mend it and go on with --skip %" PRIu64,
                   row, line, TRIB_STR_ARG(message), im->done,
                   im->done + im->skip + 1 < row ? ", the rest of its batch is not" : "", im->skip + im->done);
    memcpy(err->text_code, cause.text_code, sizeof err->text_code);
    err->detail = cause.detail;
    return err->code;
}

/* Tries the rows of a batch that was refused one by one; inside the savepoint. */
static trib_code find_bad(import *im, trib_error *err) {
    uint64_t first = im->skip + im->done + 1;
    trib_error undone;
    trib_code code = TRIB_OK;
    for (size_t i = 0; i < im->rows && code == TRIB_OK; i++) {
        code = run(im, make_insert(im, 1), im->values + i * im->col_count, im->col_count, err);
        if (code != TRIB_OK) blame(im, first + i, im->lines[i], err);
    }
    if (code != TRIB_OK) run(im, TRIB_STR("ROLLBACK TO trib_import"), NULL, 0, &undone);
    return code;
}

static trib_code flush(import *im, trib_error *err) {
    trib_error undone;
    if (im->rows == 0) return TRIB_OK;
    trib_code code = run(im, TRIB_STR("SAVEPOINT trib_import"), NULL, 0, err);
    if (code != TRIB_OK) return code;
    code = run(im, make_insert(im, im->rows), im->values, im->rows * im->col_count, err);
    bool is_lost = code == TRIB_CANCELLED || code == TRIB_CONNECT || code == TRIB_REQUEST_TIMEOUT;
    if (code != TRIB_OK && !is_lost && run(im, TRIB_STR("ROLLBACK TO trib_import"), NULL, 0, &undone) == TRIB_OK)
        code = find_bad(im, err);
    trib_code released = is_lost ? code : run(im, TRIB_STR("RELEASE trib_import"), NULL, 0, code ? &undone : err);
    if (code == TRIB_OK) code = released;
    if (code == TRIB_OK) im->done += im->rows;
    im->rows = im->bytes = 0;
    trib_arena_reset(&im->arena);
    im->values = NULL;
    return code;
}

/* ---- rows into the batch ---- */

static trib_code room(import *im, trib_error *err) {
    bool full = im->rows == BATCH_ROWS || (im->rows + 1) * im->col_count > BATCH_VALUES || im->bytes > BATCH_BYTES;
    trib_code code = full ? flush(im, err) : TRIB_OK;
    if (code == TRIB_OK && !im->values) {
        size_t rows = BATCH_VALUES / (im->col_count ? im->col_count : 1);
        im->values =
            trib_arena_zalloc(&im->arena, (rows < BATCH_ROWS ? rows : BATCH_ROWS) * im->col_count, sizeof *im->values);
    }
    if (code == TRIB_OK && im->arena.failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    return code;
}

static trib_value text_value(import *im, trib_str text) {
    im->bytes += text.len;
    return (trib_value){.type = TRIB_VALUE_TEXT, .bytes = trib_arena_dup(&im->arena, text)};
}

static trib_code end_row(import *im, uint64_t line, trib_error *err) {
    im->lines[im->rows++] = line;
    return im->arena.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static bool is_table_column(const import *im, trib_str name) {
    for (size_t i = 0; i < im->table_col_count; i++) {
        if (trib_str_ieq(im->table_cols[i], name)) return true;
    }
    return false;
}

static trib_code wrong_row(import *im, uint64_t line, const char *why, trib_str what, trib_error *err) {
    trib_error_set(err, TRIB_BAD_REQUEST, "%s%.*s", why, TRIB_STR_ARG(trib_str_sub(what, 0, 60)));
    /* what came before it is good, and goes in */
    trib_error cause = *err;
    trib_code code = flush(im, err);
    if (code != TRIB_OK) return code;
    *err = cause;
    return blame(im, im->row, line, err);
}

/* ---- CSV ---- */

/* The first record: names, if it was said or if all of it are columns of the table. */
static trib_code take_first(import *im, bool *ret_header, trib_error *err) {
    bool all = true;
    for (size_t i = 0; i < im->csv.field_count; i++) all = all && is_table_column(im, trib_csv_field_text(&im->csv, i));
    *ret_header = im->header == HEADER_YES || (im->header == HEADER_GUESS && all);
    im->cols = im->table_cols;
    im->col_count = im->table_col_count;
    if (!*ret_header) return TRIB_OK;
    im->col_count = im->csv.field_count;
    im->cols = trib_arena_zalloc(&im->names, im->col_count, sizeof *im->cols);
    for (size_t i = 0; im->cols && i < im->col_count; i++) {
        trib_str name = trib_csv_field_text(&im->csv, i);
        im->cols[i] = trib_arena_dup(&im->names, name);
        if (!is_table_column(im, name))
            return trib_error_set(err, TRIB_BAD_REQUEST,
                                  "the header's column '%.*s' is none of the table %.*s; rename it, or use --no-header "
                                  "if the first line is a row",
                                  TRIB_STR_ARG(trib_str_sub(name, 0, 60)), TRIB_STR_ARG(im->table));
    }
    return im->names.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code take_csv(import *im, trib_error *err) {
    if (!im->cols) {
        bool is_header = false;
        trib_code code = take_first(im, &is_header, err);
        if (code != TRIB_OK || is_header) return code;
    }
    if (++im->row <= im->skip) return TRIB_OK;
    if (im->csv.field_count != im->col_count) {
        char counts[80];
        snprintf(counts, sizeof counts, "it has %zu fields, and %zu are wanted", im->csv.field_count, im->col_count);
        return wrong_row(im, im->csv.line, counts, (trib_str){0}, err);
    }
    trib_code code = room(im, err);
    if (code != TRIB_OK) return code;
    trib_value *to = im->values + im->rows * im->col_count;
    for (size_t i = 0; i < im->col_count; i++) {
        trib_str text = trib_csv_field_text(&im->csv, i);
        if (!trib_str_utf8_valid(text))
            return wrong_row(im, im->csv.line, "it is not UTF-8 in column ", im->cols[i], err);
        /* as .mode csv writes it: nothing is NULL, "" is the empty text */
        bool is_null = text.len == 0 && !im->csv.fields[i].quoted;
        to[i] = is_null ? (trib_value){.type = TRIB_VALUE_NULL} : text_value(im, text);
    }
    return end_row(im, im->csv.line, err);
}

/* ---- JSON ---- */

static trib_value json_value(import *im, const trib_json *json) {
    trib_value value = {.type = TRIB_VALUE_NULL};
    bool is_true = false;
    trib_str text;
    if (trib_json_absent(json)) return value;
    if (trib_json_str(json, &text)) return text_value(im, text);
    if (trib_json_bool(json, &is_true)) return (trib_value){.type = TRIB_VALUE_INTEGER, .integer = is_true};
    if (trib_json_i64(json, &value.integer)) {
        value.type = TRIB_VALUE_INTEGER;
        return value;
    }
    if (trib_json_f64(json, &value.real)) {
        value.type = TRIB_VALUE_REAL;
        return value;
    }
    /* lists and objects stay JSON; so does a number past every double */
    trib_json_writer w;
    trib_buf buf;
    trib_buf_init(&buf, TRIB_JSON_ROWS_BYTES * 2);
    trib_jw_init(&w, &buf);
    trib_jw_value(&w, json);
    value = text_value(im, trib_buf_str(&buf));
    if (buf.failed) im->arena.failed = true;
    trib_buf_deinit(&buf);
    return value;
}

static bool same_columns(const import *im, const trib_json *object) {
    const trib_json *member = trib_json_first(object);
    size_t i = 0;
    for (; member && i < im->col_count && trib_str_eq(member->key, im->cols[i]); member = trib_json_next(member)) i++;
    return im->cols && !member && i == im->col_count;
}

/* Rows with other members than the batch's begin a batch of their own, so that a default counts where one is absent. */
static trib_code set_columns(import *im, const trib_json *object, trib_error *err) {
    trib_code code = flush(im, err);
    if (code != TRIB_OK) return code;
    trib_arena_reset(&im->shape);
    size_t count = trib_json_count(object);
    if (count > COLUMNS_MAX) count = COLUMNS_MAX;
    im->cols = trib_arena_zalloc(&im->shape, count, sizeof *im->cols);
    im->col_count = 0;
    const trib_json *member = trib_json_first(object);
    for (; im->cols && member && im->col_count < count; member = trib_json_next(member))
        im->cols[im->col_count++] = trib_arena_dup(&im->shape, member->key);
    return im->shape.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code take_json(import *im, trib_error *err) {
    const trib_json *object = NULL;
    trib_arena parsed;
    if (++im->row <= im->skip) return TRIB_OK;
    trib_arena_init(&parsed, BATCH_ARENA);
    trib_code code = trib_json_parse(&parsed, trib_buf_str(&im->json.text), &object, err);
    if (code != TRIB_OK) {
        trib_error cause = *err;
        code = wrong_row(im, im->json.line, cause.message, (trib_str){0}, err);
    }
    const trib_json *member = trib_json_first(object);
    for (; code == TRIB_OK && member; member = trib_json_next(member)) {
        if (!is_table_column(im, member->key))
            code = wrong_row(im, im->json.line, "the table has no column ", member->key, err);
    }
    if (code == TRIB_OK && trib_json_count(object) == 0)
        code = wrong_row(im, im->json.line, "the object is empty", (trib_str){0}, err);
    if (code == TRIB_OK && !same_columns(im, object)) code = set_columns(im, object, err);
    if (code == TRIB_OK) code = room(im, err);
    if (code == TRIB_OK) {
        trib_value *to = im->values + im->rows * im->col_count;
        for (member = trib_json_first(object); member; member = trib_json_next(member)) *to++ = json_value(im, member);
        code = end_row(im, im->json.line, err);
    }
    trib_arena_deinit(&parsed);
    return code;
}

/* ---- the file ---- */

static trib_code feed(import *im, trib_str bytes, size_t *ret_used, bool *ret_ready, trib_error *err) {
    if (im->is_json) return trib_json_rows_feed(&im->json, bytes, ret_used, ret_ready, err);
    return trib_csv_feed(&im->csv, bytes, ret_used, ret_ready, err);
}

static trib_code take_bytes(import *im, trib_str bytes, trib_error *err) {
    bool end = bytes.len == 0;
    trib_code code = TRIB_OK;
    do {
        size_t used = 0;
        bool ready = false;
        code = feed(im, bytes, &used, &ready, err);
        if (code != TRIB_OK) { /* the file is malformed; what came before is good */
            trib_error cause = *err;
            if (flush(im, err) != TRIB_OK) return err->code;
            return trib_error_set(err, cause.code, "%s; %" PRIu64 " rows before it are in", cause.message, im->done);
        }
        bytes = trib_str_sub(bytes, used, bytes.len);
        if (ready) code = im->is_json ? take_json(im, err) : take_csv(im, err);
    } while (code == TRIB_OK && bytes.len);
    if (code == TRIB_OK && trib_interrupt_is_pending(&im->sh->interrupt))
        code = trib_error_set(err, TRIB_CANCELLED, "the import was cancelled; %" PRIu64 " rows are in", im->done);
    return code == TRIB_OK && end ? flush(im, err) : code;
}

static trib_code read_columns(import *im, trib_error *err) {
    const trib_value name = {.type = TRIB_VALUE_TEXT, .bytes = im->table};
    const trib_sql_stmt stmt = {TRIB_STR("SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid"), &name,
                                1};
    trib_sql_rows rows;
    trib_code code = trib_shell_execute(im->sh, &stmt, &rows, err);
    if (code != TRIB_OK) return code;
    if (rows.row_count == 0)
        return trib_error_set(
            err, TRIB_NOT_FOUND,
            "there is no table %.*s; make it first with CREATE TABLE, .tables lists those that are there",
            TRIB_STR_ARG(trib_str_sub(im->table, 0, 100)));
    im->table_col_count = rows.row_count;
    im->table_cols = trib_arena_zalloc(&im->names, rows.row_count, sizeof *im->table_cols);
    for (size_t i = 0; im->table_cols && i < rows.row_count; i++)
        im->table_cols[i] = trib_arena_dup(&im->names, rows.values[i].bytes);
    return im->names.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code run_import(import *im, FILE *file, trib_error *err) {
    char *block = malloc(READ_BYTES);
    trib_code code = block ? read_columns(im, err) : trib_error_set(err, TRIB_NOMEM, NULL);
    for (size_t n = 1; code == TRIB_OK && n > 0;) {
        n = fread(block, 1, READ_BYTES, file);
        if (n == 0 && ferror(file)) code = trib_error_set(err, TRIB_IO, "the file cannot be read to its end");
        else code = take_bytes(im, trib_str_make(block, n), err);
    }
    free(block);
    return code;
}

/* ---- the command ---- */

/* Options, FILE and TABLE; false: they are wrong, and it was said. */
static bool read_words(import *im, trib_str line) {
    trib_str word;
    bool format_said = false;
    while ((word = trib_shell_take_word(&line)).len) {
        if (trib_str_eq_c(word, "--header")) im->header = HEADER_YES;
        else if (trib_str_eq_c(word, "--no-header")) im->header = HEADER_NO;
        else if (trib_str_eq_c(word, "--csv") || trib_str_eq_c(word, "--json")) {
            format_said = true;
            im->is_json = trib_str_eq_c(word, "--json");
        } else if (trib_str_eq_c(word, "--skip")) {
            if (!trib_str_u64(trib_shell_take_word(&line), &im->skip)) return false;
        } else if (!im->path.len) im->path = word;
        else if (!im->table.len) im->table = word;
        else return false;
    }
    if (!format_said)
        im->is_json = trib_str_ends(im->path, TRIB_STR(".json")) || trib_str_ends(im->path, TRIB_STR(".ndjson")) ||
                      trib_str_ends(im->path, TRIB_STR(".jsonl"));
    return im->table.len > 0;
}

void trib_shell_dot_import(trib_shell *sh, trib_str line) {
    trib_error err;
    import *im = calloc(1, sizeof *im);
    FILE *file = NULL;
    if (!im) {
        trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_shell_print_error(sh, &err);
        return;
    }
    im->sh = sh;
    trib_arena_init(&im->names, BATCH_ARENA);
    trib_arena_init(&im->shape, BATCH_ARENA);
    trib_arena_init(&im->arena, BATCH_ARENA);
    trib_buf_init(&im->sql, TRIB_SHELL_STATEMENT_MAX_BYTES);
    trib_csv_init(&im->csv);
    trib_json_rows_init(&im->json);
    if (!read_words(im, line)) {
        trib_shell_dot_usage(sh, ".import", "takes a file and a table");
    } else {
        trib_code code = TRIB_OK;
        file = trib_shell_open_file(im->path, "re", &err);
        if (!file) code = err.code;
        if (code == TRIB_OK) code = run_import(im, file, &err);
        if (code != TRIB_OK) trib_shell_print_error(sh, &err);
        else if (!sh->cli->json)
            fprintf(sh->cli->err, "%" PRIu64 " rows imported into %.*s\n", im->done, TRIB_STR_ARG(im->table));
    }
    if (file) fclose(file);
    trib_json_rows_deinit(&im->json);
    trib_csv_deinit(&im->csv);
    trib_buf_deinit(&im->sql);
    trib_arena_deinit(&im->arena);
    trib_arena_deinit(&im->shape);
    trib_arena_deinit(&im->names);
    free(im);
}
