/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648): the standard and the URL-safe alphabet, with and without padding. */
#ifndef TRIB_WIRE_BASE64_H
#define TRIB_WIRE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

typedef enum trib_base64_alphabet {
    TRIB_BASE64_STD, /* + and / (§4) */
    TRIB_BASE64_URL, /* - and _ (§5) */
} trib_base64_alphabet;

/* How exact a text must be to be decoded. White space, foreign characters and a length of 4k+1 are always refused. */
typedef enum trib_base64_mode {
    /* Padding whole or absent; the unused bits of the last character are ignored. For blobs: clients pad or do not. */
    TRIB_BASE64_LENIENT,
    /* No padding, unused bits zero: exactly one text for each value. For tokens, where a second spelling of a signature
     * would get past a revocation list or a cache key (RFC 4648 §3.5, RFC 7515 §2). */
    TRIB_BASE64_CANONICAL,
} trib_base64_mode;

/* Most bytes that encoding n bytes takes, padding included; SIZE_MAX if that overflows. */
size_t trib_base64_encoded_max(size_t n);
/* Most bytes that decoding n characters gives. */
size_t trib_base64_decoded_max(size_t n);

/* Writes the text of bytes[0, n) to `out`, which has trib_base64_encoded_max(n) bytes; returns its length. No NUL. */
size_t trib_base64_encode(trib_base64_alphabet alphabet, bool pad, const void *bytes, size_t n, char *out);
/* Appends it; failure sticks in `buf`. */
void trib_base64_encode_buf(trib_base64_alphabet alphabet, bool pad, const void *bytes, size_t n, trib_buf *buf);

/* Decodes the whole of `text` to `out`, which has trib_base64_decoded_max(text.len) bytes. False: not Base64 of this
 * alphabet and mode, the contents of `out` are then undefined and *ret_n untouched. `out` may be the text itself. */
bool trib_base64_decode(trib_base64_alphabet alphabet, trib_base64_mode mode, trib_str text, void *out, size_t *ret_n);
/* The same into an arena; false also when the arena failed (arena->failed tells). */
bool trib_base64_decode_arena(trib_base64_alphabet alphabet, trib_base64_mode mode, trib_str text, trib_arena *arena,
                              trib_str *ret);

#endif
