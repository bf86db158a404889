/* SPDX-License-Identifier: Apache-2.0 */
/* A tenant as the running server holds it, and the principal who asks. Both are counted references: a job keeps them
 * alive. Fields are fixed after control.c made the object; a change of settings makes a new object under the same name,
 * except for the atomics. */
#ifndef TRIB_CORE_TENANT_H
#define TRIB_CORE_TENANT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "core/job.h"
#include "store/store.h"

enum { TRIB_TENANT_NAME_BYTES = 64 };

struct trib_tenant {
    char name[TRIB_TENANT_NAME_BYTES + 1];
    char id[TRIB_DB_ID_BYTES + 1]; /* of its database: random, or the name of a system database */
    trib_work_queue *queue;
    trib_db_settings db_settings;
    int64_t created_ms;
    bool system; /* streams, discovery: reached only by tokens that name them */
    _Atomic bool block_reads, block_writes;
    char block_reason[160];
    _Atomic uint32_t token_epoch; /* tokens with an older `gen` are void */
    _Atomic bool deleted;         /* jobs that still hold it are refused */
    _Atomic uint32_t refs;
    _Atomic uint64_t rows_read, rows_written, requests; /* since the server started */
};
typedef struct trib_tenant trib_tenant;

typedef enum trib_action { TRIB_ACTION_READ, TRIB_ACTION_WRITE, TRIB_ACTION_ADMIN } trib_action;

/* Who asks: made by core/auth.c from a token, the admin key or --no-auth. */
struct trib_principal {
    _Atomic uint32_t refs;
    uint64_t fingerprint[2]; /* same principal, same value: sessions are bound to it */
    int64_t expires_ms;      /* 0: never. Checked again on long-lived connections and at each use of a session */
    bool everything;         /* --no-auth, a full-access token */
    bool admin;              /* the admin key */
    void *claims;            /* private to auth.c */
};
typedef struct trib_principal trib_principal;

trib_tenant *trib_tenant_ref(trib_tenant *tenant);
/* The last one frees it. Takes NULL. */
void trib_tenant_unref(trib_tenant *tenant);
trib_principal *trib_principal_ref(trib_principal *principal);
void trib_principal_unref(trib_principal *principal);

/* The only door to a handle. OK, or TENANT_NOT_FOUND (may not see it), FORBIDDEN (may not write), BLOCKED,
 * AUTH_JWT_EXPIRED, AUTH_JWT_INVALID (revoked). Thread: any. Implemented in auth.c. */
trib_code trib_may(const trib_principal *principal, const trib_tenant *tenant, trib_action action, int64_t now_ms,
                   trib_error *err);

#endif
