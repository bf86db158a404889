/* SPDX-License-Identifier: Apache-2.0 */
/* Names the principal and the tenant of a request; see auth.h.
 *
 *   1. who:    --no-auth | admin key | token (verified once, then found in the cache by its SHA-256; the one that a
 *              connection sent last is compared with its memo first), by our keys, by imported ones, or by those of the
 *              tenant that the request names
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
#include "core/auth_int.h"
#include "core/control.h"
#include "crypto/hash.h"
#include "wire/base64.h"
#include "wire/tenant_name.h"

enum {
    TOKEN_CACHE_MAX = 10000,    /* principals kept; full: emptied, so that a flood of tokens costs bounded memory */
    MEMO_TOKEN_MAX_BYTES = 1024 /* longer tokens are hashed each time: idle connections stay small */
};

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
    trib_auth_claims *own = principal->claims;
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

/* ---- which tenant ---- */

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
    const trib_auth_claims *own = principal ? principal->claims : NULL;
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

trib_code trib_auth_attach(trib_auth *auth, const trib_principal *principal, trib_str name, int64_t now_ms,
                           trib_tenant **ret, trib_error *err) {
    if (!trib_tenant_name_valid(name))
        return trib_error_set(err, TRIB_SQL_PARSE_ERROR,
                              "SQL string could not be parsed: unsupported statement: ATTACH of what is no tenant's "
                              "name (no file, no URI); write ATTACH 'tenant' AS alias");
    trib_tenant *tenant = trib_control_find(auth->app->control, name);
    trib_code code = tenant ? trib_may_attach(principal, tenant, now_ms, err) : trib_auth_not_found(name, err);
    if (code == TRIB_OK) *ret = tenant;
    else trib_tenant_unref(tenant);
    return code;
}

/* ---- tokens ---- */

/* What a token may be signed with. */
typedef struct key_ring {
    const trib_jwt_key *keys;
    size_t count, own_count;   /* ours come first */
    const trib_tenant *tenant; /* whose keys they are, with the text that they stand in; NULL: the server's */
    const char *tenant_key;
} key_ring;

