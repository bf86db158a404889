/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a request around its command; see command_http.h. */
#include "core/command_http.h"

#include <stdlib.h>

static void on_cancel(trib_http_request *http) {
    trib_command_cancel(http->feature);
}

trib_code trib_command_submit_for(trib_command *command, trib_http_request *http, trib_error *err) {
    command->job.home = http->home;
    http->feature = command;
    http->on_cancel = on_cancel;
    return trib_command_submit(command, err);
}

static void let_go(trib_command *command, trib_http_request *http) {
    http->on_cancel = NULL;
    trib_command_deinit(command);
    free(command);
}

void trib_command_refuse(trib_command *command, trib_http_request *http, const trib_error *why) {
    trib_error err = *why;
    let_go(command, http);
    trib_http_answer_error(http, &err);
}

void trib_command_answer(trib_command *command, trib_http_request *http, int status, trib_str json, size_t max_bytes) {
    trib_buf body;
    trib_error err;
    trib_buf_init(&body, max_bytes);
    trib_buf_add(&body, json);
    trib_http_answer answer = {.status = status, .content_type = "application/json", .body = &body};
    bool failed = body.failed;
    let_go(command, http);
    if (failed) {
        trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_http_answer_error(http, &err);
    } else {
        trib_http_answer_send(http, &answer);
    }
    trib_buf_deinit(&body);
}
