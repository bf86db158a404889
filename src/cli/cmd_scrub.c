/* SPDX-License-Identifier: Apache-2.0 */
/* trib scrub, trib quarantine list | show | release: over the admin API of a running server. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "cli/admin.h"
#include "cli/tenant.h"

enum {
    BODY_MAX_BYTES = 4096,
    POLL_MS = 200,
    RELEASE_TIMEOUT_MS = 24 * 3600 * 1000 /* it reads the whole database */
};

/* ---- scrub ---- */

static trib_code make_body(const trib_cli *cli, trib_buf *body, trib_error *err) {
    const char *rate = trib_cli_get(cli, "rate"), *after = trib_cli_get(cli, "after");
    uint64_t bytes_per_s = 0;
    trib_json_writer w;
    if (rate && !trib_units_bytes(trib_str_c(rate), &bytes_per_s))
        return trib_error_set(err, TRIB_USAGE, "--rate %s is no size; write 8MiB, or 0 for no pace", rate);
    trib_jw_init(&w, body);
    trib_jw_object_begin(&w);
    if (cli->arg_count) trib_jw_member_str(&w, "name", trib_str_c(cli->args[0]));
    if (after) trib_jw_member_str(&w, "after", trib_str_c(after));
    if (rate) trib_jw_member_i64(&w, "bytes_per_second", (int64_t)bytes_per_s);
    trib_jw_object_end(&w);
    return TRIB_OK;
}

static int64_t number_of(const trib_json *status, const char *key) {
    int64_t value = 0;
    (void)trib_json_i64(trib_json_get(status, key), &value);
    return value;
}

static bool flag_of(const trib_json *status, const char *key) {
    bool value = false;
    (void)trib_json_bool(trib_json_get(status, key), &value);
    return value;
}

static void print_status(trib_admin *admin, const trib_json *status) {
    FILE *out = admin->cli->out;
    const trib_json *finding = trib_json_first(trib_json_get(status, "findings"));
    for (; finding; finding = trib_json_next(finding))
        fprintf(out, "%.*s %.*s: %.*s\n", TRIB_STR_ARG(trib_admin_text(admin, finding, "kind")),
                TRIB_STR_ARG(trib_admin_text(admin, finding, "name")),
                TRIB_STR_ARG(trib_admin_text(admin, finding, "text")));
    bool running = flag_of(status, "running");
    trib_str name = running ? trib_admin_text(admin, status, "name") : (trib_str){0};
    fprintf(out, "%s%.*s%s: %" PRId64 " databases, %" PRId64 " bytes", running ? "running, at " : "done",
            TRIB_STR_ARG(name), flag_of(status, "stopped") ? " (stopped)" : "", number_of(status, "databases"),
            number_of(status, "bytes"));
    fprintf(out,
            "; damaged %" PRId64 ", other findings %" PRId64 ", tables skipped %" PRId64 ", not readable %" PRId64 "\n",
            number_of(status, "damaged"), number_of(status, "told"), number_of(status, "skipped"),
            number_of(status, "failed"));
}

