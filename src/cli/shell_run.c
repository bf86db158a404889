/* SPDX-License-Identifier: Apache-2.0 */
/* The shell's loop: lines become statements, statements become rows or errors; see shell_int.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/sql_text.h"
#include "cli/shell_int.h"
#include "io/env_native.h"

/* ---- errors ---- */

void trib_shell_print_error(trib_shell *sh, const trib_error *err) {
    fflush(sh->out);
    if (sh->cli->json) trib_cli_fail(sh->cli, err);
    else trib_cli_print_error(sh->cli->err, "Error", err);
    fflush(sh->cli->err);
    sh->status = trib_cli_exit_status(err->code);
    if (err->code == TRIB_CANCELLED) {
        trib_interrupt_take(&sh->interrupt);
        sh->cancelled = true;
        if (sh->link.http && !sh->cli->json)
            fprintf(sh->cli->err, "  the connection was closed with it: an open transaction is rolled back\n");
    }
}

/* ---- statements ---- */

trib_code trib_shell_execute(trib_shell *sh, const trib_sql_stmt *stmt, trib_sql_rows *ret, trib_error *err) {
    trib_arena_reset(&sh->arena);
    return trib_link_execute(&sh->link, stmt, &sh->arena, ret, err);
}

void trib_shell_show_rows(trib_shell *sh, const trib_sql_rows *rows) {
    trib_buf text;
    if (rows->col_count == 0) return;
    trib_buf_init(&text, TRIB_SHELL_ARENA_BYTES);
    trib_rows_write(&text, rows, sh->format);
    trib_str out = trib_buf_str(&text);
    if (text.failed) fprintf(sh->cli->err, "Error: the answer is too large to be shown; add LIMIT\n");
    else if (out.len) fwrite(out.ptr, 1, out.len, sh->out);
    trib_buf_deinit(&text);
    fflush(sh->out);
}

/* The words with which a statement changes what tables there are. */
static bool may_change_schema(trib_str sql) {
    trib_sql_token token = trib_sql_next(&sql);
    return trib_sql_is_word(token, "CREATE") || trib_sql_is_word(token, "DROP") || trib_sql_is_word(token, "ALTER") ||
           trib_sql_is_word(token, "ROLLBACK") || trib_sql_is_word(token, "COMMIT") || trib_sql_is_word(token, "END");
}

static bool is_query_plan(trib_str sql) {
    return trib_sql_is_word(trib_sql_next(&sql), "EXPLAIN") && trib_sql_is_word(trib_sql_next(&sql), "QUERY");
}

void trib_shell_run_sql(trib_shell *sh, trib_str sql) {
    const trib_sql_stmt stmt = {.sql = sql};
    trib_sql_rows rows;
    trib_error err;
    int64_t begin_ns = trib_env_mono_ns(trib_env_native());
    trib_code code = trib_shell_execute(sh, &stmt, &rows, &err);
    int64_t took_ns = trib_env_mono_ns(trib_env_native()) - begin_ns;
    if (may_change_schema(sql)) sh->catalog_is_old = true;
    if (code != TRIB_OK) trib_shell_print_error(sh, &err);
    else if (sh->format <= TRIB_ROWS_BOX && is_query_plan(sql)) trib_shell_show_plan(sh, &rows);
    else trib_shell_show_rows(sh, &rows);
    /* beside the rows, so that a file or a pipe gets the rows alone */
    if (sh->timer)
        fprintf(sh->cli->err, "time: %" PRId64 ".%03d ms\n", took_ns / 1000000, (int)(took_ns / 1000 % 1000));
}

const trib_catalog *trib_shell_catalog(trib_shell *sh) {
    const trib_sql_stmt columns = {.sql = TRIB_STR(TRIB_CATALOG_SQL)},
                        indexes = {.sql = TRIB_STR(TRIB_CATALOG_SQL_INDEXES)};
    trib_sql_rows rows = {0}, index_rows = {0};
    trib_error err;
    trib_arena arena;
    if (!sh->catalog_is_old) return &sh->catalog;
    trib_arena_init(&arena, TRIB_CATALOG_ARENA_BYTES * 4);
    /* beside the session: TAB must not touch a transaction */
    if (trib_link_look(&sh->link, &columns, &arena, &rows, &err) == TRIB_OK) sh->catalog_is_old = false;
    if (!sh->catalog_is_old) trib_link_look(&sh->link, &indexes, &arena, &index_rows, &err);
    trib_catalog_set(&sh->catalog, &rows, &index_rows);
    trib_arena_deinit(&arena);
    trib_interrupt_take(&sh->interrupt);
    return &sh->catalog;
}

/* ---- input ---- */

static bool must_stop(const trib_shell *sh) {
    return sh->quit || (sh->stop_on_error && sh->status != TRIB_EXIT_OK) || (sh->depth > 0 && sh->cancelled);
}

