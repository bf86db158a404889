/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers share: reading bodies, writing JSON answers, finding the tenant, and its registry members. */
#include <string.h>

#include "base/time.h"
#include "core/control.h"
#include "features/tenants/tenants_int.h"

void tenants_reply_begin(tenants_reply *reply) {
    trib_buf_init(&reply->buf, TENANTS_REPLY_MAX_BYTES);
    trib_jw_init(&reply->w, &reply->buf);
    trib_jw_object_begin(&reply->w);
}

void tenants_reply_send(tenants_reply *reply, trib_http_request *http) {
    trib_jw_object_end(&reply->w);
    if (reply->buf.failed) {
        trib_error err;
        trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_http_answer_error(http, &err);
    } else {
        trib_http_answer answer = {.status = 200, .content_type = "application/json", .body = &reply->buf};
        trib_http_answer_send(http, &answer);
    }
    trib_buf_deinit(&reply->buf);
}

void tenants_answer_error_as(trib_http_request *http, int status, const trib_error *err) {
    trib_buf body;
    trib_buf_init(&body, TENANTS_BODY_MAX_BYTES);
    trib_http_error_body(&body, err, http->request_id);
    trib_http_answer answer = {.status = status, .content_type = "application/json", .body = &body};
    if (body.failed) {
        answer.content_type = NULL;
        answer.body = NULL;
    }
    trib_http_answer_send(http, &answer);
    trib_buf_deinit(&body);
}

static bool is_allowed(trib_str key, const char *const *allowed) {
    for (; *allowed; allowed++) {
        if (trib_str_eq_c(key, *allowed)) return true;
    }
    return false;
}

/* Members that nobody reads would be ignored in silence, and the caller would believe in a setting that is not
 * there. */
trib_code tenants_parse_body(trib_http_request *http, const char *const *allowed, const trib_json **ret,
                             trib_error *err) {
    const trib_json *body;
    if (trib_str_trim(http->body).len == 0) {
        *ret = NULL;
        return TRIB_OK;
    }
    trib_code code = trib_json_parse(http->arena, http->body, &body, err);
    if (code != TRIB_OK) return code;
    if (!trib_json_is(body, TRIB_JSON_OBJECT)) {
        return trib_error_set(err, TRIB_BAD_REQUEST,
                              "the body must be a JSON object, it is %s; send {} for the defaults",
                              trib_json_kind_text(body));
    }
    for (const trib_json *member = trib_json_first(body); member; member = trib_json_next(member)) {
        if (trib_json_is_null(member) || is_allowed(member->key, allowed)) continue;
        trib_str key = trib_str_sub(member->key, 0, 64);
        return trib_error_set(err, TRIB_BAD_REQUEST, "member \"%.*s\" is not known here; leave it out",
                              TRIB_STR_ARG(key));
    }
    *ret = body;
    return TRIB_OK;
}

trib_code tenants_find(trib_http_request *http, trib_tenant **ret, trib_error *err) {
    trib_str name = http->path_params[0];
    trib_tenant *tenant = trib_control_find(http->app->control, name);
    if (!tenant) {
        trib_str shown = trib_str_sub(name, 0, TRIB_TENANT_NAME_BYTES);
        return trib_error_set(err, TRIB_TENANT_NOT_FOUND,
                              "tenant \"%.*s\" doesn't exist; `trib tenant list` shows those that do",
                              TRIB_STR_ARG(shown));
    }
    *ret = tenant;
    return TRIB_OK;
}

static void write_url(trib_json_writer *w, const trib_app *app, const trib_tenant *tenant) {
    trib_buf url;
    trib_jw_key_c(w, "url");
    if (!app->settings.public_url) {
        trib_jw_null(w);
        return;
    }
    trib_buf_init(&url, TENANTS_URL_MAX_BYTES);
    trib_buf_add_c(&url, app->settings.public_url);
    if (!trib_str_ends(trib_buf_str(&url), TRIB_STR("/"))) trib_buf_add_char(&url, '/');
    trib_buf_add_c(&url, tenant->name);
    trib_buf_add_char(&url, '/'); /* without it libSQL's JavaScript client drops the name */
    if (url.failed) trib_jw_null(w);
    else trib_jw_str(w, trib_buf_str(&url));
    trib_buf_deinit(&url);
}

void tenants_write_registry(trib_json_writer *w, const trib_app *app, const trib_tenant *tenant) {
    char created[TRIB_TIME_ISO_BYTES];
    trib_jw_member_str(w, "name", trib_str_c(tenant->name));
    write_url(w, app, tenant);
    trib_jw_member_bool(w, "system", tenant->system);
    trib_jw_key_c(w, "created_at");
    trib_time_to_iso(tenant->created_ms, created);
    if (tenant->system) trib_jw_null(w);
    else trib_jw_str_c(w, created);
    trib_jw_member_bool(w, "block_reads", atomic_load(&tenant->block_reads));
    trib_jw_member_bool(w, "block_writes", atomic_load(&tenant->block_writes));
    trib_jw_key_c(w, "block_reason");
    if (tenant->block_reason[0]) trib_jw_str_c(w, tenant->block_reason);
    else trib_jw_null(w);
}
