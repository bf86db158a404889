/* SPDX-License-Identifier: Apache-2.0 */
/* What a principal may do: the only door to a tenant; see tenant.h and auth.h. Asked with every request, so that what
 * has changed since a token was verified counts at once.
 *
 *   token by our key        `id`: `gen` is the tenant's token epoch. `p`: a list means those that had the names then
 *   by an imported key      it has no `gen`: `iat` must be later than the last revocation of the tenant, and for a key
 *                           that is not the tenant's own not earlier than its name (docs/decisions/0007) */
#include <string.h>

#include "core/auth_int.h"
#include "wire/tenant_name.h"

/* named: names other than "*" count. all: "*" does. */
static bool lists(const trib_jwt_scope *scope, trib_str name, bool named, bool all) {
    for (size_t i = 0; i < scope->ns_count; i++) {
        bool is_all = trib_str_eq_c(scope->ns[i], "*");
        if (is_all ? all : named && trib_str_eq(scope->ns[i], name)) return true;
    }
    return false;
}

/* Whether the tenant is the one that the issuer knew by its name. Whoever gave a tenant its own key meant that one. */
static bool knew_name(const trib_auth_claims *own, const trib_tenant *tenant) {
    const trib_jwt_claims *jwt = &own->jwt;
    int64_t named_ms = atomic_load(&tenant->named_ms);
    if (!own->imported) return (jwt->has_gen ? jwt->gen : 0) >= named_ms;
    if (own->tenant_key || trib_tenant_get(tenant, TRIB_TENANT_OLD_TOKENS)) return true;
    return jwt->has_iat && jwt->iat_s >= named_ms / 1000;
}

/* An imported key opens no database of the server itself: nobody who signs with it can have meant one. */
static bool key_counts(const trib_auth_claims *own, const trib_tenant *tenant) {
    const char *key = tenant->jwt_key;
    if (!own->imported) return true;
    if (tenant->system) return false;
    return own->tenant_key ? own->tenant_key == key && strcmp(own->tenant_id, tenant->id) == 0 : !key[0];
}

/* What the claims allow on a tenant: 0 nothing, 1 read, 2 write. A token for several tenants means those that had the
 * names when it was made, not one that got such a name later; only our "*" is for later ones too. */
static int claims_level(const trib_auth_claims *own, const trib_tenant *tenant) {
    const trib_jwt_claims *jwt = &own->jwt;
    trib_str name = trib_str_c(tenant->name);
    if (!key_counts(own, tenant)) return 0;
    if (!jwt->has_p) {
        if (!trib_str_eq(jwt->id, name)) return 0;
        return jwt->a == TRIB_JWT_ACCESS_RW ? 2 : jwt->a == TRIB_JWT_ACCESS_NONE ? 0 : 1;
    }
    const trib_jwt_scope *p = jwt->p;
    bool named = knew_name(own, tenant), all = !own->imported;
    if (lists(&p[TRIB_JWT_RIGHT_RW], name, named, all) || lists(&p[TRIB_JWT_RIGHT_RWA], name, named, all)) return 2;
    return lists(&p[TRIB_JWT_RIGHT_RO], name, named, all) || lists(&p[TRIB_JWT_RIGHT_ROA], name, named, all) ||
                   lists(&p[TRIB_JWT_RIGHT_DDL], name, named, all)
               ? 1
               : 0;
}

/* Was the token made before all tokens of the tenant were revoked, or before there was this tenant? */
static trib_code check_age(const trib_auth_claims *own, const trib_tenant *tenant, int64_t now_ms, trib_error *err) {
    const trib_jwt_claims *jwt = &own->jwt;
    if (!own->imported) {
        if (jwt->has_p || (jwt->has_gen ? jwt->gen : 0) == (int64_t)atomic_load(&tenant->token_epoch)) return TRIB_OK;
        return trib_error_set(err, TRIB_AUTH_JWT_INVALID, "The JWT was revoked; ask for a new one");
    }
    /* a time to come would outlive revocations */
    if (jwt->has_iat && jwt->iat_s > now_ms / 1000 + TRIB_JWT_LEEWAY_S)
        return trib_error_set(
            err, TRIB_AUTH_JWT_IMMATURE,
            "The JWT says that it was made in the future (iat); check the clocks of issuer and server");
    int64_t revoked_ms = atomic_load(&tenant->revoked_ms);
    if (revoked_ms && !(jwt->has_iat && jwt->iat_s > revoked_ms / 1000))
        return trib_error_set(err, TRIB_AUTH_JWT_INVALID,
                              "The JWT was revoked, or does not say when it was made; ask for a new one with the claim "
                              "iat");
    if (knew_name(own, tenant)) return TRIB_OK;
    return trib_error_set(
        err, TRIB_AUTH_JWT_INVALID,
        "The JWT is older than the tenant of this name, or does not say when it was made; ask for a new one with the "
        "claim iat, or let its operator set old_tokens");
}

trib_code trib_auth_not_found(trib_str name, trib_error *err) {
    return trib_error_set(err, TRIB_TENANT_NOT_FOUND, "Namespace `%.*s` doesn't exist, or the token may not see it",
                          TRIB_STR_ARG(trib_str_sub(name, 0, TRIB_TENANT_NAME_BYTES)));
}

static trib_code blocked(const trib_tenant *tenant, const char *what, trib_error *err) {
    const char *reason = tenant->block_reason;
    if (reason[0]) return trib_error_set(err, TRIB_BLOCKED, "Operation was blocked: %s", reason);
    return trib_error_set(err, TRIB_BLOCKED, "Operation was blocked: %s of \"%s\" are switched off", what,
                          tenant->name);
}

trib_code trib_may(const trib_principal *principal, const trib_tenant *tenant, trib_action action, int64_t now_ms,
                   trib_error *err) {
    trib_str name = trib_str_c(tenant->name);
    if (atomic_load(&tenant->deleted)) return trib_auth_not_found(name, err);
    if (action == TRIB_ACTION_ADMIN) return principal->admin ? TRIB_OK : trib_error_set(err, TRIB_FORBIDDEN, NULL);
    if (!principal->everything) {
        const trib_auth_claims *own = principal->claims;
        int level = own ? claims_level(own, tenant) : 0;
        if (level == 0) return trib_auth_not_found(name, err);
        if (principal->expires_ms && now_ms > principal->expires_ms)
            return trib_error_set(err, TRIB_AUTH_JWT_EXPIRED, "The JWT has expired");
        trib_code code = check_age(own, tenant, now_ms, err);
        if (code != TRIB_OK) return code;
        if (action == TRIB_ACTION_WRITE && level < 2) {
            return trib_error_set(err, TRIB_FORBIDDEN, "Current session doesn't have Write permission to namespace %s",
                                  tenant->name);
        }
    }
    if (trib_tenant_get(tenant, TRIB_TENANT_BLOCK_READS)) return blocked(tenant, "reads", err);
    if (action == TRIB_ACTION_WRITE && trib_tenant_get(tenant, TRIB_TENANT_BLOCK_WRITES))
        return blocked(tenant, "writes", err);
    return TRIB_OK;
}
