/* SPDX-License-Identifier: Apache-2.0 */
/* trib token create | revoke | rotate-keys: over the admin API of a running server. A token goes to standard output
 * alone, so that TOKEN=$(trib token create acme) works. */
#include "cli/admin.h"

extern const trib_cli_command trib_cmd_token_create, trib_cmd_token_revoke, trib_cmd_token_rotate;

static int finish(trib_admin *admin, trib_code code, const trib_error *err) {
    int status = code == TRIB_OK ? TRIB_EXIT_OK : trib_cli_fail(admin->cli, err);
    trib_admin_close(admin);
    return status;
}

/* ---- create ---- */

static void write_ask(trib_buf *body, const trib_cli *cli, bool wide) {
    const char *expires = trib_cli_get(cli, "expires");
    trib_json_writer w;
    trib_jw_init(&w, body);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "access", trib_cli_has(cli, "read-only") ? TRIB_STR("ro") : TRIB_STR("rw"));
    if (expires) trib_jw_member_str(&w, "expires", trib_str_c(expires));
    if (wide) {
        trib_jw_key_c(&w, "namespaces");
        trib_jw_array_begin(&w);
        if (trib_cli_has(cli, "all")) trib_jw_str_c(&w, "*");
        for (unsigned i = 0; i < cli->arg_count; i++) trib_jw_str_c(&w, cli->args[i]);
        trib_jw_array_end(&w);
    }
    trib_jw_object_end(&w);
}

static int run_create(trib_cli *cli) {
    const trib_json *reply = NULL;
    bool all = trib_cli_has(cli, "all"), wide = all || cli->arg_count > 1;
    trib_admin admin;
    trib_error err;
    trib_buf body;
    trib_code code = trib_admin_open(&admin, cli, &err);
    if (code == TRIB_OK && all == (cli->arg_count > 0)) {
        code = trib_error_set(&err, TRIB_USAGE,
                              "say for which tenants: their names, or --all; see `trib token create --help`");
    }
    trib_buf_init(&body, 16 * 1024);
    write_ask(&body, cli, wide);
    if (code == TRIB_OK) {
        const char *path = wide ? "v1/tokens" : trib_admin_path(&admin, cli->args[0], "/tokens");
        code = trib_admin_call(&admin, "POST", path, &body, &reply, &err);
    }
    trib_buf_deinit(&body);
    if (code == TRIB_OK && cli->json) trib_admin_print_json(cli->out, reply);
    else if (code == TRIB_OK) fprintf(cli->out, "%.*s\n", TRIB_STR_ARG(trib_admin_text(&admin, reply, "token")));
    return finish(&admin, code, &err);
}

static const trib_cli_option create_options[] = {
    {"read-only", NULL, "may read, not write"},
    {"expires", "TIME", "valid this long: 30d, 12h, 90m; without it, until it is revoked"},
    {"all", NULL, "for every tenant, also those made later, and the server's own databases"},
    TRIB_ADMIN_OPTIONS,
};
static const trib_cli_example create_examples[] = {
    {"trib token create acme", "reads and writes acme, until it is revoked"},
    {"trib token create acme --read-only --expires 30d", "only reads, for thirty days"},
    {"trib token create streams ali --read-only", "one token for two databases"},
    {"trib token create --all", "for an application that serves every tenant"},
};

const trib_cli_command trib_cmd_token_create = {
    .name = "token create",
    .args = "TENANT...|--all",
    .summary = "Make a token that clients connect with",
    .description =
        "Prints the token and nothing else. A token for one tenant is void after `trib token revoke TENANT`; one for\n"
        "several tenants or all only ends by --expires or by `trib token rotate-keys`.",
    .options = create_options,
    .option_count = sizeof create_options / sizeof *create_options,
    .examples = create_examples,
    .example_count = sizeof create_examples / sizeof *create_examples,
    .max_args = TRIB_CLI_ARGS_MAX,
    .run = run_create,
};

/* ---- revoke ---- */

