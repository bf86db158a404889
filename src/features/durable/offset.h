/* SPDX-License-Identifier: Apache-2.0 */
/* The small texts of the protocol: offsets, cursors, numbers and media types in headers. Pure.
 *
 *   0000000000000000_0000000000000042      an offset: a generation, which is 0, and a position in the stream: bytes, or
 *                                          messages where the stream is JSON. As long as each other, so they sort as
 *                                          text */
#ifndef TRIB_FEATURES_DURABLE_OFFSET_H
#define TRIB_FEATURES_DURABLE_OFFSET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { DURABLE_OFFSET_BYTES = 34 }; /* with a NUL */

/* The highest position that an offset can say: sixteen digits. */
#define DURABLE_POSITION_MAX UINT64_C(9999999999999999)

void durable_offset_write(uint64_t position, char ret[DURABLE_OFFSET_BYTES]);
/* False: not an offset that this server makes. A position behind DURABLE_POSITION_MAX is not. */
bool durable_offset_read(trib_str text, uint64_t *ret);

/* A decimal number without sign, point, exponent or leading zeros, at most `most`. */
bool durable_number_read(trib_str text, uint64_t most, uint64_t *ret);

/* "application/json; charset=utf-8" -> "application/json". Without what a media type must have (type/subtype):
 * empty. */
trib_str durable_media_type(trib_str content_type);
bool durable_media_is_json(trib_str content_type);
/* What may be sent as it is in an event stream: text, and JSON. */
bool durable_media_is_text(trib_str content_type);
bool durable_media_same(trib_str a, trib_str b);

/* The cursor of a live answer: the number of the interval of 20 s that it is in, and always more than the one that the
 * client has, so that no cache between answers it with the same again. `random` moves it on then. */
uint64_t durable_cursor(int64_t wall_ms, uint64_t client_cursor, uint32_t random);

/* True if the list of If-None-Match has the tag, or "*" (RFC 9110 section 13.1.2). */
bool durable_etag_listed(trib_str list, trib_str etag);

#endif
