/* SPDX-License-Identifier: Apache-2.0 */
/* The store on a real folder: databases on demand, the turn, the gate, checkpoints, numbers across restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <ftw.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "support/store_folder_test.h"

static bool file_exists(fixture *f, const char *suffix) {
    char path[600];
    snprintf(path, sizeof path, "%s/db/00/11/%s%s", f->folder, id_a, suffix);
    return trib_disk_native()->size(NULL, path) >= 0;
}

static void never_written_database_reads_empty_and_makes_no_files(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *h = take(db);
    enter(f, h);
    assert_int_equal(number(h, "SELECT count(*) FROM sqlite_schema"), 0);
    assert_int_equal(trib_gate_wait(db, trib_handle_ticket(h), NULL), TRIB_OK);
    assert_false(file_exists(f, ".db"));
    /* a second handle makes the files; the first, older one must see them */
    trib_handle *w = take(db);
    enter(f, w);
    assert_int_equal(exec(w, "CREATE TABLE t(x)", true), TRIB_OK);
    assert_true(file_exists(f, ".db"));
    assert_int_equal(number(h, "SELECT count(*) FROM sqlite_schema"), 1);
    /* and may then write itself */
    assert_int_equal(exec(h, "INSERT INTO t VALUES (1)", true), TRIB_OK);
    trib_handle_leave(w);
    trib_handle_leave(h);
    trib_handle_give(w);
    trib_handle_give(h);
    trib_db_unref(db);
}

static void transaction_that_began_before_the_files_existed_can_write(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *h = take(db);
    enter(f, h);
    assert_int_equal(exec(h, "BEGIN", false), TRIB_OK);
    assert_int_equal(number(h, "SELECT count(*) FROM sqlite_schema"), 0);
    assert_int_equal(exec(h, "CREATE TABLE t(x)", true), TRIB_OK);
    assert_true(trib_handle_stateful(h));
    assert_int_equal(exec(h, "COMMIT", false), TRIB_OK);
    assert_false(trib_handle_stateful(h));
    trib_handle_leave(h);
    trib_handle_give(h);
    trib_db_unref(db);
}

static void answer_waits_at_the_gate_until_the_sync(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *h = take(db);
    trib_handle *r = take(db);
    store_test_wait w1, w2;
    store_test_wait_init(&w1);
    store_test_wait_init(&w2);
    enter(f, h);
    assert_int_equal(exec(h, "CREATE TABLE t(x)", true), TRIB_OK);
    uint64_t ticket = trib_handle_ticket(h);
    trib_handle_leave(h);
    /* a reader that sees the commit depends on it too */
    enter(f, r);
    assert_int_equal(number(r, "SELECT count(*) FROM t"), 0);
    uint64_t seen = trib_handle_ticket(r);
    trib_handle_leave(r);
    assert_int_equal(trib_gate_wait(db, ticket, &w1.gate), TRIB_AGAIN);
    assert_int_equal(trib_gate_wait(db, seen, &w2.gate), TRIB_AGAIN);
    assert_int_equal(w1.calls, 0);
    assert_int_equal(f->commits_heard, 0);
    trib_store_run_pending(f->store);
    assert_int_equal(w1.calls, 1);
    assert_int_equal(w1.code, TRIB_OK);
    assert_int_equal(w2.calls, 1);
    assert_int_equal(f->commits_heard, 1);
    assert_int_equal(trib_gate_wait(db, ticket, &w1.gate), TRIB_OK);
    trib_handle_give(h);
    trib_handle_give(r);
    trib_db_unref(db);
}

