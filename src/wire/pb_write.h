/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol Buffers: a streaming writer over a trib_buf. A message is written where it is going, without a tree of it
 * and without a pass to measure it first:
 *
 *   trib_pw_init(&w, buf);
 *   trib_pw_open(&w, 2);               12 ..           tag of field 2, one byte kept free for the length
 *   trib_pw_str(&w, 1, name);          12 .. 0a 01 61
 *   trib_pw_close(&w);                 12 03 0a 01 61  contents past 127 bytes make room for a longer length
 *
 * Why not protobuf-c here: it encodes trees, so each row would be copied into one first, and once more out of it; this
 * is a hundred lines. Lengths are in their shortest form and fields in the order of the calls, so that the bytes are
 * predictable. Closing moves the contents by up to four bytes if they are long: once a level, of which there are few.
 *
 * Every function writes its field, also when it is 0 or empty; a field that is absent when it is 0 (a plain scalar of
 * proto3) is the caller's `if`. Failure sticks in the buffer (buf->failed) and is checked once at the end. */
#ifndef TRIB_WIRE_PB_WRITE_H
#define TRIB_WIRE_PB_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* Messages inside messages; the deepest that we write has 8. A caller that passes it is wrong: assert. */
enum { TRIB_PW_DEPTH_MAX = 12 };

typedef struct trib_pb_writer {
    trib_buf *buf;                  /* borrowed */
    unsigned depth;                 /* open messages */
    size_t open[TRIB_PW_DEPTH_MAX]; /* where their lengths stand */
} trib_pb_writer;

void trib_pw_init(trib_pb_writer *w, trib_buf *buf);
/* A message, or an entry of a map, as field `field`; field 0: without a tag, behind its length only, as messages follow
 * one another in a stream. */
void trib_pw_open(trib_pb_writer *w, uint32_t field);
void trib_pw_close(trib_pb_writer *w);
/* An empty message. */
void trib_pw_empty(trib_pb_writer *w, uint32_t field);
/* uint32, uint64, bool, enum, and int32, int64 (negative ones take ten bytes). */
void trib_pw_u64(trib_pb_writer *w, uint32_t field, uint64_t value);
static inline void trib_pw_i64(trib_pb_writer *w, uint32_t field, int64_t value) {
    trib_pw_u64(w, field, (uint64_t)value);
}
/* sint32, sint64: small negative ones are short. */
void trib_pw_s64(trib_pb_writer *w, uint32_t field, int64_t value);
void trib_pw_f64(trib_pb_writer *w, uint32_t field, double value);
void trib_pw_bytes(trib_pb_writer *w, uint32_t field, trib_str bytes);
/* The same without the bytes: the caller appends exactly `len` of them to the buffer. */
void trib_pw_begin_bytes(trib_pb_writer *w, uint32_t field, size_t len);
/* string: each byte that is not part of well-formed UTF-8 becomes U+FFFD, because decoders refuse it. */
void trib_pw_str(trib_pb_writer *w, uint32_t field, trib_str text);

/* `bytes` bytes of a number, little-endian; returns what stands behind them. */
static inline char *trib_put_le(char *to, uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++) *to++ = (char)(value >> (8 * i));
    return to;
}

#endif
