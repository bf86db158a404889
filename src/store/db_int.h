/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the connection side of the store: the store and the database, their locks, and what the files of this side
 * call in each other. README.md draws how it fits.
 *
 * Locks, always taken in this order; no SQLite call runs under any but open_lock:
 *   store->lock     the table of databases, references, LRU
 *   db->open_lock   open, close, materialise: one at a time a database
 *   store->guest_lock  only to lock two databases at once (attach.h)
 *   db->lock        state, handles, turn, gate, log positions; store->lock may be taken after open_lock too
 *
 * What the turn holder alone touches, without a lock: db->log.{pages, ...} while SQLite writes (vfs.c). */
#ifndef TRIB_STORE_DB_INT_H
#define TRIB_STORE_DB_INT_H

#include <stdatomic.h>

#include "base/list.h"
#include "base/map.h"
#include "store/files.h"
#include "store/log.h"
#include "store/pool.h"
#include "store/quarantine.h"
#include "store/seal.h"
#include "store/spool.h"
#include "store/store_int.h"
#include "store/vfs.h"
#include "store/wal.h"

enum {
    TRIB_HANDLES_IDLE_MAX = 2,     /* clean handles that a database keeps for nothing */
    TRIB_HANDLES_SPARE_MS = 1000,  /* those beyond that go when this time passed without all of them in use at once */
    TRIB_HANDLES_TRIM_MAX = 8,     /* connections that one tick closes of a database: it must come round to all */
    TRIB_DB_IDLE_CLOSE_MS = 60000, /* a database nobody uses is closed after this time */
    TRIB_DB_CLOSE_TICK_MS = 10,    /* longest that one tick closes such databases: it has others to look after */
    TRIB_DB_EVICT_MAX = 2,         /* databases that one open closes past the budget: more go than come */
    TRIB_READ_TXN_TIGHT_MS = 5000, /* life of a read transaction once the log exceeds TRIB_LOG_TIGHT_BYTES */
    TRIB_RESET_HOLD_MS = 20,       /* longest that new reads are held back for a log reset */
    TRIB_SYNC_COMPANY_US = 1000,   /* longest that a sync waits for the commits of writers that stand in line */
    TRIB_CUT_BLOCK_BYTES = 65536,  /* most that one block of a file system may share with a lost frame */
    TRIB_FAIL_RING = 8             /* cut-backs that tickets remember */
};

/* Test hooks: each leaves out one step that keeps acknowledged data safe; tests/fault proves that the harness notices.
 * Set only through trib_store_set_faults, which no configuration reaches. */
typedef enum trib_fault {
    TRIB_FAULT_NO_WRITE_GATE = 1 << 0,
    TRIB_FAULT_NO_READ_GATE = 1 << 1,
    TRIB_FAULT_NO_OPEN_SYNC = 1 << 2,
    TRIB_FAULT_NO_HEADER_SYNC = 1 << 3,
    TRIB_FAULT_EARLY_CHECKPOINT = 1 << 4,
    TRIB_FAULT_NO_CUT_SYNC = 1 << 5,
    TRIB_FAULT_LATE_MAP = 1 << 6,
    TRIB_FAULT_NO_FOLDER_SYNC = 1 << 7,
    TRIB_FAULT_NO_EARLIER_SYNC = 1 << 8
} trib_fault;

enum { TRIB_WRITTEN_SLOTS = 1 << 20 /* databases that share one are synced at their first open, that is all */ };

typedef enum trib_db_state {
    TRIB_DB_CLOSED, /* no handle, no descriptor */
    TRIB_DB_READY,
    TRIB_DB_FAILING, /* a sync failed or a commit is in doubt: waits until nobody is inside, then fail.c cuts back */
    TRIB_DB_BROKEN,  /* the cut-back could not finish for lack of space or memory: tried again at the next use */
    TRIB_DB_QUARANTINED
} trib_db_state;

typedef struct trib_log_mark {
    uint64_t commit_no, end;
} trib_log_mark;

