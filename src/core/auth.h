/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asking, and for which tenant: the only door between a request's head and a tenant. ARCHITECTURE.md, "Who is
 * asking".
 *
 *   net: path, host, headers --query--> trib_auth_resolve --> tenant (a reference) + principal (never NULL)
 *                                            └ TRIB_AGAIN: the tenant must be loaded or made first
 *                                              --> trib_auth_resolve_async, a worker does it, `resolved` comes on the
 *                                               loop */
#ifndef TRIB_CORE_AUTH_H
#define TRIB_CORE_AUTH_H

#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "core/app.h"
#include "core/control.h"
#include "core/http.h"
#include "core/job.h"

/* The last token of a connection and whom it named, so that the next request with the same one costs no hashing. What
 * may change is asked anew each time: signing keys, expiry, the tenant's token epoch. Begins zeroed. Thread: the
 * connection's loop. */
typedef struct trib_auth_memo {
    trib_principal *principal;
    uint64_t generation; /* of the signing keys */
    char *token;
    size_t token_len, token_cap;
} trib_auth_memo;
void trib_auth_memo_deinit(trib_auth_memo *memo);

/* What a request says about itself. Strings are borrowed; an absent header has ptr NULL. */
typedef struct trib_auth_query {
    trib_auth_class auth_class; /* of the route that was found behind the tenant prefix, if there is one */
    trib_listener_kind listener;
    trib_str path; /* decoded, "//" collapsed, with the tenant prefix */
    trib_str host; /* as sent, with the port */
    trib_str x_namespace, x_namespace_bin;
    trib_str authorization;
    int64_t now_ms;       /* wall clock: token expiry */
    trib_auth_memo *memo; /* NULL: none */
} trib_auth_query;

/* Splits `path` into the tenant it names and the path behind it: "/acme/v2/pipeline" -> "acme", "/v2/pipeline";
 * "/dev/acme/v2/pipeline" likewise. A path whose first segment is one of the server's own names (trib_auth_own_names)
 * names nobody: *ret_tenant is empty and *ret_rest the path. Both borrow from `path`; the rest starts with '/'. Pure.
 * Thread: any. */
void trib_auth_split_path(trib_str path, trib_str *ret_tenant, trib_str *ret_rest);
/* True for a first segment that is the server's own and therefore never a tenant: route tables may only start with
 * these. */
bool trib_auth_is_own_name(trib_str segment);

/* Names the principal and, for TRIB_AUTH_TENANT and OWN_KEY, the tenant.
 * Owns:   *ret_tenant (NULL for other classes) and *ret_principal are references; trib_auth_release gives them back.
 *         *ret_path_rest borrows from query->path: the path without the tenant prefix.
 * Errors: TRIB_AGAIN: use trib_auth_resolve_async. TENANT_MISSING, TENANT_AMBIGUOUS, TENANT_NOT_FOUND,
 *         TENANT_NAME_INVALID, UNAUTHORIZED, AUTH_*, FORBIDDEN, BLOCKED, NOMEM.
 * Thread: any loop; never blocks. */
trib_code trib_auth_resolve(trib_auth *auth, const trib_auth_query *query, trib_tenant **ret_tenant,
                            trib_principal **ret_principal, trib_str *ret_path_rest, trib_error *err);

/* The same with a worker's help. The caller fills query, home, resolved and owner. */
typedef struct trib_auth_wait trib_auth_wait;
struct trib_auth_wait {
    trib_auth_query query; /* its strings must live until `resolved` */
    trib_home *home;
    void (*resolved)(trib_auth_wait *wait); /* on the home loop, exactly once; the results below are valid then */
    void *owner;
    /* results, as of trib_auth_resolve; code is never TRIB_AGAIN */
    trib_code code;
    trib_error err;
    trib_tenant *tenant;
    trib_principal *principal;
    trib_str path_rest;
    /* private to core/auth.c */
    trib_control_op op;
    trib_auth *auth;
};
/* OK: `resolved` will be called and *wait must live until then. Errors: TOO_MANY_REQUESTS, SHUTTING_DOWN. Thread: a
 * loop. */
trib_code trib_auth_resolve_async(trib_auth *auth, trib_auth_wait *wait, trib_error *err);

/* Errors: NOMEM. */
trib_code trib_auth_new(trib_app *app, trib_auth **ret, trib_error *err);
void trib_auth_free(trib_auth *auth);

/* The tenant of this name, for ATTACH in another one's session.
 * Owns:   *ret is a reference.
 * Errors: as trib_may_attach; TENANT_NOT_FOUND (unknown, the same text as one that may not be seen); SQL_PARSE_ERROR
 *         (no name of a tenant). Thread: any. */
trib_code trib_auth_attach(trib_auth *auth, const trib_principal *principal, trib_str name, int64_t now_ms,
                           trib_tenant **ret, trib_error *err);

/* Gives back what resolve gave; either may be NULL. Thread: any. */
void trib_auth_release(trib_auth *auth, trib_tenant *tenant, trib_principal *principal);

#endif
