/* SPDX-License-Identifier: Apache-2.0 */
/* trib tenant create | list | show | delete: over the admin API of a running server. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli/admin.h"
#include "cli/tenant.h"
#include "wire/url.h"

extern const trib_cli_command trib_cmd_tenant_create, trib_cmd_tenant_list, trib_cmd_tenant_show,
    trib_cmd_tenant_delete;

enum { LIST_PAGE = 1000 };

int trib_tenant_finish(trib_admin *admin, trib_code code, const trib_error *err) {
    int status = code == TRIB_OK ? TRIB_EXIT_OK : trib_cli_fail(admin->cli, err);
    trib_admin_close(admin);
    return status;
}

void trib_tenant_print(trib_admin *admin, const trib_json *object) {
    FILE *out = admin->cli->out;
    if (admin->cli->json) {
        trib_admin_print_json(out, object);
        return;
    }
    for (const trib_json *member = trib_json_first(object); member; member = trib_json_next(member)) {
        trib_str key = trib_arena_dup(&admin->arena, member->key);
        if (!key.ptr) return;
        trib_str text = trib_admin_text(admin, object, key.ptr);
        fprintf(out, "%-20s %.*s\n", key.ptr, TRIB_STR_ARG(text.len ? text : TRIB_STR("-")));
    }
}

/* ---- create ---- */

static int run_create(trib_cli *cli) {
    const trib_json *tenant = NULL;
    trib_admin admin;
    trib_error err;
    trib_buf body;
    trib_code code = trib_admin_open(&admin, cli, &err);
    trib_buf_init(&body, 16);
    trib_buf_add_c(&body, "{}");
    for (unsigned i = 0; i < cli->arg_count && code == TRIB_OK; i++) {
        code = trib_admin_call(&admin, "POST", trib_admin_path(&admin, cli->args[i], "/create"), &body, &tenant, &err);
        if (code != TRIB_OK) break;
        if (cli->json) trib_admin_print_json(cli->out, tenant);
        else
            fprintf(cli->out, "created %s at %.*s\n", cli->args[i],
                    TRIB_STR_ARG(trib_admin_text(&admin, tenant, "url")));
    }
    trib_buf_deinit(&body);
    return trib_tenant_finish(&admin, code, &err);
}

static const trib_cli_option admin_options[] = {TRIB_ADMIN_OPTIONS};
enum { ADMIN_OPTION_COUNT = sizeof admin_options / sizeof *admin_options };

static const trib_cli_example create_examples[] = {
    {"trib tenant create acme", "a tenant on the server of the folder ./data"},
    {"trib tenant create ali rami --data /var/lib/trib", "two tenants"},
    {"TRIB_ADMIN_KEY=... trib tenant create acme --admin-url http://10.0.0.5:8081/", "on another machine"},
};

const trib_cli_command trib_cmd_tenant_create = {
    .name = "tenant create",
    .args = "TENANT...",
    .summary = "Create tenants",
    .description =
        "A tenant owns one database and can be used at once. Names: a-z, 0-9, - and _, at most 64 characters.\n"
        "The URL that is printed ends in a slash; libSQL's JavaScript client needs it.",
    .options = admin_options,
    .option_count = ADMIN_OPTION_COUNT,
    .examples = create_examples,
    .example_count = sizeof create_examples / sizeof *create_examples,
    .min_args = 1,
    .max_args = TRIB_CLI_ARGS_MAX,
    .run = run_create,
};

/* ---- list ---- */

/* A page as JSON elements or as lines; returns how many. */
static uint64_t print_page(trib_admin *admin, const trib_json *page, uint64_t printed, uint64_t limit) {
    FILE *out = admin->cli->out;
    uint64_t count = 0;
    const trib_json *tenant = trib_json_first(trib_json_get(page, "namespaces"));
    for (; tenant && printed + count < limit; tenant = trib_json_next(tenant), count++) {
        if (admin->cli->json) {
            if (printed + count) fputs(",", out);
            trib_admin_print_json(out, tenant);
            continue;
        }
        trib_str name = trib_admin_text(admin, tenant, "name"), created = trib_admin_text(admin, tenant, "created_at");
        if (trib_cli_has(admin->cli, "deleted")) {
            fprintf(out, "%-24.*s %-24.*s %-24.*s %.*s\n", TRIB_STR_ARG(name),
                    TRIB_STR_ARG(trib_admin_text(admin, tenant, "deleted_at")),
                    TRIB_STR_ARG(trib_admin_text(admin, tenant, "purge_at")),
                    TRIB_STR_ARG(trib_admin_text(admin, tenant, "id")));
            continue;
        }
        fprintf(out, "%-24.*s %-24.*s %.*s\n", TRIB_STR_ARG(name),
                TRIB_STR_ARG(created.len ? created : TRIB_STR("system")),
                TRIB_STR_ARG(trib_admin_text(admin, tenant, "url")));
    }
    return count;
}

