/* SPDX-License-Identifier: Apache-2.0 */
/* Private to `trib shell`.
 *
 *   cmd_shell.c      the command: options, opening, ending
 *   shell_run.c      statements, results, errors; lines from a terminal, a file, --sql
 *   shell_dot.c      the commands with a dot that are short, and their table
 *   shell_import.c, shell_dump.c, shell_each.c, shell_explain.c    those that are long
 *   shell.c          words of a line (pure) */
#ifndef TRIB_CLI_SHELL_INT_H
#define TRIB_CLI_SHELL_INT_H

#include "cli/admin.h"
#include "cli/catalog.h"
#include "cli/edit.h"
#include "cli/link.h"
#include "cli/rows.h"
#include "cli/shell.h"

enum {
    TRIB_SHELL_ARENA_BYTES = 256 << 20,
    TRIB_SHELL_STATEMENT_MAX_BYTES = 1 << 20, /* as the server's */
    TRIB_SHELL_READ_DEPTH_MAX = 8,            /* .read in a file that is read: stops a file that reads itself */
    TRIB_SHELL_PATH_BYTES = 4096
};

typedef struct trib_shell {
    trib_cli *cli;
    trib_interrupt interrupt;
    trib_link link;
    trib_arena arena; /* of one answer */
    trib_rows_format format;
    FILE *out;             /* of results: cli->out, or a file of .output */
    trib_edit *edit;       /* NULL: lines come as they are */
    trib_catalog catalog;  /* for completion and hints; read when it is wanted */
    bool catalog_is_old;   /* a statement may have changed the schema since */
    const trib_buf *typed; /* the lines before the one that is edited */
    bool interactive, stop_on_error, quit, timer;
    bool cancelled; /* by Ctrl-C, until the next line is typed */
    unsigned depth; /* of .read */
    int status;     /* of the last statement that failed */
} trib_shell;

/* ---- the commands with a dot: X(name, arguments, what it does) ---- */

#define TRIB_SHELL_DOTS(X)                                                                                             \
    X(tables, "", "the tables and views")                                                                              \
    X(schema, "[TABLE]", "the statements that made them")                                                              \
    X(mode, "MODE", "how rows are printed: table, box, markdown, json, csv or line")                                   \
    X(explain, "SQL", "how SQLite would run a statement, and which index would help")                                  \
    X(timer, "on|off", "how long each statement took")                                                                 \
    X(read, "FILE", "run the SQL of a file")                                                                           \
    X(import, "[--header|--no-header] [--csv|--json] [--skip N] FILE TABLE", "rows from CSV, JSON or NDJSON")          \
    X(dump, "[TABLE]", "SQL that makes the database, or one table, again")                                             \
    X(output, "[FILE]", "results go to a file; without one, here again")                                               \
    X(connect, "URL|TENANT|FILE", "go to another database")                                                            \
    X(each, "PATTERN SQL", "run SQL on many tenants: 'shop-*', or names with commas")                                  \
    X(help, "[COMMAND]", "this list")                                                                                  \
    X(quit, "", "end; so does Ctrl-D")

#define X(name, args, what) void trib_shell_dot_##name(trib_shell *sh, trib_str line);
TRIB_SHELL_DOTS(X)
#undef X

/* The same as rows for help. (shell_dot.c) */
#define X(name, args, what) +1
enum { TRIB_SHELL_DOT_COUNT = 0 TRIB_SHELL_DOTS(X) };
#undef X
extern const trib_cli_option trib_shell_dots[TRIB_SHELL_DOT_COUNT];

/* Finds and runs the command of a line that begins with a dot. */
void trib_shell_run_dot(trib_shell *sh, trib_str line);
/* Its usage as an error: "`.read FILE`: it takes ...". */
void trib_shell_dot_usage(trib_shell *sh, const char *name, const char *why);

/* ---- statements (shell_run.c) ---- */

/* Shows an error and keeps its exit status. */
void trib_shell_print_error(trib_shell *sh, const trib_error *err);
/* One statement, without showing its rows, which live in sh->arena until the next. */
trib_code trib_shell_execute(trib_shell *sh, const trib_sql_stmt *stmt, trib_sql_rows *ret, trib_error *err);
/* The same, and shows them or its error. */
void trib_shell_run_sql(trib_shell *sh, trib_str sql);
/* Rows in the shell's form. */
void trib_shell_show_rows(trib_shell *sh, const trib_sql_rows *rows);
/* Statements and commands of a file, to its end. */
void trib_shell_run_file(trib_shell *sh, FILE *file);
/* Opens a file for a command. NULL: the error is in *err. */
FILE *trib_shell_open_file(trib_str name, const char *mode, trib_error *err);
/* The tables, read again if they may have changed; what cannot be read is empty. */
const trib_catalog *trib_shell_catalog(trib_shell *sh);
/* The rows of EXPLAIN QUERY PLAN as a tree. (shell_explain.c) */
void trib_shell_show_plan(trib_shell *sh, const trib_sql_rows *rows);
/* Offers for TAB; ctx: the shell. (shell_dot.c) */
void trib_shell_complete(void *ctx, trib_complete *wanted);
/* Runs SQL on every tenant that `patterns` names; see shell_each.c. */
void trib_shell_each(trib_shell *sh, trib_str patterns, trib_str sql);

#endif
