/* SPDX-License-Identifier: Apache-2.0 */
/* What `trib import` and `trib export` share: the server that they talk to, a folder for files on the way, and files
 * sent and fetched over the admin API in pieces.
 *
 * Without a server on the data folder they start one inside this process, on sockets in that private folder: what is
 * written to a stopped server's data goes the same way, with the same checks. */
#ifndef TRIB_CLI_TRANSFER_H
#define TRIB_CLI_TRANSFER_H

#include <limits.h>

#include "cli/fleet.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "server/serve.h"

/* Rows for the option tables. */
#define TRIB_TRANSFER_OPTIONS                                                                                          \
    {"quiet", NULL, "no progress and no notes"}, {                                                                     \
        "temp", "FOLDER", "where files on the way lie, as large as the database (TMPDIR; /var/tmp)"                    \
    }

typedef struct trib_transfer {
    trib_cli *cli;
    trib_fleet fleet; /* fleet.admin is the server */
    trib_interrupt interrupt;
    trib_progress progress;
    trib_config config; /* of a server of our own */
    bool has_config;
    trib_serving *serving;
    char folder[PATH_MAX - 64]; /* private; empty: none yet */
} trib_transfer;

/* Makes the private folder. Owns: trib_transfer_close, also after an error. Errors: IO. */
trib_code trib_transfer_open(trib_transfer *transfer, trib_cli *cli, trib_error *err);
/* The server, found or started. Errors: CONNECT, those of trib_serve_start and trib_admin_open. */
trib_code trib_transfer_connect(trib_transfer *transfer, trib_error *err);
/* Whether connect would find one, or a data folder that was used before. */
bool trib_transfer_can_connect(const trib_transfer *transfer);
/* Says what went wrong if anything did, removes the folder, stops the server; gives the exit status. */
int trib_transfer_close(trib_transfer *transfer, trib_code code, const trib_error *err);
/* The path of a file in the private folder. */
void trib_transfer_path(const trib_transfer *transfer, const char *name, char ret[PATH_MAX]);

/* Makes the file at `path` (whole, as trib_db_copy_fit leaves it) the database of a new tenant. settings: an object in
 * JSON, or NULL. *ret: the tenant, in the admin's arena. Errors: TENANT_EXISTS and the others of the admin API, IO,
 * CANCELLED. */
trib_code trib_transfer_send(trib_transfer *transfer, const char *path, const char *name, const trib_buf *settings,
                             const trib_json **ret, trib_error *err);
/* Writes the database of a tenant to a new file, whole or not at all. Errors: TENANT_NOT_FOUND, IO, CANCELLED. */
trib_code trib_transfer_fetch(trib_transfer *transfer, const char *name, const char *path, trib_error *err);
/* *ret: is there a tenant of this name? */
trib_code trib_transfer_knows(trib_transfer *transfer, const char *name, bool *ret, trib_error *err);

/* Notes, a line each, as "trib: NAME: note". */
void trib_transfer_print_notes(const trib_transfer *transfer, const char *name, const trib_buf *notes);
/* CANCELLED after Ctrl-C. */
trib_code trib_transfer_check(const trib_transfer *transfer, trib_error *err);

#endif
