/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the routes below __ds/, and how they say no: in the protocol's form, an object under "error". */
#include <stdio.h>
#include <string.h>

#include "features/durable/keys.h"
#include "features/durable/sub_int.h"

void durable_call_error_body(trib_buf *out, const trib_error *err, const durable_call *call, trib_str request_id) {
    trib_json_writer w;
    char docs[80];
    snprintf(docs, sizeof docs, "trib help errors %.50s", trib_code_text(err->code));
    trib_jw_init(&w, out);
    trib_jw_object_begin(&w);
    trib_jw_key_c(&w, "error");
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "code", trib_str_c(trib_error_wire_code(err)));
    trib_jw_member_str(&w, "message", trib_str_c(err->message));
    if (call && call->holder[0]) {
        trib_jw_member_str(&w, "current_holder", trib_str_c(call->holder));
        trib_jw_member_i64(&w, "generation", call->held_generation);
    }
    trib_jw_object_end(&w);
    trib_jw_member_str(&w, "docs", trib_str_c(docs));
    trib_jw_member_str(&w, "request_id", request_id);
    trib_jw_object_end(&w);
}

static void start(trib_http_request *http, trib_code (*read)(trib_http_request *http, durable_call *ret, trib_error *),
                  trib_code (*body)(durable_ask *ask, trib_error *err)) {
    trib_error err;
    durable_call *call = trib_arena_alloc(http->arena, sizeof *call);
    trib_code code = TRIB_OK;
    if (call) memset(call, 0, sizeof *call);
    if (!call) code = trib_error_set(&err, TRIB_NOMEM, NULL);
    else if (read) code = read(http, call, &err);
    if (code != TRIB_OK) {
        durable_refuse(http, &err);
        return;
    }
    const durable_head head = {.call = call};
    durable_ask_start(http, DURABLE_CALL, &head, body);
}

void durable_handle_sub_put(trib_http_request *http) {
    start(http, durable_call_put, durable_sub_put);
}

void durable_handle_sub_get(trib_http_request *http) {
    start(http, durable_call_name, durable_sub_get);
}

void durable_handle_sub_list(trib_http_request *http) {
    start(http, NULL, durable_sub_list);
}

void durable_handle_sub_delete(trib_http_request *http) {
    start(http, durable_call_name, durable_sub_remove);
}

void durable_handle_sub_link(trib_http_request *http) {
    start(http, durable_call_streams, durable_sub_link);
}

void durable_handle_sub_unlink(trib_http_request *http) {
    start(http, durable_call_name, durable_sub_unlink);
}

void durable_handle_sub_claim(trib_http_request *http) {
    start(http, durable_call_claim, durable_sub_claim);
}

void durable_handle_sub_callback(trib_http_request *http) {
    start(http, durable_call_wake, durable_sub_callback);
}

void durable_handle_sub_ack(trib_http_request *http) {
    start(http, durable_call_wake, durable_sub_ack);
}

void durable_handle_sub_release(trib_http_request *http) {
    start(http, durable_call_wake, durable_sub_release);
}

/* Receivers have no token. So that nobody learns here which tenants there are, a name that none has gets a key, too:
 * one that will never sign anything. */
void durable_handle_jwks(trib_http_request *http) {
    trib_error err;
    trib_buf keys;
    char id[sizeof "nobody: " + TRIB_TENANT_NAME_BYTES];
    const trib_tenant *tenant = http->tenant;
    if (tenant && !tenant->system) {
        snprintf(id, sizeof id, "%s", tenant->id);
    } else {
        trib_str name = http->tenant_named.len > 0 ? http->tenant_named : http->host;
        snprintf(id, sizeof id, "nobody: %.*s",
                 name.len < TRIB_TENANT_NAME_BYTES ? (int)name.len : TRIB_TENANT_NAME_BYTES, name.ptr ? name.ptr : "");
    }
    trib_buf_init(&keys, 64 * 1024);
    trib_code code = durable_keys_publish(http->app, trib_str_c(id), &keys, &err);
    if (code != TRIB_OK) {
        durable_refuse(http, &err);
    } else {
        trib_http_answer answer = {.status = 200,
                                   .content_type = "application/jwk-set+json",
                                   .body = &keys,
                                   .extra_headers = TRIB_STR("Cache-Control: public, max-age=300\r\n"
                                                             "X-Content-Type-Options: nosniff\r\n")};
        trib_http_answer_send(http, &answer);
    }
    trib_buf_deinit(&keys);
}
