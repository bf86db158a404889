/* SPDX-License-Identifier: Apache-2.0 */
/* Doctor on folders with one thing wrong each: it finds that and nothing else, changes nothing without `fix`, mends
 * only what it says, and leaves the folder of a running server alone. */
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

#include "server/doctor.h"
#include "store/plain_file.h"

#define KNOWN  "aabb0000000000000000000000000001"
#define ORPHAN "ccdd0000000000000000000000000002"

typedef struct fixture {
    char folder[64];
    trib_config config;
    trib_doctor doctor;
} fixture;

static void put(const fixture *f, const char *name, mode_t mode, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static bool is_there(const fixture *f, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    return access(path, F_OK) == 0;
}

static void make_folder(const fixture *f, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

/* A registry that names one database. */
static void make_registry(const fixture *f) {
    static const char *const sql[] = {"PRAGMA journal_mode = WAL", "CREATE TABLE tenant(id TEXT, created_ms INTEGER)",
                                      "CREATE TABLE removal(id TEXT)", "INSERT INTO tenant VALUES ('" KNOWN "', 1000)"};
    char path[256];
    trib_plain_file *file = NULL;
    trib_plain_rows found;
    trib_arena arena;
    put(f, "control.db", 0600, "");
    snprintf(path, sizeof path, "%s/control.db", f->folder);
    trib_arena_init(&arena, 1 << 20);
    assert_int_equal(trib_plain_file_open(path, &file, NULL), TRIB_OK);
    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++)
        assert_int_equal(trib_plain_file_execute(file, trib_str_c(sql[i]), NULL, 0, &arena, &found, NULL), TRIB_OK);
    trib_plain_file_close(file);
    trib_arena_deinit(&arena);
}

/* A folder in which nothing is wrong. */
static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    memcpy(f->folder, "/tmp/trib-doctor-XXXXXX", 24);
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(trib_config_init(&f->config, NULL), TRIB_OK);
    assert_int_equal(trib_config_add_flag(&f->config, TRIB_STR("data"), f->folder, NULL), TRIB_OK);
    assert_int_equal(trib_config_finish(&f->config, NULL), TRIB_OK);
    make_registry(f);
    put(f, "lock", 0600, "");
    put(f, "admin.key", 0600, "k");
    make_folder(f, "db");
    make_folder(f, "db/aa");
    make_folder(f, "db/aa/bb");
    put(f, "db/aa/bb/" KNOWN ".db", 0600, "x");
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): a folder that mkdtemp named
    trib_config_deinit(&f->config);
    free(f);
    return 0;
}

/* Looks at the folder; returns how many findings there are and, of `check`, its text or NULL. */
static const char *look(fixture *f, bool fix, trib_doctor_check check, bool *ret_fixed) {
    const char *what = NULL;
    assert_int_equal(trib_doctor_open(&f->doctor, &f->config, fix, NULL), TRIB_OK);
    trib_doctor_look_folder(&f->doctor);
    for (size_t i = 0; i < f->doctor.count; i++) {
        if (f->doctor.findings[i].check != check) continue;
        what = f->doctor.findings[i].what;
        if (ret_fixed) *ret_fixed = f->doctor.findings[i].fixed;
    }
    trib_doctor_close(&f->doctor);
    return what;
}

static void nothing_is_found_where_nothing_is_wrong(void **state) {
    fixture *f = *state;
    assert_null(look(f, false, TRIB_DOCTOR_ORPHANS, NULL));
    for (size_t i = 0; i < f->doctor.count; i++) fail_msg("%s", f->doctor.findings[i].what);
    assert_true(f->doctor.knows_ids);
    assert_int_equal(f->doctor.newest_ms, 1000);
}

static void every_check_has_an_id_of_its_own_and_all_texts(void **state) {
    (void)state;
    for (size_t i = 0; i < TRIB_DOCTOR_CHECK_COUNT; i++) {
        const trib_doctor_row *row = trib_doctor_row_at(i);
        assert_true(row->id[0] && row->looks[0] && row->why[0] && row->fix[0]);
        assert_null(strpbrk(row->looks, "\"|\\"));
        for (size_t j = 0; j < i; j++) assert_string_not_equal(row->id, trib_doctor_row_at(j)->id);
    }
}

