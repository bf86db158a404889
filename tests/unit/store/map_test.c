/* SPDX-License-Identifier: Apache-2.0 */
/* The page map by itself: what it continues into, what it answers, and that any damage to its file
 * begins a new epoch instead of telling less than changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/db_int.h"
#include "support/store_test.h"

static const char id_a[] = "00112233445566778899aabbccddeeff";
static const uint32_t salt_1[2] = {100, 7};
static const uint32_t salt_2[2] = {101, 8}; /* the log after that */
static const uint32_t salt_9[2] = {900, 9};

typedef struct fixture {
    trib_env_test env;
    trib_store *store;
    trib_db *db;
    char folder[300];
    char path[700];
} fixture;

/* A database that is closed, but whose folder is there: only its map is used. */
static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    trib_env_test_init(&f->env, false, 7);
    trib_test_folder_make(f->folder, sizeof f->folder);
    trib_store_config config = {.data_dir = f->folder, .inline_sync = true};
    assert_int_equal(trib_store_new(&config, &f->env.env, NULL, &f->store, NULL), TRIB_OK);
    assert_int_equal(trib_db_new(f->store, trib_str_c(id_a), &f->db, NULL), TRIB_OK);
    const trib_disk *disk = trib_disk_native();
    for (int depth = 0; trib_paths_parent(f->folder, &f->db->paths, depth, f->path, sizeof f->path); depth++)
        assert_int_equal(disk->make_folder(disk->ctx, f->path), 0);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    trib_db_free(f->db);
    trib_store_free(f->store);
    store_test_remove_folder(f->folder);
    free(f);
    return 0;
}

static trib_wal_scan_result log_of(const uint32_t *salt, uint32_t frames) {
    trib_wal_scan_result scan = {.has_header = salt != NULL, .frames = frames};
    if (salt) memcpy(scan.header.salt, salt, sizeof scan.header.salt);
    return scan;
}

/* Reads the map as at open and tells the epoch. */
static uint64_t load(fixture *f, const uint32_t *salt, uint32_t frames) {
    trib_wal_scan_result scan = log_of(salt, frames);
    assert_int_equal(trib_db_map_load(f->db, &scan, NULL), TRIB_OK);
    f->db->appended_no = f->db->map.file_commit_no;
    return f->db->map.epoch;
}

static void commit(fixture *f, uint32_t size_after, uint32_t page_a, uint32_t page_b) {
    uint32_t pages[2] = {page_a, page_b};
    trib_db_map_add(f->db, ++f->db->appended_no, pages, 2, size_after);
}

static void assert_changed(fixture *f, uint64_t since, const char *want) {
    char got[200] = "";
    trib_buf changed;
    trib_db_point point;
    trib_buf_init(&changed, 4096);
    assert_int_equal(trib_db_changed_pages(f->db, since, &changed, &point, NULL), TRIB_OK);
    for (size_t at = 0; at < changed.len; at += sizeof(trib_page_change)) {
        trib_page_change change;
        memcpy(&change, changed.ptr + at, sizeof change);
        assert_true(change.frame_no > since && change.frame_no <= point.frame_no);
        snprintf(got + strlen(got), sizeof got - strlen(got), "%u ", change.page);
    }
    assert_int_equal(point.commit_no, f->db->appended_no);
    trib_buf_deinit(&changed);
    assert_string_equal(got, want);
}

static void changed_pages_come_from_file_and_delta(void **state) {
    fixture *f = *state;
    load(f, salt_1, 0);
    commit(f, 5, 1, 5);
    commit(f, 5, 2, 2);
    assert_changed(f, 0, "1 2 5 ");
    assert_changed(f, 2, "2 ");
    assert_int_equal(trib_db_map_write(f->db, salt_1, 4, true, NULL), TRIB_OK);
    assert_int_equal(f->db->map.delta_count, 0);
    assert_changed(f, 0, "1 2 5 ");
    assert_changed(f, 2, "2 ");
    commit(f, 4, 1, 3); /* and the database got shorter */
    assert_changed(f, 2, "1 2 3 ");
    assert_changed(f, 5, "3 ");
    assert_changed(f, 6, "");
}

static void commits_that_were_cut_are_forgotten(void **state) {
    fixture *f = *state;
    load(f, salt_1, 0);
    commit(f, 9, 1, 2);
    commit(f, 9, 3, 4);
    commit(f, 9, 5, 6);
    trib_db_map_cut(f->db, 1);
    f->db->appended_no = 1;
    assert_changed(f, 0, "1 2 ");
}

