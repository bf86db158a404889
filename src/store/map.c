/* SPDX-License-Identifier: Apache-2.0 */
/* The page map: which frame of the log brought a page's newest contents. It survives restarts, and it is how commit
 * numbers survive them.
 *
 *   <id>.map = what is in the database file, true for one point (salts, frame) of the log
 *   delta    = the frames behind that point, in memory, one entry each; at open they are read from the log again
 *
 *   header 64 bytes: magic | epoch | commit_no | salt0 salt1 | frame flags | frame_no | pages | checksum at 56
 *   then for each 512 pages: the highest of their frame numbers | their checksum
 *   then 8 bytes a page: the number of its newest frame
 *
 * Frames are counted through all logs of an epoch, from 1; a commit is known by the number of its last one. "Changed
 * since frame n" reads the table and only those 512s that have something newer: what it costs goes with what changed.
 *
 * The file is replaced (new file, sync, rename, folder sync) after a checkpoint and before the log may begin anew; the
 * VFS refuses to begin a log that the map on disk does not continue into. A map that does not continue into the log
 * found at open is not used: a new epoch starts, since a stale map would hide changes from replicas. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "store/db_int.h"
#include "store/map_look.h"

enum { HEADER_BYTES = 64, SUMMED_BYTES = 56, CHUNK_PAGES = 512, CHUNK_ROW_BYTES = 16, FLAG_FULL = 1 };
static const char magic[8] = {'T', 'R', 'I', 'B', 'M', 'A', 'P', '2'};

static void put64(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get64(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--) v = v << 8 | p[i];
    return v;
}

/* FNV-1a by words of 8 bytes: against torn or foreign files, not against an attacker. */
static uint64_t sum_words(uint64_t h, const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i + 8 <= n; i += 8) h = (h ^ get64(bytes + i)) * UINT64_C(0x100000001b3);
    return h;
}

#define SUM_BEGIN UINT64_C(0xcbf29ce484222325)

static size_t chunk_count(size_t pages) {
    return (pages + CHUNK_PAGES - 1) / CHUNK_PAGES;
}
static size_t pages_of_chunk(size_t pages, size_t chunk) {
    size_t left = pages - chunk * CHUNK_PAGES;
    return left < CHUNK_PAGES ? left : CHUNK_PAGES;
}
static size_t entries_at(size_t pages) {
    return HEADER_BYTES + CHUNK_ROW_BYTES * chunk_count(pages);
}
static size_t file_bytes(size_t pages) {
    return entries_at(pages) + 8 * pages;
}

