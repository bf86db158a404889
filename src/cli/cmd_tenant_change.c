/* SPDX-License-Identifier: Apache-2.0 */
/* trib tenant set | rename | undelete | fork | reset-replicas: over the admin API of a running server. The server knows
 * the settings; here a value only becomes JSON. */
#include <string.h>

#include "cli/admin.h"
#include "cli/tenant.h"
#include "wire/url.h"

extern const trib_cli_command trib_cmd_tenant_set, trib_cmd_tenant_rename, trib_cmd_tenant_undelete,
    trib_cmd_tenant_fork;
extern const trib_cli_command trib_cmd_tenant_reset_replicas;

static const trib_cli_option admin_options[] = {TRIB_ADMIN_OPTIONS};
enum { ADMIN_OPTION_COUNT = sizeof admin_options / sizeof *admin_options };

/* ---- set ---- */

/* true, false, a number, "default" and nothing for null; else a text. */
static void write_value(trib_json_writer *w, trib_str key, trib_str value) {
    uint64_t number = 0;
    bool text = trib_str_eq_c(key, "block_reason");
    if (value.len == 0 || trib_str_eq_c(value, "default")) trib_jw_null(w);
    else if (!text && (trib_str_eq_c(value, "true") || trib_str_eq_c(value, "false")))
        trib_jw_bool(w, trib_str_eq_c(value, "true"));
    else if (!text && trib_str_u64(value, &number)) trib_jw_u64(w, number);
    else trib_jw_str(w, value);
}

static trib_code write_settings(const trib_cli *cli, trib_buf *body, trib_error *err) {
    trib_json_writer w;
    trib_jw_init(&w, body);
    trib_jw_object_begin(&w);
    for (unsigned i = 1; i < cli->arg_count; i++) {
        trib_str pair = trib_str_c(cli->args[i]);
        size_t equals = trib_str_find(pair, '=');
        if (equals == SIZE_MAX || equals == 0)
            return trib_error_set(err, TRIB_USAGE, "\"%s\" is not KEY=VALUE, such as max_bytes=1GiB", cli->args[i]);
        trib_str key = trib_str_sub(pair, 0, equals);
        trib_jw_key(&w, key);
        write_value(&w, key, trib_str_sub(pair, equals + 1, pair.len));
    }
    trib_jw_object_end(&w);
    return TRIB_OK;
}

static int run_set(trib_cli *cli) {
    const trib_json *tenant = NULL;
    trib_admin admin;
    trib_error err;
    trib_buf body;
    trib_buf_init(&body, TRIB_TENANT_BODY_BYTES);
    trib_code code = trib_admin_open(&admin, cli, &err);
    if (code == TRIB_OK) code = write_settings(cli, &body, &err);
    if (code == TRIB_OK)
        code = trib_admin_call(&admin, "PATCH", trib_admin_path(&admin, cli->args[0], ""), &body, &tenant, &err);
    trib_buf_deinit(&body);
    if (code == TRIB_OK) trib_tenant_print(&admin, tenant);
    return trib_tenant_finish(&admin, code, &err);
}

static const trib_cli_example set_examples[] = {
    {"trib tenant set acme max_bytes=1GiB statement_timeout_ms=10s", "bounds for one tenant"},
    {"trib tenant set acme block_writes=true block_reason='unpaid since June'",
     "reads go on, writes are refused with it"},
    {"trib tenant set acme block_writes=false block_reason=", "open again"},
};

const trib_cli_command trib_cmd_tenant_set = {
    .name = "tenant set",
    .args = "TENANT KEY=VALUE...",
    .summary = "Change settings of a tenant",
    .description =
        "block_reads, block_writes  true or false; who asks is told block_reason\n"
        "allow_attach               true: tokens that may read it may ATTACH it elsewhere\n"
        "publish                    true: nodes whose payload says published are shown in discovery\n"
        "max_bytes                  size limit of the database: 500MB, 1GiB\n"
        "statement_timeout_ms       longest a statement runs: 500ms, 10s, or a number of milliseconds\n"
        "txn_steal_ms               age at which a transaction yields to a writer who waits\n"
        "durability                 strong: a write is answered when it is on disk; relaxed: before that\n"
        "jwt_key                    public keys that tokens for this tenant may be signed with: \"$(cat key.pem)\"\n"
        "old_tokens                 true: tokens of imported keys count even if older than the tenant, or without iat\n"
        "An empty value, or the word default, is the default again. Takes effect at once, for open sessions too.",
    .options = admin_options,
    .option_count = ADMIN_OPTION_COUNT,
    .examples = set_examples,
    .example_count = sizeof set_examples / sizeof *set_examples,
    .min_args = 2,
    .max_args = TRIB_CLI_ARGS_MAX,
    .run = run_set,
};