static trib_code verify(const key_ring *ring, trib_str token, const uint8_t *cache_id, const uint8_t *token_id,
                        int64_t now_ms, trib_principal **ret, trib_error *err) {
    trib_auth_claims *own = calloc(1, sizeof *own);
    trib_principal *principal = own ? principal_new(0, false, false) : NULL;
    if (!principal) {
        free(own);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    principal->claims = own;
    trib_arena_init(&own->arena, TRIB_JWT_ARENA_BYTES);
    memcpy(own->cache_id, cache_id, TRIB_AUTH_TOKEN_ID_BYTES);
    memcpy(principal->fingerprint, token_id, sizeof principal->fingerprint);
    trib_jwt_policy policy = {.keys = ring->keys, .key_count = ring->count, .now_ms = now_ms};
    /* the claims point into the token where nothing was escaped, and the token is the request's: keep a copy */
    trib_str copy = trib_arena_dup(&own->arena, token);
    trib_code code =
        copy.ptr ? trib_jwt_verify(&policy, copy, &own->arena, &own->jwt, err) : trib_error_set(err, TRIB_NOMEM, NULL);
    if (code != TRIB_OK) {
        trib_principal_unref(principal);
        return code;
    }
    own->imported = own->jwt.key_at >= ring->own_count;
    own->tenant_key = ring->tenant_key;
    if (ring->tenant) memcpy(own->tenant_id, ring->tenant->id, sizeof own->tenant_id);
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
    trib_auth_claims *own = principal->claims;
    void *old = NULL;
    trib_mutex_lock(auth->app->env, auth->lock);
    if (auth->generation == generation) {
        if (auth->cache.count >= TOKEN_CACHE_MAX) cache_clear(auth);
        trib_str key = trib_str_make((const char *)own->cache_id, TRIB_AUTH_TOKEN_ID_BYTES);
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
    trib_principal *principal =
        cache_get(auth, keys->generation, trib_str_make((const char *)digest, TRIB_AUTH_TOKEN_ID_BYTES));
    if (!principal) {
        key_ring ring = {.keys = keys->verify, .count = keys->count + keys->imported_count, .own_count = keys->count};
        code = verify(&ring, token, digest, digest, now_ms, &principal, err);
        if (principal) cache_put(auth, keys->generation, principal);
    }
    if (principal) *ret = principal;
    return code;
}

/* ---- the keys of one tenant ---- */

/* The tenant that a request names beside its token, if it has keys of its own: a reference. What the token says is not
 * looked at before its signature is. */
static trib_tenant *keyed_tenant(trib_auth *auth, const trib_auth_query *query) {
    where_scratch scratch;
    trib_str name, rest;
    if (query->auth_class != TRIB_AUTH_TENANT || !trib_control_has_tenant_keys(auth->app->control)) return NULL;
    if (where(auth, query, NULL, &scratch, &name, &rest, NULL) != TRIB_OK) return NULL;
    trib_tenant *tenant = trib_control_find(auth->app->control, name);
    const char *key = tenant ? tenant->jwt_key : "";
    if (key[0]) return tenant;
    trib_tenant_unref(tenant);
    return NULL;
}

/* The cache's name of a token under a tenant's keys: of no use for another tenant, nor after a change of the keys. */
static trib_code tenant_cache_id(trib_str token, const trib_tenant *tenant, const char *key,
                                 uint8_t ret_token_id[TRIB_SHA256_BYTES], uint8_t ret_cache_id[TRIB_SHA256_BYTES]) {
    char text[TRIB_SHA256_BYTES + TRIB_DB_ID_BYTES + TRIB_TENANT_JWT_KEY_BYTES];
    size_t id_len = strlen(tenant->id), key_len = strlen(key);
    trib_code code = trib_crypto_sha256(token, ret_token_id);
    if (code != TRIB_OK) return code;
    memcpy(text, ret_token_id, TRIB_SHA256_BYTES);
    memcpy(text + TRIB_SHA256_BYTES, tenant->id, id_len);
    memcpy(text + TRIB_SHA256_BYTES + id_len, key, key_len);
    return trib_crypto_sha256(trib_str_make(text, TRIB_SHA256_BYTES + id_len + key_len), ret_cache_id);
}

static trib_code verify_for_tenant(const trib_tenant *tenant, const char *key, trib_str token, const uint8_t *cache_id,
                                   const uint8_t *token_id, int64_t now_ms, trib_principal **ret, trib_error *err) {
    trib_ed25519_pub *pubs[TRIB_TENANT_JWT_KEYS_MAX] = {0};
    trib_jwt_key keys[TRIB_TENANT_JWT_KEYS_MAX] = {0};
    size_t count = 0;
    trib_code code = trib_jwt_keys_from_text(trib_str_c(key), TRIB_TENANT_JWT_KEYS_MAX, pubs, &count, err);
    if (code == TRIB_CONFIG) code = trib_error_set(err, TRIB_INTERNAL, "the stored jwt_key of the tenant is malformed");
    if (code != TRIB_OK) return code;
    for (size_t i = 0; i < count; i++) keys[i].pub = pubs[i];
    key_ring ring = {.keys = keys, .count = count, .tenant = tenant, .tenant_key = key};
    code = verify(&ring, token, cache_id, token_id, now_ms, ret, err);
    for (size_t i = 0; i < count; i++) trib_ed25519_pub_free(pubs[i]);
    return code;
}

/* A principal who may ask this tenant alone. known: only from the cache, NULL if it is not there. */
static trib_code by_tenant_key(trib_auth *auth, const trib_tenant *tenant, bool known, trib_str token, int64_t now_ms,
                               trib_principal **ret, trib_error *err) {
    uint8_t token_id[TRIB_SHA256_BYTES], cache_id[TRIB_SHA256_BYTES];
    const char *key = tenant->jwt_key; /* once: it may change meanwhile, and stays readable */
    if (!key[0]) return trib_error_set(err, TRIB_AUTH_JWT_INVALID, "the token is invalid: its key was taken away");
    trib_code code = tenant_cache_id(token, tenant, key, token_id, cache_id);
    if (code != TRIB_OK) return trib_error_set(err, code, NULL);
    trib_control_keys *keys = trib_control_get_keys(auth->app->control);
    uint64_t generation = keys->generation;
    trib_control_keys_release(keys);
    *ret = cache_get(auth, generation, trib_str_make((const char *)cache_id, TRIB_AUTH_TOKEN_ID_BYTES));
    if (*ret || known) return TRIB_OK;
    code = verify_for_tenant(tenant, key, token, cache_id, token_id, now_ms, ret, err);
    if (code == TRIB_OK) cache_put(auth, generation, *ret);
    return code;
}

/* ---- either ---- */

static trib_code by_server_key(trib_auth *auth, trib_str token, const trib_auth_query *query, trib_principal **ret,
                               trib_error *err) {
    trib_code code = TRIB_OK;
    trib_control_keys *keys = trib_control_get_keys(auth->app->control);
    trib_principal *principal = memo_get(query->memo, keys->generation, token);
    if (!principal) {
        code = look_up(auth, keys, token, query->now_ms, &principal, err);
        if (code == TRIB_OK) memo_put(query->memo, keys->generation, token, principal);
    }
    trib_control_keys_release(keys);
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): cache_put gives up the map's reference, not this one
    if (code == TRIB_OK) *ret = principal;
    return code;
}

/* Keys of the tenant count instead of those that were imported for all tenants, as in sqld, and beside our own. */
static trib_code by_any_key(trib_auth *auth, trib_str token, const trib_auth_query *query, trib_principal **ret,
                            trib_error *err) {
    trib_tenant *tenant = keyed_tenant(auth, query);
    if (!tenant) return by_server_key(auth, token, query, ret, err);
    trib_principal *principal = NULL, *of_all = NULL;
    trib_error why = {0};
    trib_code code = by_tenant_key(auth, tenant, true, token, query->now_ms, &principal, &why);
    if (code == TRIB_OK && !principal) {
        code = by_server_key(auth, token, query, &of_all, &why);
        const trib_auth_claims *own = code == TRIB_OK ? of_all->claims : NULL;
        bool other = own ? own->imported : code == TRIB_AUTH_JWT_INVALID && why.detail == TRIB_JWT_NO_KEY;
        if (other) code = by_tenant_key(auth, tenant, false, token, query->now_ms, &principal, &why);
        /* it may not see this tenant, which must look as if it were not there: trib_may says so */
        if (of_all && !principal) code = TRIB_OK;
    }
    trib_tenant_unref(tenant);
    if (code != TRIB_OK && err) *err = why;
    if (code == TRIB_OK) *ret = principal ? principal : trib_principal_ref(of_all);
    trib_principal_unref(of_all);
    return code;
}

static trib_code by_token(trib_auth *auth, trib_str token, const trib_auth_query *query, trib_principal **ret,
                          trib_error *err) {
    trib_principal *principal = NULL;
    if (token.len > TRIB_JWT_MAX_BYTES) return trib_error_set(err, TRIB_AUTH_JWT_INVALID, "The JWT is too long");
    trib_code code = by_any_key(auth, token, query, &principal, err);
    if (code != TRIB_OK) return code;
    assert(principal);
    if (principal->expires_ms && query->now_ms > principal->expires_ms) {
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
    if (query->auth_class != TRIB_AUTH_TENANT || auth->app->settings.no_auth) {
        *ret = trib_principal_ref(query->auth_class == TRIB_AUTH_TENANT ? auth->open : auth->nobody);
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

/* ---- both ---- */

trib_code trib_auth_resolve(trib_auth *auth, const trib_auth_query *query, trib_tenant **ret_tenant,
                            trib_principal **ret_principal, trib_str *ret_path_rest, trib_error *err) {
    where_scratch scratch;
    trib_principal *principal = NULL;
    trib_tenant *tenant = NULL;
    trib_str name, rest = query->path;
    trib_code code = who(auth, query, &principal, err);
    if (code != TRIB_OK) return code;
    if (query->auth_class == TRIB_AUTH_OWN_KEY) {
        code = where(auth, query, NULL, &scratch, &name, &rest, err);
        if (code == TRIB_OK) tenant = trib_control_find(auth->app->control, name);
    }
    if (query->auth_class == TRIB_AUTH_TENANT) {
        code = where(auth, query, principal, &scratch, &name, &rest, err);
        if (code == TRIB_OK) {
            tenant = trib_control_find(auth->app->control, name);
            if (tenant) code = trib_may(principal, tenant, TRIB_ACTION_READ, query->now_ms, err);
            else if (!auth->app->settings.auto_create_tenants || trib_tenant_name_system(name))
                code = trib_auth_not_found(name, err);
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
        if (wait->code == TRIB_AGAIN) wait->code = trib_auth_not_found(trib_str_c(op->name), &wait->err);
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
