/* SPDX-License-Identifier: Apache-2.0 */
/* Editing a line on a terminal, with history and TAB; the only place that knows libedit. */
#ifndef TRIB_CLI_EDIT_H
#define TRIB_CLI_EDIT_H

#include "base/buf.h"
#include "cli/complete.h"
#include "cli/interrupt.h"

typedef struct trib_edit trib_edit;

typedef struct trib_edit_options {
    trib_interrupt *interrupt;                          /* Ctrl-C; borrowed, open */
    const char *state_home, *home;                      /* $XDG_STATE_HOME and $HOME, for the history; may be NULL */
    void (*complete)(void *ctx, trib_complete *wanted); /* offers for TAB */
    trib_str (*typed_before)(void *ctx);                /* the statement's lines before this one */
    void *ctx;
} trib_edit_options;

typedef enum trib_edit_result { TRIB_EDIT_LINE, TRIB_EDIT_CANCELLED, TRIB_EDIT_END } trib_edit_result;

/* On standard input and output, which must be terminals. Owns: *ret by trib_edit_close. Errors: NOMEM, IO. A history
 * that cannot be read is no error. Thread: main. */
trib_code trib_edit_open(const trib_edit_options *options, trib_edit **ret, trib_error *err);
/* Takes NULL. */
void trib_edit_close(trib_edit *edit);

/* Reads a line; LINE: it is appended to `line` with its line break. CANCELLED: Ctrl-C. END: Ctrl-D, or the terminal is
 * gone. prompt: plain ASCII. */
trib_edit_result trib_edit_read(trib_edit *edit, const char *prompt, trib_buf *line);
/* Keeps what was typed, unless it may hold a secret (cli/history.h). */
void trib_edit_remember(trib_edit *edit, trib_str typed);

#endif
