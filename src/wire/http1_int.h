/* SPDX-License-Identifier: Apache-2.0 */
/* What http1.c (events, bodies) and http1_head.c (lines of a head) share. */
#ifndef TRIB_WIRE_HTTP1_INT_H
#define TRIB_WIRE_HTTP1_INT_H

#include "wire/http1.h"

/* Forgets the last head; head.fields need no clearing. */
void trib_http1_head_clear(trib_http1_parser *parser);
/* Points every slice of the head at `bytes`, a copy of the same head. */
void trib_http1_head_set_bytes(trib_http1_parser *parser, const char *bytes);

/* A line without its CRLF that starts `at` bytes behind the head's start. */
trib_code trib_http1_head_request_line(trib_http1_parser *parser, trib_str line, trib_error *err);
trib_code trib_http1_head_status_line(trib_http1_parser *parser, trib_str line, trib_error *err);
trib_code trib_http1_head_field(trib_http1_parser *parser, trib_str line, size_t at, trib_error *err);
/* After the empty line: rules over several fields, framing, keep-alive. head.bytes must be set. */
trib_code trib_http1_head_finish(trib_http1_parser *parser, trib_error *err);

/* Checks one field line; ret_field offsets count from the line's start. Also for trailers. */
trib_code trib_http1_field_split(trib_str line, trib_http1_field *ret_field, trib_error *err);

#endif
