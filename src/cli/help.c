/* SPDX-License-Identifier: Apache-2.0 */
/* Help texts and manual pages, all from the rows of the command table and of the settings. */
#include <string.h>

#include "cli/cli.h"

static void print_option(FILE *out, const char *name, const char *value_name, const char *help, const char *def) {
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", name, value_name && value_name[0] ? " " : "", value_name ? value_name : "");
    fprintf(out, "  %-28s %s", left, help);
    if (def && def[0]) fprintf(out, " (default %s)", def);
    fputc('\n', out);
}

static void print_options(FILE *out, const trib_command *command) {
    char flag[TRIB_CONFIG_NAME_BYTES];
    fprintf(out, "\nOptions:\n");
    for (size_t i = 0; i < command->option_count; i++) {
        const trib_cli_option *option = &command->options[i];
        print_option(out, option->name, option->value_name, option->help, NULL);
    }
    if (command->takes_config) print_option(out, "config", "FILE", "settings file, lines `key = value`", NULL);
    for (size_t i = 0; i < TRIB_CONFIG_COUNT_OF_ROWS && command->takes_config; i++) {
        const trib_config_row *row = trib_config_row_at(i);
        trib_config_flag_name(i, flag);
        print_option(out, flag, row->type == TRIB_CONFIG_BOOL ? "" : row->value_name, row->help, row->default_text);
    }
    print_option(out, "json", NULL, "write JSON instead of text", NULL);
    print_option(out, "help", NULL, "show this", NULL);
    if (command->takes_config)
        fprintf(
            out,
            "\nEvery setting is also a variable (--admin-listen: TRIB_ADMIN_LISTEN) and a key of the settings file\n"
            "(admin_listen). An option wins over the environment, the environment over the file.\n");
}

void trib_cli_print_help(FILE *out, const trib_command *command) {
    fprintf(out, "%s\n\nUsage: trib %s%s%s [options]\n", command->summary, command->name, command->args[0] ? " " : "",
            command->args);
    if (command->description) fprintf(out, "\n%s\n", command->description);
    print_options(out, command);
    if (command->example_count) fprintf(out, "\nExamples:\n");
    for (size_t i = 0; i < command->example_count; i++)
        fprintf(out, "  %s\n      %s\n", command->examples[i].line, command->examples[i].what);
    fprintf(out, "\nExit status:\n");
#define X(name, status, meaning) fprintf(out, "  %d  %s\n", status, meaning);
    TRIB_EXIT_TABLE(X)
#undef X
}

static void print_row(FILE *out, const trib_command *command) {
    char left[64];
    snprintf(left, sizeof left, "%s %s", command->name, command->args);
    fprintf(out, "  %-28s %s\n", left, command->summary);
}

void trib_cli_print_overview(FILE *out) {
    fprintf(out, "Tributary: a SQLite database for every tenant, served over the libSQL protocols.\n\n"
                 "Usage: trib COMMAND [options]\n\nCommands:\n");
    for (size_t i = 0; i < trib_command_count; i++) print_row(out, trib_commands[i]);
    fprintf(out, "\n`trib COMMAND --help` explains one with examples; `trib help --man` writes the manual page.\n");
}

static bool in_group(const trib_command *command, trib_str word) {
    trib_str name = trib_str_c(command->name);
    return trib_str_starts(name, word) && name.len > word.len && name.ptr[word.len] == ' ';
}

bool trib_cli_print_group(FILE *out, trib_str word) {
    bool any = false;
    for (size_t i = 0; i < trib_command_count; i++) {
        if (!in_group(trib_commands[i], word)) continue;
        if (!any) fprintf(out, "Usage: trib %.*s COMMAND [options]\n\nCommands:\n", TRIB_STR_ARG(word));
        any = true;
        print_row(out, trib_commands[i]);
    }
    return any;
}

/* ---- manual pages ---- */

/* Text in troff: a backslash starts an escape, a dot or quote at the beginning of a line a request. */
static void man_text(FILE *out, const char *text) {
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) fputs("\\&", out);
        if (*text == '\\') fputs("\\e", out);
        else if (*text == '-') fputs("\\-", out);
        else fputc(*text, out);
        line_start = *text == '\n';
    }
}

static void man_term(FILE *out, const char *prefix, const char *name, const char *value, const char *help) {
    fprintf(out, ".TP\n.B ");
    man_text(out, prefix);
    man_text(out, name);
    if (value && value[0]) {
        fputc(' ', out);
        man_text(out, value);
    }
    fputc('\n', out);
    man_text(out, help);
    fputc('\n', out);
}

static void man_command(FILE *out, const trib_command *command) {
    fprintf(out, ".SS trib %s %s\n", command->name, command->args);
    man_text(out, command->summary);
    fprintf(out, ".\n");
    if (command->description) {
        fprintf(out, ".PP\n");
        man_text(out, command->description);
        fputc('\n', out);
    }
    for (size_t i = 0; i < command->option_count; i++)
        man_term(out, "--", command->options[i].name, command->options[i].value_name, command->options[i].help);
    for (size_t i = 0; i < command->example_count; i++)
        man_term(out, "", command->examples[i].line, NULL, command->examples[i].what);
}

void trib_cli_print_man(FILE *out, const trib_command *command) {
    char flag[TRIB_CONFIG_NAME_BYTES];
    fprintf(out, ".TH TRIB 1\n.SH NAME\ntrib \\- a SQLite database for every tenant, over the libSQL protocols\n"
                 ".SH SYNOPSIS\n.B trib\nCOMMAND [options]\n.SH COMMANDS\n");
    for (size_t i = 0; i < trib_command_count; i++) {
        if (!command || trib_commands[i] == command) man_command(out, trib_commands[i]);
    }
    if (!command || command->takes_config) {
        fprintf(out, ".SH SETTINGS\nOf the commands that run a server, as options, TRIB_ variables and file keys.\n");
        for (size_t i = 0; i < TRIB_CONFIG_COUNT_OF_ROWS; i++) {
            const trib_config_row *row = trib_config_row_at(i);
            trib_config_flag_name(i, flag);
            man_term(out, "--", flag, row->value_name, row->help);
        }
    }
    fprintf(out, ".SH EXIT STATUS\n");
#define X(name, status, meaning) man_term(out, "", #status, NULL, meaning);
    TRIB_EXIT_TABLE(X)
#undef X
}
