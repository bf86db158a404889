/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a running server are refused; those of a stopped one keep it from starting while they are open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/local_file.h"

static void make_file(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void a_data_folders_lock_decides(void **state) {
    char folder[] = "/tmp/trib-local-XXXXXX", path[128], lock[64];
    trib_local_file file;
    trib_error err;
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(lock, sizeof lock, "%s/lock", folder);
    snprintf(path, sizeof path, "%s/db", folder);
    const char *parts[] = {"", "/aa", "/bb"};
    for (int i = 0; i < 3; i++) {
        memcpy(path + strlen(path), parts[i], strlen(parts[i]) + 1);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    memcpy(path + strlen(path), "/x.db", 6);
    assert_int_equal(trib_local_file_open(path, &file, &err), TRIB_NOT_FOUND);
    trib_local_file_close(&file);
    make_file(path);
    /* in no data folder: nothing to lock */
    assert_int_equal(trib_local_file_open(path, &file, &err), TRIB_OK);
    assert_int_equal(file.lock_fd, -1);
    trib_local_file_close(&file);
    /* a server has it */
    make_file(lock);
    int server = open(lock, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(server, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(trib_local_file_open(path, &file, &err), TRIB_DATA_FOLDER_LOCKED);
    assert_non_null(strstr(err.message, folder));
    assert_null(file.file);
    trib_local_file_close(&file);
    /* it ended: we may, and meanwhile it may not */
    assert_int_equal(flock(server, LOCK_UN), 0);
    assert_int_equal(trib_local_file_open(path, &file, &err), TRIB_OK);
    assert_int_equal(flock(server, LOCK_EX | LOCK_NB), -1);
    trib_local_file_close(&file);
    assert_int_equal(flock(server, LOCK_EX | LOCK_NB), 0);
    close(server);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_data_folders_lock_decides)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
