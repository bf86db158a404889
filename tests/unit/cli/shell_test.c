/* SPDX-License-Identifier: Apache-2.0 */
/* What is typed, cut into words. */
#include "cli/shell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void words_of_a_line_may_be_quoted(void **state) {
    trib_str line = TRIB_STR("  .read \"my file.sql\" 'b c' d\n");
    (void)state;
    assert_true(trib_str_eq_c(trib_shell_take_word(&line), ".read"));
    assert_true(trib_str_eq_c(trib_shell_take_word(&line), "my file.sql"));
    assert_true(trib_str_eq_c(trib_shell_take_word(&line), "b c"));
    assert_true(trib_str_eq_c(trib_shell_take_word(&line), "d"));
    assert_int_equal(trib_shell_take_word(&line).len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_a_line_may_be_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
