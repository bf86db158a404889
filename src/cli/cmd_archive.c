/* SPDX-License-Identifier: Apache-2.0 */
/* trib stream archive | restore, trib archive status | verify: over the admin API of a running server. */
#include <inttypes.h>
#include <time.h>

#include "cli/admin.h"
#include "cli/tenant.h"
#include "wire/url.h"

enum {
    POLL_MS = 100,
    WAIT_MS = 60 * 1000, /* for an archive that hangs; it goes on by itself */
    PATH_BYTES = 4096,
    CALL_TIMEOUT_MS = 600 * 1000 /* a page of objects, from a slow store */
};

static int64_t number_of(const trib_json *object, const char *key) {
    int64_t value = 0;
    (void)trib_json_i64(trib_json_get(object, key), &value);
    return value;
}

static void rest(void) {
    struct timespec time = {.tv_nsec = (long)POLL_MS * 1000000};
    nanosleep(&time, NULL);
}

/* "v1/archive/<word><sign><text, percent-coded><behind>". */
static void make_path(trib_buf *path, const char *before, trib_str text, const char *behind) {
    trib_buf_clear(path);
    trib_buf_add_c(path, before);
    trib_percent_encode(text, path);
    trib_buf_add_c(path, behind);
    trib_buf_add_char(path, '\0');
}

/* ---- stream archive ---- */

static void print_stream(trib_admin *admin, const trib_json *row) {
    trib_str why = trib_admin_text(admin, row, "why");
    if (admin->cli->json) {
        trib_admin_print_json(admin->cli->out, row);
        return;
    }
    fprintf(admin->cli->out, "%.*s: %.*s, object %.*s%s%.*s\n", TRIB_STR_ARG(trib_admin_text(admin, row, "streamId")),
            TRIB_STR_ARG(trib_admin_text(admin, row, "state")), TRIB_STR_ARG(trib_admin_text(admin, row, "key")),
            why.len ? ": " : "", TRIB_STR_ARG(why));
}

static bool is_under_way(trib_admin *admin, const trib_json *row) {
    trib_str state = trib_admin_text(admin, row, "state");
    return trib_str_eq_c(state, "waiting") || trib_str_eq_c(state, "archiving");
}

static trib_code archive_stream(trib_admin *admin, const char *id, bool wait, bool *ret_stopped, trib_error *err) {
    const trib_json *row = NULL;
    trib_buf path, body;
    trib_buf_init(&path, PATH_BYTES);
    trib_buf_init(&body, 16);
    trib_buf_add_c(&body, "{}");
    make_path(&path, "v1/archive/streams/", trib_str_c(id), "");
    trib_code code = path.failed ? trib_error_set(err, TRIB_NOMEM, NULL)
                                 : trib_admin_call(admin, "POST", path.ptr, &body, &row, err);
    for (int left = wait ? WAIT_MS / POLL_MS : 0; code == TRIB_OK && left > 0 && is_under_way(admin, row); left--) {
        rest();
        trib_arena_reset(&admin->arena);
        code = trib_admin_call(admin, "GET", path.ptr, NULL, &row, err);
    }
    if (code == TRIB_OK) {
        print_stream(admin, row);
        *ret_stopped |= wait && !trib_str_eq_c(trib_admin_text(admin, row, "state"), "archived");
    }
    trib_buf_deinit(&path);
    trib_buf_deinit(&body);
    return code;
}

static int run_archive(trib_cli *cli) {
    trib_admin admin;
    trib_error err;
    bool stopped = false;
    trib_code code = trib_admin_open(&admin, cli, &err);
    for (unsigned i = 0; code == TRIB_OK && i < cli->arg_count; i++)
        code = archive_stream(&admin, cli->args[i], !trib_cli_has(cli, "no-wait"), &stopped, &err);
    int exit_status = trib_tenant_finish(&admin, code, &err);
    return exit_status == TRIB_EXIT_OK && stopped ? TRIB_EXIT_FAILURE : exit_status;
}

static const trib_cli_option archive_options[] = {
    {"no-wait", NULL, "ask for it and return; the server goes on by itself"},
    TRIB_ADMIN_OPTIONS,
};

static const trib_cli_example archive_examples[] = {
    {"trib stream archive ord-5001", "closes the stream, moves it into the archive, and waits until it is there"},
};