/* Of the header and the table behind it. */
static uint64_t head_sum(const uint8_t *bytes, size_t pages) {
    return sum_words(sum_words(SUM_BEGIN, bytes, SUMMED_BYTES), bytes + HEADER_BYTES,
                     CHUNK_ROW_BYTES * chunk_count(pages));
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
    uint64_t pages = buf->len >= HEADER_BYTES ? get64(p + 48) : 0;
    bool ok = buf->len >= HEADER_BYTES && memcmp(p, magic, sizeof magic) == 0 && pages <= UINT32_MAX &&
              buf->len == file_bytes((size_t)pages) && get64(p + SUMMED_BYTES) == head_sum(p, (size_t)pages);
    for (size_t c = 0; ok && c < chunk_count((size_t)pages); c++) {
        const uint8_t *row = p + HEADER_BYTES + CHUNK_ROW_BYTES * c;
        const uint8_t *entries = p + entries_at((size_t)pages) + 8 * c * CHUNK_PAGES;
        ok = get64(row + 8) == sum_words(SUM_BEGIN, entries, 8 * pages_of_chunk((size_t)pages, c));
    }
    return ok;
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
    map->file_full = ((get64(p + 32) >> 32) & FLAG_FULL) != 0;
    map->file_frame_no = get64(p + 40);
    map->file_pages = (uint32_t)get64(p + 48);
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

/* The table, and the sums of all. */
static void seal(uint8_t *p, size_t pages) {
    for (size_t c = 0; c < chunk_count(pages); c++) {
        const uint8_t *entries = p + entries_at(pages) + 8 * c * CHUNK_PAGES;
        uint8_t *row = p + HEADER_BYTES + CHUNK_ROW_BYTES * c;
        uint64_t most = 0;
        size_t n = pages_of_chunk(pages, c);
        for (size_t i = 0; i < n; i++) {
            uint64_t frame_no = get64(entries + 8 * i);
            if (frame_no > most) most = frame_no;
        }
        put64(row, most);
        put64(row + 8, sum_words(SUM_BEGIN, entries, 8 * n));
    }
    put64(p + SUMMED_BYTES, head_sum(p, pages));
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
    size_t old_pages = have_old ? (size_t)get64((const uint8_t *)old.ptr + 48) : 0;
    size_t pages = map->delta_count ? map->delta[map->delta_count - 1].size_after : old_pages;
    size_t bytes = file_bytes(pages);
    if (code == TRIB_OK && !trib_buf_reserve(ret, bytes)) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) {
        uint8_t *p = (uint8_t *)ret->ptr;
        uint8_t *entries = p + entries_at(pages);
        memset(p, 0, bytes);
        ret->len = bytes;
        if (have_old) memcpy(entries, old.ptr + entries_at(old_pages), 8 * (old_pages < pages ? old_pages : pages));
        for (size_t i = 0; i < map->delta_count; i++) {
            uint32_t page = map->delta[i].page;
            if (page >= 1 && page <= pages) put64(entries + 8 * (size_t)(page - 1), map->file_frame_no + i + 1);
        }
        memcpy(p, magic, sizeof magic);
        put64(p + 8, map->epoch);
        put64(p + 16, db->appended_no);
        put64(p + 24, (uint64_t)salt[1] << 32 | salt[0]);
        put64(p + 32, (uint64_t)(full ? FLAG_FULL : 0) << 32 | frame);
        put64(p + 40, map->file_frame_no + map->delta_count + map->skipped);
        put64(p + 48, pages);
        seal(p, pages);
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
        trib_db_lock(db);
        map->delta_count = 0;
        map->file_frame_no = 0;
        map->file_pages = 0;
        trib_db_unlock(db);
    }
    if (code == TRIB_OK) code = build(db, salt, frame, full, &buf, err);
    if (code == TRIB_OK) code = trib_file_replace(store->base, store->disk, db->paths.map, trib_buf_str(&buf), err);
    if (code == TRIB_OK && !trib_db_fault(db, TRIB_FAULT_NO_FOLDER_SYNC)) {
        int e = store->disk->sync_folder(store->disk->ctx, db->paths.folder);
        if (e != 0) code = trib_error_set(err, TRIB_IO, "could not sync the folder of a database (%s)", strerror(e));
        db->folder_synced = e == 0;
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
    map->file_frame_no += map->delta_count + map->skipped;
    map->skipped = 0;
    if (map->delta_count) map->file_pages = map->delta[map->delta_count - 1].size_after;
    map->delta_count = 0;
    map->broken = false;
    trib_db_unlock(db);
    return TRIB_OK;
}

/* Writes the map for what was appended so far. With the turn. */
static trib_code write_here(trib_db *db, trib_error *err) {
    const trib_db_map *map = &db->map;
    bool as_it_is = map->delta_count == 0; /* its point stays, and what it continues into */
    uint32_t salt[2] = {as_it_is ? map->salt[0] : db->log.salt[0], as_it_is ? map->salt[1] : db->log.salt[1]};
    uint32_t frame = as_it_is ? map->frame : db->log.appended_frames;
    return trib_db_map_write(db, salt, frame, as_it_is && map->file_full, err);
}

trib_code trib_db_map_renew(trib_db *db, trib_error *err) {
    trib_db_lock(db);
    db->map.broken = true; /* whoever reads it meanwhile comes again; if it cannot be written, a checkpoint does it */
    trib_db_unlock(db);
    return write_here(db, err);
}

trib_code trib_db_map_skip(trib_db *db, uint64_t frames, trib_error *err) {
    trib_db_map *map = &db->map;
    trib_db_lock(db);
    map->skipped += frames;
    trib_db_unlock(db);
    trib_code code = write_here(db, err);
    trib_db_lock(db);
    map->skipped = 0;
    trib_db_unlock(db);
    return code;
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

/* ---- which pages changed ---- */

bool trib_db_map_frame_no_locked(const trib_db *db, const uint32_t salt[2], uint32_t frame, uint64_t *ret) {
    const trib_db_map *map = &db->map;
    const trib_db_log *log = &db->log;
    bool this_log = salt[0] == log->salt[0] && salt[1] == log->salt[1];
    bool file_log = map->salt[0] == log->salt[0] && map->salt[1] == log->salt[1];
    uint32_t base = file_log ? map->frame : 0;
    if (map->broken) return false;
    if (frame == 0 || !this_log) { /* read from the database file alone, before this log began: so does the map */
        *ret = map->file_frame_no;
        return true;
    }
    if (frame < base || frame - base > map->delta_count) return false; /* not harvested yet */
    *ret = map->file_frame_no + (frame - base);
    return true;
}

typedef struct scan {
    uint64_t epoch, since, until;
    uint32_t pages;
    trib_buf *ret;
} scan;

static void add_change(const scan *s, uint32_t page, uint64_t frame_no) {
    trib_page_change change = {.frame_no = frame_no, .page = page};
    trib_buf_add_bytes(s->ret, &change, sizeof change);
}

/* What the delta says of a page; the file's frame number where it says nothing. */
static int by_page(const void *a, const void *b) {
    const trib_page_change *x = a;
    const trib_page_change *y = b;
    if (x->page != y->page) return x->page < y->page ? -1 : 1;
    return x->frame_no < y->frame_no ? -1 : x->frame_no > y->frame_no;
}

/* Ascending pages, each once, with its newest frame. */
static void tidy(trib_buf *ret, size_t first) {
    trib_page_change *all = (trib_page_change *)(void *)(ret->ptr + first);
    size_t n = (ret->len - first) / sizeof *all;
    size_t kept = 0;
    if (n == 0) return;
    qsort(all, n, sizeof *all, by_page);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && all[kept - 1].page == all[i].page) all[kept - 1] = all[i];
        else all[kept++] = all[i];
    }
    ret->len = first + kept * sizeof *all;
}