/* Where the log stands. */
typedef struct trib_db_log {
    /* touched by the turn holder only (in vfs.c) */
    bool has_header;
    bool has_tail; /* at open: see trib_wal_scan_result */
    uint32_t page_bytes;
    uint32_t *pages; /* page numbers of the frames behind the last commit, by position */
    size_t page_cap;
    uint32_t committed_frames; /* frames up to and with the last raised commit */
    bool pending;              /* a commit frame was written, not yet taken by trib_log_harvest */
    uint32_t pending_first;    /* its frames: pending_first .. committed_frames */
    uint32_t pending_size_after;
    bool late_map;    /* TRIB_FAULT_LATE_MAP: a map is owed */
    bool in_doubt;    /* SQLite went back behind a raised commit: the log must be cut */
    uint64_t held_at; /* the header of a frame whose page comes with the next write; 0: none */
    uint64_t room;    /* bytes that the file is known to have, zeroes ahead of the frames included; 0: not known */
    uint8_t held[TRIB_WAL_FRAME_HEADER_BYTES];

    /* guarded by db->lock */
    uint32_t salt[2];
    struct trib_log_mark *marks; /* commits that are not durable yet, in order: marks[mark_first .. mark_last) */
    size_t mark_first, mark_last, mark_cap;
    uint64_t appended_end, durable_end; /* byte behind the last commit (durable commit); 0: none in this log */
    uint32_t appended_frames;
    bool sync_in_flight;
    bool sync_waits;      /* for the writers in the queue; told by `drained` */
    int64_t sync_took_ns; /* the last one */

    _Atomic uint64_t bytes;   /* size of the live log, for the limits */
    _Atomic bool sync_failed; /* a sync that SQLite asked for failed */
} trib_db_log;

/* Page -> frame, in memory only for the commits since the last map file. See map.c. */
typedef struct trib_map_entry {
    uint32_t page;
    uint32_t size_after; /* pages of the database after that commit */
    uint64_t commit_no;
} trib_map_entry;

typedef struct trib_db_map {
    uint64_t epoch;
    bool file_valid; /* <id>.map exists and is true for `salt`, `frame` */
    bool file_full;  /* everything up to there is in the database file: an empty log continues it too */
    uint32_t salt[2];
    uint32_t frame;
    uint32_t replay_after; /* at open: frames of the log up to here are in the file */
    uint64_t file_commit_no;
    uint64_t file_frame_no; /* frames of this epoch up to the file's point; delta[i] is frame file_frame_no + i + 1 */
    uint64_t skipped;       /* frames to be counted with the file that is being written: trib_db_map_skip */
    uint32_t file_pages;
    trib_map_entry *delta; /* frames of the commits behind the file's point, in order */
    size_t delta_count, delta_cap;
    bool broken; /* no memory for the delta: the next map starts a new epoch */
} trib_db_map;

typedef enum trib_ckpt_state {
    TRIB_CKPT_NONE,
    TRIB_CKPT_WANTED,  /* takes the turn when it is released */
    TRIB_CKPT_WAITING, /* has the turn, waits until everything is durable */
    TRIB_CKPT_RUNNING
} trib_ckpt_state;

struct trib_db {
    trib_store *store;
    char id[TRIB_DB_ID_BYTES + 1];
    trib_paths paths;
    trib_mem_account account;
    trib_mutex *open_lock;
    trib_mutex *lock;
    trib_cond *changed; /* a thief left a handle */
    trib_cond *drained; /* nobody has the turn, nobody waits for it */

    /* guarded by store->lock */
    uint32_t refs;
    trib_list unused_link; /* in store->unused while refs is 0 */
    uint32_t held;         /* by trib_store_tick and others: keeps the struct, not the files */
    bool out_of_table;     /* closed for good; whoever holds it last frees it */
    int64_t last_used_ns;

    /* guarded by lock */
    /* trib_db_settings, a field at a time: any thread reads them while they are set */
    struct {
        _Atomic bool system, relaxed, shared_log, discovery;
        _Atomic uint64_t max_bytes;
        _Atomic uint32_t txn_steal_ms, statement_timeout_ms, heap_bytes;
    } settings;
    trib_db_state state;
    trib_handle *handles; /* all */
    trib_handle *idle;    /* clean ones, newest first */
    uint32_t handle_count, idle_count, inside_count;
    uint32_t guest_count; /* of the handles: connections of other databases that this one is attached to */
    uint32_t idle_low;    /* the fewest idle ones since idle_low_ns */
    int64_t idle_low_ns;
    trib_handle_waiter *handle_first, *handle_last; /* jobs that wait for a connection */
    uint32_t handle_waiters;
    _Atomic uint64_t rows_read, rows_written;
    char quarantine_reason[TRIB_QUARANTINE_REASON_BYTES];
    bool releasing; /* under open_lock: is opened to be checked, whatever its note says */

