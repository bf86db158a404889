/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C of an interactive command: SIGINT as a descriptor that can be waited for, so that it ends what runs and not
 * the process. */
#ifndef TRIB_CLI_INTERRUPT_H
#define TRIB_CLI_INTERRUPT_H

#include <stdbool.h>

#include "base/error.h"

typedef struct trib_interrupt {
    int fd; /* can be read when Ctrl-C was pressed; -1: SIGINT ends the process as usual */
} trib_interrupt;

/* From now on SIGINT only makes fd readable; threads that are started later inherit this. Owns: trib_interrupt_close.
 * Errors: IO. Thread: main, before others are started. */
trib_code trib_interrupt_open(trib_interrupt *interrupt, trib_error *err);
/* SIGINT ends the process again. Takes one that was never opened ({-1}). */
void trib_interrupt_close(trib_interrupt *interrupt);
/* Was Ctrl-C pressed? pending leaves it for others to see, take forgets it. */
bool trib_interrupt_is_pending(const trib_interrupt *interrupt);
bool trib_interrupt_take(trib_interrupt *interrupt);

#endif
