/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: when, under which rules, and how the log is begun anew.
 *
 *   NONE ─ log long enough ─> WANTED ─ turn released ─> WAITING ─ all durable ─> RUNNING on a sync thread ─> NONE
 *
 * The turn belongs to the checkpoint from WAITING on, so nothing new is committed and "all durable" stays true. Copying
 * frames that are not durable into the database file would make them durable behind the gate's back. After a complete
 * copy the page map is written, then new reads are held back for at most TRIB_RESET_HOLD_MS: when no reader is left in
 * the log, the next writer begins it anew, in place. */
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

void trib_ckpt_want_locked(trib_db *db, bool force) {
    uint32_t limit =
        db->store->config.checkpoint_log_bytes ? db->store->config.checkpoint_log_bytes : TRIB_CHECKPOINT_LOG_BYTES;
    if (db->ckpt != TRIB_CKPT_NONE || db->state != TRIB_DB_READY || !atomic_load(&db->exists)) return;
    if (!force && (atomic_load(&db->log.bytes) < limit || trib_env_mono_ns(db->store->env) < db->ckpt_retry_ns)) return;
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

static void finish(trib_db *db, trib_handle *handle, bool again) {
    trib_db_lock(db);
    db->ckpt = TRIB_CKPT_NONE;
    if (again) db->ckpt_retry_ns = trib_env_mono_ns(db->store->env) + (int64_t)RETRY_MS * 1000000;
    if (db->state == TRIB_DB_READY) trib_turn_release_locked(db);
    else if (handle) handle->has_turn = false;
    trib_fail_check_locked(db);
    trib_cond_broadcast(db->store->env, db->changed);
    trib_db_unlock(db);
    if (handle) trib_handle_give_inside(handle);
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
    trib_db_unlock(db);
    bool complete = false;
    trib_policy_set_account(NULL);
    if (live && trib_ckpt_run(handle, false, &complete, &err) != SQLITE_OK)
        trib_log_event(db->store->log, TRIB_LOG_WARN, "checkpoint_failed", TRIB_LOG_C("database", db->id),
                       TRIB_LOG_ERR(&err));
    /* A failed sync may have lost pages that the kernel now calls clean: only fresh descriptors and the log know
     * better. */
    if (atomic_load(&db->log.sync_failed) || db->log.in_doubt) trib_fail_begin(db);
    finish(db, handle, !complete);
}
