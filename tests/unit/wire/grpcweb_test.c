/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/wire/grpcweb.c: frames byte for byte, cut anywhere, and bodies that are none. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "wire/grpcweb.h"

static void an_answer_is_frames_and_a_trailer(void **state) {
    static const char want[] = "\x00\x00\x00\x00\x03"
                               "abc"
                               "\x00\x00\x00\x00\x00"
                               "\x80\x00\x00\x00\x0fgrpc-status:0\r\n";
    (void)state;
    trib_buf out;
    trib_buf_init(&out, 4096);
    size_t place = trib_grpcweb_begin(&out);
    trib_buf_add(&out, TRIB_STR("abc"));
    trib_grpcweb_end(&out, place);
    trib_grpcweb_end(&out, trib_grpcweb_begin(&out));
    trib_grpcweb_trailer(&out, 0, (trib_str){0});
    assert_int_equal(out.len, sizeof want - 1);
    assert_memory_equal(out.ptr, want, sizeof want - 1);
    for (size_t cut = 0; cut <= out.len; cut++) {
        trib_str rest = trib_str_sub(trib_buf_str(&out), 0, cut), message;
        uint8_t flags = 7;
        size_t whole = 0;
        while (trib_grpcweb_take(&rest, &flags, &message)) whole++;
        assert_int_equal(whole, (cut >= 8) + (cut >= 13) + (cut >= 33));
        if (whole == 3) assert_int_equal(flags, TRIB_GRPCWEB_TRAILER);
        else assert_true(whole == 0 || flags == 0);
    }
    trib_buf_deinit(&out);
}

static void the_message_of_a_failure_is_percent_encoded(void **state) {
    static const char want[] = "\x80\x00\x00\x00\x39grpc-status:9\r\ngrpc-message:50%25%3A \"caf%C3%A9\"%0D%0Ax\r\n";
    (void)state;
    trib_buf out;
    trib_buf_init(&out, 4096);
    trib_grpcweb_trailer(&out, 9, TRIB_STR("50%: \"caf\xc3\xa9\"\r\nx"));
    assert_int_equal(out.len, sizeof want - 1);
    assert_memory_equal(out.ptr, want, sizeof want - 1);
    trib_buf_deinit(&out);
    for (size_t max = 0; max < sizeof want - 1; max++) {
        trib_buf_init(&out, max);
        trib_grpcweb_trailer(&out, 9, TRIB_STR("50%: \"caf\xc3\xa9\"\r\nx"));
        assert_true(out.failed);
        trib_buf_deinit(&out);
    }
}

static void a_request_is_one_frame_of_data(void **state) {
    static const struct {
        trib_str body;
        bool ok;
    } rows[] = {
        {TRIB_STR("\x00\x00\x00\x00\x02hi"), true},
        {TRIB_STR("\x00\x00\x00\x00\x00"), true},
        {TRIB_STR(""), false},
        {TRIB_STR("\x00\x00\x00\x00"), false},
        {TRIB_STR("\x00\x00\x00\x00\x03hi"), false},
        {TRIB_STR("\x00\xff\xff\xff\xffhi"), false},
        {TRIB_STR("\x01\x00\x00\x00\x02hi"), false},     /* compressed */
        {TRIB_STR("\x80\x00\x00\x00\x02hi"), false},     /* a trailer */
        {TRIB_STR("\x00\x00\x00\x00\x02hi\x00"), false}, /* something behind it */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_str message = {0};
        trib_error err;
        trib_code code = trib_grpcweb_request(rows[i].body, &message, &err);
        assert_int_equal(code, rows[i].ok ? TRIB_OK : TRIB_BAD_REQUEST);
        assert_int_equal(message.len, rows[i].ok ? rows[i].body.len - TRIB_GRPCWEB_HEAD_BYTES : 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_frames_and_a_trailer),
        cmocka_unit_test(the_message_of_a_failure_is_percent_encoded),
        cmocka_unit_test(a_request_is_one_frame_of_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
