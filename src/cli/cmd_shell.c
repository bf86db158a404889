/* SPDX-License-Identifier: Apache-2.0 */
/* trib shell: SQL against one tenant's database, over Hrana, or against a file that no server has open, from the
 * terminal or from a pipe. All statements run in one session, so transactions go over several lines. Lines are edited
 * by the terminal itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/admin.h"
#include "cli/rows.h"
#include "cli/shell.h"
#include "server/local_file.h"

extern const trib_command trib_cmd_shell;

enum {
    ANSWER_ARENA_BYTES = 256 << 20,
    STATEMENT_MAX_BYTES = 1 << 20, /* as the server's */
    READ_DEPTH_MAX = 8             /* .read in a file that is read: stops a file that reads itself */
};

typedef struct shell {
    trib_cli *cli;
    trib_remote db;
    trib_sql_session session;
    trib_local_file local; /* instead of db and session, when a file was named */
    trib_arena arena;
    trib_rows_format format;
    bool interactive, stop_on_error, quit;
    unsigned depth;
    int status; /* of the last statement that failed */
} shell_state;

/* ---- SQL ---- */

static void print_error(shell_state *sh, const trib_error *err) {
    const char *code = trib_error_wire_code(err);
    if (sh->cli->json) trib_cli_fail(sh->cli, err);
    else fprintf(sh->cli->err, "Error: %s (%s)\n", err->message, code);
    sh->status = trib_cli_exit_status(err->code);
}

static trib_code execute(shell_state *sh, const trib_sql_stmt *stmt, trib_sql_rows *ret, trib_error *err) {
    trib_plain_rows rows;
    if (!sh->local.file) return trib_sql_execute(&sh->db, &sh->session, stmt, &sh->arena, ret, err);
    trib_code code =
        trib_plain_file_execute(sh->local.file, stmt->sql, stmt->args, stmt->arg_count, &sh->arena, &rows, err);
    if (code == TRIB_OK)
        *ret = (trib_sql_rows){rows.col_count, rows.row_count, rows.cols, rows.values, rows.affected_rows};
    return code;
}

static void run_sql(shell_state *sh, trib_str sql, const trib_value *args, size_t arg_count) {
    const trib_sql_stmt stmt = {sql, args, arg_count};
    trib_sql_rows rows;
    trib_error err;
    trib_buf text;
    trib_arena_reset(&sh->arena);
    trib_code code = execute(sh, &stmt, &rows, &err);
    if (code != TRIB_OK) {
        print_error(sh, &err);
        return;
    }
    if (rows.col_count == 0) return;
    trib_buf_init(&text, ANSWER_ARENA_BYTES);
    trib_rows_write(&text, &rows, sh->format);
    trib_str out = trib_buf_str(&text);
    if (text.failed) fprintf(sh->cli->err, "Error: the answer is too large to be shown; add LIMIT\n");
    else fwrite(out.ptr, 1, out.len, sh->cli->out);
    trib_buf_deinit(&text);
    fflush(sh->cli->out);
}

/* ---- commands with a dot ---- */

static void dot_tables(shell_state *sh, trib_str line);
static void dot_schema(shell_state *sh, trib_str line);
static void dot_mode(shell_state *sh, trib_str line);
static void dot_read(shell_state *sh, trib_str line);
static void dot_help(shell_state *sh, trib_str line);
static void dot_quit(shell_state *sh, trib_str line);

static const struct dot {
    const char *name, *args, *what;
    void (*run)(shell_state *sh, trib_str line);
} dots[] = {
    {".tables", "", "the tables and views", dot_tables},
    {".schema", "[TABLE]", "the statements that made them", dot_schema},
    {".mode", "table|json|csv", "how rows are printed", dot_mode},
    {".read", "FILE", "run the SQL of a file", dot_read},
    {".help", "", "this list", dot_help},
    {".quit", "", "end; so does the end of the input", dot_quit},
};

