/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands that talk to the admin API share: finding the server, calling it, showing its answers.
 *
 *   --admin-url and --admin-key, else TRIB_ADMIN_URL and TRIB_ADMIN_KEY, else server.json and admin.key of the data
 *   folder, which is --data, else TRIB_DATA, else ./data */
#ifndef TRIB_CLI_ADMIN_H
#define TRIB_CLI_ADMIN_H

#include "base/arena.h"
#include "cli/cli.h"
#include "cli/remote.h"
#include "server/server_file.h"

/* Rows for the option table of a command that uses this. */
#define TRIB_ADMIN_OPTIONS                                                                                             \
    {"admin-url", "URL", "URL of the admin listener, http://... or unix:PATH (TRIB_ADMIN_URL)"},                       \
        {"admin-key", "KEY", "its key; better by TRIB_ADMIN_KEY, since others see command lines (TRIB_ADMIN_KEY)"}, {  \
        "data", "FOLDER", "without a URL: the data folder of a server on this machine (TRIB_DATA; data)"               \
    }

enum { TRIB_ADMIN_ARENA_BYTES = 256 << 20 };

typedef struct trib_admin {
    trib_cli *cli;
    trib_http_client *http;
    trib_remote remote;
    trib_arena arena; /* of the answers; the caller may reset it between calls */
} trib_admin;

/* Errors: USAGE, CONNECT (no server found), CONFIG, NOMEM. Owns: trib_admin_close, also after an error. */
trib_code trib_admin_open(trib_admin *admin, trib_cli *cli, trib_error *err);
/* The same for a server that is known. */
trib_code trib_admin_open_at(trib_admin *admin, trib_cli *cli, const char *url, const char *key, trib_error *err);
void trib_admin_close(trib_admin *admin);

/* "v1/namespaces/<name><rest>" with the name percent-coded, in the arena; NULL without memory. */
const char *trib_admin_path(trib_admin *admin, const char *name, const char *rest);
/* body NULL: none. *ret NULL: an empty answer. Errors: as trib_remote_call. */
trib_code trib_admin_call(trib_admin *admin, const char *method, const char *path, const trib_buf *body,
                          const trib_json **ret, trib_error *err);

/* The data folder that the options and variables name. Borrowed. */
const char *trib_admin_data_dir(const trib_cli *cli);
/* The value as one line of JSON. */
void trib_admin_print_json(FILE *out, const trib_json *value);
/* A member's text: strings as they are, other values as JSON; "" for an absent one and null. In the arena. */
trib_str trib_admin_text(trib_admin *admin, const trib_json *object, const char *key);

#endif
