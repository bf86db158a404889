/* SPDX-License-Identifier: Apache-2.0 */
/* The log seam: how a commit becomes durable. The store offers every finished commit to a driver and hears later that
 * it is durable, or that it will never be. Nothing else in the store knows how.
 *
 * `local` syncs the database's own -wal: one sync in flight per database, each covers every commit appended before it
 * began. tests/support has a simulated driver (late, lost, reordered answers); a shared journal or a replicated log
 * come behind the same functions. */
#ifndef TRIB_STORE_LOG_H
#define TRIB_STORE_LOG_H

#include <stdint.h>

#include "store/store.h"

typedef struct trib_log_record {
    trib_db *db;
    uint64_t commit_no;
    uint64_t ticket;       /* what to report: the commit number with the incarnation it belongs to */
    uint64_t log_end;      /* byte of -wal behind this commit */
    uint32_t salt[2];      /* of the log it is in */
    const uint32_t *pages; /* changed pages, may repeat; borrowed for the call */
    uint32_t page_count;
    uint32_t size_after; /* pages of the database after it */
} trib_log_record;

typedef struct trib_log_driver trib_log_driver;
struct trib_log_driver {
    /* Takes a finished commit; commits of one database come in order. lane: a number that is stable for the database.
     * Must not call back into the store from here. Thread: the turn holder's. */
    void (*append)(trib_log_driver *driver, uint32_t lane, const trib_log_record *record);
    void (*free)(trib_log_driver *driver);
};

/* The shared sync of -wal. Errors: NOMEM. */
trib_code trib_log_local_new(trib_store *store, trib_log_driver **ret, trib_error *err);
/* The sync of one database; its task's function. */
struct trib_task;
void trib_log_local_sync(struct trib_task *task);

/* What a driver reports: this commit and all before it are durable. A report that is late, out of order or of a commit
 * that was cut away meanwhile does no harm. Thread: any, no lock held. */
void trib_log_durable(trib_db *db, uint64_t ticket);
/* A commit could not be made durable: starts the cut-back. */
void trib_log_failed(trib_db *db);

/* With the turn, after SQLite returned: takes the pending commit, if there is one, to the driver. false: a commit frame
 * was written but the commit did not happen; the log must be cut. */
bool trib_log_harvest(trib_handle *handle);
/* Before a commit frame is written: memory for what harvest must remember. false: none. */
bool trib_log_reserve(trib_db *db);

#endif
