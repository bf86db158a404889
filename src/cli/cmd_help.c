/* SPDX-License-Identifier: Apache-2.0 */
/* trib help, trib version, trib config show. */
#include <string.h>

#include "base/buf.h"
#include "base/suggest.h"
#include "cli/cli.h"
#include "cli/error_page.h"
#include "wire/json.h"

enum { OUTPUT_MAX_BYTES = 256 * 1024 };

static int run_version(trib_cli *cli) {
    if (cli->json) fprintf(cli->out, "{\"name\":\"tributary\",\"version\":\"%s\"}\n", TRIB_VERSION);
    else fprintf(cli->out, "tributary %s\n", TRIB_VERSION);
    return TRIB_EXIT_OK;
}

static const trib_cli_example version_examples[] = {
    {"trib version", "prints the name and the version"},
    {"trib version --json", "the same for a script"},
};

extern const trib_cli_command trib_cmd_version;
const trib_cli_command trib_cmd_version = {
    .name = "version",
    .args = "",
    .summary = "Show the version of this program",
    .examples = version_examples,
    .example_count = 2,
    .run = run_version,
};

/* ---- help ---- */

static void print_codes(FILE *out) {
    fprintf(out, "Every error has a code, which stays, and a page: trib help errors CODE\n\n");
    for (int code = TRIB_OK + 1; code < TRIB_CODE_COUNT; code++) {
        const char *text = trib_code_text((trib_code)code);
        if (trib_error_page_get(trib_str_c(text)))
            fprintf(out, "  %-32s %s\n", text, trib_code_meaning((trib_code)code));
    }
}

static void print_page(const trib_cli *cli, const char *code, const char *page) {
    trib_buf text, json;
    trib_buf_init(&text, OUTPUT_MAX_BYTES);
    trib_buf_init(&json, OUTPUT_MAX_BYTES);
    trib_error_page_add_plain(&text, trib_str_c(page));
    if (cli->json) {
        trib_json_writer w;
        trib_jw_init(&w, &json);
        trib_jw_object_begin(&w);
        trib_jw_member_str(&w, "code", trib_str_c(code));
        trib_jw_member_str(&w, "page", trib_buf_str(&text));
        trib_jw_object_end(&w);
        trib_buf_add_char(&json, '\n');
    }
    fprintf(cli->out, "%.*s", TRIB_STR_ARG(trib_buf_str(cli->json ? &json : &text)));
    trib_buf_deinit(&json);
    trib_buf_deinit(&text);
}

/* trib help errors [CODE] */
static int run_errors(trib_cli *cli) {
    trib_error err;
    if (cli->arg_count < 2) {
        print_codes(cli->out);
        return TRIB_EXIT_OK;
    }
    trib_str code = trib_str_c(cli->args[1]);
    const char *page = trib_error_page_get(code);
    if (page) {
        print_page(cli, trib_error_page_code(code), page);
        return TRIB_EXIT_OK;
    }
    trib_suggest suggest = {.word = code};
    for (size_t i = 0; i < trib_error_page_count; i++)
        trib_suggest_offer(&suggest, trib_str_c(trib_error_pages[i].code));
    trib_error_set(&err, TRIB_USAGE, "there is no error '%s'%s%.*s%s; `trib help errors` lists all", cli->args[1],
                   suggest.best.len ? " (did you mean " : "", TRIB_STR_ARG(suggest.best), suggest.best.len ? "?)" : "");
    return trib_cli_fail(cli, &err);
}

static int run_help(trib_cli *cli) {
    char name[128] = "";
    trib_error err;
    bool man = trib_cli_has(cli, "man");
    for (unsigned i = 0; i < cli->arg_count; i++) {
        size_t at = strlen(name);
        snprintf(name + at, sizeof name - at, "%s%s", i ? " " : "", cli->args[i]);
    }
    if (!man && cli->arg_count && strcmp(cli->args[0], "errors") == 0) return run_errors(cli);
    if (man && trib_cli_print_man(cli->out, name)) return TRIB_EXIT_OK;
    if (cli->json && !man && trib_cli_print_json_help(cli->out, trib_str_c(name))) return TRIB_EXIT_OK;
    for (size_t i = 0; i < trib_cli_command_count && name[0]; i++) {
        if (strcmp(trib_cli_commands[i]->name, name) != 0) continue;
        trib_cli_print_help(cli->out, trib_cli_commands[i]);
        return TRIB_EXIT_OK;
    }
    if (name[0]) {
        if (trib_cli_print_group(cli->out, trib_str_c(name))) return TRIB_EXIT_OK;
        trib_str best = trib_cli_suggest_command(trib_str_c(name));
        trib_error_set(&err, TRIB_USAGE, "there is no command '%s'%s%.*s%s; `trib help` lists all", name,
                       best.len ? " (did you mean `trib " : "", TRIB_STR_ARG(best), best.len ? "`?)" : "");
        return trib_cli_fail(cli, &err);
    }
    trib_cli_print_overview(cli->out);
    return TRIB_EXIT_OK;
}

