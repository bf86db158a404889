/* SPDX-License-Identifier: Apache-2.0 */
/* trib discovery rebuild: over the admin API of a running server. */
#include "cli/admin.h"
#include "cli/tenant.h"

enum { BODY_MAX_BYTES = 16 };

static int run_rebuild(trib_cli *cli) {
    const trib_json *answer = NULL;
    trib_admin admin;
    trib_error err;
    trib_buf body;
    trib_buf_init(&body, BODY_MAX_BYTES);
    trib_buf_add_c(&body, "{}");
    trib_code code = trib_admin_open(&admin, cli, &err);
    if (code == TRIB_OK) code = trib_admin_call(&admin, "POST", "v1/discovery/rebuild", &body, &answer, &err);
    if (code == TRIB_OK && cli->json) trib_admin_print_json(cli->out, answer);
    else if (code == TRIB_OK) fprintf(cli->out, "what tenants publish is read anew, one tenant after the other\n");
    trib_buf_deinit(&body);
    return trib_tenant_finish(&admin, code, &err);
}

static const trib_cli_option rebuild_options[] = {TRIB_ADMIN_OPTIONS};

static const trib_cli_example rebuild_examples[] = {
    {"trib discovery rebuild", "everything that is published is read from the tenants' databases again"},
};

extern const trib_cli_command trib_cmd_discovery_rebuild;
const trib_cli_command trib_cmd_discovery_rebuild = {
    .name = "discovery rebuild",
    .args = "",
    .summary = "Read what tenants publish into discovery anew",
    .description = "Discovery follows the tenants by itself. This is for a database `discovery` that was changed by\n"
                   "hand or came from a backup. It goes on in the background; a tenant whose turn it is may be found\n"
                   "incomplete for a moment.",
    .options = rebuild_options,
    .option_count = sizeof rebuild_options / sizeof *rebuild_options,
    .examples = rebuild_examples,
    .example_count = sizeof rebuild_examples / sizeof *rebuild_examples,
    .run = run_rebuild,
};
