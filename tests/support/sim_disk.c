/* SPDX-License-Identifier: Apache-2.0 */
/* See sim_disk.h. */
#include "support/sim_disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, FILES_MAX = 64, CHANGES_MAX = 256, SHM_REGIONS = 64, SHM_LOCKS = 8, NAME = 512 };

typedef struct inode {
    int links;           /* names (volatile and durable), changes and open files that point here */
    uint8_t *mem, *disk; /* same capacity */
    uint8_t *dirty;      /* a byte a sector */
    size_t cap;
    size_t mem_size, disk_size;
    size_t least_size; /* since the size was last durable: blocks behind it were freed */
    bool size_dirty;
    bool folder;
    /* shared memory and locks of the processes that have it open */
    void *shm[SHM_REGIONS];
    int shm_users;
    int shm_shared[SHM_LOCKS];
    bool shm_exclusive[SHM_LOCKS];
    int shared, reserved, exclusive; /* file locks */
} inode;

typedef struct entry {
    char name[NAME];
    inode *node;
} entry;

typedef struct names {
    entry *at[FILES_MAX];
    int count;
} names;

typedef struct change { /* name -> node; node NULL: deleted. A rename is two changes that survive together. */
    char name[NAME];
    char gone[NAME]; /* the old name of a rename */
    inode *node;
} change;

struct sim_disk {
    sqlite3_vfs vfs; /* first */
    trib_disk folders;
    uint64_t seed;
    names seen, durable;
    change *changes;
    int change_count;
    uint64_t ops, cut_at, sync_at, syncs, then_cut, fail_at;
    bool off, sync_failed, fail_sticky, fail_full, op_failed;
    int open_files;
};

typedef struct sim_file {
    sqlite3_file file; /* first */
    sim_disk *disk;
    inode *node;
    int lock;
    bool shm;
    uint16_t shm_shared, shm_exclusive;
} sim_file;

static void (*alloc_guard)(int step);

void sim_disk_set_alloc_guard(void (*guard)(int step)) {
    alloc_guard = guard;
}

static void *sure_calloc(size_t count, size_t size) {
    if (alloc_guard) alloc_guard(1);
    void *ptr = calloc(count, size);
    if (alloc_guard) alloc_guard(-1);
    return ptr;
}

static void *sure_realloc(void *old, size_t size) {
    if (alloc_guard) alloc_guard(1);
    void *ptr = realloc(old, size);
    if (alloc_guard) alloc_guard(-1);
    return ptr;
}

uint64_t sim_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* One operation passes; an answer but SQLITE_OK ends it. */
static int op(sim_disk *d, bool writes) {
    d->ops++;
    if (d->cut_at && d->ops >= d->cut_at) d->off = true;
    if (d->off) return SQLITE_IOERR;
    if (d->fail_at && (d->ops == d->fail_at || (d->fail_sticky && d->ops > d->fail_at))) {
        if (d->fail_full && !writes) return SQLITE_OK;
        d->op_failed = true;
        return d->fail_full ? SQLITE_FULL : SQLITE_IOERR;
    }
    return SQLITE_OK;
}

/* ---- nodes and names ---- */

static void unlink_node(inode *n) {
    if (!n || --n->links > 0) return;
    for (int i = 0; i < SHM_REGIONS; i++) free(n->shm[i]);
    free(n->mem);
    free(n->disk);
    free(n->dirty);
    free(n);
}

static inode *link_node(inode *n) {
    if (n) n->links++;
    return n;
}

static entry *find(names *list, const char *name) {
    for (int i = 0; i < list->count; i++) {
        if (strcmp(list->at[i]->name, name) == 0) return list->at[i];
    }
    return NULL;
}

static void set_name(names *list, const char *name, inode *node) {
    entry *e = find(list, name);
    if (e && node) {
        link_node(node);
        unlink_node(e->node);
        e->node = node;
    } else if (e) {
        unlink_node(e->node);
        *e = *list->at[--list->count];
        free(list->at[list->count]);
    } else if (node) {
        if (list->count == FILES_MAX) abort();
        e = sure_calloc(1, sizeof *e);
        snprintf(e->name, sizeof e->name, "%s", name);
        e->node = link_node(node);
        list->at[list->count++] = e;
    }
}