/* Under db->lock: those that changed after the file's point. */
static void add_delta(const trib_db_map *map, const scan *s) {
    uint64_t from = s->since > map->file_frame_no ? s->since - map->file_frame_no : 0;
    for (uint64_t i = from; i < map->delta_count && map->file_frame_no + i < s->until; i++) {
        uint32_t page = map->delta[i].page;
        if (page >= 1 && page <= s->pages) add_change(s, page, map->file_frame_no + i + 1);
    }
}

static trib_code read_at(const trib_db *db, sqlite3_file *file, void *to, size_t n, size_t at, trib_error *err) {
    int rc = file->pMethods->xRead(file, to, (int)n, (sqlite3_int64)at);
    return rc == SQLITE_OK ? TRIB_OK : trib_file_error("read", db->paths.map, rc, err);
}

static trib_code scan_chunk(const trib_db *db, sqlite3_file *file, size_t pages, size_t chunk, const uint8_t *row,
                            const scan *s, trib_error *err) {
    uint8_t entries[8 * CHUNK_PAGES];
    size_t n = pages_of_chunk(pages, chunk);
    trib_code code = read_at(db, file, entries, 8 * n, entries_at(pages) + 8 * chunk * CHUNK_PAGES, err);
    if (code == TRIB_OK && get64(row + 8) != sum_words(SUM_BEGIN, entries, 8 * n))
        code = trib_error_set(err, TRIB_IO, "the page map of a database is damaged; look at the disk");
    for (size_t i = 0; code == TRIB_OK && i < n; i++) {
        uint64_t frame_no = get64(entries + 8 * i);
        uint32_t page = (uint32_t)(chunk * CHUNK_PAGES + i) + 1;
        if (frame_no > s->since && page <= s->pages) add_change(s, page, frame_no);
    }
    return code;
}

