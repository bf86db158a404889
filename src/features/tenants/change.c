/* SPDX-License-Identifier: Apache-2.0 */
/* What changes the registry but settings: create, rename, delete, undelete, revoke tokens, rotate keys. Each is one
 * operation of core/control.h, answered when it is durable.
 *
 *   delete:      marked as deleted, durable --> answer; core/control_purge.c ends it when the grace is over
 *   delete now:  registry row gone, durable --> a worker removes the files --> answer
 *                                               └ in use: tried again later; nobody can reach them any more */
#include <string.h>

#include "core/control.h"
#include "features/tenants/tenants_int.h"
#include "wire/tenant_name.h"

static change_call *call_of_job(trib_job *job) {
    return (change_call *)(void *)((char *)job - offsetof(change_call, remove));
}

/* ---- create ---- */

/* sqld answers 400 where the name is taken. */
void tenants_answer_failed(trib_http_request *http, const trib_error *err) {
    if (err->code == TRIB_TENANT_EXISTS) tenants_answer_error_as(http, 400, err);
    else trib_http_answer_error(http, err);
}

/* The tenant as it is now. */
void tenants_change_finished(trib_control_op *op) {
    change_call *call = op->owner;
    tenants_reply reply;
    if (op->code != TRIB_OK) {
        tenants_answer_failed(call->http, &op->err);
        return;
    }
    tenants_reply_begin(&reply);
    tenants_write_registry(&reply.w, call->http->app, op->tenant);
    trib_tenant_unref(op->tenant);
    tenants_reply_send(&reply, call->http); /* and with the request the call goes */
}

/* sqld's members that would change what the new tenant is: better refused than ignored. */
static trib_code check_create_body(const trib_json *body, trib_error *err) {
    static const char *const unsupported[] = {"max_db_size",   "heartbeat_url", "bottomless_db_id",
                                              "txn_timeout_s", "max_row_size",  "shared_schema_name"};
    static const char *const only_false[] = {"shared_schema", "allow_attach"};
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++) {
        if (trib_json_absent(trib_json_get(body, unsupported[i]))) continue;
        return trib_error_set(err, TRIB_BAD_REQUEST,
                              "\"%s\" is not supported: create the tenant with {} and leave this member out",
                              unsupported[i]);
    }
    for (size_t i = 0; i < sizeof only_false / sizeof *only_false; i++) {
        const trib_json *member = trib_json_get(body, only_false[i]);
        bool on = true;
        if (trib_json_absent(member) || (trib_json_bool(member, &on) && !on)) continue;
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"%s\" is not supported: leave it out or say false",
                              only_false[i]);
    }
    return TRIB_OK;
}

void tenants_handle_create(trib_http_request *http) {
    static const char *const members[] = {
        "dump_url",     "max_db_size",   "heartbeat_url",      "bottomless_db_id", "jwt_key",         "txn_timeout_s",
        "max_row_size", "shared_schema", "shared_schema_name", "allow_attach",     "durability_mode", NULL};
    const trib_json *body, *url;
    trib_str mode, dump = {0}, key = {0};
    trib_error err;
    if (!tenants_name_fits(http)) return;
    trib_code code = tenants_parse_body(http, members, &body, &err);
    if (code == TRIB_OK) code = check_create_body(body, &err);
    if (code == TRIB_OK && trib_json_str(trib_json_get(body, "durability_mode"), &mode) &&
        !trib_str_eq_c(mode, "strong")) {
        code = trib_error_set(&err, TRIB_BAD_REQUEST,
                              "\"durability_mode\" is always \"strong\" here: an acknowledged write is on disk");
    }
    if (code == TRIB_OK)
        code = tenants_check_jwt_key(trib_json_get(body, "jwt_key"), TRIB_TENANT_JWT_KEY_BYTES, &key, &err);
    url = code == TRIB_OK ? trib_json_get(body, "dump_url") : NULL;
    if (code == TRIB_OK && !trib_json_absent(url) && (!trib_json_str(url, &dump) || dump.len == 0))
        code = trib_error_set(&err, TRIB_BAD_REQUEST, "\"dump_url\" must be a URL of SQL text");
    trib_tenant_change *change = code == TRIB_OK && key.len ? trib_arena_zalloc(http->arena, 1, sizeof *change) : NULL;
    if (change) *change = (trib_tenant_change){.has_jwt_key = true, .jwt_key = key};
    if (code == TRIB_OK && key.len && !change) code = trib_error_set(&err, TRIB_NOMEM, NULL);
    if (code != TRIB_OK) {
        trib_http_answer_error(http, &err);
        return;
    }
    if (dump.len) {
        tenants_create_from_dump(http, dump, change);
        return;
    }
    change_call *call = tenants_call_new(http, TRIB_CONTROL_CREATE, tenants_change_finished);
    if (!call) return;
    call->op.change = change;
    code = trib_control_submit(http->app->control, &call->op, &err);
    if (code != TRIB_OK) tenants_answer_failed(http, &err);
}

/* ---- rename ---- */

