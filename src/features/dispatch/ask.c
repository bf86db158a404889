/* SPDX-License-Identifier: Apache-2.0 */
/* A request that changes something: who asks, a body, a command, an answer. */
#include <stdlib.h>

#include "core/auth.h"
#include "core/command_http.h"
#include "features/dispatch/ask_int.h"

void dispatch_ask_refuse(dispatch_ask *ask, const trib_error *why) {
    trib_command_refuse(&ask->command, ask->http, why);
}

static void finished(trib_command *command) {
    dispatch_ask *ask = (dispatch_ask *)(void *)command;
    if (ask->after) ask->after(ask);
    if (command->code != TRIB_OK || ask->late.code != TRIB_OK)
        dispatch_ask_refuse(ask, command->code != TRIB_OK ? &command->err : &ask->late);
    else trib_command_answer(command, ask->http, ask->status, ask->response, DISPATCH_ANSWER_MAX_BYTES);
}

/* Who names `streams` itself is the platform; who names a tenant is that tenant. */
static trib_code name_asker(dispatch_ask *ask, trib_error *err) {
    trib_http_request *http = ask->http;
    trib_str id, name;
    trib_code code = trib_may(http->principal, http->tenant, TRIB_ACTION_WRITE, trib_env_wall_ms(http->app->env), err);
    if (code == TRIB_OK) code = trib_stream_name_asker(http->app, http->principal, http->tenant, &id, &name, err);
    if (code != TRIB_OK) return code;
    ask->command.tenant_id = id;
    ask->command.tenant_name = name.len ? trib_arena_dup(http->arena, name) : (trib_str){0};
    return name.len && !ask->command.tenant_name.ptr ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code parse_body(dispatch_ask *ask, trib_error *err) {
    trib_http_request *http = ask->http;
    trib_str text = trib_str_trim(http->body);
    trib_code code = trib_json_parse_unique(http->arena, text.len ? text : TRIB_STR("{}"), &ask->body, err);
    if (code == TRIB_OK && !trib_json_is(ask->body, TRIB_JSON_OBJECT))
        return trib_error_set(err, TRIB_BAD_REQUEST, "the body must be a JSON object");
    return code;
}

dispatch_ask *dispatch_ask_new(trib_http_request *http, trib_error *err) {
    dispatch_ask *ask = calloc(1, sizeof *ask);
    if (!ask) {
        trib_error_set(err, TRIB_NOMEM, NULL);
        trib_http_answer_error(http, err);
        return NULL;
    }
    ask->http = http;
    ask->module = http->module_state;
    ask->command.app = http->app;
    ask->status = 200;
    trib_code code = name_asker(ask, err);
    if (code == TRIB_OK) code = parse_body(ask, err);
    if (code == TRIB_OK) return ask;
    dispatch_ask_refuse(ask, err);
    return NULL;
}

void dispatch_ask_submit(dispatch_ask *ask) {
    trib_error err;
    ask->command.finished = finished;
    if (trib_command_submit_for(&ask->command, ask->http, &err) != TRIB_OK) dispatch_ask_refuse(ask, &err);
}

trib_code dispatch_ask_respond(dispatch_ask *ask, trib_arena *arena, trib_buf *buf, trib_error *err) {
    ask->response = buf->failed ? (trib_str){0} : trib_arena_dup(arena, trib_buf_str(buf));
    trib_buf_deinit(buf);
    return ask->response.ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}
