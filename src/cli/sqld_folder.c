/* SPDX-License-Identifier: Apache-2.0 */
/* A data folder of sqld; see sqld_folder.h.
 *
 * SQLite never opens the files where they are: it would make a wal-index beside them and take the log in. They are
 * copied byte by byte, log and all, and the copy is opened. A running sqld is known by the locks that SQLite keeps on a
 * database in WAL mode for as long as a connection to it is open; sqld always has one to its metastore. */
#include "cli/sqld_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    COPY_BYTES = 256 << 10,
    FOLDER_ARENA_BYTES = 1 << 30,
    NAMESPACES_MAX = 1 << 20,
    /* https://sqlite.org/fileformat2.html#locking: pending byte, reserved byte and shared bytes; in -shm the byte that
     * says that somebody is there */
    LOCK_AT = 0x40000000,
    LOCK_BYTES = 512,
    SHM_LOCK_AT = 120,
    SHM_LOCK_BYTES = 9
};

static trib_code io_error(const char *what, const char *path, trib_error *err) {
    return trib_error_set(err, errno == ENOSPC || errno == EDQUOT ? TRIB_DISK_FULL : TRIB_IO, "cannot %s %s: %s", what,
                          path, strerror(errno));
}

static bool is_file(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* ---- in use? ---- */

static bool is_locked(const char *path, off_t at, off_t len) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = len};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool locked = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (fd >= 0) close(fd);
    return locked;
}

static trib_code check_free(const char *path, trib_error *err) {
    char shm[PATH_MAX + 8];
    snprintf(shm, sizeof shm, "%s-shm", path);
    if (!is_locked(path, LOCK_AT, LOCK_BYTES) && !is_locked(shm, SHM_LOCK_AT, SHM_LOCK_BYTES)) return TRIB_OK;
    return trib_error_set(err, TRIB_IMPORT_REFUSED,
                          "another process has %s open: stop sqld first, so that nothing is written behind the import",
                          path);
}

/* ---- copies ---- */

typedef struct copying {
    trib_copy_progress progress;
    int64_t done, total;
} copying;

static trib_code copy_bytes(int in, int out, const char *to, copying *c, trib_error *err) {
    char *bytes = malloc(COPY_BYTES);
    trib_code code = bytes ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
    ssize_t n = 0;
    while (code == TRIB_OK && (n = read(in, bytes, COPY_BYTES)) > 0) {
        for (ssize_t at = 0, m; code == TRIB_OK && at < n; at += m) {
            m = write(out, bytes + at, (size_t)(n - at));
            if (m < 0) code = io_error("write", to, err);
        }
        c->done += n;
        if (c->progress.tell) c->progress.tell(c->progress.ctx, c->done, c->total);
    }
    if (code == TRIB_OK && n < 0) code = io_error("read the file for", to, err);
    free(bytes);
    return code;
}

/* A file that is not there is none to copy, where `optional`. */
static trib_code copy_file(const char *from, const char *to, bool optional, copying *c, trib_error *err) {
    int in = open(from, O_RDONLY | O_CLOEXEC);
    (void)unlink(to); /* of the one before */
    if (in < 0) return optional && errno == ENOENT ? TRIB_OK : io_error("read", from, err);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    trib_code code = out >= 0 ? copy_bytes(in, out, to, c, err) : io_error("make", to, err);
    close(in);
    if (out >= 0 && close(out) != 0 && code == TRIB_OK) code = io_error("write", to, err);
    return code;
}

typedef struct moment {
    struct stat data, wal;
} moment;

static void look(const char *path, moment *ret) {
    char wal[PATH_MAX + 8];
    memset(ret, 0, sizeof *ret);
    snprintf(wal, sizeof wal, "%s-wal", path);
    if (stat(path, &ret->data) != 0) memset(&ret->data, 0, sizeof ret->data);
    if (stat(wal, &ret->wal) != 0) memset(&ret->wal, 0, sizeof ret->wal);
}

static bool same(const struct stat *a, const struct stat *b) {
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ino == b->st_ino;
}

/* The database at `from` with its log, or its rollback journal. */
static trib_code copy_database(const char *from, const char *to, trib_copy_progress progress, trib_error *err) {
    static const char *const suffixes[] = {"", "-wal", "-journal"};
    char source[PATH_MAX + 16], target[PATH_MAX + 16];
    moment before, after;
    look(from, &before);
    copying c = {progress, 0, before.data.st_size + before.wal.st_size};
    trib_code code = check_free(from, err);
    for (size_t i = 0; code == TRIB_OK && i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(source, sizeof source, "%s%s", from, suffixes[i]);
        snprintf(target, sizeof target, "%s%s", to, suffixes[i]);
        code = copy_file(source, target, i > 0, &c, err);
    }
    look(from, &after);
    if (code == TRIB_OK && (!same(&before.data, &after.data) || !same(&before.wal, &after.wal)))
        code = trib_error_set(err, TRIB_IMPORT_REFUSED, "%s was written while it was copied: stop sqld first", from);
    return code;
}

trib_code trib_sqld_folder_copy(const trib_sqld_namespace *ns, const char *to, trib_copy_progress progress,
                                trib_error *err) {
    return copy_database(ns->path, to, progress, err);
}

/* ---- the list ---- */

