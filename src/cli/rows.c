/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as text; see rows.h. A table is written in two passes: the widths, then the lines. */
#include "cli/rows.h"

#include <stdlib.h>
#include <string.h>

#include "wire/base64.h"

bool trib_rows_format_from_text(trib_str text, trib_rows_format *ret) {
    static const char *const names[] = {"table", "json", "csv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!trib_str_eq_c(text, names[i])) continue;
        *ret = (trib_rows_format)i;
        return true;
    }
    return false;
}

/* ---- JSON ---- */

static void write_json_value(trib_json_writer *w, const trib_value *value) {
    switch (value->type) {
    case TRIB_VALUE_NULL: trib_jw_null(w); break;
    case TRIB_VALUE_INTEGER: trib_jw_i64(w, value->integer); break;
    case TRIB_VALUE_REAL: trib_jw_f64_js(w, value->real); break;
    case TRIB_VALUE_TEXT: trib_jw_str(w, value->bytes); break;
    case TRIB_VALUE_BLOB: trib_jw_base64(w, value->bytes.ptr, value->bytes.len); break;
    }
}

void trib_rows_write_json(trib_buf *buf, const trib_sql_rows *rows) {
    trib_json_writer w;
    const trib_value *value = rows->values;
    trib_jw_init(&w, buf);
    trib_jw_array_begin(&w);
    for (size_t row = 0; row < rows->row_count; row++) {
        trib_jw_object_begin(&w);
        for (size_t col = 0; col < rows->col_count; col++) {
            trib_jw_key(&w, rows->cols[col]);
            write_json_value(&w, value++);
        }
        trib_jw_object_end(&w);
    }
    trib_jw_array_end(&w);
}

/* ---- CSV ---- */

/* The value as plain text, appended. */
static void add_plain(trib_buf *buf, const trib_value *value) {
    char number[TRIB_JSON_F64_BYTES];
    switch (value->type) {
    case TRIB_VALUE_NULL: break;
    case TRIB_VALUE_INTEGER: trib_buf_add_i64(buf, value->integer); break;
    case TRIB_VALUE_REAL: trib_buf_add_bytes(buf, number, trib_json_format_f64(value->real, number)); break;
    case TRIB_VALUE_TEXT: trib_buf_add(buf, value->bytes); break;
    case TRIB_VALUE_BLOB:
        trib_base64_encode_buf(TRIB_BASE64_STD, false, value->bytes.ptr, value->bytes.len, buf);
        break;
    }
}

static void add_csv_text(trib_buf *buf, trib_str text) {
    bool quote = text.len == 0;
    for (size_t i = 0; i < text.len && !quote; i++) quote = memchr(",\"\r\n", text.ptr[i], 4) != NULL;
    if (!quote) {
        trib_buf_add(buf, text);
        return;
    }
    trib_buf_add_char(buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"') trib_buf_add_char(buf, '"');
        trib_buf_add_char(buf, text.ptr[i]);
    }
    trib_buf_add_char(buf, '"');
}

void trib_rows_write_csv(trib_buf *buf, const trib_sql_rows *rows) {
    const trib_value *value = rows->values;
    for (size_t col = 0; col < rows->col_count; col++) {
        if (col) trib_buf_add_char(buf, ',');
        add_csv_text(buf, rows->cols[col]);
    }
    if (rows->col_count) trib_buf_add_char(buf, '\n');
    for (size_t row = 0; row < rows->row_count; row++) {
        for (size_t col = 0; col < rows->col_count; col++, value++) {
            if (col) trib_buf_add_char(buf, ',');
            if (value->type == TRIB_VALUE_TEXT) add_csv_text(buf, value->bytes);
            else add_plain(buf, value);
        }
        trib_buf_add_char(buf, '\n');
    }
}

/* ---- table ---- */

/* Bytes of the character at text[at]: 1 for anything malformed. */
static size_t char_bytes(trib_str text, size_t at) {
    for (size_t n = 1; n <= 4 && at + n <= text.len; n++) {
        if (trib_str_utf8_valid(trib_str_sub(text, at, at + n))) return n;
    }
    return 1;
}

size_t trib_rows_text_columns(trib_str text) {
    size_t columns = 0;
    for (size_t at = 0; at < text.len; at += char_bytes(text, at)) columns++;
    return columns;
}

/* True for what must not reach a terminal: control characters (C1 too), malformed bytes, marks that turn the writing
 * round. */
static bool is_unsafe(trib_str character) {
    const unsigned char *c = (const unsigned char *)character.ptr;
    if (character.len == 1) return c[0] < 0x20 || c[0] >= 0x7f;
    if (character.len == 2) return c[0] == 0xc2 && c[1] < 0xa0;
    if (character.len != 3 || c[0] != 0xe2) return false;
    return (c[1] == 0x80 &&
            ((c[2] >= 0xaa && c[2] <= 0xae) || c[2] == 0x8e || c[2] == 0x8f || c[2] == 0xa8 || c[2] == 0xa9)) ||
           (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9);
}

