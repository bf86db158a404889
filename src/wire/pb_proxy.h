/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of proxy.Proxy, through which an embedded replica writes (src/wire/proto/proxy.proto): what is inside of
 * gRPC-web's frames (wire/grpcweb.h). A program is what Hrana calls a batch, so that is what it is decoded to. */
#ifndef TRIB_WIRE_PB_PROXY_H
#define TRIB_WIRE_PB_PROXY_H

#include "base/arena.h"
#include "base/buf.h"
#include "wire/hrana.h"
#include "wire/pb_write.h"

typedef struct trib_proxy_req {
    trib_str client_id;  /* names the connection state; a UUID */
    hrana_batch program; /* Execute; want_rows false: skip_rows */
    trib_str stmt;       /* Describe */
} trib_proxy_req;

/* Everything lives in the arena.
 * Errors: BAD_REQUEST; PROTOCOL (more steps than TRIB_HRANA_STEPS_MAX, a condition on a later step); NOMEM. */
trib_code trib_proxy_decode_execute(trib_arena *arena, trib_str message, trib_proxy_req *ret, trib_error *err);
trib_code trib_proxy_decode_describe(trib_arena *arena, trib_str message, trib_proxy_req *ret, trib_error *err);
/* DisconnectMessage: client_id. */
trib_code trib_proxy_decode_disconnect(trib_arena *arena, trib_str message, trib_proxy_req *ret, trib_error *err);

typedef enum trib_proxy_error {
    TRIB_PROXY_SQL_ERROR,
    TRIB_PROXY_BUSY,
    TRIB_PROXY_TIMEOUT,
    TRIB_PROXY_INTERNAL
} trib_proxy_error;
typedef enum trib_proxy_state {
    TRIB_PROXY_AUTOCOMMIT = 0,
    TRIB_PROXY_INVALID = 1,
    TRIB_PROXY_IN_TRANSACTION = 2
} trib_proxy_state;

/* ExecuteResults: for each step an error or rows, then the end. A skipped step has a result too, an empty one.
 *
 *   rows_begin, column ..., {row_begin, value ..., row_end} ..., rows_end      end */
void trib_proxy_write_error(trib_pb_writer *w, trib_proxy_error code, trib_str message, int32_t extended_code);
void trib_proxy_rows_begin(trib_pb_writer *w);
void trib_proxy_column(trib_pb_writer *w, trib_str name, trib_str decltype);
void trib_proxy_row_begin(trib_pb_writer *w);
void trib_proxy_value(trib_pb_writer *w, trib_value value);
void trib_proxy_row_end(trib_pb_writer *w);
/* last_insert_rowid NULL: none. */
void trib_proxy_rows_end(trib_pb_writer *w, uint64_t affected_rows, const int64_t *last_insert_rowid);
/* frame_no NULL: the log is empty. */
void trib_proxy_end(trib_pb_writer *w, trib_proxy_state state, const uint64_t *frame_no);

/* DescribeResult: an error, or columns and parameters.
 *
 *   describe_begin, column ..., param ..., describe_end
 *
 * A client takes the names of parameters one off and aborts when it comes behind the last: a dummy goes first, which
 * param_count does not count. An error's code is SQLite's primary one here, because that is what clients take it
 * for. */
void trib_proxy_describe_error(trib_pb_writer *w, int32_t sqlite_code, trib_str message, int32_t extended_code);
void trib_proxy_describe_begin(trib_pb_writer *w);
void trib_proxy_param(trib_pb_writer *w, trib_str name);
void trib_proxy_describe_end(trib_pb_writer *w, uint64_t param_count);

#endif
