/* SPDX-License-Identifier: Apache-2.0 */
/* The page map: which commit changed a page last. It survives restarts, and it is how commit numbers survive them.
 *
 *   <id>.map = what is in the database file, true for one point (salts, frame) of the log
 *   delta    = the commits behind that point, in memory; at open they are read from the log again
 *
 *   header 64 bytes: magic | epoch | commit_no | salt0 salt1 | frame flags | pages 0 | checksum at 56
 *   then 8 bytes a page, least significant first: its last commit
 *
 * The file is replaced (new file, sync, rename, folder sync) after a checkpoint and before the log may begin anew; the
 * VFS refuses to begin a log that the map on disk does not continue into. A map that does not continue into the log
 * found at open is not used: a new epoch starts, since a stale map would hide changes from replicas. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "store/db_int.h"
#include "store/map_look.h"

enum { HEADER_BYTES = 64, FLAG_FULL = 1 };
static const char magic[8] = {'T', 'R', 'I', 'B', 'M', 'A', 'P', '1'};

static void put64(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get64(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--) v = v << 8 | p[i];
    return v;
}

/* FNV-1a over everything but the checksum itself: against torn or foreign files, not against an attacker. */
static uint64_t file_sum(const uint8_t *bytes, size_t n) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++) {
        if (i < 56 || i >= HEADER_BYTES) h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return h;
}

void trib_db_map_deinit(trib_db_map *map) {
    free(map->delta);
    *map = (trib_db_map){0};
}

static trib_code new_epoch(trib_db *db, trib_error *err) {
    uint64_t epoch = 0;
    if (!trib_env_random(db->store->env, &epoch, sizeof epoch))
        return trib_error_set(err, TRIB_INTERNAL, "no randomness to be had");
    db->map.epoch = epoch ? epoch : 1;
    return TRIB_OK;
}

static bool is_whole(const trib_buf *buf) {
    const uint8_t *p = (const uint8_t *)buf->ptr;
    return buf->len >= HEADER_BYTES && memcmp(p, magic, sizeof magic) == 0 &&
           get64(p + 48) == (buf->len - HEADER_BYTES) / 8 && get64(p + 56) == file_sum(p, buf->len);
}

/* Reads and checks the file; *ret_ok false: there is no usable one. */
static trib_code read_file(trib_db *db, trib_buf *buf, bool *ret_ok, trib_error *err) {
    bool found = false;
    *ret_ok = false;
    trib_buf_init(buf, TRIB_FILE_MAX_BYTES);
    trib_code code = trib_file_read(db->store->base, db->paths.map, buf, &found, err);
    if (code == TRIB_OK && found) *ret_ok = is_whole(buf);
    return code;
}

/* What the file says, without the delta. */
static void read_header(const trib_buf *buf, trib_db_map *map) {
    const uint8_t *p = (const uint8_t *)buf->ptr;
    map->epoch = get64(p + 8);
    map->file_commit_no = get64(p + 16);
    map->salt[0] = (uint32_t)get64(p + 24);
    map->salt[1] = (uint32_t)(get64(p + 24) >> 32);
    map->frame = (uint32_t)get64(p + 32);
    map->file_full = (get64(p + 40) & FLAG_FULL) != 0;
}

/* Does the map at (map->salt, map->frame) continue into this log? *ret_frame: the first frame not in the map, minus
 * one. */
static bool continues(const trib_db_map *map, const trib_wal_scan_result *scan, uint32_t *ret_frame) {
    *ret_frame = 0;
    if (!scan->has_header) return map->file_full;
    if (scan->header.salt[0] == map->salt[0] && scan->header.salt[1] == map->salt[1]) {
        *ret_frame = map->frame;
        return scan->frames >= map->frame;
    }
    if (map->file_full && scan->header.salt[0] == map->salt[0] + 1) return true;
    /* The map was written for a log that was about to begin over an empty one, and the new header did not make it. */
    return map->file_full && map->frame == 0 && scan->frames == 0;
}

/* The map was written for the log that was about to follow this one, and that log's header did not make it: all of this
 * log is in the map and in the database file. */
