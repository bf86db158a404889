/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf-c as src/wire/pb_FACE.c use it: its allocator is the request's arena, so that a message can cost no more
 * than the arena's budget (two bytes of an empty value become about 100), and nothing of it needs to be freed.
 *
 * It is used for decoding only: its encoder wants the whole message as a tree first, and what we send are rows that
 * SQLite lends us one at a time (wire/pb_write.h writes them where they are going). */
#ifndef TRIB_WIRE_PB_INT_H
#define TRIB_WIRE_PB_INT_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* Owns: the result lives in the arena and copies what it needs. NULL: malformed, or, if arena->failed, no memory or
 * budget. Do not free it. `type` must not contain itself (see TRIB_PB_NESTING_MAX). */
ProtobufCMessage *trib_pb_unpack(trib_arena *arena, const ProtobufCMessageDescriptor *type, trib_str bytes);

/* The same for a face whose word for malformed is `malformed`. Errors: that, NOMEM. */
trib_code trib_pb_unpack_as(trib_arena *arena, const ProtobufCMessageDescriptor *type, trib_str bytes,
                            trib_code malformed, const void **ret, trib_error *err);

/* Bytes of a message, borrowed from it. */
static inline trib_str trib_pb_str(ProtobufCBinaryData bytes) {
    return (trib_str){(const char *)bytes.data, bytes.len};
}
/* ptr NULL only if they were not sent. */
static inline trib_str trib_pb_optional(protobuf_c_boolean sent, ProtobufCBinaryData bytes) {
    if (!sent) return (trib_str){0};
    return bytes.len ? trib_pb_str(bytes) : TRIB_STR("");
}

#endif
