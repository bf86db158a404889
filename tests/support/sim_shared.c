/* SPDX-License-Identifier: Apache-2.0 */
/* See sim_shared.h: each call takes the lock, and is the one of the disk below. */
#include "support/sim_shared.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim_shared {
    sqlite3_vfs vfs; /* first */
    trib_disk folders;
    sim_disk *disk;
    sqlite3_vfs *below;
    char below_name[64];
    pthread_mutex_t lock;
};

typedef struct shared_file {
    sqlite3_file base;
    sim_shared *owner;
    sqlite3_file *below; /* right behind this struct */
} shared_file;

static shared_file *of(sqlite3_file *file) {
    return (shared_file *)(void *)file;
}

#define LOCKED(shared, type, call)                                                                                     \
    do {                                                                                                               \
        pthread_mutex_lock(&(shared)->lock);                                                                           \
        type ret_ = call;                                                                                              \
        pthread_mutex_unlock(&(shared)->lock);                                                                         \
        return ret_;                                                                                                   \
    } while (0)
#define FILE_CALL(file, method, ...)                                                                                   \
    LOCKED(of(file)->owner, int, of(file)->below->pMethods->method(of(file)->below, ##__VA_ARGS__))

static int f_close(sqlite3_file *f) {
    FILE_CALL(f, xClose);
}
static int f_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at) {
    FILE_CALL(f, xRead, out, n, at);
}
static int f_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 at) {
    FILE_CALL(f, xWrite, bytes, n, at);
}
static int f_truncate(sqlite3_file *f, sqlite3_int64 size) {
    FILE_CALL(f, xTruncate, size);
}
static int f_sync(sqlite3_file *f, int flags) {
    FILE_CALL(f, xSync, flags);
}
static int f_size(sqlite3_file *f, sqlite3_int64 *ret) {
    FILE_CALL(f, xFileSize, ret);
}
static int f_lock(sqlite3_file *f, int level) {
    FILE_CALL(f, xLock, level);
}
static int f_unlock(sqlite3_file *f, int level) {
    FILE_CALL(f, xUnlock, level);
}
static int f_reserved(sqlite3_file *f, int *ret) {
    FILE_CALL(f, xCheckReservedLock, ret);
}
static int f_control(sqlite3_file *f, int code, void *arg) {
    FILE_CALL(f, xFileControl, code, arg);
}
static int f_sector(sqlite3_file *f) {
    return of(f)->below->pMethods->xSectorSize(of(f)->below);
}
static int f_device(sqlite3_file *f) {
    return of(f)->below->pMethods->xDeviceCharacteristics(of(f)->below);
}
static int f_shm_map(sqlite3_file *f, int region, int bytes, int extend, void volatile **ret) {
    FILE_CALL(f, xShmMap, region, bytes, extend, ret);
}
static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags) {
    FILE_CALL(f, xShmLock, offset, n, flags);
}
static void f_shm_barrier(sqlite3_file *f) {
    pthread_mutex_lock(&of(f)->owner->lock);
    pthread_mutex_unlock(&of(f)->owner->lock);
}
static int f_shm_unmap(sqlite3_file *f, int delete_flag) {
    FILE_CALL(f, xShmUnmap, delete_flag);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = f_close,
    .xRead = f_read,
    .xWrite = f_write,
    .xTruncate = f_truncate,
    .xSync = f_sync,
    .xFileSize = f_size,
    .xLock = f_lock,
    .xUnlock = f_unlock,
    .xCheckReservedLock = f_reserved,
    .xFileControl = f_control,
    .xSectorSize = f_sector,
    .xDeviceCharacteristics = f_device,
    .xShmMap = f_shm_map,
    .xShmLock = f_shm_lock,
    .xShmBarrier = f_shm_barrier,
    .xShmUnmap = f_shm_unmap,
};

static sim_shared *of_vfs(sqlite3_vfs *vfs) {
    return (sim_shared *)(void *)vfs;
}