static bool is_of_next_log(const trib_db_map *map, const trib_wal_scan_result *scan) {
    return map->file_full && map->frame == 0 && scan->has_header && scan->frames > 0 &&
           map->salt[0] == scan->header.salt[0] + 1;
}

trib_code trib_db_map_load(trib_db *db, const trib_wal_scan_result *scan, trib_error *err) {
    trib_db_map *map = &db->map;
    trib_buf buf;
    bool ok = false;
    trib_db_map_deinit(map);
    trib_code code = read_file(db, &buf, &ok, err);
    if (code == TRIB_OK && ok) {
        uint32_t frame = 0;
        read_header(&buf, map);
        map->file_valid = continues(map, scan, &frame);
        map->replay_after = frame;
    }
    trib_buf_deinit(&buf);
    if (code == TRIB_OK && ok && !map->file_valid && is_of_next_log(map, scan)) {
        /* The next commits go behind this log after all, so the map must say where they begin. */
        trib_db_lock(db);
        db->appended_no = map->file_commit_no;
        trib_db_unlock(db);
        map->file_valid = true;
        map->replay_after = scan->frames;
        return trib_db_map_write(db, scan->header.salt, scan->frames, true, err);
    }
    if (code != TRIB_OK || map->file_valid) return code;
    /* A new epoch: commits count from the beginning of the log that is there, whatever this struct held before. */
    trib_db_map_deinit(map);
    trib_db_lock(db);
    db->appended_no = 0;
    trib_db_unlock(db);
    code = new_epoch(db, err);
    if (code != TRIB_OK) return code;
    return trib_db_map_write(db, scan->header.salt, 0, scan->frames == 0, err);
}

/* ---- from outside, for trib doctor ---- */

static trib_code scan_log(sqlite3_vfs *base, const char *path, trib_wal_scan_result *ret, trib_error *err) {
    sqlite3_file *file = NULL;
    int exists = 0;
    if (base->xAccess(base, path, SQLITE_ACCESS_EXISTS, &exists) != SQLITE_OK || !exists) return TRIB_OK;
    trib_code code = trib_file_open(base, path, 0, &file, err);
    if (code == TRIB_OK) code = trib_wal_scan(file, NULL, NULL, ret, err);
    trib_file_close(file);
    return code;
}

trib_code trib_map_look_at(const char *data_dir, trib_str id, trib_map_look *ret, trib_error *err) {
    sqlite3_vfs *base = sqlite3_vfs_find("unix-excl");
    trib_wal_scan_result scan = {0};
    trib_db_map map = {0};
    trib_paths paths;
    trib_buf buf;
    bool found = false;
    uint32_t frame;
    if (!base) return trib_error_set(err, TRIB_INTERNAL, "no VFS to be had");
    trib_code code = trib_paths_make(data_dir, id, &paths, err);
    if (code != TRIB_OK) return code;
    trib_buf_init(&buf, TRIB_FILE_MAX_BYTES);
    code = trib_file_read(base, paths.map, &buf, &found, err);
    if (code == TRIB_OK && found && is_whole(&buf)) {
        read_header(&buf, &map);
        code = scan_log(base, paths.wal, &scan, err);
    }
    if (code == TRIB_OK) {
        bool good = !found || (map.epoch && (continues(&map, &scan, &frame) || is_of_next_log(&map, &scan)));
        *ret = good ? TRIB_MAP_LOOK_GOOD : map.epoch ? TRIB_MAP_LOOK_STALE : TRIB_MAP_LOOK_DAMAGED;
    }
    trib_buf_deinit(&buf);
    return code;
}

void trib_db_map_add(trib_db *db, uint64_t commit_no, const uint32_t *pages, uint32_t count, uint32_t size_after) {
    trib_db_map *map = &db->map;
    if (map->broken) return;
    if (map->delta_count + count > map->delta_cap) {
        size_t cap = map->delta_cap ? map->delta_cap * 2 : 64;
        while (cap < map->delta_count + count) cap *= 2;
        trib_map_entry *delta = realloc(map->delta, cap * sizeof *delta);
        if (!delta) {
            map->broken = true;
            return;
        }
        map->delta = delta;
        map->delta_cap = cap;
    }
    for (uint32_t i = 0; i < count; i++)
        map->delta[map->delta_count++] =
            (trib_map_entry){.page = pages[i], .size_after = size_after, .commit_no = commit_no};
}