void tenants_handle_rename(trib_http_request *http) {
    static const char *const members[] = {"name", NULL};
    const trib_json *body = NULL;
    trib_str name = {0};
    trib_error err;
    if (!tenants_name_fits(http)) return;
    trib_code code = tenants_parse_body(http, members, &body, &err);
    if (code == TRIB_OK && !trib_json_str(trib_json_get(body, "name"), &name))
        code = trib_error_set(&err, TRIB_BAD_REQUEST, "\"name\" must be there: the new name, a text");
    if (code != TRIB_OK) {
        trib_http_answer_error(http, &err);
        return;
    }
    change_call *call = tenants_call_new(http, TRIB_CONTROL_RENAME, tenants_change_finished);
    if (!call) return;
    call->op.new_name = name;
    code = trib_control_submit(http->app->control, &call->op, &err);
    if (code != TRIB_OK) tenants_answer_failed(http, &err);
}

/* ---- delete and undelete ---- */

static trib_code read_switch(const trib_json *body, const char *name, bool *ret, trib_error *err) {
    const trib_json *member = trib_json_get(body, name);
    if (trib_json_absent(member) || trib_json_bool(member, ret)) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST, "\"%s\" must be true or false, it is %s", name,
                          trib_json_kind_text(member));
}

static trib_code read_id(const trib_json *body, trib_str *ret, trib_error *err) {
    const trib_json *member = trib_json_get(body, "id");
    if (trib_json_absent(member) || trib_json_str(member, ret)) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST, "\"id\" must be a text, as the list of deleted tenants shows it");
}

static void delete_answer(change_call *call) {
    trib_http_request *http = call->http;
    trib_tenant *tenant = call->op.tenant;
    tenants_reply reply;
    bool removed = call->removes && call->remove_code == TRIB_OK;
    if (call->removes && !removed) trib_control_remove_later(http->app->control, tenant, tenant->id);
    tenants_reply_begin(&reply);
    trib_jw_member_str(&reply.w, "name", trib_str_c(tenant->name));
    trib_jw_member_bool(&reply.w, "deleted", true);
    trib_jw_member_bool(&reply.w, "files_removed", removed);
    if (!call->removes) tenants_write_deleted(&reply.w, tenant);
    trib_tenant_unref(tenant);
    tenants_reply_send(&reply, http);
}

static trib_job_verdict remove_run(trib_job *job) {
    change_call *call = call_of_job(job);
    call->remove_code =
        trib_store_db_delete(call->http->app->store, trib_str_c(call->op.tenant->id), &call->remove_err);
    return TRIB_JOB_DONE;
}

static void remove_done(trib_job *job) {
    delete_answer(call_of_job(job));
}

/* The tenant is gone for everybody; whatever happens to the files, the answer is yes. */
static void delete_finished(trib_control_op *op) {
    change_call *call = op->owner;
    if (op->code != TRIB_OK) {
        trib_http_answer_error(call->http, &op->err);
        return;
    }
    call->removes = atomic_load(&op->tenant->purge_ms) == 0 || op->now;
    call->remove.run = remove_run;
    call->remove.done = remove_done;
    call->remove.home = call->http->home;
    call->remove.queue = op->tenant->queue;
    /* a worker owns the call from here on, unless it failed */
    if (call->removes && (call->remove_code = trib_job_submit(&call->remove, NULL)) == TRIB_OK) return;
    delete_answer(call);
}

void tenants_handle_delete(trib_http_request *http) {
    static const char *const members[] = {"keep_backup", "now", "id", NULL};
    const trib_json *body;
    trib_str id = {0};
    bool now = false;
    trib_error err;
    if (!tenants_name_fits(http)) return;
    trib_code code = tenants_parse_body(http, members, &body, &err);
    if (code == TRIB_OK) code = read_switch(body, "now", &now, &err);
    if (code == TRIB_OK) code = read_id(body, &id, &err);
    if (code == TRIB_OK && trib_tenant_name_system(http->path_params[0]))
        code =
            trib_error_set(&err, TRIB_BAD_REQUEST, "\"%.*s\" is a database of the server itself and cannot be deleted",
                           TRIB_STR_ARG(http->path_params[0]));
    if (code != TRIB_OK) {
        trib_http_answer_error(http, &err);
        return;
    }
    change_call *call = tenants_call_new(http, TRIB_CONTROL_DELETE, delete_finished);
    if (!call) return;
    call->op.now = now;
    call->op.id = id;
    code = trib_control_submit(http->app->control, &call->op, &err);
    if (code != TRIB_OK) trib_http_answer_error(http, &err);
}

void tenants_handle_undelete(trib_http_request *http) {
    static const char *const members[] = {"name", "id", NULL};
    const trib_json *body;
    trib_str id = {0}, name = {0};
    trib_error err;
    if (!tenants_name_fits(http)) return;
    trib_code code = tenants_parse_body(http, members, &body, &err);
    if (code == TRIB_OK) code = read_id(body, &id, &err);
    const trib_json *member = code == TRIB_OK ? trib_json_get(body, "name") : NULL;
    if (code == TRIB_OK && !trib_json_absent(member) && !trib_json_str(member, &name))
        code = trib_error_set(&err, TRIB_BAD_REQUEST, "\"name\" must be a text: the name it comes back with");
    if (code != TRIB_OK) {
        trib_http_answer_error(http, &err);
        return;
    }
    change_call *call = tenants_call_new(http, TRIB_CONTROL_UNDELETE, tenants_change_finished);
    if (!call) return;
    call->op.id = id;
    call->op.new_name = name;
    code = trib_control_submit(http->app->control, &call->op, &err);
    if (code != TRIB_OK) tenants_answer_failed(http, &err);
}

