/* SPDX-License-Identifier: Apache-2.0 */
/* The check of a whole database: a good one passes in few pieces, files that are damaged on the disk are found and
 * taken out of service with a code, and come back only when what lies there is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/check.h"
#include "store/db_int.h"
#include "support/store_test.h"

static const char id_a[] = "00112233445566778899aabbccddeeff";

typedef struct fixture {
    trib_env_test env;
    trib_store *store;
    char folder[300];
    trib_paths paths;
    trib_session_vars vars;
    trib_db *db;
    trib_handle *h;
} fixture;

static void enter(fixture *f) {
    assert_int_equal(trib_store_db_get(f->store, trib_str_c(id_a), NULL, &f->db, NULL), TRIB_OK);
    assert_int_equal(trib_handle_take(f->db, &f->h, NULL), TRIB_OK);
    assert_int_equal(trib_handle_enter(f->h, TRIB_ACCESS_SYSTEM, &f->vars, NULL), TRIB_OK);
}

static void leave(fixture *f) {
    trib_handle_leave(f->h);
    trib_handle_give(f->h);
    trib_db_unref(f->db);
}

static trib_code exec(fixture *f, const char *sql) {
    int rc;
    char text[64];
    trib_code code = store_test_exec(f->h, sql, true, text, sizeof text, &rc);
    trib_store_run_pending(f->store);
    return code;
}

static void open_store(fixture *f) {
    trib_store_config config = {.data_dir = f->folder, .inline_sync = true};
    assert_int_equal(trib_store_new(&config, &f->env.env, NULL, &f->store, NULL), TRIB_OK);
}

/* Everything in the database file, nothing open. */
static void open_anew(fixture *f) {
    trib_store_free(f->store);
    open_store(f);
}

/* A database with two tables, an index and free pages, all in its file. */
static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    trib_env_test_init(&f->env, false, 7);
    trib_test_folder_make(f->folder, sizeof f->folder);
    open_store(f);
    assert_int_equal(trib_paths_make(f->folder, trib_str_c(id_a), &f->paths, NULL), TRIB_OK);
    enter(f);
    static const char *const sql[] = {
        "CREATE TABLE n(a INTEGER PRIMARY KEY, b TEXT)",
        "CREATE TABLE \"it's\"(x)",
        "CREATE INDEX n_b ON n(b)",
        "WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c WHERE x < 2000)"
        " INSERT INTO n SELECT x, hex(x) || 'abcdefghijklmnopqrstuvwxyz' FROM c",
        "INSERT INTO \"it's\" SELECT hex(randomblob(2000)) FROM n LIMIT 30",
        "DELETE FROM \"it's\" WHERE rowid > 2",
    };
    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) assert_int_equal(exec(f, sql[i]), TRIB_OK);
    leave(f);
    open_anew(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    trib_store_free(f->store);
    store_test_remove_folder(f->folder);
    free(f);
    return 0;
}

static void spoil(const fixture *f, off_t at, size_t bytes) {
    char junk[8192];
    memset(junk, 0x5a, sizeof junk);
    int fd = open(f->paths.db, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, junk, bytes, at), (ssize_t)bytes);
    close(fd);
}

static trib_code check_all(fixture *f, trib_db_check *check, int *ret_pieces, trib_error *err) {
    trib_code code = TRIB_OK;
    *ret_pieces = 0;
    for (*check = (trib_db_check){0}; code == TRIB_OK && check->phase != TRIB_CHECK_DONE; ++*ret_pieces)
        code = trib_db_check_piece(f->h, check, err);
    return code;
}

static void a_good_database_passes_and_stays_in_service(void **state) {
    fixture *f = *state;
    trib_db_check check;
    trib_error err;
    int pieces;
    enter(f);
    assert_int_equal(check_all(f, &check, &pieces, &err), TRIB_OK);
    assert_in_range(pieces, 3, 5);
    assert_false(check.damaged || check.told || check.skipped);
    assert_int_equal(exec(f, "INSERT INTO n(b) VALUES ('still here')"), TRIB_OK);
    leave(f);
}

static void tables_are_checked_one_by_one_where_there_is_much(void **state) {
    fixture *f = *state;
    trib_error err;
    trib_db_check check = {.phase = TRIB_CHECK_TABLES, .next = 2}; /* behind what a small one would do at once */
    int pieces = 0;
    enter(f);
    for (; check.phase == TRIB_CHECK_TABLES; pieces++)
        assert_int_equal(trib_db_check_piece(f->h, &check, &err), TRIB_OK);
    assert_int_equal(pieces, 2); /* "it's", and the end */
    assert_int_equal(trib_db_check_piece(f->h, &check, &err), TRIB_OK);
    assert_int_equal(check.phase, TRIB_CHECK_DONE);
    leave(f);
}

static void a_database_that_was_never_written_passes(void **state) {
    fixture *f = *state;
    trib_db_check check;
    trib_error err;
    int pieces;
    assert_int_equal(trib_store_db_delete(f->store, trib_str_c(id_a), NULL), TRIB_OK);
    enter(f);
    assert_int_equal(check_all(f, &check, &pieces, &err), TRIB_OK);
    leave(f);
}

static void what_a_constraint_says_is_no_damage(void **state) {
    fixture *f = *state;
    trib_db_check check;
    trib_error err;
    int pieces;
    enter(f);
    assert_int_equal(exec(f, "PRAGMA ignore_check_constraints = 1"), TRIB_OK);
    assert_int_equal(exec(f, "CREATE TABLE c(v CHECK (v > 0))"), TRIB_OK);
    assert_int_equal(exec(f, "INSERT INTO c VALUES (-1)"), TRIB_OK);
    assert_int_equal(exec(f, "PRAGMA ignore_check_constraints = 0"), TRIB_OK);
    assert_int_equal(check_all(f, &check, &pieces, &err), TRIB_OK);
    assert_false(check.damaged || check.told);
    leave(f);
}

