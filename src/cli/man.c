/* SPDX-License-Identifier: Apache-2.0 */
/* Manual pages in man(7), from the rows of the command table and of the settings:
 *
 *   trib(1)                 all commands, a line each      variables, exit statuses
 *   trib-tenant-create(1)   one command                    its options and examples
 *   trib.conf(5)            the settings of a server
 *
 * The texts of the tables are plain; what troff could take for a request or an escape is made harmless on the way. */
#include <string.h>

#include "cli/cli.h"

enum {
    MAN_NAME_BYTES = 96,
    LINE_COLUMNS = 70 /* of input; escapes make it longer, and mandoc wants at most 80 */
};

/* ---- text ---- */

/* One character as it shall look. A backslash starts an escape, and man(7) prints - ' ` ^ ~ as typographic signs, which
 * cannot be copied into a shell. */
static void put(FILE *out, char c) {
    switch (c) {
    case '\\': fputs("\\e", out); break;
    case '-': fputs("\\-", out); break;
    case '\'': fputs("\\(aq", out); break;
    case '"': fputs("\\(dq", out); break;
    case '^': fputs("\\(ha", out); break;
    case '~': fputs("\\(ti", out); break;
    case '`': fputs("\\(ga", out); break;
    default: fputc(c, out); break;
    }
}

static void put_word(FILE *out, const char *text) {
    for (; *text; text++) put(out, *text);
}

/* A sentence ends here: a new line of input, as troff wants it. */
static bool ends_sentence(const char *at, const char *begin) {
    return *at == ' ' && at > begin + 1 && at[-1] == '.' && at[-2] >= 'a' && at[-2] <= 'z' && at[1] >= 'A' &&
           at[1] <= 'Z';
}

/* Of the word at `text`, in bytes. */
static size_t word_bytes(const char *text) {
    return strcspn(text, " \n");
}

/* Paragraphs are parted by an empty line; `code` is bold; a line of the source is no line of the page. column: what the
 * line of input holds already. */
static void put_text_behind(FILE *out, const char *text, size_t column) {
    const char *begin = text;
    bool bold = false;
    for (; *text; text++) {
        if (text[0] == '\n' && text[1] == '\n') {
            fputs("\n.PP", out);
            continue;
        }
        bool blank = text[0] == '\n' || text[0] == ' ';
        if (blank && (*text == '\n' || ends_sentence(text, begin) || column + word_bytes(text + 1) > LINE_COLUMNS)) {
            if (text[1]) fputc('\n', out);
            column = 0;
            continue;
        }
        if (column == 0 && (*text == '.' || *text == '\'')) fputs("\\&", out);
        if (*text == '`') fputs((bold = !bold) ? "\\fB" : "\\fR", out);
        else put(out, *text);
        column++;
    }
    fputs(bold ? "\\fR\n" : "\n", out);
}

static void put_text(FILE *out, const char *text) {
    put_text_behind(out, text, 0);
}

/* ---- parts ---- */

static void put_head(FILE *out, const char *title, int section, const char *name, const char *what) {
    fputs(".TH ", out);
    put_word(out, title);
    fprintf(out, " %d %s \"Tributary %s\" \"Tributary\"\n.SH NAME\n", section, TRIB_DATE, TRIB_VERSION);
    put_word(out, name);
    fputs(" \\- ", out);
    put_text_behind(out, what, strlen(name) + 8);
}

static void put_term(FILE *out, const char *prefix, const char *name, const char *value) {
    fputs(".TP\n\\fB", out);
    put_word(out, prefix);
    put_word(out, name);
    fputs("\\fR", out);
    if (value && value[0]) {
        fputs(" \\fI", out);
        put_word(out, value);
        fputs("\\fR", out);
    }
    fputc('\n', out);
}

static void put_option(FILE *out, const char *name, const char *value, const char *help, const char *def) {
    put_term(out, "--", name, value);
    put_text(out, help);
    if (!def || !def[0]) return;
    fputs("(default ", out);
    put_word(out, def);
    fputs(")\n", out);
}

static void put_exit_statuses(FILE *out) {
    fputs(".SH EXIT STATUS\n", out);
#define X(name, status, meaning)                                                                                       \
    fprintf(out, ".TP\n.B %d\n", status);                                                                              \
    put_text(out, meaning);
    TRIB_EXIT_TABLE(X)
#undef X
}