/* ---- tokens and keys ---- */

static void revoke_finished(trib_control_op *op) {
    change_call *call = op->owner;
    trib_tenant *tenant = op->tenant;
    tenants_reply reply;
    if (op->code != TRIB_OK || !tenant) {
        if (op->code == TRIB_OK)
            trib_error_set(&op->err, TRIB_TENANT_NOT_FOUND, "tenant \"%s\" was deleted meanwhile", op->name);
        trib_http_answer_error(call->http, &op->err);
        return;
    }
    tenants_reply_begin(&reply);
    trib_jw_member_str(&reply.w, "namespace", trib_str_c(tenant->name));
    trib_jw_member_i64(&reply.w, "token_epoch", atomic_load(&tenant->token_epoch));
    tenants_reply_send(&reply, call->http);
    trib_tenant_unref(tenant);
}

void tenants_handle_revoke(trib_http_request *http) {
    static const char *const members[] = {NULL};
    const trib_json *body;
    trib_error err;
    if (!tenants_name_fits(http)) return;
    trib_code code = tenants_parse_body(http, members, &body, &err);
    if (code != TRIB_OK) {
        trib_http_answer_error(http, &err);
        return;
    }
    change_call *call = tenants_call_new(http, TRIB_CONTROL_REVOKE, revoke_finished);
    if (!call) return;
    code = trib_control_submit(http->app->control, &call->op, &err);
    if (code != TRIB_OK) trib_http_answer_error(http, &err);
}

static void keys_finished(trib_control_op *op) {
    change_call *call = op->owner;
    tenants_reply reply;
    if (op->code != TRIB_OK) {
        trib_http_answer_error(call->http, &op->err);
        return;
    }
    trib_control_keys *keys = trib_control_get_keys(call->http->app->control);
    tenants_reply_begin(&reply);
    trib_jw_member_str(&reply.w, "kid", trib_str_c(keys->kids[0]));
    trib_jw_member_i64(&reply.w, "keys", (int64_t)keys->count);
    trib_jw_member_i64(&reply.w, "imported_keys", (int64_t)keys->imported_count);
    trib_jw_member_bool(&reply.w, "new_key", op->type == TRIB_CONTROL_ROTATE_KEY);
    trib_control_keys_release(keys);
    tenants_reply_send(&reply, call->http);
}

void tenants_handle_rotate(trib_http_request *http) {
    static const char *const members[] = {"drop_old", "drop_all", NULL};
    const trib_json *body;
    bool drop_old = false, drop_all = false;
    trib_error err;
    trib_code code = tenants_parse_body(http, members, &body, &err);
    if (code == TRIB_OK) code = read_switch(body, "drop_old", &drop_old, &err);
    if (code == TRIB_OK) code = read_switch(body, "drop_all", &drop_all, &err);
    if (code == TRIB_OK && drop_old && drop_all)
        code = trib_error_set(&err, TRIB_BAD_REQUEST,
                              "\"drop_old\" keeps the key that signs, \"drop_all\" does not: send one of them");
    if (code != TRIB_OK) {
        trib_http_answer_error(http, &err);
        return;
    }
    change_call *call =
        tenants_call_new(http, drop_old ? TRIB_CONTROL_DROP_OLD_KEYS : TRIB_CONTROL_ROTATE_KEY, keys_finished);
    if (!call) return;
    call->op.drop_all = drop_all;
    code = trib_control_submit(http->app->control, &call->op, &err);
    if (code != TRIB_OK) trib_http_answer_error(http, &err);
}

void tenants_handle_import_keys(trib_http_request *http) {
    enum { TEXT_BYTES = 4096 };
    static const char *const members[] = {"jwt_key", NULL};
    const trib_json *body;
    trib_str keys = {0};
    trib_error err;
    trib_code code = tenants_parse_body(http, members, &body, &err);
    const trib_json *member = code == TRIB_OK ? trib_json_get(body, "jwt_key") : NULL;
    if (code == TRIB_OK && !member)
        code = trib_error_set(&err, TRIB_BAD_REQUEST,
                              "\"jwt_key\" must be there: the public keys that count beside our own, null for none");
    if (code == TRIB_OK) code = tenants_check_jwt_key(member, TEXT_BYTES, &keys, &err);
    if (code != TRIB_OK) {
        trib_http_answer_error(http, &err);
        return;
    }
    change_call *call = tenants_call_new(http, TRIB_CONTROL_IMPORT_KEYS, keys_finished);
    if (!call) return;
    call->op.imported = keys;
    code = trib_control_submit(http->app->control, &call->op, &err);
    if (code != TRIB_OK) trib_http_answer_error(http, &err);
}
