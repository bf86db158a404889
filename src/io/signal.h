/* SPDX-License-Identifier: Apache-2.0 */
/* The polite end of the process: SIGTERM and SIGINT become a call on the main loop. */
#ifndef TRIB_IO_SIGNAL_H
#define TRIB_IO_SIGNAL_H

#include "base/error.h"
#include "io/loop.h"

typedef struct trib_signals trib_signals;

/* From now on SIGTERM and SIGINT call on_stop(ctx, signal number) on the loop's thread, each time one comes: the first
 * is the wish to drain, a second one usually means at once. SIGPIPE is ignored in the whole process.
 * Owns: *ret ends with trib_signals_close. Errors: NOMEM, IO. Thread: the loop's, or any before it runs. */
trib_code trib_signals_open(trib_loop *loop, void (*on_stop)(void *ctx, int signal_no), void *ctx, trib_signals **ret,
                            trib_error *err);
/* SIGTERM and SIGINT end the process again as usual. Frees in the loop's next iterations (trib_loop_free makes them).
 * Takes NULL. Thread: the loop's, or any when it does not run. */
void trib_signals_close(trib_signals *signals);

#endif
