/* SPDX-License-Identifier: Apache-2.0 */
/* The store: every SQLite database of the process, opened on demand, written through one turn a database, and answered
 * only when durable. ARCHITECTURE.md, "Store", says why; this is the door that the core uses.
 *
 *   trib_store ── trib_db (one file, on demand, LRU) ── trib_handle (one connection, lent to a job or session)
 *                     │  turn: who may write, a queue of waiters
 *                     └  gate: which commits are durable, a queue of waiters
 *
 * How a job uses it, always on a worker thread:
 *
 *   trib_store_db_get -> trib_handle_take -> trib_handle_enter
 *     trib_stmt_* (stmt.h); when one answers TRIB_AGAIN: trib_turn_wait, leave, park; the waiter's `granted` re-queues
 *     the job
 *   ticket = trib_handle_ticket; trib_handle_leave; trib_handle_give (or keep it with the session while
 *   trib_handle_stateful) trib_gate_wait(ticket) -> only then the answer may leave the program
 *
 * Nothing here blocks on another database's work; trib_store_free blocks until everything is durable and closed. */
#ifndef TRIB_STORE_STORE_H
#define TRIB_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/error.h"
#include "base/log.h"
#include "base/pace.h"
#include "base/str.h"

typedef struct trib_store trib_store;
typedef struct trib_db trib_db;
typedef struct trib_handle trib_handle;

enum {
    TRIB_DB_ID_BYTES = 32,        /* 32 lower-case hex digits; never a tenant's name */
    TRIB_TURN_QUEUE_MAX = 1024,   /* writers that may wait for one database: stops unbounded memory per hot tenant */
    TRIB_HANDLES_PER_DB_MAX = 64, /* connections of one database: stops a tenant from eating descriptors */
    TRIB_HANDLE_QUEUE_MAX = 1024, /* jobs that may wait for one of them: as for the turn */
    TRIB_HANDLE_WAIT_MS = 10000,  /* and how long: idle sessions with open transactions may hold all of them */
    TRIB_STOP_CLEAN_MS = 2000,    /* at the end: how long logs are emptied, which costs syncs, for a quick next start */
    TRIB_STOP_WAIT_MS = 5000,     /* longest wait for connections at the end: a lost one must not hang the process */
    TRIB_OPEN_DBS_DEFAULT = 1000, /* databases that stay open while nobody uses them */
    TRIB_SYNC_THREADS_DEFAULT = 16,
    TRIB_TXN_STEAL_MS_DEFAULT = 5000, /* an older transaction loses the turn when somebody waits */
    TRIB_TXN_STEAL_MS_SYSTEM = 1000,
    TRIB_READ_TXN_MAX_MS = 30000, /* then SNAPSHOT_TOO_OLD: a reader pins the log */
    TRIB_CHECKPOINT_LOG_BYTES = 4 << 20,
    TRIB_CHECKPOINT_SHARED_LOG_BYTES = 8 << 20, /* of the streams', whose log everybody's writes make long */
    TRIB_LOG_TIGHT_BYTES = 64 << 20,            /* read transactions live 5 s from here on */
    TRIB_COPY_LOG_MAX_BYTES = 128 << 20,        /* a fork pins no longer a log: it must not get writes refused */
    TRIB_LOG_MAX_BYTES = 256 << 20              /* writes get TOO_MANY_REQUESTS from here on */
};

typedef struct trib_store_config {
    const char *data_dir;         /* absolute or relative; made if missing; guarded by one lock file */
    const char *base_vfs;         /* SQLite VFS that ours wraps; NULL: "unix-excl". Tests put a simulated disk here */
    const struct trib_disk *disk; /* folders of that disk (store/files.h); NULL: the operating system's */
    uint32_t sync_threads;        /* 0: the default; 1 and `inline_sync` for deterministic tests */
    bool inline_sync;             /* no sync threads: trib_store_run_pending() does their work on the caller's thread */
    uint32_t max_open_dbs;        /* past it, opening one closes the longest unused; 0: TRIB_OPEN_DBS_DEFAULT */
    size_t cache_bytes_per_handle; /* 0: 256 KiB */
    uint32_t checkpoint_log_bytes; /* a longer log is checkpointed; 0: TRIB_CHECKPOINT_LOG_BYTES or _SHARED_ of it */
    /* A commit of `db` became durable. Thread: a sync thread; must be quick and must not call the store. May be
     * NULL. */
    void (*on_commit)(void *ctx, const char *db_id, uint64_t commit_no);
    void *on_commit_ctx;
    /* One sync has made so many commits of `db_id` durable, in so long a time. Thread and rules as of on_commit. May be
     * NULL. */
    void (*on_sync)(void *ctx, const char *db_id, uint64_t commits, int64_t took_ns);
    void *on_sync_ctx;
} trib_store_config;