/* ---- rename ---- */

/* POST of an object with these texts; those that are NULL are left out. */
static trib_code post(trib_admin *admin, const char *path, const char *name, const char *id, const trib_json **ret,
                      trib_error *err) {
    trib_json_writer w;
    trib_buf body;
    trib_buf_init(&body, TRIB_TENANT_BODY_BYTES);
    trib_jw_init(&w, &body);
    trib_jw_object_begin(&w);
    if (name) trib_jw_member_str(&w, "name", trib_str_c(name));
    if (id) trib_jw_member_str(&w, "id", trib_str_c(id));
    trib_jw_object_end(&w);
    trib_code code = trib_admin_call(admin, "POST", path, &body, ret, err);
    trib_buf_deinit(&body);
    return code;
}

/* Says what was done and where the tenant is now. */
static int end_change(trib_admin *admin, trib_code code, const trib_error *err, const char *what,
                      const trib_json *tenant) {
    trib_cli *cli = admin->cli;
    if (code == TRIB_OK && cli->json) trib_admin_print_json(cli->out, tenant);
    else if (code == TRIB_OK)
        fprintf(cli->out, "%s %s, now at %.*s\n", what, cli->args[0],
                TRIB_STR_ARG(trib_admin_text(admin, tenant, "url")));
    return trib_tenant_finish(admin, code, err);
}

static int run_rename(trib_cli *cli) {
    const trib_json *tenant = NULL;
    trib_admin admin;
    trib_error err;
    trib_code code = trib_admin_open(&admin, cli, &err);
    if (code == TRIB_OK)
        code = post(&admin, trib_admin_path(&admin, cli->args[0], "/rename"), cli->args[1], NULL, &tenant, &err);
    return end_change(&admin, code, &err, "renamed", tenant);
}

static const trib_cli_example rename_examples[] = {
    {"trib tenant rename acme acme-inc", "its data stays; make new tokens for the new name"},
};

const trib_cli_command trib_cmd_tenant_rename = {
    .name = "tenant rename",
    .args = "OLD NEW",
    .summary = "Give a tenant another name",
    .description = "The old name is free at once. Tokens name their tenant, so those for the old name open nothing any "
                   "more, also\n"
                   "if another tenant takes that name; tokens for all tenants go on. Sessions that are open go on "
                   "under the new name.",
    .options = admin_options,
    .option_count = ADMIN_OPTION_COUNT,
    .examples = rename_examples,
    .example_count = sizeof rename_examples / sizeof *rename_examples,
    .min_args = 2,
    .max_args = 2,
    .run = run_rename,
};

/* ---- undelete ---- */

static int run_undelete(trib_cli *cli) {
    const trib_json *tenant = NULL;
    trib_admin admin;
    trib_error err;
    trib_code code = trib_admin_open(&admin, cli, &err);
    if (code == TRIB_OK)
        code = post(&admin, trib_admin_path(&admin, cli->args[0], "/undelete"), trib_cli_get(cli, "as"),
                    trib_cli_get(cli, "id"), &tenant, &err);
    return end_change(&admin, code, &err, "brought back", tenant);
}

static const trib_cli_option undelete_options[] = {
    {"as", "NAME", "the name it comes back with, where its own is taken"},
    {"id", "ID", "which one, where several had the name"},
    TRIB_ADMIN_OPTIONS,
};
static const trib_cli_example undelete_examples[] = {
    {"trib tenant list --deleted", "what can come back, and until when"},
    {"trib tenant undelete acme", "with all its data"},
    {"trib tenant undelete acme --as acme-old", "where another tenant has the name now"},
};

