/* SPDX-License-Identifier: Apache-2.0 */
/* CSV as a machine of four states; see csv.h. */
#include "cli/csv.h"

#include <inttypes.h>

enum {
    BEFORE, /* a field begins */
    PLAIN,  /* in a field without quotes */
    QUOTED, /* between quotes */
    AFTER,  /* behind a quote: it closed, or is one of two */
};

static const char bom[] = "\xef\xbb\xbf";

void trib_csv_init(trib_csv *csv) {
    trib_buf_init(&csv->text, TRIB_CSV_RECORD_BYTES);
    csv->field_count = 0;
    csv->line = csv->at_line = 1;
    csv->state = BEFORE;
    csv->is_ready = false;
}

void trib_csv_deinit(trib_csv *csv) {
    trib_buf_deinit(&csv->text);
}

trib_str trib_csv_field_text(const trib_csv *csv, size_t i) {
    return trib_str_sub(trib_buf_str(&csv->text), csv->fields[i].from, csv->fields[i].to);
}

static void begin_record(trib_csv *csv) {
    trib_buf_clear(&csv->text);
    csv->field_count = 0;
    csv->line = csv->at_line;
    csv->state = BEFORE;
    csv->is_ready = false;
}

static bool begin_field(trib_csv *csv, bool quoted) {
    if (csv->field_count == TRIB_CSV_FIELDS_MAX) return false;
    csv->fields[csv->field_count++] = (trib_csv_field){csv->text.len, csv->text.len, quoted};
    return true;
}

static void end_field(trib_csv *csv) {
    trib_csv_field *field = &csv->fields[csv->field_count - 1];
    field->to = csv->text.len;
    /* the \r of \r\n; one inside quotes is data */
    bool has_return = csv->state == PLAIN && field->to > field->from && csv->text.ptr[field->to - 1] == '\r';
    if (has_return) field->to--;
    csv->state = BEFORE;
}

static trib_code bad(const trib_csv *csv, const char *why, trib_error *err) {
    return trib_error_set(err, TRIB_BAD_REQUEST, "line %" PRIu64 ": %s", csv->line, why);
}

static trib_code too_many(const trib_csv *csv, trib_error *err) {
    return bad(csv, "the record has more than 2,000 fields", err);
}

/* The end of a line outside quotes; a line with nothing on it is none. */
static void end_line(trib_csv *csv) {
    bool empty = csv->field_count == 1 && !csv->fields[0].quoted && csv->fields[0].from == csv->fields[0].to;
    csv->at_line++;
    if (empty || csv->field_count == 0) begin_record(csv);
    else csv->is_ready = true;
}

static trib_code take(trib_csv *csv, char c, trib_error *err) {
    if (csv->state == QUOTED) {
        if (c == '"') csv->state = AFTER;
        else trib_buf_add_char(&csv->text, c);
        if (c == '\n') csv->at_line++;
        return TRIB_OK;
    }
    if (csv->state == AFTER && c == '"') {
        trib_buf_add_char(&csv->text, c);
        csv->state = QUOTED;
        return TRIB_OK;
    }
    if (csv->state == AFTER && c != ',' && c != '\n' && c != '\r')
        return bad(csv, "something stands behind a closing quote; a quote inside a field is written twice", err);
    if (csv->state == AFTER && c == '\r') return TRIB_OK;
    if (csv->state == BEFORE && !begin_field(csv, c == '"')) return too_many(csv, err);
    if (csv->state == BEFORE && c == '"') {
        csv->state = QUOTED;
        return TRIB_OK;
    }
    if (csv->state == BEFORE) csv->state = PLAIN;
    if (c != ',' && c != '\n') {
        trib_buf_add_char(&csv->text, c);
        return TRIB_OK;
    }
    end_field(csv);
    if (c == '\n') end_line(csv);
    /* behind a comma there is a field, also if the line ends there */
    return TRIB_OK;
}

/* The last line of a file needs no line break. */
static trib_code take_end(trib_csv *csv, trib_error *err) {
    if (csv->state == QUOTED) return bad(csv, "a quote is opened here and never closed", err);
    if (csv->state == BEFORE && csv->field_count == 0) return TRIB_OK;
    return take(csv, '\n', err);
}

trib_code trib_csv_feed(trib_csv *csv, trib_str bytes, size_t *ret_used, bool *ret_ready, trib_error *err) {
    trib_code code = TRIB_OK;
    size_t used = 0;
    if (csv->is_ready) begin_record(csv);
    if (bytes.len == 0) code = take_end(csv, err);
    while (code == TRIB_OK && used < bytes.len && !csv->is_ready) {
        code = take(csv, bytes.ptr[used++], err);
        bool marked = csv->line == 1 && csv->field_count == 1 && csv->state == PLAIN && csv->text.len == sizeof bom - 1;
        if (marked && trib_str_eq_c(trib_buf_str(&csv->text), bom)) begin_record(csv);
    }
    if (code == TRIB_OK && csv->text.failed) code = bad(csv, "the record is longer than 8 MiB", err);
    if (code == TRIB_OK) *ret_used = used;
    if (code == TRIB_OK) *ret_ready = csv->is_ready;
    return code;
}
