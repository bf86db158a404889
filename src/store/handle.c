/* SPDX-License-Identifier: Apache-2.0 */
/* Handles: one SQLite connection each, lent to one job or session at a time.
 *
 *   idle ── take ──> lent ── enter ──> inside ── leave ──> lent ── give (reset) ──> idle
 *
 * `inside` is the mark of ownership: SQLite is called only by whoever set it under the database's lock: the worker
 * between enter and leave, or the store itself when it takes a transaction away from a handle that nobody is inside. */
#include <stdlib.h>
#include <string.h>

#include "store/attach.h"
#include "store/redo_int.h"

enum {
    LOOKASIDE_SLOT_BYTES = 512,
    LOOKASIDE_SLOTS = 40,
    CACHE_BYTES_DEFAULT = 256 << 10,
    CACHE_BYTES_SHARED = 2 << 20 /* of what all tenants share: what is written lies far apart */
};

/* ---- the connection ---- */

static int set_up(trib_handle *h) {
    trib_store *store = h->db->store;
    size_t cache = store->config.cache_bytes_per_handle ? store->config.cache_bytes_per_handle : CACHE_BYTES_DEFAULT;
    if (h->db->settings.system && cache < CACHE_BYTES_SHARED) cache = CACHE_BYTES_SHARED;
    char sql[200];
    sqlite3_extended_result_codes(h->sqlite, 1);
    sqlite3_db_config(h->sqlite, SQLITE_DBCONFIG_LOOKASIDE, NULL, LOOKASIDE_SLOT_BYTES, LOOKASIDE_SLOTS);
    int rc = sqlite3_db_config(h->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_wal_autocheckpoint(h->sqlite, 0);
    if (rc == SQLITE_OK) rc = sqlite3_busy_timeout(h->sqlite, 0);
    sqlite3_snprintf(sizeof sql, sql,
                     "PRAGMA temp_store=MEMORY;PRAGMA mmap_size=0;PRAGMA synchronous=NORMAL;"
                     "PRAGMA cache_size=-%d;",
                     (int)(cache >> 10));
    return rc == SQLITE_OK ? sqlite3_exec(h->sqlite, sql, NULL, NULL, NULL) : rc;
}

trib_code trib_handle_connect(trib_handle *h, trib_error *err) {
    trib_db *db = h->db;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    trib_policy_set_account(&db->account);
    int rc = sqlite3_open_v2(db->paths.db, &h->sqlite, flags, trib_vfs_name(db->store->vfs));
    if (rc == SQLITE_OK && !trib_vfs_attach(h)) rc = SQLITE_INTERNAL;
    if (rc == SQLITE_OK) rc = set_up(h);
    trib_code code = TRIB_OK;
    if (rc != SQLITE_OK) code = trib_file_error("open", db->paths.db, rc, err);
    if (code == TRIB_OK) code = trib_policy_attach(h, err);
    if (code == TRIB_OK) code = trib_stmt_cache_new(h, &h->cache, err);
    if (code != TRIB_OK) trib_handle_disconnect(h);
    trib_policy_set_account(NULL);
    return code;
}

/* Virtual tables (FTS5, R*Tree) prepare statements of their own. SQLite lists them among ours, but the tables finalize
 * them when the close disconnects them, so whoever did that here before would free them twice. The cache has finalized
 * ours; BUSY means that one came by another way. */
static void close_connection(sqlite3 *sqlite) {
    while (sqlite3_close(sqlite) == SQLITE_BUSY) {
        sqlite3_stmt *left = sqlite3_next_stmt(sqlite, NULL);
        if (!left) {
            (void)sqlite3_close_v2(sqlite); /* goes with whatever still holds it */
            return;
        }
        sqlite3_finalize(left);
    }
}

void trib_handle_disconnect(trib_handle *h) {
    if (!h->sqlite) return;
    trib_seal_if_promised(h);
    trib_guests_closing(h);
    trib_redo_end(h);
    trib_redo_free(h->redo);
    h->redo = NULL;
    trib_stmt_cache_free(h->cache);
    h->cache = NULL;
    trib_policy_detach(h);
    h->policy = NULL;
    close_connection(h->sqlite);
    h->sqlite = NULL;
    trib_guests_closed(h);
    h->settings_changed = false;
    h->txn_readonly = false;
    atomic_store(&h->txn_began_ns, 0);
}

int trib_handle_touch(trib_handle *h) {
    return sqlite3_exec(h->sqlite, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);
}

void trib_handle_rollback(trib_handle *h) {
    if (!h->sqlite) return;
    trib_seal_if_promised(h);
    trib_redo_end(h);
    for (sqlite3_stmt *s = sqlite3_next_stmt(h->sqlite, NULL); s; s = sqlite3_next_stmt(h->sqlite, s)) {
        if (!sqlite3_stmt_busy(s)) continue;
        /* A reset would commit what a statement of its own transaction has written so far (INSERT ... RETURNING), and
         * its client is told that it failed. */
        if (!sqlite3_stmt_readonly(s) && sqlite3_get_autocommit(h->sqlite)) {
            sqlite3_interrupt(h->sqlite);
            (void)sqlite3_step(s);
        }
        sqlite3_reset(s);
    }
    atomic_store(&h->interrupted, false);
    /* A reset ends a statement of its own transaction, which may commit it (INSERT ... RETURNING). */
    if (h->has_turn && !trib_log_harvest(h)) trib_fail_begin(h->db);
    if (!sqlite3_get_autocommit(h->sqlite)) {
        trib_access access = h->access;
        h->access = TRIB_ACCESS_SYSTEM;
        (void)sqlite3_exec(h->sqlite, "ROLLBACK", NULL, NULL, NULL);
        h->access = access;
    }
    if (h->schema_changed) atomic_fetch_add(&h->db->schema_version, 1);
    h->schema_changed = false;
    h->txn_readonly = false;
    atomic_store(&h->txn_began_ns, 0);
    trib_guests_rolled_back(h);
    /* Without memory even a ROLLBACK can fail; closing the connection cannot. */
    if (!sqlite3_get_autocommit(h->sqlite)) trib_handle_disconnect(h);
}

/* ---- waiting for a connection ---- */

static trib_handle_waiter *pop_waiter(trib_db *db) {
    trib_handle_waiter *w = db->handle_first;
    if (w) {
        db->handle_first = w->next;
        if (!w->next) db->handle_last = NULL;
        w->next = NULL;
        db->handle_waiters--;
    }
    return w;
}

/* Hands it to who has waited longest. `granted` only queues a job, so it may run here. */
static bool lend_locked(trib_db *db, trib_handle *h) {
    trib_handle_waiter *w = pop_waiter(db);
    if (!w) return false;
    w->handle = h;
    w->granted(w, TRIB_OK);
    return true;
}

/* One more in the list, without a connection. NULL: no memory. */
static trib_handle *add_locked(trib_db *db) {
    trib_handle *h = calloc(1, sizeof *h);
    if (!h) return NULL;
    h->db = db;
    h->env = db->store->env;
    h->next = db->handles;
    db->handles = h;
    db->handle_count++;
    return h;
}

static trib_code queue_locked(trib_db *db, trib_handle_waiter *waiter, trib_error *err) {
    if (db->handle_waiters >= TRIB_HANDLE_QUEUE_MAX)
        return trib_error_set(
            err, TRIB_TOO_MANY_REQUESTS,
            "all %d connections of this database are in use and %d requests wait for one; try again later",
            TRIB_HANDLES_PER_DB_MAX, TRIB_HANDLE_QUEUE_MAX);
    waiter->handle = NULL;
    waiter->next = NULL;
    waiter->since_ns = trib_env_mono_ns(db->store->env);
    if (db->handle_last) db->handle_last->next = waiter;
    else db->handle_first = waiter;
    db->handle_last = waiter;
    db->handle_waiters++;
    return TRIB_AGAIN;
}

void trib_handle_flush_locked(trib_db *db, trib_code code) {
    for (trib_handle_waiter *w; (w = pop_waiter(db)) != NULL;) w->granted(w, code);
}

bool trib_handle_withdraw(trib_db *db, trib_handle_waiter *waiter) {
    trib_handle_waiter *before = NULL;
    trib_db_lock(db);
    trib_handle_waiter *at = db->handle_first;
    for (; at && at != waiter; at = at->next) before = at;
    if (at) {
        if (before) before->next = at->next;
        else db->handle_first = at->next;
        if (db->handle_last == at) db->handle_last = before;
        at->next = NULL;
        db->handle_waiters--;
    }
    trib_db_unlock(db);
    return at != NULL;
}

void trib_handle_expire_waiters(trib_db *db) {
    int64_t now = trib_env_mono_ns(db->store->env);
    trib_db_lock(db);
    while (db->handle_first && now - db->handle_first->since_ns >= (int64_t)TRIB_HANDLE_WAIT_MS * 1000000) {
        trib_handle_waiter *w = pop_waiter(db);
        w->granted(w, TRIB_TOO_MANY_REQUESTS);
    }
    trib_db_unlock(db);
}

/* ---- lists ---- */

static void push_idle(trib_db *db, trib_handle *h) {
    h->next_idle = db->idle;
    db->idle = h;
    db->idle_count++;
}

static trib_handle *pop_idle(trib_db *db) {
    trib_handle *h = db->idle;
    if (h) {
        db->idle = h->next_idle;
        h->next_idle = NULL;
        db->idle_count--;
        if (db->idle_low > db->idle_count) db->idle_low = db->idle_count;
    }
    return h;
}

/* There may be room: who has waited longest gets an idle handle or a new one, which connects when it is entered.
 * Telling them to try again instead would put them behind whoever comes first. */
static void use_room_locked(trib_db *db) {
    if (!db->handle_first || db->state != TRIB_DB_READY || db->handle_count > TRIB_HANDLES_PER_DB_MAX) return;
    trib_handle *h = pop_idle(db);
    if (!h) {
        if (db->handle_count == TRIB_HANDLES_PER_DB_MAX) return;
        h = add_locked(db);
        if (h) h->access = TRIB_ACCESS_SYSTEM;
    }
    if (h) {
        (void)lend_locked(db, h);
    } else {
        trib_handle_waiter *w = pop_waiter(db);
        w->granted(w, TRIB_NOMEM);
    }
}

static void unlink_handle(trib_db *db, trib_handle *h) {
    for (trib_handle **p = &db->handles; *p; p = &(*p)->next) {
        if (*p == h) {
            *p = h->next;
            db->handle_count--;
            use_room_locked(db);
            return;
        }
    }
}

void trib_handle_unlink_locked(trib_handle *h) {
    unlink_handle(h->db, h);
}

trib_code trib_db_state_error(const trib_db *db, trib_error *err) {
    if (db->state == TRIB_DB_QUARANTINED) return trib_db_quarantine_error(db, err);
    if (db->state == TRIB_DB_READY) return TRIB_OK;
    return trib_error_set(err, TRIB_NOT_COMMITTED, "the disk failed; this database is being recovered, try again");
}

/* The mark of ownership comes off. */
static void leave_locked(trib_handle *h) {
    trib_db *db = h->db;
    h->inside = false;
    db->inside_count--;
    trib_fail_check_locked(db);
    trib_cond_broadcast(db->store->env, db->changed);
}

void trib_handle_free(trib_handle *h) {
    if (!h) return;
    trib_guests_forget_needs(h);
    trib_handle_disconnect(h);
    free(h->left);
    free(h);
}

/* Takes it out of everything and ends it; the caller is inside. */
static void drop(trib_handle *h) {
    trib_db *db = h->db;
    trib_guests_forget_needs(h);
    trib_handle_disconnect(h);
    trib_db_lock(db);
    if (h->has_turn) trib_turn_release_locked(db);
    unlink_handle(db, h);
    leave_locked(h);
    trib_db_unlock(db);
    free(h->left);
    free(h);
}

void trib_handle_drop_inside(trib_handle *h) {
    drop(h);
}

/* How many idle handles nobody has needed since the last time this was asked. */
static uint32_t count_spare(trib_db *db) {
    int64_t now = trib_env_mono_ns(db->store->env);
    uint32_t spare = 0;
    trib_db_lock(db);
    if (now - db->idle_low_ns >= (int64_t)TRIB_HANDLES_SPARE_MS * 1000000) {
        if (db->idle_low > TRIB_HANDLES_IDLE_MAX) spare = db->idle_low - TRIB_HANDLES_IDLE_MAX;
        if (spare > TRIB_HANDLES_TRIM_MAX) spare = TRIB_HANDLES_TRIM_MAX;
        db->idle_low -= spare;
        if (spare < TRIB_HANDLES_TRIM_MAX) { /* else the rest goes with the next ticks */
            db->idle_low_ns = now;
            db->idle_low = db->idle_count - spare;
        }
    }
    trib_db_unlock(db);
    return spare;
}

void trib_handle_trim(trib_db *db) {
    for (uint32_t left = count_spare(db); left > 0; left--) {
        trib_db_lock(db);
        trib_handle *h = db->state == TRIB_DB_READY && db->idle_count > TRIB_HANDLES_IDLE_MAX ? pop_idle(db) : NULL;
        if (h) {
            h->inside = true;
            db->inside_count++;
        }
        trib_db_unlock(db);
        if (!h) return;
        drop(h);
    }
}

/* An idle handle or a new one, marked as inside. AGAIN: all are in use. Under the lock. */
static trib_code claim_locked(trib_db *db, bool own_work, trib_handle **ret, trib_error *err) {
    trib_code code = trib_db_state_error(db, err);
    if (code != TRIB_OK) return code;
    /* More than the bound, of which one is idle: the store needed one of its own for a cut-back. */
    bool over = db->handle_count > TRIB_HANDLES_PER_DB_MAX;
    trib_handle *h = own_work || !over ? pop_idle(db) : NULL;
    if (!h) {
        if (!own_work && db->handle_count >= TRIB_HANDLES_PER_DB_MAX) return TRIB_AGAIN;
        h = add_locked(db);
        if (!h) return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    h->inside = true;
    h->own_work = own_work; /* before connecting: may open the files before others see that they exist */
    db->inside_count++;
    *ret = h;
    return TRIB_OK;
}

/* What a claimed handle needs; without the lock. */
static trib_code make_ready(trib_handle *h, trib_handle **ret, trib_error *err) {
    trib_code code = TRIB_OK;
    h->interrupt_code = TRIB_OK;
    h->access = TRIB_ACCESS_SYSTEM;
    atomic_store(&h->interrupted, false);
    if (!h->sqlite && (code = trib_handle_connect(h, err)) != TRIB_OK) {
        drop(h);
        return code;
    }
    *ret = h;
    return TRIB_OK;
}

static trib_code full_error(trib_error *err) {
    return trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                          "all %d connections of this database are in use; close some sessions",
                          TRIB_HANDLES_PER_DB_MAX);
}

trib_code trib_handle_take_inside(trib_db *db, bool own_work, trib_handle **ret, trib_error *err) {
    trib_handle *h = NULL;
    trib_db_lock(db);
    trib_code code = claim_locked(db, own_work, &h, err);
    trib_db_unlock(db);
    if (code == TRIB_AGAIN) return full_error(err);
    return code == TRIB_OK ? make_ready(h, ret, err) : code;
}

trib_code trib_handle_take_fresh(trib_db *db, trib_handle **ret, trib_error *err) {
    trib_db_lock(db);
    trib_code code = trib_db_state_error(db, err);
    trib_handle *h = code == TRIB_OK ? add_locked(db) : NULL;
    if (code == TRIB_OK && !h) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (h) {
        h->inside = h->own_work = true;
        db->inside_count++;
    }
    trib_db_unlock(db);
    return h ? make_ready(h, ret, err) : code;
}

/* Back to the idle ones, or away. The caller is inside and the connection is clean. */
void trib_handle_give_inside(trib_handle *h) {
    trib_db *db = h->db;
    h->ticket = 0;
    trib_db_lock(db);
    h->own_work = false;
    /* The store's own handles come on top of the bound; lending them on would let each checkpoint add one. */
    bool keep = db->state == TRIB_DB_READY && h->sqlite && db->handle_count <= TRIB_HANDLES_PER_DB_MAX;
    if (keep) {
        if (h->has_turn) trib_turn_release_locked(db);
        h->lost = TRIB_OK;
        if (!lend_locked(db, h)) push_idle(db, h);
        leave_locked(h);
    }
    trib_db_unlock(db);
    if (!keep) drop(h);
}

/* ---- lending ---- */

/* waiter NULL: does not wait. */
static trib_code take(trib_db *db, trib_handle_waiter *waiter, trib_handle **ret, trib_error *err) {
    trib_handle *h = NULL;
    trib_code code = trib_fail_retry(db, err);
    if (code != TRIB_OK) return code;
    trib_db_lock(db);
    code = claim_locked(db, false, &h, err);
    if (code == TRIB_AGAIN) code = waiter ? queue_locked(db, waiter, err) : full_error(err);
    trib_db_unlock(db);
    if (code == TRIB_OK) code = make_ready(h, &h, err);
    if (code != TRIB_OK) return code;
    trib_db_lock(db);
    h->lost = TRIB_OK;
    leave_locked(h);
    trib_db_unlock(db);
    *ret = h;
    return TRIB_OK;
}

trib_code trib_handle_take(trib_db *db, trib_handle **ret, trib_error *err) {
    return take(db, NULL, ret, err);
}

trib_code trib_handle_wait(trib_db *db, trib_handle_waiter *waiter, trib_handle **ret, trib_error *err) {
    return take(db, waiter, ret, err);
}

/* Marks the handle as ours unless the database is out of service; *ret_lost is taken over. */
static trib_code enter_mark(trib_handle *h, trib_code *ret_lost, trib_error *err) {
    trib_db *db = h->db;
    trib_db_lock(db);
    while (h->inside) /* a thief, for the time of a ROLLBACK */
        trib_cond_wait(db->store->env, db->changed, db->lock, -1);
    trib_code code = trib_db_state_error(db, err);
    if (code == TRIB_OK) {
        h->inside = true;
        db->inside_count++;
        h->interrupt_code = TRIB_OK;
        *ret_lost = h->lost;
        h->lost = TRIB_OK;
    }
    trib_db_unlock(db);
    atomic_store(&h->interrupted, false);
    return code;
}

void trib_handle_give(trib_handle *h) {
    if (!h) return;
    trib_db *db = h->db;
    trib_code lost = TRIB_OK;
    if (enter_mark(h, &lost, NULL) != TRIB_OK) {
        /* Out of service: whoever recovers it closes this connection; nobody else may touch it now. */
        trib_db_lock(db);
        bool gone = db->state == TRIB_DB_QUARANTINED || db->state == TRIB_DB_BROKEN;
        while (gone && h->inside) /* a database that is attached to it closes it */
            trib_cond_wait(db->store->env, db->changed, db->lock, -1);
        h->bound = false;
        if (gone) unlink_handle(db, h);
        else h->given = true;
        trib_db_unlock(db);
        if (gone) trib_handle_free(h);
        return;
    }
    trib_handle_rollback(h);
    h->access = TRIB_ACCESS_SYSTEM;
    trib_guests_forget_needs(h);
    if (h->guests) trib_handle_disconnect(h); /* nothing of them may be left for who gets it next */
    if (h->sqlite) {
        trib_policy_set_account(&db->account);
        if (trib_policy_reset(h, NULL) != TRIB_OK) trib_handle_disconnect(h);
        trib_policy_set_account(NULL);
    }
    h->settings_changed = h->strict = h->bound = false;
    atomic_store(&h->copying, false);
    trib_handle_give_inside(h);
}

trib_code trib_handle_enter(trib_handle *h, trib_access access, trib_session_vars *vars, trib_error *err) {
    trib_db *db = h->db;
    trib_code lost = TRIB_OK;
    trib_code code = trib_fail_retry(db, err);
    if (code == TRIB_OK) code = enter_mark(h, &lost, err);
    if (code != TRIB_OK) return code;
    h->txn_ended = false;
    if (!h->sqlite) code = trib_handle_connect(h, err);
    if (code == TRIB_OK && lost != TRIB_OK) code = trib_error_set(err, lost, NULL);
    if (code == TRIB_OK) code = trib_guests_enter(h, err);
    if (code != TRIB_OK) {
        trib_db_lock(db);
        leave_locked(h);
        trib_db_unlock(db);
        return code;
    }
    h->access = access;
    h->vars = vars;
    h->ticket = h->first_ticket = 0;
    h->wrote = false;
    h->looked = true;
    h->rows_read = h->rows_written = 0;
    h->entered = true;
    trib_stmt_enter(h);
    return TRIB_OK;
}

/* Codes of an interrupt that end the transaction, not only the statement. */
static bool ends_transaction(trib_code code) {
    return code == TRIB_TRANSACTION_TIMEOUT || code == TRIB_SNAPSHOT_TOO_OLD || code == TRIB_NOT_COMMITTED;
}

static void release_turn(trib_handle *h) {
    trib_db_lock(h->db);
    if (h->has_turn) trib_turn_release_locked(h->db);
    trib_db_unlock(h->db);
}

/* Loaded after every snapshot of this stay was opened, so whatever was seen, by a step or by a prepare that read the
 * schema, was raised before (0001-tickets.md). */
uint64_t trib_handle_newest_ticket(const trib_handle *h) {
    if (!h->strict && atomic_load_explicit(&h->db->settings.relaxed, memory_order_relaxed)) return 0;
    if (trib_db_fault(h->db, h->wrote ? TRIB_FAULT_NO_WRITE_GATE : TRIB_FAULT_NO_READ_GATE)) return 0;
    return atomic_load(&h->db->raised);
}

uint64_t trib_handle_ticket(const trib_handle *h) {
    return h->entered ? trib_handle_newest_ticket(h) : h->ticket;
}

/* A snapshot of any of its databases. */
static bool has_snapshot(const trib_handle *h) {
    return sqlite3_txn_state(h->sqlite, h->guests ? NULL : "main") != SQLITE_TXN_NONE;
}

void trib_handle_leave(trib_handle *h) {
    trib_db *db = h->db;
    trib_handle_take_interrupts(h);
    trib_db_lock(db);
    trib_code why = h->interrupt_code;
    trib_db_unlock(db);
    bool lose =
        ends_transaction(why) && !h->txn_ended && h->sqlite && (!sqlite3_get_autocommit(h->sqlite) || has_snapshot(h));
    if (lose) trib_handle_rollback(h);
    if (h->sqlite) trib_stmt_leave(h);
    h->ticket = trib_handle_newest_ticket(h);
    h->vars = NULL;
    h->entered = false;
    trib_guests_leave(h);
    trib_db_lock(db);
    if (lose) h->lost = why;
    if (h->has_turn && (!h->sqlite || sqlite3_txn_state(h->sqlite, "main") != SQLITE_TXN_WRITE))
        trib_turn_release_locked(db);
    leave_locked(h);
    trib_db_unlock(db);
}

bool trib_handle_stateful(const trib_handle *h) {
    return h->settings_changed || h->guests || (h->sqlite && !sqlite3_get_autocommit(h->sqlite));
}

bool trib_handle_may_part(const trib_handle *h) {
    return !h->waits_read && !h->wrote && h->left_count == 0 && !trib_handle_stateful(h);
}

bool trib_handle_autocommit(const trib_handle *h) {
    return !h->sqlite || sqlite3_get_autocommit(h->sqlite) != 0;
}
trib_code trib_handle_renew(trib_handle *h, trib_error *err) {
    trib_handle_rollback(h);
    release_turn(h);
    trib_handle_disconnect(h);
    trib_code code = trib_handle_connect(h, err);
    if (code == TRIB_OK) trib_stmt_enter(h);
    h->looked = true;
    return code;
}

void trib_handle_set_copying(trib_handle *h) {
    atomic_store(&h->copying, true);
}
bool trib_handle_has_written(const trib_handle *h) {
    return h->wrote;
}
trib_db *trib_handle_db(const trib_handle *h) {
    return h->db;
}
const trib_env *trib_handle_env(const trib_handle *h) {
    return h->env;
}

void trib_handle_set_lane(trib_handle *h, trib_pace_lane *lane) {
    h->lane = lane;
    h->yields_ns = 0;
}

void trib_handle_interrupt(trib_handle *h, trib_code why) {
    trib_db *db = h->db;
    trib_db_lock(db);
    if (h->inside && h->sqlite) {
        h->interrupt_code = why;
        atomic_store(&h->interrupted, true);
        sqlite3_interrupt(h->sqlite);
    }
    trib_db_unlock(db);
}

void trib_handle_interrupt_all(trib_db *db, trib_code why) {
    for (trib_handle *h = db->handles; h; h = h->next) {
        if (!h->inside || h->own_work || !h->sqlite) continue;
        h->interrupt_code = why;
        atomic_store(&h->interrupted, true);
        sqlite3_interrupt(h->sqlite);
    }
}

/* ---- around a step ---- */

static trib_code interrupted_now(trib_handle *h, trib_error *err) {
    trib_db_lock(h->db);
    trib_code why = h->interrupt_code;
    trib_db_unlock(h->db);
    if (ends_transaction(why)) {
        trib_handle_rollback(h);
        release_turn(h);
        h->txn_ended = true;
    }
    return trib_error_set(err, why == TRIB_OK ? TRIB_CANCELLED : why, NULL);
}

static trib_code before_read(trib_handle *h, trib_error *err) {
    trib_db *db = h->db;
    /* A transaction that begins on a database without files may write later, on the same snapshot. */
    if (h->access != TRIB_ACCESS_READ && !atomic_load(&db->exists) && !sqlite3_get_autocommit(h->sqlite))
        return trib_db_materialise(db, err);
    if (!atomic_load(&db->hold_reads) || sqlite3_txn_state(h->sqlite, "main") != SQLITE_TXN_NONE) return TRIB_OK;
    h->waits_read = true;
    return trib_error_set(err, TRIB_AGAIN, NULL);
}

trib_code trib_handle_before_step(trib_handle *h, bool needs_turn, trib_error *err) {
    trib_db *db = h->db;
    trib_handle_take_interrupts(h);
    if (atomic_load(&h->interrupted)) return interrupted_now(h, err);
    if (h->bound && sqlite3_get_autocommit(h->sqlite)) return trib_error_set(err, TRIB_TRANSACTION_TIMEOUT, NULL);
    h->looked = true;
    h->waits_read = false;
    h->commit_failed = false;
    trib_guests_before_step(h);
    if (atomic_load(&h->txn_began_ns) == 0) h->commits_before = atomic_load(&db->appended_no);
    h->uses_turn = needs_turn || sqlite3_txn_state(h->sqlite, "main") == SQLITE_TXN_WRITE;
    if (!needs_turn && !h->has_turn) return before_read(h, err);
    trib_db_lock(db);
    trib_code code = trib_db_state_error(db, err);
    if (code == TRIB_OK && !trib_turn_try_locked(h)) code = trib_error_set(err, TRIB_AGAIN, NULL);
    trib_db_unlock(db);
    if (code != TRIB_OK) return code;
    if (!h->wrote) h->base_ticket = atomic_load(&db->raised);
    if (atomic_load(&db->log.bytes) >= TRIB_LOG_MAX_BYTES && sqlite3_txn_state(h->sqlite, "main") != SQLITE_TXN_WRITE)
        code = trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                              "the log of this database is full because of long reads; end them or try again later");
    else if (!atomic_load(&db->exists)) code = trib_db_materialise(db, err);
    if (code != TRIB_OK && sqlite3_txn_state(h->sqlite, "main") != SQLITE_TXN_WRITE) release_turn(h);
    return code;
}