static void relaxed_answers_do_not_wait_but_the_sync_follows(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *h = take(db);
    trib_db_settings settings = {.relaxed = true};
    store_test_wait w;
    trib_store_set_settings(f->store, trib_str_c(id_a), &settings);
    enter(f, h);
    assert_int_equal(exec(h, "CREATE TABLE t(x)", true), TRIB_OK);
    trib_handle_leave(h);
    assert_int_equal(trib_gate_wait(db, trib_handle_ticket(h), NULL), TRIB_OK);
    assert_int_equal(f->commits_heard, 0);
    trib_store_run_pending(f->store);
    assert_int_equal(f->commits_heard, 1);
    /* the way back counts for what was answered before, too */
    enter(f, h);
    assert_int_equal(exec(h, "INSERT INTO t VALUES (1)", true), TRIB_OK);
    settings.relaxed = false;
    trib_store_set_settings(f->store, trib_str_c(id_a), &settings);
    trib_handle_leave(h);
    store_test_wait_init(&w);
    assert_int_equal(trib_gate_wait(db, trib_handle_ticket(h), &w.gate), TRIB_AGAIN);
    trib_store_run_pending(f->store);
    assert_int_equal(w.code, TRIB_OK);
    trib_handle_give(h);
    trib_db_unref(db);
}

static void commit_by_reset_is_seen_by_the_gate(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *h = take(db);
    enter(f, h);
    assert_int_equal(exec(h, "CREATE TABLE t(x)", true), TRIB_OK);
    trib_store_run_pending(f->store);
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(h->sqlite, "INSERT INTO t VALUES (1),(2) RETURNING x", -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(trib_handle_before_step(h, true, NULL), TRIB_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    trib_handle_after_step(h, SQLITE_ROW);
    assert_true(h->has_turn);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK); /* commits */
    trib_handle_after_step(h, SQLITE_OK);
    assert_false(h->has_turn);
    store_test_wait w;
    store_test_wait_init(&w);
    assert_int_equal(trib_gate_wait(db, trib_handle_ticket(h), &w.gate), TRIB_AGAIN);
    trib_handle_leave(h);
    trib_store_run_pending(f->store);
    assert_int_equal(w.code, TRIB_OK);
    assert_int_equal(f->commits_heard, 2);
    trib_handle_give(h);
    trib_db_unref(db);
}

static void second_writer_waits_for_the_turn_in_order(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *h[3] = {take(db), take(db), take(db)};
    store_test_wait w[3];
    for (int i = 0; i < 3; i++) {
        store_test_wait_init(&w[i]);
        enter(f, h[i]);
    }
    assert_int_equal(exec(h[0], "CREATE TABLE t(x)", true), TRIB_OK);
    assert_int_equal(exec(h[0], "BEGIN IMMEDIATE", true), TRIB_OK);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(exec(h[i], "INSERT INTO t VALUES (1)", true), TRIB_AGAIN);
        assert_int_equal(trib_turn_wait(h[i], &w[i].turn, NULL), TRIB_AGAIN);
        trib_handle_leave(h[i]);
    }
    assert_int_equal(exec(h[0], "INSERT INTO t VALUES (1)", true), TRIB_OK);
    assert_int_equal(w[1].calls, 0);
    assert_int_equal(exec(h[0], "COMMIT", false), TRIB_OK);
    assert_int_equal(w[1].calls, 1);
    assert_int_equal(w[2].calls, 0);
    enter(f, h[1]);
    assert_int_equal(exec(h[1], "INSERT INTO t VALUES (1)", true), TRIB_OK);
    assert_int_equal(w[2].calls, 1);
    trib_handle_leave(h[1]);
    /* the third gives up without using its turn */
    trib_handle_give(h[2]);
    enter(f, h[1]);
    assert_int_equal(exec(h[1], "INSERT INTO t VALUES (1)", true), TRIB_OK);
    trib_handle_leave(h[1]);
    trib_handle_leave(h[0]);
    trib_handle_give(h[0]);
    trib_handle_give(h[1]);
    trib_db_unref(db);
}

static void cancelled_waiter_is_never_granted(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *a = take(db);
    trib_handle *b = take(db);
    store_test_wait w;
    store_test_wait_init(&w);
    enter(f, a);
    enter(f, b);
    assert_int_equal(exec(a, "BEGIN IMMEDIATE", true), TRIB_OK);
    assert_int_equal(exec(b, "BEGIN IMMEDIATE", true), TRIB_AGAIN);
    assert_int_equal(trib_turn_wait(b, &w.turn, NULL), TRIB_AGAIN);
    assert_true(trib_turn_cancel(b, &w.turn));
    assert_false(trib_turn_cancel(b, &w.turn));
    assert_int_equal(exec(a, "COMMIT", false), TRIB_OK);
    assert_int_equal(w.calls, 0);
    trib_handle_leave(a);
    trib_handle_leave(b);
    trib_handle_give(a);
    trib_handle_give(b);
    trib_db_unref(db);
}