static void folder_of(const char *name, char *ret) {
    snprintf(ret, NAME, "%s", name);
    char *slash = strrchr(ret, '/');
    if (slash) *slash = '\0';
}

static void note_change(sim_disk *d, const char *name, const char *gone, inode *node) {
    if (d->change_count == CHANGES_MAX) abort();
    change *c = &d->changes[d->change_count++];
    snprintf(c->name, sizeof c->name, "%s", name);
    snprintf(c->gone, sizeof c->gone, "%s", gone ? gone : "");
    c->node = link_node(node);
}

static void apply_change(sim_disk *d, change *c) {
    set_name(&d->durable, c->name, c->node);
    if (c->gone[0]) set_name(&d->durable, c->gone, NULL);
}

static inode *create(sim_disk *d, const char *name, bool folder) {
    inode *n = sure_calloc(1, sizeof *n);
    n->folder = folder;
    set_name(&d->seen, name, n);
    note_change(d, name, NULL, n);
    return n;
}

static void grow(inode *n, size_t size) {
    if (size <= n->cap) return;
    size_t cap = n->cap ? n->cap : 8192;
    while (cap < size) cap *= 2;
    n->mem = sure_realloc(n->mem, cap);
    n->disk = sure_realloc(n->disk, cap);
    n->dirty = sure_realloc(n->dirty, cap / SECTOR);
    memset(n->mem + n->cap, 0, cap - n->cap);
    memset(n->disk + n->cap, 0, cap - n->cap);
    memset(n->dirty + n->cap / SECTOR, 0, (cap - n->cap) / SECTOR);
    n->cap = cap;
}

/* Sectors of [from, to) differ from the disk from now on. */
static void soil(inode *n, size_t from, size_t to) {
    for (size_t s = from / SECTOR; s * SECTOR < to; s++) n->dirty[s] = 1;
}

typedef enum keep { KEEP_ALL, KEEP_RANDOM, KEEP_NONE } keep;

/* Moves dirty sectors to the disk: all, or each by chance. */
static void flush(sim_disk *d, inode *n, keep k) {
    if (n->size_dirty && (k == KEEP_ALL || (k == KEEP_RANDOM && sim_random(&d->seed) % 2))) {
        /* Freed blocks never come back with their old bytes, even if the file has grown again since. */
        if (n->least_size < n->disk_size) memset(n->disk + n->least_size, 0, n->disk_size - n->least_size);
        n->disk_size = n->least_size = n->mem_size;
        n->size_dirty = false;
    }
    /* a chance of its own for each flush, so that nearly all and nearly none occur too */
    uint64_t chance = sim_random(&d->seed) % 101;
    for (size_t s = 0; s < n->cap / SECTOR; s++) {
        if (n->dirty[s] && (k == KEEP_ALL || (k == KEEP_RANDOM && sim_random(&d->seed) % 100 < chance))) {
            memcpy(n->disk + s * SECTOR, n->mem + s * SECTOR, SECTOR);
            n->dirty[s] = 0;
        }
    }
}

/* ---- files ---- */

static sim_file *sim_of(sqlite3_file *f) {
    return (sim_file *)(void *)f;
}

static int sim_close(sqlite3_file *file) {
    sim_file *f = sim_of(file);
    f->file.pMethods->xUnlock(file, SQLITE_LOCK_NONE);
    f->file.pMethods->xShmUnmap(file, 0);
    f->disk->open_files--;
    unlink_node(f->node);
    f->node = NULL;
    return SQLITE_OK;
}

static int sim_read(sqlite3_file *file, void *out, int n, sqlite3_int64 at) {
    sim_file *f = sim_of(file);
    if (op(f->disk, false) != SQLITE_OK) return SQLITE_IOERR_READ;
    size_t have = (size_t)at < f->node->mem_size ? f->node->mem_size - (size_t)at : 0;
    if (have >= (size_t)n) {
        memcpy(out, f->node->mem + at, (size_t)n);
        return SQLITE_OK;
    }
    if (have) memcpy(out, f->node->mem + at, have);
    memset((char *)out + have, 0, (size_t)n - have);
    return SQLITE_IOERR_SHORT_READ;
}

