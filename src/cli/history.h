/* SPDX-License-Identifier: Apache-2.0 */
/* What was typed into the shell, for another day: a file of one entry a line in the user's state folder, only the
 * user's to read, of bounded size, without what looks like a secret. docs/reference/shell.md has the rule. */
#ifndef TRIB_CLI_HISTORY_H
#define TRIB_CLI_HISTORY_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

enum {
    TRIB_HISTORY_ENTRIES = 1000,
    TRIB_HISTORY_ENTRY_BYTES = 8 * 1024,  /* longer ones are not kept: nobody edits them on a line */
    TRIB_HISTORY_FILE_BYTES = 1024 * 1024 /* a file that is longer is cut at its beginning */
};

/* ---- pure ---- */

/* True for what must not be kept: it begins with a blank, is too long, or may hold a token, key or password. */
bool trib_history_is_secret(trib_str text);
/* Appends what was typed as entries, one a line: a statement over several lines becomes one line, except where that
 * would change it (a comment to the line's end, a text over lines). */
void trib_history_add_entries(trib_buf *out, trib_str typed);

/* ---- the file ---- */

/* <state>/tributary/shell_history into ret_path; state_home: $XDG_STATE_HOME, home: $HOME. False: neither is of use. */
bool trib_history_path(const char *state_home, const char *home, char *ret_path, size_t path_bytes);
/* Its last TRIB_HISTORY_ENTRIES lines; a file that grew too long is written anew with them, rights are set to 0600.
 * Errors: IO. A file that is not there is empty. */
trib_code trib_history_read(const char *path, trib_buf *ret_lines, trib_error *err);
/* Appends lines; makes the file and its folders. Errors: IO. */
trib_code trib_history_append(const char *path, trib_str lines, trib_error *err);

#endif