void trib_db_map_cut(trib_db *db, uint64_t commit_no) {
    trib_db_map *map = &db->map;
    while (map->delta_count > 0 && map->delta[map->delta_count - 1].commit_no > commit_no) map->delta_count--;
}

/* The new contents: the old file's pages, then the delta over them. */
static trib_code build(trib_db *db, const uint32_t salt[2], uint32_t frame, bool full, trib_buf *ret, trib_error *err) {
    trib_db_map *map = &db->map;
    trib_buf old;
    bool have_old = false;
    trib_code code = TRIB_OK;
    trib_buf_init(&old, TRIB_FILE_MAX_BYTES);
    if (map->file_valid && !map->broken) code = read_file(db, &old, &have_old, err);
    if (code == TRIB_OK && map->file_valid && !map->broken && !have_old)
        code = trib_error_set(err, TRIB_IO, "the page map cannot be read back; look at the disk");
    size_t old_pages = have_old ? (old.len - HEADER_BYTES) / 8 : 0;
    size_t pages = map->delta_count ? map->delta[map->delta_count - 1].size_after : old_pages;
    size_t bytes = HEADER_BYTES + 8 * pages;
    if (code == TRIB_OK && !trib_buf_reserve(ret, bytes)) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) {
        uint8_t *p = (uint8_t *)ret->ptr;
        memset(p, 0, bytes);
        ret->len = bytes;
        if (have_old) memcpy(p + HEADER_BYTES, old.ptr + HEADER_BYTES, 8 * (old_pages < pages ? old_pages : pages));
        for (size_t i = 0; i < map->delta_count; i++) {
            if (map->delta[i].page >= 1 && map->delta[i].page <= pages)
                put64(p + HEADER_BYTES + 8 * (size_t)(map->delta[i].page - 1), map->delta[i].commit_no);
        }
        memcpy(p, magic, sizeof magic);
        put64(p + 8, map->epoch);
        put64(p + 16, db->appended_no);
        put64(p + 24, (uint64_t)salt[1] << 32 | salt[0]);
        put64(p + 32, frame);
        put64(p + 40, full ? FLAG_FULL : 0);
        put64(p + 48, pages);
        put64(p + 56, file_sum(p, bytes));
    }
    trib_buf_deinit(&old);
    return code;
}

trib_code trib_db_map_write(trib_db *db, const uint32_t salt[2], uint32_t frame, bool full, trib_error *err) {
    trib_store *store = db->store;
    trib_db_map *map = &db->map;
    trib_buf buf;
    trib_buf_init(&buf, TRIB_FILE_MAX_BYTES);
    trib_code code = TRIB_OK;
    if (map->broken) { /* the delta has a hole: nobody may go on counting from before */
        code = new_epoch(db, err);
        map->delta_count = 0;
    }
    if (code == TRIB_OK) code = build(db, salt, frame, full, &buf, err);
    if (code == TRIB_OK) code = trib_file_replace(store->base, store->disk, db->paths.map, trib_buf_str(&buf), err);
    if (code == TRIB_OK && !trib_db_fault(db, TRIB_FAULT_NO_FOLDER_SYNC)) {
        int e = store->disk->sync_folder(store->disk->ctx, db->paths.folder);
        if (e != 0) code = trib_error_set(err, TRIB_IO, "could not sync the folder of a database (%s)", strerror(e));
    }
    trib_buf_deinit(&buf);
    if (code != TRIB_OK) return code;
    trib_db_lock(db);
    map->salt[0] = salt[0];
    map->salt[1] = salt[1];
    map->frame = frame;
    map->file_full = full;
    map->file_valid = true;
    map->file_commit_no = db->appended_no;
    map->delta_count = 0;
    map->broken = false;
    trib_db_unlock(db);
    return TRIB_OK;
}