static int sim_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at) {
    sim_file *f = sim_of(file);
    inode *node = f->node;
    int rc = op(f->disk, true);
    size_t end = (size_t)at + (size_t)n;
    if (rc != SQLITE_OK && !(f->disk->off && f->disk->ops == f->disk->cut_at))
        return rc == SQLITE_FULL ? rc : SQLITE_IOERR_WRITE;
    if (rc != SQLITE_OK) { /* the power went while it was written: a part of it got there */
        end = (size_t)at + sim_random(&f->disk->seed) % ((uint64_t)n + 1);
        n = (int)(end - (size_t)at);
    }
    grow(node, end + SECTOR);
    memcpy(node->mem + at, bytes, (size_t)n);
    if ((size_t)at > node->mem_size) soil(node, node->mem_size, (size_t)at);
    soil(node, (size_t)at, end);
    if (end > node->mem_size) {
        node->mem_size = end;
        node->size_dirty = true;
    }
    return rc == SQLITE_OK ? SQLITE_OK : SQLITE_IOERR_WRITE;
}

static void truncate_node(inode *node, size_t size) {
    if (size < node->mem_size) {
        /* A file system frees the blocks, it does not write zeros: if the new size is lost, the old bytes are still
         * there. */
        memset(node->mem + size, 0, node->mem_size - size);
        for (size_t s = (size + SECTOR - 1) / SECTOR; s < node->cap / SECTOR; s++) node->dirty[s] = 0;
    }
    if (size != node->mem_size) {
        grow(node, size);
        node->mem_size = size;
        node->size_dirty = true;
        if (size < node->least_size) node->least_size = size;
    }
}

static int sim_truncate(sqlite3_file *file, sqlite3_int64 size) {
    if (op(sim_of(file)->disk, false) != SQLITE_OK) return SQLITE_IOERR_TRUNCATE;
    truncate_node(sim_of(file)->node, (size_t)size);
    return SQLITE_OK;
}

static int sim_sync(sqlite3_file *file, int flags) {
    sim_file *f = sim_of(file);
    sim_disk *d = f->disk;
    (void)flags;
    int rc = op(d, false);
    if (d->off) return SQLITE_IOERR_FSYNC;
    d->syncs++;
    if (rc != SQLITE_OK || (d->sync_at && d->syncs == d->sync_at)) {
        flush(d, f->node, sim_random(&d->seed) % 2 == 0 ? KEEP_ALL : KEEP_RANDOM); /* all of it, and yet an error */
        /* The kernel calls the rest clean: it will never be written unless somebody writes it again. */
        if (f->node->cap) memset(f->node->dirty, 0, f->node->cap / SECTOR);
        d->sync_failed = true;
        if (d->then_cut) d->cut_at = d->ops + d->then_cut;
        return SQLITE_IOERR_FSYNC;
    }
    flush(d, f->node, KEEP_ALL);
    return SQLITE_OK;
}

static int sim_size(sqlite3_file *file, sqlite3_int64 *ret) {
    if (op(sim_of(file)->disk, false) != SQLITE_OK) return SQLITE_IOERR_FSTAT;
    *ret = (sqlite3_int64)sim_of(file)->node->mem_size;
    return SQLITE_OK;
}

static int sim_lock(sqlite3_file *file, int level) {
    sim_file *f = sim_of(file);
    inode *n = f->node;
    if (level <= f->lock) return SQLITE_OK;
    if (level >= SQLITE_LOCK_SHARED && f->lock < SQLITE_LOCK_SHARED) {
        if (n->exclusive) return SQLITE_BUSY;
        n->shared++;
        f->lock = SQLITE_LOCK_SHARED;
    }
    if (level >= SQLITE_LOCK_RESERVED && f->lock < SQLITE_LOCK_RESERVED) {
        if (n->reserved) return SQLITE_BUSY;
        n->reserved++;
        f->lock = SQLITE_LOCK_RESERVED;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE && f->lock < SQLITE_LOCK_EXCLUSIVE) {
        if (n->shared > 1) return SQLITE_BUSY;
        n->exclusive++;
        f->lock = SQLITE_LOCK_EXCLUSIVE;
    }
    return SQLITE_OK;
}