/* "tenant create" as the name of its page, "trib-tenant-create". */
static void page_name(char out[MAN_NAME_BYTES], const char *command) {
    snprintf(out, MAN_NAME_BYTES, "trib-%s", command);
    for (char *c = out; *c; c++) {
        if (*c == ' ') *c = '-';
    }
}

static void put_reference(FILE *out, const char *page, int section, const char *behind) {
    fputs(".BR ", out);
    put_word(out, page);
    fprintf(out, " (%d)%s\n", section, behind);
}

/* ---- pages ---- */

static void put_options(FILE *out, const trib_cli_command *command) {
    char flag[TRIB_CONFIG_NAME_BYTES];
    fputs(".SH OPTIONS\n", out);
    for (size_t i = 0; i < command->option_count; i++)
        put_option(out, command->options[i].name, command->options[i].value_name, command->options[i].help, NULL);
    for (size_t i = 0; i < trib_common_option_count; i++)
        put_option(out, trib_common_options[i].name, NULL, trib_common_options[i].help, NULL);
    if (!command->takes_config) return;
    fputs(".SS Settings\nThose of the server, explained in\n.BR trib.conf (5).\n", out);
    put_option(out, "config", "FILE", TRIB_CONFIG_FILE_HELP, NULL);
    for (size_t i = 0; i < TRIB_CONFIG_COUNT_OF_ROWS; i++) {
        const trib_config_row *row = trib_config_row_at(i);
        trib_config_flag_name(i, flag);
        put_option(out, flag, row->type == TRIB_CONFIG_BOOL ? "" : row->value_name, row->help, row->default_text);
    }
}

/* What is typed inside it. */
static void put_words(FILE *out, const trib_cli_command *command) {
    if (command->word_count) fputs(".SH COMMANDS INSIDE\n", out);
    for (size_t i = 0; i < command->word_count; i++) {
        put_term(out, "", command->words[i].name, command->words[i].value_name);
        put_text(out, command->words[i].help);
    }
}

static void put_examples(FILE *out, const trib_cli_command *command) {
    if (command->example_count) fputs(".SH EXAMPLES\n", out);
    for (size_t i = 0; i < command->example_count; i++) {
        put_term(out, "", command->examples[i].line, NULL);
        put_text(out, command->examples[i].what);
    }
}

static void put_command_page(FILE *out, const trib_cli_command *command) {
    char page[MAN_NAME_BYTES], title[MAN_NAME_BYTES];
    page_name(page, command->name);
    memcpy(title, page, sizeof title);
    for (char *c = title; *c; c++) {
        if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 32);
    }
    put_head(out, title, 1, page, command->summary);
    fputs(".SH SYNOPSIS\n.B trib ", out);
    put_word(out, command->name);
    fputs("\n", out);
    if (command->args[0]) {
        fputs("\\fI", out);
        put_word(out, command->args);
        fputs("\\fR\n", out);
    }
    fputs("[\\fIoptions\\fR]\n.SH DESCRIPTION\n", out);
    put_text(out, command->description ? command->description : command->summary);
    put_options(out, command);
    put_words(out, command);
    put_exit_statuses(out);
    put_examples(out, command);
    fputs(".SH SEE ALSO\n", out);
    put_reference(out, "trib", 1, command->takes_config ? "," : "");
    if (command->takes_config) put_reference(out, "trib.conf", 5, "");
}

static void put_variable(FILE *out, const char *name, const char *help) {
    put_term(out, "", name, NULL);
    put_text(out, help);
}

static void put_overview_page(FILE *out) {
    char page[MAN_NAME_BYTES];
    put_head(out, "TRIB", 1, "trib", "a SQLite database for every tenant, over the libSQL protocols");
    fputs(".SH SYNOPSIS\n.B trib\n\\fICOMMAND\\fR [\\fIoptions\\fR]\n.SH DESCRIPTION\n", out);
    put_text(out, TRIB_OVERVIEW_TEXT);
    fputs(".SH COMMANDS\n", out);
    for (size_t i = 0; i < trib_cli_command_count; i++) {
        page_name(page, trib_cli_commands[i]->name);
        put_term(out, "trib ", trib_cli_commands[i]->name, trib_cli_commands[i]->args);
        put_text(out, trib_cli_commands[i]->summary);
        fputs("(see\n", out);
        put_reference(out, page, 1, ")");
    }
    fputs(".SH OPTIONS\nOf every command.\n", out);
    for (size_t i = 0; i < trib_common_option_count; i++)
        put_option(out, trib_common_options[i].name, NULL, trib_common_options[i].help, NULL);
    fputs(".SH ENVIRONMENT\nEvery setting of\n.BR trib.conf (5)\nis a variable too.\nOf the client commands:\n", out);
    for (size_t i = 0; i < trib_variable_count; i++) put_variable(out, trib_variables[i].name, trib_variables[i].help);
    put_exit_statuses(out);
    fputs(".SH SEE ALSO\n", out);
    for (size_t i = 0; i < trib_cli_command_count; i++) {
        page_name(page, trib_cli_commands[i]->name);
        put_reference(out, page, 1, ",");
    }
    put_reference(out, "trib.conf", 5, "");
}

