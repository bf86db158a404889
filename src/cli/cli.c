/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the command, parses its options and runs it; see cli.h. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/suggest.h"
#include "cli/error_page.h"
#include "wire/json.h"

enum { MESSAGE_MAX_BYTES = 8 * 1024 };

/* ---- look-ups ---- */

const char *trib_cli_get(const trib_cli *cli, const char *option) {
    for (size_t i = cli->given_count; i-- > 0;) {
        if (trib_str_eq_c(cli->given[i].name, option)) return cli->given[i].value;
    }
    return NULL;
}

const char *trib_cli_get_nth(const trib_cli *cli, const char *option, size_t n) {
    for (size_t i = 0; i < cli->given_count; i++)
        if (trib_str_eq_c(cli->given[i].name, option) && n-- == 0) return cli->given[i].value;
    return NULL;
}

bool trib_cli_has(const trib_cli *cli, const char *option) {
    for (size_t i = 0; i < cli->given_count; i++) {
        if (trib_str_eq_c(cli->given[i].name, option)) return true;
    }
    return false;
}

const char *trib_cli_variable(const trib_cli *cli, const char *name) {
    size_t n = strlen(name);
    for (char *const *entry = cli->environment; entry && *entry; entry++) {
        if (strncmp(*entry, name, n) == 0 && (*entry)[n] == '=') return *entry + n + 1;
    }
    return NULL;
}

trib_str trib_cli_suggest_command(trib_str typed) {
    trib_suggest suggest = {.word = typed};
    for (size_t i = 0; i < trib_cli_command_count; i++) {
        trib_str name = trib_str_c(trib_cli_commands[i]->name);
        trib_suggest_offer(&suggest, name);
        /* the first word alone: "tenat" is meant to be "tenant create" or one of its kind */
        size_t space = trib_str_find(name, ' ');
        if (space != SIZE_MAX) trib_suggest_offer(&suggest, trib_str_sub(name, 0, space));
    }
    return suggest.best;
}

/* ---- errors ---- */

int trib_cli_exit_status(trib_code code) {
    if (code == TRIB_OK) return TRIB_EXIT_OK;
    bool usage =
        code == TRIB_USAGE || code == TRIB_CONFIG || code == TRIB_BAD_REQUEST || code == TRIB_TENANT_NAME_INVALID;
    if (usage) return TRIB_EXIT_USAGE;
    if (code == TRIB_CONNECT) return TRIB_EXIT_CONNECT;
    int status = trib_code_http(code);
    if (status == 404) return TRIB_EXIT_NOT_FOUND;
    if (status == 401 || status == 403) return TRIB_EXIT_DENIED;
    if (status == 409) return TRIB_EXIT_CONFLICT;
    return TRIB_EXIT_FAILURE;
}

/* The code under which there is a page: the server's own may be one of SQLite's, or of a newer server. */
static const char *page_code_of(const trib_error *err) {
    const char *code = trib_error_page_code(trib_str_c(trib_error_wire_code(err)));
    return code ? code : trib_code_text(err->code);
}

static void add_fix(trib_buf *out, const char *page_code) {
    const char *page = trib_error_page_get(trib_str_c(page_code));
    if (page) trib_error_page_add_first(out, page, "Fix");
}

void trib_cli_print_error(FILE *out, const char *who, const trib_error *err) {
    const char *page_code = page_code_of(err);
    trib_buf fix;
    trib_buf_init(&fix, MESSAGE_MAX_BYTES);
    add_fix(&fix, page_code);
    fprintf(out, "%s: %s\n", who, err->message);
    if (trib_buf_str(&fix).len) fprintf(out, "  fix:  %.*s\n", TRIB_STR_ARG(trib_buf_str(&fix)));
    fprintf(out, "  code: %s (trib help errors %s)\n", trib_error_wire_code(err), page_code);
    trib_buf_deinit(&fix);
}

static void print_json_error(FILE *out, const trib_error *err) {
    const char *page_code = page_code_of(err);
    trib_buf text, fix, docs;
    trib_json_writer w;
    trib_buf_init(&text, MESSAGE_MAX_BYTES);
    trib_buf_init(&fix, MESSAGE_MAX_BYTES);
    trib_buf_init(&docs, MESSAGE_MAX_BYTES);
    add_fix(&fix, page_code);
    trib_buf_printf(&docs, "trib help errors %s", page_code);
    trib_jw_init(&w, &text);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "error", trib_str_c(err->message));
    trib_jw_member_str(&w, "code", trib_str_c(trib_error_wire_code(err)));
    trib_jw_member_str(&w, "fix", trib_buf_str(&fix));
    trib_jw_member_str(&w, "docs", trib_buf_str(&docs));
    trib_jw_object_end(&w);
    if (text.failed) fprintf(out, "trib: %s\n", err->message);
    else fprintf(out, "%.*s\n", TRIB_STR_ARG(trib_buf_str(&text)));
    trib_buf_deinit(&docs);
    trib_buf_deinit(&fix);
    trib_buf_deinit(&text);
}