static void overdue_transaction_loses_the_turn_when_somebody_waits(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *a = take(db);
    trib_handle *b = take(db);
    store_test_wait w;
    store_test_wait_init(&w);
    enter(f, a);
    assert_int_equal(exec(a, "CREATE TABLE t(x)", true), TRIB_OK);
    assert_int_equal(exec(a, "BEGIN IMMEDIATE", true), TRIB_OK);
    assert_int_equal(exec(a, "INSERT INTO t VALUES (1)", true), TRIB_OK);
    trib_handle_leave(a);
    f->env.offset_ns += (int64_t)TRIB_TXN_STEAL_MS_DEFAULT * 1000000;
    trib_store_tick(f->store); /* nobody waits: it may go on */
    enter(f, a);
    assert_false(trib_handle_autocommit(a));
    trib_handle_leave(a);
    enter(f, b);
    assert_int_equal(exec(b, "INSERT INTO t VALUES (2)", true), TRIB_AGAIN);
    assert_int_equal(trib_turn_wait(b, &w.turn, NULL), TRIB_AGAIN); /* the arriving waiter is the thief */
    assert_int_equal(w.calls, 1);
    assert_int_equal(exec(b, "INSERT INTO t VALUES (2)", true), TRIB_OK);
    assert_int_equal(number(b, "SELECT group_concat(x) FROM t"), 2);
    trib_handle_leave(b);
    trib_error err = {0};
    assert_int_equal(trib_handle_enter(a, TRIB_ACCESS_WRITE, &f->vars, &err), TRIB_TRANSACTION_TIMEOUT);
    enter(f, a); /* told once */
    assert_true(trib_handle_autocommit(a));
    trib_handle_leave(a);
    trib_handle_give(a);
    trib_handle_give(b);
    trib_db_unref(db);
}

static void old_read_transaction_is_ended(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *a = take(db);
    enter(f, a);
    assert_int_equal(exec(a, "CREATE TABLE t(x)", true), TRIB_OK);
    assert_int_equal(exec(a, "BEGIN", false), TRIB_OK);
    assert_int_equal(number(a, "SELECT count(*) FROM t"), 0);
    trib_handle_leave(a);
    f->env.offset_ns += (int64_t)(TRIB_READ_TXN_MAX_MS - 1) * 1000000;
    trib_store_tick(f->store);
    enter(f, a);
    trib_handle_leave(a);
    f->env.offset_ns += 2000000;
    trib_store_tick(f->store);
    trib_error err = {0};
    assert_int_equal(trib_handle_enter(a, TRIB_ACCESS_WRITE, &f->vars, &err), TRIB_SNAPSHOT_TOO_OLD);
    trib_handle_give(a);
    trib_db_unref(db);
}

static void copied_snapshot_lives_until_the_log_is_long(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *a = take(db);
    trib_error err = {0};
    enter(f, a);
    assert_int_equal(exec(a, "CREATE TABLE t(x)", true), TRIB_OK);
    assert_int_equal(exec(a, "BEGIN", false), TRIB_OK);
    trib_handle_set_copying(a);
    assert_int_equal(number(a, "SELECT count(*) FROM t"), 0);
    trib_handle_leave(a);
    f->env.offset_ns += (int64_t)TRIB_READ_TXN_MAX_MS * 10 * 1000000;
    trib_turn_end_old_reads(db);
    enter(f, a);
    trib_handle_leave(a);
    uint64_t bytes = atomic_load(&db->log.bytes);
    atomic_store(&db->log.bytes, TRIB_COPY_LOG_MAX_BYTES);
    trib_turn_end_old_reads(db);
    atomic_store(&db->log.bytes, bytes);
    assert_int_equal(trib_handle_enter(a, TRIB_ACCESS_WRITE, &f->vars, &err), TRIB_SNAPSHOT_TOO_OLD);
    trib_handle_give(a);
    trib_db_unref(db);
}

