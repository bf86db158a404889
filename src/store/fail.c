/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when a sync fails, or a commit frame was written and the commit did not happen. After a failed fdatasync
 * the kernel may have dropped the data and call the pages clean, so nothing that was not durable before may be
 * believed.
 *
 *   1 nothing more is answered, statements are interrupted; wait until nobody is inside
 *   2 close all connections and descriptors, open fresh ones
 *   3 cut -wal behind the last durable frame, write again the block that it shares with lost frames, sync
 *   4 read it back from the device and compare
 *   5 checkpoint everything, empty the log: the next one has new salts, so no lost frame can ever be valid again
 *   6 answer NOT_COMMITTED to everybody who waits
 *
 * If it cannot be finished for want of space, memory or descriptors, the answer is COMMIT_OUTCOME_UNKNOWN and the next
 * use tries again; if the disk refuses a step, the database is quarantined. */
#include <stdlib.h>

#include "store/db_int.h"

void trib_fail_check_locked(trib_db *db) {
    if (db->state != TRIB_DB_FAILING || db->fail_posted || db->inside_count > 0 || db->log.sync_in_flight ||
        db->ckpt == TRIB_CKPT_RUNNING)
        return;
    db->fail_posted = true;
    trib_pool_post(db->store->pool, &db->fail_task);
}

void trib_fail_begin(trib_db *db) {
    trib_db_lock(db);
    if (db->state == TRIB_DB_READY) {
        db->state = TRIB_DB_FAILING;
        if (db->ckpt != TRIB_CKPT_RUNNING) db->ckpt = TRIB_CKPT_NONE;
        trib_handle_interrupt_all(db, TRIB_NOT_COMMITTED);
        trib_turn_flush_locked(db, TRIB_NOT_COMMITTED);
        atomic_store(&db->hold_reads, false);
        trib_log_event(db->store->log, TRIB_LOG_ERROR, "sync_failed", TRIB_LOG_C("database", db->id));
    }
    trib_fail_check_locked(db);
    trib_db_unlock(db);
}

/* A log that is cut back to nothing loses its header first, durably: an empty file is not synced at the next open, so
 * if the process died right after a plain truncation, a power cut later could still bring the whole log back. */
static int cut_header(trib_db *db) {
    static const uint8_t none[TRIB_WAL_HEADER_BYTES];
    sqlite3_file *f = db->sync_file;
    sqlite3_int64 size = 0;
    int rc = f->pMethods->xFileSize(f, &size);
    if (rc != SQLITE_OK || size == 0) return rc;
    rc = f->pMethods->xWrite(f, none, sizeof none, 0);
    if (rc == SQLITE_OK && !trib_db_fault(db, TRIB_FAULT_NO_CUT_SYNC)) rc = f->pMethods->xSync(f, SQLITE_SYNC_NORMAL);
    return rc;
}

/* Step 3. rc is SQLite's. */
static int cut(trib_db *db, uint64_t end) {
    sqlite3_file *f = db->sync_file;
    int rc = end == 0 ? cut_header(db) : SQLITE_OK;
    if (rc == SQLITE_OK) rc = f->pMethods->xTruncate(f, (sqlite3_int64)end);
    if (rc == SQLITE_OK && end > 0) {
        uint64_t from = (end - 1) / TRIB_CUT_BLOCK_BYTES * TRIB_CUT_BLOCK_BYTES;
        size_t n = (size_t)(end - from);
        void *block = malloc(n);
        if (!block) return SQLITE_NOMEM;
        rc = f->pMethods->xRead(f, block, (int)n, (sqlite3_int64)from);
        if (rc == SQLITE_OK) rc = f->pMethods->xWrite(f, block, (int)n, (sqlite3_int64)from);
        free(block);
    }
    if (rc == SQLITE_OK && !trib_db_fault(db, TRIB_FAULT_NO_CUT_SYNC)) rc = f->pMethods->xSync(f, SQLITE_SYNC_NORMAL);
    return rc;
}

/* Step 4: the log holds exactly the durable commits. */
static trib_code verify(trib_db *db, uint64_t end, trib_error *err) {
    trib_wal_scan_result scan;
    db->store->disk->evict(db->store->disk->ctx, db->paths.wal);
    trib_code code = trib_wal_scan(db->sync_file, NULL, NULL, &scan, err);
    if (code != TRIB_OK) return code;
    if (scan.end != end ||
        (end > 0 && (scan.header.salt[0] != db->log.salt[0] || scan.header.salt[1] != db->log.salt[1])))
        return trib_error_set(err, TRIB_IO, "the log does not hold what was written to it before");
    trib_db_log *log = &db->log;
    log->has_header = scan.has_header;
    log->room = 0;
    log->page_bytes = scan.header.page_bytes;
    log->committed_frames = log->appended_frames = scan.frames;
    log->pending = log->in_doubt = false;
    atomic_store(&log->sync_failed, false);
    log->mark_first = log->mark_last = 0;
    log->appended_end = end;
    atomic_store(&log->bytes, end);
    return TRIB_OK;
}

