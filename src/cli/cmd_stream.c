/* SPDX-License-Identifier: Apache-2.0 */
/* trib stream types | check: the rules of deals, from the program and from files; no server is asked. */
#include <inttypes.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/admin.h"
#include "cli/cli.h"
#include "server/stream_types.h"
#include "wire/json.h"

enum { OUTPUT_MAX_BYTES = 16 << 20, PROBLEMS_MAX_BYTES = 1 << 20 };

/* ---- types ---- */

typedef void print_types(const trib_cli *cli, const trib_deal_registry *registry, trib_buf *out);

static void print_table(const trib_cli *cli, const trib_deal_registry *registry, trib_buf *out) {
    (void)cli;
    trib_buf_printf(out, "%-16s %7s %8s %6s  %-28s %s\n", "TYPE", "OPCODES", "STATUSES", "TIMERS", "TITLE", "FROM");
    for (size_t i = 0; i < registry->count; i++) {
        const trib_deal_entry *entry = registry->entries[i];
        const trib_deal_type *type = entry->type;
        trib_buf_printf(out, "%-16.*s %7zu %8zu %6zu  %-28.*s ", TRIB_STR_ARG(type->name), type->op_count,
                        type->status_count, type->timer_count, TRIB_STR_ARG(type->title));
        trib_buf_add(out, entry->source.len ? entry->source : TRIB_STR("built in"));
        trib_buf_add_char(out, '\n');
    }
}

static void print_json(const trib_cli *cli, const trib_deal_registry *registry, trib_buf *out) {
    trib_json_writer w;
    (void)cli;
    trib_jw_init(&w, out);
    trib_jw_array_begin(&w);
    for (size_t i = 0; i < registry->count; i++) trib_deal_type_json(registry->entries[i]->type, &w);
    trib_jw_array_end(&w);
    trib_buf_add_char(out, '\n');
}

static void print_markdown(const trib_cli *cli, const trib_deal_registry *registry, trib_buf *out) {
    if (cli->arg_count) trib_deal_type_markdown(registry->entries[0]->type, out);
    else trib_deal_registry_markdown(registry, out);
}

static void print_typescript(const trib_cli *cli, const trib_deal_registry *registry, trib_buf *out) {
    (void)cli;
    trib_deal_registry_typescript(registry, out);
}

/* The text of one type, to be changed and put into the data folder. */
static void print_file(const trib_cli *cli, const trib_deal_registry *registry, trib_buf *out) {
    (void)cli;
    trib_buf_add(out, registry->entries[0]->text);
}

/* Leaves the named type alone in `one`, which borrows from all. */
static trib_code pick(const trib_cli *cli, const trib_deal_registry *all, trib_deal_registry *one, trib_error *err) {
    trib_suggest suggest = {.word = trib_str_c(cli->args[0])};
    for (size_t i = 0; i < all->count; i++) {
        if (trib_str_eq(all->entries[i]->type->name, suggest.word)) {
            *one = (trib_deal_registry){.entries = {all->entries[i]}, .count = 1};
            return TRIB_OK;
        }
        trib_suggest_offer(&suggest, all->entries[i]->type->name);
    }
    return trib_error_set(err, TRIB_NOT_FOUND, "there is no stream type %s%s%.*s%s; `trib stream types` lists them",
                          cli->args[0], suggest.best.len ? " (did you mean " : "", TRIB_STR_ARG(suggest.best),
                          suggest.best.len ? "?)" : "");
}