trib_code trib_db_map_before_log(trib_db *db, const uint32_t salt[2], trib_error *err) {
    const trib_db_map *map = &db->map;
    bool same = map->salt[0] == salt[0] && map->salt[1] == salt[1] && map->frame == 0;
    if (map->file_valid && map->file_full && map->delta_count == 0 && !map->broken &&
        (same || map->salt[0] + 1 == salt[0]))
        return TRIB_OK;
    /* The old log was emptied. That must be durable first, or the old log could come back under a map that knows only
     * the new. */
    int rc = db->sync_file->pMethods->xSync(db->sync_file, SQLITE_SYNC_NORMAL);
    if (rc != SQLITE_OK) {
        atomic_store(&db->log.sync_failed, true);
        return trib_file_error("sync", db->paths.wal, rc, err);
    }
    return trib_db_map_write(db, salt, 0, true, err);
}

/* Under db->lock: the delta's part of the answer, as a bitmap over pages. */
static void mark_delta(const trib_db_map *map, uint64_t since, uint8_t *bits, size_t pages) {
    for (size_t i = 0; i < map->delta_count; i++) {
        uint32_t page = map->delta[i].page;
        if (map->delta[i].commit_no > since && page >= 1 && page <= pages)
            bits[(page - 1) / 8] |= (uint8_t)(1U << ((page - 1) % 8));
    }
}

static trib_code changed_pages(trib_db *db, uint64_t since, trib_buf *ret, trib_db_point *ret_point, trib_error *err) {
    trib_db_map *map = &db->map;
    trib_buf file;
    bool ok = false;
    /* The file is replaced under open_lock or with the turn, and says itself how far it goes; the delta is read after
     * it, so that a map written in between only makes a page appear in both. */
    trib_code code = read_file(db, &file, &ok, err);
    size_t old = ok ? (file.len - HEADER_BYTES) / 8 : 0;
    trib_db_lock(db);
    bool stale = map->file_valid && ok && get64((const uint8_t *)file.ptr + 16) < map->file_commit_no;
    size_t pages = map->delta_count ? map->delta[map->delta_count - 1].size_after : old;
    uint8_t *bits = code == TRIB_OK ? calloc(1, pages / 8 + 1) : NULL;
    if (bits) mark_delta(map, since, bits, pages);
    *ret_point = (trib_db_point){.epoch = map->epoch, .commit_no = db->appended_no, .page_count = (uint32_t)pages};
    bool usable = map->file_valid && ok;
    trib_db_unlock(db);
    if (code == TRIB_OK && (!bits || stale))
        code = bits ? trib_error_set(err, TRIB_AGAIN, "the page map changed meanwhile")
                    : trib_error_set(err, TRIB_NOMEM, NULL);
    for (size_t i = 0; code == TRIB_OK && i < pages; i++) {
        const uint8_t *entry = (const uint8_t *)file.ptr + HEADER_BYTES + 8 * i;
        bool changed = (bits[i / 8] & (1U << (i % 8))) != 0 || (usable && i < old && get64(entry) > since);
        if (changed) {
            uint32_t page = (uint32_t)i + 1;
            trib_buf_add_bytes(ret, &page, sizeof page);
        }
    }
    if (code == TRIB_OK && ret->failed) code = trib_error_set(err, TRIB_NOMEM, NULL);
    free(bits);
    trib_buf_deinit(&file);
    return code;
}

trib_code trib_db_changed_pages(trib_db *db, uint64_t since, trib_buf *ret, trib_db_point *ret_point, trib_error *err) {
    enum { TRIES = 8 }; /* maps are written once per checkpoint: one repetition is rare, eight do not happen */
    trib_code code = TRIB_AGAIN;
    for (int i = 0; i < TRIES && code == TRIB_AGAIN; i++) code = changed_pages(db, since, ret, ret_point, err);
    return code == TRIB_AGAIN ? trib_error_set(err, TRIB_IO, "the page map changes too fast; try again") : code;
}
