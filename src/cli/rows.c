/* SPDX-License-Identifier: Apache-2.0 */
/* Rows for programs, JSON and CSV, and the names of all forms; see rows.h. */
#include "cli/rows.h"

#include <string.h>

#include "wire/base64.h"

static const char *const names[] = {
#define X(id, name) [TRIB_ROWS_##id] = name,
    TRIB_ROWS_FORMATS(X)
#undef X
};

const char *trib_rows_format_name(size_t index) {
    return index < sizeof names / sizeof *names ? names[index] : NULL;
}

bool trib_rows_format_from_text(trib_str text, trib_rows_format *ret) {
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

void trib_rows_add_plain(trib_buf *buf, const trib_value *value) {
    char number[TRIB_F64_BYTES];
    switch (value->type) {
    case TRIB_VALUE_NULL: break;
    case TRIB_VALUE_INTEGER: trib_buf_add_i64(buf, value->integer); break;
    case TRIB_VALUE_REAL: trib_buf_add_bytes(buf, number, trib_f64_format(value->real, number)); break;
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
            else trib_rows_add_plain(buf, value);
        }
        trib_buf_add_char(buf, '\n');
    }
}

/* ---- the form by its name ---- */

void trib_rows_write(trib_buf *buf, const trib_sql_rows *rows, trib_rows_format format) {
    switch (format) {
    case TRIB_ROWS_TABLE:
    case TRIB_ROWS_BOX: trib_rows_write_table(buf, rows, format, TRIB_ROWS_CELL_COLUMNS); break;
    case TRIB_ROWS_MARKDOWN: trib_rows_write_table(buf, rows, format, 0); break;
    case TRIB_ROWS_LINE: trib_rows_write_lines(buf, rows); break;
    case TRIB_ROWS_CSV: trib_rows_write_csv(buf, rows); break;
    case TRIB_ROWS_JSON:
        trib_rows_write_json(buf, rows);
        trib_buf_add_char(buf, '\n');
        break;
    }
}