static trib_code write_types(const trib_cli *cli, const trib_deal_registry *registry, trib_error *err) {
    print_types *print = print_table;
    trib_deal_registry one;
    trib_buf out;
    trib_code code = TRIB_OK;
    if (trib_cli_has(cli, "markdown")) print = print_markdown;
    else if (trib_cli_has(cli, "typescript")) print = print_typescript;
    else if (trib_cli_has(cli, "file")) print = print_file;
    else if (cli->json) print = print_json;
    if (print == print_file && !cli->arg_count)
        return trib_error_set(err, TRIB_USAGE,
                              "--file prints one type; name it, as in `trib stream types food --file`");
    if (cli->arg_count) {
        code = pick(cli, registry, &one, err);
        registry = &one;
        if (print == print_table) print = print_markdown; /* the table of one type is its page */
    }
    if (code != TRIB_OK) return code;
    trib_buf_init(&out, OUTPUT_MAX_BYTES);
    print(cli, registry, &out);
    if (out.failed) code = trib_error_set(err, TRIB_NOMEM, NULL);
    else if (fwrite(out.ptr, 1, out.len, cli->out) != out.len || fflush(cli->out) != 0)
        code = trib_error_set(err, TRIB_IO, "cannot write the output");
    trib_buf_deinit(&out);
    return code;
}

static int run_types(trib_cli *cli) {
    trib_error err;
    trib_deal_registry registry;
    trib_buf problems;
    if (trib_cli_has(cli, "markdown") + trib_cli_has(cli, "typescript") + trib_cli_has(cli, "file") + cli->json > 1) {
        trib_error_set(&err, TRIB_USAGE, "choose one of --markdown, --typescript, --file and --json");
        return trib_cli_fail(cli, &err);
    }
    trib_buf_init(&problems, PROBLEMS_MAX_BYTES);
    const char *data = trib_cli_has(cli, "built-in") ? NULL : trib_admin_data_dir(cli);
    trib_code code = trib_stream_types_load(data, &registry, &problems, &err);
    if (code == TRIB_OK) code = write_types(cli, &registry, &err);
    else if (!cli->json && problems.len) fwrite(problems.ptr, 1, problems.len, cli->err);
    int status = code == TRIB_OK ? TRIB_EXIT_OK : trib_cli_fail(cli, &err);
    trib_buf_deinit(&problems);
    trib_deal_registry_deinit(&registry);
    return status;
}

static const trib_cli_option types_options[] = {
    {"markdown", NULL, "as a page of Markdown: every status, role, opcode and timer"},
    {"typescript", NULL, "as a module of TypeScript: a type for the events of each stream type"},
    {"file", NULL, "the file of one type, to begin a new one with"},
    {"built-in", NULL, "without the files of the data folder"},
    {"data", "FOLDER", "the data folder, whose stream-types/*.json are read (TRIB_DATA; data)"},
};

static const trib_cli_example types_examples[] = {
    {"trib stream types", "lists the types"},
    {"trib stream types food", "statuses, roles, opcodes and timers of one"},
    {"trib stream types food --file > pizza.json", "a copy of its file, to be changed"},
    {"trib stream types --typescript > stream-types.ts", "types for a program that appends events"},
};

extern const trib_cli_command trib_cmd_stream_types;
const trib_cli_command trib_cmd_stream_types = {
    .name = "stream types",
    .args = "[TYPE]",
    .summary = "List the types of streams: which events a deal may have, who writes them, what they do",
    .description =
        "Six types are built in: food, ride, grocery, parcel, service, rental. A file NAME.json in the folder\n"
        "stream-types of the data folder adds a type, or replaces the built-in one whose name it has; all files are\n"
        "checked. docs/how-to/write-a-stream-type.md shows how to write one.",
    .options = types_options,
    .option_count = sizeof types_options / sizeof *types_options,
    .examples = types_examples,
    .example_count = sizeof types_examples / sizeof *types_examples,
    .max_args = 1,
    .run = run_types,
};

/* ---- check ---- */

static void write_problems(trib_json_writer *w, const char *path, const trib_deal_problems *problems) {
    for (size_t i = 0; i < problems->count; i++) {
        const trib_deal_problem *problem = &problems->items[i];
        trib_jw_object_begin(w);
        trib_jw_member_str(w, "file", trib_str_c(path));
        trib_jw_member_i64(w, "line", problem->line);
        trib_jw_member_i64(w, "column", problem->column);
        trib_jw_member_str(w, "message", problem->text);
        trib_jw_object_end(w);
    }
}

