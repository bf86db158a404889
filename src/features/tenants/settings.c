/* SPDX-License-Identifier: Apache-2.0 */
/* A tenant's settings: PATCH under our names, sqld's config object under its own.
 *
 *   PATCH  {"max_bytes":"1GiB","block_reason":null}   only what is there changes; null is the default again
 *   POST   {"block_reads":false,"block_writes":true}  sqld: these two are required; what else is absent is reset
 *                                                     or kept, as sqld does it, member by member */
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "features/tenants/tenants_int.h"
#include "wire/jwt.h"

/* ---- showing ---- */

static void write_value(trib_json_writer *w, const trib_tenant *tenant, trib_tenant_setting setting) {
    int64_t value = trib_tenant_get(tenant, setting);
    switch (trib_tenant_setting_row_at(setting)->type) {
    case TRIB_TENANT_BOOL: trib_jw_bool(w, value != 0); break;
    case TRIB_TENANT_DURABILITY: trib_jw_str_c(w, value ? "relaxed" : "strong"); break;
    case TRIB_TENANT_BYTES:
    case TRIB_TENANT_MS:
        if (value) trib_jw_i64(w, value);
        else trib_jw_null(w);
        break;
    }
}

static void write_reason(trib_json_writer *w, const trib_tenant *tenant) {
    const char *reason = tenant->block_reason;
    trib_jw_key_c(w, "block_reason");
    if (reason[0]) trib_jw_str_c(w, reason);
    else trib_jw_null(w);
}

static void write_jwt_key(trib_json_writer *w, const trib_tenant *tenant) {
    const char *key = tenant->jwt_key;
    trib_jw_key_c(w, "jwt_key");
    if (key[0]) trib_jw_str_c(w, key);
    else trib_jw_null(w);
}

void tenants_write_settings(trib_json_writer *w, const trib_tenant *tenant) {
    for (int i = 0; i < TRIB_TENANT_SETTING_COUNT; i++) {
        trib_jw_key_c(w, trib_tenant_setting_row_at((size_t)i)->name);
        write_value(w, tenant, (trib_tenant_setting)i);
    }
    write_reason(w, tenant);
    write_jwt_key(w, tenant);
}

/* ---- reading ---- */

static bool parse_number(trib_tenant_setting_type type, const trib_json *member, int64_t *ret) {
    uint64_t bytes = 0;
    trib_str text;
    if (trib_json_i64(member, ret)) return true;
    if (!trib_json_str(member, &text)) return false;
    if (type == TRIB_TENANT_MS) return trib_units_duration_ms(text, ret);
    if (!trib_units_bytes(text, &bytes) || bytes > INT64_MAX) return false;
    *ret = (int64_t)bytes;
    return true;
}

static trib_code value_error(const trib_tenant_setting_row *row, trib_error *err) {
    switch (row->type) {
    case TRIB_TENANT_BOOL: return trib_error_set(err, TRIB_BAD_REQUEST, "\"%s\" must be true or false", row->name);
    case TRIB_TENANT_DURABILITY:
        return trib_error_set(
            err, TRIB_BAD_REQUEST,
            "\"%s\" must be \"strong\" (answered when it is on disk) or \"relaxed\" (answered before: "
            "the newest writes may be lost with the power)",
            row->name);
    case TRIB_TENANT_BYTES:
        return trib_error_set(
            err, TRIB_BAD_REQUEST,
            "\"%s\" must be a size from %lld to %lld bytes, as a number or like \"500MB\" or \"1GiB\"; "
            "null for none",
            row->name, (long long)row->least, (long long)row->most);
    case TRIB_TENANT_MS: break;
    }
    return trib_error_set(
        err, TRIB_BAD_REQUEST,
        "\"%s\" must be a time from %lld to %lld ms, as a number of milliseconds or like \"10s\"; null "
        "for the default",
        row->name, (long long)row->least, (long long)row->most);
}

