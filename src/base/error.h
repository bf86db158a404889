/* SPDX-License-Identifier: Apache-2.0 */
/* Error codes and messages. A function that can fail returns a trib_code and, where it takes `trib_error *err`, leaves
 * the first cause there: what went wrong, why, and how to fix it. Whoever adds nothing passes the error on
 * unchanged. */
#ifndef TRIB_BASE_ERROR_H
#define TRIB_BASE_ERROR_H

#include <stdbool.h>

#include "base/error_table.h"
#include "base/str.h"

typedef enum trib_code {
    TRIB_OK = 0,
#define X(name, code, http, grpc, retry, meaning) TRIB_##name,
    TRIB_ERROR_TABLE(X)
#undef X
        TRIB_CODE_COUNT
} trib_code;

enum { TRIB_ERROR_MESSAGE_BYTES = 480, TRIB_ERROR_CODE_BYTES = 40 };

typedef struct trib_error {
    trib_code code;
    int detail;                             /* SQLite's extended code, errno, an offset; 0 if none */
    char text_code[TRIB_ERROR_CODE_BYTES];  /* overrides the table's wire code if not empty: SQLITE_CONSTRAINT ... */
    char message[TRIB_ERROR_MESSAGE_BYTES]; /* NUL-terminated UTF-8 */
} trib_error;

/* Sets *err (may be NULL) and returns `code`, so that a failing function can `return trib_error_set(...)`.
 * format NULL: the table's meaning. Overlong messages are cut at a character boundary. */
trib_code trib_error_set(trib_error *err, trib_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#ifdef TRIB_ANALYZE /* analyzers see one file at a time: this is how they learn that `code` is what comes back */
#define trib_error_set(err, code, ...)                                                                                 \
    ({                                                                                                                 \
        (void)trib_error_set(err, code, __VA_ARGS__);                                                                  \
        (trib_code)(code);                                                                                             \
    })
#endif

/* The row of the table. Thread: any; static storage. */
const char *trib_code_text(trib_code code); /* wire code, "OK" for TRIB_OK */
const char *trib_code_name(trib_code code); /* enum name without TRIB_, the docs page */
const char *trib_code_meaning(trib_code code);
int trib_code_http(trib_code code);
int trib_code_grpc(trib_code code);
bool trib_code_retry(trib_code code);

/* What the wire shows for this error: err->text_code if set, else the table's. */
const char *trib_error_wire_code(const trib_error *err);

#endif