extern const trib_cli_command trib_cmd_stream_archive;
const trib_cli_command trib_cmd_stream_archive = {
    .name = "stream archive",
    .args = "STREAM...",
    .summary = "Close streams and move them into the archive",
    .description = "The events become one object, are read back and compared, and then leave the database. Everybody "
                   "who could read\n"
                   "the stream reads the same at the same URL. Status 1: it has stopped, or takes longer than a "
                   "minute; the line says why.",
    .options = archive_options,
    .option_count = sizeof archive_options / sizeof *archive_options,
    .examples = archive_examples,
    .example_count = sizeof archive_examples / sizeof *archive_examples,
    .min_args = 1,
    .max_args = TRIB_CLI_ARGS_MAX,
    .run = run_archive,
};

/* ---- stream restore ---- */

static int run_restore(trib_cli *cli) {
    const trib_json *row = NULL;
    trib_admin admin;
    trib_error err;
    trib_buf path, body;
    trib_buf_init(&path, PATH_BYTES);
    trib_buf_init(&body, 16);
    trib_buf_add_c(&body, "{}");
    make_path(&path, "v1/archive/streams/", trib_str_c(cli->args[0]), "/restore");
    trib_code code = trib_admin_open(&admin, cli, &err);
    admin.remote.timeout_ms = CALL_TIMEOUT_MS;
    if (code == TRIB_OK) code = trib_admin_call(&admin, "POST", path.ptr, &body, &row, &err);
    if (code == TRIB_OK) print_stream(&admin, row);
    trib_buf_deinit(&path);
    trib_buf_deinit(&body);
    return trib_tenant_finish(&admin, code, &err);
}

static const trib_cli_option admin_options[] = {TRIB_ADMIN_OPTIONS};

static const trib_cli_example restore_examples[] = {
    {"trib stream restore ord-5001", "the events are in the database again, for SQL; the stream stays closed"},
};

extern const trib_cli_command trib_cmd_stream_restore;
const trib_cli_command trib_cmd_stream_restore = {
    .name = "stream restore",
    .args = "STREAM",
    .summary = "Put the events of an archived stream back into the database",
    .description = "The object stays where it is. `trib stream archive` moves the stream out again.",
    .options = admin_options,
    .option_count = sizeof admin_options / sizeof *admin_options,
    .examples = restore_examples,
    .example_count = sizeof restore_examples / sizeof *restore_examples,
    .min_args = 1,
    .max_args = 1,
    .run = run_restore,
};

/* ---- archive status ---- */

static void print_troubles(trib_admin *admin, const trib_json *status, const char *key) {
    const trib_json *row = trib_json_first(trib_json_get(status, key));
    for (; row; row = trib_json_next(row)) {
        trib_str why = trib_admin_text(admin, row, "why");
        fprintf(admin->cli->out, "%s %.*s%s%.*s\n", key, TRIB_STR_ARG(trib_admin_text(admin, row, "streamId")),
                why.len ? ": " : "", TRIB_STR_ARG(why));
    }
}

static int run_status(trib_cli *cli) {
    const trib_json *status = NULL;
    trib_admin admin;
    trib_error err;
    trib_code code = trib_admin_open(&admin, cli, &err);
    if (code == TRIB_OK) code = trib_admin_call(&admin, "GET", "v1/archive", NULL, &status, &err);
    if (code == TRIB_OK && cli->json) trib_admin_print_json(cli->out, status);
    else if (code == TRIB_OK) {
        fprintf(cli->out, "archive in %.*s: %" PRId64 " streams wait, %" PRId64 " have stopped\n",
                TRIB_STR_ARG(trib_admin_text(&admin, status, "where")), number_of(status, "backlog"),
                number_of(status, "alarms"));
        print_troubles(&admin, status, "stopped");
        print_troubles(&admin, status, "waiting");
    }
    return trib_tenant_finish(&admin, code, &err);
}

static const trib_cli_example status_examples[] = {
    {"trib archive status", "where the archive is, what waits, and why something has stopped"},
};

extern const trib_cli_command trib_cmd_archive_status;
const trib_cli_command trib_cmd_archive_status = {
    .name = "archive status",
    .args = "",
    .summary = "Show the backlog of the archive and what has stopped",
    .options = admin_options,
    .option_count = sizeof admin_options / sizeof *admin_options,
    .examples = status_examples,
    .example_count = sizeof status_examples / sizeof *status_examples,
    .run = run_status,
};