/* Runs every whole statement of `pending` and keeps the rest. */
static void run_whole(trib_shell *sh, trib_buf *pending) {
    size_t end;
    while (!must_stop(sh) && (end = trib_sql_whole_len(trib_buf_str(pending))) > 0) {
        trib_str sql = trib_str_sub(trib_buf_str(pending), 0, end);
        if (!trib_sql_is_blank(sql)) trib_shell_run_sql(sh, sql);
        trib_buf_consume(pending, end);
        if (sh->cancelled) break; /* what stands behind it on the line goes too */
    }
}

static bool is_typed(const trib_shell *sh) {
    return sh->interactive && sh->depth == 0;
}

/* The next line, appended to `pending`; false at the end. A cancelled line leaves `pending` empty. */
static bool read_line(trib_shell *sh, FILE *file, trib_buf *pending) {
    bool first = trib_sql_is_blank(trib_buf_str(pending));
    const char *prompt = first ? "trib> " : "  ... ";
    if (sh->edit && is_typed(sh)) {
        sh->typed = pending;
        trib_edit_result result = trib_edit_read(sh->edit, prompt, pending);
        if (result == TRIB_EDIT_CANCELLED) trib_buf_clear(pending);
        return result != TRIB_EDIT_END;
    }
    if (is_typed(sh)) {
        fputs(prompt, sh->cli->out);
        fflush(sh->cli->out);
    }
    char *line = NULL;
    size_t cap = 0;
    ssize_t n = getline(&line, &cap, file);
    if (n > 0) trib_buf_add_bytes(pending, line, (size_t)n);
    free(line);
    return n >= 0;
}

/* What was typed since the last statement goes to the history once it is whole, because secrets may be told only
 * then. */
static void remember(trib_shell *sh, trib_buf *typed, bool whole) {
    if (!whole) return;
    if (sh->edit && is_typed(sh)) trib_edit_remember(sh->edit, trib_buf_str(typed));
    trib_buf_clear(typed);
}

static void run_line(trib_shell *sh, trib_buf *pending, size_t line_at) {
    trib_str line = trib_str_sub(trib_buf_str(pending), line_at, pending->len);
    if (line.len && line.ptr[0] == '.' && trib_sql_is_blank(trib_str_sub(trib_buf_str(pending), 0, line_at))) {
        trib_buf dot;
        trib_buf_init(&dot, 2 * TRIB_SHELL_STATEMENT_MAX_BYTES);
        trib_buf_add(&dot, line);
        trib_buf_clear(pending);
        trib_shell_run_dot(sh, trib_buf_str(&dot));
        trib_buf_deinit(&dot);
        return;
    }
    if (pending->failed) {
        trib_error err;
        trib_error_set(&err, TRIB_USAGE, "a statement is longer than %d bytes", TRIB_SHELL_STATEMENT_MAX_BYTES);
        trib_shell_print_error(sh, &err);
        trib_buf_clear(pending);
    }
    run_whole(sh, pending);
}

void trib_shell_run_file(trib_shell *sh, FILE *file) {
    trib_buf pending, typed;
    trib_buf_init(&pending, 2 * TRIB_SHELL_STATEMENT_MAX_BYTES);
    trib_buf_init(&typed, 2 * TRIB_SHELL_STATEMENT_MAX_BYTES);
    while (!must_stop(sh)) {
        size_t line_at = pending.len;
        if (!read_line(sh, file, &pending)) break;
        if (is_typed(sh)) {
            sh->cancelled = false;
            trib_interrupt_take(&sh->interrupt);
            trib_buf_add(&typed, trib_str_sub(trib_buf_str(&pending), line_at, pending.len));
            if (pending.len == 0) trib_buf_clear(&typed);
        }
        run_line(sh, &pending, line_at);
        if (sh->cancelled) trib_buf_clear(&pending);
        remember(sh, &typed, trib_sql_is_blank(trib_buf_str(&pending)));
    }
    /* the last statement of a file needs no semicolon */
    if (!must_stop(sh) && !is_typed(sh) && !trib_sql_is_blank(trib_buf_str(&pending)))
        trib_shell_run_sql(sh, trib_buf_str(&pending));
    trib_buf_deinit(&pending);
    trib_buf_deinit(&typed);
}

FILE *trib_shell_open_file(trib_str name, const char *mode, trib_error *err) {
    char path[TRIB_SHELL_PATH_BYTES];
    if (name.len == 0 || name.len >= sizeof path) {
        trib_error_set(err, TRIB_USAGE, "the name of a file is missing or too long");
        return NULL;
    }
    memcpy(path, name.ptr, name.len);
    path[name.len] = '\0';
    FILE *file = fopen(path, mode);
    if (!file)
        trib_error_set(err, errno == ENOENT ? TRIB_NOT_FOUND : TRIB_IO, "cannot %s %s: %s",
                       mode[0] == 'r' ? "read" : "write", path, strerror(errno));
    return file;
}
