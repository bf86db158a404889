/* SPDX-License-Identifier: Apache-2.0 */
/* Help texts, all from the rows of the command table and of the settings. */
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "wire/json.h"

enum { HELP_MAX_BYTES = 256 * 1024 };

const trib_cli_option trib_common_options[] = {
    {"json", NULL, "write JSON instead of text"},
    {"help", NULL, "show this"},
};
const size_t trib_common_option_count = sizeof trib_common_options / sizeof *trib_common_options;

const trib_cli_variable_row trib_variables[] = {
    {"TRIB_CONFIG", "settings file of the commands that run a server, if --config names none"},
    {"TRIB_DATA", "data folder of a server on this machine, if --data names none"},
    {"TRIB_URL", "URL of a server, if --url names none"},
    {"TRIB_TOKEN", "token of a client, if --token gives none"},
    {"TRIB_ADMIN_URL", "URL of an admin listener, if --admin-url names none"},
    {"TRIB_ADMIN_KEY", "its key, if --admin-key gives none"},
};
const size_t trib_variable_count = sizeof trib_variables / sizeof *trib_variables;

static void print_option(FILE *out, const char *name, const char *value_name, const char *help, const char *def) {
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", name, value_name && value_name[0] ? " " : "", value_name ? value_name : "");
    fprintf(out, "  %-28s %s", left, help);
    if (def && def[0]) fprintf(out, " (default %s)", def);
    fputc('\n', out);
}

static void print_options(FILE *out, const trib_cli_command *command) {
    char flag[TRIB_CONFIG_NAME_BYTES];
    fprintf(out, "\nOptions:\n");
    for (size_t i = 0; i < command->option_count; i++) {
        const trib_cli_option *option = &command->options[i];
        print_option(out, option->name, option->value_name, option->help, NULL);
    }
    if (command->takes_config) print_option(out, "config", "FILE", TRIB_CONFIG_FILE_HELP, NULL);
    for (size_t i = 0; i < TRIB_CONFIG_COUNT_OF_ROWS && command->takes_config; i++) {
        const trib_config_row *row = trib_config_row_at(i);
        trib_config_flag_name(i, flag);
        print_option(out, flag, row->type == TRIB_CONFIG_BOOL ? "" : row->value_name, row->help, row->default_text);
    }
    for (size_t i = 0; i < trib_common_option_count; i++)
        print_option(out, trib_common_options[i].name, NULL, trib_common_options[i].help, NULL);
    if (command->takes_config)
        fprintf(
            out,
            "\nEvery setting is also a variable (--admin-listen: TRIB_ADMIN_LISTEN) and a key of the settings file\n"
            "(admin_listen). An option wins over the environment, the environment over the file.\n");
}

static void print_word(FILE *out, const trib_cli_option *word) {
    int n = fprintf(out, "  %s%s%s", word->name, word->value_name[0] ? " " : "", word->value_name);
    /* what is too long for its column has its explanation on the next line */
    if (n > 30) fprintf(out, "\n%30s %s\n", "", word->help);
    else fprintf(out, "%*s %s\n", 30 - n, "", word->help);
}

void trib_cli_print_help(FILE *out, const trib_cli_command *command) {
    fprintf(out, "%s\n\nUsage: trib %s%s%s [options]\n", command->summary, command->name, command->args[0] ? " " : "",
            command->args);
    if (command->description) fprintf(out, "\n%s\n", command->description);
    print_options(out, command);
    if (command->word_count) fprintf(out, "\nCommands inside:\n");
    for (size_t i = 0; i < command->word_count; i++) print_word(out, &command->words[i]);
    if (command->example_count) fprintf(out, "\nExamples:\n");
    for (size_t i = 0; i < command->example_count; i++)
        fprintf(out, "  %s\n      %s\n", command->examples[i].line, command->examples[i].what);
    fprintf(out, "\nExit status:\n");
#define X(name, status, meaning) fprintf(out, "  %d  %s\n", status, meaning);
    TRIB_EXIT_TABLE(X)
#undef X
}

static void print_row(FILE *out, const trib_cli_command *command) {
    char left[64];
    snprintf(left, sizeof left, "%s %s", command->name, command->args);
    fprintf(out, "  %-28s %s\n", left, command->summary);
}

