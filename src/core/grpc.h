/* SPDX-License-Identifier: Apache-2.0 */
/* How errors are told to gRPC-web clients (wire/grpcweb.h): HTTP 200 and a frame of trailers, with the status that the
 * error table names. trib_http_answer_error and net's refusals do it by themselves for requests that are gRPC calls.
 *
 *   grpc-status   the table's
 *   grpc-message  "CODE: message"; for what clients compare as a whole, that word alone */
#ifndef TRIB_CORE_GRPC_H
#define TRIB_CORE_GRPC_H

#include "core/http.h"

#define TRIB_GRPC_CONTENT_TYPE "application/grpc-web+proto"

/* A call by its Content-Type: application/grpc-web, with or without "+proto". */
bool trib_grpc_is_call(trib_str content_type);
/* The whole body of an answer that is an error. */
void trib_grpc_error_body(trib_buf *buf, const trib_error *err);
/* The message of a call. Errors: BAD_REQUEST, also for one that is no gRPC call by its Content-Type. */
trib_code trib_grpc_message(const trib_http_request *request, trib_str *ret, trib_error *err);

#endif
