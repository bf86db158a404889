/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of database files; see local_copy.h. */
#include "server/local_copy.h"

#include <unistd.h>

#include "server/local_file.h"

trib_code trib_local_copy_take(const char *from, const char *to, trib_copy_progress progress, trib_error *err) {
    int lock_fd = -1;
    trib_code code = trib_local_file_lock(from, &lock_fd, err);
    if (code == TRIB_OK) code = trib_db_copy_take(from, to, progress, err);
    if (lock_fd >= 0) close(lock_fd);
    return code;
}