static void numbers_and_epoch_survive_restarts_and_checkpoints(void **state) {
    fixture *f = *state;
    uint64_t epoch = 0;
    uint64_t commits = 0;
    for (int round = 0; round < 6; round++) {
        trib_store_free(f->store);
        open_store(f, 40000);
        trib_db *db = get_db(f);
        trib_handle *h = take(db);
        trib_db_stats stats;
        trib_db_get_stats(db, &stats);
        if (commits) {
            assert_int_equal(stats.commit_no, commits);
            assert_true(stats.epoch == epoch);
        }
        for (int i = 0; i < 7 * round + 1; i++) {
            enter(f, h);
            assert_int_equal(exec(h, commits ? "INSERT INTO t VALUES (1)" : "CREATE TABLE t(x)", true), TRIB_OK);
            trib_handle_leave(h);
            commits++;
            trib_store_run_pending(f->store);
        }
        trib_db_get_stats(db, &stats);
        assert_int_equal(stats.commit_no, commits);
        epoch = stats.epoch;
        enter(f, h);
        assert_int_equal(number(h, "SELECT count(*) FROM t") + 1, commits);
        trib_handle_leave(h);
        trib_handle_give(h);
        trib_db_unref(db);
    }
    assert_int_equal(f->commits_heard, commits);
}

static void idle_database_is_closed_and_opens_again(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *h = take(db);
    enter(f, h);
    assert_int_equal(exec(h, "CREATE TABLE t(x)", true), TRIB_OK);
    trib_handle_leave(h);
    trib_handle_give(h);
    trib_store_run_pending(f->store);
    trib_store_tick(f->store);
    assert_int_equal(f->store->dbs.count, 1);
    trib_db_unref(db);
    f->env.offset_ns += (int64_t)(TRIB_DB_IDLE_CLOSE_MS + 1) * 1000000;
    trib_store_tick(f->store);
    assert_int_equal(f->store->dbs.count, 0);
    db = get_db(f);
    h = take(db);
    enter(f, h);
    assert_int_equal(number(h, "SELECT count(*) FROM t"), 0);
    assert_int_equal(exec(h, "INSERT INTO t VALUES (1)", true), TRIB_OK);
    trib_handle_leave(h);
    trib_handle_give(h);
    trib_db_unref(db);
}

/* Each has a commit that only its log holds; whoever opens one more than the budget closes the longest unused. */
static void databases_past_the_budget_are_closed_as_they_are(void **state) {
    fixture *f = *state;
    enum { BUDGET = 3, ALL = 8 };
    f->store->config.max_open_dbs = BUDGET;
    f->store->config.on_commit = NULL; /* the fixture's knows one database */
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < ALL; i++) {
            char id[TRIB_DB_ID_BYTES + 1];
            snprintf(id, sizeof id, "%032x", 0xab000 + i);
            trib_db *db = NULL;
            assert_int_equal(trib_store_db_get(f->store, trib_str_c(id), NULL, &db, NULL), TRIB_OK);
            trib_handle *h = take(db);
            enter(f, h);
            if (round == 0) assert_int_equal(exec(h, "CREATE TABLE t AS SELECT 5 AS x", true), TRIB_OK);
            assert_int_equal(number(h, "SELECT x FROM t"), 5);
            trib_handle_leave(h);
            trib_handle_give(h);
            trib_store_run_pending(f->store);
            trib_db_stats stats;
            trib_db_get_stats(db, &stats);
            assert_int_equal(stats.commit_no, 1);
            trib_db_unref(db);
            assert_in_range(f->store->dbs.count, 1, BUDGET);
        }
    }
    /* who is referenced stays */
    trib_db *held[ALL];
    for (int i = 0; i < ALL; i++) {
        char id[TRIB_DB_ID_BYTES + 1];
        snprintf(id, sizeof id, "%032x", 0xab000 + i);
        assert_int_equal(trib_store_db_get(f->store, trib_str_c(id), NULL, &held[i], NULL), TRIB_OK);
    }
    assert_int_equal(f->store->dbs.count, ALL);
    for (int i = 0; i < ALL; i++) trib_db_unref(held[i]);
}

