/* SPDX-License-Identifier: Apache-2.0 */
/* Private to auth*.c: what a verified token says, and which key said it. */
#ifndef TRIB_CORE_AUTH_INT_H
#define TRIB_CORE_AUTH_INT_H

#include "core/auth.h"
#include "wire/jwt.h"

enum { TRIB_AUTH_TOKEN_ID_BYTES = 16 };

/* trib_principal.claims of whoever showed a token. */
typedef struct trib_auth_claims {
    trib_arena arena;
    trib_jwt_claims jwt;
    uint8_t cache_id[TRIB_AUTH_TOKEN_ID_BYTES];
    bool imported;          /* the key is not one of ours */
    const char *tenant_key; /* the jwt_key of the tenant that it is one of; NULL: the server's. Compared only */
    char tenant_id[TRIB_DB_ID_BYTES + 1]; /* with tenant_key: of that tenant, which alone it opens */
} trib_auth_claims;

/* The answer for a tenant that is not there, and for one that may not be seen. */
trib_code trib_auth_not_found(trib_str name, trib_error *err);

#endif