/* Settings of one database; copied. Zero means the default everywhere. */
typedef struct trib_db_settings {
    bool system;        /* control, streams, discovery: 1 s transactions */
    bool shared_log;    /* streams: clients may not change the shape of its table `events` */
    bool discovery;     /* discovery: clients may not change the shape of its tables `nodes` and `points` */
    bool relaxed;       /* answers do not wait at the gate: the newest commits may be lost with the power */
    uint64_t max_bytes; /* DATABASE_FULL past it */
    uint32_t txn_steal_ms;
    uint32_t statement_timeout_ms; /* STATEMENT_TIMEOUT; 0: 30,000 */
    uint32_t heap_bytes;           /* most memory SQLite may take for this database; 0: 64 MiB */
} trib_db_settings;

/* Errors: DATA_FOLDER_LOCKED, IO, NOMEM. Owns: *ret is the caller's. Thread: main. */
trib_code trib_store_new(const trib_store_config *config, const trib_env *env, trib_log *log, trib_store **ret,
                         trib_error *err);
/* Waits until everything is durable and closes it. All handles must have been given back: after TRIB_STOP_WAIT_MS those
 * that were not are closed (touching them later is an error of the caller); while somebody is still inside one, the
 * store cannot be freed and is left as it is, which loses nothing. Both are logged. Takes NULL. */
void trib_store_free(trib_store *store);
/* Only with inline_sync: runs every queued sync and checkpoint. */
void trib_store_run_pending(trib_store *store);
/* Called about every 50 ms by a timer of the core: steals overdue turns, ends old read transactions, checkpoints,
 * closes idle databases. Thread: a worker. */
void trib_store_tick(trib_store *store);

/* Opens (or finds) a database and takes a reference. A database without files is made at its first write; reads see it
 * empty. `id`: TRIB_DB_ID_BYTES hex digits, or a system name ("control", "streams", "discovery"). Pending recovery is
 * done here, and what a command still owes to it (seal.h).
 * Errors: DATABASE_QUARANTINED, COMMAND_PENDING, IO, NOMEM. Thread: worker. */
trib_code trib_store_db_get(trib_store *store, trib_str id, const trib_db_settings *settings, trib_db **ret,
                            trib_error *err);
/* One more reference, of who has one. */
void trib_db_ref(trib_db *db);
void trib_db_unref(trib_db *db);
void trib_db_set_settings(trib_db *db, const trib_db_settings *settings);
void trib_db_get_settings(trib_db *db, trib_db_settings *ret);
/* Sets them in a database that may be open or not; it is not opened. Thread: any. */
void trib_store_set_settings(trib_store *store, trib_str id, const trib_db_settings *settings);
/* Deletes the files of a database for good; waits for nothing: open handles make it fail with TRANSACTION_BUSY. */
trib_code trib_store_db_delete(trib_store *store, trib_str id, trib_error *err);

/* A small text beside the databases, <data>/<name>, replaced whole; name: of the program, never a peer's. Found false:
 * there is none. Errors: IO, DISK_FULL, NOMEM. Thread: any that may wait for the disk. */
trib_code trib_store_note_set(trib_store *store, const char *name, trib_str text, trib_error *err);
trib_code trib_store_note_get(trib_store *store, const char *name, trib_buf *ret, bool *ret_found, trib_error *err);

