/* SPDX-License-Identifier: Apache-2.0 */
/* What is a gRPC call, and what errors look like to one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/app.h"
#include "core/grpc.h"

static struct {
    int status;
    char type[64], body[2048];
} sent;

static void take(trib_http_request *request, const trib_http_answer *answer) {
    (void)request;
    sent.status = answer->status;
    snprintf(sent.type, sizeof sent.type, "%s", answer->content_type);
    snprintf(sent.body, sizeof sent.body, "%.*s", (int)answer->body->len - 5, answer->body->ptr + 5);
}

static void a_call_is_told_by_its_content_type(void **state) {
    (void)state;
    assert_true(trib_grpc_is_call(TRIB_STR("application/grpc-web")));
    assert_true(trib_grpc_is_call(TRIB_STR("Application/gRPC-Web+proto")));
    assert_true(trib_grpc_is_call(TRIB_STR("application/grpc-web;charset=x")));
    assert_false(trib_grpc_is_call(TRIB_STR("application/grpc-web-text")));
    assert_false(trib_grpc_is_call(TRIB_STR("application/grpc")));
    assert_false(trib_grpc_is_call(TRIB_STR("application/json")));
    assert_false(trib_grpc_is_call((trib_str){0}));
}

static void errors_are_told_in_trailers(void **state) {
    (void)state;
    static const struct {
        trib_code code;
        const char *body;
    } rows[] = {
        {TRIB_AUTH_JWT_EXPIRED, "grpc-status:16\r\ngrpc-message:AUTH_JWT_EXPIRED%3A the token has expired\r\n"},
        {TRIB_NO_HELLO, "grpc-status:9\r\ngrpc-message:NO_HELLO\r\n"},
        {TRIB_TENANT_NOT_FOUND, "grpc-status:9\r\ngrpc-message:NAMESPACE_DOESNT_EXIST\r\n"},
    };
    trib_app app = {.http = {.send = take}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_http_request request = {.app = &app, .content_type = TRIB_STR("application/grpc-web")};
        trib_error err;
        trib_error_set(&err, rows[i].code, NULL);
        trib_http_answer_error(&request, &err);
        assert_int_equal(sent.status, 200);
        assert_string_equal(sent.type, "application/grpc-web+proto");
        assert_string_equal(sent.body, rows[i].body);
    }
}

static void the_message_of_a_call_is_one_frame(void **state) {
    (void)state;
    trib_http_request request = {.content_type = TRIB_STR("application/grpc-web"), .body = TRIB_STR("\0\0\0\0\2ab")};
    trib_str message;
    assert_int_equal(trib_grpc_message(&request, &message, NULL), TRIB_OK);
    assert_true(trib_str_eq_c(message, "ab"));
    request.body = TRIB_STR("\0\0\0\0\3ab");
    assert_int_equal(trib_grpc_message(&request, &message, NULL), TRIB_BAD_REQUEST);
    request.body = TRIB_STR("\0\0\0\0\2ab");
    request.content_type = TRIB_STR("application/json");
    assert_int_equal(trib_grpc_message(&request, &message, NULL), TRIB_BAD_REQUEST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_told_by_its_content_type),
        cmocka_unit_test(errors_are_told_in_trailers),
        cmocka_unit_test(the_message_of_a_call_is_one_frame),
    };
    return cmocka_run_group_tests_name("core/grpc", tests, NULL, NULL);
}