static bool parse_value(const trib_tenant_setting_row *row, const trib_json *member, int64_t *ret) {
    bool on = false;
    trib_str text;
    *ret = 0;
    if (trib_json_is_null(member)) return true;
    switch (row->type) {
    case TRIB_TENANT_BOOL:
        if (!trib_json_bool(member, &on)) return false;
        *ret = on;
        return true;
    case TRIB_TENANT_DURABILITY:
        if (!trib_json_str(member, &text)) return false;
        *ret = trib_str_eq_c(text, "relaxed");
        return *ret || trib_str_eq_c(text, "strong");
    case TRIB_TENANT_BYTES:
    case TRIB_TENANT_MS: break;
    }
    if (!parse_number(row->type, member, ret)) return false;
    return *ret == 0 || (*ret >= row->least && *ret <= row->most);
}

static trib_code take_reason(const trib_json *member, trib_tenant_change *change, trib_error *err) {
    trib_str reason = {0};
    change->has_reason = true;
    change->reason[0] = '\0';
    if (trib_json_absent(member)) return TRIB_OK;
    if (!trib_json_str(member, &reason) || reason.len > TRIB_TENANT_REASON_BYTES ||
        (reason.len && memchr(reason.ptr, 0, reason.len)))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"block_reason\" must be a text of at most %d bytes, or null",
                              TRIB_TENANT_REASON_BYTES);
    if (reason.len) memcpy(change->reason, reason.ptr, reason.len);
    change->reason[reason.len] = '\0';
    return TRIB_OK;
}

trib_code tenants_check_jwt_key(const trib_json *member, size_t most_bytes, trib_str *ret, trib_error *err) {
    _Static_assert((int)TRIB_IMPORTED_KEYS_MAX == (int)TRIB_TENANT_JWT_KEYS_MAX, "one bound for both");
    trib_ed25519_pub *keys[TRIB_TENANT_JWT_KEYS_MAX] = {0};
    size_t count = 0;
    trib_error why = {0};
    *ret = (trib_str){0};
    if (trib_json_absent(member)) return TRIB_OK;
    if (!trib_json_str(member, ret) || ret->len > most_bytes || (ret->len && memchr(ret->ptr, 0, ret->len)))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"jwt_key\" must be a text of at most %zu bytes, or null",
                              most_bytes);
    if (ret->len == 0) return TRIB_OK;
    trib_code code = trib_jwt_keys_from_text(*ret, TRIB_TENANT_JWT_KEYS_MAX, keys, &count, &why);
    for (size_t i = 0; i < count; i++) trib_ed25519_pub_free(keys[i]);
    if (code != TRIB_CONFIG) return code == TRIB_OK ? code : trib_error_set(err, code, NULL);
    return trib_error_set(err, TRIB_BAD_REQUEST,
                          "\"jwt_key\" must be up to %d Ed25519 public keys in PEM, or one as 32 bytes in URL-safe "
                          "Base64: %s",
                          TRIB_TENANT_JWT_KEYS_MAX, why.message);
}

static trib_code take_jwt_key(const trib_json *member, trib_tenant_change *change, trib_error *err) {
    change->has_jwt_key = true;
    return tenants_check_jwt_key(member, TRIB_TENANT_JWT_KEY_BYTES, &change->jwt_key, err);
}

static void give(trib_tenant_change *change, trib_tenant_setting setting, int64_t value) {
    change->given |= 1U << setting;
    change->values[setting] = value;
}

static trib_code take(const trib_json *member, trib_tenant_setting setting, trib_tenant_change *change,
                      trib_error *err) {
    const trib_tenant_setting_row *row = trib_tenant_setting_row_at(setting);
    int64_t value = 0;
    if (!parse_value(row, member, &value)) return value_error(row, err);
    give(change, setting, value);
    return TRIB_OK;
}

