// SPDX-License-Identifier: Apache-2.0
// Fuzz target of what trib shell reads: files to import, and SQL that it looks at without knowing it.
// rooms: cli base
//
// Oracles: CSV records and JSON objects do not depend on how the bytes were cut; a statement is never longer than its
// text; hints and offers hold nothing that steers a terminal.
#include <stdio.h>
#include <stdlib.h>

#include "base/sql_text.h"
#include "cli/complete.h"
#include "cli/csv.h"
#include "cli/history.h"
#include "cli/json_rows.h"
#include "cli/plan.h"
#include "unit/cli/catalog_support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool fine, const char *what) {
    if (fine) return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

/* Records as text, fed `step` bytes at a time. */
static void read_csv(trib_str rest, size_t step, trib_buf *out) {
    trib_csv *csv = malloc(sizeof *csv);
    trib_error err;
    if (!csv) abort();
    trib_csv_init(csv);
    for (bool ended = false; !ended;) {
        size_t used = 0;
        bool ready = false;
        trib_str piece = trib_str_sub(rest, 0, step);
        ended = piece.len == 0;
        if (trib_csv_feed(csv, piece, &used, &ready, &err) != TRIB_OK) {
            trib_buf_add_c(out, err.message);
            break;
        }
        must(used <= piece.len && (used > 0 || ended), "CSV goes on");
        rest = trib_str_sub(rest, used, rest.len);
        for (size_t i = 0; ready && i < csv->field_count; i++) {
            trib_buf_printf(out, "%u:", (unsigned)csv->line);
            trib_buf_add(out, trib_csv_field_text(csv, i));
            trib_buf_add_char(out, csv->fields[i].quoted ? '"' : '|');
        }
    }
    trib_csv_deinit(csv);
    free(csv);
}

static void read_json(trib_str rest, size_t step, trib_buf *out) {
    trib_json_rows rows;
    trib_error err;
    trib_json_rows_init(&rows);
    for (bool ended = false; !ended;) {
        size_t used = 0;
        bool ready = false;
        trib_str piece = trib_str_sub(rest, 0, step);
        ended = piece.len == 0;
        if (trib_json_rows_feed(&rows, piece, &used, &ready, &err) != TRIB_OK) {
            trib_buf_add_c(out, err.message);
            break;
        }
        rest = trib_str_sub(rest, used, rest.len);
        if (ready) trib_buf_printf(out, "%u:", (unsigned)rows.line);
        if (ready) trib_buf_add(out, trib_buf_str(&rows.text));
    }
    trib_json_rows_deinit(&rows);
}

static void cut_both_ways(trib_str text, void (*read)(trib_str text, size_t step, trib_buf *out)) {
    trib_buf whole, pieces;
    trib_buf_init(&whole, 64 << 20);
    trib_buf_init(&pieces, 64 << 20);
    read(text, text.len + 1, &whole);
    read(text, 1 + text.len % 7, &pieces);
    must(trib_str_eq(trib_buf_str(&whole), trib_buf_str(&pieces)), "what is read depends on how it was cut");
    trib_buf_deinit(&whole);
    trib_buf_deinit(&pieces);
}

static void no_controls(trib_str text, bool lines) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        must((c >= 0x20 && c != 0x7f) || (lines && c == '\n'), "something steers the terminal");
    }
}

/* The text as a statement: its plan is one scan of each table, with a sort. */
static void explain(trib_str sql, const trib_catalog *catalog) {
    trib_value values[4 * 4];
    static const char *const details[] = {"SCAN orders", "SCAN items", "USE TEMP B-TREE FOR ORDER BY",
                                          "USE TEMP B-TREE FOR GROUP BY"};
    trib_buf buf;
    for (size_t i = 0; i < 16; i++) values[i] = (trib_value){.type = TRIB_VALUE_INTEGER, .integer = (int64_t)i / 4};
    for (size_t i = 0; i < 4; i++) values[i * 4 + 3] = catalog_text(details[i]);
    const trib_sql_rows rows = {.col_count = 4, .row_count = 4, .values = values};
    trib_buf_init(&buf, 1 << 20);
    trib_plan_write_tree(&buf, &rows);
    trib_plan_write_hints(&buf, &rows, sql, catalog);
    no_controls(trib_buf_str(&buf), true);
    trib_buf_deinit(&buf);
}

static void complete(trib_str text, const trib_catalog *catalog) {
    static const char *const dots[] = {".tables", ".read"};
    trib_arena arena;
    trib_complete *c = malloc(sizeof *c);
    if (!c) abort();
    trib_arena_init(&arena, 4 << 20);
    trib_complete_init(c, &arena, text);
    trib_complete_offer_words(c, catalog, dots, 2);
    trib_complete_offer(c, text);
    for (size_t i = 0; i < c->count; i++) no_controls(c->items[i], false);
    trib_complete_sort(c);
    trib_complete_common(c);
    trib_arena_deinit(&arena);
    free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    trib_str text = trib_str_make((const char *)data, size);
    trib_catalog catalog;
    trib_buf entries;
    cut_both_ways(text, read_csv);
    cut_both_ways(text, read_json);
    must(trib_sql_whole_len(text) <= trib_sql_first_len(text) && trib_sql_first_len(text) <= size, "a statement ends");
    make_catalog(&catalog);
    explain(text, &catalog);
    complete(text, &catalog);
    trib_catalog_deinit(&catalog);
    trib_buf_init(&entries, 2 * TRIB_HISTORY_ENTRY_BYTES);
    trib_history_add_entries(&entries, text);
    must(entries.len <= TRIB_HISTORY_ENTRY_BYTES + 1, "an entry is as long as what was typed");
    trib_buf_deinit(&entries);
    return 0;
}
