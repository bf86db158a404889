/* SPDX-License-Identifier: Apache-2.0 */
/* The table of databases: opened on demand, closed when idle, referenced in between.
 *
 * A trib_db stays in the table while it is opened or closed, and both happen under its open_lock: whoever asks for a
 * database that is just being closed waits for that and opens it again in the same object. Files are never open
 * twice. */
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/check.h"
#include "store/attach.h"

enum { TRIB_RELEASE_WAIT_MS = 2000 /* for those who are still inside; a statement is interrupted in less */ };

static trib_code lock_folder(trib_store *store, trib_error *err) {
    char path[TRIB_PATH_MAX_BYTES];
    const trib_disk *disk = store->disk;
    int e = disk->make_folder(disk->ctx, store->data_dir);
    if (e == 0) {
        snprintf(path, sizeof path, "%s/lock", store->data_dir);
        e = disk->lock(disk->ctx, path, &store->disk_lock);
    }
    if (e == EWOULDBLOCK)
        return trib_error_set(err, TRIB_DATA_FOLDER_LOCKED, "another process uses the data folder %s; stop it first",
                              store->data_dir);
    if (e != 0)
        return trib_error_set(err, TRIB_IO,
                              "the data folder %s cannot be used: %s; make it and give us the right to write there",
                              store->data_dir, strerror(e));
    return TRIB_OK;
}

/* SQLite is set up once a process; a second store in it (tests) finds our allocator at work. */
static trib_code init_process(trib_error *err) {
    trib_error why = {0};
    trib_code code = trib_policy_init_process(&why);
    if (code == TRIB_OK) return TRIB_OK;
    trib_mem_account probe = {.limit_bytes = 1 << 20};
    trib_policy_set_account(&probe);
    void *block = sqlite3_malloc(64);
    bool ours = atomic_load(&probe.used_bytes) > 0;
    sqlite3_free(block);
    trib_policy_set_account(NULL);
    if (!ours && err) *err = why;
    return ours ? TRIB_OK : code;
}

trib_code trib_store_new(const trib_store_config *config, const trib_env *env, trib_log *log, trib_store **ret,
                         trib_error *err) {
    trib_code code = init_process(err);
    if (code != TRIB_OK) return code;
    trib_store *store = calloc(1, sizeof *store);
    if (!store) return trib_error_set(err, TRIB_NOMEM, NULL);
    store->env = env;
    store->log = log;
    store->config = *config;
    store->disk = config->disk ? config->disk : trib_disk_native();
    store->data_dir = strdup(config->data_dir);
    store->lock = trib_mutex_new(env);
    store->guest_lock = trib_mutex_new(env);
    trib_list_init(&store->unused);
    store->base = sqlite3_vfs_find(config->base_vfs ? config->base_vfs : "unix-excl");
    trib_hash_key seed;
    if (!store->data_dir || !store->lock || !store->guest_lock) code = trib_error_set(err, TRIB_NOMEM, NULL);
    else if (!store->base || !trib_env_random(env, &seed, sizeof seed))
        code = trib_error_set(err, TRIB_INTERNAL, "no VFS or no randomness to be had");
    else if (strlen(store->data_dir) > TRIB_PATH_MAX_BYTES - 128)
        code = trib_error_set(err, TRIB_IO, "the path of the data folder is too long");
    if (code == TRIB_OK) {
        trib_map_init(&store->dbs, TRIB_MAP_BORROW_KEYS, seed);
        code = lock_folder(store, err);
    }
    if (code == TRIB_OK) code = trib_vfs_new(store->base, &store->vfs, err);
    uint32_t threads = config->sync_threads ? config->sync_threads : TRIB_SYNC_THREADS_DEFAULT;
    if (code == TRIB_OK) code = trib_pool_new(env, config->inline_sync ? 0 : threads, &store->pool, err);
    if (code == TRIB_OK) code = trib_log_local_new(store, &store->driver, err);
    if (code != TRIB_OK) {
        trib_store_free(store);
        return code;
    }
    trib_earlier_begin(store);
    *ret = store;
    return TRIB_OK;
}

