/* SPDX-License-Identifier: Apache-2.0 */
/* A tenant as the running server holds it, its settings, and the principal who asks. Tenant and principal are counted
 * references: a job keeps them alive. One object is one tenant for as long as the process lives: what can change is
 * atomic, and takes effect with the next look at it. */
#ifndef TRIB_CORE_TENANT_H
#define TRIB_CORE_TENANT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/tree.h>

#include "base/error.h"
#include "base/list.h"
#include "base/str.h"
#include "core/job.h"
#include "store/store.h"

enum {
    TRIB_TENANT_NAME_BYTES = 64,
    TRIB_TENANT_REASON_BYTES = 159,   /* of a block_reason: it is part of error messages */
    TRIB_TENANT_JWT_KEY_BYTES = 1023, /* of a jwt_key: 8 keys in PEM */
    TRIB_TENANT_JWT_KEYS_MAX = 8,     /* in one jwt_key: each one costs a verification per forged token */
    TRIB_TENANT_TEXTS_MAX = 4096 /* different names and reasons of a tenant since the start: readers may hold any of
                                     * them, so all are kept; stops a script that changes them for ever */
};

/* What an operator may set on a tenant; names are those of the admin API and of the columns in `control`.
 * X(field, name, type, least, most, meaning): 0 is always allowed and is the default. */
#define TRIB_TENANT_SETTING_TABLE(X)                                                                                   \
    X(BLOCK_READS, block_reads, BOOL, 0, 1, "refuse every request")                                                    \
    X(BLOCK_WRITES, block_writes, BOOL, 0, 1, "refuse writes")                                                         \
    X(MAX_BYTES, max_bytes, BYTES, 4096, INT64_C(1) << 46, "size limit of the database; 0: none")                      \
    X(STATEMENT_TIMEOUT_MS, statement_timeout_ms, MS, 1, 3600000, "longest a statement runs; 0: 30 s")                 \
    X(TXN_STEAL_MS, txn_steal_ms, MS, 1, 600000, "age at which a transaction yields to a writer who waits; 0: 5 s")    \
    X(RELAXED, durability, DURABILITY, 0, 1, "strong: answered when on disk; relaxed: answered before")                \
    X(REPLICA_V1, replica_v1, BOOL, 0, 1, "embedded replicas speak gRPC-web (V1) instead of V2")                       \
    X(OLD_TOKENS, old_tokens, BOOL, 0, 1,                                                                              \
      "tokens of imported keys may be older than the tenant's name, or say no time")                                   \
    X(ALLOW_ATTACH, allow_attach, BOOL, 0, 1, "who may read it may ATTACH it in sessions of other tenants")            \
    X(PUBLISH, publish, BOOL, 0, 1, "its nodes that say so, and their points, are in discovery")

typedef enum trib_tenant_setting {
#define X(field, name, type, least, most, meaning) TRIB_TENANT_##field,
    TRIB_TENANT_SETTING_TABLE(X)
#undef X
        TRIB_TENANT_SETTING_COUNT
} trib_tenant_setting;

typedef enum trib_tenant_setting_type {
    TRIB_TENANT_BOOL,
    TRIB_TENANT_BYTES,
    TRIB_TENANT_MS,
    TRIB_TENANT_DURABILITY
} trib_tenant_setting_type;

typedef struct trib_tenant_setting_row {
    const char *name;
    trib_tenant_setting_type type;
    int64_t least, most;
    const char *meaning;
} trib_tenant_setting_row;
const trib_tenant_setting_row *trib_tenant_setting_row_at(size_t setting);

/* A change of settings: only what is given changes. */
typedef struct trib_tenant_change {
    uint32_t given; /* bit i: values[i] */
    int64_t values[TRIB_TENANT_SETTING_COUNT];
    bool has_reason;
    char reason[TRIB_TENANT_REASON_BYTES + 1];
    bool has_jwt_key;
    trib_str jwt_key; /* at most TRIB_TENANT_JWT_KEY_BYTES; empty: none. Lives as long as the change */
} trib_tenant_change;

