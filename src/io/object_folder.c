/* SPDX-License-Identifier: Apache-2.0 */
/* See object_folder.h.
 *
 *   put: .tmp/N written -> fsync -> link to its name (fails if there is something: nothing is ever replaced) -> fsync
 *   of
 *        the folder -> .tmp/N removed
 *
 * What is there already may come from a put that was cut off before the folder was synced, so that put syncs both, too:
 * whoever hears of an object may rely on it. */
#include "io/object_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct trib_object_folder {
    char *path;
    int fd, tmp_fd;
    _Atomic unsigned long next; /* names in .tmp */
};

enum { READ_BYTES = 1 << 20, NAMES_MAX_BYTES = 256 << 20 /* of a listing: keys are sorted in memory */ };

static trib_code failed(const trib_object_folder *folder, const char *what, trib_str key, int number, trib_error *err) {
    trib_code code = number == ENOSPC || number == EDQUOT ? TRIB_DISK_FULL : TRIB_IO;
    trib_error_set(err, code, "the archive folder %s: could not %s %.*s: %s", folder->path, what, TRIB_STR_ARG(key),
                   strerror(number));
    if (err) err->detail = number;
    return code;
}

/* Keys are made by this program; one that could leave the folder is its mistake. */
static trib_code to_name(trib_str key, char ret[TRIB_OBJECT_KEY_MAX_BYTES + 1], trib_error *err) {
    bool fits = key.len > 0 && key.len <= TRIB_OBJECT_KEY_MAX_BYTES && !trib_str_eq_c(key, ".") &&
                !trib_str_eq_c(key, "..") && !trib_str_eq_c(key, ".tmp");
    if (!fits || memchr(key.ptr, '/', key.len) || memchr(key.ptr, 0, key.len))
        return trib_error_set(err, TRIB_INTERNAL, "this is no key of an object");
    memcpy(ret, key.ptr, key.len);
    ret[key.len] = '\0';
    return TRIB_OK;
}

/* ---- open ---- */

/* Files of puts that a crash has cut off. */
static void clean(int tmp_fd) {
    int fd = openat(tmp_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir && fd >= 0) close(fd);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.') unlinkat(tmp_fd, entry->d_name, 0);
    closedir(dir);
}