static void print_head(const trib_cli *cli) {
    if (cli->json) fputs("[", cli->out);
    else if (trib_cli_has(cli, "deleted"))
        fprintf(cli->out, "%-24s %-24s %-24s %s\n", "NAME", "DELETED", "GONE FOR GOOD", "ID");
    else fprintf(cli->out, "%-24s %-24s %s\n", "NAME", "CREATED", "URL");
}

static trib_code list_pages(trib_admin *admin, uint64_t limit, trib_error *err) {
    char cursor[TRIB_REMOTE_URL_BYTES] = "";
    const char *after = trib_cli_get(admin->cli, "after");
    uint64_t printed = 0;
    bool first = true;
    trib_buf coded;
    trib_buf_init(&coded, sizeof cursor - 1);
    if (after) trib_percent_encode(trib_str_c(after), &coded);
    bool too_long = coded.failed;
    snprintf(cursor, sizeof cursor, "%.*s", TRIB_STR_ARG(trib_buf_str(&coded)));
    trib_buf_deinit(&coded);
    if (too_long) return trib_error_set(err, TRIB_USAGE, "--after is too long for a tenant's name");
    do {
        const trib_json *page = NULL;
        char path[2 * TRIB_REMOTE_URL_BYTES];
        trib_str next = {0};
        trib_arena_reset(&admin->arena);
        uint64_t ask = limit - printed < LIST_PAGE ? limit - printed : LIST_PAGE;
        snprintf(path, sizeof path, "v1/namespaces?limit=%" PRIu64 "%s%s%s", ask,
                 trib_cli_has(admin->cli, "deleted") ? "&deleted=true" : "", cursor[0] ? "&cursor=" : "", cursor);
        trib_code code = trib_admin_call(admin, "GET", path, NULL, &page, err);
        if (code != TRIB_OK) return code; /* nothing that could be taken for an empty list */
        if (first) print_head(admin->cli);
        first = false;
        uint64_t count = print_page(admin, page, printed, limit);
        printed += count;
        if (!trib_json_str(trib_json_get(page, "next_cursor"), &next) || next.len >= sizeof cursor) next.len = 0;
        memcpy(cursor, next.len ? next.ptr : "", next.len);
        cursor[next.len] = '\0';
        if (count == 0) break;
    } while (cursor[0] && printed < limit);
    return TRIB_OK;
}

static int run_list(trib_cli *cli) {
    trib_admin admin;
    trib_error err;
    uint64_t limit = UINT64_MAX;
    const char *text = trib_cli_get(cli, "limit");
    trib_code code = trib_admin_open(&admin, cli, &err);
    if (code == TRIB_OK && text && (!trib_str_u64(trib_str_c(text), &limit) || limit == 0)) {
        code = trib_error_set(&err, TRIB_USAGE, "--limit must be a number above 0, not \"%s\"", text);
    }
    if (code == TRIB_OK) code = list_pages(&admin, limit, &err);
    if (code == TRIB_OK && cli->json) fputs("]\n", cli->out);
    return trib_tenant_finish(&admin, code, &err);
}

static const trib_cli_option list_options[] = {
    {"limit", "N", "at most N tenants"},
    {"after", "TENANT", "those behind this name, in byte order"},
    {"deleted", NULL, "those that were deleted and can come back, with the time when they cannot any more"},
    TRIB_ADMIN_OPTIONS,
};
static const trib_cli_example list_examples[] = {
    {"trib tenant list", "all of them"},
    {"trib tenant list --limit 100 --after acme --json", "the next hundred, for a program"},
};

const trib_cli_command trib_cmd_tenant_list = {
    .name = "tenant list",
    .args = "",
    .summary = "List tenants",
    .description =
        "In byte order of their names. The databases of the server itself, streams and discovery, are among them.",
    .options = list_options,
    .option_count = sizeof list_options / sizeof *list_options,
    .examples = list_examples,
    .example_count = sizeof list_examples / sizeof *list_examples,
    .run = run_list,
};

/* ---- show ---- */

static int run_show(trib_cli *cli) {
    const trib_json *tenant = NULL;
    trib_admin admin;
    trib_error err;
    trib_code code = trib_admin_open(&admin, cli, &err);
    if (code == TRIB_OK)
        code = trib_admin_call(&admin, "GET", trib_admin_path(&admin, cli->args[0], ""), NULL, &tenant, &err);
    if (code == TRIB_OK) trib_tenant_print(&admin, tenant);
    return trib_tenant_finish(&admin, code, &err);
}

