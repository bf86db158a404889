/* SPDX-License-Identifier: Apache-2.0 */
/* The shim VFS. See vfs.h.
 *
 *   SQLite ── sqlite3_file (ours) ── sqlite3_file (base), in one block:   | trib_vfs_file | base file ... |
 *
 * How SQLite writes a log (walFrames in its wal.c): header, if the log begins; then each frame as two writes, 24 bytes
 * and a page; frames that the same transaction already wrote are overwritten in place, and then all their headers are
 * written once more with new checksums, after the commit frame; last, the wal-index is updated, which is when readers
 * see the commit. */
#include "store/vfs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/db_int.h"

/* gcc -fanalyzer loses sight of memory that an object beyond a function owns; LeakSanitizer watches instead. */
#if defined TRIB_ANALYZE && !defined __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

struct trib_vfs {
    sqlite3_vfs vfs; /* first: SQLite hands us this pointer */
    sqlite3_vfs *base;
    char name[32];
};

/* A file control of our own: SQLite leaves opcodes above 100 to VFSs. */
enum { FCNTL_ATTACH = 0x54524942 };

/* Pages of this size go to the log together with their header: the size that databases have unless a client chose. */
enum { JOINED_PAGE_BYTES = 4096 };

/* How far ahead of its frames a log is filled with zeroes, at most; it doubles until then, so small ones stay small. */
enum { ROOM_AHEAD_MAX_BYTES = 256 * 1024, ROOM_WRITE_BYTES = 16 * 1024 };

typedef struct trib_vfs_file {
    sqlite3_file file; /* first */
    trib_vfs *vfs;
    trib_handle *handle;        /* main: set by attach */
    struct trib_vfs_file *main; /* -wal: its database's file */
    const char *name;           /* main: SQLite's, lives as long as the file */
    int open_flags;
    bool is_open;                  /* the base file is open */
    int lock_level;                /* main, while it is not open */
    volatile const uint8_t *index; /* main: first region of the wal-index */
} trib_vfs_file;

enum { FILE_BYTES = (sizeof(trib_vfs_file) + 15) / 16 * 16 };

/* In front of the name of a file that is attached: this byte, and the address of its guest in 16 hex digits. The base
 * VFS sees the rest. */
enum { GUEST_MARK = 1 };

static const char *real_name(const char *name) {
    return name && name[0] == GUEST_MARK ? name + TRIB_VFS_GUEST_MARK_BYTES : name;
}

static trib_handle *guest_of(const char *name) {
    char digits[TRIB_VFS_GUEST_MARK_BYTES] = "";
    memcpy(digits, name + 1, sizeof digits - 1);
    return (trib_handle *)(uintptr_t)strtoull(digits, NULL, 16);
}

static sqlite3_file *base_of(trib_vfs_file *f) {
    return (sqlite3_file *)(void *)((char *)f + FILE_BYTES);
}
static trib_vfs_file *file_of(sqlite3_file *file) {
    return (trib_vfs_file *)(void *)file;
}

/* ---- the main file ---- */

/* All connections of a file share what SQLite's VFS notes of it, its wal-index too, until the last of them closes. Who
 * attached it has opened it in the name of another database, which may be gone by then: so it is charged to nobody. */
static int main_open_now(trib_vfs_file *f) {
    sqlite3_file *base = base_of(f);
    int out = 0;
    memset(base, 0, (size_t)f->vfs->base->szOsFile);
    trib_mem_account *account = trib_policy_suspend_account();
    int rc = f->vfs->base->xOpen(f->vfs->base, f->name, base, f->open_flags & ~SQLITE_OPEN_CREATE, &out);
    trib_policy_set_account(account);
    if (rc != SQLITE_OK) {
        if (base->pMethods) base->pMethods->xClose(base);
        base->pMethods = NULL;
        return rc;
    }
    if (base->pMethods->iVersion < 2 || (out & SQLITE_OPEN_READONLY)) { /* no shared memory, or not ours to write */
        base->pMethods->xClose(base);
        return SQLITE_CANTOPEN;
    }
    f->is_open = true;
    return SQLITE_OK;
}

static int main_close(sqlite3_file *file) {
    trib_vfs_file *f = file_of(file);
    f->index = NULL;
    if (!f->is_open) return SQLITE_OK;
    f->is_open = false;
    return base_of(f)->pMethods->xClose(base_of(f));
}

