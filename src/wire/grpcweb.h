/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC-web, what embedded replicas speak over HTTP/1.1: frames in a body.
 *
 *   flags (1 byte) | length (4 bytes, big-endian) | length bytes
 *
 *   request   00 len message                  exactly one
 *   answer    00 len message, ..., 80 len "grpc-status:0\r\n"
 *
 * The form in base64 (application/grpc-web-text) is for browsers; no libSQL client uses it. Pure. */
#ifndef TRIB_WIRE_GRPCWEB_H
#define TRIB_WIRE_GRPCWEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

enum {
    TRIB_GRPCWEB_HEAD_BYTES = 5,
    TRIB_GRPCWEB_COMPRESSED = 0x01, /* flags */
    TRIB_GRPCWEB_TRAILER = 0x80
};

/* Takes a frame off the front of *rest; *ret borrows. False, and nothing taken: it is not whole yet. */
bool trib_grpcweb_take(trib_str *rest, uint8_t *ret_flags, trib_str *ret);
/* The message of a request's body. Errors: BAD_REQUEST: not exactly one frame of data that is not compressed. */
trib_code trib_grpcweb_request(trib_str body, trib_str *ret, trib_error *err);

/* A frame of data whose message is appended to `out` between the two calls; begin returns its place for end. */
size_t trib_grpcweb_begin(trib_buf *out);
void trib_grpcweb_end(trib_buf *out, size_t place);
/* The same where the length is known before: the caller appends so many bytes. */
void trib_grpcweb_head(trib_buf *out, uint32_t len);
/* The last frame. status: gRPC's, 0 is OK; an empty message is left out, others are percent-encoded. */
void trib_grpcweb_trailer(trib_buf *out, int status, trib_str message);

#endif
