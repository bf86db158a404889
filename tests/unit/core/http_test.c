/* SPDX-License-Identifier: Apache-2.0 */
/* Error bodies as clients read them, and answers forwarded to whoever carries the bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/app.h"
#include "core/http.h"

static struct {
    int calls, status;
    char type[64], body[4096], extra[128];
} sent;

static void take(trib_http_request *request, const trib_http_answer *answer) {
    (void)request;
    sent.calls++;
    sent.status = answer->status;
    snprintf(sent.type, sizeof sent.type, "%s", answer->content_type ? answer->content_type : "none");
    snprintf(sent.body, sizeof sent.body, "%.*s", TRIB_STR_ARG(trib_buf_str(answer->body)));
    snprintf(sent.extra, sizeof sent.extra, "%.*s", TRIB_STR_ARG(answer->extra_headers));
}

static void an_error_becomes_json_that_clients_read(void **state) {
    (void)state;
    trib_app app = {.http = {.send = take}};
    trib_http_request request = {.app = &app, .request_id = TRIB_STR("r-1")};
    trib_error err;
    memset(&sent, 0, sizeof sent);
    trib_error_set(&err, TRIB_BAD_JSON, "not \"JSON\"");
    trib_http_answer_error(&request, &err);
    assert_int_equal(sent.calls, 1);
    assert_int_equal(sent.status, 400);
    assert_string_equal(sent.type, "application/json"); /* exactly: libSQL clients compare it */
    assert_string_equal(sent.body,
                        "{\"error\":\"not \\\"JSON\\\"\",\"message\":\"not \\\"JSON\\\"\",\"code\":\"BAD_JSON\","
                        "\"docs\":\"trib help errors BAD_JSON\",\"request_id\":\"r-1\"}");
    assert_string_equal(sent.extra, "");
}

static void every_error_names_its_code_and_its_page(void **state) {
    (void)state;
    trib_app app = {.http = {.send = take}};
    trib_http_request request = {.app = &app, .request_id = TRIB_STR("r-1")};
    char part[160];
    for (int code = TRIB_OK + 1; code < TRIB_CODE_COUNT; code++) {
        trib_error err;
        trib_error_set(&err, (trib_code)code, NULL);
        trib_http_answer_error(&request, &err);
        const char *text = trib_code_text((trib_code)code);
        snprintf(part, sizeof part, ",\"code\":\"%s\",\"docs\":\"trib help errors %s\",", text, text);
        assert_non_null(strstr(sent.body, part));
    }
    trib_error err;
    trib_error_set(&err, TRIB_SQL_ERROR, NULL);
    snprintf(err.text_code, sizeof err.text_code, "SQLITE_BUSY"); /* has no page of its own */
    trib_http_answer_error(&request, &err);
    assert_non_null(strstr(sent.body, "\"code\":\"SQLITE_BUSY\",\"docs\":\"trib help errors SQLITE_ERROR\""));
}

static void a_refusal_that_passes_says_when_to_come_back(void **state) {
    (void)state;
    trib_app app = {.http = {.send = take}};
    trib_http_request request = {.app = &app};
    trib_error err;
    trib_error_set(&err, TRIB_TOO_MANY_REQUESTS, NULL);
    trib_http_answer_error(&request, &err);
    assert_int_equal(sent.status, 429);
    assert_string_equal(sent.extra, "retry-after: 1\r\n");
}

static void a_text_answer_carries_text_and_type(void **state) {
    (void)state;
    trib_app app = {.http = {.send = take}};
    trib_http_request request = {.app = &app};
    trib_http_answer_text(&request, 201, "text/plain", TRIB_STR("made"));
    assert_int_equal(sent.status, 201);
    assert_string_equal(sent.type, "text/plain");
    assert_string_equal(sent.body, "made");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_becomes_json_that_clients_read),
        cmocka_unit_test(every_error_names_its_code_and_its_page),
        cmocka_unit_test(a_refusal_that_passes_says_when_to_come_back),
        cmocka_unit_test(a_text_answer_carries_text_and_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
