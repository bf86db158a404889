/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a log: one that SQLite wrote, cut at every byte and damaged at every frame, must show the commits before the
 * damage and no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/store_int.h"
#include "store/wal.h"

enum { PAGE = 512, FRAME = PAGE + TRIB_WAL_FRAME_HEADER_BYTES, COMMITS = 6 };

/* A file that is in memory. */
typedef struct mem_file {
    sqlite3_file file; /* first */
    uint8_t *bytes;
    int64_t size;
    int fail; /* what reads answer; 0: they work */
} mem_file;

static int mem_read(sqlite3_file *file, void *out, int n, sqlite3_int64 at) {
    mem_file *m = (mem_file *)(void *)file;
    if (m->fail) return m->fail;
    assert_true(at + n <= m->size); /* the scan asks for nothing that is not there */
    memcpy(out, m->bytes + at, (size_t)n);
    return SQLITE_OK;
}

static int mem_size(sqlite3_file *file, sqlite3_int64 *ret) {
    *ret = ((mem_file *)(void *)file)->size;
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {.iVersion = 1, .xRead = mem_read, .xFileSize = mem_size};

typedef struct fixture {
    mem_file log;
    uint8_t *original;
    int64_t size;
    uint32_t ends[COMMITS + 1]; /* frame of the i-th commit, from 1 */
    uint32_t seen;
    uint32_t last;
} fixture;

static trib_code on_commit(void *ctx, uint32_t first, uint32_t last, const uint32_t *pages, uint32_t size_after) {
    fixture *f = ctx;
    assert_int_equal(first, f->last + 1); /* without holes */
    assert_true(last >= first && size_after > 0);
    for (uint32_t i = 0; i <= last - first; i++) assert_in_range(pages[i], 1, size_after);
    f->last = last;
    f->ends[++f->seen] = last;
    return TRIB_OK;
}

static trib_wal_scan_result scan(fixture *f) {
    trib_wal_scan_result r;
    f->seen = f->last = 0;
    uint32_t ends[COMMITS + 1];
    memcpy(ends, f->ends, sizeof ends);
    assert_int_equal(trib_wal_scan(&f->log.file, on_commit, f, &r, NULL), TRIB_OK);
    assert_int_equal(r.commits, f->seen);
    if (ends[COMMITS]) memcpy(f->ends, ends, sizeof ends);
    return r;
}

/* Has SQLite write a log and reads it before the connection ends. */
static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    char folder[] = "/tmp/trib-wal-XXXXXX";
    char path[80];
    sqlite3 *db = NULL;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.db", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA page_size=512; PRAGMA journal_mode=WAL; CREATE TABLE t(x);"
                                  "INSERT INTO t VALUES (1); INSERT INTO t VALUES (randomblob(3000));"
                                  "UPDATE t SET x = 2; INSERT INTO t VALUES (randomblob(900)); DELETE FROM t",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    snprintf(path, sizeof path, "%s/x.db-wal", folder);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    f->original = malloc(1 << 20);
    f->size = (int64_t)fread(f->original, 1, 1 << 20, file);
    fclose(file);
    sqlite3_close(db);
    snprintf(path, sizeof path, "rm -rf %s", folder);
    assert_int_equal(system(path), 0);
    f->log = (mem_file){.file.pMethods = &methods, .bytes = malloc(1 << 20), .size = f->size};
    memcpy(f->log.bytes, f->original, (size_t)f->size);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    free(f->original);
    free(f->log.bytes);
    free(f);
    return 0;
}

static uint32_t commits_up_to(const fixture *f, uint32_t frame) {
    uint32_t n = 0;
    while (n < COMMITS && f->ends[n + 1] <= frame) n++;
    return n;
}

static void every_commit_of_a_log_is_told_in_order(void **state) {
    fixture *f = *state;
    trib_wal_scan_result r = scan(f);
    assert_true(r.has_header);
    assert_int_equal(r.header.page_bytes, PAGE);
    assert_int_equal(r.commits, COMMITS);
    assert_int_equal(r.end, f->size);
    assert_int_equal(r.end, trib_wal_frame_offset(PAGE, r.frames + 1));
    assert_false(r.has_tail);
}

