/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as text: tables and lines for people, JSON and CSV for programs. Pure. */
#ifndef TRIB_CLI_ROWS_H
#define TRIB_CLI_ROWS_H

#include "base/buf.h"
#include "cli/sql.h"

/* How wide a column of a table may become on a terminal; the rest of a text is "…". */
enum { TRIB_ROWS_CELL_COLUMNS = 60 };

/* X(id, name) */
#define TRIB_ROWS_FORMATS(X)                                                                                           \
    X(TABLE, "table")                                                                                                  \
    X(BOX, "box")                                                                                                      \
    X(MARKDOWN, "markdown")                                                                                            \
    X(JSON, "json")                                                                                                    \
    X(CSV, "csv")                                                                                                      \
    X(LINE, "line")

typedef enum trib_rows_format {
#define X(id, name) TRIB_ROWS_##id,
    TRIB_ROWS_FORMATS(X)
#undef X
} trib_rows_format;

/* "table", "box", ...; NULL behind the last. */
const char *trib_rows_format_name(size_t index);
/* False leaves *ret alone. */
bool trib_rows_format_from_text(trib_str text, trib_rows_format *ret);

/* Byte for byte what JavaScript's JSON.stringify(rows) gives: an array of objects, members in column order, numbers as
 * JavaScript prints them (46.0 is 46). Integers past 2^53 keep all digits; a blob is a Base64 text. */
void trib_rows_write_json(trib_buf *buf, const trib_sql_rows *rows);
/* RFC 4180 with a header line and \n; NULL is empty, a blob is Base64. */
void trib_rows_write_csv(trib_buf *buf, const trib_sql_rows *rows);
/* TABLE, BOX and MARKDOWN: columns side by side, as wide as a terminal shows them, numbers to the right; control
 * characters become '?', so that data cannot steer a terminal. max_cells: of a column, 0 for no limit. (rows_table.c)
 */
void trib_rows_write_table(trib_buf *buf, const trib_sql_rows *rows, trib_rows_format form, size_t max_cells);
/* A line for each value, `name = value`, and an empty one between rows. */
void trib_rows_write_lines(trib_buf *buf, const trib_sql_rows *rows);
void trib_rows_write(trib_buf *buf, const trib_sql_rows *rows, trib_rows_format format);

/* The value as plain text, appended: nothing for NULL, Base64 for a blob. */
void trib_rows_add_plain(trib_buf *buf, const trib_value *value);
/* Appends `text` made safe for a terminal; returns its cells. */
size_t trib_rows_add_safe(trib_buf *buf, trib_str text);

#endif