static bool is_damage(int rc) {
    return (rc & 0xff) == SQLITE_NOTADB || ((rc & 0xff) == SQLITE_CORRUPT && rc != SQLITE_CORRUPT_VTAB);
}

void trib_handle_after_step(trib_handle *h, int rc) {
    trib_db *db = h->db;
    bool had_turn = h->has_turn;
    if (had_turn) {
        bool known = trib_log_harvest(h);
        h->own_ticket = atomic_load(&db->raised); /* before the turn goes on */
        if (h->first_ticket == 0 && h->own_ticket != h->base_ticket) h->first_ticket = h->own_ticket;
        h->looked = false;
        if (!known || db->log.in_doubt || atomic_load(&db->log.sync_failed)) trib_fail_begin(db);
    }
    if (had_turn) h->wrote = true;
    if (is_damage(rc) && h->guests) {
        /* SQLite does not say in which file. The next that reads the damaged one by itself, or the scrub, finds it. */
        trib_log_event(db->store->log, TRIB_LOG_ERROR, "damage_with_attached", TRIB_LOG_C("database", db->id),
                       TRIB_LOG_C("attached", h->guests->handle.db->id));
    } else if (is_damage(rc)) {
        bool none = (rc & 0xff) == SQLITE_NOTADB;
        trib_db_quarantine(db, none ? TRIB_DAMAGE_NOT_A_DATABASE : (trib_damage)h->damage_as, sqlite3_errstr(rc));
    }
    trib_handle_take_interrupts(h);
    if (rc != SQLITE_ROW && atomic_load(&h->interrupted)) {
        trib_db_lock(db);
        bool ends = ends_transaction(h->interrupt_code);
        trib_db_unlock(db);
        if (ends) {
            trib_handle_rollback(h);
            h->txn_ended = true;
        }
    }
    trib_guests_after_step(h);
    int txn = h->sqlite ? sqlite3_txn_state(h->sqlite, "main") : SQLITE_TXN_NONE;
    if (txn == SQLITE_TXN_NONE) atomic_store(&h->txn_began_ns, 0);
    else if (atomic_load(&h->txn_began_ns) == 0) atomic_store(&h->txn_began_ns, trib_env_mono_ns(h->env));
    /* Who waited for the turn may read first: he would wait again, and two such for ever. */
    if (had_turn && h->uses_turn && txn != SQLITE_TXN_WRITE) release_turn(h);
}

void trib_handle_count_rows(trib_handle *h, uint64_t read, uint64_t written) {
    h->rows_read += read;
    h->rows_written += written;
    atomic_fetch_add_explicit(&h->db->rows_read, read, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->db->rows_written, written, memory_order_relaxed);
}

void trib_handle_take_rows(trib_handle *h, uint64_t *ret_read, uint64_t *ret_written) {
    *ret_read = h->rows_read;
    *ret_written = h->rows_written;
    h->rows_read = h->rows_written = 0;
}