static void make_room(trib_store *store);

/* ---- opening ---- */

/* Under open_lock. */
static trib_code open_if_closed(trib_db *db, trib_error *err) {
    trib_db_lock(db);
    trib_db_state state = db->state;
    trib_db_unlock(db);
    if (state == TRIB_DB_QUARANTINED) return trib_db_quarantine_error(db, err);
    return state == TRIB_DB_CLOSED ? trib_db_open(db, err) : TRIB_OK;
}

static void unref_locked(trib_db *db) {
    if (--db->refs > 0) return;
    db->last_used_ns = trib_env_mono_ns(db->store->env);
    trib_list_push_back(&db->store->unused, &db->unused_link);
}

/* Finds or adds, with a reference. */
static trib_code find(trib_store *store, trib_str id, trib_db **ret, bool *ret_added, trib_error *err) {
    trib_code code = TRIB_OK;
    trib_mutex_lock(store->env, store->lock);
    trib_db *db = store->stopping ? NULL : trib_map_get(&store->dbs, id);
    if (store->stopping) {
        code = trib_error_set(err, TRIB_SHUTTING_DOWN, NULL);
    } else if (!db) {
        code = trib_db_new(store, id, &db, err);
        if (code == TRIB_OK) trib_list_init(&db->unused_link);
        if (code == TRIB_OK) code = trib_map_set(&store->dbs, trib_str_c(db->id), db, NULL);
        if (code != TRIB_OK && db) {
            trib_db_free(db);
            trib_error_set(err, code, NULL);
        }
    }
    if (code == TRIB_OK) {
        *ret_added = db->refs == 0 && !trib_list_is_linked(&db->unused_link);
        if (db->refs++ == 0) trib_list_remove(&db->unused_link);
        *ret = db;
    }
    trib_mutex_unlock(store->env, store->lock);
    return code;
}

trib_code trib_store_db_get(trib_store *store, trib_str id, const trib_db_settings *settings, trib_db **ret,
                            trib_error *err) {
    trib_db *db = NULL;
    bool added;
    trib_code code = find(store, id, &db, &added, err);
    if (code != TRIB_OK) return code;
    if (added) make_room(store);
    trib_mutex_lock(store->env, db->open_lock);
    if (settings) trib_db_set_settings(db, settings);
    code = open_if_closed(db, err);
    if (code == TRIB_OK && atomic_load(&db->sealed)) code = trib_db_mend(db, err);
    trib_mutex_unlock(store->env, db->open_lock);
    if (code != TRIB_OK) {
        trib_db_unref(db);
        return code;
    }
    *ret = db;
    return TRIB_OK;
}

void trib_db_ref(trib_db *db) {
    trib_store *store = db->store;
    trib_mutex_lock(store->env, store->lock);
    db->refs++;
    trib_mutex_unlock(store->env, store->lock);
}

void trib_db_unref(trib_db *db) {
    if (!db) return;
    trib_store *store = db->store;
    trib_mutex_lock(store->env, store->lock);
    unref_locked(db);
    trib_mutex_unlock(store->env, store->lock);
}

/* ---- closing ---- */

/* Nothing of it runs any more. */
static bool is_quiet(trib_db *db) {
    trib_db_lock(db);
    bool quiet = db->inside_count == 0 && !db->log.sync_in_flight && db->ckpt == TRIB_CKPT_NONE && !db->fail_posted &&
                 db->state != TRIB_DB_FAILING && (db->state != TRIB_DB_READY || db->durable_no == db->appended_no) &&
                 db->handle_count == db->idle_count;
    trib_db_unlock(db);
    return quiet;
}

