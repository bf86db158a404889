/* SPDX-License-Identifier: Apache-2.0 */
/* Makes tokens and shows the public keys.
 *
 *   one tenant       {"id":"acme","a":"rw","gen":3}              void once the tenant's token_epoch is above gen
 *   several, or all  {"p":{"ro":{"ns":["streams","ali"]}},"gen":1795278300000}
 *                    "*" is every tenant; void when the key is dropped, and for tenants made after `gen` (ms) by name
 *
 * Both have `iat`, and `exp` if asked. Signing takes about 30 us, so it is done on the loop. */
#include "base/time.h"
#include "base/units.h"
#include "core/control.h"
#include "crypto/hash.h"
#include "features/tenants/tenants_int.h"
#include "wire/jwt.h"

typedef struct token_ask {
    bool read_only;
    bool expires;
    int64_t now_ms, expires_ms;
} token_ask;

static trib_code parse_ask(trib_http_request *http, const trib_json *body, token_ask *ret, trib_error *err) {
    trib_str access = TRIB_STR("rw"), expires = {0};
    int64_t life_ms = 0;
    const trib_json *member = trib_json_get(body, "access");
    if (!trib_json_absent(member) &&
        (!trib_json_str(member, &access) || (!trib_str_eq_c(access, "rw") && !trib_str_eq_c(access, "ro")))) {
        return trib_error_set(err, TRIB_BAD_REQUEST,
                              "\"access\" must be \"rw\" (read and write) or \"ro\" (read only)");
    }
    *ret = (token_ask){.read_only = trib_str_eq_c(access, "ro"), .now_ms = trib_env_wall_ms(http->app->env)};
    member = trib_json_get(body, "expires");
    if (trib_json_absent(member)) return TRIB_OK;
    if (trib_json_str(member, &expires) && trib_str_eq_c(expires, "never")) return TRIB_OK;
    if (!expires.len || !trib_units_duration_ms(expires, &life_ms) || life_ms < 1000 ||
        life_ms > TRIB_TIME_MAX_MS - ret->now_ms) {
        return trib_error_set(err, TRIB_BAD_REQUEST,
                              "\"expires\" must be a duration of at least a second, like \"30d\", \"12h\" or "
                              "\"90m\", or \"never\"");
    }
    ret->expires = true;
    ret->expires_ms = ret->now_ms + life_ms;
    return TRIB_OK;
}

static void set_times(trib_jwt_claims *claims, const token_ask *ask) {
    claims->has_iat = true;
    claims->iat_s = ask->now_ms / 1000;
    claims->has_exp = ask->expires;
    claims->exp_s = ask->expires_ms / 1000;
}

/* Signs and answers. */
static void answer_token(trib_http_request *http, const trib_jwt_claims *claims, const token_ask *ask) {
    char until[TRIB_TIME_ISO_BYTES];
    tenants_reply reply;
    trib_error err;
    trib_buf token;
    trib_buf_init(&token, TRIB_JWT_MAX_BYTES);
    trib_control_keys *keys = trib_control_get_keys(http->app->control);
    trib_code code = keys->count ? TRIB_OK : trib_error_set(&err, TRIB_INTERNAL, "the server has no signing key");
    if (code == TRIB_OK) code = trib_jwt_create(claims, trib_str_c(keys->kids[0]), keys->keys[0], &token, &err);
    trib_control_keys_release(keys);
    if (code != TRIB_OK) {
        trib_buf_deinit(&token);
        trib_http_answer_error(http, &err);
        return;
    }
    tenants_reply_begin(&reply);
    trib_jw_member_str(&reply.w, "token", trib_buf_str(&token));
    trib_jw_member_str(&reply.w, "access", ask->read_only ? TRIB_STR("ro") : TRIB_STR("rw"));
    trib_jw_key_c(&reply.w, "expires_at");
    trib_time_to_iso(ask->expires_ms, until);
    if (ask->expires) trib_jw_str_c(&reply.w, until);
    else trib_jw_null(&reply.w);
    trib_crypto_wipe(token.ptr, token.len);
    trib_buf_deinit(&token);
    tenants_reply_send(&reply, http);
}

void tenants_handle_token(trib_http_request *http) {
    static const char *const members[] = {"access", "expires", NULL};
    const trib_json *body;
    trib_tenant *tenant = NULL;
    token_ask ask;
    trib_error err;
    trib_code code = tenants_parse_body(http, members, &body, &err);
    if (code == TRIB_OK) code = parse_ask(http, body, &ask, &err);
    if (code == TRIB_OK) code = tenants_find(http, &tenant, &err);
    if (code != TRIB_OK) {
        trib_http_answer_error(http, &err);
        return;
    }
    trib_jwt_claims claims = {.has_id = true,
                              .id = trib_str_c(tenant->name),
                              .a = ask.read_only ? TRIB_JWT_ACCESS_RO : TRIB_JWT_ACCESS_RW,
                              .has_gen = true,
                              .gen = atomic_load(&tenant->token_epoch)};
    set_times(&claims, &ask);
    answer_token(http, &claims, &ask);
    trib_tenant_unref(tenant);
}

