/* SPDX-License-Identifier: Apache-2.0 */
/* 128-bit random ids: of databases, sessions, events. Written as 32 lower-case hex digits, or as a UUID where a wire
 * asks for one. The all-zero id means "none" and is never made. */
#ifndef TRIB_BASE_IDS_H
#define TRIB_BASE_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/error.h"
#include "base/str.h"

enum {
    TRIB_ID_BYTES = 16,
    TRIB_ID_HEX_BYTES = 33,  /* 32 digits and a NUL */
    TRIB_ID_UUID_BYTES = 37, /* 8-4-4-4-12 digits and a NUL */
};

typedef struct trib_id {
    uint8_t bytes[TRIB_ID_BYTES];
} trib_id;

/* 128 random bits. Errors: INTERNAL when the system gives no randomness; *ret is untouched then. */
trib_code trib_id_random(const trib_env *env, trib_id *ret, trib_error *err);
/* The first 6 bytes are the milliseconds since 1970, so ids sort by the time they were made and stand next to one
 * another in an index; the other 10 are random. Errors: as above. */
trib_code trib_id_by_time(const trib_env *env, trib_id *ret, trib_error *err);
/* The same as trib_id_random with the version and variant bits of a UUIDv4 (RFC 9562 §5.4). Errors: as above. */
trib_code trib_id_random_uuid(const trib_env *env, trib_id *ret, trib_error *err);

bool trib_id_eq(trib_id a, trib_id b);
bool trib_id_is_zero(trib_id id);

void trib_id_to_hex(trib_id id, char ret_hex[TRIB_ID_HEX_BYTES]);
/* Exactly 32 lower-case hex digits, not all zero; false leaves *ret alone. One spelling, since ids become paths. */
bool trib_id_from_hex(trib_str hex, trib_id *ret);
/* 8-4-4-4-12, lower case. */
void trib_id_to_uuid(trib_id id, char ret_uuid[TRIB_ID_UUID_BYTES]);
/* Any UUID in that form, digits of either case (RFC 9562 §4), not all zero; false leaves *ret alone. */
bool trib_id_from_uuid(trib_str uuid, trib_id *ret);

#endif
