/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 writer for both sides (RFC 9112): appends to a trib_buf. A message is a begin, headers, one end_head, the
 * body:
 *
 *   begin_response | begin_request     HTTP/1.1 200 OK
 *   add_header ...                     Content-Type: application/json
 *   end_head_*                         Content-Length: 12 + empty line
 *   trib_buf_add | chunk_*             the body
 *
 * Names, values and targets are checked: a CR or LF from elsewhere can never start a header of its own (response
 * splitting). A refused call appends nothing of itself and sets out->failed, so that a half-built head is never sent
 * even if the code is ignored; the usual check of out->failed at the end is enough. */
#ifndef TRIB_WIRE_HTTP1_WRITE_H
#define TRIB_WIRE_HTTP1_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

/* The answer to `Expect: 100-continue`, complete. */
#define TRIB_HTTP1_CONTINUE TRIB_STR("HTTP/1.1 100 Continue\r\n\r\n")

/* Reason phrase, "" for a status without one. Thread: any; static storage. */
const char *trib_http1_reason(int status);

/* Status line and, unless empty, the Date header: the caller formats it once a second (IMF-fixdate, RFC 9110 §5.6.7).
 * */
void trib_http1_begin_response(trib_buf *out, int status, trib_str date);

/* Request line and Host. target: origin-form; host: as in the URL, with the port unless it is the scheme's own.
 * Errors: BAD_REQUEST for a method, target or host with characters that do not belong there. */
trib_code trib_http1_begin_request(trib_buf *out, trib_str method, trib_str target, trib_str host, trib_error *err);

/* Errors: BAD_REQUEST when the name is not a token, the value has a control character, or the header is Content-Length,
 *         Transfer-Encoding or Connection, which the calls below write. */
trib_code trib_http1_add_header(trib_buf *out, trib_str name, trib_str value, trib_error *err);

/* `Connection:` as far as the peer's version needs it to be said (RFC 9112 §9.3); minor_version is the request's. */
void trib_http1_add_connection(trib_buf *out, bool keep_alive, int minor_version);
/* `Connection: upgrade` and `Upgrade: protocol`; protocol is a literal. */
void trib_http1_add_upgrade(trib_buf *out, const char *protocol);

/* Content-Length; for the answer to HEAD the length that GET would have, and no body after it. */
void trib_http1_end_head_length(trib_buf *out, uint64_t body_bytes);
/* Never towards a 1.0 peer. */
void trib_http1_end_head_chunked(trib_buf *out);
/* No framing header: 101, 204 and 304, requests without a body, and bodies that end with the connection. */
void trib_http1_end_head_bare(trib_buf *out);

/* One chunk of the bytes; nothing when there are none (an empty chunk would end the body). */
void trib_http1_add_chunk(trib_buf *out, trib_str bytes);
/* The same for bytes that are written straight into `out`: open, append, close with what open returned. A chunk that
 * stayed empty leaves no trace. */
size_t trib_http1_open_chunk(trib_buf *out);
void trib_http1_close_chunk(trib_buf *out, size_t opened_at);
/* The last chunk, without trailers. */
void trib_http1_end_chunks(trib_buf *out);

#endif
