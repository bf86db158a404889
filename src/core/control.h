/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: tenants, signing keys and the admin key, kept in the system database `control` and held in memory, so
 * that naming a tenant never costs a query.
 *
 *   start: read everything -> map name -> trib_tenant
 *   change: a job on `control` -> durable -> the map follows -> `finished`; nobody sees it before
 *
 * About 400 bytes a tenant: 220,000 of them take 90 MB. */
#ifndef TRIB_CORE_CONTROL_H
#define TRIB_CORE_CONTROL_H

#include "core/app.h"
#include "core/db_job.h"
#include "core/tenant.h"
#include "wire/jwt.h"

enum {
    TRIB_CONTROL_PAGE_MAX = 1000, /* tenants in one page of a list */
    TRIB_FORKS_MAX = 4,           /* at once: each writes as fast as the disk takes it */
    TRIB_CONTROL_RETRY_MS = 2000, /* between two tries to remove files that somebody still holds */
    TRIB_SIGNING_KEYS_MAX = 16,   /* kept ones; the oldest retired one goes first */
    TRIB_IMPORTED_KEYS_MAX = 8    /* of the setting, and as many by the admin API: each costs a verification per forged
                                   * token */
};

/* Reads or makes the registry. On the very first start it makes a signing key and an admin key (also written to
 * <data>/admin.key, mode 0600, by the server). Blocks: called before the loops run. */
trib_code trib_control_open(trib_app *app, trib_control **ret, trib_error *err);
/* No job may be running. */
void trib_control_close(trib_control *control);

/* A database of the server's own ("streams", "discovery"): nobody can delete it, so it is borrowed as long as the
 * registry is open. Errors: INTERNAL. Thread: any. */
trib_code trib_control_find_system(trib_control *control, const char *name, trib_tenant **ret, trib_error *err);
/* A reference, or NULL. Thread: any. */
trib_tenant *trib_control_find(trib_control *control, trib_str name);
/* The same by its id: for what outlives a rename. NULL: none, or deleted. Thread: any. */
trib_tenant *trib_control_find_id(trib_control *control, trib_str id);
/* Whether a tenant has this id, one that was deleted and may come back included. One walk over the deleted. Thread:
 * any. */
bool trib_control_knows_id(trib_control *control, trib_str id);
/* How many tenants have gone for good since the start. Thread: any. */
uint64_t trib_control_count_gone(const trib_control *control);
size_t trib_control_count(trib_control *control);
/* Up to `max` names after `after` in byte order, references; returns how many. */
size_t trib_control_list(trib_control *control, trib_str after, size_t max, trib_tenant **ret);

typedef enum trib_control_op_type {
    TRIB_CONTROL_CREATE,
    /* unknown to everybody at once; comes back with UNDELETE while the grace lasts, unless `now` */
    TRIB_CONTROL_DELETE,
    TRIB_CONTROL_UNDELETE,      /* `id` where several had the name; `new_name` where it is taken meanwhile */
    TRIB_CONTROL_PURGE,         /* private to control: the grace of a deleted tenant is over */
    TRIB_CONTROL_SETTINGS,      /* `change` */
    TRIB_CONTROL_FILES,         /* `id`: files that belong to no tenant yet will be there; after a crash they go */
    TRIB_CONTROL_RENAME,        /* `new_name`; the old one is free at once, tokens that name it open nothing any more */
    TRIB_CONTROL_REVOKE,        /* token_epoch + 1: every token of the tenant that was made before is void */
    TRIB_CONTROL_ROTATE_KEY,    /* a new signing key; the old ones still verify unless `drop_all` */
    TRIB_CONTROL_DROP_OLD_KEYS, /* all but the one that signs: what was made since the last rotation stays valid */
    TRIB_CONTROL_IMPORT_KEYS    /* `imported` instead of the keys of others that were taken this way before */
} trib_control_op_type;

