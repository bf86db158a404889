/* SPDX-License-Identifier: Apache-2.0 */
/* Opens a database file for a command; see local_file.h. */
#include "server/local_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { FOLDERS_UP = 4 }; /* the file's own, and aa, db, data above it */

/* Cuts the last part of a path off; false at the root. */
static bool go_up(char *path) {
    char *slash = strrchr(path, '/');
    if (!slash || slash == path) return false;
    *slash = '\0';
    return true;
}

/* Shares the lock of the data folder that the file lies in, if it does. path: absolute; is cut. */
static trib_code share_lock(char path[PATH_MAX], int *ret_fd, trib_error *err) {
    char lock[PATH_MAX + 8];
    for (int i = 0; i < FOLDERS_UP && go_up(path); i++) {
        snprintf(lock, sizeof lock, "%s/lock", path);
        int fd = open(lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) continue;
        if (flock(fd, LOCK_SH | LOCK_NB) == 0) {
            *ret_fd = fd;
            return TRIB_OK;
        }
        close(fd);
        return trib_error_set(err, TRIB_DATA_FOLDER_LOCKED,
                              "a server runs on the data folder %s, and only it may open its files; use `trib shell "
                              "TENANT --data %s`, or stop it first",
                              path, path);
    }
    return TRIB_OK;
}

trib_code trib_local_file_lock(const char *path, int *ret_fd, trib_error *err) {
    char real[PATH_MAX];
    if (!realpath(path, real)) {
        return trib_error_set(err, errno == ENOENT || errno == ENOTDIR ? TRIB_NOT_FOUND : TRIB_IO,
                              "cannot open the file %s: %s", path, strerror(errno));
    }
    return share_lock(real, ret_fd, err);
}

trib_code trib_local_file_open(const char *path, trib_local_file *ret, trib_error *err) {
    *ret = (trib_local_file){.lock_fd = -1};
    trib_code code = trib_local_file_lock(path, &ret->lock_fd, err);
    return code == TRIB_OK ? trib_plain_file_open(path, &ret->file, err) : code;
}

void trib_local_file_close(trib_local_file *file) {
    trib_plain_file_close(file->file);
    file->file = NULL;
    if (file->lock_fd >= 0) close(file->lock_fd);
    file->lock_fd = -1;
}