/* Copies the log into the database and empties it, so that the next open has nothing to read. Under open_lock. */
static void clean_log(trib_db *db) {
    trib_handle *h = NULL;
    bool complete = false;
    if (!atomic_load(&db->exists) || atomic_load(&db->log.bytes) == 0 ||
        trib_handle_take_inside(db, true, &h, NULL) != TRIB_OK)
        return;
    trib_db_lock(db);
    bool mine = trib_turn_try_locked(h);
    trib_db_unlock(db);
    if (mine) (void)trib_ckpt_run(h, true, &complete, NULL);
    trib_handle_give_inside(h);
}

/* Closes a database that nobody uses, of which the caller has the only reference, and takes that back. Without `clean`
 * its log stays as it is: the next open reads it, as after a crash. Thread: any, no lock held. */
static void close_unused(trib_store *store, trib_db *db, bool clean) {
    trib_mutex_lock(store->env, db->open_lock);
    trib_mutex_lock(store->env, store->lock);
    bool alone = db->refs == 1; /* ours */
    trib_mutex_unlock(store->env, store->lock);
    if (alone && is_quiet(db)) {
        if (clean) clean_log(db);
        if (is_quiet(db)) trib_db_close(db, TRIB_SHUTTING_DOWN);
    }
    trib_mutex_unlock(store->env, db->open_lock);
    trib_mutex_lock(store->env, store->lock);
    unref_locked(db);
    bool gone = db->refs == 0 && db->state == TRIB_DB_CLOSED;
    if (gone) {
        (void)trib_map_take(&store->dbs, trib_str_c(db->id));
        trib_list_remove(&db->unused_link);
    }
    db->out_of_table = gone;
    gone = gone && db->held == 0; /* else the tick frees it */
    trib_mutex_unlock(store->env, store->lock);
    if (gone) trib_db_free(db);
}

/* The database that was not used for the longest time, with a reference; NULL: none since before that time. */
static trib_db *take_unused(trib_store *store, int64_t before_ns) {
    trib_db *db = NULL;
    trib_mutex_lock(store->env, store->lock);
    if (!trib_list_is_empty(&store->unused)) db = TRIB_LIST_ITEM(store->unused.next, trib_db, unused_link);
    if (db && db->last_used_ns >= before_ns) db = NULL;
    if (db) {
        trib_list_remove(&db->unused_link);
        db->refs++;
    }
    trib_mutex_unlock(store->env, store->lock);
    return db;
}

static bool is_over_budget(trib_store *store) {
    uint32_t max = store->config.max_open_dbs ? store->config.max_open_dbs : TRIB_OPEN_DBS_DEFAULT;
    trib_mutex_lock(store->env, store->lock);
    bool over = store->dbs.count > max;
    trib_mutex_unlock(store->env, store->lock);
    return over;
}

/* Whoever opens a database past the budget closes others first, at once and so without a checkpoint: however many come
 * in a second, memory and descriptors stay bounded. */
static void make_room(trib_store *store) {
    for (int i = 0; i < TRIB_DB_EVICT_MAX && is_over_budget(store); i++) {
        trib_db *db = take_unused(store, INT64_MAX);
        if (!db) return;
        close_unused(store, db, false);
    }
}

/* With time for a checkpoint, so that the next open has nothing to read. */
static void close_idle(trib_store *store) {
    int64_t now = trib_env_mono_ns(store->env);
    int64_t until = now + (int64_t)TRIB_DB_CLOSE_TICK_MS * 1000000;
    while (trib_env_mono_ns(store->env) < until) {
        trib_db *db = take_unused(store, now - (int64_t)TRIB_DB_IDLE_CLOSE_MS * 1000000);
        if (!db) return;
        close_unused(store, db, true);
    }
}

void trib_store_run_pending(trib_store *store) {
    trib_pool_run_pending(store->pool);
}

/* All databases of the table as it is now, each held; the table may change while the list is walked. Owns: *ret by
 * free. Returns how many; without memory none, the next tick comes soon. */