static void log_that_was_cut_shows_the_commits_before_the_cut(void **state) {
    fixture *f = *state;
    scan(f);
    for (int64_t size = 0; size <= f->size; size++) {
        f->log.size = size;
        trib_wal_scan_result r = scan(f);
        assert_int_equal(r.has_header, size >= TRIB_WAL_HEADER_BYTES);
        uint32_t whole = size < TRIB_WAL_HEADER_BYTES ? 0 : (uint32_t)((size - TRIB_WAL_HEADER_BYTES) / FRAME);
        assert_int_equal(r.commits, commits_up_to(f, whole));
        assert_int_equal(r.end, r.commits ? trib_wal_frame_offset(PAGE, f->ends[r.commits] + 1) : 0);
    }
}

static void damaged_frame_ends_the_log_and_what_follows_is_a_tail(void **state) {
    fixture *f = *state;
    uint32_t frames = scan(f).frames;
    for (uint32_t i = 1; i <= frames; i++) {
        for (int at = 0; at < FRAME; at += 61) { /* page, size, salts, checksum, contents */
            uint8_t *byte = &f->log.bytes[trib_wal_frame_offset(PAGE, i) + (uint64_t)at];
            *byte ^= 0x40;
            trib_wal_scan_result r = scan(f);
            assert_int_equal(r.commits, commits_up_to(f, i - 1));
            bool only_salts_differ = r.frames + 1 == frames && at >= 8 && at < 16;
            assert_int_equal(r.has_tail, !only_salts_differ);
            *byte ^= 0x40;
        }
    }
}

static void frames_of_an_older_log_are_no_tail(void **state) {
    fixture *f = *state;
    uint32_t frames = scan(f).frames;
    uint32_t first = f->ends[3] + 1;
    for (uint32_t i = first; i <= frames; i++) f->log.bytes[trib_wal_frame_offset(PAGE, i) + 11]++;
    trib_wal_scan_result r = scan(f);
    assert_int_equal(r.commits, 3);
    assert_false(r.has_tail);
    f->log.bytes[trib_wal_frame_offset(PAGE, frames) + 11]--; /* but one frame of ours is, wherever it stands */
    assert_true(scan(f).has_tail);
}

static void damaged_header_is_an_empty_log(void **state) {
    fixture *f = *state;
    scan(f);
    for (int at = 0; at < TRIB_WAL_HEADER_BYTES; at++) {
        f->log.bytes[at] ^= 0x04;
        trib_wal_scan_result r = scan(f);
        assert_false(r.has_header);
        assert_int_equal(r.commits + r.frames + r.end, 0);
        f->log.bytes[at] ^= 0x04;
    }
}

static void log_that_cannot_be_read_is_an_error_not_an_empty_log(void **state) {
    fixture *f = *state;
    trib_wal_scan_result r = {.frames = 99};
    trib_error err = {0};
    f->log.fail = SQLITE_IOERR_READ;
    assert_int_equal(trib_wal_scan(&f->log.file, NULL, NULL, &r, &err), TRIB_IO);
    assert_int_equal(r.frames, 99); /* untouched */
    assert_true(err.message[0]);
    f->log.fail = SQLITE_IOERR_NOMEM;
    assert_int_equal(trib_wal_scan(&f->log.file, NULL, NULL, &r, &err), TRIB_NOMEM);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(every_commit_of_a_log_is_told_in_order),
        T(log_that_was_cut_shows_the_commits_before_the_cut),
        T(damaged_frame_ends_the_log_and_what_follows_is_a_tail),
        T(frames_of_an_older_log_are_no_tail),
        T(damaged_header_is_an_empty_log),
        T(log_that_cannot_be_read_is_an_error_not_an_empty_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
