/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of a file; see json_rows.h. Only braces, brackets and strings are looked at: the parser judges the rest. */
#include "cli/json_rows.h"

#include <inttypes.h>
#include <string.h>

void trib_json_rows_init(trib_json_rows *rows) {
    memset(rows, 0, sizeof *rows);
    trib_buf_init(&rows->text, TRIB_JSON_ROWS_BYTES);
    rows->line = rows->at_line = 1;
}

void trib_json_rows_deinit(trib_json_rows *rows) {
    trib_buf_deinit(&rows->text);
}

static trib_code bad(uint64_t line, const char *why, trib_error *err) {
    return trib_error_set(err, TRIB_BAD_JSON, "line %" PRIu64 ": %s", line, why);
}

static void take_inside(trib_json_rows *rows, char c) {
    trib_buf_add_char(&rows->text, c);
    if (rows->in_string) {
        if (rows->after_backslash) rows->after_backslash = false;
        else if (c == '\\') rows->after_backslash = true;
        else if (c == '"') rows->in_string = false;
        return;
    }
    if (c == '"') rows->in_string = true;
    if (c == '{' || c == '[') rows->depth++;
    if (c == '}' || c == ']') rows->depth--;
    if (rows->depth > 0) return;
    rows->is_ready = true;
    rows->need_comma = rows->in_array;
}

/* Between objects. */
static trib_code take_outside(trib_json_rows *rows, char c, trib_error *err) {
    bool first = !rows->has_begun;
    rows->has_begun = true;
    if (c == '[' && first) {
        rows->in_array = true;
        return TRIB_OK;
    }
    if (c == ']' && rows->in_array) {
        rows->in_array = rows->need_comma = false;
        rows->after_array = true;
        return TRIB_OK;
    }
    if (c == ',' && rows->need_comma) {
        rows->need_comma = false;
        return TRIB_OK;
    }
    if (c != '{' || rows->need_comma || rows->after_array)
        return bad(rows->at_line, "an object is wanted here; a file is objects one after another, or one array of them",
                   err);
    rows->line = rows->at_line;
    rows->depth = 1;
    trib_buf_add_char(&rows->text, c);
    return TRIB_OK;
}

static trib_code take_end(const trib_json_rows *rows, trib_error *err) {
    if (rows->depth) return bad(rows->line, "an object begins here and never ends", err);
    return rows->in_array ? bad(rows->at_line, "the array is not closed: is the file cut off?", err) : TRIB_OK;
}

trib_code trib_json_rows_feed(trib_json_rows *rows, trib_str bytes, size_t *ret_used, bool *ret_ready,
                              trib_error *err) {
    trib_code code = TRIB_OK;
    size_t used = 0;
    if (rows->is_ready) {
        trib_buf_clear(&rows->text);
        rows->is_ready = false;
    }
    if (bytes.len == 0) code = take_end(rows, err);
    while (code == TRIB_OK && used < bytes.len && !rows->is_ready) {
        char c = bytes.ptr[used++];
        if (rows->depth) take_inside(rows, c);
        else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') code = take_outside(rows, c, err);
        if (c == '\n') rows->at_line++;
    }
    if (code == TRIB_OK && rows->text.failed) code = bad(rows->line, "the object is longer than 16 MiB", err);
    if (code == TRIB_OK) *ret_used = used;
    if (code == TRIB_OK) *ret_ready = rows->is_ready;
    return code;
}