static void dot_tables(shell_state *sh, trib_str line) {
    (void)line;
    run_sql(
        sh,
        TRIB_STR("SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' "
                 "ORDER BY name"),
        NULL, 0);
}

/* The texts alone, so that they can be run again. */
static void dot_schema(shell_state *sh, trib_str line) {
    trib_str table = trib_shell_take_word(&line);
    const trib_value arg = {.type = TRIB_VALUE_TEXT, .bytes = table};
    const trib_sql_stmt stmt = {
        table.len ? TRIB_STR("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name = ? ORDER BY rowid")
                  : TRIB_STR("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"),
        &arg, table.len ? 1 : 0};
    trib_sql_rows rows;
    trib_error err;
    trib_arena_reset(&sh->arena);
    if (execute(sh, &stmt, &rows, &err) != TRIB_OK) {
        print_error(sh, &err);
        return;
    }
    for (size_t i = 0; i < rows.row_count * rows.col_count; i++) {
        if (rows.values[i].type == TRIB_VALUE_TEXT)
            fprintf(sh->cli->out, "%.*s;\n", TRIB_STR_ARG(rows.values[i].bytes));
    }
    fflush(sh->cli->out);
}

static void dot_mode(shell_state *sh, trib_str line) {
    trib_error err;
    if (trib_rows_format_from_text(trib_shell_take_word(&line), &sh->format)) return;
    trib_error_set(&err, TRIB_USAGE, ".mode takes table, json or csv");
    print_error(sh, &err);
}

static void dot_help(shell_state *sh, trib_str line) {
    (void)line;
    for (size_t i = 0; i < sizeof dots / sizeof *dots; i++) {
        fprintf(sh->cli->out, "%-8s %-16s %s\n", dots[i].name, dots[i].args, dots[i].what);
    }
    fprintf(sh->cli->out, "Anything else is SQL and ends with a semicolon.\n");
}

static void dot_quit(shell_state *sh, trib_str line) {
    (void)line;
    sh->quit = true;
}

static void run_dot(shell_state *sh, trib_str line) {
    trib_error err;
    trib_str name = trib_shell_take_word(&line);
    for (size_t i = 0; i < sizeof dots / sizeof *dots; i++) {
        if (!trib_str_eq_c(name, dots[i].name)) continue;
        dots[i].run(sh, line);
        return;
    }
    trib_error_set(&err, TRIB_USAGE, "there is no command %.*s; .help lists them",
                   TRIB_STR_ARG(trib_str_sub(name, 0, 64)));
    print_error(sh, &err);
}

/* ---- input ---- */

static bool must_stop(const shell_state *sh) {
    return sh->quit || (sh->stop_on_error && sh->status != TRIB_EXIT_OK);
}

/* Runs every whole statement of `pending` and keeps the rest. */
static void run_whole(shell_state *sh, trib_buf *pending) {
    size_t end;
    while (!must_stop(sh) && (end = trib_shell_statement_end(trib_buf_str(pending))) > 0) {
        trib_str sql = trib_str_sub(trib_buf_str(pending), 0, end);
        if (!trib_shell_is_blank(sql)) run_sql(sh, sql, NULL, 0);
        trib_buf_consume(pending, end);
    }
}

static void prompt(const shell_state *sh, const trib_buf *pending) {
    if (!sh->interactive || sh->depth) return;
    fputs(trib_shell_is_blank(trib_buf_str(pending)) ? "trib> " : "  ... ", sh->cli->out);
    fflush(sh->cli->out);
}

