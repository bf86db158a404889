/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol Buffers, what every face that speaks them shares: limits, and messages that follow one another in one
 * stream, each behind its length.
 *
 *   length (varint) | message | length | message | ...
 *
 * What a peer sends is decoded by protobuf-c into the request's arena (wire/pb_int.h) and handed on as plain structs by
 * one file per face, src/wire/pb_FACE.c with its tables in src/wire/proto/FACE.proto; nobody else sees protobuf-c.
 * What we send is written by wire/pb_write.h. Pure. */
#ifndef TRIB_WIRE_PB_H
#define TRIB_WIRE_PB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
    TRIB_PB_VARINT_BYTES = 10, /* of the longest varint, 64 bits */
    /* Levels of a condition. The generated decoder recurses as deeply as a message nests; the messages that may hold
     * themselves are decoded level by level instead, up to this one, so that nesting never exhausts the stack. */
    TRIB_PB_NESTING_MAX = 32
};

/* Takes a varint off the front of *rest. False, and nothing taken: it is cut short or does not fit 64 bits. */
bool trib_pb_take_varint(trib_str *rest, uint64_t *ret);
/* Takes a message that stands behind its length off the front of *rest; *ret borrows from it. False, and nothing taken:
 * it is not whole yet, or its length is no varint. */
bool trib_pb_take_message(trib_str *rest, trib_str *ret);

#endif
