/* SPDX-License-Identifier: Apache-2.0 */
/* SIGTERM and SIGINT on the main loop; see signal.h. Threads of the native environment block both, so the main thread
 * sees them. */
#include "io/signal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "io/loop_int.h"

enum { SIGNALS = 2 };

struct trib_signals {
    uv_signal_t handles[SIGNALS];
    int open; /* handles that are not closed yet */
    void (*on_stop)(void *ctx, int signal_no);
    void *ctx;
};

static void on_signal(uv_signal_t *handle, int signal_no) {
    trib_signals *signals = handle->data;
    signals->on_stop(signals->ctx, signal_no);
}

static void on_closed(uv_handle_t *handle) {
    trib_signals *signals = handle->data;
    if (--signals->open == 0) free(signals);
}

trib_code trib_signals_open(trib_loop *loop, void (*on_stop)(void *ctx, int signal_no), void *ctx, trib_signals **ret,
                            trib_error *err) {
    static const int numbers[SIGNALS] = {SIGTERM, SIGINT};
    trib_signals *signals = calloc(1, sizeof *signals);
    if (!signals) return trib_error_set(err, TRIB_NOMEM, NULL);
    signals->on_stop = on_stop;
    signals->ctx = ctx;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);

    int failed = 0;
    for (int i = 0; i < SIGNALS && !failed; i++) {
        failed = uv_signal_init(&loop->uv, &signals->handles[i]);
        if (failed) break;
        signals->handles[i].data = signals;
        signals->open++;
        failed = uv_signal_start(&signals->handles[i], on_signal, numbers[i]);
    }
    if (!failed) {
        *ret = signals;
        return TRIB_OK;
    }
    if (signals->open) trib_signals_close(signals);
    else free(signals);
    return trib_error_set(err, TRIB_IO,
                          "cannot watch for SIGTERM and SIGINT: %s; raise the limit of open files (ulimit -n)",
                          uv_strerror(failed));
}

void trib_signals_close(trib_signals *signals) {
    if (!signals) return;
    for (int i = 0, n = signals->open; i < n; i++) uv_close((uv_handle_t *)&signals->handles[i], on_closed);
}