typedef struct trib_db_stats {
    uint64_t rows_read,
        rows_written;   /* rows_written = rows changed by INSERT, UPDATE, DELETE, as changes() counts, triggers apart */
    uint64_t commit_no; /* 0: nothing ever committed */
    uint64_t epoch;     /* commit numbers are comparable within one epoch only */
    uint64_t log_bytes, database_bytes;
    uint32_t handles, turn_waiters, gate_waiters;
} trib_db_stats;
void trib_db_get_stats(trib_db *db, trib_db_stats *ret);

/* Where a database stands. Frames are what commits write into the log, one a page; they are counted through an epoch
 * from 1, and a commit is known by the number of its last one: it tells how much is new, too. */
typedef struct trib_db_point {
    uint64_t epoch;     /* 0: the database has no files yet. Numbers are comparable within one epoch only */
    uint64_t frame_no;  /* of the newest commit; 0: none in this epoch */
    uint64_t commit_no; /* 0 where it is not known (trib_pages_open) */
    uint32_t page_count;
} trib_db_point;
typedef struct trib_page_change {
    uint64_t frame_no; /* its newest frame */
    uint32_t page;
} trib_page_change;
/* The newest commit, durable or not: what is told of it passes the gate, with a ticket taken after the call. A few
 * nanoseconds. Thread: worker. */
void trib_db_get_point(trib_db *db, trib_db_point *ret);
/* Which pages changed after frame `since` of this epoch, up to *ret_point: the basis of every replica protocol. Appends
 * trib_page_change to *ret, ascending by page, each page once. It passes the gate as above. pages.h reads their bytes
 * at one snapshot. Errors: NOMEM, IO. Thread: worker. */
trib_code trib_db_changed_pages(trib_db *db, uint64_t since, trib_buf *ret, trib_db_point *ret_point, trib_error *err);

/* ---- handles ---- */

/* What a session must see as its own, whatever connection serves it: the values of last_insert_rowid(), changes() and
 * total_changes(). Zero at the start of a session; updated by leave. */
typedef struct trib_session_vars {
    int64_t last_insert_rowid;
    int64_t changes;
    int64_t total_changes;
    const char
        *database_name; /* what libsql_server_database_name() says; NULL: NULL. Borrowed between enter and leave */
} trib_session_vars;

/* Who asks: fixes what the authorizer allows. Part of the statement cache's key. */
typedef enum trib_access { TRIB_ACCESS_READ, TRIB_ACCESS_WRITE, TRIB_ACCESS_SYSTEM } trib_access;

/* Lends a clean connection. Errors: TOO_MANY_REQUESTS (all in use), IO, NOMEM, DATABASE_QUARANTINED. Thread: worker. */
trib_code trib_handle_take(trib_db *db, trib_handle **ret, trib_error *err);

typedef struct trib_handle_waiter trib_handle_waiter;
struct trib_handle_waiter {
    /* OK: `handle` is lent; it must be given back even if the job was cancelled meanwhile. Else there is none:
     * TOO_MANY_REQUESTS (waited too long), NOMEM, NOT_COMMITTED, DATABASE_QUARANTINED, SHUTTING_DOWN. Runs on any
     * thread, under a lock of the store; must only queue the job. Exactly once. */
    void (*granted)(trib_handle_waiter *waiter, trib_code code);
    trib_handle *handle;
    /* private to the store */
    trib_handle_waiter *next;
    int64_t since_ns;
};
/* As trib_handle_take, but AGAIN when all are in use: `granted` will be called, in order. Errors also:
 * TOO_MANY_REQUESTS (the queue is full). Thread: worker. */
trib_code trib_handle_wait(trib_db *db, trib_handle_waiter *waiter, trib_handle **ret, trib_error *err);
/* Takes a waiter out of the queue; false if `granted` was or is being called. The db reference must be held. Thread:
 * any. */
bool trib_handle_withdraw(trib_db *db, trib_handle_waiter *waiter);
/* Rolls back, resets everything a client can set, releases the turn. Thread: worker, not between enter and leave. */
void trib_handle_give(trib_handle *handle);
/* The worker that called enter owns the handle until leave. enter answers TRANSACTION_TIMEOUT once if the transaction
 * was taken away while nobody was inside, SNAPSHOT_TOO_OLD likewise, NOT_COMMITTED if the database was re-opened after
 * a failed sync, or is being re-opened: the handle is then clean and outside a transaction, its statements can only be
 * freed, and the caller is not inside; it may enter again. */
