/* SPDX-License-Identifier: Apache-2.0 */
/* trib serve: runs the server in the foreground until SIGTERM or Ctrl-C. */
#include <unistd.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "server/serve.h"
#include "wire/json.h"

enum { READY_MAX_BYTES = 16 * 1024 };

static void print_url(FILE *out, const char *what, const char *url) {
    if (url) fprintf(out, "%s %s\n", what, url);
}

static void member_url(trib_json_writer *w, const char *key, trib_str url) {
    if (url.len) trib_jw_member_str(w, key, url);
    else trib_jw_member_null(w, key);
}

void trib_cli_print_ready_json(const trib_cli *cli, const char *url, const char *admin_url, const char *tenant) {
    trib_json_writer w;
    trib_buf text, tenant_url;
    trib_buf_init(&text, READY_MAX_BYTES);
    trib_buf_init(&tenant_url, READY_MAX_BYTES);
    if (url && tenant) trib_buf_printf(&tenant_url, "%s%s/", url, tenant);
    trib_jw_init(&w, &text);
    trib_jw_object_begin(&w);
    member_url(&w, "url", trib_str_c(url ? url : ""));
    member_url(&w, "admin_url", trib_str_c(admin_url ? admin_url : ""));
    if (tenant) member_url(&w, "tenant_url", trib_buf_str(&tenant_url));
    trib_jw_object_end(&w);
    fprintf(cli->out, "%.*s\n", TRIB_STR_ARG(trib_buf_str(&text)));
    fflush(cli->out);
    trib_buf_deinit(&tenant_url);
    trib_buf_deinit(&text);
}

static int run_serve(trib_cli *cli) {
    trib_config config;
    trib_error err;
    trib_serving *serving;
    trib_code code = trib_cli_load_config(cli, &config, &err);
    trib_serve_options options = {.config = &config, .as_service = true};
    if (!code) code = trib_serve_start(&options, &serving, &err);
    if (code) {
        trib_config_deinit(&config);
        return trib_cli_fail(cli, &err);
    }
    /* whoever started us reads these lines to learn the ports, and nothing else ever comes on this descriptor */
    const char *url = trib_serve_url(serving, TRIB_LISTENER_USER),
               *admin = trib_serve_url(serving, TRIB_LISTENER_ADMIN);
    if (cli->json) trib_cli_print_ready_json(cli, url, admin, NULL);
    else {
        print_url(cli->out, "listening", url);
        print_url(cli->out, "admin", admin);
    }
    fflush(cli->out);
    /* what is still running cannot be freed: end without exit handlers, everything acknowledged is on disk */
    if (!trib_serve_wait(serving)) _exit(TRIB_EXIT_FAILURE);
    trib_config_deinit(&config);
    return TRIB_EXIT_OK;
}

static const trib_cli_example examples[] = {
    {"trib serve --data /var/lib/trib", "serves on 127.0.0.1:8080; the admin key is in /var/lib/trib/admin.key"},
    {"trib serve --listen 127.0.0.1:0 --admin-listen unix:/run/trib.sock",
     "picks a free port, prints it; operators come by a socket file"},
    {"trib serve --no-auth --log-level debug", "for development: no tokens, each request in the log"},
};

extern const trib_cli_command trib_cmd_serve;
const trib_cli_command trib_cmd_serve = {
    .name = "serve",
    .args = "",
    .summary = "Run the server",
    .description =
        "Prints `listening URL` and `admin URL` on standard output when it is ready (with --json one object); logs go "
        "to\nstandard error.\n"
        "SIGTERM and Ctrl-C drain: nothing new is accepted, requests in flight are answered, then it ends.\n"
        "A second signal ends it at once; nothing that was acknowledged is lost.\n"
        "SIGHUP reads the TLS certificates again. Under systemd it takes the sockets named user and admin from a\n"
        "socket unit, and tells when it is ready, reloads and stops.",
    .examples = examples,
    .example_count = sizeof examples / sizeof *examples,
    .takes_config = true,
    .run = run_serve,
};
