/* SPDX-License-Identifier: Apache-2.0 */
/* Names the principal and the tenant of a request; see auth.h.
 *
 *   1. who:    --no-auth | admin key | token (verified once, then found in the cache by its SHA-256; the one that a
 *              connection sent last is compared with its memo first)
 *   2. where:  path, host label, x-namespace must agree; else x-namespace-bin; else the token's `id`
 *   3. may:    trib_may, the only door; a tenant that may not be seen is answered like one that is not there
 *
 * The cache is emptied whenever the signing keys change, so a dropped key is void at once. */

/* gcc -fanalyzer loses sight of memory that an object beyond a function owns; LeakSanitizer watches instead. */
#if defined TRIB_ANALYZE && !defined __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

#include "core/auth.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "core/control.h"
#include "crypto/hash.h"
#include "wire/base64.h"
#include "wire/jwt.h"
#include "wire/tenant_name.h"

enum {
    TOKEN_CACHE_MAX = 10000, /* principals kept; full: emptied, so that a flood of tokens costs bounded memory */
    TOKEN_ID_BYTES = 16,
    MEMO_TOKEN_MAX_BYTES = 1024 /* longer tokens are hashed each time: idle connections stay small */
};

typedef struct claims {
    trib_arena arena;
    trib_jwt_claims jwt;
    char token_id[TOKEN_ID_BYTES]; /* the cache's key */
} claims;

struct trib_auth {
    trib_app *app;
    trib_mutex *lock;
    trib_map cache;         /* token id -> trib_principal, one reference each */
    uint64_t generation;    /* of the keys that the cache was filled under */
    trib_principal *nobody; /* no token was needed */
    trib_principal *open;   /* --no-auth: everything */
    trib_principal *admin;
};

/* ---- principals ---- */

trib_principal *trib_principal_ref(trib_principal *principal) {
    if (principal) atomic_fetch_add(&principal->refs, 1);
    return principal;
}

void trib_principal_unref(trib_principal *principal) {
    if (!principal || atomic_fetch_sub(&principal->refs, 1) != 1) return;
    claims *own = principal->claims;
    if (own) trib_arena_deinit(&own->arena);
    free(own);
    free(principal);
}

static trib_principal *principal_new(uint64_t fingerprint, bool everything, bool admin) {
    trib_principal *principal = calloc(1, sizeof *principal);
    if (!principal) return NULL;
    atomic_store(&principal->refs, 1);
    principal->fingerprint[0] = fingerprint;
    principal->everything = everything;
    principal->admin = admin;
    return principal;
}