static const trib_cli_option admin_options[] = {TRIB_ADMIN_OPTIONS};

static int run_revoke(trib_cli *cli) {
    const trib_json *reply = NULL;
    trib_admin admin;
    trib_error err;
    trib_code code = trib_admin_open(&admin, cli, &err);
    if (code == TRIB_OK)
        code = trib_admin_call(&admin, "POST", trib_admin_path(&admin, cli->args[0], "/tokens/revoke"), NULL, &reply,
                               &err);
    if (code == TRIB_OK && cli->json) trib_admin_print_json(cli->out, reply);
    else if (code == TRIB_OK) fprintf(cli->out, "revoked every token of %s\n", cli->args[0]);
    return finish(&admin, code, &err);
}

static const trib_cli_example revoke_examples[] = {
    {"trib token revoke acme", "every token for acme alone that was made before is refused from now on"},
};

const trib_cli_command trib_cmd_token_revoke = {
    .name = "token revoke",
    .args = "TENANT",
    .summary = "Make every token of a tenant void",
    .description = "Works at once, also on open sessions. Tokens for several tenants are not touched; see `trib token "
                   "create --help`.",
    .options = admin_options,
    .option_count = sizeof admin_options / sizeof *admin_options,
    .examples = revoke_examples,
    .example_count = sizeof revoke_examples / sizeof *revoke_examples,
    .min_args = 1,
    .max_args = 1,
    .run = run_revoke,
};

/* ---- rotate-keys ---- */

static int run_rotate(trib_cli *cli) {
    const trib_json *reply = NULL;
    bool drop_old = trib_cli_has(cli, "drop-old"), drop_all = trib_cli_has(cli, "drop-all");
    const char *ask = drop_old ? "{\"drop_old\":true}" : drop_all ? "{\"drop_all\":true}" : "{}";
    trib_admin admin;
    trib_error err;
    trib_buf body;
    trib_code code = trib_admin_open(&admin, cli, &err);
    if (code == TRIB_OK && drop_old && drop_all)
        code = trib_error_set(&err, TRIB_USAGE,
                              "--drop-old keeps the key that signs, --drop-all does not: choose one; see `trib token "
                              "rotate-keys --help`");
    trib_buf_init(&body, 64);
    trib_buf_add_c(&body, ask);
    if (code == TRIB_OK) code = trib_admin_call(&admin, "POST", "v1/keys/rotate", &body, &reply, &err);
    trib_buf_deinit(&body);
    if (code == TRIB_OK && cli->json) trib_admin_print_json(cli->out, reply);
    else if (code == TRIB_OK) {
        const char *others = drop_old   ? "those of older keys are void"
                             : drop_all ? "every token made before is void"
                                        : "those made before stay valid";
        fprintf(cli->out, "tokens are signed with key %.*s%s; %s\n",
                TRIB_STR_ARG(trib_admin_text(&admin, reply, "kid")), drop_old ? "" : " from now on", others);
    }
    return finish(&admin, code, &err);
}

static const trib_cli_option rotate_options[] = {
    {"drop-old", NULL, "no new key: void the tokens of all keys but the one that signs"},
    {"drop-all", NULL, "a new key, and void every token that was made before, of every tenant"},
    TRIB_ADMIN_OPTIONS,
};
static const trib_cli_example rotate_examples[] = {
    {"trib token rotate-keys", "a new key signs; old tokens stay valid"},
    {"trib token rotate-keys --drop-old", "later, when every client has a token of the new key"},
    {"trib token rotate-keys --drop-all", "after a key was stolen: every client needs a new token"},
};

const trib_cli_command trib_cmd_token_rotate = {
    .name = "token rotate-keys",
    .args = "",
    .summary = "Sign tokens with a new key",
    .options = rotate_options,
    .option_count = sizeof rotate_options / sizeof *rotate_options,
    .examples = rotate_examples,
    .example_count = sizeof rotate_examples / sizeof *rotate_examples,
    .run = run_rotate,
};
