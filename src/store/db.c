/* SPDX-License-Identifier: Apache-2.0 */
/* One database: open with recovery, make the files at the first write, close, quarantine.
 *
 * Open, if there are files: sync -wal, unless earlier.c has (a process that was killed may have left commits that are
 * in the page cache only, and the first reader would see them) -> drop it from the page cache (it may also have left
 * pages whose sync failed: the kernel calls them clean, syncs them no more, and shows them until they are evicted) ->
 * page map -> read the log again from the map's point, which restores the commit number -> first connection, which
 * builds the wal-index. Some connection stays open from then on, so that SQLite never recovers beside other readers.
 *
 * If frames of lost commits stand behind the last good one, the log is emptied before anything else is written: a
 * transaction that is sent again would put the same bytes where its first try was torn, and what followed that one then
 * would be valid again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/attach.h"

trib_code trib_db_new(trib_store *store, trib_str id, trib_db **ret, trib_error *err) {
    trib_db *db = calloc(1, sizeof *db);
    if (!db) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = trib_paths_make(store->data_dir, id, &db->paths, err);
    if (code == TRIB_OK) {
        db->store = store;
        memcpy(db->id, id.ptr, id.len);
        db->open_lock = trib_mutex_new(store->env);
        db->lock = trib_mutex_new(store->env);
        db->changed = trib_cond_new(store->env);
        db->drained = trib_cond_new(store->env);
        db->sync_task.run = trib_log_local_sync;
        db->ckpt_task.run = trib_ckpt_task;
        db->fail_task.run = trib_fail_task;
        if (!db->open_lock || !db->lock || !db->changed || !db->drained) code = trib_error_set(err, TRIB_NOMEM, NULL);
    }
    if (code != TRIB_OK) {
        trib_db_free(db);
        return code;
    }
    *ret = db;
    return TRIB_OK;
}

void trib_db_free(trib_db *db) {
    if (!db) return;
    if (db->store) {
        trib_mutex_free(db->store->env, db->open_lock);
        trib_mutex_free(db->store->env, db->lock);
        trib_cond_free(db->store->env, db->changed);
        trib_cond_free(db->store->env, db->drained);
    }
    free(db->log.pages);
    free(db->log.marks);
    trib_db_map_deinit(&db->map);
    free(db);
}

trib_mem_account *trib_db_account(trib_db *db) {
    return &db->account;
}
trib_db_settings trib_db_settings_of(trib_db *db) {
    return (trib_db_settings){
        .system = atomic_load_explicit(&db->settings.system, memory_order_relaxed),
        .shared_log = atomic_load_explicit(&db->settings.shared_log, memory_order_relaxed),
        .discovery = atomic_load_explicit(&db->settings.discovery, memory_order_relaxed),
        .relaxed = atomic_load_explicit(&db->settings.relaxed, memory_order_relaxed),
        .max_bytes = atomic_load_explicit(&db->settings.max_bytes, memory_order_relaxed),
        .txn_steal_ms = atomic_load_explicit(&db->settings.txn_steal_ms, memory_order_relaxed),
        .statement_timeout_ms = atomic_load_explicit(&db->settings.statement_timeout_ms, memory_order_relaxed),
        .heap_bytes = atomic_load_explicit(&db->settings.heap_bytes, memory_order_relaxed),
    };
}
void trib_db_get_settings(trib_db *db, trib_db_settings *ret) {
    *ret = trib_db_settings_of(db);
}
_Atomic uint64_t *trib_db_schema_version(trib_db *db) {
    return &db->schema_version;
}

/* ---- open ---- */

typedef struct replay {
    trib_db *db;
    uint32_t after; /* frames up to here are in the map file */
    uint64_t no;
} replay;

static trib_code replay_commit(void *ctx, uint32_t first, uint32_t last, const uint32_t *pages, uint32_t size_after) {
    replay *r = ctx;
    if (last <= r->after) return TRIB_OK;
    trib_db_map_add(r->db, ++r->no, pages, last - first + 1, size_after);
    return TRIB_OK;
}

