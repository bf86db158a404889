/* SPDX-License-Identifier: Apache-2.0 */
/* What one database owes to another: the part of a command whose commit point has passed (ARCHITECTURE.md, "Commands").
 *
 *   open transaction --promise--> must happen --COMMIT--> done
 *                                    └ lost (a failed sync, a full disk, a crash) --> sealed --mend--> open again
 *
 * A sealed database takes no job: trib_store_db_get mends it first, on the thread that asks. Whoever is inside already
 * may read what is there, but nobody gets the turn. Who knows what is owed is the mender, set by the core. */
#ifndef TRIB_STORE_SEAL_H
#define TRIB_STORE_SEAL_H

#include "store/store.h"

typedef struct trib_mender {
    void *ctx;
    /* Something is owed to this database, or may be. Asked when it is opened, and when it is in service again after a
     * failed sync. Thread: any, no lock of a database held but those of opening. */
    bool (*owes)(void *ctx, const char *db_id);
    /* Does what is owed, in a transaction of its own, on a connection without triggers and foreign keys. handle NULL:
     * the database has no files any more. OK: nothing is owed now. COMMAND_CONFLICT: it cannot be done, the database is
     * taken out of service. Others: not now. Thread: a worker. */
    trib_code (*mend)(void *ctx, const char *db_id, trib_handle *handle, trib_error *err);
} trib_mender;
/* Before any database is used that may owe something. Borrowed for the store's life. */
void trib_store_set_mender(trib_store *store, const trib_mender *mender);

/* From here on, until the handle is given back or `bound` is false, statements run in the transaction that is open or
 * fail with TRANSACTION_TIMEOUT: SQLite ends it by itself after some errors, and what follows would commit alone.
 * Thread: inside. */
void trib_handle_bind(trib_handle *handle, bool bound);
/* The open write transaction of this handle must happen from here on: it is not taken away for being overdue, and if it
 * is lost all the same, the database is sealed. Errors: TRANSACTION_TIMEOUT (it is gone already), NOT_COMMITTED,
 * DATABASE_QUARANTINED, CANCELLED. Thread: inside. */
trib_code trib_handle_promise(trib_handle *handle, trib_error *err);
/* It has happened, or need not any more. Thread: the handle's owner, inside or not. */
void trib_handle_end_promise(trib_handle *handle);

/* The last step of this handle that had the turn: its own commit and none of later ones, if it committed. What waits
 * for it learns the fate of exactly that. Thread: inside. */
uint64_t trib_handle_own_ticket(const trib_handle *handle);
/* The newest commit of a database, durable or not, for trib_gate_wait; in a relaxed database too. Thread: any. */
uint64_t trib_db_newest_ticket(trib_db *db);

#endif