/* A change; the caller owns it and keeps it until `finished`. */
typedef struct trib_control_op trib_control_op;
struct trib_control_op {
    trib_control_op_type type;
    char name[TRIB_TENANT_NAME_BYTES + 1];
    bool drop_all;
    trib_str imported; /* IMPORT_KEYS: as trib_jwt_keys_from_text takes them, empty: none; the caller's */
    bool now;          /* DELETE: for good. Of a name that no tenant has: the deleted tenant that had it */
    /* DELETE with `now`, UNDELETE: which one; empty: the only one. CREATE: of the database that FILES has announced;
     * empty: a new one. The caller's, until `finished` */
    trib_str id;
    const trib_tenant *like;          /* CREATE: gives its settings but the blocks; NULL: the defaults */
    const trib_tenant_change *change; /* SETTINGS, CREATE (may be NULL); the caller's, until `finished` */
    trib_str new_name;                /* RENAME, UNDELETE (empty: the old one); the caller's, until `finished` */
    trib_home *home;
    void (*finished)(trib_control_op *op); /* home loop, exactly once; code, err and tenant are valid */
    void *owner;
    trib_code code;
    trib_error err;
    trib_tenant *tenant; /* a reference for the caller to the tenant that was made or changed; else NULL */
    /* private */
    trib_db_job job;
    trib_control *control;
    trib_tenant *prepared; /* CREATE: the new tenant, until it is in the registry */
    trib_tenant *target;   /* else: the tenant that was meant, whatever becomes of its name meanwhile */
    trib_list link;        /* CREATE: in control->creating, or in the followers of another */
    trib_list followers;   /* creates of the same name that came meanwhile */
    int64_t now_ms;
    int64_t named_ms; /* the time of its name, see trib_control_naming_ms */
    uint8_t seed[32];
    char kid[40];
};
/* Errors: TENANT_NAME_INVALID, TENANT_EXISTS, TENANT_NOT_FOUND, BAD_REQUEST (no older key to drop), TOO_MANY_REQUESTS
 *         (also: another change of this tenant, or of the keys, is under way): `finished` will not be called. */
trib_code trib_control_submit(trib_control *control, trib_control_op *op, trib_error *err);

/* Up to `max` deleted tenants behind (name, id), by name and id; references. */
size_t trib_control_list_deleted(trib_control *control, trib_str after, trib_str after_id, size_t max,
                                 trib_tenant **ret);
/* Ends what deleted tenants have left when their grace is over. Every 20 ms. Thread: the tick's. */
void trib_control_tick(trib_control *control);
/* The files of this database, which belongs to no tenant any more, go soon: now, every TRIB_CONTROL_RETRY_MS while
 * somebody holds them, and at the next start. A worker does it in the queue of `tenant`. Thread: any. */
void trib_control_remove_later(trib_control *control, trib_tenant *tenant, const char *id);
/* Where jobs of the tick come home to: they end in trib_control_tick, and trib_control_close waits for them. One call a
 * job, before it is submitted; given back when it was not taken. Thread: any. */
trib_home *trib_control_take_home(trib_control *control);
void trib_control_give_home(trib_control *control);
/* One of TRIB_FORKS_MAX places; false: all are taken. Thread: any. */
bool trib_control_take_fork(trib_control *control);
void trib_control_give_fork(trib_control *control);

/* The time, in ms, for a token that lists tenants: not below when any of them got its name, and below when any name is
 * given from now on, whatever the clock does. Take it before the names are looked up. Thread: any. */
int64_t trib_control_naming_ms(trib_control *control);

/* Signing keys, and keys of others that tokens for every tenant may be signed with (docs/decisions/0007): the snapshot
 * is valid until trib_control_keys_release; generation changes with every change of them. */
typedef struct trib_control_keys {
    _Atomic uint32_t refs;
    uint64_t generation;
    size_t count; /* newest first; keys[0] signs */
    trib_ed25519_key *keys[TRIB_SIGNING_KEYS_MAX];
    char kids[TRIB_SIGNING_KEYS_MAX][40];
    size_t imported_count; /* those of the setting first */
    size_t setting_count;
    trib_ed25519_pub *imported[2 * TRIB_IMPORTED_KEYS_MAX];
    trib_jwt_key verify[TRIB_SIGNING_KEYS_MAX + 2 * TRIB_IMPORTED_KEYS_MAX]; /* own ones, then the imported */
} trib_control_keys;
trib_control_keys *trib_control_get_keys(trib_control *control);
void trib_control_keys_release(trib_control_keys *keys);
/* False: no tenant has a jwt_key, none had one since the start. Thread: any. */
bool trib_control_has_tenant_keys(const trib_control *control);

/* The key made on first start; borrowed for the control's life. */
const char *trib_control_admin_key(const trib_control *control);

#endif