static void print_problems(const trib_cli *cli, const char *path, const trib_deal_problems *problems) {
    for (size_t i = 0; i < problems->count; i++) {
        const trib_deal_problem *problem = &problems->items[i];
        fprintf(cli->err, "%s:%u:%u: %.*s\n", path, problem->line, problem->column, TRIB_STR_ARG(problem->text));
    }
    if (problems->total > problems->count)
        fprintf(cli->err, "%s: %zu more problems\n", path, problems->total - problems->count);
}

/* One file. *w is NULL without --json. */
static trib_code check_file(const trib_cli *cli, const char *path, trib_json_writer *w, trib_error *err) {
    const trib_deal_type *type = NULL;
    trib_deal_problems problems = {0};
    trib_arena arena;
    trib_buf text;
    trib_arena_init(&arena, TRIB_DEAL_TYPE_ARENA_BYTES);
    trib_buf_init(&text, TRIB_DEAL_FILE_MAX_BYTES + 2 * 4096);
    trib_code code = trib_stream_types_read_file(path, &text, err);
    if (code == TRIB_OK) code = trib_deal_type_read(&arena, trib_buf_str(&text), &problems, &type, err);
    if (code == TRIB_STREAM_TYPE_INVALID) {
        if (w) write_problems(w, path, &problems);
        else print_problems(cli, path, &problems);
        trib_error_set(err, code, "%s has %zu problem%s", path, problems.total, problems.total == 1 ? "" : "s");
    } else if (code == TRIB_OK && !w) {
        fprintf(cli->out, "%s: ok, type %.*s with %zu opcodes, %zu statuses, %zu timers\n", path,
                TRIB_STR_ARG(type->name), type->op_count, type->status_count, type->timer_count);
    }
    trib_buf_deinit(&text);
    trib_arena_deinit(&arena);
    return code;
}

static int run_check(trib_cli *cli) {
    trib_error err, one;
    trib_buf out;
    trib_json_writer w;
    trib_code code = TRIB_OK;
    trib_buf_init(&out, OUTPUT_MAX_BYTES);
    trib_jw_init(&w, &out);
    if (cli->json) trib_jw_array_begin(&w);
    for (unsigned i = 0; i < cli->arg_count; i++) {
        trib_code this_one = check_file(cli, cli->args[i], cli->json ? &w : NULL, &one);
        if (this_one == TRIB_OK || code != TRIB_OK) continue;
        code = this_one;
        err = one;
    }
    if (cli->json) trib_jw_array_end(&w);
    if (cli->json && !out.failed) fprintf(cli->out, "%.*s\n", TRIB_STR_ARG(trib_buf_str(&out)));
    if (out.failed) code = trib_error_set(&err, TRIB_NOMEM, NULL);
    trib_buf_deinit(&out);
    /* with --json the problems are the answer; what is no problem of a file is an error */
    if (cli->json && code == TRIB_STREAM_TYPE_INVALID) return trib_cli_exit_status(code);
    return code == TRIB_OK ? TRIB_EXIT_OK : trib_cli_fail(cli, &err);
}

static const trib_cli_example check_examples[] = {
    {"trib stream check flowers.json", "says what is wrong, by line and column, or that the file is right"},
    {"trib stream check --json *.json", "the problems as an array, for an editor"},
};

extern const trib_cli_command trib_cmd_stream_check;
const trib_cli_command trib_cmd_stream_check = {
    .name = "stream check",
    .args = "FILE...",
    .summary = "Check files of stream types",
    .description =
        "Reads each file as a server would and prints every problem as FILE:LINE:COLUMN: what is wrong, and how to\n"
        "mend it: unknown names, statuses that nothing reaches or leaves, opcodes twice, timers that cannot fire,\n"
        "money that cannot be paid. Status 0: all are right; 1: problems; 4: a file is not there.",
    .examples = check_examples,
    .example_count = sizeof check_examples / sizeof *check_examples,
    .min_args = 1,
    .max_args = TRIB_CLI_ARGS_MAX,
    .run = run_check,
};
