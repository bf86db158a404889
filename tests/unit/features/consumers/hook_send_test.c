/* SPDX-License-Identifier: Apache-2.0 */
/* The signature of a delivery, by the example of the specification, and what is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "features/consumers/consumers_int.h"
#include "support/env_test.h"
#include "wire/base64.h"

static void the_signature_is_that_of_the_specification(void **state) {
    (void)state;
    char key[64];
    size_t n = 0;
    trib_buf out;
    trib_buf_init(&out, 200);
    assert_true(trib_base64_decode(TRIB_BASE64_STD, TRIB_BASE64_LENIENT, TRIB_STR("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
                                   key, &n));
    assert_int_equal(consumers_hook_sign(trib_str_make(key, n), TRIB_STR("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                                         TRIB_STR("{\"test\": 2432232314}"), &out, NULL),
                     TRIB_OK);
    assert_true(trib_str_eq_c(trib_buf_str(&out), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    trib_buf_deinit(&out);
}

static char seen[1000];

static trib_code fake_send(void *ctx, void *session, const trib_outbound_request *request, int *ret_status,
                           trib_error *err) {
    size_t n = 0;
    (void)ctx, (void)session, (void)err;
    n += (size_t)snprintf(seen, sizeof seen, "%s %.*s public=%d timeout=%u %.*s", request->method,
                          TRIB_STR_ARG(request->url), request->public_only, request->timeout_ms,
                          TRIB_STR_ARG(request->body));
    for (size_t i = 0; i < request->header_count; i++)
        n += (size_t)snprintf(seen + n, sizeof seen - n, " %s=%.*s", request->headers[i].name,
                              TRIB_STR_ARG(request->headers[i].value));
    *ret_status = 204;
    return TRIB_OK;
}

static void what_is_sent_names_the_event_and_goes_to_public_addresses_only(void **state) {
    (void)state;
    trib_env_test env;
    int status = 0;
    trib_env_test_init(&env, false, 1);
    trib_app app = {.env = &env.env, .version = "1.2", .outbound = {.send = fake_send}};
    const consumers_message message = {.id = TRIB_STR("msg_1_2"),
                                       .body = TRIB_STR("{}"),
                                       .url = TRIB_STR("https://example.com/h"),
                                       .secret = TRIB_STR("k"),
                                       .timeout_ms = 7};
    assert_int_equal(consumers_hook_send(&app, NULL, &message, NULL, &status, NULL), TRIB_OK);
    assert_int_equal(status, 204);
    assert_memory_equal(seen, "POST https://example.com/h public=1 timeout=7 {} ", 49);
    assert_non_null(strstr(seen, " user-agent=Tributary/1.2 webhook-id=msg_1_2 webhook-timestamp=17000"));
    assert_non_null(strstr(seen, " webhook-signature=v1,"));
    app.settings.webhook_private = true;
    assert_int_equal(consumers_hook_send(&app, NULL, &message, NULL, &status, NULL), TRIB_OK);
    assert_non_null(strstr(seen, "public=0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_signature_is_that_of_the_specification),
        cmocka_unit_test(what_is_sent_names_the_event_and_goes_to_public_addresses_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