trib_code trib_auth_new(trib_app *app, trib_auth **ret, trib_error *err) {
    trib_hash_key seed;
    trib_auth *auth = calloc(1, sizeof *auth);
    if (!auth) return trib_error_set(err, TRIB_NOMEM, NULL);
    auth->app = app;
    auth->lock = trib_mutex_new(app->env);
    auth->nobody = principal_new(1, false, false);
    auth->open = principal_new(2, true, true);
    auth->admin = principal_new(3, false, true);
    if (!auth->lock || !auth->nobody || !auth->open || !auth->admin || !trib_env_random(app->env, &seed, sizeof seed)) {
        trib_auth_free(auth);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    trib_map_init(&auth->cache, TRIB_MAP_BORROW_KEYS, seed);
    *ret = auth;
    return TRIB_OK;
}

static void cache_clear(trib_auth *auth) {
    size_t cursor = 0;
    void *value;
    while (trib_map_next(&auth->cache, &cursor, NULL, &value)) trib_principal_unref(value);
    trib_hash_key seed = auth->cache.seed;
    trib_map_deinit(&auth->cache);
    trib_map_init(&auth->cache, TRIB_MAP_BORROW_KEYS, seed);
}

void trib_auth_free(trib_auth *auth) {
    if (!auth) return;
    cache_clear(auth);
    trib_map_deinit(&auth->cache);
    trib_principal_unref(auth->nobody);
    trib_principal_unref(auth->open);
    trib_principal_unref(auth->admin);
    trib_mutex_free(auth->app->env, auth->lock);
    free(auth);
}

void trib_auth_release(trib_auth *auth, trib_tenant *tenant, trib_principal *principal) {
    (void)auth;
    trib_tenant_unref(tenant);
    trib_principal_unref(principal);
}

/* ---- tokens ---- */

/* `named`: names other than "*" count. */
static bool lists(const trib_jwt_scope *scope, trib_str name, bool named) {
    for (size_t i = 0; i < scope->ns_count; i++) {
        if ((named && trib_str_eq(scope->ns[i], name)) || trib_str_eq_c(scope->ns[i], "*")) return true;
    }
    return false;
}

/* What the claims allow on a tenant: 0 nothing, 1 read, 2 write. A token for several tenants means those that had the
 * names when it was made (`gen`, in ms), not one that got such a name later; only "*" is for later ones too. */
static int claims_level(const trib_jwt_claims *jwt, const trib_tenant *tenant) {
    trib_str name = trib_str_c(tenant->name);
    if (!jwt->has_p) {
        if (!trib_str_eq(jwt->id, name)) return 0;
        return jwt->a == TRIB_JWT_ACCESS_RW ? 2 : jwt->a == TRIB_JWT_ACCESS_NONE ? 0 : 1;
    }
    const trib_jwt_scope *p = jwt->p;
    bool named = (jwt->has_gen ? jwt->gen : 0) >= atomic_load(&tenant->named_ms);
    if (lists(&p[TRIB_JWT_RIGHT_RW], name, named) || lists(&p[TRIB_JWT_RIGHT_RWA], name, named)) return 2;
    return lists(&p[TRIB_JWT_RIGHT_RO], name, named) || lists(&p[TRIB_JWT_RIGHT_ROA], name, named) ||
                   lists(&p[TRIB_JWT_RIGHT_DDL], name, named)
               ? 1
               : 0;
}

static trib_code not_found(trib_str name, trib_error *err) {
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
    if (atomic_load(&tenant->deleted)) return not_found(trib_str_c(tenant->name), err);
    if (action == TRIB_ACTION_ADMIN) return principal->admin ? TRIB_OK : trib_error_set(err, TRIB_FORBIDDEN, NULL);
    if (!principal->everything) {
        const claims *own = principal->claims;
        int level = own ? claims_level(&own->jwt, tenant) : 0;
        if (level == 0) return not_found(trib_str_c(tenant->name), err);
        if (principal->expires_ms && now_ms > principal->expires_ms)
            return trib_error_set(err, TRIB_AUTH_JWT_EXPIRED, "The JWT has expired");
        int64_t gen = own->jwt.has_gen ? own->jwt.gen : 0;
        if (!own->jwt.has_p && gen != (int64_t)atomic_load(&tenant->token_epoch)) {
            return trib_error_set(err, TRIB_AUTH_JWT_INVALID, "The JWT was revoked; ask for a new one");
        }
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

trib_code trib_may_attach(const trib_principal *principal, const trib_tenant *tenant, int64_t now_ms, trib_error *err) {
    if (tenant->system) return not_found(trib_str_c(tenant->name), err);
    trib_code code = trib_may(principal, tenant, TRIB_ACTION_READ, now_ms, err);
    if (code != TRIB_OK || trib_tenant_get(tenant, TRIB_TENANT_ALLOW_ATTACH)) return code;
    return trib_error_set(err, TRIB_FORBIDDEN,
                          "Namespace `%s` doesn't allow attach; its operator can set allow_attach (trib tenant set)",
                          tenant->name);
}

trib_code trib_auth_attach(trib_auth *auth, const trib_principal *principal, trib_str name, int64_t now_ms,
                           trib_tenant **ret, trib_error *err) {
    if (!trib_tenant_name_valid(name))
        return trib_error_set(err, TRIB_SQL_PARSE_ERROR,
                              "SQL string could not be parsed: unsupported statement: ATTACH of what is no tenant's "
                              "name (no file, no URI); write ATTACH 'tenant' AS alias");
    trib_tenant *tenant = trib_control_find(auth->app->control, name);
    trib_code code = tenant ? trib_may_attach(principal, tenant, now_ms, err) : not_found(name, err);
    if (code == TRIB_OK) *ret = tenant;
    else trib_tenant_unref(tenant);
    return code;
}

static trib_code verify(trib_auth *auth, const trib_control_keys *keys, trib_str token, const uint8_t *token_id,
                        int64_t now_ms, trib_principal **ret, trib_error *err) {
    claims *own = calloc(1, sizeof *own);
    trib_principal *principal = own ? principal_new(0, false, false) : NULL;
    if (!principal) {
        free(own);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    principal->claims = own;
    trib_arena_init(&own->arena, TRIB_JWT_ARENA_BYTES);
    memcpy(own->token_id, token_id, TOKEN_ID_BYTES);
    memcpy(principal->fingerprint, token_id, sizeof principal->fingerprint);
    trib_jwt_policy policy = {.keys = keys->verify, .key_count = keys->count, .now_ms = now_ms};
    (void)auth;
    /* the claims point into the token where nothing was escaped, and the token is the request's: keep a copy */
    trib_str copy = trib_arena_dup(&own->arena, token);
    trib_code code =
        copy.ptr ? trib_jwt_verify(&policy, copy, &own->arena, &own->jwt, err) : trib_error_set(err, TRIB_NOMEM, NULL);
    if (code != TRIB_OK) {
        trib_principal_unref(principal);
        return code;
    }
    if (own->jwt.has_exp) principal->expires_ms = (own->jwt.exp_s + TRIB_JWT_LEEWAY_S) * 1000;
    *ret = principal;
    return TRIB_OK;
}

/* A reference from the cache, NULL if the token is not in it. */
static trib_principal *cache_get(trib_auth *auth, uint64_t generation, trib_str id) {
    trib_mutex_lock(auth->app->env, auth->lock);
    if (auth->generation != generation) {
        cache_clear(auth);
        auth->generation = generation;
    }
    trib_principal *principal = trib_principal_ref(trib_map_get(&auth->cache, id));
    trib_mutex_unlock(auth->app->env, auth->lock);
    return principal;
}

static void cache_put(trib_auth *auth, uint64_t generation, trib_principal *principal) {
    claims *own = principal->claims;
    void *old = NULL;
    trib_mutex_lock(auth->app->env, auth->lock);
    if (auth->generation == generation) {
        if (auth->cache.count >= TOKEN_CACHE_MAX) cache_clear(auth);
        trib_str key = trib_str_make(own->token_id, TOKEN_ID_BYTES);
        if (trib_map_set(&auth->cache, key, trib_principal_ref(principal), &old) != TRIB_OK) old = principal;
    }
    trib_mutex_unlock(auth->app->env, auth->lock);
    trib_principal_unref(old); /* the reference taken for the map, or the map's own */
}

/* ---- the memo of a connection ---- */

void trib_auth_memo_deinit(trib_auth_memo *memo) {
    if (!memo) return;
    trib_principal_unref(memo->principal);
    free(memo->token);
    *memo = (trib_auth_memo){0};
}

/* A reference, NULL if the memo knows another token. Proxies send the requests of many people over one connection, so a
 * guess must not be able to feel its way along the last token: the comparison always takes its whole length. */
static trib_principal *memo_get(const trib_auth_memo *memo, uint64_t generation, trib_str token) {
    if (!memo || !memo->principal || memo->generation != generation) return NULL;
    if (!trib_str_eq_secret(token, trib_str_make(memo->token, memo->token_len))) return NULL;
    return trib_principal_ref(memo->principal);
}

static void memo_put(trib_auth_memo *memo, uint64_t generation, trib_str token, trib_principal *principal) {
    if (!memo || token.len == 0 || token.len > MEMO_TOKEN_MAX_BYTES) return;
    if (!memo->token || memo->token_cap < token.len) {
        char *grown = realloc(memo->token, token.len);
        if (!grown) return; /* the old memo stays as it was */
        memo->token = grown;
        memo->token_cap = token.len;
    }
    memcpy(memo->token, token.ptr, token.len);
    memo->token_len = token.len;
    memo->generation = generation;
    trib_principal_unref(memo->principal);
    memo->principal = trib_principal_ref(principal);
}

/* From the cache of all connections, or by verifying. */
static trib_code look_up(trib_auth *auth, const trib_control_keys *keys, trib_str token, int64_t now_ms,
                         trib_principal **ret, trib_error *err) {
    uint8_t digest[TRIB_SHA256_BYTES];
    trib_code code = trib_crypto_sha256(token, digest);
    if (code != TRIB_OK) return trib_error_set(err, code, NULL);
    trib_principal *principal = cache_get(auth, keys->generation, trib_str_make((const char *)digest, TOKEN_ID_BYTES));
    if (!principal) {
        code = verify(auth, keys, token, digest, now_ms, &principal, err);
        if (principal) cache_put(auth, keys->generation, principal);
    }
    if (principal) *ret = principal;
    return code;
}

static trib_code by_token(trib_auth *auth, trib_str token, const trib_auth_query *query, trib_principal **ret,
                          trib_error *err) {
    if (token.len > TRIB_JWT_MAX_BYTES) return trib_error_set(err, TRIB_AUTH_JWT_INVALID, "The JWT is too long");
    int64_t now_ms = query->now_ms;
    trib_code code = TRIB_OK;
    trib_control_keys *keys = trib_control_get_keys(auth->app->control);
    trib_principal *principal = memo_get(query->memo, keys->generation, token);
    if (!principal) {
        code = look_up(auth, keys, token, now_ms, &principal, err);
        if (code == TRIB_OK) memo_put(query->memo, keys->generation, token, principal);
    }
    trib_control_keys_release(keys);
    if (code != TRIB_OK) return code;
    assert(principal);
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): cache_put gives up the map's reference, not this one
    if (principal->expires_ms && now_ms > principal->expires_ms) {
        trib_principal_unref(principal);
        return trib_error_set(err, TRIB_AUTH_JWT_EXPIRED, "The JWT has expired");
    }
    *ret = principal;
    return TRIB_OK;
}

/* "Bearer x" -> x; the scheme in any case. */
static bool credentials(trib_str header, const char *scheme, trib_str *ret) {
    size_t n = strlen(scheme);
    if (header.len <= n || header.ptr[n] != ' ' || !trib_str_ieq_c(trib_str_sub(header, 0, n), scheme)) return false;
    *ret = trib_str_trim(trib_str_sub(header, n, header.len));
    return ret->len > 0;
}

static trib_code who_admin(trib_auth *auth, const trib_auth_query *query, trib_principal **ret, trib_error *err) {
    const char *key = auth->app->settings.admin_key;
    trib_str given;
    bool ok = auth->app->settings.no_auth || !key;
    if (!ok &&
        (credentials(query->authorization, "Basic", &given) || credentials(query->authorization, "Bearer", &given))) {
        ok = trib_str_eq_secret(given, trib_str_c(key));
    }
    if (!ok)
        return trib_error_set(err, TRIB_UNAUTHORIZED,
                              "the admin API needs the header `Authorization: Basic KEY`; the key is in "
                              "the file admin.key of the data folder");
    *ret = trib_principal_ref(auth->admin);
    return TRIB_OK;
}

static trib_code who(trib_auth *auth, const trib_auth_query *query, trib_principal **ret, trib_error *err) {
    trib_str token;
    if (query->auth_class == TRIB_AUTH_ADMIN) return who_admin(auth, query, ret, err);
    if (query->auth_class == TRIB_AUTH_NONE || auth->app->settings.no_auth) {
        *ret = trib_principal_ref(query->auth_class == TRIB_AUTH_NONE ? auth->nobody : auth->open);
        return TRIB_OK;
    }
    if (query->authorization.len == 0) {
        return trib_error_set(err, TRIB_AUTH_HEADER_NOT_FOUND,
                              "Unauthorized: expected the header `Authorization: Bearer TOKEN`; "
                              "`trib token create TENANT` makes one");
    }
    if (!credentials(query->authorization, "Bearer", &token)) {
        return trib_error_set(err, TRIB_AUTH_HEADER_INVALID,
                              "Unauthorized: the Authorization header is not `Bearer TOKEN`");
    }
    return by_token(auth, token, query, ret, err);
}

/* ---- tenants ---- */

/* A second place that names a tenant must name the same one. */
static trib_code agree(trib_str *name, const char **source, trib_str other, const char *other_source, trib_error *err) {
    if (other.len == 0) return TRIB_OK;
    if (name->len == 0) {
        *name = other;
        *source = other_source;
        return TRIB_OK;
    }
    if (trib_str_eq(*name, other)) return TRIB_OK;
    return trib_error_set(
        err, TRIB_TENANT_AMBIGUOUS, "%s names tenant \"%.*s\" but %s names \"%.*s\"; make them the same or drop one",
        *source, TRIB_STR_ARG(trib_str_sub(*name, 0, 64)), other_source, TRIB_STR_ARG(trib_str_sub(other, 0, 64)));
}

typedef struct where_scratch {
    char label[TRIB_TENANT_NAME_MAX_BYTES];
    char decoded[128];
} where_scratch;

static trib_code where(trib_auth *auth, const trib_auth_query *query, const trib_principal *principal,
                       where_scratch *scratch, trib_str *ret_name, trib_str *ret_rest, trib_error *err) {
    const char *domain = auth->app->settings.tenant_domain, *source = "the path";
    trib_str name, label = {0};
    trib_auth_split_path(query->path, &name, ret_rest);
    if (domain) trib_tenant_host_label(query->host, trib_str_c(domain), scratch->label, &label);
    trib_code code = agree(&name, &source, label, "the host", err);
    if (code == TRIB_OK) code = agree(&name, &source, query->x_namespace, "the header x-namespace", err);
    if (code != TRIB_OK) return code;
    const claims *own = principal ? principal->claims : NULL;
    if (name.len == 0 && own && !own->jwt.has_p) name = own->jwt.id;
    size_t n = 0;
    if (name.len == 0 && query->x_namespace_bin.len > 0 && query->x_namespace_bin.len <= 160 &&
        trib_base64_decode(TRIB_BASE64_STD, TRIB_BASE64_LENIENT, query->x_namespace_bin, scratch->decoded, &n)) {
        name = trib_str_make(scratch->decoded, n);
    }
    if (name.len == 0) {
        return trib_error_set(err, TRIB_TENANT_MISSING,
                              "nothing names a tenant: put it into the path and end the URL with a slash "
                              "(http://host:port/TENANT/); without the last slash clients drop the tenant");
    }
    *ret_name = name;
    return TRIB_OK;
}

trib_code trib_auth_resolve(trib_auth *auth, const trib_auth_query *query, trib_tenant **ret_tenant,
                            trib_principal **ret_principal, trib_str *ret_path_rest, trib_error *err) {
    where_scratch scratch;
    trib_principal *principal = NULL;
    trib_tenant *tenant = NULL;
    trib_str name, rest = query->path;
    trib_code code = who(auth, query, &principal, err);
    if (code != TRIB_OK) return code;
    if (query->auth_class == TRIB_AUTH_TENANT) {
        code = where(auth, query, principal, &scratch, &name, &rest, err);
        if (code == TRIB_OK) {
            tenant = trib_control_find(auth->app->control, name);
            if (tenant) code = trib_may(principal, tenant, TRIB_ACTION_READ, query->now_ms, err);
            else if (!auth->app->settings.auto_create_tenants || trib_tenant_name_system(name))
                code = not_found(name, err);
            else if ((code = trib_tenant_name_check(name, err)) == TRIB_OK) code = TRIB_AGAIN;
        }
    }
    if (code != TRIB_OK) {
        trib_auth_release(auth, tenant, principal);
        return code;
    }
    *ret_tenant = tenant;
    *ret_principal = principal;
    *ret_path_rest = rest;
    return TRIB_OK;
}

/* ---- tenants made at first use (trib dev) ---- */

static void created(trib_control_op *op) {
    trib_auth_wait *wait = op->owner;
    trib_tenant_unref(op->tenant);
    wait->code = op->code;
    wait->err = op->err;
    /* somebody else was faster: just as good */
    if (op->code == TRIB_OK || op->code == TRIB_TENANT_EXISTS) {
        wait->code =
            trib_auth_resolve(wait->auth, &wait->query, &wait->tenant, &wait->principal, &wait->path_rest, &wait->err);
        /* it was there, and somebody has deleted it since */
        if (wait->code == TRIB_AGAIN) wait->code = not_found(trib_str_c(op->name), &wait->err);
    }
    wait->resolved(wait);
}

/* Made between the two looks: nothing to wait for, but the caller expects its callback later, on the loop. */
static void was_there(trib_job *job) {
    trib_auth_wait *wait = (trib_auth_wait *)(void *)((char *)job - offsetof(trib_auth_wait, op.job.job));
    wait->op.code = TRIB_TENANT_EXISTS;
    created(&wait->op);
}

trib_code trib_auth_resolve_async(trib_auth *auth, trib_auth_wait *wait, trib_error *err) {
    where_scratch scratch;
    trib_str name = TRIB_STR(""), rest;
    trib_principal *principal = NULL;
    trib_code code = who(auth, &wait->query, &principal, err);
    if (code == TRIB_OK) code = where(auth, &wait->query, principal, &scratch, &name, &rest, err);
    if (code == TRIB_OK) code = trib_tenant_name_check(name, err);
    trib_principal_unref(principal);
    if (code != TRIB_OK) return code;
    wait->auth = auth;
    memset(&wait->op, 0, sizeof wait->op);
    wait->op.type = TRIB_CONTROL_CREATE;
    memcpy(wait->op.name, name.ptr, name.len);
    wait->op.home = wait->home;
    wait->op.finished = created;
    wait->op.owner = wait;
    code = trib_control_submit(auth->app->control, &wait->op, err);
    if (code != TRIB_TENANT_EXISTS) return code;
    wait->op.job.job.done = was_there;
    wait->home->post(wait->home, &wait->op.job.job);
    return TRIB_OK;
}