static int main_read(sqlite3_file *file, void *out, int n, sqlite3_int64 at) {
    trib_vfs_file *f = file_of(file);
    if (f->is_open) return base_of(f)->pMethods->xRead(base_of(f), out, n, at);
    memset(out, 0, (size_t)n);
    return SQLITE_IOERR_SHORT_READ;
}

static bool may_write(const trib_vfs_file *main) {
    return main && main->is_open && main->handle && main->handle->has_turn;
}

/* Of the database file. A checkpoint that copies ahead has given the turn on; it writes only what is durable
 * already. */
static bool may_copy(const trib_vfs_file *main) {
    return may_write(main) || (main->is_open && main->handle && main->handle->copies);
}

static int main_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at) {
    trib_vfs_file *f = file_of(file);
    if (!may_copy(f)) return SQLITE_IOERR_WRITE;
    return base_of(f)->pMethods->xWrite(base_of(f), bytes, n, at);
}

static int main_truncate(sqlite3_file *file, sqlite3_int64 size) {
    trib_vfs_file *f = file_of(file);
    if (!may_copy(f)) return SQLITE_IOERR_TRUNCATE;
    return base_of(f)->pMethods->xTruncate(base_of(f), size);
}

static int main_sync(sqlite3_file *file, int flags) {
    trib_vfs_file *f = file_of(file);
    if (!f->is_open) return SQLITE_OK;
    int rc = base_of(f)->pMethods->xSync(base_of(f), flags);
    if (rc != SQLITE_OK && f->handle) atomic_store(&f->handle->db->log.sync_failed, true);
    return rc;
}

static int main_size(sqlite3_file *file, sqlite3_int64 *ret) {
    trib_vfs_file *f = file_of(file);
    if (f->is_open) return base_of(f)->pMethods->xFileSize(base_of(f), ret);
    *ret = 0;
    return SQLITE_OK;
}

static int main_lock(sqlite3_file *file, int level) {
    trib_vfs_file *f = file_of(file);
    if (!f->is_open) {
        bool exists = f->handle && (f->handle->own_work || atomic_load(&f->handle->db->exists));
        if (f->lock_level == SQLITE_LOCK_NONE && exists) {
            int rc = main_open_now(f);
            if (rc != SQLITE_OK) return rc;
        } else if (level > SQLITE_LOCK_SHARED) {
            return SQLITE_BUSY; /* its snapshot is older than the files */
        } else {
            f->lock_level = level > f->lock_level ? level : f->lock_level;
            return SQLITE_OK;
        }
    }
    return base_of(f)->pMethods->xLock(base_of(f), level);
}

static int main_unlock(sqlite3_file *file, int level) {
    trib_vfs_file *f = file_of(file);
    if (f->is_open) return base_of(f)->pMethods->xUnlock(base_of(f), level);
    f->lock_level = level < f->lock_level ? level : f->lock_level;
    return SQLITE_OK;
}

static int main_check_reserved(sqlite3_file *file, int *ret) {
    trib_vfs_file *f = file_of(file);
    *ret = 0;
    return f->is_open ? base_of(f)->pMethods->xCheckReservedLock(base_of(f), ret) : SQLITE_OK;
}

static int main_control(sqlite3_file *file, int op, void *arg) {
    trib_vfs_file *f = file_of(file);
    if (op == FCNTL_ATTACH) {
        f->handle = arg;
        return SQLITE_OK;
    }
    return f->is_open ? base_of(f)->pMethods->xFileControl(base_of(f), op, arg) : SQLITE_NOTFOUND;
}

static int main_sector_size(sqlite3_file *file) {
    trib_vfs_file *f = file_of(file);
    return f->is_open ? base_of(f)->pMethods->xSectorSize(base_of(f)) : 4096;
}

