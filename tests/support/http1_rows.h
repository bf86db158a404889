/* SPDX-License-Identifier: Apache-2.0 */
/* Table-driven tests of the HTTP/1.1 parser: a row is bytes and the transcript they must give, in one piece, a byte at
 * a time and in threes. */
#ifndef TRIB_TESTS_HTTP1_ROWS_H
#define TRIB_TESTS_HTTP1_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "support/http1_transcript.h"

typedef struct http1_row {
    const char *name;
    trib_str bytes;
    const char *expect; /* the transcript */
    const char *says;   /* part of the error message, so that the refusal is for the right reason; may be NULL */
} http1_row;

#define HTTP1_ROW(name, bytes, expect, says)                                                                           \
    { name, {bytes, sizeof(bytes) - 1}, expect, says }

static inline size_t http1_fixed_piece(void *ctx) {
    return *(size_t *)ctx;
}

static inline void http1_check_run(const char *name, http1_run run, trib_str bytes, const char *expect,
                                   const char *says) {
    size_t pieces[] = {SIZE_MAX, 1, 3};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        trib_buf out;
        trib_error err = {0};
        trib_buf_init(&out, SIZE_MAX / 2);
        run.next_piece = http1_fixed_piece;
        run.ctx = &pieces[i];
        http1_transcript(&run, bytes, &out, &err);
        trib_buf_add_char(&out, '\0');
        if (strcmp(out.ptr, expect) != 0 || (says && !strstr(err.message, says)))
            fail_msg("%s, pieces of %zd:\n  got  %s (%s)\n  want %s (%s)", name, (ptrdiff_t)pieces[i], out.ptr,
                     err.message, expect, says ? says : "");
        trib_buf_deinit(&out);
    }
}

static inline void http1_check_rows(http1_run run, const http1_row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) http1_check_run(rows[i].name, run, rows[i].bytes, rows[i].expect, rows[i].says);
}

#define HTTP1_CHECK(run, rows) http1_check_rows(run, rows, sizeof(rows) / sizeof *(rows))

/* `n` times c behind what is in buf. */
static inline void http1_fill(trib_buf *buf, char c, size_t n) {
    for (size_t i = 0; i < n; i++) trib_buf_add_char(buf, c);
}

#endif