/* ---- archive verify ---- */

typedef struct totals {
    int64_t checked, bytes, problems, unknown;
} totals;

static void print_problems(trib_admin *admin, const trib_json *page, totals *t) {
    const trib_json *row = trib_json_first(trib_json_get(page, "problems"));
    for (; row; row = trib_json_next(row), t->problems++)
        if (admin->cli->json) trib_admin_print_json(admin->cli->out, row);
        else
            fprintf(admin->cli->out, "%.*s: %.*s\n", TRIB_STR_ARG(trib_admin_text(admin, row, "streamId")),
                    TRIB_STR_ARG(trib_admin_text(admin, row, "why")));
    t->checked += number_of(page, "checked");
    t->bytes += number_of(page, "bytes");
}

static void print_unknown(trib_admin *admin, const trib_json *page, totals *t) {
    const trib_json *key = trib_json_first(trib_json_get(page, "unknown"));
    for (; key; key = trib_json_next(key), t->unknown++) {
        trib_str text = {0};
        (void)trib_json_str(key, &text);
        if (!admin->cli->json) fprintf(admin->cli->out, "%.*s: belongs to no stream\n", TRIB_STR_ARG(text));
    }
}

static trib_code walk_pages(trib_admin *admin, const char *route,
                            void (*print)(trib_admin *, const trib_json *, totals *), totals *t, trib_error *err) {
    trib_code code = TRIB_OK;
    trib_buf path, next;
    trib_buf_init(&path, PATH_BYTES);
    trib_buf_init(&next, PATH_BYTES);
    for (bool more = true; code == TRIB_OK && more;) {
        const trib_json *page = NULL;
        make_path(&path, route, trib_buf_str(&next), "");
        trib_arena_reset(&admin->arena);
        code = path.failed ? trib_error_set(err, TRIB_NOMEM, NULL)
                           : trib_admin_call(admin, "GET", path.ptr, NULL, &page, err);
        if (code != TRIB_OK) break;
        print(admin, page, t);
        trib_buf_clear(&next);
        trib_buf_add(&next, trib_admin_text(admin, page, "next"));
        more = next.len > 0;
    }
    trib_buf_deinit(&path);
    trib_buf_deinit(&next);
    return code;
}

static int run_verify(trib_cli *cli) {
    totals t = {0};
    trib_admin admin;
    trib_error err;
    trib_code code = trib_admin_open(&admin, cli, &err);
    admin.remote.timeout_ms = CALL_TIMEOUT_MS;
    if (code == TRIB_OK) code = walk_pages(&admin, "v1/archive/verify?after=", print_problems, &t, &err);
    if (code == TRIB_OK) code = walk_pages(&admin, "v1/archive/unknown?after=", print_unknown, &t, &err);
    if (code == TRIB_OK)
        fprintf(cli->out,
                cli->json ? "{\"objects\":%" PRId64 ",\"bytes\":%" PRId64 ",\"problems\":%" PRId64
                            ",\"unknown\":%" PRId64 "}\n"
                          : "%" PRId64 " objects, %" PRId64 " bytes; %" PRId64 " damaged or missing, %" PRId64
                            " of no stream\n",
                t.checked, t.bytes, t.problems, t.unknown);
    int exit_status = trib_tenant_finish(&admin, code, &err);
    return exit_status == TRIB_EXIT_OK && t.problems ? TRIB_EXIT_FOUND : exit_status;
}

static const trib_cli_example verify_examples[] = {
    {"trib archive verify", "reads every object of the archive and compares it with its stream"},
};

extern const trib_cli_command trib_cmd_archive_verify;
const trib_cli_command trib_cmd_archive_verify = {
    .name = "archive verify",
    .args = "",
    .summary = "Read every object of the archive and check it",
    .description = "Each archived stream's object must be there, with the size, SHA-256 and hash chain that the "
                   "database has. Objects that\n"
                   "belong to no stream are named; they are left where they are. Status 7: an object is damaged or "
                   "missing.",
    .options = admin_options,
    .option_count = sizeof admin_options / sizeof *admin_options,
    .examples = verify_examples,
    .example_count = sizeof verify_examples / sizeof *verify_examples,
    .run = run_verify,
};