static int sim_unlock(sqlite3_file *file, int level) {
    sim_file *f = sim_of(file);
    if (f->lock >= SQLITE_LOCK_EXCLUSIVE && level < SQLITE_LOCK_EXCLUSIVE) f->node->exclusive--;
    if (f->lock >= SQLITE_LOCK_RESERVED && level < SQLITE_LOCK_RESERVED) f->node->reserved--;
    if (f->lock >= SQLITE_LOCK_SHARED && level < SQLITE_LOCK_SHARED) f->node->shared--;
    if (level < f->lock) f->lock = level;
    return SQLITE_OK;
}

static int sim_check_reserved(sqlite3_file *file, int *ret) {
    *ret = sim_of(file)->node->reserved > 0;
    return SQLITE_OK;
}

static int sim_control(sqlite3_file *file, int code, void *arg) {
    (void)file, (void)code, (void)arg;
    return SQLITE_NOTFOUND;
}

static int sim_sector_size(sqlite3_file *file) {
    (void)file;
    return 4096;
}

static int sim_characteristics(sqlite3_file *file) {
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int sim_shm_map(sqlite3_file *file, int region, int bytes, int extend, void volatile **ret) {
    sim_file *f = sim_of(file);
    *ret = NULL;
    if (f->disk->off || region >= SHM_REGIONS) return SQLITE_IOERR_SHMMAP;
    if (!f->shm) {
        f->shm = true;
        f->node->shm_users++;
    }
    if (!f->node->shm[region] && extend) f->node->shm[region] = sure_calloc(1, (size_t)bytes);
    *ret = f->node->shm[region];
    return SQLITE_OK;
}

static int sim_shm_lock(sqlite3_file *file, int offset, int n, int flags) {
    sim_file *f = sim_of(file);
    inode *node = f->node;
    for (int i = offset; i < offset + n; i++) {
        uint16_t bit = (uint16_t)(1U << i);
        bool others_shared = node->shm_shared[i] > ((f->shm_shared & bit) ? 1 : 0);
        bool others_exclusive = node->shm_exclusive[i] && !(f->shm_exclusive & bit);
        if (flags & SQLITE_SHM_UNLOCK) continue;
        if (others_exclusive || ((flags & SQLITE_SHM_EXCLUSIVE) && others_shared)) return SQLITE_BUSY;
    }
    for (int i = offset; i < offset + n; i++) {
        uint16_t bit = (uint16_t)(1U << i);
        if ((flags & SQLITE_SHM_UNLOCK) && (flags & SQLITE_SHM_SHARED) && (f->shm_shared & bit)) {
            node->shm_shared[i]--;
            f->shm_shared &= (uint16_t)~bit;
        } else if ((flags & SQLITE_SHM_UNLOCK) && (flags & SQLITE_SHM_EXCLUSIVE) && (f->shm_exclusive & bit)) {
            node->shm_exclusive[i] = false;
            f->shm_exclusive &= (uint16_t)~bit;
        } else if ((flags & SQLITE_SHM_LOCK) && (flags & SQLITE_SHM_SHARED) && !(f->shm_shared & bit)) {
            node->shm_shared[i]++;
            f->shm_shared |= bit;
        } else if ((flags & SQLITE_SHM_LOCK) && (flags & SQLITE_SHM_EXCLUSIVE)) {
            node->shm_exclusive[i] = true;
            f->shm_exclusive |= bit;
        }
    }
    return SQLITE_OK;
}

static void sim_shm_barrier(sqlite3_file *file) {
    (void)file;
}

static int sim_shm_unmap(sqlite3_file *file, int delete_flag) {
    sim_file *f = sim_of(file);
    (void)delete_flag;
    if (!f->shm) return SQLITE_OK;
    sim_shm_lock(file, 0, SHM_LOCKS, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED);
    sim_shm_lock(file, 0, SHM_LOCKS, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
    f->shm = false;
    if (--f->node->shm_users == 0) {
        for (int i = 0; i < SHM_REGIONS; i++) {
            free(f->node->shm[i]);
            f->node->shm[i] = NULL;
        }
    }
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = sim_close,
    .xRead = sim_read,
    .xWrite = sim_write,
    .xTruncate = sim_truncate,
    .xSync = sim_sync,
    .xFileSize = sim_size,
    .xLock = sim_lock,
    .xUnlock = sim_unlock,
    .xCheckReservedLock = sim_check_reserved,
    .xFileControl = sim_control,
    .xSectorSize = sim_sector_size,
    .xDeviceCharacteristics = sim_characteristics,
    .xShmMap = sim_shm_map,
    .xShmLock = sim_shm_lock,
    .xShmBarrier = sim_shm_barrier,
    .xShmUnmap = sim_shm_unmap,
};

/* ---- the VFS ---- */

static sim_disk *disk_of(sqlite3_vfs *vfs) {
    return (sim_disk *)(void *)vfs;
}

static int sim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags) {
    sim_disk *d = disk_of(vfs);
    sim_file *f = sim_of(file);
    memset(f, 0, sizeof *f);
    entry *e = name ? find(&d->seen, name) : NULL;
    if (op(d, !e && (flags & SQLITE_OPEN_CREATE)) != SQLITE_OK) return SQLITE_CANTOPEN;
    if (name && !e && !(flags & SQLITE_OPEN_CREATE)) return SQLITE_CANTOPEN;
    if (name && !e) {
        char folder[NAME];
        folder_of(name, folder);
        entry *parent = find(&d->seen, folder);
        if (!parent || !parent->node->folder) return SQLITE_CANTOPEN;
    }
    f->disk = d;
    f->node = link_node(e ? e->node : name ? create(d, name, false) : sure_calloc(1, sizeof(inode)));
    f->file.pMethods = &methods;
    d->open_files++;
    if (ret_flags) *ret_flags = flags;
    return SQLITE_OK;
}

static int sim_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
    sim_disk *d = disk_of(vfs);
    if (op(d, false) != SQLITE_OK) return SQLITE_IOERR_DELETE;
    if (!find(&d->seen, name)) return SQLITE_IOERR_DELETE_NOENT;
    set_name(&d->seen, name, NULL);
    note_change(d, name, NULL, NULL);
    char folder[NAME];
    folder_of(name, folder);
    if (sync_folder && d->folders.sync_folder(d, folder) != 0) return SQLITE_IOERR_DIR_FSYNC;
    return SQLITE_OK;
}

