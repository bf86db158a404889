/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager's side of the process: sockets that it has bound (LISTEN_FDS, sd_listen_fds(3)) and what it wants
 * to hear (NOTIFY_SOCKET, sd_notify(3)). Both are documented as stable and small, so they are spoken here instead of
 * linking libsystemd. Without a service manager everything here does nothing. */
#ifndef TRIB_IO_SYSTEMD_H
#define TRIB_IO_SYSTEMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Finds the sockets by the names that the socket unit gives them (FileDescriptorName=); without names they are taken in
 * order. ret_fds[i] is the one of names[i], 0 where there is none. Who takes a descriptor closes it.
 * Errors: CONFIG for a name that is not one of `names`, and for one that comes twice. Thread: main, at start. */
trib_code trib_systemd_get_sockets(const char *const *names, size_t count, int *ret_fds, trib_error *err);

/* Sends lines like "READY=1"; false if nobody listens or it could not be sent. Thread: any. */
bool trib_systemd_notify(const char *state);
/* "RELOADING=1" with the time that Type=notify-reload asks for. */
bool trib_systemd_notify_reloading(int64_t mono_ns);
/* The manager kills a process that does not say WATCHDOG=1 for so long; 0: it does not watch. */
uint32_t trib_systemd_watchdog_ms(void);

#endif