static const char *type_text(trib_config_type type) {
    switch (type) {
    case TRIB_CONFIG_STR: return "Text.";
    case TRIB_CONFIG_ADDRESS: return "ADDRESS:PORT, [IPv6]:PORT or unix:PATH.";
    case TRIB_CONFIG_SECRET: return "Text, never shown; better as a variable than as an option.";
    case TRIB_CONFIG_BOOL: return "true or false.";
    case TRIB_CONFIG_COUNT: return "A whole number.";
    case TRIB_CONFIG_DURATION: return "A time with its unit: ms, s, m, h, d or w.";
    case TRIB_CONFIG_BYTES: return "A size: bytes, or with K, M, G (1000) or KiB, MiB, GiB (1024).";
    case TRIB_CONFIG_LEVEL:
    case TRIB_CONFIG_FORMAT: return "One of these words.";
    }
    return "";
}

static void put_settings_page(FILE *out) {
    char flag[TRIB_CONFIG_NAME_BYTES], variable[TRIB_CONFIG_NAME_BYTES];
    put_head(out, "TRIB.CONF", 5, "trib.conf", "settings of a Tributary server");
    fputs(".SH DESCRIPTION\n", out);
    put_text(out,
             "`trib serve --config FILE` and `TRIB_CONFIG` name the file; nothing is read from a fixed place. The "
             "service of\nthe Debian package uses /etc/tributary/trib.conf.\n\n"
             "Lines are `key = value`. A line that begins with # is a comment. A value may stand in double quotes. "
             "An unknown\nkey, and one that is set twice, are errors.\n\n"
             "Each setting is an option and a variable too. An option wins over the environment, the environment "
             "over the file.\n`trib config show --origin` prints what is in force and where it comes from.");
    fputs(".SH SETTINGS\n", out);
    for (size_t i = 0; i < TRIB_CONFIG_COUNT_OF_ROWS; i++) {
        const trib_config_row *row = trib_config_row_at(i);
        trib_config_flag_name(i, flag);
        trib_config_variable_name(i, variable);
        put_term(out, "", row->key, row->value_name);
        put_text(out, row->help);
        fputs(".br\n", out);
        put_text(out, type_text(row->type));
        fputs("Default: ", out);
        put_word(out, row->default_text[0] ? row->default_text : "none");
        fputs("; example: ", out);
        put_word(out, row->example);
        fputs("\n.br\n\\fB\\-\\-", out);
        put_word(out, flag);
        fprintf(out, "\\fR, \\fB%s\\fR\n", variable);
    }
    fputs(".SH FILES\n", out);
    put_variable(out, "/etc/tributary/trib.conf", "The settings of the service.");
    put_variable(out, "/etc/tributary/environment",
                 "Variables for the service, for what must not stand in a file that all may read.");
    put_variable(out, "/var/lib/tributary", "Its data folder.");
    fputs(".SH SEE ALSO\n", out);
    put_reference(out, "trib-serve", 1, ",");
    put_reference(out, "trib-config-show", 1, "");
}

bool trib_cli_print_man(FILE *out, const char *name) {
    if (!name[0] || strcmp(name, "trib") == 0) {
        put_overview_page(out);
        return true;
    }
    if (strcmp(name, "trib.conf") == 0) {
        put_settings_page(out);
        return true;
    }
    for (size_t i = 0; i < trib_cli_command_count; i++) {
        if (strcmp(trib_cli_commands[i]->name, name) != 0) continue;
        put_command_page(out, trib_cli_commands[i]);
        return true;
    }
    return false;
}
