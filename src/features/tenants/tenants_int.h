/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the tenants feature: limits, the handlers of routes.c, and what they share (answer.c). */
#ifndef TRIB_FEATURES_TENANTS_INT_H
#define TRIB_FEATURES_TENANTS_INT_H

#include "core/app.h"
#include "core/control.h"
#include "core/http.h"
#include "core/tenant.h"
#include "wire/json.h"

enum {
    TENANTS_BODY_MAX_BYTES =
        64 * 1024, /* a body is a handful of members, at most 256 names: stops parser memory attacks */
    TENANTS_REPLY_MAX_BYTES = 2 << 20,      /* a full page of a list is about 350 KB */
    TENANTS_PAGE_DEFAULT = 100,             /* namespaces in a page when the request does not say */
    TENANTS_URL_MAX_BYTES = 2048,           /* public URL plus a name */
    TENANTS_IMPORTS_MAX = 4,                /* under way at once: each may fill the disk */
    TENANTS_IMPORT_CHUNK_BYTES = 4 << 20,   /* kept in memory, for each import */
    TENANTS_IMPORT_IDLE_MS = 10 * 60 * 1000 /* without a piece; then another one may have its place */
};

/* A JSON answer while it is written; failure sticks in buf. */
typedef struct tenants_reply {
    trib_buf buf;
    trib_json_writer w;
} tenants_reply;

/* Begins with an open object. */
void tenants_reply_begin(tenants_reply *reply);
/* Closes the object and answers 200, or 503 if the memory was not to be had. The request and the reply are gone
 * afterwards. */
void tenants_reply_send(tenants_reply *reply, trib_http_request *http);
/* An error body under another status than the table's, where sqld answers another one. */
void tenants_answer_error_as(trib_http_request *http, int status, const trib_error *err);

/* The body as an object; *ret NULL for an empty body. Errors: BAD_JSON, BAD_REQUEST (not an object, or a member that is
 * not in `allowed`, a list that ends with NULL), NOMEM. */
trib_code tenants_parse_body(trib_http_request *http, const char *const *allowed, const trib_json **ret,
                             trib_error *err);

/* A reference to the tenant that ":ns" names, system databases included. Errors: TENANT_NOT_FOUND. */
trib_code tenants_find(trib_http_request *http, trib_tenant **ret, trib_error *err);

/* The same of a name in a body. */
trib_code tenants_find_name(trib_http_request *http, trib_str name, trib_tenant **ret, trib_error *err);

/* Members of one tenant that the registry knows without opening the database: name, id, created_at, url, block flags
 * ... */
void tenants_write_registry(trib_json_writer *w, const trib_app *app, const trib_tenant *tenant);

/* Members of a deleted one: id, deleted_at, purge_at. */
void tenants_write_deleted(trib_json_writer *w, const trib_tenant *tenant);

/* One change under way; lives in the request's arena. */
typedef struct change_call {
    trib_control_op op;
    trib_http_request *http;
    /* delete for good: the job that removes the files */
    bool removes;
    trib_job remove;
    trib_code remove_code;
    trib_error remove_err;
} change_call;
/* Answers the error itself and returns NULL when it cannot be made. The change names what ":ns" names. */
change_call *tenants_call_new(trib_http_request *http, trib_control_op_type type,
                              void (*finished)(trib_control_op *op));
/* false: ":ns" is longer than any name, and that was answered. */
bool tenants_name_fits(trib_http_request *http);

/* settings.c: the members of trib_tenant_setting_row_at and block_reason. */
void tenants_write_settings(trib_json_writer *w, const trib_tenant *tenant);

/* The body as settings, none of them required. */
trib_code tenants_parse_settings(trib_http_request *http, trib_tenant_change *change, trib_error *err);

/* A member that holds public keys of others; absent or null: empty. Errors: BAD_REQUEST, NOMEM. */
trib_code tenants_check_jwt_key(const trib_json *member, size_t most_bytes, trib_str *ret, trib_error *err);

/* import.c: the imports under way are the module's state */
trib_code tenants_start(trib_app *app, void **ret_state, trib_error *err);
void tenants_stop(void *state);
void tenants_handle_import(trib_http_request *http);
void tenants_handle_import_piece(trib_http_request *http);
void tenants_handle_import_finish(trib_http_request *http);
void tenants_handle_import_drop(trib_http_request *http);
/* A new tenant from the SQL text at a URL; answers. change: its settings, in the request's arena; NULL: defaults. */
void tenants_create_from_dump(trib_http_request *http, trib_str url, const trib_tenant_change *change);
/* export.c */
void tenants_handle_export(trib_http_request *http);
/* fork.c */
void tenants_handle_fork(trib_http_request *http);
/* change.c */
/* An error, with sqld's status where the name is taken. */
void tenants_answer_failed(trib_http_request *http, const trib_error *err);
/* `finished` of a change whose answer is the tenant as it is now. */
void tenants_change_finished(trib_control_op *op);
void tenants_handle_create(trib_http_request *http);
void tenants_handle_rename(trib_http_request *http);
void tenants_handle_delete(trib_http_request *http);
void tenants_handle_undelete(trib_http_request *http);
void tenants_handle_revoke(trib_http_request *http);
void tenants_handle_rotate(trib_http_request *http);
void tenants_handle_import_keys(trib_http_request *http);
/* quarantine.c */
void tenants_handle_quarantined(trib_http_request *http);
void tenants_handle_quarantine(trib_http_request *http);
void tenants_handle_release(trib_http_request *http);
/* scrub.c */
void tenants_handle_scrub(trib_http_request *http);
void tenants_handle_scrub_start(trib_http_request *http);
void tenants_handle_scrub_stop(trib_http_request *http);
void tenants_handle_doctor(trib_http_request *http);
/* show.c */
void tenants_handle_list(trib_http_request *http);
void tenants_handle_show(trib_http_request *http);
void tenants_handle_stats(trib_http_request *http);
/* settings.c */
void tenants_handle_patch(trib_http_request *http);
void tenants_handle_config(trib_http_request *http);
void tenants_handle_set_config(trib_http_request *http);
/* tokens.c */
void tenants_handle_token(trib_http_request *http);
void tenants_handle_wide_token(trib_http_request *http);
void tenants_handle_keys(trib_http_request *http);

#endif