const trib_cli_command trib_cmd_tenant_undelete = {
    .name = "tenant undelete",
    .args = "TENANT",
    .summary = "Bring a deleted tenant back",
    .description = "With its data, its settings and, under its own name, the tokens that were made for it alone.",
    .options = undelete_options,
    .option_count = sizeof undelete_options / sizeof *undelete_options,
    .examples = undelete_examples,
    .example_count = sizeof undelete_examples / sizeof *undelete_examples,
    .min_args = 1,
    .max_args = 1,
    .run = run_undelete,
};

/* ---- fork ---- */

enum {
    FORK_TIMEOUT_MS = 24 * 3600 * 1000
}; /* as long as the copy takes; whoever is tired of waiting stops the command */

static int run_fork(trib_cli *cli) {
    const trib_json *tenant = NULL;
    trib_admin admin;
    trib_error err;
    trib_code code = trib_admin_open(&admin, cli, &err);
    if (code == TRIB_OK) {
        admin.remote.timeout_ms = FORK_TIMEOUT_MS;
        const char *path = trib_admin_path(&admin, cli->args[0], "/fork/");
        trib_str whole = {0};
        trib_buf coded;
        trib_buf_init(&coded, TRIB_REMOTE_URL_BYTES);
        trib_percent_encode(trib_str_c(cli->args[1]), &coded);
        if (path && !coded.failed)
            whole = trib_arena_printf(&admin.arena, "%s%.*s", path, TRIB_STR_ARG(trib_buf_str(&coded)));
        trib_buf_deinit(&coded);
        code = post(&admin, whole.ptr, NULL, NULL, &tenant, &err);
    }
    return end_change(&admin, code, &err, "forked", tenant);
}

static const trib_cli_example fork_examples[] = {
    {"trib tenant fork acme acme-test", "a second tenant with the data of now"},
};

const trib_cli_command trib_cmd_tenant_fork = {
    .name = "tenant fork",
    .args = "SOURCE TARGET",
    .summary = "Copy a tenant as it is now",
    .description = "TARGET is a new tenant with the data that SOURCE has at one moment, and its settings but blocks. "
                   "SOURCE stays\n"
                   "in use meanwhile. Tokens of SOURCE do not open TARGET.",
    .options = admin_options,
    .option_count = ADMIN_OPTION_COUNT,
    .examples = fork_examples,
    .example_count = sizeof fork_examples / sizeof *fork_examples,
    .min_args = 2,
    .max_args = 2,
    .run = run_fork,
};

/* ---- reset-replicas ---- */

static int run_reset_replicas(trib_cli *cli) {
    const trib_json *row = NULL;
    trib_admin admin;
    trib_error err;
    trib_code code = trib_admin_open(&admin, cli, &err);
    if (code == TRIB_OK)
        code = post(&admin, trib_admin_path(&admin, cli->args[0], "/replicas/reset"), NULL, NULL, &row, &err);
    if (code == TRIB_OK && cli->json) trib_admin_print_json(cli->out, row);
    else if (code == TRIB_OK) fprintf(cli->out, "replicas of %s load it anew with their next sync\n", cli->args[0]);
    return trib_tenant_finish(&admin, code, &err);
}

static const trib_cli_example reset_examples[] = {
    {"trib tenant reset-replicas acme", "all replicas of acme begin anew"},
};

const trib_cli_command trib_cmd_tenant_reset_replicas = {
    .name = "tenant reset-replicas",
    .args = "TENANT",
    .summary = "Let every replica of a tenant load it anew",
    .description = "Begins a new generation: embedded replicas and those of @tursodatabase/sync get the whole database "
                   "once with\n"
                   "their next sync, and count its changes from 1. Data stay as they are. What somebody wrote offline "
                   "and has not\n"
                   "pushed yet (`offline: true`) is in conflict then.",
    .options = admin_options,
    .option_count = ADMIN_OPTION_COUNT,
    .examples = reset_examples,
    .example_count = sizeof reset_examples / sizeof *reset_examples,
    .min_args = 1,
    .max_args = 1,
    .run = run_reset_replicas,
};