/* The virtual clock stands while the ticks of one moment run. */
static void tick_after(fixture *f, int64_t ms) {
    f->env.offset_ns += ms * 1000000;
    for (int i = 0; i < 10; i++) trib_store_tick(f->store);
}

static void connections_stay_while_they_are_needed_and_go_when_not(void **state) {
    fixture *f = *state;
    enum { MANY = 20, FEW = 5 };
    trib_db *db = get_db(f);
    trib_handle *lent[MANY];
    for (int round = 0; round < 3; round++) { /* all are needed at once again and again */
        for (int i = 0; i < MANY; i++) lent[i] = take(db);
        for (int i = 0; i < MANY; i++) trib_handle_give(lent[i]);
        tick_after(f, TRIB_HANDLES_SPARE_MS);
        assert_int_equal(db->handle_count, MANY);
    }
    /* a few are still needed, once since the last look: the others go */
    for (int i = 0; i < FEW; i++) lent[i] = take(db);
    for (int i = 0; i < FEW; i++) trib_handle_give(lent[i]);
    tick_after(f, TRIB_HANDLES_SPARE_MS);
    assert_int_equal(db->handle_count, FEW + TRIB_HANDLES_IDLE_MAX);
    tick_after(f, TRIB_HANDLES_SPARE_MS);
    assert_int_equal(db->handle_count, TRIB_HANDLES_IDLE_MAX);
    tick_after(f, TRIB_HANDLES_SPARE_MS);
    assert_int_equal(db->handle_count, TRIB_HANDLES_IDLE_MAX);
    trib_db_unref(db);
}

static void log_is_reset_by_checkpoints(void **state) {
    fixture *f = *state;
    trib_store_free(f->store);
    open_store(f, 64 << 10);
    trib_db *db = get_db(f);
    trib_handle *h = take(db);
    enter(f, h);
    assert_int_equal(exec(h, "CREATE TABLE t(x)", true), TRIB_OK);
    uint64_t most = 0;
    for (int i = 0; i < 500; i++) {
        store_test_wait w;
        store_test_wait_init(&w);
        trib_code code = exec(h, "INSERT INTO t VALUES (randomblob(3000))", true);
        if (code == TRIB_AGAIN) { /* the checkpoint has the turn */
            code = trib_turn_wait(h, &w.turn, NULL);
            trib_store_run_pending(f->store);
            assert_int_equal(w.calls, 1);
            code = exec(h, "INSERT INTO t VALUES (randomblob(3000))", true);
        }
        assert_int_equal(code, TRIB_OK);
        if (i % 3 == 0) trib_store_run_pending(f->store);
        trib_db_stats stats;
        trib_db_get_stats(db, &stats);
        most = stats.log_bytes > most ? stats.log_bytes : most;
    }
    assert_in_range(most, 64 << 10, 200 << 10);
    trib_handle_leave(h);
    trib_handle_give(h);
    trib_db_unref(db);
}

static void damaged_file_is_quarantined_for_good(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *h = take(db);
    enter(f, h);
    assert_int_equal(exec(h, "CREATE TABLE t(x)", true), TRIB_OK);
    trib_handle_leave(h);
    trib_handle_give(h);
    trib_db_unref(db);
    trib_store_free(f->store);
    char path[600];
    snprintf(path, sizeof path, "%s/db/00/11/%s.db", f->folder, id_a);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fwrite("this is not a database at all", 1, 29, file);
    fclose(file);
    for (int i = 0; i < 2; i++) {
        open_store(f, 0);
        trib_error err = {0};
        trib_code code = trib_store_db_get(f->store, trib_str_c(id_a), NULL, &db, &err);
        assert_int_equal(code, TRIB_DATABASE_QUARANTINED);
        assert_true(file_exists(f, ".quarantine"));
        if (i == 0) trib_store_free(f->store);
    }
}