static size_t hold_all(trib_store *store, trib_db ***ret) {
    void *value = NULL;
    size_t cursor = 0;
    size_t count = 0;
    trib_mutex_lock(store->env, store->lock);
    trib_db **list = store->dbs.count ? malloc(store->dbs.count * sizeof(trib_db *)) : NULL;
    while (list && trib_map_next(&store->dbs, &cursor, NULL, &value)) {
        list[count] = value;
        list[count++]->held++;
    }
    trib_mutex_unlock(store->env, store->lock);
    *ret = list;
    return count;
}

/* Frees it if it left the table meanwhile. */
static void let_go(trib_store *store, trib_db *db) {
    trib_mutex_lock(store->env, store->lock);
    db->held--;
    bool gone = db->held == 0 && db->out_of_table;
    trib_mutex_unlock(store->env, store->lock);
    if (gone) trib_db_free(db);
}

void trib_store_set_settings(trib_store *store, trib_str id, const trib_db_settings *settings) {
    trib_mutex_lock(store->env, store->lock);
    trib_db *db = store->stopping ? NULL : trib_map_get(&store->dbs, id);
    if (db) db->held++;
    trib_mutex_unlock(store->env, store->lock);
    if (!db) return;
    trib_db_set_settings(db, settings);
    let_go(store, db);
}

/* With a thousand databases open, most have nothing that could be overdue: nobody waits, no handle is lent. */
static bool needs_tick(trib_db *db) {
    trib_db_lock(db);
    bool needs = db->turn_first || db->handle_first || db->handle_count > db->idle_count ||
                 db->idle_count > TRIB_HANDLES_IDLE_MAX;
    trib_ckpt_want_locked(db, false);
    trib_db_unlock(db);
    return needs;
}

void trib_store_tick(trib_store *store) {
    trib_db **list = NULL;
    size_t count = hold_all(store, &list);
    for (size_t i = 0; i < count; i++) {
        trib_db *db = list[i];
        if (needs_tick(db)) {
            trib_turn_steal_overdue(db);
            trib_turn_end_old_reads(db);
            trib_handle_expire_waiters(db);
            trib_handle_trim(db);
        }
        let_go(store, db);
    }
    free(list);
    close_idle(store);
}

/* Waits until everything of it is durable and, until the time is over, until its handles came back. */
static void settle(trib_store *store, trib_db *db, int64_t until_ns) {
    while (!is_quiet(db)) {
        bool late = trib_env_mono_ns(store->env) >= until_ns;
        if (trib_pool_inline(store->pool)) {
            trib_pool_run_pending(store->pool);
            if (!is_quiet(db)) break; /* a driver that never answers; what waits was never acknowledged */
        }
        trib_db_lock(db);
        bool busy = db->log.sync_in_flight || db->fail_posted || db->ckpt == TRIB_CKPT_RUNNING;
        if (late && !busy) trib_handle_interrupt_all(db, TRIB_SHUTTING_DOWN);
        if (!late || busy) trib_cond_wait(store->env, db->changed, db->lock, 5000000);
        trib_db_unlock(db);
        if (late && !busy) break;
    }
}

/* false: somebody is still inside a handle. */
static bool report_lent(trib_store *store, trib_db *db) {
    trib_db_lock(db);
    uint32_t lent = db->handle_count - db->idle_count;
    bool inside = db->inside_count > 0;
    trib_db_unlock(db);
    if (lent > 0)
        trib_log_event(store->log, TRIB_LOG_ERROR, "handles_not_given_back", TRIB_LOG_C("database", db->id),
                       TRIB_LOG_I("handles", lent), TRIB_LOG_I("inside", inside));
    return !inside;
}

/* Makes everything durable and empties the logs, as many as there is time for; what stays in a log is read by the next
 * open. false: see settle. */
