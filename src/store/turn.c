/* SPDX-License-Identifier: Apache-2.0 */
/* The write turn of a database: who has it, who waits, when it is taken away.
 *
 *   free ── first writer ──> owner ── transaction ends ──> checkpoint, if one is wanted ──> first waiter ──> ...
 *
 * An owner whose turn is older than the limit loses it as soon as somebody waits: if its worker is inside the handle,
 * the statement is interrupted and the worker itself rolls back; if nobody is inside, whoever notices does it (the
 * thief), marked as inside for that moment. New reads are held back in a second queue while a checkpoint resets the
 * log. */
#include "store/attach.h"

static int64_t steal_ns(trib_db *db) {
    trib_db_settings settings = trib_db_settings_of(db);
    uint32_t ms = settings.txn_steal_ms;
    if (ms == 0) ms = settings.system ? TRIB_TXN_STEAL_MS_SYSTEM : TRIB_TXN_STEAL_MS_DEFAULT;
    return (int64_t)ms * 1000000;
}

static void take_locked(trib_db *db, trib_handle *handle) {
    db->turn_taken = true;
    db->turn_owner = handle;
    db->turn_since_ns = trib_env_mono_ns(db->store->env);
    if (handle) handle->has_turn = true;
}

/* ---- the two queues ---- */

static void push(trib_turn_waiter **first, trib_turn_waiter **last, trib_turn_waiter *w) {
    w->next = NULL;
    w->prev = *last;
    if (*last) (*last)->next = w;
    else *first = w;
    *last = w;
}

static void unlink_from(trib_turn_waiter **first, trib_turn_waiter **last, trib_turn_waiter *w) {
    if (w->prev) w->prev->next = w->next;
    else *first = w->next;
    if (w->next) w->next->prev = w->prev;
    else *last = w->prev;
    w->prev = w->next = NULL;
}

static bool contains(const trib_turn_waiter *first, const trib_turn_waiter *w) {
    for (; first; first = first->next) {
        if (first == w) return true;
    }
    return false;
}

/* `granted` only queues a job, so it may run under the lock; that keeps cancel exact. */
static void flush(trib_turn_waiter **first, trib_turn_waiter **last, trib_code code) {
    while (*first) {
        trib_turn_waiter *w = *first;
        unlink_from(first, last, w);
        w->granted(w, code);
    }
}

void trib_turn_flush_locked(trib_db *db, trib_code code) {
    flush(&db->turn_first, &db->turn_last, code);
    db->turn_waiters = 0;
    flush(&db->read_first, &db->read_last, code);
    trib_handle_flush_locked(db, code);
}

void trib_turn_hold_reads_locked(trib_db *db) {
    atomic_store(&db->hold_reads, true);
}

void trib_turn_release_reads_locked(trib_db *db, trib_code code) {
    atomic_store(&db->hold_reads, false);
    flush(&db->read_first, &db->read_last, code);
}

void trib_turn_release_locked(trib_db *db) {
    if (db->turn_owner) db->turn_owner->has_turn = false;
    db->turn_owner = NULL;
    db->turn_reserved = NULL;
    db->turn_taken = false;
    if (db->state != TRIB_DB_READY) return; /* fail.c or quarantine tells everybody */
    if (db->ckpt == TRIB_CKPT_WANTED) {
        db->turn_taken = true;
        trib_ckpt_take_turn_locked(db);
        return;
    }
    trib_turn_waiter *w = atomic_load(&db->sealed) ? NULL : db->turn_first;
    if (!w) {
        if (db->log.sync_waits) trib_cond_signal(db->store->env, db->drained);
        return;
    }
    unlink_from(&db->turn_first, &db->turn_last, w);
    db->turn_waiters--;
    take_locked(db, w->handle);
    if (!w->handle) db->turn_reserved = w;
    w->granted(w, TRIB_OK);
}

bool trib_turn_try_locked(trib_handle *handle) {
    trib_db *db = handle->db;
    if (handle->has_turn) return true;
    if (db->turn_taken || (!handle->own_work && (db->turn_first || atomic_load(&db->sealed)))) return false;
    take_locked(db, handle);
    return true;
}

/* ---- taking it away ---- */