static const trib_cli_option help_options[] = {
    {"man", NULL, "write a manual page (troff) instead: of COMMAND, of trib, or of trib.conf"}};
static const trib_cli_example help_examples[] = {
    {"trib help serve", "explains a command, its options and its exit statuses"},
    {"trib help errors TENANT_MISSING",
     "when this error comes, how to mend it, what a client may do; without a code all"},
    {"trib help --man tenant create > trib-tenant-create.1", "writes a manual page; without a command that of trib"},
};

extern const trib_cli_command trib_cmd_help;
const trib_cli_command trib_cmd_help = {
    .name = "help",
    .args = "[COMMAND|errors CODE]",
    .summary = "Explain a command or an error, or list all",
    .options = help_options,
    .option_count = 1,
    .examples = help_examples,
    .example_count = sizeof help_examples / sizeof *help_examples,
    .max_args = 3,
    .run = run_help,
};

/* ---- config show ---- */

static void show_json(const trib_config *config, trib_buf *text) {
    trib_json_writer w;
    trib_jw_init(&w, text);
    trib_jw_object_begin(&w);
    for (size_t i = 0; i < TRIB_CONFIG_COUNT_OF_ROWS; i++) {
        trib_jw_key_c(&w, trib_config_row_at(i)->key);
        trib_jw_object_begin(&w);
        trib_jw_member_str(&w, "value", trib_str_c(trib_config_text(config, i)));
        trib_jw_member_str(&w, "origin", trib_str_c(trib_config_origin_text(trib_config_get_origin(config, i))));
        trib_jw_object_end(&w);
    }
    trib_jw_object_end(&w);
    trib_buf_add_char(text, '\n');
}

static void show_text(const trib_config *config, bool origin, trib_buf *text) {
    for (size_t i = 0; i < TRIB_CONFIG_COUNT_OF_ROWS; i++) {
        const char *value = trib_config_text(config, i);
        /* a file of this form is read back as it is */
        if (origin) trib_buf_printf(text, "# from: %s\n", trib_config_origin_text(trib_config_get_origin(config, i)));
        trib_buf_printf(text, "%s = %s\n", trib_config_row_at(i)->key, value[0] ? value : "\"\"");
    }
}

static int run_config_show(trib_cli *cli) {
    trib_config config;
    trib_error err;
    trib_buf text;
    int status = TRIB_EXIT_OK;
    trib_buf_init(&text, OUTPUT_MAX_BYTES);
    if (trib_cli_load_config(cli, &config, &err)) {
        status = trib_cli_fail(cli, &err);
        goto out;
    }
    if (cli->json) show_json(&config, &text);
    else show_text(&config, trib_cli_has(cli, "origin"), &text);
    if (text.failed) {
        trib_error_set(&err, TRIB_NOMEM, NULL);
        status = trib_cli_fail(cli, &err);
        goto out;
    }
    fprintf(cli->out, "%.*s", TRIB_STR_ARG(trib_buf_str(&text)));
out:
    trib_buf_deinit(&text);
    trib_config_deinit(&config);
    return status;
}

static const trib_cli_option show_options[] = {{"origin", NULL, "say where each value comes from"}};
static const trib_cli_example show_examples[] = {
    {"trib config show --origin", "every setting in force here and where it comes from; secrets are masked"},
    {"trib config show --config trib.conf", "checks a settings file without starting a server"},
};

extern const trib_cli_command trib_cmd_config_show;
const trib_cli_command trib_cmd_config_show = {
    .name = "config show",
    .args = "",
    .summary = "Show the server's settings and where they come from",
    .options = show_options,
    .option_count = 1,
    .examples = show_examples,
    .example_count = 2,
    .takes_config = true,
    .run = run_config_show,
};
