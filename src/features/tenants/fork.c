/* SPDX-License-Identifier: Apache-2.0 */
/* Forks: POST /v1/namespaces/:ns/fork/:to, as sqld has it. The answer comes when the new tenant can be used. */
#include <string.h>

#include "core/fork.h"
#include "features/tenants/tenants_int.h"

static void on_cancel(trib_http_request *http) {
    trib_fork_cancel(http->feature);
}

static void fork_finished(trib_fork *fork) {
    trib_http_request *http = fork->owner;
    tenants_reply reply;
    http->on_cancel = NULL;
    if (fork->code != TRIB_OK) {
        tenants_answer_failed(http, &fork->err);
        return;
    }
    tenants_reply_begin(&reply);
    tenants_write_registry(&reply.w, http->app, fork->tenant);
    trib_tenant_unref(fork->tenant);
    tenants_reply_send(&reply, http);
}

static trib_code check(trib_http_request *http, trib_error *err) {
    static const char *const members[] = {"timestamp", NULL};
    const trib_json *body = NULL;
    trib_code code = tenants_parse_body(http, members, &body, err);
    if (code == TRIB_OK && !trib_json_absent(trib_json_get(body, "timestamp")))
        code = trib_error_set(err, TRIB_BAD_REQUEST,
                              "\"timestamp\" is not supported: a fork has the data of now; leave it out");
    if (code == TRIB_OK && http->path_params[1].len > TRIB_TENANT_NAME_BYTES)
        code = trib_error_set(err, TRIB_TENANT_NAME_INVALID, "a tenant's name has at most %d characters",
                              TRIB_TENANT_NAME_BYTES);
    return code;
}

void tenants_handle_fork(trib_http_request *http) {
    trib_tenant *source = NULL;
    trib_error err;
    trib_code code = check(http, &err);
    if (code == TRIB_OK) code = tenants_find(http, &source, &err);
    trib_fork *fork = code == TRIB_OK ? trib_arena_zalloc(http->arena, 1, sizeof *fork) : NULL;
    if (code == TRIB_OK && !fork) code = trib_error_set(&err, TRIB_NOMEM, NULL);
    if (fork) {
        trib_str to = http->path_params[1];
        fork->app = http->app;
        fork->source = source;
        if (to.len) memcpy(fork->name, to.ptr, to.len);
        fork->home = http->home;
        fork->finished = fork_finished;
        fork->owner = http;
        http->feature = fork;
        http->on_cancel = on_cancel;
        code = trib_fork_submit(fork, &err);
        if (code != TRIB_OK) http->on_cancel = NULL;
    }
    trib_tenant_unref(source);
    if (code != TRIB_OK) tenants_answer_failed(http, &err);
}
