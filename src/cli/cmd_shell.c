/* SPDX-License-Identifier: Apache-2.0 */
/* trib shell: SQL against one tenant's database, over Hrana, against a file that no server has open, or against many
 * tenants; from the terminal or from a pipe. shell_int.h is the map of its parts. */
#include <string.h>
#include <unistd.h>

#include "cli/shell_int.h"

extern const trib_cli_command trib_cmd_shell;

static trib_code check_words(trib_shell *sh, trib_error *err) {
    const trib_cli *cli = sh->cli;
    const char *mode = trib_cli_get(cli, "mode"), *each = trib_cli_get(cli, "each");
    if (mode && !trib_rows_format_from_text(trib_str_c(mode), &sh->format))
        return trib_error_set(err, TRIB_USAGE, "--mode takes table, box, markdown, json, csv or line, not \"%s\"",
                              mode);
    if (each && cli->arg_count)
        return trib_error_set(err, TRIB_USAGE, "--each already names the tenants; leave '%s' out", cli->args[0]);
    if (each && !trib_cli_get(cli, "sql"))
        return trib_error_set(err, TRIB_USAGE, "--each needs the SQL to run: --each '%s' --sql 'SELECT ...'", each);
    if (!each && cli->arg_count == 0)
        return trib_error_set(err, TRIB_USAGE, "something is missing: trib shell %s", trib_cmd_shell.args);
    return TRIB_OK;
}

static trib_str typed_before(void *ctx) {
    const trib_shell *sh = ctx;
    return trib_buf_str(sh->typed);
}

/* Editing, where somebody sits in front of it; without it (TERM=dumb) lines come as the terminal gives them. */
static void open_edit(trib_shell *sh) {
    const char *term = trib_cli_variable(sh->cli, "TERM");
    trib_error err;
    if (!sh->interactive || !isatty(STDOUT_FILENO) || !term || !term[0] || strcmp(term, "dumb") == 0) return;
    if (trib_interrupt_open(&sh->interrupt, &err) != TRIB_OK) return;
    const trib_edit_options options = {.interrupt = &sh->interrupt,
                                       .state_home = trib_cli_variable(sh->cli, "XDG_STATE_HOME"),
                                       .home = trib_cli_variable(sh->cli, "HOME"),
                                       .complete = trib_shell_complete,
                                       .typed_before = typed_before,
                                       .ctx = sh};
    if (trib_edit_open(&options, &sh->edit, &err) != TRIB_OK) trib_interrupt_close(&sh->interrupt);
}

static void run_text(trib_shell *sh, const char *sql) {
    FILE *text = sql[0] ? fmemopen((void *)(uintptr_t)sql, strlen(sql), "r") : NULL;
    if (text) trib_shell_run_file(sh, text);
    else if (sql[0]) sh->status = TRIB_EXIT_FAILURE;
    if (text) fclose(text);
}

static void run_input(trib_shell *sh) {
    trib_cli *cli = sh->cli;
    const char *where = sh->link.local.file ? cli->args[0] : sh->link.db.url;
    if (sh->interactive) fprintf(cli->out, "%s  (.help for help, .quit to end)\n", where);
    fflush(cli->out);
    trib_shell_run_file(sh, stdin);
}

static void close_shell(trib_shell *sh) {
    trib_str nothing = {0};
    trib_shell_dot_output(sh, nothing); /* what a file of .output lacks is an error of the shell */
    trib_edit_close(sh->edit);
    trib_link_close(&sh->link, &sh->arena);
    trib_interrupt_close(&sh->interrupt);
    trib_catalog_deinit(&sh->catalog);
    trib_arena_deinit(&sh->arena);
}

static int run_shell(trib_cli *cli) {
    trib_shell sh = {.cli = cli,
                     .interrupt = {-1},
                     .link = TRIB_LINK_NONE,
                     .out = cli->out,
                     .catalog_is_old = true,
                     .format = cli->json ? TRIB_ROWS_JSON : TRIB_ROWS_TABLE};
    const char *sql = trib_cli_get(cli, "sql"), *each = trib_cli_get(cli, "each");
    trib_error err;
    trib_arena_init(&sh.arena, TRIB_SHELL_ARENA_BYTES);
    trib_catalog_init(&sh.catalog);
    sh.interactive = isatty(STDIN_FILENO) && !sql;
    sh.stop_on_error = !sh.interactive;
    trib_code code = check_words(&sh, &err);
    if (code == TRIB_OK) open_edit(&sh);
    if (code == TRIB_OK && !each)
        code = trib_link_open(&sh.link, cli, cli->args[0], trib_cli_get(cli, "token"), &sh.interrupt, &err);
    if (code == TRIB_OK && each) trib_shell_each(&sh, trib_str_c(each), trib_str_c(sql));
    else if (code == TRIB_OK && sql) run_text(&sh, sql);
    else if (code == TRIB_OK) run_input(&sh);
    close_shell(&sh);
    if (code != TRIB_OK) return trib_cli_fail(cli, &err);
    return sh.interactive ? TRIB_EXIT_OK : sh.status;
}

static const trib_cli_option options[] = {
    {"token", "TOKEN", "who asks; better by TRIB_TOKEN, since others see command lines (TRIB_TOKEN)"},
    {"mode", "MODE", "table, box, markdown, json, csv or line"},
    {"sql", "SQL", "run this and end; -c for short"},
    {"each", "PATTERN", "run it on many tenants: 'shop-*', or names with commas"},
    TRIB_ADMIN_OPTIONS,
};

static const trib_cli_example examples[] = {
    {"trib shell acme", "a tenant of the server on ./data"},
    {"TRIB_TOKEN=... trib shell https://db.example.com/acme/", "a tenant of a server elsewhere"},
    {"trib shell acme --sql 'SELECT count(*) FROM nodes' --mode csv", "one answer for a script"},
    {"trib shell acme < schema.sql", "runs a file; the first error ends it"},
    {"trib shell ./backup.db --sql 'PRAGMA integrity_check'", "a database file that no server has open"},
    {"trib shell acme -c .dump > acme.sql", "the database as SQL"},
    {"trib shell --each 'shop-*' -c 'SELECT count(*) FROM orders' --mode csv", "the same question to many tenants"},
};

const trib_cli_command trib_cmd_shell = {
    .name = "shell",
    .args = "URL|TENANT|FILE",
    .summary = "Run SQL against a tenant's database, or a file",
    .description = "Statements end with a semicolon; commands begin with a dot. On a terminal lines can be edited, TAB "
                   "completes,\nCtrl-C cancels a line or the statement that runs, and an error is shown and the shell "
                   "goes on; from a pipe,\na file or --sql the first error ends it with an exit status that says its "
                   "kind.\n"
                   "What has a slash or a dot and is no URL is a FILE, opened with SQLite's own locks. The files of a "
                   "running server are\nrefused: it is the only process that may open them.",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .words = trib_shell_dots,
    .word_count = TRIB_SHELL_DOT_COUNT,
    .examples = examples,
    .example_count = sizeof examples / sizeof *examples,
    .max_args = 1,
    .short_options = "c:sql",
    .run = run_shell,
};
