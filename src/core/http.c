/* SPDX-License-Identifier: Apache-2.0 */
/* The features' side of an HTTP request: forwards to whoever carries the bytes (net, or a test) and writes error
 * bodies. */
#include "core/http.h"

#include <stdio.h>

#include "core/app.h"
#include "core/grpc.h"
#include "wire/json.h"

/* After how long a refused client may come again: long enough to take the pressure off, short for a human. */
#define RETRY_AFTER_HEADER "retry-after: 1\r\n"

enum {
    /* An error body is a message of at most TRIB_ERROR_MESSAGE_BYTES twice, escaped at worst to six bytes a byte. */
    ERROR_BODY_MAX_BYTES = 16 * 1024,
    DOCS_BYTES = TRIB_ERROR_CODE_BYTES + 32
};

trib_str trib_http_header(const trib_http_request *request, const char *name) {
    return request->app->http.header(request, name);
}

void trib_http_answer_send(trib_http_request *request, const trib_http_answer *answer) {
    request->app->http.send(request, answer);
}

void trib_http_stream_begin(trib_http_request *request, const trib_http_answer *head,
                            void (*on_credit)(trib_http_request *)) {
    request->app->http.stream_begin(request, head, on_credit);
}

bool trib_http_stream_chunk(trib_http_request *request, trib_buf *chunk) {
    return request->app->http.stream_chunk(request, chunk);
}

bool trib_http_stream_bytes(trib_http_request *request, trib_str bytes) {
    return request->app->http.stream_bytes(request, bytes);
}

void trib_http_stream_end(trib_http_request *request, bool aborted) {
    request->app->http.stream_end(request, aborted);
}

void trib_http_error_body(trib_buf *buf, const trib_error *err, trib_str request_id) {
    trib_json_writer w;
    trib_str message = trib_str_c(err->message);
    char docs[DOCS_BYTES];
    snprintf(docs, sizeof docs, "trib help errors %s", trib_code_text(err->code));
    trib_jw_init(&w, buf);
    trib_jw_object_begin(&w);
    /* sqld's clients read `error`, the JavaScript ones `message` */
    trib_jw_member_str(&w, "error", message);
    trib_jw_member_str(&w, "message", message);
    trib_jw_member_str(&w, "code", trib_str_c(trib_error_wire_code(err)));
    trib_jw_member_str(&w, "docs", trib_str_c(docs));
    trib_jw_member_str(&w, "request_id", request_id);
    trib_jw_object_end(&w);
}

void trib_http_answer_error(trib_http_request *request, const trib_error *err) {
    trib_http_answer_error_as(request, err, trib_code_http(err->code));
}

trib_http_answer trib_http_error_answer(const trib_http_request *request, const trib_error *err, int status,
                                        trib_buf *body) {
    bool grpc = trib_grpc_is_call(request->content_type);
    trib_http_answer answer = {.status = grpc ? 200 : status, .meant_status = status, .body = body};
    trib_buf_init(body, ERROR_BODY_MAX_BYTES);
    answer.content_type = grpc ? TRIB_GRPC_CONTENT_TYPE : "application/json";
    if (grpc) trib_grpc_error_body(body, err);
    else trib_http_error_body(body, err, request->request_id);
    if (!body->failed) return answer;
    answer.status = status;
    answer.content_type = NULL;
    answer.body = NULL;
    return answer;
}

void trib_http_answer_error_as(trib_http_request *request, const trib_error *err, int status) {
    trib_buf body;
    trib_http_answer answer = trib_http_error_answer(request, err, status, &body);
    if (trib_code_retry(err->code)) answer.extra_headers = TRIB_STR(RETRY_AFTER_HEADER);
    trib_http_answer_send(request, &answer);
    trib_buf_deinit(&body);
}

void trib_http_answer_text(trib_http_request *request, int status, const char *content_type, trib_str text) {
    trib_buf body;
    trib_buf_init(&body, text.len);
    trib_buf_add(&body, text);
    if (body.failed) {
        trib_error err;
        trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_http_answer_error(request, &err);
    } else {
        trib_http_answer answer = {.status = status, .content_type = content_type, .body = &body};
        trib_http_answer_send(request, &answer);
    }
    trib_buf_deinit(&body);
}
