/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the store: the handle, and the seam between connections (handle.c, log.c, turn.c, gate.c) and statements
 * (stmt.c, policy.c). */
#ifndef TRIB_STORE_STORE_INT_H
#define TRIB_STORE_STORE_INT_H

#include <sqlite3.h>
#include <stdatomic.h>

#include "store/stmt.h"
#include "store/store.h"

typedef struct trib_guest trib_guest;           /* attach.h: the connection's part in another database */
typedef struct trib_policy trib_policy;         /* policy.h: authorizer state, deadline, limits of one handle */
typedef struct trib_stmt_cache trib_stmt_cache; /* stmt_cache.h */
typedef struct trib_redo trib_redo;             /* redo_int.h: row changes that are noted */

struct trib_handle {
    sqlite3 *sqlite;
    trib_db *db;
    const trib_env *env;    /* clock; set before trib_policy_attach */
    trib_policy *policy;    /* made by trib_policy_attach right after sqlite3_open_v2 */
    trib_stmt_cache *cache; /* made by trib_stmt_cache_new */

    /* while inside */
    trib_access access;
    trib_session_vars *vars;
    trib_code interrupt_code; /* why trib_handle_interrupt was called; guarded by the db's lock */
    _Atomic bool interrupted;
    trib_pace_lane *lane;             /* statements give way as it says; NULL: never */
    int64_t runs_until_ns;            /* of trib_pace_give_way */
    int64_t yields_ns;                /* of trib_pace_yield */
    uint64_t rows_read, rows_written; /* since enter or the last trib_handle_take_rows */

    uint64_t ticket;       /* trib_handle_ticket of the last stay, set by leave */
    bool entered;          /* between enter and leave; touched by the owner only */
    bool wrote;            /* had the turn since enter */
    bool looked;           /* may have seen commits of others since its last step with the turn */
    bool has_turn;         /* guarded by the db's lock */
    bool uses_turn;        /* the last step needed it, or began in a transaction that writes */
    bool copies;           /* a checkpoint without the turn: it may write the database file; set by its own thread */
    bool inside;           /* guarded by the db's lock */
    bool waits_read;       /* the last before_step answered AGAIN for a read that a log reset holds back */
    bool given;            /* given back while the database was being recovered: fail.c frees it */
    bool own_work;         /* serves the store itself (checkpoint, recovery): never interrupted, may open files early */
    _Atomic bool copying;  /* its snapshot is being copied: see trib_handle_set_copying */
    bool strict;           /* waits at the gate in a relaxed database too: trib_pages_open */
    bool txn_ended;        /* the interrupt's code was answered and the transaction rolled back */
    bool txn_readonly;     /* BEGIN TRANSACTION READONLY is open */
    bool settings_changed; /* a pragma changed state since take */
    int damage_as;         /* trib_damage that SQLITE_CORRUPT stands for here: a check says where it was met */
    bool schema_changed;   /* the open transaction, or the last one, has changed the schema */
    trib_code lost;        /* what the next enter must answer: TRANSACTION_TIMEOUT, ... */
    _Atomic int64_t txn_began_ns; /* since when a snapshot is open; 0: none */
    uint64_t commits_before;      /* commits of the database just before its snapshot was opened, see data_version.c */

    /* attach.h; touched by whoever is inside */
    trib_guest *guests;      /* what is attached to this connection, newest first */
    uint32_t guest_count;    /* of them */
    trib_attacher *attacher; /* while entered; NULL: ATTACH is refused */
    trib_gate_need *left;    /* TRIB_ATTACHED_MAX places: what was detached since the last trib_handle_take_needs */
    uint32_t left_count;
    bool owes_gates;    /* entered since then: what it has shown still waits */
    bool is_guest;      /* this is one, of a connection of another database; fixed */
    bool commit_failed; /* what the transaction has read of an attached database is not durable */

    /* redo.h, seal.h */
    trib_redo *redo;       /* kept for the next time; goes with the connection */
    bool recording;        /* row changes are noted; part of the statement cache's key */
    uint64_t own_ticket;   /* trib_handle_own_ticket */
    uint64_t base_ticket;  /* before its first step with the turn since enter */
    uint64_t first_ticket; /* behind the first one that has committed since enter; 0: none has */
    bool bound;            /* trib_handle_bind: no statement outside of the transaction that is open */
    _Atomic bool promised; /* trib_handle_promise: if the open transaction is lost, the database is sealed */

