/* SPDX-License-Identifier: Apache-2.0 */
/* Paths, atomic replacement and folder operations. See files.h. */
#include "store/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store.h"

/* ---- the operating system's folders ---- */

static int native_make_folder(void *ctx, const char *path) {
    (void)ctx;
    if (mkdir(path, 0700) == 0 || errno == EEXIST) return 0;
    return errno;
}

static int sync_by(int (*sync)(int fd), const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno;
    int rc = sync(fd) == 0 ? 0 : errno;
    close(fd);
    return rc;
}

static int native_sync_folder(void *ctx, const char *path) {
    (void)ctx;
    return sync_by(fsync, path);
}

/* Since Linux 5.8 it says when a page could not be written; before, the log's own checksums have to find that. */
static int native_sync_all(void *ctx, const char *path) {
    (void)ctx;
    return sync_by(syncfs, path);
}

/* SQLite's own new files would be readable for all. Only ever called for *.tmp files, which carry no POSIX locks that
 * this close could drop; -wal files take their mode from the database file. */
static int native_make_file(void *ctx, const char *path) {
    (void)ctx;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return errno;
    int rc = fchmod(fd, 0600) == 0 ? 0 : errno;
    close(fd);
    return rc;
}

static int native_rename(void *ctx, const char *from, const char *to) {
    (void)ctx;
    return rename(from, to) == 0 ? 0 : errno;
}

static int native_lock(void *ctx, const char *path, void **ret) {
    (void)ctx;
    int *fd = malloc(sizeof *fd);
    if (!fd) return ENOMEM;
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int rc = *fd < 0 ? errno : 0;
    if (rc == 0 && flock(*fd, LOCK_EX | LOCK_NB) != 0) rc = errno;
    if (rc != 0) {
        if (*fd >= 0) close(*fd);
        free(fd);
        return rc;
    }
    *ret = fd;
    return 0;
}

static void native_unlock(void *ctx, void *lock) {
    (void)ctx;
    if (!lock) return;
    close(*(int *)lock);
    free(lock);
}

static void native_evict(void *ctx, const char *path) {
    (void)ctx;
    /* Only ever called for -wal files, which carry no POSIX locks that this close could drop. */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
}

static int64_t native_size(void *ctx, const char *path) {
    (void)ctx;
    struct stat st;
    if (stat(path, &st) == 0) return (int64_t)st.st_size;
    return errno == ENOENT || errno == ENOTDIR ? -1 : -2;
}

const trib_disk *trib_disk_native(void) {
    static const trib_disk native = {
        .make_folder = native_make_folder,
        .sync_folder = native_sync_folder,
        .rename = native_rename,
        .make_file = native_make_file,
        .lock = native_lock,
        .unlock = native_unlock,
        .evict = native_evict,
        .size = native_size,
        .sync_all = native_sync_all,
    };
    return &native;
}

/* ---- paths ---- */

static bool is_hex_id(trib_str id) {
    if (id.len != TRIB_DB_ID_BYTES) return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    return true;
}

static bool is_system_name(trib_str id) {
    static const char *const names[] = {"control", "streams", "discovery"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (trib_str_eq_c(id, names[i])) return true;
    }
    return false;
}

static bool path_fits(int n) {
    return n > 0 && n < TRIB_PATH_MAX_BYTES;
}

trib_code trib_paths_make(const char *data_dir, trib_str id, trib_paths *ret, trib_error *err) {
    bool tenant = is_hex_id(id);
    if (!tenant && !is_system_name(id))
        return trib_error_set(err, TRIB_INTERNAL, "\"%.*s\" is no database id (32 hex digits or a system name)",
                              (int)(id.len < 64 ? id.len : 64), id.ptr ? id.ptr : "");
    trib_paths p = {.tenant = tenant};
    size_t size = TRIB_PATH_MAX_BYTES;
    int n = tenant ? snprintf(p.folder, size, "%s/db/%.2s/%.2s", data_dir, id.ptr, id.ptr + 2)
                   : snprintf(p.folder, size, "%s", data_dir);
    /* 64: room for the longest suffix and ".tmp" behind every path made here. */
    if (!path_fits(n) || (size_t)n + id.len + 64 > size)
        return trib_error_set(err, TRIB_IO, "the path of the data folder is too long; choose one below %d bytes",
                              TRIB_PATH_MAX_BYTES - 128);
    char *stem = p.folder;
    if (!path_fits(snprintf(p.db, size, "%s/%.*s.db", stem, TRIB_STR_ARG(id))) ||
        !path_fits(snprintf(p.wal, size, "%s/%.*s.db-wal", stem, TRIB_STR_ARG(id))) ||
        !path_fits(snprintf(p.map, size, "%s/%.*s.map", stem, TRIB_STR_ARG(id))) ||
        !path_fits(snprintf(p.gen, size, "%s/%.*s.gen", stem, TRIB_STR_ARG(id))) ||
        !path_fits(snprintf(p.quarantine, size, "%s/%.*s.quarantine", stem, TRIB_STR_ARG(id))))
        return trib_error_set(err, TRIB_IO, "the path of the data folder is too long");
    *ret = p;
    return TRIB_OK;
}