static int sim_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret) {
    sim_disk *d = disk_of(vfs);
    entry *e = find(&d->seen, name);
    if (op(d, false) != SQLITE_OK) return SQLITE_IOERR_ACCESS;
    *ret = e && (flags != SQLITE_ACCESS_EXISTS || e->node->mem_size > 0); /* as the unix VFS answers */
    return SQLITE_OK;
}

static int sim_full_path(sqlite3_vfs *vfs, const char *name, int n, char *out) {
    (void)vfs;
    snprintf(out, (size_t)n, "%s", name);
    return SQLITE_OK;
}

static int sim_randomness(sqlite3_vfs *vfs, int n, char *out) {
    for (int i = 0; i < n; i++) out[i] = (char)sim_random(&disk_of(vfs)->seed);
    return n;
}

static int sim_sleep(sqlite3_vfs *vfs, int us) {
    (void)vfs;
    return us;
}

static int sim_time(sqlite3_vfs *vfs, double *ret) {
    (void)vfs;
    *ret = 2460000.5;
    return SQLITE_OK;
}

/* ---- folders ---- */

static int sim_make_folder(void *ctx, const char *path) {
    sim_disk *d = ctx;
    int rc = op(d, !find(&d->seen, path));
    if (rc != SQLITE_OK) return rc == SQLITE_FULL ? ENOSPC : EIO;
    if (!find(&d->seen, path)) create(d, path, true);
    return 0;
}

static int sim_sync_folder(void *ctx, const char *path) {
    sim_disk *d = ctx;
    char folder[NAME];
    if (op(d, false) != SQLITE_OK) return EIO;
    int kept = 0;
    for (int i = 0; i < d->change_count; i++) {
        change *c = &d->changes[i];
        folder_of(c->name, folder);
        if (strcmp(folder, path) == 0) {
            apply_change(d, c);
            unlink_node(c->node);
        } else {
            if (kept != i) d->changes[kept] = *c;
            kept++;
        }
    }
    d->change_count = kept;
    return 0;
}