/* The first example of a command: what most people want of it. */
static void print_example(FILE *out, const trib_cli_command *command) {
    if (command->example_count) fprintf(out, "  %s\n      %s\n", command->examples[0].line, command->examples[0].what);
}

static bool in_group(const trib_cli_command *command, trib_str word) {
    trib_str name = trib_str_c(command->name);
    return trib_str_starts(name, word) && name.len > word.len && name.ptr[word.len] == ' ';
}

/* The first command of its first word: one of "tenant create", "tenant list", ... is enough for an overview. */
static bool leads_group(size_t at) {
    trib_str name = trib_str_c(trib_cli_commands[at]->name);
    size_t space = trib_str_find(name, ' ');
    return space == SIZE_MAX || at == 0 || !in_group(trib_cli_commands[at - 1], trib_str_sub(name, 0, space));
}

void trib_cli_print_overview(FILE *out) {
    fprintf(out, TRIB_OVERVIEW_TEXT "\n\nUsage: trib COMMAND [options]\n\nCommands:\n");
    for (size_t i = 0; i < trib_cli_command_count; i++) print_row(out, trib_cli_commands[i]);
    fprintf(out, "\nExamples:\n");
    for (size_t i = 0; i < trib_cli_command_count; i++) {
        if (leads_group(i)) print_example(out, trib_cli_commands[i]);
    }
    fprintf(out, "\n`trib COMMAND --help` explains one; `trib completion bash` teaches the shell to complete them.\n");
}

bool trib_cli_print_group(FILE *out, trib_str word) {
    bool any = false;
    for (size_t i = 0; i < trib_cli_command_count; i++) {
        if (!in_group(trib_cli_commands[i], word)) continue;
        if (!any) fprintf(out, "Usage: trib %.*s COMMAND [options]\n\nCommands:\n", TRIB_STR_ARG(word));
        any = true;
        print_row(out, trib_cli_commands[i]);
    }
    if (any) fprintf(out, "\nExamples:\n");
    for (size_t i = 0; i < trib_cli_command_count && any; i++) {
        if (in_group(trib_cli_commands[i], word)) print_example(out, trib_cli_commands[i]);
    }
    return any;
}

/* ---- JSON ---- */

static void json_option(trib_json_writer *w, const char *name, const char *value_name, const char *help) {
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "name", trib_str_c(name));
    trib_jw_key_c(w, "value");
    if (value_name && value_name[0]) trib_jw_str_c(w, value_name);
    else trib_jw_null(w);
    trib_jw_member_str(w, "help", trib_str_c(help));
    trib_jw_object_end(w);
}

static void json_command(trib_json_writer *w, const trib_cli_command *command) {
    char flag[TRIB_CONFIG_NAME_BYTES];
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "name", trib_str_c(command->name));
    trib_jw_member_str(w, "args", trib_str_c(command->args));
    trib_jw_member_str(w, "summary", trib_str_c(command->summary));
    trib_jw_key_c(w, "options");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < command->option_count; i++)
        json_option(w, command->options[i].name, command->options[i].value_name, command->options[i].help);
    for (size_t i = 0; i < TRIB_CONFIG_COUNT_OF_ROWS && command->takes_config; i++) {
        const trib_config_row *row = trib_config_row_at(i);
        trib_config_flag_name(i, flag);
        json_option(w, flag, row->type == TRIB_CONFIG_BOOL ? "" : row->value_name, row->help);
    }
    trib_jw_array_end(w);
    trib_jw_key_c(w, "examples");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < command->example_count; i++) trib_jw_str_c(w, command->examples[i].line);
    trib_jw_array_end(w);
    trib_jw_object_end(w);
}

bool trib_cli_print_json_help(FILE *out, trib_str word) {
    trib_json_writer w;
    trib_buf text;
    bool any = false;
    trib_buf_init(&text, HELP_MAX_BYTES);
    trib_jw_init(&w, &text);
    trib_jw_array_begin(&w);
    for (size_t i = 0; i < trib_cli_command_count; i++) {
        if (word.len && !trib_str_eq_c(word, trib_cli_commands[i]->name) && !in_group(trib_cli_commands[i], word))
            continue;
        any = true;
        json_command(&w, trib_cli_commands[i]);
    }
    trib_jw_array_end(&w);
    any = any && !text.failed;
    if (any) fprintf(out, "%.*s\n", TRIB_STR_ARG(trib_buf_str(&text)));
    trib_buf_deinit(&text);
    return any;
}
