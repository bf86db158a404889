/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: when, under which rules, and how the log is begun anew.
 *
 *   NONE ─ log long enough ─> WANTED ─ turn released ─> WAITING ─ all durable ─> RUNNING on a sync thread ─> NONE
 *
 * The turn belongs to the checkpoint from WAITING on, so nothing new is committed and "all durable" stays true. Copying
 * frames that are not durable into the database file would make them durable behind the gate's back. A long log is
 * copied ahead first: with the turn a snapshot is opened, the pin, then the turn goes on, and the log is copied up to
 * the pin while others commit behind it. SQLite copies no frame behind the snapshot of a reader, and nobody begins a
 * log anew that a reader is in. Then the checkpoint is wanted again; with the turn the pin goes, and the rest is
 * copied. After a complete copy the page map is written, then new reads are held back for at most TRIB_RESET_HOLD_MS:
 * when no reader is left in the log, the next writer begins it anew, in place. */
#include "store/db_int.h"

enum { RETRY_MS = 100 };

void trib_ckpt_durable_locked(trib_db *db) {
    bool durable = db->durable_no == db->appended_no || trib_db_fault(db, TRIB_FAULT_EARLY_CHECKPOINT);
    if (db->ckpt != TRIB_CKPT_WAITING || !durable || db->state != TRIB_DB_READY) return;
    db->ckpt = TRIB_CKPT_RUNNING;
    trib_pool_post(db->store->pool, &db->ckpt_task);
}

void trib_ckpt_take_turn_locked(trib_db *db) {
    db->turn_taken = true;
    db->turn_owner = NULL;
    db->turn_since_ns = trib_env_mono_ns(db->store->env);
    db->ckpt = TRIB_CKPT_WAITING;
    trib_ckpt_durable_locked(db);
}

static uint64_t long_bytes(trib_db *db) {
    uint32_t limit = db->store->config.checkpoint_log_bytes;
    bool shared = atomic_load_explicit(&db->settings.shared_log, memory_order_relaxed);
    return limit ? limit : shared ? TRIB_CHECKPOINT_SHARED_LOG_BYTES : TRIB_CHECKPOINT_LOG_BYTES;
}

static bool is_long(trib_db *db) {
    return atomic_load(&db->log.bytes) >= long_bytes(db);
}

void trib_ckpt_want_locked(trib_db *db, bool force) {
    if (db->ckpt != TRIB_CKPT_NONE || db->state != TRIB_DB_READY || !atomic_load(&db->exists)) return;
    if (!force && (!is_long(db) || trib_env_mono_ns(db->store->env) < db->ckpt_retry_ns)) return;
    db->ckpt = TRIB_CKPT_WANTED;
    if (!db->turn_taken) trib_ckpt_take_turn_locked(db);
}

typedef struct hold {
    trib_db *db;
    int64_t until_ns;
} hold;

/* SQLite asks whether to go on waiting for readers. */
static int wait_for_readers(void *arg, int count) {
    hold *w = arg;
    const trib_env *env = w->db->store->env;
    (void)count;
    if (trib_pool_inline(w->db->store->pool) || trib_env_mono_ns(env) >= w->until_ns) return 0;
    trib_db_lock(w->db);
    trib_cond_wait(env, w->db->changed, w->db->lock, 500000);
    trib_db_unlock(w->db);
    return 1;
}

static int reset_log(trib_handle *handle, bool truncate) {
    trib_db *db = handle->db;
    hold w = {db, trib_env_mono_ns(db->store->env) + (int64_t)TRIB_RESET_HOLD_MS * 1000000};
    trib_db_lock(db);
    trib_turn_hold_reads_locked(db);
    trib_db_unlock(db);
    sqlite3_busy_handler(handle->sqlite, wait_for_readers, &w);
    int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_RESTART;
    int rc = sqlite3_wal_checkpoint_v2(handle->sqlite, "main", mode, NULL, NULL);
    sqlite3_busy_handler(handle->sqlite, NULL, NULL);
    trib_db_lock(db);
    trib_turn_release_reads_locked(db, TRIB_OK);
    trib_db_unlock(db);
    if (rc == SQLITE_OK) atomic_store(&db->log.bytes, 0);
    return rc;
}

int trib_ckpt_run(trib_handle *handle, bool truncate, bool *ret_complete, trib_error *err) {
    trib_db *db = handle->db;
    int frames = 0;
    int copied = 0;
    *ret_complete = false;
    /* A connection that has never read has no log open yet, and would report success without doing anything. */
    int rc = trib_handle_touch(handle);
    if (rc == SQLITE_OK)
        rc = sqlite3_wal_checkpoint_v2(handle->sqlite, "main", SQLITE_CHECKPOINT_PASSIVE, &frames, &copied);
    if (rc == SQLITE_OK && frames < 0) rc = SQLITE_IOERR;
    if (rc != SQLITE_OK) {
        trib_file_error("checkpoint", db->paths.db, rc, err);
        return rc;
    }
    if (frames != copied) return SQLITE_OK;
    bool late = trib_db_fault(db, TRIB_FAULT_LATE_MAP);
    if (!late && frames > 0 && trib_db_map_write(db, db->log.salt, db->log.appended_frames, true, err) != TRIB_OK)
        return SQLITE_IOERR; /* the VFS will not let a new log begin before this worked */
    *ret_complete = true;
    rc = reset_log(handle, truncate);
    if ((rc & 0xff) == SQLITE_BUSY) return SQLITE_OK;
    if (rc != SQLITE_OK) trib_file_error("restart the log of", db->paths.db, rc, err);
    return rc;
}