static void rest(int ms) {
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

/* Until it has ended; *ret is the last answer. */
static trib_code wait_for_end(trib_admin *admin, const trib_json **ret, trib_error *err) {
    trib_code code = TRIB_OK;
    while (code == TRIB_OK && flag_of(*ret, "running")) {
        rest(POLL_MS);
        trib_arena_reset(&admin->arena);
        code = trib_admin_call(admin, "GET", "v1/scrub", NULL, ret, err);
    }
    return code;
}

static trib_code check_words(const trib_cli *cli, trib_error *err) {
    bool asks = trib_cli_has(cli, "status") || trib_cli_has(cli, "stop");
    bool all = trib_cli_has(cli, "all");
    if (asks && (all || cli->arg_count))
        return trib_error_set(err, TRIB_USAGE, "--status and --stop take no tenant and no --all");
    if (!asks && all == (cli->arg_count > 0))
        return trib_error_set(err, TRIB_USAGE, "name a tenant, or give --all; `trib scrub --help` has examples");
    return TRIB_OK;
}

static int run_scrub(trib_cli *cli) {
    bool asks = trib_cli_has(cli, "status") || trib_cli_has(cli, "stop");
    const trib_json *status = NULL;
    trib_admin admin = {.cli = cli};
    trib_error err;
    trib_buf body;
    trib_buf_init(&body, BODY_MAX_BYTES);
    trib_code code = check_words(cli, &err);
    if (code == TRIB_OK) code = make_body(cli, &body, &err);
    if (code != TRIB_OK) {
        trib_buf_deinit(&body);
        return trib_cli_fail(cli, &err);
    }
    code = trib_admin_open(&admin, cli, &err);
    const char *method = trib_cli_has(cli, "stop") ? "DELETE" : asks ? "GET" : "POST";
    if (code == TRIB_OK) code = trib_admin_call(&admin, method, "v1/scrub", asks ? NULL : &body, &status, &err);
    if (code == TRIB_OK && !asks && !trib_cli_has(cli, "no-wait")) code = wait_for_end(&admin, &status, &err);
    bool found = false;
    if (code == TRIB_OK) {
        found = number_of(status, "damaged") > 0;
        if (cli->json) trib_admin_print_json(cli->out, status);
        else print_status(&admin, status);
    }
    trib_buf_deinit(&body);
    int exit_status = trib_tenant_finish(&admin, code, &err);
    return exit_status == TRIB_EXIT_OK && found ? TRIB_EXIT_FOUND : exit_status;
}

static const trib_cli_option scrub_options[] = {
    {"all", NULL, "every database of the server"},
    {"after", "TENANT", "with --all: only names behind this one, to go on where a scrub was stopped"},
    {"rate", "SIZE", "bytes a second; 0: as fast as the disk; else the server's scrub_rate"},
    {"no-wait", NULL, "start it and return; --status shows how far it is"},
    {"status", NULL, "show the scrub under way, or the last one"},
    {"stop", NULL, "end the scrub under way"},
    TRIB_ADMIN_OPTIONS,
};

static const trib_cli_example scrub_examples[] = {
    {"trib scrub acme", "reads and checks one tenant's database while it is in use"},
    {"trib scrub --all --rate 32MiB", "all of them, at most 32 MiB a second"},
    {"trib scrub --status", "how far it is, and what was found"},
};

extern const trib_cli_command trib_cmd_scrub;
const trib_cli_command trib_cmd_scrub = {
    .name = "scrub",
    .args = "[TENANT]",
    .summary = "Read databases and check that they are whole",
    .description = "Reads every page and has SQLite check every tree, a piece at a time, while the server serves. A "
                   "damaged database\n"
                   "is taken out of service (`trib quarantine`), the others go on. The server does it by itself every "
                   "scrub_every\n"
                   "(7 days). A scrub goes on after a restart of the server; interrupting this command does not end it "
                   "(--stop does).\n"
                   "Kinds: damaged: out of service now. index: an index does not fit its table; REINDEX mends it. "
                   "skipped: a table\n"
                   "could not be checked under the writes of this time. failed: the database could not be read now.\n"
                   "Status 7: damage was found.",
    .options = scrub_options,
    .option_count = sizeof scrub_options / sizeof *scrub_options,
    .examples = scrub_examples,
    .example_count = sizeof scrub_examples / sizeof *scrub_examples,
    .max_args = 1,
    .run = run_scrub,
};

/* ---- quarantine ---- */

static void print_row(trib_admin *admin, const trib_json *row) {
    trib_str since = trib_admin_text(admin, row, "since");
    fprintf(admin->cli->out, "%-24.*s %-24.*s %-16.*s %.*s\n", TRIB_STR_ARG(trib_admin_text(admin, row, "name")),
            TRIB_STR_ARG(since.len ? since : TRIB_STR("-")), TRIB_STR_ARG(trib_admin_text(admin, row, "damage")),
            TRIB_STR_ARG(trib_admin_text(admin, row, "reason")));
}

static trib_code list_pages(trib_admin *admin, uint64_t *ret_count, trib_error *err) {
    char path[TRIB_REMOTE_URL_BYTES] = "v1/quarantine";
    bool more = true;
    while (more) {
        const trib_json *page = NULL;
        trib_arena_reset(&admin->arena);
        trib_code code = trib_admin_call(admin, "GET", path, NULL, &page, err);
        if (code != TRIB_OK) return code;
        const trib_json *row = trib_json_first(trib_json_get(page, "quarantined"));
        for (; row; row = trib_json_next(row), ++*ret_count) {
            if (!admin->cli->json) {
                if (!*ret_count)
                    fprintf(admin->cli->out, "%-24s %-24s %-16s %s\n", "TENANT", "SINCE", "DAMAGE", "REASON");
                print_row(admin, row);
                continue;
            }
            if (*ret_count) fputs(",", admin->cli->out);
            trib_admin_print_json(admin->cli->out, row);
        }
        trib_str next = trib_admin_text(admin, page, "next_cursor"); /* a name: nothing to percent-code */
        more = next.len > 0;
        snprintf(path, sizeof path, "v1/quarantine?cursor=%.*s", TRIB_STR_ARG(next));
    }
    return TRIB_OK;
}

static int run_list(trib_cli *cli) {
    uint64_t count = 0;
    trib_admin admin;
    trib_error err;
    trib_code code = trib_admin_open(&admin, cli, &err);
    if (code == TRIB_OK && cli->json) fputs("[", cli->out);
    if (code == TRIB_OK) code = list_pages(&admin, &count, &err);
    if (code == TRIB_OK && cli->json) fputs("]\n", cli->out);
    else if (code == TRIB_OK && !count) fputs("no database is out of service\n", cli->out);
    return trib_tenant_finish(&admin, code, &err);
}

static int run_show(trib_cli *cli) {
    const trib_json *row = NULL;
    trib_admin admin;
    trib_error err;
    trib_code code = trib_admin_open(&admin, cli, &err);
    if (code == TRIB_OK)
        code = trib_admin_call(&admin, "GET", trib_admin_path(&admin, cli->args[0], "/quarantine"), NULL, &row, &err);
    trib_str id = code == TRIB_OK ? trib_admin_text(&admin, row, "id") : (trib_str){0};
    if (code == TRIB_OK) trib_tenant_print(&admin, row);
    if (id.len == 32 && !cli->json)
        fprintf(cli->out, "%-20s db/%.2s/%.2s/%.*s.db and its -wal, below the data folder\n", "files", id.ptr,
                id.ptr + 2, TRIB_STR_ARG(id));
    return trib_tenant_finish(&admin, code, &err);
}

static int run_release(trib_cli *cli) {
    const trib_json *row = NULL;
    trib_admin admin;
    trib_error err;
    trib_buf body;
    trib_buf_init(&body, BODY_MAX_BYTES);
    trib_buf_add_c(&body, trib_cli_has(cli, "unchecked") ? "{\"unchecked\":true}" : "{}");
    trib_code code = trib_admin_open(&admin, cli, &err);
    admin.remote.timeout_ms = RELEASE_TIMEOUT_MS;
    if (code == TRIB_OK)
        code = trib_admin_call(&admin, "POST", trib_admin_path(&admin, cli->args[0], "/quarantine/release"), &body,
                               &row, &err);
    if (code == TRIB_OK && cli->json) trib_admin_print_json(cli->out, row);
    else if (code == TRIB_OK) fprintf(cli->out, "%s is in service\n", cli->args[0]);
    trib_buf_deinit(&body);
    return trib_tenant_finish(&admin, code, &err);
}

static const trib_cli_option admin_options[] = {TRIB_ADMIN_OPTIONS};
static const trib_cli_option release_options[] = {
    {"unchecked", NULL, "do not read and check the database first; for a very large one"}, TRIB_ADMIN_OPTIONS};

static const trib_cli_example list_examples[] = {
    {"trib quarantine list", "tenants whose database is damaged and out of service"},
};
static const trib_cli_example show_examples[] = {
    {"trib quarantine show acme", "what was found, when, and where the files are"},
};
static const trib_cli_example release_examples[] = {
    {"trib quarantine release acme", "after good files were put in place: checks them, then serves the tenant again"},
};

extern const trib_cli_command trib_cmd_quarantine_list, trib_cmd_quarantine_show, trib_cmd_quarantine_release;

const trib_cli_command trib_cmd_quarantine_list = {
    .name = "quarantine list",
    .args = "",
    .summary = "List databases that are damaged and out of service",
    .options = admin_options,
    .option_count = sizeof admin_options / sizeof *admin_options,
    .examples = list_examples,
    .example_count = 1,
    .run = run_list,
};

const trib_cli_command trib_cmd_quarantine_show = {
    .name = "quarantine show",
    .args = "TENANT",
    .summary = "Show why a database is out of service, and where its files are",
    .options = admin_options,
    .option_count = sizeof admin_options / sizeof *admin_options,
    .examples = show_examples,
    .example_count = 1,
    .min_args = 1,
    .max_args = 1,
    .run = run_show,
};

const trib_cli_command trib_cmd_quarantine_release = {
    .name = "quarantine release",
    .args = "TENANT",
    .summary = "Check a database that was mended, and put it into service again",
    .description =
        "Reads and checks all of the files that lie there now; what is still damaged stays out of service. The page\n"
        "map is thrown away, since the files may be of another time. docs/how-to/damaged-database.md tells the rest.",
    .options = release_options,
    .option_count = sizeof release_options / sizeof *release_options,
    .examples = release_examples,
    .example_count = 1,
    .min_args = 1,
    .max_args = 1,
    .run = run_release,
};
