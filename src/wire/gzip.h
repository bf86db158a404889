/* SPDX-License-Identifier: Apache-2.0 */
/* gzip (RFC 1952) for answers: whether the peer takes it, and a stream whose pieces can be sent one by one. Pure; zlib
 * is known only to gzip.c.
 *
 *   add ... add ... add(end)      every piece can be decoded as soon as it has arrived
 *
 * A piece that was made but will not be sent after all can be taken back (keep, drop): the next one does not depend on
 * it. */
#ifndef TRIB_WIRE_GZIP_H
#define TRIB_WIRE_GZIP_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

enum {
    /* A shorter answer fits a packet as it is: compressing it would cost a third of what a small query costs, and save
     * nothing that travels. */
    TRIB_GZIP_MIN_BYTES = 1400,
    /* Most that a stream takes: thousands of them rest while their readers are slow. zlib's own default is four times
     * as much, takes ten times as long to set up, and makes JSON no smaller. */
    TRIB_GZIP_MEMORY_BYTES = 96 * 1024
};

/* Whether an Accept-Encoding header prefers gzip to nothing (RFC 9110 §12.5.3): named or "*", with a weight above 0 and
 * not below that of `identity`. ptr NULL: there is none. */
bool trib_gzip_accepted(trib_str accept_encoding);

typedef struct trib_gzip trib_gzip;

/* NULL: no memory. Owns: the caller (trib_gzip_free, which takes NULL). */
trib_gzip *trib_gzip_new(void);
void trib_gzip_free(trib_gzip *gzip);
/* Appends what makes `bytes` arrive; end: and the end of the stream, nothing may follow. Failure sticks in `out`.
 * Thread: one at a time. */
void trib_gzip_add(trib_gzip *gzip, trib_str bytes, bool end, trib_buf *out);
/* What was added so far is sent. */
void trib_gzip_keep(trib_gzip *gzip);
/* What was added since the last keep is not sent: the stream goes on from there. Not behind the end. */
void trib_gzip_drop(trib_gzip *gzip);

#endif
