/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands `trib tenant ...` share. */
#ifndef TRIB_CLI_TENANT_H
#define TRIB_CLI_TENANT_H

#include "cli/admin.h"

enum { TRIB_TENANT_BODY_BYTES = 64 * 1024 }; /* of a request: as much as the server takes */

/* Closes, says what went wrong if anything did, and gives the exit status. */
int trib_tenant_finish(trib_admin *admin, trib_code code, const trib_error *err);
/* A line for each member of the object, or with --json the object. */
void trib_tenant_print(trib_admin *admin, const trib_json *object);

#endif