static int main_characteristics(sqlite3_file *file) {
    trib_vfs_file *f = file_of(file);
    return f->is_open ? base_of(f)->pMethods->xDeviceCharacteristics(base_of(f)) : SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int main_shm_map(sqlite3_file *file, int region, int bytes, int extend, void volatile **ret) {
    trib_vfs_file *f = file_of(file);
    if (!f->is_open) return SQLITE_IOERR_SHMMAP;
    trib_mem_account *account = trib_policy_suspend_account();
    int rc = base_of(f)->pMethods->xShmMap(base_of(f), region, bytes, extend, ret);
    trib_policy_set_account(account);
    if (rc == SQLITE_OK && region == 0) f->index = *ret;
    return rc;
}

static int main_shm_lock(sqlite3_file *file, int offset, int n, int flags) {
    trib_vfs_file *f = file_of(file);
    return f->is_open ? base_of(f)->pMethods->xShmLock(base_of(f), offset, n, flags) : SQLITE_IOERR_SHMLOCK;
}

static void main_shm_barrier(sqlite3_file *file) {
    trib_vfs_file *f = file_of(file);
    if (f->is_open) base_of(f)->pMethods->xShmBarrier(base_of(f));
}

static int main_shm_unmap(sqlite3_file *file, int delete_flag) {
    trib_vfs_file *f = file_of(file);
    f->index = NULL;
    return f->is_open ? base_of(f)->pMethods->xShmUnmap(base_of(f), delete_flag) : SQLITE_OK;
}

static const sqlite3_io_methods main_methods = {
    .iVersion = 2,
    .xClose = main_close,
    .xRead = main_read,
    .xWrite = main_write,
    .xTruncate = main_truncate,
    .xSync = main_sync,
    .xFileSize = main_size,
    .xLock = main_lock,
    .xUnlock = main_unlock,
    .xCheckReservedLock = main_check_reserved,
    .xFileControl = main_control,
    .xSectorSize = main_sector_size,
    .xDeviceCharacteristics = main_characteristics,
    .xShmMap = main_shm_map,
    .xShmLock = main_shm_lock,
    .xShmBarrier = main_shm_barrier,
    .xShmUnmap = main_shm_unmap,
};

/* ---- the log ---- */

static int wal_close(sqlite3_file *file) {
    trib_vfs_file *f = file_of(file);
    return base_of(f)->pMethods->xClose(base_of(f));
}

static int wal_read(sqlite3_file *file, void *out, int n, sqlite3_int64 at) {
    trib_vfs_file *f = file_of(file);
    return base_of(f)->pMethods->xRead(base_of(f), out, n, at);
}

/* A new log begins. The map on disk must already continue into it: if not, commit numbers would be wrong after a
 * crash. */
static int header_written(trib_db *db, const uint8_t *bytes) {
    trib_wal_header h;
    if (!trib_wal_header_parse(bytes, &h)) return SQLITE_IOERR_WRITE;
    if (db->log.pending) { /* nobody restarts a log with a commit that was not taken */
        db->log.in_doubt = true;
        return SQLITE_IOERR_WRITE;
    }
    if (!trib_db_fault(db, TRIB_FAULT_LATE_MAP) && trib_db_map_before_log(db, h.salt, NULL) != TRIB_OK)
        return SQLITE_IOERR_WRITE;
    trib_db_log *log = &db->log;
    log->has_header = true;
    log->page_bytes = h.page_bytes;
    log->committed_frames = 0;
    log->pending = false;
    log->late_map = trib_db_fault(db, TRIB_FAULT_LATE_MAP);
    trib_db_lock(db);
    log->salt[0] = h.salt[0];
    log->salt[1] = h.salt[1];
    log->appended_end = log->durable_end = 0;
    log->appended_frames = 0;
    trib_db_unlock(db);
    atomic_store(&log->bytes, TRIB_WAL_HEADER_BYTES);
    return SQLITE_OK;
}

static bool remember_page(trib_db_log *log, uint32_t position, uint32_t page) {
    if (position >= log->page_cap) {
        size_t cap = log->page_cap ? log->page_cap * 2 : 64;
        while (cap <= position) cap *= 2;
        uint32_t *pages = realloc(log->pages, cap * sizeof *pages);
        if (!pages) return false;
        log->pages = pages;
        log->page_cap = cap;
    }
    log->pages[position] = page;
    return true;
}

/* The header of a frame is about to be written. *ret_new: its page follows, it is not only a new checksum. */
static int frame_written(trib_handle *handle, const uint8_t *bytes, uint32_t frame, bool *ret_new) {
    trib_db *db = handle->db;
    trib_db_log *log = &db->log;
    uint32_t page = trib_be32(bytes);
    uint32_t size_after = trib_be32(bytes + 4);
    if (log->pending && frame >= log->pending_first && frame <= log->committed_frames)
        return SQLITE_OK; /* new checksums of the transaction whose commit was raised a moment ago */
    if (frame <= log->committed_frames) {
        log->in_doubt = true;
        return SQLITE_IOERR_WRITE;
    }
    if (log->pending && !trib_log_harvest(handle)) return SQLITE_IOERR_WRITE;
    if (!remember_page(log, frame - log->committed_frames - 1, page)) return SQLITE_IOERR_NOMEM;
    if (size_after != 0) {
        if (!trib_log_reserve(db)) return SQLITE_IOERR_NOMEM;
        log->pending_first = log->committed_frames + 1;
        log->pending_size_after = size_after;
        log->committed_frames = frame;
        log->pending = true;
        atomic_store(&db->raised, trib_ticket(db->incarnation, db->appended_no + 1));
    }
    *ret_new = true;
    return SQLITE_OK;
}

/* SQLite writes a frame in two calls, one right after the other; the system is called once for both. A header that no
 * page followed (SQLite gave up in between) is one of a frame that was never finished. */
static int put(trib_vfs_file *f, const void *bytes, int n, sqlite3_int64 at, bool page_follows) {
    trib_db_log *log = &f->main->handle->db->log;
    sqlite3_file *base = base_of(f);
    uint64_t held_at = log->held_at;
    log->held_at = 0;
    if (page_follows && log->page_bytes == JOINED_PAGE_BYTES && n == TRIB_WAL_FRAME_HEADER_BYTES) {
        memcpy(log->held, bytes, TRIB_WAL_FRAME_HEADER_BYTES);
        log->held_at = (uint64_t)at;
        return SQLITE_OK;
    }
    if (held_at == 0 || (uint64_t)at != held_at + TRIB_WAL_FRAME_HEADER_BYTES)
        return base->pMethods->xWrite(base, bytes, n, at);
    if (n != JOINED_PAGE_BYTES) {
        int rc = base->pMethods->xWrite(base, log->held, TRIB_WAL_FRAME_HEADER_BYTES, (sqlite3_int64)held_at);
        return rc == SQLITE_OK ? base->pMethods->xWrite(base, bytes, n, at) : rc;
    }
    uint8_t frame[TRIB_WAL_FRAME_HEADER_BYTES + JOINED_PAGE_BYTES];
    memcpy(frame, log->held, TRIB_WAL_FRAME_HEADER_BYTES);
    memcpy(frame + TRIB_WAL_FRAME_HEADER_BYTES, bytes, JOINED_PAGE_BYTES);
    return base->pMethods->xWrite(base, frame, sizeof frame, (sqlite3_int64)held_at);
}

/* A file that grows with every commit has its size written with every sync, a second write that the sync waits for. So
 * it grows ahead, by zeroes: a frame of zeroes has not the log's salts, readers of the log end there. That this did not
 * work does not matter; the frame's own write says what is wrong. */
static void make_room(trib_vfs_file *f, uint64_t end) {
    static const uint8_t zeroes[ROOM_WRITE_BYTES];
    trib_db_log *log = &f->main->handle->db->log;
    sqlite3_file *base = base_of(f);
    sqlite3_int64 size = 0;
    if (end <= log->room) return;
    log->room = end;
    if (base->pMethods->xFileSize(base, &size) != SQLITE_OK) return;
    if ((uint64_t)size > end) {
        log->room = (uint64_t)size;
        return;
    }
    uint64_t until = end + (end < ROOM_AHEAD_MAX_BYTES ? end : ROOM_AHEAD_MAX_BYTES);
    while (log->room < until) {
        uint64_t n = until - log->room < ROOM_WRITE_BYTES ? until - log->room : ROOM_WRITE_BYTES;
        if (base->pMethods->xWrite(base, zeroes, (int)n, (sqlite3_int64)log->room) != SQLITE_OK) return;
        log->room += n;
    }
}

static int wal_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at) {
    trib_vfs_file *f = file_of(file);
    if (!may_write(f->main)) return SQLITE_IOERR_WRITE;
    trib_handle *handle = f->main->handle;
    trib_db_log *log = &handle->db->log;
    bool page_follows = false;
    int rc = SQLITE_OK;
    if (at == 0) {
        rc = n == TRIB_WAL_HEADER_BYTES ? header_written(handle->db, bytes) : SQLITE_IOERR_WRITE;
    } else {
        uint64_t frame_bytes = log->page_bytes + TRIB_WAL_FRAME_HEADER_BYTES;
        uint64_t behind = (uint64_t)at - TRIB_WAL_HEADER_BYTES;
        if (!log->has_header || at < TRIB_WAL_HEADER_BYTES) rc = SQLITE_IOERR_WRITE;
        else if (behind % frame_bytes == 0 && n >= TRIB_WAL_FRAME_HEADER_BYTES)
            rc = frame_written(handle, bytes, (uint32_t)(behind / frame_bytes) + 1, &page_follows);
        uint64_t end = (uint64_t)at + (uint64_t)n;
        if (end > atomic_load(&log->bytes)) atomic_store(&log->bytes, end);
        if (rc == SQLITE_OK) make_room(f, end + (page_follows ? log->page_bytes : 0));
    }
    return rc == SQLITE_OK ? put(f, bytes, n, at, page_follows) : rc;
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size) {
    trib_vfs_file *f = file_of(file);
    if (!may_write(f->main) || size != 0) /* only a checkpoint that empties the log does this */
        return SQLITE_IOERR_TRUNCATE;
    trib_db *db = f->main->handle->db;
    db->log.has_header = false;
    db->log.committed_frames = 0;
    db->log.room = 0;
    trib_db_lock(db);
    db->log.appended_end = db->log.durable_end = 0;
    db->log.appended_frames = 0;
    trib_db_unlock(db);
    atomic_store(&db->log.bytes, 0);
    return base_of(f)->pMethods->xTruncate(base_of(f), size);
}