trib_code tenants_parse_settings(trib_http_request *http, trib_tenant_change *change, trib_error *err) {
    const char *allowed[TRIB_TENANT_SETTING_COUNT + 3];
    const trib_json *body = NULL;
    for (size_t i = 0; i < TRIB_TENANT_SETTING_COUNT; i++) allowed[i] = trib_tenant_setting_row_at(i)->name;
    allowed[TRIB_TENANT_SETTING_COUNT] = "block_reason";
    allowed[TRIB_TENANT_SETTING_COUNT + 1] = "jwt_key";
    allowed[TRIB_TENANT_SETTING_COUNT + 2] = NULL;
    trib_code code = tenants_parse_body(http, allowed, &body, err);
    for (int i = 0; code == TRIB_OK && i < TRIB_TENANT_SETTING_COUNT; i++) {
        const trib_json *member = trib_json_get(body, allowed[i]);
        if (member) code = take(member, (trib_tenant_setting)i, change, err);
    }
    const trib_json *reason = trib_json_get(body, "block_reason"), *key = trib_json_get(body, "jwt_key");
    if (code == TRIB_OK && key) code = take_jwt_key(key, change, err);
    return code == TRIB_OK && reason ? take_reason(reason, change, err) : code;
}

static trib_code parse_patch(trib_http_request *http, trib_tenant_change *change, trib_error *err) {
    trib_code code = tenants_parse_settings(http, change, err);
    if (code == TRIB_OK && !change->given && !change->has_reason && !change->has_jwt_key)
        code = trib_error_set(err, TRIB_BAD_REQUEST, "nothing to change: the body must have at least one setting");
    return code;
}

/* ---- sqld's object ---- */

static void write_config(trib_json_writer *w, const trib_tenant *tenant) {
    char size[32];
    int64_t bytes = trib_tenant_get(tenant, TRIB_TENANT_MAX_BYTES);
    int64_t steal_ms = trib_tenant_get(tenant, TRIB_TENANT_TXN_STEAL_MS);
    trib_jw_member_bool(w, "block_reads", trib_tenant_get(tenant, TRIB_TENANT_BLOCK_READS));
    trib_jw_member_bool(w, "block_writes", trib_tenant_get(tenant, TRIB_TENANT_BLOCK_WRITES));
    write_reason(w, tenant);
    trib_jw_key_c(w, "max_db_size");
    snprintf(size, sizeof size, "%lld B", (long long)bytes);
    if (bytes) trib_jw_str_c(w, size);
    else trib_jw_null(w);
    trib_jw_member_null(w, "heartbeat_url");
    write_jwt_key(w, tenant);
    trib_jw_member_bool(w, "allow_attach", false);
    trib_jw_key_c(w, "txn_timeout_s");
    if (steal_ms) trib_jw_i64(w, (steal_ms + 999) / 1000);
    else trib_jw_null(w);
    trib_jw_key_c(w, "durability_mode");
    write_value(w, tenant, TRIB_TENANT_RELAXED);
}

static trib_code check_unsupported(const trib_json *body, trib_error *err) {
    bool attach = false;
    if (!trib_json_absent(trib_json_get(body, "heartbeat_url")))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"heartbeat_url\" is not supported: leave it out or send null");
    const trib_json *member = trib_json_get(body, "allow_attach");
    if (trib_json_absent(member) || (trib_json_bool(member, &attach) && !attach)) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST, "\"allow_attach\" is not supported: leave it out or say false");
}