static bool settle_all(trib_store *store) {
    size_t cursor = 0;
    void *value = NULL;
    bool free_to_go = true;
    int64_t until_ns = trib_env_mono_ns(store->env) + (int64_t)TRIB_STOP_WAIT_MS * 1000000;
    int64_t clean_until_ns = trib_env_mono_ns(store->env) + (int64_t)TRIB_STOP_CLEAN_MS * 1000000;
    trib_mutex_lock(store->env, store->lock);
    store->stopping = true; /* the table does not change any more */
    trib_mutex_unlock(store->env, store->lock);
    while (trib_map_next(&store->dbs, &cursor, NULL, &value)) {
        trib_db *db = value;
        settle(store, db, until_ns);
        if (!report_lent(store, db)) {
            free_to_go = false;
            continue;
        }
        trib_mutex_lock(store->env, db->open_lock);
        if (db->state == TRIB_DB_READY && trib_env_mono_ns(store->env) < clean_until_ns) clean_log(db);
        trib_mutex_unlock(store->env, db->open_lock);
        settle(store, db, until_ns);
    }
    return free_to_go;
}

void trib_store_free(trib_store *store) {
    if (!store) return;
    size_t cursor = 0;
    void *value = NULL;
    if (store->pool && store->lock && !settle_all(store)) return;
    trib_pool_free(store->pool);
    while (trib_map_next(&store->dbs, &cursor, NULL, &value)) {
        trib_db *db = value;
        trib_db_close(db, TRIB_SHUTTING_DOWN);
        while (db->handles) { /* nobody gave them back */
            trib_handle *h = db->handles;
            db->handles = h->next;
            trib_handle_free(h);
        }
    }
    /* only then: what one has attached to its connections is another one of them */
    for (cursor = 0; trib_map_next(&store->dbs, &cursor, NULL, &value);) trib_db_free(value);
    trib_map_deinit(&store->dbs);
    if (store->driver) store->driver->free(store->driver);
    trib_vfs_free(store->vfs);
    if (store->disk_lock) store->disk->unlock(store->disk->ctx, store->disk_lock);
    trib_mutex_free(store->env, store->lock);
    trib_mutex_free(store->env, store->guest_lock);
    free(store->data_dir);
    free(store);
}

/* The file, and what a crash may have left of its replacement. */
static trib_code delete_file(trib_store *store, const char *path, trib_error *err) {
    char tmp[TRIB_PATH_MAX_BYTES + 8], journal[TRIB_PATH_MAX_BYTES + 16];
    snprintf(tmp, sizeof tmp, "%s.tmp", path);
    snprintf(journal, sizeof journal, "%s-journal", tmp); /* of one that SQL text was to make (db_writer.h) */
    const char *const paths[] = {journal, tmp, path};
    for (size_t i = 0; i < 3; i++) {
        int rc = store->base->xDelete(store->base, paths[i], 1);
        if (rc != SQLITE_OK && rc != SQLITE_IOERR_DELETE_NOENT) return trib_file_error("delete", paths[i], rc, err);
    }
    return TRIB_OK;
}

trib_code trib_store_db_delete(trib_store *store, trib_str id, trib_error *err) {
    trib_db *db = NULL;
    bool added;
    trib_code code = find(store, id, &db, &added, err);
    if (code != TRIB_OK) return code;
    trib_mutex_lock(store->env, db->open_lock);
    trib_guests_evict(db, TRIB_TENANT_NOT_FOUND, false);
    trib_mutex_lock(store->env, store->lock);
    bool alone = db->refs == 1;
    trib_mutex_unlock(store->env, store->lock);
    if (!alone || !is_quiet(db)) {
        code = trib_error_set(err, TRIB_TRANSACTION_BUSY, "the database is in use; close its sessions first");
    } else {
        trib_db_close(db, TRIB_SHUTTING_DOWN);
        /* The log goes last but one: a database file without its log would open as an older state. */
        const char *paths[] = {db->paths.db, db->paths.wal, db->paths.map, db->paths.gen, db->paths.quarantine};
        for (size_t i = 0; i < sizeof paths / sizeof *paths && code == TRIB_OK; i++)
            code = delete_file(store, paths[i], err);
        trib_db_lock(db); /* whoever makes it again begins at nothing; nobody can hold a ticket of before */
        trib_db_map_deinit(&db->map);
        db->generation = 0;
        db->appended_no = db->durable_no = 0;
        atomic_store(&db->raised, trib_ticket(db->incarnation, 0));
        trib_db_unlock(db);
    }
    trib_mutex_unlock(store->env, db->open_lock);
    trib_db_unref(db);
    return code;
}