static int wal_sync(sqlite3_file *file, int flags) {
    trib_vfs_file *f = file_of(file);
    trib_db *db = f->main->handle ? f->main->handle->db : NULL;
    if (db && trib_db_fault(db, TRIB_FAULT_NO_HEADER_SYNC) && atomic_load(&db->log.bytes) == TRIB_WAL_HEADER_BYTES)
        return SQLITE_OK;
    int rc = base_of(f)->pMethods->xSync(base_of(f), flags);
    if (rc != SQLITE_OK && db) atomic_store(&db->log.sync_failed, true);
    return rc;
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *ret) {
    return base_of(file_of(file))->pMethods->xFileSize(base_of(file_of(file)), ret);
}

static int wal_lock(sqlite3_file *file, int level) {
    return base_of(file_of(file))->pMethods->xLock(base_of(file_of(file)), level);
}

static int wal_unlock(sqlite3_file *file, int level) {
    return base_of(file_of(file))->pMethods->xUnlock(base_of(file_of(file)), level);
}

static int wal_check_reserved(sqlite3_file *file, int *ret) {
    return base_of(file_of(file))->pMethods->xCheckReservedLock(base_of(file_of(file)), ret);
}

static int wal_control(sqlite3_file *file, int op, void *arg) {
    return base_of(file_of(file))->pMethods->xFileControl(base_of(file_of(file)), op, arg);
}