struct trib_tenant {
    _Atomic(const char *) name;    /* valid as long as the tenant, also after a rename */
    char id[TRIB_DB_ID_BYTES + 1]; /* of its database: random, or the name of a system database */
    trib_work_queue *queue;
    int64_t created_ms;
    bool system;              /* streams, discovery: reached only by tokens that name them */
    _Atomic int64_t named_ms; /* since when it has its name: token lists made before do not mean it */
    _Atomic int64_t settings[TRIB_TENANT_SETTING_COUNT];
    _Atomic(const char *) block_reason; /* "" for none; valid as long as the tenant */
    _Atomic(const char *) jwt_key;      /* checks tokens that others sign for it, see auth.h; "" for none; likewise */
    _Atomic uint32_t token_epoch;       /* tokens with an older `gen` are void */
    _Atomic int64_t revoked_ms;         /* tokens of imported keys whose `iat` is not later are void; 0: none was */
    _Atomic bool deleted;               /* jobs that still hold it are refused */
    _Atomic uint32_t refs;
    _Atomic uint64_t rows_read, rows_written, requests; /* since the server started */
    /* private to control.c and tenant.c, under control's lock */
    struct trib_tenant_text *texts; /* what name, block_reason and jwt_key point to, or did */
    uint32_t text_count;
    _Atomic int64_t deleted_ms, purge_ms; /* deleted: since when, and when its files go; else 0 */
    RB_ENTRY(trib_tenant) by_name;        /* control_known.c */
    trib_list link;                       /* deleted: in control's list of them */
    trib_list outbox_link;                /* core/outbox.c */
    bool changing;                        /* one change at a time, so that memory and file see them in the same order */
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

/* A tenant with one reference and a queue. Errors: NULL without memory. */
trib_tenant *trib_tenant_new(trib_workers *workers, trib_str name, trib_str id);
/* The text is copied and kept. Errors: NOMEM, TOO_MANY_REQUESTS (TRIB_TENANT_TEXTS_MAX): nothing has changed. Thread:
 * one at a time. */
trib_code trib_tenant_set_name(trib_tenant *tenant, trib_str name, trib_error *err);
trib_code trib_tenant_set_reason(trib_tenant *tenant, trib_str reason, trib_error *err);
trib_code trib_tenant_set_jwt_key(trib_tenant *tenant, trib_str key, trib_error *err);
/* The same in two steps: reserve may fail, the set of that text afterwards does not. */
trib_code trib_tenant_reserve_text(trib_tenant *tenant, trib_str text, trib_error *err);
static inline int64_t trib_tenant_get(const trib_tenant *tenant, trib_tenant_setting setting) {
    return atomic_load_explicit(&tenant->settings[setting], memory_order_relaxed);
}
static inline void trib_tenant_set(trib_tenant *tenant, trib_tenant_setting setting, int64_t value) {
    atomic_store_explicit(&tenant->settings[setting], value, memory_order_relaxed);
}
/* What the store has to know of them. Thread: any. */
trib_db_settings trib_tenant_db_settings(const trib_tenant *tenant);

trib_principal *trib_principal_ref(trib_principal *principal);
void trib_principal_unref(trib_principal *principal);

/* The only door to a handle. OK, or TENANT_NOT_FOUND (may not see it), FORBIDDEN (may not write), BLOCKED,
 * AUTH_JWT_EXPIRED, AUTH_JWT_INVALID (revoked). Thread: any. Implemented in auth.c. */
trib_code trib_may(const trib_principal *principal, const trib_tenant *tenant, trib_action action, int64_t now_ms,
                   trib_error *err);

/* Whether it may read `tenant` in a session of another one: as trib_may for reading, and the tenant must allow it.
 * Errors also: FORBIDDEN. Thread: any. Implemented in auth.c. */
trib_code trib_may_attach(const trib_principal *principal, const trib_tenant *tenant, int64_t now_ms, trib_error *err);

#endif