/* Sync, map, numbers. */
static trib_code read_log(trib_db *db, int64_t wal_size, bool is_durable, trib_error *err) {
    trib_db_log *log = &db->log;
    /* A log that was there a moment ago and is gone now must not be replaced by an empty one. */
    int create = wal_size > 0 ? 0 : SQLITE_OPEN_CREATE;
    trib_code code = trib_file_open(db->store->base, db->paths.wal, create, &db->sync_file, err);
    if (code == TRIB_OK && wal_size > 0 && !trib_db_fault(db, TRIB_FAULT_NO_OPEN_SYNC)) {
        int rc = is_durable ? SQLITE_OK : db->sync_file->pMethods->xSync(db->sync_file, SQLITE_SYNC_NORMAL);
        if (rc != SQLITE_OK) code = trib_file_error("sync", db->paths.wal, rc, err);
        else db->store->disk->evict(db->store->disk->ctx, db->paths.wal);
    }
    trib_wal_scan_result scan = {0};
    if (code == TRIB_OK) code = trib_wal_scan(db->sync_file, NULL, NULL, &scan, err);
    if (code == TRIB_OK) code = trib_db_map_load(db, &scan, err);
    replay r = {db, db->map.replay_after, db->map.file_commit_no};
    if (code == TRIB_OK && scan.frames > r.after) code = trib_wal_scan(db->sync_file, replay_commit, &r, &scan, err);
    if (code != TRIB_OK) return code;
    log->has_header = scan.has_header;
    log->has_tail = scan.has_tail;
    log->page_bytes = scan.header.page_bytes;
    log->salt[0] = scan.header.salt[0];
    log->salt[1] = scan.header.salt[1];
    log->committed_frames = log->appended_frames = scan.frames;
    log->pending = log->in_doubt = false;
    log->appended_end = log->durable_end = scan.end;
    log->mark_first = log->mark_last = 0;
    atomic_store(&log->bytes, scan.end);
    atomic_store(&log->sync_failed, false);
    db->appended_no = db->durable_no = r.no;
    db->incarnation++;
    atomic_store(&db->raised, trib_ticket(db->incarnation, r.no));
    return TRIB_OK;
}

/* Copies the log into the database and empties it. The caller is inside and alone. */
static trib_code drop_tail(trib_handle *h, trib_error *err) {
    trib_db *db = h->db;
    bool complete = false;
    trib_db_lock(db);
    bool mine = trib_turn_try_locked(h);
    trib_db_unlock(db);
    if (!mine) return trib_error_set(err, TRIB_INTERNAL, "a database that is being opened has a writer");
    int rc = trib_ckpt_run(h, true, &complete, err);
    if (rc == SQLITE_OK && complete && atomic_load(&db->log.bytes) == 0 && !atomic_load(&db->log.sync_failed)) {
        db->log.has_tail = false;
        return TRIB_OK;
    }
    return rc == SQLITE_OK ? trib_error_set(err, TRIB_IO, "the log could not be emptied; look at the disk") : err->code;
}

/* The first connection; it goes to the idle ones. */
static trib_code first_handle(trib_db *db, trib_error *err) {
    trib_handle *h = NULL;
    trib_error why = {0};
    trib_code code = trib_handle_take_inside(db, true, &h, &why);
    int rc = code == TRIB_OK ? SQLITE_OK : why.detail;
    bool agrees = true;
    if (code == TRIB_OK) {
        rc = trib_handle_touch(h);
        agrees = db->log.appended_frames == 0 || trib_vfs_commit_visible(h, db->log.salt, db->log.appended_frames);
        if (rc == SQLITE_OK && agrees && db->log.has_tail) code = drop_tail(h, &why);
        trib_handle_give_inside(h);
    }
    if (rc != SQLITE_OK) code = trib_file_error("open", db->paths.db, rc, &why);
    else if (!agrees) code = trib_error_set(&why, TRIB_INTERNAL, "the log was read in two different ways");
    if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB) {
        bool none = (rc & 0xff) == SQLITE_NOTADB;
        trib_db_quarantine(db, none ? TRIB_DAMAGE_NOT_A_DATABASE : TRIB_DAMAGE_MALFORMED, sqlite3_errstr(rc));
        code = trib_db_quarantine_error(db, &why);
    }
    if (code != TRIB_OK && err) *err = why;
    return code;
}

static void set_state(trib_db *db, trib_db_state state) {
    trib_db_lock(db);
    if (db->state != TRIB_DB_QUARANTINED) db->state = state;
    trib_db_unlock(db);
}

trib_code trib_db_open(trib_db *db, trib_error *err) {
    const trib_disk *disk = db->store->disk;
    atomic_store(&db->sealed, trib_db_owes(db));
    trib_code code = db->releasing ? TRIB_OK : trib_db_quarantine_read(db, err);
    if (code != TRIB_OK) return code;
    int64_t db_size = disk->size(disk->ctx, db->paths.db);
    int64_t wal_size = disk->size(disk->ctx, db->paths.wal);
    if (db_size == -2 || wal_size == -2)
        return trib_error_set(err, TRIB_IO,
                              "the files of a database cannot be looked at; check the data folder's rights");
    if (db_size <= 0) {
        if (wal_size > 0) { /* acknowledged commits without their database: never begin anew over them */
            trib_db_quarantine(db, TRIB_DAMAGE_FILE_MISSING, "the database file is missing, its log is there");
            return trib_db_quarantine_error(db, err);
        }
        atomic_store(&db->exists, false);
        set_state(db, TRIB_DB_READY);
        return TRIB_OK;
    }
    bool is_durable = trib_earlier_take(db->store, db->id) && wal_size >= 0; /* else the log's name is made now */
    db->folder_synced = is_durable;
    code = read_log(db, wal_size, is_durable, err);
    /* A killed process may have renamed a map without syncing it: what is believed from here on must stay. */
    if (code == TRIB_OK && !db->folder_synced && !trib_db_fault(db, TRIB_FAULT_NO_FOLDER_SYNC)) {
        int e = disk->sync_folder(disk->ctx, db->paths.folder);
        if (e != 0) code = trib_error_set(err, TRIB_IO, "could not sync the folder of a database (%s)", strerror(e));
    }
    if (code == TRIB_OK) {
        set_state(db, TRIB_DB_READY);
        code = first_handle(db, err);
    }
    if (code != TRIB_OK) {
        trib_db_close_connections(db, code);
        set_state(db, TRIB_DB_CLOSED);
        return code;
    }
    atomic_store(&db->exists, true);
    return TRIB_OK;
}