static int wal_sector_size(sqlite3_file *file) {
    return base_of(file_of(file))->pMethods->xSectorSize(base_of(file_of(file)));
}

static int wal_characteristics(sqlite3_file *file) {
    return base_of(file_of(file))->pMethods->xDeviceCharacteristics(base_of(file_of(file)));
}

static const sqlite3_io_methods wal_methods = {
    .iVersion = 1,
    .xClose = wal_close,
    .xRead = wal_read,
    .xWrite = wal_write,
    .xTruncate = wal_truncate,
    .xSync = wal_sync,
    .xFileSize = wal_size,
    .xLock = wal_lock,
    .xUnlock = wal_unlock,
    .xCheckReservedLock = wal_check_reserved,
    .xFileControl = wal_control,
    .xSectorSize = wal_sector_size,
    .xDeviceCharacteristics = wal_characteristics,
};

bool trib_vfs_commit_visible(trib_handle *handle, const uint32_t salt[2], uint32_t frame) {
    sqlite3_file *file = NULL;
    int rc = sqlite3_file_control(handle->sqlite, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (rc != SQLITE_OK || !file || file->pMethods != &main_methods || !file_of(file)->index) return false;
    /* https://sqlite.org/walformat.html#walidxfmt: mxFrame in native order at 16, the salts at 32 as in the log's
     * header */
    uint8_t head[48];
    for (size_t i = 0; i < sizeof head; i++) head[i] = file_of(file)->index[i];
    uint32_t last;
    memcpy(&last, head + 16, sizeof last);
    return trib_be32(head + 32) == salt[0] && trib_be32(head + 36) == salt[1] && last >= frame;
}

/* ---- the VFS ---- */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags) {
    trib_vfs *v = (trib_vfs *)(void *)vfs;
    trib_vfs_file *f = file_of(file);
    memset(f, 0, (size_t)vfs->szOsFile);
    f->vfs = v;
    if (flags & SQLITE_OPEN_MAIN_DB) {
        f->name = real_name(name);
        f->open_flags = flags;
        f->file.pMethods = &main_methods;
        if (f->name != name) {
            /* The descriptor is like the others: read-only ones take other locks, which a process has only once. */
            f->handle = guest_of(name);
            flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
        }
        if (ret_flags) *ret_flags = flags;
        return SQLITE_OK;
    }
    sqlite3_file *main = flags & SQLITE_OPEN_WAL ? sqlite3_database_file_object(name) : NULL;
    name = real_name(name);
    if (!main || main->pMethods != &main_methods) /* temporary files and the like: as if we were not there */
        return v->base->xOpen(v->base, name, file, flags, ret_flags);
    f->main = file_of(main);
    sqlite3_file *base = base_of(f);
    int rc = v->base->xOpen(v->base, name, base, flags, ret_flags);
    if (rc == SQLITE_OK) f->file.pMethods = &wal_methods;
    else if (base->pMethods) base->pMethods->xClose(base);
    return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
    trib_vfs *v = (trib_vfs *)(void *)vfs;
    /* SQLite deletes the log of a database without pages. Acknowledged commits may be in it: let the open fail
     * instead. */
    size_t len = strlen(name);
    if (len > 4 && strcmp(name + len - 4, "-wal") == 0) return SQLITE_IOERR_DELETE;
    return v->base->xDelete(v->base, real_name(name), sync_folder);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret) {
    trib_vfs *v = (trib_vfs *)(void *)vfs;
    return v->base->xAccess(v->base, real_name(name), flags, ret);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int n, char *out) {
    trib_vfs *v = (trib_vfs *)(void *)vfs;
    const char *real = real_name(name);
    int mark = (int)(real - name);
    if (n <= mark) return SQLITE_CANTOPEN;
    memcpy(out, name, (size_t)mark);
    return v->base->xFullPathname(v->base, real, n - mark, out + mark);
}