    trib_handle *next;      /* the db's list of all handles */
    trib_handle *next_idle; /* the db's list of clean ones */
};

/* ---- given by the connection side, called by stmt.c ---- */

/* Before the first step of a statement. needs_turn: it may write, or it begins IMMEDIATE. AGAIN: the turn is not ours.
 * Other errors: the log is at its bound, the database is quarantined, the transaction was taken away. */
trib_code trib_handle_before_step(trib_handle *handle, bool needs_turn, trib_error *err);
/* After every sqlite3_step, sqlite3_reset and sqlite3_finalize that may have committed or opened a snapshot: takes
 * finished commits from the VFS to the log, loads the ticket, and, outside a transaction, releases the turn. rc:
 * SQLite's answer; an I/O error with the turn makes the handle suspect (see handle.c). */
void trib_handle_after_step(trib_handle *handle, int rc);
/* ATTACH and DETACH, as they run; see attach.h. */
trib_code trib_handle_attach(trib_handle *handle, trib_str name, trib_str alias, trib_error *err);
trib_code trib_handle_detach(trib_handle *handle, trib_str alias, trib_error *err);
/* Something of an attached database wants the statement to stop: *handle's interrupt says so too from here on. */
void trib_handle_take_interrupts(trib_handle *handle);
/* "SELECT 0, 'main' ..." with what is attached, as PRAGMA database_list shows it, appended to *ret. */
void trib_handle_list_databases(const trib_handle *handle, trib_buf *ret);
/* Rows for the tenant's counters. */
void trib_handle_count_rows(trib_handle *handle, uint64_t read, uint64_t written);

/* ---- redo.c, called by stmt.c ---- */

/* How much has been noted, before a statement; and what was noted since then was undone: it cannot be taken. */
size_t trib_redo_mark(const trib_handle *handle);
void trib_redo_undone(trib_handle *handle, size_t mark);

/* ---- given by the statement side, called by handle.c ---- */

/* Once a connection: limits, DEFENSIVE, TRUSTED_SCHEMA, authorizer, progress handler, functions. Errors: NOMEM. */
trib_code trib_policy_attach(trib_handle *handle, trib_error *err);
void trib_policy_detach(trib_handle *handle);
/* Once a process, before the first connection: SQLITE_CONFIG_MALLOC with accounts, sqlite3_initialize. */
trib_code trib_policy_init_process(trib_error *err);
/* The account that SQLite allocations of this thread are charged to from now on; NULL: the process. `limit`: bytes. */
typedef struct trib_mem_account {
    _Atomic int64_t used_bytes;
    _Atomic int64_t limit_bytes;
} trib_mem_account;
void trib_policy_set_account(trib_mem_account *account);
/* Charges nobody, until it is set again to what this returns: what is allocated now may live longer than the one it is
 * allocated for. */
trib_mem_account *trib_policy_suspend_account(void);
/* Brings every pragma that a client can set back to its default; called between two clients, outside a transaction. */
trib_code trib_policy_reset(trib_handle *handle, trib_error *err);

trib_code trib_stmt_cache_new(trib_handle *handle, trib_stmt_cache **ret, trib_error *err);
/* Finalizes everything; also called when all handles must be closed after a failed sync. */
void trib_stmt_cache_free(trib_stmt_cache *cache);

/* What a session must see as its own: put handle->vars into the connection and charge the thread's allocations to the
 * database (enter), take them out again and charge nobody (leave). trib_handle_enter calls the first after
 * handle->access and ->vars are set, trib_handle_leave the second before it clears them. Thread: inside. */
void trib_stmt_enter(trib_handle *handle);
void trib_stmt_leave(trib_handle *handle);

/* Fills *err from SQLite's answer `rc` on this handle: code, text_code SQLITE_<BASE>, detail, message. */
trib_code trib_sqlite_error(trib_handle *handle, int rc, trib_error *err);

/* The memory account of the handle's database. */
trib_mem_account *trib_db_account(trib_db *db);
trib_db_settings trib_db_settings_of(trib_db *db);
/* Goes up behind every transaction that may have changed the schema: what connections have prepared for another version
 * is not to be trusted. */
_Atomic uint64_t *trib_db_schema_version(trib_db *db);

#endif
