/* SPDX-License-Identifier: Apache-2.0 */
/* The error table is complete, and messages stay UTF-8 when they are cut. */
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void every_row_is_filled_and_fits_the_wire(void **state) {
    (void)state;
    for (trib_code code = TRIB_OK; code < TRIB_CODE_COUNT; code++) {
        assert_in_range(strlen(trib_code_text(code)), 1, TRIB_ERROR_CODE_BYTES - 1);
        assert_in_range(strlen(trib_code_name(code)), 1, TRIB_ERROR_CODE_BYTES - 1);
        assert_in_range(strlen(trib_code_meaning(code)), 1, TRIB_ERROR_MESSAGE_BYTES - 1);
        assert_in_range(trib_code_http(code), code ? 400 : 200, code ? 599 : 200);
        assert_in_range(trib_code_grpc(code), code ? 1 : 0, 16);
        for (trib_code other = TRIB_OK; other < code; other++) {
            assert_string_not_equal(trib_code_text(code), trib_code_text(other));
        }
    }
    assert_true(trib_code_retry(TRIB_NOMEM));
    assert_false(trib_code_retry(TRIB_FORBIDDEN));
}

static void setting_replaces_everything_and_returns_the_code(void **state) {
    (void)state;
    trib_error err = {.detail = 9, .text_code = "SQLITE_BUSY"};
    assert_string_equal(trib_error_wire_code(&err), "SQLITE_BUSY");
    assert_int_equal(trib_error_set(&err, TRIB_FORBIDDEN, "%s %d", "no", 7), TRIB_FORBIDDEN);
    assert_int_equal(err.code, TRIB_FORBIDDEN);
    assert_int_equal(err.detail, 0);
    assert_string_equal(err.message, "no 7");
    assert_string_equal(trib_error_wire_code(&err), "FORBIDDEN");
    trib_error_set(&err, TRIB_NOMEM, NULL);
    assert_string_equal(err.message, trib_code_meaning(TRIB_NOMEM));
    assert_int_equal(trib_error_set(NULL, TRIB_NOMEM, "unseen"), TRIB_NOMEM);
}

static void a_cut_message_stays_utf8(void **state) {
    (void)state;
    static const char *const characters[] = {"x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x98"};
    for (size_t c = 0; c < 4; c++) {
        for (size_t lead = 0; lead < 8; lead++) {
            char text[TRIB_ERROR_MESSAGE_BYTES * 2 + 8];
            trib_error err;
            size_t n = lead, step = strlen(characters[c]);
            memset(text, 'a', lead);
            for (; n + step < sizeof text; n += step) memcpy(text + n, characters[c], step);
            text[n] = '\0';
            trib_error_set(&err, TRIB_FORBIDDEN, "%s", text);
            assert_in_range(strlen(err.message), TRIB_ERROR_MESSAGE_BYTES - 4, TRIB_ERROR_MESSAGE_BYTES - 1);
            assert_true(trib_str_utf8_valid(trib_str_c(err.message)));
            assert_memory_equal(err.message, text, strlen(err.message));
        }
    }
}

static void what_is_not_utf8_becomes_question_marks(void **state) {
    (void)state;
    trib_error err;
    trib_error_set(&err, TRIB_SQL_ERROR, "token \"%s\"", "\x87 \xc3\xa4\xff\xe2\x82");
    assert_string_equal(err.message, "token \"? \xc3\xa4???\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_filled_and_fits_the_wire),
        cmocka_unit_test(setting_replaces_everything_and_returns_the_code),
        cmocka_unit_test(a_cut_message_stays_utf8),
        cmocka_unit_test(what_is_not_utf8_becomes_question_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
