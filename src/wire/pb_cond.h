/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of conditions out of protobuf, for the two faces that have them: Hrana's BatchCond and proxy.Proxy's Cond say
 * the same in different messages. A message's children are bytes (TRIB_PB_NESTING_MAX), decoded one level at a time. */
#ifndef TRIB_WIRE_PB_COND_H
#define TRIB_WIRE_PB_COND_H

#include "wire/hrana.h"
#include "wire/pb_int.h"

/* What one message says. */
typedef struct trib_pb_level {
    hrana_cond_type type;
    int64_t step;                        /* OK, ERROR */
    const ProtobufCBinaryData *children; /* NOT: one; AND, OR */
    size_t child_count;
} trib_pb_level;

typedef struct trib_pb_cond_face {
    /* A child's bytes as its message. */
    trib_code (*unpack)(trib_arena *arena, trib_str bytes, const void **ret, trib_error *err);
    /* The error of a type that the face does not know, or what it says itself. */
    trib_code (*level)(const void *message, trib_pb_level *ret, trib_error *err);
    trib_code (*bad)(trib_error *err, const char *what);
} trib_pb_cond_face;

/* The condition of step number `step`, of a message that is unpacked. Owns: the tree is the arena's.
 * Errors: the face's; PROTOCOL (a step that does not come before); its `bad` for more than TRIB_HRANA_COND_DEPTH_MAX
 * levels; NOMEM. */
trib_code trib_pb_get_cond(const trib_pb_cond_face *face, trib_arena *arena, const void *message, size_t step,
                           hrana_cond **ret, trib_error *err);

#endif
