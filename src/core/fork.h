/* SPDX-License-Identifier: Apache-2.0 */
/* A new tenant with the data that another one has at one moment.
 *
 *   FILES: the id that will be, durable -> copy the snapshot, page by page, in chunks -> gate -> sync, put in place
 *     -> CREATE: the tenant, durable -> finished
 *
 * The source is read in one transaction and stays writable. Before CREATE nobody can see the target; whatever ends the
 * fork before it, a crash too, leaves an id in control's list of files that must go. */
#ifndef TRIB_CORE_FORK_H
#define TRIB_CORE_FORK_H

#include "core/control.h"
#include "core/snapshot.h"
#include "store/db_writer.h"

enum { TRIB_FORK_CHUNK_BYTES = 1 << 20 }; /* copied in one go: a few ms of a worker */

typedef struct trib_fork trib_fork;
struct trib_fork {
    /* set by the caller, who keeps all of it until `finished` */
    trib_app *app;
    trib_tenant *source; /* a reference is taken */
    char name[TRIB_TENANT_NAME_BYTES + 1];
    trib_home *home;
    void (*finished)(trib_fork *fork); /* home loop, exactly once */
    void *owner;
    /* results */
    trib_code code;
    trib_error err;
    trib_tenant *tenant; /* a reference for the caller; NULL after an error */
    /* private */
    char id[TRIB_DB_ID_BYTES + 1];
    trib_control_op op;
    trib_db_job copy;
    bool copying, cancelled;
    trib_snapshot snapshot;
    trib_db_writer *writer;
    trib_job placed; /* brings the sync thread's word home */
};

/* Errors: TENANT_NAME_INVALID, TENANT_EXISTS, TOO_MANY_REQUESTS (TRIB_FORKS_MAX are under way), BAD_REQUEST (a system
 * database), NOMEM: `finished` will not be called. Later also: those of reading and writing, SNAPSHOT_TOO_OLD (the
 * source was written too fast to be copied), CANCELLED. Thread: the home loop. */
trib_code trib_fork_submit(trib_fork *fork, trib_error *err);
/* The peer is gone: ends soon, with CANCELLED unless the tenant is being created. Thread: the home loop, before
 * `finished`. */
void trib_fork_cancel(trib_fork *fork);

#endif
