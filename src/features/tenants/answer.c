/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers share: reading bodies, writing JSON answers, finding the tenant, its registry members, and a change
 * of the registry under way. */
#include <string.h>

#include "base/suggest.h"
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

/* Members that nobody reads would be ignored in silence, and the caller would believe in a setting that is not
 * there. */
static trib_code check_member(trib_str key, const char *const *allowed, trib_error *err) {
    trib_suggest suggest = {.word = key};
    trib_str shown = trib_str_sub(key, 0, 64);
    for (; *allowed; allowed++) {
        if (trib_str_eq_c(key, *allowed)) return TRIB_OK;
        trib_suggest_offer(&suggest, trib_str_c(*allowed));
    }
    if (suggest.best.len)
        return trib_error_set(err, TRIB_BAD_REQUEST, "member \"%.*s\" is not known here; did you mean \"%.*s\"?",
                              TRIB_STR_ARG(shown), TRIB_STR_ARG(suggest.best));
    return trib_error_set(err, TRIB_BAD_REQUEST, "member \"%.*s\" is not known here; leave it out",
                          TRIB_STR_ARG(shown));
}

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
    for (const trib_json *member = trib_json_first(body); member && code == TRIB_OK; member = trib_json_next(member))
        code = check_member(member->key, allowed, err);
    if (code == TRIB_OK) *ret = body;
    return code;
}

trib_code tenants_find(trib_http_request *http, trib_tenant **ret, trib_error *err) {
    return tenants_find_name(http, http->path_params[0], ret, err);
}

trib_code tenants_find_name(trib_http_request *http, trib_str name, trib_tenant **ret, trib_error *err) {
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

static void member_time(trib_json_writer *w, const char *key, int64_t ms) {
    char text[TRIB_TIME_ISO_BYTES];
    trib_time_to_iso(ms, text);
    trib_jw_key_c(w, key);
    trib_jw_str_c(w, text);
}

void tenants_write_deleted(trib_json_writer *w, const trib_tenant *tenant) {
    trib_jw_member_str(w, "id", trib_str_c(tenant->id));
    member_time(w, "created_at", tenant->created_ms);
    member_time(w, "deleted_at", atomic_load(&tenant->deleted_ms));
    member_time(w, "purge_at", atomic_load(&tenant->purge_ms));
}

void tenants_write_registry(trib_json_writer *w, const trib_app *app, const trib_tenant *tenant) {
    trib_jw_member_str(w, "name", trib_str_c(tenant->name));
    trib_jw_member_str(w, "id", trib_str_c(tenant->id));
    write_url(w, app, tenant);
    trib_jw_member_bool(w, "system", tenant->system);
    if (tenant->system) trib_jw_member_null(w, "created_at");
    else member_time(w, "created_at", tenant->created_ms);
    tenants_write_settings(w, tenant);
}

/* ---- a change under way ---- */

change_call *tenants_call_new(trib_http_request *http, trib_control_op_type type, void (*finished)(trib_control_op *)) {
    trib_error err;
    change_call *call = trib_arena_zalloc(http->arena, 1, sizeof *call);
    if (!call) {
        trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_http_answer_error(http, &err);
        return NULL;
    }
    trib_str name = http->path_params[0];
    call->http = http;
    call->op.type = type;
    call->op.home = http->home;
    call->op.finished = finished;
    call->op.owner = call;
    /* a longer name is cut, which control refuses as too long or unknown: the cut one is as long as the field */
    size_t n = name.len < sizeof call->op.name - 1 ? name.len : sizeof call->op.name - 1;
    if (n) memcpy(call->op.name, name.ptr, n);
    return call;
}

bool tenants_name_fits(trib_http_request *http) {
    trib_error err;
    if (http->path_params[0].len <= TRIB_TENANT_NAME_BYTES) return true;
    trib_error_set(&err, TRIB_TENANT_NAME_INVALID, "a tenant's name has at most %d characters, this one has %zu",
                   TRIB_TENANT_NAME_BYTES, http->path_params[0].len);
    trib_http_answer_error(http, &err);
    return false;
}
