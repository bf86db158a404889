/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C as a descriptor; see interrupt.h. A handler would need a variable that it can reach; signalfd needs none. */
#include "cli/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void block(int how) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigprocmask(how, &set, NULL);
}

trib_code trib_interrupt_open(trib_interrupt *interrupt, trib_error *err) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    interrupt->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (interrupt->fd < 0) return trib_error_set(err, TRIB_IO, "cannot wait for Ctrl-C: %s", strerror(errno));
    block(SIG_BLOCK);
    return TRIB_OK;
}

void trib_interrupt_close(trib_interrupt *interrupt) {
    if (interrupt->fd < 0) return;
    trib_interrupt_take(interrupt); /* what was pressed for the shell must not end what comes behind it */
    close(interrupt->fd);
    interrupt->fd = -1;
    block(SIG_UNBLOCK);
}

bool trib_interrupt_is_pending(const trib_interrupt *interrupt) {
    struct pollfd ready = {.fd = interrupt->fd, .events = POLLIN};
    return interrupt->fd >= 0 && poll(&ready, 1, 0) > 0;
}

bool trib_interrupt_take(trib_interrupt *interrupt) {
    struct signalfd_siginfo info;
    bool any = false;
    while (interrupt->fd >= 0 && read(interrupt->fd, &info, sizeof info) == (ssize_t)sizeof info) any = true;
    return any;
}
