/* SPDX-License-Identifier: Apache-2.0 */
/* Commands find a server by its data folder, and are told when it is gone. */
#include "server/server_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int make_folder(void **state) {
    char *dir = malloc(64);
    if (!dir) return -1;
    snprintf(dir, 64, "/tmp/trib-server-file.XXXXXX");
    *state = dir;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_folder(void **state) {
    static const char *const names[] = {"server.json", "admin.key"};
    char path[128];
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", (char *)*state, names[i]);
        unlink(path);
    }
    rmdir(*state);
    free(*state);
    return 0;
}

static trib_server_file sample(int64_t pid, const char *key) {
    trib_server_file file = {.pid = pid};
    snprintf(file.url, sizeof file.url, "http://127.0.0.1:8080/");
    snprintf(file.admin_url, sizeof file.admin_url, "unix:/run/\"x\".sock");
    snprintf(file.admin_key, sizeof file.admin_key, "%s", key);
    snprintf(file.version, sizeof file.version, "1.2.3");
    snprintf(file.admin_tls_pin, sizeof file.admin_tls_pin, "sha256//a+b/c=");
    return file;
}

static void what_was_written_is_read_back(void **state) {
    trib_server_file file = sample(getpid(), "k3y"), got;
    trib_error err;
    assert_int_equal(trib_server_file_write(*state, &file, &err), TRIB_OK);
    assert_int_equal(trib_server_file_read(*state, &got, &err), TRIB_OK);
    assert_true(got.pid == file.pid);
    assert_string_equal(got.url, file.url);
    assert_string_equal(got.admin_url, file.admin_url);
    assert_string_equal(got.admin_key, "k3y");
    assert_string_equal(got.version, "1.2.3");
    assert_string_equal(got.tls_pin, "");
    assert_string_equal(got.admin_tls_pin, "sha256//a+b/c=");
}

static void only_the_owner_may_read_the_key(void **state) {
    trib_server_file file = sample(getpid(), "k3y");
    trib_error err;
    struct stat st;
    char path[128];
    snprintf(path, sizeof path, "%s/admin.key", (char *)*state);
    /* also when a file that everybody may read lies there */
    close(open(path, O_WRONLY | O_CREAT, 0666));
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(trib_server_file_write(*state, &file, &err), TRIB_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_key_of_an_earlier_start_is_not_used_without_need(void **state) {
    trib_server_file file = sample(getpid(), "old"), got;
    trib_error err;
    assert_int_equal(trib_server_file_write(*state, &file, &err), TRIB_OK);
    file = sample(getpid(), "");
    assert_int_equal(trib_server_file_write(*state, &file, &err), TRIB_OK);
    assert_int_equal(trib_server_file_read(*state, &got, &err), TRIB_OK);
    assert_string_equal(got.admin_key, "");
}

static void a_server_that_is_gone_is_said_so(void **state) {
    trib_server_file file, got;
    trib_error err;
    assert_int_equal(trib_server_file_read(*state, &got, &err), TRIB_CONNECT);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    file = sample(child, "k");
    assert_int_equal(trib_server_file_write(*state, &file, &err), TRIB_OK);
    assert_int_equal(trib_server_file_read(*state, &got, &err), TRIB_CONNECT);
    file = sample(getpid(), "k");
    assert_int_equal(trib_server_file_write(*state, &file, &err), TRIB_OK);
    trib_server_file_remove(*state);
    assert_int_equal(trib_server_file_read(*state, &got, &err), TRIB_CONNECT);
}

static void a_malformed_file_is_no_server(void **state) {
    static const char *const texts[] = {"", "{", "[]", "{\"pid\":0}",
                                        "{\"pid\":99999999999,\"url\":\"\",\"admin_url\":\"\"}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        trib_server_file got;
        trib_error err;
        char path[128];
        snprintf(path, sizeof path, "%s/server.json", (char *)*state);
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        fputs(texts[i], file);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(trib_server_file_read(*state, &got, &err), TRIB_CONFIG);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_read_back, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(only_the_owner_may_read_the_key, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_key_of_an_earlier_start_is_not_used_without_need, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_server_that_is_gone_is_said_so, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_malformed_file_is_no_server, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