static void orphans_are_told_and_moved_only_when_asked(void **state) {
    fixture *f = *state;
    bool fixed = true;
    make_folder(f, "db/cc");
    make_folder(f, "db/cc/dd");
    put(f, "db/cc/dd/" ORPHAN ".db", 0600, "data");
    put(f, "db/cc/dd/" ORPHAN ".db-wal", 0600, "");
    const char *what = look(f, false, TRIB_DOCTOR_ORPHANS, &fixed);
    assert_non_null(what);
    assert_non_null(strstr(what, "2 entries, 4 bytes"));
    assert_false(fixed);
    assert_int_equal(f->doctor.count, 1);
    assert_true(is_there(f, "db/cc/dd/" ORPHAN ".db"));
    assert_non_null(look(f, true, TRIB_DOCTOR_ORPHANS, &fixed));
    assert_true(fixed);
    assert_int_equal(trib_doctor_worst(&f->doctor), TRIB_DOCTOR_INFO);
    assert_false(is_there(f, "db/cc/dd/" ORPHAN ".db"));
    assert_true(is_there(f, TRIB_DOCTOR_LOST_FOLDER "/" ORPHAN ".db"));
    assert_true(is_there(f, "db/aa/bb/" KNOWN ".db"));
    /* what lies there is never written over */
    put(f, "db/cc/dd/" ORPHAN ".db", 0600, "other");
    assert_non_null(look(f, true, TRIB_DOCTOR_ORPHANS, &fixed));
    assert_false(fixed);
    assert_true(is_there(f, "db/cc/dd/" ORPHAN ".db"));
}

static void an_unreadable_registry_makes_no_orphans(void **state) {
    fixture *f = *state;
    put(f, "control.db", 0600,
        "this is no database at all, but as long as a header of one must be, which has 100 bytes");
    assert_null(look(f, true, TRIB_DOCTOR_ORPHANS, NULL));
    assert_non_null(look(f, true, TRIB_DOCTOR_REGISTRY, NULL));
    assert_true(is_there(f, "db/aa/bb/" KNOWN ".db"));
}

static void files_of_a_running_server_stay_where_they_are(void **state) {
    fixture *f = *state;
    char path[256];
    snprintf(path, sizeof path, "%s/lock", f->folder);
    int lock = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
    put(f, "db/aa/bb/" KNOWN ".map.tmp", 0600, "");
    assert_null(look(f, true, TRIB_DOCTOR_TEMPORARY, NULL)); /* it may be on its way */
    assert_true(f->doctor.running);
    assert_false(f->doctor.knows_ids);
    assert_true(is_there(f, "db/aa/bb/" KNOWN ".map.tmp"));
    close(lock);
    bool fixed = false;
    assert_non_null(look(f, true, TRIB_DOCTOR_TEMPORARY, &fixed));
    assert_true(fixed && !is_there(f, "db/aa/bb/" KNOWN ".map.tmp"));
}