/* What sqld resets when it is absent is reset, what it keeps is kept. */
static trib_code parse_config(trib_http_request *http, trib_tenant_change *change, trib_error *err) {
    static const char *const members[] = {
        "block_reads", "block_writes", "block_reason",  "max_db_size",     "heartbeat_url",
        "jwt_key",     "allow_attach", "txn_timeout_s", "durability_mode", NULL};
    const trib_json *body = NULL;
    int64_t seconds = 0;
    trib_code code = tenants_parse_body(http, members, &body, err);
    const trib_json *reads = trib_json_get(body, "block_reads"), *writes = trib_json_get(body, "block_writes");
    const trib_json *size = trib_json_get(body, "max_db_size"), *mode = trib_json_get(body, "durability_mode");
    const trib_json *timeout = trib_json_get(body, "txn_timeout_s");
    if (code == TRIB_OK && (trib_json_absent(reads) || trib_json_absent(writes)))
        code =
            trib_error_set(err, TRIB_BAD_REQUEST,
                           "\"block_reads\" and \"block_writes\" are required here; PATCH /v1/namespaces/NAME changes "
                           "single settings");
    if (code == TRIB_OK) code = check_unsupported(body, err);
    if (code == TRIB_OK) code = take(reads, TRIB_TENANT_BLOCK_READS, change, err);
    if (code == TRIB_OK) code = take(writes, TRIB_TENANT_BLOCK_WRITES, change, err);
    if (code == TRIB_OK) code = take_reason(trib_json_get(body, "block_reason"), change, err);
    if (code == TRIB_OK) code = take_jwt_key(trib_json_get(body, "jwt_key"), change, err);
    if (code == TRIB_OK && !trib_json_absent(size)) code = take(size, TRIB_TENANT_MAX_BYTES, change, err);
    if (code == TRIB_OK && !trib_json_absent(mode)) code = take(mode, TRIB_TENANT_RELAXED, change, err);
    int64_t most_s = trib_tenant_setting_row_at(TRIB_TENANT_TXN_STEAL_MS)->most / 1000;
    if (code == TRIB_OK && !trib_json_absent(timeout) &&
        (!trib_json_i64(timeout, &seconds) || seconds < 0 || seconds > most_s))
        code = trib_error_set(err, TRIB_BAD_REQUEST, "\"txn_timeout_s\" must be a number of seconds up to %lld",
                              (long long)most_s);
    if (code == TRIB_OK) give(change, TRIB_TENANT_TXN_STEAL_MS, seconds * 1000);
    return code;
}

void tenants_handle_config(trib_http_request *http) {
    trib_tenant *tenant = NULL;
    tenants_reply reply;
    trib_error err;
    if (tenants_find(http, &tenant, &err) != TRIB_OK) {
        trib_http_answer_error(http, &err);
        return;
    }
    tenants_reply_begin(&reply);
    write_config(&reply.w, tenant);
    trib_tenant_unref(tenant);
    tenants_reply_send(&reply, http);
}

/* ---- changing ---- */

static void config_finished(trib_control_op *op) {
    change_call *call = op->owner;
    tenants_reply reply;
    if (op->code != TRIB_OK) {
        trib_http_answer_error(call->http, &op->err);
        return;
    }
    tenants_reply_begin(&reply);
    write_config(&reply.w, op->tenant);
    trib_tenant_unref(op->tenant);
    tenants_reply_send(&reply, call->http);
}

static void change_settings(trib_http_request *http,
                            trib_code (*parse)(trib_http_request *, trib_tenant_change *, trib_error *),
                            void (*finished)(trib_control_op *)) {
    trib_error err;
    if (!tenants_name_fits(http)) return;
    trib_tenant_change *change = trib_arena_zalloc(http->arena, 1, sizeof *change);
    trib_code code = change ? parse(http, change, &err) : trib_error_set(&err, TRIB_NOMEM, NULL);
    if (code != TRIB_OK) {
        trib_http_answer_error(http, &err);
        return;
    }
    change_call *call = tenants_call_new(http, TRIB_CONTROL_SETTINGS, finished);
    if (!call) return;
    call->op.change = change;
    code = trib_control_submit(http->app->control, &call->op, &err);
    if (code != TRIB_OK) trib_http_answer_error(http, &err);
}

void tenants_handle_patch(trib_http_request *http) {
    change_settings(http, parse_patch, tenants_change_finished);
}

void tenants_handle_set_config(trib_http_request *http) {
    change_settings(http, parse_config, config_finished);
}
