/* SPDX-License-Identifier: Apache-2.0 */
/* A database as numbered pages, for replicas: which changed since a frame, their bytes at one snapshot, and pages that
 * a replica has written, taken in as one commit. Every replica protocol is made of these; none has a storage of its
 * own.
 *
 *   open -> point (epoch, frame_no, size) -> list (since) -> read, page by page -> close
 *
 * What is read leaves the store through the gate like rows, and in a relaxed database too: frames that a power cut
 * takes back are written again with other contents, and a replica that had seen them would differ from then on without
 * knowing it. */
#ifndef TRIB_STORE_PAGES_H
#define TRIB_STORE_PAGES_H

#include "store/store.h"

enum {
    TRIB_PAGE_BYTES = 4096,                /* what replicas can take; a file with other pages is refused */
    TRIB_PAGES_SETTLE_MS = 100,            /* longest wait for a commit's own writer to take it to the map */
    TRIB_PAGES_CHECK_MAX_BYTES = 64 << 20, /* up to this size pushed pages are followed by a check of the database */
    TRIB_PAGES_PUSH_MAX = 4096,            /* pages of one push: they are held in memory, under the turn */
    TRIB_PAGE_OF_LOCK =
        0x40000000 / TRIB_PAGE_BYTES + 1 /* SQLite never uses it (fileformat2.html#the_lock_byte_page) */
};
/* "Since nothing": every page. In an epoch that began over an existing file, 0 does not name those that never changed
 * since. */
#define TRIB_FRAME_NONE UINT64_MAX

/* Opens a read transaction (the handle must be outside one, access SYSTEM) and says where it stands. A database without
 * files is made first: replicas start from a file. AGAIN: reads are held back for a moment, call it again.
 * Errors: those of a read; TOO_MANY_REQUESTS (the map is being made anew), BAD_REQUEST (not 4096-byte pages). Thread:
 * inside. */
trib_code trib_pages_open(trib_handle *handle, trib_db_point *ret, trib_error *err);
/* Appends the pages that changed after `since` up to the open snapshot, as trib_db_changed_pages; TRIB_FRAME_NONE: all
 * but the one that SQLite never uses (the lock byte's). Errors: NOMEM, IO. */
trib_code trib_pages_list(trib_handle *handle, const trib_db_point *point, uint64_t since, trib_buf *ret,
                          trib_error *err);
/* Appends the bytes of a page at the open snapshot. Errors: those of a read, SNAPSHOT_TOO_OLD among them; NOMEM. */
trib_code trib_pages_read(trib_handle *handle, uint32_t page, trib_buf *ret, trib_error *err);
/* Ends the read transaction. */
trib_code trib_pages_close(trib_handle *handle, trib_error *err);

/* The generation of a database's replicas: a small number that never goes down while its file <id>.gen is there. A new
 * epoch makes it two more: V2 clients climb one by one, and the one between is where they get everything anew.
 * Errors: IO, DISK_FULL, NOMEM. Thread: worker; takes open_lock. */
trib_code trib_db_get_generation(trib_db *db, uint32_t *ret, trib_error *err);

/* Pages from outside, as one commit. Frames since+1 .. until are the replica's own count of them: it may have written a
 * page more than once, and counts on `until` afterwards. */
typedef struct trib_page_bytes {
    uint32_t page;
    const uint8_t *bytes; /* TRIB_PAGE_BYTES */
} trib_page_bytes;
typedef struct trib_pages_push {
    uint64_t epoch, since, until;
    const trib_page_bytes *pages; /* each page once */
    size_t count;
    uint32_t page_count; /* of the database afterwards */
} trib_pages_push;
typedef enum trib_push_outcome {
    TRIB_PUSH_DONE,
    TRIB_PUSH_REPEATED, /* all of it is there already: the answer to the first try was lost */
    TRIB_PUSH_CONFLICT  /* somebody else has written since */
} trib_push_outcome;
/* All or nothing. The pages are checked inside the transaction, before anybody sees them: size, header, schema, that
 * tables of the server's own did not change, and, up to TRIB_PAGES_CHECK_MAX_BYTES, the whole database.
 * AGAIN: needs the turn. Errors: BAD_REQUEST with what is wrong with the pages, DATABASE_FULL, those of a write.
 * Thread: inside; access SYSTEM; outside a transaction. */
trib_code trib_pages_apply(trib_handle *handle, const trib_pages_push *push, trib_push_outcome *ret, trib_error *err);

#endif