static void open_modes_are_told_and_mended(void **state) {
    fixture *f = *state;
    bool fixed = true;
    struct stat st;
    put(f, "admin.key", 0644, "k");
    put(f, "db/aa/bb/" KNOWN ".db", 0640, "x");
    assert_int_equal(chmod(f->folder, 0755), 0);
    assert_non_null(strstr(look(f, false, TRIB_DOCTOR_MODE_SECRET, &fixed), "admin.key"));
    assert_false(fixed);
    assert_int_equal(f->doctor.count, 3);
    assert_int_equal(trib_doctor_worst(&f->doctor), TRIB_DOCTOR_ERROR);
    assert_non_null(look(f, true, TRIB_DOCTOR_MODE_FOLDER, &fixed));
    assert_true(fixed);
    assert_int_equal(stat(f->folder, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_null(look(f, false, TRIB_DOCTOR_MODE_SECRET, NULL));
    assert_int_equal(f->doctor.count, 0);
}

static void links_are_told_and_never_followed(void **state) {
    fixture *f = *state;
    char path[256];
    struct stat st;
    put(f, "outside", 0644, "x");
    snprintf(path, sizeof path, "%s/db/aa/bb/aabb0000000000000000000000000003.db", f->folder);
    assert_int_equal(symlink("../../../outside", path), 0);
    assert_non_null(look(f, true, TRIB_DOCTOR_LINKS, NULL));
    assert_int_equal(f->doctor.count, 1);
    snprintf(path, sizeof path, "%s/outside", f->folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
}

static void damage_is_told_with_its_reason(void **state) {
    fixture *f = *state;
    put(f, "db/aa/bb/" KNOWN ".quarantine", 0600, "SCRUB_TABLE: a row is missing\nsince 1\n");
    assert_non_null(strstr(look(f, false, TRIB_DOCTOR_QUARANTINED, NULL), "a row is missing"));
    put(f, "db/aa/bb/" KNOWN ".map", 0600, "no map");
    assert_non_null(look(f, false, TRIB_DOCTOR_MAP_STALE, NULL));
    char path[256];
    snprintf(path, sizeof path, "%s/db/aa/bb/" KNOWN ".db", f->folder);
    assert_int_equal(unlink(path), 0);
    assert_non_null(look(f, true, TRIB_DOCTOR_FILE_MISSING, NULL));
}

static void a_log_that_is_too_large_is_told(void **state) {
    fixture *f = *state;
    char path[256];
    snprintf(path, sizeof path, "%s/db/aa/bb/" KNOWN ".db-wal", f->folder);
    put(f, "db/aa/bb/" KNOWN ".db-wal", 0600, "");
    assert_int_equal(truncate(path, (64 << 20) + 1), 0);
    assert_non_null(look(f, false, TRIB_DOCTOR_LOG_LARGE, NULL));
}

static void settings_that_do_not_fit_are_told(void **state) {
    fixture *f = *state;
    assert_int_equal(trib_doctor_open(&f->doctor, &f->config, false, NULL), TRIB_OK);
    trib_doctor_look_settings(&f->doctor);
    assert_int_equal(f->doctor.count, 0);
    f->config.max_row = f->config.max_response + 1;
    f->config.session_idle = 1000;
    f->config.listen = "0.0.0.0:8080";
    trib_doctor_look_settings(&f->doctor);
    assert_int_equal(f->doctor.count, 3);
    assert_int_equal(f->doctor.findings[2].check, TRIB_DOCTOR_EXPOSED);
    trib_doctor_close(&f->doctor);
}

static void mistakes_in_stream_types_are_told_with_their_lines(void **state) {
    fixture *f = *state;
    make_folder(f, "stream-types");
    put(f, "stream-types/mine.json", 0600, "{\n  \"name\": 7\n}");
    assert_int_equal(trib_doctor_open(&f->doctor, &f->config, false, NULL), TRIB_OK);
    trib_doctor_look_settings(&f->doctor);
    assert_true(f->doctor.count > 0);
    assert_int_equal(f->doctor.findings[0].check, TRIB_DOCTOR_STREAM_TYPES);
    assert_non_null(strstr(f->doctor.findings[0].what, "mine.json:1:1: "));
    trib_doctor_close(&f->doctor);
}

static void the_machine_is_looked_at_without_leaving_anything(void **state) {
    fixture *f = *state;
    assert_int_equal(trib_doctor_open(&f->doctor, &f->config, false, NULL), TRIB_OK);
    f->doctor.newest_ms = INT64_C(32503680000000); /* in the year 3000 */
    trib_doctor_look_system(&f->doctor);
    bool clock = false;
    for (size_t i = 0; i < f->doctor.count; i++) clock |= f->doctor.findings[i].check == TRIB_DOCTOR_CLOCK_WRONG;
    assert_true(clock);
    trib_doctor_close(&f->doctor);
    assert_null(look(f, false, TRIB_DOCTOR_TEMPORARY, NULL));
    assert_int_equal(f->doctor.count, 0);
}

static void a_missing_folder_is_a_finding(void **state) {
    fixture *f = *state;
    f->config.data = "/tmp/trib-doctor-there-is-none";
    assert_non_null(look(f, true, TRIB_DOCTOR_FOLDER_MISSING, NULL));
    assert_int_equal(f->doctor.count, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(nothing_is_found_where_nothing_is_wrong),
        cmocka_unit_test(every_check_has_an_id_of_its_own_and_all_texts),
        T(orphans_are_told_and_moved_only_when_asked),
        T(an_unreadable_registry_makes_no_orphans),
        T(files_of_a_running_server_stay_where_they_are),
        T(open_modes_are_told_and_mended),
        T(links_are_told_and_never_followed),
        T(damage_is_told_with_its_reason),
        T(a_log_that_is_too_large_is_told),
        T(settings_that_do_not_fit_are_told),
        T(mistakes_in_stream_types_are_told_with_their_lines),
        T(the_machine_is_looked_at_without_leaving_anything),
        T(a_missing_folder_is_a_finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
