/* SPDX-License-Identifier: Apache-2.0 */
/* How far a long command is: one line that changes on a terminal, else a plain line every ten seconds. On cli->err, so
 * that results can go to a pipe. */
#ifndef TRIB_CLI_PROGRESS_H
#define TRIB_CLI_PROGRESS_H

#include "cli/cli.h"

typedef struct trib_progress {
    FILE *out;        /* NULL: quiet */
    bool terminal;    /* the line is written over */
    bool shown;       /* a line is there to be wiped */
    int64_t told_ns;  /* when the last one was written */
    const char *what; /* "reading", ... */
    const char *name; /* of the tenant */
} trib_progress;

/* Quiet with --quiet or --json. */
void trib_progress_init(trib_progress *progress, const trib_cli *cli);
/* what, name: borrowed until the next begin. */
void trib_progress_begin(trib_progress *progress, const char *what, const char *name);
/* total 0: unknown. Fits trib_copy_progress.tell. */
void trib_progress_tell(void *progress, int64_t done, int64_t total);
/* Wipes the line: something else is written now. */
void trib_progress_end(trib_progress *progress);

/* ---- the pure part, for tests ---- */

/* "812 B", "1.4 MB", "2.0 GB": powers of 1000. */
void trib_progress_size(int64_t bytes, char ret[32]);

#endif
