/* SPDX-License-Identifier: Apache-2.0 */
/* A command: events of shared streams and the tenants' own rows, changed all or not at all (ARCHITECTURE.md,
 * "Commands").
 *
 *   plan (reads `streams`, names the tenants) -> turns of all databases, in the order of their ids, `streams` last
 *   -> work (writes everywhere, inside one transaction a database) -> `streams` commits, with an intent that holds the
 *   tenants' changes -> durable: the commit point -> the tenants commit -> finished
 *
 * Atomic, not isolated: a reader may see the event before the tenant's row. */
#ifndef TRIB_CORE_COMMAND_H
#define TRIB_CORE_COMMAND_H

#include "core/app.h"
#include "core/job.h"
#include "core/stream.h"
#include "core/tenant.h"

enum {
    TRIB_COMMAND_TENANTS_MAX = 8, /* databases beside `streams`: each of them waits for the slowest */
    TRIB_COMMAND_ROUNDS_MAX = 3   /* times that work may name other tenants than planned */
};

typedef struct trib_command trib_command;
struct trib_command {
    trib_job job; /* first */
    /* set by the caller before trib_command_submit */
    trib_app *app;
    trib_str tenant_id, tenant_name; /* who asks (trib_stream_txn); borrowed */
    /* May be NULL. In a read transaction on `streams`: adds the tenants with trib_command_add. */
    trib_code (*plan)(trib_command *command, trib_stream_txn *streams, trib_error *err);
    /* In a write transaction on each database: handles[i] is that of tenants[i]. Any error takes back everything; AGAIN
     * after trib_command_forget and trib_command_add: once more with those tenants. It may run several times. */
    trib_code (*work)(trib_command *command, trib_stream_txn *streams, trib_handle *const *handles, trib_error *err);
    /* Home loop, exactly once. OK: all of it is durable (or certain to become so). Any other code: nothing happened. */
    void (*finished)(trib_command *command);

    trib_tenant *tenants[TRIB_COMMAND_TENANTS_MAX]; /* in the order of trib_command_add, each once */
    size_t tenant_count;
    trib_arena arena; /* empty before each plan and work; what work leaves in it is there in `finished` */
    trib_code code;
    trib_error err;
    const trib_tenant *kept_by;   /* of `tenants`: whose turn it waited for in vain (TRANSACTION_BUSY); else NULL */
    struct trib_command_run *run; /* private */
};

/* Errors: TENANT_NOT_FOUND (`name` names nobody, or a tenant that is being deleted), BAD_REQUEST (too many). *ret_index
 * is its place in tenants and handles; one that is there already keeps its place. Thread: inside plan or work, or
 * before submit. */
trib_code trib_command_add(trib_command *command, trib_str name, size_t *ret_index, trib_error *err);
void trib_command_forget(trib_command *command);
/* Errors: TOO_MANY_REQUESTS, SHUTTING_DOWN: nothing has moved, `finished` will not be called. Thread: a loop. */
trib_code trib_command_submit(trib_command *command, trib_error *err);
/* The peer is gone: ends with CANCELLED if the commit point is not near. Thread: the home loop, before `finished`. */
void trib_command_cancel(trib_command *command);
/* Frees what the command holds, not the struct. */
void trib_command_deinit(trib_command *command);

#endif