static void database_is_deleted_only_when_nobody_uses_it(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *h = take(db);
    enter(f, h);
    assert_int_equal(exec(h, "CREATE TABLE t(x)", true), TRIB_OK);
    trib_handle_leave(h);
    trib_store_run_pending(f->store);
    assert_int_equal(trib_store_db_delete(f->store, trib_str_c(id_a), NULL), TRIB_TRANSACTION_BUSY);
    trib_handle_give(h);
    trib_db_unref(db);
    assert_int_equal(trib_store_db_delete(f->store, trib_str_c(id_a), NULL), TRIB_OK);
    assert_false(file_exists(f, ".db"));
    assert_false(file_exists(f, ".db-wal"));
    db = get_db(f);
    h = take(db);
    enter(f, h);
    assert_int_equal(number(h, "SELECT count(*) FROM sqlite_schema"), 0);
    assert_int_equal(trib_gate_wait(db, trib_handle_ticket(h), NULL), TRIB_OK);
    trib_db_stats stats;
    trib_db_get_stats(db, &stats);
    assert_int_equal(stats.commit_no, 0);
    f->commits_heard = 0;
    assert_int_equal(exec(h, "CREATE TABLE t(x)", true), TRIB_OK); /* is commit 1 again */
    trib_store_run_pending(f->store);
    assert_int_equal(f->commits_heard, 1);
    trib_handle_leave(h);
    trib_handle_give(h);
    trib_db_unref(db);
}

static void second_store_on_the_same_folder_is_refused(void **state) {
    fixture *f = *state;
    trib_store_config config = {.data_dir = f->folder, .inline_sync = true};
    trib_store *other = NULL;
    assert_int_equal(trib_store_new(&config, &f->env.env, NULL, &other, NULL), TRIB_DATA_FOLDER_LOCKED);
}

static int found_modes;

static int look_at_mode(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)type, (void)ftw;
    mode_t want = S_ISDIR(st->st_mode) ? 0700 : 0600;
    if ((st->st_mode & 0777) != want) fail_msg("%s has the mode %o", path, (unsigned)(st->st_mode & 0777));
    found_modes++;
    return 0;
}

static void files_and_folders_are_for_their_owner_alone(void **state) {
    fixture *f = *state;
    static const char *const ids[] = {id_a, "control"};
    mode_t before = umask(0);
    trib_store_free(f->store);
    size_t len = strlen(f->folder);
    snprintf(f->folder + len, sizeof f->folder - len, "/made-by-us");
    open_store(f, 10000);
    for (int i = 0; i < 2; i++) {
        trib_db *db = NULL;
        f->commits_heard = 0;
        f->any_id = true;
        assert_int_equal(trib_store_db_get(f->store, trib_str_c(ids[i]), NULL, &db, NULL), TRIB_OK);
        trib_handle *h = take(db);
        enter(f, h);
        assert_int_equal(exec(h, "CREATE TABLE t(x)", true), TRIB_OK);
        trib_store_run_pending(f->store);
        assert_int_equal(exec(h, "INSERT INTO t VALUES (randomblob(20000))", true), TRIB_OK);
        trib_store_run_pending(f->store); /* a checkpoint, hence a map */
        assert_int_equal(exec(h, "INSERT INTO t VALUES (1)", true), TRIB_OK);
        trib_handle_leave(h);
        trib_handle_give(h);
        trib_store_run_pending(f->store);
        if (i == 0) trib_db_quarantine(db, TRIB_DAMAGE_MALFORMED, "a test");
        trib_db_unref(db);
    }
    assert_int_equal(nftw(f->folder, look_at_mode, 8, FTW_PHYS), 0);
    umask(before);
    assert_in_range(found_modes, 12, 20); /* 4 folders, the lock, 4 files of the tenant, 3 of the control database */
}