    trib_handle *turn_owner;         /* NULL with turn_taken: reserved, or the checkpoint waits */
    trib_turn_waiter *turn_reserved; /* whose turn it is, before it has a handle */
    bool turn_taken;
    int64_t turn_since_ns;
    trib_turn_waiter *turn_first, *turn_last;
    trib_turn_waiter *read_first, *read_last; /* reads held back by a log reset */
    uint32_t turn_waiters;
    trib_ckpt_state ckpt;
    int64_t ckpt_retry_ns; /* not before */
    trib_handle *ckpt_pin; /* holds the snapshot that a checkpoint has copied up to; nobody is inside; NULL: none */
    _Atomic bool hold_reads;

    trib_gate_waiter *gate_first, *gate_last;
    uint32_t gate_waiters;
    uint16_t incarnation;                  /* cut-backs since open, part of every ticket */
    uint64_t fail_durable[TRIB_FAIL_RING]; /* durable commit at the end of incarnation i % ring */
    trib_code fail_code[TRIB_FAIL_RING];   /* what the commits above it are told */
    _Atomic uint64_t appended_no;          /* atomic for who reads it without the lock; written under it */
    uint64_t durable_no;
    bool fail_posted;

    _Atomic uint64_t schema_version; /* trib_db_schema_version */
    _Atomic uint64_t raised;         /* ticket of the newest commit whose frame may be in the log */
    _Atomic bool exists;             /* the files are there */
    _Atomic bool sealed;             /* see seal.h */

    uint64_t gen_epoch; /* whose replicas have `generation`; see pages.c */
    uint32_t generation;

    trib_db_log log;
    trib_db_map map;
    bool folder_synced;      /* by a map that was written since it was last set to false, while the files open */
    sqlite3_file *sync_file; /* our own descriptor of -wal: all commit syncs go through it. Under open_lock or
                                 * sync_in_flight */
    trib_task sync_task, ckpt_task, fail_task;
};

struct trib_store {
    const trib_env *env;
    trib_log *log;
    char *data_dir;
    sqlite3_vfs *base;
    const trib_disk *disk;
    void *disk_lock;
    trib_vfs *vfs;
    trib_pool *pool;
    trib_log_driver *driver;
    trib_store_config config;
    uint32_t faults; /* trib_fault */

    _Atomic(const trib_mender *) mender; /* set once, before databases that owe something are used; NULL: nobody owes */
    trib_mutex *lock, *guest_lock;
    trib_map dbs;     /* id -> trib_db */
    trib_list unused; /* databases without references, the longest unused first */
    bool stopping;
    _Atomic uint64_t quarantined;                             /* since the start */
    char spool_owners[TRIB_SPOOLS_MAX][TRIB_DB_ID_BYTES + 1]; /* "": a free place */
    int64_t spool_bytes;                                      /* in all of them */
    uint8_t folder_known[65536 / 8]; /* bit aabb: <data>/db/<aa>/<bb> was made and synced by this process */
    trib_task earlier_task;
    _Atomic bool earlier_durable;            /* earlier.c */
    uint8_t written[TRIB_WRITTEN_SLOTS / 8]; /* the same: bit aabbc */
};

/* tickets: incarnation in the upper 16 bits, commit number below */
enum { TRIB_TICKET_NO_BITS = 48 };
static inline uint64_t trib_ticket(uint16_t incarnation, uint64_t no) {
    return (uint64_t)incarnation << 48 | no;
}
static inline uint64_t trib_ticket_no(uint64_t ticket) {
    return ticket & ((UINT64_C(1) << 48) - 1);
}
static inline uint16_t trib_ticket_incarnation(uint64_t ticket) {
    return (uint16_t)(ticket >> 48);
}

static inline void trib_db_lock(trib_db *db) {
    trib_mutex_lock(db->store->env, db->lock);
}
static inline void trib_db_unlock(trib_db *db) {
    trib_mutex_unlock(db->store->env, db->lock);
}
static inline bool trib_db_fault(const trib_db *db, trib_fault fault) {
    return (db->store->faults & (uint32_t)fault) != 0;
}

/* ---- store.c ---- */
/* For tests/fault only. */
void trib_store_set_faults(trib_store *store, uint32_t faults);

/* ---- earlier.c ---- */
/* Posts the sync of all that earlier processes have left; opens that come before its end sync what is theirs. */
void trib_earlier_begin(trib_store *store);
/* This process writes the files of this database from here on. True: it had not, and all that earlier ones have written
 * is durable. Thread: any. */
bool trib_earlier_take(trib_store *store, const char *id);