/* ---- back into service ---- */

/* Nobody is inside and nothing of it runs; handles that sessions keep will lose their connections. */
static bool wait_until_left(trib_store *store, trib_db *db) {
    int64_t until_ns = trib_env_mono_ns(store->env) + (int64_t)TRIB_RELEASE_WAIT_MS * 1000000;
    for (;;) {
        trib_db_lock(db);
        bool left = db->inside_count == 0 && !db->log.sync_in_flight && !db->fail_posted &&
                    db->ckpt != TRIB_CKPT_RUNNING && db->state != TRIB_DB_FAILING;
        bool late = trib_env_mono_ns(store->env) >= until_ns;
        if (!left && !late) trib_cond_wait(store->env, db->changed, db->lock, 5000000);
        trib_db_unlock(db);
        if (left || late) return left;
    }
}

/* Opened already; all of it is read before anybody else gets in. */
static trib_code check_whole(trib_db *db, trib_error *err) {
    trib_session_vars vars = {0};
    trib_db_check check = {0};
    trib_handle *h = NULL;
    trib_code code = trib_handle_take(db, &h, err);
    if (code != TRIB_OK) return code;
    code = trib_handle_enter(h, TRIB_ACCESS_SYSTEM, &vars, err);
    if (code == TRIB_OK) {
        while (code == TRIB_OK && check.phase != TRIB_CHECK_DONE) code = trib_db_check_piece(h, &check, err);
        trib_handle_leave(h);
    }
    trib_handle_give(h);
    return code;
}

/* Under open_lock, closed. */
static trib_code open_again(trib_store *store, trib_db *db, bool unchecked, trib_error *err) {
    trib_code code = delete_file(store, db->paths.map, err); /* of another history, if the files are */
    if (code != TRIB_OK) return code;
    db->releasing = true;
    code = trib_db_open(db, err);
    db->releasing = false;
    if (code == TRIB_OK && !unchecked && atomic_load(&db->exists)) code = check_whole(db, err);
    if (code == TRIB_OK) code = delete_file(store, db->paths.quarantine, err);
    if (code == TRIB_OK) return code;
    trib_db_close(db, TRIB_DATABASE_QUARANTINED);
    return code;
}

trib_code trib_store_release(trib_store *store, trib_str id, bool unchecked, trib_error *err) {
    trib_quarantine note;
    trib_db *db = NULL;
    bool added, noted = false;
    trib_code code = trib_store_quarantine_get(store, id, &note, &noted, err);
    if (code == TRIB_OK) code = find(store, id, &db, &added, err);
    if (code != TRIB_OK) return code;
    trib_mutex_lock(store->env, db->open_lock);
    trib_db_lock(db);
    bool out = db->state == TRIB_DB_QUARANTINED;
    trib_db_unlock(db);
    if (!out && !noted) {
        code = TRIB_OK;
    } else if (!wait_until_left(store, db)) {
        code = trib_error_set(err, TRIB_TRANSACTION_BUSY,
                              "requests are still inside this database; try again in a moment");
    } else {
        trib_db_close(db, TRIB_NOT_COMMITTED);
        code = open_again(store, db, unchecked, err);
    }
    trib_mutex_unlock(store->env, db->open_lock);
    trib_db_unref(db);
    return code;
}

void trib_store_set_faults(trib_store *store, uint32_t faults) {
    store->faults = faults;
}