static void map_continues_only_where_nothing_can_be_missing(void **state) {
    fixture *f = *state;
    static const struct {
        const char *name;
        bool full;
        const uint32_t *salt;
        uint32_t frames;
        bool continues;
        uint32_t replay_after;
    } rows[] = {
        {"the same log", false, salt_1, 6, true, 6},
        {"the same log, gone on", false, salt_1, 9, true, 6},
        {"the same log, but shorter than the map", false, salt_1, 5, false, 0},
        {"the next log, and all was copied", true, salt_2, 3, true, 0},
        {"the next log, and not all was copied", false, salt_2, 3, false, 0},
        {"no log, and all was copied", true, NULL, 0, true, 0},
        {"no log, and not all was copied", false, NULL, 0, false, 0},
        {"another log", true, salt_9, 3, false, 0},
        {"another log without commits", true, salt_9, 0, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t epoch = load(f, salt_9, 1);
        for (int n = 0; n < 3; n++) commit(f, 9, 1, 2);
        uint64_t no = f->db->appended_no;
        assert_int_equal(trib_db_map_write(f->db, salt_1, 6, rows[i].full, NULL), TRIB_OK);
        bool same = load(f, rows[i].salt, rows[i].frames) == epoch;
        if (same != rows[i].continues) fail_msg("%s", rows[i].name);
        assert_int_equal(f->db->map.file_commit_no, same ? no : 0);
        assert_int_equal(f->db->map.replay_after, rows[i].replay_after);
    }
}

static void map_of_a_log_that_never_began_serves_the_one_before(void **state) {
    fixture *f = *state;
    uint64_t epoch = load(f, salt_1, 0);
    commit(f, 9, 1, 2);
    commit(f, 9, 3, 4);
    assert_int_equal(trib_db_map_write(f->db, salt_2, 0, true, NULL), TRIB_OK); /* its header did not get to the disk */
    assert_true(load(f, salt_1, 4) == epoch);
    assert_int_equal(f->db->map.file_commit_no, 2);
    assert_int_equal(f->db->map.replay_after, 4);
    /* from then on it is the map of that log: what is appended to it counts, also after another crash */
    assert_true(load(f, salt_1, 6) == epoch);
    assert_int_equal(f->db->map.replay_after, 4);
    assert_changed(f, 0, "1 2 3 4 ");
}

static void damaged_file_begins_a_new_epoch(void **state) {
    fixture *f = *state;
    for (long at = 0; at < 64 + 16 + 8 * 3; at++) {
        load(f, salt_9, 1);
        commit(f, 3, 1, 3);
        assert_int_equal(trib_db_map_write(f->db, salt_1, 6, true, NULL), TRIB_OK);
        uint64_t epoch = f->db->map.epoch;
        assert_true(load(f, salt_1, 6) == epoch);
        FILE *file = fopen(f->db->paths.map, "r+b");
        assert_non_null(file);
        fseek(file, at, SEEK_SET);
        int byte = fgetc(file);
        fseek(file, at, SEEK_SET);
        fputc(byte ^ 0x10, file);
        fclose(file);
        if (load(f, salt_1, 6) == epoch) fail_msg("byte %ld", at);
    }
}

static void log_may_begin_only_under_a_map_that_continues_into_it(void **state) {
    fixture *f = *state;
    load(f, salt_1, 0);
    const trib_disk *disk = trib_disk_native(); /* a log takes its mode from the database file */
    assert_int_equal(disk->make_file(disk->ctx, f->db->paths.db), 0);
    assert_int_equal(trib_file_open(f->store->base, f->db->paths.wal, SQLITE_OPEN_CREATE, &f->db->sync_file, NULL),
                     TRIB_OK);
    commit(f, 3, 1, 3);
    assert_int_equal(trib_db_map_write(f->db, salt_1, 6, true, NULL), TRIB_OK);
    uint64_t epoch = f->db->map.epoch;
    assert_int_equal(trib_db_map_before_log(f->db, salt_2, NULL), TRIB_OK); /* as after a checkpoint: nothing to do */
    assert_int_equal(f->db->map.frame, 6);
    assert_int_equal(trib_db_map_before_log(f->db, salt_9, NULL), TRIB_OK); /* any other: the map is written for it */
    assert_int_equal(f->db->map.frame, 0);
    assert_true(load(f, salt_9, 4) == epoch);
    assert_int_equal(f->db->map.file_commit_no, 1);
    trib_file_close(f->db->sync_file);
    f->db->sync_file = NULL;
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(changed_pages_come_from_file_and_delta),
        T(commits_that_were_cut_are_forgotten),
        T(map_continues_only_where_nothing_can_be_missing),
        T(map_of_a_log_that_never_began_serves_the_one_before),
        T(damaged_file_begins_a_new_epoch),
        T(log_may_begin_only_under_a_map_that_continues_into_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