/* The file's part; *ret_frame_no: how far the file goes. */
static trib_code scan_file(const trib_db *db, const scan *s, uint64_t *ret_frame_no, trib_error *err) {
    sqlite3_file *file = NULL;
    uint8_t head[HEADER_BYTES];
    uint8_t *table = NULL;
    trib_code code = trib_file_open(db->store->base, db->paths.map, 0, &file, err);
    if (code != TRIB_OK) return code;
    code = read_at(db, file, head, sizeof head, 0, err);
    size_t pages = code == TRIB_OK ? (size_t)(uint32_t)get64(head + 48) : 0;
    size_t table_bytes = CHUNK_ROW_BYTES * chunk_count(pages);
    if (code == TRIB_OK && !(table = malloc(table_bytes + 1))) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK && table_bytes > 0) code = read_at(db, file, table, table_bytes, HEADER_BYTES, err);
    if (code == TRIB_OK &&
        get64(head + SUMMED_BYTES) != sum_words(sum_words(SUM_BEGIN, head, SUMMED_BYTES), table, table_bytes))
        code = trib_error_set(err, TRIB_IO, "the page map of a database is damaged; look at the disk");
    for (size_t c = 0; code == TRIB_OK && c < chunk_count(pages); c++) {
        const uint8_t *row = table + CHUNK_ROW_BYTES * c;
        if (get64(row) > s->since) code = scan_chunk(db, file, pages, c, row, s, err);
    }
    *ret_frame_no = get64(head + 40);
    free(table);
    trib_file_close(file);
    return code;
}

/* AGAIN: the file was replaced between the two looks. The delta is read after the file, so that a map written in
 * between only makes a page appear in both. */
static trib_code changed_pages(trib_db *db, const scan *s, trib_error *err) {
    trib_db_map *map = &db->map;
    uint64_t frame_no = 0;
    size_t first = s->ret->len;
    trib_db_lock(db);
    bool valid = map->file_valid && map->file_frame_no > s->since;
    trib_db_unlock(db);
    trib_code code = valid ? scan_file(db, s, &frame_no, err) : TRIB_OK;
    if (code != TRIB_OK) return code;
    trib_db_lock(db);
    bool stale = (valid && frame_no < map->file_frame_no) || (!valid && map->file_frame_no > s->since);
    bool broken = map->broken, other = map->epoch != s->epoch;
    if (!stale) add_delta(map, s);
    trib_db_unlock(db);
    if (stale || other) s->ret->len = first;
    if (other)
        return trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                              "the page map of this database was just made anew; try again in a moment");
    if (stale) return TRIB_AGAIN;
    if (broken) return trib_error_set(err, TRIB_NOMEM, NULL);
    if (s->ret->failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    tidy(s->ret, first);
    return TRIB_OK;
}

trib_code trib_db_map_changed(trib_db *db, uint64_t since, const trib_db_point *point, trib_buf *ret, trib_error *err) {
    enum { TRIES = 8 }; /* maps are written once per checkpoint: one repetition is rare, eight do not happen */
    scan s = {.epoch = point->epoch, .since = since, .until = point->frame_no, .pages = point->page_count, .ret = ret};
    trib_code code = TRIB_AGAIN;
    for (int i = 0; i < TRIES && code == TRIB_AGAIN; i++) code = changed_pages(db, &s, err);
    return code == TRIB_AGAIN ? trib_error_set(err, TRIB_IO, "the page map changes too fast; try again") : code;
}

void trib_db_get_point(trib_db *db, trib_db_point *ret) {
    const trib_db_map *map = &db->map;
    trib_db_lock(db);
    *ret = (trib_db_point){
        .epoch = map->epoch,
        .frame_no = map->file_frame_no + map->delta_count,
        .commit_no = db->appended_no,
        .page_count = map->delta_count ? map->delta[map->delta_count - 1].size_after : map->file_pages,
    };
    trib_db_unlock(db);
}

trib_code trib_db_changed_pages(trib_db *db, uint64_t since, trib_buf *ret, trib_db_point *ret_point, trib_error *err) {
    trib_db_point point;
    trib_db_get_point(db, &point);
    trib_code code = trib_db_map_changed(db, since, &point, ret, err);
    if (code == TRIB_OK) *ret_point = point;
    return code;
}