static trib_code add(trib_sqld_folder *f, size_t *cap, trib_str name, trib_sqld_namespace **ret, trib_error *err) {
    for (size_t i = 0; i < f->count; i++) {
        if (!trib_str_eq(f->items[i].name, name)) continue;
        *ret = &f->items[i];
        return TRIB_OK;
    }
    if (f->count == *cap) {
        size_t more = *cap ? 2 * *cap : 64;
        trib_sqld_namespace *items = more <= NAMESPACES_MAX ? trib_arena_zalloc(&f->arena, more, sizeof *items) : NULL;
        if (!items) return trib_error_set(err, TRIB_NOMEM, NULL);
        if (f->count) memcpy(items, f->items, f->count * sizeof *items);
        f->items = items;
        *cap = more;
    }
    trib_sqld_namespace *ns = &f->items[f->count++];
    ns->name = trib_arena_dup(&f->arena, name);
    *ret = ns;
    return f->arena.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code add_database(trib_sqld_folder *f, size_t *cap, const char *name, const char *path, trib_error *err) {
    trib_sqld_namespace *ns = NULL;
    moment now;
    trib_code code = add(f, cap, trib_str_c(name), &ns, err);
    if (code != TRIB_OK) return code;
    trib_str copy = trib_arena_printf(&f->arena, "%s", path);
    if (!copy.ptr) return trib_error_set(err, TRIB_NOMEM, NULL);
    look(path, &now);
    ns->path = copy.ptr;
    ns->bytes = now.data.st_size + now.wal.st_size;
    return TRIB_OK;
}

static trib_code list_databases(trib_sqld_folder *f, size_t *cap, trib_error *err) {
    char dbs[PATH_MAX], path[PATH_MAX + NAME_MAX + 16];
    trib_code code = TRIB_OK;
    snprintf(dbs, sizeof dbs, "%s/dbs", f->path);
    DIR *dir = opendir(dbs);
    if (!dir && errno != ENOENT) return io_error("read the folder", dbs, err);
    for (const struct dirent *entry; dir && code == TRIB_OK && (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        int n = snprintf(path, sizeof path, "%s/%s/data", dbs, entry->d_name);
        if (n <= 0 || n >= PATH_MAX || !is_file(path)) continue;
        code = add_database(f, cap, entry->d_name, path, err);
    }
    if (dir) closedir(dir);
    snprintf(path, sizeof path, "%s/data", f->path);
    return code == TRIB_OK && !dir && is_file(path) ? add_database(f, cap, "default", path, err) : code;
}

/* ---- the metastore ---- */

typedef struct reading {
    trib_sqld_folder *folder;
    size_t *cap;
    size_t rows;
} reading;

static trib_code take_config(void *ctx, const trib_str *values, size_t count, trib_error *err) {
    reading *r = ctx;
    trib_sqld_namespace *ns = NULL;
    if (count < 2 || !values[0].len) return TRIB_OK;
    r->rows++;
    trib_code code = add(r->folder, r->cap, values[0], &ns, err);
    if (code != TRIB_OK) return code;
    ns->has_config = true;
    ns->bad_config = !trib_sqld_config_parse(&r->folder->arena, values[1], &ns->config);
    return r->folder->arena.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code read_metastore(trib_sqld_folder *f, size_t *cap, const char *scratch, trib_error *err) {
    char from[PATH_MAX], to[PATH_MAX];
    reading r = {f, cap, 0};
    snprintf(from, sizeof from, "%s/metastore/data", f->path);
    snprintf(to, sizeof to, "%s/metastore", scratch);
    if (!is_file(from)) return TRIB_OK;
    trib_code code = copy_database(from, to, (trib_copy_progress){0}, err);
    struct stat st = {0};
    if (code != TRIB_OK || stat(to, &st) != 0) return code;
    if (st.st_size > 0)
        code = trib_db_copy_query(to, "SELECT namespace, config FROM namespace_configs", take_config, &r, err);
    for (size_t i = 0; i < f->count && r.rows > 0; i++)
        f->items[i].unlisted = !f->items[i].has_config && !trib_str_eq_c(f->items[i].name, "default");
    return code;
}

/* ---- open and close ---- */

static int compare(const void *a, const void *b) {
    const trib_sqld_namespace *x = a, *y = b;
    return trib_str_cmp(x->name, y->name);
}

static trib_code check_kind(const char *path, trib_error *err) {
    char wals[PATH_MAX];
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return trib_error_set(err, TRIB_NOT_FOUND, "there is no folder %s; give the one that sqld has as --db-path",
                              path);
    snprintf(wals, sizeof wals, "%s/wals", path);
    if (access(wals, F_OK) != 0) return TRIB_OK;
    return trib_error_set(
        err, TRIB_IMPORT_REFUSED,
        "%s has a folder `wals`: its databases are in libSQL's own log, which SQLite cannot read; dump "
        "each (GET /dump) and import that with `trib import sql`",
        path);
}

trib_code trib_sqld_folder_open(trib_sqld_folder *f, const char *path, const char *scratch, trib_error *err) {
    size_t cap = 0;
    *f = (trib_sqld_folder){.path = path};
    trib_arena_init(&f->arena, FOLDER_ARENA_BYTES);
    if (strlen(path) > PATH_MAX / 2) return trib_error_set(err, TRIB_USAGE, "the path is too long: %s", path);
    trib_code code = check_kind(path, err);
    if (code == TRIB_OK) code = list_databases(f, &cap, err);
    if (code == TRIB_OK) code = read_metastore(f, &cap, scratch, err);
    for (size_t i = 0; code == TRIB_OK && i < f->count; i++)
        if (f->items[i].path) code = check_free(f->items[i].path, err);
    if (code == TRIB_OK && f->count == 0)
        code = trib_error_set(err, TRIB_NOT_FOUND,
                              "%s has no databases of sqld: neither dbs/NAMESPACE/data nor data; give the folder that "
                              "sqld has as --db-path",
                              path);
    if (f->count) qsort(f->items, f->count, sizeof *f->items, compare);
    return code;
}

void trib_sqld_folder_close(trib_sqld_folder *f) {
    trib_arena_deinit(&f->arena);
    f->items = NULL;
    f->count = 0;
}
