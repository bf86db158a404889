/* SPDX-License-Identifier: Apache-2.0 */
/* Private to jwt.c and jwt_create.c: the spelling of claims, in one place for both directions. */
#ifndef TRIB_WIRE_JWT_INT_H
#define TRIB_WIRE_JWT_INT_H

#include "wire/jwt.h"

/* Past 2^53 a time is not exact in the doubles that other readers use. */
#define TRIB_JWT_MAX_TIME_S INT64_C(9007199254740992)

extern const char *const trib_jwt_right_names[TRIB_JWT_RIGHT_COUNT];
/* By trib_jwt_access; NULL for NONE. */
extern const char *const trib_jwt_access_names[4];

#endif