static void run_file(shell_state *sh, FILE *file) {
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    trib_buf pending;
    trib_buf_init(&pending, 2 * STATEMENT_MAX_BYTES);
    for (prompt(sh, &pending); !must_stop(sh) && (n = getline(&line, &cap, file)) >= 0; prompt(sh, &pending)) {
        trib_str text = trib_str_make(line, (size_t)n);
        if (trib_shell_is_blank(trib_buf_str(&pending)) && n > 0 && line[0] == '.') {
            trib_buf_clear(&pending);
            run_dot(sh, text);
            continue;
        }
        trib_buf_add(&pending, text);
        if (pending.failed) {
            trib_error err;
            trib_error_set(&err, TRIB_USAGE, "a statement is longer than %d bytes", STATEMENT_MAX_BYTES);
            print_error(sh, &err);
            trib_buf_clear(&pending);
        }
        run_whole(sh, &pending);
    }
    /* the last statement of a file needs no semicolon */
    if (!must_stop(sh) && !trib_shell_is_blank(trib_buf_str(&pending))) run_sql(sh, trib_buf_str(&pending), NULL, 0);
    trib_buf_deinit(&pending);
    free(line);
}

static void dot_read(shell_state *sh, trib_str line) {
    char path[4096];
    trib_error err;
    trib_str name = trib_shell_take_word(&line);
    FILE *file = NULL;
    trib_code code = TRIB_OK;
    if (name.len == 0 || name.len >= sizeof path) {
        code = trib_error_set(&err, TRIB_USAGE, ".read takes the name of a file");
    } else if (sh->depth >= READ_DEPTH_MAX) {
        code = trib_error_set(&err, TRIB_USAGE, "%.*s is not read: files read files too deeply", TRIB_STR_ARG(name));
    } else {
        memcpy(path, name.ptr, name.len);
        path[name.len] = '\0';
        file = fopen(path, "re");
        if (!file) {
            code = errno == ENOENT ? TRIB_NOT_FOUND : TRIB_IO;
            trib_error_set(&err, code, "cannot read %s: %s", path, strerror(errno));
        }
    }
    if (code != TRIB_OK) {
        print_error(sh, &err);
        return;
    }
    sh->depth++;
    run_file(sh, file);
    sh->depth--;
    fclose(file);
}

/* ---- the command ---- */

/* No tenant's name has a slash or a dot. */
static bool is_file(const char *target) {
    return !strstr(target, "://") && strpbrk(target, "/.") != NULL;
}

/* A URL as it is; a name as a tenant of the server on the data folder, with a token made for this shell. */
static trib_code connect_to(shell_state *sh, trib_http_client *http, trib_error *err) {
    trib_cli *cli = sh->cli;
    const char *target = cli->args[0], *token = trib_cli_get(cli, "token");
    trib_server_file file;
    const trib_json *reply = NULL;
    trib_admin admin;
    trib_buf body;
    if (!token) token = trib_cli_variable(cli, "TRIB_TOKEN");
    if (strstr(target, "://")) {
        trib_code code = trib_remote_init(&sh->db, http, target, "", err);
        return code == TRIB_OK ? trib_remote_set_token(&sh->db, token, err) : code;
    }
    trib_code code = trib_server_file_read(trib_admin_data_dir(cli), &file, err);
    if (code != TRIB_OK) return code;
    code = trib_admin_open_at(&admin, cli, file.admin_url, file.admin_key, err);
    if (code == TRIB_OK) trib_remote_set_pin(&admin.remote, file.admin_tls_pin);
    const char *path = trib_admin_path(&admin, target, "/tokens");
    trib_buf_init(&body, 64);
    trib_buf_add_c(&body, "{\"access\":\"rw\",\"expires\":\"12h\"}");
    if (code == TRIB_OK) code = trib_admin_call(&admin, "POST", path, &body, &reply, err);
    trib_buf_deinit(&body);
    if (code == TRIB_OK) {
        trib_str tail = trib_arena_printf(&admin.arena, "%s/", target);
        trib_str text = trib_arena_dup(&admin.arena, trib_admin_text(&admin, reply, "token"));
        code = trib_remote_init(&sh->db, http, file.url, tail.ptr ? tail.ptr : "", err);
        if (code == TRIB_OK) trib_remote_set_pin(&sh->db, file.tls_pin);
        if (code == TRIB_OK) code = trib_remote_set_token(&sh->db, token ? token : text.ptr, err);
    }
    trib_admin_close(&admin);
    return code;
}