/* Names must exist: a token for a name that somebody may take later would open that tenant's data to its holder. */
static trib_code parse_names(trib_http_request *http, const trib_json *list, trib_str *names, size_t count,
                             int64_t gen_ms, trib_error *err) {
    const trib_json *item = trib_json_first(list);
    for (size_t i = 0; i < count; i++, item = trib_json_next(item)) {
        if (!trib_json_str(item, &names[i])) {
            return trib_error_set(err, TRIB_BAD_REQUEST, "\"namespaces\" must hold names, element %zu is %s", i + 1,
                                  trib_json_kind_text(item));
        }
        if (trib_str_eq_c(names[i], "*")) {
            if (count == 1) return TRIB_OK;
            return trib_error_set(err, TRIB_BAD_REQUEST, "\"*\" means every namespace and stands alone");
        }
        trib_tenant *known = trib_control_find(http->app->control, names[i]);
        /* one that has got the name since `gen_ms`, beside this request, would not be meant by the token */
        bool exists = known && atomic_load(&known->named_ms) <= gen_ms;
        trib_tenant_unref(known);
        if (exists) continue;
        trib_str shown = trib_str_sub(names[i], 0, TRIB_TENANT_NAME_BYTES);
        return trib_error_set(err, TRIB_TENANT_NOT_FOUND, "tenant \"%.*s\" doesn't exist; create it before the token",
                              TRIB_STR_ARG(shown));
    }
    return TRIB_OK;
}

void tenants_handle_wide_token(trib_http_request *http) {
    static const char *const members[] = {"access", "expires", "namespaces", NULL};
    const trib_json *body;
    trib_str *names = NULL;
    int64_t gen_ms = 0;
    token_ask ask;
    trib_error err;
    trib_code code = tenants_parse_body(http, members, &body, &err);
    if (code == TRIB_OK) code = parse_ask(http, body, &ask, &err);
    const trib_json *list = code == TRIB_OK ? trib_json_get(body, "namespaces") : NULL;
    size_t count = trib_json_is(list, TRIB_JSON_ARRAY) ? trib_json_count(list) : 0;
    if (code == TRIB_OK && (count == 0 || count > TRIB_JWT_MAX_NAMES)) {
        code = trib_error_set(&err, TRIB_BAD_REQUEST,
                              "\"namespaces\" must be a list of 1 to %d names, or [\"*\"] for every one",
                              TRIB_JWT_MAX_NAMES);
    }
    if (code == TRIB_OK) {
        names = trib_arena_zalloc(http->arena, count, sizeof *names);
        gen_ms = trib_control_naming_ms(http->app->control);
        code = names ? parse_names(http, list, names, count, gen_ms, &err) : trib_error_set(&err, TRIB_NOMEM, NULL);
    }
    if (code != TRIB_OK) {
        trib_http_answer_error(http, &err);
        return;
    }
    trib_jwt_claims claims = {.has_p = true, .has_gen = true, .gen = gen_ms};
    claims.p[ask.read_only ? TRIB_JWT_RIGHT_RO : TRIB_JWT_RIGHT_RW] = (trib_jwt_scope){.ns = names, .ns_count = count};
    set_times(&claims, &ask);
    answer_token(http, &claims, &ask);
}

/* Keys of others, beside ours. */
static trib_code write_imported(trib_json_writer *w, const trib_control_keys *keys, trib_error *err) {
    trib_code code = TRIB_OK;
    trib_jw_key_c(w, "imported");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < keys->imported_count && code == TRIB_OK; i++) {
        trib_buf pem;
        trib_buf_init(&pem, TRIB_ED25519_PEM_MAX_BYTES);
        code = trib_ed25519_pub_to_pem(keys->imported[i], &pem, err);
        trib_jw_object_begin(w);
        trib_jw_member_str(w, "from", trib_str_c(i < keys->setting_count ? "auth_jwt_key_file" : "api"));
        trib_jw_member_str(w, "public_key", trib_buf_str(&pem));
        trib_jw_object_end(w);
        trib_buf_deinit(&pem);
    }
    trib_jw_array_end(w);
    return code;
}

void tenants_handle_keys(trib_http_request *http) {
    tenants_reply reply;
    trib_error err;
    trib_buf pem;
    trib_code code = TRIB_OK;
    trib_control_keys *keys = trib_control_get_keys(http->app->control);
    trib_buf_init(&pem, TRIB_ED25519_PEM_MAX_BYTES);
    tenants_reply_begin(&reply);
    trib_jw_key_c(&reply.w, "keys");
    trib_jw_array_begin(&reply.w);
    for (size_t i = 0; i < keys->count && code == TRIB_OK; i++) {
        size_t start = pem.len;
        code = trib_ed25519_pub_to_pem(trib_ed25519_key_get_pub(keys->keys[i]), &pem, &err);
        if (code != TRIB_OK) break;
        trib_jw_object_begin(&reply.w);
        trib_jw_member_str(&reply.w, "kid", trib_str_c(keys->kids[i]));
        trib_jw_member_bool(&reply.w, "signs", i == 0);
        trib_jw_member_str(&reply.w, "public_key", trib_str_sub(trib_buf_str(&pem), start, pem.len));
        trib_jw_object_end(&reply.w);
    }
    trib_jw_array_end(&reply.w);
    trib_jw_member_str(&reply.w, "pem", trib_buf_str(&pem)); /* all of ours, as sqld's key file wants them */
    if (code == TRIB_OK) code = write_imported(&reply.w, keys, &err);
    trib_control_keys_release(keys);
    trib_buf_deinit(&pem);
    if (code == TRIB_OK) {
        tenants_reply_send(&reply, http);
    } else {
        trib_buf_deinit(&reply.buf);
        trib_http_answer_error(http, &err);
    }
}