int trib_cli_fail(const trib_cli *cli, const trib_error *err) {
    if (cli->json) print_json_error(cli->err, err);
    else trib_cli_print_error(cli->err, "trib", err);
    return trib_cli_exit_status(err->code);
}

/* ---- the command line ---- */

/* The command whose name is the longest row of words at the beginning; *ret_used words of argv belong to it. */
static const trib_cli_command *find_command(int argc, char *const *argv, int *ret_used) {
    const trib_cli_command *found = NULL;
    for (size_t i = 0; i < trib_cli_command_count; i++) {
        trib_str rest = trib_str_c(trib_cli_commands[i]->name);
        int words = 0;
        while (rest.len && words < argc) {
            size_t space = trib_str_find(rest, ' ');
            trib_str word = trib_str_sub(rest, 0, space == SIZE_MAX ? rest.len : space);
            if (!trib_str_eq_c(word, argv[words])) break;
            rest = trib_str_sub(rest, word.len + 1, rest.len);
            words++;
        }
        if (rest.len || words == 0 || (found && words <= *ret_used)) continue;
        found = trib_cli_commands[i];
        *ret_used = words;
    }
    return found;
}

/* Is --name an option here? *ret_switch: without a value. */
static bool knows_option(const trib_cli_command *command, trib_str name, bool *ret_switch) {
    for (size_t i = 0; i < command->option_count; i++) {
        if (!trib_str_eq_c(name, command->options[i].name)) continue;
        *ret_switch = command->options[i].value_name == NULL;
        return true;
    }
    if (!command->takes_config) return false;
    *ret_switch = false;
    return trib_str_eq_c(name, "config") || trib_config_knows_flag(name, ret_switch);
}

static trib_code unknown_option(const trib_cli_command *command, trib_str name, trib_error *err) {
    char flags[TRIB_CONFIG_COUNT_OF_ROWS][TRIB_CONFIG_NAME_BYTES];
    trib_suggest suggest = {.word = name};
    trib_suggest_offer(&suggest, TRIB_STR("help"));
    trib_suggest_offer(&suggest, TRIB_STR("json"));
    for (size_t i = 0; i < command->option_count; i++)
        trib_suggest_offer(&suggest, trib_str_c(command->options[i].name));
    for (size_t i = 0; i < TRIB_CONFIG_COUNT_OF_ROWS && command->takes_config; i++) {
        trib_config_flag_name(i, flags[i]);
        trib_suggest_offer(&suggest, trib_str_c(flags[i]));
    }
    if (suggest.best.len)
        return trib_error_set(err, TRIB_USAGE, "there is no option --%.*s (did you mean --%.*s?); see `trib %s --help`",
                              TRIB_STR_ARG(name), TRIB_STR_ARG(suggest.best), command->name);
    return trib_error_set(err, TRIB_USAGE, "there is no option --%.*s; see `trib %s --help`", TRIB_STR_ARG(name),
                          command->name);
}

/* The name behind a dash and a letter: "c:sql e:each" says that -c is --sql; empty if there is none. */
static trib_str long_name(const trib_cli_command *command, char letter) {
    trib_str rest = trib_str_c(command->short_options);
    while (rest.len) {
        size_t end = trib_str_find(rest, ' ');
        trib_str row = trib_str_sub(rest, 0, end == SIZE_MAX ? rest.len : end);
        rest = trib_str_sub(rest, row.len + 1, rest.len);
        if (row.ptr[0] == letter) return trib_str_sub(row, 2, row.len);
    }
    return (trib_str){0};
}

/* One option at argv[*at]; *at moves to the last word that belongs to it. */
static trib_code parse_option(trib_cli *cli, int argc, char *const *argv, int *at, trib_error *err) {
    bool is_short = argv[*at][1] != '-';
    trib_str name = is_short ? long_name(cli->command, argv[*at][1]) : trib_str_c(argv[*at] + 2);
    const char *value = NULL;
    bool is_switch;
    size_t equals = trib_str_find(name, '=');
    if (equals != SIZE_MAX && !is_short) {
        value = name.ptr + equals + 1;
        name = trib_str_sub(name, 0, equals);
    }
    if (trib_str_eq_c(name, "json")) {
        cli->json = true;
        return TRIB_OK;
    }
    if (!knows_option(cli->command, name, &is_switch)) return unknown_option(cli->command, name, err);
    if (!is_switch && !value) {
        if (*at + 1 >= argc)
            return trib_error_set(err, TRIB_USAGE, "the option --%.*s needs a value; see `trib %s --help`",
                                  TRIB_STR_ARG(name), cli->command->name);
        value = argv[++*at];
    }
    if (cli->given_count == TRIB_CLI_OPTIONS_MAX) return trib_error_set(err, TRIB_USAGE, "too many options");
    cli->given[cli->given_count].name = name;
    cli->given[cli->given_count++].value = value;
    return TRIB_OK;
}

