/* SPDX-License-Identifier: Apache-2.0 */
/* trib dev: the server for somebody who writes an application: this machine only, no tokens, a tenant is there as soon
 * as it is named. Prints what to put into .env. */
#include <unistd.h>

#include "cli/cli.h"
#include "server/serve.h"
#include "wire/tenant_name.h"

extern const trib_cli_command trib_cmd_dev;

/* --no-auth unless something else was said; finish refuses it on listeners that others can reach. */
static trib_code settle(trib_config *config, trib_error *err) {
    trib_code code = trib_config_add_flag(config, TRIB_STR("no-auth"), NULL, err);
    if (code == TRIB_OK && trib_config_get_origin(config, TRIB_CONFIG_ID_data) == TRIB_CONFIG_FROM_DEFAULT) {
        code = trib_config_add_flag(config, TRIB_STR("data"), "dev-data", err);
    }
    return code == TRIB_OK ? trib_config_finish(config, err) : code;
}

static void print_ready(trib_cli *cli, const trib_serving *serving, const char *tenant) {
    const char *url = trib_serve_url(serving, TRIB_LISTENER_USER),
               *admin = trib_serve_url(serving, TRIB_LISTENER_ADMIN);
    if (cli->json) {
        trib_cli_print_ready_json(cli, url, admin, tenant);
        return;
    }
    if (url) fprintf(cli->out, "listening %s\n", url);
    if (admin) fprintf(cli->out, "admin %s\n", admin);
    fprintf(cli->out,
            "\nFor your .env:\n\n"
            "LIBSQL_URL=%s%s/\n"
            "LIBSQL_AUTH_TOKEN=\n\n"
            "Every tenant has its own URL, made at first use; the slash at the end belongs to it. No token is asked "
            "for, so\n"
            "this is for this machine only. Ctrl-C ends it; the data stay.\n",
            url ? url : "", tenant);
    fflush(cli->out);
}

static int run_dev(trib_cli *cli) {
    trib_config config;
    trib_error err;
    trib_serving *serving = NULL;
    const char *tenant = cli->arg_count ? cli->args[0] : "app";
    trib_serve_options serve = {.config = &config, .auto_create_tenants = true};
    trib_code code = trib_cli_load_config(cli, &config, &err);
    if (code == TRIB_OK) code = trib_tenant_name_check(trib_str_c(tenant), &err);
    if (code == TRIB_OK) code = settle(&config, &err);
    if (code == TRIB_OK) code = trib_serve_start(&serve, &serving, &err);
    if (code != TRIB_OK) {
        trib_config_deinit(&config);
        return trib_cli_fail(cli, &err);
    }
    print_ready(cli, serving, tenant);
    if (!trib_serve_wait(serving)) _exit(TRIB_EXIT_FAILURE);
    trib_config_deinit(&config);
    return TRIB_EXIT_OK;
}

static const trib_cli_example examples[] = {
    {"trib dev", "serves ./dev-data on 127.0.0.1:8080"},
    {"trib dev shop --listen 127.0.0.1:0", "another port, and the .env for the tenant `shop`"},
};

const trib_cli_command trib_cmd_dev = {
    .name = "dev",
    .args = "[TENANT]",
    .summary = "Run a server for development: no tokens, tenants made at first use",
    .description = "Listens on this machine only. Prints the URL of TENANT (app) as lines for a .env file.\n"
                   "The data folder is dev-data unless --data says otherwise; --no-auth is always on.",
    .examples = examples,
    .example_count = sizeof examples / sizeof *examples,
    .max_args = 1,
    .takes_config = true,
    .run = run_dev,
};
