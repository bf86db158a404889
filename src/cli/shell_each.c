/* SPDX-License-Identifier: Apache-2.0 */
/* .each and --each: one text of SQL on many tenants, one after another, each in a session of its own. A tenant that
 * fails is told and the next is taken; the exit status says if any failed.
 *
 *   table, box, ...   a line with the tenant's name before its rows
 *   csv               a first column "tenant"
 *   json              a line for each result: {"tenant":"acme","rows":[...]}, or with "error" and "code" */
#include <string.h>

#include "base/sql_text.h"
#include "cli/fleet.h"
#include "cli/shell_int.h"

typedef struct each {
    trib_shell *sh;
    trib_fleet fleet;
    trib_link link;
    trib_arena names; /* of tenants, while their answers come and go in the shell's */
    trib_str tenant;
    trib_buf csv_head; /* the columns that were written last */
    size_t failures;
} each;

/* ---- results ---- */

static void write_json(each *e, const trib_sql_rows *rows, const trib_error *err) {
    trib_json_writer w;
    trib_buf line, inner;
    trib_buf_init(&line, TRIB_SHELL_ARENA_BYTES);
    trib_buf_init(&inner, TRIB_SHELL_ARENA_BYTES);
    trib_jw_init(&w, &line);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "tenant", e->tenant);
    if (err) {
        trib_jw_member_str(&w, "error", trib_str_c(err->message));
        trib_jw_member_str(&w, "code", trib_str_c(trib_error_wire_code(err)));
    } else {
        trib_rows_write_json(&inner, rows);
        trib_jw_key_c(&w, "rows");
        trib_jw_raw(&w, trib_buf_str(&inner));
    }
    trib_jw_object_end(&w);
    if (line.failed || inner.failed)
        fprintf(e->sh->cli->err, "Error: the answer is too large to be shown; add LIMIT\n");
    else fprintf(e->sh->out, "%.*s\n", TRIB_STR_ARG(trib_buf_str(&line)));
    trib_buf_deinit(&line);
    trib_buf_deinit(&inner);
}

/* The rows with the tenant before them; the line of names only where it differs from the last one. */
static void write_csv(each *e, const trib_sql_rows *rows) {
    trib_sql_rows wide = {.col_count = rows->col_count + 1, .row_count = rows->row_count};
    trib_arena *arena = &e->sh->arena;
    trib_buf text;
    wide.cols = trib_arena_zalloc(arena, wide.col_count, sizeof *wide.cols);
    wide.values = trib_arena_zalloc(arena, wide.col_count * wide.row_count, sizeof *wide.values);
    trib_buf_init(&text, TRIB_SHELL_ARENA_BYTES);
    if (wide.cols && wide.values) {
        wide.cols[0] = TRIB_STR("tenant");
        for (size_t i = 0; i < rows->col_count; i++) wide.cols[i + 1] = rows->cols[i];
        for (size_t row = 0; row < rows->row_count; row++) {
            trib_value *to = wide.values + row * wide.col_count;
            to[0] = (trib_value){.type = TRIB_VALUE_TEXT, .bytes = e->tenant};
            memcpy(to + 1, rows->values + row * rows->col_count, rows->col_count * sizeof *to);
        }
        trib_rows_write_csv(&text, &wide);
    }
    /* the head is written by itself: a name may hold a line break */
    trib_buf head;
    trib_sql_rows none = {.col_count = wide.col_count, .cols = wide.cols};
    trib_buf_init(&head, TRIB_SHELL_ARENA_BYTES);
    if (wide.cols) trib_rows_write_csv(&head, &none);
    trib_str out = trib_buf_str(&text);
    bool same = trib_str_eq(trib_buf_str(&head), trib_buf_str(&e->csv_head));
    if (same) out = trib_str_sub(out, head.len, out.len);
    if (out.len) fwrite(out.ptr, 1, out.len, e->sh->out);
    if (!same) {
        trib_buf_clear(&e->csv_head);
        trib_buf_add(&e->csv_head, trib_buf_str(&head));
    }
    trib_buf_deinit(&head);
    trib_buf_deinit(&text);
}

static void show(each *e, const trib_sql_rows *rows) {
    if (rows->col_count == 0) return;
    if (e->sh->format == TRIB_ROWS_JSON) {
        write_json(e, rows, NULL);
    } else if (e->sh->format == TRIB_ROWS_CSV) {
        write_csv(e, rows);
    } else {
        fprintf(e->sh->out, "-- %.*s\n", TRIB_STR_ARG(e->tenant));
        trib_shell_show_rows(e->sh, rows);
    }
    fflush(e->sh->out);
}