/* ---- the first write ---- */

/* An empty database of 4096-byte pages in WAL mode: https://sqlite.org/fileformat2.html#the_database_header */
static void empty_page(uint8_t page[4096]) {
    memset(page, 0, 4096);
    memcpy(page, "SQLite format 3", 16);
    page[16] = 0x10;         /* page size 4096 */
    page[18] = page[19] = 2; /* WAL */
    page[21] = 64;
    page[22] = page[23] = 32;
    page[27] = 1; /* change counter */
    page[31] = 1; /* pages */
    page[95] = 1; /* version-valid-for = change counter */
    int version = sqlite3_libversion_number();
    page[96] = (uint8_t)(version >> 24);
    page[97] = (uint8_t)(version >> 16);
    page[98] = (uint8_t)(version >> 8);
    page[99] = (uint8_t)version;
    page[100] = 0x0d; /* an empty table leaf: the schema */
    page[105] = 0x10; /* cell content begins at 4096 */
}

trib_code trib_store_make_folders(trib_store *store, const char *id, const trib_paths *paths, trib_error *err) {
    const trib_disk *disk = store->disk;
    if (!paths->tenant) return TRIB_OK;
    unsigned slot = 0; /* the first four hex digits of the id */
    for (int i = 0; i < 4; i++) {
        char c = id[i];
        slot = slot << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    trib_mutex_lock(store->env, store->lock);
    bool known = (store->folder_known[slot / 8] & (1U << (slot % 8))) != 0;
    trib_mutex_unlock(store->env, store->lock);
    (void)trib_earlier_take(store, id);
    if (known) return TRIB_OK;
    char path[TRIB_PATH_MAX_BYTES];
    char parent[TRIB_PATH_MAX_BYTES];
    snprintf(parent, sizeof parent, "%s", store->data_dir);
    int e = 0;
    for (int depth = 0; e == 0 && trib_paths_parent(store->data_dir, paths, depth, path, sizeof path); depth++) {
        e = disk->make_folder(disk->ctx, path);
        if (e == 0 && !(store->faults & TRIB_FAULT_NO_FOLDER_SYNC)) e = disk->sync_folder(disk->ctx, parent);
        memcpy(parent, path, sizeof parent);
    }
    if (e != 0)
        return trib_error_set(err, TRIB_IO, "could not make the folder of a database (%s); look at the disk",
                              strerror(e));
    trib_mutex_lock(store->env, store->lock);
    store->folder_known[slot / 8] |= (uint8_t)(1U << (slot % 8));
    trib_mutex_unlock(store->env, store->lock);
    return TRIB_OK;
}

static trib_code materialise_locked(trib_db *db, trib_error *err) {
    trib_store *store = db->store;
    uint8_t page[4096];
    empty_page(page);
    trib_code code = trib_store_make_folders(store, db->id, &db->paths, err);
    if (code == TRIB_OK)
        code = trib_file_replace(store->base, store->disk, db->paths.db, trib_str_make((const char *)page, sizeof page),
                                 err);
    db->folder_synced = false;
    if (code == TRIB_OK)
        code = read_log(db, 0, false, err); /* makes -wal and the map, whose folder sync covers all three entries */
    if (code == TRIB_OK && !db->folder_synced && !trib_db_fault(db, TRIB_FAULT_NO_FOLDER_SYNC)) {
        int e = store->disk->sync_folder(store->disk->ctx, db->paths.folder);
        if (e != 0) code = trib_error_set(err, TRIB_IO, "could not sync the folder of a database (%s)", strerror(e));
    }
    if (code == TRIB_OK) code = first_handle(db, err);
    if (code != TRIB_OK) {
        trib_file_close(db->sync_file);
        db->sync_file = NULL;
        return code;
    }
    atomic_store(&db->exists, true);
    return TRIB_OK;
}

trib_code trib_db_materialise(trib_db *db, trib_error *err) {
    const trib_env *env = db->store->env;
    trib_mutex_lock(env, db->open_lock);
    trib_code code = atomic_load(&db->exists) ? TRIB_OK : materialise_locked(db, err);
    trib_mutex_unlock(env, db->open_lock);
    return code;
}

/* ---- close ---- */

/* Nobody of this database is inside, but one that is attached to the handle may be about to close it too. */
static void mark_inside(trib_db *db, trib_handle *h, bool inside) {
    trib_db_lock(db);
    while (inside && h->inside) trib_cond_wait(db->store->env, db->changed, db->lock, -1);
    h->inside = inside;
    trib_cond_broadcast(db->store->env, db->changed);
    trib_db_unlock(db);
}

void trib_db_close_connections(trib_db *db, trib_code lost) {
    trib_guests_evict(db, lost, true);
    trib_db_lock(db);
    db->ckpt_pin = NULL; /* one of the handles, marked as given back: it is freed with them */
    trib_db_unlock(db);
    trib_handle **p = &db->handles;
    while (*p) {
        trib_handle *h = *p;
        mark_inside(db, h, true);
        bool idle = h->given;
        for (trib_handle *i = db->idle; i && !idle; i = i->next_idle) idle = i == h;
        trib_handle_disconnect(h);
        mark_inside(db, h, false);
        trib_db_lock(db);
        h->has_turn = false;
        h->lost = lost;
        if (idle) {
            *p = h->next;
            db->handle_count--;
            for (trib_handle **q = &db->idle; *q; q = &(*q)->next_idle) {
                if (*q == h) {
                    *q = h->next_idle;
                    db->idle_count--;
                    break;
                }
            }
        } else {
            p = &h->next;
        }
        trib_db_unlock(db);
        if (idle) trib_handle_free(h);
    }
    trib_file_close(db->sync_file);
    db->sync_file = NULL;
}

void trib_db_close(trib_db *db, trib_code lost) {
    trib_db_lock(db);
    db->state = TRIB_DB_CLOSED;
    db->turn_owner = NULL;
    db->turn_taken = false;
    db->turn_reserved = NULL;
    db->ckpt = TRIB_CKPT_NONE;
    trib_turn_flush_locked(db, lost);
    trib_db_unlock(db);
    trib_db_close_connections(db, lost);
    atomic_store(&db->exists, false);
    db->log.has_header = false;
    db->log.room = 0;
}

void trib_db_set_settings(trib_db *db, const trib_db_settings *settings) {
    trib_db_settings now = trib_db_settings_of(db);
    /* called for every job: what nothing writes, all cores can keep in their caches */
    if (db->account.limit_bytes && now.system == settings->system && now.shared_log == settings->shared_log &&
        now.discovery == settings->discovery && now.relaxed == settings->relaxed &&
        now.max_bytes == settings->max_bytes && now.txn_steal_ms == settings->txn_steal_ms &&
        now.statement_timeout_ms == settings->statement_timeout_ms && now.heap_bytes == settings->heap_bytes)
        return;
    atomic_store_explicit(&db->settings.system, settings->system, memory_order_relaxed);
    atomic_store_explicit(&db->settings.shared_log, settings->shared_log, memory_order_relaxed);
    atomic_store_explicit(&db->settings.discovery, settings->discovery, memory_order_relaxed);
    atomic_store_explicit(&db->settings.relaxed, settings->relaxed, memory_order_relaxed);
    atomic_store_explicit(&db->settings.max_bytes, settings->max_bytes, memory_order_relaxed);
    atomic_store_explicit(&db->settings.txn_steal_ms, settings->txn_steal_ms, memory_order_relaxed);
    atomic_store_explicit(&db->settings.statement_timeout_ms, settings->statement_timeout_ms, memory_order_relaxed);
    atomic_store_explicit(&db->settings.heap_bytes, settings->heap_bytes, memory_order_relaxed);
    db->account.limit_bytes = settings->heap_bytes ? settings->heap_bytes : (int64_t)64 << 20;
}

void trib_db_get_stats(trib_db *db, trib_db_stats *ret) {
    const trib_disk *disk = db->store->disk;
    int64_t size = disk->size(disk->ctx, db->paths.db);
    trib_db_lock(db);
    *ret = (trib_db_stats){
        .rows_read = atomic_load(&db->rows_read),
        .rows_written = atomic_load(&db->rows_written),
        .commit_no = db->durable_no,
        .epoch = db->map.epoch,
        .log_bytes = atomic_load(&db->log.bytes),
        .database_bytes = size > 0 ? (uint64_t)size : 0,
        .handles = db->handle_count,
        .turn_waiters = db->turn_waiters,
        .gate_waiters = db->gate_waiters,
    };
    trib_db_unlock(db);
}