/* Under the lock. *ret_thief: the handle was marked inside for us; the caller unlocks, rolls back and calls
 * steal_finish. */
static void steal_locked(trib_db *db, trib_handle **ret_thief) {
    trib_handle *owner = db->turn_owner;
    *ret_thief = NULL;
    /* while the database is not in service, the owner may be gone */
    if (!owner || db->state != TRIB_DB_READY || atomic_load(&owner->promised) || !db->turn_first ||
        trib_env_mono_ns(db->store->env) - db->turn_since_ns < steal_ns(db))
        return;
    if (owner->inside) {
        if (owner->interrupt_code == TRIB_OK && !owner->own_work) {
            owner->interrupt_code = TRIB_TRANSACTION_TIMEOUT;
            atomic_store(&owner->interrupted, true);
            sqlite3_interrupt(owner->sqlite);
        }
        return;
    }
    owner->inside = true;
    db->inside_count++;
    *ret_thief = owner;
}

void trib_turn_steal_finish(trib_handle *handle, trib_code lost, bool close) {
    trib_db *db = handle->db;
    trib_handle_rollback(handle);
    if (close) trib_handle_disconnect(handle);
    trib_db_lock(db);
    handle->lost = lost;
    handle->inside = false;
    atomic_store(&handle->txn_began_ns, 0);
    db->inside_count--;
    if (handle->has_turn) trib_turn_release_locked(db);
    trib_fail_check_locked(db);
    trib_cond_broadcast(db->store->env, db->changed);
    trib_db_unlock(db);
}

void trib_turn_steal_overdue(trib_db *db) {
    trib_handle *thief = NULL;
    trib_db_lock(db);
    steal_locked(db, &thief);
    trib_db_unlock(db);
    if (thief) trib_turn_steal_finish(thief, TRIB_TRANSACTION_TIMEOUT, false);
}

static int64_t read_limit_ns(trib_db *db) {
    bool tight = atomic_load(&db->log.bytes) > TRIB_LOG_TIGHT_BYTES;
    return (int64_t)(tight ? TRIB_READ_TXN_TIGHT_MS : TRIB_READ_TXN_MAX_MS) * 1000000;
}

void trib_turn_end_old_reads(trib_db *db) {
    int64_t now = trib_env_mono_ns(db->store->env);
    for (;;) {
        trib_handle *thief = NULL;
        trib_db_lock(db);
        int64_t limit = read_limit_ns(db);
        for (trib_handle *h = db->state == TRIB_DB_READY ? db->handles : NULL; h && !thief; h = h->next) {
            int64_t began = atomic_load(&h->txn_began_ns);
            if (h->has_turn || h->own_work || began == 0) continue;
            if (atomic_load(&h->copying) ? atomic_load(&db->log.bytes) < TRIB_COPY_LOG_MAX_BYTES : now - began < limit)
                continue;
            if (!h->inside && h->is_guest) { /* its host is to be marked, under other locks */
                thief = h;
            } else if (!h->inside) {
                h->inside = true;
                db->inside_count++;
                thief = h;
            } else if (h->interrupt_code == TRIB_OK) {
                h->interrupt_code = TRIB_SNAPSHOT_TOO_OLD;
                atomic_store(&h->interrupted, true);
                sqlite3_interrupt(h->sqlite);
            }
        }
        trib_db_unlock(db);
        if (!thief) return;
        if (!thief->is_guest) trib_turn_steal_finish(thief, TRIB_SNAPSHOT_TOO_OLD, false);
        else if (!trib_guest_end_read(db, thief))
            return; /* somebody is just getting inside; the next tick comes soon */
    }
}

/* ---- waiting ---- */

static trib_code wait_locked(trib_handle *handle, trib_turn_waiter *waiter, trib_error *err) {
    trib_db *db = handle->db;
    if (db->state != TRIB_DB_READY)
        return trib_error_set(err, db->state == TRIB_DB_QUARANTINED ? TRIB_DATABASE_QUARANTINED : TRIB_NOT_COMMITTED,
                              NULL);
    waiter->handle = handle;
    if (handle->waits_read) {
        handle->waits_read = false;
        if (!atomic_load(&db->hold_reads)) return TRIB_OK;
        push(&db->read_first, &db->read_last, waiter);
        return TRIB_AGAIN;
    }
    if (trib_turn_try_locked(handle)) return TRIB_OK;
    if (db->turn_waiters >= TRIB_TURN_QUEUE_MAX)
        return trib_error_set(err, TRIB_TRANSACTION_BUSY, "%d writers already wait for this database; try again later",
                              TRIB_TURN_QUEUE_MAX);
    push(&db->turn_first, &db->turn_last, waiter);
    db->turn_waiters++;
    return TRIB_AGAIN;
}

