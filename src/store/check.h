/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a whole database and verifies it, a piece at a time, while others use it.
 *
 *   SIZE    the file is as long as the database that its header and log describe
 *   PAGES   every page, free ones too, can be read                     1 MiB a piece
 *   TABLES  each table's tree and its indexes, by SQLite's own check   one table a piece; a small database at once
 *   LISTS   the schema's tree, the number of free pages
 *
 * Each piece is a read of its own, so that the log can be emptied in between, and reads past this connection's cache.
 * Where it stands are two numbers: whoever has kept them goes on there, also after a restart. Tables that come or go
 * meanwhile are met or not. What makes a database unusable quarantines it at once; what an operator should mend is only
 * told. */
#ifndef TRIB_STORE_CHECK_H
#define TRIB_STORE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store/store.h"

enum {
    TRIB_CHECK_PIECE_BYTES = 1 << 20,  /* of pages: a few ms of a worker */
    TRIB_CHECK_WHOLE_BYTES = 16 << 20, /* up to here one piece checks all trees, free pages and lost pages with them */
    TRIB_CHECK_TEXT_BYTES = 160
};

typedef enum trib_check_phase {
    TRIB_CHECK_SIZE,
    TRIB_CHECK_PAGES,
    TRIB_CHECK_TABLES,
    TRIB_CHECK_LISTS,
    TRIB_CHECK_DONE
} trib_check_phase;

typedef struct trib_db_check {
    /* where it stands; {0} is the beginning */
    trib_check_phase phase;
    int64_t next; /* PAGES: the page; TABLES: behind this root page */
    /* of the last piece */
    uint64_t bytes; /* that it has read, about */
    bool damaged;   /* the database is out of service now */
    bool told;      /* `text` says what else is wrong: an index that does not fit its table */
    bool skipped;   /* `text` names a table that could not be checked at this time */
    char text[TRIB_CHECK_TEXT_BYTES];
} trib_db_check;

/* The next piece. Errors: those of reading; DATABASE_QUARANTINED when `damaged`. SNAPSHOT_TOO_OLD and
 * STATEMENT_TIMEOUT are no errors: the table is `skipped`. Thread: a worker, inside `handle` with
 * TRIB_ACCESS_SYSTEM. */
trib_code trib_db_check_piece(trib_handle *handle, trib_db_check *check, trib_error *err);

#endif