static const trib_cli_example show_examples[] = {
    {"trib tenant show acme", "its URL, settings, size and counters"},
    {"trib tenant show acme --json", "the same for a program"},
};

const trib_cli_command trib_cmd_tenant_show = {
    .name = "tenant show",
    .args = "TENANT",
    .summary = "Show a tenant's URL, settings, size and counters",
    .description = "A setting without a value has the default. rows_read, rows_written and requests count since the "
                   "server started.",
    .options = admin_options,
    .option_count = ADMIN_OPTION_COUNT,
    .examples = show_examples,
    .example_count = sizeof show_examples / sizeof *show_examples,
    .min_args = 1,
    .max_args = 1,
    .run = run_show,
};

/* ---- delete ---- */

/* Asks on the terminal; without one, --yes must have said so. */
static trib_code confirm(trib_cli *cli, const char *name, trib_error *err) {
    char answer[128];
    if (trib_cli_has(cli, "yes")) return TRIB_OK;
    if (!isatty(STDIN_FILENO)) {
        return trib_error_set(err, TRIB_USAGE, "deleting %s needs --yes where nobody can be asked", name);
    }
    fprintf(cli->err, "This deletes the tenant %s%s. Type its name to go on: ", name,
            trib_cli_has(cli, "now") ? " and all its data for good"
                                     : "; `trib tenant undelete` can bring it back for a while");
    fflush(cli->err);
    if (!fgets(answer, sizeof answer, stdin)) answer[0] = '\0';
    answer[strcspn(answer, "\n")] = '\0';
    if (strcmp(answer, name) == 0) return TRIB_OK;
    return trib_error_set(err, TRIB_CANCELLED, "nothing was deleted");
}

static trib_code call_delete(trib_admin *admin, const char *name, const trib_json **ret, trib_error *err) {
    const char *id = trib_cli_get(admin->cli, "id");
    trib_json_writer w;
    trib_buf body;
    trib_buf_init(&body, TRIB_TENANT_BODY_BYTES);
    trib_jw_init(&w, &body);
    trib_jw_object_begin(&w);
    if (trib_cli_has(admin->cli, "now")) trib_jw_member_bool(&w, "now", true);
    if (id) trib_jw_member_str(&w, "id", trib_str_c(id));
    trib_jw_object_end(&w);
    trib_code code = trib_admin_call(admin, "DELETE", trib_admin_path(admin, name, ""), &body, ret, err);
    trib_buf_deinit(&body);
    return code;
}

static int run_delete(trib_cli *cli) {
    const trib_json *reply = NULL;
    trib_admin admin;
    trib_error err;
    trib_code code = trib_admin_open(&admin, cli, &err);
    if (code == TRIB_OK) code = confirm(cli, cli->args[0], &err);
    if (code == TRIB_OK) code = call_delete(&admin, cli->args[0], &reply, &err);
    trib_str until = code == TRIB_OK ? trib_admin_text(&admin, reply, "purge_at") : (trib_str){0};
    if (code == TRIB_OK && cli->json) trib_admin_print_json(cli->out, reply);
    else if (until.len) fprintf(cli->out, "deleted %s, can come back until %.*s\n", cli->args[0], TRIB_STR_ARG(until));
    else if (code == TRIB_OK) fprintf(cli->out, "deleted %s for good\n", cli->args[0]);
    return trib_tenant_finish(&admin, code, &err);
}

static const trib_cli_option delete_options[] = {
    {"yes", NULL, "do not ask"},
    {"now", NULL, "for good, without grace; also a tenant that was deleted before"},
    {"id", "ID", "with --now: which of several deleted ones that had the name"},
    TRIB_ADMIN_OPTIONS,
};
static const trib_cli_example delete_examples[] = {
    {"trib tenant delete acme", "asks for the name again"},
    {"trib tenant delete acme --yes", "in a script"},
    {"trib tenant delete acme --now", "nothing is left of it"},
};

const trib_cli_command trib_cmd_tenant_delete = {
    .name = "tenant delete",
    .args = "TENANT",
    .summary = "Delete a tenant",
    .description =
        "The tenant is unknown to everybody at once and its name is free. For the time of the server's setting\n"
        "delete_grace (7 days) `trib tenant undelete` brings it back; then its data goes. --now does not wait.",
    .options = delete_options,
    .option_count = sizeof delete_options / sizeof *delete_options,
    .examples = delete_examples,
    .example_count = sizeof delete_examples / sizeof *delete_examples,
    .min_args = 1,
    .max_args = 1,
    .run = run_delete,
};
