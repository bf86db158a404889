/* SPDX-License-Identifier: Apache-2.0 */
/* Between who finds somebody for a job (features/dispatch) and who knows what the jobs of deals are (features/deals):
 * each fills its part when it starts, the other one calls it. What kinds of deals there are, and which of their actions
 * gives a job to whom, stands in one table, which is that of the deals. */
#ifndef TRIB_CORE_DEAL_JOBS_H
#define TRIB_CORE_DEAL_JOBS_H

#include "core/tenant.h"
#include "store/store.h"
#include "wire/json.h"

typedef struct trib_command trib_command;       /* command.h */
typedef struct trib_stream trib_stream;         /* stream.h */
typedef struct trib_stream_txn trib_stream_txn; /* stream.h */

/* A job of a deal that nobody has yet. The texts that are no literals live in the transaction's arena. */
typedef struct trib_deal_job {
    const char *role;     /* "driver" */
    const char *worker;   /* nodeType of who can do it, in his own database */
    const char *who;      /* roles that may give it away, with a blank between them */
    bool one_at_a_time;   /* who has it can have no other: his point says whether he is idle */
    bool may_come_back;   /* who has it can give it back, and then somebody else can be found */
    trib_str seller;      /* the tenant where it begins; empty: none */
    trib_str seller_node; /* his own node; empty: not known */
} trib_deal_job;

/* Somebody takes a job. */
typedef struct trib_deal_claim {
    trib_command *command; /* in its work; the worker's tenant has been added */
    trib_stream_txn *txn;
    trib_handle *const *handles;
    trib_str deal_id, role;
    trib_str worker;          /* the tenant's name */
    trib_str point;           /* of his points; empty: the first that is free */
    const char *availability; /* that the point must have, and has no longer afterwards: "idle", "offered" */
    const trib_json *body;    /* members of the action; NULL: none */
} trib_deal_claim;

/* One for the process: app->deal_jobs. */
typedef struct trib_deal_jobs {
    void *deals; /* NULL: there are no deals */
    /* The job of this role, or with an empty one the first that somebody can be given now. `s` is loaded.
     * Errors: BAD_REQUEST (no such job), BAD_TRANSITION (not now, or somebody has it), and the database's. */
    trib_code (*find)(void *deals, trib_stream_txn *txn, const trib_stream *s, trib_str role, trib_deal_job *ret,
                      trib_error *err);
    /* Whether who asks (txn) may give it away, and a claim with this body would be taken; nothing is written. `s` as
     * of find. Errors: FORBIDDEN, BAD_REQUEST, BAD_EVENT, BAD_TRANSITION. */
    trib_code (*check)(void *deals, trib_stream_txn *txn, const trib_stream *s, trib_str role, const trib_json *body,
                       trib_error *err);
    /* The worker has the job: his rows and the event, by the platform. *ret_version is the stream's then.
     * Errors: NOT_AVAILABLE, TABLES_MISSING, those of an append; AGAIN as of a command's work. */
    trib_code (*claim)(void *deals, const trib_deal_claim *claim, uint64_t *ret_version, trib_error *err);

    void *dispatch; /* NULL: nobody wants to know */
    /* Somebody of this tenant may have become idle: a command has freed him, or the tenant has written. With
     * `streams`: a deal has changed, and may need nobody any more. Thread: any. */
    void (*freed)(void *dispatch, const trib_tenant *tenant);
    /* In a command: the job was given back by this worker (NULL: he is no more). Who asked for somebody, and found him,
     * asks again. Errors: the store's. */
    trib_code (*come_back)(void *dispatch, trib_stream_txn *txn, trib_str deal_id, trib_str role,
                           const trib_tenant *worker, trib_error *err);
} trib_deal_jobs;

#endif
