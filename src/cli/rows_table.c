/* SPDX-License-Identifier: Apache-2.0 */
/* Rows for people; see rows.h. A table is written in two passes: the widths, then the lines.
 *
 *   table            box                markdown
 *   name    n        ┌────────┬───┐     | name   |  n |
 *   ------  --       │ name   │ n │     |--------|---:|
 *   longer   1       ├────────┼───┤     | longer |  1 |
 *                    │ longer │ 1 │
 *                    └────────┴───┘ */
#include <stdlib.h>

#include "cli/rows.h"
#include "cli/width.h"

enum { BLOB_BYTES_SHOWN = 32 };

typedef struct table {
    trib_buf *buf;
    const trib_sql_rows *rows;
    trib_rows_format form;
    size_t max_cells;
    size_t *widths;
    bool *numbers;    /* of markdown: every value of the column is a number */
    trib_buf scratch; /* of one value */
    trib_buf cell;    /* the same, safe and cut */
} table;

/* True for what must not reach a terminal: control characters (C1 too), malformed bytes, marks that turn the writing
 * round. */
static bool is_unsafe(uint32_t c, size_t bytes) {
    if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return true;
    if (c == 0xfffd && bytes == 1) return true;
    return c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* One character at text[*at], safe; returns its cells and moves *at. */
static size_t add_char(trib_buf *buf, trib_str text, size_t *at) {
    size_t bytes;
    uint32_t c = trib_width_char(text, *at, &bytes);
    bool unsafe = is_unsafe(c, bytes);
    if (unsafe) trib_buf_add_char(buf, '?');
    else trib_buf_add(buf, trib_str_sub(text, *at, *at + bytes));
    *at += bytes;
    return unsafe ? 1 : trib_width_cells(c);
}

size_t trib_rows_add_safe(trib_buf *buf, trib_str text) {
    size_t cells = 0;
    for (size_t at = 0; at < text.len;) cells += add_char(buf, text, &at);
    return cells;
}

/* A mark of markdown inside a cell: the bar ends it, a line break the row. */
static size_t add_markdown(trib_buf *buf, trib_str text) {
    size_t cells = 0;
    for (size_t at = 0; at < text.len;) {
        char c = text.ptr[at];
        if (c == '|' || c == '\\') {
            trib_buf_add_char(buf, '\\');
            cells++;
        }
        if (c == '\n') {
            trib_buf_add_c(buf, "<br>");
            cells += 4;
            at++;
            continue;
        }
        cells += add_char(buf, text, &at);
    }
    return cells;
}

/* Into t->cell; returns its cells. */
static size_t make_cell(table *t, trib_str text) {
    trib_buf_clear(&t->cell);
    if (t->form == TRIB_ROWS_MARKDOWN) return add_markdown(&t->cell, text);
    size_t cells = trib_rows_add_safe(&t->cell, text), kept = 0;
    if (t->max_cells == 0 || cells <= t->max_cells) return cells;
    trib_buf_clear(&t->cell);
    for (size_t at = 0; at < text.len;) {
        size_t bytes;
        if (kept + trib_width_cells(trib_width_char(text, at, &bytes)) > t->max_cells - 1) break;
        kept += add_char(&t->cell, text, &at);
    }
    trib_buf_add_c(&t->cell, "…");
    return kept + 1;
}

static trib_str value_text(table *t, const trib_value *value) {
    trib_buf_clear(&t->scratch);
    if (value->type == TRIB_VALUE_TEXT) return value->bytes;
    if (value->type == TRIB_VALUE_NULL) return TRIB_STR("NULL");
    if (value->type != TRIB_VALUE_BLOB) {
        trib_rows_add_plain(&t->scratch, value);
        return trib_buf_str(&t->scratch);
    }
    trib_buf_add_c(&t->scratch, "x'");
    for (size_t i = 0; i < value->bytes.len && i < BLOB_BYTES_SHOWN; i++)
        trib_buf_printf(&t->scratch, "%02x", (unsigned char)value->bytes.ptr[i]);
    trib_buf_add_c(&t->scratch, value->bytes.len > BLOB_BYTES_SHOWN ? "…'" : "'");
    return trib_buf_str(&t->scratch);
}

static bool is_number(const trib_value *value) {
    return value->type == TRIB_VALUE_INTEGER || value->type == TRIB_VALUE_REAL;
}

static void measure(table *t) {
    const trib_value *value = t->rows->values;
    for (size_t col = 0; col < t->rows->col_count; col++) {
        t->widths[col] = make_cell(t, t->rows->cols[col]);
        t->numbers[col] = t->rows->row_count > 0;
        if (t->form == TRIB_ROWS_MARKDOWN && t->widths[col] < 3) t->widths[col] = 3; /* room for its rule */
    }
    for (size_t row = 0; row < t->rows->row_count; row++) {
        for (size_t col = 0; col < t->rows->col_count; col++, value++) {
            size_t cells = make_cell(t, value_text(t, value));
            if (cells > t->widths[col]) t->widths[col] = cells;
            if (!is_number(value) && value->type != TRIB_VALUE_NULL) t->numbers[col] = false;
        }
    }
}

static void add_times(trib_buf *buf, const char *what, size_t times) {
    while (times--) trib_buf_add_c(buf, what);
}

static void add_cell(table *t, size_t col, trib_str text, bool right) {
    static const struct {
        const char *first, *before, *last;
    } edges[] = {[TRIB_ROWS_TABLE] = {"", "  ", "\n"},
                 [TRIB_ROWS_BOX] = {"│ ", " │ ", " │\n"},
                 [TRIB_ROWS_MARKDOWN] = {"| ", " | ", " |\n"}};
    bool last = col + 1 == t->rows->col_count;
    size_t cells = make_cell(t, text), blanks = t->widths[col] - cells;
    trib_buf_add_c(t->buf, col ? edges[t->form].before : edges[t->form].first);
    if (right) add_times(t->buf, " ", blanks);
    trib_buf_add(t->buf, trib_buf_str(&t->cell));
    if (!right && !(last && t->form == TRIB_ROWS_TABLE)) add_times(t->buf, " ", blanks);
    if (last) trib_buf_add_c(t->buf, edges[t->form].last);
}

/* A line of box's frame: its left, middle and right corner. */
static void add_frame(table *t, const char *left, const char *middle, const char *right) {
    for (size_t col = 0; col < t->rows->col_count; col++) {
        trib_buf_add_c(t->buf, col ? middle : left);
        add_times(t->buf, "─", t->widths[col] + 2);
    }
    trib_buf_add_c(t->buf, right);
}

/* Below the names. */
static void add_rule(table *t) {
    if (t->form == TRIB_ROWS_BOX) {
        add_frame(t, "├", "┼", "┤\n");
        return;
    }
    for (size_t col = 0; col < t->rows->col_count; col++) {
        bool last = col + 1 == t->rows->col_count;
        if (t->form == TRIB_ROWS_TABLE) {
            add_times(t->buf, "-", t->widths[col]);
            trib_buf_add_c(t->buf, last ? "\n" : "  ");
        } else {
            trib_buf_add_char(t->buf, '|');
            add_times(t->buf, "-", t->widths[col] + 1);
            trib_buf_add_char(t->buf, t->numbers[col] ? ':' : '-');
            if (last) trib_buf_add_c(t->buf, "|\n");
        }
    }
}

static void write_table(table *t) {
    const trib_value *value = t->rows->values;
    measure(t);
    if (t->form == TRIB_ROWS_BOX) add_frame(t, "┌", "┬", "┐\n");
    for (size_t col = 0; col < t->rows->col_count; col++)
        add_cell(t, col, t->rows->cols[col], t->form == TRIB_ROWS_MARKDOWN && t->numbers[col]);
    add_rule(t);
    for (size_t row = 0; row < t->rows->row_count; row++) {
        for (size_t col = 0; col < t->rows->col_count; col++, value++)
            add_cell(t, col, value_text(t, value), is_number(value));
    }
    if (t->form == TRIB_ROWS_BOX) add_frame(t, "└", "┴", "┘\n");
}

static void deinit(table *t) {
    if (t->scratch.failed || t->cell.failed) t->buf->failed = true;
    trib_buf_deinit(&t->scratch);
    trib_buf_deinit(&t->cell);
    free(t->widths);
    free(t->numbers);
}

void trib_rows_write_table(trib_buf *buf, const trib_sql_rows *rows, trib_rows_format form, size_t max_cells) {
    table t = {.buf = buf, .rows = rows, .form = form, .max_cells = max_cells};
    if (rows->col_count == 0) return;
    trib_buf_init(&t.scratch, 4096);
    trib_buf_init(&t.cell, buf->max_bytes);
    t.widths = calloc(rows->col_count, sizeof *t.widths);
    t.numbers = calloc(rows->col_count, sizeof *t.numbers);
    if (t.widths && t.numbers) write_table(&t);
    else buf->failed = true;
    deinit(&t);
}

void trib_rows_write_lines(trib_buf *buf, const trib_sql_rows *rows) {
    table t = {.buf = buf, .rows = rows, .form = TRIB_ROWS_LINE};
    const trib_value *value = rows->values;
    size_t width = 0;
    trib_buf_init(&t.scratch, 4096);
    trib_buf_init(&t.cell, buf->max_bytes);
    for (size_t col = 0; col < rows->col_count; col++) {
        size_t cells = make_cell(&t, rows->cols[col]);
        if (cells > width) width = cells;
    }
    for (size_t row = 0; row < rows->row_count; row++) {
        if (row) trib_buf_add_char(buf, '\n');
        for (size_t col = 0; col < rows->col_count; col++, value++) {
            size_t cells = make_cell(&t, rows->cols[col]);
            add_times(buf, " ", width - cells);
            trib_buf_add(buf, trib_buf_str(&t.cell));
            make_cell(&t, value_text(&t, value));
            trib_buf_add_c(buf, " = ");
            trib_buf_add(buf, trib_buf_str(&t.cell));
            trib_buf_add_char(buf, '\n');
        }
    }
    deinit(&t);
}
