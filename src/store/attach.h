/* SPDX-License-Identifier: Apache-2.0 */
/* ATTACH: a connection of one database reads another one. docs/decisions/0009-attach.md says why it is built like this.
 *
 *   trib_handle (host, of A) ── sqlite3 ── main:  pager of A
 *      └ guests ── trib_guest (in B's list of handles) ── alias: pager of B, read-only
 *
 * SQLite's ATTACH makes a second pager in the host's connection. The guest is what B knows of it: one of B's handles,
 * without a connection of its own. So B counts who is inside, ends reads that are too old, is not closed, deleted or
 * cut back while somebody reads, and interrupts the statement, as with its own handles. Entering the host enters all of
 * its guests, leaving it leaves them.
 *
 * A host's connection belongs to whoever has marked the host as inside, under the lock of the host's database. When B
 * must be rid of its guests (a sync failed, it is deleted), it marks the host itself, as a thief of the turn does, and
 * closes the whole connection; the session hears of it when it enters again. Two databases are locked at once only for
 * that mark, and only under store->guest_lock, whatever attaches whatever.
 *
 * A commit of A that has read B waits, before its first frame is written, until what it has read is durable in B: else
 * A could keep for good what a power cut takes from B. */
#ifndef TRIB_STORE_ATTACH_H
#define TRIB_STORE_ATTACH_H

#include "store/db_int.h"

struct trib_guest {
    trib_handle handle; /* first; its db is the attached one, its sqlite the host's while that is open */
    trib_handle *host;
    trib_guest *next; /* of the host */
    char alias[TRIB_ATTACH_ALIAS_BYTES + 1];
    void *owner;
    void (*release)(void *owner);
};

/* ---- for handle.c, with the host marked as inside ---- */

/* All guests enter their databases, or none. Errors: of the first that does not let it in. */
trib_code trib_guests_enter(trib_handle *host, trib_error *err);
void trib_guests_leave(trib_handle *host);
/* The handle changes hands: nobody asks for its gates any more. */
void trib_guests_forget_needs(trib_handle *host);
/* Before a step: waits while an attached database holds new reads back, TRIB_RESET_HOLD_MS at most. */
void trib_guests_before_step(trib_handle *host);
/* After a step: which snapshots are open, and since when. */
void trib_guests_after_step(trib_handle *host);
/* After a rollback: none is, and what interrupted is told. */
void trib_guests_rolled_back(trib_handle *host);
/* Around the closing of the connection: nobody interrupts it any more; its databases hear that the guests are gone. */
void trib_guests_closing(trib_handle *host);
void trib_guests_closed(trib_handle *host);

/* ---- for the attached database ---- */

/* Ends all guests of `db` with their connections; their next enter answers `lost`. wait: also those that somebody is
 * inside of, who must be on their way out; else they stay. Thread: any, no lock but open_lock. */
void trib_guests_evict(trib_db *db, trib_code lost, bool wait);
/* A read of this guest is too old and nobody is inside: rolls the host back. `guest` may be gone already. false:
 * nothing was done. */
bool trib_guest_end_read(trib_db *db, const trib_handle *guest);

#endif