trib_code trib_handle_enter(trib_handle *handle, trib_access access, trib_session_vars *vars, trib_error *err);
void trib_handle_leave(trib_handle *handle);
/* Open transaction, or a setting that was changed: the session must keep this handle. Thread: inside. */
bool trib_handle_stateful(const trib_handle *handle);
bool trib_handle_autocommit(const trib_handle *handle);
/* The open read transaction is copied as a whole (fork) or checked: it lives until the log has TRIB_COPY_LOG_MAX_BYTES
 * instead of for a time, and its statements have no deadline. Until the handle is given back. Thread: inside. */
void trib_handle_set_copying(trib_handle *handle);
trib_db *trib_handle_db(const trib_handle *handle);
const trib_env *trib_handle_env(const trib_handle *handle);
/* It had the turn since enter. Thread: inside. */
bool trib_handle_has_written(const trib_handle *handle);
/* What the statements that ended since enter, or since the last call, have read and written. The database's own counts
 * (trib_db_get_stats) begin again when it was closed meanwhile. Thread: inside. */
void trib_handle_take_rows(trib_handle *handle, uint64_t *ret_read, uint64_t *ret_written);
/* Statements on it give way as the lane (pace.h) says; NULL: never. Borrowed. Thread: inside. */
void trib_handle_set_lane(trib_handle *handle, trib_pace_lane *lane);
/* Makes the running statement stop with STATEMENT_TIMEOUT or CANCELLED soon. Thread: any, between enter and leave. */
void trib_handle_interrupt(trib_handle *handle, trib_code why);

/* ---- other databases in a session: ATTACH (store/attach.h) ---- */

enum {
    /* of one session, and of one stay between enter and leave: each holds a connection's place, descriptors, and a gate
     * that the answer waits at */
    TRIB_ATTACHED_MAX = 8,
    TRIB_GUESTS_PER_DB_MAX = 32, /* sessions of others in one database: half of its connections stay its own */
    TRIB_ATTACH_ALIAS_BYTES = 64
};

/* What a name stands for. */
typedef struct trib_attach_target {
    char id[TRIB_DB_ID_BYTES + 1];
    trib_db_settings settings;
    void *owner; /* kept while it is attached, then given to `release`. Thread: any */
    void (*release)(void *owner);
} trib_attach_target;

/* Who knows the names, and who may attach what. */
typedef struct trib_attacher trib_attacher;
struct trib_attacher {
    /* Owns: ret->owner is the store's. Errors: its own. Thread: the one that is inside. */
    trib_code (*find)(trib_attacher *attacher, trib_str name, trib_attach_target *ret, trib_error *err);
};
/* From here until leave, ATTACH asks it; borrowed. Without one ATTACH is refused. Thread: inside. */
void trib_handle_set_attacher(trib_handle *handle, trib_attacher *attacher);
/* The owner of the i-th attached database, NULL past the end; borrowed. Thread: inside. */
void *trib_handle_attached_at(const trib_handle *handle, size_t i);
/* Rolls back and opens the connection anew, without settings and attached databases. Thread: inside. */
trib_code trib_handle_renew(trib_handle *handle, trib_error *err);

/* A gate where what a handle has shown must wait, as at trib_handle_ticket's. */
typedef struct trib_gate_need {
    trib_db *db; /* a reference */
    uint64_t ticket;
} trib_gate_need;
/* Those of all databases that were attached since this was asked last, or since take, up to TRIB_ATTACHED_MAX; returns
 * how many. Owns: the references are the caller's (trib_db_unref). Thread: inside, after the last statement. */
size_t trib_handle_take_needs(trib_handle *handle, trib_gate_need *ret);

/* ---- the turn ---- */

typedef struct trib_turn_waiter trib_turn_waiter;
struct trib_turn_waiter {
    /* The handle holds the turn now (TRIB_OK), or it never will (SHUTTING_DOWN, NOT_COMMITTED, DATABASE_QUARANTINED).
     * Runs on the thread that released it; must only queue the job. Exactly once. */
    void (*granted)(trib_turn_waiter *waiter, trib_code code);
    /* private to the store */
    trib_turn_waiter *prev, *next;
    trib_handle *handle; /* NULL: trib_turn_reserve */
};