static void handle_that_is_never_given_back_does_not_hang_the_end(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *h = take(db);
    enter(f, h);
    assert_int_equal(exec(h, "CREATE TABLE t(x)", true), TRIB_OK);
    assert_int_equal(exec(h, "BEGIN IMMEDIATE", true), TRIB_OK); /* with the turn, too */
    trib_handle_leave(h);
    trib_store_free(f->store);
    open_store(f, 0);
    db = get_db(f);
    h = take(db);
    enter(f, h);
    assert_int_equal(number(h, "SELECT count(*) FROM t"), 0);
    trib_handle_leave(h);
    trib_handle_give(h);
    trib_db_unref(db);
}

/* The same with sync threads, which nobody runs by hand. */
static void handle_that_is_never_given_back_does_not_hang_sync_threads(void **state) {
    fixture *f = *state;
    trib_env_test env;
    trib_store_config config = {.data_dir = f->folder, .sync_threads = 2};
    trib_store *store = NULL;
    trib_db *db = NULL;
    trib_handle *h = NULL;
    trib_store_free(f->store);
    f->store = NULL;
    trib_env_test_init(&env, true, 9);
    assert_int_equal(trib_store_new(&config, &env.env, NULL, &store, NULL), TRIB_OK);
    assert_int_equal(trib_store_db_get(store, trib_str_c(id_a), NULL, &db, NULL), TRIB_OK);
    assert_int_equal(trib_handle_take(db, &h, NULL), TRIB_OK);
    enter(f, h);
    assert_int_equal(exec(h, "CREATE TABLE t(x)", true), TRIB_OK);
    trib_handle_leave(h);
    trib_store_free(store); /* takes TRIB_STOP_WAIT_MS */
    open_store(f, 0);
    assert_true(file_exists(f, ".db"));
}

static void tick_reaches_every_database(void **state) {
    enum { COUNT = 40 };
    fixture *f = *state;
    trib_db *dbs[COUNT];
    trib_handle *h[COUNT];
    f->any_id = true;
    for (int i = 0; i < COUNT; i++) {
        char id[TRIB_DB_ID_BYTES + 1];
        snprintf(id, sizeof id, "%032x", i * 7 + 1);
        assert_int_equal(trib_store_db_get(f->store, trib_str_c(id), NULL, &dbs[i], NULL), TRIB_OK);
        h[i] = take(dbs[i]);
        enter(f, h[i]);
        assert_int_equal(exec(h[i], "CREATE TABLE t(x)", true), TRIB_OK);
        assert_int_equal(exec(h[i], "BEGIN", false), TRIB_OK);
        assert_int_equal(number(h[i], "SELECT count(*) FROM t"), 0);
        trib_handle_leave(h[i]);
        f->commits_heard = 0;
        trib_store_run_pending(f->store);
    }
    f->env.offset_ns += (int64_t)TRIB_READ_TXN_MAX_MS * 1000000;
    trib_store_tick(f->store);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(trib_handle_enter(h[i], TRIB_ACCESS_WRITE, &f->vars, NULL), TRIB_SNAPSHOT_TOO_OLD);
        trib_handle_give(h[i]);
        trib_db_unref(dbs[i]);
    }
    f->env.offset_ns += (int64_t)(TRIB_DB_IDLE_CLOSE_MS + 1) * 1000000;
    for (int i = 0; i < COUNT; i++) trib_store_tick(f->store); /* a few are closed each time */
    assert_int_equal(f->store->dbs.count, 0);
}

static void paths_refuse_anything_but_ids(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "..",
                                      "control/..",
                                      "00112233445566778899aabbccddeef",
                                      "00112233445566778899AABBCCDDEEFF",
                                      "00112233445566778899aabbccddeeff0",
                                      "../../../../../../../../../../etc",
                                      "tenant"};
    trib_paths paths;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(trib_paths_make("/data", trib_str_c(bad[i]), &paths, NULL), TRIB_INTERNAL);
    assert_int_equal(trib_paths_make("/data", trib_str_c("control"), &paths, NULL), TRIB_OK);
    assert_string_equal(paths.wal, "/data/control.db-wal");
    assert_int_equal(trib_paths_make("/data", trib_str_c(id_a), &paths, NULL), TRIB_OK);
    assert_string_equal(paths.db, "/data/db/00/11/00112233445566778899aabbccddeeff.db");
}

