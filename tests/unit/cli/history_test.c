/* SPDX-License-Identifier: Apache-2.0 */
/* The shell's history: what is never kept, how statements become lines, and the file. */
#include "cli/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void lines_with_secrets_are_told_from_others(void **state) {
    static const struct {
        const char *text;
        bool secret;
    } rows[] = {
        {"SELECT * FROM orders WHERE id = 5;", false},
        {"SELECT token FROM sessions;", false}, /* names one, holds none */
        {"CREATE TABLE users (name, password TEXT);", false},
        {".tables", false},
        {".connect acme", false},
        {".connect https://db.example.com/acme/", false},
        {"SELECT * FROM t WHERE id = '3f2504e0-4f89-11d3-9a0c-0305e82c3301';", false}, /* a UUID */
        {"SELECT 'task-1', 'ask-me';", false},
        {"PRAGMA key_columns;", false},
        {"PRAGMA user_version = 5;", false},
        {"UPDATE users SET password = 'hunter2' WHERE id = 1;", true},
        {"INSERT INTO users (name, PassWd) VALUES ('a', 'b');", true},
        {"PRAGMA key = 'x';", true},
        {"pragma main.\"rekey\"('x')", true},
        {"PRAGMA\n  hexkey=1;", true},
        {"SELECT 1; PRAGMA textkey(1);", true},
        {".connect libsql://user:pass@host/acme/", true},
        {".connect https://host/acme/?authToken=abc", true},
        {"SELECT 'eyJhbGciOiJFZERTQSJ9.eyJpZCI6ImEifQ.c2ln';", true},
        {"SELECT x'00112233445566778899aabbccddeeff00112233';", true},
        {"Authorization: Bearer abc", true},
        {"-- Bearer abcdef", true},
        {"INSERT INTO k VALUES ('sk_live_1')", true},
        {"INSERT INTO k VALUES ('-----BEGIN PRIVATE KEY-----", true},
        {" SELECT 1;", true}, /* the user's own sign */
        {"", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (trib_history_is_secret(trib_str_c(rows[i].text)) != rows[i].secret) fail_msg("%s", rows[i].text);
    }
}

static void what_is_too_long_to_edit_is_not_kept(void **state) {
    static char text[TRIB_HISTORY_ENTRY_BYTES + 1];
    (void)state;
    memset(text, ' ', sizeof text);
    text[0] = 'S';
    assert_false(trib_history_is_secret(trib_str_make(text, TRIB_HISTORY_ENTRY_BYTES)));
    assert_true(trib_history_is_secret(trib_str_make(text, sizeof text)));
}

static void statements_over_lines_become_one_line_where_that_changes_nothing(void **state) {
    static const struct {
        const char *typed, *entries;
    } rows[] = {
        {"SELECT 1;\n", "SELECT 1;\n"},
        {"SELECT 1,\n\t2;\n", "SELECT 1,  2;\n"},
        {"SELECT 1 -- one\n, 2;\n", "SELECT 1 -- one\n, 2;\n"},
        {"SELECT 'a\nb';\n", "SELECT 'a\nb';\n"},
        {"SELECT 'it''s', '--'\n;\n", "SELECT 'it''s', '--' ;\n"},
        {"PRAGMA\nkey = 1;\n", ""}, /* judged as a whole */
        {"\n", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_buf out;
        trib_buf_init(&out, 4096);
        trib_history_add_entries(&out, trib_str_c(rows[i].typed));
        if (!trib_str_eq_c(trib_buf_str(&out), rows[i].entries))
            fail_msg("%s -> %.*s", rows[i].typed, TRIB_STR_ARG(trib_buf_str(&out)));
        trib_buf_deinit(&out);
    }
}

static void the_file_is_where_xdg_says(void **state) {
    char path[64];
    (void)state;
    assert_true(trib_history_path("/s", "/h", path, sizeof path));
    assert_string_equal(path, "/s/tributary/shell_history");
    assert_true(trib_history_path("relative", "/h", path, sizeof path));
    assert_string_equal(path, "/h/.local/state/tributary/shell_history");
    assert_true(trib_history_path(NULL, "/h", path, sizeof path));
    assert_false(trib_history_path("", NULL, path, sizeof path));
    assert_false(trib_history_path("/a-folder-whose-name-is-too-long-for-the-buffer-here", "/h", path, 20));
}

static void the_file_is_the_users_own_and_bounded(void **state) {
    char folder[] = "/tmp/trib-history-XXXXXX", path[128], top[64];
    struct stat info;
    trib_error err;
    trib_buf lines;
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(top, sizeof top, "%s/state", folder);
    assert_true(trib_history_path(top, NULL, path, sizeof path));
    trib_buf_init(&lines, TRIB_HISTORY_FILE_BYTES);
    assert_int_equal(trib_history_read(path, &lines, &err), TRIB_OK); /* nothing yet */
    assert_int_equal(lines.len, 0);
    for (int i = 0; i < TRIB_HISTORY_ENTRIES + 5; i++) {
        char line[32];
        int n = snprintf(line, sizeof line, "line %d\n", i);
        assert_int_equal(trib_history_append(path, trib_str_make(line, (size_t)n), &err), TRIB_OK);
    }
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(stat(top, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);

    chmod(path, 0644); /* somebody was careless */
    assert_int_equal(trib_history_read(path, &lines, &err), TRIB_OK);
    assert_true(trib_str_starts(trib_buf_str(&lines), TRIB_STR("line 5\n")));
    assert_true(trib_str_ends(trib_buf_str(&lines), TRIB_STR("\nline 1004\n")));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(info.st_size, lines.len); /* cut on the disk too */
    trib_buf_deinit(&lines);

    unlink(path);
    assert_int_equal(symlink("/dev/null", path), 0); /* nobody is led elsewhere */
    assert_int_equal(trib_history_append(path, TRIB_STR("x\n"), &err), TRIB_IO);
    unlink(path);
    snprintf(path, sizeof path, "%s/tributary", top);
    rmdir(path);
    rmdir(top);
    rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_with_secrets_are_told_from_others),
        cmocka_unit_test(what_is_too_long_to_edit_is_not_kept),
        cmocka_unit_test(statements_over_lines_become_one_line_where_that_changes_nothing),
        cmocka_unit_test(the_file_is_where_xdg_says),
        cmocka_unit_test(the_file_is_the_users_own_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
