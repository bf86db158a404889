/* SPDX-License-Identifier: Apache-2.0 */
/* The syntax of tenant names, the words that are never one, and the tenant label of a host name.
 *
 *   name = [a-z0-9] [a-z0-9_-]{0,63}
 *
 * Lower case only, because host names do not keep case; no dot, because it ends a host label; never a path. */
#ifndef TRIB_WIRE_TENANT_NAME_H
#define TRIB_WIRE_TENANT_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

enum { TRIB_TENANT_NAME_MAX_BYTES = 64 };

/* TRIB_OK if a tenant may have this name: right syntax, not reserved. System databases (see below) pass: they are asked
 * for by name like tenants.
 * Errors: TRIB_TENANT_NAME_INVALID, the message says what is allowed. */
trib_code trib_tenant_name_check(trib_str name, trib_error *err);
bool trib_tenant_name_valid(trib_str name);

/* A word that the server itself serves as first segment of a path, or that clients send unasked. */
bool trib_tenant_name_reserved(trib_str name);
/* A database that the server owns (control, streams, discovery): nobody may create or delete a tenant of this name. */
bool trib_tenant_name_system(trib_str name);

/* The label in front of `domain` in the value of a Host header: "Ali.example.com:8080" under "example.com" is "ali".
 * False: not under the domain, more than one label in front, too long. The label's syntax is not checked.
 * Owns: *ret points into `out`. */
bool trib_tenant_host_label(trib_str host, trib_str domain, char out[TRIB_TENANT_NAME_MAX_BYTES], trib_str *ret);

#endif