trib_code trib_turn_wait(trib_handle *handle, trib_turn_waiter *waiter, trib_error *err) {
    trib_db *db = handle->db;
    trib_handle *thief = NULL;
    trib_db_lock(db);
    trib_code code = wait_locked(handle, waiter, err);
    if (code == TRIB_AGAIN) steal_locked(db, &thief);
    trib_db_unlock(db);
    if (thief) trib_turn_steal_finish(thief, TRIB_TRANSACTION_TIMEOUT, false);
    return code;
}

bool trib_turn_withdraw(trib_db *db, trib_turn_waiter *waiter) {
    bool found = true;
    trib_db_lock(db);
    if (contains(db->turn_first, waiter)) {
        unlink_from(&db->turn_first, &db->turn_last, waiter);
        db->turn_waiters--;
    } else if (contains(db->read_first, waiter)) {
        unlink_from(&db->read_first, &db->read_last, waiter);
    } else {
        found = false;
    }
    trib_db_unlock(db);
    return found;
}

/* ---- waiting without a handle ---- */

trib_code trib_turn_reserve(trib_db *db, trib_turn_waiter *waiter) {
    trib_handle *thief = NULL;
    trib_db_lock(db);
    bool busy = db->turn_taken || db->turn_first;
    bool waits = busy && db->state == TRIB_DB_READY && db->turn_waiters < TRIB_TURN_QUEUE_MAX;
    if (waits) {
        waiter->handle = NULL;
        push(&db->turn_first, &db->turn_last, waiter);
        db->turn_waiters++;
        steal_locked(db, &thief);
    }
    trib_db_unlock(db);
    if (thief) trib_turn_steal_finish(thief, TRIB_TRANSACTION_TIMEOUT, false);
    return waits ? TRIB_AGAIN : TRIB_OK;
}

trib_code trib_turn_claim(trib_db *db, trib_turn_waiter *waiter, trib_error *err) {
    trib_handle *thief = NULL;
    trib_db_lock(db);
    trib_code code = trib_db_state_error(db, err);
    waiter->handle = NULL;
    if (code != TRIB_OK) {
    } else if (!db->turn_taken && !db->turn_first && !atomic_load(&db->sealed)) {
        take_locked(db, NULL);
        db->turn_reserved = waiter;
    } else if (db->turn_waiters >= TRIB_TURN_QUEUE_MAX) {
        code = trib_error_set(err, TRIB_TRANSACTION_BUSY, "%d writers already wait for this database; try again later",
                              TRIB_TURN_QUEUE_MAX);
    } else {
        push(&db->turn_first, &db->turn_last, waiter);
        db->turn_waiters++;
        steal_locked(db, &thief);
        code = TRIB_AGAIN;
    }
    trib_db_unlock(db);
    if (thief) trib_turn_steal_finish(thief, TRIB_TRANSACTION_TIMEOUT, false);
    return code;
}

bool trib_turn_adopt(trib_handle *handle, const trib_turn_waiter *waiter) {
    trib_db *db = handle->db;
    trib_db_lock(db);
    bool kept = db->turn_reserved == waiter;
    if (kept) {
        db->turn_reserved = NULL;
        db->turn_owner = handle;
        handle->has_turn = true;
    }
    trib_db_unlock(db);
    return kept;
}

void trib_turn_pass(trib_db *db, const trib_turn_waiter *waiter) {
    trib_db_lock(db);
    if (db->turn_reserved == waiter) trib_turn_release_locked(db);
    trib_db_unlock(db);
}

bool trib_turn_cancel(trib_handle *handle, trib_turn_waiter *waiter) {
    return trib_turn_withdraw(handle->db, waiter);
}
