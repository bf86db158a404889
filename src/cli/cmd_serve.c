/* SPDX-License-Identifier: Apache-2.0 */
/* trib serve: runs the server in the foreground until SIGTERM or Ctrl-C. */
#include <unistd.h>

#include "cli/cli.h"
#include "server/serve.h"

static void print_url(FILE *out, const char *what, const char *url) {
    if (url) fprintf(out, "%s %s\n", what, url);
}

static int run_serve(trib_cli *cli) {
    trib_config config;
    trib_error err;
    trib_serving *serving;
    trib_code code = trib_cli_load_config(cli, &config, &err);
    trib_serve_options options = {.config = &config};
    if (!code) code = trib_serve_start(&options, &serving, &err);
    if (code) {
        trib_config_deinit(&config);
        return trib_cli_fail(cli, &err);
    }
    /* whoever started us reads these two lines to learn the ports, and nothing else ever comes on this descriptor */
    print_url(cli->out, "listening", trib_serve_url(serving, TRIB_LISTENER_USER));
    print_url(cli->out, "admin", trib_serve_url(serving, TRIB_LISTENER_ADMIN));
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

extern const trib_command trib_cmd_serve;
const trib_command trib_cmd_serve = {
    .name = "serve",
    .args = "",
    .summary = "Run the server",
    .description =
        "Prints `listening URL` and `admin URL` on standard output when it is ready; logs go to standard error.\n"
        "SIGTERM and Ctrl-C drain: nothing new is accepted, requests in flight are answered, then it ends.\n"
        "A second signal ends it at once; nothing that was acknowledged is lost.",
    .examples = examples,
    .example_count = sizeof examples / sizeof *examples,
    .takes_config = true,
    .run = run_serve,
};