/* It fails as a whole or not at all: what Linux tells the files' own syncs afterwards is not simulated. */
static int sim_sync_all(void *ctx, const char *path) {
    sim_disk *d = ctx;
    (void)path;
    if (op(d, false) != SQLITE_OK) return EIO;
    for (int i = 0; i < d->seen.count; i++) flush(d, d->seen.at[i]->node, KEEP_ALL);
    for (int i = 0; i < d->change_count; i++) {
        apply_change(d, &d->changes[i]);
        unlink_node(d->changes[i].node);
    }
    d->change_count = 0;
    return 0;
}

static int sim_rename(void *ctx, const char *from, const char *to) {
    sim_disk *d = ctx;
    int rc = op(d, true);
    if (rc != SQLITE_OK) return rc == SQLITE_FULL ? ENOSPC : EIO;
    entry *e = find(&d->seen, from);
    if (!e) return ENOENT;
    inode *node = link_node(e->node);
    set_name(&d->seen, to, node);
    set_name(&d->seen, from, NULL);
    note_change(d, to, from, node);
    unlink_node(node);
    return 0;
}

static int sim_make_file(void *ctx, const char *path) {
    sim_disk *d = ctx;
    int rc = op(d, !find(&d->seen, path));
    if (rc != SQLITE_OK) return rc == SQLITE_FULL ? ENOSPC : EIO;
    entry *e = find(&d->seen, path);
    if (!e) create(d, path, false);
    else truncate_node(e->node, 0);
    return 0;
}

static int sim_lock_folder(void *ctx, const char *path, void **ret) {
    (void)path;
    *ret = ctx;
    return 0;
}

static void sim_unlock_folder(void *ctx, void *lock) {
    (void)ctx, (void)lock;
}

static void sim_evict(void *ctx, const char *path) {
    entry *e = find(&((sim_disk *)ctx)->seen, path);
    for (size_t s = 0; e && s < e->node->cap / SECTOR; s++) {
        if (!e->node->dirty[s]) memcpy(e->node->mem + s * SECTOR, e->node->disk + s * SECTOR, SECTOR);
    }
    if (e && e->node->mem_size < e->node->cap)
        memset(e->node->mem + e->node->mem_size, 0, e->node->cap - e->node->mem_size);
}

static int64_t sim_path_size(void *ctx, const char *path) {
    sim_disk *d = ctx;
    if (op(d, false) != SQLITE_OK) return -2;
    entry *e = find(&d->seen, path);
    return e ? (int64_t)e->node->mem_size : -1;
}

sim_disk *sim_disk_new(const char *name, uint64_t seed) {
    sim_disk *d = sure_calloc(1, sizeof *d);
    change *changes = sure_calloc(CHANGES_MAX, sizeof *changes);
    if (!d || !changes) {
        free(d);
        free(changes);
        return NULL;
    }
    d->changes = changes;
    d->seed = seed;
    d->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = sizeof(sim_file),
        .mxPathname = NAME - 1,
        .zName = name,
        .xOpen = sim_open,
        .xDelete = sim_delete,
        .xAccess = sim_access,
        .xFullPathname = sim_full_path,
        .xRandomness = sim_randomness,
        .xSleep = sim_sleep,
        .xCurrentTime = sim_time,
    };
    d->folders = (trib_disk){
        d,         sim_make_folder, sim_sync_folder, sim_rename, sim_make_file, sim_lock_folder, sim_unlock_folder,
        sim_evict, sim_path_size,   sim_sync_all};
    inode *root = sure_calloc(1, sizeof *root);
    root->folder = true;
    set_name(&d->seen, SIM_DISK_ROOT, root);
    set_name(&d->durable, SIM_DISK_ROOT, root);
    if (sqlite3_vfs_register(&d->vfs, 0) != SQLITE_OK) {
        free(d);
        free(changes);
        return NULL;
    }
    return d;
}