static int vfs_randomness(sqlite3_vfs *vfs, int n, char *out) {
    trib_vfs *v = (trib_vfs *)(void *)vfs;
    return v->base->xRandomness(v->base, n, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int us) {
    trib_vfs *v = (trib_vfs *)(void *)vfs;
    return v->base->xSleep(v->base, us);
}

static int vfs_time(sqlite3_vfs *vfs, double *ret) {
    trib_vfs *v = (trib_vfs *)(void *)vfs;
    return v->base->xCurrentTime(v->base, ret);
}

static int vfs_last_error(sqlite3_vfs *vfs, int n, char *out) {
    trib_vfs *v = (trib_vfs *)(void *)vfs;
    return v->base->xGetLastError ? v->base->xGetLastError(v->base, n, out) : 0;
}

static int vfs_time64(sqlite3_vfs *vfs, sqlite3_int64 *ret) {
    trib_vfs *v = (trib_vfs *)(void *)vfs;
    return v->base->xCurrentTimeInt64(v->base, ret);
}

trib_code trib_vfs_new(sqlite3_vfs *base, trib_vfs **ret, trib_error *err) {
    trib_vfs *v = calloc(1, sizeof *v);
    if (!v) return trib_error_set(err, TRIB_NOMEM, NULL);
    v->base = base;
    snprintf(v->name, sizeof v->name, "trib-%p", (void *)v);
    v->vfs = (sqlite3_vfs){
        .iVersion = base->iVersion >= 2 ? 2 : 1,
        .szOsFile = FILE_BYTES + base->szOsFile,
        .mxPathname = base->mxPathname + TRIB_VFS_GUEST_MARK_BYTES,
        .zName = v->name,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = base->iVersion >= 2 && base->xCurrentTimeInt64 ? vfs_time64 : NULL,
    };
    if (!v->vfs.xCurrentTimeInt64) v->vfs.iVersion = 1;
    if (sqlite3_vfs_register(&v->vfs, 0) != SQLITE_OK) {
        free(v);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    *ret = v;
    return TRIB_OK;
}

void trib_vfs_free(trib_vfs *vfs) {
    if (!vfs) return;
    sqlite3_vfs_unregister(&vfs->vfs);
    free(vfs);
}

const char *trib_vfs_name(const trib_vfs *vfs) {
    return vfs->name;
}

trib_code trib_vfs_guest_name(const char *path, const trib_handle *guest, char *out, size_t size, trib_error *err) {
    int n = snprintf(out, size, "%c%016" PRIxPTR "%s", GUEST_MARK, (uintptr_t)guest, path);
    if (n > 0 && (size_t)n < size) return TRIB_OK;
    return trib_error_set(err, TRIB_IO, "the path of a database is too long");
}

bool trib_vfs_attach(trib_handle *handle) {
    return sqlite3_file_control(handle->sqlite, "main", FCNTL_ATTACH, handle) == SQLITE_OK;
}