static void show_error(each *e, const trib_error *err) {
    e->failures++;
    if (e->sh->format == TRIB_ROWS_JSON) {
        write_json(e, NULL, err);
        fflush(e->sh->out);
        e->sh->status = trib_cli_exit_status(err->code);
        return;
    }
    if (!e->sh->cli->json) fprintf(e->sh->cli->err, "%.*s: ", TRIB_STR_ARG(e->tenant));
    trib_shell_print_error(e->sh, err);
}

/* ---- one tenant ---- */

static trib_code run_statements(each *e, trib_str sql, trib_error *err) {
    while (!trib_sql_is_blank(sql)) {
        trib_sql_rows rows;
        size_t end = trib_sql_first_len(sql);
        const trib_sql_stmt stmt = {.sql = trib_str_sub(sql, 0, end)};
        sql = trib_str_sub(sql, end, sql.len);
        if (trib_sql_is_blank(stmt.sql)) continue;
        trib_arena_reset(&e->sh->arena);
        trib_code code = trib_link_execute(&e->link, &stmt, &e->sh->arena, &rows, err);
        if (code != TRIB_OK) return code;
        show(e, &rows);
    }
    return TRIB_OK;
}

static void run_tenant(each *e, trib_str name, trib_str sql) {
    trib_error err;
    char url[TRIB_REMOTE_URL_BYTES];
    char secret[TRIB_REMOTE_SECRET_BYTES];
    e->tenant = name;
    /* setting the URL forgets the token and what cancels */
    memcpy(secret, e->link.db.authorization, sizeof secret);
    trib_code code = trib_fleet_url(&e->fleet, name.ptr, url, &err);
    if (code == TRIB_OK) code = trib_remote_init(&e->link.db, e->link.http, url, "", &err);
    trib_remote_set_pin(&e->link.db, e->fleet.tls_pin);
    memcpy(e->link.db.authorization, secret, sizeof secret);
    if (e->sh->interrupt.fd >= 0) e->link.db.cancel_fd = &e->sh->interrupt.fd;
    if (code == TRIB_OK) code = run_statements(e, sql, &err);
    if (code != TRIB_OK) show_error(e, &err);
    trib_sql_session_close(&e->link.db, &e->link.session, &e->sh->arena);
    explicit_bzero(secret, sizeof secret);
}

/* ---- all of them ---- */

static trib_code begin(each *e, trib_str patterns, trib_names *ret, trib_error *err) {
    const char *token = trib_cli_get(e->sh->cli, "token");
    trib_str made = {0};
    if (!token) token = trib_cli_variable(e->sh->cli, "TRIB_TOKEN");
    trib_code code = trib_fleet_open(&e->fleet, e->sh->cli, err);
    if (code == TRIB_OK) code = trib_fleet_find(&e->fleet, patterns, &e->names, ret, err);
    if (code == TRIB_OK && ret->count == 0)
        code = trib_error_set(err, TRIB_NOT_FOUND, "no tenant fits '%.*s'; `trib tenant list` shows all",
                              TRIB_STR_ARG(trib_str_sub(patterns, 0, 100)));
    if (code == TRIB_OK && !token) code = trib_fleet_token(&e->fleet, NULL, "12h", &made, err);
    if (code == TRIB_OK) code = trib_http_client_new(&e->link.http, err);
    return code == TRIB_OK ? trib_remote_set_token(&e->link.db, token ? token : made.ptr, err) : code;
}

void trib_shell_each(trib_shell *sh, trib_str patterns, trib_str sql) {
    each e = {.sh = sh, .link = TRIB_LINK_NONE};
    trib_names tenants = {0};
    trib_error err;
    trib_arena_init(&e.names, TRIB_ADMIN_ARENA_BYTES);
    trib_buf_init(&e.csv_head, TRIB_SHELL_STATEMENT_MAX_BYTES);
    trib_code code = begin(&e, patterns, &tenants, &err);
    if (code != TRIB_OK) trib_shell_print_error(sh, &err);
    size_t done = 0;
    for (; code == TRIB_OK && done < tenants.count && !sh->cancelled; done++) {
        if (trib_interrupt_take(&sh->interrupt)) sh->cancelled = true;
        else run_tenant(&e, tenants.items[done], sql);
    }
    if (code == TRIB_OK && (e.failures || sh->cancelled) && !sh->cli->json)
        fprintf(sh->cli->err, "%zu of %zu tenants done, %zu failed\n", done, tenants.count, e.failures);
    trib_link_close(&e.link, &sh->arena);
    trib_fleet_close(&e.fleet);
    trib_buf_deinit(&e.csv_head);
    trib_arena_deinit(&e.names);
}

void trib_shell_dot_each(trib_shell *sh, trib_str line) {
    trib_str patterns = trib_shell_take_word(&line);
    if (patterns.len == 0 || trib_sql_is_blank(line)) {
        trib_shell_dot_usage(sh, ".each", "takes tenants and SQL");
        return;
    }
    trib_shell_each(sh, patterns, line);
}
