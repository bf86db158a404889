/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of SIGTERM, SIGINT and SIGPIPE. */
#include "io/signal.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/env_native.h"

typedef struct heard {
    trib_loop *loop;
    int count, numbers[4];
    bool on_loop;
} heard;

static void on_stop(void *ctx, int signal_no) {
    heard *h = ctx;
    h->numbers[h->count++] = signal_no;
    h->on_loop = trib_loop_is_current(h->loop);
    if (h->count == 1) kill(getpid(), SIGINT);
    else trib_loop_stop(h->loop);
}

static void every_stop_signal_is_told_on_the_loop(void **state) {
    (void)state;
    heard h = {0};
    trib_signals *signals = NULL;
    assert_int_equal(trib_loop_new(trib_env_native(), "main", &h.loop, NULL), TRIB_OK);
    assert_int_equal(trib_signals_open(h.loop, on_stop, &h, &signals, NULL), TRIB_OK);
    kill(getpid(), SIGTERM);
    trib_loop_run(h.loop);
    assert_int_equal(h.count, 2);
    assert_int_equal(h.numbers[0], SIGTERM);
    assert_int_equal(h.numbers[1], SIGINT);
    assert_true(h.on_loop);
    trib_signals_close(signals);
    trib_loop_free(h.loop);
}

static void writing_to_a_dead_peer_does_not_kill(void **state) {
    (void)state;
    heard h = {0};
    trib_signals *signals = NULL;
    assert_int_equal(trib_loop_new(trib_env_native(), "main", &h.loop, NULL), TRIB_OK);
    assert_int_equal(trib_signals_open(h.loop, on_stop, &h, &signals, NULL), TRIB_OK);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    close(pair[1]);
    assert_int_equal(write(pair[0], "x", 1), -1);
    close(pair[0]);
    trib_signals_close(signals);
    trib_loop_free(h.loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stop_signal_is_told_on_the_loop),
        cmocka_unit_test(writing_to_a_dead_peer_does_not_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