/* A statement has just answered AGAIN for want of the turn, and nothing binds its session to this connection: no
 * transaction, no setting, nothing written since enter. Thread: inside. */
bool trib_handle_may_part(const trib_handle *handle);
/* OK: the handle has the turn. AGAIN: `granted` will be called. TRANSACTION_BUSY: the queue is full. Thread: inside. */
trib_code trib_turn_wait(trib_handle *handle, trib_turn_waiter *waiter, trib_error *err);
/* Takes a waiter out of the queue; false if `granted` was or is being called. Thread: any. */
bool trib_turn_cancel(trib_handle *handle, trib_turn_waiter *waiter);
/* The same where the handle may have moved on; the db reference must be held. Thread: any. */
bool trib_turn_withdraw(trib_db *db, trib_turn_waiter *waiter);

/* Waiting in the same queue without a connection, after the handle was given back: those in the queue hold none, and
 * one connection, whose cache is warm, serves them one after the other.
 * OK: nobody is in the way, or there is no room in the queue; the usual way leads on. AGAIN: `granted` will be called;
 * with OK the turn is reserved for this waiter until trib_turn_adopt or trib_turn_pass. The db reference must be held.
 * Thread: worker. */
trib_code trib_turn_reserve(trib_db *db, trib_turn_waiter *waiter);
/* As reserve, but a turn that is free is reserved at once (OK). Errors: TRANSACTION_BUSY (no room in the queue),
 * NOT_COMMITTED, DATABASE_QUARANTINED. */
trib_code trib_turn_claim(trib_db *db, trib_turn_waiter *waiter, trib_error *err);
/* The reserved turn goes to a handle that was taken since; false: it is not reserved any more (the database was
 * recovered meanwhile). Thread: worker, not between enter and leave. */
bool trib_turn_adopt(trib_handle *handle, const trib_turn_waiter *waiter);
/* Gives a reserved turn up, if it still is. Thread: any. */
void trib_turn_pass(trib_db *db, const trib_turn_waiter *waiter);

/* ---- the gate ---- */

/* The newest commit that anything this handle has shown since enter may depend on, for trib_gate_wait; not a commit
 * number. 0: nothing to wait for. Thread: inside, or its owner before the next enter. */
uint64_t trib_handle_ticket(const trib_handle *handle);

/* The same told apart: an own commit that is durable has happened, whatever becomes of those that others made since. */
typedef struct trib_handle_tickets {
    uint64_t first; /* of the first own commit since enter; 0: none */
    uint64_t own;   /* of the last step with the turn since enter, and of all that was seen before; 0: there was none */
    uint64_t seen;  /* of what may have been seen since; 0: nothing was looked at */
} trib_handle_tickets;
/* Thread: inside, after the last statement. */
void trib_handle_get_tickets(const trib_handle *handle, trib_handle_tickets *ret);
/* As trib_db_get_point, for an answer of this stay. Thread: inside. */
void trib_handle_get_point(trib_handle *handle, trib_db_point *ret);

typedef struct trib_gate_waiter trib_gate_waiter;
struct trib_gate_waiter {
    /* OK: durable. NOT_COMMITTED, COMMIT_OUTCOME_UNKNOWN: it is not, or nobody can say. Thread: a sync thread; must
     * only post. Exactly once. */
    void (*resolved)(trib_gate_waiter *waiter, trib_code code);
    /* private to the store */
    trib_gate_waiter *prev, *next;
    uint64_t ticket;
};

/* OK: already durable. AGAIN: `resolved` will be called; the waiter must live until then. The db reference must be
 * held. Other codes: void. Thread: any. */
trib_code trib_gate_wait(trib_db *db, uint64_t ticket, trib_gate_waiter *waiter);
/* What trib_gate_wait would say, without waiting: AGAIN while it is open. Thread: any. */
trib_code trib_gate_look(trib_db *db, uint64_t ticket);

#endif