/* The checkpoint, or its first step, is over. again: it could not do its work, the next one is not begun at once. */
static void rest_locked(trib_db *db, bool again) {
    db->ckpt = TRIB_CKPT_NONE;
    if (again) db->ckpt_retry_ns = trib_env_mono_ns(db->store->env) + (int64_t)RETRY_MS * 1000000;
}

static void finish(trib_db *db, trib_handle *handle, bool again) {
    trib_db_lock(db);
    rest_locked(db, again);
    if (db->state == TRIB_DB_READY) trib_turn_release_locked(db);
    else if (handle) handle->has_turn = false;
    trib_fail_check_locked(db);
    trib_cond_broadcast(db->store->env, db->changed);
    trib_db_unlock(db);
    if (handle) trib_handle_give_inside(handle);
}

static void log_failure(trib_db *db, const trib_error *err) {
    trib_log_event(db->store->log, TRIB_LOG_WARN, "checkpoint_failed", TRIB_LOG_C("database", db->id),
                   TRIB_LOG_ERR(err));
}

/* ---- copying ahead ---- */

static void unpin(trib_handle *pin) {
    trib_handle_rollback(pin);
    trib_handle_give_inside(pin);
}

/* A connection with a snapshot of what is in the log now; NULL: there is none to be had. The caller has the turn. */
static trib_handle *pin_snapshot(trib_db *db) {
    trib_handle *pin = NULL;
    if (trib_handle_take_inside(db, true, &pin, NULL) != TRIB_OK) return NULL;
    if (sqlite3_exec(pin->sqlite, "BEGIN", NULL, NULL, NULL) == SQLITE_OK && trib_handle_touch(pin) == SQLITE_OK)
        return pin;
    unpin(pin);
    return NULL;
}

/* SQLite syncs the file by itself only when it has copied the whole log. What is synced here, the sync with the turn
 * need not wait for. */
static int sync_database(trib_handle *handle) {
    sqlite3_file *file = NULL;
    int rc = sqlite3_file_control(handle->sqlite, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    return rc == SQLITE_OK && file->pMethods ? file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) : rc;
}

/* Copies the log up to the pin, without the turn. */
static int copy_ahead(trib_handle *handle) {
    trib_db *db = handle->db;
    trib_error err;
    handle->copies = true;
    int rc = trib_handle_touch(handle);
    if (rc == SQLITE_OK) rc = sqlite3_wal_checkpoint_v2(handle->sqlite, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc == SQLITE_OK) rc = sync_database(handle);
    handle->copies = false;
    if (rc == SQLITE_OK) return rc;
    trib_file_error("checkpoint", db->paths.db, rc, &err);
    log_failure(db, &err);
    return rc;
}

/* From here on nobody is inside the pin, so it holds up nobody who closes the database's connections; as one that was
 * given back it is freed by them. */
static void keep_pin_locked(trib_db *db, trib_handle *pin) {
    pin->given = true;
    pin->inside = false;
    db->inside_count--;
    db->ckpt_pin = pin;
}

/* The pin of the first step, marked as inside; NULL: there is none, or it belongs to who closes the connections. */
static trib_handle *take_pin_locked(trib_db *db) {
    trib_handle *pin = db->state == TRIB_DB_READY ? db->ckpt_pin : NULL;
    if (!pin) return NULL;
    db->ckpt_pin = NULL;
    pin->given = false;
    pin->inside = true;
    db->inside_count++;
    return pin;
}

/* The first step; gives the turn on and `handle` back. false: nothing was done, for want of a pin. */
static bool go_ahead(trib_db *db, trib_handle *handle) {
    trib_handle *pin = pin_snapshot(db);
    if (!pin) return false;
    trib_db_lock(db);
    trib_turn_release_locked(db);
    trib_db_unlock(db);
    bool copied = copy_ahead(handle) == SQLITE_OK;
    if (atomic_load(&db->log.sync_failed)) trib_fail_begin(db);
    trib_db_lock(db);
    copied = copied && db->state == TRIB_DB_READY;
    rest_locked(db, !copied);
    if (copied) {
        keep_pin_locked(db, pin);
        trib_ckpt_want_locked(db, true);
    }
    trib_cond_broadcast(db->store->env, db->changed);
    trib_db_unlock(db);
    if (!copied) unpin(pin);
    trib_handle_give_inside(handle);
    return true;
}

void trib_ckpt_task(trib_task *task) {
    trib_db *db = (trib_db *)(void *)((char *)task - offsetof(trib_db, ckpt_task));
    trib_handle *handle = NULL;
    trib_error err = {0};
    if (trib_handle_take_inside(db, true, &handle, &err) != TRIB_OK) {
        finish(db, NULL, true);
        return;
    }
    trib_db_lock(db);
    bool live = db->state == TRIB_DB_READY;
    if (live) {
        db->turn_owner = handle;
        handle->has_turn = true;
    }
    trib_handle *pin = take_pin_locked(db);
    trib_db_unlock(db);
    bool complete = false;
    trib_policy_set_account(NULL);
    /* A log that is twice as long is copied in one piece: whoever writes so much at once waits for it. */
    if (pin) unpin(pin);
    else if (live && is_long(db) && atomic_load(&db->log.bytes) < 2 * long_bytes(db) && go_ahead(db, handle)) return;
    if (live && trib_ckpt_run(handle, false, &complete, &err) != SQLITE_OK) log_failure(db, &err);
    /* A failed sync may have lost pages that the kernel now calls clean: only fresh descriptors and the log know
     * better. */
    if (atomic_load(&db->log.sync_failed) || db->log.in_doubt) trib_fail_begin(db);
    finish(db, handle, !complete);
}
