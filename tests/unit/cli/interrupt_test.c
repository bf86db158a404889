/* SPDX-License-Identifier: Apache-2.0 */
/* SIGINT while it is awaited, and after. */
#include "cli/interrupt.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void ctrl_c_is_seen_once_and_does_not_end_the_process(void **state) {
    trib_interrupt interrupt = {-1};
    trib_error err;
    (void)state;
    assert_false(trib_interrupt_is_pending(&interrupt)); /* never opened */
    assert_false(trib_interrupt_take(&interrupt));
    assert_int_equal(trib_interrupt_open(&interrupt, &err), TRIB_OK);
    assert_false(trib_interrupt_is_pending(&interrupt));
    raise(SIGINT);
    assert_true(trib_interrupt_is_pending(&interrupt));
    assert_true(trib_interrupt_is_pending(&interrupt)); /* looking does not forget */
    assert_true(trib_interrupt_take(&interrupt));
    assert_false(trib_interrupt_is_pending(&interrupt));
    raise(SIGINT);
    trib_interrupt_close(&interrupt); /* nor does this one arrive late */
}

static void after_the_end_it_ends_the_process_again(void **state) {
    int status = 0;
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        trib_interrupt interrupt = {-1};
        trib_error err;
        signal(SIGINT, SIG_DFL);
        if (trib_interrupt_open(&interrupt, &err)) _exit(1);
        trib_interrupt_close(&interrupt);
        raise(SIGINT);
        _exit(2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGINT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ctrl_c_is_seen_once_and_does_not_end_the_process),
        cmocka_unit_test(after_the_end_it_ends_the_process_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