/* ---- db.c ---- */
/* The struct alone, closed. Errors: NOMEM, INTERNAL (id). */
trib_code trib_db_new(trib_store *store, trib_str id, trib_db **ret, trib_error *err);
void trib_db_free(trib_db *db);
/* Opens the files if there are any: sync at open, recovery, page map, first handle. Under open_lock. */
trib_code trib_db_open(trib_db *db, trib_error *err);
/* Closes handles and descriptors; the log stays as it is. Nobody may be inside; whoever waits, and the next use of a
 * handle that is lent out, is told `lost`.
 * Under open_lock. */
void trib_db_close(trib_db *db, trib_code lost);
/* Makes the files of a database that has none, durably, and one handle. Takes open_lock. */
trib_code trib_db_materialise(trib_db *db, trib_error *err);
/* Makes <data>/db/<aa>/<bb> of an id and syncs each entry; a process remembers what it has done. */
trib_code trib_store_make_folders(trib_store *store, const char *id, const trib_paths *paths, trib_error *err);
/* Closes every connection and the sync descriptor; handles that are lent out lose theirs with `lost`. Nobody is
 * inside. */
void trib_db_close_connections(trib_db *db, trib_code lost);
/* quarantine.c: DATABASE_QUARANTINED with the reason; its state from the note beside it (OK: there is none). */
trib_code trib_db_quarantine_error(const trib_db *db, trib_error *err);
trib_code trib_db_quarantine_read(trib_db *db, trib_error *err);

/* ---- handle.c ---- */
/* A new, idle handle with an open connection. Not in any list yet. Thread: any, no db->lock. */
trib_code trib_handle_new(trib_db *db, trib_handle **ret, trib_error *err);
/* Opens the connection of a handle that has none. */
trib_code trib_handle_connect(trib_handle *handle, trib_error *err);
void trib_handle_disconnect(trib_handle *handle);
/* Closes and frees it; in no list any more. */
void trib_handle_free(trib_handle *handle);
/* Under db->lock: takes it out of the list of all. */
void trib_handle_unlink_locked(trib_handle *handle);
/* What trib_handle_ticket says inside. */
uint64_t trib_handle_newest_ticket(const trib_handle *handle);
/* Under db->lock: why nobody may come inside; OK: they may. */
trib_code trib_db_state_error(const trib_db *db, trib_error *err);
/* Makes SQLite read the schema, which recovers the log and builds the wal-index. */
int trib_handle_touch(trib_handle *handle);
/* Resets all statements and rolls back. The caller is the only one inside. */
void trib_handle_rollback(trib_handle *handle);
/* Takes an idle handle, or a new one, marked as inside. own_work: for the store itself, which TRIB_HANDLES_PER_DB_MAX
 * does not bind: a checkpoint must not starve because many clients wait. */
trib_code trib_handle_take_inside(trib_db *db, bool own_work, trib_handle **ret, trib_error *err);
void trib_handle_give_inside(trib_handle *handle);
/* Ends idle handles that were not needed lately; making a connection costs as much as twenty small statements, so they
 * are not ended sooner. Called with every tick. */
void trib_handle_trim(trib_db *db);
/* Under db->lock: everybody who waits for a connection is told `code`. */
void trib_handle_flush_locked(trib_db *db, trib_code code);
/* Those who have waited too long are told so. Thread: any, no lock held. */
void trib_handle_expire_waiters(trib_db *db);
/* Tells everybody inside to stop. Under db->lock. */
void trib_handle_interrupt_all(trib_db *db, trib_code why);

/* A new handle with a connection of its own, marked as inside and as the store's own work; and its end. */
trib_code trib_handle_take_fresh(trib_db *db, trib_handle **ret, trib_error *err);
void trib_handle_drop_inside(trib_handle *handle);

/* ---- seal.c ---- */
/* The mender says that something is owed. Not under db->lock. */
bool trib_db_owes(const trib_db *db);
/* The handle's transaction is about to be lost. */
void trib_seal_if_promised(trib_handle *handle);
/* Does what a sealed database owes. Under open_lock. Errors: the mender's. */
trib_code trib_db_mend(trib_db *db, trib_error *err);

/* ---- turn.c ---- */
/* Under db->lock: gives the turn on: the checkpoint, else the first waiter. */
void trib_turn_release_locked(trib_db *db);
/* Under db->lock: everybody who waits is told `code`. */
void trib_turn_flush_locked(trib_db *db, trib_code code);
/* true: this handle has the turn now. Under db->lock. */
bool trib_turn_try_locked(trib_handle *handle);
/* Takes the turn from an overdue owner if somebody waits. Thread: any, no lock held. */
void trib_turn_steal_overdue(trib_db *db);
/* With the handle marked as inside by a thief, no lock held: rolls back, closes the connection if told to, and lets go.
 * The next enter answers `lost`. */
