/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of the real machine: pthreads, the kernel's clocks and its randomness behind base/env.h. */
#ifndef TRIB_IO_ENV_NATIVE_H
#define TRIB_IO_ENV_NATIVE_H

#include "base/env.h"

/* The one native environment; constant, so it needs no set-up and no end. Threads that it starts are named, and leave
 * process signals (TERM, INT, HUP, USR1, USR2, PIPE) to the main thread.
 * Owns: static storage. Thread: any. */
const trib_env *trib_env_native(void);

#endif
