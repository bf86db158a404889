/* SPDX-License-Identifier: Apache-2.0 */
/* .explain SQL: the query plan as a tree and what would make it cheaper; with json as
 * {"plan":[{"id","parent","detail"}],"hints":["..."]}. */
#include "base/sql_text.h"
#include "cli/plan.h"
#include "cli/shell_int.h"

static void write_json(trib_buf *out, const trib_sql_rows *rows, trib_str hints) {
    trib_json_writer w;
    trib_jw_init(&w, out);
    trib_jw_object_begin(&w);
    trib_jw_key_c(&w, "plan");
    trib_jw_array_begin(&w);
    for (size_t row = 0; row < rows->row_count && rows->col_count == 4; row++) {
        const trib_value *values = rows->values + row * rows->col_count;
        trib_jw_object_begin(&w);
        trib_jw_member_i64(&w, "id", values[0].integer);
        trib_jw_member_i64(&w, "parent", values[1].integer);
        trib_jw_member_str(&w, "detail", values[3].bytes);
        trib_jw_object_end(&w);
    }
    trib_jw_array_end(&w);
    trib_jw_key_c(&w, "hints");
    trib_jw_array_begin(&w);
    while (hints.len) {
        size_t end = trib_str_find(hints, '\n');
        trib_jw_str(&w, trib_str_sub(hints, 0, end));
        hints = trib_str_sub(hints, end == SIZE_MAX ? hints.len : end + 1, hints.len);
    }
    trib_jw_array_end(&w);
    trib_jw_object_end(&w);
    trib_buf_add_char(out, '\n');
}

static void print(trib_shell *sh, trib_buf *text) {
    trib_str out = trib_buf_str(text);
    if (out.len && !text->failed) fwrite(out.ptr, 1, out.len, sh->out);
    fflush(sh->out);
    trib_buf_deinit(text);
}

void trib_shell_show_plan(trib_shell *sh, const trib_sql_rows *rows) {
    trib_buf text;
    trib_buf_init(&text, TRIB_SHELL_STATEMENT_MAX_BYTES);
    trib_plan_write_tree(&text, rows);
    print(sh, &text);
}

void trib_shell_dot_explain(trib_shell *sh, trib_str line) {
    trib_str sql = trib_sql_without_lead(line);
    trib_sql_rows rows;
    trib_error err;
    trib_buf text, hints;
    sql = trib_str_sub(sql, 0, trib_sql_first_len(sql));
    if (trib_sql_is_blank(sql)) {
        trib_shell_dot_usage(sh, ".explain", "takes a statement");
        return;
    }
    const trib_catalog *catalog = trib_shell_catalog(sh);
    trib_buf_init(&text, 2 * TRIB_SHELL_STATEMENT_MAX_BYTES);
    trib_buf_init(&hints, TRIB_SHELL_STATEMENT_MAX_BYTES);
    trib_buf_add_c(&text, "EXPLAIN QUERY PLAN ");
    trib_buf_add(&text, sql);
    const trib_sql_stmt stmt = {.sql = trib_buf_str(&text)};
    trib_code code = trib_shell_execute(sh, &stmt, &rows, &err);
    if (code != TRIB_OK) {
        trib_shell_print_error(sh, &err);
        trib_buf_deinit(&hints);
        trib_buf_deinit(&text);
        return;
    }
    trib_plan_write_hints(&hints, &rows, sql, catalog);
    trib_buf_clear(&text);
    if (sh->format == TRIB_ROWS_JSON) {
        write_json(&text, &rows, trib_buf_str(&hints));
    } else {
        trib_plan_write_tree(&text, &rows);
        trib_buf_add(&text, trib_buf_str(&hints));
    }
    trib_buf_deinit(&hints);
    print(sh, &text);
}