void trib_turn_steal_finish(trib_handle *handle, trib_code lost, bool close);
/* Ends old read transactions. */
void trib_turn_end_old_reads(trib_db *db);
/* New reads may start again. Under db->lock. */
void trib_turn_release_reads_locked(trib_db *db, trib_code code);
void trib_turn_hold_reads_locked(trib_db *db);

/* ---- gate.c ---- */
/* Under db->lock: moves all waiters whose fate is known to *ret, resolved with trib_gate_resolve after unlocking. */
trib_gate_waiter *trib_gate_collect_locked(trib_db *db);
/* Calls `resolved` on each; the verdict is looked up by ticket. */
void trib_gate_resolve(trib_db *db, trib_gate_waiter *list);
/* OK, AGAIN (not known yet), NOT_COMMITTED, COMMIT_OUTCOME_UNKNOWN. Under db->lock. */
trib_code trib_gate_verdict_locked(const trib_db *db, uint64_t ticket);

/* ---- checkpoint.c ---- */
/* Under db->lock: asks for a checkpoint if the log is long enough or `force`. */
void trib_ckpt_want_locked(trib_db *db, bool force);
/* Under db->lock: the turn is free and a checkpoint is wanted. */
void trib_ckpt_take_turn_locked(trib_db *db);
/* Under db->lock: everything may have become durable. */
void trib_ckpt_durable_locked(trib_db *db);
/* Runs a complete checkpoint with `truncate` on a handle that is inside, with the turn or alone; *ret_complete: all
 * frames are in the database file. Returns SQLite's code. */
int trib_ckpt_run(trib_handle *handle, bool truncate, bool *ret_complete, trib_error *err);
void trib_ckpt_task(trib_task *task);

/* ---- fail.c ---- */
/* A sync failed or a commit is in doubt: starts the cut-back. Idempotent. Thread: any, no lock held. */
void trib_fail_begin(trib_db *db);
/* Under db->lock: posts the cut-back when nobody is inside any more. */
void trib_fail_check_locked(trib_db *db);
void trib_fail_task(trib_task *task);
/* Tries again what could not be finished. Under open_lock. */
trib_code trib_fail_retry(trib_db *db, trib_error *err);

/* ---- map.c ---- */
void trib_db_map_deinit(trib_db_map *map);
/* Reads <id>.map and decides whether it continues into the log `scan`; else a new epoch starts. */
trib_code trib_db_map_load(trib_db *db, const trib_wal_scan_result *scan, trib_error *err);
/* Adds the pages of a commit. Failure only marks the map broken. Under db->lock, or alone. */
void trib_db_map_add(trib_db *db, uint64_t commit_no, const uint32_t *pages, uint32_t count, uint32_t size_after);
/* Forgets the commits above commit_no. Under db->lock, or alone. */
void trib_db_map_cut(trib_db *db, uint64_t commit_no);
/* Writes the map for the point (salt, frame) durably and empties the delta up to commit_no. full: see
 * trib_db_map.file_full. */
trib_code trib_db_map_write(trib_db *db, const uint32_t salt[2], uint32_t frame, bool full, trib_error *err);
/* Under db->lock: the number of a frame of the log with these salts, as a connection's snapshot names it (0: none).
 * false: that commit has not been taken to the map yet, or the map is broken. */
bool trib_db_map_frame_no_locked(const trib_db *db, const uint32_t salt[2], uint32_t frame, uint64_t *ret);
/* As trib_db_changed_pages, for a snapshot at `point` that is open. */
trib_code trib_db_map_changed(trib_db *db, uint64_t since, const trib_db_point *point, trib_buf *ret, trib_error *err);
/* Counts `frames` frames that nobody wrote, durably. With the turn, and everything that was appended is durable. */
trib_code trib_db_map_skip(trib_db *db, uint64_t frames, trib_error *err);
/* Begins a new epoch here, durably: what changed before is not known any more. With the turn, outside of a commit. */
trib_code trib_db_map_renew(trib_db *db, trib_error *err);
/* A log with these salts is about to begin: the map on disk must continue into it. Called by the VFS. */
trib_code trib_db_map_before_log(trib_db *db, const uint32_t salt[2], trib_error *err);

#endif
