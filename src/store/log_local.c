/* SPDX-License-Identifier: Apache-2.0 */
/* The log seam's store side, and the driver `local`: commits of one database run back to back, one fdatasync of its
 * -wal covers all that were appended before it began, one sync in flight per database.
 *
 *   harvest ── append ──> sync task ── durable ──> gate, on_commit, checkpoint
 *                                   └─ failed ──> fail.c cuts the log back */
#include <stdlib.h>

#include "store/db_int.h"

/* ---- from the VFS to the driver ---- */

/* Room for one more mark, made before the commit frame is written: after that there is no way back. */
bool trib_log_reserve(trib_db *db) {
    trib_db_log *log = &db->log;
    bool ok = true;
    trib_db_lock(db);
    if (log->mark_last == log->mark_cap) {
        if (log->mark_first > 0) {
            for (size_t i = log->mark_first; i < log->mark_last; i++) log->marks[i - log->mark_first] = log->marks[i];
            log->mark_last -= log->mark_first;
            log->mark_first = 0;
        } else {
            size_t cap = log->mark_cap ? log->mark_cap * 2 : 16;
            trib_log_mark *marks = realloc(log->marks, cap * sizeof *marks);
            if (marks) {
                log->marks = marks;
                log->mark_cap = cap;
            }
            ok = marks != NULL;
        }
    }
    trib_db_unlock(db);
    return ok;
}

bool trib_log_harvest(trib_handle *handle) {
    trib_db *db = handle->db;
    trib_db_log *log = &db->log;
    if (!log->pending) return true;
    if (!handle->sqlite || !trib_vfs_commit_visible(handle, log->salt, log->committed_frames)) {
        log->in_doubt = true;
        return false;
    }
    log->pending = false;
    trib_log_record record = {
        .db = db,
        .salt = {log->salt[0], log->salt[1]},
        .log_end = trib_wal_frame_offset(log->page_bytes, log->committed_frames + 1),
        .pages = log->pages,
        .page_count = log->committed_frames - log->pending_first + 1,
        .size_after = log->pending_size_after,
    };
    trib_db_lock(db);
    record.commit_no = ++db->appended_no;
    record.ticket = trib_ticket(db->incarnation, record.commit_no);
    log->appended_end = record.log_end;
    log->appended_frames = log->committed_frames;
    log->marks[log->mark_last++] = (trib_log_mark){record.commit_no, record.log_end};
    trib_db_map_add(db, record.commit_no, record.pages, record.page_count, record.size_after);
    trib_db_unlock(db);
    if (log->late_map) log->late_map = trib_db_map_write(db, log->salt, log->appended_frames, true, NULL) != TRIB_OK;
    db->store->driver->append(db->store->driver, 0, &record);
    return true;
}

/* ---- what a driver reports ---- */

void trib_log_durable(trib_db *db, uint64_t ticket) {
    uint64_t commit_no = trib_ticket_no(ticket);
    trib_store *store = db->store;
    trib_db_log *log = &db->log;
    trib_db_lock(db);
    uint64_t from = db->durable_no;
    if (db->state != TRIB_DB_READY || trib_ticket_incarnation(ticket) != db->incarnation || commit_no <= from ||
        commit_no > db->appended_no) {
        trib_db_unlock(db);
        return;
    }
    while (log->mark_first < log->mark_last && log->marks[log->mark_first].commit_no <= commit_no)
        log->durable_end = log->marks[log->mark_first++].end;
    if (log->mark_first == log->mark_last) log->mark_first = log->mark_last = 0;
    db->durable_no = commit_no;
    trib_gate_waiter *ready = trib_gate_collect_locked(db);
    trib_ckpt_want_locked(db, false);
    trib_ckpt_durable_locked(db);
    trib_db_unlock(db);
    for (uint64_t no = from + 1; store->config.on_commit && no <= commit_no; no++)
        store->config.on_commit(store->config.on_commit_ctx, db->id, no);
    trib_gate_resolve(db, ready);
}

void trib_log_failed(trib_db *db) {
    trib_fail_begin(db);
}

/* ---- the driver `local` ---- */

static void local_append(trib_log_driver *driver, uint32_t lane, const trib_log_record *record) {
    (void)driver;
    (void)lane;
    trib_db *db = record->db;
    trib_db_lock(db);
    bool posts = !db->log.sync_in_flight && db->state == TRIB_DB_READY;
    if (posts) db->log.sync_in_flight = true;
    trib_db_unlock(db);
    if (posts) trib_pool_post(db->store->pool, &db->sync_task); /* without the lock that it takes first */
}

/* Writers in the queue commit within microseconds each. A sync that waits for them, at most as long as the last one
 * took, covers them too: half as many syncs, each commit waits hardly longer. A lone writer waits for nobody. */
static void wait_for_company_locked(trib_db *db) {
    const trib_env *env = db->store->env;
    if (db->turn_waiters == 0 || trib_pool_inline(db->store->pool)) return;
    int64_t left_ns = db->log.sync_took_ns;
    if (left_ns > TRIB_SYNC_COMPANY_US * 1000LL) left_ns = TRIB_SYNC_COMPANY_US * 1000LL;
    int64_t until_ns = trib_env_mono_ns(env) + left_ns;
    db->log.sync_waits = true;
    while (left_ns > 0 && db->state == TRIB_DB_READY && (db->turn_taken || db->turn_waiters > 0)) {
        trib_cond_wait(env, db->drained, db->lock, left_ns);
        left_ns = until_ns - trib_env_mono_ns(env);
    }
    db->log.sync_waits = false;
}

void trib_log_local_sync(trib_task *task) {
    trib_db *db = (trib_db *)(void *)((char *)task - offsetof(trib_db, sync_task));
    trib_db_lock(db);
    wait_for_company_locked(db);
    uint64_t target = db->appended_no, from = db->durable_no;
    uint64_t ticket = trib_ticket(db->incarnation, target);
    bool live = db->state == TRIB_DB_READY;
    trib_db_unlock(db);
    int64_t began_ns = trib_env_mono_ns(db->store->env);
    /* SYNC_DATAONLY is an fdatasync: safe beside writes of another thread, and it does cover the file's size. */
    int rc =
        live ? db->sync_file->pMethods->xSync(db->sync_file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY) : SQLITE_OK;
    int64_t took_ns = trib_env_mono_ns(db->store->env) - began_ns;
    const trib_store_config *config = &db->store->config;
    if (live && rc == SQLITE_OK && config->on_sync)
        config->on_sync(config->on_sync_ctx, db->id, target - from, took_ns);
    if (live && rc == SQLITE_OK) trib_log_durable(db, ticket);
    trib_db_lock(db);
    db->log.sync_took_ns = took_ns;
    if (rc == SQLITE_OK && db->state == TRIB_DB_READY && db->appended_no > target) {
        trib_pool_post_again(db->store->pool, &db->sync_task);
    } else {
        db->log.sync_in_flight = false;
        trib_fail_check_locked(db);
        trib_cond_broadcast(db->store->env, db->changed);
    }
    trib_db_unlock(db);
    if (rc != SQLITE_OK) trib_log_failed(db);
}

static void local_free(trib_log_driver *driver) {
    free(driver);
}

trib_code trib_log_local_new(trib_store *store, trib_log_driver **ret, trib_error *err) {
    (void)store;
    trib_log_driver *driver = calloc(1, sizeof *driver);
    if (!driver) return trib_error_set(err, TRIB_NOMEM, NULL);
    driver->append = local_append;
    driver->free = local_free;
    *ret = driver;
    return TRIB_OK;
}