bool trib_paths_parent(const char *data_dir, const trib_paths *paths, int depth, char *ret, size_t size) {
    if (!paths->tenant || depth < 0 || depth > 2) return false;
    size_t base = strlen(data_dir) + strlen("/db");
    size_t len = base + 3 * (size_t)depth;
    if (len >= size || len > strlen(paths->folder)) return false;
    memcpy(ret, paths->folder, len);
    ret[len] = '\0';
    return true;
}

/* ---- contents ---- */

trib_code trib_file_error(const char *what, const char *path, int rc, trib_error *err) {
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    if ((rc & 0xff) == SQLITE_FULL)
        return trib_error_set(err, TRIB_DISK_FULL, "the disk is full: could not %s %s; free some space", what, name);
    if ((rc & 0xff) == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_error_set(err, TRIB_IO, "could not %s %s (%s); look at the disk and the server's log", what, name,
                   sqlite3_errstr(rc));
    if (err) err->detail = rc;
    return TRIB_IO;
}

trib_code trib_file_open(sqlite3_vfs *base, const char *path, int flags, sqlite3_file **ret, trib_error *err) {
    /* The path lies behind the file object with three NULs, as SQLite's own file names do: a VFS may look there. */
    size_t len = strlen(path);
    size_t offset = ((size_t)base->szOsFile + 7U) & ~(size_t)7U;
    char *block = calloc(1, offset + len + 4);
    if (!block) return trib_error_set(err, TRIB_NOMEM, NULL);
    memcpy(block + offset, path, len);
    sqlite3_file *file = (sqlite3_file *)(void *)block;
    int out_flags = 0;
    /* The type WAL: no locks, no inode sharing; closing it is harmless for other descriptors. */
    int rc = base->xOpen(base, block + offset, file, flags | SQLITE_OPEN_WAL | SQLITE_OPEN_READWRITE, &out_flags);
    if (rc != SQLITE_OK) {
        if (file->pMethods) file->pMethods->xClose(file);
        free(block);
        return trib_file_error("open", path, rc, err);
    }
    *ret = file;
    return TRIB_OK;
}

void trib_file_close(sqlite3_file *file) {
    if (!file) return;
    if (file->pMethods) file->pMethods->xClose(file);
    free(file);
}

trib_code trib_file_read(sqlite3_vfs *base, const char *path, trib_buf *ret, bool *ret_found, trib_error *err) {
    int exists = 0;
    int rc = base->xAccess(base, path, SQLITE_ACCESS_EXISTS, &exists);
    if (rc != SQLITE_OK) return trib_file_error("look for", path, rc, err);
    *ret_found = exists != 0;
    if (!exists) return TRIB_OK;
    sqlite3_file *file = NULL;
    trib_code code = trib_file_open(base, path, 0, &file, err);
    if (code != TRIB_OK) return code;
    sqlite3_int64 size = 0;
    rc = file->pMethods->xFileSize(file, &size);
    if (rc == SQLITE_OK && size > TRIB_FILE_MAX_BYTES) rc = SQLITE_TOOBIG;
    if (rc == SQLITE_OK) {
        trib_buf_clear(ret);
        if (!trib_buf_reserve(ret, (size_t)size)) {
            trib_file_close(file);
            return trib_error_set(err, TRIB_NOMEM, NULL);
        }
        rc = size ? file->pMethods->xRead(file, ret->ptr, (int)size, 0) : SQLITE_OK;
        ret->len = (size_t)size;
    }
    trib_file_close(file);
    return rc == SQLITE_OK ? TRIB_OK : trib_file_error("read", path, rc, err);
}

trib_code trib_file_replace(sqlite3_vfs *base, const trib_disk *disk, const char *path, trib_str bytes,
                            trib_error *err) {
    char tmp[TRIB_PATH_MAX_BYTES + 8];
    int n = snprintf(tmp, sizeof tmp, "%s.tmp", path);
    if (n < 0 || (size_t)n >= sizeof tmp) return trib_error_set(err, TRIB_INTERNAL, "a path is too long");
    int made = disk->make_file(disk->ctx, tmp);
    if (made == ENOSPC || made == EDQUOT) return trib_file_error("make", tmp, SQLITE_FULL, err);
    if (made != 0) {
        trib_error_set(err, TRIB_IO, "could not make %s (%s); look at the disk and the server's log", tmp,
                       strerror(made));
        if (err) err->detail = made;
        return TRIB_IO;
    }
    sqlite3_file *file = NULL;
    trib_code code = trib_file_open(base, tmp, 0, &file, err);
    if (code != TRIB_OK) return code;
    int rc = SQLITE_OK;
    for (size_t at = 0; rc == SQLITE_OK && at < bytes.len; at += TRIB_FILE_WRITE_MAX_BYTES) {
        size_t part = bytes.len - at < TRIB_FILE_WRITE_MAX_BYTES ? bytes.len - at : TRIB_FILE_WRITE_MAX_BYTES;
        rc = file->pMethods->xWrite(file, bytes.ptr + at, (int)part, (sqlite3_int64)at);
    }
    if (rc == SQLITE_OK) rc = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
    trib_file_close(file);
    if (rc != SQLITE_OK) return trib_file_error("write", tmp, rc, err);
    int e = disk->rename(disk->ctx, tmp, path);
    if (e == 0) return TRIB_OK;
    trib_error_set(err, TRIB_IO, "could not rename %s (%s); look at the disk and the server's log", tmp, strerror(e));
    if (err) err->detail = e;
    return TRIB_IO;
}
