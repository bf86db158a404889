/* SPDX-License-Identifier: Apache-2.0 */
/* One database as the shell talks to it: a tenant over Hrana, in one session, or a file that no server has open. */
#ifndef TRIB_CLI_LINK_H
#define TRIB_CLI_LINK_H

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/sql.h"
#include "server/local_file.h"

typedef struct trib_link {
    trib_http_client *http;
    trib_remote db;
    trib_sql_session session;
    trib_local_file local; /* instead of db and session, when a file was named */
} trib_link;

/* {0} with local.lock_fd = -1: a link that is not open. */
#define TRIB_LINK_NONE ((trib_link){.local = {.lock_fd = -1}})

/* target: a URL as it is; what has a slash or a dot is a file; else a tenant of the server that the admin options or
 * the data folder name, with a token made for this shell. token NULL: TRIB_TOKEN, or that one. interrupt: cancels what
 * runs; borrowed for the link's life.
 * Owns: trib_link_close, also after an error. Errors: those of what is opened; USAGE. */
trib_code trib_link_open(trib_link *link, trib_cli *cli, const char *target, const char *token,
                         trib_interrupt *interrupt, trib_error *err);
/* Rolls back what is open. Takes one that is not open. */
void trib_link_close(trib_link *link, trib_arena *arena);

/* One statement to its end. Errors: as trib_sql_execute and trib_plain_file_execute; CANCELLED. */
trib_code trib_link_execute(trib_link *link, const trib_sql_stmt *stmt, trib_arena *arena, trib_sql_rows *ret,
                            trib_error *err);
/* The same, but beside the session of a server: sees what is committed, and leaves the session alone. */
trib_code trib_link_look(trib_link *link, const trib_sql_stmt *stmt, trib_arena *arena, trib_sql_rows *ret,
                         trib_error *err);

/* True for what trib_link_open takes as a file: no tenant's name has a slash or a dot. */
bool trib_link_is_file(const char *target);

#endif
