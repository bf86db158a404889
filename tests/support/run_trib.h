/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a command line of `trib` inside a test and catches what it prints. */
#ifndef TRIB_TESTS_RUN_TRIB_H
#define TRIB_TESTS_RUN_TRIB_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

typedef struct run {
    int status;
    char *out, *err;
} run;

/* Words are parted by one blank; two blanks in a row, or one at the end, make an empty word. */
static inline run trib(char *const *environment, const char *line) {
    char words[512], *argv[32] = {"trib"}, *rest = words;
    int argc = 1;
    size_t out_bytes, err_bytes;
    run r = {0};
    snprintf(words, sizeof words, "%s", line);
    while (line[0] && rest && argc < 31) argv[argc++] = strsep(&rest, " ");
    FILE *out = open_memstream(&r.out, &out_bytes), *err = open_memstream(&r.err, &err_bytes);
    assert_non_null(out);
    assert_non_null(err);
    r.status = trib_cli_main(argc, argv, environment, out, err);
    fclose(out);
    fclose(err);
    return r;
}

static inline void run_free(run *r) {
    free(r->out);
    free(r->err);
}

#endif