static int run_shell(trib_cli *cli) {
    shell_state sh = {.cli = cli, .local = {.lock_fd = -1}, .format = cli->json ? TRIB_ROWS_JSON : TRIB_ROWS_TABLE};
    trib_http_client *http = NULL;
    trib_error err;
    const char *mode = trib_cli_get(cli, "mode"), *sql = trib_cli_get(cli, "sql");
    trib_code code = TRIB_OK;
    trib_arena_init(&sh.arena, ANSWER_ARENA_BYTES);
    sh.interactive = isatty(STDIN_FILENO) && !sql;
    sh.stop_on_error = !sh.interactive;
    if (mode && !trib_rows_format_from_text(trib_str_c(mode), &sh.format)) {
        code = trib_error_set(&err, TRIB_USAGE, "--mode takes table, json or csv, not \"%s\"", mode);
    }
    if (code == TRIB_OK && is_file(cli->args[0])) {
        code = trib_local_file_open(cli->args[0], &sh.local, &err);
    } else {
        if (code == TRIB_OK) code = trib_http_client_new(&http, &err);
        if (code == TRIB_OK) code = connect_to(&sh, http, &err);
    }
    if (code == TRIB_OK && sql) {
        FILE *text = fmemopen((void *)(uintptr_t)sql, strlen(sql), "r");
        if (text) run_file(&sh, text);
        else sh.status = TRIB_EXIT_FAILURE;
        if (text) fclose(text);
    } else if (code == TRIB_OK) {
        const char *where = sh.local.file ? cli->args[0] : sh.db.url;
        if (sh.interactive) fprintf(cli->out, "%s  (.help for help, .quit to end)\n", where);
        run_file(&sh, stdin);
    }
    if (http) trib_sql_session_close(&sh.db, &sh.session, &sh.arena);
    trib_http_client_free(http);
    trib_local_file_close(&sh.local);
    trib_arena_deinit(&sh.arena);
    if (code != TRIB_OK) return trib_cli_fail(cli, &err);
    return sh.interactive ? TRIB_EXIT_OK : sh.status;
}

static const trib_cli_option options[] = {
    {"token", "TOKEN", "who asks; better by TRIB_TOKEN, since others see command lines (TRIB_TOKEN)"},
    {"mode", "MODE", "table, json or csv"},
    {"sql", "SQL", "run this and end"},
    {"data", "FOLDER", "for TENANT: the data folder of a server on this machine (TRIB_DATA; data)"},
};

static const trib_cli_example examples[] = {
    {"trib shell acme", "a tenant of the server on ./data"},
    {"TRIB_TOKEN=... trib shell https://db.example.com/acme/", "a tenant of a server elsewhere"},
    {"trib shell acme --sql 'SELECT count(*) FROM nodes' --mode csv", "one answer for a script"},
    {"trib shell acme < schema.sql", "runs a file; the first error ends it"},
    {"trib shell ./backup.db --sql 'PRAGMA integrity_check'", "a database file that no server has open"},
};

const trib_command trib_cmd_shell = {
    .name = "shell",
    .args = "URL|TENANT|FILE",
    .summary = "Run SQL against a tenant's database, or a file",
    .description = "Statements end with a semicolon; commands begin with a dot, .help lists them. From a terminal an "
                   "error is shown\n"
                   "and the shell goes on; from a pipe, a file or --sql the first error ends it with exit status 1.\n"
                   "What has a slash or a dot and is no URL is a FILE, opened with SQLite's own locks. The files of a "
                   "running server are\nrefused: it is the only process that may open them.",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .examples = examples,
    .example_count = sizeof examples / sizeof *examples,
    .min_args = 1,
    .max_args = 1,
    .run = run_shell,
};