static bool is_short_option(const trib_cli_command *command, const char *word) {
    return word[0] == '-' && word[1] && !word[2] && long_name(command, word[1]).len > 0;
}

static trib_code parse(trib_cli *cli, int argc, char *const *argv, trib_error *err) {
    bool only_args = false;
    for (int i = 0; i < argc; i++) {
        if (!only_args && strcmp(argv[i], "--") == 0) {
            only_args = true;
        } else if (!only_args && (strncmp(argv[i], "--", 2) == 0 || is_short_option(cli->command, argv[i]))) {
            trib_code code = parse_option(cli, argc, argv, &i, err);
            if (code) return code;
        } else if (!only_args && argv[i][0] == '-' && argv[i][1]) {
            return trib_error_set(err, TRIB_USAGE, "options are written with two dashes, not %s; see `trib %s --help`",
                                  argv[i], cli->command->name);
        } else if (cli->arg_count == TRIB_CLI_ARGS_MAX) {
            return trib_error_set(err, TRIB_USAGE, "too many arguments");
        } else {
            cli->args[cli->arg_count++] = argv[i];
        }
    }
    if (cli->arg_count < cli->command->min_args)
        return trib_error_set(err, TRIB_USAGE, "something is missing: trib %s %s", cli->command->name,
                              cli->command->args);
    if (cli->arg_count > cli->command->max_args)
        return trib_error_set(err, TRIB_USAGE, "`trib %s` does not take '%s'; see `trib %s --help`", cli->command->name,
                              cli->args[cli->command->max_args], cli->command->name);
    return TRIB_OK;
}

static int no_such_command(const trib_cli *cli, int argc, char *const *argv) {
    trib_error err;
    trib_str typed = trib_str_c(argv[0]);
    char joined[128];
    if (trib_cli_print_group(cli->err, typed)) {
        if (argc < 2 || argv[1][0] == '-') return TRIB_EXIT_USAGE;
        snprintf(joined, sizeof joined, "%s %s", argv[0], argv[1]);
        typed = trib_str_c(joined);
    }
    trib_str best = trib_cli_suggest_command(typed);
    if (best.len)
        trib_error_set(&err, TRIB_USAGE, "there is no command '%.*s' (did you mean `trib %.*s`?)", TRIB_STR_ARG(typed),
                       TRIB_STR_ARG(best));
    else trib_error_set(&err, TRIB_USAGE, "there is no command '%.*s'; `trib help` lists all", TRIB_STR_ARG(typed));
    return trib_cli_fail(cli, &err);
}

static bool asks_for_help(int argc, char *const *argv) {
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    }
    return false;
}

int trib_cli_main(int argc, char *const *argv, char *const *environment, FILE *out, FILE *err_out) {
    trib_cli cli = {.out = out, .err = err_out, .environment = environment};
    trib_error err;
    int used = 0;
    for (argc--, argv++; argc > 0 && strcmp(argv[0], "--json") == 0; argc--, argv++) cli.json = true;
    if (argc <= 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
        trib_cli_print_overview(argc <= 0 ? err_out : out);
        return argc <= 0 ? TRIB_EXIT_USAGE : TRIB_EXIT_OK;
    }
    char version[] = "version", *const version_argv[] = {version, NULL};
    if (strcmp(argv[0], "--version") == 0) {
        argv = version_argv;
        argc = 1;
    }
    cli.command = find_command(argc, argv, &used);
    if (!cli.command && asks_for_help(argc, argv) && trib_cli_print_group(out, trib_str_c(argv[0])))
        return TRIB_EXIT_OK;
    if (!cli.command) return no_such_command(&cli, argc, argv);
    if (asks_for_help(argc - used, argv + used)) {
        trib_cli_print_help(out, cli.command);
        return TRIB_EXIT_OK;
    }
    if (parse(&cli, argc - used, argv + used, &err)) return trib_cli_fail(&cli, &err);
    int status = cli.command->run(&cli);
    /* a full disk or a closed pipe must not look like success */
    if (fflush(out) != 0 && status == TRIB_EXIT_OK) status = TRIB_EXIT_FAILURE;
    return status;
}