/* Step 5, on a connection of our own. It stays as the first idle handle: something must keep the wal-index. */
static trib_code empty_log(trib_db *db, trib_error *err) {
    trib_handle *h = calloc(1, sizeof *h);
    if (!h) return trib_error_set(err, TRIB_NOMEM, NULL);
    h->db = db;
    h->env = db->store->env;
    h->own_work = true;
    h->access = TRIB_ACCESS_SYSTEM;
    trib_code code = trib_handle_connect(h, err);
    if (code == TRIB_OK) {
        bool complete = false;
        h->has_turn = true;
        int rc = trib_handle_touch(h);
        if (rc == SQLITE_OK) rc = trib_ckpt_run(h, true, &complete, err);
        h->has_turn = false;
        if (rc != SQLITE_OK || !complete) code = trib_file_error("recover", db->paths.db, rc, err);
        else if (atomic_load(&db->log.sync_failed)) code = trib_error_set(err, TRIB_IO, "a sync failed again");
    }
    h->own_work = false;
    if (code != TRIB_OK) {
        trib_handle_free(h);
        return code;
    }
    trib_db_lock(db);
    h->next = db->handles;
    db->handles = h;
    db->handle_count++;
    h->next_idle = db->idle;
    db->idle = h;
    db->idle_count++;
    trib_db_unlock(db);
    return TRIB_OK;
}

static trib_code recover(trib_db *db, trib_error *err) {
    uint64_t end = db->log.durable_end;
    trib_db_close_connections(db, TRIB_NOT_COMMITTED);
    trib_code code = trib_file_open(db->store->base, db->paths.wal, SQLITE_OPEN_CREATE, &db->sync_file, err);
    if (code != TRIB_OK) return code;
    int rc = cut(db, end);
    if (rc != SQLITE_OK) return trib_file_error("cut", db->paths.wal, rc, err);
    trib_db_lock(db);
    db->appended_no = db->durable_no;
    trib_db_map_cut(db, db->durable_no);
    trib_db_unlock(db);
    code = verify(db, end, err);
    return code == TRIB_OK ? empty_log(db, err) : code;
}

/* Lack of something that may come back, as against a disk that refuses. */
static bool may_pass(const trib_error *err) {
    return err->code == TRIB_DISK_FULL || err->code == TRIB_NOMEM || (err->detail & 0xff) == SQLITE_CANTOPEN ||
           (err->detail & 0xff) == SQLITE_NOMEM;
}

/* Everything that waits learns its fate; the incarnation makes older tickets tell the same later. */
static void finish(trib_db *db, trib_code verdict, trib_db_state state) {
    bool owes = state == TRIB_DB_READY && trib_db_owes(db);
    trib_db_lock(db);
    if (owes) atomic_store(&db->sealed, true);
    uint32_t slot = db->incarnation % TRIB_FAIL_RING;
    db->fail_durable[slot] = db->durable_no;
    db->fail_code[slot] = verdict;
    db->incarnation++;
    db->appended_no = db->durable_no;
    atomic_store(&db->raised, trib_ticket(db->incarnation, db->durable_no));
    db->turn_owner = NULL;
    db->turn_taken = false;
    db->turn_reserved = NULL;
    db->ckpt = TRIB_CKPT_NONE;
    db->state = state;
    db->fail_posted = false;
    trib_gate_waiter *list = trib_gate_collect_locked(db);
    trib_cond_broadcast(db->store->env, db->changed);
    trib_db_unlock(db);
    trib_gate_resolve(db, list);
}

static trib_code run(trib_db *db, trib_error *err) {
    trib_code code = recover(db, err);
    if (code == TRIB_OK) {
        finish(db, TRIB_NOT_COMMITTED, TRIB_DB_READY);
        return TRIB_OK;
    }
    trib_log_event(db->store->log, TRIB_LOG_ERROR, "recovery_failed", TRIB_LOG_C("database", db->id),
                   TRIB_LOG_ERR(err));
    trib_db_close_connections(db, TRIB_NOT_COMMITTED);
    if (may_pass(err)) {
        finish(db, TRIB_COMMIT_OUTCOME_UNKNOWN, TRIB_DB_BROKEN);
    } else {
        trib_db_quarantine(db, TRIB_DAMAGE_RECOVERY_FAILED, err->message);
        finish(db, TRIB_COMMIT_OUTCOME_UNKNOWN, TRIB_DB_QUARANTINED);
    }
    return code;
}

void trib_fail_task(trib_task *task) {
    trib_db *db = (trib_db *)(void *)((char *)task - offsetof(trib_db, fail_task));
    trib_error err = {0};
    (void)run(db, &err);
}

trib_code trib_fail_retry(trib_db *db, trib_error *err) {
    trib_db_lock(db);
    bool broken = db->state == TRIB_DB_BROKEN;
    if (broken) {
        db->state = TRIB_DB_FAILING; /* ours; nobody posts the task */
        db->fail_posted = true;
    }
    trib_db_unlock(db);
    if (!broken) return TRIB_OK;
    trib_error why = {0};
    trib_code code = run(db, &why);
    if (code != TRIB_OK && err) *err = why;
    return code;
}