/* Appends at most max_columns of `text` (0: all), made safe; returns the columns written. */
static size_t add_cell(trib_buf *buf, trib_str text, size_t max_columns) {
    size_t columns = 0, total = max_columns ? trib_rows_text_columns(text) : 0;
    for (size_t at = 0, n; at < text.len; at += n, columns++) {
        n = char_bytes(text, at);
        if (max_columns && total > max_columns && columns + 1 == max_columns) {
            trib_buf_add_c(buf, "…");
            return columns + 1;
        }
        trib_str character = trib_str_sub(text, at, at + n);
        if (is_unsafe(character)) trib_buf_add_char(buf, '?');
        else trib_buf_add(buf, character);
    }
    return columns;
}

static void add_blanks(trib_buf *buf, size_t from, size_t to) {
    for (; from < to; from++) trib_buf_add_char(buf, ' ');
}

/* The text of a cell of the table in `scratch`. */
static trib_str cell_text(trib_buf *scratch, const trib_value *value) {
    trib_buf_clear(scratch);
    if (value->type == TRIB_VALUE_TEXT) return value->bytes;
    if (value->type == TRIB_VALUE_NULL) return TRIB_STR("NULL");
    if (value->type == TRIB_VALUE_BLOB) trib_buf_add_c(scratch, "x'");
    if (value->type == TRIB_VALUE_BLOB) {
        for (size_t i = 0; i < value->bytes.len && i < 32; i++)
            trib_buf_printf(scratch, "%02x", (unsigned char)value->bytes.ptr[i]);
        trib_buf_add_c(scratch, value->bytes.len > 32 ? "…'" : "'");
    } else {
        add_plain(scratch, value);
    }
    return trib_buf_str(scratch);
}

static size_t min_columns(size_t columns, size_t max_columns) {
    return max_columns && columns > max_columns ? max_columns : columns;
}

static void measure(const trib_sql_rows *rows, size_t max_columns, trib_buf *scratch, size_t *widths) {
    const trib_value *value = rows->values;
    for (size_t col = 0; col < rows->col_count; col++)
        widths[col] = min_columns(trib_rows_text_columns(rows->cols[col]), max_columns);
    for (size_t row = 0; row < rows->row_count; row++) {
        for (size_t col = 0; col < rows->col_count; col++, value++) {
            size_t columns = min_columns(trib_rows_text_columns(cell_text(scratch, value)), max_columns);
            if (columns > widths[col]) widths[col] = columns;
        }
    }
}

static void add_padded(trib_buf *buf, trib_str text, size_t width, bool right, bool last, size_t max_columns) {
    size_t columns = min_columns(trib_rows_text_columns(text), max_columns);
    if (right) add_blanks(buf, columns, width);
    add_cell(buf, text, max_columns);
    if (!right && !last) add_blanks(buf, columns, width);
    trib_buf_add_c(buf, last ? "\n" : "  ");
}

void trib_rows_write_table(trib_buf *buf, const trib_sql_rows *rows, size_t max_columns) {
    trib_buf scratch;
    const trib_value *value = rows->values;
    if (rows->col_count == 0) return;
    size_t *widths = calloc(rows->col_count, sizeof *widths);
    if (!widths) {
        buf->failed = true;
        return;
    }
    trib_buf_init(&scratch, 4096);
    measure(rows, max_columns, &scratch, widths);
    for (size_t col = 0; col < rows->col_count; col++) {
        add_padded(buf, rows->cols[col], widths[col], false, col + 1 == rows->col_count, max_columns);
    }
    for (size_t col = 0; col < rows->col_count; col++) {
        for (size_t i = 0; i < widths[col]; i++) trib_buf_add_char(buf, '-');
        trib_buf_add_c(buf, col + 1 == rows->col_count ? "\n" : "  ");
    }
    for (size_t row = 0; row < rows->row_count; row++) {
        for (size_t col = 0; col < rows->col_count; col++, value++) {
            bool number = value->type == TRIB_VALUE_INTEGER || value->type == TRIB_VALUE_REAL;
            add_padded(buf, cell_text(&scratch, value), widths[col], number, col + 1 == rows->col_count, max_columns);
        }
    }
    trib_buf_deinit(&scratch);
    free(widths);
}

void trib_rows_write(trib_buf *buf, const trib_sql_rows *rows, trib_rows_format format) {
    switch (format) {
    case TRIB_ROWS_TABLE: trib_rows_write_table(buf, rows, TRIB_ROWS_CELL_COLUMNS); break;
    case TRIB_ROWS_CSV: trib_rows_write_csv(buf, rows); break;
    case TRIB_ROWS_JSON:
        trib_rows_write_json(buf, rows);
        trib_buf_add_char(buf, '\n');
        break;
    }
}