/* The database is damaged at `at`, and the check says so with this code. */
static void is_found(fixture *f, const char *code_text) {
    trib_db_check check;
    trib_error err;
    trib_quarantine note;
    bool found = false;
    int pieces;
    enter(f);
    assert_int_equal(check_all(f, &check, &pieces, &err), TRIB_DATABASE_QUARANTINED);
    assert_true(check.damaged);
    assert_true(check.text[0]);
    leave(f);
    assert_int_equal(trib_store_quarantine_get(f->store, trib_str_c(id_a), &note, &found, NULL), TRIB_OK);
    assert_true(found);
    assert_string_equal(note.code, code_text);
    assert_true(note.since_ms > 0);
    assert_int_equal(trib_store_db_get(f->store, trib_str_c(id_a), NULL, &f->db, &err), TRIB_DATABASE_QUARANTINED);
    assert_int_equal(trib_store_count_quarantined(f->store), 1);
}

static void a_spoiled_page_is_found_though_it_was_cached(void **state) {
    fixture *f = *state;
    enter(f);
    assert_int_equal(exec(f, "SELECT count(*), max(b) FROM n"), TRIB_OK);
    spoil(f, 5 * 4096, 4096);
    leave(f);
    is_found(f, "CHECK_TREE");
}

static void a_file_that_was_cut_is_found(void **state) {
    fixture *f = *state;
    enter(f);
    leave(f);
    assert_int_equal(truncate(f->paths.db, 3 * 4096), 0);
    is_found(f, "CHECK_SIZE");
}

static void a_file_comes_back_only_when_it_is_whole(void **state) {
    fixture *f = *state;
    trib_error err;
    trib_quarantine note;
    bool found = true;
    char copy[700], command[1700];
    snprintf(copy, sizeof copy, "%s/good", f->folder);
    snprintf(command, sizeof command, "cp '%s' '%s'", f->paths.db, copy);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): paths of the test
    spoil(f, 5 * 4096, 4096);
    is_found(f, "CHECK_TREE");
    /* as it is it does not */
    assert_int_equal(trib_store_release(f->store, trib_str_c(id_a), false, &err), TRIB_DATABASE_QUARANTINED);
    assert_int_equal(trib_store_db_get(f->store, trib_str_c(id_a), NULL, &f->db, &err), TRIB_DATABASE_QUARANTINED);
    open_anew(f);
    assert_int_equal(trib_store_db_get(f->store, trib_str_c(id_a), NULL, &f->db, &err), TRIB_DATABASE_QUARANTINED);
    snprintf(command, sizeof command, "cp '%s' '%s'", copy, f->paths.db);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): paths of the test
    assert_int_equal(trib_store_release(f->store, trib_str_c(id_a), false, &err), TRIB_OK);
    assert_int_equal(trib_store_quarantine_get(f->store, trib_str_c(id_a), &note, &found, NULL), TRIB_OK);
    assert_false(found);
    enter(f);
    assert_int_equal(exec(f, "INSERT INTO n(b) VALUES ('back')"), TRIB_OK);
    leave(f);
    open_anew(f);
    enter(f);
    assert_int_equal(exec(f, "SELECT 1 FROM n WHERE b = 'back'"), TRIB_OK);
    leave(f);
}

static void a_session_that_held_a_handle_loses_it_with_the_release(void **state) {
    fixture *f = *state;
    trib_error err;
    trib_session_vars vars = {0};
    enter(f);
    assert_int_equal(exec(f, "BEGIN"), TRIB_OK);
    trib_handle_leave(f->h);
    trib_db_quarantine(f->db, TRIB_DAMAGE_MALFORMED, "a test\nwith a line");
    assert_int_equal(trib_store_release(f->store, trib_str_c(id_a), false, &err), TRIB_OK);
    assert_int_equal(trib_handle_enter(f->h, TRIB_ACCESS_SYSTEM, &vars, &err), TRIB_NOT_COMMITTED);
    assert_int_equal(trib_handle_enter(f->h, TRIB_ACCESS_SYSTEM, &vars, &err), TRIB_OK);
    assert_int_equal(exec(f, "INSERT INTO n(b) VALUES ('x')"), TRIB_OK);
    leave(f);
}

static void notes_of_older_versions_are_read(void **state) {
    fixture *f = *state;
    trib_quarantine note;
    bool found = false;
    int fd = open(f->paths.quarantine, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "database disk image is malformed", 32), 32);
    close(fd);
    assert_int_equal(trib_store_quarantine_get(f->store, trib_str_c(id_a), &note, &found, NULL), TRIB_OK);
    assert_true(found);
    assert_string_equal(note.reason, "database disk image is malformed");
    assert_string_equal(note.code, "UNKNOWN");
    assert_int_equal(note.since_ms, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_good_database_passes_and_stays_in_service),
        T(tables_are_checked_one_by_one_where_there_is_much),
        T(a_database_that_was_never_written_passes),
        T(what_a_constraint_says_is_no_damage),
        T(a_spoiled_page_is_found_though_it_was_cached),
        T(a_file_that_was_cut_is_found),
        T(a_file_comes_back_only_when_it_is_whole),
        T(a_session_that_held_a_handle_loses_it_with_the_release),
        T(notes_of_older_versions_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
