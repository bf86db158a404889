/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of `trib`: one table from which parsing, usage, help, man pages and suggestions come.
 *
 *   trib [--json] tenant create acme --group eu
 *                 └ row "tenant create"  └ arg   └ option of the row
 *
 * A new command: one file cli/cmd_<name>.c that exports its rows, one line each in cli/commands.c. */
#ifndef TRIB_CLI_CLI_H
#define TRIB_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "base/str.h"
#include "server/config.h"

/* Exit statuses, the same for every command; X(name, status, meaning). */
#define TRIB_EXIT_TABLE(X)                                                                                             \
    X(OK, 0, "it worked")                                                                                              \
    X(FAILURE, 1, "it did not work; the message says why")                                                             \
    X(USAGE, 2, "wrong command, option or setting")                                                                    \
    X(CONNECT, 3, "the server cannot be reached")                                                                      \
    X(NOT_FOUND, 4, "the tenant, file or other thing does not exist")                                                  \
    X(DENIED, 5, "the token or key is missing, invalid or does not allow it")                                          \
    X(CONFLICT, 6, "it exists already, or is busy")                                                                    \
    X(FOUND, 7, "doctor or scrub has found errors or damage")                                                          \
    X(WARNED, 8, "doctor has found nothing worse than warnings")

enum {
#define X(name, status, meaning) TRIB_EXIT_##name = status,
    TRIB_EXIT_TABLE(X)
#undef X
};

enum { TRIB_CLI_OPTIONS_MAX = 64, TRIB_CLI_ARGS_MAX = 64 };

typedef struct trib_cli trib_cli;

typedef struct trib_cli_option {
    const char *name;       /* "read-only" for --read-only */
    const char *value_name; /* NULL: a switch */
    const char *help;
} trib_cli_option;

/* What a value name or a word of `args` says about what may stand there, for completion:
 *   TENANT  a tenant's name    FILE  a file    FOLDER  a folder    COMMAND  a command    a|b  one of these words
 * Others (N, URL, TIME) are only shown. */
typedef struct trib_cli_example {
    const char *line, *what; /* the command line and what it does */
} trib_cli_example;

typedef struct trib_cli_command {
    const char *name;        /* "serve", "tenant create" */
    const char *args;        /* for the usage line: "TENANT"; "" for none */
    const char *summary;     /* one line */
    const char *description; /* paragraphs; may be NULL */
    const trib_cli_option *options;
    size_t option_count;
    const trib_cli_example *examples;
    size_t example_count;
    const trib_cli_option *words; /* commands inside the command, as rows: {".tables", "", "the tables"} */
    size_t word_count;
    unsigned min_args, max_args;
    const char *short_options; /* "c:sql": -c is --sql; NULL: none */
    bool takes_config;         /* --config FILE and every setting of server/config.h as an option */
    int (*run)(trib_cli *cli); /* returns TRIB_EXIT_* */
} trib_cli_command;

struct trib_cli {
    const trib_cli_command *command;
    const char *args[TRIB_CLI_ARGS_MAX]; /* what is no option, behind the command's name */
    unsigned arg_count;
    bool json; /* --json: machines read the output */
    FILE *out, *err;
    char *const *environment; /* NAME=VALUE, NULL at the end */
    /* private */
    struct {
        trib_str name;
        const char *value;
    } given[TRIB_CLI_OPTIONS_MAX];
    size_t given_count;
};

/* Runs `trib`; argv as main got it. Returns the exit status. Thread: main. */
int trib_cli_main(int argc, char *const *argv, char *const *environment, FILE *out, FILE *err);

/* ---- for commands ---- */

/* The last value given for an option, NULL if none was. Borrowed. */
const char *trib_cli_get(const trib_cli *cli, const char *option);
/* The n-th one, from 0, in the order in which they were given; NULL: there are no more. */
const char *trib_cli_get_nth(const trib_cli *cli, const char *option, size_t n);
bool trib_cli_has(const trib_cli *cli, const char *option);
/* Of the environment; NULL if it is not set. */
const char *trib_cli_variable(const trib_cli *cli, const char *name);
/* "WHO: MESSAGE", how to mend it, and the code with the command that prints its page (error_page.h). */
void trib_cli_print_error(FILE *out, const char *who, const trib_error *err);
/* Says what went wrong on cli->err, as JSON with --json; returns the exit status that fits the code. */
int trib_cli_fail(const trib_cli *cli, const trib_error *err);
int trib_cli_exit_status(trib_code code);
/* Default, --config file (or TRIB_CONFIG), environment, options: into *config, finished.
 * Errors: CONFIG, USAGE, IO, NOMEM. Owns: trib_config_deinit, also after an error. */
trib_code trib_cli_load_config(const trib_cli *cli, trib_config *config, trib_error *err);

/* Where a server listens, as one line of JSON on cli->out: {"url","admin_url"} and, for a tenant, "tenant_url"; a URL
 * that there is none of is null, and `tenant` may be NULL. (cmd_serve.c) */
void trib_cli_print_ready_json(const trib_cli *cli, const char *url, const char *admin_url, const char *tenant);

/* ---- the table ---- */

extern const trib_cli_command *const trib_cli_commands[];
extern const size_t trib_cli_command_count;
/* Best guess for a mistyped command; empty if nothing is near. Borrowed from the table. */
trib_str trib_cli_suggest_command(trib_str typed);

/* ---- help (help.c) ---- */

void trib_cli_print_overview(FILE *out);
void trib_cli_print_help(FILE *out, const trib_cli_command *command);
/* All commands below a word: "tenant". False if there is none. */
bool trib_cli_print_group(FILE *out, trib_str word);
/* The command of this name and those below it (empty: all) as one line of JSON; false if there is none. */
bool trib_cli_print_json_help(FILE *out, trib_str word);
/* The options that every command has. */
extern const trib_cli_option trib_common_options[];
extern const size_t trib_common_option_count;
/* The variables that client commands read. */
typedef struct trib_cli_variable_row {
    const char *name, *help;
} trib_cli_variable_row;
extern const trib_cli_variable_row trib_variables[];
extern const size_t trib_variable_count;
#define TRIB_OVERVIEW_TEXT    "Tributary: a SQLite database for every tenant, served over the libSQL protocols."
#define TRIB_CONFIG_FILE_HELP "settings file, lines `key = value`"

/* ---- manual pages (man.c) ---- */

/* A manual page in troff: of "trib" (or ""), of "trib.conf", or of a command, "tenant create". False if there is
 * none. */
bool trib_cli_print_man(FILE *out, const char *name);

#endif
