/* SPDX-License-Identifier: Apache-2.0 */
/* Hrana messages from protobuf (docs/reference/libsql.md; the fields are in src/wire/proto/hrana.proto). Unknown fields
 * are ignored, absent ones are their defaults; whatever else deviates fails the whole message.
 *
 * Owns:   everything lives in the arena; nothing borrows from the bytes.
 * Errors: PROTOCOL "Could not decode client message from Protobuf: ...", and those of hrana_check_*; NOMEM.
 * Thread: any; the arena belongs to the caller. */
#ifndef TRIB_WIRE_PB_HRANA_H
#define TRIB_WIRE_PB_HRANA_H

#include "base/arena.h"
#include "wire/hrana.h"

trib_code trib_hrana_pb_decode_pipeline(trib_arena *arena, trib_str body, hrana_pipeline *ret, trib_error *err);
trib_code trib_hrana_pb_decode_cursor(trib_arena *arena, trib_str body, trib_str *ret_baton, hrana_batch *ret,
                                      trib_error *err);
/* One frame of a WebSocket. */
trib_code trib_hrana_pb_decode_client_msg(trib_arena *arena, trib_str frame, hrana_client_msg *ret, trib_error *err);

#endif
