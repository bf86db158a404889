/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts a file of JSON rows into its objects as the bytes come: an array of objects, or objects one after another
 * (NDJSON). Each is small enough for the reader of wire/json.h; the file need not be. Pure. */
#ifndef TRIB_CLI_JSON_ROWS_H
#define TRIB_CLI_JSON_ROWS_H

#include "base/buf.h"
#include "base/error.h"

enum { TRIB_JSON_ROWS_BYTES = 16 << 20 /* of one object: a file with a brace that nobody closes */ };

typedef struct trib_json_rows {
    trib_buf text;    /* of the object */
    uint64_t line;    /* where it begins, from 1 */
    uint64_t at_line; /* where the reader is */
    unsigned depth;   /* open braces and brackets of the object */
    bool has_begun, in_array, after_array, need_comma, in_string, after_backslash, is_ready;
} trib_json_rows;

void trib_json_rows_init(trib_json_rows *rows);
void trib_json_rows_deinit(trib_json_rows *rows);
/* Takes bytes up to the end of the next object, whose text is then rows->text; what is inside is not judged. bytes
 * empty: the file ended. Errors: BAD_JSON with the line. */
trib_code trib_json_rows_feed(trib_json_rows *rows, trib_str bytes, size_t *ret_used, bool *ret_ready, trib_error *err);

#endif
