/* SPDX-License-Identifier: Apache-2.0 */
/* The statements of one connection: those in use, and a bounded LRU of prepared ones that wait for the same text again.
 *
 *   used:  stmt - stmt            lent to jobs
 *   idle:  stmt - stmt - stmt     newest first; at most TRIB_STMT_CACHE_MAX and TRIB_STMT_CACHE_BYTES
 *
 * The key is the text and who asks: the authorizer runs at prepare, so what was prepared for a writer would step for a
 * reader. Settings need no part in the key: SQLite prepares again by itself when one changes what a program must do. It
 * does so for a changed schema too, but only when it steps, and then with other errors than a fresh statement has; what
 * describe shows would be the old columns. So the idle ones go when the schema has changed. */
#ifndef TRIB_STORE_STMT_CACHE_H
#define TRIB_STORE_STMT_CACHE_H

#include "base/hash.h"
#include "base/list.h"
#include "store/policy.h"
#include "store/stmt_kind.h"

enum {
    TRIB_STMT_CACHE_MAX = 64,          /* the list is searched one by one */
    TRIB_STMT_CACHE_BYTES = 256 << 10, /* memory of idle programs per connection */
    TRIB_STMT_CACHE_SQL_MAX = 16 << 10 /* longer texts are not kept: they rarely come twice */
};

struct trib_stmt {
    trib_list link;
    trib_handle *handle;
    sqlite3_stmt *sqlite; /* NULL: a pragma that sets, ALTER COLUMN, or taken away when the connection was closed */
    char *sql;            /* own copy, NUL behind it */
    size_t sql_len;
    uint64_t hash;
    size_t bytes; /* what it counts as while idle */
    trib_access access;
    bool recording; /* prepared while row changes were noted: SQLite then deletes row by row */
    bool keep;      /* goes to the cache when freed */

    /* what it is; fixed at prepare */
    trib_stmt_kind kind;
    bool explain, writes, needs_turn;
    bool sets_pragma;
    bool alters_column; /* libSQL's ALTER COLUMN: run by libsql_alter.c */
    bool attaches;      /* ATTACH and DETACH of a client: run by attach.c */
    trib_str pragma;    /* into sql */

    /* this run */
    bool closed;        /* the connection went away under it */
    _Atomic bool alone; /* its owner, or its connection, has let go of it: the second one to do so frees it */
    bool started, done;
    bool guarded;         /* a savepoint stands around it */
    int64_t total_before; /* total_changes() when it began */
    size_t redo_mark;     /* trib_redo_mark when it began */
    int64_t left_ns;      /* of the statement's time */
    uint64_t rows_read, rows_written;
    trib_stmt_counts counts;
};

/* Before a statement is prepared: forgets those of an older schema, and lets SQLite look at the new one. */
void trib_stmt_cache_sync(trib_handle *handle);
/* Forgets all idle ones. */
void trib_stmt_cache_forget(trib_handle *handle);
/* An idle statement with this text, moved to those in use; NULL: none. */
trib_stmt *trib_stmt_cache_take(trib_handle *handle, trib_str sql);
/* A new statement in use, with a copy of the text. NULL: no memory. */
trib_stmt *trib_stmt_cache_add(trib_handle *handle, trib_str sql);
/* Back to the idle ones (must be reset), or finalized and freed. */
void trib_stmt_cache_give(trib_stmt *stmt);

#endif