static void clear(names *list) {
    for (int i = 0; i < list->count; i++) {
        unlink_node(list->at[i]->node);
        free(list->at[i]);
    }
    list->count = 0;
}

static void drop_changes(sim_disk *d) {
    for (int i = 0; i < d->change_count; i++) unlink_node(d->changes[i].node);
    d->change_count = 0;
}

void sim_disk_free(sim_disk *d) {
    if (!d) return;
    sqlite3_vfs_unregister(&d->vfs);
    drop_changes(d);
    clear(&d->seen);
    clear(&d->durable);
    free(d->changes);
    free(d);
}

const trib_disk *sim_disk_folders(sim_disk *d) {
    return &d->folders;
}
void sim_disk_cut_at(sim_disk *d, uint64_t n) {
    d->cut_at = n ? d->ops + n : 0;
}
bool sim_disk_is_off(const sim_disk *d) {
    return d->off;
}
uint64_t sim_disk_syncs(const sim_disk *d) {
    return d->syncs;
}

uint64_t sim_disk_ops(const sim_disk *d) {
    return d->ops;
}
void sim_disk_fail_sync_at(sim_disk *d, uint64_t n, uint64_t then_cut) {
    d->sync_at = n ? d->syncs + n : 0;
    d->then_cut = then_cut;
}
int sim_disk_open_files(const sim_disk *d) {
    return d->open_files;
}
bool sim_disk_op_failed(const sim_disk *d) {
    return d->op_failed;
}

void sim_disk_fail_op_at(sim_disk *d, uint64_t n, bool sticky, bool full) {
    d->fail_at = n ? d->ops + n : 0;
    d->fail_sticky = sticky;
    d->fail_full = full;
    d->op_failed = false;
}

bool sim_disk_sync_failed(sim_disk *d) {
    bool failed = d->sync_failed;
    d->sync_failed = false;
    return failed;
}

/* A name is there only if all its folders are. */
static bool reachable(sim_disk *d, const char *name) {
    char folder[NAME];
    folder_of(name, folder);
    if (strcmp(folder, name) == 0) return true;
    entry *e = find(&d->durable, folder);
    return strchr(folder, '/') == NULL ? e != NULL : e && reachable(d, folder);
}

void sim_disk_power_cut(sim_disk *d, sim_survival survival) {
    uint64_t chance = survival == SIM_KEEP_NONE ? 0 : survival == SIM_KEEP_ALL ? 100 : sim_random(&d->seed) % 101;
    for (int i = 0; i < d->change_count; i++) {
        if (sim_random(&d->seed) % 100 < chance) apply_change(d, &d->changes[i]);
    }
    drop_changes(d);
    clear(&d->seen);
    for (int i = 0; i < d->durable.count; i++) {
        entry *e = d->durable.at[i];
        if (survival != SIM_KEEP_NONE) flush(d, e->node, survival == SIM_KEEP_ALL ? KEEP_ALL : KEEP_RANDOM);
    }
    for (int i = 0; i < d->durable.count; i++) {
        entry *e = d->durable.at[i];
        if (!reachable(d, e->name)) continue;
        inode *n = e->node;
        set_name(&d->seen, e->name, n);
        if (n->cap) {
            memcpy(n->mem, n->disk, n->cap);
            memset(n->dirty, 0, n->cap / SECTOR);
        }
        n->mem_size = n->least_size = n->disk_size;
        n->size_dirty = false;
        /* bytes behind the end are not there, whatever the sectors hold, and do not come back when the file grows */
        if (n->mem_size < n->cap) {
            memset(n->mem + n->mem_size, 0, n->cap - n->mem_size);
            memset(n->disk + n->mem_size, 0, n->cap - n->mem_size);
        }
    }
    for (int i = d->durable.count - 1; i >= 0; i--) {
        if (!find(&d->seen, d->durable.at[i]->name)) set_name(&d->durable, d->durable.at[i]->name, NULL);
    }
    d->off = false;
    d->cut_at = d->sync_at = d->fail_at = 0;
}

void sim_disk_stop(sim_disk *d) {
    d->off = true;
}

void sim_disk_resume(sim_disk *d) {
    d->off = false;
    d->cut_at = d->sync_at = d->fail_at = 0;
}
