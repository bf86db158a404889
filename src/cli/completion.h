/* SPDX-License-Identifier: Apache-2.0 */
/* What may come next on a command line: the shells ask for it while somebody types.
 *
 *   trib tenant show ac█   ->   acme        (asked of the server, for at most TRIB_COMPLETION_TIMEOUT_MS)
 *   trib serve --log-█     ->   --log-level --log-format
 *
 * The scripts for the shells hold no list of their own: they call `trib completion --words -- trib ...` each time, so
 * they stay right when commands come and go. */
#ifndef TRIB_CLI_COMPLETION_H
#define TRIB_CLI_COMPLETION_H

#include "cli/cli.h"

enum {
    TRIB_COMPLETION_TIMEOUT_MS = 500, /* somebody waits with a finger on the Tab key */
    TRIB_COMPLETION_TENANTS_MAX = 200 /* more than that nobody reads */
};

/* Writes a line for each candidate of the last word, "WORD\tWHAT IT IS" or "WORD"; ":files" and ":folders" ask the
 * shell for names of files. words: behind `trib`; the last one is not finished and may be empty; count may be 0.
 * Never fails and says nothing on standard error: no candidate is an answer too. */
void trib_completion_write(const trib_cli *cli, const char *const *words, unsigned count);

/* The script for "bash", "zsh" or "fish"; NULL for another shell. */
const char *trib_completion_script(const char *shell);

#endif