static int v_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags) {
    sim_shared *s = of_vfs(vfs);
    shared_file *f = of(file);
    *f = (shared_file){.owner = s, .below = (sqlite3_file *)(void *)(f + 1)};
    pthread_mutex_lock(&s->lock);
    int rc = s->below->xOpen(s->below, name, f->below, flags, ret_flags);
    pthread_mutex_unlock(&s->lock);
    if (f->below->pMethods) f->base.pMethods = &methods;
    return rc;
}
static int v_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    LOCKED(of_vfs(vfs), int, of_vfs(vfs)->below->xDelete(of_vfs(vfs)->below, name, sync));
}
static int v_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret) {
    LOCKED(of_vfs(vfs), int, of_vfs(vfs)->below->xAccess(of_vfs(vfs)->below, name, flags, ret));
}
static int v_full_path(sqlite3_vfs *vfs, const char *name, int n, char *out) {
    return of_vfs(vfs)->below->xFullPathname(of_vfs(vfs)->below, name, n, out);
}
static int v_random(sqlite3_vfs *vfs, int n, char *out) {
    LOCKED(of_vfs(vfs), int, of_vfs(vfs)->below->xRandomness(of_vfs(vfs)->below, n, out));
}
static int v_sleep(sqlite3_vfs *vfs, int us) {
    return of_vfs(vfs)->below->xSleep(of_vfs(vfs)->below, us);
}
static int v_time(sqlite3_vfs *vfs, double *ret) {
    return of_vfs(vfs)->below->xCurrentTime(of_vfs(vfs)->below, ret);
}

/* ---- folders ---- */

#define FOLDER_CALL(ctx, type, method, ...)                                                                            \
    const trib_disk *below = sim_disk_folders(((sim_shared *)(ctx))->disk);                                            \
    LOCKED((sim_shared *)(ctx), type, below->method(below->ctx, ##__VA_ARGS__))

static int d_make_folder(void *ctx, const char *path) {
    FOLDER_CALL(ctx, int, make_folder, path);
}
static int d_sync_folder(void *ctx, const char *path) {
    FOLDER_CALL(ctx, int, sync_folder, path);
}
static int d_rename(void *ctx, const char *from, const char *to) {
    FOLDER_CALL(ctx, int, rename, from, to);
}
static int d_make_file(void *ctx, const char *path) {
    FOLDER_CALL(ctx, int, make_file, path);
}
static int d_lock(void *ctx, const char *path, void **ret) {
    FOLDER_CALL(ctx, int, lock, path, ret);
}
static void d_unlock(void *ctx, void *lock) {
    (void)ctx, (void)lock;
}
static void d_evict(void *ctx, const char *path) {
    sim_shared *s = ctx;
    const trib_disk *below = sim_disk_folders(s->disk);
    pthread_mutex_lock(&s->lock);
    below->evict(below->ctx, path);
    pthread_mutex_unlock(&s->lock);
}
static int64_t d_size(void *ctx, const char *path) {
    FOLDER_CALL(ctx, int64_t, size, path);
}

/* ---- begin and end ---- */

sim_shared *sim_shared_new(const char *name, uint64_t seed) {
    sim_shared *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    snprintf(s->below_name, sizeof s->below_name, "%s-below", name);
    s->disk = sim_disk_new(s->below_name, seed);
    s->below = s->disk ? sqlite3_vfs_find(s->below_name) : NULL;
    if (!s->below) {
        free(s);
        return NULL;
    }
    pthread_mutex_init(&s->lock, NULL);
    s->vfs = (sqlite3_vfs){.iVersion = 1,
                           .szOsFile = (int)sizeof(shared_file) + s->below->szOsFile,
                           .mxPathname = s->below->mxPathname,
                           .zName = name,
                           .xOpen = v_open,
                           .xDelete = v_delete,
                           .xAccess = v_access,
                           .xFullPathname = v_full_path,
                           .xRandomness = v_random,
                           .xSleep = v_sleep,
                           .xCurrentTime = v_time};
    s->folders =
        (trib_disk){s, d_make_folder, d_sync_folder, d_rename, d_make_file, d_lock, d_unlock, d_evict, d_size, NULL};
    sqlite3_vfs_register(&s->vfs, 0);
    return s;
}

void sim_shared_free(sim_shared *s) {
    sqlite3_vfs_unregister(&s->vfs);
    sim_disk_free(s->disk);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

const trib_disk *sim_shared_folders(sim_shared *s) {
    return &s->folders;
}
sim_disk *sim_shared_disk(sim_shared *s) {
    return s->disk;
}
void sim_shared_stop(sim_shared *s) {
    pthread_mutex_lock(&s->lock);
    sim_disk_stop(s->disk);
    pthread_mutex_unlock(&s->lock);
}
bool sim_shared_is_off(sim_shared *s) {
    LOCKED(s, bool, sim_disk_is_off(s->disk));
}
void sim_shared_cut_at(sim_shared *s, uint64_t n) {
    pthread_mutex_lock(&s->lock);
    sim_disk_cut_at(s->disk, n);
    pthread_mutex_unlock(&s->lock);
}
