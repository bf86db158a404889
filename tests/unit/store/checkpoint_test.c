/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints in two steps: who waits for the turn writes behind the copy, the log begins anew after it, and nothing is
 * left of one that was not finished. That short logs stay and readers hold a log back is in store_test.c, that only
 * durable commits are copied in tests/fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/store_folder_test.h"

/* From here on a log is copied; from twice as much on it would be copied in one piece. */
enum { LOG_BYTES = 64 * 1024 };

static uint64_t log_bytes(trib_db *db) {
    trib_db_stats stats;
    trib_db_get_stats(db, &stats);
    return stats.log_bytes;
}

static int64_t database_bytes(const fixture *f) {
    char path[600];
    snprintf(path, sizeof path, "%s/db/00/11/%s.db", f->folder, id_a);
    return trib_disk_native()->size(NULL, path);
}

typedef struct writers {
    trib_db *db;
    trib_handle *writer, *next;
    store_test_wait wait;
} writers;

/* A log that is long, of a writer that has just committed, and another one that waits for the turn. */
static void begin(fixture *f, writers *w) {
    trib_store_free(f->store);
    open_store(f, LOG_BYTES);
    trib_db *db = w->db = get_db(f);
    trib_handle *writer = w->writer = take(db), *next = w->next = take(db);
    store_test_wait *wait = &w->wait;
    enter(f, writer);
    enter(f, next);
    assert_int_equal(exec(writer, "CREATE TABLE t(x)", true), TRIB_OK);
    assert_int_equal(exec(writer,
                          "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) "
                          "SELECT randomblob(3000) FROM n",
                          true),
                     TRIB_OK);
    assert_int_equal(exec(writer, "BEGIN IMMEDIATE", true), TRIB_OK);
    trib_store_run_pending(f->store);
    assert_true(log_bytes(db) > LOG_BYTES);
    store_test_wait_init(wait);
    assert_int_equal(exec(next, "INSERT INTO t VALUES ('next')", true), TRIB_AGAIN);
    assert_int_equal(trib_turn_wait(next, &wait->turn, NULL), TRIB_AGAIN);
    assert_int_equal(exec(writer, "INSERT INTO t VALUES ('last')", true), TRIB_OK);
    assert_int_equal(exec(writer, "COMMIT", true), TRIB_OK);
}

static void leave(const writers *w) {
    trib_handle_leave(w->writer);
    trib_handle_leave(w->next);
    trib_handle_give(w->writer);
    trib_handle_give(w->next);
}

static void writers_go_on_behind_the_copy_and_the_log_begins_anew_after_it(void **state) {
    fixture *f = *state;
    writers w;
    begin(f, &w);
    assert_int_equal(w.wait.calls, 0); /* the turn is the checkpoint's, until its snapshot is open */
    int64_t before = database_bytes(f);
    trib_store_run_pending(f->store);
    assert_int_equal(w.wait.calls, 1);
    assert_true(database_bytes(f) > before + LOG_BYTES);
    uint64_t copied = log_bytes(w.db);
    assert_int_equal(exec(w.next, "INSERT INTO t VALUES ('next')", true), TRIB_OK);
    assert_true(log_bytes(w.db) > copied); /* all of it was copied, and it was not begun anew */
    trib_store_run_pending(f->store);
    assert_int_equal(log_bytes(w.db), 0);
    assert_int_equal(exec(w.writer, "INSERT INTO t VALUES ('in a new log')", true), TRIB_OK);
    leave(&w);
    trib_db_unref(w.db);
    trib_store_free(f->store);
    open_store(f, LOG_BYTES);
    trib_db *db = get_db(f);
    trib_handle *writer = take(db);
    enter(f, writer);
    assert_int_equal(number(writer, "SELECT count(*) FROM t"), 23);
    trib_handle_leave(writer);
    trib_handle_give(writer);
    trib_db_unref(db);
}

/* Nobody is inside the pin between the two steps, so it goes with the other connections; a second step that comes after
 * that must not touch it. */
static void a_quarantine_in_between_leaves_nothing_behind(void **state) {
    fixture *f = *state;
    writers w;
    begin(f, &w);
    trib_store_run_pending(f->store);
    assert_int_equal(w.wait.calls, 1);
    trib_db_quarantine(w.db, TRIB_DAMAGE_RECOVERY_FAILED, "for the test");
    leave(&w);
    trib_store_run_pending(f->store);
    trib_db_unref(w.db);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(writers_go_on_behind_the_copy_and_the_log_begins_anew_after_it),
        T(a_quarantine_in_between_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