trib_code trib_object_folder_new(const char *path, trib_object_folder **ret, trib_error *err) {
    trib_object_folder *folder = calloc(1, sizeof *folder);
    if (folder) folder->path = strdup(path);
    if (!folder || !folder->path) {
        free(folder);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    folder->fd = folder->tmp_fd = -1;
    bool made = mkdir(path, 0700) == 0;
    if (made || errno == EEXIST) folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd >= 0 && (mkdirat(folder->fd, ".tmp", 0700) == 0 || errno == EEXIST))
        folder->tmp_fd = openat(folder->fd, ".tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (folder->tmp_fd >= 0 && made) { /* the folder's own name must last as long as what is put into it */
        int above = openat(folder->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (above >= 0) fsync(above);
        if (above >= 0) close(above);
    }
    if (folder->tmp_fd < 0) {
        trib_error_set(err, TRIB_IO, "the archive folder %s cannot be used: %s; make it, or set archive to another one",
                       path, strerror(errno));
        trib_object_folder_free(folder);
        return TRIB_IO;
    }
    clean(folder->tmp_fd);
    *ret = folder;
    return TRIB_OK;
}

void trib_object_folder_free(trib_object_folder *folder) {
    if (!folder) return;
    if (folder->tmp_fd >= 0) close(folder->tmp_fd);
    if (folder->fd >= 0) close(folder->fd);
    free(folder->path);
    free(folder);
}

/* ---- put ---- */

static int write_all(int fd, trib_str bytes) {
    while (bytes.len) {
        ssize_t n = write(fd, bytes.ptr, bytes.len < READ_BYTES ? bytes.len : READ_BYTES);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        bytes = trib_str_sub(bytes, (size_t)n, bytes.len);
    }
    return fsync(fd) == 0 ? 0 : errno;
}

/* The bytes of a name that was there. 0 or an errno. */
static int sync_there(const trib_object_folder *folder, const char *name) {
    int fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return errno;
    int number = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return number;
}

static trib_code put(void *ctx, const trib_object *object, bool *ret_made, trib_error *err) {
    trib_object_folder *folder = ctx;
    char name[TRIB_OBJECT_KEY_MAX_BYTES + 1], tmp[32];
    trib_code code = to_name(object->key, name, err);
    if (code != TRIB_OK) return code;
    snprintf(tmp, sizeof tmp, "%lu", atomic_fetch_add(&folder->next, 1));
    int fd = openat(folder->tmp_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return failed(folder, "make a file for", object->key, errno, err);
    int number = write_all(fd, object->bytes);
    if (close(fd) != 0 && number == 0) number = errno;
    bool made = false;
    if (number == 0) {
        made = linkat(folder->tmp_fd, tmp, folder->fd, name, 0) == 0;
        number = made || errno == EEXIST ? 0 : errno;
    }
    unlinkat(folder->tmp_fd, tmp, 0);
    if (number == 0 && !made) number = sync_there(folder, name); /* ours is on the disk already */
    if (number == 0 && fsync(folder->fd) != 0) number = errno;
    if (number != 0) return failed(folder, "write", object->key, number, err);
    *ret_made = made;
    return TRIB_OK;
}

/* ---- get, head ---- */

static trib_code open_key(const trib_object_folder *folder, trib_str key, int *ret_fd, struct stat *ret_stat,
                          trib_error *err) {
    char name[TRIB_OBJECT_KEY_MAX_BYTES + 1];
    *ret_fd = -1;
    trib_code code = to_name(key, name, err);
    if (code != TRIB_OK) return code;
    int fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return errno == ENOENT ? TRIB_OK : failed(folder, "open", key, errno, err);
    if (fstat(fd, ret_stat) != 0 || !S_ISREG(ret_stat->st_mode)) {
        close(fd);
        return failed(folder, "read", key, EINVAL, err);
    }
    *ret_fd = fd;
    return TRIB_OK;
}

static trib_code get(void *ctx, trib_str key, trib_buf *ret, bool *ret_found, trib_error *err) {
    const trib_object_folder *folder = ctx;
    struct stat st = {0};
    int fd;
    trib_code code = open_key(folder, key, &fd, &st, err);
    if (code != TRIB_OK) return code;
    *ret_found = fd >= 0;
    if (fd < 0) return TRIB_OK;
    if ((uint64_t)st.st_size > ret->max_bytes - ret->len) code = trib_error_set(err, TRIB_RESPONSE_TOO_LARGE, NULL);
    for (bool more = code == TRIB_OK; more;) {
        size_t left = (size_t)st.st_size > ret->len ? (size_t)st.st_size - ret->len : 0;
        size_t want = left && left < READ_BYTES ? left : left ? READ_BYTES : 1; /* 1: is that really the end? */
        if (!trib_buf_reserve(ret, want)) {
            code = trib_error_set(err, TRIB_NOMEM, NULL);
            break;
        }
        ssize_t n = read(fd, ret->ptr + ret->len, want);
        if (n < 0 && errno != EINTR) code = failed(folder, "read", key, errno, err);
        if (n > 0) ret->len += (size_t)n;
        more = n > 0 || (n < 0 && code == TRIB_OK);
    }
    close(fd);
    return code;
}

static trib_code head(void *ctx, trib_str key, uint64_t *ret_size, bool *ret_found, trib_error *err) {
    struct stat st = {0};
    int fd;
    trib_code code = open_key(ctx, key, &fd, &st, err);
    if (code != TRIB_OK) return code;
    *ret_found = fd >= 0;
    if (fd < 0) return TRIB_OK;
    *ret_size = (uint64_t)st.st_size;
    close(fd);
    return TRIB_OK;
}

/* ---- list ---- */

typedef struct names {
    trib_buf text; /* with a NUL each */
    size_t count;
    const char **at; /* into text */
} names;

static int compare(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool sort_names(names *n) {
    n->at = calloc(n->count + 1, sizeof *n->at);
    if (n->text.failed || !n->at) return false;
    const char *next = n->text.ptr;
    for (size_t i = 0; i < n->count; i++, next += strlen(next) + 1) n->at[i] = next;
    qsort((void *)n->at, n->count, sizeof *n->at, compare);
    return true;
}

static trib_code list(void *ctx, trib_str after, bool (*take)(void *take_ctx, trib_str key, uint64_t size),
                      void *take_ctx, trib_error *err) {
    const trib_object_folder *folder = ctx;
    names found = {0};
    struct stat st;
    trib_code code = TRIB_OK;
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0) close(fd);
        return failed(folder, "list", TRIB_STR("it"), errno, err);
    }
    trib_buf_init(&found.text, NAMES_MAX_BYTES);
    for (struct dirent *entry; (entry = readdir(dir));) {
        trib_str name = trib_str_c(entry->d_name);
        if (trib_str_eq_c(name, ".") || trib_str_eq_c(name, "..") || trib_str_eq_c(name, ".tmp")) continue;
        if (trib_str_cmp(name, after) <= 0) continue;
        trib_buf_add_bytes(&found.text, name.ptr, name.len + 1);
        found.count++;
    }
    if (!sort_names(&found)) code = trib_error_set(err, TRIB_NOMEM, NULL);
    bool go_on = true;
    for (size_t i = 0; code == TRIB_OK && go_on && i < found.count; i++)
        if (fstatat(folder->fd, found.at[i], &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            go_on = take(take_ctx, trib_str_c(found.at[i]), (uint64_t)st.st_size);
    closedir(dir);
    free((void *)found.at);
    trib_buf_deinit(&found.text);
    return code;
}

trib_objects trib_object_folder_objects(trib_object_folder *folder) {
    return (trib_objects){.ctx = folder, .put = put, .get = get, .head = head, .list = list, .where = folder->path};
}
