/* SPDX-License-Identifier: Apache-2.0 */
/* A small S3 server for tests, on 127.0.0.1 and threads of the test's own: one bucket in memory. It checks every
 * signature by itself, from the bytes that came, and misbehaves as it is told.
 *
 *   scratch_s3_start -> scratch_s3_fault(at the n-th request from now) ... -> scratch_s3_stop */
#ifndef TRIB_TESTS_SUPPORT_SCRATCH_S3_H
#define TRIB_TESTS_SUPPORT_SCRATCH_S3_H

#include <stdbool.h>
#include <stddef.h>

#define SCRATCH_S3_KEY    "AKIASCRATCH"
#define SCRATCH_S3_SECRET "scratch/secret+KEY"
#define SCRATCH_S3_TOKEN  "a/session+token=="
#define SCRATCH_S3_BUCKET "streams"
#define SCRATCH_S3_REGION "nowhere-1"

#define SCRATCH_S3_FAULTS(X)                                                                                           \
    X(NONE, "none")                                                                                                    \
    X(DROP_BEFORE, "hangs up before it does anything")                                                                 \
    X(DROP_AFTER, "does it, and drops the answer")                                                                     \
    X(ERROR_BEFORE, "answers 500 and does nothing")                                                                    \
    X(ERROR_AFTER, "does it, and answers 500")                                                                         \
    X(SLOW_DOWN, "answers 503")                                                                                        \
    X(DENIED, "answers 403")                                                                                           \
    X(STALL_BEFORE, "says nothing, and does nothing")                                                                  \
    X(STALL_AFTER, "does it, and says nothing")                                                                        \
    X(FORGET, "says that it was put")                                                                                  \
    X(TRUNCATE, "keeps, or answers, half of it")                                                                       \
    X(CUT, "breaks off in the answer")                                                                                 \
    X(LIE_SIZE, "says another size")                                                                                   \
    X(LIE_ETAG, "says another ETag")                                                                                   \
    X(LIE_THERE, "says that it is there")                                                                              \
    X(LIE_MISSING, "says that it is not there")                                                                        \
    X(KILL_BEFORE, "the other side is killed, and nothing is done")                                                    \
    X(KILL_AFTER, "it is done, and the other side is killed")

typedef enum scratch_s3_fault_kind {
#define X(name, text) SCRATCH_S3_##name,
    SCRATCH_S3_FAULTS(X)
#undef X
        SCRATCH_S3_FAULT_COUNT
} scratch_s3_fault_kind;
const char *scratch_s3_fault_text(scratch_s3_fault_kind kind);

typedef struct scratch_s3 scratch_s3;

/* How it treats `If-None-Match: *`. */
typedef enum scratch_s3_condition {
    SCRATCH_S3_OBEYS,
    SCRATCH_S3_REFUSES, /* 501 */
    SCRATCH_S3_IGNORES
} scratch_s3_condition;

scratch_s3 *scratch_s3_start(scratch_s3_condition condition);
void scratch_s3_stop(scratch_s3 *s3);
int scratch_s3_port(const scratch_s3 *s3);
/* The request number `at` from now, from 1, and `times` - 1 behind it; kill is called for the two kinds KILL_*. */
void scratch_s3_fault(scratch_s3 *s3, scratch_s3_fault_kind kind, int at, int times, void (*kill)(void *ctx),
                      void *ctx);
/* The object, copied, with a NUL behind it; NULL: there is none. free() it. */
char *scratch_s3_get(scratch_s3 *s3, const char *key, size_t *ret_len);
void scratch_s3_remove(scratch_s3 *s3, const char *key);
/* Objects that were replaced by other bytes; signatures that were wrong; requests. */
int scratch_s3_overwritten(scratch_s3 *s3);
int scratch_s3_wrong(scratch_s3 *s3);
int scratch_s3_requests(scratch_s3 *s3);
/* Uploads in parts that were begun and neither completed nor given up. */
int scratch_s3_open_uploads(scratch_s3 *s3);

#endif