/* Virtual tables prepare statements of their own on the connection, and finalize them when it disconnects them. */
static void statements_of_virtual_tables_are_left_to_them_when_a_connection_closes(void **state) {
    fixture *f = *state;
    trib_db *db = get_db(f);
    trib_handle *h = take(db);
    enter(f, h);
    assert_int_equal(exec(h, "CREATE VIRTUAL TABLE f USING fts5(x)", true), TRIB_OK);
    assert_int_equal(exec(h, "INSERT INTO f VALUES ('quick brown')", true), TRIB_OK);
    assert_int_equal(exec(h, "CREATE VIRTUAL TABLE r USING rtree(id, a, b)", true), TRIB_OK);
    assert_int_equal(exec(h, "INSERT INTO r VALUES (1, 2, 3)", true), TRIB_OK);
    assert_int_equal(number(h, "SELECT count(*) FROM f, r WHERE f MATCH 'brown' AND a >= 1"), 1);
    assert_non_null(sqlite3_next_stmt(h->sqlite, NULL)); /* else this shows nothing */
    trib_handle_leave(h);
    trib_handle_disconnect(h);
    assert_null(h->sqlite);
    trib_handle_give(h);
    trib_db_unref(db);
}

/* Page maps of databases past 64 MiB are longer than what SQLite's VFS writes in one call. */
static void files_of_any_size_are_replaced_and_read_back(void **state) {
    fixture *f = *state;
    static const size_t sizes[] = {2, 65536, 131072, 131136, (1 << 20) + 7};
    char path[600];
    snprintf(path, sizeof path, "%s/some.map", f->folder);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        trib_buf wanted, seen;
        trib_error err;
        bool found = false;
        trib_buf_init(&wanted, 4 << 20);
        trib_buf_init(&seen, 4 << 20);
        for (size_t n = 0; n < sizes[i]; n++) trib_buf_add_char(&wanted, (char)(n * 31 + n / 256));
        trib_code code = trib_file_replace(f->store->base, f->store->disk, path, trib_buf_str(&wanted), &err);
        if (code != TRIB_OK) fail_msg("%zu bytes: %s", sizes[i], err.message);
        assert_int_equal(trib_file_read(f->store->base, path, &seen, &found, NULL), TRIB_OK);
        assert_true(found && trib_str_eq(trib_buf_str(&seen), trib_buf_str(&wanted)));
        trib_buf_deinit(&wanted);
        trib_buf_deinit(&seen);
    }
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(never_written_database_reads_empty_and_makes_no_files),
        T(transaction_that_began_before_the_files_existed_can_write),
        T(answer_waits_at_the_gate_until_the_sync),
        T(relaxed_answers_do_not_wait_but_the_sync_follows),
        T(commit_by_reset_is_seen_by_the_gate),
        T(second_writer_waits_for_the_turn_in_order),
        T(cancelled_waiter_is_never_granted),
        T(overdue_transaction_loses_the_turn_when_somebody_waits),
        T(old_read_transaction_is_ended),
        T(copied_snapshot_lives_until_the_log_is_long),
        T(numbers_and_epoch_survive_restarts_and_checkpoints),
        T(idle_database_is_closed_and_opens_again),
        T(databases_past_the_budget_are_closed_as_they_are),
        T(connections_stay_while_they_are_needed_and_go_when_not),
        T(log_is_reset_by_checkpoints),
        T(damaged_file_is_quarantined_for_good),
        T(database_is_deleted_only_when_nobody_uses_it),
        T(files_and_folders_are_for_their_owner_alone),
        T(handle_that_is_never_given_back_does_not_hang_the_end),
        T(handle_that_is_never_given_back_does_not_hang_sync_threads),
        T(tick_reaches_every_database),
        T(second_store_on_the_same_folder_is_refused),
        T(files_of_any_size_are_replaced_and_read_back),
        T(statements_of_virtual_tables_are_left_to_them_when_a_connection_closes),
        cmocka_unit_test(paths_refuse_anything_but_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
