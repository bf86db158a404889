/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as text: a table for people, JSON and CSV for programs. Pure. */
#ifndef TRIB_CLI_ROWS_H
#define TRIB_CLI_ROWS_H

#include "base/buf.h"
#include "cli/sql.h"

/* How wide a cell of a table may become; the rest is "…". 0: no limit. */
enum { TRIB_ROWS_CELL_COLUMNS = 60 };

typedef enum trib_rows_format { TRIB_ROWS_TABLE, TRIB_ROWS_JSON, TRIB_ROWS_CSV } trib_rows_format;
/* "table", "json", "csv"; false leaves *ret alone. */
bool trib_rows_format_from_text(trib_str text, trib_rows_format *ret);

/* Byte for byte what JavaScript's JSON.stringify(rows) gives: an array of objects, members in column order, numbers as
 * JavaScript prints them (46.0 is 46). Integers past 2^53 keep all digits; a blob is a Base64 text. */
void trib_rows_write_json(trib_buf *buf, const trib_sql_rows *rows);
/* RFC 4180 with a header line and \n; NULL is empty, a blob is Base64. */
void trib_rows_write_csv(trib_buf *buf, const trib_sql_rows *rows);
/* Columns side by side, numbers to the right; control characters become '?', so that data cannot steer a terminal. */
void trib_rows_write_table(trib_buf *buf, const trib_sql_rows *rows, size_t max_cell_columns);
void trib_rows_write(trib_buf *buf, const trib_sql_rows *rows, trib_rows_format format);

/* Terminal columns of UTF-8 text, one a character: wide enough for what tables here show. */
size_t trib_rows_text_columns(trib_str text);

#endif
