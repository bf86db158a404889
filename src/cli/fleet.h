/* SPDX-License-Identifier: Apache-2.0 */
/* The tenants of a server as a shell sees them: their names by pattern, where each is, and a token for it. All of it
 * comes from the admin API, found as every command finds it (cli/admin.h). */
#ifndef TRIB_CLI_FLEET_H
#define TRIB_CLI_FLEET_H

#include "cli/admin.h"

enum { TRIB_FLEET_PAGE = 1000 /* the most that the admin API gives at once */ };

typedef struct trib_fleet {
    trib_admin admin;
    char url[TRIB_SERVER_FILE_URL_BYTES]; /* the server's own, with its slash; empty: ask the admin API for each */
    char tls_pin[TRIB_TLS_PIN_BYTES];     /* of that server; for trib_remote_set_pin, "" for none */
} trib_fleet;

typedef struct trib_names {
    trib_str *items; /* in the arena that they were read into */
    size_t count;
} trib_names;

/* Errors: as trib_admin_open. Owns: trib_fleet_close, also after an error. */
trib_code trib_fleet_open(trib_fleet *fleet, trib_cli *cli, trib_error *err);
void trib_fleet_close(trib_fleet *fleet);

/* Where a tenant is. Errors: TENANT_NOT_FOUND, CONNECT when only a socket file leads to it, and trib_admin_call's. */
trib_code trib_fleet_url(trib_fleet *fleet, const char *name, char ret_url[TRIB_REMOTE_URL_BYTES], trib_error *err);
/* A token that reads and writes: for one tenant, or for all with name NULL; good for `expires`. Lives in the admin's
 * arena until the next call. */
trib_code trib_fleet_token(trib_fleet *fleet, const char *name, const char *expires, trib_str *ret, trib_error *err);
/* The tenants that `patterns` names: names and patterns with * ? [a-z] with commas between, in the server's order, each
 * once; a plain name is in the list also when there is no such tenant, so that using it says so. Patterns leave the
 * system databases out. */
trib_code trib_fleet_find(trib_fleet *fleet, trib_str patterns, trib_arena *arena, trib_names *ret, trib_error *err);

/* The tenants whose names begin so, for completion: at most a page of them, the system databases too. */
trib_code trib_fleet_begin(trib_fleet *fleet, trib_str prefix, trib_arena *arena, trib_names *ret, trib_error *err);

/* ---- the pure part, for tests ---- */

/* Does the name fit one of the patterns? is_system: only a plain name fits. */
bool trib_fleet_fits(trib_str patterns, trib_str name, bool is_system);

#endif
